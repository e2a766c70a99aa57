//! `prtip os match`: a fingerprint on standard input, an `os` record on standard output; and
//! `-O` on 127.0.0.1 in a network namespace of its own.
#![allow(clippy::unwrap_used)]

mod namespace;

use assert_cmd::Command;
use serde_json::Value;

use namespace::in_a_namespace;

/// A Linux that was asked in a namespace, as another program printed it.
const LINUX: &str = "\
OS:SCAN(V=7.93%E=4%OT=80%CT=1)SEQ(SP=104%GCD=1%ISR=10D%TI=Z%CI=Z%II=I%TS=22)
OS:OPS(O1=M5B4ST11NWA%O2=M5B4ST11NWA%O3=M5B4NNT11NWA%O4=M5B4ST11NWA%O5=M5B4S
OS:T11NWA%O6=M5B4ST11)WIN(W1=FE88%W2=FE88%W3=FE88%W4=FE88%W5=FE88%W6=FE88)EC
OS:N(R=Y%DF=Y%T=40%W=FAF0%O=M5B4NNSNWA%CC=Y%Q=)T1(R=Y%DF=Y%T=40%S=O%A=S+%F=A
OS:S%RD=0%Q=)T2(R=N)T3(R=N)
";

fn os_match(args: &[&str], input: &str) -> (Option<i32>, Value, String) {
    let mut command = Command::cargo_bin("prtip").unwrap();
    let output = command.args(["os", "match"]).args(args).write_stdin(input).output().unwrap();
    let record = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code(), record, String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_fingerprint_is_told_by_our_own_systems() {
    let (code, record, errors) = os_match(&[], LINUX);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    assert_eq!((&record["type"], &record["schema"]), (&"os".into(), &"prtip/1".into()));
    assert!(record["ip"].is_null());
    let best = &record["matches"][0];
    assert_eq!((&best["name"], &best["accuracy"]), (&"Linux 6.18".into(), &100.0.into()));
    assert_eq!(best["cpe"][0], "cpe:/o:linux:linux_kernel:6.18");
    assert_eq!(best["classes"][0]["family"], "Linux");
    assert_eq!(best["differs"], Value::Array(Vec::new()));
    assert_eq!(record["matches"][1]["differs"][0], "ECN.CC");
    let told = record["fingerprint"].as_str().unwrap();
    assert!(told.starts_with("SCAN(V=7.93%E=4%OT=80%CT=1)\nSEQ(SP=104%GCD=1"), "{told}");
    // What was told is read again and tells the same.
    assert_eq!(os_match(&[], told).1["matches"], record["matches"]);
}

#[test]
fn a_users_database_takes_the_place_of_ours() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("systems");
    let name = file.to_str().unwrap();
    let text = "MatchPoints\nSEQ(TI=60)\nT2(R=40)\nIE(R=10)\n\n\
                Fingerprint Mine\nClass Me | Mine || toy\nCPE cpe:/h:me:mine auto\nSEQ(TI=I)\nT2(R=N)\n";
    std::fs::write(&file, text).unwrap();
    let (code, record, errors) = os_match(&["--os-db", name], "SEQ(TI=I)T2(R=N)");
    assert_eq!(code, Some(0), "{errors}");
    assert!(errors.contains("on line 6, has no OPS"), "the end may be missing: {errors}");
    let [only] = record["matches"].as_array().unwrap().as_slice() else { panic!("{record}") };
    assert_eq!((&only["name"], &only["line"]), (&"Mine".into(), &6.into()));
    assert_eq!((&only["points"], &only["possible"]), (&100.into(), &100.into()));

    // Nothing agrees well enough; nothing but a guess does.
    let poor = "SEQ(TI=Z)T2(R=N)";
    let (code, record, _) = os_match(&["--os-db", name], poor);
    assert_eq!((code, &record["matches"]), (Some(0), &Value::Array(Vec::new())));
    let (_, record, _) = os_match(&["--os-db", name, "--osscan-guess"], poor);
    assert_eq!(record["matches"][0]["accuracy"], 40.0);

    for (from, to, told) in [
        ("T2(R=N)", "T2(R=N", "systems, line 10: T2: no closing parenthesis"),
        ("TI=60", "TI=x", "systems, line 2: SEQ.TI: \"x\": points are 0 to 474"),
        ("Class Me | Mine", "Klass Me", "line 7: \"Klass Me || toy\": not a line"),
    ] {
        std::fs::write(&file, text.replace(from, to)).unwrap();
        let (code, record, errors) = os_match(&["--os-db", name], LINUX);
        assert_eq!((code, &record), (Some(2), &Value::Null), "{errors}");
        assert!(errors.contains(told), "{told:?} in {errors:?}");
    }
    assert_eq!(os_match(&["--os-db", "/does/not/exist"], LINUX).0, Some(2));
    assert_eq!(os_match(&["--os-db", dir.path().to_str().unwrap()], LINUX).0, Some(2));
}

#[test]
fn what_is_no_fingerprint_is_refused_with_its_line() {
    for (input, told) in [
        ("", "standard input, line 1: no test of a fingerprint"),
        ("T2(R=N)\nT9(R=N)\n", "standard input, line 2: \"T9\": no line of a fingerprint"),
        ("SEQ(SP=5-7)", "an expression; a fingerprint has one value a test"),
    ] {
        let (code, record, errors) = os_match(&[], input);
        assert_eq!((code, &record), (Some(2), &Value::Null));
        assert!(errors.contains(told), "{told:?} in {errors:?}");
    }
}

#[test]
fn a_host_is_asked_and_told_on_loopback() {
    in_a_namespace("asked");
}

#[test]
fn a_host_is_asked_by_ipv6_and_told_with_its_own_confidence() {
    in_a_namespace("asked_by_ipv6");
}

#[test]
fn a_fingerprint_of_ipv6_is_compared_with_what_is_known_by_ipv6() {
    // Values of a Linux 6.18 that was asked in a namespace; half of its answers.
    let half = "6ECN(R=Y%T=40%TC=0%FL=O%W=FD20%O=M5A0NNSNWA%CC=Y%Q=)6IE(R=Y%T=40%TC=S%FL=O%CD=S)\n\
                6PP(R=Y%A=P%T=40%TC=0%FL=O%IPL=D6%CD=2%PT=2A)6T2(R=N)6T3(R=N)";
    let (code, record, _) = os_match(&[], half);
    assert_eq!((code, &record["family"]), (Some(0), &"ipv6".into()));
    assert!(record["compared"].as_u64().unwrap() >= 10, "{record}");
    let best = &record["matches"][0];
    assert_eq!((&best["name"], &best["accuracy"]), (&"Linux 6.18".into(), &100.0.into()));
    let confidence = best["confidence"].as_f64().unwrap();
    assert!((25.0..55.0).contains(&confidence), "not all answers are there: {best}");
    // The control: labels that are reflected are another configuration's.
    let other = half.replace("FL=O", "FL=S");
    let best = os_match(&[], &other).1["matches"][0]["name"].clone();
    assert_eq!(best, "Linux 6.18, with flow labels reflected");

    // A database that tells nothing of IPv6 has nothing to compare with, and that is said.
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("systems");
    std::fs::write(&file, "MatchPoints\nT2(R=40)\n\nFingerprint Mine\nT2(R=N)\n").unwrap();
    let args = ["--osscan-guess", "--os-db", file.to_str().unwrap()];
    let (code, record, _) = os_match(&args, half);
    assert_eq!((code, &record["compared"]), (Some(0), &0.into()));
    assert_eq!(record["matches"], Value::Array(Vec::new()));
    let (code, record, errors) = os_match(&[], &format!("{half}T2(R=N)"));
    assert_eq!((code, &record), (Some(2), &Value::Null));
    assert!(errors.contains("of IPv4 and of IPv6: two fingerprints"), "{errors}");
}

#[test]
fn flags_that_only_detection_has_are_refused_without_it() {
    for (args, told) in [
        (&["--os-db", "x", "127.0.0.1"][..], "are for -O"),
        (&["--osscan-guess", "127.0.0.1"], "are for -O"),
        (&["--osscan-limit", "127.0.0.1"], "--os-scan"),
        (&["-O", "-sn", "127.0.0.1"], "cannot be used with"),
        (&["-A", "-sn", "127.0.0.1"], "cannot be used with"),
        (&["-O", "-sU", "-p", "53", "127.0.0.1"], "add -sS"),
        (&["-O", "--os-db", "/does/not/exist", "-p", "80", "127.0.0.1"], "/does/not/exist"),
    ] {
        let output = Command::cargo_bin("prtip").unwrap().args(args).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {errors}");
        assert!(errors.contains(told), "{told:?} in {errors:?}");
        assert!(output.stdout.is_empty());
    }
}

mod inside {
    use super::*;

    fn scan(args: &[&str]) -> (Vec<Value>, String) {
        let mut command = Command::cargo_bin("prtip").unwrap();
        let output = command.args(args).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{errors}");
        let lines = output.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        let records = lines.map(|line| serde_json::from_slice(line).unwrap_or(Value::Null));
        (records.collect(), errors)
    }

    fn system(records: &[Value]) -> &Value {
        let mut found = records.iter().filter(|record| record["type"] == "os");
        let system = found.next().unwrap_or_else(|| panic!("{records:?}"));
        assert!(found.next().is_none(), "one record a host");
        system
    }

    #[test]
    #[ignore = "runs inside a namespace"]
    fn asked() {
        let listener = std::net::TcpListener::bind("0.0.0.0:80").unwrap();
        let args = ["-O", "-p", "80,81", "127.0.0.1", "127.0.0.2", "--json", "--osscan-guess"];
        let (records, errors) = scan(&[&args[..3], &["127.0.0.1"], &args[5..]].concat());
        let os = system(&records);
        assert_eq!(os["ip"], "127.0.0.1");
        // This kernel is one that our database has, or a neighbour of it.
        assert_eq!(os["matches"][0]["classes"][0]["family"], "Linux");
        assert_eq!((&os["routers"], &os["doubts"]), (&0.into(), &Value::Null), "{os}");
        let told = os["fingerprint"].as_str().unwrap();
        assert!(told.contains("OT=80%CT=81%"), "the ports that the scan has found: {told}");
        for line in ["ECN(R=Y", "T2(R=", "T5(R=Y", "T7(R=", "U1(R=Y", "IE(R=Y", "%F=AS%"] {
            assert!(told.contains(line), "{line} in {told}");
        }
        assert!(!told.contains("TS=U"), "{told}");
        assert!(errors.contains("systems: 1 of 1 hosts"), "{errors}");

        // The control: a setting of the kernel shows in the fingerprint. Two hosts at once.
        std::fs::write("/proc/sys/net/ipv4/tcp_timestamps", "0").unwrap();
        let (records, _) = scan(&args);
        let systems: Vec<&Value> = records.iter().filter(|record| record["type"] == "os").collect();
        assert_eq!(systems.len(), 2);
        for os in systems {
            let told = os["fingerprint"].as_str().unwrap();
            assert!(told.contains("TS=U)") && !told.contains("ST11"), "{told}");
        }

        // Nothing is open: nobody is asked.
        drop(listener);
        let (records, errors) = scan(&args);
        assert!(records.iter().all(|record| record["type"] != "os"));
        assert!(errors.contains("systems: 0 of 0 hosts"), "{errors}");
    }

    #[test]
    #[ignore = "runs inside a namespace"]
    fn asked_by_ipv6() {
        let _listener = std::net::TcpListener::bind("[::]:80").unwrap();
        let args = ["-O", "-p", "80,81", "::1", "--cooldown", "0.2", "--osscan-guess"];
        let json = [&args[..], &["--json"]].concat();
        let (records, errors) = scan(&json);
        let os = system(&records);
        assert_eq!((&os["ip"], &os["family"]), (&"::1".into(), &"ipv6".into()));
        // This kernel is one that our database has, or a neighbour of it.
        let best = &os["matches"][0];
        assert_eq!(best["classes"][0]["family"], "Linux");
        assert!(best["confidence"].as_f64().unwrap() > 80.0, "{best}");
        assert_eq!((&os["routers"], &os["doubts"]), (&0.into(), &Value::Null), "{os}");
        assert_eq!(os["ports_used"].as_array().unwrap().len(), 3, "{os}");
        let told = os["fingerprint"].as_str().unwrap();
        assert!(told.contains("E=6%OT=80%CT=81%"), "{told}");
        for line in
            ["6ECN(R=Y", "6T2(R=", "6T5(R=Y", "6T7(R=Y", "6U1(R=Y", "6IE(R=Y", "6PP(R=Y%A=P%"]
        {
            assert!(told.contains(line), "{line} in {told}");
        }
        assert!(told.contains("6T5(R=Y%T=40%TC=0%FL=O%"), "a label of its own: {told}");
        assert!(errors.contains("systems: 1 of 1 hosts"), "{errors}");

        // The control: another setting of the kernel. And nothing to compare with.
        std::fs::write("/proc/sys/net/ipv6/flowlabel_reflect", "7").unwrap();
        let (records, _) = scan(&json);
        let told = system(&records)["fingerprint"].as_str().unwrap().to_owned();
        assert!(told.contains("6T5(R=Y%T=40%TC=0%FL=S%"), "ours: {told}");
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("systems");
        std::fs::write(&file, "MatchPoints\nT2(R=40)\n\nFingerprint Mine\nT2(R=N)\n").unwrap();
        let mut command = Command::cargo_bin("prtip").unwrap();
        let output = command.args(args).arg("--os-db").arg(&file).output().unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(told.contains("the database tells of no system how it answers by ipv6"), "{told}");
    }
}
