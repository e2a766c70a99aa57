//! Idle scans by way of the lab's zombie: what is open is the truth, the targets see nobody
//! but the zombie, and hosts that do not count their packets in order are refused.
//!
//! Needs root; says SKIPPED otherwise and fails where `CI` is set.
#![allow(clippy::unwrap_used)]

mod release;
mod rights;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use release::binary;
use rights::may_run;

const ZOMBIE: &str = "198.19.255.240";

fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

/// `prtip` with `args` in a lab with `lab`: its exit code, what it found and said, and what
/// the lab counted.
fn scan(lab: &[&str], args: &[&str]) -> (Option<i32>, String, String, Value) {
    let folder = tempfile::tempdir().unwrap();
    let stats = folder.path().join("stats");
    let mut command = Command::new(binary("prtip-bench"));
    command.args(["lab", "run", "--stats"]).arg(&stats).args(lab).arg("--");
    command.arg(binary("prtip")).args(args);
    let (code, found, said) = run(&mut command);
    let stats = serde_json::from_slice(&std::fs::read(stats).unwrap()).unwrap();
    (code, found, said, stats)
}

/// Compares what was found with the lab's truth: how many were to be found, or what is wrong.
fn judge(found: &str, rules: &[&str], asked: &[&str], folder: &Path) -> (Option<i32>, String) {
    let file = folder.join("found");
    std::fs::write(&file, found).unwrap();
    let mut command = Command::new(binary("prtip-bench"));
    command.args(["lab", "check"]).args(rules).args(asked).arg(&file);
    let (code, told, said) = run(&mut command);
    (code, told + &said)
}

#[test]
fn what_is_open_is_told_by_every_zombie_that_counts() {
    if !may_run() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let seed = std::env::var("PRTIP_TEST_SEED").unwrap_or_else(|_| std::process::id().to_string());
    println!("PRTIP_TEST_SEED={seed}");
    let soak = std::env::var("PRTIP_SOAK").is_ok_and(|value| !value.is_empty() && value != "0");
    let targets = if soak { "198.18.0.0/24" } else { "198.18.0.0/30" };
    for (kind, loss) in [("global", "0"), ("swapped", "0"), ("twos", "0"), ("global", "20")] {
        let zombie = format!("--zombie={kind}");
        let rules = ["--seed", seed.as_str(), "--open", "50", "--loss", loss];
        let asked = ["-sI", ZOMBIE, "-p", "1-64", targets, "--rate", "max", "--retries", "3"];
        let lab = [&[zombie.as_str()][..], &rules].concat();
        let (code, found, said, stats) = scan(&lab, &[&asked[..], &["--json"]].concat());
        assert_eq!(code, Some(0), "{said}");
        let pairs = ["--targets", targets, "--ports", "1-64"];
        let (right, told) = judge(&found, &rules, &pairs, folder.path());
        assert_eq!(right, Some(0), "{kind}, loss {loss}: {told}\n{said}");
        assert!(found.contains("\"ipid-change\""), "{found}");
        // The control: another truth.
        let others = ["--seed", "987654321", "--open", "50"];
        assert_eq!(judge(&found, &others, &pairs, folder.path()).0, Some(1));
        // The scanner has sent its questions and SYNs in the zombie's name, all of which were
        // answered to the zombie: what came back to the scanner is the zombie's alone.
        let replies = stats["counters"]["reply_frames"].as_u64().unwrap();
        let zombies = stats["zombie"]["answered"].as_u64().unwrap();
        let received = stats["links"][0]["rx_packets"].as_u64().unwrap();
        assert!(replies > 0 && received <= zombies + 20, "{received} of {zombies}: {stats}");
    }
}

#[test]
fn an_interrupted_scan_goes_on_where_its_log_ends() {
    if !may_run() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // Slow enough to be interrupted half-way; what goes on does so faster.
    let script = "timeout -s $2 3 \"$0\" -sI 198.19.255.240 -p 1-64 198.18.0.0/29 --rate 60 \
            --event-log \"$1\" >/dev/null || true
        \"$0\" --resume \"$1\" --rate max >\"$1.table\"";
    let soak = std::env::var("PRTIP_SOAK").is_ok_and(|value| !value.is_empty() && value != "0");
    for signal in if soak { &["KILL", "INT"][..] } else { &["KILL"] } {
        let rules = ["--seed", "7", "--open", "50"];
        let mut command = Command::new(binary("prtip-bench"));
        command.args(["lab", "run", "--zombie"]).args(rules).args(["--", "sh", "-ec", script]);
        let log = folder.path().join(signal);
        let (code, _, said) = run(command.arg(binary("prtip")).arg(&log).arg(signal));
        assert_eq!(code, Some(0), "{said}");
        let (finished, _) = said.split_once(" of 512 pairs were finished").unwrap();
        let finished: usize = finished.rsplit(' ').next().unwrap().parse().unwrap();
        assert!(finished > 0 && finished < 512, "{finished} of 512 were finished: {said}");
        // Every open port is told once, in the log of both together.
        let found = std::fs::read_to_string(&log).unwrap();
        let pairs = ["--targets", "198.18.0.0/29", "--ports", "1-64"];
        let (right, verdict) = judge(&found, &rules, &pairs, folder.path());
        assert_eq!(right, Some(0), "{signal}: {verdict}\n{said}");
        // And both together have asked all: `23 open, 0 closed, 489 filtered in …`.
        let last = said.lines().rfind(|line| line.contains(" open, 0 closed, ")).unwrap();
        let (counts, _) = last.split_once(" in ").unwrap();
        let counts = counts.split(' ').filter_map(|word| word.parse::<usize>().ok());
        assert_eq!(counts.sum::<usize>(), 512, "{last}");
    }
}

#[test]
fn a_real_kernel_is_scanned_and_never_sees_the_scanner() {
    if !may_run() {
        return;
    }
    let lab = ["--zombie", "--servers", "nginx"];
    let args = ["-sI", ZOMBIE, "-p", "75-85,443", "nginx.lab", "--show", "all"];
    let (code, found, said, stats) = scan(&lab, &args);
    if code != Some(0) && said.contains("download") && std::env::var_os("CI").is_none() {
        println!("SKIPPED: no nginx: {said}");
        return;
    }
    assert_eq!(code, Some(0), "{said}");
    let ports = |state: &str| found.lines().filter(|line| line.contains(state)).count();
    assert_eq!(ports(" open "), 2, "{found}");
    assert_eq!(ports(" closed|filtered "), 10, "{found}");
    assert_eq!(stats["zombie"]["direct"], 0, "{stats}");

    // The control: the same ports asked directly.
    let args = ["-p", "75-85,443", "nginx.lab"];
    let (_, _, _, stats) = scan(&lab, &args);
    assert!(stats["zombie"]["direct"].as_u64().unwrap() >= 12, "{stats}");

    // That kernel is no zombie.
    let (code, found, said, _) = scan(&lab, &["-sI", "nginx.lab:80", "-p", "80", "198.18.0.1"]);
    assert_eq!((code, found.as_str()), (Some(1), ""), "{said}");
    assert!(said.contains("its IP identification is always 0"), "{said}");
}

#[test]
fn hosts_that_do_not_count_in_order_are_refused_with_the_reason() {
    if !may_run() {
        return;
    }
    for (kind, why) in [
        ("per-host", "it counts for each host apart"),
        ("random", "its IP identifications are random"),
        ("zero", "its IP identification is always 0"),
        ("busy", "it is busy"),
    ] {
        let zombie = format!("--zombie={kind}");
        let args = ["-sI", ZOMBIE, "-p", "80", "198.18.0.1"];
        let (code, found, said, _) = scan(&[&zombie], &args);
        assert_eq!((code, found.as_str()), (Some(1), ""), "{said}");
        assert!(said.contains(why), "{kind}: {said}");
    }
    // They are looked for.
    let args = ["zombie", "198.19.255.239-241", "198.19.255.2", "-v", "--json"];
    let (code, found, said, _) = scan(&["--zombie=twos"], &args);
    assert_eq!(code, Some(0), "{said}");
    let records: Vec<Value> =
        found.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.len(), 4, "{found}");
    let of = |ip: &str| records.iter().find(|record| record["ip"] == ip).unwrap();
    assert_eq!((&of(ZOMBIE)["usable"], &of(ZOMBIE)["step"]), (&true.into(), &2.into()));
    assert_eq!(of("198.19.255.2")["usable"], false);
    assert!(of("198.19.255.239")["rtt_us"].is_null());
}
