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
        endpoints: &[Endpoint::tcp(3128, "http-proxy").product("Squid").version_of("squid")],
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
    Server {
        name: "privoxy",
        packages: &["privoxy"],
        users: &["privoxy"],
        host: 23,
        endpoints: &[Endpoint::tcp(8118, "http-proxy").product("Privoxy")],
        command: privoxy,
    },
    Server {
        name: "stunnel",
        packages: &["stunnel4", "dropbear-bin", "openssl"],
        users: &[],
        host: 24,
        endpoints: &[Endpoint::tcp(443, "ssh")
            .tls()
            .product("Dropbear sshd")
            .version_of("dropbear-bin")],
        command: stunnel,
    },
    Server {
        name: "tor",
        packages: &["tor"],
        users: &[],
        host: 25,
        endpoints: &[Endpoint::tcp(9050, "socks5").product("Tor")],
        command: tor,
    },
    Server {
        name: "dante",
        packages: &["dante-server"],
        users: &[],
        host: 26,
        endpoints: &[Endpoint::tcp(1080, "socks5").v4_only()],
        command: dante,
    },
    Server {
        name: "varnish",
        packages: &["varnish", "libvarnishapi3"],
        users: &["varnish", "vcache"],
        host: 27,
        endpoints: &[Endpoint::tcp(6081, "http").product("Varnish")],
        command: varnish,
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

fn privoxy(inside: &Inside) -> Result<Command> {
    let [v4, v6] = inside.sockets(0);
    inside.write(
        "/srv/privoxy.conf",
        &format!("confdir /etc/privoxy\nlogdir /srv\nlisten-address {v4}\nlisten-address {v6}\n"),
    )?;
    let mut command = Command::new("/usr/sbin/privoxy");
    command.args(["--no-daemon", "/srv/privoxy.conf"]);
    Ok(command)
}

/// A shell server behind TLS.
fn stunnel(inside: &Inside) -> Result<Command> {
    let [certificate, key] = inside.certificate("root")?;
    let [v4, v6] = inside.sockets(0);
    inside.run(Command::new("/usr/bin/dropbearkey").args(["-t", "ed25519", "-f", "/srv/key"]))?;
    let section = |name: &str, at: &str| {
        format!(
            "[{name}]\naccept = {at}\ncert = {certificate}\nkey = {key}\n\
             exec = /usr/sbin/dropbear\nexecArgs = dropbear -i -r /srv/key\n"
        )
    };
    let sections = section("four", &v4) + &section("six", &v6.replace(['[', ']'], ""));
    inside.write(
        "/srv/stunnel.conf",
        &format!("foreground = yes\nsyslog = no\npid =\ndebug = 4\n{sections}"),
    )?;
    let mut command = Command::new("/usr/bin/stunnel4");
    command.arg("/srv/stunnel.conf");
    Ok(command)
}

fn tor(inside: &Inside) -> Result<Command> {
    let mut text = String::from(
        "DataDirectory /srv/tor\nSocksPolicy accept *\nClientOnly 1\nAvoidDiskWrites 1\n\
         Log notice stdout\nUseEntryGuards 0\n",
    );
    for at in inside.sockets(0) {
        text += &format!("SocksPort {at}\n");
    }
    inside.write("/srv/torrc", &text)?;
    let mut command = Command::new("/usr/bin/tor");
    command.env("HOME", "/srv").args(["-f", "/srv/torrc", "--defaults-torrc", "/dev/null"]);
    Ok(command)
}

fn dante(inside: &Inside) -> Result<Command> {
    let (ip, port) = (inside.v4(), inside.port(0));
    inside.write(
        "/srv/danted.conf",
        &format!(
            "logoutput: stderr\ninternal: {ip} port = {port}\nexternal: {ip}\n\
             socksmethod: none\nclientmethod: none\nuser.unprivileged: nobody\n\
             client pass {{ from: 198.18.0.0/15 to: 0.0.0.0/0 }}\n\
             socks block {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}\n"
        ),
    )?;
    let mut command = Command::new("/usr/sbin/danted");
    command.args(["-N", "1", "-f", "/srv/danted.conf"]);
    Ok(command)
}

/// It compiles its configuration with the compiler that building needs, too.
fn varnish(inside: &Inside) -> Result<Command> {
    let mut command = Command::new("/usr/sbin/varnishd");
    command.args(["-F", "-j", "none", "-b", "none", "-n", "/srv/varnish", "-s", "malloc,4m"]);
    command.args(["-T", "none", "-p", "thread_pools=1", "-p", "thread_pool_min=5"]);
    command.args(["-p", "vsl_space=2m"]);
    for at in inside.sockets(0) {
        command.args(["-a", &at]);
    }
    Ok(command)
}
