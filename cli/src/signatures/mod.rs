//! `prtip signatures`: our service database and the user's, offline. The matcher is the
//! one that a scan uses.

mod check;
mod databases;
mod matching;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use prtip_engine::error::Result;
use prtip_signatures::Resolver;

use crate::exit::Exit;

/// What `prtip signatures` does.
#[derive(Debug, Subcommand)]
pub(crate) enum SignaturesCommand {
    /// Tries every rule's examples and near misses, and the automata's limits.
    Check(CheckArgs),
    /// Tells what answers on standard input say: one JSON object each.
    Match(MatchArgs),
    /// Lists the probes: name, transport, rarity, ports, payload.
    Probes(DatabaseArgs),
}

/// Databases beside our own. They are read at each start, and never kept.
#[derive(Debug, Args)]
pub(crate) struct DatabaseArgs {
    /// A file in the format of nmap-service-probes (nmap's own: NPSL).
    #[arg(long, value_name = "FILE")]
    service_probes: Option<PathBuf>,
    /// A folder of Recog's XML files.
    #[arg(long, value_name = "DIR")]
    recog: Option<PathBuf>,
    /// Tell each line of them that cannot be used, and why.
    #[arg(long)]
    tell_unread: bool,
}

impl DatabaseArgs {
    /// Our database and those that are named.
    pub(crate) fn resolver(&self) -> Result<Resolver> {
        databases::resolver(self)
    }

    /// Whether none is named.
    pub(crate) fn is_empty(&self) -> bool {
        self.service_probes.is_none() && self.recog.is_none()
    }
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Check these .sig files, a whole database together, instead of the one in the program.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct MatchArgs {
    /// One answer a line: base64, optionally a tab and the name of the probe that drew it.
    /// Otherwise all of standard input is one answer.
    #[arg(long)]
    lines: bool,
    /// The probe that drew the answers, where a line names none; `udp:NAME` for a datagram.
    #[arg(long, value_name = "NAME", default_value = "NULL")]
    probe: String,
    #[command(flatten)]
    databases: DatabaseArgs,
}

pub(crate) fn run(command: &SignaturesCommand) -> Result<Exit> {
    match command {
        SignaturesCommand::Check(args) => check::run(&args.files),
        SignaturesCommand::Match(args) => matching::run(args),
        SignaturesCommand::Probes(args) => matching::probes(args),
    }
}
