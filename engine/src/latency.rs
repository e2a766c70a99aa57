//! Round-trip times in an HdrHistogram, in nanoseconds.

/// A latency histogram: 1 ns to 1 h, three significant digits.
#[derive(Clone, Debug)]
pub struct Latency {}

impl Latency {
    /// Empty.
    #[must_use]
    pub fn new() -> Self {
        unimplemented!()
    }

    /// Counts one round trip.
    pub fn record(&mut self, rtt_ns: u64) {
        let _ = rtt_ns;
        unimplemented!()
    }

    /// Adds what another worker counted.
    pub fn merge(&mut self, other: &Self) {
        let _ = other;
        unimplemented!()
    }
}
