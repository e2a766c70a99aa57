//! What a sender does about probes that the driver refuses, where the port says which
//! ([`Port::refused`](crate::port::Port::refused)): they are sent again, first of all, but
//! not at once. The far end's ring is full because who empties it does not run, often on
//! this very CPU: so the sender sleeps, and then asks for no more than was taken.
//!
//! Where nothing at all is taken for a while, nobody empties the ring: what is refused then
//! is lost, and the scan goes on to its end.

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
    /// So many are to be sent again and have not been tried.
    waiting: usize,
    /// Probes that were refused and put back.
    pub(super) put_back: u64,
}

impl Refusals {
    pub(super) const fn new() -> Self {
        Self {
            room: BURST,
            hold_ns: 0,
            hold_until_ns: 0,
            stuck_since_ns: None,
            waiting: 0,
            put_back: 0,
        }
    }

    /// Most probes to send together.
    pub(super) const fn room(&self) -> usize {
        self.room
    }

    /// How many are to be sent again now.
    pub(super) const fn waiting(&self) -> usize {
        self.waiting
    }

    /// `probes` have been tried, those that wait first.
    #[inline]
    pub(super) fn tried(&mut self, probes: usize) {
        self.waiting = self.waiting.saturating_sub(probes);
    }

    /// Nanoseconds from `now_ns` until the driver may be tried again.
    pub(super) const fn until_ns(&self, now_ns: u64) -> u64 {
        self.hold_until_ns.saturating_sub(now_ns)
    }

    /// All of some probes were taken.
    #[inline]
    pub(super) fn none(&mut self) {
        if self.room < BURST || self.stuck_since_ns.is_some() {
            self.room = (self.room * 2).min(BURST);
            self.hold_ns = 0;
            self.stuck_since_ns = None;
        }
    }

    /// `taken` probes were taken, and then, at `now_ns`, `refused` were not; whether these
    /// are to be sent again.
    pub(super) fn some(&mut self, taken: usize, refused: usize, now_ns: u64) -> bool {
        self.room = taken.max(ROOM_LEAST);
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
        self.waiting += refused;
        self.put_back += refused as u64;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn a_sender_waits_and_asks_for_no_more_than_was_taken() {
        let mut refusals = Refusals::new();
        assert_eq!((refusals.room(), refusals.until_ns(0)), (BURST, 0));
        assert!(refusals.some(300, 724, 10 * MS));
        assert_eq!((refusals.room(), refusals.until_ns(10 * MS)), (300, MS / 10));
        assert_eq!(refusals.until_ns(11 * MS), 0);
        refusals.none();
        assert_eq!(refusals.room(), 600);
        (0..9).for_each(|_| refusals.none());
        assert_eq!(refusals.room(), BURST);
        assert!(refusals.some(3, 61, 20 * MS));
        assert_eq!((refusals.room(), refusals.put_back), (ROOM_LEAST, 785));
    }

    #[test]
    fn who_takes_nothing_is_asked_less_and_less_and_given_up_after_a_second() {
        let mut refusals = Refusals::new();
        let mut now = 5 * MS;
        let mut holds = Vec::new();
        while refusals.some(0, 64, now) {
            holds.push(refusals.until_ns(now));
            now += refusals.until_ns(now);
        }
        assert_eq!(holds[..5], [MS / 10, MS / 5, 2 * MS / 5, 4 * MS / 5, MS]);
        assert!((1_000 * MS..1_010 * MS).contains(&(now - 5 * MS)), "{now}");
        // It stays so until something is taken.
        assert_eq!((refusals.room(), refusals.until_ns(now)), (BURST, 0));
        assert!(!refusals.some(0, 64, now + 1));
        assert!(refusals.some(1, 63, now + 2));
        assert!(refusals.some(0, 64, now + 3));
    }
}
