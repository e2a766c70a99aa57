//! The MAC address of a next hop, from the kernel's neighbour table.
//!
//! The kernel alone speaks ARP and NDP. Where it does not know the neighbour yet
//! it is prodded by one empty UDP datagram to the neighbour's discard port (9),
//! to nobody else, and the table is looked at until the answer is there.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::thread::sleep;
use std::time::{Duration, Instant};

use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use socket2::{Domain, Socket, Type};

use super::interface::Interface;
use super::netlink::Netlink;
use crate::error::{Error, Kind, Result};

/// How long a next hop may take to answer ARP or NDP. The kernel asks three
/// times, a second apart, and the first question is often lost on a link that
/// has just come up.
pub const TIMEOUT: Duration = Duration::from_millis(3200);
const POLL_INTERVAL: Duration = Duration::from_millis(10);
const DISCARD_PORT: u16 = 9;

/// The MAC address of a next hop, as users write it.
///
/// # Errors
/// When it is not that of one station.
pub fn parse_mac(text: &str) -> std::result::Result<[u8; 6], String> {
    let wrong = || "a MAC address is six hexadecimal bytes, such as 02:00:00:00:00:01".to_owned();
    let mut mac = [0; 6];
    let mut parts = text.split([':', '-']);
    for byte in &mut mac {
        let part = parts.next().filter(|part| matches!(part.len(), 1 | 2)).ok_or_else(wrong)?;
        if !part.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        *byte = u8::from_str_radix(part, 16).map_err(|_| wrong())?;
    }
    if parts.next().is_some() {
        return Err(wrong());
    }
    if mac[0] & 1 == 1 || mac == [0; 6] {
        return Err("a next hop has a unicast MAC address".into());
    }
    Ok(mac)
}

/// The MAC address of `next_hop`, a neighbour on `interface`.
///
/// # Errors
/// `Failed` when it does not answer within `timeout`.
pub fn mac_of(interface: &Interface, next_hop: IpAddr, timeout: Duration) -> Result<[u8; 6]> {
    let what = || format!("find the MAC address of next hop {next_hop} on {}", interface.name);
    let story = |error| Error::new(Kind::Failed, what()).because_of(error);
    let mut netlink = Netlink::open().map_err(story)?;
    if let Some(mac) = look_up(&mut netlink, interface.index, next_hop).map_err(story)? {
        return Ok(mac);
    }
    // A failed prod is no verdict: the table has the last word.
    let prodded = prod(interface, next_hop);
    let deadline = Instant::now() + timeout;
    loop {
        if let Some(mac) = look_up(&mut netlink, interface.index, next_hop).map_err(story)? {
            return Ok(mac);
        }
        if Instant::now() >= deadline {
            break;
        }
        sleep(POLL_INTERVAL);
    }
    let error = Error::new(Kind::Failed, what())
        .cause(format!("it did not answer ARP or NDP within {} ms", timeout.as_millis()))
        .remedy("check the gateway, or give its address with --router-mac");
    Err(match prodded {
        Ok(()) => error,
        Err(source) => error.because_of(source),
    })
}

/// What the neighbour table says now.
fn look_up(netlink: &mut Netlink, ifindex: u32, addr: IpAddr) -> io::Result<Option<[u8; 6]>> {
    let mut question = NeighbourMessage::default();
    let (family, wanted) = match addr {
        IpAddr::V4(addr) => (AddressFamily::Inet, NeighbourAddress::Inet(addr)),
        IpAddr::V6(addr) => (AddressFamily::Inet6, NeighbourAddress::Inet6(addr)),
    };
    question.header.family = family;
    let answers = netlink.list(RouteNetlinkMessage::GetNeighbour(question))?;
    Ok(answers.into_iter().find_map(|answer| {
        let RouteNetlinkMessage::NewNeighbour(entry) = answer else { return None };
        if entry.header.ifindex != ifindex || !is_known(entry.header.state) {
            return None;
        }
        let matches = entry.attributes.contains(&NeighbourAttribute::Destination(wanted.clone()));
        entry.attributes.iter().find_map(|attribute| match attribute {
            NeighbourAttribute::LinkLayerAddress(mac) if matches => mac.as_slice().try_into().ok(),
            _ => None,
        })
    }))
}

/// The neighbours on an interface that the administrator has entered, for good; none
/// where the table cannot be read.
pub(crate) fn permanent(ifindex: u32) -> Vec<(IpAddr, [u8; 6])> {
    let mut found = Vec::new();
    let question = RouteNetlinkMessage::GetNeighbour(NeighbourMessage::default());
    let _ = Netlink::open().and_then(|mut netlink| {
        netlink.each(question, |answer| {
            let RouteNetlinkMessage::NewNeighbour(entry) = answer else { return };
            if entry.header.ifindex != ifindex || entry.header.state != NeighbourState::Permanent {
                return;
            }
            let (mut addr, mut mac) = (None, None);
            for attribute in &entry.attributes {
                match attribute {
                    NeighbourAttribute::Destination(NeighbourAddress::Inet(known)) => {
                        addr = Some(IpAddr::from(*known));
                    }
                    NeighbourAttribute::Destination(NeighbourAddress::Inet6(known)) => {
                        addr = Some(IpAddr::from(*known));
                    }
                    NeighbourAttribute::LinkLayerAddress(known) => {
                        mac = known.as_slice().try_into().ok();
                    }
                    _ => {}
                }
            }
            found.extend(addr.zip(mac));
        })
    });
    found
}

/// Whether the MAC address in an entry of this state is to be believed.
fn is_known(state: NeighbourState) -> bool {
    matches!(
        state,
        NeighbourState::Reachable
            | NeighbourState::Stale
            | NeighbourState::Delay
            | NeighbourState::Probe
            | NeighbourState::Permanent
            | NeighbourState::Noarp
    )
}

fn prod(interface: &Interface, next_hop: IpAddr) -> io::Result<()> {
    let (domain, to) = match next_hop {
        IpAddr::V4(addr) => (Domain::IPV4, SocketAddr::V4(SocketAddrV4::new(addr, DISCARD_PORT))),
        IpAddr::V6(addr) => {
            let scope = if addr.is_unicast_link_local() { interface.index } else { 0 };
            (Domain::IPV6, SocketAddr::V6(SocketAddrV6::new(addr, DISCARD_PORT, 0, scope)))
        }
    };
    let socket = Socket::new(domain, Type::DGRAM.nonblocking().cloexec(), None)?;
    socket.bind_device(Some(interface.name.as_bytes()))?;
    socket.send_to(&[], &to.into())?;
    Ok(())
}
