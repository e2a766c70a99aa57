//! The probes, read by etherparse, against what is written about them.
#![allow(clippy::unwrap_used)]

use etherparse::{SlicedPacket, TcpOptionElement as Option_, TransportSlice};

use super::*;

const FLOW: Flow = Flow::SAMPLE;

#[test]
fn every_probe_is_sound_and_from_a_port_of_its_own() {
    let mut packet = [0; LONGEST];
    for (at, probe) in Probe::ALL.into_iter().enumerate() {
        assert_eq!(probe.index(), at);
        let length = FLOW.write(probe, &mut packet);
        let sliced = SlicedPacket::from_ip(&packet[..length]).unwrap();
        let etherparse::NetSlice::Ipv4(ip) = sliced.net.unwrap() else { panic!("IPv4") };
        let header = ip.header().to_header();
        assert_eq!(header.calc_header_checksum(), header.header_checksum, "{probe:?}");
        assert_eq!(usize::from(header.total_len), length);
        assert_eq!(header.time_to_live, TTL);
        match sliced.transport.unwrap() {
            TransportSlice::Tcp(tcp) => {
                let parsed = tcp.to_header();
                // etherparse's header forgets the reserved bit, 0x0800 of the sum.
                let reserved = if probe == Probe::Ecn { 0x0800 } else { 0 };
                let sum = u32::from(!parsed.calc_checksum_ipv4(&header, &[]).unwrap()) + reserved;
                assert_eq!(!((sum + (sum >> 16)) as u16), parsed.checksum, "{probe:?}");
                assert_eq!(parsed.source_port, 30_000 + at as u16);
                assert_eq!(parsed.sequence_number, FLOW.seq.wrapping_add(at as u32));
                assert_eq!(parsed.acknowledgment_number, FLOW.ack);
                let to_closed = matches!(probe, Probe::Tcp(5..));
                assert_eq!(parsed.destination_port, if to_closed { 1 } else { 80 });
                assert_eq!(tcp.payload(), &[] as &[u8]);
            }
            TransportSlice::Udp(udp) => {
                let parsed = udp.to_header();
                let sum = parsed.calc_checksum_ipv4(&header, udp.payload()).unwrap();
                assert_eq!(
                    (parsed.checksum, sum),
                    (FLOW.datagram_checksum(), FLOW.datagram_checksum())
                );
                assert_eq!((parsed.source_port, parsed.destination_port), (30_013, 40_000));
                assert_eq!(udp.payload(), [b'C'; 300]);
                assert_eq!(header.identification, 0x1042);
                assert!(!header.dont_fragment);
            }
            TransportSlice::Icmpv4(icmp) => {
                let Probe::Echo(which) = probe else { panic!("{probe:?}") };
                assert_eq!(checksum(icmp.slice()), [0, 0], "sums to nothing");
                let second = u16::from(which);
                let (code, tos, df, bytes) =
                    if which == 0 { (9, 0, true, 120) } else { (0, 4, false, 150) };
                assert_eq!((icmp.type_u8(), icmp.code_u8()), (8, code));
                assert_eq!((packet[1], header.dont_fragment), (tos, df));
                let [id, seq] = [4, 6]
                    .map(|at| u16::from_be_bytes(icmp.slice()[at..at + 2].try_into().unwrap()));
                assert_eq!((id, seq), (30_014 + second, 295 + second));
                assert_eq!(icmp.slice()[8..], vec![0; bytes]);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn tcp_probes_have_the_flags_windows_and_options_that_are_written() {
    let stamp = Option_::Timestamp(u32::MAX, 0);
    let (mss, scale, nop, sack) = (
        Option_::MaximumSegmentSize,
        Option_::WindowScale,
        Option_::Noop,
        Option_::SelectiveAcknowledgementPermitted,
    );
    let t2 = vec![scale(10), nop.clone(), mss(265), stamp.clone(), sack.clone()];
    let t7 = vec![scale(15), nop.clone(), mss(265), stamp.clone(), sack.clone()];
    let expected = [
        (
            Probe::Seq(0),
            "S",
            1,
            false,
            vec![scale(10), nop.clone(), mss(1460), stamp.clone(), sack.clone()],
        ),
        (Probe::Seq(1), "S", 63, false, vec![mss(1400), scale(0), sack.clone(), stamp.clone()]),
        (
            Probe::Seq(2),
            "S",
            4,
            false,
            vec![stamp.clone(), nop.clone(), nop.clone(), scale(5), nop.clone(), mss(640)],
        ),
        (Probe::Seq(3), "S", 4, false, vec![sack.clone(), stamp.clone(), scale(10)]),
        (Probe::Seq(4), "S", 16, false, vec![mss(536), sack.clone(), stamp.clone(), scale(10)]),
        (Probe::Seq(5), "S", 512, false, vec![mss(265), sack.clone(), stamp.clone()]),
        (
            Probe::Ecn,
            "CES",
            3,
            false,
            vec![scale(10), nop.clone(), mss(1460), sack.clone(), nop.clone(), nop.clone()],
        ),
        (Probe::Tcp(2), "", 128, true, t2.clone()),
        (Probe::Tcp(3), "UPSF", 256, false, t2.clone()),
        (Probe::Tcp(4), "A", 1024, true, t2.clone()),
        (Probe::Tcp(5), "S", 31337, false, t2.clone()),
        (Probe::Tcp(6), "A", 32768, true, t2),
        (Probe::Tcp(7), "UPF", 65535, false, t7),
    ];
    let mut packet = [0; LONGEST];
    for (probe, flags, window, dont_fragment, options) in expected {
        let length = FLOW.write(probe, &mut packet);
        let sliced = SlicedPacket::from_ip(&packet[..length]).unwrap();
        let Some(TransportSlice::Tcp(tcp)) = sliced.transport else { panic!("TCP") };
        let header = tcp.to_header();
        let told: String = [
            (header.cwr, 'C'),
            (header.ece, 'E'),
            (header.urg, 'U'),
            (header.ack, 'A'),
            (header.psh, 'P'),
            (header.rst, 'R'),
            (header.syn, 'S'),
            (header.fin, 'F'),
        ]
        .into_iter()
        .filter_map(|(set, letter)| set.then_some(letter))
        .collect();
        assert_eq!((told.as_str(), header.window_size), (flags, window), "{probe:?}");
        assert_eq!(packet[6] == 0x40, dont_fragment, "{probe:?}");
        let read: Vec<_> = tcp.options_iterator().map(Result::unwrap).collect();
        assert_eq!(read, options, "{probe:?}");
        let ecn = probe == Probe::Ecn;
        assert_eq!(header.urgent_pointer, if ecn { 0xf7f5 } else { 0 });
        assert_eq!(packet[32] & 0xf, if ecn { 8 } else { 0 }, "the reserved bit");
    }
}

#[test]
fn by_ipv6_the_probes_are_the_same_but_for_the_option_that_nobody_knows() {
    let (mut packet, mut v4) = ([0; LONGEST], [0; LONGEST]);
    for probe in Probe::ALL {
        let length = Flow::SAMPLE_V6.write(probe, &mut packet);
        let v4_length = FLOW.write(probe, &mut v4);
        let sliced = SlicedPacket::from_ip(&packet[..length]).unwrap();
        let etherparse::NetSlice::Ipv6(ip) = sliced.net.unwrap() else { panic!("IPv6") };
        let header = ip.header().to_header();
        assert_eq!(usize::from(header.payload_length) + 40, length, "{probe:?}");
        assert_eq!((header.hop_limit, header.flow_label.value()), (TTL, FLOW_LABEL));
        let classed = matches!(probe, Probe::U1 | Probe::Echo(0));
        assert_eq!(header.traffic_class, if classed { TRAFFIC_CLASS } else { 0 }, "{probe:?}");
        let at = if probe == Probe::Echo(1) { 48 } else { 40 };
        match sliced.transport.unwrap() {
            TransportSlice::Tcp(tcp) => {
                let reserved = if probe == Probe::Ecn { 0x0800 } else { 0 };
                let parsed = tcp.to_header();
                let sum = u32::from(!parsed.calc_checksum_ipv6(&header, &[]).unwrap()) + reserved;
                assert_eq!(!((sum + (sum >> 16)) as u16), parsed.checksum, "{probe:?}");
                // All but the checksum.
                assert_eq!(packet[at..at + 16], v4[20..36], "{probe:?}");
                assert_eq!(packet[at + 18..length], v4[38..v4_length], "{probe:?}");
            }
            TransportSlice::Udp(udp) => {
                let parsed = udp.to_header();
                let sum = parsed.calc_checksum_ipv6(&header, udp.payload()).unwrap();
                let told = Flow::SAMPLE_V6.datagram_checksum();
                assert_eq!((parsed.checksum, told), (sum, sum));
                assert_eq!(udp.payload(), [b'C'; 300]);
            }
            TransportSlice::Icmpv6(icmp) => {
                let source: [u8; 16] = packet[8..24].try_into().unwrap();
                let target: [u8; 16] = packet[24..40].try_into().unwrap();
                assert!(icmp.is_checksum_valid(source, target), "{probe:?}");
                let code = if probe == Probe::Echo(0) { 9 } else { 0 };
                assert_eq!((icmp.type_u8(), icmp.code_u8()), (128, code));
                assert_eq!(packet[at + 4..length], v4[24..v4_length], "{probe:?}");
            }
            other => panic!("{other:?}"),
        }
        if probe == Probe::Echo(1) {
            // Highest bits 10: dropped and told of.
            assert_eq!(packet[6], 60);
            assert_eq!(packet[40..48], [58, 0, 0x9e, 4, 0x75, 0x3f, 0, 0]);
        }
    }
}

#[test]
fn a_rst_ends_what_a_segment_has_begun_as_a_kernel_does() {
    let mut packet = [0; LONGEST];
    for flow in [FLOW, Flow::SAMPLE_V6] {
        for (refused, numbers) in [
            (Refused::Acknowledged(0xffff_fffe), (0xffff_fffe, None)),
            (Refused::Ended(77), (0, Some(77))),
        ] {
            let length = flow.write_reset(Probe::Tcp(5), refused, &mut packet);
            let sliced = SlicedPacket::from_ip(&packet[..length]).unwrap();
            let Some(TransportSlice::Tcp(tcp)) = &sliced.transport else { panic!("TCP") };
            let header = tcp.to_header();
            let sum = match sliced.net.unwrap() {
                etherparse::NetSlice::Ipv4(ip) => {
                    let ip = ip.header().to_header();
                    assert_eq!(ip.calc_header_checksum(), ip.header_checksum);
                    header.calc_checksum_ipv4(&ip, &[])
                }
                etherparse::NetSlice::Ipv6(ip) => {
                    header.calc_checksum_ipv6(&ip.header().to_header(), &[])
                }
                etherparse::NetSlice::Arp(_) => panic!("ARP"),
            };
            assert_eq!(sum.unwrap(), header.checksum);
            assert!(header.rst && !header.syn);
            let acknowledged = header.ack.then_some(header.acknowledgment_number);
            assert_eq!((header.sequence_number, acknowledged), numbers);
            assert_eq!((header.source_port, header.destination_port), (30_010, 1));
        }
    }
}
