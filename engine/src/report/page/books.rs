//! The scans, their ledgers, and results that were corrected.

use super::{SCANS, command, first_of};
use crate::event::files::sorted::Finding;
use crate::plan::Protocol;
use crate::report::html::{Column, Text, paragraph, push, table};
use crate::report::record::Ledger;
use crate::report::scan::{Run, Scan};
use crate::report::words;

/// Runs of a scan that are shown one by one.
const RUNS: usize = 12;
/// Remarks of a run that are shown.
const REMARKS: usize = 20;

pub(super) fn scans(scans: &[Scan]) -> String {
    let mut out = String::new();
    let number = |text: &str| text.parse().map_or_else(|_| text.to_owned(), words::count);
    let rows = scans.iter().take(SCANS).map(|scan| {
        let first = scan.runs.first();
        let begun = first.map(|run| &run.begun);
        let of = |field: fn(&crate::report::record::Begun) -> &str| {
            begun.map(field).filter(|text| !text.is_empty()).unwrap_or("-").to_owned()
        };
        let way = begun.map_or_else(
            || "-".to_owned(),
            |begun| match &begun.xdp_mode {
                Some(mode) => format!("{}, {mode}, {}", begun.port_engine, begun.interface),
                None => format!("{}, {}", begun.port_engine, begun.interface),
            },
        );
        let elapsed: f64 =
            scan.runs.iter().filter_map(|run| run.finished.as_ref()).map(|f| f.elapsed_s).sum();
        vec![
            scan.name.clone(),
            first.filter(|r| r.begun_us > 0).map_or("-".into(), |r| words::moment(r.begun_us)),
            if elapsed > 0.0 { words::seconds(elapsed) } else { "-".into() },
            number(&of(|begun| &begun.targets)),
            of(|begun| &begun.shard),
            of(|begun| &begun.seed),
            way,
            words::count(scan.results),
            scan.outcome().to_owned(),
        ]
    });
    table(
        &mut out,
        &first_of(
            scans.len().min(SCANS),
            scans.len() as u64,
            if scans.len() == 1 { "log" } else { "logs" },
        ),
        &[
            Column::Code("Log"),
            Column::Words("Started"),
            Column::Numbers("Duration"),
            Column::Numbers("Pairs"),
            Column::Words("Shard"),
            Column::Code("Seed"),
            Column::Words("Way out"),
            Column::Numbers("Results"),
            Column::Words("End"),
        ],
        rows,
    );
    if scans.len() > 1 {
        out.push_str("<h3>Command lines</h3>\n");
        for scan in scans.iter().take(SCANS) {
            if let Some(run) = scan.runs.first().filter(|run| !run.begun.args.is_empty()) {
                let args = command(&run.begun.args);
                push(&mut out, format_args!("<code class=\"cmd\">{}</code>\n", Text(&args)));
            }
        }
    }
    for scan in scans.iter().filter(|scan| scan.runs.iter().any(|run| run.resumed)).take(SCANS) {
        resumed(&mut out, scan);
    }
    for scan in scans.iter().take(SCANS) {
        if let Some(rate) = scan.ended().and_then(|finished| finished.rate_found) {
            let rate = words::count(rate);
            paragraph(
                &mut out,
                "soft",
                format_args!(
                    "{}: the search for the rate found {rate} probes a second.",
                    scan.name
                ),
            );
        }
    }
    out
}

fn resumed(out: &mut String, scan: &Scan) {
    let all = scan.runs.len() as u64 + scan.runs_left_out;
    let rows = scan.runs.iter().take(RUNS).map(|run| {
        let end = match &run.finished {
            None => "killed".to_owned(),
            Some(finished) if finished.stopped => "stopped".to_owned(),
            Some(_) => "done".to_owned(),
        };
        let before = match run.resumed {
            true => format!("{} of {}", run.begun.finished, run.begun.of),
            false => "-".to_owned(),
        };
        vec![
            words::moment(run.begun_us),
            if run.resumed { "resumed" } else { "started" }.to_owned(),
            before,
            words::count(run.begun.cut_bytes),
            end,
        ]
    });
    table(
        out,
        &format!(
            "{}: {}",
            scan.name,
            first_of(scan.runs.len().min(RUNS), all, "runs of a scan that was resumed")
        ),
        &[
            Column::Words("Time"),
            Column::Words("Run"),
            Column::Words("Finished before"),
            Column::Numbers("Bytes cut off"),
            Column::Words("End"),
        ],
        rows,
    );
}

/// An equation: its left side, and the sum of its right side.
const EQUATIONS: [(&str, &[&str]); 4] = [
    ("generated", &["submitted", "unsent"]),
    ("submitted", &["completed", "tx_failed"]),
    ("rx_steered", &["rx_valid", "rx_duplicate", "rx_invalid", "rx_late", "ring_drops"]),
    ("rx_valid", &["results", "event_drops"]),
];
/// What stands beside the equations.
const BESIDE: [(&str, &str); 9] = [
    ("tx_again", "of those that the kernel refused, sent again"),
    ("retries", "of the probes, second and later attempts"),
    ("control", "of these, questions to the control sample"),
    ("resent", "of these, sent again after loss"),
    ("rx_control", "of the duplicates, answers of the control sample"),
    ("rsts", "RSTs to end half-open connections"),
    ("nic_drops", "packets that the interface dropped on reception"),
    ("neighbour_requests", "questions for MAC addresses"),
    ("neighbour_replies", "neighbours that answered"),
];

pub(super) fn ledgers(scans: &[Scan]) -> Option<String> {
    let runs: Vec<(&Scan, &Run, &Ledger)> = scans
        .iter()
        .flat_map(|scan| scan.runs.iter().map(move |run| (scan, run)))
        .filter_map(|(scan, run)| Some((scan, run, run.ledger.as_ref()?)))
        .collect();
    if runs.is_empty() {
        return None;
    }
    let mut out = String::new();
    paragraph(
        &mut out,
        "soft",
        "Each side of an equation is counted in another place (worker, ring, kernel, sink), so \
         nothing can be lost unseen. A run that was killed has no ledger.",
    );
    for (scan, run, ledger) in runs.iter().take(SCANS) {
        if runs.len() > 1 {
            let begun = words::moment(run.begun_us);
            push(&mut out, format_args!("<h3>{}, {begun}</h3>\n", Text(&scan.name)));
        }
        one(&mut out, ledger);
    }
    if runs.len() > SCANS {
        paragraph(&mut out, "soft", first_of(SCANS, runs.len() as u64, "ledgers are shown"));
    }
    Some(out)
}

fn one(out: &mut String, ledger: &Ledger) {
    let rows = EQUATIONS.iter().map(|(left, right)| {
        let sum = right.iter().map(|name| ledger.total(name)).sum::<u64>();
        let difference = ledger.total(left).abs_diff(sum);
        let numbers: Vec<String> =
            right.iter().map(|name| words::count(ledger.total(name))).collect();
        vec![
            format!("{left} = {}", right.join(" + ")),
            format!("{} = {}", words::count(ledger.total(left)), numbers.join(" + ")),
            if difference == 0 {
                "adds up".into()
            } else {
                format!("{} are missing", words::count(difference))
            },
        ]
    });
    let unaccounted = ledger.total("unaccounted");
    table(
        out,
        &format!(
            "The four equations; {} unaccounted for",
            words::counted(unaccounted, "packet", "packets")
        ),
        &[Column::Words("Equation"), Column::Words("Numbers"), Column::Words("")],
        rows,
    );
    let beside: Vec<Vec<String>> = BESIDE
        .iter()
        .filter(|(name, _)| ledger.total(name) > 0)
        .map(|(name, what)| vec![(*what).to_owned(), words::count(ledger.total(name))])
        .chain(ledger.steering().filter(|(_, count)| *count > 0).take(16).map(|(name, count)| {
            vec![format!("steering program: {}", name.replace('_', " ")), words::count(count)]
        }))
        .collect();
    if !beside.is_empty() {
        table(out, "Beside them", &[Column::Words("What"), Column::Numbers("Count")], beside);
    }
    for remark in ledger.remarks.iter().take(REMARKS) {
        paragraph(out, "note", remark);
    }
    if ledger.remarks.len() > REMARKS {
        let left_out = ledger.remarks.len() - REMARKS;
        paragraph(out, "soft", format_args!("{left_out} more remarks are in the log."));
    }
}

pub(super) fn revised(revised: &[Finding], count: u64) -> Option<String> {
    if count == 0 {
        return None;
    }
    let mut out = String::new();
    paragraph(
        &mut out,
        "soft",
        "A stronger answer came after a weaker one had been told: a SYN-ACK behind a \
         middlebox's RST, for instance. The last one holds everywhere on this page.",
    );
    let rows = revised.iter().map(|finding| {
        let port = match finding.protocol {
            Protocol::Icmp => "host".to_owned(),
            protocol => super::port_name((protocol, finding.port)),
        };
        vec![
            finding.addr.to_string(),
            port,
            finding.state.to_string(),
            finding.reason.to_string(),
            words::moment(finding.unix_us),
        ]
    });
    table(
        &mut out,
        &first_of(revised.len(), count, if count == 1 { "correction" } else { "corrections" }),
        &[
            Column::Code("Address"),
            Column::Code("Port"),
            Column::Words("State now"),
            Column::Words("Reason"),
            Column::Words("When"),
        ],
        rows,
    );
    Some(out)
}
