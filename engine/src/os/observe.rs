//! From the answers to the sixteen probes to a fingerprint: the tests as nmap's
//! documentation describes them. Pure: answers and send times in, values out.

use std::fmt::Write as _;

use prtip_signatures::os::Fingerprint;
use prtip_signatures::os::notation::{LineId, Test};

use super::probe::{DATAGRAM_BYTES, DATAGRAM_ID, Flow, Probe, TTL};
use super::reply::{Body, Reply, Segment, Sum, Unreachable, asked_code};
use super::sequence::{Counter, Sample, counter, numbers, shares_counter, stamps};

/// What came of each probe, in the order of [`Probe::ALL`].
#[derive(Clone, Debug)]
pub struct Answers {
    /// Whom they are from.
    pub flow: Flow,
    /// When each probe was sent; 0: it was not.
    pub sent_ns: [u64; 16],
    /// The first answer to each.
    pub replies: [Option<Reply>; 16],
    /// The host is on the local network, or this one.
    pub near: bool,
    /// The host is this one: its counters count our probes too.
    pub own: bool,
    /// The closed TCP port is none that is known to be closed: nobody may have heard.
    pub guessed: bool,
}

impl Answers {
    /// No answers yet.
    #[must_use]
    pub fn new(flow: Flow) -> Self {
        Self {
            flow,
            sent_ns: [0; 16],
            replies: [None; 16],
            near: false,
            own: false,
            guessed: false,
        }
    }

    pub(super) fn reply(&self, probe: Probe) -> Option<&Reply> {
        self.replies[probe.index()].as_ref()
    }

    pub(super) fn segment(&self, probe: Probe) -> Option<(&Reply, &Segment)> {
        let reply = self.reply(probe)?;
        match &reply.body {
            Body::Tcp(segment) => Some((reply, segment)),
            _ => None,
        }
    }

    /// How many hops the datagram had left when it came to its closed port.
    fn hops_left(&self) -> Option<u8> {
        match self.reply(Probe::U1)?.body {
            Body::Unreachable(unreachable) => Some(unreachable.quoted_ttl),
            Body::Error(error) => Some(error.quoted_hops),
            _ => None,
        }
    }

    /// Whether the UDP port has shown to be closed.
    #[must_use]
    pub fn closed_udp_answered(&self) -> bool {
        self.hops_left().is_some()
    }

    fn unreachable(&self) -> Option<(&Reply, &Unreachable)> {
        let reply = self.reply(Probe::U1)?;
        match &reply.body {
            Body::Unreachable(unreachable) => Some((reply, unreachable)),
            _ => None,
        }
    }

    /// Routers on the way to the host, where that is known.
    #[must_use]
    pub fn routers(&self) -> Option<u8> {
        let left = self.hops_left();
        left.and_then(|left| TTL.checked_sub(left)).or(self.near.then_some(0))
    }

    /// Seconds since the host started, as its time stamps tell where they count from there:
    /// a guess, which many systems mislead.
    #[must_use]
    pub fn uptime_s(&self) -> Option<u64> {
        let samples = self.samples();
        let (first, last) = (samples.first()?, samples.last()?);
        let (from, to) = (first.stamp?, last.stamp?);
        let seconds = last.sent_ns.checked_sub(first.sent_ns).filter(|ns| *ns > 0)? as f64 / 1e9;
        let rate = match f64::from(to.wrapping_sub(from)) / seconds {
            ..=0.0 => return None,
            ..=5.66 => 2,
            70.0..=150.0 => 100,
            150.0..=350.0 => 200,
            900.0..=1100.0 => 1000,
            _ => return None,
        };
        Some(u64::from(to) / rate)
    }

    /// How the identifications of segments go on, in nmap's words. IPv6 has none.
    #[must_use]
    pub fn ip_id_class(&self) -> Option<&'static str> {
        if self.flow.target.is_ipv6() {
            return None;
        }
        let ids: Vec<u16> = self.samples().iter().map(|sample| sample.id).collect();
        let kind = if ids.len() >= 3 { counter(&ids, false, self.own)? } else { return None };
        Some(match kind {
            Counter::Zero => "All zeros",
            Counter::Constant(_) => "Duplicated ipid (!)",
            Counter::Random => "Randomized",
            Counter::RandomIncrements => "Random positive increments",
            Counter::BrokenIncrements => "Broken little-endian incremental",
            Counter::Incremental => "Incremental",
        })
    }

    /// Whether that this probe was not answered tells something of the host.
    pub(super) fn silence_tells(&self, probe: Probe) -> bool {
        !(self.guessed && matches!(probe, Probe::Tcp(5..)))
    }

    /// The ports that were asked and answered as they should: state, protocol, port.
    pub fn ports_used(&self) -> impl Iterator<Item = (&'static str, &'static str, u16)> {
        let closed = (5..=7).any(|line| self.reply(Probe::Tcp(line)).is_some());
        let flow = &self.flow;
        [
            (!self.samples().is_empty()).then_some(("open", "tcp", flow.open)),
            closed.then_some(("closed", "tcp", flow.closed)),
            self.hops_left().is_some().then_some(("closed", "udp", flow.closed_udp)),
        ]
        .into_iter()
        .flatten()
    }

    /// The six answers as far as they came and accept the connection.
    pub(super) fn samples(&self) -> Vec<Sample> {
        let sample = |at: u8| {
            let found = self.segment(Probe::Seq(at));
            let (reply, segment) = found.filter(|(_, segment)| segment.flags & 0x12 == 0x12)?;
            let sent_ns = self.sent_ns[Probe::Seq(at).index()];
            let stamp = stamp(segment.options());
            Some(Sample { probe: at, sent_ns, number: segment.seq, id: reply.id, stamp })
        };
        (0..6).filter_map(sample).collect()
    }

    /// The fingerprint. Probes that were not sent have no line.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        if self.flow.target.is_ipv6() {
            return self.fingerprint_v6();
        }
        let mut into = Fingerprint::default();
        self.sequences(&mut into);
        self.syn_lines("OPS", "WIN", &mut into);
        if self.sent_ns[Probe::Ecn.index()] > 0 {
            self.ecn(&mut into);
        }
        self.segment_line("T1", Probe::Seq(0), &mut into);
        for (line, name) in (2..).zip(["T2", "T3", "T4", "T5", "T6", "T7"]) {
            self.segment_line(name, Probe::Tcp(line), &mut into);
        }
        self.datagram(&mut into);
        self.echoes(&mut into);
        into
    }

    fn sequences(&self, into: &mut Fingerprint) {
        let samples = self.samples();
        numbers(&samples, "SEQ", into);
        let ids: Vec<u16> = samples.iter().map(|sample| sample.id).collect();
        let tcp = if ids.len() >= 3 { counter(&ids, false, self.own) } else { None };
        let ids = |probes: &[Probe]| -> Vec<u16> {
            probes.iter().filter_map(|&probe| Some(self.reply(probe)?.id)).collect()
        };
        let closed = ids(&[Probe::Tcp(5), Probe::Tcp(6), Probe::Tcp(7)]);
        let closed = if closed.len() >= 2 { counter(&closed, false, self.own) } else { None };
        let echoes = ids(&[Probe::Echo(0), Probe::Echo(1)]);
        let echo = if echoes.len() == 2 { counter(&echoes, true, self.own) } else { None };
        for (name, kind) in [("TI", tcp), ("CI", closed), ("II", echo)] {
            if let Some(kind) = kind {
                into.set(Test::named("SEQ", name), kind);
            }
        }
        let counts = [Counter::RandomIncrements, Counter::BrokenIncrements, Counter::Incremental];
        // Of one kind or not: what is between two echoes may be anything.
        if [tcp, echo].iter().all(|kind| kind.is_some_and(|kind| counts.contains(&kind)))
            && let Some(shared) = shares_counter(&samples, echoes[0])
        {
            into.set(Test::named("SEQ", "SS"), if shared { "S" } else { "O" });
        }
        stamps(&samples, "SEQ", into);
    }

    /// OPS and WIN.
    pub(super) fn syn_lines(&self, ops: &str, win: &str, into: &mut Fingerprint) {
        let mut any = false;
        for (at, (o, w)) in
            [("O1", "W1"), ("O2", "W2"), ("O3", "W3"), ("O4", "W4"), ("O5", "W5"), ("O6", "W6")]
                .into_iter()
                .enumerate()
        {
            let Some((_, segment)) = self.segment(Probe::Seq(at as u8)) else { continue };
            any = true;
            into.set(Test::named(ops, o), options(segment.options()));
            into.set(Test::named(win, w), format_args!("{:X}", segment.window));
        }
        if !any && self.sent_ns[0] > 0 {
            into.set(Test::named(ops, "R"), "N");
            into.set(Test::named(win, "R"), "N");
        }
    }

    /// R, DF and T or TG of a line; `false` where nothing came.
    fn head(&self, line: &str, reply: Option<&Reply>, df: bool, into: &mut Fingerprint) -> bool {
        let Some(reply) = reply else {
            into.set(Test::named(line, "R"), "N");
            return false;
        };
        into.set(Test::named(line, "R"), "Y");
        if df {
            into.set(Test::named(line, "DF"), yes(reply.dont_fragment));
        }
        self.began_with(line, reply.ttl, into);
        true
    }

    /// T or TG of a line.
    pub(super) fn began_with(&self, line: &str, ttl: u8, into: &mut Fingerprint) {
        match self.routers() {
            Some(routers) => {
                let ttl = u16::from(ttl) + u16::from(routers);
                into.set(Test::named(line, "T"), format_args!("{ttl:X}"));
            }
            None => into.set(Test::named(line, "TG"), format_args!("{:X}", initial(ttl))),
        }
    }

    fn ecn(&self, into: &mut Fingerprint) {
        let found = self.segment(Probe::Ecn);
        if !self.head("ECN", found.map(|(reply, _)| reply), true, into) {
            return;
        }
        let Some((_, segment)) = found else { return };
        ecn_values("ECN", segment, into);
    }

    fn segment_line(&self, line: &str, probe: Probe, into: &mut Fingerprint) {
        if self.sent_ns[probe.index()] == 0 {
            return;
        }
        let found = self.segment(probe);
        if found.is_none() && !self.silence_tells(probe) {
            return;
        }
        if !self.head(line, found.map(|(reply, _)| reply), true, into) {
            return;
        }
        let Some((_, segment)) = found else { return };
        self.segment_values(line, probe, segment, into);
    }

    /// What a TCP header tells, in a line of `T1` to `T7`.
    pub(super) fn segment_values(
        &self,
        line: &str,
        probe: Probe,
        segment: &Segment,
        into: &mut Fingerprint,
    ) {
        let (seq, ack) = (self.flow.seq_of(probe), self.flow.ack);
        let mut set = |name, value: String| into.set(Test::named(line, name), value);
        if probe != Probe::Seq(0) {
            set("W", format!("{:X}", segment.window));
            set("O", options(segment.options()));
        }
        set("S", relation(segment.seq, ack, "A", "A+").to_owned());
        set("A", relation(segment.ack, seq, "S", "S+").to_owned());
        set("F", flags(segment.flags));
        let crc = if segment.flags & 4 != 0 { segment.data_crc } else { 0 };
        set("RD", format!("{crc:X}"));
        set("Q", quirks(segment));
    }

    fn datagram(&self, into: &mut Fingerprint) {
        if self.sent_ns[Probe::U1.index()] == 0 {
            return;
        }
        let found = self.unreachable();
        if !self.head("U1", found.map(|(reply, _)| reply), true, into) {
            return;
        }
        let Some((_, it)) = found else { return };
        let mut set = |name, value: String| into.set(Test::named("U1", name), value);
        let good_or = |good: bool, value: u16| {
            if good { "G".to_owned() } else { format!("{value:X}") }
        };
        let sent_length = 28 + DATAGRAM_BYTES as u16;
        set("IPL", format!("{:X}", it.length));
        set("UN", format!("{:X}", it.unused));
        set("RIPL", good_or(it.quoted_length == sent_length, it.quoted_length));
        set("RID", good_or(it.quoted_id == DATAGRAM_ID, it.quoted_id));
        let sum = match it.quoted_sum {
            Sum::Good => "G",
            Sum::Zero => "Z",
            Sum::Bad => "I",
        };
        set("RIPCK", sum.to_owned());
        let sent_sum = self.flow.datagram_checksum();
        set("RUCK", good_or(it.quoted_udp_sum == sent_sum, it.quoted_udp_sum));
        set("RUD", if it.data_intact { "G" } else { "I" }.to_owned());
    }

    fn echoes(&self, into: &mut Fingerprint) {
        let probes = [Probe::Echo(0), Probe::Echo(1)];
        if probes.iter().all(|probe| self.sent_ns[probe.index()] == 0) {
            return;
        }
        let [first, second] = probes.map(|probe| self.reply(probe));
        let both = first.zip(second);
        if !self.head("IE", both.map(|(first, _)| first), false, into) {
            return;
        }
        let Some((first, second)) = both else { return };
        // The first probe must not be fragmented, the second may.
        let fragments = match (first.dont_fragment, second.dont_fragment) {
            (false, false) => "N",
            (true, false) => "S",
            (true, true) => "Y",
            (false, true) => "O",
        };
        into.set(Test::named("IE", "DFI"), fragments);
        let (Body::Echo(first), Body::Echo(second)) = (first.body, second.body) else { return };
        let code = match (first, second) {
            (0, 0) => "Z".to_owned(),
            (a, b) if a == asked_code(false) && b == asked_code(true) => "S".to_owned(),
            (a, b) if a == b => format!("{a:X}"),
            _ => "O".to_owned(),
        };
        into.set(Test::named("IE", "CD"), code);
    }

    /// How far these answers can be believed, in words; nothing where all is well.
    #[must_use]
    pub fn doubts(&self) -> Vec<&'static str> {
        let mut doubts = Vec::new();
        if self.samples().len() < 6 {
            doubts.push("not all six SYNs were answered");
        }
        let any = |line: std::ops::RangeInclusive<u8>| {
            line.into_iter().any(|at| self.reply(Probe::Tcp(at)).is_some())
        };
        if !any(5..=7) {
            doubts.push("no closed TCP port answered");
        }
        if self.hops_left().is_none() {
            doubts.push("no closed UDP port answered");
        }
        let ttls: Vec<u8> = self.replies.iter().flatten().map(|reply| initial(reply.ttl)).collect();
        let segments = (0..6).filter_map(|at| self.reply(Probe::Seq(at)));
        let mut syn_ttls = segments.map(|reply| reply.ttl);
        if let Some(first) = syn_ttls.next()
            && syn_ttls.any(|ttl| ttl != first)
        {
            doubts.push("answers of one port came over ways of different lengths");
        } else if ttls.windows(2).any(|pair| pair[0] != pair[1]) {
            doubts.push(
                "answers began with different TTLs: perhaps several hosts behind one address",
            );
        }
        doubts
    }

    /// Which lines a fingerprint of these answers has.
    #[must_use]
    pub fn lines(&self) -> usize {
        let fingerprint = self.fingerprint();
        LineId::all().filter(|line| line.tests().any(|t| fingerprint.get(t).is_some())).count()
    }
}

/// What the answer to the ECN probe tells.
pub(super) fn ecn_values(line: &str, segment: &Segment, into: &mut Fingerprint) {
    let mut set = |name, value: String| into.set(Test::named(line, name), value);
    set("W", format!("{:X}", segment.window));
    set("O", options(segment.options()));
    let echoes = match segment.flags & 0xc0 {
        0x40 => "Y",
        0 => "N",
        0xc0 => "S",
        _ => "O",
    };
    set("CC", echoes.to_owned());
    set("Q", quirks(segment));
}

fn yes(is: bool) -> &'static str {
    if is { "Y" } else { "N" }
}

/// The TTL that a packet probably left with.
fn initial(ttl: u8) -> u8 {
    match ttl {
        ..=32 => 32,
        33..=64 => 64,
        65..=128 => 128,
        _ => 255,
    }
}

/// What a number has to do with one that we sent.
fn relation(value: u32, sent: u32, same: &'static str, next: &'static str) -> &'static str {
    match value {
        0 => "Z",
        value if value == sent => same,
        value if value == sent.wrapping_add(1) => next,
        _ => "O",
    }
}

/// The flags, ECE first, FIN last.
fn flags(flags: u8) -> String {
    let letters = [(64, 'E'), (32, 'U'), (16, 'A'), (8, 'P'), (4, 'R'), (2, 'S'), (1, 'F')];
    letters.into_iter().filter_map(|(bit, letter)| (flags & bit != 0).then_some(letter)).collect()
}

/// R: the reserved bit that probes have set; U: an urgent pointer without its flag.
fn quirks(segment: &Segment) -> String {
    let mut quirks = String::new();
    if segment.reserved & 8 != 0 {
        quirks.push('R');
    }
    if segment.urgent != 0 && segment.flags & 32 == 0 {
        quirks.push('U');
    }
    quirks
}

/// Each option's kind, length and content, as far as they are sound.
fn each_option(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (&kind, rest) = bytes.split_first()?;
        if kind <= 1 {
            bytes = rest;
            return Some((kind, &rest[..0]));
        }
        let length = usize::from(*rest.first()?);
        let content = bytes.get(2..length)?;
        bytes = &bytes[length..];
        Some((kind, content))
    })
}

/// Options in the notation: `M5B4ST11NWA`.
fn options(bytes: &[u8]) -> String {
    let mut told = String::new();
    for (kind, content) in each_option(bytes) {
        // A String takes all text.
        let _ = match (kind, content) {
            (0, _) => write!(told, "L"),
            (1, _) => write!(told, "N"),
            (2, &[high, low]) => write!(told, "M{:X}", u16::from_be_bytes([high, low])),
            (3, &[scale]) => write!(told, "W{scale:X}"),
            (4, []) => write!(told, "S"),
            (8, &[a, b, c, d, e, f, g, h]) => {
                let bit = |word: [u8; 4]| u8::from(word != [0; 4]);
                write!(told, "T{}{}", bit([a, b, c, d]), bit([e, f, g, h]))
            }
            _ => Ok(()),
        };
    }
    told
}

/// The value of a time stamp option.
fn stamp(bytes: &[u8]) -> Option<u32> {
    each_option(bytes).find_map(|(kind, content)| match kind {
        8 if content.len() == 8 => Some(u32::from_be_bytes(*content.first_chunk()?)),
        _ => None,
    })
}

#[cfg(test)]
#[path = "observe_tests.rs"]
mod tests;
