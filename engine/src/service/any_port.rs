//! Answers from another port than the one that was asked: TFTP begins each transfer at a
//! port of its own (RFC 1350, section 4), some devices answer a search for UPnP so.
//!
//! A connected socket never hears them, so such a socket stays unconnected. What it hears
//! then is for the kernel to judge, by a filter that is on it before it has a port: datagrams
//! from the target's address, to the port that the kernel chose for this question, and
//! nothing else. That is all but as much as a connected socket asks for; who forges the
//! target's address must guess our port there as here, 15 bits.

use std::io;
use std::net::IpAddr;

use socket2::{SockFilter, Socket};

/// Where the IP header begins for a filter of a UDP socket (`SKF_NET_OFF`, linux/filter.h).
const NETWORK_HEADER: u32 = -0x10_0000_i32 as u32;
/// Where the source address lies in it: RFC 791, section 3.1; RFC 8200, section 3.
const SOURCE_V4: u32 = NETWORK_HEADER + 12;
const SOURCE_V6: u32 = NETWORK_HEADER + 8;

/// Has a UDP socket of `addr`'s family, which has no port yet, hear that address alone.
///
/// # Errors
/// When the kernel refuses the filter.
pub(super) fn hear_only(socket: &Socket, addr: IpAddr) -> io::Result<()> {
    match addr {
        IpAddr::V4(addr) => socket.attach_filter(&from(SOURCE_V4, &[addr.to_bits()])),
        IpAddr::V6(addr) => {
            let words = [96, 64, 32, 0].map(|shift| (addr.to_bits() >> shift) as u32);
            socket.attach_filter(&from(SOURCE_V6, &words))
        }
    }
}

/// Takes packets that have `words` from offset `at` on.
fn from(at: u32, words: &[u32]) -> Vec<SockFilter> {
    const LOAD_WORD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let mut filter = Vec::with_capacity(2 * words.len() + 2);
    for (place, &word) in words.iter().enumerate() {
        let to_the_end = 2 * (words.len() - place) as u8 - 1;
        filter.push(SockFilter::new(LOAD_WORD, 0, 0, at + 4 * place as u32));
        filter.push(SockFilter::new(IF_EQUAL, 0, to_the_end, word));
    }
    filter.push(SockFilter::new(RETURN, 0, 0, u32::MAX));
    filter.push(SockFilter::new(RETURN, 0, 0, 0));
    filter
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::{SocketAddr, UdpSocket};

    use socket2::{Domain, Type};

    use super::*;

    /// What a socket that hears `only` takes of two datagrams, from `first` and `second`.
    fn taken(only: &str, first: &str, second: &str) -> Vec<u8> {
        let only: IpAddr = only.parse().unwrap();
        let domain = if only.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
        let socket = Socket::new(domain, Type::DGRAM, None).unwrap();
        hear_only(&socket, only).unwrap();
        let here: IpAddr =
            if only.is_ipv4() { [127, 0, 0, 1].into() } else { first.parse().unwrap() };
        socket.bind(&SocketAddr::new(here, 0).into()).unwrap();
        let socket = UdpSocket::from(socket);
        socket.set_nonblocking(true).unwrap();
        for (word, from) in [(b"1", first), (b"2", second)] {
            let from = UdpSocket::bind((from.parse::<IpAddr>().unwrap(), 0)).unwrap();
            from.send_to(word, socket.local_addr().unwrap()).unwrap();
        }
        // Over loopback a datagram is there when it has been sent.
        let mut bytes = [0; 2];
        std::iter::from_fn(|| socket.recv(&mut bytes).ok().map(|_| bytes[0])).collect()
    }

    #[test]
    fn datagrams_from_the_address_are_taken_and_no_others() {
        assert_eq!(taken("127.0.0.9", "127.0.0.9", "127.0.0.8"), b"1");
        assert_eq!(taken("127.0.0.9", "127.0.1.9", "127.0.0.9"), b"2");
        assert_eq!(taken("::1", "::1", "::1"), b"12");
        // One word of four is another.
        for other in ["1::1", "0:0:1::1", "0:0:0:0:1::1", "::2"] {
            assert_eq!(taken(other, "::1", "::1"), b"", "{other}");
        }
    }
}
