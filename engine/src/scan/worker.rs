//! One worker: bounded send turns and bounded receive turns over one port.
//!
//! Sending walks each attempt's cursor up the worker's range; a later attempt
//! follows the one before at [`RETRY_AFTER`] and sends what is still silent.
//! Where the rate is searched for, probes of one more attempt go between: questions to
//! the control sample, and what left at a rate that lost some.
//! Receiving judges every reply: cookie, membership, sent already, window.
//! The clock is read once a turn; nothing here allocates, locks or logs.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arrayvec::ArrayVec;
use prtip_bpf::recipe::QUESTION;
use rtrb::{Consumer, Producer, PushError};

use super::Control;
use super::capture::Tap;
use super::clock::now_ns;
use super::fault::Fault;
use super::pace::Pacer;
use super::refusals::{self, Refusals};
use super::run::BUS_EVENTS;
use super::sample::Sample;
use super::searching::Searching;
use super::send_time::SendTimes;
use super::shared::{RETRY_AFTER, RangeState, Shared};
use super::verdict;
use super::window::Update;
use crate::error::Result;
use crate::event::{PortEvent, PortState};
use crate::latency::Latency;
use crate::plan::probe::{Answered, Departure, Neighbour, Prober};
use crate::plan::{Purpose, Target};
use crate::port::live::BURST;
use crate::port::{Counters, Port, SEND_BATCH, SendStages};
use crate::wire::reply::{self, Kind, Reply};

/// Frames taken from the port in one receive turn.
const RECEIVE_BUDGET: usize = 128;
/// Offsets that a retry's cursor passes over in one turn at most.
const RETRY_SCAN: u64 = 4096;
/// A worker whose next probe is due sooner than this does not sleep.
const SPIN: Duration = Duration::from_micros(60);
/// The longest sleep.
const NAP: Duration = Duration::from_millis(1);
/// The sleep of a worker that waits for probes to grow old enough for a retry.
const RETRY_NAP: Duration = Duration::from_micros(200);
/// Batches of unreachable targets that are passed over in one turn.
const UNREACHABLE_PASSES: u32 = 64;
/// How often a worker looks for drops, and an unlimited one for a limit.
const WATCH_NS: u64 = 10_000_000;
/// A worker that has not read its rings for so long is being kept from it.
const READING_NS: u64 = 300_000;
/// While one is, all others together send about this many probes more (each may end
/// its batch): a quarter of a receive ring of up to four queues; with more queues
/// rings are smaller.
const UNREAD: u64 = 2048;

/// What a worker counted itself; the port counts the rest.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    /// Probes chosen for sending.
    pub generated: u64,
    /// Of these, given up before the port took them.
    pub unsent: u64,
    /// Of these, second and later attempts.
    pub retries: u64,
    /// Of those, questions to the control sample.
    pub control: u64,
    /// Of those, first probes sent again.
    pub resent: u64,
    /// Probes chosen once more because the driver had refused them.
    pub put_back: u64,
    /// Replies that changed what is known.
    pub valid: u64,
    /// Replies that did not.
    pub duplicate: u64,
    /// Of these, answers of the control sample.
    pub rx_control: u64,
    /// Not ours.
    pub invalid: u64,
    /// The window had moved on.
    pub late: u64,
    /// Events dropped because the scan was told to stop at once.
    pub event_drops: u64,
}

/// What is left of a worker when it has finished.
pub(super) struct Finished {
    /// Its own counts.
    pub tally: Tally,
    /// Its port's counts.
    pub port: Counters,
    /// Round-trip times of first answers.
    pub latency: Latency,
    /// How late probes left.
    pub lag: Latency,
    /// Stalls, the longest in ns, probes forgiven.
    pub stalls: (u64, u64, u64),
    /// Accepted frames that found no place on the way to the capture.
    pub not_captured: u64,
    /// How long sending took, where that is asked for.
    pub stages: Option<SendStages>,
    /// How long it did not send because results were not taken.
    pub held: Duration,
    /// Why it ended early.
    pub failure: Option<crate::error::Error>,
}

/// What a worker works with.
pub(super) struct Worker {
    /// Its number, which is also its range's.
    pub number: usize,
    /// Its way in and out.
    pub port: Box<dyn Port>,
    /// Crafts probes.
    pub prober: Arc<Prober>,
    /// Checks replies: the same prober but for the forged-key fault.
    pub judge: Arc<Prober>,
    /// Windows, send times, live counts.
    pub shared: Arc<Shared>,
    /// Where results go.
    pub events: Producer<PortEvent>,
    /// Attempts per index.
    pub attempts: u8,
    /// Probes a second; `None`: as many as the receiver can take. A limit that is set
    /// meanwhile takes its place.
    pub rate: Option<f64>,
    /// Where the rate is searched for: offsets to send again.
    pub again: Option<Consumer<Range<u64>>>,
    /// Answer SYN-ACKs with a RST.
    pub rst: bool,
    /// Hand over header fields.
    pub headers: bool,
    /// Where accepted frames go.
    pub tap: Option<Tap>,
    /// A fault to make.
    pub fault: Option<Fault>,
    /// Open and closed ports that are known from an interrupted run.
    pub known: (u64, u64),
    /// Hosts on the local link are found by what they answer there.
    pub link_answers: bool,
}

/// Probes chosen and not yet taken by the port.
struct Pending {
    indices: ArrayVec<u64, BURST>,
    attempt: u8,
}

impl Worker {
    /// Sends the range, listens until the shared finish time, closes the port.
    pub(super) fn run(mut self, control: &Control) -> Finished {
        let shared = Arc::clone(&self.shared);
        let range = &shared.ranges[self.number];
        let start_ns = now_ns();
        let mut sender = Sender::new(range, self.attempts, self.rate, start_ns);
        sender.search =
            self.again.take().map(|lost| Searching::new(&shared, lost, self.number, self.attempts));
        sender.errors_are_silence = self.prober.plan().items().purpose() == Purpose::Hosts;
        sender.link_answers = self.link_answers;
        sender.forgets_refusals = self.fault == Some(Fault::ForgottenRefusals);
        let mut receiver = Receiver::new(self.fault);
        (receiver.open, receiver.closed) = self.known;
        let mut failure = None;
        let live = &shared.live[self.number];
        let others = shared.live.len().saturating_sub(1).max(1) as u64;
        let mut sent_while_all_read = 0;
        let (mut held, mut held_since_ns) = (Duration::ZERO, None);

        loop {
            let now = now_ns();
            let level = control.level();
            if level >= 2 || now >= shared.finish_at_ns.load(Ordering::Relaxed) {
                break;
            }
            live.heartbeat_ns.store(now, Ordering::Relaxed);
            let mut idle = true;
            if shared.all_are_reading(now, READING_NS) {
                sent_while_all_read = sender.sent;
            }
            let unread = sender.sent - sent_while_all_read;
            // So that the other half of the bus is there for what is in the air.
            let bus_is_full = self.events.slots() < BUS_EVENTS / 2;
            match (bus_is_full, held_since_ns) {
                (true, None) => held_since_ns = Some(now),
                (false, Some(since)) => {
                    held += Duration::from_nanos(now - since);
                    held_since_ns = None;
                }
                _ => {}
            }
            let may_send =
                !bus_is_full && unread < UNREAD / others && sender.refusals.until_ns(now) == 0;
            if level == 0 && !sender.done && may_send {
                match sender.turn(self.port.as_mut(), &self.prober, now) {
                    Ok(sent) => idle = sent == 0,
                    Err(error) => {
                        failure = Some(error);
                        control.stop();
                        control.stop();
                        break;
                    }
                }
            }
            if (sender.done || level > 0) && sender.finished_at_ns == 0 {
                sender.finished_at_ns = now;
            }
            let mut received = receiver.turn(&mut self, control);
            // What a long burst has drawn is read before the next one.
            for _ in 1..self.port.burst() / SEND_BATCH {
                if !received.is_multiple_of(RECEIVE_BUDGET) || received == 0 {
                    break;
                }
                match receiver.turn(&mut self, control) {
                    0 => break,
                    more => received += more,
                }
            }
            self.publish(&sender, &receiver);
            if now >= sender.watch_at_ns {
                let counters = self.port.counters();
                // What is sent again has slowed this sender down itself.
                let again = sender.refusals.put_back;
                let drops = (counters.ring_drops + counters.tx_failed).saturating_sub(again);
                live.drops.store(drops, Ordering::Relaxed);
                live.again.store(again, Ordering::Relaxed);
                sender.watch(shared.limit.load(Ordering::Relaxed), now);
            }
            if idle && received == 0 {
                let until_due = Duration::from_nanos(sender.until_due_ns(now));
                let rest = sender.pacer.rest();
                let nap = until_due.max(rest).min(NAP);
                if until_due.is_zero() || nap < SPIN {
                    std::hint::spin_loop();
                } else {
                    live.heartbeat_ns.store(now + nap.as_nanos() as u64, Ordering::Relaxed);
                    if nap > rest {
                        self.port.wait(nap);
                    } else {
                        // Each reply would end a wait.
                        self.port.rest(nap);
                    }
                }
            }
        }

        live.heartbeat_ns.store(u64::MAX, Ordering::Relaxed);
        if let Some(since) = held_since_ns {
            held += Duration::from_nanos(now_ns().saturating_sub(since));
        }
        // In this order, so that the books close: nothing new is steered, what is
        // in the rings is read, and only then are the counters.
        self.port.quiesce();
        let mut empty = 0;
        while empty < self.port.intakes() {
            empty = if receiver.turn(&mut self, control) > 0 { 0 } else { empty + 1 };
        }
        let port = self.port.counters();
        self.publish(&sender, &receiver);
        let mut tally = receiver.tally;
        sender.give_up_waiting();
        tally.generated = sender.generated;
        tally.retries = sender.retries;
        tally.put_back = sender.refusals.put_back;
        if let Some(search) = &sender.search {
            (tally.control, tally.resent) = (search.control, search.resent);
        }
        tally.unsent = sender.unsent + sender.pending.indices.len() as u64;
        let (latency, lag, stalls) = (receiver.latency, sender.lag, sender.pacer.stalls());
        let not_captured = self.tap.map_or(0, |tap| tap.dropped);
        let stages = self.port.stages();
        Finished { tally, port, latency, lag, stalls, not_captured, stages, held, failure }
    }

    fn publish(&self, sender: &Sender<'_>, receiver: &Receiver) {
        let live = &self.shared.live[self.number];
        live.sent.store(sender.sent, Ordering::Relaxed);
        live.replies.store(receiver.tally.valid + receiver.tally.duplicate, Ordering::Relaxed);
        live.open.store(receiver.open, Ordering::Relaxed);
        live.closed.store(receiver.closed, Ordering::Relaxed);
        live.done_at_ns.store(sender.finished_at_ns, Ordering::Release);
    }
}

/// The sending half: cursors and pace.
struct Sender<'a> {
    range: &'a RangeState,
    /// Next offset of each attempt.
    cursors: Vec<u64>,
    pacer: Pacer,
    pending: Pending,
    generated: u64,
    unsent: u64,
    retries: u64,
    sent: u64,
    done: bool,
    /// An ICMP error does not end the search for a host.
    errors_are_silence: bool,
    /// What is on the local link is not probed: its answer there is the result.
    link_answers: bool,
    /// Questions for MAC addresses that the pace has taken notice of.
    asked: u64,
    finished_at_ns: u64,
    watch_at_ns: u64,
    /// The limit that it obeys; 0 where none is set.
    limit: u64,
    /// How late probes left.
    lag: Latency,
    /// Where the rate is searched for.
    search: Option<Searching<'a>>,
    /// Attempt and batch of the probe that left last.
    last: Option<(u8, u64)>,
    /// A fault made on purpose.
    forgets_refusals: bool,
    /// What the driver does not take.
    refusals: Refusals,
}

impl<'a> Sender<'a> {
    fn new(range: &'a RangeState, attempts: u8, rate: Option<f64>, now: u64) -> Self {
        Self {
            range,
            cursors: vec![0; usize::from(attempts)],
            pacer: Pacer::new(rate, range.times[0].batch() as usize, now),
            pending: Pending { indices: ArrayVec::new(), attempt: 0 },
            generated: 0,
            unsent: 0,
            retries: 0,
            sent: 0,
            errors_are_silence: false,
            link_answers: false,
            asked: 0,
            done: range.size() == 0,
            finished_at_ns: 0,
            watch_at_ns: now + WATCH_NS,
            limit: 0,
            lag: Latency::new(),
            search: None,
            last: None,
            forgets_refusals: false,
            refusals: Refusals::new(),
        }
    }

    /// Nanoseconds until there may be something to send.
    fn until_due_ns(&self, now: u64) -> u64 {
        if self.done {
            return NAP.as_nanos() as u64;
        }
        let due = self.pacer.until_due_ns(now).max(self.refusals.until_ns(now));
        let first_pass_is_over = self.cursors[0] == self.range.size();
        let waits_for_neighbours = self.cursors[0] >= self.range.ready.load(Ordering::Relaxed);
        if (first_pass_is_over || waits_for_neighbours) && self.pending.indices.is_empty() {
            // Waiting for probes to grow old enough for another attempt, or for MAC addresses.
            return due.max(RETRY_NAP.as_nanos() as u64);
        }
        due
    }

    /// Sends what is due, at most one batch; returns how many probes left.
    fn turn(&mut self, port: &mut dyn Port, prober: &Prober, now: u64) -> Result<usize> {
        if self.pending.indices.is_empty() {
            // Everything chosen has left.
            self.tell_passed();
            let asked = self.range.asked.load(Ordering::Relaxed);
            if asked != self.asked {
                self.pacer.sent((asked - self.asked) as usize);
                self.asked = asked;
            }
            let times = &self.range.times[0];
            let batch = times.batch() as usize;
            // What leaves in one turn has one send time, unless the port writes it.
            let most = if times.are_the_ports() {
                self.pacer.together_live().max(batch)
            } else {
                self.pacer.together().clamp(batch.min(SEND_BATCH), SEND_BATCH)
            };
            let most = most.min(port.burst()).min(self.refusals.room());
            let allowed = self.pacer.allowance(now, most);
            // Whole batches only: those share one send time.
            let allowed = allowed - allowed % batch.min(SEND_BATCH);
            if allowed == 0 {
                return Ok(0);
            }
            self.choose(allowed, now);
            // What cannot be reached costs no time of the schedule.
            let mut passes = UNREACHABLE_PASSES;
            while self.arrange(prober) && self.pending.indices.is_empty() && passes > 0 {
                passes -= 1;
                self.choose(allowed, now);
            }
            if self.pending.indices.is_empty() {
                self.pacer.skip(now);
                return Ok(0);
            }
            self.generated += self.pending.indices.len() as u64;
        } else {
            // It has been due since an earlier turn.
            self.pacer.look(now);
        }
        let Pending { indices, attempt } = &mut self.pending;
        let range = self.range;
        let shift = range.times[0].batch().trailing_zeros();
        let batch_of = |index| range.offset_of(index) >> shift;
        let (together, mut again) = self.refusals.waiting().unwrap_or((indices.len(), false));
        let mut together = together.min(port.burst());
        // What is sent outside of the schedule has no time: its round trip stays unknown.
        let times = self.range.times.get(usize::from(*attempt));
        if times.is_some_and(SendTimes::are_the_ports) {
            let (len, base) = self.range.run(indices);
            together = whole_batches(indices, together.min(len), batch_of);
            // Of a batch that was cut all the same a part has left with the call before.
            again |= self.last == Some((*attempt, batch_of(indices[0])));
            port.time_from(base, again);
        } else if let Some(times) = times {
            let mut batch = u64::MAX;
            for index in indices.iter() {
                let offset = self.range.offset_of(*index);
                if offset / times.batch() != batch {
                    batch = offset / times.batch();
                    times.set(offset, now, again);
                }
            }
        }
        let probes = &indices[..together];
        let (probes, questions) = match &mut self.search {
            None => (port.send(prober, probes, *attempt)?, 0),
            Some(search) => search.send(port, prober, probes, *attempt, now)?,
        };
        let retries = if *attempt > 0 { probes + questions } else { questions };
        self.retries += retries as u64;
        self.generated += questions as u64;
        let mut taken = probes + questions;
        self.last = indices[..probes].last().map(|index| (*attempt, batch_of(*index)));
        self.refusals.tried(probes);
        // A question that left by itself: what is told is about that one.
        let told = questions == 0 || port.takes_questions();
        if !told || port.refused().is_empty() || self.forgets_refusals {
            indices.drain(..probes);
            self.refusals.none(probes);
        } else {
            taken -= self.put_back(port.refused(), probes, taken, again);
        }
        self.sent += taken as u64;
        if let Some(lag_ns) = self.pacer.lag_ns() {
            // Once a batch: of its probes the first is the latest.
            self.lag.record_many(lag_ns, taken as u64);
        }
        self.pacer.sent(taken);
        if self.pending.indices.is_empty() && self.is_through() {
            self.done = true;
            self.tell_passed();
            self.finished_at_ns = now_ns();
            // No next call: an error that the last kick met must not stay unsaid.
            port.kick()?;
        }
        Ok(taken)
    }

    /// What the driver refused of the pending `probes` comes first again; `taken` are these
    /// and the questions among them, which are lost where refused. `again`: some of their
    /// batches had left before. How many were put back.
    fn put_back(&mut self, refused: &[u64], probes: usize, taken: usize, again: bool) -> usize {
        let left = taken.saturating_sub(refused.len());
        let (range, indices) = (self.range, &mut self.pending.indices);
        let mut of_probes: ArrayVec<u64, BURST> =
            refused.iter().copied().filter(|index| index & QUESTION == 0).collect();
        let mut partly = of_probes.len();
        if !again {
            let shift = range.times[0].batch().trailing_zeros();
            let batch_of = |index| range.offset_of(index) >> shift;
            let mut sorted = ArrayVec::new();
            partly = refusals::sort(&indices[..probes], &of_probes, batch_of, &mut sorted);
            of_probes = sorted;
        }
        indices.drain(..probes);
        if !self.refusals.some(left, partly, of_probes.len() - partly, now_ns()) {
            return 0;
        }
        let count = of_probes.len();
        self.generated += count as u64;
        // What was refused is told apart from what an attempt sends.
        if self.pending.attempt > 0 {
            self.retries -= count as u64;
        }
        if let Some(search) = &mut self.search {
            search.refused(self.pending.attempt, count);
        }
        of_probes.extend(indices.drain(..));
        *indices = of_probes;
        count
    }

    /// What waits to be sent again never will be: it counts as refused, once.
    fn give_up_waiting(&mut self) {
        let waiting = self.refusals.give_up() as u64;
        self.pending.indices.drain(..waiting as usize);
        self.generated -= waiting;
        if self.pending.attempt > 0 {
            self.retries += waiting;
        }
    }

    /// Whether every attempt has passed over the whole range.
    fn is_through(&mut self) -> bool {
        self.cursors.iter().all(|cursor| *cursor == self.range.size())
            && self.search.as_mut().is_none_or(Searching::is_done)
    }

    /// Tells how far the last attempt has come; what may yet be sent again, or is to be,
    /// is not passed. Everything chosen has left.
    fn tell_passed(&mut self) {
        let Some(&last) = self.cursors.last() else { return };
        let judged = self.range.judged.load(Ordering::Acquire);
        let again = match &mut self.search {
            Some(search) => search.lost_offsets().map_or(u64::MAX, |range| range.start),
            None => u64::MAX,
        };
        self.range.passed.store(last.min(judged).min(again), Ordering::Release);
    }

    /// Chooses up to `count` indices (a retry completes its last batch), the
    /// latest attempt first: its probes have waited longest.
    fn choose(&mut self, count: usize, now: u64) {
        self.choose_again(count);
        if !self.pending.indices.is_empty() {
            self.pending.attempt = self.cursors.len() as u8;
            return;
        }
        for attempt in (0..self.cursors.len()).rev() {
            if attempt == 0 {
                self.choose_first(count);
            } else {
                self.choose_silent(attempt, count, now);
            }
            if !self.pending.indices.is_empty() {
                self.pending.attempt = attempt as u8;
                self.range.reached[attempt].store(self.cursors[attempt], Ordering::Release);
                return;
            }
            self.range.reached[attempt].store(self.cursors[attempt], Ordering::Release);
        }
        // Nothing chosen: the last cursor may just have passed over the end.
        if self.is_through() {
            self.tell_passed();
            self.done = true;
        }
    }

    /// Chooses of what left at a rate that lost some what is still silent.
    fn choose_again(&mut self, count: usize) {
        let (range, errors_are_silence) = (self.range, self.errors_are_silence);
        let Some(again) = self.search.as_mut().and_then(Searching::lost_offsets) else { return };
        let scan_end = (again.start + RETRY_SCAN).min(again.end);
        while again.start < scan_end && self.pending.indices.len() < count {
            if is_silent(range, again.start, errors_are_silence) {
                self.pending.indices.push(range.index_at(again.start));
            }
            again.start += 1;
        }
    }

    /// Puts together what leaves by the same port, and takes out what is on the local
    /// link and has not answered there: it cannot be addressed, and counts as chosen and
    /// not sent. Where hosts are looked for, all that is on the link is taken out: it has
    /// been asked there already. Whether anything was taken out.
    fn arrange(&mut self, prober: &Prober) -> bool {
        if !prober.has_several_departures() || self.pending.indices.is_empty() {
            return false;
        }
        // As much room as `pending` has, so whatever was chosen fits.
        let mut kept: ArrayVec<(usize, u64), BURST> = ArrayVec::new();
        let chosen = self.pending.indices.len();
        let mut given_up = 0;
        for index in self.pending.indices.drain(..) {
            let Departure { port, neighbour } = prober.departure(index);
            match neighbour {
                Neighbour::Known | Neighbour::Silent if self.link_answers => {}
                Neighbour::None | Neighbour::Known => kept.push((port, index)),
                Neighbour::Silent => given_up += 1,
            }
        }
        if kept.iter().any(|(port, _)| *port != kept[0].0) {
            // Ascending within each port, as they were.
            kept.sort_unstable();
        }
        self.pending.indices.extend(kept.iter().map(|(_, index)| *index));
        self.generated += given_up;
        self.unsent += given_up;
        kept.len() < chosen
    }

    fn choose_first(&mut self, count: usize) {
        let from = self.cursors[0];
        let end = self.range.size().min(self.range.ready.load(Ordering::Acquire));
        let to = (from + count as u64).min(end).max(from);
        let range = self.range;
        self.pending.indices.extend((from..to).map(|offset| range.index_at(offset)));
        self.cursors[0] = to;
    }

    fn choose_silent(&mut self, attempt: usize, count: usize, now: u64) {
        let before = &self.range.times[attempt - 1];
        let batch = before.batch();
        let wait_ns = RETRY_AFTER.as_nanos() as u64;
        let mut offset = self.cursors[attempt];
        let scan_end = (offset + RETRY_SCAN).min(self.cursors[attempt - 1]);
        while offset < scan_end {
            if offset.is_multiple_of(batch) {
                let room = self.pending.indices.remaining_capacity() as u64;
                if self.pending.indices.len() >= count || room < batch {
                    break;
                }
            } else if self.pending.indices.is_full() {
                break;
            }
            if is_silent(self.range, offset, self.errors_are_silence) {
                if before.age(offset, now).is_some_and(|age| age < wait_ns) {
                    break;
                }
                self.pending.indices.push(self.range.index_at(offset));
            }
            offset += 1;
        }
        self.cursors[attempt] = offset;
    }

    /// Looks at the clock for the next watch and, where no rate was asked for,
    /// takes over the limit that the coordinator has set.
    fn watch(&mut self, limit: u64, now: u64) {
        self.watch_at_ns = now + WATCH_NS;
        if limit != self.limit {
            self.limit = limit;
            self.pacer.set_rate((limit > 0).then_some(limit as f64), now);
        }
        if let Some(search) = &mut self.search {
            search.watch();
        }
    }
}

/// How many of `indices` to send together, at most `most`: no batch of those that share a send
/// time is cut, where that is possible.
fn whole_batches(indices: &[u64], most: usize, batch_of: impl Fn(u64) -> u64) -> usize {
    let Some(next) = indices.get(most) else { return most };
    let cut = batch_of(*next);
    let whole = indices[..most].iter().rposition(|index| batch_of(*index) != cut);
    whole.map_or(most, |last| last + 1)
}

/// Whether what is known of `offset` leaves it to be asked once more.
fn is_silent(range: &RangeState, offset: u64, errors_are_silence: bool) -> bool {
    match range.window.state(offset) {
        None => true,
        Some(state) => errors_are_silence && state == PortState::Filtered,
    }
}

/// The receiving half: judging and counting.
struct Receiver {
    tally: Tally,
    open: u64,
    closed: u64,
    latency: Latency,
    /// Round-trip times of this turn, counted together at its end: each touches a
    /// place of the histogram that is rarely in the cache, and so the misses overlap.
    rtts: ArrayVec<u64, RECEIVE_BUDGET>,
    resets: ArrayVec<Reply, RECEIVE_BUDGET>,
    drop_one: bool,
    double_one: bool,
    early_ns: u64,
}

impl Receiver {
    fn new(fault: Option<Fault>) -> Self {
        Self {
            tally: Tally::default(),
            open: 0,
            closed: 0,
            latency: Latency::new(),
            rtts: ArrayVec::new(),
            resets: ArrayVec::new(),
            drop_one: fault == Some(Fault::DropFrame),
            double_one: fault == Some(Fault::DoubleReply),
            early_ns: if fault == Some(Fault::EarlyClock) { 100_000 } else { 0 },
        }
    }

    /// Takes what came, at most one budget; returns how many frames.
    fn turn(&mut self, worker: &mut Worker, control: &Control) -> usize {
        let Worker { port, judge, shared, events, rst, prober, headers, tap, .. } = worker;
        let ethernet = port.ethernet();
        let received = port.receive(RECEIVE_BUDGET, &mut |frame, rx_ns| {
            if self.drop_one {
                self.drop_one = false;
                return;
            }
            let Some(reply) = reply::parse(frame, ethernet) else {
                self.tally.invalid += 1;
                return;
            };
            if let Some(mut event) = self.judge(&reply, frame, rx_ns, judge, shared) {
                if *headers {
                    event.heard = Some(reply::heard(&reply, frame, ethernet));
                }
                if let Some(tap) = tap {
                    tap.take(frame, ethernet, rx_ns);
                }
                self.hand_over(event, events, control);
                if self.double_one && event.state == PortState::Open {
                    self.double_one = false;
                    self.tally.valid += 1;
                    self.hand_over(event, events, control);
                }
            }
            if *rst && matches!(reply.kind, Kind::SynAck { .. }) && !self.resets.is_full() {
                self.resets.push(reply);
            }
        });
        for rtt_ns in self.rtts.drain(..) {
            self.latency.record(rtt_ns);
        }
        if !self.resets.is_empty() {
            for reply in self.resets.drain(..) {
                // No room: the peer's own retransmission timer ends the connection.
                port.queue_control(&mut |frame| prober.craft_rst(&reply, frame));
            }
            // An interface that has gone is reported by the next send.
            let _ = port.kick();
        }
        received
    }

    /// Cookie, membership, sent already, window; an event where something changed.
    fn judge(
        &mut self,
        reply: &Reply,
        frame: &[u8],
        rx_ns: u64,
        judge: &Prober,
        shared: &Shared,
    ) -> Option<PortEvent> {
        let located = judge.validate(reply, frame).and_then(|answered| {
            let (range, offset) = shared.locate(answered.index)?;
            // What is asked outside of the schedule has been asked before.
            let attempt = usize::from(answered.attempt);
            let reached = range.reached.get(attempt).or_else(|| range.reached.first())?;
            (offset < reached.load(Ordering::Acquire)).then_some((answered, range, offset))
        });
        let Some((answered, range, offset)) = located else {
            self.tally.invalid += 1;
            return None;
        };
        let (state, reason) = verdict::of(judge.plan().items().purpose(), &answered, reply);
        let times = range.times.get(usize::from(answered.attempt));
        if times.is_none() && self.is_of_the_sample(&answered, shared, rx_ns) {
            return None;
        }
        let rtt_ns = times.and_then(|times| times.since(offset, rx_ns - self.early_ns));
        let previous = match range.window.update(offset, state) {
            Update::New => {
                // Always room: a turn takes at most as many frames.
                self.rtts.extend(rtt_ns);
                None
            }
            Update::Revised(previous) => {
                let previous = verdict::known(previous, answered.ask.kind);
                self.count(previous, u64::MAX);
                Some(previous)
            }
            Update::Duplicate => {
                self.tally.duplicate += 1;
                return None;
            }
            Update::Late => {
                self.tally.late += 1;
                return None;
            }
        };
        if previous.is_none()
            && answered.attempt == 0
            && let Some(sample) = &shared.sample
            && Sample::takes(reason)
        {
            sample.note(answered.target.addr, answered.target.port, answered.index, rx_ns);
        }
        self.tally.valid += 1;
        self.count(state, 1);
        Some(PortEvent {
            addr: answered.target.addr,
            port: answered.target.port,
            protocol: answered.target.protocol,
            state,
            previous,
            reason,
            ttl: reply.ttl,
            rtt_ns,
            at_ns: rx_ns,
            heard: None,
        })
    }

    /// Whether a reply answers a question to the control sample; it tells nothing new.
    fn is_of_the_sample(&mut self, answered: &Answered, shared: &Shared, rx_ns: u64) -> bool {
        let Target { addr, port, .. } = answered.target;
        let sample = shared.sample.as_ref();
        let is = sample.is_some_and(|sample| sample.answered(addr, port, answered.index, rx_ns));
        self.tally.duplicate += u64::from(is);
        self.tally.rx_control += u64::from(is);
        is
    }

    /// Adds to the number of ports in `state`, wrapping (see [`Live`](super::shared::Live)).
    fn count(&mut self, state: PortState, add: u64) {
        match state {
            PortState::Open => self.open = self.open.wrapping_add(add),
            PortState::Closed | PortState::Unfiltered => {
                self.closed = self.closed.wrapping_add(add);
            }
            // What is neither open nor closed at the end is filtered.
            PortState::Filtered | PortState::OpenFiltered | PortState::ClosedFiltered => {}
        }
    }

    /// Puts an event on the bus. A full bus slows this worker down rather than
    /// lose a result; only a scan told to stop at once drops, and counts it.
    fn hand_over(
        &mut self,
        mut event: PortEvent,
        events: &mut Producer<PortEvent>,
        control: &Control,
    ) {
        while let Err(PushError::Full(back)) = events.push(event) {
            if control.level() >= 2 {
                self.tally.event_drops += 1;
                return;
            }
            event = back;
            std::thread::sleep(Duration::from_micros(50));
        }
    }
}
