//! Live frames: probes that the kernel makes itself. The generator
//! (`bpf/gen.bpf.c`) holds the plan; one system call has it make some hundred probes
//! and give them to the driver by XDP redirect: no ring, no copy, no kernel packet.
//! Replies come in as with AF_XDP, through the same steering program into the same
//! rings, which this port wraps; RSTs leave through those rings, too.
//!
//! * [`generators`] loads the programs and shows that frames leave: a redirect that
//!   fails is silent, so one frame that says nothing is sent first, and counted.
//! * [`LivePort`] is the port of one worker.
//!
//! One thread does both: it makes a call's worth of probes, then reads what came,
//! so that its receive ring, many times as long, cannot overflow by its own sending.
//!
//! The books: `submitted` is what the generator counted as made, `completed` what
//! the driver has taken, counted at the tracepoint behind the driver's call. A frame
//! lost between the two is in neither and makes the books differ. What the driver has not
//! taken is known one by one ([`Port::refused`]) and is sent again: where the far end is
//! slower than we, that slows us down and loses nothing.

mod explain;

use std::sync::Arc;
use std::time::Duration;

use prtip_bpf::generator::{Generator, Tally, Times};
use prtip_bpf::mapping::Mapping;
use prtip_bpf::recipe::{LIST, Recipe};
use rustix::io::Errno;

pub(crate) use explain::does_not_fit;

use super::stages::{Nobody, Staged, Watched, Watching};
use super::xsk::{self, XskPort};
use super::{Counters, Port};
use crate::error::Result;
use crate::plan::probe::Prober;

/// Most probes of one call of a worker that is alone: some 400 microseconds, and a quarter
/// of the smallest receive ring of up to four queues. Each call costs 12 microseconds, in
/// which the kernel makes and frees the frames.
pub const BURST: usize = LIST;
/// The same where there are others, whose answers may come into the same ring, and who
/// wait for one that has not read it for 300 microseconds.
const BURST_OF_SEVERAL: usize = BURST / 2;

/// The interface that probes leave by.
#[derive(Clone, Copy, Debug)]
pub struct Interface<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its number.
    pub index: u32,
    /// Its address.
    pub mac: [u8; 6],
}

/// Loads a generator for each of `workers` and shows by each that frames leave.
///
/// # Errors
/// With the likely cause and the remedy; nothing is left behind.
pub fn generators(
    recipe: &Recipe,
    interface: Interface<'_>,
    workers: usize,
    times: Times,
) -> Result<Vec<Generator>> {
    let mut all = Generator::load(recipe, interface.index, workers, times)
        .map_err(|error| explain::loading(&error))?;
    for generator in &mut all {
        generator.hello(&hello(interface.mac)).map_err(explain::calling)?;
        let tally = generator.tally();
        if tally.sent != 1 {
            return Err(explain::nothing_leaves(interface.name, tally));
        }
    }
    Ok(all)
}

/// A frame that nobody takes: from us to ourselves, of the EtherType that IEEE 802
/// leaves to local experiments.
fn hello(mac: [u8; 6]) -> [u8; 60] {
    let mut frame = [0; 60];
    frame[..6].copy_from_slice(&mac);
    frame[6..12].copy_from_slice(&mac);
    frame[12..14].copy_from_slice(&[0x88, 0xb5]);
    frame
}

/// A generator to send by, and the AF_XDP sockets of one worker for all else.
pub struct LivePort {
    interface: Arc<str>,
    sockets: XskPort,
    generator: Generator,
    /// What was counted before the first probe.
    start: Tally,
    /// The index of offset 0 in the rings of send times.
    base: u64,
    /// Most probes of one call.
    burst: usize,
    /// Of the last call, what the driver did not take.
    refused: Vec<u64>,
}

impl LivePort {
    /// Takes the sockets and the generator of one of `workers`.
    #[must_use]
    pub fn new(interface: &str, sockets: XskPort, generator: Generator, workers: usize) -> Self {
        let start = generator.tally();
        let burst = if workers > 1 { BURST_OF_SEVERAL } else { BURST };
        Self {
            interface: interface.into(),
            sockets,
            generator,
            start,
            base: 0,
            burst,
            refused: Vec::with_capacity(burst),
        }
    }
}

impl Staged for LivePort {
    fn send_watched(
        &mut self,
        _: &Prober,
        indices: &[u64],
        attempt: u8,
        watch: &mut impl Watching,
    ) -> Result<usize> {
        let before = self.generator.tally();
        self.refused.clear();
        watch.begin();
        let made = self
            .generator
            .run(&indices[..indices.len().min(self.burst)], attempt, self.base)
            .map_err(explain::calling)?;
        // The kernel makes and sends them in one call: a kick and its completion.
        watch.call(made);
        let tally = self.generator.tally();
        if made > 0 && tally.sent == before.sent {
            let gone = xsk::is_down(&self.interface);
            if gone {
                return Err(xsk::explain_sending(&self.interface, Errno::NETDOWN));
            }
        }
        if tally.refused > before.refused {
            let probes = &indices[..made];
            let refused = self.generator.refused().filter_map(|place| probes.get(place));
            self.refused.extend(refused);
        }
        Ok(made)
    }
}

impl Port for LivePort {
    fn burst(&self) -> usize {
        self.burst
    }

    fn send_times(&self) -> Option<Arc<Mapping>> {
        Some(self.generator.send_times())
    }

    fn time_from(&mut self, base: u64, again: bool) {
        self.base = base;
        self.generator.mark_again(again);
    }

    fn send(&mut self, prober: &Prober, indices: &[u64], attempt: u8) -> Result<usize> {
        self.send_watched(prober, indices, attempt, &mut Nobody)
    }

    fn takes_questions(&self) -> bool {
        true
    }

    fn refused(&self) -> &[u64] {
        &self.refused
    }

    fn queue_control(&mut self, fill: &mut dyn FnMut(&mut [u8]) -> usize) -> bool {
        self.sockets.queue_control(fill)
    }

    fn kick(&mut self) -> Result<()> {
        self.sockets.kick()
    }

    fn receive(&mut self, budget: usize, sink: &mut dyn FnMut(&[u8], u64)) -> usize {
        self.sockets.receive(budget, sink)
    }

    fn ethernet(&self) -> bool {
        true
    }

    fn wait(&mut self, timeout: Duration) {
        self.sockets.wait(timeout);
    }

    fn quiesce(&mut self) {
        self.sockets.quiesce();
    }

    fn watched(self: Box<Self>) -> Box<dyn Port> {
        Watched::port(*self)
    }

    fn counters(&mut self) -> Counters {
        let tally = self.generator.tally();
        let since = |now: u64, start: u64| now - start;
        let failed = since(tally.failed, self.start.failed);
        Counters {
            submitted: since(tally.made, self.start.made) + failed,
            completed: since(tally.sent, self.start.sent),
            tx_failed: since(tally.refused, self.start.refused) + failed,
            ..self.sockets.counters()
        }
    }
}
