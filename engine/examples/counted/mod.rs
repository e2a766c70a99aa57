//! Instructions of a program's run in user space, as callgrind counts them.

use std::path::Path;
use std::process::Command;

/// Instructions of a whole run, all threads.
pub(crate) fn instructions(program: &Path, args: &[&str]) -> Result<u64, String> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(args)
        .output()
        .map_err(|error| format!("valgrind: {error} (Debian package valgrind)"))?;
    let told = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{} under callgrind: {told}", args.join(" ")));
    }
    let collected = told.lines().find_map(|line| line.split("Collected : ").nth(1));
    collected
        .and_then(|number| number.trim().parse().ok())
        .ok_or_else(|| format!("callgrind did not count: {told}"))
}
