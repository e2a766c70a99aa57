//! Databases that a user names, in other projects' formats: read at run time, never
//! kept. Each becomes a [`Source`](crate::format::Source), so that the compiler and the
//! matcher are the same as for our own. What cannot be translated is told line by line.

pub mod expression;
pub mod nmap;
pub mod recog;
pub mod version_info;

use crate::rule::Text;

/// A line that has no use here, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// The line, from 1.
    pub line: usize,
    /// Why.
    pub why: Text,
}
