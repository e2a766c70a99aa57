//! Whole scans through the in-memory port: results against what the far end
//! answered, and the books, under seeded loss, duplication and reordering.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use etherparse::{PacketBuilder, SlicedPacket, TransportSlice};
use prtip_bpf::abi::Key;

use super::fault::Fault;
use super::setup::Prepared;
use super::shared::{Shared, Sizing};
use super::{Control, Info, Observer, Progress, Report};
use crate::event::{PortEvent, PortState};
use crate::plan::origin::Way;
use crate::plan::probe::{ProbeConfig, Prober};
use crate::plan::{Plan, PortSet, TargetToken, parse_target};
use crate::port::Port;
use crate::port::memory::{Config, Faults, MemoryPort, Replies, VirtualClock};
use crate::route::Interface;
use crate::scan::SynOptions;
use crate::wire::Link;

const SOURCE: Ipv4Addr = Ipv4Addr::new(198, 19, 255, 1);

/// Open where the sum of the address' last byte and the port is 0 modulo 5, closed
/// where it is 1, filtered by ICMP where it is 2, else silent.
fn truth(addr: Ipv4Addr, port: u16) -> Option<PortState> {
    match (u16::from(addr.octets()[3]) + port) % 5 {
        0 => Some(PortState::Open),
        1 => Some(PortState::Closed),
        2 => Some(PortState::Filtered),
        _ => None,
    }
}

/// Answers a probe as `truth` says; RSTs are ignored.
fn answer(packet: &[u8], replies: &mut Replies) {
    let sliced = SlicedPacket::from_ethernet(packet).expect("probes are well formed");
    let Some(TransportSlice::Tcp(tcp)) = sliced.transport else { panic!("not TCP") };
    let Some(etherparse::NetSlice::Ipv4(ip)) = &sliced.net else { panic!("not IPv4") };
    let addr = ip.header().destination_addr();
    if tcp.rst() {
        return;
    }
    let builder = PacketBuilder::ethernet2([2; 6], [1; 6]);
    let ports = (tcp.destination_port(), tcp.source_port());
    let ack = tcp.sequence_number().wrapping_add(1);
    let mut reply = Vec::new();
    match truth(addr, tcp.destination_port()) {
        Some(PortState::Open) => {
            let builder = builder.ipv4(addr.octets(), SOURCE.octets(), 64);
            builder.tcp(ports.0, ports.1, 7, 64).syn().ack(ack).write(&mut reply, &[])
        }
        Some(PortState::Closed) => {
            let builder = builder.ipv4(addr.octets(), SOURCE.octets(), 64);
            builder.tcp(ports.0, ports.1, 0, 0).rst().ack(ack).write(&mut reply, &[])
        }
        Some(PortState::Filtered) => {
            let quote = &packet[14..14 + 28];
            let prohibited = etherparse::Icmpv4Type::DestinationUnreachable(
                etherparse::icmpv4::DestUnreachableHeader::FilterProhibited,
            );
            let builder = builder.ipv4([198, 19, 255, 2], SOURCE.octets(), 64);
            builder.icmpv4(prohibited).write(&mut reply, quote)
        }
        Some(PortState::Unfiltered | PortState::OpenFiltered | PortState::ClosedFiltered)
        | None => {
            return;
        }
    }
    .expect("a reply is written to memory");
    // At once: the port's clock stands still while a worker finds no time to wait.
    replies.push(Duration::ZERO, reply);
}

#[derive(Default)]
struct Collected {
    /// The last state, and how many events there were.
    ports: HashMap<(IpAddr, u16), (PortState, u32)>,
    events: u64,
}

impl Observer for Collected {
    fn port(&mut self, event: &PortEvent) {
        self.events += 1;
        let known = self.ports.entry((event.addr, event.port)).or_insert((event.state, 0));
        assert_eq!(event.previous.is_some(), known.1 > 0, "a second event is a revision");
        assert!(event.previous.is_none_or(|previous| previous < event.state));
        *known = (event.state, known.1 + 1);
    }

    fn progress(&mut self, _: &Progress) {}

    fn idle(&mut self) {}
}

fn scan(
    faults: &Faults,
    attempts: u8,
    workers: usize,
    fault: Option<Fault>,
) -> (Report, Collected) {
    scan_at(Some(200_000.0), faults, attempts, workers, fault)
}

/// Scans 64 addresses × 40 ports through `workers` memory ports; searches for the rate
/// where none is given.
fn scan_at(
    rate: Option<f64>,
    faults: &Faults,
    attempts: u8,
    workers: usize,
    fault: Option<Fault>,
) -> (Report, Collected) {
    scan_under(&Control::default(), rate, faults, attempts, workers, fault)
}

fn scan_under(
    control: &Control,
    rate: Option<f64>,
    faults: &Faults,
    attempts: u8,
    workers: usize,
    fault: Option<Fault>,
) -> (Report, Collected) {
    let Ok(TargetToken::Ranges(targets)) = parse_target("198.18.3.0/26") else {
        panic!("a prefix is a target")
    };
    let mut builder = Plan::builder();
    builder.target(&targets, true).ports(PortSet::new(1..=40)).seed(5);
    let plan = Arc::new(builder.build().expect("a valid plan"));
    let prober = |key| {
        let link = Link::Ethernet { source: [1; 6], destination: [2; 6], vlan: None };
        let config = ProbeConfig {
            key,
            source_ports: 61000..=65535,
            attempts: attempts + u8::from(rate.is_none()),
            syn: SynOptions::Mss,
            ways: vec![Way::new(link, Some(SOURCE), None)],
            way_of: None,
            contact: None,
        };
        Arc::new(Prober::new(Arc::clone(&plan), &config).expect("a valid configuration"))
    };
    let judge = prober(Key { k0: 1, k1: 2 });
    let cooldown = Duration::from_millis(300);
    let sizing = Sizing { attempts, top_rate: 200_000.0, cooldown, stride: 2 };
    let ports = (0..workers).map(|worker| {
        let faults = Faults { seed: faults.seed + worker as u64, ..faults.clone() };
        let config = Config { faults, ..Config::default() };
        Box::new(MemoryPort::new(config, VirtualClock::default(), answer)) as Box<dyn Port>
    });
    let prepared = Prepared {
        info: Info {
            port_engine: "memory",
            xdp_mode: None,
            interface: "lo".into(),
            queues: workers as u32,
            workers: workers as u32,
            why: String::new(),
            attempts,
            udp_guess: None,
            wire_bytes: 0,
        },
        interfaces: vec![Interface::loopback().expect("there is loopback")],
        ports: ports.collect(),
        steers: Vec::new(),
        neighbours: None,
        prober: if fault == Some(Fault::ForgedKey) {
            prober(Key { k0: 9, k1: 9 })
        } else {
            Arc::clone(&judge)
        },
        judge,
        shared: {
            let shared = Shared::new(std::slice::from_ref(&plan.shard()), workers, sizing);
            Arc::new(if rate.is_none() { shared.with_sample() } else { shared })
        },
        plan,
        pins: Vec::new(),
        rate,
        cooldown,
        rst: true,
        report_silent: false,
        headers: true,
        frames: false,
        stages: attempts == 2,
        fault,
        resumed: crate::scan::Resume::default(),
        known: (0, 0),
    };
    let mut collected = Collected::default();
    let report = prepared.run(control, &mut collected).expect("threads start");
    (report, collected)
}

fn expected() -> HashMap<(IpAddr, u16), PortState> {
    let hosts = (0..64).map(|last| Ipv4Addr::new(198, 18, 3, last));
    hosts
        .flat_map(|addr| (1..=40).map(move |port| (addr, port)))
        .filter_map(|(addr, port)| Some(((addr.into(), port), truth(addr, port)?)))
        .collect()
}

fn states(collected: &Collected) -> HashMap<(IpAddr, u16), PortState> {
    collected.ports.iter().map(|(port, (state, _))| (*port, *state)).collect()
}

#[test]
fn duplicates_and_reordering_change_nothing() {
    let faults = Faults {
        seed: 3,
        duplicate_pm: 300,
        jitter: Duration::from_millis(50),
        ..Faults::default()
    };
    for workers in [1, 2] {
        let (report, collected) = scan(&faults, 2, workers, None);
        assert_eq!(states(&collected), expected());
        assert_eq!(collected.events, expected().len() as u64, "each once");
        assert_eq!(report.ledger.unaccounted, 0, "{:?}", report.ledger);
        assert!(report.ledger.rx_duplicate > 0);
        // Only what was silent or filtered was asked twice, and open ports got their RSTs.
        let answered = expected().values().filter(|state| **state != PortState::Filtered).count();
        let all = 64 * 40;
        assert!(report.ledger.retries <= (all - answered) as u64, "{:?}", report.ledger);
        assert!(report.ledger.rsts >= report.open);
        // Every probe and every event was timed.
        let stages = report.stages.expect("they were asked for");
        let counts = stages.named().map(|(_, latency)| latency.count());
        let (sent, found) = (report.ledger.submitted, collected.events);
        assert_eq!(counts, [sent, sent, found]);
        assert_eq!(report.open + report.closed + report.filtered, all as u64);
    }
}

#[test]
fn retries_find_what_loss_hid_and_nothing_else() {
    let faults = Faults { seed: 11, probe_loss_pm: 100, reply_loss_pm: 100, ..Faults::default() };
    let (once, first) = scan(&faults, 1, 1, None);
    assert!(once.stages.is_none(), "nobody asked for them");
    let (thrice, last) = scan(&faults, 3, 1, None);
    let expected = expected();
    for collected in [&first, &last] {
        assert!(collected.ports.iter().all(|(port, (state, _))| expected.get(port) == Some(state)));
    }
    // One attempt loses 19 %, three 0.7 %: of 1,536 answers about 292 and 11.
    let missing = |collected: &Collected| expected.len() - collected.ports.len();
    assert!((200..400).contains(&missing(&first)), "{}", missing(&first));
    assert!(missing(&last) < 40, "{}", missing(&last));
    assert_eq!((once.ledger.unaccounted, thrice.ledger.unaccounted), (0, 0));
}

#[test]
fn a_mislaid_reply_makes_the_books_not_add_up() {
    let faults = Faults { seed: 1, mislay: Some(17), ..Faults::default() };
    let (report, _) = scan(&faults, 1, 1, None);
    assert_eq!(report.ledger.unaccounted, 1);
    assert!(report.remarks.iter().any(|remark| remark.contains("unaccounted")));
}

#[test]
fn faults_made_on_purpose_show() {
    let (report, collected) = scan(&Faults::default(), 1, 1, Some(Fault::ForgedKey));
    assert_eq!(collected.events, 0);
    assert_eq!(report.ledger.rx_invalid, report.ledger.rx_steered);
    assert!(report.ledger.rx_invalid > 0);
    let (report, _) = scan(&Faults::default(), 1, 1, Some(Fault::DropFrame));
    assert_eq!(report.ledger.unaccounted, 1);
}

#[test]
fn refused_probes_are_counted_and_asked_again() {
    let faults = Faults { seed: 2, refuse_pm: 50, ..Faults::default() };
    let (report, collected) = scan(&faults, 3, 1, None);
    assert!(report.ledger.tx_failed > 0);
    assert_eq!(report.ledger.unaccounted, 0, "{:?}", report.ledger);
    assert_eq!(states(&collected), expected());
}

#[test]
fn refused_probes_that_are_named_are_sent_again_until_they_are_taken() {
    for (refuse_pm, attempts, workers) in [(300, 1, 1), (700, 1, 2), (300, 3, 2)] {
        let faults = Faults { seed: 3, refuse_pm, names_refused: true, ..Faults::default() };
        let (report, collected) = scan(&faults, attempts, workers, None);
        let ledger = report.ledger;
        assert_eq!(states(&collected), expected());
        assert_eq!((ledger.unaccounted, ledger.tx_again), (0, ledger.tx_failed), "{ledger:?}");
        assert!(ledger.tx_failed * 1000 > ledger.submitted * u64::from(refuse_pm) / 2);
        // The control: they are forgotten, and some pairs are never asked.
        let fault = Some(Fault::ForgottenRefusals);
        let (report, collected) = scan(&faults, attempts, workers, fault);
        assert_eq!((report.ledger.unaccounted, report.ledger.tx_again), (0, 0));
        assert_ne!(states(&collected), expected());
    }
}

#[test]
fn a_kernel_that_takes_nothing_at_all_ends_the_scan_after_a_second() {
    let faults = Faults { seed: 3, refuse_pm: 1000, names_refused: true, ..Faults::default() };
    let (report, collected) = scan(&faults, 1, 1, None);
    assert_eq!((collected.events, report.ledger.completed), (0, 0));
    let ledger = report.ledger;
    assert!(ledger.unaccounted == 0 && ledger.tx_again > 100, "{ledger:?}");
    assert!(report.elapsed > Duration::from_secs(1), "{:?}", report.elapsed);
}

#[test]
fn a_rate_that_is_changed_is_obeyed() {
    let control = Control::default();
    control.set_rate(200_000.0);
    // At the rate that it begins with it would take most of an hour.
    let (report, collected) = scan_under(&control, Some(1.0), &Faults::default(), 1, 2, None);
    assert_eq!(states(&collected), expected());
    assert!(report.lag.is_some() && report.ledger.unaccounted == 0, "{:?}", report.ledger);
}

#[test]
fn a_search_for_the_rate_keeps_the_books_and_tells_everything_once() {
    let faults = Faults { seed: 5, duplicate_pm: 300, ..Faults::default() };
    for (attempts, workers) in [(1, 1), (2, 2)] {
        let (report, collected) = scan_at(None, &faults, attempts, workers, None);
        assert_eq!(states(&collected), expected());
        assert_eq!(collected.events, expected().len() as u64, "each once");
        let ledger = report.ledger;
        assert_eq!(ledger.unaccounted, 0, "{ledger:?}");
        let found = &report.rate_found;
        assert!(ledger.control > 50, "{ledger:?} {found:?} {:?}", report.elapsed);
        assert!(ledger.retries >= ledger.control, "{ledger:?}");
        // Copies of an answer count as duplicates, not as answers.
        assert!(ledger.rx_control <= ledger.control, "{ledger:?}");
        assert!(ledger.rx_control * 10 > ledger.control * 9, "{ledger:?}");
        assert!(ledger.rx_duplicate > ledger.rx_control, "{ledger:?}");
        assert!(report.rate_found.is_some_and(|found| found.pps >= 1000.0));
        assert!(report.remarks.iter().any(|remark| remark.contains("--rate auto")));
    }
}
