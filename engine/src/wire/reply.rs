//! A received frame as an answer to a probe.
//!
//! Reads no further than the headers and trusts nothing: every offset is
//! checked, and what does not fit is no reply. Checksums are not looked at:
//! a kernel peer on a veth leaves them unfilled, and the cookie decides anyway.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What kind of answer it is, with the field that carries the cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// SYN-ACK.
    SynAck {
        /// Its acknowledgement number: cookie + 1.
        ack: u32,
    },
    /// RST, with or without ACK.
    Rst {
        /// Its acknowledgement number: cookie or cookie + 1.
        ack: u32,
    },
    /// ICMP or ICMPv6 error that quotes a TCP probe.
    IcmpError {
        /// ICMP type.
        kind: u8,
        /// ICMP code.
        code: u8,
        /// Sequence number of the quoted probe: the cookie.
        seq: u32,
        /// Who sent the error; a router, or the target itself.
        sender: IpAddr,
    },
}

/// An answer to a TCP probe, its cookie not yet checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The address probed (for ICMP, the quoted destination).
    pub addr: IpAddr,
    /// The port probed.
    pub port: u16,
    /// Our address (for ICMP, the quoted source).
    pub our_addr: IpAddr,
    /// Our source port, which tells the attempt.
    pub our_port: u16,
    /// TTL or hop limit of the received packet.
    pub ttl: u8,
    /// What it says.
    pub kind: Kind,
}

const TCP: u8 = 6;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

/// Most IPv6 extension headers that are walked.
const MAX_EXTENSIONS: usize = 4;

/// Reads a frame. `ethernet` tells whether it starts with an Ethernet header
/// (up to two VLAN tags are skipped) or with the IP header. `None`: not an
/// answer to a TCP probe (other protocols, fragments, truncated headers).
#[must_use]
pub fn parse(frame: &[u8], ethernet: bool) -> Option<Reply> {
    let packet = if ethernet { skip_ethernet(frame)? } else { frame };
    match packet.first()? >> 4 {
        4 => parse_v4(packet),
        6 => parse_v6(packet),
        _ => None,
    }
}

fn skip_ethernet(frame: &[u8]) -> Option<&[u8]> {
    let mut rest = frame.get(12..)?;
    for _ in 0..2 {
        // 802.1Q, 802.1ad.
        if matches!(u16_at(rest, 0)?, 0x8100 | 0x88a8) {
            rest = rest.get(4..)?;
        }
    }
    let packet = rest.get(2..)?;
    match (u16_at(rest, 0)?, packet.first()? >> 4) {
        (0x0800, 4) | (0x86dd, 6) => Some(packet),
        _ => None,
    }
}

/// An IP header: what it carries and for whom.
struct Ip<'a> {
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    ttl: u8,
    payload: &'a [u8],
}

fn parse_v4(packet: &[u8]) -> Option<Reply> {
    let ip = read_v4(packet, Layer::Outer)?;
    match ip.protocol {
        TCP => read_tcp(&ip),
        ICMP => {
            let message = ip.payload;
            let (kind, code) = (*message.first()?, *message.get(1)?);
            // Destination unreachable, time exceeded, parameter problem (RFC 792).
            if !matches!(kind, 3 | 11 | 12) {
                return None;
            }
            read_quoted(&ip, kind, code, &read_v4(message.get(8..)?, Layer::Quoted)?)
        }
        _ => None,
    }
}

fn parse_v6(packet: &[u8]) -> Option<Reply> {
    let ip = read_v6(packet, Layer::Outer)?;
    match ip.protocol {
        TCP => read_tcp(&ip),
        ICMPV6 => {
            let message = ip.payload;
            let (kind, code) = (*message.first()?, *message.get(1)?);
            // Destination unreachable, time exceeded, parameter problem (RFC 4443).
            // A probe is never too big.
            if !matches!(kind, 1 | 3 | 4) {
                return None;
            }
            read_quoted(&ip, kind, code, &read_v6(message.get(8..)?, Layer::Quoted)?)
        }
        _ => None,
    }
}

/// Whether an IP header is that of the frame or one that an ICMP error quotes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layer {
    /// Its length field ends the packet: what follows is Ethernet padding.
    Outer,
    /// Cut short, and some senders quote the length field in their own byte
    /// order: it is not looked at.
    Quoted,
}

/// Reads an IPv4 header.
fn read_v4(packet: &[u8], layer: Layer) -> Option<Ip<'_>> {
    let header: &[u8; 20] = packet.first_chunk()?;
    let header_len = usize::from(header[0] & 0x0f) * 4;
    let end = match layer {
        Layer::Outer => usize::from(u16::from_be_bytes([header[2], header[3]])),
        Layer::Quoted => packet.len(),
    };
    // More fragments, or not the first one.
    let fragment = u16::from_be_bytes([header[6], header[7]]) & 0x3fff != 0;
    if header[0] >> 4 != 4 || header_len < 20 || fragment {
        return None;
    }
    let [.., a, b, c, d, e, f, g, h] = *header;
    Some(Ip {
        source: Ipv4Addr::new(a, b, c, d).into(),
        destination: Ipv4Addr::new(e, f, g, h).into(),
        protocol: header[9],
        ttl: header[8],
        payload: packet.get(header_len..end.min(packet.len()))?,
    })
}

/// Reads an IPv6 header and up to four extension headers behind it.
fn read_v6(packet: &[u8], layer: Layer) -> Option<Ip<'_>> {
    let header: &[u8; 40] = packet.first_chunk()?;
    if header[0] >> 4 != 6 {
        return None;
    }
    let end = match layer {
        Layer::Outer => 40 + usize::from(u16::from_be_bytes([header[4], header[5]])),
        Layer::Quoted => packet.len(),
    };
    let mut payload = packet.get(40..end.min(packet.len()))?;
    let mut protocol = header[6];
    for _ in 0..MAX_EXTENSIONS {
        let len = match protocol {
            // Hop-by-hop options, routing, destination options (RFC 8200).
            0 | 43 | 60 => (usize::from(*payload.get(1)?) + 1) * 8,
            // Authentication header (RFC 4302).
            51 => (usize::from(*payload.get(1)?) + 2) * 4,
            // A fragment, or what it carries; the caller knows what it can read.
            _ => break,
        };
        protocol = *payload.first()?;
        payload = payload.get(len..)?;
    }
    let source: [u8; 16] = *packet.get(8..)?.first_chunk()?;
    let destination: [u8; 16] = *packet.get(24..)?.first_chunk()?;
    Some(Ip {
        source: Ipv6Addr::from(source).into(),
        destination: Ipv6Addr::from(destination).into(),
        protocol,
        ttl: header[7],
        payload,
    })
}

fn read_tcp(ip: &Ip<'_>) -> Option<Reply> {
    const SYN: u8 = 0x02;
    const RST: u8 = 0x04;
    const ACK: u8 = 0x10;
    let header: &[u8; 20] = ip.payload.first_chunk()?;
    if header[12] >> 4 < 5 {
        return None;
    }
    let ack = u32_at(header, 8)?;
    let flags = header[13];
    let kind = if flags & RST != 0 {
        Kind::Rst { ack }
    } else if flags & (SYN | ACK) == SYN | ACK {
        Kind::SynAck { ack }
    } else {
        return None;
    };
    Some(Reply {
        addr: ip.source,
        port: u16_at(header, 0)?,
        our_addr: ip.destination,
        our_port: u16_at(header, 2)?,
        ttl: ip.ttl,
        kind,
    })
}

/// An ICMP error around `quoted`, of which 8 bytes of TCP must be there.
fn read_quoted(outer: &Ip<'_>, kind: u8, code: u8, quoted: &Ip<'_>) -> Option<Reply> {
    // An error is for whoever sent the packet that it quotes.
    if quoted.protocol != TCP || outer.destination != quoted.source {
        return None;
    }
    Some(Reply {
        addr: quoted.destination,
        port: u16_at(quoted.payload, 2)?,
        our_addr: quoted.source,
        our_port: u16_at(quoted.payload, 0)?,
        ttl: outer.ttl,
        kind: Kind::IcmpError { kind, code, seq: u32_at(quoted.payload, 4)?, sender: outer.source },
    })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|&word| u16::from_be_bytes(word))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|&word| u32::from_be_bytes(word))
}
