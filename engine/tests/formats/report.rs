//! `prtip report` of logs full of text made to break out of its place, and of a million
//! results: read by Python's HTML parser, which shares no code with us.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use prtip_engine::event::files::Place;
use prtip_engine::report;
use serde_json::{Value, json};

use crate::hostile::{Numbers, soak};
use crate::readers::Readers;

/// Texts of one page: as many as its lists show.
const TEXTS: usize = 400;
const NOW_US: u64 = 1_800_000_000_000_000;

/// A log whose every text is one of `texts`.
fn log(texts: &[String]) -> String {
    let mut next = texts.iter().cycle();
    let mut text = || next.next().unwrap().clone();
    let mut lines = String::new();
    let mut add = |kind: &str, mut record: Value| {
        record["schema"] = "prtip/1".into();
        record["type"] = kind.into();
        record["ts"] = "2026-11-26T00:00:01.000000Z".into();
        writeln!(lines, "{record}").unwrap();
    };
    let args: Vec<String> = (0..40).map(|_| text()).collect();
    add(
        "scan_started",
        json!({"args": args, "seed": text(), "targets": text(), "shard": text(), "plan": text(),
               "port_engine": text(), "xdp_mode": text(), "interface": text(), "version": text()}),
    );
    for n in 0..30u16 {
        let place = json!({"ip": format!("198.18.0.{n}"), "port": 443, "proto": "tcp"});
        let with = |more: Value| {
            let mut record = place.clone();
            record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            record
        };
        add(
            "port",
            with(json!({"state": "open", "reason": "syn-ack", "ttl": 64, "rtt_us": 50 + n})),
        );
        add("service", with(json!({"service": text(), "product": text()})));
        add(
            "tls",
            with(json!({"version": text(), "chain_status": text(), "chain": [{
                "subject": text(), "issuer": text(), "san": [text(), text()],
                "not_after": text(), "sha256": text(),
            }]})),
        );
        add("os", with(json!({"matches": [{"name": text(), "accuracy": text()}]})));
        let mac = json!({"ip": format!("198.18.1.{n}"), "state": "up", "reason": "arp-response", "mac": text()});
        add("host", mac);
    }
    add("scan_resumed", json!({"args": [text()], "finished": text(), "of": text()}));
    let remarks: Vec<String> = (0..20).map(|_| text()).collect();
    add("ledger", json!({"generated": 1, "remarks": remarks, "steering": {text(): 5}, text(): 7}));
    lines
}

fn page(folder: &Path, name: &str, log: &str) -> PathBuf {
    let (path, to) = (folder.join(name), folder.join(format!("{name}.html")));
    fs::write(&path, log).unwrap();
    report::write(&[path], &Place::Path(to.clone()), &mut Vec::new(), NOW_US).unwrap();
    to
}

/// The page's elements and attributes must be those of the same page with harmless texts,
/// every element must be closed, links must stay on the page, and what stands in the
/// table of services must be what was put in.
const SKELETON: &str = r#"
import json, re, sys
from html.parser import HTMLParser
class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.skeleton, self.open, self.cells = [], [], []
    def handle_starttag(self, tag, attributes):
        self.skeleton.append((tag, tuple(name for name, _ in attributes)))
        for name, value in attributes:
            assert not name.startswith('on'), name
            assert name not in ('src', 'action', 'srcset', 'formaction'), name
            if name == 'href': assert value.startswith('#'), value
        if tag != 'meta': self.open.append(tag)
        if tag in ('td', 'th'): self.cells.append('')
    def handle_startendtag(self, tag, attributes):
        self.skeleton.append((tag, tuple(name for name, _ in attributes)))
    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag
    def handle_data(self, data):
        if self.open and self.open[-1] in ('td', 'th'): self.cells[-1] += data
    def unknown_decl(self, data): raise AssertionError(data)
    def handle_pi(self, data): raise AssertionError(data)
    def handle_comment(self, data): raise AssertionError(data)
def read(path):
    page = Page()
    page.feed(open(path, newline='').read())
    page.close()
    assert not page.open, page.open
    return page
escape = re.compile(r'\\(?:(\\)|x([0-9a-f]{2})|u\{([0-9a-f]+)\})')
def original(text):
    out, at = b'', 0
    for found in escape.finditer(text):
        out += text[at:found.start()].encode()
        slash, byte, point = found.groups()
        out += b'\\' if slash else bytes([int(byte, 16)]) if byte else chr(int(point, 16)).encode()
        at = found.end()
    return (out + text[at:].encode()).decode()
hostile, harmless = read(sys.argv[1]), read(sys.argv[2])
assert hostile.skeleton == harmless.skeleton, [p for p in zip(hostile.skeleton, harmless.skeleton) if p[0] != p[1]][:3]
assert not {tag for tag, _ in hostile.skeleton} & {'script', 'img', 'iframe', 'object', 'link', 'form', 'base'}
shown = {original(cell) for cell in hostile.cells}
texts = json.load(open(sys.argv[3]))
missing = [text for text in texts if text and text not in shown]
assert not missing, missing[:3]
print(len(hostile.skeleton))
"#;

/// A hostile page, the same with harmless texts, and the products that must be shown.
fn write(folder: &Path, texts: &[String]) -> [PathBuf; 3] {
    let hostile = log(texts);
    let mut names: HashMap<&str, String> = HashMap::new();
    let harmless: Vec<String> = texts
        .iter()
        .map(|text| match text.as_str() {
            "" => String::new(),
            text => {
                let number = names.len();
                names.entry(text).or_insert_with(|| format!("text{number}")).clone()
            }
        })
        .collect();
    let products: Vec<Value> = hostile
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|record| record["type"] == "service")
        .map(|record| record["product"].clone())
        .collect();
    let told = folder.join("products");
    fs::write(&told, serde_json::to_vec(&products).unwrap()).unwrap();
    [page(folder, "hostile", &hostile), page(folder, "harmless", &log(&harmless)), told]
}

#[test]
fn hostile_text_makes_no_element_and_no_attribute_of_a_page() {
    let Some(readers) = Readers::of("hostile report") else { return };
    let mut numbers = Numbers::of_this_run();
    for _ in 0..if soak() { 1_000_000 / TEXTS } else { 5 } {
        let folder = tempfile::tempdir().unwrap();
        let texts: Vec<String> = (0..TEXTS).map(|_| numbers.text()).collect();
        let [hostile, harmless, told] = write(folder.path(), &texts);
        let bytes = fs::read(&hostile).unwrap();
        let allowed = |byte: &u8| (b' '..=b'~').contains(byte) || *byte == b'\n';
        assert!(bytes.iter().all(allowed), "the page holds control bytes");
        readers.python(SKELETON, &[&hostile, &harmless, &told]);
    }
}

/// The control: the check sees an element and an attribute that came from a text.
#[test]
fn the_check_sees_text_that_became_markup() {
    let Some(readers) = Readers::of("hostile report, control") else { return };
    let folder = tempfile::tempdir().unwrap();
    let texts: Vec<String> = (0..TEXTS).map(|number| format!("word{number}x")).collect();
    let [sound, harmless, told] = write(folder.path(), &texts);
    readers.python(SKELETON, &[&sound, &harmless, &told]);
    let text = fs::read_to_string(&sound).unwrap();
    for broken in ["<b>word41x</b>", "</td>", "word41x<!-- -->", "<img src=x>"] {
        let path = folder.path().join("broken");
        fs::write(&path, text.replacen("word41x", broken, 1)).unwrap();
        let seen =
            std::panic::catch_unwind(|| readers.python(SKELETON, &[&path, &harmless, &told]));
        assert!(seen.is_err(), "{broken:?} is not seen");
    }
}

#[test]
fn a_page_of_many_results_is_small_and_holds_their_number() {
    let soak = std::env::var("PRTIP_SOAK").is_ok_and(|value| !value.is_empty() && value != "0");
    let many = if soak { 10_000_000u32 } else { 300_000 };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let mut file = std::io::BufWriter::new(fs::File::create(&path).unwrap());
    for n in 0..many {
        // A permutation of the addresses, as a scan finds them; each open port is met twice.
        let n = n.wrapping_mul(2_654_435_761) % (many / 2);
        let ip = std::net::Ipv4Addr::from_bits(0xc612_0000 + n / 8);
        writeln!(
            file,
            "{{\"schema\":\"prtip/1\",\"type\":\"port\",\"ts\":\"2026-11-26T00:00:01.000000Z\",\
             \"ip\":\"{ip}\",\"port\":{},\"proto\":\"tcp\",\"state\":\"open\",\"reason\":\"syn-ack\",\
             \"ttl\":64,\"rtt_us\":{}}}",
            n % 8 + 1,
            n % 1000 + 20
        )
        .unwrap();
    }
    let distinct: std::collections::HashSet<u32> =
        (0..many).map(|n| n.wrapping_mul(2_654_435_761) % (many / 2)).collect();
    file.into_inner().unwrap();
    let mut out = Vec::new();
    report::write(&[path], &Place::Stdout, &mut out, NOW_US).unwrap();
    let page = String::from_utf8(out).unwrap();
    let told = page.split("open ports</span>").next().unwrap().rsplit("<b>").next().unwrap();
    let told: usize = told.split('<').next().unwrap().replace(',', "").parse().unwrap();
    assert_eq!(told, distinct.len());
    assert!(page.len() < 400_000, "{} bytes", page.len());
}
