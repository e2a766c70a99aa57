//! Ports as people write them, and the set that a plan scans.

use std::fmt;
use std::ops::RangeInclusive;

use super::error::{PlanError, PortFault, Quoted};

/// A set of ports, ascending, without repetition. A port's place in it is its rank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortSet(Box<[u16]>);

/// What `-p` named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortSpec {
    /// Ports named without a protocol: they hold for all that are scanned.
    pub any: PortSet,
    /// Ports named after `T:`.
    pub tcp: PortSet,
    /// Ports named after `U:`.
    pub udp: PortSet,
}

impl PortSpec {
    /// The TCP ports of a scan.
    #[must_use]
    pub fn for_tcp(&self) -> PortSet {
        self.any.with(&self.tcp)
    }

    /// The UDP ports of a scan.
    #[must_use]
    pub fn for_udp(&self) -> PortSet {
        self.any.with(&self.udp)
    }
}

impl PortSet {
    /// The set of `ports`, in any order. Port 0 is left out.
    pub fn new(ports: impl IntoIterator<Item = u16>) -> Self {
        let mut ports: Vec<u16> = ports.into_iter().filter(|&port| port != 0).collect();
        ports.sort_unstable();
        ports.dedup();
        Self(ports.into())
    }

    /// The ports of both sets.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        Self::new(self.0.iter().chain(&other.0).copied())
    }

    /// All of 1 to 65535.
    #[must_use]
    pub fn all() -> Self {
        Self::new(1..=u16::MAX)
    }

    /// The number of ports.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The ports, ascending.
    #[must_use]
    pub fn as_slice(&self) -> &[u16] {
        &self.0
    }

    /// The rank of `port`, or `None` when the set does not hold it.
    #[must_use]
    pub fn rank_of(&self, port: u16) -> Option<usize> {
        // The last place where it could be; right at once for a set without gaps.
        let first = *self.0.first()?;
        let guess = usize::from(port.checked_sub(first)?);
        if self.0.get(guess) == Some(&port) {
            return Some(guess);
        }
        self.0.binary_search(&port).ok()
    }
}

impl fmt::Display for PortSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs = self.0.chunk_by(|&a, &b| a + 1 == b);
        for (index, run) in runs.enumerate() {
            let comma = if index == 0 { "" } else { "," };
            match run {
                [port] => write!(f, "{comma}{port}")?,
                [first, .., last] => write!(f, "{comma}{first}-{last}")?,
                [] => {}
            }
        }
        Ok(())
    }
}

/// Reads `22,80,8000-8100`, `-` (all), `-100`, `60000-`. `T:` and `U:` hold for
/// what follows them; without one, all protocols are meant that are scanned.
///
/// # Errors
/// [`PlanError::Port`] tells which element is wrong and why.
pub fn parse_ports(text: &str) -> Result<PortSpec, PlanError> {
    let [mut any, mut tcp, mut udp] = [const { Vec::new() }; 3];
    let mut into = &mut any;
    for element in text.split(',') {
        let element = element.trim();
        let fault = |why| PlanError::Port { text: Quoted::new(element), why };
        let range = match element.split_once(':') {
            Some((protocol, range)) => {
                into = match protocol {
                    "T" | "t" => &mut tcp,
                    "U" | "u" => &mut udp,
                    _ => return Err(fault(PortFault::Protocol)),
                };
                range
            }
            None => element,
        };
        into.extend(read_range(range).map_err(fault)?);
    }
    Ok(PortSpec { any: PortSet::new(any), tcp: PortSet::new(tcp), udp: PortSet::new(udp) })
}

fn read_range(text: &str) -> Result<RangeInclusive<u16>, PortFault> {
    if text.is_empty() {
        return Err(PortFault::Empty);
    }
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (
            if first.is_empty() { 1 } else { read_port(first)? },
            if last.is_empty() { u16::MAX } else { read_port(last)? },
        ),
        None => (read_port(text)?, read_port(text)?),
    };
    if first > last { Err(PortFault::Reversed) } else { Ok(first..=last) }
}

fn read_port(text: &str) -> Result<u16, PortFault> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(PortFault::NotAPort);
    }
    match text.parse() {
        Ok(0) => Err(PortFault::Zero),
        Ok(port) => Ok(port),
        Err(_) => Err(PortFault::TooHigh),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn tcp(text: &str) -> String {
        parse_ports(text).unwrap().for_tcp().to_string()
    }

    fn fault(text: &str) -> PortFault {
        match parse_ports(text).unwrap_err() {
            PlanError::Port { why, .. } => why,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn every_notation_is_read() {
        assert_eq!(tcp("22,80,8000-8100"), "22,80,8000-8100");
        assert_eq!(tcp("80, 22,80,21-23"), "21-23,80");
        assert_eq!(tcp("-"), "1-65535");
        assert_eq!(tcp("-100"), "1-100");
        assert_eq!(tcp("60000-"), "60000-65535");
        assert_eq!(tcp("T:80,443"), "80,443");
        assert_eq!(tcp("T:-"), "1-65535");
        let mixed = parse_ports("U:53,161,T:80").unwrap();
        assert_eq!(mixed.tcp.to_string(), "80");
        assert_eq!(mixed.udp.to_string(), "53,161");
        let both = parse_ports("80,U:53").unwrap();
        assert_eq!(
            (both.for_tcp().to_string(), both.for_udp().to_string()),
            ("80".into(), "53,80".into())
        );
    }

    #[test]
    fn faults_are_told_apart() {
        assert_eq!(fault("0"), PortFault::Zero);
        assert_eq!(fault("0-10"), PortFault::Zero);
        assert_eq!(fault("70000"), PortFault::TooHigh);
        assert_eq!(fault("1-70000"), PortFault::TooHigh);
        assert_eq!(fault("99999999999999999999"), PortFault::TooHigh);
        assert_eq!(fault("100-50"), PortFault::Reversed);
        assert_eq!(fault(""), PortFault::Empty);
        assert_eq!(fault("22,,80"), PortFault::Empty);
        assert_eq!(fault("T:"), PortFault::Empty);
        assert_eq!(fault("http"), PortFault::NotAPort);
        assert_eq!(fault("+80"), PortFault::NotAPort);
        assert_eq!(fault("1-2-3"), PortFault::NotAPort);
        assert_eq!(fault("S:80"), PortFault::Protocol);
        let told = parse_ports("22,70000").unwrap_err().to_string();
        assert_eq!(told, "bad port \"70000\": ports are 1 to 65535");
    }

    #[test]
    fn ranks_count_ports_with_and_without_gaps() {
        for set in [PortSet::all(), PortSet::new([5, 6, 7]), PortSet::new([9, 1, 40_000, 9, 0])] {
            for (rank, &port) in set.as_slice().iter().enumerate() {
                assert_eq!(set.rank_of(port), Some(rank));
            }
            let held = (0..=u16::MAX).filter(|&port| set.rank_of(port).is_some()).count();
            assert_eq!(held, set.len());
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in "\\PC*", near in "[0-9TU:,-]{0,20}") {
            let _ = parse_ports(&text);
            let _ = parse_ports(&near);
        }

        #[test]
        fn what_is_printed_is_read_back(ports in proptest::collection::vec(1u16.., 1..50)) {
            let set = PortSet::new(ports);
            prop_assert_eq!(parse_ports(&set.to_string()).unwrap().any, set);
        }
    }
}
