//! Names: DNS and its relatives, all in the message format of RFC 1035 §4.1.

use super::draft::{Draft, Form, Service};
use super::echo::Echo;

pub(super) const SERVICES: &[Service] = &[
    Service {
        protocol: "dns",
        ports: &[53],
        source: "RFC 1035 §4.1",
        sends: "query for the name servers of the root",
        // Recursion desired: forwarders answer nothing else.
        draft: |_| question(0x0100, b"\0", 2),
    },
    Service {
        protocol: "mdns",
        ports: &[5353],
        source: "RFC 6762 §6.7, RFC 6763 §9",
        sends: "one-shot query for the service types, _services._dns-sd._udp.local PTR",
        draft: |_| question(0, b"\x09_services\x07_dns-sd\x04_udp\x05local\0", 12),
    },
    Service {
        protocol: "llmnr",
        ports: &[5355],
        source: "RFC 4795 §2.1",
        sends: "query for the name of 127.0.0.1; unicast queries need not be answered",
        draft: |_| question(0, b"\x011\x010\x010\x03127\x07in-addr\x04arpa\0", 12),
    },
    Service {
        protocol: "netbios-ns",
        ports: &[137],
        source: "RFC 1002 §4.2.17",
        sends: "node status request of the name *",
        draft: |_| question(0, &node_name(), 0x21),
    },
];

/// A message with one question of class IN.
fn question(flags: usize, name: &[u8], kind: usize) -> Draft {
    Draft::new()
        .token(Form::SHORT)
        .short(flags)
        // One question, no answers, authorities or additional records.
        .short(1)
        .zeros(6)
        .bytes(name)
        .short(kind)
        .short(1)
        .repeats("ID, bytes 0–1", Echo::At(0, Form::SHORT))
}

/// The wildcard name in the first-level encoding of RFC 1001 §14.1: sixteen
/// bytes, `*` and zeros, each half of a byte as a letter from `A` on.
fn node_name() -> [u8; 34] {
    let mut name = [b'A'; 34];
    name[0] = 32;
    name[1] = b'A' + (b'*' >> 4);
    name[2] = b'A' + (b'*' & 0xf);
    name[33] = 0;
    name
}
