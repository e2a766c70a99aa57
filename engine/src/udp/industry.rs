//! Things: controllers, buildings, baseboards, constrained devices.

use super::draft::{Draft, Form, Service};
use super::echo::Echo;

pub(super) const SERVICES: &[Service] = &[
    Service {
        protocol: "coap",
        ports: &[5683],
        source: "RFC 7252 §3, §5.3.1, RFC 6690 §4",
        sends: "confirmable GET /.well-known/core",
        draft: coap,
    },
    Service {
        protocol: "bacnet",
        ports: &[47_808],
        source: "ANSI/ASHRAE 135 Annex J, §6.2, §20.1.2, §15.5",
        sends: "ReadProperty of the device's object-identifier",
        draft: bacnet,
    },
    Service {
        protocol: "enip",
        ports: &[44_818],
        source: "CIP Networks Library vol. 2 §2-4.2, ListIdentity",
        sends: "ListIdentity",
        draft: enip,
    },
    Service {
        protocol: "rmcp",
        ports: &[623],
        source: "DSP0136 (ASF 2.0) §3.2.4.3, IPMI 2.0 §13.2.3",
        sends: "ASF presence ping",
        draft: rmcp,
    },
];

/// The message id comes back in an acknowledgement and in a reset alike
/// (RFC 7252 §4.2), the token in responses only.
#[rustfmt::skip]
fn coap(_: Option<&str>) -> Draft {
    Draft::new()
        .bytes(&[0x48, 1])              // version 1, confirmable, token of 8 bytes; GET
        .token(Form::SHORT)
        .token(Form::LONG)
        .bytes(&[0xbb]).text(".well-known") // Uri-Path: option 11, 11 bytes
        .bytes(&[0x04]).text("core")    // once more, 4 bytes
        .repeats("message id, bytes 2–3", Echo::At(2, Form::SHORT))
}

#[rustfmt::skip]
fn bacnet(_: Option<&str>) -> Draft {
    Draft::new()
        .bytes(&[
            0x81, 0x0a, 0, 17,          // BACnet/IP, original unicast, length
            1, 0x04,                    // NPDU version 1, an answer is expected
            0x00, 0x05,                 // confirmed request, up to 1476 bytes
        ])
        .token(Form::BYTE)
        .bytes(&[
            12,                         // ReadProperty
            0x0c, 0x02, 0x3f, 0xff, 0xff, // device 4194303: whichever it is
            0x19, 75,                   // object-identifier
        ])
        .repeats("invoke id, byte 7", Echo::At(7, Form::BYTE))
}

#[rustfmt::skip]
fn enip(_: Option<&str>) -> Draft {
    Draft::new()
        .bytes(&[0x63, 0, 0, 0])        // ListIdentity, no data
        .zeros(4 + 4)                   // session, status
        .token(Form::LONG)
        .zeros(4)                       // options
        .repeats("sender context, bytes 12–19", Echo::At(12, Form::LONG))
}

#[rustfmt::skip]
fn rmcp(_: Option<&str>) -> Draft {
    // 255 would say that no answer is wanted.
    let tag = Form::number(1, 7, 0);
    Draft::new()
        .bytes(&[6, 0, 255, 6])         // RMCP 1.0, no acknowledgement, class ASF
        .bytes(&[0, 0, 0x11, 0xbe])     // ASF's enterprise number 4542
        .bytes(&[0x80])                 // presence ping
        .token(tag)
        .bytes(&[0, 0])                 // reserved, no data
        .repeats("message tag, byte 9", Echo::At(9, tag))
}
