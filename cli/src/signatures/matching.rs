//! `prtip signatures match` and `probes`.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufWriter, ErrorKind, Read, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prtip_engine::error::{Error, Kind, Result};
use prtip_signatures::{Match, Resolver};
use serde_json::{Value, json};

use super::{DatabaseArgs, MatchArgs, databases};
use crate::exit::Exit;

/// Longest line that is read; the matcher looks at less.
const LONGEST_LINE: u64 = 1 << 20;

pub(super) fn run(args: &MatchArgs) -> Result<Exit> {
    let resolver = databases::resolver(&args.databases)?;
    let usual = probe(&resolver, &args.probe)?;
    let mut scratch = resolver.scratch();
    let mut input = io::stdin().lock();
    let mut out = BufWriter::new(io::stdout().lock());
    let mut tell = |probe: usize, answer: &[u8]| {
        let matched = resolver.match_answer(&mut scratch, probe, answer);
        writeln!(out, "{}", record(matched.as_ref()))?;
        out.flush()
    };
    if !args.lines {
        let mut answer = Vec::new();
        input.read_to_end(&mut answer).map_err(unread)?;
        return printed(tell(usual, &answer));
    }
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        if input.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(unread)? == 0 {
            break;
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let at = |what: &str| Error::new(Kind::Usage, format!("line {number}: {what}"));
        let (banner, name) = match text.iter().position(|&byte| byte == b'\t') {
            Some(tab) => (&text[..tab], Some(&text[tab + 1..])),
            None => (text, None),
        };
        let answer = STANDARD.decode(banner).map_err(|error| at(&format!("base64: {error}")))?;
        let probe = match name {
            None => usual,
            Some(name) => {
                probe(&resolver, &String::from_utf8_lossy(name)).map_err(|error| at(&error.what))?
            }
        };
        if let ended @ Err(_) = tell(probe, &answer) {
            return printed(ended);
        }
    }
    Ok(Exit::Done)
}

fn probe(resolver: &Resolver, name: &str) -> Result<usize> {
    resolver.probe(name).ok_or_else(|| {
        Error::new(Kind::Usage, format!("no probe {name:?}"))
            .remedy("`prtip signatures probes` lists them")
    })
}

fn unread(error: io::Error) -> Error {
    Error::new(Kind::Failed, "read standard input").because_of(error)
}

/// A closed pipe is a normal end.
fn printed(result: io::Result<()>) -> Result<Exit> {
    match result {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Error::new(Kind::Failed, "write to standard output").because_of(error))
        }
        _ => Ok(Exit::Done),
    }
}

/// What a match says, as JSON; nulls where there is none.
fn record(matched: Option<&Match<'_>>) -> Value {
    let text = |field: fn(&Match<'_>) -> Option<String>| matched.and_then(field);
    json!({
        "service": matched.map(|m| m.service),
        "product": text(|m| m.product.as_ref().map(ToString::to_string)),
        "version": text(|m| m.version.as_ref().map(ToString::to_string)),
        "extra": text(|m| m.extra.as_ref().map(ToString::to_string)),
        "host": text(|m| m.host.as_ref().map(ToString::to_string)),
        "os": text(|m| m.os.as_ref().map(ToString::to_string)),
        "device": text(|m| m.device.as_ref().map(ToString::to_string)),
        "cpe": matched.map(|m| &m.cpe),
        "rule": matched.map(|m| m.rule),
        "soft": matched.map(|m| m.soft),
    })
}

pub(super) fn probes(args: &DatabaseArgs) -> Result<Exit> {
    let mut text = String::new();
    for probe in databases::resolver(args)?.probes() {
        let ports = |ports: &[(u16, u16)]| {
            let range = |&(first, last): &(u16, u16)| match first == last {
                true => first.to_string(),
                false => format!("{first}-{last}"),
            };
            ports.iter().map(range).collect::<Vec<_>>().join(",")
        };
        let _ = writeln!(
            text,
            "{:?} {} rarity {} ports {} tls {} \"{}\"",
            probe.transport,
            probe.name,
            probe.rarity,
            ports(&probe.ports),
            ports(&probe.tls_ports),
            probe.payload.escape_ascii(),
        );
    }
    crate::print(text.as_bytes())
}
