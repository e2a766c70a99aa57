//! One AF_XDP socket of the delay path: frames in from the far end's program,
//! frames out by the same queue.
//!
//! A frame of the UMEM is at any time in exactly one place: the RX side (fill
//! ring, kernel, RX ring, handed back to the fill ring within `receive`) or the
//! TX side (`idle`, TX ring, kernel, completion ring). `receive` and `send` keep
//! to that; nothing outside sees a descriptor.
#![expect(unsafe_code, reason = "xsk-rs leaves the ownership of frames to its caller")]

use std::ffi::CString;
use std::num::NonZeroU32;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use anyhow::{Context, Result, anyhow};
use xsk_rs::config::{BindFlags, Interface, LibxdpFlags, QueueSize, SocketConfig, UmemConfig};
use xsk_rs::{CompQueue, FillQueue, FrameDesc, RxQueue, Socket, TxQueue, Umem};

/// Frames that can wait to be received: some 30 ms at 150,000 a second.
const RX_FRAMES: u32 = 8192;
/// Frames that can wait to be sent.
const TX_FRAMES: u32 = 2048;
/// Frames received at a time.
const RX_BATCH: usize = 64;
/// Batches received in a turn.
const RX_BATCHES: usize = 16;
/// What the kernel sends on one kick in copy mode.
const KICK_FRAMES: usize = 32;

/// The socket and its rings.
pub struct Xsk {
    umem: Umem,
    rx: RxQueue,
    tx: TxQueue,
    fill: FillQueue,
    completion: CompQueue,
    received: Vec<FrameDesc>,
    completed: Vec<FrameDesc>,
    /// TX frames that are ours.
    idle: Vec<FrameDesc>,
    /// Written and not yet in the TX ring.
    ready: Vec<FrameDesc>,
    /// In the TX ring or with the kernel.
    in_flight: usize,
}

impl Xsk {
    /// Binds to queue `queue` of `interface`, in copy mode.
    pub fn open(interface: &str, queue: u32) -> Result<Self> {
        let size = |n: u32| QueueSize::new(n).map_err(|error| anyhow!("{error}"));
        let umem_config = UmemConfig::builder()
            // Twice the frames: the kernel gives a slot back only after its frame is shown.
            .fill_queue_size(size(2 * RX_FRAMES)?)
            .comp_queue_size(size(TX_FRAMES)?)
            .build()
            .map_err(|error| anyhow!("{error}"))?;
        let frames = NonZeroU32::new(RX_FRAMES + TX_FRAMES).context("no frames")?;
        let (umem, descs) = Umem::new(umem_config, frames, false).context("UMEM")?;
        let config = SocketConfig::builder()
            .rx_queue_size(size(RX_FRAMES)?)
            .tx_queue_size(size(TX_FRAMES)?)
            .libxdp_flags(LibxdpFlags::XSK_LIBXDP_FLAGS_INHIBIT_PROG_LOAD)
            .bind_flags(BindFlags::XDP_COPY)
            .build();
        let name = Interface::new(CString::new(interface)?);
        // SAFETY: the UMEM is fresh and bound to this one queue only.
        let bound = unsafe { Socket::new(config, &umem, &name, queue) };
        let (tx, rx, rings) = bound.with_context(|| format!("{interface} queue {queue}"))?;
        let (mut fill, completion) = rings.context("the UMEM has no rings")?;
        let (rx_frames, tx_frames) = descs.split_at(RX_FRAMES as usize);
        // SAFETY: the descriptors are of this UMEM and in no other ring.
        let given = unsafe { fill.produce(rx_frames) };
        anyhow::ensure!(given == rx_frames.len(), "the fill ring took {given} frames");
        Ok(Self {
            umem,
            rx,
            tx,
            fill,
            completion,
            received: vec![descs[0]; RX_BATCH],
            completed: vec![descs[0]; RX_BATCH],
            idle: tx_frames.to_vec(),
            ready: Vec::with_capacity(KICK_FRAMES),
            in_flight: 0,
        })
    }

    /// The socket, for the XSKMAP.
    pub fn raw_fd(&self) -> RawFd {
        self.rx.fd().as_raw_fd()
    }

    /// The socket, to be waited on.
    pub fn fd(&self) -> BorrowedFd<'_> {
        // SAFETY: `rx` keeps the socket open for as long as `self` is borrowed.
        unsafe { BorrowedFd::borrow_raw(self.raw_fd()) }
    }

    /// Hands at most [`RX_BATCHES`] batches of received frames to `take`; how
    /// many frames there were.
    pub fn receive(&mut self, mut take: impl FnMut(&[u8])) -> usize {
        let mut total = 0;
        for _ in 0..RX_BATCHES {
            let count = self.receive_batch(&mut take);
            total += count;
            if count < RX_BATCH {
                break;
            }
        }
        total
    }

    fn receive_batch(&mut self, take: &mut impl FnMut(&[u8])) -> usize {
        // SAFETY: what the RX ring gives is of this UMEM and ours until it is
        // given to the fill ring, below, after the last use.
        unsafe {
            let count = self.rx.consume(&mut self.received);
            for desc in &self.received[..count] {
                take(self.umem.data(desc).contents());
            }
            // The fill ring has two places for every RX frame that exists.
            let given = self.fill.produce(&self.received[..count]);
            debug_assert_eq!(given, count);
            count
        }
    }

    /// Whether `frames` more can be sent now.
    pub fn has_room(&mut self, frames: usize) -> bool {
        if self.idle.len() < frames {
            self.flush();
        }
        self.idle.len() >= frames
    }

    /// Writes a frame to be sent by the next [`Self::flush`]; `false` where no
    /// TX frame is free.
    pub fn send(&mut self, frame: &[u8]) -> bool {
        let Some(mut desc) = self.idle.pop() else {
            return false;
        };
        // SAFETY: a frame in `idle` is of this UMEM and nobody else's.
        let written = unsafe {
            let mut data = self.umem.data_mut(&mut desc);
            let mut cursor = data.cursor();
            cursor.set_pos(0);
            std::io::Write::write_all(&mut cursor, frame)
        };
        if written.is_err() {
            self.idle.push(desc);
            return true; // Longer than a frame can be: gone, as on a wire.
        }
        self.ready.push(desc);
        if self.ready.len() >= KICK_FRAMES {
            self.flush();
        }
        true
    }

    /// Puts what was written into the TX ring and kicks the kernel.
    pub fn flush(&mut self) {
        if !self.ready.is_empty() {
            // SAFETY: the frames were taken from `idle`, so they are in no ring.
            let taken = unsafe { self.tx.produce(&self.ready) };
            self.in_flight += taken;
            // The TX ring has a place for every TX frame, so nothing is left.
            self.ready.drain(..taken);
        }
        if self.in_flight > 0 {
            // What a refused kick leaves behind goes with the next one.
            let _ = self.tx.wakeup();
            self.reclaim();
        }
    }

    fn reclaim(&mut self) {
        loop {
            // SAFETY: what the completion ring gives is of this UMEM and ours.
            let count = unsafe { self.completion.consume(&mut self.completed) };
            self.idle.extend_from_slice(&self.completed[..count]);
            self.in_flight -= count;
            if count < self.completed.len() {
                return;
            }
        }
    }
}
