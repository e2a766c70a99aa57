//! The lab's two network namespaces and the veth pair between them.
//!
//! ```text
//!   scanner's namespace                      far namespace
//!   scan0 198.19.255.1/30  ───── veth ─────  lab0 198.19.255.2/30 (router)
//!         2001:2:0:ffff::1/126                    2001:2:0:ffff::2/126
//!         default routes via the router           198.19.255.10/32 … real servers
//!                                                 2001:2:0:ffff::10/128 …
//! ```
//!
//! The namespaces have no names: they live as long as a process is in them or
//! holds them open, so that nothing is left even after SIGKILL. There is no
//! route out of either.
//!
//! In place of the veth pair the ends may be two cards that are joined by a cable:
//! they are moved into the namespaces, and the kernel gives them back when those end.

use std::fs::File;
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};

use super::args::Usage;
use super::kernel;

/// The scanner's end.
pub const SCAN: &str = "scan0";
/// The far end.
pub const FAR: &str = "lab0";
/// MAC address of the far end, the router's.
pub const ROUTER_MAC: [u8; 6] = [0x02, 0x70, 0x72, 0x74, 0x69, 0x02];
/// MAC address of the scanner's end.
pub const SCAN_MAC: [u8; 6] = [0x02, 0x70, 0x72, 0x74, 0x69, 0x01];
/// The router.
pub const ROUTER_V4: std::net::Ipv4Addr = std::net::Ipv4Addr::new(198, 19, 255, 2);
/// The router.
pub const ROUTER_V6: std::net::Ipv6Addr = std::net::Ipv6Addr::new(0x2001, 2, 0, 0xffff, 0, 0, 0, 2);

/// What joins the two namespaces.
#[derive(Clone, Debug)]
pub enum Link {
    /// A veth pair.
    Veth {
        /// Queues of both ends.
        queues: u32,
        /// MTU of both ends.
        mtu: u32,
    },
    /// Two cards of this host.
    Cards {
        /// The one that becomes the scanner's end.
        scan: String,
        /// The one that becomes the far end.
        far: String,
    },
}

/// Both namespaces, held open, and the one that they were made in.
#[derive(Debug)]
pub struct Namespaces {
    home: File,
    scan: File,
    far: File,
}

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Where the lab was started.
    Home,
    /// Where the command runs.
    Scan,
    /// Where the answers come from.
    Far,
}

impl Namespaces {
    /// Makes both and leaves this thread in the far one.
    pub fn new() -> Result<Self> {
        let current = || File::open("/proc/thread-self/ns/net");
        let fresh = || -> io::Result<File> {
            kernel::unshare(UnshareFlags::NEWNET)?;
            current()
        };
        let home = current().context("/proc/thread-self/ns/net")?;
        let scan = fresh().context("cannot make a network namespace")?;
        let far = fresh().context("cannot make a second network namespace")?;
        Ok(Self { home, scan, far })
    }

    /// Moves this thread.
    pub fn enter(&self, side: Side) -> Result<()> {
        let file = match side {
            Side::Home => &self.home,
            Side::Scan => &self.scan,
            Side::Far => &self.far,
        };
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
            .context("cannot enter a network namespace of the lab")
    }

    /// Makes the link, addresses and routes. `scan_pid` is a process in the
    /// scanner's namespace; `addresses` are the real servers'. Ends in the far one.
    pub fn connect(&self, scan_pid: i32, link: &Link, addresses: &[IpAddr]) -> Result<()> {
        let (far_mac, scan_mac) = (mac_text(ROUTER_MAC), mac_text(SCAN_MAC));
        let (mut far, mut scan) = match link {
            Link::Veth { queues, mtu } => {
                let ends = format!("mtu {mtu} numrxqueues {queues} numtxqueues {queues}");
                let pair = format!(
                    "link add {FAR} address {far_mac} {ends} type veth \
                         peer name {SCAN} address {scan_mac} {ends} netns {scan_pid}\n"
                );
                (pair, String::new())
            }
            Link::Cards { scan: scan_card, far: far_card } => {
                self.enter(Side::Home)?;
                let moved = ip_batch(&format!(
                    "link set {scan_card} name {SCAN} netns {scan_pid}\n\
                     link set {far_card} name {FAR} netns {}\n",
                    path_of(&self.far)
                ));
                self.enter(Side::Far)?;
                moved?;
                (
                    format!("link set {FAR} address {far_mac}\n"),
                    format!("link set {SCAN} address {scan_mac}\n"),
                )
            }
        };
        far += &format!(
            "link set {FAR} addrgenmode none\n\
             addr add {ROUTER_V4}/30 dev {FAR}\n\
             addr add {ROUTER_V6}/126 dev {FAR} nodad\n\
             link set lo up\n\
             link set {FAR} up\n"
        );
        for ip in addresses {
            far += &match ip {
                IpAddr::V4(ip) => format!("addr add {ip}/32 dev {FAR}\n"),
                IpAddr::V6(ip) => format!("addr add {ip}/128 dev {FAR} nodad\n"),
            };
        }
        scan += &format!(
            "link set {SCAN} addrgenmode none\n\
             addr add 198.19.255.1/30 dev {SCAN}\n\
             addr add 2001:2:0:ffff::1/126 dev {SCAN} nodad\n\
             link set lo up\n\
             link set {SCAN} up\n\
             route add default via {ROUTER_V4} dev {SCAN}\n\
             route add ::/0 via {ROUTER_V6} dev {SCAN}\n"
        );
        ip_batch(&far)?;
        self.enter(Side::Scan)?;
        let veth = matches!(link, Link::Veth { .. });
        let scan = ip_batch(&scan).and_then(|()| {
            if veth { kernel::enable_gro(SCAN).context("cannot turn GRO on") } else { Ok(()) }
        });
        self.enter(Side::Far)?;
        scan
    }

    /// Moves cards back to where they came from, under the names and MAC addresses that
    /// they had there. (Where the lab is killed, the kernel moves them, under ours.)
    pub fn give_back(&self, link: &Link, macs: &[String; 2]) -> Result<()> {
        let Link::Cards { scan, far } = link else { return Ok(()) };
        let home = path_of(&self.home);
        let ends = [(Side::Scan, SCAN, scan, &macs[0]), (Side::Far, FAR, far, &macs[1])];
        for (side, end, card, mac) in ends {
            self.enter(side)?;
            ip_batch(&format!(
                "link set {end} down\nlink set {end} address {mac} name {card} netns {home}\n"
            ))
            .with_context(|| format!("{card} stays in the lab's namespace until that ends"))?;
        }
        self.enter(Side::Far)
    }

    /// The counters of the scanner's end, then of the far one. Ends in the far namespace.
    pub fn link_counters(&self) -> Result<[LinkCounters; 2]> {
        self.enter(Side::Scan)?;
        let scan = LinkCounters::read(SCAN);
        self.enter(Side::Far)?;
        Ok([scan?, LinkCounters::read(FAR)?])
    }
}

impl Link {
    /// The MAC addresses of cards that are still where they belong.
    pub fn macs(&self) -> Result<[String; 2]> {
        let Self::Cards { scan, far } = self else { return Ok(Default::default()) };
        let mac = |card: &String| {
            std::fs::read_to_string(format!("/sys/class/net/{card}/address"))
                .map(|text| text.trim().to_owned())
                .map_err(|_| Usage(format!("--cards: there is no interface {card}")).into())
        };
        mac(scan).and_then(|scan| Ok([scan, mac(far)?]))
    }
}

/// A name of a namespace that `ip` understands.
fn path_of(namespace: &File) -> String {
    format!("/proc/{}/fd/{}", std::process::id(), namespace.as_raw_fd())
}

/// What the kernel counted on an interface.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LinkCounters {
    /// The interface.
    pub interface: String,
    /// Packets received.
    pub rx_packets: u64,
    /// Packets that did not get into the receive queue.
    pub rx_dropped: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Packets that the other end did not take.
    pub tx_dropped: u64,
}

impl LinkCounters {
    fn read(interface: &str) -> Result<Self> {
        let table = std::fs::read_to_string("/proc/thread-self/net/dev")?;
        Self::parse(&table, interface).with_context(|| format!("{interface} in /proc/net/dev"))
    }

    fn parse(table: &str, interface: &str) -> Option<Self> {
        let line = table
            .lines()
            .find_map(|line| line.trim_start().strip_prefix(interface)?.strip_prefix(':'))?;
        let fields: Vec<u64> =
            line.split_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
        Some(Self {
            interface: interface.to_owned(),
            rx_packets: *fields.get(1)?,
            rx_dropped: *fields.get(3)?,
            tx_packets: *fields.get(9)?,
            tx_dropped: *fields.get(11)?,
        })
    }
}

/// `02:70:…`.
pub fn mac_text(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

/// Runs `ip` over a list of commands in this thread's namespace.
pub(super) fn ip_batch(commands: &str) -> Result<()> {
    let mut child = Command::new("ip")
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot run ip; on Debian: apt-get install iproute2")?;
    let mut input = child.stdin.take().context("ip has no standard input")?;
    input.write_all(commands.as_bytes()).context("cannot write to ip")?;
    drop(input);
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("ip refused: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn link_counters_are_read_by_column() {
        let table = "Inter-|   Receive  |  Transmit\n face |bytes packets\n\
             lab0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n";
        let read = LinkCounters::parse(table, "lab0").unwrap();
        assert_eq!(
            (read.rx_packets, read.rx_dropped, read.tx_packets, read.tx_dropped),
            (2, 4, 10, 12)
        );
        assert_eq!(LinkCounters::parse(table, "lab"), None);
    }
}
