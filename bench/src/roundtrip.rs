//! `prtip-bench roundtrip`: probes out, answers in and judged, to the lab's far end
//! with every port open.
//!
//! The whole engine (a scan as `prtip` runs it: pacing, steering program with the
//! cookie check, validation, window, round-trip time, events on the bus) against a
//! bare echo loop on the same link and the same far end: one constant SYN to an
//! open port, a steering program that redirects everything, received frames only
//! counted.
//!
//! Further rows are the live engine's ([`roundtrip_live`]).
//!
//! With `-e` the same runs on a card, to targets that should answer every probe.
//!
//! Either side takes the link anew for each sample, because one program fits on it.
//! CPU time is that of the whole process, so the engine's coordinator is in it.

use std::net::IpAddr;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use prtip_bpf::abi::Key;
use prtip_bpf::bench::BenchProgram;
use prtip_bpf::lab::{Lab, LabConfig};
use prtip_engine::event::PortEvent;
use prtip_engine::plan::Plan;
use prtip_engine::plan::probe::{ProbeConfig, Prober};
use prtip_engine::scan::{
    Control, EngineChoice, Observer, Options, Prepared, Progress, Rate, SynOptions, XdpMode,
    prepare,
};
use rustix::net::{AddressFamily, SocketType};

use crate::bare::Bare;
use crate::benchmark::{BenchArgs, Row, Setup, Table, Target};
use crate::cpu::{Clocks, Reading, Whose};
use crate::event_cost;
use crate::lab::network::{FAR, ROUTER_MAC, ROUTER_V4, ROUTER_V6};
use crate::paired::{Comparison, Side, interleave};
use crate::roundtrip_live;
use crate::stage::Stage;
use crate::wire::{CardArgs, Wire};

/// Round trips of one sample: some 200 ms.
const SAMPLE: u64 = 1 << 16;
/// How long the engine listens after its last probe, and the loop after its last frame.
const PATIENCE: Duration = Duration::from_millis(10);
const KEY: Key = Key { k0: 1, k1: 2 };

/// Measures and prints the rows.
///
/// # Errors
/// `Usage` for a card or target that cannot be one; without privileges, or when a port
/// cannot be had.
pub fn run(args: &BenchArgs, card: &CardArgs) -> Result<()> {
    match card.wire()? {
        Some(wire) => on_card(&wire, args),
        None => in_lab(args),
    }
}

/// Measures and prints what an event log costs.
///
/// # Errors
/// As [`run`].
pub fn events(args: &BenchArgs, card: &CardArgs) -> Result<()> {
    let mut table = Table::new(args);
    match card.wire()? {
        Some(wire) => {
            let before = wire.left()?;
            table = table.over(&wire.over);
            table.print(&event_cost::measure(&wire, args.pairs)?)?;
            table.say(&wire.account(before)?);
        }
        None => {
            let stage = Stage::new(1)?;
            let socket = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)?;
            let ifindex = rustix::net::netdevice::name_to_index(&socket, FAR)?;
            let mut far_end = Lab::load(all_open()).context("the lab's far end")?;
            far_end.attach(FAR, ifindex).context("the lab's far end")?;
            table.print(&stage.in_scan(|| event_cost::measure(&Wire::lab(1)?, args.pairs))?)?;
        }
    }
    Ok(())
}

/// The rows that a card and any target that answers allow.
fn on_card(wire: &Wire, args: &BenchArgs) -> Result<()> {
    let mut table = Table::new(args).over(&wire.over);
    let before = wire.left()?;
    if wire.queues == 1 {
        table.print(&measure(wire, args.pairs)?)?;
    } else {
        // The card's hash, or the far end, chooses the queue of an answer.
        table.say(&format!(
            "left out: the bare echo loop: it listens on one queue, and {name} has {} (ethtool -L \
             {name} combined 1)",
            wire.queues,
            name = wire.name
        ));
    }
    if wire.mode == XdpMode::Copy {
        match roundtrip_live::measure(wire, args.pairs, 1000) {
            Ok(row) => table.print(&row)?,
            Err(error) => table.say(&format!("left out: the live engine: {error:#}")),
        }
    } else {
        table.say("left out: the live engine, which is compared with copy mode");
    }
    table.say("left out: one probe in a hundred answered, which the lab's far end makes so");
    table.say(&wire.account(before)?);
    Ok(())
}

fn in_lab(args: &BenchArgs) -> Result<()> {
    let stage = Stage::new(1)?;
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    let ifindex = rustix::net::netdevice::name_to_index(&socket, FAR)?;
    let mut far_end = Lab::load(all_open()).context("the lab's far end")?;
    far_end.attach(FAR, ifindex).context("the lab's far end")?;
    let mut table = Table::new(args);
    table.print(&stage.in_scan(|| measure(&Wire::lab(1)?, args.pairs))?)?;
    for open_pm in [1000, 10] {
        drop(far_end);
        far_end = Lab::load(LabConfig {
            open_below: open_pm,
            closed_below: open_pm,
            icmp_below: open_pm,
            ..all_open()
        })?;
        far_end.attach(FAR, ifindex).context("the lab's far end")?;
        table.print(
            &stage.in_scan(|| roundtrip_live::measure(&Wire::lab(1)?, args.pairs, open_pm))?,
        )?;
    }
    Ok(())
}

/// Every pair answers with a SYN-ACK.
pub(crate) fn all_open() -> LabConfig {
    LabConfig {
        seed: 7,
        open_below: 1000,
        closed_below: 1000,
        icmp_below: 1000,
        router_v4: ROUTER_V4.octets(),
        router_v6: ROUTER_V6.octets(),
        router_mac: ROUTER_MAC,
        ..LabConfig::default()
    }
}

fn measure(wire: &Wire, pairs: usize) -> Result<Row> {
    let core = core_affinity::get_core_ids().unwrap_or_default().pop();
    let core = core.context("no CPU to run on")?;
    // The threads of the scan inherit it: everything runs on one CPU, for either side.
    ensure!(core_affinity::set_for_current(core), "cannot pin a thread to CPU {}", core.id);
    let clocks = Clocks::new(Whose::Process, &[core]);

    let frame = constant_frame(wire)?;
    let sample = wire.pairs(SAMPLE);
    let (mut lost, mut total, mut mode) = (0, 0, None);
    let mut seed = 0;
    let pairs = interleave(pairs, |side| {
        let (answered, cpu_s) = match side {
            Side::Ours => {
                seed += 1;
                let prepared =
                    prepare_scan(wire, wire.plan(seed, sample)?, EngineChoice::Xdp, Rate::Max)?;
                mode = prepared.info().xdp_mode;
                scan(wire, prepared, &clocks, sample)?
            }
            Side::Theirs => {
                let mut bare = Bare::open(&wire.name, 0, wire.mode, &frame)?;
                let mut program = BenchProgram::redirect_all(&wire.name)?;
                program.set_socket(0, bare.fd())?;
                wire.settle()?;
                let start = clocks.read();
                let answered = in_a_thread(|| bare.echo(sample, PATIENCE))?;
                (answered, (clocks.read() - start).cpu_s())
            }
        };
        total += sample;
        lost += sample.abs_diff(answered);
        wire.count(sample)?;
        ensure!(answered > 0, "nothing came back");
        Ok(answered as f64 / cpu_s)
    })?;
    let answer =
        if wire.lab { "each answered by a SYN-ACK" } else { "answered as the target answers" };
    Ok(Row {
        bench: "roundtrip",
        row: "AF_XDP engine, one queue: a whole scan with cookie check, window and events"
            .to_owned(),
        unit: "round trips/CPU-s",
        vs: "a bare AF_XDP echo loop that only counts".to_owned(),
        compared: Comparison::of(&pairs),
        target: Some(Target::AtLeast(0.9)),
        setup: Setup {
            port_engine: "xdp".to_owned(),
            xdp_mode: mode.map(str::to_owned),
            packet: format!("IPv4 SYN with MSS, 58 bytes (84 on the wire), {answer}"),
        },
        note: (lost > 0).then(|| format!("{lost} of {total} round trips were lost or doubled")),
    })
}

/// The probe that the bare loop repeats.
fn constant_frame(wire: &Wire) -> Result<Vec<u8>> {
    let config = ProbeConfig {
        key: KEY,
        source_ports: 61_000..=65_535,
        attempts: 1,
        syn: SynOptions::Mss,
        ways: vec![wire.way()],
        way_of: None,
        contact: None,
    };
    let prober = Prober::new(wire.plan(0, SAMPLE)?.into(), &config)?;
    let mut frame = vec![0; 256];
    let len = prober.craft(0, 0, &mut frame);
    frame.truncate(len);
    Ok(frame)
}

pub(crate) fn prepare_scan(
    wire: &Wire,
    plan: Plan,
    engine: EngineChoice,
    rate: Rate,
) -> Result<Prepared> {
    let options = Options {
        rate,
        retries: Some(0),
        cooldown: PATIENCE,
        engine,
        xdp_mode: wire.mode,
        interfaces: vec![wire.name.clone()],
        source_ips: vec![IpAddr::V4(wire.source)],
        router_mac: Some(wire.router_mac),
        rst: false,
        ..Options::default()
    };
    Ok(prepare(plan, KEY, &options)?)
}

/// Runs a scan; how many of its probes were answered, and the CPU seconds until
/// the last of `wanted` results had come over the bus: what follows (the cooldown, closing the
/// port) is no round trip.
pub(crate) fn scan(
    wire: &Wire,
    prepared: Prepared,
    clocks: &Clocks,
    wanted: u64,
) -> Result<(u64, f64)> {
    wire.settle()?;
    let start = clocks.read();
    let mut results = Results { count: 0, wanted, clocks, all: None };
    let report = prepared.run(&Control::default(), &mut results)?;
    let end = results.all.unwrap_or_else(|| clocks.read());
    if let Some(failure) = report.failure {
        return Err(failure.into());
    }
    let (count, unaccounted) = (results.count, report.ledger.unaccounted);
    if unaccounted > 0 || count != report.ledger.results {
        bail!("the scan's books do not add up: {unaccounted} packets, {count} events");
    }
    Ok((count, (end - start).cpu_s()))
}

/// Runs `work` in a thread of its own, as the engine does.
fn in_a_thread<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| {
        thread::Builder::new()
            .name("bare".to_owned())
            .spawn_scoped(scope, work)?
            .join()
            .map_err(|_| anyhow!("the bare loop panicked"))?
    })
}

/// Counts results, and reads the clocks when all are there.
struct Results<'a> {
    count: u64,
    wanted: u64,
    clocks: &'a Clocks,
    all: Option<Reading>,
}

impl Observer for Results<'_> {
    fn port(&mut self, _: &PortEvent) {
        self.count += 1;
        if self.count == self.wanted {
            self.all = Some(self.clocks.read());
        }
    }

    fn progress(&mut self, _: &Progress) {}

    fn idle(&mut self) {}
}
