//! How the workers of a job know of each other: each says every now and then that it lives,
//! how fast it may send and what it has done; from what all say each works out, alone and
//! alike, what part of the job's rate is its own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use prtip_engine::fleet::share::shares;
use prtip_engine::scan::Control;
use serde::{Deserialize, Serialize};

use super::link::Link;

/// So long after its first word a worker begins: it has heard of the others by then, and they
/// of it, and send less.
pub(super) const HELLO: Duration = Duration::from_millis(500);
/// Between two words of a worker; longer where there are many.
const BEAT: Duration = Duration::from_secs(1);
/// The words of all workers together are about so many a second.
const WORDS_A_SECOND: usize = 100;
/// A worker that has left out so many of its words is taken for gone.
const PATIENCE: u32 = 4;

/// What a worker says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Word {
    pub(super) worker: String,
    pub(super) version: String,
    /// Probes a second that its operator lets it send; none: as many as it gets.
    pub(super) limit: Option<f64>,
    /// What it takes as its part of the job's rate.
    pub(super) share: Option<f64>,
    /// Probes of its ended runs and of this one.
    pub(super) sent: u64,
    /// Probes a second in the last seconds.
    pub(super) pps: f64,
    /// Results it has stored or is about to.
    pub(super) found: u64,
    /// How many ranges it has.
    pub(super) held: usize,
    /// How many it has finished.
    pub(super) finished: u64,
    /// It says a word every so many milliseconds.
    pub(super) beat_ms: u64,
    /// It stops.
    #[serde(default)]
    pub(super) leaves: bool,
}

/// A worker as the others know it.
struct Other {
    word: Word,
    heard: Instant,
}

impl Other {
    fn lives(&self) -> bool {
        !self.word.leaves
            && self.heard.elapsed() < Duration::from_millis(self.word.beat_ms) * PATIENCE
    }
}

/// The numbers of a worker that its scan writes and its words say.
#[derive(Debug, Default)]
pub(super) struct Gauges {
    pub(super) sent: AtomicU64,
    pub(super) pps: AtomicU64,
    pub(super) found: AtomicU64,
    pub(super) finished: AtomicU64,
}

/// What is known of a job's workers.
pub(super) struct Pulse {
    job: String,
    worker: String,
    limit: Option<f64>,
    total: Option<f64>,
    others: Mutex<HashMap<String, Other>>,
    pub(super) gauges: Arc<Gauges>,
    /// The job was ended by somebody.
    pub(super) cancelled: AtomicBool,
}

impl Pulse {
    pub(super) fn new(
        job: &str,
        worker: &str,
        limit: Option<f64>,
        total: Option<f64>,
        gauges: Arc<Gauges>,
    ) -> Self {
        Self {
            job: job.to_owned(),
            worker: worker.to_owned(),
            limit,
            total,
            others: Mutex::new(HashMap::new()),
            gauges,
            cancelled: AtomicBool::new(false),
        }
    }

    /// What this worker may send, and all workers that live; `None`: no rate limits them.
    pub(super) fn share(&self) -> (Option<f64>, f64, f64) {
        let others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let mut living: Vec<(&str, Option<f64>)> = others
            .values()
            .filter(|other| other.word.worker != self.worker && other.lives())
            .map(|other| (other.word.worker.as_str(), other.word.limit))
            .collect();
        living.push((&self.worker, self.limit));
        // Alike for all of them.
        living.sort_by(|a, b| a.0.cmp(b.0));
        let mine = living.iter().position(|(name, _)| *name == self.worker).unwrap_or(0);
        match self.total {
            Some(total) => {
                let limits: Vec<f64> =
                    living.iter().map(|(_, limit)| limit.unwrap_or(f64::INFINITY)).collect();
                let shares = shares(total, &limits);
                (Some(shares[mine]), shares[mine], shares.iter().sum())
            }
            // Nobody knows how fast the others are.
            None => (self.limit, 1.0, living.len() as f64),
        }
    }

    fn beat(&self) -> Duration {
        let others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let crowd = others.len().max(1) as f64 / WORDS_A_SECOND as f64;
        BEAT.mul_f64(crowd.max(1.0))
    }

    /// Says a word.
    pub(super) async fn say(&self, link: &Link, held: usize, leaves: bool) {
        let word = Word {
            worker: self.worker.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            limit: self.limit,
            share: self.share().0,
            sent: self.gauges.sent.load(Ordering::Relaxed),
            pps: self.gauges.pps.load(Ordering::Relaxed) as f64,
            found: self.gauges.found.load(Ordering::Relaxed),
            held,
            finished: self.gauges.finished.load(Ordering::Relaxed),
            beat_ms: self.beat().as_millis() as u64,
            leaves,
        };
        let Ok(bytes) = serde_json::to_vec(&word) else { return };
        // Where the server is away the next word will tell.
        let _ = link.workers.put(format!("{}.{}", self.job, self.worker), bytes.into()).await;
    }

    /// Says words and hears those of the others until it is dropped with its task.
    pub(super) async fn run(
        &self,
        link: &Link,
        control: &Control,
        held: impl Fn() -> usize + Send,
    ) {
        tokio::join!(self.hear(link, control), async {
            loop {
                self.say(link, held(), false).await;
                tokio::time::sleep(self.beat()).await;
                self.forget();
                self.obey(control);
                if let Ok(true) = link.is_cancelled(&self.job).await
                    && !self.cancelled.swap(true, Ordering::Relaxed)
                {
                    control.stop();
                }
            }
        });
    }

    async fn hear(&self, link: &Link, control: &Control) {
        loop {
            if let Ok(mut words) = link.workers.watch_with_history(format!("{}.*", self.job)).await
            {
                while let Some(Ok(entry)) = words.next().await {
                    let Ok(word) = serde_json::from_slice::<Word>(&entry.value) else { continue };
                    let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
                    others.insert(word.worker.clone(), Other { word, heard: Instant::now() });
                    drop(others);
                    self.obey(control);
                }
            }
            tokio::time::sleep(BEAT).await;
        }
    }

    fn forget(&self) {
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        others.retain(|_, other| other.lives());
    }

    fn obey(&self, control: &Control) {
        if let (Some(share), ..) = self.share() {
            control.set_rate(share);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pulse(worker: &str, limit: Option<f64>, others: &[(&str, Option<f64>, u64)]) -> Pulse {
        let pulse = Pulse::new("job", worker, limit, Some(90.0), Arc::default());
        for &(name, limit, age_ms) in others {
            let word = Word {
                worker: name.to_owned(),
                version: String::new(),
                limit,
                share: None,
                sent: 0,
                pps: 0.0,
                found: 0,
                held: 0,
                finished: 0,
                beat_ms: 1000,
                leaves: false,
            };
            let heard = Instant::now() - Duration::from_millis(age_ms);
            pulse
                .others
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(name.to_owned(), Other { word, heard });
        }
        pulse
    }

    #[test]
    fn all_workers_work_out_the_same_parts() {
        let all = [("a", None), ("b", Some(10.0)), ("c", None)];
        let mut sum = 0.0;
        for (name, limit) in all {
            let others: Vec<_> = all.iter().map(|&(name, limit)| (name, limit, 0)).collect();
            sum += pulse(name, limit, &others).share().0.unwrap_or_default();
        }
        assert!((sum - 90.0).abs() < 1e-6, "{sum}");
    }

    #[test]
    fn the_part_of_one_that_left_is_given_back() {
        let gone = PATIENCE as u64 * 1000 + 1;
        assert_eq!(pulse("a", None, &[("b", None, 0)]).share().0, Some(45.0));
        assert_eq!(pulse("a", None, &[("b", None, gone)]).share().0, Some(90.0));
        assert_eq!(pulse("a", Some(7.0), &[("b", None, gone)]).share().0, Some(7.0));
    }
}
