//! What `perf record` wrote: samples as places in files and in the kernel.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use linux_perf_data::linux_perf_event_reader::{
    AttrFlags, ContextSwitchRecord, EventRecord, SampleFormat, SampleRecord, TaskWasPreempted,
};
use linux_perf_data::{PerfFileReader, PerfFileRecord};

use crate::unwinding::Unwinding;

/// Values in a call chain from here on are no addresses: they say what follows.
/// Source: `perf_callchain_context`, linux/perf_event.h.
const CONTEXTS: u64 = -4095_i64 as u64;
const CONTEXT_KERNEL: u64 = -128_i64 as u64;
const CONTEXT_USER: u64 = -512_i64 as u64;

/// Where an instruction is.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Place {
    /// An address of the kernel, its modules and its eBPF programs.
    Kernel(u64),
    /// A byte of a file that a process has mapped.
    File(Arc<str>, u64),
    /// Memory that belongs to no file.
    Nowhere,
}

/// A range of kernel addresses that carries a name: an eBPF program.
#[derive(Clone, Debug)]
pub(crate) struct KernelSymbol {
    /// Bytes.
    pub(crate) length: u64,
    /// As its author named it, 15 characters of it.
    pub(crate) name: String,
}

/// One recording.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    /// Each sample's places, the innermost first, and how often it counts. Outer ones are
    /// return addresses.
    pub(crate) stacks: Vec<(Vec<Place>, u64)>,
    /// The eBPF programs that were there meanwhile, by address.
    pub(crate) programs: BTreeMap<u64, KernelSymbol>,
    /// Samples that the kernel had no room for.
    pub(crate) lost: u64,
}

/// A process's mapped files by start address: length, offset in the file, path.
type Maps = BTreeMap<u64, (u64, u64, Arc<str>)>;

/// A thread that has left the CPU: since when, in nanoseconds, and where.
struct Away {
    since: u64,
    stack: Vec<Place>,
}

impl Recording {
    /// Reads a file of `perf record`; `programs` were there when it was written. Where it
    /// tells when threads left the CPU and came back, stacks count by the microseconds
    /// between; else each sample counts once.
    ///
    /// # Errors
    /// Where it is none.
    pub(crate) fn read(path: &Path, programs: BTreeMap<u64, KernelSymbol>) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("{}", path.display()))?;
        let PerfFileReader { mut perf_file, mut record_iter } =
            PerfFileReader::parse_file(BufReader::new(file))
                .with_context(|| format!("{} is no recording of perf", path.display()))?;
        let attributes = || perf_file.event_attributes().iter().map(|event| &event.attr);
        let tells_of_switches =
            attributes().any(|attr| attr.flags.contains(AttrFlags::CONTEXT_SWITCH));
        let copies_stacks =
            attributes().any(|attr| attr.sample_format.contains(SampleFormat::STACK_USER));
        let mut recording = Self { programs, ..Self::default() };
        let mut maps: HashMap<i32, Maps> = HashMap::new();
        let mut unwinding = Unwinding::default();
        let mut away: HashMap<i32, Away> = HashMap::new();
        while let Some(record) = record_iter.next_record(&mut perf_file)? {
            let PerfFileRecord::EventRecord { record, .. } = record else { continue };
            match record.parse()? {
                EventRecord::Mmap2(map) => {
                    let path: Arc<str> = String::from_utf8_lossy(&map.path.as_slice()).into();
                    if copies_stacks {
                        unwinding.mapped(map.pid, map.address, map.length, map.page_offset, &path);
                    }
                    let told = (map.length, map.page_offset, path);
                    maps.entry(map.pid).or_default().insert(map.address, told);
                }
                // A program that another takes the place of leaves no mapping behind.
                EventRecord::Comm(comm) if comm.is_execve => {
                    maps.remove(&comm.pid);
                    unwinding.replaced(comm.pid);
                }
                EventRecord::Fork(fork) if fork.pid != fork.ppid => {
                    if let Some(inherited) = maps.get(&fork.ppid).cloned() {
                        maps.insert(fork.pid, inherited);
                    }
                }
                EventRecord::Lost(lost) => recording.lost += lost.count,
                EventRecord::Sample(sample) => {
                    let stack = stack_of(&sample, &maps, &mut unwinding)?;
                    match (sample.tid, sample.timestamp) {
                        (Some(thread), Some(since)) if tells_of_switches => {
                            away.insert(thread, Away { since, stack });
                        }
                        _ => recording.stacks.push((stack, 1)),
                    }
                }
                EventRecord::ContextSwitch(switch) => {
                    let about = record.common_data()?;
                    let (Some(thread), Some(now)) = (about.tid, about.timestamp) else { continue };
                    match switch {
                        // It would have gone on: it waits for a CPU and for nothing else.
                        ContextSwitchRecord::Out { preempted: TaskWasPreempted::Yes, .. } => {
                            away.remove(&thread);
                        }
                        ContextSwitchRecord::Out { .. } => {}
                        ContextSwitchRecord::In { .. } => {
                            if let Some(Away { since, stack }) = away.remove(&thread) {
                                recording.stacks.push((stack, now.saturating_sub(since) / 1000));
                            }
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(recording)
    }
}

/// The places of a sample, the innermost first.
fn stack_of(
    sample: &SampleRecord<'_>,
    maps: &HashMap<i32, Maps>,
    unwinding: &mut Unwinding,
) -> Result<Vec<Place>> {
    let Some(chain) = &sample.callchain else { bail!("samples have no stacks") };
    let maps = sample.pid.and_then(|pid| maps.get(&pid));
    let unwound = unwinding.addresses(sample);
    let mut in_kernel = false;
    let mut stack = Vec::with_capacity(chain.len());
    for address in (0..chain.len()).filter_map(|index| chain.get(index)) {
        match address {
            CONTEXT_KERNEL => in_kernel = true,
            CONTEXT_USER => in_kernel = false,
            CONTEXTS.. => {}
            _ if in_kernel => stack.push(Place::Kernel(address)),
            _ if unwound.is_none() => stack.push(place_in(maps, address)),
            _ => {}
        }
    }
    stack.extend(unwound.into_iter().flatten().map(|address| place_in(maps, address)));
    Ok(stack)
}

fn place_in(maps: Option<&Maps>, address: u64) -> Place {
    let found = maps.and_then(|maps| maps.range(..=address).next_back());
    match found {
        Some((start, (length, offset, path)))
            if address - start < *length && path.starts_with('/') =>
        {
            Place::File(path.clone(), address - start + offset)
        }
        _ => Place::Nowhere,
    }
}
