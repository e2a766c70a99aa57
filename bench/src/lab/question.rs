//! What a scan asks of every pair, and what a lossless scanner would report.
//!
//! [`rule`](super::rule) says what a pair *is*; which of that can be seen depends
//! on the probe. A pair that nothing comes from has no state here, whatever the
//! scanner calls that.

use std::net::IpAddr;
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};

use super::rule::{Protocol, Rule, State};

/// The kind of a scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// TCP SYN: open, closed, filtered.
    Syn,
    /// TCP ACK: unfiltered where a RST comes, open or closed; filtered.
    Ack,
    /// UDP: open, closed, filtered.
    Udp,
    /// A ping sweep: up where any of the probes is answered by the host.
    Ping(Vec<Ping>),
}

/// A probe of a ping sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ping {
    /// ICMP echo.
    Echo,
    /// A SYN to this port, which an open port and a closed one answer.
    Syn(u16),
    /// An ACK to this port, likewise.
    Ack(u16),
}

impl Ping {
    /// What `prtip -sn` asks where nothing else is said.
    pub fn usual() -> Vec<Self> {
        vec![Self::Echo, Self::Syn(443), Self::Ack(80)]
    }
}

impl FromStr for Ping {
    type Err = anyhow::Error;

    /// `echo`, `syn:PORT`, `ack:PORT`.
    fn from_str(text: &str) -> Result<Self> {
        if text == "echo" {
            return Ok(Self::Echo);
        }
        let (kind, port) =
            text.split_once(':').context("neither echo nor syn:PORT nor ack:PORT")?;
        let port = port.parse().context("no port from 1 to 65535")?;
        ensure!(port > 0, "no port from 1 to 65535");
        match kind {
            "syn" => Ok(Self::Syn(port)),
            "ack" => Ok(Self::Ack(port)),
            _ => bail!("neither echo nor syn:PORT nor ack:PORT"),
        }
    }
}

impl Question {
    /// The `proto` of its records.
    pub fn protocol(&self) -> Protocol {
        match self {
            Self::Syn | Self::Ack => Protocol::Tcp,
            Self::Udp => Protocol::Udp,
            Self::Ping(_) => Protocol::Icmp,
        }
    }

    /// What a lossless scanner would report; `None` where nothing says anything.
    pub fn truth(&self, rule: Rule, ip: IpAddr, port: u16) -> Option<State> {
        match self {
            Self::Syn | Self::Udp => rule.state(ip, port, self.protocol()),
            Self::Ack => rule.state(ip, port, Protocol::Tcp).map(|state| match state {
                State::Filtered => State::Filtered,
                _ => State::Unfiltered,
            }),
            Self::Ping(probes) => {
                probes.iter().any(|probe| probe.is_answered(rule, ip)).then_some(State::Up)
            }
        }
    }

    /// The state that a scan is made to find.
    pub fn sought(&self) -> State {
        match self {
            Self::Syn | Self::Udp => State::Open,
            Self::Ack => State::Unfiltered,
            Self::Ping(_) => State::Up,
        }
    }

    /// Whether a record's state is a word for silence. "filtered" is one as well
    /// as the name of a true state; a host of which the router says that it is
    /// unreachable is "down" too.
    pub fn means_silence(&self, word: &str) -> bool {
        match self {
            Self::Syn | Self::Ack => word == "filtered",
            Self::Udp => matches!(word, "open|filtered" | "filtered"),
            Self::Ping(_) => word == "down",
        }
    }

    /// The `type` of the records that answer it.
    pub fn record(&self) -> &'static str {
        match self {
            Self::Ping(_) => "host",
            _ => "port",
        }
    }
}

impl Ping {
    /// Whether the host itself answers.
    fn is_answered(self, rule: Rule, ip: IpAddr) -> bool {
        match self {
            Self::Echo => rule.state(ip, 0, Protocol::Icmp) == Some(State::Open),
            Self::Syn(port) | Self::Ack(port) => {
                let state = rule.state(ip, port, Protocol::Tcp);
                matches!(state, Some(State::Open | State::Closed))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const RULE: Rule = Rule { seed: 5, open: 200, closed: 300, icmp: 100 };

    #[test]
    fn every_probe_of_a_ping_is_read() {
        assert_eq!("echo".parse::<Ping>().unwrap(), Ping::Echo);
        assert_eq!("syn:443".parse::<Ping>().unwrap(), Ping::Syn(443));
        assert_eq!("ack:80".parse::<Ping>().unwrap(), Ping::Ack(80));
        for bad in ["", "syn", "syn:0", "ack:65536", "udp:53", "echo:1"] {
            assert!(bad.parse::<Ping>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_can_be_seen_depends_on_the_probe() {
        let all = Question::Ping(vec![Ping::Echo, Ping::Syn(443), Ping::Ack(80)]);
        let mut up = [0; 2];
        for low in 0..=255 {
            let ip = IpAddr::from([198, 18, 7, low]);
            let tcp = rule_state(ip, 80);
            let seen = Question::Ack.truth(RULE, ip, 80);
            assert_eq!(seen == Some(State::Unfiltered), is_host(tcp));
            assert_eq!(seen == Some(State::Filtered), tcp == Some(State::Filtered));
            assert_eq!(Question::Syn.truth(RULE, ip, 80), tcp);
            let echo = Question::Ping(vec![Ping::Echo]).truth(RULE, ip, 0).is_some();
            up[0] += u32::from(echo);
            let any = all.truth(RULE, ip, 0).is_some();
            up[1] += u32::from(any);
            assert_eq!(any, echo || is_host(rule_state(ip, 443)) || is_host(tcp));
        }
        assert!(up[0] > 20 && up[1] > 2 * up[0], "{up:?}");
    }

    fn rule_state(ip: IpAddr, port: u16) -> Option<State> {
        RULE.state(ip, port, Protocol::Tcp)
    }

    fn is_host(state: Option<State>) -> bool {
        matches!(state, Some(State::Open | State::Closed))
    }
}
