//! Devices and services that tell what they are, and the gateways among them.

use super::draft::{Draft, Form, Service};
use super::echo::Echo;

pub(super) const SERVICES: &[Service] = &[
    Service {
        protocol: "ssdp",
        ports: &[1900],
        source: "UPnP Device Architecture 2.0 §1.3.2",
        sends: "M-SEARCH for root devices, in the multicast form: the other names its target",
        draft: ssdp,
    },
    Service {
        protocol: "ws-discovery",
        ports: &[3702],
        source: "WS-Discovery (April 2005) §5.2, WS-Addressing (August 2004)",
        sends: "Probe for any type",
        draft: ws_discovery,
    },
    Service {
        protocol: "slp",
        ports: &[427],
        source: "RFC 2608 §8, §10.1",
        sends: "service type request, all naming authorities, scope DEFAULT",
        draft: slp,
    },
    Service {
        protocol: "nat-pmp",
        ports: &[5351],
        source: "RFC 6886 §3.2",
        sends: "request of the external address",
        draft: |_| Draft::new().bytes(&[0, 0]),
    },
    Service {
        protocol: "ubnt-discovery",
        ports: &[10_001],
        source: "the vendor's discovery, version 1 (no public specification)",
        sends: "discovery request without fields",
        draft: |_| Draft::new().bytes(&[1, 0, 0, 0]),
    },
    Service {
        protocol: "amt",
        ports: &[2268],
        source: "RFC 7450 §5.1.1",
        sends: "Relay Discovery",
        draft: amt,
    },
    Service {
        protocol: "teredo",
        ports: &[3544],
        source: "RFC 4380 §5.1.1, §5.2.1, RFC 4861 §4.1",
        sends: "router solicitation with a nonce",
        draft: teredo,
    },
];

/// The port of a unicast answer is not laid down, and widespread stacks open a
/// socket of their own for it.
fn ssdp(contact: Option<&str>) -> Draft {
    Draft::new()
        .text("M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n")
        .text("MAN: \"ssdp:discover\"\r\nMX: 1\r\nST: upnp:rootdevice\r\n")
        .text("USER-AGENT: prtip/1 UPnP/2.0 prtip/1")
        .contact(" ", contact)
        .text("\r\n\r\n")
        .answered_from_any_port()
}

/// ProbeMatches name our MessageID in RelatesTo.
fn ws_discovery(_: Option<&str>) -> Draft {
    let digits = Form::digits(12);
    Draft::new()
        .text("<?xml version=\"1.0\" encoding=\"UTF-8\"?>")
        .text("<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"")
        .text(" xmlns:a=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\"")
        .text(" xmlns:d=\"http://schemas.xmlsoap.org/ws/2005/04/discovery\"><s:Header>")
        .text("<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action>")
        .text("<a:MessageID>urn:uuid:70727469-7000-4000-8000-")
        .token(digits)
        .text("</a:MessageID><a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>")
        .text("</s:Header><s:Body><d:Probe/></s:Body></s:Envelope>")
        .answered_from_any_port()
        .repeats("the last 12 digits of RelatesTo, anywhere", Echo::Within(digits))
}

#[rustfmt::skip]
fn slp(_: Option<&str>) -> Draft {
    Draft::new()
        .bytes(&[
            2, 9, 0, 0, 29,             // version, SrvTypeRqst, length
            0, 0, 0, 0, 0,              // flags, next extension offset
        ])
        .token(Form::SHORT)
        .bytes(&[0, 2]).text("en")      // language
        .bytes(&[0, 0])                 // no previous responders
        .bytes(&[0xff, 0xff])           // all naming authorities
        .bytes(&[0, 7]).text("DEFAULT") // scope
        .repeats("XID, bytes 10–11", Echo::At(10, Form::SHORT))
}

fn amt(_: Option<&str>) -> Draft {
    Draft::new()
        .bytes(&[1, 0, 0, 0])
        .token(Form::WORD)
        .repeats("discovery nonce, bytes 4–7", Echo::At(4, Form::WORD))
}

/// A client that does not know its address asks from a link-local one, with the
/// cone bit off: with it on, a server would answer from its second address. The
/// nonce of the authentication indicator comes back.
#[rustfmt::skip]
fn teredo(_: Option<&str>) -> Draft {
    const SOURCE: [u16; 8] = [0xfe80, 0, 0, 0, 0, 0x5445, 0x5245, 0x444f]; // "TEREDO"
    const ROUTERS: [u16; 8] = [0xff02, 0, 0, 0, 0, 0, 0, 2];
    const SOLICITATION: u16 = 133 << 8;
    // RFC 4443 §2.3: over the pseudo-header (addresses, length 8, next header 58).
    let sum: u32 = SOURCE.iter().chain(&ROUTERS).map(|&word| u32::from(word)).sum::<u32>()
        + 8 + 58 + u32::from(SOLICITATION);
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    let mut draft = Draft::new()
        .bytes(&[0, 1, 0, 0])           // authentication without client id or value
        .token(Form::LONG)
        .bytes(&[0])                    // confirmation
        .bytes(&[0x60, 0, 0, 0, 0, 8, 58, 255]);
    for word in SOURCE.into_iter().chain(ROUTERS) {
        draft = draft.short(word.into());
    }
    draft
        .short(SOLICITATION.into())
        .short((!sum & 0xffff) as usize)
        .zeros(4)
        .repeats("nonce, bytes 4–11", Echo::At(4, Form::LONG))
}
