//! Round-trip times in an HdrHistogram, in nanoseconds.
//!
//! Recording touches one counter and never allocates: the histogram has its
//! full range from the start (1 ns to 1 h at three significant digits, about
//! 270 KiB). Shorter and longer times are counted at the nearest end.
//!
//! * [`percentiles`]: as a table (`.hgrm`). [`interval_log`]: as a log (`.hlog`).
//! * [`groups`]: by port or network.

pub mod groups;
pub mod interval_log;
pub mod percentiles;

use std::fmt;

use hdrhistogram::Histogram;
use schemars::JsonSchema;
use serde::Serialize;

const LOWEST_NS: u64 = 1;
const HIGHEST_NS: u64 = 3_600_000_000_000;
const SIGNIFICANT_DIGITS: u8 = 3;

/// A latency histogram: 1 ns to 1 h, three significant digits.
#[derive(Clone, Debug)]
pub struct Latency {
    histogram: Histogram<u64>,
}

/// What people ask of a histogram, in whole microseconds, rounded to the nearest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Percentiles {
    /// The shortest.
    pub min: u64,
    /// Half are at most this long.
    pub p50: u64,
    /// 90 % are.
    pub p90: u64,
    /// 99 % are.
    pub p99: u64,
    /// 99.9 % are.
    pub p999: u64,
    /// The longest.
    pub max: u64,
}

impl Latency {
    /// Empty.
    #[must_use]
    pub fn new() -> Self {
        let histogram = Histogram::new_with_bounds(LOWEST_NS, HIGHEST_NS, SIGNIFICANT_DIGITS)
            .expect("the bounds are constants that the histogram accepts");
        Self { histogram }
    }

    /// Counts one round trip.
    pub fn record(&mut self, rtt_ns: u64) {
        self.histogram.saturating_record(rtt_ns.clamp(LOWEST_NS, HIGHEST_NS));
    }

    /// Counts `count` that took as long.
    pub fn record_many(&mut self, ns: u64, count: u64) {
        self.histogram.saturating_record_n(ns.clamp(LOWEST_NS, HIGHEST_NS), count);
    }

    /// The histogram itself, in nanoseconds.
    #[must_use]
    pub fn histogram(&self) -> &Histogram<u64> {
        &self.histogram
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.histogram.reset();
    }

    /// Adds what another worker counted.
    pub fn merge(&mut self, other: &Self) {
        self.histogram
            .add(&other.histogram)
            .expect("all latency histograms have the same bounds, so every value fits");
    }

    /// How many round trips were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The percentiles, or `None` when nothing was counted.
    #[must_use]
    pub fn percentiles(&self) -> Option<Percentiles> {
        if self.histogram.is_empty() {
            return None;
        }
        let at = |quantile: f64| round_to_us(self.histogram.value_at_quantile(quantile));
        Some(Percentiles {
            min: round_to_us(self.histogram.min()),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: round_to_us(self.histogram.max()),
        })
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self::new()
    }
}

/// One line for people: `min 41 us, p50 52 us, ... max 1.204 ms`.
impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.histogram.is_empty() {
            return f.write_str("no answers");
        }
        let at = |quantile: f64| self.histogram.value_at_quantile(quantile);
        let rows = [
            ("min", self.histogram.min()),
            ("p50", at(0.5)),
            ("p90", at(0.9)),
            ("p99", at(0.99)),
            ("p99.9", at(0.999)),
            ("max", self.histogram.max()),
        ];
        for (position, (name, ns)) in rows.into_iter().enumerate() {
            let comma = if position == 0 { "" } else { ", " };
            write!(f, "{comma}{name} {}", ReadableNs(ns))?;
        }
        Ok(())
    }
}

/// A time in the unit that people would choose.
struct ReadableNs(u64);

impl fmt::Display for ReadableNs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ns = self.0 as f64;
        match self.0 {
            0..1_000 => write!(f, "{} ns", self.0),
            1_000..1_000_000 => write!(f, "{:.1} us", ns / 1e3),
            1_000_000..1_000_000_000 => write!(f, "{:.2} ms", ns / 1e6),
            _ => write!(f, "{:.2} s", ns / 1e9),
        }
    }
}

fn round_to_us(ns: u64) -> u64 {
    (ns + 500) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_empty_histogram_has_no_percentiles() {
        assert_eq!(Latency::new().percentiles(), None);
        assert_eq!(Latency::new().to_string(), "no answers");
    }

    #[test]
    fn times_outside_the_range_are_counted_at_its_ends() {
        let mut latency = Latency::new();
        latency.record(0);
        latency.record(u64::MAX);
        assert_eq!(latency.count(), 2);
        let percentiles = latency.percentiles().expect("two were counted");
        assert_eq!(percentiles.min, 0);
        let hour_us = 3_600_000_000;
        assert!(percentiles.max.abs_diff(hour_us) < hour_us / 500);
    }

    #[test]
    fn the_summary_for_people_chooses_readable_units() {
        let mut latency = Latency::new();
        latency.record(900);
        latency.record(52_000);
        latency.record(1_500_000);
        let text = latency.to_string();
        assert!(text.starts_with("min 900 ns, p50 52."), "{text}");
        assert!(text.ends_with("max 1.50 ms"), "{text}");
    }

    proptest! {
        /// Against a sorted list: within the three digits promised.
        #[test]
        fn percentiles_agree_with_a_sorted_list(
            mut times_ns in prop::collection::vec(1_000_000_u64..10_000_000_000, 1..400),
            split in 0_usize..400,
        ) {
            let split = split.min(times_ns.len());
            let (mut one, mut two) = (Latency::new(), Latency::new());
            times_ns[..split].iter().for_each(|&ns| one.record(ns));
            times_ns[split..].iter().for_each(|&ns| two.record(ns));
            one.merge(&two);
            times_ns.sort_unstable();
            let found = one.percentiles().expect("at least one was counted");
            let rank = |q: f64| {
                let place = (q * times_ns.len() as f64).ceil().max(1.0) as usize;
                times_ns[place - 1]
            };
            let expected = [(found.min, rank(0.0)), (found.p50, rank(0.5)), (found.p90, rank(0.9)),
                (found.p99, rank(0.99)), (found.max, rank(1.0))];
            for (found_us, expected_ns) in expected {
                let found_ns = found_us * 1000;
                prop_assert!(found_ns.abs_diff(expected_ns) <= expected_ns / 500 + 500,
                    "{found_ns} against {expected_ns}");
            }
        }
    }
}
