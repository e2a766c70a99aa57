//! A result on its way into a file that is written as results come.

use super::told::Told;
use crate::event::PortEvent;

/// A result and what is to be said of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    pub event: &'a PortEvent,
    /// When it came, microseconds since 1970.
    pub unix_us: u64,
    /// It corrects an earlier one.
    pub revised: bool,
    /// It came after the last probe had been sent.
    pub cooldown: bool,
    /// Names given for its address.
    pub names: &'a [String],
    /// What its service told.
    pub told: Option<&'a Told>,
}
