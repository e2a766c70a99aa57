//! Help, version, completions and manual.
#![allow(clippy::unwrap_used)]

use std::process::{Command as Process, Stdio};

use assert_cmd::Command;
use assert_cmd::cargo::cargo_bin;

fn stdout(args: &[&str]) -> String {
    let output = Command::cargo_bin("prtip").unwrap().args(args).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{args:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn help_names_every_group_and_the_exit_codes() {
    for flag in ["--help", "-h"] {
        let help = stdout(&[flag]);
        for words in [
            "Targets:",
            "Ports:",
            "Pace:",
            "Way out:",
            "Results:",
            "-iL FILE",
            "-sS",
            "--source-ports",
            "--event-log",
            "completions",
            "man",
            "Exit codes: 0 done",
        ] {
            assert!(help.contains(words), "{flag} does not tell {words}");
        }
    }
}

#[test]
fn version_is_the_crates() {
    assert_eq!(stdout(&["--version"]), format!("prtip {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_manual_is_roff_with_every_visible_flag() {
    let manual = stdout(&["man"]);
    assert!(manual.contains(".TH prtip 1"));
    for flag in ["cooldown", "router\\-mac", "excludefile", "dry\\-run"] {
        assert!(manual.contains(flag), "{flag}");
    }
    assert!(!manual.contains("syn\\-scan"), "hidden flags stay hidden");
}

#[test]
fn completions_exist_for_every_shell_and_bash_accepts_its_own() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(stdout(&["completions", shell]).contains("max-targets"), "{shell}");
    }
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("prtip.bash");
    std::fs::write(&script, stdout(&["completions", "bash"])).unwrap();
    assert!(Process::new("bash").arg("-n").arg(&script).status().unwrap().success());
}

#[test]
fn words_into_a_closed_pipe_are_a_normal_end() {
    for word in ["--help", "man"] {
        let mut process = Process::new(cargo_bin!("prtip"))
            .arg(word)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(process.stdout.take());
        let output = process.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{word}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{word}");
    }
}

#[test]
fn no_colour_reaches_a_pipe() {
    for args in [&["--help"][..], &["--bogus"], &["--dry-run", "-p", "80", "198.18.0.1"]] {
        let output = Command::cargo_bin("prtip").unwrap().args(args).output().unwrap();
        assert!(!output.stdout.contains(&0x1b) && !output.stderr.contains(&0x1b), "{args:?}");
    }
}
