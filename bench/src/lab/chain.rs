//! Chains of certificates made at run time, sound ones to begin with: whoever wants a
//! fault changes the recipe of one certificate, or the chain when it is made.

use std::time::SystemTime;

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    SignatureAlgorithm,
};
use time::{Duration, OffsetDateTime};

/// How a chain is made. Everything in it may be changed before it is.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// The root; it signs itself.
    pub root: CertificateParams,
    /// Those between, the one that the root signs first.
    pub intermediates: Vec<CertificateParams>,
    /// The server's certificate.
    pub server: CertificateParams,
    /// The kind of all keys.
    pub keys: &'static SignatureAlgorithm,
}

/// A chain.
#[derive(Debug)]
pub struct Chain {
    /// The root in DER.
    pub root: Vec<u8>,
    /// What a server sends, its own certificate first, the root not among them.
    pub sent: Vec<Vec<u8>>,
    /// The server's key.
    pub key: KeyPair,
    /// The key of whoever signed the server's certificate, and its name.
    pub issuer: Issuer<'static, KeyPair>,
}

impl Recipe {
    /// A sound chain for `host` with `intermediates` certificates between; `owner` is in
    /// the names of all authorities.
    ///
    /// # Errors
    /// When `host` is no name.
    pub fn sound(owner: &str, host: &str, intermediates: usize) -> Result<Self> {
        let between = (1..=intermediates).map(|number| authority(&format!("{owner} CA {number}")));
        let mut server = CertificateParams::new([host.to_owned()]).context("a host's name")?;
        server.distinguished_name = named(host);
        server.is_ca = IsCa::ExplicitNoCa;
        server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        server.custom_extensions = vec![issuers_place()];
        valid_for(&mut server, 30);
        Ok(Self {
            root: authority(&format!("{owner} Root")),
            intermediates: between.collect(),
            server,
            keys: &PKCS_ECDSA_P256_SHA256,
        })
    }

    /// Makes it, with fresh keys.
    ///
    /// # Errors
    /// When a part of the recipe cannot be written.
    pub fn make(&self) -> Result<Chain> {
        let key = || KeyPair::generate_for(self.keys).context("a key");
        let root_key = key()?;
        let root = self.root.self_signed(&root_key).context("a root")?.der().to_vec();
        let mut issuer = Issuer::new(self.root.clone(), root_key);
        let mut sent = Vec::new();
        for params in &self.intermediates {
            let key = key()?;
            sent.insert(0, params.signed_by(&key, &issuer).context("a CA")?.der().to_vec());
            issuer = Issuer::new(params.clone(), key);
        }
        let key = key()?;
        sent.insert(0, self.server.signed_by(&key, &issuer).context("a server's")?.der().to_vec());
        Ok(Chain { root, sent, key, issuer })
    }
}

/// The recipe of a certificate authority.
#[must_use]
pub fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    valid_for(&mut params, 3650);
    params
}

/// A name with one common name.
#[must_use]
pub fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::OrganizationName, "prtip lab");
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// From an hour ago on.
fn valid_for(params: &mut CertificateParams, days: i64) {
    params.not_before = now() - Duration::hours(1);
    params.not_after = now() + Duration::days(days);
    params.use_authority_key_identifier_extension = true;
}

/// Now, to the second, as certificates have it.
#[must_use]
pub fn now() -> OffsetDateTime {
    let now = OffsetDateTime::from(SystemTime::now());
    now.replace_nanosecond(0).unwrap_or(now)
}

/// authorityInfoAccess: where the issuer's certificate is to be had, as all public
/// certificates have it.
fn issuers_place() -> CustomExtension {
    let uri = b"http://ca.lab/issuer.der";
    let place = [&[0x86, uri.len() as u8], &uri[..]].concat();
    let method = b"\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x02";
    let access = [&[0x30, (method.len() + place.len()) as u8], &method[..], &place].concat();
    let content = [&[0x30, access.len() as u8], &access[..]].concat();
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], content)
}

/// Certificates as PEM, one after the other.
#[must_use]
pub fn pem<D: AsRef<[u8]>>(ders: &[D]) -> String {
    use base64::Engine as _;
    let mut text = String::new();
    for der in ders {
        let encoded = base64::engine::general_purpose::STANDARD.encode(der);
        text += "-----BEGIN CERTIFICATE-----\n";
        for line in encoded.as_bytes().chunks(64) {
            text += std::str::from_utf8(line).unwrap_or_default();
            text.push('\n');
        }
        text += "-----END CERTIFICATE-----\n";
    }
    text
}
