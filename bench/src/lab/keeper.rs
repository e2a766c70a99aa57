//! The keeper: the process that owns everything the lab starts.
//!
//! It is forked from the lab before any thread or eBPF object exists, lives in
//! the scanner's namespace, starts the real servers and the command, adopts
//! whatever they leave behind, and ends it all. The kernel tells it when the
//! lab's own process dies, so that even SIGKILL there leaves nothing behind;
//! should the keeper itself be killed, its children get SIGKILL from the kernel
//! and the lab, which adopts its orphans in turn, ends the rest.
//!
//! A signal for the lab goes on to every process that the command has started,
//! as a terminal would do it. One that the terminal, or somebody's `kill` of
//! the whole group, has delivered to all of them already is not sent twice:
//! to a scanner a second Ctrl-C means "stop at once".

use std::ffi::{CStr, OsString};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_bind, mount_change};
use rustix::process::{getppid, set_child_subreaper, set_parent_process_death_signal};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};

use super::kernel::{self, KEEPER_IS_ORPHANED, Signal};
use super::network::{Namespaces, ROUTER_MAC, Side, mac_text};
use super::processes::{descendants, end_all, reap, signal};
use super::servers::Unpacked;

/// How long what is left of the command and the servers may take to end.
const GRACE: Duration = Duration::from_secs(2);
/// How long the servers may take to be up.
const PATIENCE: Duration = Duration::from_secs(90);
/// Signals that come within this time of one to the whole group are the same.
const SAME_SIGNAL: Duration = Duration::from_millis(500);
/// Sent by the keeper when it is in the scanner's namespace.
const READY: u8 = b'r';

/// The lab's end of the channel to its keeper.
#[derive(Debug)]
pub struct Keeper {
    /// Its process id.
    pub pid: i32,
    channel: UnixStream,
}

impl Keeper {
    /// Starts the keeper and waits until it is in the scanner's namespace.
    pub fn start(
        namespaces: &Namespaces,
        command: &[OsString],
        servers: &[Unpacked],
    ) -> Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let lab = std::process::id() as i32;
        if let Some(pid) = kernel::fork().context("cannot fork")? {
            drop(theirs);
            let mut keeper = Self { pid, channel: ours };
            keeper.wait_ready().context("the lab's keeper did not start")?;
            return Ok(keeper);
        }
        drop(ours);
        let kept = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            keep(namespaces, command, servers, theirs, lab)
        }));
        let code = match kept {
            Ok(Ok(code)) => code,
            Ok(Err(error)) => {
                eprintln!("prtip-bench: lab: {error:#}");
                super::exit_code(&error)
            }
            Err(_) => 101,
        };
        end_all(Duration::ZERO);
        std::process::exit(code.into())
    }

    /// Lets the keeper start the servers, say `announcement` when all of them are up, and
    /// start the command.
    pub fn go(&mut self, announcement: &str) -> Result<()> {
        self.channel
            .write_all(announcement.as_bytes())
            .and_then(|()| self.channel.shutdown(Shutdown::Write))
            .context("the lab's keeper has gone")
    }

    fn wait_ready(&mut self) -> Result<()> {
        let mut byte = [0];
        self.channel.read_exact(&mut byte)?;
        ensure!(byte == [READY], "unexpected word {byte:?}");
        Ok(())
    }
}

/// The keeper's life; returns the exit code of the command.
fn keep(
    namespaces: &Namespaces,
    command: &[OsString],
    servers: &[Unpacked],
    mut channel: UnixStream,
    lab: i32,
) -> Result<u8> {
    let orphaned = rustix::process::Signal::from_named_raw(KEEPER_IS_ORPHANED);
    set_parent_process_death_signal(orphaned)?;
    ensure!(getppid().map(|pid| pid.as_raw_nonzero().get()) == Some(lab), "the lab has gone");
    set_child_subreaper(rustix::process::Pid::from_raw(1))?;
    namespaces.enter(Side::Scan)?;
    private_mounts().context("cannot make a private view of the file system")?;
    channel.write_all(&[READY])?;
    let mut announcement = String::new();
    channel.read_to_string(&mut announcement)?;
    if announcement.is_empty() {
        return Ok(1); // The lab has said why.
    }

    let mut server_pids = Vec::new();
    if !servers.is_empty() {
        server_pids = start_servers(namespaces, servers)?;
    }
    if let Some(number) = asked_to_end(Duration::ZERO) {
        return Ok(128 + number as u8);
    }
    // Not before: while the servers start, this process is in their namespace.
    eprintln!("{announcement}");
    let (program, arguments) = command.split_first().context("no command")?;
    let mut started = Command::new(program);
    started.args(arguments).env("LAB_ROUTER_MAC", mac_text(ROUTER_MAC));
    if let Some(file) = trusted_roots(servers)? {
        started.env("SSL_CERT_FILE", file);
    }
    let child = match kernel::dies_with_us(&mut started).spawn() {
        Ok(child) => child.id() as i32,
        Err(error) => {
            eprintln!("prtip-bench: lab: cannot run {}: {error}", program.display());
            return Ok(127);
        }
    };
    let code = wait_for(child, &server_pids, lab);
    end_all(GRACE);
    Ok(code)
}

/// A file with what the system trusts and the roots of the servers' certificates, where
/// there are such: the command's own trust.
fn trusted_roots(servers: &[Unpacked]) -> Result<Option<PathBuf>> {
    if servers.is_empty() {
        return Ok(None);
    }
    let run = super::packages::cache_dir()?.join("run");
    let roots: Vec<String> =
        servers.iter().filter_map(|server| fs::read_to_string(server.trusted(&run)).ok()).collect();
    if roots.is_empty() {
        return Ok(None);
    }
    let system = fs::read_to_string("/etc/ssl/certs/ca-certificates.crt").unwrap_or_default();
    let file = run.join("trusted.pem");
    fs::write(&file, system + &roots.concat())?;
    Ok(Some(file))
}

/// Waits for the command to end, forwarding signals.
fn wait_for(child: i32, servers: &[i32], lab: i32) -> u8 {
    let mut whole_group: Option<(i32, Instant)> = None;
    loop {
        while let Some((pid, code)) = reap() {
            if pid == child {
                return code;
            }
            if servers.contains(&pid) {
                eprintln!("prtip-bench: lab: a server ended early, code {code}");
            }
        }
        let Some(Signal { number, sender }) = kernel::next_signal(Duration::from_secs(1)) else {
            continue;
        };
        match number {
            libc::SIGCHLD => {}
            KEEPER_IS_ORPHANED => {
                end_all(Duration::ZERO);
                return 128 + libc::SIGKILL as u8;
            }
            // The lab passes on what was meant for it alone; what reaches us
            // from elsewhere reached the whole group.
            _ if sender != Some(lab) => whole_group = Some((number, Instant::now())),
            _ if whole_group
                .is_some_and(|(same, at)| same == number && at.elapsed() < SAME_SIGNAL) => {}
            _ => {
                let spared: Vec<i32> = servers
                    .iter()
                    .flat_map(|pid| [vec![*pid], descendants(*pid)].concat())
                    .collect();
                for pid in descendants(std::process::id() as i32) {
                    if !spared.contains(&pid) {
                        signal(pid, number);
                    }
                }
            }
        }
    }
}

/// A signal to end that is waiting, or comes within `timeout`.
fn asked_to_end(timeout: Duration) -> Option<i32> {
    let deadline = Instant::now() + timeout;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match kernel::next_signal(left) {
            Some(Signal { number: libc::SIGCHLD, .. }) => {}
            Some(signal) => return Some(signal.number),
            None => return None,
        }
    }
}

/// A mount namespace of our own, with a /sys that shows this network namespace.
pub(crate) fn private_mounts() -> Result<()> {
    kernel::unshare(UnshareFlags::NEWNS)?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    // The new sysfs hides what is mounted below the old one: carry that over.
    let below: Vec<(&str, File)> =
        ["/sys/fs/bpf", "/sys/fs/cgroup", "/sys/kernel/tracing", "/sys/kernel/debug"]
            .into_iter()
            .filter_map(|path| Some((path, File::open(path).ok()?)))
            .collect();
    let no_data: Option<&CStr> = None;
    if let Err(error) = mount("sysfs", "/sys", "sysfs", MountFlags::empty(), no_data) {
        eprintln!("prtip-bench: lab: /sys stays the host's: {error}");
        return Ok(());
    }
    for (path, old) in below {
        // Where the fresh sysfs has no such folder there is nothing to cover.
        let _ = mount_bind(format!("/proc/self/fd/{}", old.as_raw_fd()), path);
    }
    Ok(())
}

/// Starts the servers in the far namespace and waits until each accepts; makes
/// their names resolve for the command.
fn start_servers(namespaces: &Namespaces, servers: &[Unpacked]) -> Result<Vec<i32>> {
    let run = super::packages::cache_dir()?.join("run");
    let no_data: Option<&CStr> = None;
    mount("tmpfs", &run, "tmpfs", MountFlags::empty(), no_data)
        .with_context(|| format!("tmpfs on {}", run.display()))?;
    let hosts = run.join("hosts");
    let mut text = fs::read_to_string("/etc/hosts").unwrap_or_default();
    for server in servers {
        text += &server.server.hosts_lines();
    }
    fs::write(&hosts, text)?;
    mount_bind(&hosts, "/etc/hosts").context("/etc/hosts")?;

    let home = File::open("/proc/self/ns/mnt")?;
    let folder = File::open(".")?;
    namespaces.enter(Side::Far)?;
    kernel::unshare(UnshareFlags::NEWNS)?;
    let mut pids = Vec::new();
    for server in servers {
        pids.push(server.start(&run).with_context(|| server.server.name.to_owned())?);
    }
    wait_until_up(servers, &pids, &run)?;
    move_into_link_name_space(home.as_fd(), Some(LinkNameSpaceType::Mount))?;
    // Entering a mount namespace leads to its root.
    rustix::process::fchdir(&folder)?;
    namespaces.enter(Side::Scan)?;
    Ok(pids)
}

/// Waits until every server answers wherever it should.
fn wait_until_up(servers: &[Unpacked], pids: &[i32], run: &Path) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let mut ended: Vec<(i32, u8)> = Vec::new();
    for (server, pid) in servers.iter().zip(pids) {
        while let Some(silent) = server.silent() {
            // Collected for all of them, or who ended before its turn would be missed.
            ended.extend(std::iter::from_fn(reap));
            let name = server.server.name;
            if let Some((_, code)) = ended.iter().find(|(reaped, _)| reaped == pid) {
                bail!("{name} has ended with code {code}: {}", server.log(run));
            }
            if Instant::now() > deadline {
                bail!("{name} does not answer at {silent}: {}", server.log(run));
            }
            if let Some(number) = asked_to_end(Duration::from_millis(10)) {
                bail!("stopped by signal {number} before the servers were up");
            }
        }
    }
    Ok(())
}
