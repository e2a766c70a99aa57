//! CSV with the names that ZMap gives its fields (`--csv`, `--output-fields`), written
//! as results come.
//!
//! `saddr` and `sport` are the reply's source, so the target; `daddr` and `dport` are
//! ours. A field that a reply does not have (a window of a datagram, anything of silence)
//! is empty, and so is, after `--resume`, what the log does not hold of earlier runs.

use std::io::Write;

use super::line::Line;
use crate::event::text::CsvField;
use crate::event::{PortState, Reason};
use crate::plan::Protocol;

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field(usize);

type Write1 = fn(&Line<'_>, &mut Vec<u8>);

/// Name, what it is, how it is written.
const FIELDS: [(&str, &str, Write1); 25] = [
    ("saddr", "address of the target", |line, out| put(out, line.event.addr)),
    ("daddr", "our address", |line, out| put_some(out, line.event.heard.map(|h| h.our_addr))),
    ("sport", "port of the target", |line, out| put(out, line.event.port)),
    ("dport", "our port", |line, out| put_some(out, line.event.heard.map(|h| h.our_port))),
    ("seqnum", "TCP sequence number of the reply", |line, out| {
        put_some(out, line.event.heard.and_then(|h| h.tcp).map(|tcp| tcp.seq));
    }),
    ("acknum", "TCP acknowledgement number of the reply", |line, out| {
        put_some(out, line.event.heard.and_then(|h| h.tcp).map(|tcp| tcp.ack));
    }),
    ("window", "TCP window of the reply", |line, out| {
        put_some(out, line.event.heard.and_then(|h| h.tcp).map(|tcp| tcp.window));
    }),
    ("ttl", "TTL or hop limit of the reply", |line, out| {
        put_some(out, (line.event.reason != Reason::NoResponse).then_some(line.event.ttl));
    }),
    ("classification", "synack, rst, udp, echoreply, icmp or none", |line, out| {
        put(out, classification(line.event.reason));
    }),
    ("success", "1: open, unfiltered or up", |line, out| {
        let success = matches!(line.event.state, PortState::Open | PortState::Unfiltered);
        put(out, u8::from(success));
    }),
    ("repeat", "1: corrects an earlier line", |line, out| put(out, u8::from(line.revised))),
    ("cooldown", "1: came after the last probe was sent", |line, out| {
        put(out, u8::from(line.cooldown));
    }),
    ("timestamp_ts", "seconds since 1970", |line, out| put(out, line.unix_us / 1_000_000)),
    ("timestamp_us", "microseconds of that second", |line, out| {
        put(out, line.unix_us % 1_000_000);
    }),
    ("timestamp_str", "the same as RFC 3339", |line, out| out.extend_from_slice(&line.ts())),
    ("proto", "tcp, udp or icmp", |line, out| put(out, line.event.protocol.name())),
    ("state", "state of the port or host", |line, out| {
        put(
            out,
            match line.event.protocol {
                Protocol::Icmp => line.event.state.host_name(),
                _ => line.event.state.name(),
            },
        );
    }),
    ("reason", "why, as in the JSON lines", |line, out| put(out, line.event.reason)),
    ("rtt_us", "round-trip time in microseconds", |line, out| {
        put_some(out, line.event.rtt_ns.map(|ns| ns / 1000 + u64::from(ns % 1000 >= 500)));
    }),
    ("hostname", "the name that was given for the target", |line, out| {
        put_some(out, line.names.first().map(|name| CsvField(name.as_bytes())));
    }),
    ("service", "with -sV: what is listening", |line, out| {
        text(out, line.told.and_then(|told| told.service.as_deref()));
    }),
    ("product", "with -sV: the program", |line, out| {
        text(out, line.told.and_then(|told| told.product.as_deref()));
    }),
    ("version", "with -sV: its version", |line, out| {
        text(out, line.told.and_then(|told| told.version.as_deref()));
    }),
    ("cpe", "with -sV: its first CPE name", |line, out| {
        text(out, line.told.and_then(|told| told.cpe.first().map(String::as_str)));
    }),
    ("tunnel", "with -sV: tls where it speaks inside that", |line, out| {
        text(out, line.told.and_then(|told| told.tunnel.as_deref()));
    }),
];

impl Field {
    /// All, in the order in which they are written where nothing is chosen.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..FIELDS.len()).map(Self)
    }

    /// The field with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        FIELDS.iter().position(|(known, ..)| *known == name).map(Self)
    }

    /// Its name in the first line.
    #[must_use]
    pub fn name(self) -> &'static str {
        FIELDS[self.0].0
    }

    /// What it holds.
    #[must_use]
    pub fn about(self) -> &'static str {
        FIELDS[self.0].1
    }
}

/// The first line.
pub(super) fn head(fields: &[Field], out: &mut Vec<u8>) {
    for (position, field) in fields.iter().enumerate() {
        out.extend_from_slice(if position == 0 { b"" } else { b"," });
        out.extend_from_slice(field.name().as_bytes());
    }
    out.push(b'\n');
}

/// One result.
pub(super) fn row(fields: &[Field], line: &Line<'_>, out: &mut Vec<u8>) {
    for (position, field) in fields.iter().enumerate() {
        out.extend_from_slice(if position == 0 { b"" } else { b"," });
        FIELDS[field.0].2(line, out);
    }
    out.push(b'\n');
}

/// What the other side wrote.
fn text(out: &mut Vec<u8>, text: Option<&str>) {
    put_some(out, text.map(|text| CsvField(text.as_bytes())));
}

fn classification(reason: Reason) -> &'static str {
    match reason {
        Reason::SynAck => "synack",
        Reason::Rst => "rst",
        Reason::UdpResponse => "udp",
        Reason::EchoReply => "echoreply",
        Reason::Icmp { .. } => "icmp",
        Reason::ArpResponse { .. } => "arp",
        Reason::NdResponse { .. } => "nd",
        Reason::NoResponse | Reason::NoArp | Reason::NoNd => "none",
    }
}

/// Numbers, addresses and words of our own: nothing that needs quotes.
fn put(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    write!(out, "{value}").expect("a Vec takes all bytes");
}

fn put_some(out: &mut Vec<u8>, value: Option<impl std::fmt::Display>) {
    if let Some(value) = value {
        put(out, value);
    }
}
