//! Which of many are open, where a test tells only how many of a group are. Groups with
//! none are done with after a second look; others are halved, down to one, which has to
//! show itself twice. Time and packets are somebody else's.
//!
//! What is counted may be wrong: a packet is lost, comes late, or the zombie has talked to
//! somebody else. So groups shrink and waits grow when a count cannot be, and the other way
//! round while all goes well.

use std::collections::VecDeque;
use std::time::Duration;

/// The largest group.
const LARGEST: usize = 64;
/// The group to begin with.
const FIRST: usize = 16;
/// How often one alone is asked at most.
const MOST_TESTS: u8 = 7;
/// The longest that a group's answers are waited for.
const LONGEST_WAIT: Duration = Duration::from_millis(1500);

/// Some that are tested together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group<T> {
    /// Who.
    pub members: Vec<T>,
    /// Tests that counted something, where it is one alone.
    hits: u8,
    /// Tests that counted nothing.
    misses: u8,
}

/// The search.
#[derive(Debug)]
pub struct Search<T> {
    queue: VecDeque<Group<T>>,
    size: usize,
    shortest_wait: Duration,
    wait: Duration,
    /// How often nothing must be counted again to be believed.
    looks: u8,
}

impl<T: Copy> Search<T> {
    /// A search that looks `retries` times again where nothing was counted, and waits at
    /// least `wait` for a group's answers.
    #[must_use]
    pub fn new(retries: u8, wait: Duration) -> Self {
        let wait = wait.min(LONGEST_WAIT);
        Self {
            queue: VecDeque::new(),
            size: FIRST,
            shortest_wait: wait,
            wait: wait * 2,
            looks: retries,
        }
    }

    /// How long a group's answers are to be waited for now.
    #[must_use]
    pub fn wait(&self) -> Duration {
        self.wait.min(LONGEST_WAIT)
    }

    /// The next group: a part of one that was tested, or of `fresh` ones.
    pub fn next(&mut self, fresh: &mut dyn Iterator<Item = T>) -> Option<Group<T>> {
        if let Some(group) = self.queue.pop_front() {
            return Some(group);
        }
        let members: Vec<T> = fresh.take(self.size).collect();
        (!members.is_empty()).then_some(Group { members, hits: 0, misses: 0 })
    }

    /// A group was tested: `open` of it were counted, `None` where nothing can be said.
    /// Tells what is known now.
    pub fn tested(
        &mut self,
        mut group: Group<T>,
        open: Option<usize>,
        tell: &mut dyn FnMut(T, bool),
    ) {
        let size = group.members.len();
        match open {
            None => {
                self.upset();
                return self.queue.push_front(group);
            }
            // More than there are. One alone is not asked for ever.
            Some(open) if open > size => {
                self.upset();
                group.misses += 1;
            }
            Some(0) => group.misses += 1,
            Some(_) => group.hits += 1,
        }
        if size > 1 && open > Some(0) {
            let right = group.members.split_off(size.div_ceil(2));
            for members in [right, group.members] {
                self.queue.push_front(Group { members, hits: 0, misses: 0 });
            }
            return;
        }
        if open <= Some(size) {
            self.calm();
        }
        self.again(group, tell);
    }

    /// Tells what a group is, or puts it back.
    fn again(&mut self, group: Group<T>, tell: &mut dyn FnMut(T, bool)) {
        let Group { hits, misses, .. } = group;
        let known = if hits >= 2 && hits > misses {
            Some(true)
        } else if hits == 0 && misses > self.looks {
            Some(false)
        } else if hits + misses >= MOST_TESTS {
            Some(hits > misses)
        } else {
            None
        };
        match known {
            Some(open) => group.members.into_iter().for_each(|member| tell(member, open)),
            None => self.queue.push_front(group),
        }
    }

    /// Packets were counted while none should have been: answers came later than they were
    /// waited for, or the zombie talks to others.
    pub fn upset(&mut self) {
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
        self.size = (self.size / 2).max(1);
    }

    fn calm(&mut self) {
        self.wait = (self.wait * 15 / 16).max(self.shortest_wait);
        self.size = (self.size + self.size / 4 + 1).min(LARGEST);
    }

    /// Groups that were tested and are not done with.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.iter().map(|group| group.members.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prtip_signatures::os::sample::dice;

    use super::*;

    /// Finds what is open among `open.len()`, with noise and loss in so many of 1,000
    /// tests; returns what was told, and how many tests it took.
    fn found(open: &[bool], noise: u64, seed: u64) -> (Vec<Option<bool>>, usize) {
        let mut draw = dice(seed);
        let mut search = Search::new(1, Duration::from_millis(1));
        let mut told = vec![None; open.len()];
        let (mut fresh, mut tests) = (0..open.len(), 0);
        while let Some(group) = search.next(&mut fresh) {
            tests += 1;
            assert!(tests < open.len() * 100 + 100, "it comes to no end");
            let mut count = group.members.iter().filter(|at| open[**at]).count();
            match draw(1000) {
                dice if dice < noise / 2 => count += 1,
                dice if dice < noise => count = count.saturating_sub(1),
                _ => {}
            }
            search.tested(group, Some(count), &mut |at, is| {
                assert!(told[at].replace(is).is_none(), "told twice");
            });
        }
        assert_eq!(search.waiting(), 0);
        (told, tests)
    }

    proptest! {
        #[test]
        fn all_are_told_once_and_rightly(open in proptest::collection::vec(any::<bool>(), 1..200)) {
            let (told, _) = found(&open, 0, 1);
            let truth: Vec<Option<bool>> = open.iter().copied().map(Some).collect();
            prop_assert_eq!(told, truth);
        }

        #[test]
        fn noise_is_survived(seed in any::<u64>()) {
            let mut draw = dice(seed);
            let open: Vec<bool> = (0..300).map(|_| draw(10) == 0).collect();
            let (told, _) = found(&open, 20, seed);
            prop_assert!(told.iter().all(Option::is_some));
            let wrong = told.iter().zip(&open).filter(|(told, is)| **told != Some(**is)).count();
            prop_assert!(wrong <= 3, "{} wrong", wrong);
        }
    }

    #[test]
    fn few_open_ones_among_many_take_few_tests() {
        let mut open = vec![false; 1000];
        for at in [3, 500, 777] {
            open[at] = true;
        }
        let (_, tests) = found(&open, 0, 1);
        assert!(tests < 100, "{tests}");
    }

    #[test]
    fn what_cannot_be_counted_is_tested_again_more_slowly() {
        let mut search: Search<u8> = Search::new(1, Duration::from_millis(10));
        let group = search.next(&mut (0..4_u8)).expect("a group");
        let wait = search.wait();
        search.tested(group.clone(), None, &mut |_, _| panic!("nothing is known"));
        assert_eq!(search.next(&mut std::iter::empty()), Some(group.clone()));
        search.tested(group, Some(5), &mut |_, _| panic!("nothing is known"));
        let half = search.next(&mut std::iter::empty());
        assert_eq!(half.map(|group| group.members), Some(vec![0, 1]));
        assert_eq!(search.wait(), wait * 4);
    }
}
