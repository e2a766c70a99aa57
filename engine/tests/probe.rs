//! Probes and replies as bytes, judged by etherparse and by the reference cookie.

#![allow(clippy::unwrap_used, missing_docs)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use etherparse::{
    Icmpv4Type, Icmpv6Type, NetSlice, PacketBuilder, SlicedPacket, TransportSlice, icmpv4, icmpv6,
};
use proptest::prelude::*;
use prtip_bpf::abi::Key;
use prtip_bpf::cookie::{cookie4, cookie6, derive_key};
use prtip_engine::plan::cookies::Lanes;
use prtip_engine::plan::origin::Way;
use prtip_engine::plan::probe::{Answered, Fields, ProbeConfig, Prober, RESOLVE_BATCH, Slot};
use prtip_engine::plan::{Ask, IpRange, Plan, PlanError, PortSet, ProbeKind};
use prtip_engine::scan::SynOptions;
use prtip_engine::wire::Link;
use prtip_engine::wire::reply::{Kind, Quoted, Reply, parse};

const OUR_V4: Ipv4Addr = Ipv4Addr::new(198, 19, 255, 1);
const OUR_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 2, 0, 0xffff, 0, 0, 0, 1);
const KEY: Key = Key { k0: 0x0123_4567_89ab_cdef, k1: 0xfedc_ba98_7654_3210 };
const ETHERNET: Link =
    Link::Ethernet { source: [2, 0, 0, 0, 0, 1], destination: [2, 0, 0, 0, 0, 2], vlan: None };
const TAGGED: Link =
    Link::Ethernet { source: [2, 0, 0, 0, 0, 1], destination: [2, 0, 0, 0, 0, 2], vlan: Some(77) };

fn config() -> ProbeConfig {
    ProbeConfig {
        key: KEY,
        source_ports: 61_000..=65_535,
        attempts: 3,
        syn: SynOptions::Mss,
        ways: ways(ETHERNET),
        way_of: None,
        contact: None,
    }
}

fn ways(link: Link) -> Vec<Way> {
    vec![Way::new(link, Some(OUR_V4), Some(OUR_V6))]
}

fn plan() -> Arc<Plan> {
    let v4 = IpRange::prefix(Ipv4Addr::new(198, 18, 0, 0).into(), 22).unwrap();
    let v6 = IpRange::prefix(Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 0).into(), 118).unwrap();
    let mut builder = Plan::builder();
    builder.target(&[v4], true).target(&[v6], true);
    Arc::new(builder.ports(PortSet::new([22, 80, 443, 60_000])).seed(3).build().unwrap())
}

fn prober() -> Prober {
    Prober::new(plan(), &config()).unwrap()
}

/// Checks one frame by etherparse: fields as the plan says, checksums right.
fn judge(prober: &Prober, config: &ProbeConfig, index: u64, attempt: u8, frame: &[u8]) {
    let link = config.ways[0].link;
    let packet = if matches!(link, Link::None) {
        SlicedPacket::from_ip(frame).unwrap()
    } else {
        SlicedPacket::from_ethernet(frame).unwrap()
    };
    if let Link::Ethernet { source, destination, vlan } = link {
        assert_eq!(frame[..6], destination);
        assert_eq!(frame[6..12], source);
        let tag = packet.vlan_ids().first().map(|id| id.value());
        assert_eq!(tag, vlan);
    }
    let Some(TransportSlice::Tcp(tcp)) = packet.transport else {
        panic!("no TCP");
    };
    let target = prober.plan().target(index);
    let (options, window) = match config.syn {
        SynOptions::Bare => (0, 65_535),
        SynOptions::Mss => (4, 65_535),
        SynOptions::Linux => (20, 64_240),
    };
    let (cookie, ip_len) = match packet.net.unwrap() {
        NetSlice::Ipv4(ip) => {
            let header = ip.header();
            assert_eq!(IpAddr::V4(header.destination_addr()), target.addr);
            assert_eq!(header.source_addr(), OUR_V4);
            assert_eq!(header.header_checksum(), header.to_header().calc_header_checksum());
            assert_eq!(
                tcp.checksum(),
                tcp.to_header().calc_checksum_ipv4(&header.to_header(), &[]).unwrap()
            );
            assert!(header.dont_fragment() && header.ttl() == 64 && header.identification() != 0);
            let key = derive_key(KEY, OUR_V4.into(), 6);
            let to = header.destination_addr();
            (cookie4(key, to, tcp.destination_port(), tcp.source_port()), 20)
        }
        NetSlice::Ipv6(ip) => {
            let header = ip.header();
            assert_eq!(IpAddr::V6(header.destination_addr()), target.addr);
            assert_eq!(header.source_addr(), OUR_V6);
            assert_eq!(header.hop_limit(), 64);
            let sum = tcp.to_header().calc_checksum_ipv6(&header.to_header(), tcp.payload());
            assert_eq!(tcp.checksum(), sum.unwrap());
            let key = derive_key(KEY, OUR_V6.into(), 6);
            let to = header.destination_addr();
            (cookie6(key, to, tcp.destination_port(), tcp.source_port()), 40)
        }
        NetSlice::Arp(_) => panic!("ARP"),
    };
    assert_eq!(frame.len(), link.len() + ip_len + 20 + options);
    assert_eq!(tcp.destination_port(), target.port);
    assert!(config.source_ports.contains(&tcp.source_port()));
    assert_eq!((tcp.source_port() - config.source_ports.start()) % 3, u16::from(attempt));
    assert_eq!(tcp.sequence_number(), cookie);
    assert!(tcp.syn() && !tcp.ack() && !tcp.rst() && !tcp.fin());
    assert_eq!((tcp.window_size(), tcp.acknowledgment_number()), (window, 0));
    assert!(tcp.payload().is_empty());
    assert!(tcp.options_iterator().all(|option| option.is_ok()));
}

#[test]
fn every_probe_is_well_formed_in_every_shape() {
    for link in [Link::None, ETHERNET, TAGGED] {
        for syn in [SynOptions::Bare, SynOptions::Mss, SynOptions::Linux] {
            let config = ProbeConfig { ways: ways(link), syn, ..config() };
            let prober = Prober::new(plan(), &config).unwrap();
            let mut frame = [0xaa; 128];
            for index in (0..prober.plan().len()).step_by(7) {
                let attempt = (index % 3) as u8;
                let len = prober.craft(index, attempt, &mut frame);
                assert!(len <= prober.max_len());
                judge(&prober, &config, index, attempt, &frame[..len]);
            }
        }
    }
}

#[test]
fn batches_in_reused_frames_give_the_same_bytes_as_single_probes() {
    for prober in [prober(), prober().with_lanes(Lanes::Scalar)] {
        let mut frames = [[0x55u8; 128]; RESOLVE_BATCH];
        let mut slots = [Slot::EMPTY; RESOLVE_BATCH];
        let mut fields = [Fields::EMPTY; RESOLVE_BATCH];
        for (round, count) in [64, 1, 63, 7, 8, 9, 64, 64].into_iter().enumerate() {
            let indices: Vec<u64> = (0..count).map(|n| n * 31 + round as u64 * 64).collect();
            let attempt = (round % 3) as u8;
            prober.resolve(&indices, attempt, &mut fields);
            for (at, &index) in indices.iter().enumerate() {
                let len = prober.write(&fields[at], &mut slots[at], &mut frames[at]);
                let mut alone = [0; 128];
                let alone_len = self::prober().craft(index, attempt, &mut alone);
                assert_eq!(frames[at][..len], alone[..alone_len]);
                let target = prober.plan().target(index);
                assert_eq!((fields[at].addr(), fields[at].port()), (target.addr, target.port));
                let reply = parse_probe_as_reply(&alone[..alone_len]);
                assert_eq!((fields[at].source_port(), fields[at].seq()), reply);
            }
        }
    }
}

/// Our port and sequence number of a crafted frame.
fn parse_probe_as_reply(frame: &[u8]) -> (u16, u32) {
    match SlicedPacket::from_ethernet(frame).unwrap().transport {
        Some(TransportSlice::Tcp(tcp)) => (tcp.source_port(), tcp.sequence_number()),
        _ => panic!("no TCP"),
    }
}

/// The answers to the probe of (`index`, `attempt`) as a peer would send them,
/// built by etherparse: SYN-ACK, RST, RST-ACK, and an ICMP error.
fn answers(prober: &Prober, index: u64, attempt: u8) -> Vec<Vec<u8>> {
    let mut probe = [0; 128];
    let len = prober.craft(index, attempt, &mut probe);
    let probe = &probe[..len];
    let (our_port, seq) = parse_probe_as_reply(probe);
    let target = prober.plan().target(index);
    let ip = |from: IpAddr| {
        let ethernet = PacketBuilder::ethernet2([2; 6], [4; 6]);
        match (from, target.addr) {
            (IpAddr::V4(from), _) => ethernet.ipv4(from.octets(), OUR_V4.octets(), 55),
            (IpAddr::V6(from), _) => ethernet.ipv6(from.octets(), OUR_V6.octets(), 55),
        }
    };
    let after = seq.wrapping_add(1);
    let tcp = || ip(target.addr).tcp(target.port, our_port, 99, 1000);
    let mut frames = Vec::new();
    let mut write = |builder: etherparse::PacketBuilderStep<etherparse::TcpHeader>| {
        let mut frame = Vec::new();
        builder.write(&mut frame, &[]).unwrap();
        frames.push(frame);
    };
    write(tcp().syn().ack(after));
    write(tcp().rst().ack(after));
    let mut plain = tcp().rst();
    plain = plain.ack(seq);
    write(plain);
    // Quotes our IP packet up to the first 8 bytes of TCP.
    let mut frame = Vec::new();
    match target.addr {
        IpAddr::V4(_) => {
            let router = IpAddr::V4(Ipv4Addr::new(11, 0, 0, 1));
            let unreachable = icmpv4::DestUnreachableHeader::HostProhibited;
            ip(router)
                .icmpv4(Icmpv4Type::DestinationUnreachable(unreachable))
                .write(&mut frame, &probe[14..14 + 28])
                .unwrap();
        }
        IpAddr::V6(_) => {
            let router = IpAddr::V6(Ipv6Addr::new(0x2a00, 0, 0, 0, 0, 0, 0, 1));
            let unreachable = icmpv6::DestUnreachableCode::Prohibited;
            ip(router)
                .icmpv6(Icmpv6Type::DestinationUnreachable(unreachable))
                .write(&mut frame, &probe[14..14 + 48])
                .unwrap();
        }
    }
    frames.push(frame);
    frames
}

#[test]
fn true_answers_lead_back_to_their_probe() {
    let prober = prober();
    for index in (0..prober.plan().len()).step_by(13) {
        let attempt = (index % 3) as u8;
        let target = prober.plan().target(index);
        for (at, frame) in answers(&prober, index, attempt).iter().enumerate() {
            let reply = parse(frame, true).unwrap();
            assert_eq!((reply.addr, reply.port, reply.ttl), (target.addr, target.port, 55));
            let ask = Ask { kind: ProbeKind::Syn, port: target.port };
            assert_eq!(
                prober.validate(&reply, frame),
                Some(Answered { index, attempt, target, ask })
            );
            match (at, reply.kind) {
                (0, Kind::SynAck { .. }) | (1 | 2, Kind::Rst { .. }) => {}
                (3, Kind::IcmpError { kind: 3, code: 10, .. }) if target.addr.is_ipv4() => {}
                (3, Kind::IcmpError { kind: 1, code: 1, .. }) if target.addr.is_ipv6() => {}
                (at, kind) => panic!("answer {at} was read as {kind:?}"),
            }
            // The same without Ethernet, and behind one and two VLAN tags.
            assert_eq!(parse(&frame[14..], false), Some(reply));
            let tag = [0x81, 0x00, 0, 5];
            let tagged = [&frame[..12], &tag, &frame[12..]].concat();
            assert_eq!(parse(&tagged, true), Some(reply));
            let outer = [0x88, 0xa8, 0, 6];
            let twice = [&frame[..12], &outer, &tag, &frame[12..]].concat();
            assert_eq!(parse(&twice, true), Some(reply));
            // Padded to the shortest Ethernet frame and beyond.
            assert_eq!(parse(&[&frame[..], &[0xee; 30]].concat(), true), Some(reply));
        }
    }
}

/// An error's quoted checksum must be ours where the datagram holds a part of the token;
/// the lengths and the checksum are those of the frame that was sent.
#[test]
fn an_error_quotes_the_checksum_of_a_datagram_with_a_transaction_id() {
    let plan = {
        let mut builder = Plan::builder();
        builder.target(&[IpRange::prefix(Ipv4Addr::new(198, 18, 0, 0).into(), 28).unwrap()], true);
        builder.target(&[IpRange::single(Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 7).into())], true);
        builder.udp_ports(PortSet::new([7, 53, 123, 443, 500, 623, 5060, 40_000]));
        Arc::new(builder.seed(5).build().unwrap())
    };
    let prober = Prober::new(Arc::clone(&plan), &config()).unwrap();
    for index in 0..plan.len() {
        let mut probe = vec![0; prober.max_len()];
        let len = prober.craft(index, 1, &mut probe);
        let quoted = &probe[14..len];
        let v6 = quoted[0] >> 4 == 6;
        let checksum_at = if v6 { 40 } else { 20 } + 6;
        let port = plan.target(index).port;
        for damage in [0u8, 1, 0x80] {
            let mut quoted = quoted[..checksum_at + 2].to_vec();
            quoted[checksum_at] ^= damage;
            let mut frame = Vec::new();
            if v6 {
                PacketBuilder::ethernet2([4; 6], [2, 0, 0, 0, 0, 1])
                    .ipv6(plan_addr6(&plan, index), OUR_V6.octets(), 60)
                    .icmpv6(Icmpv6Type::DestinationUnreachable(icmpv6::DestUnreachableCode::Port))
                    .write(&mut frame, &quoted)
            } else {
                PacketBuilder::ethernet2([4; 6], [2, 0, 0, 0, 0, 1])
                    .ipv4([198, 18, 0, 3], OUR_V4.octets(), 60)
                    .icmpv4(Icmpv4Type::DestinationUnreachable(icmpv4::DestUnreachableHeader::Port))
                    .write(&mut frame, &quoted)
            }
            .unwrap();
            let reply = parse(&frame, true).unwrap();
            let answered = prober.validate(&reply, &frame);
            let believed = damage == 0 || port == 40_000;
            assert_eq!(answered.is_some(), believed, "port {port}, damage {damage}");
            if let Some(answered) = answered {
                assert_eq!((answered.index, answered.attempt), (index, 1));
            }
        }
    }
}

fn plan_addr6(plan: &Plan, index: u64) -> [u8; 16] {
    match plan.target(index).addr {
        IpAddr::V6(addr) => addr.octets(),
        IpAddr::V4(addr) => panic!("{addr}"),
    }
}

#[test]
fn forged_answers_are_not_ours() {
    let prober = prober();
    for index in (0..prober.plan().len()).step_by(101) {
        for frame in answers(&prober, index, 1) {
            let reply = parse(&frame, true).unwrap();
            let target = prober.plan().target(index);
            let refused = |change: &dyn Fn(&mut Reply)| {
                let mut forged = reply;
                change(&mut forged);
                assert_eq!(prober.validate(&forged, &frame), None, "{forged:?} for {target:?}");
            };
            refused(&|reply| {
                reply.kind = match reply.kind {
                    Kind::SynAck { ack } => Kind::SynAck { ack: ack.wrapping_sub(1) },
                    Kind::Rst { seq, ack } => Kind::Rst { seq, ack: ack ^ 0x8000_0000 },
                    Kind::IcmpError { kind, code, quoted: Quoted::Tcp { seq }, sender } => {
                        let quoted = Quoted::Tcp { seq: seq.wrapping_add(1) };
                        Kind::IcmpError { kind, code, quoted, sender }
                    }
                    other => panic!("{other:?}"),
                };
            });
            refused(&|reply| reply.port ^= 1);
            refused(&|reply| reply.our_port ^= 1);
            refused(&|reply| {
                reply.our_addr = match reply.our_addr {
                    IpAddr::V4(_) => Ipv4Addr::new(198, 19, 255, 2).into(),
                    IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
                };
            });
            refused(&|reply| {
                reply.addr = match reply.addr {
                    IpAddr::V4(addr) => Ipv4Addr::from(u32::from(addr) ^ 1).into(),
                    IpAddr::V6(addr) => Ipv6Addr::from(u128::from(addr) ^ 1).into(),
                };
            });
        }
    }
}

#[test]
fn a_right_cookie_outside_the_plan_or_from_a_wrong_port_is_not_ours() {
    let prober = prober();
    let key = derive_key(KEY, OUR_V4.into(), 6);
    let reply = |addr: Ipv4Addr, port, our_port| {
        let ack = cookie4(key, addr, port, our_port).wrapping_add(1);
        let kind = Kind::SynAck { ack };
        Reply { addr: addr.into(), port, our_addr: OUR_V4.into(), our_port, ttl: 9, kind }
    };
    let inside = Ipv4Addr::new(198, 18, 0, 9);
    // Of all our ports, one an attempt is right.
    let accepted: Vec<u8> = (0..=u16::MAX)
        .filter_map(|our_port| prober.validate(&reply(inside, 80, our_port), &[]))
        .map(|answered| answered.attempt)
        .collect();
    assert_eq!(accepted, [0, 1, 2]);
    let outside = Ipv4Addr::new(198, 18, 4, 0);
    assert!((0..=u16::MAX).all(|port| prober.validate(&reply(outside, 80, port), &[]).is_none()));
    assert!((0..=u16::MAX).all(|port| prober.validate(&reply(inside, 81, port), &[]).is_none()));
}

#[test]
fn the_rst_ends_the_connection_that_the_syn_ack_opened() {
    let prober = prober();
    for index in (0..prober.plan().len()).step_by(97) {
        let frames = answers(&prober, index, 2);
        let reply = parse(&frames[0], true).unwrap();
        let Kind::SynAck { ack } = reply.kind else { panic!("{reply:?}") };
        let mut frame = [0xaa; 128];
        let len = prober.craft_rst(&reply, &mut frame);
        let packet = SlicedPacket::from_ethernet(&frame[..len]).unwrap();
        let Some(TransportSlice::Tcp(tcp)) = packet.transport else { panic!("no TCP") };
        assert!(tcp.rst() && !tcp.syn() && !tcp.ack());
        assert_eq!((tcp.sequence_number(), tcp.window_size()), (ack, 0));
        assert_eq!((tcp.source_port(), tcp.destination_port()), (reply.our_port, reply.port));
        let sum = match packet.net.unwrap() {
            NetSlice::Ipv4(ip) => {
                assert_eq!(IpAddr::V4(ip.header().destination_addr()), reply.addr);
                let header = ip.header().to_header();
                assert_eq!(header.header_checksum, header.calc_header_checksum());
                tcp.to_header().calc_checksum_ipv4(&header, &[]).unwrap()
            }
            NetSlice::Ipv6(ip) => {
                assert_eq!(IpAddr::V6(ip.header().destination_addr()), reply.addr);
                tcp.to_header().calc_checksum_ipv6(&ip.header().to_header(), &[]).unwrap()
            }
            NetSlice::Arp(_) => panic!("ARP"),
        };
        assert_eq!(tcp.checksum(), sum);
        for other in &frames[1..] {
            assert_eq!(prober.craft_rst(&parse(other, true).unwrap(), &mut [0; 128]), 0);
        }
    }
}

#[test]
fn a_frame_cut_anywhere_is_no_reply_until_all_that_is_needed_is_there() {
    let prober = prober();
    for index in 0..64 {
        for frame in answers(&prober, index, 0) {
            let whole = parse(&frame, true);
            assert!(whole.is_some());
            for len in 0..frame.len() {
                assert_eq!(parse(&frame[..len], true), None, "{len} of {}", frame.len());
                if len >= 14 {
                    assert_eq!(parse(&frame[14..len], false), None);
                }
            }
        }
    }
}

#[test]
fn fragments_and_foreign_protocols_are_no_replies() {
    let prober = prober();
    let index = (0..64).find(|&i| prober.plan().target(i).addr.is_ipv4()).unwrap();
    let frame = answers(&prober, index, 0).remove(0);
    let changed = |at: usize, value: u8| {
        let mut frame = frame.clone();
        frame[at] = value;
        parse(&frame, true)
    };
    assert_eq!(changed(14 + 6, 0x20), None, "more fragments");
    assert_eq!(changed(14 + 7, 0x01), None, "not the first fragment");
    assert_eq!(changed(14 + 9, 17), None, "UDP");
    assert_eq!(changed(14, 0x44), None, "header of 16 bytes");
    assert_eq!(changed(14, 0x65), None, "IPv6 in an IPv4 frame");
    assert_eq!(changed(12, 0x09), None, "another Ethernet type");
    assert_eq!(changed(14 + 20 + 13, 0x02), None, "a SYN");
    assert_eq!(changed(14 + 20 + 13, 0x10), None, "an ACK");
    assert!(changed(14 + 6, 0x40).is_some(), "DF");
}

#[test]
fn ipv4_options_and_four_ipv6_extension_headers_are_skipped() {
    let prober = prober();
    let plan = prober.plan();
    let v4 = (0..64).find(|&i| plan.target(i).addr.is_ipv4()).unwrap();
    let frame = answers(&prober, v4, 0).remove(0);
    let mut longer = [&frame[..34], &[1u8; 12], &frame[34..]].concat();
    longer[14] = 0x48;
    longer[17] += 12;
    assert_eq!(parse(&longer, true), parse(&frame, true));

    let v6 = (0..64).find(|&i| plan.target(i).addr.is_ipv6()).unwrap();
    let frame = answers(&prober, v6, 0).remove(0);
    let with = |types: &[u8]| {
        let mut extensions = Vec::new();
        let mut bytes = frame.clone();
        bytes[20] = types[0];
        for (at, kind) in types.iter().enumerate() {
            let next = *types.get(at + 1).unwrap_or(&6);
            // An authentication header counts in words of four, less two.
            let count = if *kind == 51 { 2 } else { 1 };
            let mut header = vec![0u8; 16];
            (header[0], header[1]) = (next, count);
            extensions.extend(header);
        }
        let len = u16::from_be_bytes([bytes[18], bytes[19]]) + extensions.len() as u16;
        bytes[18..20].copy_from_slice(&len.to_be_bytes());
        [&bytes[..54], &extensions, &bytes[54..]].concat()
    };
    assert_eq!(parse(&with(&[0, 43, 60, 51]), true), parse(&frame, true));
    assert_eq!(parse(&with(&[0, 43, 60, 51, 60]), true), None, "a fifth");
    assert_eq!(parse(&with(&[0, 44]), true), None, "a fragment header");
}

#[test]
fn sources_that_are_missing_or_too_few_are_refused() {
    let no_v6 = ProbeConfig { ways: vec![Way::new(ETHERNET, Some(OUR_V4), None)], ..config() };
    let error = Prober::new(plan(), &no_v6).unwrap_err();
    assert!(matches!(error, PlanError::NoSource { family: "IPv6", .. }));
    let few = ProbeConfig { source_ports: 61_000..=61_001, ..config() };
    let error = Prober::new(plan(), &few).unwrap_err();
    assert_eq!(error, PlanError::SourcePorts { first: 61_000, last: 61_001, attempts: 3 });
}

#[test]
fn the_steering_program_gets_the_keys_that_made_the_cookies() {
    let steer = prober().steer_config();
    for (source, addr) in steer.sources.iter().zip([IpAddr::from(OUR_V4), OUR_V6.into()]) {
        assert_eq!(source.addr, addr);
        assert_eq!(source.keys.tcp, derive_key(KEY, addr, 6));
        assert_eq!(source.keys.udp, derive_key(KEY, addr, 17));
        assert_eq!(source.keys.icmp, derive_key(KEY, addr, 1));
    }
    assert_eq!((steer.sources.len(), steer.kinds), (2, 1));
    assert_eq!((steer.port_first, steer.port_last), (61_000, 65_535));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let prober = prober();
        for ethernet in [false, true] {
            if let Some(reply) = parse(&bytes, ethernet) {
                prop_assert_eq!(prober.validate(&reply, &bytes), None);
            }
        }
    }

    /// Noise in a true answer reaches the deeper layers.
    #[test]
    fn damaged_answers_never_panic_and_never_lie(
        index in 0u64..8192, which in 0usize..4, cut in 0usize..120,
        noise in proptest::collection::vec((0usize..110, any::<u8>()), 0..6)
    ) {
        let prober = prober();
        let index = index % prober.plan().len();
        let mut frame = answers(&prober, index, 0).swap_remove(which);
        for (at, value) in noise {
            if let Some(byte) = frame.get_mut(at) {
                *byte = value;
            }
        }
        frame.truncate(frame.len().saturating_sub(cut.saturating_sub(60)));
        if let Some(answered) = parse(&frame, true).and_then(|reply| prober.validate(&reply, &frame)) {
            prop_assert_eq!(answered.index, index);
        }
    }
}
