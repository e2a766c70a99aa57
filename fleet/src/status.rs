//! How far a job is, counted from what is stored: a range is done when it was marked so after
//! its results.

use futures_util::{StreamExt, stream};
use prtip_engine::error::Result;
use prtip_engine::event::clock::{Clock, monotonic_ns};
use prtip_engine::fleet::job::Job;
use serde::Serialize;

use crate::link::Link;
use crate::word::Word;

/// A worker of which nothing was heard for so long is not shown.
const SILENT_S: i64 = 30;
/// Workers asked after at once.
const ASKED: usize = 64;

/// How far a job is. `done`, `leased`, `waiting`, `missing` and the length of `dead` sum up to
/// `ranges`, but where a job was cancelled.
#[derive(Debug, Serialize)]
pub struct Status {
    /// Its name.
    pub job: String,
    /// `waiting`, `running`, `done` or `cancelled`.
    pub state: &'static str,
    /// How many it has.
    pub ranges: u64,
    /// Scanned, and what was found is stored.
    pub done: u64,
    /// Held, by the last words of the workers that were heard of lately.
    pub leased: u64,
    /// Held by nobody.
    pub waiting: u64,
    /// Not on the server: the job is being submitted, or was not submitted to the end.
    pub missing: u64,
    /// Put aside, because they were handed out in vain too often.
    pub dead: Vec<u64>,
    /// Pairs to scan.
    pub pairs: String,
    /// Probes a second of all workers, as the job says.
    pub rate: Option<f64>,
    /// Probes a second of all workers now.
    pub pps: f64,
    /// Seconds to the end at that rate.
    pub eta_s: Option<f64>,
    /// Bytes of results, ledgers and marks on the server.
    pub stored_bytes: u64,
    /// Those that work.
    pub workers: Vec<Word>,
    /// How often a worker refused the job.
    pub refused: u64,
}

/// Counts.
///
/// # Errors
/// Where the server does not tell.
pub async fn of(link: &Link, job: &Job) -> Result<Status> {
    let id = &job.id;
    // In this order: what moves on meanwhile is seen before it is given up, so that nothing
    // is counted as finished that is not, nor as missing.
    let info = link.consumer(id).await?.cached_info().clone();
    let work = link.work_stream(id).await?.cached_info().state.messages;
    let marks = link.marks(id).await?;
    let cancelled = link.is_cancelled(id).await?;
    let workers = workers(link, id).await?;
    let ranges = job.ranges();
    let done = marks.done.min(ranges);
    let unfinished = match cancelled {
        true => 0,
        false => ranges.saturating_sub(done + marks.dead.len() as u64),
    };
    let missing = unfinished.saturating_sub(work);
    // The server counts ranges that were given back as handed out until it hands them out
    // again, so workers are asked; of one that was killed it knows better when it has none.
    let held: usize = workers.iter().map(|word| word.held).sum();
    let leased = (info.num_ack_pending.min(held) as u64).min(unfinished - missing);
    let pps = workers.iter().fold(0.0, |sum, word| sum + word.pps);
    let size = job.range(0).map_or(0, |range| range.end);
    let left = (ranges - done) as f64 * size as f64;
    let state = match (cancelled, done + marks.dead.len() as u64 >= ranges) {
        (true, false) => "cancelled",
        (_, true) => "done",
        _ if leased > 0 => "running",
        _ => "waiting",
    };
    Ok(Status {
        job: id.clone(),
        state,
        ranges,
        done,
        leased,
        waiting: unfinished - missing - leased,
        missing,
        dead: marks.dead,
        pairs: job.pairs.clone(),
        rate: job.rate,
        pps,
        eta_s: (pps > 0.0 && state == "running").then(|| (left / pps).round()),
        stored_bytes: marks.bytes,
        workers,
        refused: marks.refusals,
    })
}

/// The workers that spoke a short while ago and have not said that they leave.
async fn workers(link: &Link, id: &str) -> Result<Vec<Word>> {
    let now = Clock::start().unix_us(monotonic_ns()) / 1_000_000;
    let asked = link.roster(id).await?.into_iter().map(|listed| async move {
        // One that was forgotten in between has nothing to say.
        let entry = link.workers.entry(listed.key).await.ok()??;
        let word = serde_json::from_slice::<Word>(&entry.value).ok()?;
        let silent_s = now as i64 - entry.created.unix_timestamp();
        let lives = !word.leaves && silent_s < SILENT_S.max(word.beat_ms as i64 / 250);
        lives.then_some(word)
    });
    let found = stream::iter(asked).buffer_unordered(ASKED);
    let mut workers: Vec<Word> = found.filter_map(|word| async move { word }).collect().await;
    // Of one that came back with another limit the last run holds.
    workers.sort_by(|a, b| a.worker.cmp(&b.worker).then(b.run.cmp(&a.run)));
    workers.dedup_by(|a, b| a.worker == b.worker);
    Ok(workers)
}

impl Status {
    /// Whether nothing is left to scan.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.done == self.ranges
    }
}
