//! Reads the event log of an interrupted scan: how far it can be trusted, how the
//! scan was asked for, what was finished and what was found.
//!
//! A log is whole lines of JSON in order, each with the checksum of all before it, in one
//! file or several ([`log::parts`](super::log::parts)). Everything up to the first byte
//! that is not part of one is as it was written, and everything behind it is cut. What is
//! cut is kept beside the log. Two passes, a line at a time: memory grows with the
//! results that are not covered by a checkpoint, not with the log.
//!
//! * [`line`]: a line as a record. [`account`]: what the lines say together.

mod account;
mod line;

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use self::account::Account;
use self::line::parse;
use super::files::Told;
use super::log::parts::{self, Form, Part, find, read_lines};
use super::log::{Tail, beside, is_same_file, sync_folder};
use super::{PortEvent, PortState};
use crate::error::{Error, Kind, Result};
use crate::plan::{Plan, Purpose, Target};
use crate::scan::Resume;

/// No record is longer; a longer line is none.
const LINE_MAX: u64 = 16 << 20;
/// How long to wait for a lock that a killed scan may have left.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);

/// How a scan was started, as its first record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Its command line.
    pub args: Vec<String>,
    /// Seed of its order.
    pub seed: u64,
    /// N.
    pub targets: u64,
    /// Hash of its plan, 16 hexadecimal digits.
    pub plan: String,
}

/// A line with a result of a scan for `purpose` as it was told, and when, microseconds since
/// 1970; `None`: it is something else.
#[must_use]
pub fn told(line: &[u8], purpose: Purpose) -> Option<(PortEvent, u64)> {
    parse(line)?.told(purpose)
}

/// A log that can be gone on with.
#[derive(Debug)]
pub struct Interrupted {
    path: PathBuf,
    /// Files that have been put aside.
    parts: Vec<Part>,
    /// The file under the log's own name, locked.
    file: File,
    end: End,
    begun: Begun,
    account: Account,
}

/// Where a log ends.
#[derive(Clone, Copy, Debug, Default)]
struct End {
    /// In which file: one of the parts, or the one behind them.
    file: usize,
    /// Bytes of that file that hold whole records.
    good: u64,
    /// Bytes of the files before it.
    before: u64,
    /// Bytes behind that cannot be believed; of compressed files, as they lie on the disk.
    cut: u64,
}

impl Interrupted {
    /// Opens and reads a log; changes nothing. The log is locked until it is dropped.
    ///
    /// # Errors
    /// `Usage`: not a log of prtip, a file of it is missing, or another scan is writing it.
    pub fn open(path: &Path) -> Result<Self> {
        let what = || format!("resume the scan of the event log {path:?}");
        let fail = |error: io::Error| Error::new(Kind::Usage, what()).because_of(error);
        let mut open = OpenOptions::new();
        open.read(true).write(true);
        let file = match open.open(path) {
            // A crash between two names, where a file cannot have two: the last one is there.
            Err(error)
                if error.kind() == io::ErrorKind::NotFound
                    && find(path).is_ok_and(|parts| !parts.is_empty()) =>
            {
                open.create_new(true).open(path)
            }
            other => other,
        };
        let file = file.map_err(fail)?;
        if !file.metadata().map_err(fail)?.is_file() {
            return Err(Error::new(Kind::Usage, what()).cause("it is not a regular file"));
        }
        if !lock(&file) {
            return Err(Error::new(Kind::Usage, what())
                .cause("a scan is writing it")
                .remedy("wait for its end, or stop it"));
        }
        let parts = find(path)
            .map_err(|error| fail(error).remedy("put all files of the log back into its folder"))?;
        let (account, end) = examine(&file, &parts).map_err(fail)?;
        let Some(begun) = account.begun.clone() else {
            return Err(Error::new(Kind::Usage, what())
                .cause("it does not begin with a scan_started record of prtip that is whole")
                .remedy("name the file that was given with --event-log"));
        };
        Ok(Self { path: path.to_owned(), parts, file, end, begun, account })
    }

    /// How the scan was started.
    #[must_use]
    pub fn begun(&self) -> &Begun {
        &self.begun
    }

    /// Whether it came to its end: nothing is left to do.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.account.finished
    }

    /// When it was started, microseconds since 1970.
    #[must_use]
    pub fn started_unix_us(&self) -> u64 {
        self.account.started_unix_us
    }

    /// When its last run ended, microseconds since 1970, and how long that took in seconds.
    #[must_use]
    pub fn ended(&self) -> (u64, f64) {
        self.account.ended
    }

    /// Hands over every result that was told, when (microseconds since 1970), and whether
    /// it corrects an earlier one.
    ///
    /// # Errors
    /// `Failed` when the log cannot be read.
    pub fn replay(
        &self,
        purpose: Purpose,
        mut take: impl FnMut(&PortEvent, u64, bool),
    ) -> Result<()> {
        self.each_line(|line| {
            if let Some(line) = parse(line)
                && let Some((event, unix_us)) = line.told(purpose)
            {
                take(&event, unix_us, line.revised);
            }
        })
        .map_err(|error| {
            Error::new(Kind::Failed, format!("read the event log {:?}", self.path))
                .because_of(error)
        })
    }

    /// Hands over what was told of services.
    ///
    /// # Errors
    /// `Failed` when the log cannot be read.
    pub fn replay_services(&self, mut take: impl FnMut(Target, &Told)) -> Result<()> {
        self.each_line(|line| {
            if let Some(target) = parse(line).and_then(|line| line.asked())
                && let Ok(told) = serde_json::from_slice::<Told>(line)
            {
                take(target, &told);
            }
        })
        .map_err(|error| {
            Error::new(Kind::Failed, format!("read the event log {:?}", self.path))
                .because_of(error)
        })
    }

    /// The ports that are open and have no `service` record.
    ///
    /// # Errors
    /// `Failed` when the log cannot be read.
    pub fn open_without_service(&self) -> Result<Vec<Target>> {
        let mut waiting: HashSet<Target> = HashSet::new();
        self.each_line(|line| {
            let Some(line) = parse(line) else { return };
            if let Some((target, state)) = line.found(Purpose::Ports) {
                if state == PortState::Open {
                    waiting.insert(target);
                } else {
                    waiting.remove(&target);
                }
            } else if let Some(asked) = line.asked() {
                waiting.remove(&asked);
            }
        })
        .map_err(|error| {
            Error::new(Kind::Failed, format!("read the event log {:?}", self.path))
                .because_of(error)
        })?;
        Ok(waiting.into_iter().collect())
    }

    /// Bytes at the end that are no whole record.
    #[must_use]
    pub fn cut_bytes(&self) -> u64 {
        self.end.cut
    }

    /// What is known of `plan`, which must be the scan's own.
    ///
    /// # Errors
    /// `Failed` when the log cannot be read.
    pub fn resume(&self, plan: &Plan) -> Result<Resume> {
        let checkpoint = &self.account.checkpoint;
        let mut known: HashMap<u64, PortState> = HashMap::new();
        let mut revised: HashMap<u64, PortState> = HashMap::new();
        let mut counts = (0u64, 0u64);
        let is_finished = |index: u64| {
            let after = checkpoint.partition_point(|range| range.start <= index);
            after > 0 && index < checkpoint[after - 1].end
        };
        let mut add = |state: PortState, by: u64| match state.strength() {
            3 => counts.0 = counts.0.wrapping_add(by),
            2 => counts.1 = counts.1.wrapping_add(by),
            _ => {}
        };
        let fail = |error: io::Error| {
            Error::new(Kind::Failed, format!("read the event log {:?}", self.path))
                .because_of(error)
        };
        // Ports with more than one record are few; theirs is the last one.
        let mut repeated: HashSet<u64> = HashSet::new();
        self.each_line(|line| {
            if may_be_revised(line)
                && let Some(line) = parse(line).filter(|line| line.revised)
                && let Some((index, _)) = line.result(plan)
            {
                repeated.insert(index);
            }
        })
        .map_err(fail)?;
        self.each_line(|line| {
            if let Some((index, state)) = parse(line).and_then(|line| line.result(plan)) {
                if !is_finished(index) {
                    known.insert(index, state);
                } else if repeated.contains(&index) {
                    if let Some(earlier) = revised.insert(index, state) {
                        add(earlier, u64::MAX);
                    }
                    add(state, 1);
                } else {
                    add(state, 1);
                }
            }
        })
        .map_err(fail)?;
        let mut known: Vec<(u64, PortState)> = known.into_iter().collect();
        known.sort_unstable_by_key(|&(index, _)| index);
        Ok(Resume { finished: checkpoint.clone(), known, counts })
    }

    /// Hands over the lines that can be believed.
    fn each_line(&self, mut take: impl FnMut(&[u8])) -> io::Result<()> {
        for file in 0..=self.end.file {
            let mut reader = open_file(&self.file, &self.parts, file)?;
            let is_last = file == self.end.file;
            if is_last && self.end.good == 0 {
                break;
            }
            read_lines(&mut reader, LINE_MAX, |line, end| {
                take(line);
                !is_last || end < self.end.good
            })?;
        }
        Ok(())
    }

    /// Cuts what is no whole record off the log, after keeping it in a file beside
    /// it, whose name is returned; the log is then ready for
    /// [`EventLog::append_to`](super::log::EventLog::append_to).
    ///
    /// # Errors
    /// `Failed` when either cannot be written.
    pub fn cut(mut self) -> Result<(Tail, Option<PathBuf>)> {
        // The second name that a crash on the way to the next file has left.
        let second = parts::name_of(&self.path, self.parts.len() as u64 + 1, Form::Plain);
        let tidied = match is_same_file(&second, &self.path) {
            true => fs::remove_file(&second),
            false => Ok(()),
        };
        let kept = tidied.and_then(|()| {
            if self.end.file < self.parts.len() {
                self.cut_in_a_part()
            } else if self.end.cut > 0 {
                self.cut_the_last_file()
            } else {
                Ok(None)
            }
        });
        let kept = kept.map_err(|error| {
            let what = format!("cut the torn end off the event log {:?}", self.path);
            Error::new(Kind::Failed, what)
                .because_of(error)
                .remedy("free some space, or copy the log to another disk and resume it there")
        })?;
        let plain = self.parts.iter().filter(|part| part.form == Form::Plain);
        let tail = Tail {
            plain: plain.map(|part| part.number).collect(),
            file: self.file,
            file_start: self.end.before,
            file_bytes: self.end.good,
            number: self.end.file as u64 + 1,
            chain: self.account.chain,
        };
        Ok((tail, kept))
    }

    fn cut_the_last_file(&mut self) -> io::Result<Option<PathBuf>> {
        self.file.seek(SeekFrom::Start(self.end.good))?;
        let (mut kept, name) = new_beside(&self.path)?;
        io::copy(&mut (&self.file).take(self.end.cut), &mut kept)?;
        kept.flush().and_then(|()| kept.sync_all())?;
        self.file.set_len(self.end.good).and_then(|()| self.file.sync_all())?;
        Ok(Some(name))
    }

    /// The damage is in a file that was put aside: its good part becomes the file that is
    /// written, it and all behind it get names that are no log's. From the last to the
    /// first, so that a crash in between leaves a log that is cut at the same place.
    fn cut_in_a_part(&mut self) -> io::Result<Option<PathBuf>> {
        let new_name = beside(&self.path, ".new");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&new_name)?;
        file.set_permissions(self.file.metadata()?.permissions())?;
        let reader = open_file(&self.file, &self.parts, self.end.file)?;
        io::copy(&mut reader.take(self.end.good), &mut file)?;
        file.sync_all()?;
        if let Err(fs::TryLockError::Error(error)) = file.try_lock() {
            return Err(error);
        }
        let (_, kept) = new_beside(&self.path)?;
        fs::rename(&self.path, &kept)?;
        for part in self.parts.drain(self.end.file..).rev() {
            let (_, kept) = new_beside(&part.path)?;
            fs::rename(&part.path, kept)?;
        }
        fs::rename(&new_name, &self.path)?;
        sync_folder(&self.path)?;
        self.file = file;
        Ok(Some(kept))
    }
}

/// Locks the log; false where another scan has it. The kernel lets go of the file of a scan
/// that was killed a moment later than of the scan itself.
fn lock(file: &File) -> bool {
    let deadline = Instant::now() + LOCK_PATIENCE;
    while let Err(fs::TryLockError::WouldBlock) = file.try_lock() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}

/// Reads all files up to the first byte that cannot be believed.
fn examine(file: &File, parts: &[Part]) -> io::Result<(Account, End)> {
    let mut account = Account::default();
    let mut end = End::default();
    for number in 0..=parts.len() {
        let is_last = number == parts.len();
        (end.file, end.before, end.good) = (number, end.before + end.good, 0);
        let mut opens = Some(number as u64 + 1);
        let mut reader = open_file(file, parts, number)?;
        let read = read_lines(&mut reader, LINE_MAX, |line, offset| {
            let taken = account.take(line, opens.take());
            if taken {
                end.good = offset;
            }
            taken
        });
        let is_whole = match read {
            Ok(is_whole) => is_whole,
            // What cannot be unpacked is damaged like anything else.
            Err(_) if parts.get(number).is_some_and(|part| part.form != Form::Plain) => false,
            Err(error) => return Err(error),
        };
        if !is_last && (!is_whole || end.good == 0) {
            break;
        }
    }
    for number in end.file..=parts.len() {
        let bytes = match parts.get(number) {
            Some(part) => part.path.metadata()?.len(),
            None => file.metadata()?.len(),
        };
        end.cut += match parts.get(number).is_none_or(|part| part.form == Form::Plain) {
            true if number == end.file => bytes.saturating_sub(end.good),
            _ => bytes,
        };
    }
    Ok((account, end))
}

/// One of the files of a log, from its start.
fn open_file(mut file: &File, parts: &[Part], number: usize) -> io::Result<Box<dyn io::BufRead>> {
    match parts.get(number) {
        Some(part) => parts::reader(File::open(&part.path)?, part.form),
        None => {
            file.seek(SeekFrom::Start(0))?;
            parts::reader(file.try_clone()?, Form::Plain)
        }
    }
}

/// How many bytes from the start of a log of one file can be believed.
#[must_use]
pub fn believable(mut log: &[u8]) -> u64 {
    let (mut account, mut opens, mut good) = (Account::default(), Some(1), 0);
    let _ = read_lines(&mut log, LINE_MAX, |line, offset| {
        let taken = account.take(line, opens.take());
        if taken {
            good = offset;
        }
        taken
    });
    good
}

/// A new file `LOG.cut`, or `LOG.cut.2` and so on where that exists.
fn new_beside(log: &Path) -> io::Result<(File, PathBuf)> {
    for number in 1.. {
        let mut name = log.as_os_str().to_owned();
        name.push(if number == 1 { ".cut".to_owned() } else { format!(".cut.{number}") });
        let name = PathBuf::from(name);
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 1000 => {}
            other => return other.map(|file| (file, name)),
        }
    }
    unreachable!("the loop ends at its thousandth turn")
}

/// Whether a line may be a revised result: what is looked at before it is parsed.
fn may_be_revised(line: &[u8]) -> bool {
    const FIELD: &[u8] = b"\"revised\":true";
    let end = &line[line.len().saturating_sub(FIELD.len() + 24)..];
    end.windows(FIELD.len()).any(|window| window == FIELD)
}

#[cfg(test)]
mod tests;
