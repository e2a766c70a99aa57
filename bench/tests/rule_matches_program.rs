//! The eBPF far end against the judge's rule, without an interface: the program
//! is run over single frames (BPF_PROG_TEST_RUN), its replies are read by
//! etherparse, and their kind must be what `rule` says of the pair.

#![allow(clippy::unwrap_used)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use etherparse::{
    EtherType, Icmpv4Type, Icmpv6Type, NetSlice, PacketBuilder, SlicedPacket, TransportSlice,
};
use proptest::prelude::*;
use prtip_bench::lab::rule::{Protocol, Rule, State};
use prtip_bpf::lab::{FLAG_DELAY, Lab, LabConfig};

const ROUTER: [u8; 6] = [2, 0, 0, 0, 0, 2];
const SCANNER: [u8; 6] = [2, 0, 0, 0, 0, 1];
const SOURCE_V4: [u8; 4] = [198, 19, 255, 1];
const SOURCE_V6: [u8; 16] = [0x20, 1, 0, 2, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 1];
const ROUTER_V4: [u8; 4] = [198, 19, 255, 2];
const ROUTER_V6: [u8; 16] = [0x20, 1, 0, 2, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 2];
const OUR_PORT: u16 = 61_234;
const SEQ: u32 = 0x89ab_cdef;
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

/// A TCP segment without payload; `tags` VLAN tags.
fn segment(to: IpAddr, port: u16, flags: &str, ack: u32, tags: u16) -> Vec<u8> {
    let start = PacketBuilder::ethernet2(SCANNER, ROUTER);
    let id = |n: u16| etherparse::VlanId::try_new(100 + n).unwrap();
    let step = match (tags, to) {
        (0, IpAddr::V4(to)) => start.ipv4(SOURCE_V4, to.octets(), 64),
        (0, IpAddr::V6(to)) => start.ipv6(SOURCE_V6, to.octets(), 64),
        (1, IpAddr::V4(to)) => start.single_vlan(id(0)).ipv4(SOURCE_V4, to.octets(), 64),
        (1, IpAddr::V6(to)) => start.single_vlan(id(0)).ipv6(SOURCE_V6, to.octets(), 64),
        (_, IpAddr::V4(to)) => start.double_vlan(id(0), id(1)).ipv4(SOURCE_V4, to.octets(), 64),
        (_, IpAddr::V6(to)) => start.double_vlan(id(0), id(1)).ipv6(SOURCE_V6, to.octets(), 64),
    };
    let mut tcp = step.tcp(OUR_PORT, port, SEQ, 1024);
    if flags.contains('S') {
        tcp = tcp.syn();
    }
    if flags.contains('A') {
        tcp = tcp.ack(ack);
    }
    if flags.contains('R') {
        tcp = tcp.rst();
    }
    let mut frame = Vec::new();
    tcp.write(&mut frame, &[]).unwrap();
    frame
}

/// What a reply says, after its addresses and checksums were found right.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Open { acknowledges: u32 },
    Rst { seq: u32, acknowledges: Option<u32> },
    Unreachable,
}

fn read(reply: &[u8], from: IpAddr, port: u16, tags: u16) -> Said {
    assert_eq!((&reply[..6], &reply[6..12]), (&SCANNER[..], &ROUTER[..]));
    for tag in 0..usize::from(tags) {
        assert_eq!(reply[12 + 4 * tag + 3], 100 + tag as u8, "VLAN tags are mirrored");
    }
    let packet = SlicedPacket::from_ethernet(reply).unwrap();
    let (source, target) = match packet.net.as_ref().unwrap() {
        NetSlice::Ipv4(ip) => {
            let header = ip.header().to_header();
            assert_eq!(header.header_checksum, header.calc_header_checksum());
            assert_eq!(usize::from(header.total_len) + 14 + 4 * usize::from(tags), reply.len());
            (IpAddr::from(header.source), IpAddr::from(header.destination))
        }
        NetSlice::Ipv6(ip) => {
            let header = ip.header();
            assert_eq!(
                usize::from(header.payload_length()) + 54 + 4 * usize::from(tags),
                reply.len()
            );
            (header.source_addr().into(), header.destination_addr().into())
        }
        other => panic!("{other:?}"),
    };
    let (scanner, router) = match from {
        IpAddr::V4(_) => (IpAddr::from(SOURCE_V4), IpAddr::from(ROUTER_V4)),
        IpAddr::V6(_) => (IpAddr::from(SOURCE_V6), IpAddr::from(ROUTER_V6)),
    };
    assert_eq!(target, scanner);
    let quoted = match packet.transport.unwrap() {
        TransportSlice::Tcp(tcp) => {
            let header = tcp.to_header();
            let sum = match (source, target) {
                (IpAddr::V4(a), IpAddr::V4(b)) => {
                    header.calc_checksum_ipv4_raw(a.octets(), b.octets(), tcp.payload())
                }
                (IpAddr::V6(a), IpAddr::V6(b)) => {
                    header.calc_checksum_ipv6_raw(a.octets(), b.octets(), tcp.payload())
                }
                _ => unreachable!("one family"),
            };
            assert_eq!(header.checksum, sum.unwrap());
            assert_eq!((source, header.source_port), (from, port));
            assert_eq!(header.destination_port, OUR_PORT);
            if header.rst {
                let acknowledges = header.ack.then_some(header.acknowledgment_number);
                return Said::Rst { seq: header.sequence_number, acknowledges };
            }
            assert!(header.syn && header.ack && !header.fin);
            return Said::Open { acknowledges: header.acknowledgment_number };
        }
        TransportSlice::Icmpv4(icmp) => {
            assert!(matches!(icmp.icmp_type(), Icmpv4Type::DestinationUnreachable(_)));
            let header = icmp.header();
            assert_eq!(header.checksum, header.icmp_type.calc_checksum(icmp.payload()));
            icmp.payload().to_vec()
        }
        TransportSlice::Icmpv6(icmp) => {
            assert!(matches!(icmp.icmp_type(), Icmpv6Type::DestinationUnreachable(_)));
            let (IpAddr::V6(a), IpAddr::V6(b)) = (source, target) else { panic!("family") };
            let sum = icmp.icmp_type().calc_checksum(a.octets(), b.octets(), icmp.payload());
            assert_eq!(icmp.checksum(), sum.unwrap());
            icmp.payload().to_vec()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(source, router);
    let ip_len = if from.is_ipv4() { 20 } else { 40 };
    assert!((ip_len + 8..=ip_len + 28).contains(&quoted.len()), "quotes {} bytes", quoted.len());
    let probe = segment(from, port, "S", 0, tags);
    let probe = &probe[14 + 4 * usize::from(tags)..];
    assert_eq!(quoted, probe[..quoted.len()], "quotes what was sent");
    Said::Unreachable
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

#[test]
fn the_program_answers_every_syn_as_the_rule_says() {
    let Some(mut lab) = lab(config()) else { return };
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(4000));
    let seen = std::cell::RefCell::new(std::collections::HashMap::new());
    let lab = std::cell::RefCell::new(&mut lab);
    runner
        .run(&(any_address(), 1_u16.., 0_u16..3), |(ip, port, tags)| {
            let frame = segment(ip, port, "S", 0, tags);
            let (action, reply) = lab.borrow_mut().run_once(&frame).unwrap();
            let state = RULE.state(ip, port, Protocol::Tcp);
            *seen.borrow_mut().entry(state).or_insert(0) += 1;
            let Some(state) = state else {
                prop_assert_eq!(action, XDP_DROP);
                return Ok(());
            };
            prop_assert_eq!(action, XDP_REDIRECT);
            let expected = match state {
                State::Open => Said::Open { acknowledges: SEQ.wrapping_add(1) },
                State::Closed => Said::Rst { seq: 0, acknowledges: Some(SEQ.wrapping_add(1)) },
                State::Filtered => Said::Unreachable,
            };
            prop_assert_eq!(read(&reply, ip, port, tags), expected);
            Ok(())
        })
        .unwrap();
    let seen = seen.into_inner();
    assert!(seen.len() == 4 && seen.values().all(|count| *count > 300), "{seen:?}");
}

#[test]
fn an_ack_draws_a_rst_with_its_number_and_a_rst_draws_nothing() {
    let Some(mut lab) = lab(config()) else { return };
    for ip in ["198.18.3.4", "2001:2::77"].map(|ip| ip.parse().unwrap()) {
        let (action, reply) = lab.run_once(&segment(ip, 80, "A", 77, 0)).unwrap();
        assert_eq!(action, XDP_REDIRECT);
        assert_eq!(read(&reply, ip, 80, 0), Said::Rst { seq: 77, acknowledges: None });
        assert_eq!(lab.run_once(&segment(ip, 80, "R", 0, 0)).unwrap().0, XDP_DROP);
    }
    assert_eq!(lab.counters().unwrap()[12], 2, "RSTs are counted");
}

#[test]
fn a_forged_reply_comes_from_silent_pairs_only_and_acknowledges_something_else() {
    let Some(mut lab) = lab(LabConfig { forge: 1000, ..config() }) else { return };
    for port in 1..200 {
        let ip = IpAddr::from([198, 18, 9, 9]);
        let (action, reply) = lab.run_once(&segment(ip, port, "S", 0, 0)).unwrap();
        assert_eq!(action, XDP_REDIRECT);
        if RULE.state(ip, port, Protocol::Tcp).is_none() {
            let Said::Open { acknowledges } = read(&reply, ip, port, 0) else {
                panic!("no SYN-ACK")
            };
            assert_ne!(acknowledges, SEQ.wrapping_add(1));
        }
    }
}

#[test]
fn a_pair_that_loses_its_first_packet_answers_every_later_one() {
    let Some(mut lab) = lab(LabConfig { lose_first: 1000, ..config() }) else { return };
    let ip = IpAddr::from([198, 18, 1, 1]);
    let answering: Vec<u16> =
        (1..300).filter(|port| RULE.state(ip, *port, Protocol::Tcp).is_some()).collect();
    for round in 0..3 {
        for &port in &answering {
            let (action, _) = lab.run_once(&segment(ip, port, "S", 0, 0)).unwrap();
            assert_eq!(action == XDP_REDIRECT, round > 0, "port {port}, round {round}");
        }
    }
}

#[test]
fn loss_takes_its_share_of_probes_and_of_replies_apart() {
    let loss_below = u32::MAX / 5;
    let all_open = LabConfig { open_below: 1000, loss_below, ..config() };
    let Some(mut lab) = lab(all_open) else { return };
    let frame = segment(IpAddr::from([198, 18, 1, 1]), 80, "S", 0, 0);
    let rounds = 20_000_u32;
    let answered = (0..rounds).filter(|_| lab.run_once(&frame).unwrap().0 == XDP_REDIRECT).count();
    let (expected, sigma) = (f64::from(rounds) * 0.64, (f64::from(rounds) * 0.64 * 0.36).sqrt());
    assert!((answered as f64 - expected).abs() < 5.0 * sigma, "{answered} of {rounds}");
    let counters = lab.counters().unwrap();
    assert_eq!(counters[8] + counters[9] + answered as u64, u64::from(rounds));
}

#[test]
fn what_is_not_for_the_far_end_to_answer_is_passed_or_dropped() {
    let Some(mut lab) = lab(config()) else { return };
    let mut run = |frame: &[u8]| lab.run_once(frame).unwrap().0;
    for own in ["198.19.255.10", "2001:2:0:ffff::10", "10.0.0.1", "2001:db8::1"] {
        let frame = segment(own.parse().unwrap(), 80, "S", 0, 0);
        assert_eq!(run(&frame), XDP_PASS, "{own} is the kernel's");
    }
    let ip = (0..=255)
        .map(|low| IpAddr::from([198, 18, 0, low]))
        .find(|ip| RULE.state(*ip, 80, Protocol::Tcp) == Some(State::Open))
        .unwrap();
    let good = segment(ip, 80, "S", 0, 0);
    assert_eq!(run(&good), XDP_REDIRECT);
    for (what, at) in [("MAC", 0), ("IPv4 checksum", 24), ("TCP checksum", 50), ("length", 17)] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert_eq!(run(&bad), XDP_DROP, "wrong {what}");
    }
    // A kernel peer leaves the sum of the pseudo header where the checksum goes.
    let mut partial = good.clone();
    let mut sum: u32 = 6 + 20;
    for pair in good[26..34].chunks(2) {
        sum += u32::from(u16::from_be_bytes([pair[0], pair[1]]));
    }
    let folded = (sum & 0xffff) + (sum >> 16);
    partial[50..52].copy_from_slice(&(((folded & 0xffff) + (folded >> 16)) as u16).to_be_bytes());
    assert_eq!(run(&partial), XDP_REDIRECT, "an unfilled checksum is answered");
    let mut arp = good;
    arp[12..14].copy_from_slice(&EtherType::ARP.0.to_be_bytes());
    assert_eq!(run(&arp), XDP_PASS);
}

#[test]
fn on_the_delay_path_a_frame_without_a_socket_is_dropped() {
    let all_open = LabConfig { open_below: 1000, flags: FLAG_DELAY, ..config() };
    let Some(mut lab) = lab(all_open) else { return };
    let frame = segment(IpAddr::from([198, 18, 1, 1]), 80, "S", 0, 0);
    assert_eq!(lab.run_once(&frame).unwrap().0, XDP_DROP);
}
