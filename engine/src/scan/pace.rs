//! How many probes are due now.
//!
//! A schedule without drift: probe k is due at `start + k / rate`, so rounding
//! and late wake-ups never add up. Two rules keep a stall from becoming a burst:
//! of the debt that a stall leaves, at most [`DEBT_LIMIT_NS`] is kept (the rest
//! is forgiven, the schedule moves), and what is kept is repaid at no more than
//! [`REPAY`] times the rate. The caller passes the time in; nothing here reads a clock.
//!
//! A sender that has nothing to do sleeps for [`Pacer::rest`]: what falls due meanwhile
//! leaves together, since waking up for every probe costs more than the probe.

use std::time::Duration;

/// Nanoseconds of schedule that are repaid after a stall; more is forgiven.
pub const DEBT_LIMIT_NS: u64 = 10_000_000;
/// Debt is repaid at this multiple of the rate at most.
pub const REPAY: f64 = 1.1;
/// A turn that comes later than this after the one before counts as a stall: the
/// time beyond it earns no immediate allowance.
pub const STALL_NS: u64 = 250_000;

/// A sender at rest sleeps for so long, or until so many probes are due.
const REST: Duration = Duration::from_micros(300);
const REST_PROBES: f64 = 256.0;
/// By so much a sleep may be longer than asked for.
const OVERSLEPT_NS: u64 = 150_000;
/// Probes that leave together span at most this of the schedule. Those of twice that may,
/// where they are few: kicks cost more than times lose by it.
const TOGETHER_NS: f64 = 20_000.0;
const FEW: usize = 8;
/// However low the rate is.
const FEWEST: usize = 3;
/// The same for a port that writes the times, whose calls are dear, up to this rate.
const TOGETHER_LIVE_NS: f64 = 160_000.0;
const LIVE_IS_FEW: usize = 32;

/// The pace of one worker.
#[derive(Clone, Debug)]
pub struct Pacer {
    /// Probes per nanosecond; `None`: unlimited.
    per_ns: Option<f64>,
    /// When the schedule's probe 0 was due, moved forward by forgiveness.
    base_ns: u64,
    /// Probes sent since `base_ns`.
    sent: f64,
    /// What may leave at once under the repayment rule.
    tokens: f64,
    /// Probes that leave together.
    batch: f64,
    last_turn_ns: u64,
    /// The last turn that sent something.
    last_sent_ns: u64,
    /// The last turn had nothing to send.
    idle: bool,
    stalls: u64,
    longest_stall_ns: u64,
    forgiven: f64,
    /// At the last turn: how long ago its first probe had been due.
    lag_ns: u64,
    /// A turn that comes later than this after the one before is a stall.
    patience_ns: u64,
}

impl Pacer {
    /// A pace of `rate` probes a second (`None`: unlimited), starting at `now_ns`,
    /// for a sender whose probes leave in batches of `batch`.
    #[must_use]
    pub fn new(rate: Option<f64>, batch: usize, now_ns: u64) -> Self {
        Self {
            per_ns: rate.map(|rate| rate / 1e9),
            base_ns: now_ns,
            sent: 0.0,
            tokens: 0.0,
            batch: batch as f64,
            last_turn_ns: now_ns,
            last_sent_ns: 0,
            idle: false,
            stalls: 0,
            longest_stall_ns: 0,
            forgiven: 0.0,
            lag_ns: 0,
            patience_ns: STALL_NS,
        }
    }

    /// How long a sender sleeps that has nothing to send; its turns are expected that
    /// much later. Zero where no rate is set.
    pub fn rest(&mut self) -> Duration {
        let Some(per_ns) = self.per_ns else { return Duration::ZERO };
        let rest_ns = (REST.as_nanos() as f64).min(REST_PROBES / per_ns) as u64;
        self.patience_ns = STALL_NS.max(rest_ns + OVERSLEPT_NS);
        Duration::from_nanos(rest_ns)
    }

    /// How many probes may share one send time.
    #[must_use]
    pub fn together(&self) -> usize {
        self.per_ns.map_or(usize::MAX, |per_ns| {
            let due = per_ns * TOGETHER_NS;
            (due as usize).max(((2.0 * due) as usize).clamp(FEWEST, FEW))
        })
    }

    /// The same for a port that writes the times itself.
    #[must_use]
    pub fn together_live(&self) -> usize {
        self.per_ns.map_or(usize::MAX, |per_ns| {
            let due = (per_ns * TOGETHER_LIVE_NS) as usize;
            if due <= LIVE_IS_FEW { due.max(FEWEST) } else { usize::MAX }
        })
    }

    /// Changes the rate from `now_ns` on; past debt is dropped.
    pub fn set_rate(&mut self, rate: Option<f64>, now_ns: u64) {
        self.per_ns = rate.map(|rate| rate / 1e9);
        self.base_ns = now_ns;
        self.sent = 0.0;
        self.tokens = self.tokens.min(self.batch);
        self.last_turn_ns = now_ns;
    }

    /// How many probes may leave now, at most `most`.
    pub fn allowance(&mut self, now_ns: u64, most: usize) -> usize {
        let Some(per_ns) = self.per_ns else { return most };
        let gap_ns = now_ns.saturating_sub(self.last_turn_ns);
        self.last_turn_ns = now_ns;
        // Before anything is forgiven: probes are late by all of a stall.
        self.look(now_ns);
        let mut due = now_ns.saturating_sub(self.base_ns) as f64 * per_ns + self.batch - self.sent;
        // A gap is a stall only where probes fell due in it: at low rates the worker
        // sleeps from one probe to the next.
        let waited = self.idle;
        if gap_ns > self.patience_ns && due >= 2.0 * self.batch && !waited {
            self.stalls += 1;
            self.longest_stall_ns = self.longest_stall_ns.max(gap_ns);
        }
        self.idle = false;
        let limit = (DEBT_LIMIT_NS as f64 * per_ns).max(self.batch);
        if due > limit + self.batch {
            let excess = due - limit;
            if !waited {
                self.forgiven += excess;
            }
            self.sent += excess;
            due = limit;
        }
        let earned = gap_ns.min(self.patience_ns) as f64 * per_ns * REPAY;
        let depth = self.batch + self.patience_ns as f64 * per_ns * REPAY;
        self.tokens = (self.tokens + earned).min(depth);
        // A sender that sleeps from batch to batch earns too little by its turns: one
        // batch may leave where the one before left long enough ago.
        let since_ns = now_ns.saturating_sub(self.last_sent_ns);
        if since_ns as f64 * per_ns * REPAY >= self.batch {
            self.tokens = self.tokens.max(self.batch);
        }
        due.min(self.tokens).max(0.0).min(most as f64) as usize
    }

    /// What was allowed by an earlier turn leaves at `now_ns`: it is so much later.
    pub fn look(&mut self, now_ns: u64) {
        if let Some(per_ns) = self.per_ns {
            let due_ns = self.base_ns + (self.sent / per_ns) as u64;
            self.lag_ns = now_ns.saturating_sub(due_ns);
        }
    }

    /// There was nothing to send at `now_ns`: what was due beyond one probe is not
    /// owed any more, and the pause that follows is no stall.
    pub fn skip(&mut self, now_ns: u64) {
        let Some(per_ns) = self.per_ns else { return };
        self.idle = true;
        let due = now_ns.saturating_sub(self.base_ns) as f64 * per_ns + self.batch - self.sent;
        if due > self.batch {
            self.sent += due - self.batch;
        }
    }

    /// Counts `count` probes as sent.
    pub fn sent(&mut self, count: usize) {
        self.sent += count as f64;
        self.tokens -= count as f64;
        if count > 0 {
            self.last_sent_ns = self.last_turn_ns;
        }
    }

    /// How late the first probe of this turn leaves, in nanoseconds; `None` without a rate.
    /// A batch is due when its first probe is.
    #[must_use]
    pub fn lag_ns(&self) -> Option<u64> {
        self.per_ns.map(|_| self.lag_ns)
    }

    /// Nanoseconds from `now_ns` until the next probe may leave: it is due, and debt is
    /// not repaid too fast. 0 when it may.
    #[must_use]
    pub fn until_due_ns(&self, now_ns: u64) -> u64 {
        let Some(per_ns) = self.per_ns else { return 0 };
        let due_ns = self.base_ns + (self.sent / per_ns) as u64;
        let earned_ns = (self.batch - self.tokens).max(0.0) / (per_ns * REPAY);
        due_ns.max(self.last_turn_ns + earned_ns as u64).saturating_sub(now_ns)
    }

    /// Stalls seen, the longest in nanoseconds, and the probes forgiven.
    #[must_use]
    pub fn stalls(&self) -> (u64, u64, u64) {
        (self.stalls, self.longest_stall_ns, self.forgiven as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs turns every `turn_ns` from `from_ns` to `to_ns`; returns the times and counts sent.
    fn drive(pacer: &mut Pacer, from_ns: u64, to_ns: u64, turn_ns: u64) -> Vec<(u64, usize)> {
        let mut sends = Vec::new();
        let mut now = from_ns;
        while now < to_ns {
            let count = pacer.allowance(now, 64);
            pacer.sent(count);
            sends.push((now, count));
            now += turn_ns;
        }
        sends
    }

    fn total(sends: &[(u64, usize)], from_ns: u64, to_ns: u64) -> usize {
        sends.iter().filter(|(at, _)| (from_ns..to_ns).contains(at)).map(|(_, n)| n).sum()
    }

    #[test]
    fn every_second_is_within_two_batches_of_the_rate() {
        for rate in [7.0, 1000.0, 50_000.0, 1_234_567.0] {
            for turn_ns in [3_000, 40_000, 170_000] {
                let mut pacer = Pacer::new(Some(rate), 1, 0);
                if rate * turn_ns as f64 / 1e9 > 60.0 {
                    continue; // more than a batch falls due in a turn: no sender could keep up
                }
                let sends = drive(&mut pacer, 0, 5_000_000_000, turn_ns);
                for second in 0..5 {
                    let count = total(&sends, second * 1_000_000_000, (second + 1) * 1_000_000_000);
                    let batch = (rate * turn_ns as f64 / 1e9).ceil().max(1.0);
                    assert!(
                        (count as f64 - rate).abs() <= 2.0 * batch,
                        "second {second} at {rate}/s, turn {turn_ns} ns: {count}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_stall_is_repaid_at_a_tenth_more_and_at_most_ten_milliseconds_of_it() {
        let rate = 50_000.0;
        for stall_ns in [2_000_000, 8_000_000, 300_000_000] {
            let mut pacer = Pacer::new(Some(rate), 1, 0);
            drive(&mut pacer, 0, 1_000_000_000, 20_000);
            let resume = 1_000_000_000 + stall_ns;
            let sends = drive(&mut pacer, resume, resume + 1_000_000_000, 20_000);
            // No 10 ms after the stall carries more than 1.1 times its share, but for one stall allowance.
            for start in (0..200).map(|k| resume + k * 1_000_000) {
                let count = total(&sends, start, start + 10_000_000);
                assert!(
                    count as f64 <= 500.0 * REPAY + 15.0,
                    "{count} in 10 ms after {stall_ns} ns"
                );
            }
            let extra = total(&sends, resume, resume + 1_000_000_000) as f64 - rate;
            let owed = (stall_ns.min(DEBT_LIMIT_NS)) as f64 * rate / 1e9;
            assert!((extra - owed).abs() <= 3.0, "repaid {extra}, owed {owed}");
            assert!(pacer.stalls().0 >= 1);
        }
    }

    #[test]
    fn turns_much_shorter_than_a_probes_time_repay_no_faster() {
        for turn_ns in [500, 3_000, 7_000] {
            let mut pacer = Pacer::new(Some(50_000.0), 1, 0);
            drive(&mut pacer, 0, 1_000_000_000, turn_ns);
            let resume = 1_500_000_000;
            let sends = drive(&mut pacer, resume, resume + 300_000_000, turn_ns);
            for start in (0..200).map(|k| resume + k * 1_000_000) {
                let count = total(&sends, start, start + 10_000_000);
                assert!(count as f64 <= 500.0 * REPAY + 15.0, "{count} with turns of {turn_ns} ns");
            }
        }
    }

    #[test]
    fn slow_rates_send_single_probes_on_time() {
        let mut pacer = Pacer::new(Some(10.0), 1, 5);
        let sends = drive(&mut pacer, 5, 1_000_000_005, 1_000_000);
        assert!(sends.iter().all(|(_, n)| *n <= 1));
        assert_eq!(total(&sends, 0, 2_000_000_000), 10);
        assert_eq!(pacer.stalls().0, 0);
    }

    #[test]
    fn waiting_for_work_is_neither_debt_nor_a_stall() {
        let mut pacer = Pacer::new(Some(50_000.0), 1, 0);
        drive(&mut pacer, 0, 1_000_000_000, 20_000);
        for turn in 0..1_000 {
            pacer.allowance(1_000_000_000 + turn * 1_000_000, 64);
            pacer.skip(1_000_000_000 + turn * 1_000_000);
        }
        assert_eq!(pacer.stalls().0, 0);
        assert!(pacer.allowance(1_999_020_000, 64) <= 2);
    }

    #[test]
    fn a_batch_leaves_whole_however_slow_the_rate() {
        let mut pacer = Pacer::new(Some(1_000.0), 32, 0);
        let mut sends = Vec::new();
        for now in (0..1_000_000_000).step_by(100_000) {
            let count = pacer.allowance(now, 64) / 32 * 32;
            pacer.sent(count);
            sends.push((now, count));
        }
        let sent = total(&sends, 0, 1_000_000_000);
        assert!((1_000..=1_032).contains(&sent), "{sent}");
    }

    #[test]
    fn the_lag_is_the_time_since_the_first_probe_was_due() {
        let start = 1_000_000_000;
        let mut pacer = Pacer::new(Some(1_000.0), 1, start);
        // The last one after a stall, most of which is then forgiven.
        for (after, lag) in [
            (0, 0),
            (1_000_000, 0),
            (2_300_000, 300_000),
            (3_300_000, 300_000),
            (500_000_000, 496_000_000),
        ] {
            let count = pacer.allowance(start + after, 1);
            assert_eq!(count, 1, "at {after}");
            pacer.sent(count);
            assert!(pacer.lag_ns().is_some_and(|found| found.abs_diff(lag) <= 1), "{pacer:?}");
        }
        assert_eq!(Pacer::new(None, 1, 0).lag_ns(), None);
    }

    #[test]
    fn unlimited_takes_all() {
        assert_eq!(Pacer::new(None, 1, 0).allowance(1, 64), 64);
    }

    #[test]
    fn a_sender_that_rests_keeps_the_rate_and_sends_no_burst() {
        for rate in [3_000.0, 50_000.0, 180_000.0, 600_000.0] {
            for overslept_ns in [0, 60_000, 140_000] {
                let mut pacer = Pacer::new(Some(rate), 1, 0);
                let mut now = 0;
                let mut sends = Vec::new();
                while now < 3_000_000_000 {
                    let count = pacer.allowance(now, pacer.together());
                    pacer.sent(count);
                    sends.push((now, count));
                    now += if count > 0 {
                        // Time for the kernel to send them.
                        count as u64 * 1_000
                    } else {
                        let rest_ns = pacer.rest().as_nanos() as u64;
                        pacer.until_due_ns(now).max(rest_ns) + overslept_ns
                    };
                }
                assert_eq!(pacer.stalls().2, 0, "{rate}/s, {overslept_ns} ns: nothing is forgiven");
                // What falls due in a rest may be on either side of a second's ends.
                let slack = rate * 500e-6 + 2.0;
                for second in 0..3 {
                    let count = total(&sends, second * 1_000_000_000, (second + 1) * 1_000_000_000);
                    assert!(
                        (count as f64 - rate).abs() <= slack,
                        "{count} in second {second} of {rate}/s, {overslept_ns} ns"
                    );
                }
                let most = (0..300).map(|at| total(&sends, at * 10_000_000, (at + 1) * 10_000_000));
                let most = most.max().unwrap_or(0) as f64;
                assert!(most <= rate / 100.0 * REPAY + slack, "{most} in 10 ms of {rate}/s");
            }
        }
    }
}
