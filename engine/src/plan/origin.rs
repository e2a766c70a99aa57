//! Where probes come from: the ways out of a scan, the source addresses on each,
//! and what the probes from one address share.
//!
//! A target belongs to one way (by its address) and to one of that way's source
//! addresses (by a hash of its address), so that one host sees one scanner and a
//! probe stays a pure function of (plan, index, attempt).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use prtip_bpf::abi::{Key, SourceKeys};
use prtip_bpf::cookie::derive_key;

use super::items::ProbeKind;
use super::{IpRange, Plan, PlanError};
use crate::scan::SynOptions;
use crate::wire::Link;
use crate::wire::template::{Carrier, Segment, Template};

/// Most source addresses of a scan, all ways together.
pub const MAX_ORIGINS: usize = 31;

/// IP protocol numbers, which the cookies' keys cover.
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;

/// The MAC address of a target on the local link; `None`: it has not answered.
pub type NeighbourMac = Arc<dyn Fn(IpAddr) -> Option<[u8; 6]> + Send + Sync>;

/// Which way leads to an address, as a number below the number of ways.
pub type WayOf = Arc<dyn Fn(IpAddr) -> usize + Send + Sync>;

/// One way out: link-layer headers and source addresses.
#[derive(Clone)]
pub struct Way {
    /// Link-layer header, for both families unless `link_v6` says otherwise.
    pub link: Link,
    /// Link-layer header of IPv6 packets, where its next hop is another.
    pub link_v6: Option<Link>,
    /// Our IPv4 addresses; needed for IPv4 targets.
    pub sources_v4: Vec<Ipv4Addr>,
    /// Our IPv6 addresses; needed for IPv6 targets.
    pub sources_v6: Vec<Ipv6Addr>,
    /// Targets on the local link: each frame goes to its target's own MAC address.
    pub neighbours: Option<NeighbourMac>,
    /// Which of a worker's ports it leaves by.
    pub port: usize,
}

impl Way {
    /// A way with at most one address a family and one next hop.
    #[must_use]
    pub fn new(link: Link, v4: Option<Ipv4Addr>, v6: Option<Ipv6Addr>) -> Self {
        Self {
            link,
            link_v6: None,
            sources_v4: v4.into_iter().collect(),
            sources_v6: v6.into_iter().collect(),
            neighbours: None,
            port: 0,
        }
    }
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Way")
            .field("link", &self.link)
            .field("sources_v4", &self.sources_v4)
            .field("sources_v6", &self.sources_v6)
            .finish_non_exhaustive()
    }
}

/// Which template a probe is made from: its kind, its family, its origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Form(u8);

impl Form {
    /// A SYN over IPv4 from the first origin.
    pub(super) const FIRST: Self = Self(0);

    pub(super) fn new(origin: usize, kind: ProbeKind, v6: bool) -> Self {
        Self((origin as u8) << 3 | (kind as u8) << 1 | u8::from(v6))
    }

    pub(super) fn is_v6(self) -> bool {
        self.0 & 1 != 0
    }

    pub(super) fn kind(self) -> ProbeKind {
        ProbeKind::ALL[usize::from(self.0 >> 1 & 3)]
    }

    pub(super) fn origin(self) -> usize {
        usize::from(self.0 >> 3)
    }

    /// Kind and family alone.
    pub(super) fn shape(self) -> u8 {
        self.0 & 7
    }

    /// Its place among the templates.
    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }

    /// What a frame remembers of it: never 0.
    pub(super) fn mark(self) -> u8 {
        self.0 + 1
    }
}

/// What the probes from one source address on one way share.
#[derive(Clone)]
pub(super) struct Origin {
    pub(super) source: IpAddr,
    pub(super) link: Link,
    pub(super) keys: SourceKeys,
    pub(super) rst: Template,
    pub(super) neighbours: Option<NeighbourMac>,
    pub(super) port: usize,
}

impl Origin {
    pub(super) fn key(&self, kind: ProbeKind) -> Key {
        match kind {
            ProbeKind::Syn | ProbeKind::Ack => self.keys.tcp,
            ProbeKind::Udp => self.keys.udp,
            ProbeKind::Echo => self.keys.icmp,
        }
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin")
            .field("source", &self.source)
            .field("link", &self.link)
            .finish_non_exhaustive()
    }
}

/// The origins of one way, as ranges of their numbers.
#[derive(Clone, Debug, Default)]
struct OfWay {
    v4: std::ops::Range<usize>,
    v6: std::ops::Range<usize>,
    port: usize,
}

/// All origins of a scan and their templates.
#[derive(Clone)]
pub(super) struct Origins {
    all: Vec<Origin>,
    ways: Vec<OfWay>,
    way_of: Option<WayOf>,
    templates: Box<[Template]>,
}

impl fmt::Debug for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.all).finish()
    }
}

impl Origins {
    pub(super) fn new(
        ways: &[Way],
        way_of: Option<WayOf>,
        key: Key,
        syn: SynOptions,
    ) -> Result<Self, PlanError> {
        let mut all = Vec::new();
        let mut ranges = Vec::new();
        let mut templates = Vec::new();
        for way in ways {
            let v4 = way.sources_v4.iter().map(|&addr| IpAddr::from(addr));
            let v6 = way.sources_v6.iter().map(|&addr| IpAddr::from(addr));
            let start = all.len();
            for source in v4.chain(v6) {
                let link = match way.link_v6 {
                    Some(link) if source.is_ipv6() => link,
                    _ => way.link,
                };
                for kind in ProbeKind::ALL {
                    let template = match kind {
                        ProbeKind::Syn => Template::new(link, source, Segment::Syn(syn)),
                        ProbeKind::Ack => Template::new(link, source, Segment::Ack),
                        ProbeKind::Udp => Template::carrier(link, source, Carrier::Udp),
                        ProbeKind::Echo => Template::carrier(link, source, Carrier::Echo),
                    };
                    // A form tells the family too, of which an origin has one.
                    templates.push(template.clone());
                    templates.push(template);
                }
                all.push(Origin {
                    source,
                    link,
                    keys: SourceKeys {
                        tcp: derive_key(key, source, TCP),
                        udp: derive_key(key, source, UDP),
                        icmp: derive_key(key, source, ICMP),
                    },
                    rst: Template::new(link, source, Segment::Rst),
                    neighbours: way.neighbours.clone(),
                    port: way.port,
                });
            }
            let middle = start + way.sources_v4.len();
            ranges.push(OfWay { v4: start..middle, v6: middle..all.len(), port: way.port });
        }
        if all.len() > MAX_ORIGINS {
            return Err(PlanError::TooManySources { count: all.len(), most: MAX_ORIGINS });
        }
        Ok(Self { all, ways: ranges, way_of, templates: templates.into() })
    }

    /// Checks that every range of the plan has a source where it leaves.
    pub(super) fn cover(&self, plan: &Plan) -> Result<(), PlanError> {
        for range in plan.ranges() {
            let family = match range {
                IpRange::V4(..) => "IPv4",
                IpRange::V6(..) => "IPv6",
            };
            for end in [range.first(), range.last()] {
                if self.number_of(end).is_none() {
                    return Err(PlanError::NoSource { family, target: end });
                }
            }
        }
        Ok(())
    }

    /// The only origin of a family on the first way, which most targets take.
    pub(super) fn only(&self, v6: bool) -> Option<usize> {
        let way = self.ways.first()?;
        let range = if v6 { &way.v6 } else { &way.v4 };
        (range.len() == 1).then_some(range.start)
    }

    /// The numbers of the addresses of a family, where there is one way out.
    pub(super) fn of_family(&self, v6: bool) -> Option<std::ops::Range<usize>> {
        let [way] = self.ways.as_slice() else { return None };
        Some(if v6 { way.v6.clone() } else { way.v4.clone() })
    }

    /// Whether the first way has no address of a family, and others may have.
    pub(super) fn only_elsewhere(&self, v6: bool) -> bool {
        let of = |way: &OfWay| if v6 { way.v6.len() } else { way.v4.len() };
        self.ways.len() > 1 && self.ways.first().is_some_and(|way| of(way) == 0)
    }

    /// Whether targets differ in their ways.
    pub(super) fn are_several(&self) -> bool {
        self.ways.len() > 1
    }

    /// The way to `addr`.
    pub(super) fn way_of(&self, addr: IpAddr) -> usize {
        self.way_of.as_ref().map_or(0, |way_of| way_of(addr))
    }

    /// The port that probes to `addr` leave by.
    pub(super) fn port_of(&self, addr: IpAddr) -> usize {
        self.ways.get(self.way_of(addr)).map_or(0, |way| way.port)
    }

    /// The port of a way, and the MAC addresses of its targets where they have their own.
    pub(super) fn leaving(&self, way: usize, v6: bool) -> (usize, Option<&NeighbourMac>) {
        let Some(way) = self.ways.get(way) else { return (0, None) };
        let first = if v6 { way.v6.start } else { way.v4.start };
        (way.port, self.all.get(first).and_then(|origin| origin.neighbours.as_ref()))
    }

    /// Whether ways differ in the port that they leave by.
    pub(super) fn any_other_port(&self) -> bool {
        self.ways.iter().any(|way| way.port != self.ways[0].port)
    }

    /// The origin of probes to `addr`.
    pub(super) fn number_of(&self, addr: IpAddr) -> Option<usize> {
        let way = self.ways.get(self.way_of(addr))?;
        let range = if addr.is_ipv6() { &way.v6 } else { &way.v4 };
        match range.len() {
            0 => None,
            1 => Some(range.start),
            count => Some(range.start + ((spread(addr) * count as u64) >> 32) as usize),
        }
    }

    pub(super) fn get(&self, number: usize) -> &Origin {
        &self.all[number]
    }

    pub(super) fn all(&self) -> &[Origin] {
        &self.all
    }

    #[inline]
    pub(super) fn template(&self, form: Form) -> &Template {
        &self.templates[form.index()]
    }

    /// Whether some target is reached by a MAC address of its own.
    pub(super) fn any_neighbours(&self) -> bool {
        self.all.iter().any(|origin| origin.neighbours.is_some())
    }
}

/// 32 bits that neighbouring addresses do not share.
fn spread(addr: IpAddr) -> u64 {
    let folded = match addr {
        IpAddr::V4(addr) => u64::from(u32::from(addr)),
        IpAddr::V6(addr) => {
            let addr = u128::from(addr);
            (addr >> 64) as u64 ^ (addr as u64).rotate_left(17)
        }
    };
    let mixed = (folded ^ folded >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32
}
