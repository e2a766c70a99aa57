//! What can be wrong with a plan, told to the person who asked for it.
//!
//! Text that came from outside is escaped and cut before it is quoted.

use std::fmt;
use std::net::IpAddr;

use super::list::ListFaults;
use super::ranges::IpRange;
use crate::error::{Error, Kind};

/// Why a spec is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A target that cannot be read.
    #[error("bad target {text}: {why}")]
    Target {
        /// What was given.
        text: Quoted,
        /// What is wrong with it.
        why: TargetFault,
    },
    /// Lines of a list that cannot be read.
    #[error("{0}")]
    List(ListFaults),
    /// A port list that cannot be read.
    #[error("bad port {text}: {why}")]
    Port {
        /// The element that is wrong.
        text: Quoted,
        /// What is wrong with it.
        why: PortFault,
    },
    /// No target was given.
    #[error("no targets: give addresses, prefixes, ranges or host names, or a list with -iL")]
    NoTargets,
    /// No address is left.
    #[error(
        "no address is left to scan: {special} special-purpose and {excluded} excluded addresses \
         were taken out (a special-purpose range is scanned when a target lies wholly inside it, \
         or with --allow-special)"
    )]
    Empty {
        /// Special-purpose addresses taken out.
        special: u128,
        /// Addresses taken out by exclusions.
        excluded: u128,
    },
    /// No port was given where one is needed.
    #[error("{addresses} addresses need a choice of ports: give -p, -F or --top-ports")]
    PortsNeeded {
        /// Number of addresses.
        addresses: u128,
    },
    /// More pairs than an index can count.
    #[error(
        "the set is too large: {addresses} addresses × {ports} ports = {pairs} pairs, \
         and at most 2^63 = 9223372036854775808 can be scanned"
    )]
    TooLarge {
        /// Number of addresses.
        addresses: u128,
        /// Number of ports.
        ports: u64,
        /// Their product.
        pairs: u128,
    },
    /// All of IPv4, and nothing says that this is meant.
    #[error(
        "the targets are {addresses} IPv4 addresses, most of the internet: give --excludefile \
         with the networks that do not want to be scanned, or --whole-internet"
    )]
    WholeInternet {
        /// Number of IPv4 addresses asked for.
        addresses: u128,
    },
    /// `--allow-special` names something ordinary.
    #[error("--allow-special {0}: no special-purpose address lies in it")]
    NotSpecial(IpRange),
    /// A shard that does not exist.
    #[error("bad shard {part}/{of}: shards are 1/{of} to {of}/{of}")]
    Shard {
        /// Which, the first is 1.
        part: u64,
        /// Of how many.
        of: u64,
    },
    /// `max_targets` of 0.
    #[error("--max-targets must be at least 1")]
    MaxTargets,
    /// Not enough source ports for the attempts.
    #[error("source ports {first}-{last} are too few for {attempts} attempts: each needs its own")]
    SourcePorts {
        /// First source port.
        first: u16,
        /// Last source port.
        last: u16,
        /// Attempts for each pair.
        attempts: u8,
    },
    /// A contact that cannot be sent.
    #[error(transparent)]
    Contact(#[from] crate::udp::ContactError),
    /// More source addresses than a scan can have.
    #[error("{count} source addresses are more than {most}")]
    TooManySources {
        /// How many were given.
        count: usize,
        /// How many there can be.
        most: usize,
    },
    /// Targets of a family for which there is no source address.
    #[error("no {family} source address for {family} targets such as {target}")]
    NoSource {
        /// `IPv4` or `IPv6`.
        family: &'static str,
        /// The first target of that family.
        target: IpAddr,
    },
}

/// What is wrong with a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetFault {
    /// Nothing there.
    #[error("it is empty")]
    Empty,
    /// Digits and dots, but no IPv4 address or range.
    #[error("not an IPv4 address or range (four numbers from 0 to 255)")]
    BadV4,
    /// Colons, but no IPv6 address or range.
    #[error("not an IPv6 address or range")]
    BadV6,
    /// A URL.
    #[error("that is a URL; give its host alone, and its port with -p")]
    Url,
    /// A port after an address or a name.
    #[error("give the address without brackets, and its port with -p")]
    WithPort,
    /// A prefix length after a host name.
    #[error("a prefix length needs an address before it, not a host name")]
    NamePrefix,
    /// An interface after `%`.
    #[error("scoped addresses (with %) are not supported")]
    Scoped,
    /// An IPv4-mapped IPv6 address.
    #[error("an IPv4-mapped address is never on the wire; give the IPv4 address")]
    Mapped,
    /// A prefix length that is no number or too long.
    #[error("the prefix length must be a number from 0 to {0}")]
    PrefixLength(u8),
    /// The end comes before the start.
    #[error("the range ends before it starts")]
    Reversed,
    /// An octet range of too many pieces.
    #[error("it stands for more than 65536 separate ranges; use prefixes")]
    TooManyRanges,
    /// A line of a list without end.
    #[error("the line is longer than 1 MiB; this is no list, and the rest of it is not read")]
    EndlessLine,
    /// A name with characters that no host name has.
    #[error("not a host name (letters, digits, hyphens and dots; other scripts as xn--)")]
    BadName,
    /// A name or a label that is too long or empty.
    #[error("not a host name (labels have 1 to 63 characters, the name at most 253)")]
    NameLength,
}

/// What is wrong with a port list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortFault {
    /// Nothing there.
    #[error("it is empty")]
    Empty,
    /// Not a number.
    #[error("not a port, a range such as 8000-8100, or -")]
    NotAPort,
    /// Port 0.
    #[error("port 0 cannot be scanned; ports are 1 to 65535")]
    Zero,
    /// Above 65535.
    #[error("ports are 1 to 65535")]
    TooHigh,
    /// The end comes before the start.
    #[error("the range ends before it starts")]
    Reversed,
    /// Another protocol than T or U.
    #[error("unknown protocol; T: is TCP")]
    Protocol,
}

/// Foreign text made safe to print: cut to 80 characters, in quotes, everything
/// but printable ASCII escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quoted(String);

impl Quoted {
    /// Quotes `text`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut quoted = String::from("\"");
        let mut characters = text.chars();
        quoted.extend(characters.by_ref().take(80).flat_map(char::escape_default));
        quoted.push('"');
        if characters.next().is_some() {
            quoted.push_str("...");
        }
        Self(quoted)
    }
}

impl fmt::Display for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<PlanError> for Error {
    fn from(error: PlanError) -> Self {
        Self::new(Kind::Usage, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_escaped_and_cut() {
        assert_eq!(Quoted::new("a\u{1b}[31m\"é").to_string(), r#""a\u{1b}[31m\"\u{e9}""#);
        let long = Quoted::new(&"x".repeat(5000)).to_string();
        assert_eq!(long, format!("\"{}\"...", "x".repeat(80)));
    }

    #[test]
    fn a_plan_error_is_a_usage_error() {
        let error: Error = PlanError::NoTargets.into();
        assert_eq!(error.kind, Kind::Usage);
    }
}
