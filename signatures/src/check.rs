//! The examples of a database, tried: each must be won by its own rule with the fields
//! it states, each near miss must not match the rule that it stands under, and every
//! field that is captured must be stated by some example.

use crate::compile::{self, Automata};
use crate::database::Database;
use crate::format::{Example, Fault, RuleText, Source};
use crate::matching::Scratch;
use crate::rule::{Field, Piece};

/// What was checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Probes.
    pub probes: usize,
    /// Different services.
    pub services: usize,
    /// Rules.
    pub rules: usize,
    /// Examples.
    pub examples: usize,
    /// Near misses.
    pub near_misses: usize,
    /// Bytes of automata.
    pub automata_bytes: usize,
}

/// Checks the files of a database against `database`, which was made from them.
///
/// # Errors
/// All faults, with their lines.
pub fn check(sources: &[Source], database: &Database) -> Result<Checked, Vec<Fault>> {
    // Again, for the limits of the automata.
    let tables = compile::compile(sources, Automata::Now)?;
    let mut faults = Vec::new();
    let mut checked = Checked {
        probes: database.probes().len(),
        rules: database.rules().len(),
        automata_bytes: tables.automata.len(),
        ..Checked::default()
    };
    let mut services: Vec<&str> = database.rules().iter().map(|rule| &*rule.service).collect();
    services.sort_unstable();
    services.dedup();
    checked.services = services.len();

    let mut scratch = database.scratch();
    let rules = sources
        .iter()
        .flat_map(|source| &source.sections)
        .flat_map(|section| section.rules.iter().map(move |rule| (section, rule)));
    let mut seen = std::collections::HashSet::new();
    for (at, (section, rule)) in rules.enumerate() {
        if !seen.insert(&rule.id) {
            faults.push(rule.place.fault(format!("a second rule {}", rule.id)));
        }
        if rule.examples.is_empty() || rule.near_misses.is_empty() {
            faults.push(rule.place.fault("an example and a near miss are wanted"));
        }
        checked.examples += rule.examples.len();
        checked.near_misses += rule.near_misses.len();
        for example in &rule.examples {
            if example.from.is_empty() {
                faults.push(example.place.fault("from: who sends this?"));
            }
            for (transport, name) in &section.answers {
                if let Some(probe) = database.probe(*transport, name) {
                    faults.extend(wins(database, &mut scratch, probe, rule, example));
                }
            }
        }
        for near in &rule.near_misses {
            if database.rule_matches(&mut scratch, at, &near.answer) {
                faults.push(near.place.fault(format!("a near miss that {} matches", rule.id)));
            }
        }
        faults.extend(all_stated(rule));
    }
    if faults.is_empty() { Ok(checked) } else { Err(faults) }
}

/// What is wrong with one example under one probe.
fn wins(
    database: &Database,
    scratch: &mut Scratch,
    probe: usize,
    rule: &RuleText,
    example: &Example,
) -> Vec<Fault> {
    let probe_name = &database.probes()[probe].name;
    let Some(matched) = database.match_answer(scratch, probe, &example.answer) else {
        return vec![example.place.fault(format!("nothing matches it ({probe_name})"))];
    };
    if matched.rule != rule.id {
        let what = format!("{} matches it, not {} ({probe_name})", matched.rule, rule.id);
        return vec![example.place.fault(what)];
    }
    let is = |(field, expected): &(Field, String)| {
        let told = matched.field(*field).unwrap_or_default();
        (told != expected)
            .then(|| example.place.fault(format!("{} is {told:?}, not {expected:?}", field.word())))
    };
    example.is.iter().filter_map(is).collect()
}

/// Captured fields that no example states; a CPE name follows from the others.
fn all_stated(rule: &RuleText) -> Vec<Fault> {
    let captured = |pieces: &[Piece]| pieces.iter().any(|p| matches!(p, Piece::Group(..)));
    rule.fields
        .iter()
        .filter(|(field, pieces)| *field != Field::Cpe && captured(pieces))
        .filter(|(field, _)| {
            !rule.examples.iter().any(|example| {
                example.is.iter().any(|(stated, text)| stated == field && !text.is_empty())
            })
        })
        .map(|(field, _)| rule.place.fault(format!("no example states its {}", field.word())))
        .collect()
}
