//! What to scan and in which order: a spec as asked becomes a plan proved valid.
//!
//! Shapes: an *address rank* counts the allowed addresses (all IPv4 first, then
//! IPv6, each ascending); a *slot* counts what is asked of each address (TCP ports
//! ascending, then UDP ports; one slot where hosts are looked for);
//! `rank = address_rank * slots + slot`; `index` is the position in sending
//! order, `rank = permutation.forward(index)`.
//!
//! * [`target`], [`list`], [`ports`]: what people write. [`special`]: what is left out
//!   unless it is named. [`mod@top_ports`]: which ports when none are named.
//! * [`items`]: what is asked of every address.
//! * [`builder`]: from all of these to a [`Plan`], or a [`PlanError`].
//! * [`permutation`]: the order. [`ranges`]: address sets and ranks.
//! * [`probe`]: the bytes of a probe as a function of (plan, index, attempt),
//!   with [`cookies`], [`source_port`] and [`origin`] for its fields; [`answer`]:
//!   which probe a reply answers; `recipe`: what the kernel needs to make the same
//!   probes.
//!
//! No I/O: host names are resolved and files read by the caller. Memory grows
//! with the number of ranges and ports, never with N.

pub mod answer;
pub mod builder;
pub mod cookies;
mod division;
pub mod error;
pub mod items;
pub mod list;
pub mod origin;
pub mod permutation;
pub mod ports;
pub mod probe;
pub mod ranges;
mod recipe;
pub mod source_port;
pub mod special;
pub mod target;
pub mod top_ports;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

pub use builder::PlanBuilder;
pub use error::PlanError;
pub use items::{Ask, Items, ProbeKind, Protocol, Purpose};
pub use list::{parse_list, read_list};
pub use ports::{PortSet, PortSpec, parse_ports};
pub use ranges::IpRange;
pub use target::{TargetToken, parse_target};
pub use top_ports::{top_ports, top_udp_ports};

use division::Divisor;
use permutation::Permutation;
use ranges::Ranked;

/// One (address, protocol, port) of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// The address probed.
    pub addr: IpAddr,
    /// The port probed, host byte order; 0 where hosts are looked for.
    pub port: u16,
    /// Its protocol.
    pub protocol: Protocol,
}

impl Target {
    /// A TCP port.
    #[must_use]
    pub const fn tcp(addr: IpAddr, port: u16) -> Self {
        Self { addr, port, protocol: Protocol::Tcp }
    }
}

/// An immutable, validated scan plan: N items and their order.
#[derive(Clone, Debug)]
pub struct Plan {
    v4: Ranked<u32>,
    v6: Ranked<u128>,
    items: Items,
    per_address: Divisor,
    permutation: Permutation,
    shard: Range<u64>,
    seed: u64,
    hash: u64,
}

impl Plan {
    /// Starts an empty plan.
    #[must_use]
    pub fn builder() -> PlanBuilder {
        PlanBuilder::default()
    }

    /// N, the number of (address, protocol, port) items of the whole scan: all shards, and
    /// not cut by `max_targets`.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.permutation.len()
    }

    /// Never: a plan holds at least one pair.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The indices to scan, half open: this shard's part of the first
    /// `max_targets` indices. May be empty when there are more shards than pairs.
    #[must_use]
    pub fn shard(&self) -> Range<u64> {
        self.shard.clone()
    }

    /// The pair at `index` < N.
    #[must_use]
    pub fn target(&self, index: u64) -> Target {
        let (address_rank, slot) = self.per_address.split(self.permutation.forward(index));
        let (protocol, port) = self.items.label(slot as usize);
        Target { addr: self.addr_at(address_rank), port, protocol }
    }

    /// The address with this rank.
    #[inline]
    fn addr_at(&self, address_rank: u64) -> IpAddr {
        match address_rank.checked_sub(self.v4.count()) {
            None => Ipv4Addr::from(self.v4.at(address_rank)).into(),
            Some(rank) => Ipv6Addr::from(self.v6.at(rank)).into(),
        }
    }

    /// The index of a pair, or `None` when the plan does not hold it. The index
    /// may lie outside this [`shard`](Self::shard).
    #[must_use]
    pub fn index_of(&self, target: Target) -> Option<u64> {
        let slot = self.items.slot_of(target.protocol, target.port)?;
        let address_rank = match target.addr {
            IpAddr::V4(addr) => self.v4.rank_of(addr.into())?,
            IpAddr::V6(addr) => self.v4.count() + self.v6.rank_of(addr.into())?,
        };
        let rank = address_rank * self.items.len() as u64 + slot as u64;
        Some(self.permutation.inverse(rank))
    }

    /// The seed of the permutation.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// A fingerprint of everything that decides which pair has which index:
    /// addresses (after exclusions), ports and seed. Two shards belong to the
    /// same scan when their hashes agree. Written as 16 hexadecimal digits.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// The number of addresses, both families.
    #[must_use]
    pub fn addresses(&self) -> u64 {
        self.v4.count() + self.v6.count()
    }

    /// What is asked of every address.
    #[must_use]
    pub fn items(&self) -> &Items {
        &self.items
    }

    /// Whether there are IPv4 targets.
    #[must_use]
    pub fn contains_v4(&self) -> bool {
        self.v4.count() > 0
    }

    /// Whether there are IPv6 targets.
    #[must_use]
    pub fn contains_v6(&self) -> bool {
        self.v6.count() > 0
    }

    /// The ranges to scan, in order of address rank.
    pub fn ranges(&self) -> impl Iterator<Item = IpRange> + '_ {
        let v4 = self.v4.spans().iter().map(|&(a, b)| IpRange::V4(a.into(), b.into()));
        let v6 = self.v6.spans().iter().map(|&(a, b)| IpRange::V6(a.into(), b.into()));
        v4.chain(v6)
    }
}
