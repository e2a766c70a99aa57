//! The connection to the NATS server, and what a job's streams are called there.
//!
//! * bucket `prtip-jobs`: `ID` is the job, `ID.cancelled` that it was ended;
//! * stream `prtip-work-ID`, work-queue retention: a message `prtip.work.ID.K` for range K,
//!   gone once it is acknowledged; its consumer `workers` hands each to one worker;
//! * stream `prtip-out-ID`: `prtip.out.ID.results`, `.ledger`, `.refused`, and for range K
//!   `.done.K` or, when it was handed out in vain too often, `.dead-K`;
//! * bucket `prtip-workers`: `ID.WORKER.LIMIT` is what a worker last said of itself; the limit,
//!   probes a second or `max`, so that who is there and how fast needs one question;
//! * `prtip.over.ID`, kept nowhere: no range is left, so nobody need wait for one.

use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::consumer::{AckPolicy, Consumer, pull};
use async_nats::jetstream::context::ContextBuilder;
use async_nats::jetstream::kv::Store;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{RetentionPolicy, Stream};
use async_nats::jetstream::{Context, stream};
use bytes::Bytes;
use futures_util::StreamExt;
use prtip_engine::error::{Error, Kind, Result};
use prtip_engine::fleet::job::{Job, is_id};

use crate::server::{ANSWER, Complaint, Server, denied, refused};

/// A range whose worker says nothing for so long is handed to another.
pub const LEASE_SILENCE: Duration = Duration::from_secs(15);
/// Messages sent twice within this time are stored once.
const DUPLICATES: Duration = Duration::from_secs(120);
/// What a worker said last is forgotten after so long.
const WORKER_FORGOTTEN: Duration = Duration::from_secs(60);
/// Questions to the server that are on their way at once.
pub(crate) const IN_FLIGHT: usize = 256;
/// Workers that may wait for a range at once.
const MOST_WAITING: i64 = 1 << 16;

/// A connection.
#[derive(Clone, Debug)]
pub struct Link {
    /// The client.
    pub client: Client,
    /// What asks for streams.
    pub jetstream: Context,
    /// Bucket of the jobs.
    pub jobs: Store,
    /// Bucket of what workers say.
    pub workers: Store,
    complaint: Complaint,
}

impl Link {
    /// Connects, and makes the two buckets where they are not there.
    ///
    /// # Errors
    /// Where the server cannot be reached, lets nobody of that name in, or has no JetStream.
    pub async fn open(server: &Server) -> Result<Self> {
        let complaint = Complaint::default();
        let client = server.connect(&complaint).await?;
        let jetstream = ContextBuilder::new()
            .timeout(ANSWER)
            .ack_timeout(ANSWER)
            .max_ack_inflight(2 * IN_FLIGHT)
            .build(client.clone());
        let no_streams = |error: String| {
            let what = "use JetStream on the NATS server";
            refused(what, error).remedy("start it with --jetstream, and let this user use $JS.API")
        };
        let bucket = async |name: &str, max_age| {
            if let Ok(store) = jetstream.get_key_value(name).await {
                return Ok(store);
            }
            // Not through create_key_value: it asks for what servers before 2.10 do not tell.
            let config = stream::Config {
                name: format!("KV_{name}"),
                subjects: vec![format!("$KV.{name}.>")],
                max_messages_per_subject: 1,
                max_age,
                discard: stream::DiscardPolicy::New,
                allow_rollup: true,
                deny_delete: true,
                allow_direct: true,
                storage: stream::StorageType::File,
                ..stream::Config::default()
            };
            let made = jetstream.create_stream(config).await;
            made.map_err(|error| no_streams(error.to_string()))?;
            let found = jetstream.get_key_value(name).await;
            found.map_err(|error| no_streams(error.to_string()))
        };
        let buckets = async {
            let jobs = bucket("prtip-jobs", Duration::ZERO).await?;
            Ok::<_, Error>((jobs, bucket("prtip-workers", WORKER_FORGOTTEN).await?))
        };
        let (jobs, workers) = tokio::select! {
            biased;
            made = buckets => made?,
            words = complaint.comes() => return Err(denied("use JetStream on the NATS server", words)),
        };
        Ok(Self { client, jetstream, jobs, workers, complaint })
    }

    /// A job by its name.
    ///
    /// # Errors
    /// Where there is none, or none that this version understands.
    pub async fn job(&self, id: &str) -> Result<Job> {
        let what = || format!("find the job {id:?}");
        if !is_id(id) {
            return Err(Error::new(Kind::Usage, what()).cause("no job is called so"));
        }
        let entry = self.jobs.get(id).await.map_err(|error| refused(what(), error))?;
        let bytes = entry.ok_or_else(|| {
            Error::new(Kind::Usage, what())
                .cause("the server knows none of that name")
                .remedy("prtip fleet status lists them")
        })?;
        Job::read(&bytes)
    }

    /// The names of all jobs.
    ///
    /// # Errors
    /// Where the server does not tell.
    pub async fn job_names(&self) -> Result<Vec<String>> {
        let keys = self.ends_of(&self.jobs.stream, "$KV.prtip-jobs.", "list the jobs").await?;
        Ok(keys.into_iter().filter(|key| is_id(key)).collect())
    }

    /// The workers that have said something of a job lately.
    ///
    /// # Errors
    /// Where the server does not tell.
    pub async fn roster(&self, id: &str) -> Result<Vec<Listed>> {
        let prefix = format!("$KV.prtip-workers.{id}.");
        let ends = self.ends_of(&self.workers.stream, &prefix, "look for workers").await?;
        let listed = ends.into_iter().filter_map(|end| {
            let (name, limit) = end.split_once('.')?;
            Some(Listed {
                name: name.to_owned(),
                limit: limit.parse().ok(),
                key: format!("{id}.{end}"),
            })
        });
        Ok(listed.collect())
    }

    /// What stands behind `prefix` in the subjects of a stream, in order. The client's own
    /// list of a bucket's keys waits for ever where one is written meanwhile.
    async fn ends_of(&self, stream: &Stream, prefix: &str, what: &str) -> Result<Vec<String>> {
        let info = stream.info_with_subjects(format!("{prefix}>")).await;
        let mut subjects = info.map_err(|error| refused(what, error))?;
        let mut ends = Vec::new();
        while let Some(subject) = subjects.next().await {
            let (subject, _) = subject.map_err(|error| refused(what, error))?;
            ends.extend(subject.strip_prefix(prefix).map(str::to_owned));
        }
        ends.sort();
        Ok(ends)
    }

    /// Whether a job was ended.
    ///
    /// # Errors
    /// Where the server does not tell.
    pub async fn is_cancelled(&self, id: &str) -> Result<bool> {
        let entry = self.jobs.get(format!("{id}.cancelled")).await;
        entry.map(|entry| entry.is_some()).map_err(|error| refused("look after the job", error))
    }

    /// Makes the streams of a job.
    ///
    /// # Errors
    /// Where the server does not.
    pub async fn create_streams(&self, id: &str) -> Result<()> {
        let fail = |error: String| refused(format!("make the streams of job {id}"), error);
        let config = |name: String, subject: String, retention| stream::Config {
            name,
            subjects: vec![subject],
            retention,
            storage: stream::StorageType::File,
            duplicate_window: DUPLICATES,
            allow_direct: true,
            ..stream::Config::default()
        };
        let work =
            config(work_stream(id), format!("prtip.work.{id}.*"), RetentionPolicy::WorkQueue);
        let out = config(out_stream(id), format!("prtip.out.{id}.>"), RetentionPolicy::Limits);
        let work =
            self.jetstream.create_stream(work).await.map_err(|error| fail(error.to_string()))?;
        self.jetstream.create_stream(out).await.map_err(|error| fail(error.to_string()))?;
        work.create_consumer(pull::Config {
            durable_name: Some("workers".into()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: LEASE_SILENCE,
            max_ack_pending: -1,
            max_waiting: MOST_WAITING,
            ..pull::Config::default()
        })
        .await
        .map_err(|error| fail(error.to_string()))?;
        Ok(())
    }

    /// The stream of a job's ranges.
    ///
    /// # Errors
    /// Where the server does not tell.
    pub async fn work_stream(&self, id: &str) -> Result<Stream> {
        let found = self.jetstream.get_stream(work_stream(id)).await;
        found.map_err(|error| refused(format!("look at the ranges of job {id}"), error))
    }

    /// The stream of what was found.
    ///
    /// # Errors
    /// Where the server does not tell.
    pub async fn out_stream(&self, id: &str) -> Result<Stream> {
        let found = self.jetstream.get_stream(out_stream(id)).await;
        found.map_err(|error| refused(format!("look at the results of job {id}"), error))
    }

    /// Who hands out the ranges.
    ///
    /// # Errors
    /// Where the server does not tell.
    pub async fn consumer(&self, id: &str) -> Result<Consumer<pull::Config>> {
        let fail = |error: String| refused(format!("take ranges of job {id}"), error);
        self.work_stream(id)
            .await?
            .get_consumer("workers")
            .await
            .map_err(|error| fail(error.to_string()))
    }

    /// How many ranges are marked as done, and which were put aside instead. In one answer
    /// of the server, whose length does not grow with what is done.
    ///
    /// # Errors
    /// Where the server does not tell.
    pub async fn marks(&self, id: &str) -> Result<Marks> {
        let what = || format!("look at the results of job {id}");
        let prefix = format!("prtip.out.{id}.");
        let stream = self.out_stream(id).await?;
        let info = stream.info_with_subjects(format!("{prefix}*")).await;
        let mut info = info.map_err(|error| refused(what(), error))?;
        let (subjects, messages) = (info.info.state.subjects_count, info.info.state.messages);
        let bytes = info.info.state.bytes;
        let (mut others, mut refusals, mut aside) = (0, 0, Vec::new());
        while let Some(found) = info.next().await {
            let (subject, count) = found.map_err(|error| refused(what(), error))?;
            let end = subject.strip_prefix(&prefix).unwrap_or_default();
            others += 1;
            if end == "refused" {
                refusals = count as u64;
            }
            aside.extend(end.strip_prefix("dead-").and_then(|end| end.parse::<u64>().ok()));
        }
        let mut dead = Vec::new();
        for number in aside {
            // One whose worker was slow, not lost, may be finished after all.
            let done = stream.direct_get_last_for_subject(format!("{prefix}done.{number}")).await;
            if done.is_err() {
                dead.push(number);
            }
        }
        dead.sort_unstable();
        Ok(Marks { done: subjects.saturating_sub(others), dead, refusals, messages, bytes })
    }

    /// What is asked, or that the server forbids this user to ask.
    ///
    /// # Errors
    /// Those of what is asked, and that.
    pub async fn permitted<T>(
        &self,
        what: &str,
        asked: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        tokio::select! {
            biased;
            answer = asked => answer,
            words = self.complaint.comes() => Err(denied(what, words)),
        }
    }

    fn forbids(&self, subject: &str) -> Option<String> {
        self.complaint.forbidden().filter(|words| words.contains(subject))
    }

    /// Stores a message, once however often it is sent; goes on trying while the server is
    /// away, until `given_up`.
    ///
    /// # Errors
    /// Where it was given up, or this user may not store it.
    pub async fn store(
        &self,
        subject: &str,
        id: &str,
        payload: Bytes,
        given_up: impl Fn() -> bool,
    ) -> Result<()> {
        loop {
            let message = PublishMessage::build().payload(payload.clone()).message_id(id);
            let sent = match self.jetstream.send_publish(subject.to_owned(), message).await {
                Ok(sent) => sent.await,
                Err(error) => Err(error),
            };
            match sent {
                Ok(_) => return Ok(()),
                Err(error) if given_up() => return Err(refused("store what was found", error)),
                Err(_) if let Some(words) = self.forbids(subject) => {
                    return Err(denied("store what was found", words));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
    }
}

/// The name of a job's stream of ranges.
#[must_use]
pub fn work_stream(id: &str) -> String {
    format!("prtip-work-{id}")
}

/// The name of a job's stream of results.
#[must_use]
pub fn out_stream(id: &str) -> String {
    format!("prtip-out-{id}")
}

/// A worker, as the bucket's keys tell it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Probes a second at most; `None`: as many as it can.
    pub limit: Option<f64>,
    /// The key of its last word.
    pub key: String,
}

/// What is marked in a job's stream of results.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    /// Ranges that are done.
    pub done: u64,
    /// Ranges that were handed out in vain too often, ascending.
    pub dead: Vec<u64>,
    /// How often a worker refused the job.
    pub refusals: u64,
    /// Messages in the stream.
    pub messages: u64,
    /// Bytes that it takes on disk.
    pub bytes: u64,
}
