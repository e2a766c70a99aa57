//! UDP and ICMP echo: which pair answers, and by what.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use prtip_bench::lab::rule::{Protocol, State};
use prtip_bpf::lab::{Lab, LabConfig};

use crate::frames::{ECHO, OUR_PORT, Said, To};
use crate::services::PORTS;
use crate::{RULE, XDP_DROP, XDP_PASS, XDP_REDIRECT, any_port, any_probe, config, counted, lab};

/// A port that is no service's: it echoes.
const ECHOING: u16 = 40_007;
/// Most bytes of a payload that UDP gives back.
const COPIED: usize = 512;

/// An address whose pair is in a state.
fn find(state: Option<State>, port: u16, protocol: Protocol) -> IpAddr {
    (0..=255)
        .map(|low| IpAddr::from([198, 18, 77, low]))
        .find(|ip| RULE.state(*ip, port, protocol) == state)
        .unwrap()
}

#[test]
fn the_program_answers_every_datagram_as_the_rule_says() {
    let Some(mut lab) = lab(config()) else { return };
    let mut runner = TestRunner::new(ProptestConfig::with_cases(4000));
    let seen = RefCell::new(HashMap::new());
    let lab = RefCell::new(&mut lab);
    runner
        .run(&(any_probe(), any_port(), vec(any::<u8>(), 0..700)), |(to, port, payload)| {
            let to = To { port, ..to };
            let probe = to.datagram(&payload);
            let (action, reply) = lab.borrow_mut().run_once(&probe).unwrap();
            let state = RULE.state(to.ip, port, Protocol::Udp);
            *seen.borrow_mut().entry(state).or_insert(0) += 1;
            if state.is_none() {
                prop_assert_eq!(action, XDP_DROP);
                return Ok(());
            }
            prop_assert_eq!(action, XDP_REDIRECT);
            match (state, to.read(&probe, &reply)) {
                (Some(State::Open), Said::Datagram { from, to: our_port, payload: told }) => {
                    prop_assert_eq!(our_port, OUR_PORT);
                    // TFTP answers by a port of the transfer's own; an empty datagram begins none.
                    let own = port != 69 || payload.is_empty();
                    prop_assert_eq!(from == port, own, "from {}", from);
                    prop_assert!(!told.is_empty());
                    if !PORTS.contains(&port) && !payload.is_empty() {
                        prop_assert_eq!(&told, &payload[..payload.len().min(COPIED)]);
                    }
                }
                (Some(State::Closed), Said::PortUnreachable)
                | (Some(State::Filtered), Said::Unreachable) => {}
                other => prop_assert!(false, "{:?}", other),
            }
            Ok(())
        })
        .unwrap();
    let seen = seen.into_inner();
    assert!(seen.len() == 4 && seen.values().all(|count| *count > 300), "{seen:?}");
}

#[test]
fn the_program_answers_every_echo_request_as_the_rule_says() {
    let Some(mut lab) = lab(config()) else { return };
    let mut runner = TestRunner::new(ProptestConfig::with_cases(4000));
    let seen = RefCell::new(HashMap::new());
    let lab = RefCell::new(&mut lab);
    runner
        .run(&(any_probe(), vec(any::<u8>(), 0..1450)), |(to, payload)| {
            let probe = to.echo(&payload);
            let (action, reply) = lab.borrow_mut().run_once(&probe).unwrap();
            let state = RULE.state(to.ip, 0, Protocol::Icmp);
            *seen.borrow_mut().entry(state).or_insert(0) += 1;
            let expected = match state {
                Some(State::Open) => Said::Echo { id: ECHO, payload },
                Some(State::Filtered) => Said::Unreachable,
                _ => {
                    prop_assert_eq!(action, XDP_DROP);
                    return Ok(());
                }
            };
            prop_assert_eq!(action, XDP_REDIRECT);
            prop_assert_eq!(to.read(&probe, &reply), expected);
            Ok(())
        })
        .unwrap();
    let seen = seen.into_inner();
    assert!(seen.len() == 4 && seen.values().all(|count| *count > 300), "{seen:?}");
}

#[test]
fn a_forged_datagram_answers_something_else() {
    let Some(mut lab) = lab(LabConfig { forge: 1000, ..config() }) else { return };
    let payload = [0x5a; 48];
    let said = |lab: &mut Lab, port| {
        let to = To::plain(find(None, port, Protocol::Udp), port);
        let probe = to.datagram(&payload);
        let (action, reply) = lab.run_once(&probe).unwrap();
        assert_eq!(action, XDP_REDIRECT);
        match to.read(&probe, &reply) {
            Said::Datagram { from, to, payload } => (from, to, payload),
            other => panic!("{other:?}"),
        }
    };
    // DNS has a transaction id: right ports, wrong id.
    let (from, to, told) = said(&mut lab, 53);
    assert_eq!((from, to), (53, OUR_PORT));
    assert_eq!(told[..2], [0x5a ^ 0xa5; 2]);
    // Nothing but the port ties the answer of an unknown service to a probe.
    let (from, to, _) = said(&mut lab, ECHOING);
    assert_eq!((from, to), (ECHOING, OUR_PORT ^ 0x200));
    assert_eq!(counted(&lab, "udp_forged"), 2);
}

#[test]
fn a_forged_echo_reply_has_another_id_and_sequence_number() {
    let Some(mut lab) = lab(LabConfig { forge: 1000, ..config() }) else { return };
    let to = To::plain(find(None, 0, Protocol::Icmp), 0);
    let probe = to.echo(b"abcdefg");
    let (_, reply) = lab.run_once(&probe).unwrap();
    let Said::Echo { id, payload } = to.read(&probe, &reply) else { panic!("no echo reply") };
    assert!(id.0 != ECHO.0 && id.1 != ECHO.1, "{id:x?}");
    assert_eq!(payload, b"abcdefg");
}

#[test]
fn datagrams_and_pings_lose_their_first_packet_too() {
    let Some(mut lab) = lab(LabConfig { lose_first: 1000, ..config() }) else { return };
    for low in 0..=255 {
        let ip = IpAddr::from([198, 18, 5, low]);
        let udp = RULE.state(ip, ECHOING, Protocol::Udp).is_some();
        let echo = RULE.state(ip, 0, Protocol::Icmp);
        let echo = matches!(echo, Some(State::Open | State::Filtered));
        for round in 0..3 {
            let answers = udp && round > 0;
            let probe = To::plain(ip, ECHOING).datagram(b"x");
            assert_eq!(lab.run_once(&probe).unwrap().0 == XDP_REDIRECT, answers, "{ip} {round}");
            let probe = To::plain(ip, 0).echo(b"x");
            let answers = echo && round > 0;
            assert_eq!(lab.run_once(&probe).unwrap().0 == XDP_REDIRECT, answers, "{ip} {round}");
        }
    }
}

#[test]
fn a_receiver_takes_datagrams_and_pings_at_its_rate_as_well() {
    let slow = LabConfig { receiver_interval: u64::MAX >> 8, ..config() };
    let Some(mut lab) = lab(slow) else { return };
    let udp = To::plain(find(Some(State::Open), ECHOING, Protocol::Udp), ECHOING).datagram(b"x");
    let ping = To::plain(find(Some(State::Open), 0, Protocol::Icmp), 0).echo(b"x");
    assert_eq!(lab.run_once(&udp).unwrap().0, XDP_REDIRECT);
    assert_eq!(lab.run_once(&udp).unwrap().0, XDP_DROP);
    assert_eq!(lab.run_once(&ping).unwrap().0, XDP_DROP);
    assert_eq!((counted(&lab, "over_rate"), counted(&lab, "probes")), (2, 3));
}

#[test]
fn a_wrong_checksum_length_or_address_draws_nothing() {
    let Some(mut lab) = lab(config()) else { return };
    let open = To::plain(find(Some(State::Open), ECHOING, Protocol::Udp), ECHOING);
    let up = To::plain(find(Some(State::Open), 0, Protocol::Icmp), 0);
    for (frame, spots) in [
        (open.datagram(&[7; 600]), &[("MAC", 0), ("UDP length", 38), ("UDP checksum", 41)][..]),
        (up.echo(&[7; 600]), &[("MAC", 0), ("code", 35), ("checksum", 37)][..]),
    ] {
        assert_eq!(lab.run_once(&frame).unwrap().0, XDP_REDIRECT);
        let last = [("the first byte", 42), ("the last byte", frame.len() - 1)];
        for (what, at) in spots.iter().chain(&last) {
            let mut bad = frame.clone();
            bad[*at] ^= 4;
            assert_eq!(lab.run_once(&bad).unwrap().0, XDP_DROP, "wrong: {what}");
        }
    }
    // Zero says that there is no checksum, over IPv4.
    let mut none = open.datagram(b"abc");
    none[40..42].fill(0);
    assert_eq!(lab.run_once(&none).unwrap().0, XDP_REDIRECT);
    let ip = (0..255_u16)
        .map(|low| IpAddr::from([0x2001, 2, 0, 5, 0, 0, 0, low]))
        .find(|ip| RULE.state(*ip, ECHOING, Protocol::Udp) == Some(State::Open))
        .unwrap();
    let mut none = To::plain(ip, ECHOING).datagram(b"abc");
    assert_eq!(lab.run_once(&none).unwrap().0, XDP_REDIRECT);
    none[60..62].fill(0);
    assert_eq!(lab.run_once(&none).unwrap().0, XDP_DROP);
    // An answer to a reply would be one too many.
    let mut reply = up.echo(b"abcd");
    reply[34] = 0;
    assert_eq!(lab.run_once(&reply).unwrap().0, XDP_DROP);
    assert_eq!(counted(&lab, "other"), 1);
    for own in ["198.19.255.10", "2001:2:0:ffff::10"] {
        let to = To::plain(own.parse().unwrap(), 53);
        assert_eq!(lab.run_once(&to.datagram(b"x")).unwrap().0, XDP_PASS, "{own}");
        assert_eq!(lab.run_once(&to.echo(b"x")).unwrap().0, XDP_PASS, "{own}");
    }
}
