//! The kernel as a prober: UDP sockets connected to one pair each, and ICMP
//! sockets. What gets through to them has passed the kernel's own checks of
//! checksums, lengths and what an ICMP error quotes.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use prtip_bench::lab::rule::Protocol;
use prtip_bench::lab::targets::{Addresses, Ports};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, ipproto};

/// The pairs asked for.
pub(crate) const UDP_TARGETS: &str = "198.18.0.0/28,2001:2:0:1::/124";
pub(crate) const UDP_PORTS: &str = "1-64";
pub(crate) const PING_TARGETS: &str = "198.18.0.0/24,2001:2:0:1::/120";
/// Sockets at a time.
const BATCH: usize = 256;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_millis(400);

/// Asks every pair and host; JSON lines to `PROBER_OUT`.
pub(crate) fn run() {
    let out = std::env::var_os("PROBER_OUT").expect("started by a test");
    let attempts = super::number("PROBER_ATTEMPTS", 1);
    // Neighbours are found now, so that no packet is dropped for want of one.
    for router in ["198.19.255.2:9", "[2001:2:0:ffff::2]:9"] {
        let router: SocketAddr = router.parse().unwrap();
        socket_to(router).send(b"who has").unwrap();
    }
    std::thread::sleep(Duration::from_millis(200));

    let mut lines = String::new();
    let mut pairs = Vec::new();
    for ip in Addresses::parse(UDP_TARGETS).unwrap().iter() {
        for port in Ports::parse(UDP_PORTS, Protocol::Udp).unwrap().list() {
            pairs.push(SocketAddr::new(ip, *port));
        }
    }
    for batch in pairs.chunks(BATCH) {
        for (pair, state) in udp(batch, attempts) {
            let _ = writeln!(
                lines,
                "{{\"type\":\"port\",\"ip\":\"{}\",\"port\":{},\"proto\":\"udp\",\"state\":\"{state}\"}}",
                pair.ip(),
                pair.port()
            );
        }
    }
    std::fs::write("/proc/sys/net/ipv4/ping_group_range", "0 0").unwrap();
    for ip in ping(attempts) {
        let _ = writeln!(lines, "{{\"type\":\"host\",\"ip\":\"{ip}\",\"state\":\"up\"}}");
    }
    std::fs::write(out, lines).unwrap();
}

fn socket_to(pair: SocketAddr) -> UdpSocket {
    let any = if pair.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).unwrap();
    socket.set_nonblocking(true).unwrap();
    let (level, option) = match pair {
        SocketAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_RECVERR),
        SocketAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_RECVERR),
    };
    let on: libc::c_int = 1;
    // SAFETY: the option's value is a live c_int of the size that is passed.
    let set = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as u32,
        )
    };
    assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
    socket.connect(pair).unwrap();
    socket
}

/// A query that port 53 knows and that other ports echo; long for every other port.
fn query(pair: SocketAddr) -> Vec<u8> {
    let mut query = b"\0\0\x01\0\0\x01\0\0\0\0\0\0\x03lab\x07invalid\0\0\x01\0\x01".to_vec();
    query[..2].copy_from_slice(&pair.port().wrapping_mul(40_503).to_be_bytes());
    query.resize(query.len() + usize::from(pair.port() % 2) * 400, b'x');
    query
}

fn udp(pairs: &[SocketAddr], attempts: u64) -> Vec<(SocketAddr, &'static str)> {
    let mut found = Vec::new();
    let mut open: Vec<(SocketAddr, UdpSocket)> =
        pairs.iter().map(|pair| (*pair, socket_to(*pair))).collect();
    for _ in 0..attempts {
        for (pair, socket) in &open {
            socket.send(&query(*pair)).unwrap();
        }
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            open.retain(|(pair, socket)| {
                let state = answer(*pair, socket);
                found.extend(state.map(|state| (*pair, state)));
                state.is_none()
            });
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    found
}

/// What has come to a socket; a datagram that answers something else is none.
fn answer(pair: SocketAddr, socket: &UdpSocket) -> Option<&'static str> {
    let mut told = [0; 600];
    match socket.recv(&mut told) {
        Ok(len) => {
            let mut expected = query(pair);
            if pair.port() == 53 {
                expected[2] |= 0x80;
            }
            (told[..len] == expected).then_some("open")
        }
        Err(error) => match (error.kind(), error.raw_os_error()) {
            (ErrorKind::WouldBlock, _) => None,
            (ErrorKind::ConnectionRefused, _) => Some("closed"),
            (_, Some(libc::EHOSTUNREACH | libc::EACCES)) => Some("filtered"),
            _ => panic!("{pair}: {error}"),
        },
    }
}

fn ping(attempts: u64) -> HashSet<IpAddr> {
    let addresses = Addresses::parse(PING_TARGETS).unwrap();
    let v4 = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, Some(ipproto::ICMP));
    let v6 = rustix::net::socket(AddressFamily::INET6, SocketType::DGRAM, Some(ipproto::ICMPV6));
    let (v4, v6) = (v4.unwrap(), v6.unwrap());
    let mut up = HashSet::new();
    for _ in 0..attempts {
        for (number, ip) in (0_u16..).zip(addresses.iter()) {
            let (socket, kind) = if ip.is_ipv4() { (&v4, 8) } else { (&v6, 128) };
            let mut request = vec![kind, 0, 0, 0, 0, 0];
            request.extend(number.to_be_bytes());
            request.extend(ip.to_string().bytes());
            let to = SocketAddr::new(ip, 0);
            rustix::net::sendto(socket, &request, SendFlags::empty(), &to).unwrap();
            hear(&v4, &v6, &mut up);
        }
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            hear(&v4, &v6, &mut up);
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    up
}

/// Notes the hosts whose echo reply carries what was sent to them.
fn hear(v4: &OwnedFd, v6: &OwnedFd, up: &mut HashSet<IpAddr>) {
    let mut told = [0; 200];
    for (socket, kind) in [(v4, 0), (v6, 129)] {
        while let Ok((_, len, from)) =
            rustix::net::recvfrom(socket, &mut told[..], RecvFlags::DONTWAIT)
        {
            let from = SocketAddr::try_from(from.unwrap()).unwrap().ip();
            assert_eq!(told[0], kind);
            assert_eq!(&told[8..len], from.to_string().as_bytes());
            up.insert(from);
        }
    }
}
