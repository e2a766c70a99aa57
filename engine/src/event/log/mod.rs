//! The event log: files of JSON lines that survive a crash.
//!
//! Promises: lines reach the file whole and in order, one write at a time and
//! always at its end, so that after SIGKILL everything before the last newline
//! is valid. An fdatasync makes what is there durable
//! ([`EventLog::durable_bytes`]) as often as [`SyncPolicy`] says. Every line carries a
//! checksum of everything before it ([`chain`]). The caller waits only when all buffers
//! are on their way to a slow disk, and then for a bounded time.
//!
//! An error (disk full, I/O error, a disk that stalls) ends the writing, because
//! what came after a gap could not be trusted; it is kept, handed out once by
//! [`EventLog::take_alarm`], and again at the end. Not here: what a line says.
//!
//! * [`writer`]: keeps the order, over a [`storage`]; [`uring`] is one, and [`threaded`]
//!   where that is refused.
//! * [`rotation`]: the next file, and compression of those before. [`parts`]: their names,
//!   and reading them.

mod chain;
pub mod parts;
mod rotation;
#[cfg(test)]
mod simulated;
mod storage;
mod threaded;
mod uring;
mod writer;
#[cfg(test)]
mod writer_tests;

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use self::chain::Chain;
use self::parts::Form;
use self::rotation::Keeper;
pub(in crate::event) use self::rotation::{beside, is_same_file, sync_folder};
use self::storage::Storage;
use self::threaded::Threaded;
use self::uring::Uring;
pub use self::writer::Counts;
use self::writer::Writer;
use super::clock::Clock;
use super::record::{LogPart, encode};
use crate::error::{Error, Kind, Result};
use crate::scan::Control;

/// Buffers of a log writer.
const BUFFERS: u16 = 8;
/// Size of one buffer.
const BUFFER_BYTES: usize = 128 << 10;
/// Least time between two writes of a buffer that is not full.
const FLUSH_INTERVAL_NS: u64 = 20_000_000;
/// Time between two fdatasyncs.
const SYNC_INTERVAL_NS: u64 = 1_000_000_000;
/// A disk that makes no progress for so long counts as failed.
const STALL_LIMIT: Duration = Duration::from_secs(30);

/// When what was written is to be made durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SyncPolicy {
    /// When the kernel sees fit.
    Never,
    /// Once a second, and at the end of every file.
    #[default]
    Interval,
    /// At once; what comes while a sync is under way shares the next one.
    Always,
}

/// Whether io_uring is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// io_uring, else a thread.
    #[default]
    Auto,
    /// A thread with ordinary writes.
    Thread,
}

/// What a scan does when its log can no longer be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFull {
    /// It stops sending.
    #[default]
    Stop,
    /// It goes on without the log.
    Continue,
}

/// How a log is written.
#[derive(Clone, Debug, Default)]
pub struct LogOptions {
    /// By what.
    pub backend: Backend,
    /// When it is made durable.
    pub sync: SyncPolicy,
    /// No file is larger, but for a single record that is.
    pub rotate_bytes: Option<u64>,
    /// No file is written for longer.
    pub rotate_age: Option<Duration>,
    /// Files that are put aside are compressed.
    pub compress: Option<Form>,
    /// What the scan will do when the log fails: for the words of the alarm.
    pub on_full: OnFull,
    /// A scan that is told to stop at once does not wait for compression.
    pub control: Option<Arc<Control>>,
}

/// Where a log that is gone on with ends.
#[derive(Debug)]
pub struct Tail {
    /// Its last file, locked.
    pub(in crate::event) file: File,
    /// Bytes of the files before.
    pub(in crate::event) file_start: u64,
    /// Bytes of that file.
    pub(in crate::event) file_bytes: u64,
    /// The number that it gets when it is full.
    pub(in crate::event) number: u64,
    /// The checksum so far; `None` in the log of a version that wrote none.
    pub(in crate::event) chain: Option<Chain>,
    /// Files put aside that are not compressed.
    pub(in crate::event) plain: Vec<u64>,
}

/// Writes whole lines to new files.
#[derive(Debug)]
pub struct EventLog {
    path: PathBuf,
    writer: Writer,
    clock: Clock,
    options: LogOptions,
    chain: Option<Chain>,
    /// The file that lines go to now.
    part: PartState,
    line: Vec<u8>,
    lost_lines: u64,
    alarm_given: bool,
}

#[derive(Clone, Copy, Debug)]
struct PartState {
    number: u64,
    /// Bytes that it has been given.
    bytes: u64,
    /// Of these, its first record.
    head_bytes: u64,
    /// When it was begun, CLOCK_MONOTONIC; 0: not known yet.
    began_ns: u64,
}

impl EventLog {
    /// Checks what [`EventLog::create`] will check, without creating anything.
    ///
    /// # Errors
    /// As for `create`.
    pub fn check(path: &Path, options: &LogOptions) -> Result<()> {
        match path.metadata() {
            Ok(metadata) => refuse_unsuitable(path, &metadata, options)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                match folder_of(path).metadata() {
                    Ok(metadata) if metadata.is_dir() => {}
                    Ok(_) => return Err(cannot_open(path, io::ErrorKind::NotADirectory.into())),
                    Err(error) => return Err(cannot_open(path, error)),
                }
            }
            Err(error) => return Err(cannot_open(path, error)),
        }
        refuse_parts(path)
    }

    /// Creates the log. The second value is a word for the user when io_uring was refused.
    /// Its name is on the disk after [`EventLog::sync_name`].
    ///
    /// # Errors
    /// When the file holds something already, is not a file, is another scan's,
    /// or cannot be created.
    pub fn create(path: &Path, options: LogOptions) -> Result<(Self, Option<String>)> {
        let tail = Tail {
            file: open(path, &options)?,
            file_start: 0,
            file_bytes: 0,
            number: 1,
            chain: Some(Chain::default()),
            plain: Vec::new(),
        };
        Self::append_to(path, tail, options)
    }

    /// The names of the log, and of what was made beside it before, survive a crash from here
    /// on. A folder that may not be read or a file system that cannot sync one is no reason not
    /// to scan.
    ///
    /// # Errors
    /// When the disk says so.
    pub fn sync_name(&self) -> Result<()> {
        sync_folder(&self.path).map_err(|error| cannot_open(&self.path, error))
    }

    /// Goes on with the log of an interrupted scan behind its `tail`, from
    /// [`Interrupted::cut`](super::recovery::Interrupted::cut).
    ///
    /// # Errors
    /// When the writer cannot be started.
    pub fn append_to(
        path: &Path,
        tail: Tail,
        options: LogOptions,
    ) -> Result<(Self, Option<String>)> {
        let Tail { file, file_start, file_bytes, number, chain, plain } = tail;
        let fail = |error| cannot_open(path, error);
        let keeper = Keeper::new(path, number, options.compress, &plain, options.control.clone())
            .map_err(fail)?;
        let (storage, word): (Box<dyn Storage>, _) = match options.backend {
            Backend::Thread => (Box::new(Threaded::new(file, keeper).map_err(fail)?), None),
            Backend::Auto => {
                let spare = file.try_clone().map_err(fail)?;
                match Uring::new(file, keeper) {
                    Ok(uring) => (Box::new(uring), None),
                    Err((error, keeper)) => (
                        Box::new(Threaded::new(spare, keeper).map_err(fail)?),
                        Some(format!(
                            "io_uring is refused here ({error}); the event log is written by a thread"
                        )),
                    ),
                }
            }
        };
        let end = (number, file_start, file_bytes, chain);
        Ok((Self::over(path, storage, end, options), word))
    }

    /// Writes to `storage`. `end`: number and start of its file, bytes there, checksum so far.
    fn over(
        path: &Path,
        storage: Box<dyn Storage>,
        (number, file_start, file_bytes, chain): (u64, u64, u64, Option<Chain>),
        options: LogOptions,
    ) -> Self {
        let start = file_start + file_bytes;
        let mut log = Self {
            path: path.to_owned(),
            writer: Writer::new(storage, options.sync, file_start, start),
            clock: Clock::start(),
            options,
            chain,
            part: PartState { number, bytes: file_bytes, head_bytes: 0, began_ns: 0 },
            line: Vec::new(),
            lost_lines: 0,
            alarm_given: false,
        };
        // A crash has left a new file without its first record.
        if file_bytes == 0 && number > 1 {
            log.head_part();
        }
        log
    }

    /// Takes one whole line, newline included. Never fails: after an error lines
    /// are counted as lost.
    pub fn append(&mut self, line: &[u8]) {
        debug_assert!(line.ends_with(b"}\n"));
        if let Some(limit) = self.options.rotate_bytes
            && self.part.bytes > self.part.head_bytes
            && self.part.bytes + (line.len() + chain::ADDED) as u64 > limit
        {
            self.begin_part();
        }
        self.write(line);
    }

    fn write(&mut self, line: &[u8]) {
        let sealed;
        let (body, tail): (_, &[u8]) = match &mut self.chain {
            Some(chain) => {
                let (body, tail) = chain.seal(line);
                sealed = tail;
                (body, &sealed)
            }
            None => (line, b""),
        };
        self.part.bytes += (body.len() + tail.len()) as u64;
        self.lost_lines += u64::from(!self.writer.append(body, tail));
    }

    /// Everything from here on goes into a new file, whose first record says which it is.
    fn begin_part(&mut self) {
        self.writer.begin_file();
        self.part.number += 1;
        self.part.bytes = 0;
        self.part.began_ns = 0;
        self.head_part();
    }

    fn head_part(&mut self) {
        let record = LogPart { part: self.part.number, before: self.chain.map(Chain::text) };
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        encode(&record, &self.clock.now_rfc3339(), &mut line);
        self.write(&line);
        self.line = line;
        self.part.head_bytes = self.part.bytes;
    }

    /// Moves things along; call it often. `now_ns` is CLOCK_MONOTONIC.
    pub fn turn(&mut self, now_ns: u64) {
        if self.part.began_ns == 0 {
            self.part.began_ns = now_ns;
        }
        if let Some(age) = self.options.rotate_age
            && self.part.bytes > self.part.head_bytes
            && now_ns.saturating_sub(self.part.began_ns) >= age.as_nanos() as u64
        {
            self.begin_part();
        }
        self.writer.turn(now_ns);
    }

    /// The first error, once: to be reported loudly while the scan runs.
    pub fn take_alarm(&mut self) -> Option<String> {
        if self.alarm_given {
            return None;
        }
        let error = self.writer.error()?;
        self.alarm_given = true;
        let then = match self.options.on_full {
            OnFull::Stop => "the scan stops",
            OnFull::Continue => "the scan goes on, and what it finds is no longer in the log",
        };
        Some(format!("the event log {:?} is no longer written: {error}; {then}", self.path))
    }

    /// A word for the user about what went wrong beside the log, each once.
    pub fn take_word(&mut self) -> Option<String> {
        self.writer.take_word()
    }

    /// Bytes from the start of the log that are known to be on the disk, all files together.
    #[must_use]
    pub fn durable_bytes(&self) -> u64 {
        self.writer.counts().durable_bytes
    }

    /// Writes and syncs everything; returns what was done.
    ///
    /// # Errors
    /// The first error that the log met, however long ago.
    pub fn finish(self) -> Result<Counts> {
        let Self { path, writer, lost_lines, .. } = self;
        writer.finish().map_err(|error| {
            Error::new(Kind::Failed, format!("write the event log {path:?}"))
                .because_of(error)
                .cause(format!(
                    "{lost_lines} records after the error were not written, those before may be cut short"
                ))
                .remedy("free some space, then go on with --resume")
        })
    }
}

fn open(path: &Path, options: &LogOptions) -> Result<File> {
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
    refuse_unsuitable(path, &metadata, options)?;
    refuse_parts(path)?;
    Ok(file)
}

fn refuse_unsuitable(
    path: &Path,
    metadata: &std::fs::Metadata,
    options: &LogOptions,
) -> Result<()> {
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
    let rotates = options.rotate_bytes.is_some() || options.rotate_age.is_some();
    if rotates && !kind.is_file() {
        return Err(Error::new(Kind::Usage, what)
            .cause("a device has no older files")
            .remedy("leave out --log-rotate"));
    }
    Ok(())
}

fn refuse_parts(path: &Path) -> Result<()> {
    // A folder that may be written and not read is no reason not to scan.
    let first = [Form::Plain, Form::Gzip, Form::Zstd].map(|form| parts::name_of(path, 1, form));
    match first.iter().find(|part| part.symlink_metadata().is_ok()) {
        None => Ok(()),
        Some(part) => Err(Error::new(Kind::Usage, format!("open the event log {path:?}"))
            .cause(format!("a file of an older log lies beside it: {part:?}"))
            .remedy("choose another file, or move the old ones away")),
    }
}

fn cannot_open(path: &Path, error: io::Error) -> Error {
    Error::new(Kind::Usage, format!("open the event log {path:?}")).because_of(error)
}

pub(in crate::event) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests;
