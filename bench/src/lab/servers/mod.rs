//! Real servers for the lab: what there is, what each tells of itself, how it is started.
//!
//! They come from Debian packages that [`super::packages`] unpacks privately, run only
//! inside the lab's far namespace, each on addresses of its own and in a file system of
//! its own ([`enclosure`]), write only to a memory file system, and die with the keeper
//! that starts them. A family a file ([`web`], [`mail`], …); [`readiness`] asks whether
//! they are up.

pub mod badssl;
mod brokers;
mod chat;
mod databases;
mod enclosure;
mod endpoint;
mod files;
mod infrastructure;
mod mail;
mod name_servers;
mod proxies;
mod readiness;
mod remote_access;
mod tls_ports;
mod web;

use std::fmt::Write as _;
use std::fs::{self, File, create_dir_all};
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::args::{ServerPorts, Usage};
use super::{kernel, packages};
use enclosure::Inside;
pub use endpoint::{Endpoint, Transport};

/// A server that `--servers` knows.
#[derive(Debug)]
pub struct Server {
    /// As in `--servers`; with `.lab` behind it the host name.
    pub name: &'static str,
    /// Packages that hold its programs. Libraries come by themselves.
    packages: &'static [&'static str],
    /// Users, each with a group of the same name, that its file system shall know.
    users: &'static [&'static str],
    /// Last part of its addresses: 198.19.255.N and 2001:2:0:ffff::N, in the same digits.
    host: u8,
    /// Where it answers.
    pub endpoints: &'static [Endpoint],
    /// Writes its configuration and says how to run it; called inside of its enclosure.
    command: fn(&Inside) -> Result<Command>,
}

/// All of them, a family after the other.
pub fn all() -> impl Iterator<Item = &'static Server> {
    [
        web::SERVERS,
        badssl::SERVERS,
        tls_ports::SERVERS,
        proxies::SERVERS,
        mail::SERVERS,
        databases::SERVERS,
        brokers::SERVERS,
        name_servers::SERVERS,
        files::SERVERS,
        remote_access::SERVERS,
        chat::SERVERS,
        infrastructure::SERVERS,
    ]
    .into_iter()
    .flatten()
}

impl Server {
    /// Its two addresses. The digits look alike: .10 and ::10.
    pub fn addresses(&self) -> [IpAddr; 2] {
        let digit = |unit: u8| u16::from(self.host / unit % 10);
        let low = digit(100) << 8 | digit(10) << 4 | digit(1);
        [
            IpAddr::from([198, 19, 255, self.host]),
            IpAddr::from([0x2001, 2, 0, 0xffff, 0, 0, 0, low]),
        ]
    }

    /// Its host name.
    pub fn host_name(&self) -> String {
        format!("{}.lab", self.name)
    }

    /// All its names, the host name first.
    pub fn names(&self) -> Vec<String> {
        let more = if self.name == "badssl" { &badssl::NAMES[..] } else { &[] };
        let more = more.iter().map(|(name, _)| (*name).to_owned());
        std::iter::once(self.host_name()).chain(more).collect()
    }

    /// Lines for /etc/hosts.
    pub fn hosts_lines(&self) -> String {
        self.addresses().iter().fold(String::new(), |mut text, ip| {
            let _ = writeln!(text, "{ip} {}", self.names().join(" "));
            text
        })
    }

    /// Unpacks its packages, unless that was done before.
    pub fn unpack(&'static self, ports: ServerPorts) -> Result<Unpacked> {
        let root = packages::unpack_merged(&self.folder(), self.packages)
            .with_context(|| format!("server {}", self.name))?;
        Ok(Unpacked { server: self, ports, root })
    }

    /// Where its packages lie in the cache.
    fn folder(&self) -> String {
        format!("servers/{}", self.name)
    }

    /// The version of one of its packages.
    fn package_version(&self, package: &str) -> Result<String> {
        packages::version_in(&self.folder(), package)
    }
}

/// The servers that a list names.
pub fn select(list: &str) -> Result<Vec<&'static Server>> {
    if list == "all" {
        return Ok(all().collect());
    }
    let mut chosen: Vec<&Server> = Vec::new();
    for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let server = all().find(|server| server.name == name).ok_or_else(|| {
            let known: Vec<_> = all().map(|server| server.name).collect();
            Usage(format!("--servers: no {name:?}; there are {} and all", known.join(", ")))
        })?;
        if !chosen.iter().any(|other| other.name == name) {
            chosen.push(server);
        }
    }
    Ok(chosen)
}

/// Prints what there is.
pub fn list(chosen: &[&Server], ports: ServerPorts, json: bool, mut out: impl Write) -> Result<()> {
    for server in chosen {
        for endpoint in server.endpoints {
            let package_version = server.package_version(server.packages[0])?;
            let version = endpoint.version(|package| server.package_version(package))?;
            let port = endpoint.port_in(ports);
            for ip in server.addresses().into_iter().filter(|ip| endpoint.answers_on(*ip)) {
                let (name, host, service) = (server.name, server.host_name(), endpoint.service);
                let (proto, product) = (endpoint.transport, endpoint.product);
                if json {
                    let row = serde_json::json!({
                        "ip": ip, "port": port, "proto": proto, "tls": endpoint.tls,
                        "service": service, "product": product, "version": version,
                        "package_version": package_version, "server": name, "names": server.names(),
                    });
                    writeln!(out, "{row}")?;
                } else {
                    let what = [product, version.as_deref()].map(Option::unwrap_or_default);
                    writeln!(
                        out,
                        "{name:14} {ip:20} {port:5}/{proto}  {service:14} {}  {host}",
                        what.join(" ").trim()
                    )?;
                }
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
    /// On which ports it shall answer.
    ports: ServerPorts,
    /// Where its packages are unpacked.
    root: PathBuf,
}

impl Unpacked {
    /// Starts it, in the foreground and in a process group of its own, so that
    /// a terminal's Ctrl-C leaves it alone. Returns its process id at once: what it
    /// has to prepare is done beside the others.
    pub fn start(&self, run: &Path) -> Result<i32> {
        let dir = run.join(self.server.name);
        create_dir_all(&dir)?;
        let log = File::create(dir.join("log"))?;
        if let Some(pid) = kernel::fork().context("cannot fork")? {
            return Ok(pid);
        }
        let become_it = std::panic::AssertUnwindSafe(|| self.become_it(run, &dir, &log));
        match std::panic::catch_unwind(become_it) {
            Ok(Err(error)) => drop(writeln!(&log, "{error:#}")),
            Ok(Ok(never)) => match never {},
            Err(_) => drop(writeln!(&log, "the preparation has panicked")),
        }
        std::process::exit(1)
    }

    /// Turns this process into the server.
    fn become_it(&self, run: &Path, dir: &Path, log: &File) -> Result<std::convert::Infallible> {
        let kill = rustix::process::Signal::KILL;
        rustix::process::set_parent_process_death_signal(Some(kill))?;
        rustix::process::setpgid(None, None)?;
        let hosts = fs::read_to_string(run.join("hosts"))?;
        let inside = Inside::enter(self.server, self.ports, &self.root, dir, &hosts)?;
        let mut command = (self.server.command)(&inside)?;
        command
            .stdin(std::process::Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log.try_clone()?);
        let program = command.get_program().to_string_lossy().into_owned();
        let error = kernel::dies_with_us(&mut command).exec();
        Err(error).with_context(|| format!("cannot run {program}"))
    }

    /// The endpoints and where each is, for what must answer before it counts as up.
    pub fn sockets(&self) -> impl Iterator<Item = (&'static Endpoint, SocketAddr)> {
        let ports = self.ports;
        let addresses = self.server.addresses();
        self.server.endpoints.iter().flat_map(move |endpoint| {
            let port = endpoint.port_in(ports);
            let here = addresses.into_iter().filter(|ip| endpoint.answers_on(*ip));
            here.map(move |ip| (endpoint, SocketAddr::new(ip, port)))
        })
    }

    /// The first of its sockets that does not answer.
    pub fn silent(&self) -> Option<SocketAddr> {
        self.sockets().find(|(endpoint, at)| !readiness::answers(endpoint, *at)).map(|(_, at)| at)
    }

    /// Where it leaves the roots of its certificates, if it has any to be trusted.
    pub fn trusted(&self, run: &Path) -> PathBuf {
        run.join(self.server.name).join("root/srv/trusted.pem")
    }

    /// What it said so far, its last lines.
    pub fn log(&self, run: &Path) -> String {
        let text = fs::read(run.join(self.server.name).join("log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(5)..].join(" | ")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn addresses_lie_in_the_labs_own_networks_and_differ() {
        let own = super::super::targets::Addresses::of_the_lab_itself();
        let (mut seen, mut names) = (HashSet::new(), HashSet::new());
        for server in all() {
            assert!(names.insert(server.name), "{}", server.name);
            for ip in server.addresses() {
                assert!(own.rank(ip).is_some() && seen.insert(ip), "{} {ip}", server.name);
            }
        }
        let nginx = select("nginx").unwrap();
        assert_eq!(nginx[0].addresses()[1].to_string(), "2001:2:0:ffff::10");
    }

    #[test]
    fn endpoints_of_a_server_differ_on_usual_and_on_odd_ports() {
        for server in all() {
            for ports in [ServerPorts::Usual, ServerPorts::Odd] {
                let mut seen = HashSet::new();
                for endpoint in server.endpoints {
                    let (transport, port) = (endpoint.transport, endpoint.port_in(ports));
                    assert!(seen.insert((transport, port)), "{} {port}", server.name);
                }
            }
        }
    }

    #[test]
    fn a_list_names_servers_once_and_an_unknown_name_is_refused() {
        assert_eq!(select("all").unwrap().len(), all().count());
        assert_eq!(select("redis, nginx,redis").unwrap().len(), 2);
        assert!(select("nginx,iis").unwrap_err().is::<Usage>());
    }
}
