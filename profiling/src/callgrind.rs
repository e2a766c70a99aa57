//! Calls counted by valgrind's callgrind, which runs every instruction itself: for kernels
//! that have no uprobes, and to check those that have. Tens of times slower, and without the
//! kernel's functions.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};

use crate::symbols::demangled;

/// Runs a scan once under callgrind, in the folder that `command` has, and counts the calls
/// of these functions.
///
/// # Errors
/// Where valgrind is missing, or the scan fails in it.
pub(crate) fn count(
    mut command: Command,
    program: &Path,
    arguments: &[&str],
    folder: &Path,
    names: &[Arc<str>],
) -> Result<HashMap<Arc<str>, u64>> {
    let out = folder.join("callgrind.out");
    command.args(["--tool=callgrind", "--demangle=no", "--compress-strings=no"]);
    command.arg(format!("--callgrind-out-file={}", out.display()));
    let status = command.arg(program).args(arguments).status();
    let status = status.context("valgrind (apt-get install valgrind)")?;
    ensure!(status.success(), "the scanner has failed under valgrind: {status}");
    let text = fs::read(&out).with_context(|| format!("{}", out.display()))?;
    Ok(calls(&String::from_utf8_lossy(&text), names))
}

/// What callgrind's file says of these functions. Each `calls=` follows the name of the one
/// that was called; recursion and copies by caller carry a mark behind an apostrophe.
fn calls(text: &str, names: &[Arc<str>]) -> HashMap<Arc<str>, u64> {
    let mut calls: HashMap<Arc<str>, u64> = HashMap::new();
    let mut known: HashMap<&str, Option<&Arc<str>>> = HashMap::new();
    let mut called = None;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("cfn=") {
            called = *known.entry(name).or_insert_with(|| {
                let name = demangled(name.split('\'').next().unwrap_or(name));
                names.iter().find(|wanted| ***wanted == *name)
            });
        } else if let Some(rest) = line.strip_prefix("calls=")
            && let Some(name) = called.take()
        {
            let times = rest.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0);
            *calls.entry(name.clone()).or_default() += times;
        }
    }
    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_from_several_places_are_added() {
        let text = "fn=main\n3 1\ncfn=f\ncalls=2 10\n5 100\ncfn=g\ncalls=7 1\n1 1\n\
                    fn=g\ncob=/lib/x.so\ncfi=a.rs\ncfn=f'2\ncalls=40 10\n9 9\n";
        let counted = calls(text, &["f".into(), "h".into()]);
        assert_eq!(counted, HashMap::from([("f".into(), 42)]));
    }
}
