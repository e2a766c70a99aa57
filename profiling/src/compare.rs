//! Two runs of one scenario beside one another: what has become more, and what less.

use std::collections::HashMap;
use std::fmt::Write;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use inferno::differential;
use inferno::flamegraph::{self, Options};

use crate::budget::percent;
use crate::profile::Profile;

/// A difference counts from this many percentage points on, if chance does not explain it.
const POINTS: f64 = 1.0;

/// A function's share of the samples before and after, in per cent.
#[derive(Clone, Debug, PartialEq)]
struct Change {
    function: Arc<str>,
    before: f64,
    after: f64,
    /// What chance alone explains, in percentage points, 95 times of 100.
    chance: f64,
}

impl Change {
    fn is_real(&self) -> bool {
        (self.after - self.before).abs() >= POINTS.max(self.chance)
    }
}

/// Compares `A` and `B`, folders of `run --out` or collapsed stacks, and writes a
/// differential flamegraph of each scenario that both have into a folder. Returns what is
/// to be told, and whether a function has become dearer.
///
/// # Errors
/// Where there is nothing to compare.
pub(crate) fn compare(before: &Path, after: &Path, out: &Path) -> Result<(String, bool)> {
    let pairs = pairs(before, after)?;
    fs::create_dir_all(out).with_context(|| format!("{}", out.display()))?;
    let (mut text, mut regressed) = (String::new(), false);
    for (name, before, after) in pairs {
        let before = fs::read_to_string(&before)?;
        let after = fs::read_to_string(&after)?;
        let path = out.join(format!("{name}.difference.svg"));
        fs::write(&path, graph(&name, &before, &after)?)?;
        let changes = changes(&Profile::of_folded(&before), &Profile::of_folded(&after));
        let _ = writeln!(text, "{name}: {}", path.display());
        for change in changes.iter().filter(|change| change.is_real()) {
            let worse = change.after > change.before;
            regressed |= worse;
            let _ = writeln!(
                text,
                "  {:>6.2} % -> {:>6.2} %  {} {}",
                change.before,
                change.after,
                if worse { "DEARER " } else { "cheaper" },
                change.function
            );
        }
    }
    Ok((text, regressed))
}

/// Files of collapsed stacks that both sides have, by scenario.
fn pairs(before: &Path, after: &Path) -> Result<Vec<(String, PathBuf, PathBuf)>> {
    if before.is_file() && after.is_file() {
        let name = after.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        return Ok(vec![(name, before.to_owned(), after.to_owned())]);
    }
    let mut pairs = Vec::new();
    let entries = fs::read_dir(before).with_context(|| format!("{}", before.display()))?;
    for entry in entries {
        let one = entry?.path();
        let Some(file) = one.file_name().filter(|_| one.extension().is_some_and(|e| e == "folded"))
        else {
            continue;
        };
        let other = after.join(file);
        if other.is_file() {
            let name = one.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            pairs.push((name, one, other));
        }
    }
    ensure!(
        !pairs.is_empty(),
        "{} and {} have no SCENARIO.folded in common",
        before.display(),
        after.display()
    );
    pairs.sort();
    Ok(pairs)
}

fn graph(name: &str, before: &str, after: &str) -> Result<Vec<u8>> {
    let mut both = Vec::new();
    // Both sides as if they had as many samples.
    let options = differential::Options { normalize: true, strip_hex: false };
    differential::from_readers(options, Cursor::new(before), Cursor::new(after), &mut both)?;
    let mut options = Options::default();
    options.title = format!("{name}: difference");
    options.subtitle = Some("red has become more, blue less".to_owned());
    "samples".clone_into(&mut options.count_name);
    let mut svg = Vec::new();
    flamegraph::from_reader(&mut options, Cursor::new(both), &mut svg)?;
    Ok(svg)
}

/// Each function's share of the samples in its own code, the largest difference first.
fn changes(before: &Profile, after: &Profile) -> Vec<Change> {
    let mut shares: HashMap<Arc<str>, (u64, u64)> = HashMap::new();
    for function in before.functions() {
        shares.entry(function.name).or_default().0 = function.own;
    }
    for function in after.functions() {
        shares.entry(function.name).or_default().1 = function.own;
    }
    let mut changes: Vec<Change> = shares
        .into_iter()
        .map(|(function, (one, other))| {
            let both = (one + other) as f64 / (before.samples + after.samples).max(1) as f64;
            let spread = both * (1.0 - both);
            let samples = |profile: &Profile| spread / profile.samples.max(1) as f64;
            Change {
                function,
                before: percent(one, before.samples),
                after: percent(other, after.samples),
                chance: 1.96 * (samples(before) + samples(after)).sqrt() * 100.0,
            }
        })
        .collect();
    changes.sort_by(|a, b| {
        let size = |change: &Change| (change.after - change.before).abs();
        size(b).total_cmp(&size(a)).then_with(|| a.function.cmp(&b.function))
    });
    changes
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_has_become_dearer_is_named_and_chance_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let side = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir(&path).unwrap();
            fs::write(path.join("x.folded"), text).unwrap();
            path
        };
        let before = side("a", "main;f 5000\nmain;g 5000\n");
        let after = side("b", "main;f 6000\nmain;g 4000\n");
        let (text, regressed) = compare(&before, &after, folder.path()).unwrap();
        assert!(regressed && text.contains("DEARER  f") && text.contains("cheaper g"), "{text}");
        assert!(
            fs::read_to_string(folder.path().join("x.difference.svg")).unwrap().contains("<svg")
        );
        let (text, regressed) = compare(&before, &before, folder.path()).unwrap();
        assert!(!regressed && !text.contains('%'), "{text}");
        // Ten samples say nothing.
        let few = side("c", "main;f 6\nmain;g 4\n");
        assert!(!compare(&before, &few, folder.path()).unwrap().1);
        assert!(compare(&before, folder.path(), folder.path()).is_err());
    }
}
