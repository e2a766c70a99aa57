//! From a plan and options to open ports: the route, the way out, the workers.

use std::sync::Arc;
use std::time::Duration;

use core_affinity::CoreId;
use prtip_bpf::abi::Key;
use prtip_bpf::generator::{Generator, Times};
use prtip_bpf::recipe::Recipe;
use prtip_bpf::steer::Steer;

use super::fault::Fault;
use super::finished;
use super::send_time::SendTimes;
use super::shared::{Shared, Sizing};
use super::window::{Update, WHOLE};
use super::{EngineChoice, Info, Options, Rate, Resume, XdpMode};
use crate::error::{Error, Kind, Result};
use crate::plan::origin::Way as ProbeWay;
use crate::plan::probe::{ProbeConfig, Prober};
use crate::plan::{Items, Plan, ProbeKind};
use crate::port::filter::ReplyFilter;
use crate::port::live::{self, LivePort};
use crate::port::packet::{self, PacketPort};
use crate::port::raw::RawPort;
use crate::port::{Port, SEND_BATCH, numa, xsk};
use crate::route::{self, Interface, LinkKind, Overrides, Path, neighbour};
use crate::wire::Link;

/// Up to this rate a card that may flap its link when a program is attached is
/// left alone, and AF_PACKET is chosen.
const GENTLE_RATE: f64 = 20_000.0;
/// Probes a second that one worker sends with ease, all its queues' replies included.
const WORKER_RATE: f64 = 150_000.0;
/// Probes a second that one worker may reach where no rate limits it: zero-copy
/// at 10 Gbit/s line rate, and copies by the kernel.
const TOP_RATE_ZEROCOPY: f64 = 14_880_952.0;
const TOP_RATE_COPY: f64 = 2_000_000.0;
const TOP_RATE_LIVE: f64 = 8_000_000.0;
/// Drivers that live frames were tried with: others may take the frames and lose them.
const LIVE_IS_KNOWN: [&str; 1] = ["veth"];
/// A send time is shared by the probes of at most this many nanoseconds.
const STRIDE_NS: f64 = 20_000.0;
/// log2 of the indices that share a send time where no rate is set.
const STRIDE_FREE: u32 = 5;
/// Pairs up to which a second attempt is made without being asked for.
const RETRY_BY_DEFAULT: u64 = 1 << 20;
/// Bytes that Ethernet adds to a frame on the wire: FCS, preamble and gap; the
/// least frame without FCS.
const WIRE_OVERHEAD: u32 = 24;
const WIRE_LEAST: u32 = 60;

/// A scan with its port open, ready to send.
pub struct Prepared {
    pub(super) info: Info,
    pub(super) plan: Arc<Plan>,
    pub(super) interface: Interface,
    pub(super) ports: Vec<Box<dyn Port>>,
    pub(super) steer: Option<Arc<Steer>>,
    pub(super) prober: Arc<Prober>,
    pub(super) judge: Arc<Prober>,
    pub(super) shared: Arc<Shared>,
    pub(super) pins: Vec<CoreId>,
    pub(super) rate: Option<f64>,
    pub(super) cooldown: Duration,
    pub(super) rst: bool,
    pub(super) report_silent: bool,
    pub(super) headers: bool,
    pub(super) frames: bool,
    pub(super) fault: Option<Fault>,
    /// Where earlier runs stood.
    pub(super) resumed: Resume,
    /// Open and closed ports known of what is probed again.
    pub(super) known: (u64, u64),
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

/// What was opened.
struct Way {
    engine: &'static str,
    mode: Option<&'static str>,
    why: String,
    ports: Vec<Box<dyn Port>>,
    /// Its counters are part of the report.
    steer: Option<Arc<Steer>>,
    queues: u32,
    prober: Arc<Prober>,
    judge: Arc<Prober>,
}

impl Way {
    /// One socket, one worker, no steering program.
    fn single(
        engine: &'static str,
        why: &str,
        port: Box<dyn Port>,
        prober: Arc<Prober>,
        judge: Arc<Prober>,
    ) -> Self {
        let (mode, steer, queues) = (None, None, 1);
        Self { engine, mode, why: why.to_owned(), ports: vec![port], steer, queues, prober, judge }
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
    let attempts = u8::try_from(attempts).map_err(|_| {
        Error::new(Kind::Usage, format!("cannot make {retries} retries"))
            .cause(format!("{attempts} attempts at each target are more than 255"))
    })?;
    let overrides = Overrides {
        interface: options.interface.clone(),
        source_ips: options.source_ips.clone(),
        router_mac: options.router_mac,
    };
    let path = route::resolve(plan.ranges().map(|range| range.first()), &overrides)?;
    let fault = Fault::from_environment();
    let way = Opener { plan: &plan, key, options, path: &path, attempts, fault }.open()?;

    let rate = match options.rate {
        Rate::PerSecond(rate) => Some(rate),
        Rate::Max => None,
    };
    let workers = way.ports.len();
    let pins = pins(&path.interface.name, workers);
    let sizing = sizing(options, attempts, way.engine, way.mode, workers);
    let rst = options.rst && matches!(way.engine, "xdp" | "live");
    let resume = options.resume.clone().unwrap_or_default();
    let mut shared = Shared::new(&finished::without(shard, &resume.finished), workers, sizing);
    for (range, port) in shared.ranges.iter_mut().zip(&way.ports) {
        if let Some(memory) = port.send_times() {
            range.times = SendTimes::of_port(&memory, attempts, sizing.stride);
        }
    }
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
            interface: path.interface.name.clone(),
            queues: way.queues,
            workers: workers as u32,
            why: way.why,
            attempts,
            udp_guess: {
                let bits = plan.items().udp().as_slice().iter();
                let bits = bits.map(|&port| way.prober.payloads().of(port).transaction_bits());
                let weakest = bits.clone().min();
                weakest.map(|weakest| {
                    let strongest = bits.max().unwrap_or(weakest);
                    (way.prober.source_port_slots(), weakest, strongest)
                })
            },
            wire_bytes: match way.prober.link() {
                Link::None => 0,
                Link::Ethernet { .. } => {
                    (way.prober.max_len() as u32).max(WIRE_LEAST) + WIRE_OVERHEAD
                }
            },
        },
        shared: Arc::new(shared),
        resumed: resume,
        known,
        plan,
        interface: path.interface,
        ports: way.ports,
        steer: way.steer,
        prober: way.prober,
        judge: way.judge,
        pins,
        rate,
        cooldown: options.cooldown,
        rst,
        report_silent: options.report_silent,
        headers: options.headers,
        frames: options.frames,
        fault,
    })
}

/// How big what the workers share is to be.
fn sizing(
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
        Rate::Max => (top, STRIDE_FREE),
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

/// Link-layer headers of the probes.
#[derive(Clone, Copy)]
struct Links {
    first: Link,
    /// Of IPv6, where IPv4 is scanned too.
    v6: Option<Link>,
}

struct Opener<'a> {
    plan: &'a Arc<Plan>,
    key: Key,
    options: &'a Options,
    path: &'a Path,
    attempts: u8,
    fault: Option<Fault>,
}

impl Opener<'_> {
    /// Opens the way asked for, or the best that works, and says why.
    fn open(&self) -> Result<Way> {
        let path = self.path;
        let name = &path.interface.name;
        let choice = self.options.engine;
        if self.options.require_zerocopy
            && !matches!(choice, EngineChoice::Auto | EngineChoice::Xdp)
        {
            return Err(Error::new(Kind::Usage, "cannot use zero-copy without AF_XDP")
                .remedy("leave out --port-engine, or --require-zerocopy"));
        }
        let zerocopy = self.options.require_zerocopy || self.options.xdp_mode != XdpMode::Auto;
        match choice {
            EngineChoice::Xdp => self.xdp("asked for"),
            EngineChoice::Live => self.live("asked for"),
            EngineChoice::Packet => self.packet("asked for"),
            EngineChoice::Raw => self.raw("asked for"),
            EngineChoice::Auto if zerocopy => self.xdp("asked for by --xdp-mode or --require-zerocopy"),
            EngineChoice::Auto if path.is_local() => {
                self.raw("the targets are this host: AF_XDP on loopback finds nothing")
            }
            EngineChoice::Auto if path.interface.kind != LinkKind::Ethernet => {
                self.raw(&format!("{name} has no Ethernet header"))
            }
            EngineChoice::Auto if path.needs_neighbours() => {
                self.raw(&format!("targets are on the local network of {name}: the kernel resolves their MAC addresses"))
            }
            EngineChoice::Auto if self.is_gentle() => self.packet(&format!(
                "at up to {GENTLE_RATE:.0} probes a second AF_PACKET is enough, and attaching a program may flap the link of {name}"
            )),
            EngineChoice::Auto => self.fastest().or_else(|error| {
                let reason = error.to_string();
                let reason = reason.lines().next().unwrap_or_default();
                // AF_XDP may be refused where packet sockets are not; where both are, its error tells more.
                self.packet(&format!("AF_XDP is not to be had ({reason})")).map_err(|_| error)
            }),
        }
    }

    /// Workers that the rate keeps busy, at most one a core: an idle one would only
    /// take a core from the others.
    fn workers(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        match self.options.rate {
            Rate::Max => cores,
            Rate::PerSecond(rate) => ((rate / WORKER_RATE).ceil() as usize).clamp(1, cores),
        }
    }

    /// A slow scan through a real card.
    fn is_gentle(&self) -> bool {
        let slow = match self.options.rate {
            Rate::PerSecond(rate) => rate <= GENTLE_RATE,
            Rate::Max => false,
        };
        let driver = self.path.interface.driver.as_deref();
        slow && !matches!(driver, Some("veth" | "virtio_net" | "tun" | "bridge" | "dummy"))
    }

    /// The Ethernet header of each family's probes: each may have its own router.
    fn ethernet(&self) -> Result<Links> {
        let interface = &self.path.interface;
        let source = interface.mac.ok_or_else(|| {
            Error::new(Kind::Failed, format!("make Ethernet frames on {}", interface.name))
                .cause("it has no MAC address")
                .remedy("use --port-engine raw")
        })?;
        let link = |v6: bool| -> Result<Link> {
            let destination = self.path.next_hop_mac(v6, neighbour::TIMEOUT)?;
            Ok(Link::Ethernet { source, destination, vlan: self.options.vlan })
        };
        match (self.path.sources_v4.is_empty(), self.path.sources_v6.is_empty()) {
            (false, false) => Ok(Links { first: link(false)?, v6: Some(link(true)?) }),
            (no_v4, _) => Ok(Links { first: link(no_v4)?, v6: None }),
        }
    }

    /// The prober that crafts and the one that judges: one, but for a fault.
    fn probers(&self, links: Links) -> Result<(Arc<Prober>, Arc<Prober>)> {
        let way = ProbeWay {
            link: links.first,
            link_v6: links.v6,
            sources_v4: self.path.sources_v4.clone(),
            sources_v6: self.path.sources_v6.clone(),
            neighbours: None,
        };
        let config = |key| ProbeConfig {
            key,
            source_ports: self.options.source_ports.clone(),
            attempts: self.attempts,
            syn: self.options.syn,
            ways: vec![way.clone()],
            way_of: None,
            contact: self.options.contact.clone(),
        };
        let make = |key| {
            Prober::new(Arc::clone(self.plan), &config(key))
                .map(Arc::new)
                .map_err(|error| Error::new(Kind::Usage, error.to_string()))
        };
        let judge = make(self.key)?;
        if self.fault == Some(Fault::ForgedKey) {
            return Ok((make(Key { k0: !self.key.k0, k1: self.key.k1 })?, judge));
        }
        Ok((Arc::clone(&judge), judge))
    }

    fn xdp(&self, why: &str) -> Result<Way> {
        let (prober, judge) = self.probers(self.ethernet_of_xdp()?)?;
        Ok(xdp_way(why, self.open_xdp(&judge)?, prober, judge))
    }

    /// Probes made by the kernel, replies over AF_XDP.
    fn live(&self, why: &str) -> Result<Way> {
        let (prober, judge) = self.probers(self.ethernet_of_xdp()?)?;
        let recipe = prober.recipe().map_err(|reason| live::does_not_fit(&reason))?;
        let opened = self.open_xdp(&judge)?;
        let generators = self.generators(&recipe, opened.ports.len())?;
        Ok(live_way(why, opened, generators, &self.path.interface.name, prober, judge))
    }

    /// Zero-copy, else live frames where they are known to work, else copies.
    fn fastest(&self) -> Result<Way> {
        let why = "the fastest way out";
        let (prober, judge) = self.probers(self.ethernet_of_xdp()?)?;
        let opened = self.open_xdp(&judge)?;
        if opened.mode == "zerocopy" {
            return Ok(xdp_way(why, opened, prober, judge));
        }
        let interface = &self.path.interface;
        let driver = interface.driver.as_deref().unwrap_or("unknown");
        let generators = if opened.mode != "copy" {
            Err("live frames need native XDP".to_owned())
        } else if !LIVE_IS_KNOWN.contains(&driver) {
            Err(format!(
                "live frames were never tried with the driver {driver}: --port-engine live does"
            ))
        } else {
            prober.recipe().and_then(|recipe| {
                self.generators(&recipe, opened.ports.len()).map_err(|error| error.to_string())
            })
        };
        Ok(match generators {
            Ok(generators) => live_way(why, opened, generators, &interface.name, prober, judge),
            Err(reason) => {
                let reason = reason.lines().next().unwrap_or_default();
                xdp_way(&format!("no live frames ({reason})"), opened, prober, judge)
            }
        })
    }

    fn ethernet_of_xdp(&self) -> Result<Links> {
        let interface = &self.path.interface;
        if interface.kind != LinkKind::Ethernet {
            return Err(Error::new(
                Kind::Usage,
                format!("cannot use AF_XDP on {}", interface.name),
            )
            .cause("it has no Ethernet header, or is loopback, where AF_XDP finds nothing")
            .remedy("use --port-engine raw"));
        }
        self.ethernet()
    }

    fn open_xdp(&self, judge: &Prober) -> Result<xsk::Opened> {
        xsk::open(&xsk::Request {
            interface: &self.path.interface.name,
            mode: self.options.xdp_mode,
            require_zerocopy: self.options.require_zerocopy,
            queues: self.options.queues,
            busy_poll_us: self.options.busy_poll_us,
            workers: self.workers(),
            steer: &judge.steer_config(),
        })
    }

    fn generators(&self, recipe: &Recipe, workers: usize) -> Result<Vec<Generator>> {
        let interface = &self.path.interface;
        let sizing = sizing(self.options, self.attempts, "live", None, workers);
        let shard = self.plan.shard();
        let each = (shard.end - shard.start).div_ceil(workers as u64);
        let slots = SendTimes::slots(each, sizing.horizon(), sizing.stride) as u32;
        let times = Times { slots, stride: sizing.stride, attempts: self.attempts };
        let out = live::Interface {
            name: &interface.name,
            index: interface.index,
            mac: interface.mac.unwrap_or_default(),
        };
        live::generators(recipe, out, workers, times)
    }

    fn packet(&self, why: &str) -> Result<Way> {
        let interface = &self.path.interface;
        if interface.kind != LinkKind::Ethernet {
            return Err(Error::new(
                Kind::Usage,
                format!("cannot use AF_PACKET on {}", interface.name),
            )
            .cause("it has no Ethernet header, or is loopback")
            .remedy("use --port-engine raw"));
        }
        let (prober, judge) = self.probers(self.ethernet()?)?;
        let port = PacketPort::open(self.config())?;
        Ok(Way::single("packet", why, Box::new(port), prober, judge))
    }

    fn raw(&self, why: &str) -> Result<Way> {
        let loopback = self.path.interface.kind == LinkKind::Loopback;
        if self.options.vlan.is_some() {
            return Err(Error::new(Kind::Usage, "cannot tag raw IP packets with a VLAN")
                .cause("the kernel makes the link-layer header")
                .remedy("use the VLAN's own interface with -e"));
        }
        let (prober, judge) = self.probers(Links { first: Link::None, v6: None })?;
        let port = RawPort::open(self.config(), loopback)?;
        Ok(Way::single("raw", why, Box::new(port), prober, judge))
    }

    fn config(&self) -> packet::Config {
        packet::Config {
            interface: self.path.interface.name.clone(),
            ifindex: self.path.interface.index,
            filter: ReplyFilter {
                sources_v4: self.path.sources_v4.clone(),
                sources_v6: self.path.sources_v6.clone(),
                source_ports: self.options.source_ports.clone(),
                udp: self.plan.items().sends(ProbeKind::Udp),
                echo: self.plan.items().sends(ProbeKind::Echo),
            },
            receive_buffer_bytes: packet::RECEIVE_BUFFER_BYTES,
        }
    }
}

fn xdp_way(why: &str, opened: xsk::Opened, prober: Arc<Prober>, judge: Arc<Prober>) -> Way {
    Way {
        engine: "xdp",
        mode: Some(opened.mode),
        why: format!("{why}; {}", opened.why),
        queues: opened.queues,
        steer: Some(opened.steer),
        ports: opened.ports.into_iter().map(|port| Box::new(port) as Box<dyn Port>).collect(),
        prober,
        judge,
    }
}

fn live_way(
    why: &str,
    opened: xsk::Opened,
    generators: Vec<Generator>,
    interface: &str,
    prober: Arc<Prober>,
    judge: Arc<Prober>,
) -> Way {
    let live = |(sockets, generator)| {
        Box::new(LivePort::new(interface, sockets, generator)) as Box<dyn Port>
    };
    Way {
        engine: "live",
        mode: Some(opened.mode),
        why: format!(
            "{why}; frames of the kernel's own leave; replies over AF_XDP: {}",
            opened.why
        ),
        queues: opened.queues,
        steer: Some(opened.steer),
        ports: opened.ports.into_iter().zip(generators).map(live).collect(),
        prober,
        judge,
    }
}
