//! `-O` over every port: what is seen of a host does not depend on the way out, the probes
//! leave as they should, replies come through the AF_XDP rings, and nothing else does.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use prtip_signatures::os::Fingerprint;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::lab::{Lab, wait, words};
use crate::open_lab::{OpenLab, Side};
use crate::setting::{sized, turn, turn_with};
use crate::town::{Place, Street};

/// Our own database: any two of its systems differ.
const SYSTEMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../signatures/data/systems.os");
const LAB: Lab = Lab { rules: "--seed 5 --open 1000 --closed 0 --icmp 0", link: "--queues 2" };
/// Where the personalities are.
const PLAYED: &str = "198.19.255.128-130";
const QUICK: &str = "--rate 5000 --retries 0 --cooldown 0.3 --json --osscan-guess";
/// Drawn anew by every connection, or of its times: they decide about no engine.
const VARY: [&str; 4] = ["SP", "GCD", "ISR", "TS"];

/// A lab with three hosts that play systems.
fn lab() -> OpenLab {
    let text = std::fs::read_to_string(SYSTEMS).unwrap();
    let lines = (1..).zip(text.lines()).filter(|(_, line)| line.starts_with("Fingerprint "));
    let mut played: Vec<OsString> = Vec::new();
    for (line, _) in lines.step_by(3).take(3) {
        played.extend(["--personality".into(), format!("{SYSTEMS}:{line}").into()]);
    }
    OpenLab::open(LAB, &played.iter().map(OsString::as_os_str).collect::<Vec<&OsStr>>())
}

/// The records of a run that must end well, by type.
fn records(command: &mut Command) -> BTreeMap<String, Vec<Value>> {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{command:?}: {said}");
    let mut records: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        records.entry(record["type"].as_str().unwrap().to_owned()).or_default().push(record);
    }
    records
}

/// What hosts answered, but for what varies, and the first match.
fn seen(records: &BTreeMap<String, Vec<Value>>) -> BTreeMap<String, (Vec<String>, Value)> {
    let of = |record: &Value| {
        let text = record["fingerprint"].as_str().unwrap();
        let fingerprint = Fingerprint::parse(text.as_bytes()).unwrap();
        let values = fingerprint.values().filter(|(test, _)| !VARY.contains(&test.name()));
        let values = values.map(|(test, value)| format!("{test}={value}")).collect();
        (values, record["matches"][0]["name"].clone())
    };
    let hosts = records["os"].iter();
    hosts.map(|record| (record["ip"].as_str().unwrap().to_owned(), of(record))).collect()
}

/// The books of the only way: (RSTs, answers). They must add up.
fn books(records: &BTreeMap<String, Vec<Value>>, engine: &str) -> (u64, u64) {
    let ([started], [books]) = (&records["os_started"][..], &records["os_finished"][..]) else {
        panic!("{records:?}");
    };
    assert_eq!((&started["port_engine"], &books["port_engine"]), (&engine.into(), &engine.into()));
    assert_eq!(started["xdp_mode"].is_null(), engine != "xdp", "{started}");
    assert_eq!(books["unaccounted"], 0, "{books}");
    (books["rsts"].as_u64().unwrap(), books["rx_valid"].as_u64().unwrap())
}

#[test]
fn a_system_is_the_same_over_every_port_and_with_a_vlan_tag() {
    let Some(_turn) = turn("systems: every port") else { return };
    let lab = lab();
    let link = lab.output(Side::Far, "ip -o link show lab0");
    let (_, router) = link.split_once("link/ether ").unwrap();
    let vlan = format!("--vlan 7 --router-mac {}", words(router).next().unwrap());
    let mut first = None;
    for (engine, more) in [("raw", ""), ("packet", ""), ("xdp", ""), ("xdp", vlan.as_str())]
        .into_iter()
        .chain(sized(None, Some(("packet", vlan.as_str()))))
    {
        let line = format!("-O -p 80,1 {PLAYED} {QUICK} --port-engine {engine} {more}");
        let records = records(&mut lab.prtip(&line));
        let (rsts, answers) = books(&records, engine);
        // Six SYNs and one with ECN of each host are answered by a SYN-ACK, which is ended; by
        // the kernel where it sees them.
        assert_eq!(rsts, if engine == "xdp" { 21 } else { 0 }, "{line}");
        assert!(answers >= 3 * 13, "{line}: {answers} answers");
        let seen = seen(&records);
        assert_eq!(seen.len(), 3);
        let first = first.get_or_insert_with(|| seen.clone());
        assert_eq!(seen, *first, "{line}");
    }
    // Synthetic hosts answer with the tag that they were asked with: it is steered too.
    let line = format!("-O -p 80 198.18.7.0/30 {QUICK} --port-engine xdp {vlan}");
    let (_, answers) = books(&records(&mut lab.prtip(&line)), "xdp");
    assert!(answers >= 4 * 9, "{answers} answers");
    // The three are not the same, so equality tells something.
    let names: Vec<&Value> = first.iter().flat_map(|seen| seen.values().map(|of| &of.1)).collect();
    assert!(names[0] != names[1] && names[1] != names[2], "{names:?}");
    lab.close();
}

#[test]
fn without_its_flows_in_the_program_a_host_seems_to_be_silent() {
    let Some(_turn) = turn("systems: forgotten flows") else { return };
    let lab = lab();
    let line = format!("-O -p 80,1 198.19.255.128 {QUICK} --port-engine xdp");
    let records = records(lab.prtip(&line).env("PRTIP_FAULT", "forgotten-flows"));
    assert_eq!(books(&records, "xdp"), (0, 0));
    let (values, _) = &seen(&records)["198.19.255.128"];
    assert!(values.iter().all(|value| value.ends_with(".R=N")), "{values:?}");
    lab.close();
}

/// What tshark is asked of each probe.
const FIELDS: [&str; 8] = [
    "frame.time_relative",
    "ip.proto",
    "tcp.dstport",
    "tcp.flags",
    "tcp.window_size_value",
    "udp.length",
    "icmp.code",
    "_ws.expert.severity",
];
/// The sixteen probes: the fields from `ip.proto` to `icmp.code`.
const PROBES: [&str; 16] = [
    "6|80|0x0002|1||",
    "6|80|0x0002|63||",
    "6|80|0x0002|4||",
    "6|80|0x0002|4||",
    "6|80|0x0002|16||",
    "6|80|0x0002|512||",
    "1|||||9",
    "1|||||0",
    "17||||308|",
    "6|80|0x08c2|3||",
    "6|80|0x0000|128||",
    "6|80|0x002b|256||",
    "6|80|0x0010|1024||",
    "6|1|0x0002|31337||",
    "6|1|0x0010|32768||",
    "6|1|0x0029|65535||",
];

/// Sixteen probes in a capture of a host: their fields, and when they came.
fn captured(file: &Path) -> (Vec<String>, Vec<f64>) {
    let mut tshark = Command::new("tshark");
    tshark.args(["-n", "-T", "fields", "-E", "separator=|", "-Y"]);
    // What comes from the ports of detection (echoes: such an identifier), and no RST. An
    // error about it holds the same fields.
    let ports = "in {30000 .. 32699}";
    tshark.arg(format!(
        "ip.src == 198.18.0.1 and !(tcp.flags.reset == 1) and !(icmp.type == 3) and \
         (tcp.srcport {ports} or udp.srcport {ports} or icmp.ident {ports})"
    ));
    tshark.arg("-r").arg(file).args(FIELDS.iter().flat_map(|field| ["-e", *field]));
    let output = tshark.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8(output.stdout).unwrap();
    let line = |line: &str| {
        let (time, rest) = line.split_once('|').unwrap();
        (rest.rsplit_once('|').unwrap().0.to_owned(), time.parse::<f64>().unwrap())
    };
    told.lines().map(line).unzip()
}

#[test]
fn kernels_beside_us_are_seen_alike_and_get_sixteen_probes_in_their_order() {
    let Some(_turn) = turn_with("systems: kernels", &["tcpdump", "tshark"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let scanner = Place::new();
    let mut street = Street::new(&scanner, 0);
    street.host(10, &[80]);
    street.host(11, &[80]);
    street.settle(&scanner);
    let targets = "198.18.0.10-11 2001:2::a 2001:2::b";
    let mut first = None;
    for engine in ["raw", "packet", "xdp"] {
        let file = folder.path().join(engine);
        let mut tcpdump = street.hosts[0].place.command("tcpdump");
        tcpdump.args(["-i", "eth0", "--immediate-mode", "-n", "-U", "-Z", "root", "-w"]);
        let mut tcpdump = tcpdump.arg(&file).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(tcpdump.stderr.take().unwrap());
        let mut told = String::new();
        while !told.contains("listening on") {
            assert!(said.read_line(&mut told).unwrap() > 0, "tcpdump: {told}");
        }
        let mut command = scanner.command(crate::release::binary("prtip"));
        let line = format!("-O -p 80,1 {targets} {QUICK} --port-engine {engine}");
        command.args(words(&line));
        // Meanwhile this host's own connections to the same ports of the same hosts go on.
        let records = std::thread::scope(|scope| {
            let own = scope.spawn(|| {
                scanner.enter(|| {
                    for _ in 0..20 {
                        for addr in street.hosts.iter().flat_map(|host| host.addrs) {
                            TcpStream::connect_timeout(&(addr, 80).into(), Duration::from_secs(5))
                                .unwrap_or_else(|error| panic!("{engine}: {addr}: {error}"));
                        }
                        std::thread::sleep(Duration::from_millis(90));
                    }
                });
            });
            let records = records(&mut command);
            own.join().unwrap();
            records
        });
        kill_process(Pid::from_child(&tcpdump), Signal::INT).unwrap();
        let mut rest = String::new();
        said.read_to_string(&mut rest).unwrap();
        assert!(wait(tcpdump, Duration::from_secs(10)).success(), "tcpdump: {rest}");

        let (rsts, answers) = books(&records, engine);
        // Linux is silent to T2 and T3; seven SYN-ACKs of each of four.
        assert_eq!((rsts, answers), (if engine == "xdp" { 28 } else { 0 }, 4 * 14));
        let seen = seen(&records);
        assert_eq!(seen.len(), 4);
        let first = first.get_or_insert_with(|| seen.clone());
        assert_eq!(seen, *first, "{engine}");

        let (probes, times) = captured(&file);
        let (sixteen, again) = probes.split_at(16.min(probes.len()));
        assert_eq!(sixteen, PROBES, "{engine}");
        // T2 and T3 are asked twice more.
        let twice = [&PROBES[10..12], &PROBES[10..12]].concat();
        assert_eq!(again, twice, "{engine}");
        let gaps: Vec<f64> = times.windows(2).map(|two| two[1] - two[0]).take(5).collect();
        println!("{engine}: the six are {gaps:?} s apart");
        assert!(gaps.iter().all(|gap| *gap > 0.099), "{engine}: {gaps:?}");
    }
}

/// Whether a program is attached to the scanner's interface.
fn has_program(lab: &OpenLab) -> bool {
    lab.output(Side::Scan, "ip -d link show scan0").contains("prog/xdp")
}

#[test]
fn stopped_or_killed_it_leaves_no_program_and_meanwhile_others_get_another_way() {
    let Some(_turn) = turn("systems: stopped") else { return };
    let lab = lab();
    let long = "-O -p 80 198.18.0.0/23 --rate 1000 --retries 0 --cooldown 0.3 --json \
                --port-engine xdp";
    for signal in [Signal::INT, Signal::KILL] {
        let mut child =
            lab.prtip(long).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut told = String::new();
        while !told.contains("systems: 512 hosts by xdp") {
            assert!(said.read_line(&mut told).unwrap() > 0, "{told}");
        }
        assert!(has_program(&lab));
        if signal == Signal::INT {
            // The interface is taken: AF_PACKET will do, and this scan's replies pass.
            let line = format!("-O -p 80,1 198.19.255.128 {QUICK}");
            let records = records(&mut lab.prtip(&line));
            let (_, answers) = books(&records, "packet");
            assert!(answers >= 13, "{answers} answers");
            let why = records["os_started"][0]["port_engine_why"].as_str().unwrap();
            assert!(why.starts_with("AF_XDP is not to be had ("), "{why}");
            assert!(has_program(&lab), "the other one goes on");
        }
        kill_process(Pid::from_child(&child), signal).unwrap();
        let mut out = String::new();
        child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        let status = wait(child, Duration::from_secs(10));
        let deadline = Instant::now() + Duration::from_secs(3);
        while has_program(&lab) {
            assert!(Instant::now() < deadline, "{signal:?}: a program is left on scan0");
            std::thread::sleep(Duration::from_millis(5));
        }
        if signal == Signal::INT {
            said.read_to_string(&mut told).unwrap();
            assert_eq!(status.code(), Some(3), "{told}");
            assert!(told.contains("were not asked"), "{told}");
            assert!(out.contains("\"type\":\"os_finished\""), "{out}");
        }
    }
    lab.close();
}
