//! A scan of the lab tells the lab's truth, item by item: nothing missed,
//! nothing invented, nothing twice, nothing wrong, and the ledger adds up.

use crate::lab::{Ended, Lab, Verdict};
use crate::setting::{seed, sized, turn};

/// Open, closed, unreachable, answering thrice, and forged answers.
pub(crate) const RULES: &str = "--seed 7 --open 100 --closed 300 --icmp 20 --dup 30 --forge 50";
pub(crate) const ONE_QUEUE: Lab = Lab { rules: RULES, link: "--queues 1" };
pub(crate) const TWO_QUEUES: Lab = Lab { rules: RULES, link: "--queues 2" };

/// A scan of ports 1 to 64, judged.
fn judged(lab: Lab, targets: &str, flags: &str) -> (Ended, Verdict) {
    let spread = targets.replace(',', " ");
    let scan = lab.scan(&format!(
        "-sS -p 1-64 {spread} {flags} --seed {} --json --show open,closed --cooldown 1",
        seed()
    ));
    assert_eq!(scan.code, Some(0), "{}", scan.words);
    let verdict = lab.check(&format!("--targets {targets} --ports 1-64"), &scan.results);
    (scan, verdict)
}

pub(crate) fn tells_the_truth(lab: Lab, targets: &str, flags: &str) {
    let (scan, verdict) = judged(lab, targets, flags);
    assert_eq!(verdict, verdict.clean(), "{flags}, {}, {targets}", lab.link);
    let ledger = scan.ledger();
    assert_eq!(ledger["unaccounted"], 0, "{ledger}");
    // Of the pairs 40 % are open or closed; 1 in 20 of the rest answers with a lie.
    assert!(verdict.expected > 1000, "the lab's truth is nearly empty");
    assert!(scan.counted("forged") > 100 && scan.counted("icmp") > 50);
    // The lab has no more probes than the scan says it sent.
    assert!(scan.counted("probes") <= scan.booked("completed"), "{ledger}");
    assert!(scan.booked("rx_duplicate") > 0, "triple answers came only once: {ledger}");
}

/// A pace that a busy machine keeps.
fn fixed(engine: &str) -> String {
    format!("--port-engine {engine} --rate {}", sized(20_000, 50_000))
}

pub(crate) fn v4() -> &'static str {
    sized("198.18.0.0/24", "198.18.0.0/18")
}

pub(crate) fn v6() -> &'static str {
    sized("2001:2:0:1::/120", "2001:2:0:1::/114")
}

#[test]
fn ipv4_over_af_xdp_is_the_truth_with_one_queue_and_with_two() {
    let Some(_turn) = turn("truth over AF_XDP") else { return };
    tells_the_truth(ONE_QUEUE, v4(), &fixed("xdp"));
    tells_the_truth(TWO_QUEUES, v4(), &fixed("xdp"));
}

#[test]
fn ipv4_over_af_packet_is_the_truth_with_one_queue_and_with_two() {
    let Some(_turn) = turn("truth over AF_PACKET") else { return };
    tells_the_truth(ONE_QUEUE, v4(), &fixed("packet"));
    tells_the_truth(TWO_QUEUES, v4(), &fixed("packet"));
}

#[test]
fn live_frames_are_the_truth_in_both_families_with_one_queue_and_with_two() {
    let Some(_turn) = turn("truth of live frames") else { return };
    tells_the_truth(ONE_QUEUE, v4(), &fixed("live"));
    tells_the_truth(TWO_QUEUES, v4(), &fixed("live"));
    tells_the_truth(ONE_QUEUE, v6(), &fixed("live"));
    let targets = format!("{},{}", v4(), v6());
    tells_the_truth(TWO_QUEUES, &targets, &format!("{} --vlan 7", fixed("live")));
}

#[test]
fn ipv6_is_the_truth_over_both_engines() {
    let Some(_turn) = turn("truth of IPv6") else { return };
    tells_the_truth(ONE_QUEUE, v6(), &fixed("xdp"));
    tells_the_truth(TWO_QUEUES, v6(), &fixed("xdp"));
    tells_the_truth(TWO_QUEUES, v6(), &fixed("packet"));
}

#[test]
fn both_families_in_one_scan_are_the_truth() {
    let Some(_turn) = turn("truth of both families") else { return };
    let targets = format!("{},{}", v4(), v6());
    tells_the_truth(TWO_QUEUES, &targets, &fixed("xdp"));
}

#[test]
fn shards_make_the_whole_and_share_nothing() {
    let Some(_turn) = turn("truth of shards") else { return };
    let folder = tempfile::tempdir().unwrap();
    let joined = folder.path().join("joined.jsonl");
    let mut all = Vec::new();
    for part in 1..=3 {
        let (scan, verdict) =
            judged(ONE_QUEUE, v4(), &format!("{} --shard {part}/3", fixed("xdp")));
        // A third tells no lie and does not know the rest.
        assert!(verdict.nothing_false(), "{verdict:?}");
        assert!(verdict.missed > verdict.expected / 2, "{verdict:?}");
        all.extend(std::fs::read(&scan.results).unwrap());
    }
    std::fs::write(&joined, all).unwrap();
    let verdict = ONE_QUEUE.check(&format!("--targets {} --ports 1-64", v4()), &joined);
    assert_eq!(verdict.code, Some(0), "{verdict:?}");
}
