//! A far end that takes probes slower than the kernel's generator makes them: the driver
//! refuses some, and the scan slows down instead of losing them.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::lab::{Lab, Verdict, wait};
use crate::open_lab::{OpenLab, Side};
use crate::setting::{seed, turn_alone};
use crate::truth::RULES;

const LAB: Lab = Lab { rules: RULES, link: "--queues 2" };
/// One attempt each, so that whatever is refused and forgotten is missed.
const SCAN: &str = "-sS -p 1-64 198.18.0.0/21 --port-engine live --rate max --retries 0 \
                    --cooldown 1 --json --show open,closed";
const ASKED: &str = "--targets 198.18.0.0/21 --ports 1-64";

/// The threads in which the kernel takes what comes in on a `lab0`, each its number.
fn takers() -> HashSet<u32> {
    let all = fs::read_dir("/proc").unwrap();
    let numbers = all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let is_taker = |number: &u32| {
        let name = fs::read_to_string(format!("/proc/{number}/comm"));
        name.is_ok_and(|name| name.starts_with("napi/lab0-"))
    };
    numbers.filter(is_taker).collect()
}

/// Has what comes in on the far end be taken by threads that run when nobody else wants
/// their CPU, which is the first.
fn slow_down(lab: &OpenLab) {
    let before = takers();
    // With the /sys of that namespace.
    let threaded = "mount -t sysfs sysfs /sys && echo 1 >/sys/class/net/lab0/threaded";
    let status =
        lab.command(Side::Far, "unshare").args(["-m", "sh", "-c", threaded]).status().unwrap();
    assert!(status.success(), "threads take what comes in: {status}");
    let ours: Vec<u32> = takers().difference(&before).copied().collect();
    assert_eq!(ours.len(), 2, "one a queue: {ours:?}");
    for number in ours {
        lab.output(Side::Far, &format!("chrt --idle --pid 0 {number}"));
        lab.output(Side::Far, &format!("taskset --pid --cpu-list 0 {number}"));
    }
}

/// A scan in an open lab: its ledger, and its results in `results`.
fn scanned(lab: &OpenLab, fault: &str, results: &Path) -> Value {
    let mut command = lab.prtip(&format!("{SCAN} --seed {}", seed()));
    command.env("PRTIP_FAULT", fault).stdout(File::create(results).unwrap());
    let status = wait(command.spawn().unwrap(), Duration::from_secs(120));
    assert_eq!(status.code(), Some(0));
    let text = fs::read_to_string(results).unwrap();
    let ledger = text.lines().rfind(|line| line.contains("\"type\":\"ledger\"")).unwrap();
    serde_json::from_str(ledger).unwrap()
}

#[test]
fn what_a_slow_far_end_refuses_is_sent_again_until_it_is_taken() {
    let Some(_turn) = turn_alone("slow far end") else { return };
    let folder = tempfile::tempdir().unwrap();
    let results = folder.path().join("results");
    let lab = OpenLab::open(LAB, &[]);
    slow_down(&lab);

    let ledger = scanned(&lab, "", &results);
    println!("{ledger}");
    let verdict = LAB.check(ASKED, &results);
    let clean = Verdict {
        code: Some(0),
        missed: 0,
        invented: 0,
        repeated: 0,
        wrong: 0,
        expected: verdict.expected,
    };
    assert_eq!(verdict, clean);
    let count = |name: &str| ledger[name].as_u64().unwrap();
    assert_eq!((count("unaccounted"), count("tx_again")), (0, count("tx_failed")), "{ledger}");
    assert!(count("tx_again") > 1000, "the far end was not slow: {ledger}");
    // Each pair has left once.
    assert_eq!(count("completed"), 64 << 11, "{ledger}");
    assert!(ledger["remarks"].to_string().contains("were sent again"), "{ledger}");

    // The control: a sender that forgets what was refused misses it.
    let ledger = scanned(&lab, "forgotten-refusals", &results);
    let verdict = LAB.check(ASKED, &results);
    assert!(verdict.missed > 1000 && verdict.nothing_false(), "{verdict:?}");
    assert_eq!((ledger["unaccounted"].as_u64(), ledger["tx_again"].as_u64()), (Some(0), Some(0)));
    assert!(ledger["remarks"].to_string().contains("the kernel refused"), "{ledger}");
    lab.close();
}

#[test]
fn round_trips_from_a_slow_far_end_are_right_or_unknown() {
    let Some(_turn) = turn_alone("round trips from a slow far end") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (results, times) = (folder.path().join("results"), folder.path().join("times"));
    let rules = "--seed 7 --open 300 --closed 300 --delay-us 500-3000";
    let lab = OpenLab::open(Lab { rules, ..LAB }, &[OsStr::new("--times"), times.as_os_str()]);
    slow_down(&lab);
    let ledger = scanned(&lab, "", &results);
    lab.close();
    assert!(ledger["tx_again"].as_u64().unwrap() > 1000, "the far end was not slow: {ledger}");
    let read = |path: &Path| -> Vec<Value> {
        let text = fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let key = |record: &Value| (record["ip"].to_string(), record["port"].as_u64().unwrap());
    let held_us: HashMap<_, f64> = read(&times)
        .iter()
        .map(|answer| {
            let at = |name: &str| answer[name].as_u64().unwrap();
            (key(answer), (at("left_ns") - at("came_ns")) as f64 / 1e3)
        })
        .collect();
    let ports: Vec<Value> =
        read(&results).into_iter().filter(|record| record["type"] == "port").collect();
    let known: Vec<f64> = ports
        .iter()
        .filter_map(|port| Some(port["rtt_us"].as_u64()? as f64 - held_us.get(&key(port))?))
        .collect();
    let unknown = ports.iter().filter(|port| !port["rtt_us"].is_u64()).count();
    let least = known.iter().copied().fold(f64::INFINITY, f64::min);
    println!(
        "{} known, {unknown} unknown, least beyond the lab's holding {least:.1} us",
        known.len()
    );
    // Times are told in whole microseconds, rounded down.
    assert!(known.len() > 1000 && unknown > 100 && least >= -1.0, "{least}");
}
