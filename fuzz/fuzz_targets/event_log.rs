//! Any bytes as an event log: what is believed of them ends with a line, and is believed
//! without what follows, too.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prtip_engine::event::recovery::believable;

fuzz_target!(|log: &[u8]| {
    let good = believable(log) as usize;
    assert!(good <= log.len());
    assert!(good == 0 || log[good - 1] == b'\n');
    assert_eq!(believable(&log[..good]), good as u64);
    for line in log[..good].split_inclusive(|&byte| byte == b'\n') {
        assert!(std::str::from_utf8(line).is_ok_and(|line| line.trim_start().starts_with('{')));
    }
});
