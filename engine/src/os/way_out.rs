//! The port by which hosts are asked: AF_XDP, AF_PACKET, or raw sockets where there is no
//! Ethernet.
//!
//! Over AF_XDP the steering program is loaded anew. It takes no cookies but flows, which the
//! odd answers to odd probes all have ([`Opened::admit`]); whatever else comes passes on to
//! the kernel. The kernel does not see the answers then and ends nothing that is half open:
//! [`Opened::resets`].

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;

use prtip_bpf::abi::{self, Source, SourceKeys, SteerConfig};
use prtip_bpf::steer::Steer;

use super::probe::{Flow, PORTS};
use super::ways::{Reached, Way};
use crate::error::{Error, Kind, Result};
use crate::port::filter::ReplyFilter;
use crate::port::packet::{Config, PacketPort, RECEIVE_BUFFER_BYTES};
use crate::port::raw::RawPort;
use crate::port::{Port, xsk};
use crate::scan::fault::Fault;
use crate::scan::opener::raw_has_no_tags;
use crate::scan::{EngineChoice, Options};

/// How hosts are asked, known before the first probe.
#[derive(Clone, Debug)]
pub struct WayOut {
    /// Hosts behind this interface.
    pub hosts: usize,
    /// `xdp`, `packet` or `raw`.
    pub port_engine: &'static str,
    /// Why this one, in words.
    pub why: String,
    /// `zerocopy`, `copy` or `generic`; `None` without AF_XDP.
    pub xdp_mode: Option<&'static str>,
    /// Name of the interface.
    pub interface: String,
}

/// An open port.
pub(super) struct Opened {
    pub(super) port: Box<dyn Port>,
    pub(super) out: WayOut,
    steer: Option<Arc<Steer>>,
    /// SYN-ACKs are to be answered.
    pub(super) resets: bool,
}

impl Opened {
    /// Opens what was chosen for a way; `hosts` are those of its hosts that are asked by it,
    /// from 16 ports of ours on, `at_once` at a time.
    pub(super) fn open(
        way: &Way,
        hosts: &[Reached],
        first_port: u16,
        at_once: usize,
        options: &Options,
    ) -> Result<Self> {
        let opener = Opener {
            way,
            sources: hosts.iter().map(|host| host.source).collect(),
            ports: first_port..=first_port + PORTS - 1,
            hosts: hosts.len(),
            at_once: at_once.min(hosts.len()),
            options,
        };
        let choice = &way.choice;
        match choice.engine {
            EngineChoice::Raw => opener.raw(&choice.why),
            EngineChoice::Packet => opener.packet(&choice.why),
            EngineChoice::Live => opener.xdp(&format!(
                "{}, though live frames are for the probes of scans alone",
                choice.why
            )),
            EngineChoice::Xdp | EngineChoice::Auto => {
                choice.xdp_or(|why| opener.xdp(why), |why| opener.packet(why))
            }
        }
    }

    /// Lets the answers of a host come in from now on.
    ///
    /// # Errors
    /// `Failed` where the kernel refuses.
    pub(super) fn admit(&self, flow: &Flow) -> Result<()> {
        let Some(steer) = &self.steer else { return Ok(()) };
        let ports = abi::Flow::new(flow.open, flow.closed, flow.closed_udp);
        steer.set_flow(flow.target, ports).map_err(|error| {
            Error::new(Kind::Failed, format!("ask {} over AF_XDP", flow.target))
                .because_of(std::io::Error::other(error))
        })
    }

    /// The host has been asked: what it sends now is the kernel's.
    pub(super) fn dismiss(&self, host: IpAddr) {
        if let Some(steer) = &self.steer {
            steer.clear_flow(host);
        }
    }
}

struct Opener<'a> {
    way: &'a Way,
    sources: BTreeSet<IpAddr>,
    ports: RangeInclusive<u16>,
    hosts: usize,
    at_once: usize,
    options: &'a Options,
}

impl Opener<'_> {
    fn xdp(&self, why: &str) -> Result<Opened> {
        let source = |addr: &IpAddr| Source { addr: *addr, keys: SourceKeys::default() };
        let steer = SteerConfig {
            sources: self.sources.iter().map(source).collect(),
            port_first: *self.ports.start(),
            port_last: *self.ports.end(),
            flows: self.at_once as u32,
            ..SteerConfig::default()
        };
        let opened = xsk::open(&xsk::Request {
            interface: &self.way.path.interface.name,
            mode: self.options.xdp_mode,
            require_zerocopy: self.options.require_zerocopy,
            queues: self.options.queues,
            probes: self.hosts as u64 * u64::from(PORTS),
            workers: 1,
            busy_poll_us: self.options.busy_poll_us,
            steer: &steer,
        })?;
        let port = opened.ports.into_iter().next().ok_or_else(|| {
            Error::new(Kind::Failed, "open AF_XDP").cause("the interface has no receive queue")
        })?;
        let why = format!("{why}; {}", opened.why);
        let told = Fault::from_environment() != Some(Fault::ForgottenFlows);
        Ok(Opened {
            steer: told.then_some(opened.steer),
            resets: self.options.rst,
            ..self.plain("xdp", &why, Some(opened.mode), Box::new(port))
        })
    }

    fn packet(&self, why: &str) -> Result<Opened> {
        Ok(self.plain("packet", why, None, Box::new(PacketPort::open(self.config())?)))
    }

    fn raw(&self, why: &str) -> Result<Opened> {
        raw_has_no_tags(self.options)?;
        let port = RawPort::open(self.config(), self.way.path.is_local())?;
        Ok(self.plain("raw", why, None, Box::new(port)))
    }

    fn plain(
        &self,
        port_engine: &'static str,
        why: &str,
        xdp_mode: Option<&'static str>,
        port: Box<dyn Port>,
    ) -> Opened {
        let interface = self.way.path.interface.name.clone();
        let (hosts, why) = (self.hosts, why.to_owned());
        let out = WayOut { hosts, port_engine, why, xdp_mode, interface };
        Opened { port, out, steer: None, resets: false }
    }

    fn config(&self) -> Config {
        let (mut sources_v4, mut sources_v6) = (Vec::new(), Vec::new());
        for source in &self.sources {
            match source {
                IpAddr::V4(ip) => sources_v4.push(*ip),
                IpAddr::V6(ip) => sources_v6.push(*ip),
            }
        }
        Config {
            interface: self.way.path.interface.name.clone(),
            ifindex: self.way.path.interface.index,
            filter: ReplyFilter {
                sources_v4,
                sources_v6,
                source_ports: self.ports.clone(),
                udp: false,
                echo: true,
                any_segment: true,
            },
            receive_buffer_bytes: RECEIVE_BUFFER_BYTES,
        }
    }
}
