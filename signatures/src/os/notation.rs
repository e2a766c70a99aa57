//! The lines of a fingerprint and the tests in them. A test is known by its line and its
//! name, `T1.DF`; everything that has one value a test is an array over [`Test::ALL`].

/// A line: its name, and its tests in the order of printing.
struct Line {
    name: &'static str,
    tests: &'static [&'static str],
}

const fn tcp(name: &'static str) -> Line {
    Line { name, tests: &["R", "DF", "T", "TG", "TOS", "W", "S", "A", "F", "O", "RD", "Q"] }
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
];

/// Lines of a fingerprint.
pub const LINE_COUNT: usize = 13;

/// Tests of all lines.
pub const TEST_COUNT: usize = 137;

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

    /// `T1`.
    #[must_use]
    pub fn name(self) -> &'static str {
        LINES[self.index()].name
    }

    /// The test of a name.
    #[must_use]
    pub fn test(self, name: &str) -> Option<Test> {
        let at = LINES[self.index()].tests.iter().position(|test| *test == name)?;
        Some(Test((FIRST[self.index()] + at) as u8))
    }

    /// Its tests, in the order of printing.
    pub fn tests(self) -> impl Iterator<Item = Test> {
        (FIRST[self.index()]..FIRST[self.index() + 1]).map(|at| Test(at as u8))
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
pub struct Test(u8);

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
        (0..TEST_COUNT).map(|at| Self(at as u8))
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
        assert_eq!(Test::named("U1", "RIPCK").to_string(), "U1.RIPCK");
        assert_eq!(LineId::of("SEQ").and_then(|seq| seq.test("DF")), None);
    }
}
