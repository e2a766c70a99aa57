//! What is known of each target on our own networks: not asked yet, asked, silent, or
//! its MAC address. One word a target, read by workers for every probe, written by
//! the thread that asks.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use zerocopy::FromZeros;

use crate::plan::IpRange;

/// Most targets on our own networks, all interfaces together: 8 MiB. A network of
/// more is asked through the kernel, which forgets.
pub(crate) const MOST: u64 = 1 << 20;

const MAC_BITS: u32 = 48;
const MAC_MASK: u64 = (1 << MAC_BITS) - 1;
const ASKED: u64 = 1 << MAC_BITS;
const SILENT: u64 = 2 << MAC_BITS;
const KNOWN: u64 = 3 << MAC_BITS;

/// Where a neighbour stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scan) enum State {
    /// Nobody has asked for it.
    Unknown,
    /// It has been asked for and may still answer. When, in microseconds of
    /// CLOCK_MONOTONIC; 0 where it was more than once.
    Asked(u64),
    /// It has not answered.
    Silent,
    /// It has answered.
    Known([u8; 6]),
}

impl State {
    /// Whether it may still answer.
    pub(in crate::scan) fn is_undecided(self) -> bool {
        matches!(self, Self::Asked(_))
    }
}

/// One stretch of targets.
#[derive(Clone, Copy, Debug)]
struct Stretch<T> {
    first: T,
    last: T,
    /// Place of the first one in the table.
    place: u64,
    path: u16,
}

/// The table.
#[derive(Debug)]
pub(in crate::scan) struct Table {
    v4: Vec<Stretch<u32>>,
    v6: Vec<Stretch<u128>>,
    words: Box<[AtomicU64]>,
}

impl Table {
    /// A table for these ranges (of each family ascending and apart), each with the
    /// number of the path that it is on. `None`: more addresses than [`MOST`].
    ///
    /// # Panics
    /// When the memory is not to be had.
    pub(in crate::scan) fn new(ranges: &[(IpRange, usize)]) -> Option<Self> {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        let mut place = 0u64;
        for &(range, path) in ranges {
            let path = path as u16;
            let count = match range {
                IpRange::V4(first, last) => {
                    let (first, last) = (first.into(), last.into());
                    v4.push(Stretch { first, last, place, path });
                    u64::from(last - first)
                }
                IpRange::V6(first, last) => {
                    let (first, last) = (first.into(), last.into());
                    v6.push(Stretch { first, last, place, path });
                    u64::try_from(last - first).ok()?
                }
            };
            place = place.checked_add(count)?.checked_add(1)?;
            if place > MOST {
                return None;
            }
        }
        let words = <[AtomicU64]>::new_box_zeroed_with_elems(place as usize)
            .expect("memory for the neighbours is to be had");
        Some(Self { v4, v6, words })
    }

    /// The number of targets.
    pub(in crate::scan) fn len(&self) -> usize {
        self.words.len()
    }

    /// The place of a target and the number of its path.
    #[inline]
    pub(in crate::scan) fn find(&self, addr: IpAddr) -> Option<(usize, usize)> {
        match addr {
            IpAddr::V4(addr) => find(&self.v4, addr.into(), |addr, first| (addr - first).into()),
            IpAddr::V6(addr) => find(&self.v6, addr.into(), |addr, first| (addr - first) as u64),
        }
    }

    /// The address at a place.
    #[cfg(test)]
    fn address(&self, place: usize) -> Option<IpAddr> {
        let place = place as u64;
        let v4 = self.v4.iter().find_map(|s| {
            let addr = s.first.checked_add(u32::try_from(place.checked_sub(s.place)?).ok()?)?;
            (addr <= s.last).then(|| IpAddr::V4(addr.into()))
        });
        v4.or_else(|| {
            self.v6.iter().find_map(|s| {
                let addr = s.first.checked_add(place.checked_sub(s.place)?.into())?;
                (addr <= s.last).then(|| IpAddr::V6(addr.into()))
            })
        })
    }

    /// What is known at a place.
    #[inline]
    pub(in crate::scan) fn state(&self, place: usize) -> State {
        let word = self.words[place].load(Ordering::Acquire);
        match word >> MAC_BITS << MAC_BITS {
            ASKED => State::Asked(word & MAC_MASK),
            SILENT => State::Silent,
            KNOWN => {
                let [.., a, b, c, d, e, f] = word.to_be_bytes();
                State::Known([a, b, c, d, e, f])
            }
            _ => State::Unknown,
        }
    }

    /// Writes what is known now.
    pub(in crate::scan) fn set(&self, place: usize, state: State) {
        let word = match state {
            State::Unknown => 0,
            State::Asked(since_us) => ASKED | since_us & MAC_MASK,
            State::Silent => SILENT,
            State::Known([a, b, c, d, e, f]) => {
                KNOWN | u64::from_be_bytes([0, 0, a, b, c, d, e, f])
            }
        };
        self.words[place].store(word, Ordering::Release);
    }

    /// The MAC address of a target; `None` where it has not answered, or is none.
    #[inline]
    pub(in crate::scan) fn mac(&self, addr: IpAddr) -> Option<[u8; 6]> {
        match self.state(self.find(addr)?.0) {
            State::Known(mac) => Some(mac),
            _ => None,
        }
    }

    /// Targets that have not answered.
    pub(in crate::scan) fn silent(&self) -> u64 {
        (0..self.len()).filter(|place| self.state(*place) == State::Silent).count() as u64
    }
}

fn find<T: Copy + Ord>(
    stretches: &[Stretch<T>],
    addr: T,
    distance: impl Fn(T, T) -> u64,
) -> Option<(usize, usize)> {
    let after = stretches.partition_point(|stretch| stretch.first <= addr);
    let stretch = stretches.get(after.checked_sub(1)?)?;
    (addr <= stretch.last).then(|| {
        let place = stretch.place + distance(addr, stretch.first);
        (place as usize, usize::from(stretch.path))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn ranges() -> Vec<(IpRange, usize)> {
        let prefix = |text: &str, length| IpRange::prefix(text.parse().unwrap(), length).unwrap();
        vec![
            (prefix("198.18.0.0", 24), 0),
            (prefix("198.18.9.0", 30), 1),
            (prefix("255.255.255.252", 30), 1),
            (prefix("2001:2::", 120), 0),
        ]
    }

    #[test]
    fn every_target_has_a_place_of_its_own() {
        let table = Table::new(&ranges()).unwrap();
        assert_eq!(table.len(), 256 + 4 + 4 + 256);
        for place in 0..table.len() {
            let addr = table.address(place).unwrap();
            assert_eq!(table.find(addr).unwrap().0, place, "{addr}");
        }
        for outside in ["198.18.1.0", "198.17.255.255", "198.18.9.4", "2001:2::100", "::"] {
            assert_eq!(table.find(outside.parse().unwrap()), None, "{outside}");
        }
        assert_eq!(table.find("198.18.9.3".parse().unwrap()).unwrap().1, 1);
    }

    #[test]
    fn too_large_a_network_is_no_table() {
        let prefix = |text: &str, length| IpRange::prefix(text.parse().unwrap(), length).unwrap();
        assert!(Table::new(&[(prefix("10.0.0.0", 12), 0)]).is_some());
        assert!(Table::new(&[(prefix("10.0.0.0", 11), 0)]).is_none());
        assert!(Table::new(&[(prefix("2001:2::", 48), 0)]).is_none());
        assert!(Table::new(&[(prefix("::", 0), 0)]).is_none());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(mac: [u8; 6], last in 0u8..=255) {
            let table = Table::new(&ranges()).unwrap();
            let addr = IpAddr::from([198, 18, 0, last]);
            let (place, _) = table.find(addr).unwrap();
            for state in [State::Asked(77), State::Silent, State::Known(mac), State::Unknown] {
                table.set(place, state);
                prop_assert_eq!(table.state(place), state);
                let known = match state { State::Known(mac) => Some(mac), _ => None };
                prop_assert_eq!(table.mac(addr), known);
            }
        }
    }
}
