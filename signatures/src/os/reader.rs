//! The format of nmap-os-db, as its documentation describes it: a block of points, then
//! systems, apart by blank lines.
//!
//! ```text
//! MatchPoints
//! SEQ(SP=25%GCD=75…)
//! …
//! Fingerprint A system's name
//! Class vendor | family | generation | kind of device
//! CPE cpe:/o:vendor:product
//! SEQ(SP=0-5%GCD=1-6…)
//! …
//! ```
//!
//! A database that is damaged is not used: a system that is missing would be taken for
//! another. All its faults are counted.

use std::collections::HashMap;
use std::ops::Range;

use super::database::{Class, Content, System};
use super::expression::alternatives;
use super::faults::{Faults, quoted};
use super::notation::{LINE_COUNT, LineId, MOST_TESTS, Test};

/// Largest file that is read, in bytes.
pub const LARGEST_FILE: usize = 64 << 20;

/// Longest line that is looked at.
const LONGEST_LINE: usize = 16 << 10;

/// Most systems: their numbers have sixteen bits.
pub const MOST_SYSTEMS: usize = 1 << 16;

/// Reads a file.
pub(super) fn read(bytes: &[u8]) -> Result<Content, Faults> {
    let mut reader = Reader::default();
    if bytes.len() > LARGEST_FILE {
        reader.faults.add(1, format!("the file is larger than {} MiB", LARGEST_FILE >> 20));
        return Err(reader.faults);
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut last = 0;
    for (at, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() || line[0] == b'#' {
            continue;
        }
        last = at + 1;
        if let Err(why) = reader.line(at + 1, line) {
            reader.faults.add(at + 1, why);
        }
        if reader.content.systems.len() > MOST_SYSTEMS {
            reader.faults.add(at + 1, format!("more than {MOST_SYSTEMS} fingerprints"));
            break;
        }
    }
    reader.end(last.max(1));
    if reader.faults.is_empty() { Ok(reader.content) } else { Err(reader.faults) }
}

#[derive(Default)]
struct Reader<'a> {
    content: Content,
    faults: Faults,
    /// What test lines belong to.
    within: Within,
    /// Line of `MatchPoints`.
    points_line: Option<usize>,
    /// Lines of points that were seen.
    pointed: [bool; LINE_COUNT],
    /// Lines that were seen before, and what came of them.
    known: HashMap<&'a str, Result<u32, String>>,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Within {
    #[default]
    Nothing,
    Points,
    System,
}

impl<'a> Reader<'a> {
    fn line(&mut self, number: usize, line: &'a [u8]) -> Result<(), String> {
        if line.len() > LONGEST_LINE {
            return Err(format!("a line of {} bytes", line.len()));
        }
        let text = std::str::from_utf8(line).map_err(|_| format!("{}: not UTF-8", quoted(line)))?;
        if text == "MatchPoints" {
            if let Some(first) = self.points_line {
                return Err(format!("a second MatchPoints, the first is on line {first}"));
            }
            self.points_line = Some(number);
            self.within = Within::Points;
            return Ok(());
        }
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        match word {
            "Fingerprint" => self.fingerprint(number, rest.trim()),
            "Class" => self.class(rest),
            "CPE" => self.cpe(rest),
            _ => self.tests(text),
        }
    }

    fn fingerprint(&mut self, number: usize, name: &str) -> Result<(), String> {
        let before = self.finish_system();
        if self.points_line.is_none() && self.content.systems.is_empty() {
            self.faults.add(number, "a Fingerprint, and no MatchPoints before it");
        }
        self.within = Within::System;
        self.content.systems.push(System {
            name: name.to_owned(),
            line: number as u32,
            classes: Vec::new(),
            lines: [None; LINE_COUNT],
        });
        before?;
        if name.is_empty() { Err("a Fingerprint without a name".to_owned()) } else { Ok(()) }
    }

    /// A system has at least one test line.
    fn finish_system(&mut self) -> Result<(), String> {
        if self.within != Within::System {
            return Ok(());
        }
        match self.content.systems.last() {
            Some(system) if system.lines.iter().all(Option::is_none) => {
                Err(format!("the Fingerprint of line {} ends without a test", system.line))
            }
            _ => Ok(()),
        }
    }

    fn system(&mut self, what: &str) -> Result<&mut System, String> {
        match self.content.systems.last_mut() {
            Some(system) if self.within == Within::System => Ok(system),
            _ => Err(format!("a {what} outside of a Fingerprint")),
        }
    }

    fn class(&mut self, rest: &str) -> Result<(), String> {
        let system = self.system("Class")?;
        let mut fields = rest.split('|').map(str::trim);
        let mut next = || fields.next().map(str::to_owned);
        let (Some(vendor), Some(family), Some(generation), Some(device)) =
            (next(), next(), next(), next())
        else {
            return Err("a Class has four fields: vendor | family | generation | type".to_owned());
        };
        if fields.next().is_some() {
            return Err("a Class has four fields, and here are more".to_owned());
        }
        let generation = (!generation.is_empty()).then_some(generation);
        system.classes.push(Class { vendor, family, generation, device, cpe: Vec::new() });
        Ok(())
    }

    /// `CPE cpe:/… auto`: nmap's own note of how it came about is of no use here.
    fn cpe(&mut self, rest: &str) -> Result<(), String> {
        let class = self.system("CPE")?.classes.last_mut().ok_or("a CPE before any Class")?;
        match rest.split_whitespace().next() {
            Some(name) if name.starts_with("cpe:/") => {
                class.cpe.push(name.to_owned());
                Ok(())
            }
            _ => Err(format!("{}: not a CPE name", quoted(rest.as_bytes()))),
        }
    }

    fn tests(&mut self, text: &'a str) -> Result<(), String> {
        let unknown = || format!("{}: not a line of this format", quoted(text.as_bytes()));
        let (name, rest) = text.split_once('(').ok_or_else(unknown)?;
        let line = LineId::of(name).ok_or_else(unknown)?;
        let content =
            rest.strip_suffix(')').ok_or_else(|| format!("{name}: no closing parenthesis"))?;
        match self.within {
            Within::Nothing => Err(format!("{name}: neither of MatchPoints nor of a Fingerprint")),
            Within::Points => self.points(line, content),
            Within::System => self.expressions(line, content, text),
        }
    }

    fn points(&mut self, line: LineId, content: &str) -> Result<(), String> {
        if std::mem::replace(&mut self.pointed[line.index()], true) {
            return Err(format!("MatchPoints has a second {} line", line.name()));
        }
        for pair in pairs(line, content) {
            let (test, value) = pair?;
            // All points of a fingerprint together must fit into sixteen bits.
            let most = u16::MAX / MOST_TESTS as u16;
            self.content.points[test.index()] =
                value.parse().ok().filter(|points| *points <= most).ok_or_else(|| {
                    format!("{test}: {}: points are 0 to {most}", quoted(value.as_bytes()))
                })?;
        }
        Ok(())
    }

    fn expressions(&mut self, line: LineId, content: &str, text: &'a str) -> Result<(), String> {
        if self.system(line.name())?.lines[line.index()].is_some() {
            return Err(format!("a second {} line", line.name()));
        }
        if !self.known.contains_key(text) {
            let read = self.new_line(line, content);
            self.known.insert(text, read);
        }
        let place = self.known[text].clone()?;
        self.system(line.name())?.lines[line.index()] = Some(place);
        Ok(())
    }

    /// Keeps a line that was not seen before.
    fn new_line(&mut self, line: LineId, content: &str) -> Result<u32, String> {
        let mut tests: Vec<(Test, Range<u32>)> = Vec::new();
        for pair in pairs(line, content) {
            let (test, expression) = pair?;
            if tests.iter().any(|(seen, _)| *seen == test) {
                return Err(format!("{test} stands twice"));
            }
            if let Some(why) = alternatives(expression).find_map(Result::err) {
                return Err(format!("{test}: {}: {why}", quoted(expression.as_bytes())));
            }
            let from = self.content.text.len() as u32;
            self.content.text.push_str(expression);
            tests.push((test, from..self.content.text.len() as u32));
        }
        self.content.lines.push(tests);
        Ok(self.content.lines.len() as u32 - 1)
    }

    fn end(&mut self, last: usize) {
        if let Err(why) = self.finish_system() {
            self.faults.add(last, why);
        }
        if self.content.systems.is_empty() && self.faults.is_empty() {
            self.faults.add(last, "no Fingerprint: not a database of operating systems");
        }
    }
}

/// The tests of a line and what stands behind their `=`.
fn pairs(line: LineId, content: &str) -> impl Iterator<Item = Result<(Test, &str), String>> {
    content.split('%').filter(|pair| !pair.is_empty()).map(move |pair| {
        let named = |why| format!("{}: {}: {why}", line.name(), quoted(pair.as_bytes()));
        let (name, value) = pair.split_once('=').ok_or_else(|| named("no ="))?;
        Ok((line.test(name).ok_or_else(|| named("no such test"))?, value))
    })
}
