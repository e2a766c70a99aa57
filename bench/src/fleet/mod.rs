//! How many workers a NATS server carries: all of a fleet but its packets.
//!
//! Workers of `prtip_fleet`, each with a connection of its own, take the ranges of a real job
//! from a real server, say that they live, store results and give ranges up; only their
//! [`pretend`] scanner sends nothing. The server is one of our own, on the loopback interface.
//! At the end everything stored is read back: each range done once, each result there, each
//! pair in the ledgers; otherwise the command fails.

mod pretend;
mod server;

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::Args;
use prtip_engine::event::recovery::told;
use prtip_engine::fleet::guard::Guard;
use prtip_engine::fleet::job::{Job, MOST_RANGES, Terms};
use prtip_engine::key;
use prtip_engine::plan::{IpRange, Plan, PortSet, Purpose, Target, TargetToken, parse_target};
use prtip_engine::scan::{Control, SynOptions};
use prtip_fleet::link::Link;
use prtip_fleet::results::{Stored, read};
use prtip_fleet::server::{Runtime, Server as Where, runtime};
use prtip_fleet::status;
use prtip_fleet::submit::publish;
use prtip_fleet::worker::{self, Ended, Worker};
use rustix::process::{Resource, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};

use pretend::{Asked, Fault, Hits, Pretend};
use server::{Server, cpu_s};

/// What the job is of; no packet goes there.
const TARGETS: &str = "198.18.0.0/15";
/// Pairs of a range at least.
const FEWEST_PAIRS: u64 = 64;
/// Stack of a worker's thread.
const STACK: usize = 1 << 20;

/// `prtip-bench fleet`.
#[derive(Clone, Debug, Args)]
pub struct FleetArgs {
    /// Workers; several numbers, comma-separated: one after the other, each with a new server
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1, 10, 100, 1000],
          value_parser = clap::value_parser!(u64).range(1..=10_000))]
    workers: Vec<u64>,
    /// Ranges of the job
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=MOST_RANGES))]
    ranges: u64,
    /// Results of each range
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=100_000))]
    results: u64,
    /// The job is to last so long, as that of a rate does; 0: as fast as ranges come
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=3600))]
    seconds: u64,
    /// Give up after so long
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=7200))]
    limit: u64,
    /// Where the server keeps its streams, and they are removed again; default: the system's
    /// folder for such files
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// The server; default: Debian's, downloaded and unpacked
    #[arg(long, value_name = "PROGRAM")]
    server: Option<PathBuf>,
    /// Breaks one thing, so that the check at the end can be seen to fail
    #[arg(long, hide = true, value_enum)]
    fault: Option<Fault>,
    /// One JSON object a number of workers
    #[arg(long)]
    json: bool,
}

/// What one number of workers made of the job.
#[derive(Clone, Debug, Default, Serialize)]
struct Row {
    bench: &'static str,
    workers: u64,
    ranges: u64,
    results: u64,
    /// Ranges stored a second by `submit`.
    submitted_per_s: f64,
    /// From the first question for ranges to the last worker's end.
    wall_s: f64,
    ranges_per_s: f64,
    /// The server's CPU time and that of all workers, in CPUs.
    server_cpus: f64,
    workers_cpus: f64,
    server_mb: f64,
    in_msgs_per_s: f64,
    out_msgs_per_s: f64,
    in_mb_per_s: f64,
    out_mb_per_s: f64,
    /// Messages to and from the server for each range.
    msgs_per_range: f64,
    /// Questions for ranges that brought some.
    takes: usize,
    take_p50_ms: f64,
    take_p99_ms: f64,
    /// Bytes on disk before the first worker came, and what was added until the end.
    waiting_bytes_per_range: f64,
    stored_bytes_per_range: f64,
    stored_bytes_per_result: f64,
    status_ms: f64,
    slow_consumers: u64,
}

/// Measures every number of workers that was asked for.
///
/// # Errors
/// Where the server cannot be had, a job does not end in time, or what is stored is not each
/// range, result and pair once.
pub fn run(args: &FleetArgs) -> Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where this fails, so will the connection that is one too many.
    let _ = setrlimit(Resource::Nofile, limit);
    if !args.json {
        println!(
            "fleet: {} ranges, {} results each, {}; workers send no packets, server and workers \
             share this machine",
            args.ranges,
            args.results,
            match args.seconds {
                0 => "as fast as they come".to_owned(),
                seconds => format!("{seconds} s by the job's rate"),
            }
        );
    }
    for &workers in &args.workers {
        let row = measure(args, workers).with_context(|| format!("{workers} workers"))?;
        if args.json {
            println!("{}", serde_json::to_string(&row)?);
        } else {
            row.print();
        }
    }
    Ok(())
}

impl Row {
    fn print(&self) {
        println!(
            "{:>5} workers: {:.2} s, {:.0} ranges/s given up; submitted at {:.0}/s\n\
             {:>14} server {:.2} CPUs, {:.0} MB; workers {:.2} CPUs; {} slow consumers\n\
             {:>14} in {:.0} messages/s, {:.2} MB/s; out {:.0}/s, {:.2} MB/s; {:.1} a range\n\
             {:>14} {} questions for ranges: p50 {:.1} ms, p99 {:.1} ms; status {:.1} ms\n\
             {:>14} on disk {:.0} bytes a waiting range, {:.0} a finished one{}",
            self.workers,
            self.wall_s,
            self.ranges_per_s,
            self.submitted_per_s,
            "",
            self.server_cpus,
            self.server_mb,
            self.workers_cpus,
            self.slow_consumers,
            "",
            self.in_msgs_per_s,
            self.in_mb_per_s,
            self.out_msgs_per_s,
            self.out_mb_per_s,
            self.msgs_per_range,
            "",
            self.takes,
            self.take_p50_ms,
            self.take_p99_ms,
            self.status_ms,
            "",
            self.waiting_bytes_per_range,
            self.stored_bytes_per_range,
            match self.results {
                0 => String::new(),
                _ => format!(", {:.0} a result", self.stored_bytes_per_result),
            }
        );
    }
}

fn measure(args: &FleetArgs, workers: u64) -> Result<Row> {
    let parent = args.folder.clone().unwrap_or_else(std::env::temp_dir);
    let folder = parent.join(format!("prtip-bench-fleet-{}", std::process::id()));
    let server = Server::start(args.server.as_deref(), folder)?;
    let runtime = runtime()?;
    let at = Where { urls: vec![server.url()], ..Where::default() };
    let (plan, job) = job(args)?;
    let ranges = job.ranges();
    let hits = Hits { one_in: plan.len().checked_div(ranges * args.results).unwrap_or(0) };

    let link = runtime.block_on(Link::open(&at))?;
    let began = Instant::now();
    runtime.block_on(publish(&link, &job))?;
    let submitted_per_s = ranges as f64 / began.elapsed().as_secs_f64();
    let waiting_bytes = server.disk_bytes();

    // All are connected before the first begins.
    let links = (0..workers)
        .map(|_| runtime.block_on(Link::open(&at)))
        .collect::<Result<Vec<Link>, _>>()?;
    let stop = Arc::new(Control::default());
    let asked = Asked::default();
    let (before, own_before) = (server.counts()?, cpu_s(std::process::id())?);
    let began = Instant::now();
    let threads = links
        .into_iter()
        .enumerate()
        .map(|(number, link)| {
            let terms = worker::Terms {
                name: format!("w{number}"),
                name_is_made_up: false,
                limit: None,
                guard: Guard::new(ranges_of(TARGETS)?, Vec::new()),
                lease: Duration::from_secs(300),
                deliveries: 5,
            };
            let scanner = Pretend { hits, fault: args.fault, asked: Arc::clone(&asked) };
            let (stop, handle) = (Arc::clone(&stop), runtime.handle().clone());
            let mut worker = Worker::new(handle, terms, stop, scanner);
            let id = job.id.clone();
            let work = move || worker.job(&link, &id);
            Ok(std::thread::Builder::new().stack_size(STACK).spawn(work)?)
        })
        .collect::<Result<Vec<_>>>()?;
    let deadline = began + Duration::from_secs(args.limit);
    while threads.iter().any(|thread| !thread.is_finished()) {
        if Instant::now() > deadline && stop.level() == 0 {
            stop.stop();
            stop.stop();
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let wall_s = began.elapsed().as_secs_f64();
    let (after, own_after) = (server.counts()?, cpu_s(std::process::id())?);
    for thread in threads {
        match thread.join().map_err(|_| anyhow!("a worker's thread has panicked"))? {
            Ok(Ended::Done) => {}
            Ok(_) => bail!("not done within {} s", args.limit),
            Err(error) => return Err(error.into()),
        }
    }
    let began = Instant::now();
    let status = runtime.block_on(status::of(&link, &job))?;
    let status_ms = began.elapsed().as_secs_f64() * 1e3;
    ensure!(
        status.is_complete() && status.waiting + status.leased + status.missing == 0,
        "the job has ended, and status says {}",
        serde_json::to_string(&status)?
    );
    let results = verify(&runtime, &link, &job, &plan, hits)?;
    let asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
    let mut takes: Vec<f64> = asked.iter().map(|(took, _)| took.as_secs_f64() * 1e3).collect();
    takes.sort_by(f64::total_cmp);
    let quantile = |part: f64| takes[((takes.len() - 1) as f64 * part) as usize];
    let messages = (after.in_msgs - before.in_msgs) + (after.out_msgs - before.out_msgs);
    let stored = server.disk_bytes() as f64;
    Ok(Row {
        bench: "fleet",
        workers,
        ranges,
        results,
        submitted_per_s,
        wall_s,
        ranges_per_s: ranges as f64 / wall_s,
        server_cpus: (after.cpu_s - before.cpu_s) / wall_s,
        workers_cpus: (own_after - own_before) / wall_s,
        server_mb: server.peak_mb(),
        in_msgs_per_s: (after.in_msgs - before.in_msgs) as f64 / wall_s,
        out_msgs_per_s: (after.out_msgs - before.out_msgs) as f64 / wall_s,
        in_mb_per_s: (after.in_bytes - before.in_bytes) as f64 / wall_s / 1e6,
        out_mb_per_s: (after.out_bytes - before.out_bytes) as f64 / wall_s / 1e6,
        msgs_per_range: messages as f64 / ranges as f64,
        takes: takes.len(),
        take_p50_ms: quantile(0.5),
        take_p99_ms: quantile(0.99),
        waiting_bytes_per_range: waiting_bytes as f64 / ranges as f64,
        stored_bytes_per_range: stored / ranges as f64,
        stored_bytes_per_result: stored / results.max(1) as f64,
        status_ms,
        slow_consumers: after.slow_consumers,
    })
}

fn ranges_of(text: &str) -> Result<Vec<IpRange>> {
    match parse_target(text)? {
        TargetToken::Ranges(ranges) => Ok(ranges),
        TargetToken::Hostname(_) => bail!("{text} is no prefix"),
    }
}

/// A job of so many ranges that each can have its results.
fn job(args: &FleetArgs) -> Result<(Plan, Job)> {
    let targets = ranges_of(TARGETS)?;
    let addresses = 1 << 17;
    let wanted = args.ranges * args.results.max(FEWEST_PAIRS);
    let ports = wanted.div_ceil(addresses);
    ensure!(ports <= 65_535, "{} ranges of {} results are too many", args.ranges, args.results);
    let mut builder = Plan::builder();
    builder.target(&targets, true).ports(PortSet::new(1..=ports as u16)).seed(1);
    builder.max_targets(args.ranges * (addresses * ports / args.ranges));
    let plan = builder.build()?;
    let pairs = plan.shard().end;
    let terms = Terms {
        id: "bench".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        submitted: "2026-01-01T00:00:00Z".into(),
        args: Vec::new(),
        exclusions: String::new(),
        range: pairs / args.ranges,
        rate: (args.seconds > 0).then(|| pairs as f64 / args.seconds as f64),
        retries: 0,
        cooldown: Duration::ZERO,
        syn: SynOptions::Mss,
        contact: None,
        closed: false,
    };
    let job = Job::new(&plan, key::random()?, terms);
    Ok((plan, job))
}

/// Reads everything back; returns how many results there are.
fn verify(runtime: &Runtime, link: &Link, job: &Job, plan: &Plan, hits: Hits) -> Result<u64> {
    #[derive(Deserialize)]
    struct Books {
        generated: u64,
    }
    let pairs = plan.shard().end;
    let mut seen = vec![false; pairs as usize];
    let (mut results, mut twice, mut false_ones, mut probed) = (0, 0, 0, 0);
    runtime.block_on(read(link, job, |stored| {
        match stored {
            Stored::Results(lines) => {
                for line in lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
                    let event = told(line, Purpose::Ports).map(|(event, _)| event);
                    let index = event.and_then(|event| {
                        plan.index_of(Target {
                            addr: event.addr,
                            port: event.port,
                            protocol: event.protocol,
                        })
                    });
                    match index.filter(|&index| index < pairs && hits.holds(index)) {
                        None => false_ones += 1,
                        Some(index) if std::mem::replace(&mut seen[index as usize], true) => {
                            twice += 1;
                        }
                        Some(_) => results += 1,
                    }
                }
            }
            Stored::Ledger(line) => {
                probed += serde_json::from_slice::<Books>(line).map_or(0, |books| books.generated);
            }
            Stored::Refusal(_) => false_ones += 1,
        }
        Ok(())
    }))?;
    let expected = (0..pairs).filter(|&index| hits.holds(index)).count() as u64;
    ensure!(
        (results, twice, false_ones, probed) == (expected, 0, 0, pairs),
        "stored are {results} of {expected} results, {twice} twice, {false_ones} false; {probed} \
         of {pairs} pairs were scanned"
    );
    Ok(results)
}
