//! The Rust twins of `include/prtip.h`: same layout, same meaning.

use std::net::IpAddr;

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

/// Cookie keys of one of our addresses (`struct prtip_source_keys`).
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct SourceKeys {
    /// Of TCP probes.
    pub tcp: Key,
    /// Of UDP probes.
    pub udp: Key,
    /// Of echo requests.
    pub icmp: Key,
}

const _: () = assert!(size_of::<SourceKeys>() == 48);

/// One of our addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// The address.
    pub addr: IpAddr,
    /// Its keys.
    pub keys: SourceKeys,
}

/// What the steering program is told: `struct prtip_steer_config`, and the map of
/// further addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SteerConfig {
    /// Our addresses, of both families.
    pub sources: Vec<Source>,
    /// First of our source ports.
    pub port_first: u16,
    /// Last of our source ports, inclusive.
    pub port_last: u16,
    /// Salt of the hash that chooses our port.
    pub salt: u64,
    /// Groups of source ports among which the hash chooses.
    pub slots: u32,
    /// Source ports of a group: one an attempt.
    pub attempts: u16,
    /// What is sent: bits of [`KIND_SYN`], [`KIND_ACK`], [`KIND_UDP`], [`KIND_ECHO`].
    pub kinds: u8,
    /// UDP ports whose services may answer from another one; 0: none.
    pub any_port: [u16; ANY_PORTS],
    /// Hosts are looked for: our port is chosen by the address alone.
    pub hosts: bool,
    /// Not 0: no cookies. So many hosts at most are asked for their operating systems at a
    /// time, and steered is what belongs to a [`Flow`].
    pub flows: u32,
}

/// A host that is being asked for its operating system: its ports that are asked, as on the
/// wire (`struct prtip_flow`).
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Flow {
    open_be: u16,
    closed_be: u16,
    closed_udp_be: u16,
    reserved: u16,
}

const _: () = assert!(size_of::<Flow>() == 8);

impl Flow {
    /// With these TCP ports and this UDP port.
    #[must_use]
    pub const fn new(open: u16, closed: u16, closed_udp: u16) -> Self {
        Self {
            open_be: open.to_be(),
            closed_be: closed.to_be(),
            closed_udp_be: closed_udp.to_be(),
            reserved: 0,
        }
    }
}

/// Most UDP ports whose services may answer from another one.
pub const ANY_PORTS: usize = 4;

/// SYNs are sent.
pub const KIND_SYN: u8 = 1;
/// ACKs are sent.
pub const KIND_ACK: u8 = 2;
/// UDP datagrams are sent.
pub const KIND_UDP: u8 = 4;
/// Echo requests are sent.
pub const KIND_ECHO: u8 = 8;

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
    /// For our ports, but the cookie is wrong, or of no [`Flow`]; passed.
    PassCookie,
    /// Redirected: a SYN-ACK that acknowledges our probe.
    SteerSynAck,
    /// Redirected: a RST that answers our probe.
    SteerRst,
    /// Redirected: an ICMP or ICMPv6 error that quotes our probe.
    SteerIcmp,
    /// Redirected: a UDP datagram from where a probe went, to its port.
    SteerUdp,
    /// Redirected: an echo reply with id, sequence number and cookie of a probe.
    SteerEcho,
    /// Redirected: something of a [`Flow`].
    SteerFlow,
    /// A true reply on a queue without an AF_XDP socket; passed.
    NoSocket,
}

/// Number of verdict counters.
pub const VERDICTS: usize = 11;

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
