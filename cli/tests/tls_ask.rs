//! `prtip tls ask` against openssl's own server on loopback, new and old, and against
//! servers that are none.
#![allow(clippy::unwrap_used)]

mod openssl;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command as Process, Stdio};
use std::thread;

use assert_cmd::Command;
use serde_json::Value;

use openssl::openssl;

struct Server {
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// openssl's server with these options, on a free port.
fn server(dir: &Path, options: &str) -> Server {
    let mut child = Process::new("openssl")
        .args(["s_server", "-accept", "127.0.0.1:0", "-naccept", "9"])
        .args(options.split_whitespace())
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let told = lines.by_ref().map(Result::unwrap).find(|line| line.starts_with("ACCEPT "));
    let port = told.unwrap().rsplit_once(':').unwrap().1.parse().unwrap();
    // What it says afterwards must have somewhere to go.
    thread::spawn(move || lines.for_each(drop));
    Server { child, port }
}

fn ask(dir: &Path, port: u16, more: &[&str]) -> (i32, String, String) {
    let output = Command::cargo_bin("prtip")
        .unwrap()
        .args(["tls", "ask", &format!("127.0.0.1:{port}"), "--timeout", "2"])
        .args(more)
        .current_dir(dir)
        .env("SSL_CERT_FILE", dir.join("rsa.pem"))
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn servers_new_and_old_show_version_cipher_and_certificates() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let made = "-nodes -days 9 -subj /CN=x.example -addext subjectAltName=IP:127.0.0.1";
    openssl(dir, &format!("req -x509 -newkey rsa:2048 -keyout rsa.key -out rsa.pem {made}"));
    openssl(
        dir,
        &format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-521 -keyout ec.key -out ec.pem {made}"
        ),
    );
    let rsa = "-cert rsa.pem -key rsa.key";
    let weak = "-cipher AES128-SHA:@SECLEVEL=0";
    for (options, version, cipher, key) in [
        (format!("{rsa} -tls1_3"), "TLSv1.3", "TLS_AES_256_GCM_SHA384", "RSA 2048"),
        (format!("{rsa} -Verify 1 -tls1_3"), "TLSv1.3", "TLS_AES_256_GCM_SHA384", "RSA 2048"),
        ("-cert ec.pem -key ec.key".into(), "TLSv1.3", "TLS_AES_256_GCM_SHA384", "EC P-521"),
        (
            format!("{rsa} -tls1_2 -Verify 1 -cipher ECDHE-RSA-AES128-GCM-SHA256"),
            "TLSv1.2",
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            "RSA 2048",
        ),
        // Without forward secrecy: rustls has no cipher for it.
        (format!("{rsa} -tls1_2 {weak}"), "TLSv1.2", "TLS_RSA_WITH_AES_128_CBC_SHA", "RSA 2048"),
        (format!("{rsa} -tls1_1 {weak}"), "TLSv1.1", "TLS_RSA_WITH_AES_128_CBC_SHA", "RSA 2048"),
        (format!("{rsa} -tls1 {weak}"), "TLSv1.0", "TLS_RSA_WITH_AES_128_CBC_SHA", "RSA 2048"),
        (
            "-nocert -tls1_2 -cipher ADH-AES128-SHA:@SECLEVEL=0".into(),
            "TLSv1.2",
            "TLS_DH_anon_WITH_AES_128_CBC_SHA",
            "",
        ),
    ] {
        let server = server(dir, &options);
        let (code, out, said) = ask(dir, server.port, &["--name", "127.0.0.1"]);
        assert_eq!((code, said.as_str()), (0, ""), "{options}");
        let record: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(record["version"], version, "{options}: {record}");
        assert_eq!(record["cipher"], cipher, "{options}: {record}");
        assert_eq!(record["port"], server.port);
        let status = match key {
            "" => "no_certificate",
            "RSA 2048" => "valid",
            _ => "self_signed",
        };
        assert_eq!(record["chain_status"], status, "{options}: {record}");
        assert_eq!(record["chain"][0]["key"].as_str().unwrap_or_default(), key, "{options}");
    }
    let server = server(dir, &format!("{rsa} -alpn h2,http/1.1"));
    let (_, out, said) = ask(dir, server.port, &["--alpn", "http/1.1,h2"]);
    let record: Value = serde_json::from_str(&out).expect(&said);
    assert!(["h2", "http/1.1"].contains(&record["alpn"].as_str().unwrap()), "{record}");
}

#[test]
fn servers_that_are_none_are_told_and_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let made = "-nodes -days 9 -subj /CN=x.example";
    openssl(
        dir,
        &format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -keyout k -out rsa.pem {made}"
        ),
    );
    // What each sends, and whether it then hangs up.
    let endless = [&[0x16, 3, 3, 0x40, 0][..], &[0xff; 1 << 14]].concat().repeat(20);
    for (words, hangs_up, expected) in [
        (&b"SSH-2.0-x\r\n"[..], true, "does not speak TLS"),
        (b"", true, "hung up"),
        (b"\x15\x03\x01\0\x02\x02\x28", true, "refuses: handshake failure"),
        (b"\x16\x03\x03\x40\0\x02", true, "hung up"),
        (b"\x16\x03\x03\x40\0\x02", false, "timed out"),
        (&endless, false, "cannot ask"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let words = words.to_vec();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut hello = [0; 2048];
                let _ = stream.read(&mut hello);
                let _ = stream.write_all(&words);
                if !hangs_up {
                    thread::spawn(move || {
                        thread::sleep(std::time::Duration::from_secs(20));
                        drop(stream);
                    });
                }
            }
        });
        let (code, out, said) = ask(dir, port, &[]);
        assert_eq!((code, out.as_str()), (1, ""), "{said}");
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let output = Command::cargo_bin("prtip").unwrap().args(["tls", "ask", "a:0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
