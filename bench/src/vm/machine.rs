//! One virtual machine: QEMU's arguments, the guest's file system, and its two serial
//! ports. Pure emulation, no network but a cable between two cards, nothing on disk.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::fs::{MemfdFlags, memfd_create};

use super::archive::Archive;
use super::packages::Packages;
use super::{Card, RULES, TRUTH};
use crate::lab::kernel::dies_with_us;

const INIT: &str = include_str!("init.sh");
const SCAN: &str = include_str!("scan.sh");
/// How long a boot may take; it takes 5 seconds on an idle machine.
const BOOT: Duration = Duration::from_secs(45);
/// How often a machine that hangs at boot is started.
const BOOTS: u32 = 3;
/// Memory of each node.
const NODE_MIB: u32 = 512;

/// What the guest said.
pub(super) struct Told {
    /// On the first serial port: what the steps printed.
    pub(super) verdict: String,
    /// On the second one: the kernel, and what nobody expected. QEMU's own words, too.
    pub(super) console: String,
    /// It was killed, as its time was over.
    pub(super) out_of_time: bool,
}

/// A machine before it runs.
pub(super) struct Machine<'a> {
    pub(super) packages: &'a Packages,
    pub(super) card: Card,
    /// The cards go through an IOMMU, which zero-copy of virtio_net needs.
    pub(super) iommu: bool,
    /// Lines of shell: the calls of `step`.
    pub(super) steps: &'a str,
}

impl Machine<'_> {
    /// Runs it until it turns itself off, at most until `deadline`.
    ///
    /// On a busy host an emulated machine may hang at boot, before it says a word, when
    /// its timers come too late for the kernel's calibration; such a one is started anew.
    pub(super) fn run(&self, deadline: Instant) -> Result<Told> {
        let files = self.files()?;
        for _ in 1..BOOTS {
            let told = self.run_once(&files, deadline)?;
            if !told.out_of_time || !told.verdict.is_empty() || Instant::now() >= deadline {
                return Ok(told);
            }
            eprintln!("prtip-bench: vm: the machine hangs at boot, and is started anew");
        }
        self.run_once(&files, deadline)
    }

    fn run_once(&self, files: &OwnedFd, deadline: Instant) -> Result<Told> {
        let mut child = self
            .command(files)?
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start QEMU")?;
        let heard = Arc::new(AtomicBool::new(false));
        let verdict = read_all(child.stdout.take(), Arc::clone(&heard));
        let console = read_all(child.stderr.take(), Arc::default());
        let out_of_time = wait_until(&mut child, deadline, &heard)?;
        let text = |reader: JoinHandle<String>| reader.join().unwrap_or_default();
        Ok(Told { verdict: text(verdict), console: text(console), out_of_time })
    }

    fn command(&self, files: &OwnedFd) -> Result<Command> {
        let mut command = Command::new(self.packages.qemu());
        command.env("LD_LIBRARY_PATH", self.packages.libraries());
        for folder in self.packages.firmware() {
            command.arg("-L").arg(folder);
        }
        command
            .args(["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"])
            .args(["-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2"])
            // Two NUMA nodes, a processor each; the cards will be on the second.
            .args(["-m", &format!("{}M", 2 * NODE_MIB)])
            .arg("-kernel")
            .arg(self.packages.kernel()?)
            .args(["-initrd", &format!("/proc/self/fd/{}", files.as_raw_fd())])
            // An emulated timer is late on a busy host, which the kernel's test of it at
            // boot takes for broken.
            .args(["-append", "console=ttyS1 quiet panic=-1 no_timer_check mitigations=off"])
            .args(["-chardev", "stdio,id=verdict,signal=off", "-serial", "chardev:verdict"])
            .args(["-chardev", "file,id=console,path=/dev/stderr", "-serial", "chardev:console"]);
        for node in 0..2 {
            let memory = format!("memory-backend-ram,id=memory{node},size={NODE_MIB}M");
            let numa = format!("node,nodeid={node},cpus={node},memdev=memory{node}");
            command.args(["-object", &memory, "-numa", &numa]);
        }
        command.args(["-device", "pxb-pcie,id=far,bus_nr=32,numa_node=1,bus=pcie.0"]);
        for (end, mac) in ["02:70:72:74:69:11", "02:70:72:74:69:12"].into_iter().enumerate() {
            command.args(["-netdev", &format!("hubport,id=end{end},hubid=0")]);
            for argument in self.card.device(end, mac, self.iommu) {
                command.arg(argument);
            }
        }
        dies_with_us(&mut command);
        Ok(command)
    }

    /// The guest's files in memory, to be inherited by QEMU.
    fn files(&self) -> Result<OwnedFd> {
        // Not closed on exec: QEMU opens it by its number.
        let memory = memfd_create("prtip-vm", MemfdFlags::empty()).context("memfd_create")?;
        let mut archive = Archive::new(std::io::BufWriter::new(File::from(memory)));
        for folder in ["bin", "dev", "etc", "lib", "lib64", "modules", "proc", "run", "sys", "tmp"]
        {
            archive.folder(folder)?;
        }
        archive.file("init", INIT.as_bytes())?;
        archive.file("scan.sh", SCAN.as_bytes())?;
        archive.file("steps.sh", self.step_file().as_bytes())?;
        archive.file("bin/busybox", &self.packages.busybox()?)?;
        for (position, module) in self.card.modules().iter().enumerate() {
            // One that is missing is built into the kernel, or its card will be missing.
            if let Some(path) = self.packages.module(module) {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                archive.file(&format!("modules/{position:02}-{name}"), &read(&path)?)?;
            }
        }
        let mut libraries = BTreeSet::new();
        for program in programs()? {
            let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
            archive.file(&format!("bin/{name}"), &read(&program)?)?;
            libraries.extend(libraries_of(&program)?);
        }
        for library in libraries {
            let name = library.file_name().unwrap_or_default().to_string_lossy();
            let folder = if name.starts_with("ld-linux") { "lib64" } else { "lib" };
            archive.file(&format!("{folder}/{name}"), &read(&library)?)?;
        }
        let buffer = archive.finish()?;
        let file = buffer.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        Ok(file.into())
    }

    fn step_file(&self) -> String {
        let queues = self.card.queues();
        format!(
            "CARDS='--cards eth0,eth1 --queues {queues}'\nRULES='{RULES}'\n\
             export TRUTH='{TRUTH}' SOCKETS={queues}\n{}",
            self.steps
        )
    }
}

/// The programs that the guest runs: ours, those under test among them, and iproute2's.
fn programs() -> Result<Vec<PathBuf>> {
    let bench = std::env::current_exe().context("/proc/self/exe")?;
    let prtip = bench.with_file_name("prtip");
    anyhow::ensure!(prtip.is_file(), "{} is missing: run `make build`", prtip.display());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> =
        std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]).collect();
    let mut all = vec![bench, prtip];
    for name in ["ip", "ss"] {
        let found = folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file());
        let found = found.with_context(|| format!("no {name} here: apt-get install iproute2"))?;
        all.push(found.canonicalize()?);
    }
    Ok(all)
}

/// The shared libraries of a program, its interpreter among them.
fn libraries_of(program: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("ldd").arg(program).output().context("cannot run ldd")?;
    if !output.status.success() {
        bail!("ldd {}: {}", program.display(), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(paths_in(&String::from_utf8_lossy(&output.stdout)))
}

/// The paths that ldd tells.
fn paths_in(listed: &str) -> Vec<PathBuf> {
    listed.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| path.display().to_string())
}

/// Reads to the end, and tells when there was something.
fn read_all(
    from: Option<impl Read + Send + 'static>,
    heard: Arc<AtomicBool>,
) -> JoinHandle<String> {
    thread::spawn(move || {
        let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
        if let Some(mut from) = from {
            // An error ends the text early, and the judge finds that it is not whole.
            while let Ok(count @ 1..) = from.read(&mut part) {
                bytes.extend_from_slice(&part[..count]);
                heard.store(true, Ordering::Relaxed);
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Waits for the end of `child`; true where it had to be killed: its time is over, or
/// nothing was heard of it for as long as a boot may take.
fn wait_until(child: &mut Child, deadline: Instant, heard: &AtomicBool) -> Result<bool> {
    let silent_until = Instant::now() + BOOT;
    loop {
        if child.try_wait()?.is_some() {
            return Ok(false);
        }
        let now = Instant::now();
        if now >= deadline || now >= silent_until && !heard.load(Ordering::Relaxed) {
            child.kill()?;
            child.wait()?;
            return Ok(true);
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Writes what was said to a file.
pub(super) fn log(told: &Told, machine: &str, to: &mut File) -> Result<()> {
    write!(to, "== {machine}: console\n{}\n== {machine}: verdict\n{}\n", told.console, told.verdict)
        .context("--log")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_the_paths_that_ldd_tells() {
        let listed = "\tlinux-vdso.so.1 (0x00007f)\n\tliba.so.1 => /lib/x/liba.so.1 (0x0)\n\
                      \t/lib64/ld-linux-x86-64.so.2 (0x0)\n";
        let paths = ["/lib/x/liba.so.1", "/lib64/ld-linux-x86-64.so.2"].map(PathBuf::from);
        assert_eq!(paths_in(listed), paths);
    }
}
