//! What is asked of one port, and what its answers amount to. No sockets and no clock:
//! events come in with the time, orders go out.
//!
//! Every question has a connection (a *talk*) of its own, and up to [`TALKS`] of them go on
//! at once: one that has been silent for [`PATIENCE`] keeps listening while the next one
//! begins, and what the port is known for is asked at once beside the listening. The first
//! hard match ends all. A soft match narrows the rest to what could tell more of that
//! service. Limits stand in [`limits`](super::limits).

mod secure;

use std::collections::VecDeque;

use prtip_signatures::Scratches;

use super::catalogue::{Ask, Catalogue};
use super::found::{BANNER_MAX, Found, Identity};
use super::limits::{
    ANSWER_BYTES, LOOK, PATIENCE, PORT_BYTES, PORT_TIME, SETTLE, SHORT, TALKS, TURN, WRAPPED, ns,
};
use super::starttls::{Plea, Step};
use super::tunnel::{Session, Stage, Tunnel, Tunnels};
use crate::plan::{Protocol, Target};

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
    started_ns: u64,
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
            started_ns: now_ns,
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
        talk.since_ns = now_ns;
        talk.deadline_ns = now_ns + desk.catalogue.wait_ns(talk.ask);
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

    fn refused(&mut self, at: usize) {
        let Some(talk) = self.talks[at].take() else { return };
        self.refusals += 1;
        match self.refusals {
            // A busy server may take the next one.
            1 => self.asks.push_front(talk.ask),
            _ => self.asks.clear(),
        }
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
        self.handshake_ended(at, desk);
        self.hang_up(at, desk);
    }

    fn due(&mut self, at: usize, now_ns: u64, desk: &mut Desk<'_>) {
        let Some(talk) = &self.talks[at] else { return };
        if now_ns >= talk.deadline_ns {
            if talk.answer.is_empty() {
                self.ignored = true;
                for other in self.talks.iter_mut().flatten() {
                    other.deadline_ns = other.deadline_ns.max(now_ns + ns(TURN));
                }
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
        let patience_ns = talk.since_ns + ns(PATIENCE);
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

    /// When an answer that was looked at counts as whole. Where it tells something, the rest
    /// of it may tell more, and the service better than what another question draws.
    fn settled_ns(&self, talk: &Talk) -> u64 {
        match self.best {
            Some(_) => talk.looked_ns + ns(SETTLE),
            None => talk.looked_ns,
        }
    }

    fn hang_up(&mut self, at: usize, desk: &mut Desk<'_>) {
        if self.talks[at].take().is_some() {
            desk.orders.push(Order::Close(at));
        }
    }

    /// Looks at what a talk has heard so far.
    fn look_at(&mut self, at: usize, now_ns: u64, desk: &mut Desk<'_>) {
        let Some(talk) = &mut self.talks[at] else { return };
        talk.look_at_ns = None;
        talk.looked_ns = now_ns;
        talk.looks += 1;
        if talk.answer.is_empty() {
            return;
        }
        let (ask, answer) = (talk.ask, std::mem::take(&mut talk.answer));
        self.look(ask, &answer, desk);
        if let Some(talk) = &mut self.talks[at] {
            talk.answer = answer;
        }
    }

    fn look(&mut self, ask: Ask, answer: &[u8], desk: &mut Desk<'_>) {
        let keeps = |answer: &[u8]| answer[..answer.len().min(BANNER_MAX)].to_vec();
        let identity = desk.catalogue.read(desk.scratch, ask, answer);
        let better = match (&identity, &self.best) {
            (Some(new), Some((best, _))) => new.weight() > best.weight(),
            (Some(_), None) => true,
            (None, _) => false,
        };
        let grown = self
            .banner
            .as_ref()
            .is_none_or(|(banner, of)| *of == ask && banner.len() < answer.len().min(BANNER_MAX));
        if better || (grown && self.best.is_none()) {
            self.banner = Some((keeps(answer), ask));
        }
        let of_tls = secure::tells_of_tls(identity.as_ref(), answer)
            && !self.inside
            && desk.tunnels.is_some();
        let pending = of_tls && self.target.protocol == Protocol::Tcp && self.is_to_shake_hands();
        let Some(identity) = identity.filter(|_| better) else {
            if pending {
                self.only_shake_hands(desk);
            }
            return;
        };
        let (soft, service) = (identity.soft, identity.service.clone());
        self.best = Some((identity, ask));
        self.said_outside = of_tls;
        match (soft, pending) {
            (_, true) => self.only_shake_hands(desk),
            (false, false) => self.decided = true,
            (true, false) => {
                // Here rare questions are not too rare.
                let telling = desk.catalogue.telling(self.target.protocol, &service);
                let telling = telling.filter(|ask| !self.put.contains(ask));
                self.asks = telling.collect();
                for at in 0..TALKS {
                    let useless = self.talks[at].as_ref().is_some_and(|talk| {
                        talk.ask != ask && !desk.catalogue.could_tell(talk.ask, &service)
                    });
                    if useless {
                        self.hang_up(at, desk);
                    }
                }
            }
        }
    }

    /// Ends the inquiry where everything is known or asked, else begins what may begin.
    fn advance(&mut self, now_ns: u64, desk: &mut Desk<'_>) -> Option<Found> {
        self.ask_for_tls(desk);
        if !self.decided {
            if now_ns.saturating_sub(self.started_ns) > ns(PORT_TIME) || self.bytes >= PORT_BYTES {
                self.asks.clear();
            }
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
        let known = desk.catalogue.suits(next, self.target.port, self.inside);
        if self.one_by_one && self.talks.iter().any(Option::is_some) {
            return None;
        }
        let free = self.talks.iter().flatten().all(|talk| {
            let beside_listening = known && talk.ask == Ask::Listen;
            let heard_out = talk.has_answered() && now_ns >= self.settled_ns(talk);
            let silent =
                talk.open && talk.answer.is_empty() && now_ns >= talk.since_ns + ns(PATIENCE);
            beside_listening || heard_out || silent
        });
        free.then_some(at)
    }

    fn found(&mut self, now_ns: u64, catalogue: &Catalogue) -> Found {
        let (identity, probe) = self.best.take().unzip();
        let (banner, first) = self.banner.take().unzip();
        Found {
            target: self.target,
            wrapped: identity.is_none() && banner.is_none() && self.shut && !self.ignored,
            inside_tls: self.inside || self.speaks_tls && self.said_outside,
            session: self.session.take(),
            identity,
            probe: probe.or(first).map(|ask| catalogue.name(ask).to_owned()),
            banner: banner.unwrap_or_default(),
            at_ns: now_ns,
        }
    }
}

#[cfg(test)]
use secure::is_of_tls;

#[cfg(test)]
#[path = "inquiry_tests.rs"]
mod tests;
