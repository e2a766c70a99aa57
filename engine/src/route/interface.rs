//! Facts about network interfaces: state, kind, addresses, queues, statistics.

use std::fmt;
use std::net::IpAddr;

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{
    LinkAttribute, LinkFlags, LinkLayerType, LinkMessage, LinkXdp, Stats64, XdpAttached,
};
use serde::Serialize;

use super::netlink::Netlink;
use crate::error::{Error, Kind, Result};
use crate::plan::IpRange;
use crate::port::ethtool;

/// What kind of packets an interface carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkKind {
    /// Ethernet frames.
    Ethernet,
    /// The host's own loopback.
    Loopback,
    /// IP packets without a link-layer header (tun, WireGuard, PPP, IP tunnels).
    Ip,
    /// Something that we cannot send on.
    Other,
}

/// How an XDP program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct XdpProgram {
    /// The kernel's id of the program.
    pub id: u32,
    /// `driver`, `generic`, `hardware` or `multiple`.
    pub mode: &'static str,
}

/// An address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct InterfaceAddr {
    /// The address.
    pub addr: IpAddr,
    /// Length of its network's prefix.
    pub prefix_len: u8,
}

impl InterfaceAddr {
    /// Whether it is good for this link only (fe80::/10, 169.254.0.0/16).
    #[must_use]
    pub fn is_link_local(&self) -> bool {
        match self.addr {
            IpAddr::V4(addr) => addr.is_link_local(),
            IpAddr::V6(addr) => addr.is_unicast_link_local(),
        }
    }
}

/// An interface as it was when it was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// The kernel's index.
    pub index: u32,
    /// Name.
    pub name: String,
    /// Set up by the administrator.
    pub up: bool,
    /// A carrier is there: something is connected.
    pub carrier: bool,
    /// What it carries.
    pub kind: LinkKind,
    /// Our MAC address, on Ethernet.
    pub mac: Option<[u8; 6]>,
    /// Largest IP packet in bytes.
    pub mtu: u32,
    /// Its addresses.
    pub addresses: Vec<InterfaceAddr>,
    /// Receive queues in use.
    pub rx_queues: u32,
    /// Name of the driver, where there is one.
    pub driver: Option<String>,
    /// The XDP program attached, where there is one.
    pub xdp: Option<XdpProgram>,
}

/// What an interface counted since it exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Statistics {
    /// Packets received.
    pub rx_packets: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Received and dropped for want of room (by the host).
    pub rx_dropped: u64,
    /// Dropped by the card because the host was too slow.
    pub rx_missed: u64,
    /// Not sent for want of room.
    pub tx_dropped: u64,
}

impl Statistics {
    /// Packets lost on the way in since `earlier`.
    #[must_use]
    pub fn rx_lost_since(&self, earlier: &Self) -> u64 {
        self.rx_dropped.saturating_sub(earlier.rx_dropped)
            + self.rx_missed.saturating_sub(earlier.rx_missed)
    }
}

impl Interface {
    /// The interface called `name`.
    ///
    /// # Errors
    /// `Usage` when there is none: the remedy lists those there are.
    pub fn by_name(name: &str) -> Result<Self> {
        let known = Self::all()?;
        let names: Vec<&str> = known.iter().map(|known| known.name.as_str()).collect();
        let remedy = format!("name one of: {}", names.join(", "));
        known.into_iter().find(|known| known.name == name).ok_or_else(|| {
            Error::new(Kind::Usage, format!("there is no interface {name:?}")).remedy(remedy)
        })
    }

    /// The interface with `index`.
    ///
    /// # Errors
    /// `Failed` when it is gone.
    pub fn by_index(index: u32) -> Result<Self> {
        Self::all()?.into_iter().find(|known| known.index == index).ok_or_else(|| {
            Error::new(Kind::Failed, format!("look at interface number {index}"))
                .cause("it is gone")
        })
    }

    /// The loopback interface.
    ///
    /// # Errors
    /// `Failed` when this namespace has none.
    pub fn loopback() -> Result<Self> {
        let loopback = |known: &Self| known.kind == LinkKind::Loopback;
        Self::all()?.into_iter().find(loopback).ok_or_else(|| {
            Error::new(Kind::Failed, "find the loopback interface").cause("there is none here")
        })
    }

    /// All interfaces of this namespace, by index.
    ///
    /// # Errors
    /// `Failed` when netlink does not answer.
    pub fn all() -> Result<Vec<Self>> {
        let story =
            |error| Error::new(Kind::Failed, "list interfaces by netlink").because_of(error);
        let mut netlink = Netlink::open().map_err(story)?;
        let links =
            netlink.list(RouteNetlinkMessage::GetLink(LinkMessage::default())).map_err(story)?;
        let mut interfaces: Vec<Self> = links
            .into_iter()
            .filter_map(|answer| match answer {
                RouteNetlinkMessage::NewLink(link) => Some(Self::from_link(&link)),
                _ => None,
            })
            .collect();
        let addresses = netlink
            .list(RouteNetlinkMessage::GetAddress(AddressMessage::default()))
            .map_err(story)?;
        for answer in addresses {
            let RouteNetlinkMessage::NewAddress(message) = answer else { continue };
            let owner = interfaces.iter_mut().find(|known| known.index == message.header.index);
            if let (Some(owner), Some(addr)) = (owner, own_address(&message)) {
                owner.addresses.push(InterfaceAddr { addr, prefix_len: message.header.prefix_len });
            }
        }
        interfaces.sort_by_key(|known| known.index);
        Ok(interfaces)
    }

    fn from_link(link: &LinkMessage) -> Self {
        let mut known = Self {
            index: link.header.index,
            name: String::new(),
            up: link.header.flags.contains(LinkFlags::Up),
            carrier: link.header.flags.contains(LinkFlags::LowerUp),
            kind: match link.header.link_layer_type {
                LinkLayerType::Ether => LinkKind::Ethernet,
                LinkLayerType::Loopback => LinkKind::Loopback,
                LinkLayerType::None
                | LinkLayerType::Rawip
                | LinkLayerType::Ppp
                | LinkLayerType::Tunnel
                | LinkLayerType::Tunnel6
                | LinkLayerType::Sit
                | LinkLayerType::Ipgre => LinkKind::Ip,
                _ => LinkKind::Other,
            },
            mac: None,
            mtu: 0,
            addresses: Vec::new(),
            rx_queues: 1,
            driver: None,
            xdp: None,
        };
        for attribute in &link.attributes {
            match attribute {
                LinkAttribute::IfName(name) => known.name.clone_from(name),
                LinkAttribute::Mtu(mtu) => known.mtu = *mtu,
                LinkAttribute::NumRxQueues(queues) => known.rx_queues = (*queues).max(1),
                LinkAttribute::Address(mac) if known.kind == LinkKind::Ethernet => {
                    known.mac = mac.as_slice().try_into().ok();
                }
                LinkAttribute::Xdp(facts) => known.xdp = xdp_program(facts),
                _ => {}
            }
        }
        // What netlink tells is how many queues there can be, not how many are in use.
        if let Some(queues) = ethtool::rx_queues(&known.name) {
            known.rx_queues = queues.max(1);
        }
        known.driver = ethtool::driver(&known.name);
        known
    }

    /// Fails unless packets can leave here now.
    ///
    /// # Errors
    /// `Failed`: down, no carrier, or not a kind that we can send on.
    pub fn check_usable(&self) -> Result<()> {
        let what = format!("send on interface {}", self.name);
        if !self.up {
            return Err(Error::new(Kind::Failed, what)
                .cause("it is down")
                .remedy(format!("ip link set {} up", self.name)));
        }
        if !self.carrier {
            return Err(Error::new(Kind::Failed, what)
                .cause("it has no carrier")
                .remedy("plug in the cable, or set the other end of the link up"));
        }
        if self.kind == LinkKind::Other {
            return Err(Error::new(Kind::Failed, what)
                .cause("it carries neither Ethernet frames nor bare IP packets")
                .remedy("name another interface with -e"));
        }
        Ok(())
    }

    /// Its first address of the family, of wide scope where there is one.
    #[must_use]
    pub fn source(&self, v6: bool) -> Option<IpAddr> {
        let family = || self.addresses.iter().filter(|known| known.addr.is_ipv6() == v6);
        family().find(|known| !known.is_link_local()).or_else(|| family().next()).map(|a| a.addr)
    }

    /// Whether an address lies in the network of one of its own.
    #[must_use]
    pub fn is_on_link(&self, addr: IpAddr) -> bool {
        self.addresses.iter().any(|known| {
            IpRange::prefix(known.addr, known.prefix_len)
                .is_some_and(|network| network.contains(&IpRange::single(addr)))
        })
    }

    /// What it has counted until now.
    ///
    /// # Errors
    /// `Failed` when it is gone.
    pub fn statistics(&self) -> Result<Statistics> {
        let story = |error| {
            Error::new(Kind::Failed, format!("read the statistics of {}", self.name))
                .because_of(error)
        };
        let mut question = LinkMessage::default();
        question.header.index = self.index;
        let answer = Netlink::open()
            .and_then(|mut netlink| netlink.get(RouteNetlinkMessage::GetLink(question)))
            .map_err(story)?;
        let RouteNetlinkMessage::NewLink(link) = answer else { return Ok(Statistics::default()) };
        Ok(link
            .attributes
            .iter()
            .find_map(|attribute| match attribute {
                LinkAttribute::Stats64(stats) => Some(Statistics::from(stats)),
                _ => None,
            })
            .unwrap_or_default())
    }
}

impl From<&Stats64> for Statistics {
    fn from(stats: &Stats64) -> Self {
        Self {
            rx_packets: stats.rx_packets,
            tx_packets: stats.tx_packets,
            rx_dropped: stats.rx_dropped,
            rx_missed: stats.rx_missed_errors,
            tx_dropped: stats.tx_dropped,
        }
    }
}

impl fmt::Display for XdpProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "program {} ({})", self.id, self.mode)
    }
}

/// On point-to-point links `Address` is the other end and `Local` is ours.
fn own_address(message: &AddressMessage) -> Option<IpAddr> {
    let local = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Local(addr) => Some(*addr),
        _ => None,
    });
    local.or_else(|| {
        message.attributes.iter().find_map(|attribute| match attribute {
            AddressAttribute::Address(addr) => Some(*addr),
            _ => None,
        })
    })
}

fn xdp_program(facts: &[LinkXdp]) -> Option<XdpProgram> {
    let mode = facts.iter().find_map(|fact| match fact {
        LinkXdp::Attached(XdpAttached::Driver) => Some("driver"),
        LinkXdp::Attached(XdpAttached::SocketBuffer) => Some("generic"),
        LinkXdp::Attached(XdpAttached::Hardware) => Some("hardware"),
        LinkXdp::Attached(XdpAttached::Multiple) => Some("multiple"),
        _ => None,
    })?;
    let id = facts.iter().find_map(|fact| match fact {
        LinkXdp::ProgId(id) | LinkXdp::DrvProgId(id) | LinkXdp::SkbProgId(id) => Some(*id),
        _ => None,
    });
    Some(XdpProgram { id: id.unwrap_or(0), mode })
}
