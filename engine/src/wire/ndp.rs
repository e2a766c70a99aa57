//! Neighbour discovery for IPv6 over Ethernet (RFC 4861): solicitations to send, and
//! a typed view over received advertisements.
//!
//! The view judges what section 7.1.2 asks for (hop limit 255, which no router
//! forwards; type, code, lengths) except the checksum: a kernel peer on a virtual
//! link may leave it unfilled.

use std::net::Ipv6Addr;

use super::checksum;

/// Length of a solicitation: IPv6 header, message, the option with our MAC address.
pub const LEN: usize = 40 + 24 + 8;

const ICMPV6: u8 = 58;
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;
/// Option: the sender's link-layer address (in solicitations).
const SOURCE_MAC: u8 = 1;
/// Option: the target's link-layer address (in advertisements).
const TARGET_MAC: u8 = 2;

/// The multicast address that the owner of `target` listens to (RFC 4291, section 2.7.1).
#[must_use]
pub fn solicited_node(target: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = target.octets();
    let mut group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 0).octets();
    group[13..].copy_from_slice(&[a, b, c]);
    group.into()
}

/// Where Ethernet carries the packets of a multicast group to (RFC 2464, section 7).
#[must_use]
pub fn multicast_mac(group: Ipv6Addr) -> [u8; 6] {
    let [.., a, b, c, d] = group.octets();
    [0x33, 0x33, a, b, c, d]
}

/// A solicitation for the MAC address of `target`, its IPv6 header in front.
#[must_use]
pub fn solicitation(mac: [u8; 6], source: Ipv6Addr, target: Ipv6Addr) -> [u8; LEN] {
    let mut packet = [0; LEN];
    packet[0] = 0x60;
    packet[5] = (LEN - 40) as u8;
    packet[6] = ICMPV6;
    packet[7] = 255;
    packet[8..24].copy_from_slice(&source.octets());
    packet[24..40].copy_from_slice(&solicited_node(target).octets());
    packet[40] = SOLICITATION;
    packet[48..64].copy_from_slice(&target.octets());
    packet[64..66].copy_from_slice(&[SOURCE_MAC, 1]);
    packet[66..].copy_from_slice(&mac);
    let pseudo = checksum::sum(&packet[8..40])
        + checksum::sum(&[0, (LEN - 40) as u8])
        + checksum::sum(&[0, ICMPV6]);
    let sum = checksum::finish(pseudo + checksum::sum(&packet[40..]));
    packet[42..44].copy_from_slice(&sum);
    packet
}

/// A neighbour advertisement, whole and well-formed.
#[derive(Clone, Copy, Debug)]
pub struct Advertisement<'a> {
    /// From the IPv6 header on, to the end of its payload.
    packet: &'a [u8],
}

impl<'a> Advertisement<'a> {
    /// The packet at the start of `bytes`, which begin with an IPv6 header; padding
    /// may follow.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        let header: &[u8; 40] = bytes.first_chunk()?;
        let len = 40 + usize::from(u16::from_be_bytes([header[4], header[5]]));
        let packet = bytes.get(..len)?;
        let fits = header[0] >> 4 == 6 && header[6] == ICMPV6 && header[7] == 255;
        let message = packet.get(40..64)?;
        (fits && message[..2] == [ADVERTISEMENT, 0]).then_some(Self { packet })
    }

    /// The address that is advertised.
    #[must_use]
    pub fn target(self) -> Ipv6Addr {
        let octets: &[u8; 16] = self.packet[48..64].first_chunk().expect("checked when made");
        (*octets).into()
    }

    /// Who it is sent to.
    #[must_use]
    pub fn destination(self) -> Ipv6Addr {
        let octets: &[u8; 16] = self.packet[24..40].first_chunk().expect("checked when made");
        (*octets).into()
    }

    /// The MAC address advertised; `None` where the option is missing, as it may be in
    /// the answer to a unicast solicitation.
    #[must_use]
    pub fn target_mac(self) -> Option<[u8; 6]> {
        let mut options = self.packet.get(64..)?;
        while let [kind, units, ..] = *options {
            // Units of 8 bytes; 0 would never end (RFC 4861, section 4.6).
            let len = usize::from(units) * 8;
            if len == 0 || len > options.len() {
                return None;
            }
            if kind == TARGET_MAC && len == 8 {
                return options[2..8].first_chunk().copied();
            }
            options = &options[len..];
        }
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use etherparse::{Icmpv6Type, NetSlice, PacketBuilder, SlicedPacket, TransportSlice};
    use proptest::prelude::*;

    use super::*;

    /// An advertisement of `target` with these bytes behind it, made by etherparse.
    fn advertisement(to: [u8; 16], hops: u8, target: [u8; 16], options: &[u8]) -> Vec<u8> {
        let mut payload = target.to_vec();
        payload.extend(options);
        let mut bytes = Vec::new();
        PacketBuilder::ipv6(target, to, hops)
            .icmpv6_raw(ADVERTISEMENT, 0, [0x60, 0, 0, 0])
            .write(&mut bytes, &payload)
            .unwrap();
        bytes
    }

    proptest! {
        #[test]
        fn etherparse_reads_a_solicitation_as_we_meant_it(
            mac: [u8; 6], source: [u8; 16], target: [u8; 16]
        ) {
            let packet = solicitation(mac, source.into(), target.into());
            let read = SlicedPacket::from_ip(&packet).unwrap();
            let Some(NetSlice::Ipv6(ip)) = &read.net else { panic!("not IPv6") };
            prop_assert_eq!(ip.header().source(), source);
            prop_assert_eq!(ip.header().destination_addr(), solicited_node(target.into()));
            prop_assert_eq!(ip.header().hop_limit(), 255);
            let Some(TransportSlice::Icmpv6(icmp)) = &read.transport else { panic!("not ICMPv6") };
            prop_assert!(icmp.is_checksum_valid(source, ip.header().destination()));
            prop_assert_eq!((icmp.type_u8(), icmp.code_u8()), (135, 0));
            let slice = icmp.slice();
            prop_assert_eq!(&slice[8..24], &target);
            prop_assert_eq!(&slice[24..26], &[1, 1]);
            prop_assert_eq!(&slice[26..], &mac);
            let _ = matches!(icmp.icmp_type(), Icmpv6Type::Unknown { .. });
        }

        #[test]
        fn an_advertisement_is_read_with_and_without_its_option(
            to: [u8; 16], target: [u8; 16], mac: [u8; 6], other: bool, with: bool
        ) {
            let mut options = Vec::new();
            if other {
                // A nonce (RFC 3971) in front.
                options.extend([14, 1, 1, 2, 3, 4, 5, 6]);
            }
            if with {
                options.extend([TARGET_MAC, 1]);
                options.extend(mac);
            }
            let mut bytes = advertisement(to, 255, target, &options);
            bytes.extend([0; 6]);
            let view = Advertisement::new(&bytes).unwrap();
            prop_assert_eq!(view.target(), Ipv6Addr::from(target));
            prop_assert_eq!(view.destination(), Ipv6Addr::from(to));
            prop_assert_eq!(view.target_mac(), with.then_some(mac));
        }

        #[test]
        fn any_bytes_are_read_or_refused(
            bytes in proptest::collection::vec(any::<u8>(), 0..128),
            options in proptest::collection::vec(any::<u8>(), 0..40)
        ) {
            let _ = Advertisement::new(&bytes);
            let made = advertisement([1; 16], 255, [2; 16], &options);
            let _ = Advertisement::new(&made).unwrap().target_mac();
        }
    }

    #[test]
    fn what_a_router_could_have_forwarded_is_refused() {
        let good = advertisement([1; 16], 255, [2; 16], &[]);
        assert!(Advertisement::new(&good).is_some());
        assert!(Advertisement::new(&advertisement([1; 16], 254, [2; 16], &[])).is_none());
        for (at, value) in [(0, 0x40), (5, 23), (6, 17), (40, 135), (41, 1)] {
            let mut bad = good.clone();
            bad[at] = value;
            assert!(Advertisement::new(&bad).is_none(), "byte {at}");
        }
        assert!(Advertisement::new(&good[..63]).is_none());
    }

    #[test]
    fn groups_and_their_macs_are_those_of_the_rfcs() {
        let target: Ipv6Addr = "2001:db8::1:0203:0405".parse().unwrap();
        let group = solicited_node(target);
        assert_eq!(group, "ff02::1:ff03:405".parse::<Ipv6Addr>().unwrap());
        assert_eq!(multicast_mac(group), [0x33, 0x33, 0xff, 3, 4, 5]);
    }
}
