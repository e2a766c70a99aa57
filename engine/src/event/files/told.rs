//! What services and hosts told, kept for reports that are written at the end: texts of any length,
//! which findings of fixed size point to. In memory up to a size, then in an unnamed file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::service::Found;

/// Bytes that are kept in memory before they are written out.
const IN_MEMORY: usize = 4 << 20;

/// What nmap's formats say of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Its name.
    pub service: Option<String>,
    /// The program.
    pub product: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// What else it tells.
    pub extra: Option<String>,
    /// The name that the host gives itself.
    pub hostname: Option<String>,
    /// The operating system.
    pub os: Option<String>,
    /// The kind of device.
    pub device: Option<String>,
    /// CPE names.
    #[serde(default)]
    pub cpe: Vec<String>,
    /// `tls` where it speaks inside that.
    pub tunnel: Option<String>,
    /// 0 to 10.
    #[serde(default)]
    pub confidence: u8,
}

impl Told {
    /// Of what was found.
    #[must_use]
    pub fn of(found: &Found) -> Self {
        let identity = found.identity.clone().unwrap_or_default();
        Self {
            service: found.service().map(str::to_owned),
            product: identity.product,
            version: identity.version,
            extra: identity.extra,
            hostname: identity.host,
            os: identity.os,
            device: identity.device,
            cpe: identity.cpe,
            tunnel: found.inside_tls.then(|| "tls".to_owned()),
            confidence: found.confidence(),
        }
    }

    /// Product, version and the rest, as people read them.
    pub(super) fn description(&self) -> String {
        let words: Vec<&str> =
            [&self.product, &self.version].into_iter().filter_map(|word| word.as_deref()).collect();
        let mut text = words.join(" ");
        if let Some(extra) = &self.extra {
            text += if text.is_empty() { "" } else { " " };
            text += &format!("({extra})");
        }
        text
    }
}

/// All that was told.
#[derive(Debug)]
pub(super) struct Spool {
    folder: PathBuf,
    memory: Vec<u8>,
    file: Option<File>,
    written: u64,
}

impl Spool {
    /// Writes what does not fit into memory to `folder`.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, memory: Vec::new(), file: None, written: 0 }
    }

    /// Keeps one; returns its place, which is never 0.
    pub(super) fn add(&mut self, told: &impl Serialize) -> io::Result<u64> {
        let place = self.written + self.memory.len() as u64;
        self.memory.extend_from_slice(&[0; 4]);
        let start = self.memory.len();
        serde_json::to_writer(&mut self.memory, told)?;
        let len = (self.memory.len() - start) as u32;
        self.memory[start - 4..start].copy_from_slice(&len.to_be_bytes());
        if self.memory.len() >= IN_MEMORY {
            let file = match &self.file {
                Some(file) => file,
                None => self.file.insert(tempfile::tempfile_in(&self.folder)?),
            };
            file.write_all_at(&self.memory, self.written)?;
            self.written += self.memory.len() as u64;
            self.memory.clear();
        }
        Ok(place + 1)
    }

    /// The one at `place`.
    pub(super) fn get<T: DeserializeOwned>(&self, place: u64) -> io::Result<T> {
        let at = place.checked_sub(1).ok_or(io::ErrorKind::InvalidInput)?;
        let mut len = [0; 4];
        self.read(at, &mut len)?;
        let mut text = vec![0; (u32::from_be_bytes(len) as usize).min(IN_MEMORY)];
        self.read(at + 4, &mut text)?;
        Ok(serde_json::from_slice(&text)?)
    }

    fn read(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        if let (Some(file), true) = (&self.file, at < self.written) {
            return file.read_exact_at(into, at);
        }
        let start = (at - self.written) as usize;
        let from = self.memory.get(start..start + into.len());
        into.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_kept_is_found_again_in_memory_and_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(folder.path().to_owned());
        let told = |number: usize| Told {
            service: Some(format!("service-{number}")),
            extra: (number.is_multiple_of(3)).then(|| "x".repeat(number % 5000)),
            cpe: vec!["cpe:/a:b:c".into(); number % 4],
            ..Told::default()
        };
        let places: Vec<u64> = (0..9000).map(|number| spool.add(&told(number)).unwrap()).collect();
        assert!(spool.file.is_some() && !spool.memory.is_empty());
        for (number, &place) in places.iter().enumerate() {
            assert!(place > 0);
            assert_eq!(spool.get::<Told>(place).unwrap(), told(number));
        }
        assert!(spool.get::<Told>(0).is_err() && spool.get::<Told>(u64::MAX).is_err());
        assert_eq!(folder.path().read_dir().unwrap().count(), 0, "the file has a name");
    }
}
