//! What networks run on: time, management, directories, printing.

use std::process::Command;

use anyhow::Result;

use super::enclosure::Inside;
use super::{Endpoint, Server};

/// SNMPv2c, community "public", a get request for sysDescr.0.
const SYS_DESCR: &[u8] = b"\x30\x29\x02\x01\x01\x04\x06public\xa0\x1c\x02\x04\x11\x22\x33\x44\
    \x02\x01\0\x02\x01\0\x30\x0e\x30\x0c\x06\x08\x2b\x06\x01\x02\x01\x01\x01\0\x05\0";

/// NTP version 4, client.
const NTP_CLIENT: &[u8; 48] = &{
    let mut packet = [0; 48];
    packet[0] = 0x23;
    packet
};

/// ONC RPC call of the port mapper's null procedure, RFC 1833.
const PORTMAP_NULL: &[u8] = b"\x11\x22\x33\x44\0\0\0\0\0\0\0\x02\0\x01\x86\xa0\0\0\0\x02\0\0\0\0\
    \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// STUN binding request, RFC 8489.
const STUN_BINDING: &[u8] = b"\0\x01\0\0\x21\x12\xa4\x42prtip-lab-00";

pub(super) static SERVERS: &[Server] = &[
    Server {
        name: "snmpd",
        packages: &["snmpd", "libsnmp-base"],
        users: &["Debian-snmp"],
        host: 90,
        endpoints: &[Endpoint::udp(161, "snmp", SYS_DESCR).product("net-snmp")],
        command: snmpd,
    },
    Server {
        name: "ntpsec",
        packages: &["ntpsec"],
        users: &["ntpsec"],
        host: 91,
        // It has no option for another port.
        endpoints: &[Endpoint::udp(123, "ntp", NTP_CLIENT).fixed()],
        command: ntpsec,
    },
    Server {
        name: "slapd",
        packages: &["slapd", "openssl"],
        users: &["openldap"],
        host: 93,
        endpoints: &[
            Endpoint::tcp(389, "ldap").product("OpenLDAP"),
            Endpoint::tcp(636, "ldap").tls().product("OpenLDAP"),
        ],
        command: slapd,
    },
    Server {
        name: "krb5",
        packages: &["krb5-kdc", "krb5-admin-server"],
        users: &[],
        host: 94,
        endpoints: &[Endpoint::tcp(88, "kerberos-sec").v4_only().product("MIT Kerberos")],
        command: krb5,
    },
    Server {
        name: "cups",
        packages: &["cups-daemon"],
        users: &["lp"],
        host: 95,
        endpoints: &[Endpoint::tcp(631, "ipp").product("CUPS").version_text("2.4")],
        command: cups,
    },
    Server {
        name: "zabbix",
        packages: &["zabbix-agent"],
        users: &["zabbix"],
        host: 97,
        endpoints: &[Endpoint::tcp(10050, "zabbix-agent").v4_only().product("Zabbix")],
        command: zabbix,
    },
    Server {
        name: "rpcbind",
        packages: &["rpcbind"],
        users: &["_rpc"],
        host: 98,
        endpoints: &[
            Endpoint::tcp(111, "rpcbind").v4_only().fixed().version_text("2-4"),
            Endpoint::udp(111, "rpcbind", PORTMAP_NULL).v4_only().fixed().version_text("2-4"),
        ],
        command: rpcbind,
    },
    Server {
        name: "coturn",
        packages: &["coturn", "libmariadb3", "libpq5"],
        users: &[],
        host: 96,
        endpoints: &[
            Endpoint::udp(3478, "stun", STUN_BINDING).product("coturn").version_of("coturn"),
            Endpoint::tcp(3478, "stun").product("coturn").version_of("coturn"),
        ],
        command: coturn,
    },
];

fn snmpd(inside: &Inside) -> Result<Command> {
    let [v4, v6] = inside.sockets(0);
    inside.write(
        "/srv/snmpd.conf",
        "rocommunity public\nrocommunity6 public\nsysLocation the lab\n",
    )?;
    inside.folder("/var/lib/snmp", "Debian-snmp")?;
    let mut command = Command::new("/usr/sbin/snmpd");
    command.args(["-f", "-Lo", "-C", "-c", "/srv/snmpd.conf", "-u", "Debian-snmp", "-I", "-smux"]);
    command.arg(format!("udp:{v4}")).arg(format!("udp6:{v6}"));
    Ok(command)
}

fn ntpsec(inside: &Inside) -> Result<Command> {
    let [v4, v6] = inside.addresses();
    inside.folder("/var/lib/ntpsec", "ntpsec")?;
    inside.write(
        "/srv/ntp.conf",
        &format!(
            "interface ignore all\ninterface listen {v4}\ninterface listen {v6}\n\
             server 127.127.1.0\nfudge 127.127.1.0 stratum 10\ndisable ntp kernel\n"
        ),
    )?;
    let mut command = Command::new("/usr/sbin/ntpd");
    command.args(["-n", "-g", "-c", "/srv/ntp.conf", "-u", "ntpsec:ntpsec"]);
    Ok(command)
}

fn slapd(inside: &Inside) -> Result<Command> {
    let [certificate, key] = inside.certificate("openldap")?;
    inside.folder("/srv/data", "openldap")?;
    inside.folder("/run/slapd", "openldap")?;
    inside.write(
        "/srv/slapd.conf",
        &format!(
            "include /etc/ldap/schema/core.schema\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\n\
             TLSCertificateFile {certificate}\nTLSCertificateKeyFile {key}\nthreads 2\n\
             database mdb\nmaxsize 1048576\nsuffix \"dc=lab\"\ndirectory /srv/data\n"
        ),
    )?;
    let plain = inside.sockets(0).map(|at| format!("ldap://{at}/"));
    let secure = inside.sockets(1).map(|at| format!("ldaps://{at}/"));
    let mut command = Command::new("/usr/sbin/slapd");
    command.args(["-d", "0", "-u", "openldap", "-g", "openldap", "-f", "/srv/slapd.conf", "-h"]);
    command.arg([plain, secure].concat().join(" "));
    Ok(command)
}

fn krb5(inside: &Inside) -> Result<Command> {
    let [v4, _] = inside.sockets(0);
    inside.write("/etc/krb5.conf", "[libdefaults]\ndefault_realm = LAB\n")?;
    inside.write(
        "/etc/krb5kdc/kdc.conf",
        &format!(
            "[kdcdefaults]\nkdc_listen = \"\"\nkdc_tcp_listen = {v4}\n\
             [realms]\nLAB = {{\ndatabase_name = /srv/principal\nkey_stash_file = /srv/stash\n\
             max_life = 10h\n}}\n"
        ),
    )?;
    inside.run(
        Command::new("/usr/sbin/kdb5_util").args(["-r", "LAB", "-P", "lab", "create", "-s", "-W"]),
    )?;
    let mut command = Command::new("/usr/sbin/krb5kdc");
    command.arg("-n");
    Ok(command)
}

fn cups(inside: &Inside) -> Result<Command> {
    let [v4, v6] = inside.sockets(0);
    inside.write(
        "/srv/cupsd.conf",
        &format!(
            "Listen {v4}\nListen {v6}\nListen /run/cups/socket\nServerAlias *\nBrowsing No\nDefaultAuthType None\n\
             <Location />\nOrder allow,deny\nAllow all\n</Location>\n"
        ),
    )?;
    inside.write(
        "/srv/cups-files.conf",
        "User lp\nGroup lp\nSystemGroup adm\nErrorLog stderr\nAccessLog /dev/null\nPageLog /dev/null\n",
    )?;
    for folder in ["/run/cups/certs", "/var/spool/cups/tmp", "/var/cache/cups", "/var/log/cups"] {
        inside.write(&format!("{folder}/.keep"), "")?;
    }
    let mut command = Command::new("/usr/sbin/cupsd");
    command.args(["-f", "-c", "/srv/cupsd.conf", "-s", "/srv/cups-files.conf"]);
    Ok(command)
}

fn zabbix(inside: &Inside) -> Result<Command> {
    let (ip, port) = (inside.v4(), inside.port(0));
    inside.write(
        "/srv/zabbix.conf",
        &format!(
            "LogType=console\nListenIP={ip}\nListenPort={port}\nServer=198.18.0.0/15\n\
             StartAgents=1\nPidFile=/tmp/zabbix.pid\nHostname=lab\n"
        ),
    )?;
    let mut command = inside.command_as("zabbix", "/usr/sbin/zabbix_agentd");
    command.args(["-f", "-c", "/srv/zabbix.conf"]);
    Ok(command)
}

fn rpcbind(inside: &Inside) -> Result<Command> {
    inside.folder("/run/rpcbind", "_rpc")?;
    inside.write(
        "/etc/netconfig",
        "udp tpi_clts v inet udp - -\ntcp tpi_cots_ord v inet tcp - -\n\
                                    local tpi_cots_ord - loopback - - -\n",
    )?;
    let mut command = Command::new("/usr/sbin/rpcbind");
    command.args(["-f", "-h"]).arg(inside.v4().to_string());
    Ok(command)
}

fn coturn(inside: &Inside) -> Result<Command> {
    let ([v4, v6], port) = (inside.addresses(), inside.port(0).to_string());
    let mut command = Command::new("/usr/bin/turnserver");
    command.args(["-n", "--no-tls", "--no-dtls", "--no-cli", "--stun-only", "--log-file=stdout"]);
    command.args(["--relay-threads", "1", "--pidfile", "/run/turn.pid", "-p", &port]);
    command.arg("-L").arg(v4.to_string()).arg("-L").arg(v6.to_string());
    Ok(command)
}
