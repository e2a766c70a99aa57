//! What another program makes of our frames: tshark calls every one well formed
//! with good checksums, each pair is probed once, and none is excluded.
//!
//! The far end hands everything to its kernel here, and tcpdump listens there:
//! on the scanner's own end a frame that bypasses the queueing discipline passes
//! by every listener.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read};
use std::net::{IpAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::lab::{Lab, wait};
use crate::open_lab::{OpenLab, Side};
use crate::programs::compile_pass;
use crate::setting::{seed, turn_with};

/// Other people's programs that listen, read and build.
const PROGRAMS: [&str; 3] = ["tcpdump", "tshark", "clang"];
/// More frames than any capture here.
const FRAMES: &str = "20000";
const FIELDS: [&str; 11] = [
    "ip.src",
    "ip.dst",
    "ipv6.src",
    "ipv6.dst",
    "tcp.dstport",
    "tcp.flags",
    "tcp.checksum.status",
    "ip.checksum.status",
    "tcp.option_kind",
    "vlan.id",
    "_ws.expert.severity",
];
/// tshark's status of a good checksum.
const GOOD: &str = "1";
/// tshark's severities: of a warning, as it gives to every RST, and of an error.
const WARNING: u64 = 0x0060_0000;
const ERROR: u64 = 0x0080_0000;
/// tshark's text for the flags of a RST.
const RST: &str = "0x0004";

/// A frame that the scanner sent.
#[derive(Debug)]
struct Frame {
    to: IpAddr,
    port: u16,
    flags: String,
    options: String,
    vlan: String,
}

/// Runs `prtip` with tcpdump at the far end; returns what tshark says of the
/// scanner's TCP segments.
fn captured(lab: &OpenLab, line: &str) -> Vec<Frame> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("frames.pcap");
    let mut tcpdump = lab
        .command(Side::Far, "tcpdump")
        .args(["-i", "lab0", "--immediate-mode", "-n", "-U", "-Z", "root", "-B", "16384"])
        .args(["-c", FRAMES, "-w"])
        .arg(&file)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut words = BufReader::new(tcpdump.stderr.take().unwrap());
    let mut told = String::new();
    while !told.contains("listening on") {
        assert!(words.read_line(&mut told).unwrap() > 0, "tcpdump: {told}");
    }
    let line = format!("{line} --rate 5000 --retries 0 --cooldown 0.3 --seed {}", seed());
    let output = lab.prtip(&line).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    std::thread::sleep(Duration::from_millis(200));
    kill_process(Pid::from_child(&tcpdump), Signal::INT).unwrap();
    let mut rest = String::new();
    words.read_to_string(&mut rest).unwrap();
    assert!(wait(tcpdump, Duration::from_secs(10)).success(), "tcpdump: {rest}");
    assert!(rest.contains("\n0 packets dropped by kernel"), "tcpdump: {rest}");
    dissected(&file)
}

fn dissected(file: &Path) -> Vec<Frame> {
    let mut tshark = Command::new("tshark");
    tshark.args(["-n", "-c", FRAMES, "-o", "tcp.check_checksum:TRUE"]);
    tshark.args(["-o", "ip.check_checksum:TRUE", "-T", "fields", "-E", "separator=|", "-r"]);
    tshark.arg(file).args(FIELDS.iter().flat_map(|field| ["-e", *field]));
    let output = tshark.output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "tshark: {words}");
    let told = String::from_utf8(output.stdout).unwrap();
    let ours = ["198.19.255.1", "2001:2:0:ffff::1"];
    told.lines()
        .filter_map(|line| {
            let [
                src4, dst4, src6, dst6, port, flags, tcp_sum, ip_sum, options, vlan, severities,
            ]: [&str; 11] = line.split('|').collect::<Vec<_>>().try_into().unwrap();
            let severities = severities.split(',').filter(|text| !text.is_empty());
            let worst = severities.map(|text| text.parse().unwrap()).max().unwrap_or(0);
            let from = if src4.is_empty() { src6 } else { src4 };
            if !ours.contains(&from) {
                return None; // the far kernel's, which leaves checksums to the card
            }
            let limit = if flags == RST { ERROR } else { WARNING };
            assert!(worst < limit, "tshark objects: {line}");
            if port.is_empty() {
                return None; // neighbour discovery
            }
            assert_eq!(tcp_sum, GOOD, "TCP checksum: {line}");
            assert_eq!(ip_sum, if src4.is_empty() { "" } else { GOOD }, "IP checksum: {line}");
            let to = if src4.is_empty() { dst6 } else { dst4 };
            Some(Frame {
                to: to.parse().unwrap(),
                port: port.parse().unwrap(),
                flags: flags.trim_start_matches("0x").trim_start_matches('0').to_owned(),
                options: options.to_owned(),
                vlan: vlan.to_owned(),
            })
        })
        .collect()
}

fn open() -> (OpenLab, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let program = compile_pass(folder.path());
    let lab = Lab { rules: "--seed 7", link: "--queues 2" };
    (OpenLab::open(lab, &["--program".as_ref(), program.as_os_str()]), folder)
}

#[test]
fn tshark_calls_every_frame_well_formed_and_none_is_excluded() {
    let Some(_turn) = turn_with("frames", &PROGRAMS) else { return };
    let (lab, _folder) = open();
    let v4 = "198.18.0.0/25 --exclude 198.18.0.32/27,198.18.0.100";
    let v6 = "2001:2:0:1::/121 --exclude 2001:2:0:1::20/123,2001:2:0:1::64";
    // The options by their kinds: 2 MSS, 4 SACK permitted, 8 timestamps, 1 no
    // operation, 3 window scale.
    for (targets, engine, syn, options, vlan) in [
        (v4, "xdp", "bare", "", ""),
        (v4, "xdp", "mss", "2", ""),
        (v4, "xdp", "linux", "2,4,8,1,3", ""),
        (v4, "xdp", "linux", "2,4,8,1,3", "7"),
        (v4, "packet", "mss", "2", ""),
        (v4, "live", "bare", "", ""),
        (v4, "live", "linux", "2,4,8,1,3", "7"),
        (v6, "xdp", "bare", "", ""),
        (v6, "live", "mss", "2", "4094"),
        (v6, "live", "linux", "2,4,8,1,3", ""),
        (v6, "xdp", "linux", "2,4,8,1,3", ""),
        (v6, "xdp", "mss", "2", "4094"),
        (v6, "packet", "linux", "2,4,8,1,3", ""),
    ] {
        let mut line = format!("-sS -p 1-12 {targets} --port-engine {engine} --syn {syn}");
        if !vlan.is_empty() {
            line += &format!(" --vlan {vlan}");
        }
        let frames = captured(&lab, &line);
        let probed: HashSet<(IpAddr, u16)> =
            frames.iter().map(|frame| (frame.to, frame.port)).collect();
        assert_eq!(frames.len(), probed.len(), "{line}: a pair was probed twice");
        assert_eq!(probed.len(), (128 - 32 - 1) * 12, "{line}");
        for frame in &frames {
            assert_eq!(frame.flags, "2", "no SYN: {frame:?}");
            assert_eq!(frame.options, options, "{line}: {frame:?}");
            assert_eq!(frame.vlan, vlan, "{line}: {frame:?}");
            let last = match frame.to {
                IpAddr::V4(ip) => ip.octets()[3],
                IpAddr::V6(ip) => ip.octets()[15],
            };
            assert!(last < 128 && last / 32 != 1 && last != 100, "excluded: {frame:?}");
        }
    }
    lab.close();
}

#[test]
fn the_reset_of_a_half_open_connection_is_well_formed_and_meets_it() {
    let Some(_turn) = turn_with("reset", &PROGRAMS) else { return };
    let (lab, _folder) = open();
    for address in ["198.19.255.2", "2001:2:0:ffff::2"] {
        let listener = lab.spawn(Side::Far, move || TcpListener::bind((address, 0)).unwrap());
        let listener = listener.join().unwrap();
        let port = listener.local_addr().unwrap().port();
        let line =
            format!("-sS -p {port} {address} --port-engine xdp --router-mac 02:70:72:74:69:02");
        let flags: Vec<String> =
            captured(&lab, &line).into_iter().map(|frame| frame.flags).collect();
        assert_eq!(flags, ["2", "4"], "{address}: a SYN and a RST");
        // The kernel's half-open connection is gone.
        let half_open = lab.output(Side::Far, "ss -Htn state syn-recv");
        assert_eq!(half_open.trim(), "", "{address}");
        let quiet = captured(&lab, &format!("{line} --no-rst"));
        assert_eq!(quiet.len(), 1, "{address}: {quiet:?}");
    }
    lab.close();
}
