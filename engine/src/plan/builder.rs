//! From what was asked for to a plan proved valid.

use std::net::IpAddr;
use std::ops::Range;

use super::division::Divisor;
use super::error::PlanError;
use super::items::{Ask, Items, ProbeKind};
use super::permutation::{MAX_LEN, Permutation};
use super::ports::PortSet;
use super::ranges::{IpRange, Ranked, Spans, Word};
use super::top_ports::{top_ports, top_udp_ports};
use super::{Plan, special};

/// Up to this many addresses, our top 100 ports are scanned where none are named.
const DEFAULT_PORTS_UP_TO: u128 = 256;

/// More IPv4 addresses than this (half of those that are not special-purpose)
/// count as all of IPv4.
const WHOLE_INTERNET: u128 = 1_850_000_000;

/// Collects what a plan is made of; [`build`](Self::build) checks all of it.
#[derive(Clone, Debug, Default)]
pub struct PlanBuilder {
    /// Named as special-purpose themselves: taken as they are.
    literal: Families,
    /// Less the special-purpose ranges.
    ordinary: Families,
    excluded: Families,
    allowed: Vec<IpRange>,
    tcp: Wanted,
    tcp_kind: Option<ProbeKind>,
    udp: Wanted,
    asks: Vec<Ask>,
    seed: u64,
    shard: Option<(u64, u64)>,
    max_targets: Option<u64>,
    whole_internet: bool,
    exclude_file: bool,
}

/// Ports of one protocol.
#[derive(Clone, Debug, Default)]
enum Wanted {
    /// Nothing was said: TCP is scanned where nothing else is, UDP is not.
    #[default]
    Unsaid,
    /// Those that are scanned where none are named.
    Usual,
    /// These; perhaps none.
    These(PortSet),
}

impl PlanBuilder {
    /// Adds the ranges of one target token. `named`: the user wrote these
    /// addresses (or, on the command line, a name for them) and means them even
    /// where they are special-purpose; false for addresses of a host name in a list.
    /// Ranges that reach beyond one special-purpose entry lose what is special.
    pub fn target(&mut self, ranges: &[IpRange], named: bool) -> &mut Self {
        let literal = named && special::holding(ranges).is_some();
        let into = if literal { &mut self.literal } else { &mut self.ordinary };
        ranges.iter().for_each(|range| into.push(range));
        self
    }

    /// Adds one address, as a resolved host name gives it.
    pub fn address(&mut self, addr: IpAddr, named: bool) -> &mut Self {
        // A resolver may hand over IPv4 in IPv6 clothes.
        self.target(&[IpRange::single(addr.to_canonical())], named)
    }

    /// Takes ranges out, whoever named them.
    pub fn exclude(&mut self, ranges: &[IpRange]) -> &mut Self {
        ranges.iter().for_each(|range| self.excluded.push(range));
        self
    }

    /// Says that an exclude file was given, which is what all of IPv4 asks for.
    pub fn exclude_file(&mut self, given: bool) -> &mut Self {
        self.exclude_file = given;
        self
    }

    /// Says that all of IPv4 is meant, exclude file or not.
    pub fn whole_internet(&mut self, meant: bool) -> &mut Self {
        self.whole_internet = meant;
        self
    }

    /// Lets the special-purpose addresses of `prefix` be scanned.
    pub fn allow_special(&mut self, prefix: IpRange) -> &mut Self {
        self.allowed.push(prefix);
        self
    }

    /// Sets the TCP ports. Where nothing is said about any protocol: our top 100 for
    /// up to 256 addresses.
    pub fn ports(&mut self, ports: PortSet) -> &mut Self {
        self.tcp = Wanted::These(ports);
        self
    }

    /// Scans the usual TCP ports: our top 100, for up to 256 addresses.
    pub fn usual_ports(&mut self) -> &mut Self {
        self.tcp = Wanted::Usual;
        self
    }

    /// Sets what TCP ports are probed with: [`ProbeKind::Syn`] (the default) or
    /// [`ProbeKind::Ack`].
    pub fn tcp_kind(&mut self, kind: ProbeKind) -> &mut Self {
        self.tcp_kind = Some(kind);
        self
    }

    /// Sets the UDP ports.
    pub fn udp_ports(&mut self, ports: PortSet) -> &mut Self {
        self.udp = Wanted::These(ports);
        self
    }

    /// Scans the usual UDP ports: our top 100, for up to 256 addresses.
    pub fn usual_udp_ports(&mut self) -> &mut Self {
        self.udp = Wanted::Usual;
        self
    }

    /// Looks for hosts instead of ports: asks in these ways, one after the other.
    pub fn hosts(&mut self, asks: &[Ask]) -> &mut Self {
        self.asks = asks.to_vec();
        self
    }

    /// Sets the seed of the order; 0 where none is set.
    pub fn seed(&mut self, seed: u64) -> &mut Self {
        self.seed = seed;
        self
    }

    /// Scans part `part` (the first is 1) of `of`: the indices
    /// [N·(part−1)/of, N·part/of).
    pub fn shard(&mut self, part: u64, of: u64) -> &mut Self {
        self.shard = Some((part, of));
        self
    }

    /// Cuts the plan to its first `pairs` indices, before it is split into shards.
    pub fn max_targets(&mut self, pairs: u64) -> &mut Self {
        self.max_targets = Some(pairs);
        self
    }

    /// Proves the plan valid.
    ///
    /// # Errors
    /// [`PlanError`], for the user to read.
    pub fn build(&self) -> Result<Plan, PlanError> {
        let special: Vec<IpRange> = special::all().iter().map(|entry| entry.range).collect();
        for allowed in &self.allowed {
            if !special.iter().any(|range| range.overlaps(allowed)) {
                return Err(PlanError::NotSpecial(*allowed));
            }
        }
        let (special, allowed) = (Families::of(&special), Families::of(&self.allowed));
        let special_v4 = Spans::union(special.v4.spans).without(&Spans::union(allowed.v4.spans));
        let special_v6 = Spans::union(special.v6.spans).without(&Spans::union(allowed.v6.spans));
        let (v4, v4_lost) =
            select(&self.literal.v4, &self.ordinary.v4, &special_v4, &self.excluded.v4);
        let (v6, v6_lost) =
            select(&self.literal.v6, &self.ordinary.v6, &special_v6, &self.excluded.v6);

        let addresses = v4.count().saturating_add(v6.count());
        if addresses == 0 {
            return Err(if self.literal.is_empty() && self.ordinary.is_empty() {
                PlanError::NoTargets
            } else {
                PlanError::Empty {
                    special: v4_lost.special.saturating_add(v6_lost.special),
                    excluded: v4_lost.excluded.saturating_add(v6_lost.excluded),
                }
            });
        }
        let v4_asked = v4.count() + v4_lost.excluded;
        if v4_asked > WHOLE_INTERNET && !self.whole_internet && !self.exclude_file {
            return Err(PlanError::WholeInternet { addresses: v4_asked });
        }
        let items = self.items(addresses)?;
        let each = items.len() as u64;
        let pairs = addresses.saturating_mul(u128::from(each));
        if pairs > u128::from(MAX_LEN) {
            return Err(PlanError::TooLarge { addresses, ports: each, pairs });
        }
        let pairs = pairs as u64;
        let shard = self.indices(pairs)?;
        Ok(Plan {
            hash: fingerprint(&v4, &v6, &items, self.seed),
            v4: Ranked::new(v4),
            v6: Ranked::new(v6),
            per_address: Divisor::new(each),
            items,
            permutation: Permutation::new(pairs, self.seed),
            shard,
            seed: self.seed,
        })
    }

    fn items(&self, addresses: u128) -> Result<Items, PlanError> {
        let none = || PortSet::new([]);
        let tcp_kind = self.tcp_kind.unwrap_or(ProbeKind::Syn);
        if !self.asks.is_empty() {
            let asks = self.asks.as_slice().into();
            return Ok(Items { tcp: none(), tcp_kind, udp: none(), asks });
        }
        let usual = |list: fn(usize) -> PortSet| {
            if addresses <= DEFAULT_PORTS_UP_TO {
                Ok(list(100))
            } else {
                Err(PlanError::PortsNeeded { addresses })
            }
        };
        let tcp = match (&self.tcp, &self.udp) {
            (Wanted::These(ports), _) => ports.clone(),
            (Wanted::Usual, _) | (Wanted::Unsaid, Wanted::Unsaid) => usual(top_ports)?,
            (Wanted::Unsaid, _) => none(),
        };
        let udp = match &self.udp {
            Wanted::These(ports) => ports.clone(),
            Wanted::Usual => usual(top_udp_ports)?,
            Wanted::Unsaid => none(),
        };
        let items = Items { tcp, tcp_kind, udp, asks: [].into() };
        if items.is_empty() {
            return Err(PlanError::PortsNeeded { addresses });
        }
        Ok(items)
    }

    fn indices(&self, pairs: u64) -> Result<Range<u64>, PlanError> {
        let end = match self.max_targets {
            Some(0) => return Err(PlanError::MaxTargets),
            Some(most) => pairs.min(most),
            None => pairs,
        };
        let (part, of) = self.shard.unwrap_or((1, 1));
        if part == 0 || part > of {
            return Err(PlanError::Shard { part, of });
        }
        let edge = |part: u64| (u128::from(end) * u128::from(part) / u128::from(of)) as u64;
        Ok(edge(part - 1)..edge(part))
    }
}

/// Ranges of both families, unsorted.
#[derive(Clone, Debug, Default)]
struct Families {
    v4: Heap<u32>,
    v6: Heap<u128>,
}

/// Ranges of a family in the order in which they came, joined from time to time: a list
/// that names the same addresses over and over takes no more memory than they do.
#[derive(Clone, Debug, Default)]
struct Heap<T> {
    spans: Vec<(T, T)>,
    /// At this number they are joined.
    full: usize,
}

impl<T: Word> Heap<T> {
    /// Ranges that are kept unjoined at least.
    const LEAST: usize = 1 << 18;

    fn push(&mut self, span: (T, T)) {
        if self.spans.len() >= self.full.max(Self::LEAST) {
            self.spans = Spans::union(std::mem::take(&mut self.spans)).into_spans();
            self.full = self.spans.len() * 2;
        }
        self.spans.push(span);
    }
}

impl Families {
    fn of(ranges: &[IpRange]) -> Self {
        let mut families = Self::default();
        ranges.iter().for_each(|range| families.push(range));
        families
    }

    fn push(&mut self, range: &IpRange) {
        match *range {
            IpRange::V4(first, last) => self.v4.push((first.into(), last.into())),
            IpRange::V6(first, last) => self.v6.push((first.into(), last.into())),
        }
    }

    fn is_empty(&self) -> bool {
        self.v4.spans.is_empty() && self.v6.spans.is_empty()
    }
}

/// How many addresses were taken out, and why.
struct Lost {
    special: u128,
    excluded: u128,
}

/// What is left of the targets of one family.
fn select<T: Word>(
    literal: &Heap<T>,
    ordinary: &Heap<T>,
    special: &Spans<T>,
    excluded: &Heap<T>,
) -> (Spans<T>, Lost) {
    let (literal, ordinary) = (literal.spans.as_slice(), ordinary.spans.as_slice());
    let mut wanted = Spans::union(ordinary.to_vec()).without(special).as_slice().to_vec();
    wanted.extend_from_slice(literal);
    let wanted = Spans::union(wanted);
    let asked = Spans::union([ordinary, literal].concat());
    let left = wanted.without(&Spans::union(excluded.spans.clone()));
    let lost =
        Lost { special: asked.count() - wanted.count(), excluded: wanted.count() - left.count() };
    (left, lost)
}

/// FNV-1a, 64 bits, over the ranges, the items and the seed in little-endian
/// order, each list led by its length. What is not a SYN comes last, so that SYN
/// scans keep the fingerprints of earlier versions.
fn fingerprint(v4: &Spans<u32>, v6: &Spans<u128>, items: &Items, seed: u64) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let mut add = |bytes: &[u8]| {
        for &byte in bytes {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    add(b"prtip plan 1");
    add(&(v4.as_slice().len() as u64).to_le_bytes());
    for (first, last) in v4.as_slice() {
        add(&first.to_le_bytes());
        add(&last.to_le_bytes());
    }
    add(&(v6.as_slice().len() as u64).to_le_bytes());
    for (first, last) in v6.as_slice() {
        add(&first.to_le_bytes());
        add(&last.to_le_bytes());
    }
    let mut add_ports = |ports: &PortSet| {
        add(&(ports.len() as u64).to_le_bytes());
        for port in ports.as_slice() {
            add(&port.to_le_bytes());
        }
    };
    add_ports(&items.tcp);
    if !items.udp.is_empty() {
        add_ports(&items.udp);
    }
    add(&seed.to_le_bytes());
    if items.tcp_kind != ProbeKind::Syn {
        add(&[items.tcp_kind as u8]);
    }
    for ask in &items.asks {
        add(&[ask.kind as u8]);
        add(&ask.port.to_le_bytes());
    }
    hash
}
