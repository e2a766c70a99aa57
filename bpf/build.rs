//! Compiles the eBPF programs into OUT_DIR with clang. Nothing is written
//! into the source tree.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, process};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=include");
    if env::var_os("CARGO_FEATURE_LAB").is_some() {
        build_lab();
    }
}

/// `lab.bpf.c` to `OUT_DIR/lab.bpf.o`: a plain object, which aya loads.
fn build_lab() {
    println!("cargo::rerun-if-changed=lab.bpf.c");
    println!("cargo::rerun-if-env-changed=CLANG");
    let clang = env::var_os("CLANG").unwrap_or_else(|| "clang".into());
    let object = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let mut command = Command::new(&clang);
    command
        .args(["-O2", "-g", "-target", "bpf", "-mcpu=v3", "-Wall", "-Wextra", "-Werror"])
        .args(["-Wno-sign-compare", "-I", "include"]);
    // <linux/types.h> includes <asm/types.h>, which Debian keeps per architecture.
    let arch = env::var("CARGO_CFG_TARGET_ARCH").expect("cargo sets CARGO_CFG_TARGET_ARCH");
    let multiarch = PathBuf::from(format!("/usr/include/{arch}-linux-gnu"));
    if multiarch.is_dir() {
        command.arg("-I").arg(multiarch);
    }
    command.args(["-c", "lab.bpf.c", "-o"]).arg(object.join("lab.bpf.o"));
    match command.status() {
        Ok(status) if status.success() => {}
        Ok(status) => fail(&format!("{}: {status}", Path::new(&clang).display())),
        Err(error) => fail(&format!(
            "cannot run {}: {error}; on Debian: apt-get install clang llvm libbpf-dev",
            Path::new(&clang).display()
        )),
    }
}

fn fail(reason: &str) -> ! {
    println!("cargo::error=lab.bpf.c was not compiled: {reason}");
    process::exit(1)
}
