//! Signatures of services and operating systems: bytes in, match out. No input or output happens here.
//!
//! * [`rule`]: what a database is made of.
//! * [`format`]: the text form of our own database (`data/*.sig`).
//! * [`compile`]: from either form of text to tables and automata; the build script runs
//!   it over our own, so that the program holds them ready for use.
//! * [`database`]: a database in memory, and the prefilter over its literals.
//! * [`matching`]: one answer against one database.
//! * [`outcome`]: what a match says, and how captures become text.
//! * [`users`]: databases in other projects' formats.
//! * [`resolver`]: our database and the user's, asked as one.
//! * [`check`]: the examples of a database, tried.
//! * [`os`]: operating systems, by how they answer sixteen probes.

pub mod check;
pub mod compile;
pub mod database;
pub mod format;
pub mod matching;
pub mod os;
pub mod outcome;
pub mod resolver;
pub mod rule;
mod shipped;
pub mod users;

pub use database::Database;
pub use matching::{Counters, Scratch};
pub use outcome::Match;
pub use resolver::{Resolver, Scratches};
pub use rule::{Probe, Transport};
pub use shipped::sources;
