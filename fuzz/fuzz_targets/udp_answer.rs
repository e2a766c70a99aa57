//! Any answer to any UDP probe is read without a panic, and one that is accepted
//! for a token is accepted for that token's shown bits only.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use prtip_engine::udp::Payloads;

static PAYLOADS: LazyLock<Payloads> = LazyLock::new(|| Payloads::new(None).expect("no contact"));

fuzz_target!(|input: (u16, u64, &[u8])| {
    let (port, token, reply) = input;
    let payload = PAYLOADS.of(port);
    let accepted = payload.accepts(token, reply);
    if payload.transaction_bits() == 0 {
        assert!(accepted);
    } else if accepted && payload.repeats.contains("bytes") {
        // At a fixed place stands one token, not two.
        assert!(!payload.accepts(!token, reply));
    }
});
