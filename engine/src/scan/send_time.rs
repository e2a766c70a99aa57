//! When an index was sent: one ring of times per attempt, one slot per batch of
//! indices. A slot carries its batch number, so that a late reply never reads a
//! younger batch's time.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prtip_bpf::mapping::Mapping;
use prtip_bpf::recipe::TIME_AGAIN;
use zerocopy::FromZeros;

/// Low bits of a slot: nanoseconds modulo 2^40 (18 minutes): round trips of up to
/// nine minutes. High bits: batch number + 1 modulo 2^24. The lowest bit is no part of the
/// time: it is set ([`TIME_AGAIN`]) where some of the batch has left before.
const TIME_BITS: u64 = 40;
const TIME_MASK: u64 = (1 << TIME_BITS) - 1;

/// The send times of one attempt over one worker's range. Written by the worker
/// that owns the range, read by whoever receives. Indices are offsets into the range.
#[derive(Debug)]
pub struct SendTimes {
    slots: Slots,
    /// A batch is `1 << stride` indices.
    stride: u32,
}

#[derive(Debug)]
enum Slots {
    Own(Box<[AtomicU64]>),
    /// A part of the memory of the port that sends; it writes them itself.
    OfPort(Arc<Mapping>, Range<usize>),
}

impl Slots {
    #[inline]
    fn all(&self) -> &[AtomicU64] {
        match self {
            Self::Own(slots) => slots,
            Self::OfPort(memory, part) => &memory.words()[part.clone()],
        }
    }
}

impl SendTimes {
    /// Slots of a ring for `len` offsets of which `horizon` may be in the air,
    /// `1 << stride` a slot.
    #[must_use]
    pub fn slots(len: u64, horizon: u64, stride: u32) -> usize {
        ((horizon.min(len) >> stride) + 2).next_power_of_two() as usize
    }

    /// One ring an attempt in a port's memory, which holds them one after the other.
    #[must_use]
    pub fn of_port(memory: &Arc<Mapping>, attempts: u8, stride: u32) -> Vec<Self> {
        let len = memory.words().len() / usize::from(attempts.max(1));
        let ring = |attempt| attempt * len..(attempt + 1) * len;
        (0..usize::from(attempts))
            .map(|attempt| Self { slots: Slots::OfPort(Arc::clone(memory), ring(attempt)), stride })
            .collect()
    }

    /// Whether the port that sends writes the times.
    #[must_use]
    pub fn are_the_ports(&self) -> bool {
        matches!(self.slots, Slots::OfPort(..))
    }

    /// For `len` offsets of which `horizon` may be in the air, `1 << stride` a slot.
    ///
    /// # Panics
    /// When the memory is not to be had.
    #[must_use]
    pub fn new(len: u64, horizon: u64, stride: u32) -> Self {
        let slots = <[AtomicU64]>::new_box_zeroed_with_elems(Self::slots(len, horizon, stride))
            .expect("memory for the send times is to be had");
        Self { slots: Slots::Own(slots), stride }
    }

    /// Indices a slot.
    #[must_use]
    pub fn batch(&self) -> u64 {
        1 << self.stride
    }

    fn slot(&self, offset: u64) -> (&AtomicU64, u64) {
        let batch = offset >> self.stride;
        let tag = (batch + 1) << TIME_BITS;
        let slots = self.slots.all();
        (&slots[batch as usize & (slots.len() - 1)], tag)
    }

    /// Notes that the batch of `offset` leaves at `now_ns`; `again`: that some of it may
    /// have left before.
    pub fn set(&self, offset: u64, now_ns: u64, again: bool) {
        let (slot, tag) = self.slot(offset);
        let mark = u64::from(again) * TIME_AGAIN;
        slot.store(tag | now_ns & TIME_MASK & !TIME_AGAIN | mark, Ordering::Release);
    }

    /// Nanoseconds from the sending of `offset` to `at_ns`; `None` when its slot
    /// holds another batch, or a later time: where the port took only a part of a
    /// batch, the rest of it leaves later and the part's own time is gone. So it is where
    /// some of the batch was refused and left later, and the port says so.
    #[must_use]
    pub fn since(&self, offset: u64, at_ns: u64) -> Option<u64> {
        let value = self.value(offset)?;
        if value & TIME_AGAIN != 0 {
            return None;
        }
        elapsed(value, at_ns)
    }

    /// Nanoseconds at `at_ns` since the batch of `offset` was sent last; `None` when its
    /// slot holds another batch.
    #[must_use]
    pub fn age(&self, offset: u64, at_ns: u64) -> Option<u64> {
        elapsed(self.value(offset)?, at_ns)
    }

    /// What the slot of `offset` holds, where it is of its batch.
    fn value(&self, offset: u64) -> Option<u64> {
        let (slot, tag) = self.slot(offset);
        let value = slot.load(Ordering::Acquire);
        (value & !TIME_MASK == tag).then_some(value)
    }
}

/// From the time in a slot to `at_ns`, unless that is before it.
fn elapsed(value: u64, at_ns: u64) -> Option<u64> {
    let difference = at_ns.wrapping_sub(value & !TIME_AGAIN) & TIME_MASK;
    (difference <= TIME_MASK / 2).then_some(difference)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_reader_never_sees_a_younger_batch() {
        let times = SendTimes::new(1 << 40, 100, 3);
        let ring = times.slots.all().len() as u64 * 8;
        times.set(17, 1_000, false);
        assert_eq!(times.since(16, 1_500), Some(500));
        assert_eq!(times.since(23, 1_500), Some(500));
        assert_eq!(times.since(24, 1_500), None, "the next batch has not been sent");
        times.set(17 + ring, 9_000, false);
        assert_eq!(times.since(17, 9_500), None);
        assert_eq!(times.since(17 + ring, 9_500), Some(500));
    }

    #[test]
    fn a_batch_that_left_in_parts_has_an_age_and_no_round_trip() {
        let times = SendTimes::new(10, 10, 0);
        times.set(1, 1_001, false);
        assert_eq!((times.since(1, 1_500), times.age(1, 1_500)), (Some(500), Some(500)));
        times.set(1, 2_000, true);
        assert_eq!((times.since(1, 2_500), times.age(1, 2_500)), (None, Some(500)));
        assert_eq!(times.age(1, 1_500), None);
    }

    #[test]
    fn times_wrap_and_a_later_sending_is_no_round_trip() {
        let times = SendTimes::new(10, 10, 0);
        times.set(1, (7 << 40) - 10, false);
        assert_eq!(times.since(1, (7 << 40) + 10), Some(20));
        assert_eq!(times.since(1, (7 << 40) - 12), None);
        assert_eq!(times.since(0, 5), None);
    }
}
