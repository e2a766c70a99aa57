//! The lines of a fingerprint and the tests in them. A test is known by its line and its
//! name, `T1.DF`; everything that has one value a test is an array over [`Test::all`].
//!
//! Lines whose names begin with 6 are of IPv6, and ours: nmap tells answers by IPv6 as
//! numbers for a model of its own. Where a test means the same it has the same name.
//!
//! | test | by IPv6 |
//! |---|---|
//! | T, TG | hop limit, counted from the host or guessed |
//! | TC | traffic class, of echoes S where it is the one that was asked with |
//! | FL | flow label: Z none, S the one of the probe, O another |
//! | 6U1.RFL, RTC | flow label and class as quoted: G as they were sent |
//! | 6PP | answer to an unknown destination option. A: P parameter problem, E an echo reply as if there were none; CD, PT: its code and pointer |

/// A line: its name, and its tests in the order of printing.
struct Line {
    name: &'static str,
    tests: &'static [&'static str],
}

const fn tcp(name: &'static str) -> Line {
    Line { name, tests: &["R", "DF", "T", "TG", "TOS", "W", "S", "A", "F", "O", "RD", "Q"] }
}

const fn tcp6(name: &'static str) -> Line {
    Line { name, tests: &["R", "T", "TG", "TC", "FL", "W", "S", "A", "F", "O", "RD", "Q"] }
}

/// All lines. `TOS`, `TOSI`, `SI`, `DLI` and `RUL` are tests of old databases.
const LINES: [Line; LINE_COUNT] = [
    Line { name: "SEQ", tests: &["R", "SP", "GCD", "ISR", "TI", "CI", "II", "SS", "TS"] },
    Line { name: "OPS", tests: &["R", "O1", "O2", "O3", "O4", "O5", "O6"] },
    Line { name: "WIN", tests: &["R", "W1", "W2", "W3", "W4", "W5", "W6"] },
    Line { name: "ECN", tests: &["R", "DF", "T", "TG", "TOS", "W", "O", "CC", "Q"] },
    tcp("T1"),
    tcp("T2"),
    tcp("T3"),
    tcp("T4"),
    tcp("T5"),
    tcp("T6"),
    tcp("T7"),
    Line {
        name: "U1",
        tests: &[
            "R", "DF", "T", "TG", "TOS", "IPL", "UN", "RIPL", "RID", "RIPCK", "RUCK", "RUL", "RUD",
        ],
    },
    Line { name: "IE", tests: &["R", "DFI", "T", "TG", "TOSI", "CD", "SI", "DLI"] },
    Line { name: "6SEQ", tests: &["SP", "GCD", "ISR", "TS"] },
    Line { name: "6OPS", tests: &["R", "O1", "O2", "O3", "O4", "O5", "O6"] },
    Line { name: "6WIN", tests: &["R", "W1", "W2", "W3", "W4", "W5", "W6"] },
    Line { name: "6ECN", tests: &["R", "T", "TG", "TC", "FL", "W", "O", "CC", "Q"] },
    tcp6("6T1"),
    tcp6("6T2"),
    tcp6("6T3"),
    tcp6("6T4"),
    tcp6("6T5"),
    tcp6("6T6"),
    tcp6("6T7"),
    Line {
        name: "6U1",
        tests: &["R", "T", "TG", "TC", "FL", "IPL", "UN", "RIPL", "RTC", "RFL", "RUCK", "RUD"],
    },
    Line { name: "6IE", tests: &["R", "T", "TG", "TC", "FL", "CD"] },
    Line { name: "6PP", tests: &["R", "A", "T", "TG", "TC", "FL", "IPL", "CD", "PT"] },
];

/// Lines of a fingerprint, of both families.
pub const LINE_COUNT: usize = 27;

/// Those of IPv4, which come first.
const V4_LINES: usize = 13;

/// Tests of all lines.
pub const TEST_COUNT: usize = 275;

/// Tests of a family at most: a fingerprint is of one.
pub const MOST_TESTS: usize = 138;

/// How a host is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4: nmap's sixteen probes and tests.
    V4,
    /// IPv6: what of these there is, and what it has of its own.
    V6,
}

impl Family {
    /// Its lines, in order.
    pub fn lines(self) -> impl Iterator<Item = LineId> {
        LineId::all().filter(move |line| line.family() == self)
    }

    /// `ipv4` or `ipv6`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::V4 => "ipv4",
            Self::V6 => "ipv6",
        }
    }
}

/// A line of a fingerprint, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LineId(u8);

impl LineId {
    /// The line of a name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        LINES.iter().position(|line| line.name == name).map(|at| Self(at as u8))
    }

    /// All lines, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..LINE_COUNT).map(|at| Self(at as u8))
    }

    /// Its place.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// What it is of.
    #[must_use]
    pub fn family(self) -> Family {
        if self.index() < V4_LINES { Family::V4 } else { Family::V6 }
    }

    /// `T1`.
    #[must_use]
    pub fn name(self) -> &'static str {
        LINES[self.index()].name
    }

    /// The test of a name.
    #[must_use]
    pub fn test(self, name: &str) -> Option<Test> {
        let at = LINES[self.index()].tests.iter().position(|test| *test == name)?;
        Some(Test((FIRST[self.index()] + at) as u16))
    }

    /// Its tests, in the order of printing.
    pub fn tests(self) -> impl Iterator<Item = Test> {
        (FIRST[self.index()]..FIRST[self.index() + 1]).map(|at| Test(at as u16))
    }
}

/// The place of each line's first test, and the end.
const FIRST: [usize; LINE_COUNT + 1] = {
    let mut first = [0; LINE_COUNT + 1];
    let mut at = 0;
    while at < LINE_COUNT {
        first[at + 1] = first[at] + LINES[at].tests.len();
        at += 1;
    }
    assert!(first[LINE_COUNT] == TEST_COUNT);
    first
};

/// A test, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Test(u16);

impl Test {
    /// The test of a line's name and its own.
    ///
    /// # Panics
    /// Where there is none: for names that a program holds.
    #[must_use]
    pub fn named(line: &str, name: &str) -> Self {
        let found = LineId::of(line).and_then(|line| line.test(name));
        found.unwrap_or_else(|| panic!("no test {line}.{name}"))
    }

    /// All tests, in the order of printing.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..TEST_COUNT).map(|at| Self(at as u16))
    }

    /// Its place.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The line that it stands in.
    #[must_use]
    pub fn line(self) -> LineId {
        let after = FIRST.iter().position(|&first| first > self.index());
        LineId((after.unwrap_or(LINE_COUNT) - 1) as u8)
    }

    /// `DF`.
    #[must_use]
    pub fn name(self) -> &'static str {
        let line = self.line().index();
        LINES[line].tests[self.index() - FIRST[line]]
    }
}

impl std::fmt::Display for Test {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.line().name(), self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_found_by_its_name_and_named_by_its_place() {
        for test in Test::all() {
            assert_eq!(test.line().test(test.name()), Some(test), "{test}");
        }
        let lines: Vec<Test> = LineId::all().flat_map(LineId::tests).collect();
        assert_eq!(lines, Test::all().collect::<Vec<_>>());
        for line in LineId::all() {
            let family = if line.name().starts_with('6') { Family::V6 } else { Family::V4 };
            assert_eq!(line.family(), family, "{}", line.name());
        }
        let tests = |family: Family| family.lines().flat_map(LineId::tests).count();
        assert_eq!((tests(Family::V4), tests(Family::V6)), (TEST_COUNT - MOST_TESTS, MOST_TESTS));
        assert_eq!(Test::named("U1", "RIPCK").to_string(), "U1.RIPCK");
        assert_eq!(LineId::of("SEQ").and_then(|seq| seq.test("DF")), None);
    }
}
