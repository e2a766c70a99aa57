//! `prtip tls`: chains of certificates judged as a scan does it. [`tls_ask`](crate::tls_ask)
//! gets them from a server, `check` from a file.

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
use crate::tls_ask::{self, AskArgs};

/// `prtip tls`.
#[derive(Debug, Subcommand)]
pub(crate) enum TlsCommand {
    /// Reads a chain of certificates and says whether it is valid, or what is wrong with it.
    ///
    /// Prints one `tls` record (JSON). A chain with faults is a result like any other:
    /// the exit code is 0.
    Check(CheckArgs),
    /// Asks one server for its certificates and judges them.
    ///
    /// An ordinary connection, TLS 1.3 and 1.2; where the server is too old for these, once
    /// more as clients before did, down to SSL 3.0. Prints one `tls` record (JSON).
    Ask(AskArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The chain in PEM, the server's certificate first (openssl s_client -showcerts
    /// prints such); `-` is standard input.
    #[arg(value_name = "CHAIN.pem", default_value = "-")]
    chain: PathBuf,
    #[command(flatten)]
    asked: Asked,
}

/// What a chain is asked.
#[derive(Debug, Args)]
pub(crate) struct Asked {
    /// The host name or address that the certificate must be for; default: the server's
    /// name, where one is given.
    #[arg(long, value_name = "HOST", value_parser = Host::parse)]
    pub name: Option<Host>,
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

impl Asked {
    /// Whom to trust.
    pub(crate) fn roots(&self) -> Result<Roots> {
        match &self.ca_file {
            Some(file) => Roots::from_file(file),
            None => Roots::of_the_system(),
        }
    }

    /// Judges a chain and prints its record.
    pub(crate) fn print<D: AsRef<[u8]>>(
        &self,
        connection: Connection,
        ders: &[D],
        roots: &Roots,
        host: Option<&Host>,
    ) -> Result<Exit> {
        let chain = judge::read(ders.iter().map(AsRef::as_ref));
        let at = self.at.unwrap_or_else(now);
        let verdict = judge::judge(&chain, roots, Question { host, at });
        let mut line = Vec::new();
        let record = report::record(connection, ders, &chain, &verdict);
        encode(&record, &Clock::start().now_rfc3339(), &mut line);
        crate::print(&line)
    }
}

pub(crate) fn run(command: &TlsCommand) -> Result<Exit> {
    match command {
        TlsCommand::Check(args) => check(args),
        TlsCommand::Ask(args) => tls_ask::run(args),
    }
}

fn check(args: &CheckArgs) -> Result<Exit> {
    let bytes = read(&args.chain)?;
    let name = args.chain.display();
    let ders = read_certificates(&bytes).map_err(|what| {
        Error::new(Kind::Usage, format!("{name}: {what}"))
            .remedy("give the chain in PEM, as openssl s_client -showcerts prints it")
    })?;
    let roots = args.asked.roots()?;
    let host = args.asked.name.as_ref();
    let server_name = host.map(Host::to_string);
    let connection = Connection { server_name, ..Connection::default() };
    args.asked.print(connection, &ders, &roots, host)
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
