//! Whom we trust: certificates from a file, or those of the system. Every certificate
//! there is an end of trust, self-signed or not.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, TrustAnchor};
use x509_parser::x509::X509Name;

use super::certificate::Certificate;
use super::distinguished::folded;
use crate::error::{Error, Kind, Result};

/// The longest file of certificates that is read.
pub const LONGEST_FILE: u64 = 64 << 20;

/// Trusted certificates.
#[derive(Debug, Default)]
pub struct Roots {
    certificates: Vec<CertificateDer<'static>>,
    anchors: Vec<TrustAnchor<'static>>,
    /// By the subject, folded.
    by_subject: HashMap<String, Vec<usize>>,
    /// What the system holds and what cannot be read.
    unreadable: usize,
}

impl Roots {
    /// Those of `file` (PEM, or DER of one certificate).
    ///
    /// # Errors
    /// When it cannot be read, or holds none or broken ones.
    pub fn from_file(file: &Path) -> Result<Self> {
        let name = file.display();
        let usage = |what: String| Error::new(Kind::Usage, what);
        let too_long = fs::metadata(file).is_ok_and(|metadata| metadata.len() > LONGEST_FILE);
        if too_long {
            return Err(usage(format!("{name} is longer than 64 MiB")));
        }
        let bytes = fs::read(file)
            .map_err(|error| usage(format!("{name} cannot be read")).because_of(error))?;
        let certificates = read_certificates(&bytes).map_err(|what| {
            usage(format!("{name}: {what}"))
                .remedy("give a file of trusted certificates in PEM, as curl --cacert takes it")
        })?;
        let roots = Self::new(certificates);
        if roots.unreadable > 0 {
            return Err(usage(format!(
                "{name}: {} of its certificates cannot be read",
                roots.unreadable
            )));
        }
        Ok(roots)
    }

    /// Those that the system trusts; SSL_CERT_FILE and SSL_CERT_DIR name others.
    ///
    /// # Errors
    /// When there are none.
    pub fn of_the_system() -> Result<Self> {
        let loaded = rustls_native_certs::load_native_certs();
        let roots = Self::new(loaded.certs);
        if roots.is_empty() {
            let said = loaded.errors.first().map(|error| format!("; {error}")).unwrap_or_default();
            return Err(Error::new(Kind::Failed, "judge certificates")
                .cause(format!("this system trusts no certificates{said}"))
                .remedy("install the package ca-certificates, or name a file by --ca-file"));
        }
        Ok(roots)
    }

    /// These certificates; those that cannot be read are left out.
    #[must_use]
    pub fn new(certificates: Vec<CertificateDer<'static>>) -> Self {
        let mut roots = Self::default();
        for der in certificates {
            let subject = Certificate::new(&der).map(|certificate| folded(certificate.subject()));
            let Ok(subject) = subject else {
                roots.unreadable += 1;
                continue;
            };
            // An anchor of its own is only for webpki, which knows less than we do.
            if let Ok(anchor) = webpki::anchor_from_trusted_cert(&der) {
                roots.anchors.push(anchor.to_owned());
            }
            roots.by_subject.entry(subject).or_default().push(roots.certificates.len());
            roots.certificates.push(der);
        }
        roots
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.certificates.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.certificates.len()
    }

    /// For webpki.
    #[must_use]
    pub fn anchors(&self) -> &[TrustAnchor<'static>] {
        &self.anchors
    }

    /// Those whose subject is `name`.
    pub fn named(&self, name: &X509Name<'_>) -> impl Iterator<Item = &[u8]> + use<'_> {
        let found = self.by_subject.get(&folded(name)).map(Vec::as_slice).unwrap_or_default();
        found.iter().map(|&place| &*self.certificates[place])
    }

    /// Whether this very certificate is trusted.
    #[must_use]
    pub fn holds(&self, certificate: &Certificate<'_>) -> bool {
        self.named(certificate.subject()).any(|der| der == certificate.der)
    }
}

/// The certificates of a PEM text in their order, or one certificate in DER.
///
/// # Errors
/// What is wrong, as a sentence's end.
pub fn read_certificates(
    bytes: &[u8],
) -> std::result::Result<Vec<CertificateDer<'static>>, String> {
    if bytes.is_empty() {
        return Err("empty".into());
    }
    // DER begins with a SEQUENCE of a length in two bytes.
    if bytes.starts_with(&[0x30, 0x82]) {
        return Ok(vec![CertificateDer::from(bytes.to_vec())]);
    }
    let mut certificates = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(bytes) {
        match certificate {
            Ok(certificate) => certificates.push(certificate),
            Err(error) => {
                let place = certificates.len() + 1;
                return Err(format!("certificate {place} is no PEM: {error}"));
            }
        }
    }
    if certificates.is_empty() {
        return Err("no certificate in it (-----BEGIN CERTIFICATE-----)".into());
    }
    Ok(certificates)
}
