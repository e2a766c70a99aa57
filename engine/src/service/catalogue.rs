//! The probes there are, in which order a port is asked them, and what answers tell.

use std::cell::RefCell;
use std::collections::HashMap;

use prtip_signatures::{Match, Probe, Resolver, Scratches, Transport};

use super::found::Identity;
use crate::plan::Protocol;

/// What one conversation with a port is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ask {
    /// Wait for what the server says unasked: the NULL probe.
    Listen,
    /// A probe, by its place among [`Resolver::probes`].
    Probe(usize),
    /// A TLS handshake, and what is asked inside follows from it.
    Handshake,
    /// Lead a service that is known to TLS in its own words.
    Upgrade,
}

/// Databases and how much of them is used.
#[derive(Debug)]
pub struct Catalogue {
    resolver: Resolver,
    null: Option<usize>,
    intensity: u8,
    /// For services that were asked for: which probes could tell them.
    telling: RefCell<HashMap<String, Box<[bool]>>>,
}

impl Catalogue {
    /// Probes of rarity up to `intensity`, and those that a port is known for.
    #[must_use]
    pub fn new(resolver: Resolver, intensity: u8) -> Self {
        let null = resolver
            .probes()
            .iter()
            .position(|probe| probe.transport == Transport::Tcp && probe.payload.is_empty());
        Self { resolver, null, intensity, telling: RefCell::default() }
    }

    /// What a thread needs to ask it.
    #[must_use]
    pub fn scratch(&self) -> Scratches {
        self.resolver.scratch()
    }

    /// A probe.
    #[must_use]
    pub fn probe(&self, place: usize) -> &Probe {
        &self.resolver.probes()[place]
    }

    /// The name of what was asked, for people.
    #[must_use]
    pub fn name(&self, ask: Ask) -> &str {
        match ask {
            Ask::Listen => "NULL",
            Ask::Probe(place) => &self.probe(place).name,
            Ask::Handshake => "TLS",
            Ask::Upgrade => "STARTTLS",
        }
    }

    /// How long to wait for an answer, in nanoseconds.
    #[must_use]
    pub fn wait_ns(&self, ask: Ask) -> u64 {
        const USUAL: u64 = 5_000;
        let ms = match ask {
            Ask::Listen => self.null.map_or(USUAL, |null| u64::from(self.probe(null).wait_ms)),
            Ask::Probe(place) => u64::from(self.probe(place).wait_ms),
            Ask::Handshake | Ask::Upgrade => USUAL,
        };
        // A file may say anything.
        ms.clamp(200, 15_000) * 1_000_000
    }

    /// Whether an answer may come from another port than the one that is asked.
    #[must_use]
    pub fn answers_from_any_port(&self, ask: Ask) -> bool {
        matches!(ask, Ask::Probe(place) if self.probe(place).any_port)
    }

    /// What to ask a port, the most telling first: what the server says unasked, then what
    /// the port is known for, then the others by rarity. `inside`: within TLS.
    #[must_use]
    pub fn order(&self, protocol: Protocol, port: u16, inside: bool) -> Vec<Ask> {
        let transport = transport(protocol);
        let mut probes: Vec<(bool, u8, usize)> = self
            .resolver
            .probes()
            .iter()
            .enumerate()
            .filter(|(_, probe)| probe.transport == transport && !probe.payload.is_empty())
            .map(|(place, probe)| (!probe.suits(port, inside), probe.rarity, place))
            .filter(|&(strange, rarity, _)| !strange || rarity <= self.intensity)
            .collect();
        probes.sort_unstable();
        let mut order: Vec<Ask> = probes.iter().map(|&(.., place)| Ask::Probe(place)).collect();
        if transport == Transport::Tcp {
            order.insert(0, Ask::Listen);
            if !inside && self.suits_tls(port) {
                // First, and alone: a server that serves one connection after the other
                // would be kept from it by one that only listens.
                order.insert(0, Ask::Handshake);
            } else if !inside && self.intensity > 0 {
                // Behind what the port is known for and the most general probes.
                let general = |&&(strange, rarity, _): &&(bool, u8, usize)| !strange || rarity <= 1;
                let at = 1 + probes.iter().take_while(general).count();
                order.insert(at, Ask::Handshake);
            }
        }
        order
    }

    /// Whether the port is known for TLS.
    #[must_use]
    pub fn suits_tls(&self, port: u16) -> bool {
        let tcp = |probe: &&Probe| probe.transport == Transport::Tcp;
        self.resolver.probes().iter().filter(tcp).any(|probe| probe.suits(port, true))
    }

    /// Whether the port is known for what is asked.
    #[must_use]
    pub fn suits(&self, ask: Ask, port: u16, inside: bool) -> bool {
        match ask {
            Ask::Listen | Ask::Upgrade => false,
            Ask::Probe(place) => self.probe(place).suits(port, inside),
            Ask::Handshake => self.suits_tls(port),
        }
    }

    /// Whether an answer could tell more of a service that is known softly.
    #[must_use]
    pub fn could_tell(&self, ask: Ask, service: &str) -> bool {
        let place = match ask {
            Ask::Listen => self.null,
            Ask::Probe(place) => Some(place),
            Ask::Handshake | Ask::Upgrade => None,
        };
        let mut telling = self.telling.borrow_mut();
        let probes = telling.entry(service.to_owned()).or_insert_with(|| {
            let places = 0..self.resolver.probes().len();
            places.map(|place| self.resolver.could_tell(place, service)).collect()
        });
        place.is_some_and(|place| probes[place])
    }

    /// The questions whose answers could tell more of a service that is known softly,
    /// however rare.
    pub fn telling(&self, protocol: Protocol, service: &str) -> impl Iterator<Item = Ask> {
        let transport = transport(protocol);
        let probes = self.resolver.probes().iter().enumerate();
        probes
            .filter(move |(_, probe)| probe.transport == transport && !probe.payload.is_empty())
            .map(|(place, _)| Ask::Probe(place))
            .filter(move |&ask| self.could_tell(ask, service))
    }

    /// What an answer tells.
    #[must_use]
    pub fn read(&self, scratch: &mut Scratches, ask: Ask, answer: &[u8]) -> Option<Identity> {
        let place = match ask {
            Ask::Listen => self.null?,
            Ask::Probe(place) => place,
            Ask::Handshake | Ask::Upgrade => return None,
        };
        let matched = self.resolver.match_answer(scratch, place, answer)?;
        Some(identity(&matched))
    }
}

fn transport(protocol: Protocol) -> Transport {
    match protocol {
        Protocol::Udp => Transport::Udp,
        Protocol::Tcp | Protocol::Icmp => Transport::Tcp,
    }
}

fn identity(matched: &Match<'_>) -> Identity {
    let owned = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().map(str::to_owned);
    Identity {
        service: matched.service.to_owned(),
        product: owned(&matched.product),
        version: owned(&matched.version),
        extra: owned(&matched.extra),
        host: owned(&matched.host),
        os: owned(&matched.os),
        device: owned(&matched.device),
        cpe: matched.cpe.iter().map(|cpe| cpe.clone().into_owned()).collect(),
        rule: matched.rule.to_owned(),
        soft: matched.soft,
    }
}
