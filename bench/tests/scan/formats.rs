//! Files in other programs' formats, read by those programs: nmap's XML by ndiff,
//! python-libnmap and its DTD, CSV by Python, Parquet by pyarrow, masscan's lines by jq; what they read is
//! the lab's truth, also where the scan was killed in between.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::lab::Lab;
use crate::open_lab::OpenLab;
use crate::readers::{Readers, TABLE};
use crate::release::binary;
use crate::setting::{turn, turn_with};

const LAB: Lab =
    Lab { rules: "--seed 31 --open 100 --closed 300 --icmp 20 --dup 30", link: "--queues 1" };
const ASKED: &str = "--targets 198.18.0.0/24 --ports 1-64";

/// nmap's XML by python-libnmap as lines that `lab check` takes.
const LIBNMAP: &str = r#"
import json, sys
from libnmap.parser import NmapParser
report = NmapParser.parse_fromfile(sys.argv[1])
assert report.commandline.startswith('prtip '), report.commandline
for host in report.hosts:
    assert host.is_up() and host.endtime
    for service in host.services:
        print(json.dumps({'type': 'port', 'ip': host.address, 'port': service.port,
                          'proto': service.protocol, 'state': service.state}))
"#;

/// The same of our CSV, by Python's reader.
const CSV: &str = r#"
import csv, json, sys
for row in csv.DictReader(open(sys.argv[1], newline='')):
    assert row['classification'] == 'synack' and row['success'] == '1', row
    assert int(row['dport']) >= 61000 and row['daddr'].startswith('198.19.255.'), row
    assert int(row['acknum']) > 0 and int(row['ttl']) > 0 and int(row['rtt_us']) >= 0, row
    print(json.dumps({'type': 'port', 'ip': row['saddr'], 'port': int(row['sport']),
                      'proto': row['proto'], 'state': row['state']}))
"#;

const MASSCAN: &str = r#"{type: "port", ip, port, proto, state: .data.status}"#;

fn agrees(folder: &Path, name: &str, lines: &str) {
    let path = folder.join(format!("{name}.read"));
    fs::write(&path, lines).unwrap();
    let verdict = LAB.check_states(ASKED, &path, "open");
    assert_eq!(verdict.code, Some(0), "{name}: {verdict:?}");
    assert!(verdict.expected > 1000, "{verdict:?}");
}

/// `(address, port)` of the lines for grep.
fn grepable(text: &str) -> BTreeSet<(String, u16)> {
    let mut found = BTreeSet::new();
    for line in text.lines() {
        let Some((host, ports)) = line.split_once("\tPorts: ") else { continue };
        let addr = host.split(' ').nth(1).unwrap();
        let ports = ports.split('\t').next().unwrap();
        for port in ports.split(", ").filter(|port| !port.is_empty()) {
            let mut parts = port.split('/');
            let (port, state) = (parts.next().unwrap(), parts.next().unwrap());
            assert_eq!(state, "open");
            found.insert((addr.to_owned(), port.parse().unwrap()));
        }
    }
    found
}

#[test]
fn every_format_holds_the_truth_for_its_own_readers() {
    let Some(_turn) = turn("formats") else { return };
    let Some(readers) = Readers::of("formats") else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let base = at("scan");
    let ended = LAB.scan(&format!(
        "-sS -p 1-64 198.18.0.0/24 --port-engine xdp --rate 30000 --cooldown 1 -oA {base} \
         --csv {base}.csv --parquet {base}.parquet --ndjson {base}.ndjson --json",
        base = base.display()
    ));
    assert_eq!(ended.code, Some(0), "{}", ended.words);
    assert_eq!(ended.booked("unaccounted"), 0);

    let xml = at("scan.xml");
    let (valid, words) = readers.validates(&xml);
    assert!(valid, "{words}");
    agrees(folder.path(), "xml", &readers.python(LIBNMAP, &[&xml]));
    agrees(folder.path(), "csv", &readers.python(CSV, &[&at("scan.csv")]));
    let read = readers.python(TABLE, &[&at("scan.csv"), &at("scan.parquet")]);
    assert!(read.ends_with(" 1 false\n"), "{read}");
    let masscan = readers.jq(MASSCAN, &fs::read(at("scan.ndjson")).unwrap());
    agrees(folder.path(), "ndjson", &masscan);

    let told: BTreeSet<(String, u16)> = ended
        .records("port")
        .iter()
        .map(|r| (r["ip"].as_str().unwrap().to_owned(), r["port"].as_u64().unwrap() as u16))
        .collect();
    assert_eq!(grepable(&fs::read_to_string(at("scan.gnmap")).unwrap()), told);
    let text = fs::read_to_string(at("scan.nmap")).unwrap();
    assert_eq!(text.matches("/tcp ").count(), told.len());

    // Every pair is accounted for: listed, or summed up.
    let xml_text = fs::read_to_string(&xml).unwrap();
    let hidden: u64 = xml_text
        .split("<extraports ")
        .skip(1)
        .map(|part| part.split("count=\"").nth(1).unwrap().split('"').next().unwrap())
        .map(|count| count.parse::<u64>().unwrap())
        .sum();
    assert_eq!(hidden + told.len() as u64, 256 * 64);

    // ndiff: equal to itself; a port that is gone is named.
    assert_eq!(readers.ndiff(&xml, &xml).status.code(), Some(0));
    let (addr, port) = told.first().unwrap();
    let host = xml_text.find(&format!("<address addr=\"{addr}\"")).unwrap();
    let start =
        host + xml_text[host..].find(&format!("<port protocol=\"tcp\" portid=\"{port}\"")).unwrap();
    let end = start + xml_text[start..].find("</port>\n").unwrap() + "</port>\n".len();
    fs::write(at("less.xml"), format!("{}{}", &xml_text[..start], &xml_text[end..])).unwrap();
    let output = readers.ndiff(&xml, &at("less.xml"));
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains(&format!("-{port}/tcp")) && said.contains(addr), "{said}");
}

#[test]
fn a_killed_scan_that_is_resumed_has_whole_files() {
    let Some(_turn) = turn("formats-resume") else { return };
    let Some(readers) = Readers::of("formats-resume") else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (log, xml, csv) = (at("log"), at("scan.xml"), at("scan.csv"));
    let parquet = at("scan.parquet");
    let lab = OpenLab::open(LAB, &[]);
    let mut scan = lab
        .prtip("-sS -p 1-64 198.18.0.0/24 --port-engine xdp --rate 5000 --cooldown 1 --retries 0")
        .arg("-oX")
        .arg(&xml)
        .arg("--csv")
        .arg(&csv)
        .arg("--parquet")
        .arg(&parquet)
        .arg("--event-log")
        .arg(&log)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while fs::metadata(&log).map_or(0, |log| log.len()) < 50_000 {
        std::thread::sleep(Duration::from_millis(5));
    }
    scan.kill().unwrap();
    scan.wait().unwrap();
    assert_eq!(fs::metadata(&xml).unwrap().len(), 0, "it is written at the end");
    assert!(!readers.takes_for_parquet(&parquet).0, "it has no end");
    let mut resume = lab.prtip("--resume");
    let output = resume.arg(&log).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{words}");

    let open = readers.python(LIBNMAP, &[&xml]);
    let (valid, words) = readers.validates(&xml);
    assert!(valid, "{words}");
    agrees(folder.path(), "xml", &open);
    // What the log does not hold of the first run is empty.
    let lenient = CSV.replace("    assert int", "    if row['daddr']: assert int");
    agrees(folder.path(), "csv", &readers.python(&lenient, &[&csv]));
    readers.python(TABLE, &[&csv, &parquet]);

    // A scan that has come to its end writes its files again.
    fs::remove_file(&xml).unwrap();
    fs::remove_file(&parquet).unwrap();
    let output = lab.prtip("--resume").arg(&log).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stderr).contains("written again"));
    assert_eq!(readers.python(LIBNMAP, &[&xml]), open);
    readers.python(TABLE, &[&csv, &parquet]);
    lab.close();
}

#[test]
fn host_scans_and_udp_scans_have_files_too() {
    let Some(_turn) = turn("formats-kinds") else { return };
    let Some(readers) = Readers::of("formats-kinds") else { return };
    let folder = tempfile::tempdir().unwrap();
    for (name, scan) in
        [("hosts", "-sn 198.18.0.0/24 2001:2::/122"), ("udp", "-sU -p 50-60 198.18.0.0/26")]
    {
        let base = folder.path().join(name);
        let ended = LAB.scan(&format!(
            "{scan} --rate 30000 --cooldown 1 -oA {base} --csv {base}.csv --json --show all",
            base = base.display()
        ));
        assert_eq!(ended.code, Some(0), "{}", ended.words);
        let xml = base.with_extension("xml");
        let (valid, words) = readers.validates(&xml);
        assert!(valid, "{words}");
        let text = fs::read_to_string(&xml).unwrap();
        let kind = if name == "hosts" { "host" } else { "port" };
        // The last record of each holds.
        let told: BTreeMap<String, String> = ended
            .records(kind)
            .iter()
            .map(|r| (format!("{} {}", r["ip"], r["port"]), r["state"].to_string()))
            .collect();
        let up = told.values().filter(|state| *state == "\"up\"").count();
        match name {
            "hosts" => {
                assert_eq!(text.matches("<status state=\"up\"").count(), up);
                assert_eq!(text.matches("<host ").count(), told.len());
            }
            _ => assert_eq!(text.matches("<port protocol=\"udp\"").count(), told.len()),
        }
        let rows = fs::read_to_string(base.with_extension("csv")).unwrap().lines().count() - 1;
        assert!(rows >= told.len(), "{rows} rows for {} results", told.len());
    }
}

/// Real lines against the schema that the command prints: every kind, strictly (no field
/// that the schema does not know), and by the whole schema for a part of them.
const SCHEMA: &str = r#"
import copy, json, sys
from jsonschema import Draft202012Validator
schema = json.load(open(sys.argv[1]))
Draft202012Validator.check_schema(schema)
whole = Draft202012Validator(schema)
strict = {}
for record in schema['oneOf']:
    record = dict(record, additionalProperties=False)
    strict[record['properties']['type']['const']] = Draft202012Validator(record)
seen = {}
for path in sys.argv[2:]:
    for line in open(path):
        record = json.loads(line)
        kind = record['type']
        strict[kind].validate(record)
        seen[kind] = seen.get(kind, 0) + 1
        if seen[kind] > 20:
            continue
        assert whole.is_valid(record), record
        for field in strict[kind].schema['required']:
            assert not whole.is_valid({k: v for k, v in record.items() if k != field}), field
        if 'state' in record:
            assert not whole.is_valid(dict(record, state='ajar')), record
assert set(strict) == set(seen), set(strict) - set(seen)
print(json.dumps(seen))
"#;

/// A page by Python's parser: its numbers and rows against the log's records.
const PAGE: &str = r#"
import json, sys
from html.parser import HTMLParser
class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tiles, self.rows, self.inside = {}, [], None
    def handle_starttag(self, tag, attributes):
        self.inside = tag
        if tag == 'tr': self.rows.append([])
        if tag in ('td', 'th'): self.rows[-1].append('')
    def handle_data(self, data):
        if self.inside in ('td', 'th'): self.rows[-1][-1] += data.strip()
        elif self.inside == 'b': self.number = data.replace(',', '')
        elif self.inside == 'span' and getattr(self, 'number', None): self.tiles[data], self.number = self.number, None
page = Page()
page.feed(open(sys.argv[1]).read())
last, records = {}, {}
for line in open(sys.argv[2]):
    record = json.loads(line)
    records.setdefault(record['type'], []).append(record)
    if record['type'] == 'port': last[record['ip'], record['port'], record['proto']] = record
open_ports = [place for place, record in last.items() if record['state'] == 'open']
assert int(page.tiles['open ports']) == len(open_ports), page.tiles
assert int(page.tiles['addresses with open ports']) == len({ip for ip, _, _ in open_ports})
assert page.tiles['packets unaccounted for'] == '0', page.tiles
assert int(page.tiles['probes sent']) == sum(ledger['completed'] for ledger in records['ledger'])
by_port = {}
for _, port, proto in open_ports: by_port[f'{port}/{proto}'] = by_port.get(f'{port}/{proto}', 0) + 1
told = {row[0]: int(row[2]) for row in page.rows if len(row) == 6 and row[0] in by_port and row[3].isdigit()}
assert len(told) > 20 and all(by_port[port] == count for port, count in told.items()), told
assert ['killed', 'done'] == [row[4] for row in page.rows if len(row) == 5 and row[1] in ('started', 'resumed')]
assert sum(row[-1] == 'adds up' for row in page.rows) == 4 * len(records['ledger'])
print(len(page.rows), 'rows', page.tiles)
"#;

#[test]
fn real_logs_are_valid_by_the_schema_that_is_printed() {
    let Some(_turn) = turn("schema") else { return };
    let Some(readers) = Readers::of("schema") else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let more = ["--servers", "badssl", "--zombie"].map(OsStr::new);
    let lab = OpenLab::open(LAB, &more);
    fs::write(at("schema"), lab.prtip("schema").output().unwrap().stdout).unwrap();
    let scan = "-sS -sU -p 1-64 198.18.0.0/26 2001:2::/122 --port-engine xdp --rate 10000 \
                --cooldown 1 --show all --event-log";
    let mut first = lab.prtip(scan);
    let mut first =
        first.arg(at("log")).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !fs::read_to_string(at("log")).unwrap_or_default().contains("\"checkpoint\"") {
        assert!(first.try_wait().unwrap().is_none(), "ended before its first checkpoint");
        std::thread::sleep(Duration::from_millis(5));
    }
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(lab.prtip("--resume").arg(at("log")).output().unwrap().status.success());
    for (name, line) in [
        ("hosts", "-sn 198.18.0.0/24 --rate 10000 --cooldown 1 --json --show all --stage-latency"),
        ("dry", "-sS -sU -p 1-9 198.18.0.0/29 --dry-run --json"),
        ("zombie", "zombie 198.19.255.239-241 -v --json"),
    ] {
        fs::write(at(name), lab.prtip(line).output().unwrap().stdout).unwrap();
    }
    let named = "-sS -sV -O --tls-cert-analysis -p 1-64,443 expired.badssl.com --show all \
                 --rate 10000 --cooldown 1 --log-rotate 4k --event-log";
    assert!(lab.prtip(named).arg(at("named")).output().unwrap().status.success());
    lab.close();
    let mut files = ["schema", "log", "hosts", "dry", "zombie", "named"].map(at).to_vec();
    files.extend((1..).map(|number| at(&format!("named.{number:06}"))).take_while(|p| p.exists()));
    let seen = readers.python(SCHEMA, &files.iter().map(AsRef::as_ref).collect::<Vec<_>>());
    println!("{seen}");

    // The page of the killed and resumed scan counts what its log holds.
    let mut report = Command::new(binary("prtip"));
    report.arg("report").arg(at("log")).arg("-o").arg(at("page.html"));
    assert!(report.status().unwrap().success());
    println!("{}", readers.python(PAGE, &[&at("page.html"), &at("log")]));
}

#[test]
fn tshark_reads_every_accepted_reply_in_the_capture() {
    let Some(_turn) = turn_with("capture", &["tshark"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    for engine in ["xdp", "packet"] {
        let path = folder.path().join(format!("{engine}.pcapng"));
        let ended = LAB.scan(&format!(
            "-sS -p 1-64 198.18.0.0/26 2001:2::/124 --port-engine {engine} --rate 20000 \
             --cooldown 1 --json --pcap {}",
            path.display()
        ));
        assert_eq!(ended.code, Some(0), "{}", ended.words);
        assert!(!ended.words.contains("not in the capture"), "{}", ended.words);
        let output = Command::new("tshark")
            .args(["-n", "-T", "fields", "-E", "separator=,", "-e", "ip.src", "-e", "ipv6.src"])
            .args(["-e", "tcp.srcport", "-e", "tcp.flags", "-e", "frame.time_epoch", "-r"])
            .arg(&path)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.lines().count() as u64, ended.booked("rx_valid"));
        let mut captured: BTreeSet<(String, u16)> = BTreeSet::new();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        for line in text.lines() {
            let fields: Vec<&str> = line.split(',').collect();
            let &[v4, v6, port, flags, time] = fields.as_slice() else { continue };
            let age = now.as_secs_f64() - time.parse::<f64>().unwrap();
            assert!((0.0..300.0).contains(&age), "{line}");
            if flags.ends_with("12") {
                captured.insert((format!("{v4}{v6}"), port.parse().unwrap()));
            }
        }
        let told: BTreeSet<(String, u16)> = ended
            .records("port")
            .iter()
            .map(|r| (r["ip"].as_str().unwrap().to_owned(), r["port"].as_u64().unwrap() as u16))
            .collect();
        assert_eq!(captured, told);
    }
}
