//! A test that runs in a network namespace of its own.

use std::process::Command;

/// Runs the ignored test `inside::NAME` of this binary in a fresh namespace, where only
/// loopback is. Says SKIPPED without root, which fails where `CI` is set.
pub(crate) fn in_a_namespace(name: &str) {
    let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    if !root {
        assert!(std::env::var_os("CI").is_none(), "needs root, and CI must not skip it");
        println!("SKIPPED: a network namespace needs root");
        return;
    }
    let status = Command::new("unshare")
        .args(["--net", "sh", "-c", "ip link set lo up && exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", &format!("inside::{name}"), "--nocapture"])
        .status()
        .unwrap();
    assert!(status.success(), "inside::{name} failed");
}
