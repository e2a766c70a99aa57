//! Which hosts seem to limit their ICMP errors: those that say "port unreachable" at an
//! even pace while most of their UDP ports stay silent.
//!
//! Ports are asked in random order. A host that answers whenever it is asked for a closed
//! port does so at random intervals; one that answers once a second, as Linux does after
//! a few, does so at even ones. A table of fixed size: a host that answers often stays in
//! it, so the hosts that one would want to know of are those that are found.

use std::net::IpAddr;

/// Hosts watched at once; a power of two.
const HOSTS: usize = 64;
/// The last intervals of a host that are looked at.
const INTERVALS: usize = 6;
/// Even: the longest is no longer than the shortest by more than this. (Of six random
/// intervals that happens to one host in some thousands.)
const EVEN: u64 = 1500;
/// A host that answers faster is no bother.
const SHORTEST_NS: u64 = 2_000_000;
/// Answers of others until a host's place is given away.
const MOST_LIVES: u32 = 64;

/// The table.
#[derive(Debug)]
pub(super) struct IcmpLimits {
    hosts: Box<[Option<Host>]>,
}

#[derive(Clone, Copy, Debug)]
struct Host {
    addr: IpAddr,
    closed: u64,
    last_ns: u64,
    intervals_ns: [u64; INTERVALS],
    lives: u32,
}

/// A host that answers at an even pace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Even {
    pub addr: IpAddr,
    /// "Port unreachable" in all.
    pub closed: u64,
    /// From one to the next, on average.
    pub interval_ns: u64,
}

impl IcmpLimits {
    pub(super) fn new() -> Self {
        Self { hosts: vec![None; HOSTS].into_boxed_slice() }
    }

    /// A port of `addr` was found closed at `at_ns`.
    pub(super) fn closed(&mut self, addr: IpAddr, at_ns: u64) {
        let words = match addr {
            IpAddr::V4(addr) => u64::from(u32::from(addr)),
            IpAddr::V6(addr) => (u128::from(addr) >> 64) as u64 ^ u128::from(addr) as u64,
        };
        let place = words.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58;
        let slot = &mut self.hosts[place as usize % HOSTS];
        match slot {
            Some(host) if host.addr == addr => {
                host.intervals_ns.rotate_left(1);
                host.intervals_ns[INTERVALS - 1] = at_ns.saturating_sub(host.last_ns);
                host.last_ns = at_ns;
                host.closed += 1;
                host.lives = (host.lives + 1).min(MOST_LIVES);
            }
            Some(host) if host.lives > 0 => host.lives -= 1,
            _ => {
                *slot = Some(Host {
                    addr,
                    closed: 1,
                    last_ns: at_ns,
                    intervals_ns: [0; INTERVALS],
                    lives: 1,
                });
            }
        }
    }

    /// The hosts whose last answers came at an even pace.
    pub(super) fn even(&self) -> impl Iterator<Item = Even> + '_ {
        self.hosts.iter().flatten().filter_map(|host| {
            let shortest = host.intervals_ns.iter().min()?;
            let longest = host.intervals_ns.iter().max()?;
            let even = *shortest >= SHORTEST_NS && longest * 1000 <= shortest * EVEN;
            let interval_ns = host.intervals_ns.iter().sum::<u64>() / INTERVALS as u64;
            even.then_some(Even { addr: host.addr, closed: host.closed, interval_ns })
        })
    }
}

/// What people should know of the hosts that answer at an even pace; each with how many
/// of its UDP ports stayed silent.
pub(super) fn remark(hosts: &[(Even, u64)]) -> Option<String> {
    // Where most ports answered, an even pace is that of the scan.
    let limiting: Vec<&(Even, u64)> =
        hosts.iter().filter(|(even, silent)| *silent > even.closed).collect();
    let (first, _) = limiting.first()?;
    let fastest_ns = limiting.iter().map(|(even, _)| even.interval_ns).min()?;
    let silent: u64 = limiting.iter().map(|(_, silent)| silent).sum();
    let per_second = 1e9 / fastest_ns as f64;
    let who = match limiting.len() {
        1 => format!("{} seems", first.addr),
        count => format!("{count} hosts ({} among them) seem", first.addr),
    };
    Some(format!(
        "{who} to limit the ICMP errors sent (about {per_second:.1} a second): of the {silent} UDP \
         ports that are silent there most may be closed; scan one host alone with --rate {:.1}",
        (per_second * 0.9).max(0.1)
    ))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn host(number: u32) -> IpAddr {
        Ipv4Addr::from(0xc612_0000 + number).into()
    }

    /// SplitMix64, as a share of 1.
    fn draw(state: &mut u64) -> f64 {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = *state;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((word ^ word >> 31) >> 11) as f64 / (1u64 << 53) as f64
    }

    #[test]
    fn a_host_that_answers_six_times_and_then_once_a_second_is_seen() {
        let mut limits = IcmpLimits::new();
        let mut random = 1;
        for answer in 0..6_u64 {
            limits.closed(host(1), answer * 50_000_000);
        }
        for second in 1..8_u64 {
            let late = (draw(&mut random) * 5e7) as u64;
            limits.closed(host(1), 300_000_000 + second * SECOND + late);
        }
        let even: Vec<Even> = limits.even().collect();
        assert_eq!((even.len(), even[0].addr, even[0].closed), (1, host(1), 13));
        let word = remark(&[(even[0], 500)]).expect("most are silent");
        assert!(
            word.contains("198.18.0.1 seems to limit") && word.contains("1.0 a second"),
            "{word}"
        );
        assert_eq!(remark(&[(even[0], 5)]), None, "most answered: it is the pace of the scan");
    }

    #[test]
    fn hosts_that_answer_at_random_are_not() {
        let mut random = 7;
        let mut seen = 0;
        for round in 0..2_000 {
            let mut limits = IcmpLimits::new();
            let mut at_ns = 0;
            for _ in 0..30 {
                at_ns += (-(1.0 - draw(&mut random)).ln() * 1e9) as u64;
                limits.closed(host(round), at_ns);
            }
            seen += limits.even().count();
        }
        assert!(seen < 10, "{seen} of 2000");
    }

    #[test]
    fn a_host_that_goes_on_answering_stays_among_many_that_do_not() {
        let mut limits = IcmpLimits::new();
        for second in 0..60_u64 {
            limits.closed(host(1), second * SECOND);
            for other in 0..20 {
                let number = 1000 + second as u32 * 20 + other;
                limits.closed(host(number), second * SECOND + u64::from(other));
            }
        }
        assert!(limits.even().any(|even| even.addr == host(1) && even.closed > 40));
    }
}
