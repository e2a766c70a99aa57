//! When a scan will end, from what is left to send.
//!
//! While first probes are left, sending never pauses: what is left leaves at the pace.
//! Retries lag behind, each attempt [`RETRY_AFTER`] behind the one before, so when the
//! last first probe has left, as many such times follow as there are retries, whatever
//! the pace; what leaves in them was due anyway and costs no time of its own.

use super::shared::RETRY_AFTER;

/// What is left of a scan.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left {
    /// Pairs that have not had their first probe.
    pub firsts: u64,
    /// Retries of the pairs that have, as if none had answered.
    pub retries_due: u64,
    /// The share of pairs that do not answer.
    pub silent: f64,
    /// Everything seems to answer: nothing will be waited for.
    pub all_answer: bool,
    /// How long ago the last first probe left, where it has.
    pub since_first_pass_s: Option<f64>,
}

impl Left {
    /// Seconds to the end at `pace` probes a second.
    pub(super) fn seconds(&self, attempts: u64, pace: f64, cooldown_s: f64, grace_s: f64) -> f64 {
        let pace = pace.max(1e-3);
        if self.all_answer {
            return self.firsts as f64 / pace + grace_s;
        }
        let retries = attempts.saturating_sub(1) as f64;
        let still = self.retries_due as f64 * self.silent;
        let wait_s = retries * RETRY_AFTER.as_secs_f64();
        let sending_s = match self.since_first_pass_s {
            Some(since_s) => (still / pace).max(wait_s - since_s),
            None => {
                let later = self.firsts as f64 * retries * self.silent;
                let all = self.firsts as f64 + later + still;
                // Of the first pass a second holds so many; of each attempt as many
                // seconds lie behind it as retries are before it.
                let a_second = pace / (1.0 + retries * self.silent);
                let lagging = a_second * self.silent * retries * (retries + 1.0) / 2.0;
                let before_the_end = (all - lagging).max(self.firsts as f64);
                before_the_end / pace + wait_s
            }
        };
        sending_s.max(0.0) + cooldown_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A scan by the second, as a worker sends: retries first, then first probes.
    fn simulate(pairs: f64, attempts: u64, silent: f64, pace: f64) -> Vec<(f64, Left)> {
        const STEP_S: f64 = 0.01;
        let mut reached = vec![vec![0.0]; attempts as usize];
        let mut told = Vec::new();
        let mut over = None;
        for step in 0.. {
            let mut room = pace * STEP_S;
            let now = |list: &Vec<f64>| *list.last().unwrap_or(&0.0);
            for attempt in (0..attempts as usize).rev() {
                let cost = if attempt == 0 { 1.0 } else { silent };
                let bound = match attempt {
                    0 => pairs,
                    // What the attempt before had reached a second ago.
                    _ => *reached[attempt - 1].iter().rev().nth(100).unwrap_or(&0.0),
                };
                let from = now(&reached[attempt]);
                let to = bound.min(from + room / cost).max(from);
                room -= (to - from) * cost;
                reached[attempt].push(to);
            }
            let first = now(&reached[0]);
            if first >= pairs && over.is_none() {
                over = Some(step);
            }
            let due: f64 = reached[1..].iter().map(|list| first - now(list)).sum();
            let left = Left {
                firsts: (pairs - first) as u64,
                retries_due: due as u64,
                silent,
                all_answer: false,
                since_first_pass_s: over.map(|over| f64::from(step - over) * STEP_S),
            };
            told.push((f64::from(step + 1) * STEP_S, left));
            if reached.iter().all(|list| now(list) >= pairs - 0.5) {
                return told;
            }
        }
        told
    }

    #[test]
    fn what_is_said_at_any_time_is_what_comes_true() {
        for (pairs, attempts, silent, pace) in [
            (100_000.0, 1, 1.0, 20_000.0),
            (131_072.0, 2, 0.85, 20_000.0),
            (131_072.0, 4, 0.85, 30_000.0),
            (50_000.0, 3, 0.3, 5_000.0),
            (2_000.0, 2, 0.99, 20_000.0),
        ] {
            let told = simulate(pairs, attempts, silent, pace);
            let end = told[told.len() - 1].0;
            // The share of first probes swings for a while after the first retries.
            for (at, left) in told {
                let said = at + left.seconds(attempts, pace, 4.0, 0.2) - 4.0;
                let off = (said - end).abs();
                assert!(off < 0.15 + 0.02 * end, "{attempts} attempts, at {at}: {said} for {end}");
            }
        }
    }

    #[test]
    fn where_everything_answers_nothing_is_waited_for() {
        let left = Left {
            firsts: 500,
            retries_due: 500,
            silent: 0.02,
            all_answer: true,
            since_first_pass_s: None,
        };
        assert!((left.seconds(2, 1000.0, 4.0, 0.2) - 0.7).abs() < 1e-9);
    }
}
