//! What chance allows: bounds of a binomial count, by summing its probabilities.

/// The counts `low..=high` outside of which a binomial count of `trials` with
/// `chance` lies with a probability of at most `error` on each side.
pub(crate) fn binomial_bounds(trials: u64, chance: f64, error: f64) -> (u64, u64) {
    assert!(chance > 0.0 && chance < 1.0 && error > 0.0 && error < 0.5);
    // In logarithms: the probability of 0 underflows for many trials.
    let step = (chance / (1.0 - chance)).ln();
    let mut ln = trials as f64 * (-chance).ln_1p();
    let (mut below, mut low) = (0.0, None);
    for count in 0..=trials {
        below += ln.exp();
        if below > error && low.is_none() {
            low = Some(count);
        }
        if below >= 1.0 - error {
            return (low.unwrap_or(0), count);
        }
        ln += ((trials - count) as f64 / (count + 1) as f64).ln() + step;
    }
    (low.unwrap_or(0), trials)
}

#[test]
fn bounds_are_those_of_tables() {
    // Of 100 tosses of a coin 2.5 % lie below 40 and 2.5 % above 60.
    assert_eq!(binomial_bounds(100, 0.5, 0.025), (40, 60));
    // Poisson's limit: of a mean of 1, P(0) = 0.37 and P(more than 5) = 0.0006.
    assert_eq!(binomial_bounds(1_000_000, 1e-6, 0.001), (0, 5));
    // The normal's limit: 10,000 ± 4.75 × 95.
    let (low, high) = binomial_bounds(100_000, 0.1, 1e-6);
    assert!((9_540..9_560).contains(&low) && (10_440..10_460).contains(&high), "{low} {high}");
}
