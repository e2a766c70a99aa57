//! What is asked of one port, and what its answers amount to. No sockets and no clock:
//! events come in with the time, orders go out.
//!
//! Every question has a connection (a *talk*) of its own, and up to [`TALKS`] of them go on
//! at once: one that has been silent for some time keeps listening while the next one
//! begins, and what the port is known for is asked at once beside the listening. A server
//! that takes fewer connections at once is asked no more. The first
//! hard match ends all. A soft match narrows the rest to what could tell more of that
//! service. Limits stand in [`limits`](super::limits).

mod reading;
mod secure;
mod turns;

use std::collections::VecDeque;

use prtip_signatures::Scratches;

use super::catalogue::{Ask, Catalogue};
use super::found::{Found, Identity};
use super::limits::{ANSWER_BYTES, LOOK, PORT_BYTES, SHORT, TALKS, WRAPPED, ns};
use super::starttls::{Plea, Step};
use super::tunnel::{Session, Stage, Tunnel, Tunnels};
use crate::plan::{Protocol, Target};
use turns::Capacity;

/// What happened in a talk.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The connection stands.
    Opened,
    /// It does not.
    Refused,
    /// Bytes came.
    Heard(&'a [u8]),
    /// The other side has ended the connection.
    Closed,
    /// The time that an order named has come.
    Due,
}

/// What is to be done in a talk. But for `Close`, an event of that talk follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Open a connection.
    Open(usize),
    /// Send, then wait for an answer until a time.
    Say(usize, Vec<u8>, u64),
    /// Wait for an answer until a time.
    Hear(usize, u64),
    /// End the connection.
    Close(usize),
}

/// What an inquiry works with.
pub struct Desk<'a> {
    /// Probes and rules.
    pub catalogue: &'a Catalogue,
    /// The thread's own part of them.
    pub scratch: &'a mut Scratches,
    /// Where TLS comes from; without it no handshake is tried.
    pub tunnels: Option<&'a mut dyn Tunnels>,
    /// Where orders go.
    pub orders: &'a mut Vec<Order>,
}

struct Talk {
    ask: Ask,
    open: bool,
    /// When the question had been put.
    since_ns: u64,
    deadline_ns: u64,
    answer: Vec<u8>,
    look_at_ns: Option<u64>,
    looked_ns: u64,
    looks: u32,
    tunnel: Option<Box<dyn Tunnel>>,
    /// What leads to TLS in the service's own words.
    plea: Option<Plea>,
    /// The question has been put inside the tunnel.
    asked_inside: bool,
}

impl Talk {
    /// Something came and was looked at.
    fn has_answered(&self) -> bool {
        self.looks > 0 && !self.answer.is_empty()
    }
}

/// One port under inquiry.
pub struct Inquiry {
    target: Target,
    asks: VecDeque<Ask>,
    /// What was asked already.
    put: Vec<Ask>,
    talks: [Option<Talk>; TALKS],
    capacity: Capacity,
    started_ns: u64,
    /// How long the quickest connection took to stand.
    round_trip_ns: u64,
    bytes: usize,
    refusals: u32,
    best: Option<(Identity, Ask)>,
    banner: Option<(Vec<u8>, Ask)>,
    /// Talks are inside TLS.
    inside: bool,
    handshakes: u32,
    session: Option<Session>,
    /// What the next handshake is made with, where those before it were too modern.
    older: Option<Box<dyn Tunnel>>,
    /// A handshake was answered by TLS.
    speaks_tls: bool,
    /// What is known was said in the clear, of the service inside TLS.
    said_outside: bool,
    /// A service in the clear was asked for TLS.
    upgraded: bool,
    /// Inside TLS the server serves one connection after the other.
    one_by_one: bool,
    /// The listening was closed at once and without a word.
    shut: bool,
    /// Some question met silence until its time was over.
    ignored: bool,
    decided: bool,
}

impl Inquiry {
    /// About `target`; `short`: only a few questions, since its host says nothing to anyone.
    #[must_use]
    pub fn new(target: Target, catalogue: &Catalogue, short: bool, now_ns: u64) -> Self {
        let mut asks = catalogue.order(target.protocol, target.port, false);
        if short {
            let mut left = SHORT;
            asks.retain(|&ask| {
                ask == Ask::Listen || catalogue.suits(ask, target.port, false) || {
                    left = left.saturating_sub(1);
                    left > 0
                }
            });
        }
        Self {
            target,
            asks: asks.into(),
            put: Vec::new(),
            talks: [const { None }; TALKS],
            capacity: Capacity::default(),
            started_ns: now_ns,
            round_trip_ns: u64::MAX,
            bytes: 0,
            refusals: 0,
            best: None,
            banner: None,
            inside: false,
            handshakes: 0,
            session: None,
            older: None,
            speaks_tls: false,
            said_outside: false,
            upgraded: false,
            one_by_one: false,
            shut: false,
            ignored: false,
            decided: false,
        }
    }

    /// The port.
    #[must_use]
    pub fn target(&self) -> Target {
        self.target
    }

    /// Whether a talk goes on.
    #[must_use]
    pub fn is_talking(&self, talk: usize) -> bool {
        self.talks[talk].is_some()
    }

    /// What a talk is about, while it goes on.
    #[must_use]
    pub fn asks(&self, talk: usize) -> Option<Ask> {
        self.talks[talk].as_ref().map(|talk| talk.ask)
    }

    /// Whether a talk's connection stands.
    #[must_use]
    pub fn is_open(&self, talk: usize) -> bool {
        self.talks[talk].as_ref().is_some_and(|talk| talk.open)
    }

    /// Begins; orders follow.
    pub fn begin(&mut self, now_ns: u64, desk: &mut Desk<'_>) -> Option<Found> {
        if desk.tunnels.is_none() {
            self.asks.retain(|&ask| ask != Ask::Handshake);
        }
        self.advance(now_ns, desk)
    }

    /// Takes what happened in a talk. `Some`: the inquiry is over, and so are its talks.
    pub fn event(
        &mut self,
        talk: usize,
        event: Event<'_>,
        now_ns: u64,
        desk: &mut Desk<'_>,
    ) -> Option<Found> {
        if matches!(event, Event::Heard(_) | Event::Closed) {
            self.watch_turns(talk, now_ns, desk);
        }
        match event {
            Event::Opened => self.opened(talk, now_ns, desk),
            Event::Refused => self.refused(talk),
            Event::Heard(bytes) => self.heard(talk, bytes, now_ns, desk),
            Event::Closed => self.closed(talk, now_ns, desk),
            Event::Due => self.due(talk, now_ns, desk),
        }
        self.advance(now_ns, desk)
    }

    /// What is known where the inquiry is broken off.
    #[must_use]
    pub fn abandon(&mut self, now_ns: u64, catalogue: &Catalogue) -> Found {
        self.found(now_ns, catalogue)
    }

    fn opened(&mut self, at: usize, now_ns: u64, desk: &mut Desk<'_>) {
        let target = self.target;
        let Some(talk) = &mut self.talks[at] else { return };
        talk.open = true;
        self.round_trip_ns = self.round_trip_ns.min(now_ns.saturating_sub(talk.since_ns));
        talk.since_ns = now_ns;
        talk.deadline_ns = now_ns + self.capacity.wait_ns(desk.catalogue.wait_ns(talk.ask));
        let in_tunnel = self.inside || talk.ask == Ask::Handshake;
        let said = match (&talk.ask, &mut desk.tunnels) {
            (Ask::Upgrade, Some(tunnels)) => {
                let service = self.best.as_ref().map_or("", |(identity, _)| &identity.service);
                talk.plea = Plea::new(service, tunnels.name(target));
                talk.plea.as_mut().map(Plea::opening).unwrap_or_default()
            }
            (_, Some(tunnels)) if in_tunnel => {
                let older = self.older.take_if(|_| talk.ask == Ask::Handshake);
                let mut tunnel = older.unwrap_or_else(|| tunnels.tunnel(target));
                let said = tunnel.outgoing();
                talk.tunnel = Some(tunnel);
                said
            }
            (Ask::Probe(place), _) => desk.catalogue.probe(*place).payload.to_vec(),
            (Ask::Listen | Ask::Handshake | Ask::Upgrade, _) => Vec::new(),
        };
        self.go_on(at, said, now_ns, desk);
    }

    fn heard(&mut self, at: usize, bytes: &[u8], now_ns: u64, desk: &mut Desk<'_>) {
        // Of what is inside TLS much is handshakes.
        self.bytes += if self.inside { bytes.len() / 4 } else { bytes.len() };
        if self.talks[at].as_ref().is_some_and(|talk| talk.ask == Ask::Upgrade) {
            self.heard_on_the_way_to_tls(at, bytes, now_ns, desk);
            return;
        }
        let Some(talk) = &mut self.talks[at] else { return };
        let mut said = Vec::new();
        if let Some(tunnel) = &mut talk.tunnel {
            tunnel.take(bytes);
            tunnel.heard(&mut talk.answer);
            said = tunnel.outgoing();
            match tunnel.stage() {
                Stage::Handshaking => {}
                Stage::Open if !talk.asked_inside => {
                    self.enter(at, now_ns, desk);
                    if let Some(tunnel) = self.talks[at].as_mut().and_then(|t| t.tunnel.as_mut()) {
                        said.extend(tunnel.outgoing());
                    }
                }
                Stage::Open => {}
                Stage::Shown | Stage::Refused | Stage::Foreign => {
                    self.closed(at, now_ns, desk);
                    return;
                }
            }
        } else {
            talk.answer.extend_from_slice(bytes);
        }
        let Some(talk) = &mut self.talks[at] else { return };
        talk.answer.truncate(ANSWER_BYTES);
        if talk.answer.is_empty() {
            self.go_on(at, said, now_ns, desk);
            return;
        }
        let look_at = *talk.look_at_ns.get_or_insert(now_ns + (ns(LOOK) << talk.looks.min(8)));
        let full = talk.answer.len() == ANSWER_BYTES || self.bytes >= PORT_BYTES;
        let (ask, listening) = (talk.ask, talk.ask == Ask::Listen);
        if look_at <= now_ns || full {
            self.look_at(at, now_ns, desk);
        }
        if full {
            self.hang_up(at, desk);
            if listening && self.best.is_none() {
                // It goes on like this whatever it is asked.
                self.decided = true;
            }
            if self.best.is_none() && ask == Ask::Handshake {
                self.asks.retain(|&ask| ask != Ask::Handshake);
            }
            return;
        }
        self.go_on(at, said, now_ns, desk);
    }

    fn closed(&mut self, at: usize, now_ns: u64, desk: &mut Desk<'_>) {
        self.look_at(at, now_ns, desk);
        let Some(talk) = &self.talks[at] else { return };
        let silent = talk.answer.is_empty();
        let shut = silent && talk.ask == Ask::Listen && !self.inside;
        if shut && now_ns.saturating_sub(talk.since_ns) < ns(WRAPPED) {
            self.shut = true;
            // A few more, in case it only wants to be asked.
            self.asks.truncate(3);
        }
        self.ended_in_a_crowd(at, now_ns);
        self.handshake_ended(at, desk);
        self.hang_up(at, desk);
    }

    fn due(&mut self, at: usize, now_ns: u64, desk: &mut Desk<'_>) {
        let Some(talk) = &self.talks[at] else { return };
        if now_ns >= talk.deadline_ns {
            if talk.answer.is_empty() {
                self.ignored = true;
                self.gives_up(at, now_ns);
            }
            self.look_at(at, now_ns, desk);
            self.hang_up(at, desk);
            return;
        }
        if talk.look_at_ns.is_some_and(|look_at| look_at <= now_ns) {
            self.look_at(at, now_ns, desk);
        }
        let said = self.silent_inside(at, now_ns, desk);
        self.go_on(at, said, now_ns, desk);
    }

    /// The talk goes on: says something, or listens, until the next time that matters.
    fn go_on(&mut self, at: usize, said: Vec<u8>, now_ns: u64, desk: &mut Desk<'_>) {
        let Some(talk) = self.talks[at].as_ref().filter(|_| !self.decided) else { return };
        let patience_ns = talk.since_ns + self.patience_ns(talk);
        let mut until_ns = talk.deadline_ns.min(talk.look_at_ns.unwrap_or(u64::MAX));
        let waits_for_tls = talk.tunnel.as_ref().is_some_and(|_| !talk.asked_inside);
        if patience_ns > now_ns && (waits_for_tls || !self.asks.is_empty()) {
            until_ns = until_ns.min(patience_ns);
        }
        if talk.has_answered() && self.settled_ns(talk) > now_ns && !self.asks.is_empty() {
            until_ns = until_ns.min(self.settled_ns(talk));
        }
        desk.orders.push(match said.as_slice() {
            [] => Order::Hear(at, until_ns),
            _ => Order::Say(at, said, until_ns),
        });
    }

    fn hang_up(&mut self, at: usize, desk: &mut Desk<'_>) {
        if self.talks[at].take().is_some() {
            desk.orders.push(Order::Close(at));
        }
    }
}

#[cfg(test)]
use secure::is_of_tls;

#[cfg(test)]
#[path = "inquiry_tests.rs"]
mod tests;
