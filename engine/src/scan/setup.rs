//! From a plan and options to open ports: the routes, the ways out, the workers.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use core_affinity::CoreId;
use prtip_bpf::abi::Key;
use prtip_bpf::steer::Steer;

use super::fault::Fault;
use super::finished;
use super::neighbours::{self, Neighbours};
use super::opener::{self, Choice, Opened, Opener};
use super::send_time::SendTimes;
use super::shared::{Shared, Sizing};
use super::ways::{self, Framing};
use super::window::{Update, WHOLE};
use super::{EngineChoice, Info, LinkAnswers, Options, Rate, Resume};
use crate::error::{Error, Kind, Result};
use crate::plan::probe::{ProbeConfig, Prober};
use crate::plan::{Items, Plan, Purpose};
use crate::port::{Port, SEND_BATCH, numa};
use crate::route::{self, Interface, Overrides, Path, Reach, Routes};
use crate::wire::Link;

/// Probes a second that one worker may reach where no rate limits it: zero-copy
/// at 10 Gbit/s line rate, and copies by the kernel.
const TOP_RATE_ZEROCOPY: f64 = 14_880_952.0;
const TOP_RATE_COPY: f64 = 2_000_000.0;
const TOP_RATE_LIVE: f64 = 8_000_000.0;
/// A send time is shared by the probes of at most this many nanoseconds.
const STRIDE_NS: f64 = 20_000.0;
/// log2 of the indices that share a send time where no rate is set.
const STRIDE_FREE: u32 = 5;
/// The same where the rate is searched for.
const STRIDE_AUTO: u32 = 3;
/// The same where the kernel makes the probes: half of the memory for twice the rate.
const STRIDE_AUTO_LIVE: u32 = 4;
/// Pairs up to which a second attempt is made without being asked for.
const RETRY_BY_DEFAULT: u64 = 1 << 20;
/// Bytes that Ethernet adds to a frame on the wire: FCS, preamble and gap; the
/// least frame without FCS.
const WIRE_OVERHEAD: u32 = 24;
const WIRE_LEAST: u32 = 60;

/// A scan with its ports open, ready to send.
pub struct Prepared {
    pub(super) info: Info,
    pub(super) plan: Arc<Plan>,
    pub(super) interfaces: Vec<Interface>,
    /// One for each worker.
    pub(super) ports: Vec<Box<dyn Port>>,
    pub(super) steers: Vec<Steering>,
    pub(super) prober: Arc<Prober>,
    pub(super) judge: Arc<Prober>,
    /// Targets on the local link, where we ask for their MAC addresses.
    pub(super) neighbours: Option<Neighbours>,
    pub(super) shared: Arc<Shared>,
    pub(super) pins: Vec<CoreId>,
    pub(super) rate: Option<f64>,
    pub(super) cooldown: Duration,
    pub(super) rst: bool,
    pub(super) report_silent: bool,
    pub(super) headers: bool,
    pub(super) frames: bool,
    pub(super) stages: bool,
    pub(super) fault: Option<Fault>,
    /// Where earlier runs stood.
    pub(super) resumed: Resume,
    /// Open and closed ports known of what is probed again.
    pub(super) known: (u64, u64),
}

/// A steering program at work; its counters are part of the report.
pub(super) struct Steering {
    pub(super) program: Arc<Steer>,
    /// Some receive queues have no socket.
    pub(super) queues_left_out: bool,
}

impl Prepared {
    /// What is asked of every address.
    #[must_use]
    pub fn items(&self) -> &Items {
        self.plan.items()
    }

    /// How it will run.
    #[must_use]
    pub fn info(&self) -> &Info {
        &self.info
    }
}

/// Resolves the route, chooses and opens the port.
///
/// # Errors
/// With the likely cause and the remedy; nothing is left behind.
pub fn prepare(plan: Plan, key: Key, options: &Options) -> Result<Prepared> {
    let plan = Arc::new(plan);
    let shard = plan.shard();
    let pairs = shard.end - shard.start;
    if options.report_silent && pairs > WHOLE {
        return Err(Error::new(
            Kind::Usage,
            format!("cannot report silent ports of {pairs} pairs"),
        )
        .cause(format!("what stays silent is remembered for {WHOLE} pairs at most"))
        .remedy("leave `filtered` out of --show, or scan in shards"));
    }
    let retries = options.retries.unwrap_or(u8::from(pairs <= RETRY_BY_DEFAULT));
    // A round asks a host in each way; a port, once.
    let round = plan.items().asks().len().max(1) as u64;
    let attempts = (u64::from(retries) + 1) * round;
    // A search for the rate asks outside of the schedule too.
    let extra = u64::from(options.rate == Rate::Auto);
    let attempts = u8::try_from(attempts + extra).map(|all| all - extra as u8).map_err(|_| {
        Error::new(Kind::Usage, format!("cannot make {retries} retries"))
            .cause(format!("{attempts} attempts at each target are more than 255"))
    })?;
    let overrides = Overrides {
        interfaces: options.interfaces.clone(),
        source_ips: options.source_ips.clone(),
        router_mac: options.router_mac,
    };
    let routes = route::resolve(plan.ranges(), &overrides)?;
    let fault = Fault::from_environment();
    let (choices, neighbours) = engines(&plan, &routes, options)?;
    let framings: Vec<Framing> = choices
        .iter()
        .map(|choice| match choice.engine {
            EngineChoice::Raw => Framing::Ip,
            _ => Framing::Ethernet {
                vlan: options.vlan,
                neighbours: neighbours.as_ref().map(Neighbours::look_up),
            },
        })
        .collect();
    let ways = ways::build(&plan, &routes, &framings)?;
    let config = ProbeConfig {
        key,
        source_ports: options.source_ports.clone(),
        attempts: attempts + extra as u8,
        syn: options.syn,
        ways: ways.all,
        way_of: ways.way_of,
        contact: options.contact.clone(),
    };
    let (prober, judge) = probers(&plan, config, fault)?;
    let workers = opener::workers(&routes.paths, &choices, options);
    let mut opened = Vec::new();
    for (number, (path, choice)) in routes.paths.iter().zip(&choices).enumerate() {
        let (plan, prober, judge) = (&plan, &prober, &judge);
        let opener = Opener { plan, options, path, prober, judge, attempts, number, workers };
        opened.push(opener.open(choice)?);
    }
    let way = Opened::join(opened);

    let rate = match options.rate {
        Rate::PerSecond(rate) => Some(rate),
        Rate::Max | Rate::Auto => None,
    };
    let workers = way.ports.len();
    let pins = pins(&routes.paths[0].interface.name, workers);
    let sizing = sizing(options, attempts, way.engine, way.mode, workers);
    let rst = options.rst && way.resets;
    let resume = options.resume.clone().unwrap_or_default();
    let mut shared = Shared::new(&finished::without(shard, &resume.finished), workers, sizing);
    for (range, port) in shared.ranges.iter_mut().zip(&way.ports) {
        if let Some(memory) = port.send_times() {
            range.times = SendTimes::of_port(&memory, attempts, sizing.stride);
        }
    }
    if neighbours.is_some() {
        shared.ranges.iter().for_each(|range| range.ready.store(0, Ordering::Relaxed));
    }
    let shared = if options.rate == Rate::Auto { shared.with_sample() } else { shared };
    let mut known = (0, 0);
    for &(index, state) in &resume.known {
        if let Some((range, offset)) = shared.locate(index)
            && range.window.update(offset, state) == Update::New
        {
            known.0 += u64::from(state.strength() == 3);
            known.1 += u64::from(state.strength() == 2);
        }
    }
    Ok(Prepared {
        info: Info {
            port_engine: way.engine,
            xdp_mode: way.mode,
            interface: way.interface,
            queues: way.queues,
            workers: workers as u32,
            why: way.why,
            attempts,
            udp_guess: {
                let bits = plan.items().udp().as_slice().iter();
                let bits = bits.map(|&port| prober.payloads().of(port).transaction_bits());
                let weakest = bits.clone().min();
                weakest.map(|weakest| {
                    let strongest = bits.max().unwrap_or(weakest);
                    (prober.source_port_slots(), weakest, strongest)
                })
            },
            wire_bytes: match prober.link() {
                Link::None => 0,
                Link::Ethernet { .. } => (prober.max_len() as u32).max(WIRE_LEAST) + WIRE_OVERHEAD,
            },
        },
        shared: Arc::new(shared),
        resumed: resume,
        known,
        plan,
        interfaces: routes.paths.into_iter().map(|path| path.interface).collect(),
        ports: way.ports,
        steers: way.steers,
        prober,
        judge,
        neighbours,
        pins,
        rate,
        cooldown: options.cooldown,
        rst,
        report_silent: options.report_silent,
        headers: options.headers,
        frames: options.frames,
        stages: options.stages,
        fault,
    })
}

/// How big what the workers share is to be.
pub(super) fn sizing(
    options: &Options,
    attempts: u8,
    engine: &str,
    mode: Option<&str>,
    workers: usize,
) -> Sizing {
    let top = match (engine, mode) {
        ("live", _) => TOP_RATE_LIVE,
        (_, Some("zerocopy")) => TOP_RATE_ZEROCOPY,
        _ => TOP_RATE_COPY,
    };
    let (top_rate, stride) = match options.rate {
        // Small batches while the rate may be low, but for the fastest.
        Rate::Auto if top == TOP_RATE_COPY => (top, STRIDE_AUTO),
        Rate::Auto if top == TOP_RATE_LIVE => (top / 2.0, STRIDE_AUTO_LIVE),
        Rate::Max | Rate::Auto => (top, STRIDE_FREE),
        Rate::PerSecond(rate) => {
            let rate = rate / workers as f64;
            let together = (rate * STRIDE_NS / 1e9).max(1.0);
            (rate, (together as u64).ilog2().min((SEND_BATCH as u64).ilog2()))
        }
    };
    Sizing { attempts, top_rate, cooldown: options.cooldown, stride }
}

/// Cores for the workers, those near the card first. A single worker goes where the
/// kernel puts it, unless some cores are nearer than others.
fn pins(interface: &str, workers: usize) -> Vec<CoreId> {
    let near = numa::node_of(interface).map(numa::processors_of).unwrap_or_default();
    if workers < 2 && near.is_empty() {
        return Vec::new();
    }
    let mut cores = core_affinity::get_core_ids().unwrap_or_default();
    cores.sort_by_key(|core| !near.iter().any(|&near| near as usize == core.id));
    cores
}

/// The engine for each path, and the neighbours to be asked by us.
fn engines(
    plan: &Plan,
    routes: &Routes,
    options: &Options,
) -> Result<(Vec<Choice>, Option<Neighbours>)> {
    let several = routes.paths.len() > 1;
    let choose = |crowded| -> Result<Vec<Choice>> {
        let paths = routes.paths.iter();
        paths.map(|path| Choice::of(path, options, several, crowded)).collect()
    };
    let framed = |choices: &[Choice]| -> Vec<bool> {
        choices.iter().map(|choice| choice.engine != EngineChoice::Raw).collect()
    };
    let mut choices = choose(false)?;
    let mut table = neighbours::table(plan, routes, &framed(&choices));
    if table.is_none() {
        choices = choose(true)?;
        table = neighbours::table(plan, routes, &framed(&choices));
    }
    let framed = framed(&choices);
    let table = table.ok_or_else(|| {
        Error::new(Kind::Failed, "ask for the MAC addresses of all targets")
            .cause(format!(
                "more than {} targets are on the local networks of the interfaces",
                neighbours::MOST
            ))
            .remedy("scan a part of them, or use --port-engine raw, where the kernel asks")
    })?;
    let hosts = plan.items().purpose() == Purpose::Hosts;
    let by_link = |path: &Path| {
        path.routes.iter().all(|route| route.reach == Reach::OnLink) && path.needs_neighbours()
    };
    if hosts
        && options.link_answers == LinkAnswers::Only
        && let Some((path, _)) =
            routes.paths.iter().zip(&framed).find(|(path, framed)| !**framed || !by_link(path))
    {
        let far = path.routes.iter().find(|route| route.reach != Reach::OnLink);
        let far = far.or(path.routes.first()).map(|route| route.destination);
        return Err(Error::new(Kind::Usage, "ask all targets by ARP or neighbour discovery")
            .cause(match far {
                Some(addr) => format!("{addr} is not on an Ethernet network of this host's"),
                None => format!("{} leads to others", path.interface.name),
            })
            .remedy("leave -PR out: what is on the local network is asked so anyway"));
    }
    if table.len() == 0 {
        return Ok((choices, None));
    }
    let answers_are_results = hosts && options.link_answers != LinkAnswers::Never;
    let neighbours =
        Neighbours::open(table, &routes.paths, &framed, options.vlan, answers_are_results)?;
    Ok((choices, Some(neighbours)))
}

/// The prober that crafts and the one that judges: one, but for a fault.
fn probers(
    plan: &Arc<Plan>,
    mut config: ProbeConfig,
    fault: Option<Fault>,
) -> Result<(Arc<Prober>, Arc<Prober>)> {
    let make = |config: &ProbeConfig| {
        Prober::new(Arc::clone(plan), config)
            .map(Arc::new)
            .map_err(|error| Error::new(Kind::Usage, error.to_string()))
    };
    let judge = make(&config)?;
    if fault == Some(Fault::ForgedKey) {
        config.key.k0 = !config.key.k0;
        return Ok((make(&config)?, judge));
    }
    Ok((Arc::clone(&judge), judge))
}
