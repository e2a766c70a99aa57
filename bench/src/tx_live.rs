//! The rows of `prtip-bench tx` about live frames: the engine whose probes the
//! kernel makes, against our AF_XDP engine in copy mode, and against a live-frame
//! loop that sends one constant frame, which nobody writes to or counts, in calls as
//! long as a sample.

use anyhow::{Context, Result, ensure};
use prtip_bpf::bench::ConstantFrames;
use prtip_bpf::generator::Times;
use prtip_engine::plan::probe::Prober;
use prtip_engine::port::live::{self, BURST, LivePort};
use prtip_engine::port::xsk::XskPort;
use prtip_engine::port::{Port, SEND_BATCH};

use crate::benchmark::{Row, Setup, Target};
use crate::cpu::Clocks;
use crate::paired::{Comparison, Side, interleave};
use crate::tx::{PER_CPU, SAMPLE, send};
use crate::wire::Wire;

/// Packets of a sample of live frames: some 70 ms.
const LIVE_SAMPLE: u32 = 1 << 18;

/// Measures; `sockets` is for the live port, `copy` what it is compared with.
pub(crate) fn rows(
    wire: &Wire,
    pairs: usize,
    prober: &Prober,
    clocks: &Clocks,
    sockets: XskPort,
    copy: &mut XskPort,
) -> Result<[Row; 2]> {
    let recipe = prober.recipe().map_err(anyhow::Error::msg)?;
    let out = live::Interface { name: &wire.name, index: wire.index, mac: wire.mac };
    let times = Times { slots: 1 << 16, stride: 5, attempts: 1 };
    let generator = live::generators(&recipe, out, 1, times)?.pop().context("a generator")?;
    let mut live = LivePort::new(&wire.name, sockets, generator, 1);
    let mut frame = vec![0; prober.max_len()];
    prober.craft(0, 0, &mut frame);
    let mut constant = ConstantFrames::new(wire.index, &frame)?;

    let mut next = 0;
    let mut ours = |live: &mut LivePort| -> Result<f64> {
        let from = next;
        next += u64::from(LIVE_SAMPLE);
        rate(clocks, || send(wire, live, prober, from, LIVE_SAMPLE.into(), BURST))
    };
    let mut theirs = 1 << 31;
    let against_copy = interleave(pairs, |side| match side {
        Side::Ours => ours(&mut live),
        Side::Theirs => {
            theirs += SAMPLE;
            rate(clocks, || send(wire, copy, prober, theirs, SAMPLE, SEND_BATCH))
        }
    })?;
    let against_constant = interleave(pairs, |side| match side {
        Side::Ours => ours(&mut live),
        Side::Theirs => rate(clocks, || {
            let sent = constant.send(LIVE_SAMPLE)?;
            wire.count(sent)?;
            Ok(sent)
        }),
    })?;
    let counters = live.counters();
    ensure!(
        counters.submitted == counters.completed + counters.tx_failed,
        "the books do not add up: {counters:?}"
    );
    let note = (counters.tx_failed > 0)
        .then(|| format!("{} of {} probes were refused", counters.tx_failed, counters.submitted));
    let row = |vs: &str, target, pairs: &[(f64, f64)]| Row {
        bench: "tx",
        row: format!("live engine, calls of {BURST}"),
        unit: PER_CPU,
        vs: vs.to_owned(),
        compared: Comparison::of(pairs),
        target: Some(Target::AtLeast(target)),
        setup: Setup {
            port_engine: "live".into(),
            xdp_mode: Some("copy".into()),
            packet: "IPv4 SYN with MSS, 58 bytes (84 on the wire)".to_owned(),
        },
        note: note.clone(),
    };
    Ok([
        row("our AF_XDP engine in copy mode, one queue", 6.0, &against_copy),
        row("a live-frame loop that sends one constant frame", 0.85, &against_constant),
    ])
}

/// Packets per CPU second.
fn rate(clocks: &Clocks, work: impl FnOnce() -> Result<u64>) -> Result<f64> {
    let start = clocks.read();
    let sent = work()?;
    Ok(sent as f64 / (clocks.read() - start).cpu_s())
}
