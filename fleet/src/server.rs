//! How to reach the NATS server, and as whom.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event};
use prtip_engine::error::{Error, Kind, Result};
pub use tokio::runtime::Runtime;
use tokio::sync::Notify;

/// Where nothing is said.
pub const DEFAULT: &str = "nats://127.0.0.1:4222";
/// How long one question waits for its answer.
pub(crate) const ANSWER: Duration = Duration::from_secs(5);
/// How long something waits that asks several questions.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server and what it asks for.
#[derive(Clone, Debug, Default)]
pub struct Server {
    /// URLs of it, or of several of its cluster.
    pub urls: Vec<String>,
    /// File with a JWT and its NKey.
    pub creds: Option<PathBuf>,
    /// File with an NKey seed.
    pub nkey: Option<PathBuf>,
    /// File with a token.
    pub token: Option<PathBuf>,
    /// Authorities to believe (PEM); the connection must be TLS.
    pub ca: Option<PathBuf>,
    /// Our certificate and its key (PEM).
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// What the server last said no to without being asked: a subject that this user may not use.
/// What was asked there gets no answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Complaint {
    words: Arc<Mutex<Option<String>>>,
    came: Arc<Notify>,
}

impl Complaint {
    fn note(&self, words: String) {
        *self.words.lock().unwrap_or_else(PoisonError::into_inner) = Some(words);
        self.came.notify_waiters();
    }

    /// It, where it is about what this user may do.
    pub(crate) fn forbidden(&self) -> Option<String> {
        let words = self.words.lock().unwrap_or_else(PoisonError::into_inner).clone();
        words.filter(|words| words.to_lowercase().contains("permissions violation"))
    }

    /// Waits for one.
    pub(crate) async fn comes(&self) -> String {
        loop {
            let came = self.came.notified();
            if let Some(words) = self.forbidden() {
                return words;
            }
            came.await;
        }
    }
}

/// `words` of the server that forbid `what`.
pub(crate) fn denied(what: impl Into<String>, words: String) -> Error {
    Error::new(Kind::Denied, what)
        .cause(words)
        .remedy("docs/fleet.md lists what each user must be let do")
}

impl Server {
    async fn options(&self, complaint: &Complaint) -> Result<ConnectOptions> {
        let secret = |path: &PathBuf| -> Result<String> {
            let what = || format!("read {path:?}");
            std::fs::read_to_string(path)
                .map(|text| text.trim().to_owned())
                .map_err(|error| Error::new(Kind::Usage, what()).because_of(error))
        };
        let complaint = complaint.clone();
        let mut options = ConnectOptions::new()
            .name(concat!("prtip ", env!("CARGO_PKG_VERSION")))
            .connection_timeout(ANSWER)
            .request_timeout(Some(ANSWER))
            .ping_interval(Duration::from_secs(5))
            .event_callback(move |event| {
                if let Event::ServerError(error) = event {
                    complaint.note(error.to_string());
                }
                std::future::ready(())
            });
        if let Some(path) = &self.creds {
            options = options.credentials_file(path).await.map_err(|error| {
                Error::new(Kind::Usage, format!("read the credentials {path:?}")).because_of(error)
            })?;
        }
        if let Some(path) = &self.nkey {
            options = options.nkey(secret(path)?);
        }
        if let Some(path) = &self.token {
            options = options.token(secret(path)?);
        }
        let (certificate, key) = match &self.certificate {
            Some((certificate, key)) => (Some(certificate), Some(key)),
            None => (None, None),
        };
        for path in [self.ca.as_ref(), certificate, key].into_iter().flatten() {
            secret(path)?;
        }
        if let Some(path) = &self.ca {
            options = options.add_root_certificates(path.clone()).require_tls(true);
        }
        if let (Some(certificate), Some(key)) = (certificate, key) {
            options = options.add_client_certificate(certificate.clone(), key.clone());
        }
        Ok(options)
    }

    pub(crate) async fn connect(&self, complaint: &Complaint) -> Result<Client> {
        let shown: Vec<&str> = self.urls.iter().map(|url| without_secret(url)).collect();
        let what = format!("connect to the NATS server {}", shown.join(", "));
        let options = self.options(complaint).await?;
        options.connect(&self.urls[..]).await.map_err(|error| match error.kind() {
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
        })
    }
}

/// Threads for what waits on the network.
///
/// # Errors
/// Where the system gives none.
pub fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("fleet")
        .enable_all()
        .build()
        .map_err(|error| Error::new(Kind::Failed, "start a thread").because_of(error))
}

/// Ends a question whose answer never comes: the client waits for ever where the server was
/// replaced between the two.
///
/// # Errors
/// Those of the question, and that no answer came.
pub async fn in_time<T>(what: &str, question: impl Future<Output = Result<T>>) -> Result<T> {
    let answer = tokio::time::timeout(PATIENCE, question).await;
    answer.unwrap_or_else(|_| {
        Err(refused(what, format!("no answer within {} s", PATIENCE.as_secs()))
            .remedy("is the server still there?"))
    })
}

/// What the server said no to.
pub fn refused(what: impl Into<String>, error: impl ToString) -> Error {
    Error::new(Kind::Failed, what).cause(error.to_string())
}

/// A URL as it may be shown.
fn without_secret(url: &str) -> &str {
    url.rsplit_once('@').map_or(url, |(_, host)| host)
}
