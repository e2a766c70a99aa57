//! The log's disk on io_uring: registered buffers and a registered file, of which the
//! kernel writes while the caller goes on.
//!
//! A buffer is registered when something has been written from it several times: a small scan
//! writes little, and to pin 128 KiB would cost it more than it gains. One that the kernel does
//! not take is written from as it is.
//!
//! Buffered, not O_DIRECT: lines are small and the tail would have to be written again
//! and again as whole blocks.

#![expect(unsafe_code, reason = "io_uring reads our buffers while we go on")]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::{self, NonNull};
use std::time::Duration;

use io_uring::types::{Fixed, FsyncFlags, SubmitArgs, Timespec};
use io_uring::{IoUring, opcode, squeue};

use super::rotation::Keeper;
use super::storage::{Completion, Span, Storage};
use super::{BUFFER_BYTES, BUFFERS};

const RING_ENTRIES: u32 = 8;
/// Writes from a buffer before it is registered.
const PLAIN_WRITES: u8 = 4;
const WRITE: u64 = 1;
const SYNC: u64 = 2;
/// The one registered file.
const FILE: Fixed = Fixed(0);

/// Writes through io_uring.
pub(super) struct Uring {
    // Declared, and so dropped, before the slab: closing the ring unpins it.
    ring: IoUring,
    file: File,
    slab: Slab,
    buffers: [Buffer; BUFFERS as usize],
    /// Writes that the kernel has not completed.
    writing: u32,
    keeper: Keeper,
    next: Option<io::Result<()>>,
}

/// What the kernel knows of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Buffer {
    /// So much was written from it.
    Used(u8),
    Registered,
    /// It is not to be registered.
    Plain,
}

impl Uring {
    /// Sets the ring up, registers the file and a table for the buffers. `keeper` steps to the next file.
    ///
    /// # Errors
    /// When the kernel refuses; the keeper is given back.
    pub(super) fn new(file: File, keeper: Keeper) -> Result<Self, (io::Error, Keeper)> {
        let prepared = IoUring::builder().dontfork().build(RING_ENTRIES).and_then(|ring| {
            if !ring.params().is_feature_ext_arg() || !ring.params().is_feature_nodrop() {
                return Err(io::Error::new(io::ErrorKind::Unsupported, "io_uring is too old"));
            }
            let table = ring.submitter().register_buffers_sparse(BUFFERS.into());
            let buffer = if table.is_ok() { Buffer::Used(0) } else { Buffer::Plain };
            ring.submitter().register_files(&[file.as_raw_fd()])?;
            Ok((ring, [buffer; BUFFERS as usize]))
        });
        match prepared {
            Ok((ring, buffers)) => {
                let slab = Slab::new();
                Ok(Self { ring, file, slab, buffers, writing: 0, keeper, next: None })
            }
            Err(error) => Err((error, keeper)),
        }
    }

    fn push(&mut self, entry: &squeue::Entry) {
        // SAFETY: the bytes of a write lie in `slab` and are left alone until its completion,
        // as the trait asks of the caller; `drop` leaks the slab while one is in flight.
        // Otherwise the log would hold what was written over them. The file is registered, so
        // the kernel holds it itself.
        let pushed = unsafe { self.ring.submission().push(entry) };
        pushed.expect("at most one write and one sync are in flight and the ring holds eight");
    }

    /// Whether the kernel knows this buffer, from which is about to be written.
    fn is_registered(&mut self, buffer: u16) -> bool {
        let known = &mut self.buffers[usize::from(buffer)];
        if let Buffer::Used(times @ 0..PLAIN_WRITES) = known {
            *times += 1;
        } else if let Buffer::Used(_) = known {
            let iovec = libc::iovec {
                iov_base: self.slab.start_of(buffer).as_ptr().cast(),
                iov_len: BUFFER_BYTES,
            };
            // SAFETY: the buffer lies in `slab`, which lives as long as the ring: both are
            // fields of the same struct, and `drop` leaks the slab while a write is in flight.
            // A shorter life would let the kernel read memory that has become something else.
            let registered = unsafe {
                self.ring.submitter().register_buffers_update(buffer.into(), &[iovec], None)
            };
            *known = if registered.is_ok() { Buffer::Registered } else { Buffer::Plain };
        }
        *known == Buffer::Registered
    }

    /// The file that the keeper has made is the one that is written from here on.
    fn switch(&mut self, file: File) -> io::Result<()> {
        self.ring.submitter().register_files_update(0, &[file.as_raw_fd()])?;
        self.file = file;
        Ok(())
    }
}

impl Storage for Uring {
    fn buffers(&self) -> (u16, usize) {
        (BUFFERS, BUFFER_BYTES)
    }

    fn fill(&mut self, buffer: u16, at: usize, bytes: &[u8]) {
        self.slab.copy_in(buffer, at, bytes);
    }

    fn start_write(&mut self, span: Span) {
        assert!(span.from + span.len <= BUFFER_BYTES, "a write lies inside its buffer");
        let from = self.slab.start_of(span.buffer).as_ptr().wrapping_add(span.from);
        let len = span.len as u32;
        let entry = if self.is_registered(span.buffer) {
            opcode::WriteFixed::new(FILE, from, len, span.buffer).offset(span.offset).build()
        } else {
            opcode::Write::new(FILE, from, len).offset(span.offset).build()
        };
        self.writing += 1;
        self.push(&entry.user_data(WRITE));
    }

    fn start_sync(&mut self) {
        let entry = opcode::Fsync::new(FILE).flags(FsyncFlags::DATASYNC).build().user_data(SYNC);
        self.push(&entry);
    }

    fn start_next(&mut self) {
        self.keeper.start_next();
    }

    fn drive(&mut self, wait: Option<Duration>) -> io::Result<()> {
        if self.keeper.is_stepping() {
            if let Some(file) = self.keeper.next_file(wait) {
                self.next = Some(file.and_then(|file| self.switch(file)));
            }
            return Ok(());
        }
        let nothing_new = self.ring.submission().is_empty();
        let submitter = self.ring.submitter();
        let result = match wait {
            Some(wait) => {
                let time = Timespec::new().sec(wait.as_secs()).nsec(wait.subsec_nanos());
                submitter.submit_with_args(1, &SubmitArgs::new().timespec(&time))
            }
            None if nothing_new => return Ok(()),
            None => submitter.submit(),
        };
        // Entries stay in the ring and go with the next call; ETIME ends a wait.
        let passing = [libc::EINTR, libc::EAGAIN, libc::EBUSY, libc::ETIME];
        match result {
            Err(error) if error.raw_os_error().is_some_and(|code| passing.contains(&code)) => {
                Ok(())
            }
            other => other.map(drop),
        }
    }

    fn completed(&mut self) -> Option<Completion> {
        if let Some(result) = self.next.take() {
            return Some(Completion::Next(result));
        }
        let completion = self.ring.completion().next()?;
        let result = match completion.result() {
            count @ 0.. => Ok(count as usize),
            code => Err(io::Error::from_raw_os_error(-code)),
        };
        Some(match completion.user_data() {
            WRITE => {
                self.writing -= 1;
                Completion::Write(result)
            }
            _ => Completion::Sync(result.map(drop)),
        })
    }

    fn settle(&mut self) {
        self.keeper.settle();
    }

    fn take_word(&mut self) -> Option<String> {
        self.keeper.take_word()
    }
}

impl Drop for Uring {
    fn drop(&mut self) {
        // The ring is taken down behind our back, and would hold the file until then, and with
        // it the file system that somebody may want to unmount.
        let _ = self.file.unlock();
        if self.writing == 0 {
            let _ = self.ring.submitter().unregister_files();
        }
        // A disk that stalls still reads the buffers: better leaked than freed.
        self.slab.leaked = self.writing > 0;
    }
}

impl std::fmt::Debug for Uring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Uring").field("file", &self.file).finish_non_exhaustive()
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
    const LAYOUT: Layout = match Layout::from_size_align(BUFFERS as usize * BUFFER_BYTES, 4096) {
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
        assert!(buffer < BUFFERS, "there are {BUFFERS} buffers");
        // SAFETY: the offset lies inside the allocation, as the line above checked.
        unsafe { self.start.add(usize::from(buffer) * BUFFER_BYTES) }
    }

    fn copy_in(&mut self, buffer: u16, at: usize, bytes: &[u8]) {
        assert!(at + bytes.len() <= BUFFER_BYTES, "the line fits into the buffer");
        let to = self.start_of(buffer);
        // SAFETY: source and destination are valid for the length (checked above) and do not
        // overlap: no reference into the slab is ever handed out. The kernel is not reading
        // the buffer, as the trait asks of the caller.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to.as_ptr().add(at), bytes.len()) }
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
