//! Keys, identities, tunnels and encrypted transports: the first message of each.

use super::draft::{Draft, Form, Service};
use super::echo::Echo;

pub(super) const SERVICES: &[Service] = &[
    Service {
        protocol: "ike",
        ports: &[500],
        source: "RFC 2408 §3, RFC 2409 §5.4, RFC 3602",
        sends: "IKEv1 main mode, one SA with four transforms",
        draft: |contact| ike_v1(Draft::new(), contact),
    },
    Service {
        protocol: "ike-nat-t",
        ports: &[4500],
        source: "RFC 7296 §1.2, §2.23, §3, RFC 3948 §2.2",
        sends: "IKEv2 IKE_SA_INIT behind the non-ESP marker",
        draft: ike_v2,
    },
    Service {
        protocol: "quic",
        ports: &[443, 853, 8443],
        source: "RFC 9000 §6, §14.1, §15, §17.2",
        sends: "a long header of a reserved version, padded: asks for Version Negotiation",
        draft: quic,
    },
    Service {
        protocol: "dtls",
        ports: &[4433, 5349, 5684, 10_161],
        source: "RFC 6347 §4.1, §4.2.2, RFC 5246 §7.4.1.2",
        sends: "DTLS 1.2 ClientHello without a cookie",
        draft: dtls,
    },
    Service {
        protocol: "openvpn",
        ports: &[1194],
        source: "OpenVPN wire protocol, P_CONTROL_HARD_RESET_CLIENT_V2",
        sends: "hard reset of a client",
        draft: openvpn,
    },
    Service {
        protocol: "l2tp",
        ports: &[1701],
        source: "RFC 2661 §3.1, §6.1",
        sends: "Start-Control-Connection-Request",
        draft: l2tp,
    },
    Service {
        protocol: "radius",
        ports: &[1812, 1645],
        source: "RFC 2865 §3, §4.1, §5.33",
        sends: "Access-Request of user prtip; only clients that share a secret are answered",
        draft: radius,
    },
    Service {
        protocol: "radius-acct",
        ports: &[1813, 1646],
        source: "RFC 5997 §3, RFC 2869 §5.14",
        sends: "Status-Server; only clients that share a secret are answered",
        draft: radius_status,
    },
    Service {
        protocol: "kerberos",
        ports: &[88],
        source: "RFC 4120 §5.4.1, §7.2.1",
        sends: "AS-REQ for the realm PRTIP.INVALID",
        draft: kerberos,
    },
    Service {
        protocol: "cldap",
        ports: &[389],
        source: "RFC 4511 §4.5.1, RFC 4512 §5.1; over UDP: RFC 1798 (historic)",
        sends: "search of the root DSE for supportedLDAPVersion",
        draft: cldap,
    },
    Service {
        protocol: "rdp-udp",
        ports: &[3389],
        source: "MS-RDPEUDP §2.2.2, §3.1.5.1.1",
        sends: "SYN, padded as the specification asks",
        draft: rdp_udp,
    },
];

/// Each pairs a cipher, a hash, a group and pre-shared keys: what old and new
/// responders know.
#[rustfmt::skip]
const TRANSFORMS: [[usize; 4]; 4] = [
    // cipher, key length in bits (0: fixed), hash, group
    [7, 256, 4, 14],    // AES-CBC, SHA2-256, 2048-bit MODP
    [7, 128, 2, 14],    // AES-CBC, SHA-1, 2048-bit MODP
    [7, 128, 2, 2],     // AES-CBC, SHA-1, 1024-bit MODP
    [5, 0, 2, 2],       // 3DES-CBC, SHA-1, 1024-bit MODP
];

fn ike_v1(draft: Draft, contact: Option<&str>) -> Draft {
    let mut transforms = Vec::new();
    for (place, [cipher, bits, hash, group]) in TRANSFORMS.into_iter().enumerate() {
        // Authentication by pre-shared key; lifetime in seconds: 28800.
        let mut attributes =
            vec![(1, cipher), (2, hash), (3, 1), (4, group), (11, 1), (12, 28_800)];
        if bits != 0 {
            attributes.push((14, bits));
        }
        let more = if place + 1 < TRANSFORMS.len() { 3 } else { 0 };
        let len = 8 + 4 * attributes.len();
        // Transform number, KEY_IKE, reserved.
        let mut text = Draft::new().bytes(&[more, 0]).short(len);
        text = text.bytes(&[place as u8 + 1, 1, 0, 0]);
        for (kind, value) in attributes {
            text = text.short(0x8000 | kind).short(value);
        }
        transforms.extend_from_slice(&text.bytes);
    }
    let proposal = 8 + transforms.len();
    let association = 12 + proposal;
    let vendor = contact.map_or(0, |text| 4 + text.len());
    let draft = draft
        .token(SPI)
        .zeros(8)
        // SA first, version 1.0, Identity Protection, no flags, message id 0.
        .bytes(&[1, 0x10, 2, 0, 0, 0, 0, 0])
        .bytes(&((28 + association + vendor) as u32).to_be_bytes())
        // SA: a vendor id or nothing follows; DOI IPsec, situation identity only.
        .bytes(&[if vendor > 0 { 13 } else { 0 }, 0])
        .short(association)
        .bytes(&[0, 0, 0, 1, 0, 0, 0, 1])
        // Proposal 1: PROTO_ISAKMP, no SPI.
        .bytes(&[0, 0])
        .short(proposal)
        .bytes(&[1, 1, 0, TRANSFORMS.len() as u8])
        .bytes(&transforms);
    vendor_id(draft, contact).repeats("initiator cookie, bytes 0–7", Echo::At(0, SPI))
}

/// An SPI or initiator cookie is never zero (RFC 7296 §3.1), and one that starts
/// with four zero bytes is taken for the non-ESP marker (RFC 3948 §2.2).
const SPI: Form = Form::number(8, 63, 1 << 63);

/// A vendor id may be any text (RFC 2408 §3.16, RFC 7296 §3.12).
fn vendor_id(draft: Draft, contact: Option<&str>) -> Draft {
    match contact {
        Some(text) => draft.bytes(&[0, 0]).short(4 + text.len()).text(text),
        None => draft,
    }
}

/// Port 4500 gets the newer version, so that a responder that has turned one of
/// the two off shows itself on the other port.
#[rustfmt::skip]
fn ike_v2(contact: Option<&str>) -> Draft {
    const TRANSFORMS: &[u8] = &[
        3, 0, 0, 12, 1, 0, 0, 12, 0x80, 14, 1, 0, // ENCR_AES_CBC, 256 bits
        3, 0, 0, 12, 1, 0, 0, 12, 0x80, 14, 0, 128, // ENCR_AES_CBC, 128 bits
        3, 0, 0, 8, 2, 0, 0, 5,         // PRF_HMAC_SHA2_256
        3, 0, 0, 8, 2, 0, 0, 2,         // PRF_HMAC_SHA1
        3, 0, 0, 8, 3, 0, 0, 12,        // AUTH_HMAC_SHA2_256_128
        3, 0, 0, 8, 3, 0, 0, 2,         // AUTH_HMAC_SHA1_96
        3, 0, 0, 8, 4, 0, 0, 31,        // Curve25519
        3, 0, 0, 8, 4, 0, 0, 19,        // 256-bit random ECP
        0, 0, 0, 8, 4, 0, 0, 14,        // 2048-bit MODP
    ];
    let proposal = 8 + TRANSFORMS.len();
    let association = 4 + proposal;
    let vendor = contact.map_or(0, |text| 4 + text.len());
    let draft = Draft::new()
        .zeros(4)                       // the non-ESP marker
        .token(SPI)
        .zeros(8)
        .bytes(&[33, 0x20, 34, 0x08, 0, 0, 0, 0]) // SA first, IKE_SA_INIT, from the initiator
        .bytes(&((28 + association + 40 + 20 + vendor) as u32).to_be_bytes())
        .bytes(&[34, 0]).short(association)
        .bytes(&[0, 0]).short(proposal).bytes(&[1, 1, 0, 9])
        .bytes(TRANSFORMS)
        // KE: the base point of Curve25519 (RFC 7748 §4.1), since no key will follow.
        .bytes(&[40, 0, 0, 40, 0, 31, 0, 0, 9]).zeros(31)
        // Nonce.
        .bytes(&[if vendor > 0 { 43 } else { 0 }, 0, 0, 20])
        .token(Form::LONG)
        .token(Form::LONG);
    vendor_id(draft, contact).repeats("initiator SPI, bytes 4–11", Echo::At(4, SPI))
}

/// A server drops a first datagram below 1200 bytes (RFC 9000 §14.1), and
/// answers a version that it does not know with those that it does.
#[rustfmt::skip]
fn quic(_: Option<&str>) -> Draft {
    Draft::new()
        .bytes(&[0xc0])                 // long header, fixed bit
        .bytes(&[0x1a, 0x2a, 0x3a, 0x4a]) // of the versions reserved for this purpose
        .bytes(&[8]).token(Form::LONG)  // destination connection id
        .bytes(&[8]).token(Form::LONG)  // source connection id
        // What follows belongs to the version (RFC 8999 §5.1). It has the shape of an
        // Initial, lest a middlebox think it broken: no token, then 1174 bytes.
        .bytes(&[0, 0x44, 0x96])
        .padded_to(1200)
        .repeats("both connection ids of Version Negotiation", Echo::QuicVersions(Form::LONG))
}

/// No field of a ServerHello repeats ours, so nothing is checked.
#[rustfmt::skip]
fn dtls(_: Option<&str>) -> Draft {
    const SUITES: &[u8] = &[
        0xc0, 0x2b, 0xc0, 0x2f, 0xc0, 0x2c, 0xc0, 0x30, // ECDHE with AES-GCM (RFC 5289)
        0xc0, 0x0a, 0xc0, 0x14,         // ECDHE with AES-256-CBC (RFC 8422)
        0xc0, 0xae, 0xc0, 0xa8,         // CoAP's: ECDHE-ECDSA and PSK with AES-CCM-8
        0x00, 0x9c, 0x00, 0x2f,         // RSA with AES
    ];
    const EXTENSIONS: &[u8] = &[
        0, 10, 0, 8, 0, 6, 0, 29, 0, 23, 0, 24, // groups x25519, secp256r1, secp384r1
        0, 11, 0, 2, 1, 0,              // points uncompressed
        0, 13, 0, 12, 0, 10, 4, 3, 8, 4, 4, 1, 5, 3, 2, 1, // signature algorithms
        0xff, 1, 0, 1, 0,               // secure renegotiation (RFC 5746)
    ];
    let hello = 2 + 32 + 1 + 1 + 2 + SUITES.len() + 2 + 2 + EXTENSIONS.len();
    Draft::new()
        .bytes(&[22, 0xfe, 0xff])       // handshake; the first record may say DTLS 1.0
        .zeros(2 + 6)                   // epoch and sequence number
        .short(12 + hello)
        .bytes(&[1, 0]).short(hello)    // ClientHello, its length
        .zeros(2)                       // message 0
        .zeros(3).bytes(&[0]).short(hello) // one fragment
        .bytes(&[0xfe, 0xfd])           // DTLS 1.2
        .bytes(b"prtip: a probe, no more is meant") // random
        .bytes(&[0, 0])                 // no session, no cookie
        .short(SUITES.len()).bytes(SUITES)
        .bytes(&[1, 0])                 // no compression
        .short(EXTENSIONS.len()).bytes(EXTENSIONS)
}

#[rustfmt::skip]
fn openvpn(_: Option<&str>) -> Draft {
    Draft::new()
        .bytes(&[7 << 3])               // opcode 7, key 0
        .token(Form::LONG)
        .bytes(&[0])                    // nothing acknowledged
        .zeros(4)                       // packet 0
        .repeats("remote session id behind the acknowledged packets",
            Echo::OpenVpnSession(Form::LONG))
}

fn l2tp(contact: Option<&str>) -> Draft {
    let tunnel = Form::number(2, 15, 0x8000);
    let host = format!("prtip{}{}", contact.map_or("", |_| " "), contact.unwrap_or(""));
    // All mandatory: message type 1, protocol version 1.0, framing sync and
    // async, host name, the tunnel id that answers are sent to.
    let draft = Draft::new()
        .bytes(&[0xc8, 2])
        .short(12 + 8 + 8 + 10 + 6 + host.len() + 8)
        // Tunnel and session not known yet, Ns and Nr 0.
        .zeros(8)
        .bytes(&[0x80, 8, 0, 0, 0, 0, 0, 1])
        .bytes(&[0x80, 8, 0, 0, 0, 2, 1, 0])
        .bytes(&[0x80, 10, 0, 0, 0, 3, 0, 0, 0, 3]);
    draft
        .short(0x8000 | (6 + host.len()))
        .bytes(&[0, 0, 0, 7])
        .text(&host)
        .bytes(&[0x80, 8, 0, 0, 0, 9])
        .token(tunnel)
        .repeats("tunnel id, bytes 4–5", Echo::At(4, tunnel))
}

/// Proxy-State comes back unmodified, whatever the answer.
fn radius(contact: Option<&str>) -> Draft {
    let name = contact.unwrap_or("prtip");
    Draft::new()
        .bytes(&[1])
        .token(Form::BYTE)
        .short(20 + 7 + 18 + 2 + name.len() + 10)
        // Request authenticator.
        .token(Form::LONG)
        .token(Form::LONG)
        .bytes(&[1, 7])
        .text("prtip")
        // User-Password: hidden with a secret that we do not have.
        .bytes(&[2, 18])
        .zeros(16)
        // NAS-Identifier.
        .bytes(&[32, 2 + name.len() as u8])
        .text(name)
        .bytes(&[33, 10])
        .token(Form::LONG)
        .repeats("Proxy-State, anywhere", Echo::Within(Form::LONG))
}

fn radius_status(contact: Option<&str>) -> Draft {
    let name = contact.unwrap_or("prtip");
    Draft::new()
        .bytes(&[12])
        .token(Form::BYTE)
        .short(20 + 2 + name.len() + 18)
        .token(Form::LONG)
        .token(Form::LONG)
        .bytes(&[32, 2 + name.len() as u8])
        .text(name)
        // Message-Authenticator: keyed with a secret that we do not have.
        .bytes(&[80, 18])
        .zeros(16)
        .repeats("identifier, byte 1", Echo::At(1, Form::BYTE))
}

/// A KDC answers a realm that it does not serve with a KRB-ERROR. The nonce comes
/// back encrypted or not at all.
fn kerberos(_: Option<&str>) -> Draft {
    let integer = |number: u8| der(0x02, &[&[number]]);
    let text = |text: &str| der(0x1b, &[text.as_bytes()]);
    let realm = "PRTIP.INVALID";
    // NT-SRV-INST, krbtgt/REALM.
    let server = der(
        0x30,
        &[&der(0xa0, &[&integer(2)]), &der(0xa1, &[&der(0x30, &[&text("krbtgt"), &text(realm)])])],
    );
    // NT-PRINCIPAL.
    let client =
        der(0x30, &[&der(0xa0, &[&integer(1)]), &der(0xa1, &[&der(0x30, &[&text("prtip")])])]);
    let body = der(
        0x30,
        &[
            &der(0xa0, &[&der(0x03, &[&[0, 0, 0, 0, 0]])]),
            &der(0xa1, &[&client]),
            &der(0xa2, &[&text(realm)]),
            &der(0xa3, &[&server]),
            &der(0xa5, &[&der(0x18, &[b"20370101000000Z"])]),
            &der(0xa7, &[&integer(1)]),
            // AES-256 and AES-128 (RFC 3962), RC4 (RFC 4757).
            &der(0xa8, &[&der(0x30, &[&integer(18), &integer(17), &integer(23)])]),
        ],
    );
    let request =
        der(0x30, &[&der(0xa1, &[&integer(5)]), &der(0xa2, &[&integer(10)]), &der(0xa4, &[&body])]);
    Draft::new().bytes(&der(0x6a, &[&request]))
}

/// A DER element of `parts`.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let contents = parts.concat();
    let mut element = match contents.len() {
        len @ 0..0x80 => vec![tag, len as u8],
        len => vec![tag, 0x81, u8::try_from(len).expect("payloads are short")],
    };
    element.extend(contents);
    element
}

#[rustfmt::skip]
fn cldap(_: Option<&str>) -> Draft {
    Draft::new()
        .bytes(&[0x30, 62, 0x02, 4])    // LDAPMessage, messageID
        .token(Form::INTEGER)
        .bytes(&[
            0x63, 54,                   // SearchRequest
            0x04, 0,                    // baseObject: the root
            0x0a, 1, 0,                 // scope: the object itself
            0x0a, 1, 0,                 // aliases are not followed
            0x02, 1, 0,                 // no limit of size
            0x02, 1, 0,                 // no limit of time
            0x01, 1, 0,                 // values too
            0x87, 11,                   // present:
        ])
        .text("objectClass")
        .bytes(&[0x30, 22, 0x04, 20])
        .text("supportedLDAPVersion")
        .repeats("messageID", Echo::LdapMessageId(Form::INTEGER))
}

#[rustfmt::skip]
fn rdp_udp(_: Option<&str>) -> Draft {
    Draft::new()
        .bytes(&[0xff, 0xff, 0xff, 0xff]) // snSourceAck -1
        .bytes(&[0, 64])                // receive window, packets
        .bytes(&[0, 1])                 // SYN
        .token(Form::WORD)
        .short(1232).short(1232)        // MTU up and down
        .padded_to(1232)
        .repeats("snSourceAck, bytes 0–3", Echo::At(0, Form::WORD))
}
