//! The table of docs/udp-payloads.md says what the code does, row by row.

#![allow(clippy::unwrap_used)]

use prtip_engine::udp::{Payload, Payloads};

const HEAD: [&str; 2] = [
    "| ports | protocol | specification | sent | bytes | checked | bits | from |",
    "|---|---|---|---|--:|---|--:|---|",
];

/// `6881–6889`, `500, 4500`.
fn ports(payload: &Payload) -> String {
    let mut runs: Vec<(u16, u16)> = Vec::new();
    for &port in payload.ports {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == port => *last = port,
            _ => runs.push((port, port)),
        }
    }
    let text = |&(first, last): &(u16, u16)| match last - first {
        0 => first.to_string(),
        1 => format!("{first}, {last}"),
        _ => format!("{first}–{last}"),
    };
    let texts: Vec<String> = runs.iter().map(text).collect();
    if texts.is_empty() { "others".to_owned() } else { texts.join(", ") }
}

fn row(payload: &Payload, carries_contact: bool) -> String {
    let or = |text: &str, other: &str| if text.is_empty() { other.to_owned() } else { text.into() };
    format!(
        "| {} | {}{} | {} | {} | {} | {} | {} | {} |",
        ports(payload),
        payload.protocol,
        if carries_contact { " ✉" } else { "" },
        payload.source,
        payload.sends,
        payload.len(),
        or(payload.repeats, "–"),
        payload.transaction_bits(),
        if payload.answers_from_any_port() { "any" } else { "port" },
    )
}

#[test]
fn every_row_of_the_documentation_is_what_the_code_sends() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/udp-payloads.md");
    let documented = std::fs::read_to_string(path).unwrap();
    let written: Vec<&str> = documented.lines().filter(|line| line.starts_with('|')).collect();
    let with_contact = Payloads::new(Some("scan@example.org")).unwrap();
    let plain = Payloads::new(None).unwrap();
    let rows = plain.iter().zip(with_contact.iter());
    let rows = rows.map(|(payload, other)| row(payload, other.carries_contact()));
    let expected: Vec<String> = HEAD.map(str::to_owned).into_iter().chain(rows).collect();
    assert_eq!(written, expected, "the table should be:\n{}\n", expected.join("\n"));
}
