//! Real probes through the AF_PACKET and raw IP ports, answered by a kernel, and
//! the plans that these tests use.

use std::collections::BTreeSet;
use std::net::{IpAddr, TcpListener};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prtip_bpf::abi::Key;
use prtip_engine::plan::origin::Way;
use prtip_engine::plan::probe::{ProbeConfig, Prober};
use prtip_engine::plan::{IpRange, Plan, PortSet};
use prtip_engine::port::filter::ReplyFilter;
use prtip_engine::port::packet::{Config, PacketPort, RECEIVE_BUFFER_BYTES};
use prtip_engine::port::raw::RawPort;
use prtip_engine::port::{Counters, Port, SEND_BATCH};
use prtip_engine::route::Interface;
use prtip_engine::scan::SynOptions;
use prtip_engine::wire::Link;
use prtip_engine::wire::reply::{Kind, parse};

use crate::namespace::{Namespace, Pair};

/// From the near end of a pair to the far end.
pub(crate) const ETHERNET: Link =
    Link::Ethernet { source: [2, 0, 0, 0, 0, 1], destination: [2, 0, 0, 0, 0, 2], vlan: None };

/// Probes of `targets`, from 198.18.0.1 and 2001:2::1 on Ethernet, else from loopback.
pub(crate) fn prober(targets: &str, ports: RangeInclusive<u16>, link: Link) -> Prober {
    let (addr, length) = targets.split_once('/').unwrap();
    let range = IpRange::prefix(addr.parse().unwrap(), length.parse().unwrap()).unwrap();
    let mut builder = Plan::builder();
    builder.target(&[range], true).ports(PortSet::new(ports)).seed(7);
    let (v4, v6) = match link {
        Link::None => ("127.0.0.1", "::1"),
        Link::Ethernet { .. } => ("198.18.0.1", "2001:2::1"),
    };
    let config = ProbeConfig {
        key: Key { k0: 1, k1: 2 },
        source_ports: 61_000..=65_535,
        attempts: 1,
        syn: SynOptions::Mss,
        ways: vec![Way::new(link, Some(v4.parse().unwrap()), Some(v6.parse().unwrap()))],
        way_of: None,
        contact: None,
    };
    Prober::new(Arc::new(builder.build().unwrap()), &config).unwrap()
}

/// The SYN-ACK to an IPv4 probe with an Ethernet header, checksums left as they are.
pub(crate) fn syn_ack_to(probe: &[u8]) -> Vec<u8> {
    let mut reply = probe.to_vec();
    let seq = u32::from_be_bytes(probe[38..42].try_into().unwrap());
    reply[26..30].copy_from_slice(&probe[30..34]);
    reply[30..34].copy_from_slice(&probe[26..30]);
    reply[34..36].copy_from_slice(&probe[36..38]);
    reply[36..38].copy_from_slice(&probe[34..36]);
    reply[38..42].copy_from_slice(&[0, 0, 0, 9]);
    reply[42..46].copy_from_slice(&seq.wrapping_add(1).to_be_bytes());
    reply[47] = 0x12;
    reply
}

fn config(interface: &str, source_v4: &str, source_v6: &str) -> Config {
    let interface = Interface::by_name(interface).unwrap();
    Config {
        interface: interface.name,
        ifindex: interface.index,
        filter: ReplyFilter {
            sources_v4: vec![source_v4.parse().unwrap()],
            sources_v6: vec![source_v6.parse().unwrap()],
            source_ports: 61_000..=65_535,
            udp: false,
            echo: false,
            any_segment: false,
        },
        receive_buffer_bytes: RECEIVE_BUFFER_BYTES,
    }
}

/// Scans the whole plan; every pair must answer, and only the open ones with a SYN-ACK.
fn scan(port: &mut dyn Port, prober: &Prober) -> BTreeSet<(IpAddr, u16)> {
    let indices: Vec<u64> = (0..prober.plan().len()).collect();
    let (mut answered, mut open) = (BTreeSet::new(), BTreeSet::new());
    let ethernet = port.ethernet();
    let mut next = 0;
    let deadline = Instant::now() + Duration::from_secs(10);
    while answered.len() < indices.len() {
        assert!(Instant::now() < deadline, "{} of {} answered", answered.len(), indices.len());
        if next < indices.len() {
            let end = indices.len().min(next + SEND_BATCH);
            next += port.send(prober, &indices[next..end], 0).unwrap();
        } else {
            port.wait(Duration::from_millis(100));
        }
        port.receive(1024, &mut |frame, _| {
            let reply = parse(frame, ethernet).expect("the filter lets through only answers");
            let probe = prober.validate(&reply, frame).expect("the kernel answers our probes only");
            answered.insert(probe.index);
            if matches!(reply.kind, Kind::SynAck { .. }) {
                open.insert((probe.target.addr, probe.target.port));
            }
        });
    }
    port.quiesce();
    let pairs = prober.plan().len();
    let expected =
        Counters { submitted: pairs, completed: pairs, rx_steered: pairs, ..Counters::default() };
    assert_eq!(port.counters(), expected);
    open
}

#[test]
fn packet_finds_the_open_ports_of_a_kernel_and_the_books_close() {
    let Some(pair) = Pair::new() else { return };
    let _listeners = pair
        .far
        .enter(|| ["198.18.0.2:1500", "198.18.0.2:7"].map(|at| TcpListener::bind(at).unwrap()));
    pair.near.enter(|| {
        let mut port = PacketPort::open(config("scan0", "198.18.0.1", "2001:2::1")).unwrap();
        let open = scan(&mut port, &prober("198.18.0.2/32", 1..=3000, ETHERNET));
        let far: IpAddr = "198.18.0.2".parse().unwrap();
        assert_eq!(open, BTreeSet::from([(far, 7), (far, 1500)]));
    });
}

#[test]
fn raw_finds_the_open_ports_of_loopback_and_the_books_close() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.enter(|| {
        for target in ["127.0.0.1", "::1"] {
            let addr: IpAddr = target.parse().unwrap();
            let listener = TcpListener::bind((addr, 0)).unwrap();
            let open_port = listener.local_addr().unwrap().port();
            let mut port = RawPort::open(config("lo", "127.0.0.1", "::1"), true).unwrap();
            let length = if addr.is_ipv6() { 128 } else { 32 };
            // The ports from which the kernel picks, up to where ours begin.
            let prober = prober(&format!("{target}/{length}"), 30_000..=60_999, Link::None);
            assert_eq!(scan(&mut port, &prober), BTreeSet::from([(addr, open_port)]));
        }
    });
}

#[test]
fn a_refused_probe_counts_as_failed_and_the_rest_goes_on() {
    let Some(namespace) = Namespace::new() else { return };
    // The kernel refuses to route to these from loopback: no other interface is up.
    namespace.enter(|| {
        let mut port = RawPort::open(config("lo", "127.0.0.1", "::1"), true).unwrap();
        let prober = prober("198.18.9.0/30", 1..=10, Link::None);
        let indices: Vec<u64> = (0..40).collect();
        assert_eq!(port.send(&prober, &indices, 0).unwrap(), 40);
        let failed = Counters { submitted: 40, tx_failed: 40, ..Counters::default() };
        assert_eq!(port.counters(), failed);
    });
}
