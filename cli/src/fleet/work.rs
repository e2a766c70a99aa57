//! `prtip fleet work`: takes ranges of a job, scans them, and gives them up when what was
//! found is stored.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use clap::{Args, Parser};
use prtip_engine::error::{Error, Kind, Result};
use prtip_engine::event::clock::Clock;
use prtip_engine::event::record::{Host, LedgerRecord, encode, encode_port};
use prtip_engine::event::{PortEvent, PortState};
use prtip_engine::fleet::guard::Guard;
use prtip_engine::fleet::job::Job;
use prtip_engine::plan::{Plan, Purpose};
use prtip_engine::scan::{Control, Observer, Options, Progress, Rate, Report, Resume, prepare};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::error::TrySendError;

use super::courier::{Courier, Parcel, Taken};
use super::link::{Link, ServerArgs, in_time, runtime};
use super::pulse::{Gauges, HELLO, Pulse};
use crate::args::{Cli, SynArg, WayOutArgs, parse_rate};
use crate::exit::Exit;
use crate::progress::Display;
use crate::say::say;
use crate::{run, signals, targets};

/// Bytes of results that go to the server together.
const PARCEL: usize = 128 << 10;
/// Parcels that wait for room on the way; then the scan slows down.
const WAITING: usize = 4;
/// How long a worker tries to say that it leaves.
const GOODBYE: Duration = Duration::from_secs(2);
/// How often a worker without ranges asks again.
const ASK_AGAIN: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub(crate) struct WorkArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// The job to work on, until it is done; default: all jobs, as they come.
    #[arg(value_name = "JOB")]
    job: Option<String>,
    /// This worker's name; default: the host's, with a number.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Probes a second that this worker sends at most, whatever its share would be.
    #[arg(long, value_name = "PPS", value_parser = parse_rate)]
    rate: Option<Rate>,
    /// Scan nothing but these prefixes, whatever a job says; comma-separated. Special-purpose
    /// addresses are scanned only where this names them.
    #[arg(long, value_name = "PREFIX", value_delimiter = ',')]
    allow: Vec<String>,
    /// Refuse jobs that hold an address of this list.
    #[arg(long, value_name = "FILE")]
    exclude_file: Vec<PathBuf>,
    /// Take at most so many seconds' worth of ranges at once.
    #[arg(long, value_name = "SECONDS", default_value_t = 300,
          value_parser = clap::value_parser!(u64).range(1..))]
    lease: u64,
    /// A range that was handed out so many times in vain is put aside.
    #[arg(long, value_name = "N", default_value_t = 5,
          value_parser = clap::value_parser!(i64).range(1..))]
    deliveries: i64,
    #[command(flatten)]
    way_out: WayOutArgs,
}

pub(super) fn run(args: WorkArgs) -> Result<Exit> {
    if args.way_out.syn != SynArg::Mss {
        return Err(Error::new(Kind::Usage, "choose --syn for one worker")
            .cause("all workers of a job send the same probes")
            .remedy("give --syn to `prtip fleet submit`"));
    }
    let limit = match args.rate {
        None | Some(Rate::Max) => None,
        Some(Rate::PerSecond(rate)) => Some(rate),
        Some(Rate::Auto) => {
            return Err(Error::new(Kind::Usage, "--rate auto").remedy("give a number, or max"));
        }
    };
    let name = worker_name(args.name.as_deref())?;
    let mut forbidden = Vec::new();
    for path in &args.exclude_file {
        let names = targets::read(path, |ranges| forbidden.extend(ranges))?;
        if let Some(name) = names.first() {
            return Err(Error::new(Kind::Usage, format!("exclude the host name {name}"))
                .cause("what it stands for may change while the worker runs")
                .remedy("list addresses"));
        }
    }
    let mut allowed = Vec::new();
    for text in &args.allow {
        allowed.extend(targets::ranges_only(text, "--allow")?);
    }
    let mut worker = Worker {
        runtime: runtime()?,
        control: Arc::new(Control::default()),
        guard: Guard::new(allowed, forbidden),
        name,
        limit,
        lease: Duration::from_secs(args.lease),
        deliveries: args.deliveries,
        gauges: Arc::default(),
        way_out: args.way_out,
    };
    let link = worker.runtime.block_on(Link::open(&args.server))?;
    signals::watch(&worker.control, "finishing what is in the air; Ctrl-C again stops at once")?;
    match &args.job {
        Some(id) => worker.job(&link, id),
        None => worker.all_jobs(&link),
    }
}

/// A name that can stand in a subject.
fn worker_name(given: Option<&str>) -> Result<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match given {
        Some(name) if (1..=60).contains(&name.len()) && name.chars().all(plain) => {
            Ok(name.to_owned())
        }
        Some(name) => Err(Error::new(Kind::Usage, format!("call a worker {name:?}"))
            .cause("a name is up to 60 letters, digits, - and _")),
        None => {
            let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
            let host: String = host.trim().chars().filter(|c| plain(*c)).take(40).collect();
            Ok(format!("{host}-{}", std::process::id()))
        }
    }
}

struct Worker {
    runtime: Runtime,
    control: Arc<Control>,
    guard: Guard,
    name: String,
    limit: Option<f64>,
    lease: Duration,
    deliveries: i64,
    gauges: Arc<Gauges>,
    way_out: WayOutArgs,
}

impl Worker {
    /// Works on whatever job has ranges left, the first by name first.
    fn all_jobs(&mut self, link: &Link) -> Result<Exit> {
        say("prtip: waiting for jobs");
        let mut refused: Vec<String> = Vec::new();
        loop {
            for id in self.jobs_with_ranges(link) {
                if refused.contains(&id) {
                    continue;
                }
                match self.job(link, &id) {
                    Ok(Exit::Stopped) if self.control.level() > 0 => return Ok(Exit::Stopped),
                    Ok(_) => {}
                    // One job that may not be scanned from here does not end the others.
                    Err(error) if error.kind == Kind::Usage => {
                        say(format_args!("error: {error}"));
                        refused.push(id);
                    }
                    Err(error) => return Err(error),
                }
            }
            if self.control.level() > 0 {
                return Ok(Exit::Stopped);
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
        self.runtime.block_on(async {
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
    fn job(&mut self, link: &Link, id: &str) -> Result<Exit> {
        let job = self.runtime.block_on(link.job(id))?;
        let plan = job.plan()?;
        self.permitted(link, &job, &plan)?;
        let pulse =
            Arc::new(Pulse::new(id, &self.name, self.limit, job.rate, Arc::clone(&self.gauges)));
        let control = Arc::new(Control::default());
        let handle = self.runtime.handle().clone();
        let courier = Courier::start(&handle, link, &job, &self.name);
        let beating = {
            let (link, pulse, held) = (link.clone(), Arc::clone(&pulse), courier.held());
            let control = Arc::clone(&control);
            handle.spawn(async move { pulse.run(&link, &control, held).await })
        };
        say(format_args!("prtip: {} works on job {id}, {} ranges", self.name, job.ranges()));
        std::thread::sleep(HELLO);
        let ended =
            self.ranges(&job, &plan, &Run { courier: &courier, pulse: &pulse, control: &control });
        beating.abort();
        let leaving = async {
            courier.give_back().await;
            pulse.say(link, 0, true).await;
        };
        // Where the server is away it will see for itself.
        let _ = handle.block_on(async { tokio::time::timeout(GOODBYE, leaving).await });
        if pulse.cancelled.load(Ordering::Relaxed) && ended.is_ok() {
            say(format_args!("prtip: job {id} was cancelled"));
            return Ok(Exit::Stopped);
        }
        ended
    }

    /// Whether this worker's operator lets it scan the job; the refusal is stored with it.
    fn permitted(&self, link: &Link, job: &Job, plan: &Plan) -> Result<()> {
        let Err(why) = self.guard.check(plan) else { return Ok(()) };
        let id = &job.id;
        let words = format!("{} refuses job {id}: {why}", self.name);
        let message = format!("refused-{}", self.name);
        // Told as well as it can be; the refusal does not depend on it.
        let _ = self.runtime.block_on(link.store(
            &format!("prtip.out.{id}.refused"),
            &message,
            words.into(),
            || true,
        ));
        Err(Error::new(Kind::Usage, format!("scan job {id}"))
            .cause(why)
            .remedy("nothing was sent; see --allow and --exclude-file, or submit it without"))
    }

    fn ranges(&mut self, job: &Job, plan: &Plan, on: &Run<'_>) -> Result<Exit> {
        let size = job.range(0).map_or(1, |range| range.end);
        let mut told_waiting = false;
        loop {
            if self.control.level() > 0 || on.control.level() > 0 {
                return Ok(Exit::Stopped);
            }
            let (share, ..) = on.pulse.share();
            let most = share
                .map_or(u64::MAX, |share| (share * self.lease.as_secs_f64() / size as f64) as u64);
            let taken = on.courier.take(job, on.pulse, most.max(1), self.deliveries);
            match self.runtime.block_on(in_time("take ranges", taken)) {
                Ok(Taken::Over) => return Ok(Exit::Done),
                Ok(Taken::NoneNow) => {
                    if !std::mem::replace(&mut told_waiting, true) {
                        say("prtip: all ranges are taken; waiting for those that come back");
                    }
                    std::thread::sleep(ASK_AGAIN);
                }
                Ok(Taken::Ranges(ranges)) => {
                    told_waiting = false;
                    self.scan(job, plan, &ranges, on, share)?;
                }
                Err(error) => {
                    say(format_args!("prtip: {error}; trying again"));
                    std::thread::sleep(ASK_AGAIN);
                }
            }
        }
    }

    /// Scans some ranges in one run of the engine.
    fn scan(
        &mut self,
        job: &Job,
        plan: &Plan,
        ranges: &[u64],
        on: &Run<'_>,
        share: Option<f64>,
    ) -> Result<()> {
        let leases: Vec<(u64, Range<u64>)> =
            ranges.iter().filter_map(|&number| Some((number, job.range(number)?))).collect();
        let pairs: u64 = leases.iter().map(|(_, range)| range.end - range.start).sum();
        let options = self.options(job, &leases, share)?;
        if let Some(share) = share {
            on.control.set_rate(share);
        }
        let prepared = prepare(plan.clone(), job.key()?, &options)?;
        let info = prepared.info();
        say(format_args!(
            "prtip: {} ranges, {pairs} pairs, over {} on {}{}",
            leases.len(),
            info.port_engine,
            info.interface,
            share.map(|share| format!(", up to {share:.0} probes a second")).unwrap_or_default()
        ));
        let mut carrier = Carrier {
            on,
            stop: &self.control,
            gauges: &self.gauges,
            sent_before: self.gauges.sent.load(Ordering::Relaxed),
            purpose: plan.items().purpose(),
            closed: job.closed,
            clock: Clock::start(),
            leases: leases.into_iter().collect(),
            buffer: Vec::with_capacity(2 * PARCEL),
            outbox: VecDeque::new(),
            display: Display::start(),
        };
        let report = prepared.run(on.control, &mut carrier);
        carrier.display.end();
        let report = report?;
        carrier.conclude(&report);
        while !carrier.pump() {
            if self.control.level() >= 2 {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let impatient = || self.control.level() >= 2;
        if let Err(error) = on.courier.settle(self.runtime.handle(), impatient) {
            if !impatient() {
                return Err(error);
            }
            // Told to stop at once: its ranges are given back.
            say(format_args!("prtip: {error}"));
            return Ok(());
        }
        say(format_args!(
            "prtip: {} open, {} closed, {} probes sent in {:.1} s; {} unaccounted",
            report.open,
            report.closed,
            report.ledger.completed,
            report.elapsed.as_secs_f64(),
            report.ledger.unaccounted
        ));
        match report.failure {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    fn options(
        &self,
        job: &Job,
        leases: &[(u64, Range<u64>)],
        share: Option<f64>,
    ) -> Result<Options> {
        let mut args = Cli::parse_from(["prtip"]).scan;
        args.way_out = self.way_out.clone();
        let mut options = run::options(&args)?;
        options.rate = share.map_or(Rate::Max, Rate::PerSecond);
        options.retries = Some(job.retries);
        options.cooldown = Duration::from_millis(job.cooldown_ms);
        options.syn = job.syn();
        options.contact = options.contact.or_else(|| job.contact.clone());
        // All but the leases counts as finished.
        let (mut finished, mut at) = (Vec::new(), 0);
        for (_, range) in leases {
            if at < range.start {
                finished.push(at..range.start);
            }
            at = range.end;
        }
        let pairs = job.pairs()?;
        if at < pairs {
            finished.push(at..pairs);
        }
        options.resume = Some(Resume { finished, ..Resume::default() });
        Ok(options)
    }
}

/// What a worker has for one job.
struct Run<'a> {
    courier: &'a Courier,
    pulse: &'a Pulse,
    /// Stops this job's scan, by a signal or because the job was cancelled.
    control: &'a Control,
}

/// Takes what a run finds to the courier.
struct Carrier<'a> {
    on: &'a Run<'a>,
    /// What signals stop.
    stop: &'a Control,
    gauges: &'a Gauges,
    sent_before: u64,
    purpose: Purpose,
    closed: bool,
    clock: Clock,
    /// Those that are not finished.
    leases: HashMap<u64, Range<u64>>,
    buffer: Vec<u8>,
    /// What found no room on the way.
    outbox: VecDeque<Parcel>,
    display: Display,
}

impl Carrier<'_> {
    fn flush(&mut self) {
        if !self.buffer.is_empty() {
            let lines =
                Bytes::from(std::mem::replace(&mut self.buffer, Vec::with_capacity(2 * PARCEL)));
            self.outbox.push_back(Parcel::Results(lines));
        }
    }

    /// Hands over what there is room for; true where nothing is left.
    fn pump(&mut self) -> bool {
        while let Some(parcel) = self.outbox.pop_front() {
            match self.on.courier.parcels.try_send(parcel) {
                Ok(()) => {}
                Err(TrySendError::Full(parcel) | TrySendError::Closed(parcel)) => {
                    self.outbox.push_front(parcel);
                    return false;
                }
            }
        }
        true
    }

    fn conclude(&mut self, report: &Report) {
        self.flush();
        let mut line = Vec::new();
        let (ledger, steering) = (&report.ledger, report.steering);
        let record = LedgerRecord { ledger, steering, remarks: &report.remarks };
        encode(&record, &self.clock.now_rfc3339(), &mut line);
        self.outbox.push_back(Parcel::Ledger(line.into()));
        let sent = report.ledger.completed;
        self.gauges.sent.store(self.sent_before + sent, Ordering::Relaxed);
        self.gauges.pps.store(0, Ordering::Relaxed);
    }
}

impl Observer for Carrier<'_> {
    fn port(&mut self, event: &PortEvent) {
        match event.state {
            PortState::Open | PortState::Unfiltered => {}
            PortState::Closed if self.closed => {}
            _ => return,
        }
        self.gauges.found.fetch_add(1, Ordering::Relaxed);
        let ts = self.clock.rfc3339(event.at_ns);
        match self.purpose {
            Purpose::Ports => encode_port(event, false, &ts, &mut self.buffer),
            Purpose::Hosts => encode(&Host::new(event, false), &ts, &mut self.buffer),
        }
        if self.buffer.len() >= PARCEL {
            self.flush();
            self.pump();
        }
    }

    fn has_room(&mut self) -> bool {
        self.outbox.len() < WAITING
    }

    fn checkpoint(&mut self, finished: &[Range<u64>]) {
        let whole = |range: &Range<u64>| {
            let at = finished.partition_point(|known| known.end < range.end);
            finished.get(at).is_some_and(|known| known.start <= range.start)
        };
        let mut done: Vec<u64> = Vec::new();
        self.leases.retain(|number, range| {
            let is_done = whole(range);
            if is_done {
                done.push(*number);
            }
            !is_done
        });
        if !done.is_empty() {
            self.gauges.finished.fetch_add(done.len() as u64, Ordering::Relaxed);
            self.flush();
            self.outbox.push_back(Parcel::Finished(done));
        }
        self.pump();
    }

    fn progress(&mut self, progress: &Progress) {
        self.gauges.sent.store(self.sent_before + progress.sent, Ordering::Relaxed);
        self.gauges.pps.store(progress.pps as u64, Ordering::Relaxed);
        self.display.show(progress, None);
    }

    fn idle(&mut self) {
        while self.on.control.level() < self.stop.level() {
            self.on.control.stop();
        }
        self.pump();
    }
}
