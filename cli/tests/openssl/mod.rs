//! openssl, which makes keys and certificates for tests.

use std::path::Path;
use std::process::{Command, Stdio};

/// Runs it in `dir` with these arguments, separated by white space.
pub(crate) fn openssl(dir: &Path, line: &str) {
    let made = Command::new("openssl")
        .args(line.split_whitespace())
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(made.status.success(), "{line}: {}", String::from_utf8_lossy(&made.stderr));
}
