//! The ways out as the prober needs them: link-layer headers, source addresses, and
//! which target takes which.
//!
//! Routes that lead to the same next hop are one way, so that a scan behind one
//! router has one, however many routes lead there: then nothing is looked up for
//! a probe.

use std::net::IpAddr;
use std::sync::Arc;

use crate::error::{Error, Kind, Result};
use crate::plan::Plan;
use crate::plan::origin::{MAX_ORIGINS, NeighbourMac, Way, WayOf};
use crate::route::{Path, Routes, neighbour};
use crate::wire::Link;

/// The ways of a scan.
pub(super) struct Ways {
    pub(super) all: Vec<Way>,
    /// `None`: there is only one.
    pub(super) way_of: Option<WayOf>,
}

/// How frames begin on a path.
#[derive(Clone)]
pub(super) enum Framing {
    /// With the IP header: the kernel finds the next hop.
    Ip,
    /// With an Ethernet header of ours. `neighbours` knows the MAC addresses of targets
    /// on the path's own network.
    Ethernet { vlan: Option<u16>, neighbours: Option<NeighbourMac> },
}

/// Builds the ways over `routes`, whose paths have these framings. Asks the kernel for
/// the gateways' MAC addresses.
///
/// # Errors
/// `Failed` when a gateway does not answer, or where there are too many ways.
pub(super) fn build(plan: &Plan, routes: &Routes, framings: &[Framing]) -> Result<Ways> {
    let mut all = Vec::new();
    let mut way_of_leg = vec![0; routes.legs.len()];
    for (number, (path, framing)) in routes.paths.iter().zip(framings).enumerate() {
        let legs = || routes.legs.iter().enumerate().filter(|(_, leg)| leg.path == number);
        let first = all.len();
        let (vlan, neighbours) = match framing {
            Framing::Ip => {
                legs().for_each(|(leg, _)| way_of_leg[leg] = first);
                all.push(way(path, number, Link::None, None, [true, true]));
                continue;
            }
            Framing::Ethernet { vlan, neighbours } => (*vlan, neighbours),
        };
        // The next hops of each family, and the legs to targets on the network itself.
        let mut macs: [Vec<[u8; 6]>; 2] = [Vec::new(), Vec::new()];
        let mut direct = [false; 2];
        for (leg, known) in legs() {
            let family = usize::from(known.v6);
            let Some(mac) = path.next_hop_mac(known.reach, neighbour::TIMEOUT)? else {
                direct[family] = true;
                way_of_leg[leg] = usize::MAX;
                continue;
            };
            let position = macs[family].iter().position(|known| *known == mac);
            way_of_leg[leg] = first
                + position.unwrap_or_else(|| {
                    macs[family].push(mac);
                    macs[family].len() - 1
                });
        }
        let source = path.interface.mac.ok_or_else(|| no_mac(path))?;
        let link = |destination| Link::Ethernet { source, destination, vlan };
        for position in 0..macs[0].len().max(macs[1].len()) {
            let [v4, v6] = [0, 1].map(|family| macs[family].get(position).copied().map(link));
            let Some(first) = v4.or(v6) else { continue };
            all.push(way(path, number, first, v6, [v4.is_some(), v6.is_some()]));
        }
        if direct != [false; 2] {
            legs().for_each(|(leg, _)| {
                if way_of_leg[leg] == usize::MAX {
                    way_of_leg[leg] = all.len();
                }
            });
            let mut way = way(path, number, link([0; 6]), None, direct);
            way.neighbours.clone_from(neighbours);
            all.push(way);
        }
    }
    few_enough(&all)?;
    if all.len() == 1 {
        return Ok(Ways { all, way_of: None });
    }
    // The one that most targets take comes first: the prober is quickest there.
    let mut weights = vec![0u128; all.len()];
    for range in plan.ranges() {
        routes.spans.weigh(&range, |leg, count| {
            let weight = &mut weights[way_of_leg[leg]];
            *weight = weight.saturating_add(count);
        });
    }
    let heaviest = (0..all.len()).max_by_key(|way| weights[*way]).unwrap_or(0);
    all.swap(0, heaviest);
    for way in &mut way_of_leg {
        *way = match *way {
            0 => heaviest,
            way if way == heaviest => 0,
            way => way,
        };
    }
    let spans = routes.spans.renumbered(|leg| way_of_leg[leg] as u16);
    Ok(Ways { all, way_of: Some(Arc::new(move |addr: IpAddr| spans.of(addr))) })
}

/// `families` tells whether it is for IPv4 and for IPv6.
fn way(path: &Path, port: usize, link: Link, link_v6: Option<Link>, families: [bool; 2]) -> Way {
    Way {
        link,
        link_v6,
        sources_v4: if families[0] { path.sources_v4.clone() } else { Vec::new() },
        sources_v6: if families[1] { path.sources_v6.clone() } else { Vec::new() },
        neighbours: None,
        port,
    }
}

fn no_mac(path: &Path) -> Error {
    Error::new(Kind::Failed, format!("make Ethernet frames on {}", path.interface.name))
        .cause("it has no MAC address")
        .remedy("use --port-engine raw")
}

fn few_enough(all: &[Way]) -> Result<()> {
    let origins: usize = all.iter().map(|way| way.sources_v4.len() + way.sources_v6.len()).sum();
    if origins <= MAX_ORIGINS {
        return Ok(());
    }
    Err(Error::new(Kind::Failed, "scan by all ways at once")
        .cause(format!(
            "there are {} ways (interface and next hop), with {origins} source addresses together, \
             and at most {MAX_ORIGINS} can be used",
            all.len()
        ))
        .remedy("scan the targets of fewer routers at a time, or name one with --router-mac"))
}
