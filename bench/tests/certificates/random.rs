//! Several things broken at once, at random: openssl and we agree on every chain whether
//! it is valid, and whatever openssl names is among our faults.

use prtip_bench::lab::chain::Recipe;
use prtip_engine::tls::fault::Fault;
use rcgen::{PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};

use crate::faults::{ALL, Break, HOST, broken};
use crate::oracle::agree;

/// Chains: a hundred, or 2,000 where the full size is asked for.
fn count() -> usize {
    if std::env::var_os("PRTIP_SOAK").is_some() { 2000 } else { 100 }
}

struct Dice(u64);

impl Dice {
    fn new() -> Self {
        let seed = match std::env::var("PRTIP_TEST_SEED") {
            Ok(text) => text.parse().unwrap(),
            Err(_) => u64::from(std::process::id()) | 1 << 40,
        };
        println!("PRTIP_TEST_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, n: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }
}

#[test]
fn openssl_agrees_on_chains_with_any_faults() {
    let dir = tempfile::tempdir().unwrap();
    let mut dice = Dice::new();
    let mut valid = 0;
    let mut judged: Vec<(Vec<Fault>, Vec<u32>)> = Vec::new();
    for _ in 0..count() {
        let mut recipe = Recipe::sound("Lab", HOST, 1 + dice.below(3)).unwrap();
        recipe.keys =
            [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ED25519][dice.below(3)];
        let breaks: Vec<Break> = (0..dice.below(4)).map(|_| ALL[dice.below(ALL.len())].0).collect();
        let case = broken(&breaks, recipe);
        let (verdict, errors) = (case.judged(), case.verified(dir.path(), 2));
        let faults = verdict.faults();
        assert!(agree(&faults, &errors), "{breaks:?}: {verdict:?}; openssl: {errors:?}");
        valid += usize::from(faults.is_empty());
        judged.push((faults, errors));
    }
    println!("{} chains, {valid} of them valid", judged.len());
    assert!(valid > 0 && valid < judged.len());
    // The control: a judge that is blind to one fault, or one who sees it everywhere, is
    // found out.
    for fault in [Fault::Expired, Fault::NameMismatch, Fault::BadSignature, Fault::ExtendedKeyUsage]
    {
        let blind = judged.iter().all(|(faults, errors)| {
            let seen: Vec<Fault> = faults.iter().copied().filter(|f| *f != fault).collect();
            agree(&seen, errors)
        });
        assert!(!blind, "nobody would miss {fault:?}");
        assert!(!judged.iter().all(|(_, errors)| agree(&[fault], errors)));
    }
}
