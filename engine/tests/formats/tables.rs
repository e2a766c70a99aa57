//! Tables of results: Parquet holds what CSV holds, whatever that is, in the types that it
//! promises; and without its end nobody reads it.

use std::collections::HashMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use prtip_engine::event::files::{About, Field, Files, Format, Outcome, Place, Told, Wanted};
use prtip_engine::event::sinks::ShownStates;
use prtip_engine::event::{Heard, PortEvent, PortState, Reason, TcpFields};
use prtip_engine::plan::{IpRange, Plan, PortSet, Protocol, Target};

use crate::hostile::Numbers;
use crate::readers::{Readers, TABLE};

/// More than a row group holds.
const ROWS: u64 = 70_000;

fn about(names: HashMap<IpAddr, Vec<String>>, services: bool) -> About {
    let mut builder = Plan::builder();
    let one = IpRange::single("198.18.0.1".parse().unwrap());
    builder.target(&[one], true).ports(PortSet::new([80]));
    About {
        args: vec!["--parquet".into(), "\"\u{1b}é".into()],
        version: "0".into(),
        items: builder.build().unwrap().items().clone(),
        addresses: 1,
        only_host: None,
        names,
        shown: ShownStates::default(),
        whole: true,
        services,
        started_unix_us: 1_700_000_000_000_000,
    }
}

fn open(folder: &Path, about: About) -> Files {
    let all: Vec<Field> = Field::all().collect();
    let wanted = [("csv", Format::Csv(all.clone())), ("parquet", Format::Parquet(all))]
        .map(|(name, format)| Wanted { format, place: Place::of(&folder.join(name)) });
    Files::open(&wanted, about, None, || unreachable!()).unwrap()
}

/// One with a chance for every field to be there, missing, and as large as it can be.
fn event(numbers: &mut Numbers, number: u64) -> PortEvent {
    let draw = numbers.next();
    let bit = |at: u32| draw >> at & 1 == 1;
    let addr: IpAddr = match bit(0) {
        true => Ipv4Addr::from_bits(number as u32).into(),
        false => Ipv6Addr::from_bits(u128::from(draw) << 64 | u128::from(number)).into(),
    };
    let icmp = Reason::Icmp { kind: draw as u8, code: (draw >> 8) as u8 };
    let (state, reason) = [
        (PortState::Open, Reason::SynAck),
        (PortState::Closed, Reason::Rst),
        (PortState::Filtered, icmp),
        (PortState::OpenFiltered, Reason::NoResponse),
    ][(draw >> 1) as usize % 4];
    let tcp = TcpFields { seq: draw as u32, ack: !draw as u32, window: (draw >> 16) as u16 };
    PortEvent {
        addr,
        port: draw as u16,
        protocol: if bit(4) { Protocol::Tcp } else { Protocol::Udp },
        state,
        previous: None,
        reason,
        ttl: (draw >> 24) as u8,
        rtt_ns: bit(5).then_some(draw >> if bit(6) { 1 } else { 40 }),
        at_ns: number,
        heard: bit(7).then_some(Heard {
            our_addr: "198.19.255.1".parse().unwrap(),
            our_port: (draw >> 32) as u16,
            tcp: bit(8).then_some(tcp),
        }),
    }
}

fn ended(stopped: bool) -> Outcome {
    Outcome { ended_unix_us: 0, elapsed_s: 0.0, stopped, hosts_up: 0 }
}

#[test]
fn parquet_holds_what_csv_holds_and_nothing_without_its_end() {
    let Some(readers) = Readers::of("tables") else { return };
    let mut numbers = Numbers::of_this_run();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let events: Vec<PortEvent> = (0..ROWS).map(|number| event(&mut numbers, number)).collect();
    let named = events.iter().take(5000).map(|event| (event.addr, vec![numbers.text()])).collect();
    let mut files = open(folder.path(), about(named, true));
    for (number, event) in (0..).zip(&events) {
        if number == ROWS / 2 {
            files.all_sent(number);
        }
        files.port(event, 1_700_000_000_000_000 + number * 1_234_567, true, number % 7 == 0);
        if event.state == PortState::Open {
            let PortEvent { addr, port, protocol, .. } = *event;
            let text = (number % 50 == 0).then(|| numbers.text());
            let told =
                Told { service: text.clone(), cpe: text.into_iter().collect(), ..Told::default() };
            files.service(Target { addr, port, protocol }, Some(&told));
        }
    }
    files.flush();
    while fs::metadata(at("parquet")).unwrap().len() < 100_000 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let (taken, words) = readers.takes_for_parquet(&at("parquet"));
    assert!(!taken && words.contains("magic bytes"), "a file without its end is read: {words}");
    files.conclude(ended(false), None, None);
    files.finish().unwrap();
    let read = readers.python(TABLE, &[&at("csv"), &at("parquet")]);
    assert_eq!(read, format!("{ROWS} 2 false\n"));

    // The control: a field that is not as in CSV is seen.
    let csv = fs::read_to_string(at("csv")).unwrap();
    let last = csv.trim_end().rfind(',').unwrap();
    fs::write(at("csv"), format!("{}x{}", &csv[..last], &csv[last..])).unwrap();
    let compared = std::panic::catch_unwind(|| {
        readers.python(TABLE, &[&at("csv"), &at("parquet")]);
    });
    assert!(compared.is_err());
}

#[test]
fn a_table_without_rows_is_one_and_says_that_its_scan_was_stopped() {
    let Some(readers) = Readers::of("an empty table") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut files = open(folder.path(), about(HashMap::new(), false));
    files.conclude(ended(true), None, None);
    files.finish().unwrap();
    let at = |name: &str| folder.path().join(name);
    assert_eq!(readers.python(TABLE, &[&at("csv"), &at("parquet")]), "0 0 true\n");
}
