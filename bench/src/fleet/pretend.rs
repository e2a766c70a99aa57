//! A scanner that sends nothing: it takes as long as its rate says and finds what a rule says.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prtip_engine::error::Result;
use prtip_engine::event::clock::monotonic_ns;
use prtip_engine::event::{PortEvent, PortState, Reason};
use prtip_engine::plan::Plan;
use prtip_engine::scan::ledger::Ledger;
use prtip_fleet::worker::{Scanner, Task};

/// Within how long a scan that is told to stop does so.
const PAUSE: Duration = Duration::from_millis(50);

/// How long questions for ranges took, and how many each brought.
pub(super) type Asked = Arc<Mutex<Vec<(Duration, usize)>>>;

/// What is found: a pair in so many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hits {
    /// 0: none.
    pub(super) one_in: u64,
}

impl Hits {
    pub(super) fn holds(self, index: u64) -> bool {
        self.one_in > 0 && index.is_multiple_of(self.one_in)
    }

    fn within(self, start: u64, end: u64) -> impl Iterator<Item = u64> {
        let step = self.one_in.max(1);
        let first = start.next_multiple_of(step);
        let end = if self.one_in == 0 { first } else { end };
        (first..end).step_by(step as usize)
    }
}

/// What can be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Fault {
    /// The first result of range 0 is not told.
    Forget,
    /// It is told twice.
    Repeat,
    /// Range 0 is never said to be finished.
    Keep,
}

/// The scanner of one worker.
#[derive(Debug)]
pub(super) struct Pretend {
    pub(super) hits: Hits,
    pub(super) fault: Option<Fault>,
    pub(super) asked: Asked,
}

fn found(plan: &Plan, index: u64) -> PortEvent {
    let target = plan.target(index);
    let ttl = match target.addr {
        IpAddr::V4(_) => 52,
        IpAddr::V6(_) => 0,
    };
    PortEvent {
        addr: target.addr,
        port: target.port,
        protocol: target.protocol,
        state: PortState::Open,
        previous: None,
        reason: Reason::SynAck,
        ttl,
        rtt_ns: Some(23_456_789 + index % 1_000_000),
        at_ns: monotonic_ns(),
        heard: None,
    }
}

impl Scanner for Pretend {
    fn scan(&mut self, task: &Task<'_>) -> Result<()> {
        let mut findings = task.findings();
        let (mut done, mut credit, mut last) = (0, 0.0, Instant::now());
        let stopped = || task.control.level() > 0 || task.stop.level() > 0;
        for (_, range) in &task.leases {
            let pairs = (range.end - range.start) as f64;
            // The rate may change on the way.
            while let Some(rate) = task.control.rate().filter(|_| credit < pairs && !stopped()) {
                std::thread::sleep(PAUSE.min(Duration::from_secs_f64((pairs - credit) / rate)));
                credit += last.elapsed().as_secs_f64() * rate;
                last = Instant::now();
                findings.progress(done, rate);
            }
            credit -= pairs;
            if stopped() {
                break;
            }
            done += range.end - range.start;
            for index in self.hits.within(range.start, range.end) {
                let times = match self.fault.filter(|_| index == 0) {
                    Some(Fault::Forget) => 0,
                    Some(Fault::Repeat) => 2,
                    _ => 1,
                };
                for _ in 0..times {
                    findings.port(&found(task.plan, index));
                }
            }
            if self.fault != Some(Fault::Keep) || range.start > 0 {
                findings.finished(std::slice::from_ref(range));
            }
            while !findings.has_room() && !stopped() {
                std::thread::sleep(Duration::from_millis(2));
                findings.pump();
            }
        }
        let books =
            Ledger { generated: done, submitted: done, completed: done, ..Ledger::default() };
        findings.conclude(&books, None, &[]);
        task.settle(findings)?;
        Ok(())
    }

    fn say(&mut self, _words: &str) {}

    fn asked(&mut self, took: Duration, ranges: usize) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push((took, ranges));
    }
}
