//! What is known of every index: two bits each, the strongest answer so far.
//!
//! Words hold 24 indices and a 16-bit epoch. Where the window covers the whole
//! range the epoch is always 0 and untouched words stay unmapped pages; beyond
//! [`WHOLE`] indices the words are a ring over the newest ones, and the epoch
//! tells a recycled word from an old one. All changes are compare-and-swap, so
//! whichever worker receives a reply can judge it.

use std::sync::atomic::{AtomicU64, Ordering};

use zerocopy::FromZeros;

use crate::event::PortState;

/// Ranges up to this many indices are covered whole.
pub const WHOLE: u64 = 1 << 28;
/// The smallest ring, in indices.
pub const RING_LEAST: u64 = 1 << 24;

const PER_WORD: u64 = 24;
const STATE_BITS: u64 = 48;
const STATE_MASK: u64 = (1 << STATE_BITS) - 1;

/// What a reply changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// The first answer.
    New,
    /// A stronger answer than the one before.
    Revised(PortState),
    /// Nothing that was not known.
    Duplicate,
    /// The window has moved past this index.
    Late,
}

/// The window of one worker's range. Indices here are offsets into that range.
#[derive(Debug)]
pub struct Window {
    words: Box<[AtomicU64]>,
}

impl Window {
    /// Bytes of memory that a window over `len` indices maps (and touches as replies come).
    /// `horizon` is how many indices may be in the air at once.
    ///
    /// # Panics
    /// When the memory is not to be had.
    #[must_use]
    pub fn new(len: u64, horizon: u64) -> Self {
        let covered = if len <= WHOLE { len } else { horizon.max(RING_LEAST).min(len) };
        let words = covered.div_ceil(PER_WORD).max(1) as usize;
        let words = <[AtomicU64]>::new_box_zeroed_with_elems(words)
            .expect("memory for the window is to be had");
        Self { words }
    }

    /// Where `offset` lives: word, shift of its bits, epoch.
    fn place(&self, offset: u64) -> (&AtomicU64, u64, u16) {
        let word = offset / PER_WORD;
        let words = self.words.len() as u64;
        let (epoch, slot) = if word < words { (0, word) } else { (word / words, word % words) };
        (&self.words[slot as usize], offset % PER_WORD * 2, epoch as u16)
    }

    /// Records that `offset` is in `state`.
    pub fn update(&self, offset: u64, state: PortState) -> Update {
        let (word, shift, epoch) = self.place(offset);
        let mut old = word.load(Ordering::Acquire);
        loop {
            let age = epoch.wrapping_sub((old >> STATE_BITS) as u16) as i16;
            if age < 0 {
                return Update::Late;
            }
            let states = if age == 0 { old & STATE_MASK } else { 0 };
            let known = states >> shift & 3;
            if known >= state.strength() {
                return Update::Duplicate;
            }
            let new =
                u64::from(epoch) << STATE_BITS | states & !(3 << shift) | state.strength() << shift;
            match word.compare_exchange_weak(old, new, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    return match PortState::from_bits(known) {
                        None => Update::New,
                        Some(previous) => Update::Revised(previous),
                    };
                }
                Err(now) => old = now,
            }
        }
    }

    /// What is known of `offset`; `None` where nothing came (or the window has moved on).
    #[must_use]
    pub fn state(&self, offset: u64) -> Option<PortState> {
        let (word, shift, epoch) = self.place(offset);
        let word = word.load(Ordering::Acquire);
        if (word >> STATE_BITS) as u16 != epoch {
            return None;
        }
        PortState::from_bits(word >> shift & 3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use PortState::{Closed, Filtered, Open};
    use proptest::prelude::*;
    use std::collections::HashMap;

    #[test]
    fn stronger_answers_revise_and_weaker_ones_do_not() {
        let window = Window::new(100, 0);
        assert_eq!(window.update(30, Filtered), Update::New);
        assert_eq!(window.update(30, Closed), Update::Revised(Filtered));
        assert_eq!(window.update(30, Open), Update::Revised(Closed));
        assert_eq!(window.update(30, Closed), Update::Duplicate);
        assert_eq!(window.update(30, Open), Update::Duplicate);
        assert_eq!(window.state(30), Some(Open));
        assert_eq!(window.state(31), None);
    }

    #[test]
    fn a_recycled_word_forgets_and_an_old_reply_is_late() {
        let window = Window::new(u64::MAX >> 1, RING_LEAST);
        let ring = window.words.len() as u64 * PER_WORD;
        assert_eq!(window.update(5, Open), Update::New);
        assert_eq!(window.update(5 + ring, Closed), Update::New);
        assert_eq!(window.update(5, Open), Update::Late);
        assert_eq!(window.state(5), None);
        assert_eq!(window.state(5 + ring), Some(Closed));
        // Far beyond 2^16 epochs the order still holds for neighbours.
        let far = ring * 70_001 + 5;
        let fresh = Window::new(u64::MAX >> 1, RING_LEAST);
        assert_eq!(fresh.update(ring * 20_000 + 5, Open), Update::New);
        assert_eq!(fresh.update(ring * 40_000 + 5, Open), Update::New);
        assert_eq!(fresh.update(far, Open), Update::New);
        assert_eq!(fresh.update(far - ring, Open), Update::Late);
    }

    proptest! {
        #[test]
        fn agrees_with_a_map_of_the_strongest(ops in prop::collection::vec((0u64..200, 1u64..4), 1..400)) {
            let window = Window::new(200, 0);
            let mut oracle: HashMap<u64, u64> = HashMap::new();
            for (offset, bits) in ops {
                let state = PortState::from_bits(bits).expect("1 to 3 are states");
                let known = oracle.get(&offset).copied().unwrap_or(0);
                let expected = match known {
                    0 => Update::New,
                    known if known >= bits => Update::Duplicate,
                    known => Update::Revised(PortState::from_bits(known).expect("a state")),
                };
                prop_assert_eq!(window.update(offset, state), expected);
                oracle.insert(offset, known.max(bits));
                prop_assert_eq!(window.state(offset), PortState::from_bits(known.max(bits)));
            }
        }
    }

    #[test]
    fn several_threads_never_both_see_a_first_answer() {
        let window = Window::new(10_000, 0);
        let firsts = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for offset in 0..10_000 {
                        if window.update(offset, Open) == Update::New {
                            firsts.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(firsts.into_inner(), 10_000);
    }
}
