//! Connections driven by io_uring: each has at most one thing going on, and that has a
//! time limit which the kernel keeps (a linked timeout). Sockets are made by plain system
//! calls, since that never waits and options are set on them; all that can wait is a
//! request of the ring.
//!
//! What is received lies in a ring of buffers that the kernel takes from when something
//! comes, so that thousands of silent connections hold none. What is sent lies in the
//! connection's slot and is left alone until its completion. A slot is given to another
//! connection when every request of the former one has completed.

#![expect(unsafe_code, reason = "io_uring reads and writes our memory while we go on")]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use io_uring::squeue::{Entry, Flags};
use io_uring::types::{BufRingEntry, CancelBuilder, Fd, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode};
use rustix::io::Errno;
use rustix::net::{SendFlags, Shutdown, sendto, shutdown};
use socket2::SockAddr;

use super::connections::{CHUNK, Connections, Outcome, SlotId};

/// Chunks; a power of two. They are given back in the turn in which they came.
const CHUNKS: u16 = 256;
const GROUP: u16 = 0;
const ENTRIES: u32 = 2048;
/// How long the end waits for the kernel to let go of our memory.
const PARTING: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Request {
    Connect = 1,
    Send = 2,
    Receive = 3,
    Timeout = 4,
    Cancel = 5,
    Close = 6,
}

impl Request {
    fn of(user_data: u64) -> Option<Self> {
        use Request::{Cancel, Close, Connect, Receive, Send, Timeout};
        [Connect, Send, Receive, Timeout, Cancel, Close]
            .into_iter()
            .find(|&known| known as u64 == user_data & 0xff)
    }
}

struct Slot {
    socket: Option<OwnedFd>,
    to: SockAddr,
    connected: bool,
    outgoing: Vec<u8>,
    limit: Timespec,
    /// Requests that have not completed.
    in_flight: u8,
    /// What a send met; told when the receive behind it completes.
    send_error: i32,
    closing: bool,
}

/// All connections.
pub(super) struct Ring {
    // Declared, and so dropped, before the memory that it uses.
    io: IoUring,
    slots: Box<[Slot]>,
    free: Vec<u32>,
    chunks: Chunks,
    in_flight: usize,
    /// What became clear at once.
    ready: Vec<(SlotId, Outcome)>,
    /// The kernel takes no requests any more.
    error: Option<io::Error>,
}

impl Ring {
    /// A ring for so many connections at once.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub(super) fn new(connections: usize) -> io::Result<Self> {
        let io = IoUring::builder().dontfork().setup_cqsize(ENTRIES * 4).build(ENTRIES)?;
        if !io.params().is_feature_ext_arg() || !io.params().is_feature_nodrop() {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "io_uring is too old"));
        }
        let chunks = Chunks::new();
        // SAFETY: the entries and the chunks behind them live in `chunks`, which is dropped
        // after the ring (field order) and leaked where a request may still write there.
        unsafe {
            let at = chunks.entries.as_ptr() as u64;
            io.submitter().register_buf_ring_with_flags(at, CHUNKS, GROUP, 0)?;
        }
        let nowhere: SocketAddr = ([0, 0, 0, 0], 0).into();
        let slots = (0..connections)
            .map(|_| Slot {
                socket: None,
                to: nowhere.into(),
                connected: false,
                outgoing: Vec::new(),
                limit: Timespec::new(),
                in_flight: 0,
                send_error: 0,
                closing: false,
            })
            .collect();
        let free = (0..connections as u32).rev().collect();
        Ok(Self { io, slots, free, chunks, in_flight: 0, ready: Vec::new(), error: None })
    }

    /// Requests, each with the time limit, one after the other; the next is not begun where
    /// one fails.
    fn push_limited<const N: usize>(
        &mut self,
        id: u32,
        requests: [(Entry, Request); N],
        limit: Duration,
    ) {
        let slot = &mut self.slots[id as usize];
        slot.limit = Timespec::from(limit.max(Duration::from_millis(1)));
        let limit = &raw const slot.limit;
        let mut chain = Vec::with_capacity(2 * N);
        for (entry, request) in requests {
            chain.push((entry.flags(Flags::IO_LINK), request));
            let timeout = opcode::LinkTimeout::new(limit).build().flags(Flags::IO_LINK);
            chain.push((timeout, Request::Timeout));
        }
        if let Some((last, _)) = chain.last_mut() {
            *last = opcode::LinkTimeout::new(limit).build();
        }
        self.push(id, &mut chain);
    }

    /// One chain, never cut in two by a submission.
    fn push(&mut self, id: u32, chain: &mut [(Entry, Request)]) {
        let entries: Vec<Entry> = chain
            .iter()
            .map(|(entry, request)| entry.clone().user_data(u64::from(id) << 8 | *request as u64))
            .collect();
        let room = |io: &mut IoUring| {
            let queue = io.submission();
            queue.capacity() - queue.len()
        };
        while room(&mut self.io) < entries.len() {
            // The kernel takes all that is there, or says that completions are to be read
            // first; those are kept by it (NODROP), so it comes to no more than a wait.
            if let Err(error) = self.io.submit()
                && !is_passing(&error)
            {
                // What is pushed next fails the same way, and `wait` tells it.
                self.error.get_or_insert(error);
                return;
            }
        }
        // SAFETY: socket, address, outgoing bytes and limit lie in the slot, which stays where
        // it is (a boxed slice) and unchanged until `in_flight` is 0 again: `open`, `say` and
        // `hear` are called once the request before has completed. Chunks: see `new`. On drop
        // all is waited for, or leaked.
        let pushed = unsafe { self.io.submission().push_multiple(&entries) };
        pushed.expect("there is room, as the loop above has seen to");
        self.slots[id as usize].in_flight += entries.len() as u8;
        self.in_flight += entries.len();
    }

    fn submit(&mut self, wait: Option<Duration>) -> io::Result<()> {
        let submitter = self.io.submitter();
        let result = match wait {
            Some(wait) => {
                let time = Timespec::from(wait);
                submitter.submit_with_args(1, &SubmitArgs::new().timespec(&time))
            }
            None => submitter.submit(),
        };
        match result {
            Err(error) if !is_passing(&error) => Err(error),
            _ => Ok(()),
        }
    }

    fn reap(&mut self, told: &mut Vec<(SlotId, Outcome)>) {
        loop {
            let Some(completion) = self.io.completion().next() else { return };
            self.completed(&completion, told);
        }
    }

    fn completed(&mut self, completion: &cqueue::Entry, told: &mut Vec<(SlotId, Outcome)>) {
        let id = (completion.user_data() >> 8) as u32;
        let (Some(request), Some(slot)) =
            (Request::of(completion.user_data()), self.slots.get_mut(id as usize))
        else {
            return;
        };
        slot.in_flight -= 1;
        self.in_flight -= 1;
        let result = completion.result();
        let chunk = cqueue::buffer_select(completion.flags());
        let outcome = match request {
            Request::Connect if result >= 0 => Some(Outcome::Opened),
            Request::Connect | Request::Receive if result < 0 => match -result {
                // The limit of this request, or of the send before it.
                libc::ECANCELED if slot.send_error == 0 => Some(Outcome::Expired),
                libc::ECANCELED if slot.send_error == libc::ECANCELED => Some(Outcome::Expired),
                libc::ECANCELED => Some(Outcome::Failed(slot.send_error)),
                // No chunk, or a signal: as if nothing had come yet.
                libc::ENOBUFS | libc::EINTR | libc::EAGAIN => Some(Outcome::Expired),
                error => Some(Outcome::Failed(error)),
            },
            Request::Receive => Some(match (result, chunk) {
                (1.., Some(chunk)) => Outcome::Heard(chunk, result as usize),
                _ => Outcome::Closed,
            }),
            Request::Send if result < 0 => {
                slot.send_error = -result;
                None
            }
            Request::Close => {
                slot.closing = false;
                self.free.push(id);
                return;
            }
            _ => None,
        };
        match outcome {
            Some(outcome) if !slot.closing => told.push((SlotId(id), outcome)),
            Some(Outcome::Heard(chunk, _)) => self.chunks.give(chunk),
            _ => {}
        }
        if self.slots[id as usize].closing && self.slots[id as usize].in_flight == 0 {
            self.part(id);
        }
    }

    /// Closes the socket of a slot where nothing is going on.
    fn part(&mut self, id: u32) {
        if let Some(socket) = self.slots[id as usize].socket.take() {
            let close = opcode::Close::new(Fd(socket.into_raw_fd())).build();
            self.push(id, &mut [(close, Request::Close)]);
        }
    }
}

impl Connections for Ring {
    fn free(&self) -> usize {
        self.free.len()
    }

    fn open(&mut self, socket: OwnedFd, to: SocketAddr, limit: Duration) -> Option<SlotId> {
        let id = self.free.pop()?;
        let fd = Fd(socket.as_raw_fd());
        let slot = &mut self.slots[id as usize];
        slot.socket = Some(socket);
        (slot.to, slot.connected) = (to.into(), true);
        slot.closing = false;
        slot.send_error = 0;
        let connect = opcode::Connect::new(fd, slot.to.as_ptr().cast(), slot.to.len()).build();
        self.push_limited(id, [(connect, Request::Connect)], limit);
        Some(SlotId(id))
    }

    fn open_unconnected(&mut self, socket: OwnedFd, to: SocketAddr) -> Option<SlotId> {
        let id = self.free.pop()?;
        let slot = &mut self.slots[id as usize];
        slot.socket = Some(socket);
        (slot.to, slot.connected) = (to.into(), false);
        slot.closing = false;
        slot.send_error = 0;
        self.ready.push((SlotId(id), Outcome::Opened));
        Some(SlotId(id))
    }

    fn say(&mut self, id: SlotId, bytes: &[u8], limit: Duration) {
        let slot = &mut self.slots[id.0 as usize];
        let Some(socket) = &slot.socket else { return };
        if let Some(to) = slot.to.as_socket().filter(|_| !slot.connected) {
            // A datagram leaves at once or never: no request has to wait for it.
            let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
            match sendto(socket, bytes, flags, &to) {
                Ok(_) | Err(Errno::AGAIN | Errno::INTR) => self.hear(id, limit),
                Err(error) => self.ready.push((id, Outcome::Failed(error.raw_os_error()))),
            }
            return;
        }
        let fd = Fd(socket.as_raw_fd());
        slot.outgoing.clear();
        slot.outgoing.extend_from_slice(bytes);
        let (from, len) = (slot.outgoing.as_ptr(), slot.outgoing.len() as u32);
        let flags = libc::MSG_NOSIGNAL | libc::MSG_WAITALL;
        let send = opcode::Send::new(fd, from, len).flags(flags).build();
        self.push_limited(id.0, [(send, Request::Send), (receive(fd), Request::Receive)], limit);
    }

    fn hear(&mut self, id: SlotId, limit: Duration) {
        let Some(socket) = &self.slots[id.0 as usize].socket else { return };
        let fd = Fd(socket.as_raw_fd());
        self.push_limited(id.0, [(receive(fd), Request::Receive)], limit);
    }

    fn close(&mut self, id: SlotId) {
        let slot = &mut self.slots[id.0 as usize];
        if std::mem::replace(&mut slot.closing, true) {
            return;
        }
        if slot.in_flight > 0
            && let Some(socket) = &slot.socket
        {
            // A receive behind a send that has just completed is not yet where a cancellation
            // would find it; this way it ends as soon as it begins.
            let _ = shutdown(socket, Shutdown::Read);
            let all = CancelBuilder::fd(Fd(socket.as_raw_fd())).all();
            let cancel = opcode::AsyncCancel2::new(all).build();
            self.push(id.0, &mut [(cancel, Request::Cancel)]);
        } else {
            self.part(id.0);
        }
    }

    fn wait(&mut self, at_most: Duration, told: &mut Vec<(SlotId, Outcome)>) -> io::Result<()> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let slots = &self.slots;
        let stands = |id: SlotId| slots[id.0 as usize].socket.is_some();
        told.extend(self.ready.drain(..).filter(|(id, _)| stands(*id)));
        self.submit(Some(if told.is_empty() { at_most } else { Duration::ZERO }))?;
        self.reap(told);
        Ok(())
    }

    fn chunk(&self, chunk: u16, len: usize) -> &[u8] {
        self.chunks.bytes(chunk, len)
    }

    fn give_back(&mut self, chunk: u16) {
        self.chunks.give(chunk);
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        for id in 0..self.slots.len() as u32 {
            if self.slots[id as usize].socket.is_some() {
                self.close(SlotId(id));
            }
        }
        let deadline = Instant::now() + PARTING;
        let mut told = Vec::new();
        while self.in_flight > 0 && Instant::now() < deadline {
            if self.wait(Duration::from_millis(50), &mut told).is_err() {
                break;
            }
        }
        if self.in_flight > 0 {
            // Better leaked than written to by the kernel when it is something else.
            std::mem::forget(std::mem::take(&mut self.slots));
            self.chunks.leaked = true;
        }
    }
}

fn receive(fd: Fd) -> Entry {
    opcode::Recv::new(fd, std::ptr::null_mut(), CHUNK as u32)
        .buf_group(GROUP)
        .build()
        .flags(Flags::BUFFER_SELECT)
}

/// Errors after which requests stay in the ring and go with the next call; ETIME ends a wait.
fn is_passing(error: &io::Error) -> bool {
    let passing = [libc::EINTR, libc::EAGAIN, libc::EBUSY, libc::ETIME];
    error.raw_os_error().is_some_and(|code| passing.contains(&code))
}

/// Memory that the kernel receives into, and the ring by which it is given.
struct Chunks {
    entries: NonNull<BufRingEntry>,
    memory: NonNull<u8>,
    tail: u16,
    leaked: bool,
}

// SAFETY: the chunks own their memory and hand out no references that outlive a call;
// whoever owns them may use them from any thread.
unsafe impl Send for Chunks {}

impl Chunks {
    const ENTRIES: Layout =
        match Layout::from_size_align(CHUNKS as usize * size_of::<BufRingEntry>(), 4096) {
            Ok(layout) => layout,
            Err(_) => panic!("size and alignment are valid"),
        };
    const MEMORY: Layout = match Layout::from_size_align(CHUNKS as usize * CHUNK, 4096) {
        Ok(layout) => layout,
        Err(_) => panic!("size and alignment are valid"),
    };

    fn new() -> Self {
        let allocated = |layout| {
            // SAFETY: neither layout is of size 0.
            let start = unsafe { alloc_zeroed(layout) };
            NonNull::new(start).unwrap_or_else(|| handle_alloc_error(layout))
        };
        let (entries, memory) = (allocated(Self::ENTRIES), allocated(Self::MEMORY));
        let mut chunks = Self { entries: entries.cast(), memory, tail: 0, leaked: false };
        for chunk in 0..CHUNKS {
            chunks.give(chunk);
        }
        chunks
    }

    fn at(&self, chunk: u16) -> NonNull<u8> {
        assert!(chunk < CHUNKS, "there are {CHUNKS} chunks");
        // SAFETY: inside the allocation, as the line above checked.
        unsafe { self.memory.add(usize::from(chunk) * CHUNK) }
    }

    /// The bytes of a chunk that the kernel has handed over.
    fn bytes(&self, chunk: u16, len: usize) -> &[u8] {
        assert!(len <= CHUNK, "a chunk has {CHUNK} bytes");
        // SAFETY: initialised (zeroed when allocated), inside the allocation, and not written
        // by the kernel before `give`, for which this borrow must have ended.
        unsafe { std::slice::from_raw_parts(self.at(chunk).as_ptr(), len) }
    }

    fn give(&mut self, chunk: u16) {
        let at = self.at(chunk).as_ptr() as u64;
        let place = usize::from(self.tail & (CHUNKS - 1));
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: `place` is below the number of entries. The kernel reads an entry after it
        // has seen the tail behind it, which the release store below makes it see last. There
        // are as many entries as chunks, so no entry that it has not taken is overwritten.
        unsafe {
            let entry = &mut *self.entries.as_ptr().add(place);
            entry.set_addr(at);
            entry.set_len(CHUNK as u32);
            entry.set_bid(chunk);
            let tail = BufRingEntry::tail(self.entries.as_ptr()).cast::<AtomicU16>();
            (*tail).store(self.tail, Ordering::Release);
        }
    }
}

impl Drop for Chunks {
    fn drop(&mut self) {
        if !self.leaked {
            // SAFETY: allocated in `new` with these layouts, freed only here.
            unsafe {
                dealloc(self.entries.as_ptr().cast(), Self::ENTRIES);
                dealloc(self.memory.as_ptr(), Self::MEMORY);
            }
        }
    }
}
