//! Memory does not grow with the number of pairs.

use std::process::Stdio;
use std::time::{Duration, Instant};

use prtip_bench::peak_memory::peak_kib;

use crate::lab::Lab;
use crate::open_lab::OpenLab;
use crate::setting::{sized, turn};

/// The peak of a scan that runs for so long, or to its end.
fn peak_of(lab: &OpenLab, line: &str, longest: Duration) -> u64 {
    let mut scan = lab.prtip(line).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + longest;
    let mut peak = 0;
    while scan.try_wait().unwrap().is_none() {
        // Nothing is told of a process that has just ended.
        peak = peak.max(peak_kib(scan.id()).unwrap_or(0));
        if Instant::now() > deadline {
            scan.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    peak
}

/// All ports of all 131,072 hosts of the lab against all ports of one, at a fixed rate, UMEM
/// included.
#[test]
fn all_ports_of_131072_hosts_take_hardly_more_memory_than_those_of_one() {
    let Some(_turn) = turn("memory of one host and of all") else { return };
    let lab = OpenLab::open(Lab { rules: "--open 10 --closed 20", link: "--queues 2" }, &[]);
    let peak = |targets: &str, seconds| {
        let flags = "--port-engine xdp --rate 50000 --cooldown 1 --json";
        peak_of(&lab, &format!("-sS -p- {targets} {flags}"), Duration::from_secs(seconds))
    };
    let (one, all) = (peak("198.18.0.7", 60), peak("198.18.0.0/15", sized(6, 120)));
    println!("peak {one} KiB for one host, {all} KiB for 131,072");
    assert!(all <= 96 << 10, "{all} KiB");
    assert!(all as f64 <= one as f64 * 1.1, "{one} KiB and {all} KiB");
    lab.close();
}

#[test]
fn a_scan_of_2_to_the_33_pairs_takes_no_more_memory_than_one_of_2_to_the_28() {
    let Some(_turn) = turn("memory") else { return };
    let lab = OpenLab::open(Lab { rules: "--open 10 --closed 20", link: "--queues 1" }, &[]);
    for engine in ["xdp", "packet"] {
        let peak = |targets: &str| {
            let line = format!("-sS -p- {targets} --port-engine {engine} --rate 50000 --json");
            let mut scan =
                lab.prtip(&line).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(Duration::from_secs(sized(4, 60)));
            assert!(scan.try_wait().unwrap().is_none(), "the scan of {targets} has ended");
            let peak = peak_kib(scan.id()).unwrap();
            scan.kill().unwrap();
            scan.wait().unwrap();
            peak
        };
        // Times 65,535 ports.
        let (small, large) = (peak("198.18.0.0/20"), peak("198.18.0.0/15"));
        println!("{engine}: peak {small} KiB for 2^28 pairs, {large} KiB for 2^33");
        let ratio = large as f64 / small as f64;
        assert!((0.9..=1.1).contains(&ratio), "{engine}: {small} KiB and {large} KiB");
    }
    lab.close();
}
