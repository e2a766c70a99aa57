//! What the machine is made of: QEMU, a kernel with zero-copy in its drivers, and
//! busybox, from Debian packages that are unpacked privately. The kernel is found by
//! search, as its packages' names carry its version.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, flock};

use super::Card;
use crate::lab::packages::{Apt, cache_dir, fetch_as, libraries};

/// virtio_net has AF_XDP zero-copy since Linux 6.13.
const OLDEST_KERNEL: [u32; 2] = [6, 13];
/// The emulator, its firmware and ROMs, and the guest's shell.
const MACHINE: [&str; 4] = ["qemu-system-x86", "qemu-system-data", "seabios", "busybox-static"];
/// What Debian has called the packages of a kernel: newer releases cut it in two.
const NAMINGS: [&[&str]; 2] = [&["linux-binary-", "linux-modules-"], &["linux-image-"]];

/// Where everything lies.
pub(super) struct Packages {
    root: PathBuf,
}

/// The packages cannot be had: the reason to skip.
#[derive(Debug)]
pub(crate) struct NotToBeHad(String);

impl std::fmt::Display for NotToBeHad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "packages for the virtual machine cannot be had: {}", self.0)
    }
}

impl std::error::Error for NotToBeHad {}

impl Packages {
    /// Downloads and unpacks them unless that was done before.
    pub(super) fn get(card: Card) -> Result<Self> {
        Self::try_get(card).map_err(|error| NotToBeHad(format!("{error:#}")).into())
    }

    fn try_get(card: Card) -> Result<Self> {
        let cache = cache_dir()?;
        let lock = File::create(cache.join("lock"))?;
        flock(&lock, FlockOperation::LockExclusive).context("cannot lock the package cache")?;
        let name = format!("vm-{}", card.flavour());
        let root = cache.join(&name).join("root");
        if root.is_dir() {
            return Ok(Self { root });
        }
        eprintln!("prtip-bench: vm: fetching packages into {}", cache.join(&name).display());
        let apt = Apt::with_suites(&cache)?;
        apt.update();
        let mut packages: Vec<String> = kernel(&apt, card.flavour())?;
        packages.extend(MACHINE.map(str::to_owned));
        let packages: Vec<&str> = packages.iter().map(String::as_str).collect();
        fetch_as(&name, &apt, &cache, &packages)?;
        Ok(Self { root })
    }

    /// The emulator.
    pub(super) fn qemu(&self) -> PathBuf {
        self.root.join("usr/bin/qemu-system-x86_64")
    }

    /// Where its libraries lie.
    pub(super) fn libraries(&self) -> OsString {
        libraries(&self.root)
    }

    /// Where its firmware and ROMs lie.
    pub(super) fn firmware(&self) -> [PathBuf; 2] {
        ["usr/share/qemu", "usr/share/seabios"].map(|folder| self.root.join(folder))
    }

    /// The guest's shell and tools.
    pub(super) fn busybox(&self) -> Result<Vec<u8>> {
        let path = find(&self.root, &|name| name == "busybox")
            .into_iter()
            .find(|path| path.parent().is_some_and(|folder| folder.ends_with("bin")))
            .context("busybox-static holds no busybox")?;
        fs::read(&path).with_context(|| path.display().to_string())
    }

    /// The kernel's image.
    pub(super) fn kernel(&self) -> Result<PathBuf> {
        find(&self.root, &|name| name.starts_with("vmlinuz"))
            .pop()
            .context("the kernel's package holds no vmlinuz")
    }

    /// The file of a kernel module; `None` where the kernel has none of that name.
    pub(super) fn module(&self, module: &str) -> Option<PathBuf> {
        let begin = format!("{module}.ko");
        find(&self.root, &|name| name.starts_with(&begin)).pop()
    }
}

/// The packages of the newest kernel of that flavour.
fn kernel(apt: &Apt, flavour: &str) -> Result<Vec<String>> {
    for naming in NAMINGS {
        let newest = newest(&apt.names(naming[0])?, naming[0], flavour);
        if let Some(release) = newest {
            return Ok(naming.iter().map(|begin| format!("{begin}{release}")).collect());
        }
    }
    let [major, minor] = OLDEST_KERNEL;
    anyhow::bail!("no package source offers Linux {major}.{minor} or newer ({flavour})")
}

/// The newest release among package names, such as `6.16.3+deb13-cloud-amd64`.
fn newest(names: &[String], begin: &str, flavour: &str) -> Option<String> {
    let ending = format!("-{flavour}");
    names
        .iter()
        .filter_map(|name| {
            let release = name.strip_prefix(begin)?;
            let version = release.strip_suffix(&ending)?;
            // Another flavour's name ends alike: cloud-amd64, rt-amd64.
            let plain = version.split('-').skip(1).all(|part| part.parse::<u32>().is_ok());
            let numbers = numbers(version);
            (plain && numbers.as_slice() >= &OLDEST_KERNEL[..]).then_some((numbers, release))
        })
        .max()
        .map(|(_, release)| release.to_owned())
}

/// The numbers that a version begins with.
fn numbers(version: &str) -> Vec<u32> {
    let dotted = version.split(|c: char| c != '.' && !c.is_ascii_digit()).next().unwrap_or("");
    dotted.split('.').map_while(|number| number.parse().ok()).collect()
}

/// All files below `folder` whose name will do.
fn find(folder: &Path, wanted: &dyn Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            found.extend(find(&entry.path(), wanted));
        } else if kind.is_file() && wanted(&entry.file_name().to_string_lossy()) {
            found.push(entry.path());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newest_of(names: &[&str], flavour: &str) -> Option<String> {
        let names: Vec<String> = names.iter().map(|name| format!("linux-binary-{name}")).collect();
        newest(&names, "linux-binary-", flavour)
    }

    #[test]
    fn the_newest_kernel_is_found_by_number_and_flavour() {
        let names = [
            "7.2.9+deb13-cloud-amd64",
            "7.2.11+deb13-cloud-amd64",
            "7.2.11+deb13-cloud-amd64-dbg",
            "7.3.1+deb13-amd64",
            "7.9.1+deb13-rt-amd64",
            "6.13.0-1-cloud-amd64",
        ];
        assert_eq!(newest_of(&names, "cloud-amd64").as_deref(), Some("7.2.11+deb13-cloud-amd64"));
        assert_eq!(newest_of(&names, "amd64").as_deref(), Some("7.3.1+deb13-amd64"));
        assert_eq!(newest_of(&names[5..], "cloud-amd64").as_deref(), Some("6.13.0-1-cloud-amd64"));
    }

    #[test]
    fn kernels_without_zero_copy_are_none() {
        assert_eq!(newest_of(&["6.12.95+deb12-cloud-amd64", "cloud-amd64"], "cloud-amd64"), None);
    }
}
