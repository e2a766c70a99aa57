//! Where an inquiry meets TLS: handshakes at once, or in the words of a service that began
//! in the clear.

use super::super::limits::{HANDSHAKES, ONE_BY_ONE, PATIENCE};
use super::*;

impl Inquiry {
    /// The tunnel stands: from here on everything is asked inside.
    pub(super) fn enter(&mut self, at: usize, now_ns: u64, desk: &mut Desk<'_>) {
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

    /// Where a handshake has come to its end: what it showed, and whether an older one is
    /// to be tried.
    pub(super) fn handshake_ended(&mut self, at: usize, desk: &Desk<'_>) {
        let expected = self.expects_tls(desk);
        if self.talks[at].as_ref().is_some_and(|talk| talk.ask == Ask::Upgrade) {
            return;
        }
        let Some(tunnel) = self.talks[at].as_mut().and_then(|talk| talk.tunnel.as_mut()) else {
            return;
        };
        let answered = matches!(tunnel.stage(), Stage::Refused | Stage::Shown);
        if self.inside || !answered && !expected {
            return;
        }
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
            self.ask_no_more();
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

    /// Whether a handshake goes on or is yet to come; one is put first where none was tried,
    /// or only among others that kept a busy server from it.
    pub(super) fn is_to_shake_hands(&mut self) -> bool {
        let under_way = self.asks.contains(&Ask::Handshake)
            || self.talks.iter().flatten().any(|talk| talk.ask == Ask::Handshake);
        if under_way || self.handshakes >= HANDSHAKES {
            return under_way;
        }
        self.asks.push_front(Ask::Handshake);
        true
    }

    /// The port speaks TLS: nothing else is of use.
    pub(super) fn only_shake_hands(&mut self, desk: &mut Desk<'_>) {
        self.asks.retain(|&ask| ask == Ask::Handshake);
        for at in 0..TALKS {
            if self.talks[at].as_ref().is_some_and(|talk| talk.ask != Ask::Handshake) {
                self.hang_up(at, desk);
            }
        }
    }

    /// A service that is known and has a way to TLS of its own is led there, for its
    /// certificates; what is known stays.
    pub(super) fn ask_for_tls(&mut self, desk: &mut Desk<'_>) {
        let Some((identity, _)) = &self.best else { return };
        let wanted = self.decided
            && !self.upgraded
            && !self.inside
            && !self.said_outside
            && self.target.protocol == Protocol::Tcp
            && desk.tunnels.is_some()
            && Plea::new(&identity.service, None).is_some();
        if wanted {
            (0..TALKS).for_each(|at| self.hang_up(at, desk));
            self.asks = [Ask::Upgrade].into();
            self.upgraded = true;
            self.decided = false;
        }
    }

    /// The service answers on its way to TLS.
    pub(super) fn heard_on_the_way_to_tls(
        &mut self,
        at: usize,
        bytes: &[u8],
        now_ns: u64,
        desk: &mut Desk<'_>,
    ) {
        let target = self.target;
        let Some(talk) = &mut self.talks[at] else { return };
        talk.deadline_ns = talk.deadline_ns.max(now_ns + ns(PATIENCE));
        let said = match (&mut talk.tunnel, &mut talk.plea) {
            (Some(tunnel), _) => {
                tunnel.take(bytes);
                let stage = tunnel.stage();
                let said = tunnel.outgoing();
                if stage != Stage::Handshaking {
                    // What one that broke off had shown stays where the next shows nothing.
                    self.session = tunnel.session().or_else(|| self.session.take());
                    // Those too modern for it make room for an older one.
                    self.older = tunnel.older();
                    if self.older.is_some() {
                        self.asks.push_front(Ask::Upgrade);
                    }
                    self.hang_up(at, desk);
                    return;
                }
                said
            }
            (None, Some(plea)) => match (plea.take(bytes), &mut desk.tunnels) {
                (Step::Wait, _) => Vec::new(),
                (Step::Say(words), _) => words,
                (Step::Granted(mut words), Some(tunnels)) => {
                    let older = self.older.take();
                    let mut tunnel = older.unwrap_or_else(|| tunnels.tunnel(target));
                    words.extend(tunnel.outgoing());
                    talk.tunnel = Some(tunnel);
                    words
                }
                (Step::Denied | Step::Granted(_), _) => {
                    self.hang_up(at, desk);
                    return;
                }
            },
            (None, None) => Vec::new(),
        };
        self.go_on(at, said, now_ns, desk);
    }

    /// A talk inside TLS has been silent for some time: where it only listened, the next
    /// question is put in the same tunnel; where the next one waits for its handshake, the
    /// server serves one connection after the other, and those that are silent end. What is
    /// to be said in the talk.
    pub(super) fn silent_inside(&mut self, at: usize, now_ns: u64, desk: &mut Desk<'_>) -> Vec<u8> {
        let Some(talk) = self.talks[at].as_ref().filter(|_| self.inside) else { return Vec::new() };
        if !talk.answer.is_empty() || now_ns < talk.since_ns + ns(PATIENCE) {
            return Vec::new();
        }
        let (asked, listens) = (talk.asked_inside, talk.ask == Ask::Listen);
        if !asked && !self.one_by_one {
            self.one_by_one = true;
            self.asks.truncate(ONE_BY_ONE);
            for other in (0..TALKS).filter(|&other| other != at) {
                let keeps = self.talks[other].as_ref().is_some_and(|talk| !talk.answer.is_empty());
                if !keeps {
                    self.hang_up(other, desk);
                }
            }
        }
        let alone = self.talks.iter().flatten().count() == 1;
        if asked && self.one_by_one && alone && !self.asks.is_empty() {
            self.hang_up(at, desk);
        } else if asked && listens && alone {
            return self.ask_in_the_same_tunnel(at, now_ns, desk);
        }
        Vec::new()
    }

    fn ask_in_the_same_tunnel(&mut self, at: usize, now_ns: u64, desk: &Desk<'_>) -> Vec<u8> {
        let Some(&Ask::Probe(place)) = self.asks.front() else { return Vec::new() };
        self.asks.pop_front();
        self.put.push(Ask::Probe(place));
        let Some(talk) = &mut self.talks[at] else { return Vec::new() };
        talk.ask = Ask::Probe(place);
        talk.since_ns = now_ns;
        talk.deadline_ns = now_ns + desk.catalogue.wait_ns(talk.ask);
        let Some(tunnel) = &mut talk.tunnel else { return Vec::new() };
        tunnel.say(&desk.catalogue.probe(place).payload);
        tunnel.outgoing()
    }
}

/// Whether an answer, or what rules tell of it, says that TLS was expected.
pub(super) fn tells_of_tls(identity: Option<&Identity>, answer: &[u8]) -> bool {
    identity.is_some_and(|known| is_tls_name(&known.service)) || is_of_tls(answer)
}

/// What rules call a port of which they can only tell that it speaks TLS.
fn is_tls_name(service: &str) -> bool {
    ["ssl", "tls"].contains(&service)
}

/// Whether an answer is TLS, or says that TLS was expected: a record of a handshake or an
/// alert (RFC 8446, 5.1), or what web servers say to a request in the clear.
pub(super) fn is_of_tls(answer: &[u8]) -> bool {
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
