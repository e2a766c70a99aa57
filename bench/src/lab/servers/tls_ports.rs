//! A thousand ports that all speak TLS: what reading certificates costs in a whole scan.

use std::process::Command;

use anyhow::Result;

use super::enclosure::Inside;
use super::{Endpoint, Server};
use crate::lab::chain::{Recipe, pem};

/// Ports from each endpoint's on.
const EACH: u16 = 500;

pub(super) static SERVERS: &[Server] = &[Server {
    name: "tlsports",
    packages: &["nginx", "openssl"],
    users: &[],
    host: 28,
    endpoints: &[
        Endpoint::tcp(20_000, "http").v4_only().tls().product("nginx").version_of("nginx"),
        Endpoint::tcp(20_500, "http").v4_only().tls().product("nginx").version_of("nginx"),
    ],
    command,
}];

/// The first half shows a short chain on elliptic curves whose root is trusted, the second
/// one an RSA certificate that is signed by itself.
fn command(inside: &Inside) -> Result<Command> {
    let name = inside.name();
    let chain = Recipe::sound("tlsports", &name, 1)?.make()?;
    inside.write("/srv/ec.pem", &pem(&chain.sent))?;
    inside.write("/srv/ec.key", &chain.key.serialize_pem())?;
    inside.write("/srv/trusted.pem", &pem(&[chain.root]))?;
    inside.write("/srv/openssl.cnf", "[req]\ndistinguished_name = name\n[name]\n")?;
    inside.run(
        Command::new("/usr/bin/openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30"])
            .args(["-config", "/srv/openssl.cnf", "-keyout", "/srv/rsa.key"])
            .arg("-subj")
            .arg(format!("/O=prtip lab/CN={name}"))
            .args(["-addext", &format!("subjectAltName=DNS:{name}"), "-out", "/srv/rsa.pem"]),
    )?;
    let block = |index: usize, kind: &str| {
        let (ip, first) = (inside.v4(), inside.port(index));
        let last = first + EACH - 1;
        format!(
            "server {{ server_name {name}; listen {ip}:{first}-{last} ssl;\n\
             ssl_certificate /srv/{kind}.pem; ssl_certificate_key /srv/{kind}.key;\n\
             location / {{ default_type text/plain; return 200 \"one of a thousand\\n\"; }} }}\n"
        )
    };
    inside.write("/var/lib/nginx/.keep", "")?;
    inside.write(
        "/srv/nginx.conf",
        &format!(
            "daemon off; master_process off; pid /run/pid; error_log stderr;\n\
             events {{ worker_connections 4096; }}\nworker_rlimit_nofile 8192;\n\
             http {{ access_log off;\n{}{}}}\n",
            block(0, "ec"),
            block(1, "rsa")
        ),
    )?;
    let mut command = Command::new("/usr/sbin/nginx");
    command.args(["-e", "stderr", "-c", "/srv/nginx.conf"]);
    Ok(command)
}
