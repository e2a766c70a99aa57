//! Targets on our own networks: each is asked for its MAC address by ARP (IPv4) or
//! neighbour discovery (IPv6) before the first probe to it leaves.
//!
//! One thread walks the scan's order ahead of the workers and asks for every
//! neighbour that it meets for the first time; a worker's first pass waits where
//! it would overtake it. So nothing is asked up front, replies are waited for while
//! other probes leave, and what is kept is one word a neighbour ([`table`]).
//! Where hosts are looked for, the answer is the result.
//!
//! What it does not do: answer the neighbours' own questions. The kernel does, for
//! the addresses that the interface has.

mod asking;
mod table;

use std::net::IpAddr;
use std::sync::Arc;

pub(super) use asking::{Asked, Asking};
pub(crate) use table::MOST;
pub(super) use table::{State, Table};

use crate::error::{Error, Kind, Result};
use crate::plan::Plan;
use crate::plan::origin::NeighbourMac;
use crate::port::doorbell::{Asker, Doorbell};
use crate::route::{Path, Reach, Routes, neighbour};

/// The neighbours of a scan and the sockets to ask them by.
pub(super) struct Neighbours {
    pub(super) table: Arc<Table>,
    /// One for each path; `None` where there is nobody to ask.
    doors: Vec<Option<Door>>,
    /// The answer is the result: hosts are looked for.
    pub(super) answers_are_results: bool,
}

/// The way to the neighbours on one interface.
struct Door {
    bell: Doorbell,
    source_v4: Option<IpAddr>,
    source_v6: Option<IpAddr>,
}

impl Door {
    fn source(&self, v6: bool) -> Option<IpAddr> {
        if v6 { self.source_v6 } else { self.source_v4 }
    }
}

/// The table of the targets on the own networks of the paths that `framed` holds for.
/// `None`: there are too many.
pub(super) fn table(plan: &Plan, routes: &Routes, framed: &[bool]) -> Option<Table> {
    let mut ranges = Vec::new();
    for (number, path) in routes.paths.iter().enumerate() {
        if !framed[number] || !path.needs_neighbours() {
            continue;
        }
        let on_link = |leg: usize| {
            let leg = routes.legs[leg];
            leg.path == number && leg.reach == Reach::OnLink
        };
        for range in plan.ranges() {
            let parts = routes.spans.within(&range, on_link);
            ranges.extend(parts.into_iter().map(|part| (part, number)));
        }
    }
    ranges.sort_unstable_by_key(|(range, _)| range.first());
    Table::new(&ranges)
}

impl Neighbours {
    /// Opens the sockets. Neighbours that the administrator has entered in the kernel's
    /// table are known from the start, unless their answers are what is looked for.
    ///
    /// # Errors
    /// When a socket cannot be opened.
    pub(super) fn open(
        table: Table,
        paths: &[Path],
        framed: &[bool],
        vlan: Option<u16>,
        answers_are_results: bool,
    ) -> Result<Self> {
        let mut doors = Vec::new();
        for (path, framed) in paths.iter().zip(framed) {
            if !framed || !path.needs_neighbours() {
                doors.push(None);
                continue;
            }
            let interface = &path.interface;
            let mac = interface.mac.ok_or_else(|| {
                Error::new(Kind::Failed, format!("ask for neighbours on {}", interface.name))
                    .cause("it has no MAC address")
            })?;
            doors.push(Some(Door {
                bell: Doorbell::open(Asker {
                    interface: interface.name.clone(),
                    ifindex: interface.index,
                    mac,
                    vlan,
                })?,
                source_v4: path.sources_v4.first().copied().map(IpAddr::from),
                source_v6: path.sources_v6.first().copied().map(IpAddr::from),
            }));
            if !answers_are_results {
                for (addr, mac) in neighbour::permanent(interface.index) {
                    if let Some((place, _)) = table.find(addr) {
                        table.set(place, State::Known(mac));
                    }
                }
            }
        }
        Ok(Self { table: Arc::new(table), doors, answers_are_results })
    }

    /// What probes are addressed by.
    pub(super) fn look_up(&self) -> NeighbourMac {
        let table = Arc::clone(&self.table);
        Arc::new(move |addr| table.mac(addr))
    }
}
