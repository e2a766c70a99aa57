//! A database of systems: what they are called, how they answer, what each test is worth.

use std::ops::Range;
use std::sync::OnceLock;

use super::columns::Columns;
use super::faults::Faults;
use super::notation::{Family, LINE_COUNT, LineId, TEST_COUNT, Test};
use super::reader;

/// Our own systems, in the format that [`reader`] reads.
const SHIPPED: &str = include_str!("../../data/systems.os");

/// Systems, and the tables to match against them.
#[derive(Debug)]
pub struct Database {
    pub(super) content: Content,
    pub(super) columns: Columns,
    /// Systems of which it is known how they answer by IPv4, and by IPv6.
    known: [usize; 2],
}

/// What a file holds.
#[derive(Debug)]
pub(super) struct Content {
    /// The expressions of all test lines.
    pub text: String,
    /// What agreement in each test is worth; 0 where it is not asked.
    pub points: [u16; TEST_COUNT],
    /// Test lines, each kept once.
    pub lines: Vec<Vec<(Test, Range<u32>)>>,
    pub systems: Vec<System>,
}

impl Default for Content {
    fn default() -> Self {
        let (text, lines, systems) = Default::default();
        Self { text, points: [0; TEST_COUNT], lines, systems }
    }
}

/// A system and how it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct System {
    /// What it is called.
    pub name: String,
    /// Where it stands in its file; the first line is 1.
    pub line: u32,
    /// What kind of system it is; several where the answers do not tell them apart.
    pub classes: Vec<Class>,
    /// Its test lines, by their place among those of the database.
    pub(super) lines: [Option<u32>; LINE_COUNT],
}

/// What kind of system it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Class {
    /// Who makes it.
    pub vendor: String,
    /// `Linux`, `Windows`, …
    pub family: String,
    /// `5.X`; nothing where it has none.
    pub generation: Option<String>,
    /// What it runs on: `general purpose`, `router`, …
    pub device: String,
    /// Names in the Common Platform Enumeration.
    pub cpe: Vec<String>,
}

impl System {
    /// Whether it is known how it answers by that family.
    #[must_use]
    pub fn answers_by(&self, family: Family) -> bool {
        family.lines().any(|line| self.lines[line.index()].is_some())
    }
}

impl Database {
    /// Reads a file in the format of nmap-os-db.
    ///
    /// # Errors
    /// What is wrong with it, line by line.
    pub fn read(bytes: &[u8]) -> Result<Self, Faults> {
        let content = reader::read(bytes)?;
        let columns = Columns::of(&content)?;
        let known = [Family::V4, Family::V6]
            .map(|family| content.systems.iter().filter(|one| one.answers_by(family)).count());
        Ok(Self { content, columns, known })
    }

    /// The database that comes with the program: systems that we asked ourselves.
    ///
    /// # Panics
    /// Where it cannot be read, which a test rules out.
    #[must_use]
    pub fn shipped() -> &'static Self {
        static SHIPPED_DATABASE: OnceLock<Database> = OnceLock::new();
        SHIPPED_DATABASE.get_or_init(|| match Self::read(SHIPPED.as_bytes()) {
            Ok(database) => database,
            Err(faults) => panic!("our own systems: {faults}"),
        })
    }

    /// All systems, in the order of the file.
    #[must_use]
    pub fn systems(&self) -> &[System] {
        &self.content.systems
    }

    /// Systems of which it is known how they answer by that family.
    #[must_use]
    pub fn known_by(&self, family: Family) -> usize {
        self.known[usize::from(family == Family::V6)]
    }

    /// What agreement in all tests of a system's is worth together, as far as they are of
    /// that family. Of T and TG a host has one.
    #[must_use]
    pub fn worth(&self, system: &System, family: Family) -> u32 {
        let tests = self.expressions(system).map(|(test, _)| test);
        let tests = tests.filter(|test| test.line().family() == family && test.name() != "TG");
        tests.map(|test| u32::from(self.points(test))).sum()
    }

    /// What agreement in a test is worth.
    #[must_use]
    pub fn points(&self, test: Test) -> u16 {
        self.content.points[test.index()]
    }

    /// What a system's answers may be: expressions, in the order of the file.
    pub fn expressions<'a>(&'a self, system: &System) -> impl Iterator<Item = (Test, &'a str)> {
        let lines = system.lines.into_iter().flatten();
        lines.flat_map(|line| {
            self.content.lines[line as usize].iter().map(|(test, place)| {
                (*test, &self.content.text[place.start as usize..place.end as usize])
            })
        })
    }

    /// Where the last system lacks lines, which may mean that the file's end is missing: for
    /// the user to know.
    #[must_use]
    pub fn remark(&self) -> Option<String> {
        let last = self.content.systems.last()?;
        let family = if last.answers_by(Family::V4) { Family::V4 } else { Family::V6 };
        let lacking = family.lines().filter(|line| last.lines[line.index()].is_none());
        let lacking: Vec<&str> = lacking.map(LineId::name).collect();
        (!lacking.is_empty()).then(|| {
            format!(
                "its last fingerprint, on line {}, has no {}: perhaps the file's end is missing",
                last.line,
                lacking.join(", ")
            )
        })
    }
}
