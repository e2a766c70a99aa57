//! `prtip-bench roundtrip --events`: what an event log costs where every probe answers.
//!
//! The same scan with and without `--event-log`: same link, plan, engine and results, each
//! probe answered by a SYN-ACK, every one of them a record. Both sides hand results to the
//! same sinks, which write nothing on the other side. CPU time is that of the whole
//! process, the threads that write the log included, until the log is synced and closed.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use prtip_engine::event::PortEvent;
use prtip_engine::event::log::{EventLog, LogOptions};
use prtip_engine::event::sinks::{Shape, ShownStates, Sinks};
use prtip_engine::scan::{Control, EngineChoice, Observer, Prepared, Progress, Rate};

use crate::benchmark::{Row, Setup, Target};
use crate::cpu::{Clocks, Whose};
use crate::paired::{Comparison, Side, interleave};
use crate::roundtrip::prepare_scan;
use crate::wire::Wire;

/// Round trips of one sample.
const SAMPLE: u64 = 1 << 17;

/// Measures the row.
///
/// # Errors
/// Without privileges, when a port cannot be had, or where results were lost.
pub(crate) fn measure(wire: &Wire, pairs: usize) -> Result<Row> {
    let core = core_affinity::get_core_ids().unwrap_or_default().pop();
    let core = core.context("no CPU to run on")?;
    ensure!(core_affinity::set_for_current(core), "cannot pin a thread to CPU {}", core.id);
    let clocks = Clocks::new(Whose::Process, &[core]);
    let sample = wire.pairs(SAMPLE);
    let (mut seed, mut mode, mut bytes) = (0, None, 0);
    let pairs = interleave(pairs, |side| {
        seed += 1;
        let plan = wire.plan(seed, sample)?;
        let prepared = prepare_scan(wire, plan, EngineChoice::Xdp, Rate::Max)?;
        mode = prepared.info().xdp_mode;
        wire.settle()?;
        let path = (side == Side::Ours).then(|| log_path(seed));
        let done = scan(prepared, path.as_ref(), &clocks);
        if let Some(path) = &path {
            bytes = path.metadata().map_or(0, |metadata| metadata.len());
            let _ = std::fs::remove_file(path);
        }
        let (results, cpu_s) = done?;
        wire.count(sample)?;
        if results * 1000 < sample * 999 {
            bail!("only {results} of {sample} probes were answered: no equal results to compare");
        }
        Ok(cpu_s * 1e9 / results as f64)
    })?;
    Ok(Row {
        bench: "roundtrip",
        row: "AF_XDP engine with --event-log, every probe answered".to_owned(),
        unit: "ns of CPU a round trip",
        vs: "the same scan without a log".to_owned(),
        compared: Comparison::of(&pairs),
        target: Some(Target::AtMost(1.15)),
        setup: Setup {
            port_engine: "xdp".to_owned(),
            xdp_mode: mode.map(str::to_owned),
            packet: "IPv4 SYN with MSS, 58 bytes (84 on the wire), each answered by a SYN-ACK"
                .into(),
        },
        note: Some(format!("{} bytes of log a result", bytes / sample)),
    })
}

fn log_path(seed: u64) -> PathBuf {
    std::env::temp_dir().join(format!("prtip-bench-{}-{seed}.jsonl", std::process::id()))
}

/// Runs a scan, with a log where there is a path; results, and the CPU seconds of all.
fn scan(prepared: Prepared, path: Option<&PathBuf>, clocks: &Clocks) -> Result<(u64, f64)> {
    let log = match path {
        Some(path) => Some(EventLog::create(path, LogOptions::default())?.0),
        None => None,
    };
    let sinks = Sinks::new(Shape::Nothing, ShownStates::default(), Box::new(std::io::sink()), log);
    let mut counted = Counted { sinks, count: 0 };
    let start = clocks.read();
    let report = prepared.run(&Control::default(), &mut counted)?;
    counted.sinks.finished(&report);
    counted.sinks.finish()?;
    let cpu_s = (clocks.read() - start).cpu_s();
    if let Some(failure) = report.failure {
        return Err(failure.into());
    }
    ensure!(
        report.ledger.unaccounted == 0,
        "{} packets are unaccounted for",
        report.ledger.unaccounted
    );
    Ok((counted.count, cpu_s))
}

/// The sinks, and how many results they took.
struct Counted {
    sinks: Sinks,
    count: u64,
}

impl Observer for Counted {
    fn port(&mut self, event: &PortEvent) {
        self.count += 1;
        self.sinks.port(event);
    }

    fn progress(&mut self, progress: &Progress) {
        self.sinks.progress(progress);
    }

    fn checkpoint(&mut self, finished: &[std::ops::Range<u64>]) {
        self.sinks.checkpoint(finished);
    }

    fn idle(&mut self) {
        self.sinks.idle();
    }
}
