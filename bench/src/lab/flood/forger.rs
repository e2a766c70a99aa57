//! What is forged: replies that would be right but for what the forger does not know.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use prtip_bpf::abi::Key;
use prtip_bpf::cookie::{cookie4, cookie6, derive_key};

use super::super::network::{ROUTER_V4, ROUTER_V6};
use super::super::targets::{Addresses, Ports};
use super::packet::{self, ICMP, ICMPV6, TCP, UDP};

/// The scanner's addresses.
const SCANNER_V4: Ipv4Addr = Ipv4Addr::new(198, 19, 255, 1);
const SCANNER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 2, 0, 0xffff, 0, 0, 0, 1);

/// What a reply claims to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Family {
    /// A SYN or an ACK.
    Tcp,
    /// A datagram.
    Udp,
    /// An echo request.
    Echo,
}

/// What the forger knows of the cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Cookie {
    /// Nothing: any 32 bits.
    Random,
    /// All of it, and spoils it: off by one or by one bit.
    Near,
    /// All of it: the control.
    Right,
}

/// The kinds of forged replies, as they are counted.
pub(super) const KINDS: [&str; 6] =
    ["syn_ack", "rst", "error_quoting_tcp", "datagram", "error_quoting_udp", "echo"];

/// Makes forged replies, one after the other.
pub struct Forger {
    pub(super) random: Random,
    pub(super) families: Vec<Family>,
    pub(super) targets: Addresses,
    pub(super) ports: Ports,
    pub(super) to: RangeInclusive<u16>,
    pub(super) cookie: Cookie,
    pub(super) key: Key,
    /// By kind.
    pub(super) sent: [u64; KINDS.len()],
}

/// Numbers from a seed (SplitMix64).
#[derive(Clone, Copy, Debug)]
pub(super) struct Random(pub(super) u64);

impl Random {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ word >> 31
    }

    fn below(&mut self, count: u128) -> u128 {
        (u128::from(self.draw()) * count) >> 64
    }

    fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len() as u128) as usize]
    }
}

/// Where one reply claims to come from and goes to.
struct Claim {
    theirs: IpAddr,
    ours: IpAddr,
    router: IpAddr,
    port: u16,
    our_port: u16,
}

impl Forger {
    fn claim(&mut self) -> Claim {
        // The families take turns where there are both, however unequal they are.
        let v4 = self.targets.count_v4();
        let range = match (v4, self.targets.count() - v4) {
            (0, v6) => 0..v6,
            (v4, 0) => 0..v4,
            (v4, _) if self.random.draw() & 1 == 0 => 0..v4,
            (v4, v6) => v4..v4 + v6,
        };
        // An IPv6 prefix may be larger than what 64 bits can choose from: its start will do.
        let span = (range.end - range.start).min(1 << 63);
        let theirs = self.targets.nth(range.start + self.random.below(span));
        let port = self.random.one_of(self.ports.list());
        let width = u128::from(self.to.end() - self.to.start()) + 1;
        let our_port = self.to.start() + self.random.below(width) as u16;
        let (ours, router): (IpAddr, IpAddr) = match theirs {
            IpAddr::V4(_) => (SCANNER_V4.into(), ROUTER_V4.into()),
            IpAddr::V6(_) => (SCANNER_V6.into(), ROUTER_V6.into()),
        };
        Claim { theirs, ours, router, port, our_port }
    }

    /// Writes the next forged reply into `out`.
    pub(super) fn forge(&mut self, out: &mut Vec<u8>) {
        let claim = self.claim();
        let family = self.random.one_of(&self.families);
        match family {
            Family::Tcp => self.segment(out, &claim),
            Family::Udp => self.datagram(out, &claim),
            Family::Echo => self.echo(out, &claim),
        }
    }

    /// The cookie of a TCP probe as far as it is known, for a field that must hold
    /// `cookie + plus`.
    fn known(&mut self, claim: &Claim, plus: u32) -> u32 {
        let draw = self.random.draw();
        if self.cookie == Cookie::Random {
            return draw as u32;
        }
        let key = derive_key(self.key, claim.ours, TCP);
        let cookie = match claim.theirs {
            IpAddr::V4(addr) => cookie4(key, addr, claim.port, claim.our_port),
            IpAddr::V6(addr) => cookie6(key, addr, claim.port, claim.our_port),
        };
        let right = cookie.wrapping_add(plus);
        match (self.cookie, draw % 4) {
            (Cookie::Right, _) => right,
            // A RST may acknowledge the cookie itself: one less than that is wrong, too.
            (_, 0) => cookie.wrapping_sub(1),
            (_, 1) => right.wrapping_add(1),
            _ => right ^ (2 << ((draw >> 8) % 31)),
        }
    }

    fn segment(&mut self, out: &mut Vec<u8>, claim: &Claim) {
        let kind = self.random.draw() % 3;
        let unknown = self.known(claim, u32::from(kind < 2));
        self.sent[kind as usize] += 1;
        if kind == 2 {
            let mut quoted = [0; 8];
            quoted[..2].copy_from_slice(&claim.our_port.to_be_bytes());
            quoted[2..4].copy_from_slice(&claim.port.to_be_bytes());
            quoted[4..].copy_from_slice(&unknown.to_be_bytes());
            return self.error(out, claim, TCP, 60, quoted);
        }
        let mut segment = [0; 20];
        segment[..2].copy_from_slice(&claim.port.to_be_bytes());
        segment[2..4].copy_from_slice(&claim.our_port.to_be_bytes());
        segment[4..8].copy_from_slice(&(self.random.draw() as u32).to_be_bytes());
        segment[8..12].copy_from_slice(&unknown.to_be_bytes());
        segment[12] = 5 << 4;
        segment[13] = if kind == 0 { 0x12 } else { 0x14 };
        segment[14..16].copy_from_slice(&[0xff, 0xff]);
        packet::frame(out, claim.theirs, claim.ours, TCP, &mut segment);
    }

    fn datagram(&mut self, out: &mut Vec<u8>, claim: &Claim) {
        let draw = self.random.draw();
        if draw & 1 == 0 {
            self.sent[4] += 1;
            // Most ports are sent an empty datagram, whose checksum the forger can compute.
            let ports = [claim.our_port, claim.port];
            let check = packet::empty_datagram_checksum(claim.ours, claim.theirs, ports);
            let mut quoted = [0; 8];
            quoted[..2].copy_from_slice(&claim.our_port.to_be_bytes());
            quoted[2..4].copy_from_slice(&claim.port.to_be_bytes());
            quoted[4..6].copy_from_slice(&8u16.to_be_bytes());
            quoted[6..].copy_from_slice(&check.to_be_bytes());
            return self.error(out, claim, UDP, 8, quoted);
        }
        self.sent[3] += 1;
        let mut datagram = [0; 8 + 64];
        for word in datagram[8..].chunks_mut(8) {
            word.copy_from_slice(&self.random.draw().to_le_bytes());
        }
        let len = 8 + (draw >> 8) as usize % 65;
        datagram[..2].copy_from_slice(&claim.port.to_be_bytes());
        datagram[2..4].copy_from_slice(&claim.our_port.to_be_bytes());
        datagram[4..6].copy_from_slice(&(len as u16).to_be_bytes());
        packet::frame(out, claim.theirs, claim.ours, UDP, &mut datagram[..len]);
    }

    fn echo(&mut self, out: &mut Vec<u8>, claim: &Claim) {
        self.sent[5] += 1;
        let (draw, v4) = (self.random.draw(), claim.theirs.is_ipv4());
        let mut message = [0; 16];
        message[4..6].copy_from_slice(&claim.our_port.to_be_bytes());
        message[6..8].copy_from_slice(&(draw as u16).to_be_bytes());
        if draw >> 63 == 0 {
            message[0] = if v4 { 8 } else { 128 };
            let [quoted @ .., _, _, _, _, _, _, _, _] = message;
            return self.error(out, claim, if v4 { ICMP } else { ICMPV6 }, 16, quoted);
        }
        message[0] = if v4 { 0 } else { 129 };
        message[8..].copy_from_slice(&self.random.draw().to_le_bytes());
        packet::frame(out, claim.theirs, claim.ours, if v4 { ICMP } else { ICMPV6 }, &mut message);
    }

    /// An ICMP error about a packet of ours with `len` bytes behind its IP header, of which
    /// the first 8 are quoted: from the target or from the router.
    fn error(
        &mut self,
        out: &mut Vec<u8>,
        claim: &Claim,
        protocol: u8,
        len: usize,
        quoted: [u8; 8],
    ) {
        let from_target = self.random.draw() & 1 == 0;
        let from = if from_target { claim.theirs } else { claim.router };
        let v4 = claim.theirs.is_ipv4();
        let code = match (v4, from_target) {
            (true, true) => 3,
            (true, false) => 13,
            (false, true) => 4,
            (false, false) => 1,
        };
        let mut message = vec![if v4 { 3 } else { 1 }, code, 0, 0, 0, 0, 0, 0];
        packet::ip_header(&mut message, claim.ours, claim.theirs, protocol, len);
        message.extend_from_slice(&quoted);
        packet::frame(out, from, claim.ours, if v4 { ICMP } else { ICMPV6 }, &mut message);
    }
}
