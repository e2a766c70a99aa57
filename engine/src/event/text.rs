//! Text that others chose (names, banners, arguments) as printable ASCII, for every
//! format that is not JSON; [`record`](super::record) does the same by `\u` escapes.
//!
//! A terminal obeys control characters, marks that turn the reading direction let text
//! pose as other text, XML forbids most controls even as references, and a banner need
//! not be UTF-8 at all. So whatever is not printable ASCII is written as `\xNN` (a byte)
//! or `\u{N}` (a character), and a backslash as two: what was there can be read back.

use std::fmt::{self, Write};

/// Bytes as printable ASCII.
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a> {
    bytes: &'a [u8],
    also: &'a [u8],
}

impl<'a> Printable<'a> {
    /// These bytes, UTF-8 or not.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, also: b"" }
    }

    /// These ASCII characters are escaped too: a format gives them a meaning.
    #[must_use]
    pub fn without(mut self, also: &'a [u8]) -> Self {
        self.also = also;
        self
    }
}

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        each_piece(self.bytes, |piece| match piece {
            Piece::Plain(c) if self.also.contains(&(c as u8)) => write!(f, "\\x{:02x}", c as u8),
            piece => piece.write(f),
        })
    }
}

/// Bytes as the value of an XML attribute between double quotes. Letters and digits of
/// other scripts are kept, as character references.
#[derive(Clone, Copy, Debug)]
pub struct XmlAttribute<'a>(pub &'a [u8]);

impl fmt::Display for XmlAttribute<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        each_piece(self.0, |piece| match piece {
            Piece::Plain('&') => f.write_str("&amp;"),
            Piece::Plain('<') => f.write_str("&lt;"),
            Piece::Plain('>') => f.write_str("&gt;"),
            Piece::Plain('"') => f.write_str("&quot;"),
            Piece::Plain('\'') => f.write_str("&apos;"),
            Piece::Other(c) if c.is_alphanumeric() => write!(f, "&#x{:x};", u32::from(c)),
            piece => piece.write(f),
        })
    }
}

/// Bytes as a field of CSV (RFC 4180). What a spreadsheet would take for a formula does
/// not begin with its sign.
#[derive(Clone, Copy, Debug)]
pub struct CsvField<'a>(pub &'a [u8]);

impl fmt::Display for CsvField<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = self.0.iter().any(|byte| matches!(byte, b'"' | b',' | b' '));
        if quoted {
            f.write_char('"')?;
        }
        let mut first = true;
        each_piece(self.0, |piece| {
            let formula = std::mem::replace(&mut first, false);
            match piece {
                Piece::Plain('"') => f.write_str("\"\""),
                Piece::Plain(c @ ('=' | '+' | '-' | '@')) if formula => {
                    write!(f, "\\x{:02x}", c as u8)
                }
                piece => piece.write(f),
            }
        })?;
        if quoted {
            f.write_char('"')?;
        }
        Ok(())
    }
}

/// A part of a text by what can be done with it.
enum Piece {
    /// Printable ASCII but for the backslash.
    Plain(char),
    /// A backslash.
    Backslash,
    /// A control character of ASCII, or a byte that is part of no character.
    Byte(u8),
    /// A character beyond ASCII.
    Other(char),
}

impl Piece {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(c) => f.write_char(*c),
            Self::Backslash => f.write_str("\\\\"),
            Self::Byte(byte) => write!(f, "\\x{byte:02x}"),
            Self::Other(c) => write!(f, "\\u{{{:x}}}", u32::from(*c)),
        }
    }
}

fn each_piece(bytes: &[u8], mut take: impl FnMut(Piece) -> fmt::Result) -> fmt::Result {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            take(match c {
                '\\' => Piece::Backslash,
                ' '..='~' => Piece::Plain(c),
                '\0'..='\x7f' => Piece::Byte(c as u8),
                _ => Piece::Other(c),
            })?;
        }
        for &byte in chunk.invalid() {
            take(Piece::Byte(byte))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// Reads escapes back.
    fn original(text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            if c != '\\' {
                bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            } else if let Some(after) = rest.strip_prefix('x') {
                bytes.push(u8::from_str_radix(&after[..2], 16).unwrap());
                rest = &after[2..];
            } else if let Some((digits, after)) =
                rest.strip_prefix("u{").and_then(|digits| digits.split_once('}'))
            {
                let c = char::from_u32(u32::from_str_radix(digits, 16).unwrap()).unwrap();
                bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                rest = after;
            } else {
                bytes.push(b'\\');
                rest = rest.strip_prefix('\\').unwrap();
            }
        }
        bytes
    }

    fn from_xml(text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, reference)) = rest.split_once('&') {
            out.push_str(before);
            let (name, after) = reference.split_once(';').unwrap();
            out.push(match name {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                "apos" => '\'',
                other => {
                    let digits = other.strip_prefix("#x").unwrap();
                    char::from_u32(u32::from_str_radix(digits, 16).unwrap()).unwrap()
                }
            });
            rest = after;
        }
        out + rest
    }

    fn hostile() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            any::<Vec<u8>>(),
            any::<String>().prop_map(String::into_bytes),
            proptest::collection::vec(
                prop::sample::select(vec![
                    "\x1b[2J", "\u{202e}", "\0", "]]>", "\"", "\\", "&", ",", "\r\n", "\u{9b}",
                    "=", "é",
                ]),
                0..12
            )
            .prop_map(|parts| parts.concat().into_bytes()),
        ]
    }

    proptest! {
        #[test]
        fn every_text_is_printable_ascii_and_can_be_read_back(bytes in hostile()) {
            let texts = [
                Printable::new(&bytes).to_string(),
                Printable::new(&bytes).without(b"/()\"").to_string(),
                XmlAttribute(&bytes).to_string(),
                CsvField(&bytes).to_string(),
            ];
            for text in &texts {
                prop_assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{text:?}");
            }
            prop_assert_eq!(original(&texts[0]), bytes.clone());
            prop_assert_eq!(original(&texts[1]), bytes.clone());
            prop_assert!(!texts[1].contains(['/', '(', ')', '"']));
            prop_assert!(!texts[2].contains(['<', '>', '"', '\'']));
            prop_assert_eq!(original(&from_xml(&texts[2])), bytes.clone());
            let field = match texts[3].strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
                Some(inner) => inner.replace("\"\"", "\""),
                None => {
                    prop_assert!(!texts[3].contains(['"', ',']));
                    texts[3].clone()
                }
            };
            prop_assert!(!field.starts_with(['=', '+', '-', '@']));
            prop_assert_eq!(original(&field), bytes);
        }
    }

    #[test]
    fn letters_stay_letters_in_xml_and_marks_do_not() {
        let text = "é\u{202e}\u{0}]]>".as_bytes();
        assert_eq!(XmlAttribute(text).to_string(), "&#xe9;\\u{202e}\\x00]]&gt;");
        assert_eq!(Printable::new(text).to_string(), "\\u{e9}\\u{202e}\\x00]]>");
        assert_eq!(CsvField(b"a \"b\"\n").to_string(), "\"a \"\"b\"\"\\x0a\"");
    }
}
