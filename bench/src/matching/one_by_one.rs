//! What the matcher is compared with: the same rules as byte regexes, compiled before,
//! tried one after the other in the order of their files; the captures of the first.

use std::collections::HashMap;

use anyhow::{Result, ensure};
use prtip_signatures::matching::header_end;
use prtip_signatures::rule::Begins;
use prtip_signatures::{Database, Scratch};
use regex::bytes::{Captures, Regex, RegexBuilder};

use super::Answer;
use crate::benchmark::Table;

/// One pattern of a rule.
struct Part {
    regex: Regex,
    negated: bool,
    header: bool,
}

/// The rules of each probe that is asked, in order: hard ones, then soft ones.
pub(super) struct OneByOne<'a> {
    rules: HashMap<usize, Vec<(&'a str, Vec<usize>)>>,
    parts: Vec<Part>,
}

impl<'a> OneByOne<'a> {
    pub(super) fn new(database: &'a Database, answers: &[Answer]) -> Self {
        let mut parts = Vec::new();
        let mut known: HashMap<(u32, bool), Option<usize>> = HashMap::new();
        let mut rules = HashMap::new();
        for &(probe, _) in answers {
            rules.entry(probe).or_insert_with(|| {
                let mut ordered: Vec<_> = database
                    .rules_of(probe)
                    .filter_map(|rule| {
                        let compiled: Option<Vec<usize>> = rule
                            .parts
                            .iter()
                            .map(|part| {
                                *known.entry((part.pattern, part.negated)).or_insert_with(|| {
                                    let pattern = database.pattern(part.pattern);
                                    let regex = RegexBuilder::new(&pattern.source)
                                        .unicode(false)
                                        .build()
                                        .ok()?;
                                    let header = pattern.begins == Begins::InHeader;
                                    parts.push(Part { regex, negated: part.negated, header });
                                    Some(parts.len() - 1)
                                })
                            })
                            .collect();
                        Some((rule.soft, &*rule.id, compiled?))
                    })
                    .collect();
                ordered.sort_by_key(|(soft, ..)| *soft);
                ordered.into_iter().map(|(_, id, parts)| (id, parts)).collect()
            });
        }
        Self { rules, parts }
    }

    pub(super) fn regexes(&self) -> usize {
        self.parts.len()
    }

    /// The first rule that holds, and what it captures.
    pub(super) fn match_answer<'h>(
        &self,
        probe: usize,
        answer: &'h [u8],
    ) -> Option<(&'a str, Vec<Captures<'h>>)> {
        let head = header_end(answer);
        let holds = |&at: &usize| {
            let part = &self.parts[at];
            let matched = match part.header {
                false => part.regex.is_match(answer),
                true => part.regex.find(answer).is_some_and(|found| found.start() < head),
            };
            matched != part.negated
        };
        let (id, parts) = self.rules[&probe].iter().find(|(_, parts)| parts.iter().all(holds))?;
        let captured =
            parts.iter().filter_map(|&at| self.parts[at].regex.captures(answer)).collect();
        Some((id, captured))
    }

    /// Fails where the two tell different rules; answers that met a limit are told.
    pub(super) fn agree(
        &self,
        database: &Database,
        scratch: &mut Scratch,
        answers: &[Answer],
        table: &Table,
    ) -> Result<()> {
        let before = scratch.counters.capped;
        for (probe, answer) in answers {
            let capped = scratch.counters.capped;
            let ours = database.match_answer(scratch, *probe, answer).map(|matched| matched.rule);
            let theirs = self.match_answer(*probe, answer).map(|(id, _)| id);
            ensure!(
                ours == theirs || scratch.counters.capped > capped,
                "{}: the matcher tells {ours:?}, the loop {theirs:?}",
                answer.escape_ascii()
            );
        }
        let capped = scratch.counters.capped - before;
        if capped > 0 {
            table.say(&format!("match: {capped} of {} answers met a limit", answers.len()));
        }
        Ok(())
    }
}
