//! Carries a worker's results to the server, keeps its ranges its own meanwhile, and gives
//! them up as finished only when what was found in them is stored.
//!
//! What is told goes one way, in order, through a channel of bounded length: while the server
//! is away the channel fills, the scan has no room for results and slows down.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::jetstream::AckKind;
use async_nats::jetstream::consumer::{Consumer, pull};
use async_nats::jetstream::message::Acker;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use prtip_engine::error::{Error, Kind, Result};
use prtip_engine::fleet::job::Job;
use prtip_engine::fleet::share::take;
use tokio::runtime::Handle;
use tokio::sync::{OnceCell, mpsc, oneshot};
use tokio::task::JoinSet;

use crate::link::{LEASE_SILENCE, Link};
use crate::pulse::{Pulse, Share};
use crate::server::refused;

/// Messages on their way to the courier: with the scan's own buffer some MiB.
const QUEUE: usize = 32;
/// Messages that wait for the server's word at once.
const UNSTORED: usize = 16;
/// Ranges that are acknowledged at once.
const ACKNOWLEDGED: usize = 32;
/// A question for ranges waits so long for some; longer where many ask.
const ASKED: Duration = Duration::from_millis(500);
/// So many workers may ask that often.
const CROWD: u64 = 100;
/// Ranges that all workers together have at once: for each, some seconds apart, a message
/// says that it is still worked on.
const HELD: u64 = 10_000;

/// What a scan tells its courier.
#[derive(Debug)]
pub(crate) enum Parcel {
    /// Lines of results.
    Results(Bytes),
    /// The ledger of a run that has ended.
    Ledger(Bytes),
    /// All results of these ranges have been told.
    Finished(Vec<u64>),
    /// Tell when everything before this is stored.
    Settle(oneshot::Sender<()>),
}

/// The ranges that a worker has, with what acknowledges each.
type Held = Arc<Mutex<HashMap<u64, Arc<Acker>>>>;

fn lock(held: &Held) -> std::sync::MutexGuard<'_, HashMap<u64, Arc<Acker>>> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The way to the server of one worker for one job.
pub(crate) struct Courier {
    link: Link,
    id: String,
    held: Held,
    given_up: Arc<AtomicBool>,
    consumer: OnceCell<Consumer<pull::Config>>,
    pub(crate) parcels: mpsc::Sender<Parcel>,
    /// Ends its tasks when it is dropped.
    _tasks: JoinSet<()>,
}

/// How a question for ranges went.
#[derive(Debug)]
pub(crate) enum Taken {
    /// These, ascending, by the part of all that was the worker's when it asked.
    Ranges(Vec<u64>, f64),
    /// Others have all that are left.
    NoneNow,
    /// The job has no more.
    Over {
        /// So another worker said: all have heard it.
        told: bool,
    },
}

impl Courier {
    /// For `worker`; its tasks run on `runtime`.
    pub(crate) fn start(runtime: &Handle, link: &Link, job: &Job, worker: &str) -> Self {
        let held: Held = Arc::default();
        let given_up = Arc::new(AtomicBool::new(false));
        let (parcels, inbox) = mpsc::channel(QUEUE);
        let mut tasks = JoinSet::new();
        let carrier = Carrier {
            link: link.clone(),
            id: job.id.clone(),
            // Of this run of this worker: a number alone would be another's duplicate.
            sender: format!("{worker}-{:08x}", prtip_engine::key::random_u64().unwrap_or(0) as u32),
            held: Arc::clone(&held),
            given_up: Arc::clone(&given_up),
            number: 0,
            unstored: JoinSet::new(),
        };
        tasks.spawn_on(carrier.run(inbox), runtime);
        let keeping = Arc::clone(&held);
        tasks.spawn_on(
            async move {
                loop {
                    tokio::time::sleep(LEASE_SILENCE / 4).await;
                    let all: Vec<Arc<Acker>> = lock(&keeping).values().cloned().collect();
                    for one in all {
                        // Where the server is away, it may hand the range to another: what
                        // is found twice is told once.
                        let _ = one.ack_with(AckKind::Progress).await;
                    }
                }
            },
            runtime,
        );
        Self {
            link: link.clone(),
            id: job.id.clone(),
            held,
            given_up,
            consumer: OnceCell::new(),
            parcels,
            _tasks: tasks,
        }
    }

    /// How many ranges it has, whenever that is asked.
    pub(crate) fn held(&self) -> impl Fn() -> usize + Send + 'static {
        let held = Arc::clone(&self.held);
        move || lock(&held).len()
    }

    /// Puts up to `wanted` ranges into `taken`: those that wait, or where none does the next
    /// to come `within` a time. False where another says meanwhile that none is left.
    async fn receive(
        &self,
        job: &Job,
        pulse: &Pulse,
        wanted: u64,
        within: Option<Duration>,
        deliveries: i64,
        taken: &mut Vec<(u64, Arc<Acker>)>,
    ) -> Result<bool> {
        let fail = |error: String| refused(format!("take ranges of job {}", self.id), error);
        let consumer = self.consumer().await?;
        let most = wanted as usize;
        let batch = match within {
            Some(within) => consumer.batch().max_messages(most).expires(within).messages().await,
            None => consumer.fetch().max_messages(most).messages().await,
        };
        let mut batch = batch.map_err(|error| fail(error.to_string()))?;
        loop {
            let message = tokio::select! {
                message = batch.next() => message,
                // Somebody has seen that none is left.
                () = pulse.over(), if within.is_some() => return Ok(false),
            };
            let Some(message) = message else { return Ok(true) };
            let message = message.map_err(|error| fail(error.to_string()))?;
            let number = message.subject.rsplit('.').next().and_then(|text| text.parse().ok());
            let delivered = message.info().map(|info| info.delivered).unwrap_or(1);
            let (_, acker) = message.split();
            let Some(number) = number.filter(|&number| job.range(number).is_some()) else {
                let _ = acker.ack_with(AckKind::Term).await;
                continue;
            };
            if delivered > 1 && self.is_done(number).await {
                let _ = acker.double_ack().await;
            } else if delivered > deliveries {
                self.put_aside(number, delivered, &acker).await?;
            } else {
                taken.push((number, Arc::new(acker)));
            }
        }
    }

    /// Its ranges, ascending.
    pub(crate) fn has(&self) -> Vec<u64> {
        let mut all: Vec<u64> = lock(&self.held).keys().copied().collect();
        all.sort_unstable();
        all
    }

    /// Takes this worker's part of the ranges that wait, no more than `most`. One that was
    /// handed out more than `deliveries` times is put aside.
    pub(crate) async fn take(
        &self,
        job: &Job,
        pulse: &Pulse,
        most: u64,
        deliveries: i64,
    ) -> Result<Taken> {
        let fail = |error: String| refused(format!("take ranges of job {}", self.id), error);
        // The stream knows; what its consumer counts may be off after the server was killed.
        if self.link.work_stream(&self.id).await?.cached_info().state.messages == 0 {
            return Ok(Taken::Over { told: false });
        }
        let consumer = self.consumer().await?;
        let info = consumer.get_info().await.map_err(|error| fail(error.to_string()))?;
        // Of what others have, some may come back.
        let unfinished = info.num_pending + info.num_ack_pending as u64;
        let Share { mine, all, workers, .. } = pulse.share();
        // Its part of all that is not finished, so that those who came earlier leave it some
        // and all end together.
        let wanted = take(unfinished, mine, all, most.min((HELD / workers).max(1)));
        let mut taken = Vec::new();
        self.receive(job, pulse, wanted, None, deliveries, &mut taken).await?;
        if taken.is_empty() {
            // For one: a question for more would wait until as many are there.
            let asked = ASKED.mul_f64((workers as f64 / CROWD as f64).max(1.0));
            if !self.receive(job, pulse, 1, Some(asked), deliveries, &mut taken).await? {
                return Ok(Taken::Over { told: true });
            }
            if !taken.is_empty() && wanted > 1 {
                self.receive(job, pulse, wanted - 1, None, deliveries, &mut taken).await?;
            }
        }
        // Its own only when all have come: where that fails on the way they are not kept from
        // others by words that they are worked on.
        let mut ranges: Vec<u64> = taken.iter().map(|(number, _)| *number).collect();
        lock(&self.held).extend(taken);
        if !ranges.is_empty() {
            pulse.say(&self.link, ranges.len(), false).await;
        }
        ranges.sort_unstable();
        Ok(if ranges.is_empty() { Taken::NoneNow } else { Taken::Ranges(ranges, mine / all) })
    }

    /// Keeps this worker's part of all that is not finished, and lets others have the rest of
    /// what it has.
    pub(crate) async fn share_out(&self, pulse: &Pulse) -> Result<()> {
        let fail = |error: String| refused(format!("share out ranges of job {}", self.id), error);
        let info = self.consumer().await?.get_info().await;
        let info = info.map_err(|error| fail(error.to_string()))?;
        let mut kept = self.has();
        let Share { mine, all, .. } = pulse.share();
        let unfinished = info.num_pending + info.num_ack_pending as u64;
        let excess = kept.split_off(kept.len().min(take(unfinished, mine, all, u64::MAX) as usize));
        // As new messages: one that is only refused counts as handed out in vain. Where this
        // worker is lost between the two, the range is there twice and collected once.
        let run = prtip_engine::key::random_u64()?;
        stream::iter(excess.into_iter().map(Ok))
            .try_for_each_concurrent(ACKNOWLEDGED, |number| async move {
                let subject = format!("prtip.work.{}.{number}", self.id);
                let given_up = || self.given_up.load(Ordering::Relaxed);
                let id = format!("{number}-{run:x}");
                self.link.store(&subject, &id, Bytes::new(), given_up).await?;
                let Some(acker) = lock(&self.held).remove(&number) else { return Ok(()) };
                // Where this is lost the server hands it out once more.
                let _ = acker.ack_with(AckKind::Ack).await;
                Ok::<(), Error>(())
            })
            .await
    }

    /// Who hands out the ranges; asked for once.
    async fn consumer(&self) -> Result<&Consumer<pull::Config>> {
        self.consumer.get_or_try_init(|| self.link.consumer(&self.id)).await
    }

    /// Whether a range is finished: its worker was lost between saying so and giving it up.
    async fn is_done(&self, number: u64) -> bool {
        let Ok(stream) = self.link.out_stream(&self.id).await else { return false };
        let subject = format!("prtip.out.{}.done.{number}", self.id);
        stream.direct_get_last_for_subject(subject).await.is_ok()
    }

    async fn put_aside(&self, number: u64, delivered: i64, acker: &Acker) -> Result<()> {
        let words = format!("handed out {} times, never finished", delivered - 1);
        let subject = format!("prtip.out.{}.dead-{number}", self.id);
        let (id, given_up) = (format!("dead-{number}"), || self.given_up.load(Ordering::Relaxed));
        self.link.store(&subject, &id, words.into(), given_up).await?;
        acker
            .double_ack_with(AckKind::Term)
            .await
            .map_err(|error| refused(format!("put range {number} aside"), error))
    }

    /// Gives back what is not finished.
    pub(crate) async fn give_back(&self) {
        let all: Vec<Arc<Acker>> = lock(&self.held).drain().map(|(_, acker)| acker).collect();
        for acker in all {
            let _ = acker.ack_with(AckKind::Nak(None)).await;
        }
        let _ = self.link.client.flush().await;
    }

    /// Waits until all that was told is stored.
    ///
    /// # Errors
    /// Where `impatient` says so first: the ranges will be scanned again.
    pub(crate) fn settle(&self, runtime: &Handle, impatient: impl Fn() -> bool) -> Result<()> {
        let broken = || {
            Error::new(Kind::Failed, "store what was found")
                .cause("the server did not take it")
                .remedy("its ranges are handed out again when it is back")
        };
        let (told, mut hears) = oneshot::channel();
        let mut parcel = Parcel::Settle(told);
        runtime.block_on(async {
            loop {
                match self.parcels.try_send(parcel) {
                    Ok(()) => break,
                    Err(mpsc::error::TrySendError::Full(back)) if !impatient() => parcel = back,
                    Err(_) => return Err(broken()),
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            loop {
                match tokio::time::timeout(Duration::from_millis(100), &mut hears).await {
                    Ok(Ok(())) => return Ok(()),
                    Ok(Err(_)) => return Err(broken()),
                    Err(_) if impatient() => {
                        self.given_up.store(true, Ordering::Relaxed);
                        return Err(broken());
                    }
                    Err(_) => {}
                }
            }
        })
    }
}

/// The courier's other end.
struct Carrier {
    link: Link,
    id: String,
    sender: String,
    held: Held,
    given_up: Arc<AtomicBool>,
    number: u64,
    unstored: JoinSet<Result<()>>,
}

impl Carrier {
    async fn run(mut self, mut inbox: mpsc::Receiver<Parcel>) {
        while let Some(parcel) = inbox.recv().await {
            let went = match parcel {
                Parcel::Results(lines) => self.store("results", lines).await,
                Parcel::Ledger(line) => self.store("ledger", line).await,
                Parcel::Finished(ranges) => match self.stored().await {
                    Ok(()) => self.finish(ranges).await,
                    Err(error) => Err(error),
                },
                Parcel::Settle(told) => match self.stored().await {
                    Ok(()) => {
                        let _ = told.send(());
                        Ok(())
                    }
                    Err(error) => Err(error),
                },
            };
            if went.is_err() {
                // Given up: what is not stored must not be called finished.
                return;
            }
        }
    }

    async fn store(&mut self, what: &str, payload: Bytes) -> Result<()> {
        while self.unstored.len() >= UNSTORED {
            self.one_stored().await?;
        }
        self.number += 1;
        let (link, given_up) = (self.link.clone(), Arc::clone(&self.given_up));
        let subject = format!("prtip.out.{}.{what}", self.id);
        let id = format!("{}-{}", self.sender, self.number);
        self.unstored.spawn(async move {
            link.store(&subject, &id, payload, || given_up.load(Ordering::Relaxed)).await
        });
        Ok(())
    }

    async fn one_stored(&mut self) -> Result<()> {
        match self.unstored.join_next().await {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(error))) => Err(error),
            Some(Err(error)) => Err(refused("store what was found", error)),
        }
    }

    async fn stored(&mut self) -> Result<()> {
        while !self.unstored.is_empty() {
            self.one_stored().await?;
        }
        Ok(())
    }

    /// Marks ranges as done, and gives them up last of all.
    async fn finish(&mut self, ranges: Vec<u64>) -> Result<()> {
        let this = &*self;
        stream::iter(ranges.into_iter().map(Ok))
            .try_for_each_concurrent(ACKNOWLEDGED, |number| async move {
                let given_up = || this.given_up.load(Ordering::Relaxed);
                let subject = format!("prtip.out.{}.done.{number}", this.id);
                let id = format!("done-{number}");
                this.link.store(&subject, &id, Bytes::new(), given_up).await?;
                let Some(acker) = lock(&this.held).remove(&number) else { return Ok(()) };
                while let Err(error) = acker.double_ack().await {
                    if given_up() {
                        return Err(refused("give up a finished range", error));
                    }
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                Ok(())
            })
            .await
    }
}
