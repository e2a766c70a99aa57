//! What a search for the rate ([`Hunt`](super::hunt)) has a sender do beside its probes: ask the
//! control sample, and send again what left at a rate that lost some. Both leave as one
//! more attempt.

use std::ops::Range;
use std::sync::atomic::Ordering;

use arrayvec::ArrayVec;
use prtip_bpf::recipe::QUESTION;
use rtrb::Consumer;

use super::sample::Sample;
use super::shared::Shared;
use crate::error::Result;
use crate::plan::probe::Prober;
use crate::port::Port;
use crate::port::live::BURST;

/// What a search for the rate asks of a sender.
pub(super) struct Searching<'a> {
    shared: &'a Shared,
    sample: &'a Sample,
    /// Offsets that left at a rate that lost some.
    lost: Consumer<Range<u64>>,
    /// What is being sent again.
    again: Range<u64>,
    /// Probes until the next question; `None`: nothing is asked.
    question_in: Option<usize>,
    /// Probes from one question to the next, on average.
    every: u32,
    random: u64,
    /// The attempt that questions and what is sent again leave as.
    extra: u8,
    /// Questions sent.
    pub(super) control: u64,
    /// First probes sent again.
    pub(super) resent: u64,
}

impl<'a> Searching<'a> {
    /// `attempts` are those of a probe.
    pub(super) fn new(
        shared: &'a Shared,
        lost: Consumer<Range<u64>>,
        number: usize,
        attempts: u8,
    ) -> Self {
        let sample = shared.sample.as_ref().expect("a search has a sample");
        Self {
            shared,
            sample,
            lost,
            again: 0..0,
            question_in: None,
            every: 0,
            random: number as u64,
            extra: attempts,
            control: 0,
            resent: 0,
        }
    }

    /// Takes over how often to ask.
    pub(super) fn watch(&mut self) {
        let every = self.sample.every();
        if every != self.every {
            self.every = every;
            self.question_in = self.draw();
        }
    }

    /// From 1 to twice the average: a question stands at any place of a batch, so that
    /// it meets what the probes around it meet.
    fn draw(&mut self) -> Option<usize> {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let spread = u64::from(self.every) * 2;
        (spread > 0).then(|| (((self.random >> 32) * (spread - 1)) >> 32) as usize + 1)
    }

    /// Sends a prefix of `probes`, and the questions that fall due; how many of each.
    ///
    /// # Errors
    /// As [`Port::send`].
    pub(super) fn send(
        &mut self,
        port: &mut dyn Port,
        prober: &Prober,
        probes: &[u64],
        attempt: u8,
        now: u64,
    ) -> Result<(usize, usize)> {
        let (probes, questions) = if port.takes_questions() {
            self.send_mingled(port, prober, probes, attempt, now)?
        } else {
            let count = self.question_in.map_or(probes.len(), |after| after.min(probes.len()));
            let sent = port.send(prober, &probes[..count], attempt)?;
            let refused = !port.refused().is_empty();
            (sent, if refused { 0 } else { self.ask_after(sent, port, prober, now)? })
        };
        self.control += questions as u64;
        self.resent += if attempt == self.extra { probes as u64 } else { 0 };
        Ok((probes, questions))
    }

    /// `count` probes have left; asks where it is time. Returns how many questions left.
    fn ask_after(
        &mut self,
        count: usize,
        port: &mut dyn Port,
        prober: &Prober,
        now: u64,
    ) -> Result<usize> {
        let Some(after) = &mut self.question_in else { return Ok(0) };
        *after = after.saturating_sub(count);
        if *after > 0 {
            return Ok(0);
        }
        self.question_in = self.draw();
        let Some((index, at)) = self.sample.next() else { return Ok(0) };
        if port.send(prober, &[index], self.extra)? == 0 {
            return Ok(0);
        }
        self.sample.asked(at, now);
        Ok(1)
    }

    /// Sends probes and questions in one call: how many of each.
    fn send_mingled(
        &mut self,
        port: &mut dyn Port,
        prober: &Prober,
        probes: &[u64],
        attempt: u8,
        now: u64,
    ) -> Result<(usize, usize)> {
        let mut mingled: ArrayVec<u64, BURST> = ArrayVec::new();
        // A question stands behind a probe, so there are no more of them.
        let mut places: ArrayVec<usize, { BURST / 2 }> = ArrayVec::new();
        for &index in probes {
            if mingled.len() + 1 >= BURST {
                break;
            }
            mingled.push(index);
            self.question_in = self.question_in.map(|after| after.saturating_sub(1));
            if self.question_in == Some(0) {
                self.question_in = self.draw();
                if let Some((index, at)) = self.sample.next() {
                    mingled.push(index | QUESTION);
                    places.push(at);
                }
            }
        }
        let sent = port.send(prober, &mingled, attempt)?;
        let questions = mingled[..sent].iter().filter(|index| *index & QUESTION != 0).count();
        for at in &places[..questions] {
            self.sample.asked(*at, now);
        }
        Ok((sent - questions, questions))
    }

    /// Of what left as `attempt`, `probes` were refused, and will be sent once more.
    pub(super) fn refused(&mut self, attempt: u8, probes: usize) {
        self.resent -= if attempt == self.extra { probes as u64 } else { 0 };
    }

    /// The offsets to send again, where there are some.
    pub(super) fn lost_offsets(&mut self) -> Option<&mut Range<u64>> {
        if self.again.is_empty() {
            self.again = self.lost.pop().ok()?;
        }
        Some(&mut self.again)
    }

    /// Whether nothing is left to send again, and nothing more will come.
    pub(super) fn is_done(&mut self) -> bool {
        // In this order: what was handed over before the end was told is in the ring.
        let over = self.shared.search_is_over.load(Ordering::Acquire);
        over && self.lost_offsets().is_none_or(|range| range.is_empty())
    }
}
