//! A TLS connection as bytes in and bytes out; whoever holds the socket drives it. It
//! believes every certificate: a scan wants to see them, [`judge`](super::judge) judges
//! them. When the handshake is over, a service behind TLS is spoken to through it.
//!
//! rustls speaks TLS 1.2 and 1.3 with the ciphers of today. What is older is met by
//! [`old_hello`](super::old_hello); [`Session::older_may_do`] says when to try that.

use std::fmt;
use std::io::{Read, Write};
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, HandshakeType, ProtocolVersion,
    SignatureScheme,
};

use super::cipher;
use super::host::Host;

/// Most bytes that a server may send before the handshake is over.
pub const LONGEST_HANDSHAKE: usize = 256 << 10;
/// Most bytes of the service behind TLS that are kept until they are taken.
pub const LONGEST_WORDS: usize = 64 << 10;

/// What a server has shown so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// `TLSv1.3` and so on.
    pub version: Option<&'static str>,
    /// The cipher suite by its registered name.
    pub cipher: Option<String>,
    /// The protocol agreed on.
    pub alpn: Option<String>,
    /// The certificates as sent.
    pub chain: Vec<Vec<u8>>,
}

/// Where a connection stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Bytes are awaited or to be sent.
    Handshaking,
    /// All is agreed: words of the service may go both ways.
    Established,
    /// No more will come of it: all that it was asked for is known, or the server has
    /// ended it in good order.
    Done,
    /// It came to nothing, or broke off.
    Failed(Failure),
}

/// Why a handshake came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The server refused, in these words of the standard.
    Alert(String),
    /// What came is no TLS.
    NotTls,
    /// The server has hung up.
    HungUp,
    /// More bytes came than a handshake has.
    TooLong,
    /// The server speaks TLS, and nothing that this side does; or breaks its rules.
    Disagreed(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alert(words) => write!(f, "the server refuses: {words}"),
            Self::NotTls => f.write_str("it does not speak TLS"),
            Self::HungUp => f.write_str("the server hung up"),
            Self::TooLong => f.write_str("its handshake has no end"),
            Self::Disagreed(why) => f.write_str(why),
        }
    }
}

/// A connection.
#[derive(Debug)]
pub struct Session {
    connection: ClientConnection,
    state: State,
    taken: usize,
    words: Vec<u8>,
}

impl Session {
    /// A connection to `address`, which was reached by the name `host`. `protocols` are
    /// offered (ALPN), the best first.
    #[must_use]
    pub fn new(host: Option<&Host>, address: IpAddr, protocols: &[&str]) -> Self {
        // An address is not sent as a server's name (RFC 6066, 3).
        let named = match host {
            Some(Host::Dns(name)) => ServerName::try_from(name.clone()).ok(),
            _ => None,
        };
        let name = named.unwrap_or_else(|| ServerName::IpAddress(address.into()));
        let config = if protocols.is_empty() {
            Arc::clone(&CONFIG)
        } else {
            let mut config = ClientConfig::clone(&CONFIG);
            config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
            Arc::new(config)
        };
        let connection = ClientConnection::new(config, name)
            .expect("a configuration of constants and a name that was read can be used");
        Self { connection, state: State::Handshaking, taken: 0, words: Vec::new() }
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Appends what is to be sent to the server.
    pub fn to_send(&mut self, out: &mut Vec<u8>) {
        while self.connection.wants_write() {
            if self.connection.write_tls(out).is_err() {
                break;
            }
        }
    }

    /// Takes what the server sent.
    pub fn receive(&mut self, mut bytes: &[u8]) -> &State {
        if !matches!(self.state, State::Handshaking | State::Established) {
            return &self.state;
        }
        // A record begins with its kind, a handshake or an alert, and the major version.
        let begins = matches!(bytes, [] | [0x15 | 0x16] | [0x15 | 0x16, 3, ..]);
        if self.taken == 0 && !begins {
            self.state = State::Failed(Failure::NotTls);
            return &self.state;
        }
        self.taken = self.taken.saturating_add(bytes.len());
        if self.state == State::Handshaking && self.taken > LONGEST_HANDSHAKE {
            self.state = State::Failed(Failure::TooLong);
            return &self.state;
        }
        while !bytes.is_empty() {
            if !matches!(self.connection.read_tls(&mut bytes), Ok(1..)) {
                self.state = State::Failed(Failure::TooLong);
                break;
            }
            match self.connection.process_new_packets() {
                Ok(progress) => {
                    self.take_words();
                    if !self.connection.is_handshaking() {
                        self.state = State::Established;
                    }
                    if progress.peer_has_closed() {
                        self.state = self.ended();
                        break;
                    }
                }
                Err(error) => {
                    self.state = State::Failed(failure(error));
                    break;
                }
            }
        }
        &self.state
    }

    /// The server has hung up.
    pub fn hung_up(&mut self) -> &State {
        if matches!(self.state, State::Handshaking | State::Established) {
            self.state = self.ended();
        }
        &self.state
    }

    fn ended(&self) -> State {
        match self.connection.is_handshaking() {
            true => State::Failed(Failure::HungUp),
            false => State::Done,
        }
    }

    /// Says `words` to the service behind TLS; false before all is agreed.
    pub fn say(&mut self, words: &[u8]) -> bool {
        self.state == State::Established && self.connection.writer().write_all(words).is_ok()
    }

    /// Takes what the service has said.
    pub fn heard(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.words)
    }

    /// What beyond the bound is not taken is read all the same, and lost: it is an endless
    /// banner, and rustls must not keep it.
    fn take_words(&mut self) {
        let mut block = [0; 4096];
        while let Ok(length @ 1..) = self.connection.reader().read(&mut block) {
            let room = LONGEST_WORDS.saturating_sub(self.words.len());
            self.words.extend_from_slice(&block[..length.min(room)]);
        }
    }

    /// What the server has shown so far.
    #[must_use]
    pub fn shown(&self) -> Shown {
        let chain = self.connection.peer_certificates().unwrap_or_default();
        let suite = self.connection.negotiated_cipher_suite();
        Shown {
            version: self.connection.protocol_version().and_then(version),
            cipher: suite.map(|suite| cipher::name(suite.suite().into())),
            alpn: self.connection.alpn_protocol().map(|name| String::from_utf8_lossy(name).into()),
            chain: chain.iter().map(|der| der.to_vec()).collect(),
        }
    }

    /// Whether it failed in a way that an older version or cipher may avoid.
    #[must_use]
    pub fn older_may_do(&self) -> bool {
        let shown = self.connection.peer_certificates().is_some();
        match &self.state {
            State::Failed(Failure::NotTls | Failure::TooLong) => false,
            State::Failed(_) => !shown,
            _ => false,
        }
    }
}

fn version(version: ProtocolVersion) -> Option<&'static str> {
    match version {
        ProtocolVersion::TLSv1_3 => Some("TLSv1.3"),
        ProtocolVersion::TLSv1_2 => Some("TLSv1.2"),
        _ => None,
    }
}

fn failure(error: Error) -> Failure {
    match error {
        // It sends back what it is sent.
        Error::InappropriateHandshakeMessage { got_type: HandshakeType::ClientHello, .. } => {
            Failure::NotTls
        }
        Error::AlertReceived(alert) => Failure::Alert(cipher::words(&format!("{alert:?}"))),
        error => Failure::Disagreed(error.to_string()),
    }
}

static CONFIG: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(rustls::ALL_VERSIONS)
        .expect("ring has ciphers for both versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Onlooker))
        .with_no_client_auth();
    // Every host is met once.
    config.resumption = rustls::client::Resumption::disabled();
    Arc::new(config)
});

/// Believes everything: nothing that a scan says is secret, and what it hears is data.
#[derive(Debug)]
struct Onlooker;

impl ServerCertVerifier for Onlooker {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::ECDSA_NISTP384_SHA384,
            SignatureScheme::ECDSA_NISTP521_SHA512,
            SignatureScheme::ED25519,
            SignatureScheme::ED448,
            SignatureScheme::RSA_PSS_SHA256,
            SignatureScheme::RSA_PSS_SHA384,
            SignatureScheme::RSA_PSS_SHA512,
            SignatureScheme::RSA_PKCS1_SHA256,
            SignatureScheme::RSA_PKCS1_SHA384,
            SignatureScheme::RSA_PKCS1_SHA512,
            SignatureScheme::RSA_PKCS1_SHA1,
            SignatureScheme::ECDSA_SHA1_Legacy,
        ]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn session() -> Session {
        let host = Host::parse("a.example").unwrap();
        Session::new(Some(&host), [192, 0, 2, 1].into(), &["h2"])
    }

    #[test]
    fn the_name_is_sent_and_an_address_is_not() {
        let has_name = |host: Option<&Host>| {
            let mut out = Vec::new();
            Session::new(host, [192, 0, 2, 1].into(), &[]).to_send(&mut out);
            assert!(out.starts_with(&[0x16, 3]));
            out.windows(9).any(|part| part == b"a.example")
        };
        assert!(has_name(Some(&Host::parse("a.example").unwrap())));
        assert!(!has_name(None));
    }

    #[test]
    fn an_older_client_is_tried_where_the_server_refuses_and_not_where_it_is_none() {
        let after = |bytes: &[u8]| {
            let mut session = session();
            session.receive(bytes);
            session.hung_up();
            session
        };
        let refused = after(&[0x15, 3, 1, 0, 2, 2, 70]);
        assert_eq!(refused.state(), &State::Failed(Failure::Alert("protocol version".into())));
        assert!(refused.older_may_do());
        assert!(after(b"").older_may_do());
        assert!(!after(b"HTTP/1.0 400 Bad Request").older_may_do());
        assert_eq!(after(b"\x16\x04").state(), &State::Failed(Failure::NotTls));
        assert!(!session().say(b"too early"));
    }

    proptest! {
        #[test]
        fn any_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..300), tls: bool) {
            let mut session = session();
            if tls {
                let length = (bytes.len() as u16).to_be_bytes();
                session.receive(&[&[0x16, 3, 3], &length[..]].concat());
            }
            session.receive(&bytes);
            session.hung_up();
            prop_assert!(matches!(session.state(), State::Failed(_)));
            prop_assert!(session.shown().chain.is_empty());
        }
    }
}
