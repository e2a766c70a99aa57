//! What a line of nmap-service-probes states after its pattern: `p/…/ v/…/ i/…/ h/…/
//! o/…/ d/…/ cpe:/…/a`, each with `$1`, `$P(1)`, `$SUBST(1,"_",".")`, `$I(1,">")` in it.

use std::borrow::Cow;

use crate::rule::{Change, Field, Piece, Text};

/// Reads it all.
///
/// # Errors
/// What is wrong with it.
pub fn read(text: &str) -> Result<Vec<(Field, Vec<Piece>)>, Text> {
    let mut fields = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (field, after) = field(rest)?;
        let cpe = field == Field::Cpe;
        let mut chars = after.chars();
        let delimiter = chars.next().ok_or("a field without text")?;
        let (inner, after) =
            chars.as_str().split_once(delimiter).ok_or("a field without its end")?;
        let text = if cpe { format!("cpe:/{inner}") } else { inner.to_owned() };
        fields.push((field, template(&text)?));
        // `cpe:/…/a`: a flag may follow.
        let after = if cpe { after.trim_start_matches('a') } else { after };
        if !after.is_empty() && !after.starts_with(char::is_whitespace) {
            return Err(Cow::Borrowed("no space after a field"));
        }
        rest = after.trim_start();
    }
    fields.sort_by_key(|(field, _)| *field);
    Ok(fields)
}

fn field(text: &str) -> Result<(Field, &str), Text> {
    if let Some(after) = text.strip_prefix("cpe:") {
        return Ok((Field::Cpe, after));
    }
    let field = match text.as_bytes().first() {
        Some(b'p') => Field::Product,
        Some(b'v') => Field::Version,
        Some(b'i') => Field::Extra,
        Some(b'h') => Field::Host,
        Some(b'o') => Field::Os,
        Some(b'd') => Field::Device,
        _ => return Err(Cow::Borrowed("an unknown field")),
    };
    Ok((field, &text[1..]))
}

/// Reads a template with nmap's substitutions.
pub fn template(text: &str) -> Result<Vec<Piece>, Text> {
    let mut pieces = Vec::new();
    let mut words = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        words.push_str(before);
        let Some((group, change, after)) = substitution(after)? else {
            words.push('$');
            rest = after;
            continue;
        };
        if !words.is_empty() {
            pieces.push(Piece::Text(Cow::Owned(std::mem::take(&mut words))));
        }
        pieces.push(Piece::Group(0, group, change));
        rest = after;
    }
    words.push_str(rest);
    if !words.is_empty() {
        pieces.push(Piece::Text(Cow::Owned(words)));
    }
    Ok(pieces)
}

type Substitution<'a> = Option<(u8, Change, &'a str)>;

fn substitution(text: &str) -> Result<Substitution<'_>, Text> {
    if let Some(digit) = text.chars().next().and_then(|c| c.to_digit(10)) {
        return Ok(Some((digit as u8, Change::None, &text[1..])));
    }
    let Some((name, inner)) = ["SUBST", "P", "I"]
        .into_iter()
        .find_map(|name| Some((name, text.strip_prefix(name)?.strip_prefix('(')?)))
    else {
        return Ok(None);
    };
    let wrong = || Cow::Owned(format!("not understood: ${name}("));
    let (arguments, after) = arguments(inner).ok_or_else(wrong)?;
    let group = arguments.first().and_then(|text| text.parse().ok()).ok_or_else(wrong)?;
    let change = match (name, &arguments[1..]) {
        ("P", []) => Change::Printable,
        ("SUBST", [from, to]) => Change::Replace(Cow::Owned(from.clone()), Cow::Owned(to.clone())),
        ("I", [order]) if order == ">" => Change::BigEndian,
        ("I", [order]) if order == "<" => Change::LittleEndian,
        _ => return Err(wrong()),
    };
    Ok(Some((group, change, after)))
}

/// Arguments up to the closing parenthesis, and what follows it.
fn arguments(text: &str) -> Option<(Vec<String>, &str)> {
    let mut arguments = vec![String::new()];
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            ')' if !quoted => return Some((arguments, &text[at + 1..])),
            ',' if !quoted => arguments.push(String::new()),
            c => arguments.last_mut()?.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_substitutions_are_read() {
        let read = read(
            r#"p/A $1/ v|$SUBST(2,"_",".")| i~x$~ cpe:/a:v:p:$3/a cpe:/o:l/ d/$I(1,">")$P(4)/"#,
        );
        let text = |words: &str| Piece::Text(Cow::Owned(words.to_owned()));
        let group = |group, change| Piece::Group(0, group, change);
        let replace = Change::Replace(Cow::Borrowed("_"), Cow::Borrowed("."));
        assert_eq!(
            read,
            Ok(vec![
                (Field::Product, vec![text("A "), group(1, Change::None)]),
                (Field::Version, vec![group(2, replace)]),
                (Field::Extra, vec![text("x$")]),
                (Field::Device, vec![group(1, Change::BigEndian), group(4, Change::Printable)]),
                (Field::Cpe, vec![text("cpe:/a:v:p:"), group(3, Change::None)]),
                (Field::Cpe, vec![text("cpe:/o:l")]),
            ])
        );
        for bad in ["q/x/", "p/x", "p/x/y", "p", "p/$SUBST(1)/", "v/$P(x)/"] {
            assert!(super::read(bad).is_err(), "{bad}");
        }
    }
}
