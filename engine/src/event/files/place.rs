//! Where a file of results goes: a path, or `-` for standard output.
//!
//! Other than the event log, these files are overwritten, as nmap's users expect; but
//! never an event log or its key, which are not to be had again. What cannot be opened
//! is told before anything is sent.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, OFlags, access, fcntl_setfl};

use crate::error::{Error, Kind, Result};

/// First bytes of what is never overwritten.
const PRECIOUS: [&[u8]; 2] = [br#"{"schema":"prtip/"#, b"prtip key "];

/// Where results go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Standard output.
    Stdout,
    /// A file.
    Path(PathBuf),
}

impl Place {
    /// `-` is standard output.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        if path == Path::new("-") { Self::Stdout } else { Self::Path(path.to_owned()) }
    }

    /// For messages.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Stdout => "standard output".to_owned(),
            Self::Path(path) => format!("{path:?}"),
        }
    }

    /// The path as it would be found by another name.
    pub(crate) fn canonical(&self) -> Option<PathBuf> {
        let Self::Path(path) = self else { return None };
        path.canonicalize()
            .ok()
            .or_else(|| Some(folder_of(path).canonicalize().ok()?.join(path.file_name()?)))
    }

    /// Looks whether it can be written, without touching it.
    pub(crate) fn check(&self) -> Result<()> {
        let Self::Path(path) = self else { return Ok(()) };
        let fail = |error: io::Error| self.cannot_open().because_of(error);
        match path.metadata() {
            Ok(metadata) => {
                let kind = metadata.file_type();
                if !kind.is_file() && !kind.is_char_device() && !kind.is_fifo() {
                    return Err(self.cannot_open().cause("it is no file that can be written"));
                }
                access(path, Access::WRITE_OK).map_err(|errno| fail(errno.into()))?;
                if kind.is_file() && is_precious(path) {
                    return Err(self
                        .cannot_open()
                        .cause("it is the event log of a scan, or its key")
                        .remedy("choose another file"));
                }
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let folder = folder_of(path);
                if path.file_name().is_none() || path.as_os_str().as_encoded_bytes().ends_with(b"/")
                {
                    return Err(self.cannot_open().cause("it names no file"));
                }
                access(folder, Access::WRITE_OK | Access::EXEC_OK)
                    .map_err(|errno| fail(errno.into()))
            }
            Err(error) => Err(fail(error)),
        }
    }

    /// Creates or empties the file.
    pub(crate) fn create(&self) -> Result<Option<File>> {
        let Self::Path(path) = self else { return Ok(None) };
        self.check()?;
        let fail = |error: io::Error| {
            let what = self.cannot_open();
            if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) {
                return what.cause("nobody reads this pipe").remedy("start its reader first");
            }
            what.because_of(error)
        };
        // O_NONBLOCK: a FIFO without a reader must not hang the start.
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .custom_flags(OFlags::NONBLOCK.bits() as i32)
            .open(path)
            .map_err(fail)?;
        fcntl_setfl(&file, OFlags::empty()).map_err(|errno| fail(errno.into()))?;
        Ok(Some(file))
    }

    fn cannot_open(&self) -> Error {
        Error::new(Kind::Usage, format!("open {} for results", self.name()))
    }
}

fn is_precious(path: &Path) -> bool {
    let mut start = [0; 32];
    let read = File::open(path).and_then(|mut file| file.read(&mut start)).unwrap_or(0);
    PRECIOUS.iter().any(|precious| start[..read].starts_with(precious))
}

pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_old_report_is_overwritten_and_a_log_or_key_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report");
        let place = Place::of(&path);
        std::fs::write(&path, "old").unwrap();
        place.check().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"old", "a check touches nothing");
        place.create().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"");
        for precious in
            ["{\"schema\":\"prtip/1\",\"type\":\"scan_started\"}\n", "prtip key 1\n00\n"]
        {
            std::fs::write(&path, precious).unwrap();
            assert_eq!(place.check().unwrap_err().kind, Kind::Usage);
            assert_eq!(place.create().unwrap_err().kind, Kind::Usage);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), precious);
        }
    }

    #[test]
    fn what_cannot_be_written_is_told_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| Place::of(&folder.path().join(name));
        for place in
            [Place::of(folder.path()), at("none/report"), at("new/"), Place::of(Path::new("/"))]
        {
            assert_eq!(place.check().unwrap_err().kind, Kind::Usage, "{place:?}");
        }
        let fifo = folder.path().join("fifo");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &fifo,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        let error = Place::of(&fifo).create().unwrap_err();
        assert!(error.to_string().contains("nobody reads"), "{error}");
        assert!(Place::of(Path::new("/dev/null")).create().unwrap().is_some());
        assert_eq!(Place::of(Path::new("-")), Place::Stdout);
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }
}
