//! Expressions of the Perl kind (PCRE, Ruby), written for our engine: what the two read
//! differently is rewritten, what our engine cannot do is refused. Nothing is dropped
//! silently: `\<`, a plain sign there, would be taken for the beginning of a word here.

use std::borrow::Cow;

use crate::rule::Text;

/// How `$` and `^` are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// At the ends of the text, `$` also before its last line feed (Perl).
    No,
    /// At the ends of every line (Ruby).
    Yes,
}

/// Rewrites an expression; bytes above 127 stand for themselves.
///
/// # Errors
/// What our engine cannot do.
pub fn translated(pattern: &[u8], lines: Lines) -> Result<String, Text> {
    let mut writer = Writer {
        input: pattern,
        at: 0,
        out: String::with_capacity(pattern.len() + 8),
        lines,
        groups: 0,
    };
    while let Some(byte) = writer.next() {
        writer.outside(byte)?;
    }
    Ok(writer.out)
}

struct Writer<'a> {
    input: &'a [u8],
    at: usize,
    out: String,
    lines: Lines,
    /// Groups opened so far.
    groups: u32,
}

const END: &str = r"(?:\n?\z)";

impl<'a> Writer<'a> {
    fn next(&mut self) -> Option<u8> {
        let byte = *self.input.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn rest(&self) -> &'a [u8] {
        &self.input[self.at..]
    }

    fn literal(&mut self, byte: u8) {
        match byte {
            // Escapes that would be words' ends.
            b'<' | b'>' => self.out.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => self.out.push(char::from(byte)),
            _ if byte.is_ascii_graphic() || byte == b' ' => {
                self.out.push('\\');
                self.out.push(char::from(byte));
            }
            _ => self.out.push_str(&format!("\\x{byte:02x}")),
        }
    }

    fn outside(&mut self, byte: u8) -> Result<(), Text> {
        match byte {
            b'\\' => self.escape(false)?,
            b'[' => self.class()?,
            b'$' if self.lines == Lines::No => self.out.push_str(END),
            b'$' => self.out.push_str("(?m:$)"),
            b'^' if self.lines == Lines::Yes => self.out.push_str("(?m:^)"),
            b'{' if self.counted().is_none() => self.out.push_str(r"\{"),
            b'{' => {
                let length = self.counted().unwrap_or_default();
                self.out.push('{');
                self.copy(length);
                self.possessive()?;
            }
            b'*' | b'+' | b'?' => {
                self.out.push(char::from(byte));
                self.possessive()?;
            }
            b'(' => self.group()?,
            0x20..0x7f => self.out.push(char::from(byte)),
            _ => self.literal(byte),
        }
        Ok(())
    }

    fn copy(&mut self, length: usize) {
        let text = String::from_utf8_lossy(&self.input[self.at..self.at + length]).into_owned();
        self.out.push_str(&text);
        self.at += length;
    }

    /// The length of `n}`, `n,}` or `n,m}` here.
    fn counted(&self) -> Option<usize> {
        let end = self.rest().iter().position(|&byte| byte == b'}')?;
        let inner = &self.rest()[..end];
        let comma = inner.iter().position(|&byte| byte == b',').unwrap_or(inner.len());
        let digits = |text: &[u8]| text.iter().all(u8::is_ascii_digit);
        let good = comma > 0
            && digits(&inner[..comma])
            && digits(inner.get(comma + 1..).unwrap_or_default());
        good.then_some(end + 1)
    }

    /// `a++` gives nothing back there, and means `(?:a+)+` here.
    fn possessive(&self) -> Result<(), Text> {
        match self.rest().first() {
            Some(b'+') => Err(Cow::Borrowed("a possessive quantifier")),
            _ => Ok(()),
        }
    }

    fn group(&mut self) -> Result<(), Text> {
        if self.header_lines() || self.last_byte_not() {
            return Ok(());
        }
        let rest = self.rest();
        for (opens, what) in [
            (&b"?="[..], "look-ahead"),
            (b"?!", "look-ahead"),
            (b"?<=", "look-behind"),
            (b"?<!", "look-behind"),
            (b"?>", "an atomic group"),
            (b"?|", "a branch reset"),
            (b"?(", "a conditional"),
            (b"?R", "recursion"),
            (b"?&", "recursion"),
            (b"?P=", "a back-reference"),
            (b"?P>", "recursion"),
            (b"*", "a verb"),
        ] {
            if rest.starts_with(opens) {
                return Err(Cow::Borrowed(what));
            }
        }
        if rest.starts_with(b"?#") {
            let end = rest.iter().position(|&byte| byte == b')').unwrap_or(rest.len());
            self.at += (end + 1).min(rest.len());
            return Ok(());
        }
        let named = rest.starts_with(b"?<") || rest.starts_with(b"?P<") || rest.starts_with(b"?'");
        if !rest.starts_with(b"?") || named {
            self.groups += 1;
        }
        self.out.push('(');
        // `?` after a parenthesis is no quantifier.
        let length = usize::from(rest.starts_with(b"?"));
        self.copy(length);
        Ok(())
    }

    /// "Some lines of the header, and no empty one": each line forbids, by a look-ahead,
    /// that an empty one follows. Where a letter or digit follows the last, that says the
    /// same as: the second and later lines are not empty.
    fn header_lines(&mut self) -> bool {
        const LINES: &[u8] = br"?:[^\r\n]*\r\n(?!\r\n))*?";
        let Some(after) = self.rest().strip_prefix(LINES) else { return false };
        if !after.first().is_some_and(u8::is_ascii_alphanumeric) || after.get(1) == Some(&b'?') {
            return false;
        }
        self.at += LINES.len();
        self.out.push_str(r"(?:[^\r\n]*\r\n(?:[^\r\n]+\r\n)*?)??");
        true
    }

    /// `(?!\xHH)` that ends the expression: any other byte or the end.
    fn last_byte_not(&mut self) -> bool {
        let rest = self.rest();
        let Some(&[high, low, b')']) = rest.strip_prefix(br"?!\x") else { return false };
        if !(high.is_ascii_hexdigit() && low.is_ascii_hexdigit()) {
            return false;
        }
        self.at = self.input.len();
        self.out.push_str(&format!(r"(?:[^\x{}{}]|\z)", char::from(high), char::from(low)));
        true
    }

    /// What follows a backslash.
    fn escape(&mut self, inside: bool) -> Result<(), Text> {
        let Some(byte) = self.next() else { return Err(Cow::Borrowed("a backslash at the end")) };
        match byte {
            b'0'..=b'9' => return self.digits(byte, inside),
            b'x' => self.hexadecimal()?,
            b'e' => self.out.push_str(r"\x1b"),
            b'a' | b'f' | b'n' | b'r' | b't' | b'd' | b'D' | b'w' | b'W' | b's' | b'S' => {
                self.out.push('\\');
                self.out.push(char::from(byte));
            }
            b'v' if inside => self.out.push_str(r"\n\x0b\f\r\x85"),
            b'v' => self.out.push_str(r"[\n\x0b\f\r\x85]"),
            b'h' if inside => self.out.push_str(r"\t\x20\xa0"),
            b'h' if self.lines == Lines::Yes => self.out.push_str("[0-9a-fA-F]"),
            b'h' => self.out.push_str(r"[\t\x20\xa0]"),
            b'b' if inside => self.out.push_str(r"\x08"),
            b'b' => self.out.push_str(r"\b"),
            b'c' => {
                let control = self.next().unwrap_or(b'@').to_ascii_uppercase() ^ 0x40;
                self.literal(control);
            }
            _ if inside => self.literal(byte),
            b'A' | b'B' | b'z' => {
                self.out.push('\\');
                self.out.push(char::from(byte));
            }
            b'Z' => self.out.push_str(END),
            b'N' => self.out.push_str(r"[^\n]"),
            b'R' => self.out.push_str(r"(?:\r\n|[\n\x0b\f\r\x85])"),
            b'Q' => self.quoted(),
            b'K' | b'G' | b'X' | b'C' | b'p' | b'P' | b'g' | b'k' => {
                return Err(format!("\\{}", char::from(byte)).into());
            }
            _ => self.literal(byte),
        }
        Ok(())
    }

    /// `\Q…\E`.
    fn quoted(&mut self) {
        while let Some(byte) = self.next() {
            if byte == b'\\' && self.rest().first() == Some(&b'E') {
                self.at += 1;
                return;
            }
            self.literal(byte);
        }
    }

    /// Octal numbers and back-references.
    fn digits(&mut self, first: u8, inside: bool) -> Result<(), Text> {
        let digits: Vec<u8> = std::iter::once(first)
            .chain(self.rest().iter().copied().take(2))
            .take_while(u8::is_ascii_digit)
            .collect();
        let decimal = digits.iter().fold(0, |n, digit| n * 10 + u32::from(digit - b'0'));
        let refers = !inside && first != b'0' && (decimal < 10 || decimal <= self.groups);
        let octal: Vec<u8> = digits.iter().copied().take_while(|digit| *digit < b'8').collect();
        if refers || octal.is_empty() {
            return Err(Cow::Borrowed("a back-reference"));
        }
        let value = octal.iter().fold(0_u32, |n, digit| n * 8 + u32::from(digit - b'0'));
        self.at += octal.len() - 1;
        self.out.push_str(&format!("\\x{:02x}", value & 0xff));
        Ok(())
    }

    /// `\xH`, `\xHH`, `\x{H…}`.
    fn hexadecimal(&mut self) -> Result<(), Text> {
        let braced = self.rest().first() == Some(&b'{');
        self.at += usize::from(braced);
        let most = if braced { 8 } else { 2 };
        let digits = self.rest().iter().take(most).take_while(|b| b.is_ascii_hexdigit()).count();
        let text = String::from_utf8_lossy(&self.rest()[..digits]).into_owned();
        self.at += digits;
        if braced && self.next() != Some(b'}') {
            return Err(Cow::Borrowed("\\x{ without }"));
        }
        let value = u32::from_str_radix(&text, 16).unwrap_or(0);
        match u8::try_from(value) {
            Ok(byte) => self.out.push_str(&format!("\\x{byte:02x}")),
            Err(_) => return Err(Cow::Borrowed("a character beyond one byte")),
        }
        Ok(())
    }

    /// A class, after its bracket.
    fn class(&mut self) -> Result<(), Text> {
        self.out.push('[');
        if self.rest().first() == Some(&b'^') {
            self.at += 1;
            self.out.push('^');
        }
        let mut first = true;
        while let Some(byte) = self.next() {
            match byte {
                b']' if !first => {
                    self.out.push(']');
                    return Ok(());
                }
                b'[' if self.rest().starts_with(b":") && self.posix_length().is_some() => {
                    self.out.push('[');
                    let length = self.posix_length().unwrap_or_default();
                    self.copy(length);
                }
                b'\\' => self.escape(true)?,
                b'-' if self.rest().first() == Some(&b'-') => self.out.push_str(r"\-"),
                // A range keeps its hyphen; at either end of the class it is itself.
                b'-' if !first && self.rest().first() != Some(&b']') && !self.after_class() => {
                    self.out.push('-');
                }
                b'-' => self.out.push_str(r"\-"),
                _ => self.literal(byte),
            }
            first = false;
        }
        Err(Cow::Borrowed("a class without its end"))
    }

    /// Whether what stands before here cannot begin a range: `\w-`.
    fn after_class(&self) -> bool {
        let before = &self.input[..self.at - 1];
        let escaped = before.len() >= 2 && before[before.len() - 2] == b'\\';
        escaped && before.last().is_some_and(|byte| b"wWdDsS".contains(byte))
    }

    fn posix_length(&self) -> Option<usize> {
        let end = self.rest().windows(2).position(|pair| pair == b":]")?;
        self.rest()[1..end]
            .iter()
            .all(|byte| byte.is_ascii_alphabetic() || *byte == b'^')
            .then_some(end + 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn perl(pattern: &str) -> String {
        translated(pattern.as_bytes(), Lines::No).unwrap_or_else(|why| format!("! {why}"))
    }

    fn matches(pattern: &str, text: &[u8]) -> bool {
        regex::bytes::RegexBuilder::new(&perl(pattern))
            .unicode(false)
            .build()
            .unwrap_or_else(|error| panic!("{pattern}: {error}"))
            .is_match(text)
    }

    #[test]
    fn what_both_read_alike_stays() {
        for same in
            [r"^SSH-([\d.]+)-(\w+)\r\n", "a{2}b{1,3}c{4,}", r"(?i)(?:a|b)*?", "[[:alpha:]x]"]
        {
            assert_eq!(perl(same).replace("\\.", "."), same);
        }
    }

    #[test]
    fn what_they_read_differently_is_rewritten() {
        for (pattern, text, expected) in [
            (r"^\0\x1\377$", &b"\0\x01\xff\n"[..], true),
            (r"a\<b\>", b"a<b>", true),
            (r"\<b", b"b", false),
            (r"^a{b}$", b"a{b}", true),
            (r"[[a]", b"[", true),
            (r"^[a&&b~~c]+$", b"&a~b", true),
            (r"^[\w-.]+$", b"a-.", true),
            (r"^[]x]+$", b"]x", true),
            (r"^[\w--]+$", b"a-", true),
            (r"x$", b"x\n", true),
            (r"x$", b"x\n\n", false),
            (r"^\Qa.b\E$", b"a.b", true),
            (r"^\Qa.b\E$", b"axb", false),
            (r"a(?#words)b", b"ab", true),
            (r"^(.)\12$", b"x\n", true),
            ("\u{fc}", "\u{fc}".as_bytes(), true),
            (r"\y\'\#", b"y'#", true),
            (r"^H (?:[^\r\n]*\r\n(?!\r\n))*?S: x", b"H 1\r\na: b\r\nS: x", true),
            (r"^H (?:[^\r\n]*\r\n(?!\r\n))*?S: x", b"H S: x", true),
            (r"^H (?:[^\r\n]*\r\n(?!\r\n))*?S: x", b"H \r\nS: x", true),
            (r"^H (?:[^\r\n]*\r\n(?!\r\n))*?S: x", b"H 1\r\n\r\nS: x", false),
            (r"a(?!\xff)", b"a", true),
            (r"a(?!\xff)", b"a\xff", false),
            (r"a(?!\xff)", b"a\0", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} -> {}", perl(pattern));
        }
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        for pattern in [
            r"(a)\1",
            "(?=a)",
            "(?!a)",
            "(?<=a)b",
            "(?<!a)b",
            "(?>a)",
            "a++",
            "a{2}+",
            r"\K",
            "[a",
            r"(?!\xff)a",
            r"(?:[^\r\n]*\r\n(?!\r\n))*?.x",
        ] {
            assert!(perl(pattern).starts_with('!'), "{pattern} -> {}", perl(pattern));
        }
    }
}
