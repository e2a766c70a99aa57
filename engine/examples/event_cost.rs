//! Instructions that an event log costs a scan in user space, and what that is of a whole
//! scan in which one probe in a hundred finds an open port.
//!
//! Counted by callgrind, each as the difference of two runs: a result through the sinks with
//! a log (encoded, with its checksum, and handed to the writer, whose thread or ring is in
//! it), the same without, and a probe through the in-memory port. What the kernel does, for
//! probes as for the log, nobody counts here: it is most of what a probe costs, so the share
//! of user space alone is more than the log's share of a scan.
//!
//! `event_cost run log|none N` is what is counted.

mod counted;

use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;

use prtip_engine::event::log::{EventLog, LogOptions};
use prtip_engine::event::sinks::{Shape, ShownStates, Sinks};
use prtip_engine::event::{PortEvent, PortState, Reason};
use prtip_engine::plan::Protocol;
use prtip_engine::scan::Observer;

/// Results between two pauses of the coordinator: what comes in 2 ms at a million probes a
/// second, of which one in a hundred is answered.
const TURN: u64 = 20;
/// Of how many probes one finds something.
const PROBES_A_RESULT: f64 = 100.0;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        [] => measure(),
        ["run", side @ ("log" | "none"), number] => match number.parse() {
            Ok(number) => run(side == "log", number),
            Err(_) => Err("a number".to_owned()),
        },
        _ => Err("usage: event_cost [run log|none RESULTS]".to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("event_cost: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Sends so many results through the sinks.
fn run(logged: bool, results: u64) -> Result<(), String> {
    let path = std::env::temp_dir().join(format!("prtip-event-cost-{}", std::process::id()));
    let log = match logged {
        true => Some(EventLog::create(&path, LogOptions::default()).map_err(|e| e.to_string())?.0),
        false => None,
    };
    let mut sinks =
        Sinks::new(Shape::Nothing, ShownStates::default(), Box::new(std::io::sink()), log);
    for number in 0..results {
        sinks.port(&PortEvent {
            addr: IpAddr::V4(Ipv4Addr::from(0xc612_0000 + number as u32 % (1 << 17))),
            port: 1 + (number % 60_000) as u16,
            protocol: Protocol::Tcp,
            state: PortState::Open,
            previous: None,
            reason: Reason::SynAck,
            ttl: 64,
            rtt_ns: Some(10_000 + number % 1_000_000),
            at_ns: number * 1000,
            heard: None,
        });
        if number % TURN == 0 {
            sinks.idle();
        }
    }
    let ended = sinks.finish().map_err(|error| error.to_string());
    let _ = std::fs::remove_file(&path);
    ended.map(|_| ())
}

fn measure() -> Result<(), String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let each = |program: &std::path::Path, args: &[&str], few: u64, many: u64| {
        let count = |number: u64| {
            let number = number.to_string();
            counted::instructions(program, &[args, &[&number]].concat())
        };
        Ok::<_, String>((count(many)? as f64 - count(few)? as f64) / (many - few) as f64)
    };
    let results = |side| each(&program, &["run", side], 20_000, 120_000);
    let (logged, bare) = (results("log")?, results("none")?);
    let probe = |path| {
        let craft_cost = program.with_file_name("craft_cost");
        each(&craft_cost, &["run", path, "simd", "v4"], 1 << 13, 1 << 16)
    };
    let probe = probe("port")?;
    let more = (logged - bare) / PROBES_A_RESULT;
    println!(
        "instructions in user space: a result {logged:.0} with an event log, {bare:.0} without; a probe {probe:.0}"
    );
    println!(
        "one result in a hundred probes: {more:.1} instructions a probe more, {:.4} of the user space's without a log",
        1.0 + more / (probe + bare / PROBES_A_RESULT)
    );
    Ok(())
}
