//! Who may do what: NKeys with the permissions of `docs/recipes`, and credentials of an
//! operator's account.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use serde_json::{Value, json};

use super::hub::Fleet;
use crate::lab::wait;
use crate::setting::turn;

/// A file with the seed of a key.
fn seed_file(folder: &Path, name: &str, key: &KeyPair) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, format!("{}\n", key.seed().unwrap())).unwrap();
    path
}

/// The recipe's configuration with these public keys.
fn configuration(folder: &Path, submitter: &KeyPair, worker: &KeyPair) -> PathBuf {
    let recipe = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/recipes/nats-server.conf");
    let text = std::fs::read_to_string(recipe).unwrap();
    let text = text
        .replace("SUBMITTER_PUBLIC_KEY", &submitter.public_key())
        .replace("WORKER_PUBLIC_KEY", &worker.public_key())
        // The test says where.
        .replace("store_dir: /var/lib/nats", "");
    let path = folder.join("nats.conf");
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn nkeys_let_workers_work_and_nothing_else() {
    let Some(_turn) = turn("a fleet's NKeys") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (submitter, worker, stranger) =
        (KeyPair::new_user(), KeyPair::new_user(), KeyPair::new_user());
    let configuration = configuration(folder.path(), &submitter, &worker);
    let fleet = Fleet::open(1, &["-c", configuration.to_str().unwrap()]);
    let key = |name, key| format!("--nkey-file {}", seed_file(folder.path(), name, key).display());
    let (submitter, worker) = (key("submitter", &submitter), key("worker", &worker));
    for (flags, expected, why) in [
        (submitter.clone(), 0, ""),
        (key("stranger", &stranger), 4, "authorization"),
        (String::new(), 4, "authorization"),
        (format!("--nkey-file {}", folder.path().join("none").display()), 2, "No such file"),
    ] {
        let (code, _, words) = fleet.said(0, &format!("status {flags}"));
        assert_eq!(code, Some(expected), "{flags}: {words}");
        assert!(words.contains(why), "{flags}: {words}");
    }
    let scan = "-p 1-16 198.18.0.0/24 --rate 20000 --retries 0 --cooldown 1";
    // A worker's key submits nothing.
    let (code, _, words) = fleet.said(0, &format!("submit {worker} --name forged -- {scan}"));
    assert!(code == Some(4) && words.contains("ermissions"), "{code:?} {words}");
    let (code, _, words) = fleet.said(0, &format!("submit {submitter} --name keys -- {scan}"));
    assert_eq!(code, Some(0), "{words}");
    let status = wait(fleet.work(0, &format!("keys {worker}")), Duration::from_secs(60));
    assert_eq!(status.code(), Some(0), "{}", fleet.words_of(0));
    let (code, _, words) = fleet.said(0, &format!("cancel --delete keys {worker}"));
    assert!(code == Some(4) && words.contains("ermissions"), "{code:?} {words}");
    let (code, _, words) = fleet.said(0, &format!("collect keys --json {submitter}"));
    assert_eq!(code, Some(0), "{words}");
}

/// A JWT of NATS about `subject`, which `issuer` answers for.
fn jwt(issuer: &KeyPair, subject: &KeyPair, name: &str, nats: &Value) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({
        "jti": name, "iat": 1_600_000_000, "iss": issuer.public_key(),
        "sub": subject.public_key(), "name": name, "nats": nats,
    });
    let head = part(&json!({ "typ": "JWT", "alg": "ed25519-nkey" }));
    let signed = format!("{head}.{}", part(&claims));
    let signature = BASE64_URL_SAFE_NO_PAD.encode(issuer.sign(signed.as_bytes()).unwrap());
    format!("{signed}.{signature}")
}

/// A file as `nsc` writes it.
fn credentials(folder: &Path, name: &str, account: &KeyPair, user: &KeyPair) -> PathBuf {
    let unlimited = json!({ "type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1 });
    let (token, seed) = (jwt(account, user, name, &unlimited), user.seed().unwrap());
    let path = folder.join(name);
    let text = format!(
        "-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    );
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn credentials_of_an_account_let_in_and_those_of_another_do_not() {
    let Some(_turn) = turn("a fleet's credentials") else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let operator = KeyPair::new_operator();
    let [system, account, foreign] = [(); 3].map(|()| KeyPair::new_account());
    let limits = json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true,
        "conn": -1, "leaf": -1, "mem_storage": -1, "disk_storage": -1, "streams": -1,
        "consumer": -1,
    });
    let claims = json!({ "type": "account", "version": 2, "limits": limits });
    let plain = json!({ "subs": -1, "data": -1, "payload": -1, "conn": -1, "leaf": -1,
        "imports": -1, "exports": -1, "wildcards": true });
    let system_claims = json!({ "type": "account", "version": 2, "limits": plain });
    let text = format!(
        "operator: {}\nsystem_account: {s}\nresolver: MEMORY\nresolver_preload: {{\n  {s}: {}\n  {}: {}\n}}\n",
        jwt(&operator, &operator, "operator", &json!({ "type": "operator", "version": 2 })),
        jwt(&operator, &system, "system", &system_claims),
        account.public_key(),
        jwt(&operator, &account, "fleet", &claims),
        s = system.public_key(),
    );
    let configuration = folder.join("nats.conf");
    std::fs::write(&configuration, text).unwrap();
    let fleet = Fleet::open(1, &["-c", configuration.to_str().unwrap()]);
    let right = credentials(folder, "right.creds", &account, &KeyPair::new_user());
    let wrong = credentials(folder, "wrong.creds", &foreign, &KeyPair::new_user());
    let torn = folder.join("torn.creds");
    std::fs::write(&torn, "-----BEGIN NATS USER JWT-----\n").unwrap();
    for (path, expected, why) in
        [(&right, 0, ""), (&wrong, 4, "authorization"), (&torn, 2, "credentials")]
    {
        let (code, _, words) = fleet.said(0, &format!("status --creds {}", path.display()));
        assert_eq!(code, Some(expected), "{}: {words}", path.display());
        assert!(words.contains(why), "{}: {words}", path.display());
    }
    let creds = format!("--creds {}", right.display());
    let scan = "-p 1-16 198.18.0.0/24 --rate 20000 --retries 0 --cooldown 1";
    let (code, _, words) = fleet.said(0, &format!("submit {creds} --name creds -- {scan}"));
    assert_eq!(code, Some(0), "{words}");
    let status = wait(fleet.work(0, &format!("creds {creds}")), Duration::from_secs(60));
    assert_eq!(status.code(), Some(0), "{}", fleet.words_of(0));
}
