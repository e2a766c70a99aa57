//! Instructions that one probe costs in user space: permutation, rank to address
//! and port, source port, cookie, patching a frame, and the bookkeeping of frames
//! and rings.
//!
//! `port` is all of it, through [`Port::send`] of the in-memory port with nobody at
//! the far end; it includes the in-memory kernel's own walk over the ring, which a
//! real port leaves to the real kernel. `craft` is the crafting alone, into a ring
//! of frames without books. `watched` is `port` under `--stage-latency`.
//!
//! `craft_cost` runs itself under `valgrind --tool=callgrind` for two numbers of
//! probes and prints the difference of the instruction counts divided by the
//! difference of the numbers, so that set-up does not count. Instruction counts
//! do not depend on the machine's load.
//!
//! `craft_cost run port|craft|watched scalar|simd v4|v6|mixed|many|odd N` is the loop that is counted.

mod counted;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::ExitCode;
use std::sync::Arc;

use prtip_bpf::abi::Key;
use prtip_engine::error::Result;
use prtip_engine::plan::cookies::Lanes;
use prtip_engine::plan::origin::Way;
use prtip_engine::plan::probe::{Fields, ProbeConfig, Prober, RESOLVE_BATCH, Slot};
use prtip_engine::plan::{IpRange, Plan, PlanError, PortSet};
use prtip_engine::port::memory::{Config, MemoryPort, Silence, VirtualClock};
use prtip_engine::port::{Port, SEND_BATCH};
use prtip_engine::scan::SynOptions;
use prtip_engine::wire::Link;

/// Frames in the ring, as an AF_XDP transmit ring has them.
const RING: usize = 2048;
const FRAME: usize = 2048;

const SCENARIOS: [(&str, &str); 5] = [
    ("v4", "IPv4, one range, N = 2^32"),
    ("odd", "IPv4, one range, N no power of two"),
    ("many", "IPv4, 100,000 ranges"),
    ("v6", "IPv6, one range, N = 2^32"),
    ("mixed", "both families, half and half"),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        [] => measure_all(),
        ["run", path @ ("port" | "craft" | "watched"), lanes, scenario, probes] => {
            let Ok(probes) = probes.parse() else {
                return usage();
            };
            let done =
                prober(scenario, lanes).map_err(|error| error.to_string()).and_then(|prober| {
                    match path {
                        "craft" => Ok(craft(&prober, probes)),
                        _ => send(&prober, probes, path == "watched")
                            .map_err(|error| error.to_string()),
                    }
                });
            match done {
                Ok(digest) => {
                    println!("{digest:016x}");
                    ExitCode::SUCCESS
                }
                Err(error) => fail(&error),
            }
        }
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: craft_cost [run port|craft|watched scalar|simd v4|odd|many|v6|mixed PROBES]");
    ExitCode::from(2)
}

fn fail(error: &str) -> ExitCode {
    eprintln!("craft_cost: {error}");
    ExitCode::FAILURE
}

fn prober(scenario: &str, lanes: &str) -> std::result::Result<Prober, PlanError> {
    let v4 = |text: &str, length| {
        let addr: Ipv4Addr = text.parse().expect("a literal address");
        IpRange::prefix(addr.into(), length).expect("a literal length")
    };
    let v6 = IpRange::prefix(Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 0).into(), 112);
    let v6 = v6.expect("a literal length");
    let mut builder = Plan::builder();
    let ports = match scenario {
        "v4" => 1..=1 << 15,
        "v6" => 1..=1 << 15,
        _ => 1..=1000,
    };
    match scenario {
        "many" => {
            for n in 0..100_000u32 {
                let addr = Ipv4Addr::from(0x0b00_0000 + n * 7);
                builder.target(&[IpRange::single(IpAddr::V4(addr))], true);
            }
        }
        "v6" => {
            builder.target(&[v6], true);
        }
        "mixed" => {
            builder.target(&[v4("198.18.0.0", 16)], true).target(&[v6], true);
        }
        _ => {
            builder.target(&[v4("198.18.0.0", 15)], true);
        }
    }
    let plan = Arc::new(builder.ports(PortSet::new(ports)).seed(7).build()?);
    let config = ProbeConfig {
        key: Key { k0: 1, k1: 2 },
        source_ports: 61_000..=65_535,
        attempts: 2,
        syn: SynOptions::Mss,
        ways: vec![Way::new(
            Link::Ethernet { source: [2; 6], destination: [4; 6], vlan: None },
            Some(Ipv4Addr::new(198, 19, 255, 1)),
            Some(Ipv6Addr::new(0x2001, 2, 0, 0xffff, 0, 0, 0, 1)),
        )],
        way_of: None,
        contact: None,
    };
    let prober = Prober::new(plan, &config)?;
    Ok(if lanes == "scalar" { prober.with_lanes(Lanes::Scalar) } else { prober })
}

/// Sends `probes` probes through the in-memory port, as a worker would; returns
/// what the port counted as completed.
fn send(prober: &Prober, probes: u64, watched: bool) -> Result<u64> {
    let config = Config { frames: RING, ..Config::default() };
    let port: Box<dyn Port> = Box::new(MemoryPort::new(config, VirtualClock::default(), Silence));
    let mut port = if watched { port.watched() } else { port };
    let mut indices = [0; SEND_BATCH];
    let mut next = 0u64;
    while next < probes {
        let count = (probes - next).min(SEND_BATCH as u64);
        for (index, value) in indices.iter_mut().zip(next..next + count) {
            *index = value;
        }
        next += port.send(prober, &indices[..count as usize], 0)? as u64;
    }
    Ok(port.counters().completed)
}

/// Crafts `probes` probes into a ring of frames and returns something that
/// depends on every one, so that nothing is optimised away.
fn craft(prober: &Prober, probes: u64) -> u64 {
    let mut memory = vec![0u8; RING * FRAME];
    let mut slots = vec![Slot::EMPTY; RING];
    let mut lengths = vec![0u32; RING];
    let mut fields = [Fields::EMPTY; RESOLVE_BATCH];
    let mut producer = 0usize;
    let mut digest = 0u64;
    let mut next = 0u64;
    while next < probes {
        let count = (probes - next).min(RESOLVE_BATCH as u64);
        let mut indices = [0; RESOLVE_BATCH];
        for (index, value) in indices.iter_mut().zip(next..next + count) {
            *index = value;
        }
        next += count;
        prober.resolve(&indices[..count as usize], 0, &mut fields);
        for fields in &fields[..count as usize] {
            let at = producer % RING;
            let frame = &mut memory[at * FRAME..][..FRAME];
            lengths[at] = prober.write(fields, &mut slots[at], frame) as u32;
            producer += 1;
        }
        digest = digest.rotate_left(1) ^ u64::from(memory[producer % RING * FRAME + 38]);
    }
    std::hint::black_box(&memory);
    std::hint::black_box(&lengths);
    digest
}

fn measure_all() -> ExitCode {
    let lanes: &[&str] = if Lanes::detect() == Lanes::Scalar {
        eprintln!("no AVX2 here: scalar code only");
        &["scalar"]
    } else {
        &["scalar", "simd"]
    };
    println!("instructions a probe in user space (frame of 58 or 78 bytes, MSS option)");
    println!("    port    craft  watched");
    for (scenario, what) in SCENARIOS {
        for lanes in lanes {
            let each: std::result::Result<Vec<f64>, String> = ["port", "craft", "watched"]
                .iter()
                .map(|path| each(path, lanes, scenario))
                .collect();
            match each.as_deref() {
                Ok([port, craft, watched]) => {
                    println!("{port:8.1} {craft:8.1} {watched:8.1}  {lanes:6}  {what}");
                }
                Ok(_) => return fail("three numbers a row"),
                Err(error) => return fail(error),
            }
        }
    }
    ExitCode::SUCCESS
}

/// Instructions of one probe.
fn each(path: &str, lanes: &str, scenario: &str) -> std::result::Result<f64, String> {
    // Multiples of the ring, beyond the first filling of its frames.
    let (few, many) = (4 * RING as u64, 20 * RING as u64);
    let low = count(path, lanes, scenario, few)?;
    let high = count(path, lanes, scenario, many)?;
    Ok((high - low) as f64 / (many - few) as f64)
}

/// Instructions of a whole run.
fn count(path: &str, lanes: &str, scenario: &str, probes: u64) -> std::result::Result<u64, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    counted::instructions(&program, &["run", path, lanes, scenario, &probes.to_string()])
}
