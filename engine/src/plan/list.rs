//! Lists of targets, read a line at a time: one or more tokens a line, apart by blanks or
//! commas; `#` starts a comment; blank lines, a byte order mark and the ends of lines of
//! other systems are skipped.
//!
//! A list may be long, damaged or no list at all. So nothing is kept of it but its first
//! faults and their count, a line may not be endless, and bytes that are no text become
//! replacement characters, which no target has: their line is refused by number.

use std::fmt;
use std::io::{self, BufRead, Read};

use super::error::{PlanError, Quoted, TargetFault};
use super::target::{TargetToken, read};

/// No line is longer, in bytes; a longer one is a fault, and the last line that is read.
pub const LINE_MAX: usize = 1 << 20;

/// Faults that are told one by one.
const TOLD: usize = 5;

/// What is wrong with a list: its first faults, and how many there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListFaults {
    list: String,
    first: Vec<Fault>,
    count: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Fault {
    /// The first line is 1.
    line: u64,
    text: Quoted,
    why: TargetFault,
}

impl fmt::Display for ListFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, Fault { line, text, why }) in self.first.iter().enumerate() {
            let before = if number == 0 { format!("{}, ", self.list) } else { "; ".to_owned() };
            write!(f, "{before}line {line}: bad target {text}: {why}")?;
        }
        match self.count - self.first.len() as u64 {
            0 => Ok(()),
            more => write!(f, "; and {more} more bad targets"),
        }
    }
}

/// Reads a list from `input`; `name` is what errors call it. Every token goes to `take`, also
/// before a fault.
///
/// # Errors
/// The outer error is one of reading; the inner [`PlanError::List`] tells the faults.
pub fn read_list(
    mut input: impl BufRead,
    name: &str,
    mut take: impl FnMut(TargetToken),
) -> io::Result<Result<(), PlanError>> {
    let mut faults = ListFaults { list: name.to_owned(), first: Vec::new(), count: 0 };
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        if input.by_ref().take(LINE_MAX as u64 + 1).read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&bytes);
        let text = if line == 1 { text.strip_prefix('\u{feff}').unwrap_or(&text) } else { &text };
        let mut fault = |word: &str, why| {
            faults.count += 1;
            if faults.first.len() < TOLD {
                faults.first.push(Fault { line, text: Quoted::new(word), why });
            }
        };
        if bytes.len() > LINE_MAX {
            fault(text, TargetFault::EndlessLine);
            break;
        }
        let content = text.split('#').next().unwrap_or_default();
        let words = content.split(|c: char| c == ',' || c.is_whitespace());
        for word in words.filter(|word| !word.is_empty()) {
            match read(word) {
                Ok(token) => take(token),
                Err(why) => fault(word, why),
            }
        }
    }
    Ok(if faults.count == 0 { Ok(()) } else { Err(PlanError::List(faults)) })
}

/// Reads a list that is in memory.
///
/// # Errors
/// [`PlanError::List`].
pub fn parse_list(text: &[u8], name: &str) -> Result<Vec<TargetToken>, PlanError> {
    let mut tokens = Vec::new();
    match read_list(text, name, |token| tokens.push(token)) {
        Ok(read) => read.map(|()| tokens),
        Err(error) => unreachable!("memory is read without {error}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_list_takes_comments_blank_lines_and_several_tokens_a_line() {
        let text = "\u{feff}# head\r\n\r\n192.0.2.1 192.0.2.2,example.org\t# two\n  10.0.0.0/8\n";
        let tokens = parse_list(text.as_bytes(), "list").unwrap();
        assert_eq!(tokens.len(), 4);
        assert_eq!(tokens[2], TargetToken::Hostname("example.org".into()));
        assert_eq!(parse_list(b"", "list").unwrap(), []);
        assert_eq!(parse_list(b"192.0.2.1", "list").unwrap().len(), 1);
    }

    #[test]
    fn a_bad_line_is_told_with_its_number_and_its_escaped_text() {
        let text = "10.0.0.1\n# fine\n\n10.0.0.2 \u{1b}[31mred # why\n10.0.0.3\n";
        let error = parse_list(text.as_bytes(), "targets.txt").unwrap_err();
        let told = error.to_string();
        assert!(told.starts_with("targets.txt, line 4: bad target \"\\u{1b}[31mred\""), "{told}");
        assert!(!told.contains("more"), "{told}");
    }

    #[test]
    fn of_many_faults_the_first_are_told_and_the_others_counted() {
        let mut text = "10.0.0.1\n".repeat(10);
        text += &"10.0.0.256\n".repeat(1000);
        let told = parse_list(text.as_bytes(), "l").unwrap_err().to_string();
        assert!(told.starts_with("l, line 11: bad target \"10.0.0.256\""), "{told}");
        assert!(told.contains("; line 15: ") && !told.contains("line 16"), "{told}");
        assert!(told.ends_with("; and 995 more bad targets"), "{told}");
        assert_eq!(told.lines().count(), 1);
    }

    #[test]
    fn nul_bytes_other_encodings_and_endless_lines_are_faults_of_their_line() {
        for (bytes, line) in
            [(&b"10.0.0.1\n10.0.\x000.2\n"[..], 2), (b"\xff\xfe1\x000\x00", 1), (b"\n\n\x80\n", 3)]
        {
            let told = parse_list(bytes, "l").unwrap_err().to_string();
            assert!(told.starts_with(&format!("l, line {line}: bad target")), "{told}");
        }
        let endless = parse_list(&b"1".repeat(3 * LINE_MAX), "l").unwrap_err().to_string();
        assert!(endless.contains("line 1") && endless.len() < 300, "{endless}");
        assert!(!endless.contains("line 2"), "the rest is not read: {endless}");
        // A device without end is read no further.
        let zeros = io::BufReader::new(io::repeat(0));
        assert!(read_list(zeros, "l", |_| ()).unwrap().is_err());
        let mut fits = b"10.0.0.1 #".to_vec();
        fits.resize(LINE_MAX - 1, b'x');
        fits.extend(b"\n10.0.0.2\n");
        assert_eq!(parse_list(&fits, "l").unwrap().len(), 2);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_in_printable_words(bytes: Vec<u8>) {
            if let Err(error) = parse_list(&bytes, "noise") {
                let told = error.to_string();
                prop_assert!(told.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{}", told);
            }
        }
    }
}
