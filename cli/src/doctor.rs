//! `prtip doctor`: what each port engine can do here, why not, and the remedy.
//! The facts are the engine's; this only writes them down.

use std::fmt::Write;

use prtip_engine::doctor::examine;
use prtip_engine::error::{Error, Kind, Result};

use crate::args::DoctorArgs;
use crate::exit::Exit;

/// Examines the machine and prints what it found.
pub(crate) fn run(args: &DoctorArgs) -> Result<Exit> {
    let findings = examine(args.interface.as_deref())?;
    let mut text = String::new();
    if args.json {
        text = serde_json::to_string(&findings).map_err(|error| {
            Error::new(Kind::Failed, "write the findings as JSON").because_of(error.into())
        })?;
        text.push('\n');
    } else {
        let _ = writeln!(text, "{findings}");
    }
    crate::print(text.as_bytes())
}
