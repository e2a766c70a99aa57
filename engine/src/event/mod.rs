//! What a scan finds and says, from the worker's fixed-size event to the lines
//! and tables that people read.
//!
//! * [`clock`]: kernel receive times as calendar time.
//! * [`record`]: the JSON lines, and an encoder for the hot one.
//! * [`log`]: the event log; [`uring_log`] writes it through io_uring and
//!   [`thread_log`] where that is refused.
//! * [`table`]: results for people.
//! * [`sinks`]: decides which record goes where.
//!
//! Not here: frames, and deciding what a reply means.

pub mod clock;
pub mod log;
pub mod record;
pub mod sinks;
pub mod table;
pub mod thread_log;
pub mod uring_log;

use std::fmt;
use std::net::IpAddr;

/// State of a port, in the order in which a stronger answer replaces a weaker one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum PortState {
    /// An ICMP error, or (at the end of a scan) silence.
    Filtered = 1,
    /// A RST.
    Closed = 2,
    /// A SYN-ACK.
    Open = 3,
}

impl PortState {
    /// All states, the weakest first.
    pub const ALL: [Self; 3] = [Self::Filtered, Self::Closed, Self::Open];

    /// Its name in records and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Filtered => "filtered",
            Self::Closed => "closed",
            Self::Open => "open",
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
    /// `no-response`
    NoResponse,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SynAck => f.write_str("syn-ack"),
            Self::Rst => f.write_str("rst"),
            Self::Icmp { kind, code } => write!(f, "icmp-{kind}-{code}"),
            Self::NoResponse => f.write_str("no-response"),
        }
    }
}

/// A result as a worker hands it over: fixed size, no allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortEvent {
    /// The address probed.
    pub addr: IpAddr,
    /// The port probed.
    pub port: u16,
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
}

impl PortState {
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
