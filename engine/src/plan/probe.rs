//! `probe(i, attempt)`: the bytes of a probe as a pure function of the plan, the
//! key and the route. Every worker and every port engine sends the same.
//!
//! In two steps, so that the costly part runs over a batch: [`Prober::resolve`]
//! turns indices into [`Fields`] (permutation, address, ports, then all cookies
//! at once), [`Prober::write`] patches them into a frame. A frame that already
//! holds the right template gets only its changing fields.
//!
//! What a SYN carries: the cookie as its sequence number, and half of it as
//! IPv4 identification.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::sync::Arc;

use prtip_bpf::abi::{Key, SteerConfig};
use prtip_bpf::cookie::{cookie4, cookie6, derive_key};

use super::cookies::{Finished, Lanes, wire_ip_id};
use super::source_port::SourcePorts;
use super::{IpRange, Plan, PlanError, Target};
use crate::scan::SynOptions;
use crate::wire::Link;
use crate::wire::reply::{Kind, Reply};
use crate::wire::template::{Patch, Segment, Template};

/// Probes resolved at a time: the length of the cookie batches.
pub const RESOLVE_BATCH: usize = 64;

/// IP protocol number of TCP.
const TCP: u8 = 6;

/// Everything but the plan that decides the bytes of a probe.
#[derive(Clone, Debug)]
pub struct ProbeConfig {
    /// The scan's secret.
    pub key: Key,
    /// Our IPv4 address; needed for IPv4 targets.
    pub source_v4: Option<Ipv4Addr>,
    /// Our IPv6 address; needed for IPv6 targets.
    pub source_v6: Option<Ipv6Addr>,
    /// Our ports.
    pub source_ports: RangeInclusive<u16>,
    /// Attempts at each pair, the first included: retries + 1.
    pub attempts: u8,
    /// Shape of the SYN.
    pub syn: SynOptions,
    /// Link-layer header, for both families unless `link_v6` says otherwise.
    pub link: Link,
    /// Link-layer header of IPv6 packets, where its next hop is another.
    pub link_v6: Option<Link>,
}

/// Fills frames with probes. One per scan, shared by all workers.
#[derive(Clone, Debug)]
pub struct Prober {
    plan: Arc<Plan>,
    source_v4: Option<Ipv4Addr>,
    source_v6: Option<Ipv6Addr>,
    source_ports: SourcePorts,
    attempts: u8,
    link: Link,
    v4: Family,
    v6: Family,
    lanes: Lanes,
}

/// What the probes of one address family share.
#[derive(Clone, Debug)]
struct Family {
    key: Key,
    syn: Template,
    rst: Template,
}

impl Family {
    fn new(config: &ProbeConfig, link: Link, source: IpAddr) -> Self {
        Self {
            key: derive_key(config.key, source, TCP),
            syn: Template::new(link, source, Segment::Syn(config.syn)),
            rst: Template::new(link, source, Segment::Rst),
        }
    }
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
    /// Sequence number and checksums.
    finished: Finished,
    /// IPv6: destination port (low half) and our port.
    ports_v6: u32,
    v6: bool,
}

impl Fields {
    /// Not yet resolved.
    pub const EMPTY: Self =
        Self { first: 0, second: 0, finished: Finished(0), ports_v6: 0, v6: false };

    /// The address probed.
    #[must_use]
    pub fn addr(&self) -> IpAddr {
        let first = self.first.to_le_bytes();
        if self.v6 {
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

    /// The sequence number: the cookie.
    #[must_use]
    pub fn seq(&self) -> u32 {
        self.finished.seq().swap_bytes()
    }

    /// Destination port (low half) and our port.
    #[inline]
    fn ports(&self) -> u32 {
        if self.v6 { self.ports_v6 } else { (self.first >> 32) as u32 }
    }
}

impl Prober {
    /// Prepares the probes of `plan`.
    ///
    /// # Errors
    /// [`PlanError::SourcePorts`] when the source ports are too few for the
    /// attempts, [`PlanError::NoSource`] when a family of the plan has no source address.
    pub fn new(plan: Arc<Plan>, config: &ProbeConfig) -> Result<Self, PlanError> {
        for range in plan.ranges() {
            let missing = match range {
                IpRange::V4(..) => config.source_v4.is_none().then_some("IPv4"),
                IpRange::V6(..) => config.source_v6.is_none().then_some("IPv6"),
            };
            if let Some(family) = missing {
                return Err(PlanError::NoSource { family, target: range.first() });
            }
        }
        // Any function of the key will do; this one says nothing about it.
        let salt = derive_key(config.key, Ipv6Addr::UNSPECIFIED.into(), TCP).k0;
        let source_ports = SourcePorts::new(config.source_ports.clone(), config.attempts, salt)?;
        let v4 = config.source_v4.unwrap_or(Ipv4Addr::UNSPECIFIED);
        let v6 = config.source_v6.unwrap_or(Ipv6Addr::UNSPECIFIED);
        Ok(Self {
            source_v4: config.source_v4,
            source_v6: config.source_v6,
            source_ports,
            attempts: config.attempts,
            link: config.link,
            v4: Family::new(config, config.link, v4.into()),
            v6: Family::new(config, config.link_v6.unwrap_or(config.link), v6.into()),
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
        if self.plan.contains_v6() {
            self.resolve_mixed(indices, attempt, fields);
        } else {
            self.resolve_v4(indices, attempt, fields);
        }
    }

    fn resolve_v4(&self, indices: &[u64], attempt: u8, fields: &mut [Fields; RESOLVE_BATCH]) {
        let mut words = [0; RESOLVE_BATCH];
        let count = indices.len().min(RESOLVE_BATCH);
        let fields = &mut fields[..count];
        for ((fields, word), &index) in fields.iter_mut().zip(&mut words).zip(indices) {
            let rank = self.plan.permutation.forward(index);
            let (address_rank, port_rank) = self.plan.per_address.split(rank);
            *word = self.word_v4(self.plan.v4.at(address_rank), port_rank, attempt);
            fields.first = *word;
            fields.v6 = false;
        }
        self.lanes.finish_v4(self.v4.key, self.v4.syn.sums(), &mut words, count);
        for (fields, &word) in fields.iter_mut().zip(&words[..count]) {
            fields.finished = Finished(word);
        }
    }

    /// The message of an IPv4 cookie: address, their port, our port.
    #[inline]
    fn word_v4(&self, addr: u32, port_rank: u64, attempt: u8) -> u64 {
        let port = self.plan.ports.as_slice()[port_rank as usize];
        let destination = u64::from(addr) << 32 | u64::from(port) << 16;
        let source_port = self.source_ports.wide(self.source_ports.hash_v4(destination), attempt);
        (destination | u64::from(source_port)).swap_bytes()
    }

    fn resolve_mixed(&self, indices: &[u64], attempt: u8, fields: &mut [Fields; RESOLVE_BATCH]) {
        // Each family's messages close up; `at` tells the place in `fields` of each.
        let (mut at4, mut at6) = ([0u8; RESOLVE_BATCH], [0u8; RESOLVE_BATCH]);
        let [mut words, mut first, mut second, mut ports] = [[0; RESOLVE_BATCH]; 4];
        let (mut n4, mut n6) = (0, 0);
        for (at, (fields, &index)) in fields.iter_mut().zip(indices).enumerate() {
            let rank = self.plan.permutation.forward(index);
            let (address_rank, port_rank) = self.plan.per_address.split(rank);
            if let Some(rank) = address_rank.checked_sub(self.plan.v4.count()) {
                let port = self.plan.ports.as_slice()[port_rank as usize];
                let addr = le_halves(self.plan.v6.at(rank));
                let hash = self.source_ports.hash_v6(addr, port);
                let source_port = self.source_ports.of(hash, attempt).swap_bytes();
                fields.ports_v6 = u32::from(port.swap_bytes()) | u32::from(source_port) << 16;
                (fields.first, fields.second, fields.v6) = (addr[0], addr[1], true);
                (at6[n6], first[n6], second[n6]) = (at as u8, addr[0], addr[1]);
                ports[n6] = fields.ports_v6.into();
                n6 += 1;
            } else {
                let word = self.word_v4(self.plan.v4.at(address_rank), port_rank, attempt);
                (fields.first, fields.v6) = (word, false);
                (at4[n4], words[n4]) = (at as u8, word);
                n4 += 1;
            }
        }
        self.lanes.finish_v4(self.v4.key, self.v4.syn.sums(), &mut words, n4);
        for (&at, &word) in at4.iter().zip(&words).take(n4) {
            fields[usize::from(at)].finished = Finished(word);
        }
        let addrs = [&first, &second];
        self.lanes.finish_v6(self.v6.key, self.v6.syn.sums(), addrs, &mut ports, n6);
        for (&at, &word) in at6.iter().zip(&ports).take(n6) {
            fields[usize::from(at)].finished = Finished(word);
        }
    }

    /// Writes one resolved probe into `frame` and returns its length.
    /// `slot` remembers which template the frame already holds, so that only
    /// what differs is written; start with [`Slot::EMPTY`].
    ///
    /// # Panics
    /// When `frame` is shorter than the probe, at most
    /// [`template::MAX_LEN`](crate::wire::template::MAX_LEN) bytes.
    #[inline]
    pub fn write(&self, fields: &Fields, slot: &mut Slot, frame: &mut [u8]) -> usize {
        let finished = fields.finished;
        if fields.v6 {
            let template = &self.v6.syn;
            if *slot != Slot::V6 {
                template.copy_to(frame);
                *slot = Slot::V6;
            }
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
        } else {
            let template = &self.v4.syn;
            if *slot != Slot::V4 {
                template.copy_to(frame);
                *slot = Slot::V4;
            }
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
        let ports =
            u32::from(reply.our_port.swap_bytes()) | u32::from(reply.port.swap_bytes()) << 16;
        let seq = ack.swap_bytes();
        match reply.addr {
            IpAddr::V4(addr) => {
                let (template, addr) = (&self.v4.rst, u32::from(addr).swap_bytes());
                template.copy_to(frame);
                let id = wire_ip_id(seq);
                template.patch_v4(frame, Patch::v4(template.sums(), addr, ports, seq, id));
                template.len()
            }
            IpAddr::V6(addr) => {
                let (template, addr) = (&self.v6.rst, le_halves(addr.into()));
                template.copy_to(frame);
                template.patch_v6(frame, Patch::v6(template.sums(), addr, ports, seq));
                template.len()
            }
        }
    }

    /// Checks the cookie of `reply`; `Some` tells which probe it answers.
    #[must_use]
    pub fn validate(&self, reply: &Reply) -> Option<Answered> {
        let (cookie, hash) = match (reply.addr, reply.our_addr) {
            (IpAddr::V4(addr), IpAddr::V4(ours)) if Some(ours) == self.source_v4 => {
                let destination = u64::from(u32::from(addr)) << 32 | u64::from(reply.port) << 16;
                let cookie = cookie4(self.v4.key, addr, reply.port, reply.our_port);
                (cookie, self.source_ports.hash_v4(destination))
            }
            (IpAddr::V6(addr), IpAddr::V6(ours)) if Some(ours) == self.source_v6 => {
                let halves = le_halves(addr.into());
                let cookie = cookie6(self.v6.key, addr, reply.port, reply.our_port);
                (cookie, self.source_ports.hash_v6(halves, reply.port))
            }
            _ => return None,
        };
        let after = cookie.wrapping_add(1);
        let genuine = match reply.kind {
            Kind::SynAck { ack } => ack == after,
            Kind::Rst { ack } => ack == after || ack == cookie,
            Kind::IcmpError { seq, .. } => seq == cookie,
        };
        if !genuine {
            return None;
        }
        let attempt = self.source_ports.attempt_of(hash, reply.our_port)?;
        let target = Target { addr: reply.addr, port: reply.port };
        let index = self.plan.index_of(target)?;
        Some(Answered { index, attempt, target })
    }

    /// What the steering program must know to let through exactly the replies
    /// that [`validate`](Self::validate) accepts (but for membership in the plan).
    #[must_use]
    pub fn steer_config(&self) -> SteerConfig {
        let (port_first, port_last) = self.source_ports.bounds();
        SteerConfig {
            tcp4: self.v4.key,
            tcp6: self.v6.key,
            source_v6: self.source_v6.map(|addr| addr.octets()).unwrap_or_default(),
            source_v4: self.source_v4.map(|addr| addr.octets()).unwrap_or_default(),
            port_first,
            port_last,
        }
    }

    /// The plan probed.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The link-layer header in front of every (IPv4) probe.
    #[must_use]
    pub fn link(&self) -> Link {
        self.link
    }

    /// Length in bytes of the longest probe of this plan, link layer included.
    #[must_use]
    pub fn max_len(&self) -> usize {
        if self.plan.contains_v6() { self.v6.syn.len() } else { self.v4.syn.len() }
    }
}

/// The halves of an IPv6 address as on the wire, read in little-endian order.
#[inline]
fn le_halves(addr: u128) -> [u64; 2] {
    [((addr >> 64) as u64).swap_bytes(), (addr as u64).swap_bytes()]
}

/// Which template a transmit frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(u8);

impl Slot {
    /// The frame holds none of our templates.
    pub const EMPTY: Self = Self(0);
    const V4: Self = Self(1);
    const V6: Self = Self(2);
}

/// The probe that a valid reply answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Its index in the plan.
    pub index: u64,
    /// Which attempt, told by our port.
    pub attempt: u8,
    /// The pair probed (for ICMP, the quoted one).
    pub target: Target,
}
