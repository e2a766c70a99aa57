//! The pairs that a scan was asked for, as the judge reads them.
//!
//! Takes the notations of `prtip`: addresses, CIDR, nmap's octet ranges, first
//! to last address, comma-separated; ports as numbers and ranges with an
//! optional `T:` or `U:`. Deliberately not the engine's parser: judge and judged would
//! share its faults. Hostnames are not taken, since the truth has none.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context, Result, bail, ensure};
use ipnet::IpNet;

use super::rule::Protocol;

/// Most ranges that a list of targets may unfold to.
const MAX_RANGES: usize = 1 << 20;

/// An inclusive range of addresses of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Range {
    v6: bool,
    first: u128,
    last: u128,
}

/// Addresses, sorted and each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    ranges: Vec<Range>,
    /// Addresses before each range.
    before: Vec<u128>,
    len: u128,
}

impl Addresses {
    /// Reads a comma-separated list.
    pub fn parse(list: &str) -> Result<Self> {
        let mut ranges = Vec::new();
        for item in list.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            parse_item(item, &mut ranges).with_context(|| format!("target {item:?}"))?;
            ensure!(ranges.len() <= MAX_RANGES, "more than {MAX_RANGES} ranges");
        }
        Ok(Self::from_ranges(ranges))
    }

    /// All addresses that the far end answers for.
    pub fn of_the_lab() -> Self {
        let all = Self::parse("198.18.0.0/15,2001:2::/48").expect("two literal networks");
        all.without(&Self::of_the_lab_itself())
    }

    /// The lab's and the scanner's own addresses.
    pub fn of_the_lab_itself() -> Self {
        Self::parse("198.19.255.0/24,2001:2:0:ffff::/64").expect("two literal networks")
    }

    /// What is in both.
    pub fn within(&self, other: &Self) -> Self {
        let mut ranges = Vec::new();
        for a in &self.ranges {
            for b in other.ranges.iter().filter(|b| b.v6 == a.v6) {
                let (first, last) = (a.first.max(b.first), a.last.min(b.last));
                if first <= last {
                    ranges.push(Range { v6: a.v6, first, last });
                }
            }
        }
        Self::from_ranges(ranges)
    }

    /// What is in `self` alone.
    pub fn without(&self, other: &Self) -> Self {
        let mut ranges = self.ranges.clone();
        for hole in &other.ranges {
            ranges = ranges.into_iter().flat_map(|range| cut(range, *hole)).flatten().collect();
        }
        Self::from_ranges(ranges)
    }

    /// How many.
    pub fn count(&self) -> u128 {
        self.len
    }

    /// How many of IPv4; they come first.
    pub fn count_v4(&self) -> u128 {
        let v4 = self.ranges.partition_point(|range| !range.v6);
        self.before.get(v4).copied().unwrap_or(self.len)
    }

    /// The address at a position, which is below the count.
    pub fn nth(&self, position: u128) -> IpAddr {
        let index = self.before.partition_point(|before| *before <= position) - 1;
        let range = self.ranges[index];
        let bits = range.first + (position - self.before[index]);
        if range.v6 { Ipv6Addr::from(bits).into() } else { Ipv4Addr::from(bits as u32).into() }
    }

    /// The position of an address, IPv4 first.
    pub fn rank(&self, ip: IpAddr) -> Option<u128> {
        let (v6, bits) = match ip {
            IpAddr::V4(ip) => (false, u128::from(u32::from(ip))),
            IpAddr::V6(ip) => (true, u128::from(ip)),
        };
        let after = self.ranges.partition_point(|range| (range.v6, range.first) <= (v6, bits));
        let index = after.checked_sub(1)?;
        let range = self.ranges[index];
        (range.v6 == v6 && bits <= range.last).then(|| self.before[index] + bits - range.first)
    }

    /// All addresses by position.
    pub fn iter(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.ranges.iter().flat_map(|range| {
            let v6 = range.v6;
            (range.first..=range.last).map(move |bits| {
                if v6 {
                    IpAddr::V6(Ipv6Addr::from(bits))
                } else {
                    IpAddr::V4(Ipv4Addr::from(bits as u32))
                }
            })
        })
    }

    fn from_ranges(mut ranges: Vec<Range>) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<Range> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match merged.last_mut() {
                Some(last) if last.v6 == range.v6 && range.first <= last.last.saturating_add(1) => {
                    last.last = last.last.max(range.last);
                }
                _ => merged.push(range),
            }
        }
        let mut len = 0_u128;
        let mut before = Vec::with_capacity(merged.len());
        for range in &merged {
            before.push(len);
            len = len.saturating_add((range.last - range.first).saturating_add(1));
        }
        Self { ranges: merged, before, len }
    }
}

/// `range` less `hole`: what is left below and above.
fn cut(range: Range, hole: Range) -> [Option<Range>; 2] {
    if range.v6 != hole.v6 || hole.last < range.first || range.last < hole.first {
        return [Some(range), None];
    }
    [
        (range.first < hole.first).then(|| Range { last: hole.first - 1, ..range }),
        (range.last > hole.last).then(|| Range { first: hole.last + 1, ..range }),
    ]
}

fn parse_item(item: &str, ranges: &mut Vec<Range>) -> Result<()> {
    if item.contains('/') {
        let net: IpNet = item.parse().context("not a network in CIDR notation")?;
        ranges.push(between(net.network(), net.broadcast())?);
    } else if let Ok(ip) = item.parse::<IpAddr>() {
        ranges.push(between(ip, ip)?);
    } else if let Some((first, last)) = item.split_once('-')
        && let (Ok(first), Ok(last)) = (first.parse::<IpAddr>(), last.parse::<IpAddr>())
    {
        ranges.push(between(first, last)?);
    } else {
        parse_octets(item, ranges)?;
    }
    Ok(())
}

fn between(first: IpAddr, last: IpAddr) -> Result<Range> {
    let range = match (first, last) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            Range { v6: false, first: u32::from(a).into(), last: u32::from(b).into() }
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => Range { v6: true, first: a.into(), last: b.into() },
        _ => bail!("the first address and the last are of different families"),
    };
    ensure!(range.first <= range.last, "the range ends before it begins");
    Ok(range)
}

/// nmap's `10.0-3.*.1,7-9`, less the commas, which separate targets here.
fn parse_octets(item: &str, ranges: &mut Vec<Range>) -> Result<()> {
    let octets: Vec<(u32, u32)> = item
        .split('.')
        .map(|octet| {
            let (first, last) = match octet {
                "*" | "-" => ("0", "255"),
                _ => octet.split_once('-').unwrap_or((octet, octet)),
            };
            let first: u32 = if first.is_empty() { 0 } else { first.parse()? };
            let last: u32 = if last.is_empty() { 255 } else { last.parse()? };
            ensure!(first <= last && last <= 255, "octet {octet:?} is no range within 0-255");
            Ok((first, last))
        })
        .collect::<Result<_>>()
        .context("neither an address nor a range of addresses")?;
    let &[a, b, c, d] = octets.as_slice() else {
        bail!("neither an address nor a range of addresses");
    };
    for a in a.0..=a.1 {
        for b in b.0..=b.1 {
            for c in c.0..=c.1 {
                let base = a << 24 | b << 16 | c << 8;
                ranges.push(Range {
                    v6: false,
                    first: (base | d.0).into(),
                    last: (base | d.1).into(),
                });
                ensure!(ranges.len() <= MAX_RANGES, "more than {MAX_RANGES} ranges");
            }
        }
    }
    Ok(())
}

/// A set of ports, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ports {
    list: Vec<u16>,
    /// By port: its position in `list` and one; 0 where it is not in the set.
    rank: Vec<u32>,
}

impl Ports {
    /// Reads `22,80,8000-8100`, `-`, `1-`, `T:80,U:53`. What stands behind the
    /// prefix of another protocol, up to the next prefix, is left out.
    pub fn parse(spec: &str, protocol: Protocol) -> Result<Self> {
        let mut wanted = vec![false; 1 << 16];
        let mut ours = true;
        for item in spec.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            let item = match item.split_once(':') {
                Some(("T" | "t", rest)) => {
                    ours = protocol == Protocol::Tcp;
                    rest
                }
                Some(("U" | "u", rest)) => {
                    ours = protocol == Protocol::Udp;
                    rest
                }
                Some(("S" | "s", rest)) => {
                    ours = false;
                    rest
                }
                Some((prefix, _)) => bail!("ports: unknown prefix {prefix:?}"),
                None => item,
            };
            let (first, last) = item.split_once('-').unwrap_or((item, item));
            let first = if first.is_empty() { 1 } else { port(first)? };
            let last = if last.is_empty() { u16::MAX } else { port(last)? };
            ensure!(first <= last, "ports: {item:?} ends before it begins");
            if ours {
                wanted[usize::from(first)..=usize::from(last)].fill(true);
            }
        }
        let list: Vec<u16> = (0..=u16::MAX).filter(|port| wanted[usize::from(*port)]).collect();
        ensure!(!list.is_empty(), "ports: {spec:?} names no {} port", protocol.name());
        Ok(Self::of(list))
    }

    /// The port that stands for a host as such: 0.
    pub fn of_a_host() -> Self {
        Self::of(vec![0])
    }

    fn of(list: Vec<u16>) -> Self {
        let mut rank = vec![0; 1 << 16];
        for (position, port) in (1..).zip(&list) {
            rank[usize::from(*port)] = position;
        }
        Self { list, rank }
    }

    /// The ports in order.
    pub fn list(&self) -> &[u16] {
        &self.list
    }

    /// The position of a port.
    pub fn rank(&self, port: u16) -> Option<usize> {
        (self.rank[usize::from(port)] as usize).checked_sub(1)
    }
}

fn port(text: &str) -> Result<u16> {
    match text.parse::<u16>() {
        Ok(port) if port > 0 => Ok(port),
        _ => bail!("ports: {text:?} is not a port from 1 to 65535"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn addresses(list: &str) -> Vec<String> {
        Addresses::parse(list).unwrap().iter().map(|ip| ip.to_string()).collect()
    }

    #[test]
    fn every_notation_of_an_address_is_read() {
        assert_eq!(addresses("198.18.0.4/31"), ["198.18.0.4", "198.18.0.5"]);
        assert_eq!(addresses("198.18.0.9-10"), ["198.18.0.9", "198.18.0.10"]);
        assert_eq!(addresses("198.18.0.255-198.18.1.0"), ["198.18.0.255", "198.18.1.0"]);
        assert_eq!(addresses("198.18.0-1.7"), ["198.18.0.7", "198.18.1.7"]);
        assert_eq!(addresses("2001:2::/127"), ["2001:2::", "2001:2::1"]);
        assert_eq!(addresses("198.18.0.2,198.18.0.1,198.18.0.2"), ["198.18.0.1", "198.18.0.2"]);
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in
            ["198.18.0.256", "198.18.0", "198.18.0.0/33", "198.18.0.9-8", "name", "::-1.2.3.4"]
        {
            assert!(Addresses::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rank_is_the_position_in_order() {
        let set = Addresses::parse("198.18.3.0/28,198.18.9.1-4,2001:2::/124,198.18.3.9").unwrap();
        assert_eq!(set.count(), 16 + 4 + 16);
        for (position, ip) in (0..).zip(set.iter()) {
            assert_eq!(set.rank(ip), Some(position));
        }
        assert_eq!(set.rank("198.18.3.16".parse().unwrap()), None);
        assert_eq!(set.rank("198.18.2.255".parse().unwrap()), None);
        assert_eq!(set.rank("2001:2::10".parse().unwrap()), None);
    }

    #[test]
    fn the_lab_is_both_networks_less_its_own_addresses() {
        let lab = Addresses::of_the_lab();
        assert_eq!(lab.count(), (1 << 17) - 256 + (1 << 80) - (1 << 64));
        assert_eq!(lab.rank("198.19.255.7".parse().unwrap()), None);
        assert_eq!(lab.rank("2001:2:0:ffff::10".parse().unwrap()), None);
        assert!(lab.rank("198.19.254.255".parse().unwrap()).is_some());
    }

    #[test]
    fn every_notation_of_ports_is_read() {
        let tcp = |spec| Ports::parse(spec, Protocol::Tcp);
        let udp = Ports::parse("9,T:80,81,U:53,54,T:7", Protocol::Udp).unwrap();
        assert_eq!(udp.list(), [9, 53, 54]);
        assert_eq!(tcp("80,22,81-82,80").unwrap().list(), [22, 80, 81, 82]);
        assert_eq!(tcp("-").unwrap().list().len(), 65_535);
        assert_eq!(tcp("65534-").unwrap().list(), [65_534, 65_535]);
        assert_eq!(tcp("T:80,81,U:53,54,T:7").unwrap().list(), [7, 80, 81]);
        assert_eq!(tcp("22,80").unwrap().rank(80), Some(1));
        for bad in ["0", "70000", "9-8", "x", "U:53", ""] {
            assert!(tcp(bad).is_err(), "{bad}");
        }
    }
}
