//! Which host is reached how: by which interface and engine, from which of our addresses,
//! towards which next hop. The same routes and the same choice as for a scan.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error::Result;
use crate::plan::IpRange;
use crate::port::filter::MAX_SOURCES;
use crate::route::{self, Overrides, Path, Reach, neighbour};
use crate::scan::neighbours::MOST;
use crate::scan::opener::Choice;
use crate::scan::{EngineChoice, Options};

/// A host to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Its address.
    pub host: IpAddr,
    /// A TCP port that is open.
    pub open: u16,
    /// One that is closed, where one is known.
    pub closed: Option<u16>,
    /// A UDP port that is closed, where one is known.
    pub closed_udp: Option<u16>,
}

/// What a frame to a host is addressed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NextHop {
    /// The kernel finds it.
    Kernel,
    /// This station.
    Mac([u8; 6]),
    /// The host itself, which has to be asked for its MAC address.
    Itself,
}

/// A host, and what is to be known to reach it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reached {
    pub(super) target: Target,
    /// Our address.
    pub(super) source: IpAddr,
    /// There is no router between.
    pub(super) near: bool,
    pub(super) next_hop: NextHop,
}

/// The hosts behind one interface.
pub(super) struct Way {
    pub(super) path: Path,
    pub(super) choice: Choice,
    pub(super) hosts: Vec<Reached>,
}

/// Finds the ways to `targets`.
///
/// # Errors
/// As for a scan of them: no route, an engine that cannot be, a gateway that is silent.
pub(super) fn find(targets: &[Target], options: &Options) -> Result<Vec<Way>> {
    if targets.is_empty() {
        return Ok(Vec::new());
    }
    let mut targets = targets.to_vec();
    targets.sort_unstable();
    let overrides = Overrides {
        interfaces: options.interfaces.clone(),
        source_ips: options.source_ips.clone(),
        router_mac: options.router_mac,
    };
    let ranges = targets.iter().map(|target| match target.host {
        IpAddr::V4(host) => IpRange::V4(host, host),
        IpAddr::V6(host) => IpRange::V6(host, host),
    });
    let routes = route::resolve(ranges, &overrides)?;
    let leg_of = |target: &Target| routes.legs[routes.spans.of(target.host)];
    let several = routes.paths.len() > 1;
    let mut ways = Vec::with_capacity(routes.paths.len());
    for (number, path) in routes.paths.iter().enumerate() {
        let here = || targets.iter().filter(|target| leg_of(target).path == number);
        let on_link = here().filter(|target| leg_of(target).reach == Reach::OnLink).count();
        let choice = Choice::of(path, options, several, on_link as u64 > MOST)?;
        let mut next_hops: Vec<(Reach, NextHop)> = Vec::new();
        let mut hosts = Vec::new();
        for target in here() {
            let reach = leg_of(target).reach;
            let known = next_hops.iter().find(|(known, _)| *known == reach);
            let next_hop = match known {
                Some((_, next_hop)) => *next_hop,
                None => {
                    let next_hop = match choice.engine {
                        EngineChoice::Raw => NextHop::Kernel,
                        _ => path
                            .next_hop_mac(reach, neighbour::TIMEOUT)?
                            .map_or(NextHop::Itself, NextHop::Mac),
                    };
                    next_hops.push((reach, next_hop));
                    next_hop
                }
            };
            let Some(source) = source(path, target.host) else { continue };
            // What lies behind a router that was given is not known.
            let near = match reach {
                Reach::Local => true,
                Reach::OnLink => options.router_mac.is_none(),
                Reach::Gateway(_) => false,
            };
            hosts.push(Reached { target: *target, source, near, next_hop });
        }
        ways.push(Way { path: path.clone(), choice, hosts });
    }
    Ok(ways)
}

/// Our address for a host; `None` cannot be, since a path has one for each family of it.
fn source(path: &Path, host: IpAddr) -> Option<IpAddr> {
    if path.is_local() {
        // From itself to itself, as the kernel does it.
        return Some(match host {
            IpAddr::V4(ip) if ip.is_loopback() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_loopback() => Ipv6Addr::LOCALHOST.into(),
            host => host,
        });
    }
    match host {
        IpAddr::V4(_) => path.sources_v4.first().copied().map(IpAddr::V4),
        IpAddr::V6(_) => path.sources_v6.first().copied().map(IpAddr::V6),
    }
}

/// As many at a time as a filter has room for source addresses.
pub(super) fn in_families(hosts: Vec<Reached>) -> Vec<Vec<Reached>> {
    let mut families: Vec<(Vec<IpAddr>, Vec<Reached>)> = Vec::new();
    for host in hosts {
        let source = host.source;
        let known = families
            .iter()
            .position(|(sources, _)| sources.contains(&source) || sources.len() < MAX_SOURCES);
        let at = known.unwrap_or_else(|| {
            families.push((Vec::new(), Vec::new()));
            families.len() - 1
        });
        let (sources, hosts) = &mut families[at];
        if !sources.contains(&source) {
            sources.push(source);
        }
        hosts.push(host);
    }
    families.into_iter().map(|(_, hosts)| hosts).collect()
}
