//! Round-trip times, and how the scans went.

use super::{Page, SCANS};
use crate::latency::Latency;
use crate::report::chart::{Axis, Plot};
use crate::report::html::{Column, paragraph, table};
use crate::report::scan::Scan;
use crate::report::series::Stretch;
use crate::report::words;

const QUANTILES: [(&str, f64); 7] = [
    ("50 %", 0.5),
    ("75 %", 0.75),
    ("90 %", 0.9),
    ("99 %", 0.99),
    ("99.9 %", 0.999),
    ("99.99 %", 0.9999),
    ("100 %", 1.0),
];
/// Bars of the distribution in a factor of ten.
const BARS_A_DECADE: f64 = 16.0;
/// Scans whose course is drawn.
const COURSES: usize = 6;

pub(super) fn round_trips(page: &Page) -> Option<String> {
    let latency = &page.latency;
    let told = latency.percentiles()?;
    let mut out = String::new();
    paragraph(
        &mut out,
        "soft",
        format_args!(
            "Of {}, the first to each port that told one. Probes go out on a schedule that does \
             not wait for answers, so slow answers are not left out.",
            words::counted(latency.count(), "answer", "answers")
        ),
    );
    let words_of = |us: u64| words::nanoseconds(us * 1000);
    let description = format!(
        "Half of the answers came within {}, 99 % within {}, all within {}",
        words_of(told.p50),
        words_of(told.p99),
        words_of(told.max)
    );
    percentiles(&mut out, latency, &description);
    distribution(&mut out, latency);
    let histogram = latency.histogram();
    let rows = QUANTILES.iter().map(|(name, quantile)| {
        let ns = histogram.value_at_quantile(*quantile);
        vec![(*name).to_owned(), words::nanoseconds(ns)]
    });
    let first = vec!["shortest".to_owned(), words::nanoseconds(histogram.min())];
    table(
        &mut out,
        "Answers that came within",
        &[Column::Words("Percentile"), Column::Numbers("Time")],
        std::iter::once(first).chain(rows),
    );
    Some(out)
}

/// A quantile, and the time within which so many came.
fn percentiles(out: &mut String, latency: &Latency, description: &str) {
    let histogram = latency.histogram();
    let (low, high) = (histogram.min() as f64, histogram.max() as f64);
    let y = Axis::log("round trip", low, high, words::brief_ns);
    let axes = (Axis::percentiles(latency.count()), y);
    let mut plot = Plot::begin(out, 300.0, axes, "Round trips by percentile", description);
    let count = latency.count() as f64;
    let points = histogram.iter_quantiles(8).map(|step| {
        let left = (1.0 - step.quantile_iterated_to()).max(1.0 / count);
        (1.0 / left, step.value_iterated_to() as f64)
    });
    plot.line("a", points);
    plot.end(&[]);
}

fn distribution(out: &mut String, latency: &Latency) {
    let histogram = latency.histogram();
    let bin = |ns: u64| ((ns.max(1) as f64).log10() * BARS_A_DECADE).floor() as i64;
    let (first, last) = (bin(histogram.min()), bin(histogram.max()));
    let mut counts = vec![0u64; usize::try_from(last - first).unwrap_or(0) + 1];
    for step in histogram.iter_recorded() {
        let place = (bin(step.value_iterated_to()) - first).clamp(0, last - first);
        counts[place as usize] += step.count_since_last_iteration();
    }
    let edge = |bin: i64| 10f64.powf(bin as f64 / BARS_A_DECADE);
    let most = counts.iter().max().copied().unwrap_or(0);
    let write = |ns: f64| words::nanoseconds(ns.round() as u64);
    let axes = (
        Axis::log("round trip", edge(first), edge(last + 1), words::brief_ns),
        Axis::linear("answers", most as f64, words::brief),
    );
    let description = format!("Between {} and {}", write(edge(first)), write(edge(last + 1)));
    let mut plot = Plot::begin(out, 220.0, axes, "How round trips are distributed", &description);
    for (&count, bin) in counts.iter().zip(first..) {
        let (from, to) = (edge(bin), edge(bin + 1));
        let words = format!("{} to {}: {}", write(from), write(to), words::count(count));
        plot.bar("a", (from, to), count as f64, &words);
    }
    plot.end(&[]);
}

pub(super) fn course(scans: &[Scan]) -> Option<String> {
    let with_course: Vec<&Scan> =
        scans.iter().filter(|scan| !scan.series.stretches().is_empty()).collect();
    if with_course.is_empty() {
        return None;
    }
    let mut out = String::new();
    for scan in with_course.iter().take(COURSES) {
        one_course(&mut out, scan);
    }
    if with_course.len() > COURSES {
        paragraph(
            &mut out,
            "soft",
            super::first_of(COURSES, with_course.len() as u64, "scans are drawn"),
        );
    }
    let rows = with_course.iter().take(SCANS).map(|scan| {
        let stretches = scan.series.stretches();
        let sum = |count: fn(&Stretch) -> u64| stretches.iter().map(count).sum::<u64>();
        let (sent, replies, drops) = (sum(|s| s.sent), sum(|s| s.replies), sum(|s| s.drops));
        let seconds: f64 = stretches.iter().filter(|s| s.sent > 0).map(Stretch::seconds).sum();
        let fastest = stretches.iter().map(|s| s.rate(s.sent)).fold(0.0, f64::max);
        vec![
            scan.name.clone(),
            words::brief(sent as f64 / seconds.max(1e-6)),
            words::brief(fastest),
            words::share(replies, sent),
            words::count(drops),
            words::share(drops, replies + drops),
        ]
    });
    table(
        &mut out,
        "Over the times in which probes were sent",
        &[
            Column::Code("Log"),
            Column::Numbers("Probes a second"),
            Column::Numbers("At most"),
            Column::Numbers("Replies a probe"),
            Column::Numbers("Dropped on this host"),
            Column::Numbers("Of all replies"),
        ],
        rows,
    );
    stages(&mut out, scans);
    Some(out)
}

/// How long the engine itself took, where that was timed.
fn stages(out: &mut String, scans: &[Scan]) {
    let runs = scans.iter().flat_map(|scan| scan.runs.iter().map(move |run| (scan, run)));
    let rows: Vec<Vec<String>> = runs
        .filter_map(|(scan, run)| Some((scan, run.stages.as_ref()?)))
        .take(SCANS)
        .flat_map(|(scan, stages)| {
            [
                ("made, until the kernel is kicked", stages.craft_to_kick),
                ("kicked, until it has been sent", stages.kick_to_completion),
                ("reply stamped, until its event", stages.ring_to_event),
            ]
            .into_iter()
            .filter_map(|(name, stage)| Some((name, stage?)))
            .map(|(name, stage)| {
                let times = [stage.p50, stage.p99, stage.p999, stage.max].map(words::nanoseconds);
                let mut row = vec![scan.name.clone(), name.to_owned(), words::count(stage.count)];
                row.extend(times);
                row
            })
        })
        .collect();
    if rows.is_empty() {
        return;
    }
    table(
        out,
        "The engine's own stages, of each probe and each first answer",
        &[
            Column::Code("Log"),
            Column::Words("Stage"),
            Column::Numbers("Timed"),
            Column::Numbers("50 %"),
            Column::Numbers("99 %"),
            Column::Numbers("99.9 %"),
            Column::Numbers("At most"),
        ],
        rows,
    );
}

fn one_course(out: &mut String, scan: &Scan) {
    let stretches = scan.series.stretches();
    let (Some(first), Some(last)) = (stretches.first(), stretches.last()) else { return };
    let since = |us: u64| us.saturating_sub(first.from_us) as f64 / 1e6;
    let end = since(last.to_us);
    let most = stretches.iter().map(|s| s.rate(s.sent).max(s.rate(s.replies))).fold(0.0, f64::max);
    let time = || Axis::exact("time since the start", end, clock(end));
    let axes = (time(), Axis::linear("a second", most, words::brief));
    let description =
        format!("Over {}, at most {} a second", words::seconds(end), words::brief(most));
    let title = format!("{}: probes and replies a second", scan.name);
    let mut plot = Plot::begin(out, 240.0, axes, &title, &description);
    for (class, count) in
        [("b", (|s| s.replies) as fn(&Stretch) -> u64), ("a", |s: &Stretch| s.sent)]
    {
        // Each run is a line of its own: nothing was sent between them.
        for run in stretches.chunk_by(|before, after| before.to_us == after.from_us) {
            plot.line(
                class,
                run.iter().flat_map(|stretch| {
                    let rate = stretch.rate(count(stretch));
                    [(since(stretch.from_us), rate), (since(stretch.to_us), rate)]
                }),
            );
        }
    }
    plot.end(&[("a", "probes"), ("b", "replies, duplicates included")]);
    let lost = stretches.iter().map(|s| s.rate(s.drops)).fold(0.0, f64::max);
    if lost > 0.0 {
        let title = format!("{}: dropped on this host, a second", scan.name);
        let axes = (time(), Axis::linear("a second", lost, words::brief));
        let description = format!("At most {} a second", words::brief(lost));
        let mut plot = Plot::begin(out, 160.0, axes, &title, &description);
        for stretch in stretches {
            let rate = stretch.rate(stretch.drops);
            let words = format!("{} dropped", words::count(stretch.drops));
            plot.bar("bad", (since(stretch.from_us), since(stretch.to_us)), rate, &words);
        }
        plot.end(&[]);
    }
}

/// How times on an axis are written that ends at `end` seconds.
fn clock(end: f64) -> impl Fn(f64) -> String {
    move |seconds| match end {
        _ if end < 300.0 => format!("{} s", (seconds * 100.0).round() / 100.0),
        _ if end < 10_800.0 => format!("{} min", (seconds / 6.0).round() / 10.0),
        _ => format!("{} h", (seconds / 360.0).round() / 10.0),
    }
}
