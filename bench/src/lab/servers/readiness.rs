//! Whether a server answers: a connection is taken, a datagram gets a reply.

use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use super::endpoint::{Endpoint, Transport};

/// How long an answer may take; who asks, asks again.
const PATIENCE: Duration = Duration::from_millis(200);

/// Whether `endpoint`, which is at `at`, answers now.
pub(super) fn answers(endpoint: &Endpoint, at: SocketAddr) -> bool {
    match endpoint.transport {
        Transport::Tcp => TcpStream::connect_timeout(&at, PATIENCE).is_ok(),
        Transport::Udp => replies(endpoint.question, at).unwrap_or(false),
    }
}

fn replies(question: &[u8], at: SocketAddr) -> std::io::Result<bool> {
    let any: IpAddr = if at.is_ipv4() { [0; 4].into() } else { [0_u16; 8].into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.send_to(question, at)?;
    // Not connected: some answer from another port.
    let (_, from) = socket.recv_from(&mut [0; 2048])?;
    Ok(from.ip() == at.ip())
}
