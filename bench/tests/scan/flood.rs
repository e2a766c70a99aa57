//! Forged replies: who guesses is not believed, in either family, over either engine; a
//! forger who knows the key is, which shows that the checks can fail.

use std::collections::HashSet;
use std::ffi::OsString;

use crate::lab::{Ended, Lab, Verdict, words};
use crate::odds::binomial_bounds;
use crate::release::binary;
use crate::setting::{seed, sized, turn};

/// Forged replies of one flood.
fn count() -> u64 {
    sized(100_000, 10_000_000)
}

fn targets() -> (&'static str, &'static str) {
    sized(
        ("198.18.0.0/22 2001:2::/120", "198.18.0.0/22,2001:2::/120"),
        ("198.18.0.0/18 2001:2::/116", "198.18.0.0/18,2001:2::/116"),
    )
}

/// A lab with a flood. With two source ports and one retry every port that the forger
/// can choose is the right one.
fn lab(rules: &'static str, flood: &str) -> Lab {
    let (_, asked) = targets();
    let link = format!(
        "--queues 2 --flood {}:{} --flood-targets {asked} {flood}",
        sized("40000", "max"),
        count()
    );
    // Few, and needed until the end of the test program.
    Lab { rules, link: link.leak() }
}

const RULES: &str = "--seed 31 --open 100 --closed 300 --icmp 20 --dup 30";

fn judged(lab: Lab, scan: &str, asked: &str, states: &str) -> (Ended, Verdict) {
    let (spread, together) = targets();
    // In full size the flood goes on for a while when everything has been sent.
    let cooldown =
        if scan.contains("--cooldown") { "" } else { sized("--cooldown 1", "--cooldown 120") };
    let ended = lab.scan(&format!("{scan} {spread} --seed {} --json {cooldown}", seed()));
    assert_eq!(ended.code, Some(0), "{}", ended.words);
    let asked = format!("--targets {together} {asked}");
    let verdict = lab.check_states(&asked, &ended.results, states);
    assert_eq!(ended.booked("unaccounted"), 0, "{}", ended.ledger());
    assert_eq!(forged(&ended), count(), "the scan ended before the flood");
    (ended, verdict)
}

/// How many forged replies were sent.
fn forged(ended: &Ended) -> u64 {
    let kinds = ended.stats["flood"].as_object().expect("the flood's counts");
    kinds.values().map(|count| count.as_u64().unwrap()).sum()
}

#[test]
fn forged_segments_and_errors_that_quote_segments_are_never_believed() {
    let Some(_turn) = turn("flood of TCP") else { return };
    for engine in ["xdp", "packet"] {
        let lab = lab(RULES, "--flood-as tcp --flood-ports 1-64 --flood-to 65000-65001");
        let scan = format!(
            "-sS -p 1-64 --port-engine {engine} --rate {} --source-ports 65000-65001 --retries 1 \
             --show open,closed,filtered",
            sized(30_000, 50_000)
        );
        let (ended, verdict) = judged(lab, &scan, "--ports 1-64", "open,closed");
        assert!(verdict.nothing_false(), "{engine}: {verdict:?}");
        for kind in ["syn_ack", "rst", "error_quoting_tcp"] {
            assert!(ended.stats["flood"][kind].as_u64().unwrap() > count() / 4, "{kind}");
        }
        let errors = ended.records("port").into_iter().filter(|record| {
            record["reason"].as_str().is_some_and(|reason| reason.starts_with("icmp"))
        });
        // The lab's own errors come from the router as "host unreachable" or "prohibited";
        // the check above knows of open and closed alone.
        let (spread, together) = targets();
        let wrong = not_filtered(lab, together, &errors.map(pair).collect());
        assert_eq!(wrong, 0, "{engine}: errors believed for pairs of {spread} that send none");
    }
}

fn pair(record: serde_json::Value) -> (String, u64) {
    (record["ip"].as_str().unwrap().to_owned(), record["port"].as_u64().unwrap())
}

/// How many of these pairs the lab does not call filtered.
fn not_filtered(lab: Lab, targets: &str, told: &HashSet<(String, u64)>) -> usize {
    let output = std::process::Command::new(binary("prtip-bench"))
        .args(["lab", "truth", "--ports", "1-64", "--targets", targets])
        .args(words(lab.rules))
        .output()
        .unwrap();
    let truth = String::from_utf8(output.stdout).unwrap();
    let filtered: HashSet<(String, u64)> = truth
        .lines()
        .filter(|line| line.contains("\"filtered\""))
        .map(|line| pair(serde_json::from_str(line).unwrap()))
        .collect();
    assert!(filtered.len() > 100 && told.len() > 100, "{} {}", filtered.len(), told.len());
    told.difference(&filtered).count()
}

/// Key file and results of a scan that a forger with its key meets.
fn with_the_key(cookie: &str, scan: &str, seconds: Option<u32>) -> (Ended, Verdict) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let lab = lab(
        RULES,
        &format!(
            "--flood-ports 1-64 --flood-to 65000-65001 --flood-cookie {cookie} --flood-key {}.key",
            log.display()
        ),
    );
    let (spread, together) = targets();
    let mut command: Vec<OsString> = Vec::new();
    if let Some(seconds) = seconds {
        let seconds = seconds.to_string();
        let until = ["timeout", "--foreground", "--preserve-status", "-s", "INT", &seconds];
        command.extend(until.map(OsString::from));
    }
    command.push(binary("prtip").into());
    let line = format!(
        "-sS -p 1-64 --source-ports 65000-65001 --retries 1 --port-engine xdp {scan} {spread} \
         --seed 9 --json --cooldown 1 --show open,closed --event-log {}",
        log.display()
    );
    command.extend(words(&line).map(OsString::from));
    let ended = lab.run(&command, &[]);
    let verdict = lab.check(&format!("--targets {together} --ports 1-64"), &ended.results);
    (ended, verdict)
}

#[test]
fn cookies_next_to_the_right_one_are_never_believed() {
    let Some(_turn) = turn("flood of near cookies") else { return };
    let scan = format!("--rate {}", sized(30_000, 50_000));
    let (ended, verdict) = with_the_key("near", &scan, None);
    assert_eq!(ended.code, Some(0), "{}", ended.words);
    assert_eq!(forged(&ended), count());
    assert!(verdict.nothing_false(), "{verdict:?}");
}

/// The control, and what a right cookie is worth before its probe has left: nothing.
#[test]
fn a_forger_with_the_key_is_believed_about_what_was_sent_and_nothing_else() {
    let Some(_turn) = turn("flood with the key") else { return };
    let (ended, verdict) = with_the_key("right", "--rate 3000", Some(5));
    assert_eq!(ended.code, Some(3), "{}", ended.words);
    assert!(verdict.invented > 100, "the check does not see forgeries: {verdict:?}");
    let sent = ended.booked("generated") - ended.booked("retries") - ended.booked("tx_again");
    let told = ended.records("port").len() as u64;
    assert!(told > sent / 4, "{told} of {sent}");
    let order = order(sent);
    for record in ended.records("port") {
        let pair = pair(record);
        assert!(order.contains(&pair), "{pair:?} had not been sent");
    }
    assert!(ended.booked("rx_invalid") > told, "{}", ended.ledger());
}

/// The first pairs of the order, as the dry run tells them.
fn order(pairs: u64) -> HashSet<(String, u64)> {
    let output = std::process::Command::new(binary("prtip"))
        .args(["--dry-run", "--json", "--seed", "9", "-p", "1-64", "--max-targets"])
        .arg(pairs.to_string())
        .args(words(targets().0))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| pair(serde_json::from_str(line).unwrap())).collect()
}

/// Where a protocol repeats nothing, our port is all that a forger must guess: as often
/// as the scan says beforehand.
#[test]
fn forged_datagrams_are_believed_no_more_often_than_the_scan_says() {
    let Some(_turn) = turn("flood of UDP") else { return };
    for engine in ["xdp", "packet"] {
        let lab = lab("--open 0 --closed 0 --icmp 0", "--flood-as udp --flood-ports 40000-40007");
        let scan = format!(
            "-sU -p 40000-40007 --port-engine {engine} --rate {} --retries 1 --show open,closed",
            sized(30_000, 50_000)
        );
        // Sent soon, then listening until the flood is over.
        let scan = format!("{scan} --cooldown {}", sized(5, 150));
        let (ended, _) = judged(lab, &scan, "--proto udp --ports 40000-40007", "open,closed");
        let bound = ended.words.split_once("guess our port (1 in ").unwrap().1;
        let one_in: f64 = bound.split_once(')').unwrap().0.parse().unwrap();
        let believed = ended.booked("rx_valid") + ended.booked("rx_duplicate");
        println!("{engine}: {believed} of {} believed; 1 in {one_in} is said", count());
        let (_, most) = binomial_bounds(count(), 1.0 / one_in, 1e-6);
        assert!(believed <= most, "{believed} of {}, at most {most}", count());
        assert!(believed as f64 > count() as f64 / one_in / 4.0, "nearly none came through");
    }
}

#[test]
fn forged_datagrams_without_the_transaction_id_are_never_believed() {
    let Some(_turn) = turn("flood of UDP with ids") else { return };
    let lab = lab(
        "--open 0 --closed 0 --icmp 0",
        "--flood-as udp --flood-ports 123,161,500 --flood-to 65000-65001",
    );
    let scan = format!(
        "-sU -p 123,161,500,40000-40061 --source-ports 65000-65001 --retries 1 --port-engine xdp \
         --rate {} --show open,closed",
        sized(30_000, 50_000)
    );
    let (ended, _) = judged(lab, &scan, "--proto udp --ports 123,161,500", "open,closed");
    assert_eq!(ended.booked("rx_valid"), 0, "{}", ended.ledger());
    assert!(ended.booked("rx_invalid") > count() / 3, "{}", ended.ledger());
}

#[test]
fn forged_echo_replies_are_never_believed() {
    let Some(_turn) = turn("flood of echo replies") else { return };
    let lab = Lab {
        rules: RULES,
        link: sized(
            "--queues 2 --flood 40000:100000 --flood-as echo --flood-to 65000-65003 \
             --flood-targets 198.18.0.0/18,2001:2::/114",
            "--queues 2 --flood 100000:3000000 --flood-as echo --flood-to 65000-65003 \
             --flood-targets 198.18.0.0/16,2001:2::/112",
        ),
    };
    let (spread, together) = sized(
        ("198.18.0.0/18 2001:2::/114", "198.18.0.0/18,2001:2::/114"),
        ("198.18.0.0/16 2001:2::/112", "198.18.0.0/16,2001:2::/112"),
    );
    let ended = lab.scan(&format!(
        "-sn -PE {spread} --source-ports 65000-65001 --retries 1 --rate {} --json --cooldown 1 \
         --port-engine packet",
        sized(10_000, 4_000)
    ));
    assert_eq!(ended.code, Some(0), "{}", ended.words);
    let asked = format!("--targets {together} --proto icmp --ping echo");
    let verdict = lab.check_states(&asked, &ended.results, "up");
    // Half of the forgeries are errors, which quote the 16 bits of the sequence number alone.
    // Half of these seem to be the target's own, and half of those have an identifier of ours.
    let (_, most) = binomial_bounds(forged(&ended), 1.0 / 8.0 / 65_536.0, 1e-6);
    println!("{} errors believed, at most {most}", verdict.invented);
    assert_eq!((verdict.repeated, verdict.wrong), (0, 0), "{verdict:?}");
    assert!(verdict.invented <= most, "{verdict:?}");
    // A reply gives 64 bits back: of those nothing is believed.
    let by_reply = tempfile::NamedTempFile::new().unwrap();
    let all = std::fs::read_to_string(&ended.results).unwrap();
    let lines = all.lines().filter(|line| line.contains("\"reason\":\"echo-reply\""));
    std::fs::write(&by_reply, lines.map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    let verdict = lab.check_states(&asked, by_reply.path(), "up");
    assert!(verdict.nothing_false() && verdict.expected > 1000, "{verdict:?}");
    assert_eq!(ended.booked("unaccounted"), 0);
    assert!(ended.booked("rx_invalid") > 10_000 && forged(&ended) > 50_000, "{}", ended.ledger());
}

#[test]
fn a_flood_that_cannot_be_is_refused() {
    for (flags, word) in [
        ("--flood 0", "nothing would be sent"),
        ("--flood 5 --flood-targets 10.0.0.0/8", "not of the lab"),
        ("--flood 5 --flood-cookie right", "need --flood-key"),
    ] {
        let output = std::process::Command::new(binary("prtip-bench"))
            .args(["lab", "run"])
            .args(words(flags))
            .args(["--", "true"])
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{flags}: {told}");
        assert!(told.contains(word), "{flags}: {told}");
    }
}
