//! What the files of results look like to other people's readers.

#![allow(clippy::unwrap_used)]

mod hostile;
mod latency;
mod readers;
mod report;
mod tables;
