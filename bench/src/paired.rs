//! Paired comparisons: A B A B…, the median of the paired ratios and its 95 %
//! interval. Interleaving cancels what the machine does to both; the interval
//! comes from order statistics and assumes no distribution.

use serde::Serialize;

/// Fewest pairs that a comparison is made of.
pub const PAIRS: usize = 21;

/// One row of a benchmark's table.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The benchmark: `tx`, `roundtrip`.
    pub bench: &'static str,
    /// What was measured.
    pub row: String,
    /// Median of the measured side.
    pub value: f64,
    /// Unit of `value`.
    pub unit: &'static str,
    /// What it was compared with.
    pub vs: String,
    /// Median of the paired ratios, measured side over the other.
    pub ratio: f64,
    /// Lower end of its 95 % interval.
    pub ratio_low: f64,
    /// Upper end.
    pub ratio_high: f64,
    /// Number of pairs.
    pub pairs: usize,
}

impl Row {
    /// Compares `pairs` of (measured, other).
    ///
    /// # Panics
    /// Without at least six pairs there is no 95 % interval.
    #[must_use]
    pub fn compare(
        bench: &'static str,
        row: impl Into<String>,
        unit: &'static str,
        vs: impl Into<String>,
        pairs: &[(f64, f64)],
    ) -> Self {
        let mut ratios: Vec<f64> = pairs.iter().map(|(ours, theirs)| ours / theirs).collect();
        ratios.sort_by(f64::total_cmp);
        let mut values: Vec<f64> = pairs.iter().map(|(ours, _)| *ours).collect();
        values.sort_by(f64::total_cmp);
        let reach = interval_rank(ratios.len());
        Self {
            bench,
            row: row.into(),
            value: median(&values),
            unit,
            vs: vs.into(),
            ratio: median(&ratios),
            ratio_low: ratios[reach],
            ratio_high: ratios[ratios.len() - 1 - reach],
            pairs: pairs.len(),
        }
    }

    /// The row for people.
    #[must_use]
    pub fn text(&self) -> String {
        format!(
            "{:<10} {:<44} {:>12.0} {:<18} {:>6.3} x {} [{:.3}, {:.3}; {} pairs]",
            self.bench,
            self.row,
            self.value,
            self.unit,
            self.ratio,
            self.vs,
            self.ratio_low,
            self.ratio_high,
            self.pairs
        )
    }
}

/// The median of sorted values.
fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
}

/// The rank r (from 0) for which [x_r, x_(n-1-r)] covers the median with at least 95 %:
/// the largest r with 2 P(Binomial(n, 1/2) <= r) <= 5 % for r - 1.
fn interval_rank(n: usize) -> usize {
    assert!(n >= 6, "a 95 % interval of the median needs six pairs");
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
        let row = Row::compare("tx", "x", "1/s", "y", &pairs);
        assert!((row.ratio - 1.0).abs() < 1e-9);
        assert!(row.ratio_low <= row.ratio && row.ratio <= row.ratio_high);
    }
}
