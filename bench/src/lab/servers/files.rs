//! File servers.

use std::process::Command;

use anyhow::Result;

use super::enclosure::Inside;
use super::{Endpoint, Server};

pub(super) static SERVERS: &[Server] = &[
    Server {
        name: "vsftpd",
        packages: &["vsftpd"],
        users: &["ftp"],
        host: 60,
        endpoints: &[Endpoint::tcp(21, "ftp").v4_only().product("vsftpd").version_of("vsftpd")],
        command: vsftpd,
    },
    Server {
        name: "proftpd",
        packages: &["proftpd-core"],
        users: &["proftpd", "ftp"],
        host: 61,
        endpoints: &[Endpoint::tcp(21, "ftp").product("ProFTPD")],
        command: proftpd,
    },
    Server {
        name: "pureftpd",
        packages: &["pure-ftpd", "pure-ftpd-common"],
        users: &["ftp"],
        host: 62,
        endpoints: &[Endpoint::tcp(21, "ftp").v4_only().product("Pure-FTPd")],
        command: pure_ftpd,
    },
    Server {
        name: "rsync",
        packages: &["rsync"],
        users: &[],
        host: 63,
        endpoints: &[Endpoint::tcp(873, "rsync").v4_only()],
        command: rsync,
    },
];

fn vsftpd(inside: &Inside) -> Result<Command> {
    inside.write("/run/vsftpd/empty/.keep", "")?;
    let (ip, port) = (inside.v4(), inside.port(0));
    inside.write(
        "/srv/vsftpd.conf",
        &format!(
            "listen=YES\nlisten_address={ip}\nlisten_port={port}\nbackground=NO\n\
             anonymous_enable=YES\nseccomp_sandbox=NO\nsecure_chroot_dir=/run/vsftpd/empty\n"
        ),
    )?;
    let mut command = Command::new("/usr/sbin/vsftpd");
    command.arg("/srv/vsftpd.conf");
    Ok(command)
}

fn proftpd(inside: &Inside) -> Result<Command> {
    let (v4, v6, port) = (inside.v4(), inside.v6(), inside.port(0));
    inside.folder("/run/proftpd", "proftpd")?;
    inside.write(
        "/srv/proftpd.conf",
        &format!(
            "ServerName lab\nServerType standalone\nDefaultAddress {v4} {v6}\nPort {port}\n\
             SocketBindTight on\nUseReverseDNS off\nUser proftpd\nGroup proftpd\n\
             PidFile /run/proftpd/pid\nScoreboardFile none\nWtmpLog off\nRequireValidShell off\n\
             AuthOrder mod_auth_file.c\n"
        ),
    )?;
    let mut command = Command::new("/usr/sbin/proftpd");
    command.args(["--nodaemon", "-c", "/srv/proftpd.conf"]);
    Ok(command)
}

fn pure_ftpd(inside: &Inside) -> Result<Command> {
    let (ip, port) = (inside.v4(), inside.port(0));
    let mut command = Command::new("/usr/sbin/pure-ftpd");
    command.args(["-e", "-4", "-H", "-c", "10", "-S"]).arg(format!("{ip},{port}"));
    Ok(command)
}

fn rsync(inside: &Inside) -> Result<Command> {
    inside
        .write("/srv/rsyncd.conf", "use chroot = no\n[lab]\npath = /srv\ncomment = a folder\n")?;
    let mut command = Command::new("/usr/bin/rsync");
    command.args(["--daemon", "--no-detach", "--config=/srv/rsyncd.conf"]);
    command.arg(format!("--address={}", inside.v4())).arg(format!("--port={}", inside.port(0)));
    Ok(command)
}
