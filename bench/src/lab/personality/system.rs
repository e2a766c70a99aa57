//! One host that answers as a fingerprint says: packets and times in, packets out.
//!
//! The sixteen probes are known by what they hold; anything else is answered in the same
//! manner: a SYN to the open port is accepted, any other port is closed.

use std::net::Ipv4Addr;

use prtip_signatures::os::Fingerprint;
use prtip_signatures::os::notation::Test;
use prtip_signatures::os::sample;

use super::numbers::{Identifications, Initial, Stamps, number};
use super::packet::{
    Answer, Head, ICMP, Received, Segment, TCP, UDP, data_of_crc, header_checksum, message,
    options, segment,
};

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const PSH: u8 = 8;
const ACK: u8 = 16;
const URG: u8 = 32;
const ECE: u8 = 64;
const CWR: u8 = 128;

/// Length of the header of an error that quotes, IP header included.
const ERROR_HEAD: usize = 28;

/// What a TCP probe asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// One of the six, from 0.
    Six(usize),
    Ecn,
    /// `T2` to `T7`.
    Line(&'static str),
    /// Whatever else.
    Other,
}

/// A host.
pub struct System {
    /// Its address.
    pub address: Ipv4Addr,
    /// Its open TCP port.
    pub open: u16,
    fingerprint: Fingerprint,
    initial: Initial,
    /// Of segments from the open port.
    ids: Identifications,
    /// From closed ones.
    closed_ids: Identifications,
    /// Of echo replies, where they do not count with segments.
    echo_ids: Identifications,
    stamps: Stamps,
    /// Routers that there seem to be: some systems' packets began with more than 255, as far
    /// as could be told from where they were seen.
    routers: u8,
    draw: Box<dyn FnMut(u64) -> u64 + Send>,
}

impl System {
    /// A host that answers as `fingerprint` says; what that leaves open is drawn from `seed`.
    #[must_use]
    pub fn new(address: Ipv4Addr, open: u16, fingerprint: Fingerprint, seed: u64) -> Self {
        let mut draw = Box::new(sample::dice(seed));
        let mut word = || draw(1 << 31) as u32;
        let ids = |name, first: u32| Identifications::of(&fingerprint, name, first as u16);
        Self {
            initial: Initial::of(&fingerprint, word() | 0x4000_0000),
            ids: ids("TI", word()),
            closed_ids: ids("CI", word()),
            echo_ids: ids("II", word()),
            stamps: Stamps::of(&fingerprint, 0, 1 + word() / 2),
            routers: routers(&fingerprint),
            address,
            open,
            fingerprint,
            draw,
        }
    }

    /// What it answers with.
    #[must_use]
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// Takes a packet that begins with its IPv4 header; what it answers.
    pub fn answer(&mut self, packet: &[u8], now_ns: u64) -> Option<Vec<u8>> {
        let received = Received::read(packet)?;
        if received.destination != self.address {
            return None;
        }
        match received.protocol {
            TCP => self.segment(&received, &Segment::read(received.body)?, now_ns),
            UDP => self.datagram(&received),
            ICMP if *received.body.first()? == 8 => self.echo(&received),
            _ => None,
        }
    }

    fn text(&self, line: &str, name: &str) -> Option<&str> {
        self.fingerprint.get(Test::named(line, name))
    }

    fn is_yes(&self, line: &str, name: &str) -> bool {
        self.text(line, name) == Some("Y")
    }

    /// Whether the probe of a line gets an answer. Some lines of databases have no R where
    /// there is one.
    #[must_use]
    pub fn answers(&self, line: &str) -> bool {
        match self.text(line, "R") {
            Some(answers) => answers == "Y",
            None => self.fingerprint.values().any(|(test, _)| test.line().name() == line),
        }
    }

    fn number(&self, line: &str, name: &str) -> u64 {
        number(&self.fingerprint, line, name).unwrap_or(0)
    }

    /// The TTL that packets of a line leave with.
    fn ttl(&self, line: &str) -> u8 {
        let told = ["T", "TG"].iter().find_map(|name| number(&self.fingerprint, line, name));
        told.unwrap_or(64).saturating_sub(self.routers.into()).clamp(1, 255) as u8
    }

    fn segment(
        &mut self,
        received: &Received<'_>,
        probe: &Segment<'_>,
        now_ns: u64,
    ) -> Option<Vec<u8>> {
        let is_open = probe.ports[1] == self.open;
        let asked = what_is_asked(probe, is_open);
        let (line, answer) = match asked {
            Asked::Six(at) => ("T1", self.six(at, probe, now_ns)?),
            Asked::Ecn => ("ECN", self.ecn(probe, now_ns)?),
            Asked::Line(line) => (line, self.line(line, probe, now_ns)?),
            Asked::Other if probe.flags & RST != 0 => return None,
            Asked::Other if is_open => ("T1", self.ordinary(probe, now_ns)),
            // Where a SYN gets no answer, so do others.
            Asked::Other if !self.answers("T5") => return None,
            Asked::Other => ("T5", refusal(probe)),
        };
        let ids = if is_open { &mut self.ids } else { &mut self.closed_ids };
        let id = ids.next(&mut self.draw);
        let head = Head { ttl: self.ttl(line), dont_fragment: self.is_yes(line, "DF"), id };
        Some(segment(received, head, probe.ports, &answer))
    }

    fn six(&mut self, at: usize, probe: &Segment<'_>, now_ns: u64) -> Option<Answer> {
        let (o, w) =
            [("O1", "W1"), ("O2", "W2"), ("O3", "W3"), ("O4", "W4"), ("O5", "W5"), ("O6", "W6")]
                [at];
        self.answers("T1").then_some(())?;
        // Where some have a line, so have those that are answered.
        let some = |line: &str, no: &str| self.text(line, no).is_some_and(|answer| answer != "N");
        if some("OPS", "O1") || some("WIN", "W1") {
            self.text("OPS", o).or(self.text("WIN", w))?;
        }
        if at == 0 {
            self.ids.begin_low();
        }
        let number = self.initial.next(at, now_ns);
        let mut answer = self.relations("T1", probe, number);
        answer.window = self.number("WIN", w) as u16;
        answer.options = self.options("OPS", o, now_ns);
        Some(answer)
    }

    fn ecn(&mut self, probe: &Segment<'_>, now_ns: u64) -> Option<Answer> {
        self.answers("ECN").then_some(())?;
        let echoed = match self.text("ECN", "CC") {
            Some("Y") => ECE,
            Some("S") => ECE | CWR,
            Some("O") => CWR,
            _ => 0,
        };
        let mut answer = Answer {
            seq: (self.draw)(1 << 31) as u32,
            ack: probe.seq.wrapping_add(1),
            flags: SYN | ACK | echoed,
            window: self.number("ECN", "W") as u16,
            options: self.options("ECN", "O", now_ns),
            ..Answer::default()
        };
        self.quirks("ECN", &mut answer);
        Some(answer)
    }

    fn line(&mut self, line: &str, probe: &Segment<'_>, now_ns: u64) -> Option<Answer> {
        self.answers(line).then_some(())?;
        // Neither 0 nor one of the probe's.
        let number = probe.ack ^ 0x5a5a_0000;
        let mut answer = self.relations(line, probe, number);
        answer.window = self.number(line, "W") as u16;
        answer.options = self.options(line, "O", now_ns);
        Some(answer)
    }

    /// S, A, F, RD and Q of a line.
    fn relations(&self, line: &str, probe: &Segment<'_>, number: u32) -> Answer {
        let seq = match self.text(line, "S") {
            Some("Z") => 0,
            Some("A") => probe.ack,
            Some("A+") => probe.ack.wrapping_add(1),
            _ => number,
        };
        let ack = match self.text(line, "A") {
            Some("Z") => 0,
            Some("S") => probe.seq,
            Some("S+") => probe.seq.wrapping_add(1),
            _ => probe.seq ^ 0x5a5a_0000,
        };
        let flags = self.text(line, "F").unwrap_or_default().chars().fold(0, |flags, letter| {
            flags
                | match letter {
                    'E' => ECE,
                    'U' => URG,
                    'A' => ACK,
                    'P' => PSH,
                    'R' => RST,
                    'S' => SYN,
                    'F' => FIN,
                    _ => 0,
                }
        });
        let mut answer = Answer { seq, ack, flags, ..Answer::default() };
        let crc = self.number(line, "RD");
        if crc != 0 && flags & RST != 0 {
            answer.data = data_of_crc(crc as u32).to_vec();
        }
        self.quirks(line, &mut answer);
        answer
    }

    fn quirks(&self, line: &str, answer: &mut Answer) {
        let quirks = self.text(line, "Q").unwrap_or_default();
        answer.reserved = quirks.contains('R');
        answer.urgent = if quirks.contains('U') { 1 } else { 0 };
    }

    fn options(&self, line: &str, name: &str, now_ns: u64) -> Vec<u8> {
        let text = self.text(line, name).unwrap_or_default();
        options(text, self.stamps.at(now_ns), u32::MAX)
    }

    /// The open port, asked in another way.
    fn ordinary(&mut self, probe: &Segment<'_>, now_ns: u64) -> Answer {
        if probe.flags & (SYN | ACK) != SYN {
            return Answer { seq: probe.ack, flags: RST, ..Answer::default() };
        }
        Answer {
            seq: (self.draw)(1 << 31) as u32 ^ now_ns as u32,
            ack: probe.seq.wrapping_add(1),
            flags: SYN | ACK,
            window: self.number("WIN", "W1") as u16,
            options: options("M5B4", 0, 0),
            ..Answer::default()
        }
    }

    fn datagram(&mut self, received: &Received<'_>) -> Option<Vec<u8>> {
        self.answers("U1").then_some(())?;
        let header_len = received.packet.len() - received.body.len();
        let length = number(&self.fingerprint, "U1", "IPL").unwrap_or(0x38) as usize;
        let mut quoted = received.packet.to_vec();
        // No less than an IP header and the first eight bytes, as RFC 792 has it.
        quoted.resize(length.clamp(ERROR_HEAD + header_len + 8, 1500) - ERROR_HEAD, 0);
        let given = |name| self.text("U1", name).filter(|text| *text != "G");
        let hex = |text| u16::from_str_radix(text, 16).unwrap_or(0).to_be_bytes();
        quoted[8] = quoted[8].saturating_sub(self.routers);
        if let Some(length) = given("RIPL") {
            quoted[2..4].copy_from_slice(&hex(length));
        }
        if let Some(id) = given("RID") {
            quoted[4..6].copy_from_slice(&hex(id));
        }
        let sum = header_checksum(&quoted[..header_len]);
        let sum = match given("RIPCK") {
            Some("Z") => 0,
            // Neither right nor none.
            Some(_) if sum == 0x1234 => 0x4321,
            Some(_) => 0x1234,
            None => sum,
        };
        quoted[10..12].copy_from_slice(&sum.to_be_bytes());
        if let Some(sum) = given("RUCK") {
            quoted[header_len + 6..header_len + 8].copy_from_slice(&hex(sum));
        }
        if given("RUD").is_some()
            && let Some(data) = quoted.get_mut(header_len + 8)
        {
            *data ^= 0xff;
        }
        let mut body = vec![3, 3, 0, 0];
        body.extend_from_slice(&(self.number("U1", "UN") as u32).to_be_bytes());
        body.extend_from_slice(&quoted);
        let id = self.echo_ids.next(&mut self.draw);
        let head = Head { ttl: self.ttl("U1"), dont_fragment: self.is_yes("U1", "DF"), id };
        Some(message(received, head, body))
    }

    fn echo(&mut self, received: &Received<'_>) -> Option<Vec<u8>> {
        self.answers("IE").then_some(())?;
        let mut body = received.body.to_vec();
        let code = *body.get(1)?;
        (body.len() >= 8).then_some(())?;
        let is_first = code == 9;
        body[0] = 0;
        body[1] = match self.text("IE", "CD") {
            Some("S") => code,
            Some("Z") | None => 0,
            Some("O") => 1 + u8::from(is_first),
            Some(hex) => u8::from_str_radix(hex, 16).unwrap_or(0),
        };
        let dont_fragment = match self.text("IE", "DFI") {
            Some("S") => received.dont_fragment,
            Some("Y") => true,
            Some("O") => !received.dont_fragment,
            _ => false,
        };
        let is_probe = is_first || received.tos == 4;
        let shares = self.text("SEQ", "SS").map(|shared| shared == "S");
        // The first echo tells whether the counter is that of segments, the second how it goes
        // on from echo to echo.
        let id = match shares {
            Some(true) if !is_probe || is_first => {
                let id = self.ids.next(&mut self.draw);
                self.echo_ids.go_on_from(&self.ids);
                id
            }
            shares => {
                if shares == Some(false) && is_first {
                    self.echo_ids.begin_high();
                }
                let id = self.echo_ids.next(&mut self.draw);
                if shares == Some(true) {
                    self.ids.go_on_from(&self.echo_ids);
                }
                id
            }
        };
        Some(message(received, Head { ttl: self.ttl("IE"), dont_fragment, id }, body))
    }
}

/// How far the largest T is beyond what an IP header can hold; 0 where no T is told.
fn routers(fingerprint: &Fingerprint) -> u8 {
    let lines = ["ECN", "T1", "T2", "T3", "T4", "T5", "T6", "T7", "U1", "IE"];
    let told = lines.iter().filter_map(|line| number(fingerprint, line, "T"));
    told.max().unwrap_or(0).saturating_sub(255).min(32) as u8
}

/// A segment to a closed port.
fn refusal(probe: &Segment<'_>) -> Answer {
    if probe.flags & ACK != 0 {
        return Answer { seq: probe.ack, flags: RST, ..Answer::default() };
    }
    Answer { ack: probe.seq.wrapping_add(1), flags: RST | ACK, ..Answer::default() }
}

/// The probes differ in flags, window and options.
fn what_is_asked(probe: &Segment<'_>, is_open: bool) -> Asked {
    let Some(&first) = probe.options.first() else { return Asked::Other };
    match (probe.flags, probe.window, is_open) {
        (SYN, 1, true) => Asked::Six(0),
        (SYN, 63, true) => Asked::Six(1),
        // Two have the same window; one begins with a time stamp.
        (SYN, 4, true) => Asked::Six(if first == 8 { 2 } else { 3 }),
        (SYN, 16, true) => Asked::Six(4),
        (SYN, 512, true) => Asked::Six(5),
        (flags, 3, true) if flags == SYN | ECE | CWR => Asked::Ecn,
        (0, 128, true) => Asked::Line("T2"),
        (flags, 256, true) if flags == SYN | FIN | URG | PSH => Asked::Line("T3"),
        (ACK, 1024, true) => Asked::Line("T4"),
        (SYN, 31337, false) => Asked::Line("T5"),
        (ACK, 32768, false) => Asked::Line("T6"),
        (flags, 65535, false) if flags == FIN | PSH | URG => Asked::Line("T7"),
        _ => Asked::Other,
    }
}

impl std::fmt::Debug for System {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("System").field("address", &self.address).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "system_tests.rs"]
mod tests;
