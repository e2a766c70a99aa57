//! The files of a log. `LOG` is the one that is written; what has been put aside is
//! `LOG.000001`, `LOG.000002` and so on, the oldest first, with `.gz` or `.zst` where it
//! was compressed. A name once given stays, so that files can be taken away or copied
//! while the scan goes on, and `cat LOG.0* LOG` is the whole log.
//!
//! Here: their names, which are there, and reading them one after the other as if they
//! were one file. Not here: what their lines say.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::folder_of;
use super::rotation::is_same_file;

/// How a file is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As it was written.
    Plain,
    /// `.gz`
    Gzip,
    /// `.zst`
    Zstd,
}

impl Form {
    /// A file that is there in several forms is read in the first of them.
    const ALL: [Self; 3] = [Self::Plain, Self::Zstd, Self::Gzip];

    const fn ending(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        }
    }
}

/// A file that has been put aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its number, from 1.
    pub number: u64,
    /// How it is kept.
    pub form: Form,
    /// Where.
    pub path: PathBuf,
}

/// The name of the `number`-th file of `log`.
#[must_use]
pub fn name_of(log: &Path, number: u64, form: Form) -> PathBuf {
    let mut name: OsString = log.as_os_str().to_owned();
    name.push(format!(".{number:06}{}", form.ending()));
    name.into()
}

/// The files of `log` that have been put aside, by number, without a gap.
///
/// # Errors
/// When the folder cannot be read, or a file is missing between two others.
pub fn find(log: &Path) -> io::Result<Vec<Part>> {
    let Some(name) = log.file_name() else { return Ok(Vec::new()) };
    let mut parts: Vec<Part> = Vec::new();
    for entry in folder_of(log).read_dir()? {
        let found = entry?.file_name();
        let Some(ending) = found.as_bytes().strip_prefix(name.as_bytes()) else { continue };
        let Some((number, form)) = read_ending(ending) else { continue };
        parts.push(Part { number, form, path: name_of(log, number, form) });
    }
    let rank = |part: &Part| Form::ALL.iter().position(|form| *form == part.form);
    parts.sort_by_key(|part| (part.number, rank(part)));
    parts.dedup_by_key(|part| part.number);
    // Put aside, but the new file had not taken over the log's name: it is that file.
    if parts.last().is_some_and(|last| is_same_file(&last.path, log)) {
        parts.pop();
    }
    for (part, expected) in parts.iter().zip(1..) {
        if part.number != expected {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!("{:?} is missing", name_of(log, expected, Form::Plain)),
            ));
        }
    }
    Ok(parts)
}

/// `.000001`, perhaps with what tells the form.
fn read_ending(ending: &[u8]) -> Option<(u64, Form)> {
    let ending = std::str::from_utf8(ending).ok()?.strip_prefix('.')?;
    let digits = ending.find(|c: char| !c.is_ascii_digit()).unwrap_or(ending.len());
    let (digits, rest) = ending.split_at(digits);
    let form = Form::ALL.into_iter().find(|form| form.ending() == rest)?;
    let number = digits.parse().ok().filter(|&number| number > 0)?;
    (format!("{number:06}") == digits).then_some((number, form))
}

/// The bytes of a file as they were written.
pub(in crate::event) fn reader(file: File, form: Form) -> io::Result<Box<dyn BufRead>> {
    const CAPACITY: usize = 1 << 18;
    let file = BufReader::with_capacity(CAPACITY, file);
    Ok(match form {
        Form::Plain => Box::new(file),
        Form::Gzip => {
            Box::new(BufReader::with_capacity(CAPACITY, flate2::bufread::MultiGzDecoder::new(file)))
        }
        Form::Zstd => {
            Box::new(BufReader::with_capacity(CAPACITY, zstd::Decoder::with_buffer(file)?))
        }
    })
}

/// Hands over each whole line, without its newline, and the offset behind it, until `take`
/// says no; a line longer than `longest` is none. Returns whether all bytes were lines and
/// were taken.
pub(in crate::event) fn read_lines(
    reader: &mut dyn BufRead,
    longest: u64,
    mut take: impl FnMut(&[u8], u64) -> bool,
) -> io::Result<bool> {
    let mut line = Vec::new();
    let mut end = 0;
    loop {
        line.clear();
        let read = reader.take(longest).read_until(b'\n', &mut line)?;
        end += read as u64;
        if read == 0 {
            return Ok(true);
        }
        if line.pop() != Some(b'\n') || !take(&line, end) {
            return Ok(false);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_numbers_of_six_digits_and_more() {
        let log = Path::new("a/log.jsonl");
        assert_eq!(name_of(log, 7, Form::Gzip), Path::new("a/log.jsonl.000007.gz"));
        assert_eq!(read_ending(b".000007.gz"), Some((7, Form::Gzip)));
        assert_eq!(read_ending(b".1000000.zst"), Some((1_000_000, Form::Zstd)));
        for ending in
            [".000000", ".7", ".0000007", ".000007.bz2", ".key", "000007", ".000007.gz.tmp"]
        {
            assert_eq!(read_ending(ending.as_bytes()), None, "{ending}");
        }
    }

    #[test]
    fn files_are_found_in_order_in_whatever_form_and_a_gap_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        for name in ["log", "log.000002", "log.000002.gz", "log.000001.zst", "log.key", "log.cut"] {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        let found = find(&log).unwrap();
        let forms: Vec<_> = found.iter().map(|part| (part.number, part.form)).collect();
        assert_eq!(forms, [(1, Form::Zstd), (2, Form::Plain)]);

        // A crash in the middle of a step: one file, two names.
        std::fs::hard_link(&log, name_of(&log, 3, Form::Plain)).unwrap();
        assert_eq!(find(&log).unwrap(), found);

        std::fs::write(name_of(&log, 5, Form::Plain), "").unwrap();
        let error = find(&log).unwrap_err().to_string();
        assert!(error.contains("log.000004") || error.contains("log.000003"), "{error}");
    }
}
