//! Files in the formats that other programs read.
//!
//! *Streams* ([`csv`], [`parquet`], [`ndjson`]) hold a line a result, written as it comes.
//! *Reports* ([`normal`], [`xml`], [`grepable`]) go host by host, so they are written at
//! the end, in one pass over the findings, which [`sorted`] keeps in bounded memory. All
//! are opened before the first probe; one that fails later is told at once, and the scan
//! and the other files go on.
//!
//! * [`place`]: a path or standard output. [`about`]: what is said of the scan.
//! * [`latency`]: round-trip times. [`status`]: where the scan stands. [`capture`]: frames.
//! * [`fields`]: what a table has of a result. [`hosts`]: findings as hosts. [`services`]:
//!   names of ports. [`told`]: what services said. [`systems`]: what hosts run.
//!
//! Not here: which results are shown, and the event log.

mod about;
mod capture;
mod csv;
mod fields;
mod grepable;
mod hosts;
mod latency;
mod line;
mod ndjson;
mod normal;
#[cfg(feature = "parquet")]
mod parquet;
pub(crate) mod place;
pub(crate) mod services;
pub(crate) mod sorted;
mod status;
mod systems;
mod told;
mod xml;

use std::collections::HashMap;
use std::io::{self, IsTerminal, Write};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

pub use about::About;
pub use fields::Field;
pub use place::Place;
pub use told::Told;

use self::capture::CaptureFile;
use self::hosts::Host;
use self::latency::LatencyFile;
use self::line::Line;
use self::services::Services;
use self::sorted::{Finding, Store};
use self::status::StatusFile;
use super::clock::monotonic_ns;
use super::os_record::Os;
use super::output::Output;
use super::{PortEvent, PortState};
use crate::error::{Error, Kind, Result};
use crate::latency::Latency;
use crate::latency::groups::Grouping;
use crate::plan::{Protocol, Target};
use crate::scan::capture::Frame;
use crate::scan::stages::Stages;
use crate::scan::{Control, Progress};

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// nmap's text for people.
    Normal,
    /// nmap's XML.
    Xml,
    /// nmap's lines for grep.
    Grepable,
    /// CSV with these columns.
    Csv(Vec<Field>),
    /// Parquet with these columns.
    Parquet(Vec<Field>),
    /// masscan's JSON lines.
    Ndjson,
    /// Round-trip times in HdrHistogram's formats, in groups where there are any, and the
    /// engine's own stages where these are timed.
    Latency {
        /// What makes a group.
        by: Option<Grouping>,
        /// The stages are timed.
        stages: bool,
    },
    /// Where the scan stands, a line a second.
    Status,
    /// Accepted replies, pcapng.
    Capture,
}

/// A file that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// What it holds.
    pub format: Format,
    /// Where it goes.
    pub place: Place,
}

/// Looks whether all can be written, and none is another one or `log`; touches nothing.
///
/// # Errors
/// `Usage`, with what stands in the way.
pub fn check(wanted: &[Wanted], log: Option<&Path>) -> Result<()> {
    let mut taken: Vec<_> = log.map(|log| Place::Path(log.to_owned())).into_iter().collect();
    for Wanted { format, place } in wanted {
        if let Format::Latency { by, .. } = format {
            let what = || format!("write round-trip times to {}", place.name());
            match latency::is_log(place) {
                None => {
                    return Err(Error::new(Kind::Usage, what())
                        .cause("the ending of its name chooses the format")
                        .remedy("name it FILE.hgrm (percentiles) or FILE.hlog (intervals)"));
                }
                Some(false) if by.is_some() => {
                    return Err(Error::new(Kind::Usage, what())
                        .cause("a .hgrm holds one histogram, and --latency-by asks for many")
                        .remedy("name a FILE.hlog, whose lines have tags"));
                }
                Some(_) => {}
            }
        }
        if matches!(format, Format::Parquet(_)) && !cfg!(feature = "parquet") {
            return Err(Error::new(Kind::Usage, format!("write Parquet to {}", place.name()))
                .cause("this prtip was built without it")
                .remedy("build it with `cargo build --release -p prtip --features parquet`, or use --csv FILE"));
        }
        let is_binary = matches!(format, Format::Parquet(_) | Format::Capture);
        if is_binary && *place == Place::Stdout && io::stdout().is_terminal() {
            return Err(Error::new(Kind::Usage, "write a binary format to a terminal")
                .remedy("name a file, or send standard output into a pipe"));
        }
        let beside = match format {
            Format::Latency { stages, .. } => latency::beside(place, *stages),
            _ => Vec::new(),
        };
        for place in std::iter::once(place).chain(beside.iter().map(|(_, place)| place)) {
            place.check()?;
            let is_device = matches!(place, Place::Path(path) if path.starts_with("/dev"));
            let same = |other: &&Place| match (place, other) {
                (Place::Stdout, Place::Stdout) => true,
                _ => place.canonical().is_some_and(|path| other.canonical() == Some(path)),
            };
            if !is_device && let Some(other) = taken.iter().find(same) {
                return Err(Error::new(Kind::Usage, format!("write results to {}", other.name()))
                    .cause("it was given twice")
                    .remedy("name each file once"));
            }
            taken.push(place.clone());
        }
    }
    Ok(())
}

/// The files of a scan.
pub struct Files {
    about: About,
    services: Services,
    store: Option<Store>,
    /// Why findings could not be kept, where they could not.
    spill_error: Option<io::Error>,
    spill_alarm_given: bool,
    streams: Vec<Stream>,
    reports: Vec<Report>,
    latencies: Vec<LatencyFile>,
    statuses: Vec<StatusFile>,
    captures: Vec<CaptureFile>,
    /// When the last probe was sent, CLOCK_MONOTONIC.
    all_sent_ns: u64,
    /// Lines of open ports that wait for what their services tell.
    waiting: HashMap<Target, Row>,
}

/// Lines that may wait for a service; those beyond are written without.
const WAITING: usize = 1 << 16;

/// A result on its way into the streams.
struct Row {
    event: PortEvent,
    unix_us: u64,
    revised: bool,
    cooldown: bool,
}

struct Stream {
    content: Content,
    place: Place,
    output: Output,
    alarm_given: bool,
}

/// What is written as results come.
enum Content {
    Csv(Vec<Field>),
    Ndjson,
    #[cfg(feature = "parquet")]
    Parquet(parquet::Parquet),
}

impl Content {
    /// The beginning of a file of this format; `None` for what is no stream.
    fn begin(format: &Format, output: &mut Output) -> Option<Self> {
        let content = match format {
            Format::Csv(fields) => {
                output.write_with(|out| csv::head(fields, out));
                Self::Csv(fields.clone())
            }
            Format::Ndjson => Self::Ndjson,
            #[cfg(feature = "parquet")]
            Format::Parquet(fields) => Self::Parquet(parquet::Parquet::new(fields, output)),
            _ => return None,
        };
        output.flush();
        Some(content)
    }

    fn row(&mut self, line: &Line<'_>, output: &mut Output) {
        match self {
            Self::Csv(fields) => output.write_with(|out| csv::row(fields, line, out)),
            Self::Ndjson => output.write_with(|out| ndjson::row(line, out)),
            #[cfg(feature = "parquet")]
            Self::Parquet(file) => file.row(line, output),
        }
    }
}

struct Report {
    format: Format,
    place: Place,
    output: Output,
    error: Option<io::Error>,
}

/// How a scan ended.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// When, microseconds since 1970.
    pub ended_unix_us: u64,
    /// How long it took.
    pub elapsed_s: f64,
    /// It was stopped before its end, or failed.
    pub stopped: bool,
    /// Hosts that were up; filled in here.
    pub hosts_up: u64,
}

impl Outcome {
    fn summary(&self, about: &About) -> String {
        let plural = |count: u64, one: &'static str, many| if count == 1 { one } else { many };
        format!(
            "prtip done at {} -- {} IP {} ({} {} up) scanned in {:.2} seconds{}",
            calendar(self.ended_unix_us / 1_000_000),
            about.addresses,
            plural(about.addresses, "address", "addresses"),
            self.hosts_up,
            plural(self.hosts_up, "host", "hosts"),
            self.elapsed_s,
            if self.stopped { "; stopped before the end" } else { "" }
        )
    }
}

impl Files {
    /// Creates or empties all files. `stdout` is taken where one of them goes there. Where
    /// `control` says to stop at once, nobody is waited for.
    ///
    /// # Errors
    /// `Usage`, where one cannot be opened.
    pub fn open(
        wanted: &[Wanted],
        about: About,
        control: Option<&Arc<Control>>,
        stdout: impl Fn() -> Box<dyn Write + Send>,
    ) -> Result<Self> {
        let mut files = Self {
            services: Services::default(),
            store: None,
            spill_error: None,
            spill_alarm_given: false,
            streams: Vec::new(),
            reports: Vec::new(),
            latencies: Vec::new(),
            statuses: Vec::new(),
            captures: Vec::new(),
            all_sent_ns: u64::MAX,
            waiting: HashMap::new(),
            about,
        };
        for Wanted { format, place } in wanted {
            let to: Box<dyn Write + Send> = match place.create()? {
                Some(file) => Box::new(file),
                None => stdout(),
            };
            let (format, place) = (format.clone(), place.clone());
            let output = |to: Box<dyn Write + Send>| match place {
                Place::Stdout if io::stdout().is_terminal() => Output::new(to),
                _ => Output::behind(to, control.cloned()),
            };
            match &format {
                Format::Csv(_) | Format::Ndjson | Format::Parquet(_) => {
                    let (mut output, place) = (output(to), place.clone());
                    if let Some(content) = Content::begin(&format, &mut output) {
                        files.streams.push(Stream { content, place, output, alarm_given: false });
                    }
                }
                Format::Latency { by, stages } => {
                    let mut beside = Vec::new();
                    for (name, place) in latency::beside(&place, *stages) {
                        let file = place.create()?;
                        beside.extend(file.map(|file| (name, output(Box::new(file)))));
                    }
                    let (output, now_ns) = (output(to), monotonic_ns());
                    let file =
                        LatencyFile::new(place.clone(), output, beside, *by, &files.about, now_ns);
                    files.latencies.push(file);
                }
                Format::Status => {
                    let (output, now_ns) = (output(to), monotonic_ns());
                    files.statuses.push(StatusFile::new(place.clone(), output, now_ns));
                }
                Format::Capture => {
                    let file = CaptureFile::new(place.clone(), output(to), &files.about.version);
                    files.captures.push(file);
                }
                Format::Normal | Format::Xml | Format::Grepable => {
                    let output = output(to);
                    files.reports.push(Report { format, place, output, error: None });
                }
            }
        }
        if let Some(report) = files.reports.first() {
            files.services = Services::of_the_system();
            // Beside the report: where there is room for that, there is for this.
            let folder = match &report.place {
                Place::Path(path) if !path.starts_with("/dev") => place::folder_of(path).to_owned(),
                _ => std::env::temp_dir(),
            };
            files.services.keep_told(folder.clone());
            files.store = Some(Store::new(folder));
        }
        Ok(files)
    }

    /// Takes what is known of a port's service; nothing where it was not asked for any more.
    pub fn service(&mut self, target: Target, told: Option<&Told>) {
        if let (Some(store), Some(told), None) = (&mut self.store, told, &self.spill_error) {
            let place = self.services.tell(told);
            if let Err(error) = place.and_then(|place| store.add_service(target, place)) {
                self.spill_error = Some(error);
            }
        }
        if let Some(waiting) = self.waiting.remove(&target) {
            self.write_rows(&waiting, told);
        }
    }

    /// Takes what a host runs.
    pub fn system(&mut self, ip: IpAddr, record: &Os<'_>) {
        if self.store.is_some() && self.spill_error.is_none() {
            self.spill_error = self.services.tell_system(ip, &systems::Told::of(record)).err();
        }
    }

    /// Takes a result. `shown`: it is to be seen, as a line or as the correction of one.
    pub fn port(&mut self, event: &PortEvent, unix_us: u64, shown: bool, revised: bool) {
        for file in &mut self.latencies {
            file.record(event);
        }
        self.take(event, unix_us, shown, revised);
    }

    /// Takes a result of an earlier run, from its log.
    pub fn restore(&mut self, event: &PortEvent, unix_us: u64, revised: bool) {
        self.take(event, unix_us, true, revised);
    }

    /// Takes where the scan stands.
    pub fn progress(&mut self, progress: &Progress, now_ns: u64, unix_us: u64) {
        for file in &mut self.statuses {
            file.progress(progress, now_ns, unix_us);
        }
        for file in &mut self.latencies {
            file.turn(now_ns);
        }
    }

    /// Takes an accepted reply as it was received.
    pub fn frame(&mut self, frame: &Frame, unix_ns: u64) {
        for file in &mut self.captures {
            file.frame(frame, unix_ns);
        }
    }

    fn take(&mut self, event: &PortEvent, unix_us: u64, shown: bool, revised: bool) {
        if let Some(store) = &mut self.store
            && self.spill_error.is_none()
            && let Err(error) = store.add(&Finding::new(event, unix_us))
        {
            self.spill_error = Some(error);
        }
        if !shown || self.streams.is_empty() {
            return;
        }
        let cooldown = event.at_ns > self.all_sent_ns;
        let row = Row { event: *event, unix_us, revised, cooldown };
        let is_asked = self.about.services && event.state == PortState::Open;
        if is_asked && event.protocol != Protocol::Icmp && self.waiting.len() < WAITING {
            let PortEvent { addr, port, protocol, .. } = *event;
            self.waiting.insert(Target { addr, port, protocol }, row);
        } else {
            self.write_rows(&row, None);
        }
    }

    fn write_rows(&mut self, row: &Row, told: Option<&Told>) {
        let Row { event, unix_us, revised, cooldown } = row;
        let names = self.about.names.get(&event.addr).map(Vec::as_slice).unwrap_or_default();
        let line =
            Line { event, unix_us: *unix_us, revised: *revised, cooldown: *cooldown, names, told };
        for Stream { content, output, .. } in &mut self.streams {
            content.row(&line, output);
        }
    }

    /// The last probe was sent at `at_ns`: what comes later came in the cooldown.
    pub fn all_sent(&mut self, at_ns: u64) {
        self.all_sent_ns = at_ns;
    }

    /// Whether more results may come: the readers of the streams have taken those before.
    #[must_use]
    pub fn has_room(&mut self) -> bool {
        self.streams.iter_mut().all(|stream| stream.output.has_room())
    }

    /// Whether more frames may come.
    #[must_use]
    pub fn has_room_for_frames(&mut self) -> bool {
        self.captures.iter_mut().all(|capture| capture.output.has_room())
    }

    /// Writes what has come together.
    pub fn flush(&mut self) {
        for stream in &mut self.streams {
            stream.output.flush();
        }
        for capture in &mut self.captures {
            capture.output.flush();
        }
    }

    /// What is written as the scan goes: where, by what, and whether a fault was told.
    fn outputs(&mut self) -> impl Iterator<Item = (&Place, &Output, &mut bool)> {
        let streams = self.streams.iter_mut().map(|f| (&f.place, &f.output, &mut f.alarm_given));
        let latencies =
            self.latencies.iter_mut().map(|f| (&f.place, &f.output, &mut f.alarm_given));
        let statuses = self.statuses.iter_mut().map(|f| (&f.place, &f.output, &mut f.alarm_given));
        let captures = self.captures.iter_mut().map(|f| (&f.place, &f.output, &mut f.alarm_given));
        streams.chain(latencies).chain(statuses).chain(captures)
    }

    /// Whether a flush would write to standard output.
    #[must_use]
    pub fn has_output(&self) -> bool {
        let mut streams = self.streams.iter().filter(|stream| stream.place == Place::Stdout);
        streams.any(|stream| stream.output.has_some())
    }

    /// Whether the reader of standard output has gone.
    #[must_use]
    pub fn stdout_closed(&self) -> bool {
        let mut streams = self.streams.iter().filter(|stream| stream.place == Place::Stdout);
        streams.any(|stream| stream.output.is_closed())
    }

    /// A fault of one of the files, once each.
    pub fn take_alarm(&mut self) -> Option<String> {
        if let Some(error) = &self.spill_error
            && !std::mem::replace(&mut self.spill_alarm_given, true)
        {
            return Some(format!(
                "results for nmap's formats can no longer be kept: {error}; the scan goes on, \
                 and those files will be empty"
            ));
        }
        let (place, output, given) =
            self.outputs().find(|(_, output, given)| !**given && output.error().is_some())?;
        *given = true;
        Some(format!(
            "{} is no longer written: {}; the scan goes on without it",
            place.name(),
            output.error()?
        ))
    }

    /// Writes the reports; `lag`: how late probes left; `stages`: how long the engine took.
    /// Errors are kept for [`Files::finish`].
    pub fn conclude(
        &mut self,
        mut outcome: Outcome,
        lag: Option<&Latency>,
        stages: Option<&Stages>,
    ) {
        for row in std::mem::take(&mut self.waiting).into_values() {
            self.write_rows(&row, None);
        }
        #[cfg(feature = "parquet")]
        for Stream { content, output, .. } in &mut self.streams {
            if let Content::Parquet(file) = content {
                file.end(&self.about, &outcome, output);
            }
        }
        self.flush();
        for file in &mut self.latencies {
            file.conclude(lag, stages, monotonic_ns());
        }
        let Some(store) = self.store.take() else { return };
        if self.spill_error.is_some() {
            return;
        }
        let Self { about, services, reports, .. } = self;
        let mut each = |write: &mut dyn FnMut(&Format, &mut dyn Write) -> io::Result<()>| {
            for report in reports.iter_mut().filter(|report| report.error.is_none()) {
                report.error = write(&report.format, &mut report.output).err();
            }
        };
        each(&mut |format, out| match format {
            Format::Xml => xml::head(about, out),
            Format::Grepable => grepable::head(about, out),
            _ => normal::head(about, out),
        });
        let whole = about.whole && !outcome.stopped;
        let written = store.sorted().and_then(|findings| {
            hosts::each_host(about, whole, findings, |host: &Host<'_>| {
                each(&mut |format, out| match format {
                    Format::Xml => xml::host(host, services, out),
                    Format::Grepable => grepable::host(host, services, out),
                    _ => normal::host(host, services, out),
                });
                Ok(())
            })
        });
        match written {
            Ok(hosts_up) => outcome.hosts_up = hosts_up,
            // Files that end here would look whole if they had their last lines.
            Err(error) => {
                self.spill_error = Some(error);
                return;
            }
        }
        each(&mut |format, out| {
            match format {
                Format::Xml => xml::foot(about, &outcome, out)?,
                Format::Grepable => grepable::foot(about, &outcome, out)?,
                _ => normal::foot(about, &outcome, out)?,
            }
            Ok(())
        });
        for report in &mut self.reports {
            report.output.flush();
        }
    }

    /// Ends all files.
    ///
    /// # Errors
    /// The first error that one of them met, with the names of the others that met one. A
    /// closed pipe is none.
    pub fn finish(mut self) -> Result<()> {
        self.flush();
        let fail = |place: &Place, error: io::Error, others: &[String]| {
            let space = match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space; ",
                _ => "",
            };
            let names: String = others.iter().map(|name| format!(" and {name}")).collect();
            Error::new(Kind::Failed, format!("write results to {}{names}", place.name()))
                .because_of(error)
                .remedy(format!(
                    "{space}where there is an event log, `--resume LOG` writes them again"
                ))
        };
        let streams = self.streams.into_iter().map(|f| (f.place, f.output.into_error()));
        let statuses = self.statuses.into_iter().map(|f| (f.place, f.output.into_error()));
        let captures = self.captures.into_iter().map(|f| (f.place, f.output.into_error()));
        let latencies = self.latencies.into_iter().map(|f| (f.place.clone(), f.into_error()));
        // All are waited for, whichever fails: of the first failure the cause is told.
        let (mut first, mut others) = (None, Vec::new());
        let mut failed = |place: Place, error: io::Error| match &first {
            None => first = Some((place, error)),
            Some(_) => others.push(place.name()),
        };
        for (place, error) in streams.chain(statuses).chain(captures).chain(latencies) {
            if let Some(error) = error {
                failed(place, error);
            }
        }
        let spilled = self.spill_error.is_some();
        for report in self.reports {
            // Its own first: it says more.
            let error = report.output.into_error().or(report.error);
            match self.spill_error.take().or(error) {
                Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                    failed(report.place, error);
                }
                // What could not be kept is lacking in all of them.
                _ if spilled => failed(report.place, io::ErrorKind::Other.into()),
                _ => {}
            }
        }
        first.map_or(Ok(()), |(place, error)| Err(fail(&place, error, &others)))
    }
}

/// `Wed Nov 25 22:55:03 2026`, UTC.
fn calendar(unix_s: u64) -> String {
    use time::format_description::BorrowedFormatItem;
    const SHAPE: &[BorrowedFormatItem<'_>] = time::macros::format_description!(
        "[weekday repr:short] [month repr:short] [day padding:space] [hour]:[minute]:[second] [year]"
    );
    i64::try_from(unix_s)
        .ok()
        .and_then(|unix_s| time::OffsetDateTime::from_unix_timestamp(unix_s).ok())
        .and_then(|time| time.format(SHAPE).ok())
        .unwrap_or_else(|| "?".to_owned())
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
