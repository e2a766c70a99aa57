//! The log's disk where io_uring is refused: one thread with ordinary writes.
//!
//! Buffers go round: the caller fills one, the thread writes it and gives it back. What it
//! does not do as well as io_uring: it costs a thread and its wake-ups, and a sync holds
//! up the writes behind it.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Builder;
use std::time::Duration;

use super::rotation::Keeper;
use super::storage::{Completion, Span, Storage};
use super::{BUFFER_BYTES, BUFFERS};

/// Writes through a thread.
#[derive(Debug)]
pub(super) struct Threaded {
    file: Arc<File>,
    /// What has no positions, such as a terminal, is written at its end.
    has_positions: bool,
    /// Away while one is being written.
    buffers: Vec<Option<Box<[u8]>>>,
    to_thread: Sender<Task>,
    from_thread: Receiver<Done>,
    /// What was taken off the channel while waiting.
    done: Option<Done>,
    keeper: Keeper,
    next: Option<io::Result<()>>,
}

#[derive(Debug)]
enum Task {
    Write(Arc<File>, bool, Box<[u8]>, Span),
    Sync(Arc<File>),
}

#[derive(Debug)]
enum Done {
    Write(Box<[u8]>, u16, io::Result<usize>),
    Sync(io::Result<()>),
}

impl Threaded {
    /// Starts the thread. `keeper` steps to the next file.
    ///
    /// # Errors
    /// When there are no more threads to be had.
    pub(super) fn new(file: File, keeper: Keeper) -> io::Result<Self> {
        let (to_thread, tasks) = channel();
        let (give_back, from_thread) = channel();
        // It ends when the other end of the channel has gone.
        Builder::new().name("event-log".into()).spawn(move || work(&tasks, &give_back))?;
        let has_positions = file.metadata()?.is_file();
        let buffers = (0..BUFFERS).map(|_| Some(vec![0; BUFFER_BYTES].into())).collect();
        let file = Arc::new(file);
        let (done, next) = (None, None);
        Ok(Self { file, has_positions, buffers, to_thread, from_thread, done, keeper, next })
    }

    fn start(&self, task: Task) {
        // The thread lives as long as this sender.
        let _ = self.to_thread.send(task);
    }
}

fn work(tasks: &Receiver<Task>, give_back: &Sender<Done>) {
    while let Ok(task) = tasks.recv() {
        let done = match task {
            Task::Write(file, has_positions, buffer, span) => {
                let bytes = &buffer[span.from..span.from + span.len];
                let result = match has_positions {
                    true => file.write_at(bytes, span.offset),
                    false => (&*file).write(bytes),
                };
                Done::Write(buffer, span.buffer, result)
            }
            Task::Sync(file) => Done::Sync(file.sync_data()),
        };
        if give_back.send(done).is_err() {
            return;
        }
    }
}

impl Storage for Threaded {
    fn buffers(&self) -> (u16, usize) {
        (BUFFERS, BUFFER_BYTES)
    }

    fn fill(&mut self, buffer: u16, at: usize, bytes: &[u8]) {
        let buffer = self.buffers[usize::from(buffer)].as_mut();
        let buffer = buffer.expect("a buffer that is being written is not filled");
        buffer[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn start_write(&mut self, span: Span) {
        let buffer = self.buffers[usize::from(span.buffer)].take();
        let buffer = buffer.expect("a buffer is written once at a time");
        self.start(Task::Write(Arc::clone(&self.file), self.has_positions, buffer, span));
    }

    fn start_sync(&mut self) {
        self.start(Task::Sync(Arc::clone(&self.file)));
    }

    fn start_next(&mut self) {
        self.keeper.start_next();
    }

    fn drive(&mut self, wait: Option<Duration>) -> io::Result<()> {
        if self.keeper.is_stepping() {
            if let Some(file) = self.keeper.next_file(wait) {
                self.next = Some(file.map(|file| self.file = Arc::new(file)));
            }
        } else if let Some(wait) = wait
            && self.done.is_none()
        {
            self.done = self.from_thread.recv_timeout(wait).ok();
        }
        Ok(())
    }

    fn completed(&mut self) -> Option<Completion> {
        if let Some(result) = self.next.take() {
            return Some(Completion::Next(result));
        }
        let done = match self.done.take() {
            Some(done) => done,
            None => self.from_thread.try_recv().ok()?,
        };
        Some(match done {
            Done::Write(buffer, number, result) => {
                self.buffers[usize::from(number)] = Some(buffer);
                Completion::Write(result)
            }
            Done::Sync(result) => Completion::Sync(result),
        })
    }

    fn settle(&mut self) {
        self.keeper.settle();
    }

    fn take_word(&mut self) -> Option<String> {
        self.keeper.take_word()
    }
}
