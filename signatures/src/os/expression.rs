//! What a database says a value may be: alternatives apart by `|`, each a word, a range of
//! hexadecimal numbers `a-b`, `>a`, `<a`, or a word with such an expression in brackets,
//! `M[>500]W[1-5]`. A word stands for itself alone; nothing stands for no value.

/// One of an expression's alternatives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alternative<'a> {
    /// This very text.
    Word(&'a str),
    /// A number from the first to the last.
    Range(u64, u64),
    /// Words and, in brackets, expressions for the numbers between them.
    Nested(&'a str),
}

/// A value's number: up to sixteen hexadecimal digits.
#[must_use]
pub fn number(text: &str) -> Option<u64> {
    let digits = (1..=16).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
    if digits { u64::from_str_radix(text, 16).ok() } else { None }
}

/// The alternatives of an expression, in order.
pub fn alternatives(expression: &str) -> impl Iterator<Item = Result<Alternative<'_>, Bad>> {
    split(expression).map(alternative)
}

/// Why an alternative has no meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Bad {
    /// `5-1`.
    #[error("a range that runs backwards")]
    Backwards,
    /// `<0`.
    #[error("no number is so small or so large")]
    Nothing,
    /// `>x`.
    #[error("< and > want a hexadecimal number")]
    NoNumber,
    /// `M[5`.
    #[error("brackets that do not close, or brackets in brackets")]
    Brackets,
}

/// Splits at `|` outside of brackets.
fn split(expression: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    expression.split(move |c: char| {
        match c {
            '[' => inside = true,
            ']' => inside = false,
            _ => {}
        }
        c == '|' && !inside
    })
}

fn alternative(text: &str) -> Result<Alternative<'_>, Bad> {
    if text.contains(['[', ']']) {
        return if is_well_nested(text) {
            Ok(Alternative::Nested(text))
        } else {
            Err(Bad::Brackets)
        };
    }
    if let Some(above) = text.strip_prefix('>') {
        let above = number(above).ok_or(Bad::NoNumber)?;
        return Ok(Alternative::Range(above.checked_add(1).ok_or(Bad::Nothing)?, u64::MAX));
    }
    if let Some(below) = text.strip_prefix('<') {
        let below = number(below).ok_or(Bad::NoNumber)?;
        return Ok(Alternative::Range(0, below.checked_sub(1).ok_or(Bad::Nothing)?));
    }
    let range = text.split_once('-').and_then(|(a, b)| Some((number(a)?, number(b)?)));
    match range {
        Some((first, last)) if first > last => Err(Bad::Backwards),
        Some((first, last)) => Ok(Alternative::Range(first, last)),
        None => Ok(Alternative::Word(text)),
    }
}

fn is_well_nested(text: &str) -> bool {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        let Some((inner, next)) = after.split_once(']') else { return false };
        let sound = !inner.contains('[') && alternatives(inner).all(|one| one.is_ok());
        if before.contains(']') || !sound {
            return false;
        }
        rest = next;
    }
    !rest.contains(']')
}

impl Alternative<'_> {
    /// Whether a value is meant.
    #[must_use]
    pub fn matches(&self, value: &str) -> bool {
        match *self {
            Self::Word(word) => word == value,
            Self::Range(first, last) => {
                number(value).is_some_and(|number| (first..=last).contains(&number))
            }
            Self::Nested(text) => nested_matches(text, value),
        }
    }
}

/// Numbers are as long as their digits go on.
fn nested_matches(text: &str, value: &str) -> bool {
    let (mut rest, mut value) = (text, value);
    while let Some((before, after)) = rest.split_once('[') {
        let Some((inner, next)) = after.split_once(']') else { return false };
        let Some(from) = value.strip_prefix(before) else { return false };
        let digits = from.bytes().take_while(u8::is_ascii_hexdigit).count();
        if !matches(inner, &from[..digits]) {
            return false;
        }
        (rest, value) = (next, &from[digits..]);
    }
    rest == value
}

/// Whether an expression means a value. What has no meaning matches nothing.
#[must_use]
pub fn matches(expression: &str, value: &str) -> bool {
    alternatives(expression).any(|one| one.is_ok_and(|one| one.matches(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_means_what_the_format_says() {
        for (expression, meant, not) in [
            ("Y", &["Y"][..], &["N", "", "YY", "y"][..]),
            ("", &[""], &["0", "Y"]),
            ("|U", &["", "U"], &["|", "|U", "R"]),
            ("6A-BE", &["6A", "6a", "BE", "9F"], &["69", "BF", "", "S", "6A-BE", "-"]),
            ("1-6|64|>1000", &["3", "64", "1001", "FFFFFFFF"], &["7", "1000", "63", "064"]),
            ("<8", &["0", "7", "00007"], &["8", "", "A", "<8"]),
            ("I|RD|3B-47", &["I", "RD", "40"], &["RI", "2"]),
            ("S+", &["S+"], &["S"]),
            (
                "M[>500]ST11W[1-5|A]",
                &["M5B4ST11W3", "M501ST11WA"],
                &["M500ST11W3", "M5B4ST11W6", "M5B4ST11W33"],
            ),
            ("M5B4|M[<100]L", &["M5B4", "MFFL"], &["MFF", "M100L"]),
        ] {
            for value in meant {
                assert!(matches(expression, value), "{expression} means {value}");
            }
            for value in not {
                assert!(!matches(expression, value), "{expression} does not mean {value}");
            }
        }
    }

    #[test]
    fn what_has_no_meaning_is_told() {
        let first = |text| alternatives(text).find_map(Result::err);
        assert_eq!(first("1-6|9-3"), Some(Bad::Backwards));
        assert_eq!(first("<0"), Some(Bad::Nothing));
        assert_eq!(first(">FFFFFFFFFFFFFFFF"), Some(Bad::Nothing));
        assert_eq!(first(">"), Some(Bad::NoNumber));
        assert_eq!(first("<XY"), Some(Bad::NoNumber));
        for text in ["M[5", "M5]", "M[[5]]", "[>]", "]["] {
            assert_eq!(first(text), Some(Bad::Brackets), "{text}");
        }
    }
}
