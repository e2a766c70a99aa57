//! The generator in the kernel makes the probes of the prober, byte for byte. Its
//! program runs here without sending: BPF_PROG_TEST_RUN gives the frame back.

#![allow(clippy::unwrap_used, missing_docs)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use prtip_bpf::abi::Key;
use prtip_bpf::generator::{Generator, Times};
use prtip_bpf::recipe::{Recipe, Template};
use prtip_engine::plan::origin::Way;
use prtip_engine::plan::probe::{ProbeConfig, Prober};
use prtip_engine::plan::{Ask, IpRange, Plan, PlanBuilder, PortSet, ProbeKind};
use prtip_engine::scan::SynOptions;
use prtip_engine::wire::Link;

const OUR_V4: Ipv4Addr = Ipv4Addr::new(198, 19, 255, 1);
const OUR_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 2, 0, 0xffff, 0, 0, 0, 1);
const TIMES: Times = Times { slots: 16, stride: 2, attempts: 3 };
const LOOPBACK: u32 = 1;

fn config() -> ProbeConfig {
    ProbeConfig {
        key: Key { k0: 0x0123_4567_89ab_cdef, k1: 0xfedc_ba98_7654_3210 },
        source_ports: 61_000..=65_535,
        attempts: 3,
        syn: SynOptions::Mss,
        ways: vec![Way::new(link(None), Some(OUR_V4), Some(OUR_V6))],
        way_of: None,
        contact: None,
    }
}

fn link(vlan: Option<u16>) -> Link {
    Link::Ethernet { source: [2, 0, 0, 0, 0, 1], destination: [2, 0, 0, 0, 0, 2], vlan }
}

fn prefix(addr: impl Into<IpAddr>, length: u8) -> IpRange {
    IpRange::prefix(addr.into(), length).unwrap()
}

fn v4() -> IpRange {
    prefix(Ipv4Addr::new(198, 18, 0, 0), 15)
}

fn v6() -> IpRange {
    prefix(Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 0), 96)
}

fn prober(fill: impl Fn(&mut PlanBuilder) -> &mut PlanBuilder, config: &ProbeConfig) -> Prober {
    let mut builder = Plan::builder();
    fill(&mut builder);
    Prober::new(Arc::new(builder.seed(7).build().unwrap()), config).unwrap()
}

/// Whether the kernel lets us load the program; if not, says so.
fn permitted() -> bool {
    let permitted = rustix::process::geteuid().is_root();
    assert!(permitted || std::env::var_os("CI").is_none(), "a required test needs root");
    if !permitted {
        println!("SKIPPED: needs root to load eBPF programs");
    }
    permitted
}

/// Indices to compare: few, or 10^6 where the full size is asked for.
fn share(of: u64) -> u64 {
    let soak = std::env::var("PRTIP_SOAK").is_ok_and(|value| !value.is_empty() && value != "0");
    (if soak { 1_000_000 } else { 12_000 }) / of
}

fn generator(recipe: &Recipe) -> Generator {
    let mut all = Generator::load(recipe, LOOPBACK, 1, TIMES).unwrap_or_else(|e| panic!("{e}"));
    all.remove(0)
}

/// The first index whose probe differs, of `count` spread over the plan.
fn first_difference(prober: &Prober, recipe: &Recipe, count: u64) -> Option<(u64, u8)> {
    let mut generator = generator(recipe);
    let mut expected = vec![0; prober.max_len()];
    let len = prober.plan().len();
    let stride = (len / count).max(1) | 1;
    for step in 0..count.min(len) {
        let index = u128::from(step) * u128::from(stride) % u128::from(len);
        let (index, attempt) = (index as u64, (step % 3) as u8);
        // A wrong constant may lead to where there is nothing to probe.
        let made = generator.craft(index, attempt).unwrap_or_default();
        let at = prober.craft(index, attempt, &mut expected);
        if made != expected[..at] {
            println!("index {index} attempt {attempt}\n  {made:02x?}\n  {:02x?}", &expected[..at]);
            return Some((index, attempt));
        }
    }
    assert_eq!(generator.tally().failed, 0);
    None
}

fn agrees(fill: impl Fn(&mut PlanBuilder) -> &mut PlanBuilder, config: &ProbeConfig, share: u64) {
    let prober = prober(fill, config);
    let recipe = prober.recipe().unwrap();
    assert_eq!(first_difference(&prober, &recipe, share), None);
}

#[test]
fn syns_of_every_shape_and_link_are_the_probers() {
    if !permitted() {
        return;
    }
    for syn in [SynOptions::Bare, SynOptions::Mss, SynOptions::Linux] {
        for vlan in [None, Some(77)] {
            let ways = vec![Way::new(link(vlan), Some(OUR_V4), Some(OUR_V6))];
            let config = ProbeConfig { syn, ways, ..config() };
            let ports = || PortSet::new(1..=1000);
            agrees(|plan| plan.target(&[v4()], true).ports(ports()), &config, share(12));
            agrees(|plan| plan.target(&[v6()], true).ports(ports()), &config, share(24));
            agrees(
                |plan| {
                    plan.target(&[v4()], true).target(&[prefix(OUR_V6, 112)], true).ports(ports())
                },
                &config,
                share(24),
            );
        }
    }
}

#[test]
fn every_number_of_ports_and_ranges_is_counted_alike() {
    if !permitted() {
        return;
    }
    for ports in [1, 2, 3, 7, 64, 100, 65_535] {
        agrees(
            |plan| {
                for n in 0..60_u32 {
                    let addr = Ipv4Addr::from(0xc612_0000 + n * 1117);
                    plan.target(&[prefix(addr, 24 + (n % 9) as u8)], true);
                    let addr = Ipv6Addr::from((0x2001_0002_u128 << 96) + (u128::from(n) << 61));
                    plan.target(&[prefix(addr, 128 - (n % 20) as u8)], true);
                }
                plan.ports(PortSet::new(1..=ports))
            },
            &config(),
            share(7),
        );
    }
}

#[test]
fn acks_datagrams_and_echo_requests_are_the_probers() {
    if !permitted() {
        return;
    }
    for contact in [None, Some("scan@example.org".to_owned())] {
        let config = ProbeConfig { contact, ..config() };
        for range in [v4(), v6()] {
            agrees(
                |plan| {
                    plan.target(&[range], true).tcp_kind(ProbeKind::Ack).ports(PortSet::new(1..=90))
                },
                &config,
                share(12),
            );
            agrees(|plan| plan.target(&[range], true).hosts(&Ask::HOST), &config, share(6));
            // Every payload: all UDP ports of a few hosts, and a SYN among them.
            agrees(
                |plan| {
                    plan.target(&[range], true).udp_ports(PortSet::new(1..=65_535));
                    plan.ports(PortSet::new([80]))
                },
                &config,
                share(6),
            );
        }
    }
    // Each listed port, often enough that every form of every hole is met.
    let payloads = prtip_engine::udp::Payloads::new(None).unwrap();
    let ports: Vec<u16> = payloads.iter().flat_map(|payload| payload.ports).copied().collect();
    for range in [prefix(Ipv4Addr::new(198, 18, 0, 0), 26), prefix(OUR_V6, 122)] {
        agrees(
            |plan| plan.target(&[range], true).udp_ports(PortSet::new(ports.iter().copied())),
            &config(),
            u64::MAX,
        );
    }
}

#[test]
fn each_of_several_sources_probes_its_own_targets() {
    if !permitted() {
        return;
    }
    let mut way = Way::new(link(None), None, None);
    way.sources_v4 = (1..=5).map(|n| Ipv4Addr::new(198, 19, 255, n)).collect();
    way.sources_v6 = (1..=3).map(|n| Ipv6Addr::from(u128::from(OUR_V6) + n)).collect();
    let config = ProbeConfig { ways: vec![way], ..config() };
    for range in [v4(), v6()] {
        agrees(
            |plan| plan.target(&[range], true).ports(PortSet::new([80, 443])),
            &config,
            share(4),
        );
    }
}

#[test]
fn one_changed_constant_is_seen() {
    if !permitted() {
        return;
    }
    // The generator holds what is the same for all probes as constants of the program:
    // with both families there are two templates.
    let both = |plan: &mut PlanBuilder| {
        plan.target(&[v4()], true).target(&[prefix(OUR_V6, 112)], true);
        plan.ports(PortSet::new(1..=100));
    };
    let v4_only = |plan: &mut PlanBuilder| {
        plan.target(&[v4()], true).ports(PortSet::new(1..=100));
    };
    let changes: [fn(&mut Recipe); 8] = [
        |recipe| recipe.config.order.add[1] ^= 1,
        |recipe| recipe.config.order.multiply[2] ^= 8,
        |recipe| recipe.config.slots_reciprocal -= 1 << 40,
        |recipe| recipe.config.v4.base_low += 1,
        |recipe| recipe.config.salt ^= 1 << 63,
        |recipe| match recipe.config.one {
            0 => recipe.items[17].port += 1,
            _ => recipe.config.first_port += 1,
        },
        |recipe| template(recipe).key.k1 ^= 1,
        |recipe| template(recipe).bytes[57] ^= 1,
    ];
    for (fill, one) in [(&v4_only as &dyn Fn(&mut PlanBuilder), 1), (&both, 0)] {
        let prober = prober(
            |plan| {
                fill(plan);
                plan
            },
            &config(),
        );
        let good = prober.recipe().unwrap();
        assert_eq!((good.config.one, good.config.consecutive), (one, one));
        for (number, change) in changes.iter().enumerate() {
            let mut recipe = good.clone();
            change(&mut recipe);
            let difference = first_difference(&prober, &recipe, 1000);
            assert!(difference.is_some(), "change {number} is not seen");
        }
        assert_eq!(first_difference(&prober, &good, 1000), None);
    }
}

/// The template of the SYNs over IPv4, where the generator has it.
fn template(recipe: &mut Recipe) -> &mut Template {
    match recipe.config.one {
        0 => &mut recipe.templates[0].1,
        _ => &mut recipe.config.only,
    }
}
