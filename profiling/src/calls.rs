//! How often functions were called, counted by the kernel at their first instruction.

use std::collections::{BTreeMap, HashMap};
use std::ffi::CString;
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

/// Runs a command once and counts the calls of functions in it and in its children, by
/// file: uprobes. A function that was inlined everywhere has no first instruction, and is
/// left out.
///
/// # Errors
/// Where the kernel does not let us, or the command fails.
pub(crate) fn count(
    wanted: &BTreeMap<Arc<str>, Vec<Arc<str>>>,
    command: &mut Command,
) -> Result<HashMap<Arc<str>, u64>> {
    let mut counters: Vec<(Arc<str>, Counter)> = Vec::new();
    let kind = std::fs::read_to_string("/sys/bus/event_source/devices/uprobe/type")
        .context("this kernel has no uprobes")?;
    let kind = kind.trim().parse().context("uprobes")?;
    for (file, names) in wanted {
        let path = Arc::new(CString::new(&**file)?);
        for (name, offsets) in entries(Path::new(&**file), names)? {
            for offset in offsets {
                let probe = Entry { kind, path: path.clone(), offset };
                let counter = Builder::new(probe)
                    .inherit(true)
                    .enable_on_exec(true)
                    .include_kernel()
                    .build()
                    .with_context(|| format!("cannot count the calls of {name}"))?;
                counters.push((name.clone(), counter));
            }
        }
    }
    if counters.is_empty() {
        return Ok(HashMap::new());
    }
    // Inherited by what this thread starts, and counted from its exec on.
    let status = command.status().context("cannot run the scanner")?;
    ensure!(status.success(), "the scanner has failed: {status}");
    let mut calls = HashMap::new();
    for (name, mut counter) in counters {
        *calls.entry(name).or_default() += counter.read()?;
    }
    Ok(calls)
}
