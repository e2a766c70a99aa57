//! Whole plans against naive sets, and the rules that decide what is scanned.

#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use prtip_engine::plan::{
    IpRange, Plan, PlanBuilder, PlanError, PortSet, Target, TargetToken, parse_target, top_ports,
};

fn ranges(text: &str) -> Vec<IpRange> {
    match parse_target(text).unwrap() {
        TargetToken::Ranges(ranges) => ranges,
        TargetToken::Hostname(name) => panic!("{name} is a name"),
    }
}

fn builder(targets: &[&str]) -> PlanBuilder {
    let mut builder = Plan::builder();
    for target in targets {
        builder.target(&ranges(target), true);
    }
    builder.ports(PortSet::new([80]));
    builder
}

fn addresses(builder: &PlanBuilder) -> Result<u64, PlanError> {
    builder.build().map(|plan| plan.addresses())
}

fn addr_of(family_v6: bool, low: u16) -> IpAddr {
    if family_v6 {
        Ipv6Addr::from(0x2a00_0001_u128 << 96 | u128::from(low)).into()
    } else {
        Ipv4Addr::from(0x0b00_0000 | u32::from(low)).into()
    }
}

fn range_of(v6: bool, first: u16, len: u16) -> IpRange {
    match (addr_of(v6, first), addr_of(v6, first + len)) {
        (IpAddr::V4(a), IpAddr::V4(b)) => IpRange::V4(a, b),
        (IpAddr::V6(a), IpAddr::V6(b)) => IpRange::V6(a, b),
        _ => unreachable!("one family"),
    }
}

fn some_ranges(most: usize) -> impl Strategy<Value = Vec<(bool, u16, u16)>> {
    proptest::collection::vec((any::<bool>(), 0u16..300, 0u16..30), 0..most)
}

proptest! {
    /// Every pair exactly once over all shards, at the index that `index_of`
    /// says, and the set of pairs is what naive sets say.
    #[test]
    fn plans_hold_exactly_the_pairs_asked_for(
        targets in some_ranges(12), excluded in some_ranges(6),
        ports in proptest::collection::btree_set(1u16.., 1..8),
        seed: u64, shards in 1u64..7
    ) {
        let set = |spans: &[(bool, u16, u16)]| -> BTreeSet<IpAddr> {
            spans.iter().flat_map(|&(v6, first, len)| (first..=first + len).map(move |low| addr_of(v6, low))).collect()
        };
        let expected: BTreeSet<(IpAddr, u16)> = set(&targets)
            .difference(&set(&excluded))
            .flat_map(|&addr| ports.iter().map(move |&port| (addr, port)))
            .collect();
        let mut builder = Plan::builder();
        for &(v6, first, len) in &targets {
            builder.target(&[range_of(v6, first, len)], true);
        }
        for &(v6, first, len) in &excluded {
            builder.exclude(&[range_of(v6, first, len)]);
        }
        builder.ports(PortSet::new(ports.clone())).seed(seed);
        if expected.is_empty() {
            let error = builder.build().unwrap_err();
            let told = matches!(error, PlanError::NoTargets | PlanError::Empty { .. });
            prop_assert!(told);
            return Ok(());
        }
        let mut seen = BTreeMap::new();
        let mut end = 0;
        for part in 1..=shards {
            let plan = builder.shard(part, shards).build().unwrap();
            prop_assert_eq!(plan.len(), expected.len() as u64);
            prop_assert_eq!(plan.shard().start, end);
            end = plan.shard().end;
            for index in plan.shard() {
                let target = plan.target(index);
                prop_assert_eq!(plan.index_of(target), Some(index));
                prop_assert!(seen.insert((target.addr, target.port), index).is_none());
            }
            for low in 0..400 {
                for v6 in [false, true] {
                    let target = Target::tcp(addr_of(v6, low), *ports.first().unwrap());
                    let held = expected.contains(&(target.addr, target.port));
                    prop_assert_eq!(plan.index_of(target).is_some(), held);
                }
            }
            let counted: u128 = plan.ranges().map(|range| match range {
                IpRange::V4(a, b) => u128::from(u32::from(b) - u32::from(a)) + 1,
                IpRange::V6(a, b) => u128::from(b) - u128::from(a) + 1,
            }).sum();
            prop_assert_eq!(counted, u128::from(plan.addresses()));
        }
        prop_assert_eq!(end, expected.len() as u64);
        prop_assert!(seen.keys().eq(expected.iter()));
    }

    /// Shards are [N(i-1)/n, N·i/n), for sizes that no test can walk through.
    #[test]
    fn shards_split_huge_plans_without_gap_or_overlap(of in 1u64..1000, part_seed: u64) {
        let part = part_seed % of + 1;
        let mut builder = builder(&["2a00::/65"]);
        let plan = builder.shard(part, of).build().unwrap();
        let edge = |part: u64| ((1u128 << 63) * u128::from(part) / u128::from(of)) as u64;
        prop_assert_eq!(plan.shard(), edge(part - 1)..edge(part));
    }
}

#[test]
fn a_plan_of_two_to_the_63_pairs_works_and_one_more_is_refused() {
    let plan = builder(&["2a00::/65"]).build().unwrap();
    assert_eq!(plan.len(), 1 << 63);
    for index in [0, 1, (1 << 62) + 12_345, (1 << 63) - 1] {
        assert_eq!(plan.index_of(plan.target(index)), Some(index));
    }
    let error = builder(&["2a00::/65", "11.0.0.1"]).build().unwrap_err();
    assert!(error.to_string().contains("9223372036854775809 pairs"), "{error}");
    assert!(matches!(builder(&["::/0"]).build(), Err(PlanError::TooLarge { .. })));
}

#[test]
fn special_purpose_ranges_are_left_out_unless_a_target_lies_wholly_inside_one() {
    assert_eq!(addresses(&builder(&["198.18.0.0/15"])), Ok(1 << 17));
    assert_eq!(addresses(&builder(&["2001:2::/112"])), Ok(1 << 16));
    assert_eq!(addresses(&builder(&["127.0.0.1", "10.0.0-3.1-254"])), Ok(1 + 4 * 254));
    // Across the border, only what is ordinary is left.
    assert_eq!(addresses(&builder(&["198.17.255.0-198.18.0.255"])), Ok(256));
    assert_eq!(addresses(&builder(&["192.168.0.0/15"])), Ok(1 << 16));
    let mut whole = builder(&["0.0.0.0/0"]);
    let plan = whole.whole_internet(true).build().unwrap();
    let held = |addr: &str| plan.index_of(Target::tcp(addr.parse().unwrap(), 80)).is_some();
    assert!(held("1.1.1.1") && held("198.17.0.1") && held("223.255.255.255"));
    assert!(!held("198.18.0.1") && !held("10.0.0.1") && !held("224.0.0.1") && !held("0.0.0.1"));
    // Beside the whole internet, a named range is still scanned.
    let with_lab = whole.target(&ranges("198.18.0.0/24"), true).build().unwrap();
    assert_eq!(with_lab.addresses(), plan.addresses() + 256);
}

#[test]
fn allow_special_names_a_part_of_a_special_range() {
    let mut builder = builder(&["9.0.0.0-10.0.1.255"]);
    assert_eq!(addresses(&builder), Ok(1 << 24));
    builder.allow_special(ranges("10.0.0.0/24")[0]);
    assert_eq!(addresses(&builder), Ok((1 << 24) + 256));
    builder.allow_special(ranges("1.1.1.0/24")[0]);
    assert!(matches!(addresses(&builder), Err(PlanError::NotSpecial(_))));
}

#[test]
fn a_name_from_a_list_does_not_name_its_special_addresses() {
    let mut from_list = Plan::builder();
    from_list.address("127.0.0.1".parse().unwrap(), false).ports(PortSet::new([80]));
    let error = from_list.build().unwrap_err();
    assert_eq!(error, PlanError::Empty { special: 1, excluded: 0 });
    from_list.address("::ffff:127.0.0.1".parse().unwrap(), true);
    assert_eq!(addresses(&from_list), Ok(1));
    assert!(from_list.build().unwrap().contains_v4());
}

#[test]
fn exclusions_win_over_names() {
    let mut builder = builder(&["198.18.0.0/24", "198.18.0.7"]);
    builder.exclude(&ranges("198.18.0.0/25"));
    assert_eq!(addresses(&builder), Ok(128));
    builder.exclude(&ranges("0.0.0.0/0"));
    assert_eq!(addresses(&builder), Err(PlanError::Empty { special: 0, excluded: 256 }));
}

#[test]
fn all_of_ipv4_needs_an_exclude_file_or_a_word() {
    let whole = builder(&["0.0.0.0/0"]);
    assert!(matches!(whole.build(), Err(PlanError::WholeInternet { .. })));
    assert!(builder(&["0.0.0.0/1", "128.0.0.0/1"]).build().is_err());
    assert!(whole.clone().exclude_file(true).build().is_ok());
    assert!(whole.clone().whole_internet(true).build().is_ok());
    assert!(whole.clone().exclude(&ranges("1.0.0.0/8")).build().is_err());
    assert!(builder(&["64.0.0.0/2"]).build().is_ok());
}

#[test]
fn without_ports_few_addresses_get_our_top_hundred_and_many_an_error() {
    let mut few = Plan::builder();
    few.target(&ranges("11.0.0.0/24"), true);
    assert_eq!(few.build().unwrap().items().tcp(), &top_ports(100));
    few.target(&ranges("11.0.1.0"), true);
    assert_eq!(few.build().unwrap_err(), PlanError::PortsNeeded { addresses: 257 });
}

#[test]
fn max_targets_cuts_the_order_before_the_shards() {
    let mut builder = builder(&["11.0.0.0/24"]);
    let whole = builder.seed(5).build().unwrap();
    let cut = builder.max_targets(10).build().unwrap();
    assert_eq!((cut.len(), cut.shard()), (256, 0..10));
    assert!((0..10).all(|index| whole.target(index) == cut.target(index)));
    assert_eq!(builder.shard(2, 2).build().unwrap().shard(), 5..10);
    assert_eq!(builder.max_targets(0).build().unwrap_err(), PlanError::MaxTargets);
}

#[test]
fn shards_that_do_not_exist_are_refused() {
    for (part, of) in [(0, 3), (4, 3), (0, 0), (1, 0)] {
        let error = builder(&["11.0.0.1"]).shard(part, of).build().unwrap_err();
        assert_eq!(error, PlanError::Shard { part, of });
    }
}

#[test]
fn the_hash_names_what_decides_the_order_and_nothing_else() {
    let base = || {
        let mut base = builder(&["11.0.0.0/24"]);
        base.seed(1);
        base
    };
    let hash = base().build().unwrap().hash();
    // The value itself is a promise between versions and machines.
    assert_eq!(format!("{hash:016x}"), "422b41c96318d30a");
    let same = [
        base().shard(1, 3).build(),
        base().max_targets(9).build(),
        base().target(&ranges("11.0.0.5"), true).build(),
    ];
    assert!(same.into_iter().all(|plan| plan.unwrap().hash() == hash));
    let other = [
        base().seed(2).build(),
        base().ports(PortSet::new([81])).build(),
        base().exclude(&ranges("11.0.0.5")).build(),
        base().target(&ranges("11.0.1.0"), true).build(),
        base().target(&ranges("2a00::1"), true).build(),
    ];
    assert!(other.into_iter().all(|plan| plan.unwrap().hash() != hash));
}

#[test]
fn nothing_asked_is_told_apart_from_nothing_left() {
    let nothing = Plan::builder().ports(PortSet::new([80])).build().unwrap_err();
    assert_eq!(nothing, PlanError::NoTargets);
    let none = builder(&["11.0.0.1"]).ports(PortSet::new([])).build().unwrap_err();
    assert_eq!(none, PlanError::PortsNeeded { addresses: 1 });
}
