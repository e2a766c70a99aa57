//! Targets as people write them: one token is a set of address ranges or a
//! host name. Names are only checked here; resolving them is I/O and done by
//! the caller.
//!
//! | token | means |
//! |---|---|
//! | `192.0.2.7`, `2001:db8::7` | one address |
//! | `192.0.2.0/24`, `2001:db8::/64` | a prefix; host bits are ignored |
//! | `192.0.2.10-192.0.2.20`, `2001:db8::1-2001:db8::ff` | a range, both ends included |
//! | `192.0.2.10-20`, `10.0.0-3.1-254`, `10.0.0.*` | a range in any octet |
//! | `example.org` | a host name |

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::error::{PlanError, Quoted, TargetFault};
use super::ranges::IpRange;

/// A target token, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetToken {
    /// Addresses; several ranges only for octet ranges such as `10.0.0-3.1-254`.
    Ranges(Vec<IpRange>),
    /// A host name to resolve, as given but for a dot at its end.
    Hostname(String),
}

/// Most ranges that one octet-range token may stand for.
const MAX_RANGES: usize = 65_536;

/// Reads one target token.
///
/// # Errors
/// [`PlanError::Target`] tells what is wrong with it.
pub fn parse_target(text: &str) -> Result<TargetToken, PlanError> {
    read(text).map_err(|why| PlanError::Target { text: Quoted::new(text), why })
}

/// Reads one token of a list.
pub(super) fn read(text: &str) -> Result<TargetToken, TargetFault> {
    if text.is_empty() {
        return Err(TargetFault::Empty);
    }
    if text.contains("://") {
        return Err(TargetFault::Url);
    }
    if text.contains('%') {
        return Err(TargetFault::Scoped);
    }
    if has_port(text) {
        return Err(TargetFault::WithPort);
    }
    if text.contains(':') {
        return read_v6(text).map(|range| TargetToken::Ranges(vec![range]));
    }
    // Nothing but these can be an address, and no top-level domain is a number.
    let numeric = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '/' | '*');
    if text.chars().all(numeric) {
        return read_v4(text).map(TargetToken::Ranges);
    }
    if let Some((base, _)) = text.split_once('/') {
        // Digits before the slash were meant as an address.
        return if base.chars().all(numeric) {
            read_v4(text).map(TargetToken::Ranges)
        } else {
            Err(TargetFault::NamePrefix)
        };
    }
    read_name(text).map(TargetToken::Hostname)
}

/// Whether this is `address:port`, `name:port` or `[address]:port`, which other tools take.
fn has_port(text: &str) -> bool {
    if text.starts_with('[') {
        return true;
    }
    match text.split_once(':') {
        // No IPv6 address has a single colon.
        Some((_, port)) => !port.contains(':'),
        None => false,
    }
}

fn read_v6(text: &str) -> Result<IpRange, TargetFault> {
    let addr = |text: &str| text.parse::<Ipv6Addr>().map_err(|_| TargetFault::BadV6);
    let range = if let Some((base, length)) = text.split_once('/') {
        let base = addr(base)?;
        prefix(base.into(), length, 128)?
    } else if let Some((first, last)) = text.split_once('-') {
        let (first, last) = (addr(first)?, addr(last)?);
        if first > last {
            return Err(TargetFault::Reversed);
        }
        IpRange::V6(first, last)
    } else {
        let addr = addr(text)?;
        IpRange::V6(addr, addr)
    };
    let mapped = IpRange::prefix(Ipv4Addr::UNSPECIFIED.to_ipv6_mapped().into(), 96);
    if mapped.is_some_and(|mapped| mapped.contains(&range)) {
        return Err(TargetFault::Mapped);
    }
    Ok(range)
}

fn read_v4(text: &str) -> Result<Vec<IpRange>, TargetFault> {
    if let Some((base, length)) = text.split_once('/') {
        let base: Ipv4Addr = base.parse().map_err(|_| TargetFault::BadV4)?;
        return Ok(vec![prefix(base.into(), length, 32)?]);
    }
    if let Some((first, last)) = text.split_once('-')
        && let (Ok(first), Ok(last)) = (first.parse::<Ipv4Addr>(), last.parse())
    {
        if first > last {
            return Err(TargetFault::Reversed);
        }
        return Ok(vec![IpRange::V4(first, last)]);
    }
    read_octets(text)
}

fn prefix(base: IpAddr, length: &str, longest: u8) -> Result<IpRange, TargetFault> {
    let fault = TargetFault::PrefixLength(longest);
    if length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(fault);
    }
    let length = length.parse().map_err(|_| fault)?;
    IpRange::prefix(base, length).ok_or(fault)
}

/// `a.b.c.d` where each part is a number, `n-m` or `*`.
fn read_octets(text: &str) -> Result<Vec<IpRange>, TargetFault> {
    let mut octets = [(0u8, 0u8); 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        *octet = read_octet(parts.next().ok_or(TargetFault::BadV4)?)?;
    }
    if parts.next().is_some() {
        return Err(TargetFault::BadV4);
    }
    // The octets behind the last that is not the whole of 0-255 make one
    // contiguous range with it; those before it multiply.
    let whole = octets.iter().rev().take_while(|&&octet| octet == (0, 255)).count();
    let free = 4usize.saturating_sub(whole + 1);
    let count = |&(first, last): &(u8, u8)| usize::from(last - first) + 1;
    if octets[..free].iter().map(count).product::<usize>() > MAX_RANGES {
        return Err(TargetFault::TooManyRanges);
    }
    let mut heads = vec![[0u8; 4]];
    for (position, &(first, last)) in octets[..free].iter().enumerate() {
        let extend = |head: &[u8; 4]| {
            let mut head = *head;
            (first..=last).map(move |value| {
                head[position] = value;
                head
            })
        };
        heads = heads.iter().flat_map(extend).collect();
    }
    let range = |head: [u8; 4]| {
        let (mut first, mut last) = (head, head);
        for position in free..4 {
            (first[position], last[position]) = octets[position];
        }
        IpRange::V4(first.into(), last.into())
    };
    Ok(heads.into_iter().map(range).collect())
}

fn read_octet(text: &str) -> Result<(u8, u8), TargetFault> {
    let number = |text: &str| {
        // `parse` alone would take "+1"; leading zeros are octal to some.
        let plain = text.bytes().all(|byte| byte.is_ascii_digit())
            && (text.len() == 1 || !text.starts_with('0'));
        text.parse::<u8>().ok().filter(|_| plain).ok_or(TargetFault::BadV4)
    };
    if text == "*" {
        return Ok((0, 255));
    }
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (number(first)?, number(last)?),
        None => (number(text)?, number(text)?),
    };
    if first > last { Err(TargetFault::Reversed) } else { Ok((first, last)) }
}

fn read_name(text: &str) -> Result<String, TargetFault> {
    let name = text.strip_suffix('.').unwrap_or(text);
    if name.len() > 253 || name.split('.').any(|label| label.is_empty() || label.len() > 63) {
        return Err(TargetFault::NameLength);
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let edges = name.split('.').any(|label| label.starts_with('-') || label.ends_with('-'));
    let number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    if !name.chars().all(allowed) || edges || name.rsplit('.').next().is_some_and(number) {
        return Err(TargetFault::BadName);
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn ranges(text: &str) -> Vec<String> {
        match parse_target(text).unwrap() {
            TargetToken::Ranges(ranges) => ranges.iter().map(ToString::to_string).collect(),
            TargetToken::Hostname(name) => panic!("{name} is a name"),
        }
    }

    fn fault(text: &str) -> TargetFault {
        match parse_target(text).unwrap_err() {
            PlanError::Target { why, .. } => why,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn every_notation_is_read() {
        assert_eq!(ranges("192.0.2.7"), ["192.0.2.7"]);
        assert_eq!(ranges("192.0.2.7/24"), ["192.0.2.0-192.0.2.255"]);
        assert_eq!(ranges("0.0.0.0/0"), ["0.0.0.0-255.255.255.255"]);
        assert_eq!(ranges("192.0.2.7/32"), ["192.0.2.7"]);
        assert_eq!(ranges("10.0.0.1-10.0.1.2"), ["10.0.0.1-10.0.1.2"]);
        assert_eq!(ranges("10.0.0.10-20"), ["10.0.0.10-10.0.0.20"]);
        assert_eq!(ranges("10.0.0-1.1-254"), ["10.0.0.1-10.0.0.254", "10.0.1.1-10.0.1.254"]);
        assert_eq!(ranges("10.0.*.*"), ["10.0.0.0-10.0.255.255"]);
        assert_eq!(ranges("10.0-3.*.0-255"), ["10.0.0.0-10.3.255.255"]);
        assert_eq!(ranges("*.*.*.*"), ["0.0.0.0-255.255.255.255"]);
        assert_eq!(ranges("10.1-2.3.4-5").len(), 2);
        assert_eq!(ranges("2001:db8::1"), ["2001:db8::1"]);
        assert_eq!(ranges("2001:db8::/127"), ["2001:db8::-2001:db8::1"]);
        assert_eq!(ranges("2001:db8::5-2001:db8::9"), ["2001:db8::5-2001:db8::9"]);
        let name = |text| TargetToken::Hostname(String::from(text));
        assert_eq!(parse_target("scanme.example.org.").unwrap(), name("scanme.example.org"));
        assert_eq!(parse_target("a-1_b").unwrap(), name("a-1_b"));
        assert_eq!(parse_target("1e100.net").unwrap(), name("1e100.net"));
        assert_eq!(parse_target("10-0-0-1.example").unwrap(), name("10-0-0-1.example"));
    }

    #[test]
    fn faults_are_told_apart() {
        assert_eq!(fault(""), TargetFault::Empty);
        for text in ["300.1.1.1", "1.2.3", "1.2.3.4.5", "10", "1..2.3", "1.2.3.04", "1.2.3.4-", "-"]
        {
            assert_eq!(fault(text), TargetFault::BadV4, "{text}");
        }
        assert_eq!(fault("10.0.0.0/33"), TargetFault::PrefixLength(32));
        assert_eq!(fault("10.0.0.0/"), TargetFault::PrefixLength(32));
        assert_eq!(fault("10.0.0.0/+8"), TargetFault::PrefixLength(32));
        assert_eq!(fault("10.0.0.0/999"), TargetFault::PrefixLength(32));
        assert_eq!(fault("example.org/24"), TargetFault::NamePrefix);
        for text in ["http://example.org/", "https://10.0.0.1", "ftp://[2001:db8::1]:21/"] {
            assert_eq!(fault(text), TargetFault::Url, "{text}");
        }
        for text in ["example.org:80", "10.0.0.1:443", "[2001:db8::1]:22", "[2001:db8::1]", "a:"] {
            assert_eq!(fault(text), TargetFault::WithPort, "{text}");
        }
        assert_eq!(fault("2001:db8::/129"), TargetFault::PrefixLength(128));
        assert_eq!(fault("2001:db8:::"), TargetFault::BadV6);
        assert_eq!(fault("10.0.0.9-10.0.0.1"), TargetFault::Reversed);
        assert_eq!(fault("10.0.0.9-1"), TargetFault::Reversed);
        assert_eq!(fault("2001:db8::9-2001:db8::1"), TargetFault::Reversed);
        assert_eq!(fault("fe80::1%eth0"), TargetFault::Scoped);
        assert_eq!(fault("::ffff:192.0.2.1"), TargetFault::Mapped);
        assert_eq!(fault("0-255.0-255.0-255.1"), TargetFault::TooManyRanges);
        assert_eq!(fault("-rf.example"), TargetFault::BadName);
        assert_eq!(fault("exämple.org"), TargetFault::BadName);
        assert_eq!(fault("host.123"), TargetFault::BadName);
        assert_eq!(fault("a..b"), TargetFault::NameLength);
        assert_eq!(fault(&"a".repeat(64)), TargetFault::NameLength);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in "\\PC*") {
            let _ = parse_target(&text);
        }

        #[test]
        fn text_made_of_address_characters_never_panics(text in "[0-9a-f.:/*-]{0,24}") {
            let _ = parse_target(&text);
        }

        #[test]
        fn what_is_printed_is_read_back(a: u32, b: u32, c: u128, d: u128) {
            let v4 = IpRange::V4(a.min(b).into(), a.max(b).into());
            prop_assert_eq!(parse_target(&v4.to_string()).unwrap(), TargetToken::Ranges(vec![v4]));
            let v6 = IpRange::V6(c.min(d).into(), c.max(d).into());
            prop_assert_eq!(parse_target(&v6.to_string()).unwrap(), TargetToken::Ranges(vec![v6]));
        }

        #[test]
        fn octet_ranges_hold_exactly_the_addresses_they_name(
            octets in proptest::array::uniform4((0u8..4, 0u8..4)), probe in proptest::array::uniform4(0u8..8)
        ) {
            let octets = octets.map(|(a, b)| (a.min(b), a.max(b)));
            let text = octets.map(|(a, b)| format!("{a}-{b}")).join(".");
            let TargetToken::Ranges(ranges) = parse_target(&text).unwrap() else {
                panic!("{text} is a name");
            };
            let addr = IpRange::single(IpAddr::from(probe));
            let inside = octets.iter().zip(probe).all(|(&(a, b), p)| (a..=b).contains(&p));
            prop_assert_eq!(ranges.iter().any(|range| range.contains(&addr)), inside);
        }
    }
}
