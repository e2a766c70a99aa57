//! Tests of the files: what each holds for a small scan, word for word. Independent
//! readers look at them in `bench/tests/scan/formats.rs` and `engine/tests/hostile_text.rs`.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use super::*;
use crate::event::sinks::ShownStates;
use crate::event::{Heard, PortState, Reason, TcpFields};
use crate::plan::{Plan, PortSet, Protocol};

/// 2026-11-25 22:55:03 UTC.
const STARTED_US: u64 = 1_795_647_303_000_000;

fn about(args: &[&str]) -> About {
    let mut builder = Plan::builder();
    builder
        .target(&[crate::plan::IpRange::single("198.18.0.1".parse().unwrap())], true)
        .ports(PortSet::new([22, 80, 81, 443]));
    About {
        args: args.iter().map(|&arg| arg.to_owned()).collect(),
        version: "9.9".into(),
        items: builder.build().unwrap().items().clone(),
        addresses: 2,
        only_host: None,
        names: HashMap::from([("198.18.0.1".parse().unwrap(), vec!["a.example".into()])]),
        shown: ShownStates::default(),
        whole: true,
        services: false,
        started_unix_us: STARTED_US,
    }
}

fn event(addr: &str, port: u16, state: PortState, reason: Reason) -> PortEvent {
    let open = state == PortState::Open;
    PortEvent {
        addr: addr.parse().unwrap(),
        port,
        protocol: Protocol::Tcp,
        state,
        previous: None,
        reason,
        ttl: 60,
        rtt_ns: open.then_some(51_499),
        at_ns: 10,
        heard: open.then(|| Heard {
            our_addr: "198.19.255.1".parse().unwrap(),
            our_port: 61000,
            tcp: Some(TcpFields { seq: 7, ack: 8, window: 9 }),
        }),
    }
}

/// A file of each format after these events.
struct Written {
    folder: tempfile::TempDir,
}

impl Written {
    fn of(about: About, outcome: Outcome, events: &[(PortEvent, bool)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let wanted: Vec<Wanted> = [
            ("normal", Format::Normal),
            ("xml", Format::Xml),
            ("grep", Format::Grepable),
            ("csv", Format::Csv(Field::all().collect())),
            ("ndjson", Format::Ndjson),
        ]
        .into_iter()
        .map(|(name, format)| Wanted { format, place: Place::of(&folder.path().join(name)) })
        .collect();
        let shown = about.shown;
        let mut files = Files::open(&wanted, about, None, || unreachable!("none is `-`")).unwrap();
        files.services = Services::default();
        for (event, revised) in events {
            let shown = shown.contains(event.state) || *revised;
            files.port(event, STARTED_US + 1_500_000, shown, *revised);
        }
        files.conclude(outcome, None, None);
        assert_eq!(files.take_alarm(), None);
        files.finish().unwrap();
        Self { folder }
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap()
    }
}

fn ended() -> Outcome {
    Outcome { ended_unix_us: STARTED_US + 2_000_000, elapsed_s: 1.996, stopped: false, hosts_up: 0 }
}

fn small_scan() -> Written {
    let closed = event("198.18.0.1", 81, PortState::Closed, Reason::Rst);
    let icmp = Reason::Icmp { kind: 3, code: 13 };
    Written::of(
        about(&["-p", "22,80,81,443", "it's"]),
        ended(),
        &[
            (closed, false),
            (event("198.18.0.1", 443, PortState::Open, Reason::SynAck), false),
            (event("198.18.0.1", 22, PortState::Filtered, icmp), false),
            (event("198.18.0.1", 22, PortState::Open, Reason::SynAck), true),
        ],
    )
}

/// Text for people in a pipe that nobody reads yet, more than fits into it.
fn into_a_pipe(control: &Arc<Control>) -> (Files, std::fs::File, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    // Open both ways, so that nobody waits for the other.
    let reader = std::fs::File::options().read(true).write(true).open(&fifo).unwrap();
    let wanted = [Wanted { format: Format::Normal, place: Place::of(&fifo) }];
    let control = Some(control);
    let mut files = Files::open(&wanted, about(&[]), control, || unreachable!()).unwrap();
    files.services = Services::default();
    for number in 0..20_000_u32 {
        let addr = IpAddr::from((0xc612_0000 + number).to_be_bytes());
        let open = event("198.18.0.1", 22, PortState::Open, Reason::SynAck);
        files.port(&PortEvent { addr, ..open }, STARTED_US, true, false);
    }
    (files, reader, folder)
}

#[test]
fn text_for_a_reader_that_takes_nothing_is_waited_for_until_the_scan_is_stopped_at_once() {
    let control = Arc::new(Control::default());
    let (mut files, reader, _folder) = into_a_pipe(&control);
    let ending = std::thread::spawn(move || {
        files.conclude(ended(), None, None);
        files.finish()
    });
    std::thread::sleep(std::time::Duration::from_millis(200));
    control.stop();
    assert!(!ending.is_finished(), "nobody has read it");
    control.stop();
    let error = ending.join().unwrap().unwrap_err();
    assert!(error.to_string().contains("before its reader had taken everything"), "{error}");
    drop(reader);
}

#[test]
fn text_for_a_reader_that_is_late_is_whole() {
    let (mut files, mut reader, _folder) = into_a_pipe(&Arc::default());
    let reading = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(100));
        let (mut text, mut some) = (Vec::new(), [0; 1 << 16]);
        while !text.ends_with(b" seconds\n") {
            let count = std::io::Read::read(&mut reader, &mut some).unwrap();
            text.extend_from_slice(&some[..count]);
        }
        String::from_utf8(text).unwrap()
    });
    files.conclude(ended(), None, None);
    files.finish().unwrap();
    let text = reading.join().unwrap();
    assert_eq!(text.lines().filter(|line| line.starts_with("22/tcp open")).count(), 20_000);
}

#[test]
fn the_text_for_people_is_in_nmaps_words() {
    assert_eq!(
        small_scan().text("normal"),
        "# prtip 9.9 scan initiated Wed Nov 25 22:55:03 2026 as: prtip -p 22,80,81,443 'it'\\\\''s'\n\
         Nmap scan report for a.example (198.18.0.1)\n\
         Host is up, received syn-ack ttl 60 (0.000051s latency).\n\
         Not shown: 1 filtered tcp port (no-response), 1 closed tcp port (reset)\n\
         PORT    STATE SERVICE REASON\n\
         22/tcp  open  unknown syn-ack ttl 60\n\
         443/tcp open  unknown syn-ack ttl 60\n\
         \n\
         # prtip done at Wed Nov 25 22:55:05 2026 -- 2 IP addresses (1 host up) scanned in 2.00 seconds\n"
    );
}

#[test]
fn the_lines_for_grep_have_nmaps_fields() {
    let text = small_scan().text("grep");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[1..3],
        [
            "Host: 198.18.0.1 (a.example)\tStatus: Up",
            "Host: 198.18.0.1 (a.example)\tPorts: 22/open/tcp/////, 443/open/tcp/////\tIgnored State: filtered (1)"
        ]
    );
}

#[test]
fn the_xml_lists_ports_and_sums_up_the_others() {
    let text = small_scan().text("xml");
    for part in [
        "args=\"prtip -p 22,80,81,443 &apos;it&apos;\\\\&apos;&apos;s&apos;\" start=\"1795647303\"",
        "version=\"prtip 9.9\"",
        "<scaninfo type=\"syn\" protocol=\"tcp\" numservices=\"4\" services=\"22,80-81,443\"/>",
        "<status state=\"up\" reason=\"syn-ack\" reason_ttl=\"60\"/>",
        "<hostname name=\"a.example\" type=\"user\"/>",
        "<extraports state=\"filtered\" count=\"1\">\n<extrareasons reason=\"no-response\" count=\"1\" proto=\"tcp\"/>",
        "<extraports state=\"closed\" count=\"1\">\n<extrareasons reason=\"reset\" count=\"1\" proto=\"tcp\"/>",
        "<port protocol=\"tcp\" portid=\"22\"><state state=\"open\" reason=\"syn-ack\" reason_ttl=\"60\"/></port>",
        "elapsed=\"2.00\" exit=\"success\"/><hosts up=\"1\" down=\"1\" total=\"2\"/>",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
}

#[test]
fn csv_and_json_lines_hold_every_line_that_was_told() {
    let written = small_scan();
    assert_eq!(
        written.text("csv"),
        "saddr,daddr,sport,dport,seqnum,acknum,window,ttl,classification,success,repeat,cooldown,\
         timestamp_ts,timestamp_us,timestamp_str,proto,state,reason,rtt_us,hostname,service,product,version,cpe,\
         tunnel\n\
         198.18.0.1,198.19.255.1,443,61000,7,8,9,60,synack,1,0,0,1795647304,500000,\
         2026-11-25T22:55:04.500000Z,tcp,open,syn-ack,51,a.example,,,,,\n\
         198.18.0.1,198.19.255.1,22,61000,7,8,9,60,synack,1,1,0,1795647304,500000,\
         2026-11-25T22:55:04.500000Z,tcp,open,syn-ack,51,a.example,,,,,\n"
    );
    assert_eq!(
        written.text("ndjson").lines().next().unwrap(),
        "{\"ip\":\"198.18.0.1\",\"timestamp\":\"1795647304\",\"port\":443,\"proto\":\"tcp\",\
         \"rec_type\":\"status\",\"data\":{\"status\":\"open\",\"reason\":\"syn-ack\",\"ttl\":60}}"
    );
}

#[test]
fn what_a_stopped_scan_did_not_ask_is_not_called_filtered() {
    let stopped = Outcome { stopped: true, ..ended() };
    let events = [(event("198.18.0.1", 80, PortState::Open, Reason::SynAck), false)];
    let written = Written::of(about(&[]), stopped, &events);
    assert!(!written.text("xml").contains("extraports"));
    assert!(written.text("xml").contains("exit=\"error\" errormsg=\"stopped before the end\""));
    assert!(written.text("normal").ends_with("; stopped before the end\n"));
}

#[test]
fn the_only_host_is_told_even_where_nothing_answers() {
    let only = About { only_host: Some("198.18.0.1".parse::<IpAddr>().unwrap()), ..about(&[]) };
    let written = Written::of(only, ended(), &[]);
    assert!(written.text("normal").contains("Not shown: 4 filtered tcp ports (no-response)\n"));
    let nobody = Written::of(about(&[]), ended(), &[]);
    assert!(!nobody.text("normal").contains("scan report"));
    assert!(nobody.text("xml").contains("<hosts up=\"0\" down=\"2\" total=\"2\"/>"));
}

#[test]
fn what_comes_after_the_last_probe_came_in_the_cooldown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("csv");
    let cooldown = Field::from_name("cooldown").unwrap();
    let wanted = [Wanted { format: Format::Csv(vec![cooldown]), place: Place::of(&path) }];
    let mut files = Files::open(&wanted, about(&[]), None, || unreachable!()).unwrap();
    let late = event("198.18.0.1", 80, PortState::Open, Reason::SynAck);
    files.port(&late, STARTED_US, true, false);
    files.all_sent(9);
    files.port(&late, STARTED_US, true, false);
    files.finish().unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "cooldown\n0\n1\n");
}

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_dash_is_standard_output_for_both_kinds() {
    for (format, start) in [(Format::Xml, "<?xml"), (Format::Csv(Field::all().collect()), "saddr,")]
    {
        let captured = Captured::default();
        let wanted = [Wanted { format, place: Place::Stdout }];
        let mut files =
            Files::open(&wanted, about(&[]), None, || Box::new(captured.clone())).unwrap();
        files.conclude(ended(), None, None);
        files.finish().unwrap();
        let text = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
        assert!(text.starts_with(start), "{text}");
    }
}

#[test]
fn a_full_disk_is_told_for_every_kind_and_the_other_files_are_whole() {
    let folder = tempfile::tempdir().unwrap();
    let full = Place::of(Path::new("/dev/full"));
    for format in [Format::Csv(Field::all().collect()), Format::Ndjson, Format::Normal, Format::Xml]
    {
        let good = folder.path().join("good");
        let is_stream = matches!(format, Format::Csv(_) | Format::Ndjson);
        let wanted = [
            Wanted { format, place: full.clone() },
            Wanted { format: Format::Grepable, place: Place::of(&good) },
        ];
        let mut files = Files::open(&wanted, about(&[]), None, || unreachable!()).unwrap();
        files.port(
            &event("198.18.0.1", 80, PortState::Open, Reason::SynAck),
            STARTED_US,
            true,
            false,
        );
        files.flush();
        // Streams are written by threads of their own.
        let mut alarm = files.take_alarm();
        for _ in 0..if is_stream { 5000 } else { 10 } {
            if alarm.is_some() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
            alarm = files.take_alarm();
        }
        assert_eq!(alarm.is_some_and(|alarm| alarm.contains("No space left")), is_stream);
        assert_eq!(files.take_alarm(), None, "once is enough");
        files.conclude(ended(), None, None);
        let error = files.finish().unwrap_err();
        assert_eq!(error.kind, Kind::Failed);
        assert!(error.to_string().contains("No space left"), "{error}");
        assert!(std::fs::read_to_string(&good).unwrap().contains("# prtip done"));
    }
}

#[test]
fn no_file_may_be_named_twice() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| Place::of(&folder.path().join(name));
    let log = folder.path().join("log");
    let wanted = |places: &[Place]| -> Vec<Wanted> {
        places.iter().map(|place| Wanted { format: Format::Xml, place: place.clone() }).collect()
    };
    let err = |places: &[Place]| check(&wanted(places), Some(&log)).unwrap_err().to_string();
    assert!(err(&[at("a"), at("./a")]).contains("given twice"));
    assert!(err(&[at("log")]).contains("given twice"));
    assert!(err(&[Place::Stdout, Place::Stdout]).contains("given twice"));
    let null = Place::of(Path::new("/dev/null"));
    let sound = [at("a"), at("b"), Place::Stdout, null.clone(), null];
    check(&wanted(&sound), Some(&log)).unwrap();
    // The file of the sender's lag is one that nobody named.
    let latency =
        |name| Wanted { format: Format::Latency { by: None, stages: false }, place: at(name) };
    let mut both = wanted(&[at("a.send-lag.hgrm")]);
    both.push(latency("a.hgrm"));
    assert!(check(&both, None).unwrap_err().to_string().contains("given twice"));
    assert!(check(&[latency("a.txt")], None).unwrap_err().to_string().contains(".hgrm"));
    let by = Format::Latency { by: Some(Grouping::Port), stages: false };
    let grouped = [Wanted { format: by, place: at("a.hgrm") }];
    assert!(check(&grouped, None).unwrap_err().to_string().contains(".hlog"));
    assert_eq!(folder.path().read_dir().unwrap().count(), 0, "a check creates nothing");
}

#[test]
fn every_file_that_could_not_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let full = |name: &str| {
        let path = folder.path().join(name);
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        Place::Path(path)
    };
    let wanted = [
        Wanted { format: Format::Ndjson, place: full("lines") },
        Wanted { format: Format::Xml, place: full("xml") },
        Wanted { format: Format::Normal, place: Place::of(&folder.path().join("good")) },
    ];
    let mut files = Files::open(&wanted, about(&[]), None, || unreachable!()).unwrap();
    files.port(&event("198.18.0.1", 80, PortState::Open, Reason::SynAck), STARTED_US, true, false);
    files.conclude(ended(), None, None);
    let error = files.finish().unwrap_err().to_string();
    let named = |name: &str| error.contains(&format!("{:?}", folder.path().join(name)));
    assert!(named("lines") && named("xml") && !named("good"), "{error}");
    assert!(error.contains("No space left"), "{error}");
}

/// Of a build with `--no-default-features`.
#[cfg(not(feature = "parquet"))]
#[test]
fn without_the_feature_parquet_is_refused_with_the_way_to_build_it() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::of(&folder.path().join("results.parquet"));
    let wanted = [Wanted { format: Format::Parquet(Field::all().collect()), place }];
    let error = check(&wanted, None).unwrap_err();
    assert_eq!(error.kind, Kind::Usage);
    assert!(error.to_string().contains("--features parquet"), "{error}");
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}
