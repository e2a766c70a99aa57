//! Packets as a personality reads and writes them: IPv4 (RFC 791) with TCP (RFC 9293) or
//! ICMP (RFC 792). What comes in is not trusted; what goes out may be wrong on purpose.

use std::net::Ipv4Addr;

use super::super::flood::packet::{checksum, sum};

pub(in crate::lab) const ICMP: u8 = 1;
pub(in crate::lab) const TCP: u8 = 6;
pub(in crate::lab) const UDP: u8 = 17;

/// TCP options are at most so long.
const OPTIONS_MAX: usize = 40;

/// An IPv4 packet that was received whole.
#[derive(Clone, Copy, Debug)]
pub(in crate::lab) struct Received<'a> {
    /// All of it.
    pub packet: &'a [u8],
    pub source: Ipv4Addr,
    pub destination: Ipv4Addr,
    pub protocol: u8,
    pub tos: u8,
    pub dont_fragment: bool,
    /// Behind the header.
    pub body: &'a [u8],
}

impl<'a> Received<'a> {
    pub(in crate::lab) fn read(packet: &'a [u8]) -> Option<Self> {
        let header_len = usize::from(packet.first()? & 0xf) * 4;
        let length = usize::from(half(packet, 2)?);
        let packet = packet.get(..length)?;
        let fragment = half(packet, 6)? & 0x3fff;
        if packet[0] >> 4 != 4 || header_len < 20 || fragment != 0 {
            return None;
        }
        let address = |at: usize| Some(Ipv4Addr::from_octets(*packet.get(at..)?.first_chunk()?));
        Some(Self {
            packet,
            source: address(12)?,
            destination: address(16)?,
            protocol: packet[9],
            tos: packet[1],
            dont_fragment: packet[6] & 0x40 != 0,
            body: packet.get(header_len..)?,
        })
    }
}

/// A TCP segment that was received.
#[derive(Clone, Copy, Debug)]
pub(in crate::lab) struct Segment<'a> {
    pub ports: [u16; 2],
    pub seq: u32,
    pub ack: u32,
    pub flags: u8,
    pub window: u16,
    pub options: &'a [u8],
}

impl<'a> Segment<'a> {
    pub(in crate::lab) fn read(body: &'a [u8]) -> Option<Self> {
        let header_len = usize::from(*body.get(12)? >> 4) * 4;
        Some(Self {
            ports: [half(body, 0)?, half(body, 2)?],
            seq: word(body, 4)?,
            ack: word(body, 8)?,
            flags: body[13],
            window: half(body, 14)?,
            options: body.get(20..header_len)?,
        })
    }
}

/// A TCP segment to send.
#[derive(Clone, Debug, Default)]
pub(in crate::lab) struct Answer {
    pub seq: u32,
    pub ack: u32,
    pub flags: u8,
    /// The reserved bit next to the flags is set.
    pub reserved: bool,
    pub window: u16,
    pub urgent: u16,
    pub options: Vec<u8>,
    pub data: Vec<u8>,
}

/// What stands in an IP header.
#[derive(Clone, Copy, Debug)]
pub(in crate::lab) struct Head {
    pub ttl: u8,
    pub dont_fragment: bool,
    pub id: u16,
}

/// The packet with a segment, back to where `to` came from.
pub(in crate::lab) fn segment(
    to: &Received<'_>,
    head: Head,
    ports: [u16; 2],
    answer: &Answer,
) -> Vec<u8> {
    let mut body = Vec::with_capacity(64);
    body.extend_from_slice(&ports[1].to_be_bytes());
    body.extend_from_slice(&ports[0].to_be_bytes());
    body.extend_from_slice(&answer.seq.to_be_bytes());
    body.extend_from_slice(&answer.ack.to_be_bytes());
    let words = 5 + answer.options.len().div_ceil(4) as u8;
    body.push(words << 4 | if answer.reserved { 8 } else { 0 });
    body.push(answer.flags);
    body.extend_from_slice(&answer.window.to_be_bytes());
    body.extend_from_slice(&[0, 0]);
    body.extend_from_slice(&answer.urgent.to_be_bytes());
    body.extend_from_slice(&answer.options);
    body.resize(usize::from(words) * 4, 0);
    body.extend_from_slice(&answer.data);
    let addresses = sum(&to.source.octets()) + sum(&to.destination.octets());
    let begin = addresses + u32::from(TCP) + body.len() as u32;
    let check = checksum(begin, &body);
    body[16..18].copy_from_slice(&check.to_be_bytes());
    packet(to, head, TCP, &body)
}

/// The packet with an ICMP message, back to where `to` came from.
pub(in crate::lab) fn message(to: &Received<'_>, head: Head, mut body: Vec<u8>) -> Vec<u8> {
    body[2..4].fill(0);
    let check = checksum(0, &body);
    body[2..4].copy_from_slice(&check.to_be_bytes());
    packet(to, head, ICMP, &body)
}

fn packet(to: &Received<'_>, head: Head, protocol: u8, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(20 + body.len());
    out.extend_from_slice(&[0x45, 0]);
    out.extend_from_slice(&(20 + body.len() as u16).to_be_bytes());
    out.extend_from_slice(&head.id.to_be_bytes());
    out.extend_from_slice(&[if head.dont_fragment { 0x40 } else { 0 }, 0]);
    out.extend_from_slice(&[head.ttl, protocol, 0, 0]);
    out.extend_from_slice(&to.destination.octets());
    out.extend_from_slice(&to.source.octets());
    let check = checksum(0, &out);
    out[10..12].copy_from_slice(&check.to_be_bytes());
    out.extend_from_slice(body);
    out
}

/// A header's checksum anew.
pub(in crate::lab) fn header_checksum(header: &[u8]) -> u16 {
    let mut header = header.to_vec();
    header[10..12].fill(0);
    checksum(0, &header)
}

/// Options from the notation (`M5B4ST11NWA`); `stamp` and `echo` are what a time stamp
/// holds where it is not zero. What is no option ends them.
pub(in crate::lab) fn options(text: &str, stamp: u32, echo: u32) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(kind) = rest.bytes().next().filter(u8::is_ascii) {
        rest = &rest[1..];
        let digits = rest.bytes().take_while(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'));
        let digits = &rest[..digits.count()];
        let value = u64::from_str_radix(digits, 16).unwrap_or(0);
        let mut option = Vec::with_capacity(10);
        match kind {
            b'L' => option.push(0),
            b'N' => option.push(1),
            b'S' => option.extend_from_slice(&[4, 2]),
            b'M' => {
                option.extend_from_slice(&[2, 4]);
                option.extend_from_slice(&(value as u16).to_be_bytes());
            }
            b'W' => option.extend_from_slice(&[3, 3, value as u8]),
            b'T' => {
                option.extend_from_slice(&[8, 10]);
                let mut set = digits.bytes().map(|digit| digit != b'0');
                for word in [stamp, echo] {
                    let word = if set.next().unwrap_or(false) { word } else { 0 };
                    option.extend_from_slice(&word.to_be_bytes());
                }
            }
            _ => break,
        }
        if matches!(kind, b'M' | b'W' | b'T') {
            rest = &rest[digits.len()..];
        }
        if out.len() + option.len() > OPTIONS_MAX {
            break;
        }
        out.extend_from_slice(&option);
    }
    out
}

/// Four bytes whose CRC-32 (reflected, polynomial EDB88320) is `wanted`: the register is
/// run backwards from the result, then forwards to it.
pub(in crate::lab) fn data_of_crc(wanted: u32) -> [u8; 4] {
    let mut register = !wanted;
    for _ in 0..32 {
        // The highest bit tells whether the polynomial was added.
        register =
            if register >> 31 == 1 { (register ^ 0xedb8_8320) << 1 | 1 } else { register << 1 };
    }
    (!register).to_le_bytes()
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_has_the_checksum_that_is_wanted() {
        for wanted in [0x352c_6c4c, 0, u32::MAX, 0xea6c_967d, 1] {
            let crc = !data_of_crc(wanted).iter().fold(u32::MAX, |crc, byte| {
                (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                    (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
                })
            });
            assert_eq!(crc, wanted);
        }
    }
}
