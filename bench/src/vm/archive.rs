//! The guest's file system: an archive in cpio's "newc" form
//! (Documentation/driver-api/early-userspace/buffer-format.rst), written by hand
//! because that is forty lines and `cpio` is on few machines.

use std::io::{self, Write};

const FOLDER: u32 = 0o040_755;
const FILE: u32 = 0o100_755;

/// An archive being written. Folders must come before what they hold.
pub(super) struct Archive<W> {
    out: W,
    entries: u32,
}

impl<W: Write> Archive<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, entries: 0 }
    }

    /// Adds a folder; `name` has no slash in front.
    pub(super) fn folder(&mut self, name: &str) -> io::Result<()> {
        self.entry(name, FOLDER, &[])
    }

    /// Adds a file that may be executed.
    pub(super) fn file(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        self.entry(name, FILE, content)
    }

    /// Writes the end; returns where it was written to.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.entry("TRAILER!!!", 0, &[])?;
        Ok(self.out)
    }

    fn entry(&mut self, name: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        let too_large = |_| io::Error::from(io::ErrorKind::FileTooLarge);
        let size = u32::try_from(content.len()).map_err(too_large)?;
        self.entries += 1;
        let links = 1 + u32::from(mode == FOLDER);
        let name_size = name.len() as u32 + 1;
        let fields = [self.entries, mode, 0, 0, links, 0, size, 0, 0, 0, 0, name_size, 0];
        let mut header = String::from("070701");
        for field in fields {
            header += &format!("{field:08X}");
        }
        self.padded(&[header.as_bytes(), name.as_bytes(), &[0]])?;
        self.padded(&[content])
    }

    /// Writes `parts` and zeros up to a multiple of four bytes.
    fn padded(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        let mut len = 0;
        for part in parts {
            self.out.write_all(part)?;
            len += part.len();
        }
        self.out.write_all(&[0; 3][..len.next_multiple_of(4) - len])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn entries_have_their_sizes_and_begin_at_multiples_of_four() {
        let mut archive = Archive::new(Vec::new());
        archive.folder("bin").unwrap();
        archive.file("bin/sh", b"12345").unwrap();
        let bytes = archive.finish().unwrap();
        assert_eq!(bytes.len() % 4, 0);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let starts: Vec<usize> = text.match_indices("070701").map(|(at, _)| at).collect();
        // 110 bytes of header, the name with its zero, the content, each padded.
        assert_eq!(starts, [0, 116, 116 + 120 + 8]);
        assert_eq!(&text[116 + 6 + 48..116 + 6 + 56], "00000005", "the size of the file");
        assert_eq!(&text[116 + 110..116 + 117], "bin/sh\0");
        assert_eq!(&text[116 + 120..116 + 125], "12345");
        assert!(text.contains("TRAILER!!!"));
    }
}
