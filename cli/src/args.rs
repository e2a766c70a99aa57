//! The command line, parsed low: every flag becomes a checked value, and nothing
//! is decided here that needs another flag, a file or the system.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use prtip_engine::event::PortState;
use prtip_engine::event::files::Field;
use prtip_engine::plan::{Ask, ProbeKind};
use prtip_engine::route::neighbour::parse_mac;
use prtip_engine::scan::Rate;

use crate::detection::DetectionArgs;
use crate::signatures::SignaturesCommand;
use crate::timing::Timing;

const NMAP_FLAGS: &str = "\
nmap's flags:
  -sS          TCP SYN scan (what prtip does where nothing else is asked for)
  -sA          TCP ACK scan: which ports are unfiltered
  -sU          UDP scan; with -sS or -sA too, `-p` holds for both, T: and U: for one
  -sn          look for hosts, not for ports: on the local network by ARP and neighbour
               discovery, elsewhere by echo request, SYN to 443, ACK to 80
  -PR          with -sn: by ARP and neighbour discovery alone
  -PE -PS80,443 -PA80
               with -sn: ask in these ways, in this order
  -sI ZOMBIE[:PORT]
               idle scan: SYNs in the name of another host, whose counting of packets
               tells which ports are open; the targets never see our address
  -sV          ask open ports for their services and versions
  -O           tell operating systems by how hosts with an open TCP port answer sixteen probes
  -iL FILE     the same as --input-list
  -Pn          no host discovery (there is none but -sn)
  -n           no reverse look-ups (there are none)
  --open       the same as --show open (the default)
  -oN -oX -oG FILE, -oA BASE
               the same as --nmap-text, --nmap-xml, --nmap-grep and --nmap-all
  -T0 … -T5    rate, retries and cooldown by one name; each can be set by its own flag
               -T0  paranoid        1 a second   3 retries  10 s
               -T1  sneaky         10 a second   3 retries  10 s
               -T2  polite        100 a second   2 retries   6 s
               -T3  normal      1,000 a second   1 retry *   4 s (the default)
               -T4  aggressive 10,000 a second   1 retry *   3 s
               -T5  insane    100,000 a second   0 retries   2 s
               * up to 2^20 pairs, else 0

Exit codes: 0 done, 1 failed, 2 usage, 3 stopped before the end, 4 privileges or
kernel features missing.

Examples:
  prtip -sS -p 1-10000 127.0.0.1
  prtip -p 80,443 --rate 50000 --event-log events.jsonl 198.51.100.0/24
  prtip --dry-run --json -p- 198.18.0.0/15 | head";

/// Scans TCP and UDP ports, and for hosts, with packets that bypass the kernel's network stack.
#[derive(Debug, Parser)]
#[command(
    name = "prtip",
    version,
    after_help = NMAP_FLAGS,
    max_term_width = 100,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub scan: ScanArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Tells what each port engine can do on this machine, and why not.
    Doctor(DoctorArgs),
    /// Prints the completions of a shell.
    Completions {
        /// Which shell.
        shell: Shell,
    },
    /// Service signatures, offline: `check`, `match`, `probes`.
    #[command(subcommand)]
    Signatures(SignaturesCommand),
    /// Makes one HTML page of event logs, for a browser or a printer; it needs nothing else.
    ///
    /// What was found, by port, service, network and host; round-trip times; rate and loss
    /// over time; the ledger; certificates that end soon. Also of a log whose scan was
    /// killed or still runs, of what --json wrote, and of logs that were rotated or compressed.
    Report(ReportArgs),
    /// Certificates of TLS servers: `check` a chain offline, `ask` a server.
    #[command(subcommand)]
    Tls(crate::tls::TlsCommand),
    /// Operating systems, offline: `match` a fingerprint.
    #[command(subcommand)]
    Os(crate::os::OsCommand),
    /// Looks for hosts that an idle scan (-sI) can go by way of.
    ///
    /// Each is asked a few times on one port; those whose IP identifications count all
    /// their packets in order will do. Prints a line each, with --json a `zombie` record.
    Zombie(crate::idle::ZombieArgs),
    /// One scan by many machines, handed out by a NATS server with JetStream.
    #[cfg(feature = "fleet")]
    #[command(subcommand)]
    Fleet(Box<crate::fleet::FleetCommand>),
    /// Prints the JSON Schema of the JSON lines.
    Schema,
    /// Prints the manual page (roff).
    Man,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Interface to examine; default: that of the default route, else loopback.
    #[arg(short = 'e', long = "interface", value_name = "IFACE")]
    pub interface: Option<String>,
    /// Answer as one JSON object.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Event logs; `-` is standard input.
    #[arg(value_name = "LOG", required = true)]
    pub logs: Vec<PathBuf>,
    /// Where the page goes; default: standard output, where that is no terminal.
    #[arg(short = 'o', long = "output", value_name = "FILE", default_value = "-")]
    pub output: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ScanArgs {
    #[command(flatten)]
    pub targets: TargetArgs,
    #[command(flatten)]
    pub ports: PortArgs,
    #[command(flatten)]
    pub pace: PaceArgs,
    #[command(flatten)]
    pub way_out: WayOutArgs,
    #[command(flatten)]
    pub detection: DetectionArgs,
    #[command(flatten)]
    pub results: ResultArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Targets")]
pub(crate) struct TargetArgs {
    /// Address, prefix (198.51.100.0/24), range (198.51.100.1-20) or host name.
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,
    /// Read targets from FILE, `-` for standard input [nmap: -iL].
    #[arg(long, value_name = "FILE")]
    pub input_list: Vec<PathBuf>,
    /// Leave these targets out, comma-separated.
    #[arg(long, value_name = "TARGETS", value_delimiter = ',')]
    pub exclude: Vec<String>,
    /// Leave the targets in FILE out.
    #[arg(long, value_name = "FILE")]
    pub excludefile: Vec<PathBuf>,
    /// Scan these special-purpose addresses although no target lies wholly inside them.
    #[arg(long, value_name = "PREFIX", value_delimiter = ',')]
    pub allow_special: Vec<String>,
    /// All of IPv4 is meant, without an --excludefile.
    #[arg(long)]
    pub whole_internet: bool,
    /// Stop after N (address, port) pairs of the random order.
    #[arg(long, value_name = "N")]
    pub max_targets: Option<u64>,
    /// TCP SYN scan [nmap: -sS].
    #[arg(long, action = ArgAction::Count, conflicts_with_all = ["ack_scan", "ping_scan"])]
    pub syn_scan: u8,
    /// TCP ACK scan [nmap: -sA].
    #[arg(long, action = ArgAction::Count, conflicts_with = "ping_scan")]
    pub ack_scan: u8,
    /// UDP scan [nmap: -sU].
    #[arg(long, action = ArgAction::Count, conflicts_with = "ping_scan")]
    pub udp_scan: u8,
    /// Idle scan by way of this host, port 80 where none is given [nmap: -sI].
    #[arg(long, value_name = "ZOMBIE[:PORT]", conflicts_with_all = ["syn_scan", "ack_scan",
          "udp_scan", "ping_scan", "service_scan", "os_scan", "dry_run"])]
    pub idle_scan: Option<String>,
    /// Look for hosts, not for ports [nmap: -sn].
    #[arg(long, action = ArgAction::Count, conflicts_with_all = ["ports", "fast", "top_ports"])]
    pub ping_scan: u8,
    /// With --ping-scan: how to ask, in order: echo, syn:PORT, ack:PORT [nmap: -PE -PS -PA].
    #[arg(long, value_name = "WAYS", value_delimiter = ',', value_parser = parse_ask,
          requires = "ping_scan")]
    pub ask: Vec<Ask>,
    /// With --ping-scan: ask by ARP and neighbour discovery alone; all targets must be on
    /// the local network [nmap: -PR].
    #[arg(long, action = ArgAction::Count, requires = "ping_scan", conflicts_with = "ask")]
    pub arp_ping: u8,
    /// With --ping-scan: ask hosts on the local network as all others.
    #[arg(long, requires = "ping_scan", conflicts_with = "arp_ping")]
    pub disable_arp_ping: bool,
    #[arg(long, hide = true, action = ArgAction::Count)]
    no_discovery: u8,
    /// Never look names up in reverse (prtip does not anyway).
    #[arg(short = 'n', action = ArgAction::Count, hide = true)]
    no_reverse: u8,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Ports")]
pub(crate) struct PortArgs {
    /// Ports: 22,80,8000-8100, or - for all. Default: our top 100 for up to 256 addresses.
    #[arg(short = 'p', long = "ports", value_name = "PORTS", allow_hyphen_values = true)]
    pub ports: Option<String>,
    /// Our top 100 ports.
    #[arg(short = 'F', long = "fast", conflicts_with_all = ["ports", "top_ports"])]
    pub fast: bool,
    /// Our N most frequent ports.
    #[arg(long, value_name = "N", conflicts_with = "ports",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub top_ports: Option<u16>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Pace")]
pub(crate) struct PaceArgs {
    /// Probes a second, retries included: a number (50000, 50k, 1.5m), max (until this host
    /// drops something) or auto (until something is lost here or on the way) [default: 1000].
    #[arg(long, value_name = "PPS", value_parser = parse_rate, allow_negative_numbers = true)]
    pub rate: Option<Rate>,
    /// Rate, retries and cooldown by nmap's name; see below.
    #[arg(short = 'T', long = "timing", value_name = "0-5", value_parser = Timing::parse,
          default_value = "3", hide_default_value = true)]
    pub timing: Timing,
    /// Send again to what has not answered [default: 1 up to 2^20 pairs, else 0].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=15),
          allow_negative_numbers = true)]
    pub retries: Option<u8>,
    /// Seconds to listen after the last probe [default: 4].
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds,
          allow_negative_numbers = true)]
    pub cooldown: Option<Duration>,
    /// Seed of the random order; default: random, and told.
    #[arg(long, value_name = "N", value_parser = parse_seed, allow_negative_numbers = true)]
    pub seed: Option<u64>,
    /// Scan part I of N (the first is 1); needs --seed, and no host names.
    #[arg(long, value_name = "I/N", value_parser = parse_shard, requires = "seed")]
    pub shard: Option<(u64, u64)>,
    /// Say what would be probed, in which order; send nothing.
    #[arg(long, conflicts_with_all = ["nmap_text", "nmap_xml", "nmap_grep", "nmap_all", "csv", "parquet", "ndjson", "latency", "stage_latency", "status_file", "metrics", "pcap"])]
    pub dry_run: bool,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Way out")]
pub(crate) struct WayOutArgs {
    /// Interfaces to send from, comma-separated or given several times; default: as the
    /// routes say.
    #[arg(short = 'e', long = "interface", value_name = "IFACE", value_delimiter = ',')]
    pub interface: Vec<String>,
    /// How packets leave.
    #[arg(long, value_enum, default_value_t = PortEngine::Auto)]
    pub port_engine: PortEngine,
    /// How AF_XDP sockets are bound.
    #[arg(long, value_enum, default_value_t = XdpModeArg::Auto)]
    pub xdp_mode: XdpModeArg,
    /// Fail where zero-copy is not to be had.
    #[arg(long)]
    pub require_zerocopy: bool,
    /// AF_XDP workers poll the card themselves, USECS at a time, where the interface
    /// defers its interrupts.
    #[arg(long, value_name = "USECS", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub busy_poll: Option<u32>,
    /// Receive queues to use; replies on the others are not seen. Default: all.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub queues: Option<u32>,
    /// Source address; may be given several times: all are used, one a target.
    #[arg(long, value_name = "ADDRESS")]
    pub source_ip: Vec<IpAddr>,
    /// Source ports; every attempt needs one of its own.
    #[arg(long, value_name = "A-B", default_value = "61000-65535", value_parser = parse_port_range)]
    pub source_ports: RangeInclusive<u16>,
    /// MAC address of the next hop; default: asked of the kernel.
    #[arg(long, value_name = "MAC", value_parser = parse_mac)]
    pub router_mac: Option<[u8; 6]>,
    /// Tag probes with this 802.1Q VLAN.
    #[arg(long, value_name = "ID", value_parser = clap::value_parser!(u16).range(1..=4094))]
    pub vlan: Option<u16>,
    /// TCP options of the SYN: none, MSS, or what Linux sends.
    #[arg(long, value_enum, default_value_t = SynArg::Mss)]
    pub syn: SynArg,
    /// Words for people who see our probes, in payloads that have room (SIP, echo requests, …).
    #[arg(long, value_name = "TEXT")]
    pub contact: Option<String>,
    /// Send no RST: leave half-open connections to the other side's timeout.
    #[arg(long)]
    pub no_rst: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Results")]
pub(crate) struct ResultArgs {
    /// States to report: open, closed, filtered, unfiltered, `open|filtered`, `closed|filtered`, up, down, all; comma-separated. Default: what answered open, unfiltered or up.
    #[arg(long, value_name = "STATES", value_delimiter = ',')]
    pub show: Vec<StateArg>,
    /// JSON lines on standard output instead of a table.
    #[arg(long)]
    pub json: bool,
    /// Write a crash-safe log of JSON lines to a new FILE; its key goes to FILE.key. It never
    /// overwrites; the files below do, as nmap's.
    #[arg(long, value_name = "FILE")]
    pub event_log: Option<PathBuf>,
    #[command(flatten)]
    pub log: LogArgs,
    /// nmap's text for people, at the end; `-` is standard output [nmap: -oN].
    #[arg(long, value_name = "FILE")]
    pub nmap_text: Option<PathBuf>,
    /// nmap's XML, at the end [nmap: -oX].
    #[arg(long, value_name = "FILE")]
    pub nmap_xml: Option<PathBuf>,
    /// nmap's lines for grep, at the end [nmap: -oG].
    #[arg(long, value_name = "FILE")]
    pub nmap_grep: Option<PathBuf>,
    /// All three: BASE.nmap, BASE.xml, BASE.gnmap [nmap: -oA].
    #[arg(long, value_name = "BASE")]
    pub nmap_all: Option<PathBuf>,
    /// CSV with ZMap's field names, as results come; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// The same fields as typed columns of Parquet, for DuckDB, pandas and the like; `-` is
    /// standard output. Readable once the scan has ended.
    #[arg(long, value_name = "FILE")]
    pub parquet: Option<PathBuf>,
    /// The fields of --csv and --parquet, comma-separated, or `help` for a list. Default: all.
    #[arg(long, value_name = "FIELDS", value_delimiter = ',', value_parser = parse_field)]
    pub output_fields: Vec<Field>,
    /// JSON lines as masscan writes them, as results come; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    pub ndjson: Option<PathBuf>,
    /// Round-trip times as an HdrHistogram: percentiles in microseconds (FILE.hgrm, and how
    /// late probes left in FILE.send-lag.hgrm) or a log of intervals (FILE.hlog).
    #[arg(long, value_name = "FILE")]
    pub latency: Vec<PathBuf>,
    /// Round-trip times by groups too, as tags in FILE.hlog; the first 1024 groups apart.
    #[arg(long, value_enum, value_name = "GROUP")]
    pub latency_by: Option<GroupArg>,
    /// Time the engine itself: from making probes to the kick of the kernel, from there to
    /// their completion, from the kernel's time stamp on a reply to its event. At the end, in
    /// a `stages` record, and beside --latency FILE.
    #[arg(long)]
    pub stage_latency: bool,
    /// Where the scan stands, a line a second, in CSV with ZMap's columns.
    #[arg(long, value_name = "FILE")]
    pub status_file: Option<PathBuf>,
    /// Answer Prometheus on this loopback address, at /metrics.
    #[arg(long, value_name = "ADDR:PORT")]
    pub metrics: Option<SocketAddr>,
    /// --metrics may be an address that others can reach.
    #[arg(long, requires = "metrics")]
    pub metrics_anywhere: bool,
    /// Accepted replies as pcapng, up to 512 bytes of each.
    #[arg(long, value_name = "FILE")]
    pub pcap: Option<PathBuf>,
    /// Go on with the interrupted scan of this event log, as it was asked for; only
    /// --json, --rate, -v, --log-sync, --log-rotate, --log-compress and --on-full may stand
    /// beside it.
    #[arg(long, value_name = "LOG")]
    pub resume: Option<PathBuf>,
    /// Say more: the ledger in full, and what the steering program saw.
    #[arg(short = 'v', long = "verbose", action = ArgAction::Count)]
    pub verbose: u8,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct LogArgs {
    /// When the event log is made durable by fdatasync: never, once a second, or always at
    /// once, in groups [default: interval].
    #[arg(long, value_enum, value_name = "WHEN")]
    pub log_sync: Option<SyncArg>,
    /// Go on in a new file at this size (512k, 100M, 1G) or age (30s, 15m, 6h, 1d), or
    /// whichever comes first of both; the full ones are FILE.000001, FILE.000002, …
    #[arg(long, value_name = "SIZE|TIME", value_delimiter = ',', value_parser = parse_rotation)]
    pub log_rotate: Vec<RotateArg>,
    /// Compress the full files.
    #[arg(long, value_enum, value_name = "HOW")]
    pub log_compress: Option<CompressArg>,
    /// When the event log can no longer be written (the disk is full): stop sending, or
    /// continue without it [default: stop].
    #[arg(long, value_enum, value_name = "WHAT")]
    pub on_full: Option<OnFullArg>,
}

/// Values of `--log-sync`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SyncArg {
    /// When the kernel sees fit.
    Never,
    /// Once a second.
    Interval,
    /// At once; records that come meanwhile share the next sync.
    Always,
}

/// Values of `--log-rotate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RotateArg {
    /// Bytes of a file.
    Size(u64),
    /// Age of a file.
    Age(Duration),
}

/// Values of `--log-compress`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CompressArg {
    /// FILE.000001.gz: for zcat.
    Gzip,
    /// FILE.000001.zst: for zstd -d.
    Zstd,
}

/// Values of `--on-full`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnFullArg {
    /// Stop sending; --resume goes on.
    Stop,
    /// Scan on; what is found from then on is not in the log.
    Continue,
}

/// Values of `--port-engine`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PortEngine {
    /// The best that works here.
    Auto,
    /// AF_XDP.
    Xdp,
    /// Frames made by the kernel, replies over AF_XDP.
    Live,
    /// AF_PACKET.
    Packet,
    /// Raw IP sockets.
    Raw,
}

/// Values of `--xdp-mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum XdpModeArg {
    /// Zero-copy, else copy, else generic.
    Auto,
    /// The driver's own buffers.
    Zerocopy,
    /// Copies, with a program in the driver.
    Copy,
    /// Copies, with a program behind the driver.
    Generic,
}

/// Values of `--syn`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SynArg {
    /// No options.
    Bare,
    /// Maximum segment size.
    Mss,
    /// As Linux.
    Linux,
}

/// Values of `--latency-by`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GroupArg {
    /// Protocol and port.
    Port,
    /// Network: /24 of IPv4, /48 of IPv6.
    Net24,
}

/// Values of `--show`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateArg {
    /// A SYN-ACK or a datagram came.
    Open,
    /// A RST came, or "port unreachable" for a UDP port.
    Closed,
    /// An ICMP error came, or nothing.
    Filtered,
    /// A RST to an ACK came.
    Unfiltered,
    /// Nothing came from a UDP port.
    #[value(name = "open|filtered")]
    OpenFiltered,
    /// An idle scan counted nothing.
    #[value(name = "closed|filtered")]
    ClosedFiltered,
    /// The host answered.
    Up,
    /// An ICMP error came in the host's place, or nothing.
    Down,
    /// All of them.
    All,
}

impl StateArg {
    /// The states that it stands for.
    pub(crate) fn states(self) -> &'static [PortState] {
        match self {
            Self::Open => &[PortState::Open],
            Self::Closed => &[PortState::Closed],
            Self::Filtered | Self::Down => &[PortState::Filtered],
            Self::Unfiltered => &[PortState::Unfiltered],
            Self::OpenFiltered => &[PortState::OpenFiltered],
            Self::ClosedFiltered => &[PortState::ClosedFiltered],
            Self::Up => &[PortState::Open],
            Self::All => &PortState::ALL,
        }
    }
}

fn parse_field(text: &str) -> Result<Field, String> {
    Field::from_name(text).ok_or_else(|| {
        let list: Vec<String> =
            Field::all().map(|field| format!("  {:<15} {}", field.name(), field.about())).collect();
        format!("the fields are\n{}", list.join("\n"))
    })
}

pub(crate) fn parse_rate(text: &str) -> Result<Rate, String> {
    match text {
        "max" => return Ok(Rate::Max),
        "auto" => return Ok(Rate::Auto),
        _ => {}
    }
    let (digits, factor) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 1e3),
        Some((at, 'm' | 'M')) => (&text[..at], 1e6),
        _ => (text, 1.0),
    };
    // f64 also reads "inf", "nan" and "1e9"; a rate is digits with at most one point.
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let rate = if plain { digits.parse::<f64>().ok() } else { None };
    match rate.map(|rate| rate * factor) {
        Some(rate) if (0.01..=1e9).contains(&rate) => Ok(Rate::PerSecond(rate)),
        _ => Err("a rate is a number from 0.01 to 1000000000 (k and m for thousands and \
                  millions), max or auto"
            .into()),
    }
}

/// `100M` or `1h`. As logrotate and find have it, `k`, `M` and `G` are sizes; `s`, `m`, `h`
/// and `d` are times.
fn parse_rotation(text: &str) -> Result<RotateArg, String> {
    let unit = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(unit);
    let factor: u64 = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "k" | "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        _ => 0,
    };
    let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    match (number, unit) {
        (Some(number @ 1..=31_536_000), "s" | "m" | "h" | "d") => {
            Ok(RotateArg::Age(Duration::from_secs(number)))
        }
        (Some(number @ 4096..), "" | "k" | "K" | "M" | "G") => Ok(RotateArg::Size(number)),
        _ => Err("a size from 4k on (512k, 100M, 1G) or a time from 1s to 365d (15m, 6h)".into()),
    }
}

/// `echo`, `syn:443` or `ack:80`.
fn parse_ask(text: &str) -> Result<Ask, String> {
    let (kind, port) = match text.split_once(':') {
        Some((kind, port)) => (kind, port.parse::<u16>().ok().filter(|&port| port > 0)),
        None => (text, None),
    };
    let kind = match kind {
        "echo" if !text.contains(':') => return Ok(Ask { kind: ProbeKind::Echo, port: 0 }),
        "syn" => ProbeKind::Syn,
        "ack" => ProbeKind::Ack,
        _ => return Err("a way to ask is echo, syn:PORT or ack:PORT".into()),
    };
    let port = port.ok_or("a way to ask by TCP needs a port, as in syn:443")?;
    Ok(Ask { kind, port })
}

fn parse_seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("a seed is a whole number from 0 to {}", u64::MAX))
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=3600.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("seconds from 0 to 3600".into()),
    }
}

fn parse_shard(text: &str) -> Result<(u64, u64), String> {
    let parse = |text: &str| text.parse::<u64>().ok().filter(|&number| number > 0);
    match text.split_once('/').map(|(part, of)| (parse(part), parse(of))) {
        Some((Some(part), Some(of))) if part <= of => Ok((part, of)),
        _ => Err("a shard is I/N, from 1/N to N/N".into()),
    }
}

fn parse_port_range(text: &str) -> Result<RangeInclusive<u16>, String> {
    let port = |text: &str| text.parse::<u16>().ok().filter(|&port| port > 0);
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (port(first), port(last)) {
        (Some(first), Some(last)) if first <= last => Ok(first..=last),
        _ => Err("source ports are A-B with 1 <= A <= B <= 65535".into()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<ScanArgs, clap::Error> {
        let args = crate::flags::rewrite(line.split_whitespace().map(Into::into)).unwrap();
        Cli::try_parse_from(std::iter::once("prtip".into()).chain(args)).map(|cli| cli.scan)
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn ports_are_taken_as_nmap_takes_them() {
        for (line, ports) in [
            ("-p- host", "-"),
            ("-p - host", "-"),
            ("-p 1-100 host", "1-100"),
            ("-p1-100 host", "1-100"),
            ("-p -100 host", "-100"),
            ("-sS -p T:80,443 host", "T:80,443"),
        ] {
            let args = parse(line).unwrap();
            assert_eq!(args.ports.ports.as_deref(), Some(ports), "{line}");
            assert_eq!(args.targets.targets, ["host"], "{line}");
        }
    }

    #[test]
    fn a_line_of_nmaps_flags_is_understood() {
        let args = parse("-sS -Pn -n -F -v -v -T4 -iL - -e scan0 a.example 198.18.0.0/15").unwrap();
        assert!(args.ports.fast);
        assert_eq!(args.results.verbose, 2);
        assert_eq!(args.pace.timing, Timing::parse("4").unwrap());
        assert_eq!(args.targets.input_list, [PathBuf::from("-")]);
        assert_eq!(args.way_out.interface, ["scan0"]);
        assert_eq!(args.targets.targets, ["a.example", "198.18.0.0/15"]);
    }

    #[test]
    fn rates_have_suffixes_and_limits() {
        for (text, rate) in [("50000", 5e4), ("10k", 1e4), ("1.5m", 1.5e6), ("0.5", 0.5)] {
            assert_eq!(parse_rate(text), Ok(Rate::PerSecond(rate)), "{text}");
        }
        assert_eq!(parse_rate("max"), Ok(Rate::Max));
        assert_eq!(parse_rate("auto"), Ok(Rate::Auto));
        for text in ["0", "-1", "nan", "inf", "1e5", "", "k", ".", "Auto", "2000m", "1 000"] {
            assert!(parse_rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn logs_are_rotated_by_size_or_time() {
        let minutes = |n: u64| Ok(RotateArg::Age(Duration::from_secs(n * 60)));
        for (text, expected) in [
            ("4096", Ok(RotateArg::Size(4096))),
            ("10M", Ok(RotateArg::Size(10 << 20))),
            ("512k", Ok(RotateArg::Size(512 << 10))),
            ("10m", minutes(10)),
            ("6h", minutes(360)),
            ("1d", minutes(1440)),
        ] {
            assert_eq!(parse_rotation(text), expected, "{text}");
        }
        for text in [
            "",
            "0",
            "100",
            "1k",
            "M",
            "-1M",
            "1.5G",
            "0s",
            "366d",
            "99999999999999999999G",
            "1 M",
            "1T",
        ] {
            assert!(parse_rotation(text).is_err(), "{text}");
        }
        let both = parse("--log-rotate 1G,1h host").unwrap();
        assert_eq!(both.results.log.log_rotate.len(), 2);
    }

    #[test]
    fn shards_are_counted_from_one_and_need_a_seed() {
        assert_eq!(parse("--seed 1 --shard 2/3 host").unwrap().pace.shard, Some((2, 3)));
        for text in ["0/3", "4/3", "1", "1/0", "a/b", "1/2/3"] {
            assert!(parse_shard(text).is_err(), "{text}");
        }
        assert!(parse("--shard 1/2 host").is_err());
    }

    #[test]
    fn mac_addresses_are_six_bytes_of_one_station() {
        assert_eq!(parse_mac("02:0a:00:00:00:FF"), Ok([2, 10, 0, 0, 0, 255]));
        for text in [
            "",
            "02:00:00:00:00",
            "02:00:00:00:00:00:00",
            "+2:00:00:00:00:00",
            "01:00:5e:00:00:01",
            "00:00:00:00:00:00",
            "020000000001",
        ] {
            assert!(parse_mac(text).is_err(), "{text}");
        }
    }

    #[test]
    fn source_ports_exclude_zero_and_reversed_ranges() {
        assert_eq!(parse_port_range("100-200"), Ok(100..=200));
        assert_eq!(parse_port_range("100"), Ok(100..=100));
        for text in ["0-5", "5-4", "1-70000", "", "-"] {
            assert!(parse_port_range(text).is_err(), "{text}");
        }
    }
}
