//! Paired comparisons: A B A B…, the median of the paired ratios and its 95 %
//! interval. Interleaving cancels what the machine does to both; the interval
//! comes from order statistics and assumes no distribution.

use serde::Serialize;

/// Pairs that a comparison is made of unless asked otherwise.
pub const PAIRS: usize = 21;
/// Fewest pairs that have a 95 % interval.
pub const FEWEST_PAIRS: usize = 6;

/// What a comparison of pairs says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Median of the measured side.
    pub value: f64,
    /// Median of the other side.
    pub vs_value: f64,
    /// Median of the paired ratios, measured side over the other.
    pub ratio: f64,
    /// Lower end of its 95 % interval.
    pub ratio_low: f64,
    /// Upper end.
    pub ratio_high: f64,
    /// Number of pairs.
    pub pairs: usize,
}

impl Comparison {
    /// Compares `pairs` of (measured, other).
    ///
    /// # Panics
    /// With fewer than [`FEWEST_PAIRS`].
    #[must_use]
    pub fn of(pairs: &[(f64, f64)]) -> Self {
        let ratios = sorted(pairs.iter().map(|(ours, theirs)| ours / theirs));
        let reach = interval_rank(ratios.len());
        Self {
            value: median(&sorted(pairs.iter().map(|(ours, _)| *ours))),
            vs_value: median(&sorted(pairs.iter().map(|(_, theirs)| *theirs))),
            ratio: median(&ratios),
            ratio_low: ratios[reach],
            ratio_high: ratios[ratios.len() - 1 - reach],
            pairs: pairs.len(),
        }
    }
}

/// Measures A B A B…: `pairs` times `ours`, then `theirs`.
///
/// # Errors
/// The first error of either.
pub fn interleave<E>(
    pairs: usize,
    mut sample: impl FnMut(Side) -> Result<f64, E>,
) -> Result<Vec<(f64, f64)>, E> {
    (0..pairs).map(|_| Ok((sample(Side::Ours)?, sample(Side::Theirs)?))).collect()
}

/// Which of the two is to be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What is measured.
    Ours,
    /// What it is compared with.
    Theirs,
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

/// The median of sorted values.
fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
}

/// The rank r (from 0) for which [x_r, x_(n-1-r)] covers the median with at least 95 %:
/// the largest r with 2 P(Binomial(n, 1/2) <= r) <= 5 % for r - 1.
fn interval_rank(n: usize) -> usize {
    assert!(n >= FEWEST_PAIRS, "a 95 % interval of the median needs six pairs");
    let mut probability = 0.5_f64.powi(n as i32);
    let mut below = probability;
    let mut rank = 0;
    while 2.0 * below <= 0.05 {
        rank += 1;
        probability *= (n - rank + 1) as f64 / rank as f64;
        below += probability;
    }
    rank - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_those_of_the_sign_test_tables() {
        // Two-sided 5 % critical values of the sign test: the interval is [x_(k+1), x_(n-k)], 1-based.
        for (n, critical) in [(6, 0), (9, 1), (12, 2), (15, 3), (21, 5), (25, 7), (31, 9)] {
            assert_eq!(interval_rank(n), critical, "n = {n}");
        }
    }

    #[test]
    fn the_ratio_is_the_median_of_ratios_not_of_values() {
        let pairs = [(1.0, 2.0), (10.0, 10.0), (9.0, 3.0), (4.0, 4.0), (8.0, 8.0), (2.0, 1.0)];
        let compared = Comparison::of(&pairs);
        assert!((compared.ratio - 1.0).abs() < 1e-9);
        assert!((compared.value - 6.0).abs() < 1e-9 && (compared.vs_value - 3.5).abs() < 1e-9);
        // Six pairs: the interval is all of them.
        assert!((compared.ratio_low - 0.5).abs() < 1e-9);
        assert!((compared.ratio_high - 3.0).abs() < 1e-9);
    }

    #[test]
    fn samples_alternate() {
        let mut order = Vec::new();
        let pairs = interleave(2, |side| {
            order.push(side);
            Ok::<_, ()>(order.len() as f64)
        });
        assert_eq!(order, [Side::Ours, Side::Theirs, Side::Ours, Side::Theirs]);
        assert_eq!(pairs, Ok(vec![(1.0, 2.0), (3.0, 4.0)]));
    }

    #[test]
    fn the_interval_covers_the_median_nineteen_times_in_twenty() {
        // Ratios drawn from a known distribution whose median is 1 (a fixed seed).
        let mut state = 7_u64;
        let mut draw = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / (1_u64 << 31) as f64
        };
        let covered = (0..2000)
            .filter(|_| {
                let pairs: Vec<(f64, f64)> = (0..PAIRS).map(|_| (0.5 + draw(), 1.0)).collect();
                let compared = Comparison::of(&pairs);
                compared.ratio_low <= 1.0 && 1.0 <= compared.ratio_high
            })
            .count();
        // 97.3 % expected at 21 pairs: at least 95 %, and the interval is not everything.
        assert!((1900..1990).contains(&covered), "{covered} of 2000");
    }
}
