//! A scan as asked for.

use std::net::IpAddr;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use crate::event::PortState;

/// How fast to send.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// Probes a second, retries included.
    PerSecond(f64),
    /// As fast as the port and the receiver can take.
    Max,
    /// As fast as measured loss allows, on this host and on the way.
    Auto,
}

/// Which way out was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineChoice {
    /// The best that works here.
    Auto,
    /// AF_XDP.
    Xdp,
    /// Probes made by the kernel, replies over AF_XDP.
    Live,
    /// AF_PACKET.
    Packet,
    /// Raw IP sockets.
    Raw,
}

/// How an AF_XDP socket is to be bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XdpMode {
    /// Zero-copy, else copy, else generic.
    Auto,
    /// The driver's own buffers.
    Zerocopy,
    /// Copy mode with a native program.
    Copy,
    /// Copy mode with a generic (skb) program.
    Generic,
}

/// Whether a host on the local link is up when it answers there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkAnswers {
    /// Yes; other hosts are asked as the plan says.
    WhereOnLink,
    /// Yes, and there must be no others.
    Only,
    /// No: it is asked as the plan says, as all others.
    Never,
}

/// TCP options of the SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SynOptions {
    /// None: 20-byte TCP header.
    Bare,
    /// MSS only, 24 bytes.
    Mss,
    /// What Linux sends: MSS, SACK permitted, timestamp, window scale; 40 bytes.
    Linux,
}

/// What an interrupted run of the same scan has left.
#[derive(Clone, Debug, Default)]
pub struct Resume {
    /// Finished indices, ascending and apart: not probed again.
    pub finished: Vec<Range<u64>>,
    /// Results of other indices: probed again, and not reported again.
    pub known: Vec<(u64, PortState)>,
    /// Results of finished indices that are open (or up), and closed (or unfiltered).
    pub counts: (u64, u64),
}

/// A scan as asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// Pace.
    pub rate: Rate,
    /// Further attempts at what has not answered; `None`: 1 up to 2^20 pairs, else 0.
    pub retries: Option<u8>,
    /// How long to listen after the last probe.
    pub cooldown: Duration,
    /// Way out.
    pub engine: EngineChoice,
    /// AF_XDP bind mode.
    pub xdp_mode: XdpMode,
    /// Fail (kind `Denied`) when zero-copy is not to be had.
    pub require_zerocopy: bool,
    /// Poll the card from the workers, so many microseconds at a time (AF_XDP).
    pub busy_poll_us: Option<u32>,
    /// RX queues to bind; `None`: all.
    pub queues: Option<u32>,
    /// Interfaces; none: as the routes say.
    pub interfaces: Vec<String>,
    /// Source addresses, all of them used; as the route says where a family has none.
    pub source_ips: Vec<IpAddr>,
    /// Source ports; default 61000-65535.
    pub source_ports: RangeInclusive<u16>,
    /// The next hop's MAC address; by netlink where none.
    pub router_mac: Option<[u8; 6]>,
    /// Where hosts are looked for: those on the local link by ARP and neighbour discovery.
    pub link_answers: LinkAnswers,
    /// 802.1Q tag.
    pub vlan: Option<u16>,
    /// Shape of the SYN.
    pub syn: SynOptions,
    /// Report silent pairs too, as filtered, at the end (at most 2^28 pairs).
    pub report_silent: bool,
    /// Where an interrupted run of it stood.
    pub resume: Option<Resume>,
    /// Words for people who see our probes, in payloads that have room.
    pub contact: Option<String>,
    /// Hand over the header fields of replies ([`PortEvent::heard`](crate::event::PortEvent)).
    pub headers: bool,
    /// Hand over accepted replies as they were received.
    pub frames: bool,
    /// Send a RST for every SYN-ACK where the kernel does not.
    pub rst: bool,
    /// Time the engine's own stages ([`Stages`](crate::scan::stages::Stages)).
    pub stages: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rate: Rate::PerSecond(1000.0),
            retries: None,
            cooldown: Duration::from_secs(4),
            engine: EngineChoice::Auto,
            xdp_mode: XdpMode::Auto,
            require_zerocopy: false,
            busy_poll_us: None,
            queues: None,
            interfaces: Vec::new(),
            source_ips: Vec::new(),
            source_ports: 61000..=65535,
            router_mac: None,
            link_answers: LinkAnswers::WhereOnLink,
            vlan: None,
            syn: SynOptions::Mss,
            report_silent: false,
            resume: None,
            contact: None,
            headers: false,
            frames: false,
            rst: true,
            stages: false,
        }
    }
}
