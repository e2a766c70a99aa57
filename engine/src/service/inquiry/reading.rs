//! What answers amount to: which of them tells most, what is still worth asking then, and
//! the result.

use super::super::catalogue::Ask;
use super::super::found::{BANNER_MAX, Found};
use super::super::limits::{SETTLE, TALKS, ns};
use super::{Catalogue, Desk, Inquiry, Talk, secure};
use crate::plan::Protocol;

impl Inquiry {
    /// When an answer that was looked at counts as whole. Where it tells something, the rest
    /// of it may tell more, and the service better than what another question draws.
    pub(super) fn settled_ns(&self, talk: &Talk) -> u64 {
        match self.best {
            Some(_) => talk.looked_ns + ns(SETTLE),
            None => talk.looked_ns,
        }
    }

    /// Looks at what a talk has heard so far.
    pub(super) fn look_at(&mut self, at: usize, now_ns: u64, desk: &mut Desk<'_>) {
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
        let mut identity = desk.catalogue.read(desk.scratch, ask, answer);
        if let (Some(known), Ask::Probe(place)) = (&mut identity, ask) {
            known.soft |= is_answer_to_nonsense(&desk.catalogue.probe(place).payload, answer);
        }
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

    pub(super) fn found(&mut self, now_ns: u64, catalogue: &Catalogue) -> Found {
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

/// Whether a web server only says that it does not understand: asked in its own language it
/// may say more, and that TLS is spoken there.
fn is_answer_to_nonsense(question: &[u8], answer: &[u8]) -> bool {
    let refuses = matches!(answer, [b'H', b'T', b'T', b'P', b'/', b'1', b'.', _, b' ', b'4', ..]);
    refuses && !question.windows(6).any(|part| part == b" HTTP/")
}
