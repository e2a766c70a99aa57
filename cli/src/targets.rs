//! From target and port arguments to a plan: reads lists, resolves host names
//! by the system's resolver, and leaves every decision to the plan.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, ToSocketAddrs};
use std::path::Path;

use prtip_engine::error::{Error, Kind, Result};
use prtip_engine::plan::{
    Ask, IpRange, Plan, PlanBuilder, PortSet, ProbeKind, TargetToken, parse_ports, parse_target,
    read_list, top_ports, top_udp_ports,
};

use crate::args::{PortArgs, ScanArgs, TargetArgs};
use crate::say::say;

/// Names of a list that cannot be looked up and are told one by one.
const NAMES_TOLD: u64 = 5;
/// Names that are remembered for reports.
const NAMES_MAX: usize = 1 << 16;

/// A plan and what people call it.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// The plan.
    pub plan: Plan,
    /// The one host of the plan, as `name (address)` or the address.
    pub only_host: Option<String>,
    /// Names given and the addresses that they stand for, up to a limit.
    pub names: HashMap<IpAddr, Vec<String>>,
    /// What was to be left out.
    #[cfg(feature = "fleet")]
    pub excluded: Vec<IpRange>,
}

/// Builds the plan that `args` ask for, with `seed` as the order's seed. Says on
/// the way what was left out: it may be the reason why nothing is left.
pub(crate) fn resolve(args: &ScanArgs, seed: u64) -> Result<Resolved> {
    one_reader_of_standard_input(&args.targets)?;
    let mut collector = Collector {
        builder: Plan::builder(),
        names: Names::of(args),
        named: Vec::new(),
        excluded: Vec::new(),
    };
    collector.targets(&args.targets)?;
    collector.exclusions(&args.targets)?;
    collector.what(args)?;
    let Collector { mut builder, named, excluded, .. } = collector;
    builder.exclude(&excluded);
    builder.seed(seed).whole_internet(args.targets.whole_internet);
    if let Some((part, of)) = args.pace.shard {
        builder.shard(part, of);
    }
    if let Some(pairs) = args.targets.max_targets {
        builder.max_targets(pairs);
    }
    let plan = builder.build()?;
    let only_host = (plan.addresses() == 1).then(|| {
        let addr = plan.target(0).addr;
        match named.iter().find(|(_, known)| *known == addr) {
            Some((name, _)) => format!("{name} ({addr})"),
            None => addr.to_string(),
        }
    });
    let mut names: HashMap<IpAddr, Vec<String>> = HashMap::new();
    for (name, addr) in named {
        let names = names.entry(addr).or_default();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(Resolved {
        plan,
        only_host,
        names,
        #[cfg(feature = "fleet")]
        excluded,
    })
}

/// Whether host names may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    Resolved,
    /// Every shard must see the same addresses, and names need not give them.
    Refused,
}

impl Names {
    fn of(args: &ScanArgs) -> Self {
        if args.pace.shard.is_some() { Self::Refused } else { Self::Resolved }
    }
}

struct Collector {
    builder: PlanBuilder,
    names: Names,
    /// Names given and the addresses that they stand for.
    named: Vec<(String, IpAddr)>,
    excluded: Vec<IpRange>,
}

impl Collector {
    fn targets(&mut self, args: &TargetArgs) -> Result<()> {
        for text in &args.targets {
            match parse_target(text)? {
                TargetToken::Ranges(ranges) => {
                    self.builder.target(&ranges, true);
                }
                TargetToken::Hostname(name) => {
                    for addr in self.scanned_addresses(&name)? {
                        self.builder.address(addr, true);
                        self.named.push((name.clone(), addr));
                    }
                }
            }
        }
        let mut left_out = 0;
        for path in &args.input_list {
            let names = read(path, |ranges| {
                self.builder.target(&ranges, true);
            })?;
            for name in names {
                // One dead name among thousands must not stop the others.
                match self.scanned_addresses(&name) {
                    Ok(addrs) => {
                        for addr in addrs {
                            self.builder.address(addr, false);
                            if self.named.len() < NAMES_MAX {
                                self.named.push((name.clone(), addr));
                            }
                        }
                    }
                    Err(error) if self.names == Names::Refused => return Err(error),
                    Err(error) => {
                        left_out += 1;
                        if left_out <= NAMES_TOLD {
                            say(format_args!("prtip: left out: {error}"));
                        }
                    }
                }
            }
        }
        if left_out > NAMES_TOLD {
            let more = left_out - NAMES_TOLD;
            say(format_args!("prtip: left out: {more} more names that cannot be looked up"));
        }
        for text in &args.allow_special {
            for range in ranges_only(text, "--allow-special")? {
                self.builder.allow_special(range);
            }
        }
        Ok(())
    }

    fn exclusions(&mut self, args: &TargetArgs) -> Result<()> {
        let mut names = Vec::new();
        for text in &args.exclude {
            match parse_target(text)? {
                TargetToken::Ranges(ranges) => self.excluded.extend(ranges),
                TargetToken::Hostname(name) => names.push(name),
            }
        }
        for path in &args.excludefile {
            names.extend(read(path, |ranges| self.excluded.extend(ranges))?);
        }
        self.builder.exclude_file(!args.excludefile.is_empty());
        // All addresses of a name, and one that does not resolve ends the run: scanning
        // what should be left out cannot be undone.
        for name in names {
            let addrs = self.addresses(&name)?;
            self.excluded.extend(addrs.into_iter().map(IpRange::single));
        }
        Ok(())
    }

    /// What is asked of every address.
    fn what(&mut self, args: &ScanArgs) -> Result<()> {
        let kinds = &args.targets;
        if kinds.ping_scan > 0 {
            self.builder.hosts(if kinds.ask.is_empty() { &Ask::HOST } else { &kinds.ask });
            return Ok(());
        }
        let udp = kinds.udp_scan > 0;
        let tcp = !udp || kinds.syn_scan > 0 || kinds.ack_scan > 0;
        if kinds.ack_scan > 0 {
            self.builder.tcp_kind(ProbeKind::Ack);
        }
        let named = named_ports(&args.ports, tcp, udp)?;
        match named {
            Some((tcp_ports, udp_ports)) => {
                self.builder.ports(tcp_ports).udp_ports(udp_ports);
            }
            None => {
                if tcp {
                    self.builder.usual_ports();
                }
                if udp {
                    self.builder.usual_udp_ports();
                }
            }
        }
        Ok(())
    }

    /// The addresses of a name to scan: its IPv4 ones, or its IPv6 ones where it
    /// has no others. A name with both would fail as a whole where IPv6 leads nowhere.
    fn scanned_addresses(&mut self, name: &str) -> Result<Vec<IpAddr>> {
        let addrs = self.addresses(name)?;
        let (v4, v6): (Vec<IpAddr>, Vec<IpAddr>) = addrs.into_iter().partition(IpAddr::is_ipv4);
        if v4.is_empty() {
            return Ok(v6);
        }
        if !v6.is_empty() {
            let v6: Vec<String> = v6.iter().map(ToString::to_string).collect();
            say(format_args!("prtip: other addresses of {name}, not scanned: {}", v6.join(", ")));
        }
        Ok(v4)
    }

    fn addresses(&self, name: &str) -> Result<Vec<IpAddr>> {
        if self.names == Names::Refused {
            return Err(Error::new(Kind::Usage, format!("take the host name {name} as a target"))
                .cause("with --shard all parts must see the same addresses, and a name can change")
                .remedy("give addresses"));
        }
        let what = || format!("look up the host name {name}");
        let found = (name, 0)
            .to_socket_addrs()
            .map_err(|error| Error::new(Kind::Usage, what()).because_of(error))?;
        let mut addrs: Vec<IpAddr> = found.map(|found| found.ip().to_canonical()).collect();
        addrs.sort_unstable();
        addrs.dedup();
        if addrs.is_empty() {
            return Err(Error::new(Kind::Usage, what()).cause("it has no addresses"));
        }
        Ok(addrs)
    }
}

/// The ports named for TCP and for UDP, of which those that are not scanned are left
/// out; `None`: none were named.
fn named_ports(args: &PortArgs, tcp: bool, udp: bool) -> Result<Option<(PortSet, PortSet)>> {
    let none = || PortSet::new([]);
    let both = |list: fn(usize) -> PortSet, wanted: bool, count: u16| {
        if wanted { list(usize::from(count)) } else { none() }
    };
    let count = match (&args.ports, args.fast, args.top_ports) {
        (Some(text), _, _) => {
            let spec = parse_ports(text)?;
            for (unused, wanted, letter, flag) in
                [(&spec.tcp, tcp, 'T', "-sS"), (&spec.udp, udp, 'U', "-sU")]
            {
                if !wanted && !unused.is_empty() {
                    say(format_args!("prtip: left out without {flag}: {letter}:{unused}"));
                }
            }
            let tcp_ports = if tcp { spec.for_tcp() } else { none() };
            let udp_ports = if udp { spec.for_udp() } else { none() };
            if tcp_ports.is_empty() && udp_ports.is_empty() {
                return Err(Error::new(Kind::Usage, format!("-p {text:?} names nothing to scan"))
                    .cause("all its ports are of a protocol that is not scanned")
                    .remedy("add -sU for ports after U:, -sS for those after T:"));
            }
            return Ok(Some((tcp_ports, udp_ports)));
        }
        (None, true, _) => 100,
        (None, false, Some(count)) => count,
        (None, false, None) => return Ok(None),
    };
    let (tcp_ports, udp_ports) = (both(top_ports, tcp, count), both(top_udp_ports, udp, count));
    for (ports, wanted, name) in [(&tcp_ports, tcp, "TCP"), (&udp_ports, udp, "UDP")] {
        if wanted && ports.len() < usize::from(count) {
            say(format_args!("prtip: our list has {} {name} ports; taken all", ports.len()));
        }
    }
    Ok(Some((tcp_ports, udp_ports)))
}

pub(crate) fn ranges_only(text: &str, flag: &str) -> Result<Vec<IpRange>> {
    match parse_target(text)? {
        TargetToken::Ranges(ranges) => Ok(ranges),
        TargetToken::Hostname(name) => {
            Err(Error::new(Kind::Usage, format!("{flag} {name}: a prefix is needed, not a name")))
        }
    }
}

/// A second list from standard input would be empty, and an empty list of
/// exclusions is not noticed before the packets are out.
fn one_reader_of_standard_input(args: &TargetArgs) -> Result<()> {
    let lists = args.input_list.iter().chain(&args.excludefile);
    if lists.filter(|path| is_stdin(path)).count() > 1 {
        return Err(Error::new(Kind::Usage, "standard input (-) can be only one of the lists"));
    }
    Ok(())
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// Reads a list, `-` being standard input: ranges go to `take`, host names are returned, to
/// be looked up once the list has proved to be one.
pub(crate) fn read(path: &Path, mut take: impl FnMut(Vec<IpRange>)) -> Result<Vec<String>> {
    let stdin = is_stdin(path);
    let name = if stdin {
        "standard input".to_owned()
    } else {
        path.display().to_string().escape_default().to_string()
    };
    let mut names = Vec::new();
    let fail = |error| Error::new(Kind::Usage, format!("read the list {name}")).because_of(error);
    let input: Box<dyn BufRead> = if stdin {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(BufReader::with_capacity(1 << 16, std::fs::File::open(path).map_err(fail)?))
    };
    read_list(input, &name, |token| match token {
        TargetToken::Ranges(ranges) => take(ranges),
        TargetToken::Hostname(host) => names.push(host),
    })
    .map_err(fail)??;
    Ok(names)
}
