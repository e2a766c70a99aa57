//! AF_XDP: rings shared with the kernel, and an XDP program that puts our replies,
//! and nothing else, into them.
//!
//! * [`open`] chooses the mode, from best to fallback: zero-copy, copy with the
//!   program in the driver, copy with the program in the network stack. It reads
//!   back what the kernel really gave, since automatic modes fall back silently.
//! * [`XskPort`] is the port of one worker.
//! * `socket`: one socket with its UMEM, `frames`: who owns which frame,
//!   `sys`: system calls, `explain`: errors with their remedy.
//!
//! Every receive queue gets a socket, because a reply comes in on the queue that
//! the card chooses. Each socket has a UMEM of its own: the kernel delivers a frame
//! only to a socket on the queue it came in on, so sharing would win nothing.
//! What this module does not do: pin threads, or decide what to send.

#![expect(unsafe_code, reason = "frames shared with the kernel, and its socket options")]

mod explain;
mod frames;
mod port;
mod socket;
mod sys;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use prtip_bpf::abi::SteerConfig;
use prtip_bpf::steer::{AttachMode, Steer, SteerError};
use xsk_rs::config::Interface;

use super::ethtool;
use crate::error::Result;
use crate::scan::XdpMode;
pub use port::XskPort;
use socket::{Bind, XskSocket};

/// A socket that was just closed holds its queue until the kernel has torn its
/// rings down: so long and so often is a busy queue tried again.
const BUSY_RETRY: Duration = Duration::from_millis(25);
const BUSY_RETRIES: u32 = 40;

/// What is to be opened.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Name of the interface.
    pub interface: &'a str,
    /// The mode asked for.
    pub mode: XdpMode,
    /// Fail when it is not zero-copy.
    pub require_zerocopy: bool,
    /// Receive queues to bind, the first ones; `None`: all.
    pub queues: Option<u32>,
    /// Most ports to make, one for each worker.
    pub workers: usize,
    /// Addresses, ports and keys of the replies to steer.
    pub steer: &'a SteerConfig,
}

/// AF_XDP on an interface, ready to send and receive.
pub struct Opened {
    /// One for each worker, at most one for each queue; the queues are dealt out
    /// in turn.
    pub ports: Vec<XskPort>,
    /// The steering program. It leaves the interface when this and all ports are
    /// dropped.
    pub steer: Arc<Steer>,
    /// `zerocopy`, `copy` or `generic`.
    pub mode: &'static str,
    /// Receive queues bound.
    pub queues: u32,
    /// Why this mode, one sentence.
    pub why: String,
}

/// Loads and attaches the steering program and binds a socket to every queue.
///
/// # Errors
/// With the likely cause and the remedy; nothing is left behind.
pub fn open(request: &Request<'_>) -> Result<Opened> {
    let interface = request.interface;
    let ifindex = sys::interface_index(interface)
        .map_err(|source| explain::no_such_interface(interface, source))?;
    let up =
        sys::is_up(interface).map_err(|source| explain::no_such_interface(interface, source))?;
    if !up {
        return Err(explain::interface_down(interface));
    }
    let available = rx_queues(interface);
    let queues = match request.queues {
        None => available,
        Some(count) if (1..=available).contains(&count) => count,
        Some(count) => return Err(explain::bad_queue_count(interface, count, available)),
    };

    let zerocopy_only = request.require_zerocopy || request.mode == XdpMode::Zerocopy;
    let try_native = request.mode != XdpMode::Generic || zerocopy_only;
    let mut opener = Opener {
        interface: interface.into(),
        driver: ethtool::driver(interface).unwrap_or_else(|| "of this interface".to_owned()),
        queues,
        workers: request.workers,
        steer: Steer::load(request.steer, available)
            .map_err(|error| explain::steering(interface, &error))?,
        why: Vec::new(),
    };
    if queues < available {
        opener.why.push(format!("only {queues} of {available} receive queues, as asked for: replies on the others are lost"));
    }

    if try_native {
        match opener.steer.attach(ifindex, AttachMode::Native) {
            Ok(()) => return opener.bind_native(request.mode, zerocopy_only),
            Err(error) => opener.after_refused_attach(request.mode, zerocopy_only, &error)?,
        }
    } else {
        opener.why.push("generic mode as asked for".to_owned());
    }
    opener
        .steer
        .attach(ifindex, AttachMode::Generic)
        .map_err(|error| explain::steering(interface, &error))?;
    let sockets = opener
        .bind(Bind::Copy)
        .map_err(|(queue, source)| explain::binding(interface, queue, "copy", source))?;
    opener.finish(sockets, "generic")
}

/// What is known while one is opening.
struct Opener {
    interface: Arc<str>,
    driver: String,
    queues: u32,
    workers: usize,
    steer: Steer,
    why: Vec<String>,
}

impl Opener {
    /// With the program in the driver: zero-copy, else copy.
    fn bind_native(mut self, mode: XdpMode, zerocopy_only: bool) -> Result<Opened> {
        if mode != XdpMode::Copy || zerocopy_only {
            match self.bind(Bind::Zerocopy) {
                Ok(sockets) => {
                    self.why.push(format!("the driver {} has zero-copy", self.driver));
                    return self.finish(sockets, "zerocopy");
                }
                Err((_, source)) if zerocopy_only => {
                    let reason = source.to_string();
                    return Err(explain::no_zerocopy(&self.interface, &self.driver, &reason));
                }
                Err((queue, source)) => self.why.push(format!(
                    "the driver {} gives no zero-copy (queue {queue}: {source}), but runs XDP natively",
                    self.driver
                )),
            }
        } else {
            self.why.push("copy mode as asked for".to_owned());
        }
        let sockets = self
            .bind(Bind::Copy)
            .map_err(|(queue, source)| explain::binding(&self.interface, queue, "copy", source))?;
        self.finish(sockets, "copy")
    }

    /// Whether to go on in generic mode when the driver has refused the program.
    fn after_refused_attach(
        &mut self,
        mode: XdpMode,
        zerocopy_only: bool,
        error: &SteerError,
    ) -> Result<()> {
        let SteerError::Attach { source, .. } = error else {
            return Err(explain::steering(&self.interface, error));
        };
        let held = matches!(source.raw_os_error(), Some(libc::EBUSY | libc::EEXIST));
        if held || error.is_denied() {
            return Err(explain::steering(&self.interface, error));
        }
        if zerocopy_only {
            let reason = error.to_string();
            return Err(explain::no_zerocopy(&self.interface, &self.driver, &reason));
        }
        if mode == XdpMode::Copy {
            return Err(explain::steering(&self.interface, error));
        }
        self.why.push(format!("the driver {} takes no native XDP program: {source}", self.driver));
        Ok(())
    }

    /// Binds a socket to every queue, all in the same mode, or none.
    fn bind(&self, bind: Bind) -> std::result::Result<Vec<XskSocket>, (u32, io::Error)> {
        let interface: Interface = self
            .interface
            .parse()
            .map_err(|_| (0, io::Error::from(io::ErrorKind::InvalidInput)))?;
        let rx_frames = rx_frames(self.queues);
        (0..self.queues)
            .map(|queue| {
                bind_patiently(&interface, queue, bind, rx_frames).map_err(|error| (queue, error))
            })
            .collect()
    }

    /// Deals the sockets out to the workers and opens the program's map to them.
    fn finish(self, sockets: Vec<XskSocket>, mode: &'static str) -> Result<Opened> {
        let steer = Arc::new(self.steer);
        let workers = self.workers.clamp(1, sockets.len());
        let mut hands: Vec<Vec<XskSocket>> = (0..workers).map(|_| Vec::new()).collect();
        for (position, socket) in sockets.into_iter().enumerate() {
            hands[position % workers].push(socket);
        }
        let ports = hands
            .into_iter()
            .map(|hand| XskPort::new(&self.interface, &steer, hand))
            .collect::<std::result::Result<_, SteerError>>()
            .map_err(|error| explain::steering(&self.interface, &error))?;
        Ok(Opened { ports, steer, mode, queues: self.queues, why: self.why.join("; ") })
    }
}

fn bind_patiently(
    interface: &Interface,
    queue: u32,
    bind: Bind,
    rx_frames: u32,
) -> io::Result<XskSocket> {
    let mut tries = 0;
    loop {
        match XskSocket::bind(interface, queue, bind, rx_frames) {
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) && tries < BUSY_RETRIES => {
                tries += 1;
                std::thread::sleep(BUSY_RETRY);
            }
            result => return result,
        }
    }
}

/// Receive queues of an interface, as its driver tells; where it does not, as
/// /sys does, which knows only the namespace that it was mounted in.
fn rx_queues(interface: &str) -> u32 {
    let listed = || {
        let entries = std::fs::read_dir(format!("/sys/class/net/{interface}/queues")).ok()?;
        let count = entries
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("rx-"))
            .count();
        u32::try_from(count).ok()
    };
    ethtool::rx_queues(interface).filter(|&count| count > 0).or_else(listed).unwrap_or(1).max(1)
}

/// Receive frames of one socket, a power of two: all queues together hold a
/// burst of 32,768 replies, in 64 MiB, and no queue fewer than 1,024.
fn rx_frames(queues: u32) -> u32 {
    const ALL: u32 = 32_768;
    (ALL / queues.next_power_of_two()).clamp(1024, 8192)
}
