//! What a scan finds and says, from the worker's fixed-size event to the lines
//! and tables that people read.
//!
//! * [`clock`]: kernel receive times as calendar time.
//! * [`record`]: the JSON lines, and an encoder for the hot one.
//! * [`service_record`]: those of services. [`os_record`], [`os_way_record`]: those of operating systems.
//!   [`tls_record`]: the one about certificates. [`zombie_record`]: that of a zombie.
//! * [`schema`]: the records' JSON Schema.
//! * [`log`]: the event log, written through io_uring where the kernel lets us.
//! * [`recovery`]: the log of an interrupted scan, read again.
//! * [`table`]: results for people.
//! * [`files`]: formats that other programs read. [`text`]: what others wrote, made harmless.
//! * [`sinks`]: decides which record goes where. [`prometheus`]: where the scan stands, for
//!   whoever asks.
//!
//! Not here: frames, and deciding what a reply means.

pub mod clock;
pub mod files;
pub mod log;
pub mod os_record;
pub mod os_way_record;
mod output;
pub mod prometheus;
pub mod record;
pub mod recovery;
pub mod schema;
pub mod service_record;
pub mod sinks;
pub mod table;
pub mod text;
pub mod tls_record;
pub mod zombie_record;

use std::fmt;
use std::net::IpAddr;

use crate::plan::Protocol;
pub use crate::wire::reply::{Heard, TcpFields};

/// State of a port, or of a host where hosts are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum PortState {
    /// An ICMP error, or (at the end of a TCP scan) silence. A host: an ICMP error.
    Filtered = 1,
    /// A RST; for UDP "port unreachable" from the target itself.
    Closed = 2,
    /// A SYN-ACK, a datagram. A host: it has answered.
    Open = 3,
    /// A RST to an ACK: reachable, open or closed.
    Unfiltered = 4,
    /// Silence at the end of a UDP scan.
    OpenFiltered = 5,
    /// An idle scan has counted no answer of the zombie's.
    ClosedFiltered = 6,
}

impl PortState {
    /// All states.
    pub const ALL: [Self; 6] = [
        Self::Filtered,
        Self::Closed,
        Self::Open,
        Self::Unfiltered,
        Self::OpenFiltered,
        Self::ClosedFiltered,
    ];

    /// Its name in records and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Filtered => "filtered",
            Self::Closed => "closed",
            Self::Open => "open",
            Self::Unfiltered => "unfiltered",
            Self::OpenFiltered => "open|filtered",
            Self::ClosedFiltered => "closed|filtered",
        }
    }

    /// Its name where it is a host's.
    #[must_use]
    pub const fn host_name(self) -> &'static str {
        match self {
            Self::Open => "up",
            _ => "down",
        }
    }

    /// What a window keeps of it, and the order in which a stronger answer replaces a
    /// weaker one: 0 is silence.
    #[must_use]
    pub const fn strength(self) -> u64 {
        match self {
            Self::OpenFiltered => 0,
            Self::Filtered | Self::ClosedFiltered => 1,
            Self::Closed | Self::Unfiltered => 2,
            Self::Open => 3,
        }
    }

    /// The state of two window bits; `None` for 0, which means that nothing came.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Option<Self> {
        match bits {
            1 => Some(Self::Filtered),
            2 => Some(Self::Closed),
            3 => Some(Self::Open),
            _ => None,
        }
    }
}

impl fmt::Display for PortState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why a port is in its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// `syn-ack`
    SynAck,
    /// `rst`
    Rst,
    /// `icmp-TYPE-CODE`
    Icmp {
        /// ICMP or ICMPv6 type.
        kind: u8,
        /// ICMP or ICMPv6 code.
        code: u8,
    },
    /// `udp-response`
    UdpResponse,
    /// `echo-reply`
    EchoReply,
    /// `arp-response`
    ArpResponse {
        /// Its MAC address.
        mac: [u8; 6],
    },
    /// `nd-response`
    NdResponse {
        /// Its MAC address.
        mac: [u8; 6],
    },
    /// `no-response`
    NoResponse,
    /// `no-arp`: on our own network, and nobody has this IPv4 address.
    NoArp,
    /// `no-nd`: the same for IPv6.
    NoNd,
    /// `ipid-change`: the zombie has sent a packet more than it was asked for.
    IpidChange,
    /// `no-ipid-change`: it has not.
    NoIpidChange,
}

impl Reason {
    /// Its name; an ICMP error's is completed by type and code.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SynAck => "syn-ack",
            Self::Rst => "rst",
            Self::Icmp { .. } => "icmp",
            Self::UdpResponse => "udp-response",
            Self::EchoReply => "echo-reply",
            Self::ArpResponse { .. } => "arp-response",
            Self::NdResponse { .. } => "nd-response",
            Self::NoResponse => "no-response",
            Self::NoArp => "no-arp",
            Self::NoNd => "no-nd",
            Self::IpidChange => "ipid-change",
            Self::NoIpidChange => "no-ipid-change",
        }
    }

    /// The MAC address that an answer on the link told.
    #[must_use]
    pub const fn mac(self) -> Option<[u8; 6]> {
        match self {
            Self::ArpResponse { mac } | Self::NdResponse { mac } => Some(mac),
            _ => None,
        }
    }

    /// Whether no IP packet came: there is no TTL.
    #[must_use]
    pub const fn is_without_packet(self) -> bool {
        matches!(
            self,
            Self::NoResponse
                | Self::NoArp
                | Self::NoNd
                | Self::IpidChange
                | Self::NoIpidChange
                | Self::ArpResponse { .. }
                | Self::NdResponse { .. }
        )
    }
}

impl Reason {
    /// All but ICMP errors, which have two numbers more.
    /// (A MAC address is not written in the name: it is zero here.)
    pub const PLAIN: [Self; 11] = [
        Self::NoResponse,
        Self::SynAck,
        Self::Rst,
        Self::UdpResponse,
        Self::EchoReply,
        Self::ArpResponse { mac: [0; 6] },
        Self::NdResponse { mac: [0; 6] },
        Self::NoArp,
        Self::NoNd,
        Self::IpidChange,
        Self::NoIpidChange,
    ];

    /// The reason that is written so.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        if let Some(reason) = Self::PLAIN.into_iter().find(|reason| reason.name() == name) {
            return Some(reason);
        }
        let (kind, code) = name.strip_prefix("icmp-")?.split_once('-')?;
        Some(Self::Icmp { kind: kind.parse().ok()?, code: code.parse().ok()? })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Icmp { kind, code } => write!(f, "icmp-{kind}-{code}"),
            other => f.write_str(other.name()),
        }
    }
}

/// A result as a worker hands it over: fixed size, no allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortEvent {
    /// The address probed.
    pub addr: IpAddr,
    /// The port probed; 0 where hosts are looked for.
    pub port: u16,
    /// Its protocol; ICMP where hosts are looked for, however they answered.
    pub protocol: Protocol,
    /// Its state now.
    pub state: PortState,
    /// The weaker state that an earlier event reported, where there was one.
    pub previous: Option<PortState>,
    /// Why.
    pub reason: Reason,
    /// TTL or hop limit of the reply.
    pub ttl: u8,
    /// Round-trip time in nanoseconds, where it is known.
    pub rtt_ns: Option<u64>,
    /// When the reply came, nanoseconds of CLOCK_MONOTONIC.
    pub at_ns: u64,
    /// Header fields, where they were asked for ([`Options::headers`](crate::scan::Options)).
    pub heard: Option<Heard>,
}
