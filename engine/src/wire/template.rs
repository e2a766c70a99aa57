//! A TCP segment whose constant bytes are written once and whose changing fields
//! are patched, checksums included, from partial sums taken beforehand.
//!
//! Chosen for every packet: TTL 64, DF set (IPv4), no payload. The IPv4
//! identification of such an atomic datagram may be anything (RFC 6864); the
//! caller derives it from the cookie, so that it is no signature of its own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Link;
use super::checksum;
use crate::scan::SynOptions;

/// The longest template: Ethernet with a VLAN tag, IPv6, TCP with 20 bytes of options.
pub const MAX_LEN: usize = 18 + 40 + 40;

const TTL: u8 = 64;
const TCP: u8 = 6;

/// What the segment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segment {
    /// A SYN with these options.
    Syn(SynOptions),
    /// A RST without ACK.
    Rst,
}

/// The constant part of a packet to any destination.
#[derive(Clone, Debug)]
pub struct Template {
    bytes: [u8; MAX_LEN],
    len: usize,
    /// Length of the link-layer header: where IP starts.
    link_len: usize,
    /// Sum of the IPv4 header with its changing fields zero.
    ip_sum: u64,
    /// Sum of pseudo header and TCP header with their changing fields zero.
    tcp_sum: u64,
}

/// What changes from packet to packet. Words hold the bytes as on the wire, read
/// in little-endian order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patch {
    /// Source port (low half) and destination port.
    pub ports: u32,
    /// Sequence number, host order.
    pub seq: u32,
}

impl Template {
    /// The template of `segment` from `source` over `link`.
    #[must_use]
    pub fn new(link: Link, source: IpAddr, segment: Segment) -> Self {
        let mut writer = Writer { bytes: [0; MAX_LEN], len: 0 };
        if let Link::Ethernet { source: from, destination, vlan } = link {
            writer.put(&destination);
            writer.put(&from);
            if let Some(id) = vlan {
                writer.put(&[0x81, 0x00]);
                writer.put(&(id & 0x0fff).to_be_bytes());
            }
            writer.put(if source.is_ipv4() { &[0x08, 0x00] } else { &[0x86, 0xdd] });
        }
        let link_len = writer.len;
        let options = match segment {
            Segment::Syn(options) => syn_options(options, source.is_ipv4()),
            Segment::Rst => &[],
        };
        let tcp_len = 20 + options.len() as u16;
        match source {
            IpAddr::V4(source) => put_ipv4(&mut writer, source, tcp_len),
            IpAddr::V6(source) => put_ipv6(&mut writer, source, tcp_len),
        }
        let tcp_start = writer.len;
        put_tcp(&mut writer, segment, options);

        let Writer { bytes, len } = writer;
        let addresses = match source {
            IpAddr::V4(source) => checksum::sum(&source.octets()),
            IpAddr::V6(source) => checksum::sum(&source.octets()),
        };
        let pseudo = checksum::sum(&[0, TCP]) + checksum::sum(&tcp_len.to_be_bytes());
        Self {
            ip_sum: checksum::sum(&bytes[link_len..tcp_start]),
            tcp_sum: addresses + pseudo + checksum::sum(&bytes[tcp_start..len]),
            bytes,
            len,
            link_len,
        }
    }

    /// Length of the whole frame.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Never: a template holds headers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Copies the constant bytes to the start of `frame`.
    ///
    /// # Panics
    /// When `frame` is shorter than the template.
    pub fn copy_to(&self, frame: &mut [u8]) {
        frame[..self.len].copy_from_slice(&self.bytes[..self.len]);
    }

    /// Fills in an IPv4 packet that holds this template: `destination` as its
    /// wire bytes read in little-endian order, and the identification.
    ///
    /// # Panics
    /// When `frame` is too short for the headers.
    #[inline]
    pub fn patch_v4(&self, frame: &mut [u8], destination: u32, id: u16, patch: Patch) {
        let packet: &mut [u8; 40] = chunk(frame, self.link_len);
        let seq = patch.seq.swap_bytes();
        let ip_sum = self.ip_sum + u64::from(destination) + u64::from(id);
        let tcp_sum =
            self.tcp_sum + u64::from(destination) + u64::from(patch.ports) + u64::from(seq);
        packet[4..6].copy_from_slice(&id.to_le_bytes());
        packet[10..12].copy_from_slice(&checksum::finish(ip_sum));
        packet[16..20].copy_from_slice(&destination.to_le_bytes());
        packet[20..24].copy_from_slice(&patch.ports.to_le_bytes());
        packet[24..28].copy_from_slice(&seq.to_le_bytes());
        packet[36..38].copy_from_slice(&checksum::finish(tcp_sum));
    }

    /// Fills in an IPv6 packet that holds this template: `destination` as the
    /// two halves of its wire bytes read in little-endian order.
    ///
    /// # Panics
    /// When `frame` is too short for the headers.
    #[inline]
    pub fn patch_v6(&self, frame: &mut [u8], destination: [u64; 2], patch: Patch) {
        let packet: &mut [u8; 60] = chunk(frame, self.link_len);
        let seq = patch.seq.swap_bytes();
        let halves = |word: u64| (word & 0xffff_ffff) + (word >> 32);
        let tcp_sum = self.tcp_sum
            + halves(destination[0])
            + halves(destination[1])
            + u64::from(patch.ports)
            + u64::from(seq);
        packet[24..32].copy_from_slice(&destination[0].to_le_bytes());
        packet[32..40].copy_from_slice(&destination[1].to_le_bytes());
        packet[40..44].copy_from_slice(&patch.ports.to_le_bytes());
        packet[44..48].copy_from_slice(&seq.to_le_bytes());
        packet[56..58].copy_from_slice(&checksum::finish(tcp_sum));
    }
}

#[inline]
fn chunk<const N: usize>(frame: &mut [u8], start: usize) -> &mut [u8; N] {
    frame[start..].first_chunk_mut().expect("a frame that holds the template holds its headers")
}

/// Appends header bytes.
struct Writer {
    bytes: [u8; MAX_LEN],
    len: usize,
}

impl Writer {
    fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }
}

fn put_ipv4(writer: &mut Writer, source: Ipv4Addr, tcp_len: u16) {
    writer.put(&[0x45, 0]);
    writer.put(&(20 + tcp_len).to_be_bytes());
    // Identification; DF, offset 0; TTL; protocol; checksum.
    writer.put(&[0, 0, 0x40, 0, TTL, TCP, 0, 0]);
    writer.put(&source.octets());
    writer.put(&[0; 4]);
}

fn put_ipv6(writer: &mut Writer, source: Ipv6Addr, tcp_len: u16) {
    writer.put(&[0x60, 0, 0, 0]);
    writer.put(&tcp_len.to_be_bytes());
    writer.put(&[TCP, TTL]);
    writer.put(&source.octets());
    writer.put(&[0; 16]);
}

fn put_tcp(writer: &mut Writer, segment: Segment, options: &[u8]) {
    let (flags, window) = match segment {
        Segment::Syn(SynOptions::Linux) => (0x02, 64_240u16),
        Segment::Syn(_) => (0x02, u16::MAX),
        Segment::Rst => (0x04, 0),
    };
    // Ports, sequence and acknowledgement number.
    writer.put(&[0; 12]);
    let words = 5 + options.len() as u8 / 4;
    writer.put(&[words << 4, flags]);
    writer.put(&window.to_be_bytes());
    // Checksum, urgent pointer.
    writer.put(&[0; 4]);
    writer.put(options);
}

/// The options; the MSS is what an MTU of 1500 leaves (RFC 9293, section 3.7.1).
fn syn_options(options: SynOptions, v4: bool) -> &'static [u8] {
    match (options, v4) {
        (SynOptions::Bare, _) => &[],
        (SynOptions::Mss, true) => &[2, 4, 0x05, 0xb4],
        (SynOptions::Mss, false) => &[2, 4, 0x05, 0xa0],
        // MSS, SACK permitted, timestamps (some value, echo 0), NOP, window scale 7.
        (SynOptions::Linux, true) => {
            &[2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0x5a, 0x31, 0xc0, 0x7d, 0, 0, 0, 0, 1, 3, 3, 7]
        }
        (SynOptions::Linux, false) => {
            &[2, 4, 0x05, 0xa0, 4, 2, 8, 10, 0x5a, 0x31, 0xc0, 0x7d, 0, 0, 0, 0, 1, 3, 3, 7]
        }
    }
}
