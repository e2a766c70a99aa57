//! Frames from the router to the scanner, written from their specifications: Ethernet,
//! IPv4 (RFC 791) or IPv6 (RFC 8200), and a TCP, UDP or ICMP message with its checksum.

use std::net::IpAddr;

use super::super::network::{ROUTER_MAC, SCAN_MAC};

pub(super) const ICMP: u8 = 1;
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
pub(super) const ICMPV6: u8 = 58;

/// Writes a whole frame with `message` inside; its checksum is filled in.
pub(super) fn frame(out: &mut Vec<u8>, from: IpAddr, to: IpAddr, protocol: u8, message: &mut [u8]) {
    let at = match protocol {
        TCP => 16,
        UDP => 6,
        _ => 2,
    };
    let sum = checksum(pseudo_header(from, to, protocol, message.len()), message);
    // To UDP, zero says that there is none (RFC 768).
    let sum = if sum == 0 && protocol == UDP { 0xffff } else { sum };
    message[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    out.clear();
    out.extend_from_slice(&SCAN_MAC);
    out.extend_from_slice(&ROUTER_MAC);
    out.extend_from_slice(if from.is_ipv4() { &[0x08, 0x00] } else { &[0x86, 0xdd] });
    ip_header(out, from, to, protocol, message.len());
    out.extend_from_slice(message);
}

/// Appends the IP header of a packet that carries `len` bytes.
pub(super) fn ip_header(out: &mut Vec<u8>, from: IpAddr, to: IpAddr, protocol: u8, len: usize) {
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let mut header = [0x45, 0, 0, 0, 0x12, 0x34, 0x40, 0, 61, protocol, 0, 0];
            header[2..4].copy_from_slice(&(20 + len as u16).to_be_bytes());
            let addresses = sum(&from.octets()) + sum(&to.octets());
            let check = checksum(addresses, &header);
            header[10..12].copy_from_slice(&check.to_be_bytes());
            out.extend_from_slice(&header);
            out.extend_from_slice(&from.octets());
            out.extend_from_slice(&to.octets());
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            out.extend_from_slice(&[0x60, 0, 0, 0]);
            out.extend_from_slice(&(len as u16).to_be_bytes());
            out.extend_from_slice(&[protocol, 61]);
            out.extend_from_slice(&from.octets());
            out.extend_from_slice(&to.octets());
        }
        _ => unreachable!("both addresses are of one family"),
    }
}

fn pseudo_header(from: IpAddr, to: IpAddr, protocol: u8, len: usize) -> u32 {
    let addresses = match (from, to) {
        // ICMP for IPv4 has none.
        _ if protocol == ICMP => return 0,
        (IpAddr::V4(from), IpAddr::V4(to)) => sum(&from.octets()) + sum(&to.octets()),
        (IpAddr::V6(from), IpAddr::V6(to)) => sum(&from.octets()) + sum(&to.octets()),
        _ => unreachable!("both addresses are of one family"),
    };
    addresses + u32::from(protocol) + len as u32
}

/// The checksum of a UDP datagram without payload (RFC 768).
pub(super) fn empty_datagram_checksum(from: IpAddr, to: IpAddr, ports: [u16; 2]) -> u16 {
    let sum = pseudo_header(from, to, UDP, 8) + u32::from(ports[0]) + u32::from(ports[1]) + 8;
    match checksum(sum, &[]) {
        0 => 0xffff,
        sum => sum,
    }
}

pub(in crate::lab) fn sum(bytes: &[u8]) -> u32 {
    bytes.chunks(2).map(|two| u32::from(two[0]) << 8 | u32::from(*two.get(1).unwrap_or(&0))).sum()
}

pub(in crate::lab) fn checksum(begin: u32, bytes: &[u8]) -> u16 {
    let mut total = begin + sum(bytes);
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    !(total as u16)
}
