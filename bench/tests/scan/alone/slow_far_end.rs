//! A far end that takes probes slower than the kernel's generator makes them: the driver
//! refuses some, and the scan slows down instead of losing them.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::lab::{Lab, wait};
use crate::open_lab::{OpenLab, Side};
use crate::setting::{seed, turn_alone};
use crate::truth::RULES;

const LAB: Lab = Lab { rules: RULES, link: "--queues 2" };
const SCAN: &str = "-sS -p 1-64 198.18.0.0/21 --port-engine live --rate max --cooldown 1 --json \
                    --show open,closed";
const ASKED: &str = "--targets 198.18.0.0/21 --ports 1-64";

/// How often the far end takes what has come in.
const EVERY: Duration = Duration::from_millis(2);

/// Has the far end take what has come in when a timer says so, and not before: between two
/// of its looks the driver's ring, of 256 frames a queue, has room for no more.
fn slow_down(lab: &OpenLab) {
    let settings = format!(
        "mount -t sysfs sysfs /sys && cd /sys/class/net/lab0 && \
         echo {} >gro_flush_timeout && echo 1000000 >napi_defer_hard_irqs",
        EVERY.as_nanos()
    );
    // With the /sys of that namespace.
    let arguments = ["-m", "sh", "-c", &settings];
    let status = lab.command(Side::Far, "unshare").args(arguments).status().unwrap();
    assert!(status.success(), "the far end looks only now and then: {status}");
}

/// A scan in an open lab: its ledger, and its results in `results`.
fn scanned(lab: &OpenLab, retries: u8, fault: &str, results: &Path) -> Value {
    let mut command = lab.prtip(&format!("{SCAN} --retries {retries} --seed {}", seed()));
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

    // One attempt, so that whatever is refused and forgotten is missed.
    let ledger = scanned(&lab, 0, "", &results);
    println!("{ledger}");
    let verdict = LAB.check(ASKED, &results);
    assert_eq!(verdict, verdict.clean());
    let count = |name: &str| ledger[name].as_u64().unwrap();
    assert_eq!((count("unaccounted"), count("tx_again")), (0, count("tx_failed")), "{ledger}");
    assert!(count("tx_again") > 1000, "the far end was not slow: {ledger}");
    // Each pair has left once.
    assert_eq!(count("completed"), 64 << 11, "{ledger}");
    assert!(ledger["remarks"].to_string().contains("was sent again"), "{ledger}");

    // The control: a sender that forgets what was refused misses it.
    let ledger = scanned(&lab, 0, "forgotten-refusals", &results);
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
    // Half of what answers does so at the second attempt, whose batches have gaps.
    let rules = "--seed 7 --open 300 --closed 300 --lose-first 500 --delay-us 500-3000";
    let lab = OpenLab::open(Lab { rules, ..LAB }, &[OsStr::new("--times"), times.as_os_str()]);
    slow_down(&lab);
    let ledger = scanned(&lab, 1, "", &results);
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
