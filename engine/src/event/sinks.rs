//! Decides which record goes where: a table or JSON lines on standard output,
//! the event log, and files in other programs' formats.
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
use std::io::Write;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use super::clock::{Clock, monotonic_ns};
use super::files::{Files, Outcome, Told};
use super::log::{Counts, EventLog};
use super::os_record::Os;
use super::os_way_record::{OsFinished, OsStarted};
use super::output::Output;
use super::record::{
    Checkpoint, Host, LedgerRecord, PORT_LINE_MAX, ProgressRecord, Record, ScanFinished,
    ScanResumed, ScanStarted, StagesRecord, encode, encode_port,
};
use super::service_record::Service;
use super::table::Table;
use super::tls_record::Tls;
use super::{PortEvent, PortState};
use crate::error::{Error, Kind, Result};
use crate::os::{Books, WayOut};
use crate::plan::{Protocol, Purpose, Target};
use crate::scan::capture::Frame;
use crate::scan::{Control, Observer, Progress, Report};
use crate::service::Found;

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
    /// Nothing: a file of results goes there.
    Nothing,
}

/// All places where results go.
pub struct Sinks {
    clock: Clock,
    purpose: Purpose,
    shown: ShownStates,
    shape: Shape,
    output: Output,
    log: Option<EventLog>,
    /// How the log has ended, once it has.
    logged: Option<Result<Counts>>,
    files: Option<Files>,
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
            logged: None,
            files: None,
            line: Vec::with_capacity(PORT_LINE_MAX),
            text: String::new(),
            corrected: HashSet::new(),
            told: HashMap::new(),
            progress_at_ns: monotonic_ns(),
        }
    }

    /// Standard output is written on a thread of its own, so that a slow reader holds up
    /// nothing but results: for all but terminals. Where `control` says to stop at once, it
    /// is not waited for.
    #[must_use]
    pub fn behind(mut self, stdout: Box<dyn Write + Send>, control: &Arc<Control>) -> Self {
        self.output = Output::behind(stdout, Some(Arc::clone(control)));
        self
    }

    /// Results are `port` records, or `host` records where hosts are looked for.
    #[must_use]
    pub fn about(mut self, purpose: Purpose) -> Self {
        self.purpose = purpose;
        self
    }

    /// Results go into these files too.
    #[must_use]
    pub fn with_files(mut self, files: Files) -> Self {
        self.files = Some(files);
        self
    }

    /// Records go to this log too.
    #[must_use]
    pub fn with_log(mut self, log: EventLog) -> Self {
        self.log = Some(log);
        self
    }

    /// Takes a result that an earlier run of the scan has told, from its log: for the
    /// files, which are written anew.
    pub fn restore(&mut self, event: &PortEvent, unix_us: u64, revised: bool) {
        if let Some(files) = &mut self.files {
            files.restore(event, unix_us, revised);
        }
    }

    /// Takes what an earlier run of the scan has told of a service, for the files.
    pub fn restore_service(&mut self, target: Target, told: &Told) {
        if let Some(files) = &mut self.files {
            files.service(target, Some(told));
        }
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

    /// Takes what is known of a port's service.
    pub fn service(&mut self, found: &Found) {
        if let Shape::Table(table) = &mut self.shape {
            table.service(found, &mut self.text);
            self.output.take(&mut self.text);
        }
        if let Some(files) = &mut self.files {
            files.service(found.target, Some(&Told::of(found)));
        }
        if self.log.is_some() || matches!(self.shape, Shape::Json) {
            self.line.clear();
            encode(&Service::new(found), &self.clock.rfc3339(found.at_ns), &mut self.line);
            self.write_line();
        }
    }

    /// Takes what a TLS server showed; `lines` are for the table.
    pub fn tls(&mut self, target: Target, record: &Tls, lines: &[String]) {
        if let Shape::Table(table) = &mut self.shape {
            table.tls(target, lines, &mut self.text);
            self.output.take(&mut self.text);
        }
        if self.log.is_some() || matches!(self.shape, Shape::Json) {
            self.write_record(record);
        }
    }

    /// Takes what a host runs.
    pub fn os(&mut self, ip: IpAddr, record: &Os<'_>) {
        if let Shape::Table(table) = &mut self.shape {
            table.os(ip, &record.lines(), &mut self.text);
            self.output.take(&mut self.text);
        }
        if let Some(files) = &mut self.files {
            files.system(ip, record);
        }
        if self.log.is_some() || matches!(self.shape, Shape::Json) {
            self.write_record(record);
        }
    }

    /// Hosts are asked for their systems by this way from now on.
    pub fn os_started(&mut self, out: &WayOut) {
        self.write_record(&OsStarted::new(out));
    }

    /// All hosts of a way have been asked for their systems.
    pub fn os_finished(&mut self, out: &WayOut, books: &Books) {
        self.write_record(&OsFinished::new(out, books));
    }

    /// Takes an open port whose service was not asked for any more: it has no record.
    pub fn unasked(&mut self, target: Target) {
        if let Shape::Table(table) = &mut self.shape {
            table.unasked(target, &mut self.text);
            self.output.take(&mut self.text);
        }
        if let Some(files) = &mut self.files {
            files.service(target, None);
        }
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
        if let Some(stages) = &report.stages {
            self.write_record(&StagesRecord::from(stages));
        }
        self.write_record(&ScanFinished {
            open: report.open,
            closed: report.closed,
            filtered: report.filtered,
            elapsed_s: report.elapsed.as_secs_f64(),
            latency_us: report.latency.percentiles(),
            stopped: report.stopped,
            rate_found: report.rate_found.as_ref().map(|found| found.pps.round() as u64),
            rate_settled: report.rate_found.as_ref().map(|found| found.settled),
        });
        self.flush();
        // Before the files that are written at the end: their readers may take their time.
        self.logged = self.log.take().map(EventLog::finish);
        if let Some(files) = &mut self.files {
            let outcome = Outcome {
                ended_unix_us: self.clock.unix_us(monotonic_ns()),
                elapsed_s: report.elapsed.as_secs_f64(),
                stopped: report.stopped || report.failure.is_some(),
                hosts_up: 0,
            };
            files.conclude(outcome, report.lag.as_ref(), report.stages.as_ref());
        }
    }

    /// Whether the reader of standard output has gone.
    #[must_use]
    pub fn stdout_closed(&self) -> bool {
        self.output.is_closed() || self.files.as_ref().is_some_and(Files::stdout_closed)
    }

    /// Whether a flush would write to standard output.
    #[must_use]
    pub fn has_output(&self) -> bool {
        self.output.has_some() || self.files.as_ref().is_some_and(Files::has_output)
    }

    /// A fault of the event log, once.
    pub fn take_alarm(&mut self) -> Option<String> {
        self.log.as_mut()?.take_alarm()
    }

    /// What went wrong beside the event log, each once.
    pub fn take_log_word(&mut self) -> Option<String> {
        self.log.as_mut()?.take_word()
    }

    /// A fault of one of the files, once each.
    pub fn take_file_alarm(&mut self) -> Option<String> {
        self.files.as_mut()?.take_alarm()
    }

    /// Writes and syncs everything; what the event log was given, where there is one.
    ///
    /// # Errors
    /// The first error of the log, else of the files, else of standard output. A closed
    /// pipe is none.
    pub fn finish(mut self) -> Result<Option<Counts>> {
        self.output.flush();
        let log = self.log.take().map(EventLog::finish).or(self.logged.take()).transpose();
        // All are ended, whichever failed.
        let files = self.files.take().map_or(Ok(()), Files::finish);
        let counts = log?;
        files?;
        match self.output.into_error() {
            Some(error) => {
                Err(Error::new(Kind::Failed, "write results to standard output").because_of(error))
            }
            None => Ok(counts),
        }
    }

    fn flush(&mut self) {
        self.output.flush();
        if let Some(files) = &mut self.files {
            files.flush();
        }
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
            self.output.write_with(|buffer| buffer.extend_from_slice(&self.line));
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
        if let Some(files) = &mut self.files {
            files.port(event, self.clock.unix_us(event.at_ns), shown, revised);
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
        if let Some(files) = &mut self.files {
            files.progress(progress, now_ns, self.clock.unix_us(now_ns));
        }
        self.flush();
    }

    fn has_room(&mut self) -> bool {
        self.output.has_room() && self.files.as_mut().is_none_or(Files::has_room)
    }

    fn has_room_for_frames(&mut self) -> bool {
        self.files.as_mut().is_none_or(Files::has_room_for_frames)
    }

    fn frame(&mut self, frame: &Frame) {
        if let Some(files) = &mut self.files {
            files.frame(frame, self.clock.unix_ns(frame.at_ns));
        }
    }

    fn all_sent(&mut self, at_ns: u64) {
        if let Some(files) = &mut self.files {
            files.all_sent(at_ns);
        }
    }

    fn idle(&mut self) {
        self.flush();
    }
}

#[cfg(test)]
#[path = "sinks_tests.rs"]
mod tests;
