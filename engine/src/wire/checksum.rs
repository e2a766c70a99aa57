//! The Internet checksum (RFC 1071), whole and incremental (RFC 1624).
//!
//! Sums are taken over the bytes read as little-endian words: the one's
//! complement sum does not mind the byte order as long as the result is written
//! back the same way (RFC 1071, section 2(B)).

/// The not yet folded sum of `bytes`; an odd last byte is padded with zero.
#[must_use]
pub fn sum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<2>();
    let mut sum: u64 = words.iter().map(|&word| u64::from(u16::from_le_bytes(word))).sum();
    if let [last] = rest {
        sum += u64::from(*last);
    }
    sum
}

/// Folds a sum of 16- and 32-bit words to the checksum, as two bytes for the
/// header. Below 2^63 nothing can overflow.
#[inline]
#[must_use]
pub fn finish(sum: u64) -> [u8; 2] {
    // Adding a word to itself turned by half leaves in its upper half the sum of
    // both halves with the carry already added back.
    let sum = (sum.wrapping_add(sum.rotate_right(32)) >> 32) as u32;
    let sum = sum.wrapping_add(sum.rotate_right(16)) >> 16;
    (!(sum as u16)).to_le_bytes()
}

/// The checksum of `bytes`, its own field within them being zero.
#[must_use]
pub fn checksum(bytes: &[u8]) -> [u8; 2] {
    finish(sum(bytes))
}

/// The checksum after a field has changed from `old` to `new`, both of the same
/// even length and at an even offset: RFC 1624, equation 3.
#[must_use]
pub fn update(checksum: [u8; 2], old: &[u8], new: &[u8]) -> [u8; 2] {
    let complement: u64 =
        old.as_chunks::<2>().0.iter().map(|&word| u64::from(!u16::from_le_bytes(word))).sum();
    finish(u64::from(!u16::from_le_bytes(checksum)) + complement + sum(new))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 1071 as written there: 16-bit big-endian words, carries folded.
    fn oracle(bytes: &[u8]) -> [u8; 2] {
        let mut sum = 0u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        (!(sum as u16)).to_be_bytes()
    }

    #[test]
    fn the_example_of_rfc_1071_comes_out() {
        let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(checksum(&bytes), (!0xddf2u16).to_be_bytes());
    }

    proptest! {
        #[test]
        fn it_equals_the_definition(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(checksum(&bytes), oracle(&bytes));
        }

        #[test]
        fn an_update_equals_the_whole(
            mut bytes in proptest::collection::vec(any::<u8>(), 20..60), at in 0usize..8, new: [u8; 4]
        ) {
            // A real header is never all zero (RFC 1624 is about that case).
            bytes[19] = 0x45;
            let before = checksum(&bytes);
            let old: [u8; 4] = bytes[at * 2..at * 2 + 4].try_into().expect("four bytes");
            bytes[at * 2..at * 2 + 4].copy_from_slice(&new);
            prop_assert_eq!(update(before, &old, &new), checksum(&bytes));
        }

        #[test]
        fn wide_words_fold_like_narrow_ones(words in proptest::collection::vec(any::<u32>(), 0..20)) {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            let wide = words.iter().map(|&word| u64::from(word)).sum();
            prop_assert_eq!(finish(wide), checksum(&bytes));
        }
    }
}
