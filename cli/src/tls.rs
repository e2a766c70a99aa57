//! `prtip tls check`: a chain of certificates judged as a scan does it, offline.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use prtip_engine::error::{Error, Kind, Result};
use prtip_engine::event::clock::Clock;
use prtip_engine::event::record::encode;
use prtip_engine::tls::host::Host;
use prtip_engine::tls::judge;
use prtip_engine::tls::path::Question;
use prtip_engine::tls::report::{self, Connection, parse_rfc3339};
use prtip_engine::tls::roots::{LONGEST_FILE, Roots, read_certificates};

use crate::exit::Exit;

/// `prtip tls`.
#[derive(Debug, Subcommand)]
pub(crate) enum TlsCommand {
    /// Reads a chain of certificates and says whether it is valid, or what is wrong with it.
    ///
    /// Prints one `tls` record (JSON). A chain with faults is a result like any other:
    /// the exit code is 0.
    Check(CheckArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The chain in PEM, the server's certificate first (openssl s_client -showcerts
    /// prints such); `-` is standard input.
    #[arg(value_name = "CHAIN.pem", default_value = "-")]
    chain: PathBuf,
    /// The host name or address that the certificate must be for.
    #[arg(long, value_name = "HOST", value_parser = Host::parse)]
    name: Option<Host>,
    /// Trust the certificates in FILE (PEM) instead of the system's.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Judge as of this time (2026-11-26T02:30:00Z); default: now.
    #[arg(long, value_name = "TIME", value_parser = parse_rfc3339)]
    at: Option<i64>,
    /// The record is JSON anyway.
    #[arg(long, hide = true)]
    json: bool,
}

pub(crate) fn run(command: &TlsCommand) -> Result<Exit> {
    let TlsCommand::Check(args) = command;
    let bytes = read(&args.chain)?;
    let name = args.chain.display();
    let ders = read_certificates(&bytes).map_err(|what| {
        Error::new(Kind::Usage, format!("{name}: {what}"))
            .remedy("give the chain in PEM, as openssl s_client -showcerts prints it")
    })?;
    let roots = match &args.ca_file {
        Some(file) => Roots::from_file(file)?,
        None => Roots::of_the_system()?,
    };
    let chain = judge::read(ders.iter().map(AsRef::as_ref));
    let question = Question { host: args.name.as_ref(), at: args.at.unwrap_or_else(now) };
    let verdict = judge::judge(&chain, &roots, question);
    let server_name = args.name.as_ref().map(Host::to_string);
    let connection = Connection { server_name, ..Connection::default() };
    let mut line = Vec::new();
    let record = report::record(connection, &ders, &chain, &verdict);
    encode(&record, &Clock::start().now_rfc3339(), &mut line);
    crate::print(&line)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let taken = if path.as_os_str() == "-" {
        io::stdin().lock().take(LONGEST_FILE + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(LONGEST_FILE + 1).read_to_end(&mut bytes))
    };
    let name = path.display();
    let usage = |what: String| Error::new(Kind::Usage, what);
    taken.map_err(|error| usage(format!("{name} cannot be read")).because_of(error))?;
    if bytes.len() as u64 > LONGEST_FILE {
        return Err(usage(format!("{name} is longer than 64 MiB")));
    }
    Ok(bytes)
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
