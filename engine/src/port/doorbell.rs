//! A packet socket that asks for MAC addresses: ARP requests and neighbour
//! solicitations go out, replies and advertisements come in.
//!
//! The steering program of AF_XDP passes both on to the kernel, where this socket
//! hears them beside it. It is no [`Port`](super::Port): what it sends is asked once a
//! neighbour, not once a probe, so that one system call each is no matter.

use std::io::{self, Read};
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::set_socket_recv_buffer_size_force;
use socket2::{Domain, SockFilter, Socket, Type};

use super::packet::{open_error, send_error};
use super::socket::{bind_packet, set_option, take_packet_statistics};
use crate::error::Result;
use crate::wire::{arp, ndp};

/// Bytes of answers that wait for us.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;
const BROADCAST: [u8; 6] = [0xff; 6];
const ETHERTYPE_IPV6: u16 = 0x86dd;
const ETHERTYPE_VLAN: u16 = 0x8100;
/// Ethernet with a VLAN tag, and the longer of both questions.
const FRAME_BYTES: usize = 18 + ndp::LEN;

/// Who asks, and where.
#[derive(Clone, Debug)]
pub struct Asker {
    /// Name of the interface, for messages.
    pub interface: String,
    /// Its index.
    pub ifindex: u32,
    /// Its MAC address.
    pub mac: [u8; 6],
    /// Tag of the frames.
    pub vlan: Option<u16>,
}

/// An answer: this address has this MAC address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The neighbour.
    pub addr: IpAddr,
    /// Its MAC address.
    pub mac: [u8; 6],
}

/// The socket.
pub struct Doorbell {
    asker: Asker,
    socket: Socket,
    heard: u64,
    drops: u64,
}

impl Doorbell {
    /// Opens the socket.
    ///
    /// # Errors
    /// `Denied` without CAP_NET_RAW, else `Failed`.
    pub fn open(asker: Asker) -> Result<Self> {
        let open = || -> io::Result<Socket> {
            // Protocol 0 until filter and options are set: nothing foreign gets in.
            let socket = Socket::new(Domain::PACKET, Type::RAW.nonblocking().cloexec(), None)?;
            socket.attach_filter(&answers())?;
            set_option(socket.as_fd(), libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, 1)?;
            set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER_BYTES)?;
            bind_packet(socket.as_fd(), asker.ifindex, libc::ETH_P_ALL as u16)?;
            Ok(socket)
        };
        let socket = open().map_err(|error| open_error("ARP and ND", &asker.interface, error))?;
        Ok(Self { asker, socket, heard: 0, drops: 0 })
    }

    /// Asks for the MAC address of `target` on behalf of `source`, which is of the same
    /// family. False when there is no room at the moment.
    ///
    /// # Errors
    /// When sending has become impossible.
    pub fn ask(&self, source: IpAddr, target: IpAddr) -> Result<bool> {
        let mut frame = [0; FRAME_BYTES];
        let len = self.question(source, target, &mut frame);
        match self.socket.send(&frame[..len]) {
            Ok(_) => Ok(true),
            Err(error) => match error.raw_os_error() {
                Some(libc::ENETDOWN | libc::ENODEV | libc::ENXIO | libc::EBADF) => {
                    Err(send_error(&self.asker.interface, error))
                }
                _ => Ok(false),
            },
        }
    }

    /// Writes the frame and returns its length.
    fn question(&self, source: IpAddr, target: IpAddr, frame: &mut [u8; FRAME_BYTES]) -> usize {
        let mac = self.asker.mac;
        let mut len = 12;
        frame[6..12].copy_from_slice(&mac);
        let mut put = |bytes: &[u8]| {
            frame[len..len + bytes.len()].copy_from_slice(bytes);
            len += bytes.len();
        };
        if let Some(id) = self.asker.vlan {
            put(&ETHERTYPE_VLAN.to_be_bytes());
            put(&(id & 0x0fff).to_be_bytes());
        }
        let to = match (source, target) {
            (IpAddr::V4(source), IpAddr::V4(target)) => {
                put(&arp::ETHERTYPE.to_be_bytes());
                put(&arp::request(mac, source, target));
                BROADCAST
            }
            (IpAddr::V6(source), IpAddr::V6(target)) => {
                put(&ETHERTYPE_IPV6.to_be_bytes());
                put(&ndp::solicitation(mac, source, target));
                ndp::multicast_mac(ndp::solicited_node(target))
            }
            _ => return 0,
        };
        frame[..6].copy_from_slice(&to);
        len
    }

    /// Hands up to `budget` answers to `sink`; what passed the filter and is none is
    /// `None`. Returns how many.
    pub fn receive(&mut self, budget: usize, sink: &mut dyn FnMut(Option<Answer>)) -> usize {
        let mut frame = [0; 256];
        let mut received = 0;
        while received < budget
            && let Ok(len) = self.socket.read(&mut frame)
        {
            received += 1;
            sink(read(&frame[..len]));
        }
        received
    }

    /// Sleeps until something was received or `timeout` has passed.
    pub fn wait(&self, timeout: Duration) {
        let timeout = Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(timeout.subsec_nanos()),
        };
        // A signal ends the wait early, which does no harm.
        let _ = poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&timeout));
    }

    /// (frames that passed the filter, of these dropped because the buffer was full).
    pub fn statistics(&mut self) -> (u64, u64) {
        if let Ok(stats) = take_packet_statistics(self.socket.as_fd()) {
            self.heard += u64::from(stats.tp_packets);
            self.drops += u64::from(stats.tp_drops);
        }
        (self.heard, self.drops)
    }
}

/// The answer in an Ethernet frame. (The kernel has taken a VLAN tag off already.)
#[must_use]
pub fn read(frame: &[u8]) -> Option<Answer> {
    let (header, packet) = frame.split_first_chunk::<14>()?;
    match u16::from_be_bytes([header[12], header[13]]) {
        arp::ETHERTYPE => {
            let arp = arp::Arp::new(packet)?;
            (arp.operation() == arp::Operation::Reply)
                .then(|| Answer { addr: arp.sender().into(), mac: arp.sender_mac() })
        }
        ETHERTYPE_IPV6 => {
            let advertisement = ndp::Advertisement::new(packet)?;
            let from = header[6..12].first_chunk().copied();
            let mac = advertisement.target_mac().or(from)?;
            Some(Answer { addr: advertisement.target().into(), mac })
        }
        _ => None,
    }
    // A group's or no address at all is nobody's.
    .filter(|answer| answer.mac[0] & 1 == 0 && answer.mac != [0; 6])
}

/// ARP replies and neighbour advertisements.
fn answers() -> [SockFilter; 11] {
    const LD_HALF: u16 = 0x28;
    const LD_BYTE: u16 = 0x30;
    const JUMP_EQUAL: u16 = 0x15;
    const RET: u16 = 0x06;
    let test = |k, yes, no| SockFilter::new(JUMP_EQUAL, yes, no, k);
    let load = |code, at| SockFilter::new(code, 0, 0, at);
    [
        load(LD_HALF, 12),
        test(arp::ETHERTYPE.into(), 0, 2),
        load(LD_HALF, 20), // ARP: the operation
        test(2, 5, 6),
        test(ETHERTYPE_IPV6.into(), 0, 5),
        load(LD_BYTE, 20), // the protocol behind the IPv6 header
        test(58, 0, 3),
        load(LD_BYTE, 54), // ICMPv6: the type
        test(136, 0, 1),
        load(RET, 0x4_0000),
        load(RET, 0),
    ]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_replies_from_somebody_are_answers() {
        let mut frame = vec![0; 14];
        frame[12..].copy_from_slice(&arp::ETHERTYPE.to_be_bytes());
        let mut reply =
            arp::request([2, 0, 0, 0, 0, 9], [10, 0, 0, 9].into(), [10, 0, 0, 1].into());
        frame.extend(reply);
        assert_eq!(read(&frame), None, "a request");
        reply[7] = 2;
        frame[14..].copy_from_slice(&reply);
        let mac = [2, 0, 0, 0, 0, 9];
        assert_eq!(read(&frame), Some(Answer { addr: [10, 0, 0, 9].into(), mac }));
        for mac in [[0; 6], [0xff; 6], [1, 0, 0x5e, 0, 0, 1]] {
            frame[22..28].copy_from_slice(&mac);
            assert_eq!(read(&frame), None, "{mac:?}");
        }
        assert_eq!(read(&frame[..41]), None);
    }
}
