//! Parquet (`--parquet`): the fields of [`csv`](super::csv) as typed columns, for DuckDB,
//! pandas, Spark and their kin (github.com/apache/parquet-format).
//!
//! Written as results come, a row group for every 65,536 of them; nothing is sought for, so
//! it may go into a pipe. What a reader needs first, the footer, is written last and only
//! when the scan has come to its end or was stopped in order: a file of a scan that was
//! killed, or of a full disk, is refused by every reader.
//!
//! By hand, since so little of the format is needed: one page a column and group, PLAIN
//! values, zstd. Every column may have missing values. Memory is that of one row group and,
//! for the footer, some hundred bytes of each before.

mod column;
mod thrift;

use std::fmt;

use zstd::bulk::Compressor;

use self::column::{Column, meaning, physical_type};
use super::fields::Field;
use super::line::Line;
use super::{About, Outcome};
use crate::event::output::Output;

const MAGIC: &[u8; 4] = b"PAR1";
/// Rows of a row group.
const GROUP_ROWS: usize = 1 << 16;
/// Or so many bytes of values: what services tell may be long.
const GROUP_BYTES: usize = 16 << 20;
/// Bytes that are handed over at once.
const PIECE_BYTES: usize = 32 << 10;
/// The fastest that is worth it: it runs where results are taken.
const ZSTD_LEVEL: i32 = 1;

mod codec {
    pub(super) const UNCOMPRESSED: i32 = 0;
    pub(super) const ZSTD: i32 = 6;
}
mod encoding {
    pub(super) const PLAIN: i32 = 0;
    pub(super) const RLE: i32 = 3;
}
const DATA_PAGE: i32 = 0;
const OPTIONAL: i32 = 1;

/// A file that is being written.
pub(super) struct Parquet {
    fields: Vec<Field>,
    columns: Vec<Column>,
    /// In the columns.
    rows: usize,
    bytes: usize,
    groups: Vec<Group>,
    /// Bytes written.
    offset: u64,
    compressor: Option<Compressor<'static>>,
}

/// What the footer says of a row group.
struct Group {
    rows: usize,
    chunks: Vec<Chunk>,
}

/// A column of a row group, in the file.
struct Chunk {
    offset: u64,
    codec: i32,
    compressed_len: usize,
    len: usize,
}

impl Parquet {
    pub(super) fn new(fields: &[Field], output: &mut Output) -> Self {
        let mut file = Self {
            columns: fields.iter().map(|field| Column::new(field.kind())).collect(),
            fields: fields.to_vec(),
            rows: 0,
            bytes: 0,
            groups: Vec::new(),
            offset: 0,
            compressor: Compressor::new(ZSTD_LEVEL).ok(),
        };
        file.put(MAGIC, output);
        file
    }

    /// One result.
    pub(super) fn row(&mut self, line: &Line<'_>, output: &mut Output) {
        for (field, column) in self.fields.iter().zip(&mut self.columns) {
            self.bytes += column.push(&field.of(line));
        }
        self.rows += 1;
        if self.rows == GROUP_ROWS || self.bytes >= GROUP_BYTES {
            self.end_group(output);
        }
    }

    /// The end: without it nobody reads the file.
    pub(super) fn end(&mut self, about: &About, outcome: &Outcome, output: &mut Output) {
        if self.rows > 0 {
            self.end_group(output);
        }
        let mut footer = Vec::new();
        self.footer(about, outcome, &mut footer);
        let len = (footer.len() as u32).to_le_bytes();
        footer.extend_from_slice(&len);
        footer.extend_from_slice(MAGIC);
        self.put(&footer, output);
    }

    fn end_group(&mut self, output: &mut Output) {
        let (mut page, mut header) = (Vec::new(), Vec::new());
        let mut chunks = Vec::with_capacity(self.columns.len());
        for at in 0..self.columns.len() {
            page.clear();
            self.columns[at].take(&mut page);
            let smaller = self.compressor.as_mut().and_then(|zstd| zstd.compress(&page).ok());
            let (body, codec) = match &smaller {
                Some(smaller) => (smaller, codec::ZSTD),
                None => (&page, codec::UNCOMPRESSED),
            };
            header.clear();
            thrift::write(&mut header, |fields| {
                fields.i32(1, DATA_PAGE);
                fields.i32(2, page.len() as i32);
                fields.i32(3, body.len() as i32);
                fields.nested(5, |data| {
                    data.i32(1, self.rows as i32);
                    data.i32(2, encoding::PLAIN);
                    data.i32(3, encoding::RLE);
                    data.i32(4, encoding::RLE);
                });
            });
            chunks.push(Chunk {
                offset: self.offset,
                codec,
                compressed_len: header.len() + body.len(),
                len: header.len() + page.len(),
            });
            self.put(&header, output);
            self.put(body, output);
        }
        self.groups.push(Group { rows: self.rows, chunks });
        (self.rows, self.bytes) = (0, 0);
    }

    fn footer(&self, about: &About, outcome: &Outcome, out: &mut Vec<u8>) {
        let rows: usize = self.groups.iter().map(|group| group.rows).sum();
        thrift::write(out, |file| {
            file.i32(1, 2);
            // The root, then its children.
            let schema = std::iter::once(None).chain(self.fields.iter().map(Some));
            let schema: Vec<_> = schema.collect();
            file.structs(2, schema.into_iter(), |element, field| match field {
                None => {
                    element.text(4, "results");
                    element.i32(5, self.fields.len() as i32);
                }
                Some(field) => {
                    element.i32(1, physical_type(field.kind()));
                    element.i32(3, OPTIONAL);
                    element.text(4, field.name());
                    meaning(field.kind(), element);
                }
            });
            file.i64(3, rows as i64);
            file.structs(4, self.groups.iter(), |element, group| {
                element.structs(
                    1,
                    self.fields.iter().zip(&group.chunks),
                    |element, (field, chunk)| {
                        element.i64(2, chunk.offset as i64);
                        element.nested(3, |column| {
                            column.i32(1, physical_type(field.kind()));
                            column.i32s(2, &[encoding::PLAIN, encoding::RLE]);
                            column.texts(3, &[field.name()]);
                            column.i32(4, chunk.codec);
                            column.i64(5, group.rows as i64);
                            column.i64(6, chunk.len as i64);
                            column.i64(7, chunk.compressed_len as i64);
                            column.i64(9, chunk.offset as i64);
                        });
                    },
                );
                element.i64(2, group.chunks.iter().map(|chunk| chunk.len as i64).sum());
                element.i64(3, group.rows as i64);
            });
            let args = serde_json::to_string(&about.args).unwrap_or_default();
            let notes = [
                ("prtip.args", args.as_str()),
                ("prtip.stopped", if outcome.stopped { "true" } else { "false" }),
            ];
            file.structs(5, notes.iter(), |element, (key, value)| {
                element.text(1, key);
                element.text(2, value);
            });
            file.text(6, &format!("prtip version {}", about.version));
        });
    }

    fn put(&mut self, bytes: &[u8], output: &mut Output) {
        for piece in bytes.chunks(PIECE_BYTES) {
            output.write_with(|buffer| buffer.extend_from_slice(piece));
        }
        self.offset += bytes.len() as u64;
    }
}

impl fmt::Debug for Parquet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parquet").field("rows", &self.rows).finish_non_exhaustive()
    }
}
