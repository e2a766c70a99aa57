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
    /// Probes sent, repeated ones included.
    pub probes: u64,
    /// RSTs sent for what the answers had half opened, where the kernel sends none.
    pub rsts: u64,
    /// Packets that were let in, as the filter counts them (BPF map, socket statistics).
    pub rx_steered: u64,
    /// Of these, the first answers to probes.
    pub rx_valid: u64,
    /// Answers to what had been answered.
    pub rx_duplicate: u64,
    /// What was no answer.
    pub rx_invalid: u64,
    /// What found no room.
    pub ring_drops: u64,
    /// The difference between the two sides.
    pub unaccounted: u64,
    /// How long it took.
    pub elapsed_s: f64,
}

impl<'a> OsFinished<'a> {
    /// The record of a way.
    #[must_use]
    pub fn new(out: &'a WayOut, books: &Books) -> Self {
        Self {
            interface: &out.interface,
            port_engine: out.port_engine,
            probes: books.probes,
            rsts: books.rsts,
            rx_steered: books.rx_steered,
            rx_valid: books.rx_valid,
            rx_duplicate: books.rx_duplicate,
            rx_invalid: books.rx_invalid,
            ring_drops: books.ring_drops,
            unaccounted: books.unaccounted(),
            elapsed_s: books.elapsed.as_secs_f64(),
        }
    }
}

impl Record for OsFinished<'_> {
    const TYPE: &'static str = "os_finished";
}
