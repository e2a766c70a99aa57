//! Shells and screens.

use std::fmt::Write as _;
use std::process::Command;

use anyhow::Result;

use super::enclosure::Inside;
use super::{Endpoint, Server};

pub(super) static SERVERS: &[Server] = &[
    Server {
        name: "sshd",
        packages: &["openssh-server", "openssh-client"],
        users: &["sshd"],
        host: 11,
        endpoints: &[Endpoint::tcp(22, "ssh").product("OpenSSH").version_of("openssh-server")],
        command: sshd,
    },
    Server {
        name: "dropbear",
        packages: &["dropbear-bin"],
        users: &[],
        host: 70,
        endpoints: &[Endpoint::tcp(22, "ssh").product("Dropbear sshd").version_of("dropbear-bin")],
        command: dropbear,
    },
    Server {
        name: "xinetd",
        packages: &["xinetd", "inetutils-telnetd", "fingerd", "finger"],
        users: &[],
        host: 71,
        endpoints: &[
            Endpoint::tcp(23, "telnet").v4_only(),
            Endpoint::tcp(79, "finger").v4_only(),
            Endpoint::tcp(7, "echo").v4_only(),
            Endpoint::tcp(13, "daytime").v4_only(),
            Endpoint::tcp(19, "chargen").v4_only(),
            Endpoint::tcp(37, "time").v4_only(),
        ],
        command: xinetd,
    },
    Server {
        name: "vnc",
        packages: &[
            "tigervnc-standalone-server",
            "x11-xkb-utils",
            "xkb-data",
            "xserver-common",
            "libgl1-mesa-dri-",
        ],
        users: &[],
        host: 72,
        endpoints: &[Endpoint::tcp(5900, "vnc").v4_only()],
        command: vnc,
    },
    Server {
        name: "xrdp",
        packages: &["xrdp", "openssl"],
        users: &[],
        host: 73,
        endpoints: &[Endpoint::tcp(3389, "ms-wbt-server").v4_only().product("xrdp")],
        command: xrdp,
    },
];

fn sshd(inside: &Inside) -> Result<Command> {
    inside.write("/run/sshd/.keep", "")?;
    let mut text = format!("Port {}\n", inside.port(0));
    for ip in inside.addresses() {
        writeln!(text, "ListenAddress {ip}")?;
    }
    for kind in ["ed25519", "ecdsa"] {
        let key = format!("/srv/key_{kind}");
        inside.run(
            Command::new("/usr/bin/ssh-keygen")
                .args(["-q", "-N", "", "-C", "lab", "-t", kind, "-f", &key]),
        )?;
        writeln!(text, "HostKey {key}")?;
    }
    text += "PidFile none\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             AuthorizedKeysFile none\nLoginGraceTime 20\nUseDNS no\n";
    inside.write("/srv/sshd_config", &text)?;
    let mut command = Command::new("/usr/sbin/sshd");
    command.args(["-D", "-e", "-f", "/srv/sshd_config"]);
    Ok(command)
}

fn dropbear(inside: &Inside) -> Result<Command> {
    inside.run(Command::new("/usr/bin/dropbearkey").args(["-t", "ed25519", "-f", "/srv/key"]))?;
    let mut command = Command::new("/usr/sbin/dropbear");
    command.args(["-F", "-E", "-r", "/srv/key", "-P", "/run/pid"]);
    for socket in inside.sockets(0) {
        command.args(["-p", &socket]);
    }
    Ok(command)
}

/// Small services of the first days, and what is started for each connection.
fn xinetd(inside: &Inside) -> Result<Command> {
    let mut text = String::from("defaults\n{\n log_type = FILE /dev/null\n instances = 50\n}\n");
    let services = [
        ("telnet", "server = /usr/sbin/telnetd"),
        ("finger", "server = /usr/sbin/in.fingerd"),
        ("echo", "type = INTERNAL UNLISTED"),
        ("daytime", "type = INTERNAL UNLISTED"),
        ("chargen", "type = INTERNAL UNLISTED"),
        ("time", "type = INTERNAL UNLISTED"),
    ];
    for (index, (name, how)) in services.into_iter().enumerate() {
        let kind = if how.starts_with("server") { " type = UNLISTED\n" } else { "" };
        let (ip, port) = (inside.v4(), inside.port(index));
        writeln!(
            text,
            "service {name}\n{{\n{kind} {how}\n id = {name}-stream\n socket_type = stream\n \
             protocol = tcp\n wait = no\n user = root\n bind = {ip}\n port = {port}\n \
             disable = no\n}}"
        )?;
    }
    inside.write("/srv/xinetd.conf", &text)?;
    let mut command = Command::new("/usr/sbin/xinetd");
    command.args(["-dontfork", "-stayalive", "-f", "/srv/xinetd.conf"]);
    Ok(command)
}

fn vnc(inside: &Inside) -> Result<Command> {
    let (ip, port) = (inside.v4().to_string(), inside.port(0).to_string());
    let mut command = Command::new("/usr/bin/Xtigervnc");
    command.args([":7", "-interface", &ip, "-rfbport", &port, "-SecurityTypes", "None"]);
    command.args([
        "-geometry",
        "320x200",
        "-nolisten",
        "tcp",
        "-nolisten",
        "local",
        "-extension",
        "GLX",
    ]);
    Ok(command)
}

fn xrdp(inside: &Inside) -> Result<Command> {
    let [certificate, key] = inside.certificate("root")?;
    let (ip, port) = (inside.v4(), inside.port(0));
    inside.write("/run/xrdp/.keep", "")?;
    inside.run(Command::new("/usr/bin/xrdp-keygen").args(["xrdp", "/etc/xrdp/rsakeys.ini"]))?;
    inside.write(
        "/etc/xrdp/xrdp.ini",
        &format!(
            "[Globals]\nini_version=1\nfork=true\nport=tcp://{ip}:{port}\nsecurity_layer=negotiate\n\
             crypt_level=high\ncertificate={certificate}\nkey_file={key}\nmax_bpp=24\n\
             [Logging]\nLogFile=/dev/null\nLogLevel=ERROR\nEnableSyslog=false\n\
             [Xorg]\nname=lab\nlib=libxup.so\nip=127.0.0.1\nport=-1\n"
        ),
    )?;
    let mut command = Command::new("/usr/sbin/xrdp");
    command.args(["--nodaemon", "--config", "/etc/xrdp/xrdp.ini"]);
    Ok(command)
}
