//! `prtip-bench tx`: how fast probes leave, to a far end that drops them.
//!
//! The engine's sending path (a plan's indices through [`Port::send`]) against
//!
//! 1. a bare loop that sends one constant frame through the same kind of ring,
//! 2. the engine's own AF_PACKET port with the batch that suits it best,
//! 3. itself on one queue, where it uses two with a worker on each.
//!
//! [`tx_live`] has the rows of the live engine.
//!
//! Rows 1 and 2 count packets per CPU second (see [`cpu`](crate::cpu)): what
//! matters is the work, and a shared machine does not move it much. Row 3 is about
//! wall time, so it says how busy the CPUs were; its per-CPU twin shows whether
//! the queues get in each other's way even where no second CPU is free.
//!
//! The AF_XDP port and the bare loop have queues of their own on the same link and
//! stay open, so that samples can be short and alternate fast.

use std::net::Ipv4Addr;
use std::sync::{Arc, Barrier};
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use core_affinity::CoreId;
use prtip_bpf::abi::Key;
use prtip_bpf::bench::BenchProgram;
use prtip_engine::plan::origin::Way;
use prtip_engine::plan::probe::{ProbeConfig, Prober};
use prtip_engine::plan::{IpRange, Plan, PortSet};
use prtip_engine::port::filter::ReplyFilter;
use prtip_engine::port::live::BURST;
use prtip_engine::port::packet::{self, PacketPort};
use prtip_engine::port::xsk::{self, XskPort};
use prtip_engine::port::{Port, SEND_BATCH};
use prtip_engine::scan::{SynOptions, XdpMode};
use prtip_engine::wire::Link;
use rustix::net::{AddressFamily, SocketType};

use crate::bare::Bare;
use crate::benchmark::{BenchArgs, Row, Setup, Table, Target};
use crate::cpu::{Clocks, Reading, Ticks, Whose};
use crate::lab::network::{FAR, ROUTER_MAC, SCAN, SCAN_MAC};
use crate::paired::{Comparison, Side, interleave};
use crate::stage::Stage;
use crate::tx_live;

/// Packets of one sample: some 70 ms.
pub(crate) const SAMPLE: u64 = 1 << 15;
/// Queues of the link: two for the engine, one for the replies of the live engine, one
/// for the bare loop.
const QUEUES: u32 = 4;
const BARE_QUEUE: u32 = 3;
/// Batches tried on the AF_PACKET port.
const BATCHES: [usize; 4] = [8, 16, 32, SEND_BATCH];
/// Samples for each of them; their best counts.
const TRIES: usize = 3;
const BENCH: &str = "tx";
pub(crate) const PER_CPU: &str = "packets/CPU-s";

/// Our address in the scanner's namespace.
pub const SOURCE: Ipv4Addr = Ipv4Addr::new(198, 19, 255, 1);

/// Measures and prints all rows.
///
/// # Errors
/// Without privileges, or when a port cannot be had.
pub fn run(args: &BenchArgs) -> Result<()> {
    let stage = Stage::new(QUEUES)?;
    let _far_end = BenchProgram::drop_all(FAR)?;
    let mut table = Table::new(args);
    stage.in_scan(|| measure(args.pairs, &mut table))
}

fn measure(pairs: usize, table: &mut Table) -> Result<()> {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let prober = prober()?;
    let opened = open_xdp(&prober)?;
    let mut bench = Bench {
        setup: Setup {
            port_engine: "xdp".to_owned(),
            xdp_mode: Some(opened.mode.to_owned()),
            packet: "IPv4 SYN with MSS, 58 bytes (84 on the wire)".to_owned(),
        },
        pairs,
        prober,
        next: 0,
        cpus: cores.len(),
    };
    let [mut first, mut second, third] = <[XskPort; 3]>::try_from(opened.ports)
        .map_err(|ports| anyhow!("{} ports for three queues", ports.len()))?;
    let core = cores.last().copied().context("no CPU to run on")?;
    ensure!(core_affinity::set_for_current(core), "cannot pin a thread to CPU {}", core.id);
    let clocks = Clocks::new(Whose::Thread, &[core]);

    table.print(&bench.against_bare(&clocks, &mut first)?)?;
    table.print(&bench.against_packet(&clocks, &mut first)?)?;
    for row in tx_live::rows(pairs, &bench.prober, &clocks, third, &mut first)? {
        table.print(&row)?;
    }
    if let [.., one, two] = cores[..] {
        for row in bench.two_queues(&mut first, &mut second, [one, two])? {
            table.print(&row)?;
        }
    } else {
        eprintln!("prtip-bench: tx: one CPU only, so no row for two queues");
    }
    Ok(())
}

/// 2^32 pairs of the lab: more than any run sends.
fn prober() -> Result<Prober> {
    let targets =
        IpRange::prefix(Ipv4Addr::new(198, 18, 0, 0).into(), 15).context("a literal prefix")?;
    let mut builder = Plan::builder();
    builder.target(&[targets], true).ports(PortSet::new(1..=1 << 15)).seed(7);
    let config = ProbeConfig {
        key: Key { k0: 1, k1: 2 },
        source_ports: 61_000..=65_535,
        attempts: 1,
        syn: SynOptions::Mss,
        ways: vec![Way::new(
            Link::Ethernet { source: SCAN_MAC, destination: ROUTER_MAC, vlan: None },
            Some(SOURCE),
            None,
        )],
        way_of: None,
        contact: None,
    };
    Ok(Prober::new(Arc::new(builder.build()?), &config)?)
}

fn open_xdp(prober: &Prober) -> Result<xsk::Opened> {
    let request = xsk::Request {
        interface: SCAN,
        mode: XdpMode::Copy,
        require_zerocopy: false,
        busy_poll_us: None,
        queues: Some(3),
        workers: 3,
        steer: &prober.steer_config(),
    };
    Ok(xsk::open(&request)?)
}

fn open_packet() -> Result<PacketPort> {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    Ok(PacketPort::open(packet::Config {
        interface: SCAN.to_owned(),
        ifindex: rustix::net::netdevice::name_to_index(&socket, SCAN)?,
        filter: ReplyFilter {
            sources_v4: vec![SOURCE],
            sources_v6: Vec::new(),
            source_ports: 61_000..=65_535,
            udp: false,
            echo: false,
        },
        receive_buffer_bytes: 1 << 20,
    })?)
}

/// What all rows share.
struct Bench {
    setup: Setup,
    pairs: usize,
    prober: Prober,
    /// The next index to send.
    next: u64,
    /// CPUs of the machine.
    cpus: usize,
}

impl Bench {
    fn row(&self, row: String, unit: &'static str, vs: String, pairs: &[(f64, f64)]) -> Row {
        Row {
            bench: BENCH,
            row,
            unit,
            vs,
            compared: Comparison::of(pairs),
            target: None,
            setup: self.setup.clone(),
            note: None,
        }
    }

    /// Packets per CPU second of `work`, which sends one sample and returns its size.
    fn per_cpu_s(clocks: &Clocks, work: impl FnOnce() -> Result<u64>) -> Result<f64> {
        let start = clocks.read();
        let sent = work()?;
        Ok(sent as f64 / (clocks.read() - start).cpu_s())
    }

    /// Sends one sample through `port` in batches of `batch`.
    fn sample(&mut self, port: &mut dyn Port, batch: usize) -> Result<u64> {
        let from = self.next;
        self.next += SAMPLE;
        send(port, &self.prober, from, SAMPLE, batch)
    }

    fn against_bare(&mut self, clocks: &Clocks, port: &mut XskPort) -> Result<Row> {
        let mut frame = [0; 256];
        let len = self.prober.craft(0, 0, &mut frame);
        let mut bare = Bare::open(SCAN, BARE_QUEUE, &frame[..len])?;
        self.sample(port, SEND_BATCH)?;
        bare.send(SAMPLE)?;
        let mut softirqd_s = 0.0;
        let mut cpu_s = 0.0;
        let pairs = interleave(self.pairs, |side| {
            let start = clocks.read();
            let sent = match side {
                Side::Ours => self.sample(port, SEND_BATCH)?,
                Side::Theirs => bare.send(SAMPLE)?,
            };
            let took = clocks.read() - start;
            softirqd_s += took.softirqd_s;
            cpu_s += took.cpu_s();
            Ok::<_, anyhow::Error>(sent as f64 / took.cpu_s())
        })?;
        let row = format!("AF_XDP engine, one queue, batches of {SEND_BATCH}");
        let vs = "a bare AF_XDP loop that sends one constant frame".to_owned();
        let note = if clocks.softirqd_seen() {
            format!("{:.0} % of the CPU time was that of ksoftirqd", 100.0 * softirqd_s / cpu_s)
        } else {
            "ksoftirqd cannot be seen here: CPU time is that of the sending thread alone".to_owned()
        };
        Ok(Row {
            target: Some(Target::AtLeast(0.95)),
            note: Some(note),
            ..self.row(row, PER_CPU, vs, &pairs)
        })
    }

    fn against_packet(&mut self, clocks: &Clocks, port: &mut XskPort) -> Result<Row> {
        let mut packet = open_packet()?;
        let mut best = (0.0, SEND_BATCH);
        for batch in BATCHES {
            for _ in 0..TRIES {
                let rate = Self::per_cpu_s(clocks, || self.sample(&mut packet, batch))?;
                if rate > best.0 {
                    best = (rate, batch);
                }
            }
        }
        let batch = best.1;
        let pairs = interleave(self.pairs, |side| {
            Self::per_cpu_s(clocks, || match side {
                Side::Ours => self.sample(port, SEND_BATCH),
                Side::Theirs => self.sample(&mut packet, batch),
            })
        })?;
        let row = format!("AF_XDP engine, one queue, batches of {SEND_BATCH}");
        let vs = format!("our AF_PACKET engine, qdisc bypassed, its best batch of {batch}");
        Ok(Row { target: Some(Target::AtLeast(1.2)), ..self.row(row, PER_CPU, vs, &pairs) })
    }

    fn two_queues(
        &mut self,
        first: &mut XskPort,
        second: &mut XskPort,
        cores: [CoreId; 2],
    ) -> Result<[Row; 2]> {
        let process = Clocks::new(Whose::Process, &cores);
        let (ticks, start) = (Ticks::now(), process.read());
        let mut per_cpu = Vec::new();
        let wall = interleave(self.pairs, |side| {
            let mut ports: Vec<&mut XskPort> = vec![first];
            if side == Side::Ours {
                ports.push(second);
            }
            let workers = ports.len() as f64;
            let took = self.together(ports, &cores)?;
            let sent = workers * SAMPLE as f64;
            let rate = sent / took.cpu_s();
            match (side, per_cpu.last_mut()) {
                (Side::Theirs, Some((_, theirs))) => *theirs = rate,
                _ => per_cpu.push((rate, 0.0)),
            }
            Ok::<_, anyhow::Error>(sent / took.wall_s)
        })?;
        let took = process.read() - start;
        let cpus = self.cpus;
        let others = Ticks::now().others_since(ticks, cpus, took.cpu_s() / took.wall_s);
        let note = if others > 0.1 {
            format!(
                "the CPUs were NOT free: other processes took {others:.2} of {cpus} CPUs, so this says \
                 little about the queues; see the row per CPU"
            )
        } else {
            format!("the CPUs were free: other processes took {others:.2} of {cpus}")
        };
        let row = "AF_XDP engine, two queues and two pinned workers".to_owned();
        let vs = "one queue and one worker".to_owned();
        Ok([
            Row {
                target: Some(Target::AtLeast(1.7)),
                note: Some(note),
                ..self.row(format!("{row}, wall time"), "packets/s", vs.clone(), &wall)
            },
            Row { target: Some(Target::AtLeast(0.85)), ..self.row(row, PER_CPU, vs, &per_cpu) },
        ])
    }

    /// Has each port send a sample from a thread pinned to its core, all starting
    /// together: the sum of CPU times, and the wall time until the last has finished.
    fn together(&mut self, ports: Vec<&mut XskPort>, cores: &[CoreId]) -> Result<Reading> {
        let barrier = Barrier::new(ports.len());
        let (prober, from) = (&self.prober, self.next);
        self.next += SAMPLE * ports.len() as u64;
        let (mut sum, mut began_s, mut ended_s) = (Reading::default(), f64::MAX, f64::MIN);
        thread::scope(|scope| {
            let workers: Vec<_> = (from..)
                .step_by(SAMPLE as usize)
                .zip(ports)
                .zip(cores)
                .map(|((from, port), &core)| {
                    let barrier = &barrier;
                    scope.spawn(move || {
                        let pinned = core_affinity::set_for_current(core);
                        let clocks = Clocks::new(Whose::Thread, &[core]);
                        barrier.wait();
                        let start = clocks.read();
                        let sent = send(port, prober, from, SAMPLE, SEND_BATCH);
                        let end = clocks.read();
                        ensure!(pinned, "cannot pin a thread to CPU {}", core.id);
                        sent.map(|_| (start, end))
                    })
                })
                .collect();
            for worker in workers {
                let (start, end) =
                    worker.join().map_err(|_| anyhow!("a sending thread panicked"))??;
                sum.own_s += (end - start).own_s;
                sum.softirqd_s += (end - start).softirqd_s;
                began_s = began_s.min(start.wall_s);
                ended_s = ended_s.max(end.wall_s);
            }
            sum.wall_s = ended_s - began_s;
            Ok(sum)
        })
    }
}

/// Sends `probe(index, 0)` of `count` indices from `from` on.
pub(crate) fn send(
    port: &mut dyn Port,
    prober: &Prober,
    from: u64,
    count: u64,
    batch: usize,
) -> Result<u64> {
    const IDLE_TURNS: u32 = 1_000_000;
    let mut indices = [0; BURST];
    let (mut next, end, mut idle_turns) = (from, from + count, 0);
    while next < end {
        let want = batch.min((end - next) as usize);
        for (index, value) in indices.iter_mut().zip(next..next + want as u64) {
            *index = value;
        }
        let taken = port.send(prober, &indices[..want], 0)?;
        idle_turns = if taken == 0 { idle_turns + 1 } else { 0 };
        ensure!(idle_turns < IDLE_TURNS, "the kernel completes no frame any more");
        next += taken as u64;
    }
    Ok(count)
}
