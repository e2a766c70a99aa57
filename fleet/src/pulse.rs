//! How the workers of a job know of each other: each says every now and then that it lives,
//! how fast it may send and what it has done; from what all say each works out, alone and
//! alike, what part of the job's rate is its own.
//!
//! A few hear each other's words as they are said. In a crowd that would be the square of
//! their number of messages: there each asks, as often as it says a word itself, for the list
//! of those that have said something lately.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_nats::Subscriber;
use futures_util::{StreamExt, stream};
use prtip_engine::error::Result;
use prtip_engine::event::clock::{Clock, monotonic_ns};
use prtip_engine::fleet::share::shares;
use prtip_engine::scan::Control;
use tokio::sync::Notify;

use crate::link::{Link, Listed};
use crate::server::refused;
use crate::word::Word;

/// So long after its first word a worker begins: it has heard of the others by then, and they
/// of it, and send less.
pub(crate) const HELLO: Duration = Duration::from_millis(500);
/// Between two words of a worker; longer where there are many.
const BEAT: Duration = Duration::from_secs(1);
/// The words of all workers together are about so many a second.
const WORDS_A_SECOND: usize = 100;
/// A worker that has left out so many of its words is taken for gone.
const PATIENCE: u32 = 4;
/// But no longer than this, however many they are.
const LONGEST_BEAT: Duration = Duration::from_secs(15);
/// More workers than this do not listen to each other's words.
const CROWD: usize = 100;
/// A worker whose part has become so much smaller than when it took its ranges lets others
/// have what is too much,
const SHRUNK: f64 = 0.81;
/// where it has work for longer than this, and than some cooldowns.
const WORTH_IT: Duration = Duration::from_secs(8);
/// Words asked for at once.
const ASKED: usize = 64;

/// A worker as the others know it.
#[derive(Debug)]
struct Other {
    limit: Option<f64>,
    beat: Duration,
    heard: Instant,
}

impl Other {
    fn lives(&self) -> bool {
        self.heard.elapsed() < self.beat * PATIENCE
    }
}

/// How a job's rate is divided, as this worker knows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// Probes a second that it may send; `None`: as many as it can.
    pub rate: Option<f64>,
    /// What it is worth itself.
    pub mine: f64,
    /// What all workers together are worth.
    pub all: f64,
    /// Workers that live, itself among them.
    pub workers: u64,
}

/// The numbers of a worker that its scan writes and its words say.
#[derive(Debug, Default)]
pub struct Gauges {
    pub(crate) sent: AtomicU64,
    pub(crate) pps: AtomicU64,
    pub(crate) found: AtomicU64,
    pub(crate) finished: AtomicU64,
}

/// What is known of a job's workers.
#[derive(Debug)]
pub struct Pulse {
    job: String,
    worker: String,
    run: u64,
    limit: Option<f64>,
    total: Option<f64>,
    others: Mutex<HashMap<String, Other>>,
    gauges: Arc<Gauges>,
    /// The job was ended by somebody.
    pub(crate) cancelled: AtomicBool,
    /// What it scans now.
    current: Mutex<Option<Current>>,
    /// That was stopped because others have come.
    crowded_out: AtomicBool,
    settled: AtomicBool,
    /// Another of the same name lives.
    rival: AtomicBool,
    over: Notify,
}

/// A scan that goes on.
#[derive(Debug)]
struct Current {
    control: Arc<Control>,
    /// The worker's part of all when it took these ranges.
    part: f64,
    pairs: u64,
    ranges: usize,
    sent_before: u64,
    worth_it: Duration,
}

/// What a worker listens to.
pub(crate) struct Ears {
    /// All words; in a crowd none.
    words: Option<Subscriber>,
    /// Those in its own name.
    own: Subscriber,
    cancelled: Subscriber,
    over: Subscriber,
}

/// How a worker begins.
pub(crate) struct Hello {
    /// So long it listens first.
    pub(crate) wait: Duration,
    /// One of its name was there lately.
    pub(crate) namesake: bool,
}

impl Share {
    /// This worker's part of all, 0 to 1.
    #[must_use]
    pub fn part(&self) -> f64 {
        if self.all > 0.0 { self.mine / self.all } else { 1.0 }
    }

    /// Whether that is much less than it was when it took its ranges.
    pub(crate) fn has_shrunk(&self, before: f64) -> bool {
        self.part() < SHRUNK * before
    }
}

impl Pulse {
    pub(crate) fn new(
        job: &str,
        worker: &str,
        limit: Option<f64>,
        total: Option<f64>,
        gauges: Arc<Gauges>,
    ) -> Self {
        Self {
            job: job.to_owned(),
            worker: worker.to_owned(),
            run: Clock::start().unix_us(monotonic_ns()),
            limit,
            total,
            others: Mutex::new(HashMap::new()),
            gauges,
            cancelled: AtomicBool::new(false),
            current: Mutex::new(None),
            crowded_out: AtomicBool::new(false),
            settled: AtomicBool::new(false),
            rival: AtomicBool::new(false),
            over: Notify::new(),
        }
    }

    fn others(&self) -> MutexGuard<'_, HashMap<String, Other>> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What this worker may send, and its part of what all workers that live may.
    pub fn share(&self) -> Share {
        let others = self.others();
        let living = others.values().filter(|other| other.lives()).map(|other| other.limit);
        let limits: Vec<f64> = std::iter::once(self.limit)
            .chain(living)
            .map(|limit| limit.unwrap_or(f64::INFINITY))
            .collect();
        let workers = limits.len() as u64;
        match self.total {
            Some(total) => {
                let shares = shares(total, &limits);
                let (mine, all) = (shares[0], shares.iter().sum());
                Share { rate: Some(mine), mine, all, workers }
            }
            // Nobody knows how fast the others are.
            None => Share { rate: self.limit, mine: 1.0, all: workers as f64, workers },
        }
    }

    fn beat(&self) -> Duration {
        let crowd = (self.others().len() + 1) as f64 / WORDS_A_SECOND as f64;
        BEAT.mul_f64(crowd.max(1.0)).min(LONGEST_BEAT)
    }

    /// The key of its words.
    fn key(&self) -> String {
        let limit = self.limit.map_or("max".to_owned(), |limit| limit.ceil().to_string());
        format!("{}.{}.{limit}", self.job, self.worker)
    }

    /// Says a word.
    pub(crate) async fn say(&self, link: &Link, held: usize, leaves: bool) {
        let word = Word {
            worker: self.worker.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            limit: self.limit,
            share: self.share().rate,
            sent: self.gauges.sent.load(Ordering::Relaxed),
            pps: self.gauges.pps.load(Ordering::Relaxed) as f64,
            found: self.gauges.found.load(Ordering::Relaxed),
            held,
            finished: self.gauges.finished.load(Ordering::Relaxed),
            beat_ms: self.beat().as_millis() as u64,
            leaves,
            run: self.run,
            settled: self.settled.load(Ordering::Relaxed),
        };
        let Ok(bytes) = serde_json::to_vec(&word) else { return };
        // Where the server is away the next word will tell.
        let _ = link.workers.put(self.key(), bytes.into()).await;
    }

    /// Begins to listen, looks who is there and says the first word.
    pub(crate) async fn join(&self, link: &Link) -> Result<(Ears, Hello)> {
        let listen = async |subject: String| {
            link.client
                .subscribe(subject)
                .await
                .map_err(|error| refused("listen to workers", error))
        };
        let (job, worker) = (&self.job, &self.worker);
        // Not through consumers of the bucket: the server would keep one for each worker,
        // and deliver each word to each on an acknowledged way.
        let mut ears = Ears {
            words: Some(listen(format!("$KV.prtip-workers.{job}.*.*")).await?),
            own: listen(format!("$KV.prtip-workers.{job}.{worker}.*")).await?,
            cancelled: listen(format!("$KV.prtip-jobs.{job}.cancelled")).await?,
            over: listen(format!("prtip.over.{job}")).await?,
        };
        let roster = link.roster(job).await?;
        if roster.len() > CROWD {
            ears.words = None;
            self.count(roster.iter());
        } else {
            let asked = roster.iter().map(|listed| async {
                let entry = link.workers.get(listed.key.as_str()).await.ok().flatten();
                serde_json::from_slice::<Word>(&entry?).ok()
            });
            let words: Vec<Option<Word>> =
                stream::iter(asked).buffer_unordered(ASKED).collect().await;
            for word in words.into_iter().flatten().filter(|word| word.worker != *worker) {
                self.hear(word);
            }
        }
        let last = roster.iter().find(|listed| listed.name == *worker);
        let last = match last {
            Some(listed) => link.workers.get(listed.key.as_str()).await.ok().flatten(),
            None => None,
        };
        let last = last.and_then(|bytes| serde_json::from_slice::<Word>(&bytes).ok());
        // It is heard by then, where it lives.
        let namesake = last.filter(|word| !word.leaves).map(|word| word.beat_ms * 3 / 2);
        let hello = Hello {
            wait: HELLO.max(self.beat() / 2) + Duration::from_millis(namesake.unwrap_or(0)),
            namesake: namesake.is_some(),
        };
        self.say(link, 0, false).await;
        Ok((ears, hello))
    }

    /// Takes the place of what was known by who is on the list.
    fn count<'a>(&self, roster: impl Iterator<Item = &'a Listed>) {
        let beat = self.beat();
        let mut others = self.others();
        others.clear();
        for listed in roster.filter(|listed| listed.name != self.worker) {
            let other = Other { limit: listed.limit, beat, heard: Instant::now() };
            others.insert(listed.name.clone(), other);
        }
    }

    /// Whether another of the same name works, or came at the same time and may stay.
    pub(crate) fn has_rival(&self) -> bool {
        self.rival.load(Ordering::Relaxed)
    }

    /// From now on this worker is the one of its name.
    pub(crate) fn settle(&self) {
        self.settled.store(true, Ordering::Relaxed);
    }

    /// Waits for the word that no range is left.
    pub(crate) async fn over(&self) {
        self.over.notified().await;
    }

    /// Tells those who wait that no range is left.
    pub(crate) async fn tell_over(&self, link: &Link) -> Result<()> {
        let fail = |error: String| refused("tell the others that no range is left", error);
        let told = link.client.publish(format!("prtip.over.{}", self.job), "".into()).await;
        told.map_err(|error| fail(error.to_string()))?;
        link.client.flush().await.map_err(|error| fail(error.to_string()))
    }

    /// Says words and hears those of the others until it is dropped with its task.
    pub(crate) async fn run(&self, link: &Link, ears: Ears, held: impl Fn() -> usize + Send) {
        let Ears { words, mut own, mut cancelled, mut over } = ears;
        let crowded = AtomicBool::new(words.is_none());
        let hear = async {
            let Some(mut words) = words else { return };
            while let Some(message) = words.next().await {
                if let Ok(word) = serde_json::from_slice::<Word>(&message.payload)
                    && self.hear(word)
                {
                    self.obey();
                }
                if self.others().len() > CROWD {
                    crowded.store(true, Ordering::Relaxed);
                    let _ = words.unsubscribe().await;
                    return;
                }
            }
        };
        let hear_namesakes = async {
            while let Some(message) = own.next().await {
                if let Ok(word) = serde_json::from_slice::<Word>(&message.payload) {
                    self.hear(word);
                }
            }
        };
        let speak = async {
            loop {
                tokio::time::sleep(self.beat()).await;
                self.say(link, held(), false).await;
                if !crowded.load(Ordering::Relaxed) {
                    self.others().retain(|_, other| other.lives());
                } else if let Ok(roster) = link.roster(&self.job).await {
                    self.count(roster.iter());
                }
                self.obey();
                // The word of it may have come while the connection was lost.
                if let Ok(true) = link.is_cancelled(&self.job).await {
                    self.cancel();
                }
            }
        };
        let hear_the_end = async {
            while cancelled.next().await.is_some() {
                if let Ok(true) = link.is_cancelled(&self.job).await {
                    self.cancel();
                }
            }
        };
        let pass_on = async {
            while over.next().await.is_some() {
                self.over.notify_one();
            }
        };
        tokio::join!(hear, hear_namesakes, speak, hear_the_end, pass_on);
    }

    /// Takes a word in; true where it may change this worker's part.
    fn hear(&self, word: Word) -> bool {
        if word.worker == self.worker {
            let first = word.run < self.run || word.settled;
            if word.run != self.run && !word.leaves && first {
                self.rival.store(true, Ordering::Relaxed);
            }
            return false;
        }
        let mut others = self.others();
        if word.leaves {
            return others.remove(&word.worker).is_some();
        }
        let beat = Duration::from_millis(word.beat_ms);
        let other = Other { limit: word.limit, beat, heard: Instant::now() };
        let before = others.insert(word.worker, other);
        before.is_none_or(|before| before.limit != word.limit)
    }

    fn current(&self) -> MutexGuard<'_, Option<Current>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A scan begins, of so many ranges and pairs with so long a cooldown; they were taken
    /// when this worker's part was `part`.
    pub(crate) fn begin(
        &self,
        control: &Arc<Control>,
        part: f64,
        (ranges, pairs): (usize, u64),
        cooldown: Duration,
    ) {
        self.crowded_out.store(false, Ordering::Relaxed);
        *self.current() = Some(Current {
            control: Arc::clone(control),
            part,
            pairs,
            ranges,
            sent_before: self.gauges.sent.load(Ordering::Relaxed),
            worth_it: WORTH_IT + 3 * cooldown,
        });
        self.obey();
        if self.cancelled.load(Ordering::Relaxed) {
            control.stop();
        }
    }

    /// It has ended; true where it was stopped because this worker has too much.
    pub(crate) fn end(&self) -> bool {
        *self.current() = None;
        self.crowded_out.swap(false, Ordering::Relaxed)
    }

    fn cancel(&self) {
        if !self.cancelled.swap(true, Ordering::Relaxed)
            && let Some(current) = &*self.current()
        {
            current.control.stop();
        }
    }

    /// What has changed is the scan's business too.
    fn obey(&self) {
        let share = self.share();
        let current = self.current();
        let Some(current) = &*current else { return };
        if let Some(rate) = share.rate {
            current.control.set_rate(rate);
        }
        let pps = share.rate.unwrap_or_else(|| self.gauges.pps.load(Ordering::Relaxed) as f64);
        let sent = self.gauges.sent.load(Ordering::Relaxed) - current.sent_before;
        let left_s = current.pairs.saturating_sub(sent) as f64 / pps.max(1.0);
        let range_s = current.pairs as f64 / current.ranges.max(1) as f64 / pps.max(1.0);
        // What it is in the middle of is scanned again, and one range cannot be shared.
        if current.ranges > 1
            && pps > 0.0
            && share.has_shrunk(current.part)
            && left_s > current.worth_it.as_secs_f64() + range_s
            && !self.crowded_out.swap(true, Ordering::Relaxed)
        {
            current.control.stop();
        }
    }
}

#[cfg(test)]
#[path = "pulse_tests.rs"]
mod tests;
