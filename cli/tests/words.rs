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
            "-oN -oX -oG FILE",
            "--output-fields",
            "--latency",
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
    assert!(!manual.contains("no\\-discovery"), "hidden flags stay hidden");
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
fn words_that_cannot_be_written_are_a_failure() {
    for word in ["--help", "--version", "man"] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let status = Process::new(cargo_bin!("prtip"))
            .arg(word)
            .stdout(full)
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(1), "{word}");
    }
}

#[test]
fn no_colour_reaches_a_pipe() {
    for args in [&["--help"][..], &["--bogus"], &["--dry-run", "-p", "80", "198.18.0.1"]] {
        let output = Command::cargo_bin("prtip").unwrap().args(args).output().unwrap();
        assert!(!output.stdout.contains(&0x1b) && !output.stderr.contains(&0x1b), "{args:?}");
    }
}

#[test]
fn doctor_tells_every_engine_for_people_and_as_json() {
    let text = stdout(&["doctor", "-e", "lo"]);
    let json: serde_json::Value =
        serde_json::from_str(&stdout(&["doctor", "-e", "lo", "--json"])).unwrap();
    let engines = json["engines"].as_array().unwrap();
    assert!(engines.len() >= 3, "{json}");
    for engine in engines {
        let name = engine["name"].as_str().unwrap();
        assert!(text.contains(name), "{name} is missing: {text}");
        assert!(["yes", "no", "unknown"].contains(&engine["verdict"].as_str().unwrap()));
    }
    assert!(json["kernel"].as_str().is_some_and(|kernel| text.contains(kernel)));
}

#[test]
fn doctor_of_an_unknown_interface_tells_the_rest_and_ends_with_code_2() {
    let output = Command::cargo_bin("prtip")
        .unwrap()
        .args(["doctor", "-e", "nosuch0", "--json"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("nosuch0"));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(json["privileges"].is_array());
}
