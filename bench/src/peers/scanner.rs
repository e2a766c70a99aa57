//! The scanners that are compared: prtip by its port engines, and the peers from
//! Debian packages, unpacked privately. How each is called, which of its flags are
//! worth a try, and who reads what it writes.
//!
//! All get the same targets, the same interface, one second to wait for late
//! replies, no second attempt, and write only what is open. A new port engine of
//! prtip is a line in [`OURS`], another scanner an entry in [`PEERS`].

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::output::{self, Found, ZMAP_FIELDS};
use super::work::Work;
use crate::lab::network::{ROUTER_MAC, SCAN, mac_text};
use crate::lab::packages;

/// The address of the scanner's interface: the kernel answers SYN-ACKs to it with
/// a RST of its own.
const OWN: &str = "198.19.255.1";
/// An address that nobody has: the kernel leaves replies to it alone.
const SPARE: &str = "198.19.255.77";

/// How fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As fast as it can.
    Max,
    /// Probes a second.
    Rate(u64),
}

/// One scan to run.
#[derive(Clone, Debug)]
pub struct Scan {
    /// What is asked.
    pub work: Work,
    /// How fast.
    pub pace: Pace,
    /// The flags chosen for this scanner.
    pub flags: &'static [&'static str],
    /// Order of the targets, where the scanner takes one.
    pub seed: u64,
}

/// A scanner.
#[derive(Debug)]
pub struct Scanner {
    /// As it is called.
    pub name: &'static str,
    /// Packages that hold it, and what they need that the closure over libraries
    /// does not find; none for our own.
    packages: &'static [&'static str],
    /// The program below the packages' root.
    program: &'static str,
    /// Sets of flags that the search for the best tries.
    pub choices: &'static [&'static [&'static str]],
    /// Most probes that it is asked for: a slow scanner gets a smaller work.
    pub most_probes: u64,
    /// Writes the rest of the command line.
    call: fn(&mut Command, &Scan),
    /// Reads what it writes.
    read: fn(&str) -> Result<Vec<Found>>,
    /// Whether it scans one port only, and each address as often as there are ports.
    pub one_port: bool,
}

/// The port engines of prtip; the first one is measured unless others are named.
pub static OURS: [Scanner; 3] = [
    ours("prtip-xdp", &[&["--port-engine", "xdp"]]),
    ours("prtip-live", &[&["--port-engine", "live"]]),
    ours("prtip-packet", &[&["--port-engine", "packet"]]),
];

/// An engine of our own: its name, and the flags that choose it.
const fn ours(name: &'static str, choices: &'static [&'static [&'static str]]) -> Scanner {
    Scanner {
        name,
        packages: &[],
        program: "prtip",
        choices,
        most_probes: u64::MAX,
        call: call_prtip,
        read: output::prtip,
        one_port: false,
    }
}

/// Everybody else.
pub static PEERS: [Scanner; 3] = [
    Scanner {
        name: "masscan",
        // It loads libpcap at run time, which its package does not say.
        packages: &["masscan", "libpcap0.8"],
        program: "usr/bin/masscan",
        choices: &[
            &["--source-ip", OWN],
            &["--source-ip", SPARE],
            &["--source-ip", SPARE, "--noreset"],
        ],
        most_probes: u64::MAX,
        call: call_masscan,
        read: output::masscan,
        one_port: false,
    },
    Scanner {
        name: "zmap",
        packages: &["zmap"],
        program: "usr/sbin/zmap",
        choices: &[
            &["-T", "1", "-S", OWN],
            &["-T", "1", "-S", SPARE],
            &["-T", "2", "-S", OWN],
            &["-T", "2", "-S", SPARE],
            &["-T", "1", "-S", SPARE, "--cores", "0"],
        ],
        most_probes: u64::MAX,
        call: call_zmap,
        read: output::zmap,
        one_port: true,
    },
    Scanner {
        name: "nmap",
        packages: packages::NMAP,
        program: "usr/bin/nmap",
        choices: &[
            &["-T5", "--min-hostgroup", "4096", "--min-parallelism", "1000"],
            &["-T5", "--min-hostgroup", "4096", "--min-rate", "20000"],
            &["-T5", "--min-hostgroup", "4096", "--min-rate", "100000"],
            &["-T5", "--min-hostgroup", "4096", "--min-rate", "1000000"],
            &["-T5", "--min-hostgroup", "4096", "--min-rate", "100000", "--send-ip"],
        ],
        most_probes: 1 << 14,
        call: call_nmap,
        read: output::nmap,
        one_port: false,
    },
];

/// A scanner whose program is at hand.
#[derive(Clone, Debug)]
pub struct Installed {
    /// Which.
    pub scanner: &'static Scanner,
    program: PathBuf,
    /// Where its packages are unpacked.
    root: Option<PathBuf>,
    /// Its name and version.
    pub title: String,
}

impl Scanner {
    /// Unpacks its packages, unless that was done before; our own program is `prtip`.
    ///
    /// # Errors
    /// Where the packages cannot be had, or there is no such program.
    pub fn install(&'static self, prtip: &Path) -> Result<Installed> {
        let Some(package) = self.packages.first() else {
            ensure!(prtip.is_file(), "{} is missing: run `make build`", prtip.display());
            let program = prtip.canonicalize()?;
            return Ok(Installed { scanner: self, program, root: None, title: self.name.into() });
        };
        let root = packages::unpack(self.packages).with_context(|| self.name)?;
        let title = format!("{} {}", self.name, packages::upstream(&packages::version(package)?));
        Ok(Installed { scanner: self, program: root.join(self.program), root: Some(root), title })
    }
}

impl Installed {
    /// The whole command line.
    #[must_use]
    pub fn command(&self, scan: &Scan) -> Command {
        let mut command = Command::new(&self.program);
        if let Some(root) = &self.root {
            command.env("LD_LIBRARY_PATH", packages::libraries(root));
            command.env("NMAPDIR", root.join("usr/share/nmap"));
        }
        (self.scanner.call)(&mut command, scan);
        command
    }

    /// The pairs that it calls open.
    ///
    /// # Errors
    /// Where its output is not understood.
    pub fn read(&self, text: &str) -> Result<Vec<Found>> {
        (self.scanner.read)(text).with_context(|| format!("output of {}", self.scanner.name))
    }

    /// What `work` becomes for this scanner in terms of pairs that have a truth.
    #[must_use]
    pub fn pairs(&self, work: Work) -> Work {
        if self.scanner.one_port { work.one_port() } else { work }
    }
}

fn call_prtip(command: &mut Command, scan: &Scan) {
    let rate = match scan.pace {
        Pace::Max => "max".to_owned(),
        Pace::Rate(rate) => rate.to_string(),
    };
    command.args(["-sS", "-p", &ports(scan), &scan.work.targets(), "-e", SCAN]);
    command.args(["--rate", &rate, "--retries", "0", "--cooldown", "1", "--json"]);
    command.args(["--seed", &scan.seed.to_string()]).args(scan.flags);
}

fn call_masscan(command: &mut Command, scan: &Scan) {
    let rate = match scan.pace {
        Pace::Max => 100_000_000,
        Pace::Rate(rate) => rate,
    };
    command.args(["-p", &ports(scan), &scan.work.targets(), "-e", SCAN]);
    command.args(["--router-mac", &mac_text(ROUTER_MAC), "--rate", &rate.to_string()]);
    command.args(["--retries", "0", "--wait", "1", "--seed", &scan.seed.to_string()]);
    command.args(scan.flags).args(["-oD", "-"]);
}

/// It probes one port, so it asks that one as often as others ask ports: the same
/// packets, and less to work out. Its own lists of what not to scan hold the lab's
/// network.
fn call_zmap(command: &mut Command, scan: &Scan) {
    let rate = match scan.pace {
        Pace::Max => 0,
        // It waits once an address, however often it asks each.
        Pace::Rate(rate) => (rate / u64::from(scan.work.ports())).max(1),
    };
    command.args(["-C", "/dev/null", "-b", "/dev/null", "-q", "--disable-syslog"]);
    command.args(["-p", "1", "-P", &scan.work.ports().to_string(), "-i", SCAN]);
    command.args(["-G", &mac_text(ROUTER_MAC), "-r", &rate.to_string(), "-c", "1"]);
    command.args(["-e", &scan.seed.to_string()]).args(scan.flags);
    // One full queue would end the scan; what is not sent lowers its recall.
    command.args(["--max-sendto-failures", "1000000000"]);
    command.args(["-O", "csv", "-f", ZMAP_FIELDS, "-o", "-"]);
    command.args(["--output-filter", "success = 1 && repeat = 0", &scan.work.targets()]);
}

fn call_nmap(command: &mut Command, scan: &Scan) {
    command.args(["-sS", "-n", "-Pn", "-e", SCAN, "--max-retries", "0", "--open"]);
    command.args(["-p", &ports(scan)]).args(scan.flags);
    if let Pace::Rate(rate) = scan.pace {
        let rate = rate.to_string();
        command.args(["--min-rate", &rate, "--max-rate", &rate]);
    }
    command.args(["-oG", "-", &scan.work.targets()]);
}

fn ports(scan: &Scan) -> String {
    format!("1-{}", scan.work.ports())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_rate_is_on_every_command_line_and_so_is_the_labs_interface() {
        for scanner in OURS.iter().chain(&PEERS) {
            let program = PathBuf::from(scanner.program);
            let installed =
                Installed { scanner, program, root: None, title: scanner.name.to_owned() };
            let scan = Scan {
                work: Work::about(1 << 16),
                pace: Pace::Rate(4321),
                flags: scanner.choices[0],
                seed: 7,
            };
            let line = format!("{:?}", installed.command(&scan));
            for word in ["\"4321\"", "\"scan0\"", "\"198.18.0.0/16\""] {
                assert!(line.contains(word), "{word} in {line}");
            }
            assert!(!line.contains("eth0"), "{line}");
        }
    }
}
