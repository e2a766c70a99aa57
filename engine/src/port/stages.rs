//! How long probes take from being made to being sent: `--stage-latency`.
//!
//! The clock is read twice a batch, before its first probe is made and when the kernel is
//! about to be kicked, and once whenever completions are looked for. A port that nobody
//! watches has no [`Watch`] and reads no clock. Times count once for each probe of a batch.

use arrayvec::ArrayVec;

use crate::latency::Latency;
use crate::scan::clock::now_ns;

/// Batches that can be with the kernel and are being timed; those beyond are not.
const KICKS: usize = 128;

/// What a port has measured of its sending.
#[derive(Clone, Debug, Default)]
pub struct SendStages {
    /// From the start of making a batch's first probe to the kick of the kernel.
    pub craft_to_kick: Latency,
    /// From the kick to the moment when the worker saw that the kernel has sent them.
    pub kick_to_completion: Latency,
}

impl SendStages {
    /// Adds what another port measured.
    pub fn merge(&mut self, other: &Self) {
        self.craft_to_kick.merge(&other.craft_to_kick);
        self.kick_to_completion.merge(&other.kick_to_completion);
    }
}

/// Times one port's batches.
#[derive(Debug, Default)]
pub(super) struct Watch {
    stages: SendStages,
    begun_ns: u64,
    /// With the kernel: what will have been completed, when it was kicked, how many probes.
    kicks: ArrayVec<(u64, u64, u64), KICKS>,
}

impl Watch {
    /// A batch is about to be made.
    pub(super) fn begin(&mut self) {
        self.begun_ns = now_ns();
    }

    /// It has been made, `count` probes, and is about to be handed to the kernel;
    /// `submitted`: all probes so far, these included.
    pub(super) fn kick(&mut self, count: usize, submitted: u64) {
        let now = now_ns();
        if count > 0 {
            self.stages.craft_to_kick.record_many(now - self.begun_ns, count as u64);
            let _ = self.kicks.try_push((submitted, now, count as u64));
        }
    }

    /// `count` probes were made and sent by one call that began at [`Self::begin`].
    pub(super) fn call(&mut self, count: usize) {
        if count > 0 {
            self.stages.kick_to_completion.record_many(now_ns() - self.begun_ns, count as u64);
        }
    }

    /// Of all probes so far, `completed` have been sent or refused.
    pub(super) fn completed(&mut self, completed: u64) {
        let done = self.kicks.iter().take_while(|(submitted, ..)| *submitted <= completed).count();
        if done > 0 {
            let now = now_ns();
            for (_, kicked_ns, count) in self.kicks.drain(..done) {
                self.stages.kick_to_completion.record_many(now - kicked_ns, count);
            }
        }
    }

    pub(super) fn stages(&self) -> &SendStages {
        &self.stages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_timed_when_all_of_it_is_complete() {
        let mut watch = Watch::default();
        watch.begin();
        watch.kick(64, 64);
        watch.begin();
        watch.kick(10, 74);
        watch.kick(0, 74);
        assert_eq!(watch.stages().craft_to_kick.count(), 74);
        for (completed, timed) in [(0, 0), (63, 0), (64, 64), (73, 64), (80, 74), (90, 74)] {
            watch.completed(completed);
            assert_eq!(watch.stages().kick_to_completion.count(), timed);
        }
    }

    #[test]
    fn what_is_too_much_to_be_timed_is_left_out() {
        let mut watch = Watch::default();
        for batch in 1..=2 * KICKS as u64 {
            watch.begin();
            watch.kick(1, batch);
        }
        watch.completed(u64::MAX);
        assert_eq!(watch.stages().craft_to_kick.count(), 2 * KICKS as u64);
        assert_eq!(watch.stages().kick_to_completion.count(), KICKS as u64);
    }
}
