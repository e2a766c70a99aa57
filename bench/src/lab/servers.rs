//! Real servers for the lab: what there is, how each is configured and started.
//!
//! They come from Debian packages that [`super::packages`] unpacks privately,
//! run only inside the lab's far namespace, each on addresses of its own, write
//! only to a memory file system, and die with the keeper that starts them.

use std::fmt::Write as _;
use std::fs::{self, File, create_dir_all};
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::mount::{MountFlags, mount, mount_bind};

use super::args::Usage;
use super::{kernel, packages};

/// A server that `--servers` knows.
#[derive(Debug)]
pub struct Server {
    /// As in `--servers`; with `.lab` behind it the host name.
    pub name: &'static str,
    /// What a service scan would call it.
    pub service: &'static str,
    /// Its product name.
    pub product: &'static str,
    /// Packages that hold its programs; the first gives the version.
    packages: &'static [&'static str],
    /// Last part of its addresses: 198.19.255.N and 2001:2:0:ffff::N in hexadecimal digits.
    host: u8,
    /// Its port.
    pub port: u16,
    /// Writes its configuration and says how to run it.
    command: fn(&Unpacked, &Path) -> Result<Command>,
}

/// All of them.
pub static SERVERS: [Server; 3] = [
    Server {
        name: "nginx",
        service: "http",
        product: "nginx",
        packages: &["nginx"],
        host: 10,
        port: 80,
        command: nginx,
    },
    Server {
        name: "sshd",
        service: "ssh",
        product: "OpenSSH",
        packages: &["openssh-server", "openssh-client"],
        host: 11,
        port: 22,
        command: sshd,
    },
    Server {
        name: "redis",
        service: "redis",
        product: "Redis key-value store",
        packages: &["redis-server", "redis-tools"],
        host: 12,
        port: 6379,
        command: redis,
    },
];

impl Server {
    /// Its two addresses. The digits look alike: .10 and ::10.
    pub fn addresses(&self) -> [IpAddr; 2] {
        let low = u16::from(self.host / 10) << 4 | u16::from(self.host % 10);
        [
            IpAddr::from([198, 19, 255, self.host]),
            IpAddr::from([0x2001, 2, 0, 0xffff, 0, 0, 0, low]),
        ]
    }

    /// Its host name.
    pub fn host_name(&self) -> String {
        format!("{}.lab", self.name)
    }

    /// Lines for /etc/hosts.
    pub fn hosts_lines(&self) -> String {
        self.addresses().iter().fold(String::new(), |mut text, ip| {
            let _ = writeln!(text, "{ip} {}", self.host_name());
            text
        })
    }

    /// Whether it takes connections on both addresses.
    pub fn accepts(&self) -> bool {
        self.addresses().into_iter().all(|ip| {
            let at = SocketAddr::new(ip, self.port);
            TcpStream::connect_timeout(&at, Duration::from_millis(200)).is_ok()
        })
    }

    /// Unpacks its packages, unless that was done before.
    pub fn unpack(&'static self) -> Result<Unpacked> {
        let root =
            packages::unpack(self.packages).with_context(|| format!("server {}", self.name))?;
        Ok(Unpacked { server: self, root })
    }

    /// The version of its package, full and as its makers count it.
    pub fn versions(&self) -> Result<(String, String)> {
        let full = packages::version(self.packages[0])?;
        let upstream = packages::upstream(&full);
        Ok((full.clone(), upstream.to_owned()))
    }
}

/// The servers that a list names.
pub fn select(list: &str) -> Result<Vec<&'static Server>> {
    if list == "all" {
        return Ok(SERVERS.iter().collect());
    }
    let mut chosen: Vec<&Server> = Vec::new();
    for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let server = SERVERS.iter().find(|server| server.name == name).ok_or_else(|| {
            let known: Vec<_> = SERVERS.iter().map(|server| server.name).collect();
            Usage(format!("--servers: no {name:?}; there are {} and all", known.join(", ")))
        })?;
        if !chosen.iter().any(|other| other.name == name) {
            chosen.push(server);
        }
    }
    Ok(chosen)
}

/// Prints what there is.
pub fn list(json: bool, mut out: impl Write) -> Result<()> {
    for server in &SERVERS {
        let (package_version, version) = server.versions()?;
        for ip in server.addresses() {
            let name = server.host_name();
            if json {
                let row = serde_json::json!({
                    "ip": ip, "port": server.port, "proto": "tcp", "service": server.service,
                    "product": server.product, "version": version,
                    "package_version": package_version, "server": server.name, "names": [name],
                });
                writeln!(out, "{row}")?;
            } else {
                let (product, port) = (server.product, server.port);
                writeln!(
                    out,
                    "{:8} {ip:20} {port:5}/tcp  {product} {version}  {name}",
                    server.name
                )?;
            }
        }
    }
    Ok(())
}

/// A server whose files are at hand.
#[derive(Debug)]
pub struct Unpacked {
    /// Which.
    pub server: &'static Server,
    /// Where its packages are unpacked.
    root: PathBuf,
}

impl Unpacked {
    /// Starts it, in the foreground and in a process group of its own, so that
    /// a terminal's Ctrl-C leaves it alone. Returns its process id.
    pub fn start(&self, run: &Path) -> Result<i32> {
        let dir = run.join(self.server.name);
        create_dir_all(&dir)?;
        let log = File::create(dir.join("log"))?;
        let mut command = (self.server.command)(self, &dir)?;
        command
            .env("LD_LIBRARY_PATH", packages::libraries(&self.root))
            .current_dir(&dir)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        let child = kernel::dies_with_us(&mut command).spawn()?;
        Ok(child.id() as i32)
    }

    /// What it said so far, its last lines.
    pub fn log(&self, run: &Path) -> String {
        let text = fs::read(run.join(self.server.name).join("log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(5)..].join(" | ")
    }

    fn file(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }
}

fn nginx(server: &Unpacked, dir: &Path) -> Result<Command> {
    let [v4, v6] = server.server.addresses();
    let (port, at) = (server.server.port, dir.display());
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {at}/{kind};"))
        .join(" ");
    let text = format!(
        "daemon off; master_process off; pid {at}/pid; error_log stderr;\n\
         events {{ worker_connections 512; }}\n\
         http {{ access_log off; {temporary}\n\
         server {{ listen {v4}:{port}; listen [{v6}]:{port}; server_name {};\n\
         location / {{ default_type text/plain; return 200 \"a server of the lab\\n\"; }} }} }}\n",
        server.server.host_name()
    );
    let file = dir.join("nginx.conf");
    fs::write(&file, text)?;
    let mut command = Command::new(server.file("usr/sbin/nginx"));
    command.args(["-e", "stderr", "-p"]).arg(dir).arg("-c").arg(file);
    Ok(command)
}

fn redis(server: &Unpacked, dir: &Path) -> Result<Command> {
    let mut command = Command::new(server.file("usr/bin/redis-server"));
    command.arg("--port").arg(server.server.port.to_string()).arg("--bind");
    command.args(server.server.addresses().map(|ip| ip.to_string()));
    command.args(["--protected-mode", "no", "--save", "", "--appendonly", "no", "--dir"]).arg(dir);
    Ok(command)
}

/// sshd asks for a user and a folder that a machine without it does not have:
/// both exist only in the servers' own view of the file system.
fn sshd(server: &Unpacked, dir: &Path) -> Result<Command> {
    let no_data: Option<&std::ffi::CStr> = None;
    mount("tmpfs", "/run", "tmpfs", MountFlags::empty(), no_data).context("tmpfs on /run")?;
    fs::create_dir("/run/sshd")?;
    let mut users = fs::read_to_string("/etc/passwd")?;
    if !users.lines().any(|line| line.starts_with("sshd:")) {
        users += "sshd:x:64999:65534::/run/sshd:/usr/sbin/nologin\n";
        let file = dir.join("passwd");
        fs::write(&file, users)?;
        mount_bind(&file, "/etc/passwd").context("/etc/passwd")?;
    }
    let mut text = format!("Port {}\n", server.server.port);
    for ip in server.server.addresses() {
        let _ = writeln!(text, "ListenAddress {ip}");
    }
    for kind in ["ed25519", "ecdsa"] {
        let key = dir.join(format!("key_{kind}"));
        let made = Command::new(server.file("usr/bin/ssh-keygen"))
            .env("LD_LIBRARY_PATH", packages::libraries(&server.root))
            .args(["-q", "-N", "", "-C", "lab", "-t", kind, "-f"])
            .arg(&key)
            .output()
            .context("ssh-keygen")?;
        let said = String::from_utf8_lossy(&made.stderr);
        ensure!(made.status.success(), "ssh-keygen: {}", said.trim());
        let _ = writeln!(text, "HostKey {}", key.display());
    }
    text += "PidFile none\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             AuthorizedKeysFile none\nLoginGraceTime 20\nUseDNS no\n";
    let file = dir.join("sshd_config");
    fs::write(&file, text)?;
    let program = server.file("usr/sbin/sshd");
    if !program.is_file() {
        return Err(io::Error::from(io::ErrorKind::NotFound)).context("usr/sbin/sshd");
    }
    let mut command = Command::new(program);
    command.args(["-D", "-e", "-f"]).arg(file);
    Ok(command)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn addresses_lie_in_the_labs_own_networks_and_differ() {
        let own = super::super::targets::Addresses::of_the_lab_itself();
        let mut seen = std::collections::HashSet::new();
        for server in &SERVERS {
            for ip in server.addresses() {
                assert!(own.rank(ip).is_some() && seen.insert(ip), "{ip}");
            }
        }
        assert_eq!(SERVERS[0].addresses()[1].to_string(), "2001:2:0:ffff::10");
    }

    #[test]
    fn a_list_names_servers_once_and_an_unknown_name_is_refused() {
        assert_eq!(select("all").unwrap().len(), SERVERS.len());
        assert_eq!(select("redis, nginx,redis").unwrap().len(), 2);
        assert!(select("nginx,apache").unwrap_err().is::<Usage>());
    }
}
