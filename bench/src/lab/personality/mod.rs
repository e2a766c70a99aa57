//! Hosts with a system of their own: `--personality DB:LINE` makes the lab answer nmap's
//! sixteen probes as the fingerprint on that line of a database does.
//!
//! * [`system`]: one host, packets in, packets out. [`numbers`]: sequence numbers,
//!   identifications and time stamps. [`packet`]: what packets look like.
//!
//! Here: which hosts there are, and the thread that answers for them. Their addresses are
//! of the lab's own, which the far end's program leaves to the kernel; the kernel has none
//! of them and says nothing, and a packet socket hears and answers. The answers keep no
//! cookie and no connection: probes are known by what they hold. Sequence numbers and time
//! stamps go on with the time at which probes come.

mod numbers;
pub(super) mod packet;
pub mod system;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use prtip_signatures::os::notation::{Family, LineId};
use prtip_signatures::os::{Database, sample};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{RecvFlags, SendFlags};

use super::args::Usage;
use super::delay::now_ns;
use super::kernel;
use super::network::{ROUTER_MAC, SCAN_MAC};
pub use system::System;

/// The open TCP port of each; all others are closed, and all UDP ports.
pub const OPEN_PORT: u16 = 80;
/// Last parts of their addresses, 198.19.255.N, but for that of a server.
const ADDRESSES: std::ops::Range<u8> = 128..240;
/// A real server's.
const TAKEN: u8 = 200;
/// How often the thread looks whether it is to end.
const LOOK: Duration = Duration::from_millis(50);
/// Largest frame that is looked at.
const FRAME_MAX: usize = 2048;
const ETHERNET: usize = 14;
const TYPE_IPV4: u16 = 0x0800;

/// `DB:LINE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// A file in the format of nmap-os-db.
    database: PathBuf,
    /// The line of a `Fingerprint` in it.
    line: u32,
}

/// Reads `DB:LINE`.
///
/// # Errors
/// Where it is not that.
pub fn wanted(text: &str) -> Result<Wanted> {
    let (database, line) = text.rsplit_once(':').context("DB:LINE, a file and a line of it")?;
    let line = line.parse().with_context(|| format!("{line:?} is no number of a line"))?;
    ensure!(!database.is_empty(), "no file before the colon");
    Ok(Wanted { database: database.into(), line })
}

/// The n-th personality's address.
fn address(place: usize) -> Option<Ipv4Addr> {
    let last = ADDRESSES.filter(|last| *last != TAKEN).nth(place)?;
    Some(Ipv4Addr::new(198, 19, 255, last))
}

/// Draws the hosts that are wanted, their values by `seed`; with each what it is called.
///
/// # Errors
/// A database that cannot be read, a line that is no fingerprint's, too many hosts.
pub fn draw(wanted: &[Wanted], seed: u64) -> Result<Vec<(String, System)>> {
    let mut databases: Vec<(&PathBuf, Database)> = Vec::new();
    let mut hosts = Vec::with_capacity(wanted.len());
    for (place, Wanted { database: file, line }) in wanted.iter().enumerate() {
        let told = || format!("--personality {}:{line}", file.display());
        let usage = |why: String| Usage(format!("{}: {why}", told()));
        if !databases.iter().any(|(known, _)| *known == file) {
            let bytes = std::fs::read(file).map_err(|error| usage(error.to_string()))?;
            let read = Database::read(&bytes).map_err(|faults| usage(faults.to_string()))?;
            databases.push((file, read));
        }
        let database = databases.iter().find_map(|(known, it)| (*known == file).then_some(it));
        let database = database.context("a database that was read")?;
        let system = database.systems().iter().find(|system| system.line == *line);
        let system = system.ok_or_else(|| usage("no Fingerprint begins on this line".into()))?;
        let address = address(place).ok_or_else(|| {
            let most = ADDRESSES.len() - 1;
            usage(format!("the lab has addresses for {most} personalities"))
        })?;
        let seed = seed ^ (u64::from(*line) << 32) ^ place as u64;
        let fingerprint = sample::host(database, system, Family::V4, sample::dice(seed));
        hosts.push((system.name.clone(), System::new(address, OPEN_PORT, fingerprint, seed)));
    }
    Ok(hosts)
}

/// What is said of the hosts, a line each.
pub fn told(hosts: &[(String, System)], wanted: &[Wanted]) -> String {
    let line = |((name, host), wanted): (&(String, System), &Wanted)| {
        let lines = Family::V4.lines().map(LineId::name);
        let silent = |line: &&str| line.len() == 2 && !host.answers(line);
        let silent: Vec<&str> = lines.filter(silent).collect();
        let silent = match &silent[..] {
            [] => String::new(),
            silent => format!(", no answer to {}", silent.join(", ")),
        };
        let (ip, line) = (host.address, wanted.line);
        format!("\nlab: {ip} line {line} {name:?}, {OPEN_PORT}/tcp open{silent}")
    };
    hosts.iter().zip(wanted).map(line).collect()
}

/// The thread that answers for them.
#[derive(Debug)]
pub struct Play {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<u64>>,
}

impl Play {
    /// Hears and answers at `ifindex`, which is of this thread's namespace.
    ///
    /// # Errors
    /// Without a packet socket.
    pub fn start(hosts: Vec<System>, ifindex: u32) -> Result<Self> {
        let socket =
            kernel::packet_socket(ifindex, TYPE_IPV4).context("--personality: AF_PACKET")?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("personality".to_owned())
            .spawn(move || play(hosts, &socket, &stopped))?;
        Ok(Self { stop, thread })
    }

    /// Ends it; how many packets were answered.
    ///
    /// # Errors
    /// What ended it before.
    pub fn stop(self) -> Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("the personalities' thread has panicked"))?
    }
}

fn play(mut hosts: Vec<System>, socket: &std::os::fd::OwnedFd, stop: &AtomicBool) -> Result<u64> {
    // Numbers go on with the time: it must not wait for a scanner. Where that is refused, the
    // numbers are a little less exact.
    let _ = kernel::run_first();
    let mut frame = [0; FRAME_MAX];
    let mut answered = 0;
    while !stop.load(Ordering::Relaxed) {
        let mut ready = [PollFd::new(socket, PollFlags::IN)];
        match poll(&mut ready, Some(&LOOK.try_into()?)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("--personality: poll"),
        }
        loop {
            let length = match rustix::net::recv(socket, &mut frame[..], RecvFlags::DONTWAIT) {
                Ok((length, _)) => length,
                Err(rustix::io::Errno::AGAIN) => break,
                Err(rustix::io::Errno::INTR | rustix::io::Errno::NETDOWN) => continue,
                Err(error) => return Err(error).context("--personality: recv"),
            };
            let Some(packet) = frame.get(ETHERNET..length) else { continue };
            let now = now_ns();
            // The destination of an IPv4 packet.
            let to = packet.get(16..20).and_then(|to| to.first_chunk());
            let Some(to) = to.map(|to: &[u8; 4]| Ipv4Addr::from_octets(*to)) else { continue };
            let Some(host) = hosts.iter_mut().find(|host| host.address == to) else { continue };
            let Some(answer) = host.answer(packet, now) else { continue };
            send(socket, &answer)?;
            answered += 1;
        }
    }
    Ok(answered)
}

/// Sends a packet to the scanner, in a frame from the router.
fn send(socket: &std::os::fd::OwnedFd, packet: &[u8]) -> Result<()> {
    let mut frame = Vec::with_capacity(ETHERNET + packet.len());
    frame.extend_from_slice(&SCAN_MAC);
    frame.extend_from_slice(&ROUTER_MAC);
    frame.extend_from_slice(&TYPE_IPV4.to_be_bytes());
    frame.extend_from_slice(packet);
    match rustix::net::send(socket, &frame, SendFlags::empty()) {
        // As on any wire: what finds no room is lost.
        Ok(_) | Err(rustix::io::Errno::NOBUFS | rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error).context("--personality: send"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_personality_is_a_file_and_a_line() {
        let of = |database: &str, line| Wanted { database: database.into(), line };
        assert_eq!(wanted("a:b/c:7").unwrap(), of("a:b/c", 7));
        for bad in ["", "7", "file", "file:", "file:x", ":7"] {
            assert!(wanted(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_cannot_be_played_is_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let of = |line| Wanted { database: file.path().into(), line };
        let told = |wanted: &[Wanted]| draw(wanted, 1).unwrap_err().to_string();
        assert!(told(&[of(1)]).contains("not a database"), "{}", told(&[of(1)]));
        std::fs::write(file.path(), "MatchPoints\nT2(R=1)\n\nFingerprint A\nT2(R=N)\n").unwrap();
        assert!(told(&[of(5)]).contains("no Fingerprint begins on this line"));
        assert!(told(&vec![of(4); 112]).contains("addresses for 111"));
        let hosts = draw(&vec![of(4); 111], 1).unwrap();
        assert!(hosts.iter().all(|(name, host)| name == "A" && host.address.octets()[3] != TAKEN));
    }
}
