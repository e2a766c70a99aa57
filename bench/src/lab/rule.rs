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

/// Which transport a pair belongs to; the hash covers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Protocol {
    /// TCP.
    Tcp,
}

impl Protocol {
    /// The IP protocol number.
    pub fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
        }
    }

    /// As in the `proto` field of JSON lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
        }
    }
}

/// What a lossless scanner would report of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum State {
    /// It answers with a SYN-ACK.
    Open,
    /// It answers with a RST.
    Closed,
    /// The router says that it is unreachable.
    Filtered,
}

impl State {
    /// As in the `state` field of JSON lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Filtered => "filtered",
        }
    }

    /// The state with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Open, Self::Closed, Self::Filtered].into_iter().find(|state| state.name() == name)
    }
}

impl Rule {
    /// The pair's state; `None` where it is silent.
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
        put(&[protocol.number(), 0]);
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
        for n in 0..200_000_u32 {
            let ip = std::net::Ipv4Addr::from(0xc612_0000 + n / 64).into();
            counts[match rule.state(ip, (n % 64) as u16 + 1, Protocol::Tcp) {
                Some(State::Open) => 0,
                Some(State::Closed) => 1,
                Some(State::Filtered) => 2,
                None => 3,
            }] += 1;
        }
        for (count, share) in counts.into_iter().zip([0.1, 0.3, 0.02, 0.58]) {
            let expected = 200_000.0 * share;
            let sigma = f64::sqrt(expected * (1.0 - share));
            assert!((f64::from(count) - expected).abs() < 5.0 * sigma, "{counts:?}");
        }
    }
}
