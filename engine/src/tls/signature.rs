//! One signature of a certificate, checked with the key of its issuer: by ring where it
//! can, else by plain arithmetic.

use ring::signature::{self as by_ring, UnparsedPublicKey, VerificationAlgorithm};

use super::algorithm::{Hash, Scheme};
use super::bignum;
use super::certificate::Certificate;
use super::key::{Curve, KeyKind, RsaKey};

/// What came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The issuer's key made it.
    Good,
    /// It did not.
    Bad,
    /// The algorithm is not known here.
    Unsupported,
}

/// Whether the key of `issuer` signed `certificate`.
#[must_use]
pub fn check(certificate: &Certificate<'_>, issuer: &Certificate<'_>) -> Outcome {
    let envelope = &certificate.envelope;
    // Inside and outside of what is signed there must stand the same (RFC 5280, 4.1.1.2).
    if envelope.signature_algorithm != envelope.tbs_certificate.signature {
        return Outcome::Bad;
    }
    let signed = Signed {
        text: envelope.tbs_certificate.as_ref(),
        signature: &envelope.signature_value.data,
        key: &issuer.envelope.tbs_certificate.subject_pki.subject_public_key.data,
    };
    let scheme = certificate.signature.scheme;
    if envelope.signature_value.unused_bits != 0 {
        return Outcome::Bad;
    }
    if let Some(algorithm) = of_ring(scheme, issuer) {
        return signed.by_ring(algorithm);
    }
    let parameters = issuer.envelope.tbs_certificate.subject_pki.algorithm.parameters.as_ref();
    let rsa = || RsaKey::new(signed.key);
    let good = match (scheme, issuer.key.kind) {
        (Scheme::Other, _) | (_, KeyKind::Other | KeyKind::EcOther | KeyKind::Ed448) => None,
        (Scheme::Pkcs1(hash), KeyKind::Rsa) => {
            rsa().and_then(|key| bignum::rsa_pkcs1(key, hash, signed.text, signed.signature))
        }
        (Scheme::Pss { hash, salt }, KeyKind::Rsa) => {
            rsa().and_then(|key| bignum::rsa_pss(key, hash, salt, signed.text, signed.signature))
        }
        (Scheme::Ecdsa(hash), KeyKind::Ec(curve)) => {
            bignum::ecdsa(curve, signed.key, hash, signed.text, signed.signature)
        }
        (Scheme::Dsa(hash), KeyKind::Dsa) => parameters
            .and_then(|any| bignum::dsa(any.data, signed.key, hash, signed.text, signed.signature)),
        // A key of another kind cannot have made it.
        _ => Some(false),
    };
    match good {
        Some(true) => Outcome::Good,
        Some(false) => Outcome::Bad,
        None => Outcome::Unsupported,
    }
}

/// What is checked.
struct Signed<'a> {
    text: &'a [u8],
    signature: &'a [u8],
    key: &'a [u8],
}

impl Signed<'_> {
    fn by_ring(&self, algorithm: &'static dyn VerificationAlgorithm) -> Outcome {
        match UnparsedPublicKey::new(algorithm, self.key).verify(self.text, self.signature) {
            Ok(()) => Outcome::Good,
            Err(ring::error::Unspecified) => Outcome::Bad,
        }
    }
}

fn of_ring(scheme: Scheme, issuer: &Certificate<'_>) -> Option<&'static dyn VerificationAlgorithm> {
    let rsa = |fewest: u32| {
        let bits = issuer.key.bits;
        // Whole bytes: ring refuses other sizes, which are odd but no forgeries.
        issuer.key.kind == KeyKind::Rsa && (fewest..=8192).contains(&bits) && bits.is_multiple_of(8)
    };
    let ordinary = || {
        let key = &issuer.envelope.tbs_certificate.subject_pki.subject_public_key.data;
        RsaKey::new(key).is_some_and(|key| matches!(key.exponent, [1, 0, 1]))
    };
    Some(match (scheme, issuer.key.kind) {
        (Scheme::Pkcs1(Hash::Sha1), _) if rsa(1024) && ordinary() => {
            &by_ring::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY
        }
        (Scheme::Pkcs1(Hash::Sha256), _) if rsa(1024) && ordinary() => {
            &by_ring::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY
        }
        (Scheme::Pkcs1(Hash::Sha384), _) if rsa(2048) && ordinary() => {
            &by_ring::RSA_PKCS1_2048_8192_SHA384
        }
        (Scheme::Pkcs1(Hash::Sha512), _) if rsa(1024) && ordinary() => {
            &by_ring::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY
        }
        (Scheme::Pss { hash: Hash::Sha256, salt: 32 }, _) if rsa(2048) && ordinary() => {
            &by_ring::RSA_PSS_2048_8192_SHA256
        }
        (Scheme::Pss { hash: Hash::Sha384, salt: 48 }, _) if rsa(2048) && ordinary() => {
            &by_ring::RSA_PSS_2048_8192_SHA384
        }
        (Scheme::Pss { hash: Hash::Sha512, salt: 64 }, _) if rsa(2048) && ordinary() => {
            &by_ring::RSA_PSS_2048_8192_SHA512
        }
        (Scheme::Ecdsa(Hash::Sha256), KeyKind::Ec(Curve::P256)) => &by_ring::ECDSA_P256_SHA256_ASN1,
        (Scheme::Ecdsa(Hash::Sha384), KeyKind::Ec(Curve::P256)) => &by_ring::ECDSA_P256_SHA384_ASN1,
        (Scheme::Ecdsa(Hash::Sha256), KeyKind::Ec(Curve::P384)) => &by_ring::ECDSA_P384_SHA256_ASN1,
        (Scheme::Ecdsa(Hash::Sha384), KeyKind::Ec(Curve::P384)) => &by_ring::ECDSA_P384_SHA384_ASN1,
        (Scheme::Ed25519, KeyKind::Ed25519) => &by_ring::ED25519,
        _ => return None,
    })
}
