//! Real scans of 127.0.0.1 in a network namespace of their own, where the
//! kernel's list of listeners is the truth.
//!
//! Every test starts this binary again inside a fresh namespace for the ignored
//! test of the same name; nothing leaves that namespace.
#![allow(clippy::unwrap_used)]

mod namespace;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;

use namespace::in_a_namespace;

#[test]
fn the_table_lists_exactly_the_listeners() {
    in_a_namespace("table");
}

#[test]
fn json_and_log_hold_the_same_records_from_start_to_end() {
    in_a_namespace("json_and_log");
}

#[test]
fn a_reader_that_leaves_ends_the_scan_well() {
    in_a_namespace("closed_pipe");
}

#[test]
fn a_scan_that_could_send_nothing_has_failed() {
    in_a_namespace("refused");
}

#[test]
fn ctrl_c_drains_and_writes_everything() {
    in_a_namespace("interrupted");
}

#[test]
fn a_killed_scan_leaves_a_log_of_whole_lines() {
    in_a_namespace("killed");
}

#[test]
fn colours_appear_on_a_terminal_unless_no_color_is_set() {
    in_a_namespace("colours");
}

#[test]
fn a_log_that_cannot_be_written_is_told_twice_and_ends_with_code_1() {
    in_a_namespace("full_disk");
}

#[test]
fn a_report_on_standard_output_stands_alone() {
    in_a_namespace("report_on_stdout");
}

#[test]
fn metrics_and_the_status_file_tell_where_the_scan_stands() {
    in_a_namespace("metrics_and_status");
}

#[test]
fn a_start_that_fails_leaves_nothing_behind() {
    in_a_namespace("failed_start");
}

mod inside {
    use super::*;

    fn prtip(line: &str) -> Command {
        let mut command = Command::new(cargo_bin!("prtip"));
        command.args(line.split_whitespace()).stdin(Stdio::null());
        command
    }

    fn run(line: &str) -> (Output, String, String) {
        let output = prtip(line).output().unwrap();
        let stdout = String::from_utf8(output.stdout.clone()).unwrap();
        let stderr = String::from_utf8(output.stderr.clone()).unwrap();
        (output, stdout, stderr)
    }

    fn listen(ports: &[u16]) -> Vec<TcpListener> {
        ports.iter().map(|&port| TcpListener::bind(("127.0.0.1", port)).unwrap()).collect()
    }

    /// What the kernel says is listening.
    fn listeners() -> BTreeSet<u16> {
        let output = Command::new("ss").args(["-Hltn"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines()
            .map(|line| line.split_whitespace().nth(3).unwrap().rsplit_once(':').unwrap().1)
            .map(|port| port.parse().unwrap())
            .collect()
    }

    fn records(text: &str) -> Vec<Value> {
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn ports(records: &[Value]) -> BTreeSet<u16> {
        let ports = records.iter().filter(|record| record["type"] == "port");
        ports.map(|record| record["port"].as_u64().unwrap() as u16).collect()
    }

    #[test]
    #[ignore = "runs in a namespace"]
    fn table() {
        let _listening = listen(&[22, 80, 443, 8080, 9999]);
        let (output, stdout, stderr) = run("-sS -p 1-10000 --rate 50000 127.0.0.1");
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        let open: BTreeSet<u16> = stdout
            .lines()
            .filter_map(|line| line.split_once("/tcp"))
            .map(|(port, _)| port.parse().unwrap())
            .collect();
        assert_eq!(open, listeners(), "{stdout}");
        assert!(stdout.starts_with("Scan report for 127.0.0.1\n"), "{stdout}");
        assert!(stdout.contains("Not shown: 9995 closed ports (rst)\n"), "{stdout}");
        assert!(stderr.contains("ledger: 0 unaccounted"), "{stderr}");
        assert!(!stdout.contains('\x1b') && !stderr.contains('\x1b'));
    }

    #[test]
    #[ignore = "runs in a namespace"]
    fn json_and_log() {
        let _listening = listen(&[22, 1234, 5000]);
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let line = format!(
            "-p 1-5000 --rate 50000 --cooldown 1 --seed 18446744073709551615 --json \
             --show open,closed 127.0.0.1 --event-log {}",
            log.display()
        );
        let (output, stdout, stderr) = run(&line);
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        // Checkpoints and checksums are for the log alone.
        let logged = std::fs::read_to_string(&log).unwrap();
        let lines = logged.lines().filter(|line| !line.contains("\"type\":\"checkpoint\""));
        let unsealed = lines.map(|line| {
            let (record, checksum) =
                line.split_once(",\"crc\":").expect("each line has a checksum");
            assert!(checksum.len() < 16, "{line}");
            format!("{record}}}\n")
        });
        assert!(unsealed.collect::<String>() == stdout, "log and standard output differ");
        let records = records(&stdout);
        let (first, last) = (&records[0], &records[records.len() - 1]);
        assert_eq!(first["type"], "scan_started");
        assert_eq!(first["seed"], "18446744073709551615");
        assert_eq!(first["targets"], "5000");
        assert_eq!(first["shard"], "1/1");
        assert_eq!(first["interface"], "lo");
        assert_eq!(first["port_engine"], "raw");
        assert_eq!(first["xdp_mode"], Value::Null);
        assert_eq!(last["type"], "scan_finished");
        assert_eq!((&last["open"], &last["closed"]), (&3.into(), &4997.into()));
        assert!(last["latency_us"]["p50"].is_u64());
        let ledger = &records[records.len() - 2];
        assert_eq!(ledger["type"], "ledger");
        assert_eq!(ledger["unaccounted"], 0);
        assert_eq!(ports(&records).len(), 5000);
        let key = log.with_file_name("log.key").metadata().unwrap();
        assert_eq!(key.permissions().mode() & 0o777, 0o600);
    }

    #[test]
    #[ignore = "runs in a namespace"]
    fn closed_pipe() {
        let mut scan = prtip("-p 1-60000 --rate 2000 --json --show all 127.0.0.1")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let start = Instant::now();
        let mut reader = BufReader::new(scan.stdout.take().unwrap());
        reader.read_line(&mut String::new()).unwrap();
        drop(reader);
        let output = scan.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert!(start.elapsed() < Duration::from_secs(3), "it scanned on: {:?}", start.elapsed());
        let words = String::from_utf8(output.stderr).unwrap().to_lowercase();
        assert!(!words.contains("pipe") && !words.contains("error"), "{words}");
    }

    #[test]
    #[ignore = "runs in a namespace"]
    fn refused() {
        // The kernel lets no socket send to a broadcast address unasked.
        let (output, _, stderr) = run("-p 1-5 --cooldown 0.1 127.255.255.255");
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains("the kernel refused all 10 probes"), "{stderr}");
    }

    #[test]
    #[ignore = "runs in a namespace"]
    fn interrupted() {
        for signal in ["-INT", "-TERM"] {
            let folder = tempfile::tempdir().unwrap();
            let log = folder.path().join("log");
            let mut scan = prtip("-p 1-60000 --rate 2000 --cooldown 1 --show all 127.0.0.1")
                .arg("--event-log")
                .arg(&log)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_millis(800));
            let kill = Command::new("kill").args([signal, &scan.id().to_string()]).status();
            assert!(kill.unwrap().success());
            let mut stdout = String::new();
            scan.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
            let output = scan.wait_with_output().unwrap();
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(3), "{stderr}");
            assert!(stderr.contains("waiting for late replies"), "{stderr}");
            let records = records(&std::fs::read_to_string(&log).unwrap());
            let last = &records[records.len() - 1];
            assert_eq!(last["type"], "scan_finished");
            assert_eq!(last["stopped"], true);
            let closed = last["closed"].as_u64().unwrap();
            assert!((100..60_000).contains(&closed), "{closed}");
            assert_eq!(ports(&records).len() as u64, closed);
            assert_eq!(stdout.lines().filter(|line| line.contains("/tcp")).count() as u64, closed);
        }
    }

    #[test]
    #[ignore = "runs in a namespace"]
    fn killed() {
        let mut lines = 0;
        for round in 0..10_u64 {
            let folder = tempfile::tempdir().unwrap();
            let log = folder.path().join("log");
            let mut scan = prtip("-p 1-65535 --rate 100000 --show all 127.0.0.1")
                .arg("--event-log")
                .arg(&log)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let spread = u64::from(std::process::id()).wrapping_mul(round + 1) * 31 % 300;
            std::thread::sleep(Duration::from_millis(20 + spread));
            scan.kill().unwrap();
            scan.wait().unwrap();
            let bytes = std::fs::read(&log).unwrap_or_default();
            for line in bytes.split_inclusive(|&byte| byte == b'\n') {
                if line.ends_with(b"\n") {
                    let _: Value = serde_json::from_slice(line).unwrap();
                    lines += 1;
                }
            }
        }
        assert!(lines > 1000, "the scans hardly wrote: {lines} lines");
    }

    #[test]
    #[ignore = "runs in a namespace"]
    fn colours() {
        let _listening = listen(&[22]);
        let command =
            format!("{} -p 22 --cooldown 0.2 127.0.0.1 2>/dev/null", cargo_bin!("prtip").display());
        // `script` runs it on a terminal of its own.
        let on_terminal = |no_color: &str| {
            let mut script = Command::new("script");
            script.args(["-qec", &command, "/dev/null"]).env("TERM", "xterm").stdin(Stdio::null());
            let output = script.env("NO_COLOR", no_color).output().unwrap();
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        let (coloured, plain) = (on_terminal(""), on_terminal("1"));
        assert!(coloured.contains("\x1b[32mopen"), "{coloured:?}");
        assert!(plain.contains("22/tcp    open") && !plain.contains('\x1b'), "{plain:?}");
    }

    #[test]
    #[ignore = "runs in a namespace"]
    fn full_disk() {
        let _listening = listen(&[22]);
        let (output, _, stderr) =
            run("-p 1-8000 --rate 400 --cooldown 0.2 127.0.0.1 --event-log /dev/full");
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        let said = "is no longer written: No space left on device (os error 28); the scan stops";
        assert!(stderr.contains(said), "{stderr}");
        assert!(stderr.contains("error: cannot write the event log \"/dev/full\""), "{stderr}");
        assert!(stderr.contains("go on with --resume"), "{stderr}");
        let closed = stderr.split_once(" open, ").unwrap().1.split_once(" closed").unwrap().0;
        assert!(closed.parse::<u32>().unwrap() < 4000, "it went on: {stderr}");
        assert!(!Path::new("/dev/full.key").exists());
    }

    #[test]
    #[ignore = "runs in a namespace"]
    fn report_on_stdout() {
        let _listening = listen(&[22, 80]);
        let line = "-p 1-100 --rate 5000 --cooldown 0.2 127.0.0.1";
        let (output, stdout, stderr) = run(&format!("{line} -oX -"));
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        assert!(stdout.starts_with("<?xml") && stdout.ends_with("</nmaprun>\n"), "{stdout}");
        assert_eq!(stdout.matches("<port ").count(), 2, "{stdout}");
        assert!(stdout.contains("<extraports state=\"closed\" count=\"98\">"), "{stdout}");
        let (output, stdout, _) = run(&format!("{line} --csv - --output-fields sport,success"));
        assert_eq!(output.status.code(), Some(0));
        let rows: BTreeSet<&str> = stdout.lines().collect();
        assert_eq!(rows, BTreeSet::from(["sport,success", "22,1", "80,1"]));
        // A full disk is told, also where the file is written at the end.
        for flag in ["-oX", "--csv", "--parquet", "--pcap", "--status-file"] {
            let (output, stdout, stderr) = run(&format!("{line} {flag} /dev/full"));
            assert_eq!(output.status.code(), Some(1), "{flag}: {stderr}");
            assert!(stdout.contains("22/tcp    open"), "the table is whole: {stdout}");
            assert!(stderr.contains("No space left"), "{flag}: {stderr}");
        }
    }

    #[test]
    #[ignore = "runs in a namespace"]
    fn metrics_and_status() {
        let folder = tempfile::tempdir().unwrap();
        let status = folder.path().join("status.csv");
        let mut scan = prtip("-p 1-3000 --rate 1000 --cooldown 0.2 127.0.0.1")
            .args(["--metrics", "127.0.0.1:9100", "--status-file"])
            .arg(&status)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut sent = 0;
        let start = Instant::now();
        while sent == 0 && start.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(100));
            let Ok(mut client) = std::net::TcpStream::connect("127.0.0.1:9100") else { continue };
            std::io::Write::write_all(&mut client, b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
            let mut text = String::new();
            client.read_to_string(&mut text).unwrap();
            assert!(text.contains("interface=\"lo\""), "{text}");
            let line = text.lines().find_map(|line| line.strip_prefix("prtip_probes_sent_total "));
            sent = line.unwrap().parse().unwrap();
        }
        assert!((1..=3000).contains(&sent), "{sent}");
        assert!(scan.wait().unwrap().success());
        let text = std::fs::read_to_string(&status).unwrap();
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
        assert!(lines.len() >= 3 && lines.iter().all(|line| line.len() == 17), "{text}");
        assert_eq!(lines[0][5], "sent-total");
        let total: u64 = lines[lines.len() - 1][5].parse().unwrap();
        assert!((500..=3000).contains(&total), "{text}");
    }

    #[test]
    #[ignore = "runs in a namespace"]
    fn failed_start() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        for (line, code) in [("-e nosuch0 127.0.0.1", 2), ("198.18.0.1", 1)] {
            let line = format!("-p 80 {line} --event-log {0} -oA {0} --csv {0}.csv", log.display());
            let (output, stdout, stderr) = run(&line);
            assert_eq!(output.status.code(), Some(code), "{stderr}");
            assert!(stderr.contains("remedy:"), "{stderr}");
            assert_eq!(stdout, "");
            assert_eq!(folder_entries(folder.path()), 0, "a log or a key was left");
        }
    }

    fn folder_entries(folder: &Path) -> usize {
        folder.read_dir().unwrap().count()
    }
}
