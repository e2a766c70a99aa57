//! A line of a log as a record: the fields that matter to whoever goes on with a scan.

use std::borrow::Cow;
use std::net::IpAddr;
use std::ops::Range;

use serde::Deserialize;

use super::super::clock::parse_rfc3339;
use super::super::record::SCHEMA;
use super::super::{PortEvent, PortState, Reason};
use super::Begun;
use crate::plan::{Plan, Protocol, Purpose, Target};

/// The line as a record of ours.
pub(super) fn parse(line: &[u8]) -> Option<Line<'_>> {
    // An array of the fields would do for serde, too.
    if line.first() != Some(&b'{') {
        return None;
    }
    // As text: of the fields that are skipped, bytes alone would not be looked at.
    let line: Line<'_> = serde_json::from_str(std::str::from_utf8(line).ok()?).ok()?;
    (line.schema == SCHEMA).then_some(line)
}

/// The fields that matter of any record.
#[derive(Deserialize)]
pub(super) struct Line<'a> {
    #[serde(borrow)]
    schema: Cow<'a, str>,
    #[serde(rename = "type", borrow)]
    pub(super) kind: Cow<'a, str>,
    #[serde(default)]
    pub(super) args: Vec<String>,
    seed: Option<Cow<'a, str>>,
    targets: Option<Cow<'a, str>>,
    plan: Option<Cow<'a, str>>,
    ip: Option<IpAddr>,
    port: Option<u16>,
    proto: Option<Cow<'a, str>>,
    state: Option<Cow<'a, str>>,
    #[serde(default)]
    ranges: Vec<[Cow<'a, str>; 2]>,
    pub(super) stopped: Option<bool>,
    #[serde(borrow)]
    pub(super) ts: Option<Cow<'a, str>>,
    reason: Option<Cow<'a, str>>,
    ttl: Option<u8>,
    rtt_us: Option<u64>,
    #[serde(default)]
    pub(super) revised: bool,
    pub(super) elapsed_s: Option<f64>,
    pub(super) part: Option<u64>,
}

impl Line<'_> {
    pub(super) fn begun(&self) -> Option<Begun> {
        Some(Begun {
            args: self.args.clone(),
            seed: self.seed.as_deref()?.parse().ok()?,
            targets: self.targets.as_deref()?.parse().ok()?,
            plan: self.plan.as_deref()?.to_owned(),
        })
    }

    /// The ranges of a checkpoint, ascending and apart; `None` where they are not.
    pub(super) fn checkpoint(&self) -> Option<Vec<Range<u64>>> {
        let mut ranges: Vec<Range<u64>> = Vec::with_capacity(self.ranges.len());
        for [start, end] in &self.ranges {
            let range = start.parse().ok()?..end.parse().ok()?;
            let after = ranges.last().map_or(0, |last| last.end);
            if range.start >= range.end || range.start < after {
                return None;
            }
            ranges.push(range);
        }
        Some(ranges)
    }

    /// Whose result it is, and the state.
    pub(super) fn found(&self, purpose: Purpose) -> Option<(Target, PortState)> {
        let addr = self.ip?;
        let state = self.state.as_deref()?;
        match (purpose, &*self.kind) {
            (Purpose::Ports, "port") => {
                let protocol = Protocol::from_name(self.proto.as_deref()?)?;
                let state = PortState::ALL.into_iter().find(|known| known.name() == state)?;
                Some((Target { addr, port: self.port?, protocol }, state))
            }
            (Purpose::Hosts, "host") => {
                let state = if state == "up" { PortState::Open } else { PortState::Filtered };
                Some((Target { addr, port: 0, protocol: Protocol::Icmp }, state))
            }
            _ => None,
        }
    }

    /// Whose service it tells of.
    pub(super) fn asked(&self) -> Option<Target> {
        let protocol = Protocol::from_name(self.proto.as_deref()?)?;
        (&*self.kind == "service").then_some(())?;
        Some(Target { addr: self.ip?, port: self.port?, protocol })
    }

    /// A result as it was told, and when, microseconds since 1970.
    pub(super) fn told(&self, purpose: Purpose) -> Option<(PortEvent, u64)> {
        let (target, state) = self.found(purpose)?;
        let event = PortEvent {
            addr: target.addr,
            port: target.port,
            protocol: target.protocol,
            state,
            previous: None,
            reason: Reason::from_name(self.reason.as_deref()?)?,
            ttl: self.ttl.unwrap_or(0),
            rtt_ns: self.rtt_us.map(|us| us.saturating_mul(1000)),
            at_ns: 0,
            heard: None,
        };
        Some((event, parse_rfc3339(self.ts.as_deref()?)?))
    }

    /// What a result says: of which item, and how strong an answer.
    pub(super) fn result(&self, plan: &Plan) -> Option<(u64, PortState)> {
        let (target, state) = self.found(plan.items().purpose())?;
        Some((plan.index_of(target)?, state))
    }
}
