//! Real probes through the in-memory port, and what its faults do to the books.

use std::collections::BTreeSet;
use std::time::Duration;

use prtip_engine::plan::probe::Prober;
use prtip_engine::port::memory::{Config, Faults, MemoryPort, Replies, Silence, VirtualClock};
use prtip_engine::port::{Counters, Port, SEND_BATCH};
use prtip_engine::wire::reply::parse;

use crate::probes::{ETHERNET, prober, syn_ack_to};

/// 1024 pairs.
fn thousand() -> Prober {
    prober("198.18.7.0/28", 1..=64, ETHERNET)
}

/// Sends all probes of the plan; between the batches `between` is called.
fn send_all(port: &mut dyn Port, prober: &Prober, mut between: impl FnMut(&mut dyn Port)) {
    let indices: Vec<u64> = (0..prober.plan().len()).collect();
    let mut next = 0;
    while next < indices.len() {
        let end = indices.len().min(next + SEND_BATCH);
        next += port.send(prober, &indices[next..end], 0).unwrap();
        between(port);
    }
}

/// Indices answered, each reply once, in the order of arrival.
fn drain(port: &mut dyn Port, prober: &Prober) -> Vec<u64> {
    let mut answered = Vec::new();
    let mut idle = 0;
    while idle < 2 {
        port.wait(Duration::from_secs(1));
        let got = port.receive(SEND_BATCH, &mut |frame, _| {
            let reply = parse(frame, true).expect("the far end speaks TCP");
            answered.push(prober.validate(&reply, frame).expect("a true cookie").index);
        });
        idle = if got == 0 { idle + 1 } else { 0 };
    }
    answered
}

fn answer_all(packet: &[u8], replies: &mut Replies) {
    replies.push(Duration::from_millis(1), syn_ack_to(packet));
}

#[test]
fn every_probe_reaches_the_far_end_as_crafted_though_frames_are_few() {
    let prober = thousand();
    let (tell, seen) = std::sync::mpsc::channel();
    let far_end = move |packet: &[u8], _: &mut Replies| tell.send(packet.to_vec()).unwrap();
    // Eight frames leave at a kick and 128 are there: the sender meets a full ring.
    let config = Config { frames: 128, kick_budget: 8, ..Config::default() };
    let mut port = MemoryPort::new(config, VirtualClock::default(), far_end);
    send_all(&mut port, &prober, |port| {
        port.queue_control(&mut |_| 0);
        port.kick().unwrap();
    });
    for _ in 0..64 {
        port.kick().unwrap();
    }
    let counters = port.counters();
    assert_eq!(counters.submitted, prober.plan().len());
    assert_eq!(counters.completed, prober.plan().len());
    assert!(counters.controls > 0);
    drop(port);
    let probes: Vec<_> = seen.into_iter().filter(|packet| !packet.is_empty()).collect();
    let mut frame = [0; 256];
    let crafted = (0..prober.plan().len()).map(|index| {
        let len = prober.craft(index, 0, &mut frame);
        frame[..len].to_vec()
    });
    assert!(probes.into_iter().eq(crafted));
}

#[test]
fn without_faults_every_reply_comes_once_at_its_time() {
    let prober = thousand();
    let clock = VirtualClock::default();
    let mut port = MemoryPort::new(Config::default(), clock.clone(), answer_all);
    send_all(&mut port, &prober, |_| ());
    assert_eq!(port.receive(1, &mut |_, _| ()), 0, "not yet due");
    clock.advance(Duration::from_micros(1500));
    let mut at_ns = BTreeSet::new();
    port.receive(1, &mut |_, at| _ = at_ns.insert(at));
    assert_eq!(at_ns, BTreeSet::from([1_000_000]), "due time, not reading time");
    assert_eq!(drain(&mut port, &prober), (1..1024).collect::<Vec<_>>());
    let all =
        Counters { submitted: 1024, completed: 1024, rx_steered: 1024, ..Counters::default() };
    assert_eq!(port.counters(), all);
}

#[test]
fn loss_duplication_and_reordering_follow_the_seed_and_keep_the_books() {
    let prober = thousand();
    let run = |seed| {
        let faults = Faults {
            seed,
            probe_loss_pm: 50,
            reply_loss_pm: 50,
            duplicate_pm: 100,
            jitter: Duration::from_millis(5),
            refuse_pm: 20,
            names_refused: false,
            mislay: None,
        };
        let config = Config { faults, ..Config::default() };
        let mut port = MemoryPort::new(config, VirtualClock::default(), answer_all);
        send_all(&mut port, &prober, |_| ());
        (drain(&mut port, &prober), port.counters())
    };
    let (answered, counters) = run(1);
    assert_eq!(counters.submitted, counters.completed + counters.tx_failed);
    assert!((5..60).contains(&counters.tx_failed), "{counters:?}");
    assert_eq!(counters.rx_steered, answered.len() as u64);
    let distinct: BTreeSet<_> = answered.iter().collect();
    assert!((850..960).contains(&distinct.len()), "{} answered", distinct.len());
    assert!((50..150).contains(&(answered.len() - distinct.len())), "doubled");
    assert!(!answered.is_sorted(), "overtaken");
    assert_eq!(run(1), (answered.clone(), counters), "the same again");
    assert_ne!(run(2).0, answered);
}

#[test]
fn a_full_receive_ring_drops_and_counts() {
    let prober = thousand();
    let config = Config { rx_ring: 100, ..Config::default() };
    let mut port = MemoryPort::new(config, VirtualClock::default(), answer_all);
    send_all(&mut port, &prober, |_| ());
    let answered = drain(&mut port, &prober);
    assert_eq!(answered.len(), 100);
    assert_eq!(port.counters().ring_drops, 924);
}

#[test]
fn a_mislaid_reply_is_missing_from_the_books() {
    let prober = thousand();
    let faults = Faults { mislay: Some(10), ..Faults::default() };
    let config = Config { faults, ..Config::default() };
    let mut port = MemoryPort::new(config, VirtualClock::default(), answer_all);
    send_all(&mut port, &prober, |_| ());
    let answered = drain(&mut port, &prober).len() as u64;
    let counters = port.counters();
    assert_eq!(counters.rx_steered, answered + counters.ring_drops + 1);
}

#[test]
fn after_quiescing_nothing_more_is_steered() {
    let prober = thousand();
    let clock = VirtualClock::default();
    let mut port = MemoryPort::new(Config::default(), clock.clone(), answer_all);
    send_all(&mut port, &prober, |_| ());
    port.quiesce();
    clock.advance(Duration::from_secs(1));
    assert_eq!(port.receive(64, &mut |_, _| ()), 0);
    assert_eq!(port.counters().rx_steered, 0);
}

#[test]
fn a_silent_far_end_costs_only_frames() {
    let prober = thousand();
    let mut port = MemoryPort::new(Config::default(), VirtualClock::default(), Silence);
    send_all(&mut port, &prober, |_| ());
    let sent = Counters { submitted: 1024, completed: 1024, ..Counters::default() };
    assert_eq!(port.counters(), sent);
}
