//! What a report takes from the lines of a log, by the names of their fields.
//!
//! A log may be of an older or a newer version, or made by somebody else: whatever is
//! missing is as good as empty, and nothing here is trusted beyond its type.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::event::clock::parse_rfc3339;
use crate::event::files::sorted::Finding;
use crate::event::record::SCHEMA;
use crate::event::{PortState, Reason};
use crate::plan::Protocol;

/// A line as far as all kinds have it in common, and results, of which there are many.
#[derive(Deserialize)]
pub(super) struct Line<'a> {
    #[serde(borrow)]
    schema: Cow<'a, str>,
    #[serde(rename = "type", borrow)]
    pub kind: Cow<'a, str>,
    #[serde(borrow)]
    ts: Option<Cow<'a, str>>,
    pub ip: Option<IpAddr>,
    pub port: Option<u16>,
    #[serde(borrow)]
    pub proto: Option<Cow<'a, str>>,
    #[serde(borrow)]
    state: Option<Cow<'a, str>>,
    #[serde(borrow)]
    reason: Option<Cow<'a, str>>,
    ttl: Option<u8>,
    rtt_us: Option<u64>,
    #[serde(borrow)]
    pub mac: Option<Cow<'a, str>>,
    #[serde(default)]
    pub revised: bool,
}

impl<'a> Line<'a> {
    /// `None`: no record of ours.
    pub(super) fn parse(line: &'a [u8]) -> Option<Self> {
        let line: Self = serde_json::from_str(std::str::from_utf8(line).ok()?).ok()?;
        (line.schema == SCHEMA).then_some(line)
    }

    /// When it was written, microseconds since 1970.
    pub(super) fn unix_us(&self) -> Option<u64> {
        parse_rfc3339(self.ts.as_deref()?)
    }

    /// What a `port` or `host` record tells.
    pub(super) fn finding(&self) -> Option<Finding> {
        let state = self.state.as_deref()?;
        let (protocol, port, state) = match &*self.kind {
            "port" => (
                Protocol::from_name(self.proto.as_deref()?)?,
                self.port?,
                PortState::ALL.into_iter().find(|known| known.name() == state)?,
            ),
            "host" => (
                Protocol::Icmp,
                0,
                if state == PortState::Open.host_name() {
                    PortState::Open
                } else {
                    PortState::Filtered
                },
            ),
            _ => return None,
        };
        Some(Finding {
            addr: self.ip?,
            protocol,
            port,
            state,
            reason: Reason::from_name(self.reason.as_deref()?)?,
            ttl: self.ttl.unwrap_or(0),
            rtt_us: self.rtt_us,
            unix_us: self.unix_us()?,
            service: 0,
        })
    }
}

/// No count of a scan is larger; what claims to be must not make sums overflow.
const COUNT_MAX: u64 = 1 << 50;

/// A count, at most [`COUNT_MAX`].
fn count<'de, D: serde::Deserializer<'de>>(from: D) -> std::result::Result<u64, D::Error> {
    Ok(u64::deserialize(from)?.min(COUNT_MAX))
}

/// The rest of a record of a kind of which there are few.
pub(super) fn rest<T: DeserializeOwned>(line: &[u8]) -> Option<T> {
    serde_json::from_slice(line).ok()
}

/// `scan_started` and `scan_resumed`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Begun {
    pub args: Vec<String>,
    pub seed: String,
    pub targets: String,
    pub shard: String,
    pub plan: String,
    pub port_engine: String,
    pub xdp_mode: Option<String>,
    pub interface: String,
    pub version: String,
    /// Resumed: indices that were finished, and of how many.
    pub finished: String,
    pub of: String,
    pub cut_bytes: u64,
}

/// `progress`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Progress {
    #[serde(deserialize_with = "count")]
    pub sent: u64,
    #[serde(deserialize_with = "count")]
    pub replies: u64,
    #[serde(deserialize_with = "count")]
    pub drops: u64,
}

/// `scan_finished`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Finished {
    #[serde(deserialize_with = "count")]
    pub open: u64,
    #[serde(deserialize_with = "count")]
    pub closed: u64,
    #[serde(deserialize_with = "count")]
    pub filtered: u64,
    pub elapsed_s: f64,
    pub stopped: bool,
    pub rate_found: Option<u64>,
}

/// `ledger`: its totals by name, so that those of other versions are shown too.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Ledger {
    #[serde(default)]
    pub remarks: Vec<String>,
    #[serde(flatten)]
    totals: BTreeMap<String, Value>,
}

impl Ledger {
    /// A total; 0 where there is none of this name.
    pub(super) fn total(&self, name: &str) -> u64 {
        self.totals.get(name).and_then(Value::as_u64).unwrap_or(0).min(COUNT_MAX)
    }

    /// What the steering program counted, by name.
    pub(super) fn steering(&self) -> impl Iterator<Item = (&str, u64)> {
        let counts = self.totals.get("steering").and_then(Value::as_object);
        counts.into_iter().flatten().filter_map(|(name, n)| Some((name.as_str(), n.as_u64()?)))
    }
}

/// `stages`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Stages {
    pub craft_to_kick: Option<Stage>,
    pub kick_to_completion: Option<Stage>,
    pub ring_to_event: Option<Stage>,
}

/// A stage's times in nanoseconds.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Stage {
    pub count: u64,
    pub p50: u64,
    pub p99: u64,
    pub p999: u64,
    pub max: u64,
}

/// `service`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Service {
    pub service: Option<String>,
    pub product: Option<String>,
    pub version: Option<String>,
    pub extra: Option<String>,
    pub tunnel: Option<String>,
}

/// `tls`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tls {
    pub version: Option<String>,
    pub chain: Vec<Certificate>,
    pub chain_status: Option<String>,
}

/// One of a chain, the leaf first.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Certificate {
    pub subject: Value,
    pub issuer: Value,
    pub san: Value,
    pub not_after: Option<String>,
    pub sha256: Option<String>,
}

/// `os`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Os {
    pub matches: Vec<OsMatch>,
}

/// A guess, the best first.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct OsMatch {
    pub name: Option<String>,
    pub accuracy: Value,
}

/// Texts of a value that is one or a list of some; anything else as JSON.
pub(super) fn words(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(words).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_line_of_another_schema_or_of_no_sense_is_none() {
        let sound = br#"{"schema":"prtip/1","type":"port","ts":"2026-11-26T00:00:00.000001Z","ip":"198.18.0.1","port":80,"proto":"tcp","state":"open","reason":"syn-ack","ttl":64,"rtt_us":51,"crc":"0"}"#;
        let finding = Line::parse(sound).unwrap().finding().unwrap();
        assert_eq!((finding.port, finding.state, finding.rtt_us), (80, PortState::Open, Some(51)));
        let text = String::from_utf8(sound.to_vec()).unwrap();
        assert!(Line::parse(text.replace("prtip/1", "prtip/2").as_bytes()).is_none());
        assert!(Line::parse(&sound[..sound.len() - 1]).is_none());
        for (from, to) in [("198.18.0.1", "198.18.0.999"), ("syn-ack", "hello"), ("open", "ajar")] {
            let line = text.replace(from, to);
            assert!(Line::parse(line.as_bytes()).is_none_or(|line| line.finding().is_none()));
        }
    }

    #[test]
    fn totals_are_found_by_name_and_the_rest_is_kept() {
        let ledger: Ledger = rest(
            br#"{"type":"ledger","generated":5,"odd":-1,"steering":{"syn_ack":3},"remarks":["a"]}"#,
        )
        .unwrap();
        assert_eq!((ledger.total("generated"), ledger.total("odd"), ledger.total("no")), (5, 0, 0));
        assert_eq!(ledger.steering().collect::<Vec<_>>(), [("syn_ack", 3)]);
        assert_eq!(ledger.remarks, ["a"]);
    }

    #[test]
    fn names_may_be_one_or_many() {
        assert_eq!(words(&serde_json::json!(["a", "b"])), "a, b");
        assert_eq!(words(&serde_json::json!("a")), "a");
        assert_eq!(words(&Value::Null), "");
    }
}
