//! Joins inquiries to connections: one thread, which waits for them and nowhere else.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::time::Duration;

use prtip_signatures::Scratches;
use socket2::{Domain, Socket, Type};

use super::any_port::hear_only;
use super::backlog::Backlog;
use super::catalogue::Catalogue;
use super::connections::{Connections, Outcome, SlotId};
use super::found::Found;
use super::hosts::Hosts;
use super::inquiry::{Desk, Event, Inquiry, Order};
use super::limits::{CONNECT, CROWD, TALKS, ns};
use super::tunnel::Tunnels;
use super::{Answer, Options};
use crate::plan::{Protocol, Target};
use crate::scan::Control;
use crate::scan::clock::now_ns;

/// How long it waits for connections before it looks for new ports.
const TURN: Duration = Duration::from_millis(20);
/// What has begun when the scan is stopped may go on for so long.
const DRAIN: Duration = Duration::from_secs(5);
/// Answers that may wait to be taken; no port is begun with meanwhile.
const UNTAKEN: u64 = 4096;
/// Ports that are looked at in a turn for one whose host has room.
const LOOKED_AT: usize = 256;

struct Running {
    inquiry: Inquiry,
    slots: [Option<SlotId>; TALKS],
}

pub(super) struct Prober {
    connections: Box<dyn Connections>,
    options: Options,
    catalogue: Catalogue,
    scratch: Scratches,
    tunnels: Option<Box<dyn Tunnels>>,
    /// Inquiries by number; at most so many that each can have its usual talks.
    running: Vec<Option<Running>>,
    idle: Vec<u32>,
    /// Whose each connection is: inquiry and talk.
    owners: Vec<Option<(u32, usize)>>,
    /// Talks that wait for a connection.
    wanting: VecDeque<(u32, usize)>,
    backlog: Backlog,
    hosts: Hosts,
    orders: Vec<Order>,
}

impl Prober {
    pub(super) fn new(
        connections: Box<dyn Connections>,
        options: Options,
        catalogue: Catalogue,
        tunnels: Option<Box<dyn Tunnels>>,
    ) -> Self {
        let most = connections.free();
        let inquiries = (most / CROWD).max(1);
        Self {
            connections,
            options,
            scratch: catalogue.scratch(),
            catalogue,
            tunnels,
            running: (0..inquiries).map(|_| None).collect(),
            idle: (0..inquiries as u32).rev().collect(),
            owners: vec![None; most],
            wanting: VecDeque::new(),
            backlog: Backlog::default(),
            hosts: Hosts::default(),
            orders: Vec::new(),
        }
    }

    /// Runs until there is nothing left to ask and nobody to ask for more, or until stopped.
    /// `taken`: how many ports' answers have been taken.
    pub(super) fn run(
        mut self,
        from: &Receiver<Target>,
        to: &Sender<Answer>,
        taken: &AtomicU64,
        control: &Control,
    ) {
        let (mut open, mut received) = (true, 0_u64);
        let mut stop_at_ns = None;
        let mut told = Vec::new();
        loop {
            while open {
                match from.try_recv() {
                    Ok(target) => {
                        received += 1;
                        self.backlog.push(target);
                    }
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => open = false,
                }
            }
            let now = now_ns();
            if control.level() > 0 {
                let stop_at = *stop_at_ns.get_or_insert(now + ns(DRAIN));
                while let Some(target) = self.backlog.pop() {
                    let _ = to.send(Answer::Unasked(target));
                }
                if control.level() > 1 || now >= stop_at {
                    self.abandon(now, to);
                    if !open {
                        return;
                    }
                }
            }
            self.serve();
            let unanswered =
                self.backlog.len() as u64 + (self.running.len() - self.idle.len()) as u64;
            if received < taken.load(Ordering::Relaxed) + unanswered + UNTAKEN {
                self.begin(now, to);
            }
            let at_rest = self.idle.len() == self.running.len();
            if !open && at_rest && self.backlog.len() == 0 {
                return;
            }
            if let Err(error) = self.connections.wait(TURN, &mut told) {
                // Nothing can be asked any more; what waits is told as unasked.
                self.fail(error, from, to);
                return;
            }
            let now = now_ns();
            for (slot, outcome) in told.drain(..) {
                self.happened(slot, outcome, now, to);
            }
        }
    }

    /// Begins inquiries as long as there is room.
    fn begin(&mut self, now_ns: u64, to: &Sender<Answer>) {
        let mut looked_at = 0;
        while self.wanting.is_empty()
            && self.connections.free() > 0
            && let Some(&number) = self.idle.last()
            && looked_at < LOOKED_AT
            && let Some(target) = self.backlog.pop()
        {
            looked_at += 1;
            if !self.hosts.may_open(target.addr, true) {
                self.backlog.put_back(target);
                continue;
            }
            self.idle.pop();
            let short = self.hosts.is_mute(target.addr);
            let inquiry = Inquiry::new(target, &self.catalogue, short, now_ns);
            self.running[number as usize] = Some(Running { inquiry, slots: [None; TALKS] });
            self.with(number, to, |inquiry, desk| inquiry.begin(now_ns, desk));
        }
    }

    /// Gives connections to talks that wait for one.
    fn serve(&mut self) {
        for _ in 0..self.wanting.len() {
            if self.connections.free() == 0 {
                return;
            }
            let Some((number, talk)) = self.wanting.pop_front() else { return };
            let Some(running) = &self.running[number as usize] else { continue };
            let target = running.inquiry.target();
            if !running.inquiry.is_talking(talk) || running.slots[talk].is_some() {
                continue;
            }
            if !self.hosts.may_open(target.addr, false) || !self.connect(number, talk, target) {
                self.wanting.push_back((number, talk));
            }
        }
    }

    /// Begins a connection; false where none is to be had now.
    fn connect(&mut self, number: u32, talk: usize, target: Target) -> bool {
        let ask = self.running[number as usize].as_ref().and_then(|of| of.inquiry.asks(talk));
        let any_port = ask.is_some_and(|ask| self.catalogue.answers_from_any_port(ask));
        let Ok(socket) = self.socket(target, any_port) else { return false };
        let to = SocketAddr::new(target.addr, target.port);
        let slot = match any_port {
            true => self.connections.open_unconnected(socket, to),
            false => self.connections.open(socket, to, CONNECT),
        };
        let Some(slot) = slot else { return false };
        self.hosts.opened(target.addr);
        self.owners[slot.0 as usize] = Some((number, talk));
        if let Some(running) = &mut self.running[number as usize] {
            running.slots[talk] = Some(slot);
        }
        true
    }

    fn socket(&self, target: Target, any_port: bool) -> io::Result<OwnedFd> {
        let kind = if target.protocol == Protocol::Udp { Type::DGRAM } else { Type::STREAM };
        let domain = if target.addr.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
        let socket = Socket::new(domain, kind, None)?;
        if any_port {
            hear_only(&socket, target.addr)?;
        }
        if !target.addr.is_loopback() {
            if let Some(interface) = &self.options.interface {
                socket.bind_device(Some(interface.as_bytes()))?;
            }
            let same = |ip: &&IpAddr| ip.is_ipv4() == target.addr.is_ipv4();
            if let Some(&ip) = self.options.source_ips.iter().find(same) {
                // An address that is not this host's is the scan's alone.
                let _ = socket.bind(&SocketAddr::new(ip, 0).into());
            }
        }
        Ok(socket.into())
    }

    fn happened(&mut self, slot: SlotId, outcome: Outcome, now_ns: u64, to: &Sender<Answer>) {
        if let Some((number, talk)) = self.owners[slot.0 as usize] {
            let Self { connections, running, catalogue, scratch, tunnels, orders, .. } = self;
            let Some(of) = &mut running[number as usize] else { return };
            let opening = matches!(outcome, Outcome::Expired | Outcome::Failed(_))
                && !of.inquiry.is_open(talk);
            let event = match outcome {
                Outcome::Opened => Event::Opened,
                Outcome::Heard(chunk, len) => Event::Heard(connections.chunk(chunk, len)),
                _ if opening => Event::Refused,
                Outcome::Expired => Event::Due,
                Outcome::Closed | Outcome::Failed(_) => Event::Closed,
            };
            let mut desk = Desk { catalogue, scratch, tunnels: reborrow(tunnels), orders };
            let found = of.inquiry.event(talk, event, now_ns, &mut desk);
            if opening {
                self.let_go(slot);
            }
            self.carry_out(number, now_ns);
            self.ended(number, found, to);
        }
        if let Outcome::Heard(chunk, _) = outcome {
            self.connections.give_back(chunk);
        }
    }

    /// Lets an inquiry do something, and does what it orders.
    fn with(
        &mut self,
        number: u32,
        to: &Sender<Answer>,
        act: impl FnOnce(&mut Inquiry, &mut Desk<'_>) -> Option<Found>,
    ) {
        let Self { running, catalogue, scratch, tunnels, orders, .. } = self;
        let Some(of) = &mut running[number as usize] else { return };
        let mut desk = Desk { catalogue, scratch, tunnels: reborrow(tunnels), orders };
        let found = act(&mut of.inquiry, &mut desk);
        self.carry_out(number, now_ns());
        self.ended(number, found, to);
    }

    fn carry_out(&mut self, number: u32, now_ns: u64) {
        let mut orders = std::mem::take(&mut self.orders);
        let until = |at_ns: u64| Duration::from_nanos(at_ns.saturating_sub(now_ns));
        for order in orders.drain(..) {
            let Some(running) = &self.running[number as usize] else { continue };
            match order {
                Order::Open(talk) => {
                    let target = running.inquiry.target();
                    let now = self.wanting.is_empty()
                        && self.hosts.may_open(target.addr, false)
                        && self.connect(number, talk, target);
                    if !now {
                        self.wanting.push_back((number, talk));
                    }
                }
                Order::Say(talk, bytes, at_ns) => {
                    if let Some(slot) = running.slots[talk] {
                        self.connections.say(slot, &bytes, until(at_ns));
                    }
                }
                Order::Hear(talk, at_ns) => {
                    if let Some(slot) = running.slots[talk] {
                        self.connections.hear(slot, until(at_ns));
                    }
                }
                Order::Close(talk) => {
                    if let Some(slot) = running.slots[talk] {
                        self.let_go(slot);
                    }
                }
            }
        }
        self.orders = orders;
    }

    /// Ends a connection; it is nobody's from here on.
    fn let_go(&mut self, slot: SlotId) {
        if let Some((number, talk)) = self.owners[slot.0 as usize].take()
            && let Some(running) = &mut self.running[number as usize]
        {
            running.slots[talk] = None;
            self.hosts.closed(running.inquiry.target().addr);
            self.connections.close(slot);
        }
    }

    fn ended(&mut self, number: u32, found: Option<Found>, to: &Sender<Answer>) {
        let Some(found) = found else { return };
        let silent = found.service().is_none() && found.banner.is_empty();
        self.hosts.ended(found.target.addr, silent);
        self.running[number as usize] = None;
        self.idle.push(number);
        // Nobody takes answers any more only where the scan has panicked.
        let _ = to.send(Answer::Found(Box::new(found)));
    }

    /// Breaks off what is going on.
    fn abandon(&mut self, now_ns: u64, to: &Sender<Answer>) {
        for number in 0..self.running.len() as u32 {
            let Some(running) = &mut self.running[number as usize] else { continue };
            let slots = running.slots;
            let target = running.inquiry.target();
            let found = running.inquiry.abandon(now_ns, &self.catalogue);
            for slot in slots.into_iter().flatten() {
                self.let_go(slot);
            }
            self.running[number as usize] = None;
            self.idle.push(number);
            // What had told nothing yet counts as not asked.
            let answer = match found.service() {
                Some(_) => Answer::Found(Box::new(found)),
                None => Answer::Unasked(target),
            };
            let _ = to.send(answer);
        }
        self.wanting.clear();
    }

    fn fail(&mut self, error: io::Error, from: &Receiver<Target>, to: &Sender<Answer>) {
        let _ = to.send(Answer::Broken(error));
        self.abandon(now_ns(), to);
        while let Some(target) = self.backlog.pop() {
            let _ = to.send(Answer::Unasked(target));
        }
        for target in from.iter() {
            let _ = to.send(Answer::Unasked(target));
        }
    }
}

fn reborrow(tunnels: &mut Option<Box<dyn Tunnels>>) -> Option<&mut dyn Tunnels> {
    match tunnels {
        Some(tunnels) => Some(&mut **tunnels),
        None => None,
    }
}
