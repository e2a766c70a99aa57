//! Reads the event log of an interrupted scan: how far it can be trusted, how the
//! scan was asked for, what was finished and what was found.
//!
//! A log is whole lines of JSON in order, so everything up to the first byte that is
//! not part of one is as it was written, and everything behind it is cut. What is cut
//! is kept beside the log. Two passes, a line at a time: memory grows with the
//! results that are not covered by a checkpoint, not with the log.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::IpAddr;
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::clock::parse_rfc3339;
use super::record::SCHEMA;
use super::{PortEvent, PortState, Reason};
use crate::error::{Error, Kind, Result};
use crate::plan::{Plan, Protocol, Purpose, Target};
use crate::scan::Resume;

/// No record is longer; a longer line is none.
const LINE_MAX: u64 = 16 << 20;

/// How a scan was started, as its first record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Its command line.
    pub args: Vec<String>,
    /// Seed of its order.
    pub seed: u64,
    /// N.
    pub targets: u64,
    /// Hash of its plan, 16 hexadecimal digits.
    pub plan: String,
}

/// A log that can be gone on with.
#[derive(Debug)]
pub struct Interrupted {
    path: PathBuf,
    file: File,
    /// Bytes that hold whole records.
    good: u64,
    /// Bytes behind them.
    cut: u64,
    begun: Begun,
    finished: bool,
    /// When it was started, microseconds since 1970.
    started_unix_us: u64,
    /// When its last run ended, and how long that took; zeros where it did not.
    ended: (u64, f64),
    checkpoint: Vec<Range<u64>>,
}

/// The fields that matter of any record.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    schema: Cow<'a, str>,
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default)]
    args: Vec<String>,
    seed: Option<Cow<'a, str>>,
    targets: Option<Cow<'a, str>>,
    plan: Option<Cow<'a, str>>,
    ip: Option<IpAddr>,
    port: Option<u16>,
    proto: Option<Cow<'a, str>>,
    state: Option<Cow<'a, str>>,
    #[serde(default)]
    ranges: Vec<[Cow<'a, str>; 2]>,
    stopped: Option<bool>,
    #[serde(borrow)]
    ts: Option<Cow<'a, str>>,
    reason: Option<Cow<'a, str>>,
    ttl: Option<u8>,
    rtt_us: Option<u64>,
    #[serde(default)]
    revised: bool,
    elapsed_s: Option<f64>,
}

impl Line<'_> {
    fn begun(&self) -> Option<Begun> {
        Some(Begun {
            args: self.args.clone(),
            seed: self.seed.as_deref()?.parse().ok()?,
            targets: self.targets.as_deref()?.parse().ok()?,
            plan: self.plan.as_deref()?.to_owned(),
        })
    }

    /// The ranges of a checkpoint, ascending and apart; `None` where they are not.
    fn checkpoint(&self) -> Option<Vec<Range<u64>>> {
        let mut ranges: Vec<Range<u64>> = Vec::with_capacity(self.ranges.len());
        for [start, end] in &self.ranges {
            let range = start.parse().ok()?..end.parse().ok()?;
            let after = ranges.last().map_or(0, |last| last.end);
            if range.start >= range.end || range.start < after {
                return None;
            }
            ranges.push(range);
        }
        Some(ranges)
    }

    /// Whose result it is, and the state.
    fn found(&self, purpose: Purpose) -> Option<(Target, PortState)> {
        let addr = self.ip?;
        let state = self.state.as_deref()?;
        match (purpose, &*self.kind) {
            (Purpose::Ports, "port") => {
                let protocol = Protocol::from_name(self.proto.as_deref()?)?;
                let state = PortState::ALL.into_iter().find(|known| known.name() == state)?;
                Some((Target { addr, port: self.port?, protocol }, state))
            }
            (Purpose::Hosts, "host") => {
                let state = if state == "up" { PortState::Open } else { PortState::Filtered };
                Some((Target { addr, port: 0, protocol: Protocol::Icmp }, state))
            }
            _ => None,
        }
    }

    /// A result as it was told, and when, microseconds since 1970.
    fn told(&self, purpose: Purpose) -> Option<(PortEvent, u64)> {
        let (target, state) = self.found(purpose)?;
        let event = PortEvent {
            addr: target.addr,
            port: target.port,
            protocol: target.protocol,
            state,
            previous: None,
            reason: Reason::from_name(self.reason.as_deref()?)?,
            ttl: self.ttl.unwrap_or(0),
            rtt_ns: self.rtt_us.map(|us| us.saturating_mul(1000)),
            at_ns: 0,
            heard: None,
        };
        Some((event, parse_rfc3339(self.ts.as_deref()?)?))
    }

    /// What a result says: of which item, and how strong an answer.
    fn result(&self, plan: &Plan) -> Option<(u64, PortState)> {
        let (target, state) = self.found(plan.items().purpose())?;
        Some((plan.index_of(target)?, state))
    }
}

impl Interrupted {
    /// Opens and reads a log; changes nothing. The log is locked until it is dropped.
    ///
    /// # Errors
    /// `Usage`: not a log of prtip, or another scan is writing it.
    pub fn open(path: &Path) -> Result<Self> {
        let what = || format!("resume the scan of the event log {path:?}");
        let fail = |error: io::Error| Error::new(Kind::Usage, what()).because_of(error);
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(fail)?;
        if !file.metadata().map_err(fail)?.is_file() {
            return Err(Error::new(Kind::Usage, what()).cause("it is not a regular file"));
        }
        if let Err(std::fs::TryLockError::WouldBlock) = file.try_lock() {
            return Err(Error::new(Kind::Usage, what())
                .cause("a scan is writing it")
                .remedy("wait for its end, or stop it"));
        }
        let mut begun = None;
        let mut finished = false;
        let (mut started_unix_us, mut ended) = (0, (0, 0.0));
        let unix_us = |line: &Line<'_>| line.ts.as_deref().and_then(parse_rfc3339).unwrap_or(0);
        let mut checkpoint = Vec::new();
        let mut good = 0;
        read_lines(&file, u64::MAX, |line, end| {
            let Some(line) = parse(line) else { return false };
            match &*line.kind {
                _ if begun.is_none() => {
                    begun = (line.kind == "scan_started").then(|| line.begun()).flatten();
                    if begun.is_none() {
                        return false;
                    }
                    started_unix_us = unix_us(&line);
                }
                "checkpoint" => match line.checkpoint() {
                    // The newest one holds: it covers those before.
                    Some(ranges) => checkpoint = ranges,
                    None => return false,
                },
                "scan_finished" => {
                    finished = line.stopped == Some(false);
                    ended = (unix_us(&line), line.elapsed_s.unwrap_or(0.0));
                }
                _ => finished = false,
            }
            good = end;
            true
        })
        .map_err(fail)?;
        let Some(begun) = begun else {
            return Err(Error::new(Kind::Usage, what())
                .cause("it does not begin with a scan_started record of prtip")
                .remedy("name the file that was given with --event-log"));
        };
        let length = file.metadata().map_err(fail)?.len();
        Ok(Self {
            path: path.to_owned(),
            file,
            good,
            cut: length.saturating_sub(good),
            begun,
            finished,
            started_unix_us,
            ended,
            checkpoint,
        })
    }

    /// How the scan was started.
    #[must_use]
    pub fn begun(&self) -> &Begun {
        &self.begun
    }

    /// Whether it came to its end: nothing is left to do.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// When it was started, microseconds since 1970.
    #[must_use]
    pub fn started_unix_us(&self) -> u64 {
        self.started_unix_us
    }

    /// When its last run ended, microseconds since 1970, and how long that took in seconds.
    #[must_use]
    pub fn ended(&self) -> (u64, f64) {
        self.ended
    }

    /// Hands over every result that was told, when (microseconds since 1970), and whether
    /// it corrects an earlier one.
    ///
    /// # Errors
    /// `Failed` when the log cannot be read.
    pub fn replay(
        &self,
        purpose: Purpose,
        mut take: impl FnMut(&PortEvent, u64, bool),
    ) -> Result<()> {
        read_lines(&self.file, self.good, |line, _| {
            if let Some(line) = parse(line)
                && let Some((event, unix_us)) = line.told(purpose)
            {
                take(&event, unix_us, line.revised);
            }
            true
        })
        .map_err(|error| {
            Error::new(Kind::Failed, format!("read the event log {:?}", self.path))
                .because_of(error)
        })
    }

    /// The ports that are open and have no `service` record.
    ///
    /// # Errors
    /// `Failed` when the log cannot be read.
    pub fn open_without_service(&self) -> Result<Vec<Target>> {
        let mut waiting: HashSet<Target> = HashSet::new();
        read_lines(&self.file, self.good, |line, _| {
            let Some(line) = parse(line) else { return true };
            if let Some((target, state)) = line.found(Purpose::Ports) {
                if state == PortState::Open {
                    waiting.insert(target);
                } else {
                    waiting.remove(&target);
                }
            } else if line.kind == "service"
                && let (Some(addr), Some(port), Some(proto)) = (line.ip, line.port, &line.proto)
                && let Some(protocol) = Protocol::from_name(proto)
            {
                waiting.remove(&Target { addr, port, protocol });
            }
            true
        })
        .map_err(|error| {
            Error::new(Kind::Failed, format!("read the event log {:?}", self.path))
                .because_of(error)
        })?;
        Ok(waiting.into_iter().collect())
    }

    /// Bytes at the end that are no whole record.
    #[must_use]
    pub fn cut_bytes(&self) -> u64 {
        self.cut
    }

    /// What is known of `plan`, which must be the scan's own.
    ///
    /// # Errors
    /// `Failed` when the log cannot be read.
    pub fn resume(&self, plan: &Plan) -> Result<Resume> {
        let mut known: HashMap<u64, PortState> = HashMap::new();
        let mut revised: HashMap<u64, PortState> = HashMap::new();
        let mut counts = (0u64, 0u64);
        let is_finished = |index: u64| {
            let after = self.checkpoint.partition_point(|range| range.start <= index);
            after > 0 && index < self.checkpoint[after - 1].end
        };
        let mut add = |state: PortState, by: u64| match state.strength() {
            3 => counts.0 = counts.0.wrapping_add(by),
            2 => counts.1 = counts.1.wrapping_add(by),
            _ => {}
        };
        let fail = |error: io::Error| {
            Error::new(Kind::Failed, format!("read the event log {:?}", self.path))
                .because_of(error)
        };
        // Ports with more than one record are few; theirs is the last one.
        let mut repeated: HashMap<u64, u32> = HashMap::new();
        read_lines(&self.file, self.good, |line, _| {
            if memchr_revised(line)
                && let Some((index, _)) = parse(line).and_then(|line| line.result(plan))
            {
                repeated.insert(index, 0);
            }
            true
        })
        .map_err(fail)?;
        read_lines(&self.file, self.good, |line, _| {
            if let Some((index, state)) = parse(line).and_then(|line| line.result(plan)) {
                if !is_finished(index) {
                    known.insert(index, state);
                } else if repeated.contains_key(&index) {
                    if let Some(earlier) = revised.insert(index, state) {
                        add(earlier, u64::MAX);
                    }
                    add(state, 1);
                } else {
                    add(state, 1);
                }
            }
            true
        })
        .map_err(fail)?;
        let mut known: Vec<(u64, PortState)> = known.into_iter().collect();
        known.sort_unstable_by_key(|&(index, _)| index);
        Ok(Resume { finished: self.checkpoint.clone(), known, counts })
    }

    /// Cuts what is no whole record off the log, after keeping it in a file beside
    /// it, whose name is returned; the log is then ready for
    /// [`EventLog::append_to`](super::log::EventLog::append_to).
    ///
    /// # Errors
    /// `Failed` when either cannot be written.
    pub fn cut(mut self) -> Result<(File, u64, Option<PathBuf>)> {
        let fail = |error: io::Error| {
            Error::new(Kind::Failed, format!("cut the torn end off the event log {:?}", self.path))
                .because_of(error)
                .remedy("free some space, or copy the log to another disk and resume it there")
        };
        if self.cut == 0 {
            return Ok((self.file, self.good, None));
        }
        self.file.seek(SeekFrom::Start(self.good)).map_err(fail)?;
        let (mut kept, name) = new_beside(&self.path).map_err(fail)?;
        io::copy(&mut (&self.file).take(self.cut), &mut kept).map_err(fail)?;
        kept.flush().and_then(|()| kept.sync_all()).map_err(fail)?;
        self.file.set_len(self.good).and_then(|()| self.file.sync_all()).map_err(fail)?;
        Ok((self.file, self.good, Some(name)))
    }
}

/// A new file `LOG.cut`, or `LOG.cut.2` and so on where that exists.
fn new_beside(log: &Path) -> io::Result<(File, PathBuf)> {
    for number in 1.. {
        let mut name = log.as_os_str().to_owned();
        name.push(if number == 1 { ".cut".to_owned() } else { format!(".cut.{number}") });
        let name = PathBuf::from(name);
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 1000 => {}
            other => return other.map(|file| (file, name)),
        }
    }
    unreachable!("the loop ends at its thousandth turn")
}

/// Whether the line is that of a revised result.
fn memchr_revised(line: &[u8]) -> bool {
    line.ends_with(b"\"revised\":true}")
}

fn parse(line: &[u8]) -> Option<Line<'_>> {
    // As text: of the fields that are skipped, bytes alone would not be looked at.
    let line: Line<'_> = serde_json::from_str(std::str::from_utf8(line).ok()?).ok()?;
    (line.schema == SCHEMA).then_some(line)
}

/// Hands over each whole line of the first `limit` bytes, without its newline, and
/// the offset behind it, until `take` says no.
fn read_lines(
    mut file: &File,
    limit: u64,
    mut take: impl FnMut(&[u8], u64) -> bool,
) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    let mut reader = BufReader::with_capacity(1 << 18, file.take(limit));
    let mut line = Vec::new();
    let mut end = 0;
    loop {
        line.clear();
        let read = (&mut reader).take(LINE_MAX).read_until(b'\n', &mut line)?;
        end += read as u64;
        if line.pop() != Some(b'\n') || !take(&line, end) {
            return Ok(());
        }
    }
}

#[cfg(test)]
#[path = "recovery_tests.rs"]
mod tests;
