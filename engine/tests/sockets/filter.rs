//! The socket filter, run by the kernel on frames that etherparse makes and
//! reads: what it lets through is exactly what can answer a probe of ours.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::net::UnixDatagram;

use etherparse::{
    IpNumber, Ipv4Header, Ipv4HeaderSlice, Ipv4Options, Ipv6Header, Ipv6HeaderSlice, NetSlice,
    SlicedPacket, TcpHeader, TransportSlice,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use prtip_engine::port::filter::{ReplyFilter, Start, drop_all};
use prtip_engine::wire::reply::parse;
use socket2::{SockFilter, SockRef};

const OURS4: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
const OURS6: Ipv6Addr = Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 1);
const FIRST: u16 = 61_000;
const LAST: u16 = 61_999;

fn both_families() -> ReplyFilter {
    ReplyFilter {
        sources_v4: vec![OURS4],
        sources_v6: vec![OURS6],
        source_ports: FIRST..=LAST,
        udp: true,
        echo: true,
        any_segment: false,
    }
}

/// A pair of local sockets, one of which has the filter.
struct Kernel(UnixDatagram, UnixDatagram);

impl Kernel {
    fn new(program: &[SockFilter]) -> Self {
        let (sender, receiver) = UnixDatagram::pair().unwrap();
        receiver.set_nonblocking(true).unwrap();
        SockRef::from(&receiver).attach_filter(program).unwrap();
        Self(sender, receiver)
    }

    fn accepts(&self, frame: &[u8]) -> bool {
        self.0.send(frame).unwrap();
        let mut buffer = [0; 4096];
        match self.1.recv(&mut buffer) {
            Ok(len) => {
                assert_eq!(&buffer[..len], frame, "accepted frames are kept whole");
                true
            }
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
                false
            }
        }
    }
}

/// Whether `frame` can answer one of our probes, as etherparse reads it.
fn expected(frame: &[u8], start: Start) -> bool {
    let packet = match start {
        Start::Ethernet => SlicedPacket::from_ethernet(frame),
        Start::Ip => SlicedPacket::from_ip(frame),
    };
    let Ok(packet) = packet else { return false };
    let for_us = match &packet.net {
        Some(NetSlice::Ipv4(ip)) => {
            ip.header().destination_addr() == OURS4 && !ip.header().is_fragmenting_payload()
        }
        Some(NetSlice::Ipv6(ip)) => ip.header().destination_addr() == OURS6,
        _ => false,
    };
    let ports = FIRST..=LAST;
    for_us
        && match &packet.transport {
            Some(TransportSlice::Tcp(tcp)) => {
                ports.contains(&tcp.destination_port()) && (tcp.rst() || (tcp.syn() && tcp.ack()))
            }
            Some(TransportSlice::Udp(udp)) => ports.contains(&udp.destination_port()),
            Some(TransportSlice::Icmpv4(icmp)) if icmp.type_u8() == 0 => {
                ports.contains(&u16::from_be_bytes([icmp.slice()[4], icmp.slice()[5]]))
            }
            Some(TransportSlice::Icmpv6(icmp)) if icmp.type_u8() == 129 => {
                ports.contains(&u16::from_be_bytes([icmp.slice()[4], icmp.slice()[5]]))
            }
            Some(TransportSlice::Icmpv4(icmp)) => {
                [3, 11, 12].contains(&icmp.type_u8()) && quotes_us_v4(&icmp.slice()[8..])
            }
            Some(TransportSlice::Icmpv6(icmp)) => {
                [1, 3, 4].contains(&icmp.type_u8()) && quotes_us_v6(&icmp.slice()[8..])
            }
            _ => false,
        }
}

/// The same as our own reader of replies sees it.
fn read_by_us(frame: &[u8], ethernet: bool) -> bool {
    parse(frame, ethernet).is_some_and(|reply| {
        [IpAddr::from(OURS4), IpAddr::from(OURS6)].contains(&reply.our_addr)
            && (FIRST..=LAST).contains(&reply.our_port)
    }) && sent_to_us(frame, ethernet)
}

/// The reader takes our address from a quoted packet; the filter also wants the
/// error itself to be for us.
fn sent_to_us(frame: &[u8], ethernet: bool) -> bool {
    let packet =
        if ethernet { SlicedPacket::from_ethernet(frame) } else { SlicedPacket::from_ip(frame) };
    match packet.ok().and_then(|packet| packet.net) {
        Some(NetSlice::Ipv4(ip)) => ip.header().destination_addr() == OURS4,
        Some(NetSlice::Ipv6(ip)) => ip.header().destination_addr() == OURS6,
        _ => false,
    }
}

fn quotes_us_v4(quoted: &[u8]) -> bool {
    let Ok(ip) = Ipv4HeaderSlice::from_slice(quoted) else { return false };
    let rest = &quoted[ip.slice().len()..];
    ip.source_addr() == OURS4
        && [IpNumber::TCP, IpNumber::UDP].contains(&ip.protocol())
        && ip.fragments_offset().value() == 0
        && from_our_port(rest)
}

fn quotes_us_v6(quoted: &[u8]) -> bool {
    let Ok(ip) = Ipv6HeaderSlice::from_slice(quoted) else { return false };
    ip.source_addr() == OURS6
        && [IpNumber::TCP, IpNumber::UDP].contains(&ip.next_header())
        && from_our_port(&quoted[40..])
}

fn from_our_port(tcp: &[u8]) -> bool {
    tcp.len() >= 8 && (FIRST..=LAST).contains(&u16::from_be_bytes([tcp[0], tcp[1]]))
}

/// A frame in terms that matter to the filter.
#[derive(Clone, Debug)]
struct Case {
    tags: usize,
    v6: bool,
    to_us: bool,
    option_words: usize,
    extensions: Vec<bool>,
    more_fragments: bool,
    fragment_offset: u16,
    port: u16,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    Tcp { flags: u8 },
    Udp,
    EchoReply { kind: u8 },
    IcmpError { kind: u8, ours: bool, tcp: bool, option_words: usize, keep: usize },
}

fn cases() -> impl Strategy<Value = Case> {
    let port = prop_oneof![
        4 => FIRST..=LAST,
        1 => Just(FIRST - 1),
        1 => Just(LAST + 1),
        1 => any::<u16>(),
    ];
    let body = prop_oneof![
        2 => prop_oneof![Just(0x12u8), Just(0x14), Just(0x04), any::<u8>()]
            .prop_map(|flags| Body::Tcp { flags }),
        1 => Just(Body::Udp),
        1 => prop_oneof![Just(0u8), Just(129), any::<u8>()].prop_map(|kind| Body::EchoReply { kind }),
        3 => (0..16u8, prop::bool::weighted(0.8), prop::bool::weighted(0.8), 0..=10usize, 0..30usize)
            .prop_map(|(kind, ours, tcp, option_words, keep)| {
                Body::IcmpError { kind, ours, tcp, option_words, keep }
            }),
    ];
    let mostly = |yes| prop::bool::weighted(if yes { 0.85 } else { 0.1 });
    (
        (0..=2usize, any::<bool>(), mostly(true), 0..=10usize),
        prop::collection::vec(any::<bool>(), 0..=4),
        (mostly(false), prop_oneof![9 => Just(0u16), 1 => 0..8191u16]),
        port,
        body,
    )
        .prop_map(|((tags, v6, to_us, option_words), extensions, fragment, port, body)| Case {
            tags,
            v6,
            to_us,
            option_words,
            extensions,
            more_fragments: fragment.0,
            fragment_offset: fragment.1,
            port,
            body,
        })
}

impl Case {
    fn ip_packet(&self) -> Vec<u8> {
        let (protocol, payload) = match &self.body {
            Body::Tcp { flags } => (IpNumber::TCP, tcp(443, self.port, *flags)),
            Body::Udp => {
                let port = self.port.to_be_bytes();
                (IpNumber::UDP, vec![0, 53, port[0], port[1], 0, 8, 0, 0])
            }
            Body::EchoReply { kind } => {
                let id = self.port.to_be_bytes();
                let protocol = if self.v6 { IpNumber::IPV6_ICMP } else { IpNumber::ICMP };
                (protocol, vec![*kind, 0, 0, 0, id[0], id[1], 0, 1])
            }
            Body::IcmpError { kind, ours, tcp: is_tcp, option_words, keep } => {
                let mut quoted = tcp(self.port, 443, 2);
                quoted.truncate(*keep);
                let protocol = if *is_tcp { IpNumber::TCP } else { IpNumber::UDP };
                let mut message = vec![*kind, 0, 0, 0, 0, 0, 0, 0];
                message.extend(if self.v6 {
                    ipv6(protocol, *ours, true, &[], &quoted)
                } else {
                    ipv4(protocol, *ours, true, *option_words, (false, 0), &quoted)
                });
                (if self.v6 { IpNumber::IPV6_ICMP } else { IpNumber::ICMP }, message)
            }
        };
        if self.v6 {
            ipv6(protocol, self.to_us, false, &self.extensions, &payload)
        } else {
            let fragment = (self.more_fragments, self.fragment_offset);
            ipv4(protocol, self.to_us, false, self.option_words, fragment, &payload)
        }
    }

    fn frame(&self) -> Vec<u8> {
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
        for tag in 0..self.tags {
            let outer = self.tags == 2 && tag == 0;
            frame.extend(if outer { [0x88, 0xa8] } else { [0x81, 0x00] });
            frame.extend([0, 7]);
        }
        frame.extend(if self.v6 { [0x86, 0xdd] } else { [0x08, 0x00] });
        frame.extend(self.ip_packet());
        frame
    }
}

fn tcp(from: u16, to: u16, flags: u8) -> Vec<u8> {
    let mut bytes = TcpHeader::new(from, to, 7, 1024).to_bytes().to_vec();
    bytes[13] = flags;
    bytes
}

fn ipv4(
    protocol: IpNumber,
    ours: bool,
    as_source: bool,
    option_words: usize,
    (more_fragments, offset): (bool, u16),
    payload: &[u8],
) -> Vec<u8> {
    let addr = if ours { OURS4 } else { Ipv4Addr::new(198, 18, 0, 3) }.octets();
    let other = [198, 19, 0, 9];
    let (source, destination) = if as_source { (addr, other) } else { (other, addr) };
    let mut header =
        Ipv4Header::new(payload.len() as u16, 60, protocol, source, destination).unwrap();
    header.options = Ipv4Options::try_from(vec![1u8; 4 * option_words].as_slice()).unwrap();
    header.set_payload_len(payload.len()).unwrap();
    header.more_fragments = more_fragments;
    header.fragment_offset = offset.try_into().unwrap();
    let mut bytes = header.to_bytes().to_vec();
    bytes.extend(payload);
    bytes
}

/// Extension headers: a hop-by-hop header first where the first is true, after
/// that destination options (true) and routing (false) headers.
fn ipv6(
    protocol: IpNumber,
    ours: bool,
    as_source: bool,
    extensions: &[bool],
    payload: &[u8],
) -> Vec<u8> {
    let addr = if ours { OURS6 } else { Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 1, 1) }.octets();
    let other = Ipv6Addr::new(0x2001, 2, 0, 9, 0, 0, 0, 9).octets();
    let kinds: Vec<u8> = extensions
        .iter()
        .enumerate()
        .map(|(at, &yes)| match (at, yes) {
            (0, true) => 0,
            (_, true) => 60,
            (_, false) => 43,
        })
        .collect();
    let mut chain = Vec::new();
    for at in 0..kinds.len() {
        let next = kinds.get(at + 1).copied().unwrap_or(protocol.0);
        // The second one is 16 bytes long.
        let units = usize::from(at == 1);
        chain.extend([next, units as u8, 1, 4, 0, 0, 0, 0]);
        chain.extend(vec![0; 8 * units]);
    }
    let header = Ipv6Header {
        traffic_class: 0,
        flow_label: 0.try_into().unwrap(),
        payload_length: (chain.len() + payload.len()) as u16,
        next_header: kinds.first().map_or(protocol, |&kind| IpNumber(kind)),
        hop_limit: 60,
        source: if as_source { addr } else { other },
        destination: if as_source { other } else { addr },
    };
    let mut bytes = header.to_bytes().to_vec();
    bytes.extend(chain);
    bytes.extend(payload);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn the_filter_accepts_what_etherparse_reads_as_an_answer(case in cases()) {
        let ethernet = Kernel::new(&both_families().program(Start::Ethernet));
        let ip = Kernel::new(&both_families().program(Start::Ip));
        let frame = case.frame();
        prop_assert_eq!(ethernet.accepts(&frame), expected(&frame, Start::Ethernet));
        prop_assert_eq!(read_by_us(&frame, true), expected(&frame, Start::Ethernet));
        let packet = case.ip_packet();
        prop_assert_eq!(ip.accepts(&packet), expected(&packet, Start::Ip));
        prop_assert_eq!(read_by_us(&packet, false), expected(&packet, Start::Ip));
    }

    #[test]
    fn a_truncated_frame_is_never_more_welcome_than_the_whole(case in cases(), keep in 1..200usize) {
        let kernel = Kernel::new(&both_families().program(Start::Ethernet));
        let frame = case.frame();
        let part = &frame[..keep.min(frame.len())];
        prop_assert!(!kernel.accepts(part) || kernel.accepts(&frame));
    }
}

/// A plain SYN-ACK in each family, with nothing unusual.
fn syn_ack(v6: bool) -> Case {
    Case {
        tags: 0,
        v6,
        to_us: true,
        option_words: 0,
        extensions: Vec::new(),
        more_fragments: false,
        fragment_offset: 0,
        port: FIRST,
        body: Body::Tcp { flags: 0x12 },
    }
}

#[test]
fn the_generator_makes_both_kinds_of_cases() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut accepted = 0;
    for _ in 0..1000 {
        let case = cases().new_tree(&mut runner).unwrap().current();
        accepted += usize::from(expected(&case.frame(), Start::Ethernet));
    }
    assert!((100..900).contains(&accepted), "{accepted} of 1000 are answers");
}

#[test]
fn our_own_syn_and_a_bare_ack_are_dropped() {
    let kernel = Kernel::new(&both_families().program(Start::Ip));
    for v6 in [false, true] {
        for (flags, answer) in
            [(0x12, true), (0x04, true), (0x14, true), (0x02, false), (0x10, false)]
        {
            let case = Case { body: Body::Tcp { flags }, ..syn_ack(v6) };
            assert_eq!(kernel.accepts(&case.ip_packet()), answer, "flags {flags:#x}");
        }
    }
}

#[test]
fn a_family_that_is_not_scanned_is_dropped() {
    for v6 in [false, true] {
        let filter = ReplyFilter {
            sources_v4: if v6 { vec![OURS4] } else { Vec::new() },
            sources_v6: if v6 { Vec::new() } else { vec![OURS6] },
            source_ports: FIRST..=LAST,
            udp: false,
            echo: false,
            any_segment: false,
        };
        let kernel = Kernel::new(&filter.program(Start::Ethernet));
        assert!(!kernel.accepts(&syn_ack(v6).frame()));
        assert!(kernel.accepts(&syn_ack(!v6).frame()));
    }
}

#[test]
fn drop_all_drops_even_an_answer() {
    assert!(!Kernel::new(&drop_all()).accepts(&syn_ack(false).frame()));
}

#[test]
fn a_range_of_all_ports_and_of_one_port_work() {
    for (ports, port, answer) in [
        (0..=65_535, 0, true),
        (0..=65_535, 65_535, true),
        (700..=700, 700, true),
        (700..=700, 699, false),
        (700..=700, 701, false),
    ] {
        let filter = ReplyFilter { source_ports: ports, ..both_families() };
        let case = Case { port, ..syn_ack(true) };
        assert_eq!(Kernel::new(&filter.program(Start::Ip)).accepts(&case.ip_packet()), answer);
    }
}
