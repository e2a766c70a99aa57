//! What was sent and what came while hosts were asked: the two sides are counted in different
//! places and must be equal.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

/// What was sent and what came, by one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Books {
    /// Probes sent, repeated ones included.
    pub probes: u64,
    /// RSTs sent for what the answers had half opened, where the kernel sends none.
    pub rsts: u64,
    /// Packets that were let in, as the filter counts them (BPF map, socket statistics).
    pub rx_steered: u64,
    /// Of these, the first answers to probes.
    pub rx_valid: u64,
    /// Answers to what had been answered.
    pub rx_duplicate: u64,
    /// What was no answer.
    pub rx_invalid: u64,
    /// What found no room.
    pub ring_drops: u64,
    /// How long it took.
    #[serde(skip)]
    pub elapsed: Duration,
}

impl Books {
    /// Packets that nobody knows of: 0.
    #[must_use]
    pub fn unaccounted(&self) -> u64 {
        let known = self.rx_valid + self.rx_duplicate + self.rx_invalid + self.ring_drops;
        self.rx_steered.abs_diff(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn books_add_up_or_say_by_how_much_not() {
        let books = Books { rx_steered: 6, rx_valid: 2, rx_duplicate: 1, ..Books::default() };
        assert_eq!(books.unaccounted(), 3);
        let books = Books { rx_invalid: 1, ring_drops: 2, ..books };
        assert_eq!(books.unaccounted(), 0);
    }
}
