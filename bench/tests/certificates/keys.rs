//! Kinds of keys and signatures, made by openssl: what a sound signature is, what a
//! tampered one, and what is too weak.

use std::path::Path;
use std::process::{Command, Stdio};

use prtip_engine::tls::fault::Fault;
use prtip_engine::tls::roots::read_certificates;

use crate::oracle::Case;

fn openssl(dir: &Path, line: &str) {
    let output = Command::new("openssl")
        .args(line.split_whitespace())
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Kind of the issuer's key (openssl genpkey), hashes, and whether the key is weak.
const KEYS: [(&str, &str, &[&str], bool); 16] = [
    ("RSA 1024", "rsa -pkeyopt rsa_keygen_bits:1024", &["md5", "sha1", "sha256", "sha512"], true),
    ("RSA 768", "rsa -pkeyopt rsa_keygen_bits:768", &["sha256"], true),
    ("RSA 1031", "rsa -pkeyopt rsa_keygen_bits:1031", &["sha256"], true),
    ("RSA 2048", "rsa -pkeyopt rsa_keygen_bits:2048", &["md5", "sha1", "sha224", "sha384"], false),
    (
        "RSA 2048",
        "rsa -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3",
        &["sha256"],
        false,
    ),
    ("EC P-192", "ec -pkeyopt ec_paramgen_curve:P-192", &["sha256"], true),
    ("EC P-224", "ec -pkeyopt ec_paramgen_curve:P-224", &["sha1", "sha256"], false),
    ("EC P-256", "ec -pkeyopt ec_paramgen_curve:P-256", &["sha1", "sha384", "sha512"], false),
    ("EC P-384", "ec -pkeyopt ec_paramgen_curve:P-384", &["sha224", "sha256", "sha512"], false),
    ("EC P-521", "ec -pkeyopt ec_paramgen_curve:P-521", &["sha256", "sha512"], false),
    ("EC secp256k1", "ec -pkeyopt ec_paramgen_curve:secp256k1", &["sha256"], false),
    ("EC brainpoolP256r1", "ec -pkeyopt ec_paramgen_curve:brainpoolP256r1", &["sha256"], false),
    ("EC brainpoolP384r1", "ec -pkeyopt ec_paramgen_curve:brainpoolP384r1", &["sha384"], false),
    ("EC brainpoolP512r1", "ec -pkeyopt ec_paramgen_curve:brainpoolP512r1", &["sha512"], false),
    ("Ed25519", "ed25519", &[""], false),
    ("Ed448", "ed448", &[""], false),
];

/// A server's certificate signed by this key with these options.
fn case(dir: &Path, key: &str, options: &str) -> Case {
    openssl(dir, &format!("genpkey -algorithm {key} -out ca.key"));
    openssl(dir, "req -x509 -key ca.key -subj /CN=CA -days 9 -out ca.pem");
    sign(dir, options)
}

fn sign(dir: &Path, options: &str) -> Case {
    openssl(
        dir,
        &format!(
            "req -x509 -CA ca.pem -CAkey ca.key -key server.key -subj /CN=x -days 9 {options} \
             -addext basicConstraints=CA:FALSE -addext subjectAltName=DNS:x.example -out s.pem"
        ),
    );
    let read = |name: &str| {
        let ders = read_certificates(&std::fs::read(dir.join(name)).unwrap()).unwrap();
        ders.iter().map(|der| der.to_vec()).collect()
    };
    let at = prtip_bench::lab::chain::now().unix_timestamp() + 60;
    Case { sent: read("s.pem"), trusted: read("ca.pem"), host: None, at }
}

/// What we and openssl say of a case, and of the same with a bit flipped in the signature.
fn check(dir: &Path, mut case: Case, what: &str, known: bool) -> Vec<Fault> {
    let faults = case.judged().faults();
    assert!(case.verified(dir, 0).is_empty(), "{what}");
    assert!(!faults.contains(&Fault::BadSignature), "{what}: {faults:?}");
    assert_eq!(faults.contains(&Fault::UnsupportedSignature), !known, "{what}: {faults:?}");
    let last = case.sent[0].len() - 5;
    case.sent[0][last] ^= 1;
    assert_eq!(case.verified(dir, 0), [7], "{what}, tampered");
    let expected = if known { Fault::BadSignature } else { Fault::UnsupportedSignature };
    let tampered = case.judged().faults();
    assert!(tampered.contains(&expected), "{what}, tampered: {tampered:?}");
    faults
}

#[test]
fn signatures_of_all_kinds_are_checked_and_weak_ones_named() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    openssl(dir, "genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-256 -out server.key");
    for (name, key, hashes, weak) in KEYS {
        let mut made = false;
        for hash in hashes {
            let what = format!("{name} {hash}");
            let option = if hash.is_empty() { String::new() } else { format!("-{hash}") };
            let case = if made { sign(dir, &option) } else { case(dir, key, &option) };
            made = true;
            let trusted = prtip_engine::tls::certificate::Certificate::new(&case.trusted[0])
                .unwrap()
                .key
                .to_string();
            assert_eq!(trusted, name);
            let faults = check(dir, case, &what, name != "Ed448");
            assert_eq!(faults.contains(&Fault::WeakKey), weak, "{what}: {faults:?}");
            let broken = ["md5", "sha1"].contains(hash);
            assert_eq!(faults.contains(&Fault::WeakSignature), broken, "{what}: {faults:?}");
        }
    }
}

#[test]
fn pss_is_checked_with_any_salt() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    openssl(dir, "genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-256 -out server.key");
    let mut made = false;
    for options in [
        "-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32",
        "-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:0",
        "-sha512 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:100",
        "-sha1 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:20",
    ] {
        let key = "rsa -pkeyopt rsa_keygen_bits:2048";
        let case = if made { sign(dir, options) } else { case(dir, key, options) };
        made = true;
        let faults = check(dir, case, options, true);
        assert_eq!(faults.contains(&Fault::WeakSignature), options.contains("sha1"), "{options}");
    }
}

#[test]
fn dsa_is_checked() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    openssl(dir, "genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-256 -out server.key");
    openssl(dir, "genpkey -genparam -algorithm dsa -pkeyopt dsa_paramgen_bits:1024 -out p.pem");
    openssl(dir, "genpkey -paramfile p.pem -out ca.key");
    openssl(dir, "req -x509 -key ca.key -subj /CN=CA -days 9 -out ca.pem");
    let faults = check(dir, sign(dir, "-sha256"), "DSA", true);
    assert_eq!(faults, [Fault::WeakKey]);
}
