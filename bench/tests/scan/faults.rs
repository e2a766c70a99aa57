//! Controls: a fault made on purpose in the engine is seen by the checks that
//! the other tests rest on.

use crate::lab::{Ended, Lab, Verdict};
use crate::setting::{seed, turn};
use crate::truth::{ONE_QUEUE, TWO_QUEUES};

const ASKED: &str = "--targets 198.18.0.0/26 --ports 1-64";

fn faulty(lab: Lab, engine: &str, fault: &str) -> (Ended, Verdict) {
    let line = format!(
        "-sS -p 1-64 198.18.0.0/26 --port-engine {engine} --rate 20000 --retries 0 --seed {} \
         --json --show open,closed --cooldown 1",
        seed()
    );
    let scan = lab.scan_with(&line, &[("PRTIP_FAULT", fault)]);
    let verdict = lab.check(ASKED, &scan.results);
    (scan, verdict)
}

#[test]
fn without_a_fault_the_checks_are_content() {
    let Some(_turn) = turn("no fault") else { return };
    for (lab, engine) in [(TWO_QUEUES, "xdp"), (ONE_QUEUE, "packet")] {
        let (scan, verdict) = faulty(lab, engine, "");
        assert_eq!((scan.code, verdict.code), (Some(0), Some(0)), "{engine}");
        assert_eq!(scan.booked("unaccounted"), 0, "{engine}");
    }
}

#[test]
fn a_forged_key_finds_nothing() {
    let Some(_turn) = turn("forged key") else { return };
    for (lab, engine) in [(TWO_QUEUES, "xdp"), (ONE_QUEUE, "packet")] {
        let (_, verdict) = faulty(lab, engine, "forged-key");
        assert_eq!(verdict.code, Some(1), "{engine}");
        assert_eq!(verdict.missed, verdict.expected, "{engine}");
        assert!(verdict.nothing_false(), "{engine}: {verdict:?}");
    }
}

#[test]
fn a_dropped_frame_is_unaccounted_and_said() {
    let Some(_turn) = turn("dropped frame") else { return };
    for (lab, engine) in [(ONE_QUEUE, "xdp"), (ONE_QUEUE, "packet")] {
        let (scan, _) = faulty(lab, engine, "drop-frame");
        let ledger = scan.ledger();
        assert_eq!(ledger["unaccounted"], 1, "{engine}: {ledger}");
        assert!(ledger["remarks"].to_string().contains("unaccounted"), "{engine}: {ledger}");
        assert!(scan.words.contains("1 packets are unaccounted for"), "{}", scan.words);
    }
}

#[test]
fn a_doubled_reply_is_a_repeated_record() {
    let Some(_turn) = turn("doubled reply") else { return };
    for (lab, engine) in [(TWO_QUEUES, "xdp"), (ONE_QUEUE, "packet")] {
        let (_, verdict) = faulty(lab, engine, "double-reply");
        assert_eq!(verdict.code, Some(1), "{engine}");
        assert!(verdict.repeated >= 1, "{engine}: {verdict:?}");
    }
}
