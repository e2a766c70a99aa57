//! A zombie for idle scans (`--zombie`): a host that counts its packets in the way that is
//! asked for, and answers whatever it has not asked for with a RST.
//!
//! ```text
//!   scan0 ──veth── lab0 (routes) zombie0 ──veth── zombie1, a packet socket
//!                  198.19.255.N  real servers       198.19.255.240
//!                  198.18.0.0/15 (the far end's program)
//! ```
//!
//! It is a third host: packets to it and from it are routed by the far kernel, so real
//! servers there are scanned by way of it as well as the synthetic hosts, whose replies to
//! packets in its name the far end's program hands to the kernel instead of sending them to
//! the scanner.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use prtip_signatures::os::sample::dice;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{RecvFlags, SendFlags};

use super::kernel;
use super::network::{FAR, ip_batch};
use super::personality::packet::{Answer, Head, Received, Segment, TCP, segment};

/// Last part of its address.
pub const LAST: u8 = 240;
/// Its address.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(198, 19, 255, LAST);
/// The far kernel's end of its link, and its own.
const NEAR: &str = "zombie0";
const OWN: &str = "zombie1";
const NEAR_MAC: [u8; 6] = [0x02, 0x70, 0x72, 0x74, 0x69, 0x10];
/// The zombie's: not that of `zombie1`, so that the kernel there leaves its packets alone.
const ITS_MAC: [u8; 6] = [0x02, 0x70, 0x72, 0x74, 0x69, 0x12];
const OWN_MAC: &str = "02:70:72:74:69:11";
/// The scanner's address.
const SCANNER: Ipv4Addr = Ipv4Addr::new(198, 19, 255, 1);
const LOOK: Duration = Duration::from_millis(50);
const FRAME_MAX: usize = 2048;
const ETHERNET: usize = 14;
const TYPE_IPV4: u16 = 0x0800;
const FLAGS: (u8, u8) = (4, 16);

/// How it counts its packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// One after the other, whoever they go to.
    #[default]
    Global,
    /// The same, with the low byte first.
    Swapped,
    /// The same, by twos.
    Twos,
    /// For each host apart.
    PerHost,
    /// At random.
    Random,
    /// Not at all: always zero, as Linux.
    Zero,
    /// One after the other, and some 50 packets a second go to others.
    Busy,
}

/// What came to pass.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// RSTs sent by the zombie.
    pub answered: u64,
    /// Packets of the scanner's own to hosts other than the zombie that the kernel answers for.
    pub direct: u64,
}

/// The zombie.
#[derive(Debug)]
pub struct Zombie {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Counts>>,
}

impl Zombie {
    /// Makes its link, lets this thread's namespace route, and starts it.
    ///
    /// # Errors
    /// Where the kernel refuses.
    pub fn start(kind: Kind, seed: u64, far_ifindex: u32) -> Result<Self> {
        let near_mac = super::network::mac_text(NEAR_MAC);
        let its_mac = super::network::mac_text(ITS_MAC);
        ip_batch(&format!(
            "link add {NEAR} address {near_mac} type veth peer name {OWN} address {OWN_MAC}\n\
             link set {NEAR} addrgenmode none\n\
             link set {OWN} addrgenmode none\n\
             link set {NEAR} up\n\
             link set {OWN} up\n\
             route add {ADDRESS}/32 dev {NEAR}\n\
             neigh add {ADDRESS} lladdr {its_mac} dev {NEAR} nud permanent\n\
             route add blackhole 198.18.0.0/15\n"
        ))?;
        for (name, value) in [
            ("ip_forward", "1"),
            ("conf/all/rp_filter", "0"),
            (format!("conf/{FAR}/rp_filter").as_str(), "0"),
            (format!("conf/{NEAR}/rp_filter").as_str(), "0"),
            // The far kernel routes to the zombie, in the servers' names too, and is they.
            (format!("conf/{FAR}/accept_local").as_str(), "1"),
            (format!("conf/{FAR}/send_redirects").as_str(), "0"),
            ("conf/all/send_redirects", "0"),
        ] {
            let path = format!("/proc/sys/net/ipv4/{name}");
            std::fs::write(&path, value).with_context(|| format!("--zombie: {path}"))?;
        }
        let socket = rustix::net::socket(
            rustix::net::AddressFamily::INET,
            rustix::net::SocketType::DGRAM,
            None,
        )?;
        let own = rustix::net::netdevice::name_to_index(&socket, OWN)?;
        let link = kernel::packet_socket(own, TYPE_IPV4).context("--zombie: AF_PACKET")?;
        let far = kernel::packet_socket(far_ifindex, TYPE_IPV4).context("--zombie: AF_PACKET")?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("zombie".to_owned())
            .spawn(move || live(kind, seed, &link, &far, &stopped))?;
        Ok(Self { stop, thread })
    }

    /// Ends it.
    ///
    /// # Errors
    /// What ended it before.
    pub fn stop(self) -> Result<Counts> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("the zombie's thread has panicked"))?
    }
}

/// Its identifications.
struct Counter {
    kind: Kind,
    value: u16,
    apart: HashMap<Ipv4Addr, u16>,
    draw: Box<dyn FnMut(u64) -> u64>,
}

impl Counter {
    fn new(kind: Kind, seed: u64) -> Self {
        let mut draw = Box::new(dice(seed));
        // Near the end of its range: it goes round.
        Self { kind, value: 0xffc0 + draw(32) as u16, apart: HashMap::new(), draw }
    }

    fn next(&mut self, to: Ipv4Addr) -> u16 {
        let step = if self.kind == Kind::Twos { 2 } else { 1 };
        self.value = self.value.wrapping_add(step);
        match self.kind {
            Kind::Global | Kind::Twos | Kind::Busy => self.value,
            Kind::Swapped => self.value.swap_bytes(),
            Kind::Random => (self.draw)(1 << 16) as u16,
            Kind::Zero => 0,
            Kind::PerHost => {
                let value = self.apart.entry(to).or_insert(self.value);
                *value = value.wrapping_add(1);
                *value
            }
        }
    }
}

/// What it answers to a packet that begins with its IPv4 header.
fn answer(counter: &mut Counter, packet: &[u8]) -> Option<Vec<u8>> {
    let received = Received::read(packet)?;
    if received.destination != ADDRESS || received.protocol != TCP {
        return None;
    }
    let asked = Segment::read(received.body)?;
    let (rst, ack) = FLAGS;
    if asked.flags & rst != 0 {
        return None;
    }
    let answer = if asked.flags & ack != 0 {
        Answer { seq: asked.ack, flags: rst, ..Answer::default() }
    } else {
        Answer { ack: asked.seq.wrapping_add(1), flags: rst | ack, ..Answer::default() }
    };
    let id = counter.next(received.source);
    let head = Head { ttl: 128, dont_fragment: false, id };
    Some(segment(&received, head, asked.ports, &answer))
}

fn live(
    kind: Kind,
    seed: u64,
    link: &std::os::fd::OwnedFd,
    far: &std::os::fd::OwnedFd,
    stop: &AtomicBool,
) -> Result<Counts> {
    let mut counter = Counter::new(kind, seed);
    let mut counts = Counts::default();
    let mut frame = [0; FRAME_MAX];
    let look = if kind == Kind::Busy { Duration::from_millis(20) } else { LOOK };
    while !stop.load(Ordering::Relaxed) {
        let mut ready = [PollFd::new(link, PollFlags::IN), PollFd::new(far, PollFlags::IN)];
        match poll(&mut ready, Some(&look.try_into()?)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("--zombie: poll"),
        }
        if kind == Kind::Busy {
            counter.value = counter.value.wrapping_add((counter.draw)(3) as u16 + 1);
        }
        while let Some(length) = take(link, &mut frame)? {
            let Some(packet) = frame.get(ETHERNET..length) else { continue };
            let Some(answer) = answer(&mut counter, packet) else { continue };
            let mut out = Vec::with_capacity(ETHERNET + answer.len());
            out.extend_from_slice(&NEAR_MAC);
            out.extend_from_slice(&ITS_MAC);
            out.extend_from_slice(&TYPE_IPV4.to_be_bytes());
            out.extend_from_slice(&answer);
            match rustix::net::send(link, &out, SendFlags::empty()) {
                Ok(_) => counts.answered += 1,
                Err(rustix::io::Errno::NOBUFS | rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error).context("--zombie: send"),
            }
        }
        while let Some(length) = take(far, &mut frame)? {
            let received = frame.get(ETHERNET..length).and_then(Received::read);
            counts.direct += u64::from(
                received.is_some_and(|it| it.source == SCANNER && it.destination != ADDRESS),
            );
        }
    }
    Ok(counts)
}

/// A frame that waits, if there is one: its length.
fn take(socket: &std::os::fd::OwnedFd, frame: &mut [u8]) -> Result<Option<usize>> {
    loop {
        match rustix::net::recv(socket, &mut *frame, RecvFlags::DONTWAIT) {
            Ok((length, _)) => return Ok(Some(length)),
            Err(rustix::io::Errno::AGAIN) => return Ok(None),
            Err(rustix::io::Errno::INTR | rustix::io::Errno::NETDOWN) => {}
            Err(error) => return Err(error).context("--zombie: recv"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_counts_in_its_way() {
        let (a, b) = (Ipv4Addr::new(198, 18, 0, 1), Ipv4Addr::new(198, 18, 0, 2));
        let ids = |kind| {
            let mut counter = Counter::new(kind, 1);
            [a, b, a, b].map(|to| counter.next(to))
        };
        let steps = |ids: [u16; 4]| [0, 1, 2].map(|at| ids[at + 1].wrapping_sub(ids[at]));
        assert_eq!(steps(ids(Kind::Global)), [1; 3]);
        assert_eq!(steps(ids(Kind::Twos)), [2; 3]);
        assert_eq!(steps(ids(Kind::Swapped).map(u16::swap_bytes)), [1; 3]);
        assert_eq!(ids(Kind::Zero), [0; 4]);
        let apart = ids(Kind::PerHost);
        assert_eq!(apart[2].wrapping_sub(apart[0]), 1);
        assert_eq!(apart[3].wrapping_sub(apart[1]), 1);
    }
}
