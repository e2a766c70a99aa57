//! Automata: the DFA that tells whether a pattern matches, and the one-pass
//! automaton that reads the captures of the winner.
//!
//! The first need not tell where a match ends, so what may follow a match is cut off
//! before it is built ([`trimmed`]): `nginx/[\d.]+` is as good as `nginx/[\d.]`, and of
//! a long pattern the DFA is far smaller.

use regex_automata::MatchKind;
use regex_automata::dfa::onepass;
use regex_automata::dfa::{StartKind, dense};
use regex_automata::nfa::thompson::{self, NFA, WhichCaptures};
use regex_syntax::hir::{Hir, HirKind, Look, Repetition};

use crate::rule::Begins;

/// Most bytes of a shipped pattern's automaton.
const LARGEST: usize = 96 << 10;
/// Most bytes while it is built.
const LARGEST_BUILT: usize = 4 << 20;
/// Most bytes of the automaton for captures.
const LARGEST_ONEPASS: usize = 1 << 20;
/// Most bytes of the automaton that both are made from.
const LARGEST_NFA: usize = 10 << 20;

/// The bytes that every match begins with, and the expression of what follows them. Where a
/// match is known to begin, to compare them costs less than an automaton's step for each.
#[must_use]
pub fn split(hir: &Hir, begins: Begins) -> (Vec<u8>, Hir) {
    let whole = || (Vec::new(), hir.clone());
    let subs = match hir.kind() {
        HirKind::Concat(subs) => subs.as_slice(),
        HirKind::Literal(_) => std::slice::from_ref(hir),
        _ => return whole(),
    };
    // A pattern with ^ is run from the beginning alone.
    let subs = match subs {
        [first, rest @ ..] if matches!(first.kind(), HirKind::Look(Look::Start)) => rest,
        subs => subs,
    };
    match subs {
        [first, rest @ ..] if begins != Begins::Anywhere => match first.kind() {
            HirKind::Literal(literal) => (literal.0.to_vec(), Hir::concat(rest.to_vec())),
            _ => whole(),
        },
        _ => whole(),
    }
}

/// The automaton of a shipped pattern, as bytes.
///
/// # Errors
/// Where it exceeds a limit, or where its captures cannot be read in one pass from a
/// known beginning, which is what keeps them as fast as the rest.
pub fn built(hir: &Hir, begins: Begins, captures: bool) -> Result<Vec<u8>, String> {
    if captures {
        if begins == Begins::Anywhere {
            return Err("captures need ^ or a literal at a fixed place".to_owned());
        }
        one_pass(hir).map_err(|what| {
            format!("captures cannot be read in one pass; let each byte decide ({what})")
        })?;
    }
    let (_, rest) = split(hir, begins);
    let (bytes, padding) = dense(&rest, begins, LARGEST_BUILT)?.to_bytes_little_endian();
    let bytes = bytes[padding..].to_vec();
    if bytes.len() > LARGEST {
        return Err(format!("its automaton has {} bytes, at most {LARGEST}", bytes.len()));
    }
    Ok(bytes)
}

/// The DFA that tells whether `hir` matches.
///
/// # Errors
/// Where it would take more than `limit` bytes to build.
pub fn dense(hir: &Hir, begins: Begins, limit: usize) -> Result<dense::DFA<Vec<u32>>, String> {
    let start =
        if begins == Begins::Anywhere { StartKind::Unanchored } else { StartKind::Anchored };
    let config = dense::Config::new()
        .start_kind(start)
        .match_kind(MatchKind::LeftmostFirst)
        .accelerate(false)
        .dfa_size_limit(Some(limit))
        .determinize_size_limit(Some(limit));
    let nfa = nfa(&trimmed(hir), WhichCaptures::None)?;
    dense::Builder::new()
        .configure(config)
        .build_from_nfa(&nfa)
        .map_err(|error| format!("its automaton is too large: {error}"))
}

/// The automaton that reads captures in one pass from a match's beginning.
///
/// # Errors
/// Where a byte does not decide, or where it would be too large.
pub fn one_pass(hir: &Hir) -> Result<onepass::DFA, String> {
    let config = onepass::Config::new()
        .match_kind(MatchKind::LeftmostFirst)
        .starts_for_each_pattern(false)
        .size_limit(Some(LARGEST_ONEPASS));
    onepass::Builder::new()
        .configure(config)
        .build_from_nfa(nfa(hir, WhichCaptures::All)?)
        .map_err(|error| error.to_string())
}

/// The automaton that simulation runs on.
///
/// # Errors
/// Where it would be too large.
pub fn nfa(hir: &Hir, captures: WhichCaptures) -> Result<NFA, String> {
    let config = thompson::Config::new()
        .utf8(false)
        .which_captures(captures)
        .nfa_size_limit(Some(LARGEST_NFA));
    thompson::Compiler::new()
        .configure(config)
        .build_from_hir(hir)
        .map_err(|error| error.to_string())
}

/// Whether an automaton of any kind can be made of `hir`.
///
/// # Errors
/// Where it would be too large.
pub fn affordable(hir: &Hir) -> Result<(), String> {
    // Only counted repetitions make an automaton larger than its expression.
    if repeats_often(hir) { nfa(hir, WhichCaptures::All).map(drop) } else { Ok(()) }
}

fn repeats_often(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Repetition(repetition) => {
            repetition.max.unwrap_or(repetition.min) > 100 || repeats_often(&repetition.sub)
        }
        HirKind::Capture(capture) => repeats_often(&capture.sub),
        HirKind::Concat(subs) | HirKind::Alternation(subs) => subs.iter().any(repeats_often),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => false,
    }
}

/// The expression without what it may match beyond its shortest matches: it matches
/// from the same beginnings as `hir` does.
#[must_use]
pub fn trimmed(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Capture(capture) => trimmed(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min == 0 => Hir::empty(),
        HirKind::Repetition(repetition) if repetition.min == 1 => trimmed(&repetition.sub),
        HirKind::Repetition(repetition) => {
            Hir::repetition(Repetition { max: Some(repetition.min), ..repetition.clone() })
        }
        HirKind::Alternation(subs) => {
            let subs: Vec<Hir> = subs.iter().map(trimmed).collect();
            let empty = |sub: &Hir| matches!(sub.kind(), HirKind::Empty);
            if subs.iter().any(empty) { Hir::empty() } else { Hir::alternation(subs) }
        }
        HirKind::Concat(subs) => {
            let mut subs = subs.clone();
            while let Some(last) = subs.pop() {
                let last = trimmed(&last);
                if !matches!(last.kind(), HirKind::Empty) {
                    subs.push(last);
                    break;
                }
            }
            Hir::concat(subs)
        }
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => hir.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::expression;

    #[test]
    fn what_may_follow_is_cut_off() {
        for (pattern, short) in [
            (r"nginx/([\d.]+)", r"nginx/[\d.]"),
            (r"ab*c?(?:d|e*)", "a"),
            (r"a{2,5}", "a{2}"),
            (r"a\r\n(?:x|yz+)", r"a\r\n(?:x|yz)"),
            (r"a+\b", r"a+\b"),
        ] {
            let trimmed = trimmed(&expression(pattern).expect("an expression"));
            assert_eq!(trimmed, expression(short).expect("an expression"), "{pattern}");
        }
    }

    #[test]
    fn what_every_match_begins_with_is_taken_off() {
        let hir = |text: &str| expression(text).expect("an expression");
        for (pattern, begins, prefix, rest) in [
            (r"^SSH-(\d)", Begins::AtStart, "SSH-", r"(\d)"),
            (r"nginx/([\d.]+)", Begins::AtLiteral, "nginx/", r"([\d.]+)"),
            (r"^NOTICE$", Begins::AtStart, "NOTICE", r"$"),
            ("hello", Begins::AtLiteral, "hello", ""),
            (r"ab*", Begins::AtLiteral, "a", r"b*"),
            // Where it begins is not known, or not by these bytes alone.
            ("hello", Begins::Anywhere, "", "hello"),
            (r"^(?i)ok", Begins::AtStart, "", r"^(?i)ok"),
            (r"^(?:a|bc)d", Begins::AtStart, "", r"^(?:a|bc)d"),
            (r"\bab", Begins::AtLiteral, "", r"\bab"),
        ] {
            let (first, then) = split(&hir(pattern), begins);
            assert_eq!((first.as_slice(), then), (prefix.as_bytes(), hir(rest)), "{pattern}");
        }
    }

    #[test]
    fn captures_that_no_byte_decides_are_refused() {
        let hir = |text| expression(text).expect("an expression");
        assert!(built(&hir(r"^220 (\S+) ESMTP"), Begins::AtStart, true).is_ok());
        assert!(built(&hir(r"^220 (.*) ESMTP"), Begins::AtStart, true).is_err());
        assert!(built(&hir(r"^220 .* ESMTP"), Begins::AtStart, false).is_ok());
        assert!(built(&hir(r"\d+ ESMTP (\S+)"), Begins::Anywhere, true).is_err());
    }
}
