#![no_main]
//! The log reader of `prtip report`: any bytes give a page of closed elements or an error.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|log: &[u8]| {
    // A first line that is sound, so that the rest is looked at.
    let first: &[u8] = b"{\"schema\":\"prtip/1\",\"type\":\"scan_started\"}\n";
    for log in [log.to_vec(), [first, log].concat()] {
        if let Ok(page) = prtip_engine::report::of_bytes(log, 1_800_000_000_000_000) {
            assert!(page.is_ascii() && page.ends_with("</html>\n"));
            let body = &page[page.find("<body>").expect("a page has a body")..];
            let (ends, alone) = (body.matches("</").count(), body.matches("/>").count());
            assert_eq!(body.matches('<').count() + 1, alone + 2 * ends);
        }
    }
});
