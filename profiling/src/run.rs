//! Runs a scenario: in the lab or on loopback, under `perf record` until there are samples
//! enough, once more to count calls, and once more to watch the process from outside.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use tempfile::TempDir;

use crate::budget::judge;
use crate::calls;
use crate::hotspots::{Eases, hotspots, to_count};
use crate::kind::Kind;
use crate::profile::Profile;
use crate::programs;
use crate::recording::Recording;
use crate::report::Report;
use crate::scenario::Scenario;
use crate::symbols::Symbols;
use crate::watch::watch;

/// How a scenario ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// It ran, and its budgets were kept or not.
    Within(bool),
    /// It could not be run here.
    Skipped(String),
    /// It asks for what `prtip` cannot do yet.
    NotBuilt(String),
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
    /// Where the files are written
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) out: PathBuf,
}

/// Runs a scenario from outside of its lab. `name` is what the scenario was asked for by.
///
/// # Errors
/// Where it fails.
pub(crate) fn run(name: &str, scenario: &Scenario, how: &How) -> Result<Ended> {
    let prtip = beside_us("prtip")?;
    if let Some(flag) = lacking(scenario, &prtip)? {
        return Ok(Ended::NotBuilt(format!("prtip has no {flag} yet")));
    }
    if let Some(why) = why_not() {
        return Ok(Ended::Skipped(why));
    }
    fs::create_dir_all(&how.out).with_context(|| format!("{}", how.out.display()))?;
    let out = how.out.canonicalize()?;
    let Some(lab) = &scenario.lab else {
        return inside(scenario, &How { out, ..how.clone() }).map(Ended::Within);
    };
    let mut command = Command::new(beside_us("prtip-bench")?);
    command.args(["lab", "run"]).args(lab.split_whitespace()).arg("--");
    command.arg(std::env::current_exe()?).args(["inside", name, "--out"]).arg(&out);
    command.args(["--type", how.kind.name()]);
    if let Some(frequency) = how.frequency {
        command.args(["--frequency", &frequency.to_string()]);
    }
    let status = command.stdin(Stdio::null()).status().context("cannot run prtip-bench")?;
    match status.code() {
        Some(0) => Ok(Ended::Within(true)),
        Some(1) => Ok(Ended::Within(false)),
        _ => bail!("{name}: in the lab: {status}"),
    }
}

/// The flag that a scenario needs and `prtip` does not know.
fn lacking<'a>(scenario: &'a Scenario, prtip: &Path) -> Result<Option<&'a str>> {
    let Some(flag) = scenario.needs.as_deref() else { return Ok(None) };
    let help = Command::new(prtip).arg("--help").output().context("cannot run prtip")?;
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let is_of_none = |c: char| !c.is_alphanumeric() && c != '-';
    Ok(help.split(is_of_none).all(|word| word != flag).then_some(flag))
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
    let mut report = Report::of(scenario, how.kind);
    let frequency = how.frequency.unwrap_or(scenario.frequency);
    if how.kind == Kind::Cpu {
        report.frequency = Some(frequency);
    }

    let mut profile = Profile::default();
    let mut symbols = Symbols::new();
    let deadline = Instant::now() + Duration::from_secs(scenario.seconds);
    while profile.samples < report.samples_wanted && Instant::now() < deadline {
        let room = Room::new()?;
        let data = room.0.path().join("perf.data");
        let mut command = room.command(Path::new("perf"))?;
        command.args(["record", "-q", "-g", "-B", "-N"]).args(how.kind.event(frequency));
        command.arg("-o").arg(&data).arg("--").arg(&prtip);
        let mut perf = command.args(scenario.arguments()).spawn().context("cannot run perf")?;
        let (status, programs) = programs::wait_for(&mut perf)?;
        ensure!(status.success(), "{}: {status}: {}", scenario.name, room.said());
        profile.add(&Recording::read(&data, programs)?, &mut symbols);
        report.runs += 1;
    }
    report.samples = profile.samples;
    report.lost = profile.lost;

    let plain = |room: &Room| -> Result<Command> {
        let mut command = room.command(&prtip)?;
        command.args(scenario.arguments());
        Ok(command)
    };
    let mut wanted: BTreeMap<Arc<str>, Vec<Arc<str>>> = BTreeMap::new();
    let counted = if how.kind == Kind::Cpu { to_count(&profile) } else { Vec::new() };
    for (file, name) in counted {
        let names = wanted.entry(file).or_default();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let room = Room::new()?;
    let calls = calls::count(&wanted, &mut plain(&room)?).unwrap_or_else(|error| {
        report.calls_missing = Some(format!("{error:#}: {}", room.said()));
        HashMap::new()
    });
    let watched = if scenario.watches_the_process() {
        let room = Room::new()?;
        Some(watch(&mut plain(&room)?).with_context(|| room.said())?)
    } else {
        None
    };
    report.hotspots = hotspots(&profile, &calls, &Eases::shipped()?);
    let enough = profile.samples >= report.samples_wanted;
    for budget in scenario.budget.iter().filter(|budget| how.kind.judges(&budget.of)) {
        report.budgets.push(judge(budget, &profile, watched.as_ref(), enough)?);
    }
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
