//! The fallback ports and the route lookups against the real kernel, in private
//! network namespaces.
#![allow(clippy::unwrap_used, missing_docs)]

mod doctor;
mod doorbell;
mod filter;
mod memory;
mod namespace;
mod packet;
mod probes;
mod raw;
mod route;
