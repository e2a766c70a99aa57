//! The table of UDP payloads. Each entry says where in its specification the
//! message stands, where the transaction id goes and where an answer repeats it.

/// How an answer is told from other datagrams.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    /// The protocol repeats nothing: addresses and ports decide.
    Anything,
    /// The id stands at this offset; and, where given, the byte at an offset has the
    /// bits of a mask.
    IdAt { at: usize, set: Option<(usize, u8)> },
    /// The id stands somewhere in so many bytes.
    IdWithin(usize),
    /// It starts in one of these ways, which is a form and no secret.
    Begins(&'static [&'static [u8]]),
}

/// One entry.
pub(super) struct Draft {
    pub(super) ports: &'static [u16],
    pub(super) protocol: &'static str,
    pub(super) bytes: Vec<u8>,
    pub(super) id_at: usize,
    pub(super) id_len: usize,
    pub(super) hex: bool,
    pub(super) positive: bool,
    pub(super) answer: Answer,
}

/// A binary message with `id_len` bytes of id at `id_at`, repeated at `at`.
fn binary(
    ports: &'static [u16],
    protocol: &'static str,
    bytes: impl Into<Vec<u8>>,
    (id_at, id_len): (usize, usize),
    answer: Answer,
) -> Draft {
    let bytes = bytes.into();
    Draft { ports, protocol, bytes, id_at, id_len, hex: false, positive: false, answer }
}

const fn at(at: usize) -> Answer {
    Answer::IdAt { at, set: None }
}

/// 16 digits stand for the id in a text.
const ID: &str = "0000000000000000";

/// A text message, the first [`ID`] in it being the id.
fn text(ports: &'static [u16], protocol: &'static str, text: String, within: usize) -> Draft {
    let id_at = text.find(ID).unwrap_or_default();
    let (bytes, answer) = (text.into_bytes(), Answer::IdWithin(within));
    Draft { ports, protocol, bytes, id_at, id_len: 8, hex: true, positive: false, answer }
}

/// A DNS question (RFC 1035, section 4.1): `flags`, then one question.
fn dns(flags: u16, name: &[&str], kind: u16, class: u16) -> Vec<u8> {
    let mut bytes = vec![0, 0];
    bytes.extend(flags.to_be_bytes());
    bytes.extend([0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name {
        bytes.push(label.len() as u8);
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes.extend(kind.to_be_bytes());
    bytes.extend(class.to_be_bytes());
    bytes
}

/// The id first, QR set (RFC 1035, section 4.1.1).
const DNS_ANSWER: Answer = Answer::IdAt { at: 0, set: Some((2, 0x80)) };

/// A BER element.
fn ber(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag, content.len() as u8];
    bytes.extend(content);
    bytes
}

/// SNMPv2c (RFC 1901, RFC 3416): get sysDescr.0 of community "public".
fn snmp() -> Draft {
    let sys_descr = ber(0x06, &[0x2b, 6, 1, 2, 1, 1, 1, 0]);
    let binding = ber(0x30, &[sys_descr, ber(0x05, &[])].concat());
    let request_id = [0x02, 4, 0x40, 0, 0, 0];
    let pdu = [&request_id[..], &[0x02, 1, 0, 0x02, 1, 0], &ber(0x30, &binding)].concat();
    let message = [&[0x02, 1, 1][..], &ber(0x04, b"public"), &ber(0xa0, &pdu)].concat();
    let bytes = ber(0x30, &message);
    let id_at = bytes.windows(6).position(|window| window == request_id).unwrap_or(0) + 2;
    Draft { positive: true, ..binary(&[161], "snmp", bytes, (id_at, 4), Answer::IdWithin(64)) }
}

/// NTP (RFC 5905, section 7.3): version 4, client; the transmit timestamp comes back
/// as origin timestamp.
fn ntp() -> Draft {
    let mut bytes = [0; 48];
    bytes[0] = 0x23;
    binary(&[123], "ntp", bytes, (40, 8), at(24))
}

/// NetBIOS node status of "*" (RFC 1002, section 4.2.17).
fn netbios() -> Draft {
    let mut bytes = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 32];
    // First-level encoding (RFC 1001, section 14.1): each half byte, plus 'A'.
    bytes.extend(b"CK");
    bytes.extend([b'A'; 30]);
    bytes.extend([0, 0, 0x21, 0, 1]);
    binary(&[137], "netbios-ns", bytes, (0, 2), DNS_ANSWER)
}

/// IKEv1 (RFC 2408, section 3.1; RFC 2409): main mode, one proposal of 3DES, SHA-1,
/// pre-shared key, group 2. The initiator's cookie comes back.
fn ike(ports: &'static [u16], marker: bool) -> Draft {
    let attributes: [u8; 16] = [0x80, 1, 0, 5, 0x80, 2, 0, 2, 0x80, 3, 0, 1, 0x80, 4, 0, 2];
    let transform = [&[0, 0, 0, 24, 1, 1, 0, 0][..], &attributes].concat();
    let proposal = [&[0, 0, 0, 32, 1, 1, 0, 1][..], &transform].concat();
    let sa = [&[0, 0, 0, 44, 0, 0, 0, 1, 0, 0, 0, 1][..], &proposal].concat();
    let mut message = vec![0; 16];
    message.extend([1, 0x10, 2, 0, 0, 0, 0, 0, 0, 0, 0, 28 + sa.len() as u8]);
    message.extend(sa);
    if !marker {
        return binary(ports, "ike", message, (0, 8), at(0));
    }
    // The non-ESP marker (RFC 3948, section 2.2).
    let marked = [&[0; 4][..], &message].concat();
    binary(ports, "ike-nat-t", marked, (4, 8), at(4))
}

/// QUIC (RFC 9000, sections 6.1 and 17.2): a long header of a version that no server
/// knows, in a datagram of 1200 bytes; the answer, version negotiation, swaps the
/// connection ids.
fn quic() -> Draft {
    let mut bytes = vec![0xc0];
    bytes.extend([0x1a, 0x2a, 0x3a, 0x4a]);
    bytes.push(8);
    bytes.extend([0x70; 8]);
    bytes.push(8);
    let id_at = bytes.len();
    bytes.extend([0; 8]);
    bytes.resize(1200, 0);
    // Version 0, then our source id as destination id.
    binary(&[443], "quic", bytes, (id_at, 8), at(6))
}

/// STUN binding request (RFC 8489, section 5): 8 of the 12 bytes of its transaction id.
fn stun() -> Draft {
    let mut bytes = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    bytes.extend([0; 12]);
    binary(&[3478, 19302], "stun", bytes, (8, 8), Answer::IdAt { at: 8, set: Some((0, 1)) })
}

/// CoAP GET /.well-known/core (RFC 7252, section 3; RFC 6690): a token of 8 bytes,
/// which an answer of any kind repeats behind its header.
fn coap() -> Draft {
    let mut bytes = vec![0x48, 1, 0x70, 0x72];
    bytes.extend([0; 8]);
    bytes.push(0xbb);
    bytes.extend(b".well-known");
    bytes.push(4);
    bytes.extend(b"core");
    binary(&[5683], "coap", bytes, (4, 8), at(4))
}

/// ONC RPC (RFC 5531, section 9): NULL procedure of the port mapper, version 2
/// (RFC 1833, section 3).
fn rpc() -> Draft {
    let mut bytes = vec![0; 4];
    for word in [0u32, 2, 100_000, 2, 0, 0, 0, 0, 0] {
        bytes.extend(word.to_be_bytes());
    }
    binary(&[111], "rpcbind", bytes, (0, 4), Answer::IdAt { at: 0, set: Some((7, 1)) })
}

/// CLDAP (MS-ADTS 6.3.3; RFC 4511): search of the root DSE for supportedLDAPVersion.
fn cldap() -> Draft {
    let message_id = [0x02, 4, 0x40, 0, 0, 0];
    let search = [
        ber(0x04, b""),
        vec![0x0a, 1, 0, 0x0a, 1, 0, 0x02, 1, 0, 0x02, 1, 0, 0x01, 1, 0],
        ber(0x87, b"objectClass"),
        ber(0x30, &ber(0x04, b"supportedLDAPVersion")),
    ]
    .concat();
    let bytes = ber(0x30, &[&message_id[..], &ber(0x63, &search)].concat());
    Draft { positive: true, ..binary(&[389], "cldap", bytes, (4, 4), Answer::IdWithin(16)) }
}

/// SIP OPTIONS (RFC 3261, section 11); the branch of Via comes back.
fn sip(contact: &str) -> Draft {
    let agent =
        if contact.is_empty() { String::new() } else { format!("User-Agent: {contact}\r\n") };
    text(
        &[5060],
        "sip",
        format!(
            "OPTIONS sip:nobody@invalid SIP/2.0\r\n\
             Via: SIP/2.0/UDP invalid;branch=z9hG4bK{ID};rport\r\n\
             Max-Forwards: 70\r\nTo: <sip:nobody@invalid>\r\n\
             From: <sip:nobody@invalid>;tag=prtip\r\nCall-ID: prtip@invalid\r\n\
             CSeq: 1 OPTIONS\r\nContact: <sip:nobody@invalid>\r\n{agent}\
             Accept: application/sdp\r\nContent-Length: 0\r\n\r\n"
        ),
        512,
    )
}

/// SSDP search (UPnP Device Architecture 1.1, section 1.3.2), unicast: nothing of it
/// comes back.
fn ssdp(contact: &str) -> Draft {
    let agent =
        if contact.is_empty() { String::new() } else { format!("USER-AGENT: {contact}\r\n") };
    let message = format!(
        "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\n\
         MX: 1\r\nST: upnp:rootdevice\r\n{agent}\r\n"
    );
    binary(&[1900], "ssdp", message, (0, 0), Answer::Anything)
}

/// WS-Discovery probe (OASIS WS-Discovery 1.1, section 5.2); RelatesTo repeats the
/// message's id.
fn ws_discovery() -> Draft {
    text(
        &[3702],
        "ws-discovery",
        format!(
            "<?xml version=\"1.0\"?><e:Envelope xmlns:e=\"http://www.w3.org/2003/05/soap-envelope\" \
             xmlns:a=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\" \
             xmlns:d=\"http://schemas.xmlsoap.org/ws/2005/04/discovery\"><e:Header>\
             <a:MessageID>uuid:{ID}</a:MessageID><a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery\
             </a:To><a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action>\
             </e:Header><e:Body><d:Probe/></e:Body></e:Envelope>"
        ),
        1400,
    )
}

/// RADIUS Status-Server (RFC 5997, section 3) with an empty Message-Authenticator:
/// servers that know us not stay silent. The identifier comes back.
fn radius() -> Draft {
    let mut bytes = vec![12, 0, 0, 38];
    bytes.extend([0x5a; 16]);
    bytes.extend([80, 18]);
    bytes.extend([0; 16]);
    binary(&[1812, 1813, 1645, 1646], "radius", bytes, (1, 1), at(1))
}

/// RMCP/ASF presence ping (DSP0136, section 3.2.4.1): message tag and nothing else.
fn asf() -> Draft {
    let bytes = [6, 0, 0xff, 6, 0, 0, 0x11, 0xbe, 0x80, 0, 0, 0];
    binary(&[623], "asf-rmcp", bytes, (9, 1), Answer::IdAt { at: 9, set: Some((8, 0x40)) })
}

/// L2TP SCCRQ (RFC 2661, sections 4.4 and 6.1): message type, version, host name,
/// framing, assigned tunnel id, which comes back in the answer's header.
fn l2tp() -> Draft {
    let avp = |kind: u8, value: &[u8]| {
        let mut bytes = vec![0x80, 6 + value.len() as u8, 0, 0, 0, kind];
        bytes.extend(value);
        bytes
    };
    let avps = [
        avp(0, &[0, 1]),
        avp(2, &[1, 0]),
        avp(3, &[0, 0, 0, 3]),
        avp(7, b"prtip"),
        avp(9, &[0, 0]),
    ]
    .concat();
    let mut bytes = vec![0xc8, 2, 0, 12 + avps.len() as u8];
    bytes.extend([0; 8]);
    bytes.extend(avps);
    let id_at = bytes.len() - 2;
    binary(&[1701], "l2tp", bytes, (id_at, 2), at(4))
}

/// Kademlia-style DHT ping (BEP 5): the transaction id `t` comes back.
fn dht() -> Draft {
    let message = format!("d1:ad2:id20:prtip000000000000000e1:q4:ping1:t16:{ID}1:y1:qe");
    text(&[6881], "bittorrent-dht", message, 256)
}

/// BACnet Who-Is (ASHRAE 135, annex J) as unicast: an I-Am repeats nothing.
fn bacnet() -> Draft {
    let bytes = [0x81, 0x0a, 0, 8, 1, 0, 0x10, 8];
    binary(&[47_808], "bacnet", bytes, (0, 0), Answer::Anything)
}

/// EtherNet/IP ListIdentity (ODVA volume 2, section 2-4.2): the sender context comes
/// back.
fn enip() -> Draft {
    let mut bytes = [0; 24];
    bytes[0] = 0x63;
    binary(&[44_818], "enip", bytes, (12, 8), at(12))
}

/// GTP echo request, version 1 (3GPP TS 29.060, section 7.2.1): its sequence number
/// comes back.
fn gtp() -> Draft {
    let bytes = [0x32, 1, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0];
    binary(&[2123, 2152], "gtp", bytes, (8, 2), Answer::IdAt { at: 8, set: Some((1, 2)) })
}

/// All entries.
pub(super) fn drafts(contact: &str) -> Vec<Draft> {
    vec![
        // version.bind TXT CH, recursion not desired: even servers that refuse say so.
        binary(&[53], "dns", dns(0, &["version", "bind"], 16, 3), (0, 2), DNS_ANSWER),
        // Legacy unicast queries get their id back (RFC 6762, section 6.7).
        binary(
            &[5353],
            "mdns",
            dns(0, &["_services", "_dns-sd", "_udp", "local"], 12, 1),
            (0, 2),
            DNS_ANSWER,
        ),
        // RFC 4795, section 2.1.1: the header of DNS.
        binary(&[5355], "llmnr", dns(0, &["localhost"], 1, 1), (0, 2), DNS_ANSWER),
        ntp(),
        snmp(),
        netbios(),
        ssdp(contact),
        sip(contact),
        ike(&[500], false),
        ike(&[4500], true),
        // Read request (RFC 1350, section 5): an error is an answer, too.
        binary(
            &[69],
            "tftp",
            *b"\x00\x01prtip\0octet\0",
            (0, 0),
            // The first data block, an error, an option acknowledgement (RFC 2347).
            Answer::Begins(&[&[0, 3, 0, 1], &[0, 5], &[0, 6]]),
        ),
        // Frame header with a request id, then "version" (memcached protocol.txt, UDP).
        binary(&[11_211], "memcached", *b"\0\0\0\0\0\x01\0\0version\r\n", (0, 2), at(0)),
        quic(),
        stun(),
        coap(),
        rpc(),
        cldap(),
        ws_discovery(),
        radius(),
        asf(),
        l2tp(),
        dht(),
        bacnet(),
        enip(),
        gtp(),
        // RFC 862: everything comes back.
        binary(&[7], "echo", [0; 8], (0, 8), at(0)),
        // RFC 2453, section 3.9.1: the whole table is asked for.
        binary(
            &[520],
            "rip",
            [1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16],
            (0, 0),
            Answer::Anything,
        ),
        // OpenVPN: hard reset of a client, session id, no acknowledgements, packet 0. The
        // answer acknowledges it with our session id behind its own.
        binary(
            &[1194],
            "openvpn",
            [0x38, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            (1, 8),
            Answer::IdWithin(64),
        ),
        // MS-SQLR section 2.2.2: enumerate all instances.
        binary(&[1434], "ms-sql-browser", [0x03], (0, 0), Answer::Anything),
        // NAT-PMP (RFC 6886, section 3.2): external address.
        binary(&[5351], "nat-pmp", [0, 0], (0, 0), Answer::IdAt { at: 0, set: Some((1, 0x80)) }),
        // RFC 5424, section 6: servers never answer.
        binary(
            &[514],
            "syslog",
            format!("<14>1 - - prtip - - - probe {contact}").trim_end(),
            (0, 0),
            Answer::Anything,
        ),
        // Source engine A2S_INFO.
        binary(
            &[27_015],
            "source-query",
            *b"\xff\xff\xff\xffTSource Engine Query\0",
            (0, 0),
            Answer::Anything,
        ),
        // Bedrock unconnected ping: the time comes back.
        binary(
            &[19_132],
            "minecraft-bedrock",
            [
                1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0xfe, 0xfe, 0xfe, 0xfe, 0xfd, 0xfd,
                0xfd, 0xfd, 0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0, 0, 0, 0, 0,
            ],
            (1, 8),
            at(1),
        ),
    ]
}
