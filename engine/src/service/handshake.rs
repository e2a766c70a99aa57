//! TLS for asking inside it: [`tls::attempt`](crate::tls::attempt) as an inquiry drives it.
//! A server too old for TLS 1.2 shows its certificates; nothing can be asked inside.

use std::collections::HashMap;
use std::net::IpAddr;

use super::tunnel::{Session, Stage, Tunnel, Tunnels};
use crate::plan::Target;
use crate::tls::attempt::Attempt;
use crate::tls::host::Host;
use crate::tls::session::{Failure, State};

/// Makes TLS connections to servers, by the names that people gave them.
#[derive(Debug)]
pub struct Handshakes {
    names: HashMap<IpAddr, Vec<String>>,
}

impl Handshakes {
    /// With names of addresses, which servers are told (SNI).
    #[must_use]
    pub fn new(names: HashMap<IpAddr, Vec<String>>) -> Self {
        Self { names }
    }
}

impl Tunnels for Handshakes {
    fn tunnel(&mut self, target: Target) -> Box<dyn Tunnel> {
        let host = self.name(target).and_then(|name| Host::parse(&name).ok());
        let attempt = Attempt::first(host.as_ref(), target.addr, &[]);
        Box::new(Conversation { attempt, host })
    }

    fn name(&self, target: Target) -> Option<String> {
        self.names.get(&target.addr)?.first().cloned()
    }
}

struct Conversation {
    attempt: Attempt,
    host: Option<Host>,
}

impl Tunnel for Conversation {
    fn take(&mut self, bytes: &[u8]) {
        self.attempt.receive(bytes);
    }

    fn hung_up(&mut self) {
        self.attempt.hung_up();
    }

    fn outgoing(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.attempt.to_send(&mut bytes);
        bytes
    }

    fn say(&mut self, bytes: &[u8]) {
        if let Attempt::Modern(session) = &mut self.attempt {
            // Questions are short: rustls takes 64 KiB before it says no.
            session.say(bytes);
        }
    }

    fn heard(&mut self, answer: &mut Vec<u8>) {
        if let Attempt::Modern(session) = &mut self.attempt {
            answer.append(&mut session.heard());
        }
    }

    fn stage(&self) -> Stage {
        let modern = matches!(self.attempt, Attempt::Modern(_));
        match self.attempt.state() {
            State::Handshaking => Stage::Handshaking,
            State::Established | State::Done if modern => Stage::Open,
            State::Established | State::Done => Stage::Shown,
            State::Failed(Failure::NotTls) => Stage::Foreign,
            State::Failed(_) => Stage::Refused,
        }
    }

    fn older(&self) -> Option<Box<dyn Tunnel>> {
        let attempt = self.attempt.next(self.host.as_ref())?;
        Some(Box::new(Self { attempt, host: self.host.clone() }))
    }

    fn session(&self) -> Option<Session> {
        let shown = self.attempt.shown();
        let server_name = match &self.host {
            Some(Host::Dns(name)) => Some(name.clone()),
            _ => None,
        };
        (!shown.chain.is_empty()).then_some(Session {
            version: shown.version.map(str::to_owned),
            cipher: shown.cipher,
            chain: shown.chain,
            server_name,
        })
    }
}
