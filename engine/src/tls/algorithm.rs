//! Signature algorithms of certificates: by object identifier, with OpenSSL's names.

use std::fmt;

use x509_parser::oid_registry::Oid;
use x509_parser::signature_algorithm::RsaSsaPssParams;
use x509_parser::x509::AlgorithmIdentifier;

/// A hash function that signatures are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// MD2 or MD4: long broken, and not computed here.
    Md2OrMd4,
    /// MD5.
    Md5,
    /// SHA-1.
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Hash {
    /// Whether others than the holder of the key can make two texts with one hash.
    #[must_use]
    pub fn is_broken(self) -> bool {
        matches!(self, Self::Md2OrMd4 | Self::Md5 | Self::Sha1)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Md2OrMd4 => "md2",
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }
}

/// How a signature is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// RSA, PKCS #1 v1.5.
    Pkcs1(Hash),
    /// RSA, PSS.
    Pss {
        /// Hash of the text and of the mask.
        hash: Hash,
        /// Length of the salt in bytes.
        salt: u32,
    },
    /// ECDSA.
    Ecdsa(Hash),
    /// DSA.
    Dsa(Hash),
    /// Ed25519.
    Ed25519,
    /// What is not verified here: Ed448, ML-DSA, SM2, …
    Other,
}

/// The signature algorithm of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignatureAlgorithm {
    /// How it is made.
    pub scheme: Scheme,
    name: Option<&'static str>,
}

impl SignatureAlgorithm {
    /// What the identifier stands for.
    #[must_use]
    pub fn new(identifier: &AlgorithmIdentifier<'_>) -> Self {
        let found = KNOWN.iter().find(|known| known.0 == identifier.algorithm.as_bytes());
        let Some(&(_, name, mut scheme)) = found else {
            return Self { scheme: Scheme::Other, name: None };
        };
        if let Scheme::Pss { .. } = scheme {
            scheme = pss(identifier).unwrap_or(Scheme::Other);
        }
        Self { scheme, name: Some(name) }
    }

    /// The hash, where the scheme has one of its own.
    #[must_use]
    pub fn hash(self) -> Option<Hash> {
        match self.scheme {
            Scheme::Pkcs1(hash)
            | Scheme::Ecdsa(hash)
            | Scheme::Dsa(hash)
            | Scheme::Pss { hash, .. } => Some(hash),
            Scheme::Ed25519 | Scheme::Other => None,
        }
    }

    /// Its name; for an unknown one its identifier.
    #[must_use]
    pub fn text(self, identifier: &Oid<'_>) -> String {
        match (self.name, self.scheme) {
            (Some(name), Scheme::Pss { hash, .. }) => format!("{name} with {}", hash.name()),
            (Some(name), _) => name.to_owned(),
            (None, _) => identifier.to_id_string(),
        }
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The parameters of PSS (RFC 4055): SHA-1 and 20 bytes of salt where nothing is said.
/// Schemes whose two hashes differ are not used by anybody and are not verified here.
fn pss(identifier: &AlgorithmIdentifier<'_>) -> Option<Scheme> {
    let Some(parameters) = identifier.parameters.as_ref() else {
        return Some(Scheme::Pss { hash: Hash::Sha1, salt: 20 });
    };
    let parameters = RsaSsaPssParams::try_from(parameters).ok()?;
    let hash = hash_of(parameters.hash_algorithm_oid())?;
    let mask = match parameters.mask_gen_algorithm() {
        Ok(mask) => hash_of(&mask.hash)?,
        Err(_) => return None,
    };
    let whole = mask == hash && parameters.trailer_field() == 1;
    whole.then_some(Scheme::Pss { hash, salt: parameters.salt_length() })
}

fn hash_of(oid: &Oid<'_>) -> Option<Hash> {
    Some(match oid.as_bytes() {
        [0x2b, 0x0e, 0x03, 0x02, 0x1a] => Hash::Sha1,
        [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last] => match last {
            1 => Hash::Sha256,
            2 => Hash::Sha384,
            3 => Hash::Sha512,
            4 => Hash::Sha224,
            _ => return None,
        },
        _ => return None,
    })
}

/// Identifier (the bytes of its DER), name, scheme; the commonest first.
const KNOWN: [(&[u8], &str, Scheme); 26] = {
    use Hash::{Md2OrMd4, Md5, Sha1, Sha224, Sha256, Sha384, Sha512};
    use Scheme::{Dsa, Ecdsa, Ed25519, Other, Pkcs1, Pss};
    [
        (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", "sha256WithRSAEncryption", Pkcs1(Sha256)),
        (b"\x2a\x86\x48\xce\x3d\x04\x03\x03", "ecdsa-with-SHA384", Ecdsa(Sha384)),
        (b"\x2a\x86\x48\xce\x3d\x04\x03\x02", "ecdsa-with-SHA256", Ecdsa(Sha256)),
        (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c", "sha384WithRSAEncryption", Pkcs1(Sha384)),
        (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d", "sha512WithRSAEncryption", Pkcs1(Sha512)),
        (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a", "rsassaPss", Pss { hash: Sha1, salt: 20 }),
        (b"\x2b\x65\x70", "ED25519", Ed25519),
        (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05", "sha1WithRSAEncryption", Pkcs1(Sha1)),
        (b"\x2b\x0e\x03\x02\x1d", "sha1WithRSA", Pkcs1(Sha1)),
        (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04", "md5WithRSAEncryption", Pkcs1(Md5)),
        (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x03", "md4WithRSAEncryption", Pkcs1(Md2OrMd4)),
        (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x02", "md2WithRSAEncryption", Pkcs1(Md2OrMd4)),
        (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0e", "sha224WithRSAEncryption", Pkcs1(Sha224)),
        (b"\x2a\x86\x48\xce\x3d\x04\x03\x04", "ecdsa-with-SHA512", Ecdsa(Sha512)),
        (b"\x2a\x86\x48\xce\x3d\x04\x03\x01", "ecdsa-with-SHA224", Ecdsa(Sha224)),
        (b"\x2a\x86\x48\xce\x3d\x04\x01", "ecdsa-with-SHA1", Ecdsa(Sha1)),
        (b"\x2a\x86\x48\xce\x38\x04\x03", "dsaWithSHA1", Dsa(Sha1)),
        (b"\x60\x86\x48\x01\x65\x03\x04\x03\x01", "dsa_with_SHA224", Dsa(Sha224)),
        (b"\x60\x86\x48\x01\x65\x03\x04\x03\x02", "dsa_with_SHA256", Dsa(Sha256)),
        (b"\x60\x86\x48\x01\x65\x03\x04\x03\x03", "dsa_with_SHA384", Dsa(Sha384)),
        (b"\x60\x86\x48\x01\x65\x03\x04\x03\x04", "dsa_with_SHA512", Dsa(Sha512)),
        (b"\x2b\x65\x71", "ED448", Other),
        (b"\x60\x86\x48\x01\x65\x03\x04\x03\x11", "ML-DSA-44", Other),
        (b"\x60\x86\x48\x01\x65\x03\x04\x03\x12", "ML-DSA-65", Other),
        (b"\x60\x86\x48\x01\x65\x03\x04\x03\x13", "ML-DSA-87", Other),
        (b"\x2a\x81\x1c\xcf\x55\x01\x83\x75", "SM2-with-SM3", Other),
    ]
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_identifier_stands_twice() {
        let all: HashSet<&[u8]> = KNOWN.iter().map(|known| known.0).collect();
        assert_eq!(all.len(), KNOWN.len());
    }

    #[test]
    fn identifiers_are_spelled_right() {
        for (dotted, name) in [
            ([1, 2, 840, 113_549, 1, 1, 11].as_slice(), "sha256WithRSAEncryption"),
            (&[1, 2, 840, 10_045, 4, 3, 3], "ecdsa-with-SHA384"),
            (&[1, 2, 840, 10_045, 4, 1], "ecdsa-with-SHA1"),
            (&[1, 2, 840, 10_040, 4, 3], "dsaWithSHA1"),
            (&[2, 16, 840, 1, 101, 3, 4, 3, 2], "dsa_with_SHA256"),
            (&[1, 3, 101, 112], "ED25519"),
            (&[1, 3, 101, 113], "ED448"),
            (&[1, 3, 14, 3, 2, 29], "sha1WithRSA"),
            (&[2, 16, 840, 1, 101, 3, 4, 3, 18], "ML-DSA-65"),
            (&[1, 2, 156, 10_197, 1, 501], "SM2-with-SM3"),
        ] {
            let oid = Oid::from(dotted).expect("an identifier");
            let algorithm = SignatureAlgorithm::new(&AlgorithmIdentifier::new(oid.clone(), None));
            assert_eq!(algorithm.text(&oid), name);
        }
        let other = Oid::from(&[1, 2, 3, 4]).expect("an identifier");
        let algorithm = SignatureAlgorithm::new(&AlgorithmIdentifier::new(other.clone(), None));
        assert_eq!(algorithm.text(&other), "1.2.3.4");
    }
}
