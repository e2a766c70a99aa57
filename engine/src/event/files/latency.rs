//! `--latency`: round-trip times in HdrHistogram's formats. A `.hlog` gets a line a
//! second as the scan goes, and groups and the sender's lag at the end; a `.hgrm` is
//! written at the end, with the lag and the engine's own stages in files beside it.

use std::io;
use std::time::Duration;

use super::{About, Place};
use crate::event::PortEvent;
use crate::event::output::Output;
use crate::latency::groups::{Grouping, Groups};
use crate::latency::interval_log::IntervalLog;
use crate::latency::{Latency, percentiles};
use crate::scan::stages::{NAMES, Stages};

const INTERVAL_NS: u64 = 1_000_000_000;
/// Tag and name of the histogram of the sender's lag.
const LAG: &str = "send-lag";

/// A file of round-trip times.
pub(super) struct LatencyFile {
    pub place: Place,
    pub output: Output,
    pub alarm_given: bool,
    /// `.hgrm`: where the sender's lag and the stages go, by name.
    beside: Vec<(&'static str, Output)>,
    log: Option<IntervalLog>,
    total: Latency,
    interval: Latency,
    started_ns: u64,
    interval_from_ns: u64,
    groups: Option<Groups>,
    error: Option<io::Error>,
}

/// Whether the place is for an interval log, by its ending; `None`: for neither kind.
pub(super) fn is_log(place: &Place) -> Option<bool> {
    let Place::Path(path) = place else { return None };
    match path.extension()?.to_str()? {
        "hlog" => Some(true),
        "hgrm" => Some(false),
        _ => None,
    }
}

/// What goes beside a `.hgrm`, by name: the sender's lag, and the stages where they are timed.
pub(super) fn beside(place: &Place, stages: bool) -> Vec<(&'static str, Place)> {
    let Place::Path(path) = place else { return Vec::new() };
    if is_log(place) != Some(false) {
        return Vec::new();
    }
    let names = std::iter::once(LAG).chain(if stages { &NAMES[..] } else { &[] }.iter().copied());
    names.map(|name| (name, Place::Path(path.with_extension(format!("{name}.hgrm"))))).collect()
}

impl LatencyFile {
    pub(super) fn new(
        place: Place,
        mut output: Output,
        beside: Vec<(&'static str, Output)>,
        by: Option<Grouping>,
        about: &About,
        now_ns: u64,
    ) -> Self {
        let mut log = None;
        if is_log(&place) == Some(true) {
            output.write_with(|out| {
                log = Some(IntervalLog::start(&about.version, about.started_unix_us, out));
            });
            output.flush();
        }
        Self {
            place,
            output,
            alarm_given: false,
            beside,
            log,
            total: Latency::new(),
            interval: Latency::new(),
            started_ns: now_ns,
            interval_from_ns: now_ns,
            groups: by.map(Groups::new),
            error: None,
        }
    }

    /// Counts the round trip of a first answer.
    pub(super) fn record(&mut self, event: &PortEvent) {
        let (Some(rtt_ns), None) = (event.rtt_ns, event.previous) else { return };
        match self.log {
            Some(_) => self.interval.record(rtt_ns),
            None => self.total.record(rtt_ns),
        }
        if let Some(groups) = &mut self.groups {
            groups.record(event, rtt_ns);
        }
    }

    /// Writes the interval where it is over.
    pub(super) fn turn(&mut self, now_ns: u64) {
        if self.log.is_some() && now_ns >= self.interval_from_ns + INTERVAL_NS {
            self.end_interval(now_ns);
        }
    }

    fn end_interval(&mut self, now_ns: u64) {
        let Self { log: Some(log), interval, output, error, .. } = self else { return };
        if interval.count() > 0 {
            let start = Duration::from_nanos(self.interval_from_ns - self.started_ns);
            let length = Duration::from_nanos(now_ns.saturating_sub(self.interval_from_ns));
            output.write_with(|out| {
                let line = log.line(&interval.histogram(), (start, length), None, out);
                *error = error.take().or(line.err());
            });
            output.flush();
            interval.clear();
        }
        self.interval_from_ns = now_ns;
    }

    /// Writes what is written at the end.
    pub(super) fn conclude(&mut self, lag: Option<&Latency>, stages: Option<&Stages>, now_ns: u64) {
        let stages = stages.map(Stages::named).into_iter().flatten();
        let others: Vec<(&str, &Latency)> =
            lag.map(|lag| (LAG, lag)).into_iter().chain(stages).collect();
        self.end_interval(now_ns);
        let whole = (Duration::ZERO, Duration::from_nanos(now_ns.saturating_sub(self.started_ns)));
        let Self { log, total, groups, output, error, .. } = self;
        let mut keep = |result: io::Result<()>| *error = error.take().or(result.err());
        let Some(log) = log else {
            output.write_with(|out| keep(percentiles::write(total, out)));
            output.flush();
            for (name, output) in &mut self.beside {
                if let Some((_, latency)) = others.iter().find(|(other, _)| other == name) {
                    output.write_with(|out| keep(percentiles::write(latency, out)));
                    output.flush();
                }
            }
            return;
        };
        if let Some(groups) = groups {
            for (name, histogram) in groups.sorted() {
                output.write_with(|out| keep(log.line(histogram, whole, Some(name), out)));
            }
        }
        for (name, latency) in others {
            output.write_with(|out| keep(log.line(&latency.histogram(), whole, Some(name), out)));
        }
        output.flush();
    }

    pub(super) fn into_error(self) -> Option<io::Error> {
        let beside = self.beside.into_iter().find_map(|(_, output)| output.into_error());
        self.output.into_error().or(beside).or(self.error)
    }
}
