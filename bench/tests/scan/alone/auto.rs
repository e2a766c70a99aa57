//! `--rate auto` against a far end that takes so many probes a second and drops the
//! rest: it settles where a search by hand does, and what was lost on the way there is
//! found all the same.
//!
//! Only a machine that lets the scan run shows what the far end does, so a property is
//! asked for in one of a few tries; a fault of the search shows in each.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::lab::{Ended, Lab, Verdict};
use crate::open_lab::OpenLab;
use crate::setting::{seed, sized, turn_alone};

const TRIES: usize = 3;
/// What the far end takes, and labs that take as much and everything.
const PPS: f64 = 20_000.0;
const SLOW: Lab = Lab { rules: "--seed 7 --open 100 --closed 300 --receiver-pps 20000", link: "" };
const SLOW_AND_FAR: Lab = Lab {
    rules: "--seed 7 --open 100 --closed 300 --receiver-pps 20000 --loss 5 \
            --delay-us 20000-200000",
    link: "",
};
const FAST: Lab = Lab { rules: "--seed 7 --open 100 --closed 300", link: "" };

/// A scan of `targets`, all of whose ports 1 to 64 are asked once.
fn scan(lab: Lab, engine: &str, targets: &str, flags: &str, fault: &str) -> (Ended, Verdict) {
    let line = format!(
        "-sS -p 1-64 {targets} --port-engine {engine} --retries 0 --seed {} --json \
         --show open,closed --cooldown 1 {flags}",
        seed()
    );
    let scan = lab.scan_with(&line, &[("PRTIP_FAULT", fault)]);
    assert_eq!(scan.code, Some(0), "{}", scan.words);
    assert_eq!(scan.booked("unaccounted"), 0, "{}", scan.ledger());
    let verdict = lab.check(&format!("--targets {targets} --ports 1-64"), &scan.results);
    assert!(verdict.nothing_false(), "{verdict:?}");
    (scan, verdict)
}

fn auto(lab: Lab, engine: &str, fault: &str) -> (Ended, Verdict, f64) {
    let targets = sized("198.18.0.0/20", "198.18.0.0/17");
    let (scan, verdict) = scan(lab, engine, targets, "--rate auto", fault);
    let finished = scan.records("scan_finished").pop().unwrap();
    let found = finished["rate_found"].as_f64().unwrap();
    println!("found {found} a second, settled: {}", finished["rate_settled"]);
    println!("{}", scan.ledger()["remarks"]);
    (scan, verdict, found)
}

/// The highest fixed rate at which nothing is missed, to 5 % (at full size 3 %).
fn search_by_hand(engine: &str) -> f64 {
    // A scan that was not let run misses what the far end would have taken: some, not a
    // tenth.
    let is_clean = |rate: f64| {
        for _ in 0..TRIES {
            let flags = format!("--rate {rate:.0}");
            let (_, verdict) =
                scan(SLOW, engine, sized("198.18.0.0/24", "198.18.0.0/22"), &flags, "");
            println!("by hand: {rate:.0} a second: {} missed", verdict.missed);
            if verdict.missed == 0 || verdict.missed > verdict.expected / 10 {
                return verdict.missed == 0;
            }
        }
        false
    };
    let (mut low, mut high) = (PPS * sized(0.85, 0.7), PPS * sized(1.2, 1.4));
    assert!(is_clean(low) && !is_clean(high), "the far end's limit is not near {PPS}");
    while high / low > sized(1.05, 1.03) {
        let middle = (low * high).sqrt();
        if is_clean(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    println!("by hand, {engine}: {low:.0} a second lose nothing");
    low
}

#[test]
fn settles_within_a_tenth_of_what_a_search_by_hand_finds() {
    let Some(_turn) = turn_alone("rate auto") else { return };
    // Live frames leave in bursts: their questions must be among them, or never tell.
    let all = [("live", SLOW, 0), ("xdp", SLOW_AND_FAR, 10), ("xdp", SLOW, 0)];
    let mut by_hand = None;
    for (engine, lab, lost_pm) in &all[..sized(2, 3)] {
        let by_hand = *by_hand.get_or_insert_with(|| search_by_hand(engine));
        settles_near(by_hand, engine, *lab, *lost_pm);
    }
}

fn settles_near(by_hand: f64, engine: &str, lab: Lab, lost_pm: u64) {
    let mut tried = Vec::new();
    let near = (0..TRIES).any(|_| {
        let (scan, verdict, found) = auto(lab, engine, "");
        // What the wire loses by chance is lost at any rate; what left too fast is not.
        let chance = verdict.expected * lost_pm / 1000;
        let most = chance + chance / 10 + verdict.expected / 500;
        tried.push((found, verdict.missed));
        let control = (scan.booked("control"), scan.booked("rx_control"));
        assert!(control.0 > 1000 && control.1 <= control.0, "{control:?}");
        assert!(scan.booked("rx_duplicate") >= control.1);
        (found / by_hand - 1.0).abs() <= 0.1 && verdict.missed <= most
    });
    assert!(near, "{engine}, by hand {by_hand:.0}; found and missed: {tried:?}");
}

/// The controls: where nothing is slow the rate goes on rising, and so it does beyond a
/// slow far end where the sample is made not to tell.
#[test]
fn rises_where_nothing_is_lost_or_the_loss_is_not_seen() {
    let Some(_turn) = turn_alone("rate auto, controls") else { return };
    for (engine, lab, fault) in [("xdp", FAST, ""), ("live", SLOW, "deaf-control")] {
        let mut tried = Vec::new();
        let rose = (0..TRIES).any(|_| {
            let (_, verdict, found) = auto(lab, engine, fault);
            assert!(fault.is_empty() || verdict.missed > verdict.expected / 10, "{verdict:?}");
            tried.push(found);
            found > PPS * 1.5
        });
        assert!(rose, "{engine} with {fault:?}: {tried:?}");
    }
}

/// What left too fast and was not yet sent again when the kill came is asked by the run
/// that goes on.
#[test]
fn a_search_that_is_killed_goes_on_and_loses_nothing() {
    let Some(_turn) = turn_alone("rate auto, killed") else { return };
    let mut tried = Vec::new();
    let found = (0..TRIES).any(|_| {
        let verdict = killed_and_resumed();
        assert!(verdict.nothing_false(), "{verdict:?}");
        tried.push(verdict.missed);
        verdict.missed <= verdict.expected / 200
    });
    assert!(found, "missed: {tried:?}");
}

fn killed_and_resumed() -> Verdict {
    let lab = OpenLab::open(SLOW, &[]);
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.jsonl");
    let targets = "198.18.0.0/21";
    let mut scan = lab
        .prtip(&format!("-sS -p 1-64 {targets} --port-engine xdp --rate auto --retries 0"))
        .args(["--show", "open,closed", "--cooldown", "1", "--event-log"])
        .arg(&log)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Well into the search: some tens of thousands of answers.
    let deadline = Instant::now() + Duration::from_secs(240);
    while fs::metadata(&log).map_or(0, |log| log.len()) < 5_000_000 {
        assert!(Instant::now() < deadline, "the scan does not come on");
        std::thread::sleep(Duration::from_millis(2));
    }
    scan.kill().unwrap();
    scan.wait().unwrap();
    let ended = lab.prtip("--resume").arg(&log).output().unwrap();
    let words = String::from_utf8(ended.stderr).unwrap();
    println!("{words}");
    assert_eq!(ended.status.code(), Some(0), "{words}");
    let verdict = SLOW.check(&format!("--targets {targets} --ports 1-64"), &log);
    lab.close();
    verdict
}
