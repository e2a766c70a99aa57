//! What a scan is asked for, and how its answer is judged by the lab's truth.

use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::output::Found;
use crate::lab::rule::{Protocol, Rule, State};

/// First address of every scan.
const FIRST: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 0);
/// Addresses of the largest. Not all of the lab: `zmap` walks the smallest of its
/// groups that holds all addresses, and 2^16 + 1 fits this many, where the next
/// one would make it pass over 127 numbers for each address that it probes.
const MOST_BITS: u32 = 16;

/// The first 2^bits addresses of the lab, and ports from 1 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Work {
    bits: u32,
    ports: u16,
}

impl Work {
    /// About `probes`: whole addresses first, then ports.
    #[must_use]
    pub fn about(probes: u64) -> Self {
        let bits = probes.max(1).ilog2().min(MOST_BITS);
        let ports = (probes >> bits).clamp(1, 1 << 10);
        Self { bits, ports: ports as u16 }
    }

    /// What takes about `time` at `rate`, but no more than this work.
    #[must_use]
    pub fn at_rate(self, rate: u64, time: Duration) -> Self {
        let probes = (rate as f64 * time.as_secs_f64()) as u64;
        Self::about(probes.min(self.probes()))
    }

    /// As a port scanner takes it, addresses first.
    #[must_use]
    pub fn targets(self) -> String {
        format!("{FIRST}/{}", 32 - self.bits)
    }

    /// How many ports.
    #[must_use]
    pub fn ports(self) -> u16 {
        self.ports
    }

    /// How many probes, each pair asked once.
    #[must_use]
    pub fn probes(self) -> u64 {
        u64::from(self.ports) << self.bits
    }

    /// The same addresses, one port.
    #[must_use]
    pub fn one_port(self) -> Self {
        Self { ports: 1, ..self }
    }
}

/// Which pairs of a work are open.
#[derive(Debug)]
pub struct Truth {
    work: Work,
    open: HashSet<Found>,
}

/// How near a scan came to the truth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// Found open pairs, of all open ones.
    pub recall: f64,
    /// Open pairs, of those reported as open; repeats count once.
    pub precision: f64,
}

impl Truth {
    /// That of `work` under `rule`.
    #[must_use]
    pub fn of(work: Work, rule: Rule) -> Self {
        let first = u32::from(FIRST);
        let open = (first..first + (1 << work.bits))
            .map(Ipv4Addr::from)
            .flat_map(|address| (1..=work.ports).map(move |port| (address, port)))
            .filter(|(address, port)| {
                rule.state((*address).into(), *port, Protocol::Tcp) == Some(State::Open)
            })
            .collect();
        Self { work, open }
    }

    /// The work.
    #[must_use]
    pub fn work(&self) -> Work {
        self.work
    }

    /// Judges what was reported as open. Where nothing is open, or nothing was
    /// reported, nothing was missed or invented.
    #[must_use]
    pub fn judge(&self, reported: &[Found]) -> Judged {
        let reported: HashSet<Found> = reported.iter().copied().collect();
        let right = reported.iter().filter(|found| self.open.contains(found)).count();
        let share = |of: usize| if of == 0 { 1.0 } else { right as f64 / of as f64 };
        Judged { recall: share(self.open.len()), precision: share(reported.len()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule = Rule { seed: 5, open: 200, closed: 300, icmp: 0 };

    #[test]
    fn work_is_addresses_first_and_then_ports() {
        assert_eq!(Work::about(1 << 19), Work { bits: 16, ports: 8 });
        assert_eq!(Work::about(5000), Work { bits: 12, ports: 1 });
        assert_eq!(Work::about(100_000).probes(), 65_536);
        let short = Work::about(1 << 19).at_rate(10_000, Duration::from_secs(1));
        assert_eq!((short.targets(), short.ports()), ("198.18.0.0/19".to_owned(), 1));
        let all = Work::about(1 << 19).at_rate(u64::MAX, Duration::from_secs(1));
        assert_eq!(all.probes(), 1 << 19);
    }

    #[test]
    fn what_is_missed_lowers_recall_and_what_is_invented_precision() {
        let truth = Truth::of(Work { bits: 6, ports: 4 }, RULE);
        let mut reported: Vec<Found> = truth.open.iter().copied().collect();
        let open = reported.len();
        assert!((20..90).contains(&open), "{open}");
        // A repeat is no second find.
        reported.push(reported[0]);
        assert_eq!(truth.judge(&reported), Judged { recall: 1.0, precision: 1.0 });
        // Another port of the same host, an address and a port that were not asked for.
        let first = u32::from(FIRST);
        let silent = (0..64)
            .flat_map(|low| (1..=4).map(move |port| (Ipv4Addr::from(first + low), port)))
            .find(|found| !truth.open.contains(found));
        reported.extend(silent);
        reported.extend([(Ipv4Addr::from(first + 64), 1), (FIRST, 5)]);
        let judged = truth.judge(&reported);
        let precision = open as f64 / (open + 3) as f64;
        assert!((judged.precision - precision).abs() < 1e-9, "{judged:?}");
        let half = truth.judge(&reported[..open / 2]);
        assert!((half.recall - (open / 2) as f64 / open as f64).abs() < 1e-9, "{half:?}");
    }

    #[test]
    fn nothing_reported_is_nothing_found() {
        let truth = Truth::of(Work { bits: 6, ports: 4 }, RULE);
        assert_eq!(truth.judge(&[]), Judged { recall: 0.0, precision: 1.0 });
    }
}
