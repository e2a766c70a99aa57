//! File servers.

use std::process::Command;

use anyhow::Result;

use super::enclosure::Inside;
use super::{Endpoint, Server};

pub(super) static SERVERS: &[Server] = &[
    Server {
        name: "vsftpd",
        packages: &["vsftpd", "openssl"],
        users: &["ftp"],
        host: 60,
        endpoints: &[Endpoint::tcp(21, "ftp").v4_only().product("vsftpd").version_of("vsftpd")],
        command: vsftpd,
    },
    Server {
        name: "proftpd",
        packages: &["proftpd-core", "proftpd-mod-crypto", "openssl"],
        users: &["proftpd", "ftp"],
        host: 61,
        endpoints: &[Endpoint::tcp(21, "ftp").product("ProFTPD")],
        command: proftpd,
    },
    Server {
        name: "pureftpd",
        packages: &["pure-ftpd", "pure-ftpd-common", "openssl"],
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
    Server {
        name: "tftpd",
        packages: &["tftpd-hpa"],
        users: &[],
        host: 65,
        endpoints: &[Endpoint::udp(69, "tftp", b"\0\x01nothing\0octet\0").v4_only()],
        command: tftpd,
    },
    Server {
        name: "svnserve",
        packages: &["subversion"],
        users: &[],
        host: 66,
        endpoints: &[Endpoint::tcp(3690, "svn").v4_only().product("Subversion")],
        command: svnserve,
    },
    Server {
        name: "git",
        packages: &["git"],
        users: &[],
        host: 67,
        endpoints: &[Endpoint::tcp(9418, "git").v4_only().product("git daemon")],
        command: git,
    },
    Server {
        name: "nbd",
        packages: &["nbd-server"],
        users: &[],
        host: 68,
        endpoints: &[Endpoint::tcp(10809, "nbd").v4_only()],
        command: nbd,
    },
    Server {
        name: "distcc",
        packages: &["distcc"],
        users: &[],
        host: 69,
        endpoints: &[Endpoint::tcp(3632, "distccd").v4_only().product("distccd")],
        command: distcc,
    },
    Server {
        name: "samba",
        packages: &["samba", "samba-common", "samba-common-bin", "samba-libs"],
        users: &[],
        host: 64,
        endpoints: &[
            Endpoint::tcp(445, "microsoft-ds").product("Samba smbd"),
            Endpoint::tcp(139, "netbios-ssn").product("Samba smbd"),
        ],
        command: samba,
    },
];

fn vsftpd(inside: &Inside) -> Result<Command> {
    let [certificate, key] = inside.certificate("root")?;
    inside.write("/run/vsftpd/empty/.keep", "")?;
    let (ip, port) = (inside.v4(), inside.port(0));
    inside.write(
        "/srv/vsftpd.conf",
        &format!(
            "listen=YES\nlisten_address={ip}\nlisten_port={port}\nbackground=NO\n\
             anonymous_enable=YES\nseccomp_sandbox=NO\nsecure_chroot_dir=/run/vsftpd/empty\n\
             ssl_enable=YES\nssl_tlsv1=YES\nallow_anon_ssl=YES\nforce_local_logins_ssl=NO\n\
             force_local_data_ssl=NO\nrsa_cert_file={certificate}\nrsa_private_key_file={key}\n"
        ),
    )?;
    let mut command = Command::new("/usr/sbin/vsftpd");
    command.arg("/srv/vsftpd.conf");
    Ok(command)
}

fn proftpd(inside: &Inside) -> Result<Command> {
    let [certificate, key] = inside.certificate("root")?;
    let (v4, v6, port) = (inside.v4(), inside.v6(), inside.port(0));
    inside.folder("/run/proftpd", "proftpd")?;
    inside.write(
        "/srv/proftpd.conf",
        &format!(
            "ServerName lab\nServerType standalone\nDefaultAddress {v4} {v6}\nPort {port}\n\
             SocketBindTight on\nUseReverseDNS off\nUser proftpd\nGroup proftpd\n\
             PidFile /run/proftpd/pid\nScoreboardFile none\nWtmpLog off\nRequireValidShell off\n\
             AuthOrder mod_auth_file.c\nLoadModule mod_tls.c\nTLSEngine on\n\
             TLSRSACertificateFile {certificate}\nTLSRSACertificateKeyFile {key}\n"
        ),
    )?;
    let mut command = Command::new("/usr/sbin/proftpd");
    command.args(["--nodaemon", "-c", "/srv/proftpd.conf"]);
    Ok(command)
}

fn pure_ftpd(inside: &Inside) -> Result<Command> {
    let [certificate, key] = inside.certificate("root")?;
    let [certificate, key] = [certificate, key].map(std::fs::read_to_string);
    inside.write("/srv/both.pem", &(key? + &certificate?))?;
    let (ip, port) = (inside.v4(), inside.port(0));
    let mut command = Command::new("/usr/sbin/pure-ftpd");
    command
        .args(["--tls=1", "--certfile=/srv/both.pem", "-e", "-4", "-H", "-c", "10", "-S"])
        .arg(format!("{ip},{port}"));
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

fn tftpd(inside: &Inside) -> Result<Command> {
    inside.write("/srv/tftp/readme", "a server of the lab\n")?;
    let [v4, _] = inside.sockets(0);
    let mut command = Command::new("/usr/sbin/in.tftpd");
    command.args(["-L", "-a", &v4, "-u", "nobody", "-s", "/srv/tftp"]);
    Ok(command)
}

fn svnserve(inside: &Inside) -> Result<Command> {
    let (ip, port) = (inside.v4().to_string(), inside.port(0).to_string());
    let mut command = Command::new("/usr/bin/svnserve");
    command.args([
        "-d",
        "--foreground",
        "-r",
        "/srv",
        "--listen-host",
        &ip,
        "--listen-port",
        &port,
    ]);
    Ok(command)
}

fn git(inside: &Inside) -> Result<Command> {
    let mut command = Command::new("/usr/lib/git-core/git-daemon");
    command.args(["--export-all", "--base-path=/srv", "--informative-errors"]);
    command.arg(format!("--listen={}", inside.v4())).arg(format!("--port={}", inside.port(0)));
    Ok(command)
}

fn nbd(inside: &Inside) -> Result<Command> {
    let (ip, port) = (inside.v4(), inside.port(0));
    inside.write("/srv/export", &"\0".repeat(1 << 16))?;
    inside.write(
        "/srv/nbd.conf",
        &format!(
            "[generic]\nlistenaddr = {ip}\nport = {port}\nallowlist = true\n\
             [lab]\nexportname = /srv/export\nreadonly = true\n"
        ),
    )?;
    // In the foreground (-d) it serves in its first process, and ends with the first client
    // that hangs up before the options are agreed on.
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "/usr/bin/nbd-server -C /srv/nbd.conf && exec sleep infinity"]);
    Ok(command)
}

fn distcc(inside: &Inside) -> Result<Command> {
    let (ip, port) = (inside.v4().to_string(), inside.port(0).to_string());
    let mut command = Command::new("/usr/bin/distccd");
    command.args(["--no-detach", "--daemon", "--log-stderr", "--user", "nobody", "-j", "1"]);
    command.args(["--allow", "198.18.0.0/15", "--listen", &ip, "--port", &port]);
    // Debian lists what may be called when the package is installed; there is no list here.
    command.arg("--enable-tcp-insecure");
    Ok(command)
}

fn samba(inside: &Inside) -> Result<Command> {
    let [v4, v6] = inside.addresses();
    let (direct, netbios) = (inside.port(0), inside.port(1));
    for folder in
        ["/var/lib/samba/private", "/var/cache/samba", "/var/log/samba", "/run/samba/ncalrpc"]
    {
        inside.write(&format!("{folder}/.keep"), "")?;
    }
    inside.write(
        "/etc/samba/smb.conf",
        &format!(
            "[global]\ninterfaces = {v4} {v6}\nbind interfaces only = yes\n\
             smb ports = {direct} {netbios}\nserver min protocol = NT1\ndisable spoolss = yes\n\
             load printers = no\nmap to guest = bad user\nlogging = file\nlog file = /dev/stderr\n\
             [lab]\npath = /srv\nguest ok = yes\n"
        ),
    )?;
    let mut command = Command::new("/usr/sbin/smbd");
    command.args(["-F", "--no-process-group", "-s", "/etc/samba/smb.conf"]);
    Ok(command)
}
