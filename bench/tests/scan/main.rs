//! Scans seen from outside: the release binaries `prtip` and `prtip-bench`, real
//! namespaces, and nothing of the engine's code.
//!
//! * [`setting`]: may a test run, which size, which seed, which binaries;
//!   [`lab`]: one command inside a lab; [`open_lab`]: a lab that stays open for
//!   several; [`town`]: real hosts on a bridge,
//!   [`tube`]: a link without Ethernet; [`odds`]: what chance allows.
//! * one module a theme: [`truth`], [`loss`], [`faults`], [`flood`], [`disk`], [`pace`], [`auto`],
//!   [`icmp_limit`], [`kill`], [`kinds`], [`logs`], [`slow_readers`], [`formats`], [`resume`], [`ways`], [`transfer`],
//!   [`frames`], [`memory`], [`fleet`], [`words`], [`round_trips`], [`copies`], [`systems`].
//!
//! README.md beside this file draws the topology. Tests that measure time or rate run
//! alone: two of them at once on a small machine would measure each other.

#![allow(clippy::unwrap_used)]

mod alone;
mod copies;
mod disk;
mod faults;
mod fleet;
mod flood;
mod formats;
mod frames;
mod icmp_limit;
mod kill;
mod kinds;
mod lab;
mod logs;
mod loss;
mod memory;
mod odds;
mod open_lab;
#[path = "../programs/mod.rs"]
mod programs;
#[path = "../../../engine/tests/formats/readers.rs"]
mod readers;
#[path = "../release/mod.rs"]
mod release;
mod resume;
mod round_trips;
mod setting;
mod slow_readers;
mod systems;
mod town;
mod truth;
mod tube;
mod ways;
mod words;
