//! Tests of the event log on real files; every one runs with both disks.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::event::clock::monotonic_ns;

const BOTH: [Backend; 2] = [Backend::Auto, Backend::Thread];

fn by(backend: Backend) -> LogOptions {
    LogOptions { backend, ..LogOptions::default() }
}

fn create(path: &Path, options: LogOptions) -> EventLog {
    let (log, word) = EventLog::create(path, options).unwrap();
    assert_eq!(word, None, "io_uring is needed for this test");
    log
}

/// The line as it stands in the log.
fn sealed(chain: &mut Chain, line: &str) -> String {
    let (body, tail) = chain.seal(line.as_bytes());
    String::from_utf8([body, &tail].concat()).unwrap()
}

/// Lines of many lengths, some longer than a buffer.
fn line(number: usize) -> String {
    let len = match number % 1000 {
        999 => BUFFER_BYTES * 2 + 17,
        500 => BUFFER_BYTES - 9,
        other => other * 7 % 300,
    };
    format!("{{\"{number}\":\"{}\"}}\n", "x".repeat(len))
}

#[test]
fn what_is_appended_is_what_the_file_holds_in_order() {
    for backend in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut log = create(&path, by(backend));
        let (mut expected, mut chain) = (String::new(), Chain::default());
        for number in 0..30_000 {
            let line = line(number);
            log.append(line.as_bytes());
            expected.push_str(&sealed(&mut chain, &line));
            if number % 97 == 0 {
                log.turn(monotonic_ns());
            }
        }
        assert_eq!(log.take_alarm(), None);
        assert_eq!(log.finish().unwrap().durable_bytes, expected.len() as u64);
        assert!(std::fs::read_to_string(&path).unwrap() == expected, "{backend:?}");
    }
}

#[test]
fn a_turn_brings_lines_to_the_file_and_makes_them_durable_within_two_seconds() {
    for backend in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut log = create(&path, by(backend));
        log.append(b"{}\n");
        let start = std::time::Instant::now();
        while log.durable_bytes() < 20 {
            assert!(start.elapsed() < Duration::from_secs(2), "{backend:?}: {log:?}");
            log.turn(monotonic_ns());
            std::thread::sleep(Duration::from_millis(5));
        }
        let expected = sealed(&mut Chain::default(), "{}\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
        log.finish().unwrap();
    }
}

#[test]
fn a_log_that_is_dropped_without_finish_leaves_whole_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let mut log = create(&path, by(Backend::Auto));
    for number in 0..5000 {
        log.append(line(number).as_bytes());
    }
    drop(log);
    let text = std::fs::read_to_string(&path).unwrap();
    let mut chain = Chain::default();
    for (number, found) in text.split_inclusive('\n').enumerate() {
        let expected = sealed(&mut chain, &line(number));
        assert!(expected == found || (expected.starts_with(found) && !found.ends_with('\n')));
    }
}

#[test]
fn a_full_disk_is_reported_once_while_running_and_again_at_the_end() {
    for backend in BOTH {
        let mut log = create(Path::new("/dev/full"), by(backend));
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
        let mut log = create(Path::new("/dev/full"), by(backend));
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
    for error in [
        EventLog::check(&path, &by(Backend::Auto)).unwrap_err(),
        EventLog::create(&path, by(Backend::Auto)).unwrap_err(),
    ] {
        assert_eq!(error.kind, Kind::Usage);
        assert!(error.to_string().contains("remedy: choose another file"), "{error}");
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "old\n");
}

#[test]
fn two_scans_cannot_share_a_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let first = create(&path, by(Backend::Auto));
    let error = EventLog::create(&path, by(Backend::Auto)).unwrap_err();
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
        assert_eq!(
            EventLog::check(path, &by(Backend::Auto)).unwrap_err().kind,
            Kind::Usage,
            "{path:?}"
        );
        assert_eq!(EventLog::create(path, by(Backend::Auto)).unwrap_err().kind, Kind::Usage);
    }
}

/// All lines of a log, in whatever files they are, by programs of other people.
fn cat(path: &Path) -> String {
    let script = "for f in \"$0\".0* \"$0\"; do case $f in *.gz) zcat \"$f\";; *.zst) zstd -dcq \"$f\";; \
                  *) cat \"$f\";; esac || exit 1; done";
    let output = std::process::Command::new("sh").arg("-c").arg(script).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_log_that_is_rotated_and_compressed_is_the_same_log_in_files_of_the_size_asked_for() {
    for (backend, compress) in [
        (Backend::Auto, None),
        (Backend::Thread, Some(Form::Gzip)),
        (Backend::Auto, Some(Form::Zstd)),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let limit = 100_000;
        let options = LogOptions { rotate_bytes: Some(limit), compress, ..by(backend) };
        let mut log = create(&path, options);
        for number in 0..6000 {
            // None that is longer than a file.
            log.append(line(number % 500).as_bytes());
            if number % 50 == 0 {
                log.turn(monotonic_ns());
            }
        }
        assert_eq!(log.take_alarm(), None);
        let counts = log.finish().unwrap();
        let parts = parts::find(&path).unwrap();
        assert_eq!(parts.len() as u64, counts.closed);
        assert!(parts.len() > 5, "{parts:?}");
        assert!(parts.iter().all(|part| part.form == compress.unwrap_or(Form::Plain)));
        // Nothing else is left beside it.
        assert_eq!(folder.path().read_dir().unwrap().count(), parts.len() + 1);
        if compress.is_none() {
            for part in &parts {
                let len = part.path.metadata().unwrap().len();
                assert!(len <= limit && len > limit - 4000, "{part:?}: {len}");
            }
        }
        let (text, mut chain) = (cat(&path), Chain::default());
        assert_eq!(text.len() as u64, counts.written_bytes);
        let mut number = 0;
        for found in text.lines() {
            assert!(chain.accept(found.as_bytes()), "{found}");
            if !found.contains("log_part") {
                assert!(found.starts_with(line(number % 500).trim_end_matches("}\n")), "{found}");
                number += 1;
            }
        }
        assert_eq!(number, 6000);
    }
}

#[test]
fn a_log_is_rotated_by_age_and_never_without_a_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let age = Duration::from_secs(10);
    let mut log = create(&path, LogOptions { rotate_age: Some(age), ..by(Backend::Auto) });
    let second = 1_000_000_000;
    for now in 1..100 {
        if now < 35 {
            log.append(b"{}\n");
        }
        log.turn(now * second);
    }
    assert_eq!(log.finish().unwrap().closed, 4);
}

#[test]
fn what_was_left_to_compress_is_compressed_by_who_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    std::fs::write(parts::name_of(&path, 1, Form::Plain), "one\n").unwrap();
    std::fs::write(beside(&parts::name_of(&path, 1, Form::Gzip), ".tmp"), "torn").unwrap();
    let tail = Tail {
        file: File::create(&path).unwrap(),
        file_start: 4,
        file_bytes: 0,
        number: 2,
        chain: None,
        plain: vec![1],
    };
    let options = LogOptions { compress: Some(Form::Gzip), ..by(Backend::Auto) };
    EventLog::append_to(&path, tail, options).unwrap().0.finish().unwrap();
    let found = parts::find(&path).unwrap();
    assert_eq!(found[0].form, Form::Gzip);
    assert!(cat(&path).starts_with("one\n{\"schema\":\"prtip/1\",\"type\":\"log_part\""));
}

#[test]
fn older_files_of_a_log_are_never_mixed_with_a_new_one() {
    for form in [Form::Plain, Form::Gzip, Form::Zstd] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(parts::name_of(&path, 1, form), "old\n").unwrap();
        for error in [
            EventLog::check(&path, &LogOptions::default()).unwrap_err(),
            EventLog::create(&path, LogOptions::default()).unwrap_err(),
        ] {
            assert_eq!(error.kind, Kind::Usage);
            assert!(error.to_string().contains("log.000001"), "{error}");
        }
    }
    let rotating = LogOptions { rotate_bytes: Some(1 << 20), ..LogOptions::default() };
    assert!(EventLog::check(Path::new("/dev/null"), &rotating).is_err());
    assert!(EventLog::check(Path::new("/dev/null"), &LogOptions::default()).is_ok());
}

#[test]
fn always_acknowledges_by_syncs_that_many_lines_share_and_never_by_none() {
    for backend in BOTH {
        for (sync, expected) in [(SyncPolicy::Always, 1..5000), (SyncPolicy::Never, 0..1)] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("log");
            let mut log = create(&path, LogOptions { sync, ..by(backend) });
            for number in 0..5000 {
                log.append(line(number % 400).as_bytes());
                log.turn(monotonic_ns());
            }
            let start = std::time::Instant::now();
            let all = log.writer.counts().written_bytes;
            while sync == SyncPolicy::Always && log.durable_bytes() < all {
                assert!(start.elapsed() < Duration::from_secs(5), "{log:?}");
                log.turn(monotonic_ns());
            }
            let counts = log.finish().unwrap();
            println!("{backend:?} {sync:?}: {counts:?}");
            assert!(expected.contains(&counts.syncs), "{backend:?} {sync:?}: {counts:?}");
            assert_eq!(counts.durable_bytes > 0, sync == SyncPolicy::Always);
        }
    }
}
