//! Runs a scenario: in the lab or on loopback, under `perf record` (or heaptrack) until there
//! are samples enough, once more to count calls, and once more to watch the process from
//! outside.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use tempfile::TempDir;

use crate::budget::judge;
use crate::callgrind;
use crate::calls;
use crate::heap::Heap;
use crate::hotspots::{Eases, to_count};
use crate::kind::{Kind, View};
use crate::profile::Profile;
use crate::programs;
use crate::recording::Recording;
use crate::report::Report;
use crate::scenario::Scenario;
use crate::symbols::Symbols;
use crate::unwinding::CallGraph;
use crate::watch::watch;

/// How a scenario ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// It ran, and its budgets were kept or not.
    Within(bool),
    /// It could not be run here.
    Skipped(String),
}

/// Who counts calls.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Counter {
    /// The kernel, at the functions' first instruction
    Uprobes,
    /// valgrind's callgrind
    Callgrind,
}

/// How a scenario is to be run.
#[derive(Args, Clone, Debug)]
pub(crate) struct How {
    /// What is sampled
    #[arg(long = "type", value_name = "TYPE", value_enum, default_value_t = Kind::Cpu)]
    pub(crate) kind: Kind,
    /// Samples a second of each CPU, instead of the scenario's
    #[arg(long, value_name = "HZ", value_parser = clap::value_parser!(u32).range(1..=50_000))]
    pub(crate) frequency: Option<u32>,
    /// How it is known who called whom
    #[arg(long, value_name = "HOW", value_enum, default_value_t = CallGraph::Fp)]
    pub(crate) call_graph: CallGraph,
    /// Where the files are written
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) out: PathBuf,
}

/// Runs a scenario from outside of its lab. `name` is what the scenario was asked for by.
///
/// # Errors
/// Where it fails.
pub(crate) fn run(name: &str, scenario: &Scenario, how: &How) -> Result<Ended> {
    beside_us("prtip")?;
    if let Some(why) = why_not() {
        return Ok(Ended::Skipped(why));
    }
    fs::create_dir_all(&how.out).with_context(|| format!("{}", how.out.display()))?;
    let out = how.out.canonicalize()?;
    if scenario.lab.is_none() {
        return inside(scenario, &How { out, ..how.clone() }).map(Ended::Within);
    }
    let mut arguments = ["--type", how.kind.name(), "--call-graph", how.call_graph.name()]
        .map(OsString::from)
        .to_vec();
    arguments.extend(["--out".into(), out.into()]);
    if let Some(frequency) = how.frequency {
        arguments.extend(["--frequency".into(), frequency.to_string().into()]);
    }
    in_lab(name, scenario, &arguments).map(Ended::Within)
}

/// Tells how often functions are called in one run of a scenario.
///
/// # Errors
/// Where it fails.
pub(crate) fn run_calls(
    name: &str,
    scenario: &Scenario,
    by: Counter,
    functions: &[String],
) -> Result<bool> {
    if scenario.lab.is_none() {
        return tell_calls(scenario, by, functions);
    }
    let by = by.to_possible_value().context("a counter")?;
    let mut arguments: Vec<OsString> = vec!["--count-by".into(), by.get_name().into(), "--".into()];
    arguments.extend(functions.iter().map(OsString::from));
    in_lab(name, scenario, &arguments)
}

/// The part of [`run_calls`] inside of the lab.
///
/// # Errors
/// Where it fails.
pub(crate) fn tell_calls(scenario: &Scenario, by: Counter, functions: &[String]) -> Result<bool> {
    let prtip = beside_us("prtip")?;
    let _listeners = scenario.listeners()?;
    let names: Vec<Arc<str>> = functions.iter().map(|name| name.as_str().into()).collect();
    let room = Room::new()?;
    let arguments: Vec<&str> = scenario.arguments().collect();
    let calls = match by {
        Counter::Uprobes => {
            let mut command = room.command(&prtip)?;
            calls::count(&prtip, &names, command.args(arguments)).with_context(|| room.said())?
        }
        Counter::Callgrind => {
            let command = room.command(Path::new("valgrind"))?;
            callgrind::count(command, &prtip, &arguments, room.0.path(), &names)
                .with_context(|| room.said())?
        }
    };
    let sorted: BTreeMap<&str, u64> = calls.iter().map(|(name, calls)| (&**name, *calls)).collect();
    println!("{}", serde_json::to_string_pretty(&sorted)?);
    Ok(true)
}

/// Runs the part of a command that is to be in the scenario's lab.
fn in_lab(name: &str, scenario: &Scenario, arguments: &[OsString]) -> Result<bool> {
    let lab = scenario.lab.as_deref().unwrap_or_default();
    let mut command = Command::new(beside_us("prtip-bench")?);
    command.args(["lab", "run"]).args(lab.split_whitespace()).arg("--");
    command.arg(std::env::current_exe()?).args(["inside", name]).args(arguments);
    let status = command.stdin(Stdio::null()).status().context("cannot run prtip-bench")?;
    match status.code() {
        Some(0) => Ok(true),
        Some(1) => Ok(false),
        _ => bail!("{name}: in the lab: {status}"),
    }
}

/// Why nothing can be profiled here, if it cannot.
fn why_not() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("scanning and counting calls need root".to_owned());
    }
    let perf = Command::new("perf")
        .args(["record", "-q", "-e", "cpu-clock", "-o", "/dev/null", "--", "true"])
        .output();
    match perf {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!(
            "perf is not allowed to record: {}",
            String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or_default()
        )),
        Err(error) => Some(format!("perf: {error} (apt-get install linux-perf)")),
    }
}

/// Runs a scenario where we are, and writes what was found. Whether its budgets were kept.
///
/// # Errors
/// Where it fails.
pub(crate) fn inside(scenario: &Scenario, how: &How) -> Result<bool> {
    let prtip = beside_us("prtip")?;
    let _listeners = scenario.listeners()?;
    let mut within = true;
    for &view in how.kind.views() {
        within &= draw(scenario, &prtip, view, how)?;
    }
    Ok(within)
}

/// Makes one profile, and writes it. Whether the budgets that it is judged by were kept.
fn draw(scenario: &Scenario, prtip: &Path, view: View, how: &How) -> Result<bool> {
    let started = Instant::now();
    let mut report = Report::of(scenario, view);
    let frequency = how.frequency.unwrap_or(scenario.frequency);
    if view == View::Cpu {
        report.frequency = Some(frequency);
    }
    let scan = |room: &Room, program: &Path| -> Result<Command> {
        let mut command = room.command(program)?;
        command.args(scenario.arguments());
        Ok(command)
    };

    let mut profile = Profile::default();
    let mut symbols = Symbols::new();
    let deadline = Instant::now() + Duration::from_secs(scenario.seconds);
    while profile.samples < report.samples_wanted && Instant::now() < deadline {
        let room = Room::new()?;
        if let Some(arguments) = view.record(frequency, how.call_graph) {
            let data = room.0.path().join("perf.data");
            let mut command = room.command(Path::new("perf"))?;
            command.arg("record").args(arguments).arg("-o").arg(&data).arg("--").arg(prtip);
            let mut perf = command.args(scenario.arguments()).spawn().context("cannot run perf")?;
            let (status, programs) = programs::wait_for(&mut perf)?;
            ensure!(status.success(), "{}: {status}: {}", scenario.name, room.said());
            profile.add(&Recording::read(&data, programs)?, &mut symbols);
        } else {
            let mut command = room.command(Path::new("heaptrack"))?;
            command.arg("-o").arg(room.0.path().join("heap")).arg(prtip);
            let status = command.args(scenario.arguments()).status();
            let status = status.context("heaptrack (apt-get install heaptrack)")?;
            ensure!(status.success(), "{}: {status}: {}", scenario.name, room.said());
            profile.add_heap(Heap::in_folder(room.0.path())?.stacks(view));
        }
        report.runs += 1;
    }
    report.samples = profile.samples;
    report.lost = profile.lost;

    let mut calls = HashMap::new();
    if view == View::Cpu {
        let room = Room::new()?;
        match calls::count(prtip, &to_count(&profile, prtip), &mut scan(&room, prtip)?) {
            Ok(counted) => calls = counted,
            Err(error) => report.calls_missing = Some(format!("{error:#}: {}", room.said())),
        }
    }
    let budgets: Vec<_> = scenario.budget.iter().filter(|budget| view.judges(&budget.of)).collect();
    let watched = if budgets.iter().any(|budget| budget.of.is_watched()) {
        let room = Room::new()?;
        Some(watch(&mut scan(&room, prtip)?).with_context(|| room.said())?)
    } else {
        None
    };
    let enough = profile.samples >= report.samples_wanted;
    report.tell(&profile, &calls, &Eases::shipped()?);
    for budget in budgets {
        report.budgets.push(judge(budget, &profile, watched.as_ref(), enough)?);
    }
    report.seconds = started.elapsed().as_secs_f64();
    report.write(&profile, &how.out)?;
    println!("{}", report.summary());
    Ok(report.is_within_budget())
}

/// A folder for one run, where its files may lie.
struct Room(TempDir);

impl Room {
    fn new() -> Result<Self> {
        Ok(Self(TempDir::with_prefix("prtip-profile-")?))
    }

    /// A command that runs here; what it says is kept, its results are not.
    fn command(&self, program: &Path) -> Result<Command> {
        let mut command = Command::new(program);
        command.current_dir(self.0.path()).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(File::create(self.0.path().join("stderr"))?);
        Ok(command)
    }

    /// The last that a command said.
    fn said(&self) -> String {
        let said = fs::read_to_string(self.0.path().join("stderr")).unwrap_or_default();
        let lines: Vec<&str> = said.lines().rev().take(3).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("; ")
    }
}

/// A program of this project: `PRTIP_BIN_DIR`, or where this one lies.
fn beside_us(name: &str) -> Result<PathBuf> {
    let folder = match std::env::var_os("PRTIP_BIN_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => std::env::current_exe()?.parent().context("no folder")?.to_owned(),
    };
    let path = folder.join(name);
    ensure!(path.is_file(), "{} is not there: make build", path.display());
    Ok(path.canonicalize()?)
}
