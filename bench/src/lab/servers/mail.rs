//! Mail servers.

use std::process::Command;

use anyhow::Result;

use super::enclosure::Inside;
use super::{Endpoint, Server};

pub(super) static SERVERS: &[Server] = &[Server {
    name: "exim",
    packages: &["exim4-daemon-light", "exim4-base"],
    users: &["Debian-exim"],
    host: 81,
    endpoints: &[
        Endpoint::tcp(25, "smtp").product("Exim smtpd").version_of("exim4-daemon-light"),
        Endpoint::tcp(587, "smtp").product("Exim smtpd").version_of("exim4-daemon-light"),
    ],
    command: exim,
}];

fn exim(inside: &Inside) -> Result<Command> {
    let [v4, v6] = inside.addresses();
    let name = inside.name();
    let (smtp, submission) = (inside.port(0), inside.port(1));
    inside.folder("/var/spool/exim4", "Debian-exim")?;
    inside.folder("/var/log/exim4", "Debian-exim")?;
    inside.write(
        "/srv/exim.conf",
        &format!(
            "primary_hostname = {name}\nlocal_interfaces = <; {v4} ; {v6}\n\
             daemon_smtp_ports = {smtp} : {submission}\nlog_file_path = /var/log/exim4/%s\n\
             pid_file_path = /run/exim.pid\nexim_user = Debian-exim\nexim_group = Debian-exim\n\
             keep_environment =\nrfc1413_query_timeout = 0s\nacl_smtp_rcpt = refuse\n\
             begin acl\nrefuse:\n deny\n"
        ),
    )?;
    let mut command = Command::new("/usr/sbin/exim4");
    command.args(["-C", "/srv/exim.conf", "-bdf", "-q30m"]);
    Ok(command)
}
