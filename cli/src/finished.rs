//! Which pairs of a scan are told, where they are told nearly in order: what an idle scan
//! notes in its log, and leaves out when it goes on.

use std::collections::BTreeMap;
use std::ops::Range;

/// Indices of pairs that are told: ranges, apart from one another, by their starts.
#[derive(Default)]
pub(crate) struct Finished {
    ends: BTreeMap<u64, u64>,
}

impl Finished {
    pub(crate) fn of(ranges: &[Range<u64>]) -> Self {
        Self { ends: ranges.iter().map(|range| (range.start, range.end)).collect() }
    }

    pub(crate) fn contains(&self, index: u64) -> bool {
        self.ends.range(..=index).next_back().is_some_and(|(_, end)| index < *end)
    }

    pub(crate) fn add(&mut self, index: u64) {
        if self.contains(index) {
            return;
        }
        let end = self.ends.remove(&(index + 1)).unwrap_or(index + 1);
        match self.ends.range_mut(..index).next_back() {
            Some((_, before)) if *before == index => *before = end,
            _ => {
                self.ends.insert(index, end);
            }
        }
    }

    pub(crate) fn ranges(&self) -> Vec<Range<u64>> {
        self.ends.iter().map(|(start, end)| *start..*end).collect()
    }

    pub(crate) fn len(&self) -> u64 {
        self.ends.iter().map(|(start, end)| end - start).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_finished_grows_together() {
        let mut finished = Finished::of(&[2..4, 10..12]);
        for index in [4, 9, 7, 3, 6, 5, 0] {
            finished.add(index);
            assert!(finished.contains(index));
        }
        assert_eq!(finished.ranges(), [0..1, 2..8, 9..12]);
        assert_eq!(finished.len(), 10);
        assert!(!finished.contains(1) && !finished.contains(8) && !finished.contains(12));
    }
}
