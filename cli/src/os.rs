//! `prtip os`: fingerprints of operating systems, offline; and the database that is asked.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use prtip_engine::error::{Error, Kind, Result};
use prtip_engine::event::clock::Clock;
use prtip_engine::event::os_record::Os;
use prtip_engine::event::record::encode;
use prtip_signatures::os::fingerprint::LONGEST_TEXT;
use prtip_signatures::os::reader::LARGEST_FILE;
use prtip_signatures::os::{Database, Faults, Fingerprint, Limits};

use crate::exit::Exit;
use crate::say::say;

/// `prtip os`.
#[derive(Debug, Subcommand)]
pub(crate) enum OsCommand {
    /// Reads a fingerprint in nmap's notation on standard input and says which systems
    /// answer so.
    ///
    /// Prints one `os` record (JSON). The notation is that of nmap's "TCP/IP fingerprint",
    /// wrapped or not. That nothing matches is a result like any other: the exit code is 0.
    Match(MatchArgs),
}

#[derive(Debug, Args)]
pub(crate) struct MatchArgs {
    #[command(flatten)]
    database: OsDatabaseArgs,
    /// The record is JSON anyway.
    #[arg(long, hide = true)]
    json: bool,
}

/// Which systems are asked for.
#[derive(Debug, Args)]
pub(crate) struct OsDatabaseArgs {
    /// Take the systems in FILE, in the format of nmap-os-db (nmap's own: NPSL), instead of
    /// ours. It is read at each start and never kept.
    #[arg(long, value_name = "FILE")]
    pub os_db: Option<PathBuf>,
    /// Tell the nearest systems even where they agree in less than 85 %.
    #[arg(long, visible_alias = "fuzzy")]
    pub osscan_guess: bool,
}

impl OsDatabaseArgs {
    /// Our systems, or those of the file, which stay as long as the process does.
    pub(crate) fn read(&self) -> Result<&'static Database> {
        let Some(file) = &self.os_db else { return Ok(Database::shipped()) };
        let bytes = content(file)?;
        let name = file.display();
        let database = Database::read(&bytes).map_err(|faults| refused(&name, &faults))?;
        if let Some(remark) = database.remark() {
            say(format_args!("prtip: {name}: {remark}"));
        }
        Ok(Box::leak(Box::new(database)))
    }

    /// Which systems are told.
    pub(crate) fn limits(&self) -> Limits {
        let limits = Limits::default();
        if self.osscan_guess { Limits { at_least: 0, ..limits } } else { limits }
    }
}

fn refused(name: &dyn std::fmt::Display, faults: &Faults) -> Error {
    Error::new(Kind::Usage, format!("{name}, {faults}"))
}

fn content(file: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte more, so that a file that is too large is seen to be so.
    File::open(file)
        .and_then(|opened| opened.take(LARGEST_FILE as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| Error::new(Kind::Usage, file.display().to_string()).because_of(error))?;
    Ok(bytes)
}

pub(crate) fn run(command: &OsCommand) -> Result<Exit> {
    let OsCommand::Match(args) = command;
    let database = args.database.read()?;
    let mut text = Vec::new();
    let taken = io::stdin().lock().take(LONGEST_TEXT as u64 + 1).read_to_end(&mut text);
    taken.map_err(|error| Error::new(Kind::Failed, "read standard input").because_of(error))?;
    let fingerprint =
        Fingerprint::parse(&text).map_err(|faults| refused(&"standard input", &faults))?;
    let mut scratch = database.os_scratch();
    let best = database.best(&mut scratch, &fingerprint, args.database.limits());
    let mut line = Vec::new();
    let record = Os::new(None, &fingerprint, database, &best);
    encode(&record, &Clock::start().now_rfc3339(), &mut line);
    crate::print(&line)
}
