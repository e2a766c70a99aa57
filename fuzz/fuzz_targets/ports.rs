//! Any port list is read or refused, and what is read prints as what reads the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use prtip_engine::plan::parse_ports;

fuzz_target!(|text: &[u8]| {
    if let Ok(spec) = parse_ports(&String::from_utf8_lossy(text)) {
        // A list of UDP ports alone leaves none of TCP, which prints as nothing.
        for set in [&spec.tcp, &spec.udp].into_iter().filter(|set| !set.is_empty()) {
            let again = parse_ports(&format!("T:{set}")).expect("a printed set is valid");
            assert_eq!(&again.tcp, set);
        }
    }
});
