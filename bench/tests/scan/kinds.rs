//! ACK, UDP and host scans find the lab's truth, over all engines and both
//! families, with duplicates, forgeries and lost first probes.

use crate::lab::Lab;
use crate::setting::{sized, turn};

const LAB: Lab = Lab {
    rules: "--seed 23 --open 100 --closed 300 --icmp 20 --dup 30 --forge 50",
    link: "--queues 2",
};

/// Runs a scan and compares; `asked` is for `lab check`.
fn agrees(lab: Lab, scan: &str, asked: &str) {
    for engine in ["xdp", "live", "packet"] {
        let line = format!("{scan} --port-engine {engine} --rate 30000 --cooldown 1 --json");
        let ended = lab.scan(&line);
        assert_eq!(ended.code, Some(0), "{line}: {}", ended.words);
        let states = match asked {
            _ if asked.contains("--scan ack") => "unfiltered",
            _ if asked.contains("--proto icmp") => "up",
            _ => "open,closed",
        };
        let verdict = lab.check_states(asked, &ended.results, states);
        assert_eq!(verdict.code, Some(0), "{line}: {verdict:?}");
        assert!(verdict.expected > 300, "{verdict:?}");
        assert_eq!(ended.booked("unaccounted"), 0);
    }
}

fn targets() -> (&'static str, &'static str) {
    sized(
        ("198.18.0.0/24 2001:2::/122", "198.18.0.0/24,2001:2::/122"),
        ("198.18.0.0/20 2001:2::/118", "198.18.0.0/20,2001:2::/118"),
    )
}

#[test]
fn a_udp_scan_finds_the_truth() {
    let Some(_turn) = turn("kinds-udp") else { return };
    let (scanned, asked) = targets();
    agrees(
        LAB,
        &format!("-sU -p 1-180 {scanned} --show open,closed"),
        &format!("--proto udp --targets {asked} --ports 1-180"),
    );
}

#[test]
fn one_queue_tells_the_same_truth_of_datagrams_and_hosts() {
    let Some(_turn) = turn("kinds-one-queue") else { return };
    let lab = Lab { link: "--queues 1", ..LAB };
    let (scanned, asked) = targets();
    agrees(
        lab,
        &format!("-sU -p 1-40 {scanned} --show open,closed"),
        &format!("--proto udp --targets {asked} --ports 1-40"),
    );
    agrees(
        lab,
        "-sn 198.18.0.0/21 2001:2::/118",
        "--targets 198.18.0.0/21,2001:2::/118 --proto icmp",
    );
}

#[test]
fn lost_first_echo_requests_are_made_up_for() {
    let Some(_turn) = turn("kinds-hosts-lost") else { return };
    let lab = Lab {
        rules: "--seed 25 --open 100 --closed 300 --icmp 20 --dup 30 --forge 50 --lose-first 200",
        link: "--queues 2",
    };
    agrees(
        lab,
        "-sn -PE --retries 1 198.18.0.0/20 2001:2::/118",
        "--targets 198.18.0.0/20,2001:2::/118 --proto icmp --ping echo",
    );
}

#[test]
fn lost_first_datagrams_are_made_up_for() {
    let Some(_turn) = turn("kinds-udp-lost") else { return };
    let lab = Lab {
        rules: "--seed 24 --open 100 --closed 300 --icmp 20 --lose-first 200",
        link: "--queues 1",
    };
    let (scanned, asked) = targets();
    agrees(
        lab,
        &format!("-sU -p 1-64 --retries 1 {scanned} --show open,closed"),
        &format!("--proto udp --targets {asked} --ports 1-64"),
    );
}

#[test]
fn a_host_scan_finds_the_truth() {
    let Some(_turn) = turn("kinds-hosts") else { return };
    let scanned = "198.18.0.0/20 2001:2::/118";
    let asked = "--targets 198.18.0.0/20,2001:2::/118 --proto icmp";
    agrees(LAB, &format!("-sn {scanned}"), asked);
    agrees(LAB, &format!("-sn -PE {scanned}"), &format!("{asked} --ping echo"));
}

#[test]
fn an_ack_scan_finds_what_is_unfiltered() {
    let Some(_turn) = turn("kinds-ack") else { return };
    let (scanned, asked) = targets();
    agrees(
        LAB,
        &format!("-sA -p 1-100 {scanned}"),
        &format!("--scan ack --targets {asked} --ports 1-100"),
    );
}

#[test]
fn tcp_and_udp_are_scanned_in_one() {
    let Some(_turn) = turn("kinds-both") else { return };
    let ended =
        LAB.scan("-sS -sU -p 20-60,T:80,U:123 198.18.0.0/24 --json --rate 30000 --cooldown 1");
    assert_eq!(ended.code, Some(0), "{}", ended.words);
    for (proto, ports) in [("tcp", "20-60,80"), ("udp", "20-60,123")] {
        let asked = format!("--proto {proto} --targets 198.18.0.0/24 --ports {ports}");
        let verdict = LAB.check_states(&asked, &ended.results, "open");
        assert_eq!(verdict.code, Some(0), "{proto}: {verdict:?}");
        assert!(verdict.expected > 300, "{verdict:?}");
    }
}
