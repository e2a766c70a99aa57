//! Fingerprints of answers that etherparse builds.
#![allow(clippy::unwrap_used)]

use etherparse::{
    IcmpEchoHeader, Icmpv4Header, Icmpv4Type, PacketBuilder, TcpOptionElement as Opt,
    icmpv4::DestUnreachableHeader,
};
use proptest::prelude::*;

use super::*;
use crate::os::probe::LONGEST;
use crate::os::reply::{origin, read};

const MS: u64 = 1_000_000;

/// What a made-up host does.
struct Player {
    ids: Box<dyn Fn(usize) -> u16>,
    number: Box<dyn Fn(u8) -> u32>,
    stamp: Option<Box<dyn Fn(u8) -> u32>>,
    ttl: u8,
}

impl Player {
    fn plain() -> Self {
        Self {
            ids: Box::new(|_| 0),
            number: Box::new(|at| 1_000_000 * u32::from(at) + 5),
            stamp: Some(Box::new(|at| 500 + 100 * u32::from(at))),
            ttl: 64,
        }
    }

    fn ip(&self, at: usize, dont_fragment: bool) -> etherparse::Ipv4Header {
        let (from, to) = ([198, 18, 0, 2], [198, 18, 0, 1]);
        let mut header =
            etherparse::Ipv4Header::new(0, self.ttl, etherparse::IpNumber(6), from, to).unwrap();
        header.identification = (self.ids)(at);
        header.dont_fragment = dont_fragment;
        header
    }

    fn answers(&self) -> Answers {
        let flow = Flow::SAMPLE;
        let mut answers = Answers::new(flow);
        for (at, probe) in Probe::ALL.into_iter().enumerate() {
            answers.sent_ns[at] = 1000 * MS + 100 * MS * at as u64;
            let Some(packet) = self.answer(at, probe) else { continue };
            assert_eq!(origin(&packet).unwrap().host, flow.target);
            let (read_probe, reply) = read(&packet, &flow).unwrap();
            assert_eq!(read_probe, probe);
            answers.replies[at] = Some(reply);
        }
        answers
    }

    /// As a Linux does it, more or less.
    fn answer(&self, at: usize, probe: Probe) -> Option<Vec<u8>> {
        let flow = Flow::SAMPLE;
        let mut packet = Vec::new();
        let ip = |df| {
            PacketBuilder::ip(etherparse::IpHeaders::Ipv4(self.ip(at, df), Default::default()))
        };
        let tcp =
            |seq, window| ip(true).tcp(flow.their_port(probe), flow.our_port(probe), seq, window);
        let next = flow.seq_of(probe).wrapping_add(1);
        match probe {
            Probe::Seq(which) => {
                let mut options =
                    vec![Opt::MaximumSegmentSize(1460), Opt::SelectiveAcknowledgementPermitted];
                if let Some(stamp) = &self.stamp {
                    options.push(Opt::Timestamp(stamp(which), u32::MAX));
                }
                options.extend([Opt::Noop, Opt::WindowScale(10)]);
                tcp((self.number)(which), 65160)
                    .syn()
                    .ack(next)
                    .options(&options)
                    .unwrap()
                    .write(&mut packet, &[])
            }
            Probe::Ecn => tcp(9, 64240)
                .syn()
                .ack(next)
                .ece()
                .options(&[Opt::MaximumSegmentSize(1460)])
                .unwrap()
                .write(&mut packet, &[]),
            Probe::Tcp(2 | 3) => return None,
            Probe::Tcp(4 | 6) => tcp(flow.ack, 0).rst().write(&mut packet, b"gone"),
            Probe::Tcp(_) => tcp(0, 0).rst().ack(next).write(&mut packet, &[]),
            Probe::U1 => {
                let mut asked = [0; LONGEST];
                let length = flow.write(Probe::U1, &mut asked);
                ip(false)
                    .icmpv4(Icmpv4Type::DestinationUnreachable(DestUnreachableHeader::Port))
                    .write(&mut packet, &asked[..length])
            }
            Probe::Echo(which) => {
                let id = flow.our_port(probe);
                let header = Icmpv4Header::new(Icmpv4Type::EchoReply(IcmpEchoHeader {
                    id,
                    seq: 295 + u16::from(which),
                }));
                ip(false).icmpv4(header.icmp_type).write(&mut packet, &[0; 120])
            }
        }
        .unwrap();
        if probe == Probe::Echo(0) {
            packet[21] = 9; // The code comes back.
        }
        Some(packet)
    }
}

fn told(player: &Player) -> String {
    player.answers().fingerprint().to_string()
}

#[test]
fn answers_become_the_lines_that_the_notation_has() {
    let expected = "\
SEQ(SP=0%GCD=F4240%ISR=BA%TI=Z%CI=Z%II=Z%TS=A)
OPS(O1=M5B4ST11NWA%O2=M5B4ST11NWA%O3=M5B4ST11NWA%O4=M5B4ST11NWA%O5=M5B4ST11NWA%O6=M5B4ST11NWA)
WIN(W1=FE88%W2=FE88%W3=FE88%W4=FE88%W5=FE88%W6=FE88)
ECN(R=Y%DF=Y%T=40%W=FAF0%O=M5B4%CC=Y%Q=)
T1(R=Y%DF=Y%T=40%S=O%A=S+%F=AS%RD=0%Q=)
T2(R=N)
T3(R=N)
T4(R=Y%DF=Y%T=40%W=0%S=A%A=Z%F=R%O=%RD=FB3D15A%Q=)
T5(R=Y%DF=Y%T=40%W=0%S=Z%A=S+%F=AR%O=%RD=0%Q=)
T6(R=Y%DF=Y%T=40%W=0%S=A%A=Z%F=R%O=%RD=FB3D15A%Q=)
T7(R=Y%DF=Y%T=40%W=0%S=Z%A=S+%F=AR%O=%RD=0%Q=)
U1(R=Y%DF=N%T=40%IPL=164%UN=0%RIPL=G%RID=G%RIPCK=G%RUCK=G%RUD=G)
IE(R=Y%DFI=N%T=40%CD=S)";
    let crc = format!("{:X}", 0x0fb3_d15a_u32);
    assert_eq!(crc, "FB3D15A");
    let got = told(&Player::plain());
    assert_eq!(got.replace(&rd(&got), "FB3D15A"), expected);
}

/// The CRC of `gone` as the fingerprint has it.
fn rd(text: &str) -> String {
    let from = text.find("T4(").map(|at| at + text[at..].find("RD=").unwrap() + 3).unwrap();
    text[from..].split('%').next().unwrap().to_owned()
}

#[test]
fn counters_are_judged_by_their_steps() {
    for (ids, few, own, expected) in [
        (&[0, 0, 0, 0][..], false, false, Some(Counter::Zero)),
        (&[7, 7, 7], false, false, Some(Counter::Constant(7))),
        (&[1, 2, 4, 9], false, false, Some(Counter::Incremental)),
        (&[65_534, 1, 3], false, false, Some(Counter::Incremental)),
        (&[0, 256, 512], false, false, Some(Counter::BrokenIncrements)),
        (&[0, 5120], true, false, Some(Counter::BrokenIncrements)),
        (&[0, 5376], true, false, None),
        (&[0, 1001, 2002], false, false, Some(Counter::RandomIncrements)),
        (&[0, 20_000, 20_001], false, false, Some(Counter::Random)),
        (&[0, 20_000], true, false, Some(Counter::RandomIncrements)),
        (&[0, 10, 20], false, false, None),
        (&[0, 2, 4, 14], false, true, Some(Counter::Incremental)),
        (&[0, 2, 4, 14], false, false, None),
        (&[0, 10, 20], false, true, Some(Counter::Incremental)),
        (&[5], false, false, None),
        (&[], false, false, None),
    ] {
        assert_eq!(counter(ids, few, own), expected, "{ids:?}");
    }
}

#[test]
fn sequence_numbers_give_gcd_rate_and_spread() {
    let seq = |number: fn(u8) -> u32| {
        let player = Player { number: Box::new(number), ..Player::plain() };
        let text = told(&player);
        text.split("%TI").next().unwrap().to_owned()
    };
    assert_eq!(seq(|_| 12_345), "SEQ(SP=0%GCD=0%ISR=0");
    // 64,000 each 100 ms: log2(640,000) * 8 = 154.3.
    assert_eq!(seq(|at| 64_000 * u32::from(at)), "SEQ(SP=0%GCD=FA00%ISR=9A");
    // Backwards is as far as forwards.
    assert_eq!(
        seq(|at| 64_000_u32.wrapping_mul(u32::from(at)).wrapping_neg()),
        "SEQ(SP=0%GCD=FA00%ISR=9A"
    );
    // Steps of 1, 3, 1, 3, 1: rates 10 and 30, deviation 10.954: log2 * 8 = 27.6.
    assert_eq!(seq(|at| [0, 1, 4, 5, 8, 9][usize::from(at)]), "SEQ(SP=1C%GCD=1%ISR=21");
}

#[test]
fn time_stamps_give_their_rate() {
    for (step, expected) in [(0, "TS=1"), (10, "TS=7"), (25, "TS=8"), (100, "TS=A"), (50, "TS=9")] {
        let stamp: Option<Box<dyn Fn(u8) -> u32>> =
            Some(Box::new(move |at| 1 + step * u32::from(at)));
        let text = told(&Player { stamp, ..Player::plain() });
        assert!(text.contains(&format!("{expected})")), "{step}: {text}");
    }
    assert!(told(&Player { stamp: None, ..Player::plain() }).contains("TS=U)"));
    let zero: Option<Box<dyn Fn(u8) -> u32>> = Some(Box::new(u32::from));
    assert!(told(&Player { stamp: zero, ..Player::plain() }).contains("TS=0)"));
}

#[test]
fn a_counter_shared_with_echoes_is_seen() {
    let shared = told(&Player { ids: Box::new(|at| 100 + at as u16), ..Player::plain() });
    assert!(shared.contains("TI=I%CI=I%II=I%SS=O"), "far ahead after ten probes: {shared}");
    let ids = |at: usize| if at >= 14 { 92 + at as u16 } else { 100 + at as u16 };
    let shared = told(&Player { ids: Box::new(ids), ..Player::plain() });
    assert!(shared.contains("TI=I%CI=I%II=I%SS=S"), "{shared}");
    let ids = |at: usize| if at >= 14 { 7 + at as u16 } else { 100 + at as u16 };
    let behind = told(&Player { ids: Box::new(ids), ..Player::plain() });
    assert!(behind.contains("TI=I%CI=I%II=I%SS=S"), "behind is less than far ahead: {behind}");
    let ids =
        |at: usize| if at >= 14 { 500 + at as u16 } else { 65_533u16.wrapping_add(at as u16) };
    let round = told(&Player { ids: Box::new(ids), ..Player::plain() });
    assert!(round.contains("TI=I%CI=I%II=I%SS=S"), "come round meanwhile: {round}");
}

#[test]
fn ttls_are_counted_back_where_the_way_is_known() {
    let player = Player { ttl: 60, ..Player::plain() };
    // The quoted datagram still has its TTL: no router between.
    assert!(told(&player).contains("T1(R=Y%DF=Y%T=3C%S"));
    let mut answers = player.answers();
    let Some(Reply { body: Body::Unreachable(it), .. }) = &mut answers.replies[13] else {
        panic!()
    };
    it.quoted_ttl = TTL - 4;
    assert!(answers.fingerprint().to_string().contains("T1(R=Y%DF=Y%T=40%S"));
    answers.replies[13] = None;
    let text = answers.fingerprint().to_string();
    assert!(text.contains("T1(R=Y%DF=Y%TG=40%S") && text.contains("U1(R=N)"), "{text}");
    answers.near = true;
    assert!(answers.fingerprint().to_string().contains("T1(R=Y%DF=Y%T=3C%S"));
}

#[test]
fn silence_of_a_port_that_was_guessed_tells_nothing() {
    let mut answers = Player::plain().answers();
    answers.replies[10..13].fill(None);
    let lines = |answers: &Answers| -> Vec<String> {
        let text = answers.fingerprint().to_string();
        text.lines()
            .filter(|line| ["T5", "T6", "T7"].contains(&&line[..2]))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(lines(&answers), ["T5(R=N)", "T6(R=N)", "T7(R=N)"]);
    answers.guessed = true;
    assert_eq!(lines(&answers), [""; 0]);
    // What is answered is told all the same, as nmap does it.
    answers.replies[10] = Player::plain().answers().replies[10];
    assert!(lines(&answers)[0].starts_with("T5(R=Y%") && lines(&answers).len() == 1);
    // The other lines of silence stay.
    answers.replies[7] = None;
    assert!(answers.fingerprint().to_string().contains("T2(R=N)"));
}

/// How a host by IPv6 answers what is not TCP: an error that quotes, or an echo reply.
fn answer_v6(probe: Probe, class: u8, label: u32, quoted_hops: u8) -> Vec<u8> {
    let mut probe_packet = [0; LONGEST];
    let length = Flow::SAMPLE_V6.write(probe, &mut probe_packet);
    probe_packet[7] = quoted_hops;
    let body = match probe {
        Probe::U1 => [&[1, 4, 0, 0, 0, 0, 0, 0], &probe_packet[..length]].concat(),
        Probe::Echo(1) => [&[4, 2, 0, 0, 0, 0, 0, 42], &probe_packet[..length]].concat(),
        _ => [&[129, 9, 0, 0], &probe_packet[44..length]].concat(),
    };
    let first = 6_u32 << 28 | u32::from(class) << 20 | label;
    let payload = (body.len() as u16).to_be_bytes();
    let head = [&first.to_be_bytes()[..], &payload, &[58, 61]].concat();
    [&head[..], &probe_packet[24..40], &probe_packet[8..24], &body].concat()
}

#[test]
fn what_ipv6_tells_of_its_own_is_told() {
    let mut answers = Answers::new(Flow::SAMPLE_V6);
    answers.sent_ns = [1; 16];
    for (probe, class, label) in
        [(Probe::U1, 0, 7), (Probe::Echo(0), 4, 0), (Probe::Echo(1), 0, 0x5_5aa5)]
    {
        let packet = answer_v6(probe, class, label, 61);
        assert_eq!(origin(&packet).unwrap().our_port, Flow::SAMPLE_V6.our_port(probe));
        let (read_probe, reply) = read(&packet, &Flow::SAMPLE_V6).unwrap();
        assert_eq!(read_probe, probe);
        answers.replies[probe.index()] = Some(reply);
        // Another flow's, and another family's, it is not.
        assert!(read(&packet, &Flow { first_port: 29_000, ..Flow::SAMPLE_V6 }).is_none());
        assert!(read(&packet, &Flow::SAMPLE).is_none());
    }
    let told = answers.fingerprint().to_string();
    for line in [
        "6U1(R=Y%T=40%TC=0%FL=O%IPL=164%UN=0%RIPL=G%RTC=G%RFL=G%RUCK=G%RUD=G)",
        "6IE(R=Y%T=40%TC=S%FL=Z%CD=S)",
        "6PP(R=Y%A=P%T=40%TC=0%FL=S%IPL=D6%CD=2%PT=2A)",
        "6T5(R=N)",
    ] {
        assert!(told.lines().any(|one| one == line), "{line} in {told}");
    }
    assert_eq!((answers.routers(), answers.ip_id_class()), (Some(3), None));

    // A host that knows no such option may answer as if there were none.
    let echo = answer_v6(Probe::Echo(0), 4, 0, 61);
    let mut echo_of_second = echo;
    echo_of_second[44..46].copy_from_slice(&Flow::SAMPLE_V6.our_port(Probe::Echo(1)).to_be_bytes());
    let (probe, reply) = read(&echo_of_second, &Flow::SAMPLE_V6).unwrap();
    answers.replies[probe.index()] = Some(reply);
    assert!(answers.fingerprint().to_string().contains("6PP(R=Y%A=E%T=40%TC=4%FL=Z)"));
}

proptest! {
    #[test]
    fn any_packet_by_ipv6_is_read_or_left(
        which in prop::sample::select(vec![Probe::U1, Probe::Echo(0), Probe::Echo(1)]),
        noise in prop::collection::vec((0_usize..400, any::<u8>()), 0..12),
        keep in 0_usize..400,
    ) {
        let mut packet = answer_v6(which, 0, 0, 64);
        for (at, byte) in noise {
            let length = packet.len();
            packet[at % length] = byte;
        }
        packet.truncate(keep);
        let mut answers = Answers::new(Flow::SAMPLE_V6);
        answers.sent_ns = [1; 16];
        let _ = origin(&packet);
        if let Some((probe, reply)) = read(&packet, &Flow::SAMPLE_V6) {
            answers.replies[probe.index()] = Some(reply);
        }
        let text = answers.fingerprint().to_string();
        prop_assert_eq!(Fingerprint::parse(text.as_bytes()).unwrap().to_string(), text);
    }
}

proptest! {
    #[test]
    fn any_packet_is_read_or_left(mut packet in prop::collection::vec(any::<u8>(), 0..200), real: bool, at in 0_usize..16) {
        if real {
            let Some(answer) = Player::plain().answer(at, Probe::ALL[at]) else { return Ok(()) };
            for (byte, noise) in packet.iter_mut().zip(answer.iter()) {
                // Mostly as it was.
                if *byte % 8 != 0 {
                    *byte = *noise;
                }
            }
        }
        let _ = origin(&packet);
        let mut answers = Answers::new(Flow::SAMPLE);
        answers.sent_ns = [1; 16];
        if let Some((probe, reply)) = read(&packet, &Flow::SAMPLE) {
            answers.replies[probe.index()] = Some(reply);
        }
        let text = answers.fingerprint().to_string();
        prop_assert_eq!(Fingerprint::parse(text.as_bytes()).unwrap().to_string(), text);
        let _ = answers.doubts();
    }
}
