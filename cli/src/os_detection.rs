//! `-O`: which hosts are asked for their systems, and what comes of it. They are asked when
//! the scan has ended: then open and closed ports are known.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::Instant;

use prtip_engine::error::{Error, Kind, Result};
use prtip_engine::event::os_record::{Os, PortUsed};
use prtip_engine::event::{PortEvent, PortState};
use prtip_engine::os::{self, Answers, Asked, Books, Observer, Target, WayOut};
use prtip_engine::plan::Protocol;
use prtip_engine::scan::{Control, Options};
use prtip_signatures::os::{Database, Limits, Scratch};

use crate::args::ScanArgs;
use crate::run::Console;

/// Hosts of which a closed port is remembered before an open one is known.
const REMEMBERED: usize = 1 << 20;
/// Hosts without a way that are told one by one.
const TOLD: usize = 5;

/// What came of it.
pub(crate) struct Outcome {
    /// In words.
    pub(crate) line: String,
    /// Hosts that were left out because the scan was told to stop.
    pub(crate) unasked: usize,
}

/// Closed ports of a host.
#[derive(Clone, Copy, Default)]
struct Closed {
    tcp: Option<u16>,
    udp: Option<u16>,
}

/// What a scan finds for it.
pub(crate) struct OsDetection {
    database: &'static Database,
    limits: Limits,
    options: Options,
    only_with_closed: bool,
    verbose: bool,
    open: BTreeMap<IpAddr, u16>,
    closed: HashMap<IpAddr, Closed>,
}

impl OsDetection {
    /// Gets ready where it is asked for.
    pub(crate) fn start(args: &ScanArgs, options: &Options) -> Result<Option<Self>> {
        let detection = &args.detection;
        if detection.os_scan == 0 {
            if detection.systems.os_db.is_some() || detection.systems.osscan_guess {
                return Err(Error::new(
                    Kind::Usage,
                    "--os-db and --osscan-guess are for -O, which asks for operating systems",
                ));
            }
            return Ok(None);
        }
        if args.targets.udp_scan > 0 && args.targets.syn_scan == 0 {
            return Err(Error::new(Kind::Usage, "-O needs open TCP ports: add -sS"));
        }
        Ok(Some(Self {
            database: detection.systems.read()?,
            limits: detection.systems.limits(),
            options: Options { resume: None, ..options.clone() },
            verbose: args.results.verbose > 0,
            only_with_closed: detection.osscan_limit,
            open: BTreeMap::new(),
            closed: HashMap::new(),
        }))
    }

    /// Takes a result of the scan.
    pub(crate) fn port(&mut self, event: &PortEvent) {
        let host = event.addr;
        match (event.state, event.protocol) {
            (PortState::Open, Protocol::Tcp) => {
                self.open.entry(host).or_insert(event.port);
            }
            (PortState::Closed, protocol)
                if self.closed.len() < REMEMBERED || self.closed.contains_key(&host) =>
            {
                let closed = self.closed.entry(host).or_default();
                match protocol {
                    Protocol::Tcp => closed.tcp.get_or_insert(event.port),
                    _ => closed.udp.get_or_insert(event.port),
                };
            }
            _ => {}
        }
    }

    /// The scan over these interfaces has ended: asks the hosts. Returns what came out.
    pub(crate) fn finish(
        self,
        scanned: &[&str],
        console: &mut Console,
        control: &Control,
    ) -> Result<Outcome> {
        let begun = Instant::now();
        let (mut targets, mut limited) = (Vec::new(), 0);
        for (&host, &open) in &self.open {
            let Closed { tcp, udp } = self.closed.get(&host).copied().unwrap_or_default();
            if self.only_with_closed && tcp.is_none() {
                limited += 1;
                continue;
            }
            targets.push(Target { host, open, closed: tcp, closed_udp: udp });
        }
        let (scratch, counts) = (self.database.os_scratch(), Counts::default());
        let mut asking = Asking { systems: &self, console, scratch, counts };
        let unasked = os::ask(&targets, scanned, &self.options, control, &mut asking)?;
        let Counts { asked, known, lost } = asking.counts;
        let mut line = format!(
            "systems: {known} of {} hosts with an open port known, {:.2} s after the scan",
            asked + lost + unasked + limited,
            begun.elapsed().as_secs_f64()
        );
        for (count, why) in [
            (limited, "have no closed port that is known"),
            (lost, "cannot be reached"),
            (unasked, "were not asked"),
        ] {
            if count > 0 {
                line += &format!("; {count} {why}");
            }
        }
        Ok(Outcome { line, unasked })
    }

    /// Whether something agrees.
    fn tell(&self, answers: &Answers, scratch: &mut Scratch, console: &mut Console) -> bool {
        let mut fingerprint = answers.fingerprint();
        let flow = answers.flow;
        fingerprint.set_conditions(format!(
            "V=prtip-{}%E={}%OT={}%CT={}%CU={}%PV={}{}%G={}",
            env!("CARGO_PKG_VERSION"),
            if flow.target.is_ipv6() { 6 } else { 4 },
            flow.open,
            if answers.guessed { String::new() } else { flow.closed.to_string() },
            if answers.closed_udp_answered() { flow.closed_udp.to_string() } else { String::new() },
            if is_private(flow.target) { "Y" } else { "N" },
            answers.routers().map(|routers| format!("%DS={routers}")).unwrap_or_default(),
            if answers.doubts().is_empty() { "Y" } else { "N" },
        ));
        let best = self.database.best(scratch, &fingerprint, self.limits);
        let ip = flow.target;
        let mut record = Os::new(Some(ip), &fingerprint, self.database, &best);
        record.routers = answers.routers();
        record.uptime_s = answers.uptime_s();
        record.ip_id = answers.ip_id_class();
        record.ports_used = answers
            .ports_used()
            .map(|(state, proto, port)| PortUsed { state, proto, port })
            .collect();
        record.doubts = answers.doubts();
        console.os(ip, &record);
        !record.matches.is_empty()
    }
}

/// How many hosts.
#[derive(Clone, Copy, Default)]
struct Counts {
    asked: usize,
    known: usize,
    lost: usize,
}

/// Hosts being asked.
struct Asking<'a> {
    systems: &'a OsDetection,
    console: &'a mut Console,
    scratch: Scratch,
    counts: Counts,
}

impl Observer for Asking<'_> {
    fn way(&mut self, out: &WayOut) {
        let mode = out.xdp_mode.map(|mode| format!(", {mode}")).unwrap_or_default();
        let WayOut { hosts, port_engine, why, interface, .. } = out;
        let hosts = format!("{hosts} {}", if *hosts == 1 { "host" } else { "hosts" });
        self.console.say_aside(format_args!(
            "systems: {hosts} by {port_engine}{mode} on {interface}: {why}"
        ));
        self.console.os_started(out);
    }

    fn host(&mut self, asked: Asked<'_>) {
        match asked {
            Asked::Answers(answers) => {
                self.counts.asked += 1;
                let known = self.systems.tell(answers, &mut self.scratch, self.console);
                self.counts.known += usize::from(known);
            }
            Asked::NoWay(target, error) => {
                self.counts.lost += 1;
                if self.counts.lost <= TOLD {
                    let host = target.host;
                    self.console.say_aside(format_args!(
                        "prtip: {host} is not asked for its system: {error}"
                    ));
                }
            }
        }
    }

    fn idle(&mut self, left: usize) {
        self.console.systems_left(left);
    }

    fn way_ended(&mut self, out: &WayOut, books: &Books) {
        let unaccounted = books.unaccounted();
        if self.systems.verbose || unaccounted > 0 {
            self.console.say_aside(format_args!(
                "systems: {}: {} probes and {} RSTs sent; {} packets let in: {} answers, {} again, \
                 {} others, {} lost for want of room, {unaccounted} unaccounted",
                out.interface,
                books.probes,
                books.rsts,
                books.rx_steered,
                books.rx_valid,
                books.rx_duplicate,
                books.rx_invalid,
                books.ring_drops,
            ));
        }
        self.console.os_finished(out, books);
    }
}

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private(),
        IpAddr::V6(ip) => ip.is_unique_local(),
    }
}
