//! What the UDP services say: each answer against bytes written by hand from the
//! protocol's own document, and all of them before tshark.

use std::net::IpAddr;
use std::process::Command;

use prtip_bench::lab::rule::Protocol;
use prtip_bpf::lab::LabConfig;

use crate::frames::{OUR_PORT, Said, To};
use crate::{config, lab};

/// The ports whose services do not just echo.
pub(crate) const PORTS: [u16; 20] = [
    53, 69, 111, 123, 137, 161, 443, 500, 623, 1645, 1812, 1900, 2049, 3478, 5060, 5351, 5353,
    5355, 5683, 11211,
];

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<char> = hex.chars().filter(|digit| !digit.is_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap())
        .collect()
}

/// A port, a probe and its answer, in hexadecimal.
const ANSWERS: [(u16, &str, &str); 17] = [
    // A query for the root's name servers, and the same as a response.
    (
        53,
        "beef 0100 0001 0000 0000 0000 00 0002 0001",
        "beef 8100 0001 0000 0000 0000 00 0002 0001",
    ),
    (
        5353,
        "0000 0000 0001 0000 0000 0000 00 000c 0001",
        "0000 8000 0001 0000 0000 0000 00 000c 0001",
    ),
    // A read request: error 1, "no".
    (69, "0001 6100 6f6374657400", "0005 0001 6e6f 00"),
    // A null call: xid, reply, accepted, no verifier, success.
    (
        111,
        "01020304 00000000 00000002 000186a0 00000002 00000000 00000000 00000000 00000000 00000000",
        "01020304 00000001 00000000 00000000 00000000 00000000",
    ),
    // A client of version 4: mode 4, stratum 2, its transmit time as the origin's.
    (
        123,
        "23000000 00000000 00000000 00000000 0000000000000000 0000000000000000 0000000000000000 1122334455667788",
        "24020000 00000000 00000000 00000000 0000000000000000 1122334455667788 0000000000000000 1122334455667788",
    ),
    // A read of variables (mode 6): the response bit, the sequence number as it was.
    (123, "16020001 00000000 00000000", "16820001 00000000 00000000"),
    // SNMPv1 and v2c, get and get-next: a response with the request's id.
    (
        161,
        "3026 020100 0406 7075626c6963 a019 0204 0a0b0c0d 020100 020100 300b 3009 0605 2b06010201 0500",
        "3026 020100 0406 7075626c6963 a219 0204 0a0b0c0d 020100 020100 300b 3009 0605 2b06010201 0500",
    ),
    (
        161,
        "3021 020101 0401 78 a119 0204 0a0b0c0d 020100 020100 300b 3009 0605 2b06010201 0500",
        "3021 020101 0401 78 a219 0204 0a0b0c0d 020100 020100 300b 3009 0605 2b06010201 0500",
    ),
    // QUIC: the connection ids changed over, version 0, version 1 on offer.
    (
        443,
        "c0 1a2a3a4a 08 d1d2d3d4d5d6d7d8 04 51525354 00 0000",
        "c0 00000000 04 51525354 08 d1d2d3d4d5d6d7d8 00000001",
    ),
    // IKEv2: both SPIs, the response flag, a header alone.
    (
        500,
        "a1a2a3a4a5a6a7a8 0000000000000000 21 20 22 08 00000000 00000020 00000004",
        "a1a2a3a4a5a6a7a8 8000000000000000 00 20 22 20 00000000 0000001c",
    ),
    // RMCP: a pong with the ping's tag.
    (623, "0600ff06 000011be 80 7a 00 00", "0600ff06 000011be 40 7a 00 00"),
    // RADIUS: reject; accept for a status request.
    (
        1812,
        "01 42 0014 000102030405060708090a0b0c0d0e0f",
        "03 42 0014 000102030405060708090a0b0c0d0e0f",
    ),
    (
        1812,
        "0c 42 0014 000102030405060708090a0b0c0d0e0f",
        "02 42 0014 000102030405060708090a0b0c0d0e0f",
    ),
    // STUN: success.
    (
        3478,
        "0001 0000 2112a442 0102030405060708090a0b0c",
        "0101 0000 2112a442 0102030405060708090a0b0c",
    ),
    // CoAP: get becomes an acknowledgement with content, message id and token; an
    // empty message is reset.
    (5683, "42 01 7d34 aabb bb 2e77656c6c2d6b6e6f776e", "62 45 7d34 aabb"),
    (5683, "40 00 7d34", "70 00 7d34"),
    // memcached: the frame's request id, then a version.
    (11211, "7788 0000 0001 0000 76657273696f6e0d0a", "7788 0000 0001 0000 56455253494f4e20310d0a"),
];

const SIP: &str = "OPTIONS sip:a@198.18.0.1 SIP/2.0\r\nCall-ID: 17\r\n\r\n";

#[test]
fn every_service_answers_what_it_was_asked() {
    let Some(mut lab) = lab(LabConfig { open_below: 1000, ..config() }) else { return };
    let mut replies = Vec::new();
    for ip in ["198.18.3.4", "2001:2::77"].map(|ip| ip.parse::<IpAddr>().unwrap()) {
        let mut ask = |port, payload: &[u8]| {
            let to = To::plain(ip, port);
            let probe = to.datagram(payload);
            let (_, reply) = lab.run_once(&probe).unwrap();
            let Said::Datagram { from, to: our_port, payload } = to.read(&probe, &reply) else {
                panic!("no datagram")
            };
            assert_eq!(our_port, OUR_PORT);
            replies.push(reply);
            (from, payload)
        };
        for (port, probe, answer) in ANSWERS {
            let (from, told) = ask(port, &bytes(probe));
            assert_eq!(told, bytes(answer), "port {port}: {told:02x?}");
            if port == 69 {
                let hash = crate::RULE.hash(ip, port, Protocol::Udp);
                assert_eq!(from, 32_768 | (hash >> 16 & 0x3fff) as u16);
            } else {
                assert_eq!(from, port);
            }
        }
        let (_, told) = ask(5060, SIP.as_bytes());
        let told = String::from_utf8(told).unwrap();
        assert_eq!(
            told,
            SIP.replace("OPTIONS sip:a@198.18.0.1 SIP/2.0", &format!("{:32}", "SIP/2.0 200 OK"))
        );
        let (_, told) = ask(1900, b"M-SEARCH * HTTP/1.1\r\n\r\n");
        assert!(told.starts_with(b"HTTP/1.1 200 OK\r\n") && told.ends_with(b"\r\n\r\n"));
        for port in PORTS {
            assert_eq!(ask(port, b"").1, b"lab\n", "an empty probe to {port}");
        }
        assert_eq!(ask(40_000, b"hello").1, b"hello");
    }
    replies.retain(|reply| !reply.ends_with(b"lab\n"));
    dissect(&replies);
}

/// tshark's severity of a warning.
const WARNING: u64 = 0x0060_0000;

/// tshark calls every frame well formed, with good checksums.
fn dissect(frames: &[Vec<u8>]) {
    if Command::new("tshark").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "required: tshark is not installed");
        println!("SKIPPED: tshark is not installed");
        return;
    }
    let mut pcap = bytes("d4c3b2a1 0200 0400 00000000 00000000 00000400 01000000");
    for frame in frames {
        let len = u32::try_from(frame.len()).unwrap().to_le_bytes();
        pcap.extend([[0; 4], [0; 4], len, len].concat());
        pcap.extend(frame);
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("replies.pcap");
    std::fs::write(&file, pcap).unwrap();
    let output = Command::new("tshark")
        .args(["-n", "-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"])
        .args(["-T", "fields", "-E", "separator=|", "-e", "_ws.expert.severity"])
        .args(["-e", "udp.checksum.status", "-e", "frame.protocols", "-e", "_ws.expert.message"])
        .arg("-r")
        .arg(&file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(told.lines().count(), frames.len());
    for line in told.lines() {
        let mut fields = line.split('|');
        let severities = fields.next().unwrap().split(',').filter(|text| !text.is_empty());
        let worst = severities.map(|text| text.parse::<u64>().unwrap()).max().unwrap_or(0);
        assert!(worst < WARNING, "tshark objects: {line}");
        assert_eq!(fields.next(), Some("1"), "UDP checksum: {line}");
    }
}
