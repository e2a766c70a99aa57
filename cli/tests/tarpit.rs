//! `-sV` of hosts where every port is open and none says anything of use, every second one
//! without end: memory stays within its bound, each flood is heard once, and the scan ends.
//! 10,000 ports with `PRTIP_SOAK=1`, which takes minutes; no time is asserted.
#![allow(clippy::unwrap_used)]

mod namespace;
#[path = "../../bench/src/peak_memory.rs"]
#[expect(unreachable_pub, reason = "elsewhere it is the library's")]
mod peak_memory;

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;

use namespace::in_a_namespace;
use peak_memory::peak_kib;

/// What a scan takes at most, whatever it meets: `limits.rs` gives 4,096 connections 8 KiB
/// each, and the databases are pages of the program.
const MOST_KIB: u64 = 64 << 10;
/// The first port of an address: none of those that follow is known for a question, which would
/// be put beside the listening.
const FIRST: u16 = 41_001;

#[test]
fn ports_that_say_nothing_or_too_much_cost_no_more_than_they_may() {
    in_a_namespace("tarpits");
}

mod inside {
    use super::*;

    #[test]
    #[ignore = "run by the test of the same name, in a namespace"]
    fn tarpits() {
        let soak =
            std::env::var("PRTIP_SOAK").is_ok_and(|set| !["", "0", "false"].contains(&&*set));
        // In make test only the listening; in full the questions, too.
        let (hosts, ports, how) =
            if soak { (100, 100, "") } else { (10, 20, "--version-intensity 0") };
        let mut server = Command::new("python3")
            .args(["-c", include_str!("tarpit.py"), &FIRST.to_string(), &ports.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3: scripts/install-deps.sh --test");
        let mut words = BufReader::new(server.stdout.take().unwrap());
        words.read_line(&mut String::new()).unwrap();

        let last = FIRST + ports - 1;
        let line =
            format!("-sV -p {FIRST}-{last} 127.9.0.1-127.9.0.{hosts} --rate 5000 --json {how}");
        let begun = Instant::now();
        let mut scan = Command::new(cargo_bin("prtip"))
            .args(line.split_whitespace())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = scan.stdout.take().unwrap();
        let reader = thread::spawn(move || {
            let mut text = String::new();
            stdout.read_to_string(&mut text).unwrap();
            text
        });
        let mut peak = 0;
        while scan.try_wait().unwrap().is_none() {
            peak = peak.max(peak_kib(scan.id()).unwrap_or(0));
            thread::sleep(Duration::from_millis(10));
        }
        let took = begun.elapsed();
        drop(server.stdin.take());
        let mut floods = String::new();
        words.read_line(&mut floods).unwrap();
        server.wait().unwrap();
        let floods: u64 = floods.trim().parse().unwrap();

        let text = reader.join().unwrap();
        let records = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let services: Vec<Value> = records.filter(|record| record["type"] == "service").collect();
        let all = usize::from(hosts * ports);
        println!("{all} ports: {:.0} s, {peak} KiB, {floods} floods", took.as_secs_f64());
        assert_eq!(services.len(), all);
        for record in &services {
            assert_eq!(record["service"], Value::Null, "{record}");
            let heard =
                record["banner_b64"].as_str().is_some_and(|banner| banner.starts_with("eHh4"));
            assert_eq!(heard, record["port"].as_u64().unwrap() % 2 == 0, "{record}");
        }
        assert_eq!(floods, all as u64 / 2, "one flood of a port is enough");
        assert!(peak < MOST_KIB, "{peak} KiB");
    }
}
