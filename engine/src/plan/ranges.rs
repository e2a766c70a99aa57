//! Sets of addresses as sorted, disjoint ranges, and the count of an address
//! in such a set (its rank) both ways.
//!
//! A set of one range is the fast case (one addition). For many ranges a bucket
//! index over the ranks finds the range in about one step, so a list of a
//! million single addresses stays quick. Memory grows with the number of
//! ranges, never with the number of addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An inclusive range of addresses of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IpRange {
    /// IPv4, first and last.
    V4(Ipv4Addr, Ipv4Addr),
    /// IPv6, first and last.
    V6(Ipv6Addr, Ipv6Addr),
}

impl IpRange {
    /// The range of one address.
    #[must_use]
    pub fn single(addr: IpAddr) -> Self {
        match addr {
            IpAddr::V4(addr) => Self::V4(addr, addr),
            IpAddr::V6(addr) => Self::V6(addr, addr),
        }
    }

    /// The addresses that share the first `length` bits with `addr`; `None`
    /// when the family has fewer bits.
    #[must_use]
    pub fn prefix(addr: IpAddr, length: u8) -> Option<Self> {
        match addr {
            IpAddr::V4(addr) if length <= 32 => {
                let host = u32::MAX.checked_shr(length.into()).unwrap_or(0);
                let bits = u32::from(addr);
                Some(Self::V4((bits & !host).into(), (bits | host).into()))
            }
            IpAddr::V6(addr) if length <= 128 => {
                let host = u128::MAX.checked_shr(length.into()).unwrap_or(0);
                let bits = u128::from(addr);
                Some(Self::V6((bits & !host).into(), (bits | host).into()))
            }
            _ => None,
        }
    }

    /// The lowest address.
    #[must_use]
    pub fn first(&self) -> IpAddr {
        match *self {
            Self::V4(first, _) => first.into(),
            Self::V6(first, _) => first.into(),
        }
    }

    /// The highest address.
    #[must_use]
    pub fn last(&self) -> IpAddr {
        match *self {
            Self::V4(_, last) => last.into(),
            Self::V6(_, last) => last.into(),
        }
    }

    /// Whether `other` lies wholly inside.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::V4(a, b), Self::V4(c, d)) => a <= c && d <= b,
            (Self::V6(a, b), Self::V6(c, d)) => a <= c && d <= b,
            _ => false,
        }
    }

    /// Whether the two have an address in common.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::V4(a, b), Self::V4(c, d)) => a <= d && c <= b,
            (Self::V6(a, b), Self::V6(c, d)) => a <= d && c <= b,
            _ => false,
        }
    }
}

impl IpRange {
    /// The addresses of both.
    #[must_use]
    pub fn common(&self, other: &Self) -> Option<Self> {
        match (*self, *other) {
            (Self::V4(a, b), Self::V4(c, d)) if a.max(c) <= b.min(d) => {
                Some(Self::V4(a.max(c), b.min(d)))
            }
            (Self::V6(a, b), Self::V6(c, d)) if a.max(c) <= b.min(d) => {
                Some(Self::V6(a.max(c), b.min(d)))
            }
            _ => None,
        }
    }

    /// The addresses before `other` and those behind it, as far as there are any.
    #[must_use]
    pub fn without(&self, other: &Self) -> Vec<Self> {
        let Some(common) = self.common(other) else { return vec![*self] };
        fn parts<T: Word>(whole: (T, T), hole: (T, T)) -> impl Iterator<Item = (T, T)> {
            let before = hole.0.previous().filter(|_| whole.0 < hole.0);
            let behind = hole.1.next().filter(|_| hole.1 < whole.1);
            let before = before.map(|last| (whole.0, last));
            before.into_iter().chain(behind.map(|first| (first, whole.1)))
        }
        match (*self, common) {
            (Self::V4(a, b), Self::V4(c, d)) => {
                let parts = parts::<u32>((a.into(), b.into()), (c.into(), d.into()));
                parts.map(|(first, last)| Self::V4(first.into(), last.into())).collect()
            }
            (Self::V6(a, b), Self::V6(c, d)) => {
                let parts = parts::<u128>((a.into(), b.into()), (c.into(), d.into()));
                parts.map(|(first, last)| Self::V6(first.into(), last.into())).collect()
            }
            _ => vec![*self],
        }
    }
}

impl fmt::Display for IpRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first() == self.last() {
            write!(f, "{}", self.first())
        } else {
            write!(f, "{}-{}", self.first(), self.last())
        }
    }
}

/// An address as a number: `u32` for IPv4, `u128` for IPv6.
pub(crate) trait Word: Copy + Ord + fmt::Debug + Default {
    /// One more; `None` after the last address of the family.
    fn next(self) -> Option<Self>;
    /// One less; `None` before the first.
    fn previous(self) -> Option<Self>;
    /// `self + by`; the caller knows that it fits.
    fn plus(self, by: u64) -> Self;
    /// `self - from` for `from <= self`.
    fn minus(self, from: Self) -> u128;
}

impl Word for u32 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
    fn previous(self) -> Option<Self> {
        self.checked_sub(1)
    }
    #[inline]
    fn plus(self, by: u64) -> Self {
        self.wrapping_add(by as u32)
    }
    #[inline]
    fn minus(self, from: Self) -> u128 {
        u128::from(self - from)
    }
}

impl Word for u128 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
    fn previous(self) -> Option<Self> {
        self.checked_sub(1)
    }
    #[inline]
    fn plus(self, by: u64) -> Self {
        self.wrapping_add(by.into())
    }
    #[inline]
    fn minus(self, from: Self) -> u128 {
        self - from
    }
}

/// A set of addresses of one family: inclusive ranges, ascending, with gaps
/// between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spans<T>(Vec<(T, T)>);

impl<T: Word> Spans<T> {
    /// The union of `spans`, in any order, overlapping or not.
    pub(crate) fn union(mut spans: Vec<(T, T)>) -> Self {
        spans.sort_unstable();
        let mut merged: Vec<(T, T)> = Vec::with_capacity(spans.len());
        for (first, last) in spans {
            match merged.last_mut() {
                // Overlapping or adjacent; a range up to the last address has no next.
                Some(open) if open.1.next().is_none_or(|next| first <= next) => {
                    open.1 = open.1.max(last);
                }
                _ => merged.push((first, last)),
            }
        }
        merged.shrink_to_fit();
        Self(merged)
    }

    /// What is in `self` and not in `other`.
    pub(crate) fn without(&self, other: &Self) -> Self {
        let mut left = Vec::with_capacity(self.0.len());
        let mut holes = other.0.iter().peekable();
        for &(first, last) in &self.0 {
            let mut rest = Some(first);
            while holes.next_if(|hole| hole.1 < first).is_some() {}
            // The last hole may reach into the next span: look, but do not consume.
            let mut ahead = holes.clone();
            while let Some(start) = rest {
                match ahead.next() {
                    Some(&(hole_first, hole_last)) if hole_first <= last => {
                        if let Some(end) = hole_first.previous().filter(|&end| start <= end) {
                            left.push((start, end));
                        }
                        rest = hole_last.next().filter(|&next| next <= last);
                    }
                    _ => {
                        left.push((start, last));
                        rest = None;
                    }
                }
            }
        }
        Self(left)
    }

    /// The number of addresses; all 2^128 count as 2^128 - 1.
    pub(crate) fn count(&self) -> u128 {
        self.0.iter().fold(0u128, |sum, &(first, last)| {
            sum.saturating_add(last.minus(first).saturating_add(1))
        })
    }

    /// The ranges, ascending.
    pub(crate) fn into_spans(self) -> Vec<(T, T)> {
        self.0
    }

    /// The ranges, ascending.
    pub(crate) fn as_slice(&self) -> &[(T, T)] {
        &self.0
    }
}

/// A set of addresses that knows the rank of each.
#[derive(Clone, Debug)]
pub(crate) struct Ranked<T> {
    spans: Vec<(T, T)>,
    /// `starts[s]`: the rank of the first address of span s.
    starts: Vec<u64>,
    /// `buckets[b]`: the span of rank `b << shift`; one more at the end.
    buckets: Vec<u32>,
    shift: u32,
    count: u64,
    /// First address of the first span, for the fast case.
    base: T,
    single: bool,
}

impl<T: Word> Ranked<T> {
    /// Indexes `set`; its count must fit into a `u64`.
    pub(crate) fn new(set: Spans<T>) -> Self {
        let spans = set.0;
        let mut count = 0u64;
        let starts: Vec<u64> = spans
            .iter()
            .map(|&(first, last)| {
                let start = count;
                count += last.minus(first) as u64 + 1;
                start
            })
            .collect();
        // About two buckets a span.
        let wanted = (spans.len() as u64 * 2).max(1);
        let shift = 64 - (count / wanted).leading_zeros();
        let mut buckets = Vec::new();
        if spans.len() > 1 {
            let mut span = 0;
            for bucket in 0..=(count - 1) >> shift {
                while starts.get(span + 1).is_some_and(|&start| start <= bucket << shift) {
                    span += 1;
                }
                buckets.push(span as u32);
            }
            buckets.push(spans.len() as u32 - 1);
        }
        let base = spans.first().map_or(T::default(), |span| span.0);
        Self { single: spans.len() == 1, base, spans, starts, buckets, shift, count }
    }

    /// The number of addresses.
    #[inline]
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The ranges, ascending.
    pub(crate) fn spans(&self) -> &[(T, T)] {
        &self.spans
    }

    /// The rank of the first address of every span; the span of every 2^shift-th rank
    /// and one more; the shift.
    pub(crate) fn index(&self) -> (&[u64], &[u32], u32) {
        (&self.starts, &self.buckets, self.shift)
    }

    /// The address of `rank` < count.
    #[inline]
    pub(crate) fn at(&self, rank: u64) -> T {
        if self.single { self.base.plus(rank) } else { self.at_many(rank) }
    }

    /// Kept out of the way of the fast case.
    #[cold]
    #[inline(never)]
    fn at_many(&self, rank: u64) -> T {
        let bucket = (rank >> self.shift) as usize;
        let low = self.buckets[bucket] as usize;
        let high = self.buckets[bucket + 1] as usize;
        let span = low + self.starts[low + 1..=high].partition_point(|&start| start <= rank);
        self.spans[span].0.plus(rank - self.starts[span])
    }

    /// The rank of `addr`, or `None` when the set does not hold it.
    #[inline]
    pub(crate) fn rank_of(&self, addr: T) -> Option<u64> {
        let span = self.spans.partition_point(|&(first, _)| first <= addr).checked_sub(1)?;
        let (first, last) = self.spans[span];
        (addr <= last).then(|| self.starts[span] + addr.minus(first) as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn oracle(spans: &[(u32, u32)]) -> BTreeSet<u32> {
        spans.iter().flat_map(|&(first, last)| first..=last).collect()
    }

    fn some_spans() -> impl Strategy<Value = Vec<(u32, u32)>> {
        proptest::collection::vec((0u32..400, 0u32..40), 0..30)
            .prop_map(|spans| spans.into_iter().map(|(first, n)| (first, first + n)).collect())
    }

    proptest! {
        #[test]
        fn union_and_difference_agree_with_sets(a in some_spans(), b in some_spans()) {
            let (set_a, set_b) = (oracle(&a), oracle(&b));
            let (a, b) = (Spans::union(a), Spans::union(b));
            prop_assert_eq!(&oracle(a.as_slice()), &set_a);
            let left = a.without(&b);
            let expected: BTreeSet<u32> = set_a.difference(&set_b).copied().collect();
            prop_assert_eq!(oracle(left.as_slice()), expected.clone());
            prop_assert_eq!(left.count(), expected.len() as u128);
            for pair in left.as_slice().windows(2) {
                prop_assert!(pair[0].1 < pair[1].0);
            }
        }

        #[test]
        fn ranks_count_the_addresses_in_order(spans in some_spans()) {
            let set = oracle(&spans);
            let ranked = Ranked::new(Spans::union(spans));
            prop_assert_eq!(ranked.count(), set.len() as u64);
            for (rank, &addr) in set.iter().enumerate() {
                prop_assert_eq!(ranked.at(rank as u64), addr);
            }
            for addr in 0..500 {
                let expected = set.contains(&addr).then(|| set.range(..addr).count() as u64);
                prop_assert_eq!(ranked.rank_of(addr), expected);
            }
        }
    }

    #[test]
    fn the_ends_of_both_families_are_no_special_case() {
        let all = Spans::union(vec![(0u32, u32::MAX)]);
        assert_eq!(all.count(), 1 << 32);
        let middle = all.without(&Spans::union(vec![(0, 9), (u32::MAX - 9, u32::MAX)]));
        assert_eq!(middle.as_slice(), [(10, u32::MAX - 10)]);
        assert_eq!(all.without(&all).as_slice(), []);
        let all = Spans::union(vec![(0u128, u128::MAX)]);
        assert_eq!(all.count(), u128::MAX);
        assert_eq!(all.without(&Spans::union(vec![(0, 0)])).as_slice(), [(1, u128::MAX)]);
        let top = Spans::union(vec![(u128::MAX, u128::MAX), (5, 5)]);
        let ranked = Ranked::new(top);
        assert_eq!((ranked.at(0), ranked.at(1)), (5, u128::MAX));
    }

    #[test]
    fn a_million_single_addresses_beside_a_huge_range_resolve_both_ways() {
        let mut spans: Vec<(u128, u128)> = (0..1_000_000u128).map(|n| (n * 3, n * 3)).collect();
        spans.push((1 << 100, (1 << 100) + (1 << 60)));
        let ranked = Ranked::new(Spans::union(spans));
        for rank in (0..1_000_000).step_by(997).chain([999_999, 1_000_000, 1 << 60]) {
            assert_eq!(ranked.rank_of(ranked.at(rank)), Some(rank));
        }
        assert_eq!(ranked.at(1_000_000), 1 << 100);
        assert_eq!(ranked.rank_of(4), None);
    }
}
