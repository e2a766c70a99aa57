//! The text form of our database (`data/*.sig`): what it looks like is told in
//! `signatures/README.md`. [`read`] makes [`Source`]s of it and knows nothing of
//! automata; faults are told with file and line.

mod lines;
mod reader;
mod template;

use crate::rule::{Field, Piece, Transport};

pub use lines::Fault;
pub use reader::read;

/// What one file holds.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// Its probes.
    pub probes: Vec<ProbeText>,
    /// Its sections of rules.
    pub sections: Vec<Section>,
}

/// A probe as written.
#[derive(Clone, Debug)]
pub struct ProbeText {
    /// Its name.
    pub name: String,
    /// What carries it.
    pub transport: Transport,
    /// What is sent.
    pub payload: Vec<u8>,
    /// Where it suits.
    pub ports: Vec<(u16, u16)>,
    /// Where it suits inside TLS.
    pub tls_ports: Vec<(u16, u16)>,
    /// 1 to 9.
    pub rarity: u8,
    /// Milliseconds.
    pub wait_ms: u32,
    /// Answers may come from another port.
    pub any_port: bool,
    /// Names of the probes whose rules are tried as well.
    pub fallback: Vec<String>,
    /// Where it stands.
    pub place: Place,
}

/// A place in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The file's name.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
}

/// Rules for the answers to the same probes.
#[derive(Clone, Debug)]
pub struct Section {
    /// The first part of its rules' names.
    pub name: String,
    /// The probes whose answers are looked at.
    pub answers: Vec<(Transport, String)>,
    /// Its rules, the more particular first.
    pub rules: Vec<RuleText>,
    /// Where it stands.
    pub place: Place,
}

/// A rule as written.
#[derive(Clone, Debug)]
pub struct RuleText {
    /// Section, slash, name.
    pub id: String,
    /// The service.
    pub service: String,
    /// Narrows only.
    pub soft: bool,
    /// Patterns.
    pub parts: Vec<PartText>,
    /// What is stated.
    pub fields: Vec<(Field, Vec<Piece>)>,
    /// What a server sends.
    pub examples: Vec<Example>,
    /// What looks like it and is not.
    pub near_misses: Vec<Example>,
    /// Where it stands.
    pub place: Place,
}

/// A pattern as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartText {
    /// The expression.
    pub text: String,
    /// It must not match.
    pub negated: bool,
    /// It looks for a header: its matches begin before the first empty line.
    pub header: bool,
}

/// An answer, and what the rule must make of it.
#[derive(Clone, Debug, Default)]
pub struct Example {
    /// The bytes.
    pub answer: Vec<u8>,
    /// Who sent it, or which document says so.
    pub from: String,
    /// Field and expected text; the empty text stands for a field not stated.
    pub is: Vec<(Field, String)>,
    /// Where it stands.
    pub place: Place,
}
