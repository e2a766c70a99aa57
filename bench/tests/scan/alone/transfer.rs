//! A TCP transfer of the kernel over the scanned interface goes on, whole and
//! without a stall, while scans attach, run, end and are killed.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::open_lab::{OpenLab, Side};
use crate::setting::{sized, turn_alone};
use crate::truth::TWO_QUEUES;

/// A longer silence means that the connection was backing off. A lost segment
/// costs 0.2 s, lost again 0.4 s; a busy machine adds to it.
const STALL: Duration = Duration::from_secs(2);
const CHUNK: usize = 16 << 10;
/// Period of the bytes: no power of two, so that a lost or repeated piece shows.
const PERIOD: u64 = 251;

/// What the receiving end saw.
struct Received {
    bytes: u64,
    longest_gap: Duration,
}

fn pattern(at: u64) -> u8 {
    (at % PERIOD) as u8
}

/// Sends chunks of the pattern until told to stop; returns their sum.
fn send(listener: &TcpListener, stop: &AtomicBool) -> u64 {
    let (mut stream, _) = listener.accept().unwrap();
    let mut sent = 0;
    while !stop.load(Ordering::Relaxed) {
        let chunk: Vec<u8> = (sent..sent + CHUNK as u64).map(pattern).collect();
        stream.write_all(&chunk).unwrap();
        sent += CHUNK as u64;
        std::thread::sleep(Duration::from_millis(2));
    }
    sent
}

fn receive(port: u16, so_far: &AtomicU64) -> Received {
    let mut stream = TcpStream::connect(("198.19.255.2", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut buffer = vec![0; CHUNK];
    let mut received = Received { bytes: 0, longest_gap: Duration::ZERO };
    let mut last = Instant::now();
    loop {
        let len = stream.read(&mut buffer).unwrap();
        if len == 0 {
            return received;
        }
        received.longest_gap = received.longest_gap.max(last.elapsed());
        last = Instant::now();
        for (at, &byte) in (received.bytes..).zip(&buffer[..len]) {
            assert_eq!(byte, pattern(at), "byte {at}");
        }
        received.bytes += len as u64;
        so_far.store(received.bytes, Ordering::Relaxed);
    }
}

#[test]
fn a_tcp_transfer_does_not_stall_while_scans_come_and_go() {
    let Some(_turn) = turn_alone("transfer") else { return };
    let lab = OpenLab::open(TWO_QUEUES, &[]);
    let stop = Arc::new(AtomicBool::new(false));
    let so_far = Arc::new(AtomicU64::new(0));
    let (told, port) = std::sync::mpsc::channel();
    let sender = lab.spawn(Side::Far, {
        let stop = Arc::clone(&stop);
        move || {
            let listener = TcpListener::bind(("198.19.255.2", 0)).unwrap();
            told.send(listener.local_addr().unwrap().port()).unwrap();
            send(&listener, &stop)
        }
    });
    let port = port.recv().unwrap();
    let receiver = lab.spawn(Side::Scan, {
        let so_far = Arc::clone(&so_far);
        move || receive(port, &so_far)
    });

    let scan = "-sS -p 1-64 198.18.0.0/17 --port-engine xdp --rate 20000 --cooldown 0.2";
    for round in 0..sized(4, 20) {
        let before = so_far.load(Ordering::Relaxed);
        let mut command = lab.prtip(scan);
        if round % 2 == 0 {
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(900));
            child.kill().unwrap();
            child.wait().unwrap();
        } else {
            let output = command.args(["--max-targets", "10000"]).output().unwrap();
            assert!(output.status.success());
        }
        let during = so_far.load(Ordering::Relaxed) - before;
        assert!(during > 0, "nothing was transferred in round {round}");
    }
    stop.store(true, Ordering::Relaxed);
    let sent = sender.join().unwrap();
    let received = receiver.join().unwrap();
    println!("{sent} bytes, longest gap {:?}", received.longest_gap);
    assert_eq!(received.bytes, sent);
    assert!(sent > 1 << 20, "only {sent} bytes");
    assert!(received.longest_gap < STALL, "a gap of {:?}", received.longest_gap);
    lab.close();
}
