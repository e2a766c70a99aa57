//! Round-trip times in an HdrHistogram, in nanoseconds.
//!
//! Recording touches one counter and never allocates: all of them are there from the
//! start (1 ns to 1 h at three significant digits, about 270 KiB, of which only the
//! pages that are counted on are ever touched). Shorter and longer times are counted at
//! the nearest end. The counters lie as HdrHistogram has them, which is what they become
//! when somebody asks.
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

/// Values up to here have a counter each; above, each doubling has half as many.
const FINE: u64 = (2 * 10_u64.pow(SIGNIFICANT_DIGITS as u32)).next_power_of_two();
const FINE_BITS: u32 = FINE.trailing_zeros();
/// Counters in all.
const PLACES: usize = place_of(HIGHEST_NS) + 1;

/// A latency histogram: 1 ns to 1 h, three significant digits.
#[derive(Clone)]
pub struct Latency {
    counts: Box<[u64]>,
    /// Their sum.
    count: u64,
    /// The first and the last place that is counted on; no place where nothing is.
    from: usize,
    to: usize,
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
        Self { counts: vec![0; PLACES].into(), count: 0, from: PLACES, to: 0 }
    }

    /// Counts one round trip.
    pub fn record(&mut self, rtt_ns: u64) {
        self.record_many(rtt_ns, 1);
    }

    /// Counts `count` that took as long.
    pub fn record_many(&mut self, ns: u64, count: u64) {
        self.add(place_of(ns.clamp(LOWEST_NS, HIGHEST_NS)), count);
    }

    fn add(&mut self, place: usize, count: u64) {
        self.counts[place] = self.counts[place].saturating_add(count);
        self.count = self.count.saturating_add(count);
        self.from = self.from.min(place);
        self.to = self.to.max(place);
    }

    /// As a histogram of nanoseconds.
    #[must_use]
    pub fn histogram(&self) -> Histogram<u64> {
        let mut histogram = Histogram::new_with_bounds(LOWEST_NS, HIGHEST_NS, SIGNIFICANT_DIGITS)
            .expect("the bounds are constants that the histogram accepts");
        for (place, &count) in self.recorded() {
            histogram.saturating_record_n(start_of(place), count);
        }
        histogram
    }

    /// The shortest time; 0 where nothing was counted.
    #[must_use]
    pub fn min_ns(&self) -> u64 {
        if self.count == 0 { 0 } else { start_of(self.from) }
    }

    /// The longest time; 0 where nothing was counted.
    #[must_use]
    pub fn max_ns(&self) -> u64 {
        if self.count == 0 { 0 } else { end_of(self.to) }
    }

    /// The time within which this share came; 0 where nothing was counted.
    #[must_use]
    pub fn at_quantile_ns(&self, quantile: f64) -> u64 {
        self.at_quantiles_ns([quantile])[0]
    }

    /// The same of several, which ascend, in one pass.
    fn at_quantiles_ns<const N: usize>(&self, quantiles: [f64; N]) -> [u64; N] {
        let mut times = [0; N];
        let (mut met, mut at) = (0_u64, 0);
        for (place, count) in self.recorded() {
            met = met.saturating_add(*count);
            while let Some(quantile) = quantiles.get(at)
                && met >= ((quantile.clamp(0.0, 1.0) * self.count as f64).ceil() as u64).max(1)
            {
                times[at] = end_of(place);
                at += 1;
            }
        }
        times
    }

    /// The places that something was counted at.
    fn recorded(&self) -> impl Iterator<Item = (usize, &u64)> {
        let counts = self.counts.iter().enumerate().take(self.to + 1).skip(self.from);
        counts.filter(|(_, count)| **count > 0)
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        if self.count > 0 {
            self.counts[self.from..=self.to].fill(0);
        }
        (self.count, self.from, self.to) = (0, PLACES, 0);
    }

    /// Adds what another worker counted.
    pub fn merge(&mut self, other: &Self) {
        other.recorded().for_each(|(place, &count)| self.add(place, count));
    }

    /// How many round trips were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The percentiles, or `None` when nothing was counted.
    #[must_use]
    pub fn percentiles(&self) -> Option<Percentiles> {
        (self.count > 0).then(|| {
            let [p50, p90, p99, p999] =
                self.at_quantiles_ns([0.5, 0.9, 0.99, 0.999]).map(round_to_us);
            let (min, max) = (round_to_us(self.min_ns()), round_to_us(self.max_ns()));
            Percentiles { min, p50, p90, p99, p999, max }
        })
    }
}

/// Where a time is counted, from 1 ns on. As in HdrHistogram: the doublings above [`FINE`]
/// have half as many places each, twice as wide as those before.
const fn place_of(ns: u64) -> usize {
    let doubling = (ns | (FINE - 1)).ilog2() + 1 - FINE_BITS;
    ((doubling as usize) << (FINE_BITS - 1)) + (ns >> doubling) as usize
}

/// The shortest time that is counted at a place.
const fn start_of(place: usize) -> u64 {
    let doubling = (place >> (FINE_BITS - 1)).saturating_sub(1);
    ((place - (doubling << (FINE_BITS - 1))) as u64) << doubling
}

/// The longest one.
const fn end_of(place: usize) -> u64 {
    start_of(place + 1) - 1
}

impl fmt::Debug for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Latency({self})")
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
        if self.count == 0 {
            return f.write_str("no answers");
        }
        let at = |quantile: f64| self.at_quantile_ns(quantile);
        let rows = [
            ("min", self.min_ns()),
            ("p50", at(0.5)),
            ("p90", at(0.9)),
            ("p99", at(0.99)),
            ("p99.9", at(0.999)),
            ("max", self.max_ns()),
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
        /// Against the crate that counts one by one, on both sides of every doubling.
        #[test]
        fn it_becomes_the_histogram_that_would_have_counted_the_same(
            times_ns in prop::collection::vec((0_u32..42, 0_u64..9_000), 0..60),
        ) {
            let mut direct = Histogram::<u64>::new_with_bounds(1, HIGHEST_NS, 3)
                .expect("the bounds are right");
            let (mut latency, mut cleared) = (Latency::new(), Latency::new());
            for (shift, low) in times_ns {
                let ns = ((1_u64 << shift) + low).saturating_sub(4_500).clamp(1, HIGHEST_NS);
                direct.record(ns).expect("it is within the bounds");
                latency.record(ns);
                cleared.record(ns / 2);
            }
            prop_assert_eq!(&latency.histogram(), &direct);
            prop_assert_eq!(latency.count(), direct.len());
            let ends = (latency.min_ns(), latency.max_ns());
            prop_assert_eq!(ends, (direct.min(), direct.max()));
            let percentiles = latency.percentiles().map(|told| [told.p50, told.p90, told.p999]);
            let expected = [0.5, 0.9, 0.999].map(|q| round_to_us(direct.value_at_quantile(q)));
            prop_assert_eq!(percentiles, (!direct.is_empty()).then_some(expected));
            for quantile in [0.001, 0.3, 0.5, 0.9, 0.99, 0.999, 1.0] {
                let expected = direct.value_at_quantile(quantile);
                prop_assert_eq!(latency.at_quantile_ns(quantile), expected);
            }
            cleared.clear();
            cleared.merge(&latency);
            prop_assert_eq!(&cleared.histogram(), &direct);
        }

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
