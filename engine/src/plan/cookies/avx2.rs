//! SipHash-1-3 of eight messages at a time in AVX2 registers: four lanes a
//! register, two registers in flight to hide the latency of each step.
//!
//! Written with intrinsics because arrays of `u64` are not reliably turned into
//! vector code.

#![expect(unsafe_code, reason = "AVX2 functions are called and eight words loaded and stored")]

use std::arch::x86_64::{
    __m256i, _mm256_add_epi64, _mm256_loadu_si256, _mm256_or_si256, _mm256_set1_epi64x,
    _mm256_setr_epi8, _mm256_shuffle_epi8, _mm256_shuffle_epi32, _mm256_slli_epi64,
    _mm256_srli_epi64, _mm256_storeu_si256, _mm256_xor_si256,
};

use prtip_bpf::abi::Key;

use super::{INITIAL, V4_LENGTH, V6_LENGTH, Words};

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
    pub(super) fn hash_v4(self, key: Key, words: &mut Words, count: usize) {
        // SAFETY: `self` exists only where `detect` has seen AVX2, which is all
        // that the function needs; without it the CPU would fault.
        unsafe { hash_v4(key, words, count) }
    }

    #[inline]
    pub(super) fn hash_v6(
        self,
        key: Key,
        first: &Words,
        second: &Words,
        ports: &mut Words,
        count: usize,
    ) {
        // SAFETY: as for `hash_v4`.
        unsafe { hash_v6(key, first, second, ports, count) }
    }
}

#[target_feature(enable = "avx2")]
fn hash_v4(key: Key, words: &mut Words, count: usize) {
    let (lanes, _) = words.as_chunks_mut::<LANES>();
    let last = [_mm256_set1_epi64x(V4_LENGTH as i64); 2];
    for words in lanes.iter_mut().take(count.div_ceil(LANES)) {
        store(siphash13(key, [load(words)], last), words);
    }
}

#[target_feature(enable = "avx2")]
fn hash_v6(key: Key, first: &Words, second: &Words, ports: &mut Words, count: usize) {
    let (first, _) = first.as_chunks::<LANES>();
    let (second, _) = second.as_chunks::<LANES>();
    let (ports, _) = ports.as_chunks_mut::<LANES>();
    let length = [_mm256_set1_epi64x(V6_LENGTH as i64); 2];
    let lanes = first.iter().zip(second).zip(ports).take(count.div_ceil(LANES));
    for ((first, second), ports) in lanes {
        let last = xor(load(ports), length);
        store(siphash13(key, [load(first), load(second)], last), ports);
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn siphash13<const W: usize>(key: Key, words: [Vector; W], last: Vector) -> Vector {
    let set = |half: u64, word: u64| [_mm256_set1_epi64x((half ^ word) as i64); 2];
    let [a, b, c, d] = INITIAL;
    let mut v = [set(key.k0, a), set(key.k1, b), set(key.k0, c), set(key.k1, d)];
    for word in words {
        v[3] = xor(v[3], word);
        v = round(v);
        v[0] = xor(v[0], word);
    }
    v[3] = xor(v[3], last);
    v = round(v);
    v[0] = xor(v[0], last);
    v[2] = xor(v[2], set(0, 0xff));
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
    [
        _mm256_or_si256(_mm256_slli_epi64::<LEFT>(v[0]), _mm256_srli_epi64::<RIGHT>(v[0])),
        _mm256_or_si256(_mm256_slli_epi64::<LEFT>(v[1]), _mm256_srli_epi64::<RIGHT>(v[1])),
    ]
}

#[inline]
#[target_feature(enable = "avx2")]
fn rotate_32(v: Vector) -> Vector {
    [_mm256_shuffle_epi32::<0b10_11_00_01>(v[0]), _mm256_shuffle_epi32::<0b10_11_00_01>(v[1])]
}

#[inline]
#[target_feature(enable = "avx2")]
fn rotate_16(v: Vector) -> Vector {
    // Each lane's bytes, two places up.
    let bytes = _mm256_setr_epi8(
        6, 7, 0, 1, 2, 3, 4, 5, 14, 15, 8, 9, 10, 11, 12, 13, 6, 7, 0, 1, 2, 3, 4, 5, 14, 15, 8, 9,
        10, 11, 12, 13,
    );
    [_mm256_shuffle_epi8(v[0], bytes), _mm256_shuffle_epi8(v[1], bytes)]
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
