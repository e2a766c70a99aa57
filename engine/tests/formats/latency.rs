//! Round-trip times as HdrHistogram's own JavaScript version reads and prints them.

use std::collections::HashMap;
use std::fs;

use prtip_engine::event::clock::monotonic_ns;
use prtip_engine::event::files::{About, Files, Format, Outcome, Place, Wanted};
use prtip_engine::event::sinks::ShownStates;
use prtip_engine::event::{PortEvent, PortState, Reason};
use prtip_engine::latency::Latency;
use prtip_engine::latency::groups::Grouping;
use prtip_engine::plan::{IpRange, Plan, PortSet, Protocol};
use prtip_engine::scan::Progress;
use prtip_engine::scan::stages::Stages;

use crate::readers::Readers;

/// Sums up the lines without a tag and prints their percentiles; counts the others.
const READ: &str = r#"
const hdr = require('hdr-histogram-js');
const text = require('fs').readFileSync(process.argv[1], 'utf8');
const reader = new hdr.HistogramLogReader(text);
let total = null, intervals = 0, tags = {}, one;
while ((one = reader.nextIntervalHistogram())) {
  if (one.tag && one.tag !== 'NO TAG') { tags[one.tag] = [one.totalCount, one.maxValue]; continue; }
  intervals += 1;
  if (total === null) total = one; else total.add(one);
}
console.log(JSON.stringify({intervals, tags}));
process.stdout.write(total.outputPercentileDistribution(5, 1000));
"#;

#[test]
fn the_javascript_version_reads_what_was_recorded_and_prints_the_same_percentiles() {
    let Some(readers) = Readers::of("latency") else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let mut builder = Plan::builder();
    builder
        .target(&[IpRange::single("198.18.0.1".parse().unwrap())], true)
        .ports(PortSet::new([80]));
    let about = About {
        args: Vec::new(),
        version: "9.9".into(),
        items: builder.build().unwrap().items().clone(),
        addresses: 1,
        only_host: None,
        names: HashMap::new(),
        shown: ShownStates::default(),
        whole: true,
        services: false,
        started_unix_us: 1_700_000_000_000_000,
    };
    let wanted: Vec<Wanted> = [("a.hlog", Some(Grouping::Port)), ("a.hgrm", None)]
        .into_iter()
        .map(|(name, by)| Wanted {
            format: Format::Latency { by, stages: true },
            place: Place::of(&at(name)),
        })
        .collect();
    let mut files = Files::open(&wanted, about, None, || unreachable!()).unwrap();
    let mut random = 88_172_645_463_325_252_u64;
    let start_ns = monotonic_ns();
    // A prime: no percentile falls exactly between two values, where rounding would decide.
    for number in 0..19_997_u64 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        // From 10 us to 10 s, evenly in powers of two.
        let rtt_ns = (10_000 << (random % 20)) + (random >> 20) % 10_000;
        let mut event = PortEvent {
            addr: "198.18.0.1".parse().unwrap(),
            port: (number % 3) as u16,
            protocol: Protocol::Tcp,
            state: PortState::Open,
            previous: None,
            reason: Reason::SynAck,
            ttl: 64,
            rtt_ns: Some(rtt_ns),
            at_ns: 0,
            heard: None,
        };
        files.port(&event, 0, true, false);
        // A correction is no first answer.
        event.previous = Some(PortState::Closed);
        files.port(&event, 0, true, true);
        if number % 5000 == 4999 {
            let seconds = number / 5000 + 1;
            files.progress(&Progress::default(), start_ns + seconds * 1_100_000_000, 0);
        }
    }
    let mut lag = Latency::new();
    lag.record_many(7_000, 40);
    let ended = Outcome { ended_unix_us: 0, elapsed_s: 0.0, stopped: false, hosts_up: 0 };
    let mut stages = Stages::default();
    stages.send.craft_to_kick.record_many(9_000, 50);
    stages.ring_to_event.record_many(30_000, 60);
    files.conclude(ended, Some(&lag), Some(&stages));
    files.finish().unwrap();

    let read = readers.node(READ, &[&at("a.hlog")]);
    let (counts, printed) = read.split_once('\n').unwrap();
    let counts: serde_json::Value = serde_json::from_str(counts).unwrap();
    assert_eq!(counts["intervals"], 4);
    for (tag, count) in [
        ("tcp-0", 6666),
        ("tcp-1", 6666),
        ("tcp-2", 6665),
        ("send-lag", 40),
        ("craft-to-kick", 50),
        ("ring-to-event", 60),
    ] {
        assert_eq!(counts["tags"][tag][0], count, "{counts}");
    }
    assert!(counts["tags"]["send-lag"][1].as_u64().unwrap().abs_diff(7_000) < 8, "{counts}");
    let ours = fs::read_to_string(at("a.hgrm")).unwrap();
    for (ours, theirs) in ours.lines().zip(printed.lines()) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(ours.lines().count(), printed.lines().count());
    assert!(printed.contains("Total count    =        19997]"), "{printed}");
    let stage = fs::read_to_string(at("a.craft-to-kick.hgrm")).unwrap();
    assert!(stage.contains("Total count    =           50]"), "{stage}");
    let lag = fs::read_to_string(at("a.send-lag.hgrm")).unwrap();
    assert!(lag.contains("Total count    =           40]"), "{lag}");
}
