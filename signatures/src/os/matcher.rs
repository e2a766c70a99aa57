//! One fingerprint against all systems of a database, the best first.
//!
//! Each value of the fingerprint leads to a set of systems that agree
//! ([`columns`](super::columns)); its points are added to all of them. Bit maps of tests
//! that are worth the same are first counted bit by bit, 256 systems at a time. What could be won depends on which tests a system has, and few combinations
//! of these exist. Nothing is allocated.

use super::columns::{Pattern, Set, WORD_BITS, WORDS};
use super::comparison::Score;
use super::database::{Database, System};
use super::fingerprint::Fingerprint;
use super::notation::TEST_COUNT;

/// Which systems are worth telling.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// No system below this accuracy, in hundredths of a percent.
    pub at_least: u32,
    /// No system that is worse than the best by more than this.
    pub behind: u32,
    /// No more than so many.
    pub most: usize,
}

impl Default for Limits {
    /// From 85 %, within 10 points of the best, ten of them.
    fn default() -> Self {
        Self { at_least: 8500, behind: 1000, most: 10 }
    }
}

/// A system that may be it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its place in [`Database::systems`].
    pub system: u16,
    /// How well it agrees.
    pub score: Score,
}

/// Memory of a matcher, made once.
#[derive(Clone, Debug)]
pub struct Scratch {
    won: Vec<u16>,
    possible: Vec<u16>,
    maps: Vec<(u16, u32)>,
    candidates: Vec<Candidate>,
}

/// The best systems, as far as they are told.
#[derive(Clone, Copy, Debug)]
pub struct Best<'a> {
    /// In order: the better before the worse, of equal ones the earlier in the file.
    pub candidates: &'a [Candidate],
    /// Systems within the limits, told or not.
    pub count: usize,
}

impl Database {
    /// Memory to match with.
    #[must_use]
    pub fn os_scratch(&self) -> Scratch {
        let systems = self.columns.words * WORD_BITS;
        Scratch {
            won: vec![0; systems],
            possible: vec![0; self.columns.patterns.len()],
            maps: Vec::with_capacity(self.columns.most_sets()),
            candidates: Vec::with_capacity(systems),
        }
    }

    /// The systems that agree best with a fingerprint.
    pub fn best<'a>(
        &self,
        scratch: &'a mut Scratch,
        fingerprint: &Fingerprint,
        limits: Limits,
    ) -> Best<'a> {
        self.add_points(scratch, fingerprint);
        self.add_possible(scratch, fingerprint);
        let Scratch { won, possible, candidates, .. } = scratch;
        candidates.clear();
        let at_least = u64::from(limits.at_least);
        for (system, (&won, &pattern)) in won.iter().zip(&self.columns.pattern_of).enumerate() {
            let possible = possible[usize::from(pattern)];
            if u64::from(won) * 10_000 >= at_least * u64::from(possible) && possible > 0 {
                let score = Score { won: won.into(), possible: possible.into() };
                candidates.push(Candidate { system: system as u16, score });
            }
        }
        let best = candidates.iter().map(|candidate| candidate.score.hundredths()).max();
        let worst = best.unwrap_or(0).saturating_sub(limits.behind);
        candidates.retain(|candidate| candidate.score.hundredths() >= worst);
        let count = candidates.len();
        if count > limits.most {
            candidates.select_nth_unstable_by(limits.most, order);
            candidates.truncate(limits.most);
        }
        candidates.sort_unstable_by(order);
        Best { candidates, count }
    }

    /// The system of a candidate.
    #[must_use]
    pub fn system(&self, candidate: &Candidate) -> &System {
        &self.systems()[usize::from(candidate.system)]
    }

    fn add_points(&self, scratch: &mut Scratch, fingerprint: &Fingerprint) {
        let Scratch { won, maps, .. } = scratch;
        let columns = &self.columns;
        won.fill(0);
        maps.clear();
        for (test, value) in fingerprint.values() {
            let points = self.points(test);
            if points == 0 {
                continue;
            }
            columns.sets(test, value, |set| match set {
                Set::Empty => {}
                Set::List(from, count) => {
                    for &system in &columns.members[from as usize..][..count as usize] {
                        won[usize::from(system)] += points;
                    }
                }
                Set::Map(from) => maps.push((points, from)),
            });
        }
        // Maps of equal points are counted together.
        maps.sort_unstable();
        let groups = maps.chunk_by(|(one, _), (other, _)| one == other);
        for group in groups.flat_map(|group| group.chunks(MOST_COUNTED)) {
            let (points, _) = group[0];
            for (at, won) in won.as_chunks_mut::<{ WORDS * WORD_BITS }>().0.iter_mut().enumerate() {
                let mut counted = Counted::default();
                for &(_, from) in group {
                    let words = columns.maps[from as usize + at * WORDS..].first_chunk();
                    counted.add(*words.unwrap_or(&[0; WORDS]));
                }
                counted.put(group.len(), points, won);
            }
        }
    }

    /// What can be won by systems of each combination of tests, a byte of it at a time.
    fn add_possible(&self, scratch: &mut Scratch, fingerprint: &Fingerprint) {
        let mut worth = [[0_u16; 256]; size_of::<Pattern>()];
        let mut tests = [0_u16; TEST_COUNT.next_multiple_of(8)];
        for (test, _) in fingerprint.values() {
            tests[test.index()] = self.points(test);
        }
        for (worth, tests) in worth.iter_mut().zip(tests.as_chunks::<8>().0) {
            if *tests == [0; 8] {
                continue;
            }
            for (bit, points) in tests.iter().enumerate() {
                for byte in 0..1 << bit {
                    worth[byte | 1 << bit] = worth[byte] + points;
                }
            }
        }
        for (possible, pattern) in scratch.possible.iter_mut().zip(&self.columns.patterns) {
            *possible =
                pattern.iter().zip(&worth).map(|(&byte, worth)| worth[usize::from(byte)]).sum();
        }
    }
}

/// How many bit maps have each bit: the counts' lowest bits, then those above, and so on.
#[derive(Default)]
struct Counted {
    planes: [[u64; WORDS]; PLANES],
}

/// Bits of a count. A fingerprint, which is of one family, seldom leads to more maps.
const PLANES: usize = 8;

/// What these count to.
const MOST_COUNTED: usize = (1 << PLANES) - 1;

// Loops over places, not over zipped iterators: the compiler makes vectors of them in every
// profile.
#[allow(clippy::needless_range_loop)]
impl Counted {
    fn add(&mut self, mut carry: [u64; WORDS]) {
        for plane in 0..PLANES {
            for word in 0..WORDS {
                let bits = self.planes[plane][word];
                self.planes[plane][word] = bits ^ carry[word];
                carry[word] &= bits;
            }
        }
    }

    /// Adds `points` times the counts of at most `most` maps.
    fn put(&self, most: usize, points: u16, sums: &mut [u16; WORDS * WORD_BITS]) {
        let used = PLANES.min(most.ilog2() as usize + 1);
        for height in 0..used {
            let worth = points << height;
            for place in 0..WORDS * WORD_BITS / LANES {
                let word = self.planes[height][place * LANES / WORD_BITS];
                let bits = (word >> (place * LANES % WORD_BITS)) as u16;
                for lane in 0..LANES {
                    let hit = bits & BITS[lane] == BITS[lane];
                    sums[place * LANES + lane] += if hit { worth } else { 0 };
                }
            }
        }
    }
}

/// Sums that are added to at a time.
const LANES: usize = 16;

/// Each bit of a number of sixteen.
const BITS: [u16; LANES] = {
    let mut bits = [1; LANES];
    let mut at = 1;
    while at < LANES {
        bits[at] = bits[at - 1] << 1;
        at += 1;
    }
    bits
};

/// The better before the worse, of equal ones the earlier in the file.
fn order(one: &Candidate, other: &Candidate) -> std::cmp::Ordering {
    let product = |a: u32, b: u32| u64::from(a) * u64::from(b);
    product(other.score.won, one.score.possible)
        .cmp(&product(one.score.won, other.score.possible))
        .then(one.system.cmp(&other.system))
}
