//! What the lines of a log say of its scan, taken one after the other: the judge of how
//! far a log can be trusted.

use std::ops::Range;

use super::super::clock::parse_rfc3339;
use super::super::log::Chain;
use super::Begun;
use super::line::{Line, parse};

/// Everything that was taken so far.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// How the scan was begun; there from the first line on.
    pub begun: Option<Begun>,
    /// The checksum so far; `None` in a log without.
    pub chain: Option<Chain>,
    /// The scan has come to its end.
    pub finished: bool,
    /// When it was started, microseconds since 1970.
    pub started_unix_us: u64,
    /// When its last run ended, and how long that took; zeros where it did not.
    pub ended: (u64, f64),
    /// What the newest checkpoint says to be finished: it covers those before.
    pub checkpoint: Vec<Range<u64>>,
}

impl Account {
    /// Takes the next line, without its newline. `opens`: it is the first of the log's
    /// file of this number. False where it is not what was written there, or no record
    /// that can stand there: nothing from there on is to be believed.
    pub(super) fn take(&mut self, bytes: &[u8], opens: Option<u64>) -> bool {
        let Some(line) = parse(bytes) else { return false };
        if self.begun.is_none() {
            return self.begin(bytes, &line, opens);
        }
        let sum_is_right = match &mut self.chain {
            Some(chain) => chain.accept(bytes),
            // Then the first line lost its own by damage.
            None => !Chain::is_sealed(bytes),
        };
        if !sum_is_right {
            return false;
        }
        let is_part = &*line.kind == "log_part";
        if is_part || opens.is_some_and(|number| number > 1) {
            return is_part && line.part == opens;
        }
        match &*line.kind {
            "checkpoint" => match line.checkpoint() {
                Some(ranges) => self.checkpoint = ranges,
                None => return false,
            },
            "scan_finished" => {
                self.finished = line.stopped == Some(false);
                self.ended = (unix_us(&line), line.elapsed_s.unwrap_or(0.0));
            }
            _ => self.finished = false,
        }
        true
    }

    fn begin(&mut self, bytes: &[u8], line: &Line<'_>, opens: Option<u64>) -> bool {
        let mut chain = Chain::is_sealed(bytes).then(Chain::default);
        if opens != Some(1)
            || &*line.kind != "scan_started"
            || chain.as_mut().is_some_and(|chain| !chain.accept(bytes))
        {
            return false;
        }
        self.begun = line.begun();
        self.chain = chain;
        self.started_unix_us = unix_us(line);
        self.begun.is_some()
    }
}

fn unix_us(line: &Line<'_>) -> u64 {
    line.ts.as_deref().and_then(parse_rfc3339).unwrap_or(0)
}
