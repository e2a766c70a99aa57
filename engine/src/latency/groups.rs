//! Round-trip times by port or by network, in bounded memory.
//!
//! Each of the first [`GROUPS`] groups has a histogram of two significant digits that
//! grows with the longest time it has seen (some 20 KiB at most); what belongs to later
//! ones is counted together.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hdrhistogram::Histogram;

use super::{HIGHEST_NS, LOWEST_NS};
use crate::event::PortEvent;

/// Groups with a histogram of their own.
pub const GROUPS: usize = 1024;
const SIGNIFICANT_DIGITS: u8 = 2;

/// What makes a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// Protocol and port.
    Port,
    /// The network: /24 of IPv4, /48 of IPv6.
    Network,
}

/// Histograms by group.
#[derive(Debug)]
pub struct Groups {
    by: Grouping,
    groups: HashMap<String, Histogram<u32>>,
    others: Histogram<u32>,
}

impl Groups {
    /// Empty.
    #[must_use]
    pub fn new(by: Grouping) -> Self {
        Self { by, groups: HashMap::new(), others: empty() }
    }

    /// Counts a round trip.
    pub fn record(&mut self, event: &PortEvent, rtt_ns: u64) {
        let name = self.name(event);
        let histogram = if self.groups.len() < GROUPS {
            self.groups.entry(name).or_insert_with(empty)
        } else {
            self.groups.get_mut(&name).unwrap_or(&mut self.others)
        };
        // It grows; counters stay at their highest.
        let _ = histogram.record(rtt_ns.clamp(LOWEST_NS, HIGHEST_NS));
    }

    /// A name without blanks and commas, for a tag.
    fn name(&self, event: &PortEvent) -> String {
        match (self.by, event.addr) {
            (Grouping::Port, _) => format!("{}-{}", event.protocol.name(), event.port),
            (Grouping::Network, addr) => network_of(addr),
        }
    }

    /// The histogram of a group that has one of its own.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Histogram<u32>> {
        self.groups.get(name)
    }

    /// All groups by name, what has none of its own last, as `others`.
    pub fn sorted(&self) -> impl Iterator<Item = (&str, &Histogram<u32>)> {
        let mut all: Vec<_> = self.groups.iter().map(|(name, h)| (name.as_str(), h)).collect();
        all.sort_unstable_by_key(|&(name, _)| name);
        let others = (!self.others.is_empty()).then_some(("others", &self.others));
        all.into_iter().chain(others)
    }
}

/// The network of an address: /24 of IPv4, /48 of IPv6.
pub(crate) fn network_of(addr: IpAddr) -> String {
    match addr {
        IpAddr::V4(addr) => format!("{}/24", Ipv4Addr::from_bits(addr.to_bits() >> 8 << 8)),
        IpAddr::V6(addr) => format!("{}/48", Ipv6Addr::from_bits(addr.to_bits() >> 80 << 80)),
    }
}

fn empty() -> Histogram<u32> {
    let mut histogram = Histogram::new(SIGNIFICANT_DIGITS)
        .expect("two digits are a number of digits that the histogram accepts");
    histogram.auto(true);
    histogram
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{PortState, Reason};
    use crate::plan::Protocol;

    fn event(addr: &str, port: u16) -> PortEvent {
        PortEvent {
            addr: addr.parse().expect("an address"),
            port,
            protocol: Protocol::Tcp,
            state: PortState::Open,
            previous: None,
            reason: Reason::SynAck,
            ttl: 1,
            rtt_ns: Some(1),
            at_ns: 0,
            heard: None,
        }
    }

    fn names(groups: &Groups) -> Vec<(String, u64)> {
        groups.sorted().map(|(name, h)| (name.to_owned(), h.len())).collect()
    }

    #[test]
    fn groups_are_named_by_port_or_network() {
        let events = [event("198.18.7.9", 80), event("198.18.7.1", 22), event("2001:2:0:5::1", 80)];
        let mut groups = (Groups::new(Grouping::Port), Groups::new(Grouping::Network));
        for event in &events {
            groups.0.record(event, 50_000);
            groups.1.record(event, 4_000_000_000);
        }
        assert_eq!(names(&groups.0), [("tcp-22".to_owned(), 1), ("tcp-80".to_owned(), 2)]);
        assert_eq!(
            names(&groups.1),
            [("198.18.7.0/24".to_owned(), 2), ("2001:2::/48".to_owned(), 1)]
        );
    }

    #[test]
    fn groups_beyond_the_limit_are_counted_together() {
        let mut groups = Groups::new(Grouping::Port);
        for port in 1..=GROUPS as u16 + 10 {
            groups.record(&event("::1", port), u64::from(port));
        }
        groups.record(&event("::1", 1), u64::MAX);
        let all = names(&groups);
        assert_eq!(all.len(), GROUPS + 1);
        assert_eq!(all.last(), Some(&("others".to_owned(), 10)));
        assert_eq!(all.iter().map(|(_, count)| count).sum::<u64>(), GROUPS as u64 + 11);
    }
}
