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
