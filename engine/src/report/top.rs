//! The first few of many, in memory that does not grow with the many.

/// Keeps the `limit` items with the highest score; of equal ones those that came first.
#[derive(Debug)]
pub(super) struct Top<T> {
    limit: usize,
    kept: Vec<(u64, T)>,
    /// How many came.
    pub count: u64,
}

impl<T> Top<T> {
    pub(super) fn of(limit: usize) -> Self {
        Self { limit, kept: Vec::new(), count: 0 }
    }

    pub(super) fn push(&mut self, score: u64, item: T) {
        self.count += 1;
        self.kept.push((score, item));
        if self.kept.len() >= 2 * self.limit.max(1) {
            self.prune();
        }
    }

    fn prune(&mut self) {
        // A stable sort: what came first stays first.
        self.kept.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        self.kept.truncate(self.limit);
    }

    /// The best, the highest score first.
    pub(super) fn into_best(mut self) -> Vec<T> {
        self.prune();
        self.kept.into_iter().map(|(_, item)| item).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_best_are_those_of_a_whole_sort(
            scores in proptest::collection::vec(0u64..20, 0..300), limit in 0usize..20
        ) {
            let mut top = Top::of(limit);
            let mut all: Vec<(u64, usize)> = scores.iter().copied().zip(0..).collect();
            for &(score, item) in &all {
                top.push(score, item);
            }
            all.sort_by_key(|&(score, item)| (std::cmp::Reverse(score), item));
            all.truncate(limit);
            prop_assert_eq!(top.count, scores.len() as u64);
            let expected: Vec<usize> = all.into_iter().map(|(_, item)| item).collect();
            prop_assert_eq!(top.into_best(), expected);
        }
    }
}
