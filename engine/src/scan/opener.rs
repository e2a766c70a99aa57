//! Which port engine on which interface, and the opening of its ports.

use std::sync::Arc;

use prtip_bpf::generator::{Generator, Times};
use prtip_bpf::recipe::Recipe;
use prtip_bpf::steer::Steer;

use super::neighbours;
use super::send_time::SendTimes;
use super::setup::{Steering, sizing};
use super::{EngineChoice, Options, Rate, XdpMode};
use crate::error::{Error, Kind, Result};
use crate::plan::probe::Prober;
use crate::plan::{Plan, ProbeKind};
use crate::port::filter::ReplyFilter;
use crate::port::live::{self, LivePort};
use crate::port::packet::{self, PacketPort};
use crate::port::raw::RawPort;
use crate::port::several::{Member, SeveralPorts};
use crate::port::{Port, xsk};
use crate::route::{LinkKind, Path};

/// Up to this rate a card that may flap its link when a program is attached is
/// left alone, and AF_PACKET is chosen.
pub(crate) const GENTLE_RATE: f64 = 20_000.0;
/// Drivers that live frames were tried with: others may take the frames and lose them.
pub(crate) const LIVE_IS_KNOWN: [&str; 1] = ["veth"];
/// Fewer probes are sent as copies sooner than the kernel has checked the program that would
/// make them: 0.03 to 0.45 s of CPU time, by what it has to know, against 1.1 us that a copy
/// costs more.
pub(crate) const LIVE_PAYS: u64 = 1 << 17;
/// Probes a second that one worker sends with ease, all its queues' replies included.
const WORKER_RATE: f64 = 150_000.0;

/// The engine for one interface.
pub(crate) struct Choice {
    /// Never [`EngineChoice::Auto`].
    pub(crate) engine: EngineChoice,
    /// In words.
    pub(crate) why: String,
    /// AF_PACKET will do where AF_XDP is refused.
    may_fall_back: bool,
}

impl Choice {
    /// What was asked for, or the best for `path`, and why. `several` tells that it
    /// is not the only path, `crowded` that its local network has too many targets for us.
    pub(crate) fn of(path: &Path, options: &Options, several: bool, crowded: bool) -> Result<Self> {
        let name = &path.interface.name;
        let asked = options.engine;
        if options.require_zerocopy && !matches!(asked, EngineChoice::Auto | EngineChoice::Xdp) {
            return Err(Error::new(Kind::Usage, "cannot use zero-copy without AF_XDP")
                .remedy("leave out --port-engine, or --require-zerocopy"));
        }
        let zerocopy = options.require_zerocopy || options.xdp_mode != XdpMode::Auto;
        let chosen = |engine, why: String| Self { engine, why, may_fall_back: false };
        Ok(match asked {
            // Whatever the others take: there is no other way to loopback.
            _ if several && path.is_local() => {
                chosen(EngineChoice::Raw, "this host's own addresses".to_owned())
            }
            EngineChoice::Auto if zerocopy => {
                let why = "asked for by --xdp-mode or --require-zerocopy";
                chosen(EngineChoice::Xdp, why.to_owned())
            }
            EngineChoice::Auto if path.is_local() => {
                let why = "the targets are this host: AF_XDP on loopback finds nothing";
                chosen(EngineChoice::Raw, why.to_owned())
            }
            EngineChoice::Auto if path.interface.kind != LinkKind::Ethernet => {
                chosen(EngineChoice::Raw, format!("{name} has no Ethernet header"))
            }
            EngineChoice::Auto if crowded && path.needs_neighbours() => chosen(
                EngineChoice::Raw,
                format!(
                    "more than {} targets are on the local network of {name}: the kernel resolves their MAC addresses",
                    neighbours::MOST
                ),
            ),
            EngineChoice::Auto if is_gentle(path, options) => chosen(
                EngineChoice::Packet,
                format!(
                    "at up to {GENTLE_RATE:.0} probes a second AF_PACKET is enough, and attaching a program may flap the link of {name}"
                ),
            ),
            EngineChoice::Auto => Self {
                engine: EngineChoice::Xdp,
                why: "the fastest way out".to_owned(),
                may_fall_back: true,
            },
            engine => chosen(engine, "asked for".to_owned()),
        })
        .and_then(|choice: Self| match choice.engine {
            EngineChoice::Raw => Ok(choice),
            engine => needs_ethernet(path, engine).map(|()| choice),
        })
    }

    /// What `xdp` opens, of which it is told why; or, where AF_XDP was not asked for and is
    /// refused, what `packet` does.
    pub(crate) fn xdp_or<T>(
        &self,
        xdp: impl FnOnce(&str) -> Result<T>,
        packet: impl FnOnce(&str) -> Result<T>,
    ) -> Result<T> {
        match xdp(&self.why) {
            Err(error) if self.may_fall_back => {
                let reason = error.to_string();
                let reason = reason.lines().next().unwrap_or_default();
                // AF_XDP may be refused where packet sockets are not; where both are, its
                // error tells more.
                packet(&format!("AF_XDP is not to be had ({reason})")).map_err(|_| error)
            }
            opened => opened,
        }
    }
}

/// Raw sockets leave the link-layer header to the kernel.
///
/// # Errors
/// Where a tag is asked for.
pub(crate) fn raw_has_no_tags(options: &Options) -> Result<()> {
    if options.vlan.is_none() {
        return Ok(());
    }
    Err(Error::new(Kind::Usage, "cannot tag raw IP packets with a VLAN")
        .cause("the kernel makes the link-layer header")
        .remedy("use the VLAN's own interface with -e"))
}

fn needs_ethernet(path: &Path, engine: EngineChoice) -> Result<()> {
    let interface = &path.interface;
    if interface.kind == LinkKind::Ethernet {
        return Ok(());
    }
    let (what, or) = match engine {
        EngineChoice::Packet => ("AF_PACKET", "is loopback"),
        _ => ("AF_XDP", "is loopback, where AF_XDP finds nothing"),
    };
    Err(Error::new(Kind::Usage, format!("cannot use {what} on {}", interface.name))
        .cause(format!("it has no Ethernet header, or {or}"))
        .remedy("use --port-engine raw, or auto, which takes it where nothing else will do"))
}

/// A slow scan through a real card.
fn is_gentle(path: &Path, options: &Options) -> bool {
    let slow = match options.rate {
        Rate::PerSecond(rate) => rate <= GENTLE_RATE,
        Rate::Max | Rate::Auto => false,
    };
    slow && may_flap(path.interface.driver.as_deref())
}

/// Whether a driver may take its link down when a program comes.
pub(crate) fn may_flap(driver: Option<&str>) -> bool {
    !matches!(driver, Some("veth" | "virtio_net" | "tun" | "bridge" | "dummy"))
}

/// Workers that the rate keeps busy, at most one a core (an idle one would only take
/// a core from the others) and, since each needs a receive queue of its own on every
/// interface, at most one a queue. The other engines alone take one: a second socket
/// would share the first one's limit.
pub(super) fn workers(paths: &[Path], choices: &[Choice], options: &Options) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let busy = match options.rate {
        Rate::Max | Rate::Auto => cores,
        Rate::PerSecond(rate) => ((rate / WORKER_RATE).ceil() as usize).clamp(1, cores),
    };
    let xdp = paths
        .iter()
        .zip(choices)
        .filter(|(_, choice)| matches!(choice.engine, EngineChoice::Xdp | EngineChoice::Live));
    let queues = xdp.map(|(path, _)| {
        let available = xsk::rx_queues(&path.interface.name);
        options.queues.map_or(available, |asked| asked.min(available))
    });
    queues.min().map_or(1, |queues| busy.min(queues as usize).max(1))
}

/// What was opened.
pub(super) struct Opened {
    pub(super) engine: &'static str,
    pub(super) mode: Option<&'static str>,
    pub(super) interface: String,
    pub(super) why: String,
    /// One for each worker.
    pub(super) ports: Vec<Box<dyn Port>>,
    pub(super) steers: Vec<Steering>,
    pub(super) queues: u32,
    /// SYN-ACKs are to be answered: the kernel does not see them.
    pub(super) resets: bool,
}

impl Opened {
    /// Without a steering program.
    fn plain(engine: &'static str, why: &str, path: &Path, ports: Vec<Box<dyn Port>>) -> Self {
        let (mode, steers, queues, resets) = (None, Vec::new(), 1, false);
        let (interface, why) = (path.interface.name.clone(), why.to_owned());
        Self { engine, mode, interface, why, ports, steers, queues, resets }
    }

    /// Several interfaces as one, each worker with a port on each.
    ///
    /// # Panics
    /// Where nothing was opened.
    pub(super) fn join(mut opened: Vec<Self>) -> Self {
        if opened.len() == 1 {
            return opened.pop().expect("there is one");
        }
        let text = |each: fn(&Self) -> String, between| {
            opened.iter().map(each).collect::<Vec<String>>().join(between)
        };
        let why = text(
            |one| {
                let mode = one.mode.map(|mode| format!(", {mode}")).unwrap_or_default();
                format!("{}: {}{mode}, {}", one.interface, one.engine, one.why)
            },
            "; ",
        );
        let interface = text(|one| one.interface.clone(), ",");
        let first = opened.first().expect("a scan has a way out");
        let (engine, mode) = (first.engine, first.mode);
        let mut members: Vec<Vec<Member>> = first.ports.iter().map(|_| Vec::new()).collect();
        let (mut steers, mut queues, mut resets) = (Vec::new(), 0, false);
        for one in opened {
            queues += one.queues;
            resets |= one.resets;
            steers.extend(one.steers);
            for (members, port) in members.iter_mut().zip(one.ports) {
                members.push(Member { port, resets: one.resets });
            }
        }
        let ports =
            members.into_iter().map(|each| Box::new(SeveralPorts::new(each)) as Box<dyn Port>);
        Self { engine, mode, interface, why, ports: ports.collect(), steers, queues, resets }
    }
}

/// Opens the ports on one interface.
pub(super) struct Opener<'a> {
    pub(super) plan: &'a Plan,
    pub(super) options: &'a Options,
    pub(super) path: &'a Path,
    /// Crafts.
    pub(super) prober: &'a Prober,
    pub(super) judge: &'a Prober,
    pub(super) attempts: u8,
    /// Number of the path, which is that of its ports.
    pub(super) number: usize,
    pub(super) workers: usize,
}

impl Opener<'_> {
    /// Opens what was chosen.
    pub(super) fn open(&self, choice: &Choice) -> Result<Opened> {
        let why = &choice.why;
        match choice.engine {
            EngineChoice::Packet => self.packet(why),
            EngineChoice::Raw => self.raw(why),
            EngineChoice::Live => self.live(why),
            EngineChoice::Auto | EngineChoice::Xdp => {
                let xdp = |why: &str| match choice.may_fall_back {
                    true => self.fastest(why),
                    false => Ok(self.xdp_way(why, self.open_xdp()?)),
                };
                choice.xdp_or(xdp, |why| self.packet(why))
            }
        }
    }

    /// Probes made by the kernel, replies over AF_XDP.
    fn live(&self, why: &str) -> Result<Opened> {
        let recipe = self.prober.recipe().map_err(|reason| live::does_not_fit(&reason))?;
        let opened = self.open_xdp()?;
        let generators = self.generators(&recipe, opened.ports.len())?;
        Ok(self.live_way(why, opened, generators))
    }

    /// Zero-copy, else live frames where they are known to work and pay, else copies.
    fn fastest(&self, why: &str) -> Result<Opened> {
        let opened = self.open_xdp()?;
        if opened.mode == "zerocopy" {
            return Ok(self.xdp_way(why, opened));
        }
        let driver = self.path.interface.driver.as_deref().unwrap_or("unknown");
        let shard = self.plan.shard();
        // What an earlier run has finished, or another worker has to do, is not sent.
        let finished = self.options.resume.iter().flat_map(|resume| &resume.finished);
        let finished: u64 = finished.map(|range| range.end - range.start).sum();
        let left = (shard.end - shard.start).saturating_sub(finished);
        let probes = left.saturating_mul(self.attempts.into());
        let generators = if opened.mode != "copy" {
            Err("live frames need native XDP".to_owned())
        } else if !LIVE_IS_KNOWN.contains(&driver) {
            Err(format!(
                "live frames were never tried with the driver {driver}: --port-engine live does"
            ))
        } else if probes < LIVE_PAYS {
            Err(format!("they pay from {LIVE_PAYS} probes on"))
        } else {
            self.prober.recipe().and_then(|recipe| {
                self.generators(&recipe, opened.ports.len()).map_err(|error| error.to_string())
            })
        };
        Ok(match generators {
            Ok(generators) => self.live_way(why, opened, generators),
            Err(reason) => {
                let reason = reason.lines().next().unwrap_or_default();
                self.xdp_way(&format!("no live frames ({reason})"), opened)
            }
        })
    }

    fn open_xdp(&self) -> Result<xsk::Opened> {
        let interface = &self.path.interface.name;
        let opened = xsk::open(&xsk::Request {
            interface,
            mode: self.options.xdp_mode,
            require_zerocopy: self.options.require_zerocopy,
            queues: self.options.queues,
            probes: self.plan.len(),
            workers: self.workers,
            busy_poll_us: self.options.busy_poll_us,
            steer: &self.judge.steer_config_of(self.number),
        })?;
        if opened.ports.len() != self.workers {
            return Err(Error::new(Kind::Failed, format!("use AF_XDP on {interface}"))
                .cause("its number of receive queues has changed meanwhile")
                .remedy("scan again"));
        }
        Ok(opened)
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

    fn xdp_way(&self, why: &str, opened: xsk::Opened) -> Opened {
        let why = format!("{why}; {}", opened.why);
        let (mode, queues) = (opened.mode, opened.queues);
        let ports = opened.ports.into_iter().map(|port| Box::new(port) as Box<dyn Port>).collect();
        self.steered("xdp", mode, why, ports, opened.steer, queues)
    }

    fn live_way(&self, why: &str, opened: xsk::Opened, generators: Vec<Generator>) -> Opened {
        let why =
            format!("{why}; frames of the kernel's own leave; replies over AF_XDP: {}", opened.why);
        let (mode, queues) = (opened.mode, opened.queues);
        let interface = &self.path.interface.name;
        let workers = generators.len();
        let live = |(sockets, generator)| {
            Box::new(LivePort::new(interface, sockets, generator, workers)) as Box<dyn Port>
        };
        let ports = opened.ports.into_iter().zip(generators).map(live).collect();
        self.steered("live", mode, why, ports, opened.steer, queues)
    }

    fn steered(
        &self,
        engine: &'static str,
        mode: &'static str,
        why: String,
        ports: Vec<Box<dyn Port>>,
        program: Arc<Steer>,
        queues: u32,
    ) -> Opened {
        let queues_left_out = queues < self.path.interface.rx_queues;
        let interface = self.path.interface.name.clone();
        let steers = vec![Steering { program, queues_left_out }];
        Opened { engine, mode: Some(mode), interface, why, ports, steers, queues, resets: true }
    }

    fn packet(&self, why: &str) -> Result<Opened> {
        let ports = self.one_each(|| Ok(Box::new(PacketPort::open(self.config())?) as _))?;
        Ok(Opened::plain("packet", why, self.path, ports))
    }

    fn raw(&self, why: &str) -> Result<Opened> {
        let loopback = self.path.interface.kind == LinkKind::Loopback;
        raw_has_no_tags(self.options)?;
        let ports = self.one_each(|| Ok(Box::new(RawPort::open(self.config(), loopback)?) as _))?;
        Ok(Opened::plain("raw", why, self.path, ports))
    }

    /// A port for each worker, of which the first hears for all.
    fn one_each(&self, open: impl Fn() -> Result<Box<dyn Port>>) -> Result<Vec<Box<dyn Port>>> {
        let mut ports = Vec::with_capacity(self.workers);
        for number in 0..self.workers {
            let mut port = open()?;
            if number > 0 {
                port.quiesce();
            }
            ports.push(port);
        }
        Ok(ports)
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
                any_segment: false,
            },
            receive_buffer_bytes: packet::RECEIVE_BUFFER_BYTES,
        }
    }
}
