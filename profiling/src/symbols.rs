//! Names of places: functions that were inlined stand for themselves, inside of the one
//! whose code holds them.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use addr2line::Loader;
use anyhow::{Context, Result};
use object::read::elf::{ElfFile64, FileHeader, ProgramHeader};
use object::{Endianness, LittleEndian, Object, ObjectSymbol, SymbolKind};

use crate::recording::{KernelSymbol, Place};

/// The name of what belongs to no file.
pub(crate) const UNKNOWN: &str = "[unknown]";

/// A function that a sample was taken in, or in something that it called.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Frame {
    /// Demangled, without the compiler's hash.
    pub(crate) name: Arc<str>,
    /// The file that holds its code; none for the kernel's.
    pub(crate) file: Option<Arc<str>>,
    /// The function that this one was inlined into has a symbol, this one has none.
    pub(crate) inlined: bool,
}

/// Frames of the places of one recording after the other.
#[derive(Debug)]
pub(crate) struct Symbols {
    kernel: BTreeMap<u64, String>,
    files: HashMap<Arc<str>, Option<Image>>,
    known: HashMap<Place, Arc<[Frame]>>,
}

struct Image {
    loader: Loader,
    /// Offset in the file, length, address, of what is loaded.
    segments: Vec<(u64, u64, u64)>,
}

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Image").field("segments", &self.segments).finish_non_exhaustive()
    }
}

impl Symbols {
    /// Reads the kernel's names.
    pub(crate) fn new() -> Self {
        // Where the kernel hides its addresses all of them are 0, and its functions nameless.
        let text = fs::read_to_string("/proc/kallsyms").unwrap_or_default();
        let kernel = text
            .lines()
            .filter_map(|line| {
                let mut words = line.split_ascii_whitespace();
                let address = u64::from_str_radix(words.next()?, 16).ok()?;
                let kind = words.next()?;
                let name = words.next()?;
                let is_program = name.starts_with("bpf_prog_");
                (address != 0 && !is_program && matches!(kind, "t" | "T" | "w" | "W"))
                    .then(|| (address, name.to_owned()))
            })
            .collect();
        Self { kernel, files: HashMap::new(), known: HashMap::new() }
    }

    /// The functions at a place, the innermost first; never empty. `returning` is a place
    /// behind a call, not the call.
    pub(crate) fn frames(
        &mut self,
        place: &Place,
        returning: bool,
        programs: &BTreeMap<u64, KernelSymbol>,
    ) -> Arc<[Frame]> {
        let place = match place {
            Place::Kernel(address) => Place::Kernel(address - u64::from(returning)),
            Place::File(file, offset) => Place::File(file.clone(), offset - u64::from(returning)),
            Place::Nowhere => Place::Nowhere,
        };
        match &place {
            Place::Nowhere => [plain(UNKNOWN, None)].into(),
            // Programs come and go at the same addresses.
            Place::Kernel(address) => [plain(&self.kernel_name(*address, programs), None)].into(),
            Place::File(file, offset) => {
                if let Some(frames) = self.known.get(&place) {
                    return frames.clone();
                }
                let image =
                    self.files.entry(file.clone()).or_insert_with(|| Image::open(file).ok());
                let frames: Arc<[Frame]> = image
                    .as_ref()
                    .and_then(|image| image.frames(file, *offset))
                    .unwrap_or_else(|| vec![plain(&format!("[{}]", base(file)), Some(file))])
                    .into();
                self.known.insert(place, frames.clone());
                frames
            }
        }
    }

    fn kernel_name(&self, address: u64, programs: &BTreeMap<u64, KernelSymbol>) -> String {
        if let Some((start, program)) = programs.range(..=address).next_back()
            && address - start < program.length
        {
            return format!("bpf:{}", program.name);
        }
        self.kernel
            .range(..=address)
            .next_back()
            .map_or_else(|| "[kernel]_[k]".to_owned(), |(_, name)| format!("{name}_[k]"))
    }
}

fn plain(name: &str, file: Option<&Arc<str>>) -> Frame {
    Frame { name: name.into(), file: file.cloned(), inlined: false }
}

fn base(file: &str) -> &str {
    file.rsplit('/').next().unwrap_or(file)
}

impl Image {
    fn open(path: &str) -> Result<Self> {
        let loader = Loader::new(path)
            .map_err(|error| anyhow::anyhow!("{error}"))
            .with_context(|| path.to_owned())?;
        let bytes = fs::read(path)?;
        let elf = ElfFile64::<Endianness>::parse(&*bytes)?;
        let endian = elf.endian();
        let segments = elf
            .elf_header()
            .program_headers(endian, &*bytes)?
            .iter()
            .filter(|header| header.p_type(endian) == object::elf::PT_LOAD)
            .map(|header| {
                (header.p_offset(endian), header.p_filesz(endian), header.p_vaddr(endian))
            })
            .collect();
        Ok(Self { loader, segments })
    }

    fn frames(&self, file: &Arc<str>, offset: u64) -> Option<Vec<Frame>> {
        let &(start, _, address) = self
            .segments
            .iter()
            .find(|(start, length, _)| (*start..start + length).contains(&offset))?;
        let address = offset - start + address;
        let mut names = Vec::new();
        if let Ok(mut frames) = self.loader.find_frames(address) {
            while let Ok(Some(frame)) = frames.next() {
                if let Some(function) = frame.function {
                    names.push(demangled(&function.raw_name().ok()?));
                }
            }
        }
        // The symbol's name is whole also where the debug information is thin.
        if let Some(symbol) = self.loader.find_symbol(address) {
            names.pop();
            names.push(demangled(symbol));
        }
        if names.is_empty() {
            return None;
        }
        let last = names.len() - 1;
        Some(
            names
                .iter()
                .enumerate()
                .map(|(at, name)| Frame {
                    name: name.as_str().into(),
                    file: Some(file.clone()),
                    inlined: at != last,
                })
                .collect(),
        )
    }
}

/// A name as it is written in the source, without the compiler's hash.
pub(crate) fn demangled(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}

/// Offsets in a file at which functions of these names begin: a generic one begins at
/// several.
///
/// # Errors
/// Where the file is no ELF file.
pub(crate) fn entries(file: &Path, names: &[Arc<str>]) -> Result<HashMap<Arc<str>, Vec<u64>>> {
    let bytes = fs::read(file).with_context(|| format!("{}", file.display()))?;
    let elf = object::read::elf::ElfFile64::<LittleEndian>::parse(&*bytes)?;
    let endian = elf.endian();
    let segments = elf.elf_header().program_headers(endian, &*bytes)?;
    let mut found: HashMap<Arc<str>, Vec<u64>> = HashMap::new();
    for symbol in elf.symbols().chain(elf.dynamic_symbols()) {
        if symbol.kind() != SymbolKind::Text || symbol.size() == 0 {
            continue;
        }
        let Ok(name) = symbol.name() else { continue };
        let name = demangled(name);
        let Some(wanted) = names.iter().find(|wanted| ***wanted == *name) else { continue };
        let address = symbol.address();
        let offset = segments.iter().find_map(|header| {
            let start: u64 = header.p_vaddr(endian);
            let length: u64 = header.p_filesz(endian);
            (header.p_type(endian) == object::elf::PT_LOAD
                && (start..start + length).contains(&address))
            .then(|| address - start + header.p_offset(endian))
        });
        let at = found.entry(wanted.clone()).or_default();
        if let Some(offset) = offset.filter(|offset| !at.contains(offset)) {
            at.push(offset);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[inline(never)]
    fn here(number: u64) -> u64 {
        std::hint::black_box(number) + 1
    }

    #[test]
    fn this_program_finds_its_own_functions() {
        assert_eq!(here(1), 2);
        let me = std::env::current_exe().unwrap();
        let name: Arc<str> = "prtip_profile::symbols::tests::here".into();
        let at = entries(&me, std::slice::from_ref(&name)).unwrap()[&name].clone();
        assert_eq!(at.len(), 1);
        let mut symbols = Symbols::new();
        let place = Place::File(me.to_str().unwrap().into(), at[0]);
        let frames = symbols.frames(&place, false, &BTreeMap::new());
        assert_eq!(frames.last().unwrap().name, name);
        assert!(!frames.last().unwrap().inlined);
        // One byte before it is another function, or none.
        let before = symbols.frames(&place, true, &BTreeMap::new());
        assert_ne!(before.last().unwrap().name, name);
    }

    #[test]
    fn a_program_of_the_kernel_ends_where_it_ends() {
        let mut symbols = Symbols::new();
        let program = KernelSymbol { length: 16, name: "steer_x".into() };
        let programs = BTreeMap::from([(u64::MAX - 8192, program)]);
        let name = |symbols: &mut Symbols, at| {
            symbols.frames(&Place::Kernel(at), false, &programs)[0].name.to_string()
        };
        assert_eq!(name(&mut symbols, u64::MAX - 8192 + 15), "bpf:steer_x");
        assert!(name(&mut symbols, u64::MAX - 8192 + 16).ends_with("_[k]"));
    }
}
