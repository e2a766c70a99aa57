//! What a scan of some ranges has found, on its way to the courier: lines in parcels, and
//! which ranges are finished, in the order in which they became so.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use prtip_engine::event::clock::Clock;
use prtip_engine::event::record::{Host, LedgerRecord, encode, encode_port};
use prtip_engine::event::{PortEvent, PortState};
use prtip_engine::plan::Purpose;
use prtip_engine::scan::ledger::{Ledger, Steering};
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use crate::courier::Parcel;
use crate::pulse::Gauges;

/// Bytes of results that go to the server together.
const PARCEL: usize = 128 << 10;
/// Parcels that wait for room on the way; then the scan slows down.
const WAITING: usize = 4;

/// Takes what a scan finds to the courier.
#[derive(Debug)]
pub struct Findings {
    parcels: Sender<Parcel>,
    gauges: Arc<Gauges>,
    sent_before: u64,
    purpose: Purpose,
    closed: bool,
    clock: Clock,
    /// Those that are not finished.
    leases: HashMap<u64, Range<u64>>,
    buffer: Vec<u8>,
    /// What found no room on the way.
    outbox: VecDeque<Parcel>,
}

impl Findings {
    pub(crate) fn new(
        parcels: Sender<Parcel>,
        gauges: Arc<Gauges>,
        purpose: Purpose,
        closed: bool,
        leases: &[(u64, Range<u64>)],
    ) -> Self {
        Self {
            parcels,
            sent_before: gauges.sent.load(Ordering::Relaxed),
            gauges,
            purpose,
            closed,
            clock: Clock::start(),
            leases: leases.iter().cloned().collect(),
            buffer: Vec::with_capacity(2 * PARCEL),
            outbox: VecDeque::new(),
        }
    }

    /// A result of the scan; what nobody asked for is left out.
    pub fn port(&mut self, event: &PortEvent) {
        match event.state {
            PortState::Open | PortState::Unfiltered => {}
            PortState::Closed if self.closed => {}
            _ => return,
        }
        self.gauges.found.fetch_add(1, Ordering::Relaxed);
        let ts = self.clock.rfc3339(event.at_ns);
        match self.purpose {
            Purpose::Ports => encode_port(event, false, &ts, &mut self.buffer),
            Purpose::Hosts => encode(&Host::new(event, false), &ts, &mut self.buffer),
        }
        if self.buffer.len() >= PARCEL {
            self.flush();
            self.pump();
        }
    }

    /// Whether more results may come now.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.outbox.len() < WAITING
    }

    /// These indices are finished, ascending and apart: all that was found there was told.
    pub fn finished(&mut self, finished: &[Range<u64>]) {
        let whole = |range: &Range<u64>| {
            let at = finished.partition_point(|known| known.end < range.end);
            finished.get(at).is_some_and(|known| known.start <= range.start)
        };
        let mut done: Vec<u64> = Vec::new();
        self.leases.retain(|number, range| {
            let is_done = whole(range);
            if is_done {
                done.push(*number);
            }
            !is_done
        });
        if !done.is_empty() {
            self.gauges.finished.fetch_add(done.len() as u64, Ordering::Relaxed);
            self.flush();
            self.outbox.push_back(Parcel::Finished(done));
        }
        self.pump();
    }

    /// Where the scan stands: probes sent, and probes a second now.
    pub fn progress(&self, sent: u64, pps: f64) {
        self.gauges.sent.store(self.sent_before + sent, Ordering::Relaxed);
        self.gauges.pps.store(pps as u64, Ordering::Relaxed);
    }

    /// Hands over what there is room for; true where nothing is left.
    pub fn pump(&mut self) -> bool {
        while let Some(parcel) = self.outbox.pop_front() {
            match self.parcels.try_send(parcel) {
                Ok(()) => {}
                Err(TrySendError::Full(parcel) | TrySendError::Closed(parcel)) => {
                    self.outbox.push_front(parcel);
                    return false;
                }
            }
        }
        true
    }

    /// The scan has ended, with these books.
    pub fn conclude(&mut self, ledger: &Ledger, steering: Option<Steering>, remarks: &[String]) {
        self.flush();
        let mut line = Vec::new();
        let record = LedgerRecord { ledger, steering, remarks };
        encode(&record, &self.clock.now_rfc3339(), &mut line);
        self.outbox.push_back(Parcel::Ledger(line.into()));
        self.progress(ledger.completed, 0.0);
    }

    fn flush(&mut self) {
        if !self.buffer.is_empty() {
            let lines =
                Bytes::from(std::mem::replace(&mut self.buffer, Vec::with_capacity(2 * PARCEL)));
            self.outbox.push_back(Parcel::Results(lines));
        }
    }
}
