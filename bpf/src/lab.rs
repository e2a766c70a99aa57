//! Loads the lab's far end, `lab.bpf.c`, with aya, and somebody's own XDP
//! program in its place.
//!
//! The twins of the structs in `include/lab.h` are here as well. What the
//! program answers is said there; this module only loads, configures, attaches
//! and reads counters. It never touches the scanner's end of the veth pair:
//! that place belongs to the scanner's steering program.

use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::path::Path;

use aya::maps::{
    Array, DevMap, Map, MapData, MapError, PerCpuArray, ProgramArray, XskMap, xdp::XdpMapError,
};
use aya::programs::xdp::{Xdp, XdpMode};
use aya::programs::{Program, ProgramError, TestRun, TestRunOptions};
use aya::{Ebpf, EbpfError, EbpfLoader};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/lab.bpf.o"));

/// Set in [`LabConfig::flags`]: replies go to the AF_XDP sockets of the delay path.
pub const FLAG_DELAY: u32 = 1;
/// Set in [`LabConfig::flags`]: keep the times of arrival.
pub const FLAG_ARRIVALS: u32 = 2;
/// Set in [`LabConfig::flags`]: note when each probe came and its reply left.
pub const FLAG_ANSWERED: u32 = 4;
/// Answers that are noted at most.
pub const ANSWERED: u32 = 1 << 20;
/// Width of a bucket of arrivals.
pub const BUCKET_NS: u64 = 10_000_000;
/// Number of buckets; the last one holds everything later.
pub const BUCKETS: u32 = 65_536;
/// Most receive queues that the far end can have.
pub const MAX_QUEUES: u32 = 64;
/// Bytes in front of every frame on the delay path: [`Delayed`].
pub const DELAYED_LEN: usize = size_of::<Delayed>();
/// Bits of the bitmap of first packets: a pair's bit is a hash of the pair.
pub const FIRST_BITS: u32 = 1 << 30;

/// Configuration of the far end (`struct lab_config`).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, IntoBytes, Immutable, KnownLayout)]
pub struct LabConfig {
    /// Seed of the rule.
    pub seed: u64,
    /// CLOCK_MONOTONIC at which bucket 0 of the arrivals begins.
    pub start_ns: u64,
    /// 1/256 ns between two probes that the receiver takes; 0: no limit.
    pub receiver_interval: u64,
    /// How far ahead the receiver's bucket may run, in 1/256 ns.
    pub receiver_burst: u64,
    /// Shortest delay of a reply.
    pub delay_min_ns: u64,
    /// Delays lie in `[delay_min_ns, delay_min_ns + delay_span_ns)`.
    pub delay_span_ns: u64,
    /// Per mille of all pairs that are open.
    pub open_below: u32,
    /// Per mille that are open or closed.
    pub closed_below: u32,
    /// Per mille that are open, closed or answered by ICMP.
    pub icmp_below: u32,
    /// Per mille of the answering pairs that answer three times.
    pub dup: u32,
    /// Per mille of the silent pairs that answer with a reply to something else.
    pub forge: u32,
    /// Per mille of the answering pairs that ignore their first packet.
    pub lose_first: u32,
    /// A packet whose draw of 32 bits lies below is lost.
    pub loss_below: u32,
    /// Bits in the bitmap of first packets, less one; set by [`Lab::load`].
    pub first_mask: u32,
    /// [`FLAG_DELAY`], [`FLAG_ARRIVALS`], [`FLAG_ANSWERED`].
    pub flags: u32,
    /// The router's IPv4 address as on the wire.
    pub router_v4: [u8; 4],
    /// The router's IPv6 address as on the wire.
    pub router_v6: [u8; 16],
    /// The router's MAC address: frames to another one are not answered.
    pub router_mac: [u8; 6],
    /// Replies to 198.19.255.N go to the kernel, which routes them; 0: to nobody.
    pub zombie: u8,
    /// Zero.
    pub reserved: u8,
}

const CONFIG_LEN: usize = 112;
const _: () = assert!(size_of::<LabConfig>() == CONFIG_LEN);

/// What stands in front of a frame on the delay path (`struct lab_delayed`).
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Delayed {
    /// CLOCK_MONOTONIC at which the reply is to be sent.
    pub due_ns: u64,
    /// How many times.
    pub copies: u32,
    /// One more than its place in [`Lab::answered`]; zero: it is not noted.
    pub place: u32,
}

const _: () = assert!(DELAYED_LEN == 16);

/// A probe that was answered (`struct lab_answered`).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Answered {
    /// CLOCK_MONOTONIC when the far end's program got it.
    pub came_ns: u64,
    /// CLOCK_MONOTONIC when the reply was handed on.
    pub left_ns: u64,
    addr: [u8; 16],
    port: [u8; 2],
    scanner_port: [u8; 2],
    /// The protocol's number.
    pub protocol: u8,
    v6: u8,
    reserved: [u8; 2],
}

const ANSWERED_LEN: usize = 40;
const _: () = assert!(size_of::<Answered>() == ANSWERED_LEN);

impl Answered {
    /// Who was asked.
    #[must_use]
    pub fn addr(&self) -> IpAddr {
        let [a, b, c, d, ..] = self.addr;
        if self.v6 == 0 { IpAddr::from([a, b, c, d]) } else { IpAddr::from(self.addr) }
    }

    /// At which port; 0 for an echo request.
    #[must_use]
    pub fn port(&self) -> u16 {
        u16::from_be_bytes(self.port)
    }

    /// From which port of the scanner.
    #[must_use]
    pub fn scanner_port(&self) -> u16 {
        u16::from_be_bytes(self.scanner_port)
    }
}

/// Number of counters (`enum lab_counter`).
pub const COUNTERS: usize = 31;

/// The counters' names, in the order of `enum lab_counter`.
pub const COUNTER_NAMES: [&str; COUNTERS] = [
    "probes",
    "open",
    "closed",
    "icmp",
    "forged",
    "silent",
    "ack",
    "reply_frames",
    "lost_probe",
    "lost_reply",
    "lost_first",
    "over_rate",
    "rst",
    "odd_flags",
    "other",
    "malformed",
    "bad_checksum",
    "wrong_mac",
    "passed_to_kernel",
    "unsent",
    "handshake",
    "udp_open",
    "udp_closed",
    "udp_icmp",
    "udp_forged",
    "udp_silent",
    "echo_up",
    "echo_closed",
    "echo_icmp",
    "echo_forged",
    "echo_silent",
];

/// When probes arrived.
#[derive(Clone, Debug, Default)]
pub struct Arrivals {
    /// CLOCK_MONOTONIC of the first probe; 0 when none came.
    pub first_ns: u64,
    /// CLOCK_MONOTONIC of the last probe.
    pub last_ns: u64,
    /// Probes in each [`BUCKET_NS`] since [`LabConfig::start_ns`], without the empty end.
    pub buckets: Vec<u64>,
}

/// Why the far end could not be loaded, attached or read.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The object does not load.
    #[error("the eBPF object does not load")]
    Object(#[from] EbpfError),
    /// The program does not load or attach.
    #[error("the XDP program does not load or attach")]
    Program(#[from] ProgramError),
    /// A map does not take or give a value.
    #[error("map {0}")]
    Map(&'static str, #[source] MapError),
    /// A map of interfaces or sockets does not take a value.
    #[error("map {0}")]
    XdpMap(&'static str, #[source] XdpMapError),
    /// The object lacks something.
    #[error("the object has no {0}")]
    Missing(&'static str),
}

/// The loaded far end. Dropping it detaches and unloads the program.
#[derive(Debug)]
pub struct Lab {
    ebpf: Ebpf,
    config: LabConfig,
}

const PROGRAM: &str = "lab_far_end";
/// Which [`PROGRAM`] calls for UDP and ICMP echo.
const DATAGRAMS: &str = "lab_datagrams";

impl Lab {
    /// Loads the program with `config`. The bitmap of first packets (128 MiB)
    /// exists only where `config.lose_first` asks for it, and the notes of answers
    /// (40 MiB) where [`FLAG_ANSWERED`] does.
    ///
    /// # Errors
    ///
    /// Without privileges, or when the verifier refuses.
    pub fn load(mut config: LabConfig) -> Result<Self, LabError> {
        let words = if config.lose_first > 0 { FIRST_BITS / 64 } else { 1 };
        config.first_mask = words * 64 - 1;
        let answered = if config.flags & FLAG_ANSWERED != 0 { ANSWERED } else { 1 };
        let mut ebpf = EbpfLoader::new()
            .map_max_entries("lab_first", words)
            .map_max_entries("lab_answered", answered)
            .load(OBJECT)?;
        let datagrams = xdp(&mut ebpf, DATAGRAMS)?;
        datagrams.load()?;
        let datagrams = datagrams.fd()?.try_clone().map_err(ProgramError::IOError)?;
        let programs = ebpf.map_mut("lab_programs").ok_or(LabError::Missing("lab_programs"))?;
        ProgramArray::try_from(programs)
            .and_then(|mut programs| programs.set(0, &datagrams, 0))
            .map_err(|error| LabError::Map("lab_programs", error))?;
        xdp(&mut ebpf, PROGRAM)?.load()?;
        let mut lab = Self { ebpf, config };
        lab.configure(config)?;
        Ok(lab)
    }

    /// Replaces the configuration. `lose_first` cannot be turned on afterwards.
    ///
    /// # Errors
    ///
    /// When the map does not take it.
    pub fn configure(&mut self, mut config: LabConfig) -> Result<(), LabError> {
        config.first_mask = self.config.first_mask;
        let mut bytes = [0_u8; CONFIG_LEN];
        bytes.copy_from_slice(config.as_bytes());
        let map = self.ebpf.map_mut("lab_config").ok_or(LabError::Missing("lab_config"))?;
        Array::<_, [u8; CONFIG_LEN]>::try_from(map)
            .and_then(|mut array| array.set(0, bytes, 0))
            .map_err(|error| LabError::Map("lab_config", error))?;
        self.config = config;
        Ok(())
    }

    /// Makes `ifindex` the interface that replies leave by. Call it in the
    /// interface's namespace.
    ///
    /// # Errors
    ///
    /// When there is no such interface.
    pub fn send_by(&mut self, ifindex: u32) -> Result<(), LabError> {
        for (name, slots) in [("lab_out1", 1), ("lab_out2", 2), ("lab_out3", 3)] {
            let map = self.ebpf.map_mut(name).ok_or(LabError::Missing("lab_out"))?;
            let mut map = DevMap::try_from(map).map_err(|error| LabError::Map(name, error))?;
            for slot in 0..slots {
                map.set(slot, ifindex, None, 0).map_err(|error| LabError::XdpMap(name, error))?;
            }
        }
        Ok(())
    }

    /// Attaches natively to `interface`, whose replies leave by itself.
    ///
    /// # Errors
    ///
    /// When the driver refuses, for instance because of too few queues.
    pub fn attach(&mut self, interface: &str, ifindex: u32) -> Result<(), LabError> {
        self.send_by(ifindex)?;
        xdp(&mut self.ebpf, PROGRAM)?.attach(interface, XdpMode::Driver)?;
        Ok(())
    }

    /// Hands the delayed replies of receive queue `queue` to an AF_XDP socket.
    ///
    /// # Errors
    ///
    /// When the socket is not bound to that queue.
    pub fn delay_by(&mut self, queue: u32, socket: impl AsRawFd) -> Result<(), LabError> {
        let map = self.ebpf.map_mut("lab_delay").ok_or(LabError::Missing("lab_delay"))?;
        XskMap::try_from(map)
            .and_then(|mut map| map.set(queue, socket, 0))
            .map_err(|error| LabError::Map("lab_delay", error))
    }

    /// The counters, summed over the processors.
    ///
    /// # Errors
    ///
    /// When the map cannot be read.
    pub fn counters(&self) -> Result<[u64; COUNTERS], LabError> {
        let map = self.per_cpu::<u64>("lab_counters")?;
        let mut sums = [0; COUNTERS];
        for (index, sum) in (0..).zip(&mut sums) {
            let values =
                map.get(&index, 0).map_err(|error| LabError::Map("lab_counters", error))?;
            *sum = values.iter().sum();
        }
        Ok(sums)
    }

    /// How many probes have arrived: the first of [`Lab::counters`], at the price of
    /// one look-up.
    ///
    /// # Errors
    ///
    /// When the map cannot be read.
    pub fn probes(&self) -> Result<u64, LabError> {
        let map = self.per_cpu::<u64>("lab_counters")?;
        let values = map.get(&0, 0).map_err(|error| LabError::Map("lab_counters", error))?;
        Ok(values.iter().sum())
    }

    /// The times of arrival until `now_ns` ([`FLAG_ARRIVALS`]).
    ///
    /// # Errors
    ///
    /// When a map cannot be read.
    pub fn arrivals(&self, now_ns: u64) -> Result<Arrivals, LabError> {
        let times = self.per_cpu::<[u64; 2]>("lab_times")?;
        let times = times.get(&0, 0).map_err(|error| LabError::Map("lab_times", error))?;
        let seen = || times.iter().filter(|[first, _]| *first > 0);
        let map = self.per_cpu::<u64>("lab_arrivals")?;
        let span = now_ns.saturating_sub(self.config.start_ns) / BUCKET_NS + 1;
        let last = u32::try_from(span).unwrap_or(BUCKETS).min(BUCKETS);
        let mut buckets = Vec::new();
        for index in 0..last {
            let values =
                map.get(&index, 0).map_err(|error| LabError::Map("lab_arrivals", error))?;
            buckets.push(values.iter().sum());
        }
        while buckets.last() == Some(&0) {
            buckets.pop();
        }
        Ok(Arrivals {
            first_ns: seen().map(|[first, _]| *first).min().unwrap_or(0),
            last_ns: seen().map(|[_, last]| *last).max().unwrap_or(0),
            buckets,
        })
    }

    /// The first [`ANSWERED`] answers, and how many there were in all
    /// ([`FLAG_ANSWERED`]).
    ///
    /// # Errors
    ///
    /// When a map cannot be read.
    pub fn answered(&self) -> Result<(Vec<Answered>, u64), LabError> {
        let map = self.ebpf.map("lab_answers").ok_or(LabError::Missing("lab_answers"))?;
        let all = Array::<_, u64>::try_from(map)
            .and_then(|array| array.get(&0, 0))
            .map_err(|error| LabError::Map("lab_answers", error))?;
        let map = self.ebpf.map("lab_answered").ok_or(LabError::Missing("lab_answered"))?;
        let map = Array::<_, [u8; ANSWERED_LEN]>::try_from(map)
            .map_err(|error| LabError::Map("lab_answered", error))?;
        let kept = u32::try_from(all).unwrap_or(u32::MAX).min(map.len());
        let get = |index| {
            let bytes = map.get(&index, 0).map_err(|error| LabError::Map("lab_answered", error))?;
            Ok(zerocopy::transmute!(bytes))
        };
        Ok(((0..kept).map(get).collect::<Result<_, LabError>>()?, all))
    }

    /// Begins anew with noting answers.
    ///
    /// # Errors
    ///
    /// When the map does not take it.
    pub fn forget_answered(&mut self) -> Result<(), LabError> {
        let map = self.ebpf.map_mut("lab_answers").ok_or(LabError::Missing("lab_answers"))?;
        Array::<_, u64>::try_from(map)
            .and_then(|mut array| array.set(0, 0, 0))
            .map_err(|error| LabError::Map("lab_answers", error))
    }

    /// Runs the program once over `frame`, without an interface: the XDP action
    /// and the frame that it left.
    ///
    /// # Errors
    ///
    /// When the kernel refuses the run.
    pub fn run_once(&mut self, frame: &[u8]) -> Result<(u32, Vec<u8>), LabError> {
        let mut out = vec![0; 2048];
        let program = xdp(&mut self.ebpf, PROGRAM)?;
        let mut options = TestRunOptions::new();
        options.data_in = Some(frame);
        options.data_out = Some(&mut out);
        let result = program.test_run(options)?;
        out.truncate(result.data_size_out as usize);
        Ok((result.return_value, out))
    }

    fn per_cpu<V: aya::Pod>(
        &self,
        name: &'static str,
    ) -> Result<PerCpuArray<&MapData, V>, LabError> {
        let map: &Map = self.ebpf.map(name).ok_or(LabError::Missing(name))?;
        PerCpuArray::try_from(map).map_err(|error| LabError::Map(name, error))
    }
}

/// Somebody's own XDP program on the far end. Dropping it detaches it.
#[derive(Debug)]
pub struct OwnProgram {
    _ebpf: Ebpf,
    /// The name of the program that was attached.
    pub name: String,
}

impl OwnProgram {
    /// Attaches the first XDP program (by name) of an object file natively to
    /// `interface`. A DEVMAP called `lab_out1` gets this interface in slot 0,
    /// so that the program can answer by redirecting there.
    ///
    /// # Errors
    ///
    /// When the object has no XDP program, or the kernel refuses it.
    pub fn attach(path: &Path, interface: &str, ifindex: u32) -> Result<Self, LabError> {
        let mut ebpf = Ebpf::load_file(path)?;
        let name = ebpf
            .programs()
            .filter(|(_, program)| matches!(program, Program::Xdp(_)))
            .map(|(name, _)| name.to_owned())
            .min()
            .ok_or(LabError::Missing("XDP program (section xdp or xdp.frags)"))?;
        if let Some(map @ Map::DevMap(_)) = ebpf.map_mut("lab_out1") {
            let mut map =
                DevMap::try_from(map).map_err(|error| LabError::Map("lab_out1", error))?;
            map.set(0, ifindex, None, 0).map_err(|error| LabError::XdpMap("lab_out1", error))?;
        }
        let program = xdp(&mut ebpf, &name)?;
        program.load()?;
        program.attach(interface, XdpMode::Driver)?;
        Ok(Self { _ebpf: ebpf, name })
    }
}

fn xdp<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut Xdp, LabError> {
    let program = ebpf.program_mut(name).ok_or(LabError::Missing("XDP program"))?;
    Ok(program.try_into()?)
}
