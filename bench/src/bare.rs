//! The baseline: AF_XDP loops as simple and as fast as we can write them. They
//! send one constant frame, count what comes back, and know nothing of plans,
//! cookies or results. Ring sizes, batch, bind flags and socket options are those
//! that the engine uses in the same mode.
//!
//! Simpler than the engine's, and that is the point: the one frame is in no ring
//! twice over, because nobody ever writes to it again; so there is no list of free
//! frames, only a number in flight.

#![expect(unsafe_code, reason = "a baseline on AF_XDP rings; not part of the product")]

use std::io::Write;
use std::num::NonZeroU32;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use prtip_engine::scan::XdpMode;
use xsk_rs::config::{BindFlags, Interface, LibxdpFlags, QueueSize, SocketConfig, UmemConfig};
use xsk_rs::{CompQueue, FillQueue, FrameDesc, RxQueue, Socket, TxQueue, Umem};

/// Frames a kick, as the engine's.
pub const BATCH: usize = 64;
/// Slots of the transmit and the completion ring.
const TX_RING: u32 = 4096;
/// Frames that may be in flight at once.
const TX_FRAMES: usize = 2048;
/// Slots of the receive and the fill ring, and receive frames.
const RX_RING: u32 = 8192;
/// `XDP_MAX_TX_SKB_BUDGET`: frames that one system call may send.
const TX_BUDGET: u32 = 256;
/// How long a queue whose last socket was just closed may stay busy.
const PATIENCE: Duration = Duration::from_secs(2);

/// Turns in a row without a free frame after which something is broken.
const IDLE_TURNS: u32 = 1_000_000;

/// An AF_XDP socket on one queue, and one frame to send.
pub struct Bare {
    tx: TxQueue,
    rx: RxQueue,
    fill: FillQueue,
    completion: CompQueue,
    /// The one frame, as often as a batch is long.
    batch: [FrameDesc; BATCH],
    completed: [FrameDesc; BATCH],
    received: [FrameDesc; BATCH],
    in_flight: usize,
    idle_turns: u32,
    _umem: Umem,
}

impl Bare {
    /// Binds to `queue` of `interface` (zero-copy in that mode, else copy), waiting while
    /// it is busy, and writes `frame`.
    ///
    /// # Errors
    /// When the socket cannot be had.
    pub fn open(interface: &str, queue: u32, mode: XdpMode, frame: &[u8]) -> Result<Self> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match Self::try_open(interface, queue, mode, frame) {
                Err(error) if is_busy(&error) && Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                result => {
                    return result.with_context(|| format!("AF_XDP on {interface} queue {queue}"));
                }
            }
        }
    }

    fn try_open(interface: &str, queue: u32, mode: XdpMode, frame: &[u8]) -> Result<Self> {
        let mode =
            if mode == XdpMode::Zerocopy { BindFlags::XDP_ZEROCOPY } else { BindFlags::XDP_COPY };
        let (rx_ring, tx_ring) = (QueueSize::new(RX_RING)?, QueueSize::new(TX_RING)?);
        let umem_config = UmemConfig::builder()
            .frame_size(2048.try_into()?)
            // Twice the frames, as in the engine: a slot is given back after its frame is shown.
            .fill_queue_size(QueueSize::new(2 * RX_RING)?)
            .comp_queue_size(tx_ring)
            .build()?;
        let frames = NonZeroU32::new(RX_RING + 1).context("there are frames")?;
        let (umem, mut descs) = Umem::new(umem_config, frames, false)?;
        let config = SocketConfig::builder()
            .rx_queue_size(rx_ring)
            .tx_queue_size(tx_ring)
            .libxdp_flags(LibxdpFlags::XSK_LIBXDP_FLAGS_INHIBIT_PROG_LOAD)
            .bind_flags(mode | BindFlags::XDP_USE_NEED_WAKEUP)
            .build();
        let name: Interface = interface.parse().map_err(|_| anyhow!("interface {interface}"))?;
        // SAFETY: the UMEM is not shared with another socket.
        let (tx, rx, rings) = unsafe { Socket::new(config, &umem, &name, queue) }?;
        let (mut fill, completion) = rings.context("a UMEM of its own has its own rings")?;
        // SAFETY: the frames are of this UMEM and in no other ring; the frame to send
        // is the first one, which the kernel has not seen yet.
        unsafe {
            let filled = fill.produce(&descs[1..]);
            ensure!(filled == RX_RING as usize, "the fill ring takes all receive frames");
            umem.data_mut(&mut descs[0]).cursor().write_all(frame)?;
        }
        raise_budget(tx.fd().as_raw_fd());
        let empty = [FrameDesc::default(); BATCH];
        Ok(Self {
            tx,
            rx,
            fill,
            completion,
            batch: [descs[0]; BATCH],
            completed: empty,
            received: empty,
            in_flight: 0,
            idle_turns: 0,
            _umem: umem,
        })
    }

    /// The socket, for the XSKMAP.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the descriptor is open as long as the queues that `self` holds.
        unsafe { BorrowedFd::borrow_raw(self.tx.fd().as_raw_fd()) }
    }

    /// Sends `count` frames, rounded up to whole batches; returns how many.
    ///
    /// # Errors
    /// When a kick fails.
    pub fn send(&mut self, count: u64) -> Result<u64> {
        let mut sent = 0;
        while sent < count {
            sent += self.turn()?;
        }
        Ok(sent)
    }

    /// Sends as [`Bare::send`], receives in between and at the end until `patience`
    /// has passed without a frame; returns how many came back.
    ///
    /// # Errors
    /// When a kick fails.
    pub fn echo(&mut self, count: u64, patience: Duration) -> Result<u64> {
        let (mut sent, mut received) = (0, 0);
        while sent < count {
            sent += self.turn()?;
            received += self.receive();
        }
        let mut deadline = Instant::now() + patience;
        while received < sent && Instant::now() < deadline {
            self.reap();
            let more = self.receive();
            if more > 0 {
                received += more;
                deadline = Instant::now() + patience;
            }
        }
        Ok(received)
    }

    /// One batch out, one kick, completions in.
    fn turn(&mut self) -> Result<u64> {
        let mut sent = 0;
        self.idle_turns += 1;
        ensure!(self.idle_turns < IDLE_TURNS, "the kernel completes no frame any more");
        if self.in_flight + BATCH <= TX_FRAMES {
            self.idle_turns = 0;
            // SAFETY: the frame is of this UMEM, and nobody writes to it any more, so
            // it may be sent any number of times at once.
            sent = unsafe { self.tx.produce(&self.batch) };
            self.in_flight += sent;
        }
        if self.tx.needs_wakeup() {
            self.tx.wakeup().context("kick the transmit ring")?;
        }
        self.reap();
        Ok(sent as u64)
    }

    fn reap(&mut self) {
        loop {
            // SAFETY: the descriptors are overwritten with frames of this UMEM.
            let count = unsafe { self.completion.consume(&mut self.completed) };
            self.in_flight -= count;
            if count < BATCH {
                return;
            }
        }
    }

    fn receive(&mut self) -> u64 {
        let mut total = 0;
        loop {
            // SAFETY: the descriptors are overwritten with frames of this UMEM, which go
            // back to the fill ring unread; it has a slot for every receive frame.
            let count = unsafe {
                let count = self.rx.consume(&mut self.received);
                self.fill.produce(&self.received[..count]);
                count
            };
            total += count as u64;
            if count < BATCH {
                return total;
            }
        }
    }
}

/// Lets one kick send a whole batch in copy mode. Kernels that do not know the
/// option send 32 a kick, for the engine as for this loop.
fn raise_budget(fd: i32) {
    const XDP_MAX_TX_SKB_BUDGET: i32 = 9;
    let budget = TX_BUDGET;
    // SAFETY: a valid descriptor and a four-byte option value that outlives the call.
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

fn is_busy(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|cause| cause.raw_os_error() == Some(libc::EBUSY))
}
