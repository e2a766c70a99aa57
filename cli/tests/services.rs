//! `-sV` on 127.0.0.1 in a network namespace of its own: the servers are threads of this
//! test, and what they say is the truth.
//!
//! Every test starts this binary again inside a fresh namespace for the ignored test of the
//! same name; nothing leaves that namespace.
#![allow(clippy::unwrap_used)]

mod namespace;
mod openssl;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;

use namespace::in_a_namespace;
use openssl::openssl;

const SSH: &[u8] = b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n";
const HTTP: &[u8] = b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nConnection: close\r\n\r\nhello";

#[test]
fn what_listens_is_told_by_name_and_version() {
    in_a_namespace("told");
}

#[test]
fn hostile_servers_are_cut_and_their_words_made_harmless() {
    in_a_namespace("hostile");
}

#[test]
fn what_speaks_inside_tls_is_asked_inside() {
    in_a_namespace("inside_tls");
}

#[test]
fn files_hold_what_services_told() {
    in_a_namespace("files");
}

#[test]
fn a_stopped_scan_is_resumed_where_services_are_missing() {
    in_a_namespace("resumed");
}

#[test]
fn where_io_uring_is_refused_the_same_is_told() {
    in_a_namespace("refused");
}

/// Serves each connection of a port in a thread; returns how many there were.
fn serve(port: u16, each: impl Fn(TcpStream) + Send + Sync + 'static) -> Arc<AtomicU64> {
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let (count, each) = (Arc::new(AtomicU64::new(0)), Arc::new(each));
    let counter = Arc::clone(&count);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            counter.fetch_add(1, Ordering::Relaxed);
            let each = Arc::clone(&each);
            thread::spawn(move || each(stream));
        }
    });
    count
}

fn greet(mut stream: TcpStream) {
    let _ = stream.write_all(SSH);
    let _ = stream.read(&mut [0; 64]);
}

fn web(mut stream: TcpStream) {
    let mut request = [0; 1024];
    let read = stream.read(&mut request).unwrap_or(0);
    if request[..read].starts_with(b"GET ") {
        let _ = stream.write_all(HTTP);
    }
}

fn silent(mut stream: TcpStream) {
    while stream.read(&mut [0; 1024]).is_ok_and(|read| read > 0) {}
}

fn prtip(line: &str) -> Output {
    let mut command = Command::new(cargo_bin("prtip"));
    let output = command.args(line.split_whitespace()).stdin(Stdio::null()).output().unwrap();
    println!("prtip {line}\n{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// The `service` records by port.
fn services(lines: &[u8]) -> BTreeMap<u64, Value> {
    let mut found = BTreeMap::new();
    for line in String::from_utf8(lines.to_vec()).unwrap().lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        if record["type"] == "service" {
            let port = record["port"].as_u64().unwrap();
            assert!(found.insert(port, record).is_none(), "{port} is told twice");
        }
    }
    found
}

mod inside {
    use super::*;

    #[test]
    #[ignore = "run by the test of the same name, in a namespace"]
    fn told() {
        serve(22, greet);
        serve(2222, greet);
        serve(80, web);
        serve(4711, web);
        serve(4712, drop);
        // The words of the contract; three of its ports are closed here.
        let output = prtip("-sV -p 22,80,443,3306,5432 127.0.0.1");
        assert_eq!(output.status.code(), Some(0));
        let table = String::from_utf8(output.stdout).unwrap();
        let row = |port: &str| table.lines().find(|line| line.starts_with(port)).unwrap();
        assert!(table.contains("PORT      STATE    SERVICE VERSION"), "{table}");
        assert!(row("22/tcp").contains("open     ssh     OpenSSH 9.2p1"), "{table}");
        assert!(row("80/tcp").contains("open     http    nginx 1.22.1"), "{table}");
        assert!(table.contains("Not shown: 3 closed ports"), "{table}");

        let output = prtip("-sV -p 22,80,2222,4711,4712 127.0.0.1 --json");
        let found = services(&output.stdout);
        assert_eq!(found.len(), 5, "{found:?}");
        for (port, service, product, version, confidence) in [
            (22, "ssh", "OpenSSH", "9.2p1", 10),
            (2222, "ssh", "OpenSSH", "9.2p1", 10),
            (80, "http", "nginx", "1.22.1", 10),
            (4711, "http", "nginx", "1.22.1", 10),
        ] {
            let record = &found[&port];
            assert_eq!(record["service"], service, "{record}");
            assert_eq!(record["product"], product, "{record}");
            assert_eq!(record["version"], version, "{record}");
            assert_eq!(record["confidence"], confidence, "{record}");
            assert!(record["cpe"][0].as_str().unwrap().starts_with("cpe:/a:"), "{record}");
        }
        assert_eq!(found[&4712]["service"], "tcpwrapped");

        // -A is this and the operating system.
        let output = prtip("-A -p 22,23 127.0.0.1 --json");
        assert_eq!(services(&output.stdout)[&22]["product"], "OpenSSH");
        let lines = String::from_utf8(output.stdout).unwrap();
        let of_type = |kind: &str| lines.matches(&format!("\"type\":\"{kind}\"")).count();
        assert_eq!((of_type("service"), of_type("os")), (1, 1), "{lines}");
    }

    /// HTTP inside TLS of one version, by openssl, a thread a connection: port, version.
    const TLS_SERVER: &str = r"
import http.server, ssl, sys
class Page(http.server.BaseHTTPRequestHandler):
    timeout = 20
    def setup(self):
        self.request = tls.wrap_socket(self.request, server_side=True)
        super().setup()
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'hello')
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.set_ciphers('DEFAULT:@SECLEVEL=0')
tls.minimum_version = tls.maximum_version = ssl.TLSVersion['TLSv' + sys.argv[2].replace('.', '_')]
tls.load_cert_chain('cert', 'key')
http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Page).serve_forever()
";

    #[test]
    #[ignore = "run by the test of the same name, in a namespace"]
    fn inside_tls() {
        let folder = tempfile::tempdir().unwrap();
        openssl(
            folder.path(),
            "req -x509 -newkey ed25519 -nodes -keyout key -out cert -days 9 -subj /CN=a.example",
        );
        // 443 is known for TLS, 4711 for nothing; 4712 has no version in common with us.
        let mut servers = [(443, "1.3"), (4711, "1.2"), (4712, "1.1")].map(|(port, version)| {
            let mut server = Command::new("python3");
            server.args(["-c", TLS_SERVER, &port.to_string(), version]).current_dir(folder.path());
            server.stderr(Stdio::null()).spawn().expect("python3: scripts/install-deps.sh --test")
        });
        for port in [443, 4711, 4712] {
            while TcpStream::connect(("127.0.0.1", port)).is_err() {
                thread::sleep(Duration::from_millis(20));
            }
        }
        let table = prtip("-sV -p 443 127.0.0.1 --tls-cert-analysis");
        let table = String::from_utf8(table.stdout).unwrap();
        assert!(table.contains("\n| certificate: CN=a.example\n"), "{table}");
        assert!(table.contains("\n| chain of 1: self_signed"), "{table}");
        let output = prtip("-sV -p 443,4711,4712 127.0.0.1 --json");
        let lines = String::from_utf8(output.stdout).unwrap();
        for server in &mut servers {
            server.kill().unwrap();
            server.wait().unwrap();
        }
        let found = services(lines.as_bytes());
        for port in [443, 4711] {
            let record = &found[&port];
            assert_eq!(record["tunnel"], "tls", "{record}");
            assert_eq!(record["service"], "http", "{record}");
            assert!(record["banner_b64"].as_str().unwrap().starts_with("SFRUUC8x"), "{record}");
        }
        let records = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let shown: Vec<Value> = records.filter(|record| record["type"] == "tls").collect();
        assert_eq!(shown.len(), 2, "{shown:?}");
        for record in shown {
            assert_eq!(record["chain_status"], "self_signed", "{record}");
            assert_eq!(record["chain"][0]["subject"], "CN=a.example", "{record}");
            assert_eq!(record["chain"][0]["key"], "Ed25519", "{record}");
            let version = if record["port"] == 443 { "TLSv1.3" } else { "TLSv1.2" };
            assert_eq!(record["version"], version, "{record}");
        }
        assert_eq!(found[&4712]["service"], "ssl", "{}", found[&4712]);
    }

    #[test]
    #[ignore = "run by the test of the same name, in a namespace"]
    fn files() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        serve(22, greet);
        serve(2222, |mut stream| {
            let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.9<&\"/,\x1b\r\n");
            silent(stream);
        });
        serve(8080, silent);
        let line = format!(
            "-sV --version-intensity 0 -p 22,80,2222,8080 127.0.0.1 -oA {} --csv {}",
            at("out"),
            at("csv")
        );
        assert_eq!(prtip(&line).status.code(), Some(0));
        let read = |name: &str| std::fs::read_to_string(at(name)).unwrap();
        let (text, xml, grep, csv) =
            (read("out.nmap"), read("out.xml"), read("out.gnmap"), read("csv"));
        println!("{text}\n{xml}\n{grep}\n{csv}");
        assert!(text.contains("22/tcp   open  ssh       syn-ack ttl 64 OpenSSH 9.2p1"), "{text}");
        assert!(text.contains("8080/tcp open  http-alt?"), "{text}");
        assert!(
            xml.contains("<service name=\"ssh\" product=\"OpenSSH\" version=\"9.2p1\""),
            "{xml}"
        );
        assert!(
            xml.contains("method=\"probed\" conf=\"10\"><cpe>cpe:/a:openbsd:openssh:9.2p1</cpe>")
        );
        assert!(xml.contains("<service name=\"http-alt\" method=\"table\" conf=\"3\">"), "{xml}");
        assert!(grep.contains("22/open/tcp//ssh//OpenSSH 9.2p1 "), "{grep}");
        assert_eq!(csv.lines().count(), 4, "{csv}");
        assert!(csv.contains(",ssh,OpenSSH,9.2p1,cpe:/a:openbsd:openssh:9.2p1,"), "{csv}");
        assert!(![&text, &xml, &grep, &csv].iter().any(|file| file.contains('\x1b')));
    }

    #[test]
    #[ignore = "run by the test of the same name, in a namespace"]
    fn hostile() {
        serve(2222, |mut stream| {
            let _ = stream.write_all(b"SSH-2.0-OpenSSH_9\x1b[2J\x07\xff\r\n");
            silent(stream);
        });
        let floods = serve(4711, |mut stream| while stream.write_all(&[b'x'; 4096]).is_ok() {});
        serve(4712, |mut stream| {
            while stream.write_all(b"\x1b").is_ok() {
                thread::sleep(Duration::from_millis(5));
            }
        });
        let output = prtip("-sV --version-intensity 0 -p 2222,4711,4712 127.0.0.1");
        assert_eq!(output.status.code(), Some(0));
        assert!(!output.stdout.contains(&0x1b), "{:?}", String::from_utf8_lossy(&output.stdout));
        assert_eq!(floods.load(Ordering::Relaxed), 1, "one flood is enough");
        let output = prtip("-sV -p 4711,4712 127.0.0.1 --json --version-intensity 0");
        let found = services(&output.stdout);
        assert_eq!(found[&4711]["service"], Value::Null);
        let banner = found[&4711]["banner_b64"].as_str().unwrap();
        assert_eq!(banner.len(), 2048_usize.div_ceil(3) * 4);
    }

    #[test]
    #[ignore = "run by the test of the same name, in a namespace"]
    fn refused() {
        let folder = tempfile::tempdir().unwrap();
        openssl(
            folder.path(),
            "req -x509 -newkey ed25519 -nodes -keyout key -out cert -days 9 -subj /CN=a.example",
        );
        let mut server = Command::new("python3")
            .args(["-c", TLS_SERVER, "443", "1.3"])
            .current_dir(folder.path())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3: scripts/install-deps.sh --test");
        while TcpStream::connect(("127.0.0.1", 443)).is_err() {
            thread::sleep(Duration::from_millis(20));
        }
        serve(22, greet);
        serve(80, web);
        serve(4711, web);
        serve(4712, drop);
        serve(4713, |mut stream| while stream.write_all(&[b'x'; 4096]).is_ok() {});
        let line = "-sV -p 22,80,443,4711,4712,4713 127.0.0.1 --json";
        let scan = |command: &mut Command| {
            let output = command.args(line.split(' ')).stdin(Stdio::null()).output().unwrap();
            let words = String::from_utf8(output.stderr).unwrap();
            println!("{words}");
            assert_eq!(output.status.code(), Some(0));
            let mut found = services(&output.stdout);
            for record in found.values_mut() {
                record.as_object_mut().unwrap().remove("ts");
            }
            (words, found)
        };
        let (words, with) = scan(&mut Command::new(cargo_bin("prtip")));
        assert!(!words.contains("io_uring"), "{words}");
        let mut python = Command::new("python3");
        python.args(["-c", include_str!("without_io_uring.py")]).arg(cargo_bin("prtip"));
        let (words, without) = scan(&mut python);
        server.kill().unwrap();
        server.wait().unwrap();
        let word = "io_uring is refused here (Operation not permitted (os error 1)); \
                    services are asked over sockets";
        assert!(words.contains(word), "{words}");
        // The page inside TLS has the time in it.
        let told = |found: &BTreeMap<u64, Value>| {
            let mut found = found.clone();
            found.get_mut(&443).unwrap().as_object_mut().unwrap().remove("banner_b64");
            found
        };
        assert_eq!(told(&with), told(&without));
        assert_eq!(with.len(), 6);
        assert_eq!(without[&443]["tunnel"], "tls");
        assert_eq!(without[&4711]["product"], "nginx");
    }

    #[test]
    #[ignore = "run by the test of the same name, in a namespace"]
    fn resumed() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let asked = serve(2222, greet);
        serve(4711, silent);
        serve(4712, silent);
        let mut child = Command::new(cargo_bin("prtip"))
            .args(
                "-sV --version-intensity 0 -p 2222,4711,4712 127.0.0.1 --cooldown 1 --event-log"
                    .split(' '),
            )
            .arg(&log)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // Stopped at once, as soon as the one that speaks is in the log.
        while !std::fs::read_to_string(&log).is_ok_and(|log| log.contains("OpenSSH")) {
            assert!(child.try_wait().unwrap().is_none(), "it ended too soon");
            thread::sleep(Duration::from_millis(10));
        }
        for _ in 0..2 {
            let pid = child.id().to_string();
            assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
            thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(child.wait().unwrap().code(), Some(3));
        let before = services(&std::fs::read(&log).unwrap());
        assert_eq!(before.keys().copied().collect::<Vec<_>>(), [2222]);
        let spoken = asked.load(Ordering::Relaxed);
        let resumed = prtip(&format!("--resume {}", log.display()));
        assert_eq!(resumed.status.code(), Some(0));
        let after = services(&std::fs::read(&log).unwrap());
        assert_eq!(after.keys().copied().collect::<Vec<_>>(), [2222, 4711, 4712]);
        assert_eq!(asked.load(Ordering::Relaxed), spoken, "what is known is not asked again");
    }
}
