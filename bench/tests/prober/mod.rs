//! A small prober for the lab's tests: SYNs by AF_PACKET, replies read by
//! etherparse. Runs inside the scanner's namespace; driven by the environment:
//! PROBER_OUT, PROBER_ATTEMPTS, PROBER_RATE, PROBER_XDP. [`kernel`] leaves the
//! packets to the kernel.
#![expect(unsafe_code, reason = "AF_PACKET and IP_RECVERR have no safe wrapper")]

pub(crate) mod kernel;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use etherparse::{NetSlice, PacketBuilder, SlicedPacket, TransportSlice};
use prtip_bench::lab::delay::now_ns;
use prtip_bench::lab::rule::{Protocol, Rule};
use prtip_bench::lab::targets::{Addresses, Ports};

const OUR_PORT: u16 = 61_001;
const OUR_V4: [u8; 4] = [198, 19, 255, 1];
const OUR_V6: [u8; 16] = [0x20, 1, 0, 2, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 1];
const OUR_MAC: [u8; 6] = prtip_bench::lab::network::SCAN_MAC;
const DELAY_MIN_NS: u64 = 20_000_000;
const DELAY_SPAN_NS: u64 = 380_000_001;

/// What the prober saw.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Summary {
    /// Pairs with a true reply.
    pub(crate) answered: u64,
    /// True replies after a pair's first.
    pub(crate) repeated: u64,
    /// Replies whose acknowledgement is wrong.
    pub(crate) forged: u64,
    /// Shortest and longest time from a pair's first probe to its first reply.
    pub(crate) rtt_min_us: u64,
    pub(crate) rtt_max_us: u64,
    /// Replies before the time that the rule gives them, with a delay of 20 to 400 ms.
    pub(crate) early: u64,
    /// The median of how much later than that they came.
    pub(crate) late_median_us: u64,
    /// How long the sending took.
    pub(crate) sending_ms: u64,
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Probes every pair and writes what came back.
pub(crate) fn run() {
    let out = PathBuf::from(std::env::var_os("PROBER_OUT").expect("started by a test"));
    let attempts = number("PROBER_ATTEMPTS", 1);
    let gap_ns = 1_000_000_000 / number("PROBER_RATE", 20_000);
    let socket = open();
    let _attached = std::env::var_os("PROBER_XDP").map(|path| {
        let path = PathBuf::from(path);
        prtip_bpf::lab::OwnProgram::attach(&path, "scan0", index()).unwrap()
    });

    let mac: Vec<u8> = std::env::var("LAB_ROUTER_MAC")
        .unwrap()
        .split(':')
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect();
    let mac: [u8; 6] = mac.try_into().unwrap();
    let addresses = Addresses::parse("198.18.0.0/24,2001:2:0:1::/120").unwrap();
    let ports = Ports::parse("1-32", Protocol::Tcp).unwrap();
    let mut seen = Seen::default();
    let started = now_ns();
    let mut sent = 0;
    for _ in 0..attempts {
        for ip in addresses.iter() {
            for &port in ports.list() {
                let due = started + sent * gap_ns;
                while now_ns() < due {
                    seen.receive(&socket);
                }
                seen.sent_ns.entry((ip, port)).or_insert_with(now_ns);
                send(&socket, &probe(mac, ip, port));
                sent += 1;
                seen.receive(&socket);
            }
        }
        let until = now_ns() + 700_000_000;
        while now_ns() < until {
            if !seen.receive(&socket) {
                std::thread::sleep(Duration::from_micros(20));
            }
        }
        if attempts == 1 {
            seen.summary.sending_ms = (until - 700_000_000 - started) / 1_000_000;
        }
    }
    std::fs::write(&out, &seen.lines).unwrap();
    let summary = seen.finish();
    std::fs::write(out.with_extension("summary"), serde_json::to_string(&summary).unwrap())
        .unwrap();
}

fn sequence(ip: IpAddr, port: u16) -> u32 {
    Rule { seed: 99, open: 0, closed: 0, icmp: 0 }.hash(ip, port, Protocol::Tcp) as u32
}

fn probe(mac: [u8; 6], ip: IpAddr, port: u16) -> Vec<u8> {
    let start = PacketBuilder::ethernet2(OUR_MAC, mac);
    let step = match ip {
        IpAddr::V4(ip) => start.ipv4(OUR_V4, ip.octets(), 64),
        IpAddr::V6(ip) => start.ipv6(OUR_V6, ip.octets(), 64),
    };
    let mut frame = Vec::new();
    step.tcp(OUR_PORT, port, sequence(ip, port), 1024).syn().write(&mut frame, &[]).unwrap();
    frame
}

#[derive(Default)]
struct Seen {
    sent_ns: HashMap<(IpAddr, u16), u64>,
    first: HashMap<(IpAddr, u16), u64>,
    late_ns: Vec<u64>,
    lines: String,
    summary: Summary,
}

impl Seen {
    /// Reads what has come; whether there was anything.
    fn receive(&mut self, socket: &OwnedFd) -> bool {
        let mut buffer = [0; 2048];
        let mut any = false;
        while let Ok((len, _)) =
            rustix::net::recv(socket, &mut buffer, rustix::net::RecvFlags::DONTWAIT)
        {
            any = true;
            self.read(&buffer[..len], now_ns());
        }
        any
    }

    fn read(&mut self, frame: &[u8], now: u64) {
        let Ok(packet) = SlicedPacket::from_ethernet(frame) else { return };
        let from: IpAddr = match &packet.net {
            Some(NetSlice::Ipv4(ip)) => ip.header().source_addr().into(),
            Some(NetSlice::Ipv6(ip)) => ip.header().source_addr().into(),
            _ => return,
        };
        let quoted = match packet.transport {
            Some(TransportSlice::Tcp(tcp)) if tcp.destination_port() == OUR_PORT => {
                let pair = (from, tcp.source_port());
                if tcp.acknowledgment_number() != sequence(pair.0, pair.1).wrapping_add(1) {
                    self.summary.forged += 1;
                } else {
                    self.note(pair, if tcp.rst() { "closed" } else { "open" }, now);
                }
                return;
            }
            Some(TransportSlice::Icmpv4(icmp)) => icmp.payload(),
            Some(TransportSlice::Icmpv6(icmp)) => icmp.payload(),
            _ => return,
        };
        let pair = match quoted.first().map(|byte| byte >> 4) {
            Some(4) => (
                IpAddr::from(<[u8; 4]>::try_from(&quoted[16..20]).unwrap()),
                u16::from_be_bytes([quoted[22], quoted[23]]),
            ),
            Some(6) if quoted.len() >= 48 => (
                IpAddr::from(<[u8; 16]>::try_from(&quoted[24..40]).unwrap()),
                u16::from_be_bytes([quoted[42], quoted[43]]),
            ),
            _ => return,
        };
        self.note(pair, "filtered", now);
    }

    fn note(&mut self, pair: (IpAddr, u16), state: &str, now: u64) {
        if self.first.insert(pair, now).is_some() {
            self.summary.repeated += 1;
            return;
        }
        let (ip, port) = pair;
        let _ = writeln!(
            self.lines,
            "{{\"type\":\"port\",\"ip\":\"{ip}\",\"port\":{port},\"proto\":\"tcp\",\"state\":\"{state}\"}}"
        );
        let summary = &mut self.summary;
        summary.answered += 1;
        let Some(sent) = self.sent_ns.get(&pair) else { return };
        let rtt = now - sent;
        summary.rtt_max_us = summary.rtt_max_us.max(rtt / 1000);
        summary.rtt_min_us = match summary.rtt_min_us {
            0 => rtt / 1000,
            least => least.min(rtt / 1000),
        };
        let hash = Rule { seed: 7, open: 0, closed: 0, icmp: 0 }.hash(ip, port, Protocol::Tcp);
        let spread = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let due = DELAY_MIN_NS + ((spread * DELAY_SPAN_NS) >> 32);
        match rtt.checked_sub(due) {
            Some(late) => self.late_ns.push(late),
            None => summary.early += 1,
        }
    }

    fn finish(mut self) -> Summary {
        self.late_ns.sort_unstable();
        let median = self.late_ns.get(self.late_ns.len() / 2).copied().unwrap_or(0);
        self.summary.late_median_us = median / 1000;
        self.summary
    }
}

fn index() -> u32 {
    let name = c"scan0";
    // SAFETY: the name is a C string that outlives the call.
    unsafe { libc::if_nametoindex(name.as_ptr()) }
}

/// An AF_PACKET socket on scan0.
fn open() -> OwnedFd {
    let protocol = (libc::ETH_P_ALL as u16).to_be();
    // SAFETY: a fresh descriptor is owned by nobody else; the address is a live
    // value of the size that is passed.
    unsafe {
        let fd = libc::socket(libc::AF_PACKET, libc::SOCK_RAW, protocol.into());
        assert!(fd >= 0, "AF_PACKET: {}", std::io::Error::last_os_error());
        let socket = OwnedFd::from_raw_fd(fd);
        let room: libc::c_int = 32 << 20;
        let set = libc::setsockopt(
            fd,
            libc::SOL_SOCKET,
            libc::SO_RCVBUFFORCE,
            (&raw const room).cast(),
            size_of::<libc::c_int>() as u32,
        );
        assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
        let mut at: libc::sockaddr_ll = std::mem::zeroed();
        at.sll_family = libc::AF_PACKET as u16;
        at.sll_protocol = protocol;
        at.sll_ifindex = index() as i32;
        let bound = libc::bind(fd, (&raw const at).cast(), size_of::<libc::sockaddr_ll>() as u32);
        assert_eq!(bound, 0, "{}", std::io::Error::last_os_error());
        socket
    }
}

fn send(socket: &OwnedFd, frame: &[u8]) {
    // SAFETY: the frame is a live slice of the length that is passed.
    let sent = unsafe { libc::send(socket.as_raw_fd(), frame.as_ptr().cast(), frame.len(), 0) };
    assert_eq!(sent, frame.len() as isize, "{}", std::io::Error::last_os_error());
}
