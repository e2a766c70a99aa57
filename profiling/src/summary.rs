//! What many reports say together: what is worth the work most, and how budgets went from
//! commit to commit.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// What is read of a report.
#[derive(Debug, Deserialize)]
struct Told {
    scenario: String,
    commit: Option<String>,
    taken: String,
    samples: u64,
    budgets: Vec<Budget>,
    hotspots: Vec<Hotspot>,
}

#[derive(Debug, Deserialize)]
struct Budget {
    what: String,
    measured: Option<f64>,
    limit: f64,
    met: bool,
}

#[derive(Debug, Deserialize)]
struct Hotspot {
    function: String,
    owner: String,
    cpu_percent: f64,
    calls: Option<u64>,
    priority: f64,
}

/// The highest priorities over all scenarios whose CPU time was sampled into a folder.
///
/// # Errors
/// Where its reports cannot be read.
pub(crate) fn priorities(folder: &Path, most: usize) -> Result<String> {
    let reports = reports(folder)?;
    let mut all: Vec<(&Told, &Hotspot)> = reports
        .iter()
        .flat_map(|told| told.hotspots.iter().map(move |spot| (told, spot)))
        .collect();
    all.sort_by(|(_, a), (_, b)| b.priority.total_cmp(&a.priority));
    let mut text = "| priority | function | whose | CPU % | calls | scenario |\n\
                    |---|---|---|---|---|---|\n"
        .to_owned();
    for (told, spot) in all.iter().take(most) {
        let calls = spot.calls.map_or("not counted".to_owned(), |calls| calls.to_string());
        let _ = writeln!(
            text,
            "| {:.3} | `{}` | {} | {:.2} | {calls} | {} |",
            spot.priority, spot.function, spot.owner, spot.cpu_percent, told.scenario
        );
    }
    Ok(text)
}

/// Every budget in the folders of a folder, each a commit's, the oldest first.
///
/// # Errors
/// Where there is none.
pub(crate) fn history(folder: &Path) -> Result<String> {
    let entries = fs::read_dir(folder).with_context(|| format!("{}", folder.display()))?;
    let mut all = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            all.extend(reports(&path)?);
        }
    }
    ensure!(!all.is_empty(), "{} has no folder with a report", folder.display());
    all.sort_by(|a, b| (&a.scenario, &a.taken).cmp(&(&b.scenario, &b.taken)));
    let mut text = "| scenario | budget | at most | commit | taken | samples | measured | |\n\
                    |---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for told in &all {
        for budget in &told.budgets {
            let measured =
                budget.measured.map_or("–".to_owned(), |share| format!("{share:.2} %"));
            let _ = writeln!(
                text,
                "| {} | {} | {} % | {} | {} | {} | {measured} | {} |",
                told.scenario,
                budget.what,
                budget.limit,
                told.commit.as_deref().unwrap_or("unknown"),
                told.taken,
                told.samples,
                if budget.met { "met" } else { "**missed**" }
            );
        }
    }
    Ok(text)
}

/// The reports of CPU time in a folder.
fn reports(folder: &Path) -> Result<Vec<Told>> {
    let entries = fs::read_dir(folder).with_context(|| format!("{}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    // `SCENARIO.memory.hotspots.json` and the like have one part more.
    paths.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".hotspots.json") && name.matches('.').count() == 2
    });
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path)?;
        serde_json::from_str(&text).with_context(|| format!("{}", path.display()))
    };
    paths.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn report(scenario: &str, commit: &str, taken: &str, measured: f64, spots: &str) -> String {
        format!(
            r#"{{"scenario":"{scenario}","commit":"{commit}","taken":"{taken}","samples":10000,
            "budgets":[{{"what":"it","measured":{measured},"limit":5.0,"met":{}}}],
            "hotspots":[{spots}]}}"#,
            measured <= 5.0
        )
    }

    #[test]
    fn priorities_go_over_all_scenarios_and_history_over_all_commits() {
        let folder = tempfile::tempdir().unwrap();
        let spot = |name: &str, priority: f64| {
            format!(
                r#"{{"function":"{name}","owner":"ours","cpu_percent":9.0,"calls":3,"priority":{priority}}}"#
            )
        };
        let put = |commit: &str, name: &str, text: String| {
            let path = folder.path().join(commit);
            fs::create_dir_all(&path).unwrap();
            fs::write(path.join(name), text).unwrap();
        };
        put("b", "x.hotspots.json", report("x", "b", "2026-02", 4.0, &spot("f", 1.0)));
        put("b", "y.hotspots.json", report("y", "b", "2026-02", 4.0, &spot("g", 2.0)));
        put("b", "y.io.hotspots.json", "not read".to_owned());
        put("a", "x.hotspots.json", report("x", "a", "2026-01", 6.0, ""));
        let told = priorities(&folder.path().join("b"), 5).unwrap();
        assert!(told.find("`g`").unwrap() < told.find("`f`").unwrap(), "{told}");
        assert!(!priorities(&folder.path().join("b"), 1).unwrap().contains("`f`"));
        let told = history(folder.path()).unwrap();
        assert!(told.find("6.00 % | **missed**").unwrap() < told.find("4.00 % | met").unwrap());
        assert!(history(&folder.path().join("a")).is_err());
    }
}
