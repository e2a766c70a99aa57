//! `prtip fleet status`: how far a job is, and who works on it.

use std::fmt::Write;

use clap::Args;
use futures_util::StreamExt;
use prtip_engine::error::{Error, Result};
use prtip_engine::event::clock::monotonic_ns;
use prtip_engine::fleet::job::Job;
use serde::Serialize;

use super::link::{Link, ServerArgs, in_time, refused, runtime};
use super::pulse::Word;
use crate::exit::Exit;

/// A worker of which nothing was heard for so long is not shown.
const SILENT_S: i64 = 30;

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// The job; default: a line for each.
    #[arg(value_name = "JOB")]
    job: Option<String>,
    /// As JSON, one object a job.
    #[arg(long)]
    json: bool,
}

/// How far a job is. Counted from what is stored: a range is done when it was marked so
/// after its results.
#[derive(Debug, Serialize)]
pub(super) struct Status {
    job: String,
    /// `waiting`, `running`, `done` or `cancelled`.
    state: &'static str,
    ranges: u64,
    pub(super) done: u64,
    /// Held, by the last words of the workers that were heard of lately.
    leased: u64,
    waiting: u64,
    /// Put aside, because they were handed out in vain too often.
    pub(super) dead: Vec<u64>,
    pairs: String,
    rate: Option<f64>,
    /// Probes a second of all workers now.
    pps: f64,
    /// Seconds to the end at that rate.
    eta_s: Option<f64>,
    workers: Vec<Word>,
    refused: u64,
}

pub(super) fn run(args: &StatusArgs) -> Result<Exit> {
    let text = runtime()?.block_on(in_time("ask for the jobs", async {
        let link = Link::open(&args.server).await?;
        let names = match &args.job {
            Some(id) => vec![id.clone()],
            None => link.job_names().await?,
        };
        let mut text = String::new();
        for id in names {
            let status = of(&link, &link.job(&id).await?).await?;
            if args.json {
                text += &serde_json::to_string(&status).unwrap_or_default();
                text.push('\n');
            } else if args.job.is_some() {
                text += &status.in_full();
            } else {
                text += &status.line();
            }
        }
        Ok::<_, Error>(text)
    }))?;
    crate::print(text.as_bytes())
}

/// Counts.
pub(super) async fn of(link: &Link, job: &Job) -> Result<Status> {
    let id = &job.id;
    // In this order: what moves on meanwhile is seen before it is given up, so that nothing
    // is counted as finished that is not.
    let work = link.work_stream(id).await?.cached_info().state.messages;
    let info = link.consumer(id).await?.cached_info().clone();
    let done = link.marked(id, "done").await?.len() as u64;
    let dead = link.marked(id, "dead").await?;
    let cancelled = link.is_cancelled(id).await?;
    let workers = workers(link, id).await?;
    // The server counts ranges that were given back as handed out until it hands them out
    // again, so workers are asked; of one that was killed it knows better when it has none.
    let held: usize = workers.iter().map(|word| word.held).sum();
    let leased = (info.num_ack_pending.min(held) as u64).min(work);
    let pps = workers.iter().fold(0.0, |sum, word| sum + word.pps);
    let ranges = job.ranges();
    let size = job.range(0).map_or(0, |range| range.end);
    let left = (ranges - done.min(ranges)) as f64 * size as f64;
    let state = match (cancelled, done + dead.len() as u64 >= ranges) {
        (true, false) => "cancelled",
        (_, true) => "done",
        _ if leased > 0 => "running",
        _ => "waiting",
    };
    let refused = link.out_stream(id).await?;
    let refused = refused.info_with_subjects(format!("prtip.out.{id}.refused")).await;
    let refused = match refused {
        Ok(mut subjects) => match subjects.next().await {
            Some(Ok((_, count))) => count as u64,
            _ => 0,
        },
        Err(_) => 0,
    };
    Ok(Status {
        job: id.clone(),
        state,
        ranges,
        done,
        leased,
        waiting: work.saturating_sub(leased),
        dead,
        pairs: job.pairs.clone(),
        rate: job.rate,
        pps,
        eta_s: (pps > 0.0 && state == "running").then(|| (left / pps).round()),
        workers,
        refused,
    })
}

/// The workers that spoke a short while ago and have not said that they leave.
async fn workers(link: &Link, id: &str) -> Result<Vec<Word>> {
    let fail = |error: String| refused("look for workers", error);
    let now = prtip_engine::event::clock::Clock::start().unix_us(monotonic_ns()) / 1_000_000;
    let mut workers = Vec::new();
    for name in link.worker_names(id).await? {
        let entry = link
            .workers
            .entry(format!("{id}.{name}"))
            .await
            .map_err(|error| fail(error.to_string()))?;
        let Some(entry) = entry else { continue };
        let Ok(word) = serde_json::from_slice::<Word>(&entry.value) else { continue };
        let silent_s = now as i64 - entry.created.unix_timestamp();
        if !word.leaves && silent_s < SILENT_S.max(word.beat_ms as i64 / 250) {
            workers.push(word);
        }
    }
    workers.sort_by(|a, b| a.worker.cmp(&b.worker));
    Ok(workers)
}

impl Status {
    /// Whether nothing is left to scan.
    pub(super) fn is_complete(&self) -> bool {
        self.done == self.ranges
    }

    fn line(&self) -> String {
        let Self { job, state, ranges, done, leased, waiting, .. } = self;
        format!(
            "{job}: {state}, {done} of {ranges} ranges done, {leased} leased, {waiting} waiting, {} put aside\n",
            self.dead.len()
        )
    }

    fn in_full(&self) -> String {
        let mut text = self.line();
        let rate = self.rate.map_or("no limit".to_owned(), |rate| format!("{rate:.0}/s"));
        let eta = self.eta_s.map_or(String::new(), |eta| format!(", {eta:.0} s left"));
        // Writing into a string does not fail.
        let _ = writeln!(
            text,
            "{} pairs, rate {rate}, now {:.0}/s by {} workers{eta}",
            self.pairs,
            self.pps,
            self.workers.len()
        );
        if !self.dead.is_empty() {
            let numbers: Vec<String> = self.dead.iter().map(ToString::to_string).collect();
            let _ = writeln!(text, "put aside: ranges {}", numbers.join(", "));
        }
        if self.refused > 0 {
            let _ = writeln!(text, "refused by workers: {} times; see collect", self.refused);
        }
        for word in &self.workers {
            let share = word.share.map_or("-".to_owned(), |share| format!("{share:.0}"));
            let _ = writeln!(
                text,
                "  {:<24} {:>10.0}/s of {share:>10}  {:>6} ranges, {:>6} finished  {} found, {} sent",
                word.worker, word.pps, word.held, word.finished, word.found, word.sent
            );
        }
        text
    }
}
