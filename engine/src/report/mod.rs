//! `prtip report`: what is in event logs, as one HTML page that needs nothing else.
//!
//! Logs are read once, a line at a time. Results go through the external sort that nmap's
//! formats use, so memory grows with ports, networks' histograms (up to a bound), services
//! and certificates, not with results; and the page shows the first of each list, with the
//! number of all.
//!
//! * [`lines`]: the lines of a log. [`record`]: what is taken from them. [`scan`] and
//!   [`series`]: what a log tells of its scan.
//! * [`tally`]: results counted. [`detected`]: what runs behind them. [`top`]: the first few.
//! * [`page`]: the page, section by section, made by [`html`], [`chart`] and [`words`].
//!
//! Not here: resuming, and what a log must be like to be trusted for that
//! ([`recovery`](crate::event::recovery)): a report shows what it can read.

mod chart;
mod detected;
mod html;
mod lines;
mod page;
mod record;
mod scan;
mod series;
mod tally;
mod top;
mod words;

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use self::detected::Detected;
use self::lines::Lines;
use self::record::{Line, rest};
use self::scan::Scan;
use self::series::Counts;
use self::tally::Tally;
use crate::error::{Error, Kind, Result};
use crate::event::files::Place;
use crate::event::files::place::folder_of;
use crate::event::files::services::Services;
use crate::event::files::sorted::{Finding, Store};
use crate::event::log::parts;
use crate::event::{PortEvent, PortState};
use crate::latency::Latency;
use crate::latency::groups::{Grouping, Groups};
use crate::plan::Protocol;

/// Corrected results that are listed.
const REVISED: usize = 50;

/// What has been read of all logs.
struct Gathered {
    scans: Vec<Scan>,
    store: Store,
    latency: Latency,
    by_port: Groups,
    by_network: Groups,
    macs: HashMap<IpAddr, String>,
    detected: Detected,
    revised: Vec<Finding>,
    revised_count: u64,
}

/// Reads `logs` and writes the page to `to`, which is `stdout` where it is no file;
/// `now_us`: what certificates are compared with, microseconds since 1970. Returns what
/// should be said of logs that were not whole.
///
/// # Errors
/// `Usage`: a log that cannot be read or is none of prtip's, or a file that cannot be
/// written; `Failed` where reading or writing fails on the way.
pub fn write(
    logs: &[PathBuf],
    to: &Place,
    stdout: &mut dyn Write,
    now_us: u64,
) -> Result<Vec<String>> {
    to.check()?;
    // Beside the page: where there is room for that, there is for this.
    let folder = match to {
        Place::Path(path) if !path.starts_with("/dev") => folder_of(path).to_owned(),
        _ => std::env::temp_dir(),
    };
    let mut gathered = Gathered::empty(folder);
    // What belongs to a log that is named is read with it, not once more.
    let parts: HashSet<PathBuf> = logs
        .iter()
        .filter_map(|log| parts::find(log).ok())
        .flatten()
        .filter_map(|part| part.path.canonicalize().ok())
        .collect();
    for log in logs {
        if !log.canonicalize().is_ok_and(|path| parts.contains(&path)) {
            gathered.read(log)?;
        }
    }
    let remarks = gathered.remarks();
    let text = gathered.page(now_us)?;
    let written = match to.create()? {
        Some(mut file) => file.write_all(text.as_bytes()),
        None => stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()),
    };
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::new(Kind::Failed, format!("write the report to {}", to.name()))
                .because_of(error))
        }
        _ => Ok(remarks),
    }
}

/// The page of one log in memory: what a file of these bytes would give.
///
/// # Errors
/// As those of [`write`].
pub fn of_bytes(log: Vec<u8>, now_us: u64) -> Result<String> {
    let mut gathered = Gathered::empty(std::env::temp_dir());
    let what = "read an event log in memory";
    let lines = Lines::of(Box::new(io::Cursor::new(log)));
    let fail = |error| Error::new(Kind::Failed, what).because_of(error);
    let lines = lines.map_err(fail)?;
    let mut scan = Scan::named("memory".to_owned());
    gathered.read_lines(lines, &mut scan, what)?;
    gathered.scans.push(scan);
    gathered.page(now_us)
}

impl Gathered {
    fn empty(folder: PathBuf) -> Self {
        Self {
            scans: Vec::new(),
            store: Store::new(folder),
            latency: Latency::new(),
            by_port: Groups::new(Grouping::Port),
            by_network: Groups::new(Grouping::Network),
            macs: HashMap::new(),
            detected: Detected::default(),
            revised: Vec::new(),
            revised_count: 0,
        }
    }

    fn read(&mut self, path: &Path) -> Result<()> {
        let lines = Lines::open(path)?;
        let mut scan = Scan::named(if path == Path::new("-") {
            "standard input".to_owned()
        } else {
            path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
        });
        let found = if path == Path::new("-") { Ok(Vec::new()) } else { parts::find(path) };
        match found {
            Ok(parts) => {
                for part in parts {
                    let what = format!("read {:?}, a part of an event log", part.path);
                    self.read_lines(Lines::open(&part.path)?, &mut scan, &what)?;
                }
            }
            Err(error) => scan.torn = Some(format!("parts of it were left out: {error}")),
        }
        self.read_lines(lines, &mut scan, &format!("read the event log {path:?}"))?;
        self.scans.push(scan);
        Ok(())
    }

    /// Reads a file of a log.
    fn read_lines(&mut self, mut lines: Lines, scan: &mut Scan, what: &str) -> Result<()> {
        let before = scan.records;
        let fail = |error| Error::new(Kind::Failed, what).because_of(error);
        while let Some(line) = lines.next().map_err(fail)? {
            match Line::parse(line) {
                Some(record) => self.take(scan, &record, line).map_err(fail)?,
                // A log begins with a record, also where it is a part of one.
                None if scan.records == before => return Err(foreign(what.to_owned())),
                None => scan.strange_lines += 1,
            }
        }
        scan.torn = scan.torn.take().or(lines.torn);
        if scan.records == 0 {
            return Err(foreign(what.to_owned()));
        }
        Ok(())
    }

    fn take(&mut self, scan: &mut Scan, record: &Line<'_>, line: &[u8]) -> io::Result<()> {
        let at_us = record.unix_us();
        scan.record(at_us);
        let place = || {
            let protocol = Protocol::from_name(record.proto.as_deref().unwrap_or("tcp"))?;
            Some((record.ip?, protocol, record.port?))
        };
        match &*record.kind {
            "port" | "host" => {
                let Some(finding) = record.finding() else {
                    scan.strange_lines += 1;
                    return Ok(());
                };
                scan.results += 1;
                return self.result(&finding, record);
            }
            "progress" => {
                if let (Some(at_us), Some(now)) = (at_us, rest::<record::Progress>(line)) {
                    let record::Progress { sent, replies, drops } = now;
                    scan.progress(Counts { at_us, sent, replies, drops });
                }
            }
            kind @ ("scan_started" | "scan_resumed") => {
                let begun = rest(line).unwrap_or_default();
                scan.begin(begun, kind == "scan_resumed", at_us.unwrap_or(0));
            }
            "ledger" => scan.ledger(rest(line).unwrap_or_default(), at_us.unwrap_or(0)),
            "stages" => scan.stages(rest(line).unwrap_or_default()),
            "scan_finished" => scan.finish(rest(line).unwrap_or_default()),
            "service" => {
                if let (Some(place), Some(service)) = (place(), rest(line)) {
                    self.detected.service(place, service);
                }
            }
            "tls" => {
                if let (Some(place), Some(tls)) = (place(), rest(line)) {
                    self.detected.tls(place, tls);
                }
            }
            "os" => {
                if let (Some(addr), Some(os)) = (record.ip, rest(line)) {
                    self.detected.system(addr, &os);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn result(&mut self, finding: &Finding, record: &Line<'_>) -> io::Result<()> {
        if record.revised {
            self.revised_count += 1;
            if self.revised.len() < REVISED {
                self.revised.push(*finding);
            }
        } else if let Some(rtt_us) = finding.rtt_us {
            let rtt_ns = rtt_us.saturating_mul(1000);
            let event = PortEvent {
                addr: finding.addr,
                port: finding.port,
                protocol: finding.protocol,
                state: finding.state,
                previous: None,
                reason: finding.reason,
                ttl: finding.ttl,
                rtt_ns: Some(rtt_ns),
                at_ns: 0,
                heard: None,
            };
            self.latency.record(rtt_ns);
            self.by_port.record(&event, rtt_ns);
            self.by_network.record(&event, rtt_ns);
        }
        if let Some(mac) = &record.mac
            && finding.state == PortState::Open
        {
            self.macs.insert(finding.addr, mac.chars().take(17).collect());
        }
        self.store.add(finding)
    }

    fn page(self, now_us: u64) -> Result<String> {
        let spill = |error: io::Error| Error::new(Kind::Failed, "sort results").because_of(error);
        let tally = self.store.sorted().and_then(Tally::of).map_err(spill)?;
        let page = page::Page {
            now_us,
            scans: self.scans,
            tally,
            latency: self.latency,
            by_port: self.by_port,
            by_network: self.by_network,
            macs: self.macs,
            detected: self.detected,
            registered: Services::of_the_system(),
            revised: self.revised,
            revised_count: self.revised_count,
        };
        Ok(page.write())
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        for scan in &self.scans {
            if let Some(torn) = &scan.torn {
                remarks.push(format!("{:?}: {torn}", scan.name));
            }
            if scan.strange_lines > 0 {
                let count = scan.strange_lines;
                remarks.push(format!(
                    "{:?}: {count} lines are no records and were left out",
                    scan.name
                ));
            }
        }
        remarks
    }
}

fn foreign(what: String) -> Error {
    Error::new(Kind::Usage, what)
        .cause("its first line is no record of prtip")
        .remedy("name a file that was given with --event-log, or the output of --json")
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
