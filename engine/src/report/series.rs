//! How a scan went: probes, replies and drops from one progress record to the next.
//!
//! A long scan has a record a second for days, so neighbours are put together whenever
//! there are too many: the plot has no more points than the page has pixels.

/// Stretches kept at most.
const STRETCHES: usize = 720;

/// A stretch of time and what happened in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stretch {
    /// When it began, microseconds since 1970.
    pub from_us: u64,
    /// When it ended.
    pub to_us: u64,
    pub sent: u64,
    pub replies: u64,
    pub drops: u64,
}

impl Stretch {
    pub(super) fn seconds(&self) -> f64 {
        self.to_us.saturating_sub(self.from_us) as f64 / 1e6
    }

    /// `count` of it a second.
    pub(super) fn rate(&self, count: u64) -> f64 {
        count as f64 / self.seconds().max(1e-6)
    }
}

/// What has been counted at a moment since its run began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub at_us: u64,
    pub sent: u64,
    pub replies: u64,
    pub drops: u64,
}

/// The stretches of a scan, all its runs.
#[derive(Clone, Debug, Default)]
pub(super) struct Series {
    stretches: Vec<Stretch>,
    last: Option<Counts>,
}

impl Series {
    /// A run begins: its counts start from zero.
    pub(super) fn run_begins(&mut self, at_us: u64) {
        self.last = Some(Counts { at_us, ..Counts::default() });
    }

    /// Takes counts of the run.
    pub(super) fn add(&mut self, now: Counts) {
        let Some(last) = self.last.replace(now) else { return };
        // The clock of the wall may be set back meanwhile.
        if now.at_us <= last.at_us {
            return;
        }
        self.stretches.push(Stretch {
            from_us: last.at_us,
            to_us: now.at_us,
            sent: now.sent.saturating_sub(last.sent),
            replies: now.replies.saturating_sub(last.replies),
            drops: now.drops.saturating_sub(last.drops),
        });
        if self.stretches.len() > STRETCHES {
            self.halve();
        }
    }

    /// Puts neighbours together; never over a gap, where nothing ran.
    fn halve(&mut self) {
        let mut fewer: Vec<Stretch> = Vec::with_capacity(STRETCHES);
        let mut pairs_with = None;
        for next in self.stretches.drain(..) {
            match fewer.last_mut() {
                Some(before) if pairs_with == Some(next.from_us) => {
                    before.to_us = next.to_us;
                    before.sent += next.sent;
                    before.replies += next.replies;
                    before.drops += next.drops;
                    pairs_with = None;
                }
                _ => {
                    pairs_with = Some(next.to_us);
                    fewer.push(next);
                }
            }
        }
        self.stretches = fewer;
    }

    pub(super) fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_scan_keeps_its_sums_in_few_stretches() {
        let mut series = Series::default();
        series.run_begins(1_000_000);
        for second in 1..=100_000u64 {
            series.add(Counts {
                at_us: 1_000_000 + second * 1_000_000,
                sent: second * 7,
                replies: second * 2,
                drops: second,
            });
        }
        let stretches = series.stretches();
        assert!((STRETCHES / 2..=STRETCHES).contains(&stretches.len()), "{}", stretches.len());
        assert_eq!(stretches.iter().map(|s| s.sent).sum::<u64>(), 700_000);
        assert_eq!(stretches.iter().map(|s| s.replies).sum::<u64>(), 200_000);
        assert_eq!(stretches.iter().map(|s| s.drops).sum::<u64>(), 100_000);
        for pair in stretches.windows(2) {
            assert_eq!(pair[0].to_us, pair[1].from_us);
        }
        for stretch in stretches {
            assert!((stretch.rate(stretch.sent) - 7.0).abs() < 1e-9);
        }
    }

    #[test]
    fn the_gap_before_a_resumed_run_stays_a_gap() {
        let mut series = Series::default();
        for run in [0u64, 1_000_000_000] {
            series.run_begins(run);
            for second in 1..=500 {
                let at_us = run + second * 1_000_000;
                series.add(Counts { at_us, sent: second, replies: 0, drops: 0 });
            }
        }
        let gaps: Vec<_> =
            series.stretches().windows(2).filter(|p| p[0].to_us != p[1].from_us).collect();
        assert_eq!(gaps.len(), 1);
        assert_eq!((gaps[0][0].to_us, gaps[0][1].from_us), (500_000_000, 1_000_000_000));
        assert_eq!(series.stretches().iter().map(|s| s.sent).sum::<u64>(), 1000);
    }

    #[test]
    fn counts_before_any_run_and_clocks_that_go_back_are_passed_over() {
        let mut series = Series::default();
        series.add(Counts { at_us: 5, sent: 9, replies: 0, drops: 0 });
        series.add(Counts { at_us: 4, sent: 10, replies: 0, drops: 0 });
        assert!(series.stretches().is_empty());
    }
}
