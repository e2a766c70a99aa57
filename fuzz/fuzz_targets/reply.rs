//! Any frame is read, with and without Ethernet, without a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use prtip_engine::wire::reply::parse;

fuzz_target!(|frame: &[u8]| {
    let _ = parse(frame, true);
    let _ = parse(frame, false);
});
