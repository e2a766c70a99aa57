//! Any text is a fingerprint or refused, and a fingerprint is written as it is read; any
//! file is a database or refused; what was read matches as the plain rule says.

#![no_main]

use libfuzzer_sys::fuzz_target;
use prtip_signatures::os::comparison::compare;
use prtip_signatures::os::{Database, Fingerprint, Limits};

const ALL: Limits = Limits { at_least: 0, behind: 10_000, most: usize::MAX };

fuzz_target!(|input: (&[u8], &[u8])| {
    let (text, file) = input;
    let fingerprint = Fingerprint::parse(text);
    if let Ok(fingerprint) = &fingerprint {
        let written = fingerprint.to_string();
        assert_eq!(Fingerprint::parse(written.as_bytes()).as_ref(), Ok(fingerprint));
    }
    // Points before it, so that systems alone are a database too.
    let points = b"MatchPoints\nSEQ(SP=9%GCD=8)\nOPS(O1=7)\nT1(R=6%W=5)\nIE(R=4)\n";
    for bytes in [file.to_vec(), [points, file].concat()] {
        let Ok(database) = Database::read(&bytes) else { continue };
        let Ok(fingerprint) = &fingerprint else { continue };
        let mut scratch = database.os_scratch();
        for one in database.best(&mut scratch, fingerprint, ALL).candidates {
            let plain = compare(&database, database.system(one), fingerprint, |_| ());
            assert_eq!(plain, one.score);
        }
    }
});
