//! Recog's XML, read from a folder that the user names. Its expressions are not tried on
//! whole answers but on one text of them, a greeting or a header; each kind of text has a
//! database of its own here, so that the prefilter works for each alone.

use std::borrow::Cow;
use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::Unread;
use super::expression::{Lines, translated};
use crate::compile;
use crate::database::Database;
use crate::format::{PartText, Place, ProbeText, RuleText, Section, Source};
use crate::matching::Scratch;
use crate::outcome::Match;
use crate::rule::{Change, Field, Piece, Text, Transport};

/// A kind of text: its name in Recog's files, the service that sends it, and where an
/// answer has it.
struct Kind {
    matches: &'static str,
    service: &'static str,
    text: fn(&[u8]) -> Option<&[u8]>,
}

const KINDS: [Kind; 13] = [
    Kind { matches: "ssh.banner", service: "ssh", text: |a| Some(line(after_protocol(a)?)) },
    Kind { matches: "ftp.banner", service: "ftp", text: |a| greeting(a, b"220") },
    Kind { matches: "smtp.banner", service: "smtp", text: |a| greeting(a, b"220") },
    Kind { matches: "nntp.banner", service: "nntp", text: |a| greeting(a, b"20") },
    Kind { matches: "pop3.banner", service: "pop3", text: |a| a.strip_prefix(b"+OK ").map(line) },
    Kind { matches: "imap4.banner", service: "imap", text: |a| a.strip_prefix(b"* OK ").map(line) },
    Kind {
        matches: "http_header.server",
        service: "http",
        text: |a| header(a, b"HTTP/", b"server"),
    },
    Kind {
        matches: "http_header.wwwauth",
        service: "http",
        text: |a| header(a, b"HTTP/", b"www-authenticate"),
    },
    Kind {
        matches: "http_header.cookie",
        service: "http",
        text: |a| header(a, b"HTTP/", b"set-cookie"),
    },
    Kind {
        matches: "http_header.x-powered-by",
        service: "http",
        text: |a| header(a, b"HTTP/", b"x-powered-by"),
    },
    Kind { matches: "html_title", service: "http", text: title },
    Kind {
        matches: "rtsp_header.server",
        service: "rtsp",
        text: |a| header(a, b"RTSP/", b"server"),
    },
    Kind { matches: "sip_header.server", service: "sip", text: |a| header(a, b"SIP/", b"server") },
];

fn line(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| b"\r\n".contains(byte)).unwrap_or(text.len());
    &text[..end]
}

fn after_protocol(answer: &[u8]) -> Option<&[u8]> {
    let rest = answer.strip_prefix(b"SSH-")?;
    let hyphen = line(rest).iter().position(|&byte| byte == b'-')?;
    Some(&rest[hyphen + 1..])
}

/// What follows a reply code of three digits.
fn greeting<'a>(answer: &'a [u8], code: &[u8]) -> Option<&'a [u8]> {
    let (digits, rest) = answer.split_at_checked(4)?;
    (digits.starts_with(code) && b" -".contains(&digits[3])).then(|| line(rest))
}

fn header<'a>(answer: &'a [u8], protocol: &[u8], name: &[u8]) -> Option<&'a [u8]> {
    if !answer.starts_with(protocol) {
        return None;
    }
    let lines = answer.split(|&byte| byte == b'\n').skip(1).map(line);
    lines.take_while(|line| !line.is_empty()).find_map(|line| {
        let colon = line.iter().position(|&byte| byte == b':')?;
        line[..colon].eq_ignore_ascii_case(name).then(|| line[colon + 1..].trim_ascii())
    })
}

fn title(answer: &[u8]) -> Option<&[u8]> {
    if !answer.starts_with(b"HTTP/") {
        return None;
    }
    let opens = b"<title";
    let at = answer.windows(opens.len()).position(|text| text.eq_ignore_ascii_case(opens))?;
    let rest = &answer[at..];
    let inner = &rest[rest.iter().position(|&byte| byte == b'>')? + 1..];
    let end = inner.iter().position(|&byte| byte == b'<')?;
    Some(inner[..end].trim_ascii())
}

/// The files of a folder, as far as they are of use.
#[derive(Debug, Default)]
pub struct Recog {
    databases: Vec<(usize, Database)>,
}

/// What was read of one file.
#[derive(Clone, Debug, Default)]
pub struct Read {
    /// Fingerprints of use.
    pub rules: usize,
    /// Fingerprints of texts that no answer here holds.
    pub of_no_use: usize,
    /// Fingerprints that our engine cannot do, and faults.
    pub unread: Vec<Unread>,
}

/// Collects files.
#[derive(Debug, Default)]
pub struct Collector {
    sections: BTreeMap<usize, Vec<RuleText>>,
}

impl Collector {
    /// Reads one file.
    pub fn read(&mut self, file: &str, xml: &[u8]) -> Read {
        let mut read = Read::default();
        let mut reader = Reader::from_reader(xml);
        let mut kind = None;
        let mut fingerprint: Option<Fingerprint> = None;
        let mut newlines = Newlines { bytes: xml, counted: 0, line: 1 };
        loop {
            let event = reader.read_event();
            let line = newlines.line_at(reader.buffer_position() as usize);
            match event {
                Ok(Event::Eof) => return read,
                Ok(Event::Start(tag) | Event::Empty(tag)) => match tag.name().as_ref() {
                    "fingerprints" => {
                        let matches = attribute(&tag, "matches");
                        kind =
                            KINDS.iter().position(|kind| Some(kind.matches) == matches.as_deref());
                    }
                    "fingerprint" => {
                        fingerprint =
                            Some(Fingerprint::new(&tag, Place { file: file.to_owned(), line }));
                    }
                    "param" => {
                        if let Some(fingerprint) = &mut fingerprint {
                            fingerprint.param(&tag);
                        }
                    }
                    _ => {}
                },
                Ok(Event::End(tag)) if tag.name().as_ref() == "fingerprint" => {
                    match (kind, fingerprint.take()) {
                        (Some(kind), Some(fingerprint)) => {
                            let line = fingerprint.place.line;
                            match fingerprint.rule(KINDS[kind].service) {
                                Ok(rule) => {
                                    read.rules += 1;
                                    self.sections.entry(kind).or_default().push(rule);
                                }
                                Err(why) => read.unread.push(Unread { line, why }),
                            }
                        }
                        _ => read.of_no_use += 1,
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    read.unread.push(Unread { line, why: error.to_string().into() });
                    return read;
                }
            }
        }
    }

    /// What was collected, ready for use.
    ///
    /// # Errors
    /// Faults that reading has not found.
    pub fn finish(self) -> Result<Recog, Vec<crate::format::Fault>> {
        let database = |(kind, rules): (usize, Vec<RuleText>)| {
            let name = KINDS[kind].matches.to_owned();
            let probe = ProbeText {
                name: name.clone(),
                transport: Transport::Tcp,
                payload: Vec::new(),
                ports: Vec::new(),
                tls_ports: Vec::new(),
                rarity: 1,
                wait_ms: 0,
                any_port: false,
                fallback: Vec::new(),
                place: Place::default(),
            };
            let answers = vec![(Transport::Tcp, name.clone())];
            let section = Section { name, answers, rules, place: Place::default() };
            let source = Source { probes: vec![probe], sections: vec![section] };
            Ok::<_, Vec<crate::format::Fault>>((kind, Database::of(&[source])?))
        };
        Ok(Recog {
            databases: self.sections.into_iter().map(database).collect::<Result<_, Vec<_>>>()?,
        })
    }
}

impl Recog {
    /// What a thread needs for [`match_answer`](Self::match_answer).
    #[must_use]
    pub fn scratch(&self) -> Vec<Scratch> {
        self.databases.iter().map(|(_, database)| database.scratch()).collect()
    }

    /// The most telling match of any text of an answer. `service` is what is known about
    /// it already: greetings of FTP and SMTP look alike.
    ///
    /// # Panics
    /// Where `scratch` belongs to another one.
    pub fn match_answer(
        &self,
        scratch: &mut [Scratch],
        service: Option<&str>,
        answer: &[u8],
    ) -> Option<Match<'_>> {
        let mut best: Option<Match<'_>> = None;
        for ((kind, database), scratch) in self.databases.iter().zip(scratch) {
            let Kind { service: of, text, .. } = &KINDS[*kind];
            if service.is_some_and(|service| service != *of) {
                continue;
            }
            let matched = text(answer).and_then(|text| database.match_answer(scratch, 0, text));
            if let Some(matched) = matched
                && best.as_ref().is_none_or(|best| matched.tells() > best.tells())
            {
                best = Some(matched);
            }
        }
        best
    }
}

/// Lines, counted as the reader goes on.
struct Newlines<'a> {
    bytes: &'a [u8],
    counted: usize,
    line: usize,
}

impl Newlines<'_> {
    fn line_at(&mut self, place: usize) -> usize {
        let place = place.clamp(self.counted, self.bytes.len());
        self.line += self.bytes[self.counted..place].iter().filter(|&&byte| byte == b'\n').count();
        self.counted = place;
        self.line
    }
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = tag.attributes().flatten().find(|attribute| attribute.key.as_ref() == name)?;
    let value = &*attribute.value;
    Some(quick_xml::escape::unescape(value).map_or_else(|_| value.to_owned(), Cow::into_owned))
}

struct Fingerprint {
    pattern: String,
    flags: String,
    /// Name, place (0 for a fixed text), text.
    params: Vec<(String, u8, String)>,
    place: Place,
}

impl Fingerprint {
    fn new(tag: &BytesStart<'_>, place: Place) -> Self {
        let text = |name| attribute(tag, name).unwrap_or_default();
        Self { pattern: text("pattern"), flags: text("flags"), params: Vec::new(), place }
    }

    fn param(&mut self, tag: &BytesStart<'_>) {
        let text = |name| attribute(tag, name).unwrap_or_default();
        let place = text("pos").parse().unwrap_or(0);
        self.params.push((text("name"), place, text("value")));
    }

    fn rule(self, service: &str) -> Result<RuleText, Text> {
        // What Ruby calls multi-line lets a dot match line feeds.
        let dot_all =
            self.flags.contains("REG_MULTILINE") || self.flags.contains("REG_DOT_NEWLINE");
        let flags = [("i", self.flags.contains("REG_ICASE")), ("s", dot_all)];
        let flags: String = flags.iter().filter(|(_, set)| *set).map(|(flag, _)| *flag).collect();
        let body = translated(self.pattern.as_bytes(), Lines::Yes)?;
        let expression = if flags.is_empty() { body } else { format!("(?{flags}){body}") };
        let hir = compile::expression(&expression)?;
        compile::automaton::affordable(&hir)?;
        let groups = hir.properties().explicit_captures_len();
        let mut fields = Vec::new();
        for (name, field) in [
            ("service.product", Field::Product),
            ("service.version", Field::Version),
            ("host.name", Field::Host),
            ("os.product", Field::Os),
            ("hw.device", Field::Device),
            ("service.cpe23", Field::Cpe),
            ("os.cpe23", Field::Cpe),
            ("hw.cpe23", Field::Cpe),
        ] {
            if let Some(pieces) = self.pieces(name, 0)? {
                let beyond = |piece: &Piece| matches!(piece, Piece::Group(_, at, _) if usize::from(*at) > groups);
                if pieces.iter().any(beyond) {
                    return Err(Cow::Borrowed("names a group that the pattern does not have"));
                }
                fields.push((field, pieces));
            }
        }
        fields.sort_by_key(|(field, _)| *field);
        Ok(RuleText {
            id: format!("{}:{}", self.place.file, self.place.line),
            service: service.to_owned(),
            soft: false,
            parts: vec![PartText { text: expression, ..PartText::default() }],
            fields,
            examples: Vec::new(),
            near_misses: Vec::new(),
            place: self.place,
        })
    }

    /// A parameter's template; `{other}` in it is another parameter.
    fn pieces(&self, name: &str, depth: usize) -> Result<Option<Vec<Piece>>, Text> {
        let Some((_, place, value)) = self.params.iter().find(|(known, ..)| known == name) else {
            return Ok(None);
        };
        if *place > 0 {
            return Ok(Some(vec![Piece::Group(0, *place, Change::None)]));
        }
        if depth > 4 {
            return Err(Cow::Borrowed("parameters that name each other"));
        }
        let mut pieces = Vec::new();
        let mut rest = value.as_str();
        while let Some((before, (inner, after))) =
            rest.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
        {
            if !before.is_empty() {
                pieces.push(Piece::Text(Cow::Owned(before.to_owned())));
            }
            match self.pieces(inner, depth + 1)? {
                Some(inner) => pieces.extend(inner),
                // Nothing follows that is known; a CPE name ends here.
                None => return Ok(Some(pieces)),
            }
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(Cow::Owned(rest.to_owned())));
        }
        Ok(Some(pieces))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written for this test.
    const XML: &[u8] = br#"<?xml version="1.0"?>
<fingerprints matches="http_header.server" protocol="http">
  <fingerprint pattern="^hello/(\d+)\.(\d+)$" flags="REG_ICASE">
    <description>x</description>
    <example service.version="1">hello/1.2</example>
    <param pos="0" name="service.product" value="Hello &amp; co"/>
    <param pos="1" name="service.version"/>
    <param pos="0" name="service.cpe23" value="cpe:/a:hello:hello:{service.version}"/>
  </fingerprint>
  <fingerprint pattern="^a(?=b)"><param pos="0" name="service.product" value="never"/></fingerprint>
  <fingerprint pattern="^a$"><param pos="3" name="service.product"/></fingerprint>
</fingerprints>
"#;

    #[test]
    fn headers_are_matched_and_what_cannot_be_is_told() {
        let mut collector = Collector::default();
        let read = collector.read("x.xml", XML);
        assert_eq!((read.rules, read.of_no_use), (1, 0));
        let lines: Vec<usize> = read.unread.iter().map(|unread| unread.line).collect();
        assert_eq!(lines, [10, 11], "{:?}", read.unread);
        let other = collector.read("y.xml", XML);
        assert_eq!(other.rules, 1);
        let unknown = String::from_utf8_lossy(XML).replace("http_header.server", "else");
        assert_eq!(collector.read("z.xml", unknown.as_bytes()).of_no_use, 3);
        assert!(!collector.read("w.xml", b"<a></b>").unread.is_empty());

        let recog = collector.finish().expect("databases");
        let mut scratch = recog.scratch();
        let answer = b"HTTP/1.1 200 OK\r\nDate: x\r\nSERVER:  Hello/1.2\r\n\r\nServer: no";
        let matched = recog.match_answer(&mut scratch, None, answer).expect("a match");
        assert_eq!((matched.rule, matched.product.as_deref()), ("x.xml:3", Some("Hello & co")));
        assert_eq!(matched.cpe, ["cpe:/a:hello:hello:1"]);
        assert!(recog.match_answer(&mut scratch, Some("ftp"), answer).is_none());
        assert!(
            recog
                .match_answer(&mut scratch, None, b"HTTP/1.1 200 OK\r\n\r\nServer: hello/1.2")
                .is_none()
        );
    }

    #[test]
    fn texts_are_found_where_answers_hold_them() {
        for (kind, answer, text) in [
            (0, &b"SSH-2.0-mpSSH_0.1\r\n"[..], Some(&b"mpSSH_0.1"[..])),
            (0, b"SSH-2.0\r\n-", None),
            (1, b"220-words here\r\n220 end\r\n", Some(b"words here")),
            (1, b"22", None),
            (3, b"201 ready\r\n", Some(b"ready")),
            (4, b"+OK ready\r\n", Some(b"ready")),
            (10, b"HTTP/1.0 200 OK\r\n\r\n<html><TITLE lang=x> a b </title>", Some(b"a b")),
            (10, b"HTTP/1.0 200 OK\r\n\r\n<title", None),
            (11, b"RTSP/1.0 200 OK\r\nServer: x\r\n", Some(b"x")),
        ] {
            assert_eq!((KINDS[kind].text)(answer), text, "{kind}");
        }
    }
}
