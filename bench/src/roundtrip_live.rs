//! The rows of `prtip-bench roundtrip` about live frames: whole scans by the live
//! engine against the same scans by our AF_XDP engine in copy mode, where every probe
//! is answered and where one in a hundred is.
//!
//! Counted are probes per CPU second of the whole process, until the last answer that
//! the lab's truth says there is has become a result.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context, Result, ensure};
use prtip_engine::scan::{EngineChoice, Rate};

use crate::benchmark::{Row, Setup, Target};
use crate::cpu::{Clocks, Whose};
use crate::lab::rule::{Protocol, Rule};
use crate::paired::{Comparison, Side, interleave};
use crate::roundtrip::{prepare_scan, scan};
use crate::wire::{LAB_PORTS, Wire};

/// Pairs of a scan: some 200 ms where every probe is answered.
const PAIRS: u64 = 1 << 18;
/// The same where few are.
const PAIRS_FEW: u64 = 1 << 20;

/// Measures one row; `open_pm` pairs in a thousand answer.
pub(crate) fn measure(wire: &Wire, pairs: usize, open_pm: u32) -> Result<Row> {
    let core = core_affinity::get_core_ids().unwrap_or_default().pop();
    let core = core.context("no CPU to run on")?;
    ensure!(core_affinity::set_for_current(core), "cannot pin a thread to CPU {}", core.id);
    let clocks = Clocks::new(Whose::Process, &[core]);

    let all = open_pm == 1000;
    let probes = wire.pairs(if all { PAIRS } else { PAIRS_FEW });
    let answers = if wire.lab { answers(probes, open_pm) } else { probes };
    let (mut missed, mut total, mut seed) = (0, 0, 0);
    let compared = interleave(pairs, |side| {
        seed += 1;
        let engine = match side {
            Side::Ours => EngineChoice::Live,
            Side::Theirs => EngineChoice::Xdp,
        };
        let prepared = prepare_scan(wire, wire.plan(seed, probes)?, engine, Rate::Max)?;
        let (found, cpu_s) = scan(wire, prepared, &clocks, answers)?;
        wire.count(probes)?;
        if side == Side::Ours {
            total += answers;
            missed += answers.abs_diff(found);
        }
        Ok::<_, anyhow::Error>(probes as f64 / cpu_s)
    })?;
    let recall = 100.0 * (1.0 - missed as f64 / total as f64);
    let answered = match (wire.lab, all) {
        (false, _) => "answered as the target answers",
        (true, true) => "every probe answered",
        (true, false) => "one probe in a hundred answered",
    };
    let queues = match wire.queues {
        1 => "one queue".to_owned(),
        queues => format!("{queues} queues"),
    };
    let recall_text = if wire.lab { "recall" } else { "answered" };
    Ok(Row {
        bench: "roundtrip",
        row: format!("live engine, {queues}: a whole scan, {answered}"),
        unit: "probes/CPU-s",
        vs: "the same scan by our AF_XDP engine in copy mode".to_owned(),
        compared: Comparison::of(&compared),
        target: Some(Target::AtLeast(if all { 3.5 } else { 5.0 })),
        setup: Setup {
            port_engine: "live".into(),
            xdp_mode: Some("copy".into()),
            packet: "IPv4 SYN with MSS, 58 bytes (84 on the wire)".to_owned(),
        },
        note: Some(format!("{recall_text} {recall:.4} %: {missed} of {total} answers missed")),
    })
}

/// How many of the pairs answer, as the lab's rule says.
fn answers(probes: u64, open_pm: u32) -> u64 {
    let rule = Rule { seed: 7, open: open_pm, closed: 0, icmp: 0 };
    let first = u32::from(Ipv4Addr::new(198, 18, 0, 0));
    let addresses = (probes / u64::from(LAB_PORTS)) as u32;
    (first..first + addresses)
        .flat_map(|addr| {
            (1..=LAB_PORTS).map(move |port| (IpAddr::from(Ipv4Addr::from(addr)), port))
        })
        .filter(|&(addr, port)| rule.state(addr, port, Protocol::Tcp).is_some())
        .count() as u64
}
