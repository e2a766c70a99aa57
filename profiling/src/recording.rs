//! What `perf record` wrote: samples as places in files and in the kernel.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use linux_perf_data::linux_perf_event_reader::EventRecord;
use linux_perf_data::{PerfFileReader, PerfFileRecord};

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
    /// Each sample's places, the innermost first. Outer ones are return addresses.
    pub(crate) stacks: Vec<Vec<Place>>,
    /// The eBPF programs that were there meanwhile, by address.
    pub(crate) programs: BTreeMap<u64, KernelSymbol>,
    /// Samples that the kernel had no room for.
    pub(crate) lost: u64,
}

/// A process's mapped files by start address: length, offset in the file, path.
type Maps = BTreeMap<u64, (u64, u64, Arc<str>)>;

impl Recording {
    /// Reads a file of `perf record -g`; `programs` were there when it was written.
    ///
    /// # Errors
    /// Where it is none.
    pub(crate) fn read(path: &Path, programs: BTreeMap<u64, KernelSymbol>) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("{}", path.display()))?;
        let PerfFileReader { mut perf_file, mut record_iter } =
            PerfFileReader::parse_file(BufReader::new(file))
                .with_context(|| format!("{} is no recording of perf", path.display()))?;
        let mut recording = Self { programs, ..Self::default() };
        let mut maps: std::collections::HashMap<i32, Maps> = std::collections::HashMap::new();
        while let Some(record) = record_iter.next_record(&mut perf_file)? {
            let PerfFileRecord::EventRecord { record, .. } = record else { continue };
            match record.parse()? {
                EventRecord::Mmap2(map) => {
                    let path = String::from_utf8_lossy(&map.path.as_slice()).into_owned();
                    let told = (map.length, map.page_offset, Arc::from(path));
                    maps.entry(map.pid).or_default().insert(map.address, told);
                }
                // A program that another takes the place of leaves no mapping behind.
                EventRecord::Comm(comm) if comm.is_execve => {
                    maps.remove(&comm.pid);
                }
                EventRecord::Fork(fork) if fork.pid != fork.ppid => {
                    if let Some(inherited) = maps.get(&fork.ppid).cloned() {
                        maps.insert(fork.pid, inherited);
                    }
                }
                EventRecord::Lost(lost) => recording.lost += lost.count,
                EventRecord::Sample(sample) => {
                    let Some(chain) = sample.callchain else { bail!("samples have no stacks") };
                    let maps = sample.pid.and_then(|pid| maps.get(&pid));
                    let mut in_kernel = false;
                    let mut stack = Vec::with_capacity(chain.len());
                    for address in (0..chain.len()).filter_map(|index| chain.get(index)) {
                        match address {
                            CONTEXT_KERNEL => in_kernel = true,
                            CONTEXT_USER => in_kernel = false,
                            CONTEXTS.. => {}
                            _ if in_kernel => stack.push(Place::Kernel(address)),
                            _ => stack.push(place_in(maps, address)),
                        }
                    }
                    recording.stacks.push(stack);
                }
                _ => {}
            }
        }
        Ok(recording)
    }
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
