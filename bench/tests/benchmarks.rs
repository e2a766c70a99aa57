//! `prtip-bench tx` and `roundtrip` from outside: a short run prints rows that a
//! script can read, and leaves nothing behind. No speed is asserted here: what a
//! busy machine measures is no test.
//!
//! Needs root; says SKIPPED otherwise and fails where `CI` is set.

#![allow(clippy::unwrap_used)]

mod rights;

use std::process::{Command, Stdio};

use rights::may_run;
use serde_json::Value;

const BENCH: &str = env!("CARGO_BIN_EXE_prtip-bench");

/// The rows of a short run.
fn rows(bench: &str) -> Vec<Value> {
    let output = Command::new(BENCH)
        .args([bench, "--json", "--pairs", "6"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{bench}: {errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn assert_complete(row: &Value, bench: &str) {
    assert_eq!(row["bench"], bench);
    for field in ["row", "unit", "vs", "packet"] {
        assert!(row[field].as_str().is_some_and(|text| !text.is_empty()), "{field} in {row}");
    }
    assert_eq!(row["xdp_mode"], "copy");
    let live = row["row"].as_str().unwrap().starts_with("live");
    assert_eq!(row["port_engine"], if live { "live" } else { "xdp" });
    assert_eq!(row["pairs"], 6);
    let number = |field: &str| row[field].as_f64().unwrap();
    assert!(number("value") > 0.0 && number("vs_value") > 0.0, "{row}");
    assert!(number("ratio_low") > 0.0, "{row}");
    assert!(number("ratio_low") <= number("ratio"), "{row}");
    assert!(number("ratio") <= number("ratio_high"), "{row}");
}

#[test]
fn transmit_prints_a_row_for_each_comparison() {
    if !may_run() {
        return;
    }
    let rows = rows("tx");
    // Without a second CPU there are no rows for two queues.
    let cpus = std::thread::available_parallelism().unwrap().get();
    assert_eq!(rows.len(), if cpus > 1 { 6 } else { 4 });
    rows.iter().for_each(|row| assert_complete(row, "tx"));
    assert!(rows[0]["vs"].as_str().unwrap().contains("bare"));
    assert!(rows[1]["vs"].as_str().unwrap().contains("AF_PACKET"));
}

#[test]
fn round_trips_are_compared_with_a_bare_echo_loop() {
    if !may_run() {
        return;
    }
    let rows = rows("roundtrip");
    assert_eq!(rows.len(), 3);
    rows.iter().for_each(|row| assert_complete(row, "roundtrip"));
}

#[test]
fn round_trip_times_are_held_against_the_labs_clock() {
    if !may_run() {
        return;
    }
    let rows = rows("rtt");
    let engines: Vec<_> = rows.iter().map(|row| row["port_engine"].as_str().unwrap()).collect();
    assert_eq!(engines, ["xdp", "live", "packet"]);
    for row in &rows {
        // How much is a measurement; that it is more than nothing is the way's length.
        assert!(row["value"].as_f64().unwrap() > 0.0, "{row}");
        assert_eq!(row["vs_value"], 10.0);
    }
}

#[test]
fn too_few_pairs_are_a_usage_error() {
    let status =
        Command::new(BENCH).args(["tx", "--pairs", "5"]).stderr(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(2));
}
