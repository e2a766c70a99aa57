//! Results counted in one pass, address by address: by state, port, network and host.
//! Only the counts by port grow, and there are no more ports than 65,536 a protocol.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;

use super::top::Top;
use crate::event::files::sorted::Finding;
use crate::event::{PortState, Reason};
use crate::latency::groups;
use crate::plan::Protocol;

/// Results listed one by one.
pub(super) const RESULTS: usize = 400;
/// Hosts listed.
pub(super) const HOSTS: usize = 50;
/// Networks listed.
pub(super) const NETWORKS: usize = 30;
/// Open ports listed of a host.
const PORTS_OF_HOST: usize = 24;

/// How many are in each state.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct States([u64; PortState::ALL.len() + 1]);

impl States {
    pub(super) fn of(&self, state: PortState) -> u64 {
        self.0[state as usize]
    }

    fn add(&mut self, state: PortState) {
        self.0[state as usize] += 1;
    }

    pub(super) fn all(&self) -> u64 {
        self.0.iter().sum()
    }

    /// All but open and closed.
    pub(super) fn others(&self) -> u64 {
        self.all() - self.of(PortState::Open) - self.of(PortState::Closed)
    }
}

/// A host with open ports.
#[derive(Debug)]
pub(super) struct HostRow {
    pub addr: IpAddr,
    pub open: u64,
    /// The first of them.
    pub ports: Vec<(Protocol, u16)>,
}

/// A /24 of IPv4 or a /48 of IPv6.
#[derive(Debug)]
pub(super) struct NetworkRow {
    pub name: String,
    /// Addresses with an open port, or that are up.
    pub hosts: u64,
    pub states: States,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// States of ports.
    pub ports: States,
    /// States of hosts, where hosts were looked for.
    pub hosts: States,
    /// Addresses with an open port, or that are up.
    pub live: u64,
    pub by_port: HashMap<(Protocol, u16), States>,
    pub by_reason: HashMap<Reason, u64>,
    /// Those with the most open ports.
    pub top_hosts: Vec<HostRow>,
    /// Those with the most open ports, or hosts that are up.
    pub top_networks: Vec<NetworkRow>,
    /// Networks with results.
    pub networks: u64,
    /// The first results, by address and port; what is open before all others.
    pub listed: Vec<Finding>,
}

impl Tally {
    /// Counts findings that come sorted by address.
    ///
    /// # Errors
    /// Those of the findings.
    pub(super) fn of(findings: impl Iterator<Item = io::Result<Finding>>) -> io::Result<Self> {
        let mut tally = Self::default();
        let (mut hosts, mut networks) = (Top::of(HOSTS), Top::of(NETWORKS));
        let mut others = Vec::new();
        let mut host: Option<HostRow> = None;
        let mut network: Option<NetworkRow> = None;
        for finding in findings {
            let finding = finding?;
            if host.as_ref().is_none_or(|host| host.addr != finding.addr) {
                tally.end_host(host.take(), network.as_mut(), &mut hosts);
                host = Some(HostRow { addr: finding.addr, open: 0, ports: Vec::new() });
                let name = groups::network_of(finding.addr);
                if network.as_ref().is_none_or(|network| network.name != name) {
                    end_network(network.take(), &mut networks);
                    network = Some(NetworkRow { name, hosts: 0, states: States::default() });
                }
            }
            let is_port = finding.protocol != Protocol::Icmp;
            let of_kind = if is_port { &mut tally.ports } else { &mut tally.hosts };
            of_kind.add(finding.state);
            if let Some(network) = &mut network {
                network.states.add(finding.state);
            }
            let place = (finding.protocol, finding.port);
            if is_port {
                tally.by_port.entry(place).or_default().add(finding.state);
            }
            *tally.by_reason.entry(without_mac(finding.reason)).or_default() += 1;
            if finding.state == PortState::Open {
                if let Some(host) = &mut host {
                    host.open += 1;
                    if is_port && host.ports.len() < PORTS_OF_HOST {
                        host.ports.push(place);
                    }
                }
                if tally.listed.len() < RESULTS {
                    tally.listed.push(finding);
                }
            } else if others.len() < RESULTS {
                others.push(finding);
            }
        }
        tally.end_host(host, network.as_mut(), &mut hosts);
        end_network(network, &mut networks);
        tally.networks = networks.count;
        (tally.top_hosts, tally.top_networks) = (hosts.into_best(), networks.into_best());
        others.truncate(RESULTS - tally.listed.len());
        tally.listed.append(&mut others);
        Ok(tally)
    }

    fn end_host(
        &mut self,
        host: Option<HostRow>,
        network: Option<&mut NetworkRow>,
        hosts: &mut Top<HostRow>,
    ) {
        let Some(host) = host.filter(|host| host.open > 0) else { return };
        self.live += 1;
        if let Some(network) = network {
            network.hosts += 1;
        }
        hosts.push(host.open, host);
    }

    /// Results, ports and hosts.
    pub(super) fn results(&self) -> u64 {
        self.ports.all() + self.hosts.all()
    }
}

fn end_network(network: Option<NetworkRow>, networks: &mut Top<NetworkRow>) {
    if let Some(network) = network {
        networks.push(network.states.of(PortState::Open), network);
    }
}

fn without_mac(reason: Reason) -> Reason {
    match reason {
        Reason::ArpResponse { .. } => Reason::ArpResponse { mac: [0; 6] },
        Reason::NdResponse { .. } => Reason::NdResponse { mac: [0; 6] },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn finding(addr: &str, port: u16, state: PortState) -> io::Result<Finding> {
        Ok(Finding {
            addr: addr.parse().unwrap(),
            protocol: if port == 0 { Protocol::Icmp } else { Protocol::Tcp },
            port,
            state,
            reason: Reason::SynAck,
            ttl: 64,
            rtt_us: None,
            unix_us: 0,
            service: 0,
        })
    }

    #[test]
    fn results_are_counted_by_host_network_and_port() {
        use PortState::{Closed, Filtered, Open};
        let tally = Tally::of(
            [
                finding("198.18.0.1", 22, Open),
                finding("198.18.0.1", 80, Open),
                finding("198.18.0.2", 80, Closed),
                finding("198.18.1.1", 80, Filtered),
                finding("2001:2::1", 80, Open),
                finding("2001:2::2", 0, Open),
            ]
            .into_iter(),
        )
        .unwrap();
        assert_eq!((tally.results(), tally.live), (6, 3));
        assert_eq!((tally.ports.of(Open), tally.ports.others(), tally.hosts.of(Open)), (3, 1, 1));
        let web = tally.by_port[&(Protocol::Tcp, 80)];
        assert_eq!((web.of(Open), web.of(Closed), web.of(Filtered)), (2, 1, 1));
        assert_eq!(tally.networks, 3);
        let networks: Vec<_> = tally
            .top_networks
            .into_iter()
            .map(|row| (row.name, row.hosts, row.states.all()))
            .collect();
        assert_eq!(networks[0], ("198.18.0.0/24".to_owned(), 1, 3));
        assert_eq!(networks[1], ("2001:2::/48".to_owned(), 2, 2));
        let hosts = tally.top_hosts;
        assert_eq!(hosts[0].ports, [(Protocol::Tcp, 22), (Protocol::Tcp, 80)]);
        // What is open comes first.
        let states: Vec<_> = tally.listed.iter().map(|finding| finding.state).collect();
        assert_eq!(states, [Open, Open, Open, Open, Closed, Filtered]);
    }

    #[test]
    fn lists_have_an_end_and_counts_do_not() {
        let many = (0..5000u32).map(|n| {
            let addr = std::net::Ipv4Addr::from_bits(0xc612_0000 + n / 50);
            finding(&addr.to_string(), (n % 50 + 1) as u16, PortState::Open)
        });
        let tally = Tally::of(many).unwrap();
        assert_eq!((tally.listed.len(), tally.results()), (RESULTS, 5000));
        let hosts = tally.top_hosts;
        assert_eq!((hosts[0].open, hosts[0].ports.len()), (50, PORTS_OF_HOST));
    }
}
