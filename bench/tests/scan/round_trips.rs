//! Round-trip times are those that the lab makes, and a reply after the end of
//! the cooldown is never told wrong.

use std::collections::HashMap;

use serde_json::Value;

use crate::lab::Lab;
use crate::setting::{seed, turn};

/// A send time is shared by a batch of at most this many microseconds.
pub(crate) const BATCH_US: u64 = 64;

/// By how many microseconds each round-trip time of a scan is longer than the lab, by its own
/// clock, has held the probe; ascending.
fn beyond_the_labs_holding(engine: &str, fault: &[(&str, &str)]) -> Vec<f64> {
    let folder = tempfile::tempdir().unwrap();
    let times = folder.path().join("times");
    let link: &'static str = Box::leak(format!("--times {}", times.display()).into_boxed_str());
    let lab = Lab { rules: "--seed 7 --open 300 --closed 300 --delay-us 200-2000", link };
    let scan = lab.scan_with(
        &format!(
            "-sS -p 1-32 198.18.0.0/25 --port-engine {engine} --rate 10000 --retries 0 --seed {} \
             --cooldown 1 --json --show open,closed,filtered",
            seed()
        ),
        fault,
    );
    assert_eq!(scan.code, Some(0), "{}", scan.words);
    let text = std::fs::read_to_string(&times).unwrap();
    let key = |record: &Value| (record["ip"].to_string(), record["port"].as_u64().unwrap());
    let held: HashMap<_, f64> = text
        .lines()
        .map(|line| {
            let answer: Value = serde_json::from_str(line).unwrap();
            let at = |name: &str| answer[name].as_u64().unwrap();
            assert!(at("came_ns") < at("left_ns"), "{answer}");
            (key(&answer), (at("left_ns") - at("came_ns")) as f64 / 1e3)
        })
        .collect();
    let mut beyond: Vec<f64> = scan
        .records("port")
        .iter()
        .filter(|port| port["rtt_us"].is_u64())
        .map(|port| port["rtt_us"].as_u64().unwrap() as f64 - held[&key(port)])
        .collect();
    assert!(beyond.len() > 2000 && beyond.len() <= held.len(), "{} answers", beyond.len());
    beyond.sort_by(f64::total_cmp);
    let at = |share: f64| beyond[((beyond.len() - 1) as f64 * share) as usize];
    println!(
        "{engine} {fault:?}: round-trip times beyond the lab's holding: {:.1} to {:.1} us, median \
         {:.1}, p99 {:.1}",
        at(0.0),
        at(1.0),
        at(0.5),
        at(0.99)
    );
    beyond
}

#[test]
fn no_round_trip_is_shorter_than_the_lab_has_held_the_probe_by_its_own_clock() {
    let Some(_turn) = turn("the lab's clock") else { return };
    for engine in ["xdp", "live", "packet"] {
        let beyond = beyond_the_labs_holding(engine, &[]);
        // Times are told in whole microseconds, rounded down.
        assert!(beyond[0] >= -1.0, "{engine}: {} us", beyond[0]);
    }
    // The control: a clock that is 100 us off is seen.
    let beyond = beyond_the_labs_holding("xdp", &[("PRTIP_FAULT", "early-clock")]);
    assert!(beyond[0] < -50.0, "{} us", beyond[0]);
}

#[test]
fn replies_after_the_cooldown_are_not_told_wrong() {
    let Some(_turn) = turn("late replies") else { return };
    let lab = Lab {
        rules: "--seed 7 --open 200 --closed 200 --icmp 50 --dup 100 --delay-us 1500000-1600000",
        link: "--queues 2",
    };
    for engine in ["xdp", "packet"] {
        // 4,096 probes in 0.2 s: all replies come half a second after the end. At
        // a third of that pace, some come in time.
        for (rate, some) in [("20000", false), ("1400", true)] {
            let scan = lab.scan(&format!(
                "-sS -p 1-64 198.18.0.0/26 --port-engine {engine} --rate {rate} --retries 0 \
                 --seed {} --cooldown 1 --json --show open,closed",
                seed()
            ));
            assert_eq!(scan.code, Some(0), "{}", scan.words);
            let verdict = lab.check("--targets 198.18.0.0/26 --ports 1-64", &scan.results);
            assert!(verdict.nothing_false(), "{engine} {rate}: {verdict:?}");
            assert_eq!(scan.booked("unaccounted"), 0);
            let found = verdict.expected - verdict.missed;
            if some {
                assert!(found > 500, "{engine} {rate}: {verdict:?}");
            }
            for port in scan.records("port") {
                assert!(port["rtt_us"].as_u64().unwrap() >= 1_500_000 - BATCH_US, "{port}");
            }
        }
    }
}
