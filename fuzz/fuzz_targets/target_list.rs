//! Any list is read or refused, and what is read prints as what reads the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use prtip_engine::plan::{TargetToken, parse_list, parse_target};

fuzz_target!(|text: &[u8]| {
    match parse_list(text, "fuzz") {
        Ok(tokens) => {
            for token in tokens {
                if let TargetToken::Ranges(ranges) = token {
                    for range in ranges {
                        let again = parse_target(&range.to_string());
                        assert_eq!(again, Ok(TargetToken::Ranges(vec![range])));
                    }
                }
            }
        }
        // Foreign text is told in printable ASCII only.
        Err(error) => assert!(error.to_string().bytes().all(|byte| (0x20..0x7f).contains(&byte))),
    }
});
