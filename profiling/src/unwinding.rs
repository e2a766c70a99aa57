//! Who called whom, from a copy of the stack: for builds without frame pointers.

use std::collections::HashMap;
use std::fs;
use std::ops::Range;
use std::sync::Arc;

use clap::ValueEnum;
use framehop::x86_64::{CacheX86_64, UnwindRegsX86_64, UnwinderX86_64};
use framehop::{FrameAddress, Module, ModuleSectionInfo, Unwinder};
use linux_perf_data::linux_perf_event_reader::SampleRecord;
use object::read::elf::{ElfFile64, FileHeader, ProgramHeader};
use object::{Endianness, Object, ObjectSection};

/// Registers in a sample, by number. Source: `perf_event_x86_regs`, asm/perf_regs.h.
const BP: u64 = 6;
const SP: u64 = 7;
const IP: u64 = 8;

/// How perf learns who called whom.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum CallGraph {
    /// By frame pointers, in the kernel: cheap, and what `make profile` builds for
    Fp,
    /// By copies of 16 KiB of the stack and the file's own tables: any build will do, each
    /// sample costs more
    Dwarf,
}

impl CallGraph {
    /// As perf and the command line have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fp => "fp",
            Self::Dwarf => "dwarf",
        }
    }

    /// As `perf record --call-graph` takes it.
    pub(crate) fn argument(self) -> &'static str {
        match self {
            Self::Fp => "fp",
            Self::Dwarf => "dwarf,16384",
        }
    }
}

/// The tables of the files that a process has mapped.
#[derive(Default)]
pub(crate) struct Unwinding {
    /// By process: what is known of its code. Files are read once for all processes.
    processes: HashMap<i32, UnwinderX86_64<Arc<[u8]>>>,
    files: HashMap<Arc<str>, Option<Tables>>,
    cache: CacheX86_64,
}

/// What unwinding needs of a file.
#[derive(Clone)]
struct Tables {
    /// Address in the file's own terms less the offset in it, of its code.
    code_bias: u64,
    sections: Sections,
}

#[derive(Clone)]
struct Sections {
    eh_frame: Option<(Range<u64>, Arc<[u8]>)>,
    eh_frame_hdr: Option<(Range<u64>, Arc<[u8]>)>,
    text: Option<Range<u64>>,
}

impl ModuleSectionInfo<Arc<[u8]>> for Sections {
    fn base_svma(&self) -> u64 {
        0
    }

    fn section_svma_range(&mut self, name: &[u8]) -> Option<Range<u64>> {
        match name {
            b".eh_frame" => self.eh_frame.as_ref().map(|(range, _)| range.clone()),
            b".eh_frame_hdr" => self.eh_frame_hdr.as_ref().map(|(range, _)| range.clone()),
            b".text" => self.text.clone(),
            _ => None,
        }
    }

    fn section_data(&mut self, name: &[u8]) -> Option<Arc<[u8]>> {
        match name {
            b".eh_frame" => self.eh_frame.take().map(|(_, data)| data),
            b".eh_frame_hdr" => self.eh_frame_hdr.take().map(|(_, data)| data),
            _ => None,
        }
    }
}

impl Unwinding {
    /// A process has mapped a file's code.
    pub(crate) fn mapped(
        &mut self,
        pid: i32,
        start: u64,
        length: u64,
        offset: u64,
        path: &Arc<str>,
    ) {
        let tables = self.files.entry(path.clone()).or_insert_with(|| Tables::read(path)).clone();
        let Some(Tables { code_bias, sections }) = tables else { return };
        // Where the file's address 0 would be in the process.
        let base = start.wrapping_sub(offset).wrapping_sub(code_bias);
        let module = Module::new(path.to_string(), start..start + length, base, sections);
        self.processes.entry(pid).or_default().add_module(module);
    }

    /// A process has become another program.
    pub(crate) fn replaced(&mut self, pid: i32) {
        self.processes.remove(&pid);
    }

    /// The addresses of a sample's user space, the innermost first; none where it carries no
    /// copy of the stack.
    pub(crate) fn addresses(&mut self, sample: &SampleRecord<'_>) -> Option<Vec<u64>> {
        let registers = sample.user_regs.as_ref()?;
        let (bytes, length) = sample.user_stack.as_ref()?;
        let unwinder = self.processes.get(&sample.pid?)?;
        let (ip, sp) = (registers.get(IP)?, registers.get(SP)?);
        let length = usize::try_from(*length).ok()?.min(bytes.len());
        let mut copy = vec![0; length];
        bytes.clone().read_exact(&mut copy).ok()?;
        let mut read = |address: u64| {
            let at = usize::try_from(address.checked_sub(sp).ok_or(())?).map_err(|_| ())?;
            let word = copy.get(at..at + 8).ok_or(())?;
            Ok(u64::from_le_bytes(word.try_into().map_err(|_| ())?))
        };
        let start = UnwindRegsX86_64::new(ip, sp, registers.get(BP)?);
        let mut frames = unwinder.iter_frames(ip, start, &mut self.cache, &mut read);
        let mut addresses = Vec::new();
        while let Ok(Some(frame)) = frames.next() {
            addresses.push(match frame {
                FrameAddress::InstructionPointer(address) => address,
                FrameAddress::ReturnAddress(address) => address.get(),
            });
        }
        Some(addresses)
    }
}

impl Tables {
    fn read(path: &str) -> Option<Self> {
        let bytes = fs::read(path).ok()?;
        let elf = ElfFile64::<Endianness>::parse(&*bytes).ok()?;
        let endian = elf.endian();
        let code =
            elf.elf_header().program_headers(endian, &*bytes).ok()?.iter().find(|header| {
                header.p_type(endian) == object::elf::PT_LOAD
                    && header.p_flags(endian).contains(object::elf::PF_X)
            })?;
        let section = |name: &str| {
            let section = elf.section_by_name(name)?;
            let range = section.address()..section.address() + section.size();
            Some((range, Arc::from(section.data().ok()?)))
        };
        let range = |name: &str| {
            let section = elf.section_by_name(name)?;
            Some(section.address()..section.address() + section.size())
        };
        Some(Self {
            code_bias: code.p_vaddr(endian).wrapping_sub(code.p_offset(endian)),
            sections: Sections {
                eh_frame: section(".eh_frame"),
                eh_frame_hdr: section(".eh_frame_hdr"),
                text: range(".text"),
            },
        })
    }
}
