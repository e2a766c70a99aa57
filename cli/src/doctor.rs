//! `prtip doctor`: what each port engine can do here, why not, and the remedy.
//! The facts are the engine's; this only writes them down.

use prtip_engine::doctor::examine;
use prtip_engine::error::{Error, Kind, Result};

use crate::args::DoctorArgs;
use crate::exit::Exit;

/// Examines the machine and prints what it found, also where the interface
/// asked for does not exist: the rest is still true.
pub(crate) fn run(args: &DoctorArgs) -> Result<Exit> {
    let findings = examine(args.interface.as_deref());
    let text = if args.json {
        serde_json::to_string(&findings).map_err(|error| {
            Error::new(Kind::Failed, "write the findings as JSON").because_of(error.into())
        })?
    } else {
        findings.to_string()
    };
    let exit = crate::print(format!("{}\n", text.trim_end()).as_bytes())?;
    findings.problem.map_or(Ok(exit), Err)
}
