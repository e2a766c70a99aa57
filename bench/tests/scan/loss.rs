//! A wire that loses and holds packets: as many pairs are missed as the
//! arithmetic of the loss says, and nothing is invented or repeated.
//!
//! A pair is found in one attempt when its probe and at least one copy of its
//! reply survive. Bounds are those of a binomial count with an error of one in a
//! million on each side, so a failure is no bad luck.

use crate::lab::{Lab, Verdict};
use crate::odds::binomial_bounds;
use crate::setting::{seed, sized, turn};

const ERROR: f64 = 1e-6;

/// The chance that all attempts on an answering pair are in vain. `loss` and
/// `thrice` are shares: of packets lost, of pairs that answer three times.
fn chance_missed(loss: f64, thrice: f64, attempts: i32) -> f64 {
    let in_vain = |copies: i32| (1.0 - (1.0 - loss) * (1.0 - loss.powi(copies))).powi(attempts);
    (1.0 - thrice) * in_vain(1) + thrice * in_vain(3)
}

fn judged(lab: Lab, targets: &str, flags: &str) -> Verdict {
    let scan = lab.scan(&format!(
        "-sS -p 1-64 {targets} --port-engine xdp {flags} --seed {} --json --show open,closed",
        seed()
    ));
    assert_eq!(scan.code, Some(0), "{}", scan.words);
    let ledger = scan.ledger();
    assert_eq!(ledger["unaccounted"], 0, "{ledger}");
    lab.check(&format!("--targets {targets} --ports 1-64"), &scan.results)
}

#[test]
fn delays_and_little_loss_with_two_retries_miss_what_chance_takes() {
    let Some(_turn) = turn("little loss") else { return };
    let lab = Lab {
        rules: "--seed 7 --open 100 --closed 300 --icmp 20 --dup 30 --forge 50 \
                --delay-us 100-900000 --loss 5",
        link: "--queues 2",
    };
    let targets = sized("198.18.0.0/24", "198.18.0.0/18");
    let verdict = judged(lab, targets, "--rate 20000 --retries 2 --cooldown 2");
    assert!(verdict.nothing_false(), "{verdict:?}");
    let chance = chance_missed(0.005, 0.03, 3);
    let (_, most) = binomial_bounds(verdict.expected, chance, ERROR);
    assert!(verdict.missed <= most, "at most {most}: {verdict:?}");
}

#[test]
fn much_loss_misses_neither_more_nor_less_than_its_arithmetic() {
    let Some(_turn) = turn("much loss") else { return };
    let lab = Lab { rules: "--seed 11 --open 200 --closed 400 --dup 100 --loss 100", link: "" };
    let targets = sized("198.18.4.0/24", "198.18.0.0/20");
    for (retries, attempts) in [("0", 1), ("1", 2)] {
        let verdict =
            judged(lab, targets, &format!("--rate 20000 --retries {retries} --cooldown 1"));
        assert!(verdict.nothing_false(), "{verdict:?}");
        let chance = chance_missed(0.1, 0.1, attempts);
        let (least, most) = binomial_bounds(verdict.expected, chance, ERROR);
        assert!(
            (least..=most).contains(&verdict.missed),
            "{retries} retries, from {least} to {most}: {verdict:?}"
        );
    }
}

#[test]
fn a_retry_finds_everything_whose_first_probe_is_ignored() {
    let Some(_turn) = turn("first probes lost") else { return };
    let lab = Lab { rules: "--seed 7 --open 100 --closed 300 --lose-first 200", link: "" };
    let targets = sized("198.18.0.0/24", "198.18.0.0/20");
    let verdict = judged(lab, targets, "--rate 20000 --retries 1 --cooldown 1");
    assert_eq!((verdict.code, verdict.missed), (Some(0), 0), "{verdict:?}");
    // The rule bites: without the retry a fifth is missing.
    let verdict = judged(lab, targets, "--rate 20000 --retries 0 --cooldown 1");
    let (least, most) = binomial_bounds(verdict.expected, 0.2, ERROR);
    assert!((least..=most).contains(&verdict.missed), "{least} to {most}: {verdict:?}");
    assert!(verdict.nothing_false(), "{verdict:?}");
}
