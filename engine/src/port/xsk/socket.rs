//! One AF_XDP socket with its own UMEM, bound to one queue.

use std::io;
use std::num::NonZeroU32;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use rustix::io::Errno;
use xsk_rs::config::{
    BindFlags, FrameSize, Interface, LibxdpFlags, QueueSize, SocketConfig, UmemConfig,
};
use xsk_rs::{CompQueue, FillQueue, FrameDesc, RxQueue, Socket, TxQueue, Umem};

use super::super::{SEND_BATCH, numa};
use super::frames::{Batch, FRAME_SIZE, Region, TxFrames};
use super::refusals::Refusals;
use super::sys;
use crate::plan::probe::Slot;

/// Transmit frames for probes: what may be on its way at once.
const PROBE_FRAMES: usize = 2048;
/// Transmit frames for everything else.
const CONTROL_FRAMES: usize = 512;
/// Slots of the transmit and the completion ring: no ring can be too full for a
/// frame that exists.
const TX_RING: u32 = 4096;
const _: () = assert!(PROBE_FRAMES + CONTROL_FRAMES <= TX_RING as usize);
/// Frames that one system call sends in copy mode, where the kernel lets us choose.
const TX_BUDGET: u32 = 256;
/// Frames that it sends where it does not.
const TX_BUDGET_DEFAULT: u32 = 32;
/// How long a sender waits for a driver that has no room.
const BUSY_PAUSE: Duration = Duration::from_micros(20);
/// Received frames taken out of the ring at a time.
const RX_BATCH: usize = 64;
/// So many packets before it is judged, the CPU is told to fetch a packet.
const RX_AHEAD: usize = 6;

/// How a socket is to be bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bind {
    Zerocopy,
    Copy,
}

impl Bind {
    fn flags(self) -> BindFlags {
        BindFlags::XDP_USE_NEED_WAKEUP
            | match self {
                Self::Zerocopy => BindFlags::XDP_ZEROCOPY,
                Self::Copy => BindFlags::XDP_COPY,
            }
    }
}

/// What a socket counted in reception.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Drops {
    /// Frames redirected to the socket that found no room.
    pub(super) rx: u64,
    /// Descriptors that the kernel refused to send.
    pub(super) tx_invalid: u64,
}

/// An AF_XDP socket. Field order is drop order: the queues hold the socket, and
/// the region their memory.
pub(super) struct XskSocket {
    tx: TxQueue,
    rx: RxQueue,
    fill: FillQueue,
    completion: CompQueue,
    queue: u32,
    probes: TxFrames,
    controls: TxFrames,
    batch: Batch,
    rx_batch: Box<[FrameDesc; RX_BATCH]>,
    completed: Box<[FrameDesc; RX_BATCH]>,
    /// Something lies in the transmit ring that no kick has answered for.
    unsent: bool,
    tx_budget: u32,
    /// Descriptors in the receive ring that made no sense.
    rx_senseless: u64,
    /// The card is read when we ask for it.
    busy_polls: bool,
    /// Where copies are made a kick that says EBUSY has lost a frame.
    refusals: Option<Refusals>,
    region: Region,
}

impl XskSocket {
    /// Binds to `queue` and fills the fill ring with `rx_frames` frames (a power of
    /// two). The kernel has bound as asked, or this is an error.
    pub(super) fn bind(
        interface: &Interface,
        queue: u32,
        bind: Bind,
        rx_frames: u32,
    ) -> io::Result<Self> {
        let ring = |size: u32| QueueSize::new(size).expect("ring sizes are powers of two");
        let umem_config = UmemConfig::builder()
            .frame_size(FrameSize::new(FRAME_SIZE as u32).expect("the least frame size is 2048"))
            // Twice the frames: the kernel shows a received frame in the receive ring
            // before it gives the frame's slot in the fill ring back (xsk_flush in
            // net/xdp/xsk.c), so a ring as large as the frames can look full.
            .fill_queue_size(ring(2 * rx_frames))
            .comp_queue_size(ring(TX_RING))
            .build()
            .map_err(io::Error::other)?;
        let frames = rx_frames + (PROBE_FRAMES + CONTROL_FRAMES) as u32;
        let frames = NonZeroU32::new(frames).expect("there are transmit frames");
        let (umem, descs) = Umem::new(umem_config, frames, false).map_err(os_error)?;
        let socket_config = SocketConfig::builder()
            .rx_queue_size(ring(rx_frames))
            .tx_queue_size(ring(TX_RING))
            .libxdp_flags(LibxdpFlags::XSK_LIBXDP_FLAGS_INHIBIT_PROG_LOAD)
            .bind_flags(bind.flags())
            .build();
        // SAFETY: asked for is that no default program be loaded for a UMEM that is
        // shared. Ours is not shared, and INHIBIT_PROG_LOAD is set.
        let (tx, rx, rings) =
            unsafe { Socket::new(socket_config, &umem, interface, queue) }.map_err(os_error)?;
        let (fill, completion) =
            rings.ok_or_else(|| io::Error::other("the UMEM's rings belong to another socket"))?;

        let (probes, rest) = descs.split_at(PROBE_FRAMES);
        let (controls, receive) = rest.split_at(CONTROL_FRAMES);
        let mut socket = Self {
            tx,
            rx,
            fill,
            completion,
            queue,
            probes: TxFrames::new(probes),
            controls: TxFrames::new(controls),
            batch: Batch::new(),
            rx_batch: Box::new([FrameDesc::default(); RX_BATCH]),
            completed: Box::new([FrameDesc::default(); RX_BATCH]),
            unsent: false,
            tx_budget: TX_BUDGET_DEFAULT,
            rx_senseless: 0,
            busy_polls: false,
            refusals: (bind == Bind::Copy).then(|| Refusals::new(CONTROL_FRAMES)),
            region: Region::new(umem, &descs),
        };
        if sys::is_zerocopy(socket.fd())? != (bind == Bind::Zerocopy) {
            return Err(Errno::OPNOTSUPP.into());
        }
        if sys::raise_tx_budget(socket.fd(), TX_BUDGET) {
            socket.tx_budget = TX_BUDGET;
        }
        // The ring is there before the bind, but xsk-rs hands it out after it only. A
        // driver that takes frames at the bind (virtio_net) finds none then: it tells so in
        // rx_fill_ring_empty_descs (3 in `make lab-zc`, and no more later), sets the
        // need-wakeup flag and waits for the call below; for that moment its queue has no
        // buffers. Drivers that restart their rings when the program comes (igb) find it
        // full. Nothing is steered here before the socket is in the map, so none of our
        // frames can be lost by it.
        // SAFETY: the frames are of this UMEM and in no other ring.
        let filled = unsafe { socket.fill.produce(receive) };
        assert_eq!(filled, receive.len(), "the fill ring has a slot for every receive frame");
        sys::kick_rx(socket.fd());
        Ok(socket)
    }

    /// Polls the card from our own calls from now on, `us` microseconds at a time.
    pub(super) fn busy_poll(&mut self, us: u32) -> io::Result<()> {
        sys::busy_poll(self.fd(), us)?;
        self.busy_polls = true;
        Ok(())
    }

    /// The NUMA node that the frames lie on.
    pub(super) fn numa_node(&self) -> Option<u32> {
        numa::node_at(self.region.base())
    }

    /// The queue it is bound to.
    pub(super) fn queue(&self) -> u32 {
        self.queue
    }

    /// Its descriptor, for polling and for the map of the steering program.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the socket is open as long as `tx` is, which `self` borrows.
        unsafe { BorrowedFd::borrow_raw(self.tx.fd().as_raw_fd()) }
    }

    /// How many probes can be written now.
    pub(super) fn room(&mut self) -> usize {
        if self.probes.free() < SEND_BATCH {
            self.collect();
        }
        self.probes.free().min(self.tx.nb_free(SEND_BATCH as u32) as usize)
    }

    /// Writes and queues `count` probes, at most [`SEND_BATCH`] and no more than
    /// [`XskSocket::room`]. `fill` gets the position in the batch and the frame.
    pub(super) fn submit_batch(
        &mut self,
        count: usize,
        mut fill: impl FnMut(usize, &mut [u8], &mut Slot) -> usize,
    ) {
        self.batch.clear();
        for position in 0..count {
            self.probes.write(&mut self.region, &mut self.batch, |frame, slot| {
                fill(position, frame, slot)
            });
        }
        self.produce();
    }

    /// Writes and queues one frame that is no probe. False when there is no room.
    pub(super) fn submit_control(&mut self, fill: &mut dyn FnMut(&mut [u8]) -> usize) -> bool {
        if self.controls.free() == 0 {
            self.collect();
        }
        if self.controls.free() == 0 || self.tx.nb_free(1) == 0 {
            return false;
        }
        self.batch.clear();
        let position = self.queued();
        if let Some(refusals) = &mut self.refusals {
            refusals.control_at(position);
        }
        self.controls.write(&mut self.region, &mut self.batch, |frame, _| fill(frame));
        self.produce();
        true
    }

    fn produce(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        // SAFETY: the frames are of this UMEM, and their tokens were given up when
        // they were written: nothing touches them before their completion.
        let produced = unsafe { self.tx.produce(&self.batch) };
        assert_eq!(produced, self.batch.len(), "the ring's free slots were counted");
        self.unsent = true;
    }

    /// Whether something is queued that no kick has answered for.
    pub(super) fn has_unsent(&self) -> bool {
        self.unsent
    }

    /// Has the kernel send what is queued, then takes completed frames back.
    ///
    /// A kernel that is busy or out of buffers is no error: the next kick goes on.
    pub(super) fn kick(&mut self) -> Result<(), Errno> {
        if self.unsent {
            self.push()?;
        }
        self.collect();
        Ok(())
    }

    /// Asks again for what an earlier kick has left in the transmit ring, which a driver
    /// that ran out of room does not always come back to by itself.
    pub(super) fn kick_again(&mut self) -> Result<(), Errno> {
        self.unsent |= self.tx.nb_free_exact() < TX_RING;
        self.kick()
    }

    /// Frames queued since the start.
    fn queued(&self) -> u64 {
        self.probes.submitted() + self.controls.submitted()
    }

    /// Frames that the kernel has taken from the ring, as far as it tells.
    fn consumed(&mut self) -> u64 {
        self.queued() - u64::from(TX_RING - self.tx.nb_free_exact())
    }

    fn push(&mut self) -> Result<(), Errno> {
        let mut pending = None;
        let consumed = self.consumed();
        if let Some(refusals) = &mut self.refusals {
            refusals.consumed(consumed);
        }
        for _ in 0..=TX_RING / self.tx_budget {
            if !self.tx.needs_wakeup() {
                self.unsent = false;
                break;
            }
            match sys::kick_tx(self.fd()) {
                Ok(()) => {
                    // A socket that prefers busy polling has had the receive side of its
                    // queue polled, and nothing else: where the driver sends from another
                    // NAPI (virtio_net), the frames still lie there. Polling the descriptor
                    // wakes the driver all the same (xsk_poll in net/xdp/xsk.c).
                    if self.busy_polls && self.tx.needs_wakeup() {
                        sys::wake(self.fd());
                    }
                    self.unsent = false;
                    break;
                }
                // One budget is spent and more is queued; or there is no memory for
                // more now, which shows in that nothing has moved.
                Err(Errno::AGAIN) => {
                    let left = TX_RING - self.tx.nb_free_exact();
                    if left == 0 {
                        self.unsent = false;
                        break;
                    }
                    if pending.replace(left) == Some(left) {
                        break;
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::BUSY) if self.refusals.is_some() => {
                    // The driver had no room and the kernel dropped the frame that it was
                    // at (copy mode; it is completed like the others). Whoever empties the
                    // driver's ring may need this CPU.
                    let consumed = self.consumed();
                    if let Some(refusals) = &mut self.refusals {
                        refusals.dropped(consumed);
                    }
                    std::thread::sleep(BUSY_PAUSE);
                    break;
                }
                Err(Errno::BUSY | Errno::NOBUFS) => break,
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    /// Takes back the frames that the kernel has sent.
    pub(super) fn collect(&mut self) {
        loop {
            // SAFETY: the descriptors are overwritten with frames of this UMEM.
            let count = unsafe { self.completion.consume(&mut self.completed[..]) };
            for desc in &self.completed[..count] {
                let known =
                    self.probes.complete(desc.addr()) || self.controls.complete(desc.addr());
                debug_assert!(known, "the kernel completes only what it was given");
            }
            if count < self.completed.len() {
                return;
            }
        }
    }

    /// Hands up to `budget` received frames to `sink` and returns them to the kernel.
    pub(super) fn receive(&mut self, budget: usize, sink: &mut dyn FnMut(&[u8], u64)) -> usize {
        if self.busy_polls {
            // One call a turn: the driver's poll runs within it.
            sys::kick_rx(self.fd());
        }
        let mut received = 0;
        while received < budget {
            let want = RX_BATCH.min(budget - received);
            // SAFETY: the descriptors are overwritten with frames of this UMEM.
            let count = unsafe { self.rx.consume(&mut self.rx_batch[..want]) };
            if count == 0 {
                break;
            }
            // Read at most once a batch, and only where the driver has no metadata.
            let mut clock_ns = None;
            for (position, desc) in self.rx_batch[..count].iter().enumerate() {
                if let Some(soon) = self.rx_batch[..count].get(position + RX_AHEAD) {
                    self.region.fetch(soon);
                }
                match self.region.received(desc) {
                    Some((stamp, packet)) => {
                        let rx_ns =
                            stamp.unwrap_or_else(|| *clock_ns.get_or_insert_with(sys::now_ns));
                        sink(packet, rx_ns);
                    }
                    None => self.rx_senseless += 1,
                }
            }
            // SAFETY: the frames just came out of the receive ring, their slices are
            // gone, and they are in no other ring.
            let filled = unsafe { self.fill.produce(&self.rx_batch[..count]) };
            assert_eq!(filled, count, "the fill ring has two slots for every receive frame");
            received += count;
        }
        if received > 0 && !self.busy_polls && self.fill.needs_wakeup() {
            sys::kick_rx(self.fd());
        }
        received
    }

    /// Probes: (submitted, completed, still with the kernel).
    pub(super) fn probes(&self) -> (u64, u64, u64) {
        (self.probes.submitted(), self.probes.completed(), self.probes.outstanding())
    }

    /// Probes that the driver had no room for (copy mode). The kernel completes
    /// them like the others.
    pub(super) fn refused(&self) -> u64 {
        self.refusals.as_ref().map_or(0, Refusals::probes)
    }

    /// Control frames given to the kernel.
    pub(super) fn controls(&self) -> u64 {
        self.controls.submitted()
    }

    /// Frames of either kind that the kernel holds.
    pub(super) fn outstanding(&self) -> u64 {
        self.probes.outstanding() + self.controls.outstanding()
    }

    /// What the kernel counted for this socket.
    ///
    /// A frame that finds the receive ring full counts as `rx_ring_full`; one that
    /// finds no frame in the fill ring, or is too long, as `rx_dropped`. The two do
    /// not overlap (net/xdp/xsk.c, Linux 5.9 and later). `rx_fill_ring_empty_descs`
    /// is left out: in copy mode it repeats `rx_dropped`, in zero-copy mode it counts
    /// attempts of the driver, before a frame has reached the steering program.
    pub(super) fn drops(&self) -> io::Result<Drops> {
        let statistics = self.tx.fd().xdp_statistics()?;
        Ok(Drops {
            rx: statistics.rx_dropped() + statistics.rx_ring_full() + self.rx_senseless,
            tx_invalid: statistics.tx_invalid_descs(),
        })
    }
}

/// The system's error inside an error of xsk-rs.
fn os_error(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    let errno = std::error::Error::source(&error)
        .and_then(|source| source.downcast_ref::<io::Error>())
        .and_then(io::Error::raw_os_error);
    errno.map_or_else(|| io::Error::other(error), io::Error::from_raw_os_error)
}
