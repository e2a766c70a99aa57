//! The checksum of the log's lines: CRC-32C of everything before, so that a flipped bit, a
//! line that is missing and one in the wrong place are all told from what was written.
//!
//! The last field of a line is `"crc":"xxxxxxxx"`: the CRC-32C of all lines of the log so
//! far, each up to the comma before that field; of all files, where the log is rotated.
//! So a line stays one JSON object, and whoever reads it with other programs need not
//! know. The CRC finds accidents; it keeps nobody from changing a log on purpose.

/// What stands before the eight digits.
const BEFORE: &[u8; 8] = br#","crc":""#;
/// What stands behind them.
const AFTER: &[u8; 3] = b"\"}\n";
/// Bytes that a checksum adds to a line, its end included.
pub(super) const TAIL: usize = BEFORE.len() + 8 + AFTER.len();
/// Bytes by which a record grows.
pub(super) const ADDED: usize = TAIL - 2;
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The checksum of what has been written or read so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chain(u32);

impl Chain {
    /// Takes a line as a record is encoded, `{…}` and a newline; returns the part of it
    /// that is to be written and what is to be written behind that.
    pub(super) fn seal<'a>(&mut self, line: &'a [u8]) -> (&'a [u8], [u8; TAIL]) {
        let body = line.strip_suffix(b"}\n").expect("a line is one JSON object and a newline");
        self.0 = crc32c::crc32c_append(self.0, body);
        let mut tail = [0; TAIL];
        tail[..8].copy_from_slice(BEFORE);
        tail[8..16].copy_from_slice(&self.digits());
        tail[16..].copy_from_slice(AFTER);
        (body, tail)
    }

    /// Takes a line that was read, without its newline; false where its checksum is not
    /// that of what was read so far.
    #[must_use]
    pub fn accept(&mut self, line: &[u8]) -> bool {
        let Some((body, tail)) = split(line) else { return false };
        let next = Self(crc32c::crc32c_append(self.0, body));
        let right = tail == next.digits();
        if right {
            *self = next;
        }
        right
    }

    /// Whether the line, without its newline, ends in the field of a checksum.
    #[must_use]
    pub fn is_sealed(line: &[u8]) -> bool {
        split(line).is_some()
    }

    /// Its eight digits.
    pub(super) fn digits(self) -> [u8; 8] {
        std::array::from_fn(|at| DIGITS[(self.0 >> (28 - 4 * at)) as usize & 15])
    }

    /// The same as text.
    #[must_use]
    pub fn text(self) -> String {
        format!("{:08x}", self.0)
    }
}

/// What is summed, and the digits.
fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = line.strip_suffix(b"\"}")?;
    let (rest, digits) = line.split_at_checked(line.len().checked_sub(8)?)?;
    Some((rest.strip_suffix(BEFORE)?, digits))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Bit by bit, from the polynomial (RFC 3720, B.4), as an oracle for the library.
    fn crc32c_bitwise(bytes: &[u8]) -> u32 {
        let mut crc = !0_u32;
        for &byte in bytes {
            crc ^= u32::from(byte);
            for _ in 0..8 {
                crc = (crc >> 1) ^ ((crc & 1) * 0x82f6_3b78);
            }
        }
        !crc
    }

    fn sealed(lines: &[&str]) -> Vec<String> {
        let mut chain = Chain::default();
        lines
            .iter()
            .map(|line| {
                let (body, tail) = chain.seal(line.as_bytes());
                String::from_utf8([body, &tail].concat()).unwrap()
            })
            .collect()
    }

    const LINES: [&str; 3] = ["{\"a\":1}\n", "{\"a\":2}\n", "{\"b\":\"\\\",\\\"crc\"}\n"];

    #[test]
    fn a_checksum_is_that_of_all_lines_so_far() {
        assert_eq!(crc32c_bitwise(b"123456789"), 0xe306_9283);
        let lines = sealed(&LINES);
        for (number, line) in lines.iter().enumerate() {
            let before: String =
                LINES[..=number].iter().map(|line| line.strip_suffix("}\n").unwrap()).collect();
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            let expected = format!("{:08x}", crc32c_bitwise(before.as_bytes()));
            assert_eq!(value["crc"], expected.as_str());
        }
    }

    #[test]
    fn any_flipped_bit_and_any_missing_repeated_or_swapped_line_is_found() {
        let lines = sealed(&LINES);
        let accepted = |lines: &[&[u8]]| {
            let mut chain = Chain::default();
            lines.iter().take_while(|line| chain.accept(line)).count()
        };
        let whole: Vec<&[u8]> = lines.iter().map(|line| line.trim_end().as_bytes()).collect();
        assert_eq!(accepted(&whole), 3);
        for at in 0..whole.len() {
            for bit in 0..whole[at].len() * 8 {
                let mut flipped = whole[at].to_vec();
                flipped[bit / 8] ^= 1 << (bit % 8);
                let mut changed = whole.clone();
                changed[at] = &flipped;
                assert_eq!(accepted(&changed), at, "line {at}, bit {bit}");
            }
        }
        assert_eq!(accepted(&[whole[1], whole[2]]), 0);
        assert_eq!(accepted(&[whole[0], whole[2]]), 1);
        assert_eq!(accepted(&[whole[0], whole[0], whole[1]]), 1);
        assert_eq!(accepted(&[whole[0], whole[2], whole[1]]), 1);
    }

    #[test]
    fn short_and_foreign_lines_are_no_sealed_ones() {
        for line in ["", "}", "\"}", "{}", "{\"crc\":\"00000000\"}", ",\"crc\":\"0000000\"}"] {
            assert!(!Chain::is_sealed(line.as_bytes()), "{line}");
            assert!(!Chain::default().accept(line.as_bytes()));
        }
    }
}
