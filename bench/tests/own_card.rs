//! `prtip-bench tx -e` and `roundtrip -e`: the benchmarks on a card that the user
//! names, here one end of a veth pair in namespaces of the test's own. Rows come out,
//! and whatever leaves goes to the target that was named.
//!
//! Needs root; says SKIPPED otherwise and fails where `CI` is set.

#![allow(clippy::unwrap_used)]

mod programs;
mod rights;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

use rights::may_run;
use serde_json::Value;

const BENCH: &str = env!("CARGO_BIN_EXE_prtip-bench");
const TARGET: &str = "198.18.0.2";
const OTHER: &str = "198.18.0.3";
const FAR_MAC: &str = "02:00:00:00:00:02";

fn ip(line: &str) {
    let done = Command::new("ip").args(line.split(' ')).output().unwrap();
    assert!(done.status.success(), "ip {line}: {}", String::from_utf8_lossy(&done.stderr));
}

/// Two namespaces and the pair between them; gone when dropped, however that comes.
struct Cable {
    near: String,
    far: String,
    _program: tempfile::TempDir,
}

impl Cable {
    /// Both ends have `queues` queues; the far one has a program that passes everything,
    /// so that it takes redirected frames, and no address yet.
    fn new(name: &str, queues: u32) -> Self {
        let id = std::process::id();
        let folder = tempfile::tempdir().unwrap();
        let program = programs::compile_pass(folder.path());
        let cable = Self {
            near: format!("card-{name}-near-{id}"),
            far: format!("card-{name}-far-{id}"),
            _program: folder,
        };
        let (near, far) = (&cable.near, &cable.far);
        ip(&format!("netns add {near}"));
        ip(&format!("netns add {far}"));
        for space in [near, far] {
            let quiet = "net.ipv6.conf.default.disable_ipv6=1";
            let done = Command::new("ip")
                .args(["netns", "exec", space, "sysctl", "-qw", quiet])
                .status()
                .unwrap();
            assert!(done.success());
        }
        let queues = format!("numtxqueues {queues} numrxqueues {queues}");
        ip(&format!(
            "link add card0 netns {near} {queues} type veth \
             peer name far0 address {FAR_MAC} {queues} netns {far}"
        ));
        ip(&format!("-n {near} addr add 198.18.0.1/24 dev card0"));
        ip(&format!("-n {far} link set far0 xdpdrv obj {} sec xdp.frags", program.display()));
        ip(&format!("-n {far} link set far0 up"));
        ip(&format!("-n {near} link set card0 up"));
        cable
    }

    fn bench(&self, args: &str) -> Output {
        Command::new("ip")
            .args(["netns", "exec", &self.near, BENCH])
            .args(args.split(' '))
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Packets that reach the far end's card and are for the target, or for others.
    fn watch(&self) -> Watch {
        Watch {
            named: tcpdump(&self.far, &["-c", "1000"], &format!("tcp and dst host {TARGET}")),
            // ARP is asked by the kernel, and is no IP packet.
            others: tcpdump(&self.far, &[], &format!("ip and not dst host {TARGET}")),
        }
    }

    /// A packet to another host than the target: what the watch must see.
    fn send_astray(&self) {
        ip(&format!("-n {} neigh replace {OTHER} lladdr {FAR_MAC} dev card0", self.near));
        let script = format!("echo astray > /dev/udp/{OTHER}/9");
        let done = Command::new("ip")
            .args(["netns", "exec", &self.near, "bash", "-c", &script])
            .status()
            .unwrap();
        assert!(done.success());
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for space in [&self.near, &self.far] {
            let _ = Command::new("ip").args(["netns", "del", space]).output();
        }
    }
}

struct Tcpdump(Child);

/// A tcpdump that is listening.
fn tcpdump(space: &str, options: &[&str], filter: &str) -> Tcpdump {
    let mut child = Command::new("ip")
        .args(["netns", "exec", space, "tcpdump", "-nlqt", "--immediate-mode", "-i", "far0"])
        .args(options)
        .args(["-Q", "in", filter])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("listening on") {
        line.clear();
        assert!(told.read_line(&mut line).unwrap() > 0, "tcpdump does not listen");
    }
    // What it says at its end must not find the pipe closed.
    std::thread::spawn(move || std::io::copy(&mut told, &mut std::io::sink()));
    Tcpdump(child)
}

impl Drop for Tcpdump {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Watch {
    named: Tcpdump,
    others: Tcpdump,
}

impl Watch {
    /// The first packet that was not for the target must be the one sent astray; and
    /// a thousand were for the target.
    fn assert_only_the_target(mut self, cable: &Cable) {
        cable.send_astray();
        let mut first = String::new();
        BufReader::new(self.others.0.stdout.take().unwrap()).read_line(&mut first).unwrap();
        assert!(first.contains(&format!("> {OTHER}.9: UDP")), "not for {TARGET}: {first}");
        let named = BufReader::new(self.named.0.stdout.take().unwrap()).lines().count();
        assert_eq!(named, 1000, "packets for {TARGET}");
    }
}

fn rows(output: &Output) -> (Vec<Value>, String) {
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    let text = std::str::from_utf8(&output.stdout).unwrap();
    (text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), errors)
}

/// Packets by the benchmark's books and by the interface.
fn account(said: &str) -> (u64, u64) {
    let line = said.lines().find(|line| line.contains("by our books")).unwrap();
    let before = |word: &str| {
        let head = line.split(word).next().unwrap();
        head.split_whitespace().last().unwrap().parse().unwrap()
    };
    (before(" packets by our books"), before(" out (its tx_packets"))
}

#[test]
fn probes_of_tx_go_to_the_target_alone() {
    if !may_run() {
        return;
    }
    let cable = Cable::new("tx", 4);
    let watch = cable.watch();
    let run = format!("tx --json --pairs 6 -e card0 {TARGET} --router-mac {FAR_MAC}");
    let (rows, said) = rows(&cable.bench(&run));
    watch.assert_only_the_target(&cable);
    let cpus = std::thread::available_parallelism().unwrap().get();
    assert_eq!(rows.len(), if cpus > 1 { 6 } else { 4 }, "{said}");
    for row in &rows {
        assert_eq!(row["pairs"], 6);
        assert!(row["ratio"].as_f64().unwrap() > 0.0, "{row}");
        assert!(row.get("target").is_none(), "the lab's aims are not a card's: {row}");
    }
    let (books, counted) = account(&said);
    assert!(books > 6 * 2 * (1 << 15) && counted > books / 2, "{said}");

    // Answers come on any of the queues, so a loop on one of them is no baseline.
    ip(&format!("-n {} addr add {TARGET}/24 dev far0", cable.far));
    let (rows, said) =
        self::rows(&cable.bench(&format!("roundtrip --json --pairs 6 -e card0 {TARGET}")));
    assert_eq!(rows.len(), 1, "{said}");
    assert!(rows[0]["row"].as_str().unwrap().contains("4 queues"), "{rows:?}");
    assert!(said.contains("left out: the bare echo loop"), "{said}");
}

#[test]
fn a_card_with_one_queue_has_the_rows_that_it_can_have() {
    if !may_run() {
        return;
    }
    let cable = Cable::new("one", 1);
    let run = format!("tx --json --pairs 6 -e card0 {TARGET} --router-mac {FAR_MAC}");
    let (rows, said) = rows(&cable.bench(&run));
    assert_eq!(rows.len(), 1, "{said}");
    assert!(rows[0]["vs"].as_str().unwrap().contains("AF_PACKET"));
    for left_out in
        ["the bare loop: it takes 2", "the live engine: it takes 4", "two queues: it takes 3"]
    {
        assert!(said.contains(&format!("left out: {left_out}")), "{left_out}: {said}");
    }
    let zerocopy = cable.bench(&format!("{run} --xdp-mode zerocopy"));
    assert_eq!(zerocopy.status.code(), Some(1), "veth has no zero-copy, and copies are not it");
}

#[test]
fn round_trips_are_answered_by_an_ordinary_host() {
    if !may_run() {
        return;
    }
    let cable = Cable::new("trip", 1);
    // The far kernel resets connections to closed ports.
    ip(&format!("-n {} addr add {TARGET}/24 dev far0", cable.far));
    let watch = cable.watch();
    // No --router-mac: the target itself is asked for its address.
    let (rows, said) = rows(&cable.bench(&format!("roundtrip --json --pairs 6 -e card0 {TARGET}")));
    watch.assert_only_the_target(&cable);
    assert_eq!(rows.len(), 2, "{said}");
    assert!(rows.iter().all(|row| row["value"].as_f64().unwrap() > 0.0), "{rows:?}");
    let (books, counted) = account(&said);
    assert!(books > 0 && counted > 0, "{said}");
}

/// Every one of these is refused before anything is opened; in a namespace without
/// a way out all the same.
#[test]
fn what_is_no_card_or_no_target_is_a_usage_error() {
    if !may_run() {
        return;
    }
    let cable = Cable::new("usage", 1);
    let mac = format!("--router-mac {FAR_MAC}");
    for (args, told) in [
        ("-e card0".to_owned(), "TARGET"),
        (TARGET.to_owned(), "--interface"),
        (format!("-e nocard0 {TARGET} {mac}"), "nocard0"),
        (format!("-e lo {TARGET} {mac}"), "lo"),
        (format!("-e card0 0.0.0.0/0 {mac}"), "0.0.0.0/0"),
        (format!("-e card0 127.0.0.1 {mac}"), "127.0.0.1"),
        (format!("-e card0 198.18.0.1 {mac}"), "198.18.0.1"),
        (format!("-e card0 {TARGET} {OTHER} {mac}"), OTHER),
        ("-e card0 198.18.0.4/30".to_owned(), "--router-mac"),
        (format!("-e card0 {TARGET} --router-mac 01:00:5e:00:00:01"), "unicast"),
    ] {
        for bench in ["tx", "roundtrip"] {
            let output = cable.bench(&format!("{bench} --pairs 6 {args}"));
            let errors = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{bench} {args}: {errors}");
            assert!(errors.contains(told), "{bench} {args}: {errors}");
        }
    }
}
