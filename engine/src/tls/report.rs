//! A chain and its verdict as a record.

use std::fmt::Write as _;
use std::net::IpAddr;

use ring::digest::{SHA256, digest};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use x509_parser::extensions::GeneralName;

use super::certificate::{Certificate, Malformed, address};
use super::distinguished;
use super::judge::{Read, Verdict};
use crate::event::tls_record::{CertificateRecord, Tls};

/// What is known of the connection that the chain came by; offline nothing is.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// The server.
    pub at: Option<(IpAddr, u16)>,
    /// The name that it was asked by.
    pub server_name: Option<String>,
    /// `TLSv1.3` and so on.
    pub version: Option<String>,
    /// The cipher suite by its registered name.
    pub cipher: Option<String>,
    /// The protocol agreed on (ALPN).
    pub alpn: Option<String>,
}

/// The record of a chain; `ders` are the certificates as sent.
#[must_use]
pub fn record<D: AsRef<[u8]>>(
    connection: Connection,
    ders: &[D],
    chain: &[Read<'_>],
    verdict: &Verdict,
) -> Tls {
    Tls {
        ip: connection.at.map(|(ip, _)| ip),
        port: connection.at.map(|(_, port)| port),
        server_name: connection.server_name,
        version: connection.version,
        cipher: connection.cipher,
        alpn: connection.alpn,
        chain: ders.iter().zip(chain).map(|(der, read)| certificate(der.as_ref(), read)).collect(),
        chain_status: verdict.status(),
        faults: verdict.faults(),
        details: verdict.details.clone(),
        notes: verdict.notes.clone(),
    }
}

/// The record of one certificate.
#[must_use]
pub fn certificate(der: &[u8], read: &Read<'_>) -> CertificateRecord {
    let sha256 = hexadecimal(digest(&SHA256, der).as_ref());
    match read {
        Ok(certificate) => CertificateRecord { sha256, ..fields(certificate) },
        Err(Malformed(what)) => {
            CertificateRecord { sha256, error: Some((*what).to_owned()), ..Default::default() }
        }
    }
}

/// What is reported of a certificate, but for its hash.
#[must_use]
pub fn fields(certificate: &Certificate<'_>) -> CertificateRecord {
    let (from, to) = certificate.validity();
    let oid = &certificate.envelope.signature_algorithm.algorithm;
    CertificateRecord {
        subject: Some(distinguished::text(certificate.subject())),
        issuer: Some(distinguished::text(certificate.issuer())),
        san: certificate.names.iter().map(alternative_name).collect(),
        not_before: Some(rfc3339(from)),
        not_after: Some(rfc3339(to)),
        key: Some(certificate.key.to_string()),
        key_bits: (certificate.key.bits > 0).then_some(certificate.key.bits),
        signature: Some(certificate.signature.text(oid)),
        serial: Some(hexadecimal(certificate.envelope.tbs_certificate.raw_serial())),
        ca: certificate.is_ca(),
        ct: certificate.logged,
        sha256: String::new(),
        error: certificate.broken.map(str::to_owned),
    }
}

/// A name of subjectAltName: DNS names and addresses as they are, others with their kind.
#[must_use]
pub fn alternative_name(name: &GeneralName<'_>) -> String {
    // What could be taken for another kind is not left bare.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_*".contains(&byte);
    match name {
        GeneralName::DNSName(name) if name.bytes().all(plain) => (*name).to_owned(),
        GeneralName::DNSName(name) => format!("DNS:{name}"),
        GeneralName::IPAddress(bytes) => match address(bytes) {
            Some(address) => address.to_string(),
            None => format!("IP:{}", hexadecimal(bytes)),
        },
        GeneralName::RFC822Name(name) => format!("email:{name}"),
        GeneralName::URI(uri) => format!("URI:{uri}"),
        GeneralName::DirectoryName(name) => format!("dirname:{}", distinguished::text(name)),
        GeneralName::RegisteredID(oid) => format!("RID:{}", oid.to_id_string()),
        GeneralName::OtherName(oid, _) => format!("othername:{}", oid.to_id_string()),
        GeneralName::X400Address(_) => "X400".to_owned(),
        GeneralName::EDIPartyName(_) => "EDI".to_owned(),
        GeneralName::Invalid(tag, bytes) => format!("invalid:{}:{}", tag.0, hexadecimal(bytes)),
    }
}

/// Seconds since 1970 as `2026-11-26T02:30:00Z`.
#[must_use]
pub fn rfc3339(seconds: i64) -> String {
    OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_else(|| format!("@{seconds}"))
}

/// Seconds since 1970 of a time written as RFC 3339 has it; from 1970 on.
///
/// # Errors
/// How it should look.
pub fn parse_rfc3339(text: &str) -> Result<i64, String> {
    match OffsetDateTime::parse(text, &Rfc3339) {
        Ok(time) if time.unix_timestamp() >= 0 => Ok(time.unix_timestamp()),
        _ => Err("a time looks like 2026-11-26T02:30:00Z and is not before 1970".into()),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
