//! One web server with many names, each with another thing wrong about its certificate, as
//! badssl.com has them; the names lead here inside the lab only. Certificates are made when
//! it starts. Those whose root is to be trusted leave it in `/srv/trusted.pem`.

use std::process::Command;

use anyhow::Result;
use rcgen::{
    BasicConstraints, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, PKCS_ECDSA_P384_SHA384,
};
use time::Duration;

use super::enclosure::Inside;
use super::{Endpoint, Server};
use crate::lab::chain::{Recipe, authority, now, pem};

pub(super) static SERVERS: &[Server] = &[Server {
    name: "badssl",
    packages: &["nginx", "openssl"],
    users: &[],
    host: 200,
    endpoints: &[
        Endpoint::tcp(443, "http").tls().product("nginx").version_of("nginx"),
        Endpoint::tcp(1010, "http").tls().product("nginx").version_of("nginx"),
        Endpoint::tcp(1011, "http").tls().product("nginx").version_of("nginx"),
        Endpoint::tcp(1012, "http").tls().product("nginx").version_of("nginx"),
    ],
    command,
}];

/// Names, and what a judge who trusts `/srv/trusted.pem` says of each.
pub const NAMES: [(&str, &str); 20] = [
    ("badssl.com", "valid"),
    ("www.badssl.com", "valid"),
    ("ecc384.badssl.com", "valid"),
    ("1000-sans.badssl.com", "valid"),
    ("wrong-order.badssl.com", "valid"),
    ("client.badssl.com", "valid"),
    ("tls-v1-0.badssl.com", "valid"),
    ("tls-v1-1.badssl.com", "valid"),
    ("tls-v1-2.badssl.com", "valid"),
    ("expired.badssl.com", "expired"),
    ("not-yet-valid.badssl.com", "not_yet_valid"),
    ("self-signed.badssl.com", "self_signed"),
    ("untrusted-root.badssl.com", "unknown_issuer"),
    ("incomplete-chain.badssl.com", "incomplete_chain"),
    ("wrong.host.badssl.com", "name_mismatch"),
    ("bad-signature.badssl.com", "bad_signature"),
    ("rsa1024.badssl.com", "weak_key"),
    ("sha1.badssl.com", "weak_signature"),
    ("not-a-ca.badssl.com", "not_a_ca"),
    ("client-only.badssl.com", "extended_key_usage"),
];

/// What a name's server block is made of.
struct Site {
    chain: Vec<Vec<u8>>,
    key: String,
    root: Option<Vec<u8>>,
}

fn command(inside: &Inside) -> Result<Command> {
    let mut trusted = Vec::new();
    let mut blocks = String::new();
    for (name, _) in NAMES {
        let site = site(inside, name)?;
        trusted.extend(site.root);
        inside.write(&format!("/srv/{name}.pem"), &pem(&site.chain))?;
        inside.write(&format!("/srv/{name}.key"), &site.key)?;
        // An old version by name on a port of its own, as badssl.com has it: nginx takes
        // the versions of a port's first server for all of them.
        let (index, version) = match name {
            "tls-v1-0.badssl.com" => (1, "TLSv1"),
            "tls-v1-1.badssl.com" => (2, "TLSv1.1"),
            "tls-v1-2.badssl.com" => (3, "TLSv1.2"),
            _ => (0, "TLSv1.2 TLSv1.3"),
        };
        let [v4, v6] = inside.sockets(index);
        let asks = match name {
            "client.badssl.com" => {
                "ssl_verify_client on; ssl_client_certificate /srv/client.badssl.com.pem;"
            }
            _ => "",
        };
        blocks += &format!(
            "server {{ server_name {name}; listen {v4} ssl; listen {v6} ssl; {asks}\n\
             ssl_protocols {version}; ssl_certificate /srv/{name}.pem;\n\
             ssl_certificate_key /srv/{name}.key;\n\
             location / {{ default_type text/plain; return 200 \"{name}\\n\"; }} }}\n"
        );
    }
    inside.write("/srv/trusted.pem", &pem(&trusted))?;
    inside.write("/var/lib/nginx/.keep", "")?;
    inside.write(
        "/srv/nginx.conf",
        &format!(
            "daemon off; master_process off; pid /run/pid; error_log stderr;\n\
             events {{ worker_connections 512; }}\n\
             http {{ access_log off; server_names_hash_bucket_size 64;\n{blocks}}}\n"
        ),
    )?;
    // Short keys, SHA-1 and TLS 1.0 are refused otherwise.
    inside.write(
        "/srv/weak.cnf",
        "openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = weak\n[weak]\n\
         MinProtocol = TLSv1\nCipherString = ALL:@SECLEVEL=0\n",
    )?;
    let mut command = Command::new("/usr/sbin/nginx");
    command.env("OPENSSL_CONF", "/srv/weak.cnf");
    command.args(["-e", "stderr", "-c", "/srv/nginx.conf"]);
    Ok(command)
}

/// The certificates for one name.
fn site(inside: &Inside, name: &str) -> Result<Site> {
    let own = match name {
        "wrong.host.badssl.com" | "www.badssl.com" => "*.badssl.com",
        name => name,
    };
    let mut recipe = Recipe::sound(name, own, 1)?;
    let (server, ca) = (&mut recipe.server, &mut recipe.intermediates[0]);
    match name {
        "ecc384.badssl.com" => recipe.keys = &PKCS_ECDSA_P384_SHA384,
        "1000-sans.badssl.com" => {
            for number in 1..1000 {
                let more = format!("{number}.badssl.com").try_into()?;
                server.subject_alt_names.push(rcgen::SanType::DnsName(more));
            }
        }
        "wrong-order.badssl.com" => recipe.intermediates.push(authority("Second CA")),
        "expired.badssl.com" => {
            server.not_before = now() - Duration::days(400);
            server.not_after = now() - Duration::days(30);
        }
        "not-yet-valid.badssl.com" => server.not_before = now() + Duration::days(7),
        "not-a-ca.badssl.com" => ca.is_ca = IsCa::ExplicitNoCa,
        "client-only.badssl.com" => {
            server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        }
        "sha1.badssl.com" => ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)),
        _ => {}
    }
    if name == "self-signed.badssl.com" {
        let key = KeyPair::generate()?;
        let chain = vec![recipe.server.self_signed(&key)?.der().to_vec()];
        return Ok(Site { chain, key: key.serialize_pem(), root: None });
    }
    let made = recipe.make()?;
    let mut site =
        Site { chain: made.sent, key: made.key.serialize_pem(), root: Some(made.root.clone()) };
    match name {
        "untrusted-root.badssl.com" => site.chain.extend(site.root.take()),
        "incomplete-chain.badssl.com" => site.chain.truncate(1),
        "wrong-order.badssl.com" => site.chain[1..].reverse(),
        "bad-signature.badssl.com" => {
            let last = site.chain[0].len() - 3;
            site.chain[0][last] ^= 4;
        }
        "rsa1024.badssl.com" => {
            by_openssl(inside, name, &mut site, &made.issuer, "rsa:1024", "sha256")?
        }
        "sha1.badssl.com" => by_openssl(inside, name, &mut site, &made.issuer, "rsa:2048", "sha1")?,
        _ => {}
    }
    Ok(site)
}

/// Puts a server's certificate of openssl's in the place of ours: with a key or a hash that
/// ring does not make any more.
fn by_openssl(
    inside: &Inside,
    name: &str,
    site: &mut Site,
    issuer: &Issuer<'_, KeyPair>,
    key: &str,
    hash: &str,
) -> Result<()> {
    inside.write("/srv/ca.pem", &pem(&site.chain[1..2]))?;
    inside.write("/srv/ca.key", &issuer.key().serialize_pem())?;
    inside.write("/srv/openssl.cnf", "[req]\ndistinguished_name = name\n[name]\n")?;
    let mut command = Command::new("/usr/bin/openssl");
    command
        .args(["req", "-x509", "-CA", "/srv/ca.pem", "-CAkey", "/srv/ca.key", "-nodes"])
        .args(["-config", "/srv/openssl.cnf", "-days", "30", "-newkey", key])
        .arg(format!("-{hash}"))
        .args(["-subj", &format!("/O=prtip lab/CN={name}")])
        .args(["-addext", &format!("subjectAltName=DNS:{name}")])
        .args(["-addext", "basicConstraints=CA:FALSE"])
        .args(["-keyout", "/srv/made.key", "-out", "/srv/made.pem"]);
    inside.run(&mut command)?;
    let made = std::fs::read("/srv/made.pem")?;
    let made = prtip_engine::tls::roots::read_certificates(&made).map_err(anyhow::Error::msg)?;
    site.chain[0] = made[0].to_vec();
    site.key = std::fs::read_to_string("/srv/made.key")?;
    Ok(())
}
