//! Budgets: what was measured against what a scenario allows.

use anyhow::Result;
use regex::RegexSet;
use serde::Serialize;

use crate::owner::Owner;
use crate::profile::Profile;
use crate::scenario::{Budget, Measure};
use crate::symbols::UNKNOWN;
use crate::watch::Watched;

/// A budget and what was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Judged {
    /// What is limited.
    pub(crate) what: String,
    /// What was measured, in per cent; none where too little was.
    pub(crate) measured: Option<f64>,
    /// The limit, in per cent.
    pub(crate) limit: f64,
    /// What one would like to reach, in per cent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) aim: Option<f64>,
    /// Whether it is kept.
    pub(crate) met: bool,
    /// What it was measured by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
    /// Why it is missed, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cause: Option<String>,
}

/// Judges one budget. `enough` says whether there are samples enough.
///
/// # Errors
/// Where the scenario's expressions cannot be read.
pub(crate) fn judge(
    budget: &Budget,
    profile: &Profile,
    watched: Option<&Watched>,
    enough: bool,
) -> Result<Judged> {
    let share = |samples: u64| percent(samples, profile.samples);
    let sampled = |share: f64| (enough && profile.samples > 0).then_some(share);
    let (measured, note) = match &budget.of {
        Measure::LargestFunctionOfOurs => {
            let functions = profile.functions();
            let largest = functions.iter().find(|function| {
                let file = profile.home(&function.name).and_then(|home| home.file.as_deref());
                Owner::of(&function.name, file) == Owner::Ours
            });
            let own = largest.map_or(0, |function| function.own);
            (sampled(share(own)), largest.map(|function| function.name.to_string()))
        }
        Measure::UserSpace => {
            let user = profile.samples_where(|stack| {
                stack.last().is_some_and(|name| {
                    let home = profile.home(name);
                    home.is_some_and(|home| home.file.is_some()) || &**name == UNKNOWN
                })
            });
            (sampled(share(user)), None)
        }
        Measure::Functions(like) => {
            let like = RegexSet::new(like)?;
            let samples =
                profile.samples_where(|stack| stack.iter().any(|function| like.is_match(function)));
            (sampled(share(samples)), None)
        }
        Measure::CpuTime => (watched.map(|watched| watched.cpu_percent), None),
        Measure::HeapGrowth => match watched.and_then(|watched| watched.heap) {
            Some((tenth, end)) => {
                let growth = end as f64 - tenth as f64;
                let note = format!("{tenth} KiB at a tenth of the run, {end} KiB at its end");
                (Some(growth / tenth.max(1) as f64 * 100.0), Some(note))
            }
            None => (None, None),
        },
    };
    let met = measured.is_some_and(|measured| measured <= budget.limit);
    let Budget { what, limit, aim, cause, .. } = budget.clone();
    let cause = cause.filter(|_| measured.is_some() && !met);
    Ok(Judged { what, measured, limit, aim, met, note, cause })
}

/// A share of a whole, in per cent.
pub(crate) fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 * 100.0 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn budget(of: Measure, limit: f64) -> Budget {
        Budget { what: "it".into(), of, limit, aim: None, cause: None }
    }

    #[test]
    fn a_share_of_functions_counts_each_sample_once() {
        let profile = Profile::of_folded("a;b;b 3\na;c 1\nd 4\n");
        let like = Measure::Functions(vec!["^b$".into(), "^c".into()]);
        let judged = judge(&budget(like.clone(), 50.0), &profile, None, true).unwrap();
        assert_eq!((judged.measured, judged.met), (Some(50.0), true));
        assert!(!judge(&budget(like.clone(), 49.0), &profile, None, true).unwrap().met);
        // With too few samples nothing is kept.
        let judged = judge(&budget(like, 100.0), &profile, None, false).unwrap();
        assert_eq!((judged.measured, judged.met), (None, false));
    }

    #[test]
    fn the_process_is_judged_by_what_was_watched() {
        let profile = Profile::default();
        let watched = Watched { cpu_percent: 4.0, heap: Some((1000, 1100)) };
        let judge = |of, limit| judge(&budget(of, limit), &profile, Some(&watched), false).unwrap();
        assert!(judge(Measure::CpuTime, 5.0).met);
        let heap = judge(Measure::HeapGrowth, 5.0);
        assert!(!heap.met);
        assert_eq!(heap.measured, Some(10.0));
    }
}
