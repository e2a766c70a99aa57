//! `prtip-bench vm` from outside: a whole machine, emulated, whose cards have AF_XDP
//! zero-copy. The program prints one line for each thing it proves; this test asks that
//! nothing is missing among them.
//!
//! Needs neither root nor /dev/kvm, but Debian packages: says SKIPPED where those
//! cannot be had, and for no other reason.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The program beside the release `prtip`: what runs in an emulated machine should be
/// optimized.
fn bench() -> PathBuf {
    let folder = match std::env::var_os("PRTIP_BIN_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => {
            let me = std::env::current_exe().unwrap();
            me.ancestors().nth(3).expect("target/PROFILE/deps/TEST").join("release")
        }
    };
    let path = folder.join("prtip-bench");
    assert!(path.is_file(), "{} is missing: run `make build`", path.display());
    path
}

#[test]
fn zero_copy_is_proved_in_a_virtual_machine() {
    let output = Command::new(bench()).arg("vm").stdin(Stdio::null()).output().unwrap();
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
        "ok   refused: exit code 4: ",
        "ok   fallback: XDP_OPTIONS of prtip's sockets says \"copy\"",
        "zero-copy: proved",
    ] {
        assert!(said.contains(proof), "not proved: {proof}\n{errors}");
    }
    assert!(!said.contains("FAIL"), "{errors}");
}
