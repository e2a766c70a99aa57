//! The ways in and out. A port takes indices and makes packets of them; whether
//! it crafts in a UMEM frame or in a buffer is its own affair. All `unsafe` and
//! all kernel ABI of packet I/O live in this folder.

pub(crate) mod ability;
pub mod doorbell;
pub(crate) mod ethtool;
pub mod filter;
pub mod live;
pub mod memory;
pub(crate) mod numa;
mod outbox;
pub mod packet;
pub mod raw;
pub mod several;
mod socket;
mod stages;
mod tap;
pub mod xsk;

use std::sync::Arc;
use std::time::Duration;

use prtip_bpf::mapping::Mapping;

pub use stages::SendStages;

use crate::error::Result;
use crate::plan::probe::Prober;

/// Probes that one [`Port::send`] takes at most, where the port crafts them.
pub const SEND_BATCH: usize = crate::plan::probe::RESOLVE_BATCH;

/// A way in and out, owned by one worker.
///
/// One turn of a worker: `send` a batch (crafts and submits, no system call
/// until the kick at its end), `receive` what came. No method allocates, logs
/// or reads a clock for each packet.
pub trait Port: Send {
    /// Most probes that one [`send`](Self::send) takes, at most [`live::BURST`].
    fn burst(&self) -> usize {
        SEND_BATCH
    }

    /// The memory in which this port itself writes when probes leave: one ring an
    /// attempt, as [`SendTimes`](crate::scan::send_time::SendTimes) reads them.
    /// `None`: the worker writes the times.
    fn send_times(&self) -> Option<Arc<Mapping>> {
        None
    }

    /// Says, for the sends that follow, which index has offset 0 in those rings, and
    /// whether some of the probes were refused before: then some of their batch may have left
    /// already, and its time says so ([`TIME_AGAIN`](prtip_bpf::recipe::TIME_AGAIN)).
    fn time_from(&mut self, _base: u64, _again: bool) {}

    /// Crafts and submits `probe(index, attempt)` for a prefix of `indices`
    /// (ascending, at most [`burst`](Self::burst)) and kicks the kernel once; returns the length of
    /// the prefix. Less than all means that the ring or the socket is full: not an error.
    ///
    /// # Errors
    /// When sending has become impossible (interface down or gone).
    fn send(&mut self, prober: &Prober, indices: &[u64], attempt: u8) -> Result<usize>;

    /// Whether questions to the control sample, told by
    /// [`QUESTION`](prtip_bpf::recipe::QUESTION), may stand among the indices of a
    /// [`send`](Self::send): they leave at their place, as one attempt more than there are.
    /// So it is where a send of their own would not meet what probes meet.
    fn takes_questions(&self) -> bool {
        false
    }

    /// Of the indices that the last [`send`](Self::send) took, those that the driver has
    /// refused after all, where the kernel tells which: they did not leave.
    fn refused(&self) -> &[u64] {
        &[]
    }

    /// Queues one frame that is none of a scan's probes (a RST, a probe that asks for an
    /// operating system), written by `fill` into a buffer of at least 512 bytes; `fill`
    /// returns its length. Leaves with the next `send` or `kick`. False when there is no
    /// room.
    fn queue_control(&mut self, fill: &mut dyn FnMut(&mut [u8]) -> usize) -> bool;

    /// Submits what is queued and collects completions.
    ///
    /// # Errors
    /// As for `send`.
    fn kick(&mut self) -> Result<()>;

    /// Hands up to `budget` received frames, each with its kernel receive time in
    /// nanoseconds of CLOCK_MONOTONIC, to `sink`; returns how many. Frames start
    /// with an Ethernet header when [`Port::ethernet`] says so, else with IP.
    fn receive(&mut self, budget: usize, sink: &mut dyn FnMut(&[u8], u64)) -> usize;

    /// Whether received frames start with an Ethernet header.
    fn ethernet(&self) -> bool;

    /// How many calls of [`receive`](Self::receive) look everywhere once.
    fn intakes(&self) -> usize {
        1
    }

    /// Sleeps until something was received or `timeout` has passed.
    fn wait(&mut self, timeout: Duration);

    /// Sleeps for `time`, whatever is received: it waits in the ring or the socket.
    fn rest(&mut self, time: Duration) {
        std::thread::sleep(time);
    }

    /// Stops the intake: what comes from now on is not steered to this port (and not
    /// counted as steered). What is in the rings can still be received. Waits,
    /// bounded, for the completions of what was submitted.
    fn quiesce(&mut self);

    /// The same port, whose sending is timed from now on, batch by batch.
    fn watched(self: Box<Self>) -> Box<dyn Port>;

    /// What has been timed; `None` where nobody watches, or nothing can be told.
    fn stages(&self) -> Option<SendStages> {
        None
    }

    /// The counters so far. May cost system calls; called about a hundred times a second.
    fn counters(&mut self) -> Counters;
}

/// What a port counted. All are totals since the port was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Probes given to the ring or socket.
    pub submitted: u64,
    /// Probes that the kernel has reported as sent.
    pub completed: u64,
    /// Probes that the kernel refused.
    pub tx_failed: u64,
    /// Control frames (RSTs) given to the ring or socket.
    pub controls: u64,
    /// Replies that the kernel filter steered to us, counted by the filter itself
    /// (BPF map, socket statistics).
    pub rx_steered: u64,
    /// Replies steered to us that found no room (ring full, fill ring empty, socket buffer full).
    pub ring_drops: u64,
}

impl std::ops::AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        self.submitted += other.submitted;
        self.completed += other.completed;
        self.tx_failed += other.tx_failed;
        self.controls += other.controls;
        self.rx_steered += other.rx_steered;
        self.ring_drops += other.ring_drops;
    }
}
