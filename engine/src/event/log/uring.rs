//! The log's disk on io_uring: registered buffers and a registered file, of which the
//! kernel writes while the caller goes on.
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
    /// Writes that the kernel has not completed.
    writing: u32,
    keeper: Keeper,
    next: Option<io::Result<()>>,
}

impl Uring {
    /// Sets the ring up, registers buffers and file. `keeper` steps to the next file.
    ///
    /// # Errors
    /// When the kernel refuses; the keeper is given back.
    pub(super) fn new(file: File, keeper: Keeper) -> Result<Self, (io::Error, Keeper)> {
        let prepared = IoUring::builder().dontfork().build(RING_ENTRIES).and_then(|ring| {
            if !ring.params().is_feature_ext_arg() || !ring.params().is_feature_nodrop() {
                return Err(io::Error::new(io::ErrorKind::Unsupported, "io_uring is too old"));
            }
            let slab = Slab::new();
            let iovecs: Vec<libc::iovec> = (0..BUFFERS)
                .map(|buffer| libc::iovec {
                    iov_base: slab.start_of(buffer).as_ptr().cast(),
                    iov_len: BUFFER_BYTES,
                })
                .collect();
            // SAFETY: the buffers lie in `slab`, which lives as long as the ring: both are
            // fields of the same struct, and `drop` leaks the slab while a write is in flight.
            // A shorter life would let the kernel read memory that has become something else.
            unsafe { ring.submitter().register_buffers(&iovecs) }?;
            ring.submitter().register_files(&[file.as_raw_fd()])?;
            Ok((ring, slab))
        });
        match prepared {
            Ok((ring, slab)) => Ok(Self { ring, file, slab, writing: 0, keeper, next: None }),
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
        let entry = opcode::WriteFixed::new(FILE, from, span.len as u32, span.buffer)
            .offset(span.offset)
            .build()
            .user_data(WRITE);
        self.writing += 1;
        self.push(&entry);
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
