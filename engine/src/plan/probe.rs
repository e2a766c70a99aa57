//! `probe(i, attempt)`: the bytes of a probe as a pure function of the plan, the
//! key and the route. Every worker and every port engine sends the same.
//!
//! In two steps, so that the costly part runs over a batch: [`Prober::resolve`]
//! turns indices into [`Fields`] (permutation, address, ports, then all cookies
//! at once), [`Prober::write`] patches them into a frame. A frame that already
//! holds the right template gets only its changing fields.
//!
//! What carries the cookie: a SYN its sequence number (and half of it the IPv4
//! identification), an ACK both its numbers, an echo request its sequence number
//! and its first 8 bytes, a UDP datagram the transaction id of its protocol.

use std::net::{IpAddr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::sync::Arc;

use prtip_bpf::abi::{ANY_PORTS, Key, Source, SteerConfig};
use prtip_bpf::cookie::derive_key;

use super::cookies::{Finished, Lanes, token_v4, token_v6, wire_ip_id};
use super::items::ProbeKind;
use super::origin::{Form, Origins, Way, WayOf};
use super::source_port::SourcePorts;
use super::{Plan, PlanError};
use crate::scan::SynOptions;
use crate::udp::Payloads;
use crate::wire::Link;
use crate::wire::reply::{Kind, Reply};
use crate::wire::template::{Patch, Sums, Template};

pub use super::answer::Answered;

/// Probes resolved at a time: the length of the cookie batches.
pub const RESOLVE_BATCH: usize = 64;

/// IP protocol number of TCP.
const TCP: u8 = 6;

/// Everything but the plan that decides the bytes of a probe.
#[derive(Clone)]
pub struct ProbeConfig {
    /// The scan's secret.
    pub key: Key,
    /// Our ports.
    pub source_ports: RangeInclusive<u16>,
    /// Attempts at each item, the first included.
    pub attempts: u8,
    /// Shape of the SYN.
    pub syn: SynOptions,
    /// The ways out, at least one.
    pub ways: Vec<Way>,
    /// Which way leads to an address; `None`: the first leads to all.
    pub way_of: Option<WayOf>,
    /// Words for people who see our probes, in payloads that have room.
    pub contact: Option<String>,
}

/// How a probe leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Departure {
    /// Number of the worker's port.
    pub port: usize,
    /// The target as a neighbour.
    pub neighbour: Neighbour,
}

/// What is known of a target on the local link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Neighbour {
    /// It is not on the local link.
    None,
    /// Its MAC address is known.
    Known,
    /// It has not answered: it cannot be reached.
    Silent,
}

/// Fills frames with probes. One per scan, shared by all workers.
#[derive(Clone, Debug)]
pub struct Prober {
    plan: Arc<Plan>,
    source_ports: SourcePorts,
    attempts: u8,
    origins: Origins,
    payloads: Arc<Payloads>,
    contact: Box<[u8]>,
    /// Ports whose service may answer from another one.
    any_port: Box<[u16]>,
    /// Nothing but SYNs, from one address a family on the first way: the fast way through
    /// a batch.
    fast: Option<Fast>,
    /// Some frames go to their target's own MAC address.
    per_target_mac: bool,
    /// Probes leave by several ports.
    several_ports: bool,
    /// There are other ways than the first.
    several_ways: bool,
    lanes: Lanes,
}

/// The only origin of each family.
#[derive(Clone, Copy, Debug)]
struct Fast {
    v4: Form,
    v6: Form,
}

/// Everything that differs from one probe to the next, before it is in a frame.
/// Words hold the bytes as on the wire, read in little-endian order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// IPv4: destination (low half), its port, our port. IPv6: the first half of
    /// the destination.
    first: u64,
    /// IPv6: the second half of the destination.
    second: u64,
    /// TCP: sequence number and checksums. Others: the token, of which the cookie is
    /// the low half.
    finished: Finished,
    /// IPv6: destination port (low half) and our port.
    ports_v6: u32,
    form: Form,
}

impl Fields {
    /// Not yet resolved.
    pub const EMPTY: Self =
        Self { first: 0, second: 0, finished: Finished(0), ports_v6: 0, form: Form::FIRST };

    /// The address probed.
    #[must_use]
    pub fn addr(&self) -> IpAddr {
        let first = self.first.to_le_bytes();
        if self.form.is_v6() {
            let mut octets = [0; 16];
            octets[..8].copy_from_slice(&first);
            octets[8..].copy_from_slice(&self.second.to_le_bytes());
            octets.into()
        } else {
            [first[0], first[1], first[2], first[3]].into()
        }
    }

    /// The port probed.
    #[must_use]
    pub fn port(&self) -> u16 {
        (self.ports() as u16).swap_bytes()
    }

    /// Our port.
    #[must_use]
    pub fn source_port(&self) -> u16 {
        ((self.ports() >> 16) as u16).swap_bytes()
    }

    /// What is sent.
    #[must_use]
    pub fn kind(&self) -> ProbeKind {
        self.form.kind()
    }

    /// The sequence number of a TCP probe: the cookie.
    #[must_use]
    pub fn seq(&self) -> u32 {
        self.finished.seq().swap_bytes()
    }

    /// Destination port (low half) and our port.
    #[inline]
    fn ports(&self) -> u32 {
        if self.form.is_v6() { self.ports_v6 } else { (self.first >> 32) as u32 }
    }
}

impl Prober {
    /// Prepares the probes of `plan`.
    ///
    /// # Errors
    /// [`PlanError::SourcePorts`] when the source ports are too few for the
    /// attempts, [`PlanError::NoSource`] when targets have no source address where
    /// they leave, [`PlanError::Contact`] for a contact that cannot be sent.
    pub fn new(plan: Arc<Plan>, config: &ProbeConfig) -> Result<Self, PlanError> {
        let origins = Origins::new(&config.ways, config.way_of.clone(), config.key, config.syn)?;
        origins.cover(&plan)?;
        // Any function of the key will do; this one says nothing about it.
        let salt = derive_key(config.key, Ipv6Addr::UNSPECIFIED.into(), TCP).k0;
        let source_ports = SourcePorts::new(config.source_ports.clone(), config.attempts, salt)?;
        let payloads = Payloads::new(config.contact.as_deref())?;
        let items = plan.items();
        let any_port = items
            .udp()
            .as_slice()
            .iter()
            .copied()
            .filter(|&port| payloads.of(port).answers_from_any_port())
            .collect();
        let only = |v6: bool, wanted: bool| match (origins.only(v6), wanted) {
            (Some(origin), _) => Some(Form::new(origin, ProbeKind::Syn, v6)),
            (None, false) => Some(Form::FIRST),
            // All of them will be resolved one by one.
            (None, true) if origins.only_elsewhere(v6) => Some(Form::new(0, ProbeKind::Syn, v6)),
            (None, true) => None,
        };
        let fast = only(false, plan.contains_v4())
            .zip(only(true, plan.contains_v6()))
            .filter(|_| items.only_syn())
            .map(|(v4, v6)| Fast { v4, v6 });
        Ok(Self {
            source_ports,
            attempts: config.attempts,
            per_target_mac: origins.any_neighbours(),
            several_ports: origins.any_other_port(),
            several_ways: origins.are_several(),
            origins,
            payloads: Arc::new(payloads),
            contact: config.contact.as_deref().unwrap_or_default().as_bytes().into(),
            any_port,
            fast,
            lanes: Lanes::detect(),
            plan,
        })
    }

    /// The same prober, computing cookies in this way; for tests and measurements.
    #[must_use]
    pub fn with_lanes(mut self, lanes: Lanes) -> Self {
        self.lanes = lanes;
        self
    }

    /// Resolves `indices` (at most [`RESOLVE_BATCH`], each below N) into the
    /// first places of `fields`: rank, address, ports and cookie, several at a time.
    /// `attempt` is below the configured attempts.
    pub fn resolve(&self, indices: &[u64], attempt: u8, fields: &mut [Fields; RESOLVE_BATCH]) {
        debug_assert!(indices.len() <= RESOLVE_BATCH && attempt < self.attempts);
        match self.fast {
            Some(fast) if self.plan.contains_v6() => {
                self.resolve_mixed(indices, attempt, fast, fields);
            }
            Some(fast) => self.resolve_v4(indices, attempt, fast.v4, fields),
            None => {
                for (fields, &index) in fields.iter_mut().zip(indices) {
                    *fields = self.resolve_one(index, attempt);
                }
                return;
            }
        }
        if self.several_ways {
            // What goes another way was resolved as if it took the first.
            for (fields, &index) in fields.iter_mut().zip(indices) {
                if self.origins.way_of(fields.addr()) != 0 {
                    *fields = self.resolve_one(index, attempt);
                }
            }
        }
    }

    /// Any kind of probe from any origin.
    fn resolve_one(&self, index: u64, attempt: u8) -> Fields {
        let rank = self.plan.permutation.forward(index);
        let (address_rank, slot) = self.plan.per_address.split(rank);
        let addr = self.plan.addr_at(address_rank);
        let items = self.plan.items();
        let ask = items.ask(slot as usize, attempt);
        let hashed = if items.asks().is_empty() { ask.port } else { 0 };
        let our_port = self.source_ports.of(self.destination_hash(addr, hashed), attempt);
        // Checked when the prober was made: every target has an origin.
        let number = self.origins.number_of(addr).unwrap_or(0);
        let form = Form::new(number, ask.kind, addr.is_ipv6());
        let key = self.origins.get(number).key(ask.kind);
        let sums = self.origins.template(form).sums();
        let ports = u32::from(ask.port.swap_bytes()) | u32::from(our_port.swap_bytes()) << 16;
        let (first, second, token) = match addr {
            IpAddr::V4(addr) => {
                let addr = u32::from(addr).swap_bytes();
                let word = u64::from(addr) | u64::from(ports) << 32;
                (word, 0, token_v4(key, word))
            }
            IpAddr::V6(addr) => {
                let halves = le_halves(addr.into());
                (halves[0], halves[1], token_v6(key, halves, ports))
            }
        };
        let seq = (token as u32).swap_bytes();
        let finished = match ask.kind {
            ProbeKind::Udp | ProbeKind::Echo => Finished(token),
            ProbeKind::Syn | ProbeKind::Ack => {
                let mut sums = sums;
                if ask.kind == ProbeKind::Ack {
                    // The same number acknowledges, too.
                    sums.tcp += u64::from(seq);
                }
                match addr {
                    IpAddr::V4(_) => {
                        let id = wire_ip_id(seq);
                        Finished::new(&Patch::v4(sums, first as u32, ports, seq, id))
                    }
                    IpAddr::V6(_) => Finished::new(&Patch::v6(sums, [first, second], ports, seq)),
                }
            }
        };
        Fields { first, second, finished, ports_v6: ports, form }
    }

    /// What decides the slot of our ports.
    #[inline]
    pub(super) fn destination_hash(&self, addr: IpAddr, port: u16) -> u32 {
        match addr {
            IpAddr::V4(addr) => {
                self.source_ports.hash_v4(u64::from(u32::from(addr)) << 32 | u64::from(port) << 16)
            }
            IpAddr::V6(addr) => self.source_ports.hash_v6(le_halves(addr.into()), port),
        }
    }

    fn resolve_v4(
        &self,
        indices: &[u64],
        attempt: u8,
        form: Form,
        fields: &mut [Fields; RESOLVE_BATCH],
    ) {
        let mut words = [0; RESOLVE_BATCH];
        let count = indices.len().min(RESOLVE_BATCH);
        let fields = &mut fields[..count];
        for ((fields, word), &index) in fields.iter_mut().zip(&mut words).zip(indices) {
            let rank = self.plan.permutation.forward(index);
            let (address_rank, slot) = self.plan.per_address.split(rank);
            *word = self.word_v4(self.plan.v4.at(address_rank), slot, attempt);
            fields.first = *word;
            fields.form = form;
        }
        let (key, sums) = self.finishing(form);
        self.lanes.finish_v4(key, sums, &mut words, count);
        for (fields, &word) in fields.iter_mut().zip(&words[..count]) {
            fields.finished = Finished(word);
        }
    }

    /// What finishes the TCP probes of a form.
    fn finishing(&self, form: Form) -> (Key, Sums) {
        let key = self.origins.get(form.origin()).keys.tcp;
        (key, self.origins.template(form).sums())
    }

    /// The message of an IPv4 cookie: address, their port, our port.
    #[inline]
    fn word_v4(&self, addr: u32, slot: u64, attempt: u8) -> u64 {
        let port = self.plan.items.tcp.as_slice()[slot as usize];
        let destination = u64::from(addr) << 32 | u64::from(port) << 16;
        let source_port = self.source_ports.wide(self.source_ports.hash_v4(destination), attempt);
        (destination | u64::from(source_port)).swap_bytes()
    }

    fn resolve_mixed(
        &self,
        indices: &[u64],
        attempt: u8,
        fast: Fast,
        fields: &mut [Fields; RESOLVE_BATCH],
    ) {
        // Each family's messages close up; `at` tells the place in `fields` of each.
        let (mut at4, mut at6) = ([0u8; RESOLVE_BATCH], [0u8; RESOLVE_BATCH]);
        let [mut words, mut first, mut second, mut ports] = [[0; RESOLVE_BATCH]; 4];
        let (mut n4, mut n6) = (0, 0);
        for (at, (fields, &index)) in fields.iter_mut().zip(indices).enumerate() {
            let rank = self.plan.permutation.forward(index);
            let (address_rank, slot) = self.plan.per_address.split(rank);
            if let Some(rank) = address_rank.checked_sub(self.plan.v4.count()) {
                let port = self.plan.items.tcp.as_slice()[slot as usize];
                let addr = le_halves(self.plan.v6.at(rank));
                let hash = self.source_ports.hash_v6(addr, port);
                let source_port = self.source_ports.of(hash, attempt).swap_bytes();
                fields.ports_v6 = u32::from(port.swap_bytes()) | u32::from(source_port) << 16;
                (fields.first, fields.second, fields.form) = (addr[0], addr[1], fast.v6);
                (at6[n6], first[n6], second[n6]) = (at as u8, addr[0], addr[1]);
                ports[n6] = fields.ports_v6.into();
                n6 += 1;
            } else {
                let word = self.word_v4(self.plan.v4.at(address_rank), slot, attempt);
                (fields.first, fields.form) = (word, fast.v4);
                (at4[n4], words[n4]) = (at as u8, word);
                n4 += 1;
            }
        }
        if n4 > 0 {
            let (key, sums) = self.finishing(fast.v4);
            self.lanes.finish_v4(key, sums, &mut words, n4);
        }
        for (&at, &word) in at4.iter().zip(&words).take(n4) {
            fields[usize::from(at)].finished = Finished(word);
        }
        let addrs = [&first, &second];
        let (key, sums) = self.finishing(fast.v6);
        self.lanes.finish_v6(key, sums, addrs, &mut ports, n6);
        for (&at, &word) in at6.iter().zip(&ports).take(n6) {
            fields[usize::from(at)].finished = Finished(word);
        }
    }

    /// Writes one resolved probe into `frame` and returns its length.
    /// `slot` remembers which template the frame already holds, so that only
    /// what differs is written; start with [`Slot::EMPTY`].
    ///
    /// # Panics
    /// When `frame` is shorter than the probe: [`max_len`](Self::max_len) is enough.
    #[inline]
    pub fn write(&self, fields: &Fields, slot: &mut Slot, frame: &mut [u8]) -> usize {
        let form = fields.form;
        let finished = fields.finished;
        let template = self.origins.template(form);
        let len = match form.shape() {
            SYN_V4 | ACK_V4 => {
                slot.hold(form, template, frame);
                let patch = Patch {
                    destination: fields.first as u32,
                    ports: ((fields.first >> 32) as u32).rotate_left(16),
                    seq: finished.seq(),
                    id: wire_ip_id(finished.seq()),
                    ip_checksum: finished.ip_checksum(),
                    tcp_checksum: finished.tcp_checksum(),
                };
                template.patch_v4(frame, patch);
                template.len()
            }
            SYN_V6 | ACK_V6 => {
                slot.hold(form, template, frame);
                let patch = Patch {
                    destination: [fields.first, fields.second],
                    // In the header our port comes first.
                    ports: fields.ports_v6.rotate_left(16),
                    seq: finished.seq(),
                    id: 0,
                    ip_checksum: 0,
                    tcp_checksum: finished.tcp_checksum(),
                };
                template.patch_v6(frame, patch);
                template.len()
            }
            _ => {
                *slot = Slot::EMPTY;
                self.write_carrier(fields, template, frame)
            }
        };
        if form.kind() == ProbeKind::Ack {
            template.set_ack(frame, finished.seq());
        }
        if self.per_target_mac {
            self.address_neighbour(fields.addr(), form.origin(), frame);
        }
        len
    }

    /// A UDP datagram or an echo request.
    fn write_carrier(&self, fields: &Fields, template: &Template, frame: &mut [u8]) -> usize {
        let token = fields.finished.0;
        let (addr, port, our_port) = (fields.addr(), fields.port(), fields.source_port());
        let payload = &mut frame[template.len()..];
        let (len, words) = if fields.form.kind() == ProbeKind::Udp {
            (self.payloads.of(port).write(token, payload), [our_port, port])
        } else {
            payload[..8].copy_from_slice(&token.to_le_bytes());
            payload[8..8 + self.contact.len()].copy_from_slice(&self.contact);
            (8 + self.contact.len(), [our_port, token as u16])
        };
        template.complete(frame, addr, words, (token >> 48) as u16 | 1, len)
    }

    /// Sends the frame to its target's own MAC address where that is how it is reached.
    /// A target without one is not reachable, and is not chosen.
    fn address_neighbour(&self, addr: IpAddr, origin: usize, frame: &mut [u8]) {
        if let Some(neighbours) = &self.origins.get(origin).neighbours
            && let Some(mac) = neighbours(addr)
        {
            Template::set_next_hop(frame, mac);
        }
    }

    /// Whether targets differ in how they are reached, so that
    /// [`departure`](Self::departure) is worth asking.
    #[must_use]
    pub fn has_several_departures(&self) -> bool {
        self.several_ways || self.per_target_mac
    }

    /// Whether some targets have a MAC address of their own.
    pub(super) fn has_neighbours(&self) -> bool {
        self.per_target_mac
    }

    /// How the item at `index` leaves.
    #[must_use]
    pub fn departure(&self, index: u64) -> Departure {
        let addr = self.plan.target(index).addr;
        let way = self.origins.way_of(addr);
        let (port, neighbours) = self.origins.leaving(way, addr.is_ipv6());
        let neighbour = match neighbours {
            None => Neighbour::None,
            Some(neighbours) if neighbours(addr).is_some() => Neighbour::Known,
            Some(_) => Neighbour::Silent,
        };
        Departure { port, neighbour }
    }

    /// Which of a worker's ports the item at `index` leaves by.
    #[must_use]
    pub fn port_of(&self, index: u64) -> usize {
        if self.several_ports { self.origins.port_of(self.plan.target(index).addr) } else { 0 }
    }

    /// The whole probe in one call (tests, raw ports, dry runs).
    ///
    /// # Panics
    /// As [`write`](Self::write).
    pub fn craft(&self, index: u64, attempt: u8, frame: &mut [u8]) -> usize {
        let mut fields = [Fields::EMPTY; RESOLVE_BATCH];
        self.resolve(&[index], attempt, &mut fields);
        self.write(&fields[0], &mut { Slot::EMPTY }, frame)
    }

    /// Writes the RST that ends the half-open connection of a SYN-ACK: from the
    /// port that it came to, with its acknowledgement number as sequence number
    /// (RFC 9293, section 3.5.2). 0, and nothing written, for other replies.
    /// A frame that held a probe must have its [`Slot`] set to [`Slot::EMPTY`].
    ///
    /// # Panics
    /// As [`write`](Self::write).
    pub fn craft_rst(&self, reply: &Reply, frame: &mut [u8]) -> usize {
        let Kind::SynAck { ack } = reply.kind else {
            return 0;
        };
        let Some(number) = self.origins.number_of(reply.addr) else { return 0 };
        let origin = self.origins.get(number);
        if origin.source != reply.our_addr {
            return 0;
        }
        let ports =
            u32::from(reply.our_port.swap_bytes()) | u32::from(reply.port.swap_bytes()) << 16;
        let seq = ack.swap_bytes();
        let template = &origin.rst;
        template.copy_to(frame);
        match reply.addr {
            IpAddr::V4(addr) => {
                let (addr, id) = (u32::from(addr).swap_bytes(), wire_ip_id(seq));
                template.patch_v4(frame, Patch::v4(template.sums(), addr, ports, seq, id));
            }
            IpAddr::V6(addr) => {
                let addr = le_halves(addr.into());
                template.patch_v6(frame, Patch::v6(template.sums(), addr, ports, seq));
            }
        }
        if self.per_target_mac {
            self.address_neighbour(reply.addr, number, frame);
        }
        template.len()
    }

    /// What the steering program must know to let through exactly the replies
    /// that [`validate`](Self::validate) accepts (but for membership in the plan).
    #[must_use]
    pub fn steer_config(&self) -> SteerConfig {
        self.steer_config_where(|_| true)
    }

    /// The same for the replies to what leaves by one port.
    #[must_use]
    pub fn steer_config_of(&self, port: usize) -> SteerConfig {
        self.steer_config_where(|number| number == port)
    }

    fn steer_config_where(&self, wanted: impl Fn(usize) -> bool) -> SteerConfig {
        // An address on several ways has the same keys on all of them.
        let mut sources: Vec<Source> = Vec::new();
        for origin in self.origins.all().iter().filter(|origin| wanted(origin.port)) {
            if sources.iter().all(|known| known.addr != origin.source) {
                sources.push(Source { addr: origin.source, keys: origin.keys });
            }
        }
        let (port_first, port_last) = self.source_ports.bounds();
        let items = self.plan.items();
        let mut kinds = 0;
        for kind in ProbeKind::ALL {
            kinds |= u8::from(items.sends(kind)) << kind as u8;
        }
        let (slots, attempts, salt) = self.source_ports.division();
        SteerConfig {
            sources,
            port_first,
            port_last,
            salt,
            slots,
            attempts,
            kinds,
            flows: 0,
            any_port: {
                let mut ports = [0; ANY_PORTS];
                for (place, &port) in ports.iter_mut().zip(&self.any_port) {
                    *place = port;
                }
                ports
            },
            hosts: !items.asks().is_empty(),
        }
    }

    /// The plan probed.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The payloads of UDP probes.
    #[must_use]
    pub fn payloads(&self) -> &Payloads {
        &self.payloads
    }

    /// The words for people in payloads that have room.
    pub(super) fn contact(&self) -> &[u8] {
        &self.contact
    }

    pub(super) fn origins(&self) -> &Origins {
        &self.origins
    }

    pub(super) fn source_ports(&self) -> &SourcePorts {
        &self.source_ports
    }

    pub(super) fn any_port(&self) -> &[u16] {
        &self.any_port
    }

    /// How many different ports one attempt's probes leave from: what a forged
    /// datagram must guess among.
    #[must_use]
    pub fn source_port_slots(&self) -> u32 {
        self.source_ports.division().0
    }

    /// The link-layer header in front of the probes of the first way.
    #[must_use]
    pub fn link(&self) -> Link {
        self.origins.all().first().map_or(Link::None, |origin| origin.link)
    }

    /// Length in bytes of the longest probe of this plan, link layer included.
    #[must_use]
    pub fn max_len(&self) -> usize {
        let items = self.plan.items();
        let mut longest = 0;
        for (number, origin) in self.origins.all().iter().enumerate() {
            let v6 = origin.source.is_ipv6();
            for kind in ProbeKind::ALL.into_iter().filter(|&kind| items.sends(kind)) {
                let headers = self.origins.template(Form::new(number, kind, v6)).len();
                let payload = match kind {
                    ProbeKind::Syn | ProbeKind::Ack => 0,
                    ProbeKind::Udp => {
                        let ports = items.udp().as_slice().iter();
                        ports.map(|&port| self.payloads.of(port).len()).max().unwrap_or(0)
                    }
                    ProbeKind::Echo => 8 + self.contact.len(),
                };
                longest = longest.max(headers + payload);
            }
        }
        longest
    }
}

/// What [`Form::shape`] is for TCP probes.
const SYN_V4: u8 = 0;
const SYN_V6: u8 = 1;
const ACK_V4: u8 = 2;
const ACK_V6: u8 = 3;

/// The halves of an IPv6 address as on the wire, read in little-endian order.
#[inline]
pub(super) fn le_halves(addr: u128) -> [u64; 2] {
    [((addr >> 64) as u64).swap_bytes(), (addr as u64).swap_bytes()]
}

/// Which template a transmit frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(u8);

impl Slot {
    /// The frame holds none of our templates.
    pub const EMPTY: Self = Self(0);

    /// Makes sure that `frame` holds `template`.
    #[inline]
    fn hold(&mut self, form: Form, template: &Template, frame: &mut [u8]) {
        if self.0 != form.mark() {
            template.copy_to(frame);
            self.0 = form.mark();
        }
    }
}
