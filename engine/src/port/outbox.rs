//! A batch of frames on their way out through `sendmmsg`: buffers, message
//! headers and destination addresses allocated once, refilled for every batch.
//!
//! Shared by the AF_PACKET and the raw IP port. It decides what an error of the
//! kernel means for the books and nothing else.

#![expect(unsafe_code, reason = "message headers of sendmmsg point into buffers")]

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use super::SEND_BATCH;
use crate::plan::probe::{Fields, Prober, Slot};

/// Bytes of one buffer: a full frame with a VLAN tag. (A SYN touches 98 of them.)
pub(super) const FRAME_BYTES: usize = 1536;

/// What became of the frames given to the kernel.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    /// Accepted by the kernel.
    pub(super) accepted: u64,
    /// Refused for good, each with an error that sending it again would not cure.
    pub(super) refused: u64,
}

/// What an error of `sendmmsg` says about the frame at the head of the batch.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Interrupted before anything happened.
    Again,
    /// The queue or the socket buffer is full: not taken, may be sent later.
    Full,
    /// This frame is refused.
    Refused,
    /// Nothing can be sent any more.
    Dead,
}

fn judge(error: &io::Error) -> Verdict {
    match error.raw_os_error() {
        Some(libc::EINTR) => Verdict::Again,
        // With the qdisc bypassed, ENOBUFS is the driver's full queue.
        Some(libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM) => Verdict::Full,
        Some(libc::ENETDOWN | libc::ENODEV | libc::ENXIO | libc::EBADF) => Verdict::Dead,
        _ => Verdict::Refused,
    }
}

/// Frames and the message headers that point at them.
pub(super) struct Outbox {
    frames: Box<[[u8; FRAME_BYTES]]>,
    slots: Box<[Slot]>,
    fields: Box<[Fields; SEND_BATCH]>,
    parts: Box<[libc::iovec]>,
    destinations: Box<[libc::sockaddr_in6]>,
    messages: Box<[libc::mmsghdr]>,
    /// The frames filled and not yet taken: `head..tail`.
    head: usize,
    tail: usize,
}

// SAFETY: the pointers in `parts` and `messages` lead into boxes that the same
// value owns and that never move or shrink; nothing else holds them.
unsafe impl Send for Outbox {}

impl Outbox {
    /// [`SEND_BATCH`] empty frames.
    pub(super) fn new() -> Self {
        let mut frames = vec![[0; FRAME_BYTES]; SEND_BATCH].into_boxed_slice();
        // SAFETY: sockaddr_in6, mmsghdr and iovec are integers and raw pointers, for
        // which zero (null) is a valid value.
        let (mut destinations, mut messages) = unsafe {
            (
                vec![zeroed::<libc::sockaddr_in6>(); SEND_BATCH].into_boxed_slice(),
                vec![zeroed::<libc::mmsghdr>(); SEND_BATCH].into_boxed_slice(),
            )
        };
        let mut parts: Box<[libc::iovec]> = frames
            .iter_mut()
            .map(|frame| libc::iovec { iov_base: frame.as_mut_ptr().cast(), iov_len: 0 })
            .collect();
        for ((message, part), destination) in
            messages.iter_mut().zip(&mut parts).zip(&mut destinations)
        {
            message.msg_hdr.msg_iov = ptr::from_mut(part);
            message.msg_hdr.msg_iovlen = 1;
            // No name: the bound interface. `address` sets a length where one is needed.
            message.msg_hdr.msg_name = ptr::from_mut(destination).cast();
        }
        Self {
            frames,
            slots: vec![Slot::EMPTY; SEND_BATCH].into_boxed_slice(),
            fields: Box::new([Fields::EMPTY; SEND_BATCH]),
            parts,
            destinations,
            messages,
            head: 0,
            tail: 0,
        }
    }

    /// Replaces the contents by the probes of `indices`, at most [`SEND_BATCH`].
    pub(super) fn fill(&mut self, prober: &Prober, indices: &[u64], attempt: u8) {
        prober.resolve(indices, attempt, &mut self.fields);
        for at in 0..indices.len() {
            let frame = &mut self.frames[at];
            self.parts[at].iov_len =
                prober.write(&self.fields[at], &mut self.slots[at], frame).min(FRAME_BYTES);
        }
        self.head = 0;
        self.tail = indices.len();
    }

    /// Appends one frame written by `fill`, which returns its length. False when full.
    pub(super) fn push(&mut self, fill: &mut dyn FnMut(&mut [u8]) -> usize) -> bool {
        if self.tail == SEND_BATCH {
            return false;
        }
        self.parts[self.tail].iov_len = fill(&mut self.frames[self.tail]).min(FRAME_BYTES);
        self.tail += 1;
        true
    }

    /// The frames not yet taken.
    pub(super) fn pending(&self) -> usize {
        self.tail - self.head
    }

    /// IP version of the next frame, which starts at its IP header: 4, 6, or
    /// whatever is there; `None` when all are gone.
    pub(super) fn next_version(&self) -> Option<u8> {
        (self.pending() > 0).then(|| self.frames[self.head][0] >> 4)
    }

    /// Length of the run of frames of IP version `version` at the head. Each
    /// gets its destination address, as the raw IP sockets ask for.
    pub(super) fn address_run(&mut self, version: u8) -> usize {
        let mut at = self.head;
        while at < self.tail && self.frames[at][0] >> 4 == version {
            let name_len = if version == 4 { self.address_v4(at) } else { self.address_v6(at) };
            self.messages[at].msg_hdr.msg_namelen = name_len as libc::socklen_t;
            at += 1;
        }
        at - self.head
    }

    fn address_v4(&mut self, at: usize) -> usize {
        let addr: [u8; 4] = self.frames[at][16..20].try_into().expect("four bytes");
        let name = libc::sockaddr_in {
            sin_family: libc::AF_INET as u16,
            sin_port: 0,
            sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(addr) },
            sin_zero: [0; 8],
        };
        // SAFETY: the place has the size and at least the alignment of sockaddr_in6,
        // both not less than those of sockaddr_in.
        unsafe {
            ptr::from_mut(&mut self.destinations[at]).cast::<libc::sockaddr_in>().write(name);
        }
        size_of::<libc::sockaddr_in>()
    }

    fn address_v6(&mut self, at: usize) -> usize {
        let addr: [u8; 16] = self.frames[at][24..40].try_into().expect("sixteen bytes");
        self.destinations[at] = libc::sockaddr_in6 {
            sin6_family: libc::AF_INET6 as u16,
            sin6_port: 0,
            sin6_flowinfo: 0,
            sin6_addr: libc::in6_addr { s6_addr: addr },
            sin6_scope_id: 0,
        };
        size_of::<libc::sockaddr_in6>()
    }

    /// Drops the frame at the head, which no socket can take, as refused.
    pub(super) fn refuse_one(&mut self, tally: &mut Tally) {
        self.head += 1;
        tally.refused += 1;
    }

    /// Gives up to `limit` frames at the head to the kernel; true when it took
    /// (or refused) them all, false when it is full.
    ///
    /// # Errors
    /// When nothing can be sent any more; what was taken before is in `tally`.
    pub(super) fn send(
        &mut self,
        fd: BorrowedFd<'_>,
        limit: usize,
        tally: &mut Tally,
    ) -> io::Result<bool> {
        let end = self.tail.min(self.head + limit);
        while self.head < end {
            // SAFETY: messages head..end are initialised and lie in the box; each points
            // to one iovec, that to a frame and a length within it, and the name to an
            // address of the length given, all boxes of `self` that live on.
            let sent = unsafe {
                libc::sendmmsg(
                    fd.as_raw_fd(),
                    self.messages[self.head..end].as_mut_ptr(),
                    (end - self.head) as libc::c_uint,
                    libc::MSG_DONTWAIT,
                )
            };
            if let Ok(sent) = usize::try_from(sent) {
                self.head += sent;
                tally.accepted += sent as u64;
                continue;
            }
            let error = io::Error::last_os_error();
            match judge(&error) {
                Verdict::Again => {}
                Verdict::Full => return Ok(false),
                Verdict::Refused => self.refuse_one(tally),
                Verdict::Dead => return Err(error),
            }
        }
        Ok(true)
    }

    /// Makes room where everything was taken.
    pub(super) fn clear(&mut self) {
        if self.head == self.tail {
            self.head = 0;
            self.tail = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_is_not_a_failure_and_a_lost_interface_is() {
        let verdict = |errno| judge(&io::Error::from_raw_os_error(errno));
        assert_eq!(verdict(libc::ENOBUFS), Verdict::Full);
        assert_eq!(verdict(libc::EAGAIN), Verdict::Full);
        assert_eq!(verdict(libc::EINTR), Verdict::Again);
        assert_eq!(verdict(libc::ENETDOWN), Verdict::Dead);
        assert_eq!(verdict(libc::EPERM), Verdict::Refused);
        assert_eq!(verdict(libc::EMSGSIZE), Verdict::Refused);
    }
}
