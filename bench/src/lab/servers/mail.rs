//! Mail servers.

use std::process::Command;

use anyhow::Result;

use super::enclosure::Inside;
use super::{Endpoint, Server};

pub(super) static SERVERS: &[Server] = &[
    Server {
        name: "exim",
        packages: &["exim4-daemon-light", "exim4-base", "openssl"],
        users: &["Debian-exim"],
        host: 81,
        endpoints: &[
            Endpoint::tcp(25, "smtp").product("Exim smtpd").version_of("exim4-daemon-light"),
            Endpoint::tcp(587, "smtp").product("Exim smtpd").version_of("exim4-daemon-light"),
        ],
        command: exim,
    },
    Server {
        name: "dovecot",
        packages: &["dovecot-core", "dovecot-imapd", "dovecot-pop3d", "openssl"],
        users: &["dovecot", "dovenull"],
        host: 83,
        endpoints: &[
            Endpoint::tcp(143, "imap").product("Dovecot imapd"),
            Endpoint::tcp(993, "imap").tls().product("Dovecot imapd"),
            Endpoint::tcp(110, "pop3").product("Dovecot pop3d"),
            Endpoint::tcp(995, "pop3").tls().product("Dovecot pop3d"),
        ],
        command: dovecot,
    },
    Server {
        name: "opensmtpd",
        packages: &["opensmtpd", "openssl"],
        users: &["opensmtpd", "opensmtpq"],
        host: 88,
        endpoints: &[Endpoint::tcp(25, "smtp").product("OpenSMTPD")],
        command: opensmtpd,
    },
    Server {
        name: "postfix",
        packages: &["postfix", "openssl"],
        users: &["postfix", "postdrop"],
        host: 89,
        endpoints: &[
            Endpoint::tcp(25, "smtp").product("Postfix smtpd"),
            Endpoint::tcp(465, "smtp").tls().product("Postfix smtpd"),
            Endpoint::tcp(587, "smtp").product("Postfix smtpd").version_of("postfix"),
        ],
        command: postfix,
    },
];

fn exim(inside: &Inside) -> Result<Command> {
    let [certificate, key] = inside.certificate("Debian-exim")?;
    let [v4, v6] = inside.addresses();
    let name = inside.name();
    let (smtp, submission) = (inside.port(0), inside.port(1));
    inside.folder("/var/spool/exim4", "Debian-exim")?;
    inside.folder("/var/log/exim4", "Debian-exim")?;
    inside.write(
        "/srv/exim.conf",
        &format!(
            "primary_hostname = {name}\nlocal_interfaces = <; {v4} ; {v6}\n\
             daemon_smtp_ports = {smtp} : {submission}\nlog_file_path = /var/log/exim4/%s\n\
             pid_file_path = /run/exim.pid\nexim_user = Debian-exim\nexim_group = Debian-exim\n\
             tls_advertise_hosts = *\ntls_certificate = {certificate}\ntls_privatekey = {key}\n\
             keep_environment =\nrfc1413_query_timeout = 0s\nacl_smtp_rcpt = refuse\n\
             begin acl\nrefuse:\n deny\n"
        ),
    )?;
    let mut command = Command::new("/usr/sbin/exim4");
    command.args(["-C", "/srv/exim.conf", "-bdf", "-q30m"]);
    Ok(command)
}

fn dovecot(inside: &Inside) -> Result<Command> {
    let [certificate, key] = inside.certificate("root")?;
    let [v4, v6] = inside.addresses();
    let [imap, imaps, pop3, pop3s] = [0, 1, 2, 3].map(|index| inside.port(index));
    let listener = |name: &str, plain: u16, secure: u16| {
        format!(
            "service {name}-login {{\n inet_listener {name} {{\n port = {plain}\n }}\n\
             inet_listener {name}s {{\n port = {secure}\n ssl = yes\n }}\n}}\n"
        )
    };
    let listeners = listener("imap", imap, imaps) + &listener("pop3", pop3, pop3s);
    inside.write("/srv/users", "")?;
    inside.write(
        "/srv/dovecot.conf",
        &format!(
            "base_dir = /run/dovecot\nstate_dir = /srv/state\nlog_path = /dev/stderr\n\
             protocols = imap pop3\nlisten = {v4}, {v6}\nssl = yes\nssl_cert = <{certificate}\n\
             ssl_key = <{key}\ndisable_plaintext_auth = no\nmail_location = maildir:/srv/mail/%u\n\
             passdb {{\n driver = passwd-file\n args = /srv/users\n}}\n\
             userdb {{\n driver = passwd-file\n args = /srv/users\n}}\n{listeners}"
        ),
    )?;
    let mut command = Command::new("/usr/sbin/dovecot");
    command.args(["-F", "-c", "/srv/dovecot.conf"]);
    Ok(command)
}

fn opensmtpd(inside: &Inside) -> Result<Command> {
    let [certificate, key] = inside.certificate("root")?;
    let [v4, v6] = inside.addresses();
    let (name, port) = (inside.name(), inside.port(0));
    inside.write("/var/lib/opensmtpd/empty/.keep", "")?;
    inside.write("/var/spool/smtpd/.keep", "")?;
    inside.write("/etc/mailname", &name)?;
    std::fs::set_permissions(
        "/var/spool/smtpd",
        std::os::unix::fs::PermissionsExt::from_mode(0o711),
    )?;
    inside.write(
        "/srv/smtpd.conf",
        &format!(
            "pki lab cert \"{certificate}\"\npki lab key \"{key}\"\n\
             listen on {v4} port {port} tls pki lab hostname {name}\n\
             listen on {v6} port {port} tls pki lab hostname {name}\n\
             action \"lab\" maildir\nmatch for local action \"lab\"\n"
        ),
    )?;
    let mut command = Command::new("/usr/sbin/smtpd");
    command.args(["-d", "-f", "/srv/smtpd.conf"]);
    Ok(command)
}

/// What the package's installation would have made: a queue with its owners, and the two
/// files of configuration. The master is started directly; the script that usually does it
/// sets up all of that again, as a daemon.
fn postfix(inside: &Inside) -> Result<Command> {
    let [certificate, key] = inside.certificate("root")?;
    let [v4, v6] = inside.addresses();
    let name = inside.name();
    let (smtp, smtps, submission) = (inside.port(0), inside.port(1), inside.port(2));
    for folder in ["active", "bounce", "corrupt", "defer", "deferred", "flush", "hold"]
        .into_iter()
        .chain(["incoming", "private", "saved", "trace", "maildrop", "public"])
    {
        inside.folder(&format!("/var/spool/postfix/{folder}"), "postfix")?;
    }
    inside.write("/var/spool/postfix/pid/.keep", "")?;
    inside.folder("/var/lib/postfix", "postfix")?;
    inside.write(
        "/srv/postfix/main.cf",
        &format!(
            "compatibility_level = 3.6\nmyhostname = {name}\nmydestination =\n\
             inet_interfaces = {v4}, [{v6}]\ninet_protocols = all\n\
             smtpd_banner = $myhostname ESMTP $mail_name (Debian/GNU)\n\
             smtpd_tls_cert_file = {certificate}\nsmtpd_tls_key_file = {key}\n\
             smtpd_tls_security_level = may\nalias_maps =\nlocal_recipient_maps =\n\
             maillog_file = /dev/stdout\n"
        ),
    )?;
    let version = "{ smtpd_banner = $myhostname ESMTP $mail_name ($mail_version) }";
    inside.write(
        "/srv/postfix/master.cf",
        &format!(
            "{smtp} inet n - n - - smtpd\n\
             {smtps} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes\n\
             {submission} inet n - n - - smtpd -o {version}\n\
             cleanup unix n - n - 0 cleanup\nqmgr unix n - n 300 1 qmgr\n\
             tlsmgr unix - - n 1000? 1 tlsmgr\nrewrite unix - - n - - trivial-rewrite\n\
             proxymap unix - - n - - proxymap\nanvil unix - - n - 1 anvil\n\
             postlog unix-dgram n - n - 1 postlogd\n"
        ),
    )?;
    let mut command = Command::new("/usr/lib/postfix/sbin/master");
    command.args(["-d", "-c", "/srv/postfix"]);
    Ok(command)
}
