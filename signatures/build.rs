//! Compiles `data/*.sig` into tables and automata that the library holds as statics.
//! Reader and compiler are the library's own modules.

#![allow(dead_code, reason = "the library uses what the build does not")]
#![allow(unreachable_pub, missing_docs, reason = "modules of the library")]

#[path = "src/compile/mod.rs"]
mod compile;
#[path = "src/format/mod.rs"]
mod format;
#[path = "src/rule.rs"]
mod rule;

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, process};

use compile::{Automata, Owner, Tables, prefilter};
use rule::{Change, Pattern, Piece, Probe, Rule};

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed={}", root.join("data").display());
    println!("cargo::rerun-if-changed={}", root.join("src").display());
    println!("cargo::rerun-if-changed=build.rs");

    let files = files(&root.join("data"))?;
    let mut sources = Vec::new();
    let mut faults = Vec::new();
    for file in &files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        match format::read(&format!("signatures/data/{name}"), &fs::read_to_string(file)?) {
            Ok(source) => sources.push(source),
            Err(fault) => faults.push(fault),
        }
    }
    let tables =
        if faults.is_empty() { compile::compile(&sources, Automata::Now) } else { Err(faults) };
    let tables = tables.unwrap_or_else(|faults| {
        for fault in faults {
            println!("cargo::error={fault}");
        }
        process::exit(1);
    });
    fs::write(out.join("automata.bin"), &tables.automata)?;
    fs::write(out.join("tables.rs"), tables_as_rust(&tables, &out)?)?;
    fs::write(out.join("sources.rs"), sources_as_rust(&files))?;
    Ok(())
}

fn files(dir: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "sig") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn sources_as_rust(files: &[PathBuf]) -> String {
    let mut text = String::from("pub(super) static TEXTS: &[(&str, &str)] = &[\n");
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let _ = writeln!(text, "({name:?}, include_str!({file:?})),");
    }
    text + "];\n"
}

fn tables_as_rust(tables: &Tables, out: &Path) -> Result<String, Box<dyn Error>> {
    let prefilter = prefilter::build(&tables.literals)?;
    fs::write(out.join("prefilter.bin"), &prefilter.table)?;
    let mut owner_offsets = vec![0];
    for owners in &tables.owners {
        owner_offsets.push(owner_offsets.last().unwrap_or(&0) + owners.len());
    }
    let mut text = String::new();
    writeln!(text, "static PROBES: &[Probe] = &{};", list(&tables.probes, probe))?;
    writeln!(text, "static RULES: &[Rule] = &{};", list(&tables.rules, rule))?;
    writeln!(text, "static PATTERNS: &[Pattern] = &{};", list(&tables.patterns, pattern))?;
    writeln!(text, "static UNGATED: &[u32] = &{:?};", tables.ungated)?;
    writeln!(text, "static ORDER: &[u8] = &{:?};", tables.order)?;
    writeln!(text, "const SETS: usize = {};", tables.sets)?;
    writeln!(text, "static OWNER_OFFSETS: &[u32] = &{owner_offsets:?};")?;
    let owner = |owner: &Owner| {
        let Owner { pattern, back, begins } = owner;
        format!("Owner {{ pattern: {pattern}, back: {back:?}, begins: Begins::{begins:?} }}")
    };
    writeln!(text, "static OWNERS: &[Owner] = &{};", list(&tables.owners.concat(), owner))?;
    writeln!(text, "const HEADER_END: usize = {};", compile::header_end(&tables.literals))?;
    writeln!(text, "const CLASSES: usize = {};", prefilter.classes)?;
    writeln!(text, "const FIRST_END: usize = {};", prefilter.first_end)?;
    writeln!(text, "static END_OFFSETS: &[u32] = &{:?};", prefilter.offsets)?;
    writeln!(text, "static ENDS: &[u16] = &{:?};", prefilter.ends)?;
    Ok(text)
}

fn list<T>(items: &[T], one: impl Fn(&T) -> String) -> String {
    format!("[{}]", items.iter().map(one).collect::<Vec<_>>().join(",\n"))
}

fn borrowed(value: impl std::fmt::Debug) -> String {
    format!("Cow::Borrowed(&{value:?})")
}

fn text(value: &str) -> String {
    format!("Cow::Borrowed({value:?})")
}

fn probe(probe: &Probe) -> String {
    format!(
        "Probe {{ name: {}, transport: Transport::{:?}, payload: {}, ports: {}, tls_ports: {}, \
         rarity: {}, wait_ms: {}, any_port: {}, fallback: {}, sets: {}, own: {} }}",
        text(&probe.name),
        probe.transport,
        borrowed(&*probe.payload),
        borrowed(&*probe.ports),
        borrowed(&*probe.tls_ports),
        probe.rarity,
        probe.wait_ms,
        probe.any_port,
        borrowed(&*probe.fallback),
        borrowed(&*probe.sets),
        probe.own,
    )
}

fn pattern(pattern: &Pattern) -> String {
    format!(
        "Pattern {{ source: {}, prefix: {}, begins: Begins::{:?}, captures: {}, gated: {}, \
         automaton: {:?}, opens: {} }}",
        text(&pattern.source),
        borrowed(&*pattern.prefix),
        pattern.begins,
        pattern.captures,
        pattern.gated,
        pattern.automaton,
        borrowed(&*pattern.opens),
    )
}

fn rule(rule: &Rule) -> String {
    let parts = list(&rule.parts, |part| {
        format!("Part {{ pattern: {}, negated: {} }}", part.pattern, part.negated)
    });
    let fields = list(&rule.fields, |(field, pieces)| {
        format!("(Field::{field:?}, Cow::Borrowed(&{}))", list(pieces, piece))
    });
    format!(
        "Rule {{ id: {}, service: {}, soft: {}, set: {}, parts: Cow::Borrowed(&{parts}), \
         fields: Cow::Borrowed(&{fields}) }}",
        text(&rule.id),
        text(&rule.service),
        rule.soft,
        rule.set,
    )
}

fn piece(piece: &Piece) -> String {
    match piece {
        Piece::Text(words) => format!("Piece::Text({})", text(words)),
        Piece::Group(part, group, Change::Replace(from, to)) => {
            format!("Piece::Group({part}, {group}, Change::Replace({}, {}))", text(from), text(to))
        }
        Piece::Group(part, group, change) => {
            format!("Piece::Group({part}, {group}, Change::{change:?})")
        }
    }
}
