//! `prtip-bench rtt`: the round-trip times that a scan tells, beside what the lab's far end
//! saw of the same probes by the same clock.
//!
//! A far end on this host shares its clock with the scanner, so it can say for every probe
//! when it came and when its reply left. What a scan's time is longer than that is called
//! its error. The way through the kernel, there and back, is in it: the error of the
//! scanner's own stamps is smaller, and this needs no belief in how long the way takes.
//!
//! Each row is one port engine at 50,000 probes a second, every probe answered; engines
//! take turns.

use std::collections::HashMap;
use std::net::IpAddr;

use anyhow::{Context, Result, ensure};
use prtip_bpf::lab::{FLAG_ANSWERED, Lab, LabConfig};
use prtip_engine::event::PortEvent;
use prtip_engine::scan::{Control, EngineChoice, Observer, Progress, Rate};
use rustix::net::{AddressFamily, SocketType};

use crate::benchmark::{BenchArgs, Row, Setup, Table, Target};
use crate::lab::network::FAR;
use crate::lab::times;
use crate::paired::Comparison;
use crate::roundtrip::{all_open, prepare_scan};
use crate::stage::Stage;
use crate::wire::Wire;

/// Probes a second.
const RATE: f64 = 50_000.0;
/// Round trips of one sample: a third of a second.
const SAMPLE: u64 = 1 << 14;
/// What the median error is to stay below, microseconds.
const AIM_US: f64 = 10.0;
const ENGINES: [(EngineChoice, &str); 3] =
    [(EngineChoice::Xdp, "xdp"), (EngineChoice::Live, "live"), (EngineChoice::Packet, "packet")];

/// What the samples of an engine say, microseconds.
#[derive(Default)]
struct Errors {
    medians: Vec<f64>,
    all: Vec<f64>,
    there: Vec<f64>,
    back: Vec<f64>,
    mode: Option<&'static str>,
}

/// Measures and prints the rows.
///
/// # Errors
/// Without privileges, when a port cannot be had, or where the lab did not see what a scan
/// reports.
pub fn run(args: &BenchArgs) -> Result<()> {
    let stage = Stage::new(1)?;
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    let ifindex = rustix::net::netdevice::name_to_index(&socket, FAR)?;
    let config = LabConfig { flags: FLAG_ANSWERED, ..all_open() };
    let mut far_end = Lab::load(config).context("the lab's far end")?;
    far_end.attach(FAR, ifindex).context("the lab's far end")?;
    let mut engines = ENGINES.map(|_| Errors::default());
    for round in 0..args.pairs as u64 {
        for (errors, (engine, _)) in engines.iter_mut().zip(ENGINES) {
            stage.in_scan(|| sample(&mut far_end, engine, round, errors))?;
        }
    }
    let mut table = Table::new(args);
    for (errors, (_, name)) in engines.into_iter().zip(ENGINES) {
        table.print(&row(errors, name))?;
    }
    Ok(())
}

/// Adds one sample.
fn sample(far_end: &mut Lab, engine: EngineChoice, seed: u64, errors: &mut Errors) -> Result<()> {
    let wire = Wire::lab(1)?;
    far_end.forget_answered()?;
    let plan = wire.plan(seed, SAMPLE)?;
    let prepared = prepare_scan(&wire, plan, engine, Rate::PerSecond(RATE))?;
    errors.mode = prepared.info().xdp_mode;
    wire.settle()?;
    let mut told = Told::default();
    let report = prepared.run(&Control::default(), &mut told)?;
    if let Some(failure) = report.failure {
        return Err(failure.into());
    }
    let (answers, _) = times::answers(far_end, None)?;
    let answers: HashMap<(IpAddr, u16), (u64, u64)> = answers
        .iter()
        .map(|answer| ((answer.addr(), answer.port()), (answer.came_ns, answer.left_ns)))
        .collect();
    ensure!(told.0.len() as u64 * 100 >= SAMPLE * 99, "{} of {SAMPLE} answers", told.0.len());
    let mut own = Vec::with_capacity(told.0.len());
    for event in &told.0 {
        let seen = answers.get(&(event.addr, event.port));
        let &(came_ns, left_ns) = seen.context("the far end did not see what was reported")?;
        let Some(rtt_ns) = event.rtt_ns else { continue };
        let us = |later: u64, earlier: u64| (later as f64 - earlier as f64) / 1e3;
        own.push(us(rtt_ns, left_ns - came_ns));
        errors.there.push(us(came_ns, event.at_ns - rtt_ns));
        errors.back.push(us(event.at_ns, left_ns));
    }
    errors.all.extend(&own);
    errors.medians.push(percentile(&mut own, 50));
    Ok(())
}

fn row(mut errors: Errors, engine: &str) -> Row {
    let medians: Vec<_> = errors.medians.iter().map(|&median| (median, AIM_US)).collect();
    Row {
        bench: "rtt",
        row: format!(
            "{engine} engine at 50,000 probes a second: median by which a round-trip time is longer \
             than the far end held the probe"
        ),
        unit: "us",
        vs: "the aim".to_owned(),
        compared: Comparison::of(&medians),
        target: Some(Target::AtMost(1.0)),
        setup: Setup {
            port_engine: engine.to_owned(),
            xdp_mode: errors.mode.map(str::to_owned),
            packet: "IPv4 SYN with MSS, 58 bytes (84 on the wire), each answered by a SYN-ACK"
                .into(),
        },
        note: Some(format!(
            "{} answers: error p1 {:.1}, p50 {:.1}, p99 {:.1} us; medians of its parts: from the \
             stamp to the far end {:.1}, from there to the stamp {:.1} us",
            errors.all.len(),
            percentile(&mut errors.all, 1),
            percentile(&mut errors.all, 50),
            percentile(&mut errors.all, 99),
            percentile(&mut errors.there, 50),
            percentile(&mut errors.back, 50),
        )),
    }
}

/// A percentile of values, which are put in order; not a number where there are none.
fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() * percent / 100).copied().unwrap_or(f64::NAN)
}

/// The results.
#[derive(Default)]
struct Told(Vec<PortEvent>);

impl Observer for Told {
    fn port(&mut self, event: &PortEvent) {
        self.0.push(*event);
    }

    fn progress(&mut self, _: &Progress) {}

    fn idle(&mut self) {}
}
