//! `prtip-bench vm --systems` from outside: other kernels than this host's, each booted in an
//! emulated machine, and asked for their systems by `prtip -O` and by Debian's nmap.
//!
//! Takes two machines and most of a minute, so it runs with `PRTIP_SOAK=1` alone. Needs Debian
//! packages: says SKIPPED where those cannot be had.
#![allow(clippy::unwrap_used)]

mod release;

use std::process::{Command, Stdio};

use release::binary;

#[test]
fn other_kernels_are_seen_as_nmap_sees_them() {
    if std::env::var_os("PRTIP_SOAK").is_none() {
        println!("SKIPPED: two emulated machines are for PRTIP_SOAK=1");
        return;
    }
    let mut command = Command::new(binary("prtip-bench"));
    let output = command.args(["vm", "--systems"]).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    let errors = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(5) {
        println!("SKIPPED: {errors}");
        return;
    }
    assert!(output.status.success(), "{}: {errors}", output.status);
    for proof in [
        "ok   Linux 6.1.",
        "ipv4: our own database says Linux 6.1 (100.00 %)",
        "ipv6: our own database says Linux 6.1 (100.00 %)",
        "ok   Linux 6.12.",
        "ipv4: our own database says Linux 6.12 - 6.18 (100.00 %)",
        "ipv6: our own database says Linux 6.12 - 6.18 (100.00 %)",
        "systems: as nmap sees them",
    ] {
        assert!(said.contains(proof), "not proved: {proof}\n{errors}");
    }
    assert!(!said.contains("FAIL"), "{errors}");
}
