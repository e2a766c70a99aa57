//! Shells and screens.

use std::fmt::Write as _;
use std::process::Command;

use anyhow::Result;

use super::enclosure::Inside;
use super::{Endpoint, Server};

pub(super) static SERVERS: &[Server] = &[
    Server {
        name: "sshd",
        packages: &["openssh-server", "openssh-client"],
        users: &["sshd"],
        host: 11,
        endpoints: &[Endpoint::tcp(22, "ssh").product("OpenSSH").version_of("openssh-server")],
        command: sshd,
    },
    Server {
        name: "dropbear",
        packages: &["dropbear-bin"],
        users: &[],
        host: 70,
        endpoints: &[Endpoint::tcp(22, "ssh").product("Dropbear sshd").version_of("dropbear-bin")],
        command: dropbear,
    },
];

fn sshd(inside: &Inside) -> Result<Command> {
    inside.write("/run/sshd/.keep", "")?;
    let mut text = format!("Port {}\n", inside.port(0));
    for ip in inside.addresses() {
        writeln!(text, "ListenAddress {ip}")?;
    }
    for kind in ["ed25519", "ecdsa"] {
        let key = format!("/srv/key_{kind}");
        inside.run(
            Command::new("/usr/bin/ssh-keygen")
                .args(["-q", "-N", "", "-C", "lab", "-t", kind, "-f", &key]),
        )?;
        writeln!(text, "HostKey {key}")?;
    }
    text += "PidFile none\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             AuthorizedKeysFile none\nLoginGraceTime 20\nUseDNS no\n";
    inside.write("/srv/sshd_config", &text)?;
    let mut command = Command::new("/usr/sbin/sshd");
    command.args(["-D", "-e", "-f", "/srv/sshd_config"]);
    Ok(command)
}

fn dropbear(inside: &Inside) -> Result<Command> {
    inside.run(Command::new("/usr/bin/dropbearkey").args(["-t", "ed25519", "-f", "/srv/key"]))?;
    let mut command = Command::new("/usr/sbin/dropbear");
    command.args(["-F", "-E", "-r", "/srv/key", "-P", "/run/pid"]);
    for socket in inside.sockets(0) {
        command.args(["-p", &socket]);
    }
    Ok(command)
}
