//! What a job will ask for: time, messages, storage. From what was measured of a server with
//! `prtip-bench fleet` (docs/fleet.md), and from what its operator says that a worker sends.

use std::time::Duration;

/// Messages to and from the server for a range that is taken and given up: its hand-out, the
/// mark and the acknowledgement with their answers.
const MESSAGES_A_RANGE: f64 = 5.0;
/// Words of all workers a second at most.
const WORDS_A_SECOND: f64 = 100.0;
/// Bytes on the server's disk for a range, waiting and done.
pub const BYTES_A_RANGE: u64 = 130;
/// Bytes of a result there.
pub const BYTES_A_RESULT: u64 = 215;

/// A job before anybody works on it.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// Pairs to probe.
    pub pairs: u64,
    /// Probes to a pair that never answers.
    pub attempts: u8,
    /// How many ranges.
    pub ranges: u64,
    /// Wait for late answers.
    pub cooldown: Duration,
    /// Probes a second of all workers together; none: no limit.
    pub rate: Option<f64>,
    /// Probes a second of one worker; none: unknown.
    pub worker_rate: Option<f64>,
}

/// What so many workers make of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    /// Probes a second of all of them.
    pub pps: f64,
    /// Until all is done, where nearly nothing answers.
    pub seconds: f64,
    /// What a worker scans a range in, and the most that is scanned twice where one is lost.
    pub range_seconds: f64,
    /// At the server, without results.
    pub messages_per_second: f64,
    /// Workers without a range of their own.
    pub idle: u64,
}

impl Asked {
    /// `None` where neither rate is known.
    #[must_use]
    pub fn forecast(&self, workers: u64) -> Option<Forecast> {
        // Of more workers than ranges some have nothing to do.
        let busy = workers.min(self.ranges).max(1);
        let together = self.worker_rate.map(|rate| rate * busy as f64);
        let pps = match (self.rate, together) {
            (Some(rate), Some(together)) => rate.min(together),
            (one, other) => one.or(other)?,
        };
        let probes = self.pairs as f64 * f64::from(self.attempts);
        // The worker with the most ranges is the last.
        let rounds = self.ranges.div_ceil(busy) as f64;
        let range_seconds = probes / self.ranges as f64 / (pps / busy as f64);
        let seconds = rounds * range_seconds + self.cooldown.as_secs_f64();
        let words = (workers as f64).min(WORDS_A_SECOND);
        Some(Forecast {
            pps,
            seconds,
            range_seconds,
            messages_per_second: self.ranges as f64 * MESSAGES_A_RANGE / seconds + words,
            idle: workers - busy.min(workers),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const ASKED: Asked = Asked {
        pairs: 1_000_000,
        attempts: 1,
        ranges: 100,
        cooldown: Duration::from_secs(4),
        rate: None,
        worker_rate: Some(1000.0),
    };

    #[test]
    fn time_is_divided_among_workers_as_far_as_there_are_ranges_and_rate() {
        assert_eq!(ASKED.forecast(1).unwrap().seconds, 1004.0);
        assert_eq!(ASKED.forecast(10).unwrap().seconds, 104.0);
        let crowd = ASKED.forecast(1000).unwrap();
        assert_eq!((crowd.seconds, crowd.idle, crowd.range_seconds), (14.0, 900, 10.0));
        // 100 ranges among 60: somebody has two.
        assert_eq!(ASKED.forecast(60).unwrap().seconds, 24.0);
        let limited = Asked { rate: Some(2000.0), ..ASKED };
        assert_eq!(limited.forecast(10).unwrap().pps, 2000.0);
        assert_eq!(limited.forecast(1).unwrap().pps, 1000.0);
        assert_eq!(Asked { attempts: 2, ..ASKED }.forecast(1).unwrap().seconds, 2004.0);
        assert_eq!(Asked { worker_rate: None, ..ASKED }.forecast(3), None);
    }
}
