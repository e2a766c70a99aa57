//! What a scan would probe, in its order: no packets, no privileges. It starts
//! at once, however large the plan is, because an index gives its pair directly.

use std::io::{self, BufWriter, Write};

use prtip_engine::error::{Error, Kind, Result};
use prtip_engine::event::clock::Clock;
use prtip_engine::event::record::{Probe, encode};
use prtip_engine::plan::{Plan, Protocol, Purpose};
use prtip_engine::scan::Control;

use crate::exit::Exit;
use crate::say::say;

/// Probes between two looks at the clock and at a wish to stop.
const BATCH: u64 = 1024;

/// Writes the first attempt of every probe of the plan's shard to `out`, as JSON
/// lines or as `address port`.
pub(crate) fn run(plan: &Plan, json: bool, control: &Control, out: impl Write) -> Result<Exit> {
    let mut out = BufWriter::with_capacity(64 << 10, out);
    match write_probes(plan, json, control, &mut out).and_then(|exit| {
        out.flush()?;
        Ok(exit)
    }) {
        Ok(exit) => {
            say("dry run: first attempts only; nothing was sent");
            Ok(exit)
        }
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            // What is still buffered has no reader.
            let _ = out.into_parts();
            Ok(Exit::Done)
        }
        Err(error) => {
            let _ = out.into_parts();
            Err(Error::new(Kind::Failed, "write results to standard output").because_of(error))
        }
    }
}

fn write_probes(
    plan: &Plan,
    json: bool,
    control: &Control,
    out: &mut impl Write,
) -> io::Result<Exit> {
    let clock = Clock::start();
    let mut ts = clock.now_rfc3339();
    let mut line = Vec::new();
    for (count, index) in plan.shard().enumerate() {
        if (count as u64).is_multiple_of(BATCH) {
            if control.level() > 0 {
                return Ok(Exit::Stopped);
            }
            ts = clock.now_rfc3339();
        }
        let target = plan.target(index);
        line.clear();
        if json {
            let (ip, port, proto) = (target.addr, target.port, target.protocol.name());
            encode(&Probe { i: index, attempt: 0, ip, port, proto }, &ts, &mut line);
        } else {
            match (plan.items().purpose(), target.protocol) {
                (Purpose::Hosts, _) => writeln!(line, "{}", target.addr)?,
                (_, Protocol::Tcp) => writeln!(line, "{} {}", target.addr, target.port)?,
                (_, other) => writeln!(line, "{} {}/{}", target.addr, target.port, other.name())?,
            }
        }
        out.write_all(&line)?;
    }
    Ok(Exit::Done)
}
