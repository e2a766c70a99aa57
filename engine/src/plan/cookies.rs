//! Probe cookies many at a time: SipHash-1-3 with one message in each vector lane.
//!
//! [`prtip_bpf::cookie`] says what a cookie is; this computes the same numbers
//! for a whole batch. With AVX2, four lanes fill a register and two registers
//! are in flight; elsewhere one message after the other is hashed in plain
//! registers.

use prtip_bpf::abi::Key;

use super::probe::RESOLVE_BATCH;

/// One word for each probe of a batch.
pub type Words = [u64; RESOLVE_BATCH];

/// How cookies are computed on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lanes {
    /// One at a time, on every machine.
    Scalar,
    /// Eight at a time.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
}

impl Lanes {
    /// The fastest that this machine can do.
    #[must_use]
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx2) = Avx2::detect() {
            return Self::Avx2(avx2);
        }
        Self::Scalar
    }

    /// Replaces the first `count` messages of `words` by their hashes; what lies
    /// behind them is overwritten at will.
    ///
    /// A message is the IPv4 cookie's: their address, their port and our port as
    /// on the wire, in one little-endian word. The cookie is the hash's low half.
    #[inline]
    pub fn hash_v4(self, key: Key, words: &mut Words, count: usize) {
        match self {
            Self::Scalar => {
                for word in words.iter_mut().take(count) {
                    *word = siphash13(key, [*word], V4_LENGTH);
                }
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.hash_v4(key, words, count),
        }
    }

    /// As [`hash_v4`](Self::hash_v4) for IPv6: `first` and `second` hold the two
    /// little-endian words of their address, `ports` their port and, 16 bits
    /// higher, our port. The hashes replace `ports`.
    #[inline]
    pub fn hash_v6(self, key: Key, first: &Words, second: &Words, ports: &mut Words, count: usize) {
        match self {
            Self::Scalar => {
                for (at, port) in ports.iter_mut().take(count).enumerate() {
                    *port = siphash13(key, [first[at], second[at]], *port | V6_LENGTH);
                }
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.hash_v6(key, first, second, ports, count),
        }
    }
}

/// The message's length, in the top byte of SipHash's last word.
const V4_LENGTH: u64 = 8 << 56;
const V6_LENGTH: u64 = 20 << 56;

/// The initial state before the key: "somepseudorandomlygeneratedbytes".
const INITIAL: [u64; 4] =
    [0x736f_6d65_7073_6575, 0x646f_7261_6e64_6f6d, 0x6c79_6765_6e65_7261, 0x7465_6462_7974_6573];

/// SipHash-1-3 (Aumasson and Bernstein, 2012) of whole words and a last word.
#[inline]
fn siphash13<const W: usize>(key: Key, words: [u64; W], last: u64) -> u64 {
    let [a, b, c, d] = INITIAL;
    let mut v = [key.k0 ^ a, key.k1 ^ b, key.k0 ^ c, key.k1 ^ d];
    for word in words {
        v[3] ^= word;
        round(&mut v);
        v[0] ^= word;
    }
    v[3] ^= last;
    round(&mut v);
    v[0] ^= last;
    v[2] ^= 0xff;
    round(&mut v);
    round(&mut v);
    round(&mut v);
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

#[inline]
fn round([v0, v1, v2, v3]: &mut [u64; 4]) {
    *v0 = v0.wrapping_add(*v1);
    *v1 = v1.rotate_left(13) ^ *v0;
    *v0 = v0.rotate_left(32);
    *v2 = v2.wrapping_add(*v3);
    *v3 = v3.rotate_left(16) ^ *v2;
    *v0 = v0.wrapping_add(*v3);
    *v3 = v3.rotate_left(21) ^ *v0;
    *v2 = v2.wrapping_add(*v1);
    *v1 = v1.rotate_left(17) ^ *v2;
    *v2 = v2.rotate_left(32);
}

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
pub use avx2::Avx2;

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;
    use prtip_bpf::cookie::{cookie4, cookie6};

    use super::*;

    fn all_lanes() -> Vec<Lanes> {
        let mut all = vec![Lanes::Scalar];
        if Lanes::detect() != Lanes::Scalar {
            all.push(Lanes::detect());
        }
        all
    }

    #[test]
    fn avx2_is_tested_where_the_machine_has_it() {
        if all_lanes().len() == 1 {
            println!("SKIPPED: no AVX2 on this machine, only scalar cookies are tested");
        }
    }

    proptest! {
        #[test]
        fn batches_equal_the_reference(
            k0: u64, k1: u64, count in 0usize..=RESOLVE_BATCH,
            probes in proptest::collection::vec((any::<u128>(), any::<u16>(), any::<u16>()), RESOLVE_BATCH)
        ) {
            let key = Key { k0, k1 };
            for lanes in all_lanes() {
                let word = |bytes: &[u8]| {
                    let mut word = [0; 8];
                    word[..bytes.len()].copy_from_slice(bytes);
                    u64::from_le_bytes(word)
                };
                let (mut v4, mut first, mut second, mut ports) =
                    ([0; RESOLVE_BATCH], [0; RESOLVE_BATCH], [0; RESOLVE_BATCH], [0; RESOLVE_BATCH]);
                for (at, &(addr, their, our)) in probes.iter().enumerate() {
                    let bytes = addr.to_be_bytes();
                    let both = [their.to_be_bytes(), our.to_be_bytes()].concat();
                    v4[at] = word(&[&bytes[12..], &both].concat());
                    (first[at], second[at], ports[at]) = (word(&bytes[..8]), word(&bytes[8..]), word(&both));
                }
                lanes.hash_v4(key, &mut v4, count);
                lanes.hash_v6(key, &first, &second, &mut ports, count);
                for (at, &(addr, their, our)) in probes.iter().enumerate().take(count) {
                    let expected = cookie4(key, Ipv4Addr::from(addr as u32), their, our);
                    prop_assert_eq!(v4[at] as u32, expected, "{:?}", lanes);
                    let expected = cookie6(key, Ipv6Addr::from(addr), their, our);
                    prop_assert_eq!(ports[at] as u32, expected, "{:?}", lanes);
                }
            }
        }
    }
}
