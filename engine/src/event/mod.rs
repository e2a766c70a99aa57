//! What a scan finds and says, from the worker's fixed-size event to the lines
//! and tables that people read.

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
