//! Proxies and load balancers.

use std::process::Command;

use anyhow::Result;

use super::enclosure::Inside;
use super::{Endpoint, Server};

pub(super) static SERVERS: &[Server] = &[
    Server {
        name: "haproxy",
        packages: &["haproxy"],
        users: &[],
        host: 20,
        endpoints: &[Endpoint::tcp(80, "http").product("HAProxy")],
        command: haproxy,
    },
    Server {
        name: "squid",
        packages: &["squid", "squid-common"],
        users: &["proxy"],
        host: 21,
        endpoints: &[Endpoint::tcp(3128, "http-proxy")
            .product("Squid http proxy")
            .version_of("squid")],
        command: squid,
    },
    Server {
        name: "tinyproxy",
        packages: &["tinyproxy-bin", "tinyproxy"],
        users: &[],
        host: 22,
        endpoints: &[Endpoint::tcp(8888, "http-proxy")
            .product("tinyproxy")
            .version_of("tinyproxy-bin")],
        command: tinyproxy,
    },
];

fn haproxy(inside: &Inside) -> Result<Command> {
    let [v4, v6] = inside.sockets(0);
    inside.write(
        "/srv/haproxy.cfg",
        &format!(
            "defaults\n mode http\n timeout client 10s\n timeout connect 1s\n timeout server 10s\n\
             frontend lab\n bind {v4}\n bind {v6}\n default_backend none\nbackend none\n"
        ),
    )?;
    let mut command = Command::new("/usr/sbin/haproxy");
    command.args(["-db", "-q", "-f", "/srv/haproxy.cfg"]);
    Ok(command)
}

fn squid(inside: &Inside) -> Result<Command> {
    let [v4, v6] = inside.sockets(0);
    inside.folder("/var/log/squid", "proxy")?;
    inside.folder("/var/spool/squid", "proxy")?;
    inside.folder("/run/squid", "proxy")?;
    let name = inside.name();
    inside.write(
        "/srv/squid.conf",
        &format!(
            "http_port {v4}\nhttp_port {v6}\nvisible_hostname {name}\npid_filename /run/squid/pid\n\
             http_access deny all\ncache_mem 4 MB\naccess_log none\ncache_log stdio:/dev/null\n\
             pinger_enable off\nicp_port 0\nhtcp_port 0\nsnmp_port 0\nshutdown_lifetime 0 seconds\n\
             max_filedescriptors 1024\n"
        ),
    )?;
    let mut command = Command::new("/usr/sbin/squid");
    command.args(["--foreground", "-d", "1", "-f", "/srv/squid.conf"]);
    Ok(command)
}

fn tinyproxy(inside: &Inside) -> Result<Command> {
    let (v4, v6, port) = (inside.v4(), inside.v6(), inside.port(0));
    inside.write(
        "/srv/tinyproxy.conf",
        &format!("Port {port}\nListen {v4}\nListen {v6}\nTimeout 60\nMaxClients 64\nAllow 198.18.0.0/15\n\
                  Allow 2001:2::/48\nDefaultErrorFile \"/usr/share/tinyproxy/default.html\"\n"),
    )?;
    let mut command = Command::new("/usr/bin/tinyproxy");
    command.args(["-d", "-c", "/srv/tinyproxy.conf"]);
    Ok(command)
}
