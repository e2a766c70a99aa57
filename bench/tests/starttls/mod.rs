//! Servers that begin in the clear and are led to TLS in their own words, and servers that
//! are too old for it: `openssl s_client -starttls` judges the version and the certificate.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use super::release::binary;
use super::{BENCH, Table, in_lab, may_run, ours, set, text, truth};

/// By address and port: the TLS version, and the SHA-256 of the first certificate.
type Shown = BTreeMap<(String, u64), (String, String)>;

/// Of `tls` records.
fn certificates(text_of: &str) -> Shown {
    let rows = text_of.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    rows.filter(|row| row["type"] == "tls")
        .map(|row| {
            let at = (text(&row, "ip").unwrap(), row["port"].as_u64().unwrap());
            let fingerprint = text(&row["chain"][0], "sha256").unwrap_or_default();
            (at, (text(&row, "version").unwrap_or_default(), fingerprint))
        })
        .collect()
}

/// Servers that begin in the clear, by port: what openssl calls their way to TLS.
const STARTTLS: &[(&str, u64, &str)] = &[
    ("exim", 25, "smtp"),
    ("dovecot", 110, "pop3"),
    ("dovecot", 143, "imap"),
    ("vsftpd", 21, "ftp"),
    ("slapd", 389, "ldap"),
    ("exim", 587, "smtp"),
    // Debian's cannot sign with its key: it breaks off in TLS 1.3, and shows us its certificate
    // in what is older.
    ("opensmtpd", 25, "smtp"),
    ("proftpd", 21, "ftp"),
    ("pureftpd", 21, "ftp"),
    ("postgresql", 5432, "postgres"),
    ("mariadb", 3306, "mysql"),
    ("prosody", 5222, "xmpp"),
    ("prosody", 5269, "xmpp-server"),
];
/// Those of them that are soon started.
const FEW_STARTTLS: usize = 5;

/// What `openssl s_client` sees there, as the lines of [`openssls`].
fn openssl_command(server: &str, port: u64, way: &str) -> String {
    let host =
        if way.starts_with("xmpp") { format!("-xmpphost {server}.lab") } else { String::new() };
    format!(
        "echo {server} {port} >>$OUT; timeout 20 openssl s_client -connect {server}.lab:{port} \
         -starttls {way} {host} </dev/null 2>/dev/null >$OUT.seen || true; \
         grep -m1 '^New, TLS' $OUT.seen >>$OUT || echo none >>$OUT; \
         openssl x509 -in $OUT.seen -noout -fingerprint -sha256 >>$OUT || echo none >>$OUT"
    )
}

fn openssls(text: &str, truth: &Table, address_of: &BTreeMap<String, String>) -> Shown {
    let lines: Vec<&str> = text.lines().collect();
    let threes = lines.as_chunks::<3>().0.iter();
    threes
        .map(|[at, version, fingerprint]| {
            let (server, port) = at.split_once(' ').unwrap();
            let at = (address_of[server].clone(), port.parse().unwrap());
            assert!(truth.contains_key(&at), "{at:?}");
            // "New, TLSv1.3, Cipher is …"; "sha256 Fingerprint=AB:CD…".
            let version = version.split(", ").nth(1).unwrap_or_default().to_owned();
            let fingerprint = fingerprint.split('=').nth(1).unwrap_or_default();
            (at, (version, fingerprint.replace(':', "").to_lowercase()))
        })
        .collect()
}

#[test]
fn starttls_shows_what_it_shows_openssl_and_servers_too_old_show_theirs() {
    if !may_run() {
        return;
    }
    let asked = &STARTTLS[..if set("PRTIP_SOAK") { STARTTLS.len() } else { FEW_STARTTLS }];
    let servers: BTreeSet<&str> = asked.iter().map(|(server, ..)| *server).collect();
    let list: Vec<&str> = servers.iter().copied().chain(["badssl"]).collect();
    let list = list.join(",");
    let truth = truth(&list, "usual", "tcp");
    let names: Vec<String> = servers.iter().map(|server| format!("{server}.lab")).collect();
    let ports: BTreeSet<String> = asked.iter().map(|(_, port, _)| port.to_string()).collect();
    let ours_at = format!(
        "{} -sS -sV -p {},1010,1011,1012 {} 198.19.255.200 --rate 5000 --cooldown 1 --json >$OUT",
        binary("prtip").display(),
        ports.into_iter().collect::<Vec<_>>().join(","),
        names.join(" "),
    );
    let openssl = asked.iter().map(|(server, port, way)| openssl_command(server, *port, way));
    let openssl = openssl.collect::<Vec<_>>().join("; ");
    let told = in_lab(&list, "usual", &[ours_at, openssl]);
    let address_of = addresses(&list);
    let (found, judge) = (certificates(&told[0].0), openssls(&told[1].0, &truth, &address_of));
    println!("{found:#?}");
    assert_eq!(judge.len(), asked.len());
    for (at, seen) in &judge {
        assert!(seen.0.starts_with("TLSv1.") && seen.1.len() == 64, "openssl: {at:?} {seen:?}");
        let ours =
            found.get(at).unwrap_or_else(|| panic!("{at:?} shows openssl {seen:?}, us nothing"));
        assert_eq!(ours.1, seen.1, "{at:?}");
        if address_of.get("opensmtpd") != Some(&at.0) {
            assert_eq!(ours.0, seen.0, "{at:?}");
        }
    }
    let old = |port| found[&("198.19.255.200".to_owned(), port)].0.as_str();
    assert_eq!([1010, 1011, 1012].map(old), ["TLSv1.0", "TLSv1.1", "TLSv1.2"]);
    assert_eq!(found.len(), asked.len() + 3, "{found:?}");
    // What was led to TLS was in the clear; what was too old is inside.
    for ((_, port), what) in &ours(&told[0].0) {
        assert_eq!(what.tls, [1010, 1011, 1012].contains(port), "{port} {what:?}");
    }
}

/// The IPv4 addresses of the servers of a list.
fn addresses(list: &str) -> BTreeMap<String, String> {
    let output =
        Command::new(BENCH).args(["lab", "servers", "--json", "--servers", list]).output().unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    let rows = listed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.filter(|row| !row["ip"].as_str().unwrap().contains(':'))
        .map(|row| (text(&row, "server").unwrap(), text(&row, "ip").unwrap()))
        .collect()
}
