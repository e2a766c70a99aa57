//! `prtip-bench`: the lab (a synthetic internet in private network namespaces)
//! and the benchmarks.
//!
//! Exit codes: those of the command for `lab run` (128 + signal where it was
//! killed, 127 where it cannot be started), else 0 done, 1 failed or the
//! results are not the truth, 2 usage, 4 privileges missing.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use prtip_bench::lab;

#[derive(Debug, Parser)]
#[command(name = "prtip-bench", version, about = "The lab and the benchmarks of prtip")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A synthetic internet in private network namespaces, and its truth
    #[command(subcommand)]
    Lab(lab::args::LabCommand),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Lab(command) => lab::run(command),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("prtip-bench: {error:#}");
            ExitCode::from(lab::exit_code(&error))
        }
    }
}
