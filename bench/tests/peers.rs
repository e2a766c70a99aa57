//! `prtip-bench peers` from outside: a short run with masscan, zmap and nmap prints
//! rows that a script can read, finds everything where it goes slowly, draws the
//! plot, and leaves nothing behind; and the readers of what each scanner writes,
//! against output of real scans of the lab (`captures/`, 198.18.0.0/26, seed 7, 100
//! per mille open and 200 closed, ports 1-4; zmap port 1, four probes an address).
//!
//! No speed is asserted: what a busy machine measures is no test. Needs root and
//! Debian's packages; says SKIPPED otherwise and, without root, fails where `CI` is
//! set. `PRTIP_SOAK=1` takes the full number of pairs.

#![allow(clippy::unwrap_used)]

mod release;
mod rights;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use prtip_bench::lab::packages;
use prtip_bench::lab::rule::{Protocol, Rule, State};
use prtip_bench::peers::output::{self, Found, ZMAP_FIELDS};
use release::binary;
use serde_json::Value;

const BENCH: &str = env!("CARGO_BIN_EXE_prtip-bench");
static TURN: Mutex<()> = Mutex::new(());

fn soak() -> bool {
    std::env::var("PRTIP_SOAK").is_ok_and(|value| !value.is_empty() && value != "0")
}

/// Whether a run is possible here.
fn may_run() -> bool {
    if !rights::may_run() {
        return false;
    }
    if let Err(error) = packages::unpack(&["zmap"]) {
        println!("SKIPPED: Debian's packages cannot be had: {error:#}");
        return false;
    }
    true
}

fn peers(arguments: &[&str]) -> Command {
    let mut command = Command::new(BENCH);
    command
        .args(["peers", "--json", "--prtip"])
        .arg(binary("prtip"))
        .args(arguments)
        .stdin(Stdio::null());
    command
}

fn rows(arguments: &[&str]) -> Vec<Value> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let output = peers(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    println!("{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn truth(ports: u16) -> BTreeSet<Found> {
    let rule = Rule { seed: 7, open: 100, closed: 200, icmp: 0 };
    (0..64_u8)
        .map(|low| Ipv4Addr::new(198, 18, 0, low))
        .flat_map(|ip| (1..=ports).map(move |port| (ip, port)))
        .filter(|(ip, port)| rule.state((*ip).into(), *port, Protocol::Tcp) == Some(State::Open))
        .collect()
}

/// A reader of what a scanner writes.
type Reader = fn(&str) -> anyhow::Result<Vec<Found>>;

#[test]
fn what_each_scanner_wrote_is_read_as_the_truth() {
    let captures: [(&str, Reader, u16); 4] = [
        (include_str!("captures/prtip.jsonl"), output::prtip, 4),
        (include_str!("captures/masscan.ndjson"), output::masscan, 4),
        (include_str!("captures/zmap.csv"), output::zmap, 1),
        (include_str!("captures/nmap.gnmap"), output::nmap, 4),
    ];
    for (text, read, ports) in captures {
        let found: BTreeSet<Found> = read(text).unwrap().into_iter().collect();
        let truth = truth(ports);
        assert!(truth.len() >= 12, "{truth:?}");
        assert_eq!(found, truth);
        // One result less is one found less.
        let open = |line: &&str| ["syn-ack", "synack", "/open/"].iter().any(|it| line.contains(it));
        let last = text.lines().rfind(open).unwrap();
        let fewer: Vec<&str> = text.lines().filter(|line| line != &last).collect();
        let fewer: BTreeSet<Found> = read(&fewer.join("\n")).unwrap().into_iter().collect();
        assert!(fewer.len() < truth.len() && fewer.is_subset(&truth), "{last}");
    }
}

#[test]
fn what_no_scanner_writes_is_an_error_that_names_the_line() {
    let odd = "{\"ip\":\"198.18.0.1\"";
    let heading = format!("{ZMAP_FIELDS}\n");
    let bad: [(String, Reader); 7] = [
        (odd.into(), output::prtip),
        ("{\"type\":\"port\",\"state\":\"open\",\"port\":1}".into(), output::prtip),
        (odd.into(), output::masscan),
        ("saddr\n198.18.0.1\n".into(), output::zmap),
        (format!("{heading}198.18.0.1,1,synack\n"), output::zmap),
        (format!("{heading}198.18.0.1,99999,synack,1\n"), output::zmap),
        ("Host: 198.18.0.1 ()\tPorts: nonsense\n".into(), output::nmap),
    ];
    for (text, read) in bad {
        let error = format!("{:#}", read(&text).unwrap_err());
        assert!(error.contains("line 1") || error.contains("heading"), "{text:?}: {error}");
    }
}

/// The rows of one series for one peer, by what they measure.
fn assert_series(rows: &[&Value], pairs: usize) {
    assert_eq!(rows.len(), 5, "{rows:?}");
    for row in rows {
        assert_eq!((&row["bench"], &row["pairs"]), (&"peers".into(), &pairs.into()), "{row}");
        for field in ["row", "unit", "vs", "packet", "port_engine"] {
            assert!(row[field].as_str().is_some_and(|text| !text.is_empty()), "{field} in {row}");
        }
        let number = |field: &str| row[field].as_f64().unwrap();
        assert!(number("value") > 0.0 && number("vs_value") > 0.0, "{row}");
        assert!(number("ratio_low") <= number("ratio"), "{row}");
        assert!(number("ratio") <= number("ratio_high"), "{row}");
    }
}

fn measured(row: &Value, what: &str) -> bool {
    row["row"].as_str().unwrap().ends_with(&format!(": {what}"))
}

#[test]
fn slowly_every_scanner_finds_everything_and_the_plot_shows_them_all() {
    if !may_run() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let svg = dir.path().join("recall.svg");
    let pairs = if soak() { 21 } else { 6 };
    let rows = rows(&[
        "--series",
        "equal",
        "--pairs",
        &pairs.to_string(),
        "--probes",
        if soak() { "524288" } else { "4096" },
        "--most-rate",
        "10000",
        "--open",
        "100",
        "--svg",
        svg.to_str().unwrap(),
    ]);
    for peer in ["masscan", "zmap", "nmap"] {
        let of_peer: Vec<&Value> =
            rows.iter().filter(|row| row["vs"].as_str().unwrap().starts_with(peer)).collect();
        assert_series(&of_peer, pairs);
        for what in ["recall", "precision"] {
            let row = of_peer.iter().find(|row| measured(row, what)).unwrap();
            let least = match (what, peer) {
                // It loses some tens of milliseconds' worth of every scan, a part of this one.
                ("recall", "masscan") => 0.5,
                // A busy machine may cost a reply.
                ("recall", _) => 0.99,
                _ => 1.0,
            };
            assert!(row["value"] == 1.0, "{row}");
            assert!(row["vs_value"].as_f64().unwrap() >= least, "{row}");
        }
        let cpu = of_peer.iter().find(|row| measured(row, "CPU time")).unwrap();
        assert!(cpu["target_at_most"] == 0.5, "{cpu}");
    }
    let picture = std::fs::read_to_string(&svg).unwrap();
    assert!(picture.trim_end().ends_with("</svg>"));
    for name in ["prtip-xdp", "masscan", "zmap", "nmap"] {
        assert!(picture.contains(name), "no {name} in the plot");
    }
    let circles = picture.matches("<circle").count();
    assert!(circles >= 8, "{circles} points");
}

#[test]
fn a_signal_ends_the_scanner_too_and_is_told_by_the_exit_code() {
    if !may_run() {
        return;
    }
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut child = peers(&["--only", "zmap", "--series", "max", "--pairs", "1001"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It has said what the first scans were: a scanner is running.
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("zmap") {
        line.clear();
        assert!(told.read_line(&mut line).unwrap() > 0, "it ended before any scan");
    }
    prtip_bench::lab::processes::signal(child.id() as i32, libc::SIGINT);
    assert_eq!(child.wait().unwrap().code(), Some(128 + libc::SIGINT));
    let left: Vec<i32> = prtip_bench::lab::processes::descendants(std::process::id() as i32);
    assert!(left.is_empty(), "{left:?}");
    let folder = packages::cache_dir().unwrap().join("run");
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0);
}

#[test]
fn bad_arguments_are_usage_errors() {
    for bad in [
        ["--only", "unicorn"],
        ["--engine", "warp"],
        ["--pairs", "5"],
        ["--probes", "10"],
        ["--open", "0"],
        ["--closed", "999"],
    ] {
        let output = peers(&bad).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{bad:?}: {output:?}");
    }
}
