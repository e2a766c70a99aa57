//! TLS by rustls, for asking inside it: every certificate is accepted, since what is wrong
//! with it is a result and not a reason to hang up. TLS 1.2 and 1.3.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, ClientConnection, Resumption};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};

use super::tunnel::{Session, Stage, Tunnel, Tunnels};
use crate::error::{Error, Kind, Result};
use crate::plan::Target;

/// Plain bytes that wait to be taken; an answer is no longer.
const PLAIN_BYTES: usize = super::limits::ANSWER_BYTES;

/// Makes TLS connections to servers, by the names that people gave them.
pub struct Handshakes {
    config: Arc<ClientConfig>,
    names: HashMap<IpAddr, Vec<String>>,
}

impl Handshakes {
    /// With names of addresses, which servers are told (SNI).
    ///
    /// # Errors
    /// When the cryptography at hand has no protocol version in common with rustls.
    pub fn new(names: HashMap<IpAddr, Vec<String>>) -> Result<Self> {
        let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::new(Kind::Failed, "set TLS up").cause(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone))
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        Ok(Self { config: Arc::new(config), names })
    }
}

impl Tunnels for Handshakes {
    fn tunnel(&mut self, target: Target) -> Box<dyn Tunnel> {
        let given = self.names.get(&target.addr).and_then(|names| names.first());
        let named = given.and_then(|name| ServerName::try_from(name.clone()).ok());
        let server_name = given.filter(|_| named.is_some()).cloned();
        let name = named.unwrap_or_else(|| ServerName::IpAddress(target.addr.into()));
        let connection = ClientConnection::new(Arc::clone(&self.config), name).ok();
        let stage = if connection.is_some() { Stage::Handshaking } else { Stage::Foreign };
        Box::new(Conversation { connection, stage, plain: Vec::new(), server_name, begun: false })
    }
}

struct Conversation {
    connection: Option<ClientConnection>,
    stage: Stage,
    plain: Vec<u8>,
    server_name: Option<String>,
    /// Something has come.
    begun: bool,
}

impl Tunnel for Conversation {
    fn take(&mut self, mut bytes: &[u8]) {
        let Some(connection) = &mut self.connection else { return };
        if !std::mem::replace(&mut self.begun, true)
            && !matches!(bytes, [0x14..=0x17] | [0x14..=0x17, 3, ..])
        {
            self.stage = Stage::Foreign;
            return;
        }
        while !bytes.is_empty() {
            let taken = connection.read_tls(&mut bytes).unwrap_or(0);
            let Ok(state) = connection.process_new_packets() else {
                self.stage = Stage::Refused;
                return;
            };
            let mut chunk = vec![0; state.plaintext_bytes_to_read()];
            if !chunk.is_empty() {
                let read = connection.reader().read(&mut chunk).unwrap_or(0);
                let room = PLAIN_BYTES.saturating_sub(self.plain.len());
                self.plain.extend_from_slice(&chunk[..read.min(room)]);
            }
            if taken == 0 {
                break;
            }
        }
        if !connection.is_handshaking() {
            self.stage = Stage::Open;
        }
    }

    fn outgoing(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if let Some(connection) = &mut self.connection {
            while connection.wants_write()
                && connection.write_tls(&mut bytes).is_ok_and(|count| count > 0)
            {}
        }
        bytes
    }

    fn say(&mut self, bytes: &[u8]) {
        if let Some(connection) = &mut self.connection {
            // Questions are short: rustls takes 64 KiB before it says no.
            let _ = connection.writer().write_all(bytes);
        }
    }

    fn heard(&mut self, answer: &mut Vec<u8>) {
        answer.append(&mut self.plain);
    }

    fn stage(&self) -> Stage {
        self.stage
    }

    fn session(&self) -> Option<Session> {
        let connection = self.connection.as_ref()?;
        let chain = connection.peer_certificates()?;
        let version = connection.protocol_version().and_then(|version| version.as_str());
        let suite = connection.negotiated_cipher_suite();
        Some(Session {
            // `TLSv1_3` there, `TLSv1.3` everywhere else.
            version: version.map(|version| version.replace('_', ".")),
            cipher: suite.and_then(|suite| {
                suite.suite().as_str().map(|name| name.replace("TLS13_", "TLS_"))
            }),
            chain: chain.iter().map(|certificate| certificate.to_vec()).collect(),
            server_name: self.server_name.clone(),
        })
    }
}

/// Takes everybody's word.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        use SignatureScheme as S;
        vec![
            S::ECDSA_NISTP256_SHA256,
            S::ECDSA_NISTP384_SHA384,
            S::ECDSA_NISTP521_SHA512,
            S::ED25519,
            S::ED448,
            S::RSA_PSS_SHA256,
            S::RSA_PSS_SHA384,
            S::RSA_PSS_SHA512,
            S::RSA_PKCS1_SHA256,
            S::RSA_PKCS1_SHA384,
            S::RSA_PKCS1_SHA512,
            S::ECDSA_SHA1_Legacy,
            S::RSA_PKCS1_SHA1,
        ]
    }
}
