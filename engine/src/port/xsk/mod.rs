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
mod refusals;
mod socket;
mod sys;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prtip_bpf::abi::SteerConfig;
use prtip_bpf::steer::{AttachMode, Steer, SteerError};
use xsk_rs::config::Interface;

use super::{ethtool, numa};
use crate::error::Result;
use crate::scan::XdpMode;
pub use port::XskPort;
use socket::{Bind, XskSocket};

/// A socket that was just closed holds its queue until the kernel has torn its
/// rings down: so long and so often is a busy queue tried again.
const BUSY_RETRY: Duration = Duration::from_millis(25);
const BUSY_RETRIES: u32 = 40;

/// How long a link may take to come back after an attach.
const CARRIER_PATIENCE: Duration = Duration::from_secs(10);

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
    /// Probes in all: the replies of a small scan need few frames.
    pub probes: u64,
    /// Poll the card from our own calls, so many microseconds at a time.
    pub busy_poll_us: Option<u32>,
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

/// Binds a socket to every queue, attaches the steering program and lets it
/// redirect to them.
///
/// In this order, because drivers start to receive into the sockets' frames when a
/// program comes to sockets that wait for it; and attached once only, because some
/// cards take their link down for more than a second each time.
///
/// # Errors
/// With the likely cause and the remedy; nothing is left behind.
pub fn open(request: &Request<'_>) -> Result<Opened> {
    let interface = request.interface;
    let ifindex = sys::interface_index(interface)
        .map_err(|source| explain::no_such_interface(interface, source))?;
    let state = sys::link_state(interface)
        .map_err(|source| explain::no_such_interface(interface, source))?;
    if !state.up {
        return Err(explain::interface_down(interface));
    }
    let available = rx_queues(interface);
    let queues = match request.queues {
        None => available,
        Some(count) if (1..=available).contains(&count) => count,
        Some(count) => return Err(explain::bad_queue_count(interface, count, available)),
    };
    let steer = Steer::load(request.steer, available)
        .map_err(|error| explain::steering(interface, &error))?;
    if let Some(holder) = steer.holder_of(ifindex) {
        return Err(explain::held(interface, &holder));
    }

    let mut opener = Opener {
        interface: interface.into(),
        ifindex,
        driver: ethtool::driver(interface).unwrap_or_else(|| "of this interface".to_owned()),
        asked: request.mode,
        zerocopy_only: request.require_zerocopy || request.mode == XdpMode::Zerocopy,
        queues,
        probes: request.probes,
        steer,
        why: Vec::new(),
    };
    if queues < available {
        opener.why.push(format!(
            "only {queues} of {available} receive queues, as asked for: replies that come in \
             on the others are not seen"
        ));
    }
    let node = numa::node_of(interface);
    // Where it fails, the frames lie wherever they lie, which is said below.
    let near = node.and_then(|node| numa::Near::node(node).ok());
    let (mut sockets, mode) = match opener.native()? {
        Some(native) => native,
        None => (opener.generic()?, "generic"),
    };
    drop(near);
    if let (Some(node), Some(socket)) = (node, sockets.first()) {
        opener.why.push(match socket.numa_node() {
            Some(at) if at == node => format!("frames on NUMA node {node}, the card's"),
            Some(at) => format!("frames on NUMA node {at}, though the card is on {node}"),
            None => format!("the card is on NUMA node {node}"),
        });
    }
    if let Some(us) = request.busy_poll_us {
        for socket in &mut sockets {
            socket.busy_poll(us).map_err(|source| explain::no_busy_poll(interface, source))?;
        }
        opener.why.push(format!("busy polling, {us} us"));
    }
    opener.finish(sockets, mode, request.workers)
}

/// What is known while one is opening.
struct Opener {
    interface: Arc<str>,
    ifindex: u32,
    driver: String,
    asked: XdpMode,
    zerocopy_only: bool,
    queues: u32,
    probes: u64,
    steer: Steer,
    why: Vec<String>,
}

impl Opener {
    /// With the program in the driver: zero-copy, else copy. `None`, after saying
    /// why, when that cannot be and generic mode may be tried.
    fn native(&mut self) -> Result<Option<(Vec<XskSocket>, &'static str)>> {
        if self.asked == XdpMode::Generic && !self.zerocopy_only {
            self.why.push("generic mode as asked for".to_owned());
            return Ok(None);
        }
        if self.asked == XdpMode::Auto && !self.zerocopy_only && is_bundle(&self.driver) {
            self.why.push(format!(
                "a program in the drivers of the ports of a {} interface could not redirect to it",
                self.driver
            ));
            return Ok(None);
        }
        let (sockets, mode) = match self.bind_zerocopy()? {
            Some(sockets) => (sockets, "zerocopy"),
            None => (self.bind_copy()?, "copy"),
        };
        match self.attach(AttachMode::Native) {
            Ok(()) => {
                self.why.push(format!("the driver {} runs XDP natively", self.driver));
                Ok(Some((sockets, mode)))
            }
            Err(error) => self.refused(&error).map(|()| None),
        }
    }

    fn bind_zerocopy(&mut self) -> Result<Option<Vec<XskSocket>>> {
        if self.asked == XdpMode::Copy && !self.zerocopy_only {
            self.why.push("copy mode as asked for".to_owned());
            return Ok(None);
        }
        match self.bind(Bind::Zerocopy) {
            Ok(sockets) => {
                self.why.push(format!("the driver {} gives zero-copy", self.driver));
                Ok(Some(sockets))
            }
            Err((_, source)) if self.zerocopy_only => {
                let reason = source.to_string();
                Err(explain::no_zerocopy(&self.interface, &self.driver, &reason))
            }
            Err((queue, source)) => {
                self.why.push(format!(
                    "the driver {} gives no zero-copy (queue {queue}: {source})",
                    self.driver
                ));
                Ok(None)
            }
        }
    }

    fn bind_copy(&self) -> Result<Vec<XskSocket>> {
        self.bind(Bind::Copy)
            .map_err(|(queue, source)| explain::binding(&self.interface, queue, "copy", source))
    }

    fn generic(&mut self) -> Result<Vec<XskSocket>> {
        let sockets = self.bind_copy()?;
        self.attach(AttachMode::Generic)
            .map_err(|error| explain::steering(&self.interface, &error))?;
        Ok(sockets)
    }

    /// Attaches the program and waits for the link, which some cards take down
    /// meanwhile.
    fn attach(&mut self, mode: AttachMode) -> std::result::Result<(), SteerError> {
        let running = |interface: &str| sys::link_state(interface).is_ok_and(|state| state.running);
        let had_carrier = running(&self.interface);
        self.steer.attach(self.ifindex, mode)?;
        let deadline = Instant::now() + CARRIER_PATIENCE;
        while had_carrier && !running(&self.interface) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// The driver has refused the program: an error, unless generic mode may be tried.
    fn refused(&mut self, error: &SteerError) -> Result<()> {
        let SteerError::Attach { source, .. } = error else {
            return Err(explain::steering(&self.interface, error));
        };
        let held = matches!(source.raw_os_error(), Some(libc::EBUSY | libc::EEXIST));
        if held || error.is_denied() || self.asked == XdpMode::Copy {
            return Err(explain::steering(&self.interface, error));
        }
        if self.zerocopy_only {
            let reason = error.to_string();
            return Err(explain::no_zerocopy(&self.interface, &self.driver, &reason));
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
        let rx_frames = rx_frames(self.queues, self.probes);
        (0..self.queues)
            .map(|queue| {
                bind_patiently(&interface, queue, bind, rx_frames).map_err(|error| (queue, error))
            })
            .collect()
    }

    /// Deals the sockets out to the workers and opens the program's map to them.
    fn finish(self, sockets: Vec<XskSocket>, mode: &'static str, workers: usize) -> Result<Opened> {
        let steer = Arc::new(self.steer);
        let workers = workers.clamp(1, sockets.len());
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

/// Whether an interface is down or gone.
pub(super) fn is_down(interface: &str) -> bool {
    sys::link_state(interface).map_or(true, |state| !state.up)
}

pub(super) use explain::sending as explain_sending;

/// Whether an interface hands a native program on to the interfaces below it. Frames
/// then carry the queue of the one that they came in on, and the kernel delivers none
/// of them to a socket that is bound to the bundle (`xsk_rcv_check` in `net/xdp/xsk.c`).
pub(crate) fn is_bundle(driver: &str) -> bool {
    matches!(driver, "bonding" | "team")
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
pub(crate) fn rx_queues(interface: &str) -> u32 {
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

/// Receive frames of one socket, a power of two: 32,768 for all queues together,
/// which is 64 MiB, but for each no fewer than 1,024 and no more than 8,192; and no more
/// than eight for a probe, since making them is most of what a small scan costs.
fn rx_frames(queues: u32, probes: u64) -> u32 {
    const ALL: u32 = 32_768;
    let useful = probes.saturating_mul(8).clamp(1024, 8192) as u32;
    (ALL / queues.next_power_of_two()).clamp(1024, 8192).min(useful.next_power_of_two())
}

#[cfg(test)]
mod tests {
    use super::rx_frames;

    #[test]
    fn frames_are_shared_by_the_queues_and_a_small_scan_has_few() {
        assert_eq!(rx_frames(1, u64::MAX), 8192);
        assert_eq!(rx_frames(6, u64::MAX), 4096);
        assert_eq!(rx_frames(300, u64::MAX), 1024);
        assert_eq!(rx_frames(1, 1), 1024);
        assert_eq!(rx_frames(1, 200), 2048);
        assert_eq!(rx_frames(1, 1000), 8192);
    }
}
