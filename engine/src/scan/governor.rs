//! The rate of a scan for which none was asked: as fast as it goes until something
//! is dropped, then less, and slowly up again. Additive caution, as TCP does it,
//! for all workers together: replies may come in on any worker's queue, so who
//! drops them is not who sends too fast.

/// Time between two looks.
const LOOK_NS: u64 = 20_000_000;
/// After a decrease the next waits for its effect to show.
const SETTLE_NS: u64 = 100_000_000;
/// A drop costs this share of the rate.
const DECREASE: f64 = 0.7;
/// A quiet look adds this much.
const INCREASE: f64 = 1.03;
/// The rate never falls below this, probes a second.
const LEAST: f64 = 1000.0;

/// Watches what is sent and what is dropped.
#[derive(Debug)]
pub(super) struct Governor {
    look_at_ns: u64,
    decreased_at_ns: u64,
    last: Look,
    /// The highest rate measured lately: a stall must not pass for the rate.
    recent: f64,
    limit: Option<f64>,
    /// The lowest limit there was, probes a second.
    pub(super) lowest: Option<f64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Look {
    at_ns: u64,
    sent: u64,
    drops: u64,
}

impl Governor {
    /// Starts at `now_ns`, without a limit.
    pub(super) fn new(now_ns: u64) -> Self {
        Self {
            look_at_ns: now_ns + LOOK_NS,
            decreased_at_ns: now_ns,
            last: Look { at_ns: now_ns, ..Look::default() },
            recent: 0.0,
            limit: None,
            lowest: None,
        }
    }

    /// `sent` and `drops` are totals. A new limit in probes a second, where it changes.
    pub(super) fn turn(&mut self, now_ns: u64, sent: u64, drops: u64) -> Option<f64> {
        if now_ns < self.look_at_ns {
            return None;
        }
        let seconds = (now_ns - self.last.at_ns) as f64 / 1e9;
        let measured = sent.saturating_sub(self.last.sent) as f64 / seconds;
        let dropped = drops > self.last.drops;
        self.last = Look { at_ns: now_ns, sent, drops };
        self.look_at_ns = now_ns + LOOK_NS;
        // A look in which nothing left tells nothing of the rate.
        if measured > 0.0 {
            self.recent = measured.max(self.recent * 0.9);
        }
        if dropped {
            if self.limit.is_some() && now_ns < self.decreased_at_ns + SETTLE_NS {
                return None;
            }
            self.decreased_at_ns = now_ns;
            let rate = self.limit.map_or(self.recent, |limit| limit.min(self.recent));
            let limit = (rate * DECREASE).max(LEAST);
            self.limit = Some(limit);
            self.lowest = Some(self.lowest.map_or(limit, |lowest| lowest.min(limit)));
            return self.limit;
        }
        // A limit far above what is sent says nothing: raise only one that is in use.
        let limit = self.limit?;
        if measured < limit * 0.8 {
            return None;
        }
        self.limit = Some(limit * INCREASE);
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A receiver that drops whatever exceeds `capacity`; returns the rate of the last
    /// second and the drops in it.
    fn settle(capacity: f64, sender: f64) -> (f64, u64) {
        let mut governor = Governor::new(0);
        let (mut limit, mut sent, mut drops) = (sender, 0.0, 0.0);
        let (mut last_second, mut last_drops) = (0.0, 0.0);
        for look in 1..=1000_u64 {
            let rate = limit.min(sender);
            sent += rate * 0.02;
            let lost = (rate - capacity).max(0.0) * 0.02;
            drops += lost;
            if look > 950 {
                last_second += rate * 0.02;
                last_drops += lost;
            }
            if let Some(new) = governor.turn(look * LOOK_NS, sent as u64, drops as u64) {
                limit = new;
            }
        }
        (last_second, last_drops as u64)
    }

    #[test]
    fn settles_near_what_the_receiver_takes() {
        for capacity in [5_000.0, 80_000.0, 900_000.0] {
            let (rate, drops) = settle(capacity, 1_000_000.0);
            assert!(rate > capacity * 0.65 && rate < capacity * 1.05, "{rate} of {capacity}");
            assert!((drops as f64) < capacity * 0.03, "{drops} of {capacity}");
        }
    }

    #[test]
    fn nothing_dropped_is_no_limit() {
        let mut governor = Governor::new(0);
        assert!((1..100).all(|look| governor.turn(look * LOOK_NS, look * 20_000, 0).is_none()));
        assert_eq!(governor.lowest, None);
    }

    #[test]
    fn a_stall_does_not_pass_for_the_rate() {
        let mut governor = Governor::new(0);
        for look in 1..10 {
            governor.turn(look * LOOK_NS, look * 10_000, 0);
        }
        // Nothing sent for one look, and a drop: the limit follows the 500,000 a second before.
        let limit = governor.turn(10 * LOOK_NS, 90_000, 1).expect("a drop sets a limit");
        assert!(limit > 250_000.0, "{limit}");
    }
}
