//! A scan that is killed and resumed, killed and resumed again, tells what one that
//! was left in peace would have told: nothing missed, nothing twice.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::kill::draw;
use crate::lab::{Lab, Verdict, words};
use crate::logs::joined;
use crate::open_lab::OpenLab;
use crate::setting::{seed, sized, soak, turn};

/// Replies are on their way for up to 1.6 s, and in full size 2 s, when the kill comes:
/// longer than a silent port waits for its second probe.
fn slow_lab() -> Lab {
    Lab {
        rules: if soak() {
            "--seed 11 --open 100 --closed 300 --icmp 20 --dup 30 --delay-us 1000-2000000"
        } else {
            "--seed 11 --open 100 --closed 300 --icmp 20 --dup 30 --delay-us 1000-1600000"
        },
        link: "--queues 2",
    }
}

const SCAN: &str = "-sS -p 1-32 198.18.0.0/20 --rate 40000 --retries 1 --show open,closed";
const ASKED: &str = "--targets 198.18.0.0/20 --ports 1-32";
/// How the logs of the scans are written, in turn.
const LOG_MODES: [&str; 5] = [
    "--log-sync always",
    "--log-rotate 300k --log-compress gzip",
    "--log-sync interval",
    "--log-rotate 1s --log-sync always",
    "--log-rotate 100k --log-compress zstd --log-sync never",
];
/// Kills of one scan before it is let to its end.
const KILLS: u32 = 5;

fn cooldown() -> &'static str {
    if soak() { "2.5" } else { "2" }
}

fn logged(mut command: Command, log: &Path) -> Command {
    command.arg("--event-log").arg(log).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// One scan, killed at random moments and resumed; returns how often it was killed,
/// and how many pairs were finished before the last run.
fn chain(
    lab: &OpenLab,
    log: &Path,
    random: &mut u64,
    (engine, flags, fault): (&str, &str, Option<&str>),
) -> (u32, u64) {
    let start = || {
        let mut command = lab.prtip(SCAN);
        command.args(["--cooldown", cooldown(), "--seed", "4", "--port-engine", engine]);
        command.args(words(flags));
        logged(command, log)
    };
    let resume = || {
        let mut command = lab.prtip("--resume");
        command.arg(log).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let with_fault = |mut command: Command| {
        command.envs(fault.map(|fault| ("PRTIP_FAULT", fault)));
        command
    };
    let mut kills = 0;
    for round in 0..KILLS {
        let command = if round == 0 { start() } else { resume() };
        let mut scan = with_fault(command).spawn().unwrap();
        // A first kill before there is a log would leave nothing to resume.
        while round == 0 && fs::metadata(log).map_or(0, |log| log.len()) < 4096 {
            std::thread::sleep(Duration::from_millis(2));
        }
        std::thread::sleep(Duration::from_millis(draw(random) % 7000));
        if scan.try_wait().unwrap().is_some() {
            break;
        }
        scan.kill().unwrap();
        scan.wait().unwrap();
        kills += 1;
    }
    let ended = with_fault(resume()).stderr(Stdio::piped()).output().unwrap();
    let words = String::from_utf8(ended.stderr).unwrap();
    println!("{words}");
    assert_eq!(ended.status.code(), Some(0), "{words}");
    let finished = words.split_once("resuming: ").and_then(|(_, rest)| rest.split_once(' '));
    let finished = finished.map_or(0, |(count, _)| count.parse().unwrap());
    (kills, finished)
}

fn lab_check(log: &Path) -> Verdict {
    slow_lab().check(ASKED, log)
}

#[test]
fn a_killed_scan_that_is_resumed_tells_everything_once() {
    let Some(_turn) = turn("resume") else { return };
    let lab = OpenLab::open(slow_lab(), &[]);
    let folder = tempfile::tempdir().unwrap();
    let mut random = seed();
    let (mut kills, mut number, mut spared) = (0, 0, 0);
    while kills < sized(10, 200) {
        number += 1;
        let log = folder.path().join(format!("{number}.jsonl"));
        let engine = if number % 2 == 0 { "live" } else { "xdp" };
        let flags = LOG_MODES[number % LOG_MODES.len()];
        let (more, finished) = chain(&lab, &log, &mut random, (engine, flags, None));
        (kills, spared) = (kills + more, spared + finished);
        let verdict = lab_check(&joined(&log));
        assert_eq!(verdict.code, Some(0), "after {kills} kills, {flags}: {verdict:?}");
        assert!(verdict.expected > 10_000, "{verdict:?}");

        // Nothing is left to do, and that is no error.
        let again = lab.prtip("--resume").arg(&log).output().unwrap();
        assert_eq!(again.status.code(), Some(0));
        assert!(String::from_utf8(again.stderr).unwrap().contains("nothing is left to do"));
    }
    println!("{kills} kills in {number} scans; {spared} pairs were not probed again");
    assert!(spared > 0, "no checkpoint spared anything");
    lab.close();
}

/// The control: checkpoints that do not wait for late replies lose some.
#[test]
fn checkpoints_that_do_not_wait_lose_results() {
    let Some(_turn) = turn("resume-control") else { return };
    let lab = OpenLab::open(slow_lab(), &[]);
    let folder = tempfile::tempdir().unwrap();
    let mut random = seed();
    let mut missed = 0;
    for number in 0..5 {
        let log = folder.path().join(format!("{number}.jsonl"));
        chain(&lab, &log, &mut random, ("xdp", "", Some("hasty-checkpoint")));
        let verdict = lab_check(&log);
        assert!(verdict.nothing_false(), "{verdict:?}");
        missed += verdict.missed;
        if missed > 0 {
            break;
        }
    }
    assert!(missed > 0, "the check cannot see what hasty checkpoints lose");
    lab.close();
}

#[test]
fn logs_that_cannot_be_resumed_are_refused_with_a_word() {
    let Some(_turn) = turn("resume-refused") else { return };
    let lab = OpenLab::open(slow_lab(), &[]);
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let asked = "--targets 198.18.0.0/22 --ports 1-32";
    let log = at("stopped.jsonl");
    let list = at("list");
    fs::write(&list, "198.18.0.0/22\n").unwrap();
    let mut scan = lab.prtip("-sS -p 1-32 --port-engine xdp --rate 10000 --cooldown 2 -iL");
    scan.arg(&list);
    let mut scan = logged(scan, &log).spawn().unwrap();
    while fs::metadata(&log).map_or(0, |log| log.len()) < 4096 {
        std::thread::sleep(Duration::from_millis(2));
    }
    let refused = |log: &Path, more: &[&str], word: &str| {
        let output = lab.prtip("--resume").arg(log).args(more).output().unwrap();
        let words = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{words}");
        assert!(words.contains(word), "no {word:?} in {words}");
    };
    refused(&log, &[], "a scan is writing it");
    scan.kill().unwrap();
    scan.wait().unwrap();

    refused(&at("none.jsonl"), &[], "No such file");
    refused(&log, &["-p", "80"], "with --resume");
    let foreign = at("foreign.jsonl");
    fs::write(&foreign, "{\"hello\":1}\n").unwrap();
    refused(&foreign, &[], "does not begin with a scan_started record");
    let lonely = at("lonely.jsonl");
    fs::copy(&log, &lonely).unwrap();
    refused(&lonely, &[], "key");
    for (name, bytes) in [("empty", &b""[..]), ("blank", b"\n\n"), ("binary", b"\x7fELF\x02\x00")] {
        let path = at(name);
        fs::write(&path, bytes).unwrap();
        refused(&path, &[], "does not begin with a scan_started record");
    }
    refused(folder.path(), &[], "irectory");
    refused(Path::new("/dev/null"), &[], "not a regular file");
    let key_of = |log: &Path| {
        let mut name = log.as_os_str().to_owned();
        name.push(".key");
        std::path::PathBuf::from(name)
    };
    for (key, word) in [("prtip key 1\nxyz\n", "key"), ("", "key"), ("prtip key 2\n", "key")] {
        fs::write(key_of(&lonely), key).unwrap();
        fs::set_permissions(key_of(&lonely), PermissionsExt::from_mode(0o600)).unwrap();
        refused(&lonely, &[], word);
    }
    fs::write(&list, "198.18.0.0/23\n").unwrap();
    refused(&log, &[], "targets have changed");
    fs::write(&list, "198.18.0.0/22\n").unwrap();

    // A torn end is cut off and kept, and the scan goes on.
    let mut bytes = fs::read(&log).unwrap();
    while bytes.pop() != Some(b'}') {}
    fs::write(&log, &bytes).unwrap();
    let output = lab.prtip("--resume").arg(&log).output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{words}");
    assert!(words.contains("no whole record"), "{words}");
    assert!(at("stopped.jsonl.cut").is_file());
    let verdict = slow_lab().check_states(asked, &log, "open");
    assert_eq!(verdict.code, Some(0), "{verdict:?}");
    lab.close();
}
