//! Results for people, in the shape that nmap's users read without thinking.
//!
//! For one host: a table sorted by port at the end, with the states that are not
//! shown summed up. For many hosts: aligned lines as they come, because memory
//! must not grow with the scan. Both write into a buffer; not here: where it goes.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Write};
use std::net::IpAddr;

use super::sinks::ShownStates;
use super::text::Printable;
use super::{PortEvent, PortState, Reason};
use crate::plan::{Protocol, Target};
use crate::scan::Report;
use crate::service::{Found, Identity};

/// A table on its way to standard output.
#[derive(Debug)]
pub struct Table {
    layout: Layout,
    /// Paint states; only for a terminal.
    coloured: bool,
    /// Services are asked for: their columns take the place of reasons and times.
    services: bool,
    /// What is to stand below the ports of the one host.
    os: Vec<String>,
}

/// Service and version as they stand in a table.
type Told = (String, String);

/// What is known of one host, as it came: of several events of a port the last one holds,
/// and there are no more of them than states that follow one another.
#[derive(Debug, Default)]
struct Ports(Vec<PortEvent>);

impl Ports {
    /// The event of each port that holds, in no order.
    fn last(&self) -> impl Iterator<Item = &PortEvent> {
        // A bit a port.
        let mut seen: [Vec<u64>; 3] = Default::default();
        self.0.iter().rev().filter(move |event| {
            let words = &mut seen[event.protocol as usize];
            words.resize(1024, 0);
            let (word, bit) = (&mut words[usize::from(event.port / 64)], 1 << (event.port % 64));
            let is_new = *word & bit == 0;
            *word |= bit;
            is_new
        })
    }
}

#[derive(Debug)]
enum Layout {
    OneHost {
        label: String,
        ports: Ports,
        told: BTreeMap<(Protocol, u16), Told>,
        below: BTreeMap<(Protocol, u16), Vec<String>>,
    },
    ManyHosts {
        address_width: usize,
        header_written: bool,
    },
    Hosts {
        address_width: usize,
        header_written: bool,
    },
}

impl Table {
    /// For one host; `label` is its name or address, and is escaped.
    #[must_use]
    pub fn one_host(label: &str, coloured: bool) -> Self {
        let label = label.escape_default().to_string();
        let layout = Layout::OneHost {
            label,
            ports: Ports::default(),
            told: BTreeMap::new(),
            below: BTreeMap::new(),
        };
        Self { layout, coloured, services: false, os: Vec::new() }
    }

    /// For many hosts; `ipv6` makes room for long addresses.
    #[must_use]
    pub fn many_hosts(ipv6: bool, coloured: bool) -> Self {
        let address_width = if ipv6 { 39 } else { 15 };
        let layout = Layout::ManyHosts { address_width, header_written: false };
        Self { layout, coloured, services: false, os: Vec::new() }
    }

    /// For host discovery; `ipv6` makes room for long addresses.
    #[must_use]
    pub fn hosts(ipv6: bool, coloured: bool) -> Self {
        let address_width = if ipv6 { 39 } else { 15 };
        let layout = Layout::Hosts { address_width, header_written: false };
        Self { layout, coloured, services: false, os: Vec::new() }
    }

    /// With columns for services: an open port is written when its service is known.
    #[must_use]
    pub fn with_services(mut self, services: bool) -> Self {
        self.services = services;
        self
    }

    /// Takes a result. `shown`: it is to be seen, as a line or as the correction of one.
    pub fn port(&mut self, event: &PortEvent, shown: bool, revised: bool, out: &mut String) {
        match &mut self.layout {
            // The last one holds; the others are summed up at the end.
            Layout::OneHost { ports, .. } => {
                ports.0.push(*event);
            }
            Layout::ManyHosts { .. } if self.services => {
                let waits = event.state == PortState::Open;
                if shown && !waits {
                    let target =
                        Target { addr: event.addr, port: event.port, protocol: event.protocol };
                    self.line(target, event.state, &Told::default(), out);
                }
            }
            Layout::ManyHosts { address_width, header_written } if shown => {
                let width = *address_width;
                if !std::mem::replace(header_written, true) {
                    let _ = writeln!(
                        out,
                        "{:<width$} {:<9} {:<8} {:<11} {:>3} {:>11}",
                        "ADDRESS", "PORT", "STATE", "REASON", "TTL", "RTT"
                    );
                }
                let _ = write!(out, "{:<width$} ", Padded(event.addr));
                let revised = if revised { "  (revised)" } else { "" };
                let _ = writeln!(out, "{}{revised}", Row { event, coloured: self.coloured });
            }
            Layout::Hosts { address_width, header_written } if shown => {
                let width = *address_width;
                if !std::mem::replace(header_written, true) {
                    let _ = writeln!(
                        out,
                        "{:<width$} {:<5} {:<12} {:>3} {:>11}",
                        "ADDRESS", "STATE", "REASON", "TTL", "RTT"
                    );
                }
                let (paint, plain) = paints(event.state, self.coloured);
                let _ = write!(out, "{:<width$} ", Padded(event.addr));
                let _ = write!(out, "{paint}{:<5}{plain} ", event.state.host_name());
                let revised = if revised { "  (revised)" } else { "" };
                let _ = writeln!(out, "{:<12}{}{revised}", Padded(event.reason), Times(event));
            }
            Layout::ManyHosts { .. } | Layout::Hosts { .. } => {}
        }
    }

    /// Takes what is known of an open port's service.
    pub fn service(&mut self, found: &Found, out: &mut String) {
        self.told(found.target, told(found), out);
    }

    /// Takes what is to stand below the line of an open port.
    pub fn tls(&mut self, target: Target, lines: &[String], out: &mut String) {
        let lines = lines.iter().map(|line| format!("| {}", Printable::new(line.as_bytes())));
        match &mut self.layout {
            Layout::OneHost { below, .. } => {
                below.insert((target.protocol, target.port), lines.collect());
            }
            Layout::ManyHosts { .. } => lines.for_each(|line| {
                let _ = writeln!(out, "{line}");
            }),
            Layout::Hosts { .. } => {}
        }
    }

    /// Takes what a host runs.
    pub fn os(&mut self, ip: IpAddr, lines: &[String], out: &mut String) {
        let printable = |line: &String| Printable::new(line.as_bytes()).to_string();
        match &mut self.layout {
            Layout::OneHost { .. } => self.os = lines.iter().map(printable).collect(),
            Layout::ManyHosts { address_width, .. } => {
                let width = *address_width;
                for line in lines {
                    let _ = writeln!(out, "{:<width$} {}", Padded(ip), printable(line));
                }
            }
            Layout::Hosts { .. } => {}
        }
    }

    /// Takes an open port that was not asked for its service.
    pub fn unasked(&mut self, target: Target, out: &mut String) {
        self.told(target, Told::default(), out);
    }

    fn told(&mut self, target: Target, of: Told, out: &mut String) {
        match &mut self.layout {
            Layout::OneHost { told, .. } => {
                told.insert((target.protocol, target.port), of);
            }
            Layout::ManyHosts { .. } => self.line(target, PortState::Open, &of, out),
            Layout::Hosts { .. } => {}
        }
    }

    /// A line of the table of many hosts, with its service.
    fn line(&mut self, target: Target, state: PortState, told: &Told, out: &mut String) {
        let Layout::ManyHosts { address_width, header_written } = &mut self.layout else { return };
        let width = *address_width;
        if !std::mem::replace(header_written, true) {
            let _ = writeln!(
                out,
                "{:<width$} {:<9} {:<8} {:<14} VERSION",
                "ADDRESS", "PORT", "STATE", "SERVICE"
            );
        }
        let (paint, plain) = paints(state, self.coloured);
        let port = format!("{}/{}", target.port, target.protocol.name());
        let (service, version) = told;
        let row = format!("{port:<9} {paint}{state:<8}{plain} {service:<14} {version}");
        let _ = writeln!(out, "{:<width$} {}", Padded(target.addr), row.trim_end());
    }

    /// Writes what is left at the end of the scan.
    pub fn finish(&mut self, shown: ShownStates, report: &Report, out: &mut String) {
        let Layout::OneHost { label, ports, told, below } = &self.layout else { return };
        let _ = writeln!(out, "Scan report for {label}");
        let (hidden, rows) = sum_up(ports, shown, report);
        if !hidden.is_empty() {
            let _ = writeln!(out, "Not shown: {}", hidden.join(", "));
        }
        if rows.is_empty() {
            return;
        }
        if self.services {
            with_services(&rows, told, below, self.coloured, out);
        } else {
            let _ = writeln!(
                out,
                "{:<9} {:<8} {:<11} {:>3} {:>11}",
                "PORT", "STATE", "REASON", "TTL", "RTT"
            );
            for event in rows {
                let _ = writeln!(out, "{}", Row { event, coloured: self.coloured });
            }
        }
        for line in &self.os {
            let _ = writeln!(out, "{line}");
        }
    }
}

/// The rows of one host with what is known of its services.
fn with_services(
    rows: &[&PortEvent],
    told: &BTreeMap<(Protocol, u16), Told>,
    below: &BTreeMap<(Protocol, u16), Vec<String>>,
    coloured: bool,
    out: &mut String,
) {
    let width = told.values().map(|(service, _)| service.len()).max().unwrap_or(0).max(7);
    let _ = writeln!(out, "{:<9} {:<8} {:<width$} VERSION", "PORT", "STATE", "SERVICE");
    for event in rows {
        let (paint, plain) = paints(event.state, coloured);
        let port = format!("{}/{}", event.port, event.protocol.name());
        let nothing = Told::default();
        let (service, version) = told.get(&(event.protocol, event.port)).unwrap_or(&nothing);
        let row = format!("{port:<9} {paint}{:<8}{plain} {service:<width$} {version}", event.state);
        let _ = writeln!(out, "{}", row.trim_end());
        for line in below.get(&(event.protocol, event.port)).into_iter().flatten() {
            let _ = writeln!(out, "{line}");
        }
    }
}

/// What a table says of a service; a name that is not sure has a question mark.
fn told(found: &Found) -> Told {
    let name = match (found.service(), found.inside_tls) {
        (Some(service), true) => format!("ssl/{service}"),
        (Some(service), false) => service.to_owned(),
        (None, true) => "ssl/unknown".to_owned(),
        (None, false) => "unknown".to_owned(),
    };
    let description = found.identity.as_ref().map(Identity::description);
    let printable = |text: &str| Printable::new(text.as_bytes()).to_string();
    (printable(&name), printable(&description.unwrap_or_default()))
}

/// `998 closed ports (rst)`, the most frequent first, and the events that are shown by port.
fn sum_up<'a>(
    ports: &'a Ports,
    shown: ShownStates,
    report: &Report,
) -> (Vec<String>, Vec<&'a PortEvent>) {
    // Ports are many and reasons few, mostly one after the other: these become text once each.
    let mut by_reason: HashMap<(PortState, Reason), u64> = HashMap::new();
    let mut alike: Option<((PortState, Reason), u64)> = None;
    let mut rows = Vec::new();
    let (mut answered_filtered, mut udp_events) = (0, 0);
    for event in ports.last() {
        let is_told = matches!(event.state, PortState::Filtered | PortState::ClosedFiltered);
        answered_filtered += u64::from(is_told);
        udp_events += u64::from(event.protocol == Protocol::Udp);
        if shown.contains(event.state) {
            rows.push(event);
        } else {
            let why = (event.state, event.reason);
            match &mut alike {
                Some((before, count)) if *before == why => *count += 1,
                _ => {
                    if let Some((before, count)) = alike.replace((why, 1)) {
                        *by_reason.entry(before).or_default() += count;
                    }
                }
            }
        }
    }
    if let Some((why, count)) = alike {
        *by_reason.entry(why).or_default() += count;
    }
    rows.sort_unstable_by_key(|event| (event.protocol, event.port));
    let mut counts: BTreeMap<(PortState, String), u64> = BTreeMap::new();
    for ((state, reason), count) in by_reason {
        *counts.entry((state, reason.to_string())).or_default() += count;
    }
    // Silent ports have no event each, whatever is shown: here they are at least counted.
    let silent = report.filtered.saturating_sub(answered_filtered);
    // Silent UDP ports may be open all the same.
    let silent_udp = report.udp_ports.saturating_sub(udp_events).min(silent);
    for (state, count) in
        [(PortState::Filtered, silent - silent_udp), (PortState::OpenFiltered, silent_udp)]
    {
        if count > 0 {
            *counts.entry((state, Reason::NoResponse.to_string())).or_default() += count;
        }
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let hidden = counts
        .into_iter()
        .map(|((state, reason), count)| {
            let plural = if count == 1 { "" } else { "s" };
            format!("{count} {state} port{plural} ({reason})")
        })
        .collect();
    (hidden, rows)
}

/// What both layouts say about a port.
struct Row<'a> {
    event: &'a PortEvent,
    coloured: bool,
}

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let event = self.event;
        let port = Padded(format_args!("{}/{}", event.port, event.protocol.name()));
        let (paint, plain) = paints(event.state, self.coloured);
        write!(f, "{port:<9} {paint}{:<8}{plain} {:<11}", event.state, Padded(event.reason))?;
        write!(f, "{}", Times(event))
    }
}

/// TTL and round-trip time.
struct Times<'a>(&'a PortEvent);

impl fmt::Display for Times<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let event = self.0;
        if event.reason.is_without_packet() {
            write!(f, " {:>3}", "-")?;
        } else {
            write!(f, " {:>3}", event.ttl)?;
        }
        match event.rtt_ns {
            Some(ns) => write!(f, " {:>8.3} ms", ns as f64 / 1e6)?,
            None => write!(f, " {:>11}", "-")?,
        }
        match event.reason.mac() {
            Some([a, b, c, d, e, g]) => {
                write!(f, "  {a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
            }
            None => Ok(()),
        }
    }
}

fn paints(state: PortState, coloured: bool) -> (&'static str, &'static str) {
    if coloured { (colour(state), "\x1b[0m") } else { ("", "") }
}

fn colour(state: PortState) -> &'static str {
    match state {
        PortState::Open => "\x1b[32m",
        PortState::Closed => "\x1b[31m",
        PortState::Filtered
        | PortState::Unfiltered
        | PortState::OpenFiltered
        | PortState::ClosedFiltered => "\x1b[33m",
    }
}

/// Pads what its own `Display` would not.
struct Padded<T>(T);

impl<T: fmt::Display> fmt::Display for Padded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = FixedText { bytes: [0; 64], len: 0 };
        write!(text, "{}", self.0)?;
        f.pad(text.as_str())
    }
}

/// An address, port or reason as text without allocation.
struct FixedText {
    bytes: [u8; 64],
    len: usize,
}

impl FixedText {
    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

impl fmt::Write for FixedText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::Latency;
    use crate::scan::ledger::Ledger;
    use std::time::Duration;

    fn event(addr: &str, port: u16, state: PortState, reason: Reason) -> PortEvent {
        PortEvent {
            addr: addr.parse().expect("a test address"),
            port,
            protocol: Protocol::Tcp,
            state,
            previous: None,
            reason,
            ttl: 64,
            rtt_ns: (state == PortState::Open).then_some(51_400),
            at_ns: 0,
            heard: None,
        }
    }

    fn report(open: u64, closed: u64, filtered: u64) -> Report {
        Report {
            ledger: Ledger::default(),
            open,
            closed,
            filtered,
            elapsed: Duration::ZERO,
            latency: Latency::new(),
            lag: None,
            rate_found: None,
            stages: None,
            stopped: false,
            remarks: Vec::new(),
            failure: None,
            steering: None,
            purpose: crate::plan::Purpose::Ports,
            udp_ports: 0,
            acks: false,
        }
    }

    #[test]
    fn one_host_is_sorted_by_port_and_sums_up_what_is_not_shown() {
        let mut table = Table::one_host("localhost (127.0.0.1)", false);
        let mut out = String::new();
        let icmp = Reason::Icmp { kind: 3, code: 13 };
        for event in [
            event("127.0.0.1", 8080, PortState::Open, Reason::SynAck),
            event("127.0.0.1", 22, PortState::Closed, Reason::Rst),
            event("127.0.0.1", 22, PortState::Open, Reason::SynAck),
            event("127.0.0.1", 23, PortState::Closed, Reason::Rst),
            event("127.0.0.1", 24, PortState::Closed, Reason::Rst),
            event("127.0.0.1", 25, PortState::Filtered, icmp),
        ] {
            table.port(&event, event.state == PortState::Open, false, &mut out);
        }
        assert_eq!(out, "");
        table.finish(ShownStates::default(), &report(2, 2, 4), &mut out);
        assert_eq!(
            out,
            "Scan report for localhost (127.0.0.1)\n\
             Not shown: 3 filtered ports (no-response), 2 closed ports (rst), 1 filtered port (icmp-3-13)\n\
             PORT      STATE    REASON      TTL         RTT\n\
             22/tcp    open     syn-ack      64    0.051 ms\n\
             8080/tcp  open     syn-ack      64    0.051 ms\n"
        );
    }

    #[test]
    fn a_host_without_shown_ports_is_summed_up_only() {
        let mut table = Table::one_host("198.18.0.1", false);
        let mut out = String::new();
        table.finish(ShownStates::default(), &report(0, 0, 100), &mut out);
        assert_eq!(
            out,
            "Scan report for 198.18.0.1\nNot shown: 100 filtered ports (no-response)\n"
        );
    }

    #[test]
    fn many_hosts_stream_as_aligned_lines() {
        let mut table = Table::many_hosts(false, false);
        let mut out = String::new();
        let open = event("198.18.0.1", 80, PortState::Open, Reason::SynAck);
        let closed = event("198.18.255.255", 65535, PortState::Closed, Reason::Rst);
        table.port(&open, true, false, &mut out);
        table.port(&closed, false, false, &mut out);
        table.port(&closed, true, true, &mut out);
        assert_eq!(
            out,
            "ADDRESS         PORT      STATE    REASON      TTL         RTT\n\
             198.18.0.1      80/tcp    open     syn-ack      64    0.051 ms\n\
             198.18.255.255  65535/tcp closed   rst          64           -  (revised)\n"
        );
    }

    #[test]
    fn colours_appear_only_where_asked_for() {
        let open = event("::1", 80, PortState::Open, Reason::SynAck);
        for coloured in [false, true] {
            let mut out = String::new();
            Table::many_hosts(true, coloured).port(&open, true, false, &mut out);
            assert_eq!(out.contains('\x1b'), coloured, "{out}");
        }
    }

    #[test]
    fn a_hostile_label_is_escaped() {
        let mut out = String::new();
        let mut table = Table::one_host("\x1b[2Jevil", false);
        table.finish(ShownStates::default(), &report(0, 0, 0), &mut out);
        assert_eq!(out, "Scan report for \\u{1b}[2Jevil\n");
    }

    #[test]
    fn the_longest_address_fits() {
        let addr: IpAddr = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff".parse().expect("an address");
        assert_eq!(format!("{:<40}|", Padded(addr)).len(), 41);
    }
}
