//! The baselines: AF_XDP loops as simple and as fast as we can write them. They
//! send one constant frame, count what comes back, and know nothing of plans,
//! cookies or results. Copy mode as the engine uses it: the same ring sizes, the
//! same batch, the same socket options.

#![expect(unsafe_code, reason = "a baseline on AF_XDP rings; not part of the product")]

use std::io::Write;
use std::num::NonZeroU32;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::time::{ClockId, clock_gettime};
use xsk_rs::config::{
    BindFlags, Interface, LibxdpFlags, QueueSize, SocketConfig, UmemConfig,
};
use xsk_rs::{CompQueue, FillQueue, FrameDesc, RxQueue, Socket, TxQueue, Umem};

/// Frames a kick.
const BATCH: usize = 64;
/// Entries of each ring, and frames for each direction.
const RING: u32 = 4096;

/// What a loop did.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Frames sent.
    pub sent: u64,
    /// Frames received.
    pub received: u64,
    /// CPU time of the thread, seconds.
    pub cpu_s: f64,
    /// Wall time, seconds.
    pub wall_s: f64,
}

/// Seconds of CPU time of this thread and of CLOCK_MONOTONIC.
fn clocks() -> (f64, f64) {
    let read = |id| {
        let time = clock_gettime(id);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    };
    (read(ClockId::ThreadCPUTime), read(ClockId::Monotonic))
}

/// An AF_XDP socket on one queue, with all transmit frames holding one frame.
pub struct Bare {
    tx: TxQueue,
    rx: RxQueue,
    fill: FillQueue,
    completion: CompQueue,
    free: Vec<FrameDesc>,
    received: Vec<FrameDesc>,
    _umem: Umem,
}

impl Bare {
    /// Binds to `queue` of `interface` in copy mode and writes `frame` into every
    /// transmit frame.
    ///
    /// # Errors
    /// When the socket cannot be had.
    pub fn open(interface: &str, queue: u32, frame: &[u8]) -> Result<Self> {
        let ring = QueueSize::new(RING)?;
        let umem_config =
            UmemConfig::builder().fill_queue_size(ring).comp_queue_size(ring).build()?;
        let frames = NonZeroU32::new(2 * RING).context("ring size")?;
        let (umem, mut descs) = Umem::new(umem_config, frames, false)?;
        let config = SocketConfig::builder()
            .rx_queue_size(ring)
            .tx_queue_size(ring)
            .libxdp_flags(LibxdpFlags::XSK_LIBXDP_FLAGS_INHIBIT_PROG_LOAD)
            .bind_flags(BindFlags::XDP_COPY | BindFlags::XDP_USE_NEED_WAKEUP)
            .build();
        let name: Interface = interface.parse().context("interface name")?;
        // SAFETY: the UMEM is not shared with another socket.
        let (tx, rx, rings) = unsafe { Socket::new(config, &umem, &name, queue) }?;
        let (mut fill, completion) = rings.context("a UMEM of its own has its own rings")?;
        let receive = descs.split_off(RING as usize);
        // SAFETY: these frames belong to this UMEM and are handed out once.
        let filled = unsafe { fill.produce(&receive) };
        ensure!(filled == receive.len(), "the fill ring takes all receive frames");
        for desc in &mut descs {
            // SAFETY: the frame is ours: it has not been submitted.
            unsafe { umem.data_mut(desc) }.cursor().write_all(frame)?;
        }
        raise_budget(tx.fd().as_raw_fd());
        let received = vec![descs[0]; BATCH];
        Ok(Self { tx, rx, fill, completion, free: descs, received, _umem: umem })
    }

    /// The socket, for the XSKMAP.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the descriptor is open as long as the queues that `self` holds.
        unsafe { BorrowedFd::borrow_raw(self.tx.fd().as_raw_fd()) }
    }

    /// Sends `count` frames and receives what comes back in between.
    ///
    /// # Errors
    /// When a kick fails.
    pub fn run(&mut self, count: u64) -> Result<Measured> {
        let (cpu, wall) = clocks();
        let (mut sent, mut received) = (0, 0);
        while sent < count {
            let batch = BATCH.min(self.free.len()).min((count - sent) as usize);
            let from = self.free.len() - batch;
            // SAFETY: frames on the free list are ours; produced ones leave it.
            let produced = unsafe { self.tx.produce(&self.free[from..]) };
            if produced == batch {
                self.free.truncate(from);
                sent += batch as u64;
            }
            self.tx.wakeup().context("kick the transmit ring")?;
            self.reap();
            received += self.receive();
        }
        let (cpu_end, wall_end) = clocks();
        Ok(Measured { sent, received, cpu_s: cpu_end - cpu, wall_s: wall_end - wall })
    }

    /// Receives until nothing has come for `quiet`.
    pub fn drain(&mut self, quiet: Duration) -> u64 {
        let mut total = 0;
        let mut last = clocks().1;
        while clocks().1 - last < quiet.as_secs_f64() {
            self.reap();
            let received = self.receive();
            if received > 0 {
                total += received;
                last = clocks().1;
            }
        }
        total
    }

    fn reap(&mut self) {
        let mut done = [self.received[0]; BATCH];
        // SAFETY: descriptors from the completion ring of this UMEM.
        let count = unsafe { self.completion.consume(&mut done) };
        self.free.extend_from_slice(&done[..count]);
    }

    fn receive(&mut self) -> u64 {
        let mut total = 0;
        loop {
            // SAFETY: descriptors of this UMEM; the frames go back to the fill ring unread.
            let count = unsafe { self.rx.consume(&mut self.received) };
            if count == 0 {
                return total;
            }
            // SAFETY: just received, so ours to hand back; the ring has room for all frames.
            unsafe { self.fill.produce(&self.received[..count]) };
            total += count as u64;
        }
    }
}

/// Lets one kick send a whole batch in copy mode (kernels that do not know the
/// option send 32 a kick, which the loops bear).
fn raise_budget(fd: i32) {
    const XDP_MAX_TX_SKB_BUDGET: i32 = 9;
    let budget = BATCH as u32;
    // SAFETY: a valid descriptor and a four-byte option value.
    let _ = unsafe {
        libc::setsockopt(
            fd,
            libc::SOL_XDP,
            XDP_MAX_TX_SKB_BUDGET,
            (&raw const budget).cast(),
            size_of::<u32>() as u32,
        )
    };
}
