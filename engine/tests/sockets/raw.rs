//! The raw IP port over loopback and towards neighbours.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::time::Duration;

use etherparse::{NetSlice, PacketBuilder, SlicedPacket, TransportSlice};
use prtip_engine::plan::IpRange;
use prtip_engine::port::Port;
use prtip_engine::port::filter::ReplyFilter;
use prtip_engine::port::packet::{Config, RECEIVE_BUFFER_BYTES};
use prtip_engine::port::raw::RawPort;
use prtip_engine::route::{Interface, LinkKind, Overrides, neighbour, resolve};

use crate::namespace::{Namespace, Pair};

const OUR_PORT: u16 = 61_234;

/// A port on the way to `targets`, and our addresses there.
fn open(targets: &[IpAddr]) -> (RawPort, Option<Ipv4Addr>, Option<Ipv6Addr>) {
    let ranges = targets.iter().copied().map(IpRange::single);
    let path = resolve(ranges, &Overrides::default()).unwrap().paths.remove(0);
    let config = Config {
        interface: path.interface.name.clone(),
        ifindex: path.interface.index,
        filter: ReplyFilter {
            sources_v4: path.sources_v4.clone(),
            sources_v6: path.sources_v6.clone(),
            source_ports: OUR_PORT..=OUR_PORT,
            udp: false,
            echo: false,
            any_segment: false,
        },
        receive_buffer_bytes: RECEIVE_BUFFER_BYTES,
    };
    let loopback = path.interface.kind == LinkKind::Loopback;
    (
        RawPort::open(config, loopback).unwrap(),
        path.sources_v4.first().copied(),
        path.sources_v6.first().copied(),
    )
}

fn syn(from: IpAddr, to: IpAddr, port: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    let ip = match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => PacketBuilder::ipv4(from.octets(), to.octets(), 64),
        (IpAddr::V6(from), IpAddr::V6(to)) => PacketBuilder::ipv6(from.octets(), to.octets(), 64),
        _ => panic!("one family"),
    };
    ip.tcp(OUR_PORT, port, 100, 1024).syn().write(&mut bytes, &[]).unwrap();
    bytes
}

fn probe(port: &mut RawPort, packet: &[u8]) {
    let mut fill = |buffer: &mut [u8]| {
        buffer[..packet.len()].copy_from_slice(packet);
        packet.len()
    };
    while !port.queue_control(&mut fill) {
        port.kick().unwrap();
    }
}

/// (address, port) → whether it is open, for every TCP answer.
fn answers(port: &mut RawPort) -> BTreeMap<(IpAddr, u16), bool> {
    let mut answers = BTreeMap::new();
    loop {
        port.kick().unwrap();
        port.wait(Duration::from_millis(150));
        let got = port.receive(64, &mut |packet, _| {
            let packet = SlicedPacket::from_ip(packet).unwrap();
            let from: IpAddr = match packet.net {
                Some(NetSlice::Ipv4(ip)) => ip.header().source_addr().into(),
                Some(NetSlice::Ipv6(ip)) => ip.header().source_addr().into(),
                _ => panic!("IP"),
            };
            let Some(TransportSlice::Tcp(tcp)) = packet.transport else { panic!("TCP") };
            assert_eq!(tcp.acknowledgment_number(), 101);
            let again = answers.insert((from, tcp.source_port()), tcp.syn());
            assert_eq!(again, None, "each answers once");
        });
        if got == 0 {
            return answers;
        }
    }
}

#[test]
fn on_loopback_open_and_closed_ports_of_both_families_answer() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.ip("link add own0 type veth peer name own1");
    namespace.ip("addr add 198.18.5.5/24 dev own0");
    namespace.ip("link set own0 up");
    namespace.enter(|| {
        let targets: Vec<IpAddr> = ["127.0.0.1", "127.9.9.9", "198.18.5.5", "::1"]
            .map(|text| text.parse().unwrap())
            .to_vec();
        let listeners: Vec<_> =
            targets.iter().map(|&addr| TcpListener::bind((addr, 0)).unwrap()).collect();
        // The own address from 127.0.0.1 like the others: one source for a family.
        let (mut port, v4, v6) = open(&targets);
        assert!(!port.ethernet());
        let mut expected = BTreeMap::new();
        for (&addr, listener) in targets.iter().zip(&listeners) {
            let from: IpAddr = match addr {
                IpAddr::V4(_) => v4.unwrap().into(),
                IpAddr::V6(_) => v6.unwrap().into(),
            };
            let open = listener.local_addr().unwrap().port();
            let closed = 9;
            for (target_port, state) in [(open, true), (closed, false)] {
                probe(&mut port, &syn(from, addr, target_port));
                expected.insert((addr, target_port), state);
            }
        }
        assert_eq!(answers(&mut port), expected);
        let counters = port.counters();
        assert_eq!(counters.rx_steered, expected.len() as u64, "our own SYNs are not heard");
        assert_eq!(counters.controls, expected.len() as u64);
    });
}

#[test]
fn ten_thousand_loopback_ports_are_sent_within_a_second() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.enter(|| {
        let target = IpAddr::from([127, 0, 0, 1]);
        let listener = TcpListener::bind("127.0.0.1:7777").unwrap();
        let (mut port, ..) = open(&[target]);
        let start = std::time::Instant::now();
        for target_port in 1..=10_000 {
            probe(&mut port, &syn(target, target, target_port));
        }
        port.kick().unwrap();
        let elapsed = start.elapsed();
        let answers = answers(&mut port);
        assert_eq!(answers.len(), 10_000);
        let open: Vec<_> = answers.iter().filter(|(_, open)| **open).map(|(at, _)| at.1).collect();
        assert_eq!(open, [listener.local_addr().unwrap().port()]);
        eprintln!("10,000 loopback probes sent in {elapsed:?}");
        assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
        assert_eq!(port.counters().rx_steered, 10_000);
    });
}

#[test]
fn neighbours_answer_and_an_unknown_one_does_no_harm() {
    let Some(pair) = Pair::new() else { return };
    let listeners = pair
        .far
        .enter(|| ["198.18.0.2:80", "[2001:2::2]:80"].map(|at| TcpListener::bind(at).unwrap()));
    pair.near.enter(|| {
        let neighbours: [IpAddr; 2] = ["198.18.0.2".parse().unwrap(), "2001:2::2".parse().unwrap()];
        // The far end takes a moment to join the group that IPv6 neighbours are asked in.
        let interface = Interface::by_name("scan0").unwrap();
        neighbour::mac_of(&interface, neighbours[1], neighbour::TIMEOUT).unwrap();
        let (mut port, v4, v6) = open(&neighbours);
        let (v4, v6) = (IpAddr::from(v4.unwrap()), IpAddr::from(v6.unwrap()));
        let silent: IpAddr = "198.18.0.200".parse().unwrap();
        for target_port in [80, 81] {
            probe(&mut port, &syn(v4, neighbours[0], target_port));
            probe(&mut port, &syn(v4, silent, target_port));
            probe(&mut port, &syn(v6, neighbours[1], target_port));
        }
        let expected: BTreeMap<_, _> =
            neighbours.iter().flat_map(|&addr| [((addr, 80), true), ((addr, 81), false)]).collect();
        assert_eq!(answers(&mut port), expected);
    });
    drop(listeners);
}

#[test]
fn a_packet_of_no_family_is_refused_and_counted() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.enter(|| {
        let (mut port, ..) = open(&[IpAddr::from([127, 0, 0, 1])]);
        probe(&mut port, &[0; 40]);
        port.kick().unwrap();
        assert_eq!(port.counters().controls, 1);
    });
}
