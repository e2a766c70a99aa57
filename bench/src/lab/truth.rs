//! `prtip-bench lab truth`: what a lossless scanner would report, as JSON lines.

use std::io::{BufWriter, ErrorKind, Write};

use anyhow::{Context, Result, bail, ensure};

use super::args::Asked;
use super::question::Question;
use super::rule::Rule;
use super::targets::{Addresses, Ports};

/// Most pairs that a check keeps a note of: half a byte each, touched only
/// where something was reported.
const MAX_PAIRS: u128 = 1 << 34;

/// The pairs of a scan that have a truth, in order.
#[derive(Debug)]
pub struct Pairs {
    /// The addresses, those of the lab itself left out.
    pub addresses: Addresses,
    /// All ports of each.
    pub ports: Ports,
    /// What is asked of them.
    pub question: Question,
}

impl Pairs {
    /// The pairs that `asked` names.
    pub fn new(asked: &Asked) -> Result<Self> {
        let targets = Addresses::parse(&asked.targets).context("--targets")?;
        let targets = match &asked.exclude {
            Some(list) => targets.without(&Addresses::parse(list).context("--exclude")?),
            None => targets,
        };
        ensure!(targets.count() > 0, "--targets names no address");
        let question = asked.question()?;
        let ports = match (&question, &asked.ports) {
            (Question::Ping(_), None) => Ports::of_a_host(),
            (Question::Ping(_), Some(_)) => bail!("--ports: hosts have none (--proto icmp)"),
            (_, Some(list)) => Ports::parse(list, question.protocol()).context("--ports")?,
            (_, None) => bail!("--ports is missing: which ports were scanned?"),
        };
        Ok(Self { addresses: targets.within(&Addresses::of_the_lab()), ports, question })
    }

    /// How many, if they are few enough to keep a note of each.
    pub fn count(&self) -> Result<usize> {
        let pairs = self.addresses.count().saturating_mul(self.ports.list().len() as u128);
        ensure!(pairs <= MAX_PAIRS, "{pairs} pairs are more than {MAX_PAIRS}");
        Ok(usize::try_from(pairs)?)
    }
}

/// Writes a line for every pair that has a state.
pub fn write(pairs: &Pairs, rule: Rule, out: impl Write) -> Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, out);
    let proto = pairs.question.protocol().name();
    let done = (|| {
        for ip in pairs.addresses.iter() {
            for &port in pairs.ports.list() {
                if let Some(state) = pairs.question.truth(rule, ip, port) {
                    writeln!(
                        out,
                        "{{\"ip\":\"{ip}\",\"port\":{port},\"proto\":\"{proto}\",\"state\":\"{}\"}}",
                        state.name()
                    )?;
                }
            }
        }
        out.flush()
    })();
    match done {
        // Whoever reads has read enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other.context("standard output"),
    }
}
