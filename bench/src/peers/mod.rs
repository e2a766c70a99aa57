//! `prtip-bench peers`: masscan, zmap and nmap beside prtip, on the same lab.
//!
//! Each comparison is a series of pairs, ours and theirs in turn on the same link,
//! the same far end and the same part of the synthetic internet:
//!
//! * `max`: both as fast as they can, whatever they lose;
//! * `full`: each at the highest rate at which it finds at least 99.9 %;
//! * `equal`: both at half of the highest rate of the peer.
//!
//! A series gives rows for probes per CPU second, probes per second, recall,
//! precision and peak memory.
//!
//! * [`scanner`]: who takes part and how each is called; [`output`]: what they write;
//! * [`work`]: what is scanned, and the judge; [`trial`]: one scan, measured;
//! * [`search`]: which flags suit a scanner; [`series`]: the rows;
//!   [`plot`]: recall against rate.

pub mod output;
pub mod plot;
pub mod scanner;
pub mod search;
pub mod series;
pub mod trial;
pub mod work;

use std::collections::HashMap;
use std::ffi::CStr;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use prtip_bpf::lab::{Lab, LabConfig};
use rustix::mount::{MountFlags, mount};
use rustix::net::{AddressFamily, SocketType};

use crate::benchmark::{BenchArgs, Table};
use crate::cpu::{Clocks, Whose};
use crate::lab::args::Usage;
use crate::lab::network::{FAR, ROUTER_MAC, ROUTER_V4, ROUTER_V6};
use crate::lab::rule::Rule;
use crate::lab::{Privileges, keeper, kernel, packages};
use crate::stage::Stage;
use scanner::{Installed, OURS, PEERS, Scan, Scanner};
use search::Choice;
use trial::{Arena, Outcome};
use work::{Truth, Work};

/// How long the sending of a sample takes where its rate is given.
const SAMPLE: Duration = Duration::from_millis(2500);
/// Between two packets of the far end that no scanner asked for.
const TRICKLE: Duration = Duration::from_millis(100);

/// `prtip-bench peers`.
#[derive(Clone, Debug, Args)]
pub struct PeersArgs {
    /// What all benchmarks take.
    #[command(flatten)]
    pub bench: BenchArgs,
    /// Peers to compare with, comma-separated: masscan, zmap, nmap
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "masscan,zmap,nmap", value_parser = peer)]
    pub only: Vec<&'static Scanner>,
    /// Port engines of prtip to compare, comma-separated: prtip-xdp and others
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = OURS[0].name, value_parser = engine)]
    pub engine: Vec<&'static Scanner>,
    /// Series to measure, comma-separated
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "max,full,equal",
        value_enum
    )]
    pub series: Vec<Series>,
    /// Probes of a sample; nmap gets 16,384 at most
    #[arg(long, value_name = "N", default_value_t = 1 << 19, value_parser = clap::value_parser!(u64).range(1 << 10..=1 << 26))]
    pub probes: u64,
    /// Go no faster than this in the series `equal` and in the plot
    #[arg(long, value_name = "PPS", value_parser = clap::value_parser!(u64).range(100..))]
    pub most_rate: Option<u64>,
    /// Draw recall against rate of all of them into this file
    #[arg(long, value_name = "FILE.svg")]
    pub svg: Option<PathBuf>,
    /// Seed of the synthetic internet
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub seed: u64,
    /// Share of all pairs that are open, per mille
    #[arg(long, value_name = "PM", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub open: u32,
    /// Share of all pairs that are closed, per mille
    #[arg(long, value_name = "PM", default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub closed: u32,
    /// Queues of both ends of the link
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub queues: u32,
    /// The prtip to measure [default: the one beside this program]
    #[arg(long, value_name = "FILE")]
    pub prtip: Option<PathBuf>,
}

/// A series of pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Series {
    /// Both as fast as they can
    Max,
    /// Each at the highest rate at which it finds at least 99.9 %
    Full,
    /// Both at half of the peer's highest rate
    Equal,
}

fn peer(name: &str) -> Result<&'static Scanner, String> {
    named(&PEERS, name)
}

fn engine(name: &str) -> Result<&'static Scanner, String> {
    named(&OURS, name)
}

fn named(all: &'static [Scanner], name: &str) -> Result<&'static Scanner, String> {
    all.iter().find(|scanner| scanner.name == name).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|scanner| scanner.name).collect();
        format!("there are {}", names.join(", "))
    })
}

/// Measures and prints all rows, and draws the plot.
///
/// # Errors
/// Without privileges; where a scanner cannot be had or does not do its work.
pub fn run(args: &PeersArgs) -> Result<()> {
    if args.open + args.closed > 1000 {
        let sum = args.open + args.closed;
        let text = format!("--open and --closed are {sum} per mille of all pairs, more than 1000");
        return Err(Usage(text).into());
    }
    if !rustix::process::geteuid().is_root() {
        return Err(Privileges("the benchmark").into());
    }
    let prtip = match &args.prtip {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.with_file_name("prtip"),
    };
    let install = |scanner: &&'static Scanner| scanner.install(&prtip);
    let ours = args.engine.iter().map(install).collect::<Result<Vec<_>>>()?;
    let peers = args.only.iter().map(install).collect::<Result<Vec<_>>>()?;
    let folder = packages::cache_dir()?.join("run");

    // Packages came by the host's network. From here on signals are waited for while
    // a scanner runs, and all threads inherit that.
    kernel::block_signals();
    let stage = Stage::new(args.queues)?;
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    let ifindex = rustix::net::netdevice::name_to_index(&socket, FAR)?;
    let rule = Rule { seed: args.seed, open: args.open, closed: args.closed, icmp: 0 };
    let mut lab = Lab::load(configuration(rule)).context("the lab's far end")?;
    lab.attach(FAR, ifindex).context("the lab's far end")?;

    let (stop, stopped) = channel();
    thread::scope(|scope| {
        // Dropped on every way out of this scope, which ends the trickle.
        let _stop = stop;
        scope.spawn(move || trickle(&stopped));
        stage.in_scan(|| {
            private_folder(&folder)?;
            let cores = core_affinity::get_core_ids().unwrap_or_default();
            let clocks = Clocks::new(Whose::Process, &cores);
            let arena = Arena { lab: &lab, clocks: &clocks, folder: &folder };
            let mut field = Field { arena, rule, truths: HashMap::new(), seed: 0 };
            measure(args, &mut field, &ours, &peers)
        })
    })
}

fn configuration(rule: Rule) -> LabConfig {
    LabConfig {
        seed: rule.seed,
        open_below: rule.open,
        closed_below: rule.open + rule.closed,
        icmp_below: rule.open + rule.closed + rule.icmp,
        router_v4: ROUTER_V4.octets(),
        router_v6: ROUTER_V6.octets(),
        router_mac: ROUTER_MAC,
        ..LabConfig::default()
    }
}

/// A little traffic that nobody asked for, as every real link has: without any,
/// masscan's receiver waits for ever.
fn trickle(stopped: &Receiver<()>) {
    let to = (Ipv4Addr::new(198, 19, 255, 1), 9);
    let socket = UdpSocket::bind((ROUTER_V4, 0));
    while stopped.recv_timeout(TRICKLE) == Err(RecvTimeoutError::Timeout) {
        if let Ok(socket) = &socket {
            // Where it is refused, that is what we wanted: a packet.
            let _ = socket.send_to(b"prtip-bench", to);
        }
    }
}

/// Gives this thread, and what it starts, its own view of the file system, in which
/// `folder` is empty and vanishes with it: masscan writes where it runs.
fn private_folder(folder: &Path) -> Result<()> {
    keeper::private_mounts().context("cannot make a private view of the file system")?;
    let no_data: Option<&CStr> = None;
    mount("tmpfs", folder, "tmpfs", MountFlags::empty(), no_data)
        .with_context(|| format!("tmpfs on {}", folder.display()))
}

/// Where scans run, and what is true there.
#[derive(Debug)]
pub struct Field<'a> {
    arena: Arena<'a>,
    rule: Rule,
    truths: HashMap<Work, Truth>,
    seed: u64,
}

impl Field<'_> {
    /// Runs one scan; each has another seed.
    ///
    /// # Errors
    /// Those of [`Arena::run`].
    pub fn run(&mut self, scanner: &Installed, choice: Choice, work: Work) -> Result<Outcome> {
        self.seed += 1;
        let scan = Scan { work, pace: choice.pace, flags: choice.flags, seed: self.seed };
        let pairs = scanner.pairs(work);
        let truth = self.truths.entry(pairs).or_insert_with(|| Truth::of(pairs, self.rule));
        self.arena.run(scanner, &scan, truth)
    }
}

fn measure(
    args: &PeersArgs,
    field: &mut Field<'_>,
    ours: &[Installed],
    peers: &[Installed],
) -> Result<()> {
    let mut table = Table::new(&args.bench);
    let work = Work::about(args.probes);
    let mut known = HashMap::new();
    for peer in peers {
        for own in ours {
            series::measure(args, field, &mut table, work, [own, peer], &mut known)?;
        }
    }
    match &args.svg {
        Some(path) => plot::draw(args, field, ours.iter().chain(peers), work, &mut known, path),
        None => Ok(()),
    }
}
