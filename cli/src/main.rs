//! The `prtip` command. Arguments are parsed low ([`args`], [`flags`]) and
//! resolved high ([`targets`], [`run`]); standard output carries results only,
//! everything else goes to standard error.

mod args;
mod certificates;
mod detection;
mod doctor;
mod dry_run;
mod event_log;
mod exit;
mod finished;
mod flags;
#[cfg(feature = "fleet")]
mod fleet;
mod idle;
mod metrics;
mod os;
mod os_detection;
mod outputs;
mod progress;
mod report;
mod resume;
mod run;
mod say;
mod signals;
mod signatures;
mod summary;
mod targets;
mod timing;
mod tls;
mod tls_ask;

use std::ffi::OsString;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use prtip_engine::error::{Error, Kind, Result};

use args::{Cli, Command};
use exit::Exit;
use say::say;

fn main() -> ExitCode {
    let exit = catch_unwind(AssertUnwindSafe(|| start(std::env::args_os().skip(1).collect())));
    // The panic has been printed by its hook; its exit code would be nobody's contract.
    exit.unwrap_or_else(|_| {
        say("prtip: this is a fault of prtip itself; please report the lines above");
        Exit::Failed
    })
    .into()
}

fn start(raw_args: Vec<OsString>) -> Exit {
    // Subcommands have flags of their own.
    let subcommand = raw_args
        .first()
        .is_some_and(|arg| ["signatures", "os", "zombie"].iter().any(|one| arg == one));
    let rewritten = match flags::rewrite(raw_args.iter().cloned()) {
        _ if subcommand => raw_args.clone(),
        Ok(rewritten) => rewritten,
        Err(not_built) => {
            say(format_args!("error: {not_built}\n\nFor more information, try '--help'."));
            return Exit::Usage;
        }
    };
    match Cli::try_parse_from(std::iter::once(OsString::from("prtip")).chain(rewritten)) {
        Ok(cli) => dispatch(cli, &raw_args).unwrap_or_else(|error| {
            say(format_args!("error: {error}"));
            Exit::from(error.kind)
        }),
        Err(error) => {
            // Help and version are results and go to standard output; a closed pipe is no fault.
            let printed = error.print().and_then(|()| io::stdout().flush());
            match printed {
                _ if error.use_stderr() => Exit::Usage,
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Exit::Failed,
                _ => Exit::Done,
            }
        }
    }
}

fn dispatch(cli: Cli, raw_args: &[OsString]) -> Result<Exit> {
    match cli.command {
        None => match &cli.scan.results.resume {
            Some(log) => resume::run(log, &cli.scan, raw_args),
            None => run::run(&cli.scan, raw_args),
        },
        Some(Command::Doctor(args)) => doctor::run(&args),
        Some(Command::Completions { shell }) => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "prtip", &mut text);
            print(&text)
        }
        Some(Command::Signatures(command)) => signatures::run(&command),
        Some(Command::Report(args)) => report::run(&args),
        Some(Command::Schema) => {
            let mut text = serde_json::to_vec_pretty(&prtip_engine::event::schema::schema())
                .map_err(|error| {
                    Error::new(Kind::Failed, "write the schema").because_of(error.into())
                })?;
            text.push(b'\n');
            print(&text)
        }
        Some(Command::Tls(command)) => tls::run(&command),
        Some(Command::Os(command)) => os::run(&command),
        Some(Command::Zombie(args)) => idle::find(&args),
        #[cfg(feature = "fleet")]
        Some(Command::Fleet(command)) => fleet::run(*command),
        Some(Command::Man) => {
            let mut text = Vec::new();
            clap_mangen::Man::new(Cli::command())
                .render(&mut text)
                .map_err(|error| Error::new(Kind::Failed, "render the manual").because_of(error))?;
            print(&text)
        }
    }
}

/// Writes a result that is not a scan's; a closed pipe is a normal end.
fn print(text: &[u8]) -> Result<Exit> {
    let mut out = io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::new(Kind::Failed, "write to standard output").because_of(error))
        }
        _ => Ok(Exit::Done),
    }
}
