//! Hosts made up: values that a system's expressions mean, drawn. The lab plays such
//! hosts, the benchmark and the tests match them.

use super::database::{Database, System};
use super::expression::{Alternative, alternatives};
use super::fingerprint::Fingerprint;
use super::notation::Family;

/// Numbers above what `>` names go so far.
const BEYOND: u64 = 1 << 10;

/// A host that agrees with a system in every test of a family. `draw(n)` gives a number
/// below n.
pub fn host(
    database: &Database,
    system: &System,
    family: Family,
    mut draw: impl FnMut(u64) -> u64,
) -> Fingerprint {
    let mut fingerprint = Fingerprint::default();
    let tests = database.expressions(system);
    for (test, expression) in tests.filter(|(test, _)| test.line().family() == family) {
        fingerprint.set(test, value(expression, &mut draw));
    }
    fingerprint
}

/// A value that an expression means.
pub fn value(expression: &str, draw: &mut impl FnMut(u64) -> u64) -> String {
    let sound: Vec<Alternative<'_>> = alternatives(expression).flatten().collect();
    let Some(one) = sound.get(draw(sound.len().max(1) as u64) as usize) else {
        return String::new();
    };
    match *one {
        Alternative::Word(word) => word.to_owned(),
        Alternative::Range(first, last) => {
            let span = last.saturating_sub(first).min(u64::from(u32::MAX));
            // Without an upper end: not far beyond the lower one.
            let span = if last == u64::MAX { span.min(BEYOND) } else { span };
            format!("{:X}", first + draw(span + 1))
        }
        Alternative::Nested(text) => {
            let mut made = String::new();
            let mut rest = text;
            while let Some((before, after)) = rest.split_once('[') {
                let Some((inner, next)) = after.split_once(']') else { break };
                made.push_str(before);
                made.push_str(&value(inner, draw));
                rest = next;
            }
            made + rest
        }
    }
}

/// Numbers that are the same in every run: a generator for [`host`] and [`value`].
pub fn dice(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |sides| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % sides.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::expression::matches;
    use super::*;

    #[test]
    fn what_is_drawn_is_meant() {
        let mut state = 1_u64;
        let mut draw = |sides: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % sides
        };
        for expression in [
            "",
            "Y",
            "|U",
            "6A-BE|S",
            ">FF|<3|I",
            "M[200-FFFF]ST11NW[0-E]|M5B4",
            "0-FFFFFFFFFFFFFFFF",
        ] {
            for _ in 0..50 {
                let value = value(expression, &mut draw);
                assert!(matches(expression, &value), "{expression} does not mean {value}");
            }
        }
    }
}
