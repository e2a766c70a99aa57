//! The connection to the NATS server, and what a job's streams are called there.
//!
//! * bucket `prtip-jobs`: `ID` is the job, `ID.cancelled` that it was ended;
//! * stream `prtip-work-ID`, work-queue retention: a message `prtip.work.ID.K` for range K,
//!   gone once it is acknowledged; its consumer `workers` hands each to one worker;
//! * stream `prtip-out-ID`: `prtip.out.ID.results`, `.ledger`, `.refused`, and for range K
//!   `.done.K` or, when it was handed out in vain too often, `.dead.K`;
//! * bucket `prtip-workers`: `ID.WORKER` is what a worker last said of itself.

use std::path::PathBuf;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, Consumer, pull};
use async_nats::jetstream::context::ContextBuilder;
use async_nats::jetstream::kv::Store;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{RetentionPolicy, Stream};
use async_nats::jetstream::{Context, stream};
use async_nats::{Client, ConnectErrorKind, ConnectOptions};
use bytes::Bytes;
use clap::Args;
use futures_util::StreamExt;
use prtip_engine::error::{Error, Kind, Result};
use prtip_engine::fleet::job::{Job, is_id};
use tokio::runtime::Runtime;

/// Where nothing is said.
const SERVER: &str = "nats://127.0.0.1:4222";
/// A range whose worker says nothing for so long is handed to another.
pub(super) const LEASE_SILENCE: Duration = Duration::from_secs(30);
/// Messages sent twice within this time are stored once.
const DUPLICATES: Duration = Duration::from_secs(120);
/// How long one question waits for its answer.
const ANSWER: Duration = Duration::from_secs(5);
/// How long something waits that asks several questions.
const PATIENCE: Duration = Duration::from_secs(20);
/// What a worker said last is forgotten after so long.
const WORKER_FORGOTTEN: Duration = Duration::from_secs(120);
/// Questions to the server that are on their way at once.
pub(super) const IN_FLIGHT: usize = 256;

/// How to reach the server, and as whom.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "NATS server")]
pub(crate) struct ServerArgs {
    /// The server, or several of its cluster, comma-separated; tls:// for TLS
    /// [default: NATS_URL, else nats://127.0.0.1:4222].
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    server: Vec<String>,
    /// Credentials: a JWT and its NKey, as `nsc` writes them.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["nkey_file", "token_file"])]
    creds: Option<PathBuf>,
    /// File with an NKey seed.
    #[arg(long, value_name = "FILE", conflicts_with = "token_file")]
    nkey_file: Option<PathBuf>,
    /// File with a token: on the command line everybody on the machine would see it.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Certificates of the authorities to believe (PEM); the connection must be TLS.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Our certificate (PEM), where the server asks for one.
    #[arg(long, value_name = "FILE", requires = "cert_key")]
    cert: Option<PathBuf>,
    /// Its key.
    #[arg(long, value_name = "FILE", requires = "cert")]
    cert_key: Option<PathBuf>,
}

impl ServerArgs {
    fn urls(&self) -> Vec<String> {
        if self.server.is_empty() {
            let named = std::env::var("NATS_URL").ok().filter(|url| !url.is_empty());
            return vec![named.unwrap_or_else(|| SERVER.to_owned())];
        }
        self.server.clone()
    }

    async fn options(&self) -> Result<ConnectOptions> {
        let secret = |path: &PathBuf| -> Result<String> {
            let what = || format!("read {path:?}");
            std::fs::read_to_string(path)
                .map(|text| text.trim().to_owned())
                .map_err(|error| Error::new(Kind::Usage, what()).because_of(error))
        };
        let mut options = ConnectOptions::new()
            .name(concat!("prtip ", env!("CARGO_PKG_VERSION")))
            .connection_timeout(ANSWER)
            .request_timeout(Some(ANSWER))
            .ping_interval(Duration::from_secs(5));
        if let Some(path) = &self.creds {
            options = options.credentials_file(path).await.map_err(|error| {
                Error::new(Kind::Usage, format!("read the credentials {path:?}")).because_of(error)
            })?;
        }
        if let Some(path) = &self.nkey_file {
            options = options.nkey(secret(path)?);
        }
        if let Some(path) = &self.token_file {
            options = options.token(secret(path)?);
        }
        for path in [&self.ca, &self.cert, &self.cert_key].into_iter().flatten() {
            secret(path)?;
        }
        if let Some(path) = &self.ca {
            options = options.add_root_certificates(path.clone()).require_tls(true);
        }
        if let (Some(cert), Some(key)) = (&self.cert, &self.cert_key) {
            options = options.add_client_certificate(cert.clone(), key.clone());
        }
        Ok(options)
    }
}

/// Threads for what waits on the network.
pub(super) fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("fleet")
        .enable_all()
        .build()
        .map_err(|error| Error::new(Kind::Failed, "start a thread").because_of(error))
}

/// Ends a question whose answer never comes: the client waits for ever where the server was
/// replaced between the two.
pub(super) async fn in_time<T>(what: &str, question: impl Future<Output = Result<T>>) -> Result<T> {
    let answer = tokio::time::timeout(PATIENCE, question).await;
    answer.unwrap_or_else(|_| {
        Err(refused(what, format!("no answer within {} s", PATIENCE.as_secs()))
            .remedy("is the server still there?"))
    })
}

/// What the server said no to.
pub(super) fn refused(what: impl Into<String>, error: impl ToString) -> Error {
    Error::new(Kind::Failed, what).cause(error.to_string())
}

/// A connection.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) client: Client,
    pub(super) jetstream: Context,
    pub(super) jobs: Store,
    pub(super) workers: Store,
}

impl Link {
    /// Connects, and makes the two buckets where they are not there.
    pub(super) async fn open(args: &ServerArgs) -> Result<Self> {
        let urls = args.urls();
        let shown: Vec<&str> = urls.iter().map(|url| without_secret(url)).collect();
        let what = format!("connect to the NATS server {}", shown.join(", "));
        let options = args.options().await?;
        let client = options.connect(&urls[..]).await.map_err(|error| match error.kind() {
            ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
                Error::new(Kind::Denied, what.clone())
                    .cause(error.to_string())
                    .remedy("see --creds, --nkey-file and --token-file")
            }
            ConnectErrorKind::ServerParse => {
                Error::new(Kind::Usage, what.clone()).cause(error.to_string())
            }
            _ if error.to_string().contains("certificate") => refused(what.clone(), &error)
                .remedy("name the authority to believe by --ca, and our own by --cert"),
            _ => refused(what.clone(), &error)
                .remedy("is it running, and reachable from this network namespace? see --server"),
        })?;
        let jetstream = ContextBuilder::new()
            .timeout(ANSWER)
            .ack_timeout(ANSWER)
            .max_ack_inflight(2 * IN_FLIGHT)
            .build(client.clone());
        let no_streams = |error: String| {
            refused("use JetStream on the NATS server", error)
                .remedy("start it with --jetstream, and let this user use $JS.API")
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
        let jobs = bucket("prtip-jobs", Duration::ZERO).await?;
        let workers = bucket("prtip-workers", WORKER_FORGOTTEN).await?;
        Ok(Self { client, jetstream, jobs, workers })
    }

    /// A job by its name.
    pub(super) async fn job(&self, id: &str) -> Result<Job> {
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
    pub(super) async fn job_names(&self) -> Result<Vec<String>> {
        let keys = self.ends_of(&self.jobs.stream, "$KV.prtip-jobs.", "list the jobs").await?;
        Ok(keys.into_iter().filter(|key| is_id(key)).collect())
    }

    /// The names of workers that have said something of a job.
    pub(super) async fn worker_names(&self, id: &str) -> Result<Vec<String>> {
        let prefix = format!("$KV.prtip-workers.{id}.");
        self.ends_of(&self.workers.stream, &prefix, "look for workers").await
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
    pub(super) async fn is_cancelled(&self, id: &str) -> Result<bool> {
        let entry = self.jobs.get(format!("{id}.cancelled")).await;
        entry.map(|entry| entry.is_some()).map_err(|error| refused("look after the job", error))
    }

    /// Makes the streams of a job.
    pub(super) async fn create_streams(&self, id: &str) -> Result<()> {
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
            ..pull::Config::default()
        })
        .await
        .map_err(|error| fail(error.to_string()))?;
        Ok(())
    }

    /// The stream of a job's ranges.
    pub(super) async fn work_stream(&self, id: &str) -> Result<Stream> {
        let found = self.jetstream.get_stream(work_stream(id)).await;
        found.map_err(|error| refused(format!("look at the ranges of job {id}"), error))
    }

    /// The stream of what was found.
    pub(super) async fn out_stream(&self, id: &str) -> Result<Stream> {
        let found = self.jetstream.get_stream(out_stream(id)).await;
        found.map_err(|error| refused(format!("look at the results of job {id}"), error))
    }

    /// Who hands out the ranges.
    pub(super) async fn consumer(&self, id: &str) -> Result<Consumer<pull::Config>> {
        let fail = |error: String| refused(format!("take ranges of job {id}"), error);
        self.work_stream(id)
            .await?
            .get_consumer("workers")
            .await
            .map_err(|error| fail(error.to_string()))
    }

    /// The numbers K that have a message `prtip.out.ID.KIND.K`.
    pub(super) async fn marked(&self, id: &str, kind: &str) -> Result<Vec<u64>> {
        let (stream, what) =
            (self.out_stream(id).await?, format!("look at the results of job {id}"));
        let ends = self.ends_of(&stream, &format!("prtip.out.{id}.{kind}."), &what).await?;
        let mut numbers: Vec<u64> = ends.iter().filter_map(|end| end.parse().ok()).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Stores a message, once however often it is sent; goes on trying while the server is
    /// away, until `given_up`.
    pub(super) async fn store(
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
                Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
    }
}

/// The name of a job's stream of ranges.
pub(super) fn work_stream(id: &str) -> String {
    format!("prtip-work-{id}")
}

/// The name of a job's stream of results.
pub(super) fn out_stream(id: &str) -> String {
    format!("prtip-out-{id}")
}

/// A URL as it may be shown.
fn without_secret(url: &str) -> &str {
    url.rsplit_once('@').map_or(url, |(_, host)| host)
}
