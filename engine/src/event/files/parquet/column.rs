//! A column of a row group, as it comes together: values one after the other (PLAIN), and
//! which of them are missing.

use std::io::Write;

use super::thrift::{Struct, varint};
use crate::event::files::fields::{Kind, Value};
use crate::event::text::Printable;

/// Parquet's own names for numbers (parquet-format, `parquet.thrift`).
pub(super) mod physical {
    pub(crate) const BOOLEAN: i32 = 0;
    pub(crate) const INT32: i32 = 1;
    pub(crate) const INT64: i32 = 2;
    pub(crate) const BYTE_ARRAY: i32 = 6;
}
mod converted {
    pub(super) const UTF8: i32 = 0;
    pub(super) const TIMESTAMP_MICROS: i32 = 10;
    pub(super) const UINT_8: i32 = 11;
    pub(super) const UINT_16: i32 = 12;
    pub(super) const UINT_32: i32 = 13;
}

/// How a kind of values lies in the file.
pub(super) const fn physical_type(kind: Kind) -> i32 {
    match kind {
        Kind::Flag => physical::BOOLEAN,
        Kind::U8 | Kind::U16 | Kind::U32 => physical::INT32,
        Kind::I64 | Kind::Time => physical::INT64,
        Kind::Text => physical::BYTE_ARRAY,
    }
}

/// What the values mean: the converted type for older readers, the logical type for others.
pub(super) fn meaning(kind: Kind, schema: &mut Struct<'_>) {
    let integer = |schema: &mut Struct<'_>, converted, bits| {
        schema.i32(6, converted);
        schema.nested(10, |logical| {
            logical.nested(10, |integer| {
                integer.i8(1, bits);
                integer.flag(2, false);
            });
        });
    };
    match kind {
        Kind::Flag | Kind::I64 => {}
        Kind::U8 => integer(schema, converted::UINT_8, 8),
        Kind::U16 => integer(schema, converted::UINT_16, 16),
        Kind::U32 => integer(schema, converted::UINT_32, 32),
        Kind::Time => {
            schema.i32(6, converted::TIMESTAMP_MICROS);
            schema.nested(10, |logical| {
                logical.nested(8, |timestamp| {
                    timestamp.flag(1, true); // UTC
                    timestamp.nested(2, |unit| unit.nested(2, |_| {})); // microseconds
                });
            });
        }
        Kind::Text => {
            schema.i32(6, converted::UTF8);
            schema.nested(10, |logical| logical.nested(1, |_| {}));
        }
    }
}

/// Bits, the lowest first.
#[derive(Debug, Default)]
struct Bits {
    bytes: Vec<u8>,
    len: usize,
}

impl Bits {
    fn push(&mut self, bit: bool) {
        if self.len.is_multiple_of(8) {
            self.bytes.push(0);
        }
        if let Some(last) = self.bytes.last_mut() {
            *last |= u8::from(bit) << (self.len % 8);
        }
        self.len += 1;
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.len = 0;
    }
}

/// The values of a column.
#[derive(Debug)]
pub(super) struct Column {
    kind: Kind,
    /// A bit a row: there is a value.
    present: Bits,
    flags: Bits,
    values: Vec<u8>,
}

impl Column {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, present: Bits::default(), flags: Bits::default(), values: Vec::new() }
    }

    /// Takes the value of one more row; returns by how many bytes the column has grown.
    pub(super) fn push(&mut self, value: &Value<'_>) -> usize {
        let before = self.values.len();
        let present = match (self.kind, value) {
            (Kind::Flag, Value::Flag(yes)) => {
                self.flags.push(*yes);
                true
            }
            (Kind::U8 | Kind::U16 | Kind::U32, Value::Number(number)) => {
                self.values.extend_from_slice(&(*number as u32).to_le_bytes());
                true
            }
            (Kind::I64, Value::Number(number)) | (Kind::Time, Value::Time(number)) => {
                self.values.extend_from_slice(&number.to_le_bytes());
                true
            }
            (Kind::Text, value) => self.push_text(value),
            _ => {
                debug_assert!(matches!(value, Value::Missing), "{:?}: {value:?}", self.kind);
                false
            }
        };
        self.present.push(present);
        self.values.len() - before
    }

    fn push_text(&mut self, value: &Value<'_>) -> bool {
        let start = self.values.len();
        self.values.extend_from_slice(&[0; 4]);
        let out = &mut self.values;
        let written = match value {
            Value::Addr(addr) => write!(out, "{addr}"),
            Value::Reason(reason) => write!(out, "{reason}"),
            Value::Word(word) => out.write_all(word.as_bytes()),
            Value::Text(text) => write!(out, "{}", Printable::new(text.as_bytes())),
            _ => {
                debug_assert!(matches!(value, Value::Missing), "text: {value:?}");
                out.truncate(start);
                return false;
            }
        };
        written.expect("a Vec takes all bytes");
        let len = (self.values.len() - start - 4) as u32;
        self.values[start..start + 4].copy_from_slice(&len.to_le_bytes());
        true
    }

    /// Appends the contents of its one page, and begins anew: which values are there, as one
    /// bit-packed run behind its length, then those.
    pub(super) fn take(&mut self, page: &mut Vec<u8>) {
        let mut run = Vec::with_capacity(4);
        varint(&mut run, (self.present.bytes.len() as u64) << 1 | 1);
        let len = (run.len() + self.present.bytes.len()) as u32;
        page.extend_from_slice(&len.to_le_bytes());
        page.extend_from_slice(&run);
        page.extend_from_slice(&self.present.bytes);
        page.extend_from_slice(&self.flags.bytes);
        page.extend_from_slice(&self.values);
        self.present.clear();
        self.flags.clear();
        self.values.clear();
    }
}
