//! Tests of the event log; every one runs with both writers.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::event::clock::monotonic_ns;

const BOTH: [Backend; 2] = [Backend::Auto, Backend::Thread];

fn create(path: &Path, backend: Backend) -> EventLog {
    let (log, word) = EventLog::create(path, backend).unwrap();
    assert_eq!(word, None, "io_uring is needed for this test");
    log
}

/// Lines of many lengths, some longer than a buffer.
fn line(number: usize) -> String {
    let len = match number % 1000 {
        999 => BUFFER_BYTES * 2 + 17,
        500 => BUFFER_BYTES - 9,
        other => other * 7 % 300,
    };
    format!("{number} {}\n", "x".repeat(len))
}

#[test]
fn what_is_appended_is_what_the_file_holds_in_order() {
    for backend in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut log = create(&path, backend);
        let mut expected = String::new();
        for number in 0..30_000 {
            let line = line(number);
            log.append(line.as_bytes());
            expected.push_str(&line);
            if number % 97 == 0 {
                log.turn(monotonic_ns());
            }
        }
        assert_eq!(log.take_alarm(), None);
        assert_eq!(log.finish().unwrap(), expected.len() as u64);
        assert!(std::fs::read_to_string(&path).unwrap() == expected, "{backend:?}");
    }
}

#[test]
fn a_turn_brings_lines_to_the_file_and_makes_them_durable_within_two_seconds() {
    for backend in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut log = create(&path, backend);
        log.append(b"one\n");
        let start = std::time::Instant::now();
        while log.durable_bytes() < 4 {
            assert!(start.elapsed() < Duration::from_secs(2), "{backend:?}: {log:?}");
            log.turn(monotonic_ns());
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(std::fs::read(&path).unwrap(), b"one\n");
        log.finish().unwrap();
    }
}

#[test]
fn a_log_that_is_dropped_without_finish_leaves_whole_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let mut log = create(&path, Backend::Auto);
    for number in 0..5000 {
        log.append(line(number).as_bytes());
    }
    drop(log);
    let text = std::fs::read_to_string(&path).unwrap();
    for (number, found) in text.split_inclusive('\n').enumerate() {
        let expected = line(number);
        assert!(expected == found || (expected.starts_with(found) && !found.ends_with('\n')));
    }
}

#[test]
fn a_full_disk_is_reported_once_while_running_and_again_at_the_end() {
    for backend in BOTH {
        let mut log = create(Path::new("/dev/full"), backend);
        let start = std::time::Instant::now();
        let alarm = loop {
            log.append(b"{}\n");
            log.turn(monotonic_ns());
            if let Some(alarm) = log.take_alarm() {
                break alarm;
            }
            assert!(start.elapsed() < Duration::from_secs(2), "{backend:?}");
            std::thread::sleep(Duration::from_millis(5));
        };
        assert!(alarm.contains("No space left"), "{alarm}");
        log.append(b"{}\n");
        assert_eq!(log.take_alarm(), None);
        let error = log.finish().unwrap_err();
        assert_eq!(error.kind, Kind::Failed);
        assert!(error.to_string().contains("No space left"), "{error}");
    }
}

#[test]
fn a_full_disk_does_not_block_a_writer_that_never_turns() {
    for backend in BOTH {
        let mut log = create(Path::new("/dev/full"), backend);
        let start = std::time::Instant::now();
        for number in 0..20_000 {
            log.append(line(number).as_bytes());
        }
        assert!(log.finish().is_err());
        assert!(start.elapsed() < Duration::from_secs(10), "{backend:?}");
    }
}

#[test]
fn existing_results_are_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    std::fs::write(&path, "old\n").unwrap();
    for error in
        [EventLog::check(&path).unwrap_err(), EventLog::create(&path, Backend::Auto).unwrap_err()]
    {
        assert_eq!(error.kind, Kind::Usage);
        assert!(error.to_string().contains("remedy: choose another file"), "{error}");
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "old\n");
}

#[test]
fn two_scans_cannot_share_a_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let first = create(&path, Backend::Auto);
    let error = EventLog::create(&path, Backend::Auto).unwrap_err();
    assert!(error.to_string().contains("another scan"), "{error}");
    first.finish().unwrap();
}

#[test]
fn folders_pipes_and_missing_folders_are_usage_errors() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    for path in [folder.path(), &fifo, &folder.path().join("no/log")] {
        assert_eq!(EventLog::check(path).unwrap_err().kind, Kind::Usage, "{path:?}");
        assert_eq!(EventLog::create(path, Backend::Auto).unwrap_err().kind, Kind::Usage);
    }
}
