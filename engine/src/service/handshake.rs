//! TLS for asking inside it: [`tls::session`](crate::tls::session) as an inquiry drives it.
//! A server that speaks neither TLS 1.2 nor 1.3 is `Refused`: nothing can be asked inside.

use std::collections::HashMap;
use std::net::IpAddr;

use super::tunnel::{Session, Stage, Tunnel, Tunnels};
use crate::plan::Target;
use crate::tls::host::Host;
use crate::tls::session::{self, Failure, State};

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
        let given = self.names.get(&target.addr).and_then(|names| names.first());
        let host = given.and_then(|name| Host::parse(name).ok());
        let session = session::Session::new(host.as_ref(), target.addr, &[]);
        Box::new(Conversation { session, host })
    }
}

struct Conversation {
    session: session::Session,
    host: Option<Host>,
}

impl Tunnel for Conversation {
    fn take(&mut self, bytes: &[u8]) {
        self.session.receive(bytes);
    }

    fn outgoing(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.session.to_send(&mut bytes);
        bytes
    }

    fn say(&mut self, bytes: &[u8]) {
        // Questions are short: rustls takes 64 KiB before it says no.
        self.session.say(bytes);
    }

    fn heard(&mut self, answer: &mut Vec<u8>) {
        answer.append(&mut self.session.heard());
    }

    fn stage(&self) -> Stage {
        match self.session.state() {
            State::Handshaking => Stage::Handshaking,
            State::Established | State::Done => Stage::Open,
            State::Failed(Failure::NotTls) => Stage::Foreign,
            State::Failed(_) => Stage::Refused,
        }
    }

    fn session(&self) -> Option<Session> {
        let shown = self.session.shown();
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
