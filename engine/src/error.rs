//! Errors that tell a story: which call failed, what the system said, the
//! likely cause and the remedy. Built at set-up only; hot paths count instead.

use std::fmt;
use std::io;

/// What kind of failure it is; the command line maps it to its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Sending is impossible: interface down or held, no route (exit code 1).
    Failed,
    /// A bad argument, target or interface name (exit code 2).
    Usage,
    /// Privileges or kernel features are missing (exit code 4).
    Denied,
}

/// A set-up error.
#[derive(Debug)]
pub struct Error {
    /// What kind of failure it is.
    pub kind: Kind,
    /// What was attempted, with its operands: `bind an AF_XDP socket to scan0 queue 1`.
    pub what: String,
    /// What the operating system said, where it said something.
    pub source: Option<io::Error>,
    /// The likely cause, one sentence or empty.
    pub cause: String,
    /// What to do about it, one sentence or empty.
    pub remedy: String,
}

impl Error {
    /// An error of `kind` in doing `what`.
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), source: None, cause: String::new(), remedy: String::new() }
    }

    /// Adds what the operating system said.
    #[must_use]
    pub fn because_of(mut self, source: io::Error) -> Self {
        self.source = Some(source);
        self
    }

    /// Adds the likely cause.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = cause.into();
        self
    }

    /// Adds the remedy.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What failed is named by what was attempted; bad usage is named by itself.
        if self.kind != Kind::Usage {
            f.write_str("cannot ")?;
        }
        f.write_str(&self.what)?;
        if let Some(source) = &self.source {
            write!(f, ": {source}")?;
        }
        if !self.cause.is_empty() {
            write!(f, "; {}", self.cause)?;
        }
        if !self.remedy.is_empty() {
            write!(f, "\n  remedy: {}", self.remedy)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

/// The result of a set-up step.
pub type Result<T> = std::result::Result<T, Error>;
