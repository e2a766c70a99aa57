//! Lists of a million lines, good and bad: read in bounded memory, and a fault is told by
//! its line. Dry runs: nothing is sent, no privileges are needed.
#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::process::{Command, Output};

use assert_cmd::cargo::cargo_bin;
use tempfile::TempDir;

/// Address space of a run in KiB: well below what the lists would take if they were kept.
const MEMORY_KIB: u32 = 200_000;

struct Lists(TempDir);

impl Lists {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Writes a list; returns its path.
    fn list(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

/// Runs a dry run with little memory.
fn dry_run(arguments: &str) -> Output {
    let script = format!("ulimit -v {MEMORY_KIB}; exec \"$0\" --dry-run --seed 1 {arguments}");
    Command::new("bash").args(["-c", &script]).arg(cargo_bin!("prtip")).output().unwrap()
}

fn refused(arguments: &str, says: &[&str]) -> String {
    let output = dry_run(arguments);
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments}: {words}");
    assert!(output.stdout.is_empty(), "{arguments}");
    for say in says {
        assert!(words.contains(say), "{arguments}: no {say:?} in {words}");
    }
    assert!(words.len() < 2000, "{} bytes of words", words.len());
    words
}

fn pairs(arguments: &str) -> u64 {
    let output = dry_run(&format!("{arguments} -p 80 --max-targets 1"));
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{arguments}: {words}");
    let (before, _) = words.split_once(" pairs").unwrap();
    before.rsplit(' ').next().unwrap().parse().unwrap()
}

fn lines(count: u32, line: impl Fn(u32, &mut String)) -> String {
    let mut text = String::new();
    for number in 0..count {
        line(number, &mut text);
    }
    text
}

#[test]
fn of_a_million_bad_lines_the_first_are_told_and_the_others_counted() {
    let lists = Lists::new();
    let bad = lists.list(
        "bad",
        lines(1_000_000, |n, text| writeln!(text, "300.{}.{}.1", n % 256, n / 256).unwrap()),
    );
    let says = ["line 1: bad target \"300.0.0.1\"", "line 5: ", "and 999995 more bad targets"];
    for flag in ["-iL", "198.18.0.1 --excludefile"] {
        let words = refused(&format!("-p 80 {flag} {bad}"), &says);
        assert!(!words.contains("line 6:"), "{words}");
    }
}

#[test]
fn one_bad_line_among_a_million_good_ones_is_told_by_its_number() {
    let lists = Lists::new();
    let mixed = lines(1_000_000, |n, text| {
        let last = if n == 777_776 { 256 } else { n % 256 };
        writeln!(text, "11.{}.{}.{last}", n >> 16, n >> 8 & 255).unwrap();
    });
    let path = lists.list("mixed", mixed);
    let words = refused(&format!("-p 80 -iL {path}"), &["line 777777: bad target"]);
    assert!(!words.contains("more bad"), "{words}");
}

#[test]
fn a_million_lines_that_repeat_and_overlap_count_every_address_once() {
    let lists = Lists::new();
    // Every third address of 3,000,000, each of half of them twice, and prefixes over a part.
    let single = |n: u32, text: &mut String| {
        let addr = std::net::Ipv4Addr::from((11 << 24) + n * 3);
        writeln!(text, "{addr}").unwrap();
    };
    let mut text = lines(1_000_000, single);
    text += &lines(500_000, single);
    text += &"11.0.0.0/16 11.0.128.0-11.1.63.255, 11.0.0-255.*\r\n".repeat(20_000);
    let path = lists.list("good", text);
    // 11.0.0.0 to 11.1.63.255 whole: 81,920; behind it every third address.
    let third = (81_920..3_000_000u64).filter(|n| n % 3 == 0).count() as u64;
    assert_eq!(pairs(&format!("-iL {path}")), 81_920 + third);
    // 40 lines of 65,536 ranges each, all the same.
    let path = lists.list("octets", "11.0-255.0-255.7\n".repeat(40));
    assert_eq!(pairs(&format!("-iL {path}")), 65_536);
    // The same list left out of its own addresses, and out of more.
    let whole = format!("11.0.0.0/8 --excludefile {path}");
    assert_eq!(pairs(&whole), (1 << 24) - 65_536);
    refused(
        &format!("-p 80 -iL {path} --excludefile {path}"),
        &["no address is left", "65536 excluded"],
    );
}

#[test]
fn exclusions_overlap_repeat_and_come_from_other_systems() {
    let lists = Lists::new();
    let mut bytes = b"\xef\xbb\xbf# networks that asked\r\n\r\n  198.18.0.0/25 # one\r\n".to_vec();
    bytes.extend(b"198.18.0.64-198.18.0.191,198.18.0.128\t198.18.0.0/26\r\n2001:2::/127\r\n");
    bytes.extend(b"# ");
    bytes.extend("long ".repeat(100_000).bytes());
    bytes.extend(b"\r\n198.18.0.255");
    let path = lists.list("never", bytes);
    let output = dry_run(&format!("-p 80 198.18.0.0/24 2001:2::/126 --excludefile {path}"));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut told: Vec<&str> = text.lines().collect();
    told.sort_unstable();
    let mut expected: Vec<String> = (192..255).map(|n| format!("198.18.0.{n} 80")).collect();
    expected.extend(["2001:2::2 80".to_owned(), "2001:2::3 80".to_owned()]);
    expected.sort_unstable();
    assert_eq!(told, expected);
    refused(
        &format!("-p 80 198.18.0.0/25 --excludefile {path}"),
        &["no address is left", "128 excluded"],
    );
}

#[test]
fn what_is_no_list_is_refused_by_its_first_line() {
    let lists = Lists::new();
    for (name, bytes, says) in [
        (
            "nul",
            b"198.18.0.1\n198.18.0\x00.2\n".to_vec(),
            "line 2: bad target \"198.18.0\\u{0}.2\"",
        ),
        ("utf8", b"198.18.0.1\n\n\xc3\x28\n".to_vec(), "line 3: bad target \"\\u{fffd}(\""),
        ("utf16", b"\xff\xfe1\x009\x008\x00\n\x00".to_vec(), "line 1: bad target"),
        (
            "gzip",
            b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\x33\xb4".to_vec(),
            "line 1: bad target",
        ),
        ("endless", vec![b'1'; 4 << 20], "line 1: bad target"),
        ("escape", b"\x1b]0;owned\x07\n".to_vec(), "\\u{1b}]0;owned\\u{7}"),
    ] {
        let path = lists.list(name, bytes);
        for line in [format!("-p 80 -iL {path}"), format!("-p 80 198.18.0.1 --excludefile {path}")]
        {
            let words = refused(&line, &[says]);
            assert!(!words.contains('\u{1b}'), "{words:?}");
        }
    }
    refused("-p 80 -iL /dev/zero", &["longer than 1 MiB"]);
    refused("-p 80 198.18.0.1 --excludefile /dev/zero", &["longer than 1 MiB"]);
    refused("-p 80 -iL /", &["read the list /", "directory"]);
}
