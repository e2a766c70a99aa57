//! `prtip -sV` against real servers, beside Debian's `nmap -sV` on the same ports.
//!
//! What `lab servers` says of them is the truth: what they are, and what an answer of
//! theirs tells. Ours must name every service, every product and version that is told,
//! and be right wherever nmap is. A few servers in `make test`, all of them, also on odd
//! ports, with `PRTIP_SOAK=1`. No time is asserted, but both are printed.
//!
//! Needs root and Debian's packages; says SKIPPED otherwise and, without root, fails
//! where `CI` is set.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use prtip_bench::lab::packages;
use serde_json::Value;

const BENCH: &str = env!("CARGO_BIN_EXE_prtip-bench");
/// Light ones, of different families.
const FEW: &str = "nginx,sshd,redis,vsftpd,exim,memcached,beanstalkd,dnsmasq";

fn set(name: &str) -> bool {
    std::env::var(name).is_ok_and(|value| !["", "0", "false"].contains(&value.as_str()))
}

/// Whether a run is possible here.
fn may_run() -> bool {
    if !rustix::process::geteuid().is_root() {
        assert!(!set("CI"), "this test is required and needs root");
        println!("SKIPPED: network namespaces need root");
        return false;
    }
    if let Err(error) = packages::unpack(&["nmap", "nmap-common"]) {
        println!("SKIPPED: Debian's packages cannot be had: {error:#}");
        return false;
    }
    true
}

/// The scanner that is judged: the release binary, as in the other tests of scans.
fn prtip() -> PathBuf {
    let folder = std::env::var_os("PRTIP_BIN_DIR").map_or_else(
        || std::env::current_exe().unwrap().ancestors().nth(3).unwrap().join("release"),
        PathBuf::from,
    );
    let path = folder.join("prtip");
    assert!(path.is_file(), "{} is missing: run `make build`", path.display());
    path
}

/// What is known of a port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct What {
    service: String,
    product: Option<String>,
    version: Option<String>,
    tls: bool,
}

/// By address and TCP port.
type Table = BTreeMap<(String, u64), What>;

fn text(row: &Value, field: &str) -> Option<String> {
    row[field].as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// What the servers are.
fn truth(list: &str, ports: &str) -> Table {
    let arguments = ["lab", "servers", "--json", "--servers", list, "--server-ports", ports];
    let output = Command::new(BENCH).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listed = String::from_utf8(output.stdout).unwrap();
    let rows = listed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.filter(|row| row["proto"] == "tcp" && !row["ip"].as_str().unwrap().contains(':'))
        .map(|row| {
            let what = What {
                service: text(&row, "service").unwrap(),
                product: text(&row, "product"),
                version: text(&row, "version"),
                tls: row["tls"] == true,
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
            };
            table.insert((ip.clone(), number), what);
        }
    }
    table
}

/// Whether two names mean one service.
fn same_service(a: &str, b: &str) -> bool {
    // nmap has other names for these.
    const ALIKE: [&[&str]; 9] = [
        &["microsoft-ds", "netbios-ssn", "smb"],
        &["socks5", "socks", "tor-socks"],
        &["memcached", "memcache"],
        &["nats", "nats-io"],
        &["stun", "turn"],
        &["mysql", "mariadb"],
        &["xmpp", "xmpp-client", "xmpp-server", "jabber"],
        &["http", "http-proxy", "ipp"],
        &["rpcbind", "portmapper"],
    ];
    a == b || ALIKE.iter().any(|names| names.contains(&a) && names.contains(&b))
}

/// How many of what is told `found` tells, too: service, product, version.
fn right(truth: &What, found: Option<&What>) -> [bool; 3] {
    let Some(found) = found else { return [false; 3] };
    let service = same_service(&truth.service, &found.service) && truth.tls == found.tls;
    let told = |truth: &Option<String>, found: &Option<String>| {
        truth.as_ref().is_none_or(|truth| {
            found.as_ref().is_some_and(|found| found.to_lowercase().contains(&truth.to_lowercase()))
        })
    };
    [service, told(&truth.product, &found.product), told(&truth.version, &found.version)]
}

/// Both scanners' tables, and the seconds that each took.
fn scans(list: &str, ports: &str, truth: &Table) -> ([Table; 2], [f64; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let addresses: BTreeSet<&str> = truth.keys().map(|(ip, _)| ip.as_str()).collect();
    let numbers: BTreeSet<String> = truth.keys().map(|(_, port)| port.to_string()).collect();
    let addresses = addresses.into_iter().collect::<Vec<_>>().join(" ");
    let numbers = numbers.into_iter().collect::<Vec<_>>().join(",");
    let nmap = packages::unpack(&["nmap", "nmap-common"]).unwrap();
    let libraries = packages::libraries(&nmap);
    let script = format!(
        "set -e\nnow() {{ date +%s.%N; }}\nt0=$(now)\n\
         {prtip} -sS -sV -p {numbers} {addresses} --rate 20000 --cooldown 1 --json >{ours}\n\
         t1=$(now)\n\
         LD_LIBRARY_PATH={libraries} NMAPDIR={nmap}/usr/share/nmap {nmap}/usr/bin/nmap \
         -sS -sV -Pn -n -T4 -p {numbers} -oX {theirs} {addresses} >/dev/null\n\
         t2=$(now)\necho $t0 $t1 $t2 >{times}\n",
        prtip = prtip().display(),
        ours = at("ours").display(),
        libraries = Path::new(&libraries).display(),
        nmap = nmap.display(),
        theirs = at("theirs").display(),
        times = at("times").display(),
    );
    let output = Command::new(BENCH)
        .args([
            "lab",
            "run",
            "--servers",
            list,
            "--server-ports",
            ports,
            "--",
            "bash",
            "-c",
            &script,
        ])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read = |name: &str| std::fs::read_to_string(at(name)).unwrap();
    let times: Vec<f64> = read("times").split_whitespace().map(|t| t.parse().unwrap()).collect();
    ([ours(&read("ours")), nmaps(&read("theirs"))], [times[1] - times[0], times[2] - times[1]])
}

fn line(text: &mut String, mark: &str, what: Option<&What>) {
    let what = what.cloned().unwrap_or_default();
    let tls = if what.tls { "ssl/" } else { "" };
    let [product, version] = [what.product, what.version].map(Option::unwrap_or_default);
    writeln!(text, "    {mark:6} {tls}{} | {product} | {version}", what.service).unwrap();
}

/// Scans the servers of a list and compares; the faults.
fn compare(list: &str, ports: &str) -> Vec<String> {
    let truth = truth(list, ports);
    let ([ours, nmaps], [our_time, nmap_time]) = scans(list, ports, &truth);
    let (mut text, mut faults) = (String::new(), Vec::new());
    let mut counts = [[0; 3]; 2];
    for (at, what) in &truth {
        let verdicts = [ours.get(at), nmaps.get(at)].map(|found| right(what, found));
        for (count, verdict) in counts.iter_mut().zip(verdicts) {
            count.iter_mut().zip(verdict).for_each(|(count, right)| *count += usize::from(right));
        }
        if verdicts.iter().flatten().any(|right| !right) {
            writeln!(text, "{}:{}", at.0, at.1).unwrap();
            line(&mut text, "is", Some(what));
            line(&mut text, "prtip", ours.get(at));
            line(&mut text, "nmap", nmaps.get(at));
        }
        for (index, field) in ["service", "product", "version"].into_iter().enumerate() {
            if !verdicts[0][index] {
                let than_nmap = if verdicts[1][index] { ", which nmap tells" } else { "" };
                faults.push(format!("{}:{} {field}{than_nmap}", at.0, at.1));
            }
        }
    }
    println!(
        "{ports} ports, {} of them; service, product, version right: prtip {:?} in {our_time:.1} s, \
         nmap {:?} in {nmap_time:.1} s\n{text}",
        truth.len(),
        counts[0],
        counts[1]
    );
    faults
}

#[test]
fn every_service_is_named_right_where_its_server_tells_it() {
    if !may_run() {
        return;
    }
    let kinds: &[(&str, &str)] =
        if set("PRTIP_SOAK") { &[("all", "usual"), ("all", "odd")] } else { &[(FEW, "usual")] };
    for (list, ports) in kinds {
        let faults = compare(list, ports);
        assert!(faults.is_empty(), "{ports} ports: {faults:#?}");
    }
}

#[test]
fn a_wrong_service_product_or_version_is_seen() {
    let is = |service: &str, product: &str, version: &str, tls| What {
        service: service.into(),
        product: Some(product.into()).filter(|text: &String| !text.is_empty()),
        version: Some(version.into()).filter(|text: &String| !text.is_empty()),
        tls,
    };
    let truth = is("ssh", "OpenSSH", "9.2p1", false);
    assert_eq!(right(&truth, Some(&is("ssh", "OpenSSH", "9.2p1 Debian", false))), [true; 3]);
    assert_eq!(right(&truth, Some(&is("ssh", "Dropbear", "", false))), [true, false, false]);
    assert_eq!(right(&truth, Some(&is("ssh", "OpenSSH", "9.2p1", true))), [false, true, true]);
    assert_eq!(right(&truth, None), [false; 3]);
    let xml = "<host starttime=\"1\"><address addr=\"198.19.255.11\"/><port protocol=\"tcp\" portid=\"22\">\
               <state state=\"open\"/><service name=\"ssh\" product=\"OpenSSH\" version=\"9.2p1\"/></port>";
    assert_eq!(nmaps(xml)[&("198.19.255.11".to_owned(), 22)], truth);
}
