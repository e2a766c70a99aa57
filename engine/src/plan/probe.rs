//! `probe(i, attempt)`: the bytes of a probe as a pure function of the plan.

use std::sync::Arc;

use super::{Plan, Target};
use crate::wire::Link;
use crate::wire::reply::Reply;

/// Fills frames with probes. One per scan, shared by all workers.
pub struct Prober {}

/// Everything that differs from one probe to the next, before it is in a frame.
#[derive(Clone, Copy, Debug)]
pub struct Fields {}

impl Fields {
    /// What an array holds before it is resolved.
    pub const EMPTY: Self = Self {};
}

/// Probes resolved at a time: the length of the cookie batches.
pub const RESOLVE_BATCH: usize = 64;

impl Prober {
    /// Resolves `indices` (at most [`RESOLVE_BATCH`]) into `fields`: rank, address,
    /// ports and cookie, several at a time.
    pub fn resolve(&self, indices: &[u64], attempt: u8, fields: &mut [Fields; RESOLVE_BATCH]) {
        let _ = (indices, attempt, fields);
        unimplemented!()
    }

    /// Writes one resolved probe into `frame` and returns its length.
    /// `slot` remembers which template the frame already holds, so that only
    /// what differs is written; start with [`Slot::EMPTY`].
    pub fn write(&self, fields: &Fields, slot: &mut Slot, frame: &mut [u8]) -> usize {
        let _ = (fields, slot, frame);
        unimplemented!()
    }

    /// The whole probe in one call (tests, raw ports, dry runs).
    pub fn craft(&self, index: u64, attempt: u8, frame: &mut [u8]) -> usize {
        let _ = (index, attempt, frame);
        unimplemented!()
    }

    /// Writes the RST that ends the half-open connection of a SYN-ACK.
    pub fn craft_rst(&self, reply: &Reply, frame: &mut [u8]) -> usize {
        let _ = (reply, frame);
        unimplemented!()
    }

    /// Checks the cookie of `reply`; `Some` tells which probe it answers.
    pub fn validate(&self, reply: &Reply) -> Option<Answered> {
        let _ = reply;
        unimplemented!()
    }

    /// The plan probed.
    pub fn plan(&self) -> &Arc<Plan> {
        unimplemented!()
    }

    /// The link-layer header in front of every probe.
    pub fn link(&self) -> Link {
        unimplemented!()
    }
}

/// Which template a transmit frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(u8);

impl Slot {
    /// The frame holds none of our templates.
    pub const EMPTY: Self = Self(0);
}

/// The probe that a valid reply answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Its index in the plan.
    pub index: u64,
    /// Which attempt, told by our port.
    pub attempt: u8,
    /// The pair probed (for ICMP, the quoted one).
    pub target: Target,
}
