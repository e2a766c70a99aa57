//! The format of nmap-service-probes, as its documentation describes it: read where the
//! user names such a file. Lines that cannot be used are told.

use std::borrow::Cow;

use crate::compile;
use crate::format::{PartText, Place, ProbeText, RuleText, Section, Source};
use crate::rule::{Piece, Text, Transport};

use super::expression::{Lines, translated};
use super::{Unread, version_info};

/// What a file holds.
#[derive(Clone, Debug, Default)]
pub struct Read {
    /// Probes and rules.
    pub source: Source,
    /// Ports that the file wants left alone, as it writes them.
    pub excluded_ports: Vec<String>,
    /// Lines that are of no use.
    pub unread: Vec<Unread>,
    /// Rules read, hard and soft.
    pub rules: (usize, usize),
}

/// Reads a file's bytes; `file` is its name in the rules' names.
#[must_use]
pub fn read(file: &str, bytes: &[u8]) -> Read {
    let mut read = Read::default();
    for (at, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.iter().all(u8::is_ascii_whitespace) || line.starts_with(b"#") {
            continue;
        }
        let place = Place { file: file.to_owned(), line: at + 1 };
        if let Err(why) = directive(&mut read, line, place) {
            read.unread.push(Unread { line: at + 1, why });
        }
    }
    add_null(&mut read.source);
    read
}

/// Every TCP probe falls back to NULL, if there is one.
fn add_null(source: &mut Source) {
    let names: Vec<(Transport, String)> =
        source.probes.iter().map(|probe| (probe.transport, probe.name.clone())).collect();
    let has_null = names.iter().any(|(t, name)| *t == Transport::Tcp && name == "NULL");
    for probe in &mut source.probes {
        if has_null && probe.transport == Transport::Tcp && probe.name != "NULL" {
            probe.fallback.push("NULL".to_owned());
        }
        let transport = probe.transport;
        probe
            .fallback
            .retain(|name| names.iter().any(|(t, known)| *t == transport && known == name));
    }
}

fn directive(read: &mut Read, line: &[u8], place: Place) -> Result<(), Text> {
    let end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
    let (word, rest) = (&line[..end], line[end..].trim_ascii());
    if word == b"match" || word == b"softmatch" {
        return rule(read, rest, word == b"softmatch", place);
    }
    let text = || std::str::from_utf8(rest).map_err(|_| Cow::Borrowed("not UTF-8"));
    if word == b"Exclude" {
        read.excluded_ports.push(text()?.to_owned());
        return Ok(());
    }
    if word == b"Probe" {
        let probe = probe(rest, place.clone())?;
        read.source.sections.push(Section {
            name: probe.name.clone(),
            answers: vec![(probe.transport, probe.name.clone())],
            rules: Vec::new(),
            place,
        });
        read.source.probes.push(probe);
        return Ok(());
    }
    let probe = read.source.probes.last_mut().ok_or("before any Probe")?;
    let number = || text()?.parse::<u32>().map_err(|_| Cow::Borrowed("not a number"));
    match word {
        b"ports" => probe.ports = ports(text()?)?,
        b"sslports" => probe.tls_ports = ports(text()?)?,
        b"totalwaitms" => probe.wait_ms = number()?,
        // When a connection was closed at once; the prober has bounds of its own.
        b"tcpwrappedms" => {
            number()?;
        }
        b"rarity" => probe.rarity = number()?.clamp(1, 9) as u8,
        b"fallback" => probe.fallback = text()?.split(',').map(|s| s.trim().to_owned()).collect(),
        _ => return Err(format!("unknown: {}", word.escape_ascii()).into()),
    }
    Ok(())
}

fn ports(text: &str) -> Result<Vec<(u16, u16)>, Text> {
    let one = |text: &str| {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
    };
    text.split(',')
        .map(|text| one(text).ok_or_else(|| format!("not ports: {text}").into()))
        .collect()
}

/// `TCP NAME q|…|`.
fn probe(rest: &[u8], place: Place) -> Result<ProbeText, Text> {
    let mut words = rest.splitn(3, u8::is_ascii_whitespace);
    let transport = match words.next() {
        Some(b"TCP") => Transport::Tcp,
        Some(b"UDP") => Transport::Udp,
        _ => return Err(Cow::Borrowed("neither TCP nor UDP")),
    };
    let name = words.next().and_then(|name| std::str::from_utf8(name).ok()).ok_or("no name")?;
    let quoted = words.next().unwrap_or_default().trim_ascii();
    let (payload, _) = quoted.strip_prefix(b"q").and_then(delimited).ok_or("no q|…|")?;
    Ok(ProbeText {
        name: name.to_owned(),
        transport,
        payload: unescaped(payload)?,
        ports: Vec::new(),
        tls_ports: Vec::new(),
        rarity: 5,
        wait_ms: 5000,
        any_port: false,
        fallback: Vec::new(),
        place,
    })
}

/// What stands between the first byte and its next occurrence, and what follows.
fn delimited(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (delimiter, rest) = text.split_first()?;
    let end = rest.iter().position(|byte| byte == delimiter)?;
    Some((&rest[..end], &rest[end + 1..]))
}

/// C's escapes.
fn unescaped(text: &[u8]) -> Result<Vec<u8>, Text> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        out.push(match bytes.next().ok_or("a backslash at the end")? {
            b'0' => 0,
            b'a' => 7,
            b'b' => 8,
            b't' => b'\t',
            b'n' => b'\n',
            b'v' => 11,
            b'f' => 12,
            b'r' => b'\r',
            b'e' => 27,
            b'x' => {
                let mut digit = || bytes.next().and_then(|b| char::from(b).to_digit(16));
                let (high, low) = digit().zip(digit()).ok_or("not \\xHH")?;
                (high << 4 | low) as u8
            }
            other => other,
        });
    }
    Ok(out)
}

/// `SERVICE m|…|is p/…/ …`.
fn rule(read: &mut Read, rest: &[u8], soft: bool, place: Place) -> Result<(), Text> {
    let section = read.source.sections.last_mut().ok_or("before any Probe")?;
    let end = rest.iter().position(u8::is_ascii_whitespace).ok_or("no pattern")?;
    let service = std::str::from_utf8(&rest[..end]).map_err(|_| "not UTF-8")?;
    let pattern = rest[end..].trim_ascii().strip_prefix(b"m").ok_or("no m|…|")?;
    let (pattern, after) = delimited(pattern).ok_or("no m|…|")?;
    let end = after.iter().position(|byte| !b"is".contains(byte)).unwrap_or(after.len());
    let (flags, after) = after.split_at(end);
    if !(after.is_empty() || after[0].is_ascii_whitespace()) {
        return Err(Cow::Borrowed("an unknown flag"));
    }
    let mut expression = String::new();
    for (flag, words) in [(b'i', "(?i)"), (b's', "(?s)")] {
        if flags.contains(&flag) {
            expression.push_str(words);
        }
    }
    expression.push_str(&translated(pattern, Lines::No)?);
    let hir = compile::expression(&expression)?;
    compile::automaton::affordable(&hir)?;
    let groups = hir.properties().explicit_captures_len();
    let fields = version_info::read(&String::from_utf8_lossy(after))?;
    let beyond =
        |piece: &Piece| matches!(piece, Piece::Group(_, at, _) if usize::from(*at) > groups);
    if fields.iter().flat_map(|(_, pieces)| pieces).any(beyond) {
        return Err(Cow::Borrowed("names a group that the pattern does not have"));
    }
    if soft {
        read.rules.1 += 1;
    } else {
        read.rules.0 += 1;
    }
    section.rules.push(RuleText {
        id: format!("{}:{}", place.file, place.line),
        service: service.to_owned(),
        soft,
        parts: vec![PartText { text: expression, ..PartText::default() }],
        fields,
        examples: Vec::new(),
        near_misses: Vec::new(),
        place,
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Database;

    /// Written for this test.
    const FILE: &[u8] = br#"# words
Exclude T:9100-9102
Probe TCP NULL q||
totalwaitms 6000
match first m|^hello (\w+)_(\w+)\r\n| p/Hello $1/ v/$SUBST(2,"_",".")/ cpe:/a:first:hello:$2/
softmatch first m=^hello=i
match second m%(a)\1% p/never/
match third m/^x{y}$/s
match fourth m|^q| p/$2/

Probe TCP Ask q|\x01\0ask\r\n| no-payload
ports 1,5-7
sslports 8
rarity 3
fallback Other
match asked m|^\0\xff\<(.)| i/$I(1,">")/
Probe UDP Ask q/x/
wrong line
"#;

    #[test]
    fn a_file_becomes_a_database_and_useless_lines_are_told() {
        let read = read("f", FILE);
        let unread: Vec<_> = read.unread.iter().map(|unread| unread.line).collect();
        assert_eq!(unread, [7, 9, 18], "{:?}", read.unread);
        assert_eq!(read.unread[0].why, "a back-reference");
        assert_eq!((read.rules, read.excluded_ports), ((3, 1), vec!["T:9100-9102".to_owned()]));
        let database = Database::of(&[read.source]).expect("a database");
        let names: Vec<_> = database.probes().iter().map(|probe| &*probe.name).collect();
        assert_eq!(names, ["NULL", "Ask", "Ask"]);
        let ask = &database.probes()[1];
        assert_eq!(
            (&*ask.payload, ask.rarity, &*ask.fallback),
            (&b"\x01\0ask\r\n"[..], 3, &[0][..])
        );
        assert!(ask.suits(6, false) && ask.suits(8, true) && !ask.suits(8, false));

        let mut scratch = database.scratch();
        let mut told = |probe, answer: &[u8]| {
            let matched = database.match_answer(&mut scratch, probe, answer)?;
            let field = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
            Some((
                matched.rule.to_owned(),
                field(matched.product),
                field(matched.version),
                field(matched.extra),
            ))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            told(0, b"hello ab_1_2\r\n"),
            Some(("f:5".to_owned(), some("Hello ab_1"), some("2"), None))
        );
        assert_eq!(told(0, b"HELLO there"), Some(("f:6".to_owned(), None, None, None)));
        assert_eq!(told(0, b"x{y}\n").map(|told| told.0), some("f:8"));
        // A greeting that came late, and the probe's own answer.
        assert_eq!(told(1, b"x{y}").map(|told| told.0), some("f:8"));
        assert_eq!(told(1, b"\0\xff<A"), Some(("f:16".to_owned(), None, None, some("65"))));
        assert_eq!(told(2, b"\0\xff<A"), None);
    }
}
