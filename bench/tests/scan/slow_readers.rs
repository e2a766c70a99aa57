//! A reader of results that takes nothing for a while: the scan slows down instead of
//! losing something, everything else goes on, and the ledger stays exact.

use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::kill::frames_sent;
use crate::lab::{Lab, wait};
use crate::open_lab::OpenLab;
use crate::setting::turn;

const LAB: Lab = Lab { rules: "--seed 47 --open 500 --closed 400 --icmp 0", link: "--queues 1" };
const SCAN: &str = "-sS -p 1-32 198.18.0.0/19 --port-engine xdp --rate 60000 --retries 0 \
                    --cooldown 1 --seed 7 --show open,closed";
const ASKED: &str = "--targets 198.18.0.0/19 --ports 1-32";
/// What is to be probed.
const PAIRS: u64 = 32 << 13;

/// A pipe with a reader that is open and reads nothing yet.
fn pipe(path: &Path) -> File {
    let status = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(status.success());
    let open = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits() as i32)
        .open(path)
        .unwrap();
    rustix::fs::fcntl_setfl(&open, OFlags::empty()).unwrap();
    open
}

/// Reads everything into a file, from now on.
fn read_all(mut from: File, to: &Path) -> JoinHandle<()> {
    let mut to = File::create(to).unwrap();
    std::thread::spawn(move || {
        std::io::copy(&mut from, &mut to).unwrap();
    })
}

/// Waits until the scan has stopped sending before its end, and returns what it had sent.
fn held(lab: &OpenLab, scan: &mut Child, before: u64) -> u64 {
    let start = Instant::now();
    let (mut last, mut since) = (0, Instant::now());
    loop {
        sleep(Duration::from_millis(100));
        assert!(scan.try_wait().unwrap().is_none(), "the scan has ended, and nobody has read");
        let sent = frames_sent(lab) - before;
        if sent != last {
            (last, since) = (sent, Instant::now());
        } else if sent > 0 && since.elapsed() > Duration::from_millis(800) {
            return sent;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "it sends on: {sent}");
    }
}

/// The last ledger in a log, and how many results the log holds.
fn books(log: &Path) -> (Value, u64) {
    let text = fs::read_to_string(log).unwrap();
    let ledger = text.lines().rfind(|line| line.contains("\"type\":\"ledger\"")).unwrap();
    let results = text.lines().filter(|line| line.contains("\"type\":\"port\"")).count();
    (serde_json::from_str(ledger).unwrap(), results as u64)
}

#[test]
fn a_reader_that_sleeps_slows_the_scan_down_and_loses_nothing() {
    let Some(_turn) = turn("slow readers") else { return };
    let lab = OpenLab::open(LAB, &[]);
    for flag in ["--json", "--csv", "--ndjson"] {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let (fifo, log) = (at("fifo"), at("log.jsonl"));
        let reader = pipe(&fifo);
        let mut command = lab.prtip(SCAN);
        command.arg("--event-log").arg(&log).stderr(File::create(at("words")).unwrap()).arg(flag);
        match flag {
            "--json" => command.stdout(OpenOptions::new().write(true).open(&fifo).unwrap()),
            _ => command.arg(&fifo).stdout(Stdio::null()),
        };
        let before = frames_sent(&lab);
        let mut scan = command.spawn().unwrap();
        // Only the scan may keep it open.
        drop(command);
        let sent = held(&lab, &mut scan, before);
        // It was not for want of pairs, and what was taken until then is in the log.
        assert!(sent < 2 * PAIRS * 9 / 10, "{flag}: all {sent} were sent");
        let logged = fs::metadata(&log).unwrap().len();
        assert!(logged > 100_000, "{flag}: only {logged} bytes were logged");
        let reading = read_all(reader, &at("read"));
        let status = wait(scan, Duration::from_secs(60));
        reading.join().unwrap();
        let words = fs::read_to_string(at("words")).unwrap();
        println!("{flag}: held after {sent} frames; {words}");
        assert_eq!(status.code(), Some(0), "{words}");
        assert!(words.contains("sending waited"), "{words}");
        let (ledger, results) = books(&log);
        for (name, expected) in
            [("results", results), ("event_drops", 0), ("ring_drops", 0), ("unaccounted", 0)]
        {
            assert_eq!(ledger[name], expected, "{flag} {name}: {ledger}");
        }
        let verdict = LAB.check(ASKED, &log);
        assert_eq!(verdict.code, Some(0), "{flag}: {verdict:?}");
        let mut told = String::new();
        File::open(at("read")).unwrap().read_to_string(&mut told).unwrap();
        let heads = match flag {
            "--json" => told.lines().filter(|line| !line.contains("\"type\":\"port\"")).count(),
            "--csv" => 1,
            _ => 0,
        };
        assert_eq!((told.lines().count() - heads) as u64, results, "{flag}");
    }
    lab.close();
}

#[test]
fn a_scan_that_is_stopped_at_once_does_not_wait_for_its_reader_and_counts_what_it_drops() {
    let Some(_turn) = turn("stuck reader") else { return };
    let lab = OpenLab::open(LAB, &[]);
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (fifo, log) = (at("fifo"), at("log.jsonl"));
    let reader = pipe(&fifo);
    let before = frames_sent(&lab);
    let mut scan = lab
        .prtip(SCAN)
        .arg("--json")
        .arg("--event-log")
        .arg(&log)
        .stdout(OpenOptions::new().write(true).open(&fifo).unwrap())
        .stderr(File::create(at("words")).unwrap())
        .spawn()
        .unwrap();
    held(&lab, &mut scan, before);
    let pid = Pid::from_child(&scan);
    kill_process(pid, Signal::INT).unwrap();
    sleep(Duration::from_millis(300));
    assert!(scan.try_wait().unwrap().is_none());
    kill_process(pid, Signal::INT).unwrap();
    let start = Instant::now();
    wait(scan, Duration::from_secs(20));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    let words = fs::read_to_string(at("words")).unwrap();
    println!("{words}");
    assert!(words.contains("before its reader had taken everything"), "{words}");
    let (ledger, results) = books(&log);
    let dropped = ledger["event_drops"].as_u64().unwrap();
    assert!(dropped > 1000, "{ledger}");
    assert_eq!(
        (ledger["results"].as_u64(), ledger["unaccounted"].as_u64()),
        (Some(results), Some(0))
    );
    assert_eq!(ledger["rx_valid"].as_u64(), Some(results + dropped));
    drop(reader);
    lab.close();
}
