//! The fallback ports and the route lookups against the real kernel, in private
//! network namespaces.
#![allow(clippy::unwrap_used, missing_docs)]

mod filter;
mod namespace;
mod packet;
mod raw;
mod route;
