//! Words for people, on standard error.
//!
//! `eprintln!` panics when nobody reads standard error any more
//! (`prtip ... 2>&1 | head`); a scan must not die of that.

use std::fmt::Display;
use std::io::{Write, stderr};

/// Writes one line, if anybody reads it.
pub(crate) fn say(words: impl Display) {
    let _ = writeln!(stderr(), "{words}");
}
