//! Where the scan stands, on standard error: one live line on a terminal, else
//! one line every ten seconds.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use prtip_engine::scan::Progress;

use crate::say::say;

const LINE_INTERVAL: Duration = Duration::from_secs(10);
/// Redraws a second on a terminal.
const REDRAWS: u8 = 5;

/// Shows progress.
pub(crate) enum Display {
    /// A live line.
    Live(ProgressBar),
    /// Lines now and then.
    Lines {
        /// When the last one was written.
        last: Instant,
    },
}

impl Display {
    /// Chooses by what standard error is.
    pub(crate) fn start() -> Self {
        if !stderr().is_terminal() {
            return Self::Lines { last: Instant::now() };
        }
        let target = ProgressDrawTarget::stderr_with_hz(REDRAWS);
        let bar = ProgressBar::with_draw_target(Some(1000), target);
        let style = ProgressStyle::with_template("{wide_msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        Self::Live(bar)
    }

    /// Shows that the scan has ended and services are still asked.
    pub(crate) fn services(&mut self, left: u64) {
        self.left(&format!("{left} services left to ask"));
    }

    /// Shows that the scan has ended and hosts are still asked for their systems.
    pub(crate) fn systems(&mut self, left: usize) {
        self.left(&format!("{left} hosts left to ask for their systems"));
    }

    fn left(&mut self, what: &str) {
        let said = format!("the scan is over; {what}");
        match self {
            Self::Live(bar) => bar.set_message(said),
            Self::Lines { last } if last.elapsed() >= LINE_INTERVAL => {
                *last = Instant::now();
                say(format_args!("prtip: {said}"));
            }
            Self::Lines { .. } => {}
        }
    }

    /// Shows where the scan stands; `services`: how many are left to ask.
    pub(crate) fn show(&mut self, progress: &Progress, services: Option<u64>) {
        let services = services.map(|left| format!("  {left} services to ask")).unwrap_or_default();
        match self {
            Self::Live(bar) => {
                bar.set_position((progress.percent * 10.0) as u64);
                bar.set_message(describe_briefly(progress) + &services);
            }
            Self::Lines { last } if last.elapsed() >= LINE_INTERVAL => {
                *last = Instant::now();
                say(format_args!("prtip: {}{services}", describe(progress)));
            }
            Self::Lines { .. } => {}
        }
    }

    /// Runs `write`, which may write to the same terminal.
    pub(crate) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        match self {
            Self::Live(bar) => bar.suspend(write),
            Self::Lines { .. } => write(),
        }
    }

    /// Takes the live line away.
    pub(crate) fn end(&self) {
        if let Self::Live(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn describe(progress: &Progress) -> String {
    format!(
        "{:.1}%  {} sent, {}/s now{}, {}/s on average  {} replies, {} open, {} drops  {} left",
        progress.percent,
        progress.sent,
        short_count(progress.pps),
        progress.aim.map(|aim| format!(" (auto: {}/s)", short_count(aim))).unwrap_or_default(),
        short_count(progress.pps_average),
        progress.replies,
        progress.open,
        progress.drops,
        readable_seconds(progress.eta_s),
    )
}

/// The same in 80 columns; of a narrower terminal the end is cut off.
fn describe_briefly(progress: &Progress) -> String {
    format!(
        "{:.1}% {} left, {}/s avg {}, {} open {} sent {} replies {} drops",
        progress.percent,
        readable_seconds(progress.eta_s),
        brief_count(progress.pps),
        brief_count(progress.pps_average),
        brief_count(progress.open as f64),
        brief_count(progress.sent as f64),
        brief_count(progress.replies as f64),
        brief_count(progress.drops as f64),
    )
}

/// At most five characters up to 10^12: `950`, `12.3k`, `752k`, `14.9M`.
fn brief_count(value: f64) -> String {
    let (scaled, unit) = match value {
        _ if !value.is_finite() => return "?".into(),
        _ if value < 999.5 => return format!("{value:.0}"),
        _ if value < 999.5e3 => (value / 1e3, "k"),
        _ if value < 999.5e6 => (value / 1e6, "M"),
        _ => (value / 1e9, "G"),
    };
    if scaled < 99.95 { format!("{scaled:.1}{unit}") } else { format!("{scaled:.0}{unit}") }
}

/// `950`, `12.3 k`, `14.88 M`.
pub(crate) fn short_count(value: f64) -> String {
    match value {
        _ if !value.is_finite() => "?".into(),
        _ if value < 10_000.0 => format!("{value:.0}"),
        _ if value < 1e6 => format!("{:.1} k", value / 1e3),
        _ => format!("{:.2} M", value / 1e6),
    }
}

/// `5 s`, `2:05`, `3:02:05`, `12 d 3 h`.
pub(crate) fn readable_seconds(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "?".into();
    }
    let whole = seconds.round() as u64;
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60);
    match whole {
        0..100 => format!("{whole} s"),
        100..3600 => format!("{minutes}:{rest:02}"),
        3600..172_800 => format!("{hours}:{minutes:02}:{rest:02}"),
        _ => format!("{} d {} h", hours / 24, hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_people_read_them() {
        for (seconds, text) in [
            (0.4, "0 s"),
            (99.4, "99 s"),
            (99.6, "1:40"),
            (3599.0, "59:59"),
            (3600.0, "1:00:00"),
            (200_000.0, "2 d 7 h"),
            (f64::NAN, "?"),
            (f64::INFINITY, "?"),
        ] {
            assert_eq!(readable_seconds(seconds), text);
        }
    }

    #[test]
    fn the_live_line_of_a_large_scan_fits_a_terminal() {
        let progress = Progress {
            sent: 751_718,
            replies: 217_347,
            open: 48_989,
            percent: 36.9,
            eta_s: 17.2,
            pps: 34_300.0,
            pps_average: 74_300.0,
            ..Progress::default()
        };
        let line = describe_briefly(&progress);
        assert!(line.starts_with("36.9% 17 s left, 34.3k/s avg 74.3k, 49.0k open "), "{line}");
        assert!(line.ends_with(" 752k sent 217k replies 0 drops"), "{line}");
        assert!(line.len() <= 80, "{} columns: {line}", line.len());
    }

    #[test]
    fn brief_counts_have_at_most_five_characters() {
        for (count, text) in [
            (0.0, "0"),
            (999.4, "999"),
            (999.6, "1.0k"),
            (99_960.0, "100k"),
            (999_600.0, "1.0M"),
            (14.88e6, "14.9M"),
            (4.3e9, "4.3G"),
            (f64::NAN, "?"),
        ] {
            assert_eq!(brief_count(count), text);
        }
    }

    #[test]
    fn counts_are_shortened() {
        for (count, text) in
            [(0.0, "0"), (9_999.0, "9999"), (12_345.0, "12.3 k"), (14.88e6, "14.88 M")]
        {
            assert_eq!(short_count(count), text);
        }
    }
}
