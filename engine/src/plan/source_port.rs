//! Which of our ports a probe leaves from: by the pair probed and the attempt.
//!
//! `port = first + slot · attempts + attempt`, where the slot is a cheap
//! multiplicative hash of the destination. A reply therefore says which attempt
//! it answers, and a reply to a port that we would not have used for its sender
//! is not ours. The hash spreads, it does not protect: that is the cookie's
//! work. It is salted by the scan's key, so that another scan of the same hosts
//! leaves from other ports and does not meet its own half-open connections.

use std::ops::RangeInclusive;

use super::error::PlanError;

/// The division of the source ports among destinations and attempts.
#[derive(Clone, Copy, Debug)]
pub struct SourcePorts {
    first: u16,
    last: u16,
    attempts: u16,
    slots: u32,
    salt: u64,
}

/// Odd, with its bits about evenly set: 2^64 over the golden ratio.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

impl SourcePorts {
    /// Divides `ports` for `attempts` attempts at each pair.
    ///
    /// # Errors
    /// [`PlanError::SourcePorts`] when there are fewer ports than attempts, no
    /// attempt, or port 0 among the ports.
    pub fn new(ports: RangeInclusive<u16>, attempts: u8, salt: u64) -> Result<Self, PlanError> {
        let (first, last) = (*ports.start(), *ports.end());
        let spread = (u32::from(last) + 1).saturating_sub(first.into());
        let slots = spread.checked_div(attempts.into()).unwrap_or(0);
        if slots == 0 || first == 0 {
            return Err(PlanError::SourcePorts { first, last, attempts });
        }
        Ok(Self { first, last, attempts: attempts.into(), slots, salt })
    }

    /// The first and the last port.
    #[must_use]
    pub fn bounds(&self) -> (u16, u16) {
        (self.first, self.last)
    }

    /// Slots, attempts and salt: what the hashes are turned into ports with.
    #[must_use]
    pub fn division(&self) -> (u32, u16, u64) {
        (self.slots, self.attempts, self.salt)
    }

    /// The port for `attempt` at the destination hashed to `hash`.
    #[inline]
    #[must_use]
    pub(crate) fn of(&self, hash: u32, attempt: u8) -> u16 {
        self.wide(hash, attempt) as u16
    }

    /// [`of`](Self::of) as a wider word: at most 65535, because it is below
    /// first + slots · attempts <= last + 1.
    #[inline]
    pub(crate) fn wide(&self, hash: u32, attempt: u8) -> u32 {
        let slot = ((u64::from(hash) * u64::from(self.slots)) >> 32) as u32;
        slot.wrapping_mul(self.attempts.into())
            .wrapping_add(u32::from(self.first) + u32::from(attempt))
    }

    /// The attempt told by `port` for the destination hashed to `hash`; `None`
    /// when none of its attempts leaves from there.
    #[must_use]
    pub(crate) fn attempt_of(&self, hash: u32, port: u16) -> Option<u8> {
        let attempt = port.checked_sub(self.of(hash, 0))?;
        (attempt < self.attempts).then_some(attempt as u8)
    }

    /// Hashes an IPv4 destination: its address in the upper half, its port in
    /// bits 16 to 31, both in host order.
    #[inline]
    pub(crate) fn hash_v4(&self, destination: u64) -> u32 {
        ((destination ^ self.salt).wrapping_mul(SPREAD) >> 32) as u32
    }

    /// Hashes an IPv6 destination: the address's two little-endian words and the
    /// port as on the wire.
    #[inline]
    pub(crate) fn hash_v6(&self, addr: [u64; 2], port: u16) -> u32 {
        let high = (addr[0] ^ self.salt).wrapping_mul(SPREAD);
        let mixed = (high ^ high >> 32 ^ addr[1] ^ u64::from(port)).wrapping_mul(SPREAD);
        ((mixed ^ mixed >> 32).wrapping_mul(SPREAD) >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_range_too_small_for_the_attempts_is_refused() {
        assert!(SourcePorts::new(61_000..=61_002, 3, 0).is_ok());
        assert!(SourcePorts::new(61_000..=61_001, 3, 0).is_err());
        let (first, last) = (61_000, 60_000);
        assert!(SourcePorts::new(first..=last, 1, 0).is_err());
        assert!(SourcePorts::new(0..=100, 1, 0).is_err());
        assert!(SourcePorts::new(61_000..=61_100, 0, 0).is_err());
        assert!(SourcePorts::new(1..=65_535, 255, 0).is_ok());
    }

    #[test]
    fn neighbouring_destinations_use_the_whole_range_evenly() {
        let ports = SourcePorts::new(61_000..=65_535, 2, 99).unwrap();
        let mut used = vec![0u32; 4536];
        for addr in 0..1u32 << 16 {
            let word = u64::from(0xc612_0000 + addr) << 32 | 80 << 16;
            used[usize::from(ports.of(ports.hash_v4(word), 0) - 61_000)] += 1;
        }
        let busy = used.iter().step_by(2);
        // 65,536 over 2,268 slots: 29 each.
        assert!(busy.clone().all(|&n| (5..90).contains(&n)), "{:?}", busy.max());
    }

    #[test]
    fn neighbouring_ipv6_destinations_use_the_whole_range_evenly() {
        let ports = SourcePorts::new(61_000..=65_535, 1, 99).unwrap();
        let mut used = vec![0u32; 4536];
        for addr in 0..1u64 << 17 {
            let word = [0x0002_0120_u64, addr.swap_bytes()];
            used[usize::from(ports.of(ports.hash_v6(word, 80), 0) - 61_000)] += 1;
        }
        assert!(used.iter().all(|&n| (5..90).contains(&n)), "{:?}", used.iter().max());
    }

    proptest! {
        #[test]
        fn the_port_tells_the_attempt(
            first in 1u16.., spread: u16, attempts in 1u8.., attempt: u8, hash: u32, foreign: u16
        ) {
            let last = first.saturating_add(spread);
            let Ok(ports) = SourcePorts::new(first..=last, attempts, 1) else {
                prop_assert!(last - first + 1 < attempts.into());
                return Ok(());
            };
            let attempt = attempt % attempts;
            let port = ports.of(hash, attempt);
            prop_assert!((first..=last).contains(&port));
            prop_assert_eq!(ports.attempt_of(hash, port), Some(attempt));
            if let Some(attempt) = ports.attempt_of(hash, foreign) {
                prop_assert_eq!(ports.of(hash, attempt), foreign);
            }
        }
    }
}
