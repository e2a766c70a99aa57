//! Any packet is an answer to a probe or none, by both families; what answers say is a
//! fingerprint that can be read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use prtip_engine::os::probe::Flow;
use prtip_engine::os::reply::{origin, read};
use prtip_engine::os::{Answers, Host, Next};
use prtip_signatures::os::Fingerprint;

fuzz_target!(|input: (bool, Vec<Vec<u8>>)| {
    let (v6, packets) = input;
    let flow = Flow {
        source: if v6 { "2001:2::1" } else { "198.18.0.1" }.parse().unwrap(),
        target: if v6 { "2001:2::2" } else { "198.18.0.2" }.parse().unwrap(),
        open: 80,
        closed: 1,
        closed_udp: 40_000,
        first_port: 30_000,
        seq: u32::MAX - 2,
        ack: 7,
        id: 7,
    };
    let (mut answers, mut host) = (Answers::new(flow), Host::new(flow, true, false));
    answers.sent_ns = [1; 16];
    for packet in &packets {
        let _ = origin(packet);
        if let Next::Send(probe) = host.next(u64::MAX / 2) {
            host.sent(probe, 1);
        }
        host.take(packet, 2);
        if let Some((probe, reply)) = read(packet, &flow) {
            answers.replies[probe.index()] = Some(reply);
        }
    }
    let text = answers.fingerprint().to_string();
    assert_eq!(Fingerprint::parse(text.as_bytes()).unwrap().to_string(), text);
    let _ = (answers.doubts(), answers.routers(), answers.uptime_s(), answers.ip_id_class());
});
