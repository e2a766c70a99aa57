//! A database in memory: its tables, the prefilter over its literals, and the automata
//! of its patterns. Of the shipped one everything is a static; of one read at run time
//! the automata are built when an answer first needs them, and kept.

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex_automata::dfa::{dense, onepass, sparse};
use regex_automata::nfa::thompson::{WhichCaptures, pikevm::PikeVM};

use crate::compile::{self, Automata, NOT_TRIED, Owner, Tables, automaton};
use crate::format::{Fault, Source};
use crate::matching::Limits;
use crate::rule::{Begins, Bytes, List, Pattern, Probe, Rule, Transport};

/// Most bytes of an automaton while it is built at run time; beyond, the pattern is
/// simulated, which is slower and takes no such memory.
const LARGEST_BUILT: usize = 256 << 10;

/// Probes and rules, ready to be matched. See [`Database::shipped`].
#[derive(Debug)]
pub struct Database {
    pub(crate) probes: List<Probe>,
    pub(crate) rules: List<Rule>,
    pub(crate) patterns: List<Pattern>,
    pub(crate) ungated: List<u32>,
    pub(crate) order: Bytes,
    pub(crate) sets: usize,
    pub(crate) literals: Literals,
    pub(crate) owners: Owners,
    pub(crate) automata: &'static [u8],
    pub(crate) tests: Box<[OnceLock<Test>]>,
    pub(crate) readers: Box<[OnceLock<Reader>]>,
    pub(crate) limits: Limits,
}

/// The prefilter.
#[derive(Debug)]
pub(crate) enum Literals {
    /// The table that [`compile::prefilter`] describes.
    Table {
        table: &'static [u8],
        classes: usize,
        first_end: usize,
        offsets: &'static [u32],
        ends: &'static [u16],
    },
    /// The crate's own automaton: built in moments, and small where there are many.
    Built(AhoCorasick),
}

impl Literals {
    /// Calls `hit` with each literal in `answer` and the place where it ends.
    #[inline]
    pub(crate) fn each(&self, answer: &[u8], mut hit: impl FnMut(usize, usize)) {
        match self {
            Self::Table { table, classes, first_end, offsets, ends } => {
                let Some((of_byte, rows)) = table.split_first_chunk::<256>() else { return };
                let (rows, _) = rows.as_chunks::<4>();
                let mut row = 0;
                for (at, &byte) in answer.iter().enumerate() {
                    let cell = row + usize::from(of_byte[usize::from(byte)]);
                    row = u32::from_le_bytes(rows[cell]) as usize;
                    if row >= *first_end {
                        let ended = (row - first_end) / classes;
                        let range = offsets[ended] as usize..offsets[ended + 1] as usize;
                        for &literal in &ends[range] {
                            hit(usize::from(literal), at + 1);
                        }
                    }
                }
            }
            Self::Built(literals) => {
                for found in literals.find_overlapping_iter(answer) {
                    hit(found.pattern().as_usize(), found.end());
                }
            }
        }
    }
}

/// The patterns that each literal stands for.
#[derive(Debug)]
pub(crate) struct Owners {
    pub(crate) offsets: List<u32>,
    pub(crate) owners: List<Owner>,
    /// The literal that ends a header.
    pub(crate) header_end: usize,
}

impl Owners {
    #[inline]
    pub(crate) fn of(&self, literal: usize) -> &[Owner] {
        let range = self.offsets[literal] as usize..self.offsets[literal + 1] as usize;
        &self.owners[range]
    }
}

/// What tells whether a pattern matches.
#[derive(Debug)]
pub(crate) enum Test {
    /// Lies in the program.
    Shipped(dense::DFA<&'static [u32]>),
    /// Built at run time.
    Built(sparse::DFA<Vec<u8>>),
    /// Too large for a DFA.
    Simulated(PikeVM),
    /// Too large for anything; never matches.
    Refused,
}

/// What reads the captures of a winner.
#[derive(Debug)]
pub(crate) enum Reader {
    /// In one pass.
    OnePass(Box<onepass::DFA>),
    /// Where one pass is not enough (users' files only).
    Simulated(PikeVM),
    /// Too large for either.
    Refused,
}

impl Database {
    /// A database of `sources`.
    ///
    /// # Errors
    /// All faults.
    pub fn of(sources: &[Source]) -> Result<Self, Vec<Fault>> {
        Ok(Self::from_tables(compile::compile(sources, Automata::WhenUsed)?))
    }

    fn from_tables(tables: Tables) -> Self {
        let mut offsets = vec![0];
        let mut owners = Vec::new();
        for list in tables.owners {
            owners.extend(list);
            offsets.push(owners.len() as u32);
        }
        let header_end = compile::header_end(&tables.literals);
        let literals = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&tables.literals)
            .map_or_else(
                |error| unreachable!("2^31 bytes of literals, from one file: {error}"),
                Literals::Built,
            );
        Self {
            tests: Self::unbuilt(tables.patterns.len()),
            readers: Self::unbuilt(tables.patterns.len()),
            probes: tables.probes.into(),
            rules: tables.rules.into(),
            patterns: tables.patterns.into(),
            ungated: tables.ungated.into(),
            order: tables.order.into(),
            sets: tables.sets,
            literals,
            owners: Owners { offsets: offsets.into(), owners: owners.into(), header_end },
            automata: &[],
            limits: Limits::USERS,
        }
    }

    pub(crate) fn unbuilt<T>(count: usize) -> Box<[OnceLock<T>]> {
        std::iter::repeat_with(OnceLock::new).take(count).collect()
    }

    /// Its probes, in the order of its files.
    #[must_use]
    pub fn probes(&self) -> &[Probe] {
        &self.probes
    }

    /// The place of a probe among [`probes`](Self::probes), by its name in any case.
    #[must_use]
    pub fn probe(&self, transport: Transport, name: &str) -> Option<usize> {
        self.probes
            .iter()
            .position(|probe| probe.transport == transport && probe.name.eq_ignore_ascii_case(name))
    }

    /// Its rules, in the order in which they are tried.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rules that are tried on a probe's answers: sets in order, their rules in order.
    pub fn rules_of(&self, probe: usize) -> impl Iterator<Item = &Rule> {
        self.probes[probe]
            .sets
            .iter()
            .flat_map(|set| self.rules.iter().filter(move |rule| rule.set == *set))
    }

    /// A pattern, by its place in a rule's [`Part`](crate::rule::Part).
    #[must_use]
    pub fn pattern(&self, place: u32) -> &Pattern {
        &self.patterns[place as usize]
    }

    /// The expressions of a rule, and whether each must not match.
    pub fn expressions<'a>(&'a self, rule: &'a Rule) -> impl Iterator<Item = (&'a str, bool)> {
        rule.parts.iter().map(|part| (&*self.patterns[part.pattern as usize].source, part.negated))
    }

    /// The place of a set among those that are tried on a probe's answers.
    pub(crate) fn place(&self, probe: usize, set: u16) -> Option<u8> {
        let place = self.order[probe * self.sets + usize::from(set)];
        (place != NOT_TRIED).then_some(place)
    }

    pub(crate) fn test(&self, pattern: usize) -> &Test {
        self.tests[pattern].get_or_init(|| {
            let Pattern { source, begins, automaton: (offset, length), .. } =
                &self.patterns[pattern];
            if *length > 0 {
                let bytes = &self.automata[*offset as usize..(*offset + *length) as usize];
                return dense::DFA::from_bytes(bytes).map_or_else(
                    |error| unreachable!("written by the build: {error}"),
                    |(dfa, _)| Test::Shipped(dfa),
                );
            }
            let Ok(hir) = compile::expression(source) else { return Test::Refused };
            let (_, hir) = automaton::split(&hir, *begins);
            // Many of a user's patterns are large; sparse takes a tenth of the memory.
            let dfa = automaton::dense(&hir, *begins, LARGEST_BUILT);
            if let Some(dfa) = dfa.ok().and_then(|dfa| dfa.to_sparse().ok()) {
                return Test::Built(dfa);
            }
            automaton::nfa(&automaton::trimmed(&hir), WhichCaptures::None)
                .ok()
                .and_then(|nfa| PikeVM::new_from_nfa(nfa).ok())
                .map_or(Test::Refused, Test::Simulated)
        })
    }

    pub(crate) fn reader(&self, pattern: usize) -> &Reader {
        self.readers[pattern].get_or_init(|| {
            let Pattern { source, begins, .. } = &self.patterns[pattern];
            let Ok(hir) = compile::expression(source) else { return Reader::Refused };
            if *begins != Begins::Anywhere
                && let Ok(dfa) = automaton::one_pass(&hir)
            {
                return Reader::OnePass(Box::new(dfa));
            }
            automaton::nfa(&hir, WhichCaptures::All)
                .ok()
                .and_then(|nfa| PikeVM::new_from_nfa(nfa).ok())
                .map_or(Reader::Refused, Reader::Simulated)
        })
    }
}
