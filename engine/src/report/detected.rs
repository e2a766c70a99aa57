//! What runs behind the ports: services, systems, certificates, each told once a place
//! and counted by name.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;

use super::record::{Os, Service, Tls, words};
use crate::event::clock::parse_rfc3339;
use crate::plan::Protocol;

/// Longer texts are cut.
const TEXT_MAX: usize = 160;
/// Distinct certificates that are told apart; more are counted together.
const CERTIFICATES: usize = 1 << 18;

/// Address, protocol and port.
pub(super) type Place = (IpAddr, Protocol, u16);

/// Names that many places share.
#[derive(Debug)]
struct Shared<P, N> {
    names: Vec<N>,
    numbers: HashMap<N, usize>,
    /// Which name a place has: the last that was told.
    of: HashMap<P, usize>,
}

impl<P, N> Default for Shared<P, N> {
    fn default() -> Self {
        Self { names: Vec::new(), numbers: HashMap::new(), of: HashMap::new() }
    }
}

impl<P: Eq + Hash, N: Eq + Hash + Clone> Shared<P, N> {
    fn set(&mut self, place: P, name: N) {
        let number = *self.numbers.entry(name).or_insert_with_key(|name| {
            self.names.push(name.clone());
            self.names.len() - 1
        });
        self.of.insert(place, number);
    }

    fn get(&self, place: &P) -> Option<&N> {
        self.names.get(*self.of.get(place)?)
    }

    /// Names with the number of places that have them, the most frequent first.
    fn counted(&self) -> Vec<(&N, u64)> {
        let mut counts = vec![0; self.names.len()];
        for &number in self.of.values() {
            counts[number] += 1;
        }
        let mut counted: Vec<(usize, u64)> = counts.into_iter().enumerate().collect();
        counted.retain(|&(_, count)| count > 0);
        // In the order in which they were met where they are equally frequent.
        counted.sort_by_key(|&(number, count)| (std::cmp::Reverse(count), number));
        counted.into_iter().map(|(number, count)| (&self.names[number], count)).collect()
    }
}

/// A service as it was recognised.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct ServiceName {
    pub service: String,
    /// Product, version and what else is known.
    pub product: String,
}

/// A certificate that was shown.
#[derive(Debug)]
pub(super) struct Shown {
    pub subject: String,
    pub names: String,
    pub issuer: String,
    /// As it stands in the log.
    pub not_after: String,
    /// Microseconds since 1970; `None`: cannot be read.
    pub not_after_us: Option<u64>,
    /// Where it was met first.
    pub place: Place,
    /// Chains that it was met in.
    pub chains: u64,
    /// Of a server itself, not of an authority.
    pub leaf: bool,
}

/// Everything that was recognised.
#[derive(Debug, Default)]
pub(super) struct Detected {
    services: Shared<Place, ServiceName>,
    systems: Shared<IpAddr, String>,
    statuses: Shared<Place, String>,
    versions: Shared<Place, String>,
    certificates: HashMap<String, Shown>,
    /// Certificates beyond those that are told apart.
    pub certificates_left_out: u64,
}

impl Detected {
    pub(super) fn service(&mut self, place: Place, service: Service) {
        let parts = [service.product, service.version, service.extra];
        let product: Vec<String> = parts.into_iter().flatten().filter(|t| !t.is_empty()).collect();
        let mut name = service.service.unwrap_or_else(|| "unknown".to_owned());
        if let Some(tunnel) = service.tunnel.filter(|tunnel| !tunnel.is_empty()) {
            name = format!("{tunnel}/{name}");
        }
        let name = ServiceName { service: cut(&name), product: cut(&product.join(" ")) };
        self.services.set(place, name);
    }

    pub(super) fn system(&mut self, addr: IpAddr, os: &Os) {
        let Some(best) = os.matches.first() else { return };
        let accuracy = words(&best.accuracy);
        let name = cut(best.name.as_deref().unwrap_or("unknown"));
        let name = if accuracy.is_empty() { name } else { format!("{name} ({})", cut(&accuracy)) };
        self.systems.set(addr, name);
    }

    pub(super) fn tls(&mut self, place: Place, tls: Tls) {
        let or_unknown = |text: Option<String>| cut(text.as_deref().unwrap_or("unknown"));
        self.statuses.set(place, or_unknown(tls.chain_status));
        self.versions.set(place, or_unknown(tls.version));
        for (depth, certificate) in tls.chain.into_iter().enumerate() {
            let not_after = certificate.not_after.unwrap_or_default();
            let subject = cut(&words(&certificate.subject));
            let key = match certificate.sha256 {
                Some(hash) => cut(&hash),
                None => cut(&format!("{subject} {not_after}")),
            };
            if let Some(known) = self.certificates.get_mut(&key) {
                known.chains += 1;
            } else if self.certificates.len() < CERTIFICATES {
                let shown = Shown {
                    subject,
                    names: cut(&words(&certificate.san)),
                    issuer: cut(&words(&certificate.issuer)),
                    not_after_us: unix_us(&not_after),
                    not_after: cut(&not_after),
                    place,
                    chains: 1,
                    leaf: depth == 0,
                };
                self.certificates.insert(key, shown);
            } else {
                self.certificates_left_out += 1;
            }
        }
    }

    pub(super) fn service_at(&self, place: &Place) -> Option<&ServiceName> {
        self.services.get(place)
    }

    pub(super) fn system_of(&self, addr: IpAddr) -> Option<&str> {
        self.systems.get(&addr).map(String::as_str)
    }

    pub(super) fn services(&self) -> Vec<(&ServiceName, u64)> {
        self.services.counted()
    }

    pub(super) fn systems(&self) -> Vec<(&String, u64)> {
        self.systems.counted()
    }

    /// What became of the chains, and the protocol's versions.
    pub(super) fn chains(&self) -> [Vec<(&String, u64)>; 2] {
        [self.statuses.counted(), self.versions.counted()]
    }

    /// All certificates, what ends first before all others; unreadable ends last.
    pub(super) fn certificates(&self) -> Vec<&Shown> {
        let mut all: Vec<&Shown> = self.certificates.values().collect();
        all.sort_by(|a, b| {
            let key = |shown: &Shown| (shown.not_after_us.unwrap_or(u64::MAX), shown.place);
            key(a).cmp(&key(b)).then_with(|| a.subject.cmp(&b.subject))
        });
        all
    }
}

/// RFC 3339 in UTC, with or without a fraction.
fn unix_us(text: &str) -> Option<u64> {
    parse_rfc3339(text).or_else(|| {
        use time::format_description::well_known::Rfc3339;
        let time = time::OffsetDateTime::parse(text, &Rfc3339).ok()?;
        u64::try_from(time.unix_timestamp()).ok()?.checked_mul(1_000_000)
    })
}

/// The beginning of a text.
fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT_MAX) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::record::rest;
    use super::*;

    fn place(port: u16) -> Place {
        ("198.18.0.1".parse().unwrap(), Protocol::Tcp, port)
    }

    #[test]
    fn a_place_counts_once_with_what_was_told_last() {
        let mut detected = Detected::default();
        let service = |product: &str| Service {
            service: Some("http".into()),
            product: Some(product.into()),
            version: Some("1.0".into()),
            ..Service::default()
        };
        detected.service(place(80), service("old"));
        detected.service(place(80), service("nginx"));
        detected.service(place(81), service("nginx"));
        let counted = detected.services();
        assert_eq!(counted.len(), 1);
        assert_eq!((counted[0].0.product.as_str(), counted[0].1), ("nginx 1.0", 2));
        assert_eq!(detected.service_at(&place(80)).unwrap().service, "http");
        assert_eq!(detected.service_at(&place(82)), None);
    }

    #[test]
    fn a_certificate_of_many_servers_is_one_and_the_first_to_end_leads() {
        let mut detected = Detected::default();
        for (port, leaf, ends) in
            [(1, "a", "2027-01-01T00:00:00Z"), (2, "b", "2026-12-01T00:00:00Z")]
        {
            let tls: Tls = rest(
                serde_json::json!({
                    "version": "TLSv1.3", "chain_status": "valid",
                    "chain": [
                        {"subject": leaf, "san": ["x", "y"], "not_after": ends, "sha256": leaf},
                        {"subject": "CA", "not_after": "never", "sha256": "ca"},
                    ],
                })
                .to_string()
                .as_bytes(),
            )
            .unwrap();
            detected.tls(place(port), tls);
        }
        let all = detected.certificates();
        let told: Vec<_> = all.iter().map(|c| (c.subject.as_str(), c.chains, c.leaf)).collect();
        assert_eq!(told, [("b", 1, true), ("a", 1, true), ("CA", 2, false)]);
        assert_eq!(all[0].names, "x, y");
        assert_eq!(all[2].not_after_us, None);
        assert_eq!(detected.chains()[0], [(&"valid".to_owned(), 2)]);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut(&"é".repeat(500)).chars().count(), TEXT_MAX + 3);
        assert_eq!(cut("short"), "short");
    }
}
