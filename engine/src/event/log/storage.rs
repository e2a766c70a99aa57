//! What the writer of the log asks of a disk: writes from registered buffers, syncs, and
//! the step from one file to the next, all of which go on behind the caller's back.
//!
//! [`Uring`](super::uring::Uring) is what ships, [`Threaded`](super::threaded::Threaded)
//! takes over where the kernel refuses io_uring, and tests have a simulated disk that
//! writes short, fails, completes out of order and crashes.

use std::fmt;
use std::io;
use std::time::Duration;

/// Part of a buffer, and the place in the file where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// Which buffer.
    pub buffer: u16,
    /// First byte.
    pub from: usize,
    /// Bytes.
    pub len: usize,
    /// Offset in the file.
    pub offset: u64,
}

/// Something that was started has come to its end.
#[derive(Debug)]
pub(super) enum Completion {
    /// The write: how many bytes the file has taken, which may be fewer than given.
    Write(io::Result<usize>),
    /// The sync: all writes that had completed when it was started are on the disk.
    Sync(io::Result<()>),
    /// The step to the next file.
    Next(io::Result<()>),
}

/// A disk. Whoever calls has at most one write, one sync and one step to the next file in
/// flight, and the last with nothing beside it.
pub(super) trait Storage: fmt::Debug + Send {
    /// How many buffers there are, and the size of each.
    fn buffers(&self) -> (u16, usize);

    /// Copies bytes into a buffer that is not being written.
    ///
    /// # Panics
    /// Where they do not fit.
    fn fill(&mut self, buffer: u16, at: usize, bytes: &[u8]);

    /// Starts a write. The buffer must be left alone until its completion.
    fn start_write(&mut self, span: Span);

    /// Starts an fdatasync, of what has been written by now.
    fn start_sync(&mut self);

    /// Starts the step to the next file: the one that is written is put aside under a name
    /// of its own, and a new one takes its place.
    fn start_next(&mut self);

    /// Gives what was started to the kernel; with `wait`, sleeps until something has come
    /// to its end, or so long.
    ///
    /// # Errors
    /// When the kernel refuses for good.
    fn drive(&mut self, wait: Option<Duration>) -> io::Result<()>;

    /// The next completion that has come in.
    fn completed(&mut self) -> Option<Completion>;

    /// Waits until work that follows the last file, such as its compression, is done or
    /// given up.
    fn settle(&mut self);

    /// A word for the user about what went wrong beside the log.
    fn take_word(&mut self) -> Option<String>;
}
