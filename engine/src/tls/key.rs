//! Public keys of certificates: kind and size, and whether that is enough today.

use std::fmt;

use x509_parser::x509::SubjectPublicKeyInfo;

/// What kind of key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA, also where it may be used for PSS only.
    Rsa,
    /// On an elliptic curve.
    Ec(Curve),
    /// On a curve that this does not know, or one whose parameters the key itself gives.
    EcOther,
    /// Ed25519.
    Ed25519,
    /// Ed448.
    Ed448,
    /// DSA.
    Dsa,
    /// Anything else.
    Other,
}

/// A named curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are names")]
pub enum Curve {
    P192,
    P224,
    P256,
    P384,
    P521,
    Secp256k1,
    BrainpoolP256,
    BrainpoolP384,
    BrainpoolP512,
}

/// Curve, the bytes of its identifier, its name, bits of its order.
const CURVES: [(Curve, &[u8], &str, u32); 9] = [
    (Curve::P256, b"\x2a\x86\x48\xce\x3d\x03\x01\x07", "P-256", 256),
    (Curve::P384, b"\x2b\x81\x04\x00\x22", "P-384", 384),
    (Curve::P521, b"\x2b\x81\x04\x00\x23", "P-521", 521),
    (Curve::P224, b"\x2b\x81\x04\x00\x21", "P-224", 224),
    (Curve::P192, b"\x2a\x86\x48\xce\x3d\x03\x01\x01", "P-192", 192),
    (Curve::Secp256k1, b"\x2b\x81\x04\x00\x0a", "secp256k1", 256),
    (Curve::BrainpoolP256, b"\x2b\x24\x03\x03\x02\x08\x01\x01\x07", "brainpoolP256r1", 256),
    (Curve::BrainpoolP384, b"\x2b\x24\x03\x03\x02\x08\x01\x01\x0b", "brainpoolP384r1", 384),
    (Curve::BrainpoolP512, b"\x2b\x24\x03\x03\x02\x08\x01\x01\x0d", "brainpoolP512r1", 512),
];

/// A key's kind and size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its kind.
    pub kind: KeyKind,
    /// Bits of the modulus, or of the curve's order; 0 where that is not known.
    pub bits: u32,
}

impl Key {
    /// What `key` is; `None` where it contradicts its own algorithm.
    #[must_use]
    pub fn new(key: &SubjectPublicKeyInfo<'_>) -> Option<Self> {
        let parameters = key.algorithm.parameters.as_ref();
        match key.algorithm.algorithm.as_bytes() {
            b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01" | b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a" => {
                let rsa = RsaKey::new(&key.subject_public_key.data)?;
                Some(Self { kind: KeyKind::Rsa, bits: bits(rsa.modulus) })
            }
            b"\x2a\x86\x48\xce\x3d\x02\x01" => {
                let named = parameters.filter(|any| any.tag().0 == 6).map(|any| any.data);
                let found = CURVES.iter().find(|curve| Some(curve.1) == named);
                Some(match found {
                    Some(&(curve, _, _, bits)) => Self { kind: KeyKind::Ec(curve), bits },
                    None => Self { kind: KeyKind::EcOther, bits: 0 },
                })
            }
            b"\x2b\x65\x70" => Some(Self { kind: KeyKind::Ed25519, bits: 256 }),
            b"\x2b\x65\x71" => Some(Self { kind: KeyKind::Ed448, bits: 456 }),
            b"\x2a\x86\x48\xce\x38\x04\x01" => {
                // Dss-Parms is SEQUENCE { p, q, g }; p is the size that counts.
                let prime = parameters.and_then(|any| integers(any.data)?.into_iter().next());
                Some(Self { kind: KeyKind::Dsa, bits: prime.map_or(0, bits) })
            }
            _ => Some(Self { kind: KeyKind::Other, bits: 0 }),
        }
    }

    /// Less than 112 bits of security (NIST SP 800-57): RSA and DSA below 2048 bits,
    /// curves below 224.
    #[must_use]
    pub fn is_weak(self) -> bool {
        match self.kind {
            KeyKind::Rsa | KeyKind::Dsa => self.bits < 2048,
            KeyKind::Ec(_) => self.bits < 224,
            _ => false,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            KeyKind::Rsa => write!(f, "RSA {}", self.bits),
            KeyKind::Dsa => write!(f, "DSA {}", self.bits),
            KeyKind::Ec(curve) => {
                let name = CURVES.iter().find(|known| known.0 == curve).map_or("", |known| known.2);
                write!(f, "EC {name}")
            }
            KeyKind::EcOther => f.write_str("EC"),
            KeyKind::Ed25519 => f.write_str("Ed25519"),
            KeyKind::Ed448 => f.write_str("Ed448"),
            KeyKind::Other => f.write_str("unknown"),
        }
    }
}

/// The numbers of an RSA key, without leading zeros.
#[derive(Clone, Copy, Debug)]
pub struct RsaKey<'a> {
    /// The modulus.
    pub modulus: &'a [u8],
    /// The exponent.
    pub exponent: &'a [u8],
}

impl<'a> RsaKey<'a> {
    /// RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }
    #[must_use]
    pub fn new(der: &'a [u8]) -> Option<Self> {
        let [modulus, exponent] = sequence(der)?.try_into().ok()?;
        Some(Self { modulus, exponent })
    }
}

/// The positive integers of `SEQUENCE { INTEGER … }`, without leading zeros.
#[must_use]
pub fn sequence(der: &[u8]) -> Option<Vec<&[u8]>> {
    let (content, rest) = element(der, 0x30)?;
    if rest.is_empty() { integers(content) } else { None }
}

/// The positive integers that `content` is made of.
#[must_use]
pub fn integers(mut content: &[u8]) -> Option<Vec<&[u8]>> {
    let mut all = Vec::with_capacity(2);
    while !content.is_empty() {
        let (integer, rest) = element(content, 2)?;
        let first = integer.iter().position(|&byte| byte != 0).unwrap_or(integer.len());
        if integer.first().is_none_or(|&byte| byte >= 0x80) || all.len() == 4 {
            return None;
        }
        all.push(&integer[first..]);
        content = rest;
    }
    Some(all)
}

/// One element of DER with this tag: its content and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, length], rest) = der.split_first_chunk()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81 => (usize::from(*rest.first()?), &rest[1..]),
        0x82 => {
            let (&[high, low], rest) = rest.split_first_chunk()?;
            (usize::from(high) << 8 | usize::from(low), rest)
        }
        _ => return None,
    };
    (found == tag && rest.len() >= length).then(|| rest.split_at(length))
}

/// Bits of a number without leading zero bytes.
fn bits(number: &[u8]) -> u32 {
    let first = number.first().map_or(0, |byte| byte.leading_zeros());
    u32::try_from(number.len() * 8).unwrap_or(u32::MAX) - first
}
