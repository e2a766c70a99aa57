//! The event log's writer where io_uring is refused: one thread with ordinary
//! writes, and the same promises.
//!
//! Buffers go round: the caller fills one, the thread writes it and gives it
//! back. What it does not do better than io_uring: it costs a thread and its
//! wake-ups.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use super::log::{BUFFER_BYTES, BUFFERS, FLUSH_INTERVAL_NS, STALL_LIMIT, SYNC_INTERVAL_NS};

/// Writes lines through a thread.
#[derive(Debug)]
pub(super) struct ThreadLog {
    current: Vec<u8>,
    to_thread: Option<Sender<Vec<u8>>>,
    from_thread: Receiver<Vec<u8>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<u64>>,
    flushed_at_ns: u64,
}

#[derive(Debug, Default)]
struct Shared {
    durable_bytes: AtomicU64,
    error: Mutex<Option<io::Error>>,
}

impl Shared {
    fn fail(&self, error: io::Error) {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    fn failed(&self) -> bool {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

impl ThreadLog {
    /// Starts the thread, which writes from byte `start` on.
    pub(super) fn new(mut file: File, start: u64) -> io::Result<Self> {
        if start > 0 {
            file.seek(io::SeekFrom::Start(start))?;
        }
        let (to_thread, full) = channel();
        let (give_back, from_thread) = channel();
        for _ in 1..BUFFERS {
            let _ = give_back.send(Vec::with_capacity(BUFFER_BYTES));
        }
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = Builder::new()
            .name("event-log".into())
            .spawn(move || write_all(file, start, &full, &give_back, &theirs))?;
        Ok(Self {
            current: Vec::with_capacity(BUFFER_BYTES),
            to_thread: Some(to_thread),
            from_thread,
            shared,
            thread: Some(thread),
            flushed_at_ns: 0,
        })
    }

    /// Takes a line; false when it is lost.
    pub(super) fn append(&mut self, line: &[u8]) -> bool {
        if !self.current.is_empty() && self.current.len() + line.len() > BUFFER_BYTES {
            self.flush();
        }
        if self.shared.failed() {
            return false;
        }
        self.current.extend_from_slice(line);
        true
    }

    /// Hands over what is waiting, at most every [`FLUSH_INTERVAL_NS`].
    pub(super) fn turn(&mut self, now_ns: u64) {
        if !self.current.is_empty() && now_ns.saturating_sub(self.flushed_at_ns) > FLUSH_INTERVAL_NS
        {
            self.flushed_at_ns = now_ns;
            self.flush();
        }
    }

    fn flush(&mut self) {
        let Ok(empty) = self.from_thread.recv_timeout(STALL_LIMIT) else {
            self.shared.fail(io::Error::new(io::ErrorKind::TimedOut, "the disk stalls"));
            self.current.clear();
            return;
        };
        let full = std::mem::replace(&mut self.current, empty);
        if let Some(to_thread) = &self.to_thread {
            let _ = to_thread.send(full);
        }
    }

    /// The first error.
    pub(super) fn error(&self) -> Option<String> {
        let error = self.shared.error.lock().unwrap_or_else(PoisonError::into_inner);
        error.as_ref().map(ToString::to_string)
    }

    /// Bytes known to be on the disk.
    pub(super) fn durable_bytes(&self) -> u64 {
        self.shared.durable_bytes.load(Ordering::Acquire)
    }

    /// Writes and syncs the rest; returns the length of the log.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        if !self.current.is_empty() {
            self.flush();
        }
        self.to_thread = None;
        let deadline = Instant::now() + STALL_LIMIT;
        let Some(thread) = self.thread.take() else { return Ok(0) };
        while !thread.is_finished() {
            if Instant::now() > deadline {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the disk stalls"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let written = thread.join().map_err(|_| io::Error::other("the log's thread panicked"))?;
        let error = self.shared.error.lock().unwrap_or_else(PoisonError::into_inner).take();
        error.map_or(Ok(written), Err)
    }
}

/// The thread: writes buffers in the order in which they come until the caller hangs up.
fn write_all(
    mut file: File,
    start: u64,
    full: &Receiver<Vec<u8>>,
    give_back: &Sender<Vec<u8>>,
    shared: &Shared,
) -> u64 {
    let interval = Duration::from_nanos(SYNC_INTERVAL_NS);
    let mut synced_at = Instant::now();
    let (mut written, mut durable) = (start, start);
    loop {
        let wait = interval.saturating_sub(synced_at.elapsed()).max(Duration::from_millis(10));
        let hung_up = match full.recv_timeout(wait) {
            Ok(mut buffer) => {
                if !shared.failed() {
                    match file.write_all(&buffer) {
                        Ok(()) => written += buffer.len() as u64,
                        Err(error) => shared.fail(error),
                    }
                }
                buffer.clear();
                let _ = give_back.send(buffer);
                false
            }
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => true,
        };
        if (hung_up || synced_at.elapsed() >= interval) && written > durable && !shared.failed() {
            synced_at = Instant::now();
            match file.sync_data() {
                Err(error) if error.kind() != io::ErrorKind::InvalidInput => shared.fail(error),
                // A device such as /dev/null has nothing to sync: EINVAL.
                _ => {
                    durable = written;
                    shared.durable_bytes.store(durable, Ordering::Release);
                }
            }
        }
        if hung_up {
            return written;
        }
    }
}
