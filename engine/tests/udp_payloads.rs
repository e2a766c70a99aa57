//! What others make of our UDP payloads: tshark dissects each as its protocol,
//! well formed, with and without a contact text.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::Write;
use std::process::Command;

use prtip_engine::udp::{MAX_PAYLOAD, Payload, Payloads};

/// Our names, where tshark has others.
const DISSECTORS: &[(&str, &str)] = &[
    ("netbios-ns", "nbns"),
    ("rpcbind", "rpc"),
    ("nfs", "rpc"),
    ("memcached", "memcache"),
    ("ike", "isakmp"),
    ("ike-nat-t", "isakmp"),
    ("radius-acct", "radius"),
    ("gtp-c", "gtpv2"),
    ("gtp-u", "gtp"),
    ("slp", "srvloc"),
    ("nat-pmp", "portcontrol"),
    ("ws-discovery", "xml"),
    ("ubnt-discovery", "ubdp"),
    ("bittorrent-dht", "bt-dht"),
    ("rdp-udp", "rdpudp"),
];

/// Those for which tshark has no dissector, or none that goes by the port: their
/// bytes are held by the golden answers and by servers that were asked by hand.
const UNDISSECTED: &[&str] =
    &["systat", "qotd", "time", "ubnt-discovery", "mssql-browser", "source-query", "mumble"];

/// tshark's severity of a warning; malformed packets have a higher one.
const WARNING: u64 = 0x0060_0000;
/// The one warning: tshark looks for keys in what is padding.
const NO_KEYS: &str = "Decryption failed";

/// A capture of raw IPv4 packets (pcap, LINKTYPE_RAW), one for each payload.
fn capture(probes: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut file = Vec::new();
    // Magic, version 2.4, time zone, accuracy, longest packet, link type.
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 101] {
        file.extend_from_slice(&word.to_le_bytes());
    }
    // Each from a port of its own: tshark gives TFTP all that follows to its client's port.
    for ((port, payload), source) in probes.iter().zip(40_000..) {
        let packet = etherparse::PacketBuilder::ipv4([198, 18, 0, 1], [198, 18, 0, 2], 64)
            .udp(source, *port);
        let mut bytes = Vec::new();
        packet.write(&mut bytes, payload).unwrap();
        let len = u32::try_from(bytes.len()).unwrap().to_le_bytes();
        file.extend_from_slice(&[0; 8]);
        file.extend_from_slice(&len);
        file.extend_from_slice(&len);
        file.extend_from_slice(&bytes);
    }
    file
}

/// The payload as sent for `token`.
fn written(payload: &Payload, token: u64) -> Vec<u8> {
    let mut out = vec![0; MAX_PAYLOAD];
    let len = payload.write(token, &mut out);
    out.truncate(len);
    out
}

/// One line for each probe: protocols, severities, messages.
fn dissected(probes: &[(u16, Vec<u8>)]) -> Option<Vec<[String; 3]>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("payloads.pcap");
    fs::write(&path, capture(probes)).unwrap();
    let mut tshark = Command::new("tshark");
    tshark.args(["-n", "-o", "udp.check_checksum:TRUE", "--enable-heuristic", "xml_udp"]);
    tshark.args(["-d", "udp.port==853,quic", "-d", "udp.port==19133,raknet"]);
    tshark.args(["-T", "fields"]);
    for field in ["frame.protocols", "_ws.expert.severity", "_ws.expert.message"] {
        tshark.args(["-e", field]);
    }
    tshark.arg("-r").arg(&path);
    let Ok(output) = tshark.output() else {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "tshark is required on CI");
        // Not by a print macro: the test harness would keep that of a test that passes.
        std::io::stderr().write_all(b"SKIPPED: UDP payloads dissected: no tshark\n").unwrap();
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(|line| {
        let mut fields = line.split('\t').map(str::to_owned);
        [(); 3].map(|()| fields.next().unwrap_or_default())
    });
    Some(lines.collect())
}

#[test]
fn tshark_finds_every_payload_to_be_its_protocol_and_well_formed() {
    for contact in [None, Some("scan@example.org"), Some("ab"), Some(&*"x".repeat(64))] {
        let payloads = Payloads::new(contact).unwrap();
        for token in [0, 0x0123_4567_89ab_cdef, u64::MAX] {
            let all: Vec<(&Payload, u16)> = payloads
                .iter()
                .flat_map(|payload| payload.ports.iter().map(move |&port| (payload, port)))
                .collect();
            let probes: Vec<(u16, Vec<u8>)> =
                all.iter().map(|&(payload, port)| (port, written(payload, token))).collect();
            let Some(lines) = dissected(&probes) else { return };
            assert_eq!(lines.len(), all.len());
            for ((payload, port), [protocols, severities, messages]) in all.into_iter().zip(lines) {
                let name = payload.protocol;
                let ours = DISSECTORS.iter().find(|(ours, _)| *ours == name);
                let wanted = ours.map_or(name, |(_, theirs)| theirs);
                if !UNDISSECTED.contains(&name) {
                    let found = protocols.split(':').any(|found| found == wanted);
                    assert!(found, "{name} {port}: {protocols}");
                }
                assert!(!protocols.contains("malformed"), "{name} {port}: {messages}");
                for severity in severities.split(',').filter(|text| !text.is_empty()) {
                    let severity: u64 = severity.parse().unwrap();
                    let well =
                        severity < WARNING || name == "quic" && messages.starts_with(NO_KEYS);
                    assert!(well, "{name} {port}: {messages}");
                }
            }
        }
    }
}
