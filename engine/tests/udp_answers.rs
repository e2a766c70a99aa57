//! Golden answers: what a server makes of our request, written once more from
//! the specifications, is accepted; with another token or cut short it is not.

#![allow(clippy::unwrap_used)]

use prtip_engine::udp::{MAX_PAYLOAD, Payload, Payloads};

const TOKEN: u64 = 0x8f3a_51c7_2be6_094d;

fn written(payload: &Payload, token: u64) -> Vec<u8> {
    let mut out = vec![0; MAX_PAYLOAD];
    let len = payload.write(token, &mut out);
    out.truncate(len);
    out
}

/// The first place of `text` in `bytes`, and what follows it.
fn after<'a>(bytes: &'a [u8], text: &str) -> &'a [u8] {
    let place = bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
    &bytes[place + text.len()..]
}

fn line<'a>(bytes: &'a [u8], header: &str) -> &'a str {
    let rest = std::str::from_utf8(after(bytes, header)).unwrap();
    rest.split("\r\n").next().unwrap()
}

/// A server's answer to `request`; `None` for protocols that repeat nothing.
fn answer(protocol: &str, request: &[u8]) -> Option<Vec<u8>> {
    let part = |from: usize, to: usize| request[from..to].to_vec();
    Some(match protocol {
        // Response with one answer behind the question; NetBIOS leaves it out.
        "dns" | "mdns" | "llmnr" => {
            [&request[..2], &[0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0], &request[12..], &[0xc0, 12]]
                .concat()
        }
        "netbios-ns" => {
            [&request[..2], &[0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0], &request[12..]].concat()
        }
        // Mode 4, stratum 2; our transmit timestamp as the origin's.
        "ntp" => [&[0x24, 2, 6, 0xe8], &[1; 20][..], &request[40..48], &[2; 16]].concat(),
        "snmp" => {
            // A long community and long-form lengths; request-id copied.
            let id = &after(request, "public")[4..8];
            let values = [0x02, 1, 0, 0x02, 1, 0, 0x30, 2, 0x05, 0];
            let pdu = [&[0xa2, 0x82, 0, 16, 0x02, 4], id, &values].concat();
            let head = [0x30, 0x81, 31, 0x02, 1, 0, 0x04, 6];
            [&head[..], b"public", &pdu].concat()
        }
        // REPLY, accepted, verifier none, success.
        "rpcbind" | "nfs" => [&request[..4], &[0, 0, 0, 1], &[0; 16]].concat(),
        // The entry with its metric filled in.
        "rip" => [&[2, 2], &request[2..20], &[0, 0, 0, 16]].concat(),
        "memcached" => [&request[..8], b"VERSION 1.6.18\r\n"].concat(),
        "echo" => request.to_vec(),
        "ws-discovery" => {
            let id = &after(request, "MessageID>")[..45];
            [b"<Envelope><Header><RelatesTo>", id, b"</RelatesTo></Header></Envelope>"].concat()
        }
        // SrvTypeRply.
        "slp" => [&[2, 10, 0, 0, 20, 0, 0, 0, 0, 0], &request[10..16], &[0; 4]].concat(),
        "amt" => [&[2, 0, 0, 0], &request[4..8], &[192, 0, 2, 1]].concat(),
        // Authentication, then an origin indication and an advertisement.
        "teredo" => [&request[..13], &[0, 0, 0xee, 0x47, 0xf5, 0xfe], &request[13..]].concat(),
        // Both SPIs, a notification.
        "ike" => [&request[..8], &[7; 8], &[11, 0x10, 5, 0], &[0; 8]].concat(),
        "ike-nat-t" => [&[0; 4], &request[4..12], &[7; 8], &[41, 0x20, 34, 0x20], &[0; 8]].concat(),
        // Version 0, connection ids exchanged, versions 1 and 2.
        "quic" => {
            let (theirs, ours) = (part(6, 14), part(15, 23));
            let versions = [0, 0, 0, 1, 0x6b, 0x33, 0x43, 0xcf];
            [&[0x9c, 0, 0, 0, 0, 8][..], &ours, &[8], &theirs, &versions].concat()
        }
        // Hard reset of the server, acknowledging packet 0.
        "openvpn" => {
            let ours = part(1, 9);
            [&[8 << 3], &[9; 8][..], &[1, 0, 0, 0, 0], &ours, &[0; 4]].concat()
        }
        // SCCRP to the tunnel that we assigned: the last AVP.
        "l2tp" => {
            let tunnel = part(request.len() - 2, request.len());
            [&[0xc8, 2, 0, 20], &tunnel[..], &[0, 0, 0, 0, 0, 1], &[0x80, 8, 0, 0, 0, 0, 0, 2]]
                .concat()
        }
        // Access-Reject with the attribute that must be returned.
        "radius" => {
            let state = part(request.len() - 10, request.len());
            [&[3, request[1], 0, 30], &[5; 16][..], &state].concat()
        }
        "radius-acct" => [&[5, request[1], 0, 20], &[5; 16][..]].concat(),
        // SearchResultDone.
        "cldap" => [&[0x30, 13], &request[2..8], &[0x65, 7, 10, 1, 0, 4, 0, 4, 0]].concat(),
        "rdp-udp" => [&request[8..12], &[0, 64, 0, 5], &[0, 0, 0, 66], &request[12..]].concat(),
        "sip" => format!(
            "SIP/2.0 404 Not Found\r\nv:{}\r\nf:{}\r\nt: <sip:prtip.invalid>;tag=1\r\ni:{}\r\n\
             CSeq: 1 OPTIONS\r\nl: 0\r\n\r\n",
            line(request, "Via:"),
            line(request, "From:"),
            line(request, "Call-ID:")
        )
        .into_bytes(),
        // Success response, an attribute of eight bytes.
        "stun" => [&[1, 1, 0, 12], &request[4..20], &[0, 0x20, 0, 8], &[0; 8]].concat(),
        // PONG: their call number, then ours without the F bit.
        "iax2" => {
            let ours = [request[0] & 0x7f, request[1]];
            [&[0x80, 77], &ours[..], &[0; 4], &[0, 1, 6, 3]].concat()
        }
        "gtp-c" => [&[0x40, 2, 0, 9], &request[4..8], &[3, 0, 1, 0, 9]].concat(),
        "gtp-u" => [&[0x32, 2, 0, 6], &request[4..12], &[14, 0]].concat(),
        "mumble" => [&[0, 1, 5, 0], &request[4..12], &[0; 12]].concat(),
        // Piggybacked 2.05 with our token.
        "coap" => [&[0x68, 0x45], &request[2..12], &[0xff, b'<', b'>']].concat(),
        // Complex-ACK.
        "bacnet" => {
            let value = [0x0c, 0x0c, 2, 0, 0, 1, 0x19, 75, 0x3e, 0xc4, 2, 0, 0, 1, 0x3f];
            [&[0x81, 10, 0, 23, 1, 0, 0x30, request[8]], &value[..]].concat()
        }
        "enip" => [&[0x63, 0, 6, 0], &request[4..24], &[1, 0, 0x0c, 0, 0, 0]].concat(),
        // Presence pong.
        "rmcp" => {
            [&[6, 0, 255, 6, 0, 0, 0x11, 0xbe, 0x40, request[9], 0, 16], &[0; 16][..]].concat()
        }
        "quake3" => {
            let challenge = &after(request, "getinfo ")[..16];
            [b"\xff\xff\xff\xffinfoResponse\n\\challenge\\", challenge, b"\\protocol\\68"].concat()
        }
        "raknet" => [&[0x1c], &request[1..9], &[3; 8], &request[9..25], &[0, 0]].concat(),
        "bittorrent-dht" => {
            let id = &after(request, "1:t8:")[..8];
            [b"d1:rd2:id20:abcdefghij0123456789e1:t8:", id, b"1:y1:re"].concat()
        }
        _ => return None,
    })
}

#[test]
fn an_answer_to_our_probe_is_accepted_and_to_another_it_is_not() {
    for payload in Payloads::new(None).unwrap().iter() {
        let name = payload.protocol;
        let request = written(payload, TOKEN);
        let Some(reply) = answer(name, &request) else {
            assert_eq!(payload.transaction_bits(), 0, "{name} has no golden answer");
            assert_eq!(payload.repeats, "", "{name}");
            assert!(payload.accepts(TOKEN, b"") && payload.accepts(TOKEN, b"anything"), "{name}");
            continue;
        };
        assert!(payload.transaction_bits() > 0 && !payload.repeats.is_empty(), "{name}");
        assert!(payload.accepts(TOKEN, &reply), "{name}");
        // Another probe differs in any of the bits that are checked: at least as
        // many as are told, since searching costs some of them.
        let foreign = (0..64).filter(|bit| !payload.accepts(TOKEN ^ 1 << bit, &reply)).count();
        assert!(foreign >= payload.transaction_bits() as usize, "{name}: {foreign}");
        assert!(foreign <= payload.transaction_bits() as usize + 11, "{name}: {foreign}");
        // Nothing short of the field will do, and an answer to another probe neither.
        assert!(!payload.accepts(TOKEN, b""), "{name}");
        let other = answer(name, &written(payload, !TOKEN)).unwrap();
        assert!(!payload.accepts(TOKEN, &other), "{name}");
        assert!(payload.accepts(!TOKEN, &other), "{name}");
        let shortest =
            (0..=reply.len()).find(|&len| payload.accepts(TOKEN, &reply[..len])).unwrap();
        assert!((1..=reply.len()).contains(&shortest), "{name}");
        for len in shortest..=reply.len() {
            assert!(payload.accepts(TOKEN, &reply[..len]), "{name} cut to {len}");
        }
    }
}

/// Where payloads tell a length: its bytes, and how many bytes it leaves out.
const LENGTHS: &[(&str, std::ops::Range<usize>, usize)] = &[
    ("slp", 2..5, 0),
    ("ike", 24..28, 0),
    ("ike-nat-t", 28..32, 4),
    ("dtls", 11..13, 13),
    ("dtls", 14..17, 25),
    ("dtls", 22..25, 25),
    ("l2tp", 2..4, 0),
    ("radius", 2..4, 0),
    ("radius-acct", 2..4, 0),
    ("kerberos", 2..3, 3),
    ("cldap", 1..2, 2),
    ("snmp", 1..2, 2),
    ("stun", 2..4, 20),
    ("gtp-c", 2..4, 4),
    ("gtp-u", 2..4, 8),
    ("bacnet", 2..4, 0),
    ("xdmcp", 4..6, 6),
    ("teredo", 17..19, 53),
];

#[test]
fn payloads_are_as_long_as_they_say() {
    for contact in [None, Some("ab"), Some("scan@example.org"), Some(&*"x".repeat(64))] {
        let payloads = Payloads::new(contact).unwrap();
        for (name, place, head) in LENGTHS {
            let payload = payloads.iter().find(|payload| payload.protocol == *name).unwrap();
            let told = written(payload, TOKEN)[place.clone()]
                .iter()
                .fold(0, |told, &byte| told << 8 | usize::from(byte));
            assert_eq!(told + head, payload.len(), "{name} with {contact:?}");
        }
    }
}

#[test]
fn padded_payloads_have_the_length_that_their_protocols_ask_for() {
    let payloads = Payloads::new(None).unwrap();
    let padded: Vec<(&str, usize)> = payloads
        .iter()
        .filter(|payload| payload.padded_from().is_some_and(|from| from < payload.len()))
        .map(|payload| (payload.protocol, payload.len()))
        .collect();
    assert_eq!(padded, [("quic", 1200), ("rdp-udp", 1232)]);
    let longest = payloads.iter().filter(|payload| payload.padded_from().is_none());
    assert!(longest.map(Payload::len).max().unwrap() < 700);
}

#[test]
fn false_answers_are_as_unlikely_as_ports_and_transaction_make_them() {
    let payloads = Payloads::new(None).unwrap();
    let bits = |port: u16| payloads.of(port).false_accept_bits(12.0);
    assert!((bits(53) - 28.0).abs() < 1e-9);
    assert!((bits(123) - 76.0).abs() < 1e-9);
    assert!((bits(1) - 12.0).abs() < 1e-9);
}
