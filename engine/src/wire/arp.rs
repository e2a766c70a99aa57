//! ARP for IPv4 over Ethernet (RFC 826): requests to send, and a typed view over
//! received packets.

use std::net::Ipv4Addr;

/// EtherType of ARP.
pub const ETHERTYPE: u16 = 0x0806;
/// Length of a packet for IPv4 over Ethernet.
pub const LEN: usize = 28;

/// The constant start: Ethernet (1), IPv4 (0x0800), lengths 6 and 4.
const FORMAT: [u8; 6] = [0, 1, 8, 0, 6, 4];

/// What a packet wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Who has the target address?
    Request,
    /// The sender has the sender's address.
    Reply,
}

/// A packet for IPv4 over Ethernet, whole and well-formed.
#[derive(Clone, Copy, Debug)]
pub struct Arp<'a>(&'a [u8; LEN]);

impl<'a> Arp<'a> {
    /// The packet at the start of `bytes`; padding may follow. `None`: cut short, of
    /// other protocols, or neither a request nor a reply.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        let packet: &[u8; LEN] = bytes.first_chunk()?;
        (packet[..6] == FORMAT && matches!(packet[6..8], [0, 1 | 2])).then_some(Self(packet))
    }

    /// Request or reply.
    #[must_use]
    pub fn operation(self) -> Operation {
        if self.0[7] == 1 { Operation::Request } else { Operation::Reply }
    }

    /// MAC address of the sender.
    #[must_use]
    pub fn sender_mac(self) -> [u8; 6] {
        self.bytes(8)
    }

    /// IPv4 address of the sender.
    #[must_use]
    pub fn sender(self) -> Ipv4Addr {
        self.bytes::<4>(14).into()
    }

    /// MAC address of the target; of no meaning in a request.
    #[must_use]
    pub fn target_mac(self) -> [u8; 6] {
        self.bytes(18)
    }

    /// IPv4 address of the target.
    #[must_use]
    pub fn target(self) -> Ipv4Addr {
        self.bytes::<4>(24).into()
    }

    fn bytes<const N: usize>(self, at: usize) -> [u8; N] {
        *self.0[at..at + N].first_chunk().expect("the slice has N bytes")
    }
}

/// A request for the MAC address of `target`.
#[must_use]
pub fn request(mac: [u8; 6], source: Ipv4Addr, target: Ipv4Addr) -> [u8; LEN] {
    let mut packet = [0; LEN];
    packet[..6].copy_from_slice(&FORMAT);
    packet[7] = 1;
    packet[8..14].copy_from_slice(&mac);
    packet[14..18].copy_from_slice(&source.octets());
    packet[24..28].copy_from_slice(&target.octets());
    packet
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use etherparse::{ArpEthIpv4Packet, ArpOperation, ArpPacket, ArpPacketSlice};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn etherparse_reads_a_request_as_we_meant_it(
            mac: [u8; 6], source: [u8; 4], target: [u8; 4]
        ) {
            let packet = request(mac, source.into(), target.into());
            let read: ArpEthIpv4Packet =
                ArpPacketSlice::from_slice(&packet).unwrap().to_packet().try_into().unwrap();
            prop_assert_eq!(read.operation, ArpOperation::REQUEST);
            prop_assert_eq!((read.sender_mac, read.sender_ipv4), (mac, source));
            prop_assert_eq!((read.target_mac, read.target_ipv4), ([0; 6], target));
        }

        #[test]
        fn the_view_agrees_with_etherparse_on_any_packet(
            mac: [u8; 6], sender: [u8; 4], to: [u8; 6], target: [u8; 4], reply: bool, tail: [u8; 18]
        ) {
            let operation = if reply { ArpOperation::REPLY } else { ArpOperation::REQUEST };
            let packet: ArpPacket = ArpEthIpv4Packet {
                operation,
                sender_mac: mac,
                sender_ipv4: sender,
                target_mac: to,
                target_ipv4: target,
            }
            .into();
            let mut bytes = packet.to_bytes().to_vec();
            bytes.extend(tail);
            let view = Arp::new(&bytes).unwrap();
            prop_assert_eq!(view.operation() == Operation::Reply, reply);
            prop_assert_eq!((view.sender_mac(), view.sender()), (mac, sender.into()));
            prop_assert_eq!((view.target_mac(), view.target()), (to, target.into()));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Some(view) = Arp::new(&bytes) {
                prop_assert!(bytes.len() >= LEN);
                let _ = (view.operation(), view.sender_mac(), view.target_mac());
            }
        }
    }

    #[test]
    fn other_hardware_and_other_operations_are_refused() {
        let good = request([2; 6], [10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        assert!(Arp::new(&good).is_some());
        assert!(Arp::new(&good[..27]).is_none());
        for (at, value) in [(1, 6), (2, 0x86), (4, 8), (5, 16), (7, 3), (6, 1)] {
            let mut bad = good;
            bad[at] = value;
            assert!(Arp::new(&bad).is_none(), "byte {at}");
        }
    }
}
