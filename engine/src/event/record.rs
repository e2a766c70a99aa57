//! The JSON lines of `--json` and `--event-log`: one object a line, each with
//! `schema`, `type` and `ts`. Fields are only ever added.
//!
//! Records are serde structs, but `port`, of which there may be millions a
//! second, has an encoder of its own that neither allocates nor formats through
//! serde; a property test holds the two equal. Everything is printable ASCII:
//! control characters of all kinds and everything beyond ASCII are written as
//! `\u` escapes, because lines also end on terminals. Whole numbers that can
//! pass 2^53 are decimal strings, since many readers keep numbers as doubles.

use std::io::{self, Write};
use std::net::IpAddr;
use std::ops::Range;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use serde_json::ser::Formatter;

use super::clock::Rfc3339;
use super::schema::{Decimal, HostState, PortStateName, ProtocolName, ReasonName};
use super::{PortEvent, Reason};
use crate::latency::Percentiles;
use crate::scan::Progress;
use crate::scan::ledger::{Ledger, Steering};
use crate::scan::stages::{StageTimes, Stages};

/// The value of every record's `schema`.
pub const SCHEMA: &str = "prtip/1";

/// No `port` record is longer, its newline included.
pub const PORT_LINE_MAX: usize = 320;

/// A record other than the hot `port` one. [`schema`](super::schema) lists all of them.
pub trait Record: Serialize + JsonSchema {
    /// The value of `type`.
    const TYPE: &'static str;
}

/// First record of a scan.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ScanStarted {
    /// The command line, without the program's name.
    pub args: Vec<String>,
    /// Seed of the order.
    #[serde(serialize_with = "decimal")]
    #[schemars(with = "Decimal")]
    pub seed: u64,
    /// N, the number of (address, port) pairs, all shards.
    #[serde(serialize_with = "decimal")]
    #[schemars(with = "Decimal")]
    pub targets: u64,
    /// `I/N`.
    pub shard: String,
    /// Hash of the plan: equal for all shards of one scan.
    pub plan: String,
    /// `xdp`, `live`, `packet` or `raw`; of several interfaces the first one's.
    pub port_engine: String,
    /// Why this one, and why none that is faster; in words.
    pub port_engine_why: String,
    /// `zerocopy`, `copy`, `generic` or null.
    pub xdp_mode: Option<String>,
    /// Interface name.
    pub interface: String,
    /// Version of prtip.
    pub version: String,
}

impl Record for ScanStarted {
    const TYPE: &'static str = "scan_started";
}

/// A port and its state, for serde. The hot path uses [`encode_port`].
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Port {
    ip: IpAddr,
    port: u16,
    #[schemars(with = "ProtocolName")]
    proto: &'static str,
    #[schemars(with = "PortStateName")]
    state: &'static str,
    #[schemars(with = "ReasonName")]
    reason: String,
    ttl: Option<u8>,
    rtt_us: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    revised: bool,
}

impl Port {
    /// The record of `event`.
    #[must_use]
    pub fn new(event: &PortEvent, revised: bool) -> Self {
        Self {
            ip: event.addr,
            port: event.port,
            proto: event.protocol.name(),
            state: event.state.name(),
            reason: event.reason.to_string(),
            ttl: known_ttl(event),
            rtt_us: event.rtt_ns.map(round_to_us),
            revised,
        }
    }
}

impl Record for Port {
    const TYPE: &'static str = "port";
}

/// A host and whether it is up.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Host {
    ip: IpAddr,
    #[schemars(with = "HostState")]
    state: &'static str,
    #[schemars(with = "ReasonName")]
    reason: String,
    ttl: Option<u8>,
    rtt_us: Option<u64>,
    /// Where it answered on the link.
    #[serde(skip_serializing_if = "Option::is_none")]
    mac: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    revised: bool,
}

impl Host {
    /// The record of `event`.
    #[must_use]
    pub fn new(event: &PortEvent, revised: bool) -> Self {
        Self {
            ip: event.addr,
            state: event.state.host_name(),
            reason: event.reason.to_string(),
            ttl: known_ttl(event),
            rtt_us: event.rtt_ns.map(round_to_us),
            mac: event.reason.mac().map(|mac| mac.map(|byte| format!("{byte:02x}")).join(":")),
            revised,
        }
    }
}

impl Record for Host {
    const TYPE: &'static str = "host";
}

/// A probe of a dry run.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct Probe {
    /// Index in the sending order.
    #[serde(serialize_with = "decimal")]
    #[schemars(with = "Decimal")]
    pub i: u64,
    /// 0 for the first attempt.
    pub attempt: u8,
    /// Address probed.
    pub ip: IpAddr,
    /// Port probed.
    pub port: u16,
    /// `tcp`, `udp` or `icmp`.
    #[schemars(with = "ProtocolName")]
    pub proto: &'static str,
}

impl Record for Probe {
    const TYPE: &'static str = "probe";
}

/// Where a scan stands.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct ProgressRecord {
    sent: u64,
    replies: u64,
    open: u64,
    percent: f64,
    eta_s: f64,
    pps: f64,
    /// Replies and probes dropped on this host so far.
    drops: u64,
    /// What `--rate auto` aims at.
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<f64>,
}

impl From<&Progress> for ProgressRecord {
    fn from(progress: &Progress) -> Self {
        Self {
            sent: progress.sent,
            replies: progress.replies,
            open: progress.open,
            percent: round_to_tenth(progress.percent),
            eta_s: round_to_tenth(progress.eta_s),
            pps: progress.pps.round(),
            drops: progress.drops,
            rate: progress.aim.map(f64::round),
        }
    }
}

impl Record for ProgressRecord {
    const TYPE: &'static str = "progress";
}

/// What is finished: sent for the last time longer ago than late replies are waited
/// for, every result of it before this record.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Checkpoint {
    /// Indices as half-open pairs of decimal strings, ascending and apart.
    #[schemars(with = "Vec<[Decimal; 2]>")]
    pub ranges: Vec<[String; 2]>,
}

impl Checkpoint {
    /// The record of these indices.
    #[must_use]
    pub fn new(ranges: &[Range<u64>]) -> Self {
        let pair = |range: &Range<u64>| [range.start.to_string(), range.end.to_string()];
        Self { ranges: ranges.iter().map(pair).collect() }
    }
}

impl Record for Checkpoint {
    const TYPE: &'static str = "checkpoint";
}

/// First record of a log's second file and those after it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LogPart {
    /// Its number: the file is the log's so-manieth.
    pub part: u64,
    /// The checksum of all files before it.
    pub before: Option<String>,
}

impl Record for LogPart {
    const TYPE: &'static str = "log_part";
}

/// A scan goes on in the log of its interrupted run.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ScanResumed {
    /// The command line, without the program's name.
    pub args: Vec<String>,
    /// Indices of this shard that were finished.
    #[serde(serialize_with = "decimal")]
    #[schemars(with = "Decimal")]
    pub finished: u64,
    /// Indices of this shard.
    #[serde(serialize_with = "decimal")]
    #[schemars(with = "Decimal")]
    pub of: u64,
    /// Bytes that were cut from the end of the log, because they were no whole record.
    pub cut_bytes: u64,
    /// `xdp`, `packet` or `raw`.
    pub port_engine: String,
    /// `zerocopy`, `copy`, `generic` or null.
    pub xdp_mode: Option<String>,
    /// Interface name.
    pub interface: String,
    /// Version of prtip.
    pub version: String,
}

impl Record for ScanResumed {
    const TYPE: &'static str = "scan_resumed";
}

/// The books at the end.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LedgerRecord<'a> {
    /// All totals.
    #[serde(flatten)]
    pub ledger: &'a Ledger,
    /// What the steering program counted (AF_XDP only).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steering: Option<Steering>,
    /// Why `unaccounted` is not 0, and other words for the user.
    pub remarks: &'a [String],
}

impl Record for LedgerRecord<'_> {
    const TYPE: &'static str = "ledger";
}

/// How long the engine's own stages took, in nanoseconds (`--stage-latency`).
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct StagesRecord {
    /// From the start of making a batch of probes to the kick of the kernel, for each probe;
    /// null where the kernel makes them.
    pub craft_to_kick: Option<StageTimes>,
    /// From the kick to the moment when the kernel was seen to have sent them.
    pub kick_to_completion: Option<StageTimes>,
    /// From the kernel's time stamp on a reply to the hand-over of its event.
    pub ring_to_event: Option<StageTimes>,
}

impl From<&Stages> for StagesRecord {
    fn from(stages: &Stages) -> Self {
        Self {
            craft_to_kick: StageTimes::of(&stages.send.craft_to_kick),
            kick_to_completion: StageTimes::of(&stages.send.kick_to_completion),
            ring_to_event: StageTimes::of(&stages.ring_to_event),
        }
    }
}

impl Record for StagesRecord {
    const TYPE: &'static str = "stages";
}

/// Last record of a scan.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct ScanFinished {
    /// Ports open at the end.
    pub open: u64,
    /// Ports closed at the end.
    pub closed: u64,
    /// Ports filtered at the end, silent ones included.
    pub filtered: u64,
    /// From the first probe to the end of the cooldown, or until the last service is known.
    pub elapsed_s: f64,
    /// Over the first valid answers; null when there were none.
    pub latency_us: Option<Percentiles>,
    /// Stopped before the end.
    pub stopped: bool,
    /// What `--rate auto` has found, probes a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_found: Option<u64>,
    /// Whether the search had come to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_settled: Option<bool>,
}

impl Record for ScanFinished {
    const TYPE: &'static str = "scan_finished";
}

/// Appends `record` and a newline to `line`.
pub fn encode<R: Record>(record: &R, ts: &Rfc3339, line: &mut Vec<u8>) {
    #[derive(Serialize)]
    struct Envelope<'a, R> {
        schema: &'static str,
        r#type: &'static str,
        ts: &'a str,
        #[serde(flatten)]
        body: &'a R,
    }
    let ts = std::str::from_utf8(ts).expect("the clock writes digits and punctuation only");
    let envelope = Envelope { schema: SCHEMA, r#type: R::TYPE, ts, body: record };
    let mut serializer = serde_json::Serializer::with_formatter(&mut *line, PrintableAscii);
    envelope.serialize(&mut serializer).expect("records have string keys and Vec takes all bytes");
    line.push(b'\n');
}

/// Appends the `port` record of `event` and a newline to `line`; at most
/// [`PORT_LINE_MAX`] bytes, without allocation where `line` has room for them.
pub fn encode_port(event: &PortEvent, revised: bool, ts: &Rfc3339, line: &mut Vec<u8>) {
    line.extend_from_slice(br#"{"schema":"prtip/1","type":"port","ts":""#);
    line.extend_from_slice(ts);
    line.extend_from_slice(br#"","ip":""#);
    push_address(event.addr, line);
    line.extend_from_slice(br#"","port":"#);
    push_decimal(u64::from(event.port), line);
    line.extend_from_slice(br#","proto":""#);
    line.extend_from_slice(event.protocol.name().as_bytes());
    line.extend_from_slice(br#"","state":""#);
    line.extend_from_slice(event.state.name().as_bytes());
    line.extend_from_slice(br#"","reason":""#);
    push_reason(event, line);
    line.extend_from_slice(br#"","ttl":"#);
    push_or_null(known_ttl(event).map(u64::from), line);
    line.extend_from_slice(br#","rtt_us":"#);
    push_or_null(event.rtt_ns.map(round_to_us), line);
    if revised {
        line.extend_from_slice(br#","revised":true"#);
    }
    line.extend_from_slice(b"}\n");
}

fn push_reason(event: &PortEvent, line: &mut Vec<u8>) {
    match event.reason {
        Reason::Icmp { kind, code } => {
            line.extend_from_slice(b"icmp-");
            push_decimal(u64::from(kind), line);
            line.push(b'-');
            push_decimal(u64::from(code), line);
        }
        other => line.extend_from_slice(other.name().as_bytes()),
    }
}

fn push_address(addr: IpAddr, line: &mut Vec<u8>) {
    match addr {
        IpAddr::V4(addr) => {
            for (position, octet) in addr.octets().into_iter().enumerate() {
                if position > 0 {
                    line.push(b'.');
                }
                push_decimal(u64::from(octet), line);
            }
        }
        // Display writes straight into the buffer; RFC 5952 is not worth a second version.
        IpAddr::V6(addr) => write!(line, "{addr}").expect("a Vec takes all bytes"),
    }
}

fn push_or_null(value: Option<u64>, line: &mut Vec<u8>) {
    match value {
        Some(value) => push_decimal(value, line),
        None => line.extend_from_slice(b"null"),
    }
}

fn push_decimal(mut value: u64, line: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    line.extend_from_slice(&digits[start..]);
}

/// Silence and the link layer have no TTL.
fn known_ttl(event: &PortEvent) -> Option<u8> {
    (!event.reason.is_without_packet()).then_some(event.ttl)
}

fn round_to_us(ns: u64) -> u64 {
    ns / 1000 + u64::from(ns % 1000 >= 500)
}

fn round_to_tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn decimal<S: Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// Compact JSON of printable ASCII only.
struct PrintableAscii;

impl Formatter for PrintableAscii {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let is_plain = |c: char| (' '..='~').contains(&c);
        let mut rest = fragment;
        while let Some(at) = rest.find(|c| !is_plain(c)) {
            let (plain, from) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let Some(odd) = from.chars().next() else { break };
            for unit in odd.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = &from[odd.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
