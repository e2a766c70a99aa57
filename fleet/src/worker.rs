//! A worker: takes ranges of a job, has them scanned, and gives them up when what was found
//! is stored. Who scans is not its business.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use prtip_engine::error::{Error, Kind, Result};
use prtip_engine::fleet::guard::Guard;
use prtip_engine::fleet::job::Job;
use prtip_engine::plan::Plan;
use prtip_engine::scan::Control;
use tokio::runtime::Handle;

use crate::courier::{Courier, Taken};
use crate::findings::Findings;
use crate::link::Link;
use crate::pulse::{Gauges, Pulse};
use crate::server::in_time;

/// How long a worker tries to say that it leaves.
const GOODBYE: Duration = Duration::from_secs(2);
/// How long a worker that could not ask waits.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// What scans ranges, or pretends to.
pub trait Scanner {
    /// Scans ranges: what is found goes to [`Task::findings`], and the last of it has been
    /// taken when [`Task::settle`] has come back.
    ///
    /// # Errors
    /// Where it cannot be scanned from here: the worker ends, and its ranges go to others.
    fn scan(&mut self, task: &Task<'_>) -> Result<()>;

    /// Words for people.
    fn say(&mut self, words: &str);

    /// A question for ranges was answered with so many after so long.
    fn asked(&mut self, _took: Duration, _ranges: usize) {}
}

/// Ranges to scan.
pub struct Task<'a> {
    /// What they are of.
    pub job: &'a Job,
    /// Its plan.
    pub plan: &'a Plan,
    /// Their numbers and indices, ascending.
    pub leases: Vec<(u64, Range<u64>)>,
    /// Probes a second; `None`: as many as it can.
    pub rate: Option<f64>,
    /// Stops the scan of this job, and changes its rate.
    pub control: &'a Control,
    /// What signals stop.
    pub stop: &'a Control,
    courier: &'a Courier,
    gauges: &'a Arc<Gauges>,
    handle: &'a Handle,
}

impl Task<'_> {
    /// Where results go.
    #[must_use]
    pub fn findings(&self) -> Findings {
        Findings::new(
            self.courier.parcels.clone(),
            Arc::clone(self.gauges),
            self.plan.items().purpose(),
            self.job.closed,
            &self.leases,
        )
    }

    /// Pairs of all its ranges.
    #[must_use]
    pub fn pairs(&self) -> u64 {
        self.leases.iter().map(|(_, range)| range.end - range.start).sum()
    }

    /// Hands over the last of `findings` and waits until all is stored; false where that was
    /// given up because it was told to stop at once: its ranges are given back.
    ///
    /// # Errors
    /// Where the server does not take it.
    pub fn settle(&self, mut findings: Findings) -> Result<bool> {
        let impatient = || self.stop.level() >= 2;
        while !findings.pump() && !impatient() {
            std::thread::sleep(Duration::from_millis(20));
        }
        match self.courier.settle(self.handle, impatient) {
            Ok(()) => Ok(true),
            Err(_) if impatient() => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// How a worker's job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Nothing is left of it.
    Done,
    /// The worker was told to stop.
    Stopped,
    /// The job was cancelled.
    Cancelled,
}

/// What a worker's operator says of it.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Its name: no two workers of a job have the same.
    pub name: String,
    /// The name was made up here, and may be changed.
    pub name_is_made_up: bool,
    /// Probes a second at most.
    pub limit: Option<f64>,
    /// What it may scan.
    pub guard: Guard,
    /// Takes so long a piece of work at most at once.
    pub lease: Duration,
    /// A range that was handed out more often is put aside.
    pub deliveries: i64,
}

/// A worker.
#[derive(Debug)]
pub struct Worker<S> {
    /// What its operator says.
    pub terms: Terms,
    /// What signals stop.
    pub stop: Arc<Control>,
    /// What scans.
    pub scanner: S,
    handle: Handle,
    gauges: Arc<Gauges>,
}

/// What a worker has for one job.
struct Run<'a> {
    link: &'a Link,
    courier: &'a Courier,
    pulse: &'a Pulse,
}

impl<S: Scanner> Worker<S> {
    /// A worker that waits for the network on `handle`, itself on a thread that is not of
    /// that runtime.
    pub fn new(handle: Handle, terms: Terms, stop: Arc<Control>, scanner: S) -> Self {
        Self { terms, stop, scanner, handle, gauges: Arc::default() }
    }

    fn say(&mut self, words: impl ToString) {
        self.scanner.say(&words.to_string());
    }

    /// Works on whatever job has ranges left, the first by name first, until it is stopped.
    ///
    /// # Errors
    /// Where it cannot scan, or another worker has its name.
    pub fn all_jobs(&mut self, link: &Link) -> Result<Ended> {
        self.say("prtip: waiting for jobs");
        let mut refused: Vec<String> = Vec::new();
        loop {
            for id in self.jobs_with_ranges(link) {
                if refused.contains(&id) {
                    continue;
                }
                match self.job(link, &id) {
                    Ok(Ended::Stopped) => return Ok(Ended::Stopped),
                    Ok(_) => {}
                    // One job that may not be scanned from here does not end the others.
                    Err(error) if error.kind == Kind::Usage => {
                        self.say(format_args!("error: {error}"));
                        refused.push(id);
                    }
                    Err(error) => return Err(error),
                }
            }
            if self.stop.level() > 0 {
                return Ok(Ended::Stopped);
            }
            std::thread::sleep(ASK_AGAIN);
        }
    }

    /// The jobs that have ranges left, as far as the server tells: it may be away for a
    /// while, and a job that is being submitted or deleted has no streams.
    fn jobs_with_ranges(&self, link: &Link) -> Vec<String> {
        let has_ranges = async |id: &str| {
            Ok(!link.is_cancelled(id).await?
                && link.work_stream(id).await?.cached_info().state.messages > 0)
        };
        self.handle.block_on(async {
            let mut left = Vec::new();
            for id in in_time("list the jobs", link.job_names()).await.unwrap_or_default() {
                if in_time("look at a job", has_ranges(&id)).await.unwrap_or(false) {
                    left.push(id);
                }
            }
            left
        })
    }

    /// Works on one job until it is done.
    ///
    /// # Errors
    /// Where there is no such job, the guard refuses it, another worker has this one's name,
    /// or it cannot be scanned.
    pub fn job(&mut self, link: &Link, id: &str) -> Result<Ended> {
        let job = self.handle.block_on(link.permitted("read the job", link.job(id)))?;
        let plan = job.plan()?;
        self.permitted(link, &job, &plan)?;
        let handle = self.handle.clone();
        let (pulse, courier, beating) = loop {
            let (name, gauges) = (&self.terms.name, Arc::clone(&self.gauges));
            let pulse = Arc::new(Pulse::new(id, name, self.terms.limit, job.rate, gauges));
            let (ears, hello) = {
                let joined = in_time("look for workers", pulse.join(link));
                handle.block_on(link.permitted("join the workers", joined))?
            };
            let courier = Courier::start(&handle, link, &job, name);
            let beating = {
                let (link, pulse, held) = (link.clone(), Arc::clone(&pulse), courier.held());
                handle.spawn(async move { pulse.run(&link, ears, held).await })
            };
            let until = Instant::now() + hello.wait;
            if hello.namesake {
                let (name, wait_s) = (&self.terms.name, hello.wait.as_secs_f64());
                let words = format!(
                    "prtip: a {name} was there lately; listening for {wait_s:.1} s whether it still is"
                );
                self.say(words);
            }
            while Instant::now() < until && !pulse.has_rival() && self.stop.level() == 0 {
                std::thread::sleep(Duration::from_millis(20));
            }
            if !pulse.has_rival() {
                pulse.settle();
                break (pulse, courier, beating);
            }
            beating.abort();
            self.rename()?;
        };
        let (name, ranges) = (&self.terms.name, job.ranges());
        let words = format!("prtip: {name} works on job {id}, {ranges} ranges");
        self.say(words);
        let ended = self.ranges(&job, &plan, &Run { link, courier: &courier, pulse: &pulse });
        beating.abort();
        let leaving = async {
            courier.give_back().await;
            pulse.say(link, 0, true).await;
        };
        // Where the server is away it will see for itself.
        let _ = handle.block_on(async { tokio::time::timeout(GOODBYE, leaving).await });
        if pulse.cancelled.load(Ordering::Relaxed) && ended.is_ok() {
            self.say(format_args!("prtip: job {id} was cancelled"));
            return Ok(match self.stop.level() {
                0 => Ended::Cancelled,
                _ => Ended::Stopped,
            });
        }
        ended
    }

    /// Another worker has this one's name.
    fn rename(&mut self) -> Result<()> {
        let name = &self.terms.name;
        if !self.terms.name_is_made_up {
            return Err(Error::new(Kind::Failed, format!("work under the name {name:?}"))
                .cause("another worker of that name works on this job")
                .remedy("give each worker a --name of its own"));
        }
        let short: String = name.chars().take(50).collect();
        let other = format!("{short}-{:08x}", prtip_engine::key::random_u64()? as u32);
        let words = format!("prtip: another worker is called {name}; this one is {other} now");
        self.terms.name = other;
        self.say(words);
        Ok(())
    }

    /// Whether this worker's operator lets it scan the job; the refusal is stored with it.
    fn permitted(&self, link: &Link, job: &Job, plan: &Plan) -> Result<()> {
        let Err(why) = self.terms.guard.check(plan) else { return Ok(()) };
        let id = &job.id;
        let words = format!("{} refuses job {id}: {why}", self.terms.name);
        let message = format!("refused-{}", self.terms.name);
        // Told as well as it can be; the refusal does not depend on it.
        let _ = self.handle.block_on(link.store(
            &format!("prtip.out.{id}.refused"),
            &message,
            words.into(),
            || true,
        ));
        Err(Error::new(Kind::Usage, format!("scan job {id}"))
            .cause(why)
            .remedy("nothing was sent; see --allow and --exclude-file, or submit it without"))
    }

    fn ranges(&mut self, job: &Job, plan: &Plan, on: &Run<'_>) -> Result<Ended> {
        let size = job.range(0).map_or(1, |range| range.end);
        let mut told_waiting = false;
        // What it has and does not scan yet.
        let (mut kept, mut part) = (Vec::new(), 1.0);
        loop {
            if self.stop.level() > 0 || on.pulse.cancelled.load(Ordering::Relaxed) {
                return Ok(Ended::Stopped);
            }
            if on.pulse.share().has_shrunk(part) {
                // Where the server is away the others get none now.
                let out = in_time("share ranges out", on.courier.share_out(on.pulse));
                if kept.len() > 1 && self.handle.block_on(out).is_ok() {
                    kept = on.courier.has();
                    let words = format!("prtip: others have come; {} ranges are kept", kept.len());
                    self.say(words);
                }
                part = on.pulse.share().part();
            }
            if !kept.is_empty() {
                kept = self.scan(job, plan, &kept, part, on)?;
                continue;
            }
            let lease = self.terms.lease.as_secs_f64();
            let most = on.pulse.share().rate;
            let most = most.map_or(u64::MAX, |rate| (rate * lease / size as f64) as u64);
            let asked = Instant::now();
            let taken = on.courier.take(job, on.pulse, most.max(1), self.terms.deliveries);
            let taken = on.link.permitted("take ranges", in_time("take ranges", taken));
            match self.handle.block_on(taken) {
                Ok(Taken::Over { told }) => {
                    if !told {
                        // Those who do not hear it ask.
                        let _ = self.handle.block_on(in_time("end", on.pulse.tell_over(on.link)));
                    }
                    return Ok(Ended::Done);
                }
                Ok(Taken::NoneNow) => {
                    if !std::mem::replace(&mut told_waiting, true) {
                        self.say("prtip: all ranges are taken; waiting for those that come back");
                    }
                }
                Ok(Taken::Ranges(ranges, asked_as)) => {
                    (told_waiting, part) = (false, asked_as);
                    self.scanner.asked(asked.elapsed(), ranges.len());
                    kept = ranges;
                }
                Err(error) if error.kind == Kind::Denied => return Err(error),
                Err(error) => {
                    self.say(format_args!("prtip: {error}; trying again"));
                    std::thread::sleep(ASK_AGAIN);
                }
            }
        }
    }

    /// Has ranges scanned; returns those of them that are left, where others have come and
    /// are to have some.
    fn scan(
        &mut self,
        job: &Job,
        plan: &Plan,
        ranges: &[u64],
        part: f64,
        on: &Run<'_>,
    ) -> Result<Vec<u64>> {
        let leases = ranges.iter().filter_map(|&number| Some((number, job.range(number)?)));
        let control = Arc::new(Control::default());
        let task = Task {
            job,
            plan,
            leases: leases.collect(),
            rate: on.pulse.share().rate,
            control: &control,
            stop: &self.stop,
            courier: on.courier,
            gauges: &self.gauges,
            handle: &self.handle,
        };
        let size = (task.leases.len(), task.pairs());
        on.pulse.begin(&control, part, size, Duration::from_millis(job.cooldown_ms));
        let scanned = self.scanner.scan(&task);
        let crowded_out = on.pulse.end();
        scanned?;
        Ok(if crowded_out { on.courier.has() } else { Vec::new() })
    }
}
