//! Replies in the air: a timer wheel over compact copies of their frames.
//!
//! The wheel has slots of 2^15 ns (33 µs) and spans the longest delay, so a
//! push and a pop cost a few list operations however many replies are held. In a
//! slot replies keep their order. Frames lie in three stores by size, grown by
//! whole chunks and never shrunk: no allocation a reply once warm, about 90
//! bytes for a SYN-ACK or a RST. Time comes in as an argument.

/// Width of a slot, as a power of two of nanoseconds.
const SLOT_SHIFT: u32 = 15;
/// Longest frame that is held: of an MTU of 1500, with two VLAN tags.
pub const MAX_FRAME: usize = 1522;
/// Longest frame of the middle store: two VLAN tags, IPv6, ICMP and the longest
/// quote, or a datagram of the usual size.
const MIDDLE: usize = 144;
/// Longest frame of the small store: SYN-ACK over IPv6 without VLAN.
const SMALL: usize = 78;
/// No entry.
const NONE: u32 = u32::MAX;
/// The bits of an index that say which store it belongs to: none the small one.
const STORE: u32 = 3 << 30;
const IN_MIDDLE: u32 = 1 << 30;
const IN_LARGE: u32 = 2 << 30;
/// Most replies held at once.
const MAX_HELD: usize = 1 << 23;

struct Entry<const N: usize> {
    next: u32,
    /// Low half of the due time, enough to tell how late it is.
    due_low: u32,
    place: u32,
    len: u16,
    copies: u8,
    queue: u8,
    frame: [u8; N],
}

struct Store<const N: usize> {
    chunks: Vec<Box<[Entry<N>]>>,
    free: u32,
}

impl<const N: usize> Store<N> {
    /// Entries of a chunk.
    const CHUNK: usize = if N > 256 { 256 } else { 4096 };

    const fn new() -> Self {
        Self { chunks: Vec::new(), free: NONE }
    }

    fn get(&mut self, index: u32) -> &mut Entry<N> {
        let index = (index & !STORE) as usize;
        &mut self.chunks[index / Self::CHUNK][index % Self::CHUNK]
    }

    fn take(&mut self) -> u32 {
        if self.free == NONE {
            let first = (self.chunks.len() * Self::CHUNK) as u32;
            let chunk = (1..=Self::CHUNK as u32).map(|n| Entry {
                next: if n == Self::CHUNK as u32 { NONE } else { first + n },
                due_low: 0,
                place: 0,
                len: 0,
                copies: 0,
                queue: 0,
                frame: [0; N],
            });
            self.chunks.push(chunk.collect());
            self.free = first;
        }
        let index = self.free;
        self.free = self.get(index).next;
        index
    }

    /// Frees an entry; which one follows it.
    fn give_back(&mut self, index: u32) -> u32 {
        let free = self.free;
        let next = std::mem::replace(&mut self.get(index).next, free);
        self.free = index & !STORE;
        next
    }

    fn put(&mut self, due_ns: u64, reply: &Reply<'_>) -> u32 {
        let index = self.take();
        let entry = self.get(index);
        entry.next = NONE;
        entry.due_low = due_ns as u32;
        entry.place = reply.place;
        entry.len = reply.frame.len() as u16;
        entry.copies = reply.copies;
        entry.queue = reply.queue;
        entry.frame[..reply.frame.len()].copy_from_slice(reply.frame);
        index
    }
}

/// A reply that goes in or comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply<'a> {
    /// The frame, at most [`MAX_FRAME`] bytes.
    pub frame: &'a [u8],
    /// How many times to send it.
    pub copies: u8,
    /// The queue that it came by.
    pub queue: u8,
    /// Where its probe is noted.
    pub place: u32,
}

/// The replies that wait for their time.
pub struct Line {
    /// First and last entry of each slot.
    slots: Vec<(u32, u32)>,
    /// The slot up to which all is sent.
    tick: u64,
    held: usize,
    small: Store<SMALL>,
    middle: Store<MIDDLE>,
    large: Store<MAX_FRAME>,
}

impl Line {
    /// A line for delays up to `longest_ns`, beginning at `now_ns`.
    pub fn new(longest_ns: u64, now_ns: u64) -> Self {
        // Twice as long: whoever drains it may be late.
        let slots = ((longest_ns * 2) >> SLOT_SHIFT).max(1 << 12).next_power_of_two();
        Self {
            slots: vec![(NONE, NONE); slots as usize],
            tick: now_ns >> SLOT_SHIFT,
            held: 0,
            small: Store::new(),
            middle: Store::new(),
            large: Store::new(),
        }
    }

    /// How many replies are in the air.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Takes a reply until `due_ns`; `false` where there is no room for it.
    pub fn push(&mut self, due_ns: u64, reply: &Reply<'_>) -> bool {
        if reply.frame.len() > MAX_FRAME || self.held >= MAX_HELD {
            return false;
        }
        let index = match reply.frame.len() {
            len if len <= SMALL => self.small.put(due_ns, reply),
            len if len <= MIDDLE => self.middle.put(due_ns, reply) | IN_MIDDLE,
            _ => self.large.put(due_ns, reply) | IN_LARGE,
        };
        // Rounded up: never early. What is overdue leaves with the next slot.
        let last = self.tick + self.slots.len() as u64 - 1;
        let tick = ((due_ns >> SLOT_SHIFT) + 1).clamp(self.tick, last);
        let slot = (tick & (self.slots.len() as u64 - 1)) as usize;
        let (first, tail) = self.slots[slot];
        if first == NONE {
            self.slots[slot] = (index, index);
        } else {
            self.set_next(tail, index);
            self.slots[slot].1 = index;
        }
        self.held += 1;
        true
    }

    /// Hands out what is due with how many nanoseconds late it is (modulo 2^32),
    /// in order, until `send` refuses one; that one stays.
    pub fn pop_due(&mut self, now_ns: u64, mut send: impl FnMut(u32, Reply<'_>) -> bool) {
        let now = now_ns >> SLOT_SHIFT;
        while self.tick <= now {
            if self.held == 0 {
                self.tick = now;
            }
            let slot = (self.tick & (self.slots.len() as u64 - 1)) as usize;
            while self.slots[slot].0 != NONE {
                let index = self.slots[slot].0;
                let (due_low, reply) = match index & STORE {
                    0 => self.small.get(index).reply(),
                    IN_MIDDLE => self.middle.get(index).reply(),
                    _ => self.large.get(index).reply(),
                };
                if !send((now_ns as u32).wrapping_sub(due_low), reply) {
                    return;
                }
                self.slots[slot].0 = match index & STORE {
                    0 => self.small.give_back(index),
                    IN_MIDDLE => self.middle.give_back(index),
                    _ => self.large.give_back(index),
                };
                self.held -= 1;
            }
            self.slots[slot].1 = NONE;
            if self.tick == now {
                return;
            }
            self.tick += 1;
        }
    }

    /// When something is due next, looking ahead at most `ahead_ns`.
    pub fn next_due_ns(&self, ahead_ns: u64) -> Option<u64> {
        if self.held == 0 {
            return None;
        }
        let mask = self.slots.len() as u64 - 1;
        (self.tick..=self.tick + (ahead_ns >> SLOT_SHIFT))
            .find(|tick| self.slots[(tick & mask) as usize].0 != NONE)
            .map(|tick| tick << SLOT_SHIFT)
    }

    fn set_next(&mut self, index: u32, next: u32) {
        match index & STORE {
            0 => self.small.get(index).next = next,
            IN_MIDDLE => self.middle.get(index).next = next,
            _ => self.large.get(index).next = next,
        }
    }
}

impl<const N: usize> Entry<N> {
    /// The low half of its due time, and the reply.
    fn reply(&self) -> (u32, Reply<'_>) {
        let frame = &self.frame[..usize::from(self.len)];
        (self.due_low, Reply { frame, copies: self.copies, queue: self.queue, place: self.place })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const SLOT_NS: u64 = 1 << SLOT_SHIFT;

    fn reply(frame: &[u8]) -> Reply<'_> {
        Reply { frame, copies: 1, queue: 0, place: 0 }
    }

    /// Lengths of all three stores.
    fn length() -> impl Strategy<Value = usize> {
        prop_oneof![1_usize..=SMALL, SMALL + 1..=MIDDLE, MIDDLE + 1..=MAX_FRAME]
    }

    proptest! {
        #[test]
        fn every_reply_leaves_once_never_early_and_at_most_a_slot_and_a_turn_late(
            start in 0_u64..1 << 40,
            pushes in prop::collection::vec((0_u64..5_000_000, 0_u64..9_000_000, length()), 1..300),
            turn in 1_000_u64..400_000,
        ) {
            let mut line = Line::new(9_000_000, start);
            let mut pushes: Vec<_> = pushes.into_iter().enumerate().collect();
            pushes.sort_by_key(|(_, (at, ..))| *at);
            let mut waiting = pushes.iter().peekable();
            let mut out = vec![None; pushes.len()];
            let mut now = start;
            while now < start + 20_000_000 {
                while let Some((id, (at, delay, len))) = waiting.next_if(|(_, (at, ..))| start + at <= now) {
                    let mut frame = vec![*id as u8; *len];
                    if *len >= 2 { frame[1] = (*id >> 8) as u8; }
                    if *len == 1 { frame = vec![*id as u8, (*id >> 8) as u8]; }
                    prop_assert!(line.push(start + at + delay, &reply(&frame)));
                }
                line.pop_due(now, |_, got| {
                    let id = usize::from(got.frame[0]) | usize::from(got.frame[1]) << 8;
                    assert!(out[id].replace(now).is_none());
                    let (_, (.., len)) = pushes.iter().find(|(known, _)| *known == id).unwrap();
                    assert_eq!(got.frame.len(), (*len).max(2));
                    assert!(got.frame[2..].iter().all(|byte| *byte == id as u8));
                    true
                });
                now += turn;
            }
            prop_assert_eq!(line.held(), 0);
            for (id, (at, delay, _)) in &pushes {
                let due = start + at + delay;
                let left = out[*id].unwrap();
                prop_assert!(left >= due, "early");
                prop_assert!(left <= due + SLOT_NS + 2 * turn, "{} ns late", left - due);
            }
        }
    }

    #[test]
    fn a_reply_that_is_refused_stays_first() {
        let mut line = Line::new(1_000_000, 0);
        for n in 0..3 {
            assert!(line.push(0, &reply(&[n])));
        }
        let mut seen = Vec::new();
        line.pop_due(SLOT_NS * 4, |_, got| {
            seen.push(got.frame[0]);
            seen.len() < 2
        });
        assert_eq!((seen.as_slice(), line.held()), ([0, 1].as_slice(), 2));
        line.pop_due(SLOT_NS * 4, |_, got| {
            seen.push(got.frame[0]);
            true
        });
        assert_eq!((seen.as_slice(), line.held()), ([0, 1, 1, 2].as_slice(), 0));
    }

    #[test]
    fn a_million_replies_fit_in_a_hundred_megabytes() {
        let mut line = Line::new(1_000_000_000, 0);
        for n in 0..1_000_000_u64 {
            assert!(line.push(n * 900, &reply(&[7; 58])));
        }
        let bytes = line.small.chunks.len() * 4096 * size_of::<Entry<SMALL>>();
        assert!(line.held() == 1_000_000 && bytes < 100_000_000, "{bytes}");
        let mut count = 0;
        line.pop_due(1_000_000_000, |_, _| {
            count += 1;
            true
        });
        assert_eq!(count, 1_000_000);
    }
}
