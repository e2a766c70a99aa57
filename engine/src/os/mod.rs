//! Operating systems, by how hosts answer sixteen probes.
//!
//! * [`probe`]: the probes, as pure functions that write packets. [`reply`]: answers, read.
//! * [`observe`]: from answers to a fingerprint ([`observe_v6`] by IPv6); [`sequence`]: its
//!   tests of several answers.
//! * [`host`]: one host being asked: what is sent when, without sockets or clock.
//! * [`asking`]: many hosts at once, over a packet port, within the rate. [`ways`]: which
//!   host is reached how, [`way_out`]: the port to it, [`neighbours`]: the MAC addresses of
//!   hosts on our own networks, [`books`]: what was sent and what came.
//!
//! Not here: which systems answer so; that is `prtip_signatures::os`.

mod asking;
mod books;
mod header;
mod host;
mod neighbours;
mod observe;
mod observe_v6;
pub mod probe;
pub mod reply;
mod sequence;
mod way_out;
mod ways;

pub use asking::{Asked, Observer, ask};
pub use books::Books;
pub use host::{Host, Next};
pub use observe::Answers;
pub use way_out::WayOut;
pub use ways::Target;
