//! Debian packages, downloaded and unpacked privately, never installed.
//!
//! `apt-get download` and `dpkg-deb -x` into a folder of our own: the packages
//! asked for and the libraries that they need and this machine lacks. Where the
//! machine has no package lists, or old ones, fresh lists are fetched into that
//! folder as well; the machine's own apt state is never changed.

use std::collections::HashSet;
use std::env;
use std::ffi::OsString;
use std::fs::{self, File, create_dir_all};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail, ensure};
use rustix::fs::{FlockOperation, flock};

/// Where packages are kept: `PRTIP_LAB_CACHE`, else `prtip/lab` in the user's cache.
pub fn cache_dir() -> Result<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let dir = set("PRTIP_LAB_CACHE")
        .or_else(|| Some(set("XDG_CACHE_HOME")?.join("prtip/lab")))
        .or_else(|| Some(set("HOME")?.join(".cache/prtip/lab")))
        .context("set PRTIP_LAB_CACHE to a folder for the servers' packages")?;
    create_dir_all(dir.join("run")).with_context(|| dir.display().to_string())?;
    dir.canonicalize().with_context(|| dir.display().to_string())
}

/// nmap, with a library that it needs and whose package is not named after one.
pub const NMAP: &[&str] = &["nmap", "nmap-common", "lua-lpeg"];

/// How the folders of unpacked packages lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// As in the packages.
    Packaged,
    /// With /bin, /sbin and /lib as links into /usr, as Debian's systems have them, so
    /// that /usr can be laid over a system's own.
    Merged,
}

/// Makes sure that `packages` are unpacked together; returns where.
pub fn unpack(packages: &[&str]) -> Result<PathBuf> {
    unpack_as(packages[0], packages, Layout::Packaged)
}

/// The same into the folder `name` of the cache, with a merged /usr.
pub fn unpack_merged(name: &str, packages: &[&str]) -> Result<PathBuf> {
    unpack_as(name, packages, Layout::Merged)
}

fn unpack_as(name: &str, packages: &[&str], layout: Layout) -> Result<PathBuf> {
    let cache = cache_dir()?;
    let lock = File::create(cache.join("lock"))?;
    flock(&lock, FlockOperation::LockExclusive).context("cannot lock the package cache")?;
    let done = cache.join(name);
    let root = done.join("root");
    // Where the list of packages has changed since, they are unpacked again.
    let listed = fs::read_to_string(done.join("packages")).ok();
    if root.is_dir() && listed.is_none_or(|text| text == packages.join(" ")) {
        return Ok(root);
    }
    eprintln!("prtip-bench: lab: unpacking {} into {}", packages.join(", "), done.display());
    let apt = Apt::with_lists(&cache, packages[0])?;
    let fetch = |apt: &Apt| fetch_in(name, apt, &cache, packages, layout);
    match fetch(&apt) {
        // Lists that name versions which the mirror no longer has.
        Err(_) if !apt.private => fetch(&Apt::with_fresh_lists(&cache)?)?,
        other => other?,
    }
    Ok(root)
}

/// Where the programs below `root` find their libraries: `LD_LIBRARY_PATH`.
pub fn libraries(root: &Path) -> OsString {
    let multiarch = format!("{}-linux-gnu", env::consts::ARCH);
    let paths = [
        format!("usr/lib/{multiarch}"),
        format!("lib/{multiarch}"),
        // Where an installed system has a link to the chosen one of several.
        format!("usr/lib/{multiarch}/blas"),
        "usr/lib".into(),
    ];
    env::join_paths(paths.map(|path| root.join(path))).unwrap_or_default()
}

/// The version of a package: of the one unpacked, else of the one on offer.
pub fn version(package: &str) -> Result<String> {
    version_in(package, package)
}

/// The same of a package that is unpacked in the folder `name` of the cache.
pub fn version_in(name: &str, package: &str) -> Result<String> {
    let cache = cache_dir()?;
    let unpacked = fs::read_to_string(cache.join(name).join("versions")).unwrap_or_default();
    if let Some(version) = field(&unpacked, package) {
        return Ok(version);
    }
    let shown = Apt::with_lists(&cache, package)?.cache(&["show", "--no-all-versions", package])?;
    field(&shown, "Version").with_context(|| format!("no package {package}"))
}

/// A package's version as its program's makers count it.
pub fn upstream(version: &str) -> &str {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    let version = version.rsplit_once('-').map_or(version, |(first, _)| first);
    version.split_once('+').map_or(version, |(first, _)| first)
}

/// Downloads and unpacks into `cache/<name>`, which appears when complete.
pub(crate) fn fetch_as(name: &str, apt: &Apt, cache: &Path, packages: &[&str]) -> Result<()> {
    fetch_in(name, apt, cache, packages, Layout::Packaged)
}

fn fetch_in(name: &str, apt: &Apt, cache: &Path, packages: &[&str], layout: Layout) -> Result<()> {
    let fresh = cache.join(format!("{name}.new"));
    let _ = fs::remove_dir_all(&fresh);
    let root = fresh.join("root");
    create_dir_all(&root)?;
    if layout == Layout::Merged {
        for part in ["bin", "sbin", "lib", "lib64"] {
            create_dir_all(root.join("usr").join(part))?;
            symlink(format!("usr/{part}"), root.join(part))?;
        }
    }
    let mut versions = String::new();
    let wanted = apt.archives(&apt.closure(packages)?, &fresh)?;
    for path in apt.download(&cache.join("debs"), &wanted)? {
        unpack_archive(&path, &root)?;
        let named = ok(Command::new("dpkg-deb").arg("-f").arg(&path).args(["Package", "Version"]))?;
        let [package, version] = ["Package", "Version"].map(|name| field(&named, name));
        let (package, version) = package.zip(version).context("an archive without a name")?;
        versions += &format!("{package}: {version}\n");
    }
    fs::write(fresh.join("versions"), versions)?;
    fs::write(fresh.join("packages"), packages.join(" "))?;
    let done = cache.join(name);
    let _ = fs::remove_dir_all(&done);
    fs::rename(&fresh, &done)?;
    Ok(())
}

/// What `dpkg-deb -x` does, except that it leaves links to folders as they are.
fn unpack_archive(archive: &Path, root: &Path) -> Result<()> {
    let mut reader = Command::new("dpkg-deb")
        .arg("--fsys-tarfile")
        .arg(archive)
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run dpkg-deb; unpacking packages needs a Debian system")?;
    let stream = reader.stdout.take().context("dpkg-deb has no standard output")?;
    let mut tar = Command::new("tar");
    tar.args(["-x", "--keep-directory-symlink", "--warning=no-timestamp", "-C"]).arg(root);
    let unpacked = ok(tar.stdin(stream));
    let read = reader.wait()?;
    unpacked.with_context(|| archive.display().to_string())?;
    ensure!(read.success(), "dpkg-deb --fsys-tarfile {}: {read}", archive.display());
    Ok(())
}

/// How apt is called.
pub(crate) struct Apt {
    options: Vec<String>,
    private: bool,
}

impl Apt {
    /// With the machine's lists if they know `package`, else with fresh ones.
    fn with_lists(cache: &Path, package: &str) -> Result<Self> {
        let machine = Self { options: Vec::new(), private: false };
        let shown = machine.cache(&["show", package]);
        if shown.is_ok_and(|text| !text.is_empty()) {
            return Ok(machine);
        }
        let private = Self::private(cache)?;
        if private.cache(&["show", package]).is_ok_and(|text| !text.is_empty()) {
            return Ok(private);
        }
        Self::with_fresh_lists(cache)
    }

    fn with_fresh_lists(cache: &Path) -> Result<Self> {
        let apt = Self::private(cache)?;
        eprintln!("prtip-bench: lab: fetching package lists into {}", cache.display());
        ok(apt.command("apt-get").args(["update", "-qq"]))?;
        Ok(apt)
    }

    fn private(cache: &Path) -> Result<Self> {
        let dir = cache.join("apt");
        create_dir_all(dir.join("lists/partial"))?;
        create_dir_all(dir.join("cache/archives/partial"))?;
        let options = vec![
            format!("Dir::State::Lists={}/lists", dir.display()),
            format!("Dir::Cache={}/cache", dir.display()),
        ];
        Ok(Self { options, private: true })
    }

    /// With other suites of the archive that this machine's release comes from, in
    /// private lists: its own, its backports, and those of the current stable release,
    /// under the keys that this machine trusts. Of several versions of a package the
    /// one in the backports of this release is taken.
    pub(crate) fn with_suites(cache: &Path) -> Result<Self> {
        let mut apt = Self::private(cache)?;
        let release = fs::read_to_string("/etc/os-release").context("/etc/os-release")?;
        let codename = release
            .lines()
            .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
            .map(|name| name.trim_matches('"').to_owned())
            .context("/etc/os-release names no release of Debian")?;
        let mut targets = Self { options: Vec::new(), private: false }.targets(&codename)?;
        if targets.is_none() {
            targets = Self::with_fresh_lists(cache)?.targets(&codename)?;
        }
        let site = targets.with_context(|| format!("no package source offers {codename}"))?;
        let keyrings = ["gpg", "pgp"].map(|ending| {
            PathBuf::from(format!("/usr/share/keyrings/debian-archive-keyring.{ending}"))
        });
        let signed = keyrings
            .iter()
            .find(|keyring| keyring.is_file())
            .map_or(String::new(), |keyring| format!("[signed-by={}] ", keyring.display()));
        let backports = format!("{codename}-backports");
        let sources: String = [codename.as_str(), &backports, "stable-backports"]
            .iter()
            .map(|suite| format!("deb {signed}{site} {suite} main\n"))
            .collect();
        let dir = cache.join("apt-suites");
        create_dir_all(dir.join("lists/partial"))?;
        fs::write(dir.join("sources.list"), sources)?;
        apt.options.retain(|option| !option.starts_with("Dir::State::Lists"));
        apt.options.extend([
            format!("Dir::State::Lists={}/lists", dir.display()),
            format!("Dir::Etc::SourceList={}/sources.list", dir.display()),
            "Dir::Etc::SourceParts=-".to_owned(),
            format!("APT::Default-Release={backports}"),
            "Acquire::Languages=none".to_owned(),
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".to_owned(),
        ]);
        Ok(apt)
    }

    /// Fetches the lists. A suite that is missing or signed by an unknown key is said,
    /// and no error: the others may have what is wanted.
    pub(crate) fn update(&self) {
        let mut command = self.command("apt-get");
        // Before the first lists the backports are unknown, which apt refuses.
        command.args(["-o", "APT::Default-Release=", "update", "-qq"]);
        if let Err(error) = ok(&mut command) {
            eprintln!("prtip-bench: {error:#}");
        }
    }

    /// Where `release` of Debian comes from, by the sources of this machine.
    fn targets(&self, release: &str) -> Result<Option<String>> {
        let format = "$(CREATED_BY)|$(RELEASE)|$(COMPONENT)|$(REPO_URI)";
        let listed = ok(self.command("apt-get").args(["indextargets", "--format", format]))?;
        Ok(site_of(&listed, release))
    }

    /// Names of the packages that begin with `prefix`.
    pub(crate) fn names(&self, prefix: &str) -> Result<Vec<String>> {
        Ok(self.cache(&["pkgnames", prefix])?.lines().map(str::to_owned).collect())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("LC_ALL", "C").args(["-o", "APT::Sandbox::User=root"]);
        for option in &self.options {
            command.args(["-o", option]);
        }
        command
    }

    fn cache(&self, arguments: &[&str]) -> Result<String> {
        ok(self.command("apt-cache").args(arguments))
    }

    /// `packages` and every library package below them that is not installed, but for
    /// those that are named with a `-` behind.
    fn closure(&self, packages: &[&str]) -> Result<Vec<String>> {
        let (without, named): (Vec<&str>, Vec<&str>) =
            packages.iter().partition(|name| name.ends_with('-'));
        let mut seen: HashSet<String> =
            without.iter().map(|name| name.trim_end_matches('-').to_owned()).collect();
        let mut wanted: Vec<String> = Vec::new();
        let mut next: Vec<String> = named.into_iter().map(str::to_owned).collect();
        let installed = installed();
        while !next.is_empty() {
            seen.extend(next.iter().cloned());
            wanted.extend(next.iter().cloned());
            let mut arguments = vec!["depends", "--important"];
            arguments.extend(next.iter().map(String::as_str));
            let listed = self.cache(&arguments)?;
            next = depends(&listed)
                .into_iter()
                .filter(|name| name.starts_with("lib") && !installed.contains(name))
                .filter(|name| seen.insert(name.clone()))
                .collect();
        }
        Ok(wanted)
    }

    /// The archives of packages, as `empty`, a folder without any, would get them.
    fn archives(&self, packages: &[String], empty: &Path) -> Result<Vec<Archive>> {
        let mut command = self.command("apt-get");
        command.args(["download", "--print-uris"]).args(packages).current_dir(empty);
        let found = archives(&ok(&mut command)?);
        ensure!(found.len() == packages.len(), "apt-get knows not all of {}", packages.join(", "));
        Ok(found)
    }

    /// Downloads those that are not in `folder` already; where they are.
    fn download(&self, folder: &Path, archives: &[Archive]) -> Result<Vec<PathBuf>> {
        create_dir_all(folder)?;
        let lacks = |archive: &&Archive| {
            let file = fs::metadata(folder.join(&archive.file));
            file.map_or(true, |file| file.len() != archive.size)
        };
        let missing: Vec<&str> =
            archives.iter().filter(lacks).map(|archive| archive.package.as_str()).collect();
        if !missing.is_empty() {
            ok(self.command("apt-get").arg("download").args(&missing).current_dir(folder))?;
        }
        Ok(archives.iter().map(|archive| folder.join(&archive.file)).collect())
    }
}

/// A package as it is downloaded.
#[derive(Debug, PartialEq, Eq)]
struct Archive {
    package: String,
    file: String,
    size: u64,
}

/// What the output of `apt-get download --print-uris` names.
fn archives(listed: &str) -> Vec<Archive> {
    listed
        .lines()
        .filter_map(|line| {
            let mut words = line.strip_prefix('\'')?.split_once("' ")?.1.split(' ');
            let file = words.next().filter(|name| !name.contains('/'))?.to_owned();
            let package = file.split_once('_')?.0.to_owned();
            Some(Archive { package, file, size: words.next()?.parse().ok()? })
        })
        .collect()
}

/// The address of `release` in a list of `kind|release|component|address`.
fn site_of(listed: &str, release: &str) -> Option<String> {
    let wanted = format!("Packages|{release}|main|");
    let site = listed.lines().find_map(|line| line.strip_prefix(&wanted))?;
    site.contains("://").then(|| site.trim_end_matches('/').to_owned())
}

/// The names in the output of `apt-cache depends`.
fn depends(listed: &str) -> Vec<String> {
    listed
        .lines()
        .filter_map(|line| {
            let line = line.trim_start_matches([' ', '|']);
            let name = line.strip_prefix("Depends: ").or(line.strip_prefix("PreDepends: "))?;
            (!name.starts_with('<')).then(|| name.to_owned())
        })
        .collect()
}

/// The packages that this machine has.
fn installed() -> HashSet<String> {
    let format = "${db:Status-Abbrev} ${Package}\n";
    let shown = ok(Command::new("dpkg-query").args(["-W", "-f", format])).unwrap_or_default();
    let names = shown.lines().filter_map(|line| line.strip_prefix("ii "));
    names.map(|name| name.trim().to_owned()).collect()
}

/// The value of a line `Name: value`.
fn field(text: &str, name: &str) -> Option<String> {
    text.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(": ")?.to_owned()))
}

/// Runs a command; its standard output.
fn ok(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let Output { status, stdout, stderr } = command.output().with_context(|| {
        format!("cannot run {program}; unpacking packages needs a Debian system")
    })?;
    if !status.success() {
        bail!("{program}: {}", String::from_utf8_lossy(&stderr).trim());
    }
    let text = String::from_utf8(stdout);
    ensure!(text.is_ok(), "{program} wrote no text");
    Ok(text.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_read_and_virtual_packages_left_out() {
        let listed = "nginx\n  Depends: libc6\n |Depends: liba1\n  Depends: <libb-virtual>\n    libb2\n  \
                      PreDepends: init\n  Suggests: libz\n";
        assert_eq!(depends(listed), ["libc6", "liba1", "init"]);
    }

    #[test]
    fn archives_are_named_with_their_sizes_and_never_a_folder() {
        let listed = "'http://a.example/x%3a1_amd64.deb' x_1%3a2_amd64.deb 123 SHA256:ab\n\
                      'http://a.example/y.deb' ../y.deb 4 SHA256:cd\nE: no package\n";
        let (package, file) = ("x".to_owned(), "x_1%3a2_amd64.deb".to_owned());
        assert_eq!(archives(listed), [Archive { package, file, size: 123 }]);
    }

    #[test]
    fn the_archive_is_the_one_that_the_release_comes_from() {
        let listed = "Packages|other|main|http://x.example/a/\n\
                      Contents|book|main|http://y.example/debian/\n\
                      Packages|book-updates|main|http://z.example/debian/\n\
                      Packages|book|main|http://y.example/debian/\n";
        assert_eq!(site_of(listed, "book").as_deref(), Some("http://y.example/debian"));
        assert_eq!(site_of(listed, "worm"), None);
    }

    #[test]
    fn the_makers_version_has_no_epoch_and_no_revision() {
        let versions = ["2:1.3.2+ds1-1", "7.93+dfsg1-1", "2.1.1-2+b6", "1.22.1-9", "5"];
        assert_eq!(versions.map(upstream), ["1.3.2", "7.93", "2.1.1", "1.22.1", "5"]);
    }

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let text = "Package: a\nVersion-x: 1\nVersion: 2:3-4\n";
        assert_eq!(field(text, "Version").as_deref(), Some("2:3-4"));
    }
}
