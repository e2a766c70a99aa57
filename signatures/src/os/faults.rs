//! What is wrong with a text, line by line: the first faults and how many there are.

use std::fmt;

/// Faults that are told one by one.
const TOLD: usize = 5;

/// Characters of a quotation.
const QUOTED: usize = 60;

/// The faults of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    first: Vec<(usize, String)>,
    count: u64,
}

impl Faults {
    /// One more; the first line is 1.
    pub(super) fn add(&mut self, line: usize, why: impl Into<String>) {
        self.count += 1;
        if self.first.len() < TOLD {
            self.first.push((line, why.into()));
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The line of the first.
    #[must_use]
    pub fn first_line(&self) -> Option<usize> {
        self.first.first().map(|(line, _)| *line)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (line, why)) in self.first.iter().enumerate() {
            let between = if number == 0 { "" } else { "; " };
            write!(f, "{between}line {line}: {why}")?;
        }
        match self.count - self.first.len() as u64 {
            0 => Ok(()),
            1 => write!(f, "; and 1 more fault"),
            more => write!(f, "; and {more} more faults"),
        }
    }
}

/// Text from outside in quotation marks, escaped and cut.
pub(super) fn quoted(text: &[u8]) -> String {
    let mut quoted: String = text.escape_ascii().take(QUOTED).map(char::from).collect();
    if text.escape_ascii().count() > QUOTED {
        quoted.push('…');
    }
    format!("\"{quoted}\"")
}
