//! Frames arrive once and whole, and the counters add up.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use etherparse::TcpHeader;
use prtip_bpf::cookie::cookie4;
use prtip_engine::port::xsk::XskPort;
use prtip_engine::port::{Counters, Port, SEND_BATCH};
use prtip_engine::scan::XdpMode;

use super::lab::*;

const PATIENCE: Duration = Duration::from_secs(5);

fn now_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Sends frames numbered `from..to` as probes, calling `between` after each batch.
fn send_numbered(port: &mut XskPort, from: u32, to: u32, mut between: impl FnMut()) {
    let deadline = Instant::now() + PATIENCE;
    let mut next = from;
    while next < to {
        let want = SEND_BATCH.min((to - next) as usize);
        let sent = port
            .submit_batch(want, |position, buffer, _slot| {
                let frame = frame_to_far(next + position as u32);
                buffer[..frame.len()].copy_from_slice(&frame);
                frame.len()
            })
            .unwrap();
        next += sent as u32;
        between();
        assert!(Instant::now() < deadline, "stuck at frame {next}");
    }
}

fn receive_numbers(port: &mut XskPort, numbers: &mut Vec<u32>) {
    while port.receive(256, &mut |frame, _| numbers.push(number_of(frame))) > 0 {}
}

/// Waits until so many frames were steered: a veth hands frames on in a soft
/// interrupt that may come later than the completion.
fn await_steered(ports: &mut [XskPort], count: u64) {
    let deadline = Instant::now() + PATIENCE;
    while sum(ports).rx_steered < count {
        assert!(Instant::now() < deadline, "{:?} of {count} frames", sum(ports));
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn sum(ports: &mut [XskPort]) -> Counters {
    let mut sum = Counters::default();
    for port in ports {
        sum += port.counters();
    }
    sum
}

#[test]
fn every_frame_arrives_once_on_either_queue_and_the_books_balance() {
    for mode in [XdpMode::Copy, XdpMode::Generic] {
        in_lab(|lab| {
            const FRAMES: u32 = 20_000;
            let mut near = lab.open_near(mode, 1).unwrap();
            let mut far = lab.open_far(2);
            assert_eq!((near.ports.len(), near.queues), (1, QUEUES));
            assert_eq!(far.ports.len(), 2);

            let began_ns = now_ns();
            let mut numbers = Vec::new();
            let mut on_port = [0; 2];
            send_numbered(&mut near.ports[0], 1, FRAMES + 1, || {
                for (count, port) in on_port.iter_mut().zip(&mut far.ports) {
                    let before = numbers.len();
                    while port.receive(100, &mut |frame, rx_ns| {
                        assert!((began_ns..=now_ns()).contains(&rx_ns), "a receive time");
                        numbers.push(number_of(frame));
                    }) > 0
                    {}
                    *count += numbers.len() - before;
                }
            });
            near.ports[0].quiesce();
            await_steered(&mut far.ports, FRAMES.into());
            for port in &mut far.ports {
                port.quiesce();
                receive_numbers(port, &mut numbers);
            }
            assert!(on_port.iter().all(|&count| count > 0), "both queues were used: {on_port:?}");
            assert_eq!(numbers.len(), FRAMES as usize);
            assert_eq!(HashSet::<u32>::from_iter(numbers).len(), FRAMES as usize);

            let expected = Counters {
                submitted: FRAMES.into(),
                completed: FRAMES.into(),
                ..Counters::default()
            };
            assert_eq!(sum(&mut near.ports), expected);
            let expected = Counters { rx_steered: FRAMES.into(), ..Counters::default() };
            assert_eq!(sum(&mut far.ports), expected);
        });
    }
}

#[test]
fn replies_that_find_the_ring_full_are_counted_as_drops() {
    in_lab(|lab| {
        const FLOOD: u32 = 30_000;
        let mut near = lab.open_near(XdpMode::Auto, 1).unwrap();
        let mut far = lab.open_far(1);
        send_numbered(&mut near.ports[0], 1, FLOOD + 1, || {});
        await_steered(&mut far.ports, FLOOD.into());
        let mut flooded = Vec::new();
        receive_numbers(&mut far.ports[0], &mut flooded);
        assert!(flooded.len() < FLOOD as usize);

        // A port that lost frames goes on as before.
        send_numbered(&mut near.ports[0], FLOOD + 1, FLOOD + 101, || {});
        near.ports[0].quiesce();
        await_steered(&mut far.ports, u64::from(FLOOD) + 100);
        far.ports[0].quiesce();
        let mut later = Vec::new();
        receive_numbers(&mut far.ports[0], &mut later);
        let counters = far.ports[0].counters();
        assert_eq!(later.len(), 100);
        assert_eq!(counters.rx_steered, u64::from(FLOOD) + 100);
        assert_eq!(counters.ring_drops, u64::from(FLOOD) - flooded.len() as u64);
    });
}

#[test]
fn what_comes_after_quiesce_is_neither_steered_nor_counted() {
    in_lab(|lab| {
        let mut near = lab.open_near(XdpMode::Auto, 1).unwrap();
        let mut far = lab.open_far(1);
        send_numbered(&mut near.ports[0], 1, 101, || {});
        await_steered(&mut far.ports, 100);
        far.ports[0].quiesce();
        send_numbered(&mut near.ports[0], 101, 201, || {});
        near.ports[0].quiesce();
        let mut numbers = Vec::new();
        receive_numbers(&mut far.ports[0], &mut numbers);
        numbers.sort_unstable();
        assert_eq!(numbers, (1..101).collect::<Vec<_>>());
        assert_eq!(far.ports[0].counters().rx_steered, 100);
    });
}

#[test]
fn control_frames_are_counted_apart_from_probes() {
    in_lab(|lab| {
        let mut near = lab.open_near(XdpMode::Auto, 1).unwrap();
        let mut far = lab.open_far(1);
        let mut queued = 0;
        // More than there are control frames: some must be refused.
        for number in 0..2000 {
            let accepted = near.ports[0].queue_control(&mut |buffer| {
                assert!(buffer.len() >= 256);
                let frame = frame_to_far(number + 1);
                buffer[..frame.len()].copy_from_slice(&frame);
                frame.len()
            });
            queued += u32::from(accepted);
        }
        assert!((512..2000).contains(&queued), "{queued}");
        assert_eq!(sum(&mut far.ports).rx_steered, 0, "nothing leaves before a kick");
        // One batch of probes takes the control frames of all sockets along.
        send_numbered(&mut near.ports[0], 10_001, 10_002, || {});
        await_steered(&mut far.ports, u64::from(queued) + 1);
        send_numbered(&mut near.ports[0], 10_002, 10_301, || {});
        near.ports[0].quiesce();
        await_steered(&mut far.ports, u64::from(queued) + 300);
        let mut numbers = Vec::new();
        receive_numbers(&mut far.ports[0], &mut numbers);
        assert_eq!(numbers.len() as u32, queued + 300);
        let expected = Counters {
            submitted: 300,
            completed: 300,
            controls: queued.into(),
            ..Counters::default()
        };
        assert_eq!(near.ports[0].counters(), expected);
    });
}

#[test]
fn a_frame_still_holds_the_probe_it_held_last() {
    in_lab(|lab| {
        let mut near = lab.open_near(XdpMode::Auto, 1).unwrap();
        let mut far = lab.open_far(1);
        let (mut fresh, mut reused) = (0, 0);
        for round in 0..50_u32 {
            near.ports[0]
                .submit_batch(SEND_BATCH, |position, buffer, _slot| {
                    let number = round * 64 + position as u32 + 1;
                    let frame = frame_to_far(number);
                    // What an earlier probe left in the frame is still there.
                    if buffer[..14] == frame[..14] {
                        reused += 1;
                    } else {
                        fresh += 1;
                    }
                    buffer[..frame.len()].copy_from_slice(&frame);
                    frame.len()
                })
                .unwrap();
            let mut numbers = Vec::new();
            receive_numbers(&mut far.ports[0], &mut numbers);
        }
        // Two sockets, each with a few batches of frames in use.
        assert!(fresh <= 512 && reused >= 50 * 64 - 512, "{fresh} fresh, {reused} reused");
    });
}

#[test]
fn a_kernel_peer_answers_and_other_traffic_passes() {
    in_lab(|lab| {
        lab.enter_far();
        let listener = TcpListener::bind((FAR_V4, 0)).unwrap();
        let open_port = listener.local_addr().unwrap().port();
        let closed_port = if open_port == 9 { 10 } else { 9 };
        let mut near = lab.open_near(XdpMode::Auto, 1).unwrap();
        let port = &mut near.ports[0];

        // A thread keeps a TCP transfer of the kernel's going through the same interface.
        let elsewhere = TcpListener::bind((NEAR_V4, 8080)).unwrap();
        let transfer = std::thread::scope(|scope| {
            let sink = scope.spawn(|| {
                let (mut stream, _) = elsewhere.accept().unwrap();
                let mut bytes = Vec::new();
                stream.read_to_end(&mut bytes).unwrap();
                bytes.len()
            });
            scope.spawn(|| {
                lab.enter_far();
                let mut stream = TcpStream::connect((NEAR_V4, 8080)).unwrap();
                stream.set_write_timeout(Some(PATIENCE)).unwrap();
                stream.write_all(&vec![7; 4 << 20]).unwrap();
            });

            let mut replies = Vec::new();
            for their_port in [open_port, closed_port] {
                let our_port = FIRST_PORT + 5;
                let cookie =
                    cookie4(near_config().sources[0].keys.tcp, FAR_V4, their_port, our_port);
                let mut syn = TcpHeader::new(our_port, their_port, cookie, 1024);
                syn.syn = true;
                let probe = frame(NEAR_V4, FAR_V4, syn);
                port.submit_batch(1, |_, buffer, _| {
                    buffer[..probe.len()].copy_from_slice(&probe);
                    probe.len()
                })
                .unwrap();
            }
            let deadline = Instant::now() + PATIENCE;
            while replies.len() < 2 && Instant::now() < deadline {
                port.wait(Duration::from_millis(100));
                port.receive(64, &mut |frame, rx_ns| {
                    assert!(now_ns() - rx_ns < 1_000_000_000);
                    let tcp = etherparse::TcpHeaderSlice::from_slice(&frame[34..]).unwrap();
                    replies.push((tcp.source_port(), tcp.syn(), tcp.rst()));
                });
            }
            replies.sort_unstable_by_key(|&(port, ..)| port != open_port);
            assert_eq!(replies, [(open_port, true, false), (closed_port, false, true)]);
            sink.join().unwrap()
        });
        assert_eq!(transfer, 4 << 20);
        port.quiesce();
        assert_eq!(port.counters().rx_steered, 2);
    });
}
