//! Tests of `record`: serde is the oracle of the hot encoder, serde_json's
//! parser that of the escapes.
#![allow(clippy::unwrap_used)]

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::Value;

use super::super::PortState;
use super::super::clock::Clock;
use super::*;
use crate::plan::Protocol;

fn events() -> impl Strategy<Value = PortEvent> {
    let addr = prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
        any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))),
        any::<u32>().prop_map(|bits| IpAddr::V6(Ipv4Addr::from_bits(bits).to_ipv6_mapped())),
    ];
    let reason = prop_oneof![
        Just(Reason::SynAck),
        Just(Reason::Rst),
        Just(Reason::NoResponse),
        Just(Reason::UdpResponse),
        Just(Reason::EchoReply),
        any::<[u8; 6]>().prop_map(|mac| Reason::NdResponse { mac }),
        any::<(u8, u8)>().prop_map(|(kind, code)| Reason::Icmp { kind, code }),
    ];
    let state = prop::sample::select(PortState::ALL.to_vec());
    let protocol = prop::sample::select(vec![Protocol::Tcp, Protocol::Udp, Protocol::Icmp]);
    let state = (state, protocol);
    (addr, any::<u16>(), state, reason, any::<u8>(), any::<Option<u64>>(), any::<u64>()).prop_map(
        |(addr, port, (state, protocol), reason, ttl, rtt_ns, at_ns)| PortEvent {
            addr,
            port,
            protocol,
            state,
            previous: None,
            reason,
            ttl,
            rtt_ns,
            at_ns,
            heard: None,
        },
    )
}

proptest! {
    #[test]
    fn the_hot_encoder_writes_what_serde_writes(event in events(), revised: bool) {
        let ts = Clock::with_origin(Duration::from_secs(1_700_000_000)).rfc3339(event.at_ns);
        let (mut hot, mut serde) = (Vec::with_capacity(PORT_LINE_MAX), Vec::new());
        let room = hot.as_ptr();
        encode_port(&event, revised, &ts, &mut hot);
        encode(&Port::new(&event, revised), &ts, &mut serde);
        prop_assert_eq!(std::str::from_utf8(&hot), std::str::from_utf8(&serde));
        prop_assert_eq!(hot.as_ptr(), room, "the line was moved: it is longer than its maximum");
        prop_assert!(hot.len() <= PORT_LINE_MAX);
    }

    #[test]
    fn hostile_text_stays_one_printable_line_and_reads_back(text in any::<String>()) {
        let record = ScanStarted { args: vec![text.clone()], ..started() };
        let mut line = Vec::new();
        encode(&record, &Clock::start().now_rfc3339(), &mut line);
        prop_assert_eq!(line.pop(), Some(b'\n'));
        prop_assert!(line.iter().all(|byte| (b' '..=b'~').contains(byte)));
        let value: Value = serde_json::from_slice(&line).unwrap();
        prop_assert_eq!(value["args"][0].as_str(), Some(text.as_str()));
    }
}

fn started() -> ScanStarted {
    ScanStarted {
        args: vec!["-p".into(), "80".into()],
        seed: u64::MAX,
        targets: 1 << 60,
        shard: "1/1".into(),
        plan: "00".into(),
        port_engine: "xdp".into(),
        port_engine_why: "asked for".into(),
        xdp_mode: Some("copy".into()),
        interface: "scan0".into(),
        version: "0.1.0".into(),
    }
}

#[test]
fn terminal_escapes_and_bidi_marks_are_escaped() {
    let record = ScanStarted { args: vec!["\x1b[2J\u{9b}\u{202e}\x7f😀\"".into()], ..started() };
    let mut line = Vec::new();
    encode(&record, &Clock::start().now_rfc3339(), &mut line);
    let text = String::from_utf8(line).unwrap();
    assert!(text.contains(r#"\u001b[2J\u009b\u202e\u007f\ud83d\ude00\""#), "{text}");
}

#[test]
fn big_numbers_are_decimal_strings_and_every_record_has_its_envelope() {
    let ts = Clock::with_origin(Duration::ZERO).rfc3339(1_234_567_890);
    let mut line = Vec::new();
    encode(&started(), &ts, &mut line);
    let value: Value = serde_json::from_slice(&line).unwrap();
    assert_eq!(value["schema"], "prtip/1");
    assert_eq!(value["type"], "scan_started");
    assert_eq!(value["ts"], "1970-01-01T00:00:01.234567Z");
    assert_eq!(value["seed"], "18446744073709551615");
    assert_eq!(value["targets"], "1152921504606846976");

    let mut line = Vec::new();
    let probe = Probe { i: 9, attempt: 0, ip: "::1".parse().unwrap(), port: 80, proto: "tcp" };
    encode(&probe, &ts, &mut line);
    assert_eq!(
        String::from_utf8(line).unwrap(),
        "{\"schema\":\"prtip/1\",\"type\":\"probe\",\"ts\":\"1970-01-01T00:00:01.234567Z\",\
         \"i\":\"9\",\"attempt\":0,\"ip\":\"::1\",\"port\":80,\"proto\":\"tcp\"}\n"
    );
}

#[test]
fn the_ledger_has_all_its_fields_and_no_others_but_remarks() {
    let mut line = Vec::new();
    let remarks = ["why".to_owned()];
    let record = LedgerRecord { ledger: &Ledger::default(), steering: None, remarks: &remarks };
    encode(&record, &Clock::start().now_rfc3339(), &mut line);
    let value: Value = serde_json::from_slice(&line).unwrap();
    let mut names: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = vec![
        "schema",
        "type",
        "ts",
        "generated",
        "unsent",
        "submitted",
        "completed",
        "tx_failed",
        "tx_again",
        "retries",
        "rsts",
        "rx_steered",
        "rx_valid",
        "rx_duplicate",
        "rx_control",
        "control",
        "resent",
        "rx_invalid",
        "rx_late",
        "ring_drops",
        "nic_drops",
        "results",
        "event_drops",
        "neighbour_requests",
        "neighbour_replies",
        "unaccounted",
        "remarks",
    ];
    names.sort_unstable();
    expected.sort_unstable();
    assert_eq!(names, expected);
}
