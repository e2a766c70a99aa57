//! Each result once, however often its range was scanned.
//!
//! Two passes over what workers have stored: the first learns the strongest state of every
//! index (two scans of a range may have heard different answers, hours apart), the second
//! lets the first result pass that says so. Memory grows with the number of results, about
//! two bytes each, not with the scan.

use roaring::RoaringTreemap;

use crate::event::PortState;

/// Strengths of answers: silent, unreachable, closed, open.
const STRENGTHS: usize = 4;

fn place(state: PortState) -> usize {
    (state.strength() as usize).min(STRENGTHS - 1)
}

/// What is known of every index.
#[derive(Debug, Default)]
pub struct Merge {
    by_strength: [RoaringTreemap; STRENGTHS],
    told: RoaringTreemap,
}

impl Merge {
    /// First pass: `index` was found to be `state`.
    pub fn learn(&mut self, index: u64, state: PortState) {
        self.by_strength[place(state)].insert(index);
    }

    /// Second pass: whether this is the result of `index`.
    pub fn is_final(&mut self, index: u64, state: PortState) -> bool {
        let strength = place(state);
        let stronger = self.by_strength[strength + 1..].iter().any(|set| set.contains(index));
        !stronger && self.told.insert(index)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    const STATES: [PortState; 3] = [PortState::Filtered, PortState::Closed, PortState::Open];

    proptest! {
        #[test]
        fn each_index_has_one_result_and_it_is_the_strongest(
            found in prop::collection::vec((0_u64..50, 0_usize..3), 0..300),
        ) {
            let mut merge = Merge::default();
            let mut best: HashMap<u64, usize> = HashMap::new();
            for &(index, state) in &found {
                merge.learn(index, STATES[state]);
                let known = best.entry(index).or_insert(state);
                *known = state.max(*known);
            }
            let mut told: HashMap<u64, usize> = HashMap::new();
            for &(index, state) in &found {
                if merge.is_final(index, STATES[state]) {
                    prop_assert_eq!(told.insert(index, state), None);
                }
            }
            prop_assert_eq!(told, best);
        }
    }
}
