//! Literals that every match of an expression must hold, with their distance from
//! the match's beginning where that is fixed. Letters are folded: the prefilter
//! looks without case, the automaton decides.

use std::collections::HashMap;

use regex_syntax::hir::{Class, Hir, HirKind};

/// A literal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Literal {
    /// In small letters.
    pub bytes: Vec<u8>,
    /// How many bytes before its end a match begins.
    pub back: Option<u16>,
}

/// A set of literals one of which is in every match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The set.
    pub any: Vec<Literal>,
}

impl Need {
    /// What it costs to be gated by it: how many patterns would be opened, and how
    /// short it is.
    pub fn cost(&self, frequencies: &HashMap<Vec<u8>, u32>) -> u64 {
        let shortest = self.any.iter().map(|literal| literal.bytes.len()).min().unwrap_or(0);
        let shared: u32 =
            self.any.iter().map(|literal| frequencies.get(&literal.bytes).unwrap_or(&1)).sum();
        // A byte more halves what is hit by chance; so does half the company.
        (u64::from(shared) << 16) >> shortest.min(LONGEST)
    }
}

/// Longer literals are cut to their last bytes.
pub const LONGEST: usize = 12;
/// Alternations of more literals gate nothing.
const MOST: usize = 16;
/// Repeated more often than this, an expression is a gap.
const UNROLLED: u32 = 8;

/// The best of an expression's needs; none where nothing worth looking for is needed.
pub fn choose<'a>(
    needs: &'a [Need],
    at_start: bool,
    frequencies: &HashMap<Vec<u8>, u32>,
) -> Option<&'a Need> {
    let fixed = |need: &Need| need.any.iter().all(|literal| literal.back.is_some());
    needs
        .iter()
        // At a fixed place one byte tells much; anywhere it tells nothing.
        .filter(|need| {
            let least = if at_start && fixed(need) { 1 } else { 2 };
            need.any.iter().all(|literal| literal.bytes.len() >= least)
        })
        // A known beginning spares the search.
        .min_by_key(|need| (!at_start && !fixed(need), need.cost(frequencies)))
}

/// All needs of an expression.
pub fn needs(hir: &Hir) -> Vec<Need> {
    let mut reader = Reader { needs: Vec::new(), run: Vec::new(), width: Some(0) };
    reader.read(hir);
    reader.end_run();
    reader.needs
}

struct Reader {
    needs: Vec<Need>,
    /// The literal that is being read.
    run: Vec<u8>,
    /// Bytes from the match's beginning to here, where fixed.
    width: Option<usize>,
}

impl Reader {
    fn read(&mut self, hir: &Hir) {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => literal.0.iter().for_each(|&byte| self.byte(byte)),
            HirKind::Class(class) => match single_letter(class) {
                Some(byte) => self.byte(byte),
                None => self.gap(hir),
            },
            HirKind::Capture(capture) => self.read(&capture.sub),
            HirKind::Concat(subs) => subs.iter().for_each(|sub| self.read(sub)),
            HirKind::Repetition(repetition) if repetition.min > 0 => {
                let times = repetition.min.min(UNROLLED);
                (0..times).for_each(|_| self.read(&repetition.sub));
                if repetition.max != Some(times) {
                    self.end_run();
                    self.width = None;
                }
            }
            HirKind::Repetition(_) => self.gap(hir),
            HirKind::Alternation(subs) => self.alternation(hir, subs),
        }
    }

    fn byte(&mut self, byte: u8) {
        self.run.push(byte.to_ascii_lowercase());
        self.width = self.width.map(|width| width + 1);
    }

    /// Something that is no literal.
    fn gap(&mut self, hir: &Hir) {
        self.end_run();
        let properties = hir.properties();
        let fixed = properties
            .minimum_len()
            .filter(|_| properties.minimum_len() == properties.maximum_len());
        self.width = self.width.zip(fixed).map(|(width, more)| width + more);
    }

    fn end_run(&mut self) {
        let run = std::mem::take(&mut self.run);
        if !run.is_empty() {
            let back = self.width.and_then(|width| u16::try_from(width).ok());
            let bytes = run[run.len().saturating_sub(LONGEST)..].to_vec();
            self.needs.push(Need { any: vec![Literal { bytes, back }] });
        }
    }

    /// One literal of each branch.
    fn alternation(&mut self, hir: &Hir, subs: &[Hir]) {
        self.end_run();
        let before = self.width;
        let branches: Option<Vec<Vec<Literal>>> = subs
            .iter()
            .map(|sub| {
                let mut inner = Self { needs: Vec::new(), run: Vec::new(), width: before };
                inner.read(sub);
                inner.end_run();
                let shortest = |need: &Need| need.any.iter().map(|l| l.bytes.len()).min();
                inner.needs.into_iter().max_by_key(shortest).map(|need| need.any)
            })
            .collect();
        if let Some(any) = branches.map(|branches| branches.concat())
            && any.len() <= MOST
        {
            self.needs.push(Need { any });
        }
        self.gap(hir);
    }
}

/// A class of one byte, or of a letter in both cases.
fn single_letter(class: &Class) -> Option<u8> {
    let Class::Bytes(class) = class else { return None };
    let mut bytes = class.iter().flat_map(|range| range.start()..=range.end());
    let first = bytes.next()?;
    match (bytes.next(), bytes.next()) {
        (None, _) => Some(first),
        (Some(second), None) if first.eq_ignore_ascii_case(&second) => Some(first),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(pattern: &str) -> Vec<Vec<(String, Option<u16>)>> {
        let hir = crate::compile::expression(pattern).expect("an expression");
        let text = |literal: &Literal| {
            (String::from_utf8_lossy(&literal.bytes).into_owned(), literal.back)
        };
        needs(&hir).iter().map(|need| need.any.iter().map(text).collect()).collect()
    }

    #[test]
    fn literals_are_found_with_their_distance() {
        let one = |text: &str, back| vec![(text.to_owned(), back)];
        assert_eq!(told(r"^SSH-([\d.]+)-OpenSSH_"), [one("ssh-", Some(4)), one("-openssh_", None)]);
        assert_eq!(told(r"ab[01]cd"), [one("ab", Some(2)), one("cd", Some(5))]);
        assert_eq!(told(r"(?i)Ab+c"), [one("ab", Some(2)), one("c", None)]);
        assert_eq!(told(r"a{3}b"), [one("aaab", Some(4))]);
        assert_eq!(told(r"x?y"), [one("y", None)]);
        assert_eq!(told(r"0123456789abcdef"), [one("456789abcdef", Some(16))]);
        assert_eq!(
            told(r".(?:foo|quux.)z"),
            [vec![("foo".to_owned(), Some(4)), ("quux".to_owned(), Some(5))], one("z", None)]
        );
        assert!(told(r"\d+").is_empty());
    }
}
