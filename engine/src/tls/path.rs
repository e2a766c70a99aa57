//! Ways from a server's certificate to a trusted one, and what is wrong with each. All
//! are tried, within bounds, and the one with the least wrong is told: servers send
//! certificates in any order, too many, and ones that lead to several roots.

use super::certificate::Certificate;
use super::constraints;
use super::distinguished::{same, text};
use super::fault::{Detail, Fault};
use super::host::Host;
use super::report::rfc3339;
use super::signature::{self, Outcome};

/// Most certificates on a way.
pub const LONGEST_PATH: usize = 10;
/// Most signatures checked for one chain: what a hostile server may cost.
const MOST_SIGNATURES: usize = 32;
/// Most ways looked at.
const MOST_PATHS: usize = 32;

/// What a chain is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question<'q> {
    /// The name that the server was asked by; without one no name is wrong.
    pub host: Option<&'q Host>,
    /// When, in seconds since 1970.
    pub at: i64,
}

/// One certificate of a way.
#[derive(Clone, Copy, Debug)]
pub struct Link<'c> {
    /// It.
    pub certificate: &'c Certificate<'c>,
    /// Its place among those sent; `None` for a root of ours.
    pub sent: Option<usize>,
}

/// How a way ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With a trusted certificate.
    Trusted,
    /// With one that signed itself.
    SelfSigned,
    /// The next issuer is not there.
    Missing,
}

/// A way, from the server's certificate on.
#[derive(Clone, Debug)]
pub struct Way<'c> {
    /// Its certificates.
    pub links: Vec<Link<'c>>,
    /// What the signatures are, each by the key of the next link.
    pub signatures: Vec<Outcome>,
    /// How it ends.
    pub end: End,
}

impl Way<'_> {
    /// What is wrong with it, in the order of telling.
    #[must_use]
    pub fn details(&self, question: Question<'_>) -> Vec<Detail> {
        let mut found = Faults { way: self, found: Vec::new() };
        for place in 0..self.links.len() {
            found.of_any(place, question.at);
            if place > 0 {
                found.of_issuer(place);
            }
        }
        found.of_server(question.host);
        found.of_end();
        let mut details = found.found;
        details.sort();
        details.dedup();
        details
    }
}

struct Faults<'w, 'c> {
    way: &'w Way<'c>,
    found: Vec<Detail>,
}

impl Faults<'_, '_> {
    fn add(&mut self, fault: Fault, place: usize, text: impl Into<String>) {
        let certificate = self.way.links[place].sent;
        self.found.push(Detail { fault, certificate, text: text.into() });
    }

    /// What can be wrong with every certificate.
    fn of_any(&mut self, place: usize, at: i64) {
        let certificate = self.way.links[place].certificate;
        let last = place + 1 == self.way.links.len();
        let (from, to) = certificate.validity();
        if at > to {
            self.add(Fault::Expired, place, format!("it was valid until {}", rfc3339(to)));
        }
        if at < from {
            self.add(Fault::NotYetValid, place, format!("it is valid from {}", rfc3339(from)));
        }
        if certificate.key.is_weak() {
            self.add(Fault::WeakKey, place, certificate.key.to_string());
        }
        // Whoever trusts a certificate itself needs no signature on it.
        let needless = last && self.way.end != End::Missing;
        if let Some(hash) = certificate.signature.hash()
            && hash.is_broken()
            && !needless
        {
            self.add(Fault::WeakSignature, place, format!("signed by {hash}"));
        }
        match self.way.signatures.get(place) {
            Some(Outcome::Bad) => {
                let issuer = self.way.links.get(place + 1).map_or(certificate, |l| l.certificate);
                let by = text(issuer.subject());
                self.add(Fault::BadSignature, place, format!("not signed by the key of {by}"));
            }
            Some(Outcome::Unsupported) => {
                let oid = &certificate.envelope.signature_algorithm.algorithm;
                self.add(Fault::UnsupportedSignature, place, certificate.signature.text(oid));
            }
            Some(Outcome::Good) | None => {}
        }
        if let Some(extension) = &certificate.unknown_critical {
            let extension = extension.to_id_string();
            self.add(Fault::UnknownCriticalExtension, place, extension);
        }
        if let Some(what) = certificate.broken {
            self.add(Fault::Malformed, place, what);
        }
        if let Some(usage) = &certificate.extended_key_usage
            && !usage.server_auth
        {
            self.add(Fault::ExtendedKeyUsage, place, "it is not for TLS servers (serverAuth)");
        }
    }

    fn of_issuer(&mut self, place: usize) {
        let Link { certificate, sent } = self.way.links[place];
        let usage = certificate.key_usage;
        let may_sign = usage.is_none_or(|usage| usage.key_cert_sign());
        // A root of ours may be older than the extension that says so.
        let old_root = sent.is_none()
            && certificate.basic_constraints.is_none()
            && (certificate.is_version_1() || usage.is_some_and(|usage| usage.key_cert_sign()));
        if !certificate.is_ca() && !old_root {
            self.add(Fault::NotACa, place, "basicConstraints do not say that it is a CA");
        }
        if !may_sign {
            self.add(Fault::KeyUsage, place, "its key may not sign certificates (keyCertSign)");
        }
        let below = &self.way.links[1..place];
        let follow = below.iter().filter(|link| !link.certificate.is_self_issued()).count();
        let limit = certificate.basic_constraints.as_ref().and_then(|c| c.path_len_constraint);
        if let Some(limit) = limit
            && follow as u64 > u64::from(limit)
        {
            self.add(Fault::PathLength, place, format!("{follow} CAs below it, {limit} allowed"));
        }
        if let Some(limits) = &certificate.name_constraints {
            for below in 0..place {
                let link = self.way.links[below];
                if below > 0 && link.certificate.is_self_issued() {
                    continue;
                }
                if let Some(name) = constraints::violation(limits, link.certificate) {
                    let by = text(certificate.subject());
                    self.add(
                        Fault::NameConstraints,
                        below,
                        format!("{by} may not issue for {name}"),
                    );
                }
            }
        }
    }

    fn of_server(&mut self, host: Option<&Host>) {
        let certificate = self.way.links[0].certificate;
        // The bits that TLS can use (RFC 5280, 4.2.1.12).
        let usable = |usage: x509_parser::extensions::KeyUsage| {
            usage.digital_signature() || usage.key_encipherment() || usage.key_agreement()
        };
        if certificate.key_usage.is_some_and(|usage| !usable(usage)) {
            self.add(Fault::KeyUsage, 0, "its key may neither sign nor agree on keys");
        }
        if let Some(host) = host
            && !host.is_among(&certificate.names)
        {
            let mut names: Vec<String> = certificate.dns_names().map(str::to_owned).collect();
            names.extend(certificate.addresses().map(|address| address.to_string()));
            let many = names.len() > 8;
            names.truncate(8);
            let names = match names.as_slice() {
                [] => "nobody".to_owned(),
                names => names.join(", ") + if many { ", …" } else { "" },
            };
            self.add(Fault::NameMismatch, 0, format!("it is for {names}, not for {host}"));
        }
    }

    fn of_end(&mut self) {
        let last = self.way.links.len() - 1;
        let certificate = self.way.links[last].certificate;
        match self.way.end {
            End::Trusted => {}
            End::SelfSigned if last == 0 => {
                self.add(Fault::SelfSigned, 0, "signed by its own key, which is not trusted");
            }
            End::SelfSigned => {
                let root = text(certificate.subject());
                self.add(Fault::UnknownIssuer, last, format!("{root} is not trusted"));
            }
            End::Missing => {
                let issuer = text(certificate.issuer());
                // Behind a CA comes a root, as a rule, which nobody has to send.
                if last == 0 {
                    let text = format!("its issuer {issuer} was not sent");
                    self.add(Fault::IncompleteChain, last, text);
                }
                self.add(Fault::UnknownIssuer, last, format!("{issuer} is not trusted"));
            }
        }
    }
}

/// The best of all ways.
pub(super) struct Search<'s, 'c> {
    /// The certificates sent, where they can be read.
    pub sent: &'s [Option<&'c Certificate<'c>>],
    /// The roots that may have signed one of them or be one of them.
    pub roots: &'c [Certificate<'c>],
    /// What is asked.
    pub question: Question<'s>,
    signatures_left: usize,
    paths_left: usize,
    best: Option<(Way<'c>, Vec<Detail>)>,
}

impl<'s, 'c> Search<'s, 'c> {
    pub(super) fn new(
        sent: &'s [Option<&'c Certificate<'c>>],
        roots: &'c [Certificate<'c>],
        question: Question<'s>,
    ) -> Self {
        let (signatures_left, paths_left) = (MOST_SIGNATURES, MOST_PATHS);
        Self { sent, roots, question, signatures_left, paths_left, best: None }
    }

    /// The way with the least wrong, and what that is; `None` where the server's own
    /// certificate cannot be read.
    pub(super) fn run(mut self) -> Option<(Way<'c>, Vec<Detail>)> {
        let certificate = (*self.sent.first()?)?;
        self.go_on(&mut vec![Link { certificate, sent: Some(0) }], &mut Vec::new());
        self.best
    }

    fn go_on(&mut self, links: &mut Vec<Link<'c>>, signatures: &mut Vec<Outcome>) {
        let Some(&head) = links.last() else { return };
        let trusted = self.roots.iter().any(|root| root.der == head.certificate.der);
        if head.sent.is_none() || trusted {
            return self.consider(links, signatures, End::Trusted);
        }
        let mut good = Vec::new();
        let mut others = Vec::new();
        for candidate in self.candidates(head, links) {
            match self.check(head.certificate, candidate.certificate) {
                Outcome::Good => good.push(candidate),
                outcome => others.push((candidate, outcome)),
            }
        }
        for candidate in &good {
            if links.len() < LONGEST_PATH && self.paths_left > 0 {
                links.push(*candidate);
                signatures.push(Outcome::Good);
                self.go_on(links, signatures);
                links.pop();
                signatures.pop();
            }
        }
        if !good.is_empty() {
            return;
        }
        if head.certificate.is_self_issued() {
            let own = self.check(head.certificate, head.certificate);
            // Another of its name and key identifier may have been meant.
            if own != Outcome::Bad || others.is_empty() {
                signatures.push(own);
                self.consider(links, signatures, End::SelfSigned);
                signatures.pop();
                return;
            }
        }
        // Key identifiers tell whether a certificate is the issuer or only has its name.
        others.retain(|(candidate, _)| {
            let identifiers = (head.certificate.authority_key, candidate.certificate.subject_key);
            !matches!(identifiers, (Some(wanted), Some(found)) if wanted != found)
        });
        if others.is_empty() {
            return self.consider(links, signatures, End::Missing);
        }
        for (candidate, outcome) in others {
            if links.len() < LONGEST_PATH && self.paths_left > 0 {
                links.push(candidate);
                signatures.push(outcome);
                self.go_on(links, signatures);
                links.pop();
                signatures.pop();
            }
        }
    }

    /// Who has the name of the issuer: our roots first.
    fn candidates(&self, head: Link<'c>, links: &[Link<'c>]) -> Vec<Link<'c>> {
        let issuer = head.certificate.issuer();
        let roots = self.roots.iter().map(|certificate| Link { certificate, sent: None });
        let sent = self.sent.iter().enumerate().filter_map(|(place, certificate)| {
            certificate.map(|certificate| Link { certificate, sent: Some(place) })
        });
        let known = |link: &Link<'c>| {
            !links.iter().any(|other| other.certificate.der == link.certificate.der)
        };
        roots
            .chain(sent)
            .filter(|link| same(link.certificate.subject(), issuer))
            .filter(known)
            .collect()
    }

    fn check(&mut self, certificate: &Certificate<'_>, issuer: &Certificate<'_>) -> Outcome {
        match self.signatures_left.checked_sub(1) {
            Some(left) => {
                self.signatures_left = left;
                signature::check(certificate, issuer)
            }
            None => Outcome::Unsupported,
        }
    }

    fn consider(&mut self, links: &[Link<'c>], signatures: &[Outcome], end: End) {
        self.paths_left = self.paths_left.saturating_sub(1);
        let way = Way { links: links.to_vec(), signatures: signatures.to_vec(), end };
        let details = way.details(self.question);
        let rank = |way: &Way<'_>, details: &[Detail]| {
            let faults: Vec<Fault> = details.iter().map(|detail| detail.fault).collect();
            (way.end != End::Trusted, faults.len(), faults)
        };
        let better =
            self.best.as_ref().is_none_or(|(best, wrong)| rank(&way, &details) < rank(best, wrong));
        if better {
            self.best = Some((way, details));
        }
    }
}
