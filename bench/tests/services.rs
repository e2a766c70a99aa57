//! `prtip -sV` against real servers, beside Debian's `nmap -sV` on the same ports.
//!
//! What `lab servers` says of them is the truth: what they are, and what an answer of
//! theirs tells. Ours must name every service, every product and version that is told,
//! and be told a product and a version wherever nmap is. A few servers in `make test`; all
//! of them, also on odd ports, with `PRTIP_SOAK=1`. No time is asserted, but both are
//! printed, with their ratio.
//!
//! Needs root and Debian's packages; says SKIPPED otherwise and, without root, fails
//! where `CI` is set.

#![allow(clippy::unwrap_used)]

mod release;
mod rights;
mod starttls;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use prtip_bench::lab::packages;
use release::binary;
use serde_json::Value;

const BENCH: &str = env!("CARGO_BIN_EXE_prtip-bench");
/// Light ones, of different families, that nmap is soon done with.
const FEW: &str = "nginx,sshd,redis,vsftpd,exim,memcached";

/// A name of a service, another one for the same, and why both are right.
type Names = [(&'static str, &'static str, &'static str)];
/// What we may call a service on an odd port otherwise than the truth does.
const ON_ODD_PORTS: &Names = &[(
    "netbios-ssn",
    "microsoft-ds",
    "smbd does the same on both of its ports; on odd ones nothing tells which is which",
)];
/// What nmap calls services that it has asked, and what we do.
const NMAPS: &Names = &[
    ("http-proxy", "http", "Varnish: to who connects it is the server"),
    ("tor-socks", "socks5", "Tor speaks SOCKS 5 to whoever does; the product says that it is Tor"),
    ("svnserve", "svn", "IANA's name; svnserve is the product"),
    ("netbios-ssn", "microsoft-ds", "IANA's name for SMB without NetBIOS"),
    ("mosquitto version 2.0.11", "mqtt", "nmap has the product where the service belongs"),
    ("http", "influxdb", "an interface of its own that HTTP carries"),
    ("tcpwrapped", "stun", "coturn hangs up on who says nothing"),
    ("tcpwrapped", "zabbix-agent", "the agent hangs up on who says nothing"),
];
/// Products and versions of nmap's that tell nothing, by service.
const EMPTY_WORDS: &[(&str, &str, &str)] = &[
    ("vnc", "VNC", "the service again"),
    ("ldap", "2.2.X - 2.3.X", "a guess, and wrong: it is 2.5"),
    ("netbios-ssn", "3.X - 4.X", "all versions that there are"),
    ("microsoft-ds", "3.X - 4.X", "the same"),
    ("distccd", "v1", "the protocol's"),
];

fn set(name: &str) -> bool {
    std::env::var(name).is_ok_and(|value| !["", "0", "false"].contains(&value.as_str()))
}

/// Whether a run is possible here.
fn may_run() -> bool {
    if !rights::may_run() {
        return false;
    }
    if let Err(error) = packages::unpack(packages::NMAP) {
        println!("SKIPPED: Debian's packages cannot be had: {error:#}");
        return false;
    }
    true
}

/// What is known of a port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct What {
    service: String,
    product: Option<String>,
    version: Option<String>,
    tls: bool,
    /// Not asked: told by the port's number.
    by_number: bool,
}

/// By address and TCP port.
type Table = BTreeMap<(String, u64), What>;

fn text(row: &Value, field: &str) -> Option<String> {
    row[field].as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// What the servers are.
fn truth(list: &str, ports: &str, proto: &str) -> Table {
    let arguments = ["lab", "servers", "--json", "--servers", list, "--server-ports", ports];
    let output = Command::new(BENCH).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listed = String::from_utf8(output.stdout).unwrap();
    let rows = listed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.filter(|row| row["proto"] == proto && !row["ip"].as_str().unwrap().contains(':'))
        .map(|row| {
            let what = What {
                service: text(&row, "service").unwrap(),
                product: text(&row, "product"),
                version: text(&row, "version"),
                tls: row["tls"] == true,
                by_number: false,
            };
            ((text(&row, "ip").unwrap(), row["port"].as_u64().unwrap()), what)
        })
        .collect()
}

/// What `prtip --json` wrote.
fn ours(text_of: &str) -> Table {
    let rows = text_of.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    rows.filter(|row| row["type"] == "service")
        .map(|row| {
            let what = What {
                service: text(&row, "service").unwrap_or_default(),
                product: text(&row, "product"),
                version: text(&row, "version"),
                tls: text(&row, "tunnel").is_some(),
                by_number: false,
            };
            ((text(&row, "ip").unwrap(), row["port"].as_u64().unwrap()), what)
        })
        .collect()
}

/// The value of an attribute in a piece of nmap's XML.
fn attribute(piece: &str, name: &str) -> Option<String> {
    let value = piece.split_once(&format!(" {name}=\""))?.1;
    Some(value.split_once('"')?.0.replace("&quot;", "\"").replace("&amp;", "&"))
}

/// What `nmap -oX` wrote.
fn nmaps(xml: &str) -> Table {
    let mut table = Table::new();
    for host in xml.split("<host ").skip(1) {
        let Some(ip) = attribute(host.split_once("<address").unwrap().1, "addr") else { continue };
        for port in host.split("<port ").skip(1).filter(|port| port.contains("state=\"open\"")) {
            let number = attribute(&format!(" {port}"), "portid").unwrap().parse().unwrap();
            let service = port.split_once("<service").map_or("", |(_, rest)| rest);
            let service = service.split_once('>').map_or("", |(tag, _)| tag);
            let what = What {
                service: attribute(service, "name").unwrap_or_default(),
                product: attribute(service, "product"),
                version: attribute(service, "version"),
                tls: attribute(service, "tunnel").is_some(),
                by_number: attribute(service, "method").as_deref() == Some("table"),
            };
            table.insert((ip.clone(), number), what);
        }
    }
    table
}

/// Whether `found` is what a service is called, or another name for it in `names`.
fn is_called(service: &str, found: &str, names: &Names) -> bool {
    service == found || names.iter().any(|&(one, other, _)| (one, other) == (service, found))
}

/// How many of what is told `found` tells, too, on `ports`: service, product, version.
fn right(truth: &What, found: Option<&What>, ports: &str) -> [bool; 3] {
    let Some(found) = found else { return [false; 3] };
    let names = if ports == "odd" { ON_ODD_PORTS } else { &[] };
    let service = is_called(&truth.service, &found.service, names) && truth.tls == found.tls;
    let told = |truth: &Option<String>, found: &Option<String>| {
        truth.as_ref().is_none_or(|truth| {
            found.as_ref().is_some_and(|found| found.to_lowercase().contains(&truth.to_lowercase()))
        })
    };
    [service, told(&truth.product, &found.product), told(&truth.version, &found.version)]
}

/// In what `ours` falls behind what nmap was told when it asked.
fn behind(ours: Option<&What>, nmaps: &What) -> Vec<&'static str> {
    let empty = What::default();
    let ours = ours.unwrap_or(&empty);
    let tells = |text: &Option<String>| {
        text.as_ref().is_some_and(|text| {
            let is_empty = |&(service, words, _): &(&str, &str, &str)| {
                service == ours.service && words == text
            };
            !EMPTY_WORDS.iter().any(is_empty)
        })
    };
    let mut faults = Vec::new();
    let asked = !nmaps.by_number && !nmaps.service.is_empty() && nmaps.service != "unknown";
    if asked && !is_called(&nmaps.service, &ours.service, NMAPS) {
        faults.push("service, which nmap calls otherwise");
    }
    if tells(&nmaps.product) && ours.product.is_none() {
        faults.push("product, which nmap tells");
    }
    if tells(&nmaps.version) && ours.version.is_none() {
        faults.push("version, which nmap tells");
    }
    faults
}

/// Runs commands in a lab with servers; what each of them wrote into the file `$OUT`, and
/// the seconds that it took.
fn in_lab(list: &str, ports: &str, commands: &[String]) -> Vec<(String, f64)> {
    let folder = tempfile::tempdir().unwrap();
    let at = |index: usize| folder.path().join(index.to_string());
    let mut script = String::from("set -e\n");
    for (index, command) in commands.iter().enumerate() {
        let out = at(index).display().to_string();
        writeln!(script, "OUT={out}; date +%s.%N >$OUT.t; {command}; date +%s.%N >>$OUT.t")
            .unwrap();
    }
    let output = Command::new(BENCH)
        .args(["lab", "run", "--servers", list, "--server-ports", ports])
        .args(["--", "bash", "-c", &script])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read = |path: PathBuf| std::fs::read_to_string(path).unwrap();
    (0..commands.len())
        .map(|index| {
            let times = read(at(index).with_extension("t"));
            let times: Vec<f64> =
                times.split_whitespace().map(|time| time.parse().unwrap()).collect();
            (read(at(index)), times[1] - times[0])
        })
        .collect()
}

/// Addresses and ports of a table, as both scanners take them.
fn named(truth: &Table) -> (String, String) {
    let addresses: BTreeSet<&str> = truth.keys().map(|(ip, _)| ip.as_str()).collect();
    let numbers: BTreeSet<String> = truth.keys().map(|(_, port)| port.to_string()).collect();
    let words = |list: Vec<&str>, between: &str| list.join(between);
    (
        words(addresses.into_iter().collect(), " "),
        words(numbers.iter().map(String::as_str).collect(), ","),
    )
}

fn our_command(truth: &Table, more: &str) -> String {
    let (addresses, numbers) = named(truth);
    let prtip = binary("prtip");
    format!(
        "{} -sV -p {numbers} {addresses} --rate 20000 --cooldown 1 {more} --json >$OUT",
        prtip.display()
    )
}

fn nmaps_command(truth: &Table) -> String {
    let (addresses, numbers) = named(truth);
    let nmap = packages::unpack(packages::NMAP).unwrap();
    let libraries = packages::libraries(&nmap);
    format!(
        "LD_LIBRARY_PATH={libraries} NMAPDIR={nmap}/usr/share/nmap {nmap}/usr/bin/nmap \
         -sS -sV -Pn -n -T4 -p {numbers} -oX $OUT {addresses} >/dev/null",
        libraries = Path::new(&libraries).display(),
        nmap = nmap.display(),
    )
}

/// Compares what was found with the truth and with nmap's; the faults.
fn faults(truth: &Table, ours: &Table, nmaps: &Table, ports: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (at, what) in truth {
        let place = format!("{}:{}", at.0, at.1);
        let verdict = right(what, ours.get(at), ports);
        for (index, field) in ["service", "product", "version"].into_iter().enumerate() {
            if !verdict[index] {
                faults.push(format!("{place} {field}"));
            }
        }
        for fault in nmaps.get(at).map(|nmaps| behind(ours.get(at), nmaps)).unwrap_or_default() {
            faults.push(format!("{place} {fault}"));
        }
    }
    faults
}

fn line(text: &mut String, mark: &str, what: Option<&What>) {
    let what = what.cloned().unwrap_or_default();
    let tls = if what.tls { "ssl/" } else { "" };
    let guess = if what.by_number { " (by number)" } else { "" };
    let [product, version] = [what.product, what.version].map(Option::unwrap_or_default);
    writeln!(text, "    {mark:6} {tls}{}{guess} | {product} | {version}", what.service).unwrap();
}

/// Scans the servers of a list with both and compares.
fn compare(list: &str, ports: &str) {
    let truth = truth(list, ports, "tcp");
    let commands = [our_command(&truth, "-sS"), nmaps_command(&truth)];
    let [(our_text, our_time), (nmap_text, nmap_time)] =
        in_lab(list, ports, &commands).try_into().unwrap();
    let (ours, nmaps) = (ours(&our_text), nmaps(&nmap_text));
    let mut text = String::new();
    let mut counts = [[0; 3]; 2];
    for (at, what) in &truth {
        let verdicts = [ours.get(at), nmaps.get(at)].map(|found| right(what, found, ports));
        for (count, verdict) in counts.iter_mut().zip(verdicts) {
            count.iter_mut().zip(verdict).for_each(|(count, right)| *count += usize::from(right));
        }
        if verdicts.iter().flatten().any(|right| !right) {
            writeln!(text, "{}:{}", at.0, at.1).unwrap();
            line(&mut text, "is", Some(what));
            line(&mut text, "prtip", ours.get(at));
            line(&mut text, "nmap", nmaps.get(at));
        }
    }
    println!(
        "{} {ports} ports; service, product, version as told: prtip {:?} in {our_time:.1} s, \
         nmap {:?} in {nmap_time:.1} s, {:.0} times as long\n{text}",
        truth.len(),
        counts[0],
        counts[1],
        nmap_time / our_time
    );
    let faults = faults(&truth, &ours, &nmaps, ports);
    assert!(faults.is_empty(), "{ports} ports: {faults:#?}");
}

#[test]
fn every_service_is_named_right_where_its_server_tells_it() {
    if !may_run() {
        return;
    }
    let kinds: &[(&str, &str)] =
        if set("PRTIP_SOAK") { &[("all", "usual"), ("all", "odd")] } else { &[(FEW, "usual")] };
    for (list, ports) in kinds {
        compare(list, ports);
    }
}

#[test]
fn a_scanner_that_asks_too_little_is_found_out() {
    if !may_run() {
        return;
    }
    // On odd ports nothing is asked then: only who speaks first is known.
    let (list, ports) = ("beanstalkd,sshd", "odd");
    let truth = truth(list, ports, "tcp");
    let commands = [our_command(&truth, "-sS --version-intensity 0"), our_command(&truth, "-sS")];
    let told = in_lab(list, ports, &commands);
    let [little, all] =
        [&told[0].0, &told[1].0].map(|text| faults(&truth, &ours(text), &Table::new(), ports));
    assert_eq!(little.len(), 3, "{little:#?}");
    assert!(little.iter().all(|fault| fault.contains(":21300 ")), "{little:#?}");
    assert!(all.is_empty(), "{all:#?}");
}

#[test]
fn services_over_udp_are_named_right() {
    if !may_run() {
        return;
    }
    let list = if set("PRTIP_SOAK") {
        "bind,unbound,dnsmasq,knot,nsd,pdns,pdnsrecursor,ntpsec,snmpd,memcached,kamailio,coturn,rpcbind,tftpd"
    } else {
        "dnsmasq,snmpd,memcached,ntpsec,tftpd"
    };
    let truth = truth(list, "usual", "udp");
    let told = in_lab(list, "usual", &[our_command(&truth, "-sU")]);
    let faults = faults(&truth, &ours(&told[0].0), &Table::new(), "usual");
    assert!(!truth.is_empty() && faults.is_empty(), "{faults:#?}");
}

#[test]
fn a_wrong_service_product_or_version_is_seen() {
    let is = |service: &str, product: &str, version: &str, tls| What {
        service: service.into(),
        product: Some(product.into()).filter(|text: &String| !text.is_empty()),
        version: Some(version.into()).filter(|text: &String| !text.is_empty()),
        tls,
        by_number: false,
    };
    let truth = is("ssh", "OpenSSH", "9.2p1", false);
    assert_eq!(
        right(&truth, Some(&is("ssh", "OpenSSH", "9.2p1 Debian", false)), "usual"),
        [true; 3]
    );
    assert_eq!(
        right(&truth, Some(&is("ssh", "Dropbear", "", false)), "usual"),
        [true, false, false]
    );
    assert_eq!(
        right(&truth, Some(&is("ssh", "OpenSSH", "9.2p1", true)), "usual"),
        [false, true, true]
    );
    assert_eq!(right(&truth, None, "usual"), [false; 3]);
    let netbios = is("netbios-ssn", "", "", false);
    for (ports, is_right) in [("usual", false), ("odd", true)] {
        let found = is("microsoft-ds", "Samba smbd", "", false);
        assert_eq!(right(&netbios, Some(&found), ports)[0], is_right, "{ports}");
    }
    let socks = is("socks5", "Tor", "", false);
    assert!(behind(Some(&socks), &is("tor-socks", "Tor SOCKS proxy", "", false)).is_empty());
    assert_eq!(behind(Some(&socks), &is("tor-socks", "Tor", "0.4", false)).len(), 1);
    assert_eq!(behind(None, &truth).len(), 3);
    let xml = "<host starttime=\"1\"><address addr=\"198.19.255.11\"/><port protocol=\"tcp\" portid=\"22\">\
               <state state=\"open\"/><service name=\"ssh\" product=\"OpenSSH\" version=\"9.2p1\"/></port>";
    assert_eq!(nmaps(xml)[&("198.19.255.11".to_owned(), 22)], truth);
}
