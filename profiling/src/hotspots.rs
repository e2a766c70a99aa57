//! The functions that cost most, and which of them are worth the work.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::budget::percent;
use crate::owner::Owner;
use crate::profile::Profile;

/// A function is hot from this share on, in per cent of all samples in its own code.
pub(crate) const HOT_PERCENT: f64 = 5.0;

/// How easily a function is made faster, kept by hand.
const EASE: &str = include_str!("../ease.toml");

/// A hot function.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Hotspot {
    /// Its name.
    pub(crate) function: String,
    /// Whose it is.
    pub(crate) owner: String,
    /// Samples in its own code, in per cent of all.
    pub(crate) cpu_percent: f64,
    /// Samples in it and in what it called, in per cent of all.
    pub(crate) with_callees_percent: f64,
    /// Calls in one run, counted; none where it has no code of its own or is the kernel's.
    pub(crate) calls: Option<u64>,
    /// Whose calls were counted: it was inlined there. None where they are its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) calls_of: Option<String>,
    /// How easily it is made faster, from 1 to 10.
    pub(crate) ease: u8,
    /// Why.
    pub(crate) ease_reason: String,
    /// CPU % × calls (1 to 10) × ease / 100: the order of the list.
    pub(crate) priority: f64,
    /// CPU % × ease.
    pub(crate) cpu_times_ease: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ease {
    function: String,
    ease: u8,
    reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EaseFile {
    ease: Vec<Ease>,
}

/// How easily functions are made faster: the first expression that matches counts.
#[derive(Debug)]
pub(crate) struct Eases(Vec<(Regex, u8, String)>);

impl Eases {
    /// The list that comes with the program.
    ///
    /// # Errors
    /// Where it makes no sense.
    pub(crate) fn shipped() -> Result<Self> {
        let file: EaseFile = toml::from_str(EASE).context("ease.toml")?;
        file.ease
            .into_iter()
            .map(|Ease { function, ease, reason }| {
                ensure!((1..=10).contains(&ease), "ease.toml: {function}: ease is 1 to 10");
                Ok((Regex::new(&function).context("ease.toml")?, ease, reason))
            })
            .collect::<Result<_>>()
            .map(Self)
    }

    fn of(&self, function: &str, owner: &Owner) -> (u8, String) {
        let listed = self.0.iter().find(|(like, _, _)| like.is_match(function));
        match (listed, owner) {
            (Some((_, ease, reason)), _) => (*ease, reason.clone()),
            (None, Owner::Ours) => (5, "ours, not yet looked at".to_owned()),
            (None, Owner::Kernel) => (1, "the kernel's: only asked less often".to_owned()),
            (None, _) => (2, "not ours: only asked less often, or replaced".to_owned()),
        }
    }
}

/// Functions of a program whose calls are worth counting: hot ones, and those that hold hot
/// ones.
pub(crate) fn to_count(profile: &Profile, program: &Path) -> Vec<Arc<str>> {
    let mut names: Vec<Arc<str>> = Vec::new();
    for (name, _, _) in hot(profile) {
        let Some(home) = profile.home(&name) else { continue };
        if home.file.as_deref().map(Path::new) != Some(program) {
            continue;
        }
        for name in std::iter::once(name).chain(holder(&home.within)) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

/// The function with a symbol into which most samples of an inlined one were inlined.
fn holder(within: &BTreeMap<Arc<str>, u64>) -> Option<Arc<str>> {
    within.iter().max_by_key(|(_, samples)| **samples).map(|(name, _)| name.clone())
}

fn hot(profile: &Profile) -> Vec<(Arc<str>, u64, u64)> {
    profile
        .functions()
        .into_iter()
        .filter(|function| percent(function.own, profile.samples) >= HOT_PERCENT)
        .map(|function| (function.name, function.own, function.with_callees))
        .collect()
}

/// The hot functions, the first to be looked at first. `calls` are those of one run.
pub(crate) fn hotspots(
    profile: &Profile,
    calls: &HashMap<Arc<str>, u64>,
    eases: &Eases,
) -> Vec<Hotspot> {
    let most = calls.values().copied().max().unwrap_or(0);
    let mut spots: Vec<Hotspot> = hot(profile)
        .into_iter()
        .map(|(name, own, with_callees)| {
            let home = profile.home(&name).cloned().unwrap_or_default();
            let owner = Owner::of(&name, home.file.as_deref());
            let within = holder(&home.within);
            let (counted, calls_of) = match (calls.get(&name), within) {
                (Some(calls), _) => (Some(*calls), None),
                (None, Some(within)) => match calls.get(&within) {
                    Some(calls) => (Some(*calls), Some(within.to_string())),
                    None => (None, None),
                },
                (None, None) => (None, None),
            };
            let (ease, ease_reason) = eases.of(&name, &owner);
            let cpu_percent = percent(own, profile.samples);
            let weight = weight_of_calls(counted, most);
            Hotspot {
                function: name.to_string(),
                owner: owner.to_string(),
                cpu_percent,
                with_callees_percent: percent(with_callees, profile.samples),
                calls: counted,
                calls_of,
                ease,
                ease_reason,
                priority: cpu_percent * weight * f64::from(ease) / 100.0,
                cpu_times_ease: cpu_percent * f64::from(ease),
            }
        })
        .collect();
    spots.sort_by(|a, b| b.priority.total_cmp(&a.priority));
    spots
}

/// Calls from 1 to 10, by their logarithm: 10 for the most that were counted in the run, 1
/// for one call, and for what could not be counted.
fn weight_of_calls(calls: Option<u64>, most: u64) -> f64 {
    match calls {
        Some(calls) if most > 1 => 1.0 + 9.0 * (calls.max(1) as f64).ln() / (most as f64).ln(),
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn calls_are_weighed_by_their_logarithm() {
        assert_eq!(weight_of_calls(Some(1), 1_000_000), 1.0);
        assert!((weight_of_calls(Some(1000), 1_000_000) - 5.5).abs() < 1e-9);
        assert_eq!(weight_of_calls(Some(1_000_000), 1_000_000), 10.0);
        assert_eq!(weight_of_calls(None, 1_000_000), 1.0);
        assert_eq!(weight_of_calls(Some(0), 1), 1.0);
    }

    #[test]
    fn the_list_is_sorted_by_priority_and_holds_only_what_is_hot() {
        let profile = Profile::of_folded("m;a 500\nm;b 400\nm;c 60\nm 40\n");
        let calls = HashMap::from([("b".into(), 1000), ("a".into(), 1)]);
        let spots = hotspots(&profile, &calls, &Eases(Vec::new()));
        let told: Vec<(&str, f64)> =
            spots.iter().map(|s| (s.function.as_str(), s.priority)).collect();
        assert_eq!(told, [("b", 40.0 * 10.0 / 100.0), ("a", 50.0 / 100.0), ("c", 6.0 / 100.0)]);
        Eases::shipped().unwrap();
    }
}
