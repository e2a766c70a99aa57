//! What a match says, and how captures become text.

use std::borrow::Cow;
use std::fmt::Write as _;

use regex_automata::util::primitives::NonMaxUsize;

use crate::rule::{Change, Field, Piece, Rule};

/// What an answer told about a service. Text that came from the other side is as it was
/// sent, but for bytes that are no UTF-8: whoever prints it escapes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match<'a> {
    /// The service.
    pub service: &'a str,
    /// The program.
    pub product: Option<Cow<'a, str>>,
    /// Its version.
    pub version: Option<Cow<'a, str>>,
    /// What else it tells.
    pub extra: Option<Cow<'a, str>>,
    /// The name that the host gives itself.
    pub host: Option<Cow<'a, str>>,
    /// The operating system.
    pub os: Option<Cow<'a, str>>,
    /// The kind of device.
    pub device: Option<Cow<'a, str>>,
    /// CPE names, 2.2 URI form.
    pub cpe: Vec<Cow<'a, str>>,
    /// The rule that won.
    pub rule: &'a str,
    /// The rule only narrows the choice; another probe may tell more.
    pub soft: bool,
}

/// Most bytes of one capture that are used.
const LONGEST: usize = 256;

/// What groups captured: part, group, bytes.
#[derive(Debug, Default)]
pub(crate) struct Captured<'a> {
    groups: Vec<(u8, u8, &'a [u8])>,
}

impl<'a> Captured<'a> {
    pub(crate) fn take(&mut self, part: usize, answer: &'a [u8], slots: &[Option<NonMaxUsize>]) {
        for (group, pair) in slots.chunks_exact(2).enumerate() {
            if let [Some(from), Some(to)] = pair {
                let bytes = &answer[from.get()..to.get()];
                self.groups.push((part as u8, group as u8, &bytes[..bytes.len().min(LONGEST)]));
            }
        }
    }

    fn of(&self, part: u8, group: u8) -> Option<&'a [u8]> {
        let found = self.groups.iter().find(|&&(p, g, _)| (p, g) == (part, group));
        found.map(|&(.., bytes)| bytes).filter(|bytes| !bytes.is_empty())
    }
}

impl<'a> Match<'a> {
    pub(crate) fn of(rule: &'a Rule, captured: &Captured<'_>) -> Self {
        let mut matched = Self {
            service: &rule.service,
            product: None,
            version: None,
            extra: None,
            host: None,
            os: None,
            device: None,
            cpe: Vec::new(),
            rule: &rule.id,
            soft: rule.soft,
        };
        for (field, pieces) in rule.fields.iter() {
            let text = match field {
                Field::Cpe => {
                    matched.cpe.extend(cpe(pieces, captured));
                    continue;
                }
                _ => filled(pieces, captured),
            };
            match field {
                Field::Product => matched.product = text,
                Field::Version => matched.version = text,
                Field::Extra => matched.extra = text,
                Field::Host => matched.host = text,
                Field::Os => matched.os = text,
                Field::Device | Field::Cpe => matched.device = text,
            }
        }
        matched
    }

    /// How much it tells; more is greater.
    #[must_use]
    pub fn tells(&self) -> impl Ord + use<> {
        (!self.soft, self.product.is_some(), self.version.is_some())
    }

    /// One field's text; of several CPE names the first.
    #[must_use]
    pub fn field(&self, field: Field) -> Option<&str> {
        match field {
            Field::Product => self.product.as_deref(),
            Field::Version => self.version.as_deref(),
            Field::Extra => self.extra.as_deref(),
            Field::Host => self.host.as_deref(),
            Field::Os => self.os.as_deref(),
            Field::Device => self.device.as_deref(),
            Field::Cpe => self.cpe.first().map(|cpe| &**cpe),
        }
    }
}

/// The text of a template; groups that captured nothing leave nothing.
fn filled<'a>(pieces: &'a [Piece], captured: &Captured<'_>) -> Option<Cow<'a, str>> {
    if let [Piece::Text(text)] = pieces {
        return Some(Cow::Borrowed(text));
    }
    let mut text = String::with_capacity(32);
    for piece in pieces {
        match piece {
            Piece::Text(words) => text.push_str(words),
            Piece::Group(part, group, change) => {
                if let Some(bytes) = captured.of(*part, *group) {
                    put(&mut text, bytes, change);
                }
            }
        }
    }
    if text.trim().len() != text.len() {
        text = text.trim().to_owned();
    }
    (!text.is_empty()).then_some(Cow::Owned(text))
}

/// A CPE name, cut off before the first component that is not known.
fn cpe<'a>(pieces: &'a [Piece], captured: &Captured<'_>) -> Option<Cow<'a, str>> {
    if let [Piece::Text(text)] = pieces {
        return Some(Cow::Borrowed(text));
    }
    let mut name = String::with_capacity(48);
    let mut value = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(words) => name.push_str(words),
            Piece::Group(part, group, change) => {
                let Some(bytes) = captured.of(*part, *group) else { break };
                value.clear();
                put(&mut value, bytes, change);
                encode(&mut name, &value);
            }
        }
    }
    let end = name.trim_end_matches(':').len();
    name.truncate(end);
    Some(Cow::Owned(name))
}

/// A component as the 2.2 URI form wants it: small letters, all but a few signs as %NN.
fn encode(name: &mut String, value: &str) {
    for byte in value.bytes() {
        match byte.to_ascii_lowercase() {
            b' ' => name.push('_'),
            plain @ (b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b'~') => {
                name.push(char::from(plain));
            }
            other => {
                let _ = write!(name, "%{other:02x}");
            }
        }
    }
}

fn put(text: &mut String, bytes: &[u8], change: &Change) {
    match change {
        Change::None => text.push_str(&String::from_utf8_lossy(bytes)),
        Change::Printable => {
            text.extend(bytes.iter().filter(|b| (0x20..0x7f).contains(*b)).map(|&b| char::from(b)));
        }
        Change::Lowercase => text.push_str(&String::from_utf8_lossy(bytes).to_lowercase()),
        Change::Replace(from, to) => {
            text.push_str(&String::from_utf8_lossy(bytes).replace(&**from, to));
        }
        Change::BigEndian => put_number(text, bytes.iter()),
        Change::LittleEndian => put_number(text, bytes.iter().rev()),
    }
}

/// Numbers of more than eight bytes are none.
fn put_number<'a>(text: &mut String, bytes: impl ExactSizeIterator<Item = &'a u8>) {
    if bytes.len() <= 8 {
        let number = bytes.fold(0_u64, |number, &byte| number << 8 | u64::from(byte));
        let _ = write!(text, "{number}");
    }
}
