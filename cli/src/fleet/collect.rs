//! `prtip fleet collect`: what all workers have found, each result once, in the formats of a
//! scan of one machine, and their ledgers in one.

use std::collections::{BTreeSet, HashMap};
use std::io::{BufRead, BufReader, BufWriter, Seek, SeekFrom, Write, stdout};

use clap::Args;
use prtip_engine::error::{Error, Kind, Result};
use prtip_engine::event::clock::{Clock, monotonic_ns, parse_rfc3339};
use prtip_engine::event::files::{About, Files, Outcome};
use prtip_engine::event::record::{LedgerRecord, encode};
use prtip_engine::event::recovery::told;
use prtip_engine::event::sinks::ShownStates;
use prtip_engine::event::table::Table;
use prtip_engine::event::{PortEvent, PortState};
use prtip_engine::fleet::job::Job;
use prtip_engine::fleet::merge::Merge;
use prtip_engine::plan::{Plan, Purpose};
use prtip_engine::scan::ledger::{Ledger, Steering};
use prtip_fleet::link::Link;
use prtip_fleet::results::{Stored, read};
use prtip_fleet::server::{in_time, runtime};
use prtip_fleet::status::{self, Status};
use serde::Deserialize;
use std::fs::File;

use super::server_args::ServerArgs;
use crate::args::ResultArgs;
use crate::exit::Exit;
use crate::outputs;
use crate::say::say;

#[derive(Debug, Args)]
pub(crate) struct CollectArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// The job. Where ranges are left, what there is is written, and the exit code is 3.
    #[arg(value_name = "JOB")]
    job: String,
    #[command(flatten)]
    results: ResultArgs,
}

pub(super) fn run(args: CollectArgs) -> Result<Exit> {
    check(&args.results)?;
    let wanted = outputs::wanted(&args.results, false)?;
    outputs::check(&wanted, &args.results)?;
    let (job, status, found) = runtime()?.block_on(async {
        let link = Link::open(&args.server.server()).await?;
        let found = async {
            let job = link.job(&args.job).await?;
            let status = in_time("look at the job", status::of(&link, &job)).await?;
            let found = fetch(&link, &job).await?;
            Ok((job, status, found))
        };
        link.permitted("collect the results", found).await
    })?;
    let plan = job.plan()?;
    let mut writer = Writer::open(&args.results, &wanted, &job, &plan, &status)?;
    found.write(&plan, &mut writer)?;
    let ledger = found.books(&job, &status);
    writer.end(&ledger, &status)?;
    for word in &ledger.words {
        say(format_args!("prtip: {word}"));
    }
    Ok(if status.is_complete() { Exit::Done } else { Exit::Stopped })
}

/// Flags of results that a collection cannot obey.
fn check(args: &ResultArgs) -> Result<()> {
    for (given, flag) in [
        (args.event_log.is_some(), "--event-log"),
        (args.resume.is_some(), "--resume"),
        (!args.latency.is_empty(), "--latency"),
        (args.stage_latency, "--stage-latency"),
        (args.status_file.is_some(), "--status-file"),
        (args.metrics.is_some(), "--metrics"),
        (args.pcap.is_some(), "--pcap"),
        (!args.show.is_empty(), "--show"),
    ] {
        if given {
            return Err(Error::new(Kind::Usage, format!("{flag} is for a scan of one machine"))
                .remedy("collect takes --json, --csv, --parquet, --ndjson, -oN, -oX, -oG, -oA"));
        }
    }
    Ok(())
}

/// What the workers have stored.
struct Found {
    /// Lines of results, as they came.
    lines: File,
    ledgers: Vec<(Ledger, Steering)>,
    remarks: BTreeSet<String>,
    refused: BTreeSet<String>,
}

/// The fields of a ledger record that are summed.
#[derive(Deserialize)]
struct Booked {
    #[serde(flatten)]
    ledger: Ledger,
    #[serde(default)]
    steering: Option<Steering>,
    #[serde(default)]
    remarks: Vec<String>,
}

async fn fetch(link: &Link, job: &Job) -> Result<Found> {
    let spill =
        |error| Error::new(Kind::Failed, "keep results in a temporary file").because_of(error);
    let mut lines = BufWriter::new(tempfile::tempfile().map_err(spill)?);
    let mut found = Found {
        lines: lines.get_ref().try_clone().map_err(spill)?,
        ledgers: Vec::new(),
        remarks: BTreeSet::new(),
        refused: BTreeSet::new(),
    };
    read(link, job, |stored| {
        match stored {
            Stored::Results(text) => lines.write_all(text).map_err(spill)?,
            Stored::Ledger(line) => {
                if let Ok(booked) = serde_json::from_slice::<Booked>(line) {
                    let steering = booked.steering.unwrap_or_default();
                    found.ledgers.push((booked.ledger, steering));
                    found.remarks.extend(booked.remarks);
                }
            }
            Stored::Refusal(words) => {
                let words = String::from_utf8_lossy(words);
                found.refused.insert(words.escape_default().to_string());
            }
        }
        Ok(())
    })
    .await?;
    lines.flush().map_err(spill)?;
    Ok(found)
}

/// The sum of the ledgers, and words for people.
struct Books {
    ledger: Ledger,
    steering: Option<Steering>,
    remarks: Vec<String>,
    words: Vec<String>,
}

impl Found {
    /// Each line that is a result of the plan, with its index.
    fn each(
        &self,
        plan: &Plan,
        mut take: impl FnMut(u64, &[u8], PortEvent, u64) -> Result<()>,
    ) -> Result<()> {
        let fail = |error| Error::new(Kind::Failed, "read what was fetched").because_of(error);
        let mut file = self.lines.try_clone().map_err(fail)?;
        file.seek(SeekFrom::Start(0)).map_err(fail)?;
        let mut file = BufReader::with_capacity(1 << 18, file);
        let mut line = Vec::new();
        while file.read_until(b'\n', &mut line).map_err(fail)? > 0 {
            if let Some((event, unix_us)) = told(line.trim_ascii_end(), plan.items().purpose()) {
                let index = plan.index_of(prtip_engine::plan::Target {
                    addr: event.addr,
                    port: event.port,
                    protocol: event.protocol,
                });
                // What is not of the plan is not of this job.
                if let Some(index) = index {
                    take(index, &line, event, unix_us)?;
                }
            }
            line.clear();
        }
        Ok(())
    }

    fn write(&self, plan: &Plan, writer: &mut Writer) -> Result<()> {
        let mut merge = Merge::default();
        self.each(plan, |index, _, event, _| {
            merge.learn(index, event.state);
            Ok(())
        })?;
        self.each(plan, |index, line, event, unix_us| {
            if merge.is_final(index, event.state) {
                writer.take(line, &event, unix_us)?;
            }
            Ok(())
        })
    }

    fn books(&self, job: &Job, status: &Status) -> Books {
        let mut ledger = Ledger::default();
        let mut steering: Option<Steering> = None;
        for (one, seen) in &self.ledgers {
            ledger += *one;
            if *seen != Steering::default() {
                *steering.get_or_insert_default() += *seen;
            }
        }
        let mut words: Vec<String> = self.refused.iter().cloned().collect();
        if !status.dead.is_empty() {
            words.push(format!("ranges put aside, not scanned: {:?}", status.dead));
        }
        if !status.is_complete() {
            let (done, all) = (status.done, job.ranges());
            words.push(format!("{done} of {all} ranges are done: there may be more to find"));
        }
        let pairs = job.pairs().unwrap_or(0);
        let remarks: Vec<String> = self.remarks.iter().cloned().collect();
        let firsts = ledger.generated.saturating_sub(ledger.retries + ledger.tx_again);
        words.push(format!(
            "{} runs: {} probes sent, {} replies valid, {} twice, {} unaccounted",
            self.ledgers.len(),
            ledger.completed,
            ledger.rx_valid,
            ledger.rx_duplicate,
            ledger.unaccounted
        ));
        if status.is_complete() && firsts < pairs {
            words.push(format!(
                "workers that were lost had sent first probes to {} pairs and never reported them",
                pairs - firsts
            ));
        } else if status.is_complete() && firsts > pairs {
            words.push(format!("{} pairs were probed by more than one worker", firsts - pairs));
        }
        Books { ledger, steering, remarks, words }
    }
}

/// Where results go.
struct Writer {
    json: bool,
    table: Option<Table>,
    files: Option<Files>,
    out: BufWriter<std::io::Stdout>,
    text: String,
    open: u64,
    started_us: u64,
}

impl Writer {
    fn open(
        args: &ResultArgs,
        wanted: &[prtip_engine::event::files::Wanted],
        job: &Job,
        plan: &Plan,
        status: &Status,
    ) -> Result<Self> {
        let only_host = (plan.addresses() == 1).then(|| plan.target(0).addr);
        let started_us = parse_rfc3339(&job.submitted).unwrap_or(0);
        let mut shown = vec![PortState::Open, PortState::Unfiltered];
        if job.closed {
            shown.push(PortState::Closed);
        }
        let about = About {
            args: job.args.clone(),
            version: job.version.clone(),
            items: plan.items().clone(),
            addresses: plan.addresses(),
            only_host,
            names: HashMap::new(),
            shown: ShownStates::of(&shown),
            services: false,
            // What was closed is not stored where nobody asked for it.
            whole: job.closed && status.is_complete() && plan.shard() == (0..plan.len()),
            started_unix_us: started_us,
        };
        let files = match wanted {
            [] => None,
            wanted => Some(Files::open(wanted, about, None, || Box::new(stdout()))?),
        };
        let table = match (plan.items().purpose(), only_host) {
            (Purpose::Hosts, _) => Table::hosts(plan.contains_v6(), false),
            (_, Some(addr)) => Table::one_host(&addr.to_string(), false),
            _ => Table::many_hosts(plan.contains_v6(), false),
        };
        let table = (!args.json && !outputs::takes_stdout(wanted)).then_some(table);
        let (out, text) = (BufWriter::new(stdout()), String::new());
        Ok(Self { json: args.json, table, files, out, text, open: 0, started_us })
    }

    fn take(&mut self, line: &[u8], event: &PortEvent, unix_us: u64) -> Result<()> {
        self.open += u64::from(event.state.strength() == 3);
        if self.json {
            self.print(|out, _| out.write_all(line))?;
        }
        if let Some(table) = &mut self.table {
            self.text.clear();
            table.port(event, true, false, &mut self.text);
            self.print(|out, text| out.write_all(text.as_bytes()))?;
        }
        if let Some(files) = &mut self.files {
            files.restore(event, unix_us, false);
        }
        Ok(())
    }

    fn print(
        &mut self,
        write: impl FnOnce(&mut BufWriter<std::io::Stdout>, &str) -> std::io::Result<()>,
    ) -> Result<()> {
        match write(&mut self.out, &self.text) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                // Nobody reads on: a normal end.
                std::process::exit(Exit::Done as i32)
            }
            written => written.map_err(|error| {
                Error::new(Kind::Failed, "write to standard output").because_of(error)
            }),
        }
    }

    fn end(mut self, books: &Books, status: &Status) -> Result<()> {
        let clock = Clock::start();
        if self.json {
            let mut line = Vec::new();
            let record = LedgerRecord {
                ledger: &books.ledger,
                steering: books.steering,
                remarks: &books.remarks,
            };
            encode(&record, &clock.now_rfc3339(), &mut line);
            self.print(|out, _| out.write_all(&line))?;
        }
        self.print(|out, _| out.flush())?;
        if let Some(mut files) = self.files.take() {
            let now = clock.unix_us(monotonic_ns());
            let outcome = Outcome {
                ended_unix_us: now,
                elapsed_s: now.saturating_sub(self.started_us) as f64 / 1e6,
                stopped: !status.is_complete(),
                hosts_up: 0,
            };
            files.conclude(outcome, None, None);
            files.finish()?;
        }
        say(format_args!("prtip: {} results are open (or up)", self.open));
        Ok(())
    }
}
