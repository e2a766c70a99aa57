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
//! With `-e` the same runs on a card, as far as its queues go.
//!
//! The AF_XDP port and the bare loop have queues of their own on the same link and
//! stay open, so that samples can be short and alternate fast.

use std::sync::{Arc, Barrier};
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use core_affinity::CoreId;
use prtip_bpf::abi::Key;
use prtip_bpf::bench::BenchProgram;
use prtip_engine::plan::probe::{ProbeConfig, Prober};
use prtip_engine::port::filter::ReplyFilter;
use prtip_engine::port::live::BURST;
use prtip_engine::port::packet::{self, PacketPort};
use prtip_engine::port::xsk::{self, XskPort};
use prtip_engine::port::{Port, SEND_BATCH};
use prtip_engine::scan::{SynOptions, XdpMode};

use crate::bare::Bare;
use crate::benchmark::{BenchArgs, Row, Setup, Table, Target};
use crate::cpu::{Clocks, Reading, Ticks, Whose};
use crate::lab::network::FAR;
use crate::paired::{Comparison, Side, interleave};
use crate::stage::Stage;
use crate::tx_live;
use crate::wire::{CardArgs, Wire};

/// Packets of one sample: some 70 ms.
pub(crate) const SAMPLE: u64 = 1 << 15;
/// Queues of the link: two for the engine, one for the replies of the live engine, one
/// for the bare loop.
const QUEUES: u32 = 4;
/// Batches tried on the AF_PACKET port.
const BATCHES: [usize; 4] = [8, 16, 32, SEND_BATCH];
/// Samples for each of them; their best counts.
const TRIES: usize = 3;
const BENCH: &str = "tx";
pub(crate) const PER_CPU: &str = "packets/CPU-s";

/// Measures and prints all rows.
///
/// # Errors
/// `Usage` for a card or target that cannot be one; without privileges, or when a port
/// cannot be had.
pub fn run(args: &BenchArgs, card: &CardArgs) -> Result<()> {
    if let Some(wire) = card.wire()? {
        let mut table = Table::new(args).over(&wire.over);
        let before = wire.left()?;
        measure(&wire, args.pairs, &mut table)?;
        table.say(&wire.account(before)?);
        return Ok(());
    }
    let stage = Stage::new(QUEUES)?;
    let _far_end = BenchProgram::drop_all(FAR)?;
    let mut table = Table::new(args);
    stage.in_scan(|| measure(&Wire::lab(QUEUES)?, args.pairs, &mut table))
}

fn measure(wire: &Wire, pairs: usize, table: &mut Table) -> Result<()> {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let prober = prober(wire)?;
    let queues = wire.queues.min(QUEUES);
    // One is the bare loop's, where there is more than one.
    let opened = open_xdp(wire, &prober, (queues - 1).max(1))?;
    wire.settle()?;
    let mut bench = Bench {
        wire,
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
    let mut ports = opened.ports.into_iter();
    let mut first = ports.next().context("a port on the first queue")?;
    let (second, third) = (ports.next(), ports.next());
    let core = cores.last().copied().context("no CPU to run on")?;
    ensure!(core_affinity::set_for_current(core), "cannot pin a thread to CPU {}", core.id);
    let clocks = Clocks::new(Whose::Thread, &[core]);

    let few = |row: &str, need: u32| {
        format!("left out: {row}: it takes {need} queues, and {} has {}", wire.name, wire.queues)
    };
    if queues > 1 {
        table.print(&bench.against_bare(&clocks, &mut first, queues - 1)?)?;
    } else {
        table.say(&few("the bare loop", 2));
    }
    table.print(&bench.against_packet(&clocks, &mut first)?)?;
    match third {
        Some(_) if wire.mode != XdpMode::Copy => {
            table.say("left out: the live engine, which is compared with copy mode");
        }
        Some(sockets) => {
            match tx_live::rows(wire, pairs, &bench.prober, &clocks, sockets, &mut first) {
                Ok(rows) => rows.iter().try_for_each(|row| table.print(row))?,
                // A driver need not be able to.
                Err(error) if !wire.lab => {
                    table.say(&format!("left out: the live engine: {error:#}"));
                }
                Err(error) => return Err(error),
            }
        }
        None => table.say(&few("the live engine", 4)),
    }
    match (second, &cores[..]) {
        (Some(mut second), &[.., one, two]) => {
            for row in bench.two_queues(&mut first, &mut second, [one, two])? {
                table.print(&row)?;
            }
        }
        (Some(_), _) => table.say("left out: two queues: there is one CPU only"),
        (None, _) => table.say(&few("two queues", 3)),
    }
    Ok(())
}

fn prober(wire: &Wire) -> Result<Prober> {
    let config = ProbeConfig {
        key: Key { k0: 1, k1: 2 },
        source_ports: 61_000..=65_535,
        attempts: 1,
        syn: SynOptions::Mss,
        ways: vec![wire.way()],
        way_of: None,
        contact: None,
    };
    Ok(Prober::new(Arc::new(wire.plan_of_all(7)?), &config)?)
}

fn open_xdp(wire: &Wire, prober: &Prober, queues: u32) -> Result<xsk::Opened> {
    let request = xsk::Request {
        interface: &wire.name,
        mode: wire.mode,
        require_zerocopy: wire.mode == XdpMode::Zerocopy,
        busy_poll_us: None,
        queues: Some(queues),
        probes: u64::MAX,
        workers: queues as usize,
        steer: &prober.steer_config(),
    };
    Ok(xsk::open(&request)?)
}

fn open_packet(wire: &Wire) -> Result<PacketPort> {
    Ok(PacketPort::open(packet::Config {
        interface: wire.name.clone(),
        ifindex: wire.index,
        filter: ReplyFilter {
            sources_v4: vec![wire.source],
            sources_v6: Vec::new(),
            source_ports: 61_000..=65_535,
            udp: false,
            echo: false,
            any_segment: false,
        },
        receive_buffer_bytes: 1 << 20,
    })?)
}

/// What all rows share.
struct Bench<'a> {
    wire: &'a Wire,
    setup: Setup,
    pairs: usize,
    prober: Prober,
    /// The next index to send.
    next: u64,
    /// CPUs of the machine.
    cpus: usize,
}

impl Bench<'_> {
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
        send(self.wire, port, &self.prober, from, SAMPLE, batch)
    }

    fn against_bare(
        &mut self,
        clocks: &Clocks,
        port: &mut XskPort,
        bare_queue: u32,
    ) -> Result<Row> {
        let mut frame = [0; 256];
        let len = self.prober.craft(0, 0, &mut frame);
        let mut bare = Bare::open(&self.wire.name, bare_queue, self.wire.mode, &frame[..len])?;
        self.wire.settle()?;
        self.sample(port, SEND_BATCH)?;
        self.wire.count(bare.send(SAMPLE)?)?;
        let mut softirqd_s = 0.0;
        let mut cpu_s = 0.0;
        let pairs = interleave(self.pairs, |side| {
            let start = clocks.read();
            let sent = match side {
                Side::Ours => self.sample(port, SEND_BATCH)?,
                Side::Theirs => bare.send(SAMPLE)?,
            };
            let took = clocks.read() - start;
            if side == Side::Theirs {
                self.wire.count(sent)?;
            }
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
        let mut packet = open_packet(self.wire)?;
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
        let (wire, prober, from) = (self.wire, &self.prober, self.next);
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
                        let sent = send(wire, port, prober, from, SAMPLE, SEND_BATCH);
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

/// Sends `probe(index, 0)` of `count` indices from `from` on; after the last index of
/// the plan comes the first one again.
pub(crate) fn send(
    wire: &Wire,
    port: &mut dyn Port,
    prober: &Prober,
    from: u64,
    count: u64,
    batch: usize,
) -> Result<u64> {
    const IDLE_TURNS: u32 = 1_000_000;
    let mut indices = [0; BURST];
    // The plan has a power of two pairs.
    let last = prober.plan().len() - 1;
    let (mut next, end, mut idle_turns) = (from, from + count, 0);
    while next < end {
        let want = batch.min((end - next) as usize);
        for (index, value) in indices.iter_mut().zip(next..next + want as u64) {
            *index = value & last;
        }
        let taken = port.send(prober, &indices[..want], 0)?;
        idle_turns = if taken == 0 { idle_turns + 1 } else { 0 };
        ensure!(idle_turns < IDLE_TURNS, "the kernel completes no frame any more");
        next += taken as u64;
    }
    wire.count(count)?;
    Ok(count)
}
