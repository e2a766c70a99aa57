//! Where operating systems are asked for: what is of a flow is steered whatever it says, and
//! nothing else is.

use prtip_bpf::abi::Flow;

use super::*;

const OPEN: u16 = 80;
const CLOSED: u16 = 1;
const CLOSED_UDP: u16 = 40_000;
const FIRST: u16 = 30_000;
const LAST: u16 = 30_015;

/// The two hosts are being asked.
fn bench() -> Option<Bench> {
    let sources = vec![source(OURS_V4.into(), KEY4), source(OURS_V6.into(), KEY6)];
    let bench = Bench::new(&SteerConfig {
        sources,
        port_first: FIRST,
        port_last: LAST,
        flows: 2,
        ..SteerConfig::default()
    })?;
    for host in [IpAddr::V4(THEIRS_V4), THEIRS_V6.into()] {
        bench.steer.set_flow(host, Flow::new(OPEN, CLOSED, CLOSED_UDP)).unwrap();
    }
    Some(bench)
}

/// From the host, or about a packet to it.
fn framed(v6: bool, protocol: IpNumber, payload: &[u8]) -> Vec<u8> {
    match v6 {
        false => {
            ethernet(&[0x8100], EtherType::IPV4, &ipv4(THEIRS_V4, OURS_V4, protocol, &[], payload))
        }
        true => ethernet(&[], EtherType::IPV6, &ipv6(THEIRS_V6, OURS_V6, protocol, payload)),
    }
}

fn segment(v6: bool, ports: [u16; 2], flags: u8) -> Vec<u8> {
    let mut segment = tcp(ports[0], ports[1], Flags::Ack, 7);
    segment[13] = flags;
    framed(v6, IpNumber::TCP, &segment)
}

fn icmp(v6: bool, kind: u8, id: u16, more: &[u8]) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    let message = [&[kind, 9, 0, 0, high, low, 0, 0], more].concat();
    framed(v6, if v6 { IpNumber::IPV6_ICMP } else { IpNumber::ICMP }, &message)
}

/// Port unreachable, or a parameter problem, about the first 8 bytes of a packet of ours.
fn error(v6: bool, protocol: IpNumber, eight: [u8; 8]) -> Vec<u8> {
    let quoted = match v6 {
        false => ipv4(OURS_V4, THEIRS_V4, protocol, &[], &eight),
        true => ipv6(OURS_V6, THEIRS_V6, protocol, &eight),
    };
    icmp(v6, if v6 { 4 } else { 3 }, 0, &quoted)
}

fn ports(source: u16, destination: u16) -> [u8; 8] {
    let [a, b] = source.to_be_bytes();
    let [c, d] = destination.to_be_bytes();
    [a, b, c, d, 1, 52, 0, 0]
}

#[test]
fn what_is_of_a_flow_is_steered_whatever_it_says_and_its_neighbours_pass() {
    let Some(bench) = bench() else { return };
    let (steered, passed, other) = (Verdict::SteerFlow, Verdict::PassCookie, Verdict::PassOther);
    for v6 in [false, true] {
        for flags in [0, 0x02, 0x12, 0x52, 0x04, 0x14, 0x10, 0x11, 0x2b, 0xff] {
            for (ports, expected) in [
                ([OPEN, FIRST], steered),
                ([CLOSED, LAST], steered),
                ([443, FIRST], passed),
                ([CLOSED_UDP, FIRST], passed),
                ([OPEN, FIRST - 1], other),
                ([OPEN, LAST + 1], other),
                ([OPEN, 22], other),
            ] {
                let verdict = bench.verdict(&segment(v6, ports, flags));
                assert_eq!(verdict, expected, "IPv6 {v6}, {ports:?}, {flags:#x}");
            }
        }
        let reply = if v6 { 129 } else { 0 };
        for (id, expected) in [(FIRST + 14, steered), (LAST, steered), (LAST + 1, other)] {
            assert_eq!(bench.verdict(&icmp(v6, reply, id, &[0; 120])), expected, "{v6} {id}");
            assert_eq!(bench.verdict(&icmp(v6, reply, id, &[])), expected, "without data");
        }
        assert_eq!(bench.verdict(&icmp(v6, reply ^ 1, FIRST, &[0; 120])), other);
        for (protocol, eight, expected) in [
            (IpNumber::UDP, ports(FIRST + 13, CLOSED_UDP), steered),
            (IpNumber::UDP, ports(FIRST + 13, 53), passed),
            (IpNumber::UDP, ports(53, CLOSED_UDP), other),
            (IpNumber::TCP, ports(FIRST, OPEN), steered),
            (IpNumber::TCP, ports(FIRST, CLOSED), steered),
            (IpNumber::TCP, ports(FIRST, CLOSED_UDP), passed),
            (IpNumber::TCP, ports(22, OPEN), other),
        ] {
            assert_eq!(bench.verdict(&error(v6, protocol, eight)), expected, "{v6} {eight:?}");
        }
        assert_eq!(bench.verdict(&framed(v6, IpNumber::UDP, &ports(CLOSED_UDP, FIRST))), other);
    }
    // The option that nobody knows holds our port.
    let option = |port: u16| {
        let [high, low] = port.to_be_bytes();
        error(true, IpNumber(60), [58, 0, 0x9e, 4, high, low, 0, 0])
    };
    assert_eq!(bench.verdict(&option(LAST)), steered);
    assert_eq!(bench.verdict(&option(LAST + 1)), other);
}

#[test]
fn a_host_that_is_not_asked_or_no_more_is_left_to_the_kernel() {
    let Some(bench) = bench() else { return };
    let stranger = |last| {
        let from = Ipv4Addr::new(198, 18, 3, last);
        let segment = tcp(OPEN, FIRST, Flags::SynAck, 7);
        ethernet(&[], EtherType::IPV4, &ipv4(from, OURS_V4, IpNumber::TCP, &[], &segment))
    };
    assert_eq!(bench.verdict(&stranger(4)), Verdict::SteerFlow);
    assert_eq!(bench.verdict(&stranger(5)), Verdict::PassCookie);
    // Not to us: whoever it is from.
    let segment = tcp(OPEN, FIRST, Flags::SynAck, 7);
    let elsewhere = ipv4(THEIRS_V4, ROUTER_V4, IpNumber::TCP, &[], &segment);
    assert_eq!(bench.verdict(&ethernet(&[], EtherType::IPV4, &elsewhere)), Verdict::PassOther);

    let error = bench.steer.set_flow(ROUTER_V4.into(), Flow::new(OPEN, CLOSED, CLOSED_UDP));
    assert!(error.unwrap_err().to_string().contains("enter a host"), "there is room for two");
    bench.steer.clear_flow(THEIRS_V4.into());
    assert_eq!(bench.verdict(&stranger(4)), Verdict::PassCookie);
    bench.steer.set_flow(Ipv4Addr::new(198, 18, 3, 5).into(), Flow::new(OPEN, 2, 3)).unwrap();
    assert_eq!(bench.verdict(&stranger(5)), Verdict::SteerFlow);
}

#[test]
fn flows_mean_nothing_to_a_scan() {
    let scan = SteerConfig { port_first: FIRST, port_last: LAST, ..with_keys(KEY4, KEY6) };
    let Some(bench) = Bench::new(&scan) else { return };
    bench.steer.set_flow(THEIRS_V4.into(), Flow::new(OPEN, CLOSED, CLOSED_UDP)).unwrap();
    assert_eq!(bench.verdict(&segment(false, [OPEN, FIRST], 0x12)), Verdict::PassCookie);
    assert_eq!(bench.verdict(&segment(false, [OPEN, FIRST], 0x10)), Verdict::PassOther);
}
