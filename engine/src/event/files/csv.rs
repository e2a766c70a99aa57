//! CSV with the names that ZMap gives its fields (`--csv`), written as results come.
//! What is missing is empty; yes is 1.

use std::io::Write;

use super::fields::{Field, Value};
use super::line::Line;
use crate::event::clock::format_rfc3339;
use crate::event::text::CsvField;

/// The first line.
pub(super) fn head(fields: &[Field], out: &mut Vec<u8>) {
    for (position, field) in fields.iter().enumerate() {
        out.extend_from_slice(if position == 0 { b"" } else { b"," });
        out.extend_from_slice(field.name().as_bytes());
    }
    out.push(b'\n');
}

/// One result.
pub(super) fn row(fields: &[Field], line: &Line<'_>, out: &mut Vec<u8>) {
    for (position, field) in fields.iter().enumerate() {
        out.extend_from_slice(if position == 0 { b"" } else { b"," });
        match field.of(line) {
            Value::Missing => {}
            Value::Flag(yes) => put(out, u8::from(yes)),
            Value::Number(number) => put(out, number),
            Value::Addr(addr) => put(out, addr),
            Value::Reason(reason) => put(out, reason),
            Value::Time(unix_us) => out.extend_from_slice(&format_rfc3339(unix_us)),
            Value::Word(word) => out.extend_from_slice(word.as_bytes()),
            Value::Text(text) => put(out, CsvField(text.as_bytes())),
        }
    }
    out.push(b'\n');
}

fn put(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    write!(out, "{value}").expect("a Vec takes all bytes");
}
