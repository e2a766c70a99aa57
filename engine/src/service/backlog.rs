//! Ports that wait to be asked: a queue that takes any number in memory of fixed size. The
//! first ones are kept in memory; what comes while that is full goes to an unnamed file,
//! and is read back in order.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::FileExt;

use crate::plan::{Protocol, Target};

/// Ports in memory: 2 MiB.
const IN_MEMORY: usize = 1 << 16;
/// Ports that are written and read at once.
const BATCH: usize = 1 << 12;
const LEN: usize = 20;

/// Waiting ports, the longest waiting first.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    first: VecDeque<Target>,
    file: Option<File>,
    /// Records read and written.
    read: u64,
    written: u64,
    /// The newest ones, on their way to the file.
    last: Vec<Target>,
}

impl Backlog {
    pub(super) fn len(&self) -> usize {
        self.first.len() + self.last.len() + (self.written - self.read) as usize
    }

    pub(super) fn push(&mut self, target: Target) {
        let spilled = self.written > self.read || !self.last.is_empty();
        if !spilled && self.first.len() < IN_MEMORY {
            self.first.push_back(target);
            return;
        }
        self.last.push(target);
        if self.last.len() >= BATCH && self.spill().is_err() {
            // No file is to be had: memory it is.
            self.first.extend(self.last.drain(..));
        }
    }

    pub(super) fn pop(&mut self) -> Option<Target> {
        if self.first.is_empty() {
            if self.written > self.read {
                // A file that cannot be read any more has lost its ports.
                if self.fetch().is_err() {
                    self.read = self.written;
                }
            }
            if self.first.is_empty() {
                self.first.extend(self.last.drain(..));
            }
        }
        self.first.pop_front()
    }

    /// Puts one back that cannot be asked now; it is not the next one.
    pub(super) fn put_back(&mut self, target: Target) {
        self.first.push_back(target);
    }

    fn spill(&mut self) -> io::Result<()> {
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile()?),
        };
        let bytes: Vec<u8> = self.last.iter().flat_map(encode).collect();
        file.write_all_at(&bytes, self.written * LEN as u64)?;
        self.written += self.last.len() as u64;
        self.last.clear();
        Ok(())
    }

    fn fetch(&mut self) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let count = (self.written - self.read).min(BATCH as u64);
        let mut bytes = vec![0; count as usize * LEN];
        file.read_exact_at(&mut bytes, self.read * LEN as u64)?;
        self.read += count;
        self.first.extend(bytes.as_chunks::<LEN>().0.iter().map(decode));
        if self.read == self.written {
            (self.read, self.written) = (0, 0);
        }
        Ok(())
    }
}

fn encode(target: &Target) -> [u8; LEN] {
    let mut bytes = [0; LEN];
    let (addr, v6) = match target.addr {
        IpAddr::V4(addr) => (addr.to_ipv6_mapped(), 0),
        IpAddr::V6(addr) => (addr, 1),
    };
    bytes[..16].copy_from_slice(&addr.octets());
    bytes[16..18].copy_from_slice(&target.port.to_be_bytes());
    bytes[18] = v6;
    bytes[19] = u8::from(target.protocol == Protocol::Udp);
    bytes
}

fn decode(bytes: &[u8; LEN]) -> Target {
    let octets: [u8; 16] = std::array::from_fn(|at| bytes[at]);
    let [.., a, b, c, d] = octets;
    Target {
        addr: match bytes[18] {
            0 => Ipv4Addr::new(a, b, c, d).into(),
            _ => Ipv6Addr::from(octets).into(),
        },
        port: u16::from_be_bytes([bytes[16], bytes[17]]),
        protocol: if bytes[19] == 1 { Protocol::Udp } else { Protocol::Tcp },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_first_goes_first_however_many_there_are() {
        let target = |number: u32| Target {
            addr: match number % 3 {
                0 => Ipv6Addr::from(u128::from(number) << 77).into(),
                _ => Ipv4Addr::from(number).into(),
            },
            port: number as u16,
            protocol: if number.is_multiple_of(2) { Protocol::Tcp } else { Protocol::Udp },
        };
        let mut backlog = Backlog::default();
        let (mut pushed, mut popped) = (0, 0);
        // Grows far beyond what memory takes, shrinks to nothing, and again.
        for (grow, shrink) in [(200_000, 150_000), (10_000, 60_000), (100_000, 100_000)] {
            for _ in 0..grow {
                backlog.push(target(pushed));
                pushed += 1;
            }
            assert!(backlog.first.len() <= IN_MEMORY && backlog.last.len() < BATCH);
            for _ in 0..shrink {
                assert_eq!(backlog.pop(), Some(target(popped)));
                popped += 1;
            }
            assert_eq!(backlog.len(), (pushed - popped) as usize);
        }
        assert_eq!(backlog.pop(), None);
    }
}
