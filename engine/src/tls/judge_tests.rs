//! Hostile certificates, and names as webpki sees them. Verdicts are held against openssl
//! in `bench/tests/certificates`.
#![allow(clippy::unwrap_used)]

use std::sync::LazyLock;

use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, GeneralSubtree, IsCa, Issuer, KeyPair, NameConstraints,
};

use super::*;
use crate::tls::report::{Connection, record};

const AT: i64 = 1_800_000_000;

/// A sound chain with everything in it that is read: server, CA, root.
static CHAIN: LazyLock<[Vec<u8>; 3]> = LazyLock::new(|| {
    let key = || KeyPair::generate().unwrap();
    let authority = |name: &str| {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(3));
        params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
        params.use_authority_key_identifier_extension = true;
        params
    };
    let (root_key, ca_key) = (key(), key());
    let root = authority("root");
    let mut ca = authority("ca");
    ca.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![
            GeneralSubtree::DnsName("example".into()),
            GeneralSubtree::IpAddress(rcgen::CidrSubnet::from_v4_prefix([192, 0, 2, 0], 24)),
        ],
        excluded_subtrees: vec![GeneralSubtree::Rfc822Name("example".into())],
    });
    let names = ["a.example", "*.b.example", "192.0.2.1"].map(str::to_owned);
    let mut server = CertificateParams::new(names).unwrap();
    server.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    server.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
    server.use_authority_key_identifier_extension = true;
    let root_der = root.self_signed(&root_key).unwrap().der().to_vec();
    let root = Issuer::new(root, root_key);
    let ca_der = ca.signed_by(&ca_key, &root).unwrap().der().to_vec();
    let ca = Issuer::new(ca, ca_key);
    [server.signed_by(&key(), &ca).unwrap().der().to_vec(), ca_der, root_der]
});

fn verdict(chain: &[Vec<u8>], trusted: &[u8]) -> Verdict {
    let roots = Roots::new(vec![trusted.to_vec().into()]);
    let host = Host::parse("a.example").unwrap();
    let chain = read(chain.iter().map(Vec::as_slice));
    judge(&chain, &roots, Question { host: Some(&host), at: AT })
}

/// Some bytes changed, and perhaps the end cut off or doubled.
fn damage()
-> impl Strategy<Value = (usize, Vec<(prop::sample::Index, u8)>, Option<prop::sample::Index>)> {
    (
        0..2_usize,
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        any::<Option<prop::sample::Index>>(),
    )
}

#[test]
fn the_chain_that_is_damaged_is_sound() {
    let [server, ca, root] = &*CHAIN;
    assert_eq!(verdict(&[server.clone(), ca.clone()], root), Verdict::default());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(
        if std::env::var_os("PRTIP_SOAK").is_some() { 100_000 } else { 1000 }
    ))]

    #[test]
    fn a_damaged_certificate_is_read_without_harm_and_never_valid(
        (place, changes, cut) in damage()
    ) {
        let [server, ca, root] = &*CHAIN;
        let mut chain = vec![server.clone(), ca.clone()];
        for (index, byte) in changes {
            let at = index.index(chain[place].len());
            chain[place][at] = byte;
        }
        if let Some(index) = cut {
            let at = index.index(chain[place].len());
            chain[place].truncate(at);
        }
        let damaged = chain[place] != CHAIN[place];
        let verdict = verdict(&chain, root);
        prop_assert_eq!(verdict.status() != "valid", damaged, "{:?}", verdict);
        let read = read(chain.iter().map(Vec::as_slice));
        let record = record(Connection::default(), &chain, &read, &verdict);
        prop_assert!(record.chain.iter().all(|certificate| certificate.sha256.len() == 64));
    }

    #[test]
    fn bytes_that_are_no_certificate_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(verdict(&[bytes], &CHAIN[2]).status(), "malformed");
    }

    #[test]
    fn names_match_as_webpki_has_it(
        host in "(a|b|ab|a_b|x-1)(\\.(a|b|ab|org)){0,3}",
        pattern in "(\\*|a|A|b|a\\*|\\*a|ab|x-1)(\\.(a|B|b|ab|org|\\*)){0,3}\\.?",
    ) {
        static KEY: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate().unwrap());
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![rcgen::SanType::DnsName(pattern.as_str().try_into().unwrap())];
        let der = params.self_signed(&*KEY).unwrap().der().to_vec().into();
        let theirs = EndEntityCert::try_from(&der).unwrap();
        let name = rustls_pki_types::ServerName::try_from(host.as_str()).unwrap();
        let theirs = theirs.verify_is_valid_for_subject_name(&name).is_ok();
        prop_assert_eq!(matches(&host, &pattern), theirs, "{} {}", host, pattern);
    }
}
