//! Cookies and checksums many at a time: one probe in each vector lane.
//!
//! [`prtip_bpf::cookie`] says what a cookie is; this computes the same numbers
//! for a whole batch, and while they are in registers the checksums that depend
//! on them. With AVX2, four lanes fill a register and two registers are in
//! flight; elsewhere one probe after the other is finished in plain registers.

use prtip_bpf::abi::Key;

use super::probe::RESOLVE_BATCH;
use crate::wire::template::{Patch, Sums};

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

    /// Finishes the first `count` IPv4 probes: `words` holds the cookie's message
    /// of each (their address, their port and our port as on the wire, in one
    /// little-endian word) and is replaced by its [`Finished`]; what lies behind
    /// is overwritten at will.
    #[inline]
    pub(crate) fn finish_v4(self, key: Key, sums: Sums, words: &mut Words, count: usize) {
        match self {
            Self::Scalar => {
                for word in words.iter_mut().take(count) {
                    let cookie = siphash13(key, [*word], V4_LENGTH) as u32;
                    let (destination, ports) = (*word as u32, (*word >> 32) as u32);
                    // The sum does not mind which port comes first.
                    let patch = Patch::v4(
                        sums,
                        destination,
                        ports,
                        cookie.swap_bytes(),
                        wire_ip_id(cookie.swap_bytes()),
                    );
                    *word = Finished::new(&patch).0;
                }
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.finish_v4(key, sums, words, count),
        }
    }

    /// As [`finish_v4`](Self::finish_v4) for IPv6: `first` and `second` hold the
    /// two little-endian words of their address, `ports` their port and, 16 bits
    /// higher, our port; `ports` is replaced.
    #[inline]
    pub(crate) fn finish_v6(
        self,
        key: Key,
        sums: Sums,
        [first, second]: [&Words; 2],
        ports: &mut Words,
        count: usize,
    ) {
        match self {
            Self::Scalar => {
                for (at, word) in ports.iter_mut().take(count).enumerate() {
                    let addr = [first[at], second[at]];
                    let cookie = siphash13(key, addr, *word | V6_LENGTH) as u32;
                    let patch = Patch::v6(sums, addr, *word as u32, cookie.swap_bytes());
                    *word = Finished::new(&patch).0;
                }
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.finish_v6(key, sums, [first, second], ports, count),
        }
    }
}

/// The cookie of one IPv4 probe in the low half, and 32 bits more: `word` holds
/// their address, their port and our port as on the wire.
#[inline]
pub(crate) fn token_v4(key: Key, word: u64) -> u64 {
    siphash13(key, [word], V4_LENGTH)
}

/// The same for IPv6: the address's two little-endian words; their port and, 16 bits
/// higher, our port, as on the wire.
#[inline]
pub(crate) fn token_v6(key: Key, addr: [u64; 2], ports: u32) -> u64 {
    siphash13(key, addr, u64::from(ports) | V6_LENGTH)
}

/// What finishing gives: the sequence number as on the wire in the low half (read
/// in little-endian order), then the IPv4 header checksum (IPv6: 0) and the TCP
/// checksum in the same way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Finished(pub(crate) u64);

impl Finished {
    pub(crate) fn new<A>(patch: &Patch<A>) -> Self {
        Self(
            u64::from(patch.seq)
                | u64::from(patch.ip_checksum) << 32
                | u64::from(patch.tcp_checksum) << 48,
        )
    }

    #[inline]
    pub(crate) fn seq(self) -> u32 {
        self.0 as u32
    }

    #[inline]
    pub(crate) fn ip_checksum(self) -> u16 {
        (self.0 >> 32) as u16
    }

    #[inline]
    pub(crate) fn tcp_checksum(self) -> u16 {
        (self.0 >> 48) as u16
    }
}

/// The IPv4 identification of a packet with sequence number `seq`, both as on the
/// wire read in little-endian order: the first half of it, but never 0, because a
/// raw socket would replace that by a number of the kernel's own.
#[inline]
pub(crate) fn wire_ip_id(seq: u32) -> u16 {
    seq as u16 | IP_ID_BIT
}

const IP_ID_BIT: u16 = 0x0100;

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
            k0: u64, k1: u64, ip in 0u64..1 << 20, tcp in 0u64..1 << 20, count in 0usize..=RESOLVE_BATCH,
            probes in proptest::collection::vec((any::<u128>(), any::<u16>(), any::<u16>()), RESOLVE_BATCH)
        ) {
            let (key, sums) = (Key { k0, k1 }, Sums { ip, tcp });
            for lanes in all_lanes() {
                let word = |bytes: &[u8]| {
                    let mut word = [0; 8];
                    word[..bytes.len()].copy_from_slice(bytes);
                    u64::from_le_bytes(word)
                };
                let [mut v4, mut first, mut second, mut ports] = [[0; RESOLVE_BATCH]; 4];
                for (at, &(addr, their, our)) in probes.iter().enumerate() {
                    let bytes = addr.to_be_bytes();
                    let both = [their.to_be_bytes(), our.to_be_bytes()].concat();
                    v4[at] = word(&[&bytes[12..], &both].concat());
                    first[at] = word(&bytes[..8]);
                    second[at] = word(&bytes[8..]);
                    ports[at] = word(&both);
                }
                let messages = (v4, ports);
                lanes.finish_v4(key, sums, &mut v4, count);
                lanes.finish_v6(key, sums, [&first, &second], &mut ports, count);
                for (at, &(addr, their, our)) in probes.iter().enumerate().take(count) {
                    let cookie = cookie4(key, Ipv4Addr::from(addr as u32), their, our);
                    let (to, both) = (messages.0[at] as u32, (messages.0[at] >> 32) as u32);
                    let patch = Patch::v4(sums, to, both, cookie.swap_bytes(), wire_ip_id(cookie.swap_bytes()));
                    prop_assert_eq!(Finished(v4[at]), Finished::new(&patch), "{:?}", lanes);
                    let cookie = cookie6(key, Ipv6Addr::from(addr), their, our);
                    let (to, both) = ([first[at], second[at]], messages.1[at] as u32);
                    let patch = Patch::v6(sums, to, both, cookie.swap_bytes());
                    prop_assert_eq!(Finished(ports[at]), Finished::new(&patch), "{:?}", lanes);
                }
            }
        }
    }
}
