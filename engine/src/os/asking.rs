//! Many hosts asked at once, over the raw port: whole IP packets through the kernel's
//! routing, answers by a packet socket. The kernel sees the answers too and ends what is
//! half open.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::host::{Host, Next};
use super::observe::Answers;
use super::probe::{Flow, LONGEST, PORTS};
use super::reply::origin;
use crate::error::{Error, Kind, Result};
use crate::event::clock::monotonic_ns;
use crate::key::random_u64;
use crate::port::Port;
use crate::port::filter::{MAX_SOURCES, ReplyFilter};
use crate::port::packet::{Config, RECEIVE_BUFFER_BYTES};
use crate::port::raw::RawPort;
use crate::route::{self, Interface, Reach};
use crate::scan::Control;

/// Hosts that are asked at once; each takes some 3 KiB.
const AT_ONCE: usize = 4096;
/// Our ports lie here: below the kernel's own and those of scans.
const OUR_PORTS: std::ops::Range<u16> = 30_000..32_700;
/// Where a closed port is guessed.
const GUESSED: std::ops::Range<u16> = 33_000..45_000;
/// Packets read in a turn.
const READ: usize = 256;
/// Longest sleep, so that results go on.
const NAP: Duration = Duration::from_millis(20);

/// A host to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its address.
    pub host: IpAddr,
    /// A TCP port that is open.
    pub open: u16,
    /// One that is closed, where one is known.
    pub closed: Option<u16>,
    /// A UDP port that is closed, where one is known.
    pub closed_udp: Option<u16>,
}

/// A host and the address of ours that asks it.
type Sourced = (Target, IpAddr);

/// How to ask.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Probes a second; `None`: 10,000.
    pub rate: Option<f64>,
    /// Leave by this interface.
    pub interface: Option<String>,
    /// Our addresses, at most one a family; where the route says nothing else.
    pub sources: Vec<IpAddr>,
}

/// What becomes of a host.
#[derive(Debug)]
pub enum Asked<'a> {
    /// It was asked.
    Answers(&'a Answers),
    /// There is no way to it.
    NoWay(Target, Error),
}

/// Asks all `targets` and tells each by `tell`; `idle` is called now and then with the
/// number that is left. Returns how many were left out because `control` said to stop.
///
/// # Errors
/// `Denied` without privileges, `Failed` when nothing can be sent any more.
pub fn ask(
    targets: &[Target],
    options: &Options,
    control: &Control,
    tell: &mut dyn FnMut(Asked<'_>),
    idle: &mut dyn FnMut(usize),
) -> Result<usize> {
    let mut ways: BTreeMap<(u32, bool), Vec<Sourced>> = BTreeMap::new();
    let wanted = options.interface.as_deref().map(Interface::by_name).transpose()?;
    for target in targets {
        match way(target.host, wanted.as_ref(), &options.sources) {
            Ok((ifindex, source, near)) => {
                ways.entry((ifindex, near)).or_default().push((*target, source));
            }
            Err(error) => tell(Asked::NoWay(*target, error)),
        }
    }
    let mut left: usize = ways.values().map(Vec::len).sum();
    for ((ifindex, near), targets) in ways {
        for targets in in_families(targets) {
            let mut turn = Turn::open(ifindex, near, &targets, options.rate)?;
            left -= targets.len();
            let unasked = turn.run(control, tell, &mut |more| idle(left + more))?;
            if unasked > 0 || control.level() > 0 {
                return Ok(left + unasked);
            }
        }
    }
    Ok(0)
}

/// Interface, our address, and whether the host is on the local network or this one.
pub(crate) fn way(
    host: IpAddr,
    wanted: Option<&Interface>,
    sources: &[IpAddr],
) -> Result<(u32, IpAddr, bool)> {
    let route = route::look_up(host, wanted)?;
    if route.reach == Reach::Local {
        // From itself to itself, as the kernel does it.
        let source = match host {
            IpAddr::V4(ip) if ip.is_loopback() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_loopback() => Ipv6Addr::LOCALHOST.into(),
            host => host,
        };
        return Ok((Interface::loopback()?.index, source, true));
    }
    let interface = Interface::by_index(route.ifindex)?;
    let v6 = host.is_ipv6();
    let wanted = sources.iter().copied().find(|source| source.is_ipv6() == v6);
    let ours = wanted.or(route.source).or_else(|| interface.source(v6));
    match ours {
        Some(ours) if ours.is_ipv6() == v6 => {
            Ok((route.ifindex, ours, route.reach == Reach::OnLink))
        }
        _ => {
            let family = if v6 { "IPv6" } else { "IPv4" };
            Err(Error::new(Kind::Failed, format!("ask {host}"))
                .cause(format!("{} has no {family} address", interface.name)))
        }
    }
}

/// As many at a time as a filter has room for source addresses.
fn in_families(targets: Vec<Sourced>) -> Vec<Vec<Sourced>> {
    let mut families: Vec<(Vec<IpAddr>, Vec<Sourced>)> = Vec::new();
    for (target, source) in targets {
        let known = families
            .iter()
            .position(|(sources, _)| sources.contains(&source) || sources.len() < MAX_SOURCES);
        let at = known.unwrap_or_else(|| {
            families.push((Vec::new(), Vec::new()));
            families.len() - 1
        });
        let (sources, targets) = &mut families[at];
        if !sources.contains(&source) {
            sources.push(source);
        }
        targets.push((target, source));
    }
    families.into_iter().map(|(_, targets)| targets).collect()
}

/// The hosts behind one interface.
struct Turn {
    port: RawPort,
    waiting: Vec<Host>,
    hosts: Vec<Option<Host>>,
    free: Vec<usize>,
    places: HashMap<IpAddr, usize>,
    due: BinaryHeap<Reverse<(u64, usize)>>,
    /// Between two probes.
    gap_ns: u64,
    next_ns: u64,
}

impl Turn {
    fn open(ifindex: u32, near: bool, targets: &[Sourced], rate: Option<f64>) -> Result<Self> {
        let interface = Interface::by_index(ifindex)?;
        let loopback = interface.index == Interface::loopback()?.index;
        let dice = random_u64()?;
        let span = u64::from((OUR_PORTS.end - OUR_PORTS.start) / PORTS);
        let first_port = OUR_PORTS.start + (dice % span) as u16 * PORTS;
        let sources: BTreeSet<IpAddr> = targets.iter().map(|(_, source)| *source).collect();
        let (mut sources_v4, mut sources_v6) = (Vec::new(), Vec::new());
        for source in sources {
            match source {
                IpAddr::V4(ip) => sources_v4.push(ip),
                IpAddr::V6(ip) => sources_v6.push(ip),
            }
        }
        let filter = ReplyFilter {
            sources_v4,
            sources_v6,
            source_ports: first_port..=first_port + PORTS - 1,
            udp: false,
            echo: true,
            any_segment: true,
        };
        let config = Config {
            interface: interface.name.clone(),
            ifindex,
            filter,
            receive_buffer_bytes: RECEIVE_BUFFER_BYTES,
        };
        let port = RawPort::open(config, loopback)?;
        let mut waiting = Vec::with_capacity(targets.len());
        for (target, source) in targets.iter().rev() {
            let (dice, more) = (random_u64()?, random_u64()?);
            let guess =
                |dice: u64| GUESSED.start + (dice % u64::from(GUESSED.end - GUESSED.start)) as u16;
            let flow = Flow {
                source: *source,
                target: target.host,
                open: target.open,
                closed: target.closed.unwrap_or_else(|| guess(more >> 40)),
                closed_udp: target.closed_udp.unwrap_or_else(|| guess(more >> 20)),
                first_port,
                seq: dice as u32,
                ack: (dice >> 32) as u32 | 1,
                id: more as u16 | 1,
            };
            let host = Host::new(flow, near, loopback);
            let known = target.closed.is_some();
            waiting.push(if known { host } else { host.with_guessed_port() });
        }
        let gap_ns = (1e9 / rate.unwrap_or(10_000.0).max(0.001)) as u64;
        Ok(Self {
            port,
            waiting,
            hosts: Vec::new(),
            free: Vec::new(),
            places: HashMap::new(),
            due: BinaryHeap::new(),
            gap_ns,
            next_ns: 0,
        })
    }

    /// Returns how many hosts were left out.
    fn run(
        &mut self,
        control: &Control,
        tell: &mut dyn FnMut(Asked<'_>),
        idle: &mut dyn FnMut(usize),
    ) -> Result<usize> {
        let mut idle_ns = 0;
        loop {
            let left = self.places.len() + self.waiting.len();
            if left == 0 || control.level() > 0 {
                return Ok(left);
            }
            self.admit(monotonic_ns());
            self.send(monotonic_ns(), tell)?;
            let (places, hosts, due) = (&self.places, &mut self.hosts, &mut self.due);
            self.port.receive(READ, &mut |packet, at_ns| {
                let place = origin(packet).and_then(|from| places.get(&from.host));
                let Some((place, host)) = place.and_then(|at| Some((at, hosts[*at].as_mut()?)))
                else {
                    return;
                };
                if host.take(packet, at_ns) && host.is_answered() {
                    due.push(Reverse((0, *place)));
                }
            });
            let now_ns = monotonic_ns();
            if now_ns >= idle_ns {
                idle(left);
                idle_ns = now_ns + NAP.as_nanos() as u64;
            }
            let until = self.due.peek().map_or(0, |Reverse((at, _))| (*at).max(self.next_ns));
            let nap = Duration::from_nanos(until.saturating_sub(monotonic_ns())).min(NAP);
            if !nap.is_zero() {
                self.port.wait(nap);
            }
        }
    }

    fn admit(&mut self, now_ns: u64) {
        while self.places.len() < AT_ONCE {
            let Some(host) = self.waiting.pop() else { return };
            let place = self.free.pop().unwrap_or_else(|| {
                self.hosts.push(None);
                self.hosts.len() - 1
            });
            self.places.insert(host.answers().flow.target, place);
            self.hosts[place] = Some(host);
            self.due.push(Reverse((now_ns, place)));
        }
    }

    /// Sends what is due, as far as the rate allows.
    fn send(&mut self, now_ns: u64, tell: &mut dyn FnMut(Asked<'_>)) -> Result<()> {
        let mut packet = [0; LONGEST];
        while let Some(&Reverse((due_ns, place))) = self.due.peek() {
            if due_ns > now_ns {
                break;
            }
            let Some(host) = self.hosts[place].as_mut() else {
                self.due.pop();
                continue;
            };
            match host.next(now_ns) {
                Next::Wait(until_ns) => {
                    self.due.pop();
                    self.due.push(Reverse((until_ns, place)));
                }
                Next::Done => {
                    self.due.pop();
                    tell(Asked::Answers(host.answers()));
                    self.places.remove(&host.answers().flow.target);
                    self.hosts[place] = None;
                    self.free.push(place);
                }
                Next::Send(probe) => {
                    if self.next_ns > now_ns {
                        break;
                    }
                    let length = host.answers().flow.write(probe, &mut packet);
                    let taken = self.port.queue_control(&mut |buffer| {
                        buffer[..length].copy_from_slice(&packet[..length]);
                        length
                    });
                    if !taken {
                        break;
                    }
                    host.sent(probe, now_ns);
                    self.due.pop();
                    self.due.push(Reverse((now_ns, place)));
                    // What was not sent in time is not made up for.
                    self.next_ns = self.next_ns.max(now_ns.saturating_sub(NAP.as_nanos() as u64))
                        + self.gap_ns;
                }
            }
        }
        self.port.kick()
    }
}
