//! `prtip-bench match`: answers of services against our signatures and, where a file is
//! named, against a user's; beside the same rules as byte regexes tried one after the
//! other, and beside the limits that a scan needs.

mod hostile;
mod one_by_one;

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use prtip_signatures::users::nmap;
use prtip_signatures::{Database, Scratch, Transport, format, sources};

use crate::benchmark::{BenchArgs, Row, Setup, Table, Target};
use crate::paired::{Comparison, Side, interleave};
use one_by_one::OneByOne;

/// `prtip-bench match`.
#[derive(Clone, Debug, Args)]
pub struct MatchArgs {
    #[command(flatten)]
    bench: BenchArgs,
    /// A file in the format of nmap-service-probes, measured as well
    #[arg(long, value_name = "FILE")]
    service_probes: Option<PathBuf>,
    /// Answers to match instead of our signatures' examples: base64, a tab, the probe's name
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
}

/// An answer and the probe that drew it.
type Answer = (usize, Vec<u8>);

/// A database, its name in the rows, and what is asked of it.
struct Subject<'a> {
    name: &'a str,
    database: &'a Database,
    answers: Vec<Answer>,
    /// Aim for the median answer, in microseconds.
    median_us: f64,
    /// Aim for the slowest of a thousand hostile answers.
    hostile_us: f64,
}

/// Runs the benchmark.
///
/// # Errors
/// Files that cannot be read, and results that differ from those of the loop.
pub fn run(args: &MatchArgs) -> Result<()> {
    let mut table = Table::new(&args.bench).over("one thread");
    // `over` is for links that the aims are not for; these hold anywhere.
    table.with_aims();
    let named = named_answers(args)?;
    let shipped = Database::shipped();
    let subject = Subject {
        name: "our signatures",
        database: shipped,
        answers: placed(shipped, &named),
        median_us: 2.0,
        hostile_us: 200.0,
    };
    measure(&subject, &args.bench, &mut table)?;
    start_up(&args.bench, &mut table)?;
    if let Some(file) = &args.service_probes {
        let bytes = fs::read(file).with_context(|| file.display().to_string())?;
        let read = nmap::read("file", &bytes);
        let Ok(database) = Database::of(&[read.source]) else {
            bail!("{}: not in the format of nmap-service-probes", file.display());
        };
        let subject = Subject {
            name: "the user's file",
            database: &database,
            answers: placed(&database, &named),
            median_us: 25.0,
            hostile_us: 5000.0,
        };
        ensure!(!subject.answers.is_empty(), "{}: none of its probes is asked", file.display());
        measure(&subject, &args.bench, &mut table)?;
    }
    Ok(())
}

/// A probe's transport and payload, and an answer to it.
struct Named {
    transport: Transport,
    payload: Vec<u8>,
    answer: Vec<u8>,
}

fn named_answers(args: &MatchArgs) -> Result<Vec<Named>> {
    let shipped = Database::shipped();
    let mut named = Vec::new();
    let mut name = |transport, probe: &str, answer: Vec<u8>| {
        let place = shipped.probe(transport, probe).with_context(|| format!("no probe {probe}"))?;
        let payload = shipped.probes()[place].payload.to_vec();
        named.push(Named { transport, payload, answer });
        anyhow::Ok(())
    };
    if let Some(file) = &args.answers {
        let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        for (at, line) in text.lines().enumerate() {
            let (banner, probe) = line.split_once('\t').unwrap_or((line, "NULL"));
            let (transport, probe) = match probe.split_once(':') {
                Some(("udp", probe)) => (Transport::Udp, probe),
                Some(("tcp", probe)) => (Transport::Tcp, probe),
                _ => (Transport::Tcp, probe),
            };
            let answer = decode(banner).with_context(|| format!("line {}: base64", at + 1))?;
            name(transport, probe, answer)?;
        }
        return Ok(named);
    }
    for (file, text) in sources() {
        let source = format::read(file, text)?;
        for section in &source.sections {
            for (rule, (transport, probe)) in
                section.rules.iter().flat_map(|rule| section.answers.iter().map(move |a| (rule, a)))
            {
                for example in &rule.examples {
                    name(*transport, probe, example.answer.clone())?;
                }
            }
        }
    }
    Ok(named)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

/// The answers whose probes a database has, by what they send.
fn placed(database: &Database, named: &[Named]) -> Vec<Answer> {
    named
        .iter()
        .filter_map(|Named { transport, payload, answer }| {
            let same = |probe: &prtip_signatures::Probe| {
                probe.transport == *transport && *probe.payload == **payload
            };
            Some((database.probes().iter().position(same)?, answer.clone()))
        })
        .collect()
}

fn measure(subject: &Subject<'_>, args: &BenchArgs, table: &mut Table) -> Result<()> {
    let Subject { name, database, answers, .. } = subject;
    let mut scratch = database.scratch();
    let loops = OneByOne::new(database, answers);
    loops.agree(database, &mut scratch, answers, table)?;
    let setup = Setup {
        port_engine: "none".to_owned(),
        xdp_mode: None,
        packet: format!("{} answers, {} rules", answers.len(), database.rules().len()),
    };
    let mut row = |row: String, unit, vs: String, pairs: &[(f64, f64)], target, note| {
        table.print(&Row {
            bench: "match",
            row,
            unit,
            vs,
            compared: Comparison::of(pairs),
            target: Some(target),
            setup: setup.clone(),
            note,
        })
    };
    let ours = |scratch: &mut Scratch| {
        each_us(answers, |probe, answer| {
            std::hint::black_box(database.match_answer(scratch, probe, answer));
        })
    };
    let before = scratch.counters;
    let pairs = interleave(args.pairs, |side| {
        anyhow::Ok(match side {
            Side::Ours => 1e6 / mean(&ours(&mut scratch)),
            Side::Theirs => {
                1e6 / mean(&each_us(answers, |probe, answer| {
                    std::hint::black_box(loops.match_answer(probe, answer));
                }))
            }
        })
    })?;
    let spent = scratch.counters;
    let per_answer =
        |now: u64, then: u64| (now - then) as f64 / (spent.answers - before.answers).max(1) as f64;
    let note = format!(
        "an answer opens {:.2} rules, runs {:.2} automata over {:.0} bytes; the loop has {} regexes",
        per_answer(spent.opened, before.opened),
        per_answer(spent.runs, before.runs),
        per_answer(spent.steps, before.steps),
        loops.regexes(),
    );
    row(
        format!("{name}: answers matched"),
        "answers/s",
        "the probe's rules as regex::bytes, in file order".to_owned(),
        &pairs,
        Target::AtLeast(20.0),
        Some(note),
    )?;
    let pairs = interleave(args.pairs, |side| {
        anyhow::Ok(match side {
            Side::Ours => percentile(&mut ours(&mut scratch), 0.5),
            Side::Theirs => subject.median_us,
        })
    })?;
    row(
        format!("{name}: the median answer"),
        "us",
        "limit".to_owned(),
        &pairs,
        Target::AtMost(1.0),
        None,
    )?;
    hostile_rows(subject, args, &mut scratch, row)
}

fn hostile_rows(
    subject: &Subject<'_>,
    args: &BenchArgs,
    scratch: &mut Scratch,
    mut row: impl FnMut(
        String,
        &'static str,
        String,
        &[(f64, f64)],
        Target,
        Option<String>,
    ) -> Result<()>,
) -> Result<()> {
    let Subject { name, database, answers, hostile_us, .. } = subject;
    let large = hostile::answers(database, answers, 8 << 10);
    let small = hostile::answers(database, answers, 1 << 10);
    let run = |answers: &[Answer], scratch: &mut Scratch| {
        each_us(answers, |probe, answer| {
            std::hint::black_box(database.match_answer(scratch, probe, answer));
        })
    };
    run(&large, scratch);
    run(&small, scratch);
    let before = scratch.counters;
    let pairs = interleave(args.pairs, |side| {
        anyhow::Ok(match side {
            Side::Ours => percentile(&mut run(&large, scratch), 0.999),
            Side::Theirs => *hostile_us,
        })
    })?;
    let spent = scratch.counters;
    let share = |count: u64| count as f64 / (spent.answers - before.answers) as f64;
    let note = format!(
        "{} answers a sample, full of literals; {:.1} automata each, {:.1} % met a limit",
        large.len(),
        share(spent.runs - before.runs),
        100.0 * share(spent.capped - before.capped),
    );
    row(
        format!("{name}: hostile answers of 8 KiB, the 99.9th percentile"),
        "us",
        "limit".to_owned(),
        &pairs,
        Target::AtMost(1.0),
        Some(note),
    )?;
    let pairs = interleave(args.pairs, |side| {
        anyhow::Ok(match side {
            Side::Ours => mean(&run(&large, scratch)),
            Side::Theirs => 8.0 * mean(&run(&small, scratch)),
        })
    })?;
    row(
        format!("{name}: hostile answers of 8 KiB, the mean"),
        "us",
        "eight times that of 1 KiB".to_owned(),
        &pairs,
        Target::AtMost(1.5),
        Some("linear in the length, or less".to_owned()),
    )
}

/// How long each answer takes. Short ones are measured several at a time, so that the
/// clock's own 30 ns do not count.
fn each_us(answers: &[Answer], mut one: impl FnMut(usize, &[u8])) -> Vec<f64> {
    const TIMES: u32 = 4;
    answers
        .iter()
        .map(|(probe, answer)| {
            let started = Instant::now();
            for _ in 0..TIMES {
                one(*probe, answer);
            }
            started.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES)
        })
        .collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share).round() as usize]
}

/// From nothing to a first match: the whole process, beside one that only tells its version.
fn start_up(args: &BenchArgs, table: &mut Table) -> Result<()> {
    let prtip = std::env::current_exe()?.with_file_name("prtip");
    if !prtip.is_file() {
        table.say("match: no prtip beside prtip-bench: its start-up is not measured");
        return Ok(());
    }
    let once = |arguments: &[&str]| -> Result<f64> {
        let started = Instant::now();
        let mut child = Command::new(&prtip)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .context("start prtip")?;
        if let Some(mut input) = child.stdin.take() {
            // A process that does not read is no fault here.
            let _ = input.write_all(b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10\r\n");
        }
        ensure!(child.wait()?.success(), "prtip {arguments:?} failed");
        Ok(started.elapsed().as_secs_f64() * 1e3)
    };
    let pairs = interleave(args.pairs, |side| match side {
        Side::Ours => Ok::<_, anyhow::Error>(
            (once(&["signatures", "match"])? - once(&["--version"])?).max(0.0),
        ),
        Side::Theirs => Ok(5.0),
    })?;
    table.print(&Row {
        bench: "match",
        row: "our signatures: a process that matches one answer, less one that tells its version"
            .to_owned(),
        unit: "ms",
        vs: "limit".to_owned(),
        compared: Comparison::of(&pairs),
        target: Some(Target::AtMost(1.0)),
        setup: Setup {
            port_engine: "none".to_owned(),
            xdp_mode: None,
            packet: "one answer".to_owned(),
        },
        note: None,
    })
}
