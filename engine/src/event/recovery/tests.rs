//! Tests of `recovery`: logs cut at every byte and damaged at random.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::super::clock::Clock;
use super::super::log::{Chain, EventLog, LogOptions};
use super::super::record::{Checkpoint, ScanFinished, ScanStarted, encode, encode_port};
use super::super::{PortEvent, Reason};
use super::*;
use crate::plan::PortSet;

fn plan() -> Plan {
    let range = crate::plan::IpRange::prefix("198.18.0.0".parse().unwrap(), 28).unwrap();
    let mut builder = Plan::builder();
    builder.target(&[range], true).ports(PortSet::new(1..=8)).seed(3);
    builder.build().unwrap()
}

/// A log of 60 results and a checkpoint after every tenth; the results are those of
/// the indices 0, 2, 4 and so on.
fn log() -> Vec<u8> {
    let (plan, clock) = (plan(), Clock::start());
    let ts = clock.now_rfc3339();
    let mut bytes = Vec::new();
    encode(
        &ScanStarted {
            args: vec!["-p".into(), "1-8".into()],
            seed: 3,
            targets: plan.len(),
            shard: "1/1".into(),
            plan: format!("{:016x}", plan.hash()),
            port_engine: "memory".into(),
            port_engine_why: "asked for".into(),
            xdp_mode: None,
            interface: "lo".into(),
            version: "0".into(),
        },
        &ts,
        &mut bytes,
    );
    for number in 0..60 {
        let target = plan.target(number * 2);
        let state = if number % 3 == 0 { PortState::Closed } else { PortState::Open };
        let event = PortEvent {
            addr: target.addr,
            port: target.port,
            protocol: target.protocol,
            state,
            previous: None,
            reason: Reason::SynAck,
            ttl: 64,
            rtt_ns: None,
            at_ns: 0,
            heard: None,
        };
        encode_port(&event, false, &ts, &mut bytes);
        if number % 10 == 9 {
            encode(&Checkpoint::new(std::slice::from_ref(&(0..(number - 4) * 2))), &ts, &mut bytes);
        }
    }
    bytes
}

/// The same with checksums, as it is written.
fn sealed() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    write(&path, LogOptions::default());
    std::fs::read(&path).unwrap()
}

fn write(path: &Path, options: LogOptions) {
    let (mut writer, _) = EventLog::create(path, options).unwrap();
    log_lines(&log(), |line| writer.append(line));
    writer.finish().unwrap();
}

fn log_lines(bytes: &[u8], take: impl FnMut(&[u8])) {
    bytes.split_inclusive(|&byte| byte == b'\n').for_each(take);
}

fn opened(bytes: &[u8]) -> Result<Interrupted> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    std::fs::write(&path, bytes).unwrap();
    Interrupted::open(&path)
}

/// What an independent reader makes of the first whole lines.
fn expected(bytes: &[u8]) -> (usize, usize, u64) {
    let (mut good, mut results, mut finished) = (0, 0, 0);
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let Some(text) = line.strip_suffix(b"\n") else { break };
        let Ok(value) = serde_json::from_slice::<serde_json::Value>(text) else { break };
        good += line.len();
        results += usize::from(value["type"] == "port");
        if value["type"] == "checkpoint" {
            // Damage may have hit the name of the field.
            finished = value["ranges"][0][1].as_str().map_or(0, |end| end.parse().unwrap_or(0));
        }
    }
    (good, results, finished)
}

#[test]
fn a_log_cut_at_any_byte_gives_its_whole_lines() {
    let (bytes, plan) = (log(), plan());
    let first = bytes.iter().position(|&byte| byte == b'\n').unwrap();
    for cut in 0..=bytes.len() {
        let opened = opened(&bytes[..cut]);
        if cut <= first {
            assert_eq!(opened.unwrap_err().kind, Kind::Usage);
            continue;
        }
        let opened = opened.unwrap();
        let (good, results, finished) = expected(&bytes[..cut]);
        assert_eq!((opened.end.good, opened.end.cut), (good as u64, (cut - good) as u64));
        let resume = opened.resume(&plan).unwrap();
        let ends: Vec<u64> = resume.finished.iter().map(|range| range.end).collect();
        assert_eq!(ends, if finished > 0 { vec![finished] } else { vec![] });
        let in_finished = (resume.counts.0 + resume.counts.1) as usize;
        assert_eq!(resume.known.len() + in_finished, results);
        assert!(resume.known.iter().all(|&(index, _)| index >= finished));
    }
}

#[test]
fn what_is_cut_is_kept_and_the_log_ends_with_a_whole_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    let mut bytes = log();
    let good = bytes.len();
    bytes.extend(b"{\"schema\":\"prtip/1\",\"ty");
    std::fs::write(&path, &bytes).unwrap();
    let (tail, kept) = Interrupted::open(&path).unwrap().cut().unwrap();
    assert_eq!(tail.file_bytes, good as u64);
    assert_eq!(std::fs::read(&path).unwrap(), bytes[..good]);
    assert_eq!(std::fs::read(kept.unwrap()).unwrap(), bytes[good..]);
}

#[test]
fn foreign_files_are_refused() {
    for text in ["", "\n", "hello\n", "{}\n", "{\"schema\":\"prtip/1\",\"type\":\"port\"}\n"] {
        let error = opened(text.as_bytes()).unwrap_err();
        assert_eq!(error.kind, Kind::Usage, "{text:?}");
    }
}

#[test]
fn a_scan_that_came_to_its_end_is_told_from_a_stopped_one() {
    for stopped in [false, true] {
        let mut bytes = log();
        let record = ScanFinished {
            open: 1,
            closed: 1,
            filtered: 1,
            elapsed_s: 1.0,
            latency_us: None,
            stopped,
            rate_found: None,
            rate_settled: None,
        };
        encode(&record, &Clock::start().now_rfc3339(), &mut bytes);
        assert_eq!(opened(&bytes).unwrap().is_finished(), !stopped);
    }
}

#[test]
fn a_flipped_bit_anywhere_ends_what_is_believed_at_the_line_before() {
    let whole = sealed();
    assert_eq!(believable(&whole), whole.len() as u64);
    let (mut start, mut random) = (0, 1_u64);
    for line in whole.split_inclusive(|&byte| byte == b'\n') {
        // Some bits of each line, digits among them.
        for _ in 0..12 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = start + (random >> 33) as usize % line.len();
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (random >> 60 & 7);
            assert_eq!(believable(&bytes), start as u64, "byte {at}");
        }
        start += line.len();
    }
}

/// The control for it, and what logs of earlier versions are worth: without checksums a
/// changed digit is believed.
#[test]
fn a_log_without_checksums_is_read_and_a_changed_digit_in_it_is_not_seen() {
    let whole = log();
    assert_eq!(believable(&whole), whole.len() as u64);
    let at = whole.windows(7).rposition(|window| window == b"\"port\":").unwrap() + 7;
    let mut bytes = whole.clone();
    bytes[at] ^= 1;
    assert_eq!(believable(&bytes), whole.len() as u64);
    // One that has lost its first checksum is not taken for such a log.
    let sealed = sealed();
    let first = sealed.iter().position(|&byte| byte == b'\n').unwrap();
    let mut bytes = sealed[..first - 18].to_vec();
    bytes.extend(b"}\n");
    let len = bytes.len() as u64;
    bytes.extend(&sealed[first + 1..]);
    assert_eq!(believable(&bytes), len);
}

/// What `--resume` would make of it.
fn account_of(path: &Path) -> (usize, (u64, u64), Vec<std::ops::Range<u64>>) {
    let resume = Interrupted::open(path).unwrap().resume(&plan()).unwrap();
    (resume.known.len(), resume.counts, resume.finished)
}

#[test]
fn a_log_in_many_files_says_what_it_says_in_one() {
    let folder = tempfile::tempdir().unwrap();
    let one = folder.path().join("one");
    write(&one, LogOptions::default());
    for compress in [None, Some(Form::Gzip), Some(Form::Zstd)] {
        let path = folder.path().join(format!("{compress:?}"));
        write(&path, LogOptions { rotate_bytes: Some(2000), compress, ..LogOptions::default() });
        assert!(find(&path).unwrap().len() > 4);
        assert_eq!(account_of(&path), account_of(&one), "{compress:?}");
        // It can be gone on with, and is whole then.
        let (tail, kept) = Interrupted::open(&path).unwrap().cut().unwrap();
        assert_eq!(kept, None);
        let (mut log, _) = EventLog::append_to(&path, tail, LogOptions::default()).unwrap();
        log_lines(&self::log(), |line| log.append(line));
        log.finish().unwrap();
        let again = Interrupted::open(&path).unwrap();
        assert_eq!(again.cut_bytes(), 0);
        // A file that is missing is told.
        let missing = &find(&path).unwrap()[1].path;
        drop(again);
        std::fs::remove_file(missing).unwrap();
        let error = Interrupted::open(&path).unwrap_err();
        assert!(error.to_string().contains(".000002\" is missing"), "{error}");
    }
}

/// Turns one bit of a file so that it no longer says what it said. Not every bit of a
/// compressed file matters: a copy may be taken from another place where the same stands.
fn damage(part: &parts::Part) {
    let read = || {
        let mut bytes = Vec::new();
        let file = File::open(&part.path).unwrap();
        let read = parts::reader(file, part.form).and_then(|mut r| r.read_to_end(&mut bytes));
        read.ok().map(|_| bytes)
    };
    let (file, said) = (std::fs::read(&part.path).unwrap(), read());
    assert!(said.is_some());
    for at in file.len() * 3 / 4..file.len() {
        let mut bytes = file.clone();
        bytes[at] ^= 8;
        std::fs::write(&part.path, &bytes).unwrap();
        if read() != said {
            return;
        }
    }
    unreachable!("no bit of the last quarter matters");
}

/// Damage in a file that was put aside, be it compressed: what stands before it is kept,
/// all else lies under other names, and the log can be gone on with.
#[test]
fn damage_in_an_older_file_cuts_the_log_there() {
    for compress in [None, Some(Form::Gzip), Some(Form::Zstd)] {
        for damaged in [0, 2] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("log");
            write(
                &path,
                LogOptions { rotate_bytes: Some(2000), compress, ..LogOptions::default() },
            );
            let parts = find(&path).unwrap();
            let whole: Vec<u8> = parts
                .iter()
                .flat_map(|part| {
                    let mut bytes = Vec::new();
                    let file = File::open(&part.path).unwrap();
                    parts::reader(file, part.form).unwrap().read_to_end(&mut bytes).unwrap();
                    bytes
                })
                .collect();
            damage(&parts[damaged]);
            let Ok(interrupted) = Interrupted::open(&path) else {
                assert!(damaged == 0 && compress.is_some(), "{compress:?} {damaged}");
                continue;
            };
            assert!(interrupted.cut_bytes() > 0);
            let (tail, kept) = interrupted.cut().unwrap();
            assert!(kept.unwrap().exists());
            assert_eq!(tail.number, damaged as u64 + 1);
            let good = tail.file_start + tail.file_bytes;
            let (mut log, _) = EventLog::append_to(&path, tail, LogOptions::default()).unwrap();
            log.append(b"{\"schema\":\"prtip/1\",\"type\":\"x\"}\n");
            let counts = log.finish().unwrap();
            let again = Interrupted::open(&path).unwrap();
            assert_eq!((again.cut_bytes(), find(&path).unwrap().len()), (0, damaged));
            let mut text = Vec::new();
            again.each_line(|line| text.extend([line, b"\n"].concat())).unwrap();
            assert_eq!(text.len() as u64, counts.written_bytes);
            assert_eq!(text[..good as usize], whole[..good as usize]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Bits that turn over, on their own or many at once: what stands before the first
    /// damaged line is all there, no result is made up of a line that is no record, and a
    /// result that is believed is one that the scan told, or of the damaged lines.
    #[test]
    fn turned_bits_take_nothing_from_the_lines_before_them(
        flips in proptest::collection::vec((0usize..1 << 20, 0u32..8), 1..6)
    ) {
        let whole = log();
        let mut bytes = whole.clone();
        for &(at, bit) in &flips {
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
        }
        let first = whole.iter().zip(&bytes).position(|(a, b)| a != b);
        prop_assume!(first.is_some());
        let first = first.unwrap();
        let intact = bytes[..first].iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        let plan = plan();
        let Ok(opened) = opened(&bytes) else {
            // Only where the first record itself is damaged.
            let begins = whole.iter().position(|&byte| byte == b'\n').unwrap();
            prop_assert!(first <= begins);
            return Ok(());
        };
        prop_assert!(opened.end.good as usize >= intact);
        prop_assert_eq!(opened.end.good + opened.end.cut, bytes.len() as u64);
        // Every line that is kept is a record to a reader that is not ours.
        let kept = &bytes[..opened.end.good as usize];
        prop_assert!(kept.is_empty() || kept.ends_with(b"\n"));
        for line in kept.split_inclusive(|&byte| byte == b'\n') {
            prop_assert!(serde_json::from_slice::<serde_json::Value>(line).is_ok());
        }
        let resume = opened.resume(&plan).unwrap();
        prop_assert!(resume.known.iter().all(|&(index, _)| index < plan.len()));
        let damaged = flips.len() as u64;
        let (_, results, _) = expected(&bytes[..intact]);
        let told = resume.known.len() as u64 + resume.counts.0 + resume.counts.1;
        prop_assert!(told <= 60 && told + damaged >= results as u64, "{told} of {results}");
    }

    /// With checksums: exactly what stands before the first damaged line, whatever happens
    /// to the bytes, be it that lines are lost, repeated or swapped.
    #[test]
    fn with_checksums_nothing_behind_the_first_damage_is_believed(
        edits in proptest::collection::vec(
            (0usize..1 << 20, 0usize..40, proptest::collection::vec(any::<u8>(), 0..40)), 1..4
        ),
        torn in 0usize..1 << 20,
    ) {
        let whole = sealed();
        let mut bytes = whole.clone();
        for (at, removed, put) in edits {
            let at = at % bytes.len();
            let removed = removed.min(bytes.len() - at);
            bytes.splice(at..at + removed, put);
        }
        bytes.truncate(torn % (2 * bytes.len()));
        let same = whole.iter().zip(&bytes).take_while(|(a, b)| a == b).count();
        let intact = whole[..same].iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        let believed = believable(&bytes);
        let first = bytes.iter().position(|&b| b == b'\n').map_or(0, |at| at + 1);
        if intact == 0 && first > 0 && !Chain::is_sealed(&bytes[..first - 1]) {
            // Where damage took the first line's checksum, it alone may pass for one of a
            // log without.
            prop_assert!(believed == 0 || believed == first as u64);
        } else {
            prop_assert_eq!(believed, intact as u64);
        }
    }

    /// Damage anywhere: no panic, and nothing behind it is believed.
    #[test]
    fn a_damaged_log_is_cut_before_the_damage(at in 0usize..8000, byte: u8) {
        let mut bytes = log();
        let at = at % bytes.len();
        bytes[at] = byte;
        let line_start = bytes[..at].iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        if let Ok(opened) = opened(&bytes) {
            prop_assert!(opened.end.good as usize >= line_start.min(expected(&bytes).0));
            let _ = opened.resume(&plan()).unwrap();
        }
    }
}
