//! Chat, voice and streams.

use std::process::Command;

use anyhow::Result;

use super::enclosure::Inside;
use super::{Endpoint, Server};

/// A question about what a SIP server can do.
const SIP_OPTIONS: &[u8] =
    b"OPTIONS sip:lab SIP/2.0\r\nVia: SIP/2.0/UDP lab;branch=z9hG4bK1;rport\r\n\
    From: <sip:a@lab>;tag=1\r\nTo: <sip:b@lab>\r\nCall-ID: 1@lab\r\nCSeq: 1 OPTIONS\r\n\
    Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n";

pub(super) static SERVERS: &[Server] = &[
    Server {
        name: "ngircd",
        packages: &["ngircd"],
        users: &["irc"],
        host: 80,
        endpoints: &[Endpoint::tcp(6667, "irc").product("ngIRCd").version_of("ngircd")],
        command: ngircd,
    },
    Server {
        name: "inspircd",
        packages: &["inspircd"],
        users: &["irc"],
        host: 84,
        endpoints: &[Endpoint::tcp(6667, "irc").product("InspIRCd").version_text("3")],
        command: inspircd,
    },
    Server {
        name: "prosody",
        packages: &[
            "prosody",
            "lua5.4",
            "lua-expat",
            "lua-filesystem",
            "lua-sec",
            "lua-socket",
            "lua-unbound",
            "lua-posix",
            "lua-readline",
            "openssl",
        ],
        users: &["prosody"],
        host: 85,
        endpoints: &[
            Endpoint::tcp(5222, "xmpp-client").product("Prosody"),
            Endpoint::tcp(5269, "xmpp-server").product("Prosody"),
        ],
        command: prosody,
    },
    Server {
        name: "icecast",
        packages: &["icecast2"],
        users: &["icecast2"],
        host: 86,
        endpoints: &[Endpoint::tcp(8000, "http")
            .v4_only()
            .product("Icecast streaming media server")
            .version_of("icecast2")],
        command: icecast,
    },
    Server {
        name: "kamailio",
        packages: &["kamailio"],
        users: &[],
        host: 87,
        endpoints: &[
            Endpoint::udp(5060, "sip", SIP_OPTIONS)
                .v4_only()
                .product("Kamailio")
                .version_of("kamailio"),
            Endpoint::tcp(5060, "sip").v4_only().product("Kamailio").version_of("kamailio"),
        ],
        command: kamailio,
    },
];

fn ngircd(inside: &Inside) -> Result<Command> {
    let [v4, v6] = inside.addresses();
    let (name, port) = (inside.name(), inside.port(0));
    inside.write(
        "/srv/ngircd.conf",
        &format!(
            "[Global]\nName = {name}\nInfo = lab\nListen = {v4},{v6}\nPorts = {port}\n\
             ServerUID = irc\nServerGID = irc\nMotdPhrase = lab\n\
             [Options]\nDNS = no\nIdent = no\nPAM = no\n"
        ),
    )?;
    let mut command = Command::new("/usr/sbin/ngircd");
    command.args(["-n", "-f", "/srv/ngircd.conf"]);
    Ok(command)
}

fn inspircd(inside: &Inside) -> Result<Command> {
    let [v4, v6] = inside.addresses();
    let (name, port) = (inside.name(), inside.port(0));
    for folder in ["/run/inspircd", "/var/log/inspircd", "/var/lib/inspircd"] {
        inside.folder(folder, "irc")?;
    }
    inside.write(
        "/srv/inspircd.conf",
        &format!(
            "<server name=\"{name}\" description=\"lab\" network=\"lab\" id=\"1AB\">\n\
             <admin name=\"lab\" nick=\"lab\" email=\"lab@{name}\">\n\
             <bind address=\"{v4}\" port=\"{port}\" type=\"clients\">\n\
             <bind address=\"{v6}\" port=\"{port}\" type=\"clients\">\n\
             <connect allow=\"*\" resolvehostnames=\"no\" useident=\"no\">\n\
             <pid file=\"/run/inspircd/pid\">\n<dns server=\"127.0.0.1\" timeout=\"1\">\n"
        ),
    )?;
    let mut command = inside.command_as("irc", "/usr/sbin/inspircd");
    command.args(["--nofork", "--nolog", "--config=/srv/inspircd.conf"]);
    Ok(command)
}

fn prosody(inside: &Inside) -> Result<Command> {
    let [v4, v6] = inside.addresses();
    let (clients, servers, name) = (inside.port(0), inside.port(1), inside.name());
    let [certificate, key] = inside.certificate("prosody")?;
    inside.folder("/run/prosody", "prosody")?;
    inside.folder("/srv/data", "prosody")?;
    inside.write(
        "/srv/prosody.cfg.lua",
        &format!(
            "interfaces = {{ \"{v4}\", \"{v6}\" }}\nc2s_ports = {{ {clients} }}\n\
             s2s_ports = {{ {servers} }}\nmodules_enabled = {{ \"disco\", \"saslauth\", \"tls\" }}\n\
             modules_disabled = {{ \"http\" }}\n\
             ssl = {{ certificate = \"{certificate}\", key = \"{key}\" }}\n\
             c2s_require_encryption = false\ns2s_require_encryption = false\n\
             data_path = \"/srv/data\"\npidfile = \"/run/prosody/pid\"\n\
             log = {{ error = \"*console\" }}\nVirtualHost \"{name}\"\n"
        ),
    )?;
    let mut command = inside.command_as("prosody", "/usr/bin/prosody");
    command.args(["-F", "--config", "/srv/prosody.cfg.lua"]);
    Ok(command)
}

fn icecast(inside: &Inside) -> Result<Command> {
    let (ip, port, name) = (inside.v4(), inside.port(0), inside.name());
    inside.folder("/srv/log", "icecast2")?;
    inside.write(
        "/srv/icecast.xml",
        &format!(
            "<icecast><limits><clients>50</clients><sources>1</sources></limits>\n\
             <authentication><source-password>x</source-password></authentication>\n\
             <hostname>{name}</hostname>\n\
             <listen-socket><port>{port}</port><bind-address>{ip}</bind-address></listen-socket>\n\
             <paths><basedir>/usr/share/icecast2</basedir><logdir>/srv/log</logdir>\n\
             <webroot>/usr/share/icecast2/web</webroot>\n\
             <adminroot>/usr/share/icecast2/admin</adminroot></paths>\n\
             <logging><accesslog>-</accesslog><errorlog>-</errorlog></logging></icecast>\n"
        ),
    )?;
    let mut command = inside.command_as("icecast2", "/usr/bin/icecast2");
    command.args(["-c", "/srv/icecast.xml"]);
    Ok(command)
}

fn kamailio(inside: &Inside) -> Result<Command> {
    let [v4, _] = inside.sockets(0);
    inside.write(
        "/srv/kamailio.cfg",
        &format!(
            "debug=0\nlog_stderror=yes\nchildren=1\ntcp_children=1\nauto_aliases=no\n\
             listen=udp:{v4}\nlisten=tcp:{v4}\n\
             loadmodule \"sl.so\"\n\
             request_route {{ sl_send_reply(\"404\", \"Not here\"); exit; }}\n"
        ),
    )?;
    let mut command = Command::new("/usr/sbin/kamailio");
    command.args(["-DD", "-E", "-m", "16", "-M", "4", "-Y", "/run", "-f", "/srv/kamailio.cfg"]);
    Ok(command)
}
