//! How often functions were called, counted by the kernel at their first instruction.

use std::collections::HashMap;
use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use perf_event::events::{Event, EventData};
use perf_event::{Builder, Counter};
use perf_event_open_sys::bindings::perf_event_attr;

use crate::symbols::entries;

/// A function's first instruction.
#[derive(Clone, Debug)]
struct Entry {
    kind: u32,
    path: Arc<CString>,
    offset: u64,
}

impl Event for Entry {
    fn update_attrs(self, _: &mut perf_event_attr) {
        unreachable!("the path must live as long as the attributes");
    }

    fn update_attrs_with_data(self, attr: &mut perf_event_attr) -> Option<Arc<dyn EventData>> {
        attr.type_ = self.kind;
        attr.kprobe_func = self.path.as_ptr() as u64;
        attr.probe_offset = self.offset;
        Some(self.path)
    }
}

/// Runs a command once and counts the calls of functions of `program` while it runs: uprobes. A
/// function that was inlined everywhere has no first instruction, and is left out.
///
/// Counted is on every CPU and not in one process: a thread that inherits a uprobe makes the
/// kernel read the file's path again, in the memory of the process that the scanner has become,
/// and is not started. So nobody else may run the same file meanwhile, and functions of shared
/// libraries, which everybody runs, are not counted.
///
/// # Errors
/// Where the kernel does not let us, or the command fails.
pub(crate) fn count(
    program: &Path,
    names: &[Arc<str>],
    command: &mut Command,
) -> Result<HashMap<Arc<str>, u64>> {
    let mut calls = HashMap::new();
    let kind = fs::read_to_string("/sys/bus/event_source/devices/uprobe/type")
        .context("this kernel has no uprobes")?;
    let kind = kind.trim().parse().context("uprobes")?;
    let cpus = cpus(&fs::read_to_string("/sys/devices/system/cpu/online")?)?;
    let path = Arc::new(CString::new(program.as_os_str().as_bytes())?);
    let mut counters: Vec<(Arc<str>, Counter)> = Vec::new();
    for (name, offsets) in entries(program, names)? {
        for (offset, &cpu) in offsets.iter().flat_map(|at| cpus.iter().map(move |cpu| (at, cpu))) {
            let probe = Entry { kind, path: path.clone(), offset: *offset };
            let mut counter = Builder::new(probe)
                .any_pid()
                .one_cpu(cpu)
                .include_kernel()
                .build()
                .with_context(|| format!("cannot count the calls of {name}"))?;
            counter.enable()?;
            counters.push((name.clone(), counter));
        }
    }
    if counters.is_empty() {
        return Ok(calls);
    }
    let status = command.status().context("cannot run the scanner")?;
    ensure!(status.success(), "the scanner has failed: {status}");
    for (name, mut counter) in counters {
        *calls.entry(name).or_default() += counter.read()?;
    }
    Ok(calls)
}

/// CPUs as the kernel lists them: `0-3,8`.
fn cpus(list: &str) -> Result<Vec<usize>> {
    let mut cpus = Vec::new();
    for range in list.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        cpus.extend(first.parse::<usize>()?..=last.parse()?);
    }
    Ok(cpus)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn lists_of_cpus_are_read() {
        assert_eq!(cpus("0\n").unwrap(), [0]);
        assert_eq!(cpus("0-2,8,10-11\n").unwrap(), [0, 1, 2, 8, 10, 11]);
        assert!(cpus("x").is_err());
    }
}
