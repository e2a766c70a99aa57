//! Certificates, those that have ended or end soon first.

use super::{first_of, port_name};
use crate::report::detected::{Detected, Shown};
use crate::report::html::{Column, paragraph, table};
use crate::report::words;

const DAY_US: u64 = 86_400_000_000;
/// Certificates listed.
const ROWS: usize = 100;

pub(super) fn section(detected: &Detected, now_us: u64) -> Option<String> {
    let all = detected.certificates();
    let [statuses, versions] = detected.chains();
    if all.is_empty() && statuses.is_empty() {
        return None;
    }
    let mut out = String::new();
    let days = |certificate: &Shown| {
        Some((i128::from(certificate.not_after_us?) - i128::from(now_us)) / i128::from(DAY_US))
    };
    let ended = |c: &Shown| c.not_after_us.is_some_and(|us| us < now_us);
    let within = |limit: i128| {
        all.iter().filter(|c| !ended(c) && days(c).is_some_and(|d| d < limit)).count()
    };
    let (gone, week, month) = (all.iter().filter(|c| ended(c)).count(), within(7), within(30));
    let soon = gone + month;
    let told = |n: usize| words::count(n as u64);
    let class = if soon > 0 { "note" } else { "soft" };
    paragraph(
        &mut out,
        class,
        format_args!(
            "Of {}: {} expired, {} end within 7 days, {} within 30 days (on {}).",
            words::counted(all.len() as u64, "certificate", "certificates"),
            told(gone),
            told(week),
            told(month),
            words::moment(now_us)
        ),
    );
    if detected.certificates_left_out > 0 {
        let more = words::count(detected.certificates_left_out);
        paragraph(
            &mut out,
            "note",
            format_args!("{more} more certificates were too many to be told apart."),
        );
    }
    let rows = all.iter().take(ROWS).map(|certificate| {
        let when = match days(certificate) {
            None => "cannot be read".to_owned(),
            Some(_) if ended(certificate) => {
                let past = (now_us - certificate.not_after_us.unwrap_or(now_us)) / DAY_US;
                format!("expired {} ago", words::counted(past, "day", "days"))
            }
            Some(days) => words::counted(u64::try_from(days).unwrap_or(0), "day", "days"),
        };
        let (addr, protocol, port) = certificate.place;
        vec![
            certificate.subject.clone(),
            certificate.not_after.clone(),
            when,
            if certificate.leaf { "server" } else { "authority" }.to_owned(),
            certificate.names.clone(),
            certificate.issuer.clone(),
            format!("{addr} {}", port_name((protocol, port))),
            words::count(certificate.chains),
        ]
    });
    table(
        &mut out,
        &first_of(
            all.len().min(ROWS),
            all.len() as u64,
            "certificates, what ends first before all others",
        ),
        &[
            Column::Words("Subject"),
            Column::Words("Not after"),
            Column::Words("Left"),
            Column::Words("Of"),
            Column::Words("Names"),
            Column::Words("Issuer"),
            Column::Code("First met at"),
            Column::Numbers("Ports"),
        ],
        rows,
    );
    for (caption, column, counted) in [
        ("What became of the chains", "Status", statuses),
        ("Protocol versions", "Version", versions),
    ] {
        let rows =
            counted.iter().take(20).map(|(n, count)| vec![(*n).clone(), words::count(*count)]);
        table(&mut out, caption, &[Column::Words(column), Column::Numbers("Ports")], rows);
    }
    Some(out)
}
