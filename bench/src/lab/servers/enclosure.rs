//! A file system for one server: its packages over the host's programs and libraries.
//!
//! Debian's servers have the paths of their files built in and conflict with one another,
//! so each gets a root of its own, in a mount namespace of its own:
//!
//! ```text
//! /usr           its packages' above the host's (overlay): interpreter, libc, shell
//! /etc /var      its packages' alone, what it writes in memory
//! /etc/passwd …  root, nobody and the users that the server needs
//! /run /tmp /srv in memory
//! /dev /proc     a few devices; the host's processes
//! ```
//!
//! Nothing of the host's configuration is seen and nothing is written to a disk. Host
//! name, System V memory and semaphores are its own, too.

use std::fmt::Write as _;
use std::fs::{self, File, Permissions, create_dir_all};
use std::net::IpAddr;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use rustix::mount::{MountFlags, mount, mount_bind, mount_bind_recursive, mount_remount};
use rustix::thread::UnshareFlags;

use super::super::args::ServerPorts;
use super::super::kernel;
use super::Server;

/// The first of the users that a server asks for.
const FIRST_USER: u32 = 60_001;
/// Groups that Debian always has and servers ask for.
const GROUPS: &str = "root:x:0:\ndaemon:x:1:\nsys:x:3:\nadm:x:4:\ntty:x:5:\nlp:x:7:\nmail:x:8:\n\
                      news:x:9:\nproxy:x:13:\nshadow:x:42:\nutmp:x:43:\nnogroup:x:65534:\n";
const USERS: &str = "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1::/usr/sbin:/usr/sbin/nologin\n\
                     nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n";

/// What a server's preparation works with. All paths are those that the server sees.
pub(super) struct Inside {
    server: &'static Server,
    ports: ServerPorts,
}

impl Inside {
    /// Leads this process, which must have one thread, into the file system of `server`,
    /// made of the packages in `packages`, with what is written below `dir`.
    pub(super) fn enter(
        server: &'static Server,
        ports: ServerPorts,
        packages: &Path,
        dir: &Path,
        hosts: &str,
    ) -> Result<Self> {
        kernel::unshare(UnshareFlags::NEWNS | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS)?;
        rustix::system::sethostname(server.host_name().as_bytes())?;
        let layers = Layers { packages, dir, root: dir.join("root") };
        layers.build()?;
        rustix::process::chroot(&layers.root).context("cannot enter its root")?;
        std::env::set_current_dir("/srv")?;
        let inside = Self { server, ports };
        inside.write("/etc/hosts", &format!("127.0.0.1 localhost\n::1 localhost\n{hosts}"))?;
        inside.write("/etc/hostname", &server.host_name())?;
        inside.write("/etc/resolv.conf", "nameserver 127.0.0.1\n")?;
        inside.write("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n")?;
        inside.write_users()?;
        Ok(inside)
    }

    fn write_users(&self) -> Result<()> {
        let (mut users, mut groups) = (USERS.to_owned(), GROUPS.to_owned());
        for (id, name) in (FIRST_USER..).zip(self.server.users) {
            writeln!(users, "{name}:x:{id}:{id}::/srv:/usr/sbin/nologin")?;
            if !groups.lines().any(|line| line.split(':').next() == Some(name)) {
                writeln!(groups, "{name}:x:{id}:")?;
            }
        }
        let shadow = users.lines().fold(String::new(), |text, line| {
            text + line.split(':').next().unwrap_or_default() + ":*:19000::::::\n"
        });
        self.write("/etc/passwd", &users)?;
        self.write("/etc/group", &groups)?;
        self.write("/etc/shadow", &shadow)
    }

    /// Its addresses.
    pub(super) fn addresses(&self) -> [IpAddr; 2] {
        self.server.addresses()
    }

    /// Its IPv4 address.
    pub(super) fn v4(&self) -> IpAddr {
        self.addresses()[0]
    }

    /// Its IPv6 address.
    pub(super) fn v6(&self) -> IpAddr {
        self.addresses()[1]
    }

    /// Its host name.
    pub(super) fn name(&self) -> String {
        self.server.host_name()
    }

    /// The port of the endpoint that stands at `index`.
    pub(super) fn port(&self, index: usize) -> u16 {
        self.server.endpoints[index].port_in(self.ports)
    }

    /// `ADDRESS:PORT` and `[ADDRESS]:PORT` of an endpoint.
    pub(super) fn sockets(&self, index: usize) -> [String; 2] {
        let port = self.port(index);
        [format!("{}:{port}", self.v4()), format!("[{}]:{port}", self.v6())]
    }

    /// The number of one of its users, who has a group of the same number.
    pub(super) fn user(&self, name: &str) -> u32 {
        let place = self.server.users.iter().position(|user| *user == name);
        // Of a name that is not in the list, the entry of the server is wrong.
        FIRST_USER + place.unwrap_or_else(|| panic!("{}: no user {name}", self.server.name)) as u32
    }

    /// Writes a file, with the folders above it.
    pub(super) fn write(&self, path: &str, text: &str) -> Result<()> {
        if let Some(folder) = Path::new(path).parent() {
            create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        fs::write(path, text).with_context(|| path.to_owned())
    }

    /// Makes a folder that belongs to `user`.
    pub(super) fn folder(&self, path: &str, user: &str) -> Result<()> {
        create_dir_all(path).with_context(|| path.to_owned())?;
        let id = self.user(user);
        chown(path, Some(id), Some(id)).with_context(|| path.to_owned())
    }

    /// A program as one of its users.
    pub(super) fn command_as(&self, user: &str, program: &str) -> Command {
        use std::os::unix::process::CommandExt;
        let id = self.user(user);
        let mut command = Command::new(program);
        command.uid(id).gid(id);
        command
    }

    /// Runs a program of its preparation to the end.
    pub(super) fn run(&self, command: &mut Command) -> Result<()> {
        let program = command.get_program().to_string_lossy().into_owned();
        let done = kernel::dies_with_us(command)
            .output()
            .with_context(|| format!("cannot run {program}"))?;
        let said = [&done.stdout[..], &done.stderr[..]].concat();
        let said = String::from_utf8_lossy(&said);
        ensure!(done.status.success(), "{program}: {}: {}", done.status, said.trim());
        Ok(())
    }

    /// A fresh key and a certificate for its name and addresses, signed by itself: the paths.
    /// Wants the package openssl.
    pub(super) fn certificate(&self, user: &str) -> Result<[&'static str; 2]> {
        let [certificate, key] = ["/srv/certificate.pem", "/srv/key.pem"];
        let [v4, v6] = self.addresses();
        let name = self.name();
        self.write("/srv/openssl.cnf", "[req]\ndistinguished_name = name\n[name]\n")?;
        self.run(
            Command::new("/usr/bin/openssl")
                .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
                .args(["-nodes", "-days", "30", "-config", "/srv/openssl.cnf", "-subj"])
                .arg(format!("/O=prtip lab/CN={name}"))
                .arg("-addext")
                .arg(format!("subjectAltName=DNS:{name},IP:{v4},IP:{v6}"))
                .args(["-keyout", key, "-out", certificate]),
        )?;
        fs::set_permissions(key, Permissions::from_mode(0o600))?;
        if user != "root" {
            let id = self.user(user);
            chown(key, Some(id), Some(id))?;
        }
        Ok([certificate, key])
    }
}

/// Where the parts of a root come from.
struct Layers<'a> {
    packages: &'a Path,
    dir: &'a Path,
    root: PathBuf,
}

impl Layers<'_> {
    fn build(&self) -> Result<()> {
        for name in
            ["usr", "etc", "var", "run", "tmp", "srv", "dev", "proc", "sys", "root", "home", "opt"]
        {
            create_dir_all(self.at(name))?;
        }
        for name in ["bin", "sbin", "lib", "lib32", "lib64", "libx32"] {
            let host = Path::new("/").join(name);
            if let Ok(target) = fs::read_link(&host) {
                symlink(target, self.at(name))?;
            } else if host.exists() {
                bail!(
                    "/{name} is no link into /usr; real servers need a system that has merged them"
                );
            }
        }
        self.overlay("usr", Some(Path::new("/usr")))?;
        self.overlay("etc", None)?;
        self.overlay("var", None)?;
        self.configuration()?;
        self.devices()?;
        let _ = fs::remove_file(self.at("var/run"));
        symlink("/run", self.at("var/run")).context("/var/run")?;
        for name in ["log", "lib", "cache", "spool", "tmp"] {
            create_dir_all(self.at("var").join(name))?;
        }
        for name in ["tmp", "var/tmp"] {
            fs::set_permissions(self.at(name), Permissions::from_mode(0o1777))?;
        }
        Ok(())
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// The packages' `name`, above the host's where there is one, below what is written.
    fn overlay(&self, name: &str, host: Option<&Path>) -> Result<()> {
        let packages = self.packages.join(name);
        let [upper, work] = ["upper", "work"].map(|kind| self.dir.join(kind).join(name));
        create_dir_all(&upper)?;
        create_dir_all(&work)?;
        let mut lower: Vec<String> = Vec::new();
        for layer in packages.is_dir().then_some(packages.as_path()).into_iter().chain(host) {
            lower.push(escaped(layer)?);
        }
        if lower.is_empty() {
            return Ok(()); // The folder itself is in memory.
        }
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            lower.join(":"),
            escaped(&upper)?,
            escaped(&work)?
        );
        let options = std::ffi::CString::new(options)?;
        mount("overlay", self.at(name), "overlay", MountFlags::empty(), Some(options.as_c_str()))
            .with_context(|| format!("cannot mount an overlay for /{name} ({options:?})"))
    }

    /// What of the host's /etc programs need in order to run at all.
    fn configuration(&self) -> Result<()> {
        for name in ["ld.so.cache", "ld.so.conf", "services", "protocols", "localtime"] {
            let to = self.at("etc").join(name);
            if !to.exists() {
                let _ = fs::copy(Path::new("/etc").join(name), to);
            }
        }
        // Links from /usr/bin/awk and others lead through here.
        let to = self.at("etc/alternatives");
        create_dir_all(&to)?;
        for entry in fs::read_dir("/etc/alternatives").into_iter().flatten().flatten() {
            if let Ok(target) = fs::read_link(entry.path()) {
                let _ = symlink(target, to.join(entry.file_name()));
            }
        }
        Ok(())
    }

    fn devices(&self) -> Result<()> {
        for name in ["null", "zero", "full", "random", "urandom", "tty"] {
            File::create(self.at("dev").join(name))?;
            mount_bind(Path::new("/dev").join(name), self.at("dev").join(name))
                .with_context(|| format!("/dev/{name}"))?;
        }
        for name in ["pts", "shm"] {
            create_dir_all(self.at("dev").join(name))?;
        }
        fs::set_permissions(self.at("dev/shm"), Permissions::from_mode(0o1777))?;
        let options = c"newinstance,ptmxmode=0666,mode=0620,gid=5";
        mount("devpts", self.at("dev/pts"), "devpts", MountFlags::empty(), Some(options))
            .context("/dev/pts")?;
        let links = [
            ("ptmx", "pts/ptmx"),
            ("fd", "/proc/self/fd"),
            ("stdin", "/proc/self/fd/0"),
            ("stdout", "/proc/self/fd/1"),
            ("stderr", "/proc/self/fd/2"),
        ];
        for (name, target) in links {
            symlink(target, self.at("dev").join(name))?;
        }
        mount_bind_recursive("/proc", self.at("proc")).context("/proc")?;
        mount_bind("/sys", self.at("sys")).context("/sys")?;
        mount_remount(self.at("sys"), MountFlags::BIND | MountFlags::RDONLY, c"").context("/sys")
    }
}

/// A path as overlayfs takes it: colons and commas have a meaning there.
fn escaped(path: &Path) -> Result<String> {
    let text = path.to_str().with_context(|| format!("{} is no text", path.display()))?;
    Ok(text.replace('\\', "\\\\").replace(':', "\\:").replace(',', "\\,"))
}
