//! Text made to break out of its place (names and arguments today, banners and
//! certificates go the same ways) through every format: no control byte in any file,
//! and every independent reader gets back exactly what was put in.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use prtip_engine::event::clock::Clock;
use prtip_engine::event::files::{About, Field, Files, Format, Outcome, Place, Wanted};
use prtip_engine::event::record::{ScanStarted, encode};
use prtip_engine::event::sinks::ShownStates;
use prtip_engine::event::{PortEvent, PortState, Reason};
use prtip_engine::plan::{IpRange, Plan, PortSet, Protocol};

use crate::readers::Readers;

/// Texts of one file; a million are made of a hundred such.
const CHUNK: u64 = 10_000;

/// What a text is made of.
const PARTS: [&str; 40] = [
    "\x1b[2J",
    "\x1b]0;title\x07",
    "\x1b[31m",
    "\u{9b}31m",
    "\0",
    "\x08",
    "\r",
    "\n",
    "\r\n",
    "\t",
    "\x7f",
    "\u{202e}",
    "\u{2066}",
    "\u{200f}",
    "\u{feff}",
    "\u{fffe}",
    "\u{2028}",
    "\u{85}",
    "]]>",
    "<!--",
    "<![CDATA[",
    "<script>",
    "&amp;",
    "&#0;",
    "&",
    "\"",
    "'",
    "\\",
    "\\x41",
    "\\u{41}",
    ",",
    ";",
    "/",
    "=cmd()",
    "@",
    "#",
    "{\"a\":1}",
    "é",
    "\u{1f600}",
    "example.org",
];

/// A generator of the same numbers for the same seed (xorshift64*).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    /// From `PRTIP_TEST_SEED`, else from a new seed; prints it.
    pub(crate) fn of_this_run() -> Self {
        let seed = match std::env::var("PRTIP_TEST_SEED") {
            Ok(text) => text.parse().unwrap(),
            Err(_) => u64::from(std::process::id()) << 32 | 1,
        };
        println!("PRTIP_TEST_SEED={seed}");
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn text(&mut self) -> String {
        let mut text = String::new();
        for _ in 0..=self.next() % 8 {
            match self.next() % 8 {
                // Any character at all.
                0 => text.extend(char::from_u32((self.next() % 0x11_0000) as u32)),
                1 => text.push((self.next() % 256) as u8 as char),
                _ => text.push_str(PARTS[(self.next() % PARTS.len() as u64) as usize]),
            }
        }
        text
    }
}

fn address(number: u64) -> IpAddr {
    Ipv4Addr::from_bits(u32::from(Ipv4Addr::new(198, 18, 0, 0)) + number as u32).into()
}

/// Writes a scan whose arguments and names are `texts`.
fn write(folder: &Path, texts: &[String]) {
    let mut builder = Plan::builder();
    builder.target(&[IpRange::single(address(0))], true).ports(PortSet::new([80]));
    let names: HashMap<IpAddr, Vec<String>> =
        texts.iter().zip(0..).map(|(text, n)| (address(n), vec![text.clone()])).collect();
    let about = About {
        args: texts[..20].to_vec(),
        version: texts[0].clone(),
        items: builder.build().unwrap().items().clone(),
        addresses: texts.len() as u64,
        only_host: None,
        names,
        shown: ShownStates::default(),
        whole: true,
        services: false,
        started_unix_us: 1_700_000_000_000_000,
    };
    let csv = Format::Csv(["saddr", "hostname"].map(|name| Field::from_name(name).unwrap()).into());
    let wanted: Vec<Wanted> = [
        ("text", Format::Normal),
        ("xml", Format::Xml),
        ("grep", Format::Grepable),
        ("csv", csv),
        ("ndjson", Format::Ndjson),
    ]
    .into_iter()
    .map(|(name, format)| Wanted { format, place: Place::of(&folder.join(name)) })
    .collect();
    let mut files = Files::open(&wanted, about, None, || unreachable!()).unwrap();
    for number in 0..texts.len() as u64 {
        let event = PortEvent {
            addr: address(number),
            port: 80,
            protocol: Protocol::Tcp,
            state: PortState::Open,
            previous: None,
            reason: Reason::SynAck,
            ttl: 64,
            rtt_ns: Some(1000),
            at_ns: 0,
            heard: None,
        };
        files.port(&event, 1_700_000_000_000_000, true, false);
    }
    files.conclude(
        Outcome { ended_unix_us: 0, elapsed_s: 0.0, stopped: false, hosts_up: 0 },
        None,
        None,
    );
    files.finish().unwrap();

    let started = ScanStarted {
        args: texts.to_vec(),
        seed: 1,
        targets: 1,
        shard: "1/1".into(),
        plan: "00".into(),
        port_engine: "memory".into(),
        port_engine_why: "asked for".into(),
        xdp_mode: None,
        interface: texts[1].clone(),
        version: "0".into(),
    };
    let mut line = Vec::new();
    encode(&started, &Clock::start().now_rfc3339(), &mut line);
    fs::write(folder.join("json"), line).unwrap();
    // What was put in, for the readers: one hexadecimal line a text.
    let mut truth = fs::File::create(folder.join("truth")).unwrap();
    for text in texts {
        let hex = text.bytes().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        });
        writeln!(truth, "{hex}").unwrap();
    }
}

/// Reads CSV and XML by Python's own readers, takes our escapes back, compares.
const COMPARE: &str = r#"
import csv, re, sys, xml.etree.ElementTree as tree
truth = [bytes.fromhex(line.strip()) for line in open(sys.argv[1])]
escape = re.compile(r'\\(?:(\\)|x([0-9a-f]{2})|u\{([0-9a-f]+)\})')
def original(text):
    out, at = b'', 0
    for found in escape.finditer(text):
        out += text[at:found.start()].encode()
        slash, byte, point = found.groups()
        out += b'\\' if slash else bytes([int(byte, 16)]) if byte else chr(int(point, 16)).encode()
        at = found.end()
    return out + text[at:].encode()
rows = list(csv.DictReader(open(sys.argv[2], newline='')))
assert [original(row['hostname']) for row in rows] == truth, 'CSV differs'
assert all(row['saddr'].startswith('198.1') and len(row) == 2 for row in rows)
names = [host.find('hostnames/hostname').get('name') for host in tree.parse(sys.argv[3]).iter('host')]
assert [original(name) for name in names] == truth, 'XML differs'
print(len(rows))
"#;

/// Whether the full sizes are asked for.
pub(crate) fn soak() -> bool {
    std::env::var("PRTIP_SOAK").is_ok_and(|value| !value.is_empty() && value != "0")
}

#[test]
fn hostile_text_stays_in_its_place_in_every_format() {
    let Some(readers) = Readers::of("hostile text") else { return };
    let mut numbers = Numbers::of_this_run();
    for _ in 0..if soak() { 1_000_000 / CHUNK } else { 1 } {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let texts: Vec<String> = (0..CHUNK).map(|_| numbers.text()).collect();
        write(folder.path(), &texts);
        for (name, lines) in [
            ("text", 5 * CHUNK + 2),
            ("xml", 0),
            ("grep", 2 * CHUNK + 2),
            ("csv", CHUNK + 1),
            ("ndjson", CHUNK),
            ("json", 1),
        ] {
            let bytes = fs::read(at(name)).unwrap();
            let allowed = |byte: &u8| {
                (b' '..=b'~').contains(byte) || *byte == b'\n' || (*byte == b'\t' && name == "grep")
            };
            assert!(bytes.iter().all(allowed), "{name} holds control bytes");
            let found = bytes.iter().filter(|&&byte| byte == b'\n').count() as u64;
            assert!(lines == 0 || found == lines, "{name} has {found} lines, not {lines}");
        }
        let (valid, words) = readers.validates(&at("xml"));
        assert!(valid, "{}", &words[..words.len().min(1000)]);
        let compared = readers.python(COMPARE, &[&at("truth"), &at("csv"), &at("xml")]);
        assert_eq!(compared, format!("{CHUNK}\n"));
        let args = readers.jq(".args", &fs::read(at("json")).unwrap());
        let args: Vec<String> = serde_json::from_str(&args).unwrap();
        assert!(args == texts, "JSON differs");
        let statuses = readers.jq(".data.status", &fs::read(at("ndjson")).unwrap());
        assert_eq!(statuses.lines().count() as u64, CHUNK);
    }
}

/// The control: each check sees what it is there for.
#[test]
fn the_checks_see_text_that_is_not_escaped() {
    let Some(readers) = Readers::of("hostile text, control") else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write(folder.path(), &(0..20).map(|number| format!("name{number}")).collect::<Vec<_>>());
    assert!(readers.validates(&at("xml")).0);
    let xml = fs::read_to_string(at("xml")).unwrap();
    for broken in ["name7\u{1}", "name7&#1;", "name7\"/><x a=\"", "name7<"] {
        fs::write(at("broken"), xml.replace("name7", broken)).unwrap();
        assert!(!readers.validates(&at("broken")).0, "{broken:?} is not seen");
    }
    let csv = fs::read_to_string(at("csv")).unwrap();
    fs::write(at("broken"), csv.replace("name7", "na\nme7")).unwrap();
    let python = std::panic::catch_unwind(|| {
        readers.python(COMPARE, &[&at("truth"), &at("broken"), &at("xml")])
    });
    assert!(python.is_err(), "a line that was broken in CSV is not seen");
}
