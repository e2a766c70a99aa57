//! The search for the rate of a scan with `--rate auto`: up until measured loss says
//! stop, back, and closer by halves; then held, watched, and tried a little higher now
//! and then, since networks change.
//!
//! Loss is what this host counts as dropped, and a share of answers of the control
//! sample ([`Sample`](super::sample::Sample)) that falls below the one at a low rate.
//! Only the fall counts: a network that always loses a twentieth has that share at
//! every rate. Judged is by steps: the rate is changed, the change is let settle, the
//! sample is asked some hundreds of times among the probes, its answers are waited for.
//!
//! Time and counts come in as arguments; nothing here reads a clock or sends.

/// Where the search begins, and the highest rate at which answers are taken for what
/// they are without loss; probes a second.
pub(super) const START: f64 = 1000.0;
/// The rate never falls below this.
const LEAST: f64 = 60.0;
/// Without a sample nothing tells of loss on the way: not beyond this.
const BLIND_MOST: f64 = 10_000.0;
/// Growth of the first climb, of later ones, and of a trial from a rate that held.
const GROWTH: f64 = 2.0;
const GROWTH_LATER: f64 = 1.25;
const TRIAL: f64 = 1.08;
/// Two rates so close are not told apart.
const CLOSE: f64 = 1.04;
/// A rate that held is held with so much room.
const MARGIN: f64 = 0.97;
/// A fall of the answers by less is none.
const TOLERATED: f64 = 0.025;
/// What must be lost beyond chance, in standard deviations.
const DEVIATIONS: f64 = 3.0;
/// A loss up to this is asked for twice before it is believed.
const DOUBTFUL: f64 = 0.3;
/// Drops on this host that are none: so many in a step, or this share of the probes.
const DROPS_LEAST: u64 = 4;
const DROPS_SHARE: f64 = 0.005;
/// So many steps in a row that send less than this share of their rate show what this
/// host can send; after a time it is asked for more again.
const REACHED: f64 = 0.85;
const SHORT: u32 = 3;
const BUSY_NS: u64 = 4_000 * MS;
/// Below this share of answers at the first rate, a lower one is tried: the first may
/// be too high already.
const GOOD_SHARE: f64 = 0.97;
/// A sample has at least so many targets.
pub(super) const SAMPLE_LEAST: u64 = 30;
/// A step with fewer answers to its name says nothing.
const TRIAL_LEAST: u64 = 30;
/// Questions of a step: fewest, most, and those of the first one.
const QUESTIONS: (f64, f64, f64) = (250.0, 1500.0, 300.0);
/// Questions a second: while searching, and while holding.
const PER_SECOND: (f64, f64) = (600.0, 200.0);
/// A target is asked at most so often a second.
const PER_TARGET: f64 = 4.0;
/// At most this share of the probes are questions: while searching, while holding.
const SHARE: (f64, f64) = (0.25, 0.01);
const MS: u64 = 1_000_000;
/// A change of the rate is given this time, and more after loss: queues run empty.
const CHANGE_NS: (u64, u64) = (40 * MS, 250 * MS);
/// A step lasts so long: at least, at most while searching, at most while holding.
const STEP_NS: (u64, u64, u64) = (400 * MS, 6_000 * MS, 30_000 * MS);
/// A rate is held so long before a higher one is tried: at first, and at most.
const HELD_NS: (u64, u64) = (6_000 * MS, 300_000 * MS);

/// What is known at a time; totals of the scan, but for the sample's.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Look {
    pub now_ns: u64,
    /// Probes sent.
    pub sent: u64,
    /// Packets dropped on this host.
    pub drops: u64,
    /// Questions of this step.
    pub asked: u64,
    /// Their answers.
    pub answered: u64,
    /// Targets in the sample.
    pub held: u64,
    /// How long answers are to be waited for.
    pub wait_ns: u64,
    /// A worker has no more first probes to send: the search ends.
    pub exhausted: bool,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Order {
    /// Probes a second from now on.
    pub rate: f64,
    /// Questions a second from now on.
    pub questions: f64,
    /// A new step of the sample begins.
    pub begins: bool,
    /// Of what was sent since the last judgement: whether it was without loss.
    pub clean: Option<bool>,
}

/// What came out.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Probes a second.
    pub pps: f64,
    /// Whether the search had come to its end, or the scan ended first.
    pub settled: bool,
    /// Why not more.
    pub why: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// Too few have answered for a sample.
    Blind,
    /// The answers at a low rate.
    Reference,
    /// Are they more at a lower one?
    Lower,
    /// Up until something is lost.
    Climb,
    /// Between a rate that held and one that did not.
    Bisect,
    /// Held and watched.
    Hold,
    /// A little more than what held.
    Raise,
    /// What had held lost something: down until nothing is lost.
    Descend,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Change { until_ns: u64 },
    Ask { since: Look },
    Wait { until_ns: u64, dropped: bool },
}

/// Questions and answers.
#[derive(Clone, Copy, Debug, Default)]
struct Trial {
    asked: f64,
    answered: f64,
}

impl Trial {
    fn share(self) -> f64 {
        if self.asked > 0.0 { (self.answered / self.asked).min(1.0) } else { 0.0 }
    }

    fn and(self, other: Self) -> Self {
        Self { asked: self.asked + other.asked, answered: self.answered + other.answered }
    }

    /// The share of the answers to `self` that are missing here, and what chance may
    /// take of them. (A share of 0 or 1 has a variance too: one answer more either way.)
    fn missing_in(self, other: Self) -> (f64, f64) {
        let variance = |trial: Self| {
            let share = (trial.answered + 1.0) / (trial.asked + 2.0);
            share * (1.0 - share) / trial.asked.max(1.0)
        };
        let share = self.share().max(1e-3);
        let chance = (variance(self) + variance(other)).sqrt() / share;
        (1.0 - other.share() / share, chance * DEVIATIONS)
    }
}

/// What was wrong with a rate.
#[derive(Clone, Copy, Debug)]
enum Loss {
    /// Share of the answers missing.
    Missing(f64),
    /// Packets were dropped on this host.
    Dropped,
}

/// The search.
#[derive(Debug)]
pub(super) struct Search {
    phase: Phase,
    stage: Stage,
    rate: f64,
    reference: Trial,
    /// The highest rate without loss, and the lowest with loss above it.
    low: f64,
    high: Option<f64>,
    growth: f64,
    /// A doubtful trial that is being repeated.
    doubtful: Option<Trial>,
    /// The judgement of the last step, which its tail shares.
    was_clean: Option<bool>,
    measured: f64,
    /// The last loss and the rate at which it was seen.
    seen: Option<(f64, Loss)>,
    /// This host sent no faster than this, though more was asked of it.
    limited: Option<f64>,
    /// Steps in a row that did not reach their rate.
    short: u32,
    settled: bool,
    raise_at_ns: u64,
    raise_after_ns: u64,
    held: u64,
    over: bool,
}

impl Search {
    /// Starts at `now_ns`, at [`START`].
    pub(super) fn new(now_ns: u64) -> Self {
        Self {
            phase: Phase::Blind,
            stage: Stage::Change { until_ns: now_ns },
            rate: START,
            reference: Trial::default(),
            low: START,
            high: None,
            growth: GROWTH,
            doubtful: None,
            was_clean: None,
            measured: 0.0,
            seen: None,
            limited: None,
            short: 0,
            settled: false,
            raise_at_ns: 0,
            raise_after_ns: HELD_NS.0,
            held: 0,
            over: false,
        }
    }

    /// Probes a second that are aimed at now.
    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    /// Nothing is judged any more.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Whether what was lost may be sent again now: at a rate that is held.
    pub(super) fn is_steady(&self) -> bool {
        self.over || self.phase == Phase::Hold
    }

    /// Takes a look; an order where something is to change.
    pub(super) fn turn(&mut self, look: &Look) -> Option<Order> {
        if self.over {
            return None;
        }
        self.held = look.held;
        match self.stage {
            Stage::Change { .. } if look.exhausted => Some(self.end(self.was_clean)),
            Stage::Change { until_ns } if look.now_ns >= until_ns => {
                let questions = self.questions(look.held);
                self.stage = Stage::Ask { since: *look };
                let clean = if self.doubtful.is_some() { None } else { self.was_clean };
                Some(Order { rate: self.rate, questions, begins: true, clean })
            }
            Stage::Change { .. } => None,
            Stage::Ask { since } => self.ask(&since, look),
            Stage::Wait { until_ns, dropped } if look.now_ns >= until_ns => {
                let clean = self.judge(look, dropped);
                if look.exhausted {
                    return Some(self.end(clean));
                }
                self.was_clean = clean;
                let (soon, later) = CHANGE_NS;
                let pause_ns = match (self.phase, clean) {
                    (Phase::Hold, Some(true)) => 0,
                    (_, Some(false)) => later + look.wait_ns / 2,
                    _ => soon,
                };
                self.stage = Stage::Change { until_ns: look.now_ns + pause_ns };
                Some(Order { rate: self.rate, questions: 0.0, begins: false, clean })
            }
            Stage::Wait { .. } => None,
        }
    }

    /// Ends the asking where it has been enough, or too much has been dropped.
    fn ask(&mut self, since: &Look, look: &Look) -> Option<Order> {
        let (sent, drops) = (look.sent - since.sent, look.drops - since.drops);
        let lasted_ns = look.now_ns - since.now_ns;
        let dropped = drops > DROPS_LEAST && drops as f64 > sent as f64 * DROPS_SHARE;
        let (least_ns, most_ns, most_held_ns) = STEP_NS;
        let most_ns = if self.phase == Phase::Hold { most_held_ns } else { most_ns };
        let enough = match self.phase {
            Phase::Blind => lasted_ns >= 2 * least_ns || look.held >= SAMPLE_LEAST,
            _ => look.asked as f64 >= self.needed(look) && lasted_ns >= least_ns,
        };
        if !(dropped || enough || lasted_ns >= most_ns || look.exhausted) {
            return None;
        }
        self.measured = sent as f64 / (lasted_ns.max(1) as f64 / 1e9);
        let wait_ns = if dropped || self.phase == Phase::Blind { 0 } else { look.wait_ns };
        self.stage = Stage::Wait { until_ns: look.now_ns + wait_ns, dropped };
        Some(Order { rate: self.rate, questions: 0.0, begins: false, clean: None })
    }

    /// Questions a second of the step that begins.
    fn questions(&self, held: u64) -> f64 {
        let ((per_second, per_second_held), (share, share_held)) = (PER_SECOND, SHARE);
        let wanted = match self.phase {
            Phase::Blind => return 0.0,
            Phase::Hold => (self.rate * share_held).clamp(10.0, per_second_held),
            _ => per_second,
        };
        wanted.min(self.rate * share).min(held as f64 * PER_TARGET)
    }

    /// Questions that tell the tolerated loss from chance: the more, the fewer answer.
    fn needed(&self, look: &Look) -> f64 {
        let (least, most, first) = QUESTIONS;
        let (share, least) = match self.phase {
            Phase::Reference => (look.answered as f64 / look.asked.max(1) as f64, first),
            _ => (self.reference.share(), least),
        };
        let share = share.clamp(1e-3, 1.0);
        (7000.0 * (1.0 - share) / share).clamp(least, most)
    }

    /// What the step says, and the rate of the next one. Returns whether what was sent
    /// was without loss; `None` where that is not known yet.
    fn judge(&mut self, look: &Look, dropped: bool) -> Option<bool> {
        let step = Trial { asked: look.asked as f64, answered: look.answered as f64 };
        let reached = self.measured >= self.rate * REACHED;
        match self.phase {
            Phase::Blind => {
                if dropped {
                    self.seen = Some((self.rate, Loss::Dropped));
                    self.rate = (self.rate * 0.7).max(LEAST);
                } else if look.held >= SAMPLE_LEAST {
                    (self.phase, self.rate) = (Phase::Reference, self.rate.min(START));
                } else if reached {
                    self.rate = (self.rate * 1.5).min(BLIND_MOST);
                }
                Some(!dropped)
            }
            Phase::Reference | Phase::Lower if dropped => {
                self.seen = Some((self.rate, Loss::Dropped));
                (self.phase, self.rate) = (Phase::Reference, (self.rate / 2.0).max(LEAST));
                Some(false)
            }
            Phase::Reference if look.asked < TRIAL_LEAST => {
                if look.held < SAMPLE_LEAST {
                    self.phase = Phase::Blind;
                }
                Some(true)
            }
            Phase::Reference => {
                (self.reference, self.low, self.high) = (step, self.rate, None);
                self.lower_or(Self::climb)
            }
            Phase::Lower => {
                let (fewer, chance) = step.missing_in(self.reference);
                // On a network that always loses some, chance must not slow a scan down.
                if fewer > (2.0 * chance).max(TOLERATED) {
                    self.seen = Some((self.low, Loss::Missing(fewer)));
                    (self.reference, self.high) = (step, Some(self.low));
                    self.low = self.rate;
                    return self.lower_or(Self::closer).and(Some(false));
                }
                self.reference = self.reference.and(step);
                self.rate = self.low;
                self.climb();
                Some(true)
            }
            _ => self.judge_against_reference(look, step, dropped, reached),
        }
    }

    /// Tries half the rate where too few answer, else goes on with `next`.
    fn lower_or(&mut self, next: fn(&mut Self)) -> Option<bool> {
        if self.reference.share() < GOOD_SHARE && self.rate / 2.0 >= LEAST {
            (self.phase, self.rate) = (Phase::Lower, self.rate / 2.0);
            return None;
        }
        next(self);
        Some(true)
    }

    fn judge_against_reference(
        &mut self,
        look: &Look,
        step: Trial,
        dropped: bool,
        reached: bool,
    ) -> Option<bool> {
        if !dropped && look.asked < TRIAL_LEAST {
            // Too few questions left to say anything: once more, or for good at the end.
            return if look.exhausted { Some(self.rate <= self.low) } else { None };
        }
        let step = self.doubtful.map_or(step, |first| first.and(step));
        let (missing, chance) = self.reference.missing_in(step);
        let lossy = missing > chance.max(TOLERATED);
        if lossy
            && !dropped
            && missing < DOUBTFUL
            && self.doubtful.is_none()
            && matches!(self.phase, Phase::Climb | Phase::Hold | Phase::Descend)
            && !look.exhausted
        {
            self.doubtful = Some(step);
            return None;
        }
        self.doubtful = None;
        let clean = !lossy && !dropped;
        if !clean {
            let loss = if dropped { Loss::Dropped } else { Loss::Missing(missing) };
            self.seen = Some((self.rate, loss));
        }
        match (self.phase, clean) {
            (Phase::Hold, true) => {
                if look.now_ns >= self.raise_at_ns {
                    let rate = self.limited.unwrap_or(self.low * TRIAL);
                    (self.phase, self.rate) = (Phase::Raise, rate);
                }
            }
            (Phase::Hold, false) => {
                (self.phase, self.high) = (Phase::Descend, Some(self.rate));
                self.low = self.low.min(self.rate);
                self.rate = (self.rate * 0.7).max(LEAST);
            }
            (Phase::Descend, false) => {
                self.high = Some(self.rate);
                let floor = START.min(self.low) * 0.4;
                if self.rate > floor.max(LEAST) {
                    self.rate = (self.rate * 0.5).max(LEAST);
                } else {
                    // Slower helps nothing: the network is another one now.
                    self.phase = Phase::Reference;
                }
            }
            (Phase::Raise, false) => {
                self.limited = None;
                if self.rate > self.low * TRIAL * CLOSE {
                    self.high = Some(self.rate);
                    self.closer();
                } else {
                    self.raise_after_ns = (self.raise_after_ns * 2).min(HELD_NS.1);
                    self.hold(look.now_ns);
                }
            }
            (_, true) if !reached => {
                self.short += 1;
                if self.short >= SHORT || self.phase == Phase::Raise {
                    // What is not sent cannot be lost: the measured rate is what holds.
                    self.limited = Some(self.rate);
                    self.low = self.measured.max(LEAST);
                    self.hold(look.now_ns);
                }
            }
            (_, true) => {
                (self.limited, self.short) = (None, 0);
                self.low = self.rate;
                if self.phase == Phase::Raise {
                    (self.raise_after_ns, self.high) = (HELD_NS.0, None);
                    self.growth = if self.seen.is_some() { GROWTH_LATER } else { GROWTH };
                }
                match self.high {
                    Some(_) => self.closer(),
                    None => self.climb(),
                }
            }
            (_, false) => {
                (self.limited, self.short) = (None, 0);
                self.high = Some(self.rate);
                self.closer();
            }
        }
        if self.phase == Phase::Bisect && self.is_close() {
            self.hold(look.now_ns);
        }
        Some(clean)
    }

    fn climb(&mut self) {
        (self.phase, self.rate) = (Phase::Climb, self.low * self.growth);
        self.growth = (self.growth * GROWTH_LATER).min(GROWTH);
    }

    fn closer(&mut self) {
        self.phase = Phase::Bisect;
        if let Some(high) = self.high {
            self.rate = (self.low * high).sqrt();
        }
    }

    fn is_close(&self) -> bool {
        self.high.is_none_or(|high| high <= self.low * CLOSE)
    }

    fn hold(&mut self, now_ns: u64) {
        (self.phase, self.settled) = (Phase::Hold, true);
        (self.rate, self.raise_at_ns) = match self.limited {
            // A busy host may be less busy soon.
            Some(_) => (self.low * TRIAL, now_ns + BUSY_NS),
            None => (self.low * MARGIN, now_ns + self.raise_after_ns),
        };
    }

    /// The rate known to hold.
    fn safe(&self) -> f64 {
        match self.phase {
            Phase::Hold | Phase::Blind | Phase::Reference | Phase::Lower | Phase::Descend => {
                self.rate
            }
            Phase::Raise => self.low * MARGIN,
            Phase::Climb | Phase::Bisect => self.low,
        }
    }

    fn end(&mut self, clean: Option<bool>) -> Order {
        self.over = true;
        // What could not be judged counts as lost where its rate was not yet known to hold.
        let clean = clean.unwrap_or(self.rate <= self.low);
        self.rate = self.safe();
        Order { rate: self.rate, questions: 0.0, begins: false, clean: Some(clean) }
    }

    /// What the search has found so far.
    pub(super) fn found(&self) -> Found {
        let held = self.held;
        let why = match (self.seen, self.phase) {
            (_, Phase::Blind) => format!(
                "{held} targets had answered, fewer than the {SAMPLE_LEAST} that a control sample \
                 takes: nothing tells of loss on the way, and it is not raised above {BLIND_MOST:.0}"
            ),
            _ if self.settled && self.limited.is_some() => "this host sends no faster".to_owned(),
            (Some((rate, Loss::Missing(share))), _) if self.settled => format!(
                "at {rate:.0} a second {:.1} % of the answers of a control sample of {held} were \
                 missing",
                share * 100.0
            ),
            (Some((rate, Loss::Dropped)), _) if self.settled => {
                format!("at {rate:.0} a second packets were dropped on this host")
            }
            _ => "the scan ended before the search did; this is the highest rate that was seen \
                  to lose nothing"
                .to_owned(),
        };
        Found { pps: self.safe(), settled: self.settled, why }
    }
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
