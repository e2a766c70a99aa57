//! A database turned on its side: for each test, which systems agree with which values.
//!
//! A value is looked up once, as a word or by the interval that its number lies in, and
//! leads to the set of all systems whose expressions mean it. A system has one expression
//! a test, so the sets of different expressions never overlap. Small sets are lists of
//! systems, large ones bit maps.

use std::collections::HashMap;

use super::database::Content;
use super::expression::{Alternative, alternatives, matches, number};
use super::faults::Faults;
use super::notation::{TEST_COUNT, Test};

/// Bits of a bit map's words.
pub(super) const WORD_BITS: usize = u64::BITS as usize;

/// A bit map is padded to so many words, which the matcher takes at a time.
pub(super) const WORDS: usize = 4;

/// A set is a list where it holds less than one system in so many.
const SPARSE: usize = 24;

/// Most members of all sets of a database together. nmap's needs some 4 million.
const MOST_MEMBERS: usize = 1 << 27;

/// All columns.
#[derive(Debug, Default)]
pub(super) struct Columns {
    columns: Vec<Column>,
    /// The lists, one after the other.
    pub members: Vec<u16>,
    /// The bit maps, one after the other.
    pub maps: Vec<u64>,
    /// Words of a bit map.
    pub words: usize,
    /// Which tests systems have: each combination once.
    pub patterns: Vec<Pattern>,
    /// The combination of each system.
    pub pattern_of: Vec<u16>,
}

/// Which tests a system has, bit by bit, in bytes.
pub(super) type Pattern = [u8; TEST_COUNT.div_ceil(8)];

/// One test.
#[derive(Debug, Default)]
struct Column {
    words: HashMap<Box<str>, Set>,
    /// Ascending; before the first number of an interval, and the set of numbers from there
    /// to the next.
    intervals: Vec<(u64, Set)>,
    /// Expressions with brackets, which must be tried, and their systems.
    nested: Vec<(Box<str>, Set)>,
}

/// The systems that agree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Set {
    #[default]
    Empty,
    /// In [`Columns::members`], from here, so many.
    List(u32, u32),
    /// In [`Columns::maps`], from here.
    Map(u32),
}

/// The expressions of a test, each once, with the lines that have it.
#[derive(Default)]
struct Expressions<'a> {
    texts: Vec<&'a str>,
    systems: Vec<Vec<u16>>,
    known: HashMap<&'a str, usize>,
}

impl Columns {
    pub(super) fn of(content: &Content) -> Result<Self, Faults> {
        let count = content.systems.len();
        let mut columns =
            Self { words: count.div_ceil(WORD_BITS).next_multiple_of(WORDS), ..Self::default() };
        let mut expressions: Vec<Expressions<'_>> = Vec::new();
        expressions.resize_with(TEST_COUNT, Expressions::default);
        columns.add_patterns(content);
        for (line, systems) in systems_of_lines(content).into_iter().enumerate() {
            for (test, place) in &content.lines[line] {
                let text = &content.text[place.start as usize..place.end as usize];
                let column = &mut expressions[test.index()];
                let at = *column.known.entry(text).or_insert_with(|| {
                    column.texts.push(text);
                    column.systems.push(Vec::new());
                    column.texts.len() - 1
                });
                column.systems[at].extend_from_slice(&systems);
            }
        }
        let mut builder = Builder { columns, count, members: 0 };
        for (test, expressions) in Test::all().zip(&expressions) {
            let column = if content.points[test.index()] == 0 {
                Some(Column::default())
            } else {
                builder.column(expressions)
            };
            let Some(column) = column else {
                let mut faults = Faults::default();
                let line = content.systems.last().map_or(1, |system| system.line);
                faults.add(line as usize, format!("{test}: too many ranges that overlap"));
                return Err(faults);
            };
            builder.columns.columns.push(column);
        }
        Ok(builder.columns)
    }

    fn add_patterns(&mut self, content: &Content) {
        let mut known: HashMap<Pattern, u16> = HashMap::new();
        for system in &content.systems {
            let mut pattern: Pattern = [0; size_of::<Pattern>()];
            for line in system.lines.into_iter().flatten() {
                for (test, _) in &content.lines[line as usize] {
                    pattern[test.index() / 8] |= 1 << (test.index() % 8);
                }
            }
            let at = *known.entry(pattern).or_insert_with(|| {
                self.patterns.push(pattern);
                (self.patterns.len() - 1) as u16
            });
            self.pattern_of.push(at);
        }
    }

    /// Most sets that a fingerprint can lead to.
    pub(super) fn most_sets(&self) -> usize {
        self.columns.iter().map(|column| 1 + column.nested.len()).sum()
    }

    /// The systems that agree with a value, a set after the other, none of which overlap.
    pub(super) fn sets(&self, test: Test, value: &str, mut each: impl FnMut(Set)) {
        let column = &self.columns[test.index()];
        if let Some(set) = column.words.get(value) {
            each(*set);
        } else if let Some(number) = number(value).filter(|_| !column.intervals.is_empty()) {
            let after = column.intervals.partition_point(|(first, _)| *first <= number);
            if after > 0 {
                each(column.intervals[after - 1].1);
            }
        }
        // No word or range of these means it, else they would be above.
        for (expression, set) in &column.nested {
            if matches(expression, value) {
                each(*set);
            }
        }
    }
}

/// The systems that have each line.
fn systems_of_lines(content: &Content) -> Vec<Vec<u16>> {
    let mut systems = vec![Vec::new(); content.lines.len()];
    for (at, system) in content.systems.iter().enumerate() {
        for line in system.lines.into_iter().flatten() {
            systems[line as usize].push(at as u16);
        }
    }
    systems
}

struct Builder {
    columns: Columns,
    count: usize,
    /// Members of all sets so far.
    members: usize,
}

impl Builder {
    /// `None` where it would be too large.
    fn column(&mut self, expressions: &Expressions<'_>) -> Option<Column> {
        let mut words: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut ranges: Vec<(u64, u64, usize)> = Vec::new();
        let mut nested = Vec::new();
        for (at, text) in expressions.texts.iter().enumerate() {
            let is_nested = text.contains('[');
            if is_nested {
                nested.push((Box::from(*text), self.set(&[at], expressions)?));
                continue;
            }
            for alternative in alternatives(text).flatten() {
                match alternative {
                    Alternative::Word(word) => words.entry(word).or_default().push(at),
                    Alternative::Range(first, last) => ranges.push((first, last, at)),
                    Alternative::Nested(_) => {}
                }
            }
        }
        let (mut intervals, budget) = (Vec::new(), MOST_MEMBERS / 16);
        for (first, within) in split(&ranges, budget)? {
            intervals.push((first, within));
        }
        // A word that is a number is also meant by ranges.
        let mut looked_up = HashMap::new();
        for (word, mut meant) in words {
            if let Some(number) = number(word) {
                let after = intervals.partition_point(|(first, _)| *first <= number);
                meant.extend(after.checked_sub(1).map_or(&[][..], |at| &intervals[at].1));
            }
            meant.sort_unstable();
            meant.dedup();
            looked_up.insert(word.into(), self.set(&meant, expressions)?);
        }
        let intervals = intervals
            .into_iter()
            .map(|(first, within)| Some((first, self.set(&within, expressions)?)))
            .collect::<Option<_>>()?;
        Some(Column { words: looked_up, intervals, nested })
    }

    /// The systems of these expressions.
    fn set(&mut self, meant: &[usize], expressions: &Expressions<'_>) -> Option<Set> {
        let lists = || meant.iter().map(|&at| expressions.systems[at].as_slice());
        let size: usize = lists().map(<[u16]>::len).sum();
        self.members += size;
        if self.members > MOST_MEMBERS {
            return None;
        }
        if size == 0 {
            return Some(Set::Empty);
        }
        let Columns { members, maps, words, .. } = &mut self.columns;
        if size * SPARSE < self.count {
            let from = members.len() as u32;
            lists().for_each(|list| members.extend_from_slice(list));
            members[from as usize..].sort_unstable();
            return Some(Set::List(from, size as u32));
        }
        let from = maps.len();
        maps.resize(from + *words, 0);
        for &system in lists().flatten() {
            let system = usize::from(system);
            maps[from + system / WORD_BITS] |= 1 << (system % WORD_BITS);
        }
        Some(Set::Map(from as u32))
    }
}

/// Cuts ranges into intervals, with the expressions that mean each, within a budget.
fn split(ranges: &[(u64, u64, usize)], budget: usize) -> Option<Vec<(u64, Vec<usize>)>> {
    let mut edges: Vec<u64> = Vec::new();
    for &(first, last, _) in ranges {
        edges.push(first);
        edges.extend(last.checked_add(1));
    }
    edges.sort_unstable();
    edges.dedup();
    let mut intervals: Vec<(u64, Vec<usize>)> =
        edges.iter().map(|&edge| (edge, Vec::new())).collect();
    let mut entries = 0;
    for &(first, last, expression) in ranges {
        let from = edges.partition_point(|&edge| edge < first);
        let to = edges.partition_point(|&edge| edge <= last);
        entries += to - from;
        if entries > budget {
            return None;
        }
        for (_, within) in &mut intervals[from..to] {
            // An expression may mean a number twice.
            if within.last() != Some(&expression) {
                within.push(expression);
            }
        }
    }
    Some(intervals)
}
