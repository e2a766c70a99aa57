//! `prtip fleet`: one scan by many machines, handed out by NATS JetStream.
//!
//! A job is a plan and ranges of its indices. The ranges lie in a stream that hands each to
//! one worker, takes it back where that worker falls silent, and forgets it when it is
//! acknowledged; results lie in another. [`link`] is the connection and how all of that is
//! named; [`submit`], [`work`] (with its [`courier`] to the server and the [`pulse`] by
//! which workers know of each other), [`status`], [`collect`] and [`cancel`] are the commands.

mod cancel;
mod collect;
mod courier;
mod link;
mod pulse;
mod status;
mod submit;
mod work;

use clap::Subcommand;
use prtip_engine::error::Result;

use crate::exit::Exit;

/// Commands of `prtip fleet`.
#[derive(Debug, Subcommand)]
pub(crate) enum FleetCommand {
    /// Makes a scan a job: its ranges wait for workers. Prints the job's name.
    Submit(submit::SubmitArgs),
    /// Scans ranges of a job until none are left; without a job, of all jobs as they come.
    Work(work::WorkArgs),
    /// Says how far a job is, and who works on it; without a job, lists the jobs.
    Status(status::StatusArgs),
    /// Writes the results of a job, each once, and the sum of its ledgers.
    Collect(collect::CollectArgs),
    /// Ends a job: what was found stays to be collected.
    Cancel(cancel::CancelArgs),
}

/// Runs one of them.
pub(crate) fn run(command: FleetCommand) -> Result<Exit> {
    match command {
        FleetCommand::Submit(args) => submit::run(args),
        FleetCommand::Work(args) => work::run(args),
        FleetCommand::Status(args) => status::run(&args),
        FleetCommand::Collect(args) => collect::run(args),
        FleetCommand::Cancel(args) => cancel::run(&args),
    }
}
