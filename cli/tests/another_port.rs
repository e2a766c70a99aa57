//! `-sU -sV` of servers that answer from another port than the one that was asked, as TFTP
//! does: they are named, and who answers from another address is not believed.
#![allow(clippy::unwrap_used)]

mod namespace;

use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::thread;

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;

use namespace::in_a_namespace;

/// What tftpd-hpa says of a file that is not there.
const ERROR: &[u8] = b"\0\x05\0\x01File not found\0";

#[test]
fn an_answer_from_another_port_is_taken_and_one_from_another_address_is_not() {
    in_a_namespace("another_port");
}

/// A TFTP server on port 69 of `address`. The scan's own question it answers from there, that
/// about the service from a new port of `from`.
fn serve(address: &str, from: &'static str) {
    let server = UdpSocket::bind((address, 69)).unwrap();
    thread::spawn(move || {
        let mut words = [0; 512];
        while let Ok((len, client)) = server.recv_from(&mut words) {
            let of_the_service = words[..len].windows(10).any(|part| part == b"prtip-none");
            let sent = match of_the_service {
                true => UdpSocket::bind((from, 0)).unwrap().send_to(ERROR, client),
                false => server.send_to(ERROR, client),
            };
            sent.unwrap();
        }
    });
}

mod inside {
    use super::*;

    #[test]
    #[ignore = "run by the test of the same name, in a namespace"]
    fn another_port() {
        serve("127.0.0.1", "127.0.0.1");
        serve("127.0.0.2", "127.0.0.9");
        let line = "-sU -sV --version-intensity 0 -p 69 127.0.0.1 127.0.0.2 --cooldown 1 --json";
        let output = Command::new(cargo_bin("prtip"))
            .args(line.split_whitespace())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let records = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut told: Vec<(String, Value)> = records
            .filter(|record| record["type"] == "service")
            .map(|record| (record["ip"].as_str().unwrap().to_owned(), record["service"].clone()))
            .collect();
        told.sort_by(|one, other| one.0.cmp(&other.0));
        let expected = [("127.0.0.1", Value::from("tftp")), ("127.0.0.2", Value::Null)];
        assert_eq!(told, expected.map(|(ip, service)| (ip.to_owned(), service)), "{text}");
    }
}
