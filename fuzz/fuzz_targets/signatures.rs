//! Any answer is matched without a panic, within the limits, and told the same twice;
//! any text is read as a user's database, and what was read matches without a panic.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use prtip_signatures::users::{nmap, recog};
use prtip_signatures::{Database, Resolver};

static RESOLVER: LazyLock<Resolver> = LazyLock::new(Resolver::default);

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (kind, probe, bytes) = input;
    match kind % 4 {
        0 => {
            let read = nmap::read("f", bytes);
            if let Ok(database) = Database::of(&[read.source]) {
                let mut scratch = database.scratch();
                for probe in 0..database.probes().len() {
                    database.match_answer(&mut scratch, probe, bytes);
                }
            }
        }
        1 => {
            let mut collector = recog::Collector::default();
            collector.read("f", bytes);
            let recog = collector.finish().expect("what was read compiles");
            recog.match_answer(&mut recog.scratch(), None, bytes);
        }
        _ => {
            let probe = usize::from(probe) % RESOLVER.probes().len();
            let mut scratch = RESOLVER.scratch();
            let first = RESOLVER.match_answer(&mut scratch, probe, bytes);
            let again = RESOLVER.match_answer(&mut scratch, probe, bytes);
            assert_eq!(first, again);
            let (counters, _) = scratch.counters();
            assert!(counters.steps <= 2 * (32 << 10), "{counters:?}");
        }
    }
});
