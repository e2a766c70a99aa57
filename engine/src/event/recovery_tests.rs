//! Tests of `recovery`: logs cut at every byte and damaged at random.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::super::clock::Clock;
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
        assert_eq!((opened.good, opened.cut), (good as u64, (cut - good) as u64));
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
    let (_, start, kept) = Interrupted::open(&path).unwrap().cut().unwrap();
    assert_eq!(start, good as u64);
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
        prop_assert!(opened.good as usize >= intact);
        prop_assert_eq!(opened.good + opened.cut, bytes.len() as u64);
        // Every line that is kept is a record to a reader that is not ours.
        let kept = &bytes[..opened.good as usize];
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

    /// Damage anywhere: no panic, and nothing behind it is believed.
    #[test]
    fn a_damaged_log_is_cut_before_the_damage(at in 0usize..8000, byte: u8) {
        let mut bytes = log();
        let at = at % bytes.len();
        bytes[at] = byte;
        let line_start = bytes[..at].iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        if let Ok(opened) = opened(&bytes) {
            prop_assert!(opened.good as usize >= line_start.min(expected(&bytes).0));
            let _ = opened.resume(&plan()).unwrap();
        }
    }
}
