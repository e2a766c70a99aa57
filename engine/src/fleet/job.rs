//! What a fleet is asked to scan, as JSON that says all of it: a worker needs no file and no
//! look-up of the machine that submitted it, and obeys nothing in it but what is named here.
//!
//! The job holds the cookie key: whoever reads it can forge answers. The server's
//! authentication keeps it.

use std::ops::Range;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};
use crate::key::Key;
use crate::plan::{Ask, IpRange, Plan, PortSet, ProbeKind, TargetToken, parse_ports, parse_target};
use crate::scan::SynOptions;

/// Workers and jobs of other protocols do not understand each other.
pub const PROTOCOL: u32 = 1;
/// Ranges of one job at most: each is a message that the server keeps.
pub const MOST_RANGES: u64 = 1 << 20;

/// A job. Numbers that can pass 2^53 are decimal text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// Version of prtip that made it.
    pub version: String,
    /// Its name: up to 40 of `a`-`z`, `0`-`9` and `-`.
    pub id: String,
    /// When it was submitted, RFC 3339.
    pub submitted: String,
    /// The command line that was submitted, for people.
    pub args: Vec<String>,
    /// The addresses, `FIRST-LAST` or one, after exclusions, ascending.
    pub addresses: Vec<String>,
    /// SHA-256 of the exclusions, as hexadecimal digits: of which list they are free.
    pub exclusions: String,
    /// TCP ports, as `-p` takes them.
    pub tcp: String,
    /// They are asked by ACK.
    pub ack: bool,
    /// UDP ports.
    pub udp: String,
    /// Ways to ask for hosts: `echo`, `syn:PORT`, `ack:PORT`. Not empty: no ports.
    pub hosts: Vec<String>,
    /// Seed of the order.
    pub seed: String,
    /// Key of the cookies, 32 hexadecimal digits.
    pub key: String,
    /// Hash of the plan: what all of the above must give.
    pub plan: String,
    /// Indices to scan, from 0.
    pub pairs: String,
    /// Indices of a range.
    pub range: String,
    /// Probes a second of all workers together; none: as fast as each may.
    pub rate: Option<f64>,
    /// Further attempts.
    pub retries: u8,
    /// How long late answers are waited for, milliseconds.
    pub cooldown_ms: u64,
    /// `none`, `mss` or `linux`.
    pub syn: String,
    /// Words for people who see the probes.
    pub contact: Option<String>,
    /// Closed and unreachable ports are results too.
    pub closed: bool,
}

/// What a job says beside its plan.
#[derive(Clone, Debug)]
pub struct Terms {
    /// See [`Job`].
    pub id: String,
    /// See [`Job`].
    pub version: String,
    /// See [`Job`].
    pub submitted: String,
    /// See [`Job`].
    pub args: Vec<String>,
    /// See [`Job`].
    pub exclusions: String,
    /// See [`Job`].
    pub range: u64,
    /// See [`Job`].
    pub rate: Option<f64>,
    /// See [`Job`].
    pub retries: u8,
    /// See [`Job`].
    pub cooldown: Duration,
    /// See [`Job`].
    pub syn: SynOptions,
    /// See [`Job`].
    pub contact: Option<String>,
    /// See [`Job`].
    pub closed: bool,
}

const SYNS: [(&str, SynOptions); 3] =
    [("none", SynOptions::Bare), ("mss", SynOptions::Mss), ("linux", SynOptions::Linux)];

impl Job {
    /// The job of `plan` on these terms.
    #[must_use]
    pub fn new(plan: &Plan, key: Key, terms: Terms) -> Self {
        let items = plan.items();
        let syn = SYNS.iter().find(|(_, syn)| *syn == terms.syn).map_or("mss", |(name, _)| name);
        Self {
            protocol: PROTOCOL,
            version: terms.version,
            id: terms.id,
            submitted: terms.submitted,
            args: terms.args,
            addresses: plan.ranges().map(|range| range.to_string()).collect(),
            exclusions: terms.exclusions,
            tcp: items.tcp().to_string(),
            ack: items.tcp_kind() == ProbeKind::Ack,
            udp: items.udp().to_string(),
            hosts: items.asks().iter().map(ask_name).collect(),
            seed: plan.seed().to_string(),
            key: format!("{:016x}{:016x}", key.k0, key.k1),
            plan: format!("{:016x}", plan.hash()),
            pairs: plan.shard().end.to_string(),
            range: terms.range.to_string(),
            rate: terms.rate,
            retries: terms.retries,
            cooldown_ms: terms.cooldown.as_millis() as u64,
            syn: syn.to_owned(),
            contact: terms.contact,
            closed: terms.closed,
        }
    }

    /// Reads what a server hands out.
    ///
    /// # Errors
    /// With what is wrong; a job of another protocol is named as such.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct Head {
            protocol: u32,
            version: String,
        }
        let damaged = |cause: String| Error::new(Kind::Failed, "read the job").cause(cause);
        let head: Head =
            serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
        if head.protocol != PROTOCOL {
            return Err(damaged(format!(
                "prtip {} made it and speaks version {} of the fleet's protocol, this one {PROTOCOL}",
                head.version.escape_default(),
                head.protocol
            ))
            .remedy("run the same version of prtip everywhere"));
        }
        let job: Self =
            serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
        if !is_id(&job.id) {
            return Err(damaged(format!("its name is {:?}", job.id)));
        }
        let (pairs, range) = (job.pairs()?, job.range_size()?);
        if pairs == 0 || range == 0 || pairs.div_ceil(range) > MOST_RANGES {
            return Err(damaged(format!("{pairs} pairs in ranges of {range}")));
        }
        if job.rate.is_some_and(|rate| !(0.01..=1e12).contains(&rate)) {
            return Err(damaged(format!("its rate is {:?}", job.rate)));
        }
        job.key()?;
        Ok(job)
    }

    /// The job as [`Job::read`] takes it.
    ///
    /// # Panics
    /// Never: it has string keys only.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a job has string keys")
    }

    /// Its plan, whose hash is the one that it names.
    ///
    /// # Errors
    /// Where this version makes another plan of it, or none.
    pub fn plan(&self) -> Result<Plan> {
        let bad = |cause: String| {
            Error::new(Kind::Failed, format!("make the plan of job {}", self.id)).cause(cause)
        };
        let mut builder = Plan::builder();
        for text in &self.addresses {
            let TargetToken::Ranges(ranges) = parse_target(text)? else {
                return Err(bad(format!("{text:?} is no range of addresses")));
            };
            for range in ranges {
                // What is special was asked for where the job was made; whether it may be
                // scanned from here is for the guard to say.
                for entry in crate::plan::special::all() {
                    if let Some(part) = entry.range.common(&range) {
                        builder.allow_special(part);
                    }
                }
                builder.target(&[range], false);
            }
        }
        let ports = |text: &str| match text {
            "" => Ok(PortSet::new([])),
            text => parse_ports(text).map(|spec| spec.for_tcp()),
        };
        if self.hosts.is_empty() {
            builder.ports(ports(&self.tcp)?).udp_ports(ports(&self.udp)?);
            if self.ack {
                builder.tcp_kind(ProbeKind::Ack);
            }
        } else {
            let asks: Option<Vec<Ask>> = self.hosts.iter().map(|text| ask_of(text)).collect();
            builder.hosts(&asks.ok_or_else(|| bad(format!("ways to ask: {:?}", self.hosts)))?);
        }
        builder.seed(self.seed.parse().map_err(|_| bad(format!("seed {:?}", self.seed)))?);
        builder.whole_internet(true).max_targets(self.pairs()?);
        let plan = builder.build()?;
        let hash = format!("{:016x}", plan.hash());
        if hash != self.plan || plan.shard() != (0..self.pairs()?) {
            return Err(bad(format!("it should be {}, and is {hash} here", self.plan))
                .remedy("run the same version of prtip everywhere"));
        }
        Ok(plan)
    }

    /// Key of the cookies.
    ///
    /// # Errors
    /// Where it is none.
    pub fn key(&self) -> Result<Key> {
        let half = |digits: Option<&str>| u64::from_str_radix(digits?, 16).ok();
        let whole = self.key.len() == 32 && self.key.bytes().all(|byte| byte.is_ascii_hexdigit());
        match (half(self.key.get(..16)), half(self.key.get(16..))) {
            (Some(k0), Some(k1)) if whole => Ok(Key { k0, k1 }),
            _ => Err(Error::new(Kind::Failed, "read the job").cause("its key is none")),
        }
    }

    /// Indices to scan, from 0.
    ///
    /// # Errors
    /// Where that is no number.
    pub fn pairs(&self) -> Result<u64> {
        number(&self.pairs)
    }

    fn range_size(&self) -> Result<u64> {
        number(&self.range)
    }

    /// How many ranges it has.
    #[must_use]
    pub fn ranges(&self) -> u64 {
        match (self.pairs(), self.range_size()) {
            (Ok(pairs), Ok(size @ 1..)) => pairs.div_ceil(size),
            _ => 0,
        }
    }

    /// The indices of a range; `None`: there is no such range.
    #[must_use]
    pub fn range(&self, number: u64) -> Option<Range<u64>> {
        let (pairs, size) = (self.pairs().ok()?, self.range_size().ok()?);
        let start = number.checked_mul(size).filter(|&start| start < pairs)?;
        Some(start..start.saturating_add(size).min(pairs))
    }

    /// TCP options of its SYNs.
    #[must_use]
    pub fn syn(&self) -> SynOptions {
        let known = SYNS.iter().find(|(name, _)| *name == self.syn);
        known.map_or(SynOptions::Mss, |(_, syn)| *syn)
    }
}

/// Whether `id` can name a job.
#[must_use]
pub fn is_id(id: &str) -> bool {
    (1..=40).contains(&id.len())
        && id.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// The addresses of a list of exclusions, as text that does not depend on how they were
/// written: what [`Job::exclusions`] is the hash of.
#[must_use]
pub fn canonical(ranges: &[IpRange]) -> String {
    let mut lines: Vec<String> = ranges.iter().map(ToString::to_string).collect();
    lines.sort_unstable();
    lines.dedup();
    lines.join("\n")
}

fn number(text: &str) -> Result<u64> {
    text.parse().map_err(|_| {
        Error::new(Kind::Failed, "read the job")
            .cause(format!("{:?} is no number", text.escape_default().to_string()))
    })
}

fn ask_name(ask: &Ask) -> String {
    match ask.kind {
        ProbeKind::Syn => format!("syn:{}", ask.port),
        ProbeKind::Ack => format!("ack:{}", ask.port),
        ProbeKind::Udp | ProbeKind::Echo => "echo".to_owned(),
    }
}

fn ask_of(text: &str) -> Option<Ask> {
    let (kind, port) = match text.split_once(':') {
        None if text == "echo" => return Some(Ask { kind: ProbeKind::Echo, port: 0 }),
        Some(("syn", port)) => (ProbeKind::Syn, port),
        Some(("ack", port)) => (ProbeKind::Ack, port),
        _ => return None,
    };
    port.parse().ok().filter(|&port| port > 0).map(|port| Ask { kind, port })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn terms(range: u64) -> Terms {
        Terms {
            id: "job-1".into(),
            version: "0".into(),
            submitted: "2026-11-26T00:00:00Z".into(),
            args: vec!["-p".into(), "80".into()],
            exclusions: String::new(),
            range,
            rate: Some(1e5),
            retries: 1,
            cooldown: Duration::from_secs(2),
            syn: SynOptions::Linux,
            contact: None,
            closed: true,
        }
    }

    fn ranges(text: &str) -> Vec<IpRange> {
        match parse_target(text).unwrap() {
            TargetToken::Ranges(ranges) => ranges,
            TargetToken::Hostname(_) => panic!("{text}"),
        }
    }

    fn there_and_back(plan: &Plan, range: u64) -> Job {
        let key = Key { k0: 1, k1: u64::MAX };
        let job = Job::new(plan, key, terms(range));
        let read = Job::read(&job.to_bytes()).unwrap();
        assert_eq!(read, job);
        assert_eq!((read.key().unwrap().k0, read.key().unwrap().k1), (1, u64::MAX));
        let again = read.plan().unwrap();
        assert_eq!((again.hash(), again.shard()), (plan.hash(), plan.shard()));
        for index in (0..plan.shard().end).step_by(97) {
            assert_eq!(again.target(index), plan.target(index));
        }
        read
    }

    #[test]
    fn a_job_gives_the_plan_that_it_was_made_of() {
        let mut ports = Plan::builder();
        ports.target(&ranges("198.18.0.0/24"), true).target(&ranges("192.0.0.0/16"), false);
        ports.exclude(&ranges("198.18.0.7-9")).target(&ranges("2001:2::/120"), true);
        let set = |text| parse_ports(text).unwrap().for_tcp();
        ports.ports(set("1-4,80")).udp_ports(set("53")).seed(u64::MAX);
        let job = there_and_back(&ports.build().unwrap(), 1000);
        assert_eq!((job.syn(), job.closed), (SynOptions::Linux, true));
        let mut hosts = Plan::builder();
        hosts.target(&ranges("127.0.0.0/28"), true).hosts(&Ask::HOST).seed(3).max_targets(9);
        let job = there_and_back(&hosts.build().unwrap(), 4);
        assert_eq!(
            (0..4).map(|at| job.range(at)).collect::<Vec<_>>(),
            [Some(0..4), Some(4..8), Some(8..9), None]
        );
        assert_eq!(job.ranges(), 3);
    }

    #[test]
    fn a_job_that_was_changed_is_no_job() {
        let mut builder = Plan::builder();
        builder.target(&ranges("198.18.0.0/24"), true).ports(PortSet::new([80])).seed(1);
        let job = Job::new(&builder.build().unwrap(), Key { k0: 1, k1: 2 }, terms(16));
        type Change = fn(&mut Job);
        let changes: [(&str, Change); 5] = [
            ("another protocol", |job| job.protocol = 2),
            ("a bad name", |job| job.id = "../x".into()),
            ("no range", |job| job.range = "0".into()),
            ("too many ranges", |job| job.pairs = u64::MAX.to_string()),
            ("a short key", |job| job.key = "1f".into()),
        ];
        for (what, change) in changes {
            let mut other = job.clone();
            change(&mut other);
            assert!(Job::read(&other.to_bytes()).is_err(), "{what}");
        }
        for (what, change) in [
            ("another seed", (|job| job.seed = "2".into()) as Change),
            ("another address", |job| job.addresses[0] = "198.18.0.0-198.18.0.254".into()),
            ("a name", |job| job.addresses[0] = "example.org".into()),
            ("another port", |job| job.tcp = "81".into()),
        ] {
            let mut other = job.clone();
            change(&mut other);
            assert!(Job::read(&other.to_bytes()).unwrap().plan().is_err(), "{what}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_job_or_refused(bytes: Vec<u8>, pairs in "[0-9]{0,20}", range in "[0-9]{0,20}") {
            let _ = Job::read(&bytes);
            let mut builder = Plan::builder();
            builder.target(&ranges("198.18.0.0/30"), true).ports(PortSet::new([80]));
            let mut job = Job::new(&builder.build().unwrap(), Key { k0: 1, k1: 2 }, terms(1));
            (job.pairs, job.range) = (pairs, range);
            if let Ok(job) = Job::read(&job.to_bytes()) {
                prop_assert!(job.ranges() <= MOST_RANGES);
                let _ = job.plan();
            }
        }
    }
}
