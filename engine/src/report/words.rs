//! Numbers and times as people read them on a page.

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;

/// `1,234,567`.
pub(super) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 port`, `2 ports`.
pub(super) fn counted(value: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(value), if value == 1 { one } else { many })
}

/// `0.43 s`, `12.3 s`, `4 min 5 s`, `3 h 2 min`, `2 d 5 h`.
pub(super) fn seconds(value: f64) -> String {
    let whole = value.max(0.0).round() as u64;
    match whole {
        _ if !value.is_finite() => "?".to_owned(),
        0..10 => format!("{:.2} s", value.max(0.0)),
        10..100 => format!("{value:.1} s"),
        100..3600 => format!("{} min {} s", whole / 60, whole % 60),
        3600..172_800 => format!("{} h {} min", whole / 3600, whole / 60 % 60),
        _ => format!("{} d {} h", whole / 86_400, whole / 3600 % 24),
    }
}

/// `850 ns`, `51.4 us`, `12.3 ms`, `1.20 s`.
pub(super) fn nanoseconds(ns: u64) -> String {
    let value = ns as f64;
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => with_unit(value / 1e3, "µs"),
        1_000_000..1_000_000_000 => with_unit(value / 1e6, "ms"),
        _ => with_unit(value / 1e9, "s"),
    }
}

/// The same without zeros at the end, for an axis.
pub(super) fn brief_ns(ns: f64) -> String {
    match ns {
        _ if ns < 999.5 => format!("{} ns", trimmed(ns)),
        _ if ns < 999.5e3 => format!("{} µs", trimmed(ns / 1e3)),
        _ if ns < 999.5e6 => format!("{} ms", trimmed(ns / 1e6)),
        _ => format!("{} s", trimmed(ns / 1e9)),
    }
}

/// Three digits.
fn with_unit(value: f64, unit: &str) -> String {
    match value {
        _ if value >= 99.95 => format!("{value:.0} {unit}"),
        _ if value >= 9.995 => format!("{value:.1} {unit}"),
        _ => format!("{value:.2} {unit}"),
    }
}

/// `950`, `12.3 k`, `752 k`, `14.9 M`, for an axis.
pub(super) fn brief(value: f64) -> String {
    let (scaled, unit) = match value {
        _ if value < 999.5 => return trimmed(value),
        _ if value < 999.5e3 => (value / 1e3, "k"),
        _ if value < 999.5e6 => (value / 1e6, "M"),
        _ => (value / 1e9, "G"),
    };
    format!("{} {unit}", trimmed(scaled))
}

/// At most two places behind the point, none that is 0 at the end.
fn trimmed(value: f64) -> String {
    let text = if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") };
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// `2026-11-26 02:10:05 UTC`.
pub(super) fn moment(unix_us: u64) -> String {
    const SHAPE: &[BorrowedFormatItem<'_>] =
        time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
    i64::try_from(unix_us / 1_000_000)
        .ok()
        .and_then(|unix_s| OffsetDateTime::from_unix_timestamp(unix_s).ok())
        .and_then(|time| time.format(SHAPE).ok())
        .unwrap_or_else(|| "?".to_owned())
}

/// `2 of 3`, as a share: `66.7 %`.
pub(super) fn share(part: u64, whole: u64) -> String {
    match whole {
        0 => "-".to_owned(),
        _ => format!("{:.1} %", part as f64 * 100.0 / whole as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_are_written_as_people_read_them() {
        for (value, text) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567"), (12_345, "12,345")]
        {
            assert_eq!(count(value), text);
        }
        for (value, text) in [
            (0.434, "0.43 s"),
            (12.34, "12.3 s"),
            (245.0, "4 min 5 s"),
            (3600.0, "1 h 0 min"),
            (200_000.0, "2 d 7 h"),
            (f64::NAN, "?"),
        ] {
            assert_eq!(seconds(value), text);
        }
        for (value, text) in
            [(850, "850 ns"), (51_400, "51.4 µs"), (999_999, "1000 µs"), (1_200_000_000, "1.20 s")]
        {
            assert_eq!(nanoseconds(value), text);
        }
        for (value, text) in
            [(0.0, "0"), (0.5, "0.5"), (250.0, "250"), (12_300.0, "12.3 k"), (2e6, "2 M")]
        {
            assert_eq!(brief(value), text);
        }
        for (ns, text) in [(850.0, "850 ns"), (50e6, "50 ms"), (1500.0, "1.5 µs"), (2e9, "2 s")] {
            assert_eq!(brief_ns(ns), text);
        }
        assert_eq!(moment(1_700_000_000_000_000), "2023-11-14 22:13:20 UTC");
        assert_eq!(moment(u64::MAX), "?");
        assert_eq!((share(2, 3), share(1, 0)), ("66.7 %".to_owned(), "-".to_owned()));
    }
}
