//! Packets whose constant bytes are written once. Of a TCP segment the changing
//! fields are patched, checksums included, from partial sums taken beforehand; UDP
//! datagrams and echo requests have payloads of many lengths and are completed
//! behind their headers.
//!
//! Chosen for every packet: TTL 64, DF set (IPv4). The IPv4
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
const UDP: u8 = 17;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

/// What the segment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segment {
    /// A SYN with these options.
    Syn(SynOptions),
    /// An ACK alone.
    Ack,
    /// A RST without ACK.
    Rst,
}

/// A packet that carries a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// A UDP datagram (RFC 768).
    Udp,
    /// An ICMP (RFC 792) or ICMPv6 (RFC 4443) echo request.
    Echo,
}

/// Length of a UDP header, and of an echo request's.
pub const CARRIER_LEN: usize = 8;

/// The constant part of a packet to any destination.
#[derive(Clone, Debug)]
pub struct Template {
    bytes: [u8; MAX_LEN],
    len: usize,
    /// Length of the link-layer header: where IP starts.
    link_len: u8,
    /// Length of the IP header.
    ip_len: u8,
    sums: Sums,
}

/// The sums of everything constant, for whoever computes checksums in bulk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sums {
    /// Of the IPv4 header; to add: destination, identification.
    pub ip: u64,
    /// Of pseudo header and TCP header; to add: destination, ports, sequence number.
    pub tcp: u64,
}

/// What changes from packet to packet, checksums among them. All words hold the
/// bytes as on the wire, read in little-endian order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patch<A> {
    /// Destination address.
    pub destination: A,
    /// Source port (low half) and destination port.
    pub ports: u32,
    /// Sequence number.
    pub seq: u32,
    /// IPv4 identification; of no meaning for IPv6.
    pub id: u16,
    /// IPv4 header checksum; of no meaning for IPv6.
    pub ip_checksum: u16,
    /// TCP checksum.
    pub tcp_checksum: u16,
}

impl Patch<u32> {
    /// The patch for an IPv4 packet, its checksums computed.
    #[inline]
    #[must_use]
    pub fn v4(sums: Sums, destination: u32, ports: u32, seq: u32, id: u16) -> Self {
        let ip = sums.ip + u64::from(destination) + u64::from(id);
        let tcp = sums.tcp + u64::from(destination) + u64::from(ports) + u64::from(seq);
        let (ip_checksum, tcp_checksum) = (checksum::finish_le(ip), checksum::finish_le(tcp));
        Self { destination, ports, seq, id, ip_checksum, tcp_checksum }
    }
}

impl Patch<[u64; 2]> {
    /// The patch for an IPv6 packet, its checksum computed.
    #[inline]
    #[must_use]
    pub fn v6(sums: Sums, destination: [u64; 2], ports: u32, seq: u32) -> Self {
        let halves = |word: u64| (word & 0xffff_ffff) + (word >> 32);
        let address = halves(destination[0]) + halves(destination[1]);
        let tcp_checksum =
            checksum::finish_le(sums.tcp + address + u64::from(ports) + u64::from(seq));
        Self { destination, ports, seq, id: 0, ip_checksum: 0, tcp_checksum }
    }
}

impl Template {
    /// The template of `segment` from `source` over `link`.
    #[must_use]
    pub fn new(link: Link, source: IpAddr, segment: Segment) -> Self {
        let mut writer = Writer::link(link, source.is_ipv4());
        let link_len = writer.len;
        let options = match segment {
            Segment::Syn(options) => syn_options(options, source.is_ipv4()),
            Segment::Ack | Segment::Rst => &[],
        };
        let tcp_len = 20 + options.len() as u16;
        match source {
            IpAddr::V4(source) => put_ipv4(&mut writer, source, TCP, tcp_len),
            IpAddr::V6(source) => put_ipv6(&mut writer, source, TCP, tcp_len),
        }
        let tcp_start = writer.len;
        put_tcp(&mut writer, segment, options);
        writer.finish(link_len, tcp_start, source, TCP)
    }

    /// The headers of a packet that carries a payload; [`complete`](Self::complete)
    /// fills in what depends on it.
    #[must_use]
    pub fn carrier(link: Link, source: IpAddr, carrier: Carrier) -> Self {
        let mut writer = Writer::link(link, source.is_ipv4());
        let link_len = writer.len;
        let protocol = match (carrier, source) {
            (Carrier::Udp, _) => UDP,
            (Carrier::Echo, IpAddr::V4(_)) => ICMP,
            (Carrier::Echo, IpAddr::V6(_)) => ICMPV6,
        };
        match source {
            IpAddr::V4(source) => put_ipv4(&mut writer, source, protocol, 0),
            IpAddr::V6(source) => put_ipv6(&mut writer, source, protocol, 0),
        }
        let start = writer.len;
        let kind = match protocol {
            ICMP => 8,
            ICMPV6 => 128,
            _ => 0,
        };
        writer.put(&[kind, 0, 0, 0, 0, 0, 0, 0]);
        writer.finish(link_len, start, source, protocol)
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

    /// The constant bytes, and where IP starts.
    #[must_use]
    pub fn bytes(&self) -> (&[u8], usize) {
        (&self.bytes[..self.len], usize::from(self.link_len))
    }

    /// The sums of a [`carrier`](Self::carrier) from `source` without the lengths: of
    /// its IPv4 header; of pseudo header and header.
    #[must_use]
    pub fn carrier_sums(&self, source: IpAddr) -> Sums {
        let (link, ip_len) = (usize::from(self.link_len), usize::from(self.ip_len));
        let (ip, header) = self.bytes[link..self.len].split_at(ip_len);
        let pseudo = match source {
            IpAddr::V4(_) if ip[9] == ICMP => 0,
            IpAddr::V4(source) => checksum::sum(&source.octets()) + checksum::sum(&[0, ip[9]]),
            IpAddr::V6(source) => checksum::sum(&source.octets()) + checksum::sum(&[0, ip[6]]),
        };
        let lengths = if source.is_ipv4() { checksum::sum(&ip[2..4]) } else { 0 };
        Sums { ip: checksum::sum(ip) - lengths, tcp: pseudo + checksum::sum(header) }
    }

    /// Copies the constant bytes to the start of `frame`.
    ///
    /// # Panics
    /// When `frame` is shorter than the template.
    pub fn copy_to(&self, frame: &mut [u8]) {
        frame[..self.len].copy_from_slice(&self.bytes[..self.len]);
    }

    /// Completes a [`carrier`](Self::carrier) with `payload` bytes that stand behind
    /// its headers in `frame`: destination, lengths, `words` (UDP: our port and
    /// theirs; echo: id and sequence number; host byte order), checksums. `id` is the
    /// IPv4 identification. Returns the frame's length.
    ///
    /// # Panics
    /// When `frame` is too short, or the family of `destination` is another.
    pub fn complete(
        &self,
        frame: &mut [u8],
        destination: IpAddr,
        words: [u16; 2],
        id: u16,
        payload: usize,
    ) -> usize {
        let (link, ip_len) = (usize::from(self.link_len), usize::from(self.ip_len));
        self.copy_to(frame);
        let packet = &mut frame[link..self.len + payload];
        let l4_len = (CARRIER_LEN + payload) as u16;
        let (ip, l4) = packet.split_at_mut(ip_len);
        let (protocol, addresses) = match destination {
            IpAddr::V4(to) => {
                ip[2..4].copy_from_slice(&(ip_len as u16 + l4_len).to_be_bytes());
                ip[4..6].copy_from_slice(&id.to_be_bytes());
                ip[16..20].copy_from_slice(&to.octets());
                let sum = checksum::checksum(ip);
                ip[10..12].copy_from_slice(&sum);
                (ip[9], checksum::sum(&ip[12..20]))
            }
            IpAddr::V6(to) => {
                ip[4..6].copy_from_slice(&l4_len.to_be_bytes());
                ip[24..40].copy_from_slice(&to.octets());
                (ip[6], checksum::sum(&ip[8..40]))
            }
        };
        let at = if protocol == UDP { 0 } else { 4 };
        l4[at..at + 2].copy_from_slice(&words[0].to_be_bytes());
        l4[at + 2..at + 4].copy_from_slice(&words[1].to_be_bytes());
        if protocol == UDP {
            l4[4..6].copy_from_slice(&l4_len.to_be_bytes());
        }
        // ICMP for IPv4 has no pseudo header.
        let pseudo = if protocol == ICMP {
            0
        } else {
            addresses + checksum::sum(&[0, protocol]) + checksum::sum(&l4_len.to_be_bytes())
        };
        let mut sum = checksum::finish(pseudo + checksum::sum(l4));
        if protocol == UDP && sum == [0, 0] {
            // Zero would mean that there is none (RFC 768, RFC 8200 section 8.1).
            sum = [0xff, 0xff];
        }
        let at = if protocol == UDP { 6 } else { 2 };
        l4[at..at + 2].copy_from_slice(&sum);
        self.len + payload
    }

    /// Addresses a frame that holds this template to another next hop.
    ///
    /// # Panics
    /// When `frame` has no Ethernet header.
    #[inline]
    pub fn set_next_hop(frame: &mut [u8], mac: [u8; 6]) {
        frame[..6].copy_from_slice(&mac);
    }

    /// Writes the acknowledgement number (as on the wire, read in little-endian
    /// order) of a TCP segment in `frame`.
    #[inline]
    pub fn set_ack(&self, frame: &mut [u8], ack: u32) {
        let at = usize::from(self.link_len) + usize::from(self.ip_len) + 8;
        frame[at..at + 4].copy_from_slice(&ack.to_le_bytes());
    }

    /// The sums of the constant bytes.
    #[inline]
    #[must_use]
    pub fn sums(&self) -> Sums {
        self.sums
    }

    /// Fills in an IPv4 packet that holds this template.
    ///
    /// # Panics
    /// When `frame` is too short for the headers.
    #[inline]
    pub fn patch_v4(&self, frame: &mut [u8], patch: Patch<u32>) {
        let packet: &mut [u8; 40] = headers(frame, self.link_len);
        packet[4..6].copy_from_slice(&patch.id.to_le_bytes());
        packet[10..12].copy_from_slice(&patch.ip_checksum.to_le_bytes());
        packet[16..20].copy_from_slice(&patch.destination.to_le_bytes());
        packet[20..24].copy_from_slice(&patch.ports.to_le_bytes());
        packet[24..28].copy_from_slice(&patch.seq.to_le_bytes());
        packet[36..38].copy_from_slice(&patch.tcp_checksum.to_le_bytes());
    }

    /// Fills in an IPv6 packet that holds this template.
    ///
    /// # Panics
    /// When `frame` is too short for the headers.
    #[inline]
    pub fn patch_v6(&self, frame: &mut [u8], patch: Patch<[u64; 2]>) {
        let packet: &mut [u8; 60] = headers(frame, self.link_len);
        packet[24..32].copy_from_slice(&patch.destination[0].to_le_bytes());
        packet[32..40].copy_from_slice(&patch.destination[1].to_le_bytes());
        packet[40..44].copy_from_slice(&patch.ports.to_le_bytes());
        packet[44..48].copy_from_slice(&patch.seq.to_le_bytes());
        packet[56..58].copy_from_slice(&patch.tcp_checksum.to_le_bytes());
    }
}

/// The `N` bytes behind the link-layer header.
#[inline]
fn headers<const N: usize>(frame: &mut [u8], link_len: u8) -> &mut [u8; N] {
    let start = usize::from(link_len);
    let headers = &mut frame[start..start + N];
    headers.first_chunk_mut().expect("the slice has N bytes")
}

/// Appends header bytes.
struct Writer {
    bytes: [u8; MAX_LEN],
    len: usize,
}

impl Writer {
    /// Starts with the link-layer header of an IPv4 or IPv6 packet.
    fn link(link: Link, v4: bool) -> Self {
        let mut writer = Self { bytes: [0; MAX_LEN], len: 0 };
        writer.len = link.write(!v4, &mut writer.bytes);
        writer
    }

    /// The template of these bytes, with the sums of what is constant.
    fn finish(self, link_len: usize, l4_start: usize, source: IpAddr, protocol: u8) -> Template {
        let Self { bytes, len } = self;
        let l4_len = (len - l4_start) as u16;
        let addresses = match source {
            IpAddr::V4(source) => checksum::sum(&source.octets()),
            IpAddr::V6(source) => checksum::sum(&source.octets()),
        };
        let pseudo = checksum::sum(&[0, protocol]) + checksum::sum(&l4_len.to_be_bytes());
        Template {
            sums: Sums {
                ip: checksum::sum(&bytes[link_len..l4_start]),
                tcp: addresses + pseudo + checksum::sum(&bytes[l4_start..len]),
            },
            bytes,
            len,
            link_len: link_len as u8,
            ip_len: (l4_start - link_len) as u8,
        }
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }
}

fn put_ipv4(writer: &mut Writer, source: Ipv4Addr, protocol: u8, l4_len: u16) {
    writer.put(&[0x45, 0]);
    writer.put(&(20 + l4_len).to_be_bytes());
    // Identification; DF, offset 0; TTL; protocol; checksum.
    writer.put(&[0, 0, 0x40, 0, TTL, protocol, 0, 0]);
    writer.put(&source.octets());
    writer.put(&[0; 4]);
}

fn put_ipv6(writer: &mut Writer, source: Ipv6Addr, protocol: u8, l4_len: u16) {
    writer.put(&[0x60, 0, 0, 0]);
    writer.put(&l4_len.to_be_bytes());
    writer.put(&[protocol, TTL]);
    writer.put(&source.octets());
    writer.put(&[0; 16]);
}

fn put_tcp(writer: &mut Writer, segment: Segment, options: &[u8]) {
    let (flags, window) = match segment {
        Segment::Syn(SynOptions::Linux) => (0x02, 64_240u16),
        Segment::Syn(_) => (0x02, u16::MAX),
        Segment::Ack => (0x10, 1024),
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
