//! Templates: `OpenSSH ${version}`, `${build|replace _ .}`.

use std::borrow::Cow;

use crate::rule::{Change, Piece};

/// Reads a template; `group` tells the pattern and the group that a name stands for.
pub(super) fn template(
    text: &str,
    group: impl Fn(&str) -> Option<(u8, u8)>,
) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (inner, after) = after.split_once('}').ok_or("${ without }")?;
        if !before.is_empty() {
            pieces.push(Piece::Text(Cow::Owned(before.to_owned())));
        }
        let (name, change) = inner.split_once('|').unwrap_or((inner, ""));
        let (pattern, index) =
            group(name).ok_or_else(|| format!("no group named {name:?} in the rule's patterns"))?;
        pieces.push(Piece::Group(pattern, index, change_of(change)?));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(Cow::Owned(rest.to_owned())));
    }
    Ok(pieces)
}

fn change_of(text: &str) -> Result<Change, String> {
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    let owned = |text: &str| Cow::Owned(text.to_owned());
    match words[..] {
        [] => Ok(Change::None),
        ["printable"] => Ok(Change::Printable),
        ["lowercase"] => Ok(Change::Lowercase),
        ["big-endian"] => Ok(Change::BigEndian),
        ["little-endian"] => Ok(Change::LittleEndian),
        ["replace", from, to] => Ok(Change::Replace(owned(from), owned(to))),
        ["remove", from] => Ok(Change::Replace(owned(from), owned(""))),
        _ => Err(format!("unknown change {text:?}")),
    }
}
