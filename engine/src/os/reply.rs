//! Answers to the probes, read from received packets that begin with an IPv4 header.
//! Nothing is trusted: an answer must belong to a flow that was asked, and every offset is
//! checked.

use std::net::Ipv4Addr;

use super::probe::{DATAGRAM_BYTES, FIRST_ECHO_CODE, Flow, Probe};
use crate::wire::checksum::checksum;

/// TCP options are at most so long.
const OPTIONS_MAX: usize = 40;

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Time to live as it was received.
    pub ttl: u8,
    /// The packet must not be fragmented.
    pub dont_fragment: bool,
    /// IP identification.
    pub id: u16,
    /// What it holds.
    pub body: Body,
}

/// What an answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// A TCP segment.
    Tcp(Segment),
    /// An error about the datagram.
    Unreachable(Unreachable),
    /// An echo reply, with its code.
    Echo(u8),
}

/// A TCP segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number.
    pub ack: u32,
    /// The eight flags.
    pub flags: u8,
    /// The four reserved bits, of which three are left.
    pub reserved: u8,
    /// Window.
    pub window: u16,
    /// Urgent pointer.
    pub urgent: u16,
    /// Options as they are, [`options_len`](Self::options_len) of these bytes.
    pub options: [u8; OPTIONS_MAX],
    /// Length of the options.
    pub options_len: u8,
    /// CRC-32 of the data; 0 where there is none.
    pub data_crc: u32,
}

impl Segment {
    /// The options.
    #[must_use]
    pub fn options(&self) -> &[u8] {
        &self.options[..usize::from(self.options_len)]
    }
}

/// An ICMP error and what it quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreachable {
    /// Total length of the packet that brought it.
    pub length: u16,
    /// The four bytes of its header that have no use.
    pub unused: u32,
    /// The quoted packet's total length.
    pub quoted_length: u16,
    /// Its identification.
    pub quoted_id: u16,
    /// Its time to live when it arrived.
    pub quoted_ttl: u8,
    /// Its header's checksum.
    pub quoted_sum: Sum,
    /// The datagram's checksum.
    pub quoted_udp_sum: u16,
    /// The data that is quoted is what was sent.
    pub data_intact: bool,
}

/// A quoted checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sum {
    /// As the header wants it.
    Good,
    /// Zero.
    Zero,
    /// Neither.
    Bad,
}

/// Who answered, and to which of our ports: enough to find the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The host that was asked.
    pub host: Ipv4Addr,
    /// Our port, or the echo's identifier.
    pub our_port: u16,
}

/// Finds out whom a packet is from; `None` for what can be no answer.
#[must_use]
pub fn origin(packet: &[u8]) -> Option<Origin> {
    let ip = Ip::of(packet)?;
    let our_port = match ip.protocol {
        6 => half(ip.body, 2)?,
        1 if ip.body.first() == Some(&0) => half(ip.body, 4)?,
        1 => half(Ip::quoted(ip.body.get(8..)?)?.body, 0)?,
        _ => return None,
    };
    Some(Origin { host: ip.source, our_port })
}

/// Reads a packet as an answer to a probe of `flow`.
#[must_use]
pub fn read(packet: &[u8], flow: &Flow) -> Option<(Probe, Reply)> {
    let ip = Ip::of(packet)?;
    if ip.source != flow.target || ip.destination != flow.source {
        return None;
    }
    let at = origin(packet)?.our_port.checked_sub(flow.first_port)?;
    let probe = *Probe::ALL.get(usize::from(at))?;
    let body = match (ip.protocol, probe) {
        (6, Probe::Seq(_) | Probe::Ecn | Probe::Tcp(_)) => {
            (half(ip.body, 0)? == flow.their_port(probe)).then_some(())?;
            Body::Tcp(segment(ip.body)?)
        }
        (1, Probe::U1) => Body::Unreachable(unreachable(&ip, flow)?),
        (1, Probe::Echo(_)) if ip.body[0] == 0 => Body::Echo(*ip.body.get(1)?),
        _ => return None,
    };
    Some((probe, Reply { ttl: ip.ttl, dont_fragment: ip.dont_fragment, id: ip.id, body }))
}

/// The code that a probe's echo asked with.
#[must_use]
pub fn asked_code(second: bool) -> u8 {
    if second { 0 } else { FIRST_ECHO_CODE }
}

/// An IPv4 header and what follows it.
struct Ip<'a> {
    header: &'a [u8],
    length: u16,
    id: u16,
    dont_fragment: bool,
    ttl: u8,
    protocol: u8,
    source: Ipv4Addr,
    destination: Ipv4Addr,
    body: &'a [u8],
}

impl<'a> Ip<'a> {
    /// A packet that was received whole: no fragment.
    fn of(packet: &'a [u8]) -> Option<Self> {
        let ip = Self::quoted(packet)?;
        // More fragments, or not the first.
        if half(packet, 6)? & 0x3fff != 0 {
            return None;
        }
        let body = usize::from(ip.length).checked_sub(ip.header.len())?;
        Some(Self { body: ip.body.get(..body)?, ..ip })
    }

    /// As an ICMP error quotes it: cut anywhere, its length perhaps changed.
    fn quoted(packet: &'a [u8]) -> Option<Self> {
        let first = *packet.first()?;
        let header_len = usize::from(first & 0xf) * 4;
        if first >> 4 != 4 || header_len < 20 {
            return None;
        }
        let (header, body) = packet.split_at_checked(header_len)?;
        Some(Self {
            header,
            length: half(header, 2)?,
            id: half(header, 4)?,
            dont_fragment: header[6] & 0x40 != 0,
            ttl: header[8],
            protocol: header[9],
            source: Ipv4Addr::from_octets(*header[12..].first_chunk()?),
            destination: Ipv4Addr::from_octets(*header[16..].first_chunk()?),
            body,
        })
    }
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn segment(body: &[u8]) -> Option<Segment> {
    let header_len = usize::from(*body.get(12)? >> 4) * 4;
    let options = body.get(20..header_len)?;
    let mut kept = [0; OPTIONS_MAX];
    kept[..options.len()].copy_from_slice(options);
    let data = &body[header_len..];
    Some(Segment {
        seq: word(body, 4)?,
        ack: word(body, 8)?,
        flags: body[13],
        reserved: body[12] & 0xf,
        window: half(body, 14)?,
        urgent: half(body, 18)?,
        options: kept,
        options_len: options.len() as u8,
        data_crc: if data.is_empty() { 0 } else { crc32(data) },
    })
}

fn unreachable(ip: &Ip<'_>, flow: &Flow) -> Option<Unreachable> {
    // Port unreachable; from the host itself, which `read` has seen to.
    if ip.body.get(..2)? != [3, 3] {
        return None;
    }
    let quoted = Ip::quoted(ip.body.get(8..)?)?;
    let is_ours = quoted.protocol == 17
        && quoted.destination == flow.target
        && half(quoted.body, 2)? == flow.closed_udp;
    is_ours.then_some(())?;
    let stated = half(quoted.header, 10)?;
    let mut header = [0; 60];
    let header = &mut header[..quoted.header.len()];
    header.copy_from_slice(quoted.header);
    header[10..12].fill(0);
    let quoted_sum = match stated {
        0 => Sum::Zero,
        stated if stated == u16::from_be_bytes(checksum(header)) => Sum::Good,
        _ => Sum::Bad,
    };
    let data = quoted.body.get(8..).unwrap_or_default();
    let data = &data[..data.len().min(DATAGRAM_BYTES)];
    Some(Unreachable {
        length: ip.length,
        unused: word(ip.body, 4)?,
        quoted_length: quoted.length,
        quoted_id: quoted.id,
        quoted_ttl: quoted.ttl,
        quoted_sum,
        quoted_udp_sum: half(quoted.body, 6)?,
        data_intact: data.iter().all(|&byte| byte == b'C'),
    })
}

/// CRC-32 as Ethernet has it (reflected, polynomial EDB88320), bit by bit: few answers
/// carry data.
fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(u32::MAX, |mut crc, &byte| {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
        crc
    })
}
