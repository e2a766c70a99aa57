//! What a scenario's run is told as: Markdown for people, JSON for programs, collapsed
//! stacks for both, and the flamegraph.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use inferno::flamegraph::{self, Options, color};
use serde::Serialize;

use crate::budget::{Judged, percent};
use crate::hotspots::{Eases, HOT_PERCENT, Hotspot, hotspots};
use crate::kind::View;
use crate::profile::Profile;
use crate::scenario::Scenario;

/// A scenario's run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Its name.
    pub(crate) scenario: String,
    /// What it is.
    pub(crate) title: String,
    /// The arguments of `prtip`.
    pub(crate) command: String,
    /// The command that it stands for, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stands_for: Option<String>,
    /// Arguments of `prtip-bench lab run`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lab: Option<String>,
    /// The commit that was built, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) commit: Option<String>,
    /// The kernel's release.
    pub(crate) kernel: String,
    /// When it was taken, RFC 3339.
    pub(crate) taken: String,
    /// How often the command was run.
    pub(crate) runs: u32,
    /// How long it took to make all of this, in seconds.
    pub(crate) seconds: f64,
    /// What was counted.
    #[serde(rename = "type")]
    pub(crate) view: View,
    /// Samples a second and CPU; none where every event is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) frequency: Option<u32>,
    /// Samples in all.
    pub(crate) samples: u64,
    /// Samples that were asked for before anything is judged.
    pub(crate) samples_wanted: u64,
    /// Samples that the kernel had no room for.
    pub(crate) lost: u64,
    /// The budgets.
    pub(crate) budgets: Vec<Judged>,
    /// The hot functions.
    pub(crate) hotspots: Vec<Hotspot>,
    /// All other functions together, in per cent.
    pub(crate) others_percent: f64,
    /// How many they are.
    pub(crate) others: usize,
    /// Why calls were not counted, where they were not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) calls_missing: Option<String>,
}

impl Report {
    /// Whether every budget was kept.
    pub(crate) fn is_within_budget(&self) -> bool {
        self.budgets.iter().all(|budget| budget.met)
    }

    /// Tells which functions are hot, and what all others come to.
    pub(crate) fn tell(
        &mut self,
        profile: &Profile,
        calls: &HashMap<Arc<str>, u64>,
        eases: &Eases,
    ) {
        self.hotspots = hotspots(profile, calls, eases);
        let told: HashSet<&str> = self.hotspots.iter().map(|spot| &*spot.function).collect();
        let functions = profile.functions();
        let others = || functions.iter().filter(|function| !told.contains(&*function.name));
        let own = others().map(|function| function.own).sum();
        self.others_percent = percent(own, profile.samples);
        self.others = others().filter(|function| function.own > 0).count();
    }

    /// One line: how it went.
    pub(crate) fn summary(&self) -> String {
        let mut text = format!(
            "{}: {} {} of {} runs in {:.0} s",
            self.scenario,
            self.samples,
            self.view.unit(),
            self.runs,
            self.seconds
        );
        for budget in &self.budgets {
            let _ = write!(text, "; {} ", budget.what);
            let _ = match budget.measured {
                Some(measured) => write!(text, "{measured:.1} %"),
                None => write!(text, "not judged"),
            };
            let _ = write!(text, " of {} %", budget.limit);
            text += if budget.met { ", met" } else { ", MISSED" };
        }
        text
    }

    /// Writes `SCENARIO.svg`, `.folded`, `.hotspots.md` and `.hotspots.json` into a folder.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub(crate) fn write(&self, profile: &Profile, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
        let write = |ending: &str, bytes: &[u8]| {
            let path = folder.join(format!("{}{}.{ending}", self.scenario, self.view.suffix()));
            fs::write(&path, bytes).with_context(|| format!("{}", path.display()))
        };
        let folded = profile.folded();
        write("folded", folded.as_bytes())?;
        write("svg", &self.graph(&folded)?)?;
        write("hotspots.md", self.markdown().as_bytes())?;
        write("hotspots.json", (serde_json::to_string_pretty(self)? + "\n").as_bytes())
    }

    fn graph(&self, folded: &str) -> Result<Vec<u8>> {
        let mut options = Options::default();
        options.title = format!("{}: {}", self.scenario, self.title);
        options.subtitle =
            Some(format!("prtip {} ({} of {} runs)", self.command, self.view.unit(), self.runs));
        options.colors = color::Palette::Multi(color::MultiPalette::Rust);
        self.view.unit().clone_into(&mut options.count_name);
        let mut svg = Vec::new();
        flamegraph::from_lines(&mut options, folded.lines(), &mut svg).context("flamegraph")?;
        Ok(svg)
    }

    fn markdown(&self) -> String {
        let mut text = format!("# {}: {}\n\n", self.scenario, self.title);
        let _ = writeln!(text, "    prtip {}", self.command);
        if let Some(lab) = &self.lab {
            let _ = writeln!(text, "    # in: prtip-bench lab run {lab}");
        }
        text += "\n";
        if let Some(stands_for) = &self.stands_for {
            let _ = writeln!(text, "Stands for {stands_for}\n");
        }
        let commit = self.commit.as_deref().unwrap_or("unknown");
        let _ = writeln!(
            text,
            "{} {} of {} runs{}, {} lost. Commit {commit}, Linux {}, {}.\n",
            self.samples,
            self.view.unit(),
            self.runs,
            self.frequency.map_or(String::new(), |hz| format!(", {hz} a second of each CPU")),
            self.lost,
            self.kernel,
            self.taken
        );
        if self.samples < self.samples_wanted {
            let _ = writeln!(
                text,
                "Fewer than the {} samples that were asked for: shares are not judged.\n",
                self.samples_wanted
            );
        }
        text += "| budget | measured | at most | |\n|---|---|---|---|\n";
        for budget in &self.budgets {
            let measured =
                budget.measured.map_or("–".to_owned(), |share| format!("{share:.2} %"));
            let aim = budget.aim.map_or(String::new(), |aim| format!(" (aim {aim} %)"));
            let met = if budget.met { "met" } else { "**missed**" };
            let note = budget.note.as_ref().map_or(String::new(), |note| format!(": {note}"));
            let cause = budget.cause.as_ref().map_or(String::new(), |cause| format!(": {cause}"));
            let _ = writeln!(
                text,
                "| {}{} | {measured} | {} %{aim} | {met}{} |",
                budget.what,
                cell(&note),
                budget.limit,
                cell(&cause)
            );
        }
        let _ = writeln!(
            text,
            "\n## Functions with {HOT_PERCENT} % of the {} or more in their own code\n\n\
             Sorted by priority: CPU % × calls × ease / 100, calls being 1 to 10 by their \
             logarithm. Calls are those of one run, counted by uprobes at the function's first \
             instruction; an inlined function has none, and its holder's are told. The kernel's and \
             shared libraries' functions are not counted.\n",
            self.view.unit()
        );
        let share = if self.view == View::Cpu { "CPU %" } else { "share %" };
        let _ = writeln!(
            text,
            "| function | whose | {share} | with callees % | calls | ease | priority | \
             {share} × ease |\n|---|---|---|---|---|---|---|---|"
        );
        for spot in &self.hotspots {
            let calls = match (spot.calls, &spot.calls_of) {
                (Some(calls), None) => calls.to_string(),
                (Some(calls), Some(holder)) => format!("{calls} of `{}`", cell(holder)),
                (None, _) => "not counted".to_owned(),
            };
            let _ = writeln!(
                text,
                "| `{}` | {} | {:.2} | {:.2} | {calls} | {}: {} | {:.3} | {:.1} |",
                cell(&spot.function),
                spot.owner,
                spot.cpu_percent,
                spot.with_callees_percent,
                spot.ease,
                spot.ease_reason,
                spot.priority,
                spot.cpu_times_ease
            );
        }
        let _ =
            writeln!(text, "| {} others | | {:.2} | | | | | |", self.others, self.others_percent);
        if let Some(why) = &self.calls_missing {
            let _ = writeln!(text, "\nCalls were not counted: {why}");
        }
        text
    }

    /// A report without measurements, of a scenario.
    pub(crate) fn of(scenario: &Scenario, view: View) -> Self {
        Self {
            scenario: scenario.name.clone(),
            title: scenario.title.clone(),
            command: scenario.command.clone(),
            stands_for: scenario.stands_for.clone(),
            lab: scenario.lab.clone(),
            commit: commit(),
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            taken: now(),
            runs: 0,
            view,
            seconds: 0.0,
            frequency: None,
            samples: 0,
            samples_wanted: view.enough(scenario.samples),
            lost: 0,
            budgets: Vec::new(),
            hotspots: Vec::new(),
            others_percent: 0.0,
            others: 0,
            calls_missing: None,
        }
    }
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn now() -> String {
    let format = time::format_description::well_known::Rfc3339;
    let now = time::OffsetDateTime::now_utc();
    now.replace_nanosecond(0).unwrap_or(now).format(&format).unwrap_or_default()
}

/// The commit of the folder that we are in, with `+` where files were changed.
fn commit() -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = std::process::Command::new("git").args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Some(if changed.is_empty() { commit } else { commit + "+" })
}
