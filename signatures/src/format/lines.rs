//! Lines of a signature file: comments and blank lines go, quoted bytes are read.

use super::Place;

/// What is wrong with a file, and where.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{}:{}: {what}", .place.file, .place.line)]
pub struct Fault {
    /// Where.
    pub place: Place,
    /// What.
    pub what: String,
}

impl Place {
    /// A fault here.
    pub fn fault(&self, what: impl Into<String>) -> Fault {
        Fault { place: self.clone(), what: what.into() }
    }
}

/// One line that says something.
#[derive(Debug)]
pub(super) struct Line<'a> {
    /// Its first word; `"` where it begins with a quoted text.
    pub word: &'a str,
    /// What follows the word.
    pub rest: &'a str,
    /// Where it stands.
    pub place: Place,
}

/// The lines of a file that say something.
pub(super) fn lines<'a>(file: &'a str, text: &'a str) -> impl Iterator<Item = Line<'a>> {
    text.lines().enumerate().filter_map(move |(at, line)| {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let (word, rest) = if line.starts_with('"') {
            ("\"", line)
        } else {
            line.split_once(char::is_whitespace).unwrap_or((line, ""))
        };
        let place = Place { file: file.to_owned(), line: at + 1 };
        Some(Line { word, rest: rest.trim(), place })
    })
}

/// Reads one quoted text: `"…"` with \r \n \t \0 \\ \" \xNN; other characters stand
/// for their UTF-8 bytes. `hex 0d 0a` is the other way to write bytes.
pub(super) fn bytes(text: &str) -> Result<Vec<u8>, String> {
    if let Some(digits) = text.strip_prefix("hex ") {
        return hex(digits);
    }
    let inner = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .ok_or_else(|| format!("not a quoted text: {text}"))?;
    let mut out = Vec::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return Err("a quote inside: write \\\"".to_owned()),
            '\\' => out.push(escape(&mut chars)?),
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Ok(out)
}

fn escape(chars: &mut std::str::Chars<'_>) -> Result<u8, String> {
    match chars.next() {
        Some('r') => Ok(b'\r'),
        Some('n') => Ok(b'\n'),
        Some('t') => Ok(b'\t'),
        Some('0') => Ok(0),
        Some('\\') => Ok(b'\\'),
        Some('"') => Ok(b'"'),
        Some('x') => {
            let digits: String = chars.by_ref().take(2).collect();
            hex(&digits)
                .ok()
                .and_then(|bytes| bytes.first().copied())
                .ok_or_else(|| format!("not a byte: \\x{digits}"))
        }
        other => Err(format!("unknown escape \\{}", other.map_or(String::new(), String::from))),
    }
}

fn hex(digits: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u8> = digits.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| {
            std::str::from_utf8(pair)
                .ok()
                .filter(|pair| pair.len() == 2)
                .and_then(|pair| u8::from_str_radix(pair, 16).ok())
                .ok_or_else(|| format!("not hexadecimal: {}", String::from_utf8_lossy(pair)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_bytes_and_hexadecimal_say_the_same() {
        assert_eq!(bytes(r#""a\r\n\xff\0\"\\""#), Ok(b"a\r\n\xff\0\"\\".to_vec()));
        assert_eq!(bytes("hex 610d 0aff00 22 5c"), bytes(r#""a\r\n\xff\0\"\\""#));
        for bad in [r#""a"#, r#""\q""#, r#""\x4""#, r#""a"b""#, "hex 6", "hex 6g", "a"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
    }
}
