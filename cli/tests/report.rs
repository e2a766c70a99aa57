//! `prtip report` as a user calls it.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use assert_cmd::Command;

const LOG: &str = concat!(
    r#"{"schema":"prtip/1","type":"scan_started","ts":"2026-11-26T00:00:00.000000Z","args":["-p","80","198.18.0.1"],"seed":"7","targets":"1","shard":"1/1","plan":"00","port_engine":"xdp","xdp_mode":"copy","interface":"scan0","version":"0.1.0"}"#,
    "\n",
    r#"{"schema":"prtip/1","type":"port","ts":"2026-11-26T00:00:01.000000Z","ip":"198.18.0.1","port":80,"proto":"tcp","state":"open","reason":"syn-ack","ttl":64,"rtt_us":51}"#,
    "\n"
);

fn report(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::cargo_bin("prtip").unwrap();
    let output =
        command.current_dir(folder).arg("report").args(args).write_stdin(LOG).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_page_goes_to_standard_output_or_to_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("log"), LOG).unwrap();
    let (code, page, words) = report(folder.path(), &["log"]);
    assert_eq!((code, words.as_str()), (0, ""));
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("198.18.0.1"));
    assert_eq!(
        report(folder.path(), &["log", "-o", "page.html"]),
        (0, String::new(), String::new())
    );
    // But for the moment of writing it is the same page.
    let lines = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.contains("Written by")).map(str::to_owned).collect()
    };
    assert_eq!(lines(&fs::read_to_string(at("page.html")).unwrap()), lines(&page));
    let (code, page, _) = report(folder.path(), &["-", "--output", "-"]);
    assert_eq!(code, 0);
    assert!(page.contains("standard input") && page.contains("80/tcp"));
}

#[test]
fn what_is_torn_is_said_and_the_rest_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("log"), format!("{LOG}{{\"schema\":\"pr")).unwrap();
    let (code, page, words) = report(folder.path(), &["log"]);
    assert_eq!(code, 0);
    assert!(words.contains("its last 13 bytes are no whole line"), "{words}");
    assert!(page.contains("80/tcp") && page.contains("no whole line"));
}

#[test]
fn bad_logs_and_places_are_usage_errors() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("log"), LOG).unwrap();
    fs::write(at("other"), "hello\n").unwrap();
    fs::write(at("zstd"), [0x28, 0xb5, 0x2f, 0xfd, 0]).unwrap();
    for (args, why) in [
        (&[][..], "required"),
        (&["none"], "No such file"),
        (&["."], "folder"),
        (&["other"], "no record of prtip"),
        (&["log", "other"], "no record of prtip"),
        (&["zstd"], "no record of prtip"),
        (&["log", "-o", "log"], "event log"),
        (&["log", "-o", "none/page.html"], "No such file"),
        (&["log", "-p", "80"], "unexpected"),
    ] {
        let (code, page, words) = report(folder.path(), args);
        assert_eq!((code, page.as_str()), (2, ""), "{args:?}: {words}");
        assert!(words.contains(why), "{args:?}: {words}");
    }
    assert_eq!(fs::read_to_string(at("log")).unwrap(), LOG);
}
