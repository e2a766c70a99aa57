//! `prtip fleet`: one scan by many machines, handed out by NATS JetStream.
//!
//! The commands: [`submit`], [`work`] (the engine behind a worker of `prtip_fleet`),
//! [`status`], [`collect`] and [`cancel`]. How ranges are handed out and kept is that crate's.

mod cancel;
mod collect;
mod server_args;
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
