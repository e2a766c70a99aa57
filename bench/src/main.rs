//! `prtip-bench`: the lab (a synthetic internet in private network namespaces)
//! and the benchmarks.
//!
//! Exit codes: those of the command for `lab run` (128 + signal where it was
//! killed, 127 where it cannot be started), else 0 done, 1 failed or the
//! results are not the truth, 2 usage, 4 privileges missing, 5 `vm` cannot have its
//! packages.

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use prtip_bench::benchmark::BenchArgs;
use prtip_bench::fleet::{self, FleetArgs};
use prtip_bench::log::LogArgs;
use prtip_bench::matching::{self, MatchArgs};
use prtip_bench::os_matching::{self, OsArgs};
use prtip_bench::peers::{self, PeersArgs};
use prtip_bench::wire::CardArgs;
use prtip_bench::{lab, log, roundtrip, rtt, tls, tx, vm};

#[derive(Debug, Parser)]
#[command(name = "prtip-bench", version, about = "The lab and the benchmarks of prtip")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A synthetic internet in private network namespaces, and its truth
    #[command(subcommand)]
    Lab(lab::args::LabCommand),
    /// How fast probes leave: the engine against a bare loop, AF_PACKET, and two queues
    ///
    /// In private network namespaces; with -e on a card of yours, at full rate, to the
    /// hosts named (docs/benchmark-your-card.md).
    Tx(LinkArgs),
    /// How fast probes leave and their answers are judged, against a bare echo loop
    ///
    /// In private network namespaces; with -e on a card of yours, at full rate, to the
    /// hosts named, which should answer every SYN (docs/benchmark-your-card.md).
    Roundtrip(RoundtripArgs),
    /// The round-trip times that a scan tells at 50,000 probes a second, beside the lab's clock
    Rtt(BenchArgs),
    /// What reading and judging certificates costs, beside x509-parser and webpki alone
    Tls(BenchArgs),
    /// Zero-copy proved in a virtual machine: no card, no privileges, no /dev/kvm
    Vm(vm::VmArgs),
    /// How many events a second the event log takes, synced, against BufWriter with
    /// serde_json and tracing's JSON layer
    Log(LogArgs),
    /// How many workers a NATS server carries: all of a fleet but its packets
    Fleet(FleetArgs),
    /// masscan, zmap and nmap beside prtip on the lab: rate, CPU time, recall, memory
    Peers(PeersArgs),
    /// Fingerprints of operating systems against thousands, and against the same one by one
    Os(OsArgs),
    /// Answers of services against the signatures, and against the same rules one by one
    Match(MatchArgs),
}

#[derive(Debug, Args)]
struct LinkArgs {
    #[command(flatten)]
    bench: BenchArgs,
    #[command(flatten)]
    card: CardArgs,
}

#[derive(Debug, Args)]
struct RoundtripArgs {
    #[command(flatten)]
    link: LinkArgs,
    /// Measure what an event log costs, instead
    #[arg(long)]
    events: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Lab(command) => lab::run(command),
        Command::Tx(args) => tx::run(&args.bench, &args.card).map(|()| 0),
        Command::Roundtrip(args) if args.events => {
            roundtrip::events(&args.link.bench, &args.link.card).map(|()| 0)
        }
        Command::Roundtrip(args) => roundtrip::run(&args.link.bench, &args.link.card).map(|()| 0),
        Command::Rtt(args) => rtt::run(&args).map(|()| 0),
        Command::Tls(args) => tls::run(&args).map(|()| 0),
        Command::Vm(args) => vm::run(&args),
        Command::Log(args) => log::run(&args).map(|()| 0),
        Command::Fleet(args) => fleet::run(&args).map(|()| 0),
        Command::Os(args) => os_matching::run(&args).map(|()| 0),
        Command::Match(args) => matching::run(&args).map(|()| 0),
        Command::Peers(args) => peers::run(&args).map(|()| 0),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("prtip-bench: {error:#}");
            ExitCode::from(lab::exit_code(&error))
        }
    }
}
