//! The files of results that the arguments ask for.

use std::path::{Path, PathBuf};

use prtip_engine::error::{Error, Kind, Result};
use prtip_engine::event::files::{self, Field, Format, Place, Wanted};

use prtip_engine::latency::groups::Grouping;

use crate::args::{GroupArg, ResultArgs};

/// The files, in the order in which they are opened.
///
/// What a log does not hold (times, frames, where the scan stood) is not overwritten by a
/// resumed run: it goes into a file of its own, `NAME.2.ENDING` and so on.
pub(crate) fn wanted(args: &ResultArgs, resumed: bool) -> Result<Vec<Wanted>> {
    let mut wanted = Vec::new();
    let mut add = |path: &Path, format| wanted.push(Wanted { format, place: Place::of(path) });
    for (path, format) in [
        (&args.nmap_text, Format::Normal),
        (&args.nmap_xml, Format::Xml),
        (&args.nmap_grep, Format::Grepable),
    ] {
        if let Some(path) = path {
            add(path, format);
        }
    }
    if let Some(base) = &args.nmap_all {
        if base == Path::new("-") {
            return Err(Error::new(Kind::Usage, "write three formats to standard output").remedy(
                "give -oA the beginning of a file name, or one of -oN, -oX and -oG a `-`",
            ));
        }
        for (ending, format) in
            [("nmap", Format::Normal), ("xml", Format::Xml), ("gnmap", Format::Grepable)]
        {
            add(&with_ending(base, ending), format);
        }
    }
    let fields: Vec<Field> = match args.output_fields.as_slice() {
        [] => Field::all().collect(),
        fields => fields.to_vec(),
    };
    if let Some(path) = &args.csv {
        add(path, Format::Csv(fields.clone()));
    }
    if let Some(path) = &args.parquet {
        add(path, Format::Parquet(fields));
    } else if args.csv.is_none() && !args.output_fields.is_empty() {
        return Err(Error::new(
            Kind::Usage,
            "--output-fields chooses the fields of --csv FILE and --parquet FILE",
        ));
    }
    if let Some(path) = &args.ndjson {
        add(path, Format::Ndjson);
    }
    let by = args.latency_by.map(|by| match by {
        GroupArg::Port => Grouping::Port,
        GroupArg::Net24 => Grouping::Network,
    });
    if by.is_some() && args.latency.is_empty() {
        return Err(Error::new(Kind::Usage, "--latency-by says how to group --latency FILE.hlog"));
    }
    let mut add = |path: &Path, format| {
        let place = Place::of(&if resumed { unused(path) } else { path.to_owned() });
        wanted.push(Wanted { format, place });
    };
    let is_log = |path: &Path| path.extension().is_some_and(|ending| ending == "hlog");
    let any_log = args.latency.iter().any(|path| is_log(path));
    for path in &args.latency {
        // Beside a log, which has the groups, a table of percentiles is fine.
        let by = if any_log && !is_log(path) { None } else { by };
        add(path, Format::Latency { by, stages: args.stage_latency });
    }
    if let Some(path) = &args.status_file {
        add(path, Format::Status);
    }
    if let Some(path) = &args.pcap {
        add(path, Format::Capture);
    }
    Ok(wanted)
}

/// Looks whether all can be written, without touching anything.
pub(crate) fn check(wanted: &[Wanted], args: &ResultArgs) -> Result<()> {
    files::check(wanted, args.event_log.as_deref())?;
    if args.json && takes_stdout(wanted) {
        return Err(Error::new(
            Kind::Usage,
            "write --json and a file of results to standard output",
        )
        .remedy("give the file a name, or leave out --json"));
    }
    Ok(())
}

/// Whether one of the files is standard output.
pub(crate) fn takes_stdout(wanted: &[Wanted]) -> bool {
    wanted.iter().any(|file| file.place == Place::Stdout)
}

/// The path, or one like it that is not there yet.
fn unused(path: &Path) -> PathBuf {
    let mut free = path.to_owned();
    let mut number = 2;
    while free.metadata().is_ok_and(|metadata| metadata.is_file()) {
        let mut name = path.file_stem().unwrap_or_default().to_owned();
        name.push(format!(".{number}"));
        if let Some(ending) = path.extension() {
            name.push(".");
            name.push(ending);
        }
        free.set_file_name(name);
        number += 1;
    }
    free
}

fn with_ending(base: &Path, ending: &str) -> PathBuf {
    let mut path = base.as_os_str().to_owned();
    path.push(".");
    path.push(ending);
    path.into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_resumed_run_numbers_what_it_cannot_write_again() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert_eq!(unused(&at("a.hgrm")), at("a.hgrm"));
        for (before, after) in [("a.hgrm", "a.2.hgrm"), ("a.2.hgrm", "a.3.hgrm")] {
            std::fs::write(at(before), "").unwrap();
            assert_eq!(unused(&at("a.hgrm")), at(after));
        }
        std::fs::write(at("status"), "").unwrap();
        assert_eq!(unused(&at("status")), at("status.2"));
        assert_eq!(unused(Path::new("/dev/null")), Path::new("/dev/null"));
        assert_eq!(unused(Path::new("-")), Path::new("-"));
    }
}
