//! Operating systems, by how hosts answer sixteen probes (IPv4).
//!
//! * [`probe`]: the probes, as pure functions that write packets. [`reply`]: answers, read.
//! * [`observe`]: from answers to a fingerprint; [`sequence`]: its tests of several answers.
//! * [`host`]: one host being asked: what is sent when, without sockets or clock.
//! * [`asking`]: many hosts at once, over the raw port, within the rate.
//!
//! Not here: which systems answer so; that is `prtip_signatures::os`.

mod asking;
mod host;
mod observe;
pub mod probe;
pub mod reply;
mod sequence;

pub(crate) use asking::way;
pub use asking::{Asked, Options, Target, ask};
pub use host::{Host, Next};
pub use observe::Answers;
