//! From one file of the log to the next, off everybody's path: a thread of its own puts the
//! full file aside and makes the new one, another compresses what has been put aside.
//!
//! At every moment the log's own name is a file of the log. The full file gets its number
//! as a second name first; then the new file takes over the first one, at once. A crash
//! between the two leaves one file with two names, which [`parts`](super::parts) knows.
//! Compression writes beside the file, syncs, renames, and only then removes the file, so
//! that a crash leaves one whole file at least.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::Builder;
use std::time::Duration;

use super::folder_of;
use super::parts::{Form, name_of};
use crate::scan::Control;

/// Bytes that are compressed at a time; in between it looks whether it is to stop.
const CHUNK: usize = 1 << 18;
/// A scan matters more than what it has put aside.
const NICENESS: i32 = 15;

/// Makes the next file of a log, and looks after those before it.
#[derive(Debug)]
pub(super) struct Keeper {
    log: PathBuf,
    /// Number that the file gets that is written now.
    number: u64,
    step: Option<Receiver<io::Result<File>>>,
    press: Option<Press>,
}

impl Keeper {
    /// Of the log whose file, once it is full, is its `number`-th. `waiting` are files that
    /// were put aside before and are to be compressed.
    ///
    /// # Errors
    /// When there are no more threads to be had.
    pub(super) fn new(
        log: &Path,
        number: u64,
        compress: Option<Form>,
        waiting: &[u64],
        control: Option<Arc<Control>>,
    ) -> io::Result<Self> {
        let press = match compress {
            Some(form) => Some(Press::start(log, form, control)?),
            None => None,
        };
        if let Some(press) = &press {
            waiting.iter().for_each(|&number| press.take(number));
        }
        Ok(Self { log: log.to_owned(), number, step: None, press })
    }

    /// Starts the step to the next file; all bytes of this one have been written.
    pub(super) fn start_next(&mut self) {
        let (tell, step) = channel();
        let (log, number) = (self.log.clone(), self.number);
        let cannot_start = tell.clone();
        let started = Builder::new().name("log-rotate".into()).spawn(move || {
            let _ = tell.send(next_file(&log, number));
        });
        if let Err(error) = started {
            let _ = cannot_start.send(Err(error));
        }
        self.step = Some(step);
    }

    /// Whether a step is under way.
    pub(super) fn is_stepping(&self) -> bool {
        self.step.is_some()
    }

    /// The new file, once it is there; with `wait`, sleeps for so long at most.
    pub(super) fn next_file(&mut self, wait: Option<Duration>) -> Option<io::Result<File>> {
        let made = match self.step.as_ref()?.recv_timeout(wait.unwrap_or(Duration::ZERO)) {
            Ok(made) => made,
            Err(RecvTimeoutError::Timeout) => return None,
            Err(RecvTimeoutError::Disconnected) => Err(io::Error::other("its thread panicked")),
        };
        self.step = None;
        if made.is_ok() {
            if let Some(press) = &self.press {
                press.take(self.number);
            }
            self.number += 1;
        }
        Some(made)
    }

    /// Waits until everything is compressed, or the scan is told to stop at once.
    pub(super) fn settle(&mut self) {
        if let Some(press) = &self.press {
            press.settle();
        }
    }

    /// What could not be compressed.
    pub(super) fn take_word(&mut self) -> Option<String> {
        self.press.as_ref()?.words.try_recv().ok()
    }
}

/// Gives the file of the log its number, and the log a new file.
fn next_file(log: &Path, number: u64) -> io::Result<File> {
    let new_name = beside(log, ".new");
    // Left over from a crash; nothing has ever been written to it.
    match fs::remove_file(&new_name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(&new_name)?;
    if let Ok(metadata) = fs::metadata(log) {
        file.set_permissions(metadata.permissions())?;
    }
    if let Err(fs::TryLockError::Error(error)) = file.try_lock() {
        return Err(error);
    }
    let put_aside = name_of(log, number, Form::Plain);
    if !is_same_file(log, &put_aside) && fs::hard_link(log, &put_aside).is_err() {
        // A file system without a second name for a file: for a moment the log has none.
        if put_aside.symlink_metadata().is_ok() {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                format!("{put_aside:?} is there already"),
            ));
        }
        fs::rename(log, &put_aside)?;
    }
    fs::rename(&new_name, log)?;
    sync_folder(log)?;
    Ok(file)
}

/// Whether the two names are of one file: a step that a crash cut short.
pub(in crate::event) fn is_same_file(one: &Path, other: &Path) -> bool {
    match (one.metadata(), other.metadata()) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}

/// The folder's names are on the disk; where it cannot be asked for, they will be later.
pub(in crate::event) fn sync_folder(log: &Path) -> io::Result<()> {
    match File::open(folder_of(log)).and_then(|folder| folder.sync_all()) {
        Err(error)
            if !matches!(
                error.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput
            ) =>
        {
            Err(error)
        }
        _ => Ok(()),
    }
}

/// The path with something behind its name.
pub(in crate::event) fn beside(log: &Path, ending: &str) -> PathBuf {
    let mut name: OsString = log.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// The thread that compresses.
#[derive(Debug)]
struct Press {
    to_thread: Sender<u64>,
    words: Receiver<String>,
    /// Files that are not done.
    waiting: Arc<AtomicUsize>,
    control: Option<Arc<Control>>,
}

impl Press {
    fn start(log: &Path, form: Form, control: Option<Arc<Control>>) -> io::Result<Self> {
        let (to_thread, numbers) = channel::<u64>();
        let (tell, words) = channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let (left, theirs, log) = (Arc::clone(&waiting), control.clone(), log.to_owned());
        Builder::new().name("log-compress".into()).spawn(move || {
            // Of this thread alone; where it is refused the scan has to share.
            let _ = rustix::process::setpriority_process(None, NICENESS);
            for number in numbers {
                let stop = || theirs.as_ref().is_some_and(|control| control.level() >= 2);
                if !stop()
                    && let Err(error) = compress(&log, number, form, stop)
                {
                    let name = name_of(&log, number, Form::Plain);
                    let _ = tell.send(format!("{name:?} stays as it is: {error}"));
                }
                left.fetch_sub(1, Ordering::Release);
            }
        })?;
        Ok(Self { to_thread, words, waiting, control })
    }

    fn take(&self, number: u64) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _ = self.to_thread.send(number);
    }

    fn settle(&self) {
        let stop = || self.control.as_ref().is_some_and(|control| control.level() >= 2);
        while self.waiting.load(Ordering::Acquire) > 0 && !stop() {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Compresses a file that has been put aside; leaves it alone where `stop` says so.
fn compress(log: &Path, number: u64, form: Form, stop: impl Fn() -> bool) -> io::Result<()> {
    let plain = name_of(log, number, Form::Plain);
    let done = name_of(log, number, form);
    let unfinished = beside(&done, ".tmp");
    let mut from = BufReader::with_capacity(CHUNK, File::open(&plain)?);
    let result = OpenOptions::new().write(true).create(true).truncate(true).open(&unfinished);
    let result = result.and_then(|to| {
        to.set_permissions(from.get_ref().metadata()?.permissions())?;
        let whole = match form {
            Form::Plain => unreachable!("asked for a form of compression"),
            Form::Gzip => {
                let mut gzip = flate2::write::GzEncoder::new(to, flate2::Compression::new(6));
                copy(&mut from, &mut gzip, &stop)?.then(|| gzip.finish()).transpose()?
            }
            Form::Zstd => {
                let mut zstd = zstd::Encoder::new(to, 3)?;
                zstd.include_checksum(true)?;
                copy(&mut from, &mut zstd, &stop)?.then(|| zstd.finish()).transpose()?
            }
        };
        let Some(to) = whole else { return Ok(false) };
        to.sync_all()?;
        fs::rename(&unfinished, &done)?;
        sync_folder(log)?;
        fs::remove_file(&plain)?;
        Ok(true)
    });
    if !matches!(result, Ok(true)) {
        let _ = fs::remove_file(&unfinished);
    }
    result.map(drop)
}

/// Copies everything; false where it was told to stop.
fn copy(from: &mut impl Read, to: &mut impl Write, stop: impl Fn() -> bool) -> io::Result<bool> {
    let mut chunk = vec![0; CHUNK];
    loop {
        match from.read(&mut chunk)? {
            0 => return Ok(true),
            _ if stop() => return Ok(false),
            count => to.write_all(&chunk[..count])?,
        }
    }
}
