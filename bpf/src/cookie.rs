//! The probe cookie: SipHash-1-3 of (their address, their port, our port),
//! low 32 bits, under a key derived for (our address, protocol).
//!
//! This is the reference, built on the `siphasher` crate; `include/prtip.h`
//! computes the same in eBPF and `prtip-engine` computes several at a time.

use std::hash::Hasher;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use siphasher::sip::SipHasher13;

use crate::abi::Key;

/// Cookie of an IPv4 probe. Ports in host byte order.
#[must_use]
pub fn cookie4(key: Key, their_addr: Ipv4Addr, their_port: u16, our_port: u16) -> u32 {
    let mut message = [0; 8];
    message[..4].copy_from_slice(&their_addr.octets());
    message[4..6].copy_from_slice(&their_port.to_be_bytes());
    message[6..].copy_from_slice(&our_port.to_be_bytes());
    siphash13(key, &message) as u32
}

/// Cookie of an IPv6 probe. Ports in host byte order.
#[must_use]
pub fn cookie6(key: Key, their_addr: Ipv6Addr, their_port: u16, our_port: u16) -> u32 {
    let mut message = [0; 20];
    message[..16].copy_from_slice(&their_addr.octets());
    message[16..18].copy_from_slice(&their_port.to_be_bytes());
    message[18..].copy_from_slice(&our_port.to_be_bytes());
    siphash13(key, &message) as u32
}

/// The key for probes from `our_addr` with IP protocol `protocol`, derived
/// from the scan's master key, so that the cookie covers them without being
/// hashed again for every probe.
#[must_use]
pub fn derive_key(master: Key, our_addr: IpAddr, protocol: u8) -> Key {
    let half = |label: u8| {
        let mut message = [0; 18];
        match our_addr {
            IpAddr::V4(addr) => message[..16].copy_from_slice(&addr.to_ipv6_mapped().octets()),
            IpAddr::V6(addr) => message[..16].copy_from_slice(&addr.octets()),
        }
        message[16] = protocol;
        message[17] = label;
        siphash13(master, &message)
    };
    Key { k0: half(0), k1: half(1) }
}

fn siphash13(key: Key, message: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(key.k0, key.k1);
    hasher.write(message);
    hasher.finish()
}
