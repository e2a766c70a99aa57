//! What stands in the way is told in clear words, with the exit code for it.
//! What needs no network (bad ports, lists, empty sets) is tested with the
//! command itself.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::lab::{Lab, words};
use crate::open_lab::{OpenLab, Side};
use crate::release::binary;
use crate::setting::{seed, turn};
use crate::truth::RULES;

const LAB: Lab = Lab { rules: "", link: "--queues 1" };
const ONE: &str = "-p 80 --cooldown 0.2 198.18.0.1";

/// Asserts an exit code, words on standard error, and no result.
fn refused(command: &mut Command, code: i32, says: &[&str]) {
    let output = command.output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    println!("{stderr}");
    assert_eq!(output.status.code(), Some(code), "{command:?}: {stderr}");
    for word in says {
        let found = stderr.to_lowercase().contains(&word.to_lowercase());
        assert!(found, "{command:?} does not say {word:?}: {stderr}");
    }
    assert!(output.stdout.is_empty(), "{command:?} writes results");
}

#[test]
fn without_root_the_scan_says_so_and_ends_with_code_4() {
    let Some(_turn) = turn("no root") else { return };
    let lab = OpenLab::open(LAB, &[]);
    // A copy that everybody may run, wherever the build lies.
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = folder.path().join("prtip");
    fs::copy(binary("prtip"), &copy).unwrap();
    for engine in ["auto", "xdp", "packet", "raw"] {
        let mut command = lab.command(Side::Scan, "setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&copy);
        command.args(words(ONE)).args(["--port-engine", engine]);
        refused(&mut command, 4, &["remedy:", "root"]);
    }
    lab.close();
}

#[test]
fn zero_copy_on_veth_is_refused_with_code_4() {
    let Some(_turn) = turn("zero-copy on veth") else { return };
    let lab = OpenLab::open(LAB, &[]);
    for flags in ["--xdp-mode zerocopy --require-zerocopy", "--require-zerocopy"] {
        refused(&mut lab.prtip(&format!("{ONE} {flags}")), 4, &["zero-copy", "scan0", "remedy:"]);
    }
    lab.close();
}

/// A veth has no zero-copy, so live frames are next where they pay, unless a mode is asked for.
#[test]
fn auto_takes_what_the_doctor_says_and_the_record_tells_why() {
    let Some(_turn) = turn("order of engines") else { return };
    let lab = OpenLab::open(LAB, &[]);
    let doctor = lab.prtip("doctor -e scan0").output().unwrap();
    let told = String::from_utf8(doctor.stdout).unwrap();
    let line = told.lines().find(|line| line.contains("auto takes")).unwrap();
    let order = "live from 131072 probes on if its first frame leaves, else xdp copy";
    assert!(line.ends_with(order), "{told}");
    let few = "they pay from 131072 probes on";
    let many = |ports| format!("-p {ports} 198.18.8.0/21 --rate max --retries 0 --cooldown 0.2");
    for (line, engine, why) in [
        (ONE.to_owned(), "xdp", few),
        (format!("{ONE} --rate auto"), "xdp", few),
        (many("1-63"), "xdp", few),
        (many("1-64"), "live", "gives no zero-copy"),
        (format!("{ONE} --xdp-mode generic"), "xdp", "generic mode as asked for"),
        (format!("{ONE} --port-engine packet"), "packet", "asked for"),
    ] {
        let output = lab.prtip(&format!("{line} --json")).output().unwrap();
        let first = String::from_utf8(output.stdout).unwrap();
        let first: Value = serde_json::from_str(first.lines().next().unwrap()).unwrap();
        assert_eq!(first["port_engine"], engine, "{first}");
        assert!(first["port_engine_why"].as_str().unwrap().contains(why), "{first}");
    }
    lab.close();
}

#[test]
fn an_interface_that_another_scan_holds_is_told_with_its_process() {
    let Some(_turn) = turn("held interface") else { return };
    let lab = OpenLab::open(LAB, &[]);
    let mut holder = lab
        .prtip("-p 1-1000 198.18.0.0/24 --port-engine xdp --rate 100")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while !lab.output(Side::Scan, "ip -details link show dev scan0").contains("xdp") {
        assert!(Instant::now() < deadline, "the first scan does not attach");
        std::thread::sleep(Duration::from_millis(10));
    }
    let pid = holder.id().to_string();
    refused(
        &mut lab.prtip(&format!("{ONE} --port-engine xdp")),
        1,
        &["scan0", &format!("process {pid} (prtip)"), "remedy:"],
    );
    assert!(holder.try_wait().unwrap().is_none(), "the first scan was disturbed");
    holder.kill().unwrap();
    holder.wait().unwrap();
    lab.close();
}

#[test]
fn a_down_interface_and_a_missing_route_are_told_with_code_1() {
    let Some(_turn) = turn("down, no route") else { return };
    let lab = OpenLab::open(LAB, &[]);
    lab.output(Side::Scan, "ip link set scan0 down");
    for engine in ["auto", "xdp", "packet"] {
        let line = format!("{ONE} -e scan0 --port-engine {engine}");
        refused(&mut lab.prtip(&line), 1, &["scan0", "down", "remedy:"]);
    }
    // With the link went the routes by it.
    lab.output(Side::Scan, "ip link set scan0 up");
    for target in ["198.18.0.1", "2001:2:0:1::1"] {
        let line = format!("-p 80 --cooldown 0.2 {target}");
        refused(
            &mut lab.prtip(&line),
            1,
            &[&format!("route to {target}"), "knows none", "remedy:"],
        );
    }
    lab.close();
}

#[test]
fn an_mtu_that_only_frags_programs_can_take_works() {
    let Some(_turn) = turn("MTU 9000") else { return };
    let lab = Lab { rules: RULES, link: "--queues 2 --mtu 9000" };
    let scan = lab.scan(&format!(
        "-sS -p 1-64 198.18.0.0/26 --port-engine xdp --rate 20000 --seed {} --cooldown 1 --json \
         --show open,closed",
        seed()
    ));
    assert_eq!(scan.code, Some(0), "{}", scan.words);
    let verdict = lab.check("--targets 198.18.0.0/26 --ports 1-64", &scan.results);
    assert_eq!((verdict.code, verdict.missed), (Some(0), 0), "{verdict:?}");
    assert_eq!(scan.booked("unaccounted"), 0);
}
