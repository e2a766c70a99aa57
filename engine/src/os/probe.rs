//! The sixteen probes, as nmap's documentation describes them: pure functions that write
//! packets. By IPv6 they are the same but for what IPv6 has no place for; the second echo
//! request then carries an option that nobody knows ([`UNKNOWN_OPTION`]). Which probe an answer belongs to is told by the port that it comes to (for
//! the echoes, by their identifier), so every probe of an attempt has one of its own.

use std::net::{IpAddr, Ipv4Addr};

use super::header::{Head, write_v4, write_v6};
use crate::wire::checksum::{checksum, finish, sum};

/// No probe is longer: the datagram by IPv6.
pub const LONGEST: usize = 40 + 8 + DATAGRAM_BYTES;
/// Ports that the probes of an attempt take.
pub const PORTS: u16 = 16;
/// IP identification of the datagram: an answer quotes it.
pub const DATAGRAM_ID: u16 = 0x1042;
/// Bytes of the datagram, each a `C`.
pub const DATAGRAM_BYTES: usize = 300;
/// TTL of all probes: answers that quote one tell how many routers it has passed.
pub const TTL: u8 = 64;
/// Code of the first echo request.
pub const FIRST_ECHO_CODE: u8 = 9;
const FIRST_ECHO_SEQ: u16 = 295;
const FIRST_ECHO_BYTES: usize = 120;
const SECOND_ECHO_BYTES: usize = 150;
const SECOND_ECHO_TOS: u8 = 4;
/// Flow label of all probes by IPv6, so that all take one way: answers tell whether it is
/// kept.
pub const FLOW_LABEL: u32 = 0x5_5aa5;
/// Traffic class of the datagram and of the first echo request by IPv6.
pub const TRAFFIC_CLASS: u8 = 4;
/// A destination option that is for experiments (RFC 4727), so that no host knows it: its
/// highest bits want the packet dropped and told of (RFC 8200, section 4.2).
pub const UNKNOWN_OPTION: u8 = 0x9e;
/// Length of the header that carries it, before the second echo request.
pub const OPTION_HEADER: usize = 8;

const ICMP: u8 = 1;
pub(super) const ICMPV6: u8 = 58;
pub(super) const DESTINATION_OPTIONS: u8 = 60;
const ECHO_REQUEST_V6: u8 = 128;

/// A probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Probe {
    /// One of the six SYNs to an open port that are sent 100 ms apart, from 0.
    Seq(u8),
    /// SYN with ECN flags, to an open port.
    Ecn,
    /// `T2` to `T4` to an open port, `T5` to `T7` to a closed one.
    Tcp(u8),
    /// Datagram to a closed port.
    U1,
    /// One of the two echo requests, from 0.
    Echo(u8),
}

impl Probe {
    /// All of them, in the order of their ports.
    pub const ALL: [Self; 16] = [
        Self::Seq(0),
        Self::Seq(1),
        Self::Seq(2),
        Self::Seq(3),
        Self::Seq(4),
        Self::Seq(5),
        Self::Ecn,
        Self::Tcp(2),
        Self::Tcp(3),
        Self::Tcp(4),
        Self::Tcp(5),
        Self::Tcp(6),
        Self::Tcp(7),
        Self::U1,
        Self::Echo(0),
        Self::Echo(1),
    ];

    /// Its place among [`ALL`](Self::ALL), and its port above the attempt's first.
    #[must_use]
    pub fn index(self) -> usize {
        match self {
            Self::Seq(at) => usize::from(at),
            Self::Ecn => 6,
            Self::Tcp(line) => usize::from(line) + 5,
            Self::U1 => 13,
            Self::Echo(at) => 14 + usize::from(at),
        }
    }
}

/// Whom to ask, and by which numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Our address, of the host's family.
    pub source: IpAddr,
    /// The host.
    pub target: IpAddr,
    /// A TCP port that is open.
    pub open: u16,
    /// A TCP port that is closed.
    pub closed: u16,
    /// A UDP port that is closed.
    pub closed_udp: u16,
    /// First of our [`PORTS`] ports, and echo identifiers.
    pub first_port: u16,
    /// Sequence number of the first probe; each has one more.
    pub seq: u32,
    /// Acknowledgement number of all probes, not 0.
    pub ack: u32,
    /// IP identification of all but the datagram, not 0.
    pub id: u16,
}

impl Flow {
    /// For tests: numbers that wrap soon.
    #[cfg(test)]
    pub(super) const SAMPLE: Self = Self {
        source: IpAddr::V4(Ipv4Addr::new(198, 18, 0, 1)),
        target: IpAddr::V4(Ipv4Addr::new(198, 18, 0, 2)),
        open: 80,
        closed: 1,
        closed_udp: 40_000,
        first_port: 30_000,
        seq: 0xffff_fffd,
        ack: 0x7777_7777,
        id: 7,
    };

    /// The same by IPv6.
    #[cfg(test)]
    pub(super) const SAMPLE_V6: Self = Self {
        source: IpAddr::V6(std::net::Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 1)),
        target: IpAddr::V6(std::net::Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 2)),
        ..Self::SAMPLE
    };

    /// Our port of a probe, or its identifier.
    #[must_use]
    pub fn our_port(&self, probe: Probe) -> u16 {
        self.first_port.wrapping_add(probe.index() as u16)
    }

    /// The port that a probe goes to; 0 for an echo.
    #[must_use]
    pub fn their_port(&self, probe: Probe) -> u16 {
        match probe {
            Probe::Seq(_) | Probe::Ecn | Probe::Tcp(..=4) => self.open,
            Probe::Tcp(_) => self.closed,
            Probe::U1 => self.closed_udp,
            Probe::Echo(_) => 0,
        }
    }

    /// The sequence number of a TCP probe.
    #[must_use]
    pub fn seq_of(&self, probe: Probe) -> u32 {
        self.seq.wrapping_add(probe.index() as u32)
    }

    /// Writes the probe's packet from its IP header on; returns its length.
    pub fn write(&self, probe: Probe, packet: &mut [u8; LONGEST]) -> usize {
        self.write_under(Head::of(probe, self), packet, |body| self.body(probe, body))
    }

    /// Writes the RST that a kernel without such a connection sends (RFC 9293, section
    /// 3.10.7.1) for a segment that came to a TCP probe's port; returns its length.
    pub fn write_reset(&self, probe: Probe, refused: Refused, packet: &mut [u8; LONGEST]) -> usize {
        let (numbers, flags) = match refused {
            Refused::Acknowledged(ack) => ((ack, 0), RST),
            Refused::Ended(end) => ((0, end), RST | ACK),
        };
        let (options, window) = (&[], 0);
        let segment =
            Segment { dont_fragment: true, flags, reserved: 0, window, urgent: 0, options };
        let head = Head { protocol: 6, dont_fragment: true, ..Head::default() };
        self.write_under(head, packet, |body| self.segment(probe, numbers, &segment, body))
    }

    /// Writes an IP header and what `body` writes behind it.
    fn write_under(
        &self,
        head: Head,
        packet: &mut [u8; LONGEST],
        body: impl FnOnce(&mut [u8]) -> usize,
    ) -> usize {
        packet.fill(0);
        match (self.source, self.target) {
            (IpAddr::V4(source), IpAddr::V4(target)) => {
                write_v4(head, source.octets(), target.octets(), packet, body)
            }
            (source, target) => {
                let octets = |ip| match ip {
                    IpAddr::V4(ip) => Ipv4Addr::to_ipv6_mapped(&ip).octets(),
                    IpAddr::V6(ip) => ip.octets(),
                };
                write_v6(head, octets(source), octets(target), packet, body)
            }
        }
    }

    /// What the IP headers carry.
    fn body(&self, probe: Probe, body: &mut [u8]) -> usize {
        match probe {
            Probe::U1 => self.datagram(body),
            Probe::Echo(at) => self.echo(at, body),
            _ => {
                let numbers = (self.seq_of(probe), self.ack);
                self.segment(probe, numbers, &Segment::of(probe), body)
            }
        }
    }

    fn segment(
        &self,
        probe: Probe,
        (seq, ack): (u32, u32),
        segment: &Segment,
        body: &mut [u8],
    ) -> usize {
        let length = 20 + segment.options.len();
        let body = &mut body[..length];
        body[0..2].copy_from_slice(&self.our_port(probe).to_be_bytes());
        body[2..4].copy_from_slice(&self.their_port(probe).to_be_bytes());
        body[4..8].copy_from_slice(&seq.to_be_bytes());
        body[8..12].copy_from_slice(&ack.to_be_bytes());
        body[12] = ((length / 4) as u8) << 4 | segment.reserved;
        body[13] = segment.flags;
        body[14..16].copy_from_slice(&segment.window.to_be_bytes());
        body[18..20].copy_from_slice(&segment.urgent.to_be_bytes());
        body[20..].copy_from_slice(segment.options);
        let sum = self.transport_sum(6, body);
        body[16..18].copy_from_slice(&sum);
        length
    }

    fn datagram(&self, body: &mut [u8]) -> usize {
        let length = 8 + DATAGRAM_BYTES;
        let body = &mut body[..length];
        body[0..2].copy_from_slice(&self.our_port(Probe::U1).to_be_bytes());
        body[2..4].copy_from_slice(&self.closed_udp.to_be_bytes());
        body[4..6].copy_from_slice(&(length as u16).to_be_bytes());
        body[8..].fill(b'C');
        let sum = self.datagram_sum(body);
        body[6..8].copy_from_slice(&sum);
        length
    }

    /// 0 says that there is no checksum (RFC 768).
    fn datagram_sum(&self, body: &[u8]) -> [u8; 2] {
        match self.transport_sum(17, body) {
            [0, 0] => [0xff, 0xff],
            sum => sum,
        }
    }

    fn echo(&self, at: u8, body: &mut [u8]) -> usize {
        let (code, bytes) =
            if at == 0 { (FIRST_ECHO_CODE, FIRST_ECHO_BYTES) } else { (0, SECOND_ECHO_BYTES) };
        let body = &mut body[..8 + bytes];
        let v6 = self.target.is_ipv6();
        body[0] = if v6 { ECHO_REQUEST_V6 } else { 8 };
        body[1] = code;
        body[4..6].copy_from_slice(&self.our_port(Probe::Echo(at)).to_be_bytes());
        body[6..8].copy_from_slice(&(FIRST_ECHO_SEQ + u16::from(at)).to_be_bytes());
        let sum = if v6 { self.transport_sum(ICMPV6, body) } else { checksum(body) };
        body[2..4].copy_from_slice(&sum);
        body.len()
    }

    /// With the pseudo header; the field itself is still zero.
    fn transport_sum(&self, protocol: u8, body: &[u8]) -> [u8; 2] {
        let length = (body.len() as u16).to_be_bytes();
        let pseudo = [0, protocol, length[0], length[1]];
        let address = |ip| match ip {
            IpAddr::V4(ip) => sum(&Ipv4Addr::octets(&ip)),
            IpAddr::V6(ip) => sum(&ip.octets()),
        };
        finish(address(self.source) + address(self.target) + sum(&pseudo) + sum(body))
    }

    /// The checksum that the datagram left with.
    #[must_use]
    pub fn datagram_checksum(&self) -> u16 {
        let mut body = [0; LONGEST];
        self.datagram(&mut body);
        u16::from_be_bytes([body[6], body[7]])
    }
}

/// What a RST refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A segment with this acknowledgement number.
    Acknowledged(u32),
    /// One without; its sequence numbers end before this one.
    Ended(u32),
}

impl Head {
    fn of(probe: Probe, flow: &Flow) -> Self {
        let icmp = if flow.target.is_ipv6() { ICMPV6 } else { ICMP };
        let plain = Self { id: flow.id, ..Self::default() };
        let traffic_class = TRAFFIC_CLASS;
        match probe {
            Probe::U1 => Self { protocol: 17, id: DATAGRAM_ID, traffic_class, ..plain },
            Probe::Echo(0) => Self { protocol: icmp, dont_fragment: true, traffic_class, ..plain },
            Probe::Echo(_) => {
                let option = Some(flow.our_port(probe));
                Self { protocol: icmp, tos: SECOND_ECHO_TOS, option, ..plain }
            }
            _ => Self { protocol: 6, dont_fragment: Segment::of(probe).dont_fragment, ..plain },
        }
    }
}

/// What makes a TCP probe what it is.
struct Segment {
    dont_fragment: bool,
    flags: u8,
    reserved: u8,
    window: u16,
    urgent: u16,
    options: &'static [u8],
}

const FIN: u8 = 1;
const SYN: u8 = 2;
const PSH: u8 = 8;
const ACK: u8 = 16;
const RST: u8 = 4;
const URG: u8 = 32;
const ECE: u8 = 64;
const CWR: u8 = 128;

/// Windows of the six SYNs.
const WINDOWS: [u16; 6] = [1, 63, 4, 4, 16, 512];

/// Options of the six SYNs. A time stamp is FFFFFFFF, its echo 0.
#[rustfmt::skip]
const OPTIONS: [&[u8]; 6] = [
    // Window scale 10, NOP, MSS 1460, time stamp, SACK permitted.
    &[3, 3, 10, 1, 2, 4, 0x05, 0xb4, 8, 10, 255, 255, 255, 255, 0, 0, 0, 0, 4, 2],
    // MSS 1400, window scale 0, SACK permitted, time stamp, end.
    &[2, 4, 0x05, 0x78, 3, 3, 0, 4, 2, 8, 10, 255, 255, 255, 255, 0, 0, 0, 0, 0],
    // Time stamp, NOP, NOP, window scale 5, NOP, MSS 640.
    &[8, 10, 255, 255, 255, 255, 0, 0, 0, 0, 1, 1, 3, 3, 5, 1, 2, 4, 0x02, 0x80],
    // SACK permitted, time stamp, window scale 10, end.
    &[4, 2, 8, 10, 255, 255, 255, 255, 0, 0, 0, 0, 3, 3, 10, 0],
    // MSS 536, SACK permitted, time stamp, window scale 10, end.
    &[2, 4, 0x02, 0x18, 4, 2, 8, 10, 255, 255, 255, 255, 0, 0, 0, 0, 3, 3, 10, 0],
    // MSS 265, SACK permitted, time stamp.
    &[2, 4, 0x01, 0x09, 4, 2, 8, 10, 255, 255, 255, 255, 0, 0, 0, 0],
];

/// Window scale 10, NOP, MSS 1460, SACK permitted, NOP, NOP.
const ECN_OPTIONS: &[u8] = &[3, 3, 10, 1, 2, 4, 0x05, 0xb4, 4, 2, 1, 1];

/// Window scale 10, NOP, MSS 265, time stamp, SACK permitted.
const T2_OPTIONS: &[u8] =
    &[3, 3, 10, 1, 2, 4, 0x01, 0x09, 8, 10, 255, 255, 255, 255, 0, 0, 0, 0, 4, 2];

/// The same with window scale 15.
const T7_OPTIONS: &[u8] =
    &[3, 3, 15, 1, 2, 4, 0x01, 0x09, 8, 10, 255, 255, 255, 255, 0, 0, 0, 0, 4, 2];

impl Segment {
    fn of(probe: Probe) -> Self {
        let plain = |dont_fragment, flags, window, options| Self {
            dont_fragment,
            flags,
            reserved: 0,
            window,
            urgent: 0,
            options,
        };
        match probe {
            Probe::Seq(at) => {
                let at = usize::from(at) % WINDOWS.len();
                plain(false, SYN, WINDOWS[at], OPTIONS[at])
            }
            Probe::Ecn => Self {
                reserved: 8,
                urgent: 0xf7f5,
                ..plain(false, SYN | ECE | CWR, 3, ECN_OPTIONS)
            },
            Probe::Tcp(2) => plain(true, 0, 128, T2_OPTIONS),
            Probe::Tcp(3) => plain(false, SYN | FIN | URG | PSH, 256, T2_OPTIONS),
            Probe::Tcp(4) => plain(true, ACK, 1024, T2_OPTIONS),
            Probe::Tcp(5) => plain(false, SYN, 31337, T2_OPTIONS),
            Probe::Tcp(6) => plain(true, ACK, 32768, T2_OPTIONS),
            _ => plain(false, FIN | PSH | URG, 65535, T7_OPTIONS),
        }
    }
}

#[cfg(test)]
#[path = "probe_tests.rs"]
mod tests;
