//! Verdicts on chains of certificates, held against `openssl verify` and a table of what
//! each fault is called. Chains are made here: sound ones, of which one thing or several
//! are broken.
//!
//! * [`oracle`]: openssl, asked. [`faults`]: what can be broken, and how.
//! * [`table`]: each fault alone. [`random`]: several at once. [`served`]: by a real server,
//!   inside the lab. [`keys`]: kinds of keys and
//!   signatures.
#![allow(clippy::unwrap_used)]

mod faults;
mod keys;
mod oracle;
mod random;
#[path = "../release/mod.rs"]
mod release;
#[path = "../rights/mod.rs"]
mod rights;
mod served;
mod table;
