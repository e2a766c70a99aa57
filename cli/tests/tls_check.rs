//! `prtip tls check` from outside: the record, where the chain comes from, and what is
//! said of input that is none.
#![allow(clippy::unwrap_used)]

mod openssl;
use std::path::Path;
use std::process::Command as Process;

use assert_cmd::Command;
use serde_json::Value;

use openssl::openssl;

/// A root and a server's certificate for a.example and 192.0.2.1.
fn made() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(
        dir.path(),
        &format!("req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=Root -days 9"),
    );
    openssl(
        dir.path(),
        &format!(
            "req -x509 {key} -keyout s.key -out s.pem -subj /O=A\u{1b}[2J/CN=a.example -days 5 \
             -CA ca.pem -CAkey ca.key -addext basicConstraints=CA:FALSE \
             -addext subjectAltName=DNS:a.example,IP:192.0.2.1"
        ),
    );
    dir
}

fn check(dir: &Path, args: &[&str], input: &[u8]) -> (i32, String, String) {
    let output = Command::cargo_bin("prtip")
        .unwrap()
        .args(["tls", "check"])
        .args(args)
        .current_dir(dir)
        .write_stdin(input)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn record(dir: &Path, args: &[&str], input: &[u8]) -> Value {
    let (code, out, said) = check(dir, args, input);
    assert_eq!((code, said.as_str()), (0, ""), "{args:?}");
    assert!(out.is_ascii() && !out.contains('\u{1b}'), "{out}");
    assert_eq!(out.lines().count(), 1);
    serde_json::from_str(&out).unwrap()
}

#[test]
fn a_chain_is_read_from_a_file_or_from_standard_input() {
    let dir = made();
    let pem = std::fs::read(dir.path().join("s.pem")).unwrap();
    for (args, input) in [
        (&["--ca-file", "ca.pem", "--name", "a.example", "s.pem"][..], &b""[..]),
        (&["--ca-file", "ca.pem", "--name", "192.0.2.1", "-"], &pem),
        (&["--ca-file", "ca.pem"], &pem),
    ] {
        let record = record(dir.path(), args, input);
        assert_eq!(record["type"], "tls");
        assert_eq!(record["schema"], "prtip/1");
        assert_eq!(record["chain_status"], "valid", "{record}");
        assert_eq!(record["faults"], serde_json::json!([]));
        let server = &record["chain"][0];
        assert_eq!(server["subject"], "O=A\u{1b}[2J, CN=a.example");
        assert_eq!(server["issuer"], "CN=Root");
        assert_eq!(server["san"], serde_json::json!(["a.example", "192.0.2.1"]));
        assert_eq!(server["key"], "EC P-256");
        assert_eq!(server["signature"], "ecdsa-with-SHA256");
        // openssl's own words for the rest.
        let told = Process::new("openssl")
            .args(["x509", "-in", "s.pem", "-noout", "-fingerprint", "-sha256", "-serial"])
            .args(["-startdate", "-enddate", "-dateopt", "iso_8601"])
            .current_dir(dir.path())
            .output()
            .unwrap();
        let told = String::from_utf8(told.stdout).unwrap().replace(':', "").to_lowercase();
        let without = |field: &str| server[field].as_str().unwrap().replace(':', "").to_lowercase();
        assert!(told.contains(&without("sha256")), "{told} {server}");
        assert!(told.contains(&without("serial")), "{told} {server}");
        for date in ["not_before", "not_after"] {
            assert!(told.contains(&without(date).replace('t', " ")), "{told} {server}");
        }
    }
}

#[test]
fn faults_are_named_and_end_with_code_0() {
    let dir = made();
    for (args, status) in [
        (&["--ca-file", "ca.pem", "--name", "b.example", "s.pem"][..], "name_mismatch"),
        (&["--ca-file", "ca.pem", "--at", "2040-01-01T00:00:00Z", "s.pem"], "expired"),
        (&["--ca-file", "ca.pem", "--at", "2001-01-01T00:00:00+01:00", "s.pem"], "not_yet_valid"),
        (&["--ca-file", "s.pem", "ca.pem"], "self_signed"),
        // The system trusts this very certificate; see below.
        (&["s.pem"], "valid"),
        (&["ca.pem"], "self_signed"),
    ] {
        let mut command = Command::cargo_bin("prtip").unwrap();
        command.args(["tls", "check"]).args(args).current_dir(dir.path());
        command.env("SSL_CERT_FILE", dir.path().join("s.pem"));
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {output:?}");
        let record: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(record["chain_status"], status, "{record}");
        if status != "valid" {
            assert_eq!(record["faults"][0], status);
            assert_eq!(record["details"][0]["fault"], status);
        }
    }
}

#[test]
fn what_is_no_chain_is_a_usage_error_with_a_remedy() {
    let dir = made();
    std::fs::write(dir.path().join("torn.pem"), "-----BEGIN CERTIFICATE-----\nMII!\n").unwrap();
    for (args, words) in [
        (&["none.pem"][..], "none.pem cannot be read"),
        (&["s.key"], "no certificate in it"),
        (&["torn.pem"], "certificate 1 is no PEM"),
        (&["--ca-file", "none.pem", "s.pem"], "none.pem cannot be read"),
        (&["--ca-file", "s.key", "s.pem"], "s.key: no certificate in it"),
        (&["--name", "a b", "s.pem"], "neither a host name nor an address"),
        (&["--at", "yesterday", "s.pem"], "2026-11-26T02:30:00Z"),
        (&[], "empty"),
    ] {
        let (code, out, said) = check(dir.path(), args, b"");
        assert_eq!((code, out.as_str()), (2, ""), "{args:?}: {said}");
        assert!(said.contains(words), "{args:?}: {said}");
    }
    let mut command = Command::cargo_bin("prtip").unwrap();
    command.args(["tls", "check", "s.pem"]).current_dir(dir.path());
    command.env("SSL_CERT_FILE", dir.path().join("s.key")).env("SSL_CERT_DIR", "/var/empty");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("remedy: install the package ca-certificates"), "{said}");
}
