//! The idle scan carried out over the raw port. It waits in the kernel: for answers of the
//! zombie, which a socket filter picks out, and for time to pass.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use super::counter::{Counter, FOREIGN, SAMPLES, Unfit};
use super::packet::{ACK, LONGEST, Reset, SYN, Segment};
use super::search::Search;
use crate::error::{Error, Kind, Result};
use crate::key::random_u64;
use crate::port::Port;
use crate::port::filter::ReplyFilter;
use crate::port::packet::{Config, RECEIVE_BUFFER_BYTES};
use crate::port::raw::RawPort;
use crate::route::{self, Interface, Reach};
use crate::scan::Control;

/// Our ports: those of detection, below the kernel's own and those of scans.
const OUR_PORTS: std::ops::Range<u16> = 30_000..32_000;
/// How many of them questions to zombies come from, one after the other.
const PORTS: u16 = 256;
/// Ports in the zombie's name.
const FOREIGN_PORTS: std::ops::Range<u16> = 33_000..60_000;
/// How long an answer is waited for, at first and at most.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the zombie is asked again before it counts as silent.
const QUESTIONS: u32 = 4;
/// Between two questions while the zombie is judged.
const APART: Duration = Duration::from_millis(30);
/// Tests in a row without an answer of the zombie, after which it has gone.
const MOST_LOST: u32 = 5;
/// Packets that leave without a pause.
const TOGETHER: Duration = Duration::from_millis(5);
/// Least time for the answers to come to the zombie, besides round trips.
const SLACK: Duration = Duration::from_millis(3);

/// How to send.
#[derive(Clone, Debug)]
pub struct Options {
    /// Packets a second; `None`: 10,000.
    pub rate: Option<f64>,
    /// How often what seems not to be open is asked again.
    pub retries: u8,
    /// Leave by this interface.
    pub interface: Option<String>,
    /// Our address; where the route says nothing else.
    pub source: Option<Ipv4Addr>,
}

/// A candidate and what came of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// Who.
    pub host: Ipv4Addr,
    /// How it counts, or why it will not do.
    pub counter: std::result::Result<Counter, Unfit>,
    /// Time of a round trip.
    pub rtt: Option<Duration>,
}

/// An answer of the zombie's.
struct Told {
    id: u16,
    /// It was the first question that was answered: nothing was lost that may have counted.
    is_sure: bool,
}

/// A scan by way of a zombie that will do.
pub struct IdleScan {
    /// How the zombie counts.
    pub counter: Counter,
    /// Time of a round trip to it.
    pub rtt: Duration,
    asker: Asker,
    retries: u8,
    /// SYNs sent in its name.
    pub sent: u64,
}

/// Asks one host for its identification.
struct Asker {
    port: RawPort,
    host: Ipv4Addr,
    host_port: u16,
    source: Ipv4Addr,
    first_port: u16,
    asked: u16,
    rtt: Option<Duration>,
    gap: Duration,
    /// Dice: sequence numbers that nobody else knows.
    state: u64,
}

/// The interface that leads to a host, and our address on it.
fn way_v4(
    host: Ipv4Addr,
    wanted: Option<&Interface>,
    source: Option<Ipv4Addr>,
) -> Result<(u32, Ipv4Addr)> {
    let route = route::look_up(host.into(), wanted)?;
    if route.reach == Reach::Local {
        // From itself to itself, as the kernel does it.
        let source = if host.is_loopback() { Ipv4Addr::LOCALHOST } else { host };
        return Ok((Interface::loopback()?.index, source));
    }
    let interface = Interface::by_index(route.ifindex)?;
    match source.map(IpAddr::V4).or(route.source).or_else(|| interface.source(false)) {
        Some(IpAddr::V4(source)) => Ok((route.ifindex, source)),
        _ => Err(Error::new(Kind::Failed, format!("ask {host}"))
            .cause(format!("{} has no IPv4 address", interface.name))),
    }
}

impl Asker {
    fn open(host: Ipv4Addr, host_port: u16, options: &Options) -> Result<Self> {
        let wanted = options.interface.as_deref().map(Interface::by_name).transpose()?;
        let (ifindex, source) = way_v4(host, wanted.as_ref(), options.source)?;
        let interface = Interface::by_index(ifindex)?;
        let loopback = ifindex == Interface::loopback()?.index;
        let state = random_u64()?;
        let groups = u64::from((OUR_PORTS.end - OUR_PORTS.start) / PORTS);
        let first_port = OUR_PORTS.start + (state % groups) as u16 * PORTS;
        let filter = ReplyFilter {
            sources_v4: vec![source],
            sources_v6: Vec::new(),
            source_ports: first_port..=first_port + PORTS - 1,
            udp: false,
            echo: false,
            any_segment: false,
        };
        let config = Config {
            interface: interface.name,
            ifindex,
            filter,
            receive_buffer_bytes: RECEIVE_BUFFER_BYTES,
        };
        let port = RawPort::open(config, loopback)?;
        let gap = Duration::from_secs_f64(1.0 / options.rate.unwrap_or(10_000.0).max(0.001));
        Ok(Self { port, host, host_port, source, first_port, asked: 0, rtt: None, gap, state })
    }

    /// Xorshift: as hard to guess as its seed for who sees none of it.
    fn dice(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    fn send(&mut self, segment: &Segment) -> Result<()> {
        let mut packet = [0; LONGEST];
        let length = segment.write(&mut packet);
        while !self.port.queue_control(&mut |buffer| {
            buffer[..length].copy_from_slice(&packet[..length]);
            length
        }) {
            self.port.kick()?;
            self.port.rest(Duration::from_millis(1));
        }
        self.port.kick()
    }

    /// A SYN-ACK to the host, in our name or another's.
    fn question(&mut self, source: Ipv4Addr, our_port: u16) -> Segment {
        let dice = self.dice();
        Segment {
            source,
            target: self.host,
            ports: [our_port, self.host_port],
            seq: dice as u32,
            ack: (dice >> 32) as u32 | 1,
            flags: SYN | ACK,
            id: dice as u16 | 1,
        }
    }

    /// The host's identification now; `None`: it says nothing.
    fn ask(&mut self) -> Result<Option<Told>> {
        for question in 0..QUESTIONS {
            let our_port = self.first_port + self.asked % PORTS;
            self.asked = self.asked.wrapping_add(1);
            let segment = self.question(self.source, our_port);
            let patience = self
                .rtt
                .map_or(PATIENCE, |rtt| (rtt * 8 + Duration::from_millis(100)).min(PATIENCE));
            let sent = Instant::now();
            self.send(&segment)?;
            let mut id = None;
            loop {
                self.port.receive(usize::MAX, &mut |packet, _| {
                    let reset = Reset::read(packet).filter(|reset| {
                        reset.source == segment.target
                            && reset.target == segment.source
                            && reset.ports == [segment.ports[1], segment.ports[0]]
                            && reset.seq == segment.ack
                    });
                    id = id.or(reset.map(|reset| reset.id));
                });
                let left = patience.saturating_sub(sent.elapsed());
                if let Some(id) = id {
                    let took = sent.elapsed();
                    // Slowly towards what is seen; a thread that was not let run counts little.
                    self.rtt = Some(self.rtt.map_or(took, |rtt| (rtt * 7 + took) / 8));
                    return Ok(Some(Told { id, is_sure: question == 0 }));
                }
                if left.is_zero() {
                    break;
                }
                self.port.wait(left);
            }
        }
        Ok(None)
    }

    /// Asks the host until it is clear how it counts. `other` is in whose name it is asked
    /// whether all hosts count.
    fn judge(&mut self, other: Ipv4Addr) -> Result<std::result::Result<Counter, Unfit>> {
        let mut ids = Vec::with_capacity(SAMPLES);
        for _ in 0..SAMPLES {
            match self.ask()? {
                None => break,
                Some(told) => ids.push(told.id),
            }
            self.port.rest(APART);
        }
        let counter = match Counter::of(&ids) {
            Ok(counter) => counter,
            Err(unfit) => return Ok(Err(unfit)),
        };
        let Some(before) = self.ask()? else { return Ok(Err(Unfit::Silent)) };
        for _ in 0..FOREIGN {
            let dice = self.dice();
            let span = u64::from(FOREIGN_PORTS.end - FOREIGN_PORTS.start);
            let port = FOREIGN_PORTS.start + (dice % span) as u16;
            let segment = self.question(other, port);
            self.send(&segment)?;
        }
        self.port.rest(APART + self.rtt.unwrap_or(PATIENCE) * 2);
        let Some(after) = self.ask()? else { return Ok(Err(Unfit::Silent)) };
        Ok(counter.counts_others(before.id, after.id).map(|()| counter))
    }
}

impl IdleScan {
    /// Asks the zombie whether it will do; `target` is one of the hosts to be scanned, in
    /// whose name it is asked too.
    ///
    /// # Errors
    /// Where it will not do, with the reason; `Denied` without privileges.
    pub fn open(
        zombie: Ipv4Addr,
        zombie_port: u16,
        target: Ipv4Addr,
        options: &Options,
    ) -> Result<Self> {
        let mut asker = Asker::open(zombie, zombie_port, options)?;
        let counter = asker.judge(target)?.map_err(|unfit| {
            Error::new(Kind::Failed, format!("use {zombie}:{zombie_port} as a zombie"))
                .cause(unfit.to_string())
                .remedy("`prtip zombie RANGE` finds hosts that will do")
        })?;
        let rtt = asker.rtt.unwrap_or_default();
        Ok(Self { counter, rtt, asker, retries: options.retries, sent: 0 })
    }

    /// Asks all `pairs` and tells of each whether it is open, and `idle` now and then how
    /// many are told. Returns whether all were asked: `control` may say to stop.
    ///
    /// # Errors
    /// Where the zombie does not answer any more, or nothing can be sent.
    pub fn run(
        &mut self,
        pairs: &mut dyn Iterator<Item = (Ipv4Addr, u16)>,
        control: &Control,
        tell: &mut dyn FnMut((Ipv4Addr, u16), bool),
        idle: &mut dyn FnMut(u64),
    ) -> Result<bool> {
        let mut search = Search::new(self.retries, self.rtt * 2 + SLACK);
        let (mut told, mut lost) = (0, 0);
        // Of the last test, to see whether something came after it.
        let mut last: Option<u16> = None;
        while let Some(group) = search.next(pairs) {
            if control.level() > 0 {
                return Ok(false);
            }
            let open = self.test(&group.members, &mut last, &mut search)?;
            lost = if open.is_some() { 0 } else { lost + 1 };
            if lost > MOST_LOST {
                return Err(Error::new(
                    Kind::Failed,
                    format!("ask the zombie {}", self.asker.host),
                )
                .cause("it does not answer any more, or not reliably")
                .remedy("ask more slowly (--rate), or take another zombie"));
            }
            search.tested(group, open, &mut |pair, open| {
                told += 1;
                tell(pair, open);
            });
            idle(told);
        }
        Ok(true)
    }

    /// How many of a group are open, as far as the zombie's counter tells.
    fn test(
        &mut self,
        group: &[(Ipv4Addr, u16)],
        last: &mut Option<u16>,
        search: &mut Search<(Ipv4Addr, u16)>,
    ) -> Result<Option<usize>> {
        let Some(before) = self.asker.ask()? else { return Ok(None) };
        if let Some(last) = last.take().filter(|_| before.is_sure)
            && self.counter.packets(last, before.id) > 1
        {
            search.upset();
        }
        // Not all at once, and no sleep for each where the rate is high.
        let together = (TOGETHER.as_secs_f64() / self.asker.gap.as_secs_f64()).max(1.0) as usize;
        for part in group.chunks(together) {
            for &(target, port) in part {
                let dice = self.asker.dice();
                let span = u64::from(FOREIGN_PORTS.end - FOREIGN_PORTS.start);
                self.asker.send(&Segment {
                    source: self.asker.host,
                    target,
                    ports: [FOREIGN_PORTS.start + (dice % span) as u16, port],
                    seq: (dice >> 32) as u32,
                    ack: 0,
                    flags: SYN,
                    id: (dice >> 16) as u16,
                })?;
                self.sent += 1;
            }
            self.asker.port.rest(self.asker.gap * part.len() as u32);
        }
        self.asker.port.rest(search.wait());
        let Some(after) = self.asker.ask()? else { return Ok(None) };
        // Where a question got lost it may have been counted, or not.
        if !after.is_sure {
            return Ok(None);
        }
        *last = Some(after.id);
        let packets = self.counter.packets(before.id, after.id);
        Ok(packets.checked_sub(1).map(usize::from))
    }
}

/// Which of `candidates` can be zombies: all are asked once, those that answer are judged one
/// after the other. `other` says in whose name one is asked too. Tells each by `tell`.
///
/// # Errors
/// `Denied` without privileges, `Failed` where nothing can be sent.
pub fn find_zombies(
    candidates: &[Ipv4Addr],
    port: u16,
    other: &dyn Fn(Ipv4Addr) -> Ipv4Addr,
    options: &Options,
    control: &Control,
    tell: &mut dyn FnMut(Verdict),
) -> Result<()> {
    let wanted = options.interface.as_deref().map(Interface::by_name).transpose()?;
    let mut ways: BTreeMap<(u32, Ipv4Addr), Vec<Ipv4Addr>> = BTreeMap::new();
    for &host in candidates {
        match way_v4(host, wanted.as_ref(), options.source) {
            Ok((ifindex, source)) => ways.entry((ifindex, source)).or_default().push(host),
            Err(_) => tell(Verdict { host, counter: Err(Unfit::NoWay), rtt: None }),
        }
    }
    for hosts in ways.into_values() {
        let Some(&first) = hosts.first() else { continue };
        let mut asker = Asker::open(first, port, options)?;
        let answered = asker.sweep(&hosts, control)?;
        for host in hosts {
            if control.level() > 0 {
                return Ok(());
            }
            (asker.host, asker.rtt) = (host, None);
            let counter = match answered.contains(&host) {
                false => Err(Unfit::Silent),
                true => asker.judge(other(host))?,
            };
            tell(Verdict { host, counter, rtt: asker.rtt });
        }
    }
    Ok(())
}

impl Asker {
    /// Asks all `hosts` once, within the rate; which of them answered.
    fn sweep(&mut self, hosts: &[Ipv4Addr], control: &Control) -> Result<HashSet<Ipv4Addr>> {
        let mut asked: HashMap<Ipv4Addr, u32> = HashMap::with_capacity(hosts.len());
        let mut answered = HashSet::new();
        let together = (TOGETHER.as_secs_f64() / self.gap.as_secs_f64()).max(1.0) as usize;
        let parts = hosts.chunks(together).map(Some).chain([None]);
        for part in parts {
            if control.level() > 0 {
                break;
            }
            for &host in part.unwrap_or_default() {
                self.host = host;
                let segment = self.question(self.source, self.first_port);
                asked.insert(host, segment.ack);
                self.send(&segment)?;
            }
            let pause = part.map_or(PATIENCE, |part| self.gap * part.len() as u32);
            let begun = Instant::now();
            loop {
                self.port.receive(usize::MAX, &mut |packet, _| {
                    let reset = Reset::read(packet);
                    let known = reset.filter(|it| asked.get(&it.source) == Some(&it.seq));
                    answered.extend(known.map(|reset| reset.source));
                });
                let left = pause.saturating_sub(begun.elapsed());
                if left.is_zero() || answered.len() == hosts.len() {
                    break;
                }
                self.port.wait(left);
            }
        }
        Ok(answered)
    }
}
