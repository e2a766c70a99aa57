//! What was found, by port, service, system, network and host, and one by one.

use super::{Page, first_of, port_name};
use crate::event::{PortState, Reason};
use crate::plan::Protocol;
use crate::report::chart::{self, BarRow};
use crate::report::html::{Column, paragraph, table};
use crate::report::tally::{HOSTS, NETWORKS, RESULTS, States};
use crate::report::words;

/// Rows of the plots.
const BARS: usize = 15;
/// Rows of the tables of ports, services and systems.
const ROWS: usize = 30;
const LEGEND: [(&str, &str); 3] = [("a", "open"), ("b", "closed"), ("o", "others")];

pub(super) fn ports(page: &Page) -> Option<String> {
    if page.tally.by_port.is_empty() {
        return None;
    }
    let mut ports: Vec<((Protocol, u16), States)> =
        page.tally.by_port.iter().map(|(&port, &states)| (port, states)).collect();
    ports.sort_by_key(|&(port, states)| {
        (std::cmp::Reverse((states.of(PortState::Open), states.all())), port)
    });
    let registered = |(protocol, port): (Protocol, u16)| {
        page.registered.name(protocol, port).unwrap_or("-").to_owned()
    };
    let mut out = String::new();
    if ports.len() > 1 {
        let bars: Vec<BarRow> = ports
            .iter()
            .take(BARS)
            .map(|&(port, states)| BarRow {
                name: match page.registered.name(port.0, port.1) {
                    Some(name) => format!("{} {name}", port_name(port)),
                    None => port_name(port),
                },
                parts: parts(&states),
                note: note(&states),
            })
            .collect();
        chart::bars(&mut out, "Ports with the most open addresses", &bars, &LEGEND);
    }
    let rows = ports.iter().take(ROWS).map(|&(port, states)| {
        let group = format!("{}-{}", port.0.name(), port.1);
        vec![
            port_name(port),
            registered(port),
            words::count(states.of(PortState::Open)),
            words::count(states.of(PortState::Closed)),
            words::count(states.others()),
            median(page.by_port.get(&group)),
        ]
    });
    table(
        &mut out,
        &first_of(
            ports.len().min(ROWS),
            ports.len() as u64,
            "ports with results, the most open first",
        ),
        &[
            Column::Code("Port"),
            Column::Words("Registered for"),
            Column::Numbers("Open"),
            Column::Numbers("Closed"),
            Column::Numbers("Others"),
            Column::Numbers("Median round trip"),
        ],
        rows,
    );
    out += &reasons(page);
    paragraph(
        &mut out,
        "soft",
        "Only results that the scan was asked to show (--show) are in its log; the totals at \
         the top are of all.",
    );
    Some(out)
}

fn parts(states: &States) -> Vec<(&'static str, u64)> {
    vec![
        ("a", states.of(PortState::Open)),
        ("b", states.of(PortState::Closed)),
        ("o", states.others()),
    ]
}

/// What stands behind a bar.
fn note(states: &States) -> String {
    let open = states.of(PortState::Open);
    match states.all() == open {
        true => words::count(open),
        false => format!("{} open of {}", words::count(open), words::count(states.all())),
    }
}

fn reasons(page: &Page) -> String {
    let mut reasons: Vec<(Reason, u64)> =
        page.tally.by_reason.iter().map(|(&reason, &count)| (reason, count)).collect();
    reasons.sort_by_key(|&(reason, count)| (std::cmp::Reverse(count), reason.to_string()));
    let all = page.tally.results();
    let mut out = String::new();
    let rows = reasons.iter().take(ROWS).map(|(reason, count)| {
        vec![reason.to_string(), words::count(*count), words::share(*count, all)]
    });
    table(
        &mut out,
        "Why they are in their state",
        &[Column::Words("Reason"), Column::Numbers("Results"), Column::Numbers("Share")],
        rows,
    );
    out
}

fn median<T: hdrhistogram::Counter>(histogram: Option<&hdrhistogram::Histogram<T>>) -> String {
    histogram.map_or_else(|| "-".into(), |h| words::nanoseconds(h.value_at_quantile(0.5)))
}

pub(super) fn services(page: &Page) -> Option<String> {
    let services = page.detected.services();
    if services.is_empty() {
        return None;
    }
    let mut out = String::new();
    let bars: Vec<BarRow> = services
        .iter()
        .take(BARS)
        .map(|(name, count)| BarRow {
            name: match name.product.is_empty() {
                true => name.service.clone(),
                false => format!("{} {}", name.service, name.product),
            },
            parts: vec![("a", *count)],
            note: words::count(*count),
        })
        .collect();
    chart::bars(&mut out, "Services met most often", &bars, &[]);
    let rows = services.iter().take(ROWS).map(|(name, count)| {
        vec![name.service.clone(), name.product.clone(), words::count(*count)]
    });
    table(
        &mut out,
        &first_of(services.len().min(ROWS), services.len() as u64, "services"),
        &[Column::Words("Service"), Column::Words("Product"), Column::Numbers("Ports")],
        rows,
    );
    Some(out)
}

pub(super) fn systems(page: &Page) -> Option<String> {
    let systems = page.detected.systems();
    if systems.is_empty() {
        return None;
    }
    let mut out = String::new();
    let rows = systems.iter().take(ROWS).map(|(name, n)| vec![(*name).clone(), words::count(*n)]);
    table(
        &mut out,
        &first_of(systems.len().min(ROWS), systems.len() as u64, "best guesses"),
        &[Column::Words("System"), Column::Numbers("Hosts")],
        rows,
    );
    Some(out)
}

pub(super) fn networks(page: &Page) -> Option<String> {
    let networks = &page.tally.top_networks;
    if page.tally.networks < 2 {
        return None;
    }
    let mut out = String::new();
    let bars: Vec<BarRow> = networks
        .iter()
        .take(BARS)
        .map(|row| BarRow {
            name: row.name.clone(),
            parts: parts(&row.states),
            note: note(&row.states),
        })
        .collect();
    chart::bars(&mut out, "Networks with the most open results", &bars, &LEGEND);
    let rows = networks.iter().take(NETWORKS).map(|row| {
        vec![
            row.name.clone(),
            words::count(row.hosts),
            words::count(row.states.of(PortState::Open)),
            words::count(row.states.of(PortState::Closed)),
            words::count(row.states.others()),
            median(page.by_network.get(&row.name)),
        ]
    });
    table(
        &mut out,
        &first_of(
            networks.len(),
            page.tally.networks,
            "networks with results, the most open first",
        ),
        &[
            Column::Code("Network"),
            Column::Numbers("Addresses with open ports"),
            Column::Numbers("Open"),
            Column::Numbers("Closed"),
            Column::Numbers("Others"),
            Column::Numbers("Median round trip"),
        ],
        rows,
    );
    Some(out)
}

pub(super) fn hosts(page: &Page) -> Option<String> {
    let hosts: Vec<_> = page.tally.top_hosts.iter().filter(|host| !host.ports.is_empty()).collect();
    if hosts.len() < 2 {
        return None;
    }
    let with_systems = !page.detected.systems().is_empty();
    let mut columns =
        vec![Column::Code("Address"), Column::Numbers("Open"), Column::Words("Ports")];
    if with_systems {
        columns.push(Column::Words("System"));
    }
    let rows = hosts.iter().take(HOSTS).map(|host| {
        let mut ports: Vec<String> = host.ports.iter().copied().map(port_name).collect();
        if host.open > host.ports.len() as u64 {
            ports.push(format!("and {} more", words::count(host.open - host.ports.len() as u64)));
        }
        let mut row = vec![host.addr.to_string(), words::count(host.open), ports.join(", ")];
        if with_systems {
            row.push(page.detected.system_of(host.addr).unwrap_or("-").to_owned());
        }
        row
    });
    let mut out = String::new();
    table(
        &mut out,
        &first_of(hosts.len(), page.tally.live, "addresses, the most open ports first"),
        &columns,
        rows,
    );
    Some(out)
}

pub(super) fn results(page: &Page) -> String {
    let listed = &page.tally.listed;
    let mut out = String::new();
    if listed.is_empty() {
        paragraph(&mut out, "", "Nothing was found.");
        return out;
    }
    let with_services = !page.detected.services().is_empty();
    let with_macs = !page.macs.is_empty();
    let mut columns = vec![
        Column::Code("Address"),
        Column::Code("Port"),
        Column::Words("State"),
        Column::Words("Reason"),
        Column::Numbers("TTL"),
        Column::Numbers("Round trip"),
    ];
    if with_services {
        columns.push(Column::Words("Service"));
    }
    if with_macs {
        columns.push(Column::Code("MAC address"));
    }
    let rows = listed.iter().map(|finding| {
        let is_host = finding.protocol == Protocol::Icmp;
        let place = (finding.protocol, finding.port);
        let mut row = vec![
            finding.addr.to_string(),
            if is_host { "host".into() } else { port_name(place) },
            if is_host { finding.state.host_name().into() } else { finding.state.to_string() },
            finding.reason.to_string(),
            if finding.reason.is_without_packet() { "-".into() } else { finding.ttl.to_string() },
            finding.rtt_us.map_or("-".into(), |us| words::nanoseconds(us.saturating_mul(1000))),
        ];
        if with_services {
            let service = page.detected.service_at(&(finding.addr, place.0, place.1));
            row.push(service.map_or("-".into(), |s| format!("{} {}", s.service, s.product)));
        }
        if with_macs {
            row.push(page.macs.get(&finding.addr).cloned().unwrap_or_else(|| "-".into()));
        }
        row
    });
    let order = "results, what is open first, by address";
    table(&mut out, &first_of(listed.len(), page.tally.results(), order), &columns, rows);
    if page.tally.results() > RESULTS as u64 {
        paragraph(
            &mut out,
            "soft",
            "The log holds all of them; --csv and -oX write them for other programs.",
        );
    }
    out
}
