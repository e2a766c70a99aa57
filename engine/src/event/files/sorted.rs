//! Findings in the order of their addresses, however many there are: a scan finds them
//! in random order, and reports are written host by host.
//!
//! Findings are kept as records of a fixed size whose bytes sort as they should. A full
//! batch is sorted and written to an unnamed file beside the report; many such runs are
//! merged into one. Memory holds one batch and a buffer a run, whatever the scan finds.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use crate::event::{PortEvent, PortState, Reason};
use crate::plan::{Protocol, Target};

/// Findings in memory before they are written out.
const BATCH: usize = 1 << 18;
/// Runs of a size that are merged into one of the next.
const FAN_IN: usize = 32;
/// Bytes read from a run at a time.
const READ_BYTES: usize = 32 << 10;

/// What is known of a port, or of a host, at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub addr: IpAddr,
    pub protocol: Protocol,
    pub port: u16,
    pub state: PortState,
    pub reason: Reason,
    /// 0 where nothing came.
    pub ttl: u8,
    pub rtt_us: Option<u64>,
    /// When it was found, microseconds since 1970.
    pub unix_us: u64,
    /// Where what is known of its service stands; 0: nowhere.
    pub service: u64,
}

impl Finding {
    pub(crate) fn new(event: &PortEvent, unix_us: u64) -> Self {
        Self {
            addr: event.addr,
            protocol: event.protocol,
            port: event.port,
            state: event.state,
            reason: event.reason,
            ttl: event.ttl,
            rtt_us: event.rtt_ns.map(|ns| (ns + 500) / 1000),
            unix_us,
            service: 0,
        }
    }
}

/// Bytes that say whose finding it is.
const KEY: usize = 20;
const LEN: usize = KEY + 30;
/// Whether a round trip is known; or whether these bytes only say where a service stands.
const KIND: usize = 25;
const ONLY_SERVICE: u8 = 2;
/// Where the place of what a service told stands.
const SERVICE: usize = 42;
/// A finding as bytes: big-endian, whose it is first.
type Raw = [u8; LEN];

fn encode(finding: &Finding) -> Raw {
    let mut raw = [0; LEN];
    raw[..KEY].copy_from_slice(&key(finding.addr, finding.protocol, finding.port));
    raw[20] = finding.state as u8;
    raw[21..24].copy_from_slice(&match finding.reason {
        Reason::Icmp { kind, code } => [Reason::PLAIN.len() as u8, kind, code],
        other => [
            Reason::PLAIN.iter().position(|&known| known.name() == other.name()).unwrap_or(0) as u8,
            0,
            0,
        ],
    });
    raw[24] = finding.ttl;
    raw[KIND] = u8::from(finding.rtt_us.is_some());
    raw[26..34].copy_from_slice(&finding.rtt_us.unwrap_or(0).to_be_bytes());
    raw[34..42].copy_from_slice(&finding.unix_us.to_be_bytes());
    raw[SERVICE..].copy_from_slice(&finding.service.to_be_bytes());
    raw
}

fn key(addr: IpAddr, protocol: Protocol, port: u16) -> [u8; KEY] {
    let mut key = [0; KEY];
    match addr {
        IpAddr::V4(addr) => {
            key[0] = 4;
            key[1..5].copy_from_slice(&addr.octets());
        }
        IpAddr::V6(addr) => {
            key[0] = 6;
            key[1..17].copy_from_slice(&addr.octets());
        }
    }
    key[17] = protocol as u8;
    key[18..20].copy_from_slice(&port.to_be_bytes());
    key
}

/// `None`: the bytes are none of ours; the file was changed by somebody.
fn decode(raw: &Raw) -> Option<Finding> {
    let addr = match raw[0] {
        4 => IpAddr::V4(Ipv4Addr::from(*raw[1..].first_chunk::<4>()?)),
        6 => IpAddr::V6(Ipv6Addr::from(*raw[1..].first_chunk::<16>()?)),
        _ => return None,
    };
    let protocols = [Protocol::Tcp, Protocol::Udp, Protocol::Icmp];
    let number = |at: usize| Some(u64::from_be_bytes(*raw[at..].first_chunk::<8>()?));
    Some(Finding {
        addr,
        protocol: protocols.into_iter().find(|&known| known as u8 == raw[17])?,
        port: u16::from_be_bytes([raw[18], raw[19]]),
        state: PortState::ALL.into_iter().find(|&known| known as u8 == raw[20])?,
        reason: match Reason::PLAIN.get(usize::from(raw[21])) {
            Some(&reason) => reason,
            None => Reason::Icmp { kind: raw[22], code: raw[23] },
        },
        ttl: raw[24],
        rtt_us: (raw[KIND] != 0).then_some(number(26)?),
        unix_us: number(34)?,
        service: service(raw),
    })
}

fn service(raw: &Raw) -> u64 {
    raw[SERVICE..].first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

fn strength(raw: &Raw) -> u64 {
    let state = PortState::ALL.into_iter().find(|&known| known as u8 == raw[20]);
    state.map_or(0, PortState::strength)
}

/// Takes findings in any order.
#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
    batch: Vec<Raw>,
    batch_size: usize,
    /// Sorted runs; those of level n hold about `BATCH * FAN_IN^n` findings.
    levels: Vec<Vec<File>>,
}

impl Store {
    /// Writes what does not fit into memory to `folder`.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, batch: Vec::new(), batch_size: BATCH, levels: Vec::new() }
    }

    #[cfg(test)]
    fn with_batches_of(mut self, size: usize) -> Self {
        self.batch_size = size;
        self
    }

    /// Takes a finding; of several of one port the strongest holds.
    pub(crate) fn add(&mut self, finding: &Finding) -> io::Result<()> {
        self.push(encode(finding))
    }

    /// Takes where what is known of a port's service stands.
    pub(super) fn add_service(&mut self, of: Target, service: u64) -> io::Result<()> {
        let mut raw = [0; LEN];
        raw[..KEY].copy_from_slice(&key(of.addr, of.protocol, of.port));
        raw[KIND] = ONLY_SERVICE;
        raw[SERVICE..].copy_from_slice(&service.to_be_bytes());
        self.push(raw)
    }

    fn push(&mut self, raw: Raw) -> io::Result<()> {
        self.batch.push(raw);
        if self.batch.len() < self.batch_size {
            return Ok(());
        }
        let mut batch = std::mem::take(&mut self.batch);
        batch.sort_unstable();
        let run = self.write_run(batch.iter().map(|&raw| Ok(raw)))?;
        batch.clear();
        self.batch = batch;
        self.keep(run, 0)
    }

    fn keep(&mut self, run: File, level: usize) -> io::Result<()> {
        if self.levels.len() == level {
            self.levels.push(Vec::new());
        }
        self.levels[level].push(run);
        if self.levels[level].len() < FAN_IN {
            return Ok(());
        }
        let runs = std::mem::take(&mut self.levels[level]);
        let merged = self.write_run(Merge::new(runs, Vec::new())?)?;
        self.keep(merged, level + 1)
    }

    fn write_run(&self, raws: impl Iterator<Item = io::Result<Raw>>) -> io::Result<File> {
        let mut to = BufWriter::with_capacity(1 << 18, tempfile::tempfile_in(&self.folder)?);
        for raw in raws {
            to.write_all(&raw?)?;
        }
        to.into_inner().map_err(io::IntoInnerError::into_error)
    }

    /// All findings, one a port, by address, protocol and port.
    pub(crate) fn sorted(mut self) -> io::Result<impl Iterator<Item = io::Result<Finding>>> {
        self.batch.sort_unstable();
        let runs = self.levels.into_iter().flatten().collect();
        let foreign = || io::Error::new(io::ErrorKind::InvalidData, "a spill file was changed");
        // A service without a finding is nothing that could be told.
        let is_finding =
            |raw: &io::Result<Raw>| raw.as_ref().map_or(true, |raw| raw[KIND] != ONLY_SERVICE);
        Ok(Merge::new(runs, self.batch)?
            .filter(is_finding)
            .map(move |raw| raw.and_then(|raw| decode(&raw).ok_or_else(foreign))))
    }
}

/// Sorted runs as one, without repetitions.
struct Merge {
    heads: BinaryHeap<Reverse<(Raw, usize)>>,
    runs: Vec<BufReader<File>>,
    memory: std::vec::IntoIter<Raw>,
    failed: bool,
}

impl Merge {
    fn new(runs: Vec<File>, memory: Vec<Raw>) -> io::Result<Self> {
        let mut merge = Self {
            heads: BinaryHeap::new(),
            runs: Vec::with_capacity(runs.len()),
            memory: memory.into_iter(),
            failed: false,
        };
        for mut run in runs {
            run.rewind()?;
            merge.runs.push(BufReader::with_capacity(READ_BYTES, run));
        }
        for source in 0..=merge.runs.len() {
            merge.refill(source)?;
        }
        Ok(merge)
    }

    /// The next of a source becomes a head; the last source is memory.
    fn refill(&mut self, source: usize) -> io::Result<()> {
        let raw = match self.runs.get_mut(source) {
            None => self.memory.next(),
            Some(run) => {
                let mut raw = [0; LEN];
                match run.read_exact(&mut raw) {
                    Ok(()) => Some(raw),
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => None,
                    Err(error) => return Err(error),
                }
            }
        };
        self.heads.extend(raw.map(|raw| Reverse((raw, source))));
        Ok(())
    }

    fn pop(&mut self) -> io::Result<Option<Raw>> {
        let Some(Reverse((raw, source))) = self.heads.pop() else { return Ok(None) };
        self.refill(source)?;
        Ok(Some(raw))
    }
}

impl Iterator for Merge {
    type Item = io::Result<Raw>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let mut step = || -> io::Result<Option<Raw>> {
            let Some(mut best) = self.pop()? else { return Ok(None) };
            while let Some(Reverse((next, _))) = self.heads.peek()
                && next[..KEY] == best[..KEY]
            {
                let Some(next) = self.pop()? else { break };
                // The newest service, whichever finding holds.
                let service = service(&best).max(service(&next));
                let only = |raw: &Raw| raw[KIND] == ONLY_SERVICE;
                if only(&best) || !only(&next) && strength(&next) >= strength(&best) {
                    best = next;
                }
                best[SERVICE..].copy_from_slice(&service.to_be_bytes());
            }
            Ok(Some(best))
        };
        let result = step();
        self.failed = result.is_err();
        result.transpose()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn findings() -> impl Strategy<Value = Finding> {
        let addr = prop_oneof![
            (0u32..40).prop_map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits << 20))),
            (0u32..10).prop_map(|bits| IpAddr::V6(Ipv4Addr::from_bits(bits).to_ipv6_mapped())),
        ];
        let reason = prop_oneof![
            prop::sample::select(Reason::PLAIN.to_vec()),
            any::<(u8, u8)>().prop_map(|(kind, code)| Reason::Icmp { kind, code }),
        ];
        let protocol = prop::sample::select(vec![Protocol::Tcp, Protocol::Udp, Protocol::Icmp]);
        let state = prop::sample::select(PortState::ALL.to_vec());
        (addr, (protocol, 0u16..3), state, reason, any::<(u8, Option<u64>, u64)>()).prop_map(
            |(addr, (protocol, port), state, reason, (ttl, rtt_us, unix_us))| Finding {
                addr,
                protocol,
                port,
                state,
                reason,
                ttl,
                rtt_us,
                unix_us,
                service: 0,
            },
        )
    }

    proptest! {
        /// The oracle is a map in memory.
        #[test]
        fn runs_on_disk_give_what_a_map_gives(
            all in proptest::collection::vec(findings(), 0..600), batch in 1usize..40
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut store = Store::new(folder.path().to_owned()).with_batches_of(batch);
            let mut expected: BTreeMap<(IpAddr, Protocol, u16), u64> = BTreeMap::new();
            for finding in &all {
                store.add(finding).unwrap();
                let key = (finding.addr, finding.protocol, finding.port);
                let strength = expected.entry(key).or_default();
                *strength = (*strength).max(finding.state.strength());
            }
            let found: Vec<Finding> = store.sorted().unwrap().map(Result::unwrap).collect();
            for finding in &found {
                prop_assert!(all.contains(finding), "{finding:?} was never added");
            }
            let found: Vec<_> = found
                .iter()
                .map(|f| ((f.addr, f.protocol, f.port), f.state.strength()))
                .collect();
            let expected: Vec<_> = expected.into_iter().collect();
            prop_assert_eq!(found, expected);
            prop_assert_eq!(folder.path().read_dir().unwrap().count(), 0, "files have names");
        }
    }

    proptest! {
        #[test]
        fn services_are_joined_to_their_findings(
            all in proptest::collection::vec((findings(), any::<bool>()), 0..300),
            batch in 1usize..20
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut store = Store::new(folder.path().to_owned()).with_batches_of(batch);
            let mut expected: BTreeMap<(IpAddr, Protocol, u16), u64> = BTreeMap::new();
            for (place, (finding, served)) in all.iter().enumerate() {
                let of = Target {
                    addr: finding.addr, port: finding.port, protocol: finding.protocol,
                };
                if *served {
                    store.add_service(of, place as u64 + 1).unwrap();
                    expected.insert((of.addr, of.protocol, of.port), place as u64 + 1);
                }
            }
            let mut held = BTreeMap::new();
            for (finding, _) in &all {
                store.add(finding).unwrap();
                let key = (finding.addr, finding.protocol, finding.port);
                held.insert(key, expected.get(&key).copied().unwrap_or(0));
            }
            let found: BTreeMap<_, _> = store.sorted().unwrap().map(Result::unwrap)
                .map(|f| ((f.addr, f.protocol, f.port), f.service)).collect();
            prop_assert_eq!(found, held);
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_once_memory_is_full() {
        let mut store = Store::new("/nonexistent".into()).with_batches_of(2);
        let finding = Finding {
            addr: Ipv4Addr::LOCALHOST.into(),
            protocol: Protocol::Tcp,
            port: 1,
            state: PortState::Open,
            reason: Reason::SynAck,
            ttl: 64,
            rtt_us: None,
            unix_us: 0,
            service: 0,
        };
        assert!(store.add(&finding).is_ok());
        assert!(store.add(&finding).is_err());
    }
}
