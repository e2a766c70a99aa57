//! What is sampled: where CPU time goes, who asks for memory and who touches it, where the
//! kernel is asked, and where a thread waits.

use clap::ValueEnum;
use serde::Serialize;

use crate::scenario::Measure;
use crate::unwinding::CallGraph;

/// What a profile is of, as it is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Kind {
    /// CPU time, so many times a second
    Cpu,
    /// Who asks the allocator, who holds what there is at the peak, and who touches pages
    /// for the first time
    Memory,
    /// System calls, and the time that threads spend off the CPU
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

    /// The profiles that are made, one after the other.
    pub(crate) fn views(self) -> &'static [View] {
        match self {
            Self::Cpu => &[View::Cpu],
            Self::Memory => &[View::Allocations, View::Peak, View::Pages],
            Self::Io => &[View::SystemCalls, View::OffCpu],
        }
    }
}

/// One profile.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum View {
    /// Samples of CPU time.
    Cpu,
    /// Calls of the allocator.
    Allocations,
    /// Bytes of the heap where it is largest.
    Peak,
    /// Pages touched for the first time.
    Pages,
    /// System calls.
    SystemCalls,
    /// Microseconds that threads wait.
    OffCpu,
}

impl View {
    /// What follows a scenario's name in those of its files.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Cpu => "",
            Self::Allocations => ".memory",
            Self::Peak => ".peak",
            Self::Pages => ".pages",
            Self::SystemCalls => ".io",
            Self::OffCpu => ".off-cpu",
        }
    }

    /// What is counted.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Cpu => "samples",
            Self::Allocations => "allocations",
            Self::Peak => "bytes at the peak",
            Self::Pages => "page faults",
            Self::SystemCalls => "system calls",
            Self::OffCpu => "microseconds off the CPU",
        }
    }

    /// The arguments of `perf record`; none where heaptrack is the one to ask.
    pub(crate) fn record(self, frequency: u32, call_graph: CallGraph) -> Option<Vec<String>> {
        let frequency = frequency.to_string();
        let event: &[&str] = match self {
            Self::Cpu => &["-e", "cpu-clock", "-F", &frequency],
            Self::Allocations | Self::Peak => return None,
            Self::Pages => &["-e", "page-faults", "-c", "1"],
            Self::SystemCalls => &["-e", "raw_syscalls:sys_enter", "-c", "1"],
            // Who leaves the CPU, and when he is back.
            Self::OffCpu => &["-e", "sched:sched_switch", "-c", "1", "--switch-events"],
        };
        // Buffers of 4 MiB: whole stacks are large, and so are bursts of system calls.
        let always = ["-q", "-B", "-N", "-T", "-m", "1024", "--call-graph", call_graph.argument()];
        Some(always.iter().chain(event).map(|&word| word.to_owned()).collect())
    }

    /// Samples that are enough: all events of one run, where each is one.
    pub(crate) fn enough(self, samples: u64) -> u64 {
        if self == Self::Cpu { samples } else { 1 }
    }

    /// Whether a budget means something here. What is measured from outside is told with the
    /// CPU time and with the memory, whose it is.
    pub(crate) fn judges(self, of: &Measure) -> bool {
        match of {
            Measure::HeapGrowth => matches!(self, Self::Cpu | Self::Allocations),
            _ => self == Self::Cpu,
        }
    }
}
