//! nmap's text for people (`-oN`).

use std::io::{self, Write};

use super::about::About;
use super::hosts::{Host, nmap_reason};
use super::services::Services;
use super::told::Told;
use super::{Outcome, calendar};
use crate::event::text::Printable;

/// What goes before the first host.
pub(super) fn head(about: &About, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "# prtip {} scan initiated {} as: {}",
        Printable::new(about.version.as_bytes()),
        calendar(about.started_unix_us / 1_000_000),
        Printable::new(about.command_line().as_bytes())
    )
}

/// One host.
pub(super) fn host(host: &Host<'_>, services: &Services, out: &mut dyn Write) -> io::Result<()> {
    match host.names.first() {
        Some(name) => {
            let name = Printable::new(name.as_bytes()).without(b"()");
            writeln!(out, "Nmap scan report for {name} ({})", host.addr)?;
        }
        None => writeln!(out, "Nmap scan report for {}", host.addr)?,
    }
    match (host.up, host.answer, host.rtt_us) {
        (true, Some((reason, ttl)), Some(rtt_us)) => writeln!(
            out,
            "Host is up, received {} ttl {ttl} ({:.6}s latency).",
            nmap_reason(reason, host.addr),
            rtt_us as f64 / 1e6
        )?,
        (true, Some((reason, ttl)), None) => {
            writeln!(out, "Host is up, received {} ttl {ttl}.", nmap_reason(reason, host.addr))?;
        }
        (true, None, _) => writeln!(out, "Host is up, received user-set.")?,
        (false, ..) => writeln!(out, "Host is down.")?,
    }
    let hidden: Vec<String> = host
        .hidden
        .iter()
        .map(|&(state, protocol, reason, count)| {
            let plural = if count == 1 { "" } else { "s" };
            let (protocol, reason) = (protocol.name(), nmap_reason(reason, host.addr));
            format!("{count} {state} {protocol} port{plural} ({reason})")
        })
        .collect();
    if !hidden.is_empty() {
        writeln!(out, "Not shown: {}", hidden.join(", "))?;
    }
    if !host.ports.is_empty() {
        let asked = host.ports.iter().any(|port| port.service > 0);
        let last = if asked { "VERSION" } else { "" };
        let mut rows = vec![["PORT", "STATE", "SERVICE", "REASON", last].map(str::to_owned)];
        rows.extend(host.ports.iter().map(|port| {
            let reason = nmap_reason(port.reason, host.addr);
            let told = services.told(port);
            let table = services.name(port.protocol, port.port).unwrap_or("unknown");
            [
                format!("{}/{}", port.port, port.protocol.name()),
                port.state.to_string(),
                told.as_ref().map_or_else(|| table.to_owned(), |told| name(told, table)),
                if port.ttl > 0 { format!("{reason} ttl {}", port.ttl) } else { reason },
                told.map(|told| Printable::new(told.description().as_bytes()).to_string())
                    .unwrap_or_default(),
            ]
        }));
        let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
        let (first, second, third, fourth) = (width(0), width(1), width(2), width(3));
        for [port, state, service, reason, version] in &rows {
            let row = format!(
                "{port:<first$} {state:<second$} {service:<third$} {reason:<fourth$} {version}"
            );
            writeln!(out, "{}", row.trim_end())?;
        }
    }
    if let Some(told) = services.system(host.addr) {
        out.write_all(told.text.as_bytes())?;
    }
    writeln!(out)
}

/// `http`, `ssl/http`; with a question mark what only the port's number says.
fn name(told: &Told, table: &str) -> String {
    let tunnel = if told.tunnel.is_some() { "ssl/" } else { "" };
    match &told.service {
        Some(service) => format!("{tunnel}{}", Printable::new(service.as_bytes())),
        None => format!("{tunnel}{table}?"),
    }
}

/// What goes after the last host.
pub(super) fn foot(about: &About, outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "# {}", outcome.summary(about))
}
