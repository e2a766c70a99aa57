//! `prtip report`: a page of event logs.

use std::io::{IsTerminal, stdout};

use prtip_engine::error::{Error, Kind, Result};
use prtip_engine::event::clock::{Clock, monotonic_ns};
use prtip_engine::event::files::Place;
use prtip_engine::report;

use crate::args::ReportArgs;
use crate::exit::Exit;
use crate::say::say;

/// Writes the page; what of the logs could not be read is said.
pub(crate) fn run(args: &ReportArgs) -> Result<Exit> {
    let to = Place::of(&args.output);
    if to == Place::Stdout && stdout().is_terminal() {
        return Err(Error::new(Kind::Usage, "write an HTML page to a terminal")
            .remedy("name a file: prtip report LOG -o report.html"));
    }
    let now_us = Clock::start().unix_us(monotonic_ns());
    for remark in report::write(&args.logs, &to, &mut stdout().lock(), now_us)? {
        say(format_args!("prtip: {remark}"));
    }
    Ok(Exit::Done)
}
