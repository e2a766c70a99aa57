//! What a port, a host and the whole may cost. Everything hostile ends at one of these.

use std::time::Duration;

/// Connections of one port at once.
pub(super) const TALKS: usize = 4;
/// Bytes of one answer; what comes after is not waited for.
pub(super) const ANSWER_BYTES: usize = 8 << 10;
/// Bytes that one port may send in all its answers.
pub(super) const PORT_BYTES: usize = 64 << 10;
/// After this no further question is begun at a port.
pub(super) const PORT_TIME: Duration = Duration::from_secs(60);
/// How long a connection may take to stand: two repetitions of a lost SYN.
pub(super) const CONNECT: Duration = Duration::from_secs(5);
/// A silent conversation keeps the next one from beginning for so long.
pub(super) const PATIENCE: Duration = Duration::from_millis(750);
/// An answer is looked at so long after its first byte, then at growing intervals.
pub(super) const LOOK: Duration = Duration::from_millis(20);
/// An answer that tells a service without more may go on for so long before others are asked.
pub(super) const SETTLE: Duration = Duration::from_millis(100);
/// Where one conversation gives up in silence, the others get so long again: a server that
/// serves one at a time reads theirs only now.
pub(super) const TURN: Duration = Duration::from_secs(1);
/// A connection that is closed without a word this soon looks wrapped.
pub(super) const WRAPPED: Duration = Duration::from_secs(2);
/// Handshakes that are tried with a port that seems to speak TLS.
pub(super) const HANDSHAKES: u32 = 2;
/// What is still asked, inside TLS, of a server that serves one connection after the other.
pub(super) const ONE_BY_ONE: usize = 12;
/// Connections to one host at once.
pub(super) const HOST_CONNECTIONS: u32 = 100;
/// Ports of one host that said nothing to anything, after which the host is taken for a
/// tarpit: its other ports get the short list.
pub(super) const HOST_SILENT: u32 = 32;
/// The short list: what the server says unasked, what the port is known for and this many more.
pub(super) const SHORT: usize = 2;
/// Hosts that are remembered for that.
pub(super) const HOSTS: usize = 1 << 16;

pub(super) const fn ns(duration: Duration) -> u64 {
    duration.as_nanos() as u64
}
