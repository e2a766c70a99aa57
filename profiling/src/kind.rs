//! What is sampled: where CPU time goes, where memory is touched, where the kernel is asked.

use clap::ValueEnum;
use serde::Serialize;

use crate::scenario::Measure;

/// What is sampled.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// CPU time, so many times a second
    Cpu,
    /// Every page that is touched for the first time: what makes a process large
    Memory,
    /// Every system call
    Io,
}

impl Kind {
    /// As it is written on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Io => "io",
        }
    }

    /// What follows a scenario's name in those of its files.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Cpu => "",
            Self::Memory => ".memory",
            Self::Io => ".io",
        }
    }

    /// What one sample is.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Cpu => "samples",
            Self::Memory => "page faults",
            Self::Io => "system calls",
        }
    }

    /// The arguments of `perf record`.
    pub(crate) fn event(self, frequency: u32) -> Vec<String> {
        let event = match self {
            Self::Cpu => {
                return ["-e", "cpu-clock", "-F"]
                    .map(String::from)
                    .into_iter()
                    .chain([frequency.to_string()])
                    .collect();
            }
            Self::Memory => "page-faults",
            Self::Io => "raw_syscalls:sys_enter",
        };
        ["-e", event, "-c", "1"].map(String::from).to_vec()
    }

    /// Samples that are enough: all events of one run, where each is one.
    pub(crate) fn enough(self, samples: u64) -> u64 {
        if self == Self::Cpu { samples } else { 1 }
    }

    /// Whether a budget means something here. What is measured from outside always does.
    pub(crate) fn judges(self, of: &Measure) -> bool {
        self == Self::Cpu || matches!(of, Measure::CpuTime | Measure::HeapGrowth)
    }
}
