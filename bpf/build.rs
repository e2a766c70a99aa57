//! Compiles the eBPF programs with clang, each under its own feature.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};

use libbpf_cargo::SkeletonBuilder;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=include");
    println!("cargo::rerun-if-env-changed=CLANG");

    if enabled("STEER") {
        steer();
        object("gen");
    }
    if enabled("LAB") {
        object("lab");
        object("bench");
    }
}

/// `steer.bpf.c` → `$OUT_DIR/steer.skel.rs`, a libbpf skeleton.
fn steer() {
    println!("cargo::rerun-if-changed=steer.bpf.c");
    let built = SkeletonBuilder::new()
        .source("steer.bpf.c")
        .clang(clang())
        .clang_args(clang_args())
        .build_and_generate(out_dir().join("steer.skel.rs"));
    if let Err(error) = built {
        fail(&format!("steer.bpf.c does not build: {error:#}"));
    }
}

/// `NAME.bpf.c` → `$OUT_DIR/NAME.bpf.o`, a plain object, which aya loads.
fn object(name: &str) {
    let source = format!("{name}.bpf.c");
    println!("cargo::rerun-if-changed={source}");
    let status = Command::new(clang())
        .args(clang_args())
        .args(["-c", &source, "-o"])
        .arg(out_dir().join(format!("{name}.bpf.o")))
        .status();
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => fail(&format!("{source} does not build: clang ended with {status}")),
        Err(error) => fail(&format!("{source} does not build: {error}")),
    }
}

fn enabled(feature: &str) -> bool {
    env::var_os(format!("CARGO_FEATURE_{feature}")).is_some()
}

fn out_dir() -> PathBuf {
    PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"))
}

/// The C compiler: `$CLANG`, else `clang`. Ends the build with the remedy when
/// it cannot be run.
fn clang() -> PathBuf {
    let clang = PathBuf::from(env::var_os("CLANG").unwrap_or_else(|| "clang".into()));
    match Command::new(&clang).arg("--version").output() {
        Ok(output) if output.status.success() => clang,
        Ok(output) => fail(&format!("{} --version ended with {}", clang.display(), output.status)),
        Err(error) => fail(&format!(
            "the eBPF programs need clang 14 or newer, but `{}` cannot be run: {error}\n\
             remedy: apt-get install clang llvm libelf-dev zlib1g-dev libbpf-dev, or set CLANG",
            clang.display()
        )),
    }
}

/// What every program is compiled with, beside clang's own `-c` and `-o`.
fn clang_args() -> Vec<OsString> {
    let mut args: Vec<OsString> =
        ["-O2", "-g", "-target", "bpf", "-mcpu=v3", "-Wall", "-Werror", "-Iinclude"]
            .map(OsString::from)
            .into();
    if let Some(folder) = asm_headers() {
        args.push("-idirafter".into());
        args.push(folder.into());
    }
    args
}

/// The folder that holds `asm/types.h`. Debian keeps it in one folder for each
/// architecture, which clang does not search when it compiles for BPF; `None`
/// where it lies in /usr/include itself.
fn asm_headers() -> Option<PathBuf> {
    let arch = env::var("CARGO_CFG_TARGET_ARCH").expect("cargo sets CARGO_CFG_TARGET_ARCH");
    let root = Path::new("/usr/include");
    if root.join("asm/types.h").exists() {
        return None;
    }
    let mut folders: Vec<PathBuf> = root
        .read_dir()
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|folder| folder.join("asm/types.h").exists())
        .collect();
    if folders.is_empty() {
        fail(
            "asm/types.h lies nowhere under /usr/include\n\
             remedy: apt-get install linux-libc-dev libc6-dev",
        );
    }
    // The target's own folder first; a cross compiler may have brought others.
    folders.sort_by_key(|folder| {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (!name.starts_with(&arch), name)
    });
    Some(folders.swap_remove(0))
}

fn fail(message: &str) -> ! {
    eprintln!("{message}");
    exit(1)
}
