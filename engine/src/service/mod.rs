//! What is listening on open ports: connections to them, questions, answers.
//!
//! * [`inquiry`]: what is asked of one port, without sockets; [`catalogue`]: the probes and
//!   their order; [`limits`]: what it may cost; [`tunnel`]: what it needs of TLS;
//!   [`handshake`]: the same by `crate::tls`; [`starttls`]: how a service is led there.
//! * [`connections`]: what is wanted of them, [`any_port`] where another port may answer; [`ring`]: on io_uring, the only `unsafe` here;
//!   [`polled`]: where that is refused; [`prober`]: the thread that joins the two, with
//!   [`hosts`] and [`backlog`].
//! * [`found`]: the result.
//!
//! A scan hands ports over as they open ([`Services::ask`]) and takes results while it runs
//! ([`Services::take`]). Connections are the kernel's own: their source ports lie outside of
//! the scan's, and the steering program passes their packets on.

mod any_port;
mod backlog;
mod catalogue;
mod connections;
#[cfg(test)]
mod connections_tests;
mod found;
mod handshake;
mod hosts;
mod inquiry;
mod limits;
mod polled;
mod prober;
mod ring;
mod starttls;
mod tunnel;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use rustix::process::{Resource, getrlimit, setrlimit};

pub use catalogue::{Ask, Catalogue};
pub use found::{BANNER_MAX, Found, Identity};
pub use handshake::Handshakes;
pub use inquiry::{Desk, Event, Inquiry, Order};
pub use starttls::{Plea, Step};
pub use tunnel::{Session, Stage, Tunnel, Tunnels};

use crate::error::{Error, Kind, Result};
use crate::plan::Target;
use crate::scan::Control;
use connections::Connections;
use polled::Polled;
use prober::Prober;
use ring::Ring;

/// Connections at once where nothing is said.
pub const CONNECTIONS: usize = 4096;
/// Files that the rest of the program may have open beside them.
const OTHER_FILES: u64 = 128;

/// How to ask.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Connections at once; `None`: [`CONNECTIONS`], or fewer where the limit of open files
    /// is lower.
    pub connections: Option<usize>,
    /// Connections leave by this interface.
    pub interface: Option<String>,
    /// Connections have these source addresses.
    pub source_ips: Vec<IpAddr>,
}

/// What becomes of a port that was handed over.
#[derive(Debug)]
pub enum Answer {
    /// It was asked.
    Found(Box<Found>),
    /// The scan was stopped before it was.
    Unasked(Target),
    /// Nothing can be asked any more.
    Broken(io::Error),
}

/// Counts for progress.
#[derive(Debug, Default)]
struct Live {
    asked: AtomicU64,
    answered: AtomicU64,
}

/// The thread that asks.
pub struct Services {
    targets: Option<Sender<Target>>,
    answers: Receiver<Answer>,
    thread: Option<JoinHandle<()>>,
    live: Arc<Live>,
    connections: usize,
}

impl Services {
    /// Starts it. `control` ends it before its time as it ends the scan: first what has begun
    /// is brought to an end, then nothing. The second value is a word for the user where
    /// io_uring is refused.
    ///
    /// # Errors
    /// `Failed` where files or threads run out.
    pub fn start(
        options: Options,
        catalogue: Catalogue,
        tunnels: Option<Box<dyn Tunnels>>,
        control: Arc<Control>,
    ) -> Result<(Self, Option<String>)> {
        let most = allowed(options.connections)?;
        let (connections, word): (Box<dyn Connections>, _) = match Ring::new(most) {
            Ok(ring) => (Box::new(ring), None),
            Err(error) => {
                let polled = Polled::new(most).map_err(|error| {
                    Error::new(Kind::Failed, "watch connections by epoll").because_of(error)
                })?;
                let word = format!(
                    "io_uring is refused here ({error}); services are asked over sockets watched by epoll"
                );
                (Box::new(polled), Some(word))
            }
        };
        let (targets, from) = channel();
        let (to, answers) = channel();
        let live = Arc::new(Live::default());
        let prober = Prober::new(connections, options, catalogue, tunnels);
        let counts = Arc::clone(&live);
        let thread = thread::Builder::new()
            .name("services".into())
            .spawn(move || prober.run(&from, &to, &counts.answered, &control))
            .map_err(|error| Error::new(Kind::Failed, "start a thread").because_of(error))?;
        let services =
            Self { targets: Some(targets), answers, thread: Some(thread), live, connections: most };
        Ok((services, word))
    }

    /// Connections at once.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections
    }

    /// Hands over an open port.
    pub fn ask(&self, target: Target) {
        if let Some(targets) = &self.targets
            && targets.send(target).is_ok()
        {
            self.live.asked.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// No more ports will be handed over.
    pub fn no_more(&mut self) {
        self.targets = None;
    }

    /// The next answer, where there is one.
    pub fn take(&mut self) -> Option<Answer> {
        let answer = self.answers.try_recv().ok()?;
        if !matches!(answer, Answer::Broken(_)) {
            self.live.answered.fetch_add(1, Ordering::Relaxed);
        }
        Some(answer)
    }

    /// Ports handed over whose answer has not been taken.
    #[must_use]
    pub fn left(&self) -> u64 {
        let asked = self.live.asked.load(Ordering::Relaxed);
        asked.saturating_sub(self.live.answered.load(Ordering::Relaxed))
    }

    /// Whether the thread has come to its end; answers may wait to be taken.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

/// The number of connections that the limit of open files allows, after raising it as far
/// as this process may.
fn allowed(wanted: Option<usize>) -> Result<usize> {
    let want = wanted.unwrap_or(CONNECTIONS);
    let mut limit = getrlimit(Resource::Nofile);
    let needed = want as u64 + OTHER_FILES;
    if limit.current.is_some_and(|current| current < needed) {
        limit.current = Some(limit.maximum.map_or(needed, |maximum| maximum.min(needed)));
        // What the system does not give is not used.
        let _ = setrlimit(Resource::Nofile, limit);
    }
    let current = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let room = usize::try_from(current.saturating_sub(OTHER_FILES)).unwrap_or(usize::MAX);
    match wanted {
        Some(wanted) if wanted > room => Err(Error::new(
            Kind::Usage,
            format!("have {wanted} connections at once with {current} open files (ulimit -n)"),
        )
        .remedy(format!("give --version-connections {} or less", room.max(1)))),
        _ if room == 0 => Err(Error::new(Kind::Failed, "open connections to services")
            .cause(format!("this process may have {current} open files (ulimit -n)"))
            .remedy("raise it to 4224")),
        _ => Ok(want.min(room)),
    }
}
