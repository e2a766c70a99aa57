//! Any request to `--metrics` is answered, with the same few answers.

#![no_main]

use libfuzzer_sys::fuzz_target;
use prtip_engine::event::prometheus::{answer, ends_head};
use prtip_engine::scan::Progress;

fuzz_target!(|request: &[u8]| {
    let (status, body) = answer(request, &Progress::default(), "");
    match status.get(..3) {
        Some("200") => {
            assert!(ends_head(request));
            assert!(request.starts_with(b"GET /metrics") || request.starts_with(b"HEAD /metrics"));
            assert!(body.ends_with("prtip_probes_per_second 0\n"));
        }
        Some("400" | "404" | "405") => assert!(body.len() < 40 && body.is_ascii()),
        _ => panic!("{status}"),
    }
});
