//! Many hosts asked at once, over the port that a scan of them would take.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::books::Books;
use super::host::{Host, Next};
use super::neighbours::{self, Known};
use super::observe::Answers;
use super::probe::{Flow, LONGEST, PORTS, Probe, Refused};
use super::reply::{Body, Segment, origin, read};
use super::way_out::{Opened, WayOut};
use super::ways::{self, NextHop, Reached, Target, Way};
use crate::error::{Error, Kind, Result};
use crate::event::clock::monotonic_ns;
use crate::key::random_u64;
use crate::route::Interface;
use crate::scan::{Control, Options, Rate};
use crate::wire::Link;
use crate::wire::reply::skip_ethernet;

/// Hosts that are asked at once; each takes some 3 KiB.
const AT_ONCE: usize = 4096;
/// Our ports lie here: below the kernel's own and those of scans.
const OUR_PORTS: std::ops::Range<u16> = 30_000..32_700;
/// Where a closed port is guessed.
const GUESSED: std::ops::Range<u16> = 33_000..45_000;
/// Probes a second where the scan has no number of its own.
pub(super) const RATE: f64 = 10_000.0;
/// Packets read in a turn.
const READ: usize = 256;
/// Longest sleep, so that results go on.
const NAP: Duration = Duration::from_millis(20);
/// How long a link may take to come back when a program has come or gone.
const LINK_PATIENCE: Duration = Duration::from_secs(10);

/// What becomes of a host.
#[derive(Debug)]
pub enum Asked<'a> {
    /// It was asked.
    Answers(&'a Answers),
    /// There is no way to it.
    NoWay(Target, Error),
}

/// Takes what comes of it, on the thread that asks.
pub trait Observer {
    /// Hosts are asked by this way from now on.
    fn way(&mut self, out: &WayOut);
    /// A host has been asked.
    fn host(&mut self, asked: Asked<'_>);
    /// Called now and then, with the number of hosts that are left.
    fn idle(&mut self, left: usize);
    /// All hosts of a way have been asked, or were left out.
    fn way_ended(&mut self, out: &WayOut, books: &Books);
}

/// Asks all `targets`, by the ways, engines and pace that `options` say, and tells
/// `observer`. Returns how many were left out because `control` said to stop. `scanned` are
/// the interfaces of the scan that has ended: some cards take their link down for seconds
/// when its program leaves.
///
/// # Errors
/// `Denied` without privileges, `Failed` when nothing can be sent any more.
pub fn ask(
    targets: &[Target],
    scanned: &[&str],
    options: &Options,
    control: &Control,
    observer: &mut dyn Observer,
) -> Result<usize> {
    let mut left = targets.len();
    if left > 0 {
        await_links(scanned, control, &mut || observer.idle(left));
    }
    for mut way in ways::find(targets, options)? {
        for hosts in ways::in_families(std::mem::take(&mut way.hosts)) {
            if control.level() > 0 {
                return Ok(left);
            }
            left -= hosts.len();
            let unasked = Turn::run(&way, hosts, options, control, observer, left)?;
            left += unasked;
        }
    }
    Ok(left)
}

/// Waits, with a pause now and then, until all of the interfaces have a carrier. Where one
/// stays without, whoever needs it says so.
fn await_links(interfaces: &[&str], control: &Control, idle: &mut dyn FnMut()) {
    let begun = Instant::now();
    let lacks = |name: &&str| Interface::by_name(name).is_ok_and(|known| !known.carrier);
    while interfaces.iter().any(lacks) && control.level() == 0 && begun.elapsed() < LINK_PATIENCE {
        idle();
        std::thread::sleep(NAP);
    }
}

/// A host that is asked or will be.
struct Seat {
    host: Host,
    /// What packets to it begin with.
    link: Link,
}

/// A segment that nobody here waits for.
struct Unwanted {
    place: usize,
    probe: Probe,
    refused: Refused,
}

/// The hosts behind one interface.
struct Turn {
    way: Opened,
    /// Frames begin with an Ethernet header.
    ethernet: bool,
    waiting: Vec<Seat>,
    seats: Vec<Option<Seat>>,
    free: Vec<usize>,
    places: HashMap<IpAddr, usize>,
    due: BinaryHeap<Reverse<(u64, usize)>>,
    unwanted: Vec<Unwanted>,
    books: Books,
    /// Between two probes.
    gap_ns: u64,
    next_ns: u64,
    /// Hosts of other turns.
    more: usize,
}

impl Turn {
    /// Asks hosts of a way; `more` are left after them. Returns how many were left out.
    fn run(
        way: &Way,
        hosts: Vec<Reached>,
        options: &Options,
        control: &Control,
        observer: &mut dyn Observer,
        more: usize,
    ) -> Result<usize> {
        let rate = match options.rate {
            Rate::PerSecond(rate) => rate.max(0.001),
            Rate::Max | Rate::Auto => RATE,
        };
        let span = u64::from((OUR_PORTS.end - OUR_PORTS.start) / PORTS);
        let first_port = OUR_PORTS.start + (random_u64()? % span) as u16 * PORTS;
        let opened = Opened::open(way, &hosts, first_port, AT_ONCE, options)?;
        observer.way(&opened.out);
        let all = hosts.len();
        let interface = &way.path.interface;
        await_links(&[&interface.name], control, &mut || observer.idle(all + more));
        let macs = neighbours::ask(interface, &hosts, rate, options, control, &mut || {
            observer.idle(all + more);
        })?;
        if control.level() > 0 {
            observer.way_ended(&opened.out, &Books::default());
            return Ok(all);
        }
        let mut turn = Self {
            ethernet: opened.port.ethernet(),
            way: opened,
            waiting: Vec::with_capacity(all),
            seats: Vec::new(),
            free: Vec::new(),
            places: HashMap::new(),
            due: BinaryHeap::new(),
            unwanted: Vec::with_capacity(READ),
            books: Books::default(),
            gap_ns: (1e9 / rate) as u64,
            next_ns: 0,
            more,
        };
        for reached in hosts.iter().rev() {
            match link(reached, way, &macs, options) {
                Ok(link) => turn.waiting.push(seat(reached, link, first_port, way)?),
                Err(error) => observer.host(Asked::NoWay(reached.target, error)),
            }
        }
        let begun = Instant::now();
        let unasked = turn.ask(control, observer)?;
        turn.close(begun);
        observer.way_ended(&turn.way.out, &turn.books);
        Ok(unasked)
    }

    /// Returns how many hosts were left out.
    fn ask(&mut self, control: &Control, observer: &mut dyn Observer) -> Result<usize> {
        let mut idle_ns = 0;
        loop {
            let left = self.places.len() + self.waiting.len();
            if left == 0 || control.level() > 0 {
                return Ok(left);
            }
            self.admit(monotonic_ns())?;
            self.send(monotonic_ns(), observer)?;
            self.receive();
            let now_ns = monotonic_ns();
            if now_ns >= idle_ns {
                observer.idle(left + self.more);
                idle_ns = now_ns + NAP.as_nanos() as u64;
            }
            let until = self.due.peek().map_or(0, |Reverse((at, _))| (*at).max(self.next_ns));
            let nap = Duration::from_nanos(until.saturating_sub(monotonic_ns())).min(NAP);
            if !nap.is_zero() {
                self.way.port.wait(nap);
            }
        }
    }

    fn admit(&mut self, now_ns: u64) -> Result<()> {
        while self.places.len() < AT_ONCE {
            let Some(seat) = self.waiting.pop() else { break };
            let place = self.free.pop().unwrap_or_else(|| {
                self.seats.push(None);
                self.seats.len() - 1
            });
            let flow = seat.host.answers().flow;
            self.way.admit(&flow)?;
            self.places.insert(flow.target, place);
            self.seats[place] = Some(seat);
            self.due.push(Reverse((now_ns, place)));
        }
        Ok(())
    }

    /// Reads what has come; returns how many packets.
    fn receive(&mut self) -> usize {
        let Self { way, ethernet, places, seats, due, unwanted, books, .. } = self;
        let resets = way.resets;
        let received = way.port.receive(READ, &mut |frame, at_ns| {
            let packet = if *ethernet { skip_ethernet(frame) } else { Some(frame) };
            let place = packet.and_then(origin).and_then(|from| places.get(&from.host).copied());
            let seat = place.and_then(|at| Some((at, packet?, seats[at].as_mut()?)));
            let answer = seat.and_then(|(place, packet, seat)| {
                let (probe, reply) = read(packet, &seat.host.answers().flow)?;
                Some((place, &mut seat.host, probe, reply))
            });
            let Some((place, host, probe, reply)) = answer else {
                books.rx_invalid += 1;
                return;
            };
            if resets
                && let Body::Tcp(segment) = &reply.body
                && let Some(refused) = refusal(segment)
            {
                unwanted.push(Unwanted { place, probe, refused });
            }
            if host.take_reply(probe, reply, at_ns) {
                books.rx_valid += 1;
                if host.is_answered() {
                    due.push(Reverse((0, place)));
                }
            } else {
                books.rx_duplicate += 1;
            }
        });
        if !self.unwanted.is_empty() {
            self.reset();
        }
        received
    }

    /// Ends what the answers have half opened. Where there is no room for a RST, the host
    /// answers again and gets another.
    fn reset(&mut self) {
        let mut packet = [0; LONGEST];
        for Unwanted { place, probe, refused } in self.unwanted.drain(..) {
            let Some(seat) = &self.seats[place] else { continue };
            let length = seat.host.answers().flow.write_reset(probe, refused, &mut packet);
            let queued = queue(&mut self.way, &seat.link, &packet[..length]);
            self.books.rsts += u64::from(queued);
        }
        // Where nothing can be sent any more the next probe says so.
        let _ = self.way.port.kick();
    }

    /// Sends what is due, as far as the rate allows.
    fn send(&mut self, now_ns: u64, observer: &mut dyn Observer) -> Result<()> {
        let mut packet = [0; LONGEST];
        while let Some(&Reverse((due_ns, place))) = self.due.peek() {
            if due_ns > now_ns {
                break;
            }
            let Some(Seat { host, link }) = self.seats[place].as_mut() else {
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
                    observer.host(Asked::Answers(host.answers()));
                    let target = host.answers().flow.target;
                    self.way.dismiss(target);
                    self.places.remove(&target);
                    self.seats[place] = None;
                    self.free.push(place);
                }
                Next::Send(probe) => {
                    if self.next_ns > now_ns {
                        break;
                    }
                    let length = host.answers().flow.write(probe, &mut packet);
                    if !queue(&mut self.way, link, &packet[..length]) {
                        break;
                    }
                    host.sent(probe, now_ns);
                    self.books.probes += 1;
                    self.due.pop();
                    self.due.push(Reverse((now_ns, place)));
                    // What was not sent in time is not made up for.
                    self.next_ns = self.next_ns.max(now_ns.saturating_sub(NAP.as_nanos() as u64))
                        + self.gap_ns;
                }
            }
        }
        self.way.port.kick()
    }

    /// Stops the intake and closes the books.
    fn close(&mut self, begun: Instant) {
        self.way.port.quiesce();
        while self.receive() > 0 {}
        let counters = self.way.port.counters();
        self.books.rx_steered = counters.rx_steered;
        self.books.ring_drops = counters.ring_drops;
        self.books.elapsed = begun.elapsed();
    }
}

/// Queues a packet behind its link-layer header; false where there is no room.
fn queue(way: &mut Opened, link: &Link, packet: &[u8]) -> bool {
    let v6 = packet[0] >> 4 == 6;
    way.port.queue_control(&mut |frame| {
        let start = link.write(v6, frame);
        frame[start..start + packet.len()].copy_from_slice(packet);
        start + packet.len()
    })
}

/// What a RST refuses of a segment; `None`: it is one itself.
fn refusal(segment: &Segment) -> Option<Refused> {
    const FIN: u8 = 1;
    const SYN: u8 = 2;
    const RST: u8 = 4;
    const ACK: u8 = 16;
    if segment.flags & RST != 0 {
        return None;
    }
    Some(if segment.flags & ACK != 0 {
        Refused::Acknowledged(segment.ack)
    } else {
        let counted = (segment.flags & (SYN | FIN)).count_ones();
        Refused::Ended(segment.seq.wrapping_add(counted))
    })
}

/// What packets to a host begin with.
fn link(reached: &Reached, way: &Way, macs: &Known, options: &Options) -> Result<Link> {
    let host = reached.target.host;
    let interface = &way.path.interface;
    let destination = match reached.next_hop {
        NextHop::Kernel => return Ok(Link::None),
        NextHop::Mac(mac) => mac,
        NextHop::Itself => *macs.get(&host).ok_or_else(|| {
            Error::new(
                Kind::Failed,
                format!("find the MAC address of {host} on {}", interface.name),
            )
            .cause("it did not answer ARP or neighbour discovery")
        })?,
    };
    let source = interface.mac.ok_or_else(|| {
        Error::new(Kind::Failed, format!("make Ethernet frames on {}", interface.name))
            .cause("it has no MAC address")
    })?;
    Ok(Link::Ethernet { source, destination, vlan: options.vlan })
}

/// A host that nothing has been sent to, with numbers that nobody can guess.
fn seat(reached: &Reached, link: Link, first_port: u16, way: &Way) -> Result<Seat> {
    let Reached { target, source, near, .. } = *reached;
    let (dice, more) = (random_u64()?, random_u64()?);
    let guess = |dice: u64| GUESSED.start + (dice % u64::from(GUESSED.end - GUESSED.start)) as u16;
    let flow = Flow {
        source,
        target: target.host,
        open: target.open,
        closed: target.closed.unwrap_or_else(|| guess(more >> 40)),
        closed_udp: target.closed_udp.unwrap_or_else(|| guess(more >> 20)),
        first_port,
        seq: dice as u32,
        ack: (dice >> 32) as u32 | 1,
        id: more as u16 | 1,
    };
    let host = Host::new(flow, near, way.path.is_local());
    let known = target.closed.is_some();
    Ok(Seat { host: if known { host } else { host.with_guessed_port() }, link })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(flags: u8) -> Segment {
        let (seq, ack, options) = (u32::MAX, 9, [0; 40]);
        let (reserved, window, urgent, options_len, data_crc) = (0, 0, 0, 0, 0);
        Segment { seq, ack, flags, reserved, window, urgent, options, options_len, data_crc }
    }

    #[test]
    fn every_segment_but_a_rst_is_refused() {
        for (flags, refused) in [
            (0x12, Some(Refused::Acknowledged(9))),
            (0x10, Some(Refused::Acknowledged(9))),
            (0x00, Some(Refused::Ended(u32::MAX))),
            (0x02, Some(Refused::Ended(0))),
            (0x03, Some(Refused::Ended(1))),
            (0x04, None),
            (0x14, None),
        ] {
            assert_eq!(refusal(&segment(flags)), refused, "{flags:#x}");
        }
    }
}
