//! One worker's ports on several interfaces as one [`Port`]: each probe leaves by
//! the port of its way, each RST by the port that its SYN-ACK came in on.
//!
//! Frames are taken from one port a turn, the next one the turn after, since ports
//! may differ in where their frames begin.

use std::time::Duration;

use super::{Counters, Port, SendStages};
use crate::error::Result;
use crate::plan::probe::Prober;

/// A port and whether RSTs are to leave by it.
pub struct Member {
    /// The port.
    pub port: Box<dyn Port>,
    /// Where the kernel does not answer SYN-ACKs itself.
    pub resets: bool,
}

/// Several ports as one, in the order of the ways' port numbers.
pub struct SeveralPorts {
    members: Vec<Member>,
    /// Whose turn it is to be read.
    turn: usize,
    /// The one read last.
    read: usize,
}

impl SeveralPorts {
    /// # Panics
    /// Without a port.
    #[must_use]
    pub fn new(members: Vec<Member>) -> Self {
        assert!(!members.is_empty(), "a worker has a port");
        Self { members, turn: 0, read: 0 }
    }
}

impl Port for SeveralPorts {
    /// `indices` are sent in runs that leave by the same port: the caller has put
    /// these together ([`Prober::departure`]).
    fn send(&mut self, prober: &Prober, indices: &[u64], attempt: u8) -> Result<usize> {
        let mut taken = 0;
        while let Some(&index) = indices.get(taken) {
            let number = prober.port_of(index);
            let rest = &indices[taken..];
            let run = rest.partition_point(|index| prober.port_of(*index) == number);
            let sent = match self.members[number].port.send(prober, &rest[..run], attempt) {
                Ok(sent) => sent,
                // What went before the error is told first; the next call meets it again.
                Err(_) if taken > 0 => return Ok(taken),
                Err(error) => return Err(error),
            };
            taken += sent;
            if sent < run {
                break;
            }
        }
        Ok(taken)
    }

    fn queue_control(&mut self, fill: &mut dyn FnMut(&mut [u8]) -> usize) -> bool {
        let member = &mut self.members[self.read];
        member.resets && member.port.queue_control(fill)
    }

    fn kick(&mut self) -> Result<()> {
        self.members.iter_mut().try_for_each(|member| member.port.kick())
    }

    fn receive(&mut self, budget: usize, sink: &mut dyn FnMut(&[u8], u64)) -> usize {
        self.read = self.turn;
        self.turn = (self.turn + 1) % self.members.len();
        self.members[self.read].port.receive(budget, sink)
    }

    /// Of the port that is read next.
    fn ethernet(&self) -> bool {
        self.members[self.turn].port.ethernet()
    }

    fn intakes(&self) -> usize {
        self.members.iter().map(|member| member.port.intakes()).sum()
    }

    /// Each port is waited for in turn: what comes to another is read a little later,
    /// with the time at which the kernel got it.
    fn wait(&mut self, timeout: Duration) {
        let count = self.members.len();
        for step in 0..count {
            let number = (self.turn + step) % count;
            self.members[number].port.wait(timeout / count as u32);
        }
    }

    fn quiesce(&mut self) {
        for member in &mut self.members {
            member.port.quiesce();
        }
    }

    fn watched(self: Box<Self>) -> Box<dyn Port> {
        let watched = |member: Member| Member { port: member.port.watched(), ..member };
        Box::new(Self { members: self.members.into_iter().map(watched).collect(), ..*self })
    }

    fn stages(&self) -> Option<SendStages> {
        let stages = self.members.iter().filter_map(|member| member.port.stages());
        stages.reduce(|mut sum, other| {
            sum.merge(&other);
            sum
        })
    }

    fn counters(&mut self) -> Counters {
        let mut sum = Counters::default();
        for member in &mut self.members {
            sum += member.port.counters();
        }
        sum
    }
}
