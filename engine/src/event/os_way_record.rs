//! The `os_started` and `os_finished` records: by which way hosts are asked for their
//! operating systems, and what was sent and came there. One of each for an interface.

use schemars::JsonSchema;
use serde::Serialize;

use super::record::Record;
use crate::os::{Books, WayOut};

/// Hosts are about to be asked for their systems.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct OsStarted<'a> {
    /// How many.
    pub hosts: usize,
    /// `xdp`, `packet` or `raw`.
    pub port_engine: &'static str,
    /// Why this one, and why none that is faster; in words.
    pub port_engine_why: &'a str,
    /// `zerocopy`, `copy`, `generic` or null.
    pub xdp_mode: Option<&'static str>,
    /// Interface name.
    pub interface: &'a str,
}

impl<'a> OsStarted<'a> {
    /// The record of a way.
    #[must_use]
    pub fn new(out: &'a WayOut) -> Self {
        let WayOut { hosts, port_engine, why, xdp_mode, interface } = out;
        let (hosts, port_engine, xdp_mode) = (*hosts, *port_engine, *xdp_mode);
        Self { hosts, port_engine, port_engine_why: why, xdp_mode, interface }
    }
}

impl Record for OsStarted<'_> {
    const TYPE: &'static str = "os_started";
}

/// They have been asked. `rx_steered` = `rx_valid` + `rx_duplicate` + `rx_invalid` +
/// `ring_drops`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct OsFinished<'a> {
    /// Interface name.
    pub interface: &'a str,
    /// `xdp`, `packet` or `raw`.
    pub port_engine: &'static str,
    /// What was sent and what came.
    #[serde(flatten)]
    pub books: &'a Books,
    /// The difference between the two sides.
    pub unaccounted: u64,
    /// How long it took.
    pub elapsed_s: f64,
}

impl<'a> OsFinished<'a> {
    /// The record of a way.
    #[must_use]
    pub fn new(out: &'a WayOut, books: &'a Books) -> Self {
        Self {
            interface: &out.interface,
            port_engine: out.port_engine,
            books,
            unaccounted: books.unaccounted(),
            elapsed_s: books.elapsed.as_secs_f64(),
        }
    }
}

impl Record for OsFinished<'_> {
    const TYPE: &'static str = "os_finished";
}
