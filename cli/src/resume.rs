//! `--resume LOG`: goes on with an interrupted scan, as its log says it was asked for.

use std::ffi::OsString;
use std::path::Path;

use clap::Parser;
use prtip_engine::error::{Error, Kind, Result};
use prtip_engine::event::recovery::Interrupted;

use crate::args::{Cli, ScanArgs};
use crate::exit::Exit;
use crate::say::say;
use crate::{event_log, flags, run};

/// Resumes the scan of `log`; `beside` is what else stands on the command line.
pub(crate) fn run(log: &Path, beside: &ScanArgs, raw_args: &[OsString]) -> Result<Exit> {
    only_allowed(raw_args)?;
    let what = || format!("resume the scan of the event log {log:?}");
    let interrupted = Interrupted::open(log)?;
    let begun = interrupted.begun().clone();
    let unreadable = || {
        Error::new(Kind::Usage, what())
            .cause("the arguments in its first record cannot be understood")
            .remedy("resume it with the version of prtip that wrote it")
    };
    let args = flags::rewrite(begun.args.iter().map(OsString::from)).map_err(|_| unreadable())?;
    let cli = Cli::try_parse_from(std::iter::once(OsString::from("prtip")).chain(args))
        .map_err(|_| unreadable())?;
    let mut args = cli.scan;
    // The seed may have been a random one.
    args.pace.seed = Some(begun.seed);
    args.results.event_log = Some(log.to_owned());
    args.results.json = beside.results.json;
    args.results.verbose = beside.results.verbose;
    args.pace.rate = beside.pace.rate.or(args.pace.rate);
    let (kept, own) = (&mut args.results.log, &beside.results.log);
    kept.log_sync = own.log_sync.or(kept.log_sync);
    kept.log_compress = own.log_compress.or(kept.log_compress);
    kept.on_full = own.on_full.or(kept.on_full);
    if !own.log_rotate.is_empty() {
        kept.log_rotate.clone_from(&own.log_rotate);
    }
    event_log::check_flags(&args.results)?;
    if interrupted.is_finished() {
        say(format_args!("prtip: the scan of {log:?} has come to its end; nothing is left to do"));
        return run::write_files_again(&args, &interrupted);
    }
    run::go_on(&args, raw_args, interrupted)
}

/// What a scan looks for stands in its log: everything else on the command line would
/// be ignored, and that must not go unsaid.
fn only_allowed(raw_args: &[OsString]) -> Result<()> {
    let mut args = raw_args.iter().map(|arg| arg.to_string_lossy());
    while let Some(arg) = args.next() {
        let name = arg.split_once('=').map_or(&*arg, |(name, _)| name);
        match name {
            "--resume" | "--rate" | "--log-sync" | "--log-rotate" | "--log-compress"
            | "--on-full" => {
                if !arg.contains('=') {
                    args.next();
                }
            }
            "--json" | "--verbose" => {}
            flag if flag.len() > 1
                && flag.starts_with('-')
                && flag[1..].bytes().all(|b| b == b'v') => {}
            other => {
                return Err(Error::new(Kind::Usage, format!("use {other:?} with --resume"))
                    .cause("a resumed scan is the one that its log describes")
                    .remedy("leave it out; --rate, --json, -v, --on-full and those that begin with --log- may be given"));
            }
        }
    }
    Ok(())
}
