//! `prtip signatures check`.

use std::fs;
use std::path::PathBuf;

use prtip_engine::error::{Error, Kind, Result};
use prtip_signatures::check::{Checked, check};
use prtip_signatures::format::{self, Fault};
use prtip_signatures::{Database, sources};

use crate::exit::Exit;
use crate::say::say;

pub(super) fn run(files: &[PathBuf]) -> Result<Exit> {
    match checked(files)? {
        Ok(checked) => {
            let Checked { probes, services, rules, examples, near_misses, automata_bytes } =
                checked;
            let text = format!(
                "{probes} probes, {services} services, {rules} rules, {examples} examples, \
                 {near_misses} near misses: all as they should be; automata {} KiB\n",
                automata_bytes >> 10
            );
            crate::print(text.as_bytes())
        }
        Err(faults) => {
            for fault in &faults {
                say(fault);
            }
            say(format_args!("{} faults", faults.len()));
            Ok(Exit::Failed)
        }
    }
}

fn checked(files: &[PathBuf]) -> Result<std::result::Result<Checked, Vec<Fault>>> {
    let mut texts = Vec::new();
    for file in files {
        let text = fs::read_to_string(file).map_err(|error| {
            Error::new(Kind::Usage, file.display().to_string()).because_of(error)
        })?;
        texts.push((file.display().to_string(), text));
    }
    let shipped = sources().iter().map(|&(name, text)| (name.to_owned(), text.to_owned()));
    let own = files.is_empty();
    let mut read = Vec::new();
    let mut faults = Vec::new();
    for (name, text) in if own { shipped.collect() } else { texts } {
        match format::read(&name, &text) {
            Ok(source) => read.push(source),
            Err(fault) => faults.push(fault),
        }
    }
    if !faults.is_empty() {
        return Ok(Err(faults));
    }
    if own {
        return Ok(check(&read, Database::shipped()));
    }
    Ok(Database::of(&read).and_then(|database| check(&read, &database)))
}
