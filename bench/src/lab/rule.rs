//! The lab's truth: what each (address, port) is, from the seed and the shares.
//!
//! This is the judge's half of the rule that `bpf/include/lab.h` states, built
//! on the `siphasher` crate and sharing no code with the eBPF program or with
//! the engine. A test runs the program over random pairs and compares.

use std::hash::Hasher;
use std::net::IpAddr;

use siphasher::sip::SipHasher13;

/// Second half of the hash key (`LAB_KEY1`).
const KEY1: u64 = 0x7072_7469_702d_6c61;

/// The shares of all pairs, per mille, that decide the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Seed of the hash.
    pub seed: u64,
    /// Open pairs.
    pub open: u32,
    /// Closed pairs.
    pub closed: u32,
    /// Pairs for which the router answers "unreachable".
    pub icmp: u32,
}

/// Which protocol a pair belongs to; the hash covers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP echo, a host's port being 0.
    Icmp,
}

impl Protocol {
    /// The IP protocol number; that of ICMP is another over IPv6.
    pub fn number(self, ip: IpAddr) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Icmp if ip.is_ipv4() => 1,
            Self::Icmp => 58,
        }
    }

    /// As in the `proto` field of JSON lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
        }
    }
}

/// What a pair is, and what a lossless scanner would report of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum State {
    /// It answers with a SYN-ACK, a datagram, an echo reply.
    Open,
    /// It answers with a RST or "port unreachable"; to echo it does not.
    Closed,
    /// The router says that it is unreachable.
    Filtered,
    /// It answers an ACK with a RST.
    Unfiltered,
    /// The host answers a ping.
    Up,
}

impl State {
    /// As in the `state` field of JSON lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Filtered => "filtered",
            Self::Unfiltered => "unfiltered",
            Self::Up => "up",
        }
    }

    /// The state with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Open, Self::Closed, Self::Filtered, Self::Unfiltered, Self::Up]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

impl Rule {
    /// What the pair is, open, closed or filtered; `None` where it is silent.
    pub fn state(&self, ip: IpAddr, port: u16, protocol: Protocol) -> Option<State> {
        let share = ((u64::from(self.hash(ip, port, protocol) as u32) * 1000) >> 32) as u32;
        if share < self.open {
            Some(State::Open)
        } else if share < self.open + self.closed {
            Some(State::Closed)
        } else if share < self.open + self.closed + self.icmp {
            Some(State::Filtered)
        } else {
            None
        }
    }

    /// The hash that decides all about a pair.
    pub fn hash(&self, ip: IpAddr, port: u16, protocol: Protocol) -> u64 {
        let mut message = [0; 20];
        let mut len = 0;
        let mut put = |bytes: &[u8]| {
            message[len..len + bytes.len()].copy_from_slice(bytes);
            len += bytes.len();
        };
        match ip {
            IpAddr::V4(ip) => put(&ip.octets()),
            IpAddr::V6(ip) => put(&ip.octets()),
        }
        put(&port.to_be_bytes());
        put(&[protocol.number(ip), 0]);
        let mut hasher = SipHasher13::new_with_keys(self.seed, KEY1);
        hasher.write(&message[..len]);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn shares_come_out_as_asked() {
        let rule = Rule { seed: 7, open: 100, closed: 300, icmp: 20 };
        let mut counts = [0_u32; 4];
        let states = [Some(State::Open), Some(State::Closed), Some(State::Filtered), None];
        for n in 0..200_000_u32 {
            let ip = std::net::Ipv4Addr::from(0xc612_0000 + n / 64).into();
            let state = rule.state(ip, (n % 64) as u16 + 1, Protocol::Tcp);
            counts[states.iter().position(|known| *known == state).unwrap()] += 1;
        }
        for (count, share) in counts.into_iter().zip([0.1, 0.3, 0.02, 0.58]) {
            let expected = 200_000.0 * share;
            let sigma = f64::sqrt(expected * (1.0 - share));
            assert!((f64::from(count) - expected).abs() < 5.0 * sigma, "{counts:?}");
        }
    }
}
