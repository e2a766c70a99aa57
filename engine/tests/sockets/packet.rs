//! The AF_PACKET port over a veth pair.
//!
//! Both ends run the port: the near one sends SYN-ACKs as control frames, which
//! are what the far one's filter lets through.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use etherparse::PacketBuilder;
use prtip_engine::error::Kind;
use prtip_engine::port::filter::ReplyFilter;
use prtip_engine::port::packet::{Config, PacketPort, RECEIVE_BUFFER_BYTES};
use prtip_engine::port::{Counters, Port};
use prtip_engine::route::Interface;

use crate::namespace::Pair;

const NEAR: [u8; 4] = [198, 18, 0, 1];
const FAR: [u8; 4] = [198, 18, 0, 2];
const NEAR6: [u8; 16] = [0x20, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const FAR6: [u8; 16] = [0x20, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

/// A port on `interface` that hears replies to `ours` at ports from 61000 on.
fn open(interface: &str, ours: ([u8; 4], [u8; 16]), receive_buffer_bytes: usize) -> PacketPort {
    let interface = Interface::by_name(interface).unwrap();
    PacketPort::open(Config {
        interface: interface.name,
        ifindex: interface.index,
        filter: ReplyFilter {
            sources_v4: vec![ours.0.into()],
            sources_v6: vec![ours.1.into()],
            source_ports: 61_000..=65_535,
            udp: true,
            echo: true,
            any_segment: false,
        },
        receive_buffer_bytes,
    })
    .unwrap()
}

fn far_port(pair: &Pair, receive_buffer_bytes: usize) -> PacketPort {
    pair.far.enter(|| open("far0", (FAR, FAR6), receive_buffer_bytes))
}

fn near_port(pair: &Pair) -> PacketPort {
    pair.near.enter(|| open("scan0", (NEAR, NEAR6), RECEIVE_BUFFER_BYTES))
}

fn syn_ack(to_port: u16, ack: u32, vlan: Option<u16>, v6: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let ethernet = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    let ip = match (vlan, v6) {
        (Some(id), false) => ethernet.single_vlan(id.try_into().unwrap()).ipv4(NEAR, FAR, 64),
        (Some(id), true) => ethernet.single_vlan(id.try_into().unwrap()).ipv6(NEAR6, FAR6, 64),
        (None, false) => ethernet.ipv4(NEAR, FAR, 64),
        (None, true) => ethernet.ipv6(NEAR6, FAR6, 64),
    };
    ip.tcp(80, to_port, 1, 1024).syn().ack(ack).write(&mut bytes, &[]).unwrap();
    bytes
}

/// Sends all frames, however often the kernel is full in between.
fn send_all(port: &mut PacketPort, frames: &[Vec<u8>]) {
    let end = port.counters().controls + frames.len() as u64;
    for frame in frames {
        let mut fill = |buffer: &mut [u8]| {
            buffer[..frame.len()].copy_from_slice(frame);
            frame.len()
        };
        while !port.queue_control(&mut fill) {
            port.kick().unwrap();
        }
    }
    let deadline = Instant::now() + Duration::from_secs(10);
    while port.counters().controls < end {
        assert!(Instant::now() < deadline, "the kernel takes no more frames");
        port.kick().unwrap();
    }
}

/// Everything that is there and still on its way.
fn drain(port: &mut PacketPort) -> Vec<(Vec<u8>, u64)> {
    let mut frames = Vec::new();
    loop {
        port.wait(Duration::from_millis(100));
        if port.receive(64, &mut |frame, at_ns| frames.push((frame.to_vec(), at_ns))) == 0 {
            return frames;
        }
    }
}

fn monotonic_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

#[test]
fn frames_arrive_as_they_were_sent_with_their_kernel_receive_time() {
    let Some(pair) = Pair::new() else { return };
    let (mut near, mut far) = (near_port(&pair), far_port(&pair, RECEIVE_BUFFER_BYTES));
    assert!(far.ethernet());
    let frames: Vec<_> = (0..300).map(|ack| syn_ack(61_000, ack, None, ack % 3 == 0)).collect();
    // On a busy machine the kernel may take its time to begin with stamping.
    std::thread::sleep(Duration::from_millis(200));
    let before = monotonic_ns();
    send_all(&mut near, &frames);
    let sent = monotonic_ns();
    std::thread::sleep(Duration::from_millis(300));
    let received = drain(&mut far);
    assert!(received.iter().map(|(frame, _)| frame).eq(&frames));
    // Half a millisecond for what happens to the clocks between the two readings.
    for (_, at_ns) in &received {
        assert!(
            (before - 500_000..sent + 200_000_000).contains(at_ns),
            "the time of arrival, not of reading: {at_ns}, sent {before} to {sent}"
        );
    }
    assert!(received.is_sorted_by_key(|(_, at_ns)| *at_ns / 1_000_000));
    assert_eq!(near.counters(), Counters { controls: 300, ..Counters::default() });
    assert_eq!(far.counters(), Counters { rx_steered: 300, ..Counters::default() });
    assert_eq!(drain(&mut near).len(), 0, "what we send does not come back");
}

#[test]
fn tagged_frames_arrive_as_untagged_ones() {
    let Some(pair) = Pair::new() else { return };
    let (mut near, mut far) = (near_port(&pair), far_port(&pair, RECEIVE_BUFFER_BYTES));
    for v6 in [false, true] {
        send_all(&mut near, &[syn_ack(62_000, 5, Some(77), v6)]);
        let received = drain(&mut far);
        assert_eq!(received.len(), 1);
        assert_eq!(received[0].0, syn_ack(62_000, 5, None, v6));
    }
}

#[test]
fn under_overload_every_reply_is_either_handed_out_or_counted_as_dropped() {
    let Some(pair) = Pair::new() else { return };
    let (mut near, mut far) = (near_port(&pair), far_port(&pair, 20_000));
    let ours: Vec<_> = (0..5000).map(|ack| syn_ack(61_000, ack, None, false)).collect();
    let others: Vec<_> = (0..1000).map(|ack| syn_ack(80, ack, None, false)).collect();
    send_all(&mut near, &ours);
    send_all(&mut near, &others);
    far.wait(Duration::from_millis(200));
    far.quiesce();
    // After that nothing is heard any more, so that the books can be closed.
    send_all(&mut near, &ours[..100]);
    let received = drain(&mut far).len() as u64;
    let counters = far.counters();
    assert!(counters.ring_drops > 0, "a buffer of 20 kB overflows: {counters:?}");
    assert!(received > 0);
    assert_eq!(counters.rx_steered, received + counters.ring_drops);
    assert_eq!(counters.rx_steered, 5000, "ports that are not ours do not count");
    assert_eq!(far.counters(), counters, "reading the counters does not change them");
}

#[test]
fn the_books_close_though_replies_keep_coming() {
    let Some(pair) = Pair::new() else { return };
    let (mut near, mut far) = (near_port(&pair), far_port(&pair, 200_000));
    let frames: Vec<_> = (0..64).map(|ack| syn_ack(61_000, ack, None, false)).collect();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                send_all(&mut near, &frames);
            }
        });
        let mut received = 0;
        let end = Instant::now() + Duration::from_millis(300);
        while Instant::now() < end {
            received += far.receive(64, &mut |_, _| ());
        }
        far.quiesce();
        received += drain(&mut far).len();
        let counters = far.counters();
        std::thread::sleep(Duration::from_millis(20));
        let later = far.counters();
        stop.store(true, Ordering::Relaxed);
        assert!(received > 1000, "{received}");
        assert_eq!(counters.rx_steered, received as u64 + counters.ring_drops);
        assert_eq!(counters, later, "the stream goes on, but is not heard");
    });
}

#[test]
fn the_budget_of_a_receive_turn_is_kept() {
    let Some(pair) = Pair::new() else { return };
    let (mut near, mut far) = (near_port(&pair), far_port(&pair, RECEIVE_BUFFER_BYTES));
    let frames: Vec<_> = (0..200).map(|ack| syn_ack(61_000, ack, None, false)).collect();
    send_all(&mut near, &frames);
    far.wait(Duration::from_secs(1));
    std::thread::sleep(Duration::from_millis(20));
    let mut acks = Vec::new();
    for budget in [1, 64, 100, 300] {
        let got = far.receive(budget, &mut |frame, _| acks.push(frame.to_vec()));
        assert!(got <= budget);
    }
    assert_eq!(acks, frames);
}

#[test]
fn waiting_ends_with_the_first_packet_or_the_timeout() {
    let Some(pair) = Pair::new() else { return };
    let (mut near, mut far) = (near_port(&pair), far_port(&pair, RECEIVE_BUFFER_BYTES));
    let start = Instant::now();
    far.wait(Duration::from_millis(30));
    assert!(start.elapsed() >= Duration::from_millis(30));
    send_all(&mut near, &[syn_ack(61_000, 1, None, false)]);
    let start = Instant::now();
    far.wait(Duration::from_secs(20));
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn an_interface_that_goes_down_ends_sending_with_the_remedy() {
    let Some(pair) = Pair::new() else { return };
    let mut near = near_port(&pair);
    send_all(&mut near, &[syn_ack(61_000, 1, None, false)]);
    pair.near.ip("link set scan0 down");
    assert!(near.queue_control(&mut |_| 60));
    let error = near.kick().unwrap_err();
    assert_eq!(error.kind, Kind::Failed);
    assert!(error.to_string().contains("ip link set scan0 up"), "{error}");
}
