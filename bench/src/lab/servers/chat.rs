//! Chat, voice and streams.

use std::process::Command;

use anyhow::Result;

use super::enclosure::Inside;
use super::{Endpoint, Server};

pub(super) static SERVERS: &[Server] = &[Server {
    name: "ngircd",
    packages: &["ngircd"],
    users: &["irc"],
    host: 80,
    endpoints: &[Endpoint::tcp(6667, "irc").product("ngircd")],
    command: ngircd,
}];

fn ngircd(inside: &Inside) -> Result<Command> {
    let [v4, v6] = inside.addresses();
    let (name, port) = (inside.name(), inside.port(0));
    inside.write(
        "/srv/ngircd.conf",
        &format!(
            "[Global]\nName = {name}\nInfo = lab\nListen = {v4},{v6}\nPorts = {port}\n\
             ServerUID = irc\nServerGID = irc\nMotdPhrase = lab\n\
             [Options]\nDNS = no\nIdent = no\nPAM = no\n"
        ),
    )?;
    let mut command = Command::new("/usr/sbin/ngircd");
    command.args(["-n", "-f", "/srv/ngircd.conf"]);
    Ok(command)
}
