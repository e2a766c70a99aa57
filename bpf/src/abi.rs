//! The Rust twins of `include/prtip.h`: same layout, same meaning.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// A SipHash key, already specific to (our address, protocol).
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Key {
    /// First half of the key.
    pub k0: u64,
    /// Second half of the key.
    pub k1: u64,
}

/// Configuration of the steering program (`struct prtip_steer_config`).
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct SteerConfig {
    /// Cookie key of (our IPv4 address, TCP).
    pub tcp4: Key,
    /// Cookie key of (our IPv6 address, TCP).
    pub tcp6: Key,
    /// Our IPv6 address as on the wire; all zero when no IPv6 is scanned.
    pub source_v6: [u8; 16],
    /// Our IPv4 address as on the wire; all zero when no IPv4 is scanned.
    pub source_v4: [u8; 4],
    /// First of our source ports.
    pub port_first: u16,
    /// Last of our source ports, inclusive.
    pub port_last: u16,
}

const _: () = assert!(size_of::<SteerConfig>() == 56);

/// Index of a counter of the steering program (`enum prtip_verdict`).
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not IP, not TCP or ICMP, or not for our address and ports; passed.
    PassOther = 0,
    /// Headers do not fit into the frame; passed.
    PassMalformed,
    /// An IP fragment; passed.
    PassFragment,
    /// For our ports, but the cookie is wrong; passed.
    PassCookie,
    /// Redirected: a SYN-ACK that acknowledges our probe.
    SteerSynAck,
    /// Redirected: a RST that answers our probe.
    SteerRst,
    /// Redirected: an ICMP or ICMPv6 error that quotes our probe.
    SteerIcmp,
    /// A true reply on a queue without an AF_XDP socket; passed.
    NoSocket,
}

/// Number of verdict counters.
pub const VERDICTS: usize = 8;

/// Bytes of XDP metadata in front of a steered frame: the receive time in
/// nanoseconds of CLOCK_MONOTONIC as a native-endian `u64`.
pub const RX_META_LEN: usize = 8;
