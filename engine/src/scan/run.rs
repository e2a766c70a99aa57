//! Runs the workers of a prepared scan, takes their events off the bus, decides
//! when to stop listening, and closes the books.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use rtrb::{Consumer, RingBuffer};

use super::capture::{Frame, Tap};
use super::clock::now_ns;
use super::eta;
use super::fault::Fault;
use super::finished::Mark;
use super::governor::Governor;
use super::hunt::Hunt;
use super::icmp_limit::{self, IcmpLimits};
use super::ledger::{Ledger, Steering};
use super::neighbours::{Asked, Asking, State, Table};
use super::setup::Prepared;
use super::shared::Shared;
use super::stages::Stages;
use super::worker::{Finished, Worker};
use super::{Control, Observer, Progress, Report};
use crate::error::{Error, Kind, Result};
use crate::event::{PortEvent, PortState, Reason};
use crate::latency::Latency;
use crate::plan::{Plan, ProbeKind, Protocol, Purpose, Target};
use crate::port::Counters;

/// Events that one worker can have on the bus.
pub(super) const BUS_EVENTS: usize = 1 << 15;
/// However busy it is, the observer gets its pause this often.
const IDLE_NS: u64 = 50_000_000;
/// Time between progress reports.
const PROGRESS_NS: u64 = 250_000_000;
/// When every port of the scan has answered with open or closed, the listening
/// goes on for this long at least (a stronger answer may follow a middlebox's RST).
const GRACE: Duration = Duration::from_millis(200);

impl Prepared {
    /// Runs to the end, blocking; results go to `observer`.
    ///
    /// # Errors
    /// When a worker thread cannot be started. A scan that fails on the way
    /// returns its report with [`Report::failure`].
    pub fn run(self, control: &Control, observer: &mut dyn Observer) -> Result<Report> {
        let Self {
            info,
            plan,
            interfaces,
            ports,
            steers,
            prober,
            judge,
            neighbours,
            shared,
            pins,
            ..
        } = self;
        let nic_before: Vec<_> = interfaces.iter().map(|known| known.statistics().ok()).collect();
        let start_ns = now_ns();
        let (mut hunt, mut lost) = Hunt::of(&shared, start_ns, self.fault).unzip();
        let rate = self.rate.or_else(|| hunt.as_ref().map(Hunt::aim));
        let worker_rate = rate.map(|rate| rate / ports.len() as f64);
        let (mut buses, mut captures) = (Vec::new(), Vec::new());
        let mut workers = Vec::new();
        let link_answers = neighbours.as_ref().is_some_and(|known| known.answers_are_results);
        let known_macs = neighbours.as_ref().map(|known| Arc::clone(&known.table));
        for (number, port) in ports.into_iter().enumerate() {
            let port = if self.stages { port.watched() } else { port };
            let (events, bus) = RingBuffer::new(BUS_EVENTS);
            buses.push(bus);
            let (tap, frames) = self.frames.then(Tap::new).unzip();
            captures.extend(frames);
            workers.push(Worker {
                number,
                port,
                prober: Arc::clone(&prober),
                judge: Arc::clone(&judge),
                shared: Arc::clone(&shared),
                events,
                attempts: info.attempts,
                rate: worker_rate,
                again: lost.as_mut().and_then(Vec::pop),
                rst: self.rst,
                headers: self.headers,
                tap,
                fault: self.fault,
                known: if number == 0 { self.known } else { (0, 0) },
                link_answers,
            });
        }
        let asking = neighbours.map(|neighbours| {
            let (events, bus) = RingBuffer::new(BUS_EVENTS);
            buses.push(bus);
            Asking::new(neighbours, &plan, &shared, events, self.rate)
        });

        let before = self.resumed.finished.clone();
        let mut mark = Mark::new(before, self.cooldown, start_ns);
        if self.fault == Some(Fault::HastyCheckpoint) {
            mark = mark.without_waiting();
        }
        let mut coordinator = Coordinator {
            shared: &shared,
            observer,
            buses,
            captures,
            results: 0,
            start_ns,
            cooldown_ns: self.cooldown.as_nanos() as u64,
            pairs: shared.ranges.iter().map(|range| range.size()).sum(),
            attempts: u64::from(info.attempts),
            rate: self.rate,
            progress_at_ns: start_ns + PROGRESS_NS,
            last_progress: (start_ns, 0),
            first_pass_over_ns: None,
            answered_at_ns: None,
            governor: Governor::new(start_ns),
            hunt: hunt.take(),
            icmp_limits: plan.items().sends(ProbeKind::Udp).then(IcmpLimits::new),
            mark,
            mark_is_due: false,
            idle_at_ns: start_ns,
            all_sent_told: false,
            ring_to_event: self.stages.then(Latency::new),
        };
        let (finished, asked) = thread::scope(|scope| -> Result<_> {
            let _end = EndOnPanic(control);
            let mut handles = Vec::new();
            let cannot_start = |error| {
                control.stop();
                control.stop();
                Error::new(Kind::Failed, "start a thread").because_of(error)
            };
            let asking = asking.map(|asking| {
                thread::Builder::new().name("neighbours".into()).spawn_scoped(scope, move || {
                    let _end = EndOnPanic(control);
                    asking.run(control)
                })
            });
            let asking = asking.transpose().map_err(cannot_start)?;
            for worker in workers {
                let pin = pins.get(worker.number).copied();
                let handle = thread::Builder::new()
                    .name(format!("worker-{}", worker.number))
                    .spawn_scoped(scope, move || {
                        let _end = EndOnPanic(control);
                        if let Some(core) = pin {
                            core_affinity::set_for_current(core);
                        }
                        worker.run(control)
                    })
                    .map_err(cannot_start)?;
                handles.push(handle);
            }
            let is_asking = |asking: &Option<thread::ScopedJoinHandle<'_, Asked>>| {
                asking.as_ref().is_some_and(|handle| !handle.is_finished())
            };
            while handles.iter().any(|handle| !handle.is_finished()) || is_asking(&asking) {
                coordinator.turn(control);
            }
            let broken = "a thread panics only for a broken invariant";
            let finished: Vec<Finished> =
                handles.into_iter().map(|handle| handle.join().expect(broken)).collect();
            Ok((finished, asking.map(|handle| handle.join().expect(broken))))
        })?;
        let dropped = coordinator.drain_to_the_end(control);
        let failed = finished.iter().any(|worker| worker.failure.is_some())
            || asked.as_ref().is_some_and(|asked| asked.failure.is_some());
        if control.level() < 2 && !failed {
            // The cooldown is over.
            coordinator.mark.end(&shared);
            coordinator.observer.checkpoint(&coordinator.mark.finished(&shared));
        }
        let (results, throttled) = (coordinator.results, coordinator.governor.lowest);
        let (hunt, icmp_limits) = (coordinator.hunt.take(), coordinator.icmp_limits.take());
        let ring_to_event = coordinator.ring_to_event.take();
        let asked = asked.map(|asked| (asked, link_answers));
        let books = Books { finished, asked, results, dropped };
        let mut report = close_books(books, throttled, self.rate.is_some(), &shared);
        if let (Some(stages), Some(ring_to_event)) = (&mut report.stages, ring_to_event) {
            stages.ring_to_event = ring_to_event;
        }
        if let Some(hunt) = hunt {
            report.remarks.extend(hunt.remarks(&report.ledger));
            report.rate_found = Some(hunt.found());
        }
        if let Some(limits) = icmp_limits {
            let hosts: Vec<_> =
                limits.even().map(|host| (host, silent_ports(&plan, &shared, host.addr))).collect();
            report.remarks.extend(icmp_limit::remark(&hosts));
        }
        if let Some(table) = &known_macs
            && let silent @ 1.. = table.silent()
        {
            report.remarks.push(format!(
                "{silent} of {} targets on the local network did not answer ARP or neighbour discovery{}",
                table.len(),
                if link_answers { "" } else { ": nothing was sent to them" }
            ));
        }
        let (open, closed) = self.resumed.counts;
        let earlier: u64 = self.resumed.finished.iter().map(|r| r.end - r.start).sum();
        report.open += open;
        report.closed += closed;
        report.filtered += earlier.saturating_sub(open + closed);
        report.purpose = plan.items().purpose();
        report.acks = plan.items().sends(ProbeKind::Ack);
        report.udp_ports = plan.items().udp().len() as u64;
        report.elapsed = Duration::from_nanos(now_ns() - start_ns);
        for (interface, before) in interfaces.iter().zip(nic_before) {
            if let (Some(before), Ok(after)) = (before, interface.statistics()) {
                report.ledger.nic_drops += after.rx_lost_since(&before);
            }
        }
        for steer in &steers {
            let Ok(verdicts) = steer.program.verdicts() else { continue };
            let counts = Steering::of(&verdicts);
            // With a socket on every queue these came after the sockets had left the map.
            if counts.no_socket > 0 && steer.queues_left_out {
                report.remarks.push(format!(
                    "{} true replies came in on receive queues without a socket: leave out --queues",
                    counts.no_socket
                ));
            }
            *report.steering.get_or_insert_default() += counts;
        }
        report.stopped = control.level() > 0 && report.failure.is_none();
        if self.report_silent && report.failure.is_none() {
            report_silent(&plan, &shared, known_macs.as_deref(), control, observer);
        }
        Ok(report)
    }
}

/// Ends the scan where one of its threads panics: the others would wait for ever.
struct EndOnPanic<'a>(&'a Control);

impl Drop for EndOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop();
            self.0.stop();
        }
    }
}

struct Coordinator<'a> {
    shared: &'a Shared,
    observer: &'a mut dyn Observer,
    buses: Vec<Consumer<PortEvent>>,
    captures: Vec<Consumer<Frame>>,
    results: u64,
    start_ns: u64,
    cooldown_ns: u64,
    pairs: u64,
    attempts: u64,
    rate: Option<f64>,
    progress_at_ns: u64,
    last_progress: (u64, u64),
    /// When every pair had been chosen for its first probe.
    first_pass_over_ns: Option<u64>,
    /// When every port was known to be open or closed.
    answered_at_ns: Option<u64>,
    /// Limits the workers where no rate was asked for.
    governor: Governor,
    /// Searches for the rate where that was asked for.
    hunt: Option<Hunt>,
    /// Where UDP ports are asked.
    icmp_limits: Option<IcmpLimits>,
    mark: Mark,
    /// A mark was found, and what came before it is not all handed over.
    mark_is_due: bool,
    idle_at_ns: u64,
    all_sent_told: bool,
    /// From the kernel's time stamp to here, where that is asked for.
    ring_to_event: Option<Latency>,
}

impl Coordinator<'_> {
    fn turn(&mut self, control: &Control) {
        let now = now_ns();
        self.mark_is_due |= self.mark.turn(self.shared, now);
        // Before results are taken, so that the observer knows of which the cooldown is.
        self.decide_finish(control, now);
        let taken = self.drain();
        if self.mark_is_due {
            // What was on the buses when the mark was found is handed over first; where there
            // is no room for that the mark waits.
            while self.drain() > 0 {}
            if self.is_drained() {
                self.mark_is_due = false;
                self.observer.checkpoint(&self.mark.finished(self.shared));
            }
        }
        if let Some(hunt) = &mut self.hunt {
            hunt.turn(self.shared, now);
        } else if self.rate.is_none()
            && let Some(limit) = self.governor.turn(
                now,
                self.shared.sum(|live| &live.sent),
                self.shared.sum(|live| &live.drops),
            )
        {
            self.limit(limit);
        } else if self.rate.is_some()
            && let Some(rate) = control.rate()
        {
            self.limit(rate);
        }
        if now >= self.progress_at_ns {
            self.progress_at_ns = now + PROGRESS_NS;
            let progress = self.progress(now);
            self.observer.progress(&progress);
        }
        if taken == 0 || now >= self.idle_at_ns {
            self.idle_at_ns = now + IDLE_NS;
            self.observer.idle();
        }
        if taken == 0 {
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Has the workers together send so many probes a second at most.
    fn limit(&self, pps: f64) {
        let each = pps / self.shared.live.len() as f64;
        self.shared.limit.store(each.max(1.0) as u64, Ordering::Relaxed);
    }

    /// Takes at most one bus' worth of events, so that a flood cannot keep the
    /// coordinator from its other duties.
    fn drain(&mut self) -> usize {
        let mut taken = 0;
        // One reading for what had come by then.
        let mut timed_ns = 0;
        for bus in &mut self.buses {
            while self.observer.has_room()
                && let Ok(event) = bus.pop()
            {
                if let Some(ring_to_event) = &mut self.ring_to_event {
                    if event.at_ns >= timed_ns {
                        timed_ns = now_ns();
                    }
                    ring_to_event.record(timed_ns.saturating_sub(event.at_ns));
                }
                self.observer.port(&event);
                if let Some(limits) = &mut self.icmp_limits
                    && event.protocol == Protocol::Udp
                    && event.state == PortState::Closed
                {
                    limits.closed(event.addr, event.at_ns);
                }
                taken += 1;
                if taken >= BUS_EVENTS {
                    break;
                }
            }
        }
        self.results += taken as u64;
        for frames in &mut self.captures {
            // What waits now; more may come while it is handed over.
            for _ in 0..frames.slots() {
                if self.observer.has_room_for_frames()
                    && let Ok(frame) = frames.pop()
                {
                    self.observer.frame(&frame);
                }
            }
        }
        taken
    }

    /// Whether the buses are empty.
    fn is_drained(&self) -> bool {
        self.buses.iter().all(Consumer::is_empty)
    }

    /// Hands over what the workers have left, however long that takes its readers. Only a
    /// scan told to stop at once drops what they do not take; returns how much.
    fn drain_to_the_end(&mut self, control: &Control) -> u64 {
        while !self.is_drained() {
            if self.drain() == 0 {
                if control.level() >= 2 {
                    return self.buses.iter_mut().map(discard).sum();
                }
                self.observer.idle();
                thread::sleep(Duration::from_millis(2));
            }
        }
        // Frames may be left.
        self.drain();
        0
    }

    /// Sets the finish time once all workers have sent everything.
    fn decide_finish(&mut self, control: &Control, now: u64) {
        let mut last = 0;
        for live in &self.shared.live {
            match live.done_at_ns.load(Ordering::Acquire) {
                0 => return,
                at => last = last.max(at),
            }
        }
        if !std::mem::replace(&mut self.all_sent_told, true) {
            self.observer.all_sent(last);
        }
        let mut finish = last + self.cooldown_ns;
        let answered =
            self.shared.sum(|live| &live.open).wrapping_add(self.shared.sum(|live| &live.closed));
        if answered == self.pairs && control.level() == 0 {
            let grace = (GRACE.as_nanos() as u64).min(self.cooldown_ns);
            let at = *self.answered_at_ns.get_or_insert(now);
            finish = finish.min(at.max(last) + grace);
        }
        let known = self.shared.finish_at_ns.load(Ordering::Relaxed);
        if finish < known {
            self.shared.finish_at_ns.store(finish, Ordering::Relaxed);
        }
    }

    fn progress(&mut self, now: u64) -> Progress {
        let sum = |count: fn(&super::shared::Live) -> &std::sync::atomic::AtomicU64| {
            self.shared.sum(count)
        };
        let sent = sum(|live| &live.sent);
        let reached = |attempt: usize| -> u64 {
            self.shared
                .ranges
                .iter()
                .map(|range| range.reached[attempt].load(Ordering::Relaxed))
                .sum()
        };
        let first = reached(0);
        let answered = sum(|live| &live.open).wrapping_add(sum(|live| &live.closed)).min(first);
        let silent = if first == 0 { 1.0 } else { 1.0 - answered as f64 / first as f64 };
        let retries_due: u64 =
            (1..self.attempts as usize).map(|attempt| first - reached(attempt).min(first)).sum();
        if first == self.pairs && self.first_pass_over_ns.is_none() {
            self.first_pass_over_ns = Some(now);
        }
        let elapsed_s = (now - self.start_ns) as f64 / 1e9;
        let pps_average = sent as f64 / elapsed_s.max(1e-3);
        let (then, sent_then) = self.last_progress;
        let pps = (sent - sent_then) as f64 / ((now - then) as f64 / 1e9).max(1e-3);
        self.last_progress = (now, sent);
        let finish_at = self.shared.finish_at_ns.load(Ordering::Relaxed);
        let eta_s = if finish_at == u64::MAX {
            let aim = self.rate.or_else(|| self.hunt.as_ref().map(Hunt::aim));
            let pace = aim.map_or(pps_average, |rate| rate.min(pps_average.max(rate * 0.5)));
            let left = eta::Left {
                firsts: self.pairs - first,
                retries_due,
                silent,
                // What came out within a tenth of a second may yet be answered.
                all_answer: first > 0 && (first - answered) as f64 <= pps.max(pps_average) / 10.0,
                since_first_pass_s: self
                    .first_pass_over_ns
                    .map(|over| now.saturating_sub(over) as f64 / 1e9),
            };
            let cooldown_s = self.cooldown_ns as f64 / 1e9;
            left.seconds(self.attempts, pace, cooldown_s, GRACE.as_secs_f64().min(cooldown_s))
        } else {
            finish_at.saturating_sub(now) as f64 / 1e9
        };
        Progress {
            sent,
            replies: sum(|live| &live.replies),
            open: sum(|live| &live.open),
            drops: sum(|live| &live.drops),
            percent: 100.0 * elapsed_s / (elapsed_s + eta_s).max(1e-9),
            eta_s,
            pps,
            pps_average,
            aim: self.hunt.as_ref().map(Hunt::aim),
        }
    }
}

/// Empties a bus; how many events were on it.
fn discard(bus: &mut Consumer<PortEvent>) -> u64 {
    std::iter::from_fn(|| bus.pop().ok()).count() as u64
}

/// What the threads of a scan have left.
struct Books {
    finished: Vec<Finished>,
    /// With whether the answers were results.
    asked: Option<(Asked, bool)>,
    /// Events that were handed to the observer.
    results: u64,
    /// Events that the observer had no room for when the scan was told to stop at once.
    dropped: u64,
}

/// Sums the workers' and the ports' counts and says what is off.
fn close_books(
    Books { finished, asked, results, dropped }: Books,
    throttled: Option<f64>,
    rated: bool,
    shared: &Shared,
) -> Report {
    let mut ledger = Ledger { results, event_drops: dropped, ..Ledger::default() };
    let mut port = Counters::default();
    let (mut latency, mut lag) = (Latency::new(), Latency::new());
    let mut remarks = Vec::new();
    let mut failure = None;
    let mut stages = None;
    let (mut stalls, mut longest_ns, mut forgiven, mut not_captured) = (0, 0, 0, 0);
    let mut held = Duration::ZERO;
    for worker in finished {
        let tally = worker.tally;
        ledger.generated += tally.generated;
        ledger.unsent += tally.unsent;
        ledger.retries += tally.retries;
        ledger.control += tally.control;
        ledger.resent += tally.resent;
        ledger.tx_again += tally.put_back;
        ledger.rx_valid += tally.valid;
        ledger.rx_duplicate += tally.duplicate;
        ledger.rx_control += tally.rx_control;
        ledger.rx_invalid += tally.invalid;
        ledger.rx_late += tally.late;
        ledger.event_drops += tally.event_drops;
        port += worker.port;
        latency.merge(&worker.latency);
        lag.merge(&worker.lag);
        stalls += worker.stalls.0;
        longest_ns = longest_ns.max(worker.stalls.1);
        forgiven += worker.stalls.2;
        not_captured += worker.not_captured;
        if let Some(own) = worker.stages {
            stages.get_or_insert_with(Stages::default).send.merge(&own);
        }
        held += worker.held;
        failure = failure.or(worker.failure);
    }
    if let Some((asked, answers_are_results)) = asked {
        let counts = asked.counts;
        ledger.neighbour_requests = counts.requests;
        ledger.neighbour_replies = counts.answered;
        if answers_are_results {
            ledger.rx_valid += counts.results;
            ledger.rx_duplicate += counts.repeated;
            ledger.rx_invalid += counts.strange;
            ledger.event_drops += counts.event_drops;
            port.rx_steered += counts.heard;
            port.ring_drops += counts.drops;
            latency.merge(&asked.latency);
        }
        failure = failure.or(asked.failure);
    }
    ledger.submitted = port.submitted;
    ledger.completed = port.completed;
    ledger.tx_failed = port.tx_failed;
    ledger.rsts = port.controls;
    ledger.rx_steered = port.rx_steered;
    ledger.ring_drops = port.ring_drops;
    ledger.unaccounted = ledger.imbalance();

    let open = shared.sum(|live| &live.open);
    let closed = shared.sum(|live| &live.closed);
    let reached: u64 =
        shared.ranges.iter().map(|range| range.reached[0].load(Ordering::Relaxed)).sum();
    if rated && forgiven > 0 {
        let why = match stalls {
            0 => "sending could not keep up".to_owned(),
            _ => format!(
                "sending stalled {stalls} times (longest {:.1} ms)",
                longest_ns as f64 / 1e6
            ),
        };
        remarks.push(format!(
            "{why}: {forgiven} probes of the schedule were sent later than --rate asks"
        ));
    }
    if held > Duration::ZERO {
        remarks.push(format!(
            "results were not taken as fast as they came: sending waited {:.1} s for their readers",
            held.as_secs_f64()
        ));
    }
    if let Some(rate) = throttled {
        remarks.push(format!(
            "packets were dropped on this host: sending was slowed, at the lowest to {:.0} probes a second",
            rate,
        ));
    }
    if ledger.ring_drops > 0 {
        remarks.push(format!(
            "{} replies were lost because the ring was full; a lower --rate or more --retries finds what they said",
            ledger.ring_drops,
        ));
    }
    if not_captured > 0 {
        remarks.push(format!(
            "{not_captured} accepted replies are not in the capture: they came faster than it was written"
        ));
    }
    if ledger.tx_failed > ledger.tx_again {
        remarks.push(format!(
            "the kernel refused {} probes: the interface had no room or no route for them",
            ledger.tx_failed - ledger.tx_again
        ));
    }
    if ledger.tx_again > 0 {
        remarks.push(format!(
            "{} times a probe found the interface full and was sent again: sending waited for \
             the far end",
            ledger.tx_again
        ));
    }
    if ledger.unaccounted > 0 {
        remarks.push(format!("{} packets are unaccounted for", ledger.unaccounted));
    }
    Report {
        ledger,
        purpose: Purpose::Ports,
        acks: false,
        udp_ports: 0,
        open,
        closed,
        filtered: reached.saturating_sub(open).saturating_sub(closed),
        elapsed: Duration::ZERO,
        steering: None,
        latency,
        lag: (rated && lag.count() > 0).then_some(lag),
        stages,
        rate_found: None,
        stopped: false,
        remarks,
        failure,
    }
}

/// The UDP ports of `addr` that were asked and stayed silent.
fn silent_ports(plan: &Plan, shared: &Shared, addr: IpAddr) -> u64 {
    let is_silent = |&&port: &&u16| {
        let index = plan.index_of(Target { addr, port, protocol: Protocol::Udp });
        index.and_then(|index| shared.locate(index)).is_some_and(|(range, offset)| {
            let asked = offset < range.reached[0].load(Ordering::Relaxed);
            asked && range.window.state(offset).is_none()
        })
    };
    plan.items().udp().as_slice().iter().filter(is_silent).count() as u64
}

/// Reports the pairs that were probed and stayed silent, in sending order.
fn report_silent(
    plan: &Plan,
    shared: &Shared,
    neighbours: Option<&Table>,
    control: &Control,
    observer: &mut dyn Observer,
) {
    let at_ns = now_ns();
    for range in &shared.ranges {
        for offset in 0..range.reached[0].load(Ordering::Relaxed) {
            if offset.is_multiple_of(1 << 14) {
                observer.idle();
            }
            while !observer.has_room() && control.level() < 2 {
                observer.idle();
                thread::sleep(Duration::from_millis(2));
            }
            if control.level() > 1 {
                return;
            }
            if range.window.state(offset).is_none() {
                let target = plan.target(range.index_at(offset));
                let state = match target.protocol {
                    Protocol::Udp => PortState::OpenFiltered,
                    Protocol::Tcp | Protocol::Icmp => PortState::Filtered,
                };
                observer.port(&PortEvent {
                    addr: target.addr,
                    port: target.port,
                    protocol: target.protocol,
                    state,
                    previous: None,
                    reason: match neighbours.and_then(|table| table.find(target.addr)) {
                        Some((place, _))
                            if !matches!(
                                neighbours.map(|table| table.state(place)),
                                Some(State::Known(_))
                            ) =>
                        {
                            if target.addr.is_ipv4() {
                                Reason::NoArp
                            } else {
                                Reason::NoNd
                            }
                        }
                        _ => Reason::NoResponse,
                    },
                    ttl: 0,
                    rtt_ns: None,
                    at_ns,
                    heard: None,
                });
            }
        }
    }
}
