//! The dry run: needs no privileges, starts at once, says the whole truth.
#![allow(clippy::unwrap_used)]

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::process::{Command as Process, Stdio};
use std::time::{Duration, Instant};

use assert_cmd::Command;
use assert_cmd::cargo::cargo_bin;
use serde_json::Value;

fn prtip(line: &str) -> Command {
    let mut command = Command::cargo_bin("prtip").unwrap();
    command.args(line.split_whitespace());
    command
}

/// Standard output of a run that must end well.
fn stdout(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_pair_is_probed_exactly_once_for_every_split_into_shards() {
    let scan = "--dry-run --seed 7 -p 1-50 --exclude 198.18.0.9 198.18.0.0/28 2001:2::/126";
    let whole: Vec<String> = stdout(&mut prtip(scan)).lines().map(str::to_owned).collect();
    let pairs: HashSet<&String> = whole.iter().collect();
    assert_eq!(whole.len(), 50 * (15 + 4));
    assert_eq!(pairs.len(), whole.len());
    for host in (0..16).filter(|&host| host != 9) {
        for port in 1..=50 {
            assert!(pairs.contains(&format!("198.18.0.{host} {port}")));
        }
    }
    assert!(pairs.contains(&"2001:2::3 50".to_owned()));
    for of in [1, 2, 3, 7] {
        let joined: String = (1..=of)
            .map(|part| stdout(&mut prtip(&format!("{scan} --shard {part}/{of}"))))
            .collect();
        assert!(joined.lines().eq(whole.iter()), "{of} shards");
    }
}

/// The same counted by programs that are not ours: the records of all shards hold every
/// pair that nested loops name, none twice, and the indices 0 to N - 1.
#[test]
fn sort_and_awk_count_the_records_of_all_shards() {
    let script = r#"
        for part in 1 2 3 4 5; do
            "$PRTIP" --dry-run --json --seed 11 --shard $part/5 -p 7,80,1000-1019 \
                --exclude 198.18.1.64/26 --exclude 198.18.2.0-2 198.18.1.0/24 198.18.2.0/25
        done > records
        sed 's/.*"i":"\([0-9]*\)".*/\1/' records | sort -n > indices
        sed 's/.*"ip":"\([^"]*\)","port":\([0-9]*\),"proto":"tcp".*/\1 \2/' records | sort > pairs
        awk 'BEGIN {
            for (host = 0; host < 384; host++) {
                if (host >= 64 && host < 128 || host >= 256 && host < 259) continue
                for (port = 1; port < 1020; port++)
                    if (port == 7 || port == 80 || port >= 1000)
                        print "198.18." 1 + int(host / 256) "." host % 256 " " port
            }
        }' | sort > wanted
        cmp pairs wanted && uniq -d pairs | cmp - /dev/null && seq 0 $(($(wc -l < wanted) - 1)) | cmp - indices
        wc -l < wanted
    "#;
    let folder = tempfile::tempdir().unwrap();
    let output = Process::new("bash")
        .args(["-e", "-c", script])
        .current_dir(&folder)
        .env("PRTIP", cargo_bin!("prtip"))
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}{words}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), "6974", "{words}");
}

/// SHA-256 of an order, as `sha256sum` tells it: whatever machine or version gives another
/// one would make shards of different machines overlap and resumed scans wrong.
#[test]
fn the_order_is_the_same_on_every_machine() {
    let folder = tempfile::tempdir().unwrap();
    let order = folder.path().join("order");
    let line = "--dry-run --seed 20261125 -p 22,80,443,8000-8100 --max-targets 100000 \
                198.18.0.0/15 2001:2::/100 --exclude 198.18.128.0/20";
    std::fs::write(&order, stdout(&mut prtip(line))).unwrap();
    let told = Process::new("sha256sum").arg(&order).output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    assert_eq!(
        told.split_once(' ').unwrap().0,
        "283236e6ceefa5bcc1b7a8946eb6d96a835b11d52077451ee8a1aabc16a04e36"
    );
}

#[test]
fn the_order_depends_on_the_seed_and_on_nothing_else() {
    let run = |seed| stdout(&mut prtip(&format!("--dry-run --seed {seed} -p 1-100 198.18.0.1")));
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn a_seed_that_was_not_given_is_told_and_repeats_the_scan() {
    let first = prtip("--dry-run -p 1-100 198.18.0.1").output().unwrap();
    let words = String::from_utf8(first.stderr).unwrap();
    let (_, rest) = words.split_once("seed ").unwrap();
    let (seed, _) = rest.split_once(',').unwrap();
    let again = stdout(&mut prtip(&format!("--dry-run -p 1-100 --seed {seed} 198.18.0.1")));
    assert_eq!(String::from_utf8(first.stdout).unwrap(), again);
}

#[test]
fn json_gives_one_probe_record_a_probe() {
    let text = stdout(&mut prtip("--dry-run --json --seed 3 -p 80,443 198.18.0.0/30"));
    let records: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(records.len(), 8);
    for (index, record) in records.iter().enumerate() {
        assert_eq!(record["schema"], "prtip/1");
        assert_eq!(record["type"], "probe");
        assert_eq!(record["i"], index.to_string());
        assert_eq!(record["attempt"], 0);
        assert_eq!(record["proto"], "tcp");
        assert!(record["ts"].as_str().unwrap().ends_with('Z'));
    }
}

#[test]
fn max_targets_cuts_the_order_and_keeps_it() {
    let whole = stdout(&mut prtip("--dry-run --seed 3 -p 1-9 198.18.0.0/24"));
    let cut = stdout(&mut prtip("--dry-run --seed 3 -p 1-9 --max-targets 100 198.18.0.0/24"));
    assert_eq!(cut.lines().count(), 100);
    assert!(whole.starts_with(&cut));
}

#[test]
fn targets_come_from_arguments_lists_and_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let (list, exclusions) = (folder.path().join("list"), folder.path().join("exclude"));
    std::fs::write(&list, "198.18.0.1 # one\n198.18.0.2,198.18.0.3\r\n\n").unwrap();
    std::fs::write(&exclusions, "198.18.0.2\n").unwrap();
    let line = format!(
        "--dry-run --seed 1 -p 7 -iL {} -iL - --excludefile {} 198.18.1.0-1",
        list.display(),
        exclusions.display()
    );
    let text = stdout(prtip(&line).write_stdin("2001:2::9\n"));
    let found: HashSet<&str> = text.lines().collect();
    let expected = ["198.18.0.1 7", "198.18.0.3 7", "198.18.1.0 7", "198.18.1.1 7", "2001:2::9 7"];
    assert_eq!(found, HashSet::from(expected));
}

#[test]
fn without_ports_our_top_100_are_taken_for_up_to_256_addresses() {
    let default = stdout(&mut prtip("--dry-run --seed 1 198.18.0.0/24"));
    assert_eq!(default.lines().count(), 25_600);
    assert_eq!(default, stdout(&mut prtip("--dry-run --seed 1 -F 198.18.0.0/24")));
    assert_eq!(default, stdout(&mut prtip("--dry-run --seed 1 --top-ports 100 198.18.0.0/24")));
}

#[test]
fn special_purpose_addresses_are_left_out_of_a_larger_target_unless_allowed() {
    let line = "--dry-run --seed 1 -p 80 198.17.255.254-198.18.0.1";
    assert_eq!(stdout(&mut prtip(line)).lines().count(), 2);
    let allowed = format!("{line} --allow-special 198.18.0.0/15");
    assert_eq!(stdout(&mut prtip(&allowed)).lines().count(), 4);
}

/// 2^33 pairs: the first line comes at once, and a reader that leaves ends it well.
#[test]
fn a_plan_of_two_to_the_33_starts_at_once_and_a_closed_pipe_is_a_normal_end() {
    for json in ["--json", "-v"] {
        let start = Instant::now();
        let mut process = Process::new(cargo_bin!("prtip"))
            .args(["--dry-run", json, "-p-", "198.18.0.0/15"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'));
        let output = process.wait_with_output().unwrap();
        assert!(start.elapsed() < Duration::from_secs(5));
        assert_eq!(output.status.code(), Some(0));
        let words = String::from_utf8(output.stderr).unwrap();
        assert!(words.contains("8589803520 pairs"), "{words}");
        assert!(!words.to_lowercase().contains("pipe"), "{words}");
    }
}

#[test]
fn a_full_disk_on_standard_output_is_an_error() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = Process::new(cargo_bin!("prtip"))
        .args(["--dry-run", "-p", "80", "198.18.0.1"])
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("No space left"));
}

#[test]
fn ctrl_c_ends_a_dry_run_with_code_3() {
    let mut process = Process::new(cargo_bin!("prtip"))
        .args(["--dry-run", "-p-", "198.18.0.0/15"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut reader = BufReader::new(process.stdout.take().unwrap());
    reader.read_line(&mut String::new()).unwrap();
    let killed = Process::new("kill").args(["-INT", &process.id().to_string()]).status().unwrap();
    assert!(killed.success());
    std::io::copy(&mut reader, &mut std::io::sink()).unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(3));
}
