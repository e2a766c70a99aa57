//! [`XskPort`]: the sockets of one worker as one [`Port`].

use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrayvec::ArrayVec;
use prtip_bpf::steer::{Steer, SteerError};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::super::stages::{Nobody, Staged, Watched, Watching};
use super::super::{Counters, Port, SEND_BATCH};
use super::socket::XskSocket;
use super::{explain, sys};
use crate::error::Result;
use crate::plan::probe::{Fields, Prober, Slot};

/// How long outstanding transmissions are waited for at the end.
const DRAIN: Duration = Duration::from_secs(1);
/// Sockets polled at once; a port with more polls the first ones.
const POLLED_SOCKETS: usize = 64;

/// The AF_XDP sockets of one worker, each on a receive queue of its own.
///
/// Probes leave through the sockets in turn, batch by batch. Dropped in this
/// order: the sockets leave the steering program's map, transmissions are waited
/// for, the sockets close; the program leaves with the last holder of `steer`.
pub struct XskPort {
    interface: Arc<str>,
    /// Before `sockets`, so that it is dropped before them.
    steer: Arc<Steer>,
    sockets: Vec<XskSocket>,
    /// The socket whose turn it is to send.
    tx_turn: usize,
    /// The socket whose turn it is to be read first.
    rx_turn: usize,
    fields: Box<[Fields; SEND_BATCH]>,
    /// Nothing is steered here any more.
    quiet: bool,
    counters: Counters,
}

impl XskPort {
    /// Takes bound sockets and lets the steering program redirect to them.
    pub(super) fn new(
        interface: &Arc<str>,
        steer: &Arc<Steer>,
        sockets: Vec<XskSocket>,
    ) -> std::result::Result<Self, SteerError> {
        for socket in &sockets {
            steer.set_socket(socket.queue(), socket.fd().as_raw_fd())?;
            // The program may have come after the frames: wake the driver again.
            sys::kick_rx(socket.fd());
        }
        Ok(Self {
            interface: Arc::clone(interface),
            steer: Arc::clone(steer),
            sockets,
            tx_turn: 0,
            rx_turn: 0,
            fields: Box::new([Fields::EMPTY; SEND_BATCH]),
            quiet: false,
            counters: Counters::default(),
        })
    }

    /// The receive queues of this port.
    pub fn queues(&self) -> impl Iterator<Item = u32> {
        self.sockets.iter().map(XskSocket::queue)
    }

    /// Writes up to `count` frames (at most [`SEND_BATCH`]) with `fill`, which gets
    /// the position in the batch, the frame and what the frame held last, and
    /// returns the packet's length. Queues them all on one socket, kicks the kernel,
    /// and returns how many they were; they count as probes.
    ///
    /// # Errors
    /// When sending has become impossible.
    pub fn submit_batch(
        &mut self,
        count: usize,
        fill: impl FnMut(usize, &mut [u8], &mut Slot) -> usize,
    ) -> Result<usize> {
        let Some((socket, count)) = self.next_socket(count) else {
            self.kick()?;
            return Ok(0);
        };
        let socket = &mut self.sockets[socket];
        socket.submit_batch(count, fill);
        self.kick_unsent()?;
        Ok(count)
    }

    /// The next socket in turn that has room, and how much of `count` it takes.
    fn next_socket(&mut self, count: usize) -> Option<(usize, usize)> {
        let count = count.min(SEND_BATCH);
        for _ in 0..self.sockets.len() {
            let candidate = self.tx_turn;
            self.tx_turn = (self.tx_turn + 1) % self.sockets.len();
            let room = self.sockets[candidate].room();
            if room > 0 {
                return Some((candidate, count.min(room)));
            }
        }
        None
    }

    /// Kicks the sockets that have something to send.
    fn kick_unsent(&mut self) -> Result<()> {
        for position in 0..self.sockets.len() {
            if self.sockets[position].has_unsent() {
                let kicked = self.sockets[position].kick();
                self.check(kicked)?;
            }
        }
        Ok(())
    }

    fn check(&self, kicked: std::result::Result<(), Errno>) -> Result<()> {
        kicked.map_err(|errno| explain::sending(&self.interface, errno))
    }

    /// Waits, at most [`DRAIN`], until the kernel has sent everything.
    fn drain(&mut self) {
        let deadline = Instant::now() + DRAIN;
        loop {
            // An interface that is gone sends nothing more.
            let gone = self.sockets.iter_mut().any(|socket| socket.kick_again().is_err());
            let outstanding: u64 = self.sockets.iter().map(XskSocket::outstanding).sum();
            if gone || outstanding == 0 || Instant::now() >= deadline {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Staged for XskPort {
    fn send_watched(
        &mut self,
        prober: &Prober,
        indices: &[u64],
        attempt: u8,
        watch: &mut impl Watching,
    ) -> Result<usize> {
        // The error of an earlier kick is told before more is queued.
        self.kick_unsent()?;
        let Some((socket, count)) = self.next_socket(indices.len()) else {
            self.kick()?;
            return Ok(0);
        };
        watch.begin();
        prober.resolve(&indices[..count], attempt, &mut self.fields);
        let (fields, socket) = (&self.fields, &mut self.sockets[socket]);
        socket.submit_batch(count, |position, frame, slot| {
            prober.write(&fields[position], slot, frame)
        });
        watch.kick(count, || self.sockets.iter().map(|socket| socket.probes().0).sum());
        // The frames are in the ring and count as taken; the next call meets the error again.
        let _ = self.kick_unsent();
        Ok(count)
    }

    fn completed(&mut self) -> Option<u64> {
        let completed = self.sockets.iter_mut().map(|socket| {
            socket.collect();
            socket.probes().1
        });
        Some(completed.sum())
    }
}

impl Port for XskPort {
    fn send(&mut self, prober: &Prober, indices: &[u64], attempt: u8) -> Result<usize> {
        self.send_watched(prober, indices, attempt, &mut Nobody)
    }

    fn queue_control(&mut self, fill: &mut dyn FnMut(&mut [u8]) -> usize) -> bool {
        let first = self.tx_turn;
        let count = self.sockets.len();
        (0..count).any(|step| self.sockets[(first + step) % count].submit_control(fill))
    }

    fn kick(&mut self) -> Result<()> {
        for position in 0..self.sockets.len() {
            let kicked = self.sockets[position].kick();
            self.check(kicked)?;
        }
        Ok(())
    }

    fn receive(&mut self, budget: usize, sink: &mut dyn FnMut(&[u8], u64)) -> usize {
        let count = self.sockets.len();
        let mut received = 0;
        for step in 0..count {
            let socket = &mut self.sockets[(self.rx_turn + step) % count];
            received += socket.receive(budget - received, sink);
        }
        self.rx_turn = (self.rx_turn + 1) % count;
        received
    }

    fn ethernet(&self) -> bool {
        true
    }

    fn wait(&mut self, timeout: Duration) {
        let mut fds: ArrayVec<PollFd<'_>, POLLED_SOCKETS> = self
            .sockets
            .iter()
            .take(POLLED_SOCKETS)
            .map(|socket| PollFd::from_borrowed_fd(socket.fd(), PollFlags::IN))
            .collect();
        let timeout = Timespec {
            tv_sec: timeout.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        };
        // A signal or an error ends the wait early, which the caller must bear anyway.
        let _ = poll(&mut fds, Some(&timeout));
    }

    fn quiesce(&mut self) {
        if self.quiet {
            return;
        }
        self.quiet = true;
        for socket in &self.sockets {
            self.steer.clear_socket(socket.queue());
        }
        sys::wait_for_receive_paths();
        self.drain();
    }

    fn watched(self: Box<Self>) -> Box<dyn Port> {
        Watched::port(*self)
    }

    fn counters(&mut self) -> Counters {
        let mut sum = Counters::default();
        for socket in &self.sockets {
            let (submitted, completed, outstanding) = socket.probes();
            sum.submitted += submitted;
            let refused = socket.refused().min(completed);
            sum.completed += completed - refused;
            sum.controls += socket.controls();
            let (Ok(drops), Ok(steered)) = (socket.drops(), self.steer.steered(socket.queue()))
            else {
                // Neither fails on an open socket and a loaded program; if one did, the
                // last counters that could be read stand, and the books show it.
                return self.counters;
            };
            // A refused descriptor is never completed.
            sum.tx_failed += drops.tx_invalid.min(outstanding) + refused;
            sum.ring_drops += drops.rx;
            sum.rx_steered += steered;
        }
        self.counters = sum;
        sum
    }
}

impl Drop for XskPort {
    fn drop(&mut self) {
        self.quiesce();
    }
}
