//! The receiving half of the fallback ports: a packet socket on one interface
//! that hears only what [`ReplyFilter`] lets through, read by `recvmmsg` into
//! buffers allocated once.
//!
//! The socket is created with protocol 0, so that it hears nothing until filter
//! and options are set and it is bound: not one foreign packet gets in. The kernel
//! takes the outer VLAN tag off a received frame before packet sockets see it, so
//! a tagged reply reads like an untagged one; which tag it had decides nothing,
//! the cookie does.
//!
//! Receive times are taken by the kernel when the packet enters its stack
//! (`SO_TIMESTAMPNS`, CLOCK_REALTIME) and moved to CLOCK_MONOTONIC by the
//! difference of the two clocks, measured once a batch.

#![expect(unsafe_code, reason = "message headers of recvmmsg point into buffers")]

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::set_socket_recv_buffer_size_force;
use rustix::time::{ClockId, clock_gettime};
use socket2::{Domain, Socket, Type};

use super::filter::{self, ReplyFilter, Start};
use super::socket::{bind_packet, set_option, take_packet_statistics};

/// Packets read by one system call.
const RECEIVE_BATCH: usize = 64;
/// Bytes kept of a packet; replies are far shorter.
const PACKET_BYTES: usize = 2048;
/// Room for one `SCM_TIMESTAMPNS`: a 16-byte header and a 16-byte timespec.
const CONTROL_BYTES: usize = 64;
const CONTROL_HEADER_BYTES: usize = 16;
/// The first socket on a host that asks for receive times makes the kernel patch
/// its receive path, a little later, in a work queue (`net_enable_timestamp` in
/// `net/core/dev.c`). Packets before that carry the time of reading instead.
const STAMPING_STARTS: Duration = Duration::from_millis(20);
const _: () = assert!(size_of::<libc::cmsghdr>() == CONTROL_HEADER_BYTES);
const _: () = assert!(size_of::<libc::timespec>() == 16);

/// Control data as the kernel aligns it.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; CONTROL_BYTES]);

/// A packet socket and the batch last read from it.
pub(super) struct Tap {
    socket: Socket,
    packets: Box<[[u8; PACKET_BYTES]]>,
    controls: Box<[Control]>,
    /// Reached by the kernel through `messages`; held to keep it alive.
    _parts: Box<[libc::iovec]>,
    messages: Box<[libc::mmsghdr]>,
    steered: u64,
    drops: u64,
}

// SAFETY: the pointers in `_parts` and `messages` lead into boxes that the same
// value owns and that never move or shrink; nothing else holds them.
unsafe impl Send for Tap {}

impl Tap {
    /// Opens the socket on interface `ifindex`. Frames begin at `start`; up to
    /// `buffer_bytes` of packets (in the kernel's way of counting, about twice
    /// to ten times their length) wait for us.
    pub(super) fn open(
        ifindex: u32,
        start: Start,
        filter: &ReplyFilter,
        buffer_bytes: usize,
    ) -> io::Result<Self> {
        let kind = match start {
            Start::Ethernet => Type::RAW,
            Start::Ip => Type::DGRAM,
        };
        let socket = Socket::new(Domain::PACKET, kind.nonblocking().cloexec(), None)?;
        socket.attach_filter(&filter.program(start))?;
        set_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 1)?;
        // Without it, our own probes would come back.
        set_option(socket.as_fd(), libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, 1)?;
        set_socket_recv_buffer_size_force(&socket, buffer_bytes)?;
        bind_packet(socket.as_fd(), ifindex, libc::ETH_P_ALL as u16)?;
        std::thread::sleep(STAMPING_STARTS);

        let mut packets = vec![[0; PACKET_BYTES]; RECEIVE_BATCH].into_boxed_slice();
        let mut controls = vec![Control([0; CONTROL_BYTES]); RECEIVE_BATCH].into_boxed_slice();
        let mut parts: Box<[libc::iovec]> = packets
            .iter_mut()
            .map(|packet| libc::iovec {
                iov_base: packet.as_mut_ptr().cast(),
                iov_len: PACKET_BYTES,
            })
            .collect();
        // SAFETY: mmsghdr is integers and raw pointers; zero (null) is a valid value.
        let mut messages =
            vec![unsafe { zeroed::<libc::mmsghdr>() }; RECEIVE_BATCH].into_boxed_slice();
        for ((message, part), control) in messages.iter_mut().zip(&mut parts).zip(&mut controls) {
            message.msg_hdr.msg_iov = ptr::from_mut(part);
            message.msg_hdr.msg_iovlen = 1;
            message.msg_hdr.msg_control = ptr::from_mut(control).cast();
        }
        Ok(Self { socket, packets, controls, _parts: parts, messages, steered: 0, drops: 0 })
    }

    /// As [`super::Port::receive`].
    pub(super) fn receive(&mut self, budget: usize, sink: &mut dyn FnMut(&[u8], u64)) -> usize {
        let mut received = 0;
        while received < budget {
            let wanted = RECEIVE_BATCH.min(budget - received);
            let got = self.read_batch(wanted);
            if got == 0 {
                break;
            }
            let clocks = Clocks::read();
            for at in 0..got {
                let len = (self.messages[at].msg_len as usize).min(PACKET_BYTES);
                let control_len = self.messages[at].msg_hdr.msg_controllen;
                let at_ns = clocks.monotonic_ns(&self.controls[at].0, control_len);
                sink(&self.packets[at][..len], at_ns);
            }
            received += got;
            if got < wanted {
                break;
            }
        }
        received
    }

    /// Reads up to `wanted` packets into the buffers from the first on.
    fn read_batch(&mut self, wanted: usize) -> usize {
        for message in &mut self.messages[..wanted] {
            message.msg_hdr.msg_controllen = CONTROL_BYTES;
        }
        // SAFETY: the first `wanted` messages are initialised; each points to one
        // iovec and that to a packet buffer of the length it states, and to a control
        // buffer of CONTROL_BYTES, all boxes of `self`; no reference to them is alive.
        let got = unsafe {
            libc::recvmmsg(
                self.socket.as_raw_fd(),
                self.messages.as_mut_ptr(),
                wanted as libc::c_uint,
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        };
        // An error is EAGAIN, or the interface went down: then sending will say so.
        usize::try_from(got).unwrap_or(0)
    }

    /// As [`super::Port::wait`].
    pub(super) fn wait(&mut self, timeout: Duration) {
        let timeout = Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(timeout.subsec_nanos()),
        };
        // A signal ends the wait early, which does no harm.
        let _ = poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&timeout));
    }

    /// As [`super::Port::quiesce`]: the filter is replaced by one that drops all.
    pub(super) fn quiesce(&mut self) {
        if self.socket.attach_filter(&filter::drop_all()).is_ok() {
            // A packet that is in the old filter at this moment may still be queued.
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// (packets that passed the filter, of these dropped because the buffer was full).
    pub(super) fn statistics(&mut self) -> (u64, u64) {
        // Cannot fail on a packet socket; if it did, the ledger would not add up and say so.
        if let Ok(stats) = take_packet_statistics(self.socket.as_fd()) {
            self.steered += u64::from(stats.tp_packets);
            self.drops += u64::from(stats.tp_drops);
        }
        (self.steered, self.drops)
    }
}

/// The two clocks at one moment.
struct Clocks {
    monotonic_ns: i64,
    realtime_ns: i64,
}

impl Clocks {
    fn read() -> Self {
        let ns = |id| {
            let now = clock_gettime(id);
            now.tv_sec * 1_000_000_000 + now.tv_nsec
        };
        // In this order: whatever comes in between, nothing seems to have come too early.
        let realtime_ns = ns(ClockId::Realtime);
        Self { monotonic_ns: ns(ClockId::Monotonic), realtime_ns }
    }

    /// The receive time in `control` as nanoseconds of CLOCK_MONOTONIC; now,
    /// where the kernel gave none.
    fn monotonic_ns(&self, control: &[u8; CONTROL_BYTES], len: usize) -> u64 {
        let int =
            |at: usize| i32::from_ne_bytes(control[at..at + 4].try_into().expect("four bytes"));
        let long =
            |at: usize| i64::from_ne_bytes(control[at..at + 8].try_into().expect("eight bytes"));
        // struct cmsghdr { size_t len; int level; int type; }, then a timespec.
        let stamped = len >= CONTROL_HEADER_BYTES + size_of::<libc::timespec>()
            && int(8) == libc::SOL_SOCKET
            && int(12) == libc::SCM_TIMESTAMPNS;
        if !stamped {
            return self.monotonic_ns.max(0) as u64;
        }
        let realtime_ns = long(16).saturating_mul(1_000_000_000).saturating_add(long(24));
        let age_ns = self.realtime_ns.saturating_sub(realtime_ns);
        self.monotonic_ns.saturating_sub(age_ns).max(0) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_realtime_stamp_keeps_its_age_on_the_monotonic_clock() {
        let clocks = Clocks { monotonic_ns: 50_000, realtime_ns: 1_700_000_000_000_009_000 };
        let mut control = [0; CONTROL_BYTES];
        control[..8].copy_from_slice(&32u64.to_ne_bytes());
        control[8..12].copy_from_slice(&libc::SOL_SOCKET.to_ne_bytes());
        control[12..16].copy_from_slice(&libc::SCM_TIMESTAMPNS.to_ne_bytes());
        control[16..24].copy_from_slice(&1_700_000_000i64.to_ne_bytes());
        control[24..32].copy_from_slice(&2_000i64.to_ne_bytes());
        assert_eq!(clocks.monotonic_ns(&control, 32), 43_000);
        assert_eq!(clocks.monotonic_ns(&control, 0), 50_000, "no stamp: now");
    }
}
