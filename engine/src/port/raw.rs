//! The raw IP port: whole IP packets go out through the kernel's routing, so
//! that it finds the next hop; replies come in through a filtered packet socket
//! that starts at the IP header.
//!
//! For loopback (where AF_XDP would need sysctls changed), for the host's own
//! addresses (their traffic runs over loopback whatever their interface), for
//! tunnels without a link-layer header, and for targets on the local network,
//! whose MAC addresses only the kernel knows one by one. Slower than AF_PACKET
//! because every packet is routed.
//!
//! On loopback our own SYNs come back, and the filter drops them by their flags.
//! The kernel sees the SYN-ACKs too and answers them with a RST: nothing stays
//! half open. For a neighbour that does not answer ARP or NDP the kernel holds and
//! then drops packets without a word to us; they count as sent.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_send_buffer_size_force};
use socket2::{Domain, Protocol, Socket, Type};

use super::filter::{ReplyFilter, Start};
use super::outbox::{Outbox, Tally};
use super::packet::{Config, counters, open_error, send_error};
use super::socket::set_option;
use super::stages::{Nobody, Staged, Watched, Watching};
use super::tap::Tap;
use super::{Counters, Port};
use crate::error::Result;
use crate::plan::probe::Prober;

const SEND_BUFFER_BYTES: usize = 8 << 20;

/// The sending sockets, one a family; `None` where that family is not scanned.
struct Sockets {
    v4: Option<Socket>,
    v6: Option<Socket>,
}

/// A way in and out through raw IP sockets.
pub struct RawPort {
    interface: String,
    sockets: Sockets,
    tap: Tap,
    probes: Outbox,
    controls: Outbox,
    probe_tally: Tally,
    control_tally: Tally,
}

impl RawPort {
    /// Opens the sockets. `loopback` tells that the interface is `lo`: then
    /// packets are not bound to it, since the routes to the host's other own
    /// addresses name their own interfaces.
    ///
    /// # Errors
    /// `Denied` without CAP_NET_RAW, else `Failed`.
    pub fn open(config: Config, loopback: bool) -> Result<Self> {
        let story = |error| open_error("raw IP", &config.interface, error);
        let device = (!loopback).then_some(config.interface.as_str());
        let sockets = Sockets::open(&config.filter, device).map_err(story)?;
        let tap = Tap::open(config.ifindex, Start::Ip, &config.filter, config.receive_buffer_bytes)
            .map_err(story)?;
        Ok(Self {
            interface: config.interface,
            sockets,
            tap,
            probes: Outbox::new(),
            controls: Outbox::new(),
            probe_tally: Tally::default(),
            control_tally: Tally::default(),
        })
    }
}

impl Sockets {
    fn open(filter: &ReplyFilter, device: Option<&str>) -> io::Result<Self> {
        let (mut v4, mut v6) = (None, None);
        if !filter.sources_v4.is_empty() {
            let socket = transmitter(Domain::IPV4, device)?;
            socket.set_header_included_v4(true)?;
            v4 = Some(socket);
        }
        if !filter.sources_v6.is_empty() {
            let socket = transmitter(Domain::IPV6, device)?;
            set_option(socket.as_fd(), libc::IPPROTO_IPV6, libc::IPV6_HDRINCL, 1)?;
            v6 = Some(socket);
        }
        Ok(Self { v4, v6 })
    }

    /// Sends everything pending, in runs of one family; stops where the kernel is full.
    fn send(&self, outbox: &mut Outbox, tally: &mut Tally) -> io::Result<()> {
        while let Some(version) = outbox.next_version() {
            let socket = match version {
                4 => &self.v4,
                6 => &self.v6,
                _ => &None,
            };
            let Some(socket) = socket else {
                outbox.refuse_one(tally);
                continue;
            };
            let run = outbox.address_run(version);
            if !outbox.send(socket.as_fd(), run, tally)? {
                break;
            }
        }
        Ok(())
    }
}

/// A socket that takes whole IP packets and hears none.
fn transmitter(domain: Domain, device: Option<&str>) -> io::Result<Socket> {
    // IPPROTO_RAW: no packet carries this protocol, so nothing is ever received.
    let protocol = Protocol::from(libc::IPPROTO_RAW);
    let socket = Socket::new(domain, Type::RAW.nonblocking().cloexec(), Some(protocol))?;
    set_socket_send_buffer_size_force(&socket, SEND_BUFFER_BYTES)?;
    set_socket_recv_buffer_size(&socket, 0)?;
    socket.bind_device(device.map(str::as_bytes))?;
    Ok(socket)
}

impl Staged for RawPort {
    fn send_watched(
        &mut self,
        prober: &Prober,
        indices: &[u64],
        attempt: u8,
        watch: &mut impl Watching,
    ) -> Result<usize> {
        self.kick()?;
        watch.begin();
        self.probes.fill(prober, indices, attempt);
        watch.kick(indices.len(), || {
            self.probe_tally.accepted + self.probe_tally.refused + indices.len() as u64
        });
        let result = self.sockets.send(&mut self.probes, &mut self.probe_tally);
        let taken = indices.len() - self.probes.pending();
        // What is left is sent later, in a batch of its own.
        watch.complete(|| u64::MAX);
        match result {
            // What went before the error is told first; the next call meets the error again.
            Err(error) if taken == 0 => Err(send_error(&self.interface, error)),
            _ => Ok(taken),
        }
    }
}

impl Port for RawPort {
    fn send(&mut self, prober: &Prober, indices: &[u64], attempt: u8) -> Result<usize> {
        self.send_watched(prober, indices, attempt, &mut Nobody)
    }

    fn queue_control(&mut self, fill: &mut dyn FnMut(&mut [u8]) -> usize) -> bool {
        self.controls.push(fill)
    }

    fn kick(&mut self) -> Result<()> {
        self.sockets
            .send(&mut self.controls, &mut self.control_tally)
            .map_err(|error| send_error(&self.interface, error))?;
        self.controls.clear();
        Ok(())
    }

    fn receive(&mut self, budget: usize, sink: &mut dyn FnMut(&[u8], u64)) -> usize {
        self.tap.receive(budget, sink)
    }

    fn ethernet(&self) -> bool {
        false
    }

    fn wait(&mut self, timeout: Duration) {
        self.tap.wait(timeout);
    }

    fn quiesce(&mut self) {
        self.tap.quiesce();
    }

    fn watched(self: Box<Self>) -> Box<dyn Port> {
        Watched::port(*self)
    }

    fn counters(&mut self) -> Counters {
        counters(&mut self.tap, self.probe_tally, self.control_tally)
    }
}
