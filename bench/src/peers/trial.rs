//! One scan by one scanner: started in the scanner's namespace, watched, judged.
//!
//! Counted the same way for all of them:
//! * probes: what the lab's far end saw, whatever the scanner says;
//! * rate: of the middle 90 % of them, so that neither the start nor a last
//!   straggler counts;
//! * CPU time: user and system time of the process with all its threads, from start
//!   to end, and ksoftirqd's meanwhile;
//! * memory: VmHWM, read until the process has gone.
//!
//! Output goes to memory files, so that nobody waits for a reader and nothing is
//! left behind; the scanner dies with the thread that started it.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use prtip_bpf::lab::Lab;
use rustix::fs::MemfdFlags;

use super::output::xdp_mode;
use super::scanner::{Installed, Scan};
use super::work::Truth;
use crate::cpu::Clocks;
use crate::lab::kernel::{self, Signal};
use crate::lab::processes::signal;
use crate::peak_memory::peak_kib;

/// Between two looks at the lab's counter and the scanner's memory.
const LOOK: Duration = Duration::from_millis(10);
/// A scan that has not ended by then is broken.
const PATIENCE: Duration = Duration::from_secs(90);

/// Stopped by this signal: exit code 128 + its number.
#[derive(Debug)]
pub struct Stopped(pub i32);

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "stopped by signal {}", self.0)
    }
}

impl std::error::Error for Stopped {}

/// What one scan was.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// Probes that the lab saw.
    pub probes: u64,
    /// Probes a second.
    pub rate: f64,
    /// CPU time of the process and of ksoftirqd, seconds.
    pub cpu_s: f64,
    /// Of that, ksoftirqd's.
    pub softirqd_s: f64,
    /// From start to end, seconds.
    pub wall_s: f64,
    /// Of all open pairs, those that it found.
    pub recall: f64,
    /// Of the pairs that it calls open, those that are.
    pub precision: f64,
    /// Peak resident memory, MiB.
    pub peak_mib: f64,
    /// How prtip's AF_XDP sockets were bound.
    pub xdp_mode: Option<&'static str>,
}

impl Outcome {
    /// Probes per CPU second.
    #[must_use]
    pub fn per_cpu_s(&self) -> f64 {
        self.probes as f64 / self.cpu_s
    }
}

/// Where scans run: the calling thread's namespace, and a folder to run in.
#[derive(Debug)]
pub struct Arena<'a> {
    /// The far end.
    pub lab: &'a Lab,
    /// ksoftirqd of all CPUs.
    pub clocks: &'a Clocks,
    /// The folder that scanners run in.
    pub folder: &'a Path,
}

impl Arena<'_> {
    /// Runs `scan` by `scanner` and judges what it found.
    ///
    /// # Errors
    /// [`Stopped`] by a signal; where the scanner fails, does not end, or writes what
    /// is not understood.
    pub fn run(&self, scanner: &Installed, scan: &Scan, truth: &Truth) -> Result<Outcome> {
        let name = scanner.scanner.name;
        let (mut output, mut errors) = (memory_file()?, memory_file()?);
        let mut command = scanner.command(scan);
        command
            .current_dir(self.folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(errors.try_clone()?);
        // A group of its own: a terminal's Ctrl-C is for us, and we end the scanner.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let before = self.clocks.read();
        let pid = kernel::dies_with_us(&mut command)
            .spawn()
            .with_context(|| format!("cannot run {}", command.get_program().display()))?
            .id() as i32;
        let watched = self.watch(pid).with_context(|| name)?;
        let took = self.clocks.read() - before;
        if !watched.status.success() {
            let said = text_of(&mut errors)?;
            bail!("{name} failed, {}: {}", watched.status, last_lines(&said));
        }
        let text = text_of(&mut output)?;
        let found = scanner.read(&text)?;
        let judged = truth.judge(&found);
        let probes = watched.arrivals.last().map_or(0, |last| last.1) - watched.arrivals[0].1;
        ensure!(probes > 0, "{name} sent nothing: {}", last_lines(&text_of(&mut errors)?));
        Ok(Outcome {
            probes,
            rate: rate(&watched.arrivals),
            cpu_s: watched.cpu_s + took.softirqd_s,
            softirqd_s: took.softirqd_s,
            wall_s: took.wall_s,
            recall: judged.recall,
            precision: judged.precision,
            peak_mib: watched.peak_kib as f64 / 1024.0,
            xdp_mode: xdp_mode(&text),
        })
    }

    /// Looks on until `pid` has ended; ends it where a signal or the clock says so.
    fn watch(&self, pid: i32) -> Result<Watched> {
        let start = Instant::now();
        let mut watched = Watched {
            status: ExitStatus::default(),
            cpu_s: 0.0,
            peak_kib: 0,
            arrivals: vec![(0.0, self.lab.probes()?)],
        };
        let mut end = None;
        loop {
            let signalled = kernel::next_signal(LOOK);
            watched.arrivals.push((start.elapsed().as_secs_f64(), self.lab.probes()?));
            watched.peak_kib = watched.peak_kib.max(peak_kib(pid as u32).unwrap_or(0));
            if let Some((status, used)) = kernel::wait_with_usage(pid)? {
                if let Some(error) = end {
                    return Err(error);
                }
                return Ok(Watched { status, cpu_s: used.cpu_s, ..watched });
            }
            let asked = match signalled {
                Some(Signal { number: libc::SIGCHLD, .. }) | None => None,
                Some(Signal { number, .. }) => Some(Stopped(number).into()),
            };
            let late = || {
                let late = start.elapsed() > PATIENCE;
                late.then(|| anyhow::anyhow!("did not end within {} s", PATIENCE.as_secs()))
            };
            if end.is_none()
                && let Some(error) = asked.or_else(late)
            {
                signal(pid, libc::SIGKILL);
                end = Some(error);
            }
        }
    }
}

struct Watched {
    status: ExitStatus,
    cpu_s: f64,
    peak_kib: u64,
    /// Seconds since the start, and the lab's counter.
    arrivals: Vec<(f64, u64)>,
}

/// Probes a second of the middle 90 %.
fn rate(arrivals: &[(f64, u64)]) -> f64 {
    let (first, last) = (arrivals[0].1 as f64, arrivals[arrivals.len() - 1].1 as f64);
    let at = |share: f64| {
        let count = first + share * (last - first);
        let after = arrivals.partition_point(|arrival| (arrival.1 as f64) < count).max(1);
        let ((t0, n0), (t1, n1)) = (arrivals[after - 1], arrivals[after.min(arrivals.len() - 1)]);
        let within = if n1 > n0 { (count - n0 as f64) / (n1 - n0) as f64 } else { 0.0 };
        t0 + within * (t1 - t0)
    };
    0.9 * (last - first) / (at(0.95) - at(0.05)).max(1e-6)
}

fn memory_file() -> Result<File> {
    Ok(rustix::fs::memfd_create("output", MemfdFlags::CLOEXEC)?.into())
}

fn text_of(file: &mut File) -> Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Scanners that redraw a line put carriage returns into it.
fn last_lines(text: &str) -> String {
    let lines: Vec<&str> =
        text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(3)..].join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_middle_whatever_the_start_and_the_stragglers_are() {
        // 1000 a second for a second, after 3 s of loading and before one late packet.
        let mut arrivals = vec![(0.0, 50), (3.0, 50)];
        arrivals.extend((1..=10_u32).map(|n| (3.0 + f64::from(n) / 10.0, 50 + 100 * u64::from(n))));
        arrivals.push((60.0, 1051));
        assert!((rate(&arrivals) - 1000.0).abs() < 2.0, "{}", rate(&arrivals));
    }

    #[test]
    fn of_what_was_said_the_last_lines_are_quoted() {
        assert_eq!(last_lines("a\nb\r\rc\n\nd\n"), "b | c | d");
    }
}
