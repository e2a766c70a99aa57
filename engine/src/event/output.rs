//! A way out of bytes: buffered, and quiet once its reader has gone. It never fails
//! towards who writes; the first error is kept.

use std::fmt;
use std::io::{self, Write};

/// It is written when so much has come together, or at a pause.
const OUTPUT_BYTES: usize = 64 << 10;
/// No line is longer, but for odd ones.
const LINE_BYTES: usize = 1 << 10;

/// Standard output or a file.
pub(super) struct Output {
    to: Box<dyn Write + Send>,
    buffer: Vec<u8>,
    state: State,
}

enum State {
    Open,
    Closed,
    Failed(io::Error),
}

impl Output {
    pub(super) fn new(to: Box<dyn Write + Send>) -> Self {
        Self { to, buffer: Vec::with_capacity(OUTPUT_BYTES + LINE_BYTES), state: State::Open }
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
        matches!(self.state, State::Closed)
    }

    /// The first error, but for a closed pipe.
    pub(super) fn error(&self) -> Option<&io::Error> {
        match &self.state {
            State::Failed(error) => Some(error),
            State::Open | State::Closed => None,
        }
    }

    /// The same at the end.
    pub(super) fn into_error(self) -> Option<io::Error> {
        match self.state {
            State::Failed(error) => Some(error),
            State::Open | State::Closed => None,
        }
    }

    pub(super) fn flush(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        if matches!(self.state, State::Open) {
            let written = self.to.write_all(&self.buffer).and_then(|()| self.to.flush());
            match written {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                    self.state = State::Closed;
                }
                Err(error) => self.state = State::Failed(error),
            }
        }
        self.buffer.clear();
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").field("waiting", &self.buffer.len()).finish_non_exhaustive()
    }
}
