//! Which probe a reply answers: membership in the plan, our port, and the cookie
//! in the fields that each kind of probe has for it.

use std::net::IpAddr;

use super::items::{Ask, ProbeKind, Protocol};
use super::probe::Prober;
use super::{Target, cookies};
use crate::udp::Payload;
use crate::wire::checksum;
use crate::wire::reply::{Kind, Quoted, Reply};
use crate::wire::template::CARRIER_LEN;

/// The probe that a valid reply answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Its index in the plan.
    pub index: u64,
    /// Which attempt, told by our port.
    pub attempt: u8,
    /// The item probed (for ICMP, the quoted one).
    pub target: Target,
    /// How it was asked.
    pub ask: Ask,
}

impl Prober {
    /// Checks the cookie of `reply`, read from `frame`; `Some` tells which probe it
    /// answers.
    #[must_use]
    pub fn validate(&self, reply: &Reply, frame: &[u8]) -> Option<Answered> {
        let protocol = match reply.kind {
            Kind::SynAck { .. } | Kind::Rst { .. } => Protocol::Tcp,
            Kind::Udp { .. } => Protocol::Udp,
            Kind::EchoReply { .. } => Protocol::Icmp,
            Kind::IcmpError { quoted, .. } => match quoted {
                Quoted::Tcp { .. } => Protocol::Tcp,
                Quoted::Udp { .. } => Protocol::Udp,
                Quoted::Echo { .. } => Protocol::Icmp,
            },
        };
        let found = self.answer(reply, frame, protocol, reply.port);
        if found.is_some() || !matches!(reply.kind, Kind::Udp { .. }) {
            return found;
        }
        // A datagram may come from another port than the one asked (RFC 1350, section 4).
        let Kind::Udp { payload } = reply.kind else { return None };
        let payload = payload.of(frame);
        self.any_port()
            .iter()
            .filter(|&&port| self.payloads().of(port).has_the_form_of_an_answer(payload))
            .find_map(|&port| self.answer(reply, frame, protocol, port))
    }

    /// The same for a reply taken as one about `port`.
    fn answer(
        &self,
        reply: &Reply,
        frame: &[u8],
        protocol: Protocol,
        port: u16,
    ) -> Option<Answered> {
        let origin = self.origins().get(self.origins().number_of(reply.addr)?);
        if origin.source != reply.our_addr {
            return None;
        }
        let items = self.plan().items();
        // Where hosts are looked for, all ways to ask share one hash and one item.
        let hashed = if items.asks().is_empty() { port } else { 0 };
        let hash = self.destination_hash(reply.addr, hashed);
        let attempt = self.source_ports().attempt_of(hash, reply.our_port)?;
        let slot = items.slot_of(protocol, port)?;
        let ask = items.ask(slot, attempt);
        if (ask.kind.protocol(), ask.port) != (protocol, port) {
            return None;
        }
        let token = token(origin.key(ask.kind), reply.addr, port, reply.our_port);
        if !self.is_genuine(reply, frame, ask, token) {
            return None;
        }
        let (protocol, port) = items.label(slot);
        let target = Target { addr: reply.addr, port, protocol };
        let index = self.plan().index_of(target)?;
        Some(Answered { index, attempt, target, ask })
    }

    fn is_genuine(&self, reply: &Reply, frame: &[u8], ask: Ask, token: u64) -> bool {
        let cookie = token as u32;
        let after = cookie.wrapping_add(1);
        match (ask.kind, reply.kind) {
            (ProbeKind::Syn, Kind::SynAck { ack }) => ack == after,
            (ProbeKind::Syn, Kind::Rst { ack, .. }) => ack == after || ack == cookie,
            (ProbeKind::Ack, Kind::Rst { seq, .. }) => seq == cookie,
            (ProbeKind::Udp, Kind::Udp { payload }) => {
                self.payloads().of(ask.port).accepts(token, payload.of(frame))
            }
            (ProbeKind::Echo, Kind::EchoReply { seq, payload }) => {
                seq == cookie as u16 && payload.of(frame).starts_with(&token.to_le_bytes())
            }
            (kind, Kind::IcmpError { quoted, .. }) => match (kind, quoted) {
                (ProbeKind::Syn | ProbeKind::Ack, Quoted::Tcp { seq }) => seq == cookie,
                (ProbeKind::Udp, Quoted::Udp { len, checksum }) => {
                    let payload = self.payloads().of(ask.port);
                    // Where nothing of the token is in the datagram, its checksum tells
                    // no more than its ports, and some hosts and translators spoil it.
                    usize::from(len) == 8 + payload.len()
                        && (payload.transaction_bits() == 0
                            || checksum == udp_checksum(reply, payload, token))
                }
                (ProbeKind::Echo, Quoted::Echo { seq }) => seq == cookie as u16,
                _ => false,
            },
            _ => false,
        }
    }
}

/// The checksum of the datagram that `reply`, an ICMP error, is about.
fn udp_checksum(reply: &Reply, payload: &Payload, token: u64) -> u16 {
    const UDP: u8 = 17;
    let octets = |addr: IpAddr| match addr {
        IpAddr::V4(addr) => checksum::sum(&addr.octets()),
        IpAddr::V6(addr) => checksum::sum(&addr.octets()),
    };
    let len = (CARRIER_LEN + payload.len()) as u16;
    let words = [reply.our_port, reply.port, len, len, UDP.into()];
    let words = words.map(|word| u64::from(word.swap_bytes()));
    let sum = octets(reply.our_addr)
        + octets(reply.addr)
        + words.iter().sum::<u64>()
        + payload.sum(token);
    match u16::from_be_bytes(checksum::finish(sum)) {
        // As it is sent: zero would mean that there is none.
        0 => 0xffff,
        checksum => checksum,
    }
}

/// The cookie and 32 bits more.
fn token(key: prtip_bpf::abi::Key, addr: IpAddr, port: u16, our_port: u16) -> u64 {
    let ports = u32::from(port.swap_bytes()) | u32::from(our_port.swap_bytes()) << 16;
    match addr {
        IpAddr::V4(addr) => {
            let addr = u32::from(addr).swap_bytes();
            cookies::token_v4(key, u64::from(addr) | u64::from(ports) << 32)
        }
        IpAddr::V6(addr) => cookies::token_v6(key, super::probe::le_halves(addr.into()), ports),
    }
}
