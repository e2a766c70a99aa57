//! A port without a kernel, for tests and for counting instructions: rings and
//! frames in memory, a far end that answers as scripted, and a clock that only
//! moves when told.
//!
//! Its bookkeeping is that of AF_XDP (free frames, a ring of those to send and
//! those completed, a bounded receive ring), so that a worker meets the same limits; and it
//! costs little: with [`Silence`] as the far end what remains is the work of user
//! space. Faults are drawn from a seed, so that a failing run can be repeated.
//!
//! It does not check packets: what is sent reaches the far end as it is.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::stages::{Nobody, Staged, Watched, Watching};
use super::{Counters, Port, SEND_BATCH};
use crate::error::Result;
use crate::plan::probe::{Fields, Prober, Slot};

/// Bytes of one frame.
const FRAME_BYTES: usize = 1536;

/// Nanoseconds that pass when a test says so; all clones show the same time.
#[derive(Clone, Debug, Default)]
pub struct VirtualClock(Arc<AtomicU64>);

impl VirtualClock {
    /// The time, in nanoseconds.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Lets time pass.
    pub fn advance(&self, time: Duration) {
        self.0.fetch_add(nanoseconds(time), Ordering::Relaxed);
    }
}

/// What answers the probes.
pub trait Responder: Send {
    /// Whether it looks at packets. Where nobody does and nothing goes wrong, the
    /// in-memory kernel sends a whole ring at once, so that counting instructions
    /// counts user space.
    const LISTENS: bool = true;

    /// Takes one packet as it was sent; the answers go into `replies`.
    fn respond(&mut self, packet: &[u8], replies: &mut Replies);
}

/// A far end that never answers.
pub struct Silence;

impl Responder for Silence {
    const LISTENS: bool = false;

    fn respond(&mut self, _: &[u8], _: &mut Replies) {}
}

impl<F: FnMut(&[u8], &mut Replies) + Send> Responder for F {
    fn respond(&mut self, packet: &[u8], replies: &mut Replies) {
        self(packet, replies);
    }
}

/// The answers to one packet.
#[derive(Default)]
pub struct Replies(Vec<(Duration, Vec<u8>)>);

impl Replies {
    /// Answers with `packet`, which arrives `after` the probe was sent.
    pub fn push(&mut self, after: Duration, packet: Vec<u8>) {
        self.0.push((after, packet));
    }
}

/// What goes wrong on the way; shares are per mille.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Seed of all draws.
    pub seed: u64,
    /// Probes that never arrive.
    pub probe_loss_pm: u32,
    /// Replies that never arrive.
    pub reply_loss_pm: u32,
    /// Replies that arrive twice.
    pub duplicate_pm: u32,
    /// Every reply is late by up to this, drawn evenly: later ones overtake.
    pub jitter: Duration,
    /// Probes that the kernel refuses.
    pub refuse_pm: u32,
    /// Whether the kernel says which those are.
    pub names_refused: bool,
    /// Breaks the books on purpose: the reply with this number (from 0) is counted
    /// as steered, but neither handed out nor counted as dropped.
    pub mislay: Option<u64>,
}

/// Sizes and faults of a memory port.
#[derive(Clone, Debug)]
pub struct Config {
    /// Transmit frames; a power of two.
    pub frames: usize,
    /// Most replies that wait to be received; the rest is dropped and counted.
    pub rx_ring: usize,
    /// Frames that leave with one kick; the rest waits in the ring.
    pub kick_budget: usize,
    /// Whether packets start with an Ethernet header.
    pub ethernet: bool,
    /// What goes wrong.
    pub faults: Faults,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            frames: 2048,
            rx_ring: 4096,
            kick_budget: usize::MAX,
            ethernet: true,
            faults: Faults::default(),
        }
    }
}

/// A frame to send, or sent.
#[derive(Clone, Copy, Default)]
struct Descriptor {
    frame: u32,
    len: u16,
    control: bool,
}

/// The transmit ring and the completion ring in one: frames complete in the order
/// in which they were queued, so a third cursor is all that the second ring adds.
/// A power of two of entries; the cursors run freely and wrap.
///
/// `reclaimed <= sent <= queued <= reclaimed + entries`: there are as many entries
/// as frames, and a frame is in the ring at most once, so there is always room.
struct Ring {
    entries: Box<[Descriptor]>,
    queued: u32,
    sent: u32,
    reclaimed: u32,
}

impl Ring {
    fn new(capacity: usize) -> Self {
        assert!(capacity.is_power_of_two(), "a ring has a power of two of entries");
        let entries = vec![Descriptor::default(); capacity].into_boxed_slice();
        Self { entries, queued: 0, sent: 0, reclaimed: 0 }
    }

    /// Queues descriptors; there is room for them.
    fn queue(&mut self, descriptors: impl Iterator<Item = Descriptor>) {
        let mask = self.entries.len() - 1;
        let entries = &mut self.entries[..];
        let mut queued = self.queued;
        for descriptor in descriptors {
            entries[queued as usize & mask] = descriptor;
            queued = queued.wrapping_add(1);
        }
        self.queued = queued;
    }

    /// The next frame to send, which is complete from now on.
    #[inline]
    fn send(&mut self) -> Option<Descriptor> {
        if self.sent == self.queued {
            return None;
        }
        let mask = self.entries.len() - 1;
        let descriptor = self.entries[self.sent as usize & mask];
        self.sent = self.sent.wrapping_add(1);
        Some(descriptor)
    }

    /// Everything that is queued is sent, unseen; returns how many frames.
    fn send_all(&mut self) -> u32 {
        let count = self.queued.wrapping_sub(self.sent);
        self.sent = self.queued;
        count
    }

    /// Moves the completed frames to `free`.
    fn reclaim(&mut self, free: &mut Vec<u32>) {
        let count = self.sent.wrapping_sub(self.reclaimed) as usize;
        let first = self.reclaimed as usize & (self.entries.len() - 1);
        let to_end = count.min(self.entries.len() - first);
        free.extend(self.entries[first..first + to_end].iter().map(|sent| sent.frame));
        free.extend(self.entries[..count - to_end].iter().map(|sent| sent.frame));
        self.reclaimed = self.sent;
    }
}

/// A frame's bytes and what they hold.
#[derive(Clone)]
struct Frame {
    bytes: [u8; FRAME_BYTES],
    slot: Slot,
}

/// A reply on its way: due time, order of sending, bytes.
type InFlight = Reverse<(u64, u64, Vec<u8>)>;

/// A way in and out in memory, with `R` at the far end.
pub struct MemoryPort<R> {
    config: Config,
    clock: VirtualClock,
    far_end: R,
    frames: Box<[Frame]>,
    fields: Box<[Fields; SEND_BATCH]>,
    free: Vec<u32>,
    ring: Ring,
    /// Of the frames queued and not sent, those that are no probes.
    controls_queued: u64,
    in_flight: BinaryHeap<InFlight>,
    received: std::collections::VecDeque<(u64, Vec<u8>)>,
    replies: Replies,
    replies_sent: u64,
    quiet: bool,
    /// Indices that were refused of the last send, where that is told.
    refused: Vec<u64>,
    random: u64,
    counters: Counters,
}

impl<R: Responder> MemoryPort<R> {
    /// A port with all its frames free.
    pub fn new(config: Config, clock: VirtualClock, far_end: R) -> Self {
        let count = u32::try_from(config.frames).expect("frames are counted in 32 bits");
        Self {
            clock,
            far_end,
            frames: vec![Frame { bytes: [0; FRAME_BYTES], slot: Slot::EMPTY }; config.frames]
                .into_boxed_slice(),
            fields: Box::new([Fields::EMPTY; SEND_BATCH]),
            free: (0..count).rev().collect(),
            ring: Ring::new(config.frames),
            controls_queued: 0,
            in_flight: BinaryHeap::new(),
            received: std::collections::VecDeque::with_capacity(config.rx_ring),
            replies: Replies::default(),
            replies_sent: 0,
            quiet: false,
            refused: Vec::new(),
            random: config.faults.seed,
            counters: Counters::default(),
            config,
        }
    }

    /// The far end.
    pub fn far_end(&mut self) -> &mut R {
        &mut self.far_end
    }

    /// What the kernel and the network do at a kick.
    fn transmit(&mut self) {
        let Faults { refuse_pm, names_refused, probe_loss_pm, .. } = self.config.faults;
        if !R::LISTENS && refuse_pm == 0 && self.config.kick_budget == usize::MAX {
            let controls = std::mem::take(&mut self.controls_queued);
            self.counters.controls += controls;
            self.counters.completed += u64::from(self.ring.send_all()) - controls;
            return;
        }
        let (mut controls, mut refused, mut completed) = (0, 0, 0);
        for _ in 0..self.config.kick_budget {
            let Some(descriptor) = self.ring.send() else { break };
            if descriptor.control {
                controls += 1;
            } else if !names_refused && self.draws(refuse_pm) {
                refused += 1;
                continue;
            } else {
                completed += 1;
            }
            if self.draws(probe_loss_pm) {
                continue;
            }
            let frame = &self.frames[descriptor.frame as usize];
            let packet = &frame.bytes[..usize::from(descriptor.len)];
            self.far_end.respond(packet, &mut self.replies);
            if !self.replies.0.is_empty() {
                self.dispatch();
            }
        }
        self.controls_queued -= controls;
        self.counters.controls += controls;
        self.counters.tx_failed += refused;
        self.counters.completed += completed;
    }

    /// Puts the far end's answers on their way.
    fn dispatch(&mut self) {
        let now_ns = self.clock.now_ns();
        for (after, packet) in std::mem::take(&mut self.replies.0) {
            if self.draws(self.config.faults.reply_loss_pm) {
                continue;
            }
            let copies = 1 + usize::from(self.draws(self.config.faults.duplicate_pm));
            for _ in 0..copies {
                let jitter_ns = nanoseconds(self.config.faults.jitter);
                let late_ns = if jitter_ns == 0 { 0 } else { self.draw() % (jitter_ns + 1) };
                let due_ns = now_ns + nanoseconds(after) + late_ns;
                self.replies_sent += 1;
                self.in_flight.push(Reverse((due_ns, self.replies_sent, packet.clone())));
            }
        }
    }

    /// Moves what has arrived by now into the receive ring.
    fn arrive(&mut self) {
        let now_ns = self.clock.now_ns();
        while self.in_flight.peek().is_some_and(|Reverse((due_ns, ..))| *due_ns <= now_ns) {
            let Some(Reverse((due_ns, _, packet))) = self.in_flight.pop() else { break };
            if self.quiet {
                continue;
            }
            let number = self.counters.rx_steered;
            self.counters.rx_steered += 1;
            if self.config.faults.mislay == Some(number) {
                continue;
            }
            if self.received.len() == self.config.rx_ring {
                self.counters.ring_drops += 1;
            } else {
                self.received.push_back((due_ns, packet));
            }
        }
    }

    /// True in `per_mille` of all cases; draws nothing for 0.
    fn draws(&mut self, per_mille: u32) -> bool {
        per_mille > 0 && self.draw() % 1000 < u64::from(per_mille)
    }

    /// The next number of SplitMix64 (Steele, Lea, Flood: Fast splittable
    /// pseudorandom number generators, OOPSLA 2014).
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl<R: Responder + 'static> Staged for MemoryPort<R> {
    fn send_watched(
        &mut self,
        prober: &Prober,
        indices: &[u64],
        attempt: u8,
        watch: &mut impl Watching,
    ) -> Result<usize> {
        self.ring.reclaim(&mut self.free);
        let count = indices.len().min(self.free.len());
        watch.begin();
        prober.resolve(&indices[..count], attempt, &mut self.fields);
        let left = self.free.len() - count;
        let frames = &mut self.frames[..];
        let chosen = self.fields[..count].iter().zip(&self.free[left..]);
        self.ring.queue(chosen.map(|(fields, &frame)| {
            let Frame { bytes, slot } = &mut frames[frame as usize];
            Descriptor { frame, len: prober.write(fields, slot, bytes) as u16, control: false }
        }));
        self.free.truncate(left);
        self.counters.submitted += count as u64;
        watch.kick(count, || self.counters.submitted);
        self.transmit();
        watch.complete(|| self.counters.completed + self.counters.tx_failed);
        Ok(count)
    }
}

impl<R: Responder + 'static> Port for MemoryPort<R> {
    fn send(&mut self, prober: &Prober, indices: &[u64], attempt: u8) -> Result<usize> {
        let Faults { refuse_pm, names_refused, .. } = self.config.faults;
        if !names_refused {
            return self.send_watched(prober, indices, attempt, &mut Nobody);
        }
        self.ring.reclaim(&mut self.free);
        let count = indices.len().min(self.free.len());
        let (refused, taken): (Vec<u64>, Vec<u64>) =
            indices[..count].iter().partition(|_| self.draws(refuse_pm));
        self.send_watched(prober, &taken, attempt, &mut Nobody)?;
        self.counters.submitted += refused.len() as u64;
        self.counters.tx_failed += refused.len() as u64;
        self.refused = refused;
        Ok(count)
    }

    fn refused(&self) -> &[u64] {
        &self.refused
    }

    fn queue_control(&mut self, fill: &mut dyn FnMut(&mut [u8]) -> usize) -> bool {
        if self.free.is_empty() {
            self.ring.reclaim(&mut self.free);
        }
        let Some(frame) = self.free.pop() else { return false };
        let Frame { bytes, slot } = &mut self.frames[frame as usize];
        *slot = Slot::EMPTY;
        let descriptor = Descriptor { frame, len: fill(bytes) as u16, control: true };
        self.ring.queue(std::iter::once(descriptor));
        self.controls_queued += 1;
        true
    }

    fn kick(&mut self) -> Result<()> {
        self.transmit();
        self.ring.reclaim(&mut self.free);
        Ok(())
    }

    fn receive(&mut self, budget: usize, sink: &mut dyn FnMut(&[u8], u64)) -> usize {
        self.arrive();
        let count = budget.min(self.received.len());
        for (at_ns, packet) in self.received.drain(..count) {
            sink(&packet, at_ns);
        }
        count
    }

    fn ethernet(&self) -> bool {
        self.config.ethernet
    }

    /// Moves the clock to the next arrival, at most by `timeout`.
    fn wait(&mut self, timeout: Duration) {
        if !self.received.is_empty() {
            return;
        }
        let until_due_ns = self
            .in_flight
            .peek()
            .map_or(u64::MAX, |Reverse((due_ns, ..))| due_ns.saturating_sub(self.clock.now_ns()));
        self.clock.advance(timeout.min(Duration::from_nanos(until_due_ns)));
    }

    fn rest(&mut self, time: Duration) {
        self.clock.advance(time);
    }

    fn quiesce(&mut self) {
        self.arrive();
        self.quiet = true;
    }

    fn watched(self: Box<Self>) -> Box<dyn Port> {
        Watched::port(*self)
    }

    fn counters(&mut self) -> Counters {
        self.arrive();
        self.counters
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
