//! Answers that somebody wrote to keep the matcher busy: full of the literals that open
//! its rules, behind beginnings that many rules want.

use prtip_signatures::Database;
use prtip_signatures::compile::{expression, required};

use super::Answer;

/// How many.
const COUNT: usize = 2000;

/// Answers of `length` bytes, the same ones in every run.
pub(super) fn answers(database: &Database, real: &[Answer], length: usize) -> Vec<Answer> {
    let literals: Vec<Vec<Vec<u8>>> = (0..database.probes().len())
        .map(|probe| {
            let mut literals: Vec<Vec<u8>> = database
                .rules_of(probe)
                .flat_map(|rule| database.expressions(rule))
                .filter_map(|(text, _)| expression(text).ok())
                .flat_map(|hir| required::needs(&hir))
                .flat_map(|need| need.any)
                .map(|literal| literal.bytes)
                .collect();
            literals.sort();
            literals.dedup();
            literals
        })
        .collect();
    let mut state = 0x5eed_u64;
    let mut draw = move |below: usize| {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % below.max(1) as u64) as usize
    };
    let kinds = real.len();
    (0..COUNT)
        .map(|at| {
            // Behind the beginning of a real answer, so that rules that want one go on.
            let (probe, real) = &real[draw(kinds)];
            let mut answer = real[..real.len().min(8 + draw(40))].to_vec();
            let literals = &literals[*probe];
            let one = draw(literals.len());
            while answer.len() < length && !literals.is_empty() {
                let literal = match at % 4 {
                    // One literal over and over, two in turn, any.
                    0 => &literals[one],
                    1 => &literals[(one + answer.len() % 2) % literals.len()],
                    _ => &literals[draw(literals.len())],
                };
                answer.extend_from_slice(literal);
                if at % 4 == 3 {
                    answer.extend_from_slice(b"\r\n");
                }
            }
            answer.resize(length, b'x');
            (*probe, answer)
        })
        .collect()
}
