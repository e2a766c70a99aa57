//! What reading and judging certificates costs, beside the libraries that it is built on:
//! x509-parser alone for one certificate, webpki alone for a chain. CPU time of one thread.

use std::hint::black_box;
use std::time::Duration;

use anyhow::{Context, Result};
use prtip_engine::tls::certificate::Certificate;
use prtip_engine::tls::host::Host;
use prtip_engine::tls::judge::{judge, read};
use prtip_engine::tls::path::Question;
use prtip_engine::tls::report;
use prtip_engine::tls::roots::Roots;
use rcgen::{
    CustomExtension, PKCS_RSA_SHA256, PublicKeyData, SanType, SignatureAlgorithm, SigningKey,
};
use webpki::{EndEntityCert, KeyUsage};

use crate::benchmark::{BenchArgs, Row, Setup, Table, Target};
use crate::cpu::{Clocks, Whose};
use crate::lab::chain::{Recipe, now};
use crate::paired::{Comparison, Side, interleave};

/// What reading one certificate is said to take, in nanoseconds, in the document that this
/// scanner was founded on.
const CLAIMED_NS: f64 = 1330.0;
/// How long one sample runs, about.
const SAMPLE: Duration = Duration::from_millis(12);
const HOST: &str = "www.example.org";

/// `prtip-bench tls`.
///
/// # Errors
/// When certificates cannot be made, or standard output takes nothing.
pub fn run(args: &BenchArgs) -> Result<()> {
    let mut table = Table::new(args);
    table.say("one thread, CPU time; certificates made for this run");
    for (kind, der) in kinds()? {
        one(&mut table, args, kind, &der)?;
    }
    for between in [1, 2] {
        chain(&mut table, args, between)?;
    }
    Ok(())
}

/// One certificate.
fn one(table: &mut Table, args: &BenchArgs, kind: &str, der: &[u8]) -> Result<()> {
    let plain = || drop(black_box(x509_parser::parse_x509_certificate(black_box(der))));
    let fields = || drop(black_box(Certificate::new(black_box(der))));
    let written = || drop(black_box(Certificate::new(black_box(der)).map(|c| report::fields(&c))));
    let hash = || {
        black_box(ring::digest::digest(&ring::digest::SHA256, black_box(der)));
    };
    let packet = format!("{kind}, {} bytes", der.len());
    let mut row = |what: &str, ours: &dyn Fn(), target: Option<Target>| -> Result<f64> {
        let compared = compare(args.pairs, ours, &plain)?;
        table.print(&Row {
            bench: "tls",
            row: format!("{kind}: {what}"),
            unit: "ns",
            vs: "x509-parser alone".into(),
            compared,
            target,
            setup: setup(packet.clone()),
            note: None,
        })?;
        Ok(compared.value)
    };
    let value = row("the fields of a scan, read", &fields, Some(Target::AtMost(1.1)))?;
    row("the same, written as a record", &written, None)?;
    row("SHA-256 of it", &hash, None)?;
    let alone = compare(args.pairs, &fields, &plain)?.vs_value;
    let verdict = |ns: f64| if ns <= CLAIMED_NS { "holds" } else { "does not hold" };
    table.say(&format!(
        "claim: {CLAIMED_NS} ns a certificate. {kind}: {} for us ({value:.0} ns), {} for \
         x509-parser alone ({alone:.0} ns)",
        verdict(value),
        verdict(alone),
    ));
    Ok(())
}

/// A chain of a server, CAs and a root, for its host, from bytes to verdict.
fn chain(table: &mut Table, args: &BenchArgs, between: usize) -> Result<()> {
    let made = Recipe::sound("Bench", HOST, between)?.make()?;
    let roots = Roots::new(vec![made.root.clone().into()]);
    let host = Host::parse(HOST).map_err(anyhow::Error::msg)?;
    let at = now().unix_timestamp();
    let ours = || {
        let chain = read(made.sent.iter().map(Vec::as_slice));
        let verdict = judge(&chain, &roots, Question { host: Some(&host), at });
        assert!(verdict.details.is_empty(), "{verdict:?}");
    };
    let ders: Vec<_> = made.sent.iter().map(|der| der.as_slice().into()).collect();
    let time = rustls_pki_types::UnixTime::since_unix_epoch(Duration::from_secs(at as u64));
    let name = HOST.try_into().context("a name")?;
    let theirs = || {
        let server = EndEntityCert::try_from(&ders[0]).expect("it was just made");
        server
            .verify_for_usage(
                webpki::ALL_VERIFICATION_ALGS,
                roots.anchors(),
                &ders[1..],
                time,
                KeyUsage::server_auth(),
                None,
                None,
            )
            .expect("it is sound");
        server.verify_is_valid_for_subject_name(&name).expect("it is for this name");
    };
    table.print(&Row {
        bench: "tls",
        row: format!("a sound chain of {} and a root, judged", made.sent.len()),
        unit: "ns",
        vs: "webpki alone".into(),
        compared: compare(args.pairs, &ours, &theirs)?,
        target: None,
        setup: setup("ECDSA P-256".into()),
        note: None,
    })
}

fn setup(packet: String) -> Setup {
    Setup { port_engine: "none".into(), xdp_mode: None, packet }
}

/// Nanoseconds a call, A B A B ….
fn compare(pairs: usize, ours: &dyn Fn(), theirs: &dyn Fn()) -> Result<Comparison> {
    let clocks = Clocks::new(Whose::Thread, &[]);
    let timed = |work: &dyn Fn(), calls: u32| {
        let start = clocks.read();
        for _ in 0..calls {
            work();
        }
        (clocks.read() - start).own_s * 1e9 / f64::from(calls)
    };
    let calls = |work: &dyn Fn()| {
        timed(work, 100);
        (SAMPLE.as_nanos() as f64 / timed(work, 200).max(50.0)) as u32 + 1
    };
    let (our_calls, their_calls) = (calls(ours), calls(theirs));
    let samples = interleave(pairs, |side| {
        Ok::<_, anyhow::Error>(match side {
            Side::Ours => timed(ours, our_calls),
            Side::Theirs => timed(theirs, their_calls),
        })
    })?;
    Ok(Comparison::of(&samples))
}

/// Kinds of certificates: the smallest that is used, an ordinary one of a public CA, and
/// one for a hundred names.
fn kinds() -> Result<Vec<(&'static str, Vec<u8>)>> {
    let made = |recipe: &Recipe| -> Result<Vec<u8>> { Ok(recipe.make()?.sent.swap_remove(0)) };
    let mut small = Recipe::sound("Bench", HOST, 1)?;
    small.server.custom_extensions.clear();
    let mut many = Recipe::sound("Bench", HOST, 1)?;
    for number in 1..100 {
        let name = format!("host-{number}.example.org").try_into()?;
        many.server.subject_alt_names.push(SanType::DnsName(name));
    }
    let mut public = Recipe::sound("Bench", HOST, 1)?;
    public.server.custom_extensions.extend(of_public_certificates());
    let issuer = rcgen::Issuer::new(public.intermediates[0].clone(), Look);
    let rsa = public.server.signed_by(&Look, &issuer)?.der().to_vec();
    Ok(vec![
        ("EC, small", made(&small)?),
        ("RSA 2048, as a public CA's", rsa),
        ("EC, 100 names", made(&many)?),
    ])
}

/// An RSA key and signature by their looks: what is only read need not be true.
struct Look;

impl PublicKeyData for Look {
    fn der_bytes(&self) -> &[u8] {
        // SEQUENCE { INTEGER of 257 bytes, INTEGER 65537 }
        static KEY: [u8; 270] = {
            let mut key = [0xa5; 270];
            let start = [0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0];
            let mut at = 0;
            while at < start.len() {
                key[at] = start[at];
                at += 1;
            }
            let end = [2, 3, 1, 0, 1];
            at = 0;
            while at < end.len() {
                key[265 + at] = end[at];
                at += 1;
            }
            key
        };
        &KEY
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_RSA_SHA256
    }
}

impl SigningKey for Look {
    fn sign(&self, _: &[u8]) -> std::result::Result<Vec<u8>, rcgen::Error> {
        Ok(vec![0x5a; 256])
    }
}

/// Policies, and proofs of two logs, in the sizes that public certificates have.
fn of_public_certificates() -> [CustomExtension; 2] {
    // SEQUENCE { SEQUENCE { OID 2.23.140.1.2.1 } }
    let policies = b"\x30\x0a\x30\x08\x06\x06\x67\x81\x0c\x01\x02\x01".to_vec();
    let proof = [
        &[0, 119, 0][..],
        &[0x11; 32],
        &[0, 0, 1, 0x90, 0, 0, 0, 0, 0, 0, 4, 3, 0, 72],
        &[0x22; 72],
    ]
    .concat();
    let list = [&(2 * proof.len() as u16).to_be_bytes()[..], &proof, &proof].concat();
    let proofs = [&[4, 0x81, list.len() as u8][..], &list].concat();
    [
        CustomExtension::from_oid_content(&[2, 5, 29, 32], policies),
        CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 11129, 2, 4, 2], proofs),
    ]
}
