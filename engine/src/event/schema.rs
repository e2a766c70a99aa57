//! The JSON Schema (draft 2020-12) of `prtip/1`, generated from the records' own types;
//! `prtip schema` prints it.
//!
//! Fields are only ever added, so the schema allows more fields than it knows; a test
//! that does not, holds real logs to it.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::os_record::Os;
use super::os_way_record::{OsFinished, OsStarted};
use super::record::{
    Checkpoint, Host, LedgerRecord, LogPart, Port, Probe, ProgressRecord, Record, SCHEMA,
    ScanFinished, ScanResumed, ScanStarted, StagesRecord,
};
use super::service_record::Service;
use super::tls_record::Tls;
use super::zombie_record::Zombie;
use super::{PortState, Reason};
use crate::plan::Protocol;
use crate::tls::fault::Fault;

/// The whole schema: a line is one of the records.
#[must_use]
pub fn schema() -> Value {
    let records = [
        of::<ScanStarted>(),
        of::<ScanResumed>(),
        of::<Port>(),
        of::<Host>(),
        of::<Service<'static>>(),
        of::<Probe>(),
        of::<Tls>(),
        of::<Os<'static>>(),
        of::<OsStarted<'static>>(),
        of::<OsFinished<'static>>(),
        of::<Zombie>(),
        of::<ProgressRecord>(),
        of::<Checkpoint>(),
        of::<LogPart>(),
        of::<LedgerRecord<'static>>(),
        of::<StagesRecord>(),
        of::<ScanFinished>(),
    ];
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "prtip/1",
        "description": "One line of prtip's JSON: of --json, or of an event log.",
        "oneOf": records,
    })
}

/// A record with what all have in common.
fn of<R: Record>() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut record = settings.into_generator().into_root_schema_for::<R>().to_value();
    record["title"] = R::TYPE.into();
    let common = [
        ("schema", json!({ "const": SCHEMA })),
        ("type", json!({ "const": R::TYPE })),
        (
            "ts",
            json!({
                "description": "When, UTC, microseconds (RFC 3339).",
                "type": "string",
                "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$",
            }),
        ),
    ];
    let mut properties = Map::new();
    let mut required: Vec<Value> = Vec::new();
    for (name, value) in common {
        properties.insert(name.to_owned(), value);
        required.push(name.into());
    }
    if let Some(Value::Object(own)) = record.get_mut("properties").map(Value::take) {
        properties.extend(own);
    }
    if let Some(Value::Array(own)) = record.get_mut("required").map(Value::take) {
        required.extend(own);
    }
    properties.insert(
        "crc".to_owned(),
        json!({
            "description": "In an event log, the last field: CRC-32C of all its lines so far, \
                            each up to the comma before this field.",
            "type": "string",
            "pattern": "^[0-9a-f]{8}$",
        }),
    );
    record["properties"] = properties.into();
    record["required"] = required.into();
    record
}

/// A type that stands for the schema of a field.
macro_rules! field {
    ($name:ident, $about:literal, $schema:expr) => {
        #[doc = $about]
        pub(super) struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

field!(
    Decimal,
    "A whole number that can pass 2^53.",
    json_schema!({ "type": "string", "pattern": "^(0|[1-9][0-9]*)$" })
);
field!(
    PortStateName,
    "State of a port.",
    json_schema!({ "enum": PortState::ALL.map(PortState::name) })
);
field!(HostState, "State of a host.", json_schema!({ "enum": ["up", "down"] }));
field!(ProtocolName, "A protocol.", {
    let names = [Protocol::Tcp, Protocol::Udp, Protocol::Icmp].map(Protocol::name);
    json_schema!({ "enum": names })
});
field!(ChainStatus, "`valid`, or a fault.", {
    let names: Vec<&str> =
        std::iter::once("valid").chain(Fault::ALL.map(|fault| fault.name())).collect();
    json_schema!({ "enum": names })
});
field!(ReasonName, "Why a port is in its state.", {
    let plain: Vec<&str> = Reason::PLAIN.iter().map(|reason| reason.name()).collect();
    let number = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
    let pattern = format!("^({}|icmp-{number}-{number})$", plain.join("|"));
    json_schema!({ "type": "string", "pattern": pattern })
});
