//! What to scan and in which order: a spec as asked becomes a plan proved valid.
//!
//! Shapes: an *address rank* counts the allowed addresses (all IPv4 first, then
//! IPv6, each ascending); a *port rank* counts the ports ascending;
//! `rank = address_rank * ports + port_rank`; `index` is the position in sending
//! order, `rank = permutation.forward(index)`.

pub mod probe;

use std::net::IpAddr;
use std::ops::Range;

/// One (address, port) pair of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// The address probed.
    pub addr: IpAddr,
    /// The TCP port probed, host byte order.
    pub port: u16,
}

/// An immutable, validated scan plan: N items and their order.
pub struct Plan {}

impl Plan {
    /// N, the number of (address, port) pairs of the whole scan, all shards.
    #[must_use]
    pub fn len(&self) -> u64 {
        unimplemented!()
    }

    /// The indices of this shard, half open.
    #[must_use]
    pub fn shard(&self) -> Range<u64> {
        unimplemented!()
    }

    /// The pair at `index` < N.
    #[must_use]
    pub fn target(&self, index: u64) -> Target {
        let _ = index;
        unimplemented!()
    }

    /// The index of a pair, or `None` when the plan does not hold it.
    #[must_use]
    pub fn index_of(&self, target: Target) -> Option<u64> {
        let _ = target;
        unimplemented!()
    }

    /// The seed of the permutation.
    #[must_use]
    pub fn seed(&self) -> u64 {
        unimplemented!()
    }
}
