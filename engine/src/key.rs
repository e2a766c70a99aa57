//! The key of a scan's cookies: random, never derived from the public seed.
//!
//! Whoever knows the key can forge replies, so it stays in memory unless the
//! scan can be resumed: then it lies beside the event log as `LOG.key`, readable
//! by its owner only. A resumed scan needs the same key because a half-open peer
//! ignores a second SYN with another sequence number on the same ports.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

pub use prtip_bpf::abi::Key;
use rustix::rand::{GetRandomFlags, getrandom};

use crate::error::{Error, Kind, Result};

/// First line of a key file; the key follows as 32 hexadecimal digits.
const HEADER: &str = "prtip key 1";

/// A new random key of 128 bits.
///
/// # Errors
/// When the kernel gives no random numbers.
pub fn random() -> Result<Key> {
    Ok(Key { k0: random_u64()?, k1: random_u64()? })
}

/// A random number from the kernel, for keys and for seeds that were not given.
///
/// # Errors
/// When the kernel gives no random numbers.
pub fn random_u64() -> Result<u64> {
    let mut bytes = [0; 8];
    let mut filled = 0;
    while filled < bytes.len() {
        match getrandom(&mut bytes[filled..], GetRandomFlags::empty()) {
            Ok(count) => filled += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(errno) => {
                return Err(Error::new(Kind::Failed, "get random numbers from the kernel")
                    .because_of(errno.into()));
            }
        }
    }
    Ok(u64::from_ne_bytes(bytes))
}

/// Where the key of the event log `log` lies: `LOG.key`.
#[must_use]
pub fn path_beside(log: &Path) -> PathBuf {
    let mut path = log.as_os_str().to_owned();
    path.push(".key");
    path.into()
}

/// Writes `key` to a new file that only its owner may read, and syncs it.
///
/// # Errors
/// When the file exists already (a symbolic link counts) or cannot be written.
pub fn write(path: &Path, key: Key) -> Result<()> {
    let fail = |error: io::Error| {
        let what = format!("write the scan's key to {path:?}");
        if error.kind() == io::ErrorKind::AlreadyExists {
            Error::new(Kind::Usage, what)
                .because_of(error)
                .cause("it is the key of an earlier scan")
                .remedy("choose another --event-log, or remove the old log and its key")
        } else {
            Error::new(Kind::Failed, what).because_of(error)
        }
    };
    // O_EXCL also refuses a symbolic link, wherever it points to.
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(fail)?;
    let text = format!("{HEADER}\n{:016x}{:016x}\n", key.k0, key.k1);
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(fail)
}

/// Reads a key that [`write`] wrote.
///
/// # Errors
/// When the file is missing, is a symbolic link, is readable by others, or is not a key.
pub fn read(path: &Path) -> Result<Key> {
    let what = || format!("read the scan's key from {path:?}");
    let fail = |error: io::Error| {
        Error::new(Kind::Usage, what())
            .because_of(error)
            .cause("without its key a scan cannot be resumed")
    };
    let nofollow = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
    let file: File =
        OpenOptions::new().read(true).custom_flags(nofollow).open(path).map_err(fail)?;
    let metadata = file.metadata().map_err(fail)?;
    if !metadata.is_file() {
        return Err(Error::new(Kind::Usage, what()).cause("it is not a regular file"));
    }
    let others = metadata.permissions().mode() & 0o077;
    if others != 0 || metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(Error::new(Kind::Usage, what())
            .cause("others can read or have written it, so replies could be forged")
            .remedy("start a new scan"));
    }
    let mut text = String::new();
    file.take(256).read_to_string(&mut text).map_err(fail)?;
    parse(&text).ok_or_else(|| Error::new(Kind::Usage, what()).cause("it is not a key file"))
}

fn parse(text: &str) -> Option<Key> {
    let digits = text.strip_prefix(HEADER)?.strip_prefix('\n')?.strip_suffix('\n')?;
    if digits.len() != 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let half = |digits: &str| u64::from_str_radix(digits, 16).ok();
    Some(Key { k0: half(&digits[..16])?, k1: half(&digits[16..])? })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_key_written_is_the_key_read_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = path_beside(&folder.path().join("events.jsonl"));
        assert!(path.ends_with("events.jsonl.key"));
        let key = random().unwrap();
        write(&path, key).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read(&path).unwrap(), key);
    }

    #[test]
    fn two_random_keys_differ() {
        assert_ne!(random().unwrap(), random().unwrap());
    }

    #[test]
    fn an_existing_key_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key");
        write(&path, Key { k0: 1, k1: 2 }).unwrap();
        assert_eq!(write(&path, Key { k0: 3, k1: 4 }).unwrap_err().kind, Kind::Usage);
        assert_eq!(read(&path).unwrap(), Key { k0: 1, k1: 2 });
    }

    #[test]
    fn symbolic_links_are_refused_both_ways() {
        let folder = tempfile::tempdir().unwrap();
        let (aim, link) = (folder.path().join("aim"), folder.path().join("link"));
        std::os::unix::fs::symlink(&aim, &link).unwrap();
        assert!(write(&link, Key::default()).is_err());
        assert!(!aim.exists());
        write(&aim, Key::default()).unwrap();
        assert!(read(&link).is_err());
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key");
        write(&path, Key::default()).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(read(&path).unwrap_err().kind, Kind::Usage);
    }

    #[test]
    fn what_is_not_a_key_file_is_refused() {
        for text in ["", "prtip key 1\n", "prtip key 1\n0123\n", "other\n", &"x".repeat(300)] {
            assert_eq!(parse(text), None, "{text:?}");
        }
        let wide = format!("{HEADER}\n{}\n", "é".repeat(16));
        assert_eq!(parse(&wide), None);
    }
}
