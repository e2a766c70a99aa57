//! The eBPF far end against the judge's rule, without an interface: the program
//! is run over single frames (BPF_PROG_TEST_RUN), its replies are read by
//! etherparse, and their kind must be what `rule` says of the pair.
//!
//! [`frames`] builds probes and reads replies; [`tcp`] and [`datagrams`] (UDP and
//! ICMP echo) go through random pairs; [`services`] looks at what UDP says.

#![allow(clippy::unwrap_used)]

mod datagrams;
mod frames;
mod services;
mod tcp;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use frames::To;
use proptest::prelude::*;
use prtip_bench::lab::rule::Rule;
use prtip_bpf::lab::{COUNTER_NAMES, Lab, LabConfig};

const ROUTER: [u8; 6] = [2, 0, 0, 0, 0, 2];
const SCANNER: [u8; 6] = [2, 0, 0, 0, 0, 1];
const SOURCE_V4: [u8; 4] = [198, 19, 255, 1];
const SOURCE_V6: [u8; 16] = [0x20, 1, 0, 2, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 1];
const ROUTER_V4: [u8; 4] = [198, 19, 255, 2];
const ROUTER_V6: [u8; 16] = [0x20, 1, 0, 2, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 2];
const XDP_DROP: u32 = 1;
const XDP_PASS: u32 = 2;
const XDP_REDIRECT: u32 = 4;

fn config() -> LabConfig {
    LabConfig {
        seed: 7,
        open_below: 250,
        closed_below: 500,
        icmp_below: 700,
        router_v4: ROUTER_V4,
        router_v6: ROUTER_V6,
        router_mac: ROUTER,
        ..LabConfig::default()
    }
}

const RULE: Rule = Rule { seed: 7, open: 250, closed: 250, icmp: 200 };

/// The program in a namespace of its own, where loopback stands for the link,
/// or `None` where that is not allowed here.
fn lab(config: LabConfig) -> Option<Lab> {
    let loaded = prtip_bench::lab::network::Namespaces::new()
        .map_err(|error| format!("{error:#}"))
        .and_then(|_namespaces| {
            let mut lab = Lab::load(config).map_err(|error| format!("{error:?}"))?;
            lab.send_by(1).map_err(|error| format!("{error:?}"))?;
            Ok(lab)
        });
    match loaded {
        Ok(lab) => Some(lab),
        Err(error) if rustix::process::geteuid().is_root() => panic!("{error}"),
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "required: {error}");
            println!("SKIPPED: {error}");
            None
        }
    }
}

fn any_address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        (0_u32..(1 << 17) - 256)
            .prop_map(|n| match 0xc612_0000 + n {
                own if own >> 8 == 0xc6_13ff => own - 0x1_0000,
                other => other,
            })
            .prop_map(|bits| IpAddr::V4(Ipv4Addr::from(bits))),
        (0_u16..0xffff, any::<u64>()).prop_map(|(subnet, low)| {
            let high = 0x2001_0002_0000_0000_u64 | u64::from(subnet);
            IpAddr::V6(Ipv6Addr::from(u128::from(high) << 64 | u128::from(low)))
        }),
    ]
}

/// Every family, with and without tags and IPv4 options.
fn any_probe() -> impl Strategy<Value = To> {
    (any_address(), 0_u16..3, 0_usize..11).prop_map(|(ip, tags, words)| To {
        ip,
        port: 0,
        tags,
        options: if ip.is_ipv4() { 4 * words } else { 0 },
    })
}

/// Any port, those of the services that are known more often.
fn any_port() -> impl Strategy<Value = u16> {
    prop_oneof![3 => 1_u16.., 1 => proptest::sample::select(&services::PORTS[..])]
}

/// One of the program's counters by its name.
fn counted(lab: &Lab, name: &str) -> u64 {
    let index = COUNTER_NAMES.iter().position(|known| *known == name).unwrap();
    lab.counters().unwrap()[index]
}
