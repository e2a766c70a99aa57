//! Memory does not grow with the number of pairs.

use std::process::{Child, Stdio};
use std::time::Duration;

use crate::lab::Lab;
use crate::open_lab::OpenLab;
use crate::setting::{sized, turn};

/// Peak resident memory of a process so far.
fn peak_kib(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
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
            let peak = peak_kib(&scan);
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
