//! The AF_PACKET port: frames go out by `sendmmsg` past the qdisc, replies come
//! in through a filtered packet socket.
//!
//! The first fallback where AF_XDP cannot be had, and the choice at low rates,
//! since nothing is attached to the interface. One worker, one socket each way:
//! its limit is the kernel's per-packet cost, which a second socket would share.
//!
//! What it does not do: keep replies from the kernel. The kernel sees every
//! SYN-ACK too, knows no such connection, and answers with a RST of its own, so
//! that half-open connections end without our help; [`Port::queue_control`] works
//! all the same.

use std::os::fd::AsFd;
use std::time::Duration;

use rustix::net::sockopt::set_socket_send_buffer_size_force;
use socket2::{Domain, Socket, Type};

use super::filter::{ReplyFilter, Start};
use super::outbox::{Outbox, Tally};
use super::socket::{bind_packet, set_option};
use super::stages::{Nobody, Staged, Watched, Watching};
use super::tap::Tap;
use super::{Counters, Port};
use crate::error::{Error, Kind, Result};
use crate::plan::probe::Prober;

/// Bytes of received packets that the kernel holds for us, as it counts them
/// (about 1 KiB a reply).
pub const RECEIVE_BUFFER_BYTES: usize = 64 << 20;
/// Bytes of packets on their way through the driver, as the kernel counts them.
const SEND_BUFFER_BYTES: usize = 8 << 20;

/// Where a packet port opens and what it hears.
#[derive(Clone, Debug)]
pub struct Config {
    /// Name of the interface, for messages.
    pub interface: String,
    /// Its index.
    pub ifindex: u32,
    /// Which replies are ours.
    pub filter: ReplyFilter,
    /// Usually [`RECEIVE_BUFFER_BYTES`].
    pub receive_buffer_bytes: usize,
}

/// A way in and out through packet sockets.
pub struct PacketPort {
    interface: String,
    socket: Socket,
    tap: Tap,
    probes: Outbox,
    controls: Outbox,
    probe_tally: Tally,
    control_tally: Tally,
}

impl PacketPort {
    /// Opens both sockets.
    ///
    /// # Errors
    /// `Denied` without CAP_NET_RAW, else `Failed`.
    pub fn open(config: Config) -> Result<Self> {
        let story = |error| open_error("AF_PACKET", &config.interface, error);
        let tap =
            Tap::open(config.ifindex, Start::Ethernet, &config.filter, config.receive_buffer_bytes)
                .map_err(story)?;
        // Protocol 0: this socket hears nothing.
        let socket = Socket::new(Domain::PACKET, Type::RAW.cloexec(), None).map_err(story)?;
        set_option(socket.as_fd(), libc::SOL_PACKET, libc::PACKET_QDISC_BYPASS, 1)
            .and_then(|()| Ok(set_socket_send_buffer_size_force(&socket, SEND_BUFFER_BYTES)?))
            .and_then(|()| bind_packet(socket.as_fd(), config.ifindex, 0))
            .map_err(story)?;
        Ok(Self {
            interface: config.interface,
            socket,
            tap,
            probes: Outbox::new(),
            controls: Outbox::new(),
            probe_tally: Tally::default(),
            control_tally: Tally::default(),
        })
    }
}

impl Staged for PacketPort {
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
        let result = self.probes.send(self.socket.as_fd(), indices.len(), &mut self.probe_tally);
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

impl Port for PacketPort {
    fn send(&mut self, prober: &Prober, indices: &[u64], attempt: u8) -> Result<usize> {
        self.send_watched(prober, indices, attempt, &mut Nobody)
    }

    fn queue_control(&mut self, fill: &mut dyn FnMut(&mut [u8]) -> usize) -> bool {
        self.controls.push(fill)
    }

    fn kick(&mut self) -> Result<()> {
        let pending = self.controls.pending();
        if pending > 0 {
            self.controls
                .send(self.socket.as_fd(), pending, &mut self.control_tally)
                .map_err(|error| send_error(&self.interface, error))?;
        }
        self.controls.clear();
        Ok(())
    }

    fn receive(&mut self, budget: usize, sink: &mut dyn FnMut(&[u8], u64)) -> usize {
        self.tap.receive(budget, sink)
    }

    fn ethernet(&self) -> bool {
        true
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

/// The books of a port made of a tap and two tallies.
pub(super) fn counters(tap: &mut Tap, probes: Tally, controls: Tally) -> Counters {
    let (rx_steered, ring_drops) = tap.statistics();
    Counters {
        submitted: probes.accepted + probes.refused,
        completed: probes.accepted,
        tx_failed: probes.refused,
        controls: controls.accepted + controls.refused,
        rx_steered,
        ring_drops,
    }
}

/// Why a socket could not be opened.
pub(super) fn open_error(what: &str, interface: &str, error: std::io::Error) -> Error {
    let what = format!("open {what} sockets on {interface}");
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => Error::new(Kind::Denied, what)
            .because_of(error)
            .cause("raw sockets and large buffers need CAP_NET_RAW and CAP_NET_ADMIN")
            .remedy("run as root or through sudo"),
        Some(libc::ENODEV | libc::ENXIO) => Error::new(Kind::Failed, what)
            .because_of(error)
            .cause("the interface is gone")
            .remedy("name another with -e"),
        Some(libc::ENETDOWN) => Error::new(Kind::Failed, what)
            .because_of(error)
            .cause("the interface is down")
            .remedy(format!("ip link set {interface} up")),
        _ => Error::new(Kind::Failed, what).because_of(error),
    }
}

/// Why nothing can be sent any more.
pub(super) fn send_error(interface: &str, error: std::io::Error) -> Error {
    Error::new(Kind::Failed, format!("send on {interface}"))
        .because_of(error)
        .cause("the interface went down or was removed")
        .remedy(format!("ip link set {interface} up, then scan again"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn missing_privileges_and_a_lost_interface_are_told_apart() {
        let error = |errno| open_error("AF_PACKET", "scan0", io::Error::from_raw_os_error(errno));
        assert_eq!(error(libc::EPERM).kind, Kind::Denied);
        assert!(error(libc::EPERM).to_string().contains("sudo"));
        assert_eq!(error(libc::ENODEV).kind, Kind::Failed);
        assert!(error(libc::ENETDOWN).to_string().contains("ip link set scan0 up"));
    }
}
