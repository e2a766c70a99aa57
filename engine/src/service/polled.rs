//! Connections where the kernel refuses io_uring: sockets that never block, watched by
//! epoll, with the time limits kept here.
//!
//! What it does not do as well as [`ring`](super::ring): every step of every connection is a
//! system call or two of its own.

use std::collections::BTreeSet;
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::{Errno, ioctl_fionbio};
use rustix::net::sockopt::socket_error;
use rustix::net::{RecvFlags, SendFlags, connect, recv, send, sendto};
use rustix::time::Timespec;

use super::connections::{CHUNK, Connections, Outcome, SlotId};
use super::limits::ns;
use crate::scan::clock::now_ns;

/// Connections that are looked at in a turn; each may fill a chunk.
const EVENTS: usize = 256;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Doing {
    #[default]
    Nothing,
    Connecting,
    Saying,
    Hearing,
}

#[derive(Default)]
struct Slot {
    socket: Option<OwnedFd>,
    /// Where to send to, of one that is not connected.
    to: Option<SocketAddr>,
    doing: Doing,
    outgoing: Vec<u8>,
    /// Bytes of it that have been sent.
    sent: usize,
    limit_ns: u64,
    until_ns: u64,
}

/// All connections.
pub(super) struct Polled {
    epoll: OwnedFd,
    slots: Box<[Slot]>,
    free: Vec<u32>,
    /// Closed in this turn; free in the next one.
    parted: Vec<u32>,
    /// When what is going on must have ended, the first first.
    limits: BTreeSet<(u64, u32)>,
    /// What became clear at once.
    ready: Vec<(SlotId, Outcome)>,
    chunks: Box<[u8]>,
    filled: u16,
}

impl Polled {
    /// For so many connections at once.
    ///
    /// # Errors
    /// When the kernel refuses epoll, or files have run out.
    pub(super) fn new(connections: usize) -> io::Result<Self> {
        Ok(Self {
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            slots: (0..connections).map(|_| Slot::default()).collect(),
            free: (0..connections as u32).rev().collect(),
            parted: Vec::new(),
            limits: BTreeSet::new(),
            ready: Vec::new(),
            chunks: vec![0; EVENTS * CHUNK].into(),
            filled: 0,
        })
    }

    /// Begins to wait until the socket can do what is next.
    fn watch(&mut self, id: u32, doing: Doing, until_ns: u64) {
        self.limits.insert((until_ns, id));
        let slot = &mut self.slots[id as usize];
        (slot.doing, slot.until_ns) = (doing, until_ns);
        let Some(socket) = &slot.socket else { return };
        let way = if doing == Doing::Hearing { EventFlags::IN } else { EventFlags::OUT };
        let (flags, data) = (way | EventFlags::ONESHOT, EventData::new_u64(id.into()));
        let watched = match doing {
            Doing::Connecting => epoll::add(&self.epoll, socket, data, flags),
            _ => epoll::modify(&self.epoll, socket, data, flags),
        };
        if let Err(error) = watched {
            self.stop(id);
            self.ready.push((SlotId(id), Outcome::Failed(error.raw_os_error())));
        }
    }

    /// Nothing goes on in a slot any more.
    fn stop(&mut self, id: u32) {
        let slot = &mut self.slots[id as usize];
        if std::mem::take(&mut slot.doing) != Doing::Nothing {
            self.limits.remove(&(slot.until_ns, id));
        }
    }

    /// Sends what is left; waits for the rest, or for an answer.
    fn send(&mut self, id: u32) -> Option<Outcome> {
        let slot = &mut self.slots[id as usize];
        let socket = slot.socket.as_ref()?;
        loop {
            let left = &slot.outgoing[slot.sent..];
            let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
            let sent = match &slot.to {
                None => send(socket, left, flags),
                Some(to) => sendto(socket, left, flags, to),
            };
            match sent {
                Ok(sent) if sent < left.len() => slot.sent += sent,
                Ok(_) => {
                    let until_ns = now_ns() + slot.limit_ns;
                    self.watch(id, Doing::Hearing, until_ns);
                    return None;
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let until_ns = match slot.until_ns {
                        0 => now_ns() + slot.limit_ns,
                        until_ns => until_ns,
                    };
                    self.watch(id, Doing::Saying, until_ns);
                    return None;
                }
                Err(error) => return Some(Outcome::Failed(error.raw_os_error())),
            }
        }
    }

    /// Takes what has come. `None`: nothing yet, it is waited for again.
    fn receive(&mut self, id: u32) -> Option<Outcome> {
        let slot = &self.slots[id as usize];
        let (socket, until_ns) = (slot.socket.as_ref()?, slot.until_ns);
        let at = usize::from(self.filled) * CHUNK;
        loop {
            match recv(socket, &mut self.chunks[at..at + CHUNK], RecvFlags::DONTWAIT) {
                Ok((0, _)) => return Some(Outcome::Closed),
                Ok((len, _)) => {
                    self.filled += 1;
                    return Some(Outcome::Heard(self.filled - 1, len));
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    self.watch(id, Doing::Hearing, until_ns);
                    return None;
                }
                Err(error) => return Some(Outcome::Failed(error.raw_os_error())),
            }
        }
    }

    /// A socket can do what is next.
    fn happened(&mut self, id: u32) -> Option<Outcome> {
        let slot = self.slots.get(id as usize)?;
        let (socket, doing) = (slot.socket.as_ref()?, slot.doing);
        if doing == Doing::Nothing {
            return None;
        }
        let met = if doing == Doing::Connecting { socket_error(socket) } else { Ok(Ok(())) };
        self.stop(id);
        match (doing, met) {
            (_, Err(error) | Ok(Err(error))) => Some(Outcome::Failed(error.raw_os_error())),
            (Doing::Saying, _) => self.send(id),
            (Doing::Hearing, _) => self.receive(id),
            (Doing::Connecting | Doing::Nothing, _) => Some(Outcome::Opened),
        }
    }
}

impl Connections for Polled {
    fn free(&self) -> usize {
        self.free.len()
    }

    fn open(&mut self, socket: OwnedFd, to: SocketAddr, limit: Duration) -> Option<SlotId> {
        let id = self.free.pop()?;
        let begun = ioctl_fionbio(&socket, true).and_then(|()| connect(&socket, &to));
        let slot = &mut self.slots[id as usize];
        (slot.socket, slot.to) = (Some(socket), None);
        match begun {
            Ok(()) | Err(Errno::INPROGRESS) => {
                self.watch(id, Doing::Connecting, now_ns() + ns(limit));
            }
            Err(error) => self.ready.push((SlotId(id), Outcome::Failed(error.raw_os_error()))),
        }
        Some(SlotId(id))
    }

    fn open_unconnected(&mut self, socket: OwnedFd, to: SocketAddr) -> Option<SlotId> {
        let id = self.free.pop()?;
        let data = EventData::new_u64(id.into());
        let begun = ioctl_fionbio(&socket, true)
            .and_then(|()| epoll::add(&self.epoll, &socket, data, EventFlags::ONESHOT));
        let slot = &mut self.slots[id as usize];
        (slot.socket, slot.to) = (Some(socket), Some(to));
        self.ready.push((
            SlotId(id),
            match begun {
                Ok(()) => Outcome::Opened,
                Err(error) => Outcome::Failed(error.raw_os_error()),
            },
        ));
        Some(SlotId(id))
    }

    fn say(&mut self, id: SlotId, bytes: &[u8], limit: Duration) {
        let slot = &mut self.slots[id.0 as usize];
        slot.outgoing.clear();
        slot.outgoing.extend_from_slice(bytes);
        (slot.sent, slot.limit_ns, slot.until_ns) = (0, ns(limit), 0);
        if let Some(outcome) = self.send(id.0) {
            self.ready.push((id, outcome));
        }
    }

    fn hear(&mut self, id: SlotId, limit: Duration) {
        self.watch(id.0, Doing::Hearing, now_ns() + ns(limit));
    }

    fn close(&mut self, id: SlotId) {
        self.stop(id.0);
        // Closing a socket also ends the watch.
        if self.slots[id.0 as usize].socket.take().is_some() {
            self.parted.push(id.0);
        }
    }

    fn wait(&mut self, at_most: Duration, told: &mut Vec<(SlotId, Outcome)>) -> io::Result<()> {
        self.filled = 0;
        self.free.append(&mut self.parted);
        let slots = &self.slots;
        told.extend(self.ready.drain(..).filter(|(id, _)| slots[id.0 as usize].socket.is_some()));
        let first_ns = self.limits.first().map_or(u64::MAX, |&(until_ns, _)| until_ns);
        let patience_ns = match told.as_slice() {
            [] => ns(at_most).min(first_ns.saturating_sub(now_ns())),
            _ => 0,
        };
        let patience = Timespec { tv_sec: 0, tv_nsec: patience_ns.min(999_999_999) as _ };
        let mut events = [const { MaybeUninit::uninit() }; EVENTS];
        let happened = match epoll::wait(&self.epoll, &mut events[..], Some(&patience)) {
            Ok((happened, _)) => &*happened,
            Err(Errno::INTR) => &[],
            Err(error) => return Err(error.into()),
        };
        for event in happened {
            let id = event.data.u64() as u32;
            let outcome = self.happened(id);
            told.extend(outcome.map(|outcome| (SlotId(id), outcome)));
        }
        let now = now_ns();
        while let Some(&(until_ns, id)) = self.limits.first().filter(|(until, _)| *until <= now) {
            self.limits.remove(&(until_ns, id));
            self.slots[id as usize].doing = Doing::Nothing;
            told.push((SlotId(id), Outcome::Expired));
        }
        Ok(())
    }

    fn chunk(&self, chunk: u16, len: usize) -> &[u8] {
        let at = usize::from(chunk) * CHUNK;
        &self.chunks[at..at + len]
    }

    fn give_back(&mut self, _chunk: u16) {
        // All are filled anew in the next turn.
    }
}
