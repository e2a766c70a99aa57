//! A received frame as an answer to a probe.

use std::net::IpAddr;

/// What kind of answer it is, with the field that carries the cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// SYN-ACK.
    SynAck {
        /// Its acknowledgement number: cookie + 1.
        ack: u32,
    },
    /// RST, with or without ACK.
    Rst {
        /// Its acknowledgement number: cookie or cookie + 1.
        ack: u32,
    },
    /// ICMP or ICMPv6 error that quotes a TCP probe.
    IcmpError {
        /// ICMP type.
        kind: u8,
        /// ICMP code.
        code: u8,
        /// Sequence number of the quoted probe: the cookie.
        seq: u32,
        /// Who sent the error; a router, or the target itself.
        sender: IpAddr,
    },
}

/// An answer to a TCP probe, its cookie not yet checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The address probed (for ICMP, the quoted destination).
    pub addr: IpAddr,
    /// The port probed.
    pub port: u16,
    /// Our address.
    pub our_addr: IpAddr,
    /// Our source port, which tells the attempt.
    pub our_port: u16,
    /// TTL or hop limit of the received packet.
    pub ttl: u8,
    /// What it says.
    pub kind: Kind,
}

/// Reads a frame. `ethernet` tells whether it starts with an Ethernet header
/// (up to two VLAN tags are skipped) or with the IP header. `None`: not an
/// answer to a TCP probe (other protocols, fragments, truncated headers).
#[must_use]
pub fn parse(frame: &[u8], ethernet: bool) -> Option<Reply> {
    let _ = (frame, ethernet);
    unimplemented!()
}
