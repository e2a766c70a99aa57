//! Which way packets leave: interface, source address, gateway and its MAC
//! address, asked of the kernel by netlink. Sends no packet, but for one datagram
//! that makes the kernel resolve a gateway (see [`neighbour`]).
//!
//! The kernel's own route lookup decides, so that policy rules, several tables
//! and metrics mean here what they mean for every other program.

pub mod interface;
pub mod neighbour;
pub(crate) mod netlink;
pub mod xdp_features;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteMessage, RouteMetric, RouteType, RouteVia,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

pub use interface::{Interface, LinkKind, Statistics};

use crate::error::{Error, Kind, Result};
use netlink::Netlink;

/// Most addresses of one family that [`resolve`] looks up.
pub const LOOKUPS_PER_FAMILY: usize = 64;

/// Where a destination is, seen from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It is this host: traffic runs over loopback.
    Local,
    /// It is on the interface's own network.
    OnLink,
    /// It is behind this gateway.
    Gateway(IpAddr),
}

/// The kernel's answer for one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The destination looked up.
    pub destination: IpAddr,
    /// Index of the interface.
    pub ifindex: u32,
    /// The source address that the kernel would take.
    pub source: Option<IpAddr>,
    /// Where it is.
    pub reach: Reach,
    /// Largest IP packet of this route, where it differs from the interface's.
    pub mtu: Option<u32>,
}

/// What the user fixed instead of leaving it to the routes.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Interface by name.
    pub interface: Option<String>,
    /// Source addresses; all of a family are used.
    pub source_ips: Vec<IpAddr>,
    /// The next hop's MAC address: no route and no gateway are needed then.
    pub router_mac: Option<[u8; 6]>,
}

/// The way of a whole scan: one interface, its source addresses.
#[derive(Clone, Debug)]
pub struct Path {
    /// Where packets leave.
    pub interface: Interface,
    /// Our IPv4 addresses; none when no IPv4 target was given.
    pub sources_v4: Vec<Ipv4Addr>,
    /// Our IPv6 addresses; none when no IPv6 target was given.
    pub sources_v6: Vec<Ipv6Addr>,
    /// The answers of the kernel, in the order of the targets.
    pub routes: Vec<Route>,
    /// Smallest MTU of the way, bytes of an IP packet.
    pub mtu: u32,
    router_mac: Option<[u8; 6]>,
}

impl Path {
    /// Whether the targets are this host's own addresses (all are, or none is).
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.routes.iter().any(|route| route.reach == Reach::Local)
    }

    /// Whether any target looked up is on the interface's own network.
    #[must_use]
    pub fn any_on_link(&self) -> bool {
        self.routes.iter().any(|route| route.reach == Reach::OnLink)
    }

    /// Whether all targets looked up are on the interface's own network.
    #[must_use]
    pub fn all_on_link(&self) -> bool {
        self.routes.iter().all(|route| route.reach == Reach::OnLink)
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

    /// Whether frames need to be addressed to one neighbour after the other,
    /// which only the kernel can do: on-link targets on Ethernet, no router given.
    #[must_use]
    pub fn needs_neighbours(&self) -> bool {
        self.router_mac.is_none() && self.interface.kind == LinkKind::Ethernet && self.any_on_link()
    }

    /// The MAC address that every frame of a family goes to: the one given, else
    /// the gateway's. `v6` tells the family, since each may have its own gateway.
    ///
    /// # Errors
    /// `Failed` when a gateway does not answer within `timeout`, when gateways
    /// differ, or when there is none because targets are on-link.
    pub fn next_hop_mac(&self, v6: bool, timeout: Duration) -> Result<[u8; 6]> {
        if let Some(mac) = self.router_mac {
            return Ok(mac);
        }
        let story =
            || Error::new(Kind::Failed, format!("find one next hop on {}", self.interface.name));
        let mut found: Option<(IpAddr, [u8; 6])> = None;
        for route in self.routes.iter().filter(|route| route.destination.is_ipv6() == v6) {
            let Reach::Gateway(gateway) = route.reach else {
                return Err(story()
                    .cause(format!("{} has no router on its way", route.destination))
                    .remedy("use --port-engine raw, or name a router with --router-mac"));
            };
            if found.is_some_and(|(known, _)| known == gateway) {
                continue;
            }
            let mac = neighbour::mac_of(&self.interface, gateway, timeout)?;
            match found {
                Some((first, known)) if known != mac => {
                    return Err(story()
                        .cause(format!("targets are behind two routers, {first} and {gateway}"))
                        .remedy("choose one with --router-mac, or scan their targets apart"));
                }
                _ => found = Some((gateway, mac)),
            }
        }
        found.map(|(_, mac)| mac).ok_or_else(|| story().cause("there is no target of this family"))
    }
}

/// Asks the kernel for the way to `destination`, out of interface `oif` where given.
///
/// # Errors
/// `Failed`: no route, or one that refuses.
pub fn look_up(destination: IpAddr, oif: Option<&Interface>) -> Result<Route> {
    let what = || {
        let on = oif.map(|known| format!(" on {}", known.name)).unwrap_or_default();
        format!("find a route to {destination}{on}")
    };
    let no_route = |cause: &str| {
        Error::new(Kind::Failed, what())
            .cause(cause.to_owned())
            .remedy("add a route (ip route add), or name the way with -e and --router-mac")
    };
    let answer = Netlink::open()
        .and_then(|mut netlink| netlink.get(question(destination, oif)))
        .map_err(|error: io::Error| match error.raw_os_error() {
            Some(libc::ENETUNREACH | libc::EHOSTUNREACH | libc::EACCES | libc::EINVAL) => {
                no_route("the kernel knows none").because_of(error)
            }
            _ => Error::new(Kind::Failed, what()).because_of(error),
        })?;
    let RouteNetlinkMessage::NewRoute(message) = answer else {
        return Err(no_route("the kernel gave another answer"));
    };
    parse(destination, &message).ok_or_else(|| no_route("the route refuses packets"))
}

fn question(destination: IpAddr, oif: Option<&Interface>) -> RouteNetlinkMessage {
    let mut message = RouteMessage::default();
    (message.header.address_family, message.header.destination_prefix_length) = match destination {
        IpAddr::V4(_) => (AddressFamily::Inet, 32),
        IpAddr::V6(_) => (AddressFamily::Inet6, 128),
    };
    message.attributes.push(RouteAttribute::Destination(destination.into()));
    if let Some(oif) = oif {
        message.attributes.push(RouteAttribute::Oif(oif.index));
    }
    RouteNetlinkMessage::GetRoute(message)
}

/// `None` for routes that lead nowhere (unreachable, prohibit, blackhole).
fn parse(destination: IpAddr, message: &RouteMessage) -> Option<Route> {
    let mut route =
        Route { destination, ifindex: 0, source: None, reach: Reach::OnLink, mtu: None };
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Oif(index) => route.ifindex = *index,
            RouteAttribute::PrefSource(addr) => route.source = ip(addr),
            RouteAttribute::Gateway(addr) => {
                route.reach = ip(addr).map_or(Reach::OnLink, Reach::Gateway);
            }
            RouteAttribute::Via(RouteVia::Inet(addr)) => {
                route.reach = Reach::Gateway((*addr).into());
            }
            RouteAttribute::Via(RouteVia::Inet6(addr)) => {
                route.reach = Reach::Gateway((*addr).into());
            }
            RouteAttribute::Metrics(metrics) => {
                route.mtu = metrics.iter().find_map(|metric| match metric {
                    RouteMetric::Mtu(mtu) if *mtu > 0 => Some(*mtu),
                    _ => None,
                });
            }
            _ => {}
        }
    }
    match message.header.kind {
        RouteType::Local => route.reach = Reach::Local,
        // A network's own address (10.0.0.0 of 10.0.0.0/8) counts as broadcast or anycast.
        RouteType::Unicast | RouteType::Broadcast | RouteType::Anycast | RouteType::Multicast => {}
        _ => return None,
    }
    (route.ifindex != 0).then_some(route)
}

fn ip(addr: &RouteAddress) -> Option<IpAddr> {
    match addr {
        RouteAddress::Inet(addr) => Some((*addr).into()),
        RouteAddress::Inet6(addr) => Some((*addr).into()),
        _ => None,
    }
}

/// Finds the way of a scan. `targets` are the first addresses of its ranges; of
/// each family [`LOOKUPS_PER_FAMILY`] are looked up.
///
/// # Errors
/// `Usage`: unknown interface, no target. `Failed`: no route, interface down,
/// targets behind different interfaces.
pub fn resolve(targets: impl IntoIterator<Item = IpAddr>, overrides: &Overrides) -> Result<Path> {
    let asked = overrides.interface.as_deref().map(Interface::by_name).transpose()?;
    if let Some(asked) = &asked {
        asked.check_usable()?;
    }
    let mut routes = Vec::new();
    let mut looked_up = [0; 2];
    for target in targets {
        let count = &mut looked_up[usize::from(target.is_ipv6())];
        if *count == LOOKUPS_PER_FAMILY {
            continue;
        }
        *count += 1;
        routes.push(way_to(target, asked.as_ref(), overrides)?);
    }
    let Some(first) = routes.first() else {
        return Err(Error::new(Kind::Usage, "cannot find a route").cause("there is no target"));
    };
    let interface = match asked {
        Some(asked) => asked,
        None => Interface::by_index(first.ifindex)?,
    };
    if let Some(other) = routes.iter().find(|route| route.ifindex != interface.index) {
        return Err(apart(&interface, first.destination, other, overrides));
    }
    interface.check_usable()?;

    let sources = |v6: bool| -> Result<Vec<IpAddr>> {
        let Some(route) = routes.iter().find(|route| route.destination.is_ipv6() == v6) else {
            return Ok(Vec::new());
        };
        let given = overrides.source_ips.iter().copied().filter(|addr| addr.is_ipv6() == v6);
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
    };
    let sources_v4 = sources(false)?
        .into_iter()
        .filter_map(|addr| if let IpAddr::V4(addr) = addr { Some(addr) } else { None })
        .collect();
    let sources_v6 = sources(true)?
        .into_iter()
        .filter_map(|addr| if let IpAddr::V6(addr) = addr { Some(addr) } else { None })
        .collect();
    let mtu = routes.iter().filter_map(|route| route.mtu).fold(interface.mtu, u32::min);
    Ok(Path { interface, sources_v4, sources_v6, routes, mtu, router_mac: overrides.router_mac })
}

/// The way to one target under the overrides.
fn way_to(target: IpAddr, asked: Option<&Interface>, overrides: &Overrides) -> Result<Route> {
    // Routes to the host's own addresses name their interface, not loopback, so
    // loopback is not asked for by index but compared afterwards.
    let oif = asked.filter(|asked| asked.kind != LinkKind::Loopback);
    let mut route = match (look_up(target, oif), asked) {
        (Ok(route), _) => route,
        (Err(_), Some(asked)) if overrides.router_mac.is_some() => Route {
            destination: target,
            ifindex: asked.index,
            source: asked.source(target.is_ipv6()),
            reach: Reach::OnLink,
            mtu: None,
        },
        (Err(error), _) => return Err(error),
    };
    if route.reach == Reach::Local {
        route.ifindex = Interface::loopback()?.index;
    }
    Ok(route)
}

/// Targets leave by different interfaces.
fn apart(interface: &Interface, first: IpAddr, other: &Route, overrides: &Overrides) -> Error {
    let name = Interface::by_index(other.ifindex)
        .map_or_else(|_| format!("interface number {}", other.ifindex), |known| known.name);
    let far = other.destination;
    match &overrides.interface {
        Some(asked) => Error::new(Kind::Failed, format!("reach {far} on {asked}"))
            .cause(format!("the way there is {name}"))
            .remedy(format!("leave -e out, or use -e {name}")),
        None => Error::new(Kind::Failed, "find one interface for all targets")
            .cause(format!("{first} leaves by {}, {far} by {name}", interface.name))
            .remedy("choose one with -e, or scan them apart"),
    }
}
