//! The page: its head, its numbers in short, and its sections.
//!
//! * [`books`]: the scans, their ledgers, what was corrected. [`found`]: ports, services,
//!   networks, hosts. [`timing`]: round trips, and how the scans went.
//!   [`certificates`]: which end soon.

mod books;
mod certificates;
mod found;
mod timing;

use std::collections::HashMap;
use std::net::IpAddr;

use super::detected::Detected;
use super::html::{Text, paragraph, push};
use super::scan::Scan;
use super::tally::Tally;
use super::words;
use crate::event::PortState;
use crate::event::files::services::Services;
use crate::event::files::sorted::Finding;
use crate::latency::Latency;
use crate::latency::groups::Groups;
use crate::plan::Protocol;

const STYLE: &str = include_str!("../style.css");
/// Scans that a page shows one by one.
const SCANS: usize = 20;

/// So many results stand before their sums.
const FEW: u64 = 40;

/// Everything that is shown.
pub(super) struct Page {
    pub now_us: u64,
    pub scans: Vec<Scan>,
    pub tally: Tally,
    pub latency: Latency,
    pub by_port: Groups,
    pub by_network: Groups,
    pub macs: HashMap<IpAddr, String>,
    pub detected: Detected,
    /// What the system calls ports.
    pub registered: Services,
    pub revised: Vec<Finding>,
    pub revised_count: u64,
}

/// A section: the name of its anchor, its heading, and what it holds.
struct Section {
    name: &'static str,
    heading: &'static str,
    body: String,
}

impl Page {
    /// The page as text.
    pub(super) fn write(&self) -> String {
        let parts: [(&str, &str, Option<String>); 10] = [
            ("scans", "Scans", Some(books::scans(&self.scans))),
            ("ports", "Ports", found::ports(self)),
            ("services", "Services", found::services(self)),
            ("systems", "Operating systems", found::systems(self)),
            ("certificates", "Certificates", certificates::section(&self.detected, self.now_us)),
            ("networks", "Networks", found::networks(self)),
            ("hosts", "Hosts", found::hosts(self)),
            ("latency", "Round-trip times", timing::round_trips(self)),
            ("course", "Rate and loss over time", timing::course(&self.scans)),
            ("ledger", "Ledger", books::ledgers(&self.scans)),
        ];
        let mut sections: Vec<Section> = parts
            .into_iter()
            .filter_map(|(name, heading, body)| Some(Section { name, heading, body: body? }))
            .collect();
        if let Some(body) = books::revised(&self.revised, self.revised_count) {
            sections.push(Section { name: "corrected", heading: "Corrected results", body });
        }
        // A few are what one wants to see; many stand behind what sums them up.
        let place = if self.tally.results() <= FEW { 1 } else { sections.len() };
        let results = found::results(self);
        sections.insert(place, Section { name: "results", heading: "Results", body: results });
        let mut out = String::with_capacity(1 << 18);
        self.head(&mut out);
        out.push_str("<nav aria-label=\"Sections\">");
        for Section { name, heading, .. } in &sections {
            push(&mut out, format_args!("<a href=\"#{name}\">{heading}</a> "));
        }
        out.push_str("</nav></header>\n<main>\n");
        for Section { name, heading, body } in sections {
            push(
                &mut out,
                format_args!(
                    "<section id=\"{name}\" aria-labelledby=\"{name}-h\">\
                     <h2 id=\"{name}-h\">{heading}</h2>\n{body}</section>\n"
                ),
            );
        }
        out.push_str("</main>\n<footer>");
        paragraph(
            &mut out,
            "",
            format_args!(
                "Written by prtip {} on {}. Text that others chose is shown as printable ASCII \
                 and letters: \\xNN stands for a byte, \\u{{N}} for a character.",
                env!("CARGO_PKG_VERSION"),
                words::moment(self.now_us)
            ),
        );
        out.push_str("</footer>\n</body>\n</html>\n");
        out
    }

    fn head(&self, out: &mut String) {
        let title = match self.scans.len() {
            1 => "Scan report".to_owned(),
            scans => format!("Report of {scans} scans"),
        };
        push(
            out,
            format_args!(
                "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
                 <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
                 <meta name=\"color-scheme\" content=\"light dark\">\n\
                 <meta http-equiv=\"Content-Security-Policy\" content=\"default-src &apos;none&apos;; \
                 style-src &apos;unsafe-inline&apos;\">\n\
                 <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
                 <header><h1>{title}</h1>\n"
            ),
        );
        let spans = || self.scans.iter().filter_map(|scan| scan.span_us);
        if let (Some(from), Some(to)) =
            (spans().map(|span| span.0).min(), spans().map(|span| span.1).max())
        {
            let (from, to) = (words::moment(from), words::moment(to));
            paragraph(out, "soft", format_args!("{from} to {to}"));
        }
        if let [scan] = self.scans.as_slice()
            && let Some(run) = scan.runs.first()
            && !run.begun.args.is_empty()
        {
            push(
                out,
                format_args!("<code class=\"cmd\">{}</code>\n", Text(&command(&run.begun.args))),
            );
        }
        self.tiles(out);
        for words in self.warnings() {
            paragraph(out, "note", words);
        }
        let unaccounted: u64 = self.scans.iter().map(|scan| scan.total("unaccounted")).sum();
        if unaccounted > 0 {
            let packets = words::counted(unaccounted, "packet is", "packets are");
            paragraph(out, "fault", format_args!("{packets} unaccounted for: see the ledger."));
        }
    }

    fn tiles(&self, out: &mut String) {
        let sum = |name: &str| self.scans.iter().map(|scan| scan.total(name)).sum::<u64>();
        let ended = || self.scans.iter().filter_map(Scan::ended);
        let has_ledger = self.scans.iter().any(|scan| scan.runs.iter().any(|r| r.ledger.is_some()));
        let tally = &self.tally;
        let mut tiles: Vec<(String, String, &str)> = Vec::new();
        let mut add =
            |value: String, name: &str, class| tiles.push((value, name.to_owned(), class));
        if tally.hosts.all() > 0 {
            add(words::count(tally.hosts.of(PortState::Open)), "hosts up", "");
        }
        if tally.hosts.all() == 0 || tally.ports.all() > 0 {
            add(words::count(tally.ports.of(PortState::Open)), "open ports", "");
            add(words::count(tally.live), "addresses with open ports", "");
        }
        if ended().next().is_some() && tally.hosts.all() == 0 {
            add(words::count(ended().map(|f| f.closed).sum()), "closed or unfiltered", "");
            add(words::count(ended().map(|f| f.filtered).sum()), "filtered or silent", "");
        }
        if let Some(percentiles) = self.latency.percentiles() {
            add(words::nanoseconds(percentiles.p50 * 1000), "median round trip", "");
        }
        if has_ledger {
            add(words::count(sum("completed")), "probes sent", "");
            let unaccounted = sum("unaccounted");
            let class = if unaccounted == 0 { "ok" } else { "bad" };
            add(words::count(unaccounted), "packets unaccounted for", class);
        }
        let elapsed: f64 = ended().map(|finished| finished.elapsed_s).sum();
        if elapsed > 0.0 {
            add(words::seconds(elapsed), "of scanning", "");
        }
        out.push_str("<ul class=\"tiles\">");
        for (value, name, class) in tiles {
            let (value, name) = (Text(&value), Text(&name));
            push(out, format_args!("<li class=\"{class}\"><b>{value}</b><span>{name}</span></li>"));
        }
        out.push_str("</ul>\n");
    }

    /// What a reader must know before believing the numbers.
    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let torn = |scan: &&Scan| scan.torn.is_some() || scan.strange_lines > 0;
        for scan in self.scans.iter().filter(torn).take(SCANS) {
            let mut parts: Vec<String> = scan.torn.iter().cloned().collect();
            if scan.strange_lines > 0 {
                let lines =
                    words::counted(scan.strange_lines, "line is no record", "lines are no records");
                parts.push(format!("{lines} and were left out"));
            }
            warnings.push(format!("{}: {}.", scan.name, parts.join("; ")));
        }
        let unfinished = self.scans.iter().filter(|s| s.ended().is_none_or(|f| f.stopped)).count();
        if unfinished > 0 {
            warnings.push(format!(
                "{} did not come to the end: what is missing here may be open all the same.",
                words::counted(unfinished as u64, "scan", "scans")
            ));
        }
        if self.scans.len() > 1 {
            warnings.push(
                "Where several records speak of one port, the strongest answer holds: open over \
                 closed over filtered."
                    .to_owned(),
            );
        }
        warnings
    }
}

/// A command line as it could be typed.
fn command(args: &[String]) -> String {
    const SHOWN: usize = 64;
    let mut text = "prtip".to_owned();
    for arg in args.iter().take(SHOWN) {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,=+@%".contains(c);
        text.push(' ');
        match !arg.is_empty() && arg.chars().all(plain) {
            true => text += arg,
            false => text += &format!("'{}'", arg.replace('\'', "'\\''")),
        }
    }
    if args.len() > SHOWN {
        text += &format!(" ... ({} more)", args.len() - SHOWN);
    }
    text
}

/// `80/tcp`.
fn port_name((protocol, port): (Protocol, u16)) -> String {
    format!("{port}/{}", protocol.name())
}

/// `the first 500 of 12,345`, where not all are shown.
fn first_of(shown: usize, all: u64, what: &str) -> String {
    match shown as u64 >= all {
        true if all == 1 => format!("1 {what}"),
        true => format!("All {} {what}", words::count(all)),
        false => format!("{} of {} {what}", words::count(shown as u64), words::count(all)),
    }
}
