//! The `zombie` record: whether an idle scan can go by way of a host.

use std::net::Ipv4Addr;

use schemars::JsonSchema;
use serde::Serialize;

use super::record::Record;
use crate::idle::Verdict;

/// What a host's IP identifications say of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Zombie {
    /// The host.
    pub ip: Ipv4Addr,
    /// The port that was asked.
    pub port: u16,
    /// It counts packets to all hosts, in order.
    pub usable: bool,
    /// What a packet adds to its counter; null where it is not usable.
    pub step: Option<u16>,
    /// The counter is written with its low byte first; null where it is not usable.
    pub byte_swapped: Option<bool>,
    /// Why it is not usable.
    pub reason: Option<String>,
    /// Time of a round trip; null where it does not answer.
    pub rtt_us: Option<u64>,
}

impl Zombie {
    /// The record of a verdict.
    #[must_use]
    pub fn new(verdict: &Verdict, port: u16) -> Self {
        let counter = verdict.counter.ok();
        Self {
            ip: verdict.host,
            port,
            usable: counter.is_some(),
            step: counter.map(|counter| counter.step),
            byte_swapped: counter.map(|counter| counter.swapped),
            reason: verdict.counter.err().map(|unfit| unfit.to_string()),
            rtt_us: verdict.rtt.map(|rtt| rtt.as_micros() as u64),
        }
    }
}

impl Record for Zombie {
    const TYPE: &'static str = "zombie";
}
