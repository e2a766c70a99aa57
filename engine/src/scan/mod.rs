//! Runs a plan through a port: pacing, validation, the window, the ledger.

pub mod capture;
pub mod clock;
mod eta;
pub(crate) mod fault;
mod finished;
mod governor;
mod hunt;
mod icmp_limit;
pub mod ledger;
pub(crate) mod neighbours;
pub(crate) mod opener;
mod options;
pub mod pace;
mod refusals;
mod run;
#[cfg(test)]
mod run_tests;
pub mod sample;
mod search;
mod searching;
pub mod send_time;
mod setup;
pub mod shared;
pub mod stages;
mod verdict;
mod ways;
pub mod window;
mod worker;

use std::ops::Range;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use crate::error::Error;
use crate::event::PortEvent;
use crate::latency::Latency;
use crate::plan::Purpose;
use capture::Frame;
use ledger::{Ledger, Steering};
pub use options::{EngineChoice, LinkAnswers, Options, Rate, Resume, SynOptions, XdpMode};
pub use search::Found;
pub use setup::{Prepared, prepare};
use stages::Stages;

/// Asks a running scan to end, or to change its rate; shared with signal handlers.
#[derive(Debug, Default)]
pub struct Control {
    level: AtomicU8,
    /// Probes a second, rounded up; 0: as the options say.
    rate: AtomicU64,
}

impl Control {
    /// First call: stop sending, drain the cooldown. Second: stop at once.
    pub fn stop(&self) {
        let _ = self.level.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |level| {
            Some(level.saturating_add(1))
        });
    }

    /// 0 running, 1 draining, 2 and more: stop at once.
    #[must_use]
    pub fn level(&self) -> u8 {
        self.level.load(Ordering::Relaxed)
    }

    /// From now on a scan that was given a rate sends so many probes a second instead.
    pub fn set_rate(&self, pps: f64) {
        self.rate.store((pps.ceil() as u64).max(1), Ordering::Relaxed);
    }

    /// What [`Control::set_rate`] was told, where it was.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        Some(self.rate.load(Ordering::Relaxed) as f64).filter(|&rate| rate > 0.0)
    }
}

/// How a scan will run, known before the first probe.
#[derive(Clone, Debug)]
pub struct Info {
    /// `xdp`, `live`, `packet` or `raw`.
    pub port_engine: &'static str,
    /// `zerocopy`, `copy` or `generic`; `None` without AF_XDP.
    pub xdp_mode: Option<&'static str>,
    /// Names of the interfaces, comma-separated.
    pub interface: String,
    /// Queues bound, workers started.
    pub queues: u32,
    /// Worker threads.
    pub workers: u32,
    /// Why this engine and mode, one sentence.
    pub why: String,
    /// Attempts per pair, retries included.
    pub attempts: u8,
    /// UDP: among how many of our ports a forged answer must guess, and how many bits of
    /// transaction id it must guess besides, at the weakest port and at the strongest.
    pub udp_guess: Option<(u32, u32, u32)>,
    /// Bytes of one probe on the wire: frame with FCS, preamble and gap, 0 on loopback.
    pub wire_bytes: u32,
}

/// Where a scan stands; made a few times a second.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Probes sent so far, retries included.
    pub sent: u64,
    /// Valid replies so far, duplicates included.
    pub replies: u64,
    /// Open ports so far.
    pub open: u64,
    /// Ring, event and interface drops so far.
    pub drops: u64,
    /// 0-100 of everything, cooldown included.
    pub percent: f64,
    /// Seconds to the end, cooldown and retries included.
    pub eta_s: f64,
    /// Probes a second since the last progress.
    pub pps: f64,
    /// Probes a second since the start.
    pub pps_average: f64,
    /// What the search for the rate aims at now, probes a second.
    pub aim: Option<f64>,
}

/// Takes what a scan finds, on the thread that called [`Prepared::run`].
pub trait Observer {
    /// A new or revised result. Must not fail; a sink that cannot write keeps
    /// the error and reports it at the end.
    fn port(&mut self, event: &PortEvent);
    /// Where the scan stands, about four times a second.
    fn progress(&mut self, progress: &Progress);
    /// The indices that are finished, of this run and those before it, ascending and
    /// apart; every result of theirs has been handed over. About once a second.
    fn checkpoint(&mut self, _finished: &[Range<u64>]) {}
    /// Whether more results may come now. Where not they wait on the buses, sending is
    /// slowed down, and all else goes on.
    fn has_room(&mut self) -> bool {
        true
    }
    /// The same of frames; those that find no place are dropped and counted.
    fn has_room_for_frames(&mut self) -> bool {
        true
    }
    /// An accepted reply as it was received, where frames were asked for
    /// ([`Options::frames`]).
    fn frame(&mut self, _frame: &Frame) {}
    /// The last probe was sent at `at_ns`, CLOCK_MONOTONIC: what comes later comes in the
    /// cooldown.
    fn all_sent(&mut self, _at_ns: u64) {}
    /// A pause without results: time to submit buffers. Called at least every 50 ms.
    fn idle(&mut self);
}

/// What a finished scan says.
#[derive(Debug)]
pub struct Report {
    /// The books.
    pub ledger: Ledger,
    /// What the steering program counted, where there was one.
    pub steering: Option<Steering>,
    /// Ports or hosts.
    pub purpose: Purpose,
    /// TCP ports were probed with ACKs.
    pub acks: bool,
    /// Ports open, or hosts up, at the end.
    pub open: u64,
    /// Ports closed at the end; unfiltered ones, where ACKs were sent.
    pub closed: u64,
    /// Ports filtered at the end: ICMP errors and silence. Hosts that are not up.
    pub filtered: u64,
    /// UDP ports asked of each address: what stays silent there may be open.
    pub udp_ports: u64,
    /// From the first probe to the end of the cooldown.
    pub elapsed: Duration,
    /// Round-trip times of the first valid answers.
    pub latency: Latency,
    /// How much later than scheduled probes left; `None` where no rate was asked for.
    pub lag: Option<Latency>,
    /// The engine's own stages, where they were asked for.
    pub stages: Option<Stages>,
    /// What the search for the rate has found.
    pub rate_found: Option<Found>,
    /// [`Control::stop`] was called before the end, the cooldown included.
    pub stopped: bool,
    /// Why `unaccounted` is not 0, or other words the user should read.
    pub remarks: Vec<String>,
    /// Why the scan ended before its time, where it did: sending became impossible.
    pub failure: Option<Error>,
}
