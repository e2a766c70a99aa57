//! The lab: a synthetic internet in private network namespaces.
//!
//! * [`args`]: what the commands take; [`rule`]: what one pair is; [`question`]:
//!   how much of that a scan can see; [`targets`]: the pairs asked for; [`truth`]
//!   and [`check`]: the judge.
//! * [`network`]: namespaces and link; [`keeper`]: the process that runs the
//!   command; [`servers`] and [`packages`]: real servers; [`delay`]: replies
//!   held back; [`flood`]: forged replies; [`personality`]: hosts that answer as a
//!   fingerprint does; [`zombie`]: a third host, for idle scans; [`chain`]: certificates; [`report`]: what was
//!   counted; [`times`]: when replies left.
//! * [`kernel`], [`processes`]: system calls and /proc.
//!
//! `lab run` makes everything in this order and undoes it backwards: packages
//! (with the host's network), signals blocked, namespaces, keeper forked (while
//! there is one thread and no eBPF object), link, far end attached, delay path,
//! servers, command.

pub mod args;
pub mod chain;
pub mod check;
pub mod delay;
pub mod flood;
pub mod keeper;
pub mod kernel;
pub mod network;
pub mod packages;
pub mod personality;
pub mod processes;
pub mod question;
pub mod report;
pub mod rule;
pub mod servers;
pub mod targets;
pub mod times;
pub mod truth;
pub mod zombie;

use std::fs::File;
use std::io::{self, BufReader};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use prtip_bpf::lab::{FLAG_ANSWERED, FLAG_ARRIVALS, FLAG_DELAY, Lab, LabConfig, OwnProgram};
use serde_json::{Map, Value};

use crate::peers::trial::Stopped;
use args::{CheckArgs, LabCommand, Rules, RunArgs, Usage};
use delay::{DelayPath, now_ns};
use flood::Flood;
use keeper::Keeper;
use network::{FAR, Namespaces, ROUTER_MAC, ROUTER_V4, ROUTER_V6};
use personality::{Play, System};
use servers::Unpacked;
use zombie::Zombie;

/// Privileges are missing: exit code 4. Says who needs them.
#[derive(Debug)]
pub(crate) struct Privileges(pub(crate) &'static str);

impl std::fmt::Display for Privileges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} makes network namespaces and loads eBPF: run it as root (sudo)", self.0)
    }
}

impl std::error::Error for Privileges {}

/// The exit code that an error of this program means.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    if error.is::<Usage>() {
        2
    } else if error.is::<Privileges>() {
        4
    } else if error.is::<crate::vm::NotToBeHad>() {
        crate::vm::SKIPPED
    } else if let Some(Stopped(number)) = error.downcast_ref() {
        128 + *number as u8
    } else {
        1
    }
}

/// Carries out a `lab` command; returns the exit code.
pub fn run(command: LabCommand) -> Result<u8> {
    match command {
        LabCommand::Run(args) => run_command(&args),
        LabCommand::Servers(args) => {
            let chosen = servers::select(&args.servers)?;
            servers::list(&chosen, args.server_ports, args.json, io::stdout().lock())?;
            Ok(0)
        }
        LabCommand::Unpack { packages } => {
            let packages: Vec<&str> = packages.iter().map(String::as_str).collect();
            println!("{}", packages::unpack(&packages)?.display());
            Ok(0)
        }
        LabCommand::Truth(args) => {
            let pairs = usage(truth::Pairs::new(&args.asked))?;
            truth::write(&pairs, args.rules.rule()?, io::stdout().lock())?;
            Ok(0)
        }
        LabCommand::Check(args) => run_check(&args),
    }
}

/// Makes an error one of usage.
fn usage<T>(result: Result<T>) -> Result<T> {
    result.map_err(|error| Usage(format!("{error:#}")).into())
}

fn run_check(args: &CheckArgs) -> Result<u8> {
    let pairs = usage(truth::Pairs::new(&args.asked))?;
    let rule = args.rules.rule()?;
    let name = args.result.display();
    let sought = [pairs.question.sought()];
    let states = if args.states.is_empty() { &sought[..] } else { &args.states };
    let verdict = if args.result.as_os_str() == "-" {
        check::check(&pairs, rule, states, io::stdin().lock())
    } else {
        let file = File::open(&args.result).map_err(|error| Usage(format!("{name}: {error}")))?;
        check::check(&pairs, rule, states, BufReader::with_capacity(1 << 16, file))
    };
    let verdict = usage(verdict.with_context(|| format!("{name}")))?;
    for example in &verdict.examples {
        eprintln!("{example}");
    }
    eprintln!(
        "of {} pairs {} were to be found, {} have a record; {} records of the lab's own addresses",
        pairs.count()?,
        verdict.expected,
        verdict.reported,
        verdict.own
    );
    println!("missed: {}", verdict.missed);
    println!("invented: {}", verdict.invented);
    println!("repeated: {}", verdict.repeated);
    println!("wrong: {}", verdict.wrong);
    Ok(u8::from(!verdict.is_clean()))
}

/// What answers at the far end.
#[derive(Debug)]
pub enum FarEnd {
    /// The lab's own program.
    Lab(Lab),
    /// The user's.
    Own(OwnProgram),
}

fn run_command(args: &RunArgs) -> Result<u8> {
    args.rules.rule()?;
    Flood::check(&args.flood, args.rules.seed)?;
    if let Some(path) = &args.program
        && !path.is_file()
    {
        return Err(Usage(format!("--program {}: no such file", path.display())).into());
    }
    let hosts = personality::draw(&args.personality, args.rules.seed)?;
    let chosen = servers::select(args.servers.as_deref().unwrap_or(""))?;
    if !rustix::process::geteuid().is_root() {
        return Err(Privileges("lab run").into());
    }
    let link = args.link();
    let macs = link.macs()?;
    let unpacked = chosen
        .into_iter()
        .map(|server| server.unpack(args.server_ports))
        .collect::<Result<Vec<_>>>()?;
    let addresses: Vec<IpAddr> =
        unpacked.iter().flat_map(|unpacked| unpacked.server.addresses()).collect();

    kernel::block_signals();
    rustix::process::set_child_subreaper(rustix::process::Pid::from_raw(1))?;
    let namespaces = Namespaces::new()?;
    let mut keeper = Keeper::start(&namespaces, &args.command, &unpacked)?;
    let ended = run_kept(args, &namespaces, &mut keeper, &addresses, &unpacked, hosts);
    let given_back = namespaces.give_back(&link, &macs);
    // Where the keeper has ended properly this finds nothing to do.
    processes::end_all(Duration::ZERO);
    let code = ended?;
    given_back.map(|()| code)
}

/// Everything between the keeper's start and its end.
fn run_kept(
    args: &RunArgs,
    namespaces: &Namespaces,
    keeper: &mut Keeper,
    addresses: &[IpAddr],
    unpacked: &[Unpacked],
    hosts: Vec<(String, System)>,
) -> Result<u8> {
    namespaces.connect(keeper.pid, &args.link(), addresses)?;
    let started_ns = now_ns();
    let (far_end, delay) = attach(args, started_ns)?;
    let flood = Flood::open(&args.flood, args.rules.seed, far_ifindex()?)?;
    let played = personality::told(&hosts, &args.personality);
    let hosts: Vec<System> = hosts.into_iter().map(|(_, host)| host).collect();
    let play = if hosts.is_empty() { None } else { Some(Play::start(hosts, far_ifindex()?)?) };
    let zombie = match args.zombie {
        None => None,
        Some(kind) => Some(Zombie::start(kind, args.rules.seed, far_ifindex()?)?),
    };
    keeper.go(&(report::announcement(args, &far_end, keeper.pid, unpacked) + &played))?;
    let (code, flooded) = beside(flood, &far_end, || wait_for_keeper(keeper.pid))?;
    if let Some(play) = play {
        eprintln!("lab: personalities answered {}", play.stop()?);
    }
    let mut parts = Map::new();
    if let Some(zombie) = zombie {
        let zombie::Counts { answered, direct } = zombie.stop()?;
        eprintln!(
            "lab: the zombie answered {answered}; {direct} of the scanner's own went to servers"
        );
        parts.insert("zombie".into(), serde_json::json!({"answered": answered, "direct": direct}));
    }
    let (delayed, left) = delay.map(DelayPath::stop).transpose()?.unzip();
    report::finish(args, namespaces, &far_end, delayed, flooded, parts)?;
    if let (Some(path), FarEnd::Lab(lab)) = (&args.times, &far_end) {
        times::write(path, lab, left.as_ref())?;
    }
    Ok(code)
}

/// Runs the flood, where there is one, while `work` is done.
fn beside(
    flood: Option<Flood>,
    far_end: &FarEnd,
    work: impl FnOnce() -> Result<u8>,
) -> Result<(u8, Option<Map<String, Value>>)> {
    let Some(flood) = flood else { return Ok((work()?, None)) };
    // The first probe; a far end that does not count them is not waited for.
    let begun = || match far_end {
        FarEnd::Lab(lab) => lab.counters().is_ok_and(|counters| counters[0] > 0),
        FarEnd::Own(_) => true,
    };
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let flood = scope.spawn(|| flood.run(&stop, begun));
        let code = work();
        stop.store(true, Ordering::Relaxed);
        let sent = flood.join().map_err(|_| anyhow::anyhow!("the flood has panicked"))?;
        Ok((code?, Some(sent?)))
    })
}

/// The number of the far interface, in its namespace.
fn far_ifindex() -> Result<u32> {
    let socket = rustix::net::socket(
        rustix::net::AddressFamily::INET,
        rustix::net::SocketType::DGRAM,
        None,
    )?;
    Ok(rustix::net::netdevice::name_to_index(&socket, FAR)?)
}

/// Attaches the far end and starts the delay path where it is asked for.
fn attach(args: &RunArgs, started_ns: u64) -> Result<(FarEnd, Option<DelayPath>)> {
    let ifindex = far_ifindex()?;
    if let Some(path) = &args.program {
        let own = OwnProgram::attach(path, FAR, ifindex)
            .with_context(|| format!("--program {}", path.display()))?;
        return Ok((FarEnd::Own(own), None));
    }
    let config = configuration(args, started_ns);
    let mut lab = Lab::load(config).context("the lab's far end")?;
    lab.attach(FAR, ifindex).context("the lab's far end")?;
    let delay = (config.flags & FLAG_DELAY != 0)
        .then(|| {
            let longest_ns = config.delay_min_ns + config.delay_span_ns;
            DelayPath::start(&mut lab, FAR, args.queues, longest_ns)
        })
        .transpose()?;
    Ok((FarEnd::Lab(lab), delay))
}

fn configuration(args: &RunArgs, started_ns: u64) -> LabConfig {
    let rules: &Rules = &args.rules;
    let mut flags = if args.stats.is_some() { FLAG_ARRIVALS } else { 0 };
    flags |= if args.times.is_some() { FLAG_ANSWERED } else { 0 };
    let (mut delay_min_ns, mut delay_span_ns) = (0, 0);
    if let Some(delay) = rules.delay_us {
        flags |= FLAG_DELAY;
        delay_min_ns = delay.min_us * 1000;
        delay_span_ns = (delay.max_us - delay.min_us) * 1000 + 1;
    }
    // A bucket of 5 ms, yet no less than what one poll of the driver brings.
    let interval = rules.receiver_pps.map_or(0, |pps| (256_000_000_000 / pps).max(1));
    let burst = rules.receiver_pps.map_or(0, |pps| (pps / 200).max(64));
    LabConfig {
        seed: rules.seed,
        start_ns: started_ns,
        receiver_interval: interval,
        receiver_burst: interval * (burst - u64::from(burst > 0)),
        delay_min_ns,
        delay_span_ns,
        open_below: rules.open,
        closed_below: rules.open + rules.closed,
        icmp_below: rules.open + rules.closed + rules.icmp,
        dup: rules.dup,
        forge: rules.forge,
        lose_first: rules.lose_first,
        loss_below: u32::try_from((u64::from(rules.loss) << 32) / 1000).unwrap_or(u32::MAX),
        first_mask: 0,
        flags,
        router_v4: ROUTER_V4.octets(),
        router_v6: ROUTER_V6.octets(),
        router_mac: ROUTER_MAC,
        zombie: if args.zombie.is_some() { zombie::LAST } else { 0 },
        reserved: 0,
    }
}

/// Waits until the keeper has ended, passing on signals meant for us.
fn wait_for_keeper(keeper: i32) -> Result<u8> {
    loop {
        while let Some((pid, code)) = processes::reap() {
            if pid == keeper {
                return Ok(code);
            }
        }
        let Some(signal) = kernel::next_signal(Duration::from_secs(1)) else {
            if processes::descendants(std::process::id() as i32).is_empty() {
                // It may have ended since it was last reaped.
                while let Some((pid, code)) = processes::reap() {
                    if pid == keeper {
                        return Ok(code);
                    }
                }
                bail!("the lab's keeper has vanished");
            }
            continue;
        };
        match signal.number {
            libc::SIGCHLD | kernel::KEEPER_IS_ORPHANED => {}
            // The terminal has told the command already.
            _ if signal.sender.is_none() => {}
            // Late enough that the keeper has seen whether the group got it too.
            number => {
                std::thread::sleep(Duration::from_millis(20));
                processes::signal(keeper, number);
            }
        }
    }
}
