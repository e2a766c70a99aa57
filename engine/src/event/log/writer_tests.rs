//! The log over a simulated disk: a crash at every step of a run of a thousand records, and
//! disks that write short, interrupt, fail and complete in any order.
#![allow(clippy::unwrap_used)]

use std::sync::Mutex;

use super::simulated::{Broken, Disk, Faults, Random, Simulated};
use super::*;
use crate::event::record::{ScanStarted, encode_port};
use crate::event::recovery::Interrupted;
use crate::event::{PortEvent, PortState, Reason};
use crate::plan::Protocol;

const EVENTS: u32 = 1000;

/// A run: its disk, and after how many steps of it how many bytes were acknowledged.
struct Run {
    disk: Arc<Mutex<Disk>>,
    acknowledged: Vec<(usize, u64)>,
    error: Option<String>,
}

#[derive(Clone, Copy)]
struct Setting {
    sync: SyncPolicy,
    rotate_bytes: Option<u64>,
    faults: Faults,
    broken: Option<Broken>,
    seed: u64,
}

impl Setting {
    fn new(sync: SyncPolicy, seed: u64) -> Self {
        Self { sync, rotate_bytes: None, faults: Faults::default(), broken: None, seed }
    }
}

fn event(number: u32) -> PortEvent {
    PortEvent {
        addr: std::net::Ipv4Addr::from_bits(0xc612_0000 + number).into(),
        port: 80,
        protocol: Protocol::Tcp,
        state: PortState::Open,
        previous: None,
        reason: Reason::SynAck,
        ttl: 64,
        rtt_ns: Some(u64::from(number) * 1000),
        at_ns: 0,
        heard: None,
    }
}

/// Writes a thousand records, a few at a time, in random steps of time.
fn run(setting: Setting) -> Run {
    let disk = Arc::new(Mutex::new(Disk::default()));
    let mut random = Random(setting.seed);
    let storage = Simulated::new(&disk, (4, 2000), setting.faults, setting.seed ^ 1);
    let options = LogOptions {
        sync: setting.sync,
        rotate_bytes: setting.rotate_bytes,
        ..LogOptions::default()
    };
    let end = (1, 0, 0, Some(Chain::default()));
    let mut log = EventLog::over(Path::new("log"), Box::new(storage), end, options);
    log.writer.broken = setting.broken;
    let (mut acknowledged, mut now_ns) = (vec![(0, 0)], 1);
    let mut line = Vec::new();
    let first = ScanStarted {
        args: vec!["-p".into(), "80".into()],
        seed: 3,
        targets: 1 << 20,
        shard: "1/1".into(),
        plan: "0123456789abcdef".into(),
        port_engine: "memory".into(),
        port_engine_why: "a test".into(),
        xdp_mode: None,
        interface: "lo".into(),
        version: "0".into(),
    };
    encode(&first, &log.clock.now_rfc3339(), &mut line);
    for number in 0..EVENTS {
        log.append(&line);
        line.clear();
        encode_port(&event(number), false, &log.clock.now_rfc3339(), &mut line);
        if random.below(3) > 0 {
            now_ns += random.below(400_000_000) as u64;
            log.turn(now_ns);
        }
        acknowledged.push((disk.lock().unwrap().steps(), log.durable_bytes()));
    }
    let error = log.finish().err().map(|error| error.to_string());
    if error.is_none() && setting.sync != SyncPolicy::Never {
        let whole = disk.lock().unwrap().whole().files.concat().len() as u64;
        acknowledged.push((disk.lock().unwrap().steps(), whole));
    }
    Run { disk, acknowledged, error }
}

/// What is wrong with the log that a crash after `steps` steps leaves, where something is.
fn fault_after(run: &Run, steps: usize, random: &mut Random, given: &[u8]) -> Option<String> {
    let after = run.acknowledged.partition_point(|&(at, _)| at <= steps);
    let acknowledged = run.acknowledged[after - 1].1;
    // A write that was cut short may have been synced: what counts are whole records.
    let records = given[..acknowledged as usize].iter().rposition(|&byte| byte == b'\n');
    let acknowledged = records.map_or(0, |at| at + 1);
    let image = run.disk.lock().unwrap().crash(steps, random);
    let folder = tempfile::tempdir_in(memory()).unwrap();
    let path = folder.path().join("log");
    let (last, before) = image.files.split_last().unwrap();
    for (bytes, number) in before.iter().zip(1..) {
        std::fs::write(parts::name_of(&path, number, Form::Plain), bytes).unwrap();
    }
    std::fs::write(&path, last).unwrap();
    if image.last_has_two_names {
        let number = image.files.len() as u64;
        std::fs::hard_link(&path, parts::name_of(&path, number, Form::Plain)).unwrap();
    }
    let Ok(interrupted) = Interrupted::open(&path) else {
        return (acknowledged > 0).then(|| format!("{acknowledged} bytes and no log"));
    };
    let (tail, _) = interrupted.cut().unwrap();
    let mut kept = Vec::new();
    for part in parts::find(&path).unwrap() {
        kept.extend(std::fs::read(part.path).unwrap());
    }
    kept.extend(std::fs::read(&path).unwrap());
    if kept.len() as u64 != tail.file_start + tail.file_bytes {
        return Some("the files are not what recovery says".into());
    }
    if !given.starts_with(&kept) || !(kept.is_empty() || kept.ends_with(b"\n")) {
        let same = given.iter().zip(&kept).take_while(|(a, b)| a == b).count();
        let (kept, given) = (kept.len(), given.len());
        return Some(format!(
            "of {kept} bytes kept only {same} are those that were given ({given})"
        ));
    }
    let lost = acknowledged.saturating_sub(kept.len());
    (lost > 0).then(|| format!("{lost} of {acknowledged} acknowledged bytes are lost"))
}

/// A folder in memory, where there is one.
fn memory() -> PathBuf {
    let shm = PathBuf::from("/dev/shm");
    if shm.is_dir() { shm } else { std::env::temp_dir() }
}

/// Crashes after every `stride`-th step; what is wrong, and how many crashes there were.
fn crash_everywhere(run: &Run, stride: usize, seed: u64) -> (Vec<String>, usize) {
    let given = run.disk.lock().unwrap().given();
    let mut random = Random(seed);
    let steps = run.disk.lock().unwrap().steps();
    let faults = (0..=steps).step_by(stride).filter_map(|at| {
        let fault = fault_after(run, at, &mut random, &given)?;
        Some(format!("after {at} of {steps} steps: {fault}"))
    });
    (faults.collect(), steps / stride + 1)
}

fn seed() -> u64 {
    let seed = match std::env::var("PRTIP_TEST_SEED") {
        Ok(text) => text.parse().unwrap(),
        Err(_) => std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64,
    };
    println!("PRTIP_TEST_SEED={seed}");
    seed
}

fn soak() -> bool {
    std::env::var("PRTIP_SOAK").is_ok_and(|value| !value.is_empty() && value != "0")
}

#[test]
fn a_crash_at_every_step_loses_nothing_acknowledged_and_keeps_a_prefix() {
    let seed = seed();
    let mut all = 0;
    for round in 0..if soak() { 40 } else { 1 } {
        for sync in [SyncPolicy::Always, SyncPolicy::Interval, SyncPolicy::Never] {
            for rotate_bytes in [None, Some(9000)] {
                let faults = Faults { passing: 12, ..Faults::default() };
                let seed = seed.wrapping_add(round * 1000);
                let run = run(Setting { rotate_bytes, faults, ..Setting::new(sync, seed) });
                assert_eq!(run.error, None);
                let acknowledged = run.acknowledged.iter().any(|&(_, bytes)| bytes > 0);
                assert_eq!(acknowledged, sync != SyncPolicy::Never);
                // Every write is at most two steps.
                let (faults, crashes) = crash_everywhere(&run, if soak() { 1 } else { 3 }, seed);
                assert_eq!(faults, Vec::<String>::new(), "{sync:?} {rotate_bytes:?}");
                all += crashes;
            }
        }
    }
    println!("{all} crashes");
    assert!(all > 1000);
}

/// The controls: the same crashes find a writer and disks that do not keep their promise.
#[test]
fn crashes_find_a_sync_that_covers_too_much_and_disks_that_lie() {
    let seed = seed();
    let broken_with = |seed, change: fn(&mut Setting)| {
        let mut setting = Setting::new(SyncPolicy::Always, seed);
        change(&mut setting);
        crash_everywhere(&run(setting), 2, seed).0.len()
    };
    let broken = |change| broken_with(seed, change);
    let found = [
        // Rare: one run in thirty has no crash that shows it.
        (seed..seed + 10)
            .map(|seed| {
                broken_with(seed, |setting| {
                    setting.broken = Some(Broken::SyncCoversWriteInFlight);
                })
            })
            .find(|&count| count > 0)
            .unwrap_or(0),
        broken(|setting| setting.faults.lies_about_syncs = true),
        broken(|setting| setting.faults.reorders_writes = true),
    ];
    println!("{found:?} crashes found something");
    assert!(found.iter().all(|&count| count > 0), "{found:?}");
    assert_eq!(broken(|_| {}), 0);
}

#[test]
fn short_and_interrupted_writes_change_nothing_of_what_is_written() {
    for number in 0..20 {
        let setting = |passing| Setting {
            rotate_bytes: (number % 2 == 0).then_some(5000),
            faults: Faults { passing, ..Faults::default() },
            ..Setting::new(SyncPolicy::Interval, number)
        };
        let troubled = run(setting(60));
        assert_eq!(troubled.error, None);
        let lines = |run: &Run| {
            let whole = run.disk.lock().unwrap().whole();
            let text = String::from_utf8(whole.files.concat()).unwrap();
            // Times differ from run to run.
            let found = text
                .lines()
                .filter_map(|line| Some(line.split_once("\"ip\":")?.1[..20].to_owned()));
            (whole.files.len(), found.collect::<Vec<_>>())
        };
        let (files, found) = lines(&troubled);
        assert_eq!((files, &found), (lines(&run(setting(0))).0, &lines(&run(setting(0))).1));
        assert_eq!(found.len(), EVENTS as usize - 1);
        assert_eq!(files > 1, number % 2 == 0);
    }
}

#[test]
fn an_error_ends_the_log_at_once_and_what_was_acknowledged_is_there() {
    for (write_error, sync_error, says) in [
        (Some((40, libc::ENOSPC)), None, "No space left"),
        (Some((40, libc::EIO)), None, "Input/output error"),
        (None, Some((5, libc::EIO)), "Input/output error"),
        (Some((1, libc::EDQUOT)), None, "quota"),
    ] {
        for sync in [SyncPolicy::Always, SyncPolicy::Interval] {
            let faults = Faults { write_error, sync_error, ..Faults::default() };
            let run = run(Setting { faults, ..Setting::new(sync, 9) });
            let error = run.error.as_ref().unwrap();
            assert!(error.contains(says), "{error}");
            let (faults, _) = crash_everywhere(&run, 1, 9);
            assert_eq!(faults, Vec::<String>::new(), "{says} {sync:?}");
            // Nothing was started behind the error, not even by dropping the log.
            let (given, whole) = {
                let disk = run.disk.lock().unwrap();
                (disk.given(), disk.whole().files.concat())
            };
            assert!(given.starts_with(&whole), "{says} {sync:?}");
            assert!(given.len() < whole.len() + 2000, "{} and {}", given.len(), whole.len());
        }
    }
}
