#![allow(clippy::unwrap_used)]
use proptest::prelude::*;
use prtip_engine::os::probe::{Flow, LONGEST, Probe};
use prtip_engine::os::{Host, Next};
use prtip_signatures::os::notation::Family;
use prtip_signatures::os::{Database, Limits};

use super::*;

const SCANNER: Ipv4Addr = Ipv4Addr::new(198, 19, 255, 1);
const HOST: Ipv4Addr = Ipv4Addr::new(198, 19, 255, 128);

/// What a scanner sees of a host; each packet takes a little while, never the same.
pub(crate) fn asked(system: &mut System, seed: u64) -> Fingerprint {
    let mut draw = sample::dice(seed);
    let flow = Flow {
        source: SCANNER.into(),
        target: system.address.into(),
        open: system.open,
        closed: 1,
        closed_udp: 40_000,
        first_port: 30_000,
        seq: draw(1 << 30) as u32 | 1,
        ack: draw(1 << 30) as u32 | 1,
        id: 7,
    };
    let mut host = Host::new(flow, false, false);
    let mut now = 1_000_000_000;
    let mut packet = [0; LONGEST];
    loop {
        match host.next(now) {
            Next::Done => return host.answers().fingerprint(),
            Next::Wait(until) => now = until,
            Next::Send(probe) => {
                let length = flow.write(probe, &mut packet);
                host.sent(probe, now);
                let arrives = now + 20_000 + draw(10_000);
                if let Some(answer) = system.answer(&packet[..length], arrives) {
                    assert!(host.take(&answer, arrives + 20_000), "{probe:?}: no answer to it");
                }
            }
        }
    }
}

#[test]
fn a_host_is_seen_as_what_it_plays() {
    let database = Database::shipped();
    let mut scratch = database.os_scratch();
    for system in database.systems().iter().filter(|one| one.answers_by(Family::V4)) {
        for seed in 0..20 {
            let played = sample::host(database, system, Family::V4, sample::dice(seed));
            let mut host = System::new(HOST, 80, played.clone(), seed);
            let seen = asked(&mut host, seed + 100);
            // Time passes between a probe's leaving and its coming.
            for (test, value) in played.values() {
                let told = test.to_string();
                if !["SEQ.SP", "SEQ.ISR", "SEQ.TS"].contains(&told.as_str()) && test.name() != "TG"
                {
                    assert_eq!(seen.get(test), Some(value), "{}: {test}\n{seen}", system.name);
                }
            }
            let best = database.best(&mut scratch, &seen, Limits::default());
            assert!(!best.candidates.is_empty(), "{}: {seen}", system.name);
        }
    }
}

#[test]
fn sequences_are_seen_as_they_were_wanted() {
    for (wanted, margin) in [
        ("SP=0%GCD=0%ISR=0%TI=Z%CI=Z%II=I%TS=U", 0),
        ("SP=0%GCD=FA00%ISR=9C%TI=I%CI=I%II=I%SS=S%TS=0", 2),
        ("SP=40%GCD=1%ISR=60%TI=BI%CI=BI%II=BI%SS=O%TS=7", 2),
        ("SP=104%GCD=1%ISR=10B%TI=RD%CI=RD%II=RI%TS=A", 2),
        ("SP=FF%GCD=3%ISR=FA%TI=RI%CI=RI%II=RI%SS=S%TS=22", 2),
        ("SP=8A%GCD=5%ISR=90%TI=1F%CI=I%II=2%TS=8", 2),
    ] {
        // With time stamps in the options, where they are told.
        let stamp = match &wanted[wanted.len() - 1..] {
            "U" => "M5B4",
            "0" => "M5B4NNT01",
            _ => "M5B4NNT11",
        };
        let ops: Vec<String> = (1..=6).map(|at| format!("O{at}={stamp}")).collect();
        let text = format!(
            "SEQ({wanted})OPS({})T1(R=Y%DF=Y%T=40%S=O%A=S+%F=AS%RD=0%Q=)\
             T5(R=Y%DF=N%T=40%S=Z%A=S+%F=AR%RD=BD1AB510%Q=RU)T6(R=Y%F=R)T7(R=Y%F=R)\
             U1(R=N)IE(R=Y%DFI=S%T=40%CD=S)",
            ops.join("%")
        );
        let played = Fingerprint::parse(text.as_bytes()).unwrap();
        let seen = asked(&mut System::new(HOST, 80, played.clone(), 3), 4);
        for (test, value) in played.values() {
            let told = seen.get(test);
            if ["SP", "ISR"].contains(&test.name()) {
                let number = |text| i64::from_str_radix(text, 16).unwrap();
                let apart = (number(told.unwrap()) - number(value)).abs();
                assert!(apart <= margin, "{test}={value}\n{seen}");
            } else if test.name() != "T" {
                assert_eq!(told, Some(value), "{test} of {wanted}\n{seen}");
            }
        }
    }
}

proptest! {
    #[test]
    fn no_packet_and_no_value_upsets_a_host(
        packet in proptest::collection::vec(any::<u8>(), 0..400),
        value in "[A-Z0-9+]{0,40}",
        which in 0..16_usize,
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut played = Fingerprint::default();
        for test in Test::all() {
            played.set(test, if test.name() == "R" { "Y" } else { &value });
        }
        let mut system = System::new(HOST, 80, played, 1);
        let _ = system.answer(&packet, 1);
        // A probe, damaged.
        let flow = Flow {
            source: SCANNER.into(), target: HOST.into(), open: 80, closed: 1, closed_udp: 9, first_port: 1,
            seq: 1, ack: 1, id: 1,
        };
        let mut probe = [0; LONGEST];
        let length = flow.write(Probe::ALL[which], &mut probe);
        for (at, byte) in damage {
            probe[at.index(length)] = byte;
        }
        if let Some(answer) = system.answer(&probe[..length], 2) {
            prop_assert!(answer.len() <= 1500);
            prop_assert_eq!(&answer[12..16], &HOST.octets());
        }
    }
}
