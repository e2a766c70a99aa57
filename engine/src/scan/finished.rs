//! Which indices are finished, as seen by the coordinator: those whose last attempt
//! is older than the time for which late replies are awaited.
//!
//! The cursors are sampled a few dozen times in that time. A sample becomes the
//! mark when it is old enough and every worker has since been seen reading its
//! rings: what came for those indices has been judged, and after the buses have
//! been emptied once more every result of theirs is with the observer.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::shared::Shared;

/// Beyond the cooldown: time for a worker to work off a full ring.
const SLACK_NS: u64 = 250_000_000;
/// Least and most time between two marks, in ns.
const INTERVAL_NS: Range<u64> = 1_000_000_000..60_000_000_000;

/// Samples of the workers' cursors on their way to a mark.
pub(super) struct Mark {
    /// Finished in earlier runs.
    before: Vec<Range<u64>>,
    wait_ns: u64,
    sample_every_ns: u64,
    sampled_at_ns: u64,
    samples: VecDeque<(u64, Vec<u64>)>,
    marked_at_ns: u64,
    interval_ns: u64,
    marked: Vec<u64>,
}

impl Mark {
    pub(super) fn new(before: Vec<Range<u64>>, cooldown: Duration, now_ns: u64) -> Self {
        let cooldown_ns = cooldown.as_nanos() as u64;
        Self {
            before,
            wait_ns: cooldown_ns + SLACK_NS,
            sample_every_ns: (cooldown_ns / 32).clamp(50_000_000, 10_000_000_000),
            sampled_at_ns: 0,
            samples: VecDeque::new(),
            marked_at_ns: now_ns,
            interval_ns: INTERVAL_NS.start,
            marked: Vec::new(),
        }
    }

    /// For the fault that shows what the waiting is good for.
    pub(super) fn without_waiting(mut self) -> Self {
        self.wait_ns = 0;
        self
    }

    /// Takes a sample where one is due; true where a mark should be set after the
    /// buses have been emptied.
    pub(super) fn turn(&mut self, shared: &Shared, now_ns: u64) -> bool {
        if now_ns >= self.sampled_at_ns + self.sample_every_ns {
            self.sampled_at_ns = now_ns;
            let passed =
                shared.ranges.iter().map(|range| range.passed.load(Ordering::Acquire)).collect();
            self.samples.push_back((now_ns, passed));
        }
        if now_ns < self.marked_at_ns + self.interval_ns {
            return false;
        }
        let read_until =
            shared.live.iter().map(|live| live.heartbeat_ns.load(Ordering::Relaxed)).min();
        let read_until = read_until.unwrap_or(0).min(now_ns);
        let mut moved = false;
        while let Some((at_ns, _)) = self.samples.front()
            && at_ns + self.wait_ns <= read_until
        {
            if let Some((_, passed)) = self.samples.pop_front() {
                moved |= passed != self.marked;
                self.marked = passed;
            }
        }
        if moved {
            self.marked_at_ns = now_ns;
            // A scan of days needs no mark a second.
            self.interval_ns = (self.interval_ns + self.interval_ns / 64).min(INTERVAL_NS.end);
        }
        moved
    }

    /// The mark at the end of a scan whose cooldown has been waited for: all that has
    /// been passed is finished.
    pub(super) fn end(&mut self, shared: &Shared) {
        self.marked =
            shared.ranges.iter().map(|range| range.passed.load(Ordering::Acquire)).collect();
    }

    /// The finished indices, ascending and apart.
    pub(super) fn finished(&self, shared: &Shared) -> Vec<Range<u64>> {
        let mut all = self.before.clone();
        for (range, &end) in shared.ranges.iter().zip(&self.marked) {
            all.extend(range.indices_below(end));
        }
        coalesce(all)
    }
}

/// Sorts ranges and joins those that touch or overlap; empty ones vanish.
pub(super) fn coalesce(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.retain(|range| !range.is_empty());
    ranges.sort_unstable_by_key(|range| range.start);
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

/// What of `whole` is not in `finished` (ascending and apart).
pub(super) fn without(whole: Range<u64>, finished: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut left = Vec::new();
    let mut next = whole.start;
    for range in finished {
        if range.start > next {
            left.push(next..range.start.min(whole.end));
        }
        next = next.max(range.end);
    }
    if next < whole.end {
        left.push(next..whole.end);
    }
    left.retain(|range| range.start < range.end);
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finished_and_left_make_the_whole(
            ranges in proptest::collection::vec((0u64..200, 0u64..40), 0..12), start in 0u64..100, len in 0u64..150
        ) {
            let whole = start..start + len;
            let finished = coalesce(ranges.iter().map(|&(at, len)| at..at + len).collect());
            prop_assert!(finished.windows(2).all(|pair| pair[0].end < pair[1].start));
            let left = without(whole.clone(), &finished);
            for index in 0..400 {
                let asked = ranges.iter().any(|&(at, len)| (at..at + len).contains(&index));
                prop_assert_eq!(finished.iter().any(|range| range.contains(&index)), asked);
                let expected = whole.contains(&index) && !asked;
                prop_assert_eq!(left.iter().any(|range| range.contains(&index)), expected);
            }
        }
    }
}
