//! Building blocks of a page. Markup is written by this program alone: what comes from
//! elsewhere passes through [`Text`], which leaves no character that could end a text or
//! an attribute, and no control or direction mark either.

use std::fmt::{self, Display, Write};

use crate::event::text::XmlAttribute;

/// A text that somebody else may have chosen, in a text or an attribute.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a>(pub &'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        XmlAttribute(self.0.as_bytes()).fmt(f)
    }
}

/// A table's column.
#[derive(Clone, Copy, Debug)]
pub(super) enum Column {
    /// Words.
    Words(&'static str),
    /// Numbers, at the right.
    Numbers(&'static str),
    /// Addresses, ports and the like, in a fixed width.
    Code(&'static str),
}

impl Column {
    fn name(self) -> &'static str {
        match self {
            Self::Words(name) | Self::Numbers(name) | Self::Code(name) => name,
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Words(_) => "",
            Self::Numbers(_) => " class=\"n\"",
            Self::Code(_) => " class=\"c\"",
        }
    }
}

/// Writes a table. Cells are texts and are escaped here; the first one heads its row.
pub(super) fn table(
    out: &mut String,
    caption: &str,
    columns: &[Column],
    rows: impl IntoIterator<Item = Vec<String>>,
) {
    // It can be scrolled, so it must be reachable by keyboard.
    let label = Text(caption);
    push(
        out,
        format_args!(
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{label}\">"
        ),
    );
    push(out, format_args!("<table><caption>{label}</caption>\n<thead><tr>"));
    for column in columns {
        push(out, format_args!("<th scope=\"col\"{}>{}</th>", column.class(), Text(column.name())));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for (place, (cell, column)) in row.iter().zip(columns).enumerate() {
            let (class, text) = (column.class(), Text(cell));
            match place {
                0 => push(out, format_args!("<th scope=\"row\"{class}>{text}</th>")),
                _ => push(out, format_args!("<td{class}>{text}</td>")),
            }
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
}

/// Writes a paragraph of words of ours.
pub(super) fn paragraph(out: &mut String, class: &'static str, words: impl Display) {
    let words = words.to_string();
    push(out, format_args!("<p class=\"{class}\">{}</p>\n", Text(&words)));
}

/// Appends; markup within `text` is this program's own.
pub(super) fn push(out: &mut String, text: fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a String takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_and_captions_cannot_leave_their_place() {
        let mut out = String::new();
        let hostile = "</td><script>\"'&\u{202e}\x1b[0m";
        let rows = [vec![hostile.to_owned(), "5".to_owned()]];
        table(&mut out, hostile, &[Column::Code("Address"), Column::Numbers("Open")], rows);
        assert!(!out.contains("<script") && !out.contains('\x1b') && !out.contains('\u{202e}'));
        assert_eq!(out.matches('<').count(), out.matches('>').count());
        assert_eq!(out.matches("<td").count(), 1);
        assert!(
            out.contains(
                "<th scope=\"row\" class=\"c\">&lt;/td&gt;&lt;script&gt;&quot;&apos;&amp;"
            )
        );
    }
}
