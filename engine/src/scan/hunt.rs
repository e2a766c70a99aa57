//! Joins the [`Search`] for the rate with the workers: what they send and drop and what
//! the sample answers go in, rate and questions come out, and what left at a rate that
//! lost some is handed back to be sent again.

use std::ops::Range;
use std::sync::atomic::Ordering;

use rtrb::{Consumer, Producer, RingBuffer};

use super::fault::Fault;
use super::ledger::Ledger;
use super::search::{Found, Look, Search};
use super::shared::{RangeState, Shared};

/// Spans of offsets that one worker may be given at once.
const HANDED: usize = 64;
/// Spans kept for one worker until the rate is steady; more are joined.
const KEPT: usize = 32;
/// The fewest probes between two questions.
const LEAST_BETWEEN: f64 = 3.0;

pub(super) struct Hunt {
    search: Search,
    /// One a worker.
    lost: Vec<Lost>,
    /// Offsets handed back in all.
    handed: u64,
    /// A fault: nothing that the sample tells is heard.
    deaf: bool,
}

/// The offsets of a worker that are not judged, or lost some.
struct Lost {
    /// Where the part begins that is not judged.
    since: u64,
    spans: Vec<Range<u64>>,
    to: Producer<Range<u64>>,
}

impl Lost {
    /// Judges what was sent up to `until`.
    fn judge(&mut self, until: u64, clean: bool) {
        let span = self.since..until.max(self.since);
        self.since = span.end;
        if clean || span.is_empty() {
            return;
        }
        match self.spans.last_mut() {
            Some(last) if last.end == span.start => last.end = span.end,
            _ => self.spans.push(span),
        }
        if self.spans.len() > KEPT {
            // The two that are closest become one: what lies between is asked again too.
            let gap = |at: &usize| self.spans[at + 1].start - self.spans[*at].end;
            let at = (0..KEPT).min_by_key(gap).unwrap_or(0);
            self.spans[at].end = self.spans[at + 1].end;
            self.spans.remove(at + 1);
        }
    }

    /// Hands the worker what it has room for; returns how many offsets.
    fn hand_over(&mut self) -> u64 {
        let count = self.spans.len().min(self.to.slots());
        let mut offsets = 0;
        for span in self.spans.drain(..count) {
            offsets += span.end - span.start;
            // There is room for as many.
            let _ = self.to.push(span);
        }
        offsets
    }

    /// Offsets below are judged, and handed over where they lost some.
    fn judged(&self) -> u64 {
        self.spans.first().map_or(self.since, |span| span.start)
    }
}

impl Hunt {
    /// The search of a scan whose rate is searched for, and what its workers are handed
    /// spans through, the last worker's first.
    pub(super) fn of(
        shared: &Shared,
        now_ns: u64,
        fault: Option<Fault>,
    ) -> Option<(Self, Vec<Consumer<Range<u64>>>)> {
        shared.sample.as_ref()?;
        let (mut lost, mut handed) = (Vec::new(), Vec::new());
        for _ in &shared.ranges {
            let (to, from) = RingBuffer::new(HANDED);
            lost.push(Lost { since: 0, spans: Vec::with_capacity(KEPT + 1), to });
            handed.push(from);
        }
        handed.reverse();
        let deaf = fault == Some(Fault::DeafControl);
        Some((Self { search: Search::new(now_ns), lost, handed: 0, deaf }, handed))
    }

    /// Probes a second that are aimed at now.
    pub(super) fn aim(&self) -> f64 {
        self.search.rate()
    }

    pub(super) fn found(&self) -> Found {
        self.search.found()
    }

    /// A look at the scan, and what follows from it.
    pub(super) fn turn(&mut self, shared: &Shared, now_ns: u64) {
        let Some(sample) = &shared.sample else { return };
        if self.search.is_over() {
            return;
        }
        let (asked, answered) = sample.counts();
        let answered = if self.deaf { asked } else { answered };
        let reached = |range: &RangeState| range.reached[0].load(Ordering::Relaxed);
        let look = Look {
            now_ns,
            sent: shared.sum(|live| &live.sent),
            drops: shared.sum(|live| &live.drops) + shared.sum(|live| &live.again),
            asked,
            answered,
            held: sample.held(),
            wait_ns: sample.wait_ns(),
            exhausted: shared.ranges.iter().any(|range| reached(range) == range.size()),
        };
        let Some(order) = self.search.turn(&look) else { return };
        if order.begins {
            sample.begin();
        }
        sample.ask_every(match order.questions {
            questions if questions > 0.0 => (order.rate / questions).max(LEAST_BETWEEN) as u32,
            _ => 0,
        });
        let each = order.rate / shared.live.len() as f64;
        shared.limit.store(each.max(1.0) as u64, Ordering::Relaxed);
        for (lost, range) in self.lost.iter_mut().zip(&shared.ranges) {
            if let Some(clean) = order.clean {
                lost.judge(reached(range), clean);
            }
            if self.search.is_steady() {
                self.handed += lost.hand_over();
            }
            let over = self.search.is_over();
            range.judged.store(if over { u64::MAX } else { lost.judged() }, Ordering::Release);
        }
        if self.search.is_over() {
            shared.search_is_over.store(true, Ordering::Release);
        }
    }

    /// What people should know of it.
    pub(super) fn remarks(&self, ledger: &Ledger) -> Vec<String> {
        let Found { pps, settled, why } = self.found();
        let word = if settled { "settled at" } else { "came to" };
        let mut remarks = vec![format!("--rate auto {word} {pps:.0} probes a second: {why}")];
        if self.handed > 0 {
            remarks.push(format!(
                "{} first probes left at rates that lost some; the {} of them that were still \
                 silent were sent again",
                self.handed, ledger.resent
            ));
        }
        let waiting: u64 =
            self.lost.iter().flat_map(|lost| &lost.spans).map(|span| span.end - span.start).sum();
        if waiting > 0 {
            remarks.push(format!(
                "{waiting} first probes left at rates that lost some, and were not sent again \
                 before the end: what is not found may be among them"
            ));
        }
        remarks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_that_lost_some_are_kept_in_order_and_in_bounds() {
        let (to, mut from) = RingBuffer::new(HANDED);
        let mut lost = Lost { since: 0, spans: Vec::new(), to };
        lost.judge(100, true);
        assert_eq!(lost.judged(), 100);
        lost.judge(200, false);
        lost.judge(250, false);
        assert_eq!((lost.spans.len(), &lost.spans[0]), (1, &(100..250)));
        assert_eq!(lost.judged(), 100, "not handed over yet");
        lost.judge(300, true);
        assert_eq!((lost.hand_over(), lost.judged()), (150, 300));
        assert_eq!(from.pop(), Ok(100..250));

        // Many spans, alternating: whatever is joined, every lost offset is in one.
        let mut expected = Vec::new();
        for step in 0..200_u64 {
            let until = 300 + (step + 1) * (10 + step % 7);
            let since = lost.since;
            lost.judge(until, step % 2 == 0);
            if step % 2 == 1 {
                expected.extend(since..lost.since);
            }
        }
        assert!(lost.spans.len() <= KEPT);
        assert!(lost.spans.windows(2).all(|pair| pair[0].end < pair[1].start));
        let kept = |offset: &u64| lost.spans.iter().any(|span| span.contains(offset));
        assert!(expected.iter().all(kept));
    }
}
