//! Where the probes of a benchmark leave: the lab's link, or one card of this host
//! towards targets that its user named.
//!
//! Nothing is guessed on a card: without a target there is no wire, and all that
//! leaves goes to the addresses of that target. The number of packets and the time are
//! bounded ([`Wire::count`]), as they are in the lab.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use ipnet::Ipv4Net;
use prtip_engine::plan::origin::Way;
use prtip_engine::plan::{IpRange, Plan, PortSet};
use prtip_engine::route::{self, Interface, LinkKind, Overrides, neighbour};
use prtip_engine::scan::XdpMode;
use prtip_engine::wire::Link;

use crate::lab::Privileges;
use crate::lab::args::Usage;
use crate::lab::network::{ROUTER_MAC, SCAN, SCAN_MAC};

/// Our address in the scanner's namespace.
pub const SOURCE: Ipv4Addr = Ipv4Addr::new(198, 19, 255, 1);
/// The lab's addresses.
const LAB: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 0);
const LAB_LEN: u8 = 15;
/// Shortest prefix of a target on a card.
const WIDEST: u8 = 16;
/// Ports of each address in the lab's round trips.
pub(crate) const LAB_PORTS: u16 = 16;
/// Most ports of an address on a card.
const MOST_PORTS: u64 = 1 << 15;
/// Longest run on a card.
const LONGEST: Duration = Duration::from_secs(600);
/// How long the target may take to answer ARP.
const ARP_PATIENCE: Duration = Duration::from_secs(2);
/// How long a card may be without carrier after a program was attached to it.
const CARRIER_PATIENCE: Duration = Duration::from_secs(15);

/// A card in place of the lab.
#[derive(Clone, Debug, Args)]
pub struct CardArgs {
    /// Run on this card of yours, to TARGET, in place of the lab
    #[arg(short = 'e', long, value_name = "IFACE", requires = "target")]
    pub interface: Option<String>,
    /// With -e: the IPv4 address (or prefix, /16 at the widest) of hosts that you own.
    /// They get all packets of the run, as fast as they can be sent
    #[arg(value_name = "TARGET", requires = "interface")]
    pub target: Option<String>,
    /// With -e: MAC address that frames go to, in place of the gateway's or the target's
    #[arg(long, value_name = "MAC", requires = "interface", value_parser = neighbour::parse_mac)]
    pub router_mac: Option<[u8; 6]>,
    /// With -e: source address, in place of the card's own
    #[arg(long, value_name = "IP", requires = "interface")]
    pub source_ip: Option<Ipv4Addr>,
    /// With -e: how AF_XDP sockets are bound, ours and the bare loop's
    #[arg(long, value_name = "MODE", default_value = "copy", requires = "interface",
          value_parser = ["copy", "zerocopy"])]
    pub xdp_mode: String,
}

impl CardArgs {
    /// The wire that they mean; `None`: the lab.
    ///
    /// # Errors
    /// `Usage` for an unknown interface or a target that cannot be one; `Privileges`;
    /// without a route or a MAC address.
    pub fn wire(&self) -> Result<Option<Wire>> {
        let (Some(name), Some(target)) = (&self.interface, &self.target) else {
            return Ok(None);
        };
        let targets = parse_target(target)?;
        let card = Interface::by_name(name).map_err(|error| Usage(error.to_string()))?;
        let Some(mac) = card.mac.filter(|_| card.kind == LinkKind::Ethernet) else {
            return Err(Usage(format!("{name} carries no Ethernet frames")).into());
        };
        if !rustix::process::geteuid().is_root() {
            return Err(Privileges("the benchmark").into());
        }
        let range = range(targets)?;
        if card.addresses.iter().any(|own| range.contains(&IpRange::single(own.addr))) {
            return Err(Usage(format!("{targets} has an address of {name} itself")).into());
        }
        let overrides = Overrides {
            interfaces: vec![name.clone()],
            source_ips: self.source_ip.into_iter().map(IpAddr::V4).collect(),
            router_mac: self.router_mac,
        };
        let routes = route::resolve([range], &overrides)?;
        let [path] = &routes.paths[..] else {
            return Err(Usage(format!("more than one way leads to {targets}")).into());
        };
        let reach = path.routes.first().context("no route")?.reach;
        let router_mac = match path.next_hop_mac(reach, ARP_PATIENCE)? {
            Some(mac) if path.routes.len() == 1 => mac,
            None if targets.prefix_len() == 32 => {
                neighbour::mac_of(&card, targets.addr().into(), ARP_PATIENCE)?
            }
            _ => {
                let why = format!("{targets} are several hosts on this link: give --router-mac");
                return Err(Usage(why).into());
            }
        };
        let source = *path.sources_v4.first().context("no source address: give --source-ip")?;
        let zerocopy = self.xdp_mode == "zerocopy";
        Ok(Some(Wire {
            index: card.index,
            mac,
            router_mac,
            source,
            targets,
            lab: false,
            queues: card.rx_queues,
            mode: if zerocopy { XdpMode::Zerocopy } else { XdpMode::Copy },
            over: format!("{name} ({})", card.driver.as_deref().unwrap_or("driver unknown")),
            name: card.name,
            sent: AtomicU64::new(0),
            began: Instant::now(),
        }))
    }
}

/// The way out and the targets of a benchmark.
#[derive(Debug)]
pub struct Wire {
    /// Name of the interface.
    pub name: String,
    /// Its index.
    pub index: u32,
    /// Its MAC address.
    pub mac: [u8; 6],
    /// Where frames go.
    pub router_mac: [u8; 6],
    /// Our address.
    pub source: Ipv4Addr,
    /// The addresses that get probes.
    pub targets: Ipv4Net,
    /// It is the lab's link.
    pub lab: bool,
    /// Receive queues in use.
    pub queues: u32,
    /// How sockets are bound.
    pub mode: XdpMode,
    /// The interface in words.
    pub over: String,
    sent: AtomicU64,
    began: Instant,
}

impl Wire {
    /// The lab's link, from inside of the scanner's namespace.
    ///
    /// # Errors
    /// When there is none.
    pub fn lab(queues: u32) -> Result<Self> {
        Ok(Self {
            name: SCAN.to_owned(),
            index: Interface::by_name(SCAN)?.index,
            mac: SCAN_MAC,
            router_mac: ROUTER_MAC,
            source: SOURCE,
            targets: Ipv4Net::new(LAB, LAB_LEN)?,
            lab: true,
            queues,
            mode: XdpMode::Copy,
            over: "veth".to_owned(),
            sent: AtomicU64::new(0),
            began: Instant::now(),
        })
    }

    /// Link-layer header and source of the probes.
    #[must_use]
    pub fn way(&self) -> Way {
        let link = Link::Ethernet { source: self.mac, destination: self.router_mac, vlan: None };
        Way::new(link, Some(self.source), None)
    }

    /// All addresses with 2^15 ports each: in the lab more than any run sends.
    ///
    /// # Errors
    /// When the engine refuses them.
    pub fn plan_of_all(&self, seed: u64) -> Result<Plan> {
        plan(self.targets, MOST_PORTS as u16, seed)
    }

    /// A plan of `wanted` pairs (a power of two), or of as many as the targets have.
    ///
    /// # Errors
    /// When the engine refuses them.
    pub fn plan(&self, seed: u64, wanted: u64) -> Result<Plan> {
        let pairs = self.pairs(wanted);
        let plan = if self.lab {
            let length = 32 - (pairs / u64::from(LAB_PORTS)).ilog2();
            plan(Ipv4Net::new(LAB, length as u8)?, LAB_PORTS, seed)?
        } else {
            plan(self.targets, (pairs / self.addresses()) as u16, seed)?
        };
        ensure!(plan.len() == pairs, "{} pairs", plan.len());
        Ok(plan)
    }

    /// How many pairs [`Wire::plan`] has.
    #[must_use]
    pub fn pairs(&self, wanted: u64) -> u64 {
        if self.lab {
            return wanted;
        }
        let addresses = self.addresses();
        addresses * (wanted / addresses).clamp(1, MOST_PORTS)
    }

    fn addresses(&self) -> u64 {
        1 << (32 - self.targets.prefix_len())
    }

    /// Notes that `packets` were sent.
    ///
    /// # Errors
    /// When a run on a card has taken too long.
    pub fn count(&self, packets: u64) -> Result<()> {
        self.sent.fetch_add(packets, Ordering::Relaxed);
        ensure!(
            self.lab || self.began.elapsed() < LONGEST,
            "stopped after {} s: fewer --pairs take less",
            LONGEST.as_secs()
        );
        Ok(())
    }

    /// How many packets were sent since the interface had counted `before`, by our books
    /// and by the interface's own counter, which is not the far end's.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn account(&self, before: u64) -> Result<String> {
        let left = self.left()? - before;
        let sent = self.sent.load(Ordering::Relaxed);
        let (name, targets) = (&self.name, self.targets);
        Ok(format!(
            "sent to {targets}: {sent} packets by our books; {name} counted {left} out (its \
             tx_packets, other traffic included; some drivers count AF_XDP and redirected frames \
             only in ethtool -S). What arrived, the far end's counters tell"
        ))
    }

    /// Waits until the card has a carrier: many drivers take the link down for a
    /// moment when a program comes or goes.
    ///
    /// # Errors
    /// When it does not come.
    pub fn settle(&self) -> Result<()> {
        let deadline = Instant::now() + CARRIER_PATIENCE;
        while !self.lab && !Interface::by_name(&self.name)?.carrier {
            ensure!(Instant::now() < deadline, "{} has lost its carrier", self.name);
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// What the interface itself says it has sent.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn left(&self) -> Result<u64> {
        Ok(Interface::by_name(&self.name)?.statistics()?.tx_packets)
    }
}

fn plan(targets: Ipv4Net, ports: u16, seed: u64) -> Result<Plan> {
    let mut builder = Plan::builder();
    builder.target(&[range(targets)?], true).ports(PortSet::new(1..=ports)).seed(seed);
    Ok(builder.build()?)
}

fn range(targets: Ipv4Net) -> Result<IpRange> {
    IpRange::prefix(targets.network().into(), targets.prefix_len()).context("a prefix")
}

/// An address or a prefix of hosts that may get probes.
fn parse_target(text: &str) -> Result<Ipv4Net, Usage> {
    let refuse = |why: &str| Usage(format!("target {text}: {why}"));
    let targets = text
        .parse::<Ipv4Net>()
        .or_else(|_| text.parse::<Ipv4Addr>().map(Ipv4Net::from))
        .map_err(|_| refuse("not an IPv4 address, alone or with a prefix length"))?;
    let (first, last) = (targets.network(), targets.broadcast());
    if targets.prefix_len() < WIDEST {
        return Err(refuse("more addresses than a /16"));
    }
    let no_host = |addr: Ipv4Addr| {
        addr.is_loopback() || addr.is_multicast() || addr.octets()[0] == 0 || addr.is_broadcast()
    };
    if no_host(first) || no_host(last) {
        return Err(refuse("not the address of another host"));
    }
    Ok(targets.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_a_host_of_ones_own_is_a_target() {
        let target = |text: &str| parse_target(text).ok().map(|net| net.to_string());
        assert_eq!(target("198.18.0.2").as_deref(), Some("198.18.0.2/32"));
        assert_eq!(target("198.18.7.9/16").as_deref(), Some("198.18.0.0/16"));
        for text in ["", "0.0.0.0", "0.0.0.0/0", "198.18.0.0/15", "127.0.0.1", "224.0.0.1"]
            .iter()
            .chain(&["255.255.255.255", "2001:2::1", "198.18.0.1,198.18.0.2", "localhost"])
        {
            assert_eq!(target(text), None, "{text}");
        }
    }
}
