//! What is asked of one port, and what its answers amount to. No sockets and no clock:
//! events come in with the time, orders go out.
//!
//! Every question has a connection (a *talk*) of its own, and up to [`TALKS`] of them go on
//! at once: one that has been silent for [`PATIENCE`] keeps listening while the next one
//! begins, and what the port is known for is asked at once beside the listening. The first
//! hard match ends all. A soft match narrows the rest to what could tell more of that
//! service. Limits stand in [`limits`](super::limits).

use std::collections::VecDeque;

use prtip_signatures::Scratches;

use super::catalogue::{Ask, Catalogue};
use super::found::{BANNER_MAX, Found, Identity};
use super::limits::{
    ANSWER_BYTES, HANDSHAKES, LOOK, PATIENCE, PORT_BYTES, PORT_TIME, SHORT, TALKS, TURN, WRAPPED,
    ns,
};
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
    looks: u32,
    tunnel: Option<Box<dyn Tunnel>>,
    /// The question has been put inside the tunnel.
    asked_inside: bool,
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

    /// An answer to a question that somebody else has put.
    pub fn overheard(&mut self, answer: &[u8], now_ns: u64, desk: &mut Desk<'_>) -> Option<Found> {
        for ask in desk.catalogue.udp_at(self.target.port) {
            self.look(ask, answer, desk);
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
            (_, Some(tunnels)) if in_tunnel => {
                let older = self.older.take_if(|_| talk.ask == Ask::Handshake);
                let mut tunnel = older.unwrap_or_else(|| tunnels.tunnel(target));
                let said = tunnel.outgoing();
                talk.tunnel = Some(tunnel);
                said
            }
            (Ask::Probe(place), _) => desk.catalogue.probe(*place).payload.to_vec(),
            (Ask::Listen | Ask::Handshake, _) => Vec::new(),
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
            self.look_at(at, desk);
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

    /// The tunnel stands: from here on everything is asked inside.
    fn enter(&mut self, at: usize, now_ns: u64, desk: &mut Desk<'_>) {
        if !self.inside {
            self.inside = true;
            let tunnel = self.talks[at].as_ref().and_then(|talk| talk.tunnel.as_ref());
            self.session = tunnel.and_then(|tunnel| tunnel.session());
            for other in 0..TALKS {
                if other != at && self.talks[other].is_some() {
                    self.hang_up(other, desk);
                }
            }
            // What was said outside was about the wrapping, not about the service.
            self.banner = None;
            self.best = None;
            let port = self.target.port;
            self.asks = desk.catalogue.order(self.target.protocol, port, true).into();
            let known = |&ask: &Ask| desk.catalogue.suits(ask, port, true);
            let place = self.asks.iter().position(known).unwrap_or(0);
            let ask = self.asks.remove(place);
            if let (Some(talk), Some(ask)) = (&mut self.talks[at], ask) {
                talk.ask = ask;
                self.put = vec![ask];
            }
        }
        let Some(talk) = &mut self.talks[at] else { return };
        talk.asked_inside = true;
        talk.since_ns = now_ns;
        talk.deadline_ns = now_ns + desk.catalogue.wait_ns(talk.ask);
        if let (Ask::Probe(place), Some(tunnel)) = (talk.ask, &mut talk.tunnel) {
            tunnel.say(&desk.catalogue.probe(place).payload);
        }
    }

    fn closed(&mut self, at: usize, now_ns: u64, desk: &mut Desk<'_>) {
        self.look_at(at, desk);
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

    /// Where a handshake has come to its end: what it showed, and whether an older one is
    /// to be tried.
    fn handshake_ended(&mut self, at: usize, desk: &Desk<'_>) {
        let Some(tunnel) = self.talks[at].as_mut().and_then(|talk| talk.tunnel.as_mut()) else {
            return;
        };
        let answered = matches!(tunnel.stage(), Stage::Refused | Stage::Shown);
        if self.inside || !answered && !self.expects_tls(desk) {
            return;
        }
        let Some(tunnel) = self.talks[at].as_mut().and_then(|talk| talk.tunnel.as_mut()) else {
            return;
        };
        tunnel.hung_up();
        self.speaks_tls |= answered;
        self.session = tunnel.session().or_else(|| self.session.take());
        if tunnel.stage() == Stage::Foreign {
            return;
        }
        self.older = tunnel.older();
        if self.older.is_some() {
            self.asks.push_front(Ask::Handshake);
        } else if self.speaks_tls {
            // Nothing can be asked inside, and outside everything meets TLS.
            self.asks.clear();
            if self.best.is_none() {
                let (service, rule) = ("ssl".to_owned(), "tls/refused".to_owned());
                let identity = Identity { service, rule, soft: true, ..Identity::default() };
                self.best = Some((identity, Ask::Handshake));
            }
        }
    }

    /// Whether TLS is likely, though the port has not answered by TLS.
    fn expects_tls(&self, desk: &Desk<'_>) -> bool {
        self.speaks_tls || self.said_outside || desk.catalogue.suits_tls(self.target.port)
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
            self.look_at(at, desk);
            self.hang_up(at, desk);
            return;
        }
        if talk.look_at_ns.is_some_and(|look_at| look_at <= now_ns) {
            self.look_at(at, desk);
        }
        self.go_on(at, Vec::new(), now_ns, desk);
    }

    /// The talk goes on: says something, or listens, until the next time that matters.
    fn go_on(&mut self, at: usize, said: Vec<u8>, now_ns: u64, desk: &mut Desk<'_>) {
        let Some(talk) = self.talks[at].as_ref().filter(|_| !self.decided) else { return };
        let patience_ns = talk.since_ns + ns(PATIENCE);
        let mut until_ns = talk.deadline_ns.min(talk.look_at_ns.unwrap_or(u64::MAX));
        if patience_ns > now_ns && !self.asks.is_empty() {
            until_ns = until_ns.min(patience_ns);
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

    /// Looks at what a talk has heard so far.
    fn look_at(&mut self, at: usize, desk: &mut Desk<'_>) {
        let Some(talk) = &mut self.talks[at] else { return };
        talk.look_at_ns = None;
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
        let says_tls = identity.as_ref().is_some_and(|known| is_tls_name(&known.service));
        let of_tls = (says_tls || is_of_tls(answer)) && !self.inside && desk.tunnels.is_some();
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

    /// Whether a handshake goes on or is yet to come; one is put first where none was tried,
    /// or only among others that kept a busy server from it.
    fn is_to_shake_hands(&mut self) -> bool {
        let under_way = self.asks.contains(&Ask::Handshake)
            || self.talks.iter().flatten().any(|talk| talk.ask == Ask::Handshake);
        if under_way || self.handshakes >= HANDSHAKES {
            return under_way;
        }
        self.asks.push_front(Ask::Handshake);
        true
    }

    /// The port speaks TLS: nothing else is of use.
    fn only_shake_hands(&mut self, desk: &mut Desk<'_>) {
        self.asks.retain(|&ask| ask == Ask::Handshake);
        for at in 0..TALKS {
            if self.talks[at].as_ref().is_some_and(|talk| talk.ask != Ask::Handshake) {
                self.hang_up(at, desk);
            }
        }
    }

    /// Ends the inquiry where everything is known or asked, else begins what may begin.
    fn advance(&mut self, now_ns: u64, desk: &mut Desk<'_>) -> Option<Found> {
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
                    looks: 0,
                    tunnel: None,
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
        let free = self.talks.iter().flatten().all(|talk| {
            let beside_listening = known && talk.ask == Ask::Listen;
            let heard_out = talk.looks > 0 && !talk.answer.is_empty();
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

/// What rules call a port of which they can only tell that it speaks TLS.
fn is_tls_name(service: &str) -> bool {
    ["ssl", "tls"].contains(&service)
}

/// Whether an answer is TLS, or says that TLS was expected: a record of a handshake or an
/// alert (RFC 8446, 5.1), or what web servers say to a request in the clear.
fn is_of_tls(answer: &[u8]) -> bool {
    const WORDS: [&[u8]; 3] =
        [b"to HTTPS port", b"plain HTTP to an SSL", b"HTTP request to an HTTPS server"];
    // A greeting of a client's, 1, is an echo of ours.
    let record = match answer {
        [0x15, 0x03, 0..=4, _, _, ..] | [0x16, 0x03, 0..=4, _, _] => true,
        [0x16, 0x03, 0..=4, _, _, kind, ..] => *kind == 2,
        _ => false,
    };
    record || WORDS.iter().any(|words| answer.windows(words.len()).any(|part| part == *words))
}

#[cfg(test)]
#[path = "inquiry_tests.rs"]
mod tests;
