//! What a database is made of once it has been read: probes, rules, patterns and
//! templates. The same types hold the shipped database, whose tables are statics
//! written by the build, and one that was read at run time; hence the [`Cow`]s.

use std::borrow::Cow;
use std::time::Duration;

/// Text, static in the shipped database.
pub type Text = Cow<'static, str>;
/// Bytes, static in the shipped database.
pub type Bytes = Cow<'static, [u8]>;
/// A list, static in the shipped database.
pub type List<T> = Cow<'static, [T]>;

/// What carries a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// A TCP connection.
    Tcp,
    /// A datagram.
    Udp,
}

/// What is sent to a service to make it speak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Its name; unique within its transport, compared without case.
    pub name: Text,
    /// What carries it.
    pub transport: Transport,
    /// What is sent; nothing for a probe that only listens.
    pub payload: Bytes,
    /// Ports where it is likely to be answered, as inclusive ranges.
    pub ports: List<(u16, u16)>,
    /// Ports where it is likely to be answered inside TLS.
    pub tls_ports: List<(u16, u16)>,
    /// 1 (answered by much of what there is) to 9 (by next to nothing).
    pub rarity: u8,
    /// How long to wait for an answer, in milliseconds.
    pub wait_ms: u32,
    /// An answer may come from another port of the host than the one that was asked.
    pub any_port: bool,
    /// Places of the probes whose rules are tried on its answers as well, in order.
    pub fallback: List<u16>,
    /// The rule sets tried on its answers, its own first, then its fallbacks'.
    pub sets: List<u16>,
    /// How many of them are its own.
    pub own: u16,
}

impl Probe {
    /// How long to wait for an answer.
    #[must_use]
    pub const fn wait(&self) -> Duration {
        Duration::from_millis(self.wait_ms as u64)
    }

    /// Whether it is likely to be answered at `port`, plainly or (`tls`) inside TLS.
    #[must_use]
    pub fn suits(&self, port: u16, tls: bool) -> bool {
        let ports = if tls { &self.tls_ports } else { &self.ports };
        ports.iter().any(|&(first, last)| (first..=last).contains(&port))
    }
}

/// A statement about a service that a rule makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// The program.
    Product,
    /// Its version.
    Version,
    /// What else it tells.
    Extra,
    /// The name that the host gives itself.
    Host,
    /// The operating system.
    Os,
    /// The kind of device.
    Device,
    /// A CPE name, 2.2 URI form; may be stated several times.
    Cpe,
}

impl Field {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Product, Self::Version, Self::Extra, Self::Host, Self::Os, Self::Device, Self::Cpe];

    /// Its word in the database's text, and the name of a group that states it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Product => "product",
            Self::Version => "version",
            Self::Extra => "extra",
            Self::Host => "host",
            Self::Os => "os",
            Self::Device => "device",
            Self::Cpe => "cpe",
        }
    }
}

/// What is done to a captured text before it is put in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// Bytes that are not printable ASCII are left out.
    Printable,
    /// Every occurrence of the first text becomes the second.
    Replace(Text, Text),
    /// The bytes are an unsigned number, most significant byte first.
    BigEndian,
    /// The bytes are an unsigned number, least significant byte first.
    LittleEndian,
    /// Letters become small.
    Lowercase,
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text as it stands.
    Text(Text),
    /// What a group captured: which of the rule's patterns, which group, what is done to it.
    Group(u8, u8, Change),
}

/// A field and how it is put together.
pub type Template = (Field, List<Piece>);

/// One pattern of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its place among the database's patterns.
    pub pattern: u32,
    /// Whether the rule wants it not to match.
    pub negated: bool,
}

/// A rule: when all its parts hold, the service is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name: `http/nginx`, or the line of a user's file.
    pub id: Text,
    /// The service that it recognises.
    pub service: Text,
    /// Whether it only narrows the choice: any hard rule wins over it.
    pub soft: bool,
    /// The rule set that it belongs to.
    pub set: u16,
    /// What must hold.
    pub parts: List<Part>,
    /// What it states.
    pub fields: List<Template>,
}

/// Where the matches of a pattern begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins {
    /// At the beginning of the answer.
    AtStart,
    /// At a known distance before one of its literals.
    AtLiteral,
    /// The same, and before the empty line that ends a header.
    InHeader,
    /// Anywhere: the whole answer is searched.
    Anywhere,
}

/// A pattern, and what is known about it before it is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The expression.
    pub source: Text,
    /// What its matches begin with, where that is known; its automaton is about what follows.
    pub prefix: Bytes,
    /// Where its matches begin.
    pub begins: Begins,
    /// Some rule wants its groups.
    pub captures: bool,
    /// Every match holds one of its literals.
    pub gated: bool,
    /// Its automaton in the database's bytes (offset, length); nothing where it is built when first used.
    pub automaton: (u32, u32),
    /// The rules that need not be looked at unless this pattern's literals occur.
    pub opens: List<u32>,
}
