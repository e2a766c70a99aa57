//! What the prober needs of connections, whichever way they are driven: [`ring`](super::ring)
//! is one, and [`polled`](super::polled) where the kernel refuses that.
//!
//! A connection has at most one thing going on, and that has a time limit: an outcome
//! follows every call of `open…`, `say` and `hear`, unless `close` comes first.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// Bytes that are told at once at most.
pub(super) const CHUNK: usize = 4096;

/// A connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct SlotId(pub u32);

/// What became of what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The connection stands.
    Opened,
    /// Bytes came: a chunk and how many.
    Heard(u16, usize),
    /// The other side has said all that it will say.
    Closed,
    /// The time is over.
    Expired,
    /// The system says no.
    Failed(i32),
}

/// Many connections at once.
pub(super) trait Connections: Send {
    /// Connections that can be opened now.
    fn free(&self) -> usize;

    /// Connects `socket`; [`Outcome::Opened`] or why not follows. `None`: no slot is free.
    fn open(&mut self, socket: OwnedFd, to: SocketAddr, limit: Duration) -> Option<SlotId>;

    /// Takes a UDP socket that stays unconnected: questions go to `to`, and all that it takes
    /// is heard. [`Outcome::Opened`] follows.
    fn open_unconnected(&mut self, socket: OwnedFd, to: SocketAddr) -> Option<SlotId>;

    /// Sends `bytes`, then waits for something to come; each may take until the limit.
    fn say(&mut self, id: SlotId, bytes: &[u8], limit: Duration);

    /// Waits for something to come.
    fn hear(&mut self, id: SlotId, limit: Duration);

    /// Ends a connection, whatever is going on there; nothing more is told of it but what
    /// was told in the same turn, and its slot is not given away in that turn.
    fn close(&mut self, id: SlotId);

    /// Waits until something has happened, at most so long, and appends it to `told`.
    ///
    /// # Errors
    /// When nothing can be driven this way any more.
    fn wait(&mut self, at_most: Duration, told: &mut Vec<(SlotId, Outcome)>) -> io::Result<()>;

    /// The bytes of a chunk, until it is given back.
    fn chunk(&self, chunk: u16, len: usize) -> &[u8];

    /// Lets go of a chunk; each is given back before the next [`Connections::wait`].
    fn give_back(&mut self, chunk: u16);
}
