//! TLS: what a server's certificates say, and whether one should believe them. Pure: bytes
//! come in, verdicts go out; no sockets, no files but the trusted roots.
//!
//! * [`certificate`]: one certificate, read. [`key`], [`algorithm`], [`distinguished`]:
//!   its parts as people call them.
//! * [`host`]: whom a certificate is for. [`constraints`]: whom a CA may vouch for.
//! * [`signature`]: one signature checked; [`bignum`] does those that ring does not know.
//! * [`roots`]: whom we trust. [`path`]: ways from the server's certificate to a root,
//!   and what is wrong with each. [`judge`]: the verdict on a chain.
//! * [`report`]: all of it as a record.
//! * [`attempt`]: a server asked for its certificates, by [`session`] (rustls) and, where it
//!   is too old for that, by [`old_hello`]; [`cipher`]: names of suites and alerts.

pub mod algorithm;
pub mod attempt;
pub mod bignum;
pub mod certificate;
pub mod cipher;
pub mod constraints;
mod curve;
pub mod distinguished;
pub mod fault;
pub mod host;
pub mod judge;
pub mod key;
pub mod old_hello;
pub mod path;
pub mod report;
pub mod roots;
pub mod session;
pub mod signature;
