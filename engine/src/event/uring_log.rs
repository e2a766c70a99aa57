//! The event log's writer on io_uring: the caller copies a line into a
//! registered buffer and goes on; the kernel writes behind its back.
//!
//! At most one write is in flight, at the explicit offset where the last one
//! ended, so that a crash can only cut the end off and never leave a hole.
//! Other buffers fill up meanwhile and follow in order. At most one fdatasync
//! is in flight beside it; it covers what had been written when it was
//! submitted. A buffer is filled again only after its completion.
//!
//! Buffered, not O_DIRECT: lines are small and the tail would have to be
//! written again and again as whole blocks.

#![expect(unsafe_code, reason = "io_uring reads our buffers while we go on")]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::{self, NonNull};
use std::time::{Duration, Instant};

use io_uring::types::{Fd, FsyncFlags, SubmitArgs, Timespec};
use io_uring::{IoUring, opcode, squeue};

use super::log::{BUFFER_BYTES, BUFFERS, FLUSH_INTERVAL_NS, STALL_LIMIT, SYNC_INTERVAL_NS};

const RING_ENTRIES: u32 = 8;
const WRITE: u64 = 1;
const SYNC: u64 = 2;
const EVENT_WAIT: Duration = Duration::from_millis(100);

/// Writes lines through io_uring.
pub(super) struct UringLog {
    // Declared, and so dropped, before the slab: closing the ring unpins it.
    ring: IoUring,
    file: File,
    slab: Slab,
    free: Vec<u16>,
    full: VecDeque<Filled>,
    current: Filled,
    writing: Option<Write>,
    /// Length of the file that the fdatasync in flight covers.
    syncing: Option<u64>,
    written_bytes: u64,
    durable_bytes: u64,
    flushed_at_ns: u64,
    synced_at_ns: u64,
    error: Option<io::Error>,
}

/// A buffer and how much of it holds lines.
#[derive(Clone, Copy, Debug)]
struct Filled {
    buffer: u16,
    len: usize,
}

impl UringLog {
    /// Sets the ring up and registers the buffers; writes from byte `start` on.
    ///
    /// # Errors
    /// When the kernel refuses either.
    pub(super) fn new(file: File, start: u64) -> io::Result<Self> {
        let ring = IoUring::builder().dontfork().build(RING_ENTRIES)?;
        if !ring.params().is_feature_ext_arg() || !ring.params().is_feature_nodrop() {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "io_uring is too old"));
        }
        let slab = Slab::new();
        let iovecs: Vec<libc::iovec> = (0..BUFFERS as u16)
            .map(|buffer| libc::iovec {
                iov_base: slab.start_of(buffer).as_ptr().cast(),
                iov_len: BUFFER_BYTES,
            })
            .collect();
        // SAFETY: the buffers lie in `slab`, which lives as long as the ring: both are
        // fields of the same struct, and `drop` leaks the slab while a write is in flight.
        // A shorter life would let the kernel read memory that has become something else.
        unsafe { ring.submitter().register_buffers(&iovecs) }?;
        Ok(Self {
            ring,
            file,
            slab,
            free: (1..BUFFERS as u16).collect(),
            full: VecDeque::with_capacity(BUFFERS),
            current: Filled { buffer: 0, len: 0 },
            writing: None,
            syncing: None,
            written_bytes: start,
            durable_bytes: start,
            flushed_at_ns: 0,
            synced_at_ns: 0,
            error: None,
        })
    }

    /// Takes a line; false when it is lost.
    pub(super) fn append(&mut self, line: &[u8]) -> bool {
        if self.current.len > 0 && self.current.len + line.len() > BUFFER_BYTES {
            self.rotate();
        }
        // More than one piece only for a line that is longer than a buffer.
        for piece in line.chunks(BUFFER_BYTES) {
            if self.current.len + piece.len() > BUFFER_BYTES {
                self.rotate();
            }
            if self.error.is_some() {
                return false;
            }
            self.slab.copy_in(self.current, piece);
            self.current.len += piece.len();
        }
        true
    }

    /// Collects completions and submits what is due.
    pub(super) fn turn(&mut self, now_ns: u64) {
        self.reap();
        let idle = self.writing.is_none() && self.full.is_empty();
        let due = now_ns.saturating_sub(self.flushed_at_ns) >= FLUSH_INTERVAL_NS;
        if idle && due && self.current.len > 0 && !self.free.is_empty() {
            self.flushed_at_ns = now_ns;
            self.rotate();
        }
        if now_ns.saturating_sub(self.synced_at_ns) >= SYNC_INTERVAL_NS {
            self.synced_at_ns = now_ns;
            self.start_sync();
        }
        self.submit(None);
        self.reap();
    }

    /// The first error.
    pub(super) fn error(&self) -> Option<&io::Error> {
        self.error.as_ref()
    }

    /// Bytes known to be on the disk.
    pub(super) fn durable_bytes(&self) -> u64 {
        self.durable_bytes
    }

    /// Writes and syncs the rest; returns the length of the log.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        if self.current.len > 0 {
            self.rotate();
        }
        self.wait_until(|log| log.writing.is_none() && log.full.is_empty());
        self.wait_until(|log| log.syncing.is_none());
        self.start_sync();
        self.wait_until(|log| log.syncing.is_none());
        self.error.take().map_or(Ok(self.written_bytes), Err)
    }

    /// Queues the current buffer and takes a free one, waiting for it if need be.
    fn rotate(&mut self) {
        self.full.push_back(self.current);
        self.current.len = 0;
        self.reap();
        self.submit(None);
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
        let mut seen = (self.written_bytes, self.durable_bytes);
        loop {
            self.reap();
            if done(self) || (self.error.is_some() && self.nothing_in_flight()) {
                return;
            }
            if seen != (self.written_bytes, self.durable_bytes) {
                seen = (self.written_bytes, self.durable_bytes);
                deadline = Instant::now() + STALL_LIMIT;
            }
            if Instant::now() > deadline {
                self.fail(io::Error::new(io::ErrorKind::TimedOut, "the disk stalls"));
                return;
            }
            self.submit(Some(EVENT_WAIT));
        }
    }

    fn nothing_in_flight(&self) -> bool {
        self.writing.is_none() && self.syncing.is_none()
    }

    fn fail(&mut self, error: io::Error) {
        self.error.get_or_insert(error);
    }

    /// Starts the next write where none is in flight.
    fn start_write(&mut self) {
        if self.writing.is_some() || self.error.is_some() {
            return;
        }
        if let Some(filled) = self.full.pop_front() {
            self.writing = Some(Write { buffer: filled.buffer, len: filled.len, done: 0 });
            self.push_write();
        }
    }

    /// Submits the rest of the write in flight.
    fn push_write(&mut self) {
        let Some(write) = self.writing else { return };
        let from = self.slab.start_of(write.buffer).as_ptr().wrapping_add(write.done);
        let len = (write.len - write.done) as u32;
        let entry = opcode::WriteFixed::new(Fd(self.file.as_raw_fd()), from, len, write.buffer)
            .offset(self.written_bytes)
            .build()
            .user_data(WRITE);
        self.push(&entry);
    }

    fn start_sync(&mut self) {
        let nothing_new = self.written_bytes == self.durable_bytes;
        if self.syncing.is_some() || nothing_new || self.error.is_some() {
            return;
        }
        self.syncing = Some(self.written_bytes);
        let entry = opcode::Fsync::new(Fd(self.file.as_raw_fd()))
            .flags(FsyncFlags::DATASYNC)
            .build()
            .user_data(SYNC);
        self.push(&entry);
    }

    fn push(&mut self, entry: &squeue::Entry) {
        // SAFETY: the file outlives the request: it is a field of the same struct as the ring,
        // and its number is not reused before the ring is closed. The bytes of a write lie in
        // `slab` and are left alone until its completion: `buffer` is then in neither `free`,
        // `full` nor `current`. Otherwise the log would hold what was written over them.
        let pushed = unsafe { self.ring.submission().push(entry) };
        pushed.expect("at most one write and one sync are in flight and the ring holds eight");
    }

    /// Gives the kernel what was pushed; with `wait`, sleeps until a completion or so long.
    fn submit(&mut self, wait: Option<Duration>) {
        self.start_write();
        let nothing_new = self.ring.submission().is_empty();
        let submitter = self.ring.submitter();
        let result = match wait {
            Some(wait) => {
                let time = Timespec::new().sec(wait.as_secs()).nsec(wait.subsec_nanos());
                submitter.submit_with_args(1, &SubmitArgs::new().timespec(&time))
            }
            None if nothing_new => return,
            None => submitter.submit(),
        };
        if let Err(error) = result {
            // Entries stay in the ring and go with the next call; ETIME ends a wait.
            let passing = [libc::EINTR, libc::EAGAIN, libc::EBUSY, libc::ETIME];
            if !error.raw_os_error().is_some_and(|code| passing.contains(&code)) {
                self.fail(error);
            }
        }
    }

    fn reap(&mut self) {
        loop {
            let Some(completion) = self.ring.completion().next() else { break };
            match completion.user_data() {
                WRITE => self.write_completed(completion.result()),
                _ => self.sync_completed(completion.result()),
            }
        }
        self.start_write();
    }

    fn write_completed(&mut self, result: i32) {
        let Some(mut write) = self.writing.take() else { return };
        let step = write.completed(result);
        if result > 0 {
            self.written_bytes += result as u64;
        }
        match step {
            Step::Again => {
                self.writing = Some(write);
                self.push_write();
                return;
            }
            Step::Done => {}
            Step::Failed(error) => self.fail(error),
        }
        self.free.push(write.buffer);
    }

    fn sync_completed(&mut self, result: i32) {
        let Some(covered) = self.syncing.take() else { return };
        match -result {
            // A device such as /dev/null has nothing to sync: EINVAL.
            0 | libc::EINVAL => self.durable_bytes = covered,
            // Not synced: the next one will cover it.
            libc::EINTR | libc::EAGAIN => {}
            code => self.fail(io::Error::from_raw_os_error(code)),
        }
    }
}

impl Drop for UringLog {
    fn drop(&mut self) {
        // After an error it was waited for long enough.
        if self.error.is_none() {
            self.wait_until(|log| log.writing.is_none());
        }
        // A disk that stalls still reads the buffers: better leaked than freed.
        self.slab.leaked = self.writing.is_some();
    }
}

impl std::fmt::Debug for UringLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UringLog")
            .field("written_bytes", &self.written_bytes)
            .field("durable_bytes", &self.durable_bytes)
            .field("writing", &self.writing)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

/// A write in flight, which the kernel may complete in pieces.
#[derive(Clone, Copy, Debug)]
struct Write {
    buffer: u16,
    len: usize,
    done: usize,
}

/// What a completion of a write asks for.
#[derive(Debug)]
enum Step {
    /// Submit the rest.
    Again,
    /// The buffer is free.
    Done,
    /// The buffer is free, the log is cut here.
    Failed(io::Error),
}

impl Write {
    fn completed(&mut self, result: i32) -> Step {
        match usize::try_from(result) {
            Ok(0) => Step::Failed(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                self.done += count;
                if self.done < self.len { Step::Again } else { Step::Done }
            }
            Err(_) if [libc::EINTR, libc::EAGAIN].contains(&-result) => Step::Again,
            Err(_) => Step::Failed(io::Error::from_raw_os_error(-result)),
        }
    }
}

/// The memory of all buffers, by raw pointer: the kernel reads parts of it while
/// we write other parts, so no reference to the whole may exist.
struct Slab {
    start: NonNull<u8>,
    leaked: bool,
}

// SAFETY: the slab owns its memory and hands out no references; whoever owns the slab
// may use it from any thread.
unsafe impl Send for Slab {}

impl Slab {
    const LAYOUT: Layout = match Layout::from_size_align(BUFFERS * BUFFER_BYTES, 4096) {
        Ok(layout) => layout,
        Err(_) => panic!("the buffers' size and alignment are valid"),
    };

    fn new() -> Self {
        // SAFETY: the layout's size is not 0.
        let start = unsafe { alloc(Self::LAYOUT) };
        let start = NonNull::new(start).unwrap_or_else(|| handle_alloc_error(Self::LAYOUT));
        Self { start, leaked: false }
    }

    fn start_of(&self, buffer: u16) -> NonNull<u8> {
        assert!(usize::from(buffer) < BUFFERS, "there are {BUFFERS} buffers");
        // SAFETY: the offset lies inside the allocation, as the line above checked.
        unsafe { self.start.add(usize::from(buffer) * BUFFER_BYTES) }
    }

    /// Copies `bytes` behind what `filled` holds.
    fn copy_in(&mut self, filled: Filled, bytes: &[u8]) {
        assert!(filled.len + bytes.len() <= BUFFER_BYTES, "the line fits into the buffer");
        let to = self.start_of(filled.buffer);
        // SAFETY: source and destination are valid for the length (checked above) and do not
        // overlap: no reference into the slab is ever handed out. The buffer is the current
        // one, which the kernel is not reading.
        unsafe {
            ptr::copy_nonoverlapping(bytes.as_ptr(), to.as_ptr().add(filled.len), bytes.len())
        }
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        if !self.leaked {
            // SAFETY: allocated in `new` with this layout, freed only here.
            unsafe { dealloc(self.start.as_ptr(), Self::LAYOUT) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_write_goes_on_where_it_stopped() {
        let mut write = Write { buffer: 0, len: 10, done: 0 };
        assert!(matches!(write.completed(4), Step::Again));
        assert_eq!(write.done, 4);
        assert!(matches!(write.completed(-libc::EINTR), Step::Again));
        assert_eq!(write.done, 4);
        assert!(matches!(write.completed(6), Step::Done));
    }

    #[test]
    fn errors_and_empty_writes_end_the_log() {
        for (result, kind) in [
            (0, io::ErrorKind::WriteZero),
            (-libc::ENOSPC, io::ErrorKind::StorageFull),
            (-libc::EFBIG, io::ErrorKind::FileTooLarge),
        ] {
            let mut write = Write { buffer: 0, len: 10, done: 0 };
            match write.completed(result) {
                Step::Failed(error) => assert_eq!(error.kind(), kind),
                other => panic!("{result}: {other:?}"),
            }
        }
    }
}
