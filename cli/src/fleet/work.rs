//! `prtip fleet work`: the engine as a worker's scanner.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser};
use prtip_engine::error::{Error, Kind, Result};
use prtip_engine::event::PortEvent;
use prtip_engine::fleet::guard::Guard;
use prtip_engine::scan::{Control, Observer, Options, Progress, Rate, Resume, prepare};
use prtip_fleet::findings::Findings;
use prtip_fleet::link::Link;
use prtip_fleet::server::runtime;
use prtip_fleet::worker::{Ended, Scanner, Task, Terms, Worker};

use super::server_args::ServerArgs;
use crate::args::{Cli, SynArg, WayOutArgs, parse_rate};
use crate::exit::Exit;
use crate::progress::Display;
use crate::say::say;
use crate::{run, signals, targets};

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
    let terms = Terms {
        name,
        name_is_made_up: args.name.is_none(),
        limit,
        guard: Guard::new(allowed, forbidden),
        lease: Duration::from_secs(args.lease),
        deliveries: args.deliveries,
    };
    let runtime = runtime()?;
    let control = Arc::new(Control::default());
    let link = runtime.block_on(Link::open(&args.server.server()))?;
    signals::watch(&control, "finishing what is in the air; Ctrl-C again stops at once")?;
    let scanner = Engine { way_out: args.way_out };
    let mut worker = Worker::new(runtime.handle().clone(), terms, control, scanner);
    let ended = match &args.job {
        Some(id) => worker.job(&link, id),
        None => worker.all_jobs(&link),
    };
    Ok(match ended? {
        Ended::Done => Exit::Done,
        Ended::Stopped | Ended::Cancelled => Exit::Stopped,
    })
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

/// Scans with whatever port engine the machine has.
struct Engine {
    way_out: WayOutArgs,
}

impl Scanner for Engine {
    fn say(&mut self, words: &str) {
        say(words);
    }

    /// All ranges in one run of the engine.
    fn scan(&mut self, task: &Task<'_>) -> Result<()> {
        let prepared = prepare(task.plan.clone(), task.job.key()?, &self.options(task)?)?;
        let info = prepared.info();
        say(format_args!(
            "prtip: {} ranges, {} pairs, over {} on {}{}",
            task.leases.len(),
            task.pairs(),
            info.port_engine,
            info.interface,
            task.rate.map(|rate| format!(", up to {rate:.0} probes a second")).unwrap_or_default()
        ));
        let mut carrier = Carrier { task, findings: task.findings(), display: Display::start() };
        let report = prepared.run(task.control, &mut carrier);
        carrier.display.end();
        let report = report?;
        let mut findings = carrier.findings;
        findings.conclude(&report.ledger, report.steering, &report.remarks);
        if !task.settle(findings)? {
            say("prtip: stopped before all was stored; its ranges are handed out again");
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
}

impl Engine {
    fn options(&self, task: &Task<'_>) -> Result<Options> {
        let job = task.job;
        let mut args = Cli::parse_from(["prtip"]).scan;
        args.way_out = self.way_out.clone();
        let mut options = run::options(&args)?;
        options.rate = task.rate.map_or(Rate::Max, Rate::PerSecond);
        options.retries = Some(job.retries);
        options.cooldown = Duration::from_millis(job.cooldown_ms);
        options.syn = job.syn();
        options.contact = options.contact.or_else(|| job.contact.clone());
        // All but the leases counts as finished.
        let (mut finished, mut at) = (Vec::new(), 0);
        for (_, range) in &task.leases {
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

/// Takes what a run finds to the courier.
struct Carrier<'a> {
    task: &'a Task<'a>,
    findings: Findings,
    display: Display,
}

impl Observer for Carrier<'_> {
    fn port(&mut self, event: &PortEvent) {
        self.findings.port(event);
    }

    fn has_room(&mut self) -> bool {
        self.findings.has_room()
    }

    fn checkpoint(&mut self, finished: &[Range<u64>]) {
        self.findings.finished(finished);
    }

    fn progress(&mut self, progress: &Progress) {
        self.findings.progress(progress.sent, progress.pps);
        self.display.show(progress, None);
    }

    fn idle(&mut self) {
        while self.task.control.level() < self.task.stop.level() {
            self.task.control.stop();
        }
        self.findings.pump();
    }
}
