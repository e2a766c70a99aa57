//! A host that limits its ICMP errors is named at the end of a UDP scan: the far kernel,
//! which sends about one "port unreachable" a second. A host that answers whenever it is
//! asked is not.

use std::process::Command;

use serde_json::Value;

use crate::open_lab::{OpenLab, Side};
use crate::setting::turn;
use crate::truth::ONE_QUEUE;

const WORD: &str = "limit the ICMP errors";

/// Records of a UDP scan: the remarks, and how many ports are closed.
fn scan(lab: &OpenLab, line: &str) -> (String, u64) {
    let line = format!("-sU --retries 0 --cooldown 1 --seed 5 --json {line}");
    let ended: Command = lab.prtip(&line);
    let output = { ended }.output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    println!("{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0));
    let record = |kind: &str| -> Value {
        let wanted = format!("\"type\":\"{kind}\"");
        serde_json::from_str(told.lines().find(|line| line.contains(&wanted)).unwrap()).unwrap()
    };
    let closed = record("scan_finished")["closed"].as_u64().unwrap();
    (record("ledger")["remarks"].to_string(), closed)
}

#[test]
fn a_kernel_that_sends_one_error_a_second_is_named_and_one_that_sends_all_is_not() {
    let Some(_turn) = turn("ICMP limit") else { return };
    let lab = OpenLab::open(ONE_QUEUE, &[]);
    // Six at once, then one a second.
    let (remarks, closed) = scan(&lab, "-p 2000-2599 --rate 40 198.19.255.2");
    assert!(closed > 10 && closed < 40, "{closed} closed");
    assert!(remarks.contains(WORD) && remarks.contains("198.19.255.2"), "{remarks}");

    // As slow as the word advises, nothing is hidden. (Ten ports: six come at once.)
    let (remarks, closed) = scan(&lab, "-p 2000-2009 --rate 0.9 198.19.255.2");
    assert_eq!(closed, 10);
    assert!(!remarks.contains(WORD), "{remarks}");

    // The control: the same kernel without its limit.
    lab.output(Side::Far, "sysctl -w net.ipv4.icmp_ratelimit=0");
    let (remarks, closed) = scan(&lab, "-p 2000-2599 --rate 200 198.19.255.2");
    assert_eq!(closed, 600);
    assert!(!remarks.contains(WORD), "{remarks}");

    // Nor hosts that answer for few of their ports, and whenever they are asked.
    let (remarks, closed) = scan(&lab, "-p 2000-2099 --rate 400 198.18.0.0/28");
    assert!(closed > 100, "{closed} closed");
    assert!(!remarks.contains(WORD), "{remarks}");
    lab.close();
}
