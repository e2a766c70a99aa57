//! Decides which record goes where: a table or JSON lines on standard output,
//! and the event log.
//!
//! `--show` filters `port` records for all of them. A record that corrects one
//! that was shown is always shown too, marked `revised`, or the earlier one
//! would stand wrong for ever. Sinks never fail towards the scan: errors are
//! kept for [`Sinks::finish`], and a closed pipe is a normal end.
//!
//! Ports that stay silent are filtered in the totals but have no record: their
//! number is the size of the plan. Where a small plan lists them at the end,
//! they come through [`Observer::port`] like all others.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::net::IpAddr;
use std::ops::Range;

use super::clock::{Clock, monotonic_ns};
use super::log::EventLog;
use super::record::{
    Checkpoint, Host, LedgerRecord, PORT_LINE_MAX, ProgressRecord, Record, ScanFinished,
    ScanResumed, ScanStarted, encode, encode_port,
};
use super::table::Table;
use super::{PortEvent, PortState};
use crate::error::{Error, Kind, Result};
use crate::plan::{Protocol, Purpose};
use crate::scan::{Observer, Progress, Report};

/// Standard output is written when so much has come together, or at a pause.
const OUTPUT_BYTES: usize = 64 << 10;
/// Time between two `progress` records.
const PROGRESS_INTERVAL_NS: u64 = 1_000_000_000;
/// Corrections into states that are not shown, of which to remember so many.
const CORRECTED_MAX: usize = 1 << 16;

/// Whose state it is.
type Key = (IpAddr, Protocol, u16);

/// The states that a user wants to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShownStates(u8);

impl ShownStates {
    /// These states and no others.
    #[must_use]
    pub fn of(states: &[PortState]) -> Self {
        Self(states.iter().fold(0, |set, &state| set | Self::bit(state)))
    }

    /// Whether `state` is among them.
    #[must_use]
    pub fn contains(self, state: PortState) -> bool {
        self.0 & Self::bit(state) != 0
    }

    const fn bit(state: PortState) -> u8 {
        1 << state as u8
    }
}

impl Default for ShownStates {
    fn default() -> Self {
        Self::of(&[PortState::Open])
    }
}

/// What standard output shows.
#[derive(Debug)]
pub enum Shape {
    /// A table for people.
    Table(Table),
    /// JSON lines.
    Json,
}

/// All places where results go.
pub struct Sinks {
    clock: Clock,
    purpose: Purpose,
    shown: ShownStates,
    shape: Shape,
    output: Output,
    log: Option<EventLog>,
    line: Vec<u8>,
    text: String,
    corrected: HashSet<Key>,
    /// The strongest state told of each port that was revised. Buses are read one
    /// after the other, so a revision may overtake what it revises.
    told: HashMap<Key, PortState>,
    progress_at_ns: u64,
}

impl Sinks {
    /// Sinks that write results to `stdout` and, where there is one, to `log`.
    #[must_use]
    pub fn new(
        shape: Shape,
        shown: ShownStates,
        stdout: Box<dyn Write + Send>,
        log: Option<EventLog>,
    ) -> Self {
        Self {
            clock: Clock::start(),
            purpose: Purpose::Ports,
            shown,
            shape,
            output: Output::new(stdout),
            log,
            line: Vec::with_capacity(PORT_LINE_MAX),
            text: String::new(),
            corrected: HashSet::new(),
            told: HashMap::new(),
            progress_at_ns: monotonic_ns(),
        }
    }

    /// Results are `port` records, or `host` records where hosts are looked for.
    #[must_use]
    pub fn about(mut self, purpose: Purpose) -> Self {
        self.purpose = purpose;
        self
    }

    /// Writes the first record.
    pub fn started(&mut self, record: &ScanStarted) {
        self.write_record(record);
        self.flush();
    }

    /// Writes the first record of a run that goes on where another ended.
    pub fn resumed(&mut self, record: &ScanResumed) {
        self.write_record(record);
        self.flush();
    }

    /// Writes the last records and what the table held back.
    pub fn finished(&mut self, report: &Report) {
        if let Shape::Table(table) = &mut self.shape {
            table.finish(self.shown, report, &mut self.text);
            self.output.take(&mut self.text);
        }
        self.write_record(&LedgerRecord {
            ledger: &report.ledger,
            steering: report.steering,
            remarks: &report.remarks,
        });
        self.write_record(&ScanFinished {
            open: report.open,
            closed: report.closed,
            filtered: report.filtered,
            elapsed_s: report.elapsed.as_secs_f64(),
            latency_us: report.latency.percentiles(),
            stopped: report.stopped,
        });
        self.flush();
    }

    /// Whether the reader of standard output has gone.
    #[must_use]
    pub fn stdout_closed(&self) -> bool {
        matches!(self.output.state, State::Closed)
    }

    /// Whether a flush would write to standard output.
    #[must_use]
    pub fn has_output(&self) -> bool {
        !self.output.buffer.is_empty()
    }

    /// A fault of the event log, once.
    pub fn take_alarm(&mut self) -> Option<String> {
        self.log.as_mut()?.take_alarm()
    }

    /// Writes and syncs everything.
    ///
    /// # Errors
    /// The first error of the log, else that of standard output. A closed pipe is none.
    pub fn finish(mut self) -> Result<()> {
        self.output.flush();
        if let Some(log) = self.log.take() {
            log.finish()?;
        }
        match self.output.state {
            State::Failed(error) => {
                Err(Error::new(Kind::Failed, "write results to standard output").because_of(error))
            }
            State::Open | State::Closed => Ok(()),
        }
    }

    fn flush(&mut self) {
        self.output.flush();
        if let Some(log) = &mut self.log {
            log.turn(monotonic_ns());
        }
    }

    fn write_record<R: Record>(&mut self, record: &R) {
        self.line.clear();
        encode(record, &self.clock.now_rfc3339(), &mut self.line);
        self.write_line();
    }

    /// The encoded line goes to the log, and to standard output where that is JSON.
    fn write_line(&mut self) {
        if matches!(self.shape, Shape::Json) {
            self.output.buffer.extend_from_slice(&self.line);
            self.output.flush_when_full();
        }
        if let Some(log) = &mut self.log {
            log.append(&self.line);
        }
    }

    /// Whether a stronger state of the same port has been told already.
    fn is_overtaken(&mut self, event: &PortEvent) -> bool {
        if event.previous.is_none() && self.told.is_empty() {
            return false;
        }
        let key = (event.addr, event.protocol, event.port);
        let told = match event.previous {
            Some(_) if self.told.len() < CORRECTED_MAX => {
                Some(self.told.entry(key).or_insert(event.state))
            }
            _ => self.told.get_mut(&key),
        };
        let Some(told) = told else { return false };
        let overtaken = told.strength() > event.state.strength();
        if !overtaken {
            *told = event.state;
        }
        overtaken
    }

    /// Whether `event` is to be shown, and whether it corrects what was shown.
    fn judge(&mut self, event: &PortEvent) -> (bool, bool) {
        let shown = self.shown.contains(event.state);
        let Some(previous) = event.previous else { return (shown, false) };
        let key = (event.addr, event.protocol, event.port);
        let revised = self.shown.contains(previous)
            || (!self.corrected.is_empty() && self.corrected.contains(&key));
        if revised && !shown && self.corrected.len() < CORRECTED_MAX {
            self.corrected.insert(key);
        }
        (shown || revised, revised)
    }
}

impl Observer for Sinks {
    fn port(&mut self, event: &PortEvent) {
        if self.is_overtaken(event) {
            return;
        }
        let (shown, revised) = self.judge(event);
        if let Shape::Table(table) = &mut self.shape {
            table.port(event, shown, revised, &mut self.text);
            self.output.take(&mut self.text);
        }
        if shown && (self.log.is_some() || matches!(self.shape, Shape::Json)) {
            self.line.clear();
            let ts = self.clock.rfc3339(event.at_ns);
            match self.purpose {
                Purpose::Ports => encode_port(event, revised, &ts, &mut self.line),
                Purpose::Hosts => encode(&Host::new(event, revised), &ts, &mut self.line),
            }
            self.write_line();
        }
    }

    fn checkpoint(&mut self, finished: &[Range<u64>]) {
        // For the log alone: it is what a scan is resumed from.
        if let Some(log) = &mut self.log {
            self.line.clear();
            encode(&Checkpoint::new(finished), &self.clock.now_rfc3339(), &mut self.line);
            log.append(&self.line);
        }
    }

    fn progress(&mut self, progress: &Progress) {
        let now_ns = monotonic_ns();
        if now_ns - self.progress_at_ns >= PROGRESS_INTERVAL_NS {
            self.progress_at_ns = now_ns;
            self.write_record(&ProgressRecord::from(progress));
        }
        self.flush();
    }

    fn idle(&mut self) {
        self.flush();
    }
}

/// Standard output: buffered, and quiet once its reader has gone.
struct Output {
    to: Box<dyn Write + Send>,
    buffer: Vec<u8>,
    state: State,
}

enum State {
    Open,
    Closed,
    Failed(io::Error),
}

impl Output {
    fn new(to: Box<dyn Write + Send>) -> Self {
        Self { to, buffer: Vec::with_capacity(OUTPUT_BYTES + PORT_LINE_MAX), state: State::Open }
    }

    fn take(&mut self, text: &mut String) {
        self.buffer.extend_from_slice(text.as_bytes());
        text.clear();
        self.flush_when_full();
    }

    fn flush_when_full(&mut self) {
        if self.buffer.len() >= OUTPUT_BYTES {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        if matches!(self.state, State::Open) {
            let written = self.to.write_all(&self.buffer).and_then(|()| self.to.flush());
            match written {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                    self.state = State::Closed;
                }
                Err(error) => self.state = State::Failed(error),
            }
        }
        self.buffer.clear();
    }
}

#[cfg(test)]
#[path = "sinks_tests.rs"]
mod tests;
