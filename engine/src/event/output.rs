//! A way out of bytes: buffered, and quiet once its reader has gone. It never fails
//! towards who writes; the first error is kept.
//!
//! Where the reader may be slow (a pipe, a disk) a thread does the writing, and who writes
//! never waits for it: it asks [`Output::has_room`] before it has more, and keeps back what
//! is left until then. Memory is bounded by that.

use std::fmt;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crate::scan::Control;

/// It is written when so much has come together, or at a pause.
const OUTPUT_BYTES: usize = 64 << 10;
/// No line is longer, but for odd ones.
const LINE_BYTES: usize = 1 << 10;
/// Buffers that may be on their way to the thread at once.
const BUFFERS: usize = 16;

/// Standard output or a file.
pub(super) struct Output {
    way: Way,
    buffer: Vec<u8>,
}

enum Way {
    /// On the caller's own thread: what goes to the same terminal as other words.
    Here(Box<dyn Write + Send>, State),
    /// Behind its back.
    Thread(Handoff),
}

enum State {
    Open,
    Closed,
    Failed(io::Error),
}

impl State {
    fn write(&mut self, to: &mut (dyn Write + Send), bytes: &[u8]) {
        if !matches!(self, Self::Open) {
            return;
        }
        match to.write_all(bytes).and_then(|()| to.flush()) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => *self = Self::Closed,
            Err(error) => *self = Self::Failed(error),
        }
    }
}

struct Handoff {
    to_thread: Sender<Vec<u8>>,
    from_thread: Receiver<Vec<u8>>,
    free: Vec<Vec<u8>>,
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
    /// A scan that is told to stop at once does not wait for a reader.
    control: Option<Arc<Control>>,
}

struct Shared {
    /// Not open any more.
    over: AtomicBool,
    state: Mutex<State>,
}

impl Handoff {
    fn reclaim(&mut self) {
        self.free.extend(self.from_thread.try_iter());
    }

    fn state<T>(&self, look: impl FnOnce(&State) -> T) -> Option<T> {
        // The lock is held while bytes are written: it is asked for only when that is over.
        self.shared
            .over
            .load(Ordering::Acquire)
            .then(|| look(&self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Output {
    /// Writes on the caller's thread.
    pub(super) fn new(to: Box<dyn Write + Send>) -> Self {
        Self { way: Way::Here(to, State::Open), buffer: empty() }
    }

    /// Writes on a thread of its own. Where there is none to be had, on the caller's.
    pub(super) fn behind(to: Box<dyn Write + Send>, control: Option<Arc<Control>>) -> Self {
        let (to_thread, buffers) = channel::<Vec<u8>>();
        let (give_back, from_thread) = channel();
        let shared =
            Arc::new(Shared { over: AtomicBool::new(false), state: Mutex::new(State::Open) });
        let theirs = Arc::clone(&shared);
        // The writer is handed over last, so that it is still there where no thread is.
        let (hand, take) = channel();
        let thread = Builder::new().name("results".into()).spawn(move || {
            let Ok(mut to): Result<Box<dyn Write + Send>, _> = take.recv() else { return };
            for mut buffer in buffers {
                let mut state = theirs.state.lock().unwrap_or_else(PoisonError::into_inner);
                state.write(&mut *to, &buffer);
                if !matches!(*state, State::Open) {
                    theirs.over.store(true, Ordering::Release);
                }
                drop(state);
                buffer.clear();
                let _ = give_back.send(buffer);
            }
        });
        let Ok(thread) = thread else { return Self::new(to) };
        let _ = hand.send(to);
        let free = (1..BUFFERS).map(|_| empty()).collect();
        let way = Way::Thread(Handoff { to_thread, from_thread, free, shared, thread, control });
        Self { way, buffer: empty() }
    }

    /// Whether more may come: what has come has been written, or is on its way.
    pub(super) fn has_room(&mut self) -> bool {
        if let Way::Thread(handoff) = &mut self.way
            && self.buffer.len() >= OUTPUT_BYTES
        {
            handoff.reclaim();
            if handoff.free.is_empty() {
                return false;
            }
            self.flush();
        }
        true
    }

    /// Takes what `write` appends.
    pub(super) fn write_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.buffer);
        if self.buffer.len() >= OUTPUT_BYTES {
            self.flush();
        }
    }

    /// Takes a text, and empties it.
    pub(super) fn take(&mut self, text: &mut String) {
        self.write_with(|buffer| buffer.extend_from_slice(text.as_bytes()));
        text.clear();
    }

    /// Whether something waits to be written.
    pub(super) fn has_some(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Whether its reader has gone.
    pub(super) fn is_closed(&self) -> bool {
        let is_closed = |state: &State| matches!(state, State::Closed);
        match &self.way {
            Way::Here(_, state) => is_closed(state),
            Way::Thread(handoff) => handoff.state(is_closed).unwrap_or(false),
        }
    }

    /// The first error, but for a closed pipe.
    pub(super) fn error(&self) -> Option<String> {
        let error = |state: &State| match state {
            State::Failed(error) => Some(error.to_string()),
            State::Open | State::Closed => None,
        };
        match &self.way {
            Way::Here(_, state) => error(state),
            Way::Thread(handoff) => handoff.state(error).flatten(),
        }
    }

    /// Writes the rest, and waits for it; the first error, but for a closed pipe. Where the
    /// scan is told to stop at once, what its reader has not taken by then is one.
    pub(super) fn into_error(mut self) -> Option<io::Error> {
        let state = match self.way {
            Way::Here(..) => {
                self.flush();
                let Way::Here(_, state) = self.way else { return None };
                state
            }
            Way::Thread(handoff) => {
                let Handoff { to_thread, shared, thread, control, .. } = handoff;
                let _ = to_thread.send(self.buffer);
                drop(to_thread);
                while !thread.is_finished() {
                    if control.as_ref().is_some_and(|control| control.level() >= 2) {
                        // A last moment, for a reader that is only slow.
                        std::thread::sleep(LAST_MOMENT);
                        if thread.is_finished() {
                            break;
                        }
                        return Some(stopped());
                    }
                    std::thread::sleep(Duration::from_millis(1));
                }
                let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
                std::mem::replace(&mut *state, State::Closed)
            }
        };
        match state {
            State::Failed(error) => Some(error),
            State::Open | State::Closed => None,
        }
    }

    /// Gives away what has come together; never waits for a thread.
    pub(super) fn flush(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        match &mut self.way {
            Way::Here(to, state) => {
                state.write(&mut **to, &self.buffer);
                self.buffer.clear();
            }
            Way::Thread(handoff) => {
                if handoff.free.len() <= BUFFERS / 2 {
                    handoff.reclaim();
                    // A reader that lags gets whole buffers, or their number would be used up
                    // by small ones.
                    if handoff.free.len() <= BUFFERS / 2 && self.buffer.len() < OUTPUT_BYTES {
                        return;
                    }
                }
                if let Some(free) = handoff.free.pop() {
                    let _ = handoff.to_thread.send(std::mem::replace(&mut self.buffer, free));
                }
            }
        }
    }
}

/// For what is written in one go at the end: who writes waits for the reader, but for a scan
/// that is told to stop at once.
impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        while !self.has_room() {
            if let Way::Thread(Handoff { control: Some(control), .. }) = &self.way
                && control.level() >= 2
            {
                return Err(stopped());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        if self.is_closed() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if let Some(error) = self.error() {
            return Err(io::Error::other(error));
        }
        self.write_with(|buffer| buffer.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Self::flush(self);
        Ok(())
    }
}

fn stopped() -> io::Error {
    io::Error::other("it was stopped before its reader had taken everything")
}

/// For a reader when everything ends at once.
const LAST_MOMENT: Duration = Duration::from_millis(200);

fn empty() -> Vec<u8> {
    Vec::with_capacity(OUTPUT_BYTES + LINE_BYTES)
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").field("waiting", &self.buffer.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Takes nothing until its gate is opened.
    struct Gated(Receiver<()>, Arc<Mutex<Vec<u8>>>);

    impl Write for Gated {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            self.1.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_takes_nothing_holds_nobody_up_and_nothing_is_lost_or_without_bound() {
        let (gate, wait) = channel();
        let written = Arc::new(Mutex::new(Vec::new()));
        let mut output = Output::behind(Box::new(Gated(wait, Arc::clone(&written))), None);
        let mut expected = Vec::new();
        let mut lines = 0;
        while output.has_room() {
            let line = format!("{lines} {}\n", "x".repeat(lines % 200));
            output.write_with(|buffer| buffer.extend_from_slice(line.as_bytes()));
            expected.extend_from_slice(line.as_bytes());
            lines += 1;
            if lines % 100 == 0 {
                output.flush();
            }
        }
        let most = (BUFFERS + 1) * (OUTPUT_BYTES + LINE_BYTES);
        assert!(expected.len() > OUTPUT_BYTES && expected.len() < most, "{}", expected.len());
        assert!(written.lock().unwrap().is_empty());
        // Its reader goes on: there is room again, and all comes out in order.
        drop(gate);
        while !output.has_room() {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(output.into_error().is_none());
        assert!(*written.lock().unwrap() == expected);
    }

    #[test]
    fn who_is_told_to_stop_at_once_does_not_wait_for_a_reader_and_says_so() {
        let (gate, wait) = channel();
        let control = Arc::new(Control::default());
        let to = Box::new(Gated(wait, Arc::default()));
        let mut output = Output::behind(to, Some(Arc::clone(&control)));
        output.write_with(|buffer| buffer.push(b'x'));
        control.stop();
        control.stop();
        let error = output.into_error().unwrap();
        assert!(error.to_string().contains("before its reader"), "{error}");
        drop(gate);
    }
}
