//! What the workers of a scan share: each range's window and send times, and
//! the live counts. A range is written by the worker that sends it and by
//! whoever receives its replies.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::sample::Sample;
use super::send_time::SendTimes;
use super::window::Window;

/// How long an attempt waits for its answer before the next attempt is made.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The indices that one worker sends.
#[derive(Debug)]
pub struct RangeState {
    /// The indices, one after the other: one piece, or several where a scan goes on
    /// that was interrupted.
    pieces: Vec<Piece>,
    size: u64,
    /// The strongest answer of every offset.
    pub window: Window,
    /// Send times, one ring an attempt.
    pub times: Vec<SendTimes>,
    /// Offsets below may have been sent, one bound an attempt.
    pub reached: Vec<AtomicU64>,
    /// Offsets below have had their last attempt: what was silent has left the port.
    pub passed: AtomicU64,
    /// Offsets below may be sent: their targets are not still being asked for their MAC
    /// addresses. All, where nobody is.
    pub ready: AtomicU64,
    /// Questions for MAC addresses that count against this range's rate.
    pub asked: AtomicU64,
    /// Offsets below left at a rate that lost nothing, or have been handed to the worker
    /// to be sent again. Only a search for the rate holds it back.
    pub judged: AtomicU64,
}

/// Consecutive indices of a range.
#[derive(Clone, Debug)]
struct Piece {
    /// Offset of the first one.
    offset: u64,
    indices: Range<u64>,
}

impl RangeState {
    fn new(pieces: Vec<Piece>, sizing: Sizing) -> Self {
        let size = pieces
            .last()
            .map_or(0, |piece| piece.offset + (piece.indices.end - piece.indices.start));
        Self {
            pieces,
            size,
            window: Window::new(size, sizing.horizon()),
            times: (0..sizing.attempts)
                .map(|_| SendTimes::new(size, sizing.horizon(), sizing.stride))
                .collect(),
            reached: (0..sizing.attempts).map(|_| AtomicU64::new(0)).collect(),
            passed: AtomicU64::new(0),
            ready: AtomicU64::new(u64::MAX),
            asked: AtomicU64::new(0),
            judged: AtomicU64::new(u64::MAX),
        }
    }

    /// Number of indices.
    #[inline]
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The index at `offset`, which is below the size.
    #[inline]
    #[must_use]
    pub fn index_at(&self, offset: u64) -> u64 {
        let piece = match self.pieces.as_slice() {
            [only] => only,
            pieces => &pieces[pieces.partition_point(|piece| piece.offset <= offset) - 1],
        };
        piece.indices.start + (offset - piece.offset)
    }

    /// The first of `indices` (ascending, of this range, not empty) that lie in one
    /// piece: how many, and the index less the offset of each.
    #[must_use]
    pub fn run(&self, indices: &[u64]) -> (usize, u64) {
        let difference = |index: u64| index.wrapping_sub(self.offset_of(index));
        let base = difference(indices[0]);
        if self.pieces.len() == 1 {
            return (indices.len(), base);
        }
        (indices.partition_point(|&index| difference(index) == base), base)
    }

    /// The offset of an index of this range.
    #[inline]
    #[must_use]
    pub fn offset_of(&self, index: u64) -> u64 {
        let piece = match self.pieces.as_slice() {
            [only] => only,
            pieces => &pieces[pieces.partition_point(|piece| piece.indices.start <= index) - 1],
        };
        piece.offset + (index - piece.indices.start)
    }

    /// The indices of the offsets below `end`, as half-open ranges.
    pub fn indices_below(&self, end: u64) -> impl Iterator<Item = Range<u64>> + '_ {
        self.pieces.iter().filter(move |piece| piece.offset < end).map(move |piece| {
            let len = (piece.indices.end - piece.indices.start).min(end - piece.offset);
            piece.indices.start..piece.indices.start + len
        })
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
    /// How often a probe was refused and put back: no loss, but a limit of this host.
    pub again: AtomicU64,
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
    /// The counts of the thread that asks for MAC addresses: what it sent and, where
    /// hosts are looked for, found.
    pub asking: Live,
    /// Probes a second that each worker may send at most, where drops have set a
    /// limit; 0 where none is set.
    pub limit: AtomicU64,
    /// Targets that are asked again, where the rate is being searched for.
    pub sample: Option<Sample>,
    /// No more offsets will be handed back to the workers.
    pub search_is_over: AtomicBool,
    /// When the workers are to stop listening (CLOCK_MONOTONIC ns); `u64::MAX` until known.
    pub finish_at_ns: AtomicU64,
    /// Every piece by its first index: where it ends, its range, its offset there.
    by_index: Vec<Located>,
}

#[derive(Clone, Copy, Debug)]
struct Located {
    start: u64,
    end: u64,
    range: usize,
    offset: u64,
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
    /// Splits `indices` (ascending, apart) into `workers` ranges of equal size.
    #[must_use]
    pub fn new(indices: &[Range<u64>], workers: usize, sizing: Sizing) -> Self {
        let len: u64 = indices.iter().map(|piece| piece.end - piece.start).sum();
        let part = len.div_ceil(workers as u64).max(1);
        let mut by_index = Vec::new();
        let mut rest = indices.iter().filter(|piece| !piece.is_empty()).cloned().peekable();
        let ranges = (0..workers)
            .map(|number| {
                let mut pieces: Vec<Piece> = Vec::new();
                let mut offset = 0;
                while let Some(piece) = rest.peek_mut()
                    && offset < part
                {
                    let take = (part - offset).min(piece.end - piece.start);
                    let indices = piece.start..piece.start + take;
                    by_index.push(Located {
                        start: indices.start,
                        end: indices.end,
                        range: number,
                        offset,
                    });
                    pieces.push(Piece { offset, indices });
                    offset += take;
                    piece.start += take;
                    if piece.start == piece.end {
                        rest.next();
                    }
                }
                RangeState::new(pieces, sizing)
            })
            .collect();
        Self {
            ranges,
            live: (0..workers).map(|_| Live::default()).collect(),
            asking: Live::default(),
            limit: AtomicU64::new(0),
            sample: None,
            search_is_over: AtomicBool::new(true),
            finish_at_ns: AtomicU64::new(u64::MAX),
            by_index,
        }
    }

    /// Makes it that of a scan whose rate is searched for.
    #[must_use]
    pub fn with_sample(mut self) -> Self {
        self.sample = Some(Sample::default());
        self.search_is_over = AtomicBool::new(false);
        for range in &mut self.ranges {
            range.judged = AtomicU64::new(0);
        }
        self
    }

    /// The range that holds `index` and the offset in it.
    #[must_use]
    pub fn locate(&self, index: u64) -> Option<(&RangeState, u64)> {
        let after = self.by_index.partition_point(|piece| piece.start <= index);
        let piece = self.by_index.get(after.checked_sub(1)?)?;
        (index < piece.end)
            .then(|| (&self.ranges[piece.range], piece.offset + (index - piece.start)))
    }

    /// Whether all workers have read their rings within `within_ns`. Replies may
    /// come in on any worker's queue: who sends on while another is kept from
    /// reading fills that one's ring until replies are lost.
    #[must_use]
    pub fn all_are_reading(&self, now_ns: u64, within_ns: u64) -> bool {
        let least = now_ns.saturating_sub(within_ns);
        self.live.iter().all(|live| live.heartbeat_ns.load(Ordering::Relaxed) >= least)
    }

    /// Sum of one live count over the workers and the thread that asks.
    pub fn sum(&self, count: impl Fn(&Live) -> &AtomicU64) -> u64 {
        self.live
            .iter()
            .chain([&self.asking])
            .fold(0, |sum: u64, live| sum.wrapping_add(count(live).load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    #[allow(clippy::single_range_in_vec_init, reason = "one piece is the usual case")]
    fn ranges_cover_the_indices_once_and_locate_finds_them() {
        let sizing =
            Sizing { attempts: 2, top_rate: 10.0, cooldown: Duration::from_secs(1), stride: 0 };
        let cases: [(&[Range<u64>], usize); 7] = [
            (&[10..11], 3),
            (&[5..105], 4),
            (&[0..7], 7),
            (&[3..10], 2),
            (&[4..4], 2),
            (&[0..3, 10..40, 41..42, 90..110], 3),
            (&[7..8, 20..20, 30..60], 2),
        ];
        for (indices, workers) in cases {
            let shared = Shared::new(indices, workers, sizing);
            let mut listed = Vec::new();
            for range in &shared.ranges {
                let of_range: Vec<u64> =
                    (0..range.size()).map(|offset| range.index_at(offset)).collect();
                for (offset, &index) in of_range.iter().enumerate() {
                    assert_eq!(range.offset_of(index), offset as u64);
                }
                let mut rest = of_range.as_slice();
                while !rest.is_empty() {
                    let (len, base) = range.run(rest);
                    let (run, after) = rest.split_at(len);
                    assert!(
                        run.iter().all(|index| index.wrapping_sub(range.offset_of(*index)) == base)
                    );
                    assert!(run.last().unwrap() - run[0] + 1 == len as u64);
                    rest = after;
                }
                listed.extend(of_range);
                for end in 0..=range.size() {
                    let below: u64 = range.indices_below(end).map(|r| r.end - r.start).sum();
                    assert_eq!(below, end);
                }
            }
            let expected: Vec<u64> = indices.iter().cloned().flatten().collect();
            assert_eq!(listed, expected);
            for index in 0..120 {
                let found = shared.locate(index).map(|(range, at)| range.index_at(at));
                assert_eq!(found, expected.contains(&index).then_some(index));
            }
        }
    }
}
