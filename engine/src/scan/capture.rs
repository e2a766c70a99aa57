//! Accepted replies on their way from a worker to a capture file.
//!
//! A ring of slots of a fixed size, so that the worker copies and never allocates or
//! waits. Where the ring is full the frame is left out and counted: a capture is no
//! result, and results do not wait for it.

use rtrb::{Consumer, Producer, RingBuffer};

/// Bytes that are kept of a frame: every SYN-ACK, RST and ICMP error, the start of a
/// datagram.
pub const SLOT_BYTES: usize = 512;
/// Frames that one worker can have on the way.
const SLOTS: usize = 8192;

/// A received frame.
#[derive(Clone, Copy)]
pub struct Frame {
    /// When it was received, CLOCK_MONOTONIC.
    pub at_ns: u64,
    /// Its length before it was cut.
    pub original_len: u16,
    /// It starts with an Ethernet header, else with IP.
    pub ethernet: bool,
    bytes: [u8; SLOT_BYTES],
}

impl Frame {
    /// A copy of a frame, cut where it is too long.
    #[must_use]
    pub fn new(frame: &[u8], ethernet: bool, at_ns: u64) -> Self {
        let mut bytes = [0; SLOT_BYTES];
        let len = frame.len().min(SLOT_BYTES);
        bytes[..len].copy_from_slice(&frame[..len]);
        Self { at_ns, original_len: frame.len().min(0xffff) as u16, ethernet, bytes }
    }

    /// What was kept.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.original_len).min(SLOT_BYTES)]
    }
}

/// A worker's end.
pub(super) struct Tap {
    ring: Producer<Frame>,
    /// Frames that found no slot.
    pub dropped: u64,
}

impl Tap {
    pub(super) fn new() -> (Self, Consumer<Frame>) {
        let (ring, frames) = RingBuffer::new(SLOTS);
        (Self { ring, dropped: 0 }, frames)
    }

    pub(super) fn take(&mut self, frame: &[u8], ethernet: bool, at_ns: u64) {
        if self.ring.push(Frame::new(frame, ethernet, at_ns)).is_err() {
            self.dropped += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_full_ring_drops_and_counts() {
        let (mut tap, mut frames) = Tap::new();
        for number in 0..SLOTS + 3 {
            tap.take(&number.to_be_bytes(), true, number as u64);
        }
        assert_eq!(tap.dropped, 3);
        let first = frames.pop().unwrap();
        assert_eq!((first.bytes(), first.at_ns), (&0_usize.to_be_bytes()[..], 0));
    }

    #[test]
    fn a_long_frame_is_cut_and_its_length_kept() {
        let frame = Frame::new(&[7; 1500], false, 1);
        assert_eq!((frame.bytes().len(), frame.original_len), (SLOT_BYTES, 1500));
        assert_eq!(Frame::new(&[7; 60], true, 1).bytes(), [7; 60]);
    }
}
