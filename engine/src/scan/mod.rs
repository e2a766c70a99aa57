//! Runs a plan through a port: pacing, validation, the window, the ledger.

pub mod ledger;
pub mod pace;
pub mod send_time;
pub mod window;

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use crate::error::Result;
use crate::event::PortEvent;
use crate::latency::Latency;
use crate::plan::Plan;
use ledger::Ledger;
use prtip_bpf::abi::Key;

/// How fast to send.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// Probes a second, retries included.
    PerSecond(f64),
    /// As fast as the port and the receiver can take.
    Max,
}

/// Which way out was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineChoice {
    /// The best that works here.
    Auto,
    /// AF_XDP.
    Xdp,
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
    /// RX queues to bind; `None`: all.
    pub queues: Option<u32>,
    /// Interface; `None`: as the route says.
    pub interface: Option<String>,
    /// Source addresses, at most one a family; as the route says where none.
    pub source_ips: Vec<IpAddr>,
    /// Source ports; default 61000-65535.
    pub source_ports: RangeInclusive<u16>,
    /// The next hop's MAC address; by netlink where none.
    pub router_mac: Option<[u8; 6]>,
    /// 802.1Q tag.
    pub vlan: Option<u16>,
    /// Shape of the SYN.
    pub syn: SynOptions,
    /// Send a RST for every SYN-ACK where the kernel does not.
    pub rst: bool,
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
            queues: None,
            interface: None,
            source_ips: Vec::new(),
            source_ports: 61000..=65535,
            router_mac: None,
            vlan: None,
            syn: SynOptions::Mss,
            rst: true,
        }
    }
}

/// Asks a running scan to end; shared with signal handlers.
#[derive(Debug, Default)]
pub struct Control(AtomicU8);

impl Control {
    /// First call: stop sending, drain the cooldown. Second: stop at once.
    pub fn stop(&self) {
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |level| {
            Some(level.saturating_add(1))
        });
    }

    /// 0 running, 1 draining, 2 and more: stop at once.
    #[must_use]
    pub fn level(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How a scan will run, known before the first probe.
#[derive(Clone, Debug)]
pub struct Info {
    /// `xdp`, `packet` or `raw`.
    pub port_engine: &'static str,
    /// `zerocopy`, `copy` or `generic`; `None` without AF_XDP.
    pub xdp_mode: Option<&'static str>,
    /// Interface name.
    pub interface: String,
    /// Queues bound, workers started.
    pub queues: u32,
    /// Worker threads.
    pub workers: u32,
    /// Why this engine and mode, one sentence.
    pub why: String,
    /// Attempts per pair, retries included.
    pub attempts: u8,
    /// Bytes of one probe on the wire: frame with FCS, preamble and gap, 0 on loopback.
    pub wire_bytes: u32,
}

/// Where a scan stands; made a few times a second.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Probes sent so far, retries included.
    pub sent: u64,
    /// Valid replies so far, duplicates included.
    pub replies: u64,
    /// Open ports so far.
    pub open: u64,
    /// Ring, event and interface drops so far.
    pub drops: u64,
    /// 0-100 of everything, cooldown included.
    pub percent: f64,
    /// Seconds to the end, cooldown and retries included.
    pub eta_s: f64,
    /// Probes a second since the last progress.
    pub pps: f64,
    /// Probes a second since the start.
    pub pps_average: f64,
}

/// Takes what a scan finds, on the thread that called [`Prepared::run`].
pub trait Observer {
    /// A new or revised result. Must not fail; a sink that cannot write keeps
    /// the error and reports it at the end.
    fn port(&mut self, event: &PortEvent);
    /// Where the scan stands, about four times a second.
    fn progress(&mut self, progress: &Progress);
    /// A pause without results: time to submit buffers. Called at least every 50 ms.
    fn idle(&mut self);
}

/// What a finished scan says.
#[derive(Debug)]
pub struct Report {
    /// The books.
    pub ledger: Ledger,
    /// Ports open at the end.
    pub open: u64,
    /// Ports closed at the end.
    pub closed: u64,
    /// Ports filtered at the end: ICMP errors and silence.
    pub filtered: u64,
    /// From the first probe to the end of the cooldown.
    pub elapsed: Duration,
    /// Round-trip times of the first valid answers.
    pub latency: Latency,
    /// Stopped by [`Control::stop`] before everything was sent.
    pub stopped: bool,
    /// Why `unaccounted` is not 0, or other words the user should read.
    pub remarks: Vec<String>,
}

/// A scan with its port open, ready to send.
pub struct Prepared {}

/// Resolves the route, chooses and opens the port.
///
/// # Errors
/// With the likely cause and the remedy; nothing is left behind.
pub fn prepare(plan: Plan, key: Key, options: &Options) -> Result<Prepared> {
    let _ = (plan, key, options);
    unimplemented!()
}

impl Prepared {
    /// How it will run.
    pub fn info(&self) -> &Info {
        unimplemented!()
    }

    /// Runs to the end, blocking; results go to `observer`.
    ///
    /// # Errors
    /// When sending has become impossible.
    pub fn run(self, control: &Control, observer: &mut dyn Observer) -> Result<Report> {
        let _ = (control, observer);
        unimplemented!()
    }
}
