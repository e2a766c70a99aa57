//! Ctrl-C and its relatives: the first drains the scan, the second stops it at
//! once, the third ends the process whatever it is doing.

use std::io;
use std::sync::Arc;
use std::thread;

use prtip_engine::error::{Error, Kind, Result};
use prtip_engine::scan::Control;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::exit::Exit;
use crate::say::say;

/// Turns signals into stops of `control` for the rest of the process's life.
/// `draining` is what the first one says.
pub(crate) fn watch(control: &Arc<Control>, draining: &'static str) -> Result<()> {
    let fail = |error: io::Error| Error::new(Kind::Failed, "watch for signals").because_of(error);
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(fail)?;
    let control = Arc::clone(control);
    let watcher = move || {
        // Signals are counted here: a scan that fails stops itself through `control` too.
        for (before, _) in signals.forever().enumerate() {
            control.stop();
            match (before, control.level()) {
                (2.., _) => std::process::exit(Exit::Stopped as i32),
                (_, 0 | 1) => say(format_args!("prtip: {draining}")),
                _ => say("prtip: stopping at once"),
            }
        }
    };
    thread::Builder::new().name("signals".into()).spawn(watcher).map_err(fail)?;
    Ok(())
}
