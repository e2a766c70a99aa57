//! A host being asked, on a clock of its own.
#![allow(clippy::unwrap_used)]

use etherparse::PacketBuilder;

use super::*;

const MS: u64 = 1_000_000;

/// A RST from the port that a TCP probe went to.
fn answer(flow: &Flow, probe: Probe) -> Vec<u8> {
    let mut packet = Vec::new();
    PacketBuilder::ipv4([198, 18, 0, 2], [198, 18, 0, 1], 64)
        .tcp(flow.their_port(probe), flow.our_port(probe), 5, 100)
        .rst()
        .write(&mut packet, &[])
        .unwrap();
    packet
}

/// Runs a host; `answers` says whether a probe of a round is answered, 2 ms later.
fn run(host: &mut Host, answers: impl Fn(Probe, usize) -> bool) -> Vec<(u64, Probe)> {
    let flow = host.answers().flow;
    let (mut now, mut sent) = (1000 * MS, Vec::new());
    loop {
        match host.next(now) {
            Next::Done => return sent,
            Next::Wait(until) => {
                assert!(until > now, "no standing still");
                now = until;
            }
            Next::Send(probe) => {
                host.sent(probe, now);
                sent.push((now, probe));
                let round = sent.iter().filter(|(_, one)| *one == probe).count();
                let is_tcp = !matches!(probe, Probe::U1 | Probe::Echo(_));
                if is_tcp && answers(probe, round) {
                    assert!(host.take(&answer(&flow, probe), now + 2 * MS));
                    assert!(!host.take(&answer(&flow, probe), now + 3 * MS), "the first counts");
                }
            }
        }
    }
}

#[test]
fn the_six_leave_100_ms_apart_and_only_what_is_silent_is_asked_again() {
    let mut host = Host::new(Flow::SAMPLE, true, false);
    let sent = run(&mut host, |probe, _| !matches!(probe, Probe::Tcp(2)));
    let times: Vec<u64> = sent[..6].iter().map(|(at, _)| (at - sent[0].0) / MS).collect();
    assert_eq!(times, [0, 100, 200, 300, 400, 500]);
    assert_eq!(sent[..16].iter().map(|(_, probe)| *probe).collect::<Vec<_>>(), ORDER);
    // U1, both echoes and T2 never answer: three times in all.
    for probe in Probe::ALL {
        let silent = matches!(probe, Probe::Tcp(2) | Probe::U1 | Probe::Echo(_));
        let count = sent.iter().filter(|(_, one)| *one == probe).count();
        assert_eq!(count, if silent { 3 } else { 1 }, "{probe:?}");
    }
    // Round trips of 2 ms: not a second of waiting a round.
    assert!(sent.last().unwrap().0 - sent[0].0 < 1700 * MS, "{sent:?}");
}

#[test]
fn the_six_are_asked_again_as_a_whole_and_the_better_answers_stay() {
    let mut host = Host::new(Flow::SAMPLE, true, false);
    // The fourth is lost at first, then three are.
    let sent = run(&mut host, |probe, round| match probe {
        Probe::Seq(3) => round == 2,
        Probe::Seq(at) => round == 1 || at > 2,
        _ => true,
    });
    assert_eq!(sent.iter().filter(|(_, probe)| *probe == Probe::Seq(0)).count(), 3);
    let replies = &host.answers().replies;
    let answered: Vec<bool> = replies[..6].iter().map(Option::is_some).collect();
    assert_eq!(answered, [true, true, true, false, true, true], "of the first round");
    assert_eq!(host.answers().sent_ns[0], sent[0].0, "with its times");
}

#[test]
fn a_host_that_says_nothing_comes_to_an_end() {
    let mut host = Host::new(Flow::SAMPLE, true, false);
    let sent = run(&mut host, |_, _| false);
    assert_eq!(sent.len(), 3 * 16);
    let fingerprint = host.answers().fingerprint();
    assert!(fingerprint.to_string().contains("OPS(R=N)\nWIN(R=N)\nECN(R=N)\nT1(R=N)"));
    assert!(host.answers().doubts().len() >= 3);
}

#[test]
fn packets_of_others_are_no_answers() {
    let mut host = Host::new(Flow::SAMPLE, true, false);
    host.sent(Probe::Seq(0), 1);
    let good = answer(&Flow::SAMPLE, Probe::Seq(0));
    for (at, what) in
        [(15, "source"), (19, "destination"), (21, "their port"), (23, "our port"), (6, "fragment")]
    {
        let mut other = good.clone();
        other[at] ^= if at == 6 { 0x20 } else { 0x81 };
        assert!(!host.take(&other, 2), "{what}");
    }
    for length in 0..good.len() {
        assert!(!host.take(&good[..length], 2), "cut to {length}");
    }
    assert!(!host.take(&answer(&Flow::SAMPLE, Probe::Tcp(5)), 2), "not sent yet");
    assert!(host.take(&good, 2));
}
