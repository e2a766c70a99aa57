//! Name servers.

use std::process::Command;

use anyhow::Result;

use super::enclosure::Inside;
use super::{Endpoint, Server};

/// A query for `version.bind.`, class CHAOS, type TXT.
const VERSION_BIND: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07version\x04bind\0\0\x10\0\x03";

pub(super) static SERVERS: &[Server] = &[
    Server {
        name: "bind",
        packages: &["bind9", "bind9-libs", "bind9-utils", "dns-root-data"],
        users: &["bind"],
        host: 50,
        endpoints: &[
            Endpoint::tcp(53, "domain").product("ISC BIND").version_of("bind9"),
            Endpoint::udp(53, "domain", VERSION_BIND).product("ISC BIND").version_of("bind9"),
        ],
        command: bind,
    },
    Server {
        name: "unbound",
        packages: &["unbound"],
        users: &["unbound"],
        host: 51,
        endpoints: &[
            Endpoint::tcp(53, "domain").product("Unbound").version_of("unbound"),
            Endpoint::udp(53, "domain", VERSION_BIND).product("Unbound").version_of("unbound"),
        ],
        command: unbound,
    },
    Server {
        name: "dnsmasq",
        packages: &["dnsmasq-base"],
        users: &["dnsmasq"],
        host: 52,
        endpoints: &[
            Endpoint::tcp(53, "domain").product("dnsmasq").version_of("dnsmasq-base"),
            Endpoint::udp(53, "domain", VERSION_BIND).product("dnsmasq").version_of("dnsmasq-base"),
        ],
        command: dnsmasq,
    },
];

fn bind(inside: &Inside) -> Result<Command> {
    let (v4, v6, port) = (inside.v4(), inside.v6(), inside.port(0));
    inside.folder("/run/named", "bind")?;
    inside.folder("/srv/named", "bind")?;
    inside.write(
        "/srv/named.conf",
        &format!(
            "options {{ directory \"/srv/named\"; listen-on port {port} {{ {v4}; }};\n\
             listen-on-v6 port {port} {{ {v6}; }}; recursion no; dnssec-validation no;\n\
             pid-file \"/run/named/pid\"; }};\ncontrols {{ }};\n"
        ),
    )?;
    let mut command = Command::new("/usr/sbin/named");
    command.args(["-g", "-n", "1", "-u", "bind", "-c", "/srv/named.conf"]);
    Ok(command)
}

fn unbound(inside: &Inside) -> Result<Command> {
    let (v4, v6, port) = (inside.v4(), inside.v6(), inside.port(0));
    inside.write(
        "/srv/unbound.conf",
        &format!(
            "server:\n interface: {v4}\n interface: {v6}\n port: {port}\n chroot: \"\"\n\
             username: \"unbound\"\n directory: \"/srv\"\n pidfile: \"/run/unbound.pid\"\n\
             access-control: 0.0.0.0/0 allow\n access-control: ::/0 allow\n use-syslog: no\n\
             num-threads: 1\n hide-version: no\n module-config: \"iterator\"\n\
             msg-cache-size: 1m\n rrset-cache-size: 1m\n\
             remote-control:\n control-enable: no\n"
        ),
    )?;
    let mut command = Command::new("/usr/sbin/unbound");
    command.args(["-d", "-p", "-c", "/srv/unbound.conf"]);
    Ok(command)
}

fn dnsmasq(inside: &Inside) -> Result<Command> {
    let mut command = Command::new("/usr/sbin/dnsmasq");
    command.args(["-k", "-C", "/dev/null", "--no-resolv", "--no-hosts", "--bind-interfaces"]);
    command.args([
        "--except-interface=lo",
        "--user=dnsmasq",
        "--group=dnsmasq",
        "--log-facility=-",
    ]);
    command.arg(format!("--port={}", inside.port(0)));
    for ip in inside.addresses() {
        command.arg(format!("--listen-address={ip}"));
    }
    Ok(command)
}
