//! Answers to the probes, read from received packets that begin with an IP header.
//! Nothing is trusted: an answer must belong to a flow that was asked, and every offset is
//! checked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::probe::{
    DATAGRAM_BYTES, DESTINATION_OPTIONS, FIRST_ECHO_CODE, Flow, ICMPV6, OPTION_HEADER, Probe,
};
use crate::wire::checksum::checksum;

/// TCP options are at most so long.
const OPTIONS_MAX: usize = 40;

/// Extension headers that are stepped over at most.
const EXTENSIONS_MAX: usize = 4;
/// Hop-by-hop options, routing header, destination options (RFC 8200, section 4).
const EXTENSIONS: [u8; 3] = [0, 43, DESTINATION_OPTIONS];
/// Types of ICMPv6 messages (RFC 4443).
const UNREACHABLE_V6: u8 = 1;
const PROBLEM_V6: u8 = 4;
const ECHO_REPLY_V6: u8 = 129;

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Time to live, or hop limit, as it was received.
    pub ttl: u8,
    /// The packet must not be fragmented.
    pub dont_fragment: bool,
    /// IP identification; 0 by IPv6.
    pub id: u16,
    /// Traffic class; 0 by IPv4, where nothing asks for it.
    pub class: u8,
    /// Flow label; 0 by IPv4.
    pub flow_label: u32,
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
    /// The same by IPv6, or one about the unknown option.
    Error(ErrorV6),
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

/// An ICMPv6 error and what it quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorV6 {
    /// Its code.
    pub code: u8,
    /// Length of the packet that brought it, without the IPv6 header.
    pub length: u16,
    /// The four bytes after its checksum: without use, or a pointer.
    pub word: u32,
    /// The quoted packet's length, as its header tells it.
    pub quoted_length: u16,
    /// Its hop limit when it arrived.
    pub quoted_hops: u8,
    /// Its traffic class.
    pub quoted_class: u8,
    /// Its flow label.
    pub quoted_label: u32,
    /// The datagram's checksum.
    pub quoted_udp_sum: u16,
    /// The datagram's data that is quoted is what was sent.
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
    pub host: IpAddr,
    /// Our port, or the echo's identifier.
    pub our_port: u16,
}

/// Finds out whom a packet is from; `None` for what can be no answer.
#[must_use]
pub fn origin(packet: &[u8]) -> Option<Origin> {
    let ip = Ip::of(packet)?;
    let quoted = || Ip::quoted(ip.body.get(8..)?);
    let our_port = match (ip.protocol, *ip.body.first()?) {
        (6, _) => half(ip.body, 2)?,
        (1, 0) | (ICMPV6, ECHO_REPLY_V6) => half(ip.body, 4)?,
        (1, _) => half(quoted()?.body, 0)?,
        (ICMPV6, UNREACHABLE_V6 | PROBLEM_V6) => match quoted()? {
            // The unknown option holds it.
            Ip { protocol: DESTINATION_OPTIONS, body, .. } => half(body, 4)?,
            Ip { body, .. } => half(body, 0)?,
        },
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
        (ICMPV6, Probe::U1) => Body::Error(error_v6(&ip, UNREACHABLE_V6, flow)?),
        (ICMPV6, Probe::Echo(1)) if ip.body[0] == PROBLEM_V6 => {
            Body::Error(error_v6(&ip, PROBLEM_V6, flow)?)
        }
        (ICMPV6, Probe::Echo(_)) if ip.body[0] == ECHO_REPLY_V6 => Body::Echo(*ip.body.get(1)?),
        _ => return None,
    };
    let Ip { ttl, dont_fragment, id, class, flow_label, .. } = ip;
    Some((probe, Reply { ttl, dont_fragment, id, class, flow_label, body }))
}

/// The code that a probe's echo asked with.
#[must_use]
pub fn asked_code(second: bool) -> u8 {
    if second { 0 } else { FIRST_ECHO_CODE }
}

/// An IP header and what follows it.
struct Ip<'a> {
    header: &'a [u8],
    /// As the header tells it: of all, by IPv6 of what follows the header.
    length: u16,
    id: u16,
    dont_fragment: bool,
    class: u8,
    flow_label: u32,
    ttl: u8,
    protocol: u8,
    source: IpAddr,
    destination: IpAddr,
    body: &'a [u8],
}

impl<'a> Ip<'a> {
    /// A packet that was received whole: no fragment.
    fn of(packet: &'a [u8]) -> Option<Self> {
        let ip = Self::quoted(packet)?;
        if ip.source.is_ipv6() {
            let mut ip = Self { body: ip.body.get(..usize::from(ip.length))?, ..ip };
            for _ in 0..EXTENSIONS_MAX {
                if EXTENSIONS.contains(&ip.protocol) {
                    let length = 8 + 8 * usize::from(*ip.body.get(1)?);
                    (ip.protocol, ip.body) = (ip.body[0], ip.body.get(length..)?);
                }
            }
            return Some(ip);
        }
        // More fragments, or not the first.
        if half(packet, 6)? & 0x3fff != 0 {
            return None;
        }
        let body = usize::from(ip.length).checked_sub(ip.header.len())?;
        Some(Self { body: ip.body.get(..body)?, ..ip })
    }

    /// As an ICMP error quotes it: cut anywhere, its length perhaps changed.
    fn quoted(packet: &'a [u8]) -> Option<Self> {
        match *packet.first()? >> 4 {
            4 => Self::v4(packet),
            6 => Self::v6(packet),
            _ => None,
        }
    }

    fn v4(packet: &'a [u8]) -> Option<Self> {
        let header_len = usize::from(*packet.first()? & 0xf) * 4;
        if header_len < 20 {
            return None;
        }
        let (header, body) = packet.split_at_checked(header_len)?;
        Some(Self {
            header,
            length: half(header, 2)?,
            id: half(header, 4)?,
            dont_fragment: header[6] & 0x40 != 0,
            class: 0,
            flow_label: 0,
            ttl: header[8],
            protocol: header[9],
            source: Ipv4Addr::from_octets(*header[12..].first_chunk()?).into(),
            destination: Ipv4Addr::from_octets(*header[16..].first_chunk()?).into(),
            body,
        })
    }

    fn v6(packet: &'a [u8]) -> Option<Self> {
        let (header, body) = packet.split_at_checked(40)?;
        let first = word(header, 0)?;
        Some(Self {
            header,
            length: half(header, 4)?,
            id: 0,
            dont_fragment: false,
            class: (first >> 20) as u8,
            flow_label: first & 0xf_ffff,
            ttl: header[7],
            protocol: header[6],
            source: Ipv6Addr::from_octets(*header[8..].first_chunk()?).into(),
            destination: Ipv6Addr::from_octets(*header[24..].first_chunk()?).into(),
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

/// An error of this type, about the datagram (port unreachable) or the unknown option.
fn error_v6(ip: &Ip<'_>, kind: u8, flow: &Flow) -> Option<ErrorV6> {
    let quoted = Ip::quoted(ip.body.get(8..)?)?;
    let code = *ip.body.get(1)?;
    (ip.body[0] == kind && quoted.destination == flow.target).then_some(())?;
    let (mut quoted_udp_sum, mut data_intact) = (0, true);
    if kind == UNREACHABLE_V6 {
        const PORT: u8 = 4;
        let datagram = quoted.protocol == 17 && half(quoted.body, 2)? == flow.closed_udp;
        (code == PORT && datagram).then_some(())?;
        quoted_udp_sum = half(quoted.body, 6)?;
        let data = quoted.body.get(8..).unwrap_or_default();
        data_intact = data[..data.len().min(DATAGRAM_BYTES)].iter().all(|&byte| byte == b'C');
    } else {
        let option = quoted.protocol == DESTINATION_OPTIONS && quoted.body.len() >= OPTION_HEADER;
        option.then_some(())?;
    }
    Some(ErrorV6 {
        code,
        length: ip.length,
        word: word(ip.body, 4)?,
        quoted_length: quoted.length,
        quoted_hops: quoted.ttl,
        quoted_class: quoted.class,
        quoted_label: quoted.flow_label,
        quoted_udp_sum,
        data_intact,
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
