//! `-O` beside Debian's nmap, which is the judge: both ask the lab's far kernel, and their
//! fingerprints must agree test by test, but for those that vary from run to run.
//!
//! Needs root and Debian's packages; says SKIPPED otherwise and fails where `CI` is set.
#![allow(clippy::unwrap_used)]

mod release;
mod rights;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use prtip_bench::lab::packages;
use prtip_signatures::os::Fingerprint;
use serde_json::Value;

use release::binary;
use rights::may_run;

const BENCH: &str = env!("CARGO_BIN_EXE_prtip-bench");

/// Random in Linux: initial sequence numbers and, since they begin anywhere, time stamps.
const VARY: [&str; 3] = ["SEQ.SP", "SEQ.ISR", "SEQ.TS"];

fn output(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Standard output of a program inside the lab, beside a real server.
fn in_lab(program: &str, args: &[&str], environment: &[(&str, std::ffi::OsString)]) -> String {
    let mut command = Command::new(BENCH);
    command.args(["lab", "run", "--servers", "nginx", "--", program]).args(args);
    output(command.envs(environment.iter().map(|(name, value)| (name, value))))
}

#[test]
fn the_far_kernel_has_the_fingerprint_that_nmap_sees() {
    if !may_run() {
        return;
    }
    let root = match packages::unpack(packages::NMAP) {
        Ok(root) => root,
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "required: {error:#}");
            println!("SKIPPED: no nmap: {error:#}");
            return;
        }
    };
    // A name that resolves inside the lab; the server's own port, and one that is closed.
    let (host, ports) = ("nginx.lab", "80,1");
    let database = root.join("usr/share/nmap/nmap-os-db");

    let prtip = binary("prtip");
    let ours = in_lab(
        prtip.to_str().unwrap(),
        &["-O", "-p", ports, host, "--json", "--os-db", database.to_str().unwrap()],
        &[],
    );
    let record = ours
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .find(|record| record["type"] == "os")
        .unwrap();
    let ours = Fingerprint::parse(record["fingerprint"].as_str().unwrap().as_bytes()).unwrap();

    let environment = [
        ("LD_LIBRARY_PATH", packages::libraries(&root)),
        ("NMAPDIR", root.join("usr/share/nmap").into_os_string()),
    ];
    let args =
        ["-n", "-Pn", "-O", "--osscan-guess", "--max-os-tries", "1", "-d", "-p", ports, host];
    let text = in_lab(root.join("usr/bin/nmap").to_str().unwrap(), &args, &environment);
    let block: Vec<&str> = text.lines().filter(|line| line.starts_with("OS:")).collect();
    let theirs = Fingerprint::parse(block.join("\n").as_bytes()).unwrap();

    let mut compared = 0;
    for (test, value) in theirs.values() {
        if !VARY.contains(&test.to_string().as_str()) {
            compared += 1;
            assert_eq!(ours.get(test), Some(value), "{test}\nours:\n{ours}\nnmap's:\n{theirs}");
        }
    }
    assert!(compared > 80, "{theirs}");
    for (test, _) in ours.values() {
        assert!(theirs.get(test).is_some(), "{test} is not among nmap's:\n{theirs}");
    }
    // What nmap saw is told as nmap tells it.
    let matches = matched(&prtip, &block.join("\n"), &database);
    let best = matches["matches"][0]["name"].as_str().unwrap();
    let guesses = text.lines().find_map(|line| line.strip_prefix("Aggressive OS guesses: "));
    let details = text.lines().find_map(|line| line.strip_prefix("OS details: "));
    let first = guesses.or(details).unwrap_or_else(|| panic!("{text}"));
    assert!(first.starts_with(best), "{best:?} is not first in {first:?}");
}

/// The `os` records of hosts that are asked by IPv6: the far kernel, with whose answers ours
/// must agree, and a synthetic host, which answers SYNs and is no system.
#[test]
fn by_ipv6_the_far_kernel_is_known_and_a_synthetic_host_is_not() {
    if !may_run() {
        return;
    }
    let prtip = binary("prtip");
    let servers =
        output(Command::new(BENCH).args(["lab", "servers", "--servers", "nginx", "--json"]));
    let servers = servers.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut addresses = servers
        .filter(|server| server["server"] == "nginx")
        .map(|server| server["ip"].as_str().unwrap().to_owned());
    let nginx = addresses.find(|ip| ip.contains(':')).unwrap();
    let mut command = Command::new(BENCH);
    command.args(["lab", "run", "--open", "1000", "--closed", "0", "--icmp", "0"]);
    command.args(["--servers", "nginx", "--"]).arg(prtip).args(["-O", "-p", "80,81", &nginx]);
    command.args(["2001:2::77", "--cooldown", "0.3", "--json", "--show", "open,closed"]);
    let told = output(&mut command);
    let records = told.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let systems: Vec<Value> = records.filter(|record| record["type"] == "os").collect();
    let [kernel, synthetic] = &systems[..] else { panic!("{told}") };
    let (kernel, synthetic) =
        if kernel["ip"] == "2001:2::77" { (synthetic, kernel) } else { (kernel, synthetic) };
    let best = &kernel["matches"][0];
    assert_eq!(best["classes"][0]["family"], "Linux", "{kernel}");
    assert!(best["confidence"].as_f64().unwrap() > 80.0, "{best}");
    assert_eq!((&kernel["family"], &kernel["doubts"]), (&"ipv6".into(), &Value::Null), "{kernel}");
    // What this kernel answers by IPv4 over the same cable: TCP tells the same of itself.
    let told = kernel["fingerprint"].as_str().unwrap();
    assert!(told.contains("6OPS(O1=M5A0ST11NW") && told.contains("6PP(R=Y%A=P%"), "{told}");
    assert_eq!(synthetic["matches"], Value::Array(Vec::new()), "{synthetic}");
    assert!(synthetic["compared"].as_u64().unwrap() >= 10);
    let doubts = synthetic["doubts"].to_string();
    assert!(doubts.contains("no closed UDP port answered"), "{doubts}");
}

/// What `prtip os match` tells of a fingerprint.
fn matched(prtip: &Path, fingerprint: &str, database: &Path) -> Value {
    let mut child = Command::new(prtip)
        .args(["os", "match", "--osscan-guess", "--os-db"])
        .arg(database)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(fingerprint.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{fingerprint}");
    serde_json::from_slice(&output.stdout).unwrap()
}
