//! SIGKILL at any moment leaves no program, no process and no half-told record,
//! and the next scan starts.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::open_lab::{OpenLab, Side};
use crate::setting::{seed, sized, turn};
use crate::truth::TWO_QUEUES;

/// Numbers from a seed (SplitMix64).
pub(crate) fn draw(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut word = *state;
    word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

#[test]
fn sigkill_at_any_moment_leaves_nothing_behind() {
    let Some(_turn) = turn("kill") else { return };
    let lab = OpenLab::open(TWO_QUEUES, &[]);
    let folder = tempfile::tempdir().unwrap();
    let mut random = seed();
    let (mut lines, mut attached) = (0, 0);
    for round in 0..sized(10, 50) {
        let log = folder.path().join(format!("{round}.jsonl"));
        let engine = if round % 2 == 0 { "xdp" } else { "live" };
        let mut scan = lab
            .prtip("-sS -p 1-64 198.18.0.0/17 --rate 50000 --show open,closed --port-engine")
            .arg(engine)
            .arg("--event-log")
            .arg(&log)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let after = Duration::from_millis(draw(&mut random) % 1200);
        std::thread::sleep(after);
        attached += u32::from(has_program(&lab));
        assert!(scan.try_wait().unwrap().is_none(), "round {round} ended by itself");
        scan.kill().unwrap();
        scan.wait().unwrap();
        assert!(falls_silent(&lab), "round {round}, {engine}: something sends on");

        let deadline = Instant::now() + Duration::from_secs(3);
        while has_program(&lab) {
            assert!(Instant::now() < deadline, "round {round}: a program is left on scan0");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(scanners_in(&lab), 0, "round {round}: a process is left");
        lines += whole_lines(&log);
        next_start_works(&lab, round);
    }
    println!("{lines} whole lines, {attached} kills with the program attached");
    assert!(attached > 0, "no kill found the program attached");
    assert!(lines > 100, "the logs hold only {lines} lines");
    lab.close();
}

/// Whether 20 ms, in which the scan would send a thousand probes, pass without a frame before
/// long: what is on its way when a scan dies still arrives, and the kernel, to which late
/// replies come once the program is gone, resets those connections.
fn falls_silent(lab: &OpenLab) -> bool {
    let deadline = Instant::now() + Duration::from_secs(2);
    let mut sent = frames_sent(lab);
    while Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
        let now = frames_sent(lab);
        if now == sent {
            return true;
        }
        sent = now;
    }
    false
}

fn has_program(lab: &OpenLab) -> bool {
    let told = lab.output(Side::Scan, "ip -details link show dev scan0");
    told.contains("xdp")
}

/// What has come to the far end.
pub(crate) fn frames_sent(lab: &OpenLab) -> u64 {
    let table = lab.output(Side::Far, "cat /proc/thread-self/net/dev");
    let line = table.lines().find_map(|line| line.trim_start().strip_prefix("lab0:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Processes called prtip in the scanner's namespace.
fn scanners_in(lab: &OpenLab) -> usize {
    let namespace = lab.output(Side::Scan, "readlink /proc/self/ns/net");
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter(|entry| {
            let at = entry.path();
            fs::read_to_string(at.join("comm")).is_ok_and(|name| name.trim() == "prtip")
                && fs::read_link(at.join("ns/net"))
                    .is_ok_and(|link| link.to_str() == Some(namespace.trim()))
        })
        .count()
}

/// Counts the complete lines of a log; each is a record, and the key is secret.
fn whole_lines(log: &Path) -> usize {
    let bytes = fs::read(log).unwrap_or_default();
    let mut lines = 0;
    for line in bytes.split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n")) {
        let record: Value = serde_json::from_slice(line)
            .unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(line)));
        assert_eq!(record["schema"], "prtip/1");
        lines += 1;
    }
    let key = log.with_extension("jsonl.key");
    match key.metadata() {
        Ok(key) => assert_eq!(key.permissions().mode() & 0o777, 0o600),
        Err(_) => assert_eq!(lines, 0, "records without a key beside them"),
    }
    lines
}

fn next_start_works(lab: &OpenLab, round: u32) {
    let output = lab
        .prtip("-sS -p 1-64 198.18.0.0/29 --port-engine xdp --rate 20000 --retries 0 --json")
        .args(["--cooldown", "0.2"])
        .output()
        .unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "round {round}: {words}");
    let found = String::from_utf8(output.stdout).unwrap();
    let open = found.lines().filter(|line| line.contains("\"state\":\"open\"")).count();
    // 512 pairs, a tenth of them open.
    assert!(open > 20, "round {round}: only {open} open ports");
}
