//! The delay path: holds the far end's replies until their time.
//!
//! XDP cannot hold a packet, so with `--delay-us` the far end's program sends
//! each finished reply, its due time in front, to the AF_XDP socket of the
//! queue that the probe came by. One thread takes them, keeps them in the
//! [`line`], and sends them out by the same socket when they are due. It never
//! builds or changes a reply.

pub mod line;
pub mod xsk;

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow};
use prtip_bpf::lab::{DELAYED_LEN, Delayed, Lab};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::{ClockId, Timespec, clock_gettime};
use serde::Serialize;
use zerocopy::FromBytes;

use super::kernel;
use line::{Line, Reply};
use xsk::Xsk;

/// Longest sleep: how late the request to stop is seen.
const NAP_NS: u64 = 2_000_000;
/// Replies sent between two looks at the RX rings. Taking is cheap beside
/// sending, and what is not taken is lost, so a turn takes more than it sends.
const TURN: usize = 128;
/// A reply sent later than this after its time is counted.
const LATE_NS: u32 = 200_000;

/// What the delay path did.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct DelayCounters {
    /// Replies taken from the far end's program.
    pub taken: u64,
    /// Frames sent, all copies counted.
    pub sent_frames: u64,
    /// Replies for which there was no room.
    pub refused: u64,
    /// Replies still in the air at the end.
    pub left: u64,
    /// Most replies in the air at once.
    pub most_held: u64,
    /// Replies sent more than 200 us after their time.
    pub late_over_200_us: u64,
    /// The latest of all.
    pub latest_us: u32,
}

/// When replies left that the far end's program has noted: their places, and
/// CLOCK_MONOTONIC.
pub type Left = Vec<(u32, u64)>;

/// The running delay path.
pub struct DelayPath {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(DelayCounters, Left)>,
}

impl DelayPath {
    /// Opens a socket on every queue of `interface` and starts the thread, both
    /// in this thread's network namespace.
    pub fn start(lab: &mut Lab, interface: &str, queues: u32, longest_ns: u64) -> Result<Self> {
        let mut sockets = Vec::new();
        for queue in 0..queues {
            let socket = Xsk::open(interface, queue).context("AF_XDP socket of the delay path")?;
            lab.delay_by(queue, socket.raw_fd())?;
            sockets.push(socket);
        }
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("lab-delay".into())
            .spawn(move || hold_and_send(&mut sockets, longest_ns, &stopped))?;
        Ok(Self { stop, thread })
    }

    /// Stops; replies still in the air are lost and counted.
    pub fn stop(self) -> Result<(DelayCounters, Left)> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("the delay path panicked"))
    }
}

fn hold_and_send(sockets: &mut [Xsk], longest_ns: u64, stop: &AtomicBool) -> (DelayCounters, Left) {
    let mut left = Left::new();
    // The default slack of 50 us would be most of the accuracy that is promised.
    let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
    // Where it is refused, the counters tell how late replies were.
    let _ = kernel::run_first();
    let mut counters = DelayCounters::default();
    let mut line = Line::new(longest_ns, now_ns());
    while !stop.load(Ordering::Relaxed) {
        let mut received = 0;
        for (queue, socket) in (0_u8..).zip(sockets.iter_mut()) {
            received += socket.receive(|bytes| take(&mut line, queue, bytes, &mut counters));
        }
        counters.most_held = counters.most_held.max(line.held() as u64);

        let now = now_ns();
        let mut sent = 0;
        line.pop_due(now, |late_ns, reply| {
            // Before it is sent, so that it never seems to have been held for longer.
            let leaves_ns = if reply.place == 0 { 0 } else { now_ns() };
            if sent >= TURN || !send(&mut sockets[usize::from(reply.queue)], &reply) {
                return false;
            }
            if reply.place != 0 {
                left.push((reply.place - 1, leaves_ns));
            }
            sent += 1;
            counters.sent_frames += u64::from(reply.copies);
            counters.late_over_200_us += u64::from(late_ns > LATE_NS);
            counters.latest_us = counters.latest_us.max(late_ns / 1000);
            true
        });
        for socket in sockets.iter_mut() {
            socket.flush();
        }
        if received == 0 && sent == 0 {
            nap(sockets, &line);
        }
    }
    counters.left = line.held() as u64;
    (counters, left)
}

/// Takes one frame of the far end's program into the air.
fn take(line: &mut Line, queue: u8, bytes: &[u8], counters: &mut DelayCounters) {
    let Ok((delayed, frame)) = Delayed::read_from_prefix(bytes) else {
        counters.refused += 1;
        return;
    };
    debug_assert_eq!(frame.len() + DELAYED_LEN, bytes.len());
    counters.taken += 1;
    let reply = Reply { frame, copies: delayed.copies as u8, queue, place: delayed.place };
    counters.refused += u64::from(!line.push(delayed.due_ns, &reply));
}

/// Sends all copies or, where there is no room for them, none.
fn send(socket: &mut Xsk, reply: &Reply<'_>) -> bool {
    socket.has_room(usize::from(reply.copies))
        && (0..reply.copies).all(|_| socket.send(reply.frame))
}

/// Sleeps until a frame comes or the next reply is due.
fn nap(sockets: &[Xsk], line: &Line) {
    let now = now_ns();
    let until = line.next_due_ns(NAP_NS).unwrap_or(now + NAP_NS).min(now + NAP_NS);
    let timeout = Timespec { tv_sec: 0, tv_nsec: until.saturating_sub(now).min(NAP_NS) as i64 };
    let mut waited: Vec<PollFd<'_>> =
        sockets.iter().map(|socket| PollFd::from_borrowed_fd(socket.fd(), PollFlags::IN)).collect();
    // Interrupted or not, the loop looks at everything again.
    let _ = poll(&mut waited, Some(&timeout));
}

/// CLOCK_MONOTONIC, as bpf_ktime_get_ns.
pub fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
