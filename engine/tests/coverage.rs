//! Everything that is asked for is probed exactly once: every probe of a plan is
//! ticked off in a bitmap, for several splits into shards and workers, on the way that a
//! scan takes (plan, shard, the workers' ranges, [`Prober::resolve`]), and the bitmap is
//! compared with one that naive loops have filled.
//!
//! `make test` walks 2^22 addresses; with `PRTIP_SOAK=1` it is all of IPv4, 2^32 bits.

#![allow(clippy::unwrap_used, missing_docs)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use prtip_bpf::abi::Key;
use prtip_engine::plan::origin::Way;
use prtip_engine::plan::probe::{Fields, ProbeConfig, Prober, RESOLVE_BATCH};
use prtip_engine::plan::{IpRange, Plan, PlanBuilder, PlanError, PortSet, Target, special};
use prtip_engine::scan::SynOptions;
use prtip_engine::scan::shared::{Shared, Sizing};
use prtip_engine::wire::Link;

const KEY: Key = Key { k0: 1, k1: 2 };

fn soak() -> bool {
    std::env::var("PRTIP_SOAK").is_ok_and(|value| !value.is_empty() && value != "0")
}

fn prober(plan: Plan) -> Prober {
    let way = Way::new(Link::None, Some(Ipv4Addr::new(198, 19, 255, 1)), Some(Ipv6Addr::LOCALHOST));
    let config = ProbeConfig {
        key: KEY,
        source_ports: 61_000..=65_535,
        attempts: 2,
        syn: SynOptions::Mss,
        ways: vec![way],
        way_of: None,
        contact: None,
    };
    Prober::new(Arc::new(plan), &config).unwrap()
}

/// The ranges of a scan's workers; a small window, since nothing is judged here.
fn workers_of(shard: Range<u64>, workers: usize) -> Shared {
    let sizing =
        Sizing { attempts: 2, top_rate: 1000.0, cooldown: Duration::from_secs(1), stride: 0 };
    Shared::new(std::slice::from_ref(&shard), workers, sizing)
}

/// One bit an address, from `first` on.
struct Ticks {
    first: u32,
    words: Vec<AtomicU64>,
}

impl Ticks {
    fn new(first: u32, addresses: u64) -> Self {
        let words = (0..addresses.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Self { first, words }
    }

    fn place(&self, addr: u32) -> (usize, u64) {
        let bit = addr - self.first;
        ((bit / 64) as usize, 1 << (bit % 64))
    }

    /// Sets the bit of an address or clears it; for the naive side.
    fn put(&mut self, addr: u32, value: bool) {
        let (word, mask) = self.place(addr);
        let word = self.words[word].get_mut();
        *word = if value { *word | mask } else { *word & !mask };
    }

    fn count(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.load(Ordering::Relaxed).count_ones())).sum()
    }

    /// Ticks addresses; returns how many were ticked already.
    fn tick(&self, addrs: &[u32]) -> u64 {
        // Touched all at once first: the caches' misses overlap, those of the
        // operations below do not.
        let mut touched = 0;
        for &addr in addrs {
            touched ^= self.words[self.place(addr).0].load(Ordering::Relaxed);
        }
        std::hint::black_box(touched);
        let mut twice = 0;
        for &addr in addrs {
            let (word, mask) = self.place(addr);
            twice += u64::from(self.words[word].fetch_or(mask, Ordering::Relaxed) & mask != 0);
        }
        twice
    }
}

/// What is walked: targets of IPv4 from `first` on, and what is left out.
struct Space {
    first: u32,
    addresses: u64,
    excluded: Vec<IpRange>,
}

impl Space {
    fn of_this_run() -> Self {
        let prefix = |addr: [u8; 4], length| IpRange::prefix(IpAddr::from(addr), length).unwrap();
        let range = |a: [u8; 4], b: [u8; 4]| IpRange::V4(a.into(), b.into());
        if soak() {
            let mut excluded = vec![
                prefix([9, 0, 0, 0], 8),
                prefix([1, 2, 3, 4], 32),
                range([100, 63, 255, 250], [100, 64, 0, 9]),
                range([223, 255, 255, 0], [255, 255, 255, 255]),
            ];
            // A list of 65,536 single hosts, one in every /16.
            excluded.extend(
                (0..=u16::MAX)
                    .map(|n| prefix([(n >> 8) as u8, n as u8, (n >> 3) as u8, n as u8], 32)),
            );
            return Self { first: 0, addresses: 1 << 32, excluded };
        }
        let mut excluded =
            vec![prefix([192, 5, 0, 0], 16), range([192, 31, 195, 1], [192, 31, 196, 7])];
        excluded.extend((0..4096u16).map(|n| prefix([192, (n >> 6) as u8, n as u8, 77], 32)));
        Self { first: 192 << 24, addresses: 1 << 22, excluded }
    }

    fn builder(&self) -> PlanBuilder {
        let last = self.first + (self.addresses - 1) as u32;
        let mut builder = Plan::builder();
        builder.target(&[IpRange::V4(self.first.into(), last.into())], true);
        builder.exclude(&self.excluded).whole_internet(true);
        builder.ports(PortSet::new([443])).seed(20_261_125);
        builder
    }

    /// What is to be probed, by loops that know nothing of the plan's sets.
    fn expected(&self) -> Ticks {
        let mut expected = Ticks::new(self.first, self.addresses);
        expected.words.iter_mut().for_each(|word| *word.get_mut() = u64::MAX);
        let last = self.first + (self.addresses - 1) as u32;
        let special = special::all().iter().map(|entry| entry.range);
        for range in special.chain(self.excluded.iter().copied()) {
            if let IpRange::V4(a, b) = range {
                let (a, b) = (u32::from(a).max(self.first), u32::from(b).min(last));
                (a..=b).for_each(|addr| expected.put(addr, false));
            }
        }
        expected
    }
}

/// Ticks what one worker sends; returns how often something came a second time.
fn walk(prober: &Prober, shared: &Shared, worker: usize, ticks: &Ticks) -> u64 {
    let range = &shared.ranges[worker];
    let mut fields = [Fields::EMPTY; RESOLVE_BATCH];
    let (mut indices, mut addrs) = ([0; RESOLVE_BATCH], [0; RESOLVE_BATCH]);
    let (mut offset, mut twice) = (0, 0);
    while offset < range.size() {
        let count = (range.size() - offset).min(RESOLVE_BATCH as u64) as usize;
        for (place, index) in indices[..count].iter_mut().enumerate() {
            *index = range.index_at(offset + place as u64);
        }
        prober.resolve(&indices[..count], 0, &mut fields);
        for (addr, fields) in addrs[..count].iter_mut().zip(&fields) {
            let IpAddr::V4(v4) = fields.addr() else { panic!("an IPv6 address") };
            *addr = v4.into();
        }
        twice += ticks.tick(&addrs[..count]);
        // What a dry run prints, and the way back that a reply takes.
        if offset.is_multiple_of(RESOLVE_BATCH as u64 * 16) {
            let target = prober.plan().target(indices[0]);
            assert_eq!((target.addr, target.port), (fields[0].addr(), fields[0].port()));
            assert_eq!(prober.plan().index_of(target), Some(indices[0]));
        }
        offset += count as u64;
    }
    twice
}

#[test]
fn every_address_is_ticked_exactly_once_for_every_split() {
    let space = Space::of_this_run();
    let expected = space.expected();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    for (shards, workers) in [(1, 4), (3, 1), (7, 2), (16, 5)] {
        let start = Instant::now();
        let probers: Vec<Prober> = (1..=shards)
            .map(|part| prober(space.builder().shard(part, shards).build().unwrap()))
            .collect();
        let ranges: Vec<Shared> =
            probers.iter().map(|prober| workers_of(prober.plan().shard(), workers)).collect();
        let ticks = Ticks::new(space.first, space.addresses);
        let (next, twice) = (AtomicUsize::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    loop {
                        let job = next.fetch_add(1, Ordering::Relaxed);
                        let Some(shared) = ranges.get(job / workers) else { break };
                        let more = walk(&probers[job / workers], shared, job % workers, &ticks);
                        twice.fetch_add(more, Ordering::Relaxed);
                    }
                });
            }
        });
        println!(
            "{shards} shards of {workers} workers: {} addresses, {:.1} s with {threads} threads",
            ticks.count(),
            start.elapsed().as_secs_f64()
        );
        assert_eq!(twice.into_inner(), 0, "{shards} shards: probed twice");
        let pairs = expected.words.iter().zip(&ticks.words).enumerate();
        for (word, (expected, ticked)) in pairs {
            let (expected, ticked) =
                (expected.load(Ordering::Relaxed), ticked.load(Ordering::Relaxed));
            let first = Ipv4Addr::from(space.first + word as u32 * 64);
            assert_eq!(ticked, expected, "{shards} shards: the 64 addresses from {first} on");
        }
        assert_eq!(expected.count(), probers[0].plan().len());
    }
}

/// The control: the same walk sees a range that is walked twice, and one left out.
#[test]
fn a_range_walked_twice_or_not_at_all_is_seen() {
    let mut builder = Plan::builder();
    builder.target(&[IpRange::prefix(Ipv4Addr::new(11, 0, 0, 0).into(), 16).unwrap()], true);
    builder.ports(PortSet::new([80]));
    let prober = prober(builder.build().unwrap());
    let shared = workers_of(prober.plan().shard(), 3);
    let ticks = Ticks::new(11 << 24, 1 << 16);
    let part = shared.ranges[0].size();
    assert_eq!(walk(&prober, &shared, 0, &ticks), 0);
    assert_eq!(walk(&prober, &shared, 1, &ticks), 0);
    assert_eq!(ticks.count(), part + shared.ranges[1].size());
    assert_eq!(walk(&prober, &shared, 0, &ticks), part);
}

/// Addresses, ports and seeds of all sizes: what a plan's indices mean, up to 2^63.
#[derive(Clone, Debug)]
struct Huge {
    targets: Vec<(u128, u32)>,
    excluded: Vec<(u128, u32)>,
    v4: Vec<(u32, u32)>,
    ports: Vec<u16>,
    seed: u64,
}

/// Ordinary global unicast space: nothing in it is special.
const BASE: u128 = 0x2a00 << 112;

fn huge() -> impl Strategy<Value = Huge> {
    let span = || (0u128..1 << 62, 0u32..61);
    (
        proptest::collection::vec(span(), 1..9),
        proptest::collection::vec(span(), 0..9),
        proptest::collection::vec((0u32..1 << 24, 0u32..20), 0..5),
        proptest::collection::vec(1u16.., 1..40),
        any::<u64>(),
    )
        .prop_map(|(targets, excluded, v4, ports, seed)| Huge {
            targets,
            excluded,
            v4,
            ports,
            seed,
        })
}

impl Huge {
    fn spans(spans: &[(u128, u32)]) -> Vec<(u128, u128)> {
        spans.iter().map(|&(at, bits)| (BASE + at, BASE + at + ((1 << bits) - 1))).collect()
    }

    fn builder(&self) -> PlanBuilder {
        let v6 = |&(a, b): &(u128, u128)| IpRange::V6(a.into(), b.into());
        let targets: Vec<IpRange> = Self::spans(&self.targets).iter().map(v6).collect();
        let excluded: Vec<IpRange> = Self::spans(&self.excluded).iter().map(v6).collect();
        let mut builder = Plan::builder();
        builder.target(&targets, true).exclude(&excluded);
        for &(at, bits) in &self.v4 {
            let first = (12 << 24) + at;
            builder.target(&[IpRange::V4(first.into(), (first + (1 << bits) - 1).into())], true);
        }
        builder.ports(PortSet::new(self.ports.iter().copied())).seed(self.seed);
        builder
    }

    /// Whether an address is asked for and not excluded, by looking at all ranges.
    fn holds(&self, addr: IpAddr) -> bool {
        let within =
            |spans: &[(u128, u128)], addr| spans.iter().any(|&(a, b)| a <= addr && addr <= b);
        match addr {
            IpAddr::V4(addr) => self.v4.iter().any(|&(at, bits)| {
                let first = (12 << 24) + at;
                (first..first + (1 << bits)).contains(&u32::from(addr))
            }),
            IpAddr::V6(addr) => {
                within(&Self::spans(&self.targets), addr.into())
                    && !within(&Self::spans(&self.excluded), addr.into())
            }
        }
    }
}

proptest! {
    /// Every probe of plans of any size goes to what was asked for and not excluded, and
    /// comes back to its index; what is not asked for has none. Larger sets than 2^63 are
    /// refused with their number.
    #[test]
    fn every_probe_is_checked_against_the_exclusions(
        huge in huge(), at in proptest::collection::vec(any::<u64>(), 32), strangers: [u128; 8],
        shards in 1u64..40, workers in 1usize..9
    ) {
        let plan = match huge.builder().build() {
            Ok(plan) => plan,
            Err(PlanError::TooLarge { addresses, ports, pairs }) => {
                prop_assert_eq!(addresses * u128::from(ports), pairs);
                prop_assert!(pairs > 1 << 63);
                let told = PlanError::TooLarge { addresses, ports, pairs }.to_string();
                prop_assert!(told.contains(&pairs.to_string()), "{}", told);
                return Ok(());
            }
            Err(PlanError::Empty { excluded, .. }) => {
                prop_assert!(excluded > 0);
                return Ok(());
            }
            Err(other) => panic!("{other}"),
        };
        let prober = prober(plan.clone());
        let mut fields = [Fields::EMPTY; RESOLVE_BATCH];
        let indices: Vec<u64> = at.iter().map(|at| at % plan.len()).collect();
        for attempt in 0..2 {
            prober.resolve(&indices, attempt, &mut fields);
            for (fields, &index) in fields.iter().zip(&indices) {
                prop_assert!(huge.holds(fields.addr()), "{} is not asked for", fields.addr());
                prop_assert!(huge.ports.contains(&fields.port()));
                let target = Target::tcp(fields.addr(), fields.port());
                prop_assert_eq!(plan.target(index), target);
                prop_assert_eq!(plan.index_of(target), Some(index));
            }
        }
        for stranger in strangers {
            let addr = IpAddr::from(Ipv6Addr::from(BASE + (stranger & ((1 << 63) - 1))));
            let held = plan.index_of(Target::tcp(addr, huge.ports[0])).is_some();
            prop_assert_eq!(held, huge.holds(addr));
        }
        // Shards and their workers' ranges lie one behind the other, up to N.
        let mut end = 0;
        for part in 1..=shards {
            let shard = huge.builder().shard(part, shards).build().unwrap().shard();
            for range in &workers_of(shard, workers).ranges {
                for piece in range.indices_below(range.size()) {
                    prop_assert_eq!(piece.start, end);
                    end = piece.end;
                }
            }
        }
        prop_assert_eq!(end, plan.len());
    }
}

/// The largest set that has an order, and the first that has not.
#[test]
fn sets_near_two_to_the_63_are_walked_at_their_edges() {
    let of = |ports: u16, addresses: u128| {
        let mut builder = Plan::builder();
        builder.target(&[IpRange::V6(BASE.into(), (BASE + addresses - 1).into())], true);
        builder.ports(PortSet::new(1..=ports)).seed(9);
        builder
    };
    let limit = 1u128 << 63;
    for ports in [1u16, 2, 3, 1000, 65_535] {
        let most = limit / u128::from(ports);
        let plan = of(ports, most).build().unwrap();
        assert_eq!(u128::from(plan.len()), most * u128::from(ports));
        let n = plan.len();
        for index in (0..1000).chain(n / 2 - 500..n / 2 + 500).chain(n - 1000..n) {
            assert_eq!(plan.index_of(plan.target(index)), Some(index), "{ports} ports");
        }
        let error = of(ports, most + 1).build().unwrap_err();
        let pairs = (most + 1) * u128::from(ports);
        assert!(error.to_string().contains(&format!("{pairs} pairs")), "{error}");
    }
}

/// FNV-1a over the order's first probes: another machine, or a later version, that
/// gives another order would make shards and resumed scans wrong.
#[test]
fn the_order_is_the_same_on_every_machine() {
    let mut builder = Plan::builder();
    for (addr, length) in [("11.0.0.0", 9), ("198.18.0.0", 15), ("2a00:1::", 80), ("13.1.2.3", 32)]
    {
        builder.target(&[IpRange::prefix(addr.parse().unwrap(), length).unwrap()], true);
    }
    builder.exclude(&[IpRange::prefix("11.5.0.0".parse().unwrap(), 16).unwrap()]);
    builder.ports(PortSet::new([22, 80, 443, 8080, 60_000])).seed(0x5eed);
    let plan = builder.build().unwrap();
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for index in 0..100_000 {
        let target = plan.target(index);
        for byte in format!("{} {}\n", target.addr, target.port).bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    assert_eq!(format!("{:016x} {hash:016x}", plan.hash()), "14d2137d5484012e 9922f0b9ec7184e5");
}
