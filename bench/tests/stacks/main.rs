//! `-O` beside Debian's nmap, which is the judge, against systems other than this host's
//! kernel: TCP/IP stacks that are programs, from Debian's packages, each on a tap device in a
//! network namespace of its own. Fingerprints must agree test by test, but for those that
//! vary, and so must family and generation of the first match of the same database. Our own
//! database must know the stack, also by IPv6 where it has that. (Other kernels need a
//! machine: `prtip-bench vm --systems`.)
//!
//! Needs root and Debian's packages; says SKIPPED otherwise and fails where `CI` is set.
#![allow(clippy::unwrap_used)]

#[path = "../release/mod.rs"]
mod release;
#[path = "../rights/mod.rs"]
mod rights;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use prtip_bench::beside_nmap::{self, Said};
use prtip_bench::lab::packages;
use prtip_signatures::os::Database;

use release::binary;
use rights::may_run;

/// A stack that is a program.
struct Stack<'a> {
    name: &'a str,
    script: &'a str,
    /// The tests that differ from run to run, and why.
    vary: &'a [(&'a str, &'a str)],
    by_ipv6: bool,
}

/// Unpacks packages; `None` where they are not to be had.
fn unpack(names: &[&str]) -> Option<PathBuf> {
    match packages::unpack(names) {
        Ok(root) => Some(root),
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "required: {error:#}");
            println!("SKIPPED: {}: {error:#}", names[0]);
            None
        }
    }
}

/// Runs a stack, `program`, and asks it by both.
fn judge(stack: &Stack<'_>, program: &Path, root: &Path, nmap: &Path) {
    let out = tempfile::tempdir().unwrap();
    let both = out.path().join("both.sh");
    std::fs::write(&both, include_str!("both.sh")).unwrap();
    let mut command = Command::new("unshare");
    command.args(["-n", "sh", "-ec", stack.script]);
    command.env("OUT", out.path()).env("BOTH", &both).env("PRTIP", binary("prtip"));
    command.env("STACK", program).env("STACK_LIBRARIES", packages::libraries(root));
    command.env("OS_DB", nmap.join("usr/share/nmap/nmap-os-db"));
    command.env("NMAP", nmap.join("usr/bin/nmap"));
    command.env("NMAP_LIBRARIES", packages::libraries(nmap));
    command.env("NMAPDIR", nmap.join("usr/share/nmap"));
    command.env("V6", if stack.by_ipv6 { "1" } else { "" });
    command.env("LISTENER", std::env::current_exe().unwrap());
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", stack.name);

    let bytes = std::fs::read(nmap.join("usr/share/nmap/nmap-os-db")).unwrap();
    let database = Database::read(&bytes).unwrap();
    let read = |name: &str| std::fs::read_to_string(out.path().join(name)).unwrap();
    let [ours, text, xml] = ["ours", "text", "theirs"].map(read);
    let ours_v6 = stack.by_ipv6.then(|| read("ours-v6"));
    let said = Said { ours: &ours, ours_v6: ours_v6.as_deref(), text: &text, xml: &xml };
    let checks = beside_nmap::judge(&said, stack.vary, stack.name, &database).unwrap();
    println!("{}: {checks:#?}", stack.name);
    assert!(checks.iter().all(Result::is_ok), "{}: {checks:#?}", stack.name);
}

#[test]
fn lwip_is_seen_as_nmap_sees_it() {
    if !may_run() {
        return;
    }
    let names = ["liblwip0", "liblwip-dev"];
    let (Some(root), Some(nmap)) = (unpack(&names), unpack(packages::NMAP)) else { return };
    let stack = Stack {
        name: "lwIP",
        script: include_str!("lwip.sh"),
        vary: &[
            ("SEQ.SP", "numbers go on with a clock of 250 ms, and with how many packets came"),
            ("SEQ.ISR", "the same"),
            ("SEQ.GCD", "the same"),
            ("SEQ.II", "echo replies have the identification of their request, which is drawn"),
            ("SEQ.SS", "the same"),
        ],
        by_ipv6: true,
    };
    let built = tempfile::tempdir().unwrap();
    let (source, program) = (built.path().join("lwip.c"), built.path().join("lwip"));
    std::fs::write(&source, include_str!("lwip.c")).unwrap();
    let library = format!("usr/lib/{}-linux-gnu/liblwip.so.0", std::env::consts::ARCH);
    let mut clang = Command::new("clang");
    clang.arg("-O1").arg("-I").arg(root.join("usr/include/lwip")).arg("-o").arg(&program);
    clang.arg(&source).arg(root.join(library));
    assert!(clang.status().unwrap().success(), "{clang:?}");
    judge(&stack, &program, &root, &nmap);
}

#[test]
fn slirp_is_seen_as_nmap_sees_it() {
    // As the program that `slirp.sh` starts, this is the server behind the stack.
    if let Some(address) = std::env::var_os("PRTIP_TEST_LISTEN") {
        let listener = std::net::TcpListener::bind(address.to_str().unwrap()).unwrap();
        println!("ready");
        for connection in listener.incoming() {
            drop(connection);
        }
    }
    if !may_run() {
        return;
    }
    let names = ["slirp4netns", "libslirp0"];
    let (Some(root), Some(nmap)) = (unpack(&names), unpack(packages::NMAP)) else { return };
    let stack = Stack {
        name: "libslirp",
        script: include_str!("slirp.sh"),
        vary: &[
            ("SEQ.SP", "numbers go on by 64,000 a connection, whenever that comes"),
            ("SEQ.ISR", "the same"),
        ],
        by_ipv6: false,
    };
    judge(&stack, &root.join("usr/bin/slirp4netns"), &root, &nmap);
}
