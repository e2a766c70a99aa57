//! Probes as a scanner would send them and replies as it would read them, every
//! address, length and checksum of a reply being held against the probe.

use std::net::IpAddr;

use etherparse::{
    Icmpv4Type, Icmpv6Type, IpHeaders, Ipv4Extensions, Ipv4Header, Ipv4Options, Ipv6Extensions,
    Ipv6Header, NetSlice, PacketBuilder, PacketBuilderStep, SlicedPacket, TransportSlice, VlanId,
    ip_number,
};

use crate::{ROUTER, ROUTER_V4, ROUTER_V6, SCANNER, SOURCE_V4, SOURCE_V6};

pub(crate) const OUR_PORT: u16 = 61_234;
pub(crate) const SEQ: u32 = 0x89ab_cdef;
/// Id and sequence number of an echo request.
pub(crate) const ECHO: (u16, u16) = (0x1234, 0xfedc);

/// Where a probe goes and how it is wrapped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct To {
    pub(crate) ip: IpAddr,
    /// 0 for an echo request.
    pub(crate) port: u16,
    /// VLAN tags.
    pub(crate) tags: u16,
    /// Bytes of IPv4 options, a multiple of 4.
    pub(crate) options: usize,
}

impl To {
    pub(crate) fn plain(ip: IpAddr, port: u16) -> Self {
        Self { ip, port, tags: 0, options: 0 }
    }

    fn l3_off(self) -> usize {
        14 + 4 * usize::from(self.tags)
    }

    fn ip_len(self) -> usize {
        if self.ip.is_ipv4() { 20 + self.options } else { 40 }
    }

    fn source(self) -> IpAddr {
        if self.ip.is_ipv4() { SOURCE_V4.into() } else { SOURCE_V6.into() }
    }

    fn router(self) -> IpAddr {
        if self.ip.is_ipv4() { ROUTER_V4.into() } else { ROUTER_V6.into() }
    }

    /// Frame, tags and IP header.
    fn step(self) -> PacketBuilderStep<IpHeaders> {
        let start = PacketBuilder::ethernet2(SCANNER, ROUTER);
        let header = match self.ip {
            IpAddr::V4(to) => {
                let mut header =
                    Ipv4Header::new(0, 64, ip_number::TCP, SOURCE_V4, to.octets()).unwrap();
                // No operation, all of them.
                header.options = Ipv4Options::try_from(&[1; 40][..self.options]).unwrap();
                IpHeaders::Ipv4(header, Ipv4Extensions::default())
            }
            IpAddr::V6(to) => IpHeaders::Ipv6(
                Ipv6Header {
                    hop_limit: 64,
                    source: SOURCE_V6,
                    destination: to.octets(),
                    ..Ipv6Header::default()
                },
                Ipv6Extensions::default(),
            ),
        };
        let id = |n: u16| VlanId::try_new(100 + n).unwrap();
        match self.tags {
            0 => start.ip(header),
            1 => start.single_vlan(id(0)).ip(header),
            _ => start.double_vlan(id(0), id(1)).ip(header),
        }
    }

    /// A TCP segment without payload, its flags by their first letters.
    pub(crate) fn segment(self, flags: &str, ack: u32) -> Vec<u8> {
        let mut tcp = self.step().tcp(OUR_PORT, self.port, SEQ, 1024);
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

    /// A UDP datagram.
    pub(crate) fn datagram(self, payload: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        self.step().udp(OUR_PORT, self.port).write(&mut frame, payload).unwrap();
        frame
    }

    /// An echo request.
    pub(crate) fn echo(self, payload: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        let step = self.step();
        match self.ip {
            IpAddr::V4(_) => step.icmpv4_echo_request(ECHO.0, ECHO.1).write(&mut frame, payload),
            IpAddr::V6(_) => step.icmpv6_echo_request(ECHO.0, ECHO.1).write(&mut frame, payload),
        }
        .unwrap();
        frame
    }

    /// What the reply to `probe` says, all else being right.
    pub(crate) fn read(self, probe: &[u8], reply: &[u8]) -> Said {
        assert_eq!((&reply[..6], &reply[6..12]), (&SCANNER[..], &ROUTER[..]));
        for tag in 0..usize::from(self.tags) {
            assert_eq!(reply[12 + 4 * tag + 3], 100 + tag as u8, "VLAN tags are mirrored");
        }
        let packet = SlicedPacket::from_ethernet(reply).unwrap();
        let (source, target) = match packet.net.as_ref().unwrap() {
            NetSlice::Ipv4(ip) => {
                let header = ip.header().to_header();
                assert_eq!(header.header_checksum, header.calc_header_checksum());
                assert_eq!(usize::from(header.total_len) + self.l3_off(), reply.len());
                (IpAddr::from(header.source), IpAddr::from(header.destination))
            }
            NetSlice::Ipv6(ip) => {
                let header = ip.header();
                let len = usize::from(header.payload_length());
                assert_eq!(len + self.l3_off() + 40, reply.len());
                (header.source_addr().into(), header.destination_addr().into())
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(target, self.source());
        let (code, quoted) = match packet.transport.unwrap() {
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
                assert_eq!((source, header.source_port), (self.ip, self.port));
                assert_eq!(header.destination_port, OUR_PORT);
                if header.rst {
                    let acknowledges = header.ack.then_some(header.acknowledgment_number);
                    return Said::Rst { seq: header.sequence_number, acknowledges };
                }
                assert!(header.syn && header.ack && !header.fin);
                return Said::Open { acknowledges: header.acknowledgment_number };
            }
            TransportSlice::Udp(udp) => {
                let header = udp.to_header();
                let sum = match (source, target) {
                    (IpAddr::V4(a), IpAddr::V4(b)) => {
                        header.calc_checksum_ipv4_raw(a.octets(), b.octets(), udp.payload())
                    }
                    (IpAddr::V6(a), IpAddr::V6(b)) => {
                        header.calc_checksum_ipv6_raw(a.octets(), b.octets(), udp.payload())
                    }
                    _ => unreachable!("one family"),
                };
                assert_eq!(header.checksum, sum.unwrap());
                assert_eq!(usize::from(header.length), 8 + udp.payload().len());
                assert_eq!(source, self.ip);
                return Said::Datagram {
                    from: header.source_port,
                    to: header.destination_port,
                    payload: udp.payload().to_vec(),
                };
            }
            TransportSlice::Icmpv4(icmp) => {
                let header = icmp.header();
                assert_eq!(header.checksum, header.icmp_type.calc_checksum(icmp.payload()));
                if let Icmpv4Type::EchoReply(echo) = icmp.icmp_type() {
                    assert_eq!(source, self.ip);
                    return Said::Echo { id: (echo.id, echo.seq), payload: icmp.payload().into() };
                }
                assert!(matches!(icmp.icmp_type(), Icmpv4Type::DestinationUnreachable(_)));
                (icmp.code_u8(), icmp.payload().to_vec())
            }
            TransportSlice::Icmpv6(icmp) => {
                let (IpAddr::V6(a), IpAddr::V6(b)) = (source, target) else { panic!("family") };
                let sum = icmp.icmp_type().calc_checksum(a.octets(), b.octets(), icmp.payload());
                assert_eq!(icmp.checksum(), sum.unwrap());
                if let Icmpv6Type::EchoReply(echo) = icmp.icmp_type() {
                    assert_eq!(source, self.ip);
                    return Said::Echo { id: (echo.id, echo.seq), payload: icmp.payload().into() };
                }
                assert!(matches!(icmp.icmp_type(), Icmpv6Type::DestinationUnreachable(_)));
                (icmp.code_u8(), icmp.payload().to_vec())
            }
            other => panic!("{other:?}"),
        };
        let more = self.ip_len() + 8..=self.ip_len() + 28;
        assert!(more.contains(&quoted.len()), "quotes {} bytes", quoted.len());
        assert_eq!(quoted, probe[self.l3_off()..][..quoted.len()], "quotes what was sent");
        if source == self.ip {
            assert_eq!(code, if source.is_ipv4() { 3 } else { 4 });
            return Said::PortUnreachable;
        }
        assert_eq!(source, self.router());
        assert!(if source.is_ipv4() { [1, 13].contains(&code) } else { code == 1 }, "code {code}");
        Said::Unreachable
    }
}

/// What a reply says, after its addresses and checksums were found right.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// A SYN-ACK.
    Open { acknowledges: u32 },
    /// A RST.
    Rst { seq: u32, acknowledges: Option<u32> },
    /// A UDP datagram.
    Datagram { from: u16, to: u16, payload: Vec<u8> },
    /// An echo reply.
    Echo { id: (u16, u16), payload: Vec<u8> },
    /// The target says that its port is unreachable.
    PortUnreachable,
    /// The router says that the target is.
    Unreachable,
}
