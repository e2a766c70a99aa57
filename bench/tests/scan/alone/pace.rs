//! The rate on the wire, as the lab counts it: probes by 10 ms from the first on.
//!
//! Nothing here assumes that a scan is always let run, nor that the lab's end
//! is: what the machine takes away is measured (by `prtip`, which tells the
//! probes it gave up, and in the lab's own buckets) and allowed for. Wall time
//! is never asserted.

use std::ffi::OsString;

use crate::lab::{Ended, Lab, words};
use crate::release::binary;
use crate::setting::{seed, sized, turn_alone};

const RATE: u64 = 50_000;
/// Probes of the schedule in a bucket of 10 ms.
const SHARE: u64 = RATE / 100;
/// Probes that leave together at most.
const BATCH: u64 = 32;
const BUCKET_NS: u64 = 10_000_000;
const LAB: Lab = Lab { rules: "--seed 7 --open 100 --closed 300", link: "--queues 1" };

fn scan_line(probes: u64) -> String {
    format!(
        "-sS -p 1-64 198.18.0.0/16 --max-targets {probes} --rate {RATE} --retries 0 \
         --port-engine xdp --cooldown 0.5 --seed {} --json",
        seed()
    )
}

fn buckets(scan: &Ended) -> Vec<u64> {
    let arrivals = &scan.stats["arrivals"];
    assert_eq!(arrivals["bucket_ns"], BUCKET_NS);
    arrivals["buckets"].as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).collect()
}

/// From the first probe to the last.
fn sending_ns(scan: &Ended) -> u64 {
    let at =
        |name: &str| -> u64 { scan.stats["arrivals"][name].as_str().unwrap().parse().unwrap() };
    at("last_ns") - at("first_ns")
}

/// The probes of the schedule that the scan says it sent later than asked,
/// because it was not let run.
fn forgiven(scan: &Ended) -> u64 {
    let Some((before, _)) = scan.words.split_once(" probes of the schedule") else { return 0 };
    before.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Whether nothing was in arrears at this bucket: 120 ms of even arrivals, longer
/// than the repayment of the largest debt takes.
fn steady(buckets: &[u64], at: usize) -> bool {
    let even = SHARE - SHARE / 20..=SHARE + SHARE / 20;
    at >= 12 && buckets[at - 12..at].iter().all(|count| even.contains(count))
}

#[test]
fn the_lab_counts_the_rate_that_was_asked_for() {
    let Some(_turn) = turn_alone("rate") else { return };
    let seconds = sized(3, 10);
    let probes = RATE * seconds;
    let scan = LAB.scan(&scan_line(probes));
    assert_eq!(scan.code, Some(0), "{}", scan.words);
    let (buckets, forgiven) = (buckets(&scan), forgiven(&scan));
    assert_eq!(scan.counted("probes"), probes, "probes were lost on the way");

    // In all: the schedule's time, and that of the probes that were given up.
    let due_ns = (probes + forgiven) as f64 * 1e9 / RATE as f64;
    let off = sending_ns(&scan) as f64 / due_ns - 1.0;
    println!("off by {:.3} %, {forgiven} probes of the schedule given up", off * 100.0);
    assert!(off.abs() <= 0.01, "off by {:.2} %", off * 100.0);

    // Each second, wherever it begins and ends outside of a stall's aftermath.
    let mut judged = 0;
    for from in 1..buckets.len().saturating_sub(100) {
        if !steady(&buckets, from) || !steady(&buckets, from + 100) {
            continue;
        }
        judged += 1;
        let count: u64 = buckets[from..from + 100].iter().sum();
        let (least, most) = (RATE - 2 * BATCH - forgiven.min(RATE / 2), RATE + 2 * BATCH);
        assert!((least..=most).contains(&count), "{count} in the second from bucket {from}");
    }
    println!("{judged} seconds without a stall at their ends");

    // Any second at all: what a stall left undone before it is at most 10 ms' worth.
    for from in 1..buckets.len().saturating_sub(100) {
        let count: u64 = buckets[from..from + 100].iter().sum();
        let arrears = SHARE + held_back(&buckets, from);
        assert!(count <= RATE + arrears + 2 * BATCH, "{count} in the second from {from}");
    }
}

/// Probes that may have been on their way to the lab at this bucket while its
/// end was not let run: what is missing in the buckets just before.
fn held_back(buckets: &[u64], at: usize) -> u64 {
    let before = buckets[..at].iter().rev();
    before.take_while(|&&count| count < SHARE).map(|&count| SHARE - count).sum()
}

/// A scan stopped for `pause_ms` after a second.
fn stalled_scan(pause_ms: u64) -> Ended {
    let script = format!(
        "\"$@\" & scan=$!; sleep 1; kill -STOP $scan; sleep {}; kill -CONT $scan; wait $scan",
        pause_ms as f64 / 1e3
    );
    let mut command: Vec<OsString> = vec!["sh".into(), "-c".into(), script.into(), "sh".into()];
    command.push(binary("prtip").into());
    command.extend(words(&scan_line(2 * RATE)).map(OsString::from));
    let scan = LAB.run(&command, &[]);
    assert_eq!(scan.code, Some(0), "{}", scan.words);
    scan
}

/// The longest run of empty buckets: where it begins and how long it is.
fn hole(buckets: &[u64]) -> (usize, usize) {
    let mut longest = (0, 0);
    let mut from = 0;
    for (at, &count) in buckets.iter().enumerate() {
        if count > 0 {
            from = at + 1;
        } else if at + 1 - from > longest.1 {
            longest = (from, at + 1 - from);
        }
    }
    longest
}

/// A burst of the scan comes after every stall; a burst that the machine makes,
/// by holding back the lab's end of the wire, does not. So the tight bound must
/// be kept in one of a few tries, the bound of the whole in each.
#[test]
fn after_a_stall_ten_milliseconds_are_repaid_at_a_tenth_more_than_the_rate() {
    let Some(_turn) = turn_alone("stall") else { return };
    for pause_ms in [50, 500] {
        let mut kept = false;
        let mut highest = Vec::new();
        while !kept && highest.len() < 5 {
            let scan = stalled_scan(pause_ms);
            let buckets = buckets(&scan);
            let (from, len) = hole(&buckets);
            assert!(len as u64 * 10 + 20 >= pause_ms, "no stall of {pause_ms} ms was seen");

            // All of the stall but 10 ms is given up: the scan takes that much longer.
            let stall_ns = len as u64 * BUCKET_NS;
            let probes_ns = 2 * RATE * 1_000_000_000 / RATE;
            let least = probes_ns + stall_ns - BUCKET_NS - BATCH * 1_000_000_000 / RATE;
            // The arrival of the first or the last probe may itself be late.
            let took = sending_ns(&scan) + BUCKET_NS;
            assert!(took >= least, "{took} ns, at least {least}: more than 10 ms repaid");
            if pause_ms > 100 {
                let owed = (stall_ns - 2 * BUCKET_NS) / 1_000_000_000_u64.div_ceil(RATE);
                assert!(forgiven(&scan) + BATCH >= owed, "{owed} given up: {}", scan.words);
            }

            let after = &buckets[from + len..(from + len + 30).min(buckets.len())];
            let most = after.iter().copied().max().unwrap_or(0);
            kept = most <= SHARE * 11 / 10 + BATCH;
            highest.push(most);
        }
        println!("after {pause_ms} ms the fullest 10 ms held {highest:?}");
        assert!(kept, "after {pause_ms} ms the fullest 10 ms held {highest:?} probes each time");
    }
}

/// What is asked for is a rate of probes and retries together.
#[test]
fn retries_count_towards_the_rate() {
    let Some(_turn) = turn_alone("rate with retries") else { return };
    let silent = Lab { rules: "--seed 7 --open 0 --closed 0 --icmp 0", link: "" };
    let pairs = 2 * RATE;
    let scan = silent.scan(&scan_line(pairs).replace("--retries 0", "--retries 1"));
    assert_eq!(scan.code, Some(0), "{}", scan.words);
    assert_eq!(scan.counted("probes"), 2 * pairs);
    assert_eq!(scan.booked("retries"), pairs);
    let due_ns = (2 * pairs + forgiven(&scan)) as f64 * 1e9 / RATE as f64;
    let off = sending_ns(&scan) as f64 / due_ns - 1.0;
    println!("off by {:.3} %", off * 100.0);
    // A retry may have to wait until it is old enough, and a busy machine makes that longer,
    // but nothing leaves faster.
    assert!((-0.01..0.5).contains(&off), "off by {:.2} %", off * 100.0);
}
