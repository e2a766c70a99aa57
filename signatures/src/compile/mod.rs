//! The compiler: from [`Source`]s to the tables of a [`Database`](crate::Database).
//!
//! For each pattern it finds literals that every match must hold ([`required`]); one
//! automaton over all of them ([`prefilter`]) tells in one pass over an answer which
//! patterns can match at all. Those are then run one by one as DFAs
//! ([`automaton`]). One DFA of all patterns is not to be had: it grows without bounds.
//!
//! The build script runs it over the shipped files with [`Automata::Now`]; users'
//! files are compiled at run time with [`Automata::WhenUsed`].

pub mod automaton;
pub mod prefilter;
pub mod required;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aho_corasick::AhoCorasick;
use regex_syntax::hir::{Hir, Look};

use crate::format::{Fault, PartText, Place, ProbeText, Source};
use crate::rule::{Begins, List, Part, Pattern, Piece, Probe, Rule, Text, Transport};
use required::{Need, needs};

/// When the automata of a database's patterns are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Automata {
    /// All now; what exceeds the limits is a fault.
    Now,
    /// Each when it is first needed.
    WhenUsed,
}

/// A pattern that a literal stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The pattern.
    pub pattern: u32,
    /// How far before the literal's end its match begins.
    pub back: Option<u16>,
    /// Where its matches begin.
    pub begins: Begins,
}

/// Ends the header of an answer; a literal of every database, which stands for no pattern.
pub const HEADER_END: &[u8] = b"\r\n\r\n";

/// All tables of a database.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    /// Its probes.
    pub probes: Vec<Probe>,
    /// Its rules, in the order in which they are tried.
    pub rules: Vec<Rule>,
    /// Their patterns, each once.
    pub patterns: Vec<Pattern>,
    /// Rules that no literal gates.
    pub ungated: Vec<u32>,
    /// For each probe and set: the set's place in the probe's list, or [`NOT_TRIED`].
    pub order: Vec<u8>,
    /// Number of sets.
    pub sets: usize,
    /// Lower-case literals, sorted.
    pub literals: Vec<Vec<u8>>,
    /// For each literal, its owners.
    pub owners: Vec<Vec<Owner>>,
    /// The automata, one after the other, each at a multiple of four bytes.
    pub automata: Vec<u8>,
}

/// In [`Tables::order`]: the set is not tried on that probe's answers.
pub const NOT_TRIED: u8 = u8::MAX;

/// Parses an expression for bytes: no Unicode, `.` is any byte but a line feed.
///
/// # Errors
/// What is wrong with it.
pub fn expression(text: &str) -> Result<Hir, String> {
    regex_syntax::ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .build()
        .parse(text)
        .map_err(|error| format!("{text}: {error}"))
}

/// Compiles.
///
/// # Errors
/// Every fault found.
pub fn compile(sources: &[Source], automata: Automata) -> Result<Tables, Vec<Fault>> {
    let mut tables = Tables::default();
    let mut faults = Vec::new();
    let probes: Vec<&ProbeText> = sources.iter().flat_map(|source| &source.probes).collect();
    let names = probe_names(&probes, &mut faults);
    let mut own_sets = vec![Vec::new(); probes.len()];
    let mut patterns = Patterns::default();
    for section in sources.iter().flat_map(|source| &source.sections) {
        let set = tables.sets;
        tables.sets += 1;
        for (transport, name) in &section.answers {
            match names.get(&(*transport, name.to_ascii_lowercase())) {
                Some(&at) => own_sets[at].push(set as u16),
                None => faults.push(section.place.fault(format!("no probe {name}"))),
            }
        }
        for rule in &section.rules {
            let captured = |part: usize| {
                rule.fields
                    .iter()
                    .flat_map(|(_, pieces)| pieces)
                    .any(|piece| matches!(piece, Piece::Group(at, ..) if usize::from(*at) == part))
            };
            let mut parts = Vec::new();
            for (at, part) in rule.parts.iter().enumerate() {
                match patterns.place(part, captured(at), &rule.place) {
                    Ok(pattern) => parts.push(Part { pattern, negated: part.negated }),
                    Err(fault) => faults.push(fault),
                }
            }
            tables.rules.push(Rule {
                id: rule.id.clone().into(),
                service: rule.service.clone().into(),
                soft: rule.soft,
                set: set as u16,
                parts: parts.into(),
                fields: rule.fields.iter().map(|(f, p)| (*f, List::from(p.clone()))).collect(),
            });
        }
    }
    resolve_probes(&probes, &names, &own_sets, &mut tables, &mut faults);
    let rules = sources.iter().flat_map(|source| &source.sections).flat_map(|set| &set.rules);
    let examples: Vec<&[u8]> =
        rules.flat_map(|rule| &rule.examples).map(|example| &*example.answer).collect();
    patterns.finish(&mut tables, automata, &examples, &mut faults);
    if faults.is_empty() { Ok(tables) } else { Err(faults) }
}

type Names = HashMap<(Transport, String), usize>;

fn probe_names(probes: &[&ProbeText], faults: &mut Vec<Fault>) -> Names {
    let mut names = Names::new();
    for (at, probe) in probes.iter().enumerate() {
        let key = (probe.transport, probe.name.to_ascii_lowercase());
        if names.insert(key, at).is_some() {
            faults.push(probe.place.fault(format!("a second probe {}", probe.name)));
        }
    }
    names
}

fn resolve_probes(
    probes: &[&ProbeText],
    names: &Names,
    own_sets: &[Vec<u16>],
    tables: &mut Tables,
    faults: &mut Vec<Fault>,
) {
    for (at, probe) in probes.iter().enumerate() {
        let mut sets = own_sets[at].clone();
        let mut fallback = Vec::new();
        for name in &probe.fallback {
            match names.get(&(probe.transport, name.to_ascii_lowercase())) {
                Some(&other) => {
                    fallback.push(other as u16);
                    sets.extend(own_sets[other].iter().copied());
                }
                None => faults.push(probe.place.fault(format!("no probe {name} to fall back to"))),
            }
        }
        let mut row = vec![NOT_TRIED; tables.sets];
        let mut listed: Vec<u16> = Vec::new();
        for set in sets {
            if row[usize::from(set)] == NOT_TRIED {
                row[usize::from(set)] = listed.len().min(usize::from(NOT_TRIED - 1)) as u8;
                listed.push(set);
            }
        }
        tables.order.extend(row);
        tables.probes.push(Probe {
            name: probe.name.clone().into(),
            transport: probe.transport,
            payload: probe.payload.clone().into(),
            ports: probe.ports.clone().into(),
            tls_ports: probe.tls_ports.clone().into(),
            rarity: probe.rarity,
            wait_ms: probe.wait_ms,
            any_port: probe.any_port,
            fallback: fallback.into(),
            sets: listed.into(),
            own: own_sets[at].len() as u16,
        });
    }
}

/// Patterns, each once.
#[derive(Default)]
struct Patterns {
    by_text: HashMap<(String, bool), u32>,
    drafts: Vec<Draft>,
}

struct Draft {
    text: String,
    hir: Hir,
    header: bool,
    needs: Vec<Need>,
    captures: bool,
    place: Place,
}

impl Patterns {
    fn place(&mut self, part: &PartText, captures: bool, place: &Place) -> Result<u32, Fault> {
        let PartText { text, header, .. } = part;
        let key = (text.clone(), *header);
        if let Some(&at) = self.by_text.get(&key) {
            self.drafts[at as usize].captures |= captures;
            return Ok(at);
        }
        let hir = expression(text).map_err(|what| place.fault(what))?;
        let at = self.drafts.len() as u32;
        self.by_text.insert(key, at);
        let needs = needs(&hir);
        let header = *header;
        self.drafts.push(Draft {
            text: text.clone(),
            hir,
            header,
            needs,
            captures,
            place: place.clone(),
        });
        Ok(at)
    }

    /// How many patterns and examples hold a literal: what is in many tells little.
    fn frequencies(&self, examples: &[&[u8]]) -> HashMap<Vec<u8>, u32> {
        let mut frequencies = HashMap::new();
        for literal in self.drafts.iter().flat_map(|draft| &draft.needs).flat_map(|need| &need.any)
        {
            *frequencies.entry(literal.bytes.clone()).or_insert(0) += 1;
        }
        if examples.is_empty() {
            return frequencies;
        }
        let literals: Vec<Vec<u8>> = frequencies.keys().cloned().collect();
        let finder = AhoCorasick::builder().ascii_case_insensitive(true).build(&literals);
        for example in examples {
            let found = finder.iter().flat_map(|finder| finder.find_overlapping_iter(*example));
            let found: BTreeSet<usize> = found.map(|found| found.pattern().as_usize()).collect();
            for literal in found {
                *frequencies.entry(literals[literal].clone()).or_insert(0) += 8;
            }
        }
        frequencies
    }

    fn finish(
        self,
        tables: &mut Tables,
        automata: Automata,
        examples: &[&[u8]],
        faults: &mut Vec<Fault>,
    ) {
        let frequencies = self.frequencies(examples);
        let mut owners: BTreeMap<Vec<u8>, Vec<Owner>> = BTreeMap::new();
        let mut costs = Vec::new();
        for (at, draft) in self.drafts.into_iter().enumerate() {
            let at_start = draft.hir.properties().look_set_prefix().contains(Look::Start);
            let chosen = required::choose(&draft.needs, at_start, &frequencies);
            let begins = match chosen {
                _ if at_start => Begins::AtStart,
                _ if draft.header => Begins::InHeader,
                Some(need) if need.any.iter().all(|literal| literal.back.is_some()) => {
                    Begins::AtLiteral
                }
                _ => Begins::Anywhere,
            };
            for literal in chosen.iter().flat_map(|need| &need.any) {
                let owner = Owner { pattern: at as u32, back: literal.back, begins };
                owners.entry(literal.bytes.clone()).or_default().push(owner);
            }
            let mut place = (0, 0);
            if automata == Automata::Now {
                match automaton::built(&draft.hir, begins, draft.captures) {
                    Ok(bytes) => {
                        place = (tables.automata.len() as u32, bytes.len() as u32);
                        tables.automata.extend(bytes);
                        // Each is read as it lies, four bytes at a time.
                        tables.automata.resize(tables.automata.len().next_multiple_of(4), 0);
                    }
                    Err(what) => faults.push(draft.place.fault(format!("{}: {what}", draft.text))),
                }
            }
            costs.push(chosen.map(|need| need.cost(&frequencies)));
            tables.patterns.push(Pattern {
                prefix: automaton::split(&draft.hir, begins).0.into(),
                source: Text::from(draft.text),
                begins,
                captures: draft.captures,
                gated: chosen.is_some(),
                automaton: place,
                opens: List::default(),
            });
        }
        owners.entry(HEADER_END.to_vec()).or_default();
        (tables.literals, tables.owners) = owners.into_iter().unzip();
        gate_rules(tables, &costs);
    }
}

/// The place of [`HEADER_END`] among sorted literals.
pub fn header_end(literals: &[Vec<u8>]) -> usize {
    literals.binary_search_by(|literal| (**literal).cmp(HEADER_END)).unwrap_or(usize::MAX)
}

/// Each rule is opened by the pattern whose literals are the rarest.
fn gate_rules(tables: &mut Tables, costs: &[Option<u64>]) {
    for (at, rule) in tables.rules.iter().enumerate() {
        let gate = rule
            .parts
            .iter()
            .filter(|part| !part.negated)
            .filter_map(|part| Some((costs[part.pattern as usize]?, part.pattern)))
            .min();
        match gate {
            Some((_, pattern)) => tables.patterns[pattern as usize].opens.to_mut().push(at as u32),
            None => tables.ungated.push(at as u32),
        }
    }
}
