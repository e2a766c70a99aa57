//! IP headers of probes, and of RSTs: what differs is a [`Head`].

use super::probe::{DESTINATION_OPTIONS, FLOW_LABEL, LONGEST, OPTION_HEADER, TTL, UNKNOWN_OPTION};
use crate::wire::checksum::checksum;

/// What differs between the IP headers of packets.
#[derive(Clone, Copy, Default)]
pub(super) struct Head {
    pub(super) protocol: u8,
    /// By IPv4: type of service.
    pub(super) tos: u8,
    /// By IPv4.
    pub(super) dont_fragment: bool,
    /// By IPv4: identification.
    pub(super) id: u16,
    /// By IPv6.
    pub(super) traffic_class: u8,
    /// By IPv6: the content of an option that nobody knows.
    pub(super) option: Option<u16>,
}

/// By IPv4; `body` writes what follows. Returns the length of all.
pub(super) fn write_v4(
    head: Head,
    source: [u8; 4],
    target: [u8; 4],
    packet: &mut [u8; LONGEST],
    body: impl FnOnce(&mut [u8]) -> usize,
) -> usize {
    let length = 20 + body(&mut packet[20..]);
    packet[0] = 0x45;
    packet[1] = head.tos;
    packet[2..4].copy_from_slice(&(length as u16).to_be_bytes());
    packet[4..6].copy_from_slice(&head.id.to_be_bytes());
    packet[6] = if head.dont_fragment { 0x40 } else { 0 };
    packet[8] = TTL;
    packet[9] = head.protocol;
    packet[12..16].copy_from_slice(&source);
    packet[16..20].copy_from_slice(&target);
    let header = checksum(&packet[..20]);
    packet[10..12].copy_from_slice(&header);
    length
}

/// The same by IPv6.
pub(super) fn write_v6(
    head: Head,
    source: [u8; 16],
    target: [u8; 16],
    packet: &mut [u8; LONGEST],
    body: impl FnOnce(&mut [u8]) -> usize,
) -> usize {
    let (class, mut protocol) = (head.traffic_class, head.protocol);
    let mut length = 40;
    if let Some(content) = head.option {
        let [high, low] = content.to_be_bytes();
        let header = [protocol, 0, UNKNOWN_OPTION, 4, high, low, 0, 0];
        packet[40..][..OPTION_HEADER].copy_from_slice(&header);
        (protocol, length) = (DESTINATION_OPTIONS, length + OPTION_HEADER);
    }
    length += body(&mut packet[length..]);
    let first = 6 << 28 | u32::from(class) << 20 | FLOW_LABEL;
    packet[0..4].copy_from_slice(&first.to_be_bytes());
    packet[4..6].copy_from_slice(&(length as u16 - 40).to_be_bytes());
    packet[6] = protocol;
    packet[7] = TTL;
    packet[8..24].copy_from_slice(&source);
    packet[24..40].copy_from_slice(&target);
    length
}
