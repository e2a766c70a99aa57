//! `prtip signatures`: the offline half of service detection.
#![allow(clippy::unwrap_used)]

use assert_cmd::Command;
use serde_json::Value;

fn signatures(args: &[&str], input: &[u8]) -> (Option<i32>, Vec<Value>, String) {
    let output = Command::cargo_bin("prtip")
        .unwrap()
        .arg("signatures")
        .args(args)
        .write_stdin(input)
        .output()
        .unwrap();
    let lines = output.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let objects = lines.map(|line| serde_json::from_slice(line).unwrap_or(Value::Null)).collect();
    (output.status.code(), objects, String::from_utf8(output.stderr).unwrap())
}

#[test]
fn the_shipped_database_passes_its_own_check() {
    let (code, _, errors) = signatures(&["check"], b"");
    assert_eq!((code, &*errors), (Some(0), ""));
}

#[test]
fn a_broken_rule_is_found_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x.sig");
    let good = "probe NULL tcp\nsection s\nanswers NULL\nservice s\nrule r\nmatch ^hello (?<version>\\d+)\n\
                example \"hello 1\"\nfrom us\nis version 1\nnear \"hello x\"\n";
    for (text, told) in [
        (good.to_owned(), None),
        (good.replace("is version 1", "is version 2"), Some("x.sig:7: version is \"1\"")),
        (good.replace("hello x", "hello 2"), Some("x.sig:10: a near miss")),
        (good.replace("hello 1", "hullo 1"), Some("x.sig:7: nothing matches it")),
        (good.replace("from us\n", ""), Some("x.sig:7: from:")),
        (good.replace("is version 1\n", ""), Some("x.sig:5: no example states its version")),
        (good.replace("^hello (?<version>\\d+)", "^(?<version>.*)o \\d"), Some("one pass")),
        (good.replace("answers NULL", "answers Null Other"), Some("x.sig:2: no probe Other")),
        (good.replace("near", "neat"), Some("x.sig:10: \"neat\"")),
    ] {
        std::fs::write(&file, text).unwrap();
        let (code, _, errors) = signatures(&["check", file.to_str().unwrap()], b"");
        assert_eq!(code, Some(i32::from(told.is_some())), "{errors}");
        assert!(errors.contains(told.unwrap_or_default()), "{told:?} in {errors}");
    }
}

#[test]
fn answers_are_told_one_a_line_or_as_a_whole() {
    let (code, told, _) = signatures(&["match"], b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n");
    assert_eq!((code, told.len()), (Some(0), 1));
    assert_eq!((&told[0]["product"], &told[0]["version"]), (&"OpenSSH".into(), &"9.2p1".into()));
    assert_eq!(told[0]["cpe"][0], "cpe:/a:openbsd:openssh:9.2p1");

    // "SSH-2.0-x", nothing that is known, nginx under the probe that draws it, an empty banner.
    let nginx = "SFRUUC8xLjEgMjAwIE9LDQpTZXJ2ZXI6IG5naW54DQoNCg==";
    let lines = format!("U1NILTIuMC14\n//79\r\n{nginx}\tgetrequest\n\n{nginx}\tNULL\n");
    let (code, told, _) = signatures(&["match", "--lines"], lines.as_bytes());
    assert_eq!(code, Some(0));
    let services: Vec<_> = told.iter().map(|object| object["service"].clone()).collect();
    assert_eq!(services[..4], ["ssh".into(), Value::Null, "http".into(), Value::Null]);
    assert!(told[1]["rule"].is_null() && told[1]["cpe"].is_null());
}

#[test]
fn bad_input_is_told_by_its_line() {
    for (input, told) in [("AAAA\n!\n", "line 2: base64"), ("AAAA\tnone\n", "line 1: no probe")] {
        let (code, _, errors) = signatures(&["match", "--lines"], input.as_bytes());
        assert_eq!(code, Some(2), "{errors}");
        assert!(errors.contains(told), "{errors}");
    }
    assert_eq!(signatures(&["match", "--probe", "none"], b"").0, Some(2));
    assert_eq!(signatures(&["check", "/does/not/exist.sig"], b"").0, Some(2));
}
