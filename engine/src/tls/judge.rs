//! The verdict on a chain: valid, or what is wrong with it, every fault by its name.
//!
//! webpki goes first: it finds a way to a root and checks signatures, dates, purposes and
//! name constraints. It stops at the first thing that it does not like, does not say what
//! else is wrong, and passes over some things (the root's own dates, keyUsage, short
//! keys). So where it finds a way, that is looked over; where it finds none, [`path`]
//! searches on its own and names the faults. What webpki refuses and we find no fault
//! with is a fault all the same, unless it is a thing that webpki only does not know.

use std::time::Duration;

use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, Error as WebpkiError, KeyUsage};
use x509_parser::x509::X509Name;

use super::certificate::{Certificate, Malformed};
use super::fault::{Detail, Fault, Note};
use super::host::{Host, matches};
use super::path::{End, Link, Question, Search, Way};
use super::roots::Roots;
use super::signature::Outcome;

/// Most certificates of a chain that are judged.
pub const MOST_CERTIFICATES: usize = 16;

/// A certificate of a chain, read or not.
pub type Read<'a> = Result<Certificate<'a>, Malformed>;

/// What is said of a chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What is wrong, in the order of telling.
    pub details: Vec<Detail>,
    /// What else there is to say.
    pub notes: Vec<Note>,
}

impl Verdict {
    /// `valid`, or the name of the first fault.
    #[must_use]
    pub fn status(&self) -> &'static str {
        self.details.first().map_or("valid", |detail| detail.fault.name())
    }

    /// Each fault once.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults: Vec<Fault> = Vec::new();
        for detail in &self.details {
            if !faults.contains(&detail.fault) {
                faults.push(detail.fault);
            }
        }
        faults
    }
}

/// Reads the certificates of a chain.
pub fn read<'a>(chain: impl IntoIterator<Item = &'a [u8]>) -> Vec<Read<'a>> {
    chain.into_iter().map(Certificate::new).collect()
}

/// Judges the chain that a server sent, its own certificate first.
#[must_use]
pub fn judge(chain: &[Read<'_>], roots: &Roots, question: Question<'_>) -> Verdict {
    let mut notes = Vec::new();
    if chain.len() > MOST_CERTIFICATES {
        notes.push(Note::TooManyCertificates);
    }
    let chain = &chain[..chain.len().min(MOST_CERTIFICATES)];
    let server = match chain.first() {
        Some(Ok(server)) => server,
        Some(Err(Malformed(what))) => return broken(Fault::Malformed, Some(0), what, notes),
        None => return broken(Fault::NoCertificate, None, "the server sent none", notes),
    };
    let sent: Vec<Option<&Certificate<'_>>> =
        chain.iter().map(|certificate| certificate.as_ref().ok()).collect();
    let of_interest = roots_of_interest(&sent, roots);

    let opinion = by_webpki(chain, roots, question.at, &of_interest);
    let good = opinion
        .as_ref()
        .ok()
        .and_then(|ways| ways.iter().find(|way| way.details(question).is_empty()));
    let (way, mut details) = match good {
        Some(way) => (Some(way.clone()), Vec::new()),
        None => match Search::new(&sent, &of_interest, question).run() {
            Some((way, details)) => (Some(way), details),
            None => (None, Vec::new()),
        },
    };
    if details.is_empty()
        && let Err(error) = &opinion
        && !is_ignorance(error)
    {
        let text = format!("refused by webpki: {error}");
        details.push(Detail { fault: Fault::Malformed, certificate: None, text });
    }
    // A certificate that cannot be read is a fault where it may have been needed.
    if details.iter().any(|detail| detail.fault == Fault::UnknownIssuer) {
        for (place, certificate) in chain.iter().enumerate() {
            if let Err(Malformed(what)) = certificate {
                let text = (*what).to_owned();
                details.push(Detail { fault: Fault::Malformed, certificate: Some(place), text });
            }
        }
    }
    order(&mut details, server);
    if let Some(way) = &way {
        notes.extend(notes_on(way, chain, &of_interest));
    }
    if let Some(Host::Dns(host)) = question.host
        && details.iter().any(|detail| detail.fault == Fault::NameMismatch)
        && common_name_matches(server.subject(), host)
    {
        notes.push(Note::OnlyCommonName);
    }
    Verdict { details, notes }
}

fn broken(fault: Fault, certificate: Option<usize>, what: &str, notes: Vec<Note>) -> Verdict {
    let text = what.to_owned();
    Verdict { details: vec![Detail { fault, certificate, text }], notes }
}

/// A missing certificate is told first where one knows where it is to be had; else what
/// is wrong is that its issuer is unknown.
fn order(details: &mut [Detail], server: &Certificate<'_>) {
    let rank = |detail: &Detail| match detail.fault {
        Fault::IncompleteChain if !server.names_its_issuers_place => (Fault::UnknownIssuer, true),
        fault => (fault, false),
    };
    // Of one fault, the server's own certificate comes first and our roots last.
    let place = |detail: &Detail| detail.certificate.unwrap_or(usize::MAX);
    details.sort_by_key(|detail| (rank(detail), place(detail), detail.text.clone()));
}

/// The roots that have the name of a certificate sent or of its issuer.
fn roots_of_interest<'r>(
    sent: &[Option<&Certificate<'_>>],
    roots: &'r Roots,
) -> Vec<Certificate<'r>> {
    let mut found: Vec<Certificate<'r>> = Vec::new();
    for certificate in sent.iter().flatten() {
        let names = [certificate.subject(), certificate.issuer()];
        let names = if certificate.is_self_issued() { &names[..1] } else { &names[..] };
        for der in names.iter().flat_map(|name| roots.named(name)) {
            if !found.iter().any(|root| root.der == der)
                && let Ok(root) = Certificate::new(der)
            {
                found.push(root);
            }
        }
    }
    found
}

/// The ways that webpki's one may be: several roots may have one name and key.
fn by_webpki<'c>(
    chain: &'c [Read<'c>],
    roots: &Roots,
    at: i64,
    of_interest: &'c [Certificate<'c>],
) -> Result<Vec<Way<'c>>, WebpkiError> {
    let ders: Vec<CertificateDer<'_>> =
        chain.iter().flatten().map(|certificate| CertificateDer::from(certificate.der)).collect();
    let Some((server, others)) = ders.split_first() else { return Err(WebpkiError::BadDer) };
    let server = EndEntityCert::try_from(server)?;
    let at = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at).unwrap_or(0)));
    let verified = server.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        roots.anchors(),
        others,
        at,
        KeyUsage::server_auth(),
        None,
        None,
    )?;
    let place_of = |der: &[u8]| {
        let read = |certificate: &'c Read<'c>| certificate.as_ref().ok();
        let found = chain.iter().position(|c| read(c).is_some_and(|c| c.der == der));
        found.and_then(|place| Some(Link { certificate: read(&chain[place])?, sent: Some(place) }))
    };
    let mut links: Vec<Link<'c>> = place_of(&server.der()).into_iter().collect();
    links.extend(verified.intermediate_certificates().filter_map(|c| place_of(&c.der())));
    let anchor = verified.anchor();
    let is_anchor = |root: &&Certificate<'_>| {
        let key = root.envelope.tbs_certificate.subject_pki.raw;
        root.subject().as_raw().ends_with(&anchor.subject)
            && key.ends_with(&anchor.subject_public_key_info)
    };
    let ways = of_interest.iter().filter(is_anchor).map(|certificate| {
        let mut links = links.clone();
        // A server's certificate that is itself an anchor needs no other.
        if links.last().is_none_or(|last| last.certificate.der != certificate.der) {
            links.push(Link { certificate, sent: None });
        }
        let signatures = vec![Outcome::Good; links.len() - 1];
        Way { links, signatures, end: End::Trusted }
    });
    Ok(ways.collect())
}

/// What webpki does not know, or is stricter about than the standard; our own judgement
/// holds then.
fn is_ignorance(error: &WebpkiError) -> bool {
    matches!(
        error,
        // Algorithms and curves of neither ring nor webpki.
        WebpkiError::UnsupportedSignatureAlgorithmContext(_)
            | WebpkiError::UnsupportedSignatureAlgorithmForPublicKeyContext(_)
            // Critical extensions about policies.
            | WebpkiError::UnsupportedCriticalExtension
            // A CA's certificate is allowed to be a server's.
            | WebpkiError::CaUsedAsEndEntity
            // The server's own certificate of an old version.
            | WebpkiError::UnsupportedCertVersion
            // Names that differ in case or string type; a server's certificate that is a root.
            | WebpkiError::UnknownIssuer
    )
}

fn notes_on(way: &Way<'_>, chain: &[Read<'_>], roots: &[Certificate<'_>]) -> Vec<Note> {
    let places: Vec<usize> = way.links.iter().filter_map(|link| link.sent).collect();
    let mut notes = Vec::new();
    if !places.is_sorted() {
        notes.push(Note::WrongOrder);
    }
    for (place, certificate) in chain.iter().enumerate() {
        let Ok(certificate) = certificate else { continue };
        let is_root = roots.iter().any(|root| root.der == certificate.der);
        if is_root && place > 0 && certificate.is_self_issued() {
            notes.push(Note::RootSent);
        } else if !places.contains(&place) {
            notes.push(Note::UnusedCertificate);
        }
    }
    notes.sort();
    notes.dedup();
    notes
}

fn common_name_matches(subject: &X509Name<'_>, host: &str) -> bool {
    subject.iter_common_name().any(|name| name.as_str().is_ok_and(|name| matches(host, name)))
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
