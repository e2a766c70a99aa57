//! The thread that asks: walks each worker's range ahead of it, asks within the
//! rate, asks again, gives up, and tells how far the workers may go.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rtrb::{Producer, PushError};

use super::{Neighbours, State};
use crate::error::{Error, Result};
use crate::event::{PortEvent, PortState, Reason};
use crate::latency::Latency;
use crate::plan::{Plan, Protocol, Target};
use crate::port::doorbell::Answer;
use crate::scan::Control;
use crate::scan::clock::now_ns;
use crate::scan::shared::Shared;
use crate::scan::window::Update;

/// How often a neighbour is asked, and how long each time is waited for the answer.
const TRIES: u8 = 3;
const PATIENCE_NS: u64 = 400_000_000;
/// Neighbours asked at the same time.
const OUTSTANDING: usize = 1 << 16;
/// How far the walk goes ahead of a worker, in indices.
const AHEAD: u64 = 1 << 20;
/// Indices walked in one turn, and those kept in mind of one range until their
/// neighbours have answered.
const STRIDE: u64 = 4096;
const OPEN_ENDS: usize = 1 << 16;
/// Questions a second at most, whatever the rate: every one goes to the whole network.
const FASTEST: f64 = 10_000.0;
/// Answers read from one interface in one turn.
const BUDGET: usize = 256;
const NAP: Duration = Duration::from_millis(1);

/// What was asked and answered.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::scan) struct Counts {
    /// Questions sent.
    pub(in crate::scan) requests: u64,
    /// Neighbours that have answered.
    pub(in crate::scan) answered: u64,
    /// Answers of neighbours that had answered.
    pub(in crate::scan) repeated: u64,
    /// What was heard and answered no question.
    pub(in crate::scan) strange: u64,
    /// Results handed over.
    pub(in crate::scan) results: u64,
    /// Results lost because the scan was told to stop at once.
    pub(in crate::scan) event_drops: u64,
    /// Heard by the sockets, and lost there.
    pub(in crate::scan) heard: u64,
    pub(in crate::scan) drops: u64,
}

/// What is left of the thread when it has finished.
pub(in crate::scan) struct Asked {
    pub(in crate::scan) counts: Counts,
    /// Times from the first question to the answer.
    pub(in crate::scan) latency: Latency,
    pub(in crate::scan) failure: Option<Error>,
}

/// A question without an answer.
struct Question {
    addr: IpAddr,
    place: usize,
    path: usize,
    tries: u8,
    due_ns: u64,
}

/// Questions within the rate: a few milliseconds' worth may leave together.
struct Allowance {
    per_ns: f64,
    tokens: f64,
    at_ns: u64,
}

impl Allowance {
    const TOGETHER_NS: f64 = 5e6;

    fn earn(&mut self, now: u64) {
        let earned = now.saturating_sub(self.at_ns) as f64 * self.per_ns;
        self.at_ns = now;
        self.tokens = (self.tokens + earned).min((Self::TOGETHER_NS * self.per_ns).max(1.0));
    }
}

/// The walk over one worker's range.
#[derive(Default)]
struct Walk {
    /// Next offset.
    offset: u64,
    /// Offsets whose neighbours have not been decided, ascending, with their places.
    open: VecDeque<(u64, usize)>,
}

/// The thread.
pub(in crate::scan) struct Asking<'a> {
    neighbours: Neighbours,
    plan: &'a Plan,
    shared: &'a Shared,
    events: Producer<PortEvent>,
    allowance: Allowance,
    walks: Vec<Walk>,
    /// By due time, since all wait equally long.
    questions: VecDeque<Question>,
    counts: Counts,
    latency: Latency,
    turn: usize,
}

impl<'a> Asking<'a> {
    pub(in crate::scan) fn new(
        neighbours: Neighbours,
        plan: &'a Plan,
        shared: &'a Shared,
        events: Producer<PortEvent>,
        rate: Option<f64>,
    ) -> Self {
        let rate = rate.map_or(FASTEST, |rate| rate.min(FASTEST));
        Self {
            neighbours,
            plan,
            shared,
            events,
            allowance: Allowance { per_ns: rate / 1e9, tokens: 1.0, at_ns: now_ns() },
            walks: shared.ranges.iter().map(|_| Walk::default()).collect(),
            questions: VecDeque::new(),
            counts: Counts::default(),
            latency: Latency::new(),
            turn: 0,
        }
    }

    /// Asks until the scan ends.
    pub(in crate::scan) fn run(mut self, control: &Control) -> Asked {
        let mut failure = None;
        while control.level() < 2 {
            let now = now_ns();
            if now >= self.shared.finish_at_ns.load(Ordering::Relaxed) {
                break;
            }
            let heard = self.listen(control, now);
            let mut more = false;
            if control.level() == 0 {
                match self.ask(now) {
                    Ok(walked) => more = walked,
                    Err(error) => {
                        failure = Some(error);
                        control.stop();
                        control.stop();
                        break;
                    }
                }
            }
            self.tell();
            if heard == 0 && !more {
                self.nap();
            }
        }
        // The books: what the sockets have heard is read to the end.
        while self.listen(control, now_ns()) > 0 {}
        for door in self.neighbours.doors.iter_mut().flatten() {
            let (heard, drops) = door.bell.statistics();
            self.counts.heard += heard;
            self.counts.drops += drops;
        }
        Asked { counts: self.counts, latency: self.latency, failure }
    }

    /// Reads answers; returns how many frames there were.
    fn listen(&mut self, control: &Control, now: u64) -> usize {
        let mut heard = 0;
        let mut answers = Vec::new();
        for door in self.neighbours.doors.iter_mut().flatten() {
            heard += door.bell.receive(BUDGET, &mut |answer| answers.push(answer));
        }
        for answer in answers {
            self.answer(answer, control, now);
        }
        heard
    }

    fn answer(&mut self, answer: Option<Answer>, control: &Control, now: u64) {
        let table = &self.neighbours.table;
        let known = answer.and_then(|answer| Some((answer, table.find(answer.addr)?.0)));
        let Some((answer, place)) = known else {
            self.counts.strange += 1;
            return;
        };
        match self.neighbours.table.state(place) {
            // Nobody has asked: whatever it says, it is no answer.
            State::Unknown => self.counts.strange += 1,
            State::Known(_) => self.counts.repeated += 1,
            state @ (State::Asked(_) | State::Silent) => {
                self.counts.answered += 1;
                let rtt_ns = match state {
                    State::Asked(since_us @ 1..) => Some(now.saturating_sub(since_us * 1000)),
                    _ => None,
                };
                // Before the table says so: what a worker has passed has been handed over.
                if self.neighbours.answers_are_results {
                    self.report(answer, rtt_ns, control, now);
                }
                self.neighbours.table.set(place, State::Known(answer.mac));
            }
        }
    }

    /// A host is up.
    fn report(&mut self, answer: Answer, rtt_ns: Option<u64>, control: &Control, now: u64) {
        let Answer { addr, mac } = answer;
        let target = Target { addr, port: 0, protocol: Protocol::Icmp };
        let located = self.plan.index_of(target).and_then(|index| self.shared.locate(index));
        let Some((range, offset)) = located else {
            self.counts.strange += 1;
            self.counts.answered -= 1;
            return;
        };
        if range.window.update(offset, PortState::Open) != Update::New {
            // Known from an interrupted run.
            self.counts.repeated += 1;
            return;
        }
        if let Some(rtt_ns) = rtt_ns {
            self.latency.record(rtt_ns);
        }
        self.shared.asking.open.fetch_add(1, Ordering::Relaxed);
        let mut event = PortEvent {
            addr,
            port: 0,
            protocol: Protocol::Icmp,
            state: PortState::Open,
            previous: None,
            reason: match addr {
                IpAddr::V4(_) => Reason::ArpResponse { mac },
                IpAddr::V6(_) => Reason::NdResponse { mac },
            },
            ttl: 0,
            rtt_ns,
            at_ns: now,
            heard: None,
        };
        self.counts.results += 1;
        while let Err(PushError::Full(back)) = self.events.push(event) {
            if control.level() >= 2 {
                self.counts.event_drops += 1;
                return;
            }
            event = back;
            std::thread::sleep(Duration::from_micros(50));
        }
    }

    /// Asks again where it is time, then for those that the walks come to.
    /// True: there is more to walk.
    fn ask(&mut self, now: u64) -> Result<bool> {
        self.allowance.earn(now);
        while let Some(question) = self.questions.front()
            && question.due_ns <= now
        {
            let undecided = self.neighbours.table.state(question.place).is_undecided();
            if undecided && question.tries < TRIES && !self.may_ask() {
                return Ok(false);
            }
            let Some(mut question) = self.questions.pop_front() else { break };
            if !undecided {
                continue;
            }
            if question.tries == TRIES {
                self.neighbours.table.set(question.place, State::Silent);
                continue;
            }
            self.send(question.addr, question.path)?;
            self.neighbours.table.set(question.place, State::Asked(0));
            question.tries += 1;
            question.due_ns = now + PATIENCE_NS;
            self.questions.push_back(question);
        }
        let mut more = false;
        for number in 0..self.walks.len() {
            more |= self.walk(number, now)?;
        }
        Ok(more)
    }

    /// True: it came as far as it may go in one turn.
    fn walk(&mut self, number: usize, now: u64) -> Result<bool> {
        let range = &self.shared.ranges[number];
        let end = (range.reached[0].load(Ordering::Relaxed) + AHEAD).min(range.size());
        for _ in 0..STRIDE {
            let offset = self.walks[number].offset;
            if offset >= end || self.walks[number].open.len() >= OPEN_ENDS {
                return Ok(false);
            }
            let addr = self.plan.target(range.index_at(offset)).addr;
            if let Some((place, path)) = self.neighbours.table.find(addr) {
                match self.neighbours.table.state(place) {
                    State::Known(_) | State::Silent => {}
                    State::Asked(_) => self.walks[number].open.push_back((offset, place)),
                    State::Unknown => {
                        if self.questions.len() >= OUTSTANDING || !self.may_ask() {
                            return Ok(false);
                        }
                        self.neighbours.table.set(place, State::Asked(now / 1000));
                        self.send(addr, path)?;
                        let due_ns = now + PATIENCE_NS;
                        let tries = 1;
                        self.questions.push_back(Question { addr, place, path, tries, due_ns });
                        self.walks[number].open.push_back((offset, place));
                    }
                }
            }
            self.walks[number].offset += 1;
        }
        Ok(true)
    }

    fn may_ask(&self) -> bool {
        self.allowance.tokens >= 1.0
    }

    /// One question. A question for which there is no room is lost like one on the way.
    fn send(&mut self, addr: IpAddr, path: usize) -> Result<()> {
        let Some(Some(door)) = self.neighbours.doors.get(path) else { return Ok(()) };
        let Some(source) = door.source(addr.is_ipv6()) else { return Ok(()) };
        if door.bell.ask(source, addr)? {
            self.counts.requests += 1;
            self.shared.asking.sent.store(self.counts.requests, Ordering::Relaxed);
        }
        // While workers have something to send, half of the rate is theirs.
        let ranges = &self.shared.ranges;
        let starving = ranges.iter().all(|range| {
            range.ready.load(Ordering::Relaxed) <= range.reached[0].load(Ordering::Relaxed)
        });
        self.allowance.tokens -= if starving { 1.0 } else { 2.0 };
        // Each question is one probe less for one of the workers.
        self.turn = (self.turn + 1) % ranges.len();
        ranges[self.turn].asked.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// How far each worker may go: to the first target that is still undecided.
    fn tell(&mut self) {
        for (walk, range) in self.walks.iter_mut().zip(&self.shared.ranges) {
            let decided = |place| !self.neighbours.table.state(place).is_undecided();
            while let Some(&(_, place)) = walk.open.front()
                && decided(place)
            {
                walk.open.pop_front();
            }
            let ready = walk.open.front().map_or(walk.offset, |open| open.0);
            range.ready.store(ready, Ordering::Release);
        }
    }

    /// Waits for answers, on each interface a while.
    fn nap(&self) {
        let doors = self.neighbours.doors.iter().flatten();
        let each = NAP / doors.clone().count().max(1) as u32;
        for door in doors {
            door.bell.wait(each);
        }
    }
}
