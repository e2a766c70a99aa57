//! `-sI`: an idle scan in the place of one that sends in our own name; and `prtip zombie`,
//! which looks for hosts that it can go by way of.

use std::net::{IpAddr, Ipv4Addr, ToSocketAddrs};
use std::path::Path;
use std::time::{Duration, Instant};

use clap::Args;
use prtip_engine::error::{Error, Kind, Result};
use prtip_engine::event::clock::{Clock, monotonic_ns};
use prtip_engine::event::record::encode;
use prtip_engine::event::zombie_record::Zombie;
use prtip_engine::event::{PortEvent, PortState, Reason};
use prtip_engine::idle::{self, IdleScan, Verdict};
use prtip_engine::latency::Latency;
use prtip_engine::plan::{IpRange, Plan, Protocol, Purpose, Target, TargetToken, parse_target};
use prtip_engine::scan::ledger::Ledger;
use prtip_engine::scan::{
    self, Control, EngineChoice, Info, Observer, Progress, Rate, Report, Resume,
};

use crate::args::{ScanArgs, parse_rate};
use crate::exit::Exit;
use crate::finished::Finished;
use crate::say::say;
use crate::{signals, summary, targets};

/// The zombie's port where none is given.
const PORT: u16 = 80;
/// Most hosts that `prtip zombie` asks.
const MOST_CANDIDATES: usize = 1 << 16;
/// Retries where nothing is said.
const RETRIES: u8 = 1;
/// In whose name a single candidate is asked: nobody has this address (RFC 5737).
const NOBODY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// Between two words on how far the scan is.
const PROGRESS: Duration = Duration::from_millis(250);
/// Between two notes of what need not be asked again.
const CHECKPOINT: Duration = Duration::from_secs(1);

/// A scan that can begin.
pub(crate) enum Prepared {
    /// In our own name.
    Direct(Box<scan::Prepared>),
    /// In a zombie's.
    Idle(Box<Idle>),
}

impl Prepared {
    /// Opens what the arguments ask for.
    pub(crate) fn open(
        plan: Plan,
        key: prtip_engine::key::Key,
        options: &scan::Options,
        args: &ScanArgs,
    ) -> Result<Self> {
        Ok(match &args.targets.idle_scan {
            None => Self::Direct(Box::new(scan::prepare(plan, key, options)?)),
            Some(zombie) => Self::Idle(Box::new(Idle::open(plan, zombie, options)?)),
        })
    }

    /// How it will run.
    pub(crate) fn info(&self) -> &Info {
        match self {
            Self::Direct(scan) => scan.info(),
            Self::Idle(idle) => &idle.info,
        }
    }

    /// How it will run, in words.
    pub(crate) fn announce(&self, options: &scan::Options) -> String {
        match self {
            Self::Direct(scan) => summary::announce_scan(scan.info(), scan.items(), options),
            Self::Idle(idle) => format!("idle scan: {}", idle.info.why),
        }
    }

    /// Scans.
    pub(crate) fn run(self, control: &Control, observer: &mut dyn Observer) -> Result<Report> {
        match self {
            Self::Direct(scan) => scan.run(control, observer),
            Self::Idle(idle) => idle.run(control, observer),
        }
    }
}

/// A scan by way of a zombie.
pub(crate) struct Idle {
    plan: Plan,
    scan: IdleScan,
    info: Info,
    /// What the log of an interrupted scan tells.
    resume: Option<Resume>,
}

impl Idle {
    fn open(plan: Plan, zombie: &str, options: &scan::Options) -> Result<Self> {
        let usage = |what: String| Err(Error::new(Kind::Usage, what));
        if plan.contains_v6() {
            return usage("an idle scan is for IPv4: IPv6 has no identification to count".into());
        }
        if !matches!(options.engine, EngineChoice::Auto | EngineChoice::Raw) {
            return usage("an idle scan goes out by raw sockets: leave --port-engine".into());
        }
        let (host, port) = zombie_of(zombie)?;
        let IpAddr::V4(target) = plan.target(0).addr else {
            return usage("an idle scan is for IPv4".into());
        };
        if (0..plan.len().min(1 << 20)).any(|at| plan.target(at).addr == IpAddr::V4(host)) {
            return usage(format!("{host} is to be scanned and cannot be its own zombie"));
        }
        let ways = ways(options.rate, options.retries, &options.interfaces, &options.source_ips);
        let scan = IdleScan::open(host, port, target, &ways)?;
        let info = Info {
            port_engine: "raw",
            xdp_mode: None,
            interface: options.interfaces.join(","),
            queues: 1,
            workers: 1,
            why: format!(
                "by way of {host}:{port}, which {}; {:.1} ms away",
                scan.counter,
                scan.rtt.as_secs_f64() * 1e3
            ),
            attempts: 1,
            udp_guess: None,
            wire_bytes: 0,
        };
        Ok(Self { plan, scan, info, resume: options.resume.clone() })
    }

    fn run(mut self, control: &Control, observer: &mut dyn Observer) -> Result<Report> {
        let (begun, shard) = (Instant::now(), self.plan.shard());
        let all = shard.end - shard.start;
        // What was open and had not been told to the end is asked again, and not told again.
        let Resume { finished, known, counts } = self.resume.unwrap_or_default();
        let finished = std::cell::RefCell::new(Finished::of(&finished));
        let mut open = counts.0 + known.len() as u64;
        let mut not = finished.borrow().len() - counts.0;
        let is_known = |index: &u64| known.binary_search_by_key(index, |(at, _)| *at).is_ok();
        let observer = std::cell::RefCell::new(observer);
        let asked = shard.filter(|index| !finished.borrow().contains(*index));
        let mut pairs = asked.map(|index| self.plan.target(index)).filter_map(|pair| {
            let IpAddr::V4(addr) = pair.addr else { return None };
            Some((addr, pair.port))
        });
        let (mut shown, mut kept) = (Instant::now(), Instant::now());
        let ended = self.scan.run(
            &mut pairs,
            control,
            &mut |(addr, port), is_open| {
                let pair = Target { addr: addr.into(), port, protocol: Protocol::Tcp };
                let index = self.plan.index_of(pair);
                index.into_iter().for_each(|index| finished.borrow_mut().add(index));
                if index.is_some_and(|index| is_known(&index)) {
                    return;
                }
                let (state, reason) = match is_open {
                    true => (PortState::Open, Reason::IpidChange),
                    false => (PortState::ClosedFiltered, Reason::NoIpidChange),
                };
                *(if is_open { &mut open } else { &mut not }) += 1;
                observer.borrow_mut().port(&PortEvent {
                    addr: addr.into(),
                    port,
                    protocol: Protocol::Tcp,
                    state,
                    previous: None,
                    reason,
                    ttl: 0,
                    rtt_ns: None,
                    at_ns: monotonic_ns(),
                    heard: None,
                });
            },
            &mut |_| {
                let mut observer = observer.borrow_mut();
                observer.idle();
                if kept.elapsed() >= CHECKPOINT {
                    kept = Instant::now();
                    observer.checkpoint(&finished.borrow().ranges());
                }
                if shown.elapsed() >= PROGRESS {
                    shown = Instant::now();
                    let part = finished.borrow().len() as f64 / all.max(1) as f64;
                    let took = begun.elapsed().as_secs_f64();
                    observer.progress(&Progress {
                        percent: part * 100.0,
                        eta_s: if part > 0.0 { took / part - took } else { 0.0 },
                        ..Progress::default()
                    });
                }
            },
        );
        observer.borrow_mut().checkpoint(&finished.borrow().ranges());
        let (whole, failure) = match ended {
            Ok(whole) => (whole, None),
            Err(error) => (false, Some(error)),
        };
        let sent = self.scan.sent;
        let ledger =
            Ledger { generated: sent, submitted: sent, completed: sent, ..Ledger::default() };
        let told = "what is not open an idle scan cannot tell: closed or filtered";
        Ok(Report {
            ledger,
            steering: None,
            purpose: Purpose::Ports,
            acks: false,
            open,
            closed: 0,
            filtered: not,
            udp_ports: 0,
            elapsed: begun.elapsed(),
            latency: Latency::new(),
            lag: None,
            stages: None,
            rate_found: None,
            stopped: !whole && failure.is_none(),
            remarks: vec![told.to_owned()],
            failure,
        })
    }
}

fn ways(
    rate: Rate,
    retries: Option<u8>,
    interfaces: &[String],
    sources: &[IpAddr],
) -> idle::Options {
    idle::Options {
        rate: match rate {
            Rate::PerSecond(rate) => Some(rate),
            Rate::Max | Rate::Auto => None,
        },
        retries: retries.unwrap_or(RETRIES),
        interface: if let [one] = interfaces { Some(one.clone()) } else { None },
        source: sources.iter().find_map(|ip| match ip {
            IpAddr::V4(ip) => Some(*ip),
            IpAddr::V6(_) => None,
        }),
    }
}

/// `ZOMBIE[:PORT]`.
fn zombie_of(text: &str) -> Result<(Ipv4Addr, u16)> {
    let fault = |why: &str| Error::new(Kind::Usage, format!("-sI {text}")).cause(why.to_owned());
    let (host, port) = match text.split_once(':') {
        None => (text, PORT),
        Some((host, port)) => {
            let port = port.parse().ok().filter(|port| *port > 0);
            (host, port.ok_or_else(|| fault("what is behind the colon is no port"))?)
        }
    };
    let found = (host, port)
        .to_socket_addrs()
        .map_err(|error| Error::new(Kind::Usage, format!("-sI {text}")).because_of(error))?;
    let mut v4 = found.filter_map(|found| match found.ip() {
        IpAddr::V4(ip) => Some(ip),
        IpAddr::V6(_) => None,
    });
    v4.next().map(|ip| (ip, port)).ok_or_else(|| fault("it has no IPv4 address"))
}

/// `prtip zombie`.
#[derive(Debug, Args)]
pub(crate) struct ZombieArgs {
    /// Addresses, prefixes or ranges, or files that hold such.
    #[arg(value_name = "RANGE|FILE", required = true)]
    targets: Vec<String>,
    /// The port that is asked; it may be open or closed.
    #[arg(short = 'p', long, value_name = "PORT", default_value_t = PORT,
          value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// In whose name candidates are asked whether all hosts count; default: another candidate.
    #[arg(long = "as", value_name = "ADDRESS")]
    other: Option<Ipv4Addr>,
    /// Interface to send from; default: as the routes say.
    #[arg(short = 'e', long = "interface", value_name = "IFACE")]
    interface: Option<String>,
    /// Questions a second.
    #[arg(long, value_name = "PPS", value_parser = parse_rate, default_value = "1000")]
    rate: Rate,
    /// Tell those too that will not do, and why.
    #[arg(short = 'v', long)]
    verbose: bool,
    /// JSON lines on standard output.
    #[arg(long)]
    json: bool,
}

/// Looks for zombies.
pub(crate) fn find(args: &ZombieArgs) -> Result<Exit> {
    let candidates = candidates(&args.targets)?;
    let options = ways(args.rate, None, args.interface.as_slice(), &[]);
    let control = std::sync::Arc::new(Control::default());
    signals::watch(&control, "stopping")?;
    let other = |host: Ipv4Addr| {
        let another = candidates.iter().find(|one| **one != host).copied();
        args.other.or(another).unwrap_or(NOBODY)
    };
    let (mut fit, mut closed, clock) = (0_u64, Ok(()), Clock::start());
    idle::find_zombies(&candidates, args.port, &other, &options, &control, &mut |verdict| {
        fit += u64::from(verdict.counter.is_ok());
        let text = told(&verdict, args, &clock);
        if closed.is_ok() && !text.is_empty() {
            closed = crate::print(&text).map(|_| ());
        }
    })?;
    closed?;
    say(format_args!("prtip: {fit} of {} hosts can be zombies", candidates.len()));
    Ok(if control.level() > 0 { Exit::Stopped } else { Exit::Done })
}

fn told(verdict: &Verdict, args: &ZombieArgs, clock: &Clock) -> Vec<u8> {
    if verdict.counter.is_err() && !args.verbose {
        return Vec::new();
    }
    let mut text = Vec::new();
    if args.json {
        encode(&Zombie::new(verdict, args.port), &clock.now_rfc3339(), &mut text);
        return text;
    }
    let why = match &verdict.counter {
        Ok(counter) => counter.to_string(),
        Err(unfit) => unfit.to_string(),
    };
    format!("{}:{} {why}\n", verdict.host, args.port).into_bytes()
}

fn candidates(targets: &[String]) -> Result<Vec<Ipv4Addr>> {
    let mut found = Vec::new();
    let mut add = |ranges: Vec<IpRange>| -> Result<()> {
        for range in ranges {
            let IpRange::V4(first, last) = range else {
                return Err(Error::new(Kind::Usage, "a zombie has an IPv4 address"));
            };
            let (first, last) = (u32::from(first), u32::from(last));
            if found.len() + (last - first) as usize >= MOST_CANDIDATES {
                return Err(Error::new(
                    Kind::Usage,
                    format!("more than {MOST_CANDIDATES} hosts to ask"),
                ));
            }
            found.extend((first..=last).map(Ipv4Addr::from));
        }
        Ok(())
    };
    for target in targets {
        if Path::new(target).is_file() {
            let mut ranges = Vec::new();
            let names = targets::read(Path::new(target), |more| ranges.extend(more))?;
            for name in names {
                ranges.push(IpRange::single(zombie_of(&name)?.0.into()));
            }
            add(ranges)?;
            continue;
        }
        match parse_target(target)? {
            TargetToken::Ranges(ranges) => add(ranges)?,
            TargetToken::Hostname(name) => {
                add(vec![IpRange::single(zombie_of(&name)?.0.into())])?;
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_zombie_is_a_host_and_perhaps_a_port() {
        let ip = Ipv4Addr::new(198, 18, 0, 9);
        assert_eq!(zombie_of("198.18.0.9").unwrap(), (ip, 80));
        assert_eq!(zombie_of("198.18.0.9:443").unwrap(), (ip, 443));
        for bad in ["198.18.0.9:", "198.18.0.9:0", "198.18.0.9:x", "198.18.0.9:70000", "::1"] {
            assert!(zombie_of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn candidates_are_told_once_and_bounded() {
        let of =
            |texts: &[&str]| candidates(&texts.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(of(&["198.18.0.1-3", "198.18.0.2"]).unwrap().len(), 3);
        assert!(of(&["10.0.0.0/8"]).is_err());
        assert!(of(&["2001:2::/120"]).is_err());
    }
}
