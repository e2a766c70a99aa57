//! A server asked for its certificates, as bytes in and bytes out: first as clients of
//! today do it, then, on a connection of its own each, as ever older ones did.

use std::net::IpAddr;

use super::host::Host;
use super::old_hello::{Age, OldHello};
use super::session::{Failure, Session, Shown, State};

/// One connection's worth of asking.
#[derive(Debug)]
pub enum Attempt {
    /// TLS 1.3 and 1.2.
    Modern(Box<Session>),
    /// TLS 1.2 to 1.0 with any cipher.
    Old(OldHello),
    /// SSL 3.0.
    Oldest(OldHello),
}

impl Attempt {
    /// The first. `protocols` are offered (ALPN), the best first.
    #[must_use]
    pub fn first(host: Option<&Host>, address: IpAddr, protocols: &[&str]) -> Self {
        Self::Modern(Box::new(Session::new(host, address, protocols)))
    }

    /// The next one, for a new connection, where this one failed in a way that an older
    /// client may be spared.
    #[must_use]
    pub fn next(&self, host: Option<&Host>) -> Option<Self> {
        match self {
            Self::Modern(session) if session.older_may_do() => {
                Some(Self::Old(OldHello::new(host, Age::Old)))
            }
            Self::Old(hello)
                if matches!(
                    hello.state(),
                    State::Failed(Failure::Alert(_) | Failure::HungUp | Failure::Disagreed(_))
                ) =>
            {
                Some(Self::Oldest(OldHello::new(host, Age::Oldest)))
            }
            _ => None,
        }
    }

    /// Appends what is to be sent.
    pub fn to_send(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Modern(session) => session.to_send(out),
            Self::Old(hello) | Self::Oldest(hello) => hello.to_send(out),
        }
    }

    /// Takes what the server sent.
    pub fn receive(&mut self, bytes: &[u8]) -> &State {
        match self {
            Self::Modern(session) => session.receive(bytes),
            Self::Old(hello) | Self::Oldest(hello) => hello.receive(bytes),
        }
    }

    /// The server has hung up.
    pub fn hung_up(&mut self) -> &State {
        match self {
            Self::Modern(session) => session.hung_up(),
            Self::Old(hello) | Self::Oldest(hello) => hello.hung_up(),
        }
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> &State {
        match self {
            Self::Modern(session) => session.state(),
            Self::Old(hello) | Self::Oldest(hello) => hello.state(),
        }
    }

    /// What the server has shown so far.
    #[must_use]
    pub fn shown(&self) -> Shown {
        match self {
            Self::Modern(session) => session.shown(),
            Self::Old(hello) | Self::Oldest(hello) => hello.shown(),
        }
    }
}
