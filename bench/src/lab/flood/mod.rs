//! A forger: while the command runs, it floods the scanner with replies to probes that
//! were perhaps never sent, with cookies that it has to guess, or, where it is given the
//! scan's key, with cookies next to the right one or right.
//!
//! * [`forger`]: what is forged. [`packet`]: how it looks on the wire.
//!
//! Here: when and how fast. The flood begins with the first probe that reaches the far end,
//! so that there is somebody to be deceived, and leaves from the far interface.

mod forger;
pub(super) mod packet;

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use prtip_bpf::abi::Key;
use serde_json::{Map, Value};

use super::args::Usage;
use super::kernel;
use super::targets::{Addresses, Ports};
use forger::Forger;
pub use forger::{Cookie, Family};

/// How often the flood looks whether it may begin.
const LOOK: Duration = Duration::from_millis(2);
/// What is made up for after a stall, at most.
const DEBT: Duration = Duration::from_millis(10);

/// The flags of the flood.
#[derive(Clone, Debug, Args)]
pub struct FloodArgs {
    /// Send forged replies to the scanner while CMD runs, from its first probe on: so many
    /// a second (or `max`), and no more than COUNT in all
    #[arg(long, value_name = "PPS[:COUNT]", value_parser = pace)]
    pub flood: Option<Pace>,
    /// What they claim to answer: tcp (SYN-ACKs, RSTs, ICMP errors that quote segments),
    /// udp (datagrams, port unreachable), echo (echo replies, ICMP errors)
    #[arg(long, value_enum, value_name = "LIST", value_delimiter = ',', default_value = "tcp")]
    pub flood_as: Vec<Family>,
    /// From these addresses
    #[arg(long, value_name = "LIST", default_value = "198.18.0.0/15,2001:2::/112")]
    pub flood_targets: String,
    /// From these ports
    #[arg(long, value_name = "LIST", default_value = "1-1024", allow_hyphen_values = true)]
    pub flood_ports: String,
    /// To these ports of the scanner, among which the forger guesses
    #[arg(long, value_name = "A-B", default_value = "61000-65535", value_parser = port_range)]
    pub flood_to: RangeInclusive<u16>,
    /// The key file of the scan (LOG.key), for which the flood waits: the forger knows the
    /// cookies of TCP probes
    #[arg(long, value_name = "FILE")]
    pub flood_key: Option<PathBuf>,
    /// Cookies of forged replies: random; near: off by one or by one bit; right (the last
    /// two need --flood-key)
    #[arg(long, value_enum, value_name = "KIND", default_value_t = Cookie::Random)]
    pub flood_cookie: Cookie,
}

/// How fast and how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// A second; `None`: as fast as it goes.
    pub pps: Option<u64>,
    /// In all; `u64::MAX` where nothing is said.
    pub count: u64,
}

fn pace(text: &str) -> Result<Pace> {
    let (pps, count) = match text.split_once(':') {
        Some((pps, count)) => (pps, count.parse().context("COUNT is no number")?),
        None => (text, u64::MAX),
    };
    let pps = match pps {
        "max" => None,
        number => Some(number.parse().context("PPS is neither a number nor max")?),
    };
    ensure!(pps != Some(0) && count > 0, "nothing would be sent");
    Ok(Pace { pps, count })
}

fn port_range(text: &str) -> Result<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let range = first.parse()?..=last.parse()?;
    ensure!(!range.is_empty(), "the range ends before it begins");
    Ok(range)
}

/// A flood that can begin.
pub struct Flood {
    forger: Forger,
    pace: Pace,
    key: Option<PathBuf>,
    socket: std::os::fd::OwnedFd,
}

impl Flood {
    /// Checks the flags; `None` where no flood is asked for. Opens nothing.
    pub fn check(args: &FloodArgs, seed: u64) -> Result<Option<(Forger, Pace)>> {
        let Some(pace) = args.flood else { return Ok(None) };
        let usage = |error: anyhow::Error| Usage(format!("--flood: {error:#}"));
        let targets = Addresses::parse(&args.flood_targets).map_err(usage)?;
        let ports = Ports::parse(&args.flood_ports, super::rule::Protocol::Tcp).map_err(usage)?;
        let sought = targets.within(&Addresses::of_the_lab());
        if sought.count() == 0 {
            bail!(Usage(format!("--flood-targets {}: not of the lab", args.flood_targets)));
        }
        if args.flood_cookie != Cookie::Random
            && (args.flood_key.is_none() || args.flood_as != [Family::Tcp])
        {
            bail!(Usage(
                "--flood-cookie near and right need --flood-key, and forge tcp alone".into()
            ));
        }
        let forger = Forger {
            random: forger::Random(seed ^ 0x666c_6f6f_6421),
            families: args.flood_as.clone(),
            targets: sought,
            ports,
            to: args.flood_to.clone(),
            cookie: args.flood_cookie,
            key: Key::default(),
            sent: [0; forger::KINDS.len()],
        };
        Ok(Some((forger, pace)))
    }

    /// Opens the way out of `ifindex`, which is of this thread's namespace.
    pub fn open(args: &FloodArgs, seed: u64, ifindex: u32) -> Result<Option<Self>> {
        let Some((forger, pace)) = Self::check(args, seed)? else { return Ok(None) };
        let socket = kernel::packet_socket(ifindex, 0).context("--flood: AF_PACKET")?;
        Ok(Some(Self { forger, pace, key: args.flood_key.clone(), socket }))
    }

    /// Floods from the moment that `begun` says yes, until `stop`; what was sent, by kind.
    pub fn run(
        mut self,
        stop: &AtomicBool,
        begun: impl Fn() -> bool,
    ) -> Result<Map<String, Value>> {
        let stopped = || stop.load(Ordering::Relaxed);
        while !stopped() {
            if let Some(path) = &self.key {
                if let Some(key) = read_key(path) {
                    self.forger.key = key;
                    self.key = None;
                }
            } else if begun() {
                break;
            }
            std::thread::sleep(LOOK);
        }
        let mut frame = Vec::with_capacity(256);
        let interval =
            self.pace.pps.map_or(Duration::ZERO, |pps| Duration::from_nanos(1_000_000_000 / pps));
        let mut due = Instant::now();
        let mut left = self.pace.count;
        while left > 0 && !stopped() {
            let now = Instant::now();
            due = due.max(now.checked_sub(DEBT).unwrap_or(now));
            if due > now {
                std::thread::sleep(due - now);
            }
            // A few at once, lest the clock cost more than the packets.
            for _ in 0..left.min(16) {
                self.forger.forge(&mut frame);
                send(&self.socket, &frame)?;
                left -= 1;
                due += interval;
            }
        }
        let kinds = forger::KINDS.iter().zip(self.forger.sent);
        Ok(kinds.map(|(name, count)| ((*name).to_owned(), count.into())).collect())
    }
}

/// Sends a frame, waiting while there is no room for it.
fn send(socket: &std::os::fd::OwnedFd, frame: &[u8]) -> Result<()> {
    loop {
        match rustix::net::send(socket, frame, rustix::net::SendFlags::empty()) {
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::NOBUFS | rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("--flood: send"),
        }
    }
}

/// A key file as `prtip` writes it: a line that says what it is, then 32 hexadecimal
/// digits. `None`: not there yet, or not whole.
fn read_key(path: &Path) -> Option<Key> {
    let text = std::fs::read_to_string(path).ok()?;
    let digits = text.strip_prefix("prtip key 1\n")?.strip_suffix('\n')?;
    let half = |range| u64::from_str_radix(digits.get(range)?, 16).ok();
    Some(Key { k0: half(0..16)?, k1: half(16..32)? })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_pace_is_a_rate_and_perhaps_a_count() {
        assert_eq!(pace("500").unwrap(), Pace { pps: Some(500), count: u64::MAX });
        assert_eq!(pace("max:7").unwrap(), Pace { pps: None, count: 7 });
        for bad in ["", "0", "5:0", "x", "5:x", "5:-1"] {
            assert!(pace(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_key_file_is_read_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k");
        assert_eq!(read_key(&path), None);
        let whole = "prtip key 1\n00000000000000ff0000000000000002\n";
        std::fs::write(&path, &whole[..30]).unwrap();
        assert_eq!(read_key(&path), None);
        std::fs::write(&path, whole).unwrap();
        assert_eq!(read_key(&path), Some(Key { k0: 255, k1: 2 }));
    }
}
