//! CPU time, so that a machine that others use too gives the same answer.
//!
//! Sending over veth runs the far end inside the sender's own system call, as
//! softirq work. Without CONFIG_IRQ_TIME_ACCOUNTING that is part of the sender's
//! CPU time. Under load the kernel hands some of it to ksoftirqd of the same CPU,
//! so its time is added; otherwise a sender that is interrupted would look faster.
//! Where ksoftirqd cannot be seen (another PID namespace), [`Clocks::softirqd_seen`]
//! says so.

use std::fs;
use std::ops::Sub;

use core_affinity::CoreId;
use rustix::time::{ClockId, clock_gettime};

/// Readings of all clocks, or the difference of two.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reading {
    /// CPU time of the thread or process, seconds.
    pub own_s: f64,
    /// CPU time of ksoftirqd on the watched CPUs, seconds.
    pub softirqd_s: f64,
    /// CLOCK_MONOTONIC, seconds.
    pub wall_s: f64,
}

impl Reading {
    /// Everything that ran for us.
    #[must_use]
    pub fn cpu_s(&self) -> f64 {
        self.own_s + self.softirqd_s
    }
}

impl Sub for Reading {
    type Output = Self;

    fn sub(self, from: Self) -> Self {
        Self {
            own_s: self.own_s - from.own_s,
            softirqd_s: self.softirqd_s - from.softirqd_s,
            wall_s: self.wall_s - from.wall_s,
        }
    }
}

/// Whose CPU time is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The calling thread's.
    Thread,
    /// That of all threads of this process.
    Process,
}

/// The clocks of a measurement.
#[derive(Clone, Debug)]
pub struct Clocks {
    whose: Whose,
    /// `/proc/PID/schedstat` of each watched ksoftirqd.
    softirqd: Vec<String>,
}

impl Clocks {
    /// Clocks for work that runs on `cpus`.
    #[must_use]
    pub fn new(whose: Whose, cpus: &[CoreId]) -> Self {
        let wanted: Vec<String> = cpus.iter().map(|cpu| format!("ksoftirqd/{}", cpu.id)).collect();
        let softirqd = fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| {
                fs::read_to_string(entry.path().join("comm"))
                    .is_ok_and(|comm| wanted.iter().any(|name| name == comm.trim_end()))
            })
            .map(|entry| entry.path().join("schedstat").to_string_lossy().into_owned())
            .filter(|path| run_ns(path).is_some())
            .collect();
        Self { whose, softirqd }
    }

    /// Whether ksoftirqd's part can be counted.
    #[must_use]
    pub fn softirqd_seen(&self) -> bool {
        !self.softirqd.is_empty()
    }

    /// What the clocks show.
    #[must_use]
    pub fn read(&self) -> Reading {
        let own = match self.whose {
            Whose::Thread => ClockId::ThreadCPUTime,
            Whose::Process => ClockId::ProcessCPUTime,
        };
        let softirqd_ns: u64 = self.softirqd.iter().filter_map(|path| run_ns(path)).sum();
        Reading {
            own_s: seconds(own),
            softirqd_s: softirqd_ns as f64 / 1e9,
            wall_s: seconds(ClockId::Monotonic),
        }
    }
}

fn seconds(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Nanoseconds on a CPU: the first number of a schedstat.
fn run_ns(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.split_whitespace().next()?.parse().ok()
}

/// How busy the machine's CPUs were, by the ticks of /proc/stat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ticks {
    idle: u64,
    all: u64,
}

impl Ticks {
    /// The ticks of all CPUs so far.
    #[must_use]
    pub fn now() -> Self {
        Self::parse(&fs::read_to_string("/proc/stat").unwrap_or_default())
    }

    /// Fields: user nice system idle iowait irq softirq steal (guest is in user).
    fn parse(stat: &str) -> Self {
        let line = stat.lines().find(|line| line.starts_with("cpu ")).unwrap_or_default();
        let fields: Vec<u64> =
            line.split_whitespace().skip(1).take(8).filter_map(|n| n.parse().ok()).collect();
        Self { idle: fields.iter().skip(3).take(2).sum(), all: fields.iter().sum() }
    }

    /// CPUs' worth of time that others took since `start`, of which `ours` (also
    /// in CPUs) was this process; never negative.
    #[must_use]
    pub fn others_since(&self, start: Self, cpus: usize, ours: f64) -> f64 {
        let all = self.all.saturating_sub(start.all).max(1) as f64;
        let idle = self.idle.saturating_sub(start.idle) as f64;
        ((all - idle) / all * cpus as f64 - ours).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_took_is_what_is_neither_idle_nor_ours() {
        let start = Ticks::parse("cpu  10 0 10 100 0 0 0 0 0 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n");
        let end = Ticks::parse("cpu  60 0 60 150 50 0 0 0 0 0\n");
        // 200 ticks of two CPUs, half of them busy: one CPU, of which we were 0.75.
        assert!((end.others_since(start, 2, 0.75) - 0.25).abs() < 1e-9);
        assert!(end.others_since(start, 2, 1.5).abs() < 1e-9);
    }

    #[test]
    fn a_thread_that_works_uses_cpu_time_and_one_that_sleeps_does_not() {
        let clocks = Clocks::new(Whose::Thread, &[]);
        let start = clocks.read();
        while (clocks.read() - start).own_s < 0.01 {}
        let worked = clocks.read();
        std::thread::sleep(std::time::Duration::from_millis(20));
        let slept = clocks.read() - worked;
        assert!(slept.wall_s >= 0.02 && slept.own_s < 0.01, "{slept:?}");
    }
}
