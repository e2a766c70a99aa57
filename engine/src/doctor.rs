//! What works here and what does not, with the remedy: the facts behind
//! `prtip doctor`. Privileges are probed by doing; nothing is attached to an
//! interface and no packet is sent, so that traffic is not disturbed.
//!
//! What it cannot know without attaching stays `unknown`: a driver may still
//! refuse a native program because of its queues, its MTU or its offloads.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr};

use rustix::process::{Resource, getrlimit};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::port::{ability, xsk};
use crate::route::xdp_features::{self, XdpFeatures};
use crate::route::{Interface, LinkKind, look_up};
use crate::scan::opener::{GENTLE_RATE, LIVE_IS_KNOWN, LIVE_PAYS, may_flap};

/// MTU up to which a received frame fits into one page with its headroom.
const SINGLE_BUFFER_MTU: u32 = 3490;

/// Whether something can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It works.
    Yes,
    /// It does not.
    No,
    /// Only trying tells.
    Unknown,
}

/// One thing looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What it is.
    pub name: &'static str,
    /// Whether it can be had.
    pub verdict: Verdict,
    /// Why, or what was seen; may be empty.
    pub why: String,
    /// What to do about it; empty where nothing is to be done.
    pub remedy: String,
}

impl Check {
    fn new(name: &'static str, verdict: Verdict, why: impl Into<String>) -> Self {
        Self { name, verdict, why: why.into(), remedy: String::new() }
    }

    fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }
}

/// Everything that was found out.
#[derive(Debug, Serialize)]
pub struct Doctor {
    /// Release of the running kernel.
    pub kernel: String,
    /// Machine type.
    pub machine: String,
    /// Processors that this process may use.
    pub cpus: usize,
    /// Limit of locked memory in bytes; `None`: unlimited. Kernels before 5.11
    /// count BPF maps and UMEM against it.
    pub memlock_bytes: Option<u64>,
    /// What the process may do.
    pub privileges: Vec<Check>,
    /// The interface looked at.
    pub interface: Option<Interface>,
    /// What its driver can do with XDP; `None` where the kernel does not tell.
    pub xdp_features: Option<XdpFeatures>,
    /// Each port engine on this interface, best first.
    pub engines: Vec<Check>,
    /// What `--port-engine auto` takes of them; empty where there is no interface.
    pub auto: String,
    /// Why there is no interface to look at (unknown name, none there).
    #[serde(skip)]
    pub problem: Option<Error>,
}

/// Looks at this host and at `interface`; at that of the default route, else at
/// loopback, where none is named.
#[must_use]
pub fn examine(interface: Option<&str>) -> Doctor {
    let uname = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    let privileges = privileges();
    let (interface, problem) = match choose(interface) {
        Ok(interface) => (Some(interface), None),
        Err(problem) => (None, Some(problem)),
    };
    let xdp_features =
        interface.as_ref().and_then(|known| xdp_features::of_interface(known.index).ok());
    let engines = interface
        .as_ref()
        .map(|known| engines(known, xdp_features, &privileges))
        .unwrap_or_default();
    let auto = interface.as_ref().map(|known| auto(known, &engines)).unwrap_or_default();
    Doctor {
        kernel: text(uname.release()),
        machine: text(uname.machine()),
        cpus: std::thread::available_parallelism().map_or(1, usize::from),
        memlock_bytes: getrlimit(Resource::Memlock).current,
        privileges,
        interface,
        xdp_features,
        engines,
        auto,
        problem,
    }
}

fn choose(name: Option<&str>) -> Result<Interface> {
    if let Some(name) = name {
        return Interface::by_name(name);
    }
    // Any far address will do: a route lookup sends nothing.
    match look_up(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1)), None) {
        Ok(route) => Interface::by_index(route.ifindex),
        Err(_) => Interface::loopback(),
    }
}

const XDP_SOCKET: &str = "AF_XDP socket";
const XDP_PROGRAM: &str = "load an XDP program";
const PACKET_SOCKET: &str = "AF_PACKET socket";
const RAW_SOCKET: &str = "raw IP socket";
const IO_URING: &str = "io_uring";

fn privileges() -> Vec<Check> {
    let tried = |name, result: io::Result<()>, remedy: &str| match result {
        Ok(()) => Check::new(name, Verdict::Yes, ""),
        Err(error) => {
            // Root is refused it, too.
            let denied = name != IO_URING
                && matches!(error.raw_os_error(), Some(libc::EPERM | libc::EACCES));
            let check = Check::new(name, Verdict::No, error.to_string());
            check.remedy(if denied { "run as root or through sudo" } else { remedy })
        }
    };
    vec![
        tried(XDP_SOCKET, ability::open_xdp_socket(), "use a kernel with CONFIG_XDP_SOCKETS"),
        tried(XDP_PROGRAM, ability::load_xdp_program(), "use a kernel with CONFIG_BPF_SYSCALL"),
        tried(PACKET_SOCKET, ability::open_packet_socket(), "use a kernel with CONFIG_PACKET"),
        tried(RAW_SOCKET, ability::open_raw_socket(), "use a kernel with IPv4"),
        tried(
            IO_URING,
            ability::set_up_io_uring(),
            "none is needed: logs and services go other ways; to have it: Linux 5.19 or newer, \
             kernel.io_uring_disabled=0, a seccomp profile that allows it",
        ),
    ]
}

fn engines(interface: &Interface, xdp: Option<XdpFeatures>, privileges: &[Check]) -> Vec<Check> {
    // The first thing missing that `needs` names, or the state of the interface.
    let obstacle = |needs: &[&str]| -> Option<(String, String)> {
        let missing = privileges
            .iter()
            .find(|check| needs.contains(&check.name) && check.verdict == Verdict::No);
        if let Some(check) = missing {
            return Some((format!("{}: {}", check.name, check.why), check.remedy.clone()));
        }
        interface.check_usable().err().map(|error| (error.cause, error.remedy))
    };
    let ethernet = interface.kind == LinkKind::Ethernet;
    let no_ethernet = || match interface.kind {
        LinkKind::Loopback => "loopback takes the raw port",
        _ => "the interface carries no Ethernet frames",
    };
    let check = |name, needs: &[&str], wish: &dyn Fn() -> Check| match obstacle(needs) {
        Some((why, remedy)) => Check::new(name, Verdict::No, why).remedy(remedy),
        None => wish(),
    };
    let xdp_check = |name, native: &dyn Fn() -> Check| {
        check(name, &[XDP_SOCKET, XDP_PROGRAM], &|| match interface.xdp {
            _ if !ethernet => Check::new(name, Verdict::No, no_ethernet()),
            Some(program) => {
                Check::new(name, Verdict::No, format!("XDP {program} is attached already"))
                    .remedy("end the program that holds it (bpftool net), or use another engine")
            }
            None => native(),
        })
    };
    let driver = interface.driver.as_deref().unwrap_or("unknown");
    let cannot = |name, what: &str| {
        Check::new(name, Verdict::No, format!("the {driver} driver has no {what}"))
    };
    let untold =
        |name| Check::new(name, Verdict::Unknown, "the kernel does not tell (older than 6.3)");
    let large = interface.mtu > SINGLE_BUFFER_MTU;

    vec![
        xdp_check("xdp zerocopy", &|| match xdp {
            None => untold("xdp zerocopy"),
            Some(features) if !features.zerocopy => {
                cannot("xdp zerocopy", "AF_XDP zero-copy").remedy("none is needed: copy mode works")
            }
            // virtio_net, for one, offers it and then refuses without an IOMMU.
            Some(_) => Check::new(
                "xdp zerocopy",
                Verdict::Unknown,
                format!("the {driver} driver offers it; only binding a socket tells"),
            ),
        }),
        xdp_check("live", &|| match xdp {
            None => untold("live"),
            // veth offers it only while there is a program at the other end, or GRO.
            Some(features) if !features.transmit && driver != "veth" => {
                cannot("live", "way for redirected frames (ndo_xdp_xmit)")
            }
            Some(_) => Check::new(
                "live",
                Verdict::Unknown,
                "the kernel makes the probes; the first frame tells whether any leaves",
            ),
        }),
        xdp_check("xdp copy", &|| match xdp {
            _ if xsk::is_bundle(driver) => Check::new(
                "xdp copy",
                Verdict::No,
                format!(
                    "a program in the drivers below a {driver} interface cannot redirect to it"
                ),
            )
            .remedy("none is needed: generic mode is taken"),
            None => untold("xdp copy"),
            Some(features) if !(features.basic && features.redirect) => {
                cannot("xdp copy", "native XDP with redirect")
            }
            Some(features) if large && !features.fragments => {
                cannot("xdp copy", "XDP for frames in several buffers")
                    .remedy(format!("ip link set {} mtu {SINGLE_BUFFER_MTU}", interface.name))
            }
            Some(_) => {
                Check::new("xdp copy", Verdict::Yes, format!("the {driver} driver offers it"))
            }
        }),
        xdp_check("xdp generic", &|| Check::new("xdp generic", Verdict::Yes, "any driver")),
        check("packet", &[PACKET_SOCKET], &|| {
            if ethernet {
                Check::new("packet", Verdict::Yes, "")
            } else {
                Check::new("packet", Verdict::No, no_ethernet())
            }
        }),
        check("raw", &[RAW_SOCKET, PACKET_SOCKET], &|| {
            Check::new("raw", Verdict::Yes, "the kernel routes each packet: slower")
        }),
    ]
}

/// What a scan of far targets takes where no engine is asked for, in the order of
/// `scan/opener.rs`: the first that can be had.
fn auto(interface: &Interface, engines: &[Check]) -> String {
    let driver = interface.driver.as_deref();
    let knows_live = driver.is_some_and(|driver| LIVE_IS_KNOWN.contains(&driver));
    let can = |name: &str| {
        let check = engines.iter().find(|check| check.name == name);
        check.map_or(Verdict::No, |check| check.verdict)
    };
    let mut order = Vec::new();
    for check in engines.iter().filter(|check| check.name != "live" || knows_live) {
        match (check.verdict, check.name) {
            (Verdict::No, _) => {}
            // Smaller scans go on to the next.
            (verdict, "live") => {
                let doubt =
                    if verdict == Verdict::Unknown { " if its first frame leaves" } else { "" };
                order.push(format!("live from {LIVE_PAYS} probes on{doubt}"));
            }
            (Verdict::Yes, name) => {
                order.push(name.to_owned());
                break;
            }
            (Verdict::Unknown, name) => order.push(format!("{name} if the driver grants it")),
        }
    }
    if order.is_empty() {
        return "none".to_owned();
    }
    let mut text = order.join(", else ");
    if !knows_live && can("live") != Verdict::No {
        text += "; not live, which was never tried with this driver";
    }
    // Where XDP is not to be had, packet is what the order begins with.
    if may_flap(driver) && can("packet") == Verdict::Yes && order[0] != "packet" {
        text = format!(
            "packet up to {GENTLE_RATE:.0} probes a second, since attaching a program may flap \
             the link; faster: {text}"
        );
    }
    text
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        })
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  {:<20} {}", self.name, self.verdict)?;
        if !self.why.is_empty() {
            write!(f, ": {}", self.why)?;
        }
        if !self.remedy.is_empty() {
            write!(f, "\n  {:<20} remedy: {}", "", self.remedy)?;
        }
        Ok(())
    }
}

impl fmt::Display for Doctor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "host")?;
        writeln!(f, "  {:<20} {} {}", "kernel", self.kernel, self.machine)?;
        writeln!(f, "  {:<20} {}", "processors", self.cpus)?;
        match self.memlock_bytes {
            Some(bytes) => writeln!(f, "  {:<20} {bytes} bytes", "locked memory")?,
            None => writeln!(f, "  {:<20} unlimited", "locked memory")?,
        }
        writeln!(f, "privileges")?;
        for check in &self.privileges {
            writeln!(f, "{check}")?;
        }
        if let Some(problem) = &self.problem {
            writeln!(f, "interface\n  {problem}")?;
        }
        let Some(interface) = &self.interface else { return Ok(()) };
        writeln!(f, "interface {}", interface.name)?;
        let state = match (interface.up, interface.carrier) {
            (true, true) => "up",
            (true, false) => "up, no carrier",
            (false, _) => "down",
        };
        writeln!(f, "  {:<20} {state}", "state")?;
        writeln!(f, "  {:<20} {}", "driver", interface.driver.as_deref().unwrap_or("none"))?;
        writeln!(f, "  {:<20} {}", "receive queues", interface.rx_queues)?;
        writeln!(f, "  {:<20} {}", "MTU", interface.mtu)?;
        if let Some([a, b, c, d, e, g]) = interface.mac {
            writeln!(f, "  {:<20} {a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}", "MAC")?;
        }
        for known in &interface.addresses {
            writeln!(f, "  {:<20} {}/{}", "address", known.addr, known.prefix_len)?;
        }
        match interface.xdp {
            Some(program) => writeln!(f, "  {:<20} {program}", "XDP program")?,
            None => writeln!(f, "  {:<20} none", "XDP program")?,
        }
        writeln!(f, "port engines, best first")?;
        for check in &self.engines {
            writeln!(f, "{check}")?;
        }
        writeln!(f, "  {:<20} {}", "auto takes", self.auto)?;
        Ok(())
    }
}
