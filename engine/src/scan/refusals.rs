//! What a sender does about probes that the driver refuses, where the port says which
//! ([`Port::refused`](crate::port::Port::refused)): they are sent again, first of all, but
//! not at once. The far end's ring is full because who empties it does not run, often on
//! this very CPU: so the sender sleeps, and then asks for no more at a time than was taken.
//!
//! Where nothing at all is taken for a while, nobody empties the ring: what is refused then
//! is lost, and the scan goes on to its end.

use arrayvec::ArrayVec;

use crate::port::live::BURST;

/// The shortest sleep and the longest, in nanoseconds: twice as long each time that nothing
/// was taken.
const HOLD_NS: std::ops::RangeInclusive<u64> = 100_000..=1_000_000;
/// After so long without any probe taken they are no longer sent again.
const PATIENCE_NS: u64 = 1_000_000_000;
/// Least probes that are given to the driver together: what the kernel makes at once.
const ROOM_LEAST: usize = 64;

/// Of one sender.
#[derive(Debug)]
pub(super) struct Refusals {
    room: usize,
    hold_ns: u64,
    hold_until_ns: u64,
    /// Since when nothing has been taken.
    stuck_since_ns: Option<u64>,
    /// So many are to be sent again and have not been tried: first of batches that have left
    /// in part, then of whole ones.
    waiting: (usize, usize),
    /// How often a probe was refused and put back.
    pub(super) put_back: u64,
}

impl Refusals {
    pub(super) const fn new() -> Self {
        Self {
            room: BURST,
            hold_ns: 0,
            hold_until_ns: 0,
            stuck_since_ns: None,
            waiting: (0, 0),
            put_back: 0,
        }
    }

    /// Most probes to send together.
    pub(super) const fn room(&self) -> usize {
        self.room
    }

    /// How many are to be sent again now, before all else; and whether some of their batches
    /// have left before.
    #[inline]
    pub(super) const fn waiting(&self) -> Option<(usize, bool)> {
        let (count, partly) = match self.waiting {
            (0, 0) => return None,
            (0, whole) => (whole, false),
            (partly, _) => (partly, true),
        };
        Some((if count < self.room { count } else { self.room }, partly))
    }

    /// What waits is not sent again: how many.
    pub(super) fn give_up(&mut self) -> usize {
        let (partly, whole) = std::mem::take(&mut self.waiting);
        self.put_back -= (partly + whole) as u64;
        partly + whole
    }

    /// `probes` have been tried, those that wait first.
    #[inline]
    pub(super) fn tried(&mut self, probes: usize) {
        let (partly, whole) = &mut self.waiting;
        if *partly > 0 {
            *partly = partly.saturating_sub(probes);
        } else {
            *whole = whole.saturating_sub(probes);
        }
    }

    /// Nanoseconds from `now_ns` until the driver may be tried again.
    pub(super) const fn until_ns(&self, now_ns: u64) -> u64 {
        self.hold_until_ns.saturating_sub(now_ns)
    }

    /// All of `taken` probes were taken.
    #[inline]
    pub(super) fn none(&mut self, taken: usize) {
        if taken > 0 && (self.room < BURST || self.stuck_since_ns.is_some()) {
            // A small call tells nothing of what a large one would meet.
            if taken >= self.room {
                self.room = (self.room * 2).min(BURST);
            }
            self.hold_ns = 0;
            self.stuck_since_ns = None;
        }
    }

    /// `taken` probes were taken, and then, at `now_ns`, some were not: `partly` of batches
    /// that have left in part, `whole` of others; whether these are to be sent again.
    pub(super) fn some(&mut self, taken: usize, partly: usize, whole: usize, now_ns: u64) -> bool {
        if taken + partly + whole > ROOM_LEAST {
            self.room = taken.max(ROOM_LEAST);
        }
        if taken > 0 {
            self.stuck_since_ns = None;
            self.hold_ns = *HOLD_NS.start();
        } else {
            let since_ns = *self.stuck_since_ns.get_or_insert(now_ns);
            if now_ns >= since_ns + PATIENCE_NS {
                self.room = BURST;
                return false;
            }
            self.hold_ns = (self.hold_ns * 2).clamp(*HOLD_NS.start(), *HOLD_NS.end());
        }
        self.hold_until_ns = now_ns + self.hold_ns;
        self.waiting.0 += partly;
        self.waiting.1 += whole;
        self.put_back += (partly + whole) as u64;
        true
    }
}

/// Sorts what was `refused` of the probes `tried`, both ascending, into `into`: first those
/// of batches of which some were taken, then those of batches that were refused whole.
/// Returns how many are of the first kind.
pub(super) fn sort(
    tried: &[u64],
    refused: &[u64],
    batch_of: impl Fn(u64) -> u64,
    into: &mut ArrayVec<u64, BURST>,
) -> usize {
    let mut fill = |partly: bool| {
        let mut rest = refused;
        for batch in tried.chunk_by(|one, next| batch_of(*one) == batch_of(*next)) {
            let count = rest.iter().take_while(|index| batch.contains(index)).count();
            let (these, others) = rest.split_at(count);
            rest = others;
            if (count < batch.len()) == partly {
                into.extend(these.iter().copied());
            }
        }
        into.len()
    };
    let partly = fill(true);
    fill(false);
    partly
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn a_sender_waits_and_asks_for_no_more_than_was_taken() {
        let mut refusals = Refusals::new();
        assert_eq!((refusals.room(), refusals.until_ns(0)), (BURST, 0));
        assert!(refusals.some(300, 20, 704, 10 * MS));
        assert_eq!((refusals.room(), refusals.until_ns(10 * MS)), (300, MS / 10));
        assert_eq!(refusals.until_ns(11 * MS), 0);
        // What shares a batch with some that have left goes first, and apart.
        assert_eq!(refusals.waiting(), Some((20, true)));
        refusals.tried(20);
        refusals.none(20);
        assert_eq!(refusals.waiting(), Some((300, false)));
        refusals.tried(300);
        assert!(refusals.some(292, 8, 0, 12 * MS));
        assert_eq!((refusals.room(), refusals.waiting()), (292, Some((8, true))));
        refusals.tried(8);
        refusals.none(8);
        assert_eq!(refusals.waiting(), Some((292, false)));
        refusals.tried(292);
        refusals.none(292);
        assert_eq!((refusals.room(), refusals.waiting()), (584, Some((112, false))));
        refusals.tried(112);
        refusals.none(112);
        assert_eq!((refusals.room(), refusals.waiting()), (584, None));
        refusals.none(584);
        refusals.none(1168);
        assert_eq!(refusals.room(), BURST);
        assert!(refusals.some(1, 6, 0, 15 * MS));
        assert_eq!((refusals.room(), refusals.put_back), (BURST, 738));
        assert_eq!((refusals.give_up(), refusals.put_back), (6, 732));
        assert_eq!(refusals.waiting(), None);
        assert!(refusals.some(3, 62, 0, 20 * MS));
        assert_eq!((refusals.room(), refusals.put_back), (ROOM_LEAST, 794));
    }

    #[test]
    fn who_takes_nothing_is_asked_less_and_less_and_given_up_after_a_second() {
        let mut refusals = Refusals::new();
        let mut now = 5 * MS;
        let mut holds = Vec::new();
        while refusals.some(0, 0, 64, now) {
            holds.push(refusals.until_ns(now));
            now += refusals.until_ns(now);
        }
        assert_eq!(holds[..5], [MS / 10, MS / 5, 2 * MS / 5, 4 * MS / 5, MS]);
        assert!((1_000 * MS..1_010 * MS).contains(&(now - 5 * MS)), "{now}");
        // It stays so until something is taken.
        assert_eq!((refusals.room(), refusals.until_ns(now)), (BURST, 0));
        assert!(!refusals.some(0, 0, 64, now + 1));
        assert!(refusals.some(1, 31, 32, now + 2));
        assert!(refusals.some(0, 0, 64, now + 3));
    }

    proptest! {
        #[test]
        fn refused_probes_are_sorted_by_whether_all_of_their_batch_were(
            tried in prop::collection::btree_set(0_u64..400, 1..200),
            kinds in prop::collection::vec(0_u8..3, 50),
            draws in prop::collection::vec(any::<bool>(), 400),
        ) {
            // Of each batch of eight all, none or some are refused.
            let is_refused = |index: u64| match kinds[index as usize / 8] {
                0 => true,
                1 => false,
                _ => draws[index as usize],
            };
            let tried: Vec<u64> = tried.into_iter().collect();
            let refused: Vec<u64> = tried.iter().copied().filter(|it| is_refused(*it)).collect();
            let mut sorted = ArrayVec::new();
            let partly = sort(&tried, &refused, |index| index / 8, &mut sorted);
            let left = |index: u64| tried.iter().any(|it| it / 8 == index / 8 && !is_refused(*it));
            let (mut expected, whole): (Vec<u64>, Vec<u64>) =
                refused.iter().partition(|it| left(**it));
            prop_assert_eq!(partly, expected.len());
            expected.extend(whole);
            prop_assert_eq!(&sorted[..], &expected[..]);
        }
    }
}
