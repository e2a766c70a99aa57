//! `prtip-bench vm` from outside: a whole machine, emulated, whose cards have AF_XDP
//! zero-copy. The program prints one line for each thing it proves; this test asks that
//! nothing is missing among them.
//!
//! Needs neither root nor /dev/kvm, but Debian packages: says SKIPPED where those
//! cannot be had, and for no other reason.

#![allow(clippy::unwrap_used)]

mod release;

use std::process::{Command, Stdio};

use release::binary;

#[test]
fn zero_copy_is_proved_in_a_virtual_machine() {
    // What runs in an emulated machine should be optimized.
    let output =
        Command::new(binary("prtip-bench")).arg("vm").stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    let errors = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(5) {
        println!("SKIPPED: {errors}");
        return;
    }
    assert!(output.status.success(), "{}: {errors}", output.status);
    for proof in [
        "ok   zerocopy: XDP_OPTIONS of prtip's sockets says \"zerocopy\"",
        "ok   zerocopy: ss saw 1 sockets, of 1, 1 with zc:1",
        "ok   zerocopy: 0 frames dropped, 0 found no room; the fill ring was empty",
        "ok   zerocopy: \"204800\" pairs of 204800",
        "ok   zerocopy: missed 0, invented 0, repeated 0, wrong 0",
        "ok   zerocopy: unaccounted in the ledger: 0",
        "ok   busy-poll: XDP_OPTIONS of prtip's sockets says \"zerocopy\"",
        "ok   busy-poll: missed 0, invented 0, repeated 0, wrong 0",
        "ok   copy: XDP_OPTIONS of prtip's sockets says \"copy\"",
        "ok   copy: ss saw 1 sockets, of 1, 1 with zc:0",
        "ok   copy: missed 0, invented 0, repeated 0, wrong 0",
        "ok   near: frames on NUMA node 1, the card's",
        "ok   systems: 4 hosts by \"zerocopy\"",
        "ok   refused: exit code 4: ",
        "ok   fallback: XDP_OPTIONS of prtip's sockets says \"copy\"",
        "zero-copy: proved",
    ] {
        assert!(said.contains(proof), "not proved: {proof}\n{errors}");
    }
    assert!(!said.contains("FAIL"), "{errors}");
}
