//! The fields of a result in files that are tables ([`csv`](super::csv),
//! [`parquet`](super::parquet)), with the names that ZMap gives them (`--output-fields`).
//!
//! `saddr` and `sport` are the reply's source, so the target; `daddr` and `dport` are
//! ours. A field that a reply does not have (a window of a datagram, anything of silence)
//! is missing, and so is, after `--resume`, what the log does not hold of earlier runs.

use std::net::IpAddr;

use super::line::Line;
use crate::event::{PortState, Reason};
use crate::plan::Protocol;

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field(usize);

/// What a field holds of one result.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Missing,
    Flag(bool),
    Number(u64),
    Addr(IpAddr),
    Reason(Reason),
    /// Microseconds since 1970.
    Time(u64),
    /// A word of our own.
    Word(&'static str),
    /// What others chose.
    Text(&'a str),
}

/// What a field may hold, where a format has types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Flag,
    U8,
    U16,
    U32,
    I64,
    Time,
    Text,
}

type Get = for<'a> fn(&Line<'a>) -> Value<'a>;

/// Name, what it is, what it may hold, what it holds.
const FIELDS: [(&str, &str, Kind, Get); 25] = [
    ("saddr", "address of the target", Kind::Text, |line| Value::Addr(line.event.addr)),
    ("daddr", "our address", Kind::Text, |line| {
        line.event.heard.map_or(Value::Missing, |heard| Value::Addr(heard.our_addr))
    }),
    ("sport", "port of the target", Kind::U16, |line| number(Some(line.event.port))),
    ("dport", "our port", Kind::U16, |line| number(line.event.heard.map(|heard| heard.our_port))),
    ("seqnum", "TCP sequence number of the reply", Kind::U32, |line| {
        number(line.event.heard.and_then(|heard| heard.tcp).map(|tcp| tcp.seq))
    }),
    ("acknum", "TCP acknowledgement number of the reply", Kind::U32, |line| {
        number(line.event.heard.and_then(|heard| heard.tcp).map(|tcp| tcp.ack))
    }),
    ("window", "TCP window of the reply", Kind::U16, |line| {
        number(line.event.heard.and_then(|heard| heard.tcp).map(|tcp| tcp.window))
    }),
    ("ttl", "TTL or hop limit of the reply", Kind::U8, |line| {
        number((!line.event.reason.is_without_packet()).then_some(line.event.ttl))
    }),
    ("classification", "synack, rst, udp, echoreply, icmp, arp, nd or none", Kind::Text, |line| {
        Value::Word(classification(line.event.reason))
    }),
    ("success", "1: open, unfiltered or up", Kind::Flag, |line| {
        Value::Flag(matches!(line.event.state, PortState::Open | PortState::Unfiltered))
    }),
    ("repeat", "1: corrects an earlier line", Kind::Flag, |line| Value::Flag(line.revised)),
    ("cooldown", "1: came after the last probe was sent", Kind::Flag, |line| {
        Value::Flag(line.cooldown)
    }),
    ("timestamp_ts", "seconds since 1970", Kind::I64, |line| {
        number(Some(line.unix_us / 1_000_000))
    }),
    ("timestamp_us", "microseconds of that second", Kind::U32, |line| {
        number(Some(line.unix_us % 1_000_000))
    }),
    ("timestamp_str", "the same as RFC 3339", Kind::Time, |line| Value::Time(line.unix_us)),
    ("proto", "tcp, udp or icmp", Kind::Text, |line| Value::Word(line.event.protocol.name())),
    ("state", "state of the port or host", Kind::Text, |line| {
        Value::Word(match line.event.protocol {
            Protocol::Icmp => line.event.state.host_name(),
            _ => line.event.state.name(),
        })
    }),
    ("reason", "why, as in the JSON lines", Kind::Text, |line| Value::Reason(line.event.reason)),
    ("rtt_us", "round-trip time in microseconds", Kind::I64, |line| {
        number(line.event.rtt_ns.map(|ns| ns / 1000 + u64::from(ns % 1000 >= 500)))
    }),
    ("hostname", "the name that was given for the target", Kind::Text, |line| {
        text(line.names.first().map(String::as_str))
    }),
    ("service", "with -sV: what is listening", Kind::Text, |line| {
        text(line.told.and_then(|told| told.service.as_deref()))
    }),
    ("product", "with -sV: the program", Kind::Text, |line| {
        text(line.told.and_then(|told| told.product.as_deref()))
    }),
    ("version", "with -sV: its version", Kind::Text, |line| {
        text(line.told.and_then(|told| told.version.as_deref()))
    }),
    ("cpe", "with -sV: its first CPE name", Kind::Text, |line| {
        text(line.told.and_then(|told| told.cpe.first().map(String::as_str)))
    }),
    ("tunnel", "with -sV: tls where it speaks inside that", Kind::Text, |line| {
        text(line.told.and_then(|told| told.tunnel.as_deref()))
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

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        FIELDS[self.0].0
    }

    /// What it is.
    #[must_use]
    pub fn about(self) -> &'static str {
        FIELDS[self.0].1
    }

    /// What it may hold.
    #[cfg(feature = "parquet")]
    pub(super) fn kind(self) -> Kind {
        FIELDS[self.0].2
    }

    /// What it holds of a result.
    pub(super) fn of<'a>(self, line: &Line<'a>) -> Value<'a> {
        FIELDS[self.0].3(line)
    }
}

fn number<'a>(number: Option<impl Into<u64>>) -> Value<'a> {
    number.map_or(Value::Missing, |number| Value::Number(number.into()))
}

/// What the other side wrote.
fn text(text: Option<&str>) -> Value<'_> {
    text.map_or(Value::Missing, Value::Text)
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
        Reason::IpidChange => "ipid",
        Reason::NoResponse | Reason::NoArp | Reason::NoNd | Reason::NoIpidChange => "none",
    }
}
