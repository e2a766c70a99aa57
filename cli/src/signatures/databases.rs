//! Our database and the user's, read and put together; what cannot be used is said.

use std::fs;
use std::path::Path;

use prtip_engine::error::{Error, Kind, Result};
use prtip_signatures::users::{Unread, nmap, recog};
use prtip_signatures::{Database, Resolver};

use super::DatabaseArgs;
use crate::say::say;

/// Largest file that is read.
const LARGEST: u64 = 64 << 20;

pub(super) fn resolver(args: &DatabaseArgs) -> Result<Resolver> {
    let users =
        args.service_probes.as_deref().map(|file| service_probes(file, args)).transpose()?;
    let recog = args.recog.as_deref().map(|dir| recog_folder(dir, args)).transpose()?;
    Ok(Resolver::new(users, recog))
}

fn service_probes(file: &Path, args: &DatabaseArgs) -> Result<Database> {
    let name = name(file);
    let read = nmap::read(&name, &content(file)?);
    let (hard, soft) = read.rules;
    let probes = read.source.probes.len();
    if probes == 0 {
        return Err(unusable(file, "it holds no probe in the format of nmap-service-probes"));
    }
    let first = read.source.probes[0].place.line;
    let database = Database::of(&[read.source]).map_err(|faults| {
        unusable(file, &faults.first().map(ToString::to_string).unwrap_or_default())
    })?;
    say(format_args!(
        "{name}: {probes} probes (the first on line {first}), {hard} rules and {soft} soft ones; {} lines of no use{}",
        read.unread.len(),
        hint(&read.unread, args)
    ));
    tell(&name, &read.unread, args);
    Ok(database)
}

fn recog_folder(dir: &Path, args: &DatabaseArgs) -> Result<recog::Recog> {
    let mut files = Vec::new();
    let listed = fs::read_dir(dir).map_err(|error| unreadable(dir, error))?;
    for entry in listed {
        let path = entry.map_err(|error| unreadable(dir, error))?.path();
        if path.extension().is_some_and(|ending| ending == "xml") {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(unusable(dir, "it holds no .xml file"));
    }
    let mut collector = recog::Collector::default();
    let (mut rules, mut of_no_use, mut unread) = (0, 0, Vec::new());
    for file in &files {
        let name = name(file);
        let read = collector.read(&name, &content(file)?);
        tell(&name, &read.unread, args);
        rules += read.rules;
        of_no_use += read.of_no_use;
        unread.extend(read.unread);
    }
    say(format_args!(
        "{}: {rules} fingerprints; {of_no_use} of texts that are not looked at, {} that cannot be used{}",
        dir.display(),
        unread.len(),
        hint(&unread, args)
    ));
    collector.finish().map_err(|faults| {
        unusable(dir, &faults.first().map(ToString::to_string).unwrap_or_default())
    })
}

fn hint(unread: &[Unread], args: &DatabaseArgs) -> &'static str {
    if unread.is_empty() || args.tell_unread { "" } else { " (--tell-unread lists them)" }
}

fn tell(name: &str, unread: &[Unread], args: &DatabaseArgs) {
    if args.tell_unread {
        for Unread { line, why } in unread {
            say(format_args!("{name}:{line}: {}", why.escape_debug()));
        }
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn content(file: &Path) -> Result<Vec<u8>> {
    let length = fs::metadata(file).map_err(|error| unreadable(file, error))?.len();
    if length > LARGEST {
        return Err(unusable(file, "it is larger than 64 MiB"));
    }
    fs::read(file).map_err(|error| unreadable(file, error))
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    Error::new(Kind::Usage, path.display().to_string()).because_of(error)
}

fn unusable(path: &Path, why: &str) -> Error {
    Error::new(Kind::Usage, format!("{}: {why}", path.display()))
}
