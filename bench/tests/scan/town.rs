//! Hosts that are real: each a kernel in a network namespace of its own, on a bridge
//! in another, with the scanner's beside them. They answer ARP and neighbour
//! discovery themselves, and their ports are listening sockets or none.
//!
//! ```text
//!  scanner            bridge            host a   198.18.N.10, 2001:2:0:N::a, 02:…:0N:0a
//!  scanN ──────────── br0 ───────────── eth0
//!  198.18.N.1/24       │                host b   198.18.N.11 …
//!  2001:2:0:N::1/64    └─────────────── eth0
//! ```
//!
//! The namespaces have no names and live as long as the process that holds each.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::net::{IpAddr, TcpListener};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::Value;

use crate::lab::words;
use crate::release::binary;

/// A network namespace, held by a process that waits for its input to be closed.
pub(crate) struct Place {
    child: Child,
}

impl Place {
    pub(crate) fn new() -> Self {
        let mut child = Command::new("unshare")
            .args(["--net", "--mount", "sh", "-c"])
            .arg("mount -t sysfs sysfs /sys && ip link set lo up && echo up && exec cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut up = [0; 3];
        child.stdout.as_mut().unwrap().read_exact(&mut up).expect("a namespace can be made");
        Self { child }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A command to run inside.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.pid().to_string(), "-n", "-m", "--"]).arg(program);
        command.stdin(Stdio::null());
        command
    }

    /// Standard output of a short command that must end well.
    pub(crate) fn output(&self, line: &str) -> String {
        let mut all = words(line);
        let output = self.command(all.next().unwrap()).args(all).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs `ip` with each line of `script`.
    pub(crate) fn ip(&self, script: &str) {
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            self.output(&format!("ip {line}"));
        }
    }

    /// Runs a function on a thread inside.
    pub(crate) fn enter<T: Send>(&self, function: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(format!("/proc/{}/ns/net", self.pid())).unwrap();
        std::thread::scope(|scope| {
            let inside = scope.spawn(move || {
                let network = Some(LinkNameSpaceType::Network);
                move_into_link_name_space(namespace.as_fd(), network).unwrap();
                function()
            });
            inside.join().unwrap()
        })
    }

    /// Listening sockets on these ports, both families.
    pub(crate) fn listen(&self, ports: &[u16]) -> Vec<TcpListener> {
        self.enter(|| ports.iter().map(|port| TcpListener::bind(("::", *port)).unwrap()).collect())
    }

    /// The TCP ports that this kernel says it listens on.
    pub(crate) fn listening(&self) -> BTreeSet<u16> {
        let table = self.output("ss -ltnH");
        let local = table.lines().filter_map(|line| line.split_whitespace().nth(3));
        local.map(|local| local.rsplit(':').next().unwrap().parse().unwrap()).collect()
    }

    /// Runs `prtip` inside.
    pub(crate) fn prtip(&self, line: &str) -> Told {
        let output = self.command(binary("prtip")).args(words(line)).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        println!("prtip {line}\n{told}");
        let records = String::from_utf8(output.stdout).unwrap();
        let records = records.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        Told { code: output.status.code(), words: told, records }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// What a scan told.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) code: Option<i32>,
    pub(crate) words: String,
    pub(crate) records: Vec<Value>,
}

impl Told {
    pub(crate) fn of(&self, kind: &str) -> impl Iterator<Item = &Value> {
        let kind = kind.to_owned();
        self.records.iter().filter(move |record| record["type"] == kind.as_str())
    }

    pub(crate) fn booked(&self, name: &str) -> u64 {
        let ledger = self.of("ledger").next().expect("a scan ends with its ledger");
        ledger[name].as_u64().unwrap_or_else(|| panic!("no {name} in {ledger}"))
    }

    /// (address, port, state) of every port record.
    pub(crate) fn ports(&self) -> BTreeSet<(IpAddr, u16, String)> {
        let mut ports = BTreeSet::new();
        for record in self.of("port") {
            let text = |name: &str| record[name].as_str().unwrap().to_owned();
            let port = record["port"].as_u64().unwrap() as u16;
            let new = ports.insert((text("ip").parse().unwrap(), port, text("state")));
            assert!(new, "told twice: {record}");
        }
        ports
    }
}

/// A host on a bridge.
pub(crate) struct Host {
    pub(crate) place: Place,
    pub(crate) addrs: [IpAddr; 2],
    pub(crate) mac: String,
    /// Kept open.
    pub(crate) listeners: Vec<TcpListener>,
}

/// A bridge and its hosts, joined to a scanner.
pub(crate) struct Street {
    bridge: Place,
    number: u8,
    pub(crate) hosts: Vec<Host>,
}

impl Street {
    /// Joins a new bridge to `scanner`, whose end is called `scanN`.
    pub(crate) fn new(scanner: &Place, number: u8) -> Self {
        let bridge = Place::new();
        bridge.ip("link add br0 type bridge\nlink set br0 up");
        scanner.ip(&format!(
            "link add scan{number} numrxqueues 2 numtxqueues 2 type veth peer name uplink netns {}
             link set scan{number} addrgenmode none
             addr add 198.18.{number}.1/24 dev scan{number}
             addr add 2001:2:0:{number}::1/64 dev scan{number} nodad
             link set scan{number} up",
            bridge.pid()
        ));
        bridge.ip("link set uplink master br0\nlink set uplink up");
        Self { bridge, number, hosts: Vec::new() }
    }

    /// Adds a host with this last number that listens on these ports.
    pub(crate) fn host(&mut self, last: u8, ports: &[u16]) -> &Host {
        let (place, number) = (Place::new(), self.number);
        let mac = format!("02:00:00:00:{number:02x}:{last:02x}");
        let v4 = format!("198.18.{number}.{last}");
        let v6 = format!("2001:2:0:{number}::{last:x}");
        self.bridge.ip(&format!(
            "link add h{last} type veth peer name eth0 address {mac} netns {}
             link set h{last} master br0
             link set h{last} up",
            place.pid()
        ));
        place.ip(&format!(
            "link set eth0 addrgenmode none
             addr add {v4}/24 dev eth0
             addr add {v6}/64 dev eth0 nodad
             link set eth0 up
             route add default via 198.18.{number}.1
             route add default via 2001:2:0:{number}::1"
        ));
        let listeners = place.listen(ports);
        let addrs = [v4.parse().unwrap(), v6.parse().unwrap()];
        self.hosts.push(Host { place, addrs, mac, listeners });
        self.hosts.last().unwrap()
    }

    /// Waits until a host answers the scanner: a bridge's port takes a moment.
    pub(crate) fn settle(&self, scanner: &Place) {
        let deadline = Instant::now() + Duration::from_secs(10);
        for host in &self.hosts {
            for addr in host.addrs {
                let answers = || {
                    scanner.enter(|| {
                        let to = (addr, 1).into();
                        match std::net::TcpStream::connect_timeout(&to, Duration::from_millis(300))
                        {
                            Ok(_) => true,
                            Err(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
                        }
                    })
                };
                while !answers() {
                    assert!(Instant::now() < deadline, "{addr} does not answer");
                }
            }
        }
        // What the scanner's kernel has learned is not to help prtip.
        scanner.ip("neigh flush all");
    }

    /// The truth of these ports, as the hosts' own kernels tell it.
    pub(crate) fn truth(&self, ports: &[u16], v6: bool) -> BTreeSet<(IpAddr, u16, String)> {
        let mut truth = BTreeSet::new();
        for host in &self.hosts {
            let listening = host.place.listening();
            for port in ports {
                let state = if listening.contains(port) { "open" } else { "closed" };
                truth.insert((host.addrs[usize::from(v6)], *port, state.to_owned()));
            }
        }
        truth
    }
}
