//! Bad input, word for word: each row is a command line, what standard error
//! must say, and exit code 2. Nothing here needs privileges or sends a packet.
#![allow(clippy::unwrap_used)]

use std::io::Write;

use assert_cmd::Command;

fn prtip(line: &str) -> Command {
    let mut command = Command::cargo_bin("prtip").unwrap();
    command.args(line.split_whitespace()).env_remove("NO_COLOR");
    command
}

/// Asserts exit code 2, an empty standard output and `says` on standard error.
fn refuse(command: &mut Command, says: &str) {
    let output = command.output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{command:?}: {stderr}");
    assert!(stderr.contains(says), "{command:?} does not say {says:?}: {stderr}");
    assert!(output.stdout.is_empty(), "{command:?} writes results");
}

#[test]
fn bad_arguments_are_refused_with_a_word_and_code_2() {
    for (line, says) in [
        ("", "no targets"),
        ("-p 80", "no targets"),
        ("-p 80 -iL - --excludefile - 127.0.0.1", "only one of the lists"),
        ("-p 80 --rate -1 127.0.0.1", "a rate is a number"),
        ("-p 80 --cooldown -1 127.0.0.1", "seconds from 0"),
        ("-p 80 --retries -1 127.0.0.1", "0..=15"),
        ("-p 80 --seed -1 127.0.0.1", "a seed is a whole number"),
        ("-p 80 --seed x 127.0.0.1", "a seed is a whole number"),
        ("-sC 127.0.0.1", "not built yet"),
        ("-p 0 127.0.0.1", "port 0"),
        ("-p 70000 127.0.0.1", "ports are 1 to 65535"),
        ("-p 80-22 127.0.0.1", "ends before it starts"),
        ("-p x 127.0.0.1", "not a port"),
        ("-p U:53 127.0.0.1", "add -sU"),
        ("-p 80 -F 127.0.0.1", "cannot be used with"),
        ("--top-ports 0 127.0.0.1", "--top-ports"),
        ("127.0.0.256", "bad target \"127.0.0.256\""),
        ("127.0.0.0/33", "prefix length"),
        ("2001:db8::/129", "prefix length"),
        ("127.0.0.0/15", "need a choice of ports"),
        ("-p 80 0.0.0.0/0", "--whole-internet"),
        ("-p 1-65535 ::/0", "too large"),
        ("--exclude 127.0.0.0/24 127.0.0.7", "no address is left"),
        ("--max-targets 0 127.0.0.1", "--max-targets must be at least 1"),
        ("--allow-special 8.8.8.0/24 127.0.0.1", "no special-purpose address"),
        ("--rate 0 127.0.0.1", "a rate is a number"),
        ("--rate nan 127.0.0.1", "a rate is a number"),
        ("--rate Auto 127.0.0.1", "max or auto"),
        ("-T6 127.0.0.1", "from 0 to 5"),
        ("--cooldown nan 127.0.0.1", "seconds from 0 to 3600"),
        ("--retries 99 127.0.0.1", "--retries"),
        ("--shard 1/2 127.0.0.1", "--seed"),
        ("--seed 1 --shard 3/2 127.0.0.1", "a shard is I/N"),
        ("--seed 1 --shard 1/2 localhost", "host name"),
        ("--seed x 127.0.0.1", "--seed"),
        ("--port-engine live 127.0.0.1", "no Ethernet header"),
        ("--port-engine fast 127.0.0.1", "invalid value"),
        ("--port-engine packet --require-zerocopy 127.0.0.1", "for --port-engine xdp"),
        ("--xdp-mode copy --require-zerocopy 127.0.0.1", "contradicts"),
        ("--queues 0 127.0.0.1", "--queues"),
        ("--vlan 4095 127.0.0.1", "--vlan"),
        ("--router-mac 1:2 127.0.0.1", "six hexadecimal bytes"),
        ("--source-ports 9-1 127.0.0.1", "1 <= A <= B"),
        ("--show ajar 127.0.0.1", "invalid value"),
        ("-iL /nonexistent/list", "read the list /nonexistent/list"),
        ("--excludefile /nonexistent/list 127.0.0.1", "read the list"),
        ("--event-log /nonexistent/log 127.0.0.1", "open the event log"),
        ("--event-log / 127.0.0.1", "not a regular file"),
        ("-oX /nonexistent/x 127.0.0.1", "open \"/nonexistent/x\" for results"),
        ("-oN / 127.0.0.1", "it is no file that can be written"),
        ("-oA - 127.0.0.1", "three formats"),
        ("-oX - --json 127.0.0.1", "give the file a name"),
        ("-oX - --csv - 127.0.0.1", "given twice"),
        ("--csv a --ndjson ./a 127.0.0.1", "given twice"),
        ("--csv log --event-log log 127.0.0.1", "given twice"),
        ("--csv - --output-fields saddr,bogus 127.0.0.1", "the fields are"),
        ("--csv - --parquet - 127.0.0.1", "given twice"),
        ("--output-fields saddr 127.0.0.1", "--csv FILE and --parquet FILE"),
        ("--latency times.txt 127.0.0.1", "FILE.hgrm (percentiles) or FILE.hlog"),
        ("--latency t.hgrm --latency-by port 127.0.0.1", "whose lines have tags"),
        ("--latency-by port 127.0.0.1", "--latency FILE.hlog"),
        ("--metrics-anywhere 127.0.0.1", "--metrics"),
        ("--metrics nowhere 127.0.0.1", "--metrics"),
        ("-oX x --dry-run 127.0.0.1", "cannot be used with"),
        ("--frobnicate 127.0.0.1", "unexpected argument"),
        ("host.invalid", "look up the host name host.invalid"),
        ("--exclude host.invalid 127.0.0.1", "look up the host name"),
        ("completions tcl", "invalid value"),
    ] {
        refuse(&mut prtip(line), says);
    }
}

#[test]
fn an_idle_scan_is_refused_before_anything_is_sent() {
    for (line, says) in [
        ("-sI 198.18.0.9:x -p 80 198.18.0.1", "behind the colon is no port"),
        ("-sI 198.18.0.1 -p 80 198.18.0.1", "cannot be its own zombie"),
        ("-sI 198.18.0.9 -p 80 2001:2::1", "for IPv4"),
        ("-sI 198.18.0.9 -p 80 --port-engine xdp 198.18.0.1", "goes out by raw sockets"),
        ("-sI 198.18.0.9 -sU -p 80 198.18.0.1", "cannot be used with"),
        ("-sI 198.18.0.9 -O -p 80 198.18.0.1", "cannot be used with"),
        ("zombie 10.0.0.0/8", "more than 65536 hosts"),
        ("zombie 2001:2::1", "a zombie has an IPv4 address"),
    ] {
        refuse(&mut prtip(line), says);
    }
}

#[test]
fn flags_that_are_not_built_yet_are_told_from_typing_errors() {
    for flag in ["-sT", "-sO"] {
        refuse(&mut prtip(&format!("{flag} 127.0.0.1")), &format!("error: {flag} ("));
        refuse(&mut prtip(&format!("{flag} 127.0.0.1")), "is not built yet");
    }
}

#[test]
fn a_bad_list_line_is_named_by_file_and_number_and_its_text_is_escaped() {
    let mut list = tempfile::NamedTempFile::new().unwrap();
    list.write_all(b"127.0.0.1\n# comment\n\n127.0.0.2, 127.0.0.3\nbad\x1b[2Jline\n").unwrap();
    let path = list.path().display().to_string();
    let says = format!("{path}, line 5: bad target \"bad\\u{{1b}}[2Jline\"");
    refuse(&mut prtip(&format!("--dry-run -iL {path}")), &says);
    refuse(&mut prtip(&format!("--dry-run --excludefile {path} 127.0.0.9")), &says);
}

#[test]
fn a_list_of_raw_bytes_is_refused_by_line_on_standard_input() {
    refuse(
        prtip("--dry-run -iL -").write_stdin(&b"127.0.0.1\n\xff\xfe\x00\n"[..]),
        "standard input, line 2: bad target",
    );
}

#[test]
fn an_existing_log_or_key_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    std::fs::write(&log, "old\n").unwrap();
    let line = format!("--event-log {} 127.0.0.1", log.display());
    refuse(&mut prtip(&line), "results are never overwritten");
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "old\n");

    std::fs::remove_file(&log).unwrap();
    std::fs::write(folder.path().join("log.key"), "").unwrap();
    refuse(&mut prtip(&line), "the key of an earlier scan");
    assert!(!log.exists());
}

#[test]
fn a_list_of_dead_names_only_tells_each_of_them() {
    let mut command = prtip("-p 80 --dry-run -iL -");
    refuse(command.write_stdin("dead.invalid\n"), "left out: look up the host name dead.invalid");
}
