//! `prtip -O` beside nmap's, which is the judge: the same host and the same database. The
//! fingerprints must agree test by test, but for those that vary from run to run; of the
//! first matches family and generation.

use anyhow::{Context, Result, anyhow};
use prtip_signatures::os::notation::Test;
use prtip_signatures::os::{Database, Fingerprint, Limits};
use regex::Regex;
use serde_json::Value;

/// Tests that were compared at least, of those that a host with open and closed ports has.
const FEWEST: usize = 80;

/// What both said of a host.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    /// Our records, JSON lines.
    pub ours: &'a str,
    /// The same by IPv6, where the host has it: our own database must know it.
    pub ours_v6: Option<&'a str>,
    /// nmap's output with `-d`.
    pub text: &'a str,
    /// nmap's XML.
    pub xml: &'a str,
}

/// One thing that was compared, or how it differs.
pub type Check = std::result::Result<String, String>;

/// Compares. `vary`: tests that may differ, and why. `known_as`: what our own database must
/// tell, alone and in everything. `database` is nmap's.
///
/// # Errors
/// Where something is missing.
pub fn judge(
    said: &Said<'_>,
    vary: &[(&str, &str)],
    known_as: &str,
    database: &Database,
) -> Result<Vec<Check>> {
    let record = system(said.ours)?;
    let ours = fingerprint(&record)?;
    let theirs = printed(said.text)?;
    let mut checks = Vec::new();
    let mut compared = 0;
    for test in Test::all() {
        let (one, other) = (ours.get(test), theirs.get(test));
        if one.is_none() && other.is_none() {
            continue;
        }
        compared += 1;
        if one != other {
            let name = test.to_string();
            let told = format!("{name} is {one:?}, nmap's {other:?}");
            checks.push(match vary.iter().find(|(varies, _)| *varies == name) {
                Some((_, why)) => Ok(format!("{told}: {why}")),
                None => Err(told),
            });
        }
    }
    let told = format!("{compared} tests compared");
    checks.push(if compared >= FEWEST { Ok(told) } else { Err(told) });

    checks.extend(first_matches(&ours, &theirs, &first_class(said.xml)?, database));
    checks.push(known(&ours, known_as));
    if let Some(ours_v6) = said.ours_v6 {
        checks.push(known(&fingerprint(&system(ours_v6)?)?, known_as));
    }
    Ok(checks)
}

/// Our first match of nmap's fingerprint must be of the class that nmap tells; and that of
/// our own of the same family. Where tests that vary are drawn otherwise, another generation
/// of it may be nearer.
fn first_matches(
    ours: &Fingerprint,
    theirs: &Fingerprint,
    told: &(String, Option<String>),
    database: &Database,
) -> [Check; 2] {
    let first = |fingerprint: &Fingerprint| {
        let mut scratch = database.os_scratch();
        let limits = Limits { at_least: 0, ..Limits::default() };
        let best = database.best(&mut scratch, fingerprint, limits);
        let system = database.system(best.candidates.first()?);
        let class = system.classes.first()?;
        Some((system.name.clone(), (class.family.clone(), class.generation.clone())))
    };
    [(theirs, "nmap's fingerprint", true), (ours, "ours", false)].map(|(one, whose, strict)| {
        let Some((name, class)) = first(one) else { return Err(format!("{whose}: no match")) };
        let text = format!("{whose}: first is {name} {class:?}, nmap tells {told:?}");
        if class == *told || (!strict && class.0 == told.0) { Ok(text) } else { Err(text) }
    })
}

/// The `os` record among others.
fn system(records: &str) -> Result<Value> {
    let records = records.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut systems = records.filter(|record| record["type"] == "os");
    systems.next().context("prtip has told no system")
}

fn fingerprint(record: &Value) -> Result<Fingerprint> {
    let text = record["fingerprint"].as_str().unwrap_or_default();
    Fingerprint::parse(text.as_bytes()).map_err(|faults| anyhow!("prtip's fingerprint: {faults}"))
}

/// nmap's fingerprint: with `OS:` before each line where conditions were good, else without.
fn printed(text: &str) -> Result<Fingerprint> {
    let (_, printed) =
        text.split_once("TCP/IP fingerprint:").context("nmap has told no fingerprint")?;
    let is_of_it = |line: &&str| line.starts_with("OS:") || line.ends_with(')');
    let block: Vec<&str> = printed
        .lines()
        .skip(1)
        .map(|line| line.trim_end_matches('\r'))
        .take_while(is_of_it)
        .collect();
    Fingerprint::parse(block.join("\n").as_bytes())
        .map_err(|faults| anyhow!("nmap's fingerprint: {faults}"))
}

/// Family and generation of nmap's first match.
fn first_class(xml: &str) -> Result<(String, Option<String>)> {
    let class = Regex::new(r#"<osclass [^>]*osfamily="([^"]*)"(?: osgen="([^"]*)")?"#)?;
    let first = class.captures(xml).context("nmap knows nothing like it")?;
    let group = |at: usize| first.get(at).map(|one| one.as_str().to_owned());
    Ok((group(1).unwrap_or_default(), group(2)))
}

/// What our own database makes of a fingerprint: systems that agree in everything, each of
/// which must be called so.
fn known(fingerprint: &Fingerprint, known_as: &str) -> Check {
    let database = Database::shipped();
    let mut scratch = database.os_scratch();
    let best = database.best(&mut scratch, fingerprint, Limits::default());
    let told = |one: &prtip_signatures::os::Candidate| {
        let name = &database.system(one).name;
        format!("{name} ({:.2} %)", f64::from(one.score.hundredths()) / 100.0)
    };
    let perfect: Vec<_> = best.candidates.iter().filter(|one| one.score.is_perfect()).collect();
    let family = fingerprint.family().name();
    let as_wanted = perfect.iter().all(|one| {
        let rest = database.system(one).name.strip_prefix(known_as);
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
    });
    if perfect.is_empty() || !as_wanted {
        let near: Vec<String> = best.candidates.iter().take(3).map(told).collect();
        return Err(format!("{family}: not known as {known_as}: {near:?}\n{fingerprint}"));
    }
    let names: Vec<String> = perfect.into_iter().map(told).collect();
    Ok(format!("{family}: our own database says {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_difference_is_a_fault_unless_it_may_be() {
        let ours = "{\"type\":\"os\",\"fingerprint\":\"T2(R=N)\\nT3(R=N)\\nU1(R=N)\"}";
        let text = "...\nTCP/IP fingerprint:\r\nOS:T2(R=N)T3(R=Y)\nOS:U1(R=N)\n\nUptime";
        let xml = "<osclass type=\"a\" osfamily=\"F\" accuracy=\"1\">";
        let said = Said { ours, ours_v6: None, text, xml };
        let database = "MatchPoints\nT2(R=5)\nT3(R=5)\n\nFingerprint A\nClass a | F || a\n\
                        T2(R=N)\nT3(R=Y)\n\nFingerprint B\nClass a | G || a\nT2(R=N)\nT3(R=N)\n";
        let database = Database::read(database.as_bytes()).unwrap();
        let faults = |said: &Said<'_>, vary: &[(&str, &str)]| -> Vec<String> {
            let checks = judge(said, vary, "Nobody", &database).unwrap();
            checks.into_iter().filter_map(Result::err).collect()
        };
        // The test, that few were compared, another family, and who it is.
        let all = faults(&said, &[]);
        assert_eq!(all.len(), 4, "{all:?}");
        assert!(all[0].starts_with("T3.R is Some(\"N\"), nmap's Some(\"Y\")"), "{all:?}");
        assert!(all[2].starts_with("ours: first is B (\"G\", None)"), "{all:?}");
        assert_eq!(faults(&said, &[("T3.R", "why not")]).len(), 3);
        // Another generation than nmap tells of its own fingerprint.
        let other = Said { xml: "<osclass osfamily=\"F\" osgen=\"2\">", ..said };
        assert_eq!(faults(&other, &[]).len(), 5);
        assert!(judge(&Said { text: "", ..said }, &[], "Nobody", &database).is_err());
    }
}
