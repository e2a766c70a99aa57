//! When the next question is put: how many go on at once, and for how long a silent one
//! keeps the others from beginning. A server may take fewer at once than we would put: it
//! refuses connections, hangs up on them, or lets them wait for their turn. None of that
//! may cost an answer.

use super::super::catalogue::Ask;
use super::super::found::Found;
use super::super::limits::{
    CROWD, IN_TURN, PATIENCE, PATIENCE_ASKED, PATIENCE_ROUND_TRIPS, PORT_BYTES, PORT_TIME, TALKS,
    TURN, TURN_BEGINS, ns,
};
use super::{Desk, Inquiry, Order, Talk};
use crate::plan::Protocol;

/// What a server seems to take at once.
pub(super) struct Capacity {
    /// Conversations, as far as refusals tell.
    most: usize,
    /// Conversations that were seen to be served at once.
    served: usize,
    /// Questions that were hung up on without a word while there may have been too many.
    hung_up_on: Vec<Ask>,
    /// These have been put again.
    put_again: bool,
    /// When a silent conversation was given up last.
    gave_up_ns: Option<u64>,
    /// Silent ones that went on just then.
    went_on: u32,
}

impl Default for Capacity {
    fn default() -> Self {
        Self {
            most: TALKS,
            served: 1,
            hung_up_on: Vec::new(),
            put_again: false,
            gave_up_ns: None,
            went_on: 0,
        }
    }
}

impl Capacity {
    /// Conversations that may go on at once: more than a few only with a server that has been
    /// seen to serve several. Others would gain nothing by more of them waiting.
    fn at_once(&self) -> usize {
        self.most.min(if self.served > 1 { TALKS } else { CROWD })
    }

    /// The server serves one conversation after the other, and is quick to turn to the next.
    fn is_in_turn(&self) -> bool {
        self.went_on >= IN_TURN
    }

    /// How long an answer is waited for that usually may take `wait_ns`. Where each question
    /// has the server to itself, one that it is stuck with must not keep it from the others.
    pub(super) fn wait_ns(&self, wait_ns: u64) -> u64 {
        if self.is_in_turn() { wait_ns.min(ns(TURN)) } else { wait_ns }
    }
}

impl Inquiry {
    /// Ends the inquiry where everything is known or asked, else begins what may begin.
    pub(super) fn advance(&mut self, now_ns: u64, desk: &mut Desk<'_>) -> Option<Found> {
        self.ask_for_tls(desk);
        if !self.decided {
            if now_ns.saturating_sub(self.started_ns) > ns(PORT_TIME) || self.bytes >= PORT_BYTES {
                self.ask_no_more();
            }
            self.put_again();
            while let Some(at) = self.room(now_ns, desk) {
                let Some(ask) = self.asks.pop_front() else { break };
                self.put.push(ask);
                self.handshakes += u32::from(ask == Ask::Handshake);
                self.talks[at] = Some(Talk {
                    ask,
                    open: false,
                    since_ns: now_ns,
                    deadline_ns: u64::MAX,
                    answer: Vec::new(),
                    look_at_ns: None,
                    looked_ns: 0,
                    looks: 0,
                    tunnel: None,
                    plea: None,
                    asked_inside: false,
                });
                desk.orders.push(Order::Open(at));
            }
        }
        if !self.decided && self.talks.iter().any(Option::is_some) {
            return None;
        }
        for at in 0..TALKS {
            self.hang_up(at, desk);
        }
        Some(self.found(now_ns, desk.catalogue))
    }

    /// Where the next question may be put now.
    fn room(&self, now_ns: u64, desk: &Desk<'_>) -> Option<usize> {
        let next = *self.asks.front()?;
        let at = self.talks.iter().position(Option::is_none)?;
        let going_on = self.talks.iter().flatten().count();
        let most = if self.one_by_one { 1 } else { self.capacity.at_once() };
        if going_on >= most {
            return None;
        }
        let known = desk.catalogue.suits(next, self.target.port, self.inside);
        let free = self.talks.iter().flatten().all(|talk| {
            let beside_listening = known && talk.ask == Ask::Listen;
            let heard_out = talk.has_answered() && now_ns >= self.settled_ns(talk);
            let silent = talk.open
                && talk.answer.is_empty()
                && now_ns >= talk.since_ns + self.patience_ns(talk);
            beside_listening || heard_out || silent
        });
        free.then_some(at)
    }

    /// For how long a talk that is silent keeps the next one from beginning.
    pub(super) fn patience_ns(&self, talk: &Talk) -> u64 {
        let asked = matches!(talk.ask, Ask::Probe(_))
            && self.target.protocol == Protocol::Tcp
            && (talk.tunnel.is_none() || talk.asked_inside);
        if !asked {
            return ns(PATIENCE);
        }
        let by_round_trip = self.round_trip_ns.saturating_mul(PATIENCE_ROUND_TRIPS);
        by_round_trip.clamp(ns(PATIENCE_ASKED), ns(PATIENCE))
    }

    pub(super) fn ask_no_more(&mut self) {
        self.asks.clear();
        self.capacity.put_again = true;
    }

    pub(super) fn refused(&mut self, at: usize) {
        let Some(talk) = self.talks[at].take() else { return };
        let standing = self.talks.iter().flatten().filter(|talk| talk.open).count();
        if standing > 0 {
            // So many, and no more.
            self.capacity.most = standing;
            self.asks.push_front(talk.ask);
            return;
        }
        self.refusals += 1;
        match self.refusals {
            // A busy server may take the next one.
            1 => self.asks.push_front(talk.ask),
            _ => self.ask_no_more(),
        }
    }

    /// A talk is ended by the server. One that is hung up on at once and without a word may
    /// have been one too many.
    pub(super) fn ended_in_a_crowd(&mut self, at: usize, now_ns: u64) {
        let going_on = self.talks.iter().flatten().count();
        let Some(talk) = &self.talks[at] else { return };
        let at_once = talk.answer.is_empty() && now_ns < talk.since_ns + ns(PATIENCE_ASKED);
        if at_once && going_on > CROWD && matches!(talk.ask, Ask::Probe(_)) && !self.inside {
            self.capacity.hung_up_on.push(talk.ask);
        }
    }

    /// When all has been asked and nothing is known, puts once more what may have been one too
    /// many.
    fn put_again(&mut self) {
        let capacity = &mut self.capacity;
        if self.asks.is_empty() && self.best.is_none() && !self.inside && !capacity.put_again {
            capacity.put_again = true;
            capacity.most = capacity.most.min(CROWD);
            self.asks.extend(capacity.hung_up_on.drain(..));
        }
    }

    /// A silent talk is given up. A server that serves so many at once, in order, only now
    /// turns to the next one, which gets its time from here on.
    pub(super) fn gives_up(&mut self, at: usize, now_ns: u64) {
        self.capacity.gave_up_ns = Some(now_ns);
        let mut waiting: Vec<(u64, usize)> = (0..TALKS)
            .filter(|&other| other != at)
            .filter_map(|other| Some((self.talks[other].as_ref()?.since_ns, other)))
            .collect();
        waiting.sort_unstable();
        if let Some(&(_, next)) = waiting.get(self.capacity.served - 1)
            && let Some(talk) = &mut self.talks[next]
        {
            talk.deadline_ns = talk.deadline_ns.max(now_ns + ns(TURN));
        }
    }

    /// Something happens in a talk: it is served, and so are those that are older. Where talks
    /// that were silent go on just when another one is given up, and more than once, the server
    /// serves one after the other: from here on one is put after the other, what waits
    /// included, and none has the server for long.
    pub(super) fn watch_turns(&mut self, at: usize, now_ns: u64, desk: &mut Desk<'_>) {
        let Some(talk) = &self.talks[at] else { return };
        let since_ns = talk.since_ns;
        let older = |other: &&Talk| other.open && other.since_ns < since_ns;
        let served = 1 + self.talks.iter().flatten().filter(older).count();
        let just_now = self.capacity.gave_up_ns.is_some_and(|at| now_ns < at + ns(TURN_BEGINS));
        let waited = talk.answer.is_empty()
            && now_ns >= talk.since_ns + ns(PATIENCE_ASKED)
            && matches!(talk.ask, Ask::Probe(_));
        self.capacity.served = self.capacity.served.max(served);
        if !just_now || !waited || self.inside || self.capacity.is_in_turn() {
            return;
        }
        self.capacity.went_on += 1;
        if !self.capacity.is_in_turn() {
            return;
        }
        self.capacity.most = 1;
        for other in (0..TALKS).filter(|&other| other != at) {
            let Some(talk) = &self.talks[other] else { continue };
            if talk.answer.is_empty() && matches!(talk.ask, Ask::Probe(_)) {
                self.asks.push_front(talk.ask);
                self.hang_up(other, desk);
            }
        }
    }
}
