//! Which flags suit a scanner best, and how fast it may go without losing anything:
//! found by trying, as a part of the benchmark.

use anyhow::{Context, Result};

use super::Field;
use super::scanner::{Installed, Pace};
use super::trial::Outcome;
use super::work::Work;

/// Trials of each set of flags; the better one counts.
const TRIES: usize = 2;
/// Recall from which on nothing counts as lost.
pub const FULL_RECALL: f64 = 0.999;
/// From one rate to the next lower one.
const STEP: f64 = 0.7;
/// Lower rates are not tried.
const SLOWEST: u64 = 10_000;

/// Flags and a pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The flags.
    pub flags: &'static [&'static str],
    /// The pace.
    pub pace: Pace,
}

impl Choice {
    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let pace = match self.pace {
            Pace::Max => "as fast as it can".to_owned(),
            Pace::Rate(rate) => format!("at {rate}/s"),
        };
        let flags = if self.flags.is_empty() { "no flags" } else { &self.flags.join(" ") };
        format!("{flags}, {pace}")
    }
}

/// What suits a scanner.
#[derive(Clone, Copy, Debug)]
pub struct Best {
    /// Most probes per CPU second, as fast as it can.
    pub thrifty: Choice,
    /// Most probes per second.
    pub fast: Choice,
    /// What the thrifty choice attained.
    pub attained: Outcome,
}

/// Tries all sets of flags at the highest pace.
///
/// # Errors
/// Those of the trials.
pub fn best(field: &mut Field<'_>, scanner: &Installed, work: Work) -> Result<Best> {
    let mut tried: Vec<(Choice, Outcome)> = Vec::new();
    for &flags in scanner.scanner.choices {
        let choice = Choice { flags, pace: Pace::Max };
        let mut better: Option<Outcome> = None;
        for _ in 0..TRIES {
            let outcome = field.run(scanner, choice, work)?;
            if better.is_none_or(|other| outcome.per_cpu_s() > other.per_cpu_s()) {
                better = Some(outcome);
            }
        }
        let outcome = better.context("no trial")?;
        say(scanner, choice, &outcome);
        tried.push((choice, outcome));
    }
    let by = |measure: fn(&Outcome) -> f64| {
        tried
            .iter()
            .copied()
            .max_by(|a, b| measure(&a.1).total_cmp(&measure(&b.1)))
            .context("no set of flags")
    };
    let (thrifty, attained) = by(|outcome| outcome.per_cpu_s() * counted(outcome.recall))?;
    let (fast, _) = by(|outcome| outcome.rate * counted(outcome.recall))?;
    Ok(Best { thrifty, fast, attained })
}

/// A set of flags with which a scanner finds next to nothing is none that suits it,
/// but a little loss does not count here: the rows tell it.
fn counted(recall: f64) -> f64 {
    if recall < 0.5 { recall } else { 1.0 }
}

/// The highest pace at which nothing is lost: the highest, else rates downwards;
/// `None` where none is found.
///
/// # Errors
/// Those of the trials.
pub fn lossless(
    field: &mut Field<'_>,
    scanner: &Installed,
    best: &Best,
    work: Work,
) -> Result<Option<Choice>> {
    let mut choice = best.thrifty;
    let mut rate = best.attained.rate;
    loop {
        let work = match choice.pace {
            Pace::Max => work,
            Pace::Rate(rate) => work.at_rate(rate, super::SAMPLE),
        };
        let mut full = true;
        for _ in 0..TRIES {
            let outcome = field.run(scanner, choice, work)?;
            full &= outcome.recall >= FULL_RECALL;
            if !full {
                say(scanner, choice, &outcome);
                break;
            }
        }
        if full {
            eprintln!("prtip-bench: peers: {} loses nothing: {}", scanner.title, choice.text());
            return Ok(Some(choice));
        }
        rate *= STEP;
        if rate < SLOWEST as f64 {
            return Ok(None);
        }
        choice.pace = Pace::Rate(round(rate));
    }
}

/// Two digits that count.
pub fn round(rate: f64) -> u64 {
    let unit = 10_f64.powf(rate.max(10.0).log10().floor() - 1.0);
    ((rate / unit).round() * unit) as u64
}

fn say(scanner: &Installed, choice: Choice, outcome: &Outcome) {
    eprintln!(
        "prtip-bench: peers: {}, {}: {:.0} probes/s, {:.0} per CPU second, recall {:.4}",
        scanner.title,
        choice.text(),
        outcome.rate,
        outcome.per_cpu_s(),
        outcome.recall
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_keeps_two_digits() {
        assert_eq!([round(123_456.0), round(99.6), round(7.0)], [120_000, 100, 7]);
    }
}
