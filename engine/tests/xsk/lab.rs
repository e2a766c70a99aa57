//! The namespaces, and frames to send through them.

use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use etherparse::{EtherType, Ethernet2Header, IpNumber, Ipv4Header, TcpHeader};
use prtip_bpf::abi::{KIND_SYN, Key, Source, SourceKeys, SteerConfig};
use prtip_bpf::cookie::cookie4;
use prtip_engine::error::Error;
use prtip_engine::port::xsk::{Opened, Request, open};
use prtip_engine::scan::XdpMode;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

pub const NEAR_V4: Ipv4Addr = Ipv4Addr::new(198, 19, 255, 2);
pub const FAR_V4: Ipv4Addr = Ipv4Addr::new(198, 19, 255, 1);
pub const NEAR_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
pub const FAR_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
pub const FIRST_PORT: u16 = 61_000;
pub const QUEUES: u32 = 2;

/// Two namespaces joined by a veth pair; gone when dropped, also by a panic.
pub struct Lab {
    near: String,
    far: String,
}

impl Lab {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name =
            |end: &str, number: u32| format!("prtip-xsk-{}-{number}-{end}", std::process::id());
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let lab = Self { near: name("near", number), far: name("far", number) };
        run(&format!("ip netns add {}", lab.near));
        run(&format!("ip netns add {}", lab.far));
        lab.make_link(QUEUES, QUEUES);
        lab
    }

    /// Another link with so many receive and as many transmit queues at either end.
    pub fn remake_link(&self, near_queues: u32, far_queues: u32) {
        self.near_ip("link del near0");
        self.make_link(near_queues, far_queues);
    }

    fn make_link(&self, near_queues: u32, far_queues: u32) {
        let queues = |count: u32| format!("numrxqueues {count} numtxqueues {count}");
        self.near_ip(&format!(
            "link add near0 {} address {} type veth peer name far0 {} address {} netns {}",
            queues(near_queues),
            mac(NEAR_MAC),
            queues(far_queues),
            mac(FAR_MAC),
            self.far
        ));
        self.near_ip(&format!("addr add {NEAR_V4}/24 dev near0"));
        self.far_ip(&format!("addr add {FAR_V4}/24 dev far0"));
        self.near_ip("link set near0 up");
        self.far_ip("link set far0 up");
        self.far_ip(&format!("neigh add {NEAR_V4} lladdr {} dev far0", mac(NEAR_MAC)));
        self.near_ip(&format!("neigh add {FAR_V4} lladdr {} dev near0", mac(FAR_MAC)));
    }

    /// `ip` in the near namespace; returns what it printed.
    pub fn near_ip(&self, arguments: &str) -> String {
        run(&format!("ip -n {} {arguments}", self.near))
    }

    pub fn far_ip(&self, arguments: &str) -> String {
        run(&format!("ip -n {} {arguments}", self.far))
    }

    /// Moves this thread into the near namespace.
    pub fn enter_near(&self) {
        enter(&self.near);
    }

    pub fn enter_far(&self) {
        enter(&self.far);
    }

    /// Opens the port on the near end.
    pub fn open_near(&self, mode: XdpMode, workers: usize) -> Result<Opened, Error> {
        self.enter_near();
        open(&Request { mode, workers, ..request("near0", &near_config()) })
    }

    /// Opens a port on the far end, so that frames from the near end can be
    /// counted there.
    pub fn open_far(&self, workers: usize) -> Opened {
        self.enter_far();
        open(&Request { workers, ..request("far0", &far_config()) }).unwrap()
    }

    /// Programs on the near interface, as the kernel lists them.
    pub fn near_programs(&self) -> usize {
        self.near_ip("-d link show dev near0").matches("prog/xdp").count()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for namespace in [&self.near, &self.far] {
            let _ = Command::new("ip").args(["netns", "del", namespace]).output();
        }
    }
}

/// Runs `test` in a thread of its own, which may change namespaces.
pub fn in_lab(test: impl FnOnce(&Lab) + Send) {
    if !rustix::process::geteuid().is_root() {
        assert!(
            std::env::var_os("CI").is_none_or(|ci| ci != "true"),
            "a required test cannot run: not root"
        );
        println!("SKIPPED: needs root for network namespaces and AF_XDP");
        return;
    }
    std::thread::scope(|scope| {
        let outcome = scope.spawn(|| test(&Lab::new())).join();
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
}

pub fn request<'a>(interface: &'a str, steer: &'a SteerConfig) -> Request<'a> {
    Request {
        interface,
        mode: XdpMode::Auto,
        require_zerocopy: false,
        probes: u64::MAX,
        busy_poll_us: None,
        queues: None,
        workers: 1,
        steer,
    }
}

pub fn near_config() -> SteerConfig {
    SteerConfig {
        sources: vec![source(NEAR_V4, Key { k0: 11, k1: 12 })],
        kinds: KIND_SYN,
        port_first: FIRST_PORT,
        port_last: u16::MAX,
        ..SteerConfig::default()
    }
}

pub fn far_config() -> SteerConfig {
    SteerConfig { sources: vec![source(FAR_V4, FAR_KEY)], ..near_config() }
}

const FAR_KEY: Key = Key { k0: 21, k1: 22 };

fn source(addr: Ipv4Addr, tcp: Key) -> Source {
    Source { addr: addr.into(), keys: SourceKeys { tcp, ..SourceKeys::default() } }
}

/// A frame from near to far that the far port takes for a true reply; `number`
/// is its source address and can be read back by [`number_of`].
pub fn frame_to_far(number: u32) -> Vec<u8> {
    let source = Ipv4Addr::from(number);
    let cookie = cookie4(FAR_KEY, source, 80, FIRST_PORT);
    let mut tcp = TcpHeader::new(80, FIRST_PORT, 1, 1024);
    (tcp.syn, tcp.ack) = (true, true);
    tcp.acknowledgment_number = cookie.wrapping_add(1);
    frame(source, FAR_V4, tcp)
}

/// The number of a frame that [`frame_to_far`] made.
pub fn number_of(frame: &[u8]) -> u32 {
    assert_eq!(frame, frame_to_far(u32::from_be_bytes(frame[26..30].try_into().unwrap())));
    u32::from_be_bytes(frame[26..30].try_into().unwrap())
}

/// A frame from near to far.
pub fn frame(source: Ipv4Addr, destination: Ipv4Addr, mut tcp: TcpHeader) -> Vec<u8> {
    let mut ip = Ipv4Header::new(
        tcp.header_len_u16(),
        64,
        IpNumber::TCP,
        source.octets(),
        destination.octets(),
    )
    .unwrap();
    ip.header_checksum = ip.calc_header_checksum();
    tcp.checksum = tcp.calc_checksum_ipv4(&ip, &[]).unwrap();
    let ethernet =
        Ethernet2Header { source: NEAR_MAC, destination: FAR_MAC, ether_type: EtherType::IPV4 };
    [&ethernet.to_bytes()[..], &ip.to_bytes(), &tcp.to_bytes()].concat()
}

fn mac(bytes: [u8; 6]) -> String {
    bytes.map(|byte| format!("{byte:02x}")).join(":")
}

fn enter(namespace: &str) {
    let file = File::open(format!("/run/netns/{namespace}")).unwrap();
    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
}

fn run(command: &str) -> String {
    let mut words = command.split_whitespace();
    let Output { status, stdout, stderr } =
        Command::new(words.next().unwrap()).args(words).output().unwrap();
    assert!(status.success(), "{command}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8_lossy(&stdout).into_owned()
}
