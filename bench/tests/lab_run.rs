//! `prtip-bench lab run` from outside: real namespaces, a real link, a prober on
//! AF_PACKET that shares no code with the engine.
//!
//! ```text
//!   this test ── spawns ──▶ prtip-bench lab run … -- this test's binary, `prober`
//!                             scan0 (AF_PACKET) ───── veth ───── lab0 (far end)
//! ```
//!
//! Needs root; says SKIPPED otherwise and fails where `CI` is set.

#![allow(clippy::unwrap_used)]

#[path = "prober/mod.rs"]
mod prober;
#[path = "programs/mod.rs"]
mod programs;
mod rights;

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use prober::Summary;
use prober::kernel::{PING_TARGETS, UDP_PORTS, UDP_TARGETS};
use programs::compile_pass;
use rights::may_run;

const BENCH: &str = env!("CARGO_BIN_EXE_prtip-bench");
const ASKED: [&str; 4] = ["--targets", "198.18.0.0/24,2001:2:0:1::/120", "--ports", "1-32"];

fn lab(flags: &[&str], command: &[&str]) -> Output {
    let output = Command::new(BENCH)
        .args(["lab", "run"])
        .args(flags)
        .arg("--")
        .args(command)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    eprintln!("{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Probes the pairs of `ASKED` within the lab; what was seen, and the results' file.
fn probe(flags: &[&str], prober_flags: &[(&str, &str)]) -> (Summary, tempfile::TempDir, PathBuf) {
    let (dir, out) = inside("prober_inside", flags, prober_flags);
    let summary = std::fs::read_to_string(dir.path().join("out.summary")).unwrap();
    (serde_json::from_str(&summary).unwrap(), dir, out)
}

/// Runs one of this file's ignored tests within the lab; its results' file.
fn inside(test: &str, flags: &[&str], prober: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.jsonl");
    let me = std::env::current_exe().unwrap();
    let status = Command::new(BENCH)
        .args(["lab", "run", "--seed", "7"])
        .args(flags)
        .arg("--")
        .arg(me)
        .args(["--ignored", "--exact", test, "--nocapture"])
        .env("PROBER_OUT", &out)
        .envs(prober.iter().copied())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    (dir, out)
}

fn check(flags: &[&str], results: &Path) -> (bool, String) {
    let states = ["--states", "open,closed,filtered"];
    check_of(&[&ASKED[..], &states[..], flags].concat(), results)
}

fn check_of(flags: &[&str], results: &Path) -> (bool, String) {
    let output = Command::new(BENCH)
        .args(["lab", "check", "--seed", "7"])
        .args(flags)
        .arg(results)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    eprintln!("{told}{}", String::from_utf8_lossy(&output.stderr));
    (output.status.success(), told)
}

#[test]
#[ignore = "runs inside the lab, started by the other tests"]
fn prober_inside() {
    prober::run();
}

#[test]
#[ignore = "runs inside the lab, started by the other tests"]
fn kernel_inside() {
    prober::kernel::run();
}

#[test]
fn the_kernels_own_sockets_find_the_truth_of_udp_and_ping() {
    if !may_run() {
        return;
    }
    let twice = [("PROBER_ATTEMPTS", "2")];
    for (flags, prober) in [
        (&["--dup", "100", "--forge", "300"][..], &[][..]),
        (&["--delay-us", "1000-100000", "--queues", "2"], &[]),
        (&["--lose-first", "300"], &twice),
    ] {
        let (_dir, results) = inside("kernel_inside", flags, prober);
        let states = ["--states", "open,closed,filtered"];
        let udp = ["--proto", "udp", "--targets", UDP_TARGETS, "--ports", UDP_PORTS];
        let (clean, told) = check_of(&[&udp[..], &states].concat(), &results);
        assert!(clean, "{flags:?}: {told}");
        let (clean, told) =
            check_of(&["--proto", "icmp", "--ping", "echo", "--targets", PING_TARGETS], &results);
        assert!(clean, "{flags:?}: {told}");
    }
}

#[test]
fn a_prober_on_af_packet_finds_the_truth_of_both_families() {
    if !may_run() {
        return;
    }
    for queues in ["1", "2"] {
        let (summary, _dir, results) = probe(&["--forge", "100", "--queues", queues], &[]);
        let (clean, told) = check(&["--forge", "100"], &results);
        assert!(clean, "{told}");
        assert_eq!(summary.repeated, 0);
        assert!(summary.forged > 100, "{summary:?}");
    }
}

#[test]
fn replies_arrive_also_where_the_scanners_end_has_an_xdp_program() {
    if !may_run() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let program = compile_pass(dir.path());
    let (_, _dir, results) =
        probe(&["--queues", "2"], &[("PROBER_XDP", program.to_str().unwrap())]);
    assert!(check(&[], &results).0);
}

#[test]
fn a_pair_that_answers_thrice_is_seen_three_times() {
    if !may_run() {
        return;
    }
    let (summary, _dir, results) = probe(&["--dup", "1000"], &[]);
    assert!(check(&[], &results).0);
    assert_eq!(summary.repeated, 2 * summary.answered, "{summary:?}");
}

#[test]
fn the_first_packet_is_lost_and_the_second_is_answered() {
    if !may_run() {
        return;
    }
    let (once, _dir, _) = probe(&["--lose-first", "1000"], &[]);
    assert_eq!(once.answered, 0);
    let (twice, _dir, results) = probe(&["--lose-first", "1000"], &[("PROBER_ATTEMPTS", "2")]);
    // A hashed bitmap of 2^30 bits: two of these pairs rarely share a bit.
    assert!(twice.repeated <= 1, "{twice:?}");
    assert!(check(&[], &results).0);
}

#[test]
fn delayed_replies_come_at_their_time() {
    if !may_run() {
        return;
    }
    let (summary, _dir, results) =
        probe(&["--delay-us", "20000-400000", "--queues", "2", "--dup", "100"], &[]);
    assert!(check(&[], &results).0);
    assert_eq!(summary.early, 0, "{summary:?}");
    // How late they are is the machine's affair; that they are spread is the lab's.
    assert!(summary.rtt_min_us >= 20_000 && summary.rtt_max_us > 350_000, "{summary:?}");
}

#[test]
fn a_slow_receiver_takes_no_more_than_it_may() {
    if !may_run() {
        return;
    }
    let (summary, dir, _) = probe(
        &["--receiver-pps", "2000", "--open", "1000", "--closed", "0", "--icmp", "0"],
        &[("PROBER_RATE", "20000")],
    );
    drop(dir);
    let seconds = summary.sending_ms as f64 / 1000.0;
    let most = 2000.0 * (seconds + 0.05) + 64.0;
    assert!((summary.answered as f64) <= most, "{summary:?}");
    // More than the bucket holds, several times over: it was refilled while sending.
    assert!(summary.answered > 4 * 64, "{summary:?}");
}

#[test]
fn the_users_own_program_takes_the_far_end() {
    if !may_run() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let program = compile_pass(dir.path());
    let (_, _dir, results) = probe(&["--program", program.to_str().unwrap()], &[]);
    let told = std::fs::read_to_string(results).unwrap();
    // The kernel may say that it has no route, but speaks for nobody else.
    assert!(!told.contains("open") && !told.contains("closed"), "{told}");
    let output = lab(&["--program", "/nonexistent.o"], &["true"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_kernel_client_gets_its_syn_ack() {
    if !may_run() {
        return;
    }
    let connect = "exec 3<>/dev/tcp/198.18.0.1/80 && exec 3<>/dev/tcp/2001:2::1/80";
    let all_open = ["--open", "1000", "--closed", "0", "--icmp", "0"];
    assert_eq!(lab(&all_open, &["bash", "-c", connect]).status.code(), Some(0));
}

#[test]
fn the_commands_exit_code_is_the_labs() {
    if !may_run() {
        return;
    }
    assert_eq!(lab(&[], &["bash", "-c", "exit 7"]).status.code(), Some(7));
    assert_eq!(lab(&[], &["bash", "-c", "kill -TERM $$"]).status.code(), Some(143));
    assert_eq!(lab(&[], &["/nonexistent"]).status.code(), Some(127));
    assert_eq!(lab(&["--open", "900", "--closed", "200"], &["true"]).status.code(), Some(2));
}

#[test]
fn a_signal_reaches_the_command_once_and_its_end_is_awaited() {
    if !may_run() {
        return;
    }
    // Not SIGINT: a shell cannot trap what was ignored when the tests were started.
    let script = "trap 'echo got; n=1' TERM; echo up; for i in {1..100}; do sleep 0.05; \
                  [ \"${n:-}\" ] && exit 3; done; exit 4";
    let mut child = Command::new(BENCH)
        .args(["lab", "run", "--", "bash", "-c", script])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    told.read_line(&mut line).unwrap();
    assert_eq!(line, "up\n");
    prtip_bench::lab::processes::signal(child.id() as i32, libc::SIGTERM);
    let mut rest = String::new();
    told.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "got\n");
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

#[test]
fn nothing_is_left_after_sigkill_of_the_lab() {
    if !may_run() {
        return;
    }
    // A number that no other process has on its command line.
    let mark = format!("{}.{}", 1000 + std::process::id() % 1000, std::process::id());
    let script = format!("sleep {mark} & sleep {mark}");
    let mut child = Command::new(BENCH)
        .args(["lab", "run", "--", "bash", "-c", &script])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while sleepers(&mark) < 2 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(sleepers(&mark) >= 2, "the command did not start");
    child.kill().unwrap();
    child.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while sleepers(&mark) > 0 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(sleepers(&mark), 0);
}

/// Processes called `sleep MARK`.
fn sleepers(mark: &str) -> usize {
    let wanted = format!("sleep\0{mark}\0");
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(|entry| {
            std::fs::read(entry.path().join("cmdline")).is_ok_and(|line| line == wanted.as_bytes())
        })
        .count()
}
