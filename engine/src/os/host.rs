//! One host being asked: six SYNs 100 ms apart, then the other probes; what is not
//! answered is asked again, the six as a whole. Time comes in as an argument.

use super::observe::Answers;
use super::probe::{Flow, Probe};
use super::reply::{Reply, read};

/// Between two of the six SYNs: rates are judged from it.
const SEQ_GAP_NS: u64 = 100_000_000;
/// Between two of the other probes.
const GAP_NS: u64 = 25_000_000;
/// How often a probe is sent at most.
const ROUNDS: u8 = 3;
/// How long answers are waited for after a round, whatever round-trip times say.
const WAIT_NS: (u64, u64) = (200_000_000, 1_000_000_000);

/// The order in which probes leave.
const ORDER: [Probe; 16] = [
    Probe::Seq(0),
    Probe::Seq(1),
    Probe::Seq(2),
    Probe::Seq(3),
    Probe::Seq(4),
    Probe::Seq(5),
    Probe::Echo(0),
    Probe::Echo(1),
    Probe::U1,
    Probe::Ecn,
    Probe::Tcp(2),
    Probe::Tcp(3),
    Probe::Tcp(4),
    Probe::Tcp(5),
    Probe::Tcp(6),
    Probe::Tcp(7),
];

/// What is to be done for a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Send this probe now.
    Send(Probe),
    /// Nothing before then (nanoseconds).
    Wait(u64),
    /// It has been asked.
    Done,
}

/// A host being asked.
#[derive(Clone, Debug)]
pub struct Host {
    answers: Answers,
    /// Places in [`ORDER`] that are still to be sent in this round.
    left: u16,
    rounds: u8,
    /// When the next probe may leave.
    due_ns: u64,
    last_sent_ns: u64,
    /// The longest round trip so far.
    longest_ns: Option<u64>,
    /// The six answers of an earlier round, and their send times.
    earlier: Option<([u64; 6], [Option<Reply>; 6])>,
}

impl Host {
    /// A host that nothing has been sent to; `near` and `own` as in [`Answers`].
    #[must_use]
    pub fn new(flow: Flow, near: bool, own: bool) -> Self {
        let answers = Answers { near, own, ..Answers::new(flow) };
        Self {
            answers,
            left: u16::MAX,
            rounds: 1,
            due_ns: 0,
            last_sent_ns: 0,
            longest_ns: None,
            earlier: None,
        }
    }

    /// The same, of whose TCP ports none is known to be closed.
    #[must_use]
    pub fn with_guessed_port(mut self) -> Self {
        self.answers.guessed = true;
        self
    }

    /// What came of it.
    #[must_use]
    pub fn answers(&self) -> &Answers {
        &self.answers
    }

    /// What is to be done at `now_ns`.
    pub fn next(&mut self, now_ns: u64) -> Next {
        if now_ns < self.due_ns {
            return Next::Wait(self.due_ns);
        }
        if self.left == 0 {
            if self.is_answered() {
                return self.done();
            }
            let until = self.last_sent_ns + self.patience_ns();
            if now_ns < until {
                return Next::Wait(until);
            }
            if self.rounds == ROUNDS {
                return self.done();
            }
            self.begin_round();
        }
        Next::Send(ORDER[self.left.trailing_zeros() as usize])
    }

    /// A probe has been sent.
    pub fn sent(&mut self, probe: Probe, now_ns: u64) {
        self.answers.sent_ns[probe.index()] = now_ns;
        let at = ORDER.iter().position(|one| *one == probe).unwrap_or(0);
        self.left &= !(1 << at);
        self.last_sent_ns = now_ns;
        let gap = if matches!(probe, Probe::Seq(_)) { SEQ_GAP_NS } else { GAP_NS };
        self.due_ns = now_ns + gap;
    }

    /// Takes a packet; the first answer to a probe counts. Returns whether it was one.
    pub fn take(&mut self, packet: &[u8], at_ns: u64) -> bool {
        read(packet, &self.answers.flow)
            .is_some_and(|(probe, reply)| self.take_reply(probe, reply, at_ns))
    }

    /// The same of a packet that has been read.
    pub(super) fn take_reply(&mut self, probe: Probe, reply: Reply, at_ns: u64) -> bool {
        let place = probe.index();
        let sent_ns = self.answers.sent_ns[place];
        if sent_ns == 0 || self.answers.replies[place].is_some() {
            return false;
        }
        self.answers.replies[place] = Some(reply);
        let took_ns = at_ns.saturating_sub(sent_ns);
        self.longest_ns = Some(self.longest_ns.map_or(took_ns, |longest| longest.max(took_ns)));
        true
    }

    /// Every probe has an answer.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.left == 0 && self.answers.replies.iter().all(Option::is_some)
    }

    fn patience_ns(&self) -> u64 {
        let (least, most) = WAIT_NS;
        self.longest_ns.map_or(most, |longest| (4 * longest).clamp(least, most))
    }

    fn begin_round(&mut self) {
        self.rounds += 1;
        let missing = |probe: Probe| self.answers.replies[probe.index()].is_none();
        let six = |at| matches!(ORDER[at], Probe::Seq(_));
        // By IPv6 the two have nothing to do with one another.
        let pair = self.answers.flow.target.is_ipv4();
        let echo = |at| pair && matches!(ORDER[at], Probe::Echo(_));
        let any = |of: &dyn Fn(usize) -> bool| (0..16).any(|at| of(at) && missing(ORDER[at]));
        let (any_six, any_echo) = (any(&six), any(&echo));
        for (at, probe) in ORDER.into_iter().enumerate() {
            let again = (any_six && six(at)) || (any_echo && echo(at)) || missing(probe);
            self.left |= u16::from(again) << at;
        }
        if any_six {
            self.keep_the_better_six();
            for place in 0..6 {
                self.answers.replies[place] = None;
            }
        }
        if any_echo {
            self.answers.replies[14..].fill(None);
        }
    }

    /// The answers of this round, or those of an earlier one where these are fewer.
    fn keep_the_better_six(&mut self) {
        let Answers { sent_ns, replies, .. } = &mut self.answers;
        let count = |replies: &[Option<Reply>]| replies.iter().flatten().count();
        let (Some(sent), Some(six)) = (sent_ns.first_chunk_mut(), replies.first_chunk_mut()) else {
            return;
        };
        match &self.earlier {
            Some((earlier_sent, earlier)) if count(earlier) >= count(six) => {
                (*sent, *six) = (*earlier_sent, *earlier);
            }
            _ => self.earlier = Some((*sent, *six)),
        }
    }

    fn done(&mut self) -> Next {
        if self.earlier.is_some() {
            self.keep_the_better_six();
        }
        Next::Done
    }
}

#[cfg(test)]
#[path = "host_tests.rs"]
mod tests;
