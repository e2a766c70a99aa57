//! What can be wrong with a chain of certificates, in the order in which it is told: the
//! first fault is the status.

use schemars::JsonSchema;
use serde::Serialize;

/// A fault. The order of the variants is the order of telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The time of a certificate is over.
    Expired,
    /// The time of a certificate has not begun.
    NotYetValid,
    /// The server's certificate is signed by its own key, and not trusted.
    SelfSigned,
    /// An issuer was not sent, and is not trusted: the certificate says where it is to be had.
    IncompleteChain,
    /// The chain ends with an issuer who is not trusted.
    UnknownIssuer,
    /// The certificate is not for the name that was asked for.
    NameMismatch,
    /// A signature was not made by the issuer's key.
    BadSignature,
    /// A key is too short: RSA and DSA below 2048 bits, curves below 224.
    WeakKey,
    /// A signature is made of a broken hash: MD5, SHA-1.
    WeakSignature,
    /// An issuer is no certificate authority.
    NotACa,
    /// More certificate authorities follow one than it allows.
    PathLength,
    /// A key is used for what it is not meant for.
    KeyUsage,
    /// A certificate is not for TLS servers.
    ExtendedKeyUsage,
    /// A certificate authority may not vouch for a name.
    NameConstraints,
    /// A certificate demands what is not understood here.
    UnknownCriticalExtension,
    /// A signature's algorithm is not known here.
    UnsupportedSignature,
    /// A certificate contradicts the standard, or is none.
    Malformed,
    /// The server sent no certificate.
    NoCertificate,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::Expired,
        Self::NotYetValid,
        Self::SelfSigned,
        Self::IncompleteChain,
        Self::UnknownIssuer,
        Self::NameMismatch,
        Self::BadSignature,
        Self::WeakKey,
        Self::WeakSignature,
        Self::NotACa,
        Self::PathLength,
        Self::KeyUsage,
        Self::ExtendedKeyUsage,
        Self::NameConstraints,
        Self::UnknownCriticalExtension,
        Self::UnsupportedSignature,
        Self::Malformed,
        Self::NoCertificate,
    ];

    /// Its name in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::SelfSigned => "self_signed",
            Self::IncompleteChain => "incomplete_chain",
            Self::UnknownIssuer => "unknown_issuer",
            Self::NameMismatch => "name_mismatch",
            Self::BadSignature => "bad_signature",
            Self::WeakKey => "weak_key",
            Self::WeakSignature => "weak_signature",
            Self::NotACa => "not_a_ca",
            Self::PathLength => "path_length",
            Self::KeyUsage => "key_usage",
            Self::ExtendedKeyUsage => "extended_key_usage",
            Self::NameConstraints => "name_constraints",
            Self::UnknownCriticalExtension => "unknown_critical_extension",
            Self::UnsupportedSignature => "unsupported_signature",
            Self::Malformed => "malformed",
            Self::NoCertificate => "no_certificate",
        }
    }
}

/// A fault, where it is, and in words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Detail {
    /// Which fault.
    pub fault: Fault,
    /// The certificate, counted from 0 as the server sent them; null for one of the
    /// trusted roots.
    pub certificate: Option<usize>,
    /// What exactly.
    pub text: String,
}

/// What is said of a chain and is no fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// The certificates were not sent in the order in which they sign each other.
    WrongOrder,
    /// A certificate was sent that is no part of the chain.
    UnusedCertificate,
    /// The trusted root was sent, which nobody needs.
    RootSent,
    /// Only the common name is the name that was asked for, which no longer counts.
    OnlyCommonName,
    /// More certificates were sent than are judged.
    TooManyCertificates,
}
