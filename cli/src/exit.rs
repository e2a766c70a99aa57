//! Exit codes: 0 done, 1 failed, 2 usage, 3 stopped before the end, 4 privileges
//! or kernel features missing.

use std::process::ExitCode;

use prtip_engine::error::Kind;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done, also with nothing found.
    Done = 0,
    /// Sending was impossible, or results could not be written.
    Failed = 1,
    /// A bad argument.
    Usage = 2,
    /// Stopped before the end; results so far are written.
    Stopped = 3,
    /// Privileges or kernel features are missing.
    Denied = 4,
}

impl From<Kind> for Exit {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Failed => Self::Failed,
            Kind::Usage => Self::Usage,
            Kind::Denied => Self::Denied,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
