//! One fingerprint against one system, test by test: the published rule, written down
//! plainly. [`matcher`](super::matcher) does the same for all systems at once.
//!
//! A test counts where both have it, for as many points as the database gives it; it is
//! won where the system's expression means the host's value. Accuracy is the points won
//! over the points that counted.

use super::database::{Database, System};
use super::expression::matches;
use super::fingerprint::Fingerprint;
use super::notation::Test;

/// How well a fingerprint agrees with a system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// Points of the tests that agree.
    pub won: u32,
    /// Points of the tests that both have.
    pub possible: u32,
}

impl Score {
    /// Points won over points possible; 0 where nothing could be compared.
    #[must_use]
    pub fn accuracy(self) -> f64 {
        if self.possible == 0 { 0.0 } else { f64::from(self.won) / f64::from(self.possible) }
    }

    /// In hundredths of a percent, rounded down: 10,000 is a perfect match and nothing else.
    #[must_use]
    pub fn hundredths(self) -> u32 {
        (u64::from(self.won) * 10_000).checked_div(u64::from(self.possible)).unwrap_or(0) as u32
    }

    /// Whether all that could be compared agrees.
    #[must_use]
    pub fn is_perfect(self) -> bool {
        self.possible > 0 && self.won == self.possible
    }
}

/// Compares, and tells each test that does not agree.
pub fn compare(
    database: &Database,
    system: &System,
    fingerprint: &Fingerprint,
    mut differs: impl FnMut(Test),
) -> Score {
    let mut score = Score::default();
    for (test, expression) in database.expressions(system) {
        let points = u32::from(database.points(test));
        let Some(value) = fingerprint.get(test).filter(|_| points > 0) else { continue };
        score.possible += points;
        if matches(expression, value) {
            score.won += points;
        } else {
            differs(test);
        }
    }
    score
}
