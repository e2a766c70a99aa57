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
    Server {
        name: "knot",
        packages: &["knot"],
        users: &["knot"],
        host: 53,
        endpoints: &[
            Endpoint::tcp(53, "domain").product("Knot DNS").version_of("knot"),
            Endpoint::udp(53, "domain", VERSION_BIND).product("Knot DNS").version_of("knot"),
        ],
        command: knot,
    },
    Server {
        name: "nsd",
        packages: &["nsd"],
        users: &["nsd"],
        host: 54,
        endpoints: &[
            Endpoint::tcp(53, "domain").product("NSD").version_of("nsd"),
            Endpoint::udp(53, "domain", VERSION_BIND).product("NSD").version_of("nsd"),
        ],
        command: nsd,
    },
    Server {
        name: "pdns",
        packages: &["pdns-server", "pdns-backend-bind"],
        users: &["pdns"],
        host: 55,
        endpoints: &[
            Endpoint::tcp(53, "domain")
                .product("PowerDNS Authoritative Server")
                .version_of("pdns-server"),
            Endpoint::udp(53, "domain", VERSION_BIND)
                .product("PowerDNS Authoritative Server")
                .version_of("pdns-server"),
        ],
        command: pdns,
    },
    Server {
        name: "pdnsrecursor",
        packages: &["pdns-recursor"],
        users: &["pdns"],
        host: 56,
        endpoints: &[
            Endpoint::tcp(53, "domain").product("PowerDNS Recursor").version_of("pdns-recursor"),
            Endpoint::udp(53, "domain", VERSION_BIND)
                .product("PowerDNS Recursor")
                .version_of("pdns-recursor"),
        ],
        command: pdns_recursor,
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

fn knot(inside: &Inside) -> Result<Command> {
    let (v4, v6, port) = (inside.v4(), inside.v6(), inside.port(0));
    inside.folder("/run/knot", "knot")?;
    inside.folder("/srv/knot", "knot")?;
    inside.write(
        "/srv/knot.conf",
        &format!(
            "server:\n  rundir: /run/knot\n  user: knot:knot\n  listen: [ {v4}@{port}, {v6}@{port} ]\n  \
             udp-workers: 1\n  tcp-workers: 1\n  background-workers: 1\n\
             database:\n  storage: /srv/knot\n  journal-db-max-size: 1M\n  kasp-db-max-size: 5M\n  \
             timer-db-max-size: 1M\n\
             log:\n  - target: stderr\n    any: error\n"
        ),
    )?;
    let mut command = Command::new("/usr/sbin/knotd");
    command.args(["-c", "/srv/knot.conf"]);
    Ok(command)
}

fn nsd(inside: &Inside) -> Result<Command> {
    let (v4, v6, port) = (inside.v4(), inside.v6(), inside.port(0));
    inside.folder("/var/lib/nsd", "nsd")?;
    inside.folder("/run/nsd", "nsd")?;
    inside.write(
        "/srv/nsd.conf",
        &format!(
            "server:\n ip-address: {v4}\n ip-address: {v6}\n port: {port}\n username: nsd\n\
             server-count: 1\n database: \"\"\n pidfile: \"/run/nsd/nsd.pid\"\n zonesdir: \"/srv\"\n\
             remote-control:\n control-enable: no\n"
        ),
    )?;
    let mut command = Command::new("/usr/sbin/nsd");
    command.args(["-d", "-c", "/srv/nsd.conf"]);
    Ok(command)
}

fn pdns(inside: &Inside) -> Result<Command> {
    let [v4, v6] = inside.sockets(0);
    inside.write("/srv/named.conf", "")?;
    inside.write("/srv/pdns/pdns.conf", "launch=bind\nbind-config=/srv/named.conf\n")?;
    inside.folder("/run/pdns", "pdns")?;
    let mut command = Command::new("/usr/sbin/pdns_server");
    command.args(["--config-dir=/srv/pdns", "--guardian=no", "--daemon=no", "--disable-syslog"]);
    command.args([
        "--setuid=pdns",
        "--setgid=pdns",
        "--socket-dir=/run/pdns",
        "--receiver-threads=1",
    ]);
    command.args(["--distributor-threads=1", "--security-poll-suffix="]);
    command.arg(format!("--local-address={v4},{v6}"));
    Ok(command)
}

fn pdns_recursor(inside: &Inside) -> Result<Command> {
    let [v4, v6] = inside.sockets(0);
    inside.folder("/run/pdns", "pdns")?;
    inside.write("/srv/pdns/recursor.conf", "")?;
    let mut command = Command::new("/usr/sbin/pdns_recursor");
    command.args(["--config-dir=/srv/pdns", "--daemon=no", "--disable-syslog", "--write-pid=no"]);
    command.args(["--setuid=pdns", "--setgid=pdns", "--socket-dir=/run/pdns", "--threads=1"]);
    command.args(["--allow-from=0.0.0.0/0,::/0", "--security-poll-suffix=", "--max-mthreads=64"]);
    command.arg(format!("--local-address={v4},{v6}"));
    Ok(command)
}
