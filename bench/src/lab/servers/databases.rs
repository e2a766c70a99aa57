//! Databases and caches.

use std::process::Command;

use anyhow::Result;

use super::enclosure::Inside;
use super::{Endpoint, Server};

pub(super) static SERVERS: &[Server] = &[
    Server {
        name: "redis",
        packages: &["redis-server", "redis-tools"],
        users: &[],
        host: 12,
        endpoints: &[Endpoint::tcp(6379, "redis")
            .product("Redis key-value store")
            .version_of("redis-server")],
        command: redis,
    },
    Server {
        name: "memcached",
        packages: &["memcached"],
        users: &["memcache"],
        host: 30,
        endpoints: &[
            Endpoint::tcp(11211, "memcached").product("Memcached").version_of("memcached"),
            Endpoint::udp(11211, "memcached", b"\0\x01\0\0\0\x01\0\0version\r\n")
                .product("Memcached")
                .version_of("memcached"),
        ],
        command: memcached,
    },
    Server {
        name: "postgresql",
        packages: &["postgresql-15", "postgresql-client-15", "libllvm14-", "openssl"],
        users: &["postgres"],
        host: 31,
        endpoints: &[Endpoint::tcp(5432, "postgresql").product("PostgreSQL DB")],
        command: postgresql,
    },
    Server {
        name: "mariadb",
        packages: &["mariadb-server-core", "mariadb-server", "mariadb-common", "openssl"],
        users: &["mysql"],
        host: 32,
        endpoints: &[Endpoint::tcp(3306, "mysql")
            .product("MariaDB")
            .version_of("mariadb-server-core")],
        command: mariadb,
    },
    Server {
        name: "tarantool",
        packages: &["tarantool"],
        users: &[],
        host: 33,
        endpoints: &[Endpoint::tcp(3301, "tarantool")
            .v4_only()
            .product("Tarantool")
            .version_of("tarantool")],
        command: tarantool,
    },
    Server {
        name: "etcd",
        packages: &["etcd-server"],
        users: &[],
        host: 34,
        endpoints: &[Endpoint::tcp(2379, "etcd")
            .v4_only()
            .product("etcd")
            .version_of("etcd-server")],
        command: etcd,
    },
];

fn redis(inside: &Inside) -> Result<Command> {
    let mut command = Command::new("/usr/bin/redis-server");
    command.arg("--port").arg(inside.port(0).to_string()).arg("--bind");
    command.args(inside.addresses().map(|ip| ip.to_string()));
    command.args(["--protected-mode", "no", "--save", "", "--appendonly", "no"]);
    Ok(command)
}

fn memcached(inside: &Inside) -> Result<Command> {
    let (tcp, udp) = (inside.port(0).to_string(), inside.port(1).to_string());
    let [v4, v6] = inside.addresses();
    let mut command = inside.command_as("memcache", "/usr/bin/memcached");
    command.args(["-m", "8", "-t", "1", "-p", &tcp, "-U", &udp]);
    command.arg("-l").arg(v4.to_string()).arg("-l").arg(v6.to_string());
    Ok(command)
}

fn postgresql(inside: &Inside) -> Result<Command> {
    const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";
    let [certificate, key] = inside.certificate("postgres")?;
    inside.folder("/srv/data", "postgres")?;
    inside.folder("/run/postgresql", "postgres")?;
    let [v4, v6] = inside.addresses();
    inside.run(inside.command_as("postgres", &format!("{PROGRAMS}/initdb")).args([
        "-D",
        "/srv/data",
        "-A",
        "reject",
        "-N",
        "--locale=C",
        "-E",
        "UTF8",
    ]))?;
    let mut command = inside.command_as("postgres", &format!("{PROGRAMS}/postgres"));
    command.args(["-D", "/srv/data", "-p", &inside.port(0).to_string()]);
    for setting in [
        format!("listen_addresses={v4},{v6}"),
        "fsync=off".into(),
        "jit=off".into(),
        "shared_buffers=1MB".into(),
        "max_connections=50".into(),
        "ssl=on".into(),
        format!("ssl_cert_file={certificate}"),
        format!("ssl_key_file={key}"),
    ] {
        command.args(["-c", &setting]);
    }
    Ok(command)
}

fn mariadb(inside: &Inside) -> Result<Command> {
    let [certificate, key] = inside.certificate("mysql")?;
    inside.folder("/srv/data", "mysql")?;
    inside.folder("/run/mysqld", "mysql")?;
    let [v4, v6] = inside.addresses();
    let port = inside.port(0);
    // Without tables of users every connection is greeted all the same.
    let mut command = inside.command_as("mysql", "/usr/sbin/mariadbd");
    command.args(["--no-defaults", "--datadir=/srv/data", "--socket=/run/mysqld/socket"]);
    command.args(["--skip-grant-tables", "--skip-name-resolve", "--skip-networking=0"]);
    command.args([
        "--innodb-buffer-pool-size=8M",
        "--innodb-log-file-size=8M",
        "--key-buffer-size=1M",
    ]);
    command.args(["--aria-pagecache-buffer-size=1M", "--performance-schema=0", "--skip-log-bin"]);
    command.arg(format!("--ssl-cert={certificate}")).arg(format!("--ssl-key={key}"));
    command.arg(format!("--port={port}")).arg(format!("--bind-address={v4},{v6}"));
    Ok(command)
}

fn tarantool(inside: &Inside) -> Result<Command> {
    let [v4, _] = inside.sockets(0);
    inside.write(
        "/srv/init.lua",
        &format!(
            "box.cfg{{listen='{v4}', memtx_memory=33554432, wal_mode='none', work_dir='/srv'}}\n"
        ),
    )?;
    let mut command = Command::new("/usr/bin/tarantool");
    command.arg("/srv/init.lua");
    Ok(command)
}

fn etcd(inside: &Inside) -> Result<Command> {
    let [v4, _] = inside.sockets(0);
    let mut command = Command::new("/usr/bin/etcd");
    command.args(["--data-dir", "/srv/etcd", "--log-level", "error"]);
    command.args(["--listen-peer-urls", "http://127.0.0.1:2380"]);
    command.arg("--listen-client-urls").arg(format!("http://{v4}"));
    command.arg("--advertise-client-urls").arg(format!("http://{v4}"));
    Ok(command)
}
