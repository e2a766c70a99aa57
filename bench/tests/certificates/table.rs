//! Each fault alone is called by its name, and openssl says the same.

use prtip_bench::lab::chain::{Recipe, authority};
use prtip_engine::tls::fault::Note;

use crate::faults::{ALL, Break, HOST, broken};
use crate::oracle::agree;

#[test]
fn each_fault_alone_is_named_right_and_openssl_agrees() {
    let dir = tempfile::tempdir().unwrap();
    for between in [1, 2] {
        for (thing, expected) in ALL {
            let case = broken(&[thing], Recipe::sound("Lab", HOST, between).unwrap());
            let verdict = case.judged();
            let expected = expected.map_or("valid", |fault| fault.name());
            assert_eq!(verdict.status(), expected, "{thing:?}, {between}: {verdict:?}");
            let errors = case.verified(dir.path(), 2);
            assert!(agree(&verdict.faults(), &errors), "{thing:?}: {verdict:?}, {errors:?}");
        }
    }
}

#[test]
fn what_is_odd_is_noted() {
    for (thing, between, expected) in [
        (Break::WrongOrder, 2, Note::WrongOrder),
        (Break::RootSent, 1, Note::RootSent),
        (Break::OneTooMany, 1, Note::UnusedCertificate),
    ] {
        let verdict = broken(&[thing], Recipe::sound("Lab", HOST, between).unwrap()).judged();
        assert_eq!(verdict.notes, [expected], "{thing:?}: {verdict:?}");
    }
    // The common name alone does not count any more, which is said.
    let mut recipe = Recipe::sound("Lab", HOST, 1).unwrap();
    recipe.server.subject_alt_names.clear();
    let verdict = broken(&[], recipe).judged();
    assert_eq!(
        (verdict.status(), &verdict.notes[..]),
        ("name_mismatch", &[Note::OnlyCommonName][..])
    );
}

/// Two certificates of one CA, one of which leads nowhere: the good one counts. (openssl
/// takes the first one and never goes back, so it is not asked.)
#[test]
fn of_several_ways_the_sound_one_counts() {
    let recipe = Recipe::sound("Lab", HOST, 1).unwrap();
    let chain = recipe.make().unwrap();
    let stranger = rcgen::KeyPair::generate().unwrap();
    let elsewhere = rcgen::Issuer::new(authority("Elsewhere"), stranger);
    let crossed = recipe.intermediates[0].signed_by(chain.issuer.key(), &elsewhere).unwrap();
    let mut case = broken(&[], recipe);
    case.sent = vec![chain.sent[0].clone(), crossed.der().to_vec(), chain.sent[1].clone()];
    case.trusted = vec![chain.root];
    assert_eq!(case.judged().status(), "valid");
    case.sent.pop();
    assert_eq!(case.judged().status(), "unknown_issuer");
}

#[test]
fn nothing_sent_and_nonsense_sent_are_faults() {
    let mut case = broken(&[], Recipe::sound("Lab", HOST, 1).unwrap());
    case.sent[1] = b"nonsense".to_vec();
    let verdict = case.judged();
    assert_eq!(verdict.status(), "incomplete_chain");
    assert!(verdict.faults().iter().any(|fault| fault.name() == "malformed"), "{verdict:?}");
    case.sent[0].truncate(100);
    assert_eq!(case.judged().status(), "malformed");
    case.sent.clear();
    assert_eq!(case.judged().status(), "no_certificate");
}
