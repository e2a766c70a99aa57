//! Which frames a driver without room has dropped.
//!
//! In copy mode the kernel sends in the order of the ring, and a call that meets a
//! driver without room drops the frame it is at, completes it like the others and ends
//! with EBUSY (`__xsk_generic_xmit` in net/xdp/xsk.c). So the dropped frame is the last
//! that the call has consumed. The consumer position that we can read lags behind where
//! the dropped frame was also the first of its call: then nothing was sent and the
//! position is not published before a later call.
//!
//! Kernels before 6.17 publish it later still, at the next refill of their own view of the
//! ring. There the sum of what was dropped is exact, but which of it were probes is not.

use std::collections::VecDeque;

/// Positions count the frames queued on one ring since its start.
pub(super) struct Refusals {
    /// Where the frames lie that are no probes, as far as they may not be consumed yet.
    controls: VecDeque<u64>,
    /// The kernel has consumed so many, as far as we know.
    consumed: u64,
    probes: u64,
}

impl Refusals {
    /// For a ring that holds at most `controls` frames that are no probes.
    pub(super) fn new(controls: usize) -> Self {
        // One call may queue more while consumed ones have not been forgotten.
        Self { controls: VecDeque::with_capacity(2 * controls), consumed: 0, probes: 0 }
    }

    /// The frame at `position` is no probe.
    pub(super) fn control_at(&mut self, position: u64) {
        self.controls.push_back(position);
    }

    /// A call begins, or has ended well, with `published` frames consumed.
    pub(super) fn consumed(&mut self, published: u64) {
        self.consumed = self.consumed.max(published);
        while self.controls.front().is_some_and(|first| *first < self.consumed) {
            self.controls.pop_front();
        }
    }

    /// A call has ended with a frame dropped, and `published` frames consumed.
    pub(super) fn dropped(&mut self, published: u64) {
        let consumed = published.max(self.consumed + 1);
        let is_control = self.controls.binary_search(&(consumed - 1)).is_ok();
        self.probes += u64::from(!is_control);
        self.consumed(consumed);
    }

    /// Probes among the frames that were dropped.
    pub(super) fn probes(&self) -> u64 {
        self.probes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The sending side of the kernel's ring, as far as it shows: how the calls went
    /// (sent frames before the drop, or none dropped).
    struct Kernel {
        cached: u64,
        published: u64,
    }

    impl Kernel {
        /// Sends `sent` frames, then drops one if `drops`. The position dropped.
        fn call(&mut self, sent: u64, drops: bool) -> Option<u64> {
            self.cached += sent;
            let dropped = drops.then_some(self.cached);
            self.cached += u64::from(drops);
            if sent > 0 {
                self.published = self.cached;
            }
            dropped
        }
    }

    proptest! {
        #[test]
        fn probes_and_others_are_told_apart_by_where_the_kernel_stands(
            calls in prop::collection::vec((0_u64..4, any::<bool>(), any::<bool>()), 1..60),
            kinds in prop::collection::vec(any::<bool>(), 300),
        ) {
            let mut kernel = Kernel { cached: 0, published: 0 };
            let mut refusals = Refusals::new(8);
            for (position, _) in kinds.iter().enumerate().filter(|(_, control)| **control) {
                refusals.control_at(position as u64);
            }
            let mut probes = 0;
            for (sent, drops, refills) in calls {
                refusals.consumed(kernel.published);
                if refills {
                    // The kernel looks for new frames and tells how far it is.
                    kernel.published = kernel.cached;
                }
                match kernel.call(sent, drops) {
                    Some(at) => {
                        probes += u64::from(!kinds[at as usize]);
                        refusals.dropped(kernel.published);
                    }
                    None => refusals.consumed(kernel.published),
                }
                prop_assert_eq!(refusals.probes(), probes);
            }
        }
    }
}
