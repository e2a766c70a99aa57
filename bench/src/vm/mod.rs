//! AF_XDP zero-copy without a card that has it: a virtual machine whose emulated cards
//! have.
//!
//! ```text
//!   guest, started from memory
//!   init.sh ─ steps ─▶ lab run --cards eth0,eth1 ─▶ scan.sh: prtip, ss, lab check
//!              scanner's namespace: eth0 ─── cable (QEMU hub) ─── eth1: far namespace
//!   serial port 1: what the steps print ─▶ [`verdict`]     serial port 2: console
//! ```
//!
//! Everything comes from Debian packages that are unpacked privately ([`packages`]);
//! QEMU emulates the processor too, so that neither /dev/kvm nor privileges nor a
//! network are needed. Two machines run side by side: in the first one
//! everything is there, in the second one the cards bypass the IOMMU, which is what
//! virtio_net refuses zero-copy for.

mod archive;
mod machine;
mod packages;
mod verdict;

use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use machine::{Machine, Told};
pub(crate) use packages::NotToBeHad;
use packages::Packages;
use verdict::{Expected, judge};

/// The part of [`RULES`] that decides the truth.
const TRUTH: &str = "--seed 7 --open 100 --closed 700 --icmp 100";
/// What the lab does in the guest.
const RULES: &str = "--seed 7 --open 100 --closed 700 --icmp 100 --dup 20 --forge 50";

/// What prtip says of its way out where it may choose.
const AUTO: &str = "xdp, zerocopy on scan0";
/// What it says of its memory: the guest has two nodes, the cards are on the second.
const NEAR: &str = "frames on NUMA node 1, the card's";

/// Exit code where the packages cannot be had.
pub const SKIPPED: u8 = 5;

/// `prtip-bench vm`.
#[derive(Debug, Args)]
pub struct VmArgs {
    /// The emulated cards: virtio has one queue; igb has two, needs a larger kernel
    /// package (170 MB) and takes longer
    #[arg(long, value_enum, default_value_t = Card::Virtio)]
    pub cards: Card,
    /// Seconds after which the machines are killed
    #[arg(long, value_name = "SECONDS", default_value_t = 480)]
    pub timeout: u64,
    /// Write all that the machines said there
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
}

/// What QEMU emulates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Card {
    /// virtio-net.
    Virtio,
    /// Intel 82576, two queues.
    Igb,
}

impl Card {
    /// The flavour of the kernel that has its driver.
    fn flavour(self) -> &'static str {
        match self {
            Self::Virtio => "cloud-amd64",
            Self::Igb => "amd64",
        }
    }

    /// Modules to load, in this order; those that are built in are not found.
    fn modules(self) -> &'static [&'static str] {
        match self {
            Self::Virtio => &["xsk_diag", "failover", "net_failover", "virtio_net"],
            Self::Igb => &["xsk_diag", "pps_core", "ptp", "dca", "i2c-algo-bit", "igb"],
        }
    }

    fn queues(self) -> u32 {
        match self {
            Self::Virtio => 1,
            Self::Igb => 2,
        }
    }

    /// QEMU's arguments for one card.
    fn device(self, end: usize, mac: &str, iommu: bool) -> Vec<String> {
        // On a bus of its own, which belongs to the second NUMA node.
        let port = [
            "-device".to_owned(),
            format!("pcie-root-port,id=port{end},bus=far,chassis={0},slot={0}", end + 1),
        ];
        match self {
            // With packed rings the transmission stalls.
            Self::Virtio => {
                let iommu = if iommu { ",iommu_platform=on" } else { "" };
                let common = "disable-legacy=on,romfile=";
                let device = format!(
                    "virtio-net-pci,netdev=end{end},mac={mac},bus=port{end},{common}{iommu}"
                );
                vec![port[0].clone(), port[1].clone(), "-device".into(), device]
            }
            Self::Igb => vec![
                port[0].clone(),
                port[1].clone(),
                "-device".into(),
                format!("igb,netdev=end{end},mac={mac},bus=port{end},romfile="),
            ],
        }
    }
}

/// Steps of the guest: name, command, what it must show.
type Plan = Vec<(&'static str, String, Expected)>;

fn plan(card: Card, iommu: bool) -> Plan {
    let scan = |name, targets: &str, pairs, flags: &str, mode| {
        let expected = Expected::Scan { mode, pairs, sockets: card.queues() as usize };
        (name, format!("scan {targets} 1-100 {flags}"), expected)
    };
    let kernel = ("kernel", "uname -sr".to_owned(), Expected::Shows("Linux"));
    if !iommu {
        return vec![
            kernel,
            ("refused", "scan 198.18.0.0/30 1-100 --require-zerocopy".into(), Expected::Refused),
            scan("fallback", "198.18.0.0/26", 6_400, "--rate 10k", "copy"),
        ];
    }
    let doctor = "doctor eth0 eth1".to_owned();
    let (large, medium) = match card {
        Card::Virtio => (("198.18.0.0/21", 204_800), ("198.18.0.0/25", 12_800)),
        Card::Igb => (("198.18.0.0/23", 51_200), ("198.18.0.0/26", 6_400)),
    };
    vec![
        kernel,
        ("doctor", doctor, Expected::Shows("driver offers it; only binding")),
        scan("zerocopy", large.0, large.1, "--rate 10k --require-zerocopy", "zerocopy"),
        scan(
            "busy-poll",
            medium.0,
            medium.1,
            "--rate 10k --require-zerocopy --busy-poll 50",
            "zerocopy",
        ),
        scan("copy", medium.0, medium.1, "--rate 10k --xdp-mode copy", "copy"),
        (
            "near",
            // Fast enough for auto to attach a program to a card whose link may flap.
            "scan 198.18.0.0/30 1-100 --rate 30k".into(),
            Expected::Says(&[AUTO, NEAR]),
        ),
        (
            "systems",
            "scan 198.18.0.0/30 1-100 --rate 10k --require-zerocopy -O".into(),
            Expected::Systems { hosts: 4 },
        ),
    ]
}

/// Runs the machines; returns the exit code.
pub fn run(args: &VmArgs) -> Result<u8> {
    let packages = Packages::get(args.cards)?;
    let mut log = match &args.log {
        None => None,
        Some(path) => {
            Some(File::create(path).with_context(|| format!("--log {}", path.display()))?)
        }
    };
    let deadline = Instant::now() + Duration::from_secs(args.timeout);
    // The driver igb gives zero-copy whatever is in front of the card.
    let machines: &[bool] = if args.cards == Card::Virtio { &[true, false] } else { &[true] };
    let run = |iommu: bool| -> Result<(Plan, Told, Duration)> {
        let plan = plan(args.cards, iommu);
        let steps: String =
            plan.iter().map(|(name, command, _)| format!("step {name} {command}\n")).collect();
        let started = Instant::now();
        let machine = Machine { packages: &packages, card: args.cards, iommu, steps: &steps };
        let told = machine.run(deadline)?;
        Ok((plan, told, started.elapsed()))
    };
    let ended: Vec<_> = std::thread::scope(|scope| {
        let all: Vec<_> = machines.iter().map(|&iommu| scope.spawn(move || run(iommu))).collect();
        all.into_iter().map(|machine| machine.join().expect("a machine's thread ends")).collect()
    });
    let mut faults = 0;
    for (&iommu, ended) in machines.iter().zip(ended) {
        let name = if iommu { "machine" } else { "machine without IOMMU" };
        let (plan, told, elapsed) = ended?;
        if let Some(log) = &mut log {
            machine::log(&told, name, log)?;
        }
        println!("{name}: {:?}, {:.0} s", args.cards, elapsed.as_secs_f64());
        faults += judge_machine(&told, &plan);
    }
    println!("{}", if faults == 0 { "zero-copy: proved" } else { "zero-copy: NOT proved" });
    Ok(u8::from(faults > 0))
}

/// Prints one line for each check; returns how many failed.
fn judge_machine(told: &Told, plan: &Plan) -> usize {
    let mut faults = 0;
    let mut tell = |name: &str, check: verdict::Check| {
        let (word, text) = match check {
            Ok(text) => ("ok  ", text),
            Err(text) => {
                faults += 1;
                ("FAIL", text)
            }
        };
        println!("  {word} {name}: {text}");
    };
    if told.out_of_time {
        tell("machine", Err("killed: its time was over".into()));
    }
    match verdict::steps(&told.verdict) {
        Err(error) => tell("machine", Err(format!("{error:#}"))),
        Ok(steps)
            if !steps
                .iter()
                .map(|step| step.name.as_str())
                .eq(plan.iter().map(|(name, ..)| *name)) =>
        {
            tell("machine", Err("other steps than planned".into()));
        }
        Ok(steps) => {
            for (step, (name, _, expected)) in steps.iter().zip(plan) {
                for check in judge(step, *expected) {
                    tell(name, check);
                }
            }
        }
    }
    if faults > 0 {
        eprintln!(
            "-- what the machine printed\n{}\n-- its console\n{}",
            told.verdict, told.console
        );
    }
    faults
}
