//! What the workers of a scan share: each range's window and send times, and
//! the live counts. A range is written by the worker that sends it and by
//! whoever receives its replies.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::send_time::SendTimes;
use super::window::Window;

/// How long an attempt waits for its answer before the next attempt is made.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The indices that one worker sends.
#[derive(Debug)]
pub struct RangeState {
    /// The indices, half open. Offsets count from `indices.start`.
    pub indices: Range<u64>,
    /// The strongest answer of every offset.
    pub window: Window,
    /// Send times, one ring an attempt.
    pub times: Vec<SendTimes>,
    /// Offsets below may have been sent, one bound an attempt.
    pub reached: Vec<AtomicU64>,
}

impl RangeState {
    /// Number of indices.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.indices.end - self.indices.start
    }
}

/// Live counts of one worker, on cache lines of their own. Written by that
/// worker with plain stores, read by the coordinator.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Live {
    /// Probes sent.
    pub sent: AtomicU64,
    /// True replies, duplicates included.
    pub replies: AtomicU64,
    /// Ports open now.
    pub open: AtomicU64,
    /// Ports closed now. (A port may be found closed by one worker and revised to
    /// open by another: the sums over workers are right, wrapping.)
    pub closed: AtomicU64,
    /// Replies that found no room, and probes that the kernel refused.
    pub drops: AtomicU64,
    /// When this worker last read its rings, or until when it sleeps on them
    /// (CLOCK_MONOTONIC ns).
    pub heartbeat_ns: AtomicU64,
    /// When this worker sent its last probe (CLOCK_MONOTONIC ns); 0 while sending.
    pub done_at_ns: AtomicU64,
}

/// Everything shared.
#[derive(Debug)]
pub struct Shared {
    /// One range a worker, consecutive.
    pub ranges: Vec<RangeState>,
    /// One set of counts a worker.
    pub live: Vec<Live>,
    /// Probes a second that each worker may send at most, where drops have set a
    /// limit; 0 where none is set.
    pub limit: AtomicU64,
    /// When the workers are to stop listening (CLOCK_MONOTONIC ns); `u64::MAX` until known.
    pub finish_at_ns: AtomicU64,
    /// First index of the shard and length of each range but the last.
    first: u64,
    part: u64,
}

/// How big the shared structures are to be.
#[derive(Clone, Copy, Debug)]
pub struct Sizing {
    /// Attempts per index.
    pub attempts: u8,
    /// Probes a second and worker, as high as it can get.
    pub top_rate: f64,
    /// Listening time after the last probe.
    pub cooldown: Duration,
    /// log2 of the indices that share a send time.
    pub stride: u32,
}

impl Sizing {
    /// Indices that may be in the air at once in one worker's range, at most 2^28: what
    /// comes later than that many probes is late.
    #[must_use]
    pub fn horizon(&self) -> u64 {
        let retries = RETRY_AFTER * u32::from(self.attempts - 1);
        let lateness = self.cooldown + retries + Duration::from_secs(1);
        ((self.top_rate * lateness.as_secs_f64()) as u64 + 1).min(super::window::WHOLE)
    }
}

impl Shared {
    /// Splits `shard` into `workers` ranges.
    #[must_use]
    pub fn new(shard: Range<u64>, workers: usize, sizing: Sizing) -> Self {
        let len = shard.end - shard.start;
        let part = len.div_ceil(workers as u64).max(1);
        let bound = |k: usize| shard.start + (part.saturating_mul(k as u64)).min(len);
        let ranges = (0..workers)
            .map(|k| {
                let indices = bound(k)..bound(k + 1);
                let len = indices.end - indices.start;
                RangeState {
                    indices,
                    window: Window::new(len, sizing.horizon()),
                    times: (0..sizing.attempts)
                        .map(|_| SendTimes::new(len, sizing.horizon(), sizing.stride))
                        .collect(),
                    reached: (0..sizing.attempts).map(|_| AtomicU64::new(0)).collect(),
                }
            })
            .collect();
        Self {
            ranges,
            live: (0..workers).map(|_| Live::default()).collect(),
            limit: AtomicU64::new(0),
            finish_at_ns: AtomicU64::new(u64::MAX),
            first: shard.start,
            part,
        }
    }

    /// The range that holds `index` and the offset in it.
    #[must_use]
    pub fn locate(&self, index: u64) -> Option<(&RangeState, u64)> {
        let range = self.ranges.get((index.checked_sub(self.first)? / self.part) as usize)?;
        (index < range.indices.end).then(|| (range, index - range.indices.start))
    }

    /// Whether all workers have read their rings within `within_ns`. Replies may
    /// come in on any worker's queue: who sends on while another is kept from
    /// reading fills that one's ring until replies are lost.
    #[must_use]
    pub fn all_are_reading(&self, now_ns: u64, within_ns: u64) -> bool {
        let least = now_ns.saturating_sub(within_ns);
        self.live.iter().all(|live| live.heartbeat_ns.load(Ordering::Relaxed) >= least)
    }

    /// Sum of one live count over the workers.
    pub fn sum(&self, count: impl Fn(&Live) -> &AtomicU64) -> u64 {
        self.live
            .iter()
            .fold(0, |sum: u64, live| sum.wrapping_add(count(live).load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_the_shard_once_and_locate_finds_them() {
        let sizing =
            Sizing { attempts: 2, top_rate: 10.0, cooldown: Duration::from_secs(1), stride: 0 };
        for (shard, workers) in [(10..11, 3), (5..105, 4), (0..7, 7), (3..10, 2), (4..4, 2)] {
            let shared = Shared::new(shard.clone(), workers, sizing);
            let mut next = shard.start;
            for range in &shared.ranges {
                assert_eq!(range.indices.start, next);
                next = range.indices.end;
            }
            assert_eq!(next, shard.end);
            for index in 0..120 {
                let found = shared.locate(index).map(|(range, at)| range.indices.start + at);
                assert_eq!(found, shard.contains(&index).then_some(index));
            }
        }
    }
}
