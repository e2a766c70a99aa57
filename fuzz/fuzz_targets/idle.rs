//! Any packet is read as a zombie's answer, or left, and any identifications are judged,
//! without a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use prtip_engine::idle::counter::Counter;
use prtip_engine::idle::packet::Reset;

fuzz_target!(|bytes: &[u8]| {
    let _ = Reset::read(bytes);
    let ids: Vec<u16> =
        bytes.chunks_exact(2).map(|two| u16::from_be_bytes([two[0], two[1]])).collect();
    if let Ok(counter) = Counter::of(&ids) {
        let _ = counter.counts_others(ids[0], ids[ids.len() - 1]);
    }
});
