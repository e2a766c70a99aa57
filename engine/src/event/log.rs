//! The event log: a file of JSON lines that survives a crash.
//!
//! Promises: lines reach the file whole and in order, one write at a time and
//! always at its end, so that after SIGKILL everything before the last newline
//! is valid. About once a second, and at the end, fdatasync makes what is there
//! durable ([`EventLog::durable_bytes`]). The caller waits only when all buffers
//! are on their way to a slow disk, and then for a bounded time.
//!
//! An error (disk full, I/O error, a disk that stalls) ends the writing, because
//! what came after a gap could not be trusted; it is kept, handed out once by
//! [`EventLog::take_alarm`], and again at the end. Not here: what a line says.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::thread_log::ThreadLog;
use super::uring_log::UringLog;
use crate::error::{Error, Kind, Result};

/// Buffers of a log writer.
pub(super) const BUFFERS: usize = 8;
/// Size of one buffer.
pub(super) const BUFFER_BYTES: usize = 128 << 10;
/// Least time between two writes of a buffer that is not full.
pub(super) const FLUSH_INTERVAL_NS: u64 = 20_000_000;
/// Time between two fdatasyncs.
pub(super) const SYNC_INTERVAL_NS: u64 = 1_000_000_000;
/// A disk that makes no progress for so long counts as failed.
pub(super) const STALL_LIMIT: Duration = Duration::from_secs(30);

/// Writes whole lines to a new file.
#[derive(Debug)]
pub struct EventLog {
    path: PathBuf,
    writer: Writer,
    lost_lines: u64,
    alarm_given: bool,
}

#[derive(Debug)]
enum Writer {
    Uring(Box<UringLog>),
    Thread(ThreadLog),
}

/// Whether io_uring is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// io_uring, else a thread.
    Auto,
    /// A thread with ordinary writes.
    Thread,
}

impl EventLog {
    /// Checks what [`EventLog::create`] will check, without creating anything.
    ///
    /// # Errors
    /// As for `create`.
    pub fn check(path: &Path) -> Result<()> {
        match path.metadata() {
            Ok(metadata) => refuse_unsuitable(path, &metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let folder = folder_of(path);
                match folder.metadata() {
                    Ok(metadata) if metadata.is_dir() => Ok(()),
                    Ok(_) => Err(cannot_open(path, io::ErrorKind::NotADirectory.into())),
                    Err(error) => Err(cannot_open(path, error)),
                }
            }
            Err(error) => Err(cannot_open(path, error)),
        }
    }

    /// Creates the log. The second value is a word for the user when io_uring was refused.
    ///
    /// # Errors
    /// When the file holds something already, is not a file, is another scan's,
    /// or cannot be created.
    pub fn create(path: &Path, backend: Backend) -> Result<(Self, Option<String>)> {
        Self::over(path, open(path)?, 0, backend)
    }

    /// Goes on with the log of an interrupted scan behind byte `start`, from
    /// [`Interrupted::cut`](super::recovery::Interrupted::cut).
    ///
    /// # Errors
    /// When the writer cannot be started.
    pub fn append_to(
        path: &Path,
        file: File,
        start: u64,
        backend: Backend,
    ) -> Result<(Self, Option<String>)> {
        Self::over(path, file, start, backend)
    }

    fn over(
        path: &Path,
        file: File,
        start: u64,
        backend: Backend,
    ) -> Result<(Self, Option<String>)> {
        let mut word = None;
        let writer = match backend {
            Backend::Thread => Writer::Thread(start_thread(path, file, start)?),
            Backend::Auto => {
                let spare = file.try_clone().map_err(|error| cannot_open(path, error))?;
                match UringLog::new(file, start) {
                    Ok(log) => Writer::Uring(Box::new(log)),
                    Err(error) => {
                        word = Some(format!(
                            "io_uring is refused here ({error}); the event log is written by a thread"
                        ));
                        Writer::Thread(start_thread(path, spare, start)?)
                    }
                }
            }
        };
        let log = Self { path: path.to_owned(), writer, lost_lines: 0, alarm_given: false };
        Ok((log, word))
    }

    /// Takes one whole line, newline included. Never fails: after an error lines
    /// are counted as lost.
    pub fn append(&mut self, line: &[u8]) {
        debug_assert!(line.ends_with(b"\n"));
        let taken = match &mut self.writer {
            Writer::Uring(log) => log.append(line),
            Writer::Thread(log) => log.append(line),
        };
        self.lost_lines += u64::from(!taken);
    }

    /// Moves things along; call it often. `now_ns` is CLOCK_MONOTONIC.
    pub fn turn(&mut self, now_ns: u64) {
        match &mut self.writer {
            Writer::Uring(log) => log.turn(now_ns),
            Writer::Thread(log) => log.turn(now_ns),
        }
    }

    /// The first error, once: to be reported loudly while the scan runs.
    pub fn take_alarm(&mut self) -> Option<String> {
        if self.alarm_given {
            return None;
        }
        let error = match &self.writer {
            Writer::Uring(log) => log.error().map(ToString::to_string),
            Writer::Thread(log) => log.error(),
        }?;
        self.alarm_given = true;
        Some(format!("the event log {:?} is no longer written: {error}; the scan stops", self.path))
    }

    /// Bytes from the start of the file that are known to be on the disk.
    #[must_use]
    pub fn durable_bytes(&self) -> u64 {
        match &self.writer {
            Writer::Uring(log) => log.durable_bytes(),
            Writer::Thread(log) => log.durable_bytes(),
        }
    }

    /// Writes and syncs everything; returns the length of the log in bytes.
    ///
    /// # Errors
    /// The first error that the log met, however long ago.
    pub fn finish(self) -> Result<u64> {
        let Self { path, writer, lost_lines, .. } = self;
        let ended = match writer {
            Writer::Uring(log) => log.finish(),
            Writer::Thread(log) => log.finish(),
        };
        ended.map_err(|error| {
            Error::new(Kind::Failed, format!("write the event log {path:?}"))
                .because_of(error)
                .cause(format!(
                    "{lost_lines} records after the error were not written, those before may be cut short"
                ))
                .remedy("free some space, then go on with --resume")
        })
    }
}

fn start_thread(path: &Path, file: File, start: u64) -> Result<ThreadLog> {
    ThreadLog::new(file, start).map_err(|error| cannot_open(path, error))
}

fn open(path: &Path) -> Result<File> {
    // O_NONBLOCK: a FIFO without a reader must not hang the start.
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32)
        .open(path)
        .map_err(|error| cannot_open(path, error))?;
    let metadata = file.metadata().map_err(|error| cannot_open(path, error))?;
    // Only the open must not block: older kernels answer a ring's writes to such a file with
    // EAGAIN where the device cannot say beforehand whether it will block.
    rustix::fs::fcntl_setfl(&file, rustix::fs::OFlags::empty())
        .map_err(|errno| cannot_open(path, errno.into()))?;
    // The lock comes before the look at the length: between the two another scan could write.
    // Devices are shared.
    if metadata.is_file()
        && let Err(std::fs::TryLockError::WouldBlock) = file.try_lock()
    {
        return Err(Error::new(Kind::Usage, format!("open the event log {path:?}"))
            .cause("another scan is writing it")
            .remedy("choose another file"));
    }
    let metadata = file.metadata().map_err(|error| cannot_open(path, error))?;
    refuse_unsuitable(path, &metadata)?;
    // The new name itself must survive a crash, too; a folder that may not be read or
    // a file system that cannot sync one is no reason not to scan.
    if metadata.is_file()
        && let Err(error) = File::open(folder_of(path)).and_then(|folder| folder.sync_all())
        && !matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput)
    {
        return Err(cannot_open(path, error));
    }
    Ok(file)
}

fn refuse_unsuitable(path: &Path, metadata: &std::fs::Metadata) -> Result<()> {
    let what = format!("open the event log {path:?}");
    let kind = metadata.file_type();
    if !kind.is_file() && !kind.is_char_device() {
        return Err(Error::new(Kind::Usage, what)
            .cause("it is not a regular file")
            .remedy("name a file; for a pipe use --json on standard output"));
    }
    if metadata.len() > 0 {
        return Err(Error::new(Kind::Usage, what)
            .cause("it exists and is not empty; results are never overwritten")
            .remedy("choose another file, or move the old one and its .key away"));
    }
    Ok(())
}

fn cannot_open(path: &Path, error: io::Error) -> Error {
    Error::new(Kind::Usage, format!("open the event log {path:?}")).because_of(error)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
