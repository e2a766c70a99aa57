//! A small scenario from end to end: recorded, collapsed, drawn and judged.
//!
//! Needs root and `perf`; says SKIPPED otherwise and fails where `CI` is set.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;

const SCENARIO: &str = r#"
title = "a short scan"
command = "-sS -p 1-2000 127.0.0.1 --rate max --cooldown 1 --retries 0"
frequency = 9999
samples = 300
seconds = 60

[[budget]]
what = "the kernel and all else"
of = { functions = ["."] }
limit = 100

[[budget]]
what = "user space"
of = "user-space"
limit = 0

[[budget]]
what = "CPU time"
of = "cpu-time"
limit = 400
"#;

fn profile(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_prtip-profile"));
    command.env("PRTIP_BIN_DIR", programs());
    command.args(arguments).current_dir(folder).output().unwrap()
}

#[test]
fn a_scan_is_profiled_and_judged() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("short.toml"), SCENARIO).unwrap();
    let output = profile(&["run", "short.toml", "--out", "x"], folder.path());
    let said = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}{errors}");
    if said.contains("SKIPPED") {
        let ci = std::env::var("CI").is_ok_and(|value| !value.is_empty() && value != "false");
        assert!(!ci, "this test is required: {said}");
        println!("{said}");
        return;
    }
    let read = |name: &str| fs::read_to_string(folder.path().join("x").join(name)).unwrap();
    let report: Value = serde_json::from_str(&read("short.hotspots.json")).unwrap();
    let samples = report["samples"].as_u64().unwrap();
    assert!(samples >= 300, "{report}");

    // The collapsed stacks hold what the report says, and lead into the scanner.
    let folded = read("short.folded");
    let times = |line: &str| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap();
    assert_eq!(folded.lines().map(times).sum::<u64>(), samples);
    assert!(folded.contains("prtip_engine::"), "no function of ours");
    assert!(folded.contains("_[k]"), "no function of the kernel");
    let own = |name: &str| -> u64 {
        let leaf = |line: &&str| {
            line.rsplit_once(' ').unwrap().0.rsplit(';').next().unwrap() == name.replace(';', ":")
        };
        folded.lines().filter(leaf).map(times).sum()
    };
    let mut all = report["others_percent"].as_f64().unwrap();
    for spot in report["hotspots"].as_array().unwrap() {
        all += spot["cpu_percent"].as_f64().unwrap();
        let share = own(spot["function"].as_str().unwrap()) as f64 / samples as f64 * 100.0;
        assert!((share - spot["cpu_percent"].as_f64().unwrap()).abs() < 1e-6, "{spot}");
        assert!(share >= 5.0);
    }
    assert!((all - 100.0).abs() < 1e-6, "{report}");

    // Budgets: kept, missed, and measured from outside.
    let budgets = report["budgets"].as_array().unwrap();
    let met: Vec<bool> = budgets.iter().map(|budget| budget["met"].as_bool().unwrap()).collect();
    assert_eq!(met, [true, false, true], "{budgets:?}");
    assert_eq!(budgets[0]["measured"], 100.0);
    assert!(read("short.hotspots.md").contains("| user space |"));

    // The graph is sound XML, and has a frame for the scanner's functions.
    let svg = read("short.svg");
    let mut reader = Reader::from_str(&svg);
    let mut titles = 0;
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) if tag.name().as_ref() == "title" => titles += 1,
            Event::Eof => break,
            _ => {}
        }
    }
    assert!(titles > 20, "{titles} frames");

    // The same with --enforce fails; a stack compared with itself has not changed.
    let output = profile(&["run", "short.toml", "--out", "y", "--enforce"], folder.path());
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(profile(&["compare", "x", "x"], folder.path()).status.code(), Some(0));
    assert!(folder.path().join("short.difference.svg").is_file());
}

/// What runs once a probe and what runs once a reply, by two counters that know nothing of one
/// another, and by the scan's own ledger.
#[test]
fn calls_are_as_many_as_callgrind_and_the_ledger_have() {
    let _turn = turn();
    if !is_root() {
        return skipped("counting calls needs root");
    }
    let folder = tempfile::tempdir().unwrap();
    let command = "-sS -p 1-700 127.0.0.1 --rate max --cooldown 1 --retries 0";
    let scenario = format!("title = \"calls\"\ncommand = \"{command}\"\n");
    fs::write(folder.path().join("calls.toml"), scenario).unwrap();
    let probe = "prtip_engine::plan::probe::Prober::write";
    let reply = "prtip_engine::plan::answer::<impl prtip_engine::plan::probe::Prober>::validate";
    let counted = |by: &str| -> Value {
        let output = profile(&["calls", "calls.toml", "--by", by, probe, reply], folder.path());
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{by}: {errors}");
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let output = Command::new(programs().join("prtip"))
        .args(command.split(' '))
        .arg("--json")
        .output()
        .unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let ledger = lines.lines().find(|line| line.contains("\"ledger\"")).unwrap();
    let ledger: Value = serde_json::from_str(ledger).unwrap();
    assert_eq!(ledger["rx_valid"], 700);
    for by in ["uprobes", "callgrind"] {
        let calls = counted(by);
        assert_eq!(calls[probe], ledger["submitted"], "{by}: {calls}");
        assert_eq!(calls[reply], ledger["rx_valid"], "{by}: {calls}");
    }
}

/// Pages, allocations, system calls and waits each have a report whose numbers are their own.
#[test]
fn memory_and_io_are_drawn_too() {
    let _turn = turn();
    if !is_root() {
        return skipped("tracing needs root");
    }
    let folder = tempfile::tempdir().unwrap();
    let scenario = "title = \"x\"\ncommand = \"-sS -p 1-300 127.0.0.1 --cooldown 1 --retries 0\"\n";
    fs::write(folder.path().join("all.toml"), scenario).unwrap();
    let run = |arguments: &[&str]| {
        let output = profile(&[&["run", "all.toml"], arguments].concat(), folder.path());
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{errors}");
    };
    run(&["--type", "io", "--call-graph", "dwarf"]);
    run(&["--type", "memory"]);
    let sum = |name: &str, like: &str| -> u64 {
        let folded = fs::read_to_string(folder.path().join(name)).unwrap();
        let lines = folded.lines().filter(|line| line.contains(like));
        lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
    };
    // At 1,000 probes a second a worker waits nearly all of 0.3 s, and says where.
    let waits = sum("all.off-cpu.folded", "prtip_engine::scan::worker::Worker::run");
    assert!((100_000..10_000_000).contains(&waits), "{waits} us");
    assert!(sum("all.io.folded", "prtip_engine::port::") > 100);
    assert!(sum("all.pages.folded", "prtip") > 100);
    assert!(sum("all.memory.folded", "prtip_engine::") > 100);
    // The bus from a worker to the coordinator. (Of inlined functions only their own names are
    // known where debug information is sparse.)
    assert!(sum("all.peak.folded", "prtip_engine::event::PortEvent") > 250_000);
    let report = fs::read_to_string(folder.path().join("all.off-cpu.hotspots.md")).unwrap();
    assert!(report.contains("microseconds off the CPU"), "{report}");
}

/// Calls are counted in whoever runs the scanner: one test at a time.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn skipped(why: &str) {
    let ci = std::env::var("CI").is_ok_and(|value| !value.is_empty() && value != "false");
    assert!(!ci, "this test is required: {why}");
    println!("SKIPPED: {why}");
}

fn programs() -> PathBuf {
    std::env::var_os("PRTIP_BIN_DIR").map_or_else(
        || std::env::current_exe().unwrap().ancestors().nth(3).unwrap().join("release"),
        PathBuf::from,
    )
}

#[test]
fn what_is_not_there_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let output = profile(&["run", "nothing"], folder.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("syn-scan-10k-ports"));
    let output = profile(&["compare", ".", "."], folder.path());
    assert_eq!(output.status.code(), Some(2));
    let list = profile(&["list"], folder.path());
    assert_eq!(String::from_utf8(list.stdout).unwrap().matches("  prtip ").count(), 10);
}
