//! Operating systems, by how hosts answer sixteen probes.
//!
//! * [`probe`]: the probes, as pure functions that write packets. [`reply`]: answers, read.
//! * [`observe`]: from answers to a fingerprint ([`observe_v6`] by IPv6); [`sequence`]: its
//!   tests of several answers.
//! * [`host`]: one host being asked: what is sent when, without sockets or clock.
//! * [`asking`]: many hosts at once, over the raw port, within the rate.
//!
//! Not here: which systems answer so; that is `prtip_signatures::os`.

mod asking;
mod host;
mod observe;
mod observe_v6;
pub mod probe;
pub mod reply;
mod sequence;

pub(crate) use asking::way;
pub use asking::{Asked, Options, Target, ask};
pub use host::{Host, Next};
pub use observe::Answers;
