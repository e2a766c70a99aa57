//! SIGKILL at random moments of a process that writes the event log: what is
//! left are whole valid lines without a gap, and everything that had been
//! reported durable.
//!
//! The writer is this test binary itself, started again for one ignored test.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use prtip_engine::event::clock::{Clock, monotonic_ns};
use prtip_engine::event::log::parts::{Form, find};
use prtip_engine::event::log::{Backend, Chain, EventLog, LogOptions, SyncPolicy};
use prtip_engine::event::record::encode_port;
use prtip_engine::event::{PortEvent, PortState, Reason};
use serde_json::Value;

const PATH: &str = "PRTIP_TEST_LOG";
const MODE: &str = "PRTIP_TEST_LOG_MODE";
const ROUNDS: u64 = 12;

/// The options that a mode's name says.
fn options(mode: &str) -> LogOptions {
    let says = |word: &str| mode.split('-').any(|part| part == word);
    LogOptions {
        backend: if says("thread") { Backend::Thread } else { Backend::Auto },
        sync: if says("always") { SyncPolicy::Always } else { SyncPolicy::Interval },
        rotate_bytes: says("rotated").then_some(1 << 20),
        compress: says("gzip").then_some(Form::Gzip),
        ..LogOptions::default()
    }
}

fn event(number: u32) -> PortEvent {
    PortEvent {
        addr: Ipv4Addr::from_bits(number).into(),
        port: number as u16,
        protocol: prtip_engine::plan::Protocol::Tcp,
        state: PortState::Open,
        previous: None,
        reason: Reason::SynAck,
        ttl: 64,
        rtt_ns: Some(u64::from(number)),
        at_ns: u64::from(number),
        heard: None,
    }
}

/// Writes numbered records in bursts until it is killed; says on standard
/// output how many bytes are durable.
#[test]
#[ignore = "the process that the other tests start and kill"]
fn writer_process() {
    let options = options(&std::env::var(MODE).unwrap());
    let path = std::env::var_os(PATH).unwrap();
    let (mut log, word) = EventLog::create(Path::new(&path), options).unwrap();
    assert_eq!(word, None, "io_uring is needed for this test");
    let clock = Clock::with_origin(Duration::ZERO);
    let mut line = Vec::new();
    let mut told = 0;
    for number in 0_u32.. {
        line.clear();
        encode_port(&event(number), false, &clock.rfc3339(u64::from(number)), &mut line);
        log.append(&line);
        if number.is_multiple_of(64) {
            log.turn(monotonic_ns());
            if let Some(alarm) = log.take_alarm() {
                println!("alarm {alarm}");
                println!("finish failed: {}", log.finish().is_err());
                return;
            }
            let durable = log.durable_bytes();
            if durable > told {
                told = durable;
                println!("durable {durable}");
            }
        }
        // Bursts and pauses, so that kills meet full buffers and partial flushes.
        if number.is_multiple_of(20_000) {
            std::thread::sleep(Duration::from_millis(u64::from(number / 20_000 % 4) * 15));
        }
    }
}

fn start_writer(path: &Path, mode: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "writer_process", "--nocapture"])
        .env(PATH, path)
        .env(MODE, mode)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The most bytes that the writer reported durable.
fn last_durable(output: impl std::io::Read) -> u64 {
    BufReader::new(output)
        .lines()
        .filter_map(|line| line.unwrap().rsplit_once("durable ")?.1.parse().ok())
        .max()
        .unwrap_or(0)
}

/// The bytes of all files of the log, unpacked by other people's programs.
fn whole(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in find(path).unwrap() {
        match part.form {
            Form::Plain => bytes.extend(std::fs::read(part.path).unwrap()),
            _ => bytes.extend(Command::new("zcat").arg(part.path).output().unwrap().stdout),
        }
    }
    bytes.extend(std::fs::read(path).unwrap());
    bytes
}

/// Checks that the log holds the first records, whole and in order, and then
/// at most the beginning of the next one.
fn check(bytes: &[u8]) -> u64 {
    let clock = Clock::with_origin(Duration::ZERO);
    let (mut expected, mut chain, mut number) = (Vec::new(), Chain::default(), 0_u32);
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        expected.clear();
        encode_port(&event(number), false, &clock.rfc3339(u64::from(number)), &mut expected);
        let expected = expected.strip_suffix(b"}\n").unwrap();
        let Some(line) = line.strip_suffix(b"\n") else {
            let part = br#"{"schema":"prtip/1","type":"log_part""#;
            let len = line.len().min(expected.len());
            assert!(
                line[..len] == expected[..len] || part.starts_with(&line[..len.min(part.len())]),
                "the torn end is foreign"
            );
            break;
        };
        assert!(chain.accept(line), "line {number}: {:?}", String::from_utf8_lossy(line));
        if line.windows(10).any(|window| window == b"\"log_part\"") {
            continue;
        }
        assert!(line.starts_with(expected), "line {number}: {:?}", String::from_utf8_lossy(line));
        if number.is_multiple_of(1000) {
            serde_json::from_slice::<Value>(line).unwrap();
        }
        number += 1;
    }
    bytes.len() as u64
}

fn kill_at_random_moments(mode: &str) {
    let (mut longest, mut acknowledged) = (0, 0);
    for round in 0..ROUNDS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut writer = start_writer(&path, mode);
        // Mostly short, some beyond the first fdatasync.
        let spread = u64::from(std::process::id()).wrapping_mul(round + 1) * 37;
        let life = if round % 5 == 0 { 1300 + spread % 200 } else { 20 + spread % 180 };
        std::thread::sleep(Duration::from_millis(life));
        writer.kill().unwrap();
        let durable = last_durable(writer.stdout.take().unwrap());
        writer.wait().unwrap();
        if !path.exists() {
            continue;
        }
        let len = check(&whole(&path));
        assert!(len >= durable, "{durable} bytes were acknowledged, {len} are left");
        longest = longest.max(len);
        acknowledged = acknowledged.max(durable);
    }
    assert!(longest > 1 << 20, "the writers hardly wrote: {longest} bytes at most");
    assert!(acknowledged > 0, "nothing was ever acknowledged");
}

#[test]
fn killed_writers_on_io_uring_leave_whole_lines_in_order() {
    for mode in ["uring", "uring-always-rotated-gzip"] {
        kill_at_random_moments(mode);
    }
}

#[test]
fn killed_writers_on_a_thread_leave_whole_lines_in_order() {
    for mode in ["thread", "thread-always-rotated"] {
        kill_at_random_moments(mode);
    }
}

/// A file system of 2 MiB in a mount namespace of its own: the disk fills up in
/// the middle of a write.
#[test]
fn a_disk_that_fills_up_is_reported_and_leaves_whole_lines() {
    if !rustix::process::geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "needs root, and CI must not skip it");
        println!("SKIPPED: mounting a small file system needs root");
        return;
    }
    for backend in ["uring", "thread"] {
        let folder = tempfile::tempdir().unwrap();
        // The log is copied out, because the namespace ends with the shell.
        let script = "mount -t tmpfs -o size=2m none \"$1\" && \
                      PRTIP_TEST_LOG=\"$1/log\" \"$2\" --ignored --exact writer_process --nocapture; \
                      cat \"$1/log\" >\"$3\"";
        let mount_point = folder.path().join("small");
        let copy = folder.path().join("copy");
        std::fs::create_dir(&mount_point).unwrap();
        let start = Instant::now();
        let output = Command::new("unshare")
            .args(["--mount", "sh", "-c", script, "sh"])
            .args([&mount_point, &std::env::current_exe().unwrap(), &copy])
            .env(MODE, backend)
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&output.stdout);
        assert!(words.contains("No space left on device"), "{backend}: {words}");
        assert!(words.contains("finish failed: true"), "{backend}: {words}");
        assert!(start.elapsed() < Duration::from_secs(20));
        let len = check(&std::fs::read(&copy).unwrap());
        assert!((1 << 20..=2 << 20).contains(&len), "{backend}: {len} bytes");
        std::io::stdout().flush().unwrap();
    }
}
