//! From lines to probes, sections and rules.

use std::collections::BTreeMap;

use regex_syntax::hir::{Hir, HirKind};

use super::lines::{Fault, Line, bytes, lines};
use super::template::template;
use super::{Example, PartText, ProbeText, RuleText, Section, Source};
use crate::compile::expression;
use crate::rule::{Field, Piece, Transport};

/// Reads one file.
///
/// # Errors
/// The first fault, with its line.
pub fn read(file: &str, text: &str) -> Result<Source, Fault> {
    let mut source = Source::default();
    let mut defaults = Defaults::default();
    let mut draft: Option<Draft> = None;
    let mut probe_open = false;
    for line in lines(file, text) {
        match line.word {
            "probe" => {
                finish(&mut source, draft.take())?;
                source.probes.push(probe(&line)?);
                probe_open = true;
            }
            "section" => {
                finish(&mut source, draft.take())?;
                probe_open = false;
                defaults = Defaults::default();
                source.sections.push(Section {
                    name: one_word(&line)?.to_owned(),
                    answers: Vec::new(),
                    rules: Vec::new(),
                    place: line.place.clone(),
                });
            }
            "rule" => {
                finish(&mut source, draft.take())?;
                probe_open = false;
                let section = source
                    .sections
                    .last()
                    .ok_or_else(|| line.place.fault("a rule before any section"))?;
                if section.answers.is_empty() {
                    return Err(section.place.fault("the section does not say: answers PROBE …"));
                }
                let id = format!("{}/{}", section.name, one_word(&line)?);
                draft = Some(Draft::new(id, &defaults, &line));
            }
            _ => match (&mut draft, probe_open, source.sections.last_mut()) {
                (Some(draft), ..) => draft.attribute(&line)?,
                (None, true, _) => {
                    if let Some(probe) = source.probes.last_mut() {
                        probe_attribute(probe, &line)?;
                    }
                }
                (None, false, Some(section)) => section_attribute(section, &mut defaults, &line)?,
                (None, false, None) => return Err(line.place.fault("before any probe or section")),
            },
        }
    }
    finish(&mut source, draft)?;
    Ok(source)
}

fn one_word<'a>(line: &Line<'a>) -> Result<&'a str, Fault> {
    let good = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
    if line.rest.is_empty() || !line.rest.chars().all(good) {
        return Err(line.place.fault(format!("{}: one name of a-z, 0-9, -, _, ., +", line.word)));
    }
    Ok(line.rest)
}

fn number<T: std::str::FromStr>(line: &Line<'_>) -> Result<T, Fault> {
    line.rest.parse().map_err(|_| line.place.fault(format!("{}: a number", line.word)))
}

fn unknown(line: &Line<'_>) -> Fault {
    line.place.fault(format!("{:?} is not known here", line.word))
}

fn probe(line: &Line<'_>) -> Result<ProbeText, Fault> {
    let (name, transport) = match line.rest.split_once(' ') {
        Some((name, "tcp")) => (name, Transport::Tcp),
        Some((name, "udp")) => (name, Transport::Udp),
        _ => return Err(line.place.fault("probe NAME tcp|udp")),
    };
    let fallback = match transport {
        Transport::Tcp if name != "NULL" => vec!["NULL".to_owned()],
        _ => Vec::new(),
    };
    Ok(ProbeText {
        name: name.to_owned(),
        transport,
        payload: Vec::new(),
        ports: Vec::new(),
        tls_ports: Vec::new(),
        rarity: 5,
        wait_ms: 5000,
        any_port: false,
        fallback,
        place: line.place.clone(),
    })
}

fn probe_attribute(probe: &mut ProbeText, line: &Line<'_>) -> Result<(), Fault> {
    let quoted = |text| bytes(text).map_err(|what| line.place.fault(what));
    match line.word {
        "send" => probe.payload.extend(quoted(line.rest)?),
        "\"" | "hex" => probe.payload.extend(quoted(&whole(line))?),
        "ports" => probe.ports.extend(ports(line)?),
        "tls-ports" => probe.tls_ports.extend(ports(line)?),
        "rarity" => probe.rarity = number(line)?,
        "wait-ms" => probe.wait_ms = number(line)?,
        "any-port" if probe.transport == Transport::Udp => probe.any_port = true,
        "fallback" => probe.fallback = line.rest.split_whitespace().map(str::to_owned).collect(),
        _ => return Err(unknown(line)),
    }
    if (1..=9).contains(&probe.rarity) { Ok(()) } else { Err(line.place.fault("rarity: 1 to 9")) }
}

/// A continued text as it stood: `"…"` or `hex …`.
fn whole(line: &Line<'_>) -> String {
    if line.word == "\"" { line.rest.to_owned() } else { format!("hex {}", line.rest) }
}

fn ports(line: &Line<'_>) -> Result<Vec<(u16, u16)>, Fault> {
    let one = |text: &str| {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let range = (first.parse().ok()?, last.parse().ok()?);
        (range.0 <= range.1).then_some(range)
    };
    line.rest
        .split_whitespace()
        .map(|text| one(text).ok_or_else(|| line.place.fault(format!("not ports: {text}"))))
        .collect()
}

/// What a section says for all its rules.
#[derive(Debug, Default)]
struct Defaults {
    service: Option<String>,
    require: Vec<PartText>,
}

fn section_attribute(
    section: &mut Section,
    defaults: &mut Defaults,
    line: &Line<'_>,
) -> Result<(), Fault> {
    match line.word {
        "service" => defaults.service = Some(one_word(line)?.to_owned()),
        "require" => defaults.require.push(part(line)),
        "answers" => {
            for name in line.rest.split_whitespace() {
                section.answers.push(match name.strip_prefix("udp:") {
                    Some(name) => (Transport::Udp, name.to_owned()),
                    None => (Transport::Tcp, name.to_owned()),
                });
            }
        }
        _ => return Err(unknown(line)),
    }
    Ok(())
}

/// A rule that is being read; templates wait for all patterns.
struct Draft {
    rule: RuleText,
    templates: Vec<(Field, String, super::Place)>,
    /// Whether the last example was a near miss.
    near: Option<bool>,
}

impl Draft {
    fn new(id: String, defaults: &Defaults, line: &Line<'_>) -> Self {
        let rule = RuleText {
            id,
            service: defaults.service.clone().unwrap_or_default(),
            soft: false,
            parts: defaults.require.clone(),
            fields: Vec::new(),
            examples: Vec::new(),
            near_misses: Vec::new(),
            place: line.place.clone(),
        };
        Self { rule, templates: Vec::new(), near: None }
    }

    fn example(&mut self, line: &Line<'_>) -> Result<&mut Example, Fault> {
        let list = match self.near {
            Some(false) => &mut self.rule.examples,
            Some(true) => &mut self.rule.near_misses,
            None => return Err(line.place.fault("before any example")),
        };
        list.last_mut().ok_or_else(|| line.place.fault("before any example"))
    }

    fn attribute(&mut self, line: &Line<'_>) -> Result<(), Fault> {
        match line.word {
            "service" => self.rule.service = one_word(line)?.to_owned(),
            "soft" => self.rule.soft = true,
            "match" => self.rule.parts.push(part(line)),
            "unless" => self.rule.parts.push(PartText { negated: true, ..part(line) }),
            "header" => self.rule.parts.push(header(line)?),
            "example" | "near" => {
                let near = line.word == "near";
                self.near = Some(near);
                let answer = if line.rest.is_empty() {
                    Vec::new()
                } else {
                    bytes(line.rest).map_err(|what| line.place.fault(what))?
                };
                let example = Example { answer, place: line.place.clone(), ..Example::default() };
                if near { &mut self.rule.near_misses } else { &mut self.rule.examples }
                    .push(example);
            }
            "\"" | "hex" => {
                let more = bytes(&whole(line)).map_err(|what| line.place.fault(what))?;
                self.example(line)?.answer.extend(more);
            }
            "from" => self.example(line)?.from = line.rest.to_owned(),
            "is" => {
                let (word, text) = line.rest.split_once(' ').unwrap_or((line.rest, ""));
                let field = field(word).ok_or_else(|| unknown(line))?;
                self.example(line)?.is.push((field, text.trim().to_owned()));
            }
            word => {
                let field = field(word).ok_or_else(|| unknown(line))?;
                self.templates.push((field, line.rest.to_owned(), line.place.clone()));
            }
        }
        Ok(())
    }
}

fn field(word: &str) -> Option<Field> {
    Field::ALL.into_iter().find(|field| field.word() == word)
}

fn part(line: &Line<'_>) -> PartText {
    PartText { text: line.rest.to_owned(), ..PartText::default() }
}

/// `header Server: nginx` → the header's name in any case, at the beginning of a line.
fn header(line: &Line<'_>) -> Result<PartText, Fault> {
    let (name, value) = line
        .rest
        .split_once(':')
        .filter(|(name, _)| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
        .ok_or_else(|| line.place.fault("header NAME: PATTERN"))?;
    let text = format!(r"\r\n(?i:{name}): {}", value.trim_start());
    Ok(PartText { text, negated: false, header: true })
}

fn finish(source: &mut Source, draft: Option<Draft>) -> Result<(), Fault> {
    let (Some(mut draft), Some(section)) = (draft, source.sections.last_mut()) else {
        return Ok(());
    };
    let place = draft.rule.place.clone();
    if draft.rule.service.is_empty() {
        return Err(place.fault("neither the rule nor its section names a service"));
    }
    if !draft.rule.parts.iter().any(|part| !part.negated) {
        return Err(place.fault("no pattern"));
    }
    let mut groups = BTreeMap::new();
    for (at, part) in draft.rule.parts.iter().enumerate() {
        let hir = expression(&part.text).map_err(|what| place.fault(what))?;
        for (name, index) in named_groups(&hir) {
            let at = u8::try_from(at).map_err(|_| place.fault("too many patterns"))?;
            let index = u8::try_from(index).map_err(|_| place.fault("too many groups"))?;
            if part.negated || groups.insert(name.clone(), (at, index)).is_some() {
                return Err(place.fault(format!("group {name}: named twice, or under `unless`")));
            }
        }
    }
    for field in Field::ALL {
        let word = field.word();
        if groups.contains_key(word) && !draft.templates.iter().any(|(stated, ..)| *stated == field)
        {
            draft.templates.push((field, format!("${{{word}}}"), place.clone()));
        }
    }
    for (field, text, at) in &draft.templates {
        let text = if *field == Field::Cpe { format!("cpe:/{text}") } else { text.clone() };
        let pieces: Vec<Piece> =
            template(&text, |name| groups.get(name).copied()).map_err(|what| at.fault(what))?;
        draft.rule.fields.push((*field, pieces));
    }
    draft.rule.fields.sort_by_key(|(field, _)| *field);
    section.rules.push(draft.rule);
    Ok(())
}

fn named_groups(hir: &Hir) -> Vec<(String, u32)> {
    match hir.kind() {
        HirKind::Capture(capture) => {
            let own = capture.name.as_ref().map(|name| (name.to_string(), capture.index));
            own.into_iter().chain(named_groups(&capture.sub)).collect()
        }
        HirKind::Repetition(repetition) => named_groups(&repetition.sub),
        HirKind::Concat(subs) | HirKind::Alternation(subs) => {
            subs.iter().flat_map(named_groups).collect()
        }
        _ => Vec::new(),
    }
}
