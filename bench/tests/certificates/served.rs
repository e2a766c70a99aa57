//! A real server with a fault behind each of its names, asked by `prtip tls ask` inside of
//! the lab: the fault named right for each, and old versions of TLS told apart.
//!
//! Needs root and network namespaces; says SKIPPED otherwise and fails where `CI` is set.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use prtip_bench::lab::servers::badssl::NAMES;
use serde_json::Value;

use crate::release::binary;
use crate::rights::may_run;

/// The records of asking `servers` in the lab, by the name asked.
fn asked(servers: &[&str]) -> BTreeMap<String, Value> {
    let prtip = binary("prtip");
    let script = "prtip=$1; shift; for at; do \"$prtip\" tls ask \"$at\" || echo \"$at\" >&2; done";
    let output = Command::new(env!("CARGO_BIN_EXE_prtip-bench"))
        .args(["lab", "run", "--servers", "badssl", "--", "sh", "-c", script, "sh"])
        .arg(prtip)
        .args(servers)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let text = String::from_utf8(output.stdout).unwrap();
    let records = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let records: BTreeMap<String, Value> = records
        .map(|record| (record["server_name"].as_str().unwrap().to_owned(), record))
        .collect();
    assert_eq!(records.len(), servers.len(), "{said}");
    records
}

#[test]
fn each_name_shows_its_fault_and_each_old_version_is_told() {
    if !may_run() {
        return;
    }
    let old = |name: &str| match name {
        "tls-v1-0.badssl.com" => Some((1010, "TLSv1.0")),
        "tls-v1-1.badssl.com" => Some((1011, "TLSv1.1")),
        "tls-v1-2.badssl.com" => Some((1012, "TLSv1.2")),
        _ => None,
    };
    let servers: Vec<String> = NAMES
        .iter()
        .map(|(name, _)| format!("{name}:{}", old(name).map_or(443, |(port, _)| port)))
        .collect();
    let records = asked(&servers.iter().map(String::as_str).collect::<Vec<_>>());
    for (name, status) in NAMES {
        let record = &records[name];
        assert_eq!(record["chain_status"], status, "{name}: {record}");
        assert_eq!(record["ip"], "198.19.255.200");
        let version = old(name).map_or("TLSv1.3", |(_, version)| version);
        assert_eq!(record["version"], version, "{name}");
        assert!(record["cipher"].as_str().unwrap().starts_with("TLS_"), "{record}");
    }
}
