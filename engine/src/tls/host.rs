//! Whom a certificate is for (RFC 9525): DNS names and addresses of subjectAltName. The
//! common name does not count. A wildcard is the whole leftmost label, stands for exactly
//! one label, and leaves at least two behind it.

use std::fmt;
use std::net::IpAddr;

use x509_parser::extensions::GeneralName;

use super::certificate::address;

/// The name that a server was asked by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// A DNS name, in lower case and without a last dot.
    Dns(String),
    /// An address.
    Address(IpAddr),
}

impl Host {
    /// Reads a host name or address.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse() {
            return Ok(Self::Address(address));
        }
        if !text.is_ascii() {
            return Err(format!(
                "{text:?} is not ASCII: give the name as it stands in the DNS (xn--…)"
            ));
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if is_dns_name(&name) {
            Ok(Self::Dns(name))
        } else {
            Err(format!("{text:?} is neither a host name nor an address"))
        }
    }

    /// Whether it is one of `names`.
    #[must_use]
    pub fn is_among(&self, names: &[GeneralName<'_>]) -> bool {
        names.iter().any(|name| match (self, name) {
            (Self::Dns(host), GeneralName::DNSName(pattern)) => matches(host, pattern),
            (Self::Address(host), GeneralName::IPAddress(bytes)) => address(bytes) == Some(*host),
            _ => false,
        })
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// Letters, digits, hyphens and underscores, 1 to 63 to a label, 253 in all; the last label
/// is no number, or it would be an address (RFC 3696, 2).
fn is_dns_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= 253 && name.split('.').all(label) && !last.bytes().all(|b| b.is_ascii_digit())
}

/// Whether `pattern`, as a certificate has it, stands for `host`.
#[must_use]
pub fn matches(host: &str, pattern: &str) -> bool {
    if let Some(rest) = pattern.strip_prefix("*.") {
        let Some((label, parent)) = host.split_once('.') else { return false };
        return !label.is_empty()
            && rest.contains('.')
            && is_dns_name(&rest.to_ascii_lowercase())
            && parent.eq_ignore_ascii_case(rest);
    }
    pattern.eq_ignore_ascii_case(host)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn wildcards_stand_for_one_whole_label() {
        for (host, pattern, expected) in [
            ("a.example.org", "a.example.org", true),
            ("a.example.org", "A.Example.ORG", true),
            ("a.example.org", "*.example.org", true),
            ("example.org", "*.example.org", false),
            ("a.b.example.org", "*.example.org", false),
            ("a.b.example.org", "*.b.example.org", true),
            ("a.org", "*.org", false),
            ("ab.example.org", "a*.example.org", false),
            ("a.example.org", "a.*.org", false),
            ("a.example.org", "*", false),
            ("a.example.org", "*.*.org", false),
            ("a.example.org", "", false),
            ("a.example.org", "a.example.org.", false),
            ("a.example.org", ".example.org", false),
            ("a.example.org", "a.example.org\0.evil.example", false),
        ] {
            assert_eq!(matches(host, pattern), expected, "{host} {pattern:?}");
        }
    }

    #[test]
    fn hosts_are_names_or_addresses() {
        assert_eq!(Host::parse("Example.ORG."), Ok(Host::Dns("example.org".into())));
        assert_eq!(Host::parse("192.0.2.1"), Ok(Host::Address([192, 0, 2, 1].into())));
        assert_eq!(Host::parse("[2001:db8::1]").unwrap().to_string(), "2001:db8::1");
        assert!(Host::parse("bücher.example").unwrap_err().contains("xn--"));
        for text in ["", ".", "a..b", "-a.example", "192.0.2.256", "a b", "*.example.org"] {
            assert!(Host::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_are_compared_as_bytes_and_never_with_names() {
        let host = Host::parse("192.0.2.1").unwrap();
        assert!(host.is_among(&[GeneralName::IPAddress(&[192, 0, 2, 1])]));
        assert!(!host.is_among(&[GeneralName::IPAddress(&[192, 0, 2])]));
        assert!(!host.is_among(&[GeneralName::DNSName("192.0.2.1")]));
    }
}
