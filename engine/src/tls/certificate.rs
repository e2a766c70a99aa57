//! One certificate (RFC 5280), read from bytes that somebody else chose.
//!
//! x509-parser reads the envelope; of the extensions only those are opened that a scan
//! reports or a verdict needs, because opening all of them is a third of its time. What
//! is broken in an extension does not hide the rest: [`Certificate::broken`] tells it.

use std::net::IpAddr;

use x509_parser::certificate::{X509Certificate, X509CertificateParser};
use x509_parser::extensions::{
    AuthorityInfoAccess, AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, GeneralName,
    KeyIdentifier, KeyUsage, NameConstraints, SubjectAlternativeName, X509Extension,
};
use x509_parser::nom::{Err as Outcome, Parser};
use x509_parser::oid_registry::Oid;
use x509_parser::prelude::{FromDer, X509Error};
use x509_parser::x509::{X509Name, X509Version};

use super::algorithm::SignatureAlgorithm;
use super::key::{Key, KeyKind};

/// The longest certificate that is read.
pub const LONGEST: usize = 1 << 17;

/// A certificate.
#[derive(Clone, Debug)]
pub struct Certificate<'a> {
    /// All of it.
    pub der: &'a [u8],
    /// What x509-parser read; its extensions are not parsed.
    pub envelope: X509Certificate<'a>,
    /// Kind and size of its key.
    pub key: Key,
    /// How it was signed.
    pub signature: SignatureAlgorithm,
    /// Whether its key may sign certificates, and how many may follow.
    pub basic_constraints: Option<BasicConstraints>,
    /// What its key may do.
    pub key_usage: Option<KeyUsage>,
    /// What the certificate is for.
    pub extended_key_usage: Option<ExtendedKeyUsage<'a>>,
    /// Whom it is for: subjectAltName.
    pub names: Vec<GeneralName<'a>>,
    /// Whom those below it may be for.
    pub name_constraints: Option<NameConstraints<'a>>,
    /// Identifier of the key that signed it.
    pub authority_key: Option<&'a [u8]>,
    /// Identifier of its own key.
    pub subject_key: Option<&'a [u8]>,
    /// It says where its issuer's certificate is to be had.
    pub names_its_issuers_place: bool,
    /// It carries proof of being in public logs (Certificate Transparency).
    pub logged: bool,
    /// A critical extension that is not known here.
    pub unknown_critical: Option<Oid<'a>>,
    /// What in it contradicts the standard.
    pub broken: Option<&'static str>,
}

/// Why bytes are no certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl<'a> Certificate<'a> {
    /// Reads a certificate.
    ///
    /// # Errors
    /// When its envelope is no X.509.
    pub fn new(der: &'a [u8]) -> Result<Self, Malformed> {
        if der.len() > LONGEST {
            return Err(Malformed("longer than 128 KiB"));
        }
        let mut parser = X509CertificateParser::new().with_deep_parse_extensions(false);
        let (rest, envelope) = parser.parse(der).map_err(|error| Malformed(what(&error)))?;
        let key = Key::new(&envelope.tbs_certificate.subject_pki);
        let mut broken = None;
        if key.is_none() {
            broken = Some("its public key is none of its kind");
        } else if !rest.is_empty() {
            broken = Some("bytes follow it");
        }
        let signature = SignatureAlgorithm::new(&envelope.signature_algorithm);
        let mut certificate = Self {
            der: &der[..der.len() - rest.len()],
            key: key.unwrap_or(Key { kind: KeyKind::Other, bits: 0 }),
            signature,
            basic_constraints: None,
            key_usage: None,
            extended_key_usage: None,
            names: Vec::new(),
            name_constraints: None,
            authority_key: None,
            subject_key: None,
            names_its_issuers_place: false,
            logged: false,
            unknown_critical: None,
            broken,
            envelope,
        };
        certificate.open_extensions();
        Ok(certificate)
    }

    fn open_extensions(&mut self) {
        let extensions: Vec<X509Extension<'a>> =
            self.envelope.tbs_certificate.extensions().to_vec();
        let mut seen = 0_u32;
        for extension in &extensions {
            let Some(kind) = kind(extension.oid.as_bytes()) else {
                if extension.critical && self.unknown_critical.is_none() {
                    self.unknown_critical = Some(extension.oid.clone());
                }
                continue;
            };
            if seen & kind as u32 != 0 {
                self.broken = Some("it has an extension twice");
                continue;
            }
            seen |= kind as u32;
            if self.open(kind, extension.value).is_none() {
                self.broken = Some(kind.broken());
            }
        }
    }

    fn open(&mut self, kind: Extension, value: &'a [u8]) -> Option<()> {
        match kind {
            Extension::BasicConstraints => self.basic_constraints = Some(whole(value)?),
            Extension::KeyUsage => self.key_usage = Some(whole(value)?),
            Extension::ExtendedKeyUsage => self.extended_key_usage = Some(whole(value)?),
            Extension::Names => {
                self.names = whole::<SubjectAlternativeName<'_>>(value)?.general_names;
            }
            Extension::NameConstraints => self.name_constraints = Some(whole(value)?),
            Extension::SubjectKey => {
                self.subject_key = Some(whole::<KeyIdentifier<'_>>(value)?.0);
            }
            Extension::AuthorityKey => {
                let authority = whole::<AuthorityKeyIdentifier<'_>>(value)?;
                self.authority_key = authority.key_identifier.map(|identifier| identifier.0);
            }
            Extension::AuthorityInfo => {
                let access = whole::<AuthorityInfoAccess<'_>>(value)?;
                // id-ad-caIssuers
                self.names_its_issuers_place = access.iter().any(|place| {
                    place.access_method.as_bytes() == b"\x2b\x06\x01\x05\x05\x07\x30\x02"
                });
            }
            Extension::Logged => self.logged = true,
            Extension::Known => {}
        }
        Some(())
    }

    /// Whom it names.
    #[must_use]
    pub fn subject(&self) -> &X509Name<'a> {
        &self.envelope.tbs_certificate.subject
    }

    /// Who signed it, by its own words.
    #[must_use]
    pub fn issuer(&self) -> &X509Name<'a> {
        &self.envelope.tbs_certificate.issuer
    }

    /// Seconds since 1970 from which, and to which (both included), it holds.
    #[must_use]
    pub fn validity(&self) -> (i64, i64) {
        let validity = &self.envelope.tbs_certificate.validity;
        (validity.not_before.timestamp(), validity.not_after.timestamp())
    }

    /// Subject and issuer are one.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.subject().as_raw() == self.issuer().as_raw()
    }

    /// Whether it may sign certificates (RFC 5280, 4.2.1.9).
    #[must_use]
    pub fn is_ca(&self) -> bool {
        self.basic_constraints.as_ref().is_some_and(|constraints| constraints.ca)
    }

    /// Of the first version of X.509, which had no extensions.
    #[must_use]
    pub fn is_version_1(&self) -> bool {
        self.envelope.tbs_certificate.version == X509Version::V1
    }

    /// The DNS names that it is for.
    pub fn dns_names(&self) -> impl Iterator<Item = &'a str> {
        self.names.iter().filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(*name),
            _ => None,
        })
    }

    /// The addresses that it is for.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.names.iter().filter_map(|name| match name {
            GeneralName::IPAddress(bytes) => address(bytes),
            _ => None,
        })
    }
}

/// An address of 4 or 16 bytes.
#[must_use]
pub fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    }
}

/// Extensions that are known; each is one bit, to see that none comes twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
enum Extension {
    BasicConstraints = 1,
    KeyUsage = 2,
    ExtendedKeyUsage = 4,
    Names = 8,
    NameConstraints = 16,
    SubjectKey = 32,
    AuthorityKey = 64,
    AuthorityInfo = 128,
    Logged = 256,
    /// Policies and revocation: understood, and of no weight in a scan's verdict.
    Known = 0,
}

impl Extension {
    fn broken(self) -> &'static str {
        match self {
            Self::BasicConstraints => "basicConstraints cannot be read",
            Self::KeyUsage => "keyUsage cannot be read",
            Self::ExtendedKeyUsage => "extKeyUsage cannot be read",
            Self::Names => "subjectAltName cannot be read",
            Self::NameConstraints => "nameConstraints cannot be read",
            Self::SubjectKey => "subjectKeyIdentifier cannot be read",
            Self::AuthorityKey => "authorityKeyIdentifier cannot be read",
            Self::AuthorityInfo => "authorityInfoAccess cannot be read",
            Self::Logged | Self::Known => "an extension cannot be read",
        }
    }
}

fn kind(oid: &[u8]) -> Option<Extension> {
    Some(match oid {
        [0x55, 0x1d, last] => match last {
            14 => Extension::SubjectKey,
            15 => Extension::KeyUsage,
            17 => Extension::Names,
            19 => Extension::BasicConstraints,
            30 => Extension::NameConstraints,
            35 => Extension::AuthorityKey,
            37 => Extension::ExtendedKeyUsage,
            // CRLs, policies and their mapping and limits.
            31 | 32 | 33 | 36 | 54 => Extension::Known,
            _ => return None,
        },
        b"\x2b\x06\x01\x05\x05\x07\x01\x01" => Extension::AuthorityInfo,
        b"\x2b\x06\x01\x04\x01\xd6\x79\x02\x04\x02" => Extension::Logged,
        // Netscape's certificate type.
        b"\x60\x86\x48\x01\x86\xf8\x42\x01\x01" => Extension::Known,
        _ => return None,
    })
}

/// `value` as a `T` and nothing behind it.
fn whole<'a, T: FromDer<'a, X509Error>>(value: &'a [u8]) -> Option<T> {
    match T::from_der(value) {
        Ok(([], read)) => Some(read),
        _ => None,
    }
}

fn what(error: &Outcome<X509Error>) -> &'static str {
    let error = match error {
        Outcome::Error(error) | Outcome::Failure(error) => error,
        Outcome::Incomplete(_) => return "it is cut short",
    };
    match error {
        X509Error::InvalidVersion => "its version is none of X.509's",
        X509Error::InvalidSerial => "its serial number cannot be read",
        X509Error::InvalidAlgorithmIdentifier => "an algorithm cannot be read",
        X509Error::InvalidX509Name | X509Error::InvalidAttributes => "a name cannot be read",
        X509Error::InvalidDate => "a date cannot be read",
        X509Error::InvalidSPKI => "its public key cannot be read",
        X509Error::InvalidExtensions | X509Error::DuplicateExtensions => {
            "its extensions cannot be read"
        }
        X509Error::InvalidSignatureValue => "its signature cannot be read",
        _ => "it is no X.509 certificate",
    }
}
