//! The lines of a log: plain, gzip, zstd or standard input, one at a time, in bounded memory.
//!
//! A log of a scan that was killed ends anywhere. What is no whole line at its end, and
//! what can no longer be decompressed, is counted and told, and all before it holds.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::error::{Error, Kind, Result};

/// No record is longer; the rest of a longer line is passed over.
const LINE_MAX: u64 = 16 << 20;
const BUFFER: usize = 1 << 18;
const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// A log that is being read.
pub(super) struct Lines {
    reader: Box<dyn BufRead>,
    compressed: bool,
    line: Vec<u8>,
    /// What could not be read, at its end.
    pub torn: Option<String>,
}

impl Lines {
    /// Opens a log; `-` is standard input.
    ///
    /// # Errors
    /// `Usage` where it cannot be opened.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let what = || format!("read the event log {path:?}");
        let fail = |error: io::Error| Error::new(Kind::Usage, what()).because_of(error);
        if path == Path::new("-") {
            return Self::of(Box::new(io::stdin())).map_err(fail);
        }
        let file = File::open(path).map_err(fail)?;
        if file.metadata().map_err(fail)?.is_dir() {
            return Err(Error::new(Kind::Usage, what()).cause("it is a folder"));
        }
        Self::of(Box::new(file)).map_err(fail)
    }

    /// Reads from `from`, however it is compressed.
    ///
    /// # Errors
    /// Those of reading.
    pub(super) fn of(mut from: Box<dyn Read>) -> io::Result<Self> {
        let mut start = Vec::new();
        from.by_ref().take(ZSTD.len() as u64).read_to_end(&mut start)?;
        let (gzip, zstd) = (start.starts_with(GZIP), start == ZSTD);
        let whole = Cursor::new(start).chain(from);
        let whole = BufReader::with_capacity(BUFFER, whole);
        let reader: Box<dyn BufRead> = match (gzip, zstd) {
            (true, _) => Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(whole))),
            (_, true) => {
                Box::new(BufReader::with_capacity(BUFFER, zstd::Decoder::with_buffer(whole)?))
            }
            (false, false) => Box::new(whole),
        };
        Ok(Self { reader, compressed: gzip || zstd, line: Vec::new(), torn: None })
    }

    /// The next whole line without its newline; `None` at the end. A line that is too
    /// long comes as an empty one.
    ///
    /// # Errors
    /// Those of reading, but for the broken end of a compressed log.
    pub(super) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        self.line.clear();
        match self.read() {
            Ok(0) => Ok(None),
            Ok(_) if self.line.last() == Some(&b'\n') => {
                self.line.pop();
                Ok(Some(&self.line))
            }
            Ok(_) => {
                self.torn = Some(format!(
                    "its last {} bytes are no whole line and were left out",
                    self.line.len()
                ));
                Ok(None)
            }
            Err(error) if self.compressed && is_broken(&error) => {
                self.torn = Some(format!("its end could not be decompressed ({error})"));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn read(&mut self) -> io::Result<usize> {
        let read = (&mut self.reader).take(LINE_MAX).read_until(b'\n', &mut self.line)?;
        if read as u64 == LINE_MAX && self.line.last() != Some(&b'\n') {
            self.line.clear();
            self.reader.skip_until(b'\n')?;
            self.line.push(b'\n');
        }
        Ok(read)
    }
}

fn is_broken(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::InvalidData
            | io::ErrorKind::Other
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn read(bytes: Vec<u8>) -> (Vec<Vec<u8>>, Option<String>) {
        let mut lines = Lines::of(Box::new(Cursor::new(bytes))).unwrap();
        let mut all = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            all.push(line.to_vec());
        }
        (all, lines.torn)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn whole_lines_are_read_and_a_torn_end_is_told() {
        assert_eq!(
            read(b"one\n\ntwo\n".to_vec()),
            (vec![b"one".into(), vec![], b"two".into()], None)
        );
        let (lines, torn) = read(b"one\ntw".to_vec());
        assert_eq!(lines, [b"one"]);
        assert!(torn.unwrap().contains("last 2 bytes"));
        assert_eq!(read(Vec::new()), (vec![], None));
    }

    #[test]
    fn a_compressed_log_is_read_up_to_where_it_breaks() {
        let mut bytes = gzip(b"one\n");
        bytes.extend(gzip(b"two\n"));
        assert_eq!(read(bytes.clone()).0, [b"one", b"two"], "members follow one another");
        bytes.truncate(bytes.len() - 10);
        let (lines, torn) = read(bytes);
        assert_eq!(lines[0], b"one");
        assert!(torn.is_some());
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over() {
        let mut bytes = vec![b'x'; LINE_MAX as usize + 5];
        bytes.extend(b"\nnext\n");
        assert_eq!(read(bytes), (vec![vec![], b"next".into()], None));
    }

    #[test]
    fn zstd_is_read_too() {
        let mut bytes = zstd::encode_all(&b"one\ntwo\n"[..], 0).unwrap();
        assert_eq!(read(bytes.clone()), (vec![b"one".into(), b"two".into()], None));
        bytes.truncate(bytes.len() - 3);
        assert!(read(bytes).1.is_some());
    }
}
