//! The ledger: what was sent and what came back, each side of an equation
//! counted in another place, so that nothing can be lost unseen.

use prtip_bpf::abi::{VERDICTS, Verdict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Totals of a scan. `generated = submitted + unsent`;
/// `submitted = completed + tx_failed`; `rx_steered = rx_valid + rx_duplicate +
/// rx_invalid + rx_late + ring_drops`; `rx_valid = results + event_drops`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Ledger {
    /// Probes that the workers resolved for sending (worker).
    pub generated: u64,
    /// Of these, never given to the port (worker).
    pub unsent: u64,
    /// Probes given to the ring or socket (port).
    pub submitted: u64,
    /// Probes that the kernel reported as sent (completion ring, return value).
    pub completed: u64,
    /// Probes that the kernel refused (socket statistics, errors).
    pub tx_failed: u64,
    /// Of `tx_failed`, how often a probe was known to be refused and was sent again; each time
    /// it counts once more in `generated` and `submitted` (worker).
    pub tx_again: u64,
    /// Of `submitted`, second and later attempts, `control` and `resent` included, `tx_again`
    /// not (worker).
    pub retries: u64,
    /// Of `retries`, questions to the control sample of `--rate auto` (worker).
    pub control: u64,
    /// Of `retries`, sent again because the first probe left at a rate that lost some (worker).
    pub resent: u64,
    /// RSTs sent to end half-open connections; not part of the above.
    pub rsts: u64,
    /// Replies that the kernel filter steered to us (BPF map, socket statistics).
    pub rx_steered: u64,
    /// Replies that changed what is known (worker).
    pub rx_valid: u64,
    /// Replies that said what was known already (worker).
    pub rx_duplicate: u64,
    /// Of `rx_duplicate`, answers of the control sample (worker).
    pub rx_control: u64,
    /// Replies whose cookie, target or index is not ours (worker).
    pub rx_invalid: u64,
    /// True replies that came after the window had moved on (worker).
    pub rx_late: u64,
    /// Steered replies that found the ring full (socket statistics).
    pub ring_drops: u64,
    /// Packets that the interface dropped on reception during the scan (interface statistics).
    pub nic_drops: u64,
    /// Events that reached the sinks (sink side of the bus).
    pub results: u64,
    /// Events that the bus had to drop.
    pub event_drops: u64,
    /// ARP requests and neighbour solicitations sent; not part of the above, but of the rate.
    pub neighbour_requests: u64,
    /// Targets on the local link that have answered them; where hosts are looked for,
    /// part of `rx_valid` too.
    pub neighbour_replies: u64,
    /// Sum of the absolute differences of the four equations.
    pub unaccounted: u64,
}

/// What the steering program made of the interface's traffic (AF_XDP only).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Steering {
    /// Passed: nothing that could answer a probe.
    pub pass_other: u64,
    /// Passed: headers that do not fit into the frame.
    pub pass_malformed: u64,
    /// Passed: IP fragments.
    pub pass_fragment: u64,
    /// Passed: for our ports, but with a wrong cookie.
    pub pass_cookie: u64,
    /// Steered: SYN-ACKs.
    pub syn_ack: u64,
    /// Steered: RSTs.
    pub rst: u64,
    /// Steered: ICMP and ICMPv6 errors.
    pub icmp: u64,
    /// Steered: UDP datagrams.
    pub udp: u64,
    /// Steered: echo replies.
    pub echo: u64,
    /// Passed: true replies on a queue that has no socket.
    pub no_socket: u64,
}

impl Steering {
    /// From the counters of the program, indexed by [`Verdict`].
    #[must_use]
    pub fn of(verdicts: &[u64; VERDICTS]) -> Self {
        let count = |verdict: Verdict| verdicts[verdict as usize];
        Self {
            pass_other: count(Verdict::PassOther),
            pass_malformed: count(Verdict::PassMalformed),
            pass_fragment: count(Verdict::PassFragment),
            pass_cookie: count(Verdict::PassCookie),
            syn_ack: count(Verdict::SteerSynAck),
            rst: count(Verdict::SteerRst),
            icmp: count(Verdict::SteerIcmp),
            udp: count(Verdict::SteerUdp),
            echo: count(Verdict::SteerEcho),
            no_socket: count(Verdict::NoSocket),
        }
    }
}

impl std::ops::AddAssign for Ledger {
    fn add_assign(&mut self, other: Self) {
        self.generated += other.generated;
        self.unsent += other.unsent;
        self.submitted += other.submitted;
        self.completed += other.completed;
        self.tx_failed += other.tx_failed;
        self.tx_again += other.tx_again;
        self.retries += other.retries;
        self.control += other.control;
        self.resent += other.resent;
        self.rsts += other.rsts;
        self.rx_steered += other.rx_steered;
        self.rx_valid += other.rx_valid;
        self.rx_duplicate += other.rx_duplicate;
        self.rx_control += other.rx_control;
        self.rx_invalid += other.rx_invalid;
        self.rx_late += other.rx_late;
        self.ring_drops += other.ring_drops;
        self.nic_drops += other.nic_drops;
        self.results += other.results;
        self.event_drops += other.event_drops;
        self.neighbour_requests += other.neighbour_requests;
        self.neighbour_replies += other.neighbour_replies;
        self.unaccounted += other.unaccounted;
    }
}

impl std::ops::AddAssign for Steering {
    fn add_assign(&mut self, other: Self) {
        self.pass_other += other.pass_other;
        self.pass_malformed += other.pass_malformed;
        self.pass_fragment += other.pass_fragment;
        self.pass_cookie += other.pass_cookie;
        self.syn_ack += other.syn_ack;
        self.rst += other.rst;
        self.icmp += other.icmp;
        self.udp += other.udp;
        self.echo += other.echo;
        self.no_socket += other.no_socket;
    }
}

impl Ledger {
    /// The four equations' absolute differences, summed.
    #[must_use]
    pub fn imbalance(&self) -> u64 {
        self.generated.abs_diff(self.submitted + self.unsent)
            + self.submitted.abs_diff(self.completed + self.tx_failed)
            + self.rx_steered.abs_diff(
                self.rx_valid
                    + self.rx_duplicate
                    + self.rx_invalid
                    + self.rx_late
                    + self.ring_drops,
            )
            + self.rx_valid.abs_diff(self.results + self.event_drops)
    }
}
