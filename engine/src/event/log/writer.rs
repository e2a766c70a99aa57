//! Keeps the order of the log: the caller copies a line into a buffer and goes on, a
//! [`Storage`] writes behind its back.
//!
//! At most one write is in flight, at the offset where the last one ended, so that a
//! crash can only cut the end off and never leave a hole. Other buffers fill up
//! meanwhile and follow in order. At most one fdatasync is in flight beside it; it covers
//! what had been written when it was started, and many lines share it. Where the log goes
//! on in a new file, the old one is written and synced to its end first.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use super::storage::{Completion, Span, Storage};
use super::{FLUSH_INTERVAL_NS, STALL_LIMIT, SYNC_INTERVAL_NS, SyncPolicy};

/// How long a wait may sleep before it looks at the clock again.
const WAIT: Duration = Duration::from_millis(100);

/// What has been done, for whoever asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Bytes that the files have taken, of all parts.
    pub written_bytes: u64,
    /// Of these, known to be on the disk.
    pub durable_bytes: u64,
    /// Completed writes.
    pub writes: u64,
    /// Completed syncs.
    pub syncs: u64,
    /// Files that were closed because of their size or age.
    pub closed: u64,
}

/// Writes lines in order.
#[derive(Debug)]
pub(super) struct Writer {
    storage: Box<dyn Storage>,
    policy: SyncPolicy,
    buffer_bytes: usize,
    free: Vec<u16>,
    full: VecDeque<Filled>,
    current: Filled,
    writing: Option<Write>,
    /// Position in the log up to which the fdatasync in flight covers it.
    syncing: Option<u64>,
    /// The step to the next file is in flight.
    stepping: bool,
    /// Position in the log where the file that is written begins.
    file_start: u64,
    counts: Counts,
    flushed_at_ns: u64,
    synced_at_ns: u64,
    error: Option<io::Error>,
    #[cfg(test)]
    pub(super) broken: Option<super::simulated::Broken>,
}

/// A buffer and how much of it holds lines.
#[derive(Clone, Copy, Debug)]
struct Filled {
    buffer: u16,
    len: usize,
    /// It is the first of a new file.
    opens_file: bool,
}

/// A write in flight, which may complete in pieces.
#[derive(Clone, Copy, Debug)]
struct Write {
    buffer: u16,
    len: usize,
    done: usize,
}

impl Writer {
    /// Writes to `storage`, whose file begins at position `file_start` of the log and
    /// holds it up to `start`.
    pub(super) fn new(
        storage: Box<dyn Storage>,
        policy: SyncPolicy,
        file_start: u64,
        start: u64,
    ) -> Self {
        let (buffers, buffer_bytes) = storage.buffers();
        Self {
            storage,
            policy,
            buffer_bytes,
            free: (1..buffers).collect(),
            full: VecDeque::with_capacity(usize::from(buffers)),
            current: Filled { buffer: 0, len: 0, opens_file: false },
            writing: None,
            syncing: None,
            stepping: false,
            file_start,
            counts: Counts { written_bytes: start, durable_bytes: start, ..Counts::default() },
            flushed_at_ns: 0,
            synced_at_ns: 0,
            error: None,
            #[cfg(test)]
            broken: None,
        }
    }

    /// Takes a line in two pieces; false when it is lost.
    pub(super) fn append(&mut self, body: &[u8], tail: &[u8]) -> bool {
        if self.current.len > 0 && self.current.len + body.len() + tail.len() > self.buffer_bytes {
            self.rotate();
        }
        // More than one piece only for a line that is longer than a buffer.
        for piece in body.chunks(self.buffer_bytes).chain(std::iter::once(tail)) {
            if self.current.len + piece.len() > self.buffer_bytes {
                self.rotate();
            }
            if self.error.is_some() {
                return false;
            }
            self.storage.fill(self.current.buffer, self.current.len, piece);
            self.current.len += piece.len();
        }
        true
    }

    /// What is appended from here on goes into a new file.
    pub(super) fn begin_file(&mut self) {
        if self.current.len > 0 {
            self.rotate();
        }
        self.current.opens_file = true;
    }

    /// Collects completions and starts what is due.
    pub(super) fn turn(&mut self, now_ns: u64) {
        self.reap();
        let idle = self.writing.is_none() && self.full.is_empty();
        let due = self.policy == SyncPolicy::Always
            || now_ns.saturating_sub(self.flushed_at_ns) >= FLUSH_INTERVAL_NS;
        if idle && due && self.current.len > 0 && !self.free.is_empty() {
            self.flushed_at_ns = now_ns;
            self.rotate();
        }
        if self.policy == SyncPolicy::Interval
            && now_ns.saturating_sub(self.synced_at_ns) >= SYNC_INTERVAL_NS
        {
            self.synced_at_ns = now_ns;
            self.start_sync();
        }
        self.drive(None);
        self.reap();
    }

    /// The first error.
    pub(super) fn error(&self) -> Option<&io::Error> {
        self.error.as_ref()
    }

    /// What has been done.
    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// A word about what went wrong beside the log, each once.
    pub(super) fn take_word(&mut self) -> Option<String> {
        self.storage.take_word()
    }

    /// Writes and syncs the rest; what was done in the end.
    pub(super) fn finish(mut self) -> io::Result<Counts> {
        if self.current.len > 0 {
            self.rotate();
        }
        self.wait_until(|log| log.writing.is_none() && log.full.is_empty() && !log.stepping);
        self.wait_until(|log| log.syncing.is_none());
        if self.policy != SyncPolicy::Never {
            self.start_sync();
            self.wait_until(|log| log.syncing.is_none());
        }
        self.storage.settle();
        self.error.take().map_or(Ok(self.counts), Err)
    }

    /// Queues the current buffer and takes a free one, waiting for it if need be.
    fn rotate(&mut self) {
        self.full.push_back(self.current);
        self.current.len = 0;
        self.current.opens_file = false;
        self.reap();
        self.drive(None);
        if self.free.is_empty() {
            self.wait_until(|log| !log.free.is_empty());
        }
        match self.free.pop() {
            Some(buffer) => self.current.buffer = buffer,
            // Only after an error: the buffer comes back and is never submitted again.
            None => {
                self.full.pop_back();
            }
        }
    }

    fn wait_until(&mut self, done: impl Fn(&Self) -> bool) {
        let mut deadline = Instant::now() + STALL_LIMIT;
        let mut seen = self.counts;
        loop {
            self.reap();
            if done(self) || (self.error.is_some() && self.nothing_in_flight()) {
                return;
            }
            if seen != self.counts {
                seen = self.counts;
                deadline = Instant::now() + STALL_LIMIT;
            }
            if Instant::now() > deadline {
                self.fail(io::Error::new(io::ErrorKind::TimedOut, "the disk stalls"));
                return;
            }
            self.drive(Some(WAIT));
        }
    }

    fn nothing_in_flight(&self) -> bool {
        self.writing.is_none() && self.syncing.is_none() && !self.stepping
    }

    fn fail(&mut self, error: io::Error) {
        self.error.get_or_insert(error);
    }

    /// Starts what may be started now: the next write, the step to the next file, or the
    /// sync that has to come before it.
    fn advance(&mut self) {
        if self.error.is_some() || self.stepping {
            return;
        }
        if self.policy == SyncPolicy::Always {
            self.start_sync();
        }
        if self.writing.is_some() {
            return;
        }
        let Some(&filled) = self.full.front() else { return };
        if filled.opens_file {
            // The old file is complete on the disk before a byte goes into the new one.
            if self.policy != SyncPolicy::Never {
                self.start_sync();
            }
            if self.syncing.is_none() {
                self.stepping = true;
                self.storage.start_next();
            }
            return;
        }
        self.full.pop_front();
        self.writing = Some(Write { buffer: filled.buffer, len: filled.len, done: 0 });
        self.push_write();
    }

    /// Starts the rest of the write in flight.
    fn push_write(&mut self) {
        let Some(write) = self.writing else { return };
        self.storage.start_write(Span {
            buffer: write.buffer,
            from: write.done,
            len: write.len - write.done,
            offset: self.counts.written_bytes - self.file_start,
        });
    }

    fn start_sync(&mut self) {
        let nothing_new = self.counts.written_bytes == self.counts.durable_bytes;
        if self.syncing.is_some() || nothing_new || self.error.is_some() {
            return;
        }
        let covers = self.counts.written_bytes;
        #[cfg(test)]
        let covers = match (self.broken, self.writing) {
            (Some(super::simulated::Broken::SyncCoversWriteInFlight), Some(write)) => {
                covers + (write.len - write.done) as u64
            }
            _ => covers,
        };
        self.syncing = Some(covers);
        self.storage.start_sync();
    }

    /// Gives the disk what is due; with `wait`, sleeps until a completion or so long.
    fn drive(&mut self, wait: Option<Duration>) {
        self.advance();
        if let Err(error) = self.storage.drive(wait) {
            self.fail(error);
        }
    }

    fn reap(&mut self) {
        while !self.nothing_in_flight()
            && let Some(completion) = self.storage.completed()
        {
            match completion {
                Completion::Write(result) => self.write_completed(result),
                Completion::Sync(result) => self.sync_completed(result),
                Completion::Next(result) => self.step_completed(result),
            }
        }
        self.advance();
    }

    fn write_completed(&mut self, result: io::Result<usize>) {
        let Some(mut write) = self.writing.take() else { return };
        match result {
            Ok(0) => self.fail(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                self.counts.written_bytes += count as u64;
                write.done += count;
                if write.done < write.len {
                    self.writing = Some(write);
                    self.push_write();
                    return;
                }
                self.counts.writes += 1;
            }
            Err(error) if passes(&error) => {
                self.writing = Some(write);
                self.push_write();
                return;
            }
            Err(error) => self.fail(error),
        }
        self.free.push(write.buffer);
    }

    fn sync_completed(&mut self, result: io::Result<()>) {
        let Some(covered) = self.syncing.take() else { return };
        match result {
            Ok(()) => {
                self.counts.durable_bytes = covered;
                self.counts.syncs += 1;
            }
            // A device such as /dev/null has nothing to sync: EINVAL.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                self.counts.durable_bytes = covered;
            }
            // Not synced: the next one will cover it.
            Err(error) if passes(&error) => {}
            Err(error) => self.fail(error),
        }
    }

    fn step_completed(&mut self, result: io::Result<()>) {
        self.stepping = false;
        match result {
            Ok(()) => {
                self.file_start = self.counts.written_bytes;
                self.counts.closed += 1;
                if let Some(filled) = self.full.front_mut() {
                    filled.opens_file = false;
                }
            }
            Err(error) => self.fail(error),
        }
    }
}

/// Whether it says no more than "try again".
fn passes(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock)
}

impl Drop for Writer {
    fn drop(&mut self) {
        // No more is started: behind an error it would stand in the wrong place.
        self.full.clear();
        // After an error it was waited for long enough.
        if self.error.is_none() {
            self.wait_until(|log| log.writing.is_none());
        }
    }
}
