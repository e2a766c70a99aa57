//! The event log as a user chooses it: how often it is made durable, in how many files,
//! compressed or not, and where the kernel refuses io_uring.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::lab::{Ended, Lab, words};
use crate::release::binary;
use crate::setting::turn;

const LAB: Lab = Lab { rules: "--seed 43 --open 200 --closed 300 --icmp 20", link: "--queues 1" };
const ASKED: &str = "--targets 198.18.0.0/23 --ports 1-32";
const SCAN: &str = "-sS -p 1-32 198.18.0.0/23 --port-engine xdp --rate 20000 --cooldown 0.5 \
                    --seed 5 --show open,closed -v --event-log";

/// A scan with a log, in a process that `before` starts.
fn scan(before: &[&str], log: &Path, flags: &str) -> Ended {
    let mut command: Vec<OsString> = before.iter().map(OsString::from).collect();
    command.push(binary("prtip").into());
    command.extend(words(SCAN).map(OsString::from));
    command.push(log.into());
    command.extend(words(flags).map(OsString::from));
    LAB.run(&command, &[])
}

/// All files of the log in one, by other people's programs.
pub(crate) fn joined(log: &Path) -> std::path::PathBuf {
    let all = log.with_extension("all");
    let script = "shopt -s nullglob; for f in \"$0\".0* \"$0\"; do case $f in *.gz) zcat \"$f\";; \
                  *.zst) zstd -dcq \"$f\";; *) cat \"$f\";; esac || exit 1; done > \"$1\"";
    let status = Command::new("bash").arg("-c").arg(script).arg(log).arg(&all).status().unwrap();
    assert!(status.success());
    all
}

/// CRC-32C of every line so far, as README says, by a reader that is not ours.
const CHECK: &str = r#"
import sys
table = []
for n in range(256):
    for _ in range(8):
        n = n >> 1 ^ (n & 1) * 0x82f63b78
    table.append(n)
crc, lines = 0, 0
for line in open(sys.argv[1], "rb"):
    body, _, rest = line.rpartition(b',"crc":"')
    crc ^= 0xffffffff
    for byte in body:
        crc = crc >> 8 ^ table[(crc ^ byte) & 255]
    crc ^= 0xffffffff
    if rest != b'%08x"}\n' % crc:
        sys.exit(f"line {lines + 1}: {rest} and not {crc:08x}")
    lines += 1
print(lines)
"#;

fn checked_lines(log: &Path) -> Result<usize, String> {
    let output = Command::new("python3").arg("-c").arg(CHECK).arg(log).output().unwrap();
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()),
        false => Err(String::from_utf8(output.stderr).unwrap()),
    }
}

#[test]
fn a_rotated_and_compressed_log_tells_everything_and_its_checksums_are_those_of_the_book() {
    let Some(_turn) = turn("log files") else { return };
    for (flags, ending) in [
        ("--log-rotate 200k --log-compress gzip --log-sync always", ".gz"),
        ("--log-rotate 200k,1s --log-compress zstd", ".zst"),
        ("--log-rotate 200k --log-sync never", ""),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log.jsonl");
        let ended = scan(&[], &log, flags);
        assert_eq!(ended.code, Some(0), "{}", ended.words);
        let said = ended.words.lines().find(|line| line.contains("event log: ")).unwrap();
        println!("{flags}: {said}");
        assert_eq!(said.contains(" 0 syncs, none of it"), flags.contains("never"), "{said}");
        assert_eq!(said.contains("all of it known"), !flags.contains("never"), "{said}");
        let full = fs::read_dir(folder.path()).unwrap().flatten();
        let full = full.filter(|entry| entry.file_name().to_string_lossy().contains(".jsonl.0"));
        let full: Vec<_> = full.map(|entry| entry.path()).collect();
        assert!(full.len() >= 3, "{full:?}");
        assert!(full.iter().all(|path| path.to_string_lossy().ends_with(ending)), "{full:?}");
        let all = joined(&log);
        let verdict = LAB.check(ASKED, &all);
        assert_eq!(verdict.code, Some(0), "{verdict:?}");
        let text = fs::read_to_string(&all).unwrap();
        assert_eq!(checked_lines(&all), Ok(text.lines().count()));
        let parts = text.lines().filter(|line| line.contains("\"type\":\"log_part\""));
        let parts: Vec<Value> = parts.map(|line| serde_json::from_str(line).unwrap()).collect();
        let numbers: Vec<u64> = parts.iter().map(|part| part["part"].as_u64().unwrap()).collect();
        assert_eq!(numbers, (2..=full.len() as u64 + 1).collect::<Vec<_>>());
        // It is found to be at its end, in whatever form.
        let mut again = vec![binary("prtip").into_os_string(), "--resume".into()];
        again.push(log.clone().into());
        let again = LAB.run(&again, &[]);
        assert_eq!(again.code, Some(0));
        assert!(again.words.contains("nothing is left to do"), "{}", again.words);
        // The control: a digit changed on the way is found.
        fs::write(&all, text.replacen("\"port\":1", "\"port\":2", 1)).unwrap();
        assert!(checked_lines(&all).is_err());
    }
}

/// Starts a program as where io_uring is refused.
const WITHOUT_IO_URING: &str = include_str!("../../../cli/tests/without_io_uring.py");

#[test]
fn where_io_uring_is_refused_a_thread_writes_the_same_log_and_says_so() {
    let Some(_turn) = turn("no io_uring") else { return };
    let refused = "io_uring is refused here (Operation not permitted (os error 1)); \
                   the event log is written by a thread";
    for (before, says) in [(&["python3", "-c", WITHOUT_IO_URING][..], true), (&[], false)] {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log.jsonl");
        let ended = scan(before, &log, "--log-sync always");
        assert_eq!(ended.code, Some(0), "{}", ended.words);
        assert_eq!(ended.words.contains(refused), says, "{}", ended.words);
        let verdict = LAB.check(ASKED, &log);
        assert_eq!(verdict.code, Some(0), "{verdict:?}");
        assert!(checked_lines(&log).is_ok());
    }
}
