//! The `tls` record: a server's certificates and whether one should believe them.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Serialize;

use super::record::Record;
use super::schema::ChainStatus;
use crate::tls::fault::{Detail, Fault, Note};

/// What a TLS server showed.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Tls {
    /// The server; null where a chain was read from a file.
    pub ip: Option<IpAddr>,
    /// Its port.
    pub port: Option<u16>,
    /// The name that it was asked by and that the certificate must be for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// `TLSv1.3`, `TLSv1.2`, `TLSv1.1`, `TLSv1.0` or `SSLv3`; null where not known.
    pub version: Option<String>,
    /// The cipher suite by the name that it is registered by; null where not known.
    pub cipher: Option<String>,
    /// The protocol that was agreed on (ALPN).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpn: Option<String>,
    /// The certificates as they were sent, the server's own first.
    pub chain: Vec<CertificateRecord>,
    /// `valid`, or the first fault.
    #[schemars(with = "ChainStatus")]
    pub chain_status: &'static str,
    /// Each fault once, in the order of telling.
    pub faults: Vec<Fault>,
    /// Where and what each fault is.
    pub details: Vec<Detail>,
    /// What is no fault and yet worth knowing.
    pub notes: Vec<Note>,
}

impl Record for Tls {
    const TYPE: &'static str = "tls";
}

/// A certificate. Fields that cannot be read are null.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CertificateRecord {
    /// Whom it names.
    pub subject: Option<String>,
    /// Who signed it.
    pub issuer: Option<String>,
    /// Whom it is for: DNS names and addresses as they are, other kinds with a prefix
    /// (`email:`, `URI:`, …).
    pub san: Vec<String>,
    /// First second of its time (RFC 3339).
    pub not_before: Option<String>,
    /// Last second of its time.
    pub not_after: Option<String>,
    /// Its key: `RSA 2048`, `EC P-256`, `Ed25519`, …
    pub key: Option<String>,
    /// Bits of the key; null where not known.
    pub key_bits: Option<u32>,
    /// The algorithm of its signature, by OpenSSL's name.
    pub signature: Option<String>,
    /// Serial number, in hexadecimal digits.
    pub serial: Option<String>,
    /// Whether it may sign certificates.
    pub ca: bool,
    /// It carries proof of being in public logs (Certificate Transparency).
    pub ct: bool,
    /// SHA-256 of all of it, in hexadecimal digits.
    pub sha256: String,
    /// What cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
