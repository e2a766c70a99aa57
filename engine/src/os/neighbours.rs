//! The MAC addresses of hosts on our own networks, asked for by ARP and neighbour discovery
//! before the first of them is asked for its system. They have answered a scan a moment ago,
//! so nearly all are known after one round trip.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::time::Duration;

use super::asking::RATE;
use super::ways::{NextHop, Reached};
use crate::error::Result;
use crate::event::clock::monotonic_ns;
use crate::port::doorbell::{Asker, Doorbell};
use crate::route::{Interface, neighbour};
use crate::scan::{Control, Options};

/// How often a host is asked, and how long each time is waited for answers.
const TRIES: u8 = 3;
const PATIENCE_NS: u64 = 400_000_000;
/// Answers read in a turn.
const READ: usize = 256;
/// Longest sleep.
const NAP_NS: u64 = 20_000_000;

/// MAC addresses by host, of those that told theirs.
pub(super) type Known = HashMap<IpAddr, [u8; 6]>;

/// Asks for the addresses of all `hosts` that need one, `rate` a second. Fewer where
/// `control` says to stop.
///
/// # Errors
/// When nothing can be sent.
pub(super) fn ask(
    interface: &Interface,
    hosts: &[Reached],
    rate: f64,
    options: &Options,
    control: &Control,
    idle: &mut dyn FnMut(),
) -> Result<Known> {
    let mut known = Known::new();
    let asked = || hosts.iter().filter(|host| host.next_hop == NextHop::Itself);
    let (Some(mac), true) = (interface.mac, asked().next().is_some()) else { return Ok(known) };
    let mut waiting: HashSet<IpAddr> = asked().map(|host| host.target.host).collect();
    // What the administrator has entered is asked for by nobody.
    for (addr, mac) in neighbour::permanent(interface.index) {
        if waiting.remove(&addr) {
            known.insert(addr, mac);
        }
    }
    let mut bell = Doorbell::open(Asker {
        interface: interface.name.clone(),
        ifindex: interface.index,
        mac,
        vlan: options.vlan,
    })?;
    let gap_ns = (1e9 / rate.min(RATE)) as u64;
    let mut next_ns = monotonic_ns();
    for _ in 0..TRIES {
        let missing: Vec<&Reached> =
            asked().filter(|host| waiting.contains(&host.target.host)).collect();
        let (mut at, mut until_ns) = (0, u64::MAX);
        while !waiting.is_empty() && control.level() == 0 {
            let now_ns = monotonic_ns();
            if now_ns >= until_ns {
                break;
            }
            while at < missing.len() && next_ns <= now_ns {
                let Reached { target, source, .. } = missing[at];
                if waiting.contains(&target.host) && !bell.ask(*source, target.host)? {
                    break;
                }
                at += 1;
                next_ns = next_ns.max(now_ns.saturating_sub(NAP_NS)) + gap_ns;
                if at == missing.len() {
                    until_ns = now_ns + PATIENCE_NS;
                }
            }
            bell.receive(READ, &mut |answer| {
                if let Some(answer) = answer
                    && waiting.remove(&answer.addr)
                {
                    known.insert(answer.addr, answer.mac);
                }
            });
            idle();
            let wake_ns = if at < missing.len() { next_ns } else { until_ns };
            let nap_ns = wake_ns.saturating_sub(monotonic_ns()).min(NAP_NS);
            if nap_ns > 0 && !waiting.is_empty() {
                bell.wait(Duration::from_nanos(nap_ns));
            }
        }
    }
    Ok(known)
}
