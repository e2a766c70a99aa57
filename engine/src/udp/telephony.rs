//! Calls and their tunnels.

use super::draft::{Draft, Form, Service};
use super::echo::Echo;

pub(super) const SERVICES: &[Service] = &[
    Service {
        protocol: "sip",
        ports: &[5060, 5070, 5080],
        source: "RFC 3261 §11, RFC 3581 §3",
        sends: "OPTIONS, to be answered to our port",
        draft: sip,
    },
    Service {
        protocol: "stun",
        ports: &[3478, 3479, 19_302],
        source: "RFC 8489 §5, §14.14",
        sends: "Binding request",
        draft: stun,
    },
    Service {
        protocol: "iax2",
        ports: &[4569],
        source: "RFC 5456 §6.7.1, §8.1.1",
        sends: "POKE",
        draft: iax2,
    },
    Service {
        protocol: "gtp-c",
        ports: &[2123],
        source: "3GPP TS 29.274 §5.1, §7.1.1",
        sends: "version 2 Echo Request",
        draft: gtp_control,
    },
    Service {
        protocol: "gtp-u",
        ports: &[2152],
        source: "3GPP TS 29.281 §5.1, §7.2.1",
        sends: "version 1 Echo Request",
        draft: gtp_user,
    },
    Service {
        protocol: "mumble",
        ports: &[64_738],
        source: "Mumble protocol, UDP connectivity ping",
        sends: "ping",
        draft: mumble,
    },
];

/// Answers repeat Call-ID, From and Via (RFC 3261 §8.2.6.2). Names end in
/// .invalid (RFC 2606 §2), so that nobody calls back.
fn sip(contact: Option<&str>) -> Draft {
    Draft::new()
        .text("OPTIONS sip:prtip.invalid SIP/2.0\r\nVia: SIP/2.0/UDP prtip.invalid;branch=z9hG4bK")
        .token(Form::DIGITS)
        .text(";rport\r\nMax-Forwards: 70\r\nFrom: <sip:prtip@prtip.invalid>;tag=")
        .token(Form::DIGITS)
        .text("\r\nTo: <sip:prtip.invalid>\r\nCall-ID: ")
        .token(Form::DIGITS)
        .text("\r\nCSeq: 1 OPTIONS\r\nContact: <sip:prtip@prtip.invalid>\r\n")
        .text("Accept: application/sdp\r\nUser-Agent: prtip")
        // The grammar knows products and comments; a free text is a comment.
        .contact(" (", contact)
        .text(if contact.is_some() { ")" } else { "" })
        .text("\r\nContent-Length: 0\r\n\r\n")
        .repeats("Call-ID, tag or branch, anywhere", Echo::Within(Form::DIGITS))
}

fn stun(contact: Option<&str>) -> Draft {
    // SOFTWARE, padded to a multiple of four bytes.
    let text = contact.map_or_else(Vec::new, |text| format!("prtip {text}").into_bytes());
    let padding = text.len().next_multiple_of(4) - text.len();
    let attribute = if text.is_empty() { 0 } else { 4 + text.len() + padding };
    let mut draft = Draft::new()
        .short(1)
        .short(attribute)
        .bytes(&0x2112_a442_u32.to_be_bytes())
        // 96 bits of transaction id: the token, some of it twice.
        .token(Form::WORD)
        .token(Form::LONG);
    if !text.is_empty() {
        draft = draft.short(0x8022).short(text.len()).bytes(&text).zeros(padding);
    }
    draft.repeats("transaction id, bytes 12–19", Echo::At(12, Form::LONG))
}

/// A full frame; the answer's destination call number is our source call number.
fn iax2(_: Option<&str>) -> Draft {
    Draft::new()
        // The F bit and a call number that is not 0.
        .token(Form::number(2, 14, 0xc000))
        // No destination call yet, timestamp 0, sequence numbers 0, frame type
        // IAX, subclass POKE.
        .bytes(&[0, 0, 0, 0, 0, 0, 0, 0, 6, 0x1e])
        .repeats("destination call number, bytes 2–3", Echo::At(2, Form::number(2, 14, 0x4000)))
}

#[rustfmt::skip]
fn gtp_control(_: Option<&str>) -> Draft {
    let sequence = Form::number(3, 24, 0);
    Draft::new()
        .bytes(&[0x40, 1, 0, 9])        // version 2 without TEID, Echo Request, length
        .token(sequence)
        .bytes(&[0])
        .bytes(&[3, 0, 1, 0, 0])        // Recovery: restart counter 0
        .repeats("sequence number, bytes 4–6", Echo::At(4, sequence))
}

#[rustfmt::skip]
fn gtp_user(_: Option<&str>) -> Draft {
    Draft::new()
        .bytes(&[0x32, 1, 0, 4])        // version 1, GTP, with a sequence number
        .bytes(&[0, 0, 0, 0])           // TEID 0
        .token(Form::SHORT)
        .bytes(&[0, 0])                 // no N-PDU number, no extension header
        .repeats("sequence number, bytes 8–9", Echo::At(8, Form::SHORT))
}

fn mumble(_: Option<&str>) -> Draft {
    Draft::new()
        .zeros(4)
        .token(Form::LONG)
        .repeats("identifier, bytes 4–11", Echo::At(4, Form::LONG))
}
