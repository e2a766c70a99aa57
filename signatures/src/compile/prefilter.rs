//! The prefilter of the shipped database: an Aho-Corasick automaton over all
//! literals as one table of bytes, used as it lies in the program. It is read off the
//! `aho-corasick` crate's own DFA, which cannot be stored.
//!
//! Layout: 256 byte classes (one byte each); then for each state its row of next states,
//! as `u32` little-endian, each the place where that state's row begins: a step is one
//! addition and one look-up. States that end a literal come last, so that one comparison
//! finds them; their literals are in a table of their own.

use std::collections::HashMap;

use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::{Anchored, MatchKind, dfa};

/// The table, and what its last states end.
#[derive(Clone, Debug, Default)]
pub struct Prefilter {
    /// 256 classes, then the rows.
    pub table: Vec<u8>,
    /// Numbers in a row.
    pub classes: usize,
    /// Where the row of the first state that ends a literal begins.
    pub first_end: usize,
    /// For each such state, where its literals begin in `ends`; one more at the end.
    pub offsets: Vec<u32>,
    /// Literals.
    pub ends: Vec<u16>,
}

/// Builds the prefilter of lower-case `literals`.
///
/// # Errors
/// Where there are too many.
pub fn build(literals: &[Vec<u8>]) -> Result<Prefilter, String> {
    if literals.is_empty() {
        return Ok(Prefilter {
            table: vec![0; 260],
            classes: 1,
            first_end: 1,
            ..Prefilter::default()
        });
    }
    let dfa = dfa::Builder::new()
        .match_kind(MatchKind::Standard)
        .ascii_case_insensitive(true)
        .build(literals)
        .map_err(|error| error.to_string())?;
    let start = dfa.start_state(Anchored::No).map_err(|error| error.to_string())?;
    let states = reachable(&dfa, start);
    let (plain, ending): (Vec<StateID>, Vec<StateID>) =
        states.into_iter().partition(|&state| !dfa.is_match(state));
    let first_end = plain.len();
    let states = [plain, ending].concat();
    if states.len() > usize::from(u16::MAX) {
        return Err(format!("the literals make {} states, more than 65535", states.len()));
    }
    let number: HashMap<StateID, u16> =
        states.iter().enumerate().map(|(at, &state)| (state, at as u16)).collect();
    let next = |state, byte| number[&dfa.next_state(Anchored::No, state, byte)];

    // Bytes that lead to the same states everywhere are of one class.
    let mut columns: HashMap<Vec<u16>, u8> = HashMap::new();
    let mut of_class = Vec::new();
    let mut table = Vec::new();
    for byte in 0..=u8::MAX {
        let column: Vec<u16> = states.iter().map(|&state| next(state, byte)).collect();
        let class = columns.len() as u8;
        table.push(*columns.entry(column).or_insert_with(|| {
            of_class.push(byte);
            class
        }));
    }
    let row = of_class.len() as u32;
    for &state in &states {
        table.extend(
            of_class.iter().flat_map(|&byte| (u32::from(next(state, byte)) * row).to_le_bytes()),
        );
    }
    let mut offsets = vec![0];
    let mut ends = Vec::new();
    for &state in &states[first_end..] {
        let count = dfa.match_len(state);
        ends.extend((0..count).map(|at| dfa.match_pattern(state, at).as_usize() as u16));
        offsets.push(ends.len() as u32);
    }
    let classes = of_class.len();
    Ok(Prefilter { table, classes, first_end: first_end * classes, offsets, ends })
}

/// All states, the start first, near ones before far ones.
fn reachable(dfa: &dfa::DFA, start: StateID) -> Vec<StateID> {
    let mut states = vec![start];
    let mut seen: std::collections::HashSet<StateID> = states.iter().copied().collect();
    let mut at = 0;
    while let Some(&state) = states.get(at) {
        for byte in 0..=u8::MAX {
            let next = dfa.next_state(Anchored::No, state, byte);
            if seen.insert(next) {
                states.push(next);
            }
        }
        at += 1;
    }
    states
}
