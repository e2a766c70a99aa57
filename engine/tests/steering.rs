//! The steering program lets through what the prober accepts, for every kind of
//! probe: answers are built by etherparse from the probes' own bytes, and both
//! judge them.
//!
//! Needs the right to load eBPF programs. Where that is missing the tests print
//! SKIPPED, and with `CI=true` they fail.

#![allow(clippy::unwrap_used, missing_docs)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;
use std::sync::Arc;

use etherparse::{
    IcmpEchoHeader, Icmpv4Type, Icmpv6Type, NetSlice, PacketBuilder, SlicedPacket, TransportSlice,
    icmpv4, icmpv6,
};
use prtip_bpf::abi::Key;
use prtip_bpf::steer::Steer;
use prtip_engine::plan::origin::Way;
use prtip_engine::plan::probe::{ProbeConfig, Prober};
use prtip_engine::plan::{Ask, IpRange, Plan, PlanBuilder, PortSet, ProbeKind};
use prtip_engine::scan::SynOptions;
use prtip_engine::wire::Link;
use prtip_engine::wire::reply::{Kind, parse};
use socket2::{Domain, Socket, Type};

const AF_XDP: i32 = 44;
const XDP_REDIRECT: u32 = 4;
const ROUTER_V4: Ipv4Addr = Ipv4Addr::new(198, 19, 255, 254);
const ROUTER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 2, 0, 0xffff, 0, 0, 0, 0xfe);

/// Three addresses a family, so that the map of further addresses is used too.
fn prober(what: impl FnOnce(&mut PlanBuilder)) -> Prober {
    let mut builder = Plan::builder();
    let v4 = IpRange::prefix(Ipv4Addr::new(198, 18, 0, 0).into(), 26).unwrap();
    let v6 = IpRange::prefix(Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 0).into(), 122).unwrap();
    builder.target(&[v4], true).target(&[v6], true).seed(9);
    what(&mut builder);
    let link = Link::Ethernet { source: [2; 6], destination: [4; 6], vlan: None };
    let mut way = Way::new(link, None, None);
    for last in 1..=3 {
        way.sources_v4.push(Ipv4Addr::new(198, 19, 255, last));
        way.sources_v6.push(Ipv6Addr::new(0x2001, 2, 0, 0xffff, 0, 0, 0, last.into()));
    }
    let config = ProbeConfig {
        key: Key { k0: 5, k1: 6 },
        source_ports: 61_000..=65_535,
        attempts: 6,
        syn: SynOptions::Mss,
        ways: vec![way],
        way_of: None,
        contact: Some("lab".into()),
    };
    Prober::new(Arc::new(builder.build().unwrap()), &config).unwrap()
}

/// `None` after the word SKIPPED where eBPF is not permitted.
fn steer(prober: &Prober) -> Option<(Steer, Socket)> {
    let steer = match Steer::load(&prober.steer_config(), 1) {
        Ok(steer) => steer,
        Err(error) if error.is_denied() => {
            assert!(
                std::env::var_os("CI").is_none_or(|ci| ci != "true"),
                "a required test cannot run: {error}"
            );
            println!("SKIPPED: {error}");
            return None;
        }
        Err(error) => panic!("{error}"),
    };
    let socket = Socket::new(Domain::from(AF_XDP), Type::RAW, None).unwrap();
    steer.set_socket(0, socket.as_raw_fd()).unwrap();
    Some((steer, socket))
}

struct Probe {
    ours: IpAddr,
    theirs: IpAddr,
    frame: Vec<u8>,
}

impl Probe {
    fn craft(prober: &Prober, index: u64, attempt: u8) -> Self {
        let mut frame = vec![0; 1536];
        let len = prober.craft(index, attempt, &mut frame);
        frame.truncate(len);
        assert!(len <= prober.max_len());
        let net = SlicedPacket::from_ethernet(&frame).unwrap().net.unwrap();
        let (ours, theirs): (IpAddr, IpAddr) = match net {
            NetSlice::Ipv4(ip) => {
                let header = ip.header();
                assert_eq!(header.header_checksum(), header.to_header().calc_header_checksum());
                (header.source_addr().into(), header.destination_addr().into())
            }
            NetSlice::Ipv6(ip) => {
                (ip.header().source_addr().into(), ip.header().destination_addr().into())
            }
            NetSlice::Arp(_) => panic!("ARP"),
        };
        check_transport(&frame, ours, theirs);
        Self { ours, theirs, frame }
    }

    fn transport(&self) -> TransportSlice<'_> {
        SlicedPacket::from_ethernet(&self.frame).unwrap().transport.unwrap()
    }

    /// An answer of the target, or of a router.
    fn ip_from(&self, from: IpAddr) -> etherparse::PacketBuilderStep<etherparse::IpHeaders> {
        let ethernet = PacketBuilder::ethernet2([4; 6], [2; 6]);
        match (from, self.ours) {
            (IpAddr::V4(from), IpAddr::V4(to)) => ethernet.ipv4(from.octets(), to.octets(), 60),
            (IpAddr::V6(from), IpAddr::V6(to)) => ethernet.ipv6(from.octets(), to.octets(), 60),
            _ => panic!("two families"),
        }
    }

    fn direct(&self) -> Vec<u8> {
        let mut frame = Vec::new();
        let ip = self.ip_from(self.theirs);
        match self.transport() {
            TransportSlice::Tcp(tcp) if tcp.syn() => ip
                .tcp(tcp.destination_port(), tcp.source_port(), 77, 1024)
                .syn()
                .ack(tcp.sequence_number().wrapping_add(1))
                .write(&mut frame, &[])
                .unwrap(),
            TransportSlice::Tcp(tcp) => {
                assert!(tcp.ack() && !tcp.rst());
                let seq = tcp.acknowledgment_number();
                ip.tcp(tcp.destination_port(), tcp.source_port(), seq, 0)
                    .rst()
                    .write(&mut frame, &[])
                    .unwrap();
            }
            TransportSlice::Udp(udp) => {
                let mut payload = udp.payload().to_vec();
                if udp.destination_port() == 53 {
                    payload[2] |= 0x80;
                }
                // TFTP answers from a port of its own choice.
                let from = match udp.destination_port() {
                    69 => {
                        payload = b"\0\x05\0\x01not found\0".to_vec();
                        40_000
                    }
                    port => port,
                };
                ip.udp(from, udp.source_port()).write(&mut frame, &payload).unwrap();
            }
            TransportSlice::Icmpv4(icmp) => match icmp.icmp_type() {
                Icmpv4Type::EchoRequest(echo) => {
                    ip.icmpv4_echo_reply(echo.id, echo.seq)
                        .write(&mut frame, icmp.payload())
                        .unwrap();
                }
                other => panic!("{other:?}"),
            },
            TransportSlice::Icmpv6(icmp) => match icmp.icmp_type() {
                Icmpv6Type::EchoRequest(IcmpEchoHeader { id, seq }) => {
                    ip.icmpv6_echo_reply(id, seq).write(&mut frame, icmp.payload()).unwrap();
                }
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
        frame
    }

    /// An error of a router that quotes 8 bytes of the probe.
    fn error(&self) -> Vec<u8> {
        let mut frame = Vec::new();
        if self.ours.is_ipv4() {
            let kind =
                Icmpv4Type::DestinationUnreachable(icmpv4::DestUnreachableHeader::HostProhibited);
            let quote = &self.frame[14..14 + 28];
            self.ip_from(ROUTER_V4.into()).icmpv4(kind).write(&mut frame, quote).unwrap();
        } else {
            let kind = Icmpv6Type::DestinationUnreachable(icmpv6::DestUnreachableCode::Prohibited);
            let quote = &self.frame[14..14 + 48];
            self.ip_from(ROUTER_V6.into()).icmpv6(kind).write(&mut frame, quote).unwrap();
        }
        frame
    }
}

fn check_transport(frame: &[u8], ours: IpAddr, theirs: IpAddr) {
    let packet = SlicedPacket::from_ethernet(frame).unwrap();
    let (IpAddr::V4(from), IpAddr::V4(to)) = (ours, theirs) else {
        let (IpAddr::V6(from), IpAddr::V6(to)) = (ours, theirs) else { panic!("two families") };
        let (from, to) = (from.octets(), to.octets());
        match packet.transport.unwrap() {
            TransportSlice::Tcp(tcp) => assert_eq!(
                tcp.checksum(),
                tcp.to_header().calc_checksum_ipv6_raw(from, to, &[]).unwrap()
            ),
            TransportSlice::Udp(udp) => assert_eq!(
                udp.checksum(),
                udp.to_header().calc_checksum_ipv6_raw(from, to, udp.payload()).unwrap()
            ),
            TransportSlice::Icmpv6(icmp) => assert!(icmp.is_checksum_valid(from, to)),
            other => panic!("{other:?}"),
        }
        return;
    };
    let (from, to) = (from.octets(), to.octets());
    match packet.transport.unwrap() {
        TransportSlice::Tcp(tcp) => assert_eq!(
            tcp.checksum(),
            tcp.to_header().calc_checksum_ipv4_raw(from, to, &[]).unwrap()
        ),
        TransportSlice::Udp(udp) => assert_eq!(
            udp.checksum(),
            udp.to_header().calc_checksum_ipv4_raw(from, to, udp.payload()).unwrap()
        ),
        TransportSlice::Icmpv4(icmp) => {
            assert_eq!(icmp.header().checksum, icmp.icmp_type().calc_checksum(icmp.payload()))
        }
        other => panic!("{other:?}"),
    }
}

/// Every answer to every probe of the plan: accepted by both, and by neither once
/// its cookie, or our port, is another.
fn both_agree(prober: &Prober, kinds: &[ProbeKind]) {
    let Some((steer, _socket)) = steer(prober) else { return };
    let mut seen = Vec::new();
    for index in 0..prober.plan().len() {
        let attempt = (index % 6) as u8;
        let probe = Probe::craft(prober, index, attempt);
        for frame in [probe.direct(), probe.error()] {
            let reply = parse(&frame, true).unwrap();
            let answered = prober.validate(&reply, &frame).unwrap_or_else(|| panic!("{reply:?}"));
            assert_eq!((answered.index, answered.attempt), (index, attempt));
            assert_eq!(answered.target, prober.plan().target(index));
            assert_eq!(steer.run(&frame).unwrap().0, XDP_REDIRECT, "{reply:?}");
            seen.push(answered.ask.kind);

            let mut forged = reply;
            forged.our_port = forged.our_port.wrapping_add(6);
            assert_eq!(prober.validate(&forged, &frame), None, "{forged:?}");
            // Another of our addresses, which this target was not probed from.
            let mut astray = frame.clone();
            let last = if reply.addr.is_ipv4() { 33 } else { 53 };
            astray[last] = astray[last] % 3 + 1;
            if !matches!(reply.kind, Kind::Udp { .. } | Kind::IcmpError { .. }) {
                assert_ne!(steer.run(&astray).unwrap().0, XDP_REDIRECT, "{reply:?}");
            }
            if let Some(reply) = parse(&astray, true) {
                assert_eq!(prober.validate(&reply, &astray), None);
            }
        }
    }
    for kind in kinds {
        assert!(seen.contains(kind), "{kind:?}");
    }
}

#[test]
fn answers_to_syns_are_let_through() {
    let prober = prober(|plan| _ = plan.ports(PortSet::new([22, 443])));
    both_agree(&prober, &[ProbeKind::Syn]);
}

#[test]
fn answers_to_acks_are_let_through() {
    let prober = prober(|plan| _ = plan.ports(PortSet::new([22, 443])).tcp_kind(ProbeKind::Ack));
    both_agree(&prober, &[ProbeKind::Ack]);
}

#[test]
fn answers_to_datagrams_and_syns_are_let_through() {
    let prober = prober(|plan| {
        plan.ports(PortSet::new([53, 80])).udp_ports(PortSet::new([53, 69, 11_211, 9]));
    });
    both_agree(&prober, &[ProbeKind::Syn, ProbeKind::Udp]);
}

#[test]
fn answers_of_hosts_are_let_through() {
    let prober = prober(|plan| _ = plan.hosts(&Ask::HOST));
    both_agree(&prober, &[ProbeKind::Echo, ProbeKind::Syn, ProbeKind::Ack]);
}
