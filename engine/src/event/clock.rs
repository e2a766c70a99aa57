//! Times for people and records: CLOCK_MONOTONIC turned into RFC 3339 in UTC.
//!
//! All times inside a scan are CLOCK_MONOTONIC. The offset to the calendar is
//! taken once, so that times in one log never run backwards, also when the
//! calendar is set during the scan; a long scan may then differ from the
//! calendar by what it was set by.

use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Length of `2026-11-23T04:43:32.123456Z`.
pub const RFC3339_LEN: usize = 27;

/// A calendar time as text, microseconds, UTC.
pub type Rfc3339 = [u8; RFC3339_LEN];

/// Turns CLOCK_MONOTONIC into calendar time by a fixed offset.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    offset_ns: i64,
}

impl Clock {
    /// Takes the offset now.
    #[must_use]
    pub fn start() -> Self {
        // The closest of a few readings: a preemption between the two clocks
        // would otherwise shift every time of the scan.
        let mut best = (u64::MAX, 0);
        for _ in 0..5 {
            let before = monotonic_ns();
            let calendar = nanoseconds(clock_gettime(ClockId::Realtime));
            let after = monotonic_ns();
            let spread = after - before;
            if spread < best.0 {
                best = (spread, calendar as i64 - (before + spread / 2) as i64);
            }
        }
        Self { offset_ns: best.1 }
    }

    /// A clock whose CLOCK_MONOTONIC 0 is `unix` after 1970 (tests and replays).
    #[must_use]
    pub fn with_origin(unix: Duration) -> Self {
        Self { offset_ns: i64::try_from(unix.as_nanos()).unwrap_or(i64::MAX) }
    }

    /// `at_ns` of CLOCK_MONOTONIC as RFC 3339.
    #[must_use]
    pub fn rfc3339(&self, at_ns: u64) -> Rfc3339 {
        format_rfc3339(self.unix_us(at_ns))
    }

    /// `at_ns` of CLOCK_MONOTONIC as microseconds since 1970.
    #[must_use]
    pub fn unix_us(&self, at_ns: u64) -> u64 {
        self.unix_ns(at_ns) / 1000
    }

    /// `at_ns` of CLOCK_MONOTONIC as nanoseconds since 1970.
    #[must_use]
    pub fn unix_ns(&self, at_ns: u64) -> u64 {
        let unix_ns = i64::try_from(at_ns).unwrap_or(i64::MAX).saturating_add(self.offset_ns);
        u64::try_from(unix_ns).unwrap_or(0)
    }

    /// Now as RFC 3339.
    #[must_use]
    pub fn now_rfc3339(&self) -> Rfc3339 {
        self.rfc3339(monotonic_ns())
    }
}

/// Nanoseconds of CLOCK_MONOTONIC.
#[must_use]
pub fn monotonic_ns() -> u64 {
    nanoseconds(clock_gettime(ClockId::Monotonic))
}

fn nanoseconds(time: Timespec) -> u64 {
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Reads what [`Clock::rfc3339`] writes, or any other RFC 3339: microseconds since 1970.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<u64> {
    use time::format_description::well_known::Rfc3339 as Format;
    let unix_ns = time::OffsetDateTime::parse(text, &Format).ok()?.unix_timestamp_nanos();
    u64::try_from(unix_ns / 1000).ok()
}

/// Microseconds since 1970 as RFC 3339. Calendar arithmetic on the proleptic Gregorian calendar in eras of 400
/// years that start in March, so that the leap day is the last of its year.
pub(super) fn format_rfc3339(unix_us: u64) -> Rfc3339 {
    let (seconds, micros) = (unix_us / 1_000_000, unix_us % 1_000_000);
    let (days, second_of_day) = (seconds / 86_400, seconds % 86_400);
    let days = days + 719_468; // from 0000-03-01
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);

    let mut text = *b"0000-00-00T00:00:00.000000Z";
    put_digits(&mut text[0..4], year);
    put_digits(&mut text[5..7], month);
    put_digits(&mut text[8..10], day);
    put_digits(&mut text[11..13], second_of_day / 3600);
    put_digits(&mut text[14..16], second_of_day / 60 % 60);
    put_digits(&mut text[17..19], second_of_day % 60);
    put_digits(&mut text[20..26], micros);
    text
}

fn put_digits(field: &mut [u8], mut value: u64) {
    for digit in field.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339 as Format;

    #[test]
    fn now_is_what_the_system_says() {
        let text = Clock::start().now_rfc3339();
        let ours = OffsetDateTime::parse(std::str::from_utf8(&text).unwrap(), &Format).unwrap();
        assert!((OffsetDateTime::now_utc() - ours).abs() < time::Duration::seconds(1));
    }

    proptest! {
        /// The oracle is the `time` crate; 253402300799 is the end of the year 9999.
        #[test]
        fn text_is_the_same_as_the_time_crates(
            seconds in 0_u64..=253_402_300_799, micros in 0_u64..1_000_000,
        ) {
            let text = format_rfc3339(seconds * 1_000_000 + micros);
            let text = std::str::from_utf8(&text).unwrap();
            let expected = OffsetDateTime::from_unix_timestamp(seconds as i64).unwrap()
                + time::Duration::microseconds(micros as i64);
            prop_assert_eq!(OffsetDateTime::parse(text, &Format).unwrap(), expected);
            prop_assert_eq!(parse_rfc3339(text), Some(seconds * 1_000_000 + micros));
        }
    }
}
