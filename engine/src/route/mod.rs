//! Which way packets leave: interface, source address, gateway and its MAC
//! address, asked of the kernel by netlink. Sends no packet, but for one datagram
//! that makes the kernel resolve a gateway (see [`neighbour`]).
//!
//! The kernel's own route lookup decides, so that policy rules, several tables
//! and metrics mean here what they mean for every other program. [`boundaries`] tells
//! how few look-ups are enough for a set of targets, [`paths`] makes ways of them.

mod boundaries;
pub mod interface;
pub mod neighbour;
pub(crate) mod netlink;
mod paths;
pub mod xdp_features;

use std::io;
use std::net::IpAddr;

use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteMessage, RouteMetric, RouteType, RouteVia,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

pub use interface::{Interface, LinkKind, Statistics};
pub use paths::{Path, Routes, Spans, resolve};

use crate::error::{Error, Kind, Result};
use netlink::Netlink;

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
    /// Interfaces by name; none: as the routes say.
    pub interfaces: Vec<String>,
    /// Source addresses; all of a family are used.
    pub source_ips: Vec<IpAddr>,
    /// The next hop's MAC address: no route and no gateway are needed then.
    pub router_mac: Option<[u8; 6]>,
}

/// Asks the kernel for the way to `destination`, out of interface `oif` where given.
///
/// # Errors
/// `Failed`: no route, or one that refuses.
pub fn look_up(destination: IpAddr, oif: Option<&Interface>) -> Result<Route> {
    look_up_over(&mut Netlink::open(), destination, oif)
}

/// The same over a connection that is kept for more.
fn look_up_over(
    netlink: &mut io::Result<Netlink>,
    destination: IpAddr,
    oif: Option<&Interface>,
) -> Result<Route> {
    let what = || {
        let on = oif.map(|known| format!(" on {}", known.name)).unwrap_or_default();
        format!("find a route to {destination}{on}")
    };
    let no_route = |cause: &str| {
        Error::new(Kind::Failed, what())
            .cause(cause.to_owned())
            .remedy("add a route (ip route add), or name the way with -e and --router-mac")
    };
    let answer = match netlink {
        Ok(netlink) => netlink.get(question(destination, oif)),
        Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
    };
    let answer = answer.map_err(|error: io::Error| match error.raw_os_error() {
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
