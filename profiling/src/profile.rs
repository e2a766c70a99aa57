//! Samples added up: how often each stack of functions was met.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::owner::Owner;
use crate::recording::Recording;
use crate::symbols::{Frame, Symbols, UNKNOWN};

/// What was sampled, from one run or from many.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    /// Times that each stack was met, the outermost function first.
    stacks: HashMap<Vec<Arc<str>>, u64>,
    /// Where each function's code is.
    homes: HashMap<Arc<str>, Home>,
    /// All samples.
    pub(crate) samples: u64,
    /// Samples that the kernel had no room for.
    pub(crate) lost: u64,
}

/// Where a function's code is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Home {
    /// The file; none for the kernel.
    pub(crate) file: Option<Arc<str>>,
    /// The functions with symbols that hold it, where it was inlined: samples by name.
    pub(crate) within: BTreeMap<Arc<str>, u64>,
}

/// How much of all samples a function had.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Function {
    /// Its name.
    pub(crate) name: Arc<str>,
    /// Samples in its own code.
    pub(crate) own: u64,
    /// Samples in its code or in what it called.
    pub(crate) with_callees: u64,
}

impl Profile {
    /// Adds a recording's samples.
    pub(crate) fn add(&mut self, recording: &Recording, symbols: &mut Symbols) {
        self.lost += recording.lost;
        for (places, times) in &recording.stacks {
            let mut stack: Vec<Frame> = Vec::with_capacity(places.len() + 8);
            for (depth, place) in places.iter().enumerate() {
                stack.extend(symbols.frames(place, depth > 0, &recording.programs).iter().cloned());
            }
            self.add_stack(stack, *times);
        }
    }

    /// Adds what was asked of the allocator. The functions of libraries on the way there are
    /// left out: a growing vector is whose it is.
    pub(crate) fn add_heap(&mut self, stacks: Vec<(Vec<Frame>, u64)>) {
        let is_on_the_way = |frame: &Frame| {
            matches!(
                Owner::of(&frame.name, frame.file.as_deref()),
                Owner::Standard | Owner::Library(_) | Owner::Kernel
            )
        };
        for (mut stack, times) in stacks {
            let asks = stack.iter().position(|frame| !is_on_the_way(frame)).unwrap_or(0);
            stack.drain(..asks);
            self.add_stack(stack, times);
        }
    }

    /// Adds a stack, the innermost function first. What the standard library does where it was
    /// inlined is done by the function that it was inlined into.
    fn add_stack(&mut self, mut stack: Vec<Frame>, times: u64) {
        let is_detail = |frame: &Frame| {
            frame.inlined && Owner::of(&frame.name, frame.file.as_deref()) == Owner::Standard
        };
        let details = stack.iter().take_while(|frame| is_detail(frame)).count();
        stack.drain(..details);
        if let Some(leaf) = stack.first() {
            let home = self.homes.entry(leaf.name.clone()).or_default();
            home.file.clone_from(&leaf.file);
            if let Some(holder) = stack.iter().find(|frame| leaf.inlined && !frame.inlined) {
                *home.within.entry(holder.name.clone()).or_default() += times;
            }
        }
        // Behind a function without a frame pointer, as libc's are, stands anything.
        stack.dedup_by(|a, b| a.name == b.name && &*a.name == UNKNOWN);
        stack.reverse();
        self.count(stack.into_iter().map(|frame| frame.name).collect(), times);
    }

    fn count(&mut self, stack: Vec<Arc<str>>, times: u64) {
        self.samples += times;
        *self.stacks.entry(stack).or_default() += times;
    }

    /// Where a function's code is, if a sample was taken in it.
    pub(crate) fn home(&self, name: &str) -> Option<&Home> {
        self.homes.get(name)
    }

    /// Every function that was met, the one with the most samples of its own first.
    pub(crate) fn functions(&self) -> Vec<Function> {
        let mut all: HashMap<&Arc<str>, (u64, u64)> = HashMap::new();
        let mut met = HashSet::new();
        for (stack, times) in &self.stacks {
            met.clear();
            for name in stack {
                if met.insert(name) {
                    all.entry(name).or_default().1 += times;
                }
            }
            if let Some(leaf) = stack.last() {
                all.entry(leaf).or_default().0 += times;
            }
        }
        let mut all: Vec<Function> = all
            .into_iter()
            .map(|(name, (own, with_callees))| Function { name: name.clone(), own, with_callees })
            .collect();
        all.sort_by(|a, b| (b.own, b.with_callees, &a.name).cmp(&(a.own, a.with_callees, &b.name)));
        all
    }

    /// Samples whose stack is like this.
    pub(crate) fn samples_where(&self, mut like: impl FnMut(&[Arc<str>]) -> bool) -> u64 {
        self.stacks.iter().filter(|(stack, _)| like(stack)).map(|(_, times)| times).sum()
    }

    /// The collapsed stacks, as flamegraph programs read them, sorted.
    pub(crate) fn folded(&self) -> String {
        let mut lines: Vec<String> = self
            .stacks
            .iter()
            .map(|(stack, times)| {
                let names: Vec<String> = stack.iter().map(|name| name.replace(';', ":")).collect();
                format!("{} {times}\n", names.join(";"))
            })
            .collect();
        lines.sort_unstable();
        lines.concat()
    }

    /// Reads collapsed stacks. Where code is, they do not say.
    pub(crate) fn of_folded(text: &str) -> Self {
        let mut profile = Self::default();
        for line in text.lines() {
            let Some((stack, times)) = line.rsplit_once(' ') else { continue };
            let Ok(times) = times.parse() else { continue };
            profile.count(stack.split(';').map(Arc::from).collect(), times);
        }
        profile
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_function_that_calls_itself_counts_once() {
        let profile = Profile::of_folded("main;f;g;f 3\nmain;f 2\nmain 1\n");
        let told: Vec<(String, u64, u64)> = profile
            .functions()
            .into_iter()
            .map(|f| (f.name.to_string(), f.own, f.with_callees))
            .collect();
        let expected = [("f", 5, 5), ("main", 1, 6), ("g", 0, 3)];
        assert_eq!(told, expected.map(|(name, own, all)| (name.to_owned(), own, all)));
        assert_eq!(profile.samples, 6);
    }

    #[test]
    fn what_std_does_inlined_is_done_by_whom_it_was_inlined_into() {
        let frame = |name: &str, inlined| Frame {
            name: name.into(),
            file: Some("/x/prtip".into()),
            inlined,
        };
        let mut profile = Profile::default();
        let (detail, own) = (frame("core::hint::black_box", true), frame("prtip::slow", false));
        let (vector, main) = (frame("<alloc::vec::Vec<u8>>::push", false), frame("main", false));
        profile.add_stack(vec![detail.clone(), own.clone(), main.clone()], 3);
        // Code of its own is its own.
        profile.add_stack(vec![vector, own, main], 2);
        assert_eq!(
            profile.folded(),
            "main;prtip::slow 3\nmain;prtip::slow;<alloc::vec::Vec<u8>>::push 2\n"
        );
    }

    proptest! {
        #[test]
        fn collapsed_stacks_are_read_back_and_shares_add_up(
            stacks in proptest::collection::vec(
                (proptest::collection::vec("[a-d]( [;<>])?", 1..6), 1u64..9), 0..20)
        ) {
            let mut profile = Profile::default();
            for (stack, times) in &stacks {
                profile.count(stack.iter().map(|name| name.as_str().into()).collect(), *times);
            }
            let again = Profile::of_folded(&profile.folded());
            prop_assert_eq!(again.samples, profile.samples);
            prop_assert_eq!(again.folded(), profile.folded());
            let own: u64 = profile.functions().iter().map(|function| function.own).sum();
            prop_assert_eq!(own, profile.samples);
        }
    }
}
