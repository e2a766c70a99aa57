//! Who asks the allocator: heaptrack records every call of it with its stack, and its record
//! is read here, since what heaptrack itself prints for flamegraphs has inlined functions
//! upside down. Source of the format: heaptrack 1.4, `libheaptrack.cpp` and `interpret`.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};

use crate::kind::View;
use crate::symbols::{Frame, UNKNOWN, demangled};

/// A place in the code that was asked from, with the functions inlined there, the innermost
/// first.
type Place = Arc<[Frame]>;

/// What heaptrack wrote.
#[derive(Debug, Default)]
pub(crate) struct Heap {
    strings: Vec<Arc<str>>,
    places: Vec<Place>,
    /// Place and the trace that called it, both counted from 1; 0 is none.
    traces: Vec<(usize, usize)>,
    /// Bytes and trace of an allocation, as often as it is met.
    kinds: Vec<(u64, usize)>,
    /// Kinds as they were allocated and freed, in order.
    steps: Vec<(usize, bool)>,
}

impl Heap {
    /// Reads the one record that lies in a folder.
    ///
    /// # Errors
    /// Where there is none.
    pub(crate) fn in_folder(folder: &Path) -> Result<Self> {
        let entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
        let Some(path) = entries
            .iter()
            .map(fs::DirEntry::path)
            .find(|path| path.extension().is_some_and(|ending| ending == "zst"))
        else {
            bail!("heaptrack has left no record (*.zst)");
        };
        let file = zstd::stream::read::Decoder::new(File::open(&path)?)?;
        Self::read(BufReader::new(file)).with_context(|| format!("{}", path.display()))
    }

    fn read(lines: impl BufRead) -> Result<Self> {
        let mut heap = Self::default();
        for line in lines.lines() {
            let line = line?;
            heap.line(&line).with_context(|| format!("{line:?} makes no sense"))?;
        }
        Ok(heap)
    }

    fn line(&mut self, line: &str) -> Result<()> {
        let (what, rest) = line.split_once(' ').unwrap_or((line, ""));
        let numbers = || {
            rest.split(' ')
                .map(|word| usize::from_str_radix(word, 16))
                .collect::<Result<Vec<_>, _>>()
        };
        match what {
            // The text's length stands before it.
            "s" => self.strings.push(rest.split_once(' ').map_or("", |(_, text)| text).into()),
            "i" => {
                let numbers = numbers()?;
                let place = self.place(&numbers)?;
                self.places.push(place);
            }
            "t" => match numbers()?[..] {
                [place, parent] if parent <= self.traces.len() => self.traces.push((place, parent)),
                _ => bail!("a trace is a place and a trace before"),
            },
            "a" => match numbers()?[..] {
                [bytes, trace] => self.kinds.push((bytes as u64, trace)),
                _ => bail!("an allocation is a size and a trace"),
            },
            "+" | "-" => match numbers()?[..] {
                [kind] if kind < self.kinds.len() => self.steps.push((kind, what == "+")),
                _ => bail!("no such allocation"),
            },
            _ => {}
        }
        Ok(())
    }

    /// An address, its file, and for each function there its name, file and line.
    fn place(&self, numbers: &[usize]) -> Result<Place> {
        let string = |number: usize| match number.checked_sub(1) {
            Some(index) => self.strings.get(index).cloned().map(Some).context("no such string"),
            None => Ok(None),
        };
        let file = string(numbers.get(1).copied().unwrap_or(0))?;
        let functions: Vec<usize> =
            numbers.get(2..).unwrap_or_default().chunks(3).map(|function| function[0]).collect();
        if functions.is_empty() {
            let name = file.as_ref().map_or(UNKNOWN.into(), |file| {
                format!("[{}]", file.rsplit('/').next().unwrap_or(file)).into()
            });
            return Ok([Frame { name, file, inlined: false }].into());
        }
        let last = functions.len() - 1;
        let frame = |(at, number): (usize, &usize)| {
            let name = string(*number)?.map_or(UNKNOWN.into(), |name| demangled(&name).into());
            Ok(Frame { name, file: file.clone(), inlined: at != last })
        };
        functions.iter().enumerate().map(frame).collect()
    }

    /// Every stack, the innermost function first, and what it counts for.
    pub(crate) fn stacks(&self, view: View) -> Vec<(Vec<Frame>, u64)> {
        let end = if view == View::Peak { self.peak() } else { self.steps.len() };
        let mut times: HashMap<usize, i64> = HashMap::new();
        for &(kind, taken) in &self.steps[..end] {
            match (view, taken) {
                (_, true) => *times.entry(kind).or_default() += 1,
                (View::Peak, false) => *times.entry(kind).or_default() -= 1,
                (_, false) => {}
            }
        }
        times
            .into_iter()
            .filter(|(_, times)| *times > 0)
            .map(|(kind, times)| {
                let (bytes, trace) = self.kinds[kind];
                let each = if view == View::Peak { bytes } else { 1 };
                (self.stack(trace), times.unsigned_abs() * each)
            })
            .collect()
    }

    /// After how many steps the heap is largest.
    fn peak(&self) -> usize {
        let (mut now, mut most, mut at) = (0_i64, 0, 0);
        for (step, &(kind, taken)) in self.steps.iter().enumerate() {
            let bytes = self.kinds[kind].0.cast_signed();
            now += if taken { bytes } else { -bytes };
            if now > most {
                (most, at) = (now, step + 1);
            }
        }
        at
    }

    fn stack(&self, mut trace: usize) -> Vec<Frame> {
        let mut stack = Vec::new();
        // Parents come before: this ends.
        while let Some(&(place, parent)) = trace.checked_sub(1).and_then(|at| self.traces.get(at)) {
            let place = place.checked_sub(1).and_then(|at| self.places.get(at));
            stack.extend(place.into_iter().flat_map(|frames| frames.iter().cloned()));
            trace = parent;
        }
        stack
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const RECORD: &str = "v 10400 3\ns 5 /x/us\ns 4 main\ns 1 f\ns 1 g\ns 4 x.rs\n\
        i 10 1 2 5 1\nt 1 0\ni 20 1 4 5 9 3 5 7\nt 2 1\na 64 2\na a 1\n\
        + 0\n+ 1\n- 0\n+ 1\n+ 1\nc 1\n";

    #[test]
    fn stacks_lead_from_what_was_inlined_outwards_and_count() {
        let heap = Heap::read(RECORD.as_bytes()).unwrap();
        let told = |view| {
            let mut told: Vec<(String, u64)> = heap
                .stacks(view)
                .iter()
                .map(|(stack, times)| {
                    let names: Vec<&str> = stack.iter().map(|frame| &*frame.name).collect();
                    (names.join(" < "), *times)
                })
                .collect();
            told.sort();
            told
        };
        let (long, short) = ("g < f < main".to_owned(), "main".to_owned());
        assert_eq!(told(View::Allocations), [(long.clone(), 1), (short.clone(), 3)]);
        // 100 bytes and 10, before the 100 are given back: no later sum is larger.
        assert_eq!(told(View::Peak), [(long, 100), (short, 10)]);
        let frames = &heap.places[1];
        assert!(frames[0].inlined && !frames[1].inlined);
        assert_eq!(frames[1].file.as_deref(), Some("/x/us"));
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for line in ["+ 7\n", "t 1 9\n", "a zz 1\n", "i 1 5 7 1 1\n"] {
            let error = format!("{:#}", Heap::read(line.as_bytes()).unwrap_err());
            assert!(error.contains("makes no sense"), "{error}");
        }
    }
}
