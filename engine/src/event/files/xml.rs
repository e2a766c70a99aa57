//! nmap's XML (`-oX`), valid against its DTD and read by the programs that read nmap's.
//!
//! The DTD lets `scanner` be `nmap` alone; our own name is in `args` and `version`.
//! Times are UTC. What nmap has no word for (revisions, the ledger) is left to the log.

use std::io::{self, Write};

use super::about::About;
use super::hosts::{Host, nmap_reason};
use super::services::Services;
use super::told::Told;
use super::{Outcome, calendar};
use crate::event::PortState;
use crate::event::text::XmlAttribute;
use crate::plan::{PortSet, ProbeKind, Protocol};

/// What goes before the first host.
pub(super) fn head(about: &About, out: &mut dyn Write) -> io::Result<()> {
    let started_s = about.started_unix_us / 1_000_000;
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE nmaprun>")?;
    writeln!(
        out,
        "<nmaprun scanner=\"nmap\" args=\"{}\" start=\"{started_s}\" startstr=\"{}\" \
         version=\"prtip {}\" xmloutputversion=\"1.05\">",
        XmlAttribute(about.command_line().as_bytes()),
        calendar(started_s),
        XmlAttribute(about.version.as_bytes()),
    )?;
    let tcp = if about.items.tcp_kind() == ProbeKind::Ack { "ack" } else { "syn" };
    for (kind, protocol, ports) in
        [(tcp, "tcp", about.items.tcp()), ("udp", "udp", about.items.udp())]
    {
        if !ports.is_empty() {
            writeln!(
                out,
                "<scaninfo type=\"{kind}\" protocol=\"{protocol}\" numservices=\"{}\" services=\"{}\"/>",
                ports.len(),
                spans(ports)
            )?;
        }
    }
    writeln!(out, "<verbose level=\"0\"/>\n<debugging level=\"0\"/>")
}

/// One host.
pub(super) fn host(host: &Host<'_>, services: &Services, out: &mut dyn Write) -> io::Result<()> {
    let (first_s, last_s) = (host.found_us.0 / 1_000_000, host.found_us.1 / 1_000_000);
    write!(out, "<host starttime=\"{first_s}\" endtime=\"{last_s}\">")?;
    let (reason, ttl) = match (host.answer, host.up) {
        (Some((reason, ttl)), _) => (nmap_reason(reason, host.addr), ttl),
        (None, true) => ("user-set".to_owned(), 0),
        (None, false) => ("no-response".to_owned(), 0),
    };
    writeln!(
        out,
        "<status state=\"{}\" reason=\"{reason}\" reason_ttl=\"{ttl}\"/>",
        if host.up { "up" } else { "down" },
    )?;
    let family = if host.addr.is_ipv4() { "ipv4" } else { "ipv6" };
    writeln!(out, "<address addr=\"{}\" addrtype=\"{family}\"/>", host.addr)?;
    writeln!(out, "<hostnames>")?;
    for name in host.names {
        writeln!(out, "<hostname name=\"{}\" type=\"user\"/>", XmlAttribute(name.as_bytes()))?;
    }
    writeln!(out, "</hostnames>")?;
    if !host.ports.is_empty() || !host.hidden.is_empty() {
        write_ports(host, services, out)?;
    }
    if let Some(told) = services.system(host.addr) {
        out.write_all(told.xml.as_bytes())?;
    }
    if let Some(rtt_us) = host.rtt_us {
        // One measurement: its variation is taken for as large, and the usual timeout follows.
        writeln!(
            out,
            "<times srtt=\"{rtt_us}\" rttvar=\"{rtt_us}\" to=\"{}\"/>",
            rtt_us.saturating_mul(5).max(100_000)
        )?;
    }
    writeln!(out, "</host>")
}

fn write_ports(host: &Host<'_>, services: &Services, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "<ports>")?;
    let mut states: Vec<PortState> = Vec::new();
    for &(state, ..) in &host.hidden {
        if !states.contains(&state) {
            states.push(state);
        }
    }
    for state in states {
        let parts = host.hidden.iter().filter(|(hidden, ..)| *hidden == state);
        let count: u64 = parts.clone().map(|&(.., count)| count).sum();
        writeln!(out, "<extraports state=\"{state}\" count=\"{count}\">")?;
        for &(_, protocol, reason, count) in parts {
            writeln!(
                out,
                "<extrareasons reason=\"{}\" count=\"{count}\" proto=\"{}\"/>",
                nmap_reason(reason, host.addr),
                protocol.name()
            )?;
        }
        writeln!(out, "</extraports>")?;
    }
    for port in &host.ports {
        // Ports have one of two protocols here: those of hosts are not listed.
        let protocol = if port.protocol == Protocol::Udp { "udp" } else { "tcp" };
        write!(
            out,
            "<port protocol=\"{protocol}\" portid=\"{}\"><state state=\"{}\" reason=\"{}\" reason_ttl=\"{}\"/>",
            port.port,
            port.state,
            nmap_reason(port.reason, host.addr),
            port.ttl
        )?;
        if let Some(told) = services.told(port) {
            write_service(&told, services.name(port.protocol, port.port), out)?;
        } else if let Some(name) = services.name(port.protocol, port.port) {
            let name = XmlAttribute(name.as_bytes());
            write!(out, "<service name=\"{name}\" method=\"table\" conf=\"3\"/>")?;
        }
        writeln!(out, "</port>")?;
    }
    writeln!(out, "</ports>")
}

/// What a port told of its service; `table` is what its number says.
fn write_service(told: &Told, table: Option<&str>, out: &mut dyn Write) -> io::Result<()> {
    let Some(name) = told.service.as_deref().or(table) else { return Ok(()) };
    write!(out, "<service name=\"{}\"", XmlAttribute(name.as_bytes()))?;
    for (attribute, text) in [
        ("product", &told.product),
        ("version", &told.version),
        ("extrainfo", &told.extra),
        ("hostname", &told.hostname),
        ("ostype", &told.os),
        ("devicetype", &told.device),
    ] {
        if let Some(text) = text {
            write!(out, " {attribute}=\"{}\"", XmlAttribute(text.as_bytes()))?;
        }
    }
    if told.tunnel.is_some() {
        write!(out, " tunnel=\"ssl\"")?;
    }
    match told.service {
        Some(_) => write!(out, " method=\"probed\" conf=\"{}\">", told.confidence)?,
        None => write!(out, " method=\"table\" conf=\"3\">")?,
    }
    for cpe in &told.cpe {
        write!(out, "<cpe>{}</cpe>", XmlAttribute(cpe.as_bytes()))?;
    }
    write!(out, "</service>")
}

/// What goes after the last host.
pub(super) fn foot(about: &About, outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let ended_s = outcome.ended_unix_us / 1_000_000;
    let exit = if outcome.stopped { "error" } else { "success" };
    let why = if outcome.stopped { " errormsg=\"stopped before the end\"" } else { "" };
    writeln!(
        out,
        "<runstats><finished time=\"{ended_s}\" timestr=\"{}\" summary=\"{}\" elapsed=\"{:.2}\" exit=\"{exit}\"{why}/>\
         <hosts up=\"{}\" down=\"{}\" total=\"{}\"/>\n</runstats>\n</nmaprun>",
        calendar(ended_s),
        XmlAttribute(outcome.summary(about).as_bytes()),
        outcome.elapsed_s,
        outcome.hosts_up,
        about.addresses.saturating_sub(outcome.hosts_up),
        about.addresses,
    )
}

/// `22,80,8000-8100`.
fn spans(ports: &PortSet) -> String {
    let mut text = String::new();
    let mut rest = ports.as_slice();
    while let Some(&first) = rest.first() {
        let run =
            rest.iter().zip(first..=u16::MAX).take_while(|(port, next)| *port == next).count();
        let comma = if text.is_empty() { "" } else { "," };
        text += &match run {
            1 => format!("{comma}{first}"),
            _ => format!("{comma}{first}-{}", rest[run - 1]),
        };
        rest = &rest[run..];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_lists_are_written_as_nmap_does() {
        let spans = |ports: &[u16]| spans(&PortSet::new(ports.iter().copied()));
        assert_eq!(spans(&[22, 80, 81, 82, 443, 65534, 65535]), "22,80-82,443,65534-65535");
        assert_eq!(spans(&[1]), "1");
    }
}
