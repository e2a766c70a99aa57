//! Fingerprints as they are written by others, and as we write them.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

/// As nmap prints it, wrapped anywhere; the values are of a Linux that we asked.
const WRAPPED: &str = "\
TCP/IP fingerprint:
OS:SCAN(V=7.93%E=4%OT=80%CT=1%P=x86_64-pc-linux-gnu)SEQ(SP=104%GCD=1%ISR=10D
OS:%TI=Z%CI=Z%II=I%TS=22)OPS(O1=M5B4ST11NWA%O6=M5B4ST11)ECN(R=Y%DF=Y%T=40%W=
OS:FAF0%O=M5B4NNSNWA%CC=Y%Q=)T2(R=N)U1(R=Y%UN=0%RU
OS:D=G)
";

#[test]
fn what_nmap_wraps_is_put_together_again() {
    let fingerprint = Fingerprint::parse(WRAPPED.as_bytes()).unwrap();
    assert_eq!(fingerprint.conditions(), "V=7.93%E=4%OT=80%CT=1%P=x86_64-pc-linux-gnu");
    let get = |line, name| fingerprint.get(Test::named(line, name));
    assert_eq!(get("SEQ", "ISR"), Some("10D"));
    assert_eq!(get("ECN", "W"), Some("FAF0"));
    assert_eq!(get("ECN", "Q"), Some(""));
    assert_eq!(get("U1", "RUD"), Some("G"));
    assert_eq!(get("U1", "RID"), None);
    assert_eq!(
        fingerprint.to_string().lines().nth(1),
        Some("SEQ(SP=104%GCD=1%ISR=10D%TI=Z%CI=Z%II=I%TS=22)")
    );
}

#[test]
fn an_entry_copied_with_its_name_is_read_too() {
    let text =
        "# mine\r\nFingerprint A system\r\nClass A | B || C\r\nCPE cpe:/o:a:b auto\r\nIE(R=N)\r\n";
    let fingerprint = Fingerprint::parse(text.as_bytes()).unwrap();
    assert_eq!(fingerprint.to_string(), "IE(R=N)");
}

#[test]
fn faults_are_told_with_their_lines() {
    for (text, told) in [
        ("", "line 1: no test of a fingerprint"),
        ("IE(R=N", "line 1: \"IE\": no closing parenthesis"),
        ("hello", "line 1: \"hello\": no line of a fingerprint"),
        ("T2(R=N)\nT8(R=N)", "line 2: \"T8\": no line of a fingerprint"),
        ("T2(R=N)\nT2(R=N)", "line 2: a second \"T2\" line"),
        ("T2(R=N%R=N)", "line 1: T2.R has two values"),
        ("T2(R)", "line 1: T2: \"R\" has no ="),
        ("\n\nT2(SP=1)", "line 3: T2: \"SP=1\": no such test"),
        ("SEQ(SP=1-5)", "line 1: \"SP=1-5\": an expression"),
        ("SEQ(TI=I|RD)", "line 1: \"TI=I|RD\": an expression"),
        ("T2(R=N)\n\u{e9}(R=N)", "line 2: \"\\xc3\\xa9(R=N)\": no text"),
        ("T2(R=N)\nT3(R=\u{1b}[31m)", "line 2: \"T3(R=\\x1b[31m)\": no text"),
    ] {
        let faults = Fingerprint::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(faults.starts_with(told), "{told:?} in {faults:?}");
    }
    let long = format!("OPS(O1={})", "L".repeat(129));
    let told = Fingerprint::parse(long.as_bytes()).unwrap_err().to_string();
    assert_eq!(told, "line 1: OPS.O1: a value of 129 bytes");
    let endless = vec![b'('; LONGEST_TEXT + 1];
    assert!(Fingerprint::parse(&endless).unwrap_err().to_string().contains("longer"));
}

#[test]
fn of_many_faults_the_first_are_told_and_the_others_counted() {
    let text: String = (8..20).map(|n| format!("T{n}(R=N)\n")).collect();
    let faults = Fingerprint::parse(text.as_bytes()).unwrap_err();
    assert_eq!((faults.count(), faults.first_line()), (12, Some(1)));
    assert!(faults.to_string().ends_with("; and 7 more faults"), "{faults}");
}

#[test]
fn a_fingerprint_is_of_one_family() {
    let read = |text: &str| Fingerprint::parse(text.as_bytes());
    assert_eq!(read("T1(R=Y)").unwrap().family(), Family::V4);
    assert_eq!(read("OS:6T1(R=Y%FL=O)6PP(A\nOS:=P)").unwrap().family(), Family::V6);
    let why = read("T1(R=Y)\n6T1(R=Y)").unwrap_err().to_string();
    assert!(why.contains("two fingerprints"), "{why}");
    assert!(read("6T1(DF=Y)").is_err(), "IPv6 has no such bit");
}

#[test]
fn a_value_is_cut_rather_than_lost() {
    let mut fingerprint = Fingerprint::default();
    fingerprint.set(Test::named("OPS", "O1"), "L".repeat(1000));
    assert_eq!(fingerprint.get(Test::named("OPS", "O1")).map(str::len), Some(128));
    fingerprint.unset(Test::named("OPS", "O1"));
    assert!(fingerprint.is_empty());
}

prop_compose! {
    fn any_fingerprint()(
        family in prop::sample::select(vec![Family::V4, Family::V6]),
        values in prop::collection::vec((0..TEST_COUNT, "[A-Z0-9+]{0,12}"), 1..80),
        conditions in "([A-Z]=[a-z0-9.]{1,5}(%[A-Z]=[a-z0-9.]{1,5}){0,4})?",
    ) -> Fingerprint {
        let mut fingerprint = Fingerprint::default();
        for (at, value) in values {
            let of_family = || family.lines().flat_map(LineId::tests);
            let test = of_family().nth(at % of_family().count()).unwrap();
            fingerprint.set(test, value);
        }
        fingerprint.set_conditions(conditions);
        fingerprint
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_it_was(fingerprint in any_fingerprint(), width in 1_usize..90) {
        let text = fingerprint.to_string();
        prop_assert_eq!(&Fingerprint::parse(text.as_bytes()).unwrap(), &fingerprint);
        // Wrapped as nmap does it.
        let flat: Vec<char> = text.replace('\n', "").chars().collect();
        let wrapped: String =
            flat.chunks(width).map(|line| format!("OS:{}\n", String::from_iter(line))).collect();
        prop_assert_eq!(&Fingerprint::parse(wrapped.as_bytes()).unwrap(), &fingerprint);
    }

    #[test]
    fn any_bytes_are_read_or_refused_in_printable_words(bytes: Vec<u8>) {
        if let Err(faults) = Fingerprint::parse(&bytes) {
            let told = faults.to_string();
            prop_assert!(told.chars().all(|c| (' '..='~').contains(&c) || c == '…'), "{}", told);
        }
    }
}
