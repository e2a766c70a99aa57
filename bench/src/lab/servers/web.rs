//! Web servers.

use std::process::Command;

use anyhow::Result;

use super::enclosure::Inside;
use super::{Endpoint, Server};

pub(super) static SERVERS: &[Server] = &[
    Server {
        name: "nginx",
        packages: &["nginx", "openssl"],
        users: &[],
        host: 10,
        endpoints: &[
            Endpoint::tcp(80, "http").product("nginx").version_of("nginx"),
            Endpoint::tcp(443, "http").tls().product("nginx").version_of("nginx"),
        ],
        command: nginx,
    },
    Server {
        name: "apache",
        packages: &["apache2-bin", "apache2", "openssl"],
        users: &["www-data"],
        host: 13,
        endpoints: &[
            Endpoint::tcp(80, "http").product("Apache httpd").version_of("apache2-bin"),
            Endpoint::tcp(443, "http").tls().product("Apache httpd").version_of("apache2-bin"),
        ],
        command: apache,
    },
    Server {
        name: "lighttpd",
        packages: &["lighttpd"],
        users: &[],
        host: 14,
        endpoints: &[Endpoint::tcp(80, "http").product("lighttpd").version_of("lighttpd")],
        command: lighttpd,
    },
    Server {
        name: "caddy",
        packages: &["caddy"],
        users: &[],
        host: 15,
        endpoints: &[Endpoint::tcp(80, "http").v4_only().product("Caddy")],
        command: caddy,
    },
    Server {
        name: "minihttpd",
        packages: &["mini-httpd"],
        users: &[],
        host: 16,
        endpoints: &[Endpoint::tcp(80, "http")
            .v4_only()
            .product("mini_httpd")
            .version_of("mini-httpd")],
        command: mini_httpd,
    },
    Server {
        name: "webfs",
        packages: &["webfs"],
        users: &[],
        host: 17,
        endpoints: &[Endpoint::tcp(80, "http").v4_only().product("webfs").version_of("webfs")],
        command: webfs,
    },
    Server {
        name: "python",
        packages: &["python3.11-minimal", "libpython3.11-stdlib", "libpython3.11-minimal"],
        users: &[],
        host: 18,
        endpoints: &[Endpoint::tcp(8000, "http")
            .v4_only()
            .product("SimpleHTTPServer")
            .version_text("0.6")],
        command: python,
    },
    Server {
        name: "influxdb",
        packages: &["influxdb"],
        users: &[],
        host: 19,
        endpoints: &[Endpoint::tcp(8086, "influxdb")
            .v4_only()
            .product("InfluxDB")
            .version_of("influxdb")],
        command: influxdb,
    },
];

fn nginx(inside: &Inside) -> Result<Command> {
    let [certificate, key] = inside.certificate("root")?;
    let [v4, v6] = inside.sockets(0);
    let [tls4, tls6] = inside.sockets(1);
    let name = inside.name();
    inside.write("/var/lib/nginx/.keep", "")?;
    inside.write(
        "/srv/nginx.conf",
        &format!(
            "daemon off; master_process off; pid /run/pid; error_log stderr;\n\
             events {{ worker_connections 512; }}\n\
             http {{ access_log off; server {{ server_name {name};\n\
             listen {v4}; listen {v6}; listen {tls4} ssl; listen {tls6} ssl;\n\
             ssl_certificate {certificate}; ssl_certificate_key {key};\n\
             location / {{ default_type text/plain; return 200 \"a server of the lab\\n\"; }} }} }}\n"
        ),
    )?;
    let mut command = Command::new("/usr/sbin/nginx");
    command.args(["-e", "stderr", "-c", "/srv/nginx.conf"]);
    Ok(command)
}

fn apache(inside: &Inside) -> Result<Command> {
    let [certificate, key] = inside.certificate("root")?;
    let [v4, v6] = inside.sockets(0);
    let [tls4, tls6] = inside.sockets(1);
    let name = inside.name();
    let modules: String = ["mpm_event", "authz_core", "ssl"]
        .map(|module| {
            format!("LoadModule {module}_module /usr/lib/apache2/modules/mod_{module}.so\n")
        })
        .concat();
    inside.write("/srv/www/index.html", "<title>a server of the lab</title>\n")?;
    inside.write(
        "/srv/apache.conf",
        &format!(
            "{modules}ServerName {name}\nPidFile /run/pid\nErrorLog /dev/stderr\n\
             User www-data\nGroup www-data\nServerTokens OS\n\
             StartServers 1\nThreadsPerChild 8\nMaxRequestWorkers 8\nMinSpareThreads 1\n\
             Listen {v4}\nListen {v6}\nListen {tls4}\nListen {tls6}\nDocumentRoot /srv/www\n\
             SSLSessionCache none\n<VirtualHost {tls4} {tls6}>\nSSLEngine on\n\
             SSLCertificateFile {certificate}\nSSLCertificateKeyFile {key}\n</VirtualHost>\n"
        ),
    )?;
    let mut command = Command::new("/usr/sbin/apache2");
    command.args(["-D", "FOREGROUND", "-f", "/srv/apache.conf"]);
    Ok(command)
}

fn lighttpd(inside: &Inside) -> Result<Command> {
    let (v4, port) = (inside.v4(), inside.port(0));
    let [_, v6] = inside.sockets(0);
    inside.write("/srv/www/index.html", "<title>a server of the lab</title>\n")?;
    inside.write(
        "/srv/lighttpd.conf",
        &format!(
            "server.document-root = \"/srv/www\"\nserver.bind = \"{v4}\"\nserver.port = {port}\n\
             index-file.names = ( \"index.html\" )\n$SERVER[\"socket\"] == \"{v6}\" {{ }}\n"
        ),
    )?;
    let mut command = Command::new("/usr/sbin/lighttpd");
    command.args(["-D", "-f", "/srv/lighttpd.conf"]);
    Ok(command)
}

fn caddy(inside: &Inside) -> Result<Command> {
    let [v4, _] = inside.sockets(0);
    let mut command = Command::new("/usr/bin/caddy");
    command.env("HOME", "/srv").env("GOMEMLIMIT", "32MiB");
    command.args(["respond", "--listen", &v4, "a server of the lab"]);
    Ok(command)
}

fn mini_httpd(inside: &Inside) -> Result<Command> {
    inside.write("/srv/www/index.html", "<title>a server of the lab</title>\n")?;
    let (ip, port) = (inside.v4().to_string(), inside.port(0).to_string());
    let mut command = Command::new("/usr/sbin/mini_httpd");
    command.args(["-D", "-d", "/srv/www", "-h", &ip, "-p", &port, "-u", "nobody"]);
    Ok(command)
}

fn webfs(inside: &Inside) -> Result<Command> {
    inside.write("/srv/www/index.html", "<title>a server of the lab</title>\n")?;
    let (ip, port) = (inside.v4().to_string(), inside.port(0).to_string());
    let mut command = Command::new("/usr/bin/webfsd");
    command.args(["-F", "-4", "-r", "/srv/www", "-f", "index.html", "-i", &ip, "-p", &port]);
    Ok(command)
}

fn python(inside: &Inside) -> Result<Command> {
    let (ip, port) = (inside.v4().to_string(), inside.port(0).to_string());
    let mut command = Command::new("/usr/bin/python3.11");
    command.args(["-m", "http.server", "--bind", &ip, "--directory", "/srv", &port]);
    Ok(command)
}

fn influxdb(inside: &Inside) -> Result<Command> {
    let [v4, _] = inside.sockets(0);
    inside.write(
        "/srv/influxdb.conf",
        &format!(
            "reporting-disabled = true\nbind-address = \"127.0.0.1:8088\"\n\
             [meta]\ndir = \"/srv/meta\"\n[data]\ndir = \"/srv/data\"\nwal-dir = \"/srv/wal\"\n\
             [monitor]\nstore-enabled = false\n[http]\nbind-address = \"{v4}\"\n"
        ),
    )?;
    let mut command = Command::new("/usr/bin/influxd");
    command.env("HOME", "/srv").args(["-config", "/srv/influxdb.conf"]);
    Ok(command)
}
