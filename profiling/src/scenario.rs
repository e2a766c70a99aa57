//! Scenarios: what is run, in which lab, and what it may cost.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use regex::RegexSet;
use serde::Deserialize;

/// The scenarios that come with the program.
const SHIPPED: [(&str, &str); 10] = [
    ("syn-scan-10k-ports", include_str!("../scenarios/syn-scan-10k-ports.toml")),
    ("service-detection", include_str!("../scenarios/service-detection.toml")),
    ("tls-cert-parsing", include_str!("../scenarios/tls-cert-parsing.toml")),
    ("tls-thousand-ports", include_str!("../scenarios/tls-thousand-ports.toml")),
    ("os-fingerprinting", include_str!("../scenarios/os-fingerprinting.toml")),
    ("event-system", include_str!("../scenarios/event-system.toml")),
    ("af-xdp-line-rate", include_str!("../scenarios/af-xdp-line-rate.toml")),
    ("udp-scan", include_str!("../scenarios/udp-scan.toml")),
    ("idle-scan", include_str!("../scenarios/idle-scan.toml")),
    ("large-scale", include_str!("../scenarios/large-scale.toml")),
];

/// One scenario, as its file tells it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// The file's name without its ending.
    #[serde(skip)]
    pub(crate) name: String,
    /// What it is, in a few words.
    pub(crate) title: String,
    /// The arguments of `prtip`, split at spaces.
    pub(crate) command: String,
    /// The command that the scenario stands for, where it is another, and why.
    pub(crate) stands_for: Option<String>,
    /// Arguments of `prtip-bench lab run`; without them it runs on this host's loopback.
    pub(crate) lab: Option<String>,
    /// Addresses at which something must listen meanwhile: who listens there already will do.
    #[serde(default)]
    pub(crate) listen: Vec<SocketAddr>,
    /// How many samples a second are taken of each CPU.
    #[serde(default = "frequency")]
    pub(crate) frequency: u32,
    /// Run again until there are so many samples.
    #[serde(default = "samples")]
    pub(crate) samples: u64,
    /// Yet no longer than this, in seconds.
    #[serde(default = "seconds")]
    pub(crate) seconds: u64,
    /// What it may cost.
    #[serde(default)]
    pub(crate) budget: Vec<Budget>,
}

/// A limit, in per cent.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Budget {
    /// What is limited, in words.
    pub(crate) what: String,
    /// How it is measured.
    pub(crate) of: Measure,
    /// The limit, in per cent.
    pub(crate) limit: f64,
    /// What one would like to reach, in per cent.
    pub(crate) aim: Option<f64>,
    /// Why it is missed, where it is and that is known.
    pub(crate) cause: Option<String>,
}

/// How a share is measured.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Measure {
    /// The function of ours with the most samples in its own code, of all samples.
    LargestFunctionOfOurs,
    /// Samples in user space, of all samples.
    UserSpace,
    /// Samples with a function like one of these in their stack, of all samples.
    Functions(Vec<String>),
    /// CPU time of the process, of the time that it took.
    CpuTime,
    /// What the memory for data grew by, touched or not, from a tenth of the run to its end,
    /// of what it was at the tenth.
    HeapGrowth,
}

fn frequency() -> u32 {
    4_999
}

fn samples() -> u64 {
    10_000
}

fn seconds() -> u64 {
    120
}

impl Scenario {
    /// All that come with the program.
    ///
    /// # Errors
    /// Where one of them makes no sense.
    pub(crate) fn shipped() -> Result<Vec<Self>> {
        SHIPPED.iter().map(|(name, text)| Self::parse(name, text)).collect()
    }

    /// One by its name, or from a file whose name ends in `.toml`.
    ///
    /// # Errors
    /// Where there is no such scenario, or it makes no sense.
    pub(crate) fn named(name: &str) -> Result<Self> {
        if name.ends_with(".toml") {
            let path = Path::new(name);
            let text = std::fs::read_to_string(path).with_context(|| name.to_owned())?;
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            return Self::parse(&stem, &text);
        }
        let Some((name, text)) = SHIPPED.iter().find(|(shipped, _)| *shipped == name) else {
            let names: Vec<&str> = SHIPPED.iter().map(|(name, _)| *name).collect();
            bail!("there is no scenario {name:?}; there are {}, and all", names.join(", "));
        };
        Self::parse(name, text)
    }

    fn parse(name: &str, text: &str) -> Result<Self> {
        let mut scenario: Self =
            toml::from_str(text).with_context(|| format!("scenario {name}"))?;
        name.clone_into(&mut scenario.name);
        ensure!(scenario.samples > 0 && scenario.frequency > 0, "scenario {name}: no samples");
        for budget in &scenario.budget {
            if let Measure::Functions(like) = &budget.of {
                RegexSet::new(like).with_context(|| format!("scenario {name}: {}", budget.what))?;
            }
        }
        Ok(scenario)
    }

    /// The arguments of `prtip`.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = &str> {
        self.command.split_whitespace()
    }

    /// Listens where something must, for as long as the listeners live. Nothing is accepted:
    /// the kernel answers, and ends what is not taken.
    ///
    /// # Errors
    /// Where that is not allowed.
    pub(crate) fn listeners(&self) -> Result<Vec<TcpListener>> {
        let mut listeners = Vec::new();
        for address in &self.listen {
            match TcpListener::bind(address) {
                Ok(listener) => listeners.push(listener),
                Err(error) if error.kind() == ErrorKind::AddrInUse => {}
                Err(error) => return Err(error).with_context(|| format!("listening at {address}")),
            }
        }
        Ok(listeners)
    }
}

impl Measure {
    /// Whether the process is to be watched from outside, at its own speed.
    pub(crate) fn is_watched(&self) -> bool {
        matches!(self, Self::CpuTime | Self::HeapGrowth)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_scenario_makes_sense_and_has_a_budget() {
        for scenario in Scenario::shipped().unwrap() {
            assert!(!scenario.budget.is_empty(), "{}", scenario.name);
            assert!(scenario.samples >= 10_000, "{}", scenario.name);
        }
    }

    #[test]
    fn what_makes_no_sense_is_told_with_its_place() {
        let told = |text| format!("{:#}", Scenario::parse("x", text).unwrap_err());
        assert!(told("title = 1").contains("title"));
        assert!(told("title = \"\"\ncommand = \"\"\nspeed = 3").contains("speed"));
        let like = "title = \"\"\ncommand = \"\"\n[[budget]]\nwhat = \"matching\"\nlimit = 1\n\
                    of = { functions = [\"(\"] }";
        assert!(told(like).contains("matching"), "{}", told(like));
        let error = Scenario::named("nothing").unwrap_err().to_string();
        assert!(error.contains("large-scale"), "{error}");
    }
}
