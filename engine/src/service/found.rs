//! What was found out about a port.

use super::tunnel::Session;
use crate::plan::Target;

/// What a rule tells of a service. Its texts are as the server sent them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The service.
    pub service: String,
    /// The program.
    pub product: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// What else it tells.
    pub extra: Option<String>,
    /// The name that the host gives itself.
    pub host: Option<String>,
    /// The operating system.
    pub os: Option<String>,
    /// The kind of device.
    pub device: Option<String>,
    /// CPE names.
    pub cpe: Vec<String>,
    /// The rule that won.
    pub rule: String,
    /// Another answer might have told more.
    pub soft: bool,
}

impl Identity {
    /// How much it tells.
    pub(super) fn weight(&self) -> (bool, bool, bool) {
        (!self.soft, self.product.is_some(), self.version.is_some())
    }

    /// Product, version and the rest as people read them.
    #[must_use]
    pub fn description(&self) -> String {
        let mut words: Vec<&str> = Vec::new();
        words.extend(self.product.as_deref());
        words.extend(self.version.as_deref());
        let mut text = words.join(" ");
        if let Some(extra) = &self.extra {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&format!("({extra})"));
        }
        text
    }
}

/// What is known of a port's service.
#[derive(Clone, Debug)]
pub struct Found {
    /// The port.
    pub target: Target,
    /// What it is, where that is known.
    pub identity: Option<Identity>,
    /// The connection stands and is closed again before a word is said, whatever is asked:
    /// something in between lets only some people through.
    pub wrapped: bool,
    /// What was said is said inside TLS.
    pub inside_tls: bool,
    /// What the TLS handshake told, where there was one.
    pub session: Option<Session>,
    /// The probe that drew the answer.
    pub probe: Option<String>,
    /// The answer that told most, or the first that came; at most [`BANNER_MAX`] bytes.
    pub banner: Vec<u8>,
    /// When this was known, CLOCK_MONOTONIC.
    pub at_ns: u64,
}

/// Bytes of an answer that are reported.
pub const BANNER_MAX: usize = 2048;

impl Found {
    /// How sure it is, from 0 to 10 as nmap counts: 10 a rule that tells the product, 8
    /// wrapped, 7 a rule that only narrows, 0 nothing.
    #[must_use]
    pub fn confidence(&self) -> u8 {
        match &self.identity {
            Some(identity) if !identity.soft => 10,
            Some(_) => 7,
            None if self.wrapped => 8,
            None => 0,
        }
    }

    /// The service's name.
    #[must_use]
    pub fn service(&self) -> Option<&str> {
        match &self.identity {
            Some(identity) => Some(&identity.service),
            None if self.wrapped => Some("tcpwrapped"),
            None => None,
        }
    }
}
