//! What the `lab` commands take. The rules' flags are the same for `run`,
//! `truth` and `check`, so that one list of arguments serves all three.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};

use super::flood::FloodArgs;
use super::network::Link;
use super::personality::{self, Wanted};
use super::question::{Ping, Question};
use super::rule::{Protocol, Rule, State};
use super::zombie;

/// `prtip-bench lab …`.
#[derive(Debug, Subcommand)]
pub enum LabCommand {
    /// Make the lab, run a command in the scanner's namespace, take it down
    ///
    /// 198.18.0.0/15 and 2001:2::/48 answer TCP, UDP and ICMP echo. An open pair
    /// answers a SYN with a SYN-ACK, an ACK with a RST, UDP with its payload made a
    /// response (DNS, NTP, SNMP and others by port, else as it was), an echo request
    /// with the reply. A closed one answers TCP with a RST, UDP with "port
    /// unreachable" from its own address, echo with nothing. The share --icmp gets
    /// "unreachable" or "prohibited" from the router. The rest is silent. 198.19.255.0/24
    /// and 2001:2:0:ffff::/64 are the lab's own and answered by its kernel.
    Run(Box<RunArgs>),
    /// The real servers that `--servers` knows
    Servers(ServersArgs),
    /// Unpack Debian packages into the lab's cache; prints where
    Unpack {
        /// Packages that are to lie together
        #[arg(required = true)]
        packages: Vec<String>,
    },
    /// The truth as JSON lines: what a lossless scanner would report
    Truth(Box<TruthArgs>),
    /// Compare a scan's JSON lines with the truth
    Check(Box<CheckArgs>),
}

/// The rules of the lab. All shares are per mille.
#[derive(Clone, Debug, Args)]
pub struct Rules {
    /// Seed of the hash that decides what each (address, port) is
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Share of all pairs that are open
    #[arg(long, value_name = "PM", default_value_t = 100, value_parser = per_mille())]
    pub open: u32,
    /// Share of all pairs that are closed
    #[arg(long, value_name = "PM", default_value_t = 300, value_parser = per_mille())]
    pub closed: u32,
    /// Share of all pairs for which the router answers "unreachable"
    #[arg(long, value_name = "PM", default_value_t = 20, value_parser = per_mille())]
    pub icmp: u32,
    /// Share of the answering pairs that answer three times
    #[arg(long, value_name = "PM", default_value_t = 0, value_parser = per_mille())]
    pub dup: u32,
    /// Share of the silent pairs that answer with a reply to something else: a wrong
    /// acknowledgement, sequence number, payload, echo id
    #[arg(long, value_name = "PM", default_value_t = 0, value_parser = per_mille())]
    pub forge: u32,
    /// Share of the answering pairs that ignore the first packet they ever get
    #[arg(long, value_name = "PM", default_value_t = 0, value_parser = per_mille())]
    pub lose_first: u32,
    /// Share of packets lost, each way on its own: a probe and its reply both
    /// survive with (1 - PM/1000)^2, every copy of a reply is drawn alone
    #[arg(long, value_name = "PM", default_value_t = 0, value_parser = per_mille())]
    pub loss: u32,
    /// Hold each reply for a time from A to B, spread by the hash of its pair
    #[arg(long, value_name = "A-B", value_parser = delay)]
    pub delay_us: Option<Delay>,
    /// The far end takes at most N probes a second and drops the rest
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub receiver_pps: Option<u64>,
}

/// A range of delays in microseconds, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    /// Shortest.
    pub min_us: u64,
    /// Longest.
    pub max_us: u64,
}

/// Longest delay that the lab holds a reply for.
pub const MAX_DELAY_US: u64 = 60_000_000;

impl Rules {
    /// The part that decides the truth.
    pub fn rule(&self) -> Result<Rule> {
        let Self { seed, open, closed, icmp, .. } = *self;
        let sum = open + closed + icmp;
        if sum > 1000 {
            return Err(Usage(format!(
                "--open {open}, --closed {closed} and --icmp {icmp} are {sum} per mille of all \
                 pairs, more than 1000"
            ))
            .into());
        }
        Ok(Rule { seed, open, closed, icmp })
    }
}

/// A mistake in the arguments: exit code 2.
#[derive(Debug)]
pub struct Usage(pub String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// `lab run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// What the lab does to probes.
    #[command(flatten)]
    pub rules: Rules,
    /// Forged replies.
    #[command(flatten)]
    pub flood: FloodArgs,
    /// Start real servers on the lab's own addresses: names, or `all`
    #[arg(long, value_name = "LIST")]
    pub servers: Option<String>,
    /// Whether they listen where everybody expects them, or 10,000 ports further
    #[arg(long, value_enum, default_value_t = ServerPorts::Usual, requires = "servers")]
    pub server_ports: ServerPorts,
    /// Add a host that answers nmap's sixteen probes as a fingerprint does: DB is a file in
    /// the format of nmap-os-db, LINE the line where the fingerprint begins. Values are drawn
    /// from its expressions by --seed. Repeated, 198.19.255.128 is the first, and so on; port
    /// 80 is open, everything else is closed
    #[arg(long, value_name = "DB:LINE", value_parser = personality::wanted, conflicts_with = "program")]
    pub personality: Vec<Wanted>,
    /// Add a zombie for idle scans at 198.19.255.240, which counts its packets in this way
    #[arg(long, value_enum, value_name = "KIND", num_args = 0..=1, require_equals = true,
          default_missing_value = "global", conflicts_with_all = ["program", "cards"])]
    pub zombie: Option<zombie::Kind>,
    /// Attach the first XDP program (by name) of this object instead of the lab's
    #[arg(long, value_name = "FILE.o")]
    pub program: Option<PathBuf>,
    /// Two cards of this host, joined by a cable, in place of the veth pair: the
    /// scanner's and the far end's. They are taken into the lab's namespaces with other
    /// addresses, and are back, down, when it ends
    #[arg(long, value_name = "SCAN,FAR", value_parser = cards, conflicts_with_all = ["mtu", "program"])]
    pub cards: Option<Cards>,
    /// Queues of both ends of the veth pair, or as many as the cards have
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub queues: u32,
    /// MTU of both ends
    #[arg(long, value_name = "BYTES", default_value_t = 1500, value_parser = clap::value_parser!(u32).range(1280..=65535))]
    pub mtu: u32,
    /// Write counters, times of arrival and link statistics there at the end (JSON)
    #[arg(long, value_name = "FILE")]
    pub stats: Option<PathBuf>,
    /// Write there at the end when each answered probe came and its reply left, the first
    /// 1,048,576 of them (JSON lines, nanoseconds of CLOCK_MONOTONIC)
    #[arg(long, value_name = "FILE", conflicts_with = "program")]
    pub times: Option<PathBuf>,
    /// The command to run, after `--`
    #[arg(last = true, required = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

impl RunArgs {
    /// What is to join the namespaces.
    pub fn link(&self) -> Link {
        match &self.cards {
            None => Link::Veth { queues: self.queues, mtu: self.mtu },
            Some(Cards { scan, far }) => Link::Cards { scan: scan.clone(), far: far.clone() },
        }
    }
}

/// The names of two cards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cards {
    /// The scanner's.
    pub scan: String,
    /// The far end's.
    pub far: String,
}

/// Where the real servers listen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ServerPorts {
    /// On the ports registered for them.
    #[default]
    Usual,
    /// 10,000 further, or 10,000 below where there is no such port.
    Odd,
}

/// `lab servers`.
#[derive(Debug, Args)]
pub struct ServersArgs {
    /// Only these: names, or `all`
    #[arg(long, value_name = "LIST", default_value = "all")]
    pub servers: String,
    /// As for `lab run`
    #[arg(long, value_enum, default_value_t = ServerPorts::Usual)]
    pub server_ports: ServerPorts,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// Which pairs are asked for.
#[derive(Clone, Debug, Args)]
pub struct Asked {
    /// Addresses, networks and ranges, comma-separated
    #[arg(long, value_name = "LIST")]
    pub targets: String,
    /// Ports and ranges, comma-separated; a ping sweep has none
    #[arg(long, value_name = "LIST", allow_hyphen_values = true)]
    pub ports: Option<String>,
    /// Addresses left out
    #[arg(long, value_name = "LIST")]
    pub exclude: Option<String>,
    /// Protocol; icmp is a ping sweep and reads `host` records
    #[arg(long, value_enum, default_value_t = Protocol::Tcp)]
    pub proto: Protocol,
    /// Which TCP scan: ack finds "unfiltered" where a SYN finds open and closed
    #[arg(long, value_enum, value_name = "KIND")]
    pub scan: Option<TcpScan>,
    /// Probes of the ping sweep, comma-separated: echo, syn:PORT, ack:PORT; a host is
    /// up where it answers one of them [default: what prtip -sn asks: echo, syn:443, ack:80]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub ping: Vec<Ping>,
}

/// The kinds of TCP scans with a truth of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum TcpScan {
    /// SYN.
    Syn,
    /// ACK.
    Ack,
}

impl Asked {
    /// What the scan asked of every pair.
    pub fn question(&self) -> Result<Question> {
        ensure!(self.scan.is_none() || self.proto == Protocol::Tcp, "--scan is for --proto tcp");
        ensure!(self.ping.is_empty() || self.proto == Protocol::Icmp, "--ping is for --proto icmp");
        Ok(match (self.proto, self.scan) {
            (Protocol::Tcp, Some(TcpScan::Ack)) => Question::Ack,
            (Protocol::Tcp, _) => Question::Syn,
            (Protocol::Udp, _) => Question::Udp,
            (Protocol::Icmp, _) if self.ping.is_empty() => Question::Ping(Ping::usual()),
            (Protocol::Icmp, _) => Question::Ping(self.ping.clone()),
        })
    }
}

/// `lab truth`.
#[derive(Debug, Args)]
pub struct TruthArgs {
    /// Which pairs are meant.
    #[command(flatten)]
    pub asked: Asked,
    /// What the lab does to probes.
    #[command(flatten)]
    pub rules: Rules,
}

/// `lab check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Which pairs are meant.
    #[command(flatten)]
    pub asked: Asked,
    /// What the lab does to probes.
    #[command(flatten)]
    pub rules: Rules,
    /// The states that must agree [default: open; ack: unfiltered; icmp: up]
    #[arg(long, value_enum, value_delimiter = ',')]
    pub states: Vec<State>,
    /// The scan's JSON lines; `-` is standard input
    #[arg(value_name = "RESULT.jsonl")]
    pub result: PathBuf,
}

fn per_mille() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(0..=1000)
}

fn cards(text: &str) -> Result<Cards> {
    let (scan, far) = text.split_once(',').context("two names, separated by a comma")?;
    for name in [scan, far] {
        // What `ip -batch` would take apart, and more.
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
        ensure!(plain && (1..=15).contains(&name.len()), "{name:?} is no name of an interface");
    }
    ensure!(scan != far, "the two ends of a cable are two cards");
    Ok(Cards { scan: scan.to_owned(), far: far.to_owned() })
}

fn delay(text: &str) -> Result<Delay> {
    let (min, max) = text.split_once('-').unwrap_or((text, text));
    let (min_us, max_us) = (min.parse()?, max.parse()?);
    ensure!(min_us <= max_us, "the range ends before it begins");
    ensure!(max_us <= MAX_DELAY_US, "more than {MAX_DELAY_US} us");
    Ok(Delay { min_us, max_us })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn cards_are_two_names_that_cannot_be_commands() {
        let two = Cards { scan: "eth0".into(), far: "enp1s0.5".into() };
        assert_eq!(cards("eth0,enp1s0.5").unwrap(), two);
        for bad in
            ["", "eth0", "eth0,", "eth0,eth0", "a b,c", "a,b\nlink del c", "a,sixteencharacters"]
        {
            assert!(cards(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_delay_is_a_range_or_one_number() {
        assert_eq!(delay("100-900").unwrap(), Delay { min_us: 100, max_us: 900 });
        assert_eq!(delay("50").unwrap(), Delay { min_us: 50, max_us: 50 });
        for bad in ["", "9-8", "x-9", "0-60000001"] {
            assert!(delay(bad).is_err(), "{bad}");
        }
    }
}
