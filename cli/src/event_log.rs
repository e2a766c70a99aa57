//! The event log as the arguments ask for it: its options, and opening it with its key.

use std::path::Path;
use std::sync::Arc;

use prtip_engine::error::{Error, Kind, Result};
use prtip_engine::event::log::parts::Form;
use prtip_engine::event::log::{EventLog, LogOptions, OnFull, SyncPolicy};
use prtip_engine::event::recovery::Interrupted;
use prtip_engine::key;
use prtip_engine::scan::Control;

use crate::args::{CompressArg, LogArgs, OnFullArg, ResultArgs, RotateArg, SyncArg};
use crate::say::say;

/// How the log is to be written.
pub(crate) fn options(args: &LogArgs, control: &Arc<Control>) -> LogOptions {
    let mut options = LogOptions {
        sync: match args.log_sync {
            Some(SyncArg::Never) => SyncPolicy::Never,
            Some(SyncArg::Interval) | None => SyncPolicy::Interval,
            Some(SyncArg::Always) => SyncPolicy::Always,
        },
        compress: args.log_compress.map(|how| match how {
            CompressArg::Gzip => Form::Gzip,
            CompressArg::Zstd => Form::Zstd,
        }),
        on_full: match args.on_full {
            Some(OnFullArg::Stop) | None => OnFull::Stop,
            Some(OnFullArg::Continue) => OnFull::Continue,
        },
        control: Some(Arc::clone(control)),
        ..LogOptions::default()
    };
    for limit in &args.log_rotate {
        match *limit {
            RotateArg::Size(bytes) => options.rotate_bytes = Some(bytes),
            RotateArg::Age(age) => options.rotate_age = Some(age),
        }
    }
    options
}

/// Refuses flags that would do nothing.
pub(crate) fn check_flags(args: &ResultArgs) -> Result<()> {
    let log = &args.log;
    if log.log_compress.is_some() && log.log_rotate.is_empty() {
        return Err(Error::new(Kind::Usage, "use --log-compress without --log-rotate")
            .cause("only files that are full are compressed")
            .remedy("say when they are, as in --log-rotate 100M"));
    }
    let any = log.log_sync.is_some() || !log.log_rotate.is_empty() || log.on_full.is_some();
    if any && args.event_log.is_none() {
        return Err(Error::new(
            Kind::Usage,
            "--log-sync, --log-rotate, --log-compress and --on-full are about --event-log FILE",
        ));
    }
    Ok(())
}

/// Looks whether a new log can be written, without touching anything.
pub(crate) fn check(path: &Path, options: &LogOptions) -> Result<()> {
    EventLog::check(path, options)?;
    let key_path = key::path_beside(path);
    if key_path.symlink_metadata().is_ok() {
        return Err(Error::new(Kind::Usage, format!("open the event log {path:?}"))
            .cause(format!("the key of an earlier scan lies beside it: {key_path:?}"))
            .remedy("choose another --event-log, or move the old log and its key away"));
    }
    Ok(())
}

/// Creates the log and its key, or goes on with that of an interrupted scan.
pub(crate) fn open(
    path: &Path,
    options: LogOptions,
    interrupted: Option<Interrupted>,
    key: key::Key,
) -> Result<EventLog> {
    let (log, word) = match interrupted {
        Some(interrupted) => {
            let cut_bytes = interrupted.cut_bytes();
            let (tail, kept) = interrupted.cut()?;
            if let Some(kept) = kept {
                say(format_args!(
                    "prtip: the log ended in {cut_bytes} bytes that are no whole record; they are in {kept:?}"
                ));
            }
            EventLog::append_to(path, tail, options)?
        }
        None => {
            let (log, word) = EventLog::create(path, options)?;
            // A device such as /dev/null has no place for a key beside it.
            if path.metadata().is_ok_and(|metadata| metadata.is_file()) {
                key::write(&key::path_beside(path), key)?;
                // Of both: the log is of no use to --resume without its key.
                log.sync_name()?;
            }
            (log, word)
        }
    };
    if let Some(word) = word {
        say(format_args!("prtip: {word}"));
    }
    Ok(log)
}
