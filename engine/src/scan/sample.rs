//! The control sample of a scan with an automatic rate: targets that have answered
//! and are asked again now and then, so that a falling share of answers tells of
//! loss that no counter of this host sees.
//!
//! A table of fixed size, one target a slot, the slot chosen by a hash in which a
//! host has few places: no host can make up the sample. Whoever receives an answer
//! may put its target in; whoever sends takes the next one out; both by atomic
//! stores on a slot. Two workers that meet in one slot may spoil one question,
//! which is a miss among hundreds, and nothing else.
//!
//! A slot is given to another target after it has been asked a number of times,
//! whether it answered or not: throwing out those that miss would hide the loss.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use crate::event::Reason;

/// Targets that the sample holds at most; a power of two.
const SLOTS: usize = 2048;
/// Of these, places that one host may have; a power of two.
const SLOTS_A_HOST: u64 = 64;
/// Times that a target is asked before another may take its place.
const ASKED_ENOUGH: u64 = 8;
/// An answer that has not come after this long will not come (ns).
const FORGOTTEN_NS: u64 = 2_000_000_000;
/// Slots looked at for the next target, at most.
const LOOKED_AT: usize = 512;
/// Steps whose counts are kept.
const STEPS: usize = 8;
/// Answer times are counted by powers of two of milliseconds.
const TIMES: usize = 14;
/// Answers needed before their times say how long to wait.
const TIMES_LEAST: u64 = 60;
/// How long answers are waited for: at least, at most, and where nothing is known (ns).
const WAIT_NS: (u64, u64, u64) = (60_000_000, 1_500_000_000, 1_000_000_000);

/// The targets, and what became of the questions.
#[derive(Debug)]
pub struct Sample {
    slots: Box<[Slot]>,
    held: AtomicU64,
    next: AtomicUsize,
    /// The step that questions now belong to.
    step: AtomicU32,
    /// One question after this many probes; 0: none.
    every: AtomicU32,
    steps: [Step; STEPS],
    times: [AtomicU64; TIMES],
}

#[derive(Debug, Default)]
struct Slot {
    /// Index + 1; 0: empty.
    index: AtomicU64,
    /// Unanswered in the top bit, then how often it was asked (7 bits), then the step (24).
    asked: AtomicU64,
    /// When it was asked last.
    asked_at_ns: AtomicU64,
}

#[derive(Debug, Default)]
struct Step {
    number: AtomicU32,
    asked: AtomicU64,
    answered: AtomicU64,
}

const OPEN_QUESTION: u64 = 1 << 63;
const TIMES_SHIFT: u32 = 24;
const STEP_MASK: u64 = (1 << TIMES_SHIFT) - 1;

impl Default for Sample {
    fn default() -> Self {
        Self {
            slots: (0..SLOTS).map(|_| Slot::default()).collect(),
            held: AtomicU64::new(0),
            next: AtomicUsize::new(0),
            step: AtomicU32::new(0),
            every: AtomicU32::new(0),
            steps: std::array::from_fn(|_| Step::default()),
            times: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }
}

impl Sample {
    /// Whether an answer of this kind may be in it: hosts limit the ICMP errors that
    /// they send, and those of others are not theirs.
    #[must_use]
    pub fn takes(reason: Reason) -> bool {
        matches!(reason, Reason::SynAck | Reason::Rst | Reason::UdpResponse | Reason::EchoReply)
    }

    fn slot(&self, addr: IpAddr, port: u16) -> &Slot {
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
        let words = match addr {
            IpAddr::V4(addr) => u64::from(u32::from(addr)),
            IpAddr::V6(addr) => {
                let bits = u128::from(addr);
                (bits >> 64) as u64 ^ (bits as u64).wrapping_mul(SPREAD)
            }
        };
        let host = words.wrapping_mul(SPREAD) >> 32;
        let item = (u64::from(port) + 1).wrapping_mul(SPREAD) >> 40;
        &self.slots[(host.wrapping_add(item % SLOTS_A_HOST)) as usize % SLOTS]
    }

    /// The target with this index has answered for the first time, at `now_ns`.
    pub fn note(&self, addr: IpAddr, port: u16, index: u64, now_ns: u64) {
        let slot = self.slot(addr, port);
        if slot.index.load(Ordering::Relaxed) == 0 {
            self.held.fetch_add(1, Ordering::Relaxed);
        } else {
            let asked = slot.asked.load(Ordering::Relaxed);
            let times = (asked & !OPEN_QUESTION) >> TIMES_SHIFT;
            let since_ns = now_ns.saturating_sub(slot.asked_at_ns.load(Ordering::Relaxed));
            if times < ASKED_ENOUGH || since_ns < FORGOTTEN_NS {
                return;
            }
        }
        slot.asked.store(0, Ordering::Relaxed);
        slot.index.store(index + 1, Ordering::Relaxed);
    }

    /// The next target to ask: its index and where it stands. [`asked`](Self::asked)
    /// follows where the question has left.
    #[must_use]
    pub fn next(&self) -> Option<(u64, usize)> {
        for _ in 0..LOOKED_AT {
            let at = self.next.fetch_add(1, Ordering::Relaxed) % SLOTS;
            if let Some(index) = self.slots[at].index.load(Ordering::Relaxed).checked_sub(1) {
                return Some((index, at));
            }
        }
        None
    }

    /// The target at `at` has been asked at `now_ns`.
    pub fn asked(&self, at: usize, now_ns: u64) {
        let step = self.step.load(Ordering::Relaxed);
        let slot = &self.slots[at];
        let times = (slot.asked.load(Ordering::Relaxed) & !OPEN_QUESTION) >> TIMES_SHIFT;
        let times = (times + 1).min(127);
        slot.asked_at_ns.store(now_ns, Ordering::Relaxed);
        let asked = OPEN_QUESTION | times << TIMES_SHIFT | u64::from(step) & STEP_MASK;
        slot.asked.store(asked, Ordering::Release);
        self.steps[step as usize % STEPS].asked.fetch_add(1, Ordering::Relaxed);
    }

    /// An answer to a question has come at `now_ns`; whether it is one that was open.
    pub fn answered(&self, addr: IpAddr, port: u16, index: u64, now_ns: u64) -> bool {
        let slot = self.slot(addr, port);
        if slot.index.load(Ordering::Relaxed) != index + 1 {
            return false;
        }
        let asked = slot.asked.fetch_and(!OPEN_QUESTION, Ordering::AcqRel);
        if asked & OPEN_QUESTION == 0 {
            return false;
        }
        let step = &self.steps[(asked & STEP_MASK) as usize % STEPS];
        if u64::from(step.number.load(Ordering::Relaxed)) & STEP_MASK == asked & STEP_MASK {
            step.answered.fetch_add(1, Ordering::Relaxed);
        }
        let took_ms = now_ns.saturating_sub(slot.asked_at_ns.load(Ordering::Relaxed)) / 1_000_000;
        let place = (u64::BITS - took_ms.leading_zeros()) as usize;
        self.times[place.min(TIMES - 1)].fetch_add(1, Ordering::Relaxed);
        true
    }

    /// Targets in it.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// Begins a step: questions from now on belong to it.
    pub(super) fn begin(&self) {
        let number = self.step.load(Ordering::Relaxed) + 1;
        let step = &self.steps[number as usize % STEPS];
        step.asked.store(0, Ordering::Relaxed);
        step.answered.store(0, Ordering::Relaxed);
        step.number.store(number, Ordering::Relaxed);
        self.step.store(number, Ordering::Relaxed);
    }

    /// Questions and answers of the step that was begun last.
    #[must_use]
    pub(super) fn counts(&self) -> (u64, u64) {
        let step = &self.steps[self.step.load(Ordering::Relaxed) as usize % STEPS];
        (step.asked.load(Ordering::Relaxed), step.answered.load(Ordering::Relaxed))
    }

    /// Asks one target after every `probes` probes of a worker; 0: none.
    pub(super) fn ask_every(&self, probes: u32) {
        self.every.store(probes, Ordering::Relaxed);
    }

    /// After how many probes a worker is to ask; 0: not at all.
    #[must_use]
    pub fn every(&self) -> u32 {
        self.every.load(Ordering::Relaxed)
    }

    /// How long to wait for answers: half as long again as 99 in 100 took.
    #[must_use]
    pub(super) fn wait_ns(&self) -> u64 {
        let counts: Vec<u64> = self.times.iter().map(|n| n.load(Ordering::Relaxed)).collect();
        let all: u64 = counts.iter().sum();
        let (least, most, unknown) = WAIT_NS;
        if all < TIMES_LEAST {
            return unknown;
        }
        let mut seen = 0;
        let place = counts.iter().position(|count| {
            seen += count;
            seen * 100 >= all * 99
        });
        // The counts of a place end at 2^place milliseconds.
        let longest_ms = 1u64 << place.unwrap_or(TIMES - 1);
        (longest_ms * 1_500_000 + least / 2).clamp(least, most)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn host(number: u32) -> IpAddr {
        Ipv4Addr::from(0xc612_0000 + number).into()
    }

    #[test]
    fn an_answer_counts_once_and_for_the_step_in_which_it_was_asked() {
        let sample = Sample::default();
        sample.note(host(1), 80, 7, 0);
        assert_eq!(sample.held(), 1);
        sample.begin();
        assert!(!sample.answered(host(1), 80, 7, 1), "nothing was asked");
        // The walk is bounded: it may take some to come round.
        let (index, at) = (0..8).find_map(|_| sample.next()).expect("one is held");
        assert_eq!(index, 7);
        sample.asked(at, 1_000);
        assert_eq!(sample.counts(), (1, 0));
        assert!(!sample.answered(host(1), 80, 8, 2_000), "another index");
        sample.begin();
        assert!(sample.answered(host(1), 80, 7, 2_000));
        assert!(!sample.answered(host(1), 80, 7, 3_000), "a second copy");
        assert_eq!(sample.counts(), (0, 0), "it was asked in the step before");
    }

    #[test]
    fn one_host_cannot_make_up_the_sample() {
        let sample = Sample::default();
        for port in 0..=65_535 {
            sample.note(host(9), port, u64::from(port), 0);
        }
        assert!((SLOTS_A_HOST / 2..=SLOTS_A_HOST).contains(&sample.held()), "{}", sample.held());
        for number in 0..100_000 {
            sample.note(host(number), 80, u64::from(number), 0);
        }
        assert!(sample.held() > SLOTS as u64 * 9 / 10, "{}", sample.held());
    }

    #[test]
    fn a_target_is_replaced_when_it_has_been_asked_enough_answered_or_not() {
        for answers in [true, false] {
            let sample = Sample::default();
            sample.begin();
            sample.note(host(1), 80, 7, 0);
            let (_, at) = (0..8).find_map(|_| sample.next()).expect("one is held");
            for time in 1..=ASKED_ENOUGH {
                sample.note(host(1), 80, 99, time * FORGOTTEN_NS * 2);
                assert_eq!(sample.slots[at].index.load(Ordering::Relaxed), 8, "after {time}");
                sample.asked(at, time * FORGOTTEN_NS * 2);
                if answers {
                    assert!(sample.answered(host(1), 80, 7, time * FORGOTTEN_NS * 2 + 1));
                }
            }
            let last = ASKED_ENOUGH * FORGOTTEN_NS * 2;
            sample.note(host(1), 80, 99, last + 1);
            assert_eq!(sample.slots[at].index.load(Ordering::Relaxed), 8, "its answer may come");
            sample.note(host(1), 80, 99, last + FORGOTTEN_NS);
            assert_eq!(sample.slots[at].index.load(Ordering::Relaxed), 100);
            assert_eq!(sample.held(), 1);
        }
    }

    #[test]
    fn the_wait_follows_the_answers() {
        let sample = Sample::default();
        assert_eq!(sample.wait_ns(), 1_000_000_000);
        sample.note(host(1), 80, 7, 0);
        sample.begin();
        let (_, at) = (0..8).find_map(|_| sample.next()).expect("one is held");
        for time in 0..200 {
            sample.asked(at, time);
            assert!(sample.answered(host(1), 80, 7, time + 150_000_000));
        }
        let wait_ms = sample.wait_ns() / 1_000_000;
        assert!((225..=450).contains(&wait_ms), "{wait_ms}");
    }
}
