//! SipHash-1-3 and checksums of eight probes at a time in AVX2 registers: four lanes a
//! register, two registers in flight to hide the latency of each step.
//!
//! Written with intrinsics because arrays of `u64` are not reliably turned into
//! vector code.

#![expect(unsafe_code, reason = "AVX2 functions are called and eight words loaded and stored")]

use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_add_epi64, _mm256_and_si256, _mm256_loadu_si256,
    _mm256_or_si256, _mm256_set1_epi64x, _mm256_setr_epi8, _mm256_shuffle_epi8,
    _mm256_shuffle_epi32, _mm256_slli_epi64, _mm256_srli_epi32, _mm256_srli_epi64,
    _mm256_storeu_si256, _mm256_xor_si256,
};

use prtip_bpf::abi::Key;

use super::{INITIAL, IP_ID_BIT, V4_LENGTH, V6_LENGTH, Words};
use crate::wire::template::Sums;

/// Messages hashed at a time.
const LANES: usize = 8;

/// Eight 64-bit lanes.
type Vector = [__m256i; 2];

/// Proof that AVX2 is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Avx2(());

impl Avx2 {
    /// `Some` on a machine that has AVX2.
    pub(super) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }

    #[inline]
    pub(super) fn finish_v4(self, key: Key, sums: Sums, words: &mut Words, count: usize) {
        // SAFETY: `self` exists only where `detect` has seen AVX2, which is all
        // that the function needs; without it the CPU would fault.
        unsafe { finish_v4(key, sums, words, count) }
    }

    #[inline]
    pub(super) fn finish_v6(
        self,
        key: Key,
        sums: Sums,
        addrs: [&Words; 2],
        ports: &mut Words,
        count: usize,
    ) {
        // SAFETY: as for `finish_v4`.
        unsafe { finish_v6(key, sums, addrs, ports, count) }
    }
}

#[target_feature(enable = "avx2")]
fn finish_v4(key: Key, sums: Sums, words: &mut Words, count: usize) {
    let (lanes, _) = words.as_chunks_mut::<LANES>();
    let length = broadcast(V4_LENGTH);
    for words in lanes.iter_mut().take(count.div_ceil(LANES)) {
        let message = load(words);
        let cookie = siphash13(key, [message], length);
        let destination = low_half(message);
        let seq = to_wire(cookie);
        let id = or(and(seq, broadcast(0xffff)), broadcast(IP_ID_BIT.into()));
        let ip = fold(add(broadcast(sums.ip), add(destination, id)));
        let tcp = add(add(broadcast(sums.tcp), destination), add(high_half(message), seq));
        store(or(or(seq, shift_left::<32>(ip)), shift_left::<48>(fold(tcp))), words);
    }
}

#[target_feature(enable = "avx2")]
fn finish_v6(key: Key, sums: Sums, [first, second]: [&Words; 2], ports: &mut Words, count: usize) {
    let (first, _) = first.as_chunks::<LANES>();
    let (second, _) = second.as_chunks::<LANES>();
    let (ports, _) = ports.as_chunks_mut::<LANES>();
    let length = broadcast(V6_LENGTH);
    let lanes = first.iter().zip(second).zip(ports).take(count.div_ceil(LANES));
    for ((first, second), ports) in lanes {
        let (first, second, both) = (load(first), load(second), load(ports));
        let cookie = siphash13(key, [first, second], or(both, length));
        let addr =
            add(add(low_half(first), high_half(first)), add(low_half(second), high_half(second)));
        let seq = to_wire(cookie);
        let tcp = add(add(broadcast(sums.tcp), addr), add(both, seq));
        store(or(seq, shift_left::<48>(fold(tcp))), ports);
    }
}

/// The checksum of a sum below 2^63, step by step as `checksum::finish_le`.
#[inline]
#[target_feature(enable = "avx2")]
fn fold(sum: Vector) -> Vector {
    let sum = high_half(add(sum, rotate_32(sum)));
    // Each 32-bit word turned by half.
    let turned = shuffle_bytes(sum, [2, 3, 0, 1, 6, 7, 4, 5]);
    let sum = [_mm256_add_epi32(sum[0], turned[0]), _mm256_add_epi32(sum[1], turned[1])];
    let sum = [_mm256_srli_epi32::<16>(sum[0]), _mm256_srli_epi32::<16>(sum[1])];
    xor(sum, broadcast(0xffff))
}

/// The cookie in a hash's low half as its bytes on the wire, the high half zero.
#[inline]
#[target_feature(enable = "avx2")]
fn to_wire(hash: Vector) -> Vector {
    shuffle_bytes(hash, [3, 2, 1, 0, -1, -1, -1, -1])
}

#[inline]
#[target_feature(enable = "avx2")]
fn siphash13<const W: usize>(key: Key, words: [Vector; W], last: Vector) -> Vector {
    let [a, b, c, d] = INITIAL;
    let mut v = [
        broadcast(key.k0 ^ a),
        broadcast(key.k1 ^ b),
        broadcast(key.k0 ^ c),
        broadcast(key.k1 ^ d),
    ];
    for word in words {
        v[3] = xor(v[3], word);
        v = round(v);
        v[0] = xor(v[0], word);
    }
    v[3] = xor(v[3], last);
    v = round(v);
    v[0] = xor(v[0], last);
    v[2] = xor(v[2], broadcast(0xff));
    v = round(round(round(v)));
    xor(xor(v[0], v[1]), xor(v[2], v[3]))
}

#[inline]
#[target_feature(enable = "avx2")]
fn round([mut v0, mut v1, mut v2, mut v3]: [Vector; 4]) -> [Vector; 4] {
    v0 = add(v0, v1);
    v1 = xor(rotate::<13, 51>(v1), v0);
    v0 = rotate_32(v0);
    v2 = add(v2, v3);
    v3 = xor(rotate_16(v3), v2);
    v0 = add(v0, v3);
    v3 = xor(rotate::<21, 43>(v3), v0);
    v2 = add(v2, v1);
    v1 = xor(rotate::<17, 47>(v1), v2);
    v2 = rotate_32(v2);
    [v0, v1, v2, v3]
}

#[inline]
#[target_feature(enable = "avx2")]
fn add(a: Vector, b: Vector) -> Vector {
    [_mm256_add_epi64(a[0], b[0]), _mm256_add_epi64(a[1], b[1])]
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor(a: Vector, b: Vector) -> Vector {
    [_mm256_xor_si256(a[0], b[0]), _mm256_xor_si256(a[1], b[1])]
}

/// Rotates left by `LEFT` = 64 - `RIGHT`.
#[inline]
#[target_feature(enable = "avx2")]
fn rotate<const LEFT: i32, const RIGHT: i32>(v: Vector) -> Vector {
    const { assert!(LEFT + RIGHT == 64) }
    or(shift_left::<LEFT>(v), shift_right::<RIGHT>(v))
}

#[inline]
#[target_feature(enable = "avx2")]
fn rotate_32(v: Vector) -> Vector {
    [_mm256_shuffle_epi32::<0b10_11_00_01>(v[0]), _mm256_shuffle_epi32::<0b10_11_00_01>(v[1])]
}

#[inline]
#[target_feature(enable = "avx2")]
fn rotate_16(v: Vector) -> Vector {
    shuffle_bytes(v, [6, 7, 0, 1, 2, 3, 4, 5])
}

/// Byte n of each lane becomes its byte `from[n]`, or 0 where that is -1.
#[inline]
#[target_feature(enable = "avx2")]
fn shuffle_bytes(v: Vector, from: [i8; 8]) -> Vector {
    let [a, b, c, d, e, f, g, h] = from;
    // The instruction counts within 16 bytes; its zero marker stays negative.
    let second = |n: i8| if n < 0 { n } else { n + 8 };
    let [i, j, k, l, m, n, o, p] = from.map(second);
    let bytes = _mm256_setr_epi8(
        a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, //
        a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p,
    );
    [_mm256_shuffle_epi8(v[0], bytes), _mm256_shuffle_epi8(v[1], bytes)]
}

#[inline]
#[target_feature(enable = "avx2")]
fn broadcast(word: u64) -> Vector {
    [_mm256_set1_epi64x(word as i64); 2]
}

#[inline]
#[target_feature(enable = "avx2")]
fn and(a: Vector, b: Vector) -> Vector {
    [_mm256_and_si256(a[0], b[0]), _mm256_and_si256(a[1], b[1])]
}

#[inline]
#[target_feature(enable = "avx2")]
fn or(a: Vector, b: Vector) -> Vector {
    [_mm256_or_si256(a[0], b[0]), _mm256_or_si256(a[1], b[1])]
}

#[inline]
#[target_feature(enable = "avx2")]
fn shift_left<const BITS: i32>(v: Vector) -> Vector {
    [_mm256_slli_epi64::<BITS>(v[0]), _mm256_slli_epi64::<BITS>(v[1])]
}

#[inline]
#[target_feature(enable = "avx2")]
fn shift_right<const BITS: i32>(v: Vector) -> Vector {
    [_mm256_srli_epi64::<BITS>(v[0]), _mm256_srli_epi64::<BITS>(v[1])]
}

#[inline]
#[target_feature(enable = "avx2")]
fn low_half(v: Vector) -> Vector {
    and(v, broadcast(0xffff_ffff))
}

#[inline]
#[target_feature(enable = "avx2")]
fn high_half(v: Vector) -> Vector {
    shift_right::<32>(v)
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(words: &[u64; LANES]) -> Vector {
    let at = words.as_ptr();
    // SAFETY: both reads lie within the eight words (32 bytes at word 0 and at
    // word 4) and need no alignment.
    unsafe { [_mm256_loadu_si256(at.cast()), _mm256_loadu_si256(at.add(4).cast())] }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(vector: Vector, words: &mut [u64; LANES]) {
    let at = words.as_mut_ptr();
    // SAFETY: both writes lie within the eight words, which are ours to write,
    // and need no alignment.
    unsafe {
        _mm256_storeu_si256(at.cast(), vector[0]);
        _mm256_storeu_si256(at.add(4).cast(), vector[1]);
    }
}
