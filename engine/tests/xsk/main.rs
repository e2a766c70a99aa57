//! AF_XDP ports on veth pairs in network namespaces of their own.
//!
//! ```text
//!   namespace near                      namespace far
//!   near0  198.19.255.2/24  ── veth ──  far0  198.19.255.1/24
//!   the port under test                 a second port, or the kernel's own stack
//! ```
//!
//! Both ends have two queues. They need root; where that is missing the tests
//! print SKIPPED, and with `CI=true` they fail.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod books;
mod lab;
mod probes;
mod setup;
