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
        /// Its sequence number: the cookie, where it answers an ACK.
        seq: u32,
        /// Its acknowledgement number: cookie or cookie + 1, where it answers a SYN.
        ack: u32,
    },
    /// UDP datagram.
    Udp {
        /// Its payload.
        payload: Span,
    },
    /// ICMP or ICMPv6 echo reply.
    EchoReply {
        /// Its sequence number: half of the cookie.
        seq: u16,
        /// What it brings back.
        payload: Span,
    },
    /// ICMP or ICMPv6 error that quotes a probe.
    IcmpError {
        /// ICMP type.
        kind: u8,
        /// ICMP code.
        code: u8,
        /// What it quotes.
        quoted: Quoted,
        /// Who sent the error; a router, or the target itself.
        sender: IpAddr,
    },
}

/// The probe that an ICMP error quotes, of which 8 bytes are enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quoted {
    /// A TCP segment.
    Tcp {
        /// Its sequence number: the cookie.
        seq: u32,
    },
    /// A UDP datagram.
    Udp {
        /// Its length field, header included.
        len: u16,
        /// Its checksum.
        checksum: u16,
    },
    /// An echo request.
    Echo {
        /// Its sequence number: half of the cookie.
        seq: u16,
    },
}

/// A part of a frame, in bytes from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    at: u16,
    len: u16,
}

impl Span {
    /// That part of the frame it was read from.
    #[must_use]
    pub fn of(self, frame: &[u8]) -> &[u8] {
        let at = usize::from(self.at);
        frame.get(at..at + usize::from(self.len)).unwrap_or_default()
    }
}

/// An answer to a probe, its cookie not yet checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The address probed (for ICMP, the quoted destination).
    pub addr: IpAddr,
    /// The port probed, or that a datagram came from; 0 for an echo.
    pub port: u16,
    /// Our address (for ICMP, the quoted source).
    pub our_addr: IpAddr,
    /// Our source port, or an echo's identifier: it tells the attempt.
    pub our_port: u16,
    /// TTL or hop limit of the received packet.
    pub ttl: u8,
    /// What it says.
    pub kind: Kind,
}

/// Header fields of a reply, for formats that show them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Our address.
    pub our_addr: IpAddr,
    /// Our port, or an echo's identifier.
    pub our_port: u16,
    /// Of a TCP segment.
    pub tcp: Option<TcpFields>,
}

/// Fields of a TCP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpFields {
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number.
    pub ack: u32,
    /// Window as it stands there, not scaled.
    pub window: u16,
}

const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

/// Most IPv6 extension headers that are walked.
const MAX_EXTENSIONS: usize = 4;

/// Reads a frame. `ethernet` tells whether it starts with an Ethernet header
/// (up to two VLAN tags are skipped) or with the IP header. `None`: not an
/// answer to a probe (other protocols, requests, fragments, truncated headers).
#[must_use]
pub fn parse(frame: &[u8], ethernet: bool) -> Option<Reply> {
    let packet = if ethernet { skip_ethernet(frame)? } else { frame };
    let start = frame.len() - packet.len();
    match packet.first()? >> 4 {
        4 => parse_v4(packet, start),
        6 => parse_v6(packet, start),
        _ => None,
    }
}

/// The header fields of a frame that [`parse`] made `reply` of. Of an ICMP error these
/// are our own address and port, as it quotes them.
#[must_use]
pub fn heard(reply: &Reply, frame: &[u8], ethernet: bool) -> Heard {
    let tcp = || {
        let packet = if ethernet { skip_ethernet(frame)? } else { frame };
        let ip = match packet.first()? >> 4 {
            4 => read_v4(packet, Layer::Outer)?,
            _ => read_v6(packet, Layer::Outer)?,
        };
        let header: &[u8; 20] = ip.payload.first_chunk()?;
        Some(TcpFields {
            seq: u32_at(header, 4)?,
            ack: u32_at(header, 8)?,
            window: u16_at(header, 14)?,
        })
    };
    let is_tcp = matches!(reply.kind, Kind::SynAck { .. } | Kind::Rst { .. });
    Heard {
        our_addr: reply.our_addr,
        our_port: reply.our_port,
        tcp: if is_tcp { tcp() } else { None },
    }
}

/// The IP packet in an Ethernet frame, up to two VLAN tags skipped.
pub(crate) fn skip_ethernet(frame: &[u8]) -> Option<&[u8]> {
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
    /// Where the payload stands in the packet.
    payload_at: usize,
}

fn parse_v4(packet: &[u8], start: usize) -> Option<Reply> {
    let ip = read_v4(packet, Layer::Outer)?;
    match ip.protocol {
        TCP => read_tcp(&ip),
        UDP => read_udp(&ip, start),
        ICMP => {
            let message = ip.payload;
            let (kind, code) = (*message.first()?, *message.get(1)?);
            match kind {
                0 => read_echo_reply(&ip, start),
                // Destination unreachable, time exceeded, parameter problem (RFC 792).
                3 | 11 | 12 => {
                    read_quoted(&ip, kind, code, &read_v4(message.get(8..)?, Layer::Quoted)?)
                }
                _ => None,
            }
        }
        _ => None,
    }
}

fn parse_v6(packet: &[u8], start: usize) -> Option<Reply> {
    let ip = read_v6(packet, Layer::Outer)?;
    match ip.protocol {
        TCP => read_tcp(&ip),
        UDP => read_udp(&ip, start),
        ICMPV6 => {
            let message = ip.payload;
            let (kind, code) = (*message.first()?, *message.get(1)?);
            match kind {
                129 => read_echo_reply(&ip, start),
                // Destination unreachable, time exceeded, parameter problem (RFC 4443).
                // A probe is never too big.
                1 | 3 | 4 => {
                    read_quoted(&ip, kind, code, &read_v6(message.get(8..)?, Layer::Quoted)?)
                }
                _ => None,
            }
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
        payload_at: header_len,
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
        payload_at: end.min(packet.len()) - payload.len(),
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
    let (seq, ack) = (u32_at(header, 4)?, u32_at(header, 8)?);
    let flags = header[13];
    let kind = if flags & RST != 0 {
        Kind::Rst { seq, ack }
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

/// A datagram; `start` is where the IP header stands in the frame.
fn read_udp(ip: &Ip<'_>, start: usize) -> Option<Reply> {
    let header: &[u8; 8] = ip.payload.first_chunk()?;
    let len = usize::from(u16_at(header, 4)?);
    // A length of 0 is for jumbograms alone; less than its header is malformed.
    let data = ip.payload.get(8..len)?;
    Some(Reply {
        addr: ip.source,
        port: u16_at(header, 0)?,
        our_addr: ip.destination,
        our_port: u16_at(header, 2)?,
        ttl: ip.ttl,
        kind: Kind::Udp { payload: span(start + ip.payload_at + 8, data)? },
    })
}

/// An echo reply, its identifier in the place of our port.
fn read_echo_reply(ip: &Ip<'_>, start: usize) -> Option<Reply> {
    let data = ip.payload.get(8..)?;
    Some(Reply {
        addr: ip.source,
        port: 0,
        our_addr: ip.destination,
        our_port: u16_at(ip.payload, 4)?,
        ttl: ip.ttl,
        kind: Kind::EchoReply {
            seq: u16_at(ip.payload, 6)?,
            payload: span(start + ip.payload_at + 8, data)?,
        },
    })
}

fn span(at: usize, data: &[u8]) -> Option<Span> {
    Some(Span { at: at.try_into().ok()?, len: data.len().try_into().ok()? })
}

/// An ICMP error around `quoted`, of which 8 bytes of the probe must be there.
fn read_quoted(outer: &Ip<'_>, kind: u8, code: u8, quoted: &Ip<'_>) -> Option<Reply> {
    // An error is for whoever sent the packet that it quotes.
    if outer.destination != quoted.source {
        return None;
    }
    let header: &[u8; 8] = quoted.payload.first_chunk()?;
    let (our_port, port, quoted_probe) = match (quoted.protocol, header[0]) {
        (TCP, _) => {
            (u16_at(header, 0)?, u16_at(header, 2)?, Quoted::Tcp { seq: u32_at(header, 4)? })
        }
        (UDP, _) => {
            let quoted = Quoted::Udp { len: u16_at(header, 4)?, checksum: u16_at(header, 6)? };
            (u16_at(header, 0)?, u16_at(header, 2)?, quoted)
        }
        (ICMP, 8) | (ICMPV6, 128) => {
            (u16_at(header, 4)?, 0, Quoted::Echo { seq: u16_at(header, 6)? })
        }
        _ => return None,
    };
    Some(Reply {
        addr: quoted.destination,
        port,
        our_addr: quoted.source,
        our_port,
        ttl: outer.ttl,
        kind: Kind::IcmpError { kind, code, quoted: quoted_probe, sender: outer.source },
    })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|&word| u16::from_be_bytes(word))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|&word| u32::from_be_bytes(word))
}
