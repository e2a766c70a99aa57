//! A disk that remembers what was written, what was synced, and in which order, so that a
//! crash can be had at every step: what was not synced survives in part, in any order, at
//! any torn length, or not at all.
//!
//! Writes may be short, be interrupted or fail, and what is in flight completes in any
//! order. The disk is honest about syncs unless it is told to lie, which is how a test
//! sees that it would find a writer that is not.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::storage::{Completion, Span, Storage};

/// Faults of the writer itself, for the controls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// A sync counts for the write that was in flight when it was started.
    SyncCoversWriteInFlight,
}

/// What is wrong with the disk.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    /// Writes are short, interrupted or to be tried again, in so many of 256 cases each.
    pub passing: u8,
    /// The write of this number fails, after a part of it, with this error.
    pub write_error: Option<(u64, i32)>,
    /// The sync of this number fails with this error.
    pub sync_error: Option<(u64, i32)>,
    /// It says that a sync is done, and has not done it.
    pub lies_about_syncs: bool,
    /// It says that a write is done when it has taken it, and does it in any order with
    /// the next ones: a sync covers what it has really done.
    pub reorders_writes: bool,
}

/// What has happened.
#[derive(Clone, Debug)]
enum Step {
    /// A write began: in which file, where, what.
    Begun(usize, u64, Vec<u8>),
    /// The write that began at this step has been done, so many bytes of it.
    Done(usize, usize),
    /// A sync is done, of the writes that began at these steps.
    Synced(Vec<usize>),
    /// The log is on its way to its next file, or there.
    Next { there: bool },
}

/// What a crash leaves.
#[derive(Debug)]
pub(super) struct Image {
    /// The files, the oldest first.
    pub files: Vec<Vec<u8>>,
    /// The last one has a number already, and still the log's own name.
    pub last_has_two_names: bool,
}

/// The disk's memory, shared with the test.
#[derive(Debug, Default)]
pub(super) struct Disk {
    history: Vec<Step>,
}

impl Disk {
    /// Steps so far.
    pub(super) fn steps(&self) -> usize {
        self.history.len()
    }

    /// What is left where the power fails after `steps` steps. Of what was not synced, a
    /// quarter of the writes is lost, a quarter torn, of a quarter some sectors are left.
    pub(super) fn crash(&self, steps: usize, random: &mut Random) -> Image {
        self.image(
            steps,
            |bytes, random| match random.below(4) {
                0 => Vec::new(),
                1 => vec![(0, bytes[..random.below(bytes.len() + 1)].to_vec())],
                2 => {
                    let sectors = bytes.chunks(512).enumerate();
                    let left = sectors.filter(|_| random.below(2) == 0);
                    left.map(|(number, sector)| (number * 512, sector.to_vec())).collect()
                }
                _ => vec![(0, bytes.to_vec())],
            },
            random,
        )
    }

    /// What was written in the end.
    pub(super) fn whole(&self) -> Image {
        self.image(self.history.len(), |bytes, _| vec![(0, bytes.to_vec())], &mut Random(0))
    }

    /// What was to be written: all that was ever given to the disk.
    pub(super) fn given(&self) -> Vec<u8> {
        let mut files = vec![Vec::new()];
        for step in &self.history {
            match step {
                Step::Begun(file, offset, bytes) => put(&mut files[*file], *offset as usize, bytes),
                Step::Next { there: true } => files.push(Vec::new()),
                _ => {}
            }
        }
        files.concat()
    }

    fn image(
        &self,
        steps: usize,
        mut survives: impl FnMut(&[u8], &mut Random) -> Vec<(usize, Vec<u8>)>,
        random: &mut Random,
    ) -> Image {
        let mut files = vec![Vec::new()];
        let mut last_has_two_names = false;
        let mut unsynced: Vec<(usize, usize, u64, Vec<u8>)> = Vec::new();
        for (number, step) in self.history[..steps].iter().enumerate() {
            match step {
                Step::Begun(file, offset, bytes) => {
                    unsynced.push((number, *file, *offset, bytes.clone()));
                }
                Step::Done(begun, count) => {
                    let write = unsynced.iter_mut().find(|write| write.0 == *begun);
                    write.expect("what is done has begun").3.truncate(*count);
                }
                Step::Synced(writes) => unsynced.retain(|(begun, file, offset, bytes)| {
                    let synced = writes.contains(begun);
                    if synced {
                        put(&mut files[*file], *offset as usize, bytes);
                    }
                    !synced
                }),
                Step::Next { there: true } => {
                    files.push(Vec::new());
                    last_has_two_names = false;
                }
                // Renamed or not, in either case one file; or the new one is there already.
                Step::Next { there: false } => match random.below(2) {
                    0 => last_has_two_names = true,
                    _ => last_has_two_names = false,
                },
            }
        }
        for (_, file, offset, bytes) in unsynced {
            for (at, piece) in survives(&bytes, random) {
                put(&mut files[file], offset as usize + at, &piece);
            }
        }
        Image { files, last_has_two_names }
    }
}

fn put(file: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    file.resize(file.len().max(at + bytes.len()), 0);
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

/// The disk as the writer sees it.
#[derive(Debug)]
pub(super) struct Simulated {
    disk: Arc<Mutex<Disk>>,
    buffers: Vec<Vec<u8>>,
    faults: Faults,
    random: Random,
    in_flight: Vec<Flight>,
    /// What has been done behind the writer's back, after it was told of it.
    late: Vec<(usize, usize)>,
    /// Writes whose completion the writer has seen, and which no sync has covered.
    seen: Vec<usize>,
    completed: Vec<Completion>,
    file: usize,
    writes: u64,
    syncs: u64,
}

#[derive(Debug)]
enum Flight {
    Write { begun: usize, len: usize },
    Sync { covers: Vec<usize> },
    Next,
}

impl Simulated {
    pub(super) fn new(
        disk: &Arc<Mutex<Disk>>,
        (buffers, bytes): (u16, usize),
        faults: Faults,
        seed: u64,
    ) -> Self {
        Self {
            disk: Arc::clone(disk),
            buffers: (0..buffers).map(|_| vec![0; bytes]).collect(),
            faults,
            random: Random(seed),
            in_flight: Vec::new(),
            late: Vec::new(),
            seen: Vec::new(),
            completed: Vec::new(),
            file: 0,
            writes: 0,
            syncs: 0,
        }
    }

    fn note(&self, step: Step) -> usize {
        let mut disk = self.disk.lock().expect("nobody panics with the lock");
        disk.history.push(step);
        disk.history.len() - 1
    }

    fn complete(&mut self, flight: Flight) {
        let completion = match flight {
            Flight::Write { begun, len } => Completion::Write(self.complete_write(begun, len)),
            Flight::Sync { covers } => Completion::Sync(self.complete_sync(covers)),
            Flight::Next => {
                self.note(Step::Next { there: true });
                self.file += 1;
                Completion::Next(Ok(()))
            }
        };
        self.completed.push(completion);
    }

    fn complete_write(&mut self, begun: usize, len: usize) -> io::Result<usize> {
        self.writes += 1;
        if let Some((at, code)) = self.faults.write_error
            && self.writes >= at
        {
            // A disk that fills up takes a part first, and says so by a short write.
            let part = if self.writes == at { self.random.below(len) } else { 0 };
            self.note(Step::Done(begun, part));
            self.seen.push(begun);
            return if part > 0 { Ok(part) } else { Err(io::Error::from_raw_os_error(code)) };
        }
        let passing = usize::from(self.faults.passing);
        let case = self.random.below(256);
        if case < 2 * passing {
            self.note(Step::Done(begun, 0));
            let code = if case < passing { libc::EINTR } else { libc::EAGAIN };
            return Err(io::Error::from_raw_os_error(code));
        }
        let count =
            if case < 3 * passing && len > 1 { 1 + self.random.below(len - 1) } else { len };
        if self.faults.reorders_writes {
            self.late.push((begun, count));
        } else {
            self.note(Step::Done(begun, count));
            self.seen.push(begun);
        }
        Ok(count)
    }

    fn complete_sync(&mut self, covers: Vec<usize>) -> io::Result<()> {
        self.syncs += 1;
        if let Some((at, code)) = self.faults.sync_error
            && self.syncs >= at
        {
            return Err(io::Error::from_raw_os_error(code));
        }
        if !self.faults.lies_about_syncs {
            self.note(Step::Synced(covers));
        }
        Ok(())
    }
}

impl Storage for Simulated {
    fn buffers(&self) -> (u16, usize) {
        (self.buffers.len() as u16, self.buffers[0].len())
    }

    fn fill(&mut self, buffer: u16, at: usize, bytes: &[u8]) {
        self.buffers[usize::from(buffer)][at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn start_write(&mut self, span: Span) {
        let bytes =
            self.buffers[usize::from(span.buffer)][span.from..span.from + span.len].to_vec();
        let begun = self.note(Step::Begun(self.file, span.offset, bytes));
        let others = |flight: &Flight| matches!(flight, Flight::Write { .. } | Flight::Next);
        assert!(!self.in_flight.iter().any(others), "a write has the way for itself");
        self.in_flight.push(Flight::Write { begun, len: span.len });
    }

    fn start_sync(&mut self) {
        let others = |flight: &Flight| matches!(flight, Flight::Sync { .. } | Flight::Next);
        assert!(!self.in_flight.iter().any(others), "a sync has the way for itself");
        let covers = std::mem::take(&mut self.seen);
        self.in_flight.push(Flight::Sync { covers });
    }

    fn start_next(&mut self) {
        assert!(self.in_flight.is_empty(), "nothing is in flight on the way to the next file");
        self.note(Step::Next { there: false });
        self.in_flight.push(Flight::Next);
    }

    fn drive(&mut self, wait: Option<Duration>) -> io::Result<()> {
        // Some of what is in flight, in any order; who waits gets one at least.
        let mut must = wait.is_some() && self.completed.is_empty();
        while !self.in_flight.is_empty() && (must || self.random.below(3) > 0) {
            let at = self.random.below(self.in_flight.len());
            let flight = self.in_flight.swap_remove(at);
            self.complete(flight);
            must = false;
        }
        while !self.late.is_empty() && self.random.below(4) == 0 {
            let at = self.random.below(self.late.len());
            let (begun, count) = self.late.swap_remove(at);
            self.note(Step::Done(begun, count));
            self.seen.push(begun);
        }
        Ok(())
    }

    fn completed(&mut self) -> Option<Completion> {
        (!self.completed.is_empty()).then(|| self.completed.remove(0))
    }

    fn settle(&mut self) {}

    fn take_word(&mut self) -> Option<String> {
        None
    }
}

/// Numbers from a seed (SplitMix64).
#[derive(Clone, Debug)]
pub(super) struct Random(pub u64);

impl Random {
    /// One of 0 to `end` - 1.
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((word ^ word >> 31) % end.max(1) as u64) as usize
    }
}
