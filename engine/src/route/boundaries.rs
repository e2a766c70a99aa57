//! Where the kernel's answer to "which way to this address?" can change: the
//! edges of all routes, of every table, and of the destinations that policy rules
//! name. Between two edges one look-up holds for all addresses, so that a whole
//! set of targets is resolved by a few look-ups, and the answers stay the
//! kernel's own: which table, which metric and which rule wins is not computed here.
//!
//! What an edge cannot tell is a choice by anything but the destination: look-ups
//! name neither a source address nor a mark, and of a route with several next hops
//! the kernel chooses one for the address looked up; the whole stretch takes it.

use std::io;
use std::net::IpAddr;

use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage};
use netlink_packet_route::rule::{RuleAttribute, RuleMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::netlink::Netlink;

/// An address as a number.
pub(super) fn number(addr: IpAddr) -> u128 {
    match addr {
        IpAddr::V4(addr) => u32::from(addr).into(),
        IpAddr::V6(addr) => addr.into(),
    }
}

/// The first addresses of all stretches of one family, ascending; the first is 0.
#[derive(Debug)]
pub(super) struct Boundaries(Vec<u128>);

impl Boundaries {
    /// One stretch: nothing changes anywhere.
    pub(super) fn none() -> Self {
        Self(vec![0])
    }

    /// Asks the kernel for all routes and rules of a family.
    pub(super) fn read(netlink: &mut Netlink, v6: bool) -> io::Result<Self> {
        let family = if v6 { AddressFamily::Inet6 } else { AddressFamily::Inet };
        let mut starts = vec![0];
        let mut routes = RouteMessage::default();
        routes.header.address_family = family;
        netlink.each(RouteNetlinkMessage::GetRoute(routes), |answer| {
            let RouteNetlinkMessage::NewRoute(route) = answer else { return };
            let length = route.header.destination_prefix_length;
            let destination = route.attributes.iter().find_map(|attribute| match attribute {
                RouteAttribute::Destination(RouteAddress::Inet(addr)) => Some((*addr).into()),
                RouteAttribute::Destination(RouteAddress::Inet6(addr)) => Some((*addr).into()),
                _ => None,
            });
            push(&mut starts, destination, length, v6);
        })?;
        let mut rules = RuleMessage::default();
        rules.header.family = family;
        netlink.each(RouteNetlinkMessage::GetRule(rules), |answer| {
            let RouteNetlinkMessage::NewRule(rule) = answer else { return };
            let destination = rule.attributes.iter().find_map(|attribute| match attribute {
                RuleAttribute::Destination(addr) => Some(*addr),
                _ => None,
            });
            push(&mut starts, destination, rule.header.dst_len, v6);
        })?;
        starts.sort_unstable();
        starts.dedup();
        Ok(Self(starts))
    }

    /// The number of the stretch that holds an address.
    pub(super) fn stretch_of(&self, addr: u128) -> usize {
        self.0.partition_point(|start| *start <= addr) - 1
    }

    /// The first address of a stretch, where there is such a stretch.
    pub(super) fn start(&self, stretch: usize) -> Option<u128> {
        self.0.get(stretch).copied()
    }
}

/// Both edges of a prefix.
fn push(starts: &mut Vec<u128>, destination: Option<IpAddr>, length: u8, v6: bool) {
    let Some(addr) = destination.filter(|addr| addr.is_ipv6() == v6) else { return };
    let width = if v6 { 128 } else { 32 };
    let host_bits = width - u32::from(length).min(width);
    let hosts = 1u128.checked_shl(host_bits).map_or(u128::MAX, |count| count - 1);
    let first = number(addr) & !hosts;
    starts.push(first);
    let end = (first | hosts).checked_add(1).filter(|end| v6 || *end <= u32::MAX.into());
    starts.extend(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_has_an_edge_at_its_start_and_one_behind_its_end() {
        let edges = |text: &str, length, v6| {
            let mut starts = Vec::new();
            push(&mut starts, text.parse().ok(), length, v6);
            starts
        };
        assert_eq!(edges("10.0.0.0", 8, false), [10 << 24, 11 << 24]);
        assert_eq!(edges("255.0.0.0", 8, false), [255 << 24], "nothing is behind the last");
        assert_eq!(edges("1.2.3.4", 32, false), [0x0102_0304, 0x0102_0305]);
        assert_eq!(edges("0.0.0.0", 0, false), [0]);
        assert_eq!(edges("ff00::", 8, true), [0xff << 120]);
        assert_eq!(edges("2001::", 16, true), [0x2001 << 112, 0x2002 << 112]);
        assert_eq!(edges("2001::", 16, false), [], "another family");
    }

    #[test]
    fn every_address_lies_in_one_stretch() {
        let boundaries = Boundaries(vec![0, 5, 9]);
        let stretches: Vec<usize> = (0..11).map(|addr| boundaries.stretch_of(addr)).collect();
        assert_eq!(stretches, [0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2]);
        assert_eq!(boundaries.start(3), None);
    }
}
