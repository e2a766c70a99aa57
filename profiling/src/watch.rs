//! A process watched from outside, at its own speed: the CPU time it took, and its heap.

use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// How often the heap is looked at.
const INTERVAL: Duration = Duration::from_millis(20);

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Watched {
    /// CPU time of the process, of the time that it took, in per cent.
    pub(crate) cpu_percent: f64,
    /// Memory that it has for data (heap, mappings, stacks), touched or not, in KiB: at a
    /// tenth of the run, and the most after it. None where the run was too short to look
    /// ten times.
    pub(crate) heap: Option<(u64, u64)>,
}

/// Runs a command and watches it.
///
/// # Errors
/// Where it cannot be run, or fails.
pub(crate) fn watch(command: &mut Command) -> Result<Watched> {
    let before = cpu_ticks_of_children()?;
    let started = Instant::now();
    let mut child = command.spawn().context("cannot run the scanner")?;
    let status_file = format!("/proc/{}/status", child.id());
    let mut heap = Vec::new();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        heap.extend(fs::read_to_string(&status_file).ok().as_deref().and_then(data_kib));
        sleep(INTERVAL);
    };
    ensure!(status.success(), "the scanner has failed: {status}");
    let seconds = started.elapsed().as_secs_f64();
    let ticks_per_second = rustix::param::clock_ticks_per_second() as f64;
    let cpu_seconds = (cpu_ticks_of_children()? - before) as f64 / ticks_per_second;
    let tenth = heap.len() / 10;
    let heap =
        (tenth > 0).then(|| (heap[tenth], heap[tenth..].iter().copied().max().unwrap_or_default()));
    Ok(Watched { cpu_percent: cpu_seconds / seconds * 100.0, heap })
}

/// `VmData` of /proc/PID/status.
fn data_kib(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmData:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Clock ticks that the children waited for have taken, in user and kernel: the 16th and
/// 17th field of /proc/self/stat.
fn cpu_ticks_of_children() -> Result<u64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let mut fields = after_name.split_whitespace().skip(13);
    let mut next = || fields.next().and_then(|field| field.parse::<u64>().ok());
    let (user, system) = (next(), next());
    Ok(user.context("/proc/self/stat")? + system.context("/proc/self/stat")?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn one_that_sleeps_is_told_from_one_that_turns() {
        let script = |text: &str| {
            let mut command = Command::new("bash");
            command.args(["-c", text]);
            watch(&mut command).unwrap()
        };
        let asleep = script("sleep 0.5");
        let busy = script("for ((i = 0; i < 200000; i++)); do :; done");
        assert!(asleep.cpu_percent < busy.cpu_percent);
        assert!(asleep.heap.is_some());
        assert!(watch(&mut Command::new("false")).is_err());
    }
}
