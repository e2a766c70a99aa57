//! Our database and those that a user names, asked as one: one list of probes, one
//! type of answer.

use crate::database::Database;
use crate::matching::{Counters, Scratch};
use crate::outcome::Match;
use crate::rule::{Probe, Transport};
use crate::users::recog::Recog;

/// Databases asked as one.
#[derive(Debug)]
pub struct Resolver {
    users: Option<Database>,
    recog: Option<Recog>,
    probes: Vec<Probe>,
    /// For each probe, its place in our database and in the user's.
    places: Vec<[Option<usize>; 2]>,
}

/// What a thread needs to ask a [`Resolver`].
#[derive(Debug)]
pub struct Scratches {
    ours: Scratch,
    users: Option<Scratch>,
    recog: Vec<Scratch>,
}

impl Scratches {
    /// What it has cost so far: with our database, and with the user's.
    #[must_use]
    pub fn counters(&self) -> (Counters, Option<Counters>) {
        (self.ours.counters, self.users.as_ref().map(|scratch| scratch.counters))
    }
}

impl Default for Resolver {
    fn default() -> Self {
        Self::new(None, None)
    }
}

impl Resolver {
    /// Our database, and the user's where there are some. Of the user's probes those that
    /// send the same as one of ours are that one.
    #[must_use]
    pub fn new(users: Option<Database>, recog: Option<Recog>) -> Self {
        let ours = Database::shipped().probes();
        let mut probes = ours.to_vec();
        let mut places: Vec<_> = (0..ours.len()).map(|at| [Some(at), None]).collect();
        for (at, probe) in users.iter().flat_map(Database::probes).enumerate() {
            let same = |other: &Probe| {
                (other.transport, &other.payload) == (probe.transport, &probe.payload)
            };
            match ours.iter().position(same) {
                Some(place) => places[place][1] = Some(at),
                None => {
                    probes.push(probe.clone());
                    places.push([None, Some(at)]);
                }
            }
        }
        Self { users, recog, probes, places }
    }

    /// All probes, ours first. (`fallback` and `sets` are places in their own database.)
    #[must_use]
    pub fn probes(&self) -> &[Probe] {
        &self.probes
    }

    /// The place of a probe by its name in any case, as our database or the user's has
    /// it: `NULL`, `tcp:NULL`, `udp:DNS`. Without a transport, TCP is looked at first.
    #[must_use]
    pub fn probe(&self, name: &str) -> Option<usize> {
        let (transports, name) = match name.split_once(':') {
            Some(("tcp", name)) => (&[Transport::Tcp][..], name),
            Some(("udp", name)) => (&[Transport::Udp][..], name),
            _ => (&[Transport::Tcp, Transport::Udp][..], name),
        };
        transports.iter().find_map(|&transport| {
            let ours = Database::shipped().probe(transport, name);
            let theirs = self.users.as_ref().and_then(|database| database.probe(transport, name));
            self.places.iter().position(|&[our, their]| {
                our.is_some() && our == ours || their.is_some() && their == theirs
            })
        })
    }

    /// Whether some answer to a probe would tell a service for sure, by rules for its answers
    /// (not by its fallbacks').
    #[must_use]
    pub fn could_tell(&self, probe: usize, service: &str) -> bool {
        let tells = |database: &Database, place: Option<usize>| {
            let probe = place.map(|place| &database.probes()[place]);
            let own = probe.map(|probe| &probe.sets[..usize::from(probe.own)]);
            own.is_some_and(|sets| {
                let mut rules = database.rules().iter();
                rules.any(|rule| !rule.soft && rule.service == service && sets.contains(&rule.set))
            })
        };
        let [ours, theirs] = self.places[probe];
        tells(Database::shipped(), ours)
            || self.users.as_ref().is_some_and(|users| tells(users, theirs))
    }

    /// What a thread needs for [`match_answer`](Self::match_answer).
    #[must_use]
    pub fn scratch(&self) -> Scratches {
        Scratches {
            ours: Database::shipped().scratch(),
            users: self.users.as_ref().map(Database::scratch),
            recog: self.recog.as_ref().map(Recog::scratch).unwrap_or_default(),
        }
    }

    /// What the answer to a probe (its place among [`probes`](Self::probes)) tells: the
    /// more telling of the databases' answers, ours where they tell as much.
    ///
    /// # Panics
    /// Where `scratch` or `probe` belong to another resolver.
    pub fn match_answer(
        &self,
        scratch: &mut Scratches,
        probe: usize,
        answer: &[u8],
    ) -> Option<Match<'_>> {
        let [ours, theirs] = self.places[probe];
        let ours = ours
            .and_then(|probe| Database::shipped().match_answer(&mut scratch.ours, probe, answer));
        let theirs = theirs.and_then(|probe| {
            let (database, scratch) = self.users.as_ref().zip(scratch.users.as_mut())?;
            database.match_answer(scratch, probe, answer)
        });
        let best = more_telling(ours, theirs);
        let Some(recog) = &self.recog else { return best };
        let known = best.as_ref().map(|best| best.service);
        let told = recog.match_answer(&mut scratch.recog, known, answer);
        more_telling(best, told)
    }
}

/// The first, unless the second tells more.
fn more_telling<'a>(first: Option<Match<'a>>, second: Option<Match<'a>>) -> Option<Match<'a>> {
    match (first, second) {
        (Some(first), Some(second)) if second.tells() > first.tells() => Some(second),
        (first, second) => first.or(second),
    }
}
