//! The steering program's verdicts, by BPF_PROG_TEST_RUN over frames that
//! etherparse built, with the cookie of the Rust reference: nothing here shares
//! code with the program under test.
//!
//! Needs the right to load eBPF programs. Where that is missing the tests print
//! SKIPPED, and with `CI=true` they fail.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "steer/flows.rs"]
mod flows;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;

use etherparse::{
    EtherType, Ethernet2Header, Icmpv4Header, Icmpv4Type, IpNumber, Ipv4Header, Ipv6FlowLabel,
    Ipv6Header, TcpHeader, icmpv4,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use prtip_bpf::abi::{KIND_SYN, Key, RxMeta, Source, SourceKeys, SteerConfig, Verdict};
use prtip_bpf::cookie::{cookie4, cookie6};
use prtip_bpf::steer::Steer;
use socket2::{Domain, Socket, Type};
use std::mem::size_of;

const XDP_PASS: u32 = 2;
const XDP_REDIRECT: u32 = 4;
const AF_XDP: i32 = 44;

const OURS_V4: Ipv4Addr = Ipv4Addr::new(198, 19, 255, 2);
const THEIRS_V4: Ipv4Addr = Ipv4Addr::new(198, 18, 3, 4);
const ROUTER_V4: Ipv4Addr = Ipv4Addr::new(198, 19, 255, 1);
const OURS_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 2, 0, 0xffff, 0, 0, 0, 2);
const THEIRS_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 2, 0, 7, 0, 0, 0xab, 0xcd);
const OUR_PORT: u16 = 61_234;
const THEIR_PORT: u16 = 443;

fn config() -> SteerConfig {
    with_keys(KEY4, KEY6)
}

const KEY4: Key = Key { k0: 0x0123_4567_89ab_cdef, k1: 0xfedc_ba98_7654_3210 };
const KEY6: Key = Key { k0: 0x1111_2222_3333_4444, k1: 0x5555_6666_7777_8888 };

fn source(addr: IpAddr, tcp: Key) -> Source {
    Source { addr, keys: SourceKeys { tcp, ..SourceKeys::default() } }
}

/// A SYN scan from one address of each family.
fn with_keys(tcp4: Key, tcp6: Key) -> SteerConfig {
    SteerConfig {
        sources: vec![source(OURS_V4.into(), tcp4), source(OURS_V6.into(), tcp6)],
        port_first: 61_000,
        port_last: 65_535,
        slots: 4536,
        attempts: 1,
        kinds: KIND_SYN,
        ..SteerConfig::default()
    }
}

/// The program under test, with a socket on queue 0 (test runs come in there).
struct Bench {
    steer: Steer,
    _socket: Option<Socket>,
}

impl Bench {
    /// `None` after the word SKIPPED where eBPF is not permitted.
    fn new(config: &SteerConfig) -> Option<Self> {
        let mut bench = Self::without_socket(config)?;
        let socket = Socket::new(Domain::from(AF_XDP), Type::RAW, None).unwrap();
        bench.steer.set_socket(0, socket.as_raw_fd()).unwrap();
        bench._socket = Some(socket);
        Some(bench)
    }

    fn without_socket(config: &SteerConfig) -> Option<Self> {
        match Steer::load(config, 1) {
            Ok(steer) => Some(Self { steer, _socket: None }),
            Err(error) if error.is_denied() => {
                assert!(
                    std::env::var_os("CI").is_none_or(|ci| ci != "true"),
                    "a required test cannot run: {error}"
                );
                println!("SKIPPED: {error}");
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Runs one frame and returns its verdict, having checked that the action,
    /// the counters and the frame afterwards fit it.
    fn verdict(&self, frame: &[u8]) -> Verdict {
        let (before, steered_before) = (self.steer.verdicts().unwrap(), self.steered());
        let (action, after_frame) = self.steer.run(frame).unwrap();
        let after = self.steer.verdicts().unwrap();
        let mut changed = (0..).zip(before.iter().zip(&after)).filter(|(_, (b, a))| a != b);
        let (index, (b, a)) = changed.next().expect("every frame is counted");
        assert_eq!(b + 1, *a);
        assert!(changed.next().is_none(), "a frame has one verdict");
        let verdict = ALL[index];
        assert_eq!(verdict as usize, index);

        if is_steered(verdict) {
            assert_eq!(action, XDP_REDIRECT);
            assert_eq!(self.steered(), steered_before + 1);
            let (meta, packet) = after_frame.split_at(size_of::<RxMeta>());
            assert_eq!(packet, frame);
            let meta: RxMeta = zerocopy::transmute!(<[u8; 16]>::try_from(meta).unwrap());
            assert!(meta.rx_ns().expect("the program wrote the receive time") > 0);
        } else {
            assert_eq!(action, XDP_PASS);
            assert_eq!(self.steered(), steered_before);
            assert_eq!(after_frame, frame, "what passes is left untouched");
        }
        verdict
    }

    fn steered(&self) -> u64 {
        self.steer.steered(0).unwrap()
    }
}

const ALL: [Verdict; prtip_bpf::abi::VERDICTS] = [
    Verdict::PassOther,
    Verdict::PassMalformed,
    Verdict::PassFragment,
    Verdict::PassCookie,
    Verdict::SteerSynAck,
    Verdict::SteerRst,
    Verdict::SteerIcmp,
    Verdict::SteerUdp,
    Verdict::SteerEcho,
    Verdict::SteerFlow,
    Verdict::NoSocket,
];

fn is_steered(verdict: Verdict) -> bool {
    (Verdict::SteerSynAck as u32..=Verdict::SteerFlow as u32).contains(&(verdict as u32))
}

// ---- frames -----------------------------------------------------------------

fn ethernet(vlan_types: &[u16], ether_type: EtherType, packet: &[u8]) -> Vec<u8> {
    let mut frame =
        Ethernet2Header { source: [2, 0, 0, 0, 0, 1], destination: [2, 0, 0, 0, 0, 2], ether_type }
            .to_bytes()[..12]
            .to_vec();
    for (tag, vlan_type) in (100u16..).zip(vlan_types) {
        frame.extend(vlan_type.to_be_bytes());
        frame.extend(tag.to_be_bytes());
    }
    frame.extend(ether_type.0.to_be_bytes());
    frame.extend(packet);
    frame
}

fn ipv4(
    source: Ipv4Addr,
    destination: Ipv4Addr,
    protocol: IpNumber,
    options: &[u8],
    payload: &[u8],
) -> Vec<u8> {
    let mut header =
        Ipv4Header::new(payload.len() as u16, 57, protocol, source.octets(), destination.octets())
            .unwrap();
    header.options = options.try_into().unwrap();
    header.set_payload_len(payload.len()).unwrap();
    header.header_checksum = header.calc_header_checksum();
    [header.to_bytes().as_slice(), payload].concat()
}

fn ipv6(source: Ipv6Addr, destination: Ipv6Addr, next: IpNumber, payload: &[u8]) -> Vec<u8> {
    let header = Ipv6Header {
        traffic_class: 0,
        flow_label: Ipv6FlowLabel::ZERO,
        payload_length: payload.len() as u16,
        next_header: next,
        hop_limit: 57,
        source: source.octets(),
        destination: destination.octets(),
    };
    [header.to_bytes().as_slice(), payload].concat()
}

#[derive(Clone, Copy)]
enum Flags {
    SynAck,
    Rst,
    RstAck,
    Ack,
    Syn,
}

fn tcp(source: u16, destination: u16, flags: Flags, ack: u32) -> Vec<u8> {
    let mut header = TcpHeader::new(source, destination, 0x7777_1234, 1024);
    header.acknowledgment_number = ack;
    match flags {
        Flags::SynAck => (header.syn, header.ack) = (true, true),
        Flags::Rst => header.rst = true,
        Flags::RstAck => (header.rst, header.ack) = (true, true),
        Flags::Ack => header.ack = true,
        Flags::Syn => header.syn = true,
    }
    header.to_bytes().to_vec()
}

fn c4() -> u32 {
    cookie4(KEY4, THEIRS_V4, THEIR_PORT, OUR_PORT)
}

fn c6() -> u32 {
    cookie6(KEY6, THEIRS_V6, THEIR_PORT, OUR_PORT)
}

/// A TCP segment from the target over IPv4, untagged and without options.
fn tcp4_frame(flags: Flags, ack: u32) -> Vec<u8> {
    let segment = tcp(THEIR_PORT, OUR_PORT, flags, ack);
    ethernet(&[], EtherType::IPV4, &ipv4(THEIRS_V4, OURS_V4, IpNumber::TCP, &[], &segment))
}

fn tcp6_frame(flags: Flags, ack: u32) -> Vec<u8> {
    let segment = tcp(THEIR_PORT, OUR_PORT, flags, ack);
    ethernet(&[], EtherType::IPV6, &ipv6(THEIRS_V6, OURS_V6, IpNumber::TCP, &segment))
}

/// The first `quoted_len` bytes of the TCP header of our probe.
fn quoted_probe(seq: u32, quoted_len: usize) -> Vec<u8> {
    let mut header = TcpHeader::new(OUR_PORT, THEIR_PORT, seq, 1024);
    header.syn = true;
    header.to_bytes()[..quoted_len].to_vec()
}

fn icmp4_frame(kind: u8, quoted_options: &[u8], seq: u32, quoted_len: usize) -> Vec<u8> {
    let quoted =
        ipv4(OURS_V4, THEIRS_V4, IpNumber::TCP, quoted_options, &quoted_probe(seq, quoted_len));
    let icmp_type = Icmpv4Type::Unknown {
        type_u8: kind,
        code_u8: icmpv4::CODE_DST_UNREACH_PORT,
        bytes5to8: [0; 4],
    };
    let icmp =
        [Icmpv4Header::with_checksum(icmp_type, &quoted).to_bytes().as_slice(), &quoted].concat();
    ethernet(&[], EtherType::IPV4, &ipv4(ROUTER_V4, OURS_V4, IpNumber::ICMP, &[], &icmp))
}

fn icmp6_frame(kind: u8, seq: u32, quoted_len: usize) -> Vec<u8> {
    let quoted = ipv6(OURS_V6, THEIRS_V6, IpNumber::TCP, &quoted_probe(seq, quoted_len));
    let icmp = [[kind, 4, 0, 0, 0, 0, 0, 0].as_slice(), &quoted].concat();
    ethernet(&[], EtherType::IPV6, &ipv6(THEIRS_V6, OURS_V6, IpNumber::IPV6_ICMP, &icmp))
}

// ---- TCP --------------------------------------------------------------------

#[test]
fn a_syn_ack_is_steered_only_when_it_acknowledges_the_cookie_plus_one() {
    let Some(bench) = Bench::new(&config()) else { return };
    for (frame, cookie) in
        [(tcp4_frame as fn(Flags, u32) -> Vec<u8>, c4()), (tcp6_frame as _, c6())]
    {
        let verdict_of = |ack: u32| bench.verdict(&frame(Flags::SynAck, ack));
        assert_eq!(verdict_of(cookie.wrapping_add(1)), Verdict::SteerSynAck);
        for wrong in [0, 2, 256, u32::MAX] {
            assert_eq!(verdict_of(cookie.wrapping_add(wrong)), Verdict::PassCookie);
        }
        for bit in 0..32 {
            assert_eq!(verdict_of(cookie.wrapping_add(1) ^ 1 << bit), Verdict::PassCookie);
        }
    }
}

#[test]
fn a_rst_may_acknowledge_the_cookie_or_the_cookie_plus_one() {
    let Some(bench) = Bench::new(&config()) else { return };
    for (frame, cookie) in
        [(tcp4_frame as fn(Flags, u32) -> Vec<u8>, c4()), (tcp6_frame as _, c6())]
    {
        for flags in [Flags::Rst, Flags::RstAck] {
            let verdict_of = |ack: u32| bench.verdict(&frame(flags, ack));
            assert_eq!(verdict_of(cookie), Verdict::SteerRst);
            assert_eq!(verdict_of(cookie.wrapping_add(1)), Verdict::SteerRst);
            assert_eq!(verdict_of(cookie.wrapping_add(2)), Verdict::PassCookie);
            assert_eq!(verdict_of(cookie.wrapping_sub(1)), Verdict::PassCookie);
        }
    }
}

#[test]
fn other_segments_addresses_and_ports_pass_whatever_they_acknowledge() {
    let Some(bench) = Bench::new(&config()) else { return };
    for flags in [Flags::Ack, Flags::Syn] {
        assert_eq!(bench.verdict(&tcp4_frame(flags, c4() + 1)), Verdict::PassOther);
        assert_eq!(bench.verdict(&tcp6_frame(flags, c6() + 1)), Verdict::PassOther);
    }

    let ports = [
        (60_999, Verdict::PassOther),
        (61_000, Verdict::SteerSynAck),
        (65_535, Verdict::SteerSynAck),
        (22, Verdict::PassOther),
    ];
    for (our_port, expected) in ports {
        let ack = cookie4(KEY4, THEIRS_V4, THEIR_PORT, our_port).wrapping_add(1);
        let segment = tcp(THEIR_PORT, our_port, Flags::SynAck, ack);
        let packet = ipv4(THEIRS_V4, OURS_V4, IpNumber::TCP, &[], &segment);
        assert_eq!(bench.verdict(&ethernet(&[], EtherType::IPV4, &packet)), expected);
    }

    let segment = tcp(THEIR_PORT, OUR_PORT, Flags::SynAck, c4().wrapping_add(1));
    let elsewhere = ipv4(THEIRS_V4, ROUTER_V4, IpNumber::TCP, &[], &segment);
    assert_eq!(bench.verdict(&ethernet(&[], EtherType::IPV4, &elsewhere)), Verdict::PassOther);
    let udp = ipv4(THEIRS_V4, OURS_V4, IpNumber::UDP, &[], &segment);
    assert_eq!(bench.verdict(&ethernet(&[], EtherType::IPV4, &udp)), Verdict::PassOther);
    let arp = ethernet(&[], EtherType::ARP, &[0; 28]);
    assert_eq!(bench.verdict(&arp), Verdict::PassOther);
}

#[test]
fn a_family_that_is_not_scanned_is_left_alone() {
    let v4_only = SteerConfig { sources: vec![source(OURS_V4.into(), KEY4)], ..config() };
    let v6_only = SteerConfig { sources: vec![source(OURS_V6.into(), KEY6)], ..config() };
    let Some(bench) = Bench::new(&v4_only) else { return };
    assert_eq!(
        bench.verdict(&tcp4_frame(Flags::SynAck, c4().wrapping_add(1))),
        Verdict::SteerSynAck
    );
    assert_eq!(bench.verdict(&tcp6_frame(Flags::SynAck, c6().wrapping_add(1))), Verdict::PassOther);
    let Some(bench) = Bench::new(&v6_only) else { return };
    assert_eq!(bench.verdict(&tcp4_frame(Flags::SynAck, c4().wrapping_add(1))), Verdict::PassOther);
    assert_eq!(
        bench.verdict(&tcp6_frame(Flags::SynAck, c6().wrapping_add(1))),
        Verdict::SteerSynAck
    );
}

#[test]
fn a_true_reply_without_a_socket_passes_untouched_and_is_counted() {
    let Some(bench) = Bench::without_socket(&config()) else { return };
    let frame = tcp4_frame(Flags::SynAck, c4().wrapping_add(1));
    assert_eq!(bench.verdict(&frame), Verdict::NoSocket);
    assert_eq!(bench.verdict(&icmp6_frame(1, c6(), 8)), Verdict::NoSocket);
}

#[test]
fn a_program_that_cannot_be_loaded_is_an_error_with_the_loaders_words() {
    let Some(_bench) = Bench::without_socket(&config()) else { return };
    // No kernel makes a map for no queues.
    let error = Steer::load(&config(), 0).unwrap_err();
    assert!(!error.is_denied());
    assert!(error.to_string().contains("libbpf"), "{error}");
}

#[test]
fn a_socket_taken_out_of_the_map_gets_nothing_more() {
    let Some(bench) = Bench::new(&config()) else { return };
    let frame = tcp4_frame(Flags::SynAck, c4().wrapping_add(1));
    assert_eq!(bench.verdict(&frame), Verdict::SteerSynAck);
    bench.steer.clear_sockets();
    assert_eq!(bench.verdict(&frame), Verdict::NoSocket);
}

// ---- what lies in front of the TCP header --------------------------------------

#[test]
fn up_to_two_vlan_tags_are_skipped_and_a_third_passes() {
    let Some(bench) = Bench::new(&config()) else { return };
    let segment = tcp(THEIR_PORT, OUR_PORT, Flags::SynAck, c4().wrapping_add(1));
    let packet = ipv4(THEIRS_V4, OURS_V4, IpNumber::TCP, &[], &segment);
    for (tags, expected) in [
        (&[0x8100][..], Verdict::SteerSynAck),
        (&[0x88a8, 0x8100], Verdict::SteerSynAck),
        (&[0x8100, 0x8100], Verdict::SteerSynAck),
        (&[0x88a8, 0x8100, 0x8100], Verdict::PassOther),
    ] {
        assert_eq!(bench.verdict(&ethernet(tags, EtherType::IPV4, &packet)), expected);
    }
    let segment = tcp(THEIR_PORT, OUR_PORT, Flags::RstAck, c6().wrapping_add(1));
    let packet = ipv6(THEIRS_V6, OURS_V6, IpNumber::TCP, &segment);
    let frame = ethernet(&[0x88a8, 0x8100], EtherType::IPV6, &packet);
    assert_eq!(bench.verdict(&frame), Verdict::SteerRst);
}

#[test]
fn ipv4_options_of_every_length_are_skipped() {
    let Some(bench) = Bench::new(&config()) else { return };
    let segment = tcp(THEIR_PORT, OUR_PORT, Flags::SynAck, c4().wrapping_add(1));
    for words in 0..=10 {
        let options = vec![1; words * 4];
        let packet = ipv4(THEIRS_V4, OURS_V4, IpNumber::TCP, &options, &segment);
        let frame = ethernet(&[], EtherType::IPV4, &packet);
        assert_eq!(bench.verdict(&frame), Verdict::SteerSynAck, "{words} words of options");
    }
}

#[test]
fn fragments_pass() {
    let Some(bench) = Bench::new(&config()) else { return };
    let true_reply = tcp4_frame(Flags::SynAck, c4().wrapping_add(1));
    // Flags and fragment offset, in units of 8 bytes.
    for (field, expected) in [
        (0x4000_u16, Verdict::SteerSynAck),
        (0x2000, Verdict::PassFragment),
        (0x0001, Verdict::PassFragment),
        (0x1fff, Verdict::PassFragment),
    ] {
        let mut frame = true_reply.clone();
        frame[14 + 6..14 + 8].copy_from_slice(&field.to_be_bytes());
        assert_eq!(bench.verdict(&frame), expected, "{field:#06x}");
    }

    let segment = tcp(THEIR_PORT, OUR_PORT, Flags::SynAck, c6().wrapping_add(1));
    let payload = [[6, 0, 0, 1, 0, 0, 0, 9].as_slice(), &segment].concat();
    let packet = ipv6(THEIRS_V6, OURS_V6, IpNumber::IPV6_FRAGMENTATION_HEADER, &payload);
    let frame = ethernet(&[], EtherType::IPV6, &packet);
    assert_eq!(bench.verdict(&frame), Verdict::PassFragment);
}

#[test]
fn up_to_four_ipv6_extension_headers_are_skipped() {
    let Some(bench) = Bench::new(&config()) else { return };
    let segment = tcp(THEIR_PORT, OUR_PORT, Flags::SynAck, c6().wrapping_add(1));
    const HOP_BY_HOP: u8 = 0;
    const ROUTING: u8 = 43;
    const AUTHENTICATION: u8 = 51;
    const DESTINATION: u8 = 60;
    for (chain, expected) in [
        (&[HOP_BY_HOP][..], Verdict::SteerSynAck),
        (&[DESTINATION, AUTHENTICATION], Verdict::SteerSynAck),
        (&[HOP_BY_HOP, ROUTING, AUTHENTICATION, DESTINATION], Verdict::SteerSynAck),
        (&[HOP_BY_HOP, DESTINATION, ROUTING, DESTINATION, DESTINATION], Verdict::PassOther),
    ] {
        for extra_units in [0_u8, 1, 3] {
            let mut payload = segment.clone();
            let mut next = 6;
            for &kind in chain.iter().rev() {
                let (len_field, len) = if kind == AUTHENTICATION {
                    (extra_units + 1, (usize::from(extra_units) + 3) * 4)
                } else {
                    (extra_units, (usize::from(extra_units) + 1) * 8)
                };
                let mut header = vec![0; len];
                (header[0], header[1]) = (next, len_field);
                payload = [header, payload].concat();
                next = kind;
            }
            let packet = ipv6(THEIRS_V6, OURS_V6, IpNumber(next), &payload);
            let frame = ethernet(&[], EtherType::IPV6, &packet);
            assert_eq!(bench.verdict(&frame), expected, "{chain:?} with {extra_units}");
        }
    }
}

// ---- ICMP -------------------------------------------------------------------

#[test]
fn an_icmp_error_that_quotes_eight_bytes_of_our_probe_is_steered() {
    let Some(bench) = Bench::new(&config()) else { return };
    for quoted_len in [8, 12, 20] {
        for kind in [3, 11, 12] {
            for options in [&[][..], &[1, 1, 1, 0], &[1; 40]] {
                let right = icmp4_frame(kind, options, c4(), quoted_len);
                assert_eq!(bench.verdict(&right), Verdict::SteerIcmp);
                let wrong = icmp4_frame(kind, options, c4().wrapping_add(1), quoted_len);
                assert_eq!(bench.verdict(&wrong), Verdict::PassCookie);
            }
        }
        for kind in [1, 3, 4] {
            assert_eq!(bench.verdict(&icmp6_frame(kind, c6(), quoted_len)), Verdict::SteerIcmp);
            let wrong = icmp6_frame(kind, c6() ^ 0x8000, quoted_len);
            assert_eq!(bench.verdict(&wrong), Verdict::PassCookie);
        }
    }
}

#[test]
fn an_icmp_error_that_quotes_anything_else_passes() {
    let Some(bench) = Bench::new(&config()) else { return };
    let frame_v4 = icmp4_frame(3, &[], c4(), 20);
    let frame_v6 = icmp6_frame(1, c6(), 20);
    let (quoted_v4, quoted_v6) = (14 + 20 + 8, 14 + 40 + 8);
    let altered = |frame: &[u8], at: usize, bytes: &[u8]| {
        let mut frame = frame.to_vec();
        frame[at..at + bytes.len()].copy_from_slice(bytes);
        bench.verdict(&frame)
    };
    // Not TCP, not from us, a fragment, not from our ports.
    assert_eq!(altered(&frame_v4, quoted_v4 + 9, &[17]), Verdict::PassOther);
    assert_eq!(altered(&frame_v4, quoted_v4 + 15, &[9]), Verdict::PassOther);
    assert_eq!(altered(&frame_v4, quoted_v4 + 6, &[0, 1]), Verdict::PassOther);
    assert_eq!(altered(&frame_v4, quoted_v4 + 20, &[0, 22]), Verdict::PassOther);
    assert_eq!(altered(&frame_v6, quoted_v6 + 6, &[17]), Verdict::PassOther);
    assert_eq!(altered(&frame_v6, quoted_v6 + 23, &[9]), Verdict::PassOther);
    assert_eq!(altered(&frame_v6, quoted_v6 + 40, &[0, 22]), Verdict::PassOther);
    // To another target: the cookie is not that probe's.
    assert_eq!(altered(&frame_v4, quoted_v4 + 19, &[9]), Verdict::PassCookie);
    assert_eq!(altered(&frame_v4, quoted_v4 + 23, &[9]), Verdict::PassCookie);
    assert_eq!(altered(&frame_v6, quoted_v6 + 39, &[9]), Verdict::PassCookie);
    // Of another IP version.
    assert_eq!(altered(&frame_v4, quoted_v4, &[0x65]), Verdict::PassMalformed);
    assert_eq!(altered(&frame_v6, quoted_v6, &[0x40]), Verdict::PassMalformed);
}

#[test]
fn icmp_messages_that_are_no_errors_pass() {
    let Some(bench) = Bench::new(&config()) else { return };
    for kind in (0..=255).filter(|kind| ![3, 11, 12].contains(kind)) {
        assert_eq!(bench.verdict(&icmp4_frame(kind, &[], c4(), 8)), Verdict::PassOther);
    }
    for kind in (0..=255).filter(|kind| ![1, 3, 4].contains(kind)) {
        assert_eq!(bench.verdict(&icmp6_frame(kind, c6(), 8)), Verdict::PassOther);
    }
}

// ---- hostile frames -----------------------------------------------------------

#[test]
fn a_true_reply_cut_short_at_any_length_passes() {
    let Some(bench) = Bench::new(&config()) else { return };
    let tagged = ethernet(
        &[0x88a8, 0x8100],
        EtherType::IPV4,
        &ipv4(
            THEIRS_V4,
            OURS_V4,
            IpNumber::TCP,
            &[1; 8],
            &tcp(THEIR_PORT, OUR_PORT, Flags::SynAck, c4().wrapping_add(1)),
        ),
    );
    for frame in [
        tcp4_frame(Flags::SynAck, c4().wrapping_add(1)),
        tcp6_frame(Flags::RstAck, c6().wrapping_add(1)),
        icmp4_frame(3, &[], c4(), 8),
        icmp4_frame(11, &[1; 12], c4(), 8),
        icmp6_frame(1, c6(), 8),
        tagged,
    ] {
        assert!(is_steered(bench.verdict(&frame)));
        // The kernel takes no test frame shorter than an Ethernet header.
        for len in 14..frame.len() {
            let verdict = bench.verdict(&frame[..len]);
            assert!(
                matches!(verdict, Verdict::PassMalformed | Verdict::PassOther),
                "{verdict:?} at {len} of {} bytes",
                frame.len()
            );
        }
    }
}

#[test]
fn an_ip_length_too_short_for_the_headers_is_malformed() {
    let Some(bench) = Bench::new(&config()) else { return };
    let true_reply = tcp4_frame(Flags::SynAck, c4().wrapping_add(1));
    for total_len in 0..40_u16 {
        let mut frame = true_reply.clone();
        frame[16..18].copy_from_slice(&total_len.to_be_bytes());
        assert_eq!(bench.verdict(&frame), Verdict::PassMalformed, "{total_len}");
    }
    let true_reply = tcp6_frame(Flags::SynAck, c6().wrapping_add(1));
    for payload_len in 0..20_u16 {
        let mut frame = true_reply.clone();
        frame[18..20].copy_from_slice(&payload_len.to_be_bytes());
        assert_eq!(bench.verdict(&frame), Verdict::PassMalformed, "{payload_len}");
    }
    let mut frame = tcp4_frame(Flags::SynAck, c4().wrapping_add(1));
    frame[14 + 20 + 12] = 0x40; // a TCP header of 16 bytes
    assert_eq!(bench.verdict(&frame), Verdict::PassMalformed);
}

#[test]
fn random_bytes_are_never_steered() {
    let Some(bench) = Bench::new(&config()) else { return };
    let mut runner =
        TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(4096) });
    let bytes = prop::collection::vec(any::<u8>(), 14..200);
    runner
        .run(&bytes, |frame| {
            prop_assert!(!is_steered(bench.verdict(&frame)));
            Ok(())
        })
        .unwrap();
}

/// Random bytes rarely get past the first header, so these start from a true
/// reply, get a cookie that is not its own and then any damage behind the
/// addresses.
#[test]
fn damaged_replies_with_a_foreign_cookie_are_never_steered() {
    let Some(bench) = Bench::new(&config()) else { return };
    let foreign = Key { k0: 1, k1: 2 };
    let forged4 = cookie4(foreign, THEIRS_V4, THEIR_PORT, OUR_PORT);
    let forged6 = cookie6(foreign, THEIRS_V6, THEIR_PORT, OUR_PORT);
    let frames = vec![
        tcp4_frame(Flags::SynAck, forged4.wrapping_add(1)),
        tcp6_frame(Flags::RstAck, forged6.wrapping_add(1)),
        icmp4_frame(3, &[1; 8], forged4, 20),
        icmp6_frame(1, forged6, 20),
    ];
    let damage = prop::collection::vec((12_usize..100, any::<u8>()), 0..6);
    let mut runner =
        TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(4096) });
    runner
        .run(&(prop::sample::select(frames), damage), |(mut frame, damage)| {
            for (at, byte) in damage {
                let at = at % frame.len();
                frame[at] = byte;
            }
            prop_assert!(!is_steered(bench.verdict(&frame)));
            Ok(())
        })
        .unwrap();
}

// ---- the cookie in C and in Rust -------------------------------------------------

#[test]
fn the_cookie_is_the_same_in_c_and_in_rust() {
    let key = || (any::<u64>(), any::<u64>()).prop_map(|(k0, k1)| Key { k0, k1 });
    let probe = (any::<[u8; 16]>(), any::<u16>(), 1_u16..);
    let probes = prop::collection::vec(probe, 32);
    let mut runner =
        TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(24) });
    runner
        .run(&(key(), key(), probes), |(tcp4_key, tcp6_key, probes)| {
            let config =
                SteerConfig { port_first: 1, port_last: u16::MAX, ..with_keys(tcp4_key, tcp6_key) };
            let Some(bench) = Bench::new(&config) else { return Ok(()) };
            for (addr, their_port, our_port) in probes {
                let v6 = Ipv6Addr::from(addr);
                let v4 = Ipv4Addr::new(addr[0], addr[1], addr[2], addr[3]);
                let c4 = cookie4(tcp4_key, v4, their_port, our_port);
                let c6 = cookie6(tcp6_key, v6, their_port, our_port);
                let segment4 = tcp(their_port, our_port, Flags::SynAck, c4.wrapping_add(1));
                let segment6 = tcp(their_port, our_port, Flags::SynAck, c6.wrapping_add(1));
                let packet4 = ipv4(v4, OURS_V4, IpNumber::TCP, &[], &segment4);
                let packet6 = ipv6(v6, OURS_V6, IpNumber::TCP, &segment6);
                let frame4 = ethernet(&[], EtherType::IPV4, &packet4);
                let frame6 = ethernet(&[], EtherType::IPV6, &packet6);
                prop_assert_eq!(bench.verdict(&frame4), Verdict::SteerSynAck);
                prop_assert_eq!(bench.verdict(&frame6), Verdict::SteerSynAck);
            }
            Ok(())
        })
        .unwrap();
}
