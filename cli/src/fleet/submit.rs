//! `prtip fleet submit`: a scan's command line becomes a job.

use std::ffi::OsString;
use std::time::Duration;

use clap::{Args, Parser};
use prtip_engine::error::{Error, Kind, Result};
use prtip_engine::event::PortState;
use prtip_engine::event::clock::Clock;
use prtip_engine::fleet::forecast::{Asked, BYTES_A_RANGE, BYTES_A_RESULT};
use prtip_engine::fleet::job::{Job, MOST_RANGES, Terms, canonical, is_id};
use prtip_engine::key;
use prtip_engine::plan::IpRange;
use prtip_engine::scan::Rate;
use prtip_fleet::link::Link;
use prtip_fleet::server::runtime;
use prtip_fleet::submit::publish;
use sha2::{Digest, Sha256};

use super::server_args::ServerArgs;
use crate::args::{Cli, PortEngine, ScanArgs, parse_rate};
use crate::exit::Exit;
use crate::say::say;
use crate::{flags, run, summary, targets};

/// A range is to last about so long at the job's rate.
const RANGE_SECONDS: f64 = 5.0;
/// Ranges that a job has where nothing is said: so many that workers share them evenly, and
/// no more than a server carries easily.
const RANGES: (u64, u64) = (256, 1 << 18);
/// And so many for each worker that is expected.
const RANGES_A_WORKER: u64 = 8;
/// Pairs of a range where a job has no rate.
const FREE_RANGE: u64 = 1 << 22;
/// Pairs of a range at most, where that does not make too many: a minute of a fast worker,
/// which is lost with it.
const LONGEST_RANGE: u64 = 1 << 26;

#[derive(Debug, Args)]
pub(crate) struct SubmitArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// The job's name; default: one made up.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Pairs of a range, the piece of work that is handed out; default: some seconds' worth.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    range: Option<u64>,
    /// How many workers are expected: each is to have some ranges. With --dry-run several
    /// numbers, comma-separated.
    #[arg(long, value_name = "N", value_delimiter = ',',
          value_parser = clap::value_parser!(u64).range(1..=100_000))]
    workers: Vec<u64>,
    /// Submit nothing: print how long it would last, and what it would ask of the server.
    #[arg(long)]
    dry_run: bool,
    /// With --dry-run: probes a second that one worker sends.
    #[arg(long, value_name = "PPS", value_parser = parse_rate, requires = "dry_run")]
    worker_rate: Option<Rate>,
    /// The scan, as for prtip itself: targets, ports, --rate (of all workers together),
    /// --retries, --cooldown, --seed, --syn, --contact, --show open,closed.
    #[arg(value_name = "SCAN", last = true, required = true)]
    scan: Vec<OsString>,
}

pub(super) fn run(args: SubmitArgs) -> Result<Exit> {
    let scan = scan_args(&args.scan)?;
    if args.workers.len() > 1 && !args.dry_run {
        return Err(Error::new(Kind::Usage, "several numbers of --workers")
            .remedy("one number, or --dry-run"));
    }
    let id = match args.name {
        Some(name) if is_id(&name) => name,
        Some(name) => {
            return Err(Error::new(Kind::Usage, format!("call a job {name:?}"))
                .cause("a name is up to 40 of a-z, 0-9 and -"));
        }
        None => format!("job-{:08x}", key::random_u64()? as u32),
    };
    let options = run::options(&scan)?;
    let seed = match scan.pace.seed {
        Some(seed) => seed,
        None => key::random_u64()?,
    };
    let resolved = targets::resolve(&scan, seed)?;
    let plan = &resolved.plan;
    let pairs = plan.shard().end;
    let rate = match options.rate {
        Rate::PerSecond(rate) => Some(rate),
        Rate::Max | Rate::Auto => None,
    };
    let job = Job::new(
        plan,
        key::random()?,
        Terms {
            id: id.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            submitted: String::from_utf8_lossy(&Clock::start().now_rfc3339()).into_owned(),
            args: args.scan.iter().map(|arg| arg.to_string_lossy().into_owned()).collect(),
            exclusions: hash(&resolved.excluded),
            range: args.range.unwrap_or_else(|| {
                range_size(pairs, rate, args.workers.iter().max().copied().unwrap_or(1))
            }),
            rate,
            retries: options.retries.unwrap_or(u8::from(pairs <= 1 << 20)),
            cooldown: options.cooldown,
            syn: options.syn,
            contact: options.contact,
            closed: run::shown_states(&scan).contains(PortState::Closed),
        },
    );
    let ranges = job.ranges();
    if ranges > MOST_RANGES {
        return Err(Error::new(Kind::Usage, format!("make {ranges} ranges"))
            .cause(format!("a job has {MOST_RANGES} at most"))
            .remedy("choose a larger --range"));
    }
    // What a worker will make of it.
    job.plan()?;
    say(summary::announce_plan(plan, None));
    if args.dry_run {
        return crate::print(forecast(&job, &args.workers, args.worker_rate).as_bytes());
    }
    runtime()?.block_on(async {
        let link = Link::open(&args.server.server()).await?;
        link.permitted("submit the job", publish(&link, &job)).await
    })?;
    say(format_args!(
        "prtip: job {id}: {ranges} ranges of {} pairs wait for `prtip fleet work`",
        job.range
    ));
    crate::print(format!("{id}\n").as_bytes())
}

/// The scan's own arguments, less what makes no sense for many machines.
fn scan_args(raw: &[OsString]) -> Result<ScanArgs> {
    let usage = |what: String| Err(Error::new(Kind::Usage, what));
    let rewritten = match flags::rewrite(raw.iter().cloned()) {
        Ok(rewritten) => rewritten,
        Err(not_built) => return usage(not_built.to_string()),
    };
    let parsed = Cli::try_parse_from(std::iter::once(OsString::from("prtip")).chain(rewritten));
    let cli = match parsed {
        Ok(cli) if cli.command.is_none() => cli,
        Ok(_) => return usage("a job is a scan, not another command".into()),
        Err(error) => return usage(error.render().to_string()),
    };
    let scan = cli.scan;
    let (results, way_out) = (&scan.results, &scan.way_out);
    let shown = run::shown_states(&scan);
    let files = [&results.nmap_text, &results.nmap_xml, &results.nmap_grep, &results.nmap_all];
    for (given, what, instead) in [
        (scan.detection.service_scan > 0, "-sV", "ask what was collected: prtip -sV -iL FILE"),
        (scan.detection.os_scan > 0, "-O", "ask what was collected: prtip -O -iL FILE"),
        (scan.targets.idle_scan.is_some(), "-sI", "an idle scan is one machine's"),
        (scan.pace.shard.is_some(), "--shard", "the fleet divides the scan itself"),
        (
            scan.pace.dry_run,
            "--dry-run",
            "before --: what the fleet would need; `prtip --dry-run`: what would be probed",
        ),
        (scan.pace.rate == Some(Rate::Auto), "--rate auto", "give the rate of all workers, or max"),
        (results.event_log.is_some(), "--event-log", "the server keeps what was found"),
        (results.resume.is_some(), "--resume", "a job goes on by itself"),
        (
            files
                .into_iter()
                .chain([&results.csv, &results.parquet, &results.ndjson])
                .any(Option::is_some)
                || results.json,
            "an output",
            "outputs are for `prtip fleet collect`",
        ),
        (
            shown.contains(PortState::Filtered) || shown.contains(PortState::OpenFiltered),
            "--show filtered",
            "what is not among the results of a finished job was silent",
        ),
        (
            !way_out.interface.is_empty()
                || !way_out.source_ip.is_empty()
                || way_out.port_engine != PortEngine::Auto
                || way_out.router_mac.is_some(),
            "a way out",
            "each worker has its own: give it to `prtip fleet work`",
        ),
    ] {
        if given {
            return Err(
                Error::new(Kind::Usage, format!("submit a scan with {what}")).remedy(instead)
            );
        }
    }
    Ok(scan)
}

fn range_size(pairs: u64, rate: Option<f64>, workers: u64) -> u64 {
    let wanted = rate.map_or(FREE_RANGE, |rate| (rate * RANGE_SECONDS) as u64).min(LONGEST_RANGE);
    let (fewest, most) = RANGES;
    let fewest = fewest.max(workers * RANGES_A_WORKER).min(most);
    wanted.clamp(pairs.div_ceil(most), pairs.div_ceil(fewest).max(1)).max(1)
}

/// What the job will ask for, for people.
fn forecast(job: &Job, workers: &[u64], worker_rate: Option<Rate>) -> String {
    let pairs = job.pairs().unwrap_or(0);
    let asked = Asked {
        pairs,
        attempts: job.retries + 1,
        ranges: job.ranges(),
        cooldown: Duration::from_millis(job.cooldown_ms),
        rate: job.rate,
        worker_rate: match worker_rate {
            Some(Rate::PerSecond(rate)) => Some(rate),
            _ => None,
        },
    };
    let mut text = format!(
        "{pairs} pairs, {} probes to a silent one; {} ranges of {} pairs\n\
         the server keeps {:.1} MB for the ranges, and {:.0} MB for a million results\n",
        asked.attempts,
        asked.ranges,
        job.range,
        (asked.ranges * BYTES_A_RANGE) as f64 / 1e6,
        BYTES_A_RESULT as f64,
    );
    let workers = if workers.is_empty() { &[1, 10, 100, 1000] } else { workers };
    let rows: Vec<_> = workers.iter().filter_map(|&n| Some((n, asked.forecast(n)?))).collect();
    if rows.is_empty() {
        text += "how long it lasts: say --rate of all workers, or --worker-rate of one\n";
        return text;
    }
    text += " workers      probes/s          time   a range lasts   messages/s\n";
    for (workers, row) in rows {
        let idle = match row.idle {
            0 => String::new(),
            idle => {
                format!("   {idle} have nothing to do: --workers {workers}, or a smaller --range")
            }
        };
        let (time, range) = (long(row.seconds), long(row.range_seconds));
        text += &format!(
            "{workers:>8}  {:>12.0}  {time:>12}  {range:>14}  {:>11.1}{idle}\n",
            row.pps, row.messages_per_second
        );
    }
    text
}

/// A time for people.
fn long(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.1} s"),
        s if s < 7200.0 => format!("{:.1} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} h", s / 3600.0),
        s => format!("{:.1} days", s / 86_400.0),
    }
}

fn hash(excluded: &[IpRange]) -> String {
    Sha256::digest(canonical(excluded)).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn parsed(line: &str) -> Result<ScanArgs> {
        scan_args(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_one_machines_own_is_refused_with_what_to_do() {
        for line in [
            "-sV 198.18.0.1",
            "-O 198.18.0.1",
            "-sI 198.18.0.2 198.18.0.1",
            "--seed 1 --shard 1/2 198.18.0.1",
            "--rate auto 198.18.0.1",
            "--event-log x 198.18.0.1",
            "--json 198.18.0.1",
            "-oX x 198.18.0.1",
            "--show filtered 198.18.0.1",
            "-e eth9 198.18.0.1",
        ] {
            let error = parsed(line).unwrap_err();
            assert!(error.kind == Kind::Usage && !error.remedy.is_empty(), "{line}: {error}");
        }
        assert!(parsed("doctor").is_err() && parsed("--no-such-flag").is_err());
        assert!(parsed("-sS -p 80 --rate 1m --show open,closed 198.18.0.0/15").is_ok());
    }

    #[test]
    fn ranges_are_neither_too_many_nor_too_few() {
        assert_eq!(range_size(1, None, 1), 1);
        assert_eq!(range_size(640_000, Some(400.0), 1), 2000);
        assert_eq!(range_size(640_000, Some(1e6), 1), 2500);
        // Each of many workers is to have some.
        assert_eq!(range_size(640_000, Some(1e6), 100), 800);
        // All of IPv4 on one port, and on all: neither hours nor millions of ranges.
        assert_eq!(range_size(3_685_423_951, None, 1), 1 << 22);
        assert_eq!(range_size(3_685_423_951, Some(1e9), 1), 3_685_423_951_u64.div_ceil(256));
        let all = 3_685_423_951 * 65_536;
        assert_eq!(all / range_size(all, Some(1e9), 1000), (1 << 18) - 1);
    }

    #[test]
    fn times_are_for_people() {
        assert_eq!((long(1.0), long(7000.0)), ("1.0 s".into(), "116.7 min".into()));
        assert_eq!((long(86_400.0), long(864_000.0)), ("24.0 h".into(), "10.0 days".into()));
    }
}
