//! XDP programs of these tests, compiled when a test asks for them.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiles the program that hands everything to the kernel.
pub(crate) fn compile_pass(dir: &Path) -> PathBuf {
    let object = dir.join("pass.o");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs/pass.bpf.c");
    let include = format!("/usr/include/{}-linux-gnu", std::env::consts::ARCH);
    let status = Command::new(std::env::var_os("CLANG").unwrap_or("clang".into()))
        .args(["-O2", "-g", "-target", "bpf", "-I", &include, "-c", source, "-o"])
        .arg(&object)
        .status()
        .unwrap();
    assert!(status.success());
    object
}
