//! A scan from its arguments to its exit code: resolves the arguments, opens the
//! log, runs the engine, shows what it finds.

use std::ffi::OsString;
use std::io::{IsTerminal, stdout};
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use prtip_engine::error::{Error, Kind, Result};
use prtip_engine::event::clock::{Clock, monotonic_ns};
use prtip_engine::event::files::{About, Files, Format, Outcome};
use prtip_engine::event::log::OnFull;
use prtip_engine::event::os_record::Os;
use prtip_engine::event::record::{ScanResumed, ScanStarted};
use prtip_engine::event::recovery::Interrupted;
use prtip_engine::event::sinks::{Shape, ShownStates, Sinks};
use prtip_engine::event::table::Table;
use prtip_engine::event::{PortEvent, PortState};
use prtip_engine::key;
use prtip_engine::os::{Books, WayOut};
use prtip_engine::plan::{Plan, Purpose};
use prtip_engine::scan::capture::Frame;
use prtip_engine::scan::{
    Control, EngineChoice, Info, LinkAnswers, Observer, Options, Progress, SynOptions, XdpMode,
};

use crate::args::{PortEngine, ScanArgs, SynArg, WayOutArgs, XdpModeArg};
use crate::detection::{Conclusion, Detection};
use crate::exit::Exit;
use crate::idle::Prepared;
use crate::metrics::Metrics;
use crate::os_detection::OsDetection;
use crate::progress::Display;
use crate::say::say;
use crate::summary::Sending;
use crate::{dry_run, event_log, os_detection, outputs, signals, summary, targets, timing};

/// Runs what `args` ask for. `raw_args` is the command line for the log.
pub(crate) fn run(args: &ScanArgs, raw_args: &[OsString]) -> Result<Exit> {
    event_log::check_flags(&args.results)?;
    let options = options(args)?;
    let seed = match args.pace.seed {
        Some(seed) => seed,
        None => key::random_u64()?,
    };
    let resolved = targets::resolve(args, seed)?;
    say(summary::announce_plan(&resolved.plan, args.pace.shard));

    let control = Arc::new(Control::default());
    if args.pace.dry_run {
        signals::watch(&control, "stopping")?;
        return dry_run::run(&resolved.plan, args.results.json, &control, stdout().lock());
    }
    scan(args, raw_args, options, resolved, &control, None)
}

/// Goes on with an interrupted scan. `args` are those of its log.
pub(crate) fn go_on(
    args: &ScanArgs,
    raw_args: &[OsString],
    interrupted: Interrupted,
) -> Result<Exit> {
    let mut options = options(args)?;
    let begun = interrupted.begun();
    let resolved = targets::resolve(args, begun.seed)?;
    let plan = &resolved.plan;
    if begun.plan != format!("{:016x}", plan.hash()) || begun.targets != plan.len() {
        return Err(Error::new(Kind::Usage, "resume a scan whose targets have changed")
            .cause(format!(
                "its plan was {} ({} pairs), its arguments now give {:016x} ({} pairs)",
                begun.plan,
                begun.targets,
                plan.hash(),
                plan.len()
            ))
            .remedy(
                "run it in the folder where it was started, with the lists that it read, \
                 unchanged; a host name may have got other addresses",
            ));
    }
    say(summary::announce_plan(plan, args.pace.shard));
    let resume = interrupted.resume(plan)?;
    let shard = plan.shard();
    let finished: u64 = resume.finished.iter().map(|range| range.end - range.start).sum();
    say(format_args!(
        "prtip: resuming: {finished} of {} pairs were finished; {} results of the others are known",
        shard.end - shard.start,
        resume.known.len()
    ));
    options.resume = Some(resume);
    let control = Arc::new(Control::default());
    scan(args, raw_args, options, resolved, &control, Some(interrupted))
}

fn scan(
    args: &ScanArgs,
    raw_args: &[OsString],
    options: Options,
    resolved: targets::Resolved,
    control: &Arc<Control>,
    interrupted: Option<Interrupted>,
) -> Result<Exit> {
    // Looked at before anything is touched, created only when the scan can start:
    // a failed start must leave nothing behind.
    let log_path = args.results.event_log.as_deref();
    let log_options = event_log::options(&args.results.log, control);
    let on_full = log_options.on_full;
    let key = match (log_path, &interrupted) {
        (Some(path), Some(_)) => key::read(&key::path_beside(path))?,
        (Some(path), None) => {
            event_log::check(path, &log_options)?;
            key::random()?
        }
        (None, _) => key::random()?,
    };
    let wanted = outputs::wanted(&args.results, interrupted.is_some())?;
    outputs::check(&wanted, &args.results)?;
    let shape = match outputs::takes_stdout(&wanted) {
        true => Shape::Nothing,
        false => shape(args, &resolved),
    };
    let started_unix_us = interrupted.as_ref().map(Interrupted::started_unix_us);
    let about = about(args, raw_args, &resolved, started_unix_us);
    let purpose = resolved.plan.items().purpose();
    let started = StartedParts::of(&resolved.plan, args, raw_args);
    signals::watch(control, "waiting for late replies; Ctrl-C again stops at once")?;
    let names = resolved.names;
    // What they need is read before a program is attached to a card.
    let mut detection = Detection::start(args, &names, control)?;
    let systems = OsDetection::start(args, &options)?;
    let prepared = Prepared::open(resolved.plan, key, &options, args)?;
    let interface = prepared.info().interface.clone();
    say(prepared.announce(&options));
    let metrics = match args.results.metrics {
        Some(addr) => {
            let metrics = Metrics::start(addr, args.results.metrics_anywhere, prepared.info())?;
            say(format_args!("prtip: metrics on http://{}/metrics", metrics.addr()));
            Some(metrics)
        }
        None => None,
    };

    let finished = options.resume.iter().flat_map(|resume| &resume.finished);
    let finished: u64 = finished.map(|range| range.end - range.start).sum();
    let cut_bytes = interrupted.as_ref().map_or(0, Interrupted::cut_bytes);
    let resumed = interrupted.is_some();
    let files = match wanted.as_slice() {
        [] => None,
        wanted => Some(Files::open(wanted, about, Some(control), || Box::new(stdout()))?),
    };
    let mut sinks = Sinks::new(shape, shown_states(args), Box::new(stdout()), None).about(purpose);
    if !stdout().is_terminal() {
        sinks = sinks.behind(Box::new(stdout()), control);
    }
    if let Some(files) = files {
        sinks = sinks.with_files(files);
        if let Some(interrupted) = &interrupted {
            interrupted.replay(purpose, |event, unix_us, revised| {
                sinks.restore(event, unix_us, revised);
            })?;
            interrupted.replay_services(|target, told| sinks.restore_service(target, told))?;
        }
    }
    if let (Some(detection), Some(interrupted)) = (&mut detection, &interrupted) {
        interrupted.open_without_service()?.into_iter().for_each(|target| detection.ask(target));
    }
    if let Some(path) = log_path {
        sinks = sinks.with_log(event_log::open(path, log_options, interrupted, key)?);
    }
    if resumed {
        sinks.resumed(&started.resumed(prepared.info(), finished, cut_bytes));
    } else {
        sinks.started(&started.record(prepared.info()));
    }

    let mut console = Console {
        sinks,
        display: Display::start(),
        control: Arc::clone(control),
        sending: Sending::default(),
        closed: false,
        metrics,
        detection,
        systems,
        on_full,
    };
    let begun = Instant::now();
    let report = prepared.run(control, &mut console);
    let services = console.finish_services();
    let systems = console.finish_systems(&interface);
    console.display.end();
    let Console { mut sinks, sending, closed, .. } = console;
    let mut report = report?;
    // It lasts until the last service is known.
    report.elapsed = begun.elapsed();
    // Whoever resumes asks those that were left out.
    report.stopped |= services.as_ref().is_some_and(|services| services.unasked > 0);
    report.stopped |= matches!(&systems, Some(Ok(systems)) if systems.unasked > 0);
    sinks.finished(&report);
    let closed = closed || sinks.stdout_closed();
    // Everything is on the disk before the scan says that it is done; the summary is
    // true also where writing results failed.
    let written = sinks.finish();
    if closed && report.failure.is_none() {
        return written.map(|_| Exit::Done);
    }
    say(summary::conclude(&report, &sending, options.rate, args.results.verbose > 0));
    if let Some(services) = &services {
        say(&services.line);
    }
    let systems = systems.transpose()?;
    if let Some(systems) = &systems {
        say(&systems.line);
    }
    if let Some(counts) = written?
        && args.results.verbose > 0
    {
        say(summary::log(&counts));
    }
    if let Some(broken) = services.and_then(|services| services.broken) {
        return Err(Error::new(Kind::Failed, "ask services").cause(broken));
    }
    if let Some(failure) = report.failure {
        return Err(failure);
    }
    if summary::nothing_was_sent(&report.ledger) {
        let refused = report.ledger.tx_failed - report.ledger.tx_again;
        return Err(Error::new(Kind::Failed, format!("send on {interface}"))
            .cause(format!("the kernel refused all {} probes", refused))
            .remedy("look for a firewall rule on the way out, and for broadcast addresses"));
    }
    let stopped = report.stopped || control.level() > 1;
    Ok(if stopped { Exit::Stopped } else { Exit::Done })
}

/// Writes the files of results of a scan that has come to its end anew, from its log.
/// `args` are those of the log.
pub(crate) fn write_files_again(args: &ScanArgs, interrupted: &Interrupted) -> Result<Exit> {
    let mut wanted = outputs::wanted(&args.results, true)?;
    // What cannot be made of the log is as its run has left it.
    wanted.retain(|file| {
        !matches!(file.format, Format::Latency { .. } | Format::Status | Format::Capture)
    });
    if wanted.is_empty() {
        return Ok(Exit::Done);
    }
    outputs::check(&wanted, &args.results)?;
    let begun = interrupted.begun();
    let resolved = targets::resolve(args, begun.seed)?;
    let raw_args: Vec<OsString> = begun.args.iter().map(OsString::from).collect();
    let purpose = resolved.plan.items().purpose();
    let about = about(args, &raw_args, &resolved, Some(interrupted.started_unix_us()));
    let mut files = Files::open(&wanted, about, None, || Box::new(stdout()))?;
    interrupted.replay(purpose, |event, unix_us, revised| {
        files.restore(event, unix_us, revised);
    })?;
    interrupted.replay_services(|target, told| files.service(target, Some(told)))?;
    let (ended_unix_us, elapsed_s) = interrupted.ended();
    files.conclude(Outcome { ended_unix_us, elapsed_s, stopped: false, hosts_up: 0 }, None, None);
    files.finish()?;
    say("prtip: its files of results have been written again from the log");
    Ok(Exit::Done)
}

/// What the files say of the scan; `resumed`: when it was started, where it is an earlier one.
fn about(
    args: &ScanArgs,
    raw_args: &[OsString],
    resolved: &targets::Resolved,
    resumed: Option<u64>,
) -> About {
    let plan = &resolved.plan;
    About {
        args: raw_args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        items: plan.items().clone(),
        addresses: plan.addresses(),
        only_host: (plan.addresses() == 1).then(|| plan.target(0).addr),
        names: resolved.names.clone(),
        shown: shown_states(args),
        services: args.detection.service_scan > 0,
        // Of earlier runs the log holds only what was shown.
        whole: resumed.is_none() && plan.shard() == (0..plan.len()),
        started_unix_us: resumed.unwrap_or_else(|| Clock::start().unix_us(monotonic_ns())),
    }
}

/// What is shown where nothing is said: what answered well, by each kind of scan.
pub(crate) fn shown_states(args: &ScanArgs) -> ShownStates {
    if args.results.show.is_empty() {
        return ShownStates::of(&[PortState::Open, PortState::Unfiltered]);
    }
    let states: Vec<PortState> =
        args.results.show.iter().flat_map(|state| state.states()).copied().collect();
    ShownStates::of(&states)
}

/// What standard output shows.
fn shape(args: &ScanArgs, resolved: &targets::Resolved) -> Shape {
    if args.results.json {
        return Shape::Json;
    }
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
        || std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    let coloured = stdout().is_terminal() && !plain;
    let table = match &resolved.only_host {
        _ if resolved.plan.items().purpose() == Purpose::Hosts => {
            Table::hosts(resolved.plan.contains_v6(), coloured)
        }
        Some(label) => Table::one_host(label, coloured),
        None => Table::many_hosts(resolved.plan.contains_v6(), coloured),
    };
    Shape::Table(table.with_services(args.detection.service_scan > 0))
}

/// What `scan_started` says about the plan, kept while the plan itself is away.
struct StartedParts {
    args: Vec<String>,
    seed: u64,
    targets: u64,
    shard: String,
    plan: String,
    /// Indices of the shard.
    of: u64,
}

impl StartedParts {
    fn of(plan: &Plan, args: &ScanArgs, raw_args: &[OsString]) -> Self {
        let (part, of) = args.pace.shard.unwrap_or((1, 1));
        Self {
            args: raw_args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect(),
            seed: plan.seed(),
            targets: plan.len(),
            shard: format!("{part}/{of}"),
            plan: format!("{:016x}", plan.hash()),
            of: plan.shard().end - plan.shard().start,
        }
    }

    fn resumed(self, info: &Info, finished: u64, cut_bytes: u64) -> ScanResumed {
        ScanResumed {
            args: self.args,
            finished,
            of: self.of,
            cut_bytes,
            port_engine: info.port_engine.to_owned(),
            xdp_mode: info.xdp_mode.map(str::to_owned),
            interface: info.interface.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    fn record(self, info: &Info) -> ScanStarted {
        ScanStarted {
            args: self.args,
            seed: self.seed,
            targets: self.targets,
            shard: self.shard,
            plan: self.plan,
            port_engine: info.port_engine.to_owned(),
            port_engine_why: info.why.clone(),
            xdp_mode: info.xdp_mode.map(str::to_owned),
            interface: info.interface.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// Results to the sinks, progress to standard error, and a closed pipe to the scan.
pub(crate) struct Console {
    sinks: Sinks,
    display: Display,
    control: Arc<Control>,
    sending: Sending,
    closed: bool,
    metrics: Option<Metrics>,
    detection: Option<Detection>,
    systems: Option<OsDetection>,
    on_full: OnFull,
}

impl Console {
    /// Waits for the services that are not known yet, once the scan has ended.
    fn finish_services(&mut self) -> Option<Conclusion> {
        let detection = self.detection.take()?;
        let Self { sinks, display, control, closed, .. } = self;
        let ended = detection.finish(sinks, |sinks, left| {
            display.aside(|| sinks.idle());
            display.services(left);
            if sinks.stdout_closed() && !std::mem::replace(closed, true) {
                control.stop();
                control.stop();
            }
        });
        Some(ended)
    }

    /// Asks hosts for their systems, once the scan over `interface` (names with commas) has
    /// ended.
    fn finish_systems(&mut self, interface: &str) -> Option<Result<os_detection::Outcome>> {
        let systems = self.systems.take()?;
        let control = Arc::clone(&self.control);
        let scanned: Vec<&str> = interface.split(',').collect();
        Some(systems.finish(&scanned, self, &control))
    }

    /// Takes what a host runs.
    pub(crate) fn os(&mut self, ip: IpAddr, record: &Os<'_>) {
        self.sinks.os(ip, record);
    }

    /// Hosts are asked for their systems by this way from now on.
    pub(crate) fn os_started(&mut self, out: &WayOut) {
        self.sinks.os_started(out);
    }

    /// All hosts of a way have been asked for their systems.
    pub(crate) fn os_finished(&mut self, out: &WayOut, books: &Books) {
        self.sinks.os_finished(out, books);
    }

    /// Says something beside the progress.
    pub(crate) fn say_aside(&mut self, words: std::fmt::Arguments<'_>) {
        self.display.aside(|| say(words));
    }

    /// So many hosts are still to be asked for their systems.
    pub(crate) fn systems_left(&mut self, left: usize) {
        let Self { sinks, display, .. } = self;
        display.aside(|| sinks.idle());
        display.systems(left);
        self.look_after_sinks();
    }

    fn look_after_sinks(&mut self) {
        // Results go on to the log and to the other places.
        if let Some(alarm) = self.sinks.take_file_alarm() {
            self.display.aside(|| say(format_args!("prtip: {alarm}")));
        }
        if let Some(alarm) = self.sinks.take_alarm() {
            self.display.aside(|| say(format_args!("prtip: {alarm}")));
            // Unless it was asked for, what is found from here on would be lost to whoever resumes: what is in
            // the air may still be told on standard output, no more is sent.
            if self.on_full == OnFull::Stop && self.control.level() == 0 {
                self.control.stop();
            }
        }
        if let Some(word) = self.sinks.take_log_word() {
            self.display.aside(|| say(format_args!("prtip: {word}")));
        }
        if self.sinks.stdout_closed() && !self.closed {
            self.closed = true;
            // Nobody reads on: stop at once, without draining.
            self.control.stop();
            self.control.stop();
        }
    }
}

impl Observer for Console {
    fn port(&mut self, event: &PortEvent) {
        self.sinks.port(event);
        if let Some(detection) = &mut self.detection {
            detection.port(event);
        }
        if let Some(systems) = &mut self.systems {
            systems.port(event);
        }
    }

    fn checkpoint(&mut self, finished: &[Range<u64>]) {
        self.sinks.checkpoint(finished);
    }

    fn has_room(&mut self) -> bool {
        self.sinks.has_room()
    }

    fn has_room_for_frames(&mut self) -> bool {
        self.sinks.has_room_for_frames()
    }

    fn frame(&mut self, frame: &Frame) {
        self.sinks.frame(frame);
    }

    fn all_sent(&mut self, at_ns: u64) {
        self.sinks.all_sent(at_ns);
    }

    fn progress(&mut self, progress: &Progress) {
        self.sending.add(progress);
        if let Some(metrics) = &self.metrics {
            metrics.show(progress);
        }
        let Self { sinks, display, .. } = self;
        display.aside(|| sinks.progress(progress));
        let left = self.detection.as_ref().map(Detection::left);
        self.display.show(progress, left);
        self.look_after_sinks();
    }

    fn idle(&mut self) {
        let Self { sinks, display, detection, .. } = self;
        if let Some(detection) = detection {
            detection.drain(sinks);
        }
        if sinks.has_output() {
            display.aside(|| sinks.idle());
        } else {
            sinks.idle();
        }
        self.look_after_sinks();
    }
}

/// The engine's options; what needs more than one flag is judged here.
pub(crate) fn options(args: &ScanArgs) -> Result<Options> {
    let way_out = &args.way_out;
    let (rate, retries, cooldown) = timing::resolve(&args.pace);
    Ok(Options {
        rate,
        retries,
        cooldown,
        engine: engine_choice(way_out)?,
        xdp_mode: match way_out.xdp_mode {
            XdpModeArg::Auto => XdpMode::Auto,
            XdpModeArg::Zerocopy => XdpMode::Zerocopy,
            XdpModeArg::Copy => XdpMode::Copy,
            XdpModeArg::Generic => XdpMode::Generic,
        },
        require_zerocopy: way_out.require_zerocopy,
        busy_poll_us: way_out.busy_poll,
        queues: way_out.queues,
        interfaces: way_out.interface.clone(),
        source_ips: way_out.source_ip.clone(),
        source_ports: way_out.source_ports.clone(),
        router_mac: way_out.router_mac,
        link_answers: match (args.targets.arp_ping > 0, args.targets.disable_arp_ping) {
            (true, _) => LinkAnswers::Only,
            (false, true) => LinkAnswers::Never,
            (false, false) => LinkAnswers::WhereOnLink,
        },
        vlan: way_out.vlan,
        syn: match way_out.syn {
            SynArg::Bare => SynOptions::Bare,
            SynArg::Mss => SynOptions::Mss,
            SynArg::Linux => SynOptions::Linux,
        },
        resume: None,
        report_silent: shown_states(args).contains(PortState::Filtered)
            || shown_states(args).contains(PortState::OpenFiltered),
        contact: way_out.contact.clone(),
        headers: args.results.csv.is_some() || args.results.parquet.is_some(),
        frames: args.results.pcap.is_some(),
        rst: !way_out.no_rst,
        stages: args.results.stage_latency,
    })
}

fn engine_choice(args: &WayOutArgs) -> Result<EngineChoice> {
    let not_xdp = !matches!(args.port_engine, PortEngine::Auto | PortEngine::Xdp);
    let wants_mode =
        args.require_zerocopy || args.xdp_mode != XdpModeArg::Auto || args.busy_poll.is_some();
    let copies = matches!(args.xdp_mode, XdpModeArg::Copy | XdpModeArg::Generic);
    if args.require_zerocopy && copies {
        return Err(Error::new(Kind::Usage, "--require-zerocopy contradicts --xdp-mode"));
    }
    if not_xdp && wants_mode {
        return Err(Error::new(
            Kind::Usage,
            "--xdp-mode, --require-zerocopy and --busy-poll are for --port-engine xdp",
        ));
    }
    match args.port_engine {
        // A mode asked for is a wish for AF_XDP: no silent way around it.
        PortEngine::Auto if wants_mode => Ok(EngineChoice::Xdp),
        PortEngine::Auto => Ok(EngineChoice::Auto),
        PortEngine::Xdp => Ok(EngineChoice::Xdp),
        PortEngine::Packet => Ok(EngineChoice::Packet),
        PortEngine::Raw => Ok(EngineChoice::Raw),
        PortEngine::Live => Ok(EngineChoice::Live),
    }
}
