//! TCP: SYN, ACK, RST, and what is not the far end's to answer.

use std::net::IpAddr;

use etherparse::EtherType;
use proptest::prelude::*;
use prtip_bench::lab::question::Question;
use prtip_bench::lab::rule::{Protocol, State};
use prtip_bpf::lab::{FLAG_DELAY, LabConfig};

use crate::frames::{SEQ, Said, To};
use crate::{RULE, XDP_DROP, XDP_PASS, XDP_REDIRECT, any_port, any_probe, config, counted, lab};

#[test]
fn the_program_answers_every_syn_as_the_rule_says() {
    let Some(mut lab) = lab(config()) else { return };
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(4000));
    let seen = std::cell::RefCell::new(std::collections::HashMap::new());
    let lab = std::cell::RefCell::new(&mut lab);
    runner
        .run(&(any_probe(), any_port()), |(to, port)| {
            let to = To { port, ..to };
            let frame = to.segment("S", 0);
            let (action, reply) = lab.borrow_mut().run_once(&frame).unwrap();
            let state = RULE.state(to.ip, port, Protocol::Tcp);
            *seen.borrow_mut().entry(state).or_insert(0) += 1;
            let Some(state) = state else {
                prop_assert_eq!(action, XDP_DROP);
                return Ok(());
            };
            prop_assert_eq!(action, XDP_REDIRECT);
            let expected = match state {
                State::Open => Said::Open { acknowledges: SEQ.wrapping_add(1) },
                State::Closed => Said::Rst { seq: 0, acknowledges: Some(SEQ.wrapping_add(1)) },
                _ => Said::Unreachable,
            };
            prop_assert_eq!(to.read(&frame, &reply), expected);
            Ok(())
        })
        .unwrap();
    let seen = seen.into_inner();
    assert!(seen.len() == 4 && seen.values().all(|count| *count > 300), "{seen:?}");
}

#[test]
fn an_ack_draws_a_rst_from_open_and_closed_pairs_alone() {
    let Some(mut lab) = lab(config()) else { return };
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(2000));
    let seen = std::cell::RefCell::new(std::collections::HashMap::new());
    let lab = std::cell::RefCell::new(&mut lab);
    runner
        .run(&(any_probe(), any_port(), any::<u32>()), |(to, port, number)| {
            let to = To { port, ..to };
            let frame = to.segment("A", number);
            let (action, reply) = lab.borrow_mut().run_once(&frame).unwrap();
            let state = Question::Ack.truth(RULE, to.ip, port);
            *seen.borrow_mut().entry(state).or_insert(0) += 1;
            let expected = match state {
                None => {
                    prop_assert_eq!(action, XDP_DROP);
                    return Ok(());
                }
                Some(State::Unfiltered) => Said::Rst { seq: number, acknowledges: None },
                _ => Said::Unreachable,
            };
            prop_assert_eq!(action, XDP_REDIRECT);
            prop_assert_eq!(to.read(&frame, &reply), expected);
            Ok(())
        })
        .unwrap();
    let seen = seen.into_inner();
    assert!(seen.len() == 3 && seen.values().all(|count| *count > 200), "{seen:?}");
}

#[test]
fn an_ack_that_completes_a_handshake_and_a_rst_draw_nothing() {
    let Some(mut lab) = lab(LabConfig { open_below: 1000, ..config() }) else { return };
    for ip in ["198.18.3.4", "2001:2::77"].map(|ip| ip.parse().unwrap()) {
        let to = To::plain(ip, 80);
        let (_, syn_ack) = lab.run_once(&to.segment("S", 0)).unwrap();
        let tcp = if ip.is_ipv4() { 34 } else { 54 };
        let first = u32::from_be_bytes(syn_ack[tcp + 4..tcp + 8].try_into().unwrap());
        let complete = to.segment("A", first.wrapping_add(1));
        assert_eq!(lab.run_once(&complete).unwrap().0, XDP_DROP);
        assert_eq!(lab.run_once(&to.segment("A", first)).unwrap().0, XDP_REDIRECT);
        assert_eq!(lab.run_once(&to.segment("R", 0)).unwrap().0, XDP_DROP);
    }
    assert_eq!(counted(&lab, "handshake"), 2);
    assert_eq!(counted(&lab, "rst"), 2);
}

#[test]
fn a_forged_reply_comes_from_silent_pairs_only_and_answers_something_else() {
    let Some(mut lab) = lab(LabConfig { forge: 1000, ..config() }) else { return };
    for port in 1..200 {
        let to = To::plain(IpAddr::from([198, 18, 9, 9]), port);
        for (flags, number) in [("S", 0), ("A", 77)] {
            let probe = to.segment(flags, number);
            let (action, reply) = lab.run_once(&probe).unwrap();
            assert_eq!(action, XDP_REDIRECT);
            if RULE.state(to.ip, port, Protocol::Tcp).is_some() {
                continue;
            }
            match to.read(&probe, &reply) {
                Said::Open { acknowledges } if flags == "S" => {
                    assert_ne!(acknowledges, SEQ.wrapping_add(1));
                }
                Said::Rst { seq, .. } if flags == "A" => assert_ne!(seq, number),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_pair_that_loses_its_first_packet_answers_every_later_one() {
    let Some(mut lab) = lab(LabConfig { lose_first: 1000, ..config() }) else { return };
    let ip = IpAddr::from([198, 18, 1, 1]);
    let answering: Vec<u16> =
        (1..300).filter(|port| RULE.state(ip, *port, Protocol::Tcp).is_some()).collect();
    for round in 0..3 {
        for &port in &answering {
            let (action, _) = lab.run_once(&To::plain(ip, port).segment("S", 0)).unwrap();
            assert_eq!(action == XDP_REDIRECT, round > 0, "port {port}, round {round}");
        }
    }
}

#[test]
fn loss_takes_its_share_of_probes_and_of_replies_apart() {
    let loss_below = u32::MAX / 5;
    let all_open = LabConfig { open_below: 1000, loss_below, ..config() };
    let Some(mut lab) = lab(all_open) else { return };
    let frame = To::plain(IpAddr::from([198, 18, 1, 1]), 80).segment("S", 0);
    let rounds = 20_000_u32;
    let answered = (0..rounds).filter(|_| lab.run_once(&frame).unwrap().0 == XDP_REDIRECT).count();
    let (expected, sigma) = (f64::from(rounds) * 0.64, (f64::from(rounds) * 0.64 * 0.36).sqrt());
    assert!((answered as f64 - expected).abs() < 5.0 * sigma, "{answered} of {rounds}");
    let lost = counted(&lab, "lost_probe") + counted(&lab, "lost_reply");
    assert_eq!(lost + answered as u64, u64::from(rounds));
}

#[test]
fn what_is_not_for_the_far_end_to_answer_is_passed_or_dropped() {
    let Some(mut lab) = lab(config()) else { return };
    let mut run = |frame: &[u8]| lab.run_once(frame).unwrap().0;
    for own in ["198.19.255.10", "2001:2:0:ffff::10", "10.0.0.1", "2001:db8::1"] {
        let frame = To::plain(own.parse().unwrap(), 80).segment("S", 0);
        assert_eq!(run(&frame), XDP_PASS, "{own} is the kernel's");
    }
    let ip = (0..=255)
        .map(|low| IpAddr::from([198, 18, 0, low]))
        .find(|ip| RULE.state(*ip, 80, Protocol::Tcp) == Some(State::Open))
        .unwrap();
    let good = To::plain(ip, 80).segment("S", 0);
    assert_eq!(run(&good), XDP_REDIRECT);
    for (what, at) in [("MAC", 0), ("IPv4 checksum", 24), ("TCP checksum", 50), ("length", 17)] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert_eq!(run(&bad), XDP_DROP, "wrong {what}");
    }
    // A kernel peer leaves the sum of the pseudo header where the checksum goes.
    let mut partial = good.clone();
    let mut sum: u32 = 6 + 20;
    for pair in good[26..34].chunks(2) {
        sum += u32::from(u16::from_be_bytes([pair[0], pair[1]]));
    }
    let folded = (sum & 0xffff) + (sum >> 16);
    partial[50..52].copy_from_slice(&(((folded & 0xffff) + (folded >> 16)) as u16).to_be_bytes());
    assert_eq!(run(&partial), XDP_REDIRECT, "an unfilled checksum is answered");
    let mut arp = good;
    arp[12..14].copy_from_slice(&EtherType::ARP.0.to_be_bytes());
    assert_eq!(run(&arp), XDP_PASS);
}

#[test]
fn on_the_delay_path_a_frame_without_a_socket_is_dropped() {
    let all_open = LabConfig { open_below: 1000, flags: FLAG_DELAY, ..config() };
    let Some(mut lab) = lab(all_open) else { return };
    let frame = To::plain(IpAddr::from([198, 18, 1, 1]), 80).segment("S", 0);
    assert_eq!(lab.run_once(&frame).unwrap().0, XDP_DROP);
}
