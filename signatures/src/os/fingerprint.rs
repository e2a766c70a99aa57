//! How one host answered: a value a test, in nmap's notation, one line a probe or group of
//! probes: `T1(R=Y%DF=Y%T=40%S=O%A=S+%F=AS%RD=0%Q=)`.
//!
//! Read are such lines, and the block that nmap prints, wrapped, with `OS:` before each
//! line. A `SCAN(…)` line, which tells how the fingerprint came about, is kept as it is.

use std::fmt::{self, Write as _};

use super::faults::{Faults, quoted};
use super::notation::{Family, LineId, TEST_COUNT, Test};

/// No text of a fingerprint is longer, in bytes.
pub const LONGEST_TEXT: usize = 64 << 10;

/// No value is longer. TCP has room for 40 bytes of options, two characters each.
const LONGEST_VALUE: usize = 128;

/// A host's values.
#[derive(Clone)]
pub struct Fingerprint {
    /// All values, one after the other.
    text: String,
    /// Where each test's value begins and ends; `None` where it has none.
    places: [Option<(u16, u16)>; TEST_COUNT],
    /// What stands in the SCAN line.
    conditions: String,
}

impl Default for Fingerprint {
    fn default() -> Self {
        Self { text: String::new(), places: [None; TEST_COUNT], conditions: String::new() }
    }
}

impl Fingerprint {
    /// The value of a test.
    #[must_use]
    pub fn get(&self, test: Test) -> Option<&str> {
        let (from, to) = self.places[test.index()]?;
        Some(&self.text[usize::from(from)..usize::from(to)])
    }

    /// All values, in the order of printing.
    pub fn values(&self) -> impl Iterator<Item = (Test, &str)> {
        Test::all().filter_map(|test| Some((test, self.get(test)?)))
    }

    /// Gives a test a value, at most 128 bytes of it.
    pub fn set(&mut self, test: Test, value: impl fmt::Display) {
        let from = self.text.len();
        // A String takes all text.
        let _ = write!(self.text, "{value}");
        let mut to = self.text.len().min(from + LONGEST_VALUE);
        while !self.text.is_char_boundary(to) {
            to -= 1;
        }
        self.text.truncate(to);
        self.places[test.index()] = u16::try_from(from).ok().zip(u16::try_from(to).ok());
    }

    /// Takes a test's value away.
    pub fn unset(&mut self, test: Test) {
        self.places[test.index()] = None;
    }

    /// Whether it has no value at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.iter().all(Option::is_none)
    }

    /// How the host was reached; IPv4 where no line tells.
    #[must_use]
    pub fn family(&self) -> Family {
        let v6 = self.values().any(|(test, _)| test.line().family() == Family::V6);
        if v6 { Family::V6 } else { Family::V4 }
    }

    /// How the fingerprint came about, `V=7.93%OT=80%…`, or nothing.
    #[must_use]
    pub fn conditions(&self) -> &str {
        &self.conditions
    }

    /// Says how the fingerprint came about.
    pub fn set_conditions(&mut self, conditions: String) {
        self.conditions = conditions;
    }

    /// Reads a fingerprint.
    ///
    /// # Errors
    /// What is wrong with the text, line by line.
    pub fn parse(text: &[u8]) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        if text.len() > LONGEST_TEXT {
            faults.add(1, format!("longer than {LONGEST_TEXT} bytes: no fingerprint"));
            return Err(faults);
        }
        let joined = Joined::of(text, &mut faults);
        let mut fingerprint = Self::default();
        let mut seen = Vec::new();
        let mut at = 0;
        while at < joined.text.len() {
            let rest = &joined.text[at..];
            let line = joined.line(at);
            let Some(open) = rest.find('(') else {
                faults.add(line, format!("{}: no line of a fingerprint", quoted(rest.as_bytes())));
                break;
            };
            let name = rest[..open].trim();
            let Some(length) = rest[open..].find(')') else {
                faults.add(line, format!("{}: no closing parenthesis", quoted(name.as_bytes())));
                break;
            };
            let content = &rest[open + 1..open + length];
            if seen.contains(&name) {
                faults.add(line, format!("a second {} line", quoted(name.as_bytes())));
            } else if let Err(why) = fingerprint.take(name, content) {
                faults.add(line, why);
            }
            seen.push(name);
            at += open + length + 1;
        }
        let has = |family| fingerprint.values().any(|(test, _)| test.line().family() == family);
        if has(Family::V4) && has(Family::V6) {
            faults.add(1, "lines of IPv4 and of IPv6: two fingerprints");
        }
        if faults.is_empty() && fingerprint.is_empty() {
            faults.add(joined.line(joined.text.len()), "no test of a fingerprint");
        }
        if faults.is_empty() { Ok(fingerprint) } else { Err(faults) }
    }

    fn take(&mut self, name: &str, content: &str) -> Result<(), String> {
        if name == "SCAN" {
            content.clone_into(&mut self.conditions);
            return Ok(());
        }
        let line = LineId::of(name)
            .ok_or_else(|| format!("{}: no line of a fingerprint", quoted(name.as_bytes())))?;
        for pair in content.split('%').filter(|pair| !pair.is_empty()) {
            let told = || quoted(pair.as_bytes());
            let (test, value) =
                pair.split_once('=').ok_or_else(|| format!("{name}: {} has no =", told()))?;
            let test =
                line.test(test).ok_or_else(|| format!("{name}: {}: no such test", told()))?;
            if self.get(test).is_some() {
                return Err(format!("{test} has two values"));
            }
            if value.len() > LONGEST_VALUE {
                return Err(format!("{test}: a value of {} bytes", value.len()));
            }
            if value.contains(['|', '<', '>', '[', ']', '-']) {
                return Err(format!(
                    "{}: an expression; a fingerprint has one value a test",
                    told()
                ));
            }
            self.set(test, value);
        }
        Ok(())
    }
}

impl PartialEq for Fingerprint {
    fn eq(&self, other: &Self) -> bool {
        self.conditions == other.conditions && self.values().eq(other.values())
    }
}

impl Eq for Fingerprint {}

impl fmt::Display for Fingerprint {
    /// One line of text for each line of the fingerprint that has values, without a newline
    /// at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        if !self.conditions.is_empty() {
            write!(f, "SCAN({})", self.conditions)?;
            between = "\n";
        }
        for line in LineId::all() {
            let mut values = line.tests().filter_map(|test| Some((test, self.get(test)?)));
            let Some((test, value)) = values.next() else { continue };
            write!(f, "{between}{}({}={value}", line.name(), test.name())?;
            for (test, value) in values {
                write!(f, "%{}={value}", test.name())?;
            }
            f.write_str(")")?;
            between = "\n";
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The lines of a text put together, since nmap wraps them anywhere.
struct Joined {
    text: String,
    /// Where each line begins, and its number.
    lines: Vec<(usize, usize)>,
}

impl Joined {
    fn of(text: &[u8], faults: &mut Faults) -> Self {
        let mut joined = Self { text: String::new(), lines: Vec::new() };
        for (at, line) in text.split(|&byte| byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            let line = line.strip_prefix(b"OS:").unwrap_or(line);
            // Of an entry copied from a database only the tests count.
            let about = [&b"#"[..], b"Fingerprint ", b"Class ", b"CPE ", b"TCP/IP fingerprint:"];
            if line.is_empty() || about.iter().any(|word| line.starts_with(word)) {
                continue;
            }
            match std::str::from_utf8(line) {
                Ok(line) if line.bytes().all(|byte| (0x20..0x7f).contains(&byte)) => {
                    joined.lines.push((joined.text.len(), at + 1));
                    joined.text.push_str(line);
                }
                _ => faults.add(at + 1, format!("{}: no text", quoted(line))),
            }
        }
        joined
    }

    fn line(&self, at: usize) -> usize {
        self.lines.iter().rev().find(|(begin, _)| *begin <= at).map_or(1, |(_, line)| *line)
    }
}

#[cfg(test)]
#[path = "fingerprint_tests.rs"]
mod tests;
