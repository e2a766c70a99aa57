//! The ways of a scan: which stretch of the targets leaves by which interface, and
//! towards which next hop.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::boundaries::{Boundaries, number};
use super::netlink::Netlink;
use super::{Interface, LinkKind, Overrides, Reach, Route, look_up_over, neighbour};
use crate::error::{Error, Kind, Result};
use crate::plan::IpRange;

/// Most look-ups of a scan: more stretches between routes than these are not told apart.
const LOOKUPS: usize = 1 << 16;

/// One interface that targets leave by, and our addresses there.
#[derive(Clone, Debug)]
pub struct Path {
    /// Where packets leave.
    pub interface: Interface,
    /// Our IPv4 addresses; none when no IPv4 target leaves here.
    pub sources_v4: Vec<Ipv4Addr>,
    /// Our IPv6 addresses; none when no IPv6 target leaves here.
    pub sources_v6: Vec<Ipv6Addr>,
    /// The kernel's answers, one for each family and way of getting there.
    pub routes: Vec<Route>,
    /// Smallest MTU of the way, bytes of an IP packet.
    pub mtu: u32,
    router_mac: Option<[u8; 6]>,
}

impl Path {
    /// Whether the targets are this host's own addresses (all are, or none is).
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.interface.kind == LinkKind::Loopback
    }

    /// Whether any target is on the interface's own network.
    #[must_use]
    pub fn any_on_link(&self) -> bool {
        self.routes.iter().any(|route| route.reach == Reach::OnLink)
    }

    /// The gateways, each once.
    #[must_use]
    pub fn gateways(&self) -> Vec<IpAddr> {
        let mut gateways = Vec::new();
        for route in &self.routes {
            if let Reach::Gateway(gateway) = route.reach
                && !gateways.contains(&gateway)
            {
                gateways.push(gateway);
            }
        }
        gateways
    }

    /// Whether frames go to one neighbour after the other: on-link targets on
    /// Ethernet, no router given.
    #[must_use]
    pub fn needs_neighbours(&self) -> bool {
        self.router_mac.is_none() && self.interface.kind == LinkKind::Ethernet && self.any_on_link()
    }

    /// The MAC address that frames go to which leave in this way: the one given, the
    /// gateway's, or `None` for the target's own.
    ///
    /// # Errors
    /// `Failed` when a gateway does not answer within `timeout`.
    pub fn next_hop_mac(&self, reach: Reach, timeout: Duration) -> Result<Option<[u8; 6]>> {
        match (self.router_mac, reach) {
            (Some(mac), _) => Ok(Some(mac)),
            (None, Reach::Gateway(gateway)) => {
                neighbour::mac_of(&self.interface, gateway, timeout).map(Some)
            }
            (None, Reach::OnLink | Reach::Local) => Ok(None),
        }
    }
}

/// Addresses of both families cut into stretches, each with a number.
#[derive(Clone, Debug, Default)]
pub struct Spans {
    /// First address and number of each stretch, ascending.
    v4: Vec<(u32, u16)>,
    v6: Vec<(u128, u16)>,
    /// The longest stretch of IPv4 that has an end: nearly every target's.
    longest_v4: Stretch,
}

/// A stretch of IPv4: its first address, how many follow, its number.
#[derive(Clone, Copy, Debug, Default)]
struct Stretch {
    first: u32,
    more: u32,
    number: u16,
}

impl Spans {
    /// Appends the stretch that starts at `start`; it ends where the next one starts.
    fn push(&mut self, start: IpAddr, number: u16) {
        match start {
            IpAddr::V4(start) if self.v4.last().is_none_or(|last| last.1 != number) => {
                let start = u32::from(start);
                if let Some(&(first, number)) = self.v4.last()
                    && start - first > self.longest_v4.more
                {
                    self.longest_v4 = Stretch { first, more: start - first - 1, number };
                }
                self.v4.push((start, number));
            }
            IpAddr::V6(start) if self.v6.last().is_none_or(|last| last.1 != number) => {
                self.v6.push((start.into(), number));
            }
            _ => {}
        }
    }

    /// The number of the stretch that an address lies in; that of the first one for
    /// what lies before it.
    #[inline]
    #[must_use]
    pub fn of(&self, addr: IpAddr) -> usize {
        match addr {
            IpAddr::V4(addr) => {
                let (addr, longest) = (u32::from(addr), self.longest_v4);
                if addr.wrapping_sub(longest.first) <= longest.more && longest.more > 0 {
                    longest.number.into()
                } else {
                    find(&self.v4, addr)
                }
            }
            IpAddr::V6(addr) => find(&self.v6, addr.into()),
        }
    }

    /// The same stretches with other numbers.
    #[must_use]
    pub fn renumbered(&self, number: impl Fn(usize) -> u16) -> Self {
        let mut spans = Self::default();
        for &(start, old) in &self.v4 {
            spans.push(Ipv4Addr::from(start).into(), number(old.into()));
        }
        for &(start, old) in &self.v6 {
            spans.push(Ipv6Addr::from(start).into(), number(old.into()));
        }
        spans
    }

    /// How many addresses of `range` lie in each stretch, to be added up by number.
    pub fn weigh(&self, range: &IpRange, mut add: impl FnMut(usize, u128)) {
        match *range {
            IpRange::V4(first, last) => {
                cut(&self.v4, first.into(), last.into(), |number, first, last| {
                    add(number, u128::from(last - first) + 1);
                });
            }
            IpRange::V6(first, last) => {
                cut(&self.v6, first.into(), last.into(), |number, first, last| {
                    add(number, (last - first).saturating_add(1));
                });
            }
        }
    }

    /// The part of `range` that lies in stretches of which `wanted` holds.
    pub fn within(&self, range: &IpRange, wanted: impl Fn(usize) -> bool) -> Vec<IpRange> {
        let mut parts = Vec::new();
        match *range {
            IpRange::V4(first, last) => {
                cut(&self.v4, first.into(), last.into(), |number, first, last| {
                    if wanted(number) {
                        parts.push(IpRange::V4(first.into(), last.into()));
                    }
                });
            }
            IpRange::V6(first, last) => {
                cut(&self.v6, first.into(), last.into(), |number, first, last| {
                    if wanted(number) {
                        parts.push(IpRange::V6(first.into(), last.into()));
                    }
                });
            }
        }
        parts
    }
}

fn find<T: Copy + Ord>(spans: &[(T, u16)], addr: T) -> usize {
    let after = spans.partition_point(|span| span.0 <= addr);
    spans.get(after.saturating_sub(1)).map_or(0, |span| span.1.into())
}

/// Hands the number, the first and the last address of each piece of a range to `piece`.
fn cut<T>(spans: &[(T, u16)], first: T, last: T, mut piece: impl FnMut(usize, T, T))
where
    T: Copy + Ord + std::ops::Sub<Output = T> + From<u8>,
{
    let mut at = spans.partition_point(|span| span.0 <= first).saturating_sub(1);
    let mut start = first;
    while start <= last {
        let next = spans.get(at + 1).map(|span| span.0).filter(|next| *next <= last);
        let end = next.map_or(last, |next| next - T::from(1));
        piece(find(spans, start), start, end);
        let Some(next) = next else { break };
        start = next;
        at += 1;
    }
}

/// One way of getting somewhere: an interface and what lies behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Which of the paths.
    pub path: usize,
    /// Whether IPv6 targets go this way; else IPv4 ones.
    pub v6: bool,
    /// Towards the target itself, or a gateway.
    pub reach: Reach,
}

/// All ways of a scan.
#[derive(Clone, Debug)]
pub struct Routes {
    /// One for each interface; that of the host's own addresses comes last.
    pub paths: Vec<Path>,
    /// What the numbers of `spans` stand for.
    pub legs: Vec<Leg>,
    /// Which targets go which way.
    pub spans: Spans,
}

/// Finds the ways to `targets` (of each family ascending and apart).
///
/// # Errors
/// `Usage`: unknown interface, no target. `Failed`: no route, interface down.
pub fn resolve(
    targets: impl IntoIterator<Item = IpRange>,
    overrides: &Overrides,
) -> Result<Routes> {
    let asked: Vec<Interface> =
        overrides.interfaces.iter().map(|name| Interface::by_name(name)).collect::<Result<_>>()?;
    for asked in &asked {
        asked.check_usable()?;
    }
    let mut collector = Collector {
        netlink: Netlink::open(),
        asked: &asked,
        overrides,
        found: Vec::new(),
        spans: Spans::default(),
        lookups: 0,
    };
    let mut stretches = [None, None];
    for range in targets {
        let v6 = matches!(range, IpRange::V6(..));
        let (boundaries, done) = match &mut stretches[usize::from(v6)] {
            Some(known) => known,
            unknown => unknown.insert((collector.boundaries(v6)?, None)),
        };
        collector.range(range, boundaries, done)?;
    }
    collector.finish()
}

struct Collector<'a> {
    netlink: io::Result<Netlink>,
    asked: &'a [Interface],
    overrides: &'a Overrides,
    /// The distinct answers, by number.
    found: Vec<Route>,
    spans: Spans,
    lookups: usize,
}

impl Collector<'_> {
    fn boundaries(&mut self, v6: bool) -> Result<Boundaries> {
        if self.asked.len() == 1 && self.overrides.router_mac.is_some() {
            // One way, whatever the routes say.
            return Ok(Boundaries::none());
        }
        let story =
            |error| Error::new(Kind::Failed, "list the routes by netlink").because_of(error);
        match &mut self.netlink {
            Ok(netlink) => Boundaries::read(netlink, v6).map_err(story),
            Err(error) => Err(story(io::Error::new(error.kind(), error.to_string()))),
        }
    }

    /// Looks up each stretch that `range` touches, once.
    fn range(
        &mut self,
        range: IpRange,
        boundaries: &Boundaries,
        done: &mut Option<usize>,
    ) -> Result<()> {
        let (first, last) = (number(range.first()), number(range.last()));
        let mut stretch = boundaries.stretch_of(first);
        while let Some(start) = boundaries.start(stretch).filter(|start| *start <= last) {
            if done.is_none_or(|done| done < stretch) {
                *done = Some(stretch);
                let addr = |number: u128| match range {
                    IpRange::V4(..) => IpAddr::V4((number as u32).into()),
                    IpRange::V6(..) => IpAddr::V6(number.into()),
                };
                self.stretch(addr(start), addr(start.max(first)))?;
            }
            stretch += 1;
        }
        Ok(())
    }

    /// The stretch that starts at `start`, looked up at `target`.
    fn stretch(&mut self, start: IpAddr, target: IpAddr) -> Result<()> {
        self.lookups += 1;
        if self.lookups > LOOKUPS {
            return Err(Error::new(Kind::Failed, "find the ways to all targets")
                .cause(format!("more than {LOOKUPS} routes lead to them"))
                .remedy("name one interface with -e and its router with --router-mac"));
        }
        let route = self.way_to(target)?;
        let same = |known: &Route| {
            (known.ifindex, known.reach, known.destination.is_ipv6())
                == (route.ifindex, route.reach, route.destination.is_ipv6())
        };
        let number = match self.found.iter().position(same) {
            Some(known) => {
                let mtu = self.found[known].mtu.into_iter().chain(route.mtu).min();
                self.found[known].mtu = mtu;
                known
            }
            None => {
                self.found.push(route);
                self.found.len() - 1
            }
        };
        let number = u16::try_from(number).map_err(|_| {
            Error::new(Kind::Failed, "find the ways to all targets")
                .cause("they leave by more next hops than can be told apart")
        })?;
        self.spans.push(start, number);
        Ok(())
    }

    /// The way to one target under the overrides.
    fn way_to(&mut self, target: IpAddr) -> Result<Route> {
        let mut route = self.route_to(target)?;
        if route.reach == Reach::Local {
            route.ifindex = Interface::loopback()?.index;
        } else if self.overrides.router_mac.is_some() {
            // All of them go to the router given.
            route.reach = Reach::OnLink;
        }
        Ok(route)
    }

    fn route_to(&mut self, target: IpAddr) -> Result<Route> {
        // Routes to the host's own addresses name their interface, not loopback, so
        // loopback is not asked for by index but compared afterwards.
        let on = |asked: &Interface| (asked.kind != LinkKind::Loopback).then_some(asked.clone());
        if let [only] = self.asked {
            return match look_up_over(&mut self.netlink, target, on(only).as_ref()) {
                Err(_) if self.overrides.router_mac.is_some() => Ok(Route {
                    destination: target,
                    ifindex: only.index,
                    source: only.source(target.is_ipv6()),
                    reach: Reach::OnLink,
                    mtu: None,
                }),
                found => found,
            };
        }
        let free = look_up_over(&mut self.netlink, target, None);
        let is_asked = |route: &Route| {
            route.reach == Reach::Local
                || self.asked.iter().any(|asked| asked.index == route.ifindex)
        };
        if self.asked.is_empty() || free.as_ref().is_ok_and(is_asked) {
            return free;
        }
        // Of several interfaces asked for, the first one that has a route of its own
        // there (the kernel takes any address for a neighbour where there is none).
        for asked in self.asked.iter().filter_map(on) {
            if let Ok(route) = look_up_over(&mut self.netlink, target, Some(&asked))
                && (matches!(route.reach, Reach::Gateway(_)) || asked.is_on_link(target))
            {
                return Ok(route);
            }
        }
        match free {
            Ok(route) => Err(self.elsewhere(&route)),
            Err(error) => Err(error),
        }
    }

    /// A target leaves by an interface that was not asked for.
    fn elsewhere(&self, route: &Route) -> Error {
        let name = Interface::by_index(route.ifindex)
            .map_or_else(|_| format!("interface number {}", route.ifindex), |known| known.name);
        let names: Vec<&str> = self.asked.iter().map(|asked| asked.name.as_str()).collect();
        Error::new(Kind::Failed, format!("reach {} on {}", route.destination, names.join(", ")))
            .cause(format!("the way there is {name}"))
            .remedy(format!("leave -e out, or use -e {name}"))
    }

    fn finish(self) -> Result<Routes> {
        if self.found.is_empty() {
            return Err(Error::new(Kind::Usage, "cannot find a route").cause("there is no target"));
        }
        let mut indices: Vec<u32> = Vec::new();
        let local = Interface::loopback().map(|known| known.index).ok();
        for route in &self.found {
            if !indices.contains(&route.ifindex) {
                indices.push(route.ifindex);
            }
        }
        indices.sort_by_key(|index| Some(*index) == local);
        let is_asked = |index: &u32| self.asked.iter().any(|asked| asked.index == *index);
        // The host's own addresses are reached over loopback whatever is asked for, where
        // there are other targets too: they lie in the networks that people scan.
        let foreign = |route: &&Route| {
            !is_asked(&route.ifindex)
                && (Some(route.ifindex) != local || !indices.iter().any(is_asked))
        };
        if !self.asked.is_empty()
            && let Some(route) = self.found.iter().find(foreign)
        {
            return Err(self.elsewhere(route));
        }
        let interfaces: Vec<Interface> =
            indices.iter().map(|index| Interface::by_index(*index)).collect::<Result<_>>()?;
        let paths = interfaces
            .iter()
            .map(|interface| self.path(interface, &interfaces))
            .collect::<Result<_>>()?;
        let legs = self
            .found
            .iter()
            .map(|route| Leg {
                path: indices.iter().position(|index| *index == route.ifindex).unwrap_or(0),
                v6: route.destination.is_ipv6(),
                reach: route.reach,
            })
            .collect();
        Ok(Routes { paths, legs, spans: self.spans })
    }

    fn path(&self, interface: &Interface, all: &[Interface]) -> Result<Path> {
        interface.check_usable()?;
        let routes: Vec<Route> =
            self.found.iter().filter(|route| route.ifindex == interface.index).cloned().collect();
        let mtu = routes.iter().filter_map(|route| route.mtu).fold(interface.mtu, u32::min);
        let sources = |v6| self.sources(interface, all, &routes, v6);
        let v4 = sources(false)?.into_iter().filter_map(|addr| match addr {
            IpAddr::V4(addr) => Some(addr),
            IpAddr::V6(_) => None,
        });
        let v6 = sources(true)?.into_iter().filter_map(|addr| match addr {
            IpAddr::V6(addr) => Some(addr),
            IpAddr::V4(_) => None,
        });
        Ok(Path {
            interface: interface.clone(),
            sources_v4: v4.collect(),
            sources_v6: v6.collect(),
            routes,
            mtu,
            router_mac: self.overrides.router_mac,
        })
    }

    /// Our addresses of a family on an interface. Of those given, with several
    /// interfaces, its own and those that none of them has.
    fn sources(
        &self,
        interface: &Interface,
        all: &[Interface],
        routes: &[Route],
        v6: bool,
    ) -> Result<Vec<IpAddr>> {
        let Some(route) = routes.iter().find(|route| route.destination.is_ipv6() == v6) else {
            return Ok(Vec::new());
        };
        let has = |known: &Interface, addr: IpAddr| known.addresses.iter().any(|a| a.addr == addr);
        let fits = |addr: &IpAddr| {
            addr.is_ipv6() == v6
                && (all.len() == 1
                    || has(interface, *addr)
                    || !all.iter().any(|known| has(known, *addr)))
        };
        let given = self.overrides.source_ips.iter().copied().filter(fits);
        let mut sources: Vec<IpAddr> = given.collect();
        sources.sort_unstable();
        sources.dedup();
        if sources.is_empty() {
            let source = route.source.or_else(|| interface.source(v6)).ok_or_else(|| {
                let family = if v6 { "IPv6" } else { "IPv4" };
                Error::new(Kind::Failed, format!("choose an {family} source address"))
                    .cause(format!("{} has none", interface.name))
                    .remedy("give one with --source-ip, or give the interface one")
            })?;
            sources.push(source);
        }
        Ok(sources)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn v4(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn spans() -> Spans {
        let mut spans = Spans::default();
        for (start, number) in [("0.0.0.0", 0), ("10.0.0.0", 1), ("10.1.0.0", 1), ("11.0.0.0", 0)] {
            spans.push(v4(start), number);
        }
        spans.push("2001:db8::".parse().unwrap(), 2);
        spans
    }

    #[test]
    fn an_address_belongs_to_the_stretch_that_started_last() {
        let spans = spans();
        assert_eq!(spans.v4.len(), 3, "neighbours of one number are one");
        for (addr, number) in
            [("9.255.255.255", 0), ("10.0.0.0", 1), ("10.1.2.3", 1), ("11.0.0.0", 0)]
        {
            assert_eq!(spans.of(v4(addr)), number, "{addr}");
        }
        assert_eq!(spans.of("::1".parse().unwrap()), 2, "before the first");
        assert_eq!(Spans::default().of(v4("1.2.3.4")), 0);
    }

    proptest::proptest! {
        #[test]
        fn the_longest_stretch_is_no_other_than_a_search_finds(
            starts in proptest::collection::btree_map(proptest::prelude::any::<u32>(), 0_u16..3, 0..6),
            addr in proptest::prelude::any::<u32>(),
        ) {
            let mut spans = Spans::default();
            for (&start, &number) in &starts {
                spans.push(Ipv4Addr::from(start).into(), number);
            }
            let edges = starts.keys().flat_map(|&start| [start, start.wrapping_sub(1)]);
            for addr in edges.chain([addr, 0, u32::MAX]) {
                let searched = find(&spans.v4, addr);
                proptest::prop_assert_eq!(spans.of(Ipv4Addr::from(addr).into()), searched);
            }
        }
    }

    #[test]
    fn a_range_is_cut_where_stretches_end() {
        let range = IpRange::V4([9, 0, 0, 0].into(), [255, 255, 255, 255].into());
        let parts = spans().within(&range, |number| number == 1);
        assert_eq!(parts, [IpRange::V4([10, 0, 0, 0].into(), [10, 255, 255, 255].into())]);
        let parts = spans().within(&range, |number| number == 0);
        assert_eq!(
            parts,
            [
                IpRange::V4([9, 0, 0, 0].into(), [9, 255, 255, 255].into()),
                IpRange::V4([11, 0, 0, 0].into(), [255, 255, 255, 255].into())
            ]
        );
        let mut weights = [0; 2];
        spans().weigh(&range, |number, count| weights[number] += count);
        assert_eq!(weights, [(1 << 24) + (245 << 24), 1 << 24]);
        let renumbered = spans().renumbered(|number| 7 * number as u16);
        assert_eq!(renumbered.of(v4("10.0.0.1")), 7);
        assert_eq!(renumbered.of("2001:db8::1".parse().unwrap()), 14);
    }
}
