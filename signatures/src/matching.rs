//! One answer against one database.
//!
//! 1. The prefilter passes over the answer once and notes which patterns' literals
//!    occur, and where; a pattern opens the rules that it gates.
//! 2. The opened rules are tried in their order, hard ones before soft ones. A pattern
//!    is run once an answer, from the places where its literals say it may begin.
//! 3. Of the first rule all of whose parts hold the captures are read.
//!
//! What a hostile answer can cost is bounded by [`Limits`] and counted by [`Counters`].

use regex_automata::dfa::{Automaton, onepass};
use regex_automata::nfa::thompson::pikevm::{self, PikeVM};
use regex_automata::util::primitives::NonMaxUsize;
use regex_automata::{Anchored, Input};

use crate::compile::Owner;
use crate::database::{Database, Reader, Test};
use crate::outcome::{Captured, Match};
use crate::rule::{Begins, Rule};

/// What one answer may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of an answer that are looked at.
    pub answer: usize,
    /// Patterns that are visited because a literal of theirs occurs.
    pub visits: usize,
    /// Places of literals that are kept.
    pub hits: usize,
    /// Automata that are run.
    pub runs: u32,
    /// Bytes that automata step over; a byte simulated counts as [`SIMULATED`].
    pub steps: u32,
}

/// Steps of a DFA that a simulated byte costs.
const SIMULATED: u32 = 24;

impl Limits {
    /// For the shipped database.
    pub const SHIPPED: Self =
        Self { answer: 8 << 10, visits: 2048, hits: 512, runs: 96, steps: 32 << 10 };
    /// For users' files, whose patterns are more and longer.
    pub const USERS: Self =
        Self { answer: 8 << 10, visits: 64 << 10, hits: 4096, runs: 512, steps: 768 << 10 };
}

/// What matching has cost, summed over answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Answers.
    pub answers: u64,
    /// Rules opened by their literals.
    pub opened: u64,
    /// Automata run.
    pub runs: u64,
    /// Bytes that they stepped over.
    pub steps: u64,
    /// Answers on which a limit was met, so that a rule may have been passed over.
    pub capped: u64,
}

/// What matching needs besides the database; one a thread.
#[derive(Debug)]
pub struct Scratch {
    /// What it has cost so far.
    pub counters: Counters,
    /// Grows by one an answer: what is noted under an older one is void.
    epoch: u32,
    notes: Vec<Note>,
    hits: Vec<Hit>,
    opened: Vec<u64>,
    runs_left: u32,
    steps_left: u32,
    capped: bool,
    pub(crate) slots: Vec<Option<NonMaxUsize>>,
    simulation: Option<pikevm::Cache>,
    one_pass: Option<onepass::Cache>,
}

/// What is known of a pattern on this answer.
#[derive(Clone, Copy, Debug, Default)]
struct Note {
    epoch: u32,
    /// First and last place where its literals say that it may begin, among the hits.
    first_hit: Option<u32>,
    last_hit: u32,
    /// Whether it was run, and where the match begins.
    verdict: Option<Option<u32>>,
}

#[derive(Clone, Copy, Debug)]
struct Hit {
    begins: u32,
    next: Option<u32>,
}

/// Soft rules after all hard ones, then by set, then in the order of the files.
const SOFT: u64 = 1 << 63;

impl Database {
    /// What a thread needs for [`match_answer`](Self::match_answer).
    #[must_use]
    pub fn scratch(&self) -> Scratch {
        Scratch {
            counters: Counters::default(),
            epoch: 0,
            notes: vec![Note::default(); self.patterns.len()],
            hits: Vec::with_capacity(self.limits.hits),
            opened: Vec::with_capacity(256),
            runs_left: 0,
            steps_left: 0,
            capped: false,
            slots: Vec::new(),
            simulation: None,
            one_pass: None,
        }
    }

    /// What the answer to a probe tells about the service. `probe` is its place among
    /// [`probes`](Self::probes), `scratch` one of this database's.
    ///
    /// # Panics
    /// Where `probe` or `scratch` belong to another database.
    pub fn match_answer(
        &self,
        scratch: &mut Scratch,
        probe: usize,
        answer: &[u8],
    ) -> Option<Match<'_>> {
        let answer = &answer[..answer.len().min(self.limits.answer)];
        let winner = scratch.winner(self, probe, answer)?;
        let rule = &self.rules[winner];
        let captured = self.captures(scratch, rule, answer);
        Some(Match::of(rule, &captured))
    }

    /// Whether one rule, wherever it stands in the order, matches: what examples and
    /// near misses are tried with.
    #[must_use]
    pub fn rule_matches(&self, scratch: &mut Scratch, rule: usize, answer: &[u8]) -> bool {
        let answer = &answer[..answer.len().min(self.limits.answer)];
        scratch.begin(self);
        scratch.look(self, None, answer);
        scratch.holds(self, &self.rules[rule], answer)
    }

    fn captures<'a>(&self, scratch: &mut Scratch, rule: &Rule, answer: &'a [u8]) -> Captured<'a> {
        let mut captured = Captured::default();
        for (at, part) in rule.parts.iter().enumerate() {
            let pattern = part.pattern as usize;
            if part.negated || !self.patterns[pattern].captures {
                continue;
            }
            let Some(Some(begins)) = scratch.notes[pattern].verdict else { continue };
            scratch.read(self, pattern, begins as usize, answer);
            captured.take(at, answer, &scratch.slots);
        }
        captured
    }
}

impl Scratch {
    fn begin(&mut self, database: &Database) {
        assert_eq!(self.notes.len(), database.patterns.len(), "a scratch of another database");
        self.epoch = self.epoch.wrapping_add(1);
        if self.epoch == 0 {
            self.notes.fill(Note::default());
            self.epoch = 1;
        }
        self.hits.clear();
        self.opened.clear();
        self.runs_left = database.limits.runs;
        self.steps_left = database.limits.steps;
        self.capped = false;
    }

    fn note(&mut self, pattern: usize) -> &mut Note {
        let note = &mut self.notes[pattern];
        if note.epoch != self.epoch {
            *note = Note { epoch: self.epoch, ..Note::default() };
        }
        note
    }

    /// The first rule that holds.
    fn winner(&mut self, database: &Database, probe: usize, answer: &[u8]) -> Option<usize> {
        self.begin(database);
        self.look(database, Some(probe), answer);
        self.open(database, probe, &database.ungated);
        self.opened.sort_unstable();
        self.counters.answers += 1;
        self.counters.opened += self.opened.len() as u64;
        let mut winner = None;
        for at in 0..self.opened.len() {
            let rule = (self.opened[at] & u64::from(u32::MAX)) as usize;
            if self.holds(database, &database.rules[rule], answer) {
                winner = Some(rule);
                break;
            }
        }
        self.counters.runs += u64::from(database.limits.runs - self.runs_left);
        self.counters.steps += u64::from(database.limits.steps - self.steps_left);
        self.counters.capped += u64::from(self.capped);
        winner
    }

    /// Notes which patterns may match, and from where; with a probe, also the rules that
    /// they open.
    fn look(&mut self, database: &Database, probe: Option<usize>, answer: &[u8]) {
        let mut in_header = true;
        let mut visits_left = database.limits.visits;
        database.literals.each(answer, |literal, end| {
            if literal == database.owners.header_end {
                in_header = false;
                return;
            }
            let owners = database.owners.of(literal);
            if visits_left < owners.len() {
                self.capped = true;
                return;
            }
            visits_left -= owners.len();
            for &Owner { pattern, back, begins: kind } in owners {
                let begins = match back.map(usize::from) {
                    Some(back) if back > end => continue,
                    Some(back) => end - back,
                    None => 0,
                };
                let misplaced = match kind {
                    Begins::AtStart => back.is_some() && begins != 0,
                    Begins::InHeader => !in_header,
                    Begins::AtLiteral | Begins::Anywhere => false,
                };
                if misplaced {
                    continue;
                }
                let place = self.hits.len() as u32;
                let full = self.hits.len() == database.limits.hits;
                let note = self.note(pattern as usize);
                let last = match note.first_hit {
                    // Where it begins is known already.
                    Some(_) if matches!(kind, Begins::AtStart | Begins::Anywhere) => continue,
                    _ if full => {
                        self.capped = true;
                        continue;
                    }
                    None => {
                        note.first_hit = Some(place);
                        note.last_hit = place;
                        None
                    }
                    Some(_) => Some(std::mem::replace(&mut note.last_hit, place)),
                };
                self.hits.push(Hit { begins: begins as u32, next: None });
                match (last, probe) {
                    (Some(last), _) => self.hits[last as usize].next = Some(place),
                    (None, Some(probe)) => {
                        self.open(database, probe, &database.patterns[pattern as usize].opens);
                    }
                    (None, None) => {}
                }
            }
        });
    }

    fn open(&mut self, database: &Database, probe: usize, rules: &[u32]) {
        for &rule in rules {
            let Rule { soft, set, .. } = database.rules[rule as usize];
            if let Some(place) = database.place(probe, set) {
                let soft = if soft { SOFT } else { 0 };
                self.opened.push(soft | u64::from(place) << 32 | u64::from(rule));
            }
        }
    }

    /// Whether all parts of a rule hold.
    fn holds(&mut self, database: &Database, rule: &Rule, answer: &[u8]) -> bool {
        rule.parts.iter().all(|part| {
            self.matches(database, part.pattern as usize, answer).is_some() != part.negated
        })
    }

    /// Where a pattern's match begins, if it matches.
    fn matches(&mut self, database: &Database, pattern: usize, answer: &[u8]) -> Option<u32> {
        let Note { verdict, first_hit, .. } = *self.note(pattern);
        if let Some(known) = verdict {
            return known;
        }
        let known = &database.patterns[pattern];
        let verdict = if known.gated && first_hit.is_none() {
            None
        } else {
            match known.begins {
                Begins::AtStart => self.run(database, pattern, answer, 0, Anchored::Yes),
                Begins::Anywhere => self.run(database, pattern, answer, 0, Anchored::No),
                Begins::AtLiteral | Begins::InHeader => {
                    let mut hit = first_hit;
                    loop {
                        let Some(place) = hit else { break None };
                        let Hit { begins, next } = self.hits[place as usize];
                        let begun = self.run(database, pattern, answer, begins, Anchored::Yes);
                        if begun.is_some() {
                            break begun;
                        }
                        hit = next;
                    }
                }
            }
        };
        self.note(pattern).verdict = Some(verdict);
        verdict
    }

    /// Runs a pattern's automaton from one place, within the limits, where what its matches
    /// begin with is there.
    fn run(
        &mut self,
        database: &Database,
        pattern: usize,
        answer: &[u8],
        begins: u32,
        anchored: Anchored,
    ) -> Option<u32> {
        let prefix = &*database.patterns[pattern].prefix;
        if !answer[begins as usize..].starts_with(prefix) {
            return None;
        }
        let test = database.test(pattern);
        if self.runs_left == 0 {
            self.capped = true;
            return None;
        }
        self.runs_left -= 1;
        let input = Input::new(answer)
            .range(begins as usize + prefix.len()..)
            .anchored(anchored)
            .earliest(true);
        let matched = match test {
            Test::Shipped(dfa) => self.step(dfa, &input),
            Test::Built(dfa) => self.step(dfa, &input),
            Test::Simulated(simulated) => self.simulate(simulated, &input),
            Test::Refused => false,
        };
        matched.then_some(begins)
    }

    fn step(&mut self, dfa: &impl Automaton, input: &Input<'_>) -> bool {
        let Ok(mut state) = dfa.start_state_forward(input) else { return false };
        let bytes = &input.haystack()[input.get_range()];
        let allowed = bytes.len().min(self.steps_left as usize);
        for (at, &byte) in bytes[..allowed].iter().enumerate() {
            state = dfa.next_state(state, byte);
            if dfa.is_special_state(state)
                && (dfa.is_match_state(state) || dfa.is_dead_state(state))
            {
                self.steps_left -= at as u32 + 1;
                return dfa.is_match_state(state);
            }
        }
        self.steps_left -= allowed as u32;
        if allowed < bytes.len() {
            self.capped = true;
            return false;
        }
        dfa.is_match_state(dfa.next_eoi_state(state))
    }

    fn simulate(&mut self, simulated: &PikeVM, input: &Input<'_>) -> bool {
        let cost = SIMULATED.saturating_mul(input.get_range().len() as u32);
        if cost > self.steps_left {
            self.capped = true;
            return false;
        }
        self.steps_left -= cost;
        let cache = simulation_cache(&mut self.simulation, simulated);
        simulated.is_match(cache, input.clone())
    }

    /// Reads the captures of a pattern that matches from `begins` into the slots.
    fn read(&mut self, database: &Database, pattern: usize, begins: usize, answer: &[u8]) {
        let input = Input::new(answer).range(begins..);
        self.slots.clear();
        match database.reader(pattern) {
            Reader::OnePass(dfa) => {
                self.slots.resize(dfa.get_nfa().group_info().slot_len(), None);
                let cache = match &mut self.one_pass {
                    Some(cache) => {
                        cache.reset(dfa);
                        cache
                    }
                    none => none.insert(dfa.create_cache()),
                };
                let input = input.anchored(Anchored::Yes);
                // Only an unanchored search can fail.
                let _ = dfa.try_search_slots(cache, &input, &mut self.slots);
            }
            Reader::Simulated(simulated) => {
                self.slots.resize(simulated.get_nfa().group_info().slot_len(), None);
                let anchored = match database.patterns[pattern].begins {
                    Begins::Anywhere => Anchored::No,
                    Begins::AtStart | Begins::AtLiteral | Begins::InHeader => Anchored::Yes,
                };
                let cache = simulation_cache(&mut self.simulation, simulated);
                simulated.search_slots(cache, &input.anchored(anchored), &mut self.slots);
            }
            Reader::Refused => {}
        }
    }
}

/// Where the header of an answer ends: its first empty line.
#[must_use]
pub fn header_end(answer: &[u8]) -> usize {
    answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap_or(answer.len())
}

fn simulation_cache<'a>(
    kept: &'a mut Option<pikevm::Cache>,
    simulated: &PikeVM,
) -> &'a mut pikevm::Cache {
    match kept {
        Some(cache) => {
            cache.reset(simulated);
            cache
        }
        none => none.insert(simulated.create_cache()),
    }
}
