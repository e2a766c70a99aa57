//! JSON lines as masscan writes them (`--ndjson`), written as results come.

use std::io::Write;

use super::line::Line;
use crate::event::{PortState, Reason};
use crate::plan::Protocol;

/// One result. Everything in it is a number, an address or a word of our own.
pub(super) fn row(line: &Line<'_>, out: &mut Vec<u8>) {
    let event = line.event;
    let reason = match event.reason {
        Reason::Icmp { .. } => event.reason.to_string(),
        other => other.name().to_owned(),
    };
    let status = match (event.protocol, event.state) {
        // As masscan says it: a host that answers a ping is an open one.
        (Protocol::Icmp, PortState::Open) => "open",
        (Protocol::Icmp, _) => "closed",
        (_, state) => state.name(),
    };
    writeln!(
        out,
        "{{\"ip\":\"{}\",\"timestamp\":\"{}\",\"port\":{},\"proto\":\"{}\",\"rec_type\":\"status\",\
         \"data\":{{\"status\":\"{status}\",\"reason\":\"{reason}\",\"ttl\":{}}}}}",
        event.addr,
        line.unix_us / 1_000_000,
        event.port,
        event.protocol.name(),
        event.ttl,
    )
    .expect("a Vec takes all bytes");
}
