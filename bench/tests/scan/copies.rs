//! Over AF_XDP no frame is copied in user space. Probes are written where the kernel
//! sends them from, replies are judged where the kernel has put them; so a header of
//! either lies in the memory shared with the kernel and nowhere else. Here all memory
//! that the process can write is searched for them while it runs, wherever a copy might
//! have been made: whatever is copied leaves its bytes behind, on a heap or, for a while,
//! on a stack. What it cannot see: copies from one shared frame into another.
//!
//! `--pcap` and the packet engine, which do copy, show that the search would find it.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::process::Child;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::lab::Lab;
use crate::open_lab::OpenLab;
use crate::setting::turn;

/// The scanner's address in the lab.
const SCANNER: [u8; 4] = [198, 19, 255, 1];
/// What its targets' addresses begin with, and that of the router, which tells errors.
const FAR: [&[u8]; 2] = [&[198, 18], &[198, 19, 255, 2]];
/// Few enough that no frame is used twice for reception: all replies lie there at the end.
const FEW: &str = "198.18.0.0/26 --rate 8000 --cooldown 1";
/// As fast as it goes: what is on a stack is found where it has just been written.
const MANY: &str = "198.18.0.0/20 --rate max --cooldown 0.3";

/// Headers in a process's memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Headers {
    sent: usize,
    received: usize,
}

impl Headers {
    /// Counts where the addresses of the scanner and of the far end stand side by side, as
    /// in an IPv4 header. More of it need not be whole: what is freed or returned from is
    /// soon written over in part.
    fn count(&mut self, memory: &[u8]) {
        // Byte by byte first: there are some 50 MB to search.
        let begins = memory.iter().enumerate().filter(|(_, byte)| **byte == SCANNER[0]);
        for at in begins.map(|(at, _)| at).filter(|&at| memory[at..].starts_with(&SCANNER)) {
            let far = |address: &[u8]| FAR.iter().any(|begin| address.starts_with(begin));
            self.sent += usize::from(far(&memory[at + 4..]));
            self.received += usize::from(at >= 4 && far(&memory[at - 4..at]));
        }
    }
}

/// One look at a process that stands still.
#[derive(Clone, Copy, Debug, Default)]
struct Look {
    /// In the memory shared with the kernel.
    shared: Headers,
    /// In all other memory.
    elsewhere: Headers,
}

/// Stops a scan, looks, and lets it go on; `None` where it has ended.
fn look(scan: &Child) -> Option<Look> {
    let pid = Pid::from_child(scan);
    kill_process(pid, Signal::STOP).ok()?;
    let look = stands_still(scan.id()).then(|| search(scan.id())).flatten();
    let _ = kill_process(pid, Signal::CONT);
    look
}

fn stands_still(pid: u32) -> bool {
    for _ in 0..200 {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        let states: Vec<String> = tasks
            .filter_map(|task| fs::read_to_string(task.path().join("stat")).ok())
            .filter_map(|stat| Some(stat.rsplit_once(") ")?.1[..1].to_owned()))
            .collect();
        if !states.is_empty() && states.iter().all(|state| state == "T") {
            return true;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    false
}

/// Searches all that a process can write.
fn search(pid: u32) -> Option<Look> {
    let mut look = Look::default();
    let memory = File::open(format!("/proc/{pid}/mem")).ok()?;
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next()?, words.next()?);
        let (first, end) = range.split_once('-')?;
        let [first, end] = [first, end].map(|hex| u64::from_str_radix(hex, 16).unwrap());
        let mut bytes = vec![0; (end - first) as usize];
        // Rings of a socket and of io_uring cannot be read so; they hold numbers only.
        if !rights.contains('w') || memory.read_exact_at(&mut bytes, first).is_err() {
            continue;
        }
        let umem = rights.contains('s') && line.contains("/dev/zero");
        if umem { &mut look.shared } else { &mut look.elsewhere }.count(&bytes);
    }
    Some(look)
}

/// Looks again and again during a scan; returns the looks and the ledger.
fn watched(lab: &OpenLab, flags: &str) -> (Vec<Look>, Value) {
    let results = NamedTempFile::new().unwrap();
    let mut command = lab.prtip(&format!("-sS -p 1-64 {flags} --retries 0 --json"));
    let mut scan = command.stdout(results.reopen().unwrap()).spawn().unwrap();
    let mut looks = Vec::new();
    while scan.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(100));
        looks.extend(look(&scan));
    }
    let status = scan.wait().unwrap();
    assert!(status.success(), "{flags}: {status}");
    let told = fs::read_to_string(results.path()).unwrap();
    let line = told.lines().find(|line| line.contains("\"type\":\"ledger\"")).unwrap();
    println!("{flags}: {:?} of {} looks", looks.iter().max_by_key(most), looks.len());
    (looks, serde_json::from_str(line).unwrap())
}

fn most(look: &&Look) -> usize {
    look.shared.received + look.elsewhere.received
}

fn assert_no_copies(looks: &[Look]) {
    let copies: Vec<&Look> =
        looks.iter().filter(|look| look.elsewhere != Headers::default()).collect();
    assert!(copies.is_empty(), "{} of {} looks saw copies: {copies:?}", copies.len(), looks.len());
}

#[test]
fn a_frame_lies_where_the_kernel_has_it_and_nowhere_else() {
    let Some(_turn) = turn("copies of frames") else { return };
    let rules = "--seed 7 --open 100 --closed 300 --icmp 20";
    let lab = OpenLab::open(Lab { rules, link: "--queues 2" }, &[]);

    let (looks, ledger) = watched(&lab, &format!("{FEW} --port-engine xdp"));
    assert_no_copies(&looks);
    let all = looks.iter().max_by_key(most).unwrap().shared;
    // Every reply once; of the probes those whose frames were not written again since.
    assert_eq!(all.received as u64, ledger["rx_steered"].as_u64().unwrap(), "{ledger}");
    assert!(all.received > 1000 && all.sent > 10, "{all:?}");

    let (looks, _) = watched(&lab, &format!("{MANY} --port-engine xdp"));
    assert_no_copies(&looks);
    assert!(looks.len() > 3 && looks.iter().any(|look| look.shared.sent > 64), "{looks:?}");

    // Controls: those who copy are seen to.
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("replies.pcapng");
    let (looks, ledger) =
        watched(&lab, &format!("{FEW} --port-engine xdp --pcap {}", capture.display()));
    let found = looks.iter().map(|look| look.elsewhere.received).max().unwrap();
    assert!(found as u64 >= ledger["rx_valid"].as_u64().unwrap(), "{found} of {ledger}");
    let (looks, _) = watched(&lab, &format!("{FEW} --port-engine packet"));
    assert!(looks.iter().any(|look| look.elsewhere.sent > 0), "{looks:?}");
    assert!(looks.iter().any(|look| look.elsewhere.received > 0), "{looks:?}");
    assert!(looks.iter().all(|look| look.shared == Headers::default()), "{looks:?}");
    lab.close();
}
