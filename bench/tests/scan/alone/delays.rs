//! Round-trip times lie within the delays that the lab makes.

use crate::lab::Lab;
use crate::round_trips::BATCH_US;
use crate::setting::{seed, turn_alone};

#[test]
fn round_trips_lie_within_the_delays_of_the_lab() {
    let Some(_turn) = turn_alone("round trips") else { return };
    for (engine, targets) in
        [("xdp", "198.18.0.0/25"), ("packet", "198.18.0.0/25"), ("xdp", "2001:2:0:1::/121")]
    {
        let lab =
            Lab { rules: "--seed 7 --open 200 --closed 200 --delay-us 20000-30000", link: "" };
        let scan = lab.scan(&format!(
            "-sS -p 1-32 {targets} --port-engine {engine} --rate 5000 --retries 0 --seed {} \
             --cooldown 1 --json --show open,closed",
            seed()
        ));
        assert_eq!(scan.code, Some(0), "{}", scan.words);
        let ports = scan.records("port");
        let mut times: Vec<u64> =
            ports.iter().map(|port| port["rtt_us"].as_u64().expect("a known time")).collect();
        times.sort_unstable();
        assert!(times.len() > 1000, "{} answers", times.len());
        let (first, median, last) = (times[0], times[times.len() / 2], times[times.len() - 1]);
        assert!(first >= 20_000 - BATCH_US, "{engine}: {first} us");
        // The delays spread evenly over 20 to 30 ms; half a millisecond for the way.
        assert!((24_000..=26_500).contains(&median), "{engine}: median {median} us");
        // Above, the lab says how late it was itself; what is left is the time for
        // which either side was not let run, which no test can bound tightly.
        let latest_us = scan.stats["delay"]["latest_us"].as_u64().unwrap();
        let within = 30_000 + latest_us + 500;
        let over = times.iter().filter(|&&time| time > within).count();
        assert!(over * 20 <= times.len(), "{engine}: {over} of {} over {within}", times.len());
        assert!(last <= within + 200_000, "{engine}: {last} us");
    }
}
