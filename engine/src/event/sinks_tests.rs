//! Tests of the sinks.
#![allow(clippy::unwrap_used)]

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::event::Reason;
use crate::event::log::LogOptions;
use crate::latency::Latency;
use crate::scan::ledger::Ledger;

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Captured {
    fn records(&self) -> Vec<Value> {
        let bytes = self.0.lock().unwrap();
        bytes.split_inclusive(|&b| b == b'\n').map(|l| serde_json::from_slice(l).unwrap()).collect()
    }
}

/// Fails every write with one error.
struct Failing(io::ErrorKind);

impl Write for Failing {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn event(state: PortState, previous: Option<PortState>) -> PortEvent {
    let reason = match state {
        PortState::Open => Reason::SynAck,
        PortState::Closed => Reason::Rst,
        _ => Reason::Icmp { kind: 3, code: 1 },
    };
    PortEvent {
        addr: "198.18.0.1".parse().unwrap(),
        port: 80,
        protocol: Protocol::Tcp,
        state,
        previous,
        reason,
        ttl: 60,
        rtt_ns: Some(1_499),
        at_ns: 5,
        heard: None,
    }
}

fn report() -> Report {
    let mut latency = Latency::new();
    latency.record(2_000);
    Report {
        purpose: crate::plan::Purpose::Ports,
        udp_ports: 0,
        acks: false,
        ledger: Ledger { generated: 7, submitted: 7, ..Ledger::default() },
        open: 1,
        closed: 2,
        filtered: 4,
        elapsed: Duration::from_millis(1500),
        latency,
        lag: None,
        rate_found: None,
        stages: None,
        stopped: false,
        remarks: Vec::new(),
        failure: None,
        steering: None,
    }
}

/// `(state, revised)` of the records that come out for these events.
fn shown(states: &[PortState], events: &[PortEvent]) -> Vec<(String, bool)> {
    let captured = Captured::default();
    let mut sinks =
        Sinks::new(Shape::Json, ShownStates::of(states), Box::new(captured.clone()), None);
    events.iter().for_each(|event| sinks.port(event));
    sinks.finish().unwrap();
    captured
        .records()
        .iter()
        .map(|r| (r["state"].as_str().unwrap().to_owned(), r["revised"] == Value::Bool(true)))
        .collect()
}

use PortState::{Closed, Filtered, Open};

#[test]
fn only_asked_for_states_are_shown() {
    let events = [event(Open, None), event(Closed, None), event(Filtered, None)];
    assert_eq!(shown(&[Open], &events), [("open".into(), false)]);
    assert_eq!(
        shown(&[Closed, Filtered], &events),
        [("closed".into(), false), ("filtered".into(), false)]
    );
}

#[test]
fn a_correction_of_a_hidden_record_is_a_first_record() {
    let events = [event(Closed, None), event(Open, Some(Closed))];
    assert_eq!(shown(&[Open], &events), [("open".into(), false)]);
    assert_eq!(shown(&[Open, Closed], &events), [("closed".into(), false), ("open".into(), true)]);
}

#[test]
fn a_shown_record_is_corrected_even_into_states_that_are_not_shown() {
    let events = [event(Filtered, None), event(Closed, Some(Filtered)), event(Open, Some(Closed))];
    assert_eq!(
        shown(&[Filtered], &events),
        [("filtered".into(), false), ("closed".into(), true), ("open".into(), true)]
    );
}

#[test]
fn a_revision_that_overtakes_what_it_revises_holds() {
    let events = [event(PortState::Open, Some(PortState::Closed)), event(PortState::Closed, None)];
    let told = shown(&[PortState::Open, PortState::Closed], &events);
    assert_eq!(told, [("open".to_owned(), true)]);
}

#[test]
fn the_log_holds_a_scan_from_its_start_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let (log, _) = EventLog::create(&path, LogOptions::default()).unwrap();
    let captured = Captured::default();
    let table = Shape::Table(Table::many_hosts(false, false));
    let mut sinks =
        Sinks::new(table, ShownStates::default(), Box::new(captured.clone()), Some(log));
    sinks.started(&ScanStarted {
        args: vec!["-p".into(), "80".into()],
        seed: 1,
        targets: 7,
        shard: "1/1".into(),
        plan: "ab".into(),
        port_engine: "packet".into(),
        port_engine_why: "asked for".into(),
        xdp_mode: None,
        interface: "scan0".into(),
        version: "0.1.0".into(),
    });
    sinks.port(&event(Open, None));
    sinks.idle();
    sinks.finished(&report());
    sinks.finish().unwrap();

    let lines = std::fs::read_to_string(&path).unwrap();
    let records: Vec<Value> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let types: Vec<_> = records.iter().map(|r| r["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["scan_started", "port", "ledger", "scan_finished"]);
    assert_eq!(records[1]["rtt_us"], 1);
    assert_eq!(records[2]["generated"], 7);
    assert_eq!(records[3]["elapsed_s"], 1.5);
    assert_eq!(records[3]["latency_us"]["p999"], 2);
    let table = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    assert_eq!(table.lines().count(), 2, "{table}");
}

#[test]
fn a_closed_pipe_is_a_normal_end_and_another_error_is_not() {
    for (kind, closed) in [(io::ErrorKind::BrokenPipe, true), (io::ErrorKind::StorageFull, false)] {
        let mut sinks =
            Sinks::new(Shape::Json, ShownStates::default(), Box::new(Failing(kind)), None);
        sinks.port(&event(Open, None));
        assert!(!sinks.stdout_closed());
        sinks.idle();
        assert_eq!(sinks.stdout_closed(), closed);
        assert_eq!(sinks.finish().is_ok(), closed);
    }
}
