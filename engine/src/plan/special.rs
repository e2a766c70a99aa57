//! Special-purpose addresses: excluded from a scan unless they are named.
//!
//! The entries of the IANA IPv4 and IPv6 Special-Purpose Address Registries
//! (RFC 6890, RFC 8190 and the RFCs named below; as of October 2025), together
//! with the multicast spaces 224.0.0.0/4 (RFC 5771) and ff00::/8 (RFC 4291),
//! which those registries leave out. Entries that are globally reachable
//! (AS112, AMT) are here too: nobody means them by `0.0.0.0/0`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use super::ranges::IpRange;

/// One entry of the registries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Special {
    /// Its addresses.
    pub range: IpRange,
    /// Its name and source.
    pub name: &'static str,
}

const V4: &[([u8; 4], u8, &str)] = &[
    ([0, 0, 0, 0], 8, "this network (RFC 791)"),
    ([10, 0, 0, 0], 8, "private use (RFC 1918)"),
    ([100, 64, 0, 0], 10, "shared address space (RFC 6598)"),
    ([127, 0, 0, 0], 8, "loopback (RFC 1122)"),
    ([169, 254, 0, 0], 16, "link local (RFC 3927)"),
    ([172, 16, 0, 0], 12, "private use (RFC 1918)"),
    // Holds the smaller entries .0/29, .8, .9, .10, .170 and .171.
    ([192, 0, 0, 0], 24, "IETF protocol assignments (RFC 6890)"),
    ([192, 0, 2, 0], 24, "documentation, TEST-NET-1 (RFC 5737)"),
    ([192, 31, 196, 0], 24, "AS112-v4 (RFC 7535)"),
    ([192, 52, 193, 0], 24, "AMT (RFC 7450)"),
    ([192, 88, 99, 0], 24, "6to4 relay anycast, deprecated (RFC 7526)"),
    ([192, 168, 0, 0], 16, "private use (RFC 1918)"),
    ([192, 175, 48, 0], 24, "direct delegation AS112 (RFC 7534)"),
    ([198, 18, 0, 0], 15, "benchmarking (RFC 2544)"),
    ([198, 51, 100, 0], 24, "documentation, TEST-NET-2 (RFC 5737)"),
    ([203, 0, 113, 0], 24, "documentation, TEST-NET-3 (RFC 5737)"),
    ([224, 0, 0, 0], 4, "multicast (RFC 5771)"),
    // Holds the limited broadcast address 255.255.255.255 (RFC 8190).
    ([240, 0, 0, 0], 4, "reserved (RFC 1112)"),
];

const V6: &[([u16; 8], u8, &str)] = &[
    ([0, 0, 0, 0, 0, 0, 0, 0], 128, "unspecified (RFC 4291)"),
    ([0, 0, 0, 0, 0, 0, 0, 1], 128, "loopback (RFC 4291)"),
    ([0, 0, 0, 0, 0, 0xffff, 0, 0], 96, "IPv4-mapped (RFC 4291)"),
    ([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96, "IPv4-IPv6 translation (RFC 6052)"),
    ([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, "local IPv4-IPv6 translation (RFC 8215)"),
    ([0x100, 0, 0, 0, 0, 0, 0, 0], 64, "discard only (RFC 6666)"),
    ([0x100, 0, 0, 1, 0, 0, 0, 0], 64, "dummy prefix (RFC 9780)"),
    // Holds Teredo 2001::/32 (RFC 4380), the anycast addresses 2001:1::1 to ::3,
    // AMT 2001:3::/32, AS112 2001:4:112::/48, ORCHID 2001:10::/28 and
    // 2001:20::/28, and drone identifiers 2001:30::/28 (RFC 9374).
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, "IETF protocol assignments (RFC 2928)"),
    ([0x2001, 2, 0, 0, 0, 0, 0, 0], 48, "benchmarking (RFC 5180)"),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, "documentation (RFC 3849)"),
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, "6to4 (RFC 3056)"),
    ([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48, "direct delegation AS112 (RFC 7534)"),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, "documentation (RFC 9637)"),
    ([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16, "segment routing identifiers (RFC 9602)"),
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, "unique local (RFC 4193)"),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, "link local (RFC 4291)"),
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, "multicast (RFC 4291)"),
];

static ALL: LazyLock<Vec<Special>> = LazyLock::new(|| {
    let entry = |addr: IpAddr, length, name| Special {
        range: IpRange::prefix(addr, length).expect("the tables hold valid prefixes"),
        name,
    };
    let v4 = V4.iter().map(|&(octets, len, name)| entry(Ipv4Addr::from(octets).into(), len, name));
    let v6 = V6.iter().map(|&(words, len, name)| entry(Ipv6Addr::from(words).into(), len, name));
    v4.chain(v6).collect()
});

/// All special-purpose ranges.
#[must_use]
pub fn all() -> &'static [Special] {
    &ALL
}

/// The entry that wholly holds all of `ranges`, if one does.
#[must_use]
pub fn holding(ranges: &[IpRange]) -> Option<&'static Special> {
    ALL.iter().find(|special| ranges.iter().all(|range| special.range.contains(range)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of(addr: &str) -> Option<&'static str> {
        let addr: IpAddr = addr.parse().expect("a test address");
        holding(&[IpRange::single(addr)]).map(|special| special.name)
    }

    #[test]
    fn prefixes_are_written_without_host_bits() {
        for &(octets, length, name) in V4 {
            let range = IpRange::prefix(Ipv4Addr::from(octets).into(), length);
            assert_eq!(range.map(|r| r.first()), Some(Ipv4Addr::from(octets).into()), "{name}");
        }
        for &(words, length, name) in V6 {
            let range = IpRange::prefix(Ipv6Addr::from(words).into(), length);
            assert_eq!(range.map(|r| r.first()), Some(Ipv6Addr::from(words).into()), "{name}");
        }
    }

    /// The standard library knows the same registries; where its judgement is
    /// stable, it is the oracle.
    #[test]
    fn the_standard_library_agrees_about_what_is_special() {
        for first in 0..=255u8 {
            for second in 0..=255u8 {
                let addr = Ipv4Addr::new(first, second, 113, 77);
                let special = addr.is_private()
                    || addr.is_loopback()
                    || addr.is_link_local()
                    || addr.is_multicast()
                    || addr.is_broadcast()
                    || addr.is_documentation()
                    || first == 0
                    || first >= 240
                    || (first == 100 && second & 0xc0 == 64)
                    || (first == 198 && second & 0xfe == 18);
                let ours = holding(&[IpRange::single(addr.into())]).is_some();
                assert_eq!(ours, special, "{addr}");
            }
        }
    }

    #[test]
    fn ordinary_addresses_are_not_special() {
        for addr in ["1.1.1.1", "100.63.255.255", "172.32.0.1", "198.20.0.0", "223.255.255.255"] {
            assert_eq!(name_of(addr), None, "{addr}");
        }
        for addr in ["2001:200::1", "2600::1", "2a00::1", "2003::1"] {
            assert_eq!(name_of(addr), None, "{addr}");
        }
    }

    #[test]
    fn special_addresses_are_named() {
        assert_eq!(name_of("198.19.255.1"), Some("benchmarking (RFC 2544)"));
        assert!(name_of("255.255.255.255").is_some());
        assert!(name_of("ff02::1").is_some());
        assert!(name_of("2001:2::1").is_some());
        assert!(name_of("fe80::1").is_some());
        assert!(name_of("fd00::1").is_some());
    }
}
