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
    /// Nothing that could answer a probe, or not for our address or ports; passed.
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

/// XDP metadata in front of a steered frame (`struct prtip_rx_meta`). Where a
/// driver has no room for it, stale bytes are there instead: see [`RxMeta::rx_ns`].
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct RxMeta {
    rx_ns: u64,
    tag: u64,
}

const _: () = assert!(size_of::<RxMeta>() == 16);

/// What the program xors into the tag of [`RxMeta`].
pub const RX_META_MAGIC: u64 = 0x7072_7469_7020_7278;

impl RxMeta {
    /// The receive time in nanoseconds of CLOCK_MONOTONIC, or `None` when these
    /// bytes were not written by the steering program.
    #[must_use]
    pub const fn rx_ns(self) -> Option<u64> {
        if self.tag == self.rx_ns ^ RX_META_MAGIC { Some(self.rx_ns) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleared_or_foreign_bytes_are_no_receive_time() {
        assert_eq!(RxMeta::default().rx_ns(), None);
        assert_eq!(RxMeta { rx_ns: 7, tag: 7 }.rx_ns(), None);
        assert_eq!(RxMeta { rx_ns: 7, tag: 7 ^ RX_META_MAGIC }.rx_ns(), Some(7));
    }
}
