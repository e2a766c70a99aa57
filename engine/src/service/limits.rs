//! What a port, a host and the whole may cost. Everything hostile ends at one of these.

use std::time::Duration;

/// Connections of one port at once: usually, and where it is seen to serve several. A question
/// that is hung up on at once and without a word while there are more than usual is put once
/// more among no more than usual: the server may take no more.
pub(super) const CROWD: usize = 4;
pub(super) const TALKS: usize = 8;
/// Bytes of one answer; what comes after is not waited for.
pub(super) const ANSWER_BYTES: usize = 8 << 10;
/// Bytes that one port may send in all its answers.
pub(super) const PORT_BYTES: usize = 64 << 10;
/// After this no further question is begun at a port.
pub(super) const PORT_TIME: Duration = Duration::from_secs(60);
/// How long a connection may take to stand: two repetitions of a lost SYN.
pub(super) const CONNECT: Duration = Duration::from_secs(5);
/// A silent conversation keeps the next one from beginning for so long: where the server is
/// to speak first, and where a handshake goes on.
pub(super) const PATIENCE: Duration = Duration::from_millis(750);
/// The same of one that was asked something: so many times what the quickest connection to
/// the port took to stand, but no less than this, and no more than [`PATIENCE`].
pub(super) const PATIENCE_ROUND_TRIPS: u64 = 16;
pub(super) const PATIENCE_ASKED: Duration = Duration::from_millis(250);
/// An answer is looked at so long after its first byte, then at growing intervals.
pub(super) const LOOK: Duration = Duration::from_millis(20);
/// An answer that tells a service without more may go on for so long before others are asked.
pub(super) const SETTLE: Duration = Duration::from_millis(100);
/// Where one conversation gives up in silence, the next in line gets so long again: a server
/// that serves few at a time reads it only now.
pub(super) const TURN: Duration = Duration::from_secs(1);
/// What happens so soon after one has given up happens because of that.
pub(super) const TURN_BEGINS: Duration = Duration::from_millis(50);
/// So many of these show that a server serves one conversation after the other.
pub(super) const IN_TURN: u32 = 2;
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
