//! A scan as its log tells it: its runs, its ledger, how it went.

use super::record::{Begun, Finished, Ledger, Stages};
use super::series::{Counts, Series};

/// Runs of one scan that are kept; more are counted.
pub(super) const RUNS: usize = 64;

/// One log.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Name of its file.
    pub name: String,
    /// Its runs: the first, and those that were resumed.
    pub runs: Vec<Run>,
    /// Runs beyond [`RUNS`].
    pub runs_left_out: u64,
    pub series: Series,
    /// Times of its first and last record, microseconds since 1970.
    pub span_us: Option<(u64, u64)>,
    pub records: u64,
    pub results: u64,
    /// Lines that are no records.
    pub strange_lines: u64,
    /// What could not be read, at its end.
    pub torn: Option<String>,
}

/// From `scan_started` or `scan_resumed` to the end of the process.
#[derive(Debug, Default)]
pub(super) struct Run {
    /// Microseconds since 1970.
    pub begun_us: u64,
    pub resumed: bool,
    pub begun: Begun,
    pub ledger: Option<Ledger>,
    pub stages: Option<Stages>,
    /// `None`: it was killed.
    pub finished: Option<Finished>,
}

impl Scan {
    pub(super) fn named(name: String) -> Self {
        Self { name, ..Self::default() }
    }

    /// Takes notice of a record.
    pub(super) fn record(&mut self, at_us: Option<u64>) {
        self.records += 1;
        if let Some(at) = at_us {
            let (from, to) = self.span_us.get_or_insert((at, at));
            (*from, *to) = ((*from).min(at), (*to).max(at));
        }
    }

    pub(super) fn begin(&mut self, begun: Begun, resumed: bool, at_us: u64) {
        self.series.run_begins(at_us);
        if self.runs.len() == RUNS {
            // The last one is always kept: it tells how the scan ended.
            self.runs.pop();
            self.runs_left_out += 1;
        }
        self.runs.push(Run { begun_us: at_us, resumed, begun, ..Run::default() });
    }

    pub(super) fn progress(&mut self, counts: Counts) {
        self.series.add(counts);
    }

    pub(super) fn ledger(&mut self, ledger: Ledger, at_us: u64) {
        self.series.add(Counts {
            at_us,
            sent: ledger.total("submitted").saturating_sub(ledger.total("tx_again")),
            replies: ledger.total("rx_valid") + ledger.total("rx_duplicate"),
            drops: ledger.total("ring_drops")
                + ledger.total("tx_failed").saturating_sub(ledger.total("tx_again")),
        });
        self.run().ledger = Some(ledger);
    }

    pub(super) fn stages(&mut self, stages: Stages) {
        self.run().stages = Some(stages);
    }

    pub(super) fn finish(&mut self, finished: Finished) {
        self.run().finished = Some(finished);
    }

    /// The run that is going on; a part of a log may begin in its middle.
    fn run(&mut self) -> &mut Run {
        if self.runs.is_empty() {
            self.runs.push(Run::default());
        }
        self.runs.last_mut().expect("there is one now")
    }

    /// How its last run ended.
    pub(super) fn ended(&self) -> Option<&Finished> {
        self.runs.last().and_then(|run| run.finished.as_ref())
    }

    /// In a word.
    pub(super) fn outcome(&self) -> &'static str {
        match self.ended() {
            None => "no end in this log: killed, or still running",
            Some(finished) if finished.stopped => "stopped before the end",
            Some(_) => "done",
        }
    }

    /// The sum of a total over the ledgers of its runs.
    pub(super) fn total(&self, name: &str) -> u64 {
        self.runs.iter().filter_map(|run| run.ledger.as_ref()).map(|l| l.total(name)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_ends_as_its_last_run_does() {
        let mut scan = Scan::named("log".into());
        scan.begin(Begun::default(), false, 10);
        assert!(scan.outcome().starts_with("no end"));
        scan.finish(Finished { stopped: true, ..Finished::default() });
        assert_eq!(scan.outcome(), "stopped before the end");
        for at in 1..200 {
            scan.begin(Begun::default(), true, 10 + at);
        }
        scan.finish(Finished { open: 7, ..Finished::default() });
        assert_eq!((scan.runs.len(), scan.runs_left_out), (RUNS, 200 - RUNS as u64));
        assert_eq!(scan.outcome(), "done");
        assert_eq!(scan.runs.last().map(|run| run.begun_us), Some(209));
    }

    #[test]
    fn a_part_of_a_log_without_its_beginning_is_taken_too() {
        let mut scan = Scan::named("log.1".into());
        scan.finish(Finished::default());
        assert_eq!(scan.runs.len(), 1);
    }
}
