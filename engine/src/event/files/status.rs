//! `--status-file`: where the scan stands, once a second, in CSV with ZMap's columns.

use std::io::Write;

use super::Place;
use crate::event::clock::format_rfc3339;
use crate::event::output::Output;
use crate::scan::Progress;

/// Least time between two lines. Progress comes four times a second.
const INTERVAL_NS: u64 = 950_000_000;

const HEAD: &str = "real-time,time-elapsed,time-remaining,percent-complete,hit-rate,\
    sent-total,sent-last-one-sec,sent-avg-per-sec,\
    recv-success-total,recv-success-last-one-sec,recv-success-avg-per-sec,\
    recv-total,recv-total-last-one-sec,recv-total-avg-per-sec,\
    drop-total,drop-last-one-sec,drop-avg-per-sec";

/// The file.
pub(super) struct StatusFile {
    pub place: Place,
    pub output: Output,
    pub alarm_given: bool,
    started_ns: u64,
    last_ns: u64,
    /// Sent, successes, replies and drops at the last line.
    last: [u64; 4],
}

impl StatusFile {
    pub(super) fn new(place: Place, mut output: Output, now_ns: u64) -> Self {
        output.write_with(|out| {
            out.extend_from_slice(HEAD.as_bytes());
            out.push(b'\n');
        });
        output.flush();
        let (started_ns, last_ns) = (now_ns, now_ns);
        Self { place, output, alarm_given: false, started_ns, last_ns, last: [0; 4] }
    }

    /// Writes a line where one is due.
    pub(super) fn progress(&mut self, progress: &Progress, now_ns: u64, unix_us: u64) {
        if now_ns < self.last_ns + INTERVAL_NS {
            return;
        }
        let seconds = |from: u64| (now_ns.saturating_sub(from)) as f64 / 1e9;
        let (elapsed_s, since_s) = (seconds(self.started_ns), seconds(self.last_ns));
        let now = [progress.sent, progress.open, progress.replies, progress.drops];
        let last = std::mem::replace(&mut self.last, now);
        self.last_ns = now_ns;
        self.output.write_with(|out| {
            let ts = format_rfc3339(unix_us);
            out.extend_from_slice(&ts);
            write!(
                out,
                ",{elapsed_s:.0},{:.0},{:.2},{:.4}",
                progress.eta_s,
                progress.percent,
                100.0 * progress.open as f64 / (progress.sent as f64).max(1.0),
            )
            .expect("a Vec takes all bytes");
            for (total, before) in now.into_iter().zip(last) {
                write!(
                    out,
                    ",{total},{:.0},{:.0}",
                    total.wrapping_sub(before) as i64 as f64 / since_s,
                    total as f64 / elapsed_s
                )
                .expect("a Vec takes all bytes");
            }
            out.push(b'\n');
        });
        self.output.flush();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_line_a_second_tells_totals_and_rates() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("status");
        let output = Output::new(Box::new(std::fs::File::create(&path).unwrap()));
        let mut status = StatusFile::new(Place::Path(path.clone()), output, 0);
        for (quarter, sent) in [(1, 100), (2, 200), (3, 300), (4, 400), (8, 1000)] {
            let progress = Progress { sent, open: sent / 10, eta_s: 3.0, ..Progress::default() };
            status.progress(&progress, quarter * 250_000_000, 0);
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        let columns = lines[0].split(',').count();
        assert!(lines.iter().all(|line| line.split(',').count() == columns), "{text}");
        assert_eq!(
            lines[2],
            "1970-01-01T00:00:00.000000Z,2,3,0.00,10.0000,1000,600,500,100,60,50,0,0,0,0,0,0"
        );
    }
}
