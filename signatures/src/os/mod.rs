//! Operating systems: how a host answered sixteen probes, told in the notation that nmap
//! has made common, against a database of how systems do. Text in, matches out.
//!
//! * [`notation`]: the lines of a fingerprint (`SEQ`, `T1`, …) and the tests in them.
//! * [`fingerprint`]: one host's values, read and written.
//! * [`expression`]: what a database says a value may be.
//! * [`database`]: systems, what they are called, and what each test is worth;
//!   [`reader`] reads the format of nmap-os-db.
//! * [`columns`]: the same database turned on its side, a column a test, for matching.
//! * [`matcher`]: one fingerprint against all systems, the best first.
//! * [`comparison`]: one fingerprint against one system, test by test: the definition that
//!   the matcher is held to, and what explains its verdict.
//! * [`sample`]: hosts made up, for the lab, the benchmark and the tests.
//! * [`faults`]: what is wrong with a text, line by line.

pub mod columns;
pub mod comparison;
pub mod database;
pub mod expression;
pub mod faults;
pub mod fingerprint;
pub mod matcher;
pub mod notation;
pub mod reader;
pub mod sample;

pub use database::{Class, Database, System};
pub use faults::Faults;
pub use fingerprint::Fingerprint;
pub use matcher::{Candidate, Limits, Scratch};
