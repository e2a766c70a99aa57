//! Signatures that ring does not know, by plain arithmetic on big numbers: RSA with short
//! keys, MD5, SHA-1, SHA-224 or another length of salt, ECDSA on other curves or with
//! other hashes, DSA. A scan meets them on old and odd machines, and must tell a weak
//! signature from a forged one.
//!
//! Only public values come in, so time that depends on them gives nothing away. It is
//! hundreds of times slower than ring; sizes are bounded.

use digest::Digest;
use num_bigint::BigUint;

use super::algorithm::Hash;
use super::curve::parameters;
use super::key::{Curve, RsaKey, sequence};

/// Longest modulus, in bytes.
const LONGEST_MODULUS: usize = 2048;
/// Longest exponent, in bytes.
const LONGEST_EXPONENT: usize = 8;

/// The hash of `text`; `None` for what is not computed here.
#[must_use]
pub fn hash(hash: Hash, text: &[u8]) -> Option<Vec<u8>> {
    Some(match hash {
        Hash::Md2OrMd4 => return None,
        Hash::Md5 => md5::Md5::digest(text).to_vec(),
        Hash::Sha1 => sha1::Sha1::digest(text).to_vec(),
        Hash::Sha224 => sha2::Sha224::digest(text).to_vec(),
        Hash::Sha256 => sha2::Sha256::digest(text).to_vec(),
        Hash::Sha384 => sha2::Sha384::digest(text).to_vec(),
        Hash::Sha512 => sha2::Sha512::digest(text).to_vec(),
    })
}

/// Whether a key is short enough to be computed with.
fn bounded(key: RsaKey<'_>) -> Option<()> {
    let fits = key.modulus.len() <= LONGEST_MODULUS && key.exponent.len() <= LONGEST_EXPONENT;
    fits.then_some(())
}

/// Signature to the power of the exponent, as many bytes as the modulus has, and the bits
/// of the modulus; `None` where these numbers can be no key and signature.
fn rsa_open(key: RsaKey<'_>, signature: &[u8]) -> Option<(Vec<u8>, u64)> {
    let [modulus, exponent, signature] =
        [key.modulus, key.exponent, signature].map(BigUint::from_bytes_be);
    if !modulus.bit(0) || !exponent.bit(0) || exponent.bits() < 2 || signature >= modulus {
        return None;
    }
    let opened = signature.modpow(&exponent, &modulus).to_bytes_be();
    let mut bytes = vec![0; key.modulus.len().saturating_sub(opened.len())];
    bytes.extend(opened);
    Some((bytes, modulus.bits()))
}

/// RSASSA-PKCS1-v1_5 (RFC 8017, 8.2.2).
#[must_use]
pub fn rsa_pkcs1(key: RsaKey<'_>, with: Hash, text: &[u8], signature: &[u8]) -> Option<bool> {
    // DigestInfo up to the hash itself.
    let info: &[u8] = match with {
        Hash::Md2OrMd4 => return None,
        Hash::Md5 => b"\x30\x20\x30\x0c\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x05\x05\x00\x04\x10",
        Hash::Sha1 => b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14",
        Hash::Sha224 => {
            b"\x30\x2d\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x04\x05\x00\x04\x1c"
        }
        Hash::Sha256 => {
            b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"
        }
        Hash::Sha384 => {
            b"\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30"
        }
        Hash::Sha512 => {
            b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40"
        }
    };
    bounded(key)?;
    let Some((opened, _)) = rsa_open(key, signature) else { return Some(false) };
    let tail = [info, &hash(with, text)?].concat();
    // 00 01, at least eight FF, 00, then the hash and its kind.
    let Some(padding) = opened.len().checked_sub(tail.len() + 3).filter(|&length| length >= 8)
    else {
        return Some(false);
    };
    let expected = [&[0, 1][..], &vec![0xff; padding], &[0], &tail].concat();
    Some(opened == expected)
}

/// RSASSA-PSS (RFC 8017, 8.1.2 and 9.1.2).
#[must_use]
pub fn rsa_pss(
    key: RsaKey<'_>,
    with: Hash,
    salt: u32,
    text: &[u8],
    signature: &[u8],
) -> Option<bool> {
    bounded(key)?;
    let text_hash = hash(with, text)?;
    let Some((opened, modulus_bits)) = rsa_open(key, signature) else { return Some(false) };
    let bits = modulus_bits - 1;
    let length = bits.div_ceil(8) as usize;
    let (above, message) = opened.split_at(opened.len() - length);
    let salt = salt as usize;
    if above.iter().any(|&byte| byte != 0)
        || length < text_hash.len().saturating_add(salt).saturating_add(2)
        || message.last() != Some(&0xbc)
    {
        return Some(false);
    }
    let (masked, rest) = message.split_at(length - text_hash.len() - 1);
    let seed = &rest[..text_hash.len()];
    let mut block = masked.to_vec();
    let mut mask = Vec::with_capacity(block.len() + text_hash.len());
    for counter in 0_u32.. {
        if mask.len() >= block.len() {
            break;
        }
        mask.extend(hash(with, &[seed, &counter.to_be_bytes()].concat())?);
    }
    block.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    let unused = (8 * length as u64 - bits) as u32;
    if masked[0].leading_zeros() < unused {
        return Some(false);
    }
    block[0] &= 0xff_u8 >> unused;
    let (padding, salt) = block.split_at(block.len() - salt);
    let Some((&1, zeros)) = padding.split_last() else { return Some(false) };
    let expected = hash(with, &[&[0; 8], text_hash.as_slice(), salt].concat())?;
    Some(zeros.iter().all(|&byte| byte == 0) && expected == seed)
}

/// The leftmost bits of the hash, as many as the order has (FIPS 186-4, 6.4).
fn truncated(hash: &[u8], order: &BigUint) -> BigUint {
    let number = BigUint::from_bytes_be(hash);
    number >> (hash.len() as u64 * 8).saturating_sub(order.bits())
}

/// r and s, both from 1 to order - 1, and s inverted; the order is prime.
fn pair(signature: &[u8], order: &BigUint) -> Option<(BigUint, BigUint)> {
    let [r, s]: [&[u8]; 2] = sequence(signature)?.try_into().ok()?;
    let (r, s) = (BigUint::from_bytes_be(r), BigUint::from_bytes_be(s));
    let zero = BigUint::ZERO;
    if r == zero || s == zero || r >= *order || s >= *order {
        return None;
    }
    let inverse = s.modpow(&(order - 2_u8), order);
    Some((r, inverse))
}

/// DSA (FIPS 186-4, 4.7). `parameters` is the content of Dss-Parms, `key` the INTEGER y.
#[must_use]
pub fn dsa(
    parameters: &[u8],
    key: &[u8],
    with: Hash,
    text: &[u8],
    signature: &[u8],
) -> Option<bool> {
    let [p, q, g]: [&[u8]; 3] = super::key::integers(parameters)?.try_into().ok()?;
    let [y]: [&[u8]; 1] = super::key::integers(key)?.try_into().ok()?;
    if p.len() > LONGEST_MODULUS / 4 || q.len() > 64 {
        return None;
    }
    let [p, q, g, y] = [p, q, g, y].map(BigUint::from_bytes_be);
    if q.bits() < 2 || p <= q || y >= p || g >= p || g.bits() < 2 || y.bits() < 2 {
        return Some(false);
    }
    let Some((r, inverse)) = pair(signature, &q) else { return Some(false) };
    let number = truncated(&hash(with, text)?, &q);
    let (first, second) = (number * &inverse % &q, &r * inverse % &q);
    let value = g.modpow(&first, &p) * y.modpow(&second, &p) % &p % &q;
    Some(value == r)
}

/// ECDSA (FIPS 186-4, 6.4). `key` is an uncompressed or compressed point.
#[must_use]
pub fn ecdsa(curve: Curve, key: &[u8], with: Hash, text: &[u8], signature: &[u8]) -> Option<bool> {
    let curve = Weierstrass::new(curve);
    let Some(key) = curve.point(key) else { return Some(false) };
    let Some((r, inverse)) = pair(signature, &curve.order) else { return Some(false) };
    let number = truncated(&hash(with, text)?, &curve.order);
    let first = number * &inverse % &curve.order;
    let second = &r * inverse % &curve.order;
    let Some(x) = curve.sum_x(&first, &second, &key) else { return Some(false) };
    Some(x % &curve.order == r)
}

/// y² = x³ + ax + b over a prime field.
struct Weierstrass {
    prime: BigUint,
    a: BigUint,
    b: BigUint,
    base: (BigUint, BigUint),
    order: BigUint,
}

/// A point as (X/Z², Y/Z³); Z = 0 is the point at infinity.
#[derive(Clone)]
struct Jacobian {
    x: BigUint,
    y: BigUint,
    z: BigUint,
}

impl Weierstrass {
    fn new(curve: Curve) -> Self {
        let [prime, a, b, x, y, order] = parameters(curve).map(|digits| {
            BigUint::parse_bytes(digits.as_bytes(), 16).expect("the table holds hexadecimal digits")
        });
        Self { prime, a, b, base: (x, y), order }
    }

    fn minus(&self, one: &BigUint, other: &BigUint) -> BigUint {
        (one + &self.prime - other) % &self.prime
    }

    /// A point of SEC 1, 2.3.4, that lies on the curve.
    fn point(&self, bytes: &[u8]) -> Option<(BigUint, BigUint)> {
        let length = self.prime.bits().div_ceil(8) as usize;
        let (&kind, rest) = bytes.split_first()?;
        let side = |x: &BigUint| (x * x % &self.prime * x + &self.a * x + &self.b) % &self.prime;
        let (x, y) = match kind {
            4 if rest.len() == 2 * length => {
                let (x, y) = rest.split_at(length);
                (BigUint::from_bytes_be(x), BigUint::from_bytes_be(y))
            }
            // A square root is this power where the prime is 3 modulo 4; P-224's is not.
            2 | 3 if rest.len() == length && self.prime.bit(1) => {
                let x = BigUint::from_bytes_be(rest);
                let root = side(&x).modpow(&((&self.prime + 1_u8) >> 2), &self.prime);
                let y = if root.bit(0) == (kind == 3) { root } else { &self.prime - root };
                (x, y)
            }
            _ => return None,
        };
        let on_curve = x < self.prime && y < self.prime && &y * &y % &self.prime == side(&x);
        on_curve.then_some((x, y))
    }

    fn double(&self, point: &Jacobian) -> Jacobian {
        let prime = &self.prime;
        let y2 = &point.y * &point.y % prime;
        let s = 4_u8 * &point.x * &y2 % prime;
        let z2 = &point.z * &point.z % prime;
        let m = (3_u8 * &point.x * &point.x + &self.a * (&z2 * &z2 % prime)) % prime;
        let x = self.minus(&(&m * &m % prime), &(2_u8 * &s % prime));
        let y = self.minus(&(&m * self.minus(&s, &x) % prime), &(8_u8 * (&y2 * &y2) % prime));
        let z = 2_u8 * &point.y * &point.z % prime;
        Jacobian { x, y, z }
    }

    fn add(&self, one: &Jacobian, other: &Jacobian) -> Jacobian {
        let prime = &self.prime;
        if one.z == BigUint::ZERO {
            return other.clone();
        }
        if other.z == BigUint::ZERO {
            return one.clone();
        }
        let (z1, z2) = (&one.z * &one.z % prime, &other.z * &other.z % prime);
        let (u1, u2) = (&one.x * &z2 % prime, &other.x * &z1 % prime);
        let s1 = &one.y * &z2 % prime * &other.z % prime;
        let s2 = &other.y * &z1 % prime * &one.z % prime;
        if u1 == u2 {
            if s1 == s2 {
                return self.double(one);
            }
            return Jacobian { x: 1_u8.into(), y: 1_u8.into(), z: BigUint::ZERO };
        }
        let (h, r) = (self.minus(&u2, &u1), self.minus(&s2, &s1));
        let h2 = &h * &h % prime;
        let h3 = &h2 * &h % prime;
        let v = u1 * h2 % prime;
        let x = self.minus(&self.minus(&(&r * &r % prime), &h3), &(2_u8 * &v % prime));
        let y = self.minus(&(r * self.minus(&v, &x) % prime), &(s1 * h3 % prime));
        Jacobian { x, y, z: &one.z * &other.z % prime * h % prime }
    }

    /// The x of first · base + second · key; `None` at infinity.
    fn sum_x(
        &self,
        first: &BigUint,
        second: &BigUint,
        key: &(BigUint, BigUint),
    ) -> Option<BigUint> {
        let affine = |point: &(BigUint, BigUint)| Jacobian {
            x: point.0.clone(),
            y: point.1.clone(),
            z: 1_u8.into(),
        };
        let (base, key) = (affine(&self.base), affine(key));
        let both = self.add(&base, &key);
        let mut sum = Jacobian { x: 1_u8.into(), y: 1_u8.into(), z: BigUint::ZERO };
        for bit in (0..self.order.bits()).rev() {
            sum = self.double(&sum);
            match (first.bit(bit), second.bit(bit)) {
                (true, true) => sum = self.add(&sum, &both),
                (true, false) => sum = self.add(&sum, &base),
                (false, true) => sum = self.add(&sum, &key),
                (false, false) => {}
            }
        }
        if sum.z == BigUint::ZERO {
            return None;
        }
        let inverse = sum.z.modpow(&(&self.prime - 2_u8), &self.prime);
        Some(sum.x * (&inverse * &inverse % &self.prime) % &self.prime)
    }
}
