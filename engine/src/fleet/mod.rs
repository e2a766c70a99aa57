//! One scan by many machines, as far as that needs no network: a [`job`] says what to scan
//! and in which ranges of indices; [`guard`] is what a worker's operator lets it scan;
//! [`share`] divides a rate and the ranges among workers; [`merge`] makes of what several
//! workers have found each result once; [`forecast`] is what a job will ask for.
//!
//! A probe is a pure function of (plan, index), so a piece of work is a range of indices,
//! and a range that was scanned twice has the same results.

pub mod forecast;
pub mod guard;
pub mod job;
pub mod merge;
pub mod share;
