//! How many events a second the event log takes, from the fixed-size event to bytes that
//! an fdatasync has made durable, beside what one would use otherwise.
//!
//! Both sides of a row write the same number of events into a new file in the same folder
//! and sync it at the end; the clock runs from the first event to the end of that. Where
//! both get lines that were formatted beforehand, formatting is left out; it has a row of
//! its own. The log seals every line with a checksum in all rows; nobody else does.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;
use prtip_engine::event::clock::{Clock, monotonic_ns};
use prtip_engine::event::log::{EventLog, LogOptions};
use prtip_engine::event::record::encode_port;
use prtip_engine::event::{PortEvent, PortState, Reason};
use prtip_engine::plan::Protocol;
use serde::Serialize;
use tracing_subscriber::fmt::MakeWriter;

use crate::benchmark::{BenchArgs, Row, Setup, Table, Target};
use crate::paired::{Comparison, Side, interleave};

/// Events between two looks at the disk: a scan looks every few milliseconds.
const TURN_EVENTS: u32 = 256;

/// `prtip-bench log`.
#[derive(Clone, Debug, Args)]
pub struct LogArgs {
    #[command(flatten)]
    bench: BenchArgs,
    /// Where the files are written, and removed again; default: the system's folder for
    /// such files
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Events of one sample
    #[arg(long, value_name = "N", default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(1000..))]
    events: u32,
}

/// Runs all rows.
///
/// # Errors
/// When a file cannot be written.
pub fn run(args: &LogArgs) -> Result<()> {
    let folder = args.folder.clone().unwrap_or_else(std::env::temp_dir);
    let sample = Sample {
        path: folder.join(format!("prtip-bench-log-{}", std::process::id())),
        clock: Clock::start(),
        events: args.events,
    };
    let lines: Vec<Vec<u8>> = (0..args.events).map(|number| sample.line(number)).collect();
    let mut table = Table::new(&args.bench);
    table.say(&format!(
        "log: {} events a sample, in {folder:?} ({})",
        args.events,
        kind_of(&folder)
    ));
    type Work<'a> = &'a dyn Fn() -> Result<f64>;
    let ours: Work<'_> = &|| sample.log(None);
    let ours_given: Work<'_> = &|| sample.log(Some(&lines));
    let rows: [(&str, &str, Option<Target>, Work<'_>, Work<'_>); 4] = [
        (
            "events into the synced log",
            "BufWriter, serde_json, fdatasync at the end",
            Some(Target::AtLeast(1.0)),
            ours,
            &|| sample.serde(),
        ),
        (
            "events into the synced log",
            "tracing's JSON layer into a BufWriter, fdatasync at the end",
            Some(Target::AtLeast(3.0)),
            ours,
            &|| sample.tracing(),
        ),
        (
            "lines formatted beforehand into the synced log",
            "BufWriter, fdatasync at the end",
            Some(Target::AtLeast(0.8)),
            ours_given,
            &|| sample.plain(&lines),
        ),
        ("formatting alone, in memory", "serde_json", None, &|| Ok(sample.format_ours()), &|| {
            sample.format_serde()
        }),
    ];
    for (row, vs, target, ours, theirs) in rows {
        let pairs = interleave(args.bench.pairs, |side| match side {
            Side::Ours => ours(),
            Side::Theirs => theirs(),
        })?;
        table.print(&Row {
            bench: "log",
            row: row.into(),
            unit: "events/s",
            vs: vs.into(),
            compared: Comparison::of(&pairs),
            target,
            setup: Setup {
                port_engine: "none".into(),
                xdp_mode: None,
                packet: "port record".into(),
            },
            note: None,
        })?;
    }
    Ok(())
}

/// What a sample writes, and where.
struct Sample {
    path: PathBuf,
    clock: Clock,
    events: u32,
}

/// The same record for serde.
#[derive(Serialize)]
struct Port<'a> {
    schema: &'static str,
    r#type: &'static str,
    ts: &'a str,
    ip: IpAddr,
    port: u16,
    proto: &'static str,
    state: &'static str,
    reason: &'static str,
    ttl: u8,
    rtt_us: u64,
}

impl Sample {
    fn event(&self, number: u32) -> PortEvent {
        PortEvent {
            addr: Ipv4Addr::from_bits(0xc612_0000 | number & 0x1_ffff).into(),
            port: (number % 60_000) as u16 + 1,
            protocol: Protocol::Tcp,
            state: PortState::Open,
            previous: None,
            reason: Reason::SynAck,
            ttl: 64,
            rtt_ns: Some(u64::from(number % 90_000) * 1000),
            at_ns: u64::from(number) * 1000,
            heard: None,
        }
    }

    fn line(&self, number: u32) -> Vec<u8> {
        let mut line = Vec::with_capacity(320);
        let event = self.event(number);
        encode_port(&event, false, &self.clock.rfc3339(event.at_ns), &mut line);
        line
    }

    /// Events a second of `work`, whose file is removed.
    fn timed(&self, work: impl FnOnce(&Path) -> Result<()>) -> Result<f64> {
        let start = Instant::now();
        let done = work(&self.path);
        let elapsed = start.elapsed();
        let removed = std::fs::remove_file(&self.path);
        done?;
        removed.with_context(|| format!("remove {:?}", self.path))?;
        Ok(f64::from(self.events) / elapsed.as_secs_f64())
    }

    /// The event log; with `lines`, of what was formatted beforehand.
    fn log(&self, lines: Option<&[Vec<u8>]>) -> Result<f64> {
        self.timed(|path| {
            let (mut log, word) = EventLog::create(path, LogOptions::default())?;
            anyhow::ensure!(word.is_none(), "io_uring is refused here");
            let mut line = Vec::with_capacity(320);
            for number in 0..self.events {
                match lines {
                    Some(lines) => log.append(&lines[number as usize]),
                    None => {
                        let event = self.event(number);
                        line.clear();
                        encode_port(&event, false, &self.clock.rfc3339(event.at_ns), &mut line);
                        log.append(&line);
                    }
                }
                if number.is_multiple_of(TURN_EVENTS) {
                    log.turn(monotonic_ns());
                }
            }
            log.finish()?;
            Ok(())
        })
    }

    fn port<'a>(&self, event: &PortEvent, ts: &'a [u8]) -> Port<'a> {
        Port {
            schema: "prtip/1",
            r#type: "port",
            ts: std::str::from_utf8(ts).unwrap_or_default(),
            ip: event.addr,
            port: event.port,
            proto: event.protocol.name(),
            state: event.state.name(),
            reason: event.reason.name(),
            ttl: event.ttl,
            rtt_us: event.rtt_ns.unwrap_or(0) / 1000,
        }
    }

    fn serde(&self) -> Result<f64> {
        self.timed(|path| {
            let mut out = BufWriter::with_capacity(128 << 10, File::create_new(path)?);
            for number in 0..self.events {
                let event = self.event(number);
                let ts = self.clock.rfc3339(event.at_ns);
                serde_json::to_writer(&mut out, &self.port(&event, &ts))?;
                out.write_all(b"\n")?;
            }
            out.flush()?;
            Ok(out.get_ref().sync_data()?)
        })
    }

    fn plain(&self, lines: &[Vec<u8>]) -> Result<f64> {
        self.timed(|path| {
            let mut out = BufWriter::with_capacity(128 << 10, File::create_new(path)?);
            for line in lines {
                out.write_all(line)?;
            }
            out.flush()?;
            Ok(out.get_ref().sync_data()?)
        })
    }

    fn tracing(&self) -> Result<f64> {
        self.timed(|path| {
            let out = BufWriter::with_capacity(128 << 10, File::create_new(path)?);
            let out = Out(Arc::new(Mutex::new(out)));
            let layer = tracing_subscriber::fmt()
                .json()
                .flatten_event(true)
                .with_target(false)
                .with_current_span(false)
                .with_span_list(false)
                .with_writer(out.clone())
                .finish();
            tracing::subscriber::with_default(layer, || {
                for number in 0..self.events {
                    let event = self.event(number);
                    tracing::info!(
                        schema = "prtip/1",
                        r#type = "port",
                        ip = %event.addr,
                        port = event.port,
                        proto = event.protocol.name(),
                        state = event.state.name(),
                        reason = event.reason.name(),
                        ttl = event.ttl,
                        rtt_us = event.rtt_ns.unwrap_or(0) / 1000,
                    );
                }
            });
            let mut out = out.0.lock().unwrap_or_else(PoisonError::into_inner);
            out.flush()?;
            Ok(out.get_ref().sync_data()?)
        })
    }

    fn format_ours(&self) -> f64 {
        let start = Instant::now();
        let mut line = Vec::with_capacity(320);
        for number in 0..self.events {
            let event = self.event(number);
            line.clear();
            encode_port(&event, false, &self.clock.rfc3339(event.at_ns), &mut line);
            std::hint::black_box(&line);
        }
        f64::from(self.events) / start.elapsed().as_secs_f64()
    }

    fn format_serde(&self) -> Result<f64> {
        let start = Instant::now();
        let mut line = Vec::with_capacity(320);
        for number in 0..self.events {
            let event = self.event(number);
            let ts = self.clock.rfc3339(event.at_ns);
            line.clear();
            serde_json::to_writer(&mut line, &self.port(&event, &ts))?;
            std::hint::black_box(&line);
        }
        Ok(f64::from(self.events) / start.elapsed().as_secs_f64())
    }
}

/// Where tracing writes.
#[derive(Clone)]
struct Out(Arc<Mutex<BufWriter<File>>>);

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Out {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The file system of a folder, by the number that the kernel gives it.
fn kind_of(folder: &Path) -> String {
    match rustix::fs::statfs(folder) {
        Ok(known) => match known.f_type {
            0xef53 => "ext4".into(),
            0x0102_1994 => "tmpfs: nothing is made durable there".into(),
            0x5846_5342 => "xfs".into(),
            0x9123_683e => "btrfs".into(),
            other => format!("file system {other:#x}"),
        },
        Err(error) => error.to_string(),
    }
}
