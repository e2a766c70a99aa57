//! How long probes take from being made to being sent: `--stage-latency`.
//!
//! The clock is read twice a batch, before its first probe is made and when the kernel is
//! about to be kicked, and once whenever completions are looked for. Times count once for
//! each probe of a batch.
//!
//! Each port's sending is compiled twice: for [`Nobody`], who does nothing, so that nothing
//! of this is left, and, in [`Watched`], for a [`Watch`]. Which one runs is chosen once, by
//! [`Port::watched`].

use std::sync::Arc;
use std::time::Duration;

use arrayvec::ArrayVec;
use prtip_bpf::mapping::Mapping;

use super::{Counters, Port};
use crate::error::Result;
use crate::latency::Latency;
use crate::plan::probe::Prober;
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

/// Who is told how sending goes on. Nothing is done for who does not care.
pub(super) trait Watching {
    /// A batch is about to be made.
    #[inline]
    fn begin(&mut self) {}

    /// It has been made, `count` probes, and is about to be handed to the kernel;
    /// `submitted`: all probes so far, these included.
    #[inline]
    fn kick(&mut self, _count: usize, _submitted: impl FnOnce() -> u64) {}

    /// `count` probes were made and sent by one call that began at [`Self::begin`].
    #[inline]
    fn call(&mut self, _count: usize) {}

    /// Of all probes so far, `completed` have been sent or refused.
    #[inline]
    fn complete(&mut self, _completed: impl FnOnce() -> u64) {}
}

/// Nobody watches.
pub(super) struct Nobody;

impl Watching for Nobody {}

impl Watching for Watch {
    fn begin(&mut self) {
        self.begun_ns = now_ns();
    }

    fn kick(&mut self, count: usize, submitted: impl FnOnce() -> u64) {
        let now = now_ns();
        if count > 0 {
            self.stages.craft_to_kick.record_many(now - self.begun_ns, count as u64);
            let _ = self.kicks.try_push((submitted(), now, count as u64));
        }
    }

    fn call(&mut self, count: usize) {
        if count > 0 {
            self.stages.kick_to_completion.record_many(now_ns() - self.begun_ns, count as u64);
        }
    }

    fn complete(&mut self, completed: impl FnOnce() -> u64) {
        let completed = completed();
        let done = self.kicks.iter().take_while(|(submitted, ..)| *submitted <= completed).count();
        if done > 0 {
            let now = now_ns();
            for (_, kicked_ns, count) in self.kicks.drain(..done) {
                self.stages.kick_to_completion.record_many(now - kicked_ns, count);
            }
        }
    }
}

/// A port that can be watched.
pub(super) trait Staged: Port {
    /// [`Port::send`], telling `watch` how it goes on.
    fn send_watched(
        &mut self,
        prober: &Prober,
        indices: &[u64],
        attempt: u8,
        watch: &mut impl Watching,
    ) -> Result<usize>;

    /// Where completions come later than [`Port::send`] returns: looks for them, and says how
    /// many probes so far have been sent or refused.
    fn completed(&mut self) -> Option<u64> {
        None
    }
}

/// A port that is watched.
pub(super) struct Watched<P> {
    port: P,
    watch: Watch,
}

impl<P: Staged + 'static> Watched<P> {
    pub(super) fn port(port: P) -> Box<dyn Port> {
        Box::new(Self { port, watch: Watch::default() })
    }
}

impl<P: Staged + 'static> Port for Watched<P> {
    fn burst(&self) -> usize {
        self.port.burst()
    }

    fn takes_questions(&self) -> bool {
        self.port.takes_questions()
    }

    fn refused(&self) -> &[u64] {
        self.port.refused()
    }

    fn send_times(&self) -> Option<Arc<Mapping>> {
        self.port.send_times()
    }

    fn time_from(&mut self, base: u64, again: bool) {
        self.port.time_from(base, again);
    }

    fn send(&mut self, prober: &Prober, indices: &[u64], attempt: u8) -> Result<usize> {
        self.port.send_watched(prober, indices, attempt, &mut self.watch)
    }

    fn queue_control(&mut self, fill: &mut dyn FnMut(&mut [u8]) -> usize) -> bool {
        self.port.queue_control(fill)
    }

    fn kick(&mut self) -> Result<()> {
        self.port.kick()
    }

    fn receive(&mut self, budget: usize, sink: &mut dyn FnMut(&[u8], u64)) -> usize {
        if let Some(completed) = self.port.completed() {
            self.watch.complete(|| completed);
        }
        self.port.receive(budget, sink)
    }

    fn ethernet(&self) -> bool {
        self.port.ethernet()
    }

    fn intakes(&self) -> usize {
        self.port.intakes()
    }

    fn wait(&mut self, timeout: Duration) {
        self.port.wait(timeout);
    }

    fn rest(&mut self, time: Duration) {
        self.port.rest(time);
    }

    fn quiesce(&mut self) {
        self.port.quiesce();
    }

    fn watched(self: Box<Self>) -> Box<dyn Port> {
        self
    }

    fn stages(&self) -> Option<SendStages> {
        Some(self.watch.stages.clone())
    }

    fn counters(&mut self) -> Counters {
        self.port.counters()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_timed_when_all_of_it_is_complete() {
        let mut watch = Watch::default();
        watch.begin();
        watch.kick(64, || 64);
        watch.begin();
        watch.kick(10, || 74);
        watch.kick(0, || 74);
        assert_eq!(watch.stages.craft_to_kick.count(), 74);
        for (completed, timed) in [(0, 0), (63, 0), (64, 64), (73, 64), (80, 74), (90, 74)] {
            watch.complete(|| completed);
            assert_eq!(watch.stages.kick_to_completion.count(), timed);
        }
    }

    #[test]
    fn what_is_too_much_to_be_timed_is_left_out() {
        let mut watch = Watch::default();
        for batch in 1..=2 * KICKS as u64 {
            watch.begin();
            watch.kick(1, || batch);
        }
        watch.complete(|| u64::MAX);
        assert_eq!(watch.stages.craft_to_kick.count(), 2 * KICKS as u64);
        assert_eq!(watch.stages.kick_to_completion.count(), KICKS as u64);
    }
}
